"""What the accounts of a block buy: engagements, subscriptions and orders, priced line by line.

Days count from the first day of the window, which is day 0. Accounts are positions in their block.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.market.chance import Chance

SERVICES, SOFTWARE, OFFICE = LINES = ("advisory services", "business software", "office supplies")
DELIVERY = "Delivery charge"
PRODUCTS = pd.DataFrame(
    [
        ("Operating model review, week", SERVICES, 14_500.0, 0.38),
        ("Shared service design, week", SERVICES, 16_000.0, 0.36),
        ("Merger integration, week", SERVICES, 21_000.0, 0.42),
        ("Purchasing audit, week", SERVICES, 11_000.0, 0.33),
        ("Interim management, month", SERVICES, 24_000.0, 0.24),
        ("Ledger, seat and year", SOFTWARE, 540.0, 0.78),
        ("Payroll, seat and year", SOFTWARE, 260.0, 0.74),
        ("Purchasing, seat and year", SOFTWARE, 420.0, 0.76),
        ("Planning, seat and year", SOFTWARE, 960.0, 0.80),
        ("Documents, seat and year", SOFTWARE, 150.0, 0.70),
        ("Service desk, seat and year", SOFTWARE, 330.0, 0.72),
        ("Field service, seat and year", SOFTWARE, 480.0, 0.71),
        ("Analytics, seat and year", SOFTWARE, 720.0, 0.79),
        ("Copy paper, pallet", OFFICE, 690.0, 0.14),
        ("Toner, box", OFFICE, 118.0, 0.27),
        ("Envelopes, carton", OFFICE, 42.5, 0.31),
        ("Folders, carton", OFFICE, 36.9, 0.34),
        ("Pens, box", OFFICE, 18.4, 0.41),
        ("Labels, roll pack", OFFICE, 24.9, 0.38),
        ("Cleaning set", OFFICE, 31.5, 0.29),
        ("Coffee, case", OFFICE, 74.0, 0.22),
        ("Desk lamp", OFFICE, 56.0, 0.36),
        ("Task chair", OFFICE, 289.0, 0.32),
        (DELIVERY, OFFICE, 14.9, 0.05),
    ],
    columns=["name", "product_line", "list_price", "gross_margin_rate"],
).assign(product_id=[f"P{n:02d}" for n in range(1, 25)], lifecycle="mature")

SEASON = (0.95, 0.95, 1.05, 0.95, 1.00, 1.05, 0.90, 0.65, 1.05, 1.15, 1.25, 1.20)  # January to December
QUARTER_END, LAST_DAYS = 1.6, 8  # weight of the last days of a quarter, and how many they are
RISE = 1.04  # value of a software term, as a multiple of the one before
DECLINE, DECLINE_DAYS, YEAR = 0.8, 300, 365  # share of the business that goes where it falls, and days it takes
LINE_VALUE, LINE_SPREAD = 2_200.0, 0.6  # typical list value of a line of office supplies, sd of its logarithm
GAP_SPREAD = 0.3  # sd of the logarithm of the gap between two orders of an account
BILL, MOST_BILLS = 150_000.0, 8  # an engagement is billed in parts of about so much, and in how many at most
CALL_OFFS = 6  # orders in which a deal for office supplies is called off
MONTH = 30.4  # days
WITH_DELIVERY = 0.05  # share of office-supply orders that carry a delivery charge
COST_NOISE = 0.01  # sd of a line's cost around its product's, as a share
RETURN_DAYS = 30  # longest time to a return
PROMOTED = 0.25  # share of the lines bought on an offer while it lasts


@dataclass(frozen=True)
class Window:
    """The days simulated: `days` of them, the first on `start`."""

    start: np.datetime64
    days: int

    def dates(self, day: np.ndarray) -> np.ndarray:
        """Turn day numbers into dates; a missing number into NaT."""
        known = np.isfinite(day)
        dates = self.start + np.where(known, day, 0).astype("timedelta64[D]")
        return np.where(known, dates, np.datetime64("NaT", "D"))

    def calendar(self) -> np.ndarray:
        """How much business time has passed by the end of each day; none on weekends, `days` at the last."""
        day = self.start + np.arange(self.days)
        month = day.astype("datetime64[M]").astype(int) % 12
        left = ((day.astype("datetime64[M]") + 1).astype("datetime64[D]") - day).astype(int)
        weight = np.array(SEASON)[month] * np.is_busday(day)
        weight = weight * np.where((month % 3 == 2) & (left <= LAST_DAYS), QUARTER_END, 1.0)
        return np.cumsum(weight) * self.days / max(weight.sum(), 1e-9)


def lines(
    chance: Chance,
    buyers: pd.DataFrame,
    held: pd.DataFrame,
    won: pd.DataFrame,
    left: Callable[[np.ndarray, np.ndarray], np.ndarray],
    window: Window,
) -> pd.DataFrame:
    """All lines the accounts book in the window, returns excepted, in no special order.

    Engagements are the won deals for services, billed in parts; software is billed by month or year from the first day of
    business on, with what further deals add; office supplies are ordered in each account's rhythm, and called off where
    a deal was won.

    Parameters
    ----------
    buyers : ``order scale``, ``discount_rate``, ``margin_factor``, ``rhythm``, ``months``.
    held : of `deals.deals`.
    won : DataFrame, one row per won deal, renewals aside
        ``account``, ``line`` (position), ``type``, ``day`` (it closed), ``amount``, ``term_months``, ``lot`` (0 to 1).
    left : gives the share of the business of accounts left on days.

    Returns
    -------
    DataFrame, one row per line
        ``account`` (position), ``day``, ``product`` (position), ``quantity``, ``kind``, ``months`` paid for (0 = no
        period), and ``revenue``, ``cogs``, ``discount`` in the reporting currency.
    """
    of = {name: won[won["line"] == k] for k, name in enumerate(LINES)}
    further = {name: rows[rows["type"] == "expansion"] for name, rows in of.items()}
    parts = [
        _engagements(of[SERVICES], buyers),
        _subscriptions(chance.of("software"), buyers, held, further[SOFTWARE], left, window),
        _office_orders(chance.of("office"), buyers, held, left, window),
        _called_off(further[OFFICE], buyers),
    ]
    sold = pd.concat(parts, ignore_index=True)
    return _priced(chance.of("prices"), sold[sold["day"].between(0, window.days - 1)], buyers)


def returned(chance: np.ndarray, sold: pd.DataFrame, share: float, days: int) -> pd.DataFrame:
    """The returns of `share` of the office-supply purchases, whole or in part, as lines of their own.

    A return that would come after the window is not in it.

    Parameters
    ----------
    chance : array of float, shape (3, len(sold)), each from 0 to 1; decides if, when and how much.
    """
    office = (PRODUCTS["product_line"].to_numpy()[sold["product"]] == OFFICE) & (sold["kind"] == "purchase").to_numpy()
    day = sold["day"].to_numpy() + 1 + (chance[1] * RETURN_DAYS).astype(int)
    back = office & (chance[0] < share) & (day < days)
    out = sold.assign(day=day, kind="return", quantity=-np.ceil(chance[2] * sold["quantity"]))
    part = -out["quantity"] / sold["quantity"]
    for money in ("revenue", "cogs", "discount"):
        out[money] = -np.round(sold[money] * part, 2) + 0.0
    return out[back]


def promotions(window: Window) -> list[tuple[str, str, float, int, int]]:
    """The special offers of the window: id, kind, value, first and last day."""
    first, second = int(0.4 * window.days), int(0.7 * window.days)
    return [("PR1", "share_off", 0.05, first, first + 45), ("PR2", "amount_off", 50.0, second, second + 45)]


def promoted(chance: np.ndarray, sold: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Mark the office supplies bought on a special offer; nothing follows from it yet."""
    offer = np.full(len(sold), None, dtype=object)
    office = ((sold["line"] == OFFICE) & (sold["kind"] == "purchase")).to_numpy() & (chance < PROMOTED)
    for ident, _, _, first, last in promotions(window):
        offer[office & sold["day"].between(first, last).to_numpy()] = ident
    return sold.assign(promotion_id=offer)


