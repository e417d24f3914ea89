"""How unevenly a total is spread over its parts."""

import numpy as np
import pandas as pd

TOLERANCE = 1e-12  # of a share: sums of floats that miss a bound by rounding have reached it


def gini(values: pd.Series) -> float:
    """Gini coefficient of positive values: 0 when all are equal, towards 1 when one holds all.

    Values of zero or less are left out (they break the measure); the caller reports how many. No value: missing.

    References
    ----------
    Metric dictionary C-38: Σ(2i − n − 1)·x₍ᵢ₎ ÷ (n·Σx), x sorted upwards, i from 1.

    Examples
    --------
    >>> gini(pd.Series([1.0, 1.0, 2.0, 4.0]))
    0.3125
    """
    x = np.sort(values[values > 0].to_numpy(float))
    n = len(x)
    if n == 0:
        return float("nan")
    index = ((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum())
    return max(0.0, float(index))  # equal floats can miss 0 by rounding


def largest_first(values: pd.Series) -> pd.Series:
    """Sort from the largest; equal values in the order of their index, so that no run differs."""
    return values.sort_index().sort_values(ascending=False, kind="stable")


def cumulative_share(values: pd.Series) -> pd.Series:
    """Share of the total held by each part and all larger ones; missing if the total is not positive.

    Index and length as given. With negative values the share passes 1 and comes back to it.

    Examples
    --------
    >>> cumulative_share(pd.Series({"a": 10.0, "b": 70.0, "c": 20.0})).tolist()
    [1.0, 0.7, 0.9]
    """
    total = values.sum()
    share = largest_first(values).cumsum() / total if total > 0 else values * np.nan
    return share.reindex(values.index)


def smallest_set(values: pd.Series, share: float) -> pd.Index:
    """Name the fewest parts, largest first, that together reach `share` of the total; none if it is not positive.

    Examples
    --------
    >>> smallest_set(pd.Series({"a": 10.0, "b": 70.0, "c": 20.0}), 0.8).tolist()
    ['b', 'c']
    """
    ordered = largest_first(values)
    if not values.sum() > 0:
        return ordered.index[:0]
    before = (ordered.cumsum() - ordered) / values.sum()
    return ordered.index[before < share - TOLERANCE]


def top_share(values: pd.Series, part: float) -> float:
    """Share of the total held by the largest `part` of the parts (rounded up to whole ones); missing if total <= 0.

    Examples
    --------
    >>> top_share(pd.Series([70.0, 20.0, 5.0, 4.0, 1.0]), 0.2)
    0.7
    """
    count = int(np.ceil(part * len(values) - TOLERANCE))
    return largest_share(values, count)


def largest_share(values: pd.Series, count: int) -> float:
    """Share of the total held by the `count` largest parts; missing if the total is not positive."""
    total = values.sum()
    return float(largest_first(values).iloc[:count].sum() / total) if total > 0 else float("nan")


def effective_number(values: pd.Series) -> float:
    """How many equal parts would be as concentrated: 1 ÷ Σ share² over positive values; missing without any.

    References
    ----------
    Laakso and Taagepera (1979), Effective number of parties, Comparative Political Studies 12, p. 4 (inverse of the
    Herfindahl index).

    Examples
    --------
    >>> effective_number(pd.Series([1.0, 1.0, 1.0, 1.0]))
    4.0
    """
    x = values[values > 0].to_numpy(float)
    return float(x.sum() ** 2 / (x**2).sum()) if len(x) else float("nan")


def lorenz(values: pd.Series) -> pd.DataFrame:
    """Points of the concentration curve, largest first: share of parts against share of the total.

    Starts at (0, 0). With negative values the curve rises above 1 and falls back to it.

    Returns
    -------
    DataFrame of n + 1 rows with ``parts_share`` and ``value_share``, both shares
    """
    ordered = largest_first(values).to_numpy(float)
    total = ordered.sum()
    running = np.concatenate([[0.0], ordered.cumsum()])
    share = running / total if total > 0 else running * np.nan
    return pd.DataFrame({"parts_share": np.linspace(0, 1, len(ordered) + 1), "value_share": share})
