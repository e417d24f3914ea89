"""A first mapping file for an export nobody has seen: guesses to be read and corrected, each with its doubts.

`exports` reads the files, `facts` says what their columns hold, `guess` which canonical column each may be; here the
guesses become a mapping, which is tried on the export before it is given away. What rests on little carries a comment
``# doubt: …``. No value of a column about people is written down.
"""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abmlib.tables import schema, settings
from abmlib.tables.errors import TableError
from abmlib.tables.importers import draft_columns, guess, mapped, values
from abmlib.tables.importers.draft_columns import Entry, Made, Origin, Part, Plan, budget, entry_of, keep_living, some
from abmlib.tables.importers.draft_text import RESERVED, written
from abmlib.tables.importers.exports import Export, File, opened
from abmlib.tables.importers.facts import WORDS, Fact, one_line
from abmlib.tables.importers.guess import SURE, TABLES, Feed, Match, candidates, overlap, personal
from abmlib.tables.importers.mapping_checks import load_mapping
from abmlib.tables.importers.mapping_file import TEXTS
from abmlib.tables.importers.sql import quoted, text

TRIED = 40_000_000  # bytes of an export up to which the draft is tried
TRIES = 12  # times a draft is tried, with one column less each
TRIAL_KEY = b"\0" * 32  # what is hashed in a trial is thrown away with it
DAY = "2000-01-01"  # first day of an export that has none
GAP_FREE = ("accounts.created_at", "contacts.created_at")  # a missing one takes the earliest
DERIVED = {  # tables that no file may hold: what they are made from, and which columns may be there
    "accounts": ("transactions", "opportunities", "activities", "contacts", "surveys"),
    "products": ("transactions",),
}
DETAILS = {"name", "country", "region", "industry", "domain", "product_line"}  # columns of a derived table
KEYS = {t: (words["key"], words.get("name", "")) for t, words in TABLES.items() if "key" in words}


@dataclass(frozen=True)
class Guess:
    """What an export seems to hold."""

    text: str  # the mapping file
    files: dict[str, tuple[str, ...]]  # each file that was read, and the canonical tables it feeds
    present: set[str]  # tables, and columns as table.column, that the export seems to fill
    doubts: tuple[str, ...]  # the most important first


