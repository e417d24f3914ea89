"""Columns of a draft: how a column of an export becomes a canonical one, by its kind and its values."""

from collections.abc import Mapping
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


def filled(fact: Fact, constant: str, kind: str) -> Entry:
    """Write a column in which a constant stands for what is missing."""
    x = f"{fact.x}::varchar, {text(constant)}"
    if kind in TIMES:
        x = f"{read_as(fact.x, fact, 'date')}, timestamp {text(constant[:10])}"
    return Entry({"sql": f"coalesce({x})"}, f"{fact.rows - fact.filled} are missing")


def _people(feed: Feed, part: Part, pack: Pack | None) -> list[str]:
    """Hash the address and join the names."""
    mail, *names = (feed.found.get(h) for h in ("_email", "_first_name", "_last_name"))
    if mail:
        part["email_hash"] = Entry({"column": mail.name, "hash": True})
        part["email_domain"] = Entry({"sql": f"lower(nullif(split_part({mail.x}, '@', 2), ''))"})
        if "contact_id" not in part and mail.distinct == mail.rows:
            part["contact_id"] = Entry({"column": mail.name, "hash": True}, "no key; the address is taken, hashed")
    if any(names):
        listed = ", ".join(f.x for f in names if f)
        part.setdefault("full_name", Entry({"sql": f"nullif(concat_ws(' ', {listed}), '')"}))
    return []


def _deals(feed: Feed, part: Part, pack: Pack | None) -> list[str]:
    """Say which deals are closed and won; Book needs a closing day only of these."""
    status = feed.found.get("_status") or feed.found.get("is_won")
    for fact in (f for f in (status, feed.found.get("stage")) if f and f.values):
        won = {v: match.meaning("opportunities.is_won", v, pack) for v in fact.values}
        over = {v for v in won if won[v] or match.meaning("opportunities.is_closed", v, pack) == "true"}
        if any(won.values()):
            part.setdefault("is_won", Entry({"column": fact.name, "map": won, "else": None}))
        if over:
            closed = {v: str(v in over).lower() for v in won} | ({"": "false"} if fact.filled < fact.rows else {})
            part.setdefault("is_closed", Entry({"column": fact.name, "map": closed, "else": "false"}))
    if status:
        part.setdefault("stage", Entry({"column": status.name}))
    if "close_date" in part:
        part.setdefault("closed_at", Entry(dict(part["close_date"].words)))
    lacks = {"is_closed": "says which deals are won or lost; say which are", "amount": "is it"}
    name = one_line(feed.file.name)
    return [f"opportunities.{c}: nothing in {name} {what}" for c, what in lacks.items() if c not in part]


def _lines(feed: Feed, part: Part, pack: Pack | None) -> list[str]:
    """Work out the value of a line, what tells lines apart, and which are returns."""
    price, quantity, document, line = (feed.found.get(c) for c in ("_price", "quantity", "_document", "_line"))
    if document and "transaction_id" not in part:
        part["transaction_id"] = Entry({"key": [document.name, line.name if line else "_nth"]})
    signed = next((f for f in (quantity, feed.found.get("revenue")) if f and (f.low or 0) < 0), None)
    if "kind" not in part and signed:
        kind = f"case when {read_as(signed.x, signed, 'number')} < 0 then 'return' else 'purchase' end"
        part["kind"] = Entry({"sql": kind}, "a negative line is taken for a return; is any a service?")
    if "revenue" in part or not price:
        return []
    factors = " * ".join(read_as(f.x, f, "number") for f in (quantity, price) if f)
    part["revenue"] = Entry({"sql": factors}, "net of discount and tax?" if quantity else "price alone: no quantity")
    return [f"transactions.revenue: worked out as {one_line(factors)}"]


def _touches(feed: Feed, part: Part, pack: Pack | None) -> list[str]:
    """Tell channel and direction from the kind of activity or the file's name."""
    stem, kind = plain(feed.file.stem), feed.found.get("activity_type")
    hint = next((h for w, h in common().channels.items() if w in stem), ("", ""))
    for column, word in zip(("channel", "direction"), hint, strict=True):
        if column not in part and kind and (entry := translated("activities", column, kind, kind.name, pack)):
            part[column] = entry
        elif column not in part and word:
            part[column] = Entry({"value": word}, "by the name of the file")
    return []


SPECIAL: Mapping[str, Any] = {
    "contacts": _people,
    "opportunities": _deals,
    "transactions": _lines,
    "activities": _touches,
}
