"""Any export to canonical tables, by the mapping file that `mapping_file` describes: read, check, group, write."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from abmlib.tables import ledger, schema, settings
from abmlib.tables.errors import FIRST, TableError, first_cases, shown
from abmlib.tables.fingerprint import CACHE
from abmlib.tables.importers import files as exported
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import (
    DELIMITERS,
    HASHES,
    JSON,
    MEANT_FOR,
    Column,
    Keep,
    Mapping,
    Source,
    Table,
    load_mapping,
    needed,
    of_source,
    required,
    suffix,
)
from abmlib.tables.importers.sql import cause, quoted, text, texts
from abmlib.tables.importers.values import ROW
from abmlib.tables.ledger import LedgerRow
from abmlib.tables.secret import digest

__all__ = ["Mapping", "load_mapping", "run"]
ROW_GROUP = 122_880  # rows per group of a Parquet file; fixed, so that equal input gives equal bytes
MEMORY = 2  # GiB: what the engine may hold of a file, however large it is
LEDGER_FILE = "ledger.csv"
WRITTEN = {f"{t}.parquet" for t in schema.importable()} | {LEDGER_FILE, settings.FILE}
HASH = "[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"
CALLED = {"ts": "a time", "date": "a date", "bool": "true or false", "int": "a whole number"}
TAKES = {  # sums add in file order, so that equal input gives equal last digits
    "first": "arg_min({x}, {row})",
    "last": "arg_max({x}, {row})",
    "sum": "list_sum(list({x} order by {row}))",
    "most_common": "",  # a join, for it must not fill the memory
    "max": "max({x})",
    "min": "min({x})",
    None: "min({x})",
}


def run(mapping: Mapping, source: str | Path, to: str | Path, key: bytes | None = None) -> pd.DataFrame:
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
    to : folder to make. If it is there it must be empty, or hold an earlier import and nothing else.
    key : secret that columns with ``hash: true`` are hashed with; it is written nowhere.

    Returns
    -------
    DataFrame, the ledger: one row per step, ``step, table, rows_in, rows_out, rows_lost, why`` (counts of rows)

    Raises
    ------
    ValueError
        If `source` is no folder, a file lies outside it, `to` holds anything but an import, or something is to be
        hashed and `key` is missing or too short.
    TableError
        If a file or column is not there, values do not read as their kind, a needed value is missing, a key repeats
        or more rows would go than a budget allows.
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
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
            work, new = Path(temporary), Path(temporary) / "new"
            new.mkdir()
            with contextlib.closing(_engine(work)) as con:
                found = ledger.as_frame(_fill(con, mapping, files, new, work, key or b""))
            found.to_csv(new / LEDGER_FILE, index=False, lineterminator="\n")
            _move_into_place(new, target, work / "old")
    return found


@contextlib.contextmanager
def _naming(folder: Path, target: Path) -> Iterator[None]:
    """Say in one sentence what the machine did not let be read or written."""
    try:
        yield
    except (OSError, MemoryError, duckdb.Error) as wrong:
        number = getattr(wrong, "errno", None)
        full = exported.no_room(wrong)
        reason = full or (os.strerror(number) if number else cause(wrong).rstrip("."))
        at, own = Path(getattr(wrong, "filename", None) or target), (target, target.with_name(f".{target.name}-"))
        if at.is_relative_to(folder) and not str(at).startswith(tuple(map(str, own))):
            said = f"{at.relative_to(folder.parent)}: {reason}. Let it be read, or copy it."
        else:
            remedy = "Make room or take another folder." if full else "Take a folder that you may write to."
            said = f"{target.name}: {reason} in {target.parent}. {remedy}"
        raise OSError(f"{said} Nothing was written.") from wrong


def _check_key(mapping: Mapping, key: bytes | None) -> None:
    if mapping.hashes and not key:
        said = f"{mapping.hashed[0]}: hash needs a key; none is given."
        raise ValueError(f"{said} Give the one that earlier imports were made with.")
    if mapping.hashes:
        digest("", key or b"")  # refuses a short one


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target.name}: is a file. Give a folder to write to.")
    there = sorted(p.name for p in target.iterdir() if p.name != CACHE) if target.exists() else []
    other = [n for n in there if n not in WRITTEN]
    if other or (there and LEDGER_FILE not in there):
        raise ValueError(
            f"{target.name}: holds {len(other or there)} of {len(there)} files that no import made "
            f"{first_cases(other or there)}. Give another folder."
        )


def _move_into_place(new: Path, target: Path, old: Path) -> None:
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _engine(work: Path) -> duckdb.DuckDBPyConnection:
    """Open an engine that keeps its rows on disk, and no more of them in memory than `MEMORY` or what it would itself."""
    con = duckdb.connect(str(work / "rows.duckdb"))
    ((limit,),) = con.execute("select current_setting('memory_limit')").fetchall()
    if "GiB" in limit and float(limit.split()[0]) > MEMORY:
        con.execute(f"set memory_limit = '{MEMORY}GiB'")
    con.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
    con.execute(f"set TimeZone = 'UTC'; set enable_progress_bar = false; set temp_directory = {text(str(work))}")
    return con


def _lock(con: duckdb.DuckDBPyConnection) -> None:
    """From here on the engine reads no file, whatever an expression asks for."""
    con.execute("set enable_external_access = false; set lock_configuration = true")


def _fill(
    con: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    files: dict[str, dict[str, Path]],
    new: Path,
    work: Path,
    key: bytes,
) -> list[LedgerRow]:
    """Read every source, then make every table."""
    read: dict[str, Any] = {}
    rows: list[LedgerRow] = []
    for name, source in mapping.sources.items():
        with _explained(name, bool(source.secret)):
            read[name] = _load(con, source, mapping, files[name], work)
    _lock(con)
    for name, source in mapping.sources.items():
        with _explained(name, bool(source.secret)):
            rows += read[name][1] + _prepare(con, source)
    for name, source in mapping.sources.items():
        with _explained(name, bool(source.secret)):
            rows += _join(con, mapping, source)
    for name, table in mapping.tables.items():
        with _explained(name, any(d.secret for d in table.columns.values())):
            rows += _make(con, mapping, table, new / f"{name}.parquet", key)
    book = {"title": mapping.title, **mapping.workbook.model_dump(exclude_unset=True)}
    book["source"] = {"mapping": mapping.file, "files": [file for its, _ in read.values() for file in its]}
    said = yaml.safe_dump(book, sort_keys=False, allow_unicode=True, width=120)
    (new / settings.FILE).write_text(said, "utf-8", newline="\n")
    return rows


@contextlib.contextmanager
def _explained(
    place: str, secret: bool, remedy: str = "Correct the file, or the mapping's expression."
) -> Iterator[None]:
    """Say what an error of the engine belongs to; without the values it quotes, if some are `secret`."""
    try:
        yield
    except duckdb.Error as wrong:
        if exported.no_room(wrong):
            raise
        said = re.sub("'.*'|\".*\"", "'…'", cause(wrong)) if secret else cause(wrong)
        raise TableError(f"{place}: {said} {remedy}") from (None if secret else wrong)


def _load(
    con: duckdb.DuckDBPyConnection, source: Source, mapping: Mapping, files: dict[str, Path], work: Path
) -> tuple[list[dict[str, Any]], list[LedgerRow]]:
    """Copy the columns that the mapping names into the engine, with the row number; say what was read."""
    parts = exported.prepare(con, source, files, work)
    used = _used(source, mapping, parts)
    counts = exported.load(con, source, parts, used)
    why = [f"file {part.name}{part.why}" for part in parts]
    said = [LedgerRow("read", source.name, n, n, 0, w) for n, w in zip(counts, why, strict=True)]
    idle = dict.fromkeys(n or "one without a name" for part in parts for n in part.names if n.lower() not in used)
    if idle:
        why = [f"source columns not mapped: {', '.join(map(shown, idle))}"]
        said.append(LedgerRow("read", source.name, sum(counts), sum(counts), 0, why[0]))
    read = [
        {"name": part.name, "sha256": exported.sha256(part.path), "rows": n}
        for part, n in zip(parts, counts, strict=True)
    ]
    return read, said


def _used(source: Source, mapping: Mapping, parts: Sequence[exported.Part]) -> set[str]:
    """Give the columns that the mapping names, in small letters; refuse a name that a file lacks or has twice."""
    own = {ROW, *(d.lower() for d in source.derive)}
    for part in parts:
        taken = [n for n in part.names if n.lower() in {*own, *(j.lower() for j in source.join)}]
        if taken:
            raise TableError(f"{source.name}: {part.name} itself has the column(s) {taken}. Rename them.")
    wanted = [(p, n) for s in mapping.sources.values() for p, of, n in needed(s, mapping) if of == source.name]
    used = {name.lower() for _, name in wanted} - own
    has = {part.name: {n.lower() for n in part.names} for part in parts}
    if suffix(source.file) in JSON:  # an object leaves out what it does not know
        has = dict.fromkeys(has, set().union(*has.values()))
    for place, name in wanted:
        if name.lower() in used and not any(name.lower() in names for names in has.values()):
            raise TableError(_lacking(source, place, name, parts[0]))
    lack = {n: sorted({name for _, name in wanted if name.lower() in used - names}) for n, names in has.items()}
    if cases := [f"{n} lacks {', '.join(names)}" for n, names in lack.items() if names]:
        raise TableError(
            f"{source.name}: {len(cases)} of {len(parts)} files lack columns that the mapping names {first_cases(cases)}. "
            "Files of one pattern must be of one shape: correct them, or give these a source of their own."
        )
    for part in parts:
        names = [n.lower() for n in part.names]
        if twice := [n for n in part.names if n.lower() in used and names.count(n.lower()) > 1]:
            raise TableError(
                f"{source.name}: {len(twice)} of {len(names)} columns stand more than once in {part.name} and are mapped "
                f"{first_cases(twice)}. Give each its own name in the file."
            )
    return used


def _lacking(source: Source, place: str, name: str, part: exported.Part) -> str:
    """Say that a column is not there; one column whose name holds signs that part columns is a wrong delimiter."""
    said = f"{source.name}: {place} needs column {name!r}; {part.name} has {exported.listed(part.names)}."
    signs = [sign for sign in (";", "\t", ",", "|") if sign in part.names[0]] if len(part.names) == 1 else []
    if signs and suffix(part.name) in DELIMITERS:
        return f"{said} All names stand in one: say delimiter: {signs[0]!r} in the mapping."
    return f"{said} Correct the name in the mapping."


def _prepare(con: duckdb.DuckDBPyConnection, source: Source) -> list[LedgerRow]:
    """Correct spellings, compute the derived columns, filter, and leave the source's table for the canonical ones."""
    raw, kept, name = (quoted(f"{prefix}{source.name}") for prefix in ("raw ", "kept ", ""))
    origin, types, rows = f"{raw} as {name}", _types(con, raw), []
    for column, entries in source.correct.items():
        x = values.as_text(types.get(column.lower(), ""), quoted(column))
        right = values.mapped(entries, x, x)
        wrong = f"from {raw} where {x} is distinct from {right}"
        total, count = _one(con, f"select count(*), (select count(*) {wrong}) from {raw}")
        first = _first(con, [x], wrong, column.lower() in source.secret)
        rows.append(LedgerRow("correct", source.name, total, total, 0, f"{column}: {count} values corrected{first}"))
        origin = f"(select * replace ({right} as {quoted(column)}) from {origin}) as {name}"
    for derived, expression in source.derive.items():
        origin = f"(select *, (\n{expression}\n) as {quoted(derived)} from {origin}) as {name}"
    rows += _filter(con, source.name, origin, source.keep)
    con.execute(f"create table {kept} as select * from {origin}{_where(source.keep)}")
    con.execute(f"drop view {raw}; drop table {quoted(f'rows {source.name}')}")
    return rows


