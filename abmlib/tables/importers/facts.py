"""What the files of an export hold: how each is written, and of each column its kind, its form and a few counts."""

# ruff: noqa: S608  SQL is put together here: columns pass numbered, every text text, every file path place
import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml
from python_calamine import CalamineError, CalamineWorkbook

from abmlib.tables.errors import TableError
from abmlib.tables.importers import files, values
from abmlib.tables.importers.mapping_file import DELIMITERS, EXCEL, JSON, PARQUET, Source, suffix
from abmlib.tables.importers.sql import cause, quoted, text, texts
from abmlib.tables.importers.text_files import PIECE

WORDS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "synonyms.yml").read_text("utf-8"))
READ = (*DELIMITERS, *PARQUET, *JSON, *EXCEL)
HEAD = 100  # rows looked at for the line of names
SAMPLE = 2_000  # rows looked at one by one; counts and bad values are of all rows
FEW = 40  # distinct values up to which a text is a category
MOST = 0.98  # share of the values looked at that must read as a kind
BAD = 3  # values, and in a thousand, that may not read as a kind and leave a column that kind
MEMORY = "1GB"
BOOL = {"true", "false", "t", "f", "yes", "no", "y", "n", "ja", "nein", "wahr", "falsch"}
TIME_WORDS = re.compile(r"time|date|stamp|created|updated|modified|_at$|datum|zeit", re.I)
UNREADABLE = (TableError, ValueError, OSError, EOFError, duckdb.Error, csv.Error, CalamineError)

NUMBER_FORMS = (  # decimal and thousands signs, the simplest first
    (".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"), (".", "’"),
)  # fmt: skip
MONEY_SIGN = r"(?:[€$£¥₹]|zł|[A-Z]{3})"
DAY_FORMS = (  # how a day is written, and its format; {d} is day and month in either order
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", "%Y%m%d"),
    (r"\d{1,2}([./-])\d{1,2}\1\d{4}", "{d}%Y"),
    (r"\d{1,2}([./-])\d{1,2}\1\d{2}", "{d}%y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}", "%d-%b-%y"),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"\d{1,2} [A-Za-z]{4,} \d{4}", "%d %B %Y"),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"[A-Za-z]{4,} \d{1,2}, \d{4}", "%B %d, %Y"),
)
CLOCK_FORMS = (
    (r"", ""),
    (r" \d{1,2}:\d{2}", " %H:%M"),
    (r" \d{1,2}:\d{2}:\d{2}", " %H:%M:%S"),
    (r" \d{1,2}:\d{2} [AaPp][Mm]", " %I:%M %p"),
    (r" \d{1,2}:\d{2}:\d{2} [AaPp][Mm]", " %I:%M:%S %p"),
    (r"T\d{1,2}:\d{2}:\d{2}", "T%H:%M:%S"),
    (r" \d{1,2}:\d{2}:\d{2}[.]\d+", " %H:%M:%S.%f"),
)
FORMS = [(re.compile(day + clock), form + added) for day, form in DAY_FORMS for clock, added in CLOCK_FORMS]
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?))?)?")
SIMPLE = {  # kind and what every value of it looks like
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "domain": re.compile(r"(?!www\.)(?:[\w-]+\.)+[A-Za-z]{2,}", re.I),
    "url": re.compile(r"(?:https?://\S+|(?:www\.)?(?:[\w-]+\.)+[A-Za-z]{2,}(?:/\S*)?)"),
    "phone": re.compile(r"(?=(?:.*\d){7})(?:\+|00|\(?0|\(?\d{3}\)?[ .-]\d{3}[ .-])[\d ()/.-]{5,}"),
}


@dataclass(frozen=True)
class Fact:
    """One column as the export has it; counts are of all rows."""

    name: str
    number: int
    type: str  # the engine's
    rows: int
    filled: int
    distinct: int  # exact up to FEW and from nine tenths of `filled` on, else estimated
    kind: str = "empty"  # bool, int, decimal, date, time, epoch, email, domain, url, phone, text
    words: dict[str, Any] = field(default_factory=dict)  # format, decimal, thousands, unit, as a mapping writes them
    clean: str = ""  # SQL around {x} that takes away what a mapping has no word for
    zoned: bool = False
    values: tuple[str, ...] = ()  # all values of a category, the most frequent first
    low: float | str | None = None  # numbers; days as ISO text
    high: float | str | None = None
    earliest: str | None = None  # text of the earliest time, as the export writes it
    missing: tuple[str, ...] = ()
    currency: str | None = None
    bad: int = 0  # values that do not read as the kind
    doubts: tuple[str, ...] = ()

    @property
    def x(self) -> str:
        """The column in `Export.con`."""
        return quoted(f"c{self.number}")

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return 0 < self.rows == self.filled == self.distinct


