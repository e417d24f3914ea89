"""Counts of this week that are more than a unit's own past weeks, and the week itself, explain."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

ROUNDS = 30  # of fitting rates and weeks in turn; where all units are known throughout, one is enough
LEAST_SIZE = 1e-3  # smallest shape of the spread of rates: below it nothing can be told from the largest unit alone
LEAST_SCATTER = 1e-9  # stands for none where it is divided by
PAIRS = 20  # pairs of counts that pull the scatter of units with about as many counts half-way to that of all
TAILS = np.concatenate([np.linspace(1, 0.1, 10), 10.0 ** -np.arange(1.25, 9, 0.25), [0.0]])  # shares above, to 1e-9


@dataclass(frozen=True)
class Counts:
    """Counts by unit and week: week 0 is the one judged, 1 the one before it, and so on.

    ``unit`` (position, from 0), ``week`` and ``count`` are of one length, a pair of unit and week at most once; pairs that
    are left out count 0. ``known`` has one number per unit: how many whole weeks before week 0 it can have had counts.
    """

    unit: np.ndarray
    week: np.ndarray
    count: np.ndarray
    known: np.ndarray

    @property
    def now(self) -> np.ndarray:
        """Count of each unit in week 0."""
        return self._per_unit(self.count * (self.week == 0))

    @property
    def past(self) -> np.ndarray:
        """Count of each unit in all weeks before."""
        return self._per_unit(self.count * (self.week > 0))

    @property
    def squares(self) -> np.ndarray:
        """Sum of squares of each unit's weekly counts before week 0."""
        return self._per_unit(self.count.astype(float) ** 2 * (self.week > 0))

    def _per_unit(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.unit, weights=values, minlength=len(self.known))


def exceedance(counts: Counts) -> pd.DataFrame:
    """Give the chance that a unit's count of week 0 would be so high if the unit went on as before.

    Each unit has a rate of its own, which a gamma distribution over all units describes before its counts are seen; each week
    has a factor common to all units (holidays, campaigns, the season); and a unit's weeks scatter about rate times factor, by
    another gamma distribution, as much as those of units with about as many counts did before. The count is then Poisson. The
    factor of week 0 comes from the other units, so that a unit cannot hide its own surge. Every unit has a row.

    Returns
    -------
    DataFrame, one row per unit: ``count``, ``expected`` (counts), ``p`` (chance of so many or more; 1 where the count is 0)

    References
    ----------
    Gamma-Poisson shrinkage: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6. Exceedance of a count against
    its baseline: Noufaily et al. (2013), Statistics in Medicine 32, p. 1206. The tail holds the count itself, so that
    p-values are too high rather than too low.
    """
    now, factor = counts.now, _factors(counts)
    exposure, squared = (np.concatenate([[0.0], np.cumsum(factor**k)])[counts.known] for k in (1, 2))
    pooled, spread = _scatter(counts, exposure, squared)
    rate, unsure = _rates(counts.past, exposure, squared, pooled)
    week, week_unsure = _this_week(now, rate, pooled, factor)
    some = now > 0
    scatter = (1 + spread[some]) * (1 + week_unsure[some]) - 1
    p = np.ones(len(now))
    p[some] = _tail(now[some], (rate * week)[some], unsure[some], np.maximum(scatter, LEAST_SCATTER))
    return pd.DataFrame({"count": now.astype(int), "expected": rate * week, "p": p})


def _tail(count: np.ndarray, expected: np.ndarray, unsure: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Chance of `count` or more: Poisson about a mean that is the product of two gamma variables; averaged over the first."""
    total = np.zeros(len(count))
    for middle, step in zip(TAILS[:-1] + np.diff(TAILS) / 2, -np.diff(TAILS), strict=True):
        mean = scipy.stats.gamma.isf(middle, 1 / unsure) * unsure * expected
        total += step * scipy.stats.nbinom.sf(count - 1, 1 / scatter, 1 / (1 + scatter * mean))
    return total


def _factors(counts: Counts) -> np.ndarray:
    """What each week before week 0 has in common over units, about 1: its count against that of the units known in it."""
    weeks = int(counts.known.max(initial=0))
    before = counts.week > 0
    total = np.bincount(counts.week[before], weights=counts.count[before], minlength=weeks + 1)[1:]
    factor = np.ones(weeks)
    for _ in range(ROUNDS):
        exposure = np.concatenate([[0.0], factor.cumsum()])[counts.known]
        rate = np.divide(counts.past, exposure, out=np.zeros(len(exposure)), where=exposure > 0)
        joined = np.bincount(counts.known, weights=rate, minlength=weeks + 1)[1:]
        expected = joined[::-1].cumsum()[::-1]  # of the units known at least so long
        found = np.divide(total, expected, out=np.ones(weeks), where=expected > 0)
        found = found / (found.mean() or 1.0) if weeks else found
        if np.allclose(found, factor, rtol=1e-6):
            break
        factor = found
    return factor


def _scatter(counts: Counts, exposure: np.ndarray, squared: np.ndarray) -> tuple[float, np.ndarray]:
    """Variance of a unit's weeks about rate times factor beyond that of a Poisson count, in squares of the mean.

    Products of counts of one week and of two weeks of a unit have the same mean but for it, whatever the unit's rate. Given
    for all units, each weighted by what it tells, and for each unit: busy units scatter less, so those with about as many
    counts (up to twice) stand together, pulled towards all.
    """
    past, pairs = counts.past, exposure**2 - squared
    some = pairs > 0
    two = np.divide((past**2 - counts.squares) * squared, pairs, out=np.zeros(len(past)), where=some)
    one = np.where(some, counts.squares - past, 0.0)
    weight = 1 / np.maximum(past - 1, 1)
    pooled = (one * weight).sum() / (two * weight).sum() if two.any() else 1.0
    alike = np.log2(np.maximum(past, 2)).astype(int)
    own = (np.bincount(alike, one) + PAIRS * pooled) / (np.bincount(alike, two) + PAIRS)
    return max(pooled - 1, 0.0), np.maximum(own - 1, 0.0)[alike]


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
    told = 1 / (1 + first * spread * np.divide(squared, exposure, out=np.zeros(len(past)), where=seen))
    own = shape + told * past
    return own / (shape / centre + told * exposure), 1 / own


def _this_week(now: np.ndarray, rate: np.ndarray, spread: float, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor of week 0 for each unit, from the others, pulled towards the weeks before; and its variance as a share."""
    others = rate.sum() - rate
    noise = np.divide(1.0, others, out=np.full(len(rate), np.inf), where=others > 0)
    noise = noise + spread * np.divide((rate**2).sum() - rate**2, others**2, out=np.zeros(len(rate)), where=others > 0)
    between = float(factor.var(ddof=1)) if len(factor) > 1 else 0.0
    trust = np.divide(between, between + noise, out=np.zeros(len(rate)), where=between + noise > 0)
    found = np.divide(now.sum() - now, others, out=np.ones(len(rate)), where=others > 0)
    week = np.maximum(1 + trust * (found - 1), np.finfo(float).tiny)
    return week, between * (1 - trust) / week**2
