"""Files of an export on their way into the engine: CSV and its kin, Excel, Parquet, JSON lines, also compressed.

No file is ever held whole, but a sheet of Excel.
"""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from abmlib.tables.errors import FIRST, NO_ROOM, TableError, cut, first_cases
from abmlib.tables.importers import sheet_reader, text_files, values
from abmlib.tables.importers.mapping_file import EXCEL, JSON, NTH, PARQUET, ROW, Source, suffix
from abmlib.tables.importers.sql import Engine, cause, one, quoted, text
from abmlib.tables.importers.text_files import NoText, Part, place

AS_TABLE = "Save it as UTF-8 CSV with commas, or import it with a mapping."  # what to do about a file given as a table
DEEPEST = 100  # levels of a value in JSON
STAGED = "format parquet, compression snappy, row_group_size 24576"  # what is read several times, quickly
NAMED = 40  # columns or files listed in an error


def find(folder: Path, source: Source) -> dict[str, Path]:
    """Find the file of a source, or all that its pattern fits, in the order of their names.

    A pattern fits no name that starts with a dot or with the ~$ of Excel's locks.

    Raises
    ------
    ValueError
        If a file is outside the folder, also through a link.
    TableError
        If there is none.
    """
    paths, outside = [folder / source.file], f"{source.name}: {source.file!r} is outside the source folder."
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise ValueError(f"{outside} Copy it into the folder.")
    if not paths[0].is_file():
        paths = [p for p in folder.glob(source.file) if p.is_file() and not p.name.startswith((".", "~$"))]
    files = {name: folder / name for name in sorted(p.relative_to(folder).as_posix() for p in paths)}
    if any(not p.resolve().is_relative_to(folder) for p in files.values()):
        raise ValueError(f"{outside} Copy it into the folder.")
    if not files:
        there = listed(sorted(f"{p.name}/" if p.is_dir() else p.name for p in folder.iterdir()))
        what = "no file fits" if re.search(r"[*?\[]", source.file) else "no file"
        raise TableError(f"{source.name}: {what} {source.file!r}; the folder has {there}. Add it or correct the name.")
    return files


def listed(names: Sequence[str]) -> list[str]:
    """List names for an error.

    Long ones are cut, and the last one says how many more there are.

    Examples
    --------
    >>> listed(["a", "b" * 100])[1][-3:]
    'bb…'
    """
    return list(map(cut, names[:NAMED])) + ([f"and {len(names) - NAMED} more"] if len(names) > NAMED else [])


def no_room(wrong: Exception) -> str:
    """Say whether the disk or the memory was full.

    Empty if neither was: then the file is wrong.
    """
    if isinstance(wrong, duckdb.OutOfMemoryException | MemoryError):
        return "the memory is full"
    return next((reason for reason in map(os.strerror, NO_ROOM) if reason in str(wrong)), "")


