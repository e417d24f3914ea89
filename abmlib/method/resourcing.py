"""Whether effort goes where size is: hours of sales and spend of campaigns beside what accounts are, buy and are expected to bring."""

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row
from abmlib.stats import intervals
from abmlib.stats.scores import Estimate

SEED = 17
TOP = 0.5  # of what is expected of all: the accounts that carry it are looked at for too few hours
APART = 2.0  # times by which shares differ before hours are called too many or too few
LEAST_HOURS = 8.0  # hours a year that can be moved
EFFORT = {"hours_12m": "hours of sales", "spend_12m": "spend of campaigns"}
SIZE = {"own_revenue": "its own revenue", "revenue_12m": "what it bought", "value": "what is expected of it"}
UNDER, OVER = "under", "over"


def resourced(facts: pd.DataFrame) -> pd.DataFrame:
    """Compare each account's share of the hours with its share of what is expected.

    "under": of the accounts that carry `TOP` of what is expected, those whose share of the hours is below a part of `APART` of their
    share of it. "over": accounts with `LEAST_HOURS` or more whose share of the hours is above `APART` times their share both of what is
    expected and of what was bought. Nothing is said where no hours are noted or nothing is expected.

    Parameters
    ----------
    facts : DataFrame, index: account id; ``hours_12m, revenue_12m, value`` (missing where unknown)

    Returns
    -------
    DataFrame, index as `facts`: ``hours_share, revenue_share, expected_share, resourced, hours_off`` (hours above its larger share; below 0:
    hours it lacks for its share of what is expected)

    References
    ----------
    S1-17. House definition; README, glossary entry "resourced".
    """
    hours, revenue, value = (facts[c].astype(float).clip(lower=0) for c in ("hours_12m", "revenue_12m", "value"))
    shares = [x / total if (total := x.sum()) > 0 else x * np.nan for x in (hours, revenue, value)]
    out = pd.DataFrame(dict(zip(("hours_share", "revenue_share", "expected_share"), shares, strict=True)), facts.index)
    largest = out["expected_share"].sort_values(ascending=False, kind="stable")
    carries = (largest.cumsum() - largest < TOP).reindex(out.index)
    most = out[["expected_share", "revenue_share"]].fillna(0).max(axis=1)
    known = out["hours_share"].notna() & out["expected_share"].notna()
    under = known & carries & (out["hours_share"] < out["expected_share"] / APART)
    over = known & (hours >= LEAST_HOURS) & (out["hours_share"] > APART * most)
    fair = most.where(~under, out["expected_share"])
    return out.assign(resourced=np.select([under, over], [UNDER, OVER], ""), hours_off=hours - fair * hours.sum())


def follows(facts: pd.DataFrame, effort: str, size: str) -> Estimate:
    """Rank correlation of effort and size over the accounts of which both are known, with its bootstrap interval.

    Parameters
    ----------
    facts : DataFrame with both columns, one row per account
    effort, size : names of columns

    Returns
    -------
    value, low, high, n

    References
    ----------
    S1-17. Spearman (1904), American Journal of Psychology 15, p. 72.
    """
    both = facts[[effort, size]].astype(float).dropna()
    a, b = (both[c].rank().to_numpy() for c in (effort, size))
    if len(both) < intervals.FEWEST_DRAWN or not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return float("nan"), float("nan"), float("nan"), len(both)
    return *intervals.bootstrap_ci((a, b), _correlation, SEED), len(both)


def follow_rows(facts: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: how far each kind of effort follows each kind of size.

    Parameters
    ----------
    facts : DataFrame, one row per account: columns of `EFFORT` and `SIZE`

    References
    ----------
    S1-17.
    """
    return [
        estimate_row(
            "S1-17",
            "effort_follows_size",
            follows(facts, effort, size),
            "index",
            group_by="effort and size",
            group=f"{words}: {of}",
        )
        for effort, words in EFFORT.items()
        for size, of in SIZE.items()
        if facts[effort].notna().any()
    ]


def _correlation(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """Correlation along an axis."""
    a, b = (x - x.mean(axis=axis, keepdims=True) for x in (a, b))
    with np.errstate(all="ignore"):
        return np.asarray((a * b).sum(axis=axis) / np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis)))
