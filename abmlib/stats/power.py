"""Power of a comparison of two groups, and the smallest effect it can detect, at the house level.

Power is the chance that the interval of the difference is wholly on the side of the effect. All effects are rises; a
fall of a share from p to q is a rise from 1 - p to 1 - q. The functions named ``curve_of_…`` give the power for each
effect. With a missing number, or fewer than two units in a group, the power is missing.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL, Z, difference

POWER = 0.8  # chance at which an effect counts as detectable; Cohen (1988), p. 56
ALPHA = (1 - LEVEL) / 2  # of a test that looks for a rise: one side of the interval
TAIL = 1e-10  # of a distribution, left out of a sum
MOST_TIMES = 1e3  # ratios of two rates above it are not searched
DRAWS = 10_000  # pairs of groups drawn from the user's own values
MOST_UNITS = 5_000  # in more units a mean is as good as normal, whatever the shape of the values
CELLS = 2_000_000  # numbers held at once while drawing

Curve = Callable[[float], float]


def smallest_effect(curve: Curve, low: float, high: float) -> float:
    """Smallest effect between `low` and `high` with a power of `POWER`; missing if there is none.

    Parameters
    ----------
    curve : power for each effect, rising

    References
    ----------
    Bloom (1995), Minimum detectable effects, Evaluation Review 19, p. 547.
    """
    if not (low < high and curve(high) >= POWER):
        return np.nan
    return float(scipy.optimize.brentq(lambda effect: curve(effect) - POWER, low, high))


def curve_of_means(sd: float, treated: int, held: int) -> Curve:
    """Power of the t-test for each difference of two means with equal spread.

    Parameters
    ----------
    sd : spread of one unit, above 0, in the unit of the effect
    treated, held : units in each group

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2 (noncentral t), by statsmodels.

    Examples
    --------
    >>> round(curve_of_means(1, 64, 64)(0.5), 3)  # 64 in each group detect half a standard deviation
    0.801
    """
    if not (sd > 0 and treated >= 2 and held >= 2):
        return lambda effect: np.nan
    from statsmodels.stats.power import TTestIndPower  # here and not above: it loads scipy.stats

    test = TTestIndPower()
    return lambda effect: float(test.power(effect / sd, treated, ALPHA, held / treated, alternative="larger"))


def of_own_values(values: pd.Series, effect: float, treated: int, held: int, seed: int) -> tuple[float, float]:
    """Power of the t-test on the user's own values, and the smallest difference detected.

    Both groups are drawn from the values, with replacement, and the effect is added to each of the treated. In groups
    of more than `MOST_UNITS` together the noncentral t is used, which then gives the same. Missing values do not count.

    Parameters
    ----------
    values : of the outcome, one per unit, at least two different ones
    effect : added to each treated unit, in the unit of `values`
    treated, held : units in each group

    Returns
    -------
    power, smallest difference detected

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 25 (power by resampling). Student's t with
    pooled variance; a pair of groups detects every effect above t × error less the difference that the draw itself made.
    """
    known = np.sort(values.dropna().to_numpy(float))
    if len(known) < 2 or np.ptp(known) == 0 or treated < 2 or held < 2 or np.isnan(effect):
        return np.nan, np.nan
    if treated + held > MOST_UNITS:
        curve, most = curve_of_means(known.std(ddof=1), treated, held), 10 * np.ptp(known)
        return curve(effect), smallest_effect(curve, 0.0, most)
    df = treated + held - 2
    random, step, needed = np.random.default_rng(seed), max(1, CELLS // (treated + held)), []
    for done in range(0, DRAWS, step):
        drawn = random.choice(known, (min(step, DRAWS - done), treated + held))
        one, two = drawn[:, :treated], drawn[:, treated:]
        within = (treated * one.var(axis=1) + held * two.var(axis=1)) / df
        error = np.sqrt(within * (1 / treated + 1 / held))
        needed.append(scipy.special.stdtrit(df, 1 - ALPHA) * error - one.mean(axis=1) + two.mean(axis=1))
    least = np.concatenate(needed)
    return float((least < effect).mean()), float(np.quantile(least, POWER))


def curve_of_shares(base: float, treated: int, held: int) -> Curve:
    """Power for each share of the treated above `base`, by the interval of `intervals.difference`; exact.

    Exact and not by a library: statsmodels has the normal approximation only, which is some points off for groups of
    some dozens of accounts.

    Parameters
    ----------
    base : share of the group held back, 0 to 1
    treated, held : units in each group

    References
    ----------
    Exact power: Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4, with the
    interval of Newcombe (1998), method 10, in place of their approximation.

    Examples
    --------
    >>> round(curve_of_shares(0.5, 100, 100)(0.75), 2)
    0.96
    """
    if not (treated >= 2 and held >= 2 and 0 <= base <= 1):
        return lambda share: np.nan

    def detected(k1: np.ndarray, k0: np.ndarray) -> np.ndarray:
        n = pd.DataFrame({"treated": treated, "held": held}, range(len(k0)))
        return (difference(pd.DataFrame({"treated": k1, "held": k0}), n)["low"] > 0).to_numpy()

    return _exact(scipy.stats.binom(held, base), partial(scipy.stats.binom, treated), treated, detected)


def curve_of_rates(base: float, treated: int, held: int, dispersion: float = 1.0) -> Curve:
    """Power for each rate of events of the treated above `base`, by the Wald interval of the log of the ratio; exact.

    Counts of a unit vary as a negative binomial does whose variance is `dispersion` times its mean, the same in both
    groups and known to the test. Where a group has no event nothing is detected.

    Parameters
    ----------
    base : mean events of a unit in the group held back, above 0
    treated, held : units in each group
    dispersion : variance ÷ mean of a unit's count; below 1 it counts as 1, Poisson

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, section 6.2.3 (constant dispersion); variance of the log
    ratio as in Signorini (1991), Biometrika 78, p. 446.
    """
    if not (treated >= 2 and held >= 2 and base > 0):
        return lambda rate: np.nan
    phi = max(dispersion, 1.0)

    def total(units: int, rate: float):  # type: ignore[no-untyped-def]
        mean = units * rate
        return scipy.stats.poisson(mean) if phi == 1 else scipy.stats.nbinom(mean / (phi - 1), 1 / phi)

    def detected(k1: np.ndarray, k0: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.log((k1 / treated) / (k0 / held)) / np.sqrt(phi * (1 / k1 + 1 / k0))
        return (k1 > 0) & (k0 > 0) & (z > Z)

    most = int(total(treated, MOST_TIMES * base).isf(TAIL)) + 1
    return _exact(total(held, base), partial(total, treated), most, detected)


def _exact(held, treated, most: int, detected: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Curve:  # type: ignore[no-untyped-def]
    """Power as a function of what `treated` is given: Σ P(k0) × P(k1 large enough to be detected beside k0).

    `detected` must hold for every count of the treated above one for which it holds.
    """
    k0 = np.arange(int(held.ppf(TAIL)), int(held.isf(TAIL)) + 1)
    low, high = np.zeros(len(k0), int), np.full(len(k0), most + 1)  # the smallest count detected is in low … high
    while (low < high).any():
        middle = (low + high) // 2
        enough = detected(np.minimum(middle, most), k0) | (middle > most)
        low, high = np.minimum(np.where(enough, low, middle + 1), high), np.where(enough, middle, high)
    weight = held.pmf(k0)
    return lambda effect: float(weight @ treated(effect).sf(low - 1))
