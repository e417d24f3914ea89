"""Files of an export as they are in a folder: how each is written, and what its columns hold."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted
import contextlib
import csv
import gzip
import io
import itertools
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from abmlib.tables.errors import TableError
from abmlib.tables.importers import files
from abmlib.tables.importers.facts import SIMPLE, Fact, learn, one_line
from abmlib.tables.importers.mapping_file import DELIMITERS, EXCEL, FILES, ROW, Source, suffix
from abmlib.tables.importers.sheet_reader import HEAD
from abmlib.tables.importers.sql import Engine, cause, engine, one, quoted, types_of
from abmlib.tables.importers.text_files import MARKS

MEMORY = 1  # GiB of the engine
MOST = 1000  # columns of a file that are looked at
BELOW = 20  # rows that may stand below a table
LONGEST = 300  # characters of the name of a column; YAML holds no key of more than 1,024
TOTAL = (
    r"((grand|sub|overall)[ -]?)?totals?( general| geral| généra)?|(gesamt|end)?summe|gesamt|sum|suma|soma|somme|totale"
)
REMEDIES: dict[str, dict[str, Any]] = {  # of errors of an import: other words for the source
    "is not utf-8": {"encoding": "cp1252"},
    "is not cp1252": {"encoding": "latin-1"},
    "short_rows: missing": {"short_rows": "missing"},
}
UNREADABLE = (TableError, ValueError, OSError, EOFError, duckdb.Error, csv.Error)


@dataclass(frozen=True)
class File:
    """One file, or one sheet of one."""

    name: str  # within the folder
    table: str  # in `Export.con`
    source: Source  # how it is written
    rows: int = 0
    facts: dict[str, Fact] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    tail: int = 0  # rows below the table, such as totals and who made the report
    above: str = ""  # what only the other rows fulfil, in SQL

    @property
    def label(self) -> str:
        """Its name, with that of the sheet if it has several."""
        return self.name + (f", sheet {self.source.sheet}" if self.source.sheet else "")

    @property
    def stem(self) -> str:
        """Its name without folders and endings, with the sheet's."""
        return Path(self.name).name.split(".")[0] + (f" {self.source.sheet}" if self.source.sheet else "")


@dataclass(frozen=True)
class Export:
    """All files that could be read, with an engine that holds their rows, and what is wrong with the others."""

    con: Engine
    files: tuple[File, ...]
    doubts: tuple[str, ...]


@contextlib.contextmanager
def opened(folder: Path, work: Path) -> Iterator[Export]:
    """Read every file of a folder and of the folders in it, with rows kept in `work`; one that cannot be read is a doubt."""
    with contextlib.closing(engine(work / "facts.duckdb", MEMORY)) as con:
        read, doubts = list[File](), list[str]()
        for path in _paths(folder):
            name = path.relative_to(folder).as_posix()
            try:
                for source, doubt in _sources(name, path):
                    file = _read(con, source, name, path, f"f{len(read)}", work)
                    read.append(replace(file, doubts=doubt + file.doubts))
            except UNREADABLE as wrong:
                doubts.append(f"{one_line(name)}: could not be read and is left out: {_reason(wrong, name)}")
        yield Export(con, tuple(read), tuple(doubts))


def _paths(folder: Path) -> list[Path]:
    """List the files in a folder or one level below that are not hidden, and do not lead outside it."""
    inside = [p for pattern in ("*", "*/*") for p in folder.glob(pattern) if p.is_file()]
    known = [p for p in inside if not p.name.startswith((".", "~")) and suffix(p.name) in FILES]
    return sorted(p for p in known if p.resolve().is_relative_to(folder.resolve()))


def _reason(wrong: Exception, name: str) -> str:
    """Give an error in one line, without values of the file."""
    line = cause(wrong) if isinstance(wrong, duckdb.Error) else " ".join(str(wrong).split())
    return one_line(re.sub(r" ?\(first: .*\]\)|^f\d+: ", "", line).removeprefix(f"{name} "), 200)


def _sources(name: str, path: Path) -> Iterator[tuple[Source, tuple[str, ...]]]:
    """Say how a file is written, with its doubts, once for each sheet with rows."""
    words: dict[str, Any] = {"file": re.sub(r"([*?\[])", r"[\1]", name)}
    if suffix(name) in EXCEL:
        sheets = files.sheet(name, path)["sheets"]
        for sheet, is_hidden, filled in sheets:
            if len(filled) > 1:
                several = {"sheet": sheet} if len(sheets) > 1 else {}
                source, doubts = _source(words | several, list(enumerate(filled, 1)))
                yield source, (*doubts, f"its sheet {sheet!r} is hidden") if is_hidden else doubts
    elif suffix(name) in DELIMITERS:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            first = file.read(65_536)
        encoding = next((names[0] for mark, names in MARKS.items() if first.startswith(mark)), "utf-8")
        start = first.decode(encoding, "replace")
        delimiter = _delimiter(start)
        reader, filled, line = csv.reader(io.StringIO(start), delimiter=delimiter), [], 1
        for row in itertools.islice(reader, HEAD):
            filled.append((line, sum(map(bool, row))))
            line = reader.line_num + 1
        yield _source(words | ({"delimiter": delimiter} if delimiter != DELIMITERS[suffix(name)] else {}), filled)
    else:
        yield _source(words, [])


