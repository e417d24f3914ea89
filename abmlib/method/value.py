"""What each account is worth: revenue, margin, Pareto classes, concentration and how steady the top is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.method.measures import measure_row, share_row
from abmlib.method.periods import Period
from abmlib.stats import concentration

CLASSES = ("A", "B", "C")
BOUNDS = (0.80, 0.95)  # share of net value that A, and A with B, reach; S0-18
NONE = "no business"  # class of an account without a line in the period


def counts(worth: pd.DataFrame) -> tuple[int, int, int, float]:
    """Count accounts, those with a line, those of them worth zero or less, and sum net revenue."""
    active = worth["lines"] > 0
    return len(worth), int(active.sum()), int((active & (worth["revenue"] <= 0)).sum()), float(worth["revenue"].sum())


def pareto_class(values: pd.Series, bounds: Sequence[float] = BOUNDS) -> pd.Series:
    """Class of each account by value: A, B or C.

    A are the fewest accounts, largest first, that reach the first bound of the net total; B those to the second; C the
    rest. Index and length as given. A value of zero or less is C; so are all where the total is not positive. Missing
    values stay missing and do not count.

    References
    ----------
    S0-18; metric dictionary C-38. Bounds: House definition; README, glossary entry "Pareto class".

    Examples
    --------
    >>> pareto_class(pd.Series({"a": 80.0, "b": 15.0, "c": 10.0, "d": -5.0})).tolist()
    ['A', 'B', 'C', 'C']
    """
    known = values.dropna()
    out = pd.Series("C", index=known.index, dtype="str")
    for label, bound in reversed(list(zip(CLASSES[:2], bounds, strict=True))):
        out[concentration.smallest_set(known, bound)] = label
    return out.reindex(values.index)


def pareto(worth: pd.DataFrame) -> pd.DataFrame:
    """Rank and class accounts on revenue, and class those of known margin on margin.

    Parameters
    ----------
    worth : DataFrame of `orders.by_account`

    Returns
    -------
    DataFrame, index as `worth`: ``revenue, margin, revenue_rank, cumulative_revenue_share, pareto_class, margin_class``
    """
    order = concentration.largest_first(worth["revenue"]).index
    rank = pd.Series(np.arange(1, len(order) + 1), index=order, dtype="Int64").reindex(worth.index)
    share = concentration.cumulative_share(worth["revenue"])
    out = worth[["revenue", "margin"]].assign(revenue_rank=rank, cumulative_revenue_share=share)
    return out.assign(pareto_class=pareto_class(worth["revenue"]), margin_class=pareto_class(worth["margin"]))


def concentration_measures(values: pd.Series, what: str, period: Period) -> pd.DataFrame:
    """Measure how concentrated a value is over accounts: rows for `measures`.

    These are counts of the whole book, not estimates from a sample, so they have n and no interval. Shares of a total that is not
    above zero are not answerable.

    Parameters
    ----------
    values : Series of money, one per account; missing values do not count
    what : ``revenue`` or ``margin``, part of the definition id
    period : days counted

    References
    ----------
    Metric dictionary C-38; S0-18.
    """
    known = values.dropna()
    positive = known[known > 0]
    n, some = len(known), len(positive)
    few = len(concentration.smallest_set(known, BOUNDS[0])) if known.sum() > 0 else np.nan
    rows = [
        (f"total_{what}", known.sum() if n else np.nan, "currency", n),
        (f"gini_of_positive_{what}", concentration.gini(known), "index", some),
        (f"top_20pc_share_of_{what}", concentration.top_share(known, 0.2), "share", n),
        (f"accounts_for_80pc_of_{what}", few, "accounts", n),
        (f"share_of_accounts_for_80pc_of_{what}", few / max(n, 1), "share", n),
        *((f"largest_{k}_share_of_{what}", concentration.largest_share(known, k), "share", n) for k in (1, 5, 10)),
        (f"effective_accounts_by_{what}", concentration.effective_number(known), "accounts", some),
    ]
    table = pd.DataFrame([measure_row("C-38", *row) for row in rows])
    if n and not known.sum() > 0:
        table["why"] = np.where(table["value"].isna(), f"a total {what} above zero", "")
    return table.assign(window_start=period.start, window_end=period.end)


def class_in(worth: pd.DataFrame) -> pd.Series:
    """Class of each account by net revenue in a period: A, B, C, or ``no business`` without a line.

    Parameters
    ----------
    worth : DataFrame of `orders.by_account` over the period
    """
    return pareto_class(worth["revenue"]).where(worth["lines"] > 0, NONE)


def class_moves(earlier: pd.Series, later: pd.Series) -> pd.DataFrame:
    """Count accounts by class in an earlier and a later period.

    Parameters
    ----------
    earlier, later : Series of `class_in`, one index

    Returns
    -------
    DataFrame of counts: rows the earlier class, columns the later one, both in the order A, B, C, no business
    """
    order = [*CLASSES, NONE]
    return pd.crosstab(earlier, later).reindex(index=order, columns=order, fill_value=0)


def changed_class(earlier: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """List the accounts behind `class_moves` whose class is another one than before, the largest change of revenue first.

    Parameters
    ----------
    earlier, later : DataFrames of `orders.by_account` over the two periods, one index

    Returns
    -------
    DataFrame, indexed by account: ``class_before, class_now``, ``revenue_before, revenue_now, revenue_change`` (money)
    """
    both = {"before": earlier, "now": later}
    rows = pd.DataFrame({f"class_{when}": class_in(worth) for when, worth in both.items()})
    rows = rows.assign(**{f"revenue_{when}": worth["revenue"] for when, worth in both.items()})
    rows["revenue_change"] = rows["revenue_now"] - rows["revenue_before"]
    moved = rows[rows["class_before"] != rows["class_now"]]
    return moved.sort_values("revenue_change", key=abs, ascending=False, kind="stable")


def top_retention(moves: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Share of the earlier A accounts that are A again, with its interval: one row for `measures`.

    References
    ----------
    House definition; README, glossary entry "retention of the top set".
    """
    row = share_row("C-38", "retention_of_A_by_revenue", int(moves.loc["A", "A"]), int(moves.loc["A"].sum()))
    why = "" if moves.loc["A"].any() else "an account of class A in the earlier period"
    return pd.DataFrame([row]).assign(why=why, window_start=period.start, window_end=period.end)


