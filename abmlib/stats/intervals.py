"""Intervals, all at the one level of the house."""

import numpy as np
import pandas as pd
from scipy.stats import norm

LEVEL = 0.95  # every interval of every page; share
FLOOR_ACCOUNTS = 50  # fewer accounts with an outcome: description only
FLOOR_OUTCOMES = 30  # fewer outcomes of a kind: description only


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
    if (k < 0).any() or (k > total).any():
        raise ValueError(f"successes must lie between 0 and n, got {k.tolist()[:3]} of {total.tolist()[:3]}.")
    z2 = norm.ppf((1 + LEVEL) / 2) ** 2
    total = total.replace(0, np.nan)
    share = k / total
    centre = (k + z2 / 2) / (total + z2)
    half = np.sqrt(z2) / (total + z2) * np.sqrt(k * (total - k) / total + z2 / 4)
    out = {"share": share, "low": (centre - half).clip(0), "high": (centre + half).clip(upper=1), "n": n}
    return pd.DataFrame(out)
