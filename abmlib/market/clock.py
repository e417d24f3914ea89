"""Working time: days of work counted from the first of the window, with the hour as their fraction.

Whatever people do is timed so, and therefore falls on no weekend and into office hours, in the order it was drawn.
"""

import numpy as np
import pandas as pd

from abmlib.market.sales import Window

WORKING = 5 / 7  # days of work in a calendar day
OPENS, HOURS = 7, 10  # office hours: the first, in UTC, and how many
LATER = 8  # quarters beyond the window's end that a forecast may look ahead


def working(window: Window, day: np.ndarray) -> np.ndarray:
    """Turn calendar days of the window into working time: the morning of that day, or of the next day of work.

    Examples
    --------
    >>> working(Window(np.datetime64("2026-06-01"), 30), np.array([-3.0, 0.0, 5.0, 7.0])).tolist()
    [-1.0, 0.0, 5.0, 5.0]
    """
    dates = window.start + np.floor(day).astype("timedelta64[D]")
    return np.busday_count(window.start, dates).astype(float)


def length(window: Window) -> float:
    """Working time of the whole window; what happens then or later is not known."""
    return float(working(window, np.array([window.days]))[0])


def days(window: Window, time: np.ndarray) -> np.ndarray:
    """Turn working time into dates; a missing time into NaT."""
    known = np.isfinite(time)
    whole = np.floor(np.where(known, time, 0)).astype(int)
    return np.where(known, np.busday_offset(window.start, whole, roll="forward"), np.datetime64("NaT", "D"))


def stamps(window: Window, time: np.ndarray) -> pd.DatetimeIndex:
    """Turn working time into UTC timestamps, to the second; a missing time into NaT."""
    part = np.where(np.isfinite(time), time - np.floor(time), 0)
    seconds = np.floor((OPENS + HOURS * part) * 3600).astype("timedelta64[s]")
    return pd.DatetimeIndex(days(window, time).astype("datetime64[s]") + seconds).tz_localize("UTC")


def quarter_ends(window: Window) -> np.ndarray:
    """Working time at which the last day of work of each quarter begins, for the window and some time after it."""
    month = window.start.astype("datetime64[M]")
    last = (window.start + window.days).astype("datetime64[M]") + 3 * LATER
    months = np.arange(month, last)
    nexts = (months[months.astype(int) % 3 == 2] + 1).astype("datetime64[D]")
    return np.busday_count(window.start, nexts).astype(float) - 1