def loss_of_largest(revenue: pd.Series, counts: Sequence[int] = (1, 3, 5, 10)) -> pd.DataFrame:
    """Net revenue that would be lost with the largest accounts.

    Returns
    -------
    DataFrame, one row per count no larger than the accounts with net revenue above zero: ``accounts, revenue, share``
    """
    ordered = concentration.largest_first(revenue[revenue > 0])
    rows = [(k, ordered.iloc[:k].sum(), concentration.largest_share(revenue, k)) for k in counts if k <= len(ordered)]
    return pd.DataFrame(rows, columns=["accounts", "revenue", "share"])


def class_summary(pareto: pd.DataFrame) -> pd.DataFrame:
    """Sum each class, and apart the accounts of class C worth zero or less.

    Returns
    -------
    DataFrame of four rows A, B, C and ``of C: zero or less``: ``pareto_class, accounts, share_of_accounts, revenue,
    share_of_revenue, margin`` (margin missing where one is unknown)
    """
    masks = {c: pareto["pareto_class"] == c for c in CLASSES} | {"of C: zero or less": pareto["revenue"] <= 0}
    parts = ((label, pareto[mask]) for label, mask in masks.items())
    rows = [(label, len(part), part["revenue"].sum(), part["margin"].sum(skipna=False)) for label, part in parts]
    out = pd.DataFrame(rows, columns=["pareto_class", "accounts", "revenue", "margin"])
    total = pareto["revenue"].sum()
    out.insert(2, "share_of_accounts", out["accounts"] / len(pareto))
    out.insert(4, "share_of_revenue", out["revenue"] / (total if total > 0 else np.nan))
    return out


def margin_surprises(pareto: pd.DataFrame, min_margin_rate: float) -> pd.DataFrame:
    """List accounts of class A on revenue whose margin is not class A or is below the floor.

    Accounts of unknown margin cannot appear.

    Parameters
    ----------
    pareto : DataFrame of `pareto` with ``name, owner_id``, indexed by account id

    Returns
    -------
    DataFrame, the largest first: ``account_id, name, owner_id, revenue_rank, revenue, margin, margin_rate, margin_class``
    """
    rated = pareto.assign(margin_rate=pareto["margin"] / pareto["revenue"].where(pareto["revenue"] > 0))
    poor = rated["margin_class"].isin(["B", "C"]) | (rated["margin_rate"] < min_margin_rate)
    odd = rated[(rated["pareto_class"] == "A") & poor].sort_values("revenue_rank").rename_axis("account_id")
    columns = ["name", "owner_id", "revenue_rank", "revenue", "margin", "margin_rate", "margin_class"]
    return odd[columns].reset_index()


def key_accounts(pareto: pd.DataFrame, parts: pd.DataFrame, choice: pd.DataFrame) -> pd.DataFrame:
    """Join value, gate and choice to the table ``03_key_accounts``, one row per account, the largest first."""
    whole = pd.concat([pareto, parts, choice], axis=1).rename_axis("account_id")
    return whole.sort_values("revenue_rank").reset_index()
