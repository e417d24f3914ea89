"""How much touch deals have in each stage, and whether more of it comes before more pipeline; S3-24."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method.deals import known_sum, open_deals
from abmlib.method.measures import estimate_row, measure_rows, share_rows
from abmlib.method.periods import DAY, Period, quarters
from abmlib.stats import intervals, survival
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES

SEED, DRAWS = 12, 1_000
MONTH = 30.44  # days on average
LATELY = 30  # days up to today in which an account is in touch
PAIRS = 8  # quarters followed by another, at most, the newest
DIRECTIONS = ("inbound", "outbound", "mutual")
Estimate = tuple[float, float, float, int]  # value, low, high, n


@dataclass(frozen=True)
class Lagged:
    """What came after touches; missing, with the reason, where too little is known."""

    correlation: Estimate  # of ranks; n counts quarters of accounts
    why: str = ""
    accounts: int = 0
    touched: Estimate = (
        np.nan,
        np.nan,
        np.nan,
        0,
    )  # share of quarters with an inbound touch after which a deal was opened
    untouched: Estimate = (np.nan, np.nan, np.nan, 0)  # the same of quarters without


def touches_in(stays: pd.DataFrame, touches: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Count the touches of each stay of a deal in a stage that lie in a period, by direction.

    A touch that names a deal counts for that deal; one that names none counts for each deal that its account had open. The
    day on which the stay ended does not count. Stays outside the period, and of deals without an account, are left out.

    Parameters
    ----------
    stays : DataFrame ``opportunity_id, account_id, stage, began, days``
    touches : DataFrame of ``Book.panel("activities", by=["direction", "opportunity_id"], per="day")``

    Returns
    -------
    DataFrame, the stays left, with ``months`` (of the stay within the period) and counts ``inbound, outbound, mutual``
    """
    first = stays["began"].clip(lower=period.start)
    last = (stays["began"] + stays["days"] * DAY).clip(upper=period.end + DAY)
    kept = stays.assign(first=first, last=last)[(last >= first) & stays["account_id"].notna()].reset_index(drop=True)
    both = kept[["opportunity_id", "account_id", "first", "last"]].reset_index(names="stay")
    both = both.merge(touches.rename(columns={"opportunity_id": "of"}), on="account_id")
    own = both["of"].isna() | (both["of"] == both["opportunity_id"])
    inside = both[own & (both["day"] >= both["first"]) & (both["day"] < both["last"])]
    counts = inside.pivot_table(index="stay", columns="direction", values="rows", aggfunc="sum", observed=True)
    counts = counts.reindex(index=kept.index, columns=list(DIRECTIONS)).fillna(0.0)
    months = (kept["last"] - kept["first"]).dt.days / MONTH
    return kept.drop(columns=["first", "last"]).assign(months=months).join(counts)


def by_stage(
    deals: pd.DataFrame, visits: pd.DataFrame, touches: pd.DataFrame, window: Period, order: Sequence[str]
) -> pd.DataFrame:
    """Measure each stage: the open deals in it, their amount, how many of their accounts are in touch, and touches a month.

    Touches per deal and month are those of all deals that were in the stage in the window, whatever became of them. What is
    made of touches is missing where the source has none; who is in touch, where it has none lately. A stage without a deal in
    the window has no row.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    visits : DataFrame of `stages.stage_visits`
    touches : as in `touches_in`
    window : up to the day of the report
    order : stages in order

    Returns
    -------
    DataFrame: ``stage, open_deals, open_amount, accounts, in_touch`` (accounts with an open deal in it; those of them with a touch
    in the last `LATELY` days), ``deals_seen`` (in the window), and for each of `DIRECTIONS` ``_a_month`` (touches per deal) with
    ``_low, _high`` (accounts as clusters)

    References
    ----------
    S3-24; house definition.
    """
    live, seen = open_deals(deals), touches_in(visits, touches, window)
    lately = touches.loc[touches["day"].between(window.end - (LATELY - 1) * DAY, window.end), "account_id"]
    of_touches = ["in_touch", "deals_seen", *(f"{d}_a_month{e}" for d in DIRECTIONS for e in ("", "_low", "_high"))]
    rows = []
    for stage in order:
        now, part = live[live["stage"] == stage], seen[seen["stage"] == stage]
        if now.empty and part.empty:
            continue
        accounts = now["account_id"].dropna().unique()
        rates = {d: intervals.ratio(part[d], part["months"], SEED, part["account_id"]) for d in DIRECTIONS}
        ends = {f"{d}_a_month{e}": x for d, r in rates.items() for e, x in zip(("", "_low", "_high"), r, strict=False)}
        row = {
            "stage": stage,
            "open_deals": len(now),
            "open_amount": known_sum(now["amount"]),
            "accounts": len(accounts),
        }
        if len(touches):
            row |= {"in_touch": np.isin(accounts, lately).sum() if len(lately) else np.nan}
            row |= {"deals_seen": part["opportunity_id"].nunique() or np.nan} | ends
        rows.append(row)
    columns = ["stage", "open_deals", "open_amount", "accounts", *of_touches]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(of_touches, "float64"))


