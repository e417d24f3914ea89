"""Rates of small groups, pulled towards all groups as far as their counts are too small to speak."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import beta, betabinom

from abmlib.stats.intervals import LEVEL, refuse_impossible

LEAST_GROUPS = 3  # fewer tell nothing of how groups differ: all are pooled
LEAST = 0.01  # a prior of no weight at all would leave rates of 0 and 1 without an interval
WEAKEST = -6.0  # lower bound of the log of the prior's weight, in counts


def rates(successes: pd.Series, n: pd.Series) -> pd.DataFrame:
    """Give each group's rate, shrunk by empirical Bayes (beta-binomial), with the raw rate and n.

    Every group has a row; one without a count has a missing raw rate, and the shrunken rate of all groups.

    Parameters
    ----------
    successes, n : Series of counts with one index

    Returns
    -------
    DataFrame: ``raw, shrunk, low, high, n``; rates from 0 to 1, the interval of the shrunken rate at the house level

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Casella (1985), An introduction to empirical Bayes data analysis, American Statistician 39, p. 83; beta-binomial by
    maximum likelihood.

    Examples
    --------
    >>> rates(pd.Series([9, 1, 5]), pd.Series([10, 10, 10]))["shrunk"].round(2).tolist()
    [0.83, 0.17, 0.5]
    """
    k, total = successes.to_numpy(float), n.to_numpy(float)
    refuse_impossible(k, total)
    a, b = prior(k, total)
    weight = np.minimum(1.0, (total.sum() - total) / (a + b))  # with its own counts no group weighs more than the whole
    a, b = np.maximum(a * weight, LEAST), np.maximum(b * weight, LEAST)
    tail = (1 - LEVEL) / 2
    raw = np.divide(k, total, out=np.full(len(k), np.nan), where=total > 0)
    low, high = beta.ppf(tail, a + k, b + total - k), beta.ppf(1 - tail, a + k, b + total - k)
    shrunk = (a + k) / (a + b + total)
    return pd.DataFrame({"raw": raw, "shrunk": shrunk, "low": low, "high": high, "n": n}, index=successes.index)


def prior(k: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """Fit the beta distribution the groups' rates seem drawn from; with too few groups, all are one.

    It never weighs more than all counts together; `rates` then sees to it that no group is known better than the whole.
    """
    order = np.lexsort((k, n))  # which group is named first must not move the fit
    k, n = k[order], n[order]
    some = n > 0
    most = np.log(n[some].sum() + 1.0)
    mean = (k[some].sum() + 0.5) / (n[some].sum() + 1.0)
    pooled = (mean * np.exp(most), (1 - mean) * np.exp(most))
    if some.sum() < LEAST_GROUPS:
        return pooled

    def loss(at: np.ndarray) -> float:
        centre, weight = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
        return -float(betabinom.logpmf(k[some], n[some], centre * weight, (1 - centre) * weight).sum())

    logit = np.log(mean / (1 - mean))
    starts = (minimize(loss, [logit, s], bounds=[(-12, 12), (WEAKEST, most)]) for s in (0.0, most / 2, most))
    best = min(starts, key=lambda found: found.fun)
    centre, weight = 1 / (1 + np.exp(-best.x[0])), np.exp(best.x[1])
    return float(centre * weight), float((1 - centre) * weight)
