"""Periods of days: trailing months, fiscal quarters and years, and two periods side by side."""

import re
from dataclasses import dataclass

import pandas as pd

from abmlib.tables import schema
from abmlib.tables.days import months_before

DAY = pd.Timedelta(days=1)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class Period:
    """First and last day counted, both included."""

    start: pd.Timestamp
    end: pd.Timestamp

    def __str__(self) -> str:
        """Write it as a reader says it."""
        return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"


def value_window(transactions: pd.DataFrame, as_of: pd.Timestamp, months: int) -> Period:
    """Give the period that counts: `months` up to `as_of`, or with 0 all history.

    Raises
    ------
    ValueError
        If `months` is negative.
    """
    if months < 0:
        raise ValueError(f"value_months must be 0 (all history) or more, got {months}.")
    return trailing(as_of, months) if months else Period(pd.Timestamp(transactions["booked_at"].min()), as_of)


def adjacent_periods(first_day: pd.Timestamp, as_of: pd.Timestamp, months: int) -> tuple[Period, Period]:
    """Split history into an earlier and a later period next to each other, of as many months, ending at `as_of`.

    Each has `months` months where history is long enough, otherwise half of what there is, and at least one day.

    Raises
    ------
    ValueError
        If `months` is less than 1.
    """
    if months < 1:
        raise ValueError(f"period_months must be 1 or more, got {months}.")
    middle, start = months_before(as_of, months), months_before(as_of, 2 * months)
    if start + DAY < first_day:
        half = max((as_of - first_day + DAY) // (2 * DAY), 1) * DAY
        middle, start = as_of - half, as_of - 2 * half
    return Period(start + DAY, middle), Period(middle + DAY, as_of)


def trailing(as_of: pd.Timestamp, months: int) -> Period:
    """Give the months that end on a day.

    Raises
    ------
    ValueError
        If `months` is less than 1.
    """
    if months < 1:
        raise ValueError(f"months must be 1 or more, got {months}.")
    return Period(months_before(as_of, months) + DAY, as_of)


def coming(as_of: pd.Timestamp, months: int) -> Period:
    """Give the months that begin on the day after a day.

    Raises
    ------
    ValueError
        If `months` is less than 1.

    Examples
    --------
    >>> str(coming(pd.Timestamp("2026-06-30"), 12))
    '2026-07-01 to 2027-06-30'
    """
    if months < 1:
        raise ValueError(f"months must be 1 or more, got {months}.")
    return Period(as_of + DAY, as_of + DAY + pd.DateOffset(months=months) - DAY)


def quarters(year_starts: int) -> str:
    """Name the quarters of a fiscal year that starts in a month, as pandas does, after the month it ends in.

    Examples
    --------
    >>> quarters(1), quarters(7)
    ('Q-DEC', 'Q-JUN')
    """
    return f"Q-{MONTHS[year_starts - 2]}"


def quarter_of(day: pd.Timestamp, year_starts: int = 1) -> Period:
    """Give the fiscal quarter that holds a day.

    Examples
    --------
    >>> str(quarter_of(pd.Timestamp("2026-06-30")))
    '2026-04-01 to 2026-06-30'
    """
    quarter = pd.Period(day, freq=quarters(year_starts))
    return Period(quarter.start_time.normalize(), quarter.end_time.normalize())


def period_of(label: str, year_starts: int = 1) -> Period:
    """Read a year, quarter or month such as 2026, 2026-Q3 or 2026-07; years and quarters are of the fiscal year.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts; a fiscal year is named after the calendar year it ends in

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> str(period_of("2026-Q3")), str(period_of("2026-07"))
    ('2026-07-01 to 2026-09-30', '2026-07-01 to 2026-07-31')
    >>> str(period_of("2026-Q3", year_starts=7)), str(period_of("2026", year_starts=7))
    ('2026-01-01 to 2026-03-31', '2025-07-01 to 2026-06-30')
    """
    if not re.fullmatch(schema.PERIOD, label):
        raise ValueError(f"period {label!r} is no year, quarter or month. Write 2026, 2026-Q3 or 2026-07.")
    quarterly = quarters(year_starts)
    freq = quarterly if "Q" in label else "M" if "-" in label else quarterly.replace("Q", "Y")
    found = pd.Period(label.replace("-Q", "Q"), freq=freq)
    return Period(found.start_time.normalize(), found.end_time.normalize())


def latest_before(
    rows: pd.DataFrame, known: pd.DataFrame, by: str, on: str, known_on: str = "", tolerance: pd.Timedelta | None = None
) -> pd.DataFrame:
    """Add to each row what was known last on its moment, as `pandas.merge_asof`; either side may be empty.

    Every row stays, in order, with a new index; what nothing was known of is missing.

    Parameters
    ----------
    rows, known : sorted by `on` and `known_on` (the same name where that is empty)
    by : column that must be equal
    tolerance : beyond which what was known is too old
    """
    known_on = known_on or on
    if rows.empty or known.empty:  # pandas has no join of an empty column of text
        added = known[[c for c in known.columns if c not in {by, on}]].iloc[:0]
        rows = rows.reset_index(drop=True)
        return rows.join(added.reset_index(drop=True).reindex(rows.index))
    return pd.merge_asof(rows, known, left_on=on, right_on=known_on, by=by, tolerance=tolerance)
