"""The mapping of a draft as it grows: which file feeds which table, by which key, looked up in which other file."""

# ruff: noqa: S608  SQL is put together here: columns pass quoted, tables are numbered
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import match, packs
from abmlib.tables.importers.exports import Export, File
from abmlib.tables.importers.facts import Fact, one_line
from abmlib.tables.importers.mapping_checks import needed
from abmlib.tables.importers.mapping_file import NTH, Mapping
from abmlib.tables.importers.match import ENTITIES, Feed
from abmlib.tables.importers.recipes import FILL_IN, Entry, Part, entry_of, read_as, special, written_as
from abmlib.tables.importers.sql import one, text, texts

FOUND = 0.05  # share of values that must be found where they refer to, or nothing is looked up
ALIKE = 0.02  # share of rows of one made key from which one more column is taken
PARTS = {  # what tells the rows of a table apart that have no key: the first two there are, and more if many are alike
    "opportunities": ("account_id", "name", "created_at", "closed_at", "close_date", "amount"),
    "activities": ("_subject", "occurred_at", "contact_id", "account_id"),
    "transactions": ("_document", "account_id", "booked_at", "product_id"),
    "leads": ("_email", "full_name", "_company", "created_at"),
    "contacts": ("_email", "full_name", "_last_name", "account_id"),
    "surveys": ("account_id", "responded_at"),
}
ORDER = ("accounts", "contacts", "products", "campaigns", "opportunities")  # tables that others refer to come first
FACTS = ("transactions", "opportunities", "activities")  # one of these a book must have
OF_NO_SALE = ("account_id", "created_at", "owner_id", "is_duplicate_of")  # what a file of sales never tells
WITH_ATTRIBUTES = ("accounts", "opportunities", "leads")
RESERVED = {"true", "false", "null"}


