"""What the accounts of a block buy: engagements, subscriptions and orders, priced line by line.

Days count from the first day of the window, which is day 0. Accounts are positions in their block.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

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
DECLINE, DECLINE_DAYS, YEAR = 0.8, 300, 365  # share lost, days it takes, days before the end when it begins
TYPICAL = {SERVICES: 36_000.0, SOFTWARE: 14_000.0, OFFICE: 620.0}  # list value: engagement, year of a product, line
SPREAD = {SERVICES: 0.6, SOFTWARE: 0.6, OFFICE: 0.6}  # sd of its logarithm within an account
GAP_SPREAD = 0.3  # sd of the logarithm of the gap between two orders of an account
MONTHLY = 0.6  # share of subscriptions billed by the month
GROWTH = 0.04  # seats added at each yearly renewal
WITH_DELIVERY = 0.05  # share of office-supply orders that carry a delivery charge
COST_NOISE = 0.01  # sd of a line's cost around its product's, as a share
RETURN_DAYS = 30  # longest time to a return


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


def lines(seeds: list[np.random.SeedSequence], buyers: pd.DataFrame, window: Window) -> pd.DataFrame:
    """All lines the buyers book in the window, returns excepted, in no special order.

    Parameters
    ----------
    seeds : one for each of services, software, office supplies and prices.
    buyers : DataFrame, one row per account
        ``starts``, ``stops`` in days (missing = never); ``scale`` a factor on values; ``discount_rate`` and
        ``margin_factor``; ``declining``; one bool column and one column ``<line> rhythm`` (days) for each line.

    Returns
    -------
    DataFrame, one row per line
        ``account`` (position), ``day``, ``product`` (position), ``quantity``, ``kind``, ``months`` paid for (0 = no
        period), and ``revenue``, ``cogs``, ``discount`` in the reporting currency.
    """
    services, software, office, prices = (np.random.default_rng(seed) for seed in seeds)
    calendar = window.calendar()
    parts = [
        _engagements(services, buyers, calendar),
        _subscriptions(software, buyers, window),
        _office_orders(office, buyers, calendar),
    ]
    return _priced(prices, pd.concat(parts, ignore_index=True), buyers)


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


def _orders(
    rng: np.random.Generator, buyers: pd.DataFrame, line: str, calendar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Who orders on which day: each buyer in its own rhythm of business time, from its start until its stop."""
    who = np.flatnonzero(buyers[line])
    rhythm, starts = buyers[f"{line} rhythm"].to_numpy()[who], buyers["starts"].to_numpy()[who]
    count = int(1.6 * len(calendar) / rhythm.min(initial=len(calendar))) + 12
    begun = np.concatenate([[0.0], calendar])[np.clip(starts, 0, len(calendar) - 1).astype(int)]
    first = np.where(starts < 0, rng.random(len(who)) * rhythm, begun)
    gaps = rhythm[:, None] * np.exp(GAP_SPREAD * rng.standard_normal((len(who), count)))
    times = first[:, None] + (np.cumsum(gaps, axis=1) - gaps)
    row, column = np.nonzero(times < calendar[-1])
    account, day = who[row], np.searchsorted(calendar, times[row, column], side="right")
    keep = rng.random(len(day)) < _business_left(buyers, account, day, len(calendar))
    return account[keep], day[keep]


def _business_left(buyers: pd.DataFrame, account: np.ndarray, day: np.ndarray, days: int) -> np.ndarray:
    """Share of an account's business that we still have on a day: 1, less where it declines, 0 once it stopped."""
    gone = DECLINE * np.clip((day - (days - YEAR)) / DECLINE_DAYS, 0, 1)
    stops = buyers["stops"].to_numpy()[account]
    return np.where(day >= stops, 0.0, 1.0 - gone * buyers["declining"].to_numpy()[account])


def _sold(line: str, account: np.ndarray, day: np.ndarray, rank: np.ndarray, kind: str | np.ndarray) -> pd.DataFrame:
    """Lines without quantity or price; `rank` names the product, counted within the line."""
    of_line = np.flatnonzero((PRODUCTS["product_line"] == line) & (PRODUCTS["name"] != DELIVERY))
    product = of_line[rank % len(of_line)]
    return pd.DataFrame({"account": account, "day": day, "product": product, "kind": kind, "months": 0, "line": line})


