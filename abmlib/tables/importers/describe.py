"""A first mapping file for an export nobody has seen: guesses to be read and corrected, each with its doubts.

`facts` says what the columns hold, `guess` which canonical column each may be; here the guesses become a mapping, which
is tried on the export before it is given away. What rests on little carries a comment ``# doubt: …``. No value of a column
about people is written down.
"""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from abmlib.tables import schema, settings
from abmlib.tables.errors import TableError
from abmlib.tables.importers import guess, mapped, values
from abmlib.tables.importers.facts import WORDS, Export, Fact, File, one, opened, read_sql, shown
from abmlib.tables.importers.guess import SURE, TABLES, Feed, Match, candidates, category, overlap, personal, share
from abmlib.tables.importers.mapping_checks import load_mapping
from abmlib.tables.importers.mapping_file import NUMBERS, TEXTS, required
from abmlib.tables.importers.sql import quoted, text, texts

TRIED = 40_000_000  # bytes of an export up to which the draft is tried
TRIES = 12  # times a draft is tried, with one column less each
TRIAL_KEY = b"\0" * 32  # what is hashed in a trial is thrown away with it
CALLED = 0.95  # score of a name from which a column that is not mapped is named
LISTED = 8  # values nobody knows that a map lists; more are its else
FIRST_DOUBTS = 12  # doubts named at the head of the file
WIDTH = 110  # characters of a line of comment
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
YES, NO = {*TRUE, "ja", "wahr", "x"}, {*FALSE, "nein", "falsch"}
DAY = "2000-01-01"  # first day of an export that has none
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./-]*(?<! )")
RESERVED = {"true", "false", "null"}
GAP_FREE = ("accounts.created_at", "contacts.created_at")  # a missing one takes the earliest
DERIVED_FROM = ("transactions", "opportunities", "activities", "contacts", "surveys")
KEYS = {t: (words["key"], words.get("name", "")) for t, words in TABLES.items() if "key" in words}


@dataclass(frozen=True)
class Guess:
    """What an export seems to hold."""

    text: str  # the mapping file
    files: dict[str, tuple[str, ...]]  # each file that was read, and the canonical tables it feeds
    present: set[str]  # tables, and columns as table.column, that the export seems to fill
    doubts: tuple[str, ...]  # the most important first


@dataclass
class Entry:
    """One canonical column: the words of the mapping, and what is doubtful."""

    words: dict[str, Any]
    doubt: str = ""


Part = dict[str, Entry]


@dataclass
class Origin:
    """One source of the mapping."""

    name: str
    file: File
    words: dict[str, Any]
    used: dict[str, Fact] = field(default_factory=dict)
    correct: dict[str, dict[str, str]] = field(default_factory=dict)
    keep: list[dict[str, Any]] = field(default_factory=list)
    join: dict[str, dict[str, Any]] = field(default_factory=dict)
    local: bool = False  # has times that carry no zone


@dataclass
class Made:
    """One canonical table of the mapping."""

    parts: dict[str, Part]
    keep: list[dict[str, Any]] = field(default_factory=list)
    group: str = ""


@dataclass
class Plan:
    """The mapping as it grows."""

    export: Export
    origins: dict[str, Origin]
    feeds: dict[str, list[Feed]]
    first_day: str
    tables: dict[str, Made] = field(default_factory=dict)
    doubts: list[tuple[int, str]] = field(default_factory=list)  # weight, the least first, and text

    def doubt(self, weight: int, said: str) -> None:
        """Note a doubt for the head of the file."""
        if (weight, said) not in self.doubts:
            self.doubts.append((weight, said))

    def origin(self, file: File) -> Origin:
        """Give the source of a file."""
        return self.origins[file.table]


def draft(source: str | Path, title: str | None = None) -> str:
    """Write a first mapping for the export in a folder; `look` says what is raised.

    Returns
    -------
    str, the YAML text of a mapping that `load_mapping` reads
    """
    return look(source, title).text


def look(source: str | Path, title: str | None = None) -> Guess:
    """Guess what the files of a folder, and of the folders in it, hold.

    Files are read as an import reads them; one that cannot be read is a doubt. Rows are held on disk, not in memory. The
    mapping is tried if the export is not too big: a column that does not import is left out, and becomes a doubt.

    Raises
    ------
    ValueError
        If `source` is no folder.
    TableError
        If it has no file with a row and a name that can be read.
    """
    folder = Path(source).resolve()
    if not folder.is_dir():
        raise ValueError(f"{source}: the source must be a folder of files. Give the folder.")
    with tempfile.TemporaryDirectory(prefix="describe-") as temporary:
        work = Path(temporary)
        with opened(folder, work) as export:
            if not any(f.facts for f in export.files):
                said = f" ({export.doubts[0]})" if export.doubts else ""
                raise TableError(f"{folder.name}: no file with named columns can be read{said}. Put the export there.")
            plan = _planned(export)
            currency = _currency(plan)
        heading = title or folder.name
        written = _tried(plan, heading, currency, folder, work)
    names = {f.table: plan.origins[f.table].name if f.table in plan.origins else "" for f in export.files}
    files = {f.label: tuple(t for t, m in plan.tables.items() if names[f.table] in m.parts) for f in export.files}
    return Guess(written, files, _present(plan), _head(plan))


def _planned(export: Export) -> Plan:
    """Decide which file feeds which table, and each column of it."""
    plan = Plan(export, _origins(export), {}, DAY)
    for said in export.doubts:
        plan.doubt(5, said)
    for file in export.files:
        for said in file.doubts:
            plan.doubt(4, f"{shown(file.name)}: {said}")
    for feed in guess.feeds(export):
        if feed.file.table not in plan.origins:
            continue
        there = plan.feeds.setdefault(feed.table, [])
        if not there or _follows(export, there, feed):
            there.append(feed)
        else:
            plan.doubt(6, f"{shown(feed.file.name)}: looks like {feed.table} as well, and is not mapped")
    _settle_keys(plan)
    plan.first_day = _first_day(plan)
    for table in [t for t in schema.CANONICAL if t in plan.feeds]:
        _make(plan, table)
    _derive(plan, "accounts", DERIVED_FROM)
    _derive(plan, "products", ("transactions",))
    if not plan.tables:
        _last_resort(plan)
    return plan


