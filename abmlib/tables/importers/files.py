"""Files of an export on their way into the engine: CSV and its kin, Excel, Parquet, JSON lines, also compressed.

Text is read once as it lies there, to see that it is what it says it is; what the engine cannot read as it is, is
written again in the work folder, a piece at a time. No file is ever held whole, but a sheet of Excel.
"""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text
import codecs
import contextlib
import csv
import datetime as dt
import errno
import functools
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import python_calamine as calamine

from abmlib.tables.errors import FIRST, TableError, cut, first_cases
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import DELIMITERS, EXCEL, JSON, PARQUET, ROW, Source, suffix
from abmlib.tables.importers.sql import cause, quoted, text

LF, CR = 10, 13
PIECE = 1 << 20  # bytes of a text file read at a time
LONGEST_LINE = 16_000_000  # bytes of one row of text
UTF8 = ("utf-8", "utf-8-sig", "ascii")  # what the engine reads as it is
MARKS = {  # byte-order marks; that of UTF-16 is the start of that of UTF-32
    codecs.BOM_UTF8: ("utf-8-sig", "utf-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}
NUMBERS_OF_JSON = ("UBIGINT", "BIGINT", "HUGEINT", "UHUGEINT", "DOUBLE")
EMPTY = "JSON"  # what the engine calls the shape of {}
PACKED = {
    b"PK\x03\x04": "a zip or Excel file",
    b"\x1f\x8b": "a gzip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"PAR1": "a Parquet file",
}
AS_TABLE = "Save it as UTF-8 CSV with commas, or import it with a mapping."  # what to do about a file given as a table
BROKEN = {  # kinds of the engine's errors on a row: what to say, and what to do
    "UNQUOTED VALUE": (
        "have a quote that does not end where its value ends",
        "Correct them, or give the mapping quote: '' if quotes are only text.",
    ),
    "LINE SIZE OVER MAXIMUM": (f"are longer than {LONGEST_LINE:,} bytes", "Look for a quote that is not closed."),
}
NO_ROOM = tuple(map(os.strerror, (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)))
NAMED = 40  # columns or files listed in an error


class NoText(TableError):
    """A file is not the text it should be; `what` says so without saying what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both; the message joins them."""
        super().__init__(f"{what} {remedy}")
        self.what = what


@dataclass(frozen=True)
class Part:
    """One file of a source, ready for the engine: SQL to select from, and each column's name, SQL and type."""

    name: str  # in the source folder
    path: Path
    origin: str
    columns: Sequence[tuple[str, str, str]]
    why: str = ""  # what else the ledger says of it

    @property
    def names(self) -> list[str]:
        """The columns' names, as the file writes them."""
        return [name for name, _, _ in self.columns]


def find(folder: Path, source: Source) -> dict[str, Path]:
    """Find the file of a source, or all that its pattern fits, in the order of their names.

    A pattern fits no name that starts with a dot or with the ~$ of Excel's locks.

    Raises
    ------
    ValueError
        If a file lies outside the folder, be it by a link.
    TableError
        If there is none.
    """
    found, outside = [folder / source.file], f"{source.name}: {source.file!r} lies outside the source folder."
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise ValueError(f"{outside} Copy it into the folder.")
    if not found[0].is_file():
        found = [p for p in folder.glob(source.file) if p.is_file() and not p.name.startswith((".", "~$"))]
    files = {name: folder / name for name in sorted(p.relative_to(folder).as_posix() for p in found)}
    if any(not p.resolve().is_relative_to(folder) for p in files.values()):
        raise ValueError(f"{outside} Copy it into the folder.")
    if not files:
        there = listed(sorted(f"{p.name}/" if p.is_dir() else p.name for p in folder.iterdir()))
        what = "file fits" if re.search(r"[*?\[]", source.file) else "file"
        raise TableError(
            f"{source.name}: no {what} {source.file!r}; the folder has {there}. Add it or correct the name."
        )
    return files


def listed(names: Sequence[str]) -> list[str]:
    """Give names as an error can list them: long ones cut, the last one saying how many more there are.

    Examples
    --------
    >>> listed(["a", "b" * 100])[1][-3:]
    'bb…'
    """
    return list(map(cut, names[:NAMED])) + ([f"and {len(names) - NAMED} more"] if len(names) > NAMED else [])


def no_room(wrong: Exception) -> str:
    """Say why the machine, not the file, stopped the engine: no room on the disk or in memory; empty if neither did."""
    if isinstance(wrong, duckdb.OutOfMemoryException | MemoryError):
        return "the memory is full"
    return next((reason for reason in NO_ROOM if reason in str(wrong)), "")


def sha256(path: Path) -> str:
    """Give the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prepare(con: duckdb.DuckDBPyConnection, source: Source, files: dict[str, Path], work: Path) -> list[Part]:
    """Make every file of a source ready for the engine; no row goes but blank ones.

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
            why = _excel(source, name, path, copy)
            parts.append(_csv(source.model_copy(update={"delimiter": ",", "quote": '"'}), name, copy, path, why))
        elif kind in JSON:
            parts.append(_json_lines(con, source, name, _checked(source, name, path, copy), path))
        else:
            readable = _checked(source, name, path, copy)
            parts.append(_csv(source, name, readable, path))
            _refuse_longer(con, source, parts[-1], readable)
    return parts


def load(con: duckdb.DuckDBPyConnection, source: Source, parts: Sequence[Part], used: set[str]) -> list[int]:
    """Copy the columns `used` of all files into one table, cleaned, with the number of the row; give the rows of each.

    A column whose type is not the same in all files is text.

    Raises
    ------
    TableError
        If a file does not read as rows of its columns.
    """
    names = {n.lower(): n for part in reversed(parts) for n in reversed(part.names) if n.lower() in used}
    order = [n.lower() for part in parts for n in part.names if n.lower() in used]
    own = [{n.lower(): (x, t) for n, x, t in part.columns} for part in parts]
    kinds = {n: {has[n][1] for has in own if n in has} for n in dict.fromkeys(order)}
    raw, kept = quoted(f"raw {source.name}"), quoted(f"rows {source.name}")
    counts: list[int] = []
    for number, (part, has) in enumerate(zip(parts, own, strict=True)):
        wanted = []
        for n, types in kinds.items():
            x, kind = has.get(n, ("null::varchar", "VARCHAR"))
            if len(types) > 1:
                x, kind = values.as_text(kind, x), "VARCHAR"
            wanted.append(f"{values.clean(kind, x, source.missing)} as {quoted(names[n])}")
        into = f"insert into {kept}" if number else f"create table {kept} as"
        try:
            con.execute(f"{into} select {', '.join(wanted) or '1 as _'} from {part.origin}")
        except duckdb.Error as wrong:
            if no_room(wrong):
                raise
            raise broken(con, source, part, wrong) from None
        row = con.execute(f"select count(*) from {kept}").fetchone() or (0,)
        counts.append(int(row[0]) - sum(counts))
    con.execute(f"create view {raw} as select rowid + 1 as {ROW}, * from {kept}")  # rowid: rows in the order inserted
    return counts


def broken(con: duckdb.DuckDBPyConnection, source: Source, part: Part, wrong: duckdb.Error) -> NoText:
    """Say which rows do not read; their values are not shown, for nobody knows which column they are of."""
    if not part.origin.startswith("read_csv"):
        said = cause(wrong).replace(str(part.path), part.name)
        return NoText(f"{source.name}: {part.name} does not read: {said}", "Save it again.")
    with contextlib.suppress(duckdb.Error):
        again = f"{part.origin[:-1]}, store_rejects = true)"
        ((good,),) = con.execute(f"select count(*) from {again}").fetchall()
        rejects = con.execute(
            "select line, any_value(error_type), any_value(error_message) from reject_errors group by line order by line"
        )
        first = rejects.fetchmany(FIRST)
        bad = len(first) + sum(1 for _ in iter(rejects.fetchone, None))
        if first:
            said, remedy = BROKEN.get(
                first[0][1],
                (
                    f"do not have its {len(part.columns)} columns",
                    "Correct them; a text with the delimiter in it needs quotes.",
                ),
            )
            cases = [f"line {n}" + "".join(f" has {k}" for k in re.findall(r" Found: (\d+)", m)) for n, _, m in first]
            return NoText(
                f"{source.name}: {bad} of {good + bad} rows of {part.name} {said} {first_cases(cases)}.", remedy
            )
    return NoText(
        f"{source.name}: {part.name} does not read as rows: its lines end in different ways, or its quotes do not match.",
        "Save it again.",
    )


def as_table(con: duckdb.DuckDBPyConnection, name: str, path: Path, whole: bool = True) -> Part:
    """Make a CSV that is a table by its name ready: UTF-8, with commas, and no row passed over.

    Parameters
    ----------
    whole : read it once, so that what is wrong with a row is said now; otherwise whoever reads it meets that

    Raises
    ------
    TableError
        If it is anything else, or a row has not as many values as there are columns.
    """
    source = Source.model_validate({"file": path.name}).model_copy(update={"name": name})
    try:
        with path.open("rb") as file:
            encoding = _encoding(source, path.name, file)
            if encoding not in UTF8:
                raise NoText(f"{name}: {path.name} is written in {encoding}.", AS_TABLE)
            for _ in _pieces(source, path.name, file, encoding):
                pass
        part = _csv(source, path.name, path, path)
        try:
            _refuse_longer(con, source, part, path)
            if whole:
                con.execute(f"select count(*) from {part.origin}")
        except (NoText, duckdb.Error) as wrong:
            what = (wrong if isinstance(wrong, NoText) else broken(con, source, part, wrong)).what
            raise TableError(f"{what} Correct the file, or import it with a mapping.") from None
    except NoText as wrong:
        raise TableError(f"{wrong.what} {AS_TABLE}") from wrong
    return part


def _parquet(con: duckdb.DuckDBPyConnection, source: Source, name: str, path: Path) -> Part:
    origin = f"read_parquet({_place(path)}, hive_partitioning = false)"
    try:
        found = con.execute(f"describe select * from {origin}").fetchall()
    except duckdb.Error as wrong:
        said = cause(wrong).replace(str(path), name)
        raise TableError(f"{source.name}: {name} is no Parquet file that can be read: {said} Save it again.") from wrong
    return Part(name, path, origin, [(str(n), quoted(str(n)), str(kind)) for n, kind, *_ in found])


def _csv(source: Source, name: str, copy: Path, path: Path, why: str = "") -> Part:
    """Read every column as text, under its number, whatever its name."""
    delimiter = source.delimiter or DELIMITERS[suffix(name)]
    quoting: dict[str, Any] = {"quotechar": source.quote} if source.quote else {"quoting": csv.QUOTE_NONE}
    with copy.open(encoding="utf-8-sig", newline="") as file:
        try:
            names = next(csv.reader(file, delimiter=delimiter, **quoting), [])
        except csv.Error as wrong:
            said = f"{source.name}: the first line of {name} does not read: {wrong}."
            raise NoText(said, "Correct it, or the delimiter in the mapping.") from wrong
    if not any(n.strip() for n in names):
        said = f"{source.name}: {name} is empty or starts with an empty line."
        raise NoText(said, "Start with its columns, or say header_row.")
    kinds = ", ".join(f"'{number}': 'VARCHAR'" for number in range(len(names)))
    origin = (
        f"read_csv({_place(copy)}, auto_detect = false, columns = {{{kinds}}}, header = true, "
        f"delim = {text(delimiter)}, quote = {text(source.quote)}, escape = {text(source.quote)}, comment = '', "
        f"max_line_size = {LONGEST_LINE}, compression = 'none', hive_partitioning = false)"
    )
    return Part(name, path, origin, [(n, quoted(str(i)), "VARCHAR") for i, n in enumerate(names)], why)


def _refuse_longer(con: duckdb.DuckDBPyConnection, source: Source, part: Part, copy: Path) -> None:
    """Refuse rows longer by empty values: the engine passes over these, though what stands before them may be shifted."""
    delimiter, n = source.delimiter or DELIMITERS[suffix(part.name)], len(part.columns)
    if not _ends_empty(copy, delimiter, source.quote):
        return
    last = f"'{n - 1}': 'VARCHAR'"
    origin = part.origin.replace(f"{last}}}", f"{last}, '{n}': 'VARCHAR'}}", 1)
    origin = f"{origin[:-1]}, null_padding = true, parallel = false, nullstr = {text(chr(1))})"
    longer = f"select row_number() over () as n, {quoted(str(n))} as more from {origin}"
    with contextlib.suppress(duckdb.Error):  # what else is wrong is said when the rows are loaded
        ((rows, bad),) = con.execute(f"select count(*), count(more) from ({longer})").fetchall()
        if bad:
            found = con.execute(f"select n from ({longer}) where more is not null order by n limit {FIRST}").fetchall()
            raise NoText(
                f"{source.name}: {bad} of {rows} rows of {part.name} have more values than its {n} columns, though the "
                f"last are empty {first_cases(f'row {r}' for (r,) in found)}.",
                "Correct them; a text with the delimiter in it needs quotes.",
            )


def _ends_empty(copy: Path, delimiter: str, quote: str) -> bool:
    """Say whether a line may end with an empty value."""
    d, q = (re.escape(sign.encode()) for sign in (delimiter, quote))
    signs = [ord(sign) for sign in {delimiter, quote, " ", "\t"} if sign]
    end, tail = re.compile(d + (b"(?:" + q + q + b")?" if q else b"") + rb"[ \t]*[\r\n]"), b""
    with copy.open("rb") as file:
        while piece := file.read(PIECE):
            seen = tail + piece
            if _may_end_in(seen, signs) and end.search(seen):
                return True
            tail = piece[-8:]
    return bool(end.search(tail + b"\n"))


def _may_end_in(piece: bytes, signs: Sequence[int]) -> bool:
    """Say whether a line may end in one of some signs; quick, and rules most files out."""
    codes = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero((codes == LF) | (codes == CR))
    return bool(np.isin(codes[ends[ends > 0] - 1], signs).any())


def _json_lines(con: duckdb.DuckDBPyConnection, source: Source, name: str, copy: Path, path: Path) -> Part:
    """Read every value as text, under the names of the objects it lies in."""
    origin = (
        f"read_json_objects({_place(copy)}, format = 'newline_delimited', ignore_errors = true, "
        f"compression = 'uncompressed', maximum_object_size = {LONGEST_LINE})"
    )
    try:
        found = con.execute(f"select json_structure(json), count(*) from {origin} group by all order by all").fetchall()
        shapes = [(json.loads(shape or "null"), n) for shape, n in found]
        rows, bad = sum(n for _, n in shapes), sum(n for s, n in shapes if s != EMPTY and not isinstance(s, dict))
        numbered = f"select row_number() over () as n, json_type(json) as kind from {origin}"
        first = f"select n from ({numbered}) where kind is distinct from 'OBJECT' order by n limit {FIRST}"
        cases = [f"row {n}" for (n,) in con.execute(first).fetchall()] if bad else []
    except duckdb.Error as wrong:
        said = cause(wrong).replace(str(copy), name)
        raise TableError(f"{source.name}: {name} does not read as JSON lines: {said} Save it again.") from None
    if bad:
        raise TableError(
            f"{source.name}: {bad} of {rows} rows of {name} are no JSON object {first_cases(cases)}. Write one object "
            "on each line, without a list around them."
        )
    whole: dict[str, Any] = functools.reduce(_merged, [shape for shape, _ in shapes], {})
    columns = [(n, x, "VARCHAR") for n, x in _leaves(whole)]
    return Part(name, path, origin.replace("ignore_errors = true", "ignore_errors = false"), columns)


def _merged(one: Any, other: Any) -> Any:
    """Give the shape that values of two shapes have, whatever their order; MIXED if they are of different kinds."""
    if one == other or other == "NULL" or (other == EMPTY and isinstance(one, dict)):
        return one
    if one == "NULL" or (one == EMPTY and isinstance(other, dict)):
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {k: _merged(one[k], v) if k in one else v for k, v in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [_merged(one[0], other[0])]
    return "DOUBLE" if one in NUMBERS_OF_JSON and other in NUMBERS_OF_JSON else "MIXED"


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
    """Write a sheet as CSV, from the row of its column names on; say which sheet, and how many blank rows it has."""
    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            sheets = book.sheet_names
            sheet = source.sheet if source.sheet is not None else sheets[0]
            if sheet not in sheets:
                raise TableError(
                    f"{source.name}: {name} has no sheet {sheet!r}; it has {sheets}. Correct sheet in the mapping."
                )
            rows = book.get_sheet_by_name(sheet).iter_rows()
            with copy.open("w", encoding="utf-8", newline="") as new:
                writer, blank, gaps = csv.writer(new, quoting=csv.QUOTE_ALL, lineterminator="\n"), 0, 0
                for number, row in enumerate(rows, 1):
                    cells = [_cell(value) for value in row]
                    if number > source.header_row and not any(cells):
                        blank += 1  # those at the end are none
                    elif number >= source.header_row:
                        gaps, blank = gaps + blank, 0
                        writer.writerow(cells)
    except calamine.CalamineError as wrong:
        said = f"{source.name}: {name} is no Excel file that can be read: {wrong}."
        raise TableError(f"{said} Save it again as .xlsx, without a password.") from wrong
    return f", sheet {sheet}" + (f", {gaps} blank rows between the others" if gaps else "")


def _cell(value: Any) -> str:
    """Write a cell as text that reads back as the same value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= values.EXACT else repr(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _checked(source: Source, name: str, path: Path, copy: Path) -> Path:
    """Read a text file through, and write it again if the engine would not read it as it is."""
    packed = name.lower().endswith(".gz")
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(gzip.GzipFile(path) if packed else path.open("rb"))
        try:
            encoding = _encoding(source, name, file)
            plain = not packed and encoding in UTF8 and source.header_row == 1
            new = None if plain else stack.enter_context(copy.open("w", encoding="utf-8", newline=""))
            above = source.header_row - 1  # lines that are not copied
            for piece in _pieces(source, name, file, encoding):
                while above and piece:
                    _, end, piece = piece.partition("\n")
                    above -= bool(end)
                if new:
                    new.write(piece)
        except (EOFError, gzip.BadGzipFile, zlib.error) as wrong:
            raise TableError(f"{source.name}: {name} is no whole gzip file: {wrong}. Copy it again.") from wrong
    return path if plain else copy


def _encoding(source: Source, name: str, file: IO[bytes]) -> str:
    """Tell the encoding by the file's mark, the mapping, or else the rule; leave the file at its start."""
    start = file.read(4)
    file.seek(0)
    for mark, what in PACKED.items():
        if start.startswith(mark):
            said = f"{source.name}: {name} is {what} by its first bytes."
            raise NoText(said, "Give it the ending of its kind.")
    for mark, known in MARKS.items():
        if start.startswith(mark):
            if source.encoding not in (None, *known):
                raise TableError(
                    f"{source.name}: {name} starts with the mark of {known[0]}, and the mapping says {source.encoding}. "
                    f"Say encoding: {known[0]}."
                )
            return known[0]
    return source.encoding or "utf-8"


def _pieces(source: Source, name: str, file: IO[bytes], encoding: str) -> Iterator[str]:
    """Decode a file a piece at a time, and refuse what is not text in its encoding, by line."""
    decoder, line, end = codecs.getincrementaldecoder(encoding)(), 1, False
    while not end:
        piece = file.read(PIECE)
        end = not piece
        try:
            decoded = decoder.decode(piece, end)
            if "\0" in decoded:
                raise _with_nul(source, name, line + decoded[: decoded.index("\0")].count("\n"))
        except UnicodeDecodeError as wrong:
            before = bytes(wrong.object[: wrong.start])
            if b"\0" in before and encoding in UTF8:
                raise _with_nul(source, name, line + before[: before.index(b"\0")].count(b"\n")) from wrong
            line += before.decode(encoding, "replace").count("\n")
            other = "cp1252" if encoding in UTF8 else "utf-8"
            raise NoText(
                f"{source.name}: {name} is not {encoding}: line {line} has bytes that are no text in it.",
                f"Say in the mapping how it is written, such as encoding: {other}.",
            ) from wrong
        line += decoded.count("\n")
        yield decoded


def _with_nul(source: Source, name: str, line: int) -> NoText:
    return NoText(
        f"{source.name}: {name} has NUL bytes, first in line {line}: so does UTF-16 without a mark.",
        "Say encoding: utf-16-le, or take these bytes out.",
    )


def _place(path: Path) -> str:
    """Write a path as an SQL literal in which no character is taken for a pattern: [*] is a star."""
    return text(re.sub(r"([*?\[])", r"[\1]", str(path)))
