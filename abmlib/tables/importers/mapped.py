"""Any export to canonical tables, by the mapping file that `mapping_file` describes: read, check, group, write."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import contextlib
import csv
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as arrow
import pyarrow.parquet as pq
import yaml

from abmlib.tables import ledger, schema, settings
from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import (
    DELIMITERS,
    MEANT_FOR,
    Column,
    Keep,
    Mapping,
    Source,
    Table,
    load_mapping,
    required,
)
from abmlib.tables.importers.sql import cause, quoted, references, text, texts
from abmlib.tables.importers.values import ROW
from abmlib.tables.ledger import LedgerRow

__all__ = ["Mapping", "load_mapping", "run"]
ROW_GROUP = 122_880  # rows per group of a Parquet file; fixed, so that equal input gives equal bytes
LONGEST_LINE = 16_000_000  # characters of one CSV row
LEDGER_FILE = "ledger.csv"
WRITTEN = {f"{t}.parquet" for t in schema.CANONICAL} | {LEDGER_FILE, settings.FILE}
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


def run(mapping: Mapping, source: str | Path, to: str | Path) -> pd.DataFrame:
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

    Returns
    -------
    DataFrame, the ledger: one row per step, ``step, table, rows_in, rows_out, rows_lost, why`` (counts of rows)

    Raises
    ------
    ValueError
        If `source` is no folder, a file lies outside it, or `to` holds anything but an import.
    TableError
        If a file or column is not there, values do not read as their kind, a needed value is missing, a key repeats
        or more rows would go than a budget allows.
    """
    folder, target = Path(source).resolve(), Path(to).resolve()
    if not folder.is_dir():
        raise ValueError(f"{source}: the source must be a folder of files. Give the folder.")
    files = {name: _inside(folder, s) for name, s in mapping.sources.items()}
    _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
        work, new = Path(temporary), Path(temporary) / "new"
        new.mkdir()
        with contextlib.closing(_engine(work)) as con:
            found = ledger.as_frame(_fill(con, mapping, files, new, work))
        found.to_csv(new / LEDGER_FILE, index=False, lineterminator="\n")
        _move_into_place(new, target, work / "old")
    return found


def _inside(folder: Path, source: Source) -> Path:
    """Resolve a source's file and refuse one outside the folder."""
    path = (folder / source.file).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{source.name}: {source.file!r} lies outside the source folder. Copy it into the folder.")
    if not path.is_file():
        there = sorted(p.name for p in folder.iterdir())
        raise TableError(f"{source.name}: no file {source.file!r}; the folder has {there}. Add it or correct the name.")
    return path


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target.name}: is a file. Give a folder to write to.")
    there = sorted(p.name for p in target.iterdir()) if target.exists() else []
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
    """Open an engine that keeps its rows on disk."""
    con = duckdb.connect(str(work / "rows.duckdb"))
    con.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
    con.execute(f"set TimeZone = 'UTC'; set enable_progress_bar = false; set temp_directory = {text(str(work))}")
    return con


def _lock(con: duckdb.DuckDBPyConnection) -> None:
    """From here on the engine reads no file, whatever an expression asks for."""
    con.execute("set enable_external_access = false; set lock_configuration = true")


def _fill(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, files: dict[str, Path], new: Path, work: Path
) -> list[LedgerRow]:
    """Read every source, then make every table."""
    read: dict[str, Any] = {}
    rows: list[LedgerRow] = []
    for name, source in mapping.sources.items():
        with _explained(name):
            read[name] = _load(con, source, mapping, files[name], work)
    _lock(con)
    for name, source in mapping.sources.items():
        with _explained(name):
            rows += read[name][1] + _prepare(con, source)
    for name, source in mapping.sources.items():
        with _explained(name):
            rows += _join(con, source)
    for name, table in mapping.tables.items():
        with _explained(name):
            rows += _make(con, mapping, table, new / f"{name}.parquet")
    book = {"title": mapping.title, **mapping.workbook.model_dump(exclude_unset=True)}
    book["source"] = {"mapping": mapping.file, "files": [file for file, _ in read.values()]}
    said = yaml.safe_dump(book, sort_keys=False, allow_unicode=True, width=120)
    (new / settings.FILE).write_text(said, "utf-8", newline="\n")
    return rows


