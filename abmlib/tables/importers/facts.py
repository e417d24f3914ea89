"""What the columns of an export hold: of each its kind, how its values are written, and a few counts."""

# ruff: noqa: S608  SQL is put together here: columns pass quoted, tables are numbered
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers.mapping_file import ROW, Column
from abmlib.tables.importers.packs import common, known, squashed
from abmlib.tables.importers.sql import Engine, one, quoted, texts, types_of
from abmlib.tables.importers.values import CODES, NUMERIC, clean, read_value

SAMPLE = 2_000  # values looked at one by one; counts and bad values are of all rows
FEW = 40  # distinct values up to which a text is a category
MOST = 0.98  # share of the values looked at that must read as a kind
BAD = 3  # values, and in a thousand, that may not read as a kind and leave a column that kind; of few, a tenth
TIME_WORDS = re.compile(r"time|date|stamp|created|updated|modified|_at$|datum|zeit", re.I)
NUMBER_FORMS = [{"decimal": d, "thousands": t} for t in ("", ",", ".", " ", "'", "’") for d in ".," if d != t]
NAMED_DAYS = "%d-%b-%Y|%d-%b-%y|%d %b %Y|%d %B %Y|%b %d, %Y|%B %d, %Y"
DAYS = [*["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"], *NAMED_DAYS.split("|")]
DAYS += [first.replace("-", sign) + year for sign in "./-" for first in ("%d-%m-%", "%m-%d-%") for year in "Yy"]
CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S.%f"]
FORMS = [day + clock for day in DAYS for clock in CLOCKS]
SHAPE = re.compile(r"(?:\d+|[A-Za-z]+)[-./ ](?:\d+|[A-Za-z]+),?[-./ ]\d+|\d{8}")  # of a day
DIGITS = re.compile(r"\D{0,6}(?:\d[-+.,'’eE\s]{0,2})+\D{0,4}")  # of a number, so that few texts are tried
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?)?")
SIMPLE = {  # kind and what every value of it looks like
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "domain": re.compile(r"(?!www\.)(?:[\w-]+\.)+[A-Za-z]{2,}", re.I),
    "url": re.compile(r"(?:https?://\S+|(?:www\.)?(?:[\w-]+\.)+[A-Za-z]{2,}(?:/\S*)?)"),
    "phone": re.compile(r"(?=(?:.*\d){7})(?:\+|00|\(?0|\(?\d{3}\)?[ .-]\d{3}[ .-])[\d ()/.-]{5,}"),
}
TIMES = ("date", "time", "epoch")
SERIALS = (30_000, 60_000)  # days as Excel counts them, from 1982 to 2064
WORDED = re.compile(r"\d{1,2}\W+(?:\w+\W+)?[^\W\d]{3,}\W+(?:\w+\W+)?\d{4}")  # a day with the name of its month
MONTHS = [  # the first letters of their names, without accents: English, German, Spanish, Portuguese, French
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mar apr mai jun jul aug sep okt nov dez",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "jan fev mar avr mai jun jul aou sep oct nov dec",
]
MONTH = r"regexp_extract(replace(strip_accents(lower({x})), 'jui', 'ju'), '[a-z]{{3}}')"  # its first letters
SIGNS = re.compile(r"[A-Z]{0,3}\$|[€£¥]|\b[A-Z]{3}\b")  # of currencies


@dataclass(frozen=True)
class Fact:
    """One column as the export has it; counts are of all rows."""

    name: str
    type: str  # the engine's
    rows: int
    filled: int
    distinct: int  # exact up to FEW and from eight tenths of `filled` on, else estimated
    kind: str = "empty"  # bool, int, decimal, date, time, epoch, email, domain, url, phone, text
    words: dict[str, Any] = field(default_factory=dict)  # format, decimal, thousands, unit, as a mapping writes them
    values: tuple[str, ...] = ()  # all values of a category, the most frequent first
    counts: tuple[int, ...] = ()  # of these
    low: float | None = None  # of numbers
    high: float | None = None
    missing: tuple[str, ...] = ()
    bad: int = 0  # values that do not read as the kind
    parts: int = 0  # numbers between 0 and 1
    currencies: tuple[str, ...] = ()  # signs and codes beside numbers and in the name
    doubts: tuple[str, ...] = ()

    @property
    def x(self) -> str:
        """The column in the engine."""
        return quoted(self.name)


