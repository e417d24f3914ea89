"""The ledger of rows in, out and why: no row is lost in silence, and too many stop the run."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from abmlib.tables.errors import TableError, first_cases


@dataclass(frozen=True)
class LedgerRow:
    """What one step did to one table. Rows that left the data are lost; rows that grouping made one are not."""

    step: str
    table: str
    rows_in: int
    rows_out: int
    rows_lost: int
    why: str


COLUMNS = [f.name for f in fields(LedgerRow)]


def as_frame(rows: Iterable[LedgerRow]) -> pd.DataFrame:
    """Assemble ledger rows to a table.

    Returns
    -------
    DataFrame with the columns of `COLUMNS`, one row per step in the order given
        ``rows_in, rows_out, rows_lost`` are counts of rows (int64), the rest is text.

    Examples
    --------
    >>> as_frame([LedgerRow("keep", "lines", 4, 3, 1, "no customer")])["rows_lost"].tolist()
    [1]
    """
    frame = pd.DataFrame([astuple(row) for row in rows], columns=COLUMNS)
    kinds = {c: "int64" if c.startswith("rows_") else "str" for c in COLUMNS}
    return frame.astype(kinds)


def within_budget(row: LedgerRow, max_share: float, first: Iterable[object] = ()) -> LedgerRow:
    """Return `row` unchanged if it loses no more than its budget.

    Parameters
    ----------
    max_share : share of the rows in that may be lost, 0 to 1.
    first : the first rows lost, named in the error.

    Raises
    ------
    ValueError
        If `max_share` is not a share.
    TableError
        If a larger share is lost.
    """
    if not 0 <= max_share <= 1:
        raise ValueError(f"max_share must be a share from 0 to 1, got {max_share}.")
    if row.rows_lost > max_share * row.rows_in:
        cases = list(first)
        where = f" {first_cases(cases)}" if cases else ""
        raise TableError(
            f"{row.table}: {row.rows_lost} of {row.rows_in} rows left out: {row.why}{where}; budget {max_share:g}. "
            "Find out why so many rows are concerned, and correct them in the source."
        )
    return row


def keep_rows(
    df: pd.DataFrame, mask: pd.Series, why: str, max_share: float, *, table: str = "table", step: str = "keep"
) -> tuple[pd.DataFrame, LedgerRow]:
    """Keep the rows where `mask` is true and say how many went.

    A missing mask value counts as false: the row goes, and is counted.

    Parameters
    ----------
    mask : Series of bool, indexed like `df`
    why : reason the others go, for the ledger.
    max_share : share of the rows that may go, 0 to 1.
    table, step : names for the ledger and the error.

    Returns
    -------
    DataFrame of the rows kept, in the order and with the index given, and their LedgerRow

    Raises
    ------
    ValueError
        If `mask` has another index than `df`, or `max_share` is not a share.
    TableError
        If more than `max_share` of the rows would go; the first positions are named.

    Examples
    --------
    >>> kept, row = keep_rows(pd.DataFrame({"n": [1, 2, 3, 4]}), pd.Series([True, True, True, False]), "too many", 0.25)
    >>> len(kept), row.rows_lost
    (3, 1)
    """
    if not mask.index.equals(df.index):
        raise ValueError(f"mask must have the index of the table; it has {len(mask)} values for {len(df)} rows.")
    good = mask.astype("boolean").fillna(False).to_numpy(dtype=bool)
    kept = df[good]
    row = LedgerRow(step, table, len(df), len(kept), len(df) - len(kept), why)
    return kept, within_budget(row, max_share, np.flatnonzero(~good).tolist())
