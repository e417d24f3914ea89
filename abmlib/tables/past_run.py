"""What an earlier run left: its tables, and the day and data they were made for."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from abmlib.tables import outputs, schema
from abmlib.tables.errors import TableError


@dataclass(frozen=True)
class PastRun:
    """The tables of a run; without any where there is no such run."""

    day: pd.Timestamp  # at whose end everything was as known; missing where there is no run
    fingerprint: str  # of its data
    tables: dict[str, pd.DataFrame]
    notebooks: frozenset[str]  # numbers of those that left their decisions
    is_latest: bool = True  # no fact of its data was later than its day, as far as its run.json says

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Give a table, empty where the run did not leave it."""
        return self.tables.get(name, schema.empty(name))

    def __bool__(self) -> bool:
        """Say whether there is such a run: one that left decisions."""
        return pd.notna(self.day) and len(self.notebooks) > 0


def load(folder: str | Path, names: Iterable[str]) -> PastRun:
    """Read tables that a run left, whatever day, data and parameters they were made for.

    `decisions` and `measures` gather those of all its notebooks. What is not there, or was made to another spec by another
    version, is left out. Of a run with a file that does not read nothing is read.

    Parameters
    ----------
    folder : of the tables; an empty text for no run
    names : of the tables
    """
    place, tables = Path(folder), dict[str, pd.DataFrame]()
    left = sorted(place.glob("[0-9][0-9]*_*.parquet")) if str(folder) else []
    try:
        origins = [origin for file in left if (origin := outputs.origin_of(file))]
    except pa.ArrowInvalid:  # damaged: who compares with it would take what is gone for a change
        return PastRun(pd.NaT, "", {}, frozenset())
    for name in names:
        files = [f for f in left if f.stem == name or f.stem == f"{schema.number_of(f.stem)}_{name}"]
        try:
            parts = [schema.conform(name, pd.read_parquet(file)) for file in files]
        except TableError:
            continue
        if parts:
            tables[name] = pd.concat(parts, ignore_index=True)
    last = max(origins, key=lambda origin: str(origin["as_of"]), default={})
    finished = frozenset(schema.number_of(f.name) for f in left if f.stem == f"{schema.number_of(f.stem)}_decisions")
    day = pd.Timestamp(last.get("as_of"))
    return PastRun(day, str(last.get("data_fingerprint", "")), tables, finished, not _goes_on(place, day))


def _goes_on(tables: Path, day: pd.Timestamp) -> bool:
    """Say whether the data of a run go on after its day, by the record beside its tables; no if there is none."""
    try:
        facts = json.loads((tables.parent / "run.json").read_text("utf-8"))
        return bool(pd.Timestamp(facts["newest_fact"]) > day)
    except (OSError, ValueError, LookupError, TypeError):
        return False