def _origins(export: Export) -> dict[str, Origin]:
    """Name the sources, apart from all columns; a file that an import would refuse is none."""
    columns = {c.lower() for f in export.files for c in f.facts}
    found: dict[str, Origin] = {}
    for file in export.files:
        name = re.sub(r"\W+", "_", "_".join(guess.tokens(file.stem)) or "file")
        name = name if re.match(r"[a-z_]", name) else f"file_{name}"
        taken = columns | {o.name for o in found.values()} | set(RESERVED)
        name = next(n for n in (name, f"{name}_file", *(f"{name}_{i}" for i in range(2, 9_999))) if n not in taken)
        words = {k: v for k, v in file.source.model_dump(exclude_unset=True).items() if k != "name"}
        if file.facts and values.ROW not in {c.lower() for c in file.facts}:
            found[file.table] = Origin(name, file, words)
    return found


def _follows(export: Export, there: list[Feed], feed: Feed) -> bool:
    """Say whether a file may give more rows of a table: named as the table is, and no key in both."""
    key = KEYS.get(feed.table, ("",))[0]
    if feed.named < guess.NAMED or key not in feed.matches or any(key not in f.matches for f in there):
        return False
    pairs = [((f.file, f.matches[key].fact), (feed.file, feed.matches[key].fact)) for f in there]
    return all(overlap(export, here, other)[1] == 0 for here, other in pairs)


def _settle_keys(plan: Plan) -> None:
    """Choose keys and references together: by names, and by how many values here are found there."""
    for table, (key, name) in KEYS.items():
        pointing = [f for feeds in plan.feeds.values() for f in feeds if f.table != table and _refers(f.table, table)]
        for feed in plan.feeds.get(table, []):
            own = [m for m in candidates(feed.file, table, key) if m.fact.distinct >= 0.9 * m.fact.filled > 0][:4]
            if name in feed.matches and feed.matches[name].fact.unique:
                own.append(Match(feed.matches[name].fact, 0.5))
            scores = {m.fact.name: sum(_best_share(plan, feed.file, m, p, table) for p in pointing) for m in own}
            if own:
                feed.matches[key] = max(own, key=lambda m: (round(scores[m.fact.name], 1), m.fact.unique, m.score))
        for feed in pointing:
            _refer(plan, feed, table, key)


def _refers(table: str, to: str) -> list[str]:
    """Give the columns of a table that name rows of another."""
    refs = {c: d.ref for c, d in schema.CANONICAL[table].columns.items()}
    return [c for c, ref in refs.items() if ref and ref.split(".")[0] == to and table != to]


def _best_share(plan: Plan, file: File, key: Match, feed: Feed, table: str) -> float:
    found = [m for c in _refers(feed.table, table) for m in candidates(feed.file, feed.table, c, own=False)[:3]]
    return max((share(overlap(plan.export, (feed.file, m.fact), (file, key.fact))) for m in found), default=0.0)


def _refer(plan: Plan, feed: Feed, table: str, key: str) -> None:
    """Take for a reference the column whose values are best found in the other file."""
    targets = [(f.file, f.matches[key].fact) for f in plan.feeds.get(table, []) if key in f.matches]
    for column in _refers(feed.table, table):
        taken = {m.fact.name for c, m in feed.matches.items() if c != column and c[0] != "_"}
        found = [m for m in candidates(feed.file, feed.table, column, own=False)[:4] if m.fact.name not in taken]
        if found and targets:
            shares = [max(share(overlap(plan.export, (feed.file, m.fact), t)) for t in targets) for m in found]
            best = max(range(len(found)), key=lambda i: (round(shares[i], 1), found[i].score))
            feed.matches[column] = found[best]
            if (
                shares[best] < 0.05
                and found[best].score < 0.95
                and not required(schema.CANONICAL[feed.table].columns[column])
            ):
                feed.matches.pop(column, None)
                plan.doubt(
                    4, f"{feed.table}.{column}: {shown(found[best].fact.name)} names none of {table}; not mapped"
                )
            elif shares[best] < 0.5 and found[best].fact.filled:
                said = f"{shares[best]:.0%} of its values are found in {table}"
                plan.doubt(3, f"{feed.table}.{column}, from {shown(found[best].fact.name)}: only {said}")


def _first_day(plan: Plan) -> str:
    """Give the first day of any fact."""
    known = [(f, schema.spec(t).known) for t, fs in plan.feeds.items() for f in fs]
    days = [str(x.low) for f, column in known if (x := f.fact(column or "")) and x.low]
    days = days or [str(x.low) for f in plan.export.files for x in f.facts.values() if x.kind == "date" and x.low]
    return min((d for d in days if d > "1900"), default=DAY)


def _make(plan: Plan, table: str) -> None:
    """Make a table from all files that feed it; one that lacks what must be there is left out."""
    made = Made({})
    for feed in plan.feeds[table]:
        origin = plan.origin(feed.file)
        kept, joined = list(origin.keep), dict(origin.join)
        part = _part(plan, feed, made)
        if lacking := _lacking(table, part):
            origin.keep, origin.join = kept, joined
            said = f"{shown(feed.file.name)}: looks like {table}, and nothing in it is {', '.join(lacking)}; not mapped"
            plan.doubt(2, said)
        else:
            made.parts[origin.name] = part
            _use(origin, part)
    if made.parts:
        plan.tables[table] = made
        _group(made, made.group)


def _unfit(plan: Plan, feed: Feed, part: Part) -> None:
    """Name the columns that are called as a canonical one, and whose values do not fit it."""
    for c in [c for c in TABLES[feed.table]["columns"] if c not in feed.matches and c not in part]:
        for f in feed.file.facts.values():
            if f.kind != "empty" and guess.name_score(f.name, feed.table, c) >= CALLED > 2 * guess.fit(
                f, feed.table, c
            ):
                said = f"{shown(f.name)} is called so, and its values do not fit; not mapped"
                plan.doubt(5, f"{feed.table}.{c}: {said}" + "".join(f" ({d})" for d in f.doubts))


