"""Intervals, all at the one level of the house, by closed forms and draws: no notebook waits for a library to load."""

from collections.abc import Callable

import numpy as np
import pandas as pd

LEVEL = 0.95  # every interval of every page; share
Z = 1.959963984540054  # standard deviations of a normal distribution, on either side of its mean, that hold LEVEL of it
DRAWS, BATCH = 2_000, 50  # bootstrap draws, and how many are held at once
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)  # quantiles of the draws that are the ends of an interval
FLOOR_ACCOUNTS = 50  # fewer accounts with an outcome: description only
FLOOR_OUTCOMES = 30  # fewer outcomes of a kind: description only


def refuse_impossible(successes: np.ndarray, n: np.ndarray) -> None:
    """Pass if every count of successes is between 0 and its n.

    Raises
    ------
    ValueError
        With the first counts.
    """
    if (successes < 0).any() or (successes > n).any():
        raise ValueError(f"successes must lie between 0 and n, got {successes.tolist()[:3]} of {n.tolist()[:3]}.")


def wilson(successes: pd.Series, n: pd.Series) -> pd.DataFrame:
    """Shares with their Wilson interval at `LEVEL`.

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
    half = Z / (total + z2) * np.sqrt(k * (total - k) / total + z2 / 4)
    return pd.DataFrame({"share": share, "low": (centre - half).clip(0), "high": (centre + half).clip(upper=1), "n": n})


def adjusted(p: pd.Series) -> pd.Series:
    """P-values adjusted for several tests by Benjamini and Hochberg.

    Of the tests with an adjusted value up to some share, at most that share are expected to be false alarms. A missing
    one stays missing and is no test.

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
    """Differences of two independent shares, the first less the second, with Newcombe's interval at `LEVEL`.

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
    between = one["share"] - two["share"]
    down = np.hypot(one["share"] - one["low"], two["high"] - two["share"])
    up = np.hypot(one["high"] - one["share"], two["share"] - two["low"])
    return pd.DataFrame({"difference": between, "low": between - down, "high": between + up})


# -- bootstrap --------------------------------------------------------------------------------------------------------


def bootstrap_ci(
    arrays: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], seed: int
) -> tuple[float, float, float]:
    """Statistic of units with its bootstrap interval at `LEVEL`.

    Units are drawn whole; their order does not matter. Draws on which the statistic is missing are left out of the interval.
    With no unit all are missing, with one the interval is.

    Parameters
    ----------
    arrays : one number per unit each, of one length
    statistic : such as ``numpy.mean``; takes the arrays and ``axis``
    seed : of the draws

    Returns
    -------
    value, low, high

    References
    ----------
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7, p. 1; percentile interval.
    """
    nothing, order = float("nan"), np.lexsort(arrays)
    arrays = tuple(a[order] for a in arrays)
    if len(order) == 0:
        return nothing, nothing, nothing
    value = float(statistic(*arrays, axis=-1))
    if len(order) < 2 or np.isnan(value):
        return value, nothing, nothing
    if not any(np.ptp(a) > 0 for a in arrays):
        return value, value, value
    draws = resampled(arrays, statistic, seed)
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, ENDS) if len(known) else (nothing, nothing)
    return value, float(low), float(high)


def resampled(arrays: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], seed: int) -> np.ndarray:
    """Statistic of `DRAWS` draws of units, each as many as there are, with replacement.

    Parameters
    ----------
    arrays, statistic, seed : as in `bootstrap_ci`
    """
    n, random = len(arrays[0]), np.random.default_rng(seed)
    picked = (random.integers(n, size=(min(BATCH, DRAWS - done), n)) for done in range(0, DRAWS, BATCH))
    return np.concatenate([statistic(*(a[each] for a in arrays), axis=-1) for each in picked])


def estimate(values: pd.Series, statistic: Callable[..., np.ndarray], seed: int) -> tuple[float, float, float, int]:
    """Statistic of one number per unit with its bootstrap interval at `LEVEL`, and the number of units.

    Missing values do not count. With fewer than two units low and high are missing, with none all are.

    Parameters
    ----------
    statistic : such as ``numpy.mean``; takes an array and ``axis``
    seed : of the draws

    Returns
    -------
    value, low, high, n
    """
    known = values.dropna().to_numpy(float)
    return *bootstrap_ci((known,), statistic, seed), len(known)


def ratio(top: pd.Series, bottom: pd.Series, seed: int) -> tuple[float, float, float, int]:
    """Σ top ÷ Σ bottom over units with its bootstrap interval at `LEVEL`; missing where Σ bottom is not positive.

    Parameters
    ----------
    top, bottom : one pair of numbers per unit; pairs with a missing number do not count
    seed : of the draws

    Returns
    -------
    value, low, high, n
    """
    known = top.notna() & bottom.notna()

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        below = np.asarray(y.sum(axis=axis))
        return np.divide(x.sum(axis=axis), below, out=np.full(below.shape, np.nan), where=below > 0)

    return *bootstrap_ci((top[known].to_numpy(float), bottom[known].to_numpy(float)), statistic, seed), int(known.sum())
