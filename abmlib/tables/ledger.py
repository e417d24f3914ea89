"""The ledger of rows in, out and why: no row is lost in silence, and too many stop the run."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

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
    return frame.astype({c: "int64" if c.startswith("rows_") else "str" for c in COLUMNS})


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
