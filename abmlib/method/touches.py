"""Touches of accounts: how they fade with age, and surges. Shared ground of all that weighs touches.

Touches come as a panel: one row per account, day and whatever else it is split by, with ``rows``, the number of touches.
Machine touches are left out by the caller. Sums over fixed windows, momentum and breadth are features of the book.
"""

import numpy as np
import pandas as pd

from abmlib.method.orders import account_positions
from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL
from abmlib.stats.surges import exceedance

FLOOR_WEEKS = 8  # whole weeks of history below which no surge is judged


def age_days(table: pd.DataFrame, as_of: pd.Timestamp) -> np.ndarray:
    """Whole days from each row's day to `as_of`; negative for days after it."""
    return (as_of - table["day"]).dt.days.to_numpy()


def decayed(panel: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float) -> np.ndarray:
    """Touches of each row weighed by age: half for each half-life, 0 if ahead.

    Parameters
    ----------
    panel : DataFrame with ``day, rows``

    References
    ----------
    Metric dictionary C-14. Exponential decay with half-life h: weight 2^(−age ÷ h).

    Examples
    --------
    >>> touches = pd.DataFrame({"day": pd.to_datetime(["2026-06-30", "2026-06-20", "2026-07-01"]), "rows": [1, 1, 9]})
    >>> decayed(touches, pd.Timestamp("2026-06-30"), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    age = age_days(panel, as_of)
    return panel["rows"].to_numpy(float) * np.where(age >= 0, np.exp2(-np.maximum(age, 0) / half_life_days), 0.0)


def weekly(panel: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, weeks: int) -> np.ndarray:
    """Touches of each account by weeks of seven days that end on `as_of`.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day, rows``
    weeks : weeks before the current one

    Returns
    -------
    Array of counts, shape (n_accounts, weeks + 1); column 0 is the current week, 1 the one before, and so on

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    place, age = account_positions(panel, accounts), age_days(panel, as_of)
    kept = (place >= 0) & (age >= 0) & (age < 7 * (weeks + 1))
    cell, rows = place * (weeks + 1) + age // 7, panel["rows"].to_numpy(float)
    counts = np.bincount(cell[kept], rows[kept], len(accounts) * (weeks + 1))
    return counts.reshape(len(accounts), weeks + 1)


def surges(panel: pd.DataFrame, accounts: pd.DataFrame, as_of: pd.Timestamp, weeks: int = 52) -> pd.DataFrame:
    """Accounts with more touches this week than their past and the week explain.

    Every account has a row, and all with enough history are judged together, those without a touch too. Of the accounts
    called, a share of 1 − `LEVEL` is to be false, on average over many reports; where nothing surges, one report in
    twenty calls any.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day, rows``
    accounts : DataFrame, one row per account: ``account_id, created_day`` (since when it is known; a touch before says
        since that touch)
    weeks : most weeks of history used

    Returns
    -------
    DataFrame, indexed by account id
        ``count, expected`` (touches of the current week), ``ratio`` (count ÷ expected), ``p`` (chance of so many or
        more), ``q`` (the same held to a false discovery rate over all accounts), ``surge`` (bool), ``weeks`` (whole
        weeks of history), ``status`` (``too_early`` with fewer than `FLOOR_WEEKS`: p and q missing, no surge; else
        ``ok``)

    Raises
    ------
    ValueError
        If `weeks` is less than `FLOOR_WEEKS`, or `accounts` repeats an id.

    References
    ----------
    Metric dictionary C-15; `stats.surges.exceedance`. Benjamini and Hochberg (1995), JRSS B 57, p. 289. House
    definition; README, glossary entry "surge".
    """
    if weeks < FLOOR_WEEKS:
        raise ValueError(f"weeks must be {FLOOR_WEEKS} or more, got {weeks}.")
    index = pd.Index(accounts["account_id"])
    counts = weekly(panel, index, as_of, weeks)
    days = (as_of - accounts["created_day"]).dt.days.to_numpy() + 1
    oldest = ((counts > 0) * np.arange(weeks + 1)).max(axis=1)
    known = np.maximum(np.clip(days // 7 - 1, 0, weeks).astype(int), oldest)
    judged = exceedance(counts, known).set_axis(index)
    enough = known >= FLOOR_WEEKS
    p, ratio = judged["p"].where(enough), judged["count"] / judged["expected"].where(judged["expected"] > 0)
    q, status = intervals.adjusted(p), np.where(enough, "ok", "too_early")
    out = judged.assign(ratio=ratio, p=p, q=q, surge=q <= 1 - LEVEL, weeks=known, status=status)
    return out[["count", "expected", "ratio", "p", "q", "surge", "weeks", "status"]]
