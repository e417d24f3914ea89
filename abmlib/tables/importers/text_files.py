"""Text files of an export: their encoding, and the rows and columns that their signs make.

Text is read once as it is, to check that it is what it claims. What the engine cannot read as it is, is written
again in the work folder, a piece at a time.
"""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text
import codecs
import contextlib
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np

from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.importers.mapping_file import DELIMITERS, Source, suffix
from abmlib.tables.importers.sql import Engine, cause, quoted, text

PIECE = 1 << 20  # bytes of a text file read at a time
LONGEST_LINE = 16_000_000  # bytes of one row of text
LINE_END = re.compile(r"\r\n?|\n")
UTF8 = ("utf-8", "utf-8-sig", "ascii")  # what the engine reads as it is
MARKS = {  # byte-order marks; that of UTF-16 is the start of that of UTF-32
    codecs.BOM_UTF8: ("utf-8-sig", "utf-8"),
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}
PACKED = {
    b"PK\x03\x04": "a zip or Excel file",
    b"\x1f\x8b": "a gzip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"PAR1": "a Parquet file",
}
IN_QUOTES = "Correct them; a text with the delimiter in it needs quotes."
MOST_SHORT = 0.1  # share of rows that may be short where the mapping says so
SHORT = "MISSING COLUMNS"  # what the engine says of a row that ends early
BROKEN = {  # kinds of the engine's errors on a row: what to say, and what to do
    "UNQUOTED VALUE": (
        "have a quote that does not end where its value ends",
        "Correct them, or give the mapping quote: '' if quotes are only text.",
    ),
    "LINE SIZE OVER MAXIMUM": (f"are longer than {LONGEST_LINE:,} bytes", "Look for a quote that is not closed."),
}


class NoText(TableError):
    """A file is not the text it should be.

    `what` says so without saying what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        """Keep both; the message joins them."""
        super().__init__(f"{what} {remedy}")
        self.what = what


@dataclass(frozen=True)
class Part:
    """One file of a source, ready for the engine.

    `origin` is SQL to select from; `columns` are name, SQL and type of each.
    """

    name: str  # in the source folder
    path: Path
    origin: str
    columns: Sequence[tuple[str, str, str]]
    why: str = ""  # what else the ledger says of it
    text: Path | None = None  # what the engine reads of a text file, from the line of its names

    @property
    def names(self) -> list[str]:
        """The columns' names, as the file writes them."""
        return [name for name, _, _ in self.columns]


def readable(source: Source, name: str, path: Path, copy: Path) -> Path:
    """Give a text file that the engine reads.

    That is the file itself where it is UTF-8, else what is written to `copy`.

    Raises
    ------
    TableError
        If it is a file of another kind, half a gzip file, or no text in its encoding.
    """
    packed = name.lower().endswith(".gz")
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(gzip.GzipFile(path) if packed else path.open("rb"))
        try:
            encoding = encoding_of(source, name, file)
            if not packed and encoding in UTF8 and source.header_row == 1:
                copy = path
            new = None if copy == path else stack.enter_context(copy.open("w", encoding="utf-8", newline=""))
            above = source.header_row - 1  # lines that are not copied
            for piece in decoded(source, name, file, encoding):
                while above and piece:
                    _, *rest = LINE_END.split(piece, 1)
                    piece, above = "".join(rest), above - len(rest)
                if new:
                    new.write(piece)
        except (EOFError, gzip.BadGzipFile, zlib.error) as wrong:
            raise TableError(f"{source.name}: {name} is no whole gzip file: {wrong}. Copy it again.") from wrong
    return copy


def encoding_of(source: Source, name: str, file: IO[bytes]) -> str:
    """Find the encoding by the file's mark, the mapping, or else the rule.

    Leave the file at its start.

    Raises
    ------
    TableError
        If its first bytes are those of another kind of file, or its mark contradicts the mapping.
    """
    start = file.read(4)
    file.seek(0)
    if packed := next((what for mark, what in PACKED.items() if start.startswith(mark)), ""):
        raise NoText(f"{source.name}: {name} is {packed} by its first bytes.", "Give it the ending of its kind.")
    known = next((names for mark, names in MARKS.items() if start.startswith(mark)), ())
    if not known and source.encoding is None and (unmarked := _unmarked(file)):
        return unmarked
    if known and source.encoding not in (None, *known):
        raise TableError(
            f"{source.name}: {name} starts with the mark of {known[0]}, and the mapping says {source.encoding}. "
            f"Say encoding: {known[0]}."
        )
    return known[0] if known else source.encoding or "utf-8"


def _unmarked(file: IO[bytes]) -> str:
    """Recognise UTF-16 without a mark: every second byte of its beginning is NUL. Empty if it is none."""
    start = file.read(1024)
    file.seek(0)
    nul = [start[half::2].count(0) for half in (0, 1)]
    few, most = 0.05 * len(start), 0.4 * len(start)
    return "utf-16-be" if nul[0] > most and nul[1] < few else "utf-16-le" if nul[1] > most and nul[0] < few else ""