def _join(con: duckdb.DuckDBPyConnection, mapping: Mapping, source: Source) -> list[LedgerRow]:
    """Look each row up in other sources, and leave the rows with what was found; no row goes and none doubles."""
    kept, rows = quoted(f"kept {source.name}"), []
    picks, joined, types = [f"{kept}.*"], kept, {(source.name, c): t for c, t in _types(con, kept).items()}
    for other, join in source.join.items():
        right, words = quoted(f"kept {other}"), " and ".join(join.by)
        types |= {(other, c): t for c, t in _types(con, right).items()}
        ours = [of_source(source, c) for c in join.by]
        here, there = (
            [values.as_text(types[n, c.lower()], f"{quoted(f'kept {n}')}.{quoted(c)}") for n, c in columns]
            for columns in (ours, [(other, c) for c in join.by.values()])
        )
        whole, keyed = (f"{' || '.join(keys)} is not null" for keys in (there, here))
        agree = " and ".join(f"{a} = {b}" for a, b in zip(here, there, strict=True))
        remedy = f"{source.name} looks its rows up by it: keep one row per key, or look up by more columns."
        theirs = mapping.sources[other].secret & {c.lower() for c in join.by.values()}
        keys = dict(zip(join.by.values(), there, strict=True))
        _check_unique(con, other, f"{right} where {whole}", keys, remedy, bool(theirs))
        lost = f"from {joined} anti join {right} on {agree} where {keyed}"
        counts = f"count(*), count(*) filter (where {keyed}), (select count(*) {lost})"
        total, known, count = _one(con, f"select {counts} from {joined}")
        secret = any(c.lower() in mapping.sources[n].secret for n, c in ours)
        first = _first(con, here, lost, secret, f"{kept}.{ROW}")
        why = [f"no match in {other}: {count} of {known} rows with {words}{first}"]
        if count > join.budget * known:
            remedy = "Correct them in the files, or with correct in the mapping."
            raise TableError(f"{source.name}: {why[0]}; budget {join.budget:g}. {remedy}")
        if known < total:
            why.append(f"nothing to look up in {other}: {total - known} of {total} rows without {' or '.join(join.by)}")
        rows += [LedgerRow("join", source.name, total, total, 0, w) for w in why]
        found = [c for n, c in types if n == other]
        picks += [f"{right}.{quoted(c)} as {quoted(f'{other}.{c}')}" for c in found]
        fields = ", ".join(f"{text(c)}: {right}.{quoted(c)}" for c in found)
        picks.append(f"{{{fields}}} as {quoted(other)}")  # for other.column in an expression
        joined += f" left join {right} on {agree}"
    con.execute(f"create view {quoted(f'joined {source.name}')} as select {', '.join(picks)} from {joined}")
    return rows


