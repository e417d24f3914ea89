"""What a treatment drawn by lot shows, judged over the draws that the lot could have made.

Units lie in strata; in each, lots decide which of them are treated. Were the treatment without any effect, the outcomes would be the
same under every other draw, so the statistic of the draw that was made is compared with that of others. The statistic is Student's
t of the treatment, after taking off the strata and, where it is known, what each unit's past predicts.

An effect is per unit of `dose`: the treatment itself (intention to treat), or what of it reached the unit (complier effect).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL

DRAWS = 4_000  # other draws that the one made is compared with
MOST_UNITS = 1_000  # with more units the draws are as good as normal, and too many to hold
ALPHA = 1 - LEVEL
EARLIEST = 0.4  # of the time; an earlier look asks for more than so many draws can show
TIE = 1e-9  # relative; statistics that differ by less are alike
HALVINGS = 60  # of the range an end of an interval is sought in
FAR = 1e6  # standard errors from the estimate, beyond which an interval has no end
GRID = 501  # points on which the looks are integrated
FARTHEST = 10.0  # standard deviations of the whole; no look asks for more


# -- lots -------------------------------------------------------------------------------------------------------------


def draw(stratum: pd.Series, held_share: float, seed: int) -> pd.Series:
    """Draw which units are treated: in each stratum all but `held_share` of them, to the nearest unit.

    A stratum of two or more has at least one unit on either side; one of a single unit falls to a side by the same lot. The draw depends
    on the ids of the units and their strata, not on the order of rows, so that anybody can make it again.

    Parameters
    ----------
    stratum : Series of labels, indexed by unit, unique
    held_share : between 0 and 1, both excluded
    seed : of the lots

    Returns
    -------
    bool Series, index as `stratum`: is the unit treated

    Raises
    ------
    ValueError
        If a unit is named twice, or the share is out of range.
    """
    if stratum.index.has_duplicates:
        raise ValueError(f"{stratum.index[stratum.index.duplicated()][:3].tolist()} are there twice. Name each once.")
    if not 0 < held_share < 1:
        raise ValueError(f"held_share must be between 0 and 1, got {held_share}.")
    ordered = stratum.sort_index()
    lot = pd.Series(np.random.default_rng(seed).random(len(ordered)), ordered.index)
    place = lot.groupby(ordered).rank(method="first")
    size = ordered.groupby(ordered).transform("size")
    held = (held_share * size).round().clip(lower=1).clip(upper=size - 1)
    treated = (place > held).where(size > 1, lot > held_share)
    return treated.reindex(stratum.index).astype(bool)


def redraws(treated: np.ndarray, stratum: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw anew, as many of each stratum as were drawn; the first row is the draw that was made.

    Returns
    -------
    bool array, shape (1 + draws, units)
    """
    random, out = np.random.default_rng(seed), np.empty((1 + draws, len(treated)), bool)
    out[0] = treated
    for label in np.unique(stratum):
        of = np.flatnonzero(stratum == label)
        some = int(treated[of].sum())
        out[1:, of] = random.random((draws, len(of))).argsort(axis=1) < some
    return out


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Sums from which the statistic follows for every effect; one of each per draw, the draw that was made first."""

    outcome: np.ndarray  # outcome with the treatment, both with strata and past taken off
    dose: np.ndarray  # the same of the dose
    outcomes: np.ndarray  # weighted squares of what is left of the outcome, the products of both, and those of the dose
    both: np.ndarray
    doses: np.ndarray
    units: int

    @property
    def effect(self) -> float:
        """Effect per unit of dose; missing where the draw moved no dose."""
        return float(self.outcome[0] / self.dose[0]) if self.dose[0] else float("nan")


def read(
    outcome: np.ndarray,
    treated: np.ndarray,
    stratum: np.ndarray,
    past: np.ndarray,
    seed: int,
    dose: np.ndarray | None = None,
) -> Reading:
    """Read a comparison: the sums of the draw made, and of those that could have been.

    Parameters
    ----------
    outcome, past : one number per unit; where all of the past are alike, it takes off nothing
    treated : bool, the draw that was made
    stratum : labels within which lots were drawn
    dose : what reached each unit; the treatment itself if not given
    seed : of the other draws; none are made of more than `MOST_UNITS` units, whose statistic is as good as normal

    References
    ----------
    Randomisation inference: Fisher (1935), The Design of Experiments; Imbens and Rubin (2015), Causal Inference, chapter 5; with
    Student's t as statistic it holds for the mean effect as well: Wu and Ding (2021), JASA 116, p. 1898. Covariates by regression: Lin (2013),
    Annals of Applied Statistics 7, p. 295. Standard error HC2: MacKinnon and White (1985), Journal of Econometrics 29, p. 305.
    Dose as instrumented by lots: Imbens and Rosenbaum (2005), JRSS A 168, p. 109.
    """
    whole = redraws(treated, stratum, seed, DRAWS if len(treated) <= MOST_UNITS else 0)
    return of_draws(whole, outcome, treated.astype(float) if dose is None else dose, stratum, past)


def of_draws(
    lots: np.ndarray, outcome: np.ndarray, dose: np.ndarray | None, stratum: np.ndarray, past: np.ndarray
) -> Reading:
    """Read the sums of given draws.

    Parameters
    ----------
    lots : bool, shape (draws, units)
    outcome, dose : shape (units,), or (draws, units) where they depend on the draw; without a dose only the effect 0 can be asked for
    """
    _, which = np.unique(stratum, return_inverse=True)
    order, size = np.argsort(which, kind="stable"), np.bincount(which).astype(float)
    starts = np.append(0, np.cumsum(size[:-1])).astype(int)

    def inside(values: np.ndarray) -> np.ndarray:
        means = np.add.reduceat(values[..., order], starts, axis=-1) / size
        return values - means[..., which]

    x = inside(past)
    left = float(x @ x)
    known = left > TIE * max(float(past @ past), 1e-300)

    def rest(values: np.ndarray) -> np.ndarray:
        own = inside(values)
        return own - (own * x).sum(axis=-1, keepdims=True) / left * x if known else own

    z, y = rest(lots.astype(float)), rest(outcome)
    squares = z * z
    zz = squares.sum(axis=1)
    of_y = (z * y).sum(axis=1)
    with np.errstate(all="ignore"):
        leverage = (1 / size)[which] + (x * x / left if known else 0.0) + squares / zz[:, None]
        weight = squares / np.maximum(1 - leverage, TIE)
        e = y - z * (of_y / zz)[:, None]
        ee = (weight * e * e).sum(axis=1)
        if dose is None:
            return Reading(of_y, 0 * of_y, ee, 0 * ee, 0 * ee, len(which))
        d = rest(dose)
        of_d = (z * d).sum(axis=1)
        f = d - z * (of_d / zz)[:, None]
        ef, ff = (weight * e * f).sum(axis=1), (weight * f * f).sum(axis=1)
    return Reading(of_y, of_d, ee, ef, ff, len(which))


def statistic(found: Reading, effect: float = 0.0) -> np.ndarray:
    """Student's t of each draw, were the true effect `effect`: signed, infinite where nothing varies but by the draw."""
    above = found.outcome - effect * found.dose
    below = found.outcomes - 2 * effect * found.both + effect**2 * found.doses
    scale = np.abs(found.outcomes) + effect**2 * np.abs(found.doses)
    below = np.where(below > TIE * TIE * scale, below, 0.0)
    with np.errstate(all="ignore"):
        return np.where(above == 0, 0.0, above / np.sqrt(below))


