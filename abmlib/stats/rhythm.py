"""How regular repeated events are, and how unlikely a silence or a slowing is against each unit's own rhythm.

The gaps of a unit are drawn from a gamma distribution. Its shape (how regular the unit is) is pulled towards that of
all units, and so is its rate (how often it comes), each as far as the unit's own gaps are too few to speak. A sum of
amounts in equal stretches of time is judged in the same way.
"""

import numpy as np
import pandas as pd
import scipy

FEWEST = 3  # gaps or stretches of a unit; fewer are no rhythm of its own
POOL = 10  # units with so many; fewer tell nothing of all units, and each stands for itself
MOST_REGULAR = 0.05  # least coefficient of variation of gaps or sums that is believed, as a share
YEARS = 2  # whole years needed to tell a season from a trend


def business_time(days: pd.Series, unit: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
    """Give the clock that runs as fast as all units together are busy, by the month of the year.

    A month's weight is its events per day and unit already active, over the mean of its year. With fewer than `YEARS`
    whole years up to `last` the clock runs evenly.

    Parameters
    ----------
    days : Series of the events' days; several on one day count
    unit : Series of what each event belongs to, index as `days`
    first, last : the days wanted, both included

    Returns
    -------
    Series of float, one per day, rising
        Time passed by the end of the day; unit: days of an average month.

    References
    ----------
    Ratio-to-mean seasonal index, as in Makridakis, Wheelwright and Hyndman (1998), Forecasting, section 3/4.
    """
    span = pd.date_range(first, last, freq="D")
    whole = [(last - pd.DateOffset(years=k + 1), last - pd.DateOffset(years=k)) for k in range(60)]
    years = [y for y in whole if y[0] >= days.min() - pd.Timedelta(days=1)] if len(days) else []
    weight = pd.Series(1.0, index=range(1, 13))
    if len(years) >= YEARS:
        begun = days.groupby(unit.to_numpy()).min()
        parts = []
        for start, end in years:
            of = pd.date_range(start + pd.Timedelta(days=1), end, freq="D")
            active = np.searchsorted(np.sort(begun.to_numpy()), of.to_numpy(), side="right")
            events = days[days.between(of[0], of[-1])].dt.month.value_counts()
            busy = pd.Series(active, index=of).groupby(of.month).sum()
            rate = (events.reindex(weight.index, fill_value=0) / busy.replace(0, np.nan)).fillna(0)
            level = len(days[days.between(of[0], of[-1])]) / max(active.sum(), 1)
            parts.append(rate / level if level > 0 else weight)
        weight = pd.concat(parts, axis=1).mean(axis=1).clip(lower=0.1)
    passed = weight.reindex(span.month).to_numpy()
    return pd.Series(np.cumsum(passed), index=span)


def regular(spread: pd.Series, n: pd.Series) -> pd.Series:
    """Pull each unit's squared coefficient of variation towards that of all units, as far as its n is too small.

    Units with fewer than two, or without a spread, get that of all. With fewer than `POOL` units that have `FEWEST`,
    each keeps its own. None is believed more regular than `MOST_REGULAR`.

    Parameters
    ----------
    spread : Series, squared coefficient of variation of each unit
    n : Series of what it rests on, index as `spread`

    Returns
    -------
    Series of the pulled squared coefficient of variation; missing where there is nothing to go by

    References
    ----------
    Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1), article 3, section 6.2.
    """
    own = spread.clip(lower=MOST_REGULAR**2).where(n >= 2)
    free = (n - 1).clip(lower=0).where(own.notna(), 0).astype(float)
    fit = own.notna() & (n >= FEWEST)
    if fit.sum() < POOL:
        return own
    half = free[fit] / 2
    e = np.log(own[fit]) - scipy.special.digamma(half) + np.log(half)
    excess = float(e.var(ddof=1) - scipy.special.polygamma(1, half).mean())
    if excess <= 0:  # units differ no more than chance lets them: one spread for all
        return pd.Series(float(np.average(own[fit], weights=free[fit])), index=spread.index)
    weight = 2 * _inverse_trigamma(excess)
    common = float(np.exp(e.mean() + scipy.special.digamma(weight / 2) - np.log(weight / 2)))
    return (weight * common + free * own.fillna(0)) / (weight + free)


def _inverse_trigamma(y: float) -> float:
    """The x whose trigamma is y, by Newton's method; Smyth (2004), appendix."""
    if y > 1e7:
        return float(1 / np.sqrt(y))
    x = 0.5 + 1 / y
    for _ in range(50):
        three = scipy.special.polygamma(1, x)
        step = three * (1 - three / y) / scipy.special.polygamma(2, x)
        x += step
        if -step / x < 1e-8:
            break
    return float(x)


def rates(total: pd.Series, shape: pd.Series) -> tuple[float, float]:
    """Fit the gamma distribution from which the units' rates are drawn, by maximum likelihood.

    Parameters
    ----------
    total : Series, sum of each unit's gaps, > 0
    shape : Series, shape of that sum: number of gaps × shape of one

    Returns
    -------
    shape and scale (a time) of the distribution of rates; 0 and 0 with fewer than `POOL` units, so that each unit
    stands for itself

    References
    ----------
    Gamma-gamma model: Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025, equation 1a.
    """
    s, k = total.to_numpy(float), shape.to_numpy(float)
    if len(s) < POOL:
        return 0.0, 0.0

    def unlikely(logs: np.ndarray) -> float:
        a, b = np.exp(np.clip(logs, -20, 20))
        return -float(
            np.mean(a * np.log(b) + (k - 1) * np.log(s) - (a + k) * np.log(b + s) - scipy.special.betaln(a, k))
        )

    found = scipy.optimize.minimize(
        unlikely, np.log([2.0, 2.0 * np.median(s / k)]), method="Nelder-Mead", options={"maxiter": 400}
    )
    a, b = np.exp(np.clip(found.x, -20, 20))
    return float(a), float(b)


def waited(elapsed: pd.Series, gaps: pd.Series, shape: pd.Series, rest: pd.DataFrame) -> pd.Series:
    """Chance that so many gaps of a unit take at least as long as has passed, if its rhythm still holds.

    Parameters
    ----------
    elapsed : Series of the time passed, >= 0
    gaps : Series, how many gaps it holds, the one still open among them
    shape : Series, shape of one gap
    rest : DataFrame of what the rhythm rests on: ``total`` (time) and ``weight`` (shape of it), prior and own together

    References
    ----------
    Metric dictionary C-43. Predictive distribution of the gamma-gamma model: a beta-prime, as in `rates`.

    Examples
    --------
    A thousand gaps of ten days, as chance would have them; then three times as long, to be expected e to the power of -3:

    >>> one = pd.Series([1.0])
    >>> waited(pd.Series([30.0]), one, one, pd.DataFrame({"total": [10_000.0], "weight": [1_000.0]})).round(3).tolist()
    [0.05]
    """
    x = elapsed / rest["total"]
    found = scipy.special.betaincc(gaps * shape, rest["weight"], x / (1 + x))
    return pd.Series(found, index=elapsed.index)


def at_most(recent: pd.Series, length: pd.Series, usual: pd.Series, over: pd.Series, shape: pd.Series) -> pd.Series:
    """Chance of a sum as small as the recent one or smaller, if it comes from the same rate as before.

    Parameters
    ----------
    recent, usual : Series of sums, >= 0, over a recent time and the time before it
    length, over : Series, how many stretches of equal time each of them holds
    shape : Series, shape of the sum of one stretch: 1 ÷ its squared coefficient of variation

    References
    ----------
    The ratio of two gamma sums of one scale is beta-prime: Johnson, Kotz and Balakrishnan (1995), Continuous Univariate
    Distributions 2, section 25.7.
    """
    x = recent / usual.where(usual > 0)
    found = scipy.special.betainc(length * shape, over * shape, x / (1 + x))
    return pd.Series(found, index=recent.index)
