"""Rows of the table `measures`: a value with its definition, unit, count and interval."""

from typing import Any

import numpy as np
import pandas as pd

from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL

ENDS = ("low", "high")


def measure_row(
    measure_id: str, definition_id: str, value: float, unit: str, n: int, **more: object
) -> dict[str, object]:
    """One row for `measures`; a missing value is `not_answerable`, and has no interval."""
    status = "not_answerable" if pd.isna(value) else "ok"
    row = {"measure_id": measure_id, "definition_id": definition_id, "value": value, "unit": unit, "n": n}
    without = dict.fromkeys(ENDS, np.nan) if pd.isna(value) else {}
    return row | {"status": status} | more | without


def counted_row(measure_id: str, definition_id: str, k: int, n: int, **more: object) -> dict[str, object]:
    """One row of a count of a whole: a share without an interval, missing where the whole is empty."""
    return measure_row(measure_id, definition_id, k / n if n else np.nan, "share", n, **more)


def share_row(measure_id: str, definition_id: str, k: int, n: int, **more: object) -> dict[str, object]:
    """One row of a count of a count: a share with its Wilson interval."""
    w = intervals.wilson(pd.Series([k]), pd.Series([n])).iloc[0]
    return estimate_row(measure_id, definition_id, (w["share"], w["low"], w["high"], n), "share", **more)


def estimate_row(
    measure_id: str, definition_id: str, estimate: tuple[float, float, float, int], unit: str, **more: object
) -> dict[str, object]:
    """One row of value, low, high and n."""
    value, low, high, n = estimate
    return measure_row(measure_id, definition_id, value, unit, n, low=low, high=high, level=LEVEL, **more)


def measure_rows(
    measure_id: str, definition_id: str | pd.Series, values: pd.Series, unit: str | pd.Series, **columns: Any
) -> pd.DataFrame:
    """Rows for `measures`, one per value; a missing value is `not_answerable`, and has no interval.

    Parameters
    ----------
    columns : Series with the index of `values`, or one value for all; ``n``, and further columns of ``measures``
    """
    rows = {"measure_id": measure_id, "definition_id": definition_id, "value": values, "unit": unit}
    level = {"level": LEVEL} if "low" in columns else {}
    status = {"status": np.where(values.isna(), "not_answerable", "ok")}
    out = pd.DataFrame(rows | level | status | columns, values.index)
    out.loc[values.isna(), out.columns.intersection(ENDS)] = np.nan
    return out


def share_rows(
    measure_id: str, definition_id: str | pd.Series, k: pd.Series, n: pd.Series, **columns: Any
) -> pd.DataFrame:
    """Rows of counts of counts, as `measure_rows`: shares with their Wilson intervals."""
    w = intervals.wilson(k, n)
    ends = {"n": n, "low": w["low"], "high": w["high"]}
    return measure_rows(measure_id, definition_id, w["share"], "share", **ends | columns)
