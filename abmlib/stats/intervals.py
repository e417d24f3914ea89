"""Intervals, all at the one level of the house. Closed forms and draws, so that no notebook waits for a library to load."""

from collections.abc import Callable

import numpy as np
import pandas as pd

LEVEL = 0.95  # every interval of every page; share
Z = 1.959963984540054  # standard deviations of a normal distribution, on either side of its mean, that hold LEVEL of it
DRAWS = 2_000  # bootstrap draws
FLOOR_ACCOUNTS = 50  # fewer accounts with an outcome: description only
FLOOR_OUTCOMES = 30  # fewer outcomes of a kind: description only


def resampled(arrays: tuple[np.ndarray, ...], of: Callable[..., np.ndarray], seed: int, batch: int) -> np.ndarray:
    """Give a statistic of `DRAWS` draws of units, each as many as there are, with replacement.

    Parameters
    ----------
    arrays : one number per unit each, of one length
    of : takes the arrays, a draw a row, and ``axis``
    batch : draws held at once

    References
    ----------
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, p. 1.
    """
    n, random = len(arrays[0]), np.random.default_rng(seed)
    picked = (random.integers(n, size=(min(batch, DRAWS - done), n)) for done in range(0, DRAWS, batch))
    return np.concatenate([of(*(a[each] for a in arrays), axis=-1) for each in picked])


def ends(draws: np.ndarray) -> tuple[float, float]:
    """Give the percentile interval at `LEVEL` of draws, two or more.

    References
    ----------
    Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician 50, p. 361, definition 7.
    """
    ordered, share = np.sort(draws), np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    part, place = np.modf(share * len(draws) + 1 - share)
    above = place.astype(int)
    low, high = (1 - part) * ordered[above - 1] + part * ordered[above]
    return float(low), float(high)


def refuse_impossible(successes: np.ndarray, n: np.ndarray) -> None:
    """Pass if every count of successes lies between 0 and its n.

    Raises
    ------
    ValueError
        With the first counts.
    """
    if (successes < 0).any() or (successes > n).any():
        raise ValueError(f"successes must lie between 0 and n, got {successes.tolist()[:3]} of {n.tolist()[:3]}.")


def wilson(successes: pd.Series, n: pd.Series) -> pd.DataFrame:
    """Give shares with their Wilson interval at `LEVEL`.

    No row is dropped; where `n` is 0 share, low and high are missing.

    Parameters
    ----------
    successes, n : Series of counts with one index

    Returns
    -------
    DataFrame with columns ``share, low, high, n``; unit: share from 0 to 1

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, p. 212.

    Examples
    --------
    >>> wilson(pd.Series([8]), pd.Series([10])).round(3).values.tolist()
    [[0.8, 0.49, 0.943, 10.0]]
    """
    k, total = successes.astype(float), n.astype(float)
    refuse_impossible(k.to_numpy(), total.to_numpy())
    z2 = Z**2
    total = total.replace(0, np.nan)
    share = k / total
    centre = (k + z2 / 2) / (total + z2)
    half = np.sqrt(z2) / (total + z2) * np.sqrt(k * (total - k) / total + z2 / 4)
    out = {"share": share, "low": (centre - half).clip(0), "high": (centre + half).clip(upper=1), "n": n}
    return pd.DataFrame(out)


