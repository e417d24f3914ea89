"""Closed deals: what is won, how large, how fast, by whom; and cohorts of deals by the quarter they were opened."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.measures import estimate_row, measure_row, measure_rows, share_row
from abmlib.method.periods import Period, quarters
from abmlib.stats import intervals, pooling, survival
from abmlib.stats.intervals import LEVEL
from abmlib.tables.days import LONGEST_DAYS

SLOW_SHARE = 0.9  # a deal is slow in a stage when it is there longer than this share of won deals was; C-58
SEED = 12  # of every bootstrap here
MOSTLY = 0.5  # share of open deals overdue, above which velocity counts what is no business
MEAN_HELD = 0.87  # share of books of 100 accounts whose intervals of mean size and velocity hold them, the lower: benchmarks/truth.md
OF_WON = {  # definitions that only a won deal can answer
    "won_value", "deal_size_mean", "deal_size_median", "deal_size_geometric_mean", "acv_mean", "days_to_won_mean",
    "days_to_won_median", "velocity_open_deals", "coverage_needed",
}  # fmt: skip
OF_CLOSED = OF_WON | {"win_rate_by_count", "win_rate_by_amount", "accounts_won", "accounts_won_of_accounts_closed"}
OF_LOST = {  # need a lost deal too
    "win_rate_by_count", "win_rate_by_amount", "velocity_open_deals", "coverage_needed", "accounts_won_of_accounts_closed",
}  # fmt: skip
OF_DAYS = {"days_to_won_mean", "days_to_won_median", "velocity_open_deals"}  # definitions that need the day of closing


def with_days(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Add to each deal its age in days. No row is dropped.

    Parameters
    ----------
    deals : DataFrame, one row per deal
        ``tables.schema.OPPORTUNITIES``.

    Returns
    -------
    DataFrame with ``age_days`` (``created_day`` to ``closed_day``, or to `as_of` while open; missing where the deal has no
    ``created_day`` or a closed one no ``closed_day``, where it closed before it was created, and beyond `LONGEST_DAYS`:
    `oddities` counts them)
    """
    days = _days(deals, as_of)
    return deals.assign(age_days=days.where(days.between(0, LONGEST_DAYS)))