def _lacking(table: str, part: Part) -> list[str]:
    return [c for c, d in schema.CANONICAL[table].columns.items() if required(d) and c not in part]


def _part(plan: Plan, feed: Feed, made: Made) -> Part:
    """Map the columns of one file to one table."""
    table, origin = feed.table, plan.origin(feed.file)
    _keep_living(plan, feed, origin)
    part: Part = {}
    for c, m in feed.matches.items():
        if c[0] != "_" and (entry := entry_of(table, c, m.fact, m.score)):
            part[c] = entry
            _correct(plan, origin, m.fact)
            for said in m.fact.doubts:
                plan.doubt(1, f"{table}.{c}, from {shown(m.fact.name)}: {said}")
        elif c[0] != "_":
            plan.doubt(5, f"{table}.{c}: {shown(m.fact.name)} is called so, and its values do not fit; not mapped")
    _unfit(plan, feed, part)
    _look_up(plan, feed, part, origin)
    SPECIAL.get(table, lambda *_: None)(plan, feed, part, made)
    _fill(plan, feed, part, origin, made)
    return {c: part[c] for c in schema.CANONICAL[table].columns if c in part}


def entry_of(table: str, column: str, fact: Fact, score: float = 1.0) -> Entry | None:
    """Write how one column of a file becomes a canonical one; none where its values say nothing."""
    own = schema.CANONICAL[table].columns[column]
    doubts = [*fact.doubts] + (["its name only resembles"] if score < SURE else [])
    if fact.bad:
        doubts.append(f"{fact.bad} values do not read as {fact.kind}")
    kind, words = own.kind, {"column": fact.name}
    if own.one_of or (kind == "bool" and not {v.lower() for v in fact.values} <= {*TRUE, *FALSE}):
        return _mapped(table, column, fact)
    if column == "domain" and fact.kind == "url":
        pattern = "^(?:[a-z]+://)?(?:www\\.)?([^/:?#]+)"
        words = {"sql": f"regexp_extract(lower({quoted(fact.name)}), {text(pattern)}, 1)"}
    if kind in NUMBERS:
        if fact.clean:
            words = {"sql": fact.clean.format(x=quoted(fact.name))}
        words |= {w: v for w, v in fact.words.items() if w != "unit"}
        high = float(fact.high or 0)
        if kind == "rate" and ("unit" in fact.words or 1 < high <= 100):
            words["unit"] = "percent"
        elif kind == "rate" and high > 100:
            return None
    if kind in ("ts", "date") and "format" in fact.words:
        words["format"] = fact.words["format"]
    return Entry(words, "; ".join(doubts))


def _mapped(table: str, column: str, fact: Fact) -> Entry | None:
    """Translate the values of a category; what nobody knows becomes missing, or the best constant."""
    if not category(fact):
        return None
    definition = schema.CANONICAL[table].columns[column]
    rules = WORDS["values"].get(f"{table}.{column}", {})
    allowed = set(definition.one_of or ())
    found = {v: _meaning(v, rules, allowed) for v in fact.values}
    if all(v == m for v, m in found.items()):
        return Entry({"column": fact.name})
    if not any(found.values()):
        return None
    rest = WORDS["constants"].get(f"{table}.{column}") if required(definition) else None
    unknown = [v for v, m in found.items() if m is None]
    words: dict[str, Any] = {"column": fact.name, "map": {v: rest if m is None else m for v, m in found.items()}}
    if len(unknown) > LISTED:
        words = {"column": fact.name, "map": {v: m for v, m in found.items() if m is not None}, "else": rest}
    said = f"nobody told what {_some(unknown)} means" if unknown and column != "is_won" else "read from the words"
    return Entry(words, said)


def _meaning(value: str, rules: dict[str, list[str]], allowed: set[str]) -> str | None:
    word = value.strip().lower()
    if word in allowed:
        return word
    if not rules and word in YES | NO:
        return "true" if word in YES else "false"
    plain = re.sub(
        r"[^a-z0-9]+", " ", "".join(guess.LETTERS.get(c, c) for c in re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value).lower())
    )
    plain = re.sub(r"(closed)(won|lost)", r"\1 \2", plain)
    return next((to for to, patterns in rules.items() if any(re.search(p, plain) for p in patterns)), None)


def _some(names: Iterable[str]) -> str:
    listed = [shown(n, 40) for n in names]
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _keep_living(plan: Plan, feed: Feed, origin: Origin) -> None:
    """Leave out rows that the export marks as deleted or superseded."""
    for helper, wanted, why in (
        ("_deleted", FALSE, "deleted in the source"),
        ("_active", TRUE, "superseded in the source"),
    ):
        fact = feed.fact(helper)
        if not fact or not fact.values or not {v.lower() for v in fact.values} <= {*TRUE, *FALSE}:
            continue
        condition = f"coalesce(lower(({{x}})::varchar), {text(wanted[0])}) in ({texts(wanted)})"
        _keep(plan, origin, origin.keep, fact, condition, why)


def _keep(plan: Plan, origin: Origin, keeps: list[dict[str, Any]], fact: Fact, condition: str, why: str) -> None:
    """Add a filter with the budget it needs, if it takes any row away."""
    total, good = one(
        plan.export.con,
        f"select count(*), count(*) filter (where {condition.format(x=fact.x)}) from {origin.file.table}",
    )
    where = condition.format(x=quoted(fact.name))
    if good < total and where not in [k["where"] for k in keeps]:
        keeps.append({"where": where, "why": why, "budget": _budget(1 - good / total)})
        origin.used[fact.name] = fact
        plan.doubt(1 if good < total / 2 else 3, f"{origin.name}: {total - good} of {total} rows are left out: {why}")


def _budget(part: float) -> float:
    return min(1.0, math.ceil(part * 100 - 1e-9) / 100)


