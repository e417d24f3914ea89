"""Means and event rates of small units, pulled towards all units as far as their own counts are too small to speak.

Each unit gets what is most likely of it and how unsure that is, so that a statement such as "its mean lies above 10" has a
chance and not only a yes or no. How much units differ is estimated from the units themselves.
"""

import numpy as np
import pandas as pd
import scipy

FEWEST_UNITS = 3  # fewer say nothing of how much units differ: each stands for itself
LEAST = 1e-6  # variance, as a share of the squared scale, below which nothing is believed
MOST = 1e6  # weight of a prior beyond which units count as all alike


def means(values: pd.Series, unit: pd.Series, units: pd.Index) -> pd.DataFrame:
    """Give each unit's mean, pulled towards that of all units; one without a value gets that of all.

    Variance within and between units is estimated by moments. Where no unit has two values, half of what is seen is taken
    as either. With fewer than `FEWEST_UNITS` units with values, each stands for itself, and one without has none. A lone
    value whose spread nobody can know has a standard deviation of 0: what is seen is all there is.

    Parameters
    ----------
    values, unit : Series with one index: a number, and what it belongs to; missing values do not count
    units : Index of the units asked for, unique

    Returns
    -------
    DataFrame, indexed by `units`: ``own`` (plain mean; missing without a value), ``mean, sd`` (of what the unit's mean may
    be), ``n``; in the unit of `values`

    References
    ----------
    Bühlmann and Gisler (2005), A Course in Credibility Theory, chapter 4 (Bühlmann–Straub).

    Examples
    --------
    >>> of = pd.Series(["a", "a", "b", "b", "c", "c"])
    >>> means(pd.Series([9.0, 11.0, 19.0, 21.0, 29.0, 31.0]), of, pd.Index(["a", "new"]))["mean"].round(1).tolist()
    [10.1, 20.0]
    """
    kept = values.notna()
    by = values[kept].astype(float).groupby(unit[kept])
    n, own = by.size(), by.mean()
    many, total = len(n), float(n.sum())
    seen = pd.DataFrame({"own": own, "n": n}).reindex(units).fillna({"n": 0})
    if not many:
        return seen.assign(mean=np.nan, sd=np.nan)[["own", "mean", "sd", "n"]]
    spare = total - many
    within = float((by.var(ddof=0) * n).sum() / spare) if spare > 0 else np.nan
    centre = float((own * n).sum() / total)
    if many < FEWEST_UNITS:
        own_sd = np.sqrt(within / seen["n"].where(seen["n"] > 0)) if spare > 0 else 0.0 * seen["own"]
        return seen.assign(mean=seen["own"], sd=own_sd)[["own", "mean", "sd", "n"]]
    if spare > 0:
        across = float((n * (own - centre) ** 2).sum()) - (many - 1) * within
        between = max(across / (total - float((n**2).sum()) / total), 0.0)
    else:
        within = between = float(own.var(ddof=1)) / 2
    within, between = max(within, LEAST * centre**2), max(between, LEAST * centre**2)
    weight = 1 / (between + within / n)
    middle, middle_var = float((weight * own).sum() / weight.sum()), float(1 / weight.sum())
    own_part = between / (between + within / seen["n"].where(seen["n"] > 0))
    own_part = own_part.fillna(0.0)
    mean = middle + own_part * (seen["own"].fillna(middle) - middle)
    var = (1 - own_part) * between + (1 - own_part) ** 2 * middle_var
    return seen.assign(mean=mean, sd=np.sqrt(var))[["own", "mean", "sd", "n"]]


def events(counts: pd.Series, time: pd.Series, units: pd.Index, scatter: float = 1.0) -> pd.DataFrame:
    """Give each unit's rate of events as a gamma distribution, pulled towards all units; one never watched gets that of all.

    Units' rates are taken as drawn from one gamma distribution, its mean and variance estimated by moments. With fewer than
    `FEWEST_UNITS` units watched, each stands for itself, and what was never watched has none.

    Parameters
    ----------
    counts, time : Series indexed by unit: events, and how long they were watched, > 0
    units : Index of the units asked for, unique
    scatter : variance of a count over its mean, of one unit; 1 for events by pure chance, less for regular ones. Many
        events with some scatter tell as much as fewer by pure chance

    Returns
    -------
    DataFrame, indexed by `units`: ``own`` (events ÷ time; missing where it was not watched), ``shape, rate`` (of the gamma
    distribution of the unit's rate), ``n`` (events)

    References
    ----------
    Bühlmann and Gisler (2005), A Course in Credibility Theory, chapter 2 (Poisson–gamma).

    Examples
    --------
    >>> seen = pd.Series({"a": 10, "b": 20, "c": 30})
    >>> found = events(seen, pd.Series(1.0, seen.index), pd.Index(["a", "new"]))
    >>> (found["shape"] / found["rate"]).round(0).tolist()
    [13.0, 20.0]
    """
    watched = time[time > 0]
    k = counts.reindex(watched.index).fillna(0).astype(float)
    seen = pd.DataFrame({"k": k, "t": watched}).reindex(units).fillna(0.0)
    own = (seen["k"] / seen["t"].where(seen["t"] > 0)).rename("own")
    n = seen["k"].astype(int)
    seen, k, watched = seen / scatter, k / scatter, watched / scatter
    if k.sum() == 0 or len(k) < FEWEST_UNITS:  # with Jeffreys' prior
        shape, rate = (seen["k"] + 0.5).where(seen["t"] > 0), seen["t"].where(seen["t"] > 0)
        return pd.DataFrame({"own": own, "shape": shape, "rate": rate, "n": n})
    common = float(k.sum() / watched.sum())
    expected = common * watched
    excess = float(((k - expected) ** 2 - expected).sum() / (expected**2).sum())
    weight = float(np.clip(1 / excess if excess > 0 else MOST, 1e-3, MOST))
    return pd.DataFrame({"own": own, "shape": weight + seen["k"], "rate": weight / common + seen["t"], "n": n})


def mean_below(found: pd.DataFrame, bound: float) -> pd.Series:
    """Chance that each unit's mean lies below a bound; missing where nothing is known of it.

    Parameters
    ----------
    found : DataFrame of `means`
    """
    sure = found["sd"] == 0
    z = (bound - found["mean"]) / found["sd"].mask(sure, 1.0)
    chance = pd.Series(scipy.special.ndtr(z), found.index)
    return chance.mask(sure, (found["mean"] < bound).astype(float)).where(found["mean"].notna() & found["sd"].notna())


def rate_below(found: pd.DataFrame, bound: float) -> pd.Series:
    """Chance that each unit's rate of events lies below a bound; missing where nothing is known of it.

    Parameters
    ----------
    found : DataFrame of `events`
    """
    chance = scipy.special.gammainc(found["shape"], bound / (1 / found["rate"]))
    return pd.Series(chance, found.index).where(found["shape"].notna())