def then_pipeline(
    accounts: pd.DataFrame, deals: pd.DataFrame, touches: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1
) -> Lagged:
    """Check whether accounts that came to us more in one quarter opened more pipeline in the next.

    Partial rank correlation of inbound touches of a quarter with the amount of deals opened in the next, within quarters, with
    what the account opened in the same quarter and before taken out (its size and its momentum); the interval draws accounts.
    Where few deals have an amount, deals are counted. Association, no cause.

    Parameters
    ----------
    accounts : DataFrame ``account_id, created_day``
    deals : DataFrame of `deals.with_days`
    touches : as in `touches_in`

    References
    ----------
    S3-24; house definition. Spearman's rank correlation of residuals: Kendall (1942), Biometrika 32, p. 277.
    """
    freq = quarters(year_starts)
    inbound = touches[(touches["direction"] == "inbound") & touches["account_id"].notna()]
    opened = deals[deals["account_id"].notna() & deals["created_day"].notna()]
    value = opened["amount"] if opened["amount"].notna().mean() > 0.5 else pd.Series(1.0, opened.index)
    last = pd.Period(as_of + DAY, freq=freq) - 1
    known = [days.min() for days in (inbound["day"], opened["created_day"]) if len(days)]
    first = pd.Period(max(known), freq=freq) + 1 if len(known) == 2 else last + 1
    pairs = list(pd.period_range(first, last - 1, freq=freq))[-PAIRS:]
    touched = _grid(inbound, inbound["day"], inbound["rows"], accounts["account_id"], freq)
    amounts = _grid(opened, opened["created_day"], value.fillna(0), accounts["account_id"], freq)
    began = accounts.set_index("account_id")["created_day"]
    rows = []
    for t in pairs:
        there = began.index[~(began > t.start_time)]
        now, then = (amounts.reindex(columns=[q], fill_value=0.0).loc[there, q] for q in (t, t + 1))
        before = amounts.loc[there, amounts.columns < t].sum(axis=1)
        came = touched.reindex(columns=[t], fill_value=0.0).loc[there, t]
        rows.append(pd.DataFrame({"came": came, "then": then, "now": now, "before": before}))
    every = pd.concat(rows) if rows else pd.DataFrame(columns=["came", "then", "now", "before"], dtype=float)
    buyers = every.index[every["then"] != 0].nunique()
    if every.index.nunique() < FLOOR_ACCOUNTS or min(buyers, every.index[every["came"] > 0].nunique()) < FLOOR_OUTCOMES:
        lacking = (
            f"two whole quarters in a row with inbound touches, and deals opened, of {FLOOR_OUTCOMES} accounts or more"
        )
        return Lagged((np.nan, np.nan, np.nan, len(every)), lacking)
    ranks = pd.concat([part.rank(pct=True) - part.rank(pct=True).mean() for part in rows])
    given = ranks[["now", "before"]].to_numpy()
    x, y = (ranks[c] - given @ np.linalg.lstsq(given, ranks[c].to_numpy(), rcond=None)[0] for c in ("came", "then"))
    draws = survival.draw_clusters(pd.Series(every.index), DRAWS, SEED)
    sums = np.column_stack([np.bincount(draws.cluster, part) for part in (x * y, x * x, y * y)])
    together, own, others = sums.T @ draws.often
    drawn = together / np.sqrt(own * others)
    low, high = survival.ends(drawn[1:])
    opened_next, came = pd.Series((every["then"] != 0).to_numpy()), pd.Series((every["came"] > 0).to_numpy())
    touched, others = (intervals.share(opened_next[on], pd.Series(every.index)[on]) for on in (came, ~came))
    return Lagged((float(drawn[0]), low, high, len(every)), "", every.index.nunique(), touched, others)


def _grid(rows: pd.DataFrame, day: pd.Series, value: pd.Series, accounts: pd.Series, freq: str) -> pd.DataFrame:
    """Sum values by account and quarter; an account without any has 0."""
    cells = rows.assign(quarter=day.dt.to_period(freq), value=value.astype(float))
    return (
        cells.groupby(["account_id", "quarter"])["value"]
        .sum()
        .unstack(fill_value=0.0)
        .reindex(accounts, fill_value=0.0)
    )


def rows(stages: pd.DataFrame, lagged: Lagged) -> pd.DataFrame:
    """Make rows of `measures` from `by_stage` and `then_pipeline`; what nothing is known of has no row."""
    one = estimate_row("S3-24", "touches_then_pipeline_correlation", lagged.correlation, "index", why=lagged.why)
    amounts = measure_rows("C-8", "open_value", stages["open_amount"], "currency", n=stages["open_deals"])
    found = [amounts.assign(group=stages["stage"])]
    logged = stages[stages["in_touch"].notna()]
    found.append(
        share_rows("S3-24", "accounts_in_touch", logged["in_touch"], logged["accounts"], group=logged["stage"])
    )
    for d in DIRECTIONS:
        seen = stages[stages[f"{d}_a_month"].notna()]
        ends = {end: seen[f"{d}_a_month_{end}"] for end in ("low", "high")} | {"n": seen["deals_seen"]}
        name, value = f"{d}_touches_per_deal_month", seen[f"{d}_a_month"]
        found.append(measure_rows("S3-24", name, value, "touches", group=seen["stage"], **ends))
    split = pd.concat([part for part in found if len(part)] or found[:1]).assign(group_by="stage")
    return pd.concat([pd.DataFrame([one]), split], ignore_index=True).fillna(
        {"why": "", "group_by": "all", "group": "all"}
    )