def _correct(plan: Plan, origin: Origin, fact: Fact) -> None:
    """Put right the spellings that differ from another file's key by blanks, signs or capitals alone."""
    if fact.type != "VARCHAR" or fact.kind != "text" or personal(fact) or fact.distinct > 5_000:
        return
    for other, key in _dimensions(plan, origin.file, fact):
        query = "select distinct {x} from {t} where {x} is not null"
        here = {v for (v,) in plan.export.con.execute(query.format(x=fact.x, t=origin.file.table)).fetchall()}
        there = [v for (v,) in plan.export.con.execute(query.format(x=key.x, t=other.table)).fetchall()]
        right = {_squashed(v): v for v in there}
        wrong = {v: right[_squashed(v)] for v in sorted(here - set(there)) if _squashed(v) in right}
        if wrong and len(wrong) <= 20:
            origin.correct[fact.name] = wrong
            plan.doubt(4, f"{origin.name}: {_some(wrong)} in {shown(fact.name)} taken for a misspelling")


def _squashed(value: str) -> str:
    return "".join(c for c in value.lower() if c.isalnum())


def _dimensions(plan: Plan, file: File, fact: Fact) -> Iterator[tuple[File, Fact]]:
    """Give the keys of other files that a column refers to: by an equal name, or the end of it, and by values."""
    name = guess.tokens(fact.name)
    for other in plan.export.files:
        if other.table == file.table or other.table not in plan.origins:
            continue
        for key in other.facts.values():
            theirs = guess.tokens(key.name)
            alike = name == theirs or (len(theirs) > 1 and name[-len(theirs) :] == theirs)
            if not alike or key.distinct < key.filled or not key.filled or key.kind not in ("text", "int", "decimal"):
                continue
            if share(overlap(plan.export, (file, fact), (other, key))) >= 0.5:
                yield other, key


def _look_up(plan: Plan, feed: Feed, part: Part, origin: Origin) -> None:
    """Join other files for columns worth having that this one lacks."""
    wanted = {c for c in WORDS["lookups"].get(feed.table, []) if c not in part}
    links = (
        [(f, *d) for f in feed.file.facts.values() if f.filled for d in _dimensions(plan, feed.file, f)]
        if wanted
        else []
    )
    for fact, other, key in links:
        name = plan.origin(other).name
        gains = {
            c: m for c, m in guess.matched(other, feed.table, wanted).items() if m.score >= SURE and m.fact is not key
        }
        entries = {c: e for c, m in gains.items() if c in wanted and (e := entry_of(feed.table, c, m.fact, m.score))}
        if not entries or name in origin.join or any("sql" in e.words for e in entries.values()):
            continue
        _correct(plan, origin, fact)
        total, found = overlap(plan.export, (feed.file, fact), (other, key))
        lost = _lost_share(plan, (feed.file, fact), (other, key)) if found < total else 0.0
        origin.join[name] = {"by": {fact.name: key.name}, "budget": _budget(lost)}
        origin.used[fact.name] = fact
        for c, entry in entries.items():
            source = gains[c].fact
            entry.words["column"] = f"{name}.{source.name}"
            entry.doubt = "; ".join(filter(None, [entry.doubt, f"looked up by {shown(fact.name)}"]))
            part[c] = entry
            wanted.discard(c)
            plan.origin(other).used |= {source.name: source, key.name: key}
            feed.matches.setdefault(c, Match(source, gains[c].score))


def _lost_share(plan: Plan, here: tuple[File, Fact], there: tuple[File, Fact]) -> float:
    (mine, x), (theirs, y) = ((f, values.as_text(a.type, a.x)) for f, a in (here, there))
    known = f"(select {y} from {theirs.table} where {y} is not null)"
    query = f"select count({x}), count({x}) filter (where {x} not in {known}) from {mine.table}"
    total, lost = one(plan.export.con, query)
    return lost / total if total else 0.0


def _fill(plan: Plan, feed: Feed, part: Part, origin: Origin, made: Made) -> None:
    """Give what must be there where the file has nothing, in all rows or in some; and group rows that share a key."""
    table = feed.table
    key, name = KEYS.get(table, ("", ""))
    key_fact = feed.fact(key)
    if key and key not in part and name in part and feed.matches[name].fact.distinct >= 0.5 * feed.file.rows:
        part[key], key_fact = Entry(dict(part[name].words), "there is no key; the name is taken"), feed.fact(name)
    elif key and key not in part and table in ("activities", "surveys", "transactions"):
        part[key] = Entry({"key": [values.ROW]}, "there is no key; the number of the row is taken")
    if name and name not in part and key in part and required(schema.CANONICAL[table].columns[name]):
        part[name] = Entry(dict(part[key].words), "there is no name; the key is taken")
    for c, d in schema.CANONICAL[table].columns.items():
        if required(d) and c not in part and (constant := WORDS["constants"].get(f"{table}.{c}")):
            said = "not in the export; the first day of all facts" if constant == "first day" else "not in the export"
            part[c] = Entry({"value": plan.first_day if constant == "first day" else constant}, said)
            plan.doubt(2, f"{table}.{c}: {said if constant == 'first day' else f'{said}; {constant} is taken'}")
        if required(d) and c in part and not _joined(part[c].words.get("column", ""), origin):
            _mend(plan, feed, part, c, key_fact, made, origin)
    if key_fact and key_fact.distinct < key_fact.filled and "column" in part.get(key, Entry({})).words:
        count = key_fact.filled - key_fact.distinct
        if table == "transactions" or table == "activities":
            part[key] = Entry({"key": [key_fact.name, values.ROW]}, "the column repeats, so the row number is added")
        else:
            made.group = key
            plan.doubt(2, f"{table}: {count} rows repeat a {shown(key_fact.name)}; the first row of each is taken")


