"""Closed deals: what is won, how large, how fast, by whom; and cohorts of deals by the quarter they were opened."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.measures import estimate_row, measure_row, measure_rows, share_row, share_rows
from abmlib.method.periods import Period, quarters
from abmlib.stats import intervals, pooling, survival
from abmlib.stats.intervals import LEVEL

SLOW_SHARE = 0.9  # a deal is slow in a stage when it is there longer than this share of won deals was; C-58
SEED = 12  # of every bootstrap here
OF_WON = {  # definitions that only a won deal can answer
    "won_value", "deal_size_mean", "deal_size_median", "deal_size_geometric_mean", "acv_mean", "days_to_won_mean",
    "days_to_won_median", "velocity_open_deals", "coverage_needed",
}  # fmt: skip
OF_CLOSED = OF_WON | {
    "win_rate_by_count", "win_rate_by_amount", "accounts_won", "accounts_won_of_accounts_closed", "weighted_by_win_rate",
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


def open_deals(deals: pd.DataFrame) -> pd.DataFrame:
    """Keep the open deals."""
    return deals[~deals["is_closed"].astype(bool)]


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


def with_reasons(rows: Sequence[Mapping[str, object]], deals: pd.DataFrame, closed: pd.DataFrame) -> pd.DataFrame:
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


def won_measures(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Measure the deals decided in a period: win rates, sizes, days they took, accounts won.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered
    """
    closed = closed_in(deals, period)
    rows = [*win_rates(closed), *deal_sizes(closed), *cycle_lengths(closed, deals), *accounts_won(closed)]
    return with_reasons(rows, deals, closed).assign(window_start=period.start, window_end=period.end)


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
        estimate_row("C-3", "win_rate_by_amount", by_amount, "share"),
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
        estimate_row("C-4", "deal_size_mean", intervals.estimate(amount, np.mean, SEED), "currency"),
        estimate_row("C-4", "deal_size_median", intervals.estimate(amount, np.median, SEED), "currency"),
        estimate_row("C-4", "deal_size_geometric_mean", geometric, "currency"),
        estimate_row("C-4", "acv_mean", intervals.estimate(acv, np.mean, SEED), "currency"),
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
    why = lacking if np.isnan(km.value) else ""
    return [
        estimate_row("C-5", "days_to_won_mean", intervals.estimate(won, np.mean, SEED), "days"),
        estimate_row("C-5", "days_to_won_median", intervals.estimate(won, np.median, SEED), "days"),
        estimate_row("C-5", "days_to_close_median_open_censored", km, "days", why=why),
    ]


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

    def velocity(w: np.ndarray, a: np.ndarray, d: np.ndarray, axis: int = -1) -> np.ndarray:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            per_day = n_open * np.nanmean(a, axis=axis) * np.mean(w, axis=axis) / np.nanmean(d, axis=axis)
        return np.where(np.isfinite(per_day), per_day, np.nan)

    estimate = intervals.bootstrap_ci((won.astype(float), amount, days), velocity, SEED)
    return estimate_row("C-1", "velocity_open_deals", (*estimate, n_open), "currency per day")


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


def all_groups(closed: pd.DataFrame, industry: pd.Series, year_starts: int = 1) -> pd.DataFrame:
    """Measure the win rate by quarter, type, product line, segment and seller, as `by_group`, one after another.

    A way of grouping with one group only is left out: it says the same as all deals together.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    industry : Series, segment of each account id
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    ways = {
        "quarter": closed["closed_day"].dt.to_period(quarters(year_starts)).astype("str"),
        "type": closed["type"],
        "product line": closed["product_line"],
        "segment": closed["account_id"].map(industry),
        "owner": closed["owner_id"],
    }
    groups = {name: by_group(closed, labels, name) for name, labels in ways.items()}
    groups["quarter"] = groups["quarter"].sort_values("group")
    return pd.concat([g.iloc[:0] if len(g) == 1 else g for g in groups.values()], ignore_index=True)


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
    rates = pooling.rates(counted["sum"], counted["size"])
    out = rates.assign(won=counted["sum"]).rename_axis("group").reset_index().assign(group_by=group_by)
    columns = ["group_by", "group", "won", "n", "raw", "shrunk", "low", "high"]
    return out.sort_values(["n", "group"], ascending=[False, True], ignore_index=True)[columns]


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
    conditions = [out["groups"] < 2, ~some, out["p"] < 1 - LEVEL]
    verdicts = ["one group", "one outcome", "differ"]
    return out.assign(judged=np.select(conditions, verdicts, "no difference beyond chance"))


def group_rows(groups: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `by_group`: the raw rate with its Wilson interval, and the shrunken one."""
    about = groups[["group_by", "group", "n"]]
    raw = share_rows("C-2", "win_rate_by_count", groups["won"], **about)
    shrunken = measure_rows("C-2", "win_rate_shrunken", groups["shrunk"], "share", **groups[["low", "high"]], **about)
    return pd.concat([raw, shrunken])


def cohorts(deals: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Follow the deals opened in each quarter: how many are decided, how many won, and whether it can be judged.

    A cohort is ``too_early`` while some of its deals are open and the newest is younger than the time by which nine tenths of
    all deals are closed (or fewer ever are); its win rate would rest on the fast ones alone.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`

    Returns
    -------
    DataFrame, oldest first: ``cohort, opened, open, decided, won, win_share, win_low, win_high, status``
    """
    aged = deals[deals["created_day"].notna()]
    closed = aged["is_closed"].astype(bool)
    ripe = survival.quantile(aged["age_days"].clip(lower=0), closed, SLOW_SHARE).value
    cohort = aged["created_day"].dt.to_period(quarters(year_starts)).astype("str")
    marked = aged.assign(cohort=cohort, open=~closed, decided=closed, won=won_flag(aged) & closed)
    out = marked.groupby("cohort").agg(
        opened=("decided", "size"), open=("open", "sum"), decided=("decided", "sum"), won=("won", "sum"),
        newest=("created_day", "max"),
    )  # fmt: skip
    early = ~((as_of - out["newest"]).dt.days >= ripe) & (out["open"] > 0)
    rates = intervals.wilson(out["won"], out["decided"])[["share", "low", "high"]].add_prefix("win_")
    out = out.drop(columns="newest").join(rates).assign(status=np.where(early, "too_early", "ok"))
    return out.reset_index()


def cohort_rows(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `cohorts`, those too early to judge marked so.

    References
    ----------
    Metric dictionary C-2, its trap of recent cohorts; S3-26.
    """
    columns = {"n": cohorts["decided"], "group_by": "quarter opened", "group": cohorts["cohort"]}
    status = cohorts["status"].where(cohorts["decided"] > 0, "not_answerable")
    return share_rows("C-2", "win_rate_of_cohort", cohorts["won"], **columns, status=status)