def _quantity(noise: np.ndarray, sold: pd.DataFrame, buyers: pd.DataFrame, line: str) -> np.ndarray:
    """Units that come to the line's typical value at list price, times the account's scale."""
    value = TYPICAL[line] * np.exp(SPREAD[line] * noise) * buyers["scale"].to_numpy()[sold["account"]]
    return np.maximum(1.0, np.round(value / PRODUCTS["list_price"].to_numpy()[sold["product"]]))


def _engagements(rng: np.random.Generator, buyers: pd.DataFrame, calendar: np.ndarray) -> pd.DataFrame:
    """Few and large: one line per engagement."""
    account, day = _orders(rng, buyers, SERVICES, calendar)
    sold = _sold(SERVICES, account, day, (rng.random(len(day)) * 5).astype(int), "purchase")
    return sold.assign(quantity=_quantity(rng.standard_normal(len(sold)), sold, buyers, SERVICES))


def _office_orders(rng: np.random.Generator, buyers: pd.DataFrame, calendar: np.ndarray) -> pd.DataFrame:
    """Small and often: one to five different products in an order, the account's favourites first."""
    account, day = _orders(rng, buyers, OFFICE, calendar)
    favourite = (rng.random(len(buyers)) * 10).astype(int)
    extra = np.minimum(4, (-1.1 * np.log1p(-rng.random(len(day)))).astype(int))
    first = favourite[account] + (10 * rng.random(len(day)) ** 2).astype(int)
    order = np.repeat(np.arange(len(day)), 1 + extra)
    nth = np.arange(len(order)) - np.searchsorted(order, order)
    sold = _sold(OFFICE, account[order], day[order], first[order] + nth, "purchase")
    sold = sold.assign(quantity=_quantity(rng.standard_normal(len(sold)), sold, buyers, OFFICE))
    charged = rng.random(len(day)) < WITH_DELIVERY
    delivery = _sold(OFFICE, account[charged], day[charged], first[charged], "service").assign(quantity=1.0)
    delivery["product"] = int(np.flatnonzero(PRODUCTS["name"] == DELIVERY)[0])
    return pd.concat([sold, delivery], ignore_index=True)


def _subscriptions(rng: np.random.Generator, buyers: pd.DataFrame, window: Window) -> pd.DataFrame:
    """One to three products billed by the month or the year: "subscription" in their first year, then "renewal"."""
    who = np.flatnonzero(buyers[SOFTWARE])
    account = np.repeat(who, 1 + (rng.random(len(who)) ** 2 * 3).astype(int))
    favourite = (rng.random(len(buyers)) * 8).astype(int)[account]
    rank = favourite + np.arange(len(account)) - np.searchsorted(account, account)
    seats = _sold(SOFTWARE, account, np.zeros(len(account), dtype=int), rank, "subscription")
    seats["quantity"] = _quantity(rng.standard_normal(len(seats)), seats, buyers, SOFTWARE)
    seats["months"] = np.where(buyers[f"{SOFTWARE} rhythm"].to_numpy()[account] < YEAR, 1, 12)
    begun = window.dates(buyers["starts"].to_numpy()[account])
    first = min(0, int(buyers["starts"].min()))
    bills = (window.days - first) // 28 + 2
    row, bill = np.divmod(np.arange(len(seats) * bills), bills)
    after = bill * seats["months"].to_numpy()[row]
    day = (add_months(begun[row], after) - window.start).astype(int)
    billed = seats.iloc[row].assign(day=day, kind=np.where(after < 12, "subscription", "renewal"))
    left = _business_left(buyers, account[row], day, window.days)
    billed["quantity"] = np.maximum(1.0, np.round(billed["quantity"] * (1 + GROWTH) ** (after // 12) * left))
    return billed[(day >= 0) & (day < window.days) & (left > 0)]


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