def decoded(source: Source, name: str, file: IO[bytes], encoding: str) -> Iterator[str]:
    """Decode a file a piece at a time.

    Raises
    ------
    NoText
        With the line of the first bytes that are no text in the encoding, or with one that does not end.
    """
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=False)
    line, length, piece = 1, 0, b"."  # no piece ends between \r and \n
    while piece:
        wrong: UnicodeDecodeError | None = None
        piece = file.read(PIECE)
        try:
            part = decoder.decode(piece, not piece)
        except UnicodeDecodeError as error:
            wrong, part = error, error.object[: error.start].decode(encoding, "replace")
        if "\0" in part:
            line += _lines(part[: part.index("\0")])
            what = f"{source.name}: {name} has NUL bytes, first in line {line}: so does UTF-16 without a mark."
            raise NoText(what, "Say encoding: utf-16-le, or take these bytes out.")
        ends = _lines(part)
        line, length = line + ends, 0 if ends else length + len(part)
        if length > LONGEST_LINE:  # however far it goes on once it is unpacked
            what = f"{source.name}: line {line} of {name} is longer than {LONGEST_LINE:,} bytes."
            raise NoText(what, "Look for line ends that are missing.")
        if wrong:
            what = f"{source.name}: {name} is not {encoding}: line {line} has bytes that are no text in it."
            other = "cp1252" if encoding in UTF8 else "utf-8"
            raise NoText(what, f"Say in the mapping how it is written, such as encoding: {other}.") from wrong
        yield part


def _lines(part: str) -> int:
    """Count the line ends, of whichever kind the file has."""
    return part.count("\n") or part.count("\r")


def csv_part(source: Source, name: str, copy: Path, path: Path, why: str = "") -> Part:
    """Give the columns of a text file, each read as text, under its number, whatever its name.

    Raises
    ------
    NoText
        If its first line does not read, or names nothing.
    """
    with copy.open(encoding="utf-8-sig", newline="") as file:
        try:
            names: list[str] = next(_rows(source, name, file), [])
        except csv.Error as wrong:
            what = f"{source.name}: the first line of {name} does not read: {wrong}."
            raise NoText(what, "Correct it, or the delimiter in the mapping.") from wrong
    if not any(n.strip() for n in names):
        what = f"{source.name}: {name} is empty or starts with an empty line."
        raise NoText(what, "Start with its columns, or say header_row.")
    columns = [(n, quoted(str(i)), "VARCHAR") for i, n in enumerate(names)]
    return Part(name, path, _read_csv(source, name, copy, len(names)), columns, why, copy)


def lines(source: Source, part: Part, rows: Sequence[int]) -> dict[int, int]:
    """Give the line on which rows of a text file start, by their number.

    Lines are counted as an editor does: that of the names is one, and a line break in quotes starts another. What is no
    text, or was made from a sheet, has none.
    """
    if not (part.text and rows) or suffix(part.name) not in DELIMITERS:
        return {}
    found: dict[int, int] = {}
    number, line = -1, 0
    with part.text.open(encoding="utf-8-sig", newline="") as file, contextlib.suppress(csv.Error):
        reader = _rows(source, part.name, file)
        for cells in reader:
            number += bool(cells) or len(part.columns) == 1
            if number in rows and number not in found:
                found[number] = line + source.header_row
            if number >= max(rows):
                break
            line = reader.line_num
    return found


def _rows(source: Source, name: str, file: IO[str]) -> Any:
    """Read the rows of a text file by its signs."""
    quoting: dict[str, Any] = {"quotechar": source.quote} if source.quote else {"quoting": csv.QUOTE_NONE}
    return csv.reader(file, delimiter=delimiter_of(source, name), **quoting)


def delimiter_of(source: Source, name: str) -> str:
    """Give the sign that parts the values of a text file."""
    return source.delimiter or DELIMITERS[suffix(name)]


def _read_csv(source: Source, name: str, copy: Path, n: int) -> str:
    """Give the SQL that reads a text file of `n` columns."""
    quote, columns = text(source.quote), ", ".join(f"'{number}': 'VARCHAR'" for number in range(n))
    return (
        f"read_csv({place(copy)}, auto_detect = false, columns = {{{columns}}}, header = true, comment = '', "
        f"delim = {text(delimiter_of(source, name))}, quote = {quote}, escape = {quote}, "
        f"max_line_size = {LONGEST_LINE}, compression = 'none', hive_partitioning = false)"
    )


def refuse_longer(con: Engine, source: Source, part: Part, copy: Path) -> None:
    """Refuse rows that are longer by empty values.

    The engine passes over these values, though those before them may be shifted.
    """
    n = len(part.columns)
    if not _ends_in_nothing(copy, delimiter_of(source, part.name).encode(), source.quote.encode()):
        return
    origin = _read_csv(source, part.name, copy, n + 1)[:-1]
    origin += f", null_padding = true, parallel = false, nullstr = {text(chr(1))})"
    longer = f"select row_number() over () as n from {origin} qualify {quoted(str(n))} is not null"
    with contextlib.suppress(duckdb.Error):  # what else is wrong is said when the rows are loaded
        bad = con.execute(f"select n, count(*) over () from ({longer}) order by n limit {FIRST}").fetchall()
        if bad:
            ((rows,),) = con.execute(f"select count(*) from {origin}").fetchall()
            what = f"{source.name}: {bad[0][1]} of {rows} rows of {part.name} have more values than its {n} columns"
            at = lines(source, part, [r for r, _ in bad])
            cases = first_cases(f"line {at.get(r, r)}" for r, _ in bad)
            raise NoText(f"{what}, though the last are empty {cases}.", IN_QUOTES)