def p_value(found: Reading, effect: float = 0.0) -> float:
    """Share of draws with a statistic as far from 0 as that of the draw made, itself among them; two-sided.

    Missing where the draw moved nothing.
    """
    if not found.dose[0]:
        return float("nan")
    t = np.abs(statistic(found, effect))
    if len(t) == 1:
        return float(2 * scipy.special.ndtr(-t[0]))
    return float((t >= t[0] * (1 - TIE)).mean())


def interval(found: Reading, level: float = ALPHA) -> tuple[float, float]:
    """Effects that the draws do not contradict at a p-value up to `level`; an end that does not exist is infinite.

    Without one where the draws are too few to contradict anything, or the dose moved too little.

    References
    ----------
    Inverting the test: Imbens and Rubin (2015), Causal Inference, section 5.7.
    """
    middle = found.effect
    if np.isnan(middle):
        return float("nan"), float("nan")
    step = float(np.sqrt(max(found.outcomes[0] - 2 * middle * found.both[0] + middle**2 * found.doses[0], 0.0)))
    step = step / abs(found.dose[0])
    if not step:
        return middle, middle
    return float(_end(found, middle, -step, level)), float(_end(found, middle, step, level))


def _end(found: Reading, middle: float, step: float, level: float) -> float:
    """One end of an interval: the first effect away from the middle that is contradicted."""
    near, far = 0.0, 1.0
    while p_value(found, middle + far * step) > level:
        near, far = far, 2 * far
        if far > FAR:
            return float(np.copysign(np.inf, step))
    for _ in range(HALVINGS):
        half = (near + far) / 2
        if half in (near, far):
            break
        near, far = (half, far) if p_value(found, middle + half * step) > level else (near, half)
    return middle + near * step


