"""Counts of this week that are more than a unit's own past weeks, and the week itself, explain."""

import numpy as np
import pandas as pd
import scipy

ROUNDS = 30  # of fitting rates and weeks in turn; where all units are known throughout, one is enough
LEAST_SIZE = 1e-3  # smallest shape of the spread of rates: below it the largest unit alone says nothing
LEAST_SCATTER = 1e-9  # stands for none where it is divided by
PAIRS = 20  # pairs of counts that pull the scatter of units with about as many counts half-way to that of all
TAILS = np.concatenate([np.linspace(1, 0.1, 10), 10.0 ** -np.arange(1.25, 9, 0.25), [0.0]])  # shares above, to 1e-9


def exceedance(counts: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Give the chance of a count as high as that of week 0 if each unit went on as before.

    Each unit has a rate of its own, which a gamma distribution over all units describes before its counts are seen; each week
    has a factor common to all units (holidays, campaigns, the season); and a unit's weeks scatter about rate times factor, by
    another gamma distribution, as much as those of units with about as many counts did before. The count is then Poisson. The
    factor of week 0 comes from the other units, so that a unit cannot hide its own surge. Every unit has a row.

    Parameters
    ----------
    counts : array, shape (n_units, n_weeks + 1)
        Column 0 is the week judged, 1 the week before it, and so on.
    known : array of int, shape (n_units,)
        How many whole weeks before week 0 a unit can have had counts; it has none before those.

    Returns
    -------
    DataFrame, one row per unit: ``count``, ``expected`` (counts), ``p`` (chance of so many or more; 1 where the count is 0)

    References
    ----------
    Gamma-Poisson shrinkage: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6. Exceedance of a count against
    its baseline: Noufaily et al. (2013), Statistics in Medicine 32, p. 1206. The tail holds the count itself, so that
    p-values are too high rather than too low.
    """
    now, before = counts[:, 0], counts[:, 1 : known.max(initial=0) + 1].astype(float)
    past, squares = before.sum(axis=1), (before**2).sum(axis=1)
    factor = _factors(before.sum(axis=0), past, known)
    exposure, squared = (_summed(factor**k)[known] for k in (1, 2))
    pooled, spread = _scatter(past, squares, exposure, squared)
    rate, unsure = _rates(past, exposure, squared, pooled)
    week, week_unsure = _this_week(now, rate, pooled, factor)
    some = now > 0
    scatter = (1 + spread[some]) * (1 + week_unsure[some]) - 1
    p = np.ones(len(now))
    p[some] = _tail(now[some], (rate * week)[some], unsure[some], np.maximum(scatter, LEAST_SCATTER))
    return pd.DataFrame({"count": now.astype(int), "expected": rate * week, "p": p})


def _summed(factor: np.ndarray) -> np.ndarray:
    """Sum of the first 0, 1, 2 … weeks."""
    return np.concatenate([[0.0], factor.cumsum()])


def _ratio(part: np.ndarray, whole: np.ndarray, otherwise: float) -> np.ndarray:
    """Divide where the whole is above 0."""
    return np.divide(part, whole, out=np.full(len(whole), otherwise), where=whole > 0)


def _tail(count: np.ndarray, expected: np.ndarray, unsure: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Chance of `count` or more: Poisson about a mean that is the product of two gamma variables; averaged over the first."""
    middle, step = TAILS[:-1] + np.diff(TAILS) / 2, -np.diff(TAILS)
    mean = scipy.stats.gamma.isf(middle[:, None], 1 / unsure) * unsure * expected
    return step @ scipy.stats.nbinom.sf(count - 1, 1 / scatter, 1 / (1 + scatter * mean))


def _factors(total: np.ndarray, past: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What each week before week 0 has in common over units, about 1: its count against that of the units known in it."""
    weeks = len(total)
    factor = np.ones(weeks)
    for _ in range(ROUNDS if weeks else 0):
        rate = _ratio(past, _summed(factor)[known], 0.0)
        joined = np.bincount(known, weights=rate, minlength=weeks + 1)[1:]
        expected = joined[::-1].cumsum()[::-1]  # of the units known at least so long
        new = _ratio(total, expected, 1.0)
        new = new / (new.mean() or 1.0)
        if np.allclose(new, factor, rtol=1e-6):
            break
        factor = new
    return factor


def _scatter(
    past: np.ndarray, squares: np.ndarray, exposure: np.ndarray, squared: np.ndarray
) -> tuple[float, np.ndarray]:
    """Variance of a unit's weeks about rate times factor beyond that of a Poisson count, in squares of the mean.

    Products of counts of one week and of two weeks of a unit have the same mean but for it, whatever the unit's rate. Given
    for all units, each weighted by what it tells, and for each unit: busy units scatter less, so those with about as many
    counts (up to twice) stand together, pulled towards all.
    """
    pairs = exposure**2 - squared
    two = _ratio((past**2 - squares) * squared, pairs, 0.0)
    one = np.where(pairs > 0, squares - past, 0.0)
    weight = 1 / np.maximum(past - 1, 1)
    pooled = (one * weight).sum() / (two * weight).sum() if two.any() else 1.0
    alike = np.log2(np.maximum(past, 2)).astype(int)
    by_size = (np.bincount(alike, one) + PAIRS * pooled) / (np.bincount(alike, two) + PAIRS)
    return max(pooled - 1, 0.0), np.maximum(by_size - 1, 0.0)[alike]


def _rates(past: np.ndarray, exposure: np.ndarray, squared: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Rate of each unit, pulled towards all units, and the variance of what is not known of it, in squares of the rate."""
    seen = exposure > 0
    if not seen.any() or not past.any():
        whole = max(exposure.sum(), 1.0)
        return np.full(len(past), 0.5 / whole), np.ones(len(past))
    kinds, many = np.unique(np.column_stack([past, exposure, squared])[seen], axis=0, return_counts=True)
    k, e, e2 = kinds.T
    scatter = spread * e2 / e**2

    def surprise(x: np.ndarray) -> float:
        mean, shape = np.exp(x[0]) * e, max(np.exp(x[1]), LEAST_SIZE)
        size = 1 / ((1 + 1 / shape) * (1 + scatter) - 1)
        return -float((many * scipy.stats.nbinom.logpmf(k, size, size / (size + mean))).sum())

    start = np.array([np.log((many * k).sum() / (many * e).sum()), 0.0])
    centre, shape = np.exp(scipy.optimize.minimize(surprise, start, method="Nelder-Mead").x)
    shape = max(shape, LEAST_SIZE)
    first = (shape + past) / (shape / centre + exposure)
    trust = 1 / (1 + first * spread * _ratio(squared, exposure, 0.0))
    pulled = shape + trust * past
    return pulled / (shape / centre + trust * exposure), 1 / pulled


def _this_week(now: np.ndarray, rate: np.ndarray, spread: float, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor of week 0 for each unit, from the others, pulled towards the weeks before; and its variance as a share."""
    others = rate.sum() - rate
    noise = _ratio(np.ones(len(rate)), others, np.inf) + spread * _ratio((rate**2).sum() - rate**2, others**2, 0.0)
    between = float(factor.var(ddof=1)) if len(factor) > 1 else 0.0
    trust = _ratio(np.full(len(rate), between), between + noise, 0.0)
    week = 1 + trust * (_ratio(now.sum() - now, others, 1.0) - 1)
    week = np.maximum(week, np.finfo(float).tiny)
    return week, between * (1 - trust) / week**2