@dataclass(frozen=True)
class File:
    """One file, one sheet of one, or several files of one shape."""

    name: str  # within the folder; of several files of one shape the pattern that fits them
    paths: tuple[Path, ...]
    table: str  # in `Export.con`
    source: Source  # how it is written
    rows: int = 0
    facts: dict[str, Fact] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

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

    folder: Path
    con: duckdb.DuckDBPyConnection
    files: tuple[File, ...]
    doubts: tuple[str, ...]


def one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Give the one row of a query."""
    return con.execute(query).fetchone() or ()


def shown(name: object, most: int = 80) -> str:
    """Write a name so that it stays on one line of a comment."""
    kept = "".join(c if c.isprintable() else " " for c in str(name))
    return kept if len(kept) <= most else kept[: most - 1] + "…"


@contextlib.contextmanager
def opened(folder: Path, work: Path) -> Iterator[Export]:
    """Read every file of a folder and of the folders in it; one that cannot be read becomes a doubt.

    Parameters
    ----------
    folder : folder of the export.
    work : empty folder for the engine's rows.
    """
    con = duckdb.connect(str(work / "facts.duckdb"))
    try:
        con.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
        con.execute(f"set TimeZone = 'UTC'; set enable_progress_bar = false; set memory_limit = '{MEMORY}'")
        con.execute(f"set temp_directory = {text(str(work))}")
        found: list[File] = []
        doubts: list[str] = []
        for paths in _alike(folder, _paths(folder)):
            name = _pattern(paths[0], folder) if len(paths) > 1 else paths[0].relative_to(folder).as_posix()
            try:
                telling = next((p for p in paths if len(paths) > 1 and _encoding(p)), paths[0])
                for source, said in _sources(name, telling, pattern=len(paths) > 1):
                    there = {p.relative_to(folder).as_posix(): p for p in paths}
                    file = _read(con, source, there, f"f{len(found)}", work)
                    found.append(replace(file, name=name, doubts=said + file.doubts))
            except UNREADABLE as wrong:
                doubts.append(f"{shown(name)}: could not be read and is left out: {_said(wrong, name)}")
        yield Export(folder, con, tuple(found), tuple(doubts))
    finally:
        con.close()


def _paths(folder: Path) -> list[Path]:
    """Files of an export: those in the folder and one level below, not hidden, and inside it."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    inside = [p for p in found if p.is_file() and p.resolve().is_relative_to(folder.resolve())]
    return sorted(p for p in inside if not p.name.startswith((".", "~")) and suffix(p.name) in READ)


def _pattern(path: Path, folder: Path) -> str:
    """Write a file's name with a star in the place of its first figures: a year, a month, a number."""
    named = path.with_name(re.sub(r"\d[\d._ -]*\d|\d", "*", path.name, count=1))
    return named.relative_to(folder).as_posix()


