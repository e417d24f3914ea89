"""Stages of deals: how long each stay was, how many deals went on, and how often closing days were moved."""

import numpy as np
import pandas as pd

from abmlib.method.deals import SEED
from abmlib.method.measures import estimate_row, measure_rows
from abmlib.method.periods import DAY
from abmlib.stats import intervals, survival

DRAWS = 1_000  # of accounts, for each stage


def stage_visits(deals: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give each stay of a deal in a stage: when it began, how many days it was, and whether it is over.

    Changes that do not change the stage are joined to the stay they are part of. The change that closes a deal ends its
    last stay and is none itself: the last one, into the deal's present stage, within a day of its closing. Nor is one in a
    stage of closed deals alone, whose probability is 0 or 1. A stay that is
    not over lasts to `as_of`; one that began and ended on one day lasted none.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    DataFrame, one row per stay: ``opportunity_id, account_id, stage, stage_order, began, days, over, won`` (of the deal; missing
    while open)
    """
    of_deal = ["account_id", "stage", "is_closed", "is_won", "closed_at", "closed_day"]
    state = deals.set_index("opportunity_id")[of_deal]
    state = state.rename(columns={"stage": "stage_now"})
    rows = history.sort_values(["opportunity_id", "entered_at", "seq"], ignore_index=True)
    rows = rows[rows["opportunity_id"].isin(state.index)]
    moved = rows["stage"].ne(rows["stage"].shift()) | rows["opportunity_id"].ne(rows["opportunity_id"].shift())
    columns = ["opportunity_id", "entered_at", "entered_day", "stage", "stage_order"]
    stays = rows.loc[moved, columns].join(state, on="opportunity_id")
    last = ~stays["opportunity_id"].duplicated(keep="last")
    end = stays["entered_day"].shift(-1).where(~last, stays["closed_day"])
    at_the_end = stays["closed_at"].isna() | (stays["entered_at"] > stays["closed_at"] - DAY)
    closing = last & stays["is_closed"].astype(bool) & (stays["stage"] == stays["stage_now"]) & at_the_end
    stays = stays.assign(over=end.notna(), won=stays["is_won"], began=stays["entered_day"])
    stays["days"] = (end.fillna(as_of) - stays["began"]).dt.days
    kept = stays[~closing & (stays["days"] >= 0) & ~stays["stage"].isin(_closed_stages(deals, history))]
    columns = ["opportunity_id", "account_id", "stage", "stage_order", "began", "days", "over", "won"]
    return kept[columns].reset_index(drop=True)


def _closed_stages(deals: pd.DataFrame, history: pd.DataFrame) -> pd.Index:
    """Stages in which only closed deals stand, and whose probability is 0 or 1 wherever it is noted."""
    is_sure = history["probability"].isin([0, 1]).groupby(history["stage"]).all()
    over = deals["is_closed"].astype(bool).groupby(deals["stage"]).all()
    return over.index[over].intersection(is_sure.index[is_sure])


def in_order(visits: pd.DataFrame, deals: pd.DataFrame | None = None) -> list[str]:
    """Give the stages of a history, and those of open deals, in the order of the stages, else the least likely first.

    Parameters
    ----------
    visits : DataFrame of `stage_visits`
    deals : DataFrame ``stage, probability, is_closed``
    """
    order = visits.groupby("stage")["stage_order"].median()
    if deals is None:
        return list(order.sort_values(kind="stable").index)
    live = deals.loc[~deals["is_closed"].astype(bool), "stage"]
    both = pd.DataFrame({"order": order, "likely": deals.groupby("stage")["probability"].mean()})
    both = both[both.index.isin(order.index) | both.index.isin(live)]
    return list(both.sort_values(["order", "likely"], kind="stable").index)


def stage_table(visits: pd.DataFrame) -> pd.DataFrame:
    """Measure each stage: how many deals went on, and the time in it.

    The share that moved on is of the deals that leave the stage, by moving on or by being lost. Deals that neither moved on
    nor closed are followed as far as they are known (Aalen–Johansen); without any it is a plain share. Its interval draws
    accounts.

    Parameters
    ----------
    visits : DataFrame of `stage_visits`

    Returns
    -------
    DataFrame in stage order: ``stage, entered`` (deals), ``moved_on`` (of them later in a further stage, or won), ``lost,
    still_there``, ``conversion, low, high``, ``days_median, days_low, days_high`` (open ones still running)

    References
    ----------
    Metric dictionary C-6 (regressions count once), C-7.
    """
    rows = []
    for stage in in_order(visits):
        fate, stays = fates(visits, stage), visits[visits["stage"] == stage]
        draws = survival.draw_clusters(fate["account_id"], DRAWS, SEED)
        days, ended = fate["days"].to_numpy(), fate["ended"].to_numpy()
        forward, lost = (survival.incidence(days, way, np.inf, draws) for way in (ended, (3 - ended) % 3))
        left = forward + lost
        share = np.divide(forward, left, out=np.full(len(left), np.nan), where=left > 0)
        low, high = survival.ends(share[1:])
        counts = [(ended == way).sum() for way in (1, 2, 0)]
        times = survival.quantile(stays["days"], stays["over"], 0.5)[:3]
        rows.append((stage, len(fate), *counts, share[0], low, high, *times))
    columns = ["stage", "entered", "moved_on", "lost", "still_there", "conversion", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "days_median", "days_low", "days_high"])


def fates(visits: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Follow each deal from its first stay in a stage until it moved on, was lost, or to the day of the report.

    Parameters
    ----------
    visits : DataFrame of `stage_visits`

    Returns
    -------
    DataFrame, one row per deal that entered: ``opportunity_id, account_id, days, ended`` (0 neither, 1 moved on or won, 2 lost)
    """
    deal, place = visits["opportunity_id"], pd.Series(range(len(visits)), visits.index)
    first = visits.assign(place=place)[visits["stage"] == stage].drop_duplicates("opportunity_id")
    entry = first.set_index("opportunity_id")
    further = (visits["stage_order"] > deal.map(entry["stage_order"])).fillna(False) & (
        place > deal.map(entry["place"])
    )
    moved = visits[further].drop_duplicates("opportunity_id").set_index("opportunity_id")["began"]
    forward = moved.reindex(entry.index)
    last = (visits["began"] + visits["days"] * DAY).groupby(deal).max().reindex(entry.index)
    won = entry["won"].fillna(False).astype(bool)
    ended = np.select([forward.notna() | won, entry["won"].notna()], [1, 2], 0)
    out = entry.assign(days=(forward.fillna(last) - entry["began"]).dt.days, ended=ended).reset_index()
    return out[["opportunity_id", "account_id", "days", "ended"]]


def stage_rows(stages: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `stage_table`: conversion and median days, by stage.

    References
    ----------
    Metric dictionary C-6, C-7.
    """
    where = {"group_by": "stage", "group": stages["stage"]}
    ends = {"low": stages["low"], "high": stages["high"], "n": stages["entered"]}
    days = {"low": stages["days_low"], "high": stages["days_high"]}
    days["n"] = stages["stage"].map(visits["stage"].value_counts())
    forward = measure_rows("C-6", "forward_of_left", stages["conversion"], "share", **ends, **where)
    name = "days_in_stage_median_open_censored"
    return pd.concat([forward, measure_rows("C-7", name, stages["days_median"], "days", **days, **where)])


def pushes(history: pd.DataFrame, deals: pd.DataFrame) -> pd.Series:
    """Count, per deal, how often its closing day was moved later while it was open.

    The day on which a deal was closed is no move. Deals whose history has no closing day have no row.

    Parameters
    ----------
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``
    deals : DataFrame of `with_days`

    References
    ----------
    Metric dictionary C-11.
    """
    closed_at = history["opportunity_id"].map(deals.set_index("opportunity_id")["closed_at"])
    rows = history[history["close_date"].notna()].sort_values(["opportunity_id", "entered_at", "seq"])
    later = rows.groupby("opportunity_id")["close_date"].diff() > pd.Timedelta(0)
    while_open = ~(rows["entered_at"] >= closed_at[rows.index])
    return (later & while_open).groupby(rows["opportunity_id"]).sum().astype(int)


def push_row(pushed: pd.Series, deals: pd.DataFrame) -> dict[str, object]:
    """Measure how often a deal's closing day was moved later, on average over all deals with a history of it.

    Accounts are clusters in the interval; where all agree it has none.

    Parameters
    ----------
    pushed : Series of `pushes`
    deals : DataFrame of `with_days`

    References
    ----------
    Metric dictionary C-11.
    """
    account = deals.set_index("opportunity_id")["account_id"].reindex(pushed.index)
    value, low, high, n = intervals.estimate(pushed.astype(float), np.mean, SEED, account)
    ends = (low, high) if low < high else (np.nan, np.nan)
    return estimate_row("C-11", "pushes_per_deal_mean", (value, *ends, n), "times")