def adjusted(p: pd.Series) -> pd.Series:
    """Adjust p-values by Benjamini and Hochberg, so that calling those up to a share keeps the expected share of false calls to it.

    A missing one stays missing and is no test.

    References
    ----------
    Benjamini and Hochberg (1995), JRSS B 57, p. 289.

    Examples
    --------
    >>> adjusted(pd.Series([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    known = p.dropna().astype(float).sort_values(kind="stable")
    scaled = known * (len(known) / np.arange(1, len(known) + 1))
    return scaled[::-1].cummin().clip(0, 1).reindex(p.index)


def difference(successes: pd.DataFrame, n: pd.DataFrame) -> pd.DataFrame:
    """Give the difference of two independent shares, the first less the second, with Newcombe's interval at `LEVEL`.

    No row is dropped; where either `n` is 0 difference, low and high are missing.

    Parameters
    ----------
    successes, n : DataFrames of counts with one index, the first group in the first column and the second in the second

    Returns
    -------
    DataFrame with columns ``difference, low, high``; unit: difference of shares, -1 to 1

    Raises
    ------
    ValueError
        If a count is negative or `successes` exceeds `n`.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine 17,
    p. 873, method 10.

    Examples
    --------
    >>> difference(pd.DataFrame([[56, 48]]), pd.DataFrame([[70, 80]])).round(4).values.tolist()
    [[0.2, 0.0524, 0.3339]]
    """
    one, two = (wilson(successes.iloc[:, i], n.iloc[:, i]) for i in (0, 1))
    found = one["share"] - two["share"]
    down = np.hypot(one["share"] - one["low"], two["high"] - two["share"])
    up = np.hypot(one["high"] - one["share"], two["share"] - two["low"])
    return pd.DataFrame({"difference": found, "low": found - down, "high": found + up})


def total(values: pd.Series, seed: int) -> tuple[float, float, float]:
    """Give a sum over units with its bootstrap interval at `LEVEL`: how far it would move with other units of the kind.

    Parameters
    ----------
    values : one number per unit; missing values are refused
    seed : of the draws

    Returns
    -------
    sum, low, high; with fewer than two units low and high are missing

    Raises
    ------
    ValueError
        If a value is missing.

    References
    ----------
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, p. 1; percentile interval.

    Examples
    --------
    >>> total(pd.Series([3.0, 3.0, 3.0]), seed=0)
    (9.0, 9.0, 9.0)
    """
    if values.isna().any():
        raise ValueError(f"values: {int(values.isna().sum())} of {len(values)} are missing. Give each unit a value.")
    found = float(values.sum())
    if len(values) < 2:
        return found, float("nan"), float("nan")
    if values.nunique() == 1:
        return found, found, found
    sample = (np.sort(values.to_numpy(float)),)  # the order of units says nothing, so it must not move the interval
    return found, *ends(resampled(sample, np.sum, seed, batch=200))


def estimate(values: pd.Series, statistic: Callable[..., np.ndarray], seed: int) -> tuple[float, float, float, int]:
    """Give a statistic of one number per unit with its bootstrap interval at `LEVEL`.

    Missing values do not count. With fewer than two units low and high are missing, with none all are.

    Parameters
    ----------
    statistic : such as ``numpy.mean``; takes an array and ``axis``
    seed : of the draws

    Returns
    -------
    value, low, high, n

    References
    ----------
    Efron (1979), Annals of Statistics 7, p. 1; percentile interval.
    """
    known = np.sort(values.dropna().to_numpy(float))
    if len(known) == 0:
        return float("nan"), float("nan"), float("nan"), 0
    value = float(statistic(known, axis=-1))
    if len(known) < 2 or np.ptp(known) == 0:
        spread = value if len(known) > 1 else float("nan")
        return value, spread, spread, len(known)
    return value, *ends(resampled((known,), statistic, seed, batch=50)), len(known)


def ratio(top: pd.Series, bottom: pd.Series, seed: int) -> tuple[float, float, float, int]:
    """Give Σ top ÷ Σ bottom over units with its bootstrap interval at `LEVEL`; missing where Σ bottom is not positive.

    Parameters
    ----------
    top, bottom : one pair of numbers per unit; pairs with a missing number do not count
    seed : of the draws

    Returns
    -------
    value, low, high, n
    """
    known = top.notna() & bottom.notna()

    def of(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        down = np.asarray(y.sum(axis=axis))
        return np.divide(x.sum(axis=axis), down, out=np.full(down.shape, np.nan), where=down > 0)

    return *bootstrap_ci((top[known].to_numpy(float), bottom[known].to_numpy(float)), of, seed), int(known.sum())


def bootstrap_ci(
    arrays: tuple[np.ndarray, ...], of: Callable[..., np.ndarray], seed: int
) -> tuple[float, float, float]:
    """Give a statistic of units described by several numbers each, with its bootstrap interval at `LEVEL`.

    Units are drawn whole. Draws on which the statistic is missing are left out of the interval. With no unit all are missing,
    with one the interval is.

    Parameters
    ----------
    arrays : one number per unit each, of one length
    of : takes the arrays and ``axis``
    seed : of the draws

    Returns
    -------
    value, low, high

    References
    ----------
    Efron (1979), Annals of Statistics 7, p. 1; percentile interval.
    """
    nothing, order = float("nan"), np.lexsort(arrays)
    arrays = tuple(a[order] for a in arrays)
    if len(arrays[0]) == 0:
        return nothing, nothing, nothing
    value = float(of(*arrays, axis=-1))
    if len(arrays[0]) < 2 or np.isnan(value):
        return value, nothing, nothing
    found = resampled(arrays, of, seed, batch=50)
    draws = found[~np.isnan(found)]
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(draws) else (nothing, nothing)
    return value, float(low), float(high)