def draft(source: str | Path, title: str | None = None) -> str:
    """Write a first mapping for the export in a folder.

    `look` says what is raised.

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
                reason = f" ({export.doubts[0]})" if export.doubts else ""
                what = f"{folder.name}: no file with named columns can be read{reason}."
                raise TableError(f"{what} Put the export there.")
            plan = _planned(export)
        mapping = _tried(plan, title or folder.name, folder, work)
    names = {table: origin.name for table, origin in plan.origins.items()}
    files = {f.label: tuple(t for t, m in plan.tables.items() if names.get(f.table) in m.parts) for f in export.files}
    entries = [(t, c, e) for t, m in plan.tables.items() for part in m.parts.values() for c, e in part.items()]
    present = set(plan.tables) | {f"{t}.{c}" for t, c, e in entries if "value" not in e.words}
    return Guess(mapping, files, present, plan.doubts)


def _planned(export: Export) -> Plan:
    """Decide which file feeds which table, and each column of it."""
    plan = Plan(export, _origins(export), DAY)
    for doubt in export.doubts:
        plan.doubt(5, doubt)
    for file in export.files:
        for doubt in file.doubts:
            plan.doubt(4, f"{one_line(file.name)}: {doubt}")
    for feed in [f for f in guess.feeds(export) if f.file.table in plan.origins]:
        others = plan.feeds.setdefault(feed.table, [])
        if not others or _follows(export, others, feed):
            others.append(feed)
        else:
            plan.doubt(6, f"{one_line(feed.file.name)}: looks like {feed.table} as well, and is not mapped")
    _settle_keys(plan)
    known = [f.fact(schema.spec(t).known or "") for t, feeds in plan.feeds.items() for f in feeds]
    days = [str(x.low) for x in known if x and x.low]
    days = days or [str(x.low) for f in export.files for x in f.facts.values() if x.kind == "date" and x.low]
    plan.first_day = min((d for d in days if d > "1900"), default=DAY)
    for table in [t for t in schema.CANONICAL if t in plan.feeds]:
        _make(plan, table)
    for table, bases in DERIVED.items():
        _derive(plan, table, bases)
    if not plan.tables:
        _last_resort(plan)
    return plan


def _origins(export: Export) -> dict[str, Origin]:
    """Name the sources, apart from all columns.

    A file that an import would refuse is none.
    """
    taken, origins = {c.lower() for f in export.files for c in f.facts} | RESERVED, dict[str, Origin]()
    for file in export.files:
        name = re.sub(r"\W+", "_", "_".join(guess.tokens(file.stem)) or "file")
        name = name if re.match(r"[a-z_]", name) else f"file_{name}"
        name = next(n for n in (name, f"{name}_file", *(f"{name}_{i}" for i in range(2, 9_999))) if n not in taken)
        if file.facts and values.ROW not in {c.lower() for c in file.facts}:
            origins[file.table] = Origin(name, file, file.source.model_dump(exclude_unset=True))
            taken.add(name)
    return origins


def _follows(export: Export, others: list[Feed], feed: Feed) -> bool:
    """Say whether a file may give more rows of a table: named as the table is, and no key in both."""
    key = KEYS.get(feed.table, ("",))[0]
    if feed.named < guess.NAMED or any(key not in f.matches for f in (feed, *others)):
        return False
    facts = [(f.file, f.matches[key].fact) for f in (feed, *others)]
    return all(overlap(export, other, facts[0]) == 0 for other in facts[1:])


def _settle_keys(plan: Plan) -> None:
    """Choose keys and references together: by names, and by how many values here are found there."""
    for table, (key, name) in KEYS.items():
        pointing = [f for feeds in plan.feeds.values() for f in feeds if _refers(f.table, table)]
        for feed in plan.feeds.get(table, []):
            keys = [m for m in candidates(feed.file, table, key) if m.fact.distinct >= 0.9 * m.fact.filled > 0][:4]
            if name in feed.matches and feed.matches[name].fact.unique:
                keys.append(Match(feed.matches[name].fact, 0.5))
            scores = {m.fact.name: sum(_best_share(plan, feed.file, m, p, table) for p in pointing) for m in keys}
            if keys:
                feed.matches[key] = max(keys, key=lambda m: (round(scores[m.fact.name], 1), m.fact.unique, m.score))
        targets = [(f.file, f.matches[key].fact) for f in plan.feeds.get(table, []) if key in f.matches]
        for feed in pointing if targets else []:
            _refer(plan, feed, table, targets)


def _refers(table: str, to: str) -> list[str]:
    """Give the columns of a table that name rows of another."""
    refs = {c: d.ref for c, d in schema.CANONICAL[table].columns.items()}
    return [c for c, ref in refs.items() if ref and ref.split(".")[0] == to and table != to]


def _best_share(plan: Plan, file: File, key: Match, feed: Feed, table: str) -> float:
    near = [m for c in _refers(feed.table, table) for m in candidates(feed.file, feed.table, c, bare=False)[:3]]
    return max((overlap(plan.export, (feed.file, m.fact), (file, key.fact)) for m in near), default=0.0)


def _refer(plan: Plan, feed: Feed, table: str, targets: list[tuple[File, Fact]]) -> None:
    """Take for a reference the column whose values are best found in the other file."""
    for column in _refers(feed.table, table):
        taken = {m.fact.name for c, m in feed.matches.items() if c != column and c[0] != "_"}
        near = [m for m in candidates(feed.file, feed.table, column, bare=False)[:4] if m.fact.name not in taken]
        shares = [max(overlap(plan.export, (feed.file, m.fact), t) for t in targets) for m in near]
        if not near:
            continue
        found, best = max(zip(shares, near, strict=True), key=lambda pair: (round(pair[0], 1), pair[1].score))
        place, name = f"{feed.table}.{column}", one_line(best.fact.name)
        if found < 0.05 and best.score < 0.95 and column not in schema.needed(feed.table):
            feed.matches.pop(column, None)
            plan.doubt(4, f"{place}: {name} names none of {table}; not mapped")
            continue
        feed.matches[column] = best
        if found < 0.5 and best.fact.filled:
            plan.doubt(3, f"{place}, from {name}: only {found:.0%} of its values are found in {table}")


def _make(plan: Plan, table: str) -> None:
    """Make a table from all files that feed it.

    One that lacks what must be there is left out.
    """
    made = Made({})
    for feed in plan.feeds[table]:
        origin = plan.origin(feed.file)
        before = [*origin.keep], {**origin.join}
        part = _part(plan, feed, made)
        if lacking := [c for c in schema.needed(table) if c not in part]:
            origin.keep, origin.join = before
            doubt = f"looks like {table}, and nothing in it is {', '.join(lacking)}; not mapped"
            plan.doubt(2, f"{one_line(feed.file.name)}: {doubt}")
        else:
            made.parts[origin.name] = part
            _use(origin, table, part)
    if made.parts:
        plan.tables[table] = made
        _group(made)


def _part(plan: Plan, feed: Feed, made: Made) -> Part:
    """Map the columns of one file to one table."""
    table, origin = feed.table, plan.origin(feed.file)
    keep_living(plan, feed)
    part: Part = {}
    for c, m in [(c, m) for c, m in feed.matches.items() if c[0] != "_"]:
        if entry := entry_of(table, c, m.fact, m.score):
            part[c] = entry
            _correct(plan, origin, m.fact)
            for doubt in m.fact.doubts:
                plan.doubt(1, f"{table}.{c}, from {one_line(m.fact.name)}: {doubt}")
        else:
            plan.doubt(5, f"{table}.{c}: {one_line(m.fact.name)} is called so, and its values do not fit; not mapped")
    _look_up(plan, feed, part, origin)
    if table in draft_columns.SPECIAL:
        draft_columns.SPECIAL[table](plan, feed, part)
    _fill(plan, feed, part, origin, made)
    return {c: part[c] for c in schema.CANONICAL[table].columns if c in part}


def _correct(plan: Plan, origin: Origin, fact: Fact) -> None:
    """Put right the spellings that differ from another file's key by blanks, signs or capitals alone."""
    if fact.type != "VARCHAR" or fact.kind != "text" or personal(fact) or fact.distinct > 5_000:
        return
    for other, key in _dimensions(plan, origin.file, fact):
        here, there = plan.distinct(origin.file, fact), plan.distinct(other, key)
        right = {_squashed(v): v for v in there}
        wrong = {v: right[_squashed(v)] for v in sorted(here - there) if _squashed(v) in right}
        if wrong and len(wrong) <= 20:
            origin.correct[fact.name] = wrong
            plan.doubt(4, f"{origin.name}: {some(wrong)} in {one_line(fact.name)} taken for a misspelling")


