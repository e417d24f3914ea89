"""Rows of `measures` by buying cycle."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from abmlib.method.cycle_rules import CYCLES
from abmlib.method.measures import estimate_row, measure_row, measure_rows
from abmlib.stats import intervals

SEED = 25  # of every bootstrap here
Estimate = tuple[float, float, float, int]


def by_cycle(
    measure_id: str, definition_id: str, found: Mapping[str, Estimate], unit: str, why: str = ""
) -> list[dict[str, object]]:
    """Rows of a measure by cycle, or one that says why not.

    A cycle without a value has no row.

    Parameters
    ----------
    found : value, low, high and n of each cycle
    """
    known = [
        estimate_row(measure_id, definition_id, found[c], unit, group_by="cycle", group=c)
        for c in CYCLES
        if c in found and pd.notna(found[c][0])
    ]
    return known or [measure_row(measure_id, definition_id, np.nan, unit, 0, why=why)]


def of_cycles(
    values: pd.Series, cycle: pd.Series, account: pd.Series | None, statistic: Callable[..., np.ndarray]
) -> dict[str, Estimate]:
    """Mean, median or sum of rows in each cycle, with its interval.

    As `intervals.estimate`, accounts as clusters.

    Parameters
    ----------
    values, cycle, account : Series with one index; a missing value, or one in no cycle, does not count
    """
    return {
        c: intervals.estimate(values[cycle == c], statistic, SEED, None if account is None else account[cycle == c])
        for c in CYCLES
    }


def shares_of_cycles(flags: pd.Series, cycle: pd.Series, account: pd.Series | None) -> dict[str, Estimate]:
    """Share of rows with a flag in each cycle, as `intervals.shares`."""
    found = intervals.shares(flags, account, cycle)[["share", "low", "high", "n"]]
    return {str(r.Index): (r.share, r.low, r.high, int(r.n)) for r in found.itertuples()}


def mix_rows(
    measure_id: str, definition_id: str, label: pd.Series, cycle: pd.Series, account: pd.Series, of: str
) -> pd.DataFrame:
    """Rows of what part of each cycle has each label, such as each stage.

    Parameters
    ----------
    label, cycle, account : Series with one index; `label` ordered, and missing where it is not known
    of : what the labels are; rows are grouped by ``cycle and`` this
    """
    parts = [pd.DataFrame()]
    for name in label.cat.categories[label.cat.categories.isin(label)]:
        found = intervals.shares((label == name).where(label.notna()), account, cycle)
        found = found.loc[[c for c in CYCLES if c in found.index]]
        groups = pd.Series([f"{c}: {name}" for c in found.index], found.index)
        about = {"n": found["n"], "group_by": f"cycle and {of}", "group": groups}
        ends = {"low": found["low"], "high": found["high"]}
        parts.append(measure_rows(measure_id, definition_id, found["share"], "share", **ends, **about))
    return pd.concat(parts, ignore_index=True)
