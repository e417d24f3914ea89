"""Rows of the table `measures`: a value with its definition, unit, count and interval."""

import pandas as pd

from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL

ROW = ["measure_id", "definition_id", "value", "unit", "n", "status", "low", "high", "level", "group_by", "group"]


def measure_row(
    measure_id: str, definition_id: str, value: float, unit: str, n: int, **more: object
) -> dict[str, object]:
    """One row for `measures`; a missing value is `not_answerable`."""
    status = "not_answerable" if pd.isna(value) else "ok"
    row = {"measure_id": measure_id, "definition_id": definition_id, "value": value, "unit": unit, "n": n}
    return row | {"status": status} | more


def share_row(measure_id: str, definition_id: str, k: int, n: int, **more: object) -> dict[str, object]:
    """Make a row of `measures` from a count of a count, with its Wilson interval."""
    w = intervals.wilson(pd.Series([k]), pd.Series([n])).iloc[0]
    return measure_row(
        measure_id, definition_id, w["share"], "share", n, low=w["low"], high=w["high"], level=LEVEL, **more
    )


def estimate_row(
    measure_id: str, definition_id: str, estimate: tuple[float, float, float, int], unit: str, **more: object
) -> dict[str, object]:
    """Make a row of `measures` from value, low, high and n."""
    value, low, high, n = estimate
    return measure_row(measure_id, definition_id, value, unit, n, low=low, high=high, level=LEVEL, **more)