def _ends_in_nothing(file: Path, delimiter: bytes, quote: bytes) -> bool:
    """Say whether a line may end in an empty value: finds a few lines too many."""
    before, length = b"", file.stat().st_size
    with file.open("rb") as text:
        for piece in iter(lambda: text.read(PIECE), b""):
            end = b"\n" if text.tell() == length else b""  # the last line may have no end
            signs = np.frombuffer(before + piece + end, np.uint8)
            ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r")))
            ends = ends[ends >= 3]  # others were looked at with the piece before
            last, second, third = (signs[ends - k] for k in (1, 2, 3))
            is_quoted = np.isin(last, [*quote]) & np.isin(second, [*quote]) & (third == delimiter[-1])
            if (np.isin(last, [delimiter[-1], *b" \t"]) | is_quoted).any():
                return True
            before = (before + piece)[-3:]
    return False


def broken(con: Engine, source: Source, part: Part, wrong: duckdb.Error) -> NoText:
    """Say which rows do not read.

    Their values are not shown, for nobody knows which column they are of.
    """
    at = f"{source.name}: {part.name}"
    if not part.text:
        return NoText(f"{at} does not read: {cause(wrong).replace(str(part.path), part.name)}", "Save it again.")
    with contextlib.suppress(duckdb.Error):
        good, bad, kinds, cases = _rejected(con, source, part, part.text)
        if bad:
            what, remedy = BROKEN.get(kinds[0], (f"do not have its {len(part.columns)} columns", IN_QUOTES))
            if {*kinds} == {SHORT} and not source.short_rows:
                remedy += " Where they end early and what lacks is missing, say short_rows: missing in the mapping."
            return NoText(f"{source.name}: {bad} of {good + bad} rows of {part.name} {what} {cases}.", remedy)
    what = f"{at} does not read as rows: its lines end in different ways, or its quotes do not match."
    return NoText(what, "Save it again.")


def filled_up(con: Engine, source: Source, part: Part) -> Part:
    """Give a text file whose short rows are filled with missing values, and count them for the ledger."""
    good, short, _, cases = _rejected(con, source, part, part.text or part.path, f"where error_type = '{SHORT}'")
    if not short:
        return part
    if short > max(FIRST, MOST_SHORT * (good + short)):
        what = f"{source.name}: {short} of {good + short} rows of {part.name} have fewer values than its {len(part.columns)} columns"
        raise TableError(
            f"{what} {cases}: those before may be shifted. Correct the file; short_rows is for a few rows."
        )
    why = f"{part.why}, {short} rows have fewer values than its {len(part.columns)} columns, the others are missing {cases}"
    return replace(part, origin=f"{part.origin[:-1]}, null_padding = true, parallel = false)", why=why)


def _rejected(con: Engine, source: Source, part: Part, file: Path, only: str = "") -> tuple[int, int, list[str], str]:
    """Count the rows that read and those that do not; give the kinds of errors of the first ones, and where they are."""
    ((good,),) = con.execute(f"select count(*) from {part.origin[:-1]}, store_rejects = true)").fetchall()
    grouped = (
        "select min(line_byte_position) as start, any_value(error_type) as error_type, any_value(error_message) "
        "from reject_errors group by scan_id, line"
    )
    ordered = f"select *, count(*) over () from ({grouped}) {only} order by start limit {FIRST}"
    bad = con.execute(ordered).fetchall()
    con.execute("drop table reject_errors; drop table reject_scans")
    at = [f"line {_line(file, start - 1) + source.header_row - 1}" for start, *_ in bad]
    has = [re.search(r" Found: (\d+)", message) for _, _, message, _ in bad]
    values = [f" has {k[1]} of {len(part.columns)} values" if k else "" for k in has]
    cases = first_cases(map("".join, zip(at, values, strict=True)))
    return good, bad[0][3] if bad else 0, [kind for _, kind, *_ in bad], cases


def _line(file: Path, start: int) -> int:
    """Give the number of the line that starts at a byte, blank ones passed over.

    The engine counts rows, and a row may have several lines.
    """
    with file.open("rb") as text:
        text.seek(start)
        end = start + len(re.match(rb"[\r\n]*", text.read(PIECE))[0])  # type: ignore[index]  # it always matches
        text.seek(0)
        pieces = iter(lambda: text.read(min(PIECE, end - text.tell())), b"")
        return 1 + sum(_lines(piece.decode("latin-1")) for piece in pieces)


def place(path: Path) -> str:
    """Write a path as an SQL literal without patterns: [*] is a star."""
    return text(re.sub(r"([*?\[])", r"[\1]", str(path)))