@dataclass
class Extra:
    """What a source is told beside how it is written."""

    derive: dict[str, str] = field(default_factory=dict)
    keep: list[dict[str, Any]] = field(default_factory=list)
    join: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Plan:
    """The mapping as it grows."""

    export: Export
    pack: str
    feeds: list[Feed]
    tables: dict[str, dict[str, Part]] = field(default_factory=dict)  # by source
    words: defaultdict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))  # of tables
    extra: defaultdict[str, Extra] = field(default_factory=lambda: defaultdict(Extra))  # of sources
    doubts: dict[tuple[int, str], None] = field(default_factory=dict)  # weight, the least first, and text
    idle: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # columns by source and reason
    idle_files: dict[str, str] = field(default_factory=dict)  # by source
    first: dict[str, Feed] = field(default_factory=dict)  # the main file of each table
    names: dict[str, str] = field(default_factory=dict)  # of the sources, by the table in the engine

    def doubt(self, weight: int, doubt: str) -> None:
        """Note a doubt for the head of the file."""
        self.doubts.setdefault((weight, doubt))

    @property
    def ordered(self) -> tuple[str, ...]:
        """The doubts, the most important first."""
        return tuple(doubt for _, doubt in sorted(self.doubts, key=lambda d: d[0]))

    @property
    def looked_up(self) -> set[str]:
        """The sources that others look up."""
        return {other for its in self.extra.values() for other in its.join}

    def make(self) -> None:
        """Decide which file feeds which table, and each column of it."""
        self.names = _names(self.export)
        self.doubt(2, "workbook.time_zone: UTC is taken; write that of your offices, such as Europe/London")
        for doubt in self.export.doubts:
            self.doubt(2, doubt)
        for file, doubt in [(f, doubt) for f in self.export.files for doubt in f.doubts]:
            self.doubt(3, f"{one_line(file.name)}: {doubt}")
        pairs = [(feed, table) for feed in self.feeds for table in feed.kind.table]
        for feed in self.feeds:
            feed.source = self.names[feed.file.table]
        for feed, table in pairs:
            if self._adds(feed, table):
                self.first.setdefault(table, feed)
                self.tables.setdefault(table, {})[feed.source] = {}
        for feed in self.feeds:
            self._drop(feed)
        for feed, table in sorted(pairs, key=lambda p: ORDER.index(p[1]) if p[1] in ORDER else len(ORDER)):
            if feed.source in self.tables.get(table, {}):
                self.tables[table][feed.source] = self._part(feed, table)
        self._leave_unfilled()
        self._take_main_contact()
        if "accounts" not in self.tables:
            self._derive_accounts()
        used = self._used()
        for file in self.export.files:
            self._settle_idle(file, self.names[file.table], used)

    def _adds(self, feed: Feed, table: str) -> bool:
        """Say whether a file's rows belong to a table that another file may feed already."""
        log = feed.kind.changes or {}
        if log and (field := feed.found.get(log["field"])) and field.values:
            names = {n.lower() for word, its in log.items() if isinstance(its, list) for n in its}
            if not names & {v.lower() for v in field.values}:
                self.idle_files[feed.source] = (
                    "none of its fields is a deal's stage, amount, closing day or probability"
                )
                return False
        if (other := self.first.get(table)) is None:
            return True
        loose = table in ("activities", "transactions")  # of these, files without a common key are different ones
        ways = [schema.key(table)[:1], () if loose else PARTS.get(table, ())[:3]]  # what else there is may change
        keys = next(filter(None, ([n for n in w if n in feed.found and n in other.found] for w in ways)), [])
        mine, theirs = (f"concat_ws('|', {', '.join(f.found[n].x for n in keys) or 'null'})" for f in (feed, other))
        share = match.overlap(self.export, (feed.file, mine), (other.file, theirs)) if keys else 0.0
        alike = feed.score > (other.score / 3 if keys else match.NAMED / 2)
        if (keys or loose) and share < 0.01 and alike and table != "opportunity_stage_history":
            return True
        file, taken = one_line(feed.file.label), one_line(other.file.label)
        what = f"{share:.0%} of its {table} are in {taken} as well; if the others count, put both into one file"
        self.idle_files[feed.source] = what = what if share >= 0.01 else f"{table} are taken from {taken}"
        self.doubt(1 if share >= 0.01 else 4, f"{table}: {file} ({feed.file.rows} rows) is not mapped: {what}")
        return False

    def _leave_unfilled(self) -> None:
        """Leave out a table that lacks a needed column, where another one holds what happened."""
        parts = {t: [e for p in its.values() for e in p.items()] for t, its in self.tables.items()}
        lacks = {t: [c for c, e in its if e.words.get("column") == FILL_IN] for t, its in parts.items()}
        if any(t in lacks and not lacks[t] for t in FACTS):
            for table in [t for t in lacks if lacks[t] and t != "accounts"]:
                for source in self.tables.pop(table):
                    self.idle_files[source] = f"{table} need {', '.join(lacks[table])}, and it has none"
                    self.doubt(1, f"{table}: left out; nothing in {source} is {', '.join(lacks[table])}")

    def _take_main_contact(self) -> None:
        """Take the contact that the file of deals names, where contacts know it and no file lists who takes part."""
        deals, named = self.tables.get("opportunities", {}), "opportunity_contacts"
        feed = next((f for f in self.feeds if f.source in deals and "_contact" in f.found), None)
        if named in self.tables or "contacts" not in self.tables or feed is None or len(deals) > 1:
            return
        other, fact, key = self.first["contacts"], feed.found["_contact"], deals[feed.source]["opportunity_id"].words
        keyed = other.file.facts.get(self.tables["contacts"][other.source]["contact_id"].words.get("column", ""))
        self._refer(feed, named, "contact_id", entry := Entry({"column": fact.name}))
        where, lost = fact.x, 1 - fact.filled / fact.rows
        if keyed and other.source in self.extra[feed.source].join:
            where, lost = f"{other.source}.{keyed.x}", lost + self.extra[feed.source].join[other.source]["budget"]
        elif not keyed or match.overlap(self.export, (feed.file, fact.x), (other.file, keyed.x)) < FOUND:
            return
        where = f"{where} is not null"
        if NTH in key.get("key", ()):  # the number of a row among those alike hangs on which of them are left out
            names = [n for n in key["key"] if n in feed.file.facts]
            parts = (f"lower(trim({feed.file.facts[n].x}::varchar))" for n in names)
            self.extra[feed.source].derive["rows alike"] = f"count(*) over (partition by {', '.join(parts)})"
            where = f'"rows alike" = 1 and {where}'
            lost += 2 * match.alike(self.export, feed.file, names) / feed.file.rows
        part = {"opportunity_id": Entry(dict(key)), "contact_id": entry, "is_primary": Entry({"value": "true"})}
        self.tables[named] = {feed.source: part}
        self.words[named]["keep"] = [{"where": where, "why": "no contact that is known", "budget": _budget(lost)}]
        self.doubt(4, f"{named}: {one_line(fact.name)} is the main contact of each deal; no file names the others")

    # -- one table of one file ----------------------------------------------------------------------------------------

    def _part(self, feed: Feed, table: str) -> Part:
        """Map the columns of one file to one table; one that must be there and is not is a constant or `FILL_IN`."""
        part, columns = Part(), schema.spec(table).columns
        for c in (c for c, d in columns.items() if not d.derived):
            if entry := self._column(feed, table, c):
                part[c] = entry
                if why := entry.doubt if c == "opted_out" else feed.doubts.get(c):
                    self.doubt(0 if c == "opted_out" else 2, f"{table}.{c}, from {one_line(feed.found[c].name)}: {why}")
        if table == "targets" and "entered_at" in part:
            self.doubt(2, "targets.entered_at: three months before the period is taken; correct it if set later")
        for weight, doubt in special(table, feed, part):
            self.doubt(weight, doubt)
        self._key(feed, table, part)
        for c in schema.needed(table):
            self._needed(feed, table, part, c)
        for c in (c for c, d in columns.items() if c in part and d.ref):
            self._refer(feed, table, c, part[c])
        if log := feed.kind.changes:
            named = {w: feed.found[log[w]].name for w in ("field", "old", "new") if log.get(w) in feed.found}
            self.words[table] = {"changes": {w: v for w, v in log.items() if w not in ("field", "old", "new")} | named}
            part = {c: e for c, e in part.items() if c in ("opportunity_id", "entered_at")}
        return {c: part[c] for c in columns if c in part and part[c].words}

    def _column(self, feed: Feed, table: str, column: str, prefix: str = "") -> Entry | None:
        """Make a canonical column by the first recipe of which all parts are there, or of its header."""
        places = (f"{table}.{column}", prefix + column)
        own = next((feed.kind.columns[p] for p in places if p in feed.kind.columns), ())
        named = next(([p] for p in places if p in feed.found), [])
        usual = packs.common().columns.get(places[0], ()) if not prefix else ()
        tried = (self._cooked(feed, table, column, recipe) for recipe in (*own, *named, *usual))
        if (entry := next(filter(None, tried), None)) is None and named:
            name = one_line(feed.found[named[0]].name)
            self.doubt(5, f"{table}.{column}: the values of {name} do not fit; not mapped")
        return entry

    def _cooked(self, feed: Feed, table: str, column: str, recipe: packs.Recipe) -> Entry | None:
        """Make a column by one recipe; None where a part is not there, or its values do not fit."""
        given = {"column": recipe} if isinstance(recipe, str) else recipe
        parts = {name: at for name in packs.parts(recipe) if (at := self._at(feed, name))}
        if len(parts) < len(packs.parts(recipe)):
            return None
        if "sql" in given:
            kind = schema.spec(table).columns[column].kind
            raw = [parts[n][1] for n, how in re.findall(packs.PART, given["sql"]) if not how]
            put = {n: (f.x if of is feed else f"{of.source}.{f.x}", f) for n, (of, f) in parts.items()}
            sql = re.sub(packs.PART, lambda m: read_as(*put[m[1]], m[2]), given["sql"])
            return Entry(written_as(kind, raw) | {**given, "sql": sql})
        if "key" in given:
            return Entry({**given, "key": [parts[n][1].name if n in parts else n for n in given["key"]]})
        if "column" not in given:
            return Entry(dict(given))
        of, fact = parts[given["column"]]
        header = fact.name if of is feed else f"{of.source}.{fact.name}"
        if given.get("hash") and column == schema.key(table)[0] and fact.distinct < fact.rows:
            return None
        entry: Entry | None = Entry({"column": header})
        if {"map", "hash"}.isdisjoint(given):
            entry = entry_of(table, column, fact, header, feed.kind.pack)
        more = {w: v for w, v in given.items() if w not in ("column", "unit")}
        return Entry(entry.words | more, entry.doubt) if entry else None

    def _key(self, feed: Feed, table: str, part: Part) -> None:
        """Settle the key: one that repeats gets a number, one that is not there is made of what tells rows apart."""
        key, name = schema.key(table)[0], "name" if "name" in schema.spec(table).columns else ""
        fact = feed.file.facts.get(part[key].words.get("column", "")) if key in part else None
        if len(schema.key(table)) == 1 and not (key in part and (not fact or fact.distinct == fact.filled)):
            if table in ENTITIES and (fact or name in part):
                if key not in part:
                    part[key] = Entry(dict(part[name].words), "there is no key; the name is taken")
                base = fact or feed.found[name]
                if base.distinct < base.filled:
                    self.words[table]["one_row_per"] = [key]
                    for c in part.keys() - {key}:
                        part[c].words["take"] = "first"
                    rest = f"{base.filled - base.distinct} rows repeat a {one_line(base.name)}; the first is taken"
                    self.doubt(1, f"{table}: {rest}")
            elif table in PARTS:
                others = (f.name for n in PARTS[table] if (f := feed.found.get(n)))
                names = [*dict.fromkeys([*([fact.name] if fact else []), *others])]
                least = 3 if {"account_id", "name"} <= {*feed.found} and table == "opportunities" and not fact else 2
                telling = names[:least]
                while (alike := match.alike(self.export, feed.file, telling)) > ALIKE * feed.file.rows and len(
                    telling
                ) < len(names):
                    telling = names[: len(telling) + 1]
                why = "the column repeats, so rows are numbered" if fact else "there is no key; one is made"
                open_to_all = table in ("opportunities", "transactions") and not any(map(match.personal, telling))
                if len(self.tables[table]) > 1:  # rows of two files may be alike
                    self.extra[feed.source].derive["of file"] = text(feed.source)
                    telling.append("of file")
                words = {"key": [*telling, "_nth"] if telling else ["_row"]}
                part[key] = Entry(words if open_to_all or not telling else words | {"hash": True}, why)
                if table == "opportunities":
                    of = ", ".join(map(one_line, telling)) or "the row number"
                    same = f"; rows alike in these: {alike} of {feed.file.rows}" if alike else ""
                    self.doubt(1 if alike else 2, f"{table}.{key}: {why}, of {of}{same}")
        if name in schema.needed(table) and name not in part and key in part:
            part[name] = Entry(dict(part[key].words), "there is no name; the key is taken")

    def _needed(self, feed: Feed, table: str, part: Part, column: str) -> None:
        """Say what to do about a column that must be there and is not, or has gaps."""
        place, constant = f"{table}.{column}", packs.common().constants.get(f"{table}.{column}")
        words = part[column].words if column in part else {}
        fact = feed.file.facts.get(words.get("column", ""))
        if not words and constant:
            part[column] = Entry({"value": constant}, "not in the export")
            self.doubt(3, f"{place}: not in the export; {constant} is taken")
        elif not words:
            part[column] = Entry({"column": FILL_IN}, "name its column, or join its file")
            self.doubt(0, f"{place}: nothing in {one_line(feed.file.name)} is it")
        elif fact and fact.filled < fact.rows and "" not in words.get("map", {}):
            what = f"{place}, from {one_line(fact.name)}: {fact.rows - fact.filled} of {fact.rows} are missing"
            if constant and "map" not in words:
                part[column] = Entry({"sql": f"coalesce({fact.x}::varchar, {text(constant)})"})
                self.doubt(3, f"{what}; {constant} is taken")
            else:
                self._keep(feed, f"{fact.x} is not null", f"no {one_line(fact.name)}", table)
                if table != "targets":  # no target was set
                    self.doubt(1, f"{what}; these rows are left out")

    def _keep(self, feed: Feed, where: str, why: str, table: str = "", least: float = 0.0) -> int:
        """Leave rows out of a table that one file feeds, or of all that a file feeds; give how many."""
        its = keeps = self.extra[feed.source].keep
        if table and len(self.tables[table]) == 1:
            its = self.words[table].setdefault("keep", [])
        before = [k["where"] for k in (keeps if its is keeps else keeps + its)]
        kept = " and ".join(f"({w})" for w in before) or "true"
        lost = f"count(*) filter (where not coalesce({where}, false))"
        rows, left = one(self.export.con, f"select count(*), {lost} from {feed.file.table} where {kept}")
        if where not in before:
            its.append({"where": where, "why": why, "budget": max(least, _budget(left / max(1, rows)))})
        return int(left)

    def _drop(self, feed: Feed) -> None:
        """Leave out what is below the table, and rows that are deleted, drafts or cancelled."""
        if feed.file.tail:
            share = feed.file.tail / (feed.file.rows + feed.file.tail)
            self._keep(feed, feed.file.above, "total, or below the table", least=_budget(share))
        for name, drop in feed.kind.drop.items():
            if not (fact := feed.found.get(name)):
                continue
            seen, listed = {v.lower() for v in fact.values}, [*map(str.lower, drop.values)]
            listed = [v for v in listed if v in seen] or listed
            where = f"coalesce(lower({fact.x}::varchar), '') not in ({texts(listed)})"
            left = self._keep(feed, where, drop.why, least=0.1)
            what = f"{one_line(feed.file.label)}: {left} of {fact.rows} rows are"
            if left == fact.rows:
                self.extra[feed.source].keep.pop()
                self.doubt(1, f"{what} {drop.why}, if that is so; they stay")
            elif left:
                self.doubt(4, f"{what} left out: {drop.why}")

    # -- other files --------------------------------------------------------------------------------------------------

    def _at(self, feed: Feed, name: str) -> tuple[Feed, Fact] | None:
        """Find the column of a name, in the file or in one that it is joined to."""
        joined, _, theirs = name.rpartition(".")
        if joined not in feed.kind.joins:
            return (feed, feed.found[name]) if name in feed.found else None
        others = [f for f in self.feeds if f.kind.name == joined and f is not feed and theirs in f.found]
        other = min(others, key=lambda f: f.kind.pack is not feed.kind.pack, default=None)
        if other is None:
            return None
        pairs = [(feed.found.get(here), _named(other, there)) for here, there in feed.kind.joins[joined].items()]
        return (other, other.found[theirs]) if self._look_up(feed, other, pairs) else None

    def _look_up(self, feed: Feed, other: Feed, pairs: list[tuple[Fact | None, tuple[str, str] | None]]) -> bool:
        """Join a file to another by columns that agree, unless they share no values; what repeats there finds nothing."""
        its, by = self.extra[feed.source], dict[str, str]()
        if other.source in its.join:
            return True
        lost, kept = 0.0, " and ".join(f"({k['where']})" for k in its.keep) or "true"
        for here, there in pairs:
            if not here or not there or match.overlap(self.export, (feed.file, here.x), (other.file, there[1])) < FOUND:
                return False
            by[here.name] = self._once(other, *there) if len(pairs) == 1 else there[0]
            once = f"select {there[1]}::varchar as v from {other.file.table} group by 1 having count(*) = 1"
            hits = f"count({here.x}), count(*) filter (where {here.x}::varchar in ({once}))"
            total, hit = one(self.export.con, f"select {hits} from {feed.file.table} where {kept}")
            lost = max(lost, 1 - hit / total if total else 1.0)
        its.join[other.source] = {"by": by, "budget": _budget(lost)}
        return True

    def _once(self, other: Feed, name: str, x: str) -> str:
        """Give a column to look up by: if it repeats, a derived one that has only what stands once."""
        fact = other.file.facts.get(name)
        if fact and fact.distinct == fact.filled and fact.x == x:
            return name
        derived = f"{name} once"
        once = f"case when count(*) over (partition by {x}) = 1 then {x} end"
        self.extra[other.source].derive[derived] = once
        return derived

    def _refer(self, feed: Feed, table: str, column: str, entry: Entry) -> None:
        """Refer to a row by its name or its short id, if these and not its key are found; doubt what finds nothing."""
        there, _, key = (schema.spec(table).columns[column].ref or "").partition(".")
        other, fact = self.first.get(there), feed.file.facts.get(entry.words.get("column", ""))
        if other is None or other is feed or fact is None or {*entry.words} != {"column"}:
            return
        target = self.tables[there].get(other.source, {}).get(key, Entry({}))
        keyed = other.file.facts.get(target.words.get("column", ""))
        named = _named(other, "full_name" if there == "contacts" else "name")
        short = (f"{keyed.name} in 15", f"left({keyed.x}, 15)") if keyed and keyed.type == "VARCHAR" else None
        ways = [(keyed.name, keyed.x) if keyed else None, named, short]
        found = [match.overlap(self.export, (feed.file, fact.x), (other.file, w[1])) if w else 0.0 for w in ways]
        best = max(range(3), key=lambda i: found[i] - 0.3 * (i > 0))
        share, cut = found[best], f"left({fact.x}::varchar, 15)"
        if keyed and share < 0.5 and not target.words.get("hash"):  # ids of 18 characters here, of 15 there
            by_cut = match.overlap(self.export, (feed.file, cut), (other.file, keyed.x))
            if by_cut > max(share, 0.5):
                entry.words = {"sql": cut}
                return
        if keyed and best and self._look_up(feed, other, [(fact, ways[best])]):
            entry.words, entry.doubt = target.words | {"column": f"{other.source}.{keyed.name}"}, ""
        elif target.words.get("hash"):
            entry.words |= {"hash": True}
        if share < FOUND and column != "account_id" and schema.spec(table).columns[column].null:
            entry.words = {}
        elif share < 0.5 and (keyed or column != "account_id"):
            what = f"only {share:.0%} of its values are found in {there}"
            self.doubt(3, f"{table}.{column}, from {one_line(fact.name)}: {what}")

    def _derive_accounts(self) -> None:
        """Make accounts from the keys that another table's file names; of no such file a person names the columns."""
        for table in ("transactions", "opportunities", "activities", "contacts", "leads", "surveys"):
            for source, part in self.tables.get(table, {}).items():
                feed = next(f for f in self.feeds if f.source == source)
                if table == "opportunities" and "account_id" not in part and (title := feed.found.get("name")):
                    part["account_id"] = Entry({"column": title.name}, "nothing else names the client")
                    what = f"nothing names the client but {one_line(title.name)}; it is taken"
                    self.doubt(1, f"{table}.account_id: {what}")
                words = part["account_id"].words if "account_id" in part else {}
                if {*words} == {"column"} and (fact := feed.file.facts.get(words["column"])):
                    return self._accounts_of(feed, fact)
        file = max(self.export.files, key=lambda f: (bool(f.facts), f.rows))
        self.doubt(0, f"no file looks like accounts, or names them; {one_line(file.name)} stands for one")
        filler = {c: Entry({"column": FILL_IN}, "nothing here looks like accounts") for c in schema.needed("accounts")}
        self.tables["accounts"] = {self.names[file.table]: filler}
        return None

    def _accounts_of(self, feed: Feed, fact: Fact) -> None:
        """Make accounts, one for each value of a column, with what else the file says of them; Book dates them."""
        told, its = match.elsewhere("accounts"), {"account_id": Entry({"column": fact.name})}
        its["name"] = Entry({"column": fact.name, "take": "first"}, "there is no name; the key is taken")
        for f in feed.file.facts.values():
            if f.name not in feed.used and (c := told.get(packs.squashed(f.name))) and match.fits(f, "accounts", c):
                feed.found.setdefault(f"_account_{c}", f)
        for c in schema.spec("accounts").columns:
            entry = self._column(feed, "accounts", c, "_account_") if c not in OF_NO_SALE else None
            if entry and entry.words.get("column") != fact.name:
                its[c] = Entry(entry.words | {"take": "most_common"}, entry.doubt)
        self.tables = {"accounts": {feed.source: its}} | self.tables
        self.words["accounts"] = {"one_row_per": ["account_id"]}
        if fact.filled < fact.rows:
            self._keep(feed, f"{fact.x} is not null", f"no {one_line(fact.name)}", "accounts")
        what = f"made from the {one_line(fact.name)} of {one_line(feed.file.name)}"
        self.doubt(3, f"accounts.account_id: no file lists accounts; {what}")

    # -- what is not used ---------------------------------------------------------------------------------------------

    def _settle_idle(self, file: File, source: str, used: set[tuple[str, str]]) -> None:
        """Put what has no place into attributes, and say of the rest why it is not used."""
        feed = next((f for f in self.feeds if f.source == source), None)
        fed = [t for t, its in self.tables.items() if source in its]
        if not fed and source not in self.looked_up:
            ours = "people of our side; no other file refers to its ids"
            known = f"{feed.kind.name}: nothing looks it up" if feed and not feed.kind.table else ""
            if source not in self.idle_files:
                self.idle_files[source] = (ours if known[:5] in ("user:", "owner") else known) or self._lacking(file)
        single = [t for t in fed if len(self.tables[t]) == 1 and "one_row_per" not in self.words[t]]
        home = next((t for t in single if t in WITH_ATTRIBUTES), None)
        fixed = {feed.found[n].name for n in feed.kind.fixed if n in feed.found} if feed else set()
        for fact in (f for n, f in file.facts.items() if fed and (source, n) not in used):
            if {"contacts", "leads"} & {*fed} and any(map(match.opts_out, (fact.name, *fact.values))) and fact.filled:
                what = f"{one_line(fact.name)} of {one_line(file.label)} is not mapped; say whose mail it forbids"
                self.doubt(-1, f"contacts.opted_out: {what}")
            if why := match.idle(fact) or ("" if home else "no place in the tables"):
                self.idle.setdefault(source, {}).setdefault(why, []).append(fact.name)
            elif home:
                when = "fixed" if fact.name in fixed else "today"
                self.words[home].setdefault("attributes", {})[fact.name] = when

    def _used(self) -> set[tuple[str, str]]:
        """List the columns that the mapping names, each with its source, as an import does."""
        sources = {s: {"file": f.name} | vars(self.extra[s]) for f in self.export.files for s in [self.names[f.table]]}
        parts = {t: {s: {c: e.words for c, e in p.items()} for s, p in its.items()} for t, its in self.tables.items()}
        tables = {t: {"from": its} | self.words[t] for t, its in parts.items()}
        mapping = Mapping.model_validate({"version": 1, "title": "draft", "sources": sources, "tables": tables})
        for name, source in mapping.sources.items():
            source.name = name
        return {(owner, name) for s in mapping.sources.values() for _, owner, name in needed(s, mapping)}

    def _lacking(self, file: File) -> str:
        """Say why no table is made from a file: what it is called like, and what it lacks for that."""
        called = [(match.named(file, k.file_names()), k) for k in match.kinds() if k.table]
        best, kind = max(called, key=lambda c: c[0])
        if best < match.ENDS:
            self.doubt(5, f"no table is made from {one_line(file.label)}")
            return "like no table"
        needs = ", and ".join(n.replace("_", " ").replace("|", " or ").strip() for n in kind.needs)
        what = f"called like {kind.table[0]}, but has not {needs}"
        self.doubt(1, f"{one_line(file.label)}: is {what}; its {file.rows} rows are not mapped")
        return what


def _named(other: Feed, name: str) -> tuple[str, str] | None:
    """Give a column of another file and its SQL; a full name may be joined of its parts."""
    if fact := other.found.get(name):
        return fact.name, fact.x
    parts = [other.found[n].x for n in ("_first_name", "_last_name") if n in other.found]
    is_name = name in ("full_name", "_name") and parts
    return ("full name", f"nullif(concat_ws(' ', {', '.join(parts)}), '')") if is_name else None


def _names(export: Export) -> dict[str, str]:
    """Name the sources, apart from all columns."""
    taken, names = {c.lower() for f in export.files for c in f.facts} | RESERVED, dict[str, str]()
    for file in export.files:
        name = re.sub(r"\W+", "_", packs.plain(file.stem) or "file")
        name = name if re.match("[a-z_]", name) else f"file_{name}"
        name = next(n for n in (name, f"{name}_file", *(f"{name}_{i}" for i in range(2, 9_999))) if n not in taken)
        names[file.table] = name
        taken.add(name)
    return names


def _budget(share: float) -> float:
    """Give a budget that holds a share, with some room."""
    return min(1.0, (math.ceil(share * 110) + 2) / 100)
