"""How regular repeated events are, and how unlikely a silence or a slowing is against each unit's own rhythm.

The gaps of a unit are drawn from a gamma distribution. Its shape says how regular the unit is, and its rate how often it
comes; the shape is pulled towards that of all units here, the rate by `pooling.gamma_prior`.
"""

import numpy as np
import pandas as pd
import scipy

FEWEST = 3  # gaps of a unit; fewer are no rhythm of its own
MOST_REGULAR = 0.05  # least coefficient of variation of gaps that is believed, as a share
GAPS_OF_ALL = 4  # gaps that the spread of all units counts as, beside a unit's own


def regular(spread: pd.Series, n: pd.Series) -> pd.Series:
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
