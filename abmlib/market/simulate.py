"""A synthetic market with known truth: a vendor of advisory services, business software and office supplies."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from abmlib.market import clock, deals, people, programme, sales, tabled, touches
from abmlib.market.companies import MOST, companies
from abmlib.tables import schema

BLOCK = 500  # accounts drawn together
BIG = 16  # position of the largest customer in the first block
BIG_SCALE, MOST_SCALE = 7.0, 6.0  # factor on every value: its own, and the most of any other
BIG_PACE = 2.5  # orders it places where a typical account places one
BEFORE = 900  # days before the window in which an account may have begun
PROSPECTS = 0.10  # share of accounts that never buy
LIFETIME = 2600.0  # mean days from the window's start or the account's own to its stop
LEAD_DAYS = 80.0  # mean days from an account's record to its first purchase
TWO_YEARS = 730  # days of business before an account can be said to decline
MAIN = {sales.SERVICES: 0.20, sales.SOFTWARE: 0.30, sales.OFFICE: 0.50}  # share of accounts by main line
ALSO = {sales.SERVICES: 0.04, sales.SOFTWARE: 0.15, sales.OFFICE: 0.20}  # share of the others that buy the line as well
RHYTHM = {sales.SERVICES: (150.0, 0.35), sales.OFFICE: (18.0, 0.5)}  # typical days from order to order, sd of its log
TOPICS = 14  # streams of chance in a block; a new one goes last, so that it moves no other


@dataclass(frozen=True)
class Switches:
    """What is planted in the market, each with a size from 0 (off) to 1."""

    big_without_margin: float = 1.0  # share of its margin the largest customer has bargained away, nearly
    declining_share: float = 0.10  # share of accounts whose business goes elsewhere in the last year
    returns: float = 0.03  # share of office-supply lines returned
    missing_cost: float = 0.0  # share of lines with unknown cogs
    stalled: float = 0.06  # share of deals that stall in a stage, first wins and renewals aside
    too_fast: float = 0.04  # share of deals that run ahead of the buyers, first wins and renewals aside
    seller_spread: float = 0.15  # chance of the best seller less that of the worst where the chance is one in two


PLANTED = Switches()


@dataclass(frozen=True)
class Market:
    """Canonical tables, to spec, and the truth behind them, for tests and teaching only."""

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]


def simulate(
    seed: int, n_accounts: int, months: int, *, end: str = "2026-06-30", switches: Switches = PLANTED
) -> Market:
    """Simulate a whole market: the blocks of `blocks`, one below the other.

    Accounts come in order of their id, lines in order of account and day, all else in order of account.

    Parameters
    ----------
    seed : same seed, same market.
    n_accounts : accounts, prospects included; >= 1. A larger market holds the smaller one's accounts unchanged.
    months : length of the window; >= 1.
    end : ISO date; the last day of the window.
    switches : what is planted.

    Returns
    -------
    Market
        ``tables``: accounts, products, transactions, contacts, opportunities, opportunity_stage_history,
        opportunity_contacts, activities, targets (of the whole market: blocks have none).

        ``truth["accounts"]``: account_id, product_line (its main one), size (latent, 0 is typical), rhythm_days (from
        order to order or bill to bill in its main line), starts and stops of its business (dates; missing = never),
        declining, margin_rate (share; at its main line's average product). A `starts` may lie before the window.

        ``truth["opportunities"]``: opportunity_id, account_id (also where the deal lacks it), product_line,
        win_probability (true, at creation, with all that is planted), cycle_scale (typical days to a win), stalled,
        too_fast, pushes (how often its closing day was moved within the window).

        ``truth["stages"]``: `deals.stage_truth`.

    Raises
    ------
    ValueError
        If `n_accounts` or `months` is below 1, there are not so many names, or a switch is not from 0 to 1.
    """
    parts = list(blocks(seed, n_accounts, months, end=end, switches=switches))
    tables = {name: pd.concat([p.tables[name] for p in parts], ignore_index=True) for name in parts[0].tables}
    tables["products"] = parts[0].tables["products"]
    truth = {name: pd.concat([p.truth[name] for p in parts], ignore_index=True) for name in parts[0].truth}
    truth["stages"] = deals.stage_truth(truth["opportunities"])
    tables["targets"] = programme.targets(tables["opportunities"], end)
    return Market(tables, truth)


def blocks(
    seed: int, n_accounts: int, months: int, *, end: str = "2026-06-30", switches: Switches = PLANTED
) -> Iterator[Market]:
    """Simulate the market of `simulate` in blocks of accounts, so that memory does not grow with it.

    Each block has its own accounts and what belongs to them; all have the same products. Parameters and errors as
    `simulate`.
    """
    _check(n_accounts, months, switches)
    after = pd.Timestamp(end) + pd.Timedelta(days=1)
    start = after - pd.DateOffset(months=months)
    window = sales.Window(np.datetime64(start.date()), (after - start).days)
    return (
        _block(seed, block, min(BLOCK, n_accounts - block * BLOCK), window, switches)
        for block in range(-(-n_accounts // BLOCK))
    )


def _check(n_accounts: int, months: int, switches: Switches) -> None:
    """Refuse sizes that make no market."""
    if not 1 <= n_accounts <= MOST:
        raise ValueError(f"n_accounts must be from 1 to {MOST}, got {n_accounts}. Ask for a market of that size.")
    if months < 1:
        raise ValueError(f"months must be 1 or more, got {months}. Ask for at least one month.")
    wrong = {f.name: getattr(switches, f.name) for f in fields(switches) if not 0 <= getattr(switches, f.name) <= 1}
    if wrong:
        raise ValueError(f"switches must be from 0 to 1, got {wrong}. Use 0 to turn one off.")


def _block(seed: int, block: int, count: int, window: sales.Window, switches: Switches) -> Market:
    """Draw a full block and keep its first `count` accounts, so that an account never depends on how many follow."""
    topics = np.random.SeedSequence(seed, spawn_key=(block,)).spawn(TOPICS)
    who, how, services, software, office, prices, after, *newer = topics
    buyers = _buyers(np.random.default_rng(how), block, window, switches)
    shift = np.random.default_rng(np.random.SeedSequence(seed)).random()
    firms = companies(np.random.default_rng(who), block * BLOCK, buyers["size"].to_numpy(), shift)
    sold = sales.lines([services, software, office, prices], buyers, window)
    sold = _after_sale(np.random.default_rng(after), sold, window, switches)
    dealt, dealt_truth = _dealings(newer, firms, buyers, count, window, switches)
    buyers, firms, sold = buyers[:count], firms[:count], sold[sold["account"] < count]
    tables = {
        "accounts": _accounts(firms, buyers, sold, window),
        "products": schema.conform("products", sales.PRODUCTS),
        "transactions": _transactions(firms["account_id"].to_numpy(), sold, window),
    }
    truth = {"accounts": _truth(firms, buyers, window), "opportunities": dealt_truth}
    return Market(tables | dealt, truth | {"stages": deals.stage_truth(dealt_truth)})


def _dealings(
    topics: list[np.random.SeedSequence],
    firms: pd.DataFrame,
    buyers: pd.DataFrame,
    count: int,
    window: sales.Window,
    switches: Switches,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The tables of people, deals and touches of the first `count` accounts of a full block, and the truth of deals."""
    when, how, worth, crm, staff, touch_when, touch_what = topics
    seller = firms["owner_id"].str[1:].astype(int).to_numpy() - 1
    planted = {f.name: getattr(switches, f.name) for f in fields(switches)}
    end, known = clock.length(window), clock.working(window, buyers["created"].to_numpy()) + 1
    found = deals.deals([when, how, worth], buyers, seller, window, LIFETIME, planted)
    noted = deals.history(np.random.default_rng(crm), found, window)
    rng = np.random.default_rng(staff)
    persons = people.people(rng, buyers, known, end)
    parts = people.parts_in_deals(rng, found, persons, end)
    seen = touches.touches([touch_when, touch_what], buyers, found, persons, parts, window)

    account_id = firms["account_id"]
    deal_id, person_id, touch_id = (
        tabled.ids(letter, account_id, table["account"], digits)
        for letter, table, digits in (("O", found, 2), ("C", persons, 2), ("V", seen, 4))
    )
    within = (found["account"] < count).to_numpy()
    noted, parts = noted[within[noted["deal"]]], parts[within[parts["deal"]]]
    persons, seen = persons[persons["account"] < count], seen[seen["account"] < count]
    history = tabled.stage_history(noted, deal_id, window)
    tables = {
        "contacts": tabled.contacts(persons, person_id, firms, window),
        "opportunities": tabled.opportunities(found[within], noted, history, deal_id, account_id, window),
        "opportunity_stage_history": history,
        "opportunity_contacts": tabled.opportunity_contacts(parts, deal_id, person_id, window),
        "activities": tabled.activities(seen, touch_id, account_id, deal_id, person_id, window),
    }
    return tables, tabled.deal_truth(found[within], noted, deal_id, account_id)


def _buyers(rng: np.random.Generator, block: int, window: sales.Window, switches: Switches) -> pd.DataFrame:
    """Draw how each account of a full block buys; see `sales.lines` for the columns."""
    size = np.clip(rng.standard_normal(BLOCK), -2.5, 2.5)
    scale = np.minimum(np.exp(0.7 * size + 0.4 * rng.standard_normal(BLOCK)), MOST_SCALE)
    buyers = pd.DataFrame({"size": size, "scale": scale}).assign(
        discount_rate=np.clip(np.round(0.04 + 0.03 * size + 0.03 * rng.standard_normal(BLOCK), 2), 0, 0.2),
        margin_factor=np.clip(np.exp(0.1 * rng.standard_normal(BLOCK)), 0.7, 1.2),
        prospect=rng.random(BLOCK) < PROSPECTS,
        starts=np.floor(rng.random(BLOCK) * (BEFORE + 0.92 * window.days)) - BEFORE,
        created=np.floor(5 - LEAD_DAYS * np.log1p(-rng.random(BLOCK))),
        created_second=np.floor(8 * 3600 + rng.random(BLOCK) * 9 * 3600),
    )
    buyers["created"] = buyers["starts"] - np.where(buyers["prospect"], 0, buyers["created"])
    stops = np.ceil(np.maximum(buyers["starts"], 0) + 60 - LIFETIME * np.log1p(-rng.random(BLOCK)))
    buyers["stops"] = np.where(stops < window.days, stops, np.nan)
    buyers = _bought_lines(rng, buyers)
    chance = rng.random(BLOCK)
    if block == 0:
        buyers = _with_big(buyers, switches.big_without_margin)
    buyers["declining"] = _declining(chance, buyers, window, switches.declining_share)
    return buyers


def _bought_lines(rng: np.random.Generator, buyers: pd.DataFrame) -> pd.DataFrame:
    """Add each account's main line, the other lines it buys, and its rhythm in each."""
    main = np.searchsorted(np.cumsum(list(MAIN.values()))[:-1], rng.random(BLOCK), side="right")
    out = buyers.assign(product_line=np.array(sales.LINES)[main])
    for line in sales.LINES:
        out[line] = ((out["product_line"] == line) | (rng.random(BLOCK) < ALSO[line])) & ~out["prospect"]
    for line, (typical, spread) in RHYTHM.items():
        noise = spread * np.clip(rng.standard_normal(BLOCK), -2.5, 2.5)
        out[f"{line} rhythm"] = np.round(typical * np.exp(noise - 0.15 * out["size"]), 1)
    monthly = rng.random(BLOCK) < sales.MONTHLY
    return out.assign(**{f"{sales.SOFTWARE} rhythm": np.where(monthly, sales.YEAR / 12, float(sales.YEAR)).round(1)})


def _with_big(buyers: pd.DataFrame, without_margin: float) -> pd.DataFrame:
    """Make one account the largest customer, of all lines and the whole window, at next to no margin."""
    out = buyers.copy()
    planted: dict[str, Any] = {
        "size": 3.0, "scale": BIG_SCALE, "starts": -800.0, "created": -860.0, "stops": np.nan, "prospect": False,
        "product_line": sales.SERVICES, "margin_factor": 1 - 0.98 * without_margin,
    }  # fmt: skip
    planted |= {f"{line} rhythm": typical / BIG_PACE for line, (typical, _) in RHYTHM.items()}
    planted |= dict.fromkeys(sales.LINES, True)
    for column, value in planted.items():
        out.loc[BIG, column] = value
    return out


def _declining(chance: np.ndarray, buyers: pd.DataFrame, window: sales.Window, share: float) -> np.ndarray:
    """Choose `share` of all accounts to decline, among those with two years of business that do not stop."""
    able = ~buyers["prospect"] & buyers["stops"].isna() & (buyers["starts"] <= window.days - TWO_YEARS)
    able &= buyers["scale"] <= MOST_SCALE  # all but the largest customer
    order = np.argsort(np.where(able, chance, 2.0), kind="stable")
    chosen = np.zeros(len(buyers), dtype=bool)
    chosen[order[: min(round(share * len(buyers)), int(able.sum()))]] = True
    return chosen


def _after_sale(rng: np.random.Generator, sold: pd.DataFrame, window: sales.Window, switches: Switches) -> pd.DataFrame:
    """Add the returns and lose some costs; lines come back by account and day."""
    unknown = rng.random(len(sold)) < switches.missing_cost
    sold = sold.assign(cogs=sold["cogs"].mask(unknown))
    back = sales.returned(rng.random((3, len(sold))), sold, switches.returns, window.days)
    return pd.concat([sold, back]).sort_values(["account", "day"], kind="stable", ignore_index=True)


def _accounts(firms: pd.DataFrame, buyers: pd.DataFrame, sold: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The accounts table; a former customer is one that bought and has stopped."""
    day = window.dates(buyers["created"].to_numpy()).astype("datetime64[s]")
    created = pd.Series(day + buyers["created_second"].to_numpy().astype("timedelta64[s]")).dt.tz_localize("UTC")
    first = sold.groupby("account")["day"].min().reindex(range(len(firms))).to_numpy(dtype=float)
    status = np.where(np.isnan(first), "prospect", np.where(buyers["stops"].isna(), "customer", "former"))
    won = pd.Series(window.dates(first)).dt.tz_localize("UTC")
    return schema.conform("accounts", firms.assign(created_at=created, status=status, first_won_at=won))


def _transactions(account_id: np.ndarray, sold: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The transactions table; lines are numbered within their account."""
    account, day, months = (sold[c].to_numpy() for c in ("account", "day", "months"))
    booked = window.dates(day)
    number = sold.groupby("account").cumcount() + 1
    ids = account_id[account]
    paid_to = sales.add_months(booked, months) - np.timedelta64(1, "D")
    lines = sold[["quantity", "revenue", "cogs", "discount", "kind"]].assign(
        transaction_id=[f"T{a[1:]}-{n:04d}" for a, n in zip(ids, number, strict=True)],
        account_id=ids,
        product_id=sales.PRODUCTS["product_id"].to_numpy()[sold["product"]],
        booked_at=booked,
        period_start=np.where(months > 0, booked, np.datetime64("NaT", "D")),
        period_end=np.where(months > 0, paid_to, np.datetime64("NaT", "D")),
    )
    return schema.conform("transactions", lines)


def _truth(firms: pd.DataFrame, buyers: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """What was planted in each account; the columns are said in `simulate`."""
    line = buyers["product_line"]
    average = line.map(sales.PRODUCTS.groupby("product_line")["gross_margin_rate"].mean())
    rhythm = np.select([line == name for name in sales.LINES], [buyers[f"{name} rhythm"] for name in sales.LINES])
    buys = ~buyers["prospect"]
    return pd.DataFrame({
        "account_id": firms["account_id"],
        "product_line": line.astype("str"),
        "size": buyers["size"].round(4),
        "rhythm_days": rhythm,
        "starts": window.dates(buyers["starts"].where(buys).to_numpy()).astype("datetime64[us]"),
        "stops": window.dates(buyers["stops"].where(buys).to_numpy()).astype("datetime64[us]"),
        "declining": buyers["declining"],
        "margin_rate": (average * buyers["margin_factor"]).round(4),
    })  # fmt: skip
