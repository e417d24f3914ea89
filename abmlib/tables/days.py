"""Days and months, counted one way everywhere."""

import datetime as dt
from zoneinfo import ZoneInfo

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


def end_of(day: dt.date, time_zone: str) -> dt.datetime:
    """Give the first instant after a day of a time zone, in UTC and without a zone, as the engine keeps timestamps.

    Examples
    --------
    >>> end_of(dt.date(2026, 6, 30), "Europe/Berlin")
    datetime.datetime(2026, 6, 30, 22, 0)
    """
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(time_zone))
    return midnight.astimezone(dt.UTC).replace(tzinfo=None)


def local_days(times: pd.Series, time_zone: str) -> pd.Series:
    """Give the days of UTC timestamps in a time zone; a missing time has no day."""
    return times.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()
