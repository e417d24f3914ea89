"""Why deals are lost and won, as people entered it, and how often deals are won against each competitor."""

import numpy as np
import pandas as pd

from abmlib.method import deals as closed_deals
from abmlib.method.deals import sizes, won_flag
from abmlib.method.measures import estimate_row, measure_rows
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES

NAMED = 8  # reasons shown by name
SHARED = 2  # deals that a text must be given of to be shown: one of a single deal is no reason, and may name a person
NOT_ENTERED, OTHER = "not entered", "other"


def grouped(entered: pd.Series) -> pd.Series:
    """Group texts that differ in case or spaces alone; rare ones are `OTHER`, missing ones `NOT_ENTERED`.

    Named are the `NAMED` most frequent texts that at least `SHARED` deals give.

    Parameters
    ----------
    entered : Series of text, one per deal
    """
    text = entered.astype("str").str.replace(r"\s+", " ", regex=True).str.strip()
    text = text.where(text.str.len() > 0)
    key = text.str.casefold()
    spelt = text.groupby(key).agg(lambda s: s.value_counts().index[0])
    n = key.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    named = spelt[spelt.index.isin(n[n >= SHARED].index[:NAMED])]
    return key.map(named).astype("str").fillna(OTHER).where(key.notna(), NOT_ENTERED)


def by_reason(deals: pd.DataFrame, entered: pd.Series) -> pd.DataFrame:
    """Count lost, or won, deals by reason, and sum their amounts; the most frequent first, `OTHER` and `NOT_ENTERED` last.

    Accounts are clusters in the intervals. Amounts are missing where most of these deals carry none above zero. Without any
    reason entered there is no row.

    Parameters
    ----------
    deals : DataFrame of deals lost, or of deals won
    entered : Series, the reason of each

    Returns
    -------
    DataFrame: ``reason, deals, texts`` (different ones, where several), ``amount``, ``share, low, high`` (of all these deals)
    """
    label = grouped(entered)
    if label.eq(NOT_ENTERED).all():
        return pd.DataFrame(columns=["reason", "deals", "texts", "amount", "share", "low", "high"])
    amount = sizes(deals) if (deals["amount"] > 0).mean() > 0.5 else deals["amount"] * float("nan")
    texts, rows = entered.astype("str").str.casefold(), []
    for reason in label.unique():
        own = label == reason
        known = (
            reason,
            int(own.sum()),
            n_texts if (n_texts := texts[own].nunique()) > 1 else None,
            amount[own].sum(min_count=1),
        )
        rows.append((*known, *intervals.share(own, deals["account_id"])[:3]))
    out = pd.DataFrame(rows, columns=["reason", "deals", "texts", "amount", "share", "low", "high"])
    out["texts"] = out["texts"].astype(float)
    place = out["reason"].map({OTHER: 1, NOT_ENTERED: 2}).fillna(0)
    return out.assign(place=place).sort_values(
        ["place", "deals", "reason"], ascending=[True, False, True], ignore_index=True
    )[list(out)]


def reason_rows(deals: pd.DataFrame, entered: pd.Series, table: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Make rows of `measures` from `by_reason`, and of the share of these deals with a reason; missing where none has one.

    Parameters
    ----------
    outcome : ``lost`` or ``won``
    """
    nobody = (np.nan, np.nan, np.nan, len(deals))
    has = intervals.share(entered.notna(), deals["account_id"]) if len(table) else nobody
    about = {"n": len(deals), "group_by": f"{outcome} for", "group": table["reason"]}
    shares = measure_rows(
        "C-2",
        f"{outcome}_for_reason",
        table["share"].astype(float),
        "share",
        low=table["low"],
        high=table["high"],
        **about,
    )
    money = measure_rows(
        "C-4", f"{outcome}_value", table["amount"].astype(float), "currency", **about | {"n": table["deals"]}
    )
    whole = pd.DataFrame([estimate_row("C-2", f"{outcome}_with_reason", has, "share")])
    return pd.concat([whole.assign(group_by="all", group="all"), shares, money], ignore_index=True)


def changed(now: pd.DataFrame, before: pd.DataFrame, column: str) -> pd.DataFrame:
    """Judge of each reason whether its share of the deals with a reason differs between two windows beyond chance.

    As `deals.differences`; only where both windows have `FLOOR_OUTCOMES` deals with a reason, else there is no row.

    Parameters
    ----------
    now, before : DataFrames of deals lost, or won, in each window
    column : where the reason stands

    Returns
    -------
    DataFrame of `deals.differences`, with ``reason, share, share_before``
    """
    both = pd.concat([now.assign(window="now"), before.assign(window="before")], ignore_index=True)
    label = grouped(both[column])
    known = label != NOT_ENTERED
    few = both.loc[known, "window"].value_counts().reindex(["now", "before"]).fillna(0) < FLOOR_OUTCOMES
    if few.any():
        return pd.DataFrame(columns=["reason", "share", "share_before", "judged"])
    both, label = both[known], label[known]
    seen = {r: intervals.shares(label == r, both["account_id"], both["window"]) for r in label.unique() if r != OTHER}
    rows = pd.concat([s.rename(columns={"share": "raw"}).assign(group_by=r) for r, s in seen.items()])
    judged = closed_deals.differences(rows).rename(columns={"group_by": "reason"})
    shares = {
        name: judged["reason"].map({r: s.loc[w, "share"] for r, s in seen.items()})
        for name, w in (("share", "now"), ("share_before", "before"))
    }
    return judged.assign(**shares)


def against(closed: pd.DataFrame) -> pd.DataFrame:
    """Measure the win rate against each competitor, as `deals.by_group`, of the deals that name one.

    No row where fewer than two are named, or where no deal won, or lost, names one: then the rate tells who fills the field.

    Parameters
    ----------
    closed : DataFrame of `deals.closed_in`
    """
    label = grouped(closed["competitor"])
    named = closed[label != NOT_ENTERED]
    groups = closed_deals.by_group(named, label[named.index], "competitor")
    return groups if len(groups) > 1 and 0 < won_flag(named).sum() < len(named) else groups.iloc[:0]
