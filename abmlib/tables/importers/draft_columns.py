"""Columns of a draft: how what a file holds becomes canonical columns, by its kind, its values and the table it feeds."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import guess, values
from abmlib.tables.importers.exports import Export, File
from abmlib.tables.importers.facts import NO, WORDS, YES, Fact, one_line, read_sql
from abmlib.tables.importers.guess import SURE, Feed, Match, category
from abmlib.tables.importers.mapping_file import NUMBERS, required
from abmlib.tables.importers.sql import one, quoted, text, texts
from abmlib.tables.importers.values import FALSE, TRUE

LISTED = 8  # values nobody knows that a map lists; more are its else
LIVING = (("_deleted", FALSE, "deleted in the source"), ("_active", TRUE, "superseded in the source"))
HOST = "^(?:[a-z]+://)?(?:www\\.)?([^/:?#]+)"  # of an address in the web
FROM_STAGES = "read from the names of the stages"
FROM_FILE = "by the name of the file"


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

    def joined(self, column: str) -> tuple[str, str] | None:
        """Give the source and the column that a name of a joined row means."""
        head, _, rest = column.partition(".")
        return (head, rest) if rest and head in self.join else None


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
    first_day: str
    feeds: dict[str, list[Feed]] = field(default_factory=dict)
    tables: dict[str, Made] = field(default_factory=dict)
    noted: dict[tuple[int, str], None] = field(default_factory=dict)  # doubts: weight, the least first, and text

    def doubt(self, weight: int, doubt: str) -> None:
        """Note a doubt for the head of the file."""
        self.noted.setdefault((weight, doubt))

    @property
    def doubts(self) -> tuple[str, ...]:
        """The doubts, the most important first."""
        return tuple(doubt for _, doubt in sorted(self.noted, key=lambda d: d[0]))

    def origin(self, file: File) -> Origin:
        """Give the source of a file."""
        return self.origins[file.table]

    def ask(self, file: File, query: str) -> tuple[Any, ...]:
        """Give the one row of a query over a file's rows."""
        return one(self.export.con, f"select {query} from {file.table}")

    def distinct(self, file: File, fact: Fact) -> set[Any]:
        """Give the different values of a column."""
        query = f"select distinct {fact.x} from {file.table} where {fact.x} is not null"
        return {value for (value,) in self.export.con.execute(query).fetchall()}

    def gaps(self, file: File, fact: Fact) -> int:
        """Count the missing values of a column."""
        absent = f" or lower({fact.x}) in ({texts(m.lower() for m in fact.missing)})" if fact.missing else ""
        return int(self.ask(file, f"count(*) filter (where {fact.x} is null{absent})")[0])

    def keep(self, origin: Origin, keeps: list[dict[str, Any]], fact: Fact, condition: str, why: str) -> None:
        """Add a filter with the budget it needs, if it takes any row away."""
        total, good = self.ask(origin.file, f"count(*), count(*) filter (where {condition.format(x=fact.x)})")
        where = condition.format(x=quoted(fact.name))
        if good < total and where not in [k["where"] for k in keeps]:
            keeps.append({"where": where, "why": why, "budget": budget(1 - good / total)})
            origin.used[fact.name] = fact
            left_out = f"{origin.name}: {total - good} of {total} rows are left out: {why}"
            self.doubt(1 if good < total / 2 else 3, left_out)


def budget(share: float) -> float:
    """Give the least whole percentage that allows a share."""
    return min(1.0, math.ceil(share * 100 - 1e-9) / 100)


def keep_living(plan: Plan, feed: Feed) -> None:
    """Leave out rows that the export marks as deleted or superseded."""
    origin = plan.origin(feed.file)
    for helper, wanted, why in LIVING:
        fact = feed.fact(helper)
        if fact and fact.values and _is_flag(fact):
            condition = f"coalesce(lower(({{x}})::varchar), {text(wanted[0])}) in ({texts(wanted)})"
            plan.keep(origin, origin.keep, fact, condition, why)


def _is_flag(fact: Fact) -> bool:
    """Say whether all values of a column read as true or false in an import."""
    return {v.lower() for v in fact.values} <= {*TRUE, *FALSE}


def some(names: Iterable[str]) -> str:
    """Name the first four of some names."""
    short = [one_line(n, 40) for n in names]
    return ", ".join(short[:4]) + (f" and {len(short) - 4} more" if len(short) > 4 else "")


def entry_of(table: str, column: str, fact: Fact, score: float = 1.0) -> Entry | None:
    """Write how one column of a file becomes a canonical one.

    None where its values say nothing.
    """
    definition = schema.CANONICAL[table].columns[column]
    kind, words = definition.kind, {"column": fact.name}
    if definition.one_of or (kind == "bool" and not _is_flag(fact)):
        return mapped(table, column, fact)
    if column == "domain" and fact.kind == "url":
        words = {"sql": f"regexp_extract(lower({quoted(fact.name)}), {text(HOST)}, 1)"}
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
    doubts = [*fact.doubts] + (["its name only resembles"] if score < SURE else [])
    return Entry(words, "; ".join(doubts + ([f"{fact.bad} values do not read as {fact.kind}"] if fact.bad else [])))