def one_line(name: object, most: int = 80) -> str:
    """Write a name so that it stays on one line of a comment, without any e-mail address."""
    plain = "".join(c if c.isprintable() else " " for c in str(name))
    kept = re.sub(r"(?<![^\s@\"'])[^\s@\"']+@[^\s@\"']+", "…@…", plain)
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def learn(con: Engine, table: str, rows: int, names: list[str]) -> dict[str, Fact]:
    """Learn what columns of a table hold: the kind from a sample, counts and what does not fit from all rows."""
    types, facts = types_of(con, table), dict[str, Fact]()
    for name in names:
        x = quoted(name)
        filled, distinct = one(con, f"select count({x}), count(distinct {x}) from {table}")
        some = f"{x} is not null and hash({ROW}) % {max(1, filled // SAMPLE)} = 0 order by {ROW}"
        seen = [*dict.fromkeys(v for (v,) in con.execute(f"select {x} from {table} where {some}").fetchall())]
        facts[name] = _kind(con, Fact(name, types[name.lower()], rows, filled, distinct), seen)
    return {n: _named(_checked(con, table, f)) for n, f in _alike(facts).items()}


def _named(fact: Fact) -> Fact:
    """Add the currency that a name has, such as Value ($) or Betrag (EUR); of other words no sign is one."""
    signs = SIGNS.findall(fact.name) if fact.kind in ("int", "decimal") else []
    its = {*fact.currencies, *signs}
    return replace(fact, currencies=tuple(sorted(s for s in its if not s.isalpha() or s in CODES.split())))


def _alike(facts: dict[str, Fact]) -> dict[str, Fact]:
    """Read what a column alone does not tell as the other columns of its file are written: days first, decimal commas."""
    told = {f.words["format"][0][:2] for f in facts.values() if not f.doubts and re.match("%[dm][./-]%[dm]", _form(f))}
    commas = any(f.words.get("decimal") == "," for f in facts.values())
    for name, fact in facts.items():
        if _form(fact) and fact.doubts and len(told) == 1:
            right = r"%d\1%m" if told == {"%d"} else r"%m\1%d"
            forms = [re.sub("^%[dm](.)%[dm]", right, form) for form in fact.words["format"]]
            facts[name] = replace(fact, words={"format": forms}, doubts=())
        elif fact.kind == "decimal" and commas:
            other = fact.words | (NUMBER_FORMS[1] if fact.doubts else {})
            point = fact.words == NUMBER_FORMS[0]  # between groups of three: an import refuses it elsewhere
            facts[name] = replace(fact, words={"decimal": ",", "thousands": "."} if point else other, doubts=())
    return facts


def _form(fact: Fact) -> str:
    return str(fact.words.get("format", [""])[0])


def _kind(con: Engine, fact: Fact, seen: Sequence[Any]) -> Fact:
    """Guess the kind of a column from some of its values."""
    if not seen:
        return fact
    if fact.type.startswith(("TIMESTAMP", "DATE")):
        return replace(fact, kind="date" if fact.type == "DATE" else "time")
    if NUMERIC.match(fact.type):
        whole = all(float(v).is_integer() for v in seen)
        return _epoch(replace(fact, kind="int"), list(map(int, seen))) if whole else replace(fact, kind="decimal")
    if fact.type != "VARCHAR":
        return replace(fact, kind="bool" if fact.type == "BOOLEAN" else "text")
    absent, truths = {*common().missing}, {*common().yes, *common().no} - {"0", "1"}
    missing = tuple(v for v in seen if v.lower() in absent)
    rest = [v for v in seen if v.lower() not in absent] or list(seen)
    if {v.lower() for v in rest} <= truths:
        return replace(fact, kind="bool", missing=missing)
    if read := _time(con, fact, rest) or _worded(con, fact, rest) or _number(con, fact, rest):
        return replace(read, missing=missing)
    simple = next((name for name, pattern in SIMPLE.items() if _share(pattern, rest) >= MOST), "")
    clear = tuple(m for m in missing if m.lower() not in ("na", "-", "none", "--", "?", "tbd", "tba"))
    return replace(fact, kind=simple or "text", missing=missing if simple else clear)


