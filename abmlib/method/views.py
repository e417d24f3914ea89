"""Two views of one account: leads beside the account, and all that happened on one timeline."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.deals import decided, won_flag
from abmlib.method.measures import counted_row, estimate_row
from abmlib.method.orders import refuse_repeated
from abmlib.method.touches import decayed
from abmlib.stats.intervals import Z

EVENTS = ["kind", "lane", "month", "rows"]


def leads_and_accounts(
    panel: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, half_life_days: float
) -> pd.DataFrame:
    """Engagement of each account by its most engaged person, and by all its touches.

    Every account has a row. A touch of nobody known counts for the account and for no lead.

    Parameters
    ----------
    panel : touches that count, such as inbound ones: DataFrame with ``account_id, contact_id, day, rows``
    half_life_days : days in which a touch halves in worth, in both views

    Returns
    -------
    DataFrame, indexed by `accounts`: ``best_lead, account`` (engagement, in touches; best_lead 0 where no person is known),
    ``people`` (with a touch), ``lead_rank, account_rank`` (1 is the highest, ties by account id; missing without engagement)

    Raises
    ------
    ValueError
        If `accounts` repeats an id.

    References
    ----------
    S0-11, S1-13; metric dictionary C-14.
    """
    refuse_repeated(accounts)
    worth = panel.assign(worth=decayed(panel, as_of, half_life_days))
    worth = worth[worth["worth"] > 0]
    person = worth.dropna(subset="contact_id").groupby(["account_id", "contact_id"], observed=True)["worth"].sum()
    lead = person.groupby("account_id").agg(["max", "size"]).reindex(accounts, fill_value=0)
    account = worth.groupby("account_id")["worth"].sum().reindex(accounts, fill_value=0.0)
    views = pd.DataFrame({"best_lead": lead["max"], "account": account, "people": lead["size"]}, index=accounts)
    order = views.sort_index()
    for view, rank in (("best_lead", "lead_rank"), ("account", "account_rank")):
        views[rank] = order[view].where(order[view] > 0).rank(ascending=False, method="first")
    return views


def side_by_side(views: pd.DataFrame, names: pd.Series, top: int) -> pd.DataFrame:
    """The first accounts of both rankings side by side; people are counted, not named.

    Parameters
    ----------
    views : DataFrame of `leads_and_accounts`
    names : name by account id

    Returns
    -------
    DataFrame, at most `top` rows: ``rank, by_best_lead, best_lead, by_account, account, people, rank_by_lead``; the last
    two of the account in ``by_account``, and rank_by_lead missing where it has no known person
    """
    parts = []
    for rank in ("lead_rank", "account_rank"):
        best = views[views[rank] <= top].sort_values(rank)
        parts.append(best.assign(name=names.reindex(best.index).to_numpy()).set_index(best[rank].astype(int)))
    lead, account = parts
    first = lead[["name", "best_lead"]].rename(columns={"name": "by_best_lead"})
    second = account[["name", "account", "people", "lead_rank"]]
    second = second.rename(columns={"name": "by_account", "lead_rank": "rank_by_lead"})
    out = pd.concat([first, second], axis=1).sort_index()
    return out.rename_axis("rank").reset_index()


def agreement(views: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    """How far the two rankings agree: overlap of the first accounts, and rank correlation.

    Only accounts with engagement in either view count, for the others tie in both. The overlap is asked of the first `top`
    accounts, or of all there are.

    Parameters
    ----------
    views : DataFrame of `leads_and_accounts`

    Returns
    -------
    Rows of ``measures``; the overlap is a count and has no interval; that of the correlation is missing below four accounts, or where
    all rank alike

    References
    ----------
    S0-11. Bonett and Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
    Psychometrika 65, p. 23.
    """
    some = views[views["account"] > 0]
    first = {rank: set(some.index[some[rank] <= top]) for rank in ("lead_rank", "account_rank")}
    both = len(first["lead_rank"] & first["account_rank"])
    n, r = len(some), float(some[["best_lead", "account"]].rank().corr().iloc[0, 1])
    half = Z * np.sqrt((1 + r**2 / 2) / (n - 3)) if n > 3 and abs(r) < 1 else np.nan
    ends = np.tanh(np.arctanh(r) + half * np.array([-1, 1])) if pd.notna(half) else (np.nan, np.nan)
    correlation = (r, float(ends[0]), float(ends[1]), n)
    why = "accounts that rank differently" if pd.isna(r) and some["people"].any() else ""
    return [
        counted_row("S0-11", "lead_and_account_overlap_of_top", both, min(top, n)),
        estimate_row("S0-11", "lead_and_account_rank_correlation", correlation, "index", why=why),
    ]


def breadth(touches: pd.DataFrame, purchases: pd.DataFrame, accounts: pd.Index, since: pd.Timestamp) -> pd.DataFrame:
    """Count the channels and the lines of business in which each account is met.

    Parameters
    ----------
    touches : DataFrame with ``account_id, channel, month``
    purchases : DataFrame of `orders.with_product_line`, with ``account_id``
    since : first month in which a touch counts

    Returns
    -------
    DataFrame, indexed by `accounts`: ``channels`` (of touches since then), ``product_lines`` (bought, ever); missing where the book
    has no touches, or no purchases

    References
    ----------
    S1-3.
    """
    parts = {"channels": (touches[touches["month"] >= since], "channel"), "product_lines": (purchases, "product_line")}
    whole = {"channels": touches, "product_lines": purchases}
    counts = {
        name: rows.groupby("account_id")[column].nunique().reindex(accounts, fill_value=0 if len(whole[name]) else None)
        for name, (rows, column) in parts.items()
    }
    return pd.DataFrame(counts, accounts).astype("Int64")


# -- one account on one timeline --------------------------------------------------------------------------------------


def chosen(account: str, judged: pd.DataFrame) -> str:
    """Account to show: the one asked for, or the customer with most records.

    Where nobody is a customer it is the account with most records.

    Parameters
    ----------
    judged : DataFrame of `data_quality.account_data`, at least one row

    Raises
    ------
    ValueError
        If no account has this id.
    """
    ids = judged["account_id"]
    if account and account not in set(ids):
        raise ValueError(f"account: {account!r} is none of {len(ids):,} accounts (first: {ids.head(3).tolist()}).")
    if account:
        return account
    customers = judged[judged["status"] == "customer"]
    most = (judged if customers.empty else customers).sort_values(["records", "account_id"], ascending=[False, True])
    return str(most["account_id"].iloc[0])


def by_month(table: pd.DataFrame, day: str) -> pd.DataFrame:
    """Count rows by account and month of a day; rows without a day or an account do not count.

    Returns
    -------
    DataFrame: ``account_id, month`` (its first day), ``rows``
    """
    month = table[day].dt.to_period("M").dt.to_timestamp().astype("datetime64[us]")
    return table.assign(month=month).groupby(["account_id", "month"]).size().reset_index(name="rows")


def timeline(
    account: str,
    touches: pd.DataFrame,
    purchases: pd.DataFrame,
    deals: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """All that happened with one account, in lanes by month.

    Lanes are touches by channel, purchases by line, deals, and the rest. What did not happen has no row.

    Parameters
    ----------
    touches : DataFrame with ``account_id, channel, month, rows``
    purchases : DataFrame of `orders.with_product_line`, with ``account_id, month, rows``
    deals : DataFrame of `with_days`
    others : by lane a DataFrame with ``account_id, month, rows``

    Returns
    -------
    DataFrame: ``kind`` (touch, purchase, deal, other), ``lane, month, rows``; lanes of a kind with most rows first, deals
    in the order opened, won, lost

    References
    ----------
    S1-3.
    """
    theirs = deals[deals["account_id"] == account]
    closed = decided(theirs)
    won, lost = closed[won_flag(closed)], closed[~won_flag(closed)]
    ends = {"opened": (theirs, "created_day"), "won": (won, "closed_day"), "lost": (lost, "closed_day")}
    parts = [
        _split("touch", touches[touches["account_id"] == account], "channel"),
        _split("purchase", purchases[purchases["account_id"] == account], "product_line"),
        *(by_month(rows, day).assign(kind="deal", lane=f"deals {end}") for end, (rows, day) in ends.items()),
        *(rows[rows["account_id"] == account].assign(kind="other", lane=lane) for lane, rows in others.items()),
    ]
    events = pd.concat([p[EVENTS] for p in parts], ignore_index=True)
    events = events.astype({"rows": int, "month": "datetime64[us]", "kind": "str", "lane": "str"})
    return events.groupby(["kind", "lane", "month"], sort=False)["rows"].sum().reset_index()


def _split(kind: str, rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows of one account by the values of a column, the most frequent first."""
    size = rows.groupby(by)["rows"].sum().sort_values(ascending=False, kind="stable")
    place = pd.Series(range(len(size)), index=size.index)
    return rows.assign(kind=kind, lane=rows[by]).sort_values(by, key=place.reindex, kind="stable")


def touch_mix(touches: pd.DataFrame, account: str) -> pd.DataFrame:
    """Share of each channel in the touches of one account, and of all accounts.

    Parameters
    ----------
    touches : DataFrame with ``account_id, channel, rows``

    Returns
    -------
    DataFrame, one row per channel in use, the account's most used first: ``channel``, ``touches`` (of the account),
    ``share, share_of_all`` (shares; missing without a touch), ``touches_of_all``

    References
    ----------
    S1-3.
    """
    every = touches.groupby("channel")["rows"].sum().astype(float)
    theirs = touches[touches["account_id"] == account].groupby("channel")["rows"].sum().astype(float)
    out = pd.DataFrame({"touches": theirs.reindex(every.index, fill_value=0.0), "touches_of_all": every})
    total = out.sum().where(lambda s: s > 0)
    out[["share", "share_of_all"]] = (out / total).to_numpy()
    out = out.sort_values(["touches", "touches_of_all"], ascending=False, kind="stable").rename_axis("channel")
    return out.reset_index()[["channel", "touches", "share", "share_of_all", "touches_of_all"]]
