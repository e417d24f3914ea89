"""What a comparison of two groups can see: its power, and the smallest effect it would find, at the house level.

Power is the chance that the interval of the difference lies wholly on the side of the effect. All effects are rises; a
fall of a share from p to q is a rise from 1 - p to 1 - q. Where a number is missing, or a group has fewer than two
units, so is the answer. For groups drawn as clusters give `effective` units.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL, Z, difference

POWER = 0.8  # chance at which an effect counts as detectable; Cohen (1988), p. 56
TAIL = 1e-10  # of a distribution, left out of a sum
MOST_TIMES = 1e3  # no ratio of rates above it is looked for
DRAWS = 10_000  # pairs of groups drawn from own values
MOST_UNITS = 5_000  # in more of them a mean is as good as normal, whatever the values are
CELLS = 2_000_000  # numbers held at once while drawing

Curve = Callable[[float], float]


def effective(units: pd.Series, cluster_size: float = 1.0, icc: float = 0.0) -> pd.Series:
    """Divide units drawn in clusters by the design effect 1 + (m - 1) × ICC: as many drawn one by one tell as much.

    Parameters
    ----------
    cluster_size : m, mean units of a cluster, 1 or more
    icc : share of the variance that lies between clusters, 0 to 1

    References
    ----------
    Kish (1965), Survey Sampling, section 5.4; Donner and Klar (2000), Design and Analysis of Cluster Randomization
    Trials.

    Examples
    --------
    >>> effective(pd.Series([100.0]), cluster_size=11, icc=0.1).tolist()
    [50.0]
    """
    if cluster_size < 1 or not 0 <= icc <= 1:
        raise ValueError(f"cluster_size must be 1 or more and icc 0 to 1, got {cluster_size} and {icc}.")
    return units / (1 + (cluster_size - 1) * icc)


def of_means(
    effect: pd.Series, sd: pd.Series, treated: pd.Series, held: pd.Series, correlation: float = 0.0
) -> pd.Series:
    """Power to find a difference of two means of equal spread by the t-test.

    Parameters
    ----------
    effect : mean of the treated less that of the others, in the unit of `sd`
    sd : spread of one unit, above 0
    treated, held : units in each group
    correlation : of the outcome with the same before, where the analysis adjusts for it: the variance falls by 1 - its
    square

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2 (noncentral t); the factor of the
    adjustment: Borm, Fransen and Lemmens (2007), Journal of Clinical Epidemiology 60, p. 1234.

    Examples
    --------
    >>> one = pd.Series([1.0])
    >>> of_means(one / 2, one, one * 64, one * 64).round(3).tolist()  # 64 in each group see half a standard deviation
    [0.801]
    """
    df, error = _t_test(sd, treated, held, correlation)
    found = scipy.stats.nct.sf(scipy.stats.t.ppf((1 + LEVEL) / 2, df), df, effect / error)
    return pd.Series(found, effect.index).where(error.notna() & effect.notna())


def detectable_mean(sd: pd.Series, treated: pd.Series, held: pd.Series, correlation: float = 0.0) -> pd.Series:
    """Smallest difference of two means that `of_means` finds with `POWER`, in the unit of `sd`.

    References
    ----------
    As `of_means`; Bloom (1995), Minimum detectable effects, Evaluation Review 19, p. 547.

    Examples
    --------
    >>> one = pd.Series([1.0])
    >>> detectable_mean(one, one * 64, one * 64).round(3).tolist()
    [0.499]
    """
    df, error = _t_test(sd, treated, held, correlation)
    found = error * scipy.special.nctdtrinc(df, 1 - POWER, scipy.stats.t.ppf((1 + LEVEL) / 2, df))
    return pd.Series(found, sd.index).where(error.notna())


def of_own_values(values: pd.Series, effect: float, treated: int, held: int, seed: int) -> tuple[float, float]:
    """Power to find a difference of two means by the t-test, and the smallest found, whatever the values' shape.

    Both groups are drawn from the values, with replacement, and the effect is added to each of the treated. In groups
    of more than `MOST_UNITS` together the noncentral t is used, to which it leads. Missing values do not count.

    Parameters
    ----------
    values : of the outcome, one per unit, at least two different ones
    effect : added to each treated unit, in the unit of `values`
    treated, held : units in each group

    Returns
    -------
    power, smallest difference found

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 25 (power by resampling). Student's t with
    pooled variance; a pair of groups finds every effect above t × error less the difference that the draw itself made.
    """
    known = np.sort(values.dropna().to_numpy(float))
    if len(known) < 2 or np.ptp(known) == 0 or treated < 2 or held < 2 or np.isnan(effect):
        return np.nan, np.nan
    df = treated + held - 2
    if treated + held > MOST_UNITS:
        one, sd = pd.Series([1.0]), pd.Series([known.std(ddof=1)])
        groups = (one * treated, one * held)
        return float(of_means(one * effect, sd, *groups)[0]), float(detectable_mean(sd, *groups)[0])
    random, step, needed = np.random.default_rng(seed), max(1, CELLS // (treated + held)), []
    for done in range(0, DRAWS, step):
        drawn = random.choice(known, (min(step, DRAWS - done), treated + held))
        one, two = drawn[:, :treated], drawn[:, treated:]
        within = (treated * one.var(axis=1) + held * two.var(axis=1)) / df
        error = np.sqrt(within * (1 / treated + 1 / held))
        needed.append(scipy.stats.t.ppf((1 + LEVEL) / 2, df) * error - one.mean(axis=1) + two.mean(axis=1))
    least = np.concatenate(needed)
    return float((least < effect).mean()), float(np.quantile(least, POWER))


def _t_test(sd: pd.Series, treated: pd.Series, held: pd.Series, correlation: float) -> tuple[pd.Series, pd.Series]:
    """Degrees of freedom and standard error of a difference of means; the error is missing where there is no test."""
    if not -1 < correlation < 1:
        raise ValueError(f"correlation must lie between -1 and 1, got {correlation}.")
    error = sd * np.sqrt((1 - correlation**2) * (1 / treated + 1 / held))
    df = treated + held - 2 - (correlation != 0)
    return df, error.where((sd > 0) & (treated >= 2) & (held >= 2))


def of_shares(base: pd.Series, share: pd.Series, treated: pd.Series, held: pd.Series) -> pd.Series:
    """Power to find that a share has risen, by the interval of `intervals.difference`; exact, over both binomials.

    Parameters
    ----------
    base, share : in the group held back and in the treated one, 0 to 1
    treated, held : units in each group, rounded down

    References
    ----------
    Exact power: Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4, with the
    interval of Newcombe (1998), method 10, in place of their approximation.

    Examples
    --------
    >>> n = pd.Series([100])
    >>> of_shares(n * 0 + 0.5, n * 0 + 0.75, n, n).round(2).tolist()
    [0.96]
    """
    return _each(lambda p, q, n1, n0: _shares(p, int(n1), int(n0))(q), base, share, treated, held)


def detectable_share(base: pd.Series, treated: pd.Series, held: pd.Series) -> pd.Series:
    """Smallest share of the treated that `of_shares` finds above `base` with `POWER`; missing where no share is.

    References
    ----------
    As `of_shares`.
    """
    return _each(lambda p, n1, n0: _root(_shares(p, int(n1), int(n0)), p, 1.0), base, treated, held)


def of_rates(
    base: pd.Series, rate: pd.Series, treated: pd.Series, held: pd.Series, dispersion: pd.Series | float = 1.0
) -> pd.Series:
    """Power to find that a rate of events has risen, by the Wald interval of the log of the ratio; exact.

    Counts of a unit vary as a negative binomial does whose variance is `dispersion` times its mean, the same in both
    groups and known to the test. Where either group has no event nothing is found.

    Parameters
    ----------
    base, rate : mean events of a unit in the group held back and in the treated one, above 0
    treated, held : units in each group
    dispersion : variance ÷ mean of a unit's count; below 1 it counts as 1, Poisson

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, section 6.2.3 (constant dispersion); variance of the log
    ratio as in Signorini (1991), Biometrika 78, p. 446.
    """
    spread = pd.Series(dispersion, base.index)
    return _each(lambda a, b, n1, n0, phi: _rates(a, n1, n0, phi)(b), base, rate, treated, held, spread)


def detectable_rate(
    base: pd.Series, treated: pd.Series, held: pd.Series, dispersion: pd.Series | float = 1.0
) -> pd.Series:
    """Smallest rate of the treated that `of_rates` finds above `base` with `POWER`; missing above `MOST_TIMES` it.

    References
    ----------
    As `of_rates`.
    """
    spread = pd.Series(dispersion, base.index)
    return _each(lambda a, n1, n0, phi: _root(_rates(a, n1, n0, phi), a, MOST_TIMES * a), base, treated, held, spread)


def _each(answer: Callable[..., float], *given: pd.Series) -> pd.Series:
    """Answer row by row; missing where a number of the row is."""
    rows = zip(*given, strict=True)
    return pd.Series([np.nan if any(map(pd.isna, row)) else answer(*row) for row in rows], given[0].index, dtype=float)


def _root(curve: Curve, low: float, high: float) -> float:
    """Where a rising curve reaches `POWER`; missing if it does not."""
    return (
        float(scipy.optimize.brentq(lambda x: curve(x) - POWER, low, high))
        if low < high and curve(high) >= POWER
        else np.nan
    )


def _shares(base: float, treated: int, held: int) -> Curve:
    """Power over the share of the treated."""
    if treated < 2 or held < 2 or not 0 <= base <= 1:
        return lambda _share: np.nan

    def found(k1: np.ndarray, k0: np.ndarray) -> np.ndarray:
        n = pd.DataFrame({"treated": treated, "held": held}, range(len(k0)))
        return (difference(pd.DataFrame({"treated": k1, "held": k0}), n)["low"] > 0).to_numpy()

    return _exact(scipy.stats.binom(held, base), partial(scipy.stats.binom, treated), treated, found)


def _rates(base: float, treated: float, held: float, dispersion: float) -> Curve:
    """Power over the rate of the treated."""
    if treated < 2 or held < 2 or base <= 0:
        return lambda _rate: np.nan
    phi = max(dispersion, 1.0)

    def total(units: float, rate: float):  # type: ignore[no-untyped-def]
        mean = units * rate
        return scipy.stats.poisson(mean) if phi == 1 else scipy.stats.nbinom(mean / (phi - 1), 1 / phi)

    def found(k1: np.ndarray, k0: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.log((k1 / treated) / (k0 / held)) / np.sqrt(phi * (1 / k1 + 1 / k0))
        return (k1 > 0) & (k0 > 0) & (z > Z)

    most = int(total(treated, MOST_TIMES * base).isf(TAIL)) + 1
    return _exact(total(held, base), partial(total, treated), most, found)


def _exact(held, treated, most: int, found: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Curve:  # type: ignore[no-untyped-def]
    """Power as a function of what `treated` is given: Σ P(k0) × P(k1 large enough to be found beside k0).

    `found` must hold for every count of the treated above one for which it holds.
    """
    k0 = np.arange(int(held.ppf(TAIL)), int(held.isf(TAIL)) + 1)
    low, high = np.zeros(len(k0), int), np.full(len(k0), most + 1)  # the smallest count found is in low … high
    while (low < high).any():
        middle = (low + high) // 2
        yes = found(np.minimum(middle, most), k0) | (middle > most)
        low, high = np.where(yes, low, middle + 1), np.where(yes, middle, high)
        low = np.minimum(low, high)
    weight = held.pmf(k0)
    return lambda given: float(weight @ treated(given).sf(low - 1))
