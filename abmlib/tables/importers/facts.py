"""What the columns of an export hold: of each its kind, how its values are written, and a few counts."""

# ruff: noqa: S608  SQL is put together here: columns pass quoted, tables are numbered
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from abmlib.tables.importers.mapping_file import ROW, Column
from abmlib.tables.importers.packs import common
from abmlib.tables.importers.sql import Engine, one, quoted, types_of
from abmlib.tables.importers.values import NUMERIC, clean, number_pattern, read_value

SAMPLE = 2_000  # values looked at one by one; counts and bad values are of all rows
FEW = 40  # distinct values up to which a text is a category
EXACT = 100_000  # values up to which different ones are counted, not estimated
MOST = 0.98  # share of the values looked at that must read as a kind
BAD = 3  # values, and in a thousand, that may not read as a kind and leave a column that kind
TIME_WORDS = re.compile(r"time|date|stamp|created|updated|modified|_at$|datum|zeit", re.I)
MONEY = re.compile(r"^\s*(?:[$€£¥]|[A-Z]{3}\b)?\s*|\s*(?:[$€£¥]|\b[A-Z]{3})?\s*$")  # signs that an import cuts
NUMBER_FORMS = (  # decimal and thousands signs, the simplest first
    (".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"), (".", "’"),
)  # fmt: skip
SIGNS = {  # what stands for the parts of a day and time; {d} is day and month in either order
    "%Y%m%d": r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
    "{d}": r"\d{1,2}([./-])\d{1,2}\1", "%Y": r"\d{4}", "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{4,}",
    "%p": "[AaPp][Mm]", "%f": r"\d+",
}  # fmt: skip
SIGNS |= dict.fromkeys(("%m", "%d", "%H", "%I"), r"\d{1,2}") | dict.fromkeys(("%y", "%M", "%S"), r"\d{2}")
DAYS = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "{d}%Y", "{d}%y", "%d-%b-%Y", "%d-%b-%y"]
DAYS += ["%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"]
CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", " %H:%M:%S.%f"]
FORMS = {
    day + clock: re.compile(re.sub(r"%Y%m%d|{d}|%\w|\.", lambda m: SIGNS.get(m[0], r"\."), day + clock))
    for day in DAYS
    for clock in CLOCKS
}
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?))?)?")
SIMPLE = {  # kind and what every value of it looks like
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "domain": re.compile(r"(?!www\.)(?:[\w-]+\.)+[A-Za-z]{2,}", re.I),
    "url": re.compile(r"(?:https?://\S+|(?:www\.)?(?:[\w-]+\.)+[A-Za-z]{2,}(?:/\S*)?)"),
    "phone": re.compile(r"(?=(?:.*\d){7})(?:\+|00|\(?0|\(?\d{3}\)?[ .-]\d{3}[ .-])[\d ()/.-]{5,}"),
}
TIMES = ("date", "time", "epoch")


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
    zoned: bool = False
    values: tuple[str, ...] = ()  # all values of a category, the most frequent first
    low: float | None = None  # of numbers
    high: float | None = None
    missing: tuple[str, ...] = ()
    bad: int = 0  # values that do not read as the kind
    doubts: tuple[str, ...] = ()

    @property
    def x(self) -> str:
        """The column in the engine."""
        return quoted(self.name)


def one_line(name: object, most: int = 80) -> str:
    """Write a name so that it stays on one line of a comment."""
    kept = "".join(c if c.isprintable() else " " for c in str(name))
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def learn(con: Engine, table: str, rows: int, names: list[str]) -> dict[str, Fact]:
    """Learn what each column holds.

    Counts are of all rows, the kind is of a sample, and then all rows are searched for what does not fit.

    Parameters
    ----------
    table : its SQL name in the engine.
    rows : how many it has.
    names : columns to learn.
    """
    types, facts = types_of(con, table), {}
    counts = one(
        con, f"select {', '.join(f'count({x}), approx_count_distinct({x})' for x in map(quoted, names))} from {table}"
    )
    some = f"select {', '.join(map(quoted, names))} from {table} where hash({ROW}) % {max(1, rows // SAMPLE)} = 0"
    samples = dict(zip(names, zip(*con.execute(f"{some} order by {ROW}").fetchall(), strict=True), strict=False))
    for i, name in enumerate(names):
        x, filled, distinct = quoted(name), counts[2 * i], min(counts[2 * i : 2 * i + 2])
        if filled and (filled <= EXACT or distinct <= 2 * FEW or distinct >= 0.8 * filled):
            (distinct,) = one(con, f"select count(distinct {x}) from {table}")
        seen = [*dict.fromkeys(v for v in samples.get(name, ()) if v is not None)]
        if len(seen) < min(FEW, distinct):
            seen = [
                v for (v,) in con.execute(f"select {x} from {table} where {x} is not null limit {SAMPLE}").fetchall()
            ]
        facts[name] = _kind(Fact(name, types[name.lower()], rows, filled, distinct), seen)
    facts = _settled_days(facts)
    commas = any(f.words.get("decimal") == "," and f.kind == "decimal" for f in facts.values())
    return {n: _checked(con, table, _settled_form(f, commas)) for n, f in facts.items()}


def _settled_days(facts: dict[str, Fact]) -> dict[str, Fact]:
    """Read days that no value of their own column tells from months as the other columns of the file are read."""
    orders = {n: m[0] for n, f in facts.items() if (m := re.search("%[dm].%[dm]", str(f.words.get("format"))))}
    told = {orders[n][:2] for n in orders if not facts[n].doubts}
    if len(told) != 1:
        return facts
    right = ("%d", "%m") if told == {"%d"} else ("%m", "%d")
    for n in (n for n in orders if facts[n].doubts):
        form = facts[n].words["format"]
        both = [
            re.sub("%[dm](.)%[dm]", rf"{right[0]}\1{right[1]}", f) for f in ([form] if isinstance(form, str) else form)
        ]
        facts[n] = replace(facts[n], words={"format": both[0] if isinstance(form, str) else both}, doubts=())
    return facts


