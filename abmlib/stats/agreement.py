"""How far two judges of the same things agree, beyond what chance alone would do."""

import numpy as np
import pandas as pd

from abmlib.stats import intervals


def kappa(one: pd.Series, two: pd.Series, seed: int) -> tuple[float, float, float, int]:
    """Cohen's kappa of two judges' labels with its bootstrap interval: 1 is full agreement, 0 what chance would do.

    Things that either judge has not labelled do not count. Where both always give one and the same label it is missing.

    Parameters
    ----------
    one, two : labels, one per thing, with one index; no order among labels
    seed : of the draws

    Returns
    -------
    value, low, high, n

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, p. 37.

    Examples
    --------
    >>> yes_no = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    >>> value, low, high, n = kappa(*(pd.Series(side) for side in zip(*yes_no)), seed=0)
    >>> round(value, 3), low < value < high, n  # agreed 0.7, by chance 0.5
    (0.4, True, 50)
    """
    known = one.notna() & two.notna()
    labels = sorted({*one[known], *two[known]})
    codes = tuple(s[known].map({label: i for i, label in enumerate(labels)}).to_numpy(float) for s in (one, two))

    def of(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        agreed = (x == y).mean(axis=axis)
        chance = sum(
            (np.asarray((x == c).mean(axis=axis) * (y == c).mean(axis=axis)) for c in range(len(labels))), np.zeros(())
        )
        return np.divide(agreed - chance, 1 - chance, out=np.full(np.shape(agreed), np.nan), where=chance < 1)

    return *intervals.bootstrap_ci(codes, of, seed), int(known.sum())