# -- looks ------------------------------------------------------------------------------------------------------------


def look_levels(fractions: Sequence[float]) -> list[float]:
    """Level of the p-value at each planned look, so that all looks together raise a false alarm no more often than one.

    Early looks ask for far more than the last one. Known before the first: of later looks only their time counts.

    Parameters
    ----------
    fractions : part of the whole time that has passed at each look, rising, the last 1

    Raises
    ------
    ValueError
        If they do not rise to 1.

    References
    ----------
    O'Brien and Fleming's form of spending: Lan and DeMets (1983), Biometrika 70, p. 659, on both sides. Integration of looks one
    after the other: Armitage, McPherson and Rowe (1969), JRSS A 132, p. 235. Intervals at these levels hold at every look: Jennison and
    Turnbull (1989), JRSS B 51, p. 305.

    Examples
    --------
    >>> [round(level, 5) for level in look_levels([0.5, 1.0])]  # published as standard deviations: 2.963 and 1.969
    [0.00305, 0.049]
    """
    times = np.array(fractions, float)
    if not len(times) or not (np.diff(times, prepend=0) > 0).all() or times[-1] != 1:
        raise ValueError(f"looks must rise to the end of the time, got {list(fractions)}.")
    ndtr = scipy.special.ndtr
    spent = 4 * ndtr(scipy.special.ndtri(ALPHA / 4) / np.sqrt(times))
    levels, sums, weights = [], np.zeros(1), np.ones(1)  # sums that have passed no look, and how likely each is
    for k, time in enumerate(times):
        spread = np.sqrt(time - (times[k - 1] if k else 0.0))
        asked = spent[k] - (spent[k - 1] if k else 0.0)

        def beyond(
            bound: float, sums: np.ndarray = sums, weights: np.ndarray = weights, spread: float = spread
        ) -> float:
            return float(weights @ (ndtr((sums - bound) / spread) + ndtr((-sums - bound) / spread)))

        at = float(
            scipy.optimize.brentq(lambda bound, beyond=beyond, asked=asked: beyond(bound) - asked, 0.0, FARTHEST)
        )
        levels.append(float(2 * ndtr(-at / np.sqrt(time))))
        inside = np.linspace(-at, at, GRID)
        step = np.full(GRID, inside[1] - inside[0])
        step[[0, -1]] /= 2
        near = np.exp(-(((inside[:, None] - sums) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        sums, weights = inside, step * (near @ weights)
    return levels
