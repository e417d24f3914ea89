"""Columns of a draft: how what a file holds becomes canonical columns, by its kind, its values and the table it feeds."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import guess
from abmlib.tables.importers.exports import Export, File
from abmlib.tables.importers.facts import NO, WORDS, YES, Fact, one_line
from abmlib.tables.importers.guess import SURE, TABLES, Feed, category
from abmlib.tables.importers.mapping_file import NUMBERS, ROW
from abmlib.tables.importers.sql import quoted, text
from abmlib.tables.importers.values import FALSE, TRUE

FILL_IN = "FILL IN"  # in place of a column that a person must name; an import refuses it
LISTED = 8  # values nobody knows that a map lists; more are its else
USUAL = {"decimal": ".", "thousands": ""}
HOST = "^(?:[a-z]+://)?(?:www\\.)?([^/:?#]+)"  # of an address in the web
FROM_STAGES = "read from the names of the stages"
FACTS = ("activities", "surveys", "transactions")  # tables whose rows need no key of the export


@dataclass
class Entry:
    """One canonical column: the words of the mapping, and what is doubtful."""

    words: dict[str, Any]
    doubt: str = ""


Part = dict[str, Entry]


@dataclass
class Plan:
    """The mapping as it grows."""

    export: Export
    names: dict[str, str]  # of the sources, by the table in the engine
    tables: dict[str, dict[str, Part]] = field(default_factory=dict)  # canonical tables, of each its sources
    noted: dict[tuple[int, str], None] = field(default_factory=dict)  # doubts: weight, the least first, and text

    def doubt(self, weight: int, doubt: str) -> None:
        """Note a doubt for the head of the file."""
        self.noted.setdefault((weight, doubt))

    @property
    def doubts(self) -> tuple[str, ...]:
        """The doubts, the most important first."""
        return tuple(doubt for _, doubt in sorted(self.noted, key=lambda d: d[0]))

    def parts(self, file: File) -> dict[str, Part]:
        """Give the columns that a file gives to each table."""
        name = self.names.get(file.table, "")
        return {table: parts[name] for table, parts in self.tables.items() if name in parts}


def part_of(plan: Plan, feed: Feed) -> Part:
    """Map the columns of one file to one table; one that must be there and is not becomes a constant, or `FILL_IN`."""
    table, part = feed.table, Part()
    for c, match in feed.matches.items():
        if c[0] == "_":
            continue
        if entry := entry_of(table, c, match.fact, match.score):
            part[c] = entry
            for doubt in match.fact.doubts:
                plan.doubt(1, f"{table}.{c}, from {one_line(match.fact.name)}: {doubt}")
        else:
            plan.doubt(
                5, f"{table}.{c}: {one_line(match.fact.name)} is called so, and its values do not fit; not mapped"
            )
    if table in SPECIAL:
        SPECIAL[table](plan, feed, part)
    _settle_key(plan, feed, part)
    for c in schema.needed(table):
        _settle_needed(plan, feed, part, c)
    if "account_id" in schema.CANONICAL[table].columns and "account_id" not in part:
        plan.doubt(2, f"{table}: nothing in {one_line(feed.file.name)} is account_id; join the file that names it")
    deleted = feed.fact("_deleted")
    if deleted and {v.lower() for v in deleted.values} & {*YES}:
        marked = f"rows may be marked as deleted in {one_line(deleted.name)}; leave them out with keep"
        plan.doubt(1, f"{one_line(feed.file.name)}: {marked}")
    return {c: part[c] for c in schema.CANONICAL[table].columns if c in part}


def _settle_key(plan: Plan, feed: Feed, part: Part) -> None:
    """Take the name for a key that is not there, or the number of the row, and the other way round."""
    table, key, name = feed.table, TABLES[feed.table].get("key", ""), TABLES[feed.table].get("name", "")
    fact = feed.fact(key)
    if key and key not in part and name in part:
        part[key] = Entry(dict(part[name].words), "there is no key; the name is taken")
    elif key and key not in part and table in FACTS:
        part[key] = Entry({"key": [ROW]}, "there is no key; the number of the row is taken")
    elif fact and fact.distinct < fact.filled and table in FACTS:
        part[key] = Entry({"key": [fact.name, ROW]}, "the column repeats, so the row number is added")
    elif fact and fact.distinct < fact.filled:
        plan.doubt(1, f"{table}: {fact.filled - fact.distinct} rows repeat a {one_line(fact.name)}; see one_row_per")
    if name in schema.needed(table) and name not in part and key in part:
        part[name] = Entry(dict(part[key].words), "there is no name; the key is taken")


def _settle_needed(plan: Plan, feed: Feed, part: Part, column: str) -> None:
    """Say what to do about a column that must be there and is not, or has gaps."""
    place, fact = f"{feed.table}.{column}", feed.fact(column)
    constant = WORDS["constants"].get(place)
    if column not in part:
        words = {"value": constant} if constant else {"column": FILL_IN}
        part[column] = Entry(
            words, "not in the export" if constant else "name its column, or join the file that has it"
        )
        what = f"not in the export; {constant} is taken" if constant else f"nothing in {one_line(feed.file.name)} is it"
        plan.doubt(2, f"{place}: {what}")
    elif fact and fact.filled < fact.rows and "" not in part[column].words.get("map", {}):
        gaps = f"{fact.rows - fact.filled} of {fact.rows} are missing; fill them, or leave these rows out with keep"
        plan.doubt(1, f"{place}, from {one_line(fact.name)}: {gaps}")


def entry_of(table: str, column: str, fact: Fact, score: float = 1.0) -> Entry | None:
    """Write how one column of a file becomes a canonical one.

    None where its values say nothing.
    """
    definition = schema.CANONICAL[table].columns[column]
    kind, words = definition.kind, {"column": fact.name}
    if definition.one_of or (kind == "bool" and not {v.lower() for v in fact.values} <= {*TRUE, *FALSE}):
        return mapped(table, column, fact)
    if column == "domain" and fact.kind == "url":
        words = {"sql": f"regexp_extract(lower({quoted(fact.name)}), {text(HOST)}, 1)"}
    if kind in NUMBERS:
        words |= {w: v for w, v in fact.words.items() if w != "unit" and v != USUAL[w]}
    if kind == "rate" and (fact.high or 0) > 100:
        return None
    if kind == "rate" and ("unit" in fact.words or (fact.high or 0) > 1):
        words["unit"] = "percent"
    if kind in ("ts", "date") and "format" in fact.words:
        words["format"] = fact.words["format"]
    doubts = [*fact.doubts] + (["its name only resembles"] if score < SURE else [])
    return Entry(words, "; ".join(doubts + ([f"{fact.bad} values do not read as {fact.kind}"] if fact.bad else [])))


def mapped(table: str, column: str, fact: Fact) -> Entry | None:
    """Translate the values of a category.

    What nobody knows becomes missing, or the best constant; so does what is missing.
    """
    if not category(fact):
        return None
    definition, rules = schema.CANONICAL[table].columns[column], WORDS["values"].get(f"{table}.{column}", {})
    known = {v: _meaning(v, rules, definition.one_of or ()) for v in fact.values}
    if all(v == m for v, m in known.items()):
        return Entry({"column": fact.name})
    if not any(known.values()):
        return None
    rest = WORDS["constants"].get(f"{table}.{column}") if schema.is_required(definition) else None
    unknown = [v for v, m in known.items() if m is None]
    entries = {v: rest if m is None else m for v, m in known.items() if m is not None or len(unknown) <= LISTED}
    entries |= {"": rest} if rest and fact.filled < fact.rows else {}
    words = {"column": fact.name, "map": entries} | ({"else": rest} if len(unknown) > LISTED else {})
    some = ", ".join(one_line(v, 40) for v in unknown[:4]) + (f" and {len(unknown) - 4} more" if unknown[4:] else "")
    return Entry(words, f"nobody told what {some} means" if unknown and column != "is_won" else "read from the words")


def _meaning(value: str, rules: dict[str, list[str]], allowed: Iterable[str]) -> str | None:
    word = value.strip().lower()
    if word in allowed:
        return word
    if not rules and word in {*YES, *NO, "x"}:
        return "false" if word in NO else "true"
    plain = re.sub(r"(closed)(won|lost)", r"\1 \2", " ".join(guess.words(value)))
    return next((to for to, patterns in rules.items() if any(re.search(p, plain) for p in patterns)), None)


def _contacts(plan: Plan, feed: Feed, part: Part) -> None:
    """Hash the address, join the names, and tell leads from contacts."""
    mail, *names = (feed.fact(h) for h in ("_email", "_first_name", "_last_name"))
    if mail:
        part["email_hash"] = Entry({"column": mail.name, "hash": True})
        part["email_domain"] = Entry({"sql": f"lower(nullif(split_part({quoted(mail.name)}, '@', 2), ''))"})
        missing = Entry({"column": mail.name, "hash": True}, "there is no key; the address is taken, hashed")
        part.setdefault("contact_id", missing)
    if any(names):
        listed = ", ".join(quoted(f.name) for f in names if f)
        part.setdefault("full_name", Entry({"sql": f"nullif(concat_ws(' ', {listed}), '')"}, "a name may be left out"))
    if "lead" in guess.tokens(feed.file.stem):
        part["is_lead"] = Entry({"value": "true"})


def _opportunities(plan: Plan, feed: Feed, part: Part) -> None:
    """Say by the stage which deals are closed and won, if nothing else does; Book needs a closing day only of these."""
    for c in ("is_closed", "is_won"):
        stage = feed.fact("stage")
        if c not in part and stage and (entry := mapped("opportunities", c, stage)):
            part[c] = Entry(entry.words, FROM_STAGES)
            if c == "is_closed" and "true" not in entry.words.get("map", {}).values():
                part[c].doubt = "no name of a stage says that it is won or lost; say which are"
                plan.doubt(1, f"opportunities.is_closed: {part[c].doubt}")
    if "close_date" in part:
        part.setdefault("closed_at", Entry(dict(part["close_date"].words)))


def _transactions(plan: Plan, feed: Feed, part: Part) -> None:
    """Work out the value of a line, what tells lines apart, and which are returns."""
    price, quantity, document, line = (feed.fact(c) for c in ("_price", "quantity", "_document", "_line"))
    if "revenue" not in part and price:
        factors = " * ".join(_number(f) for f in (quantity, price) if f)
        part["revenue"] = Entry(
            {"sql": factors}, "net of discount and tax?" if quantity else "price alone: no quantity"
        )
        plan.doubt(1, f"transactions.revenue: worked out as {one_line(factors)}")
    if document:
        part.setdefault("transaction_id", Entry({"key": [document.name, line.name if line else ROW]}))
    signed = next((f for f in (quantity, feed.fact("revenue")) if f and (f.low or 0) < 0), None)
    if "kind" not in part and signed:
        kind = f"case when {_number(signed)} < 0 then 'return' else 'purchase' end"
        part["kind"] = Entry({"sql": kind}, "a negative line is taken for a return; is any a service?")


def _number(fact: Fact) -> str:
    """Give the SQL of a column as a number."""
    x, signs = quoted(fact.name), USUAL | fact.words
    x = f"replace({x}, {text(signs['thousands'])}, '')" if signs["thousands"] else x
    x = f"replace({x}, ',', '.')" if signs["decimal"] == "," else x
    return f"{x}::double"


def _activities(plan: Plan, feed: Feed, part: Part) -> None:
    """Tell channel and direction from the kind of activity or the file's name, and minutes from seconds."""
    seconds, kind = feed.fact("_seconds"), feed.fact("activity_type")
    if "duration_min" not in part and seconds:
        part["duration_min"] = Entry({"column": seconds.name, "divide_by": 60.0})
    hint = next((h for w, h in WORDS["activity_files"].items() if w in guess.tokens(feed.file.stem)), ("", ""))
    for column, word in zip(("channel", "direction"), hint, strict=True):
        if column not in part and kind and (entry := mapped("activities", column, kind)):
            part[column] = Entry(entry.words, f"from {one_line(kind.name)}; {entry.doubt}".rstrip("; "))
        elif column not in part and word:
            part[column] = Entry({"value": word}, "by the name of the file")


SPECIAL: dict[str, Callable[[Plan, Feed, Part], None]] = {
    "contacts": _contacts, "opportunities": _opportunities, "transactions": _transactions, "activities": _activities,
}  # fmt: skip
