"""Any export to canonical tables, by the mapping file that `mapping_file` describes: read, check, group, write."""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import yaml

from abmlib.tables import ledger, schema, settings, temporary
from abmlib.tables.errors import TableError, first_cases
from abmlib.tables.fingerprint import CACHE
from abmlib.tables.importers import attributes, canonical, changes, sources
from abmlib.tables.importers import files as exported
from abmlib.tables.importers.mapping_checks import load_mapping
from abmlib.tables.importers.mapping_file import Mapping
from abmlib.tables.importers.sql import Engine, cause, engine, lock
from abmlib.tables.ledger import LedgerRow
from abmlib.tables.secret import digest

__all__ = ["Mapping", "load_mapping", "run"]
MEMORY = 2  # GiB: what the engine may hold of a file, however large it is
LEDGER_FILE = "ledger.csv"
MOST_FILES = 1_000  # of which a book says what they were
WRITTEN = {f"{t}.parquet" for t in schema.importable()} | {LEDGER_FILE, settings.FILE}
LEFT = (CACHE, ".tmp", ".*.tmp", f"{temporary.PREFIX}*")  # in such a folder: what goes with the import it is about
KEPT = settings.PROGRAMME  # in such a folder: what people entered, which stays


def run(
    mapping: Mapping, source: str | Path, to: str | Path, key: bytes | None = None, forgotten: Collection[str] = ()
) -> pd.DataFrame:
    """Make canonical tables from the files in `source` and leave them in the folder `to`.

    No row is dropped but by a ``keep`` of the mapping, within its budget; rows of one group become one. Tables are
    written as Parquet, in file order, or in the order of the group's key; beside them ``ledger.csv`` and
    ``workbook.yml``. `to` appears whole or not at all, and equal input gives equal bytes.

    Times of an hour that the clock skips in spring are read an hour later; those of the hour it repeats in autumn are
    read as one of the two, always the same. References between tables are checked by `Book`, not here.

    Parameters
    ----------
    mapping : what `load_mapping` read.
    source : folder of the export; every file must lie inside it.
    to : folder to make. If it is there it must be empty, or hold an earlier import, what a process left there and a
        programme, which stays as it is.
    key : secret that columns with ``hash: true`` are hashed with; it is written nowhere.
    forgotten : keyed hashes of people to leave out, of `forgotten.read`; made with the same key.

    Returns
    -------
    DataFrame, the ledger: one row per step, ``step, table, rows_in, rows_out, rows_lost, why`` (counts of rows)

    Raises
    ------
    ValueError
        If `source` is no folder, a file is outside it, `to` holds anything but an import, or something is to be
        hashed and `key` is missing or too short.
    TableError
        If a file or column is not there, values do not read as their kind, a needed value is missing, a key repeats,
        more rows would go than a budget allows, or the mapping is `whole` and all of `schema.FACTS` are empty.
    OSError
        If a file may not be read, or there is no room or no leave to write.
    """
    folder, target = Path(source).resolve(), Path(to).resolve()
    if not folder.is_dir():
        raise ValueError(f"{source}: the source must be a folder of files. Give the folder.")
    _check_key(mapping, key)
    with _naming(folder, target):
        files = {name: exported.find(folder, s) for name, s in mapping.sources.items()}
        _check_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.folder(beside=target) as work:
            new = work / "new"
            new.mkdir()
            with contextlib.closing(engine(work / "rows.duckdb", MEMORY)) as con:
                steps = ledger.as_frame(_fill(con, mapping, files, new, key or b"", forgotten))
            _check_whole(mapping, new)
            steps.to_csv(new / LEDGER_FILE, index=False, lineterminator="\n")
            if (target / KEPT).is_dir():
                shutil.copytree(target / KEPT, new / KEPT)
            temporary.replace_folder(new, target)
    return steps


@contextlib.contextmanager
def _naming(folder: Path, target: Path) -> Iterator[None]:
    """Say in one sentence what the machine did not let be read or written."""
    try:
        yield
    except (OSError, MemoryError, duckdb.Error) as wrong:
        number, full = getattr(wrong, "errno", None), exported.no_room(wrong)
        reason = full or (os.strerror(number) if number else cause(wrong).rstrip("."))
        place = Path(getattr(wrong, "filename", None) or target)
        is_written = place.is_relative_to(target) or temporary.PREFIX in str(place)
        if place.is_relative_to(folder) and not is_written:
            what = f"{place.relative_to(folder.parent)}: {reason}. Let it be read, or copy it."
        else:
            remedy = "Make room or take another folder." if full else "Take a folder that you may write to."
            what = f"{target.name}: {reason} in {target.parent}. {remedy}"
        raise OSError(f"{what} Nothing was written.") from wrong