def sha256(path: Path) -> str:
    """Give the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prepare(con: Engine, source: Source, files: dict[str, Path], work: Path) -> list[Part]:
    """Make every file of a source ready for the engine.

    No row goes but blank ones.

    Raises
    ------
    TableError
        If a file is not what its name and the mapping say it is.
    """
    parts = []
    for number, (name, path) in enumerate(files.items()):
        copy, kind = work / f"{source.name} {number}.txt", suffix(path.name)
        if kind in PARQUET:
            parts.append(_parquet(con, source, name, path))
        elif kind in EXCEL:
            why, plain = _excel(source, name, path, copy), {"delimiter": ",", "quote": '"'}
            parts.append(text_files.csv_part(source.model_copy(update=plain), name, copy, path, why))
        else:
            copy = text_files.readable(source, name, path, copy)
            if kind in JSON:
                parts.append(_json_lines(con, source, name, copy, path))
            else:
                parts.append(text_files.csv_part(source, name, copy, path))
                text_files.refuse_longer(con, source, parts[-1], copy)
                if source.short_rows:
                    parts[-1] = text_files.filled_up(con, source, parts[-1])
    return list(map(_without_ours, parts))


def _without_ours(part: Part) -> Part:
    """Give columns that have the name of a computed one another, and say so in the ledger."""
    ours = {n: f"{n} of the file" for n in part.names if n.lower() in (ROW, NTH)}
    if not ours:
        return part
    why = "".join(f", its column {old} is called {new!r} here" for old, new in ours.items())
    return replace(part, columns=[(ours.get(n, n), x, t) for n, x, t in part.columns], why=part.why + why)


def load(con: Engine, source: Source, parts: Sequence[Part], used: set[str], at_once: bool = False) -> list[int]:
    """Copy the columns `used` of all files into Parquet beside the engine's file, and make a view of them.

    Values are cleaned, rows numbered; returned are the rows of each file.

    A column whose type is not the same in all files is text.

    Parameters
    ----------
    at_once : leave the rows in their file, without numbers, for a query that reads them once; nothing is counted

    Raises
    ------
    TableError
        If a file does not read as rows of its columns.
    """
    columns = [{n.lower(): (n, x, t) for n, x, t in reversed(part.columns) if n.lower() in used} for part in parts]
    names = {n.lower(): n for part in reversed(parts) for n in reversed(part.names) if n.lower() in used}
    order = dict.fromkeys(n.lower() for part in parts for n in part.names if n.lower() in used)
    (work,) = one(con, "select current_setting('temp_directory')")
    counts, views = list[int](), list[str]()
    for part, its in zip(parts, columns, strict=True):
        wanted = []
        for number, n in enumerate(order):
            _, x, kind = its.get(n, (n, "null::varchar", "VARCHAR"))
            if len({other[n][2] for other in columns if n in other}) > 1:
                x, kind = values.as_text(kind, x), "VARCHAR"
            wanted.append(f"{values.clean(kind, x, source.missing)} as c{number}")
        named = [f"c{number} as {quoted(names[n])}" for number, n in enumerate(order)]
        if at_once:
            rows = f"(select {', '.join(wanted) or '1 as c'} from {part.origin})"
            views.append(f"select {', '.join([f'null::bigint as {ROW}', *named])} from {rows}")
            continue
        staged = Path(work) / f"{source.name} {len(views)}.parquet"
        try:
            con.execute(
                f"copy (select {', '.join(wanted) or '1 as c'} from {part.origin}) to {text(str(staged))} ({STAGED})"
            )
        except duckdb.Error as wrong:
            if no_room(wrong):
                raise
            raise text_files.broken(con, source, part, wrong) from None
        numbered = f"file_row_number + {1 + sum(counts)} as {ROW}"
        rows = f"read_parquet({place(staged)}, file_row_number = true, hive_partitioning = false)"
        views.append(f"select {', '.join([numbered, *named])} from {rows}")
        counts.append(one(con, f"select count(*) from {rows}")[0])
    con.execute(f"create or replace view {quoted(f'raw {source.name}')} as {' union all '.join(views)}")
    return counts


def as_table(con: Engine, name: str, path: Path, whole: bool = True) -> Part:
    """Make a CSV that is a canonical table ready for the engine.

    It is UTF-8, with commas, and no row is passed over.

    Parameters
    ----------
    whole : read it once, so that what is wrong with a row is said now; otherwise whoever reads it meets that

    Raises
    ------
    TableError
        If it is anything else, or a row has not as many values as there are columns.
    """
    source = Source.model_validate({"file": path.name}).model_copy(update={"name": name})
    remedy = AS_TABLE
    try:
        with path.open("rb") as file:
            encoding = text_files.encoding_of(source, path.name, file)
            if encoding not in text_files.UTF8:
                raise NoText(f"{name}: {path.name} is written in {encoding}.", AS_TABLE)
            for _ in text_files.decoded(source, path.name, file, encoding):
                pass
        part = text_files.csv_part(source, path.name, path, path)
        remedy = "Correct the file, or import it with a mapping."
        text_files.refuse_longer(con, source, part, path)
        if whole:
            con.execute(f"select count(*) from {part.origin}")
    except (NoText, duckdb.Error) as wrong:
        what = (wrong if isinstance(wrong, NoText) else text_files.broken(con, source, part, wrong)).what
        raise TableError(f"{what} {remedy}") from None
    return part


def _parquet(con: Engine, source: Source, name: str, path: Path) -> Part:
    origin = f"read_parquet({place(path)}, hive_partitioning = false)"
    try:
        columns = con.execute(f"describe select * from {origin}").fetchall()
    except duckdb.Error as wrong:
        reason = cause(wrong).replace(str(path), name)
        raise TableError(
            f"{source.name}: {name} is no Parquet file that can be read: {reason} Save it again."
        ) from wrong
    named = zip(pq.read_schema(path).names, columns, strict=True)  # the engine gives the second of a name a new one
    return Part(name, path, origin, [(own, quoted(n), kind) for own, (n, kind, *_) in named])


def _json_lines(con: Engine, source: Source, name: str, copy: Path, path: Path) -> Part:
    """Read every value as text, under the names of the objects it is in."""
    origin = (
        f"read_json_objects({place(copy)}, format = 'newline_delimited', ignore_errors = {{}}, "
        f"compression = 'uncompressed', maximum_object_size = {text_files.LONGEST_LINE})"
    )
    _refuse_deep(source, name, copy)
    lax = origin.format("true")
    try:
        (rows,) = one(con, f"select count(*) from {lax}")
        numbered = f"select row_number() over () as n, json_type(json) as kind from {lax}"
        wrong_kind = f"select n, count(*) over () from ({numbered}) where kind is distinct from 'OBJECT'"
        bad = con.execute(f"{wrong_kind} order by n limit {FIRST}").fetchall()
        alike = f"select any_value(json) as example, json_structure(json)::varchar as shape from {lax} group by shape"
        (shape,) = one(con, f"select json_structure(to_json(list(example order by shape))) -> 0 from ({alike})")
    except duckdb.Error as wrong:
        reason = cause(wrong).replace(str(copy), name)
        raise TableError(f"{source.name}: {name} does not read as JSON lines: {reason} Save it again.") from None
    if bad:
        what = f"{source.name}: {bad[0][1]} of {rows} rows of {name} are no JSON object"
        cases = first_cases(f"row {n}" for n, _ in bad)
        raise TableError(f"{what} {cases}. Write one object on each line, without a list around them.")
    whole = json.loads(shape or "null")
    columns = [(n, x, "VARCHAR") for n, x in _leaves(whole)] if isinstance(whole, dict) else []
    return Part(name, path, origin.format("false"), columns)


def _refuse_deep(source: Source, name: str, copy: Path) -> None:
    """Refuse lines nested deeper than the engine can follow: it would end the process."""
    bad, lines = [], 0
    with copy.open("rb") as file:
        for line in iter(lambda: file.readline(text_files.LONGEST_LINE + 1), b""):
            lines += 1
            if len(line) > text_files.LONGEST_LINE:
                what = f"line {lines} of {name} is longer than {text_files.LONGEST_LINE:,} bytes"
                raise TableError(f"{source.name}: {what}. Write one object on each line.")
            if line.count(b"{") + line.count(b"[") > DEEPEST and _depth(line) > DEEPEST:
                bad.append(f"line {lines}")
    if bad:
        what = f"{source.name}: {len(bad)} of {lines} lines of {name} have values nested deeper than {DEEPEST} levels"
        raise TableError(f"{what} {first_cases(bad)}. Leave these values out of the export.")


def _depth(line: bytes) -> int:
    """Give the most objects and lists that are open at once in a line of JSON."""
    outside = b"".join(line.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    signs = outside.translate(None, bytes(set(range(256)) - set(b"{}[]")))
    return max(itertools.accumulate(1 if sign in b"{[" else -1 for sign in signs), default=0)


def _leaves(shape: dict[str, Any], outer: str = "", above: str = "") -> Iterator[tuple[str, str]]:
    """Give the name of each value that is no object, and the SQL that reads it as text."""
    for key, kind in shape.items():
        pointer = f"{above}/{key.replace('~', '~0').replace('/', '~1')}"
        x = f"(json ->> {text(pointer)})"
        if isinstance(kind, dict) and kind:
            yield from _leaves(kind, f"{outer}{key}.", pointer)
            continue
        if kind == "DOUBLE":  # 3.0 is the number 3
            x = rf"regexp_replace({x}, '\.0$', '')"
        if isinstance(kind, list) and isinstance(kind[0], str):
            x = f"array_to_string(from_json(json -> {text(pointer)}, '[\"VARCHAR\"]'), ';')"
        yield f"{outer}{key}", x


def _excel(source: Source, name: str, path: Path, copy: Path) -> str:
    """Write a sheet as CSV, and say what the ledger needs.

    That is the sheet, those that are hidden, and the blank rows.
    """
    place = f"{source.name}: {name}"
    got = sheet(place, path, sheet=source.sheet, header_row=source.header_row, to=str(copy))
    if "sheet" not in got:
        what = (
            f"has no sheet {source.sheet!r}; it has {listed(got['names'])}" if got["names"] else "has no sheet of rows"
        )
        raise TableError(f"{place} {what}. Correct sheet in the mapping.")
    hidden = f", hidden and not read: {', '.join(listed(got['hidden']))}" if got["hidden"] else ""
    return f", sheet {got['sheet']}{hidden}" + (f", {got['gaps']} blank rows between the others" if got["gaps"] else "")


def sheet(place: str, path: Path, **asked: object) -> dict[str, Any]:
    """Let another process read a spreadsheet, with bounds on its memory and time.

    Parameters
    ----------
    place : the file, for errors
    asked : as `sheet_reader.answer` takes it

    Raises
    ------
    TableError
        If it is no spreadsheet, or the process came to its bounds.
    """
    call = [sys.executable, "-P", sheet_reader.__file__, json.dumps({"path": str(path), **asked})]
    try:
        done = subprocess.run(call, capture_output=True, timeout=sheet_reader.SECONDS, check=True)  # noqa: S603
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        what = f"could not be read within {sheet_reader.MEMORY} GB of memory and {sheet_reader.SECONDS} s"
        remedy = "Save it as CSV, or save its rows alone in a new file."
        raise TableError(f"{place} {what}. {remedy}") from None
    got: dict[str, Any] = json.loads(done.stdout)
    if "errno" in got:
        raise OSError(got["errno"], os.strerror(got["errno"]), got["file"])
    if "wrong" in got:
        what = f"{place} is no Excel file that can be read: {got['wrong'].rstrip('.')}."
        raise TableError(f"{what} Save it again as .xlsx, without a password.")
    return got