def _where(keeps: Sequence[Keep]) -> str:
    return " where " + " and ".join(f"(\n{k.where}\n)" for k in keeps) if keeps else ""


def _filter(con: duckdb.DuckDBPyConnection, table: str, origin: str, keeps: Sequence[Keep]) -> list[LedgerRow]:
    """Count what each filter takes away, one after the other, and hold it to its budget."""
    rows = []
    for number, keep in enumerate(keeps):
        (kind,) = _describe(con, f"select (\n{keep.where}\n) as x from {origin}").values()
        if kind != "BOOLEAN":
            raise TableError(f"{table}: keep: {keep.where!r} is {kind}, not true or false. Write a comparison.")
        before = f"select {ROW}, coalesce((\n{keep.where}\n), false) as good from {origin}{_where(keeps[:number])}"
        total, good = _one(con, f"select count(*), count(*) filter (where good) from ({before})")
        first = con.execute(f"select {ROW} from ({before}) where not good order by 1 limit {FIRST}").fetchall()
        row = LedgerRow("keep", table, total, good, total - good, keep.why)
        rows.append(ledger.within_budget(row, keep.budget, [f"row {r}" for (r,) in first]))
    return rows


def _make(con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, path: Path, secret: bytes) -> list[LedgerRow]:
    """Make one canonical table: read values, check them, group, check the key, write."""
    rows = []
    made = [f"{quoted(c)} {values.TYPES[d.kind]}, {quoted(f'bad {c}')} varchar" for c, d in table.columns.items()]
    con.execute(f"create or replace table made ({', '.join([f'{ROW} bigint', *made])})")
    for name, columns in table.sources.items():
        rows += _add(con, mapping, table.model_copy(update={"columns": columns}), mapping.sources[name], secret)
    (n,) = _one(con, "select count(*) from made")
    order = ROW
    if table.one_row_per:
        order, before = _names(table.one_row_per), n
        n = _group(con, table)
        rows.append(LedgerRow("group", table.name, before, n, 0, f"one row per {', '.join(table.one_row_per)}"))
    key = {c: quoted(c) for c in schema.key(table.name) if c in table.columns}
    remedy = f"Group them with one_row_per: [{', '.join(key)}] in the mapping, or add to the key what tells them apart."
    hidden = any(d.secret and not d.hash for c, d in table.columns.items() if c in key)
    _check_unique(con, table.name, "made", key, remedy, hidden)
    wanted = ", ".join(f"{quoted(c)}::{values.TYPES[d.kind]} as {quoted(c)}" for c, d in table.columns.items())
    _write(con, f"select {wanted} from made order by {order}", path)
    return [*rows, LedgerRow("write", table.name, n, n, 0, path.name)]


