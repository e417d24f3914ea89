"""Rates and rhythms of small units, pulled towards all units as far as their own numbers are too few.

How much units differ is estimated from the units themselves. `rates` is for successes of so many trials (beta-binomial),
`gamma_prior` for events in a time (gamma–Poisson), `spreads` for how regular the gaps between events are (gamma).
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL, refuse_impossible

FEWEST_UNITS = 3  # fewer do not show how much units differ: each stands for itself
FEWEST_GAPS = 3  # of a unit; fewer are no rhythm of its own
MOST_REGULAR = 0.05  # least coefficient of variation of gaps that is believed, as a share
GAPS_OF_ALL = 4  # gaps that the spread of all units counts as, beside a unit's own
SHAPES = (1e-3, 1e6)  # of the gamma distribution of rates; at the last units count as all alike
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


# -- counts of events in a time ---------------------------------------------------------------------------------------


def gamma_prior(events: pd.Series | np.ndarray, time: pd.Series | np.ndarray) -> tuple[float, float]:
    """Shape and rate of the gamma distribution from which the units' rates are drawn, by maximum likelihood.

    The same likelihood holds for Poisson counts in given times and for gamma times of a given shape, so `events` may be
    either the counts or the shapes of the times.

    Parameters
    ----------
    events, time : how many of each unit, not all 0, in which time, > 0

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6 (gamma–Poisson); Fader and Hardie (2013), The
    Gamma-Gamma Model of Monetary Value, note 025, equation 1a (gamma–gamma).

    Examples
    --------
    >>> shape, rate = gamma_prior(pd.Series([10, 20, 30]), pd.Series([1.0, 1.0, 1.0]))
    >>> round(shape / rate, 3)  # the rate of all
    20.0
    """
    k, t = np.asarray(events, float), np.asarray(time, float)

    def surprise(logs: np.ndarray) -> float:
        mean, shape = np.exp(logs)
        log_share = np.log1p(mean * t / shape)  # of the prior's weight in what is known of a unit
        known = scipy.special.gammaln(shape + k) - scipy.special.gammaln(shape)
        return -float((known + k * np.log(mean / shape) - (shape + k) * log_share).mean())

    first = np.log(k.sum() / t.sum())
    corners = [[first, 0.0], [first + 0.5, 0.0], [first, 2.0]]  # wide: steps from 0 would be shares of nothing
    options = {"initial_simplex": corners, "xatol": 1e-7, "fatol": 1e-12, "maxiter": 1000}
    limits = [(None, None), tuple(np.log(SHAPES))]
    best = scipy.optimize.minimize(surprise, corners[0], method="Nelder-Mead", bounds=limits, options=options)
    mean, shape = np.exp(best.x)
    return float(shape), float(shape / mean)


# -- gaps between events ----------------------------------------------------------------------------------------------


def spreads(spread: pd.Series, n: pd.Series) -> pd.Series:
    """Squared coefficient of variation of each unit, pulled towards that of all units.

    The spread of all units counts as `GAPS_OF_ALL` gaps, so that the fewer gaps a unit has the farther it is pulled. Units
    with fewer than two get that of all. None is believed more regular than `MOST_REGULAR`.

    Parameters
    ----------
    spread : Series, squared coefficient of variation of each unit
    n : Series, gaps it rests on, index as `spread`

    Returns
    -------
    Series of the pulled squared coefficient of variation; missing where there is nothing to go by

    References
    ----------
    House definition: a variance pooled with a fixed number of prior observations, as in Gelman et al. (2013), Bayesian Data
    Analysis, 3rd ed., section 2.6.
    """
    seen = spread.clip(lower=MOST_REGULAR**2).where(n >= 2)
    free = (n - 1).where(seen.notna(), 0)
    common = (free * seen).sum() / free.sum() if free.any() else np.nan
    return (GAPS_OF_ALL * common + free * seen.fillna(0)) / (GAPS_OF_ALL + free)


def waited(elapsed: pd.Series, gaps: pd.Series, shape: pd.Series, rest: pd.DataFrame) -> pd.Series:
    """Chance that so many gaps of a unit take at least as long as has passed, if its rhythm still holds.

    Parameters
    ----------
    elapsed : Series of the time passed, >= 0
    gaps : how many gaps it holds, the one still open among them
    shape : Series, shape of one gap
    rest : DataFrame of what the rhythm rests on: ``total`` (time) and ``weight`` (shape of it), prior and own together

    References
    ----------
    Metric dictionary C-43. Predictive distribution of the gamma-gamma model: a beta-prime: Johnson, Kotz
    and Balakrishnan (1995), Continuous Univariate Distributions 2, section 25.7.

    Examples
    --------
    A thousand gaps of ten days, as chance would have them; then three times as long, to be expected e to the power of -3:

    >>> rest = pd.DataFrame({"total": [10_000.0], "weight": [1_000.0]})
    >>> waited(pd.Series([30.0]), pd.Series([1.0]), pd.Series([1.0]), rest).round(3).tolist()
    [0.05]
    """
    x = elapsed / rest["total"]
    return pd.Series(scipy.special.betaincc(gaps * shape, rest["weight"], x / (1 + x)), index=elapsed.index)