def mapped(table: str, column: str, fact: Fact) -> Entry | None:
    """Translate the values of a category.

    What nobody knows becomes missing, or the best constant.
    """
    if not category(fact):
        return None
    definition, rules = schema.CANONICAL[table].columns[column], WORDS["values"].get(f"{table}.{column}", {})
    known = {v: _meaning(v, rules, definition.one_of or ()) for v in fact.values}
    if all(v == m for v, m in known.items()):
        return Entry({"column": fact.name})
    if not any(known.values()):
        return None
    rest = WORDS["constants"].get(f"{table}.{column}") if required(definition) else None
    unknown = [v for v, m in known.items() if m is None]
    words: dict[str, Any] = {"column": fact.name, "map": {v: rest if m is None else m for v, m in known.items()}}
    if len(unknown) > LISTED:
        words = {"column": fact.name, "map": {v: m for v, m in known.items() if m is not None}, "else": rest}
    doubt = f"nobody told what {some(unknown)} means" if unknown and column != "is_won" else "read from the words"
    return Entry(words, doubt)


def _meaning(value: str, rules: dict[str, list[str]], allowed: Iterable[str]) -> str | None:
    word = value.strip().lower()
    if word in allowed:
        return word
    if not rules and word in {*YES, *NO, "x"}:
        return "false" if word in NO else "true"
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value).lower()
    plain = re.sub(r"[^a-z0-9]+", " ", "".join(guess.LETTERS.get(c, c) for c in spaced))
    plain = re.sub(r"(closed)(won|lost)", r"\1 \2", plain)
    return next((to for to, patterns in rules.items() if any(re.search(p, plain) for p in patterns)), None)


def _contacts(plan: Plan, feed: Feed, part: Part) -> None:
    """Hash the address, join the names, and tell leads from contacts."""
    mail, *names = (feed.fact(h) for h in ("_email", "_first_name", "_last_name"))
    if mail:
        part["email_hash"] = Entry({"column": mail.name, "hash": True})
        if mail.kind == "email":
            part["email_domain"] = Entry({"sql": f"lower(nullif(split_part({quoted(mail.name)}, '@', 2), ''))"})
    if any(names) and "full_name" not in part:
        listed = ", ".join(quoted(f.name) for f in names if f)
        part["full_name"] = Entry({"sql": f"concat_ws(' ', {listed})"}, "a name may be left out")
    if "lead" in guess.tokens(feed.file.stem):
        part["is_lead"] = Entry({"value": "true"})
    if mail and "contact_id" not in part:
        part["contact_id"] = Entry({"column": mail.name, "hash": True}, "there is no key; the address is taken, hashed")


def _opportunities(plan: Plan, feed: Feed, part: Part) -> None:
    """Say which deals are closed and won, and give only these a day of closing."""
    stage, closed, won, day = (feed.fact(c) for c in ("stage", "is_closed", "is_won", "close_date"))
    if "is_closed" not in part and stage and (entry := mapped("opportunities", "is_closed", stage)):
        part["is_closed"] = Entry(entry.words, FROM_STAGES)
        feed.matches["is_closed"] = Match(stage, SURE)
        if set(entry.words.get("map", {}).values()) != {"true", "false"}:
            part["is_closed"].doubt = "no name of a stage says that it is won or lost; say which are"
            plan.doubt(1, f"opportunities.is_closed: {part['is_closed'].doubt}")
    if "is_won" not in part and stage and (entry := mapped("opportunities", "is_won", stage)):
        part["is_won"] = Entry(entry.words, FROM_STAGES)
    if "is_closed" not in part and "is_won" in part and won:
        doubt = "not in the export; a deal that is not won counts as open"
        part["is_closed"] = Entry(dict(part["is_won"].words), doubt)
    column, origin = part.get("is_closed", Entry({})).words.get("column", ""), plan.origin(feed.file)
    condition = _closed(part, origin)
    if condition and won and set(part.get("is_won", Entry({})).words) == {"column"}:
        part["is_won"].words = {"sql": f"case when {condition} then {_ref(part['is_won'].words['column'], origin)} end"}
    if condition and day and "closed_at" not in part and (entry := entry_of("opportunities", "closed_at", day)):
        fact, early = closed or stage, 1
        if origin.joined(column) is None:
            x = condition.replace(quoted(fact.name), fact.x) if fact else "true"
            (early,) = plan.ask(feed.file, f"count(*) filter (where {day.x} is not null and not coalesce({x}, false))")
        if early:
            rest = {w: v for w, v in entry.words.items() if w != "column"}
            entry = Entry({"sql": f"case when {condition} then {quoted(day.name)} end"} | rest)
        part["closed_at"] = entry
        origin.used |= {f.name: f for f in (fact, day) if f and f.name in feed.file.facts}


def _ref(column: str, origin: Origin) -> str:
    """Write a column, of the source or of a joined row, in SQL."""
    return ".".join(map(quoted, origin.joined(column) or (column,)))


