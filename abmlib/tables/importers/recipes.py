"""Columns of a draft: how a column of an export becomes a canonical one, by its kind and its values."""

import re
from dataclasses import dataclass
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import match
from abmlib.tables.importers.facts import Fact, one_line
from abmlib.tables.importers.mapping_file import NUMBERS, TIMES
from abmlib.tables.importers.match import Feed
from abmlib.tables.importers.packs import Pack, common, plain, squashed
from abmlib.tables.importers.sql import text
from abmlib.tables.importers.values import FALSE, TRUE

FILL_IN = "FILL IN"  # in place of what a person must say; an import refuses it
USUAL = {"decimal": ".", "thousands": ""}
HOST = "^(?:[a-z]+://)?(?:www\\.)?([^/:?#]+)"  # of an address in the web
WORDED = ("text", "bool", "int")  # kinds of values that may say whether a deal was won


@dataclass
class Entry:
    """One canonical column: the words of the mapping, and what is doubtful."""

    words: dict[str, Any]
    doubt: str = ""


Part = dict[str, Entry]
Doubts = list[tuple[int, str]]  # with their weights


def entry_of(table: str, column: str, fact: Fact, at: str, pack: Pack) -> Entry | None:
    """Write how one column of a file, called `at` in the mapping, becomes a canonical one; None where its values say nothing."""
    definition = schema.spec(table).columns.get(column)
    if definition is None:  # of a helper
        return Entry({"column": at})
    kind, words = definition.kind, {"column": at}
    if definition.one_of or (kind == "bool" and not {v.lower() for v in fact.values} <= {*TRUE, *FALSE}):
        return translated(table, column, fact, at, pack)
    if not match.fits(fact, table, column) or ("sql" in fact.words and at != fact.name):
        return None
    if "sql" in fact.words and kind in TIMES:
        words = {"sql": read_as(fact.x, fact, None)}
    if column == "domain" and fact.kind == "url" and at == fact.name:
        words = {"sql": f"regexp_extract(lower({fact.x}), {text(HOST)}, 1)"}
    doubts = [*fact.doubts] + (
        [f"{fact.bad} of {fact.filled} values do not read as {fact.kind}, and stop the import"] if fact.bad else []
    )
    if kind == "rate":
        over, named = (fact.high or 0) > 1, bool(re.search("%|percent|prozent", fact.name, re.I))
        if "unit" in fact.words or over or (named and not fact.parts):
            words["unit"] = "percent"
        if "unit" not in fact.words and fact.parts and (over or named):
            doubts.append(f"{fact.parts} values are between 0 and 1; are they shares or percent?")
    return Entry(words | written_as(kind, [fact]), "; ".join(doubts))


def written_as(kind: str, facts: list[Fact]) -> dict[str, Any]:
    """Say how the export writes the values of columns that are read as a kind."""
    if kind in TIMES:
        forms = [*dict.fromkeys(form for f in facts for form in f.words.get("format", []))]
        return {"format": forms[0] if len(forms) == 1 else forms} if forms else {}
    signs = next((f.words for f in facts if f.kind == "decimal"), {}) if kind in NUMBERS else {}
    return {w: v for w, v in signs.items() if w != "unit" and v != USUAL[w]}


def translated(table: str, column: str, fact: Fact, at: str, pack: Pack) -> Entry | None:
    """Translate the values of a category; what nobody knows becomes missing, or the best constant."""
    if not fact.values or match.personal(fact.name):
        return None
    place, definition = f"{table}.{column}", schema.spec(table).columns[column]
    known = {v: _meaning(place, v, definition.one_of or (), pack) for v in fact.values}
    if all(v == m for v, m in known.items()):
        return Entry({"column": at})
    if not any(known.values()):
        return None
    rest = common().constants.get(place) if schema.is_required(definition) else None
    unknown = [v for v, m in known.items() if m is None]
    some = ", ".join(one_line(v, 40) for v in unknown[:4]) + (f" and {len(unknown) - 4} more" if unknown[4:] else "")
    doubt = f"nobody told what {some} means" if unknown and column != "is_won" else ""
    return Entry(mapping_of(fact, at, {v: m or rest for v, m in known.items()}, rest), doubt)


def mapping_of(fact: Fact, at: str, entries: dict[str, str | None], rest: str | None) -> dict[str, Any]:
    """Write a map of all values, so that a new one stops an import; an e-mail address is not written, and is `rest`."""
    kept = {v: m for v, m in entries.items() if "@" not in v}
    kept |= {"": rest} if rest and fact.filled < fact.rows else {}
    return {"column": at, "map": kept} | ({"else": rest} if len(kept) < len(entries) else {})


def _meaning(place: str, value: str, allowed: tuple[str, ...], pack: Pack) -> str | None:
    word = value.strip().lower()
    if word in allowed:
        return word
    if not allowed and word in {*common().yes, *common().no}:
        return "true" if word in common().yes else "false"
    return match.meaning(place, value, pack)


