"""Days and months, counted one way everywhere."""

import contextlib
import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd

from abmlib.tables.errors import shown

LATEST_DATA = "latest-data"  # in the place of a day
FIRST, LAST = dt.date(1950, 1, 1), dt.date(2999, 12, 31)  # days that can be reported on
EARLIEST = 1900  # year before which no window begins
MOST_DAYS = 36_500  # that anything counts
LONGEST_DAYS = 7_305  # twenty years; a deal said to take longer has a date that stands for none, such as 1900 or 9999


def months_before(day: pd.Timestamp, months: int) -> pd.Timestamp:
    """Go back whole months; the last day of a month stays the last day of a month.

    Raises
    ------
    ValueError
        If that day is before `EARLIEST`, or `months` is negative.

    Examples
    --------
    >>> months_before(pd.Timestamp("2026-06-30"), 6), months_before(pd.Timestamp("2026-05-15"), 3)
    (Timestamp('2025-12-31 00:00:00'), Timestamp('2026-02-15 00:00:00'))
    """
    if not 0 <= months <= (day.year - EARLIEST) * 12:
        most = f"{(day.year - EARLIEST) * 12:,} before {day.date()}"
        raise ValueError(f"months must be 0 to {most}, got {shown(months)}. Nothing counts before {EARLIEST}.")
    back = day - pd.DateOffset(months=months)
    return back + pd.offsets.MonthEnd(0) if day.is_month_end else back


def end_of(day: dt.date, time_zone: str) -> dt.datetime:
    """Give the first instant after a day of a time zone.

    In UTC and without a zone, as the engine keeps timestamps.

    Raises
    ------
    ValueError
        If no day can follow it.

    Examples
    --------
    >>> end_of(dt.date(2026, 6, 30), "Europe/Berlin")
    datetime.datetime(2026, 6, 30, 22, 0)
    """
    try:
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(time_zone))
        return midnight.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"{day} is no day to report on. Correct the row that is dated so, or give a day.") from None


def local_days(times: pd.Series, time_zone: str) -> pd.Series:
    """Give the days of UTC timestamps in a time zone; a missing time has no day."""
    return times.dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()


def day_column(time: str) -> str:
    """Name the column that holds the local day of a column of times.

    Examples
    --------
    >>> day_column("created_at"), day_column("valid_to")
    ('created_day', 'valid_to_day')
    """
    return time.removesuffix("_at") + "_day"


def beside(frame: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Put the local day beside each column of UTC timestamps.

    The new columns are named by `day_column`.

    No row is dropped. A missing time has no day; days that are there already stay as they are.

    Examples
    --------
    >>> calls = pd.DataFrame({"occurred_at": pd.to_datetime(["2026-07-01T01:00Z"])})
    >>> beside(calls, "America/Los_Angeles")["occurred_day"].astype("str").tolist()
    ['2026-06-30']
    """
    out = {}
    for column, values in frame.items():
        out[column] = values
        day = day_column(str(column))
        if isinstance(values.dtype, pd.DatetimeTZDtype) and day not in frame:
            out[day] = local_days(values, time_zone).astype("datetime64[us]")
    return pd.DataFrame(out, index=frame.index)


def day_asked(as_of: str | dt.date, must: str = f"as_of must be {LATEST_DATA}") -> dt.date | None:
    """Read a day to report on; None for the latest day of the data, whatever that is.

    Parameters
    ----------
    must : what may be there in the place of a day, as the error message begins

    Raises
    ------
    ValueError
        If it is no day from `FIRST` to `LAST`.
    """
    if as_of == LATEST_DATA:
        return None
    with contextlib.suppress(ValueError):
        if FIRST <= (day := dt.date.fromisoformat(str(as_of))) <= LAST:
            return day
    raise ValueError(f"{must} or a day such as 2026-06-30, from {FIRST} to {LAST}, got {shown(as_of)!r}.")
