"""Does the newest of several periods depart from those before it, with clusters and the periods' own variation as noise."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import LEVEL
from abmlib.stats.power import POWER

FREE = 2  # fewest degrees of freedom that earlier periods must leave; fewer cannot tell how periods vary


@dataclass(frozen=True)
class Departure:
    """What earlier periods lead to expect of the newest one, and how far it lies from that."""

    expected: float
    change: float  # the newest less what is expected
    error: float  # standard error of the change
    freedom: float  # degrees of freedom of the error

    @property
    def p(self) -> float:
        """Chance of a change as large, either way, if nothing changed."""
        return float(2 * scipy.special.stdtr(self.freedom, -abs(self.change) / self.error))

    @property
    def half(self) -> float:
        """Half the interval of the change at `LEVEL`."""
        return float(scipy.special.stdtrit(self.freedom, (1 + LEVEL) / 2) * self.error)

    def visible(self, tests: int) -> float:
        """Smallest change called with a chance of `POWER`, where it is one of several tests (Bonferroni)."""
        called = scipy.special.stdtrit(self.freedom, 1 - (1 - LEVEL) / 2 / tests)
        return float((called + scipy.special.ndtri(POWER)) * self.error)


def departure(values: np.ndarray, parts: np.ndarray, weight: np.ndarray, trend: bool) -> Departure | None:
    """Compare the newest period with what those before it lead to expect.

    Expected is the weighted mean of the earlier periods, or their straight line drawn on. The noise is the larger of two:
    what the clusters allow, and what the earlier periods varied around their mean or line. So a season, or any other cause
    that moves all clusters together, is noise as far as earlier periods show it.

    Parameters
    ----------
    values : one per period, newest first, on a scale on which their noise does not depend on them
    parts : clusters × periods, what each cluster adds to the difference of a value from its expectation
    weight : precision of each period, 1 on average
    trend : draw the line on, in place of the mean

    Returns
    -------
    None where the earlier periods leave fewer than `FREE` degrees of freedom, or nothing varies

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, section 4.5 (dispersion, at least 1); Satterthwaite (1946),
    Biometrics Bulletin 2, p. 110 (degrees of freedom of what exceeds 1); Liang and Zeger (1986), Biometrika 73, p. 13 (clusters).
    """
    earlier = len(values) - 1
    line = np.ones((earlier, 1)) if not trend else np.column_stack([np.ones(earlier), np.arange(1, earlier + 1)])
    free = earlier - line.shape[1]
    if free < FREE:
        return None
    scaled = parts * np.sqrt(weight)
    together = scaled.T @ scaled
    shared = (together.sum() - np.trace(together)) / (earlier * (earlier + 1))  # clusters that are in every period
    sampling = np.trace(together) / (earlier + 1) - max(shared, 0.0)
    if not sampling > 0:
        return None
    inverse = np.linalg.inv(line.T @ (line * weight[1:, None]))
    fitted = inverse @ line.T @ (weight[1:] * values[1:])
    between = (weight[1:] * (values[1:] - line @ fitted) ** 2).sum() / free
    dispersion = between / sampling
    spread = 1 / weight[0] + inverse[0, 0]
    freedom = free * (dispersion / (dispersion - 1)) ** 2 if dispersion > 1 else np.inf
    error = float(np.sqrt(sampling * max(dispersion, 1.0) * spread))
    return Departure(float(fitted[0]), float(values[0] - fitted[0]), error, float(min(freedom, 1e9)))


def holm(p: pd.Series) -> pd.Series:
    """P-values adjusted for several tests by Holm.

    The chance that any true hypothesis has an adjusted value below some share is at most that share. A missing one stays
    missing and is no test.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, p. 65.

    Examples
    --------
    >>> holm(pd.Series([0.04, np.nan, 0.01])).tolist()
    [0.04, nan, 0.02]
    """
    known = p.dropna().astype(float).sort_values(kind="stable")
    return (known * np.arange(len(known), 0, -1)).cummax().clip(upper=1).reindex(p.index)