def _source(words: dict[str, Any], filled: list[tuple[int, int]]) -> tuple[Source, tuple[str, ...]]:
    """Make a source; its column names are in the first line that has about as many cells as most lines have."""
    usual = statistics.mode([n for _, n in filled if n] or [0])
    header = next((line for line, n in filled if n >= max(1, 0.6 * usual)), 1)
    if header == 1:
        return Source.model_validate(words), ()
    doubt = f"the names of its columns are taken to stand in line {header}"
    return Source.model_validate(words | {"header_row": header}), (doubt,)


def _delimiter(start: str) -> str:
    """Take the sign that cuts the first rows into the same number of parts, the most parts first."""

    def judged(sign: str) -> tuple[float, int]:
        parts = [0]
        with contextlib.suppress(csv.Error):
            parts = [len(row) for row in csv.reader(io.StringIO(start), delimiter=sign) if row][:100] or parts
        parts = parts[:-1] or parts  # the last may be cut off
        return (parts.count(parts[0]) / len(parts), parts[0]) if parts[0] > 1 else (0.0, 0)

    return max(",;\t|", key=judged)


def _read(con: Engine, source: Source, name: str, path: Path, table: str, work: Path) -> File:
    """Copy a file into the engine, as an import does, with the words that its errors ask for."""
    try:
        return _loaded(con, source, name, path, table, work)
    except TableError as wrong:
        more = next((words for sign, words in REMEDIES.items() if sign in str(wrong)), {})
        if not more:
            raise
    return _read(con, Source.model_validate(source.model_dump(exclude_unset=True) | more), name, path, table, work)


def _loaded(con: Engine, source: Source, name: str, path: Path, table: str, work: Path) -> File:
    """Copy a file into the engine, and learn its columns."""
    its = source.model_copy(update={"name": table})
    (part,) = files.prepare(con, its, {name: path}, work)
    names, lower = part.names, [n.strip().lower() for n in part.names]
    if not names:
        raise TableError("it has no columns.")
    twice = sorted({n for n in names if n.strip() and lower.count(n.strip().lower()) > 1})
    odd = [n for n in names if len(n) > LONGEST or n.strip().lower() == ROW or SIMPLE["email"].search(n)]
    usable = [n for n in names if n.strip() and n not in (*twice, *odd)]
    (rows,) = files.load(con, its, [part], {n.lower() for n in usable[:MOST]})
    listed = f"column(s) {', '.join(map(one_line, twice))} stand more than once; give each its own name"
    doubts = [listed] if twice else []
    doubts += [f"column {one_line(n)} is left out: its name is too long, {ROW} or an e-mail address" for n in odd]
    if len(usable) > MOST:
        doubts.append(f"only the first {MOST} of its {len(usable)} columns are looked at")
    if sum(bool(re.fullmatch(r"[-+]?[\d.,/: ]+", n)) for n in names) * 2 > len(names):
        doubts.append("its first line looks like values, not names; give it a line of names")
    if source.short_rows:
        doubts.append("some rows have fewer values than columns; what they lack is taken as missing")
    loaded, top, above = _top(con, table, usable[:MOST])
    if top < rows:
        doubts.append(f"rows below the table, such as a total: {rows - top}, left out")
    return File(name, loaded, source, top, learn(con, loaded, top, usable[:MOST]), tuple(doubts), rows - top, above)


def _top(con: Engine, table: str, names: list[str]) -> tuple[str, int, str]:
    """Give the rows without totals and what stands below a table, such as who made the report; how many; what tells them."""
    raw, view, types = quoted(f"raw {table}"), quoted(f"top {table}"), types_of(con, quoted(f"raw {table}"))
    filled = " + ".join(["0", *(f"({quoted(n)} is not null)::int" for n in names)])
    said = [f"regexp_full_match(trim({quoted(n)}), '(?i)({TOTAL}):?')" for n in names if types[n.lower()] == "VARCHAR"]
    total = f"coalesce({' or '.join(['false', *said])}, false) and {filled} <= {(len(names) + 1) // 2}"
    (last,) = one(con, f"select coalesce(max({ROW}), 0) from {raw} where {filled} > 1 and not ({total})")
    (rows,) = one(con, f"select count(*) from {raw}")
    apart = [f"count({x}) = {last} and count({x}) filter ({ROW} > {last}) = 0" for x in map(quoted, names)]
    tells = one(con, f"select {', '.join(apart)} from {raw}") if 0 < last < rows <= last + BELOW else ()
    if not any(tells):
        return raw, rows, ""
    con.execute(f"create view {view} as select * from {raw} where {ROW} <= {last}")
    return view, int(last), f"{quoted(names[tells.index(True)])} is not null"
