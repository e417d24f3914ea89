"""Which kind of file each file of an export is, and which of its columns are which, by the names of packs."""

# ruff: noqa: S608  SQL is put together here: columns pass Fact.x, tables are numbered
import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rapidfuzz import fuzz

from abmlib.tables import schema
from abmlib.tables.importers import values
from abmlib.tables.importers.exports import Export, File
from abmlib.tables.importers.facts import TIMES, Fact
from abmlib.tables.importers.mapping_file import NUMBERS
from abmlib.tables.importers.packs import Common, Kind, Pack, common, known, plain, squashed
from abmlib.tables.importers.sql import one

ENOUGH, NAMED, ENDS, HOLDS = 1.0, 3.0, 2.0, 1.0  # least score of a file; its name is the kind's, ends with it, holds it
TELLING = 6  # tables that may know a header that is looked for in all packs
FILLED = 0.8  # share of rows that the best name of a column must fill, or the fullest is taken
CLOSE = 90  # of 100: how alike a header must be that is not the same
ENTITIES = {"accounts": 0.02, "contacts": 0.02, "products": 0.02, "campaigns": 0.02}  # share of rows that may repeat
PEOPLE = ("contact_id", "lead_id")
DATED = r"\d{4,}(?:[-_. ]?\d+)*|(?:\d\d?[-_. ]){2}\d\d+"  # the day or number in the name of a file
NO_CODES = ("industry", "country", "region")  # numbers say nothing of these
MOST_VALUES = 200  # different texts of an attribute
KEYS = [[w] for w in ("id", "key", "nr", "no", "number", "nummer", "code", "uuid", "guid")]  # last words of a key
NOISE = {"data", "dataset", "export", "dim", "fact", "tbl", "report", "list", "all", "view", "hs", "sf", "src", "raw"}


@dataclass
class Feed:
    """A file taken for a kind, with the columns found for its names."""

    file: File
    kind: Kind
    found: dict[str, Fact]
    score: float = 0.0
    named: float = 0.0  # the part of the score that its file's name gives
    doubts: dict[str, str] = field(default_factory=dict)  # by name
    source: str = ""  # its name in the mapping

    @property
    def used(self) -> set[str]:
        """The headers found."""
        return {f.name for f in self.found.values()}


@functools.cache
def places() -> dict[str, dict[str, str]]:
    """Give for each header the tables, or kinds of no table, that know it, with the column; the more, the less it tells."""
    known_by: dict[str, dict[str, str]] = {}
    for kind in kinds():
        for name in kind.names:
            only, _, column = name.rpartition(".")
            for header, table in itertools.product(kind.headers(name), kind.table or (kind.name,)):
                its = known_by.setdefault(squashed(header), {})
                fitting = only in ("", table) and kind.table and column in schema.spec(table).columns
                its[table] = its.get(table) or (column if fitting else "")
    return known_by


def elsewhere(table: str) -> dict[str, str]:
    """Give for each header that tells something, in any pack, the column of a table."""
    return {header: its[table] for header, its in places().items() if its.get(table) and len(its) <= TELLING}


def kinds() -> list[Kind]:
    """List the kinds of file of all packs."""
    return [kind for pack in known() for kind in pack.objects.values()]


def column_of(kind: Kind, name: str) -> tuple[str, str]:
    """Give the table and column that a name of a kind is of; a helper has no table."""
    table, _, column = name.rpartition(".")
    tables = [t for t in kind.table if column in schema.spec(t).columns]
    return ("", name) if column[0] == "_" or not tables else (table or tables[0], column)


def fits(fact: Fact, table: str, column: str) -> bool:
    """Say whether the values of a column can be those of a canonical one."""
    if fact.kind == "empty":
        return False
    if not table:
        return column != "_email" or fact.kind in ("email", "text")
    definition = schema.spec(table).columns[column]
    if definition.kind in NUMBERS:
        return fact.kind in ("int", "decimal") and not (definition.kind == "rate" and (fact.high or 0) > 100)
    if definition.kind in ("ts", "date"):
        return fact.kind in TIMES
    if definition.one_of or definition.kind == "bool":
        return bool(fact.values) and fact.kind in ("text", "int", "bool")
    if definition.kind == "id":
        return fact.kind not in TIMES and not (column in PEOPLE and fact.kind == "email")
    return fact.kind not in (*TIMES, "email", *(("int", "decimal") if column in NO_CODES else ()))


