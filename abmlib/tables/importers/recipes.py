"""Columns of a draft: how a column of an export becomes a canonical one, by its kind and its values."""

from dataclasses import dataclass
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import match
from abmlib.tables.importers.facts import Fact, one_line
from abmlib.tables.importers.mapping_file import NUMBERS
from abmlib.tables.importers.match import Feed
from abmlib.tables.importers.packs import Pack, common, plain
from abmlib.tables.importers.sql import text
from abmlib.tables.importers.values import FALSE, TRUE

LISTED = 12  # values nobody knows that a map lists; more are its else
USUAL = {"decimal": ".", "thousands": ""}
HOST = "^(?:[a-z]+://)?(?:www\\.)?([^/:?#]+)"  # of an address in the web
TIMES = ("ts", "date")


@dataclass
class Entry:
    """One canonical column: the words of the mapping, and what is doubtful."""

    words: dict[str, Any]
    doubt: str = ""


Part = dict[str, Entry]
Doubts = list[tuple[int, str]]  # with their weights


def entry_of(table: str, column: str, fact: Fact, at: str, pack: Pack | None) -> Entry | None:
    """Write how one column of a file becomes a canonical one; None where its values say nothing.

    Parameters
    ----------
    at : its name in the mapping, with the source it is looked up in
    """
    definition = schema.spec(table).columns.get(column)
    if definition is None:  # of a helper
        return Entry({"column": at})
    kind, words = definition.kind, {"column": at}
    if definition.one_of or (kind == "bool" and not {v.lower() for v in fact.values} <= {*TRUE, *FALSE}):
        return translated(table, column, fact, at, pack)
    if not match.fits(fact, table, column):
        return None
    if column == "domain" and fact.kind == "url" and at == fact.name:
        words = {"sql": f"regexp_extract(lower({fact.x}), {text(HOST)}, 1)"}
    if kind == "rate" and ("unit" in fact.words or (fact.high or 0) > 1):
        words["unit"] = "percent"
    doubts = [*fact.doubts] + ([f"{fact.bad} values do not read as {fact.kind}"] if fact.bad else [])
    return Entry(words | written_as(kind, [fact]), "; ".join(doubts))


def written_as(kind: str, facts: list[Fact]) -> dict[str, Any]:
    """Say how the export writes the values of columns that are read as a kind."""
    if kind in TIMES:
        forms = [*dict.fromkeys(form for f in facts for form in f.words.get("format", []))]
        return {"format": forms[0] if len(forms) == 1 else forms} if forms else {}
    signs = next((f.words for f in facts if f.kind == "decimal"), {}) if kind in NUMBERS else {}
    return {w: v for w, v in signs.items() if w != "unit" and v != USUAL[w]}


def translated(table: str, column: str, fact: Fact, at: str, pack: Pack | None) -> Entry | None:
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
    entries = {v: m or rest for v, m in known.items() if m or len(unknown) <= LISTED}
    entries |= {"": rest} if rest and fact.filled < fact.rows else {}
    some = ", ".join(one_line(v, 40) for v in unknown[:4]) + (f" and {len(unknown) - 4} more" if unknown[4:] else "")
    doubt = f"nobody told what {some} means" if unknown and column != "is_won" else ""
    return Entry({"column": at, "map": entries, "else": rest}, doubt)


def _meaning(place: str, value: str, allowed: tuple[str, ...], pack: Pack | None) -> str | None:
    word = value.strip().lower()
    if word in allowed:
        return word
    if not allowed and word in {*common().yes, *common().no}:
        return "true" if word in common().yes else "false"
    return match.meaning(place, value, pack)


def read_as(x: str, fact: Fact, kind: str | None) -> str:
    """Write a column in an expression, as a day or a number where that is asked for."""
    if kind == "date":
        forms = ", ".join(map(text, fact.words.get("format", [])))
        return f"try_strptime({x}, [{forms}])" if forms else f"try_cast({x} as timestamp)"
    if kind != "number" or fact.type != "VARCHAR":
        return x
    signs = USUAL | fact.words
    bare = f"replace({x}, {text(signs['thousands'])}, '')" if signs["thousands"] else x
    bare = f"replace({bare}, ',', '.')" if signs["decimal"] == "," else bare
    return f"try_cast(regexp_replace({bare}, '[^-0-9.]', '', 'g') as double)"


def _outcomes(feed: Feed, part: Part, pack: Pack | None) -> Doubts:
    """Say which deals are closed and won, by what their status or stage means; or doubt it."""
    doubts = []
    for fact in (f for n in ("_status", "is_won", "stage") if (f := feed.found.get(n)) and f.values):
        won = {v: match.meaning("opportunities.is_won", v, pack) for v in fact.values}
        closed = {v: won[v] is not None or match.meaning("opportunities.is_closed", v, pack) == "true" for v in won}
        if any(won.values()):
            part.setdefault("is_won", Entry({"column": fact.name, "map": won, "else": None}))
        if any(closed.values()) and "is_closed" not in part:
            rest = {"": "false"} if fact.filled < fact.rows else {}
            words = {v: str(over).lower() for v, over in closed.items()} | rest
            part["is_closed"] = Entry({"column": fact.name, "map": words, "else": "false"})
            none = [what for value, what in (("true", "won"), ("false", "lost")) if value not in won.values()]
            unknown = [one_line(v, 40) for v in won if won[v] is None]
            if len(none) == 1 and unknown and part["is_won"].words.get("column") == fact.name:
                what = f"no {one_line(fact.name)} means {none[0]}; does any of {', '.join(unknown[:6])}?"
                doubts.append((0, f"opportunities.is_won: {what}"))
    lacks = {"is_closed": "says which deals are won or lost; say which are", "amount": "is it"}
    name = one_line(feed.file.name)
    return doubts + [(1, f"opportunities.{c}: nothing in {name} {what}") for c, what in lacks.items() if c not in part]


def _lines(feed: Feed, part: Part, pack: Pack | None) -> Doubts:
    """Tell returns from purchases; a value worked out is a doubt."""
    signed = next((f for n in ("quantity", "revenue") if (f := feed.found.get(n)) and (f.low or 0) < 0), None)
    if "kind" not in part and signed:
        kind = f"case when {read_as(signed.x, signed, 'number')} < 0 then 'return' else 'purchase' end"
        part["kind"] = Entry({"sql": kind}, "a negative line is taken for a return; is any a service?")
    made = part["revenue"].words.get("sql") if "revenue" in part and "revenue" not in feed.found else None
    return [(1, f"transactions.revenue: worked out as {one_line(made)}")] if made else []


def _channel(feed: Feed, part: Part, pack: Pack | None) -> Doubts:
    """Tell channel and direction from the kind of activity or the file's name."""
    kind = feed.found.get("activity_type")
    hint = next((h for w, h in common().channels.items() if w in plain(feed.file.stem)), ("", ""))
    for column, word in zip(("channel", "direction"), hint, strict=True):
        if column not in part and kind and (entry := translated("activities", column, kind, kind.name, pack)):
            part[column] = entry
        elif column not in part and word:
            part[column] = Entry({"value": word}, "by the name of the file")
    return []


SPECIAL = {"opportunities": _outcomes, "transactions": _lines, "activities": _channel}