def _days(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Days from creation to closing, or to `as_of` while open, as the dates have it."""
    end = deals["closed_day"].where(deals["is_closed"].astype(bool), as_of)
    return (end - deals["created_day"]).dt.days


def oddities(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Count the deals whose data cannot be taken as they are, and say what happens to them.

    A deal may be counted in several rows; what no deal has gives no row.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed

    Returns
    -------
    DataFrame: ``oddity, deals, treatment``
    """
    closed, days = deals["is_closed"].astype(bool), _days(deals, as_of)
    whole = "win rates, sizes and accounts won are of all deals ever decided, and have no window"
    nowhere = whole if dateless(deals) else "in no window; counted in all-time numbers only"
    found = [
        ("closed, without a possible closing day", undated(deals), nowhere),
        ("closed, won or lost unknown", closed & deals["is_won"].isna(), "neither won nor lost; in no win rate"),
        ("closed before it was created", days < 0, "in win rates and sizes; in no duration"),
        ("created or closed on an impossible day", days > LONGEST_DAYS, "in win rates and sizes; in no duration"),
        ("amount below zero", deals["amount"] < 0, "in sums and in the count; in no size and no rate by amount"),
    ]
    rows = [(what, int(flag.sum()), done) for what, flag, done in found if flag.any()]
    return pd.DataFrame(rows, columns=["oddity", "deals", "treatment"])


def decided(deals: pd.DataFrame) -> pd.DataFrame:
    """Keep the deals known to be won or lost; a closed deal of which nobody knows which is neither."""
    return deals[deals["is_closed"].astype(bool) & deals["is_won"].notna()]


def closed_in(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Keep the deals won or lost in a period; deals without a closing day are in none.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    known = decided(deals)
    return known[known["closed_day"].between(period.start, period.end)]


def counted(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Keep the deals that win rates, sizes and accounts won count.

    Those won or lost in the period; all ever decided where `dateless`.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return decided(deals) if dateless(deals) else closed_in(deals, period)


def open_deals(deals: pd.DataFrame) -> pd.DataFrame:
    """Keep the open deals."""
    return deals[~deals["is_closed"].astype(bool)]


def won_flag(closed: pd.DataFrame) -> pd.Series:
    """Say which deals were won, as plain booleans; of `decided` deals all others are lost."""
    return closed["is_won"].fillna(False).astype(bool)


def undated(deals: pd.DataFrame) -> pd.Series:
    """Say which deals were closed on a day that nobody knows.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return deals["is_closed"].astype(bool) & deals["closed_day"].isna()


def dateless(deals: pd.DataFrame) -> bool:
    """Say whether nobody knows of most closed deals when they closed: then no count of a period is true.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    return bool(undated(deals).sum() * 2 > deals["is_closed"].sum())


def by_month(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Sum the amounts of deals opened and of deals won in each whole month of a period.

    Amounts are as known now. A month without a deal has 0; what no month knows has no column. Where most lost, or most open,
    deals carry no amount above zero, nothing is said of deals opened. Where `dateless` there is no row.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed

    Returns
    -------
    DataFrame, one row per month: ``month`` (first day), ``created, won`` (money)
    """
    months = pd.period_range(period.start, period.end, freq="M")
    months = months[(months.start_time >= period.start) & (months.end_time.normalize() <= period.end)]
    won = deals[deals["is_closed"].astype(bool) & won_flag(deals)]
    days = {"created": deals["created_day"], "won": won["closed_day"]}
    sums = {name: deals["amount"].groupby(day.dt.to_period("M")).sum(min_count=1) for name, day in days.items()}
    sums = sums if carry_amounts(deals) else {"won": sums["won"]}
    found = pd.DataFrame(sums).reindex(months).dropna(axis=1, how="all").fillna(0.0)
    found.insert(0, "month", months.to_timestamp())
    return found.iloc[:0] if dateless(deals) or found.shape[1] == 1 else found.reset_index(drop=True)


def carry_amounts(deals: pd.DataFrame) -> bool:
    """Say whether most lost and most open deals carry an amount above zero; without, sums of deals opened are sums of won ones."""
    others = deals[~(deals["is_closed"].astype(bool) & won_flag(deals))]
    return bool(((others["amount"] > 0).groupby(others["is_closed"]).mean() > 0.5).all())


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
    won, asked, window = won_flag(closed), OF_CLOSED, "" if dateless(deals) else " in these months"
    if won.any():
        asked = OF_LOST if won.all() else set()
        lacking = f"a deal lost{window}"
        if won_flag(decided(deals)).all():
            lacking = "lost deals: the data hold deals won and no deal lost"
    elif len(closed):
        asked, lacking = OF_WON, f"a deal won{window}"
    else:
        lacking = "the day each deal was closed" if dateless(deals) else "a deal closed in these months"
    unanswered = out["status"] == "not_answerable"
    if dateless(deals):
        known = known.mask(unanswered & out["definition_id"].isin(OF_DAYS), "the day each deal was closed")
    return out.assign(why=known.mask(unanswered & out["definition_id"].isin(asked) & (known == ""), lacking))


def won_measures(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Measure the deals decided in a period: win rates, sizes, days they took, accounts won, velocity.

    Where `dateless`, they are those of all deals ever decided, and rows have no window; nor has the median of days to close,
    which counts all deals of the book. Velocity is not answered where most open deals are overdue at the end of the period.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered
    """
    closed = counted(deals, period)
    rows = [*win_rates(closed), *deal_sizes(closed), *cycle_lengths(closed, deals), *accounts_won(closed)]
    live = open_deals(deals)
    is_rotten, n, why = (
        (live["close_date"] < period.end).mean() > MOSTLY,
        len(live),
        "open deals of which most are not overdue",
    )
    none = measure_row("C-1", "velocity_open_deals", np.nan, "currency per day", n, why=why)
    rows.append(none if is_rotten else velocity_row(closed, n))
    found = with_reasons(rows, deals, closed).assign(window_start=period.start, window_end=period.end)
    ever = dateless(deals) | found["definition_id"].eq("days_to_close_median_open_censored")
    return found.assign(**{c: found[c].mask(ever) for c in ("window_start", "window_end")})


def win_rates(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Measure the win rate by count and by amount, with accounts as clusters.

    Neither is answered where no deal was lost: a CRM that keeps won deals only would make every rate one. By amount it is
    answered only where most lost deals carry an amount above zero: a CRM that empties the amount of lost deals would do the
    same. Amounts below zero are in no rate by amount. Where no deal was won, the rate by amount has no interval.

    Parameters
    ----------
    closed : DataFrame of `closed_in`

    References
    ----------
    Metric dictionary C-2, C-3; `intervals.share`, `intervals.ratio`.
    """
    won, account, amount = won_flag(closed), closed["account_id"], sizes(closed)
    by_count = intervals.share(won, account)
    by_amount = intervals.ratio(amount.where(won | amount.isna(), 0.0), amount, SEED, account)
    if won.all():
        by_count = (np.nan, np.nan, np.nan, len(closed))
    if won.all() or (amount[~won] > 0).mean() <= 0.5:
        by_amount = (np.nan, np.nan, np.nan, len(closed))
    if not won.any():
        by_amount = (by_amount[0], np.nan, np.nan, by_amount[3])
    return [
        estimate_row("C-2", "win_rate_by_count", by_count, "share"),
        estimate_row("C-3", "win_rate_by_amount", by_amount, "share"),
    ]


def sizes(deals: pd.DataFrame) -> pd.Series:
    """Give the amount of each deal; missing below zero: a credit is no size of a deal."""
    return deals["amount"].where(deals["amount"] >= 0)


def acv(deals: pd.DataFrame) -> pd.Series:
    """Give the annual contract value of each deal: its own, or its size ÷ years of its term; missing without either."""
    return deals["acv"].fillna(sizes(deals) / (deals["term_months"].where(deals["term_months"] > 0) / 12))


def deal_sizes(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Measure the size of won deals: sum, median, mean and geometric mean, and the annual contract value.

    The median comes first: a few very large deals move the mean, and its interval holds the truth less often than it says.
    Accounts are clusters in every interval. Amounts below zero are in the sum and in no size; the geometric mean counts deals
    above zero only.

    References
    ----------
    Metric dictionary C-4; S1-23a; `intervals.estimate`.
    """
    won = closed[won_flag(closed)]
    amount, size, account = won["amount"].dropna(), sizes(won), won["account_id"]
    value, low, high, n = intervals.estimate(np.log(size.where(size > 0)), np.mean, SEED, account)
    geometric = (float(np.exp(value)), float(np.exp(low)), float(np.exp(high)), n)
    return [
        measure_row("C-4", "won_value", float(amount.sum()) if len(amount) else np.nan, "currency", len(amount)),
        estimate_row("C-4", "deal_size_median", intervals.estimate(size, np.median, SEED, account), "currency"),
        estimate_row("C-4", "deal_size_mean", intervals.estimate(size, np.mean, SEED, account), "currency"),
        estimate_row("C-4", "deal_size_geometric_mean", geometric, "currency"),
        estimate_row("C-4", "acv_mean", intervals.estimate(acv(won), np.mean, SEED, account), "currency"),
    ]


def cycle_lengths(closed: pd.DataFrame, deals: pd.DataFrame) -> list[dict[str, object]]:
    """Measure how long deals take.

    The mean and median of won deals look only at deals that are over, and so at the fast ones; the Kaplan–Meier median
    counts open deals as still running. Deals without an age do not count (`with_days`). Deals of one account end alike, so
    accounts are clusters in every interval.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    deals : DataFrame of `with_days`, open and closed, to `as_of`

    References
    ----------
    Metric dictionary C-5.
    """
    won, aged = closed[won_flag(closed)], deals[deals["age_days"].notna()]
    took, account = won["age_days"], won["account_id"]
    km = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    lacking = "more closed deals: too few of all are over" if len(aged) else "the day each deal was opened"
    why = lacking if np.isnan(km.value) else ""
    return [
        estimate_row("C-5", "days_to_won_mean", intervals.estimate(took, np.mean, SEED, account), "days"),
        estimate_row("C-5", "days_to_won_median", intervals.estimate(took, np.median, SEED, account), "days"),
        estimate_row("C-5", "days_to_close_median_open_censored", km, "days", why=why),
    ]


def velocity_row(closed: pd.DataFrame, n_open: int) -> dict[str, object]:
    """Measure sales velocity of the open deals with the win rate, size and cycle of the closed ones, with its interval.

    Open deals × mean size × win rate ÷ mean days; accounts are clusters in the interval, the number of open deals is a count.
    Deals without an amount, or with one below zero, and deals without an age count in the win rate alone. Where no deal was
    lost it is not answered, as the win rate.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    n_open : deals open now

    References
    ----------
    Metric dictionary C-1, with N the open deals: current N, the window's win rate, size and cycle; `intervals.product`.
    """
    won = won_flag(closed)
    size, days = (column.where(won) for column in (sizes(closed), closed["age_days"]))
    sums = {"size": size, "sized": size.notna(), "won": won, "decided": True, "days": days, "aged": days.notna()}
    powers = dict(zip(sums, (1, -1, 1, -1, -1, 1), strict=True))
    found = intervals.product(pd.DataFrame(sums, closed.index), powers, SEED, closed["account_id"])
    per_day = [np.nan if n_open and won.all() else n_open * x for x in found[:3]]
    return estimate_row("C-1", "velocity_open_deals", (per_day[0], per_day[1], per_day[2], n_open), "currency per day")


def accounts_won(closed: pd.DataFrame) -> list[dict[str, object]]:
    """Count accounts with a won deal, and their share of accounts with a closed one; missing without any closed one.

    Where no deal was lost the share is missing, as the win rate.

    References
    ----------
    Metric dictionary C-10; S3-25a.
    """
    known = closed[closed["account_id"].notna()]
    won = known.loc[won_flag(known), "account_id"].nunique()
    n = known["account_id"].nunique()
    return [
        measure_row("C-10", "accounts_won", float(won) if n else np.nan, "accounts", n),
        share_row("C-10", "accounts_won_of_accounts_closed", *((won, n) if not won_flag(closed).all() else (0, 0))),
    ]


def by_group(closed: pd.DataFrame, group: pd.Series, group_by: str) -> pd.DataFrame:
    """Measure the win rate by group, raw and shrunken, the most closed deals first.

    Accounts are clusters: the shrunken rate takes a group's deals for as many as they are worth (`intervals.shares`). Deals
    whose group is missing are in the group ``unknown``.

    Parameters
    ----------
    closed : DataFrame of `closed_in`
    group : Series of labels, index as `closed`

    Returns
    -------
    DataFrame: ``group_by, group, won, n, n_effective`` (independent deals they are worth), ``raw, raw_low, raw_high, shrunk,
    low, high``

    References
    ----------
    Metric dictionary C-2 and its shrinkage rule.
    """
    labels = group.astype("str").fillna("unknown")
    seen = intervals.shares(won_flag(closed), closed["account_id"], labels)
    worth = seen["n_effective"]
    rates = pooling.rates(seen["share"] * worth, worth).assign(n=seen["n"], n_effective=worth, raw=seen["share"])
    own = {"won": (seen["share"] * seen["n"]).round().astype(int), "raw_low": seen["low"], "raw_high": seen["high"]}
    out = rates.assign(**own).rename_axis("group").reset_index().assign(group_by=group_by)
    columns = ["group_by", "group", "won", "n", "n_effective", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]
    return out.sort_values(["n", "group"], ascending=[False, True], ignore_index=True)[columns]


def differences(groups: pd.DataFrame) -> pd.DataFrame:
    """Judge, for each way of grouping, whether win rates differ between groups beyond chance.

    A chi-squared test per way on the independent deals that the deals of each group are worth, as those of one account end
    alike; p-values held to a false discovery rate over all ways (Benjamini–Hochberg).

    Parameters
    ----------
    groups : DataFrame of `by_group`; ``group_by, raw, n, n_effective``

    Returns
    -------
    DataFrame: ``group_by, groups, n, p`` (adjusted; missing with one group or one outcome), ``judged``

    References
    ----------
    Rao and Scott (1992), A simple method for the analysis of clustered binary data, Biometrics 48, p. 577: counts over their
    design effect, then Pearson's chi-squared test of homogeneity; Benjamini and Hochberg (1995), JRSS B 57, p. 289.
    """
    rows = []
    for way, part in groups.groupby("group_by", sort=False):
        table = np.array([part["raw"], 1 - part["raw"]]) * part["n_effective"].to_numpy()
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
    """Make rows of `measures` from `by_group`: the raw rate and the shrunken one, each with its interval."""
    about = groups[["group_by", "group", "n"]]
    ends = {"low": groups["raw_low"], "high": groups["raw_high"]}
    raw = measure_rows("C-2", "win_rate_by_count", groups["raw"], "share", **ends, **about)
    shrunken = measure_rows("C-2", "win_rate_shrunken", groups["shrunk"], "share", **groups[["low", "high"]], **about)
    return pd.concat([raw, shrunken])


def cohorts(deals: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Follow the deals opened in each quarter: how many are decided, how many won, and whether it can be judged.

    Accounts are clusters in the interval of the win rate. Deals closed and neither won nor lost are in no column but
    ``opened``. Where no deal was ever lost, no win rate is given.

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
    closed, known = aged["is_closed"].astype(bool), aged.index.isin(decided(aged).index)
    ripe = survival.quantile(aged["age_days"], closed, SLOW_SHARE).value
    cohort = aged["created_day"].dt.to_period(quarters(year_starts)).astype("str")
    marked = aged.assign(cohort=cohort, open=~closed, decided=known, won=won_flag(aged) & known)
    out = marked.groupby("cohort").agg(
        opened=("decided", "size"), open=("open", "sum"), decided=("decided", "sum"), won=("won", "sum"),
        newest=("created_day", "max"),
    )  # fmt: skip
    early = ~((as_of - out["newest"]).dt.days >= ripe) & (out["open"] > 0)
    counts = marked[known if (marked["decided"] & ~marked["won"]).any() else np.zeros(len(marked), bool)]
    rates = intervals.shares(counts["won"], counts["account_id"], counts["cohort"])
    rates = rates[["share", "low", "high"]].add_prefix("win_")
    out = out.drop(columns="newest").join(rates).assign(status=np.where(early, "too_early", "ok"))
    return out.reset_index()


def cohort_rows(cohorts: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `cohorts`, those too early to judge marked so.

    References
    ----------
    Metric dictionary C-2, its trap of recent cohorts; S3-26.
    """
    about = {"n": cohorts["decided"], "group_by": "quarter opened", "group": cohorts["cohort"]}
    ends = {"low": cohorts["win_low"], "high": cohorts["win_high"]}
    status = cohorts["status"].where(cohorts["win_share"].notna(), "not_answerable")
    return measure_rows("C-2", "win_rate_of_cohort", cohorts["win_share"], "share", **about, **ends, status=status)
