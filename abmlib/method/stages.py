"""Stages of deals: how long each stay was, how many went on, and which open deals overstay or were pushed."""

import numpy as np
import pandas as pd

from abmlib.method.deals import SEED, SLOW_SHARE, open_deals
from abmlib.method.measures import estimate_row, measure_rows, share_rows
from abmlib.method.periods import DAY
from abmlib.stats import intervals, survival
from abmlib.stats.intervals import FLOOR_OUTCOMES

PUSHES = 2  # closing day moved later this often: C-58


def stage_visits(deals: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give each stay of a deal in a stage: when it began, how many days it was, and whether it is over.

    Changes that do not change the stage are joined to the stay they are part of. The change that closes a deal ends its
    last stay and is none itself: the last one, into the deal's present stage, within a day of its closing. A stay that is
    not over lasts to `as_of`; one that began and ended on one day lasted none.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    DataFrame, one row per stay: ``opportunity_id, stage, stage_order, began, days, over, won`` (of the deal; missing while
    open)
    """
    state = deals.set_index("opportunity_id")[["stage", "is_closed", "is_won", "closed_at", "closed_day"]]
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
    kept = stays[~closing & (stays["days"] >= 0)]
    return kept[["opportunity_id", "stage", "stage_order", "began", "days", "over", "won"]].reset_index(drop=True)


def stage_table(visits: pd.DataFrame) -> pd.DataFrame:
    """Measure each stage: conversion, time in it, and the share of deals decided since that were won.

    Parameters
    ----------
    visits : DataFrame of `stage_visits`

    Returns
    -------
    DataFrame in stage order: ``stage, entered`` (deals), ``moved_on`` (of them later in a further stage, or won),
    ``conversion, low, high``, ``days_median, days_low, days_high`` (open ones still running), ``decided, win_share, win_low,
    win_high``

    References
    ----------
    Metric dictionary C-6 (regressions count once), C-7, C-8.
    """
    later = visits.iloc[::-1].groupby("opportunity_id")["stage_order"].cummax()
    furthest = later.groupby(visits["opportunity_id"]).shift().reindex(visits.index)  # stage after this one
    once = visits.assign(furthest=furthest).drop_duplicates(["stage", "opportunity_id"])
    won = once["won"].fillna(False).astype(bool)
    went_on = (once["furthest"] > once["stage_order"]).fillna(False) | won
    counted = once.assign(moved_on=went_on, decided=once["won"].notna(), wins=won).groupby("stage")
    out = counted[["moved_on", "decided", "wins"]].sum().assign(entered=counted.size())
    out = out.loc[visits.groupby("stage")["stage_order"].median().sort_values(kind="stable").index]
    moved = intervals.wilson(out["moved_on"], out["entered"]).rename(columns={"share": "conversion"}).drop(columns="n")
    wins = intervals.wilson(out["wins"], out["decided"])[["share", "low", "high"]].add_prefix("win_")
    stays = (visits[visits["stage"] == stage] for stage in out.index)
    times = [survival.quantile(part["days"], part["over"], 0.5)[:3] for part in stays]
    medians = pd.DataFrame(times, out.index, ["days_median", "days_low", "days_high"], dtype=float)
    out = pd.concat([out, moved, medians, wins], axis=1).rename_axis("stage").reset_index()
    return out[["stage", "entered", "moved_on", *moved, *medians, "decided", *wins]]


def stage_rows(stages: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `stage_table`: conversion and median days, by stage.

    References
    ----------
    Metric dictionary C-6, C-7.
    """
    where = {"group_by": "stage", "group": stages["stage"]}
    days = {"low": stages["days_low"], "high": stages["days_high"]}
    days["n"] = stages["stage"].map(visits["stage"].value_counts())
    forward = share_rows("C-6", "forward_of_entered", stages["moved_on"], stages["entered"], **where)
    name = "days_in_stage_median_open_censored"
    return pd.concat([forward, measure_rows("C-7", name, stages["days_median"], "days", **days, **where)])


def crm_probabilities(history: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Compare the CRM's mean probability of each stage with the share of decided deals that were won.

    Stages without a decided deal have no row.

    Parameters
    ----------
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``
    stages : DataFrame of `stage_table`

    Returns
    -------
    DataFrame: ``stage, share, low, high, n, crm`` (missing where the CRM gives none)

    References
    ----------
    Metric dictionary C-8.
    """
    decided = stages[stages["decided"] > 0]
    out = decided[["stage", "win_share", "win_low", "win_high", "decided"]].reset_index(drop=True)
    out = out.set_axis(["stage", "share", "low", "high", "n"], axis=1)
    crm = out["stage"].map(history.groupby("stage")["probability"].mean()).astype(float)
    return out.assign(crm=crm)


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


def slow_limits(deals: pd.DataFrame, visits: pd.DataFrame) -> pd.Series:
    """Days in its stage after which each open deal is slow: `SLOW_SHARE` of won deals had left by then.

    Won deals of its own product line count where there are `FLOOR_OUTCOMES` stays or more in the stage; otherwise those of
    all lines, and below that many none: then it is missing.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    visits : DataFrame of `stage_visits`

    Returns
    -------
    Series of days, by the ids of the open deals

    References
    ----------
    Metric dictionary C-58, own-stage quantile.
    """
    lines = deals.set_index("opportunity_id")["product_line"].astype("str").fillna("")
    won = visits[visits["won"].fillna(False).astype(bool)]
    live = open_deals(deals).set_index("opportunity_id")
    limit = pd.Series(np.nan, live.index)
    for of_won, of_live in (
        (won["stage"] + "\n" + won["opportunity_id"].map(lines), live["stage"] + "\n" + lines[live.index]),
        (won["stage"], live["stage"]),
    ):
        days = won["days"].groupby(of_won)
        known = days.quantile(SLOW_SHARE).where(days.size() >= FLOOR_OUTCOMES)
        limit = limit.fillna(of_live.map(known).astype(float))
    return limit


def push_row(pushed: pd.Series) -> dict[str, object]:
    """Measure how often a deal's closing day was moved later, on average over all deals with a history of it.

    Parameters
    ----------
    pushed : Series of `pushes`

    References
    ----------
    Metric dictionary C-11.
    """
    mean = intervals.estimate(pushed.astype(float), np.mean, SEED)
    return estimate_row("C-11", "pushes_per_deal_mean", mean, "times")


def flags(deals: pd.DataFrame, visits: pd.DataFrame, pushed: pd.Series, as_of: pd.Timestamp) -> pd.DataFrame:
    """Flag every open deal that is overdue, slow in its stage, pushed, or lacks what a forecast needs.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    visits : DataFrame of `stage_visits`
    pushed : Series of `pushes`

    Returns
    -------
    DataFrame to the spec of ``12_opportunity_flags``: one row per open deal, the most flags and largest amount first

    References
    ----------
    Metric dictionary C-11, C-58 (days in stage above the own-stage quantile of won deals, or two pushes); S3-27.
    """
    live = open_deals(deals).set_index("opportunity_id")
    current = visits[~visits["over"]].drop_duplicates("opportunity_id", keep="last").set_index("opportunity_id")
    days = current["days"].reindex(live.index)
    slow = slow_limits(deals, visits)
    out = live[["account_id", "owner_id", "stage", "amount", "close_date"]].assign(
        days_in_stage=days, days_slow=slow, pushes=pushed.reindex(live.index).astype("Int64"),
        overdue=live["close_date"] < as_of, slow=(days > slow).fillna(False),
        pushed=(pushed.reindex(live.index) >= PUSHES).fillna(False), no_account=live["account_id"].isna(),
        no_amount=live["amount"].isna(), no_age=live["created_day"].isna(),
    )  # fmt: skip
    marks = ["overdue", "slow", "pushed", "no_account", "no_amount", "no_age"]
    out["flags"] = out[marks].sum(axis=1)
    return out.sort_values(["flags", "amount"], ascending=False, kind="stable").reset_index()


def listed_deals(flags: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Keep the open deals that are overdue, slow or pushed, and say why each is listed.

    Parameters
    ----------
    flags : DataFrame of `flags`

    Returns
    -------
    DataFrame, those with most reasons and the largest amount first, with ``why``, such as ``overdue by 12 days; postponed 2 times``
    """
    reasons = flags[["overdue", "slow", "pushed"]].sum(axis=1)
    listed = flags.assign(reasons=reasons)[reasons > 0]
    listed = listed.sort_values(["reasons", "amount"], ascending=False, kind="stable", ignore_index=True)
    why = []
    for deal in listed.itertuples():
        days = (as_of - deal.close_date).days if deal.overdue else 0
        reasons = [f"overdue by {days:,} {'day' if days == 1 else 'days'}"] * deal.overdue
        reasons += [
            f"{deal.days_in_stage:,.0f} days in stage (9 of 10 won deals: up to {deal.days_slow:,.0f})"
        ] * deal.slow
        reasons += [f"postponed {deal.pushes} times"] * deal.pushed
        why.append("; ".join(reasons))
    return listed.assign(why=pd.Series(why, dtype="str"))


def amount_of(listed: pd.DataFrame) -> dict[str, object]:
    """Give the amount in deals of no account, as `Book.decide` takes it; without deals there is nothing to decide."""
    total = listed["amount"].sum(min_count=1)
    return {"moves": None if pd.isna(total) else total, "basis": "open deals of", "only_if": len(listed) > 0}


def accounts_of(listed: pd.DataFrame) -> dict[str, object]:
    """Give the accounts of deals and the amounts in them, as `Book.decide` takes them; deals without account are left out."""
    sums = listed.dropna(subset=["account_id"]).groupby("account_id", sort=False)["amount"].sum(min_count=1)
    return {"accounts": sums.index, "moves": sums, "basis": "open deals of"}