def _squashed(value: str) -> str:
    return "".join(c for c in value.lower() if c.isalnum())


def _dimensions(plan: Plan, file: File, fact: Fact) -> Iterator[tuple[File, Fact]]:
    """Find the keys of other files that a column refers to.

    Their names are equal, or one ends with the other, and half of the values are found there.
    """
    name = guess.tokens(fact.name)
    others = [f for f in plan.export.files if f.table != file.table and f.table in plan.origins]
    for other, key in [(f, key) for f in others for key in f.facts.values()]:
        theirs = guess.tokens(key.name)
        alike = name == theirs or (len(theirs) > 1 and name[-len(theirs) :] == theirs)
        fits = alike and key.distinct >= key.filled > 0 and key.kind in ("text", "int", "decimal")
        if fits and overlap(plan.export, (file, fact), (other, key)) >= 0.5:
            yield other, key


def _look_up(plan: Plan, feed: Feed, part: Part, origin: Origin) -> None:
    """Join other files for columns worth having that this one lacks."""
    wanted = {c for c in WORDS["lookups"].get(feed.table, []) if c not in part}
    facts = [f for f in feed.file.facts.values() if f.filled] if wanted else []
    for fact, other, key in [(f, *d) for f in facts for d in _dimensions(plan, feed.file, f)]:
        target = plan.origin(other)
        near = guess.matched(other, feed.table, wanted)
        gains = {c: m for c, m in near.items() if m.score >= SURE and m.fact is not key}
        entries = {c: e for c, m in gains.items() if (e := entry_of(feed.table, c, m.fact, m.score))}
        if not entries or target.name in origin.join or any("sql" in e.words for e in entries.values()):
            continue
        _correct(plan, origin, fact)
        mine, theirs = (values.as_text(f.type, f.x) for f in (fact, key))
        known = f"(select {theirs} from {other.table} where {theirs} is not null)"
        total, lost = plan.ask(feed.file, f"count({mine}), count({mine}) filter (where {mine} not in {known})")
        origin.join[target.name] = {"by": {fact.name: key.name}, "budget": budget(lost / total)}
        origin.used[fact.name] = fact
        for c, entry in entries.items():
            source = gains[c].fact
            doubt = "; ".join(filter(None, [entry.doubt, f"looked up by {one_line(fact.name)}"]))
            part[c] = Entry(entry.words | {"column": f"{target.name}.{source.name}"}, doubt)
            target.used |= {source.name: source, key.name: key}
            feed.matches.setdefault(c, Match(source, gains[c].score))
        wanted -= set(entries)