def _add(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, source: Source, secret: bytes
) -> list[LedgerRow]:
    """Add the rows of one source, after those of the sources before it, and check their values."""
    joined = quoted(f"joined {source.name}")
    origin = f"{joined} as {quoted(source.name)}"
    rows = _filter(con, table.name, origin, table.keep)
    types, kinds = _types(con, joined), {}
    for c, d in table.columns.items():
        with _explained(d.place, d.secret, "Correct the expression in the mapping."):
            kinds[c] = _describe(con, f"select {values.origin(d, types)} as x from {origin}")["x"]
    rest = f"{origin}{_where(table.keep)}"
    read = values.stage(table, kinds, types, rest, mapping.workbook.time_zone, secret)
    (top,) = _one(con, f"select coalesce(max({ROW}), 0) from made")
    con.execute(f"insert into made by name select * replace ({ROW} + {top} as {ROW}) from ({read})")
    (n,) = _one(con, f"select count(*) from made where {ROW} > {top}")
    _check_values(con, table, Path(source.file).name, n, top)
    return rows if len(table.sources) == 1 else [*rows, LedgerRow("from", table.name, n, n, 0, f"source {source.name}")]


def _check_values(con: duckdb.DuckDBPyConnection, table: Table, file: str, n: int, top: int) -> None:
    """Refuse values that do not read, needed values that are missing, and values that a column does not allow."""
    for c, d in table.columns.items():
        for broken, value, says, remedy in _complaints(c, d, schema.spec(table.name).columns[c], file):
            shown = "null" if d.secret else value
            where = f"{ROW} > {top} and ({broken})"
            (count,) = _one(con, f"select count(*) from made where {where}")
            if count:
                first = con.execute(f"select {ROW} - {top}, {shown} from made where {where} order by 1 limit {FIRST}")
                cases = [f"row {r}" if v is None else f"row {r}: {v}" for r, v in first.fetchall()]
                raise TableError(f"{d.place}: {count} of {n} {says} {first_cases(cases)}. {remedy}")