def read_as(x: str, fact: Fact, kind: str | None) -> str:
    """Write a column in an expression, as a day or a number where that is asked for."""
    x = str(fact.words["sql"]).format(x=x) if "sql" in fact.words else x
    if kind == "date":
        forms = ", ".join(map(text, fact.words.get("format", [])))
        return f"try_strptime({x}, [{forms}])" if forms else f"try_cast({x} as timestamp)"
    if kind != "number" or fact.type != "VARCHAR":
        return x
    signs = USUAL | fact.words
    bare = f"replace({x}, {text(signs['thousands'])}, '')" if signs["thousands"] else x
    bare = f"replace({bare}, ',', '.')" if signs["decimal"] == "," else bare
    bare = rf"regexp_replace({bare}, '[(](.*)[)]', '-\1')" if (fact.low or 0) < 0 else bare
    return f"try_cast(regexp_replace({bare}, '[^-0-9.]', '', 'g') as double)"


def _outcomes(feed: Feed, part: Part) -> Doubts:
    """Say which deals are closed and won, by what their status or stage means; what nobody knows a person must say."""
    doubts, name = Doubts(), one_line(feed.file.name)
    told = [f for n in ("_status", "is_won", "stage") if (f := feed.found.get(n)) and f.values and f.kind in WORDED]
    for fact in told:
        won = {v: match.meaning("opportunities.is_won", v, feed.kind.pack) for v in fact.values}
        closed = {v: "true" if won[v] else match.meaning("opportunities.is_closed", v, feed.kind.pack) for v in won}
        if not any(closed.values()) and (fact is not told[-1] or {"is_won", "is_closed"} & {*part}):
            continue
        sure = {"true", "false"} <= {*won.values()}  # then all others are open
        unknown = [v for v, over in closed.items() if over is None]
        asked = None if sure else FILL_IN
        if "is_won" not in part and (any(won.values()) or unknown):
            entries = {v: w or (asked if v in unknown else None) for v, w in won.items()}
            part["is_won"] = Entry(mapping_of(fact, fact.name, entries, None))
        if "is_closed" not in part:
            entries = {v: over or asked or "false" for v, over in closed.items()}
            part["is_closed"] = Entry(mapping_of(fact, fact.name, entries, "false"))
            if unknown:
                rows = dict(zip(fact.values, fact.counts, strict=True))
                some = ", ".join(f"{one_line(v, 40)!r} ({rows[v]} rows)" for v in unknown[:6])
                what = f"nobody told what {some}{' …' if unknown[6:] else ''} means: won, lost or open?{' open is taken' if sure else ''}"
                doubts.append((int(sure), f"opportunities.is_won, from {one_line(fact.name)}: {what}"))
    lacks = {"is_closed": "says which deals are won or lost; say which are", "amount": "is it"}
    return doubts + [(1, f"opportunities.{c}: nothing in {name} {what}") for c, what in lacks.items() if c not in part]


def _lines(feed: Feed, part: Part) -> Doubts:
    """Tell returns from purchases; a value worked out is a doubt."""
    signed = next((f for n in ("quantity", "revenue") if (f := feed.found.get(n)) and (f.low or 0) < 0), None)
    if "kind" not in part and signed:
        kind = f"case when {read_as(signed.x, signed, 'number')} < 0 then 'return' else 'purchase' end"
        part["kind"] = Entry({"sql": kind}, "a negative line is taken for a return; is any a service?")
    made = part["revenue"].words.get("sql") if "revenue" in part and "revenue" not in feed.found else None
    return [(1, f"transactions.revenue: worked out as {one_line(made)}")] if made else []


def _channel(feed: Feed, part: Part) -> Doubts:
    """Tell channel and direction from the kind of activity or the file's name."""
    kind = feed.found.get("activity_type")
    hint = next((h for w, h in common().channels.items() if w in plain(feed.file.stem)), ("", ""))
    for column, word in zip(("channel", "direction"), hint, strict=True):
        if column not in part and kind and (entry := translated("activities", column, kind, kind.name, feed.kind.pack)):
            part[column] = entry
        elif column not in part and word:
            part[column] = Entry({"value": word}, "by the name of the file")
    return []


def special(table: str, feed: Feed, part: Part) -> Doubts:
    """Make what a table alone has, and say which columns have days or numbers that do not read."""
    doubts = SPECIAL[table](feed, part) if table in SPECIAL else []
    free = {squashed(n): f for n, f in feed.file.facts.items() if n not in feed.used and f.kind != "empty"}
    for c, d in schema.spec(table).columns.items():
        what = "days" if d.kind in TIMES else "numbers" if d.kind in NUMBERS else ""
        fact = next((f for h in feed.kind.headers(c) if (f := free.get(squashed(h)))), None)
        if what and fact and c not in part:
            why = f"its {fact.filled} values are no {what} that can be read; not mapped"
            doubts.append((1, f"{table}.{c}, from {one_line(fact.name)}: {why}"))
        if what and c in part and part[c].doubt:
            doubts.append(
                (1, f"{table}.{c}, from {one_line(feed.found[c].name if c in feed.found else c)}: {part[c].doubt}")
            )
    return doubts


SPECIAL = {"opportunities": _outcomes, "transactions": _lines, "activities": _channel}
