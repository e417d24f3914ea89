"""Files that are replaced whole, and the tables that notebooks leave for each other, each with what it was made from."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ORIGIN = b"abm_origin"  # in a Parquet file: what its table comes from, as JSON


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give the path of a new file that replaces another whole.

    It gets the rights of the old one; its folder is made if absent.

    Nothing changes if the writing fails, or the new file is taken away again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        if beside.exists():
            if path.exists():
                os.chmod(beside, path.stat().st_mode)
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def leave(path: Path, frame: pd.DataFrame, origin: Mapping[str, Any]) -> None:
    """Write a table, and what it comes from, whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    noted = {ORIGIN: json.dumps(origin, sort_keys=True, ensure_ascii=False).encode()}
    with replaced(path) as beside:
        pq.write_table(table.replace_schema_metadata((table.schema.metadata or {}) | noted), beside)


def origin_of(path: Path) -> dict[str, Any]:
    """Read what a table comes from; empty where it does not say."""
    noted = (pq.read_schema(path).metadata or {}).get(ORIGIN)
    return dict(json.loads(noted)) if noted else {}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say how a table's origin differs from a book's; empty if it does not.

    Compared are day, data and parameters that both have.
    """
    if not before:
        return "does not say what it was made from"
    unlike = [name for name, value in now.items() if before.get(name, value) != value]
    return ", ".join(f"{name} was {before[name]} and is {now[name]} here" for name in unlike)
