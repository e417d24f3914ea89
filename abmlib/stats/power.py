"""Power of a comparison of two groups, and the smallest effect it can detect, at the house level.

Power is the chance that the interval of the difference is wholly on the side of the effect. All effects are rises; a
fall of a share from p to q is a rise from 1 - p to 1 - q. The functions named ``curve_of_…`` give the power for each
effect. With a missing number, or fewer than two units in a group, the power is missing.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
import scipy

from abmlib.stats import randomised
from abmlib.stats.intervals import LEVEL, difference

POWER = 0.8  # chance at which an effect counts as detectable; Cohen (1988), p. 56
ALPHA = (1 - LEVEL) / 2  # of a test that looks for a rise: one side of the interval
TAIL = 1e-10  # of a distribution, left out of a sum
MOST_TIMES = 1e3  # ratios of two rates above it are not searched
DRAWS = 4_000  # pairs of groups drawn from the user's own values
MOST_UNITS = 2_000  # in more units a mean is as good as normal, whatever the shape of the values
RISES = (0.1, 0.5, 1.0, 2.0)  # shares of the mean that are planted to find the smallest one that a design finds
DESIGN_DRAWS, FEWEST_DRAWS = 2_000, 1_000  # lots drawn to know the power of a design: of few units, and of many
CELLS = 1_000_000  # numbers held at once while drawing

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


def curve_of_means(
    values: pd.Series, before: pd.Series, treated: int, held: int, seed: int, counts: bool = False
) -> Curve:
    """Power for each mean of the treated above that of `values`, by analysis of covariance.

    Both groups are drawn from the units, with replacement, each unit with its own past. A rise is in proportion: large
    units rise by more. Of `counts`, the chance of single events grows as that of a Poisson number. In groups of more than
    `MOST_UNITS` together means are drawn as normal.

    Parameters
    ----------
    values : of the outcome, one per unit, at least two different ones, with a mean above 0
    before : of the same units in the period before, whose part of `values` the comparison takes off; where all are alike
        it takes off nothing
    treated, held : units in each group
    counts : are the values counts of events

    References
    ----------
    Analysis of covariance: Cochran (1957), Biometrics 13, p. 261. Power by resampling: Efron and Tibshirani (1993), An
    Introduction to the Bootstrap, chapter 25. Counts as Poisson numbers of units that differ: McCullagh and Nelder (1989),
    Generalized Linear Models, section 6.2.3.

    Examples
    --------
    >>> units = pd.Series(np.random.default_rng(0).normal(100, 1, 5_000))
    >>> curve = curve_of_means(units, 0 * units, 64, 64, seed=0)
    >>> round(curve(units.mean() + 0.5), 1)  # 64 in each group detect half a standard deviation
    0.8
    """
    y, base, past = values.to_numpy(float), float(values.mean()), (before - before.mean()).to_numpy(float)
    if not (treated >= 2 and held >= 2 and base > 0 and np.ptp(y) > 0):
        return lambda mean: np.nan
    known = past.any()
    slope = past @ y / (past @ past) if known else 0.0
    parts = np.stack([past, y - base - slope * past])  # of each unit: its past, and what that does not predict
    (mean_1, within_1), (mean_0, within_0) = _drawn_groups(parts, (treated, held), seed)
    rest, df = float(parts[1].var()), treated + held - 2 - int(known)
    least, events = scipy.special.stdtrit(df, 1 - ALPHA), min(base, rest) if counts else 0.0

    def curve(mean: float) -> float:
        times = mean / base
        grown = np.sqrt((times**2 * (rest - events) + times * events) / rest) if rest else times
        of_1, of_0 = np.array([times * slope, grown]), np.array([slope, 1.0])  # of the parts, in the outcome
        xx = (within_1 + within_0)[:, 0, 0]
        xy = (within_1 @ of_1 + within_0 @ of_0)[:, 0]
        yy = within_1 @ of_1 @ of_1 + within_0 @ of_0 @ of_0
        ratio = np.divide(xy, xx, out=np.zeros_like(xy), where=xx > 0)
        apart = mean_1[:, 0] - mean_0[:, 0]
        found = mean - base + mean_1 @ of_1 - mean_0 @ of_0 - ratio * apart
        leverage = 1 / treated + 1 / held + np.divide(apart**2, xx, out=np.zeros_like(xx), where=xx > 0)
        return float((found > least * np.sqrt((yy - ratio * xy).clip(0) / df * leverage)).mean())

    return curve


def _drawn_groups(parts: np.ndarray, sizes: tuple[int, int], seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Means, and sums of squares and products within, of `DRAWS` draws of each of two groups."""
    random, out = np.random.default_rng(seed), []
    for size in sizes:
        if sum(sizes) > MOST_UNITS:
            spread = np.cov(parts, ddof=0)
            normal = random.normal(size=(DRAWS, 2)) * np.sqrt(np.diag(spread) / size)
            out.append((normal, np.broadcast_to((size - 1) * spread, (DRAWS, 2, 2))))
            continue
        means, within, step = np.empty((DRAWS, 2)), np.empty((DRAWS, 2, 2)), max(1, CELLS // size)
        for some in (slice(done, min(done + step, DRAWS)) for done in range(0, DRAWS, step)):
            drawn = parts[:, random.integers(parts.shape[1], size=(some.stop - some.start, size))]
            means[some] = drawn.mean(axis=2).T
            drawn -= means[some].T[:, :, None]
            within[some] = np.einsum("ids,jds->dij", drawn, drawn)
        out.append((means, within))
    return out


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


def chances_of_design(
    values: pd.Series,
    past: pd.Series,
    stratum: pd.Series,
    held_share: float,
    kind: str,
    rises: Sequence[float],
    seed: int,
    level: float = ALPHA * 2,
) -> np.ndarray:
    """Chance that a comparison drawn by lot within strata finds each of some rises, by drawing it again and again.

    Units keep their own values; a rise is planted in those treated, and the comparison read as `randomised.read` reads it, against the
    level it has where nothing is planted.

    Parameters
    ----------
    values : of the outcome, one per unit
    past : of the same units before; where all are alike it takes off nothing
    stratum : labels within which lots are drawn
    held_share : of each stratum
    kind : ``mean``: what a unit has grows by the rise; ``rate``: events come on top, by chance, in proportion to the unit's own rate;
        ``share``: units without it get it, by chance
    rises : shares of the mean of `values`, 0 or more
    level : of the two-sided test

    Returns
    -------
    array, one chance per rise; missing where a side would have fewer than two units, or all values are alike

    References
    ----------
    Power by simulation of the design on its own units: Gerber and Green (2012), Field Experiments, chapter 3; Arnold et al. (2011), BMC
    Medical Research Methodology 11, 94.
    """
    y, x, group = values.to_numpy(float), past.to_numpy(float), stratum.to_numpy()
    base, random = float(y.mean()) if len(y) else np.nan, np.random.default_rng(seed)
    treated = randomised.draw(pd.Series(group), held_share, seed).to_numpy()
    if not (min(treated.sum(), (~treated).sum()) >= 2 and base > 0 and np.ptp(y) > 0):
        return np.full(len(rises), np.nan)
    draws = min(DESIGN_DRAWS, max(FEWEST_DRAWS, CELLS // len(y)))
    lots = randomised.redraws(treated, group, seed, draws)[1:]
    nothing = randomised.statistic(randomised.of_draws(lots, y, None, group, x))
    asked = np.quantile(np.abs(nothing), 1 - level)
    own = _own_rates(y, x, random, lots.shape) if kind == "rate" else y
    found = []
    for rise in rises:
        if kind == "rate":
            more = random.poisson(rise * own)
        elif kind == "share":
            more = (random.random(lots.shape) < rise * base / max(1 - base, rise * base)) * (1 - y)
        else:
            more = np.broadcast_to(rise * y, lots.shape)
        read = randomised.of_draws(lots, y + lots * more, None, group, x)
        found.append(float((randomised.statistic(read) > asked).mean()))
    return np.array(found)


def _own_rates(y: np.ndarray, x: np.ndarray, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw the rate of events each unit may have, given its events in both periods: gamma, as of units that differ by chance."""
    base, before = y.mean(), x.mean() if np.ptp(x) > 0 else 0.0
    between = np.cov(x, y)[0, 1] * base / before if before else y.var(ddof=1) - base
    prior = base / max(between, base / MOST_UNITS)  # as many periods as the average of all units is worth
    return random.gamma(prior * base + y + x * (before > 0), 1 / (prior + 1 + before / base), shape)


def smallest_of(rises: Sequence[float], chances: np.ndarray) -> float:
    """Smallest rise with a chance of `POWER`, between those tried; missing where none of them has it, and the first where it has.

    Examples
    --------
    >>> round(smallest_of([0.1, 0.2], np.array([0.7, 0.9])), 3)
    0.142
    """
    rising = np.maximum.accumulate(chances)
    if np.isnan(rising).any() or rising[-1] < POWER:
        return np.nan
    z = scipy.special.ndtri(rising.clip(1e-6, 1 - 1e-6))
    return float(np.interp(scipy.special.ndtri(POWER), z, rises))


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
