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
DAY = pd.Timedelta(days=1)
YEARS = 2  # whole years needed to tell a season from a trend


def business_time(days: pd.Series, unit: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
    """Clock that runs as fast as all units are busy, by month of the year.

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
    weight = pd.Series(1.0, index=range(1, 13))
    ends = [last - pd.DateOffset(years=k) for k in range(60)]
    ends = [end for end in ends if len(days) and end >= days.min() - DAY][::-1]
    if len(ends) > YEARS:
        day = pd.date_range(ends[0] + DAY, last, freq="D")
        begun = np.sort(days.groupby(unit.to_numpy()).min().to_numpy())
        seen = pd.DataFrame(
            {
                "events": days.value_counts().reindex(day, fill_value=0).to_numpy(),
                "active": np.searchsorted(begun, day.to_numpy(), side="right"),
                "month": day.month,
                "year": np.searchsorted(pd.DatetimeIndex(ends), day),
            }
        )
        busy, level = (seen.groupby(by)[["events", "active"]].sum() for by in (["year", "month"], "year"))
        rate = (busy["events"] / busy["active"].where(busy["active"] > 0)).fillna(0)
        index = (rate / (level["events"] / level["active"])).fillna(1.0)  # a year without an event runs evenly
        weight = index.groupby("month").mean().clip(lower=0.1)
    span = pd.date_range(first, last, freq="D")
    return pd.Series(weight.reindex(span.month).to_numpy().cumsum(), index=span)


def regular(spread: pd.Series, n: pd.Series) -> pd.Series:
    """Squared coefficient of variation of each unit, pulled towards that of all units.

    The smaller its n the farther it is pulled. Units with fewer than two, or without a spread, get that of all. With fewer than `POOL` units that have `FEWEST`,
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
    seen = spread.clip(lower=MOST_REGULAR**2).where(n >= 2)
    free = (n - 1).clip(lower=0).where(seen.notna(), 0).astype(float)
    fit = seen.notna() & (n >= FEWEST)
    if fit.sum() < POOL:
        return seen
    half = free[fit] / 2
    e = np.log(seen[fit]) - scipy.special.digamma(half) + np.log(half)
    excess = float(e.var(ddof=1) - scipy.special.polygamma(1, half).mean())
    if excess <= 0:  # units differ no more than chance lets them: one spread for all
        return pd.Series(float(np.average(seen[fit], weights=free[fit])), index=spread.index)
    half_weight = np.exp(scipy.optimize.brentq(lambda log: scipy.special.polygamma(1, np.exp(log)) - excess, -50, 50))
    common = float(np.exp(e.mean() + scipy.special.digamma(half_weight) - np.log(half_weight)))
    weight = 2 * half_weight
    return (weight * common + free * seen.fillna(0)) / (weight + free)


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

    start = np.log([2.0, 2.0 * np.median(s / k)])
    best = scipy.optimize.minimize(unlikely, start, method="Nelder-Mead", options={"maxiter": 400})
    a, b = np.exp(np.clip(best.x, -20, 20))
    return float(a), float(b)


def waited(elapsed: pd.Series, gaps: pd.Series | float, shape: pd.Series, rest: pd.DataFrame) -> pd.Series:
    """Chance that so many gaps of a unit take at least as long as has passed, if its rhythm still holds.

    Parameters
    ----------
    elapsed : Series of the time passed, >= 0
    gaps : how many gaps it holds, the one still open among them
    shape : Series, shape of one gap
    rest : DataFrame of what the rhythm rests on: ``total`` (time) and ``weight`` (shape of it), prior and own together

    References
    ----------
    Metric dictionary C-43. Predictive distribution of the gamma-gamma model: a beta-prime, as in `rates`.

    Examples
    --------
    A thousand gaps of ten days, as chance would have them; then three times as long, to be expected e to the power of -3:

    >>> waited(pd.Series([30.0]), 1.0, pd.Series([1.0]), pd.DataFrame({"total": [10_000.0], "weight": [1_000.0]})).round(3).tolist()
    [0.05]
    """
    x = elapsed / rest["total"]
    return pd.Series(scipy.special.betaincc(gaps * shape, rest["weight"], x / (1 + x)), index=elapsed.index)


def at_most(
    recent: pd.Series, length: pd.Series | float, usual: pd.Series, over: pd.Series, shape: pd.Series
) -> pd.Series:
    """Chance of a sum as small as the recent one or smaller, if it comes from the same rate as before.

    Parameters
    ----------
    recent, usual : Series of sums, >= 0, over a recent time and the time before it
    length, over : how many stretches of equal time each of them holds
    shape : Series, shape of the sum of one stretch: 1 ÷ its squared coefficient of variation

    References
    ----------
    The ratio of two gamma sums of one scale is beta-prime: Johnson, Kotz and Balakrishnan (1995), Continuous Univariate
    Distributions 2, section 25.7.
    """
    x = recent / usual.where(usual > 0)
    return pd.Series(scipy.special.betainc(length * shape, over * shape, x / (1 + x)), index=recent.index)
