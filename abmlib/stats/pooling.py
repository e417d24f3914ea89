"""Rates of small units, pulled towards all units as far as their own numbers are too few.

How much units differ is estimated from the units themselves.
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL, refuse_impossible

SPREADS = 50  # between groups, averaged over; more move no end by a thousandth of its interval
CENTRES = 30  # centres averaged over for each spread
HALVINGS = 30  # of the range an end of an interval is sought in: to 1e-9


# -- rates of successes -----------------------------------------------------------------------------------------------


def rates(successes: pd.Series, n: pd.Series) -> pd.DataFrame:
    """Rate of each group, pooled by a hierarchical beta-binomial model, with the raw rate and n.

    Every group has a row; one without a count has a missing raw rate, and the pooled rate of a group nobody saw.

    Groups' true rates are taken as drawn from one beta distribution. Neither its centre nor its spread is taken as known: rates
    and intervals are averaged over both, each weighted by how well it explains all counts. Beforehand every centre from 0 to 1
    is as likely as any other, and so is every spread, in shares of the greatest there could be around its centre. For each
    spread the posterior is taken as the beta distribution of its mean and variance.

    Parameters
    ----------
    successes, n : Series of counts with one index

    Returns
    -------
    DataFrame: ``raw, shrunk, low, high, n``; rates from 0 to 1, the equal-tailed interval of the pooled rate at the house
    level

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 5.3. Its prior is even in the centre and in w^(-1/2), w being
    the weight a + b of the beta distribution; even in (1 + w)^(-1/2), as here, it is nearly the same and proper.

    Examples
    --------
    >>> rates(pd.Series([9, 1, 5]), pd.Series([10, 10, 10]))["shrunk"].round(2).tolist()
    [0.81, 0.19, 0.5]
    """
    counted = np.column_stack([successes, n]).astype(float)
    refuse_impossible(counted[:, 0], counted[:, 1])
    kinds, which, many = np.unique(counted, axis=0, return_inverse=True, return_counts=True)
    weight, a, b = _mixture(kinds[:, 0], kinds[:, 1], many)
    pooled = {"shrunk": (weight * a / (a + b)).sum(axis=1)}
    pooled |= {end: _quantile(p, weight, a, b) for end, p in (("low", (1 - LEVEL) / 2), ("high", (1 + LEVEL) / 2))}
    out = pd.DataFrame(pooled).iloc[which.reshape(-1)].set_axis(successes.index)
    return out.assign(raw=successes / n.where(n > 0), n=n)[["raw", "shrunk", "low", "high", "n"]]


def _mixture(k: np.ndarray, n: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior of each rate as a mixture of beta distributions, one for each spread between groups.

    Parameters
    ----------
    k, n : counts of each kind of group, shape (kinds,)
    many : groups of that kind

    Returns
    -------
    weight of each spread, shape (spreads,), and both parameters of its beta distributions, shape (kinds, spreads)

    References
    ----------
    As `rates`. Centres are the quantiles of a beta distribution near their posterior, but wider, and weighted for it.
    """
    special = scipy.special  # loaded here, where it is needed, for it takes its time
    k, n, many = (x[:, None, None] for x in (k, n, many))  # kinds × spreads × centres, here and below
    root = ((np.arange(SPREADS) + 0.5) / SPREADS)[:, None]  # even steps of its root: finer where spreads are small
    spread = root**2  # standard deviation between groups, in shares of the greatest around their centre
    prior_weight = 1 / spread**2 - 1
    alike = 1 + np.maximum(n - 1, 0) * spread**2  # counts of one group that tell as much of all groups as one count
    ups, downs = (1 + (many * x / alike).sum(axis=0) / 2 for x in (k, n - k))
    centre = special.betaincinv(ups, downs, (np.arange(CENTRES) + 0.5) / CENTRES)
    a, b = centre * prior_weight, (1 - centre) * prior_weight
    likelihood = (many * (special.betaln(a + k, b + n - k) - special.betaln(a, b))).sum(axis=0)
    density = special.xlog1py(downs - 1, -centre) + special.xlogy(ups - 1, centre) - special.betaln(ups, downs)
    log = likelihood - density + np.log(root)  # the step in spread grows with its root
    joint = np.exp(log - log.max())
    some = joint.sum(axis=1) > joint.sum(axis=1).max() * 1e-6
    joint, mean, size = joint[some], ((a + k) / (prior_weight + n))[:, some], (prior_weight + n)[:, some]
    weight = joint.sum(axis=1)
    of_centre = joint / weight[:, None]
    centre_of = (of_centre * mean).sum(axis=2)
    within = mean * (1 - mean) / (size + 1)
    variance = (of_centre * (within + (mean - centre_of[:, :, None]) ** 2)).sum(axis=2)
    total = centre_of * (1 - centre_of) / variance - 1
    return weight / weight.sum(), centre_of * total, (1 - centre_of) * total


def _quantile(share: float, weight: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quantile of each row's mixture of beta distributions, by halving."""
    low, high = np.zeros(len(a)), np.ones(len(a))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        under = (weight * scipy.special.betainc(a, b, middle[:, None])).sum(axis=1) < share
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return (low + high) / 2
