"""The words a table is defined in: columns, keys, rules, and the lists of values that several tables share."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "list", "int", "number", "money", "rate", "bool", "ts", "date"]
When = Literal["fixed", "dated", "current_only", "latest"]

DTYPES: dict[str, str] = {
    "id": "str",
    "text": "str",
    "list": "str",
    "int": "Int64",
    "number": "float64",
    "money": "float64",
    "rate": "float64",
    "bool": "boolean",
    "ts": "datetime64[us, UTC]",
    "date": "datetime64[us]",
}
UNITS: dict[str, str] = {
    "money": "reporting currency",
    "rate": "share, 0 to 1",
    "ts": "UTC timestamp",
    "date": "day",
    "bool": "true or false",
    "list": "values joined by ;",
}
BY_HAND: dict[str, str] = {  # how a value is written in a spreadsheet so that it reads
    "int": "a whole number is written 1000",
    "number": "a number is written 1000.5, with a dot and no other sign (1.000 is one)",
    "money": "an amount is written 1000.5, with a dot and no other sign (1.000 is one)",
    "rate": "a share is written 0.25",
    "bool": "a yes or no is written true or false",
    "ts": "a time is written 2026-12-31T17:00:00Z, in UTC",
    "date": "a day is written 2026-12-31",
}
WHEN_MEANS: dict[str, str] = {
    "fixed": "does not change, so a back-dated report may use it",
    "dated": "rebuilt from dated facts for the day asked",
    "current_only": "known only as it is now: shown at the latest date, missing in a back-dated report",
    "latest": "the newest knowledge holds on every date (opt-outs, deletions, merges)",
}


@dataclass(frozen=True)
class Rule:
    """A condition every row must meet: SQL that is true for a good row, and what to do about a bad one."""

    name: str
    sql: str
    remedy: str
    severity: Literal["fail", "warn"] = "warn"


@dataclass(frozen=True)
class Column:
    """One column: what `col` says of it."""

    kind: Kind
    description: str
    nullable: bool
    when: When
    since: str | None
    unit: str
    one_of: tuple[str, ...] | None
    ref: str | None
    default: object
    derived: bool
    matches: str | None
    personal: bool


@dataclass(frozen=True)
class Table:
    """One table: what `table` says of it."""

    name: str
    description: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    known: str | None
    dates: str | None
    rules: tuple[Rule, ...]


def col(
    kind: Kind,
    meaning: str,
    *,
    null: bool = False,
    when: When = "fixed",
    since: str | None = None,
    unit: str | None = None,
    one_of: tuple[str, ...] | None = None,
    ref: str | None = None,
    default: object = None,
    derived: bool = False,
    matches: str | None = None,
    personal: bool = False,
) -> Column:
    """Define one column.

    Parameters
    ----------
    kind : what a value is; fixes the pandas type (`DTYPES`) and the unit (`UNITS`) unless `unit` says more.
    meaning : one phrase for the data dictionary.
    null : may a value be missing.
    when : `WHEN_MEANS`.
    since : column of the same row with the time from which the value is known: of a dated one on every date, of a
        current_only one in a back-dated report.
    one_of : the only values allowed.
    ref : ``table.column`` a value must be found in.
    default : value put where the source has no such column or no value.
    derived : computed by Book from facts; a value in the source is not read.
    matches : regular expression a whole value must match.
    personal : names a person or is free text about one: given only where people are asked for, and never printed in a
        check.
    """
    own = unit or UNITS.get(kind, "")
    return Column(kind, meaning, null, when, since, own, one_of, ref, default, derived, matches, personal)


def table(
    name: str,
    meaning: str,
    key: list[str],
    columns: dict[str, Column],
    *,
    known: str | None = None,
    dates: str | None = None,
    rules: tuple[Rule, ...] = (),
) -> Table:
    """Define one table.

    Parameters
    ----------
    key : columns that name one row
    known : column that dates a row when `known_at` is absent; `known_at` itself where nothing else can
    dates : of a programme table, column that stands in for `entered_at` in rows of a source
    """
    if known is not None:
        columns = columns | {"known_at": col("ts", "when we learnt of the row, if later than its event", null=True)}
    return Table(name, meaning, tuple(key), columns, known, dates, rules)


def by_name(*tables: Table) -> dict[str, Table]:
    """Arrange tables under their names, in the order given."""
    return {t.name: t for t in tables}


STATUS = ("prospect", "customer", "former")
SENIORITY = ("c_level", "vp", "director", "manager", "individual", "unknown")
ROLES = (
    "decision_maker", "budget_holder", "champion", "influencer", "end_user", "executive_sponsor",
    "technical_evaluator", "legal_procurement", "blocker", "unknown",
)  # fmt: skip
CHANNELS = (
    "web", "email", "phone", "meeting", "event", "webinar", "roadshow", "sponsorship", "direct_mail", "ad",
    "social", "pr", "chat", "ecommerce", "service", "partner",
)  # fmt: skip

HASH = r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"  # SHA-256, SHA-1 or MD5 in hexadecimal digits
PERIOD = r"\d{4}(-?Q[1-4]|-(0[1-9]|1[0-2]))?"  # a year, quarter or month
