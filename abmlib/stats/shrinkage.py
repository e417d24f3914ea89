"""Rates of small groups, pulled towards all groups as far as their counts are too small to speak."""

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL, refuse_impossible

SPREADS = 50  # between groups, averaged over; more move no end by a thousandth of its interval
CENTRES = 30  # centres averaged over for each spread
HALVINGS = 30  # of the range an end of an interval is sought in: to 1e-9


def rates(successes: pd.Series, n: pd.Series) -> pd.DataFrame:
    """Give each group's rate, shrunk by a hierarchical beta-binomial model, with the raw rate and n.

    Every group has a row; one without a count has a missing raw rate, and the shrunken rate of a group nobody saw.

    Groups' true rates are taken as drawn from one beta distribution. Neither its centre nor its spread is taken as known: rates
    and intervals are averaged over both, each weighted by how well it explains all counts. Beforehand every centre from 0 to 1
    is as likely as any other, and so is every spread, in shares of the greatest there could be around its centre. For each
    spread the posterior is taken as the beta distribution of its mean and variance.

    Parameters
    ----------
    successes, n : Series of counts with one index

    Returns
    -------
    DataFrame: ``raw, shrunk, low, high, n``; rates from 0 to 1, the equal-tailed interval of the shrunken rate at the house
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
    k, total = successes.to_numpy(float), n.to_numpy(float)
    refuse_impossible(k, total)
    kinds, which, many = np.unique(np.column_stack([k, total]), axis=0, return_inverse=True, return_counts=True)
    weight, a, b = posterior(kinds[:, 0], kinds[:, 1], many)
    shrunk = (weight * a / (a + b)).sum(axis=1)
    low, high = (_quantile(share, weight, a, b) for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    raw = np.divide(k, total, out=np.full(len(k), np.nan), where=total > 0)
    which = which.reshape(-1)
    return pd.DataFrame(
        {"raw": raw, "shrunk": shrunk[which], "low": low[which], "high": high[which], "n": n}, index=successes.index
    )


def posterior(k: np.ndarray, n: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the posterior of each rate as a mixture of beta distributions, one for each spread between groups.

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
    root = (np.arange(SPREADS) + 0.5) / SPREADS  # even steps of its root: finer where spreads are small
    spread = root**2  # standard deviation between groups, in shares of the greatest around their centre
    prior_weight = 1 / spread**2 - 1
    alike = 1 + np.maximum(n[:, None] - 1, 0) * spread**2  # counts of one group that tell of all as much as one
    told = many[:, None] * n[:, None] / alike
    raw = np.divide(k, n, out=np.zeros(len(k)), where=n > 0)
    ups, downs = (1 + (told * r[:, None]).sum(axis=0)[:, None] / 2 for r in (raw, 1 - raw))
    special = scipy.special  # loaded here, where it is needed, for it takes its time
    centre = special.betaincinv(ups, downs, (np.arange(CENTRES) + 0.5) / CENTRES)  # spreads × centres
    a, b = centre * prior_weight[:, None], (1 - centre) * prior_weight[:, None]
    k, n = k[:, None, None], n[:, None, None]
    likelihood = (many[:, None, None] * (special.betaln(a + k, b + n - k) - special.betaln(a, b))).sum(axis=0)
    density = special.xlog1py(downs - 1, -centre) + special.xlogy(ups - 1, centre) - special.betaln(ups, downs)
    log = likelihood - density + np.log(root)[:, None]  # the step in spread grows with its root
    joint = np.exp(log - log.max())
    weight = joint.sum(axis=1)
    of_centre = joint / np.where(weight > 0, weight, 1)[:, None]
    size = prior_weight[:, None] + n  # kinds × spreads × 1
    mean = (a + k) / size
    within = mean * (1 - mean) / (size + 1)
    centre_of = (of_centre * mean).sum(axis=2)
    variance = (of_centre * (within + (mean - centre_of[:, :, None]) ** 2)).sum(axis=2)
    some = weight > weight.max() * 1e-6
    weight, centre_of, variance = weight[some] / weight[some].sum(), centre_of[:, some], variance[:, some]
    counts = centre_of * (1 - centre_of) / variance - 1
    return weight, centre_of * counts, (1 - centre_of) * counts


def _quantile(share: float, weight: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quantile of each row's mixture of beta distributions, by halving."""
    low, high = np.zeros(len(a)), np.ones(len(a))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        under = (weight * scipy.special.betainc(a, b, middle[:, None])).sum(axis=1) < share
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return (low + high) / 2
