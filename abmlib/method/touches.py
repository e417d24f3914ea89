"""How touches of accounts fade with age. Shared ground of all that weighs touches.

Touches come as a panel: one row per account, day and whatever else it is split by, with ``rows``, the number of touches.
Machine touches are left out by the caller. Sums over fixed windows, momentum and breadth are features of the book.
"""

import numpy as np
import pandas as pd


def decayed(panel: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float) -> np.ndarray:
    """Touches of each row weighed by age: half for each half-life, 0 if ahead.

    Parameters
    ----------
    panel : DataFrame with ``day, rows``

    References
    ----------
    Metric dictionary C-14. Exponential decay with half-life h: weight 2^(−age ÷ h).

    Examples
    --------
    >>> touches = pd.DataFrame({"day": pd.to_datetime(["2026-06-30", "2026-06-20", "2026-07-01"]), "rows": [1, 1, 9]})
    >>> decayed(touches, pd.Timestamp("2026-06-30"), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    age = (as_of - panel["day"]).dt.days.to_numpy()
    return panel["rows"].to_numpy(float) * np.where(age >= 0, np.exp2(-np.maximum(age, 0) / half_life_days), 0.0)
