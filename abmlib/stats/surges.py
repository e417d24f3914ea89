"""Counts of this week that are more than a unit's own past weeks, and the week itself, explain."""

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.pooling import FEWEST_UNITS, gamma_prior

LEAST_SCATTER = 1e-9  # stands for none where it is divided by


def exceedance(counts: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Give the chance of a count as high as that of week 0 if each unit went on as before.

    Each unit has a rate of its own, which a gamma distribution over all units describes before its counts are seen; each week
    has a factor common to all units (holidays, campaigns, the season); and weeks scatter about rate times factor, by another
    gamma distribution, as much as they did before. The count is then Poisson, and with all that is not known of its mean
    negative binomial. The factor of week 0 comes from the other units, so that a unit cannot hide its own surge. Every unit
    has a row.

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
    its baseline, with the variance of both: Noufaily et al. (2013), Statistics in Medicine 32, p. 1206. The tail holds the
    count itself, so that p-values are too high rather than too low.
    """
    now, before = counts[:, 0], counts[:, 1 : known.max(initial=0) + 1].astype(float)
    able, past = np.arange(before.shape[1]) < known[:, None], before.sum(axis=1)
    expected = (able * (past / np.maximum(known, 1))[:, None]).sum(axis=0)
    factor = np.divide(before.sum(axis=0), expected, out=np.ones(len(expected)), where=expected > 0)
    exposure = (able * factor).sum(axis=1)
    seen = exposure > 0
    pooled = seen.sum() >= FEWEST_UNITS and past.any()
    shape, weight = gamma_prior(past[seen], exposure[seen]) if pooled else (0.5, 0.0)
    rate = (shape + past) / np.maximum(weight + exposure, 1.0)
    mean = rate[:, None] * able * factor
    cells = mean > 0
    surplus = ((before[cells] - mean[cells]) ** 2 / mean[cells] - 1).sum()
    scatter = max(surplus / mean.sum(), LEAST_SCATTER) if cells.any() else LEAST_SCATTER
    unsure = 1 / (shape + past) + scatter / np.maximum(known, 1)
    week, week_unsure = _this_week(now, rate, scatter, factor)
    size = 1 / ((1 + scatter) * (1 + unsure) * (1 + week_unsure) - 1)
    p = scipy.stats.nbinom.sf(now - 1, size, size / (size + rate * week))
    return pd.DataFrame({"count": now.astype(int), "expected": rate * week, "p": p})


def _this_week(now: np.ndarray, rate: np.ndarray, scatter: float, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor of week 0 for each unit, from the others, pulled towards the weeks before; and its variance as a share."""
    others = np.maximum(rate.sum() - rate, np.finfo(np.float32).tiny)  # of a lone unit they say nothing
    noise = 1 / others + scatter * ((rate**2).sum() - rate**2) / others**2
    between = float(factor.var(ddof=1)) if len(factor) > 1 else 0.0
    trust = between / (between + noise)
    week = np.maximum(1 + trust * ((now.sum() - now) / others - 1), np.finfo(float).tiny)
    return week, between * (1 - trust) / week**2