def _kind(fact: Fact, seen: Sequence[Any]) -> Fact:
    """Guess the kind of a column from some of its values."""
    if not seen:
        return fact
    if fact.type.startswith(("TIMESTAMP", "DATE")):
        return replace(fact, kind="date" if fact.type == "DATE" else "time", zoned=fact.type.endswith("ZONE"))
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
    if known := _time(fact, rest) or _number(fact, rest):
        return replace(known, missing=missing)
    simple = next((name for name, pattern in SIMPLE.items() if _share(pattern, rest) >= MOST), "")
    clear = tuple(m for m in missing if m.lower() not in ("na", "-", "none", "--", "?"))
    return replace(fact, kind=simple or "text", missing=missing if simple else clear)


def _share(pattern: re.Pattern[str], seen: Sequence[str]) -> float:
    return sum(bool(pattern.fullmatch(v)) for v in seen) / len(seen)


def _time(fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find how days and times are written.

    Values over 12 decide which part is the day.
    """
    iso = [m for v in seen if (m := ISO.fullmatch(v))]
    if len(iso) >= MOST * len(seen):
        clock = any(len(m[0]) > 10 for m in iso)
        return replace(fact, kind="time" if clock else "date", zoned=any(m["zone"] for m in iso))
    if _share(re.compile(r"\d{8}"), seen) == 1 and not TIME_WORDS.search(fact.name):
        return None
    if [_day_form(v) for v in seen[:20]].count("") > 10:
        return None
    counts = Counter(filter(None, map(_day_form, seen)))
    if sum(counts.values()) < MOST * len(seen):
        return None
    formats, doubts = [form for form, _ in counts.most_common()], list[str]()
    if any("{d}" in f for f in formats):
        parts = [m.groups() for v in seen if (m := re.match(r"(\d{1,2})([./-])(\d{1,2})[./-]", v))]
        signs, first, second = {p[1] for p in parts}, max(int(p[0]) for p in parts), max(int(p[2]) for p in parts)
        sign = signs.pop() if len(signs) == 1 else "/"
        day, month = ("%d", "%m") if second <= 12 and (first > 12 or sign != "/") else ("%m", "%d")
        if first <= 12 and second <= 12 and sign != ".":
            doubts = ["no value tells day from month: all are 12 or less"]
        formats = [f.replace("{d}", f"{day}{sign}{month}{sign}") for f in formats]
    clock = any("%H" in f or "%I" in f for f in formats)
    words = {"format": formats[0] if len(formats) == 1 else formats}
    return replace(fact, kind="time" if clock else "date", words=words, doubts=tuple(doubts))


def _day_form(value: str) -> str:
    """Give the format of a day or time, day and month not told apart; empty if it is none."""
    return next((form for form, pattern in FORMS.items() if pattern.fullmatch(value)), "")


def _number(fact: Fact, seen: Sequence[str]) -> Fact | None:
    """Find the signs numbers are written with, and whether they are percent."""
    percent = all(v.endswith("%") for v in seen)
    bare = [re.sub(r"^\((.*)\)$", r"-\1", MONEY.sub("", v)) for v in seen]
    plain = [re.sub("[\xa0\u202f]", " ", v.rstrip("% \xa0") if percent else v) for v in bare]
    fits = [(d, t) for d, t in NUMBER_FORMS if _share(re.compile(number_pattern(d, t)), plain) >= MOST]
    whole = all(re.fullmatch(r"[+-]?\d+", p) for p in plain)
    if not fits or any(re.fullmatch(r"0\d+", p) for p in plain) or (whole and max(map(len, plain)) > 15):
        return None
    if whole and not percent:
        return _epoch(replace(fact, kind="int"), list(map(int, plain)))
    words = {} if whole else dict(zip(("decimal", "thousands"), fits[0], strict=True))
    unclear = len(fits) > 1 and not whole and (".", "") not in fits
    doubts = ("one sign may part decimals or thousands",) if unclear else ()
    return replace(fact, kind="decimal", words=words | ({"unit": "percent"} if percent else {}), doubts=doubts)


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


def _checked(con: Engine, table: str, fact: Fact) -> Fact:
    """Look at all rows for bounds, bad values and categories."""
    if fact.kind in (*TIMES, "int", "decimal"):
        column = Column.model_validate({"column": fact.name, "time_zone": "UTC", **fact.words})
        column.kind = "ts" if fact.kind in TIMES else "number"
        there = clean(fact.type, fact.x, fact.missing)
        read = f"(select {there} as x, {read_value(column, fact.type, there, 'UTC')} as v from {table})"
        low, high, bad = one(
            con, f"select min(v), max(v), count(*) filter (where v is null and x is not null) from {read}"
        )
        if fact.type == "VARCHAR" and bad > max(BAD, BAD / 1_000 * fact.filled):
            return replace(fact, kind="text", words={}, doubts=(f"{bad} values do not read as {fact.kind}",))
        low, high = (None if v is None or fact.kind in TIMES else float(v) for v in (low, high))
        fact = replace(fact, low=low, high=high, bad=bad)
    if fact.distinct <= FEW and fact.kind in ("text", "bool", "int"):
        counts = f"select {fact.x}::varchar, count(*) from {table} where {fact.x} is not null group by 1"
        found = con.execute(f"{counts} order by 2 desc, 1").fetchall()
        fact = replace(fact, values=tuple(v for v, _ in found))
    return fact