def _alike(folder: Path, paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Take together files that differ in the figures of their names alone, with the same columns, written the same way."""
    groups: dict[tuple[Any, ...], list[Path]] = {}
    for path in paths:
        way: tuple[Any, ...] = (path,)
        if suffix(path.name) in DELIMITERS and "*" in _pattern(path, folder):
            with contextlib.suppress(*UNREADABLE):
                way = (_pattern(path, folder), *_way(path))
        groups.setdefault(way, []).append(path)
    for way, group in groups.items():
        fitting = {p for p in folder.glob(str(way[0])) if p in paths} if len(group) > 1 else set()
        one_way = fitting == set(group) and len({_encoding(p) for p in group if not _is_ascii(p)}) < 2
        yield from [group] if one_way else [[p] for p in group]


def _way(path: Path) -> tuple[Any, ...]:
    """Give the columns of a text file and how they are parted."""
    ((source, _),) = _sources(path.name, path)
    with _bytes(path) as file, io.TextIOWrapper(file, encoding=source.encoding or "utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter=source.delimiter or DELIMITERS[suffix(path.name)])
        names = next(itertools.islice(rows, source.header_row - 1, None), [])
    return tuple(names), source.delimiter, source.header_row


def _said(wrong: Exception, name: str) -> str:
    """Give an error in one line, without values of the file."""
    if isinstance(wrong, duckdb.Error) and "CSV Error" in str(wrong):
        return "its rows do not have as many parts as its first line has names, or its quotes do not match"
    said = cause(wrong) if isinstance(wrong, duckdb.Error) else " ".join(str(wrong).split())
    return shown(re.sub(r" ?\(first: .*\]\)|^f\d+: ", "", said).removeprefix(f"{name} "), 200)


def _sources(name: str, path: Path, pattern: bool = False) -> Iterator[tuple[Source, tuple[str, ...]]]:
    """Say how a file is written, as the mapping says it, once for each sheet that holds something."""
    if suffix(name) in EXCEL:
        with CalamineWorkbook.from_path(path) as book:
            for sheet in book.sheet_names:
                rows = list(itertools.islice(book.get_sheet_by_name(sheet).iter_rows(), HEAD))
                if len(rows) > 1:
                    cells = [(i, sum(c != "" for c in row)) for i, row in enumerate(rows, 1)]
                    yield _source(name, pattern, _header(cells), sheet=sheet if len(book.sheet_names) > 1 else None)
    elif suffix(name) in DELIMITERS:
        encoding = _encoding(path)
        with _bytes(path) as file, io.TextIOWrapper(file, encoding=encoding or "utf-8-sig", newline="") as lines:
            start = lines.read(65_536)
        delimiter = _delimiter(start)
        reader = csv.reader(io.StringIO(start), delimiter=delimiter)
        ends = [(reader.line_num, sum(map(bool, row))) for row in itertools.islice(reader, HEAD)]
        starts = [1, *(line + 1 for line, _ in ends)]
        filled = [(start, n) for start, (_, n) in zip(starts, ends, strict=False)]
        usual = delimiter == DELIMITERS[suffix(name)]
        yield _source(name, pattern, _header(filled), encoding=encoding, delimiter=None if usual else delimiter)
    else:
        yield _source(name, pattern, 1)


def _source(name: str, pattern: bool, header: int, **words: Any) -> tuple[Source, tuple[str, ...]]:
    """Make the source of a file from what is not as usual; a name that is no pattern is never taken for one."""
    known = {word: value for word, value in words.items() if value is not None}
    if header > 1:
        known["header_row"] = header
    doubts = (f"the names of its columns are taken to stand in line {header}",) if header > 1 else ()
    return Source.model_validate({"file": name if pattern else re.sub(r"([*?\[])", r"[\1]", name), **known}), doubts


def _header(filled: list[tuple[int, int]]) -> int:
    """Find the line of the column names: the first that has about as many cells as most lines have."""
    if not filled:
        return 1
    usual = statistics.mode(n for _, n in filled if n) if any(n for _, n in filled) else 0
    return next((line for line, n in filled if n >= max(1, 0.6 * usual)), 1)


def _bytes(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _encoding(path: Path) -> str | None:
    """Say nothing of UTF-8 and of what has a mark; take Windows' western encoding for the rest."""
    with _bytes(path) as file:
        decoder, piece = codecs.getincrementaldecoder("utf-8")(), file.read(PIECE)
        if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while piece:
                decoder.decode(piece)
                piece = file.read(PIECE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1" if set(piece) & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else "cp1252"
    return None


def _is_ascii(path: Path) -> bool:
    """Say whether a text is the same in every encoding."""
    with _bytes(path) as file:
        return all(piece.isascii() for piece in iter(lambda: file.read(PIECE), b""))


def _read(con: duckdb.DuckDBPyConnection, source: Source, paths: dict[str, Path], table: str, work: Path) -> File:
    """Copy a file, or files of one shape, into the engine, as an import reads them, and learn the columns."""
    part, *more = files.prepare(con, source.model_copy(update={"name": table}), paths, work)
    picks = [f"{_cleaned(t, x)} as c{i}" for i, (_, x, t) in enumerate(part.columns)]
    if not picks:
        raise TableError("it has no columns.")
    con.execute(f"create or replace table {table} as select {', '.join(picks)} from {part.origin}")
    for other in more:
        con.execute(f"insert into {table} select {', '.join(picks)} from {other.origin}")
    (rows,) = one(con, f"select count(*) from {table}")
    names, lower = part.names, [n.strip().lower() for n in part.names]
    twice = sorted({n for n in names if n.strip() and lower.count(n.strip().lower()) > 1})
    doubts = [f"column(s) {', '.join(map(shown, twice))} stand more than once; give each its own name"] if twice else []
    if sum(bool(re.fullmatch(r"[-+]?[\d.,/: ]+", n)) for n in names) * 2 > len(names):
        doubts.append("its first line looks like values, not names; give it a line of names")
    usable = {n: i for i, n in enumerate(names) if n.strip() and n not in twice}
    file = File(source.file, tuple(paths.values()), table, source, int(rows))
    return replace(file, facts=_facts(con, file, usable), doubts=tuple(doubts))


def _cleaned(kind: str, x: str) -> str:
    """Clean a value as an import does; what an import reads as text is text."""
    if kind in ("UUID", "JSON") or kind.endswith("[]"):
        return values.as_text(kind, x)
    return values.clean(kind, x, ())


def _delimiter(start: str) -> str:
    """Take the sign that cuts the first rows into the same number of parts, the most parts first."""

    def judged(sign: str) -> tuple[float, int]:
        try:
            parts = [len(row) for row in csv.reader(io.StringIO(start), delimiter=sign) if row][:100]
        except csv.Error:
            return 0.0, 0
        parts = parts[:-1] or parts  # the last may be cut off
        return (parts.count(parts[0]) / len(parts), parts[0]) if parts and parts[0] > 1 else (0.0, 0)

    return max(",;\t|", key=judged) if max(judged(s) for s in ",;\t|")[1] else ","


def _facts(con: duckdb.DuckDBPyConnection, file: File, names: dict[str, int]) -> dict[str, Fact]:
    """Learn each column: counts over all rows, its kind from a sample, and then what in all rows does not fit."""
    if not names:
        return {}
    types = {r[0]: str(r[1]) for r in con.execute(f"describe {file.table}").fetchall()}
    counts = one(
        con,
        f"select {', '.join(f'count(c{i}), approx_count_distinct(c{i})' for i in names.values())} from {file.table}",
    )
    step = max(1, file.rows // SAMPLE)
    sample = con.execute(
        f"select {', '.join(f'c{i}' for i in names.values())} from {file.table} where rowid % {step} = 0 or rowid < 100"
    )
    columns = list(zip(*sample.fetchmany(SAMPLE * 2), strict=True)) or [()] * len(names)
    facts = {}
    for k, (name, i) in enumerate(names.items()):
        filled, distinct = counts[2 * k], min(counts[2 * k + 1], counts[2 * k])
        if distinct <= 2 * FEW or distinct >= 0.8 * filled:
            (distinct,) = one(con, f"select count(distinct c{i}) from {file.table}")
        fact = Fact(name, i, types[f"c{i}"], file.rows, filled, distinct)
        seen = list(dict.fromkeys(v for v in columns[k] if v is not None))
        if len(seen) < 50 < distinct or (filled and not seen):
            query = f"select distinct c{i} from (select c{i} from {file.table} where c{i} is not null limit {SAMPLE})"
            seen = [v for (v,) in con.execute(query).fetchall()]
        facts[name] = _kind(fact, seen)
    commas = [f.words for f in facts.values() if f.words.get("decimal") == "," and f.kind == "decimal"]
    facts = {n: _settled_form(f, bool(commas)) for n, f in facts.items()}
    return {n: _checked(con, file, f) for n, f in facts.items()}


def _kind(fact: Fact, seen: Sequence[Any]) -> Fact:
    """Guess the kind of a column from some of its values."""
    if not seen:
        return fact
    if fact.type != "VARCHAR":
        return _typed_kind(fact, seen)
    absent = {m.lower() for m in WORDS["missing"]}
    missing = tuple(v for v in seen if v.lower() in absent)
    rest = [v for v in seen if v.lower() not in absent] or list(seen)
    for guess in (_boolean, _time, _number):
        if found := guess(fact, rest):
            return replace(found, missing=missing)
    clear = tuple(m for m in missing if m.lower() not in ("na", "-", "none", "--", "?"))
    for name, pattern in SIMPLE.items():
        if _share(pattern, rest) >= MOST:
            return replace(fact, kind=name, missing=missing)
    return replace(fact, kind="text", missing=clear)


def _share(pattern: re.Pattern[str], seen: Sequence[str]) -> float:
    return sum(bool(pattern.fullmatch(v)) for v in seen) / len(seen)


def _typed_kind(fact: Fact, seen: Sequence[Any]) -> Fact:
    if fact.type == "BOOLEAN":
        return replace(fact, kind="bool", values=("true", "false"))
    if fact.type.startswith(("TIMESTAMP", "DATE")):
        return replace(fact, kind="date" if fact.type == "DATE" else "time", zoned=fact.type.endswith("ZONE"))
    if not re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL", fact.type):
        return replace(fact, kind="text")
    whole = all(float(v).is_integer() for v in seen)
    found = replace(fact, kind="int" if whole else "decimal")
    return _epoch(found, [int(v) for v in seen]) if whole else found


def _boolean(fact: Fact, seen: Sequence[str]) -> Fact | None:
    return replace(fact, kind="bool", values=tuple(seen)) if {v.lower() for v in seen} <= BOOL else None


def _time(fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find how days and times are written; which part is the day, values over 12 decide."""
    iso = [m for v in seen if (m := ISO.fullmatch(v))]
    if len(iso) >= MOST * len(seen):
        zoned = any(m["zone"] for m in iso)
        clock = any(len(m[0]) > 10 for m in iso)
        return replace(fact, kind="time" if clock else "date", zoned=zoned)
    if _share(re.compile(r"\d{8}"), seen) == 1 and not TIME_WORDS.search(fact.name):
        return None
    written = [_day_form(v) for v in seen[:20]]
    if written.count("") > 10 or not any(written):
        return None
    counts = Counter(filter(None, map(_day_form, seen)))
    if sum(counts.values()) < MOST * len(seen):
        return None
    signs = {m[1] for v in seen if (m := re.match(r"\d{1,2}([./-])\d", v))}
    formats, doubts = sorted(counts, key=lambda f: -counts[f]), []
    if any("{d}" in f for f in formats):
        parts = [list(map(int, re.split(r"[./-]", v)[:2])) for v in seen if re.match(r"\d{1,2}[./-]\d{1,2}[./-]", v)]
        first, second = max(p[0] for p in parts), max(p[1] for p in parts)
        sign = signs.pop() if len(signs) == 1 else "/"
        day_first = second <= 12 and (first > 12 or sign != "/")
        if first <= 12 and second <= 12 and sign != ".":
            doubts.append("no value tells day from month: all are 12 or less")
        order = f"%d{sign}%m{sign}" if day_first else f"%m{sign}%d{sign}"
        formats = [f.replace("{d}", order) for f in formats]
    clock = any("%H" in f or "%I" in f for f in formats)
    words = {"format": formats[0] if len(formats) == 1 else formats}
    return replace(fact, kind="time" if clock else "date", words=words, doubts=tuple(doubts))


def _day_form(value: str) -> str:
    """Give the format of a day or time, without saying which part is the day; none if it is no time."""
    return next((form for pattern, form in FORMS if pattern.fullmatch(value)), "")


def _number(fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find the signs numbers are written with; percent and money signs, brackets and signs behind are seen too."""
    bare = [re.sub(rf"^{MONEY_SIGN}\s?|\s?{MONEY_SIGN}$", "", v) for v in seen]
    money, clean, words = bare != list(seen), "", {}
    plain = [re.sub(r"^\((.*)\)$|^(.*)-$", r"-\1\2", b) for b in bare]
    if money or plain != bare:
        clean = "regexp_replace(regexp_replace({x}, '[^0-9.,()+-]', '', 'g'), '^\\((.*)\\)$|^(.+)-$', '-\\1\\2')"
    if all(p.endswith("%") for p in plain):
        words["unit"], plain = "percent", [p.rstrip("% \xa0") for p in plain]
    plain = [p.replace("\xa0", " ").replace("\u202f", " ") for p in plain]
    fits = [(d, t) for d, t in NUMBER_FORMS if _share(_number_form(d, t), plain) >= MOST]
    if not fits or (any(re.fullmatch(r"0\d+", p) for p in plain) and not money):
        return None
    whole = all(re.fullmatch(r"[+-]?\d+", p) for p in plain)
    if whole and max(len(p) for p in plain) > 15:
        return None
    decimal, thousands = fits[0]
    fixed = {} if whole else {"decimal": decimal, "thousands": thousands}
    signs = {m[0].strip() for v in seen if (m := re.match(rf"{MONEY_SIGN}", v) or re.search(rf"{MONEY_SIGN}$", v))}
    currency = next((c for c, w in WORDS["currencies"].items() if signs and {s.lower() for s in signs} <= set(w)), None)
    kind = "int" if whole and not words else "decimal"
    found = replace(fact, kind=kind, words=fixed | words, clean=clean, currency=currency)
    if len(fits) > 1 and not whole and not all((d, "") in fits for d in "."):
        found = replace(found, doubts=("one sign may part decimals or thousands",))
    return _epoch(found, [int(p) for p in plain]) if whole and not (clean or words) else found


def _number_form(decimal: str, thousands: str) -> re.Pattern[str]:
    d, t = re.escape(decimal), re.escape(thousands)
    whole = rf"\d{{1,3}}(?:{t}\d{{3}})*|\d+" if thousands else r"\d+"
    return re.compile(rf"[+-]?(?:(?:{whole})(?:{d}\d*)?|{d}\d+)(?:[eE][+-]?\d+)?")


def _epoch(fact: Fact, seen: Sequence[int]) -> Fact:
    """Take whole numbers of the size of a Unix time for one, if the name speaks of time."""
    for form, low, high in (("epoch_seconds", 3e8, 4e9), ("epoch_milliseconds", 3e11, 4e12)):
        if TIME_WORDS.search(fact.name) and all(low <= v <= high for v in seen):
            return replace(fact, kind="epoch", words={"format": form}, zoned=True)
    return fact


def _settled_form(fact: Fact, commas: bool) -> Fact:
    """In a file that writes commas for decimals, a point between groups of three parts thousands."""
    form = (fact.words.get("decimal"), fact.words.get("thousands"))
    if fact.kind == "decimal" and commas and form == (".", ""):
        return replace(fact, words=fact.words | {"decimal": ",", "thousands": "."}, doubts=())
    return replace(fact, doubts=()) if commas and form[0] == "," else fact


def read_sql(fact: Fact, column: str | None = None) -> str:
    """Give the SQL of a column's values as numbers or times, missing where one does not read."""
    column = column or fact.x
    x = f"({fact.clean.format(x=column)})" if fact.clean else column
    if fact.missing:
        x = f"case when lower({x}) not in ({texts(m.lower() for m in fact.missing)}) then {x} end"
    forms = fact.words.get("format")
    if fact.kind == "epoch":
        factor = 1_000_000 if forms == "epoch_seconds" else 1_000
        return f"make_timestamp((try_cast({x} as bigint) * {factor})::bigint)"
    if fact.kind in ("date", "time"):
        listed = [forms] if isinstance(forms, str) else forms
        zoned = f"timezone('UTC', try_cast({x} as timestamptz))" if fact.zoned else f"try_cast({x} as timestamp)"
        return f"try_strptime(({x})::varchar, [{texts(listed)}])" if listed else zoned
    if fact.type != "VARCHAR":
        return f"{x}::double"
    decimal, thousands = fact.words.get("decimal", "."), fact.words.get("thousands", "")
    drop = f"replace(replace(rtrim({x}, '% ' || chr(160)), chr(160), ''), chr(8239), '')"
    return f"try_cast(replace(replace({drop}, {text(thousands)}, ''), {text(decimal)}, '.') as double)"


def _checked(con: duckdb.DuckDBPyConnection, file: File, fact: Fact) -> Fact:
    """Look at all rows: bounds, values that do not read as the kind, and the values of a category."""
    if fact.kind in ("int", "decimal", "date", "time", "epoch"):
        read = read_sql(fact)
        absent = f" and lower({fact.x}) not in ({texts(m.lower() for m in fact.missing)})" if fact.missing else ""
        low, high, bad, earliest = one(
            con,
            f"select min(v), max(v), count(*) filter (where v is null and {fact.x} is not null{absent}), "
            f"arg_min({fact.x}, v) from (select {fact.x}, {read} as v from {file.table})",
        )
        if bad and fact.type == "VARCHAR" and bad > max(BAD, BAD / 1_000 * fact.filled):
            return replace(fact, kind="text", words={}, clean="", doubts=(f"{bad} values do not read as {fact.kind}",))
        dated = fact.kind in ("date", "time", "epoch")
        bounds = [None if v is None else str(v)[:10] if dated else float(v) for v in (low, high)]
        fact = replace(fact, low=bounds[0], high=bounds[1], bad=bad)
        fact = replace(fact, earliest=None if earliest is None or not dated else str(earliest))
    if fact.distinct <= FEW and fact.kind in ("text", "bool", "int"):
        query = f"select {fact.x}::varchar, count(*) from {file.table} where {fact.x} is not null group by 1 order by 2 desc, 1"
        fact = replace(fact, values=tuple(v for v, _ in con.execute(query).fetchall()))
    return fact
