"""Days and months, counted one way everywhere."""

import pandas as pd


def months_before(day: pd.Timestamp, months: int) -> pd.Timestamp:
    """Go back whole months; the last day of a month stays the last day of a month.

    Examples
    --------
    >>> months_before(pd.Timestamp("2026-06-30"), 6), months_before(pd.Timestamp("2026-05-15"), 3)
    (Timestamp('2025-12-31 00:00:00'), Timestamp('2026-02-15 00:00:00'))
    """
    back = day - pd.DateOffset(months=months)
    return back + pd.offsets.MonthEnd(0) if day.is_month_end else back