def _check_key(mapping: Mapping, key: bytes | None) -> None:
    if mapping.hashed:
        if not key:
            what = f"{mapping.hashed[0]}: hash needs a key; none is given."
            raise ValueError(f"{what} Give the one that earlier imports were made with.")
        digest("", key)  # refuses a short one


def _check_whole(mapping: Mapping, new: Path) -> None:
    """Refuse facts that are all empty, where the mapping is to make a data set."""
    rows = {name: pq.read_metadata(new / f"{name}.parquet").num_rows for name in mapping.tables}
    if mapping.whole and (lacks := schema.lacking(["accounts", *(name for name, n in rows.items() if n)])):
        made = ", ".join(f"{name} {n:,}" for name, n in rows.items())
        raise TableError(f"{mapping.file}: {lacks} has a row; rows made: {made}. Correct the files or the keep.")


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target.name}: is a file. Give a folder to write to.")
    names = sorted(p.name for p in target.iterdir()) if target.exists() else []
    there = [n for n in names if not any(fnmatch(n, pattern) for pattern in (*LEFT, KEPT))]
    other = [n for n in there if n not in WRITTEN]
    if other or (there and LEDGER_FILE not in there):
        what = f"{target.name}: holds {len(other or there)} of {len(there)} files that no import made"
        raise ValueError(f"{what} {first_cases(other or there)}. Give another folder.")


def _fill(
    con: Engine, mapping: Mapping, files: dict[str, dict[str, Path]], new: Path, key: bytes, forgotten: Collection[str]
) -> list[LedgerRow]:
    """Read every source, then make every table."""
    loaded: dict[str, sources.Loaded] = {}
    first: dict[str, list[LedgerRow]] = {}
    rows: list[LedgerRow] = []
    for name, source in mapping.sources.items():
        with sources.explained(name, bool(source.secret)):
            loaded[name] = sources.load(con, source, mapping, files[name], new.parent)
    paths = [part.text or part.path for source in loaded.values() if not source.counts for part in source.parts]
    lock(con, new.parent, files=paths)  # from here on the engine reads no other file, whatever an expression asks for
    for name, source in mapping.sources.items():
        with sources.explained(name, bool(source.secret)):
            first[name] = sources.prepare(con, source)
    for name, source in mapping.sources.items():
        with sources.explained(name, bool(source.secret)):
            rows += sources.join(con, mapping, source)
    with sources.explained("opportunity_stage_history: changes", bool(mapping.hashed)):
        mapping, steps = changes.add(con, mapping)
    with sources.explained("attributes", bool(mapping.hashed)):
        mapping = attributes.add(con, mapping)
    made = {
        n: loaded.get(n) or sources.Loaded(s, (), set(), (), [0]) for n, s in mapping.sources.items()
    }  # those two make sources
    its = dict.fromkeys(mapping.tables, steps[:0]) | ({changes.NAME: steps} if steps else {})
    for name in dict.fromkeys(n for n in (*(canonical.FIRST_MADE if forgotten else ()), *its) if n in its):
        table = mapping.tables[name]
        with sources.explained(name, any(d.secret for d in table.columns.values())):
            path = new / f"{name}.parquet"
            its[name] = its[name] + canonical.make(con, mapping, table, made, path, key, forgotten)
            its[name] += canonical.count_addresses(con, table, path)
    rows += [row for name in its for row in its[name]]
    rows = [row for name, source in loaded.items() for row in source.steps + first[name]] + rows
    book = {"title": mapping.title, **mapping.workbook.model_dump(exclude_unset=True)}
    read = [fact for source in loaded.values() for fact in source.facts]
    book["source"] = {"mapping": mapping.file, "files": read[:MOST_FILES]}
    if len(read) > MOST_FILES:
        book["source"]["files_more"] = len(read) - MOST_FILES
    written = yaml.safe_dump(book, sort_keys=False, allow_unicode=True, width=120)
    (new / settings.FILE).write_text(written, "utf-8", newline="\n")
    return rows
