"""The pipeline: what is open, what is won and how fast, what stalls, and whether it covers the target."""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.value import Period, measure_row, months_before
from abmlib.stats import intervals, shrinkage, survival
from abmlib.stats.intervals import FLOOR_OUTCOMES, LEVEL
from abmlib.tables import programme, schema

SEED = 12  # of every bootstrap here
DAY = pd.Timedelta(days=1)
ROW = ["measure_id", "definition_id", "value", "unit", "n", "status", "low", "high", "level", "group_by", "group"]
SLOW_SHARE = 0.9  # a deal is slow in a stage when it is there longer than this share of won deals was; C-58
PUSHES = 2  # closing day moved later this often: C-58
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
CLOSING = "closed"  # what a stage history calls won or lost does not count as a stage of its own
OF_WON = {  # definitions that only a won deal can answer
    "won_value", "deal_size_mean", "deal_size_median", "deal_size_geometric_mean", "acv_mean", "days_to_won_mean",
    "days_to_won_median", "velocity_open_deals", "coverage_needed",
}  # fmt: skip
OF_CLOSED = OF_WON | {
    "win_rate_by_count", "win_rate_by_amount", "accounts_won", "accounts_won_of_accounts_closed", "weighted_by_win_rate",
    "weighted_at_list_price_by_win_rate",
}  # fmt: skip