def _fill(plan: Plan, feed: Feed, part: Part, origin: Origin, made: Made) -> None:
    """Fill what must be there and is not, and group repeated keys."""
    table = feed.table
    key, name = KEYS.get(table, ("", ""))
    key_fact, needed = feed.fact(key), schema.needed(table)
    if key and key not in part and name in part and feed.matches[name].fact.distinct >= 0.5 * feed.file.rows:
        part[key], key_fact = Entry(dict(part[name].words), "there is no key; the name is taken"), feed.fact(name)
    elif key and key not in part and table in ("activities", "surveys", "transactions"):
        part[key] = Entry({"key": [values.ROW]}, "there is no key; the number of the row is taken")
    if name in needed and name not in part and key in part:
        part[name] = Entry(dict(part[key].words), "there is no name; the key is taken")
    for c in needed:
        constant = WORDS["constants"].get(f"{table}.{c}")
        if c not in part and constant:
            day = constant == "first day"
            doubt = "not in the export; the first day of all facts" if day else "not in the export"
            part[c] = Entry({"value": plan.first_day if day else constant}, doubt)
            plan.doubt(2, f"{table}.{c}: {doubt if day else f'{doubt}; {constant} is taken'}")
        if c in part and not origin.joined(part[c].words.get("column", "")):
            _fill_gaps(plan, feed, part[c], c, key_fact, origin)
    if key_fact and key_fact.distinct < key_fact.filled and "column" in part.get(key, Entry({})).words:
        if table in ("transactions", "activities"):
            part[key] = Entry({"key": [key_fact.name, values.ROW]}, "the column repeats, so the row number is added")
        else:
            made.group, count = key, key_fact.filled - key_fact.distinct
            plan.doubt(2, f"{table}: {count} rows repeat a {one_line(key_fact.name)}; the first row of each is taken")