def _complaints(name: str, column: Column, definition: Any, file: str) -> Iterator[tuple[str, str, str, str]]:
    """Give each thing that may be wrong with a value: a condition, what to show, what to say and what to do."""
    x, bad, one_of = quoted(name), quoted(f"bad {name}"), definition.one_of
    if column.partial:
        yield f"{bad} is not null", bad, "values have no entry in map", "Add them to map, or give else."
    words = [word for word, kinds in MEANT_FOR.items() if column.kind in kinds] or ["map"]
    remedy = f"Correct them in {file}, or say in the mapping, with {words}, how they are written."
    one_way = f" in one way by {list(column.format)}" if len(column.format) > 1 else ""
    yield f"{bad} is not null", bad, f"values do not read as {CALLED.get(column.kind, 'a number')}{one_way}", remedy
    if required(definition):
        remedy = f"Fill them in {file}, or leave these rows out with a keep that says why."
        yield f"{x} is null", "null", "values missing", remedy
    if (column.place.split(":")[0], name) in HASHES and not column.hash:
        remedy = "Say hash: true in the mapping, or map a column of hashes: 64, 40 or 32 digits, 0 to 9 and a to f."
        yield f"not regexp_full_match({x}, {text(HASH)})", "null", "values are no hashes", remedy
    if one_of:
        says = f"values are none of {list(one_of)}"
        yield f"{x} not in ({texts(one_of)})", x, says, "Translate them with map in the mapping."
    if column.kind == "rate":
        remedy = "If they are percent, say unit: percent in the mapping; else correct them in the source."
        yield f"{x} not between 0 and 1", x, "values are no share from 0 to 1", remedy