def with_days(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Add to each deal its age in days. No row is dropped.

    Parameters
    ----------
    deals : DataFrame, one row per deal
        ``tables.schema.OPPORTUNITIES``.

    Returns
    -------
    DataFrame with ``age_days`` (``created_day`` to ``closed_day``, or to `as_of` while open; missing where the deal has no
    ``created_day`` or a closed one no ``closed_day``)
    """
    end = deals["closed_day"].where(deals["is_closed"].astype(bool), as_of)
    return deals.assign(age_days=(end - deals["created_day"]).dt.days)


def closed_in(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Keep the deals won or lost in a period; closed deals without a day are in none.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return deals[deals["is_closed"].astype(bool) & deals["closed_day"].between(period.start, period.end)]


def won_flag(closed: pd.DataFrame) -> pd.Series:
    """Say which closed deals were won, as plain booleans; a closed deal not known to be won counts as lost."""
    return closed["is_won"].fillna(False).astype(bool)


def undated(deals: pd.DataFrame) -> pd.Series:
    """Say which deals were closed on a day that nobody knows.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return deals["is_closed"].astype(bool) & deals["closed_day"].isna()


def dateless(deals: pd.DataFrame) -> bool:
    """Say whether deals were closed and nobody knows of any of them when: then no count of a period is a true 0.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return bool(undated(deals).any()) and not deals["closed_day"].notna().any()


def known_sum(amounts: pd.Series | pd.DataFrame) -> Any:
    """Sum amounts, column by column: 0 where there is no row, missing where there are rows and no amount is known."""
    return amounts.sum(min_count=min(len(amounts), 1))


def explained(rows: Sequence[Mapping[str, object]], deals: pd.DataFrame, closed: pd.DataFrame) -> pd.DataFrame:
    """Make a table of rows of `measures`, and say of what closed deals leave unanswered what is lacking. No row is dropped.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    closed : those of them that count, DataFrame of `closed_in`

    Returns
    -------
    DataFrame, as `rows`, with ``why`` (empty where something else is lacking)
    """
    out = pd.DataFrame(list(rows))
    known = out.get("why", pd.Series("", out.index)).fillna("")
    if won_flag(closed).any():
        return out.assign(why=known)
    lacking = "a deal won in these months" if len(closed) else "a deal closed in these months"
    if dateless(deals):
        lacking = "opportunities.closed_at"
    asked = OF_WON if len(closed) else OF_CLOSED
    if not deals["is_closed"].any():
        asked = asked | {"weighted_by_own_stage_share"}
    unanswered = out["definition_id"].isin(asked) & (out["status"] == "not_answerable")
    return out.assign(why=known.mask(unanswered, lacking))


def share_row(measure_id: str, definition_id: str, k: int, n: int, **more: object) -> dict[str, object]:
    """Make a row of `measures` from a count of a count, with its Wilson interval."""
    w = intervals.wilson(pd.Series([k]), pd.Series([n])).iloc[0]
    return measure_row(
        measure_id, definition_id, w["share"], "share", n, low=w["low"], high=w["high"], level=LEVEL, **more
    )


def found_row(
    measure_id: str, definition_id: str, found: tuple[float, float, float, int], unit: str, **more: object
) -> dict[str, object]:
    """Make a row of `measures` from value, low, high and n."""
    value, low, high, n = found
    return measure_row(measure_id, definition_id, value, unit, n, low=low, high=high, level=LEVEL, **more)


def win_rates(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Measure the win rate by count and by amount.

    By amount it is answered only where most lost deals carry an amount above zero: a CRM that empties the amount of lost
    deals would make every rate one. Where all deals ended alike its interval is missing: drawing them anew changes nothing.

    Parameters
    ----------
    closed : DataFrame of `closed_in`

    References
    ----------
    Metric dictionary C-2, C-3.
    """
    won, amount = won_flag(closed), closed["amount"]
    lost_known = (amount[~won] > 0).mean() if (~won).any() else 1.0
    by_amount = intervals.ratio(amount.where(won, 0.0).where(amount.notna()), amount, SEED)
    if lost_known <= 0.5:
        by_amount = (np.nan, np.nan, np.nan, len(closed))
    if won.nunique() < 2:
        by_amount = (by_amount[0], np.nan, np.nan, by_amount[3])
    return [
        share_row("C-2", "win_rate_by_count", int(won.sum()), len(closed)),
        found_row("C-3", "win_rate_by_amount", by_amount, "share"),
    ]


def deal_sizes(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Measure the size of won deals: sum, mean, median and geometric mean, and the annual contract value.

    The geometric mean counts deals above zero only. ACV is the deal's own, or amount ÷ years of its term.

    References
    ----------
    Metric dictionary C-4; S1-23a.
    """
    won = closed[won_flag(closed)]
    amount = won["amount"].dropna()
    acv = won["acv"].fillna(won["amount"] / (won["term_months"].where(won["term_months"] > 0) / 12))
    value, low, high, n = intervals.estimate(np.log(amount[amount > 0]), np.mean, SEED)
    geometric = (float(np.exp(value)), float(np.exp(low)), float(np.exp(high)), n)
    return [
        measure_row("C-4", "won_value", float(amount.sum()) if len(amount) else np.nan, "currency", len(amount)),
        found_row("C-4", "deal_size_mean", intervals.estimate(amount, np.mean, SEED), "currency"),
        found_row("C-4", "deal_size_median", intervals.estimate(amount, np.median, SEED), "currency"),
        found_row("C-4", "deal_size_geometric_mean", geometric, "currency"),
        found_row("C-4", "acv_mean", intervals.estimate(acv, np.mean, SEED), "currency"),
    ]


def cycle_lengths(closed: pd.DataFrame, deals: pd.DataFrame) -> list[dict[str, object]]:
    """Measure how long deals take.

    The mean and median of won deals look only at deals that are over, and so at the fast ones; the Kaplan–Meier median
    counts open deals as still running. Deals without a creation day do not count. Deals of one account end alike, so the
    interval of the Kaplan–Meier median draws accounts; deals without one count each for itself.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    deals : DataFrame of `with_days`, open and closed, to `as_of`

    References
    ----------
    Metric dictionary C-5.
    """
    won = closed.loc[won_flag(closed), "age_days"]
    aged = deals[deals["age_days"] >= 0]
    km = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    lacking = "more closed deals: too few of all are over" if len(aged) else "opportunities.created_at"
    return [
        found_row("C-5", "days_to_won_mean", intervals.estimate(won, np.mean, SEED), "days"),
        found_row("C-5", "days_to_won_median", intervals.estimate(won, np.median, SEED), "days"),
        found_row("C-5", "days_to_close_median_open_censored", (km.value, km.low, km.high, km.n), "days")
        | {"why": lacking if np.isnan(km.value) else ""},
    ]


def open_deals(deals: pd.DataFrame) -> pd.DataFrame:
    """Keep the open deals."""
    return deals[~deals["is_closed"].astype(bool)]


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
    ``conversion, low, high``, ``days_median, days_low, days_high`` (open ones still running), ``days_slow`` (time by which
    `SLOW_SHARE` of won deals had left), ``decided, win_share, win_low, win_high``

    References
    ----------
    Metric dictionary C-6 (regressions count once), C-7, C-8.
    """
    rows = []
    later = visits.iloc[::-1].groupby("opportunity_id")["stage_order"]
    further = (
        later.cummax().groupby(visits["opportunity_id"]).shift().reindex(visits.index)
    )  # furthest stage after this
    order = visits.groupby("stage")["stage_order"].median().sort_values(kind="stable")
    for stage in order.index:
        stays = visits[visits["stage"] == stage]
        once = stays.drop_duplicates("opportunity_id")
        won = once["won"].fillna(False).astype(bool)
        on = (further[once.index] > once["stage_order"]).fillna(False) | won
        went = intervals.wilson(pd.Series([int(on.sum())]), pd.Series([len(once)])).iloc[0]
        decided = once["won"].notna()
        wins = intervals.wilson(pd.Series([int(won.sum())]), pd.Series([int(decided.sum())])).iloc[0]
        time = survival.quantile(stays["days"], stays["over"], 0.5)
        in_won = stays[stays["won"].fillna(False).astype(bool)]
        rows.append(
            {
                "stage": stage, "entered": len(once), "moved_on": int(on.sum()),
                "conversion": went["share"], "low": went["low"], "high": went["high"],
                "days_median": time.value, "days_low": time.low, "days_high": time.high,
                "days_slow": in_won["days"].quantile(SLOW_SHARE) if len(in_won) >= FLOOR_OUTCOMES else np.nan,
                "decided": int(decided.sum()),
                "win_share": wins["share"], "win_low": wins["low"], "win_high": wins["high"],
            }
        )  # fmt: skip
    columns = ["stage", "entered", "moved_on", "conversion", "low", "high", "days_median", "days_low", "days_high",
               "days_slow", "decided", "win_share", "win_low", "win_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def stage_rows(stages: pd.DataFrame, visits: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` from `stage_table`: conversion and median days, by stage.

    References
    ----------
    Metric dictionary C-6, C-7.
    """
    rows = []
    for s in stages.itertuples():
        where = {"group_by": "stage", "group": s.stage}
        stays = int((visits["stage"] == s.stage).sum())
        rows.append(share_row("C-6", "forward_of_entered", s.moved_on, s.entered, **where))
        days = (s.days_median, s.days_low, s.days_high, stays)
        rows.append(found_row("C-7", "days_in_stage_median_open_censored", days, "days", **where))
    return rows


def list_value(deals: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Value each deal at the list price of its product line (the median, where a line has several products).

    Missing where the line has no list price.

    References
    ----------
    House definition; README, glossary entry "value at list price".
    """
    return deals["product_line"].map(products.groupby("product_line")["list_price"].median()).astype(float)


def open_measures(
    deals: pd.DataFrame, stages: pd.DataFrame, products: pd.DataFrame, win_rate: Mapping[str, Any]
) -> list[dict[str, object]]:
    """Measure the open pipeline: count, value, and value weighted three ways, each under its own definition.

    Weights: the user's own share won per stage; the CRM's probability; where there is no stage history, the one win rate.
    Deals without an amount are counted, and are in no sum but the one at list price. Where no deal is open, sums are 0. The
    interval of a weighted value takes every weight at its lower or upper end at once, so it errs on the wide side.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    stages : DataFrame of `stage_table`
    win_rate : row of `win_rates` by count

    References
    ----------
    Metric dictionary C-8; S1-23b.
    """
    live = open_deals(deals)
    amount, price = live["amount"], list_value(live, products)
    own = stages.set_index("stage")[["win_share", "win_low", "win_high"]].set_axis(["value", "low", "high"], axis=1)
    own = own.reindex(live["stage"]).set_index(live.index)
    rate = pd.DataFrame({c: float(win_rate[c]) for c in ("value", "low", "high")}, index=live.index)
    counts = {
        "open_deals": len(live),
        "open_deals_without_account": int(live["account_id"].isna().sum()),
        "open_deals_without_amount": int(amount.isna().sum()),
        "open_deals_without_age": int(live["created_day"].isna().sum()),
    }
    plain = {
        "open_value": amount,
        "open_value_at_list_price": price,
        "weighted_by_crm_probability": amount * live["probability"],
    }
    weighted = {
        "weighted_by_own_stage_share": own.mul(amount, axis=0),
        "weighted_by_win_rate": rate.mul(amount, axis=0),
        "weighted_at_list_price_by_win_rate": rate.mul(price, axis=0),
    }
    return [
        *(measure_row("C-8", name, float(n), "deals", len(live)) for name, n in counts.items()),
        *(measure_row("C-8", name, known_sum(v), "currency", int(v.notna().sum())) for name, v in plain.items()),
        *(
            found_row("C-8", name, (*known_sum(v), int(v["value"].notna().sum())), "currency")
            for name, v in weighted.items()
        ),
    ]


def velocity(deals: int, size: float, win_rate: float, cycle_days: float) -> float:
    """Sales velocity: money won per day if everything goes on as it is; missing where an input is, or the cycle is 0.

    References
    ----------
    Metric dictionary C-1.

    Examples
    --------
    >>> round(velocity(40, 25_000, 0.25, 90), 2), round(velocity(18, 42_000, 0.24, 78), 2)
    (2777.78, 2326.15)
    """
    return deals * size * win_rate / cycle_days if cycle_days > 0 else float("nan")


def velocity_row(closed: pd.DataFrame, n_open: int) -> dict[str, object]:
    """Measure sales velocity of the open deals with the win rate, size and cycle of the closed ones, with its interval.

    The interval comes from drawing closed deals anew; the number of open deals is a count. Deals without an amount or an age
    count in the win rate alone.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    n_open : deals open now

    References
    ----------
    Metric dictionary C-1, with N the open deals: current N, the window's win rate, size and cycle.
    """
    won = won_flag(closed).to_numpy()
    amount = np.where(won, closed["amount"].to_numpy(float), np.nan)
    days = np.where(won, closed["age_days"].to_numpy(float), np.nan)

    def of(w: np.ndarray, a: np.ndarray, d: np.ndarray, axis: int = -1) -> np.ndarray:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = n_open * np.nanmean(a, axis=axis) * np.mean(w, axis=axis) / np.nanmean(d, axis=axis)
        return np.where(np.isfinite(found), found, np.nan)

    found = intervals.drawn((won.astype(float), amount, days), of, SEED)
    return found_row("C-1", "velocity_open_deals", (*found, n_open), "currency per day")


def accounts_won(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Count accounts with a won deal, and their share of accounts with a closed one; missing without any closed one.

    References
    ----------
    Metric dictionary C-10; S3-25a.
    """
    known = closed[closed["account_id"].notna()]
    won = known.loc[won_flag(known), "account_id"].nunique()
    n = known["account_id"].nunique()
    return [
        measure_row("C-10", "accounts_won", float(won) if n else np.nan, "accounts", n),
        share_row("C-10", "accounts_won_of_accounts_closed", won, n),
    ]


def pushes(history: pd.DataFrame) -> pd.Series:
    """Count, per deal, how often its closing day was moved later; deals whose history has no closing day have no row.

    References
    ----------
    Metric dictionary C-11.
    """
    rows = history[history["close_date"].notna()].sort_values(["opportunity_id", "entered_at", "seq"])
    later = rows.groupby("opportunity_id")["close_date"].diff() > pd.Timedelta(0)
    return later.groupby(rows["opportunity_id"]).sum().astype(int)


def slippage(then: pd.DataFrame, now: pd.DataFrame, period: Period) -> dict[str, object]:
    """Measure the share of deals due to close in a period that did not.

    Parameters
    ----------
    then : deals as known on the day before the period began
    now : deals as known at its end, `with_days`

    References
    ----------
    Metric dictionary C-11.
    """
    due = open_deals(then)
    due = due[due["close_date"].between(period.start, period.end)]
    state = now.set_index("opportunity_id")["is_closed"].reindex(due["opportunity_id"]).fillna(False).astype(bool)
    dated = open_deals(then)["close_date"].notna().any()
    lacking = "a deal due to close in these months" if dated else "opportunity_stage_history with close_date"
    return share_row(
        "C-11", "slip_rate", int((~state).sum()), len(due), window_start=period.start, window_end=period.end,
        why="" if len(due) else lacking,
    )  # fmt: skip


def by_group(closed: pd.DataFrame, group: pd.Series, group_by: str) -> pd.DataFrame:
    """Measure the win rate by group, raw and shrunken, the most closed deals first.

    Deals whose group is missing are in the group ``unknown``.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    group : Series of labels, index as `closed`

    Returns
    -------
    DataFrame: ``group_by, group, won, n, raw, shrunk, low, high``

    References
    ----------
    Metric dictionary C-2 and its shrinkage rule.
    """
    labels = group.astype("str").fillna("unknown")
    counted = won_flag(closed).groupby(labels).agg(["sum", "size"])
    rates = shrinkage.rates(counted["sum"], counted["size"])
    out = rates.assign(won=counted["sum"]).rename_axis("group").reset_index().assign(group_by=group_by)
    return out.sort_values(["n", "group"], ascending=[False, True], ignore_index=True)[
        ["group_by", "group", "won", "n", "raw", "shrunk", "low", "high"]
    ]


def differences(groups: pd.DataFrame) -> pd.DataFrame:
    """Judge, for each way of grouping, whether win rates differ between groups beyond chance.

    A chi-squared test per way, p-values held to a false discovery rate over all ways (Benjamini–Hochberg).

    Parameters
    ----------
    groups : DataFrame of `all_groups`

    Returns
    -------
    DataFrame: ``group_by, groups, n, p`` (adjusted; missing with one group or one outcome), ``judged``

    References
    ----------
    Benjamini and Hochberg (1995), JRSS B 57, p. 289; Pearson's chi-squared test of homogeneity.
    """
    rows = []
    for way, part in groups.groupby("group_by", sort=False):
        table = np.array([part["won"], part["n"] - part["won"]], dtype=float)
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        p = np.nan
        if len(part) > 1 and (expected > 0).all():
            p = float(scipy.special.chdtrc(len(part) - 1, ((table - expected) ** 2 / expected).sum()))
        rows.append((way, len(part), int(part["n"].sum()), p))
    out = pd.DataFrame(rows, columns=["group_by", "groups", "n", "p"])
    some = out["p"].notna()
    out["p"] = intervals.adjusted(out["p"])
    judged = np.select(
        [out["groups"] < 2, ~some, out["p"] < 1 - LEVEL],
        ["one group", "one outcome", "differ"],
        "no difference beyond chance",
    )
    return out.assign(judged=judged)


def group_rows(groups: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` from `by_group`: the raw rate with its Wilson interval, and the shrunken one."""
    wilson = intervals.wilson(groups["won"], groups["n"])
    rows = []
    for g, w in zip(groups.itertuples(), wilson.itertuples(), strict=True):
        where = {"group_by": g.group_by, "group": g.group, "level": LEVEL}
        rows.append(measure_row("C-2", "win_rate_by_count", g.raw, "share", g.n, low=w.low, high=w.high, **where))
        rows.append(measure_row("C-2", "win_rate_shrunken", g.shrunk, "share", g.n, low=g.low, high=g.high, **where))
    return rows


def cohorts(deals: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Follow the deals opened in each quarter: how many are decided, how many won, and whether it can be judged.

    A cohort is ``too_early`` while some of its deals are open and the newest is younger than the time by which nine tenths of
    all deals are closed (or fewer ever are); its win rate would rest on the fast ones alone.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`

    Returns
    -------
    DataFrame, oldest first: ``cohort, opened, open, won, n`` (decided), ``share, low, high, status``
    """
    aged = deals[deals["created_day"].notna()]
    ripe = survival.quantile(aged["age_days"].clip(lower=0), aged["is_closed"].astype(bool), SLOW_SHARE).value
    quarter = aged["created_day"].dt.to_period(quarters(year_starts))
    rows = []
    for label, group in aged.groupby(quarter):
        won = won_flag(group[group["is_closed"].astype(bool)])
        old = (as_of - group["created_day"].max()).days
        rows.append(
            (str(label), len(group), int((~group["is_closed"].astype(bool)).sum()), int(won.sum()), len(won), old)
        )
    out = pd.DataFrame(rows, columns=["cohort", "opened", "open", "won", "n", "old"])
    late = ~(out["old"] >= ripe) & (out["open"] > 0)
    judged = intervals.wilson(out["won"], out["n"])[["share", "low", "high"]]
    return pd.concat([out.drop(columns="old"), judged], axis=1).assign(status=np.where(late, "too_early", "ok"))


def cohort_rows(found: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` from `cohorts`, those too early to judge marked so.

    References
    ----------
    Metric dictionary C-2, its trap of recent cohorts; S3-26.
    """
    rows = []
    for c in found.itertuples():
        row = share_row("C-2", "win_rate_of_cohort", c.won, c.n, group_by="quarter opened", group=c.cohort)
        rows.append(row | {"status": c.status if c.n else "not_answerable"})
    return rows


def push_row(pushed: pd.Series) -> dict[str, object]:
    """Measure how often a deal's closing day was moved later, on average over all deals with a history of it.

    Parameters
    ----------
    pushed : Series of `pushes`

    References
    ----------
    Metric dictionary C-11.
    """
    return found_row("C-11", "pushes_per_deal_mean", intervals.estimate(pushed.astype(float), np.mean, SEED), "times")


def flags(
    deals: pd.DataFrame, visits: pd.DataFrame, stages: pd.DataFrame, pushed: pd.Series, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Flag every open deal that is overdue, slow in its stage, pushed, or lacks what a forecast needs.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    visits : DataFrame of `stage_visits`
    stages : DataFrame of `stage_table`
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
    slow = live["stage"].map(stages.set_index("stage")["days_slow"]).astype(float)
    out = pd.DataFrame(
        {
            "account_id": live["account_id"],
            "owner_id": live["owner_id"],
            "stage": live["stage"],
            "amount": live["amount"],
            "close_date": live["close_date"],
            "days_in_stage": days,
            "days_slow": slow,
            "pushes": pushed.reindex(live.index).astype("Int64"),
            "overdue": live["close_date"] < as_of,
            "slow": (days > slow).fillna(False),
            "pushed": (pushed.reindex(live.index) >= PUSHES).fillna(False),
            "no_account": live["account_id"].isna(),
            "no_amount": live["amount"].isna(),
            "no_age": live["created_day"].isna(),
        }
    )
    marks = ["overdue", "slow", "pushed", "no_account", "no_amount", "no_age"]
    out["flags"] = out[marks].sum(axis=1)
    return out.sort_values(["flags", "amount"], ascending=False, kind="stable").reset_index()


def coverage(
    deals: pd.DataFrame, closed: pd.DataFrame, target: float, period: Period, win_rate_by_amount: Mapping[str, Any]
) -> list[dict[str, object]]:
    """Set the open pipeline due in a period against what is still missing to the target.

    Missing where the target is unknown; where it is already won, coverage is missing too and ``won_of_target`` says so. What
    was won, or is due, is missing where deals carry no day or no amount; ``why`` says which.

    Parameters
    ----------
    closed : DataFrame of `closed_in` the period so far
    target : money to be won in the period
    win_rate_by_amount : row of `win_rates` by amount; the inverse of its value and ends is the coverage needed

    References
    ----------
    Metric dictionary C-9.

    Examples
    --------
    >>> 1 / 0.25  # a quarter of the amount is won, so four times the gap is needed
    4.0
    """
    live = open_deals(deals)
    due = live.loc[live["close_date"].between(period.start, period.end), "amount"]
    won = known_sum(closed.loc[won_flag(closed), "amount"])
    unwon = "" if pd.notna(won) else "opportunities.amount of won deals"
    open_due = known_sum(due)
    undue = "" if pd.notna(open_due) else "opportunities.amount of open deals"
    if dateless(deals):
        won, unwon = np.nan, "opportunities.closed_at"
    if len(live) and live["close_date"].isna().all():
        open_due, undue = np.nan, "opportunities.close_date of open deals"
    gap = target - won
    ratio = open_due / gap if gap > 0 else np.nan
    needed = [1 / win_rate_by_amount[c] if win_rate_by_amount[c] > 0 else np.nan for c in ("value", "high", "low")]
    more = {"window_start": period.start, "window_end": period.end}
    lacking = {"open_due_in_period": undue}
    if pd.notna(target):
        reached = "a gap: the target is won already" if gap <= 0 else ""
        lacking |= {"won_of_target": unwon, "coverage": unwon or undue or reached}
    rows = [
        measure_row("C-9", "target", target, "currency", 1, **more),
        measure_row("C-9", "won_of_target", won / target if target > 0 else np.nan, "share", len(closed), **more),
        measure_row("C-9", "open_due_in_period", open_due, "currency", int(due.notna().sum()), **more),
        measure_row("C-9", "coverage", ratio, "times", int(due.notna().sum()), **more),
        found_row(
            "C-9", "coverage_needed", (needed[0], needed[1], needed[2], win_rate_by_amount["n"]), "times", **more
        ),
    ]
    return [row | {"why": lacking.get(str(row["definition_id"]), "")} for row in rows]


def current_targets(targets: pd.DataFrame) -> pd.DataFrame:
    """Keep, of several entries for one period, owner and measure, the one entered last; however the period is spelt."""
    spelt = targets.assign(period=targets["period"].str.replace("-Q", "Q").str.replace("Q", "-Q"))
    return programme.standing("targets", spelt).reset_index(drop=True)


def quarters(year_starts: int) -> str:
    """Name the quarters of a fiscal year that starts in a month, as pandas does, after the month it ends in.

    Examples
    --------
    >>> quarters(1), quarters(7)
    ('Q-DEC', 'Q-JUN')
    """
    return f"Q-{MONTHS[year_starts - 2]}"


def period_of(label: str, year_starts: int = 1) -> Period:
    """Read a year, quarter or month such as 2026, 2026-Q3 or 2026-07; years and quarters are of the fiscal year.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts; a fiscal year is named after the calendar year it ends in

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> str(period_of("2026-Q3")), str(period_of("2026-07"))
    ('2026-07-01 to 2026-09-30', '2026-07-01 to 2026-07-31')
    >>> str(period_of("2026-Q3", year_starts=7)), str(period_of("2026", year_starts=7))
    ('2026-01-01 to 2026-03-31', '2025-07-01 to 2026-06-30')
    """
    if not re.fullmatch(schema.PERIOD, label):
        raise ValueError(f"period {label!r} is no year, quarter or month. Write 2026, 2026-Q3 or 2026-07.")
    quarterly = quarters(year_starts)
    freq = quarterly if "Q" in label else "M" if "-" in label else quarterly.replace("Q", "Y")
    found = pd.Period(label.replace("-Q", "Q"), freq=freq)
    return Period(found.start_time.normalize(), found.end_time.normalize())


def target_for(
    targets: pd.DataFrame, as_of: pd.Timestamp, measure_id: str = "won_value", year_starts: int = 1
) -> tuple[Period, float]:
    """Find the company's target of the shortest period that holds the day; without one, the quarter and a missing number.

    Entries without an owner are the company's; only where there is none does the sum of its owners' stand in.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    quarter = pd.Period(as_of, quarters(year_starts))
    none = (Period(quarter.start_time.normalize(), quarter.end_time.normalize()), float("nan"))
    mine = current_targets(targets[targets["measure_id"] == measure_id])
    mine = mine.assign(span=mine["period"].map(lambda label: period_of(label, year_starts)))
    mine = mine.loc[np.array([p.start <= as_of <= p.end for p in mine["span"]], dtype=bool)]
    mine = mine[mine["owner_id"].isna()] if mine["owner_id"].isna().any() else mine
    if mine.empty:
        return none
    shortest = min(mine["span"], key=lambda p: p.end - p.start)
    return shortest, float(mine.loc[[p == shortest for p in mine["span"]], "value"].sum())


def trailing(as_of: pd.Timestamp, months: int) -> Period:
    """Give the months that end on a day."""
    return Period(months_before(as_of, months) + DAY, as_of)


def crm_beside_own(visits: pd.DataFrame, history: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Set the CRM's mean probability in each stage beside the share of decided deals that were won.

    Stages without a decided deal have no row.

    Returns
    -------
    DataFrame: ``stage, share, low, high, n, crm`` (missing where the CRM gives none)

    References
    ----------
    Metric dictionary C-8.
    """
    crm = history.groupby("stage")["probability"].mean()
    told = stages[stages["decided"] > 0]
    out = told.rename(columns={"win_share": "share", "decided": "n"})[["stage", "share", "win_low", "win_high", "n"]]
    out = out.rename(columns={"win_low": "low", "win_high": "high"})
    return out.assign(crm=out["stage"].map(crm)).reset_index(drop=True)


def all_groups(closed: pd.DataFrame, industry: pd.Series, year_starts: int = 1) -> pd.DataFrame:
    """Measure the win rate by type, product line, segment, seller and quarter, as `by_group`, one after another.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    industry : Series, segment of each account id
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    ways = {
        "type": closed["type"],
        "product line": closed["product_line"],
        "segment": closed["account_id"].map(industry),
        "owner": closed["owner_id"],
        "quarter": closed["closed_day"].dt.to_period(quarters(year_starts)).astype("str"),
    }
    return pd.concat([by_group(closed, labels, name) for name, labels in ways.items()], ignore_index=True)


def in_trouble(flags: pd.DataFrame) -> pd.DataFrame:
    """Keep the open deals that are overdue, slow or pushed."""
    return flags[flags[["overdue", "slow", "pushed"]].any(axis=1)].reset_index(drop=True)


def accounts_at_stake(trouble: pd.DataFrame) -> dict[str, object]:
    """Give the accounts of deals and the money in them, as `Book.decide` takes them; deals without account are left out."""
    sums = trouble.dropna(subset=["account_id"]).groupby("account_id", sort=False)["amount"].sum(min_count=1)
    return {"accounts": sums.index, "expected_value": sums}