def _few(count: int) -> float:
    """Give how many of some values may not read as a kind."""
    return max((1 - MOST) * count, min(BAD, count // 10))


def _is_day(name: str) -> bool:
    """Say whether a name speaks of a day or a time, by its words or as packs know it."""
    return bool(TIME_WORDS.search(name)) or squashed(name) in _days()


@functools.cache
def _days() -> frozenset[str]:
    kinds = [(kind, t) for pack in known() for kind in pack.objects.values() for t in kind.table]
    columns = [(k, c) for k, t in kinds for c, d in schema.spec(t).columns.items() if d.kind in ("ts", "date")]
    return frozenset(squashed(header) for kind, column in columns for header in kind.headers(column))


def _share(pattern: re.Pattern[str], seen: Sequence[str]) -> float:
    return sum(bool(pattern.fullmatch(v)) for v in seen) / len(seen)


def _hits(con: Engine, seen: Sequence[str], readers: Sequence[str]) -> list[set[int]]:
    """Give for each expression over x the values that it reads, by their place."""
    rows = con.execute(f"select {', '.join(readers)} from (select unnest($1) as x)", [seen]).fetchall()
    return [{i for i, value in enumerate(values) if value is not None} for values in zip(*rows, strict=True)]


def _time(con: Engine, fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find how days and times are written; whether the day or the month comes first, values over 12 decide."""
    iso = [m for v in seen if (m := ISO.fullmatch(v))]
    if len(seen) - len(iso) <= _few(len(seen)):
        return replace(fact, kind="time" if any(len(m[0]) > 10 for m in iso) else "date")
    whole = all(v.isdecimal() for v in seen)
    if whole and (_share(re.compile(r"\d{8}"), seen) < 1 or not _is_day(fact.name)):
        return None
    signs = {*"".join(seen)}  # only forms of which all signs are there are tried
    forms = [f for f in FORMS if signs.issuperset(re.sub("%.", "", f))]
    years = f"between {schema.YEARS[0]} and {schema.YEARS[1]}"
    readers = [f"if(year(try_strptime(x, '{f}')) {years}, 1, null)" for f in forms]
    if sum(bool(SHAPE.match(v)) for v in seen[:20]) * 2 < len(seen[:20]):
        return None
    hits = dict(zip(forms, _hits(con, seen, readers), strict=True))
    firsts = ("%m", ("%d.%m", "%d/%m", "%d-%m"))  # of the month, and of the day
    ways = [_cover({f: h for f, h in hits.items() if not f.startswith(first)}) for first in firsts]
    read = [len(set().union(*(hits[f] for f in way))) for way in ways]
    if len(seen) - max(read) > _few(len(seen)):
        return None
    forms = ways[read[1] > read[0] or (read[1] == read[0] and ways[0][0][2] == "/")]
    unclear = read[0] == read[1] and ways[0] != ways[1] and forms[0][2] != "."
    doubts = ("no value tells day from month: all are 12 or less",) if unclear else ()
    clock = any("%H" in f or "%I" in f for f in forms)
    return replace(fact, kind="time" if clock else "date", words={"format": forms}, doubts=doubts)


def _worded(con: Engine, fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find days with the names of months, by the language that knows the most; SQL writes them as 2024-3-1."""
    if sum(not WORDED.fullmatch(v) for v in seen) > _few(len(seen)):
        return None
    query = f"select {MONTH.format(x='x')} from (select unnest($1) as x)"
    stems = [m for (m,) in con.execute(query, [seen]).fetchall()]
    best = max(map(str.split, MONTHS), key=lambda names: sum(stem in names for stem in stems))
    if sum(stem not in best for stem in stems) > _few(len(stems)):
        return None
    month = f"coalesce(list_position([{texts(best)}], {MONTH}), 0)"
    day = rf"regexp_extract({{x}}, '\d{{{{4}}}}$') || '-' || {month} || '-' || regexp_extract({{x}}, '^(\d+)\D', 1)"
    return replace(fact, kind="date", words={"sql": day, "format": ["%Y-%m-%d"]})


def _cover(hits: dict[str, set[int]]) -> list[str]:
    """Choose the formats that read the most values, until none reads more."""
    forms, done = list[str](), set[int]()
    while hits[best := max(hits, key=lambda f: len(hits[f] - done))] - done:
        forms.append(best)
        done |= hits[best]
    return forms


def _number(con: Engine, fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find the signs numbers are written with, and whether they are percent."""
    whole = all(re.fullmatch(r"[+-]?\d+", v) for v in seen)
    if any(re.fullmatch(r"0\d+", v) for v in seen) or (whole and max(map(len, seen)) > 15):
        return None
    if whole:
        return _epoch(replace(fact, kind="int"), list(map(int, seen)))
    unit = {"unit": "percent"} if all(v.endswith("%") for v in seen) else {}
    if sum(not DIGITS.fullmatch(v) for v in seen) > _few(len(seen)):
        return None
    signs = {"", *re.sub(r"\s", " ", "".join(seen))}  # only forms of which all signs are there are tried
    forms = [f for f in NUMBER_FORMS if f["thousands"] in signs]
    hits = _hits(con, seen, [_reader(fact, "x", "number", words | unit) for words in forms])
    fits = [words for words, h in zip(forms, hits, strict=True) if len(seen) - len(h) <= _few(len(seen))]
    if not fits:
        return None
    doubts = ("one sign may part decimals or thousands",) if len(fits) > 1 and fits[0] != NUMBER_FORMS[0] else ()
    grouped = {"decimal": ".", "thousands": ","}  # 1,000 is a thousand, unless another column has decimal commas
    best = grouped if doubts and grouped in fits and not any("0," in v[:3] for v in seen) else fits[0]
    beside = {sign for v in seen if re.search(r"\d", v) for sign in SIGNS.findall(v)}
    return replace(fact, kind="decimal", words=best | unit, doubts=doubts, currencies=tuple(sorted(beside)))


def _epoch(fact: Fact, seen: Sequence[int]) -> Fact:
    """Take whole numbers of the size of a Unix time, or of a day in Excel, for one, if the name speaks of time."""
    if not _is_day(fact.name):
        return fact
    if all(SERIALS[0] <= v <= SERIALS[1] for v in seen):
        day = "coalesce((date '1899-12-30' + floor(try_cast({x} as double))::int)::varchar, {x}::varchar)"
        return replace(fact, kind="date", words={"sql": day})
    for form, low, high in (("epoch_seconds", 3e8, 4e9), ("epoch_milliseconds", 3e11, 4e12)):
        if all(low <= v <= high for v in seen):
            return replace(fact, kind="epoch", words={"format": [form]})
    return fact


def _reader(fact: Fact, x: str, kind: str, words: dict[str, Any]) -> str:
    """Write how an import reads an expression as a kind."""
    column = Column.model_validate({"column": fact.name, "time_zone": "UTC", **words})
    column.kind = kind
    return read_value(column, fact.type, x, "UTC")


def _checked(con: Engine, table: str, fact: Fact) -> Fact:
    """Look at all rows for bounds, bad values and categories; what means missing is not filled."""
    there, kind = clean(fact.type, fact.x, fact.missing), fact.type
    if fact.missing:
        (filled,) = one(con, f"select count({there}) from {table}")
        fact = replace(fact, filled=filled, distinct=min(fact.distinct, filled))
    if fact.kind in (*TIMES, "int", "decimal"):
        if "sql" in fact.words:
            there, kind = fact.words["sql"].format(x=there), "VARCHAR"
        words, is_time = {w: v for w, v in fact.words.items() if w != "sql"}, fact.kind in TIMES
        value = _reader(replace(fact, type=kind), there, "ts" if is_time else "number", words)
        counts = (
            f"count(*) filter (v is null and x is not null), {0 if is_time else 'count(*) filter (v > 0 and v < 1)'}"
        )
        query = f"select min(v), max(v), {counts} from (select {there} as x, {value} as v from {table})"
        low, high, bad, parts = one(con, query)
        if fact.type == "VARCHAR" and bad > max(BAD, BAD / 1_000 * fact.filled):
            return replace(fact, kind="text", words={}, doubts=(f"{bad} values do not read as {fact.kind}",))
        low, high = (None if is_time or v is None else float(v) for v in (low, high))
        fact = replace(fact, low=low, high=high, parts=parts, bad=bad)
    if fact.distinct <= FEW and fact.kind in ("text", "bool", "int"):
        counts = f"select {fact.x}::varchar, count(*) from {table} where {fact.x} is not null group by 1"
        found = [c for c in con.execute(f"{counts} order by 2 desc, 1").fetchall() if c[0] not in fact.missing]
        fact = replace(fact, values=tuple(v for v, _ in found), counts=tuple(n for _, n in found))
    return fact
