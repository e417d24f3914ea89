"""Reading a snapshot: Parquet to pandas in the types of the schema, and counts by account and period. No engine is asked."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import acero

from abmlib.tables import schema

FACTS = "facts.json"  # of a snapshot, written last
TABLES = "tables"  # folder of the tables in a snapshot
NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
PERIODS = ("day", "week", "month")


def to_pandas(table: pa.Table, name: str) -> pd.DataFrame:
    """Bring a table to pandas in the types of the schema."""
    frame = table.to_pandas(types_mapper=NULLABLE.get, date_as_object=False)
    for column, definition in schema.spec(name).columns.items():
        if definition.kind == "ts":
            frame[column] = frame[column].dt.tz_localize("UTC")
        if frame[column].dtype != schema.DTYPES[definition.kind]:
            frame[column] = frame[column].astype(schema.DTYPES[definition.kind])
    return frame


def panel(
    rows: ds.Dataset, when: str, zone: str, by: Sequence[str], per: str, sums: Sequence[str], bots: bool
) -> pd.DataFrame:
    """Count rows and sum numbers by account and period.

    The period is a day, a week (its Monday) or a month (its first day).

    Parameters
    ----------
    when : column that dates a row: a day, or a time in UTC, of which the day in `zone` counts
    bots : count what machines did too
    """
    keys, day = ["account_id", *by, per], ds.field(when)
    if pa.types.is_timestamp(rows.schema.field(when).type):
        day = pc.local_timestamp(pc.assume_timezone(day, "UTC").cast(pa.timestamp("us", zone)))
    period = pc.floor_temporal(day.cast(pa.timestamp("us")), unit=per)
    there = ds.field("account_id").is_valid()
    if "is_bot" in rows.schema.names and not bots:
        there &= ~pc.coalesce(ds.field("is_bot"), pa.scalar(False))
    columns = {c: ds.field(c) for c in ("account_id", *by, *sums)} | {per: period}
    totals = [([], "hash_count_all", None, "rows"), *((c, "hash_sum", None, c) for c in sums)]
    steps = {
        "scan": acero.ScanNodeOptions(rows, filter=there),
        "filter": acero.FilterNodeOptions(there),
        "project": acero.ProjectNodeOptions(list(columns.values()), list(columns)),
        "aggregate": acero.AggregateNodeOptions(totals, keys=keys),
    }
    plan = acero.Declaration.from_sequence([acero.Declaration(name, options) for name, options in steps.items()])
    counted = plan.to_table(use_threads=False)  # sums of floats depend on the order
    counted = counted.sort_by([(k, "ascending") for k in keys]).select([*keys, "rows", *sums])
    return counted.to_pandas(types_mapper=NULLABLE.get).astype({per: "datetime64[us]"})


def no_panel(by: Sequence[str], per: str, sums: Sequence[str]) -> pd.DataFrame:
    """A panel of a table that is not there."""
    kinds = {"account_id": "str", **dict.fromkeys(by, "str"), per: "datetime64[us]", "rows": "Int64"}
    kinds |= dict.fromkeys(sums, "float64")
    return pd.DataFrame({c: pd.Series(dtype=kind) for c, kind in kinds.items()})
