"""Durations, where some are not over yet."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from abmlib.stats.intervals import DRAWS, ENDS, LEVEL, Z

CELLS = 4_000_000  # numbers held at once while drawing
CLOSE = 1e-12  # a product of survivors is one half if it misses it by no more


class Duration(NamedTuple):
    """A quantile of a duration with its interval, in the unit given, and n; missing where not enough are over."""

    value: float
    low: float
    high: float
    n: int


def quantile(days: pd.Series, over: pd.Series, share: float) -> Duration:
    """Time by which `share` of all are over, open ones included (Kaplan–Meier).

    Rows without a duration do not count. The value is missing while fewer than `share` are over; an end of the interval
    is missing where its band never falls that low.

    Parameters
    ----------
    days : Series of durations so far, >= 0
    over : bool Series, is it over
    share : from 0 to 1, for the median 0.5

    Raises
    ------
    ValueError
        If a duration is negative.

    References
    ----------
    Kaplan and Meier (1958), JASA 53, p. 457; interval of Brookmeyer and Crowley (1982) from log-log bands.

    Examples
    --------
    >>> quantile(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([True, True, False, True]), 0.5).value
    2.0
    """
    known = days.notna()
    days, over = days[known].astype(float), over[known].astype(bool)
    if (days < 0).any():
        raise ValueError(f"days: {int((days < 0).sum())} of {len(days)} are negative. Correct the dates behind them.")
    ends, day = np.unique(days, return_inverse=True)
    at_risk, ended = np.bincount(day)[::-1].cumsum()[::-1], np.bincount(day, weights=over)
    alive = np.cumprod((at_risk - ended) / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):  # no band where all or none are alive
        spread = np.sqrt(np.cumsum(ended / (at_risk * (at_risk - ended)))) / -np.log(alive)
        low, high = (np.exp(-np.exp(np.log(-np.log(alive)) + side * Z * spread)) for side in (1, -1))
    firsts = []
    for curve in (alive, low, high):
        reached = np.flatnonzero(np.nan_to_num(curve, nan=1.0) <= 1 - share + CLOSE)
        firsts.append(float(ends[reached[0]]) if len(reached) else np.nan)
    return Duration(firsts[0], firsts[1], firsts[2], len(days))


class Draws(NamedTuple):
    """Bootstrap draws of clusters, drawn whole: the cluster of each row, and how often each cluster counts in each draw."""

    cluster: np.ndarray  # shape (rows,)
    often: np.ndarray  # shape (clusters, 1 + draws); the first is no draw, every cluster counts once


def draw_clusters(label: pd.Series, draws: int, seed: int) -> Draws:
    """Draw clusters, such as the accounts of deals, whole and with replacement; a row without a label is one of its own.

    Clusters are numbered in the order of rows, so that their names do not move the draws.

    Parameters
    ----------
    seed : of the draws
    """
    cluster, names = pd.factorize(label)
    alone = cluster < 0
    cluster[alone] = len(names) + np.arange(alone.sum())
    n = len(names) + int(alone.sum())
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws) if n else np.empty((draws, 0))
    return Draws(cluster, np.vstack([np.ones(n), drawn]).T.astype(np.int32))


def incidence(days: np.ndarray, ended: np.ndarray, horizon: float, draws: Draws) -> np.ndarray:
    """Share that end in the first of several ways within a horizon (Aalen–Johansen): the estimate, and its draws.

    As `incidences`, of one horizon: shape (1 + draws,).

    Examples
    --------
    >>> alone = draw_clusters(pd.Series(list("abcd")), 0, seed=1)
    >>> incidence(np.array([1, 2, 3, 4]), np.array([1, 0, 2, 1]), 9, alone).tolist()
    [0.625]
    """
    return incidences(days, ended, [horizon], draws)[0]


def incidences(days: np.ndarray, ended: np.ndarray, horizons: Sequence[float], draws: Draws) -> np.ndarray:
    """Shares that end in the first of several ways within each of some horizons (Aalen–Johansen), and their draws.

    Those not over are followed as far as they are known. Missing in a draw without any of the rows.

    Parameters
    ----------
    days : durations so far
    ended : 0 not over, 1 ended in the first way, any other number in another way
    draws : of `draw_clusters`, ``cluster`` as long as `days`

    Returns
    -------
    array of shares, shape (horizons, 1 + draws)

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, p. 141; cumulative incidence.
    """
    if not len(days):
        return np.full((len(horizons), draws.often.shape[1]), np.nan)
    order = np.lexsort((ended == 0, days))
    ended, cluster = ended[order], draws.cluster[order]
    over, first = (ended > 0)[:, None], (ended == 1)[:, None]
    within = np.searchsorted(days[order], horizons, side="right")
    shares, step = [], max(1, CELLS // len(days))
    for done in range(0, draws.often.shape[1], step):
        often = draws.often[:, done : done + step][cluster].astype(float)
        at_risk = often[::-1].cumsum(axis=0)[::-1]
        hazard = np.divide(often, at_risk, out=np.zeros(often.shape), where=at_risk > 0)
        alive = np.cumprod(1 - hazard * over, axis=0)
        before = np.vstack([np.ones((1, often.shape[1])), alive[:-1]])
        won = before * hazard * first
        each = np.stack([won[:n].sum(axis=0).clip(0, 1) for n in within])
        shares.append(np.where(at_risk[0] > 0, each, np.nan))
    return np.concatenate(shares, axis=1)


def ends(drawn: np.ndarray) -> tuple[float, float]:
    """Ends of the interval of draws of clusters.

    Missing where all draws are alike, as with one cluster: that shows nothing of how far they could lie apart.

    Parameters
    ----------
    drawn : draws of one number; missing ones do not count

    Examples
    --------
    >>> ends(np.array([0.5, 0.5, np.nan]))
    (nan, nan)
    """
    low, high = np.nanquantile(drawn, ENDS) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return (float(low), float(high)) if high - low > CLOSE else (np.nan, np.nan)


def clustered(days: pd.Series, over: pd.Series, share: float, cluster: pd.Series, seed: int) -> Duration:
    """Quantile of a duration with an interval over clusters, such as the accounts of deals.

    Durations of one cluster are alike, so the interval is a bootstrap over clusters, drawn whole.

    Rows without a duration do not count; a row without a cluster is one of its own. Neither the order of rows nor the names
    of clusters move the interval. With fewer than two clusters it is missing. Where too few are over in a draw, the quantile
    is after all durations; an end of the interval that is so is missing.

    Parameters
    ----------
    days, over, share : as in `quantile`
    cluster : Series of labels, such as the account; index as `days`
    seed : of the draws

    Raises
    ------
    ValueError
        If a duration is negative.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 3.8 (hierarchical data) and 3.5
    (censoring): clusters drawn whole, percentile interval.
    """
    plain = quantile(days, over, share)
    known = days.notna()
    label = cluster[known].astype("category").cat.codes.to_numpy(np.int64, copy=True)
    alone = label < 0
    label[alone] = label.max(initial=0) + 1 + np.arange(alone.sum())
    if len(np.unique(label)) < 2 or np.isnan(plain.value):
        return plain._replace(low=np.nan, high=np.nan)
    rows = pd.DataFrame({"days": days[known].astype(float), "over": over[known].astype(bool), "label": label})
    members = rows.sort_values(["days", "over"]).groupby("label")
    inside = pd.DataFrame({c: members[c].agg(tuple) for c in ("days", "over")}).sort_values(["days", "over"])
    place = pd.Series(range(len(inside)), inside.index)  # by what is in a cluster, not by its name
    drawn = np.sort(_draws(rows["days"], rows["over"], rows["label"].map(place), share, np.random.default_rng(seed)))
    beyond = int(np.floor((1 - LEVEL) / 2 * DRAWS))
    low, high = (float(d) if np.isfinite(d) else np.nan for d in (drawn[beyond], drawn[-1 - beyond]))
    return plain._replace(low=low, high=high)


def _draws(days: pd.Series, over: pd.Series, place: pd.Series, share: float, random: np.random.Generator) -> np.ndarray:
    """Quantiles of `DRAWS` draws of clusters, infinite where too few are over; `place` numbers the clusters from 0."""
    ends, day = np.unique(days, return_inverse=True)
    n = int(place.max()) + 1
    weights = (np.ones(len(day)), np.asarray(over, float))
    left, ended = (scipy.sparse.csr_array((weight, (day, place)), (len(ends), n)) for weight in weights)
    quantiles, step = [], max(1, CELLS // max(n, len(ends)))
    for done in range(0, DRAWS, step):
        picked = random.integers(n, size=(min(step, DRAWS - done), n))
        often = np.stack([np.bincount(one, minlength=n) for one in picked], axis=1).astype(float)  # clusters × draws
        at_risk = (left @ often)[::-1].cumsum(axis=0)[::-1]
        quantiles.append(_reached(ends, at_risk, ended @ often, share))
    return np.concatenate(quantiles)


def _reached(ends: np.ndarray, at_risk: np.ndarray, ended: np.ndarray, share: float) -> np.ndarray:
    """First of the times `ends` by which `share` are over, in each draw (times × draws); infinite where too few are."""
    hazard = np.divide(ended, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    reached = np.cumprod(1 - hazard, axis=0) <= 1 - share + CLOSE
    return np.where(reached.any(axis=0), ends[reached.argmax(axis=0)], np.inf)


def quantile_of_period(
    days: pd.Series, over: pd.Series, seen_from: pd.Series, share: float, draws: Draws
) -> np.ndarray:
    """Time by which `share` are over at the pace of one period: the estimate, and its draws.

    Who was there already when the period began counts from then on only (Kaplan–Meier with delayed entry), so that one
    period's slow cases weigh on it no more than another's.

    Parameters
    ----------
    days : durations to the end, or to the last day of the period
    over : bool Series, did it end in the period
    seen_from : duration after which it was in the period; below 0 for what began in it
    draws : of `draw_clusters`, ``cluster`` as long as `days`

    Returns
    -------
    array of times, shape (1 + draws,); infinite where too few are over

    References
    ----------
    Klein and Moeschberger (2003), Survival Analysis, 2nd ed., section 4.6 (left-truncated data).

    Examples
    --------
    >>> a, b = pd.Series([2.0, 4.0, 9.0]), pd.Series([True, True, True])
    >>> alone = draw_clusters(pd.Series(list("abc")), 0, seed=1)
    >>> quantile_of_period(a, b, pd.Series([-1.0, -1.0, 5.0]), 0.5, alone).tolist()
    [2.0]
    """
    if not len(days):
        return np.full(draws.often.shape[1], np.inf)
    ends, last = np.unique(days, return_inverse=True)
    before = np.searchsorted(ends, seen_from, side="right")  # times at which it was not yet seen
    shape, n = (len(ends) + 1, draws.often.shape[0]), np.ones(len(days))
    come, gone, ended = (
        scipy.sparse.csr_array((weight, (place, draws.cluster)), shape) @ draws.often.astype(float)
        for weight, place in ((n, before), (n, last + 1), (np.asarray(over, float), last))
    )
    return _reached(ends, (come - gone).cumsum(axis=0)[:-1], ended[:-1], share)