def _mend(plan: Plan, feed: Feed, part: Part, column: str, key: Fact | None, made: Made, origin: Origin) -> None:
    """Fill the gaps of a column that must not have any, or leave these rows out."""
    fact, entry, place = feed.fact(column), part[column], f"{feed.table}.{column}"
    gaps = _gaps(plan, feed.file, fact) if fact and set(entry.words) & {"column", "sql"} else 0
    if not fact or not gaps:
        return
    x, said = quoted(fact.name), f"{gaps} of {feed.file.rows} are missing"
    rest = {"column", "sql"}
    if "map" in entry.words:
        entry.words["map"] = {**entry.words["map"], "": entry.words.get("else") or WORDS["constants"].get(place)}
    elif column == KEYS.get(feed.table, ("", ""))[1] and key and not _gaps(plan, feed.file, key):
        entry.words = {"sql": f"coalesce({_word(fact)}, {_word(key)})"}
        entry.doubt = f"{said}; the key is taken for these"
    elif place in GAP_FREE and fact.earliest:
        first = text(fact.earliest) + ("" if fact.type == "VARCHAR" else f"::{fact.type}")
        entry.words = {"sql": f"coalesce({x}, {first})"} | {w: v for w, v in entry.words.items() if w not in rest}
        entry.doubt = f"{said}; the earliest is taken for these"
    elif place in WORDS["constants"] and schema.CANONICAL[feed.table].columns[column].kind in TEXTS:
        entry.words = {"sql": f"coalesce({_word(fact)}, {text(WORDS['constants'][place])})"}
        entry.doubt = f"{said}; {WORDS['constants'][place]} is taken for these"
    else:
        _keep(plan, origin, origin.keep, fact, "{x} is not null", f"no {shown(fact.name)}")


def _gaps(plan: Plan, file: File, fact: Fact) -> int:
    absent = f" or lower({fact.x}) in ({texts(m.lower() for m in fact.missing)})" if fact.missing else ""
    return int(one(plan.export.con, f"select count(*) from {file.table} where {fact.x} is null{absent}")[0])


def _word(fact: Fact) -> str:
    """Give the SQL of a column as text."""
    return quoted(fact.name) if fact.type == "VARCHAR" else values.as_text(fact.type, quoted(fact.name))


def _group(made: Made, key: str, take: str = "first") -> None:
    """Make one row per key, and say of every other column which value to take."""
    if not key:
        return
    made.group = key
    for part in made.parts.values():
        for c, entry in part.items():
            if c != key:
                entry.words.setdefault("take", take)


def _derive(plan: Plan, table: str, origins: Iterable[str]) -> None:
    """Make a table that no file holds from the keys that another table's file names."""
    key, name = KEYS[table]
    base = next((t for t in origins if t in plan.tables and key in next(iter(plan.tables[t].parts.values()))), None)
    if table in plan.tables or base is None:
        return
    feed = plan.feeds[base][0]
    origin = next(o for o in plan.origins.values() if o.name in plan.tables[base].parts)
    feed = next(f for f in plan.feeds[base] if plan.origin(f.file) is origin)
    entry, fact = plan.tables[base].parts[origin.name][key], feed.fact(key)
    if fact is None or entry.words.get("column") != fact.name:
        return
    made = Made({}, group=key)
    free = {f.name for c, m in feed.matches.items() if c[0] != "_" and c != key for f in [m.fact]}
    wanted = {"name", "country", "region", "industry", "domain", "product_line"} & set(schema.CANONICAL[table].columns)
    part: Part = {key: Entry(dict(entry.words))}
    for c, m in guess.matched(feed.file, table, wanted).items():
        if (
            m.fact.name not in free
            and m.fact.name != fact.name
            and m.score >= SURE
            and (e := entry_of(table, c, m.fact))
        ):
            part[c] = Entry(e.words | {"take": "most_common"}, e.doubt)
            if c == name and _gaps(plan, feed.file, m.fact):
                part[c].words = {"sql": f"coalesce({_word(m.fact)}, {_word(fact)})", "take": "most_common"}
    part.setdefault(name, Entry(dict(entry.words), "there is no name; the key is taken"))
    known = feed.fact(schema.spec(base).known or "")
    if table == "accounts" and known and (made_at := entry_of(table, "created_at", known)):
        part["created_at"] = Entry(made_at.words | {"take": "min"}, "not in the export; the first fact of each")
    elif table == "accounts":
        part["created_at"] = Entry({"value": plan.first_day}, "not in the export; the first day of all facts")
    if _gaps(plan, feed.file, fact) and not any(quoted(fact.name) in k["where"] for k in origin.keep):
        _keep(plan, origin, made.keep, fact, "{x} is not null", f"no {shown(fact.name)}")
    made.parts[origin.name] = {c: part[c] for c in schema.CANONICAL[table].columns if c in part}
    plan.tables[table] = made
    _group(made, key)
    _use(origin, part)
    plan.doubt(2, f"{table}: no file lists them; made from the {shown(fact.name)} of {shown(feed.file.name)}")


def _last_resort(plan: Plan) -> None:
    """Map the likeliest key of the largest file as accounts, so that there is a mapping to correct."""
    if not plan.origins:
        raise TableError(f"{plan.export.folder.name}: no file can be mapped. Rename columns called {values.ROW}.")
    origin = max(plan.origins.values(), key=lambda o: o.file.rows)
    fact = max(origin.file.facts.values(), key=lambda f: (f.kind in ("text", "int"), f.unique, f.filled, -f.number))
    words: dict[str, Any] = {"column": fact.name}
    if not fact.filled or fact.distinct < origin.file.rows:
        words = {"key": [values.ROW]}
    part = {c: Entry(dict(words), "nothing here looks like accounts") for c in ("account_id", "name")}
    part["created_at"] = Entry({"value": plan.first_day}, "not in the export")
    plan.tables["accounts"] = Made({origin.name: part})
    _use(origin, part)
    plan.doubt(0, f"no file looks like a table of the workbook; {shown(origin.file.name)} stands for accounts")