def meaning(column: str, text: str, pack: Pack | Common) -> str | None:
    """Translate a text of a category, by the words of its pack and of all."""
    word = plain(text)
    for rules in (its.values.get(column, {}) for its in (pack, common()) if word):
        for value, listed in rules.items():
            if any(re.search(w[1:-1], word) if w[:1] == "/" else squashed(w) == squashed(text) for w in listed):
                return value
    return None


def outcome(fact: Fact) -> bool:
    """Say whether a column holds which deals were won and which were lost."""
    meant = {meaning("opportunities.is_won", v, common()) for v in fact.values}
    return {"true", "false"} <= meant and not personal(fact.name)


@functools.cache
def personal(header: str) -> bool:
    """Say whether a column may hold names or addresses of people, so that no value of it may be shown."""
    words = plain(header)
    return any(re.search(p[1:-1], words) if p[0] == "/" else p in words.split() for p in common().personal)


def opts_out(header: str) -> bool:
    """Say whether a column holds who may not be written to."""
    return any(re.search(p[1:-1], plain(header)) for p in common().opt_outs)


@functools.cache
def summary(header: str) -> bool:
    """Say whether a column sums up the whole period of the export, such as the day of the last order."""
    given = f" {' '.join(re.sub('s$', '', word) for word in plain(header).split())} "
    return any(f" {s} " in given or given.replace(" ", "").startswith(s.replace(" ", "")) for s in common().summaries)


def named(file: File, labels: Iterable[str]) -> float:
    """Say how well a file is called like one of some names."""
    given = [w for w in _singular(file.stem) if w not in NOISE and not w.isdigit()]
    best = 0.0
    for words in map(_singular, labels):
        size, whole = len(words), "".join(given) == "".join(words)
        places = [i for i in range(len(given)) if given[i : i + size] == words]
        ends = bool(places) and places[-1] + size == len(given)
        best = max(best, NAMED if whole else (ENDS if ends else HOLDS) if places else 0.0)
    return best


def _singular(name: str) -> list[str]:
    return [w[:-3] + "y" if w.endswith("ies") else re.sub(r"(?<=\w{3}[^s])s$", "", w) for w in plain(name).split()]


def overlap(export: Export, here: tuple[File, str], there: tuple[File, str]) -> float:
    """Give the share of the distinct values of one expression found in another; of no values it is 0."""
    mine, theirs = (f"(select distinct {values.as_text('', x)} as v from {f.table})" for f, x in (here, there))
    hit = f"filter (where m.v in (select v from {theirs} where v is not null))"
    total, common_ones = one(export.con, f"select count(m.v), count(m.v) {hit} from {mine} m")
    return common_ones / total if total else 0.0


def alike(export: Export, file: File, columns: list[str]) -> int:
    """Count the rows that are like an earlier one in some columns."""
    apart = f"count(distinct concat_ws('|', {', '.join(file.facts[c].x for c in columns) or 'null'}))"
    return int(one(export.con, f"select count(*) - {apart} from {file.table}")[0])


def idle(fact: Fact) -> str:
    """Say why a column is not used; empty if it may be an attribute."""
    reasons = {
        "empty": fact.kind == "empty",
        "known only at the end of the period": summary(fact.name),
        "about people": personal(fact.name) or fact.kind in ("email", "phone", "url"),
        "a key of rows elsewhere": plain(fact.name).split()[-1:] in (["id"], ["key"]),
        "the same in every row": fact.distinct == 1 and fact.filled == fact.rows,
        "free text or names": fact.kind == "text" and fact.distinct > min(MOST_VALUES, max(10, fact.filled / 3)),
    }
    return next((why for why, holds in reasons.items() if holds), "")


def choose(export: Export) -> tuple[str, list[Feed]]:
    """Say which pack fits an export best, and take each file for the kind it fits best, if any.

    The best files of a table come first.
    """
    judged = [[feed for k in kinds() if (feed := tried(f, k))] for f in export.files]
    sums = [
        sum(max((f.score - f.named for f in its if f.kind.pack is p), default=0) for its in judged) for p in known()
    ]
    best = known()[sums.index(max(sums))]
    feeds = [max(its, key=lambda f: f.score * (1.3 if f.kind.pack is best else 1)) for its in judged if its]
    for feed in feeds:
        _resembling(feed)
    feeds.sort(key=lambda f: re.sub(r"\D", "", f.file.label), reverse=True)  # the newest of some apart in days only
    tops = {g: max(f.score for f in feeds if _series(f) == g) for g in map(_series, feeds)}
    return best.title if feeds else "", sorted(feeds, key=lambda f: (-tops[_series(f)], _series(f)))