@contextlib.contextmanager
def _explained(place: str, remedy: str = "Correct the file, or the mapping's expression.") -> Iterator[None]:
    """Say what an error of the engine belongs to."""
    try:
        yield
    except duckdb.Error as wrong:
        raise TableError(f"{place}: {cause(wrong)} {remedy}") from wrong


def _load(
    con: duckdb.DuckDBPyConnection, source: Source, mapping: Mapping, path: Path, work: Path
) -> tuple[dict[str, Any], list[LedgerRow]]:
    """Copy the columns that the mapping names into the engine, cleaned, with the row number; say what was read."""
    reader, columns = (_parquet if path.suffix.lower() == ".parquet" else _csv)(con, source, path, work)
    names = [name for name, _, _ in columns]
    _check_header(source, names)
    used = _used(source, mapping, names)
    wanted = [f"{values.clean(t, x, source.missing)} as {quoted(n)}" for n, x, t in columns if n.lower() in used]
    selected = ", ".join([f"row_number() over () as {ROW}", *wanted])
    con.execute(f"create table {quoted(f'raw {source.name}')} as select {selected} from {reader}")
    (rows,) = _one(con, f"select count(*) from {quoted(f'raw {source.name}')}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    idle = [n or "one without a name" for n in names if n.lower() not in used]
    why = [f"file {path.name}"] + ([f"source columns not mapped: {', '.join(idle)}"] if idle else [])
    said = [LedgerRow("read", source.name, rows, rows, 0, w) for w in why]
    return {"name": path.name, "sha256": sha256, "rows": rows}, said


Reader = tuple[str, list[tuple[str, str, str]]]  # SQL to select from, and each column's name, SQL and type


def _parquet(con: duckdb.DuckDBPyConnection, source: Source, path: Path, work: Path) -> Reader:
    reader = f"read_parquet({_place(path)}, hive_partitioning = false)"
    return reader, [(name, quoted(name), kind) for name, kind in _describe(con, f"select * from {reader}").items()]


def _csv(con: duckdb.DuckDBPyConnection, source: Source, path: Path, work: Path) -> Reader:
    """Read every column as text, under its number, whatever its name."""
    delimiter = source.delimiter or DELIMITERS[path.suffix.lower()]
    if source.encoding not in ("utf-8", "utf-8-sig", "ascii"):
        path = _as_utf8(source, path, work / f"{source.name}.csv")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            quoting = {"quotechar": source.quote} if source.quote else {"quoting": csv.QUOTE_NONE}
            names = next(csv.reader(file, delimiter=delimiter, **quoting), [])
    except (UnicodeError, csv.Error) as wrong:
        raise TableError(f"{source.name}: {source.file}: first line: {wrong}. Name encoding and delimiter.") from wrong
    kinds = ", ".join(f"'{number}': 'VARCHAR'" for number in range(len(names)))
    reader = (
        f"read_csv({_place(path)}, auto_detect = false, columns = {{{kinds}}}, header = true, "
        f"delim = {text(delimiter)}, quote = {text(source.quote)}, escape = {text(source.quote)}, comment = '', "
        f"max_line_size = {LONGEST_LINE}, hive_partitioning = false)"
    )
    return reader, [(name, quoted(str(number)), "VARCHAR") for number, name in enumerate(names)]


def _place(path: Path) -> str:
    """Write a path as an SQL literal in which no character is taken for a pattern: [*] is a star."""
    return text(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _as_utf8(source: Source, path: Path, copy: Path) -> Path:
    """Write a file again as UTF-8, a piece at a time."""
    try:
        with (
            path.open(encoding=source.encoding, newline="") as old,
            copy.open("w", encoding="utf-8", newline="") as new,
        ):
            shutil.copyfileobj(old, new, 1 << 20)
    except UnicodeError as wrong:
        raise TableError(f"{source.name}: {path.name} is not {source.encoding}: {wrong}. Name its encoding.") from wrong
    return copy


def _check_header(source: Source, names: list[str]) -> None:
    if not any(names):
        raise TableError(f"{source.name}: {source.file} is empty or starts with an empty line. Start with its columns.")
    taken = [n for n in names if n.lower() in {ROW, *(d.lower() for d in (*source.derive, *source.join))}]
    if taken:
        raise TableError(f"{source.name}: {source.file} itself has the column(s) {taken}. Rename them.")


def _used(source: Source, mapping: Mapping, columns: list[str]) -> set[str]:
    """Give the columns that the mapping names, in small letters; refuse a name that the file lacks or has twice."""
    has = [c.lower() for c in columns]
    needed = [(p, name) for s in mapping.sources.values() for p, of, name in _needed(s, mapping) if of == source.name]
    for place, name in needed:
        if name.lower() not in {ROW, *(d.lower() for d in source.derive), *has}:
            raise TableError(
                f"{source.name}: {place} needs column {name!r}; {source.file} has {columns}. Correct the name in the "
                "mapping; if all names stand in one text, set delimiter."
            )
    used = {name.lower() for _, name in needed}
    twice = [c for c in columns if c.lower() in used and has.count(c.lower()) > 1]
    if twice:
        raise TableError(
            f"{source.name}: {len(twice)} of {len(columns)} columns stand more than once in {source.file} and are mapped "
            f"{first_cases(twice)}. Give each its own name in the file."
        )
    return used


def _needed(source: Source, mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    """Give each place where the mapping names a column for rows of the source: place, source it is of, name there."""
    tables = [t for t in mapping.tables.values() if source.name in t.sources]
    columns = [(f"{t.name}.{c}", d) for t in tables for c, d in t.sources[source.name].items()]
    yield from (("correct", source.name, name) for name in source.correct)
    for other, join in source.join.items():
        for here, there in join.by.items():
            yield from ((f"{source.name}.join.{other}", *of) for of in ((source.name, here), (other, there)))
    for place, d in columns:
        yield from ((place, *_of(source, name)) for name in (d.column, *d.key) if name is not None)
    expressions = [(f"derive.{name}", e) for name, e in source.derive.items()]
    expressions += [("keep", k.where) for k in source.keep]
    expressions += [(f"{t.name}.keep", k.where) for t in tables for k in t.keep]
    for place, expression in expressions + [(place, d.sql) for place, d in columns if d.sql]:
        for parts in references(expression):
            yield (place, *_of(source, *parts))


def _of(source: Source, *parts: str) -> tuple[str, str]:
    """Give the source that a name is of, and the name there: that of a joined row is written source.name."""
    head, *rest = parts if len(parts) > 1 else parts[0].split(".", 1)
    if rest and head in source.join:
        return head, rest[0]
    return source.name, parts[1] if len(parts) > 1 and head.lower() == source.name.lower() else parts[0]


def _prepare(con: duckdb.DuckDBPyConnection, source: Source) -> list[LedgerRow]:
    """Correct spellings, compute the derived columns, filter, and leave the source's table for the canonical ones."""
    raw, kept, name = (quoted(f"{prefix}{source.name}") for prefix in ("raw ", "kept ", ""))
    origin, types, rows = f"{raw} as {name}", _types(con, raw), []
    for column, entries in source.correct.items():
        x = values.as_text(types.get(column.lower(), ""), quoted(column))
        right = values.mapped(entries, x, x)
        wrong = f"from {raw} where {x} is distinct from {right}"
        total, count = _one(con, f"select count(*), (select count(*) {wrong}) from {raw}")
        why = f"{column}: {count} values corrected{_first(con, f'select {x} {wrong} group by all', f'min({ROW})')}"
        rows.append(LedgerRow("correct", source.name, total, total, 0, why))
        origin = f"(select * replace ({right} as {quoted(column)}) from {origin}) as {name}"
    for derived, expression in source.derive.items():
        origin = f"(select *, (\n{expression}\n) as {quoted(derived)} from {origin}) as {name}"
    rows += _filter(con, source.name, origin, source.keep)
    con.execute(f"create table {kept} as select * from {origin}{_where(source.keep)}; drop table {raw}")
    return rows


def _join(con: duckdb.DuckDBPyConnection, source: Source) -> list[LedgerRow]:
    """Look each row up in other sources, and leave the rows with what was found; no row goes and none doubles."""
    kept, rows = quoted(f"kept {source.name}"), []
    picks, joined, types = [f"{kept}.*"], kept, _types(con, kept)
    for other, join in source.join.items():
        right, words = quoted(f"kept {other}"), " and ".join(join.by)
        theirs = _types(con, right)
        here = [values.as_text(types[c.lower()], f"{kept}.{quoted(c)}") for c in join.by]
        there = [values.as_text(theirs[c.lower()], f"{right}.{quoted(c)}") for c in join.by.values()]
        whole, keyed = (f"{' || '.join(keys)} is not null" for keys in (there, here))
        agree = " and ".join(f"{a} = {b}" for a, b in zip(here, there, strict=True))
        remedy = f"{source.name} looks its rows up by it: keep one row per key, or look up by more columns."
        _check_unique(con, other, f"{right} where {whole}", dict(zip(join.by.values(), there, strict=True)), remedy)
        lost = f"from {kept} anti join {right} on {agree} where {keyed}"
        counts = f"count(*), count(*) filter (where {keyed}), (select count(*) {lost})"
        total, known, count = _one(con, f"select {counts} from {kept}")
        first = _first(con, f"select {', '.join(here)} {lost} group by all", f"min({ROW})")
        why = [f"no match in {other}: {count} of {known} rows with {words}{first}"]
        if count > join.budget * known:
            remedy = "Correct them in the files, or with correct in the mapping."
            raise TableError(f"{source.name}: {why[0]}; budget {join.budget:g}. {remedy}")
        if known < total:
            why.append(f"nothing to look up in {other}: {total - known} of {total} rows without {' or '.join(join.by)}")
        rows += [LedgerRow("join", source.name, total, total, 0, w) for w in why]
        picks += [f"{right}.{quoted(c)} as {quoted(f'{other}.{c}')}" for c in theirs]
        fields = ", ".join(f"{text(c)}: {right}.{quoted(c)}" for c in theirs)
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


def _make(con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, path: Path) -> list[LedgerRow]:
    """Make one canonical table: read values, check them, group, check the key, write."""
    rows = []
    made = [f"{quoted(c)} {values.TYPES[d.kind]}, {quoted(f'bad {c}')} varchar" for c, d in table.columns.items()]
    con.execute(f"create or replace table made ({', '.join([f'{ROW} bigint', *made])})")
    for name, columns in table.sources.items():
        rows += _add(con, mapping, table.model_copy(update={"columns": columns}), mapping.sources[name])
    (n,) = _one(con, "select count(*) from made")
    order = ROW
    if table.one_row_per:
        order, before = _names(table.one_row_per), n
        n = _group(con, table)
        rows.append(LedgerRow("group", table.name, before, n, 0, f"one row per {', '.join(table.one_row_per)}"))
    key = {c: quoted(c) for c in schema.key(table.name) if c in table.columns}
    remedy = f"Group them with one_row_per: [{', '.join(key)}] in the mapping, or add to the key what tells them apart."
    _check_unique(con, table.name, "made", key, remedy)
    wanted = ", ".join(f"{quoted(c)}::{values.TYPES[d.kind]} as {quoted(c)}" for c, d in table.columns.items())
    _write(con, f"select {wanted} from made order by {order}", path)
    return [*rows, LedgerRow("write", table.name, n, n, 0, path.name)]


def _add(con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, source: Source) -> list[LedgerRow]:
    """Add the rows of one source, after those of the sources before it, and check their values."""
    joined = quoted(f"joined {source.name}")
    origin = f"{joined} as {quoted(source.name)}"
    rows = _filter(con, table.name, origin, table.keep)
    types, kinds = _types(con, joined), {}
    for c, d in table.columns.items():
        with _explained(d.place, "Correct the expression in the mapping."):
            kinds[c] = _describe(con, f"select {values.origin(d, types)} as x from {origin}")["x"]
    read = values.stage(table, kinds, types, f"{origin}{_where(table.keep)}", mapping.workbook.time_zone)
    (top,) = _one(con, f"select coalesce(max({ROW}), 0) from made")
    con.execute(f"insert into made by name select * replace ({ROW} + {top} as {ROW}) from ({read})")
    (n,) = _one(con, f"select count(*) from made where {ROW} > {top}")
    _check_values(con, table, Path(source.file).name, n, top)
    return rows if len(table.sources) == 1 else [*rows, LedgerRow("from", table.name, n, n, 0, f"source {source.name}")]


def _check_values(con: duckdb.DuckDBPyConnection, table: Table, file: str, n: int, top: int) -> None:
    """Refuse values that do not read, needed values that are missing, and values that a column does not allow."""
    for c, d in table.columns.items():
        for broken, shown, says, remedy in _complaints(c, d, schema.CANONICAL[table.name].columns[c], file):
            where = f"{ROW} > {top} and ({broken})"
            (count,) = _one(con, f"select count(*) from made where {where}")
            if count:
                first = con.execute(f"select {ROW} - {top}, {shown} from made where {where} order by 1 limit {FIRST}")
                cases = [f"row {r}" if v is None else f"row {r}: {v}" for r, v in first.fetchall()]
                raise TableError(f"{d.place}: {count} of {n} {says} {first_cases(cases)}. {remedy}")


def _complaints(name: str, column: Column, definition: Any, file: str) -> Iterator[tuple[str, str, str, str]]:
    """Give each thing that may be wrong with a value: a condition, what to show, what to say and what to do."""
    x, bad, one_of = quoted(name), quoted(f"bad {name}"), schema.meta(definition)["one_of"]
    if column.partial:
        yield f"{bad} is not null", bad, "values have no entry in map", "Add them to map, or give else."
    words = [word for word, kinds in MEANT_FOR.items() if column.kind in kinds] or ["map"]
    remedy = f"Correct them in {file}, or say in the mapping, with {words}, how they are written."
    yield f"{bad} is not null", bad, f"values do not read as {CALLED.get(column.kind, 'a number')}", remedy
    if required(definition):
        remedy = f"Fill them in {file}, or leave these rows out with a keep that says why."
        yield f"{x} is null", "null", "values missing", remedy
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
            _check_one_value(con, d.place, x, keys)
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


def _check_one_value(con: duckdb.DuckDBPyConnection, place: str, x: str, keys: str) -> None:
    several = f"select {keys} from made group by {keys} having count(distinct {x}) > 1"
    (count,) = _one(con, f"select count(*) from ({several})")
    if count:
        (groups,) = _one(con, f"select count(*) from (select distinct {keys} from made)")
        raise TableError(
            f"{place}: {count} of {groups} groups hold several values{_first(con, several)}. Say in the mapping which "
            f"one to take: {[t for t in TAKES if t]}."
        )


def _check_unique(con: duckdb.DuckDBPyConnection, place: str, rows: str, key: dict[str, str], remedy: str) -> None:
    """Refuse rows of which several have one key, given as names and SQL."""
    keys, repeated = ", ".join(key.values()), f"from {rows} group by all having count(*) > 1"
    (count,) = _one(con, f"select coalesce(sum(n), 0)::bigint from (select {keys}, count(*) as n {repeated})")
    if count:
        (n,) = _one(con, f"select count(*) from {rows}")
        cases = _first(con, f"select {keys} {repeated}")
        raise TableError(f"{place}: {count} of {n} rows share a key {list(key)}{cases}. {remedy}")


def _first(con: duckdb.DuckDBPyConnection, query: str, order: str = "all") -> str:
    found = con.execute(f"{query} order by {order} limit {FIRST}").fetchall()
    return f" {first_cases(row[0] if len(row) == 1 else row for row in found)}" if found else ""


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Stream a query to a Parquet file in row groups of one size, whatever size the engine gives batches in."""
    rows, kind, first = con.execute(query).to_arrow_reader(ROW_GROUP), arrow.ParquetFileFormat(), path.with_suffix(".0")
    options = kind.make_write_options(compression="zstd")
    pq.write_table(rows.schema.empty_table(), first)  # of no rows the next line writes no file
    arrow.write_dataset(
        rows,
        path.parent,
        basename_template=f"{path.stem}.{{i}}",
        format=kind,
        file_options=options,
        min_rows_per_group=ROW_GROUP,
        max_rows_per_group=ROW_GROUP,
        preserve_order=True,
        existing_data_behavior="overwrite_or_ignore",
    )
    first.rename(path)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _types(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {c.lower(): t for c, t in _describe(con, f"select * from {table}").items()}


def _describe(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in con.execute(f"describe {query}").fetchall()}


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return con.execute(query).fetchone() or ()