def _fill_gaps(plan: Plan, feed: Feed, entry: Entry, column: str, key: Fact | None, origin: Origin) -> None:
    """Fill the gaps of a column that must not have any, or leave these rows out."""
    fact, place = feed.fact(column), f"{feed.table}.{column}"
    gaps = plan.gaps(feed.file, fact) if fact and {"column", "sql"} & set(entry.words) else 0
    if not fact or not gaps:
        return
    constant, rest = WORDS["constants"].get(place), {w: v for w, v in entry.words.items() if w not in ("column", "sql")}
    filler: tuple[str, str, dict[str, Any]] | None = None
    if "map" in entry.words:
        entry.words["map"] = {**entry.words["map"], "": entry.words.get("else") or constant}
        return
    if column == KEYS.get(feed.table, ("", ""))[1] and key and not plan.gaps(feed.file, key):
        filler = f"{_word(fact)}, {_word(key)}", "the key", {}
    elif place in GAP_FREE and fact.earliest:
        first = text(fact.earliest) + ("" if fact.type == "VARCHAR" else f"::{fact.type}")
        filler = f"{quoted(fact.name)}, {first}", "the earliest", rest
    elif constant and schema.CANONICAL[feed.table].columns[column].kind in TEXTS:
        filler = f"{_word(fact)}, {text(constant)}", constant, {}
    if filler:
        entry.words = {"sql": f"coalesce({filler[0]})"} | filler[2]
        entry.doubt = f"{gaps} of {feed.file.rows} are missing; {filler[1]} is taken for these"
    else:
        plan.keep(origin, origin.keep, fact, "{x} is not null", f"no {one_line(fact.name)}")


def _word(fact: Fact) -> str:
    """Give the SQL of a column as text."""
    return quoted(fact.name) if fact.type == "VARCHAR" else values.as_text(fact.type, quoted(fact.name))


def _group(made: Made) -> None:
    """Say of every column of a grouped table but the key which value to take."""
    for part in made.parts.values() if made.group else []:
        for c, entry in part.items():
            if c != made.group:
                entry.words.setdefault("take", "first")


def _derive(plan: Plan, table: str, bases: Iterable[str]) -> None:
    """Make a table that no file holds from the keys that another table's file names."""
    key, name = KEYS[table]
    base = next((t for t in bases if t in plan.tables and key in next(iter(plan.tables[t].parts.values()))), None)
    if table in plan.tables or base is None:
        return
    origin = next(o for o in plan.origins.values() if o.name in plan.tables[base].parts)
    feed = next(f for f in plan.feeds[base] if plan.origin(f.file) is origin)
    entry, fact = plan.tables[base].parts[origin.name][key], feed.fact(key)
    if fact is None or entry.words.get("column") != fact.name:
        return
    taken = {fact.name, *(m.fact.name for c, m in feed.matches.items() if c[0] != "_" and c != key)}
    part: Part = {key: Entry(dict(entry.words))}
    for c, m in guess.matched(feed.file, table, DETAILS & set(schema.CANONICAL[table].columns)).items():
        if m.fact.name not in taken and m.score >= SURE and (e := entry_of(table, c, m.fact)):
            gaps = c == name and plan.gaps(feed.file, m.fact)
            words = {"sql": f"coalesce({_word(m.fact)}, {_word(fact)})"} if gaps else e.words
            part[c] = Entry(words | {"take": "most_common"}, e.doubt)
    part.setdefault(name, Entry(dict(entry.words), "there is no name; the key is taken"))
    known = feed.fact(schema.spec(base).known or "")
    if table == "accounts" and known and (at := entry_of(table, "created_at", known)):
        part["created_at"] = Entry(at.words | {"take": "min"}, "not in the export; the first fact of each")
    elif table == "accounts":
        part["created_at"] = Entry({"value": plan.first_day}, "not in the export; the first day of all facts")
    made = Made({origin.name: {c: part[c] for c in schema.CANONICAL[table].columns if c in part}}, group=key)
    if plan.gaps(feed.file, fact) and not any(quoted(fact.name) in k["where"] for k in origin.keep):
        plan.keep(origin, made.keep, fact, "{x} is not null", f"no {one_line(fact.name)}")
    plan.tables[table] = made
    _group(made)
    _use(origin, table, part)
    plan.doubt(2, f"{table}: no file lists them; made from the {one_line(fact.name)} of {one_line(feed.file.name)}")