def _series(feed: Feed) -> str:
    """Give the name of a file without the numbers that tell it from that of another month."""
    return re.sub(DATED, "*", feed.file.label)


@functools.cache
def _labels(pack: str, kind: str) -> list[tuple[str, list[str], str]]:
    """List the names of a kind with their headers: its own, and, with a doubt, those of the same tables in other packs."""
    its = next(p for p in known() if p.name == pack).objects[kind]
    own = {n: [*map(squashed, [*its.headers(n), *([n.split(".")[-1]] if n[0] != "_" else [])])] for n in its.names}
    other: dict[str, list[str]] = {}
    for table in its.table:
        for header, column in elsewhere(table).items():
            other.setdefault(f"{table}.{column}" if len(its.table) > 1 else column, []).append(header)
    return [(n, h, "") for n, h in own.items()] + [(n, h, "a name of another system") for n, h in other.items()]


def tried(file: File, kind: Kind) -> Feed | None:
    """Take a file for a kind; nothing if what the kind needs is not there."""
    cut = re.compile(rf"^(?:{'|'.join(kind.pack.prefixes)})", re.I)
    keyed = {squashed(cut.sub("", n)): f for n, f in reversed(file.facts.items())}
    feed, score, tells = Feed(file, kind, {}), 0.0, places()
    found = feed.found
    for name, headers, doubt in _labels(kind.pack.name, kind.name):
        taken = feed.used if doubt else set()
        there = [h for h in headers if (f := keyed.get(h)) and f.name not in taken and fits(f, *column_of(kind, name))]
        if there and name not in found:  # the best name, unless few rows have it and others more
            full = (h for h in there if keyed[h].filled >= FILLED * file.rows)
            best = next(full, max(there, key=lambda h: keyed[h].filled))
            score += 0 if keyed[best].name in feed.used else (0.5 if doubt else 1) / len(tells.get(best, " "))
            found[name] = keyed[best]
            if doubt:
                feed.doubts[name] = doubt
    called = named(file, kind.file_names())
    said = {"_status", "is_won"} & {*found} or ("stage" in found and outcome(found["stage"]))
    won = next((f for f in file.facts.values() if outcome(f)), None) if "opportunities" in kind.table else None
    if won and not said:
        found["_status"], score = won, score + 1
    needs = {*found} | ({"stage", "_status", "is_won"} if called >= NAMED and "opportunities" in kind.table else set())
    feed.score, feed.named = score + called, called
    if feed.score < ENOUGH or not all({*need.split("|")} & needs for need in kind.needs) or not found:
        return None
    for table in {*kind.table} & {*ENTITIES}:
        key = found.get(schema.key(table)[0]) or found.get("name")
        if key and key.filled - key.distinct > max(1, ENTITIES[table] * key.filled):
            return None
    return feed


def _resembling(feed: Feed) -> None:
    """Take headers that nearly are a name for it, or hold it beside a word or two, with a doubt."""
    free = [
        f for f in feed.file.facts.values() if f.name not in feed.used and f.kind != "empty" and not summary(f.name)
    ]
    for name in (n for n in feed.kind.names if n not in feed.found):
        for header in feed.kind.headers(name):
            good = (f for f in free if _alike(header, f.name) and fits(f, *column_of(feed.kind, name)))
            if name not in feed.found and (fact := next(good, None)):
                feed.found[name], feed.doubts[name] = fact, "its name only resembles"
                free.remove(fact)
    for table in feed.kind.table:
        key = schema.key(table)[0]
        ids = (f for f in free if f.distinct == f.rows and plain(f.name).split()[-1:] in KEYS and f.kind != "email")
        if len(schema.key(table)) == 1 and not {key, f"{table}.{key}"} & {*feed.found} and (fact := next(ids, None)):
            feed.found[key] = fact


def _alike(label: str, header: str) -> bool:
    """Say whether a header is nearly a label, or has all its words and at most two that change nothing."""
    if fuzz.ratio(squashed(label), squashed(header)) >= CLOSE:
        return True
    words, given = plain(label).split(), plain(header).split()
    more = [w for w in given if w not in words]
    return len(squashed(label)) > 4 and {*words} < {*given} and len(more) <= 2 and not {*more} & {*common().blockers}
