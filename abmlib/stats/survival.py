"""How long things last when some are not over yet."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import CensoredData, ecdf

from abmlib.stats.intervals import LEVEL


@dataclass(frozen=True)
class Duration:
    """A quantile of a duration with its interval, in the unit given; missing where not enough are over."""

    value: float
    low: float
    high: float
    n: int
    over: int


def quantile(days: pd.Series, over: pd.Series, share: float) -> Duration:
    """Time by which `share` of all are over, those still running counted as running (Kaplan–Meier).

    Rows without a duration do not count. The value is missing while fewer than `share` are over; an end of the interval
    is missing where its band never falls that low.

    Parameters
    ----------
    days : Series of durations so far, >= 0
    over : bool Series, is it over
    share : from 0 to 1, for the median 0.5

    Raises
    ------
    ValueError
        If a duration is negative.

    References
    ----------
    Kaplan and Meier (1958), JASA 53, p. 457; interval of Brookmeyer and Crowley (1982) from log-log bands.

    Examples
    --------
    >>> quantile(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([True, True, False, True]), 0.5).value
    2.0
    """
    known = days.notna()
    days, over = days[known].astype(float), over[known].astype(bool)
    if (days < 0).any():
        raise ValueError(f"days: {int((days < 0).sum())} of {len(days)} are negative. Correct the dates behind them.")
    nothing = Duration(np.nan, np.nan, np.nan, len(days), int(over.sum()))
    if not over.any():
        return nothing
    alive = ecdf(CensoredData(uncensored=days[over], right=days[~over])).sf
    with warnings.catch_warnings():  # where nobody or everybody is left the band is undefined, and read as missing
        warnings.simplefilter("ignore", RuntimeWarning)
        band = alive.confidence_interval(LEVEL, method="log-log")
    left = 1 - share

    def first(levels: np.ndarray) -> float:
        reached = np.flatnonzero(np.nan_to_num(levels, nan=1.0) <= left + 1e-12)
        return float(alive.quantiles[reached[0]]) if len(reached) else np.nan

    low, high = first(band.low.probabilities), first(band.high.probabilities)
    return Duration(first(alive.probabilities), low, high, nothing.n, nothing.over)