def _closed(part: Part, origin: Origin) -> str:
    """Give the condition that a deal is closed, over the column that `is_closed` is made from."""
    words = part.get("is_closed", Entry({})).words
    if "column" not in words:
        return ""
    x, closed = _ref(words["column"], origin), [v for v, m in words.get("map", {}).items() if m == "true"]
    if "map" in words:
        return f"{x} in ({texts(closed)})" if closed else ""
    return f"lower({x}::varchar) in ({texts(TRUE)})"


def _transactions(plan: Plan, feed: Feed, part: Part) -> None:
    """Work out the value of a line, what tells lines apart, and which are returns."""
    price, quantity, document, line = (feed.fact(c) for c in ("_price", "quantity", "_document", "_line"))
    if "revenue" not in part and price:
        factors = [f for f in (quantity, price) if f]
        read = [read_sql(f, quoted(f.name)) if f.type == "VARCHAR" else quoted(f.name) for f in factors]
        doubt = "net of discount and tax?" if quantity else "price alone: no quantity"
        part["revenue"] = Entry({"sql": " * ".join(read)}, doubt)
        plan.doubt(1, f"transactions.revenue: worked out as {' times '.join(one_line(f.name) for f in factors)}")
    if "transaction_id" not in part and document:
        key = [f for f in (document, line) if f]
        there = f"filter (where {' and '.join(f'{f.x} is not null' for f in key)})"
        rows, keys = plan.ask(feed.file, f"count(*) {there}, count(distinct ({', '.join(f.x for f in key)})) {there}")
        names = [f.name for f in key] if rows == keys == feed.file.rows else [document.name, values.ROW]
        part["transaction_id"] = Entry({"key": [values.ROW] if plan.gaps(feed.file, document) else names})
    signed = next((f for f in (quantity, feed.fact("revenue")) if f and float(f.low or 0) < 0), None)
    if "kind" not in part and signed:
        kind = f"case when {read_sql(signed, quoted(signed.name))} < 0 then 'return' else 'purchase' end"
        part["kind"] = Entry({"sql": kind}, "a negative line is taken for a return; is any a service?")


def _activities(plan: Plan, feed: Feed, part: Part) -> None:
    """Tell channel and direction from the file's name where no column does, and minutes from seconds."""
    seconds, kind = feed.fact("_seconds"), feed.fact("activity_type")
    if "duration_min" not in part and seconds:
        part["duration_min"] = Entry({"column": seconds.name, "divide_by": 60.0})
    hint = next((h for w, h in WORDS["activity_files"].items() if w in guess.tokens(feed.file.stem)), ("", ""))
    for column, word in zip(("channel", "direction"), hint, strict=True):
        if column in part:
            continue
        if word and (column == "channel" or not kind):
            part[column] = Entry({"value": word}, FROM_FILE)
        elif kind and (entry := mapped("activities", column, kind)):
            part[column] = Entry(entry.words, f"from {one_line(kind.name)}; {entry.doubt}".rstrip("; "))
            feed.matches[column] = Match(kind, SURE)
        elif word:
            part[column] = Entry({"value": word}, FROM_FILE)


def _history(plan: Plan, feed: Feed, part: Part) -> None:
    """Number the changes of one moment where several share one."""
    deal, at = feed.fact("opportunity_id"), feed.fact("entered_at")
    if deal and at and "seq" not in part:
        (whole,) = plan.ask(feed.file, f"count(*) = count(distinct ({deal.x}, {at.x}))")
        if not whole:
            part["seq"] = Entry({"sql": values.ROW}, "several changes of one moment are in the order of the file")


def _surveys(plan: Plan, feed: Feed, part: Part) -> None:
    """Guess the scale from the highest answer."""
    score = feed.fact("score")
    if score and "scale_max" not in part:
        top = next((n for n in (5, 7, 10, 100) if float(score.high or 0) <= n), score.high)
        part["scale_max"] = Entry({"value": str(top)}, "guessed from the highest answer")


def _accounts(plan: Plan, feed: Feed, part: Part) -> None:
    """Notice a yearly revenue in thousands or millions by the revenue per person it gives."""
    money, people, entry = feed.fact("annual_revenue"), feed.fact("employees"), part.get("annual_revenue")
    if not money or not people or not entry or "sql" in entry.words:
        return
    (per_head,) = plan.ask(feed.file, f"median(({read_sql(money)}) / nullif({read_sql(people)}, 0))")
    for factor, name in ((1e3, "thousands"), (1e6, "millions")):
        if per_head and per_head < 500 and 5e3 <= per_head * factor <= 5e6:
            entry.words["multiply_by"] = factor
            entry.doubt = f"taken to be in {name}, by revenue per person"
            plan.doubt(2, f"accounts.annual_revenue: {entry.doubt}")
            return


SPECIAL: dict[str, Callable[[Plan, Feed, Part], None]] = {
    "accounts": _accounts, "contacts": _contacts, "opportunities": _opportunities, "opportunity_stage_history": _history,
    "transactions": _transactions, "activities": _activities, "surveys": _surveys,
}  # fmt: skip
