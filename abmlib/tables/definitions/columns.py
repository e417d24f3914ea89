"""The words a table is defined in: columns, keys, rules, and the lists of values that several tables share."""

from dataclasses import KW_ONLY, dataclass
from typing import Literal

Kind = Literal["id", "text", "list", "int", "number", "money", "rate", "bool", "ts", "date"]
When = Literal["fixed", "dated", "current_only", "latest"]

KINDS: dict[Kind, tuple[str, str, str, str]] = {  # type in pandas, unit, how pages show it, how a person writes it
    "id": ("str", "", "text", ""),
    "text": ("str", "", "text", ""),
    "list": ("str", "values joined by ;", "text", ""),
    "int": ("Int64", "", "count", "a whole number is written 1000"),
    "number": ("float64", "", "number", "a number is written 1000.5, with a dot and no other sign (1.000 is one)"),
    "money": ("float64", "reporting currency", "money",
              "an amount is written 1000.5, with a dot and no other sign (1.000 is one)"),
    "rate": ("float64", "share, 0 to 1", "share", "a share is written 0.25"),
    "bool": ("boolean", "true or false", "bool", "a yes or no is written true or false"),
    "ts": ("datetime64[us, UTC]", "UTC timestamp", "day", "a time is written 2026-12-31T17:00:00Z, in UTC"),
    "date": ("datetime64[us]", "day", "day", "a day is written 2026-12-31"),
}  # fmt: skip
DTYPES, UNITS, FORMATS, BY_HAND = ({str(kind): row[i] for kind, row in KINDS.items() if row[i]} for i in range(4))
# What every reader takes, of text as of Parquet and databases
BLANKS = "".join(c for c in map(chr, range(0x3001)) if c.isspace())  # cut around values, as Python's strip does
BOUND = 1e15  # numbers are below it, so that no sum overflows
YEARS = (1000, 9999)  # of days and times; many systems write 9999-12-31 for an end that is open
BOUNDS = dict.fromkeys(("ts", "date"), f" Years are from {YEARS[0]} to {YEARS[1]}.")
BOUNDS |= dict.fromkeys(
    ("int", "number", "money", "rate"), f" Numbers have digits, one point and a sign, and are below {BOUND:,.0f}."
)
WHEN_MEANS: dict[str, str] = {
    "fixed": "does not change, so a back-dated report may use it",
    "dated": "rebuilt from dated facts for the day asked",
    "current_only": "known only as it is now: shown at the latest date, missing in a back-dated report",
    "latest": "the newest knowledge holds on every date for what is shown; features of the past use what was known then "
    "(opt-outs, deletions, merges)",
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
    """One column of a table.

    Parameters
    ----------
    kind : what a value is; fixes the pandas type (`DTYPES`) and the unit (`UNITS`) unless `unit` says more.
    description : one phrase for the data dictionary.
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

    kind: Kind
    description: str
    _: KW_ONLY
    null: bool = False
    when: When = "fixed"
    since: str | None = None
    unit: str = ""
    one_of: tuple[str, ...] | None = None
    ref: str | None = None
    default: object = None
    derived: bool = False
    matches: str | None = None
    personal: bool = False

    def __post_init__(self) -> None:
        """Take the unit of the kind where none is given."""
        object.__setattr__(self, "unit", self.unit or UNITS.get(self.kind, ""))


@dataclass(frozen=True)
class Table:
    """One table.

    Parameters
    ----------
    key : columns that name one row
    known : column that dates a row when `known_at` is absent; `known_at` itself where nothing else can
    dates : of a programme table, column that stands in for `entered_at` in rows of a source
    """

    name: str
    description: str
    key: list[str]
    columns: dict[str, Column]
    _: KW_ONLY
    known: str | None = None
    dates: str | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        """Give a table whose rows are dated the column that may date them later."""
        if self.known is not None:
            self.columns["known_at"] = col("ts", "when we learnt of the row, if later than its event", null=True)


col, table = Column, Table  # as the definitions call them


def in_order(first: str, last: str) -> Rule:
    """The rule that one day or time is not before another."""
    good = f'"{last}" is null or "{first}" is null or "{last}" >= "{first}"'
    return Rule(f"{last} before {first}", good, f"Correct {first} or {last}.")


SLUG = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"  # lower-case words joined by underscores
STATUS = ("prospect", "customer", "former")
SENIORITY = ("c_level", "vp", "director", "manager", "individual", "unknown")
ROLES = (
    "decision_maker", "budget_holder", "champion", "influencer", "end_user", "executive_sponsor",
    "technical_evaluator", "legal_procurement", "blocker", "unknown",
)  # fmt: skip
DECIDE = ("decision_maker", "budget_holder", "executive_sponsor")  # of these, those who decide
CHANNELS = (
    "web", "email", "phone", "meeting", "event", "webinar", "roadshow", "sponsorship", "direct_mail", "ad",
    "social", "pr", "chat", "ecommerce", "service", "partner",
)  # fmt: skip

HASH = r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"  # SHA-256, SHA-1 or MD5 in hexadecimal digits
PERIOD = r"\d{4}(-?Q[1-4]|-(0[1-9]|1[0-2]))?"  # a year, quarter or month