def _group(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Make one row per group and count them; no row is lost, several become one."""
    keys, joins = _names(table.one_row_per), ""
    picks = [keys]
    for c, d in table.columns.items():
        x = quoted(c)
        if c in table.one_row_per:
            continue
        if d.take is None:
            hidden = any(d.secret and not d.hash for g, d in table.columns.items() if g in table.one_row_per)
            _check_one_value(con, d.place, x, keys, hidden)
        if d.take == "most_common":
            joins += f" left join ({_most_common(x, keys)}) using ({keys})"
        else:
            picks.append(f"{TAKES[d.take].format(x=x, row=ROW)} as {x}")
    con.execute(f"create table groups as select * from (select {', '.join(picks)} from made group by {keys}){joins}")
    con.execute("drop table made; alter table groups rename to made")
    return int(_one(con, "select count(*) from made")[0])


def _most_common(x: str, keys: str) -> str:
    """Give the query for the most frequent value; of equally frequent ones, the one that comes first in the file."""
    counts = f"select {keys}, {x}, count(*) as n, min({ROW}) as r from made where {x} is not null group by {keys}, {x}"
    best = f"qualify row_number() over (partition by {keys} order by n desc, r) = 1"
    return f"select {keys}, {x} from ({counts}) {best}"


def _check_one_value(con: duckdb.DuckDBPyConnection, place: str, x: str, keys: str, secret: bool) -> None:
    several = f"from made group by {keys} having count(distinct {x}) > 1"
    (count,) = _one(con, f"select count(*) from (select 1 {several})")
    if count:
        (groups,) = _one(con, f"select count(*) from (select distinct {keys} from made)")
        cases = _cases(con, f"select {f'min({ROW})' if secret else keys} {several}", "all", secret)
        raise TableError(
            f"{place}: {count} of {groups} groups hold several values{cases}. Say in the mapping which one to take: "
            f"{[t for t in TAKES if t]}."
        )


def _check_unique(
    con: duckdb.DuckDBPyConnection, place: str, rows: str, key: dict[str, str], remedy: str, secret: bool
) -> None:
    """Refuse rows of which several have one key, given as names and SQL."""
    keys = ", ".join(key.values())
    repeated = f"from {rows} group by {keys} having count(*) > 1"
    (count,) = _one(con, f"select coalesce(sum(n), 0)::bigint from (select count(*) as n {repeated})")
    if count:
        (n,) = _one(con, f"select count(*) from {rows}")
        cases = _cases(con, f"select {f'min({ROW})' if secret else keys} {repeated}", "all", secret)
        raise TableError(f"{place}: {count} of {n} rows share a key {list(key)}{cases}. {remedy}")


def _first(con: duckdb.DuckDBPyConnection, keys: list[str], rows: str, secret: bool, row: str = ROW) -> str:
    """Name the first different keys of some rows in file order; the numbers of the rows, if the keys are secret."""
    if secret:
        return _cases(con, f"select {row} {rows}", "all", secret)
    return _cases(con, f"select {', '.join(keys)} {rows} group by {', '.join(keys)}", f"min({row})", secret)


def _cases(con: duckdb.DuckDBPyConnection, query: str, order: str, rows: bool) -> str:
    found = [
        row[0] if len(row) == 1 else row for row in con.execute(f"{query} order by {order} limit {FIRST}").fetchall()
    ]
    return f" {first_cases(f'row {case}' if rows else case for case in found)}" if found else ""


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Stream a query to a Parquet file in row groups of one size, whatever size the engine gives batches in."""
    rows, held = con.execute(query).to_arrow_reader(ROW_GROUP), list[pa.RecordBatch]()
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as file:
        for batch in rows:
            held.append(batch)
            if (n := sum(b.num_rows for b in held)) >= ROW_GROUP:
                table, whole = pa.Table.from_batches(held), n - n % ROW_GROUP
                file.write_table(table.slice(0, whole), ROW_GROUP)
                held = table.slice(whole).to_batches()
        if any(b.num_rows for b in held):
            file.write_table(pa.Table.from_batches(held), ROW_GROUP)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _types(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {c.lower(): t for c, t in _describe(con, f"select * from {table}").items()}


def _describe(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in con.execute(f"describe {query}").fetchall()}


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return con.execute(query).fetchone() or ()