def _last_resort(plan: Plan) -> None:
    """Map the likeliest key of the largest file as accounts, so that there is a mapping to correct."""
    if not plan.origins:
        raise TableError(f"{plan.export.folder.name}: no file can be mapped. Rename columns called {values.ROW}.")
    origin = max(plan.origins.values(), key=lambda o: o.file.rows)
    fact = max(origin.file.facts.values(), key=lambda f: (f.kind in ("text", "int"), f.unique, f.filled, -f.number))
    whole = fact.filled and fact.distinct >= origin.file.rows
    words: dict[str, Any] = {"column": fact.name} if whole else {"key": [values.ROW]}
    part = {c: Entry(dict(words), "nothing here looks like accounts") for c in ("account_id", "name")}
    part["created_at"] = Entry({"value": plan.first_day}, "not in the export")
    plan.tables["accounts"] = Made({origin.name: part})
    _use(origin, "accounts", part)
    plan.doubt(0, f"no file looks like a table of the workbook; {one_line(origin.file.name)} stands for accounts")


def _use(origin: Origin, table: str, part: Part) -> None:
    """Note the columns of a file that a table takes, and whether its times need a zone."""
    for c, entry in part.items():
        column, sql, key = (entry.words.get(w) for w in ("column", "sql", "key"))
        for name, fact in origin.file.facts.items():
            if name == column or name in (key or ()) or quoted(name) in str(sql):
                origin.used[name] = fact
        if schema.CANONICAL[table].columns[c].kind == "ts":
            words = f"{column} {sql} {key}"
            dated = [f for n, f in origin.used.items() if n in words]
            bare = any(f.kind in ("date", "time") and not f.zoned for f in dated)
            origin.local |= bare or "." in words or "value" in entry.words


def _currency(plan: Plan) -> tuple[str, str]:
    """Guess the reporting currency from signs, codes and names.

    Say what is doubtful.
    """
    met: dict[str, str] = {}
    for fact in [f for origin in plan.origins.values() for f in origin.file.facts.values()]:
        name = one_line(fact.name)
        if fact.currency:
            met[fact.currency] = f"by the signs in {name}"
        for code, signs in WORDS["currencies"].items():
            if fact.kind in ("int", "decimal") and set(guess.tokens(fact.name)) & set(signs):
                met[code] = f"by the name {name}"
        if guess.name_score(fact.name, "transactions", "_currency") >= 0.9:
            met |= {v.upper(): f"by {name}" for v in fact.values if v.upper() in WORDS["currencies"]}
    if len(met) == 1:
        return next(iter(met.items()))
    several = f"several are met ({', '.join(sorted(met))}); convert to one"
    return settings.Settings().currency, several if met else "nothing in the export names it"


def _tried(plan: Plan, title: str, folder: Path, work: Path) -> str:
    """Try the mapping.

    A column that may be absent and does not import is left out, anything else is the first doubt.
    """
    currency, path = _currency(plan), work / "draft.yml"
    size = sum(p.stat().st_size for o in plan.origins.values() for p in o.file.paths)
    doubt = "it does not import yet, and too many columns are wrong to say which"
    for number in range(TRIES):
        path.write_text(written(plan, title, currency), "utf-8")
        try:
            mapping = load_mapping(path)
            if size > TRIED:
                doubt = "the draft was not tried, for the export is big: import it to see whether all values read"
                break
            mapped.run(mapping, folder, work / f"try{number}", TRIAL_KEY)
            return path.read_text("utf-8")
        except ValueError as wrong:  # without its values, for they may be a person's
            line = re.sub(r" ?\(first: .*\]\)", "", " ".join(str(wrong).split())).replace("draft.yml: ", "")
            if not _drop(plan, one_line(line, 400)):
                doubt = f"it does not import yet: {one_line(line, 400)}"
                break
    plan.doubt(0, doubt)
    return written(plan, title, currency)


def _drop(plan: Plan, error: str) -> bool:
    """Leave out the column that an error is about, if its table can do without."""
    place = re.match(r"(?:tables\.)?(\w+)(?:: |\.columns\.)(\w+)", error)
    if not place or place[1] not in plan.tables or place[2] in schema.needed(place[1]):
        return False
    gone = [part.pop(place[2], None) for part in plan.tables[place[1]].parts.values()]
    if any(gone):
        plan.doubt(1, f"left out: {error}")
    return any(gone)