def _contacts(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Hash the address, join the names, and tell leads from contacts."""
    mail, first, last = (feed.fact(h) for h in ("_email", "_first_name", "_last_name"))
    if mail:
        x = quoted(mail.name)
        part["email_hash"] = Entry({"column": mail.name, "hash": True})
        if mail.kind == "email":
            part["email_domain"] = Entry({"sql": f"lower(nullif(split_part({x}, '@', 2), ''))"})
    if (first or last) and "full_name" not in part:
        names = ", ".join(quoted(f.name) for f in (first, last) if f)
        part["full_name"] = Entry({"sql": f"concat_ws(' ', {names})"}, "a name may be left out")
    if "lead" in guess.tokens(feed.file.stem):
        part["is_lead"] = Entry({"value": "true"})
    if mail and "contact_id" not in part:
        part["contact_id"] = Entry({"column": mail.name, "hash": True}, "there is no key; the address is taken, hashed")


def _opportunities(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Say which deals are closed and won, and give only these a day of closing."""
    stage, closed, won, day = (feed.fact(c) for c in ("stage", "is_closed", "is_won", "close_date"))
    if "is_closed" not in part and stage and (entry := _mapped("opportunities", "is_closed", stage)):
        part["is_closed"] = Entry(entry.words, "read from the names of the stages")
        feed.matches["is_closed"] = Match(stage, SURE)
        if set(entry.words.get("map", {}).values()) != {"true", "false"}:
            part["is_closed"].doubt = "no name of a stage says that it is won or lost; say which are"
            plan.doubt(1, f"opportunities.is_closed: {part['is_closed'].doubt}")
    if "is_won" not in part and stage and (entry := _mapped("opportunities", "is_won", stage)):
        part["is_won"] = Entry(entry.words, "read from the names of the stages")
    if "is_closed" not in part and "is_won" in part and "column" in part["is_won"].words and won:
        part["is_closed"] = Entry(
            dict(part["is_won"].words), "not in the export; a deal that is not won counts as open"
        )
    origin = plan.origin(feed.file)
    condition = _closed(part, origin)
    here = _joined(part.get("is_closed", Entry({})).words.get("column", ""), origin) is None
    if condition and won and set(part.get("is_won", Entry({})).words) == {"column"}:
        part["is_won"].words = {"sql": f"case when {condition} then {_ref(part['is_won'].words['column'], origin)} end"}
    if condition and day and "closed_at" not in part and (entry := entry_of("opportunities", "closed_at", day)):
        fact = closed or stage
        x = condition.replace(quoted(fact.name), fact.x) if fact else "true"
        early = (
            one(
                plan.export.con,
                f"select count(*) from {feed.file.table} where {day.x} is not null and not coalesce({x}, false)",
            )
            if here
            else (1,)
        )
        if early[0]:
            rest = {w: v for w, v in entry.words.items() if w != "column"}
            entry = Entry({"sql": f"case when {condition} then {quoted(day.name)} end"} | rest)
        part["closed_at"] = entry
        origin.used |= {f.name: f for f in (fact, day) if f and f.name in feed.file.facts}


def _joined(column: str, origin: Origin) -> tuple[str, str] | None:
    """Give the source and the column that a name of a joined row means."""
    head, _, rest = column.partition(".")
    return (head, rest) if rest and head in origin.join else None


def _ref(column: str, origin: Origin) -> str:
    """Write a column, of the source or of a joined row, in SQL."""
    return ".".join(map(quoted, _joined(column, origin) or (column,)))


def _closed(part: Part, origin: Origin) -> str:
    """Give the condition that a deal is closed, over the column that `is_closed` is made from."""
    words = part.get("is_closed", Entry({})).words
    if "column" not in words:
        return ""
    x = _ref(words["column"], origin)
    if "map" in words:
        closed = [v for v, m in words["map"].items() if m == "true"]
        return f"{x} in ({texts(closed)})" if closed else ""
    return f"lower({x}::varchar) in ({texts(TRUE)})"


def _transactions(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Work out the value of a line, what tells lines apart, and which are returns."""
    price, quantity, document, line = (feed.fact(c) for c in ("_price", "quantity", "_document", "_line"))
    number = {
        f.name: read_sql(f, quoted(f.name)) if f.type == "VARCHAR" else quoted(f.name) for f in (price, quantity) if f
    }
    if "revenue" not in part and price:
        product = " * ".join(number[f.name] for f in (quantity, price) if f)
        part["revenue"] = Entry(
            {"sql": product}, "net of discount and tax?" if quantity else "price alone: no quantity"
        )
        plan.doubt(
            1, f"transactions.revenue: worked out as {' times '.join(shown(f.name) for f in (quantity, price) if f)}"
        )
    if "transaction_id" not in part and document:
        pair = [f for f in (document, line) if f]
        keys = ", ".join(f.x for f in pair)
        where = " and ".join(f"{f.x} is not null" for f in pair)
        (whole,) = one(
            plan.export.con,
            f"select count(*) = count(distinct ({keys})) and count(*) = {feed.file.rows} from {feed.file.table} where {where}",
        )
        names = [f.name for f in pair] if whole else [document.name, values.ROW]
        gaps = _gaps(plan, feed.file, document)
        part["transaction_id"] = Entry({"key": [values.ROW] if gaps else names})
    signed = next((f for f in (quantity, feed.fact("revenue")) if f and float(f.low or 0) < 0), None)
    if "kind" not in part and signed:
        negative = f"{read_sql(signed, quoted(signed.name))} < 0"
        part["kind"] = Entry(
            {"sql": f"case when {negative} then 'return' else 'purchase' end"},
            "a negative line is taken for a return; is any a service?",
        )


def _activities(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Tell channel and direction from the file's name where no column does, and minutes from seconds."""
    seconds, kind = feed.fact("_seconds"), feed.fact("activity_type")
    if "duration_min" not in part and seconds:
        part["duration_min"] = Entry({"column": seconds.name, "divide_by": 60.0})
    hint = next((h for w, h in WORDS["activity_files"].items() if w in guess.tokens(feed.file.stem)), None)
    for column, word in zip(("channel", "direction"), hint or ("", ""), strict=True):
        if column not in part and word and (column == "channel" or not kind):
            part[column] = Entry({"value": word}, "by the name of the file")
        if column not in part and kind and (entry := _mapped("activities", column, kind)):
            part[column] = Entry(entry.words, f"from {shown(kind.name)}; {entry.doubt}".rstrip("; "))
            feed.matches[column] = Match(kind, SURE)
        if column not in part and word:
            part[column] = Entry({"value": word}, "by the name of the file")


def _history(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Number the changes of one moment where several share one."""
    deal, at = feed.fact("opportunity_id"), feed.fact("entered_at")
    if deal and at and "seq" not in part:
        keys = f"{deal.x}, {at.x}"
        (whole,) = one(plan.export.con, f"select count(*) = count(distinct ({keys})) from {feed.file.table}")
        if not whole:
            part["seq"] = Entry({"sql": values.ROW}, "several changes of one moment are in the order of the file")


def _surveys(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Guess the scale from the highest answer."""
    score = feed.fact("score")
    if score and "scale_max" not in part:
        top = next((n for n in (5, 7, 10, 100) if float(score.high or 0) <= n), score.high)
        part["scale_max"] = Entry({"value": str(top)}, "guessed from the highest answer")


def _accounts(plan: Plan, feed: Feed, part: Part, made: Made) -> None:
    """Notice a yearly revenue in thousands or millions by the revenue per person it gives."""
    money, people = feed.fact("annual_revenue"), feed.fact("employees")
    if not money or not people or "annual_revenue" not in part or "sql" in part["annual_revenue"].words:
        return
    ratio = f"({read_sql(money)}) / nullif({read_sql(people)}, 0)"
    (per_head,) = one(plan.export.con, f"select median({ratio}) from {feed.file.table}")
    factor = next((f for f in (1e3, 1e6) if per_head and per_head < 500 and 5e3 <= per_head * f <= 5e6), 1.0)
    if factor > 1:
        part["annual_revenue"].words["multiply_by"] = factor
        part[
            "annual_revenue"
        ].doubt = f"taken to be in {'thousands' if factor == 1e3 else 'millions'}, by revenue per person"
        plan.doubt(2, f"accounts.annual_revenue: {part['annual_revenue'].doubt}")


SPECIAL: dict[str, Callable[[Plan, Feed, Part, Made], None]] = {
    "accounts": _accounts,
    "contacts": _contacts,
    "opportunities": _opportunities,
    "opportunity_stage_history": _history,
    "transactions": _transactions,
    "activities": _activities,
    "surveys": _surveys,
}


def _use(origin: Origin, part: Part) -> None:
    """Note the columns of a file that a table takes, and whether its times need a zone."""
    for c, entry in part.items():
        words = " ".join(map(str, (entry.words.get("column"), entry.words.get("sql"), entry.words.get("key"))))
        for name, fact in origin.file.facts.items():
            if (
                name == entry.words.get("column")
                or name in entry.words.get("key", ())
                or quoted(name) in str(entry.words.get("sql"))
            ):
                origin.used[name] = fact
        dated = [origin.used[n] for n in origin.used if n in words]
        if c in (
            "created_at",
            "closed_at",
            "occurred_at",
            "entered_at",
            "added_at",
            "responded_at",
            "known_at",
            "valid_from",
            "valid_to",
            "known_from",
        ):
            origin.local |= (
                any(f.kind in ("date", "time") and not f.zoned for f in dated) or "." in words or "value" in entry.words
            )


def _currency(plan: Plan) -> tuple[str, str]:
    """Guess the reporting currency from signs, codes and names; say what is doubtful."""
    found: dict[str, str] = {}
    known = WORDS["currencies"]
    for origin in plan.origins.values():
        for fact in origin.file.facts.values():
            if fact.currency:
                found[fact.currency] = f"by the signs in {shown(fact.name)}"
            words = set(guess.tokens(fact.name))
            found |= {
                c: f"by the name {shown(fact.name)}"
                for c, signs in known.items()
                if words & set(signs) and fact.kind in ("int", "decimal")
            }
            if guess.name_score(fact.name, "transactions", "_currency") >= 0.9 and fact.values:
                found |= {v.upper(): f"by {shown(fact.name)}" for v in fact.values if v.upper() in known}
    if len(found) == 1:
        return next(iter(found.items()))
    said = (
        f"several are met ({', '.join(sorted(found))}); convert to one" if found else "nothing in the export names it"
    )
    return settings.Settings().currency, said


def _tried(plan: Plan, title: str, currency: tuple[str, str], folder: Path, work: Path) -> str:
    """Try the mapping; a column that may be absent and does not import is left out, anything else is the first doubt."""
    size = sum(p.stat().st_size for o in plan.origins.values() for p in o.file.paths)
    for number in range(TRIES):
        written = _written(plan, title, currency)
        path = work / "draft.yml"
        path.write_text(written, "utf-8")
        try:
            mapping = load_mapping(path)
            if size > TRIED:
                plan.doubt(
                    0, "the draft was not tried, for the export is big: import it to see whether all values read"
                )
                return _written(plan, title, currency)
            mapped.run(mapping, folder, work / f"try{number}", TRIAL_KEY)
            return written
        except ValueError as wrong:
            said = _unpersonal(str(wrong))
            if not _drop(plan, said):
                plan.doubt(0, f"it does not import yet: {said}")
                return _written(plan, title, currency)
    plan.doubt(0, "it does not import yet, and too many columns are wrong to say which")
    return _written(plan, title, currency)


def _unpersonal(said: str) -> str:
    """Take the values out of an error, for they may be a person's."""
    return shown(re.sub(r" ?\(first: .*\]\)", "", " ".join(said.split())).replace("draft.yml: ", ""), 400)


def _drop(plan: Plan, said: str) -> bool:
    """Leave out the column that an error is about, if its table can do without."""
    found = re.match(r"(?:tables\.)?(\w+)(?:: |\.columns\.)(\w+)", said)
    if not found or found[1] not in plan.tables or found[2] not in schema.CANONICAL[found[1]].columns:
        return False
    table, column = found[1], found[2]
    there = [p for p in plan.tables[table].parts.values() if column in p]
    if required(schema.CANONICAL[table].columns[column]) or not there:
        return False
    for part in there:
        part.pop(column)
    plan.doubt(1, f"left out: {said}")
    return True


def _present(plan: Plan) -> set[str]:
    """Name the tables and columns that come from the export, not from a constant."""
    found = {
        (t, c) for t, m in plan.tables.items() for p in m.parts.values() for c, e in p.items() if "value" not in e.words
    }
    return set(plan.tables) | {f"{t}.{c}" for t, c in found}


def _head(plan: Plan) -> tuple[str, ...]:
    return tuple(said for _, said in sorted(plan.doubts, key=lambda d: d[0]))


def _written(plan: Plan, title: str, currency: tuple[str, str]) -> str:
    """Write the mapping file, with its comments."""
    doubts = _head(plan)
    lines = ["# Draft of a mapping, guessed from names and values. Read it, correct it, then import with it.", "#"]
    lines += [
        "# Fill in: title, currency, and time_zone of the workbook and of the sources.",
        "# Doubts to settle first:",
    ]
    lines += [f"# {i}. {d}" for i, d in enumerate(doubts[:FIRST_DOUBTS], 1)] or ["# none"]
    if len(doubts) > FIRST_DOUBTS:
        lines += [f"# and {len(doubts) - FIRST_DOUBTS} more:"] + [f"# - {d}" for d in doubts[FIRST_DOUBTS:]]
    lines += ["version: 1", f"title: {_scalar(title)}", "", "workbook:"]
    lines += [
        _line(2, "currency", currency[0], currency[1]),
        _line(2, "time_zone", "UTC", "fill in, such as Europe/London"),
    ]
    lines += ["", "sources:"]
    needed = {n for m in plan.tables.values() for n in m.parts}
    needed |= {j for o in plan.origins.values() if o.name in needed for j in o.join}
    for origin in plan.origins.values():
        lines += _source_lines(plan, origin) if origin.name in needed else []
    idle = [f"{shown(o.file.name)} ({o.file.rows} rows)" for o in plan.origins.values() if o.name not in needed]
    lines += _comment(2, "files not used", idle)
    lines += ["tables:"]
    for name in [t for t in schema.CANONICAL if t in plan.tables]:
        lines += _table_lines(plan, name, plan.tables[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def _source_lines(plan: Plan, origin: Origin) -> list[str]:
    """Write one source, and what of it is not used."""
    lines = [f"  {origin.name}:  # {origin.file.rows} rows"]
    lines += [_line(4, w, v) for w, v in origin.words.items()]
    signs = _signs(origin)
    lines += [
        _line(4, w, v)
        for w, v in zip(("decimal", "thousands"), signs, strict=True)
        if v != {"decimal": ".", "thousands": ""}[w]
    ]
    joins = origin.join and any(
        "." in str(e.words.get("column", ""))
        for m in plan.tables.values()
        for e in m.parts.get(origin.name, {}).values()
    )
    if origin.local or joins:
        lines.append(_line(4, "time_zone", "UTC", "its times carry no zone; fill in"))
    missing = sorted({m for f in origin.used.values() for m in f.missing})
    lines += [_line(4, "missing", missing)] if missing else []
    lines += [_line(4, "correct", origin.correct)] if origin.correct else []
    lines += ["    keep:", *(f"      - {_scalar(k)}" for k in origin.keep)] if origin.keep else []
    lines += ["    join:", *(_line(6, n, j) for n, j in origin.join.items())] if origin.join else []
    idle = [f for n, f in origin.file.facts.items() if n not in origin.used]
    summed = [f.name for f in idle if guess.summary(f.name)]
    lines += _comment(4, "doubt: not mapped, known only at the end of the period", summed)
    lines += _comment(4, "empty", [f.name for f in idle if f.kind == "empty"])
    lines += _comment(4, "not mapped", [f.name for f in idle if f.kind != "empty" and f.name not in summed])
    return [*lines, ""]


def _signs(origin: Origin) -> tuple[str, str]:
    """Give the decimal and thousands signs that most numbers of a file are written with."""
    forms = [(f.words["decimal"], f.words["thousands"]) for f in origin.used.values() if "decimal" in f.words]
    return max(sorted(set(forms)), key=forms.count) if forms else (".", "")


def _table_lines(plan: Plan, name: str, made: Made) -> list[str]:
    """Write one table; of several sources each has its own columns."""
    lines = [f"  {name}:"]
    signs = {o.name: _signs(o) for o in plan.origins.values()}
    body = {
        source: [_line(0, c, _short(name, c, e.words, signs[source]), e.doubt) for c, e in part.items()]
        for source, part in made.parts.items()
    }
    if len(body) == 1:
        (source,) = body
        lines.append(f"    from: {source}")
    else:
        lines.append("    from:")
        for source, columns in body.items():
            lines += [f"      {source}:", *(f"        {c}" for c in columns)]
    lines += ["    keep:", *(f"      - {_scalar(k)}" for k in made.keep)] if made.keep else []
    lines += [f"    one_row_per: [{made.group}]"] if made.group else []
    if len(body) == 1:
        lines += ["    columns:", *(f"      {c}" for c in body[source])]
    return [*lines, ""]


def _short(table: str, column: str, words: dict[str, Any], signs: tuple[str, str]) -> Any:
    """Leave out what the source says already, and write a lone column as its name."""
    kind = schema.CANONICAL[table].columns[column].kind
    kept = {w: v for w, v in words.items() if w not in ("decimal", "thousands")}
    if kind in NUMBERS and "decimal" in words and (words["decimal"], words["thousands"]) != signs:
        kept |= {"decimal": words["decimal"], "thousands": words["thousands"]}
    return kept["column"] if list(kept) == ["column"] else kept


def _line(indent: int, name: str, value: Any, doubt: str = "") -> str:
    return f"{' ' * indent}{name}: {_scalar(value)}" + (f"  # doubt: {shown(doubt, 200)}" if doubt else "")


def _comment(indent: int, head: str, names: list[str]) -> list[str]:
    """List names in comments of bounded width."""
    lines: list[str] = []
    blank = " " * indent
    for name in map(shown, names):
        if lines and len(lines[-1]) + len(name) < WIDTH:
            lines[-1] += f", {name}"
        else:
            lines.append(f"{blank}# {'  ' if lines else f'{head}: '}{name}")
    return lines


def _scalar(value: Any) -> str:
    """Write a value on one line of YAML so that it reads back as it is."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if value is None or isinstance(value, bool | int):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}" if not value.is_integer() else f"{value:.1f}"
    if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return str(value)
    if '"' in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return str(yaml.dump(value, default_style='"', width=math.inf, allow_unicode=True)).strip()
