"""What makes a source dirty: twins, parents, gaps, late entries, and money that came in other currencies.

Every function but `in_currency` takes tables to spec and gives them back to spec.
"""

import numpy as np
import pandas as pd

from abmlib.market import sales
from abmlib.market.chance import Chance
from abmlib.market.switches import Switches
from abmlib.tables import schema

GAPS = (
    "industry",
    "sub_industry",
    "employees",
    "annual_revenue",
    "org_type",
    "customer_base",
    "tech_stack",
    "growth_outlook",
)
LATE = (14, 60)  # days by which a late entry is late
MOVED = {"contacts": 0.4, "opportunities": 0.4, "activities": 0.4, "transactions": 0.5}  # rows entered under the twin
TWIN = "-2"  # ends the id of a twin


def in_currency(sold: pd.DataFrame, currency: np.ndarray, rates: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """Turn what accounts buy at fixed prices in their own currency into the reporting currency at the month's rate."""
    out = sold.copy()
    month = (
        window.dates(sold["day"].to_numpy()).astype("datetime64[M]") - window.start.astype("datetime64[M]")
    ).astype(int)
    own = currency[sold["account"]]
    for name in [c for c in rates.columns if c != "month"]:
        rows = own == name
        worth = rates[name].to_numpy() / rates[name].iloc[0]
        for money in ("revenue", "cogs", "discount"):
            out.loc[rows, money] = np.round(out.loc[rows, money] * worth[month[rows]], 2) + 0.0
    return out


def late(rng: np.random.Generator, table: pd.DataFrame, event: str, end: pd.Timestamp, share: float) -> pd.DataFrame:
    """Enter some rows two weeks to two months after they happened, if that is not after the window's end."""
    lot, far = rng.random((len(table), 2)).T
    moment = pd.to_datetime(table[event], utc=True)
    known = moment + pd.to_timedelta(np.round(LATE[0] + far * (LATE[1] - LATE[0])), unit="D")
    return table.assign(known_at=known.where((lot < share) & (known < end)).astype("datetime64[us, UTC]"))


def gaps(
    rng: np.random.Generator, accounts: pd.DataFrame, size: np.ndarray, customer: np.ndarray, share: float
) -> pd.DataFrame:
    """Take cells from what a register says: more from companies that are no customers at first, and from small customers.

    What an account does later has no part in it, so that a gap foretells nothing.
    """
    rate = share * np.where(customer, 0.9 * np.exp(-0.8 * size), 1.5)
    holes = rng.random((len(accounts), len(GAPS))) < np.clip(rate, 0, 0.9)[:, None]
    return accounts.assign(**{c: accounts[c].mask(holes[:, k]) for k, c in enumerate(GAPS)})


def _still_known(past: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """The history of cells that are not missing: what nobody knows today nobody knew before."""
    known = accounts.set_index("account_id").notna().stack()
    there = known.reindex(pd.MultiIndex.from_frame(past[["row_id", "field"]])).fillna(True)
    return past[there.to_numpy(dtype=bool)].reset_index(drop=True)


def parents(rng: np.random.Generator, accounts: pd.DataFrame, share: float) -> pd.DataFrame:
    """Make some accounts belong to one that stands before them."""
    lot, which = rng.random((len(accounts), 2)).T
    place = np.arange(len(accounts))
    owned = (lot < share) & (place > 0)
    owned &= ~owned[np.floor(which * place).astype(int)]  # one level only
    names = accounts["account_id"].to_numpy()[np.floor(which * place).astype(int)]
    return accounts.assign(parent_account_id=pd.Series(names, dtype="str").where(owned))


def misspelt(name: str, lot: float) -> str:
    """Swap, drop or double a letter of a name.

    Examples
    --------
    >>> misspelt("Calberg", 0.5)
    'Calbeerg'
    """
    place = 1 + int(lot * 997) % max(len(name) - 2, 1)
    kind = int(lot * 1_000) % 3
    if kind == 0:
        return name[:place] + name[place + 1 : place + 2] + name[place : place + 1] + name[place + 2 :]
    return name[:place] + name[place + 1 :] if kind == 1 else name[:place] + name[place : place + 1] + name[place:]


def twins(
    chance: Chance, tables: dict[str, pd.DataFrame], count: int, end: pd.Timestamp, share: float
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Enter some accounts a second time, misspelt, and part of what happens from then on under the second entry.

    Returns
    -------
    first : the tables given, with the twins in accounts and rows moved to them
    second : DataFrame, one row per twin
        ``account_id``, ``original_id``, ``merged`` (the source knows: is_duplicate_of is set).
    """
    rng = chance.of("twins")
    accounts = tables["accounts"]
    lots = rng.random((count, 5))[: len(accounts)]
    chosen = np.flatnonzero(lots[:, 0] < share)
    own = accounts.iloc[chosen]
    begin = own["created_at"].clip(lower=end - pd.Timedelta(days=900)) + pd.Timedelta(days=30)
    since = begin + (lots[chosen, 1] * 0.7) * (end - begin)
    since = since.dt.floor("s")
    keep = (since < end - pd.Timedelta(days=60)).to_numpy()
    own, since, chosen = own[keep], since[keep], chosen[keep]
    merged = lots[chosen, 2] < 0.5
    twin = own.assign(
        account_id=own["account_id"] + TWIN,
        name=[misspelt(n, x) for n, x in zip(own["name"], lots[chosen, 3], strict=True)],
        domain=[misspelt(d, x) if x < 0.7 else None for d, x in zip(own["domain"], lots[chosen, 4], strict=True)],
        created_at=since, is_duplicate_of=own["account_id"].where(merged), parent_account_id=None,
    )  # fmt: skip
    out = dict(tables)
    out["accounts"] = pd.concat([accounts, twin]).sort_values("account_id", ignore_index=True).astype(accounts.dtypes)
    other = pd.Series(twin["account_id"].to_numpy(), index=own["account_id"].to_numpy())
    start = pd.Series(since.to_numpy(), index=own["account_id"].to_numpy())
    for name, part in MOVED.items():
        table = tables[name]
        lot = chance.of(f"twins {name}").random(len(table))
        theirs = table["account_id"].map(other)
        moment = pd.to_datetime(table[schema.spec(name).known], utc=True)
        begun = pd.to_datetime(table["account_id"].map(start), utc=True)
        moved = theirs.notna() & (moment > begun) & (lot < part)
        if name == "contacts":
            moved &= ~table["is_lead"].astype(bool)
        out[name] = table.assign(account_id=theirs.where(moved, table["account_id"]).astype("str"))
    truth = pd.DataFrame(
        {"account_id": twin["account_id"].to_numpy(), "original_id": own["account_id"].to_numpy(), "merged": merged}
    )
    return out, truth.astype({"account_id": "str", "original_id": "str"})


def dirty(
    chance: Chance,
    tables: dict[str, pd.DataFrame],
    buyers: pd.DataFrame,
    customer: np.ndarray,
    count: int,
    window: sales.Window,
    switches: Switches,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Everything above but the currencies, on the tables of the first accounts of a block of `count`."""
    end = pd.Timestamp(window.start + window.days).tz_localize("UTC")
    first = slice(len(tables["accounts"]))
    size = buyers["size"].to_numpy()[first]
    accounts = gaps(chance.of("gaps"), tables["accounts"], size, customer[first], switches.missing_firmographics)
    out = tables | {
        "accounts": parents(chance.of("parents"), accounts, switches.subsidiaries),
        "attribute_history": _still_known(tables["attribute_history"], accounts),
    }
    for name, event in (("transactions", "booked_at"), ("activities", "occurred_at")):
        out[name] = late(chance.of(f"late {name}"), out[name], event, end, switches.late_rows)
    return twins(chance, out, count, end, switches.duplicates)