def _orders(
    rng: np.random.Generator,
    rhythm: np.ndarray,
    start: np.ndarray,
    left: Callable[[np.ndarray, np.ndarray], np.ndarray],
    calendar: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Who orders on which day: each account in its own rhythm of business time, from its start on."""
    who = np.flatnonzero(start < len(calendar))
    rhythm, starts = rhythm[who], start[who]
    count = int(1.6 * len(calendar) / rhythm.min(initial=len(calendar))) + 12
    begun = np.concatenate([[0.0], calendar])[np.clip(starts, 0, len(calendar) - 1).astype(int)]
    first = np.where(starts < 0, rng.random(len(who)) * rhythm, begun)
    gaps = rhythm[:, None] * np.exp(GAP_SPREAD * rng.standard_normal((len(who), count)))
    times = first[:, None] + (np.cumsum(gaps, axis=1) - gaps)
    row, column = np.nonzero(times < calendar[-1])
    account, day = who[row], np.searchsorted(calendar, times[row, column], side="right")
    keep = rng.random(len(day)) < left(account, day)
    return account[keep], day[keep]


def _sold(line: str, account: np.ndarray, day: np.ndarray, rank: np.ndarray, kind: str | np.ndarray) -> pd.DataFrame:
    """Lines without quantity or price; `rank` names the product, counted within the line."""
    of_line = np.flatnonzero((PRODUCTS["product_line"] == line) & (PRODUCTS["name"] != DELIVERY))
    product = of_line[rank % len(of_line)]
    return pd.DataFrame({"account": account, "day": day, "product": product, "kind": kind, "months": 0, "line": line})


def _units(value: np.ndarray, sold: pd.DataFrame) -> np.ndarray:
    """Whole units that come to a value at list price; one at least."""
    return np.maximum(1.0, np.round(value / PRODUCTS["list_price"].to_numpy()[sold["product"]]))


def _listed(amount: np.ndarray, account: np.ndarray, buyers: pd.DataFrame) -> np.ndarray:
    """List value of what an account pays an amount for."""
    return amount / (1 - buyers["discount_rate"].to_numpy()[account])


def _engagements(won: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Few and large: each deal is billed in parts, month by month from half a month after it was won."""
    count = np.clip(np.round(won["amount"].to_numpy() / BILL), 1, MOST_BILLS).astype(int)
    rows = won.iloc[np.repeat(np.arange(len(won)), count)]
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    day = np.floor(rows["day"].to_numpy() + MONTH * (nth + 0.5)).astype(int)
    account = rows["account"].to_numpy()
    sold = _sold(SERVICES, account, day, (rows["lot"].to_numpy() * 5).astype(int), "purchase")
    value = _listed(rows["amount"].to_numpy() / np.repeat(count, count), account, buyers)
    price = PRODUCTS["list_price"].to_numpy()[sold["product"]]
    return sold.assign(quantity=np.maximum(0.1, np.round(value / price, 1)))


def _office_orders(
    rng: np.random.Generator,
    buyers: pd.DataFrame,
    held: pd.DataFrame,
    left: Callable[[np.ndarray, np.ndarray], np.ndarray],
    window: Window,
) -> pd.DataFrame:
    """Small and often: one to five different products in an order, the account's favourites first."""
    start = held["from 2"].fillna(window.days).to_numpy()
    account, day = _orders(rng, buyers["rhythm"].to_numpy(), start, left, window.calendar())
    favourite = (rng.random(len(buyers)) * 10).astype(int)
    extra = np.minimum(4, (-1.1 * np.log1p(-rng.random(len(day)))).astype(int))
    first = favourite[account] + (10 * rng.random(len(day)) ** 2).astype(int)
    order = np.repeat(np.arange(len(day)), 1 + extra)
    nth = np.arange(len(order)) - np.searchsorted(order, order)
    sold = _sold(OFFICE, account[order], day[order], first[order] + nth, "purchase")
    value = LINE_VALUE * np.exp(LINE_SPREAD * rng.standard_normal(len(sold)))
    sold = sold.assign(quantity=_units(value * buyers["order scale"].to_numpy()[sold["account"]], sold))
    charged = rng.random(len(day)) < WITH_DELIVERY
    delivery = _sold(OFFICE, account[charged], day[charged], first[charged], "service").assign(quantity=1.0)
    delivery["product"] = int(np.flatnonzero(PRODUCTS["name"] == DELIVERY)[0])
    found = pd.concat([sold, delivery], ignore_index=True)
    return found[found["day"] < held["until 2"].to_numpy()[found["account"]]]


def _called_off(won: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """What a deal for more office supplies brings, month by month."""
    rows = won.iloc[np.repeat(np.arange(len(won)), CALL_OFFS)]
    nth = np.tile(np.arange(CALL_OFFS), len(won))
    lot, account = rows["lot"].to_numpy(), rows["account"].to_numpy()
    day = np.floor(rows["day"].to_numpy() + MONTH * (nth + 0.2 + 0.4 * lot)).astype(int)
    sold = _sold(OFFICE, account, day, (lot * 10).astype(int), "purchase")
    return sold.assign(quantity=_units(_listed(rows["amount"].to_numpy() / CALL_OFFS, account, buyers), sold))


def _subscriptions(
    rng: np.random.Generator,
    buyers: pd.DataFrame,
    held: pd.DataFrame,
    won: pd.DataFrame,
    left: Callable[[np.ndarray, np.ndarray], np.ndarray],
    window: Window,
) -> pd.DataFrame:
    """One to three products billed by the month or the year: "subscription" in their first year, then "renewal"."""
    spread, favourite = rng.random((2, len(buyers)))
    who = np.flatnonzero(held["from 1"].notna())
    count = 1 + (spread[who] ** 2 * 3).astype(int)
    base = np.repeat(who, count)
    rank = (favourite[base] * 8).astype(int) + np.arange(len(base)) - np.searchsorted(base, base)
    share = 1 / np.repeat(count, count)
    of_deal = won["account"].to_numpy()
    account = np.concatenate([base, of_deal])
    start = np.concatenate([held["from 1"].to_numpy()[base], won["day"].to_numpy() + 3])
    yearly = np.concatenate(
        [held["yearly"].to_numpy()[base] * share, (won["amount"] / won["term_months"] * 12).to_numpy()]
    )
    seats = _sold(
        SOFTWARE,
        account,
        np.zeros(len(account), dtype=int),
        np.concatenate([rank, (favourite[of_deal] * 8).astype(int)]),
        "subscription",
    )
    seats = seats.assign(
        months=buyers["months"].to_numpy()[account], quantity=_units(_listed(yearly, account, buyers), seats)
    )
    begun = window.dates(start)
    first = min(0, int(start.min(initial=0)))
    bills = (window.days - first) // 28 + 2
    row, bill = np.divmod(np.arange(len(seats) * bills), bills)
    after = bill * seats["months"].to_numpy()[row]
    soon = after * 28 < window.days - start[row] + 60
    row, after = row[soon], after[soon]
    day = (add_months(begun[row], after) - window.start).astype(int)
    here = (day >= 0) & (day < window.days) & (day < held["until 1"].to_numpy()[account[row]])
    row, after, day = row[here], after[here], day[here]
    billed = seats.iloc[row].assign(day=day, kind=np.where(after < 12, "subscription", "renewal"))
    terms = after // held["term"].to_numpy()[account[row]]
    rolling = ~held["contract"].to_numpy()[account[row]]  # who has a contract pays for all of it
    part = np.where(rolling, left(account[row], day), 1.0)
    return billed.assign(quantity=np.maximum(1.0, np.round(billed["quantity"] * RISE**terms * part)))


def add_months(dates: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The same day of the month, so many months on; the month's last day where it has no such day.

    Examples
    --------
    >>> add_months(np.array(["2024-01-31", "2024-03-15"], dtype="datetime64[D]"), np.array([1, 12])).astype(str).tolist()
    ['2024-02-29', '2025-03-15']
    """
    month = dates.astype("datetime64[M]")
    target = month + months
    last = (target + 1).astype("datetime64[D]") - 1
    return np.minimum(target.astype("datetime64[D]") + (dates - month.astype("datetime64[D]")), last)


def _priced(rng: np.random.Generator, sold: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Add revenue, cogs and discount; a month of a subscription costs a twelfth of its year."""
    product, account = sold["product"].to_numpy(), sold["account"].to_numpy()
    part = np.where(sold["months"] == 1, 1 / 12, 1.0)
    listed = np.round(sold["quantity"] * PRODUCTS["list_price"].to_numpy()[product] * part, 2)
    off = np.where(sold["kind"] == "service", 0.0, buyers["discount_rate"].to_numpy()[account])
    revenue = np.round(listed * (1 - off), 2)
    margin = PRODUCTS["gross_margin_rate"].to_numpy()[product] * buyers["margin_factor"].to_numpy()[account]
    cogs = revenue * (1 - margin) * (1 + COST_NOISE * rng.standard_normal(len(sold)))
    return sold.assign(revenue=revenue, cogs=np.round(cogs, 2), discount=np.round(listed - revenue, 2))
