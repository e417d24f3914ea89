"""Orders and revenue of accounts, from the lines of their bills. Shared ground of all that counts purchases."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from abmlib.method.periods import Period

NOISE = 6  # decimals kept of a sum of money: smaller amounts are rounding of floats, and would turn zero into business
SOLD_BY_DEAL = 0.5  # a line whose won deals come to this share of its revenue is ordered by deal, and billed later


# -- accounts ---------------------------------------------------------------------------------------------------------


def refuse_repeated(accounts: pd.Index) -> None:
    """Pass if no account is asked for twice.

    Raises
    ------
    ValueError
        With the first ids.
    """
    if accounts.has_duplicates:
        twice = accounts[accounts.duplicated()].unique()
        raise ValueError(
            f"accounts: {len(twice)} of {accounts.nunique()} ids repeat (first: {twice[:3].tolist()}). Give each once."
        )


def account_positions(table: pd.DataFrame, accounts: pd.Index) -> np.ndarray:
    """Give the position in `accounts` of the account of each row; -1 for others and for none.

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    refuse_repeated(accounts)
    return accounts.get_indexer(table["account_id"])


# -- lines ------------------------------------------------------------------------------------------------------------


def known_before(transactions: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Keep the lines booked before a day and, where the source says when it learnt of them, known before it too."""
    learnt = transactions["known_day"]
    return transactions[(transactions["booked_at"] < day) & (learnt.isna() | (learnt < day))]


def with_product_line(rows: pd.DataFrame, products: pd.DataFrame, unknown: str = "all") -> pd.DataFrame:
    """Add ``product_line`` to rows with a product. No row is dropped.

    Parameters
    ----------
    rows : DataFrame with ``product_id``
    products : ``tables.schema.PRODUCTS``
    unknown : line of a row whose product nobody lists
    """
    line = rows["product_id"].map(products.set_index("product_id")["product_line"]).astype("str")
    return rows.assign(product_line=line.fillna(unknown))


def by_account(transactions: pd.DataFrame, accounts: pd.Index, period: Period) -> pd.DataFrame:
    """Sum what each account bought in a period.

    The only such sum over any period: the features ``revenue_12m`` and the like are its values of fixed windows, made
    by the engine. Every account asked for has a row; one without a line has revenue 0 and margin 0. Lines of other
    accounts do not appear. Returns and service lines count, with their sign.

    Parameters
    ----------
    transactions : DataFrame, one row per line
        ``tables.schema.TRANSACTIONS``.
    accounts : Index of account ids, unique
    period : days counted

    Returns
    -------
    DataFrame, one row per account, indexed by `accounts`
        ``revenue`` and ``margin`` (reporting currency; margin is revenue less cogs, missing where a line with revenue
        has no cogs, and for all where no line of the source has one), ``costed`` (share of the lines' absolute revenue
        with known cogs; missing without revenue),
        ``lines``, ``buying_days`` (days with a line of positive revenue), ``first_day``, ``last_day`` (of those days).

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    refuse_repeated(accounts)
    inside = transactions["booked_at"].between(period.start, period.end)
    lines = transactions[inside & transactions["account_id"].isin(accounts)]
    revenue, cogs = lines["revenue"].astype(float), lines["cogs"].astype(float)
    unknown = cogs.isna() & (revenue != 0)
    size, day = revenue.abs(), lines["booked_at"].where(revenue > 0)
    facts = pd.DataFrame({"revenue": revenue, "margin": revenue - cogs.fillna(0), "size": size, "unknown": unknown})
    facts = facts.assign(known_size=size.mask(unknown, 0), day=day)
    each = facts.groupby(lines["account_id"])
    sums = each[["revenue", "margin", "size", "known_size", "unknown"]].sum().reindex(accounts, fill_value=0)
    sums = sums.astype(float).round(NOISE)
    days = each["day"].agg(lines="size", buying_days="nunique", first_day="min", last_day="max").reindex(accounts)
    margin = sums["margin"].mask((sums["unknown"] > 0) | transactions["cogs"].isna().all())
    costed = sums["known_size"] / sums["size"].replace(0, np.nan)
    counts = days[["lines", "buying_days"]].fillna(0).astype(int)
    money = sums[["revenue"]].assign(margin=margin, costed=costed)
    return pd.concat([money, counts, days[["first_day", "last_day"]]], axis=1)


# -- orders -----------------------------------------------------------------------------------------------------------


def plain_purchases(lines: pd.DataFrame) -> pd.Series:
    """Say which lines of a bill are plain purchases: sold, and not paid for by period."""
    return (lines["revenue"] > 0) & (lines["kind"] == "purchase") & lines["period_start"].isna()


def lines_sold_by_deal(lines: pd.DataFrame, won: pd.DataFrame) -> set[str]:
    """Name the lines of business ordered by deal and billed later.

    Their won deals come to `SOLD_BY_DEAL` of their plain purchases or more.

    Parameters
    ----------
    lines : DataFrame of `with_product_line`
    won : won deals of `with_days`

    References
    ----------
    House definition; README, glossary entry "order".
    """
    sold = lines[plain_purchases(lines)].groupby("product_line")["revenue"].sum()
    share = won[won["type"] != "renewal"].groupby("product_line")["amount"].sum() / sold
    return set(share.index[share >= SOLD_BY_DEAL])


def order_days(lines: pd.DataFrame, won: pd.DataFrame, sold_by_deal: Collection[str]) -> pd.DataFrame:
    """List the days on which each account ordered, by line of business.

    A purchase is an order, several on one day are one; returns, services and what is paid for by period are none. In
    the lines of `sold_by_deal` the days of won deals replace the bills, which follow an order in parts.

    Parameters
    ----------
    lines : DataFrame of `with_product_line`
    won : won deals of `with_days`
    sold_by_deal : lines of `lines_sold_by_deal`

    Returns
    -------
    DataFrame, sorted: ``account_id, product_line, day``

    References
    ----------
    House definition; README, glossary entry "order".
    """
    bought = lines[plain_purchases(lines) & ~lines["product_line"].isin(sold_by_deal)]
    signed = won[won["product_line"].isin(sold_by_deal)]
    columns = ["account_id", "product_line", "day"]
    parts = (bought.assign(day=bought["booked_at"]), signed.assign(day=signed["closed_day"]))
    both = pd.concat(part[columns] for part in parts).dropna()
    both = both.astype({"account_id": "str", "product_line": "str", "day": "datetime64[us]"})
    return both.drop_duplicates().sort_values(["product_line", "account_id", "day"], ignore_index=True)
