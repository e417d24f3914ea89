r"""The mapping file: any export to canonical tables, by one YAML file that says which column goes where.

The file, with every word it may hold (``data/mappings/README.md`` has an example of each)::

    version: 1
    title: one line
    about: where the data is from, licence, what a row is
    maps: {lands: {UK: Britain}}    # value maps used in several places: {column: Land, map: lands}
    workbook:                       # goes to workbook.yml beside the tables
      currency: EUR
      time_zone: Europe/Berlin      # reporting time zone: dates are days of this zone
    sources:
      orders:
        file: orders.csv            # or orders_*.csv: files of one shape, in the order of their names
        delimiter: ";"              # text: also quote, encoding (any that Python knows)
        header_row: 4               # text and Excel: row of the column names, if not the first
        sheet: March                # Excel: if not the first that is not hidden
        decimal: ","                # how numbers are written in text columns; also thousands
        time_zone: Europe/Berlin    # zone of times that do not carry one, if not the workbook's; a day alone stays that day
        missing: ["n/a", "-"]       # texts that mean missing, besides the empty text
        short_rows: missing         # text: fill what a row lacks at its end, and count it; else it stops the import
        correct: {Item: {GTXPro: GTX Pro}}        # spellings put right first; other texts stay
        derive: {code: upper("Item")}             # columns computed once, used below
        keep:
          - {where: '"Customer" is not null', why: no customer on the line, budget: 0.1}
        join:                       # last: look each row up in another source, once at most
          items: {by: {code: id}, budget: 0.02}   # column here: column there; share of keys that may not be found
    tables:
      transactions:
        from: orders                # or [orders, returns], or {orders: {}, returns: {kind: {value: return}}}:
        keep: []                    # as above, for this table alone
        one_row_per: [account_id]   # group; each column then says which value to take
        columns:
          product_id: Item                        # short for {column: Item}; items.id is of the row joined
          kind: {value: purchase}                 # the same in every row
          revenue: {sql: '"Qty" * "Price"'}       # an expression over the source's columns
          transaction_id: {key: [Order, _row]}    # _row: number of the row in the source, from 1; or _nth: among rows of this Order
          contact_id: {column: Mail, hash: true}  # keyed hash, for what is nobody's business
        attributes: {Rating: today, Segment: fixed}   # further columns, to the table attributes
      opportunity_stage_history:
        from: log                                 # one row per changed field: one row per moment of change is made
        changes: {field: Field, old: OldValue, new: NewValue, created: created, stage: [StageName], amount: [Amount]}
        columns: {opportunity_id: OpportunityId, entered_at: CreatedDate}

Files lie inside the source folder. They are ``.csv``, ``.tsv``, ``.txt``, each also ``.gz``; ``.parquet``; Excel's
``.xlsx``, ``.xls``, ``.xlsb`` and ``.ods``; and JSON lines, ``.jsonl`` or ``.ndjson``, also ``.gz``: one object a line,
whose nested values are called ``outer.inner`` and whose lists of values are joined by ``;``. A pattern fits names as in
a shell; every file it finds must have the columns that are mapped. Without ``encoding`` a byte-order mark is believed,
and without one the file is UTF-8. Blank lines and blank rows of a sheet are no rows.

To ``column`` and ``sql`` may be added: ``map`` (text in the source: value), ``else`` (value of all other texts;
without it they stop the import), ``format`` and ``time_zone`` of a date (strptime, one or several; ``epoch_seconds``,
``epoch_milliseconds``), ``decimal`` and ``thousands``, ``unit: percent``, ``divide_by``, ``multiply_by``; and in a
grouped table ``take``: first, last, min, max, sum, most_common. Without ``take`` a group must hold one value. ``hash:
true``, also beside ``key``, needs the secret key of the import; what is hashed is never shown, neither in an error nor in
the ledger. ``email_hash`` must be hashed here, or hold hashes already.

A ``join`` may look up by what an earlier one found: ``{territories: {by: {cities.Territory: Id}}}``. A row whose key is
missing or not found stays, without the other's columns, and is counted in the ledger;
the budget is of the rows that have a key. A key that comes twice in the other source stops the import. Of several
sources, the rows follow each other; a column that one of them lacks is missing in its rows.

Numbers may have a sign of currency or a code (``$``, ``EUR``) and blanks around them, one currency in a column; ``(5)`` is -5.

``attributes`` are columns of the source that no table has a place for. ``today``: known only as they are now, so in no report
of an earlier day; ``fixed``: known since the row was made; ``at_close``: of deals, known only when the deal closed, so that no
model learns from it. They go to the one table ``attributes``, under the row's key, with that word in ``declared``.

``changes`` names the columns of a log (``field``, ``new`` and, if there is one, ``old``) and what its fields are called:
``stage``, ``amount``, ``close_date``, ``probability``, and ``created`` for the making of the deal. Each row made has all
values as they were from then on: the last one logged; before the first one logged what it was changed from; and where a
field that is logged never changed, the value that ``opportunities`` of this mapping has. Values are read as that table
reads them, unless ``columns`` says how: ``amount: {column: NewValue, decimal: ","}``. Other fields are counted and left out.

Blanks around texts are cut, and the empty text is missing. Missing stays missing under a ``map``, unless it maps
``""`` or ``null``, which mean missing as a value too. A value that does not read as its column's kind stops the import; nothing is guessed and nothing written.
"""

import codecs
import dataclasses
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import duckdb
import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, model_validator

from abmlib.tables import settings
from abmlib.tables.errors import shown
from abmlib.tables.importers import sql

VERSION = 1
ROW, NTH = "_row", "_nth"  # computed: number of the row; number among the rows whose other parts of the key are alike
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # of a text file, if none is given
EXCEL, JSON, PARQUET = (".xlsx", ".xls", ".xlsb", ".ods"), (".jsonl", ".ndjson"), (".parquet",)
FILES = (*DELIMITERS, *JSON, *PARQUET, *EXCEL)
WORDS_OF: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("delimiter", "quote", "short_rows"), (*DELIMITERS,)
)  # of files of these kinds
WORDS_OF |= {"encoding": (*DELIMITERS, *JSON), "header_row": (*DELIMITERS, *EXCEL), "sheet": EXCEL}
TEXTS, NUMBERS, TIMES = ("id", "text", "list"), ("int", "number", "money", "rate"), ("ts", "date")
MEANT_FOR: dict[str, tuple[str, ...]] = dict.fromkeys(("format", "time_zone"), TIMES) | {"key": TEXTS}
MEANT_FOR["hash"] = ("id", "text")
MEANT_FOR |= dict.fromkeys(("decimal", "thousands", "unit", "divide_by", "multiply_by"), NUMBERS)
ORIGINS = ["column", "value", "sql", "key"]
AS_READ = {"format", *(word for word, kinds in MEANT_FOR.items() if kinds == NUMBERS)}  # how the export writes a value
EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}  # microseconds in one
LATER = {"lookup": "Use join in the source."}
LATER |= dict.fromkeys(("union", "files"), "Give file a pattern, or each file a source, and name them all in `from`.")


def suffix(file: str) -> str:
    """Give what a file's name ends in, in small letters.

    Of a compressed file, what comes before .gz.
    """
    return Path(file.lower().removesuffix(".gz")).suffix


def has_zone(date_format: str) -> bool:
    """Say whether a date format reads a time zone."""
    return "%z" in date_format or "%Z" in date_format


def _plain(value: Any) -> Any:
    """Write a YAML value as the text that reads back as it."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


def _expression(given: str) -> str:
    sql.references(given)
    return given


def _version(given: int) -> int:
    if given != VERSION:
        raise ValueError(f"version {given} is not known; this program reads version {VERSION}. Correct it.")
    return given


def _file(given: str) -> str:
    if suffix(given) not in FILES or (given.lower().endswith(".gz") and suffix(given) in (*PARQUET, *EXCEL)):
        what = f"{shown(repr(given))} is no kind of file that is read."
        raise ValueError(f"{what} Save it as CSV, Excel, Parquet or JSON lines.")
    return given


def _encoding(given: str) -> str:
    try:
        return codecs.lookup(given).name
    except LookupError as wrong:
        raise ValueError(f"encoding {shown(repr(given))} is not known. Use one such as cp1252.") from wrong


def _formats(given: tuple[str, ...]) -> tuple[str, ...]:
    epochs = set(given) & set(EPOCHS)
    if len(given) > 1 and (epochs or len({has_zone(f) for f in given}) > 1):
        raise ValueError("all of several formats must carry a time zone, or none. Split the column.")
    try:
        with duckdb.connect() as con:
            con.execute("select 1" if epochs else f"select try_strptime('x', [{sql.texts(given)}])")
    except duckdb.Error as wrong:
        raise ValueError(f"{shown(list(given))} is no date format. Correct it.") from wrong
    return given


def _filled(given: Any) -> Any:
    if not given:
        raise ValueError("is empty. Name at least one.")
    return given


def _source_name(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", given):
        raise ValueError(f"{shown(repr(given))} is no name for a source. Write letters, digits and _, no digit first.")
    return given


def _thousands(given: str) -> str:
    if not re.fullmatch(r"\D?", given):
        raise ValueError("must be one sign that is no digit, or '' for none. Correct it.")
    return given


def _named(given: Any, info: ValidationInfo) -> Any:
    """Look up a value map that is given by its name.

    The context is the whole file.
    """
    maps = info.context.get("maps") if isinstance(info.context, dict) else None
    known = maps if isinstance(maps, dict) else {}
    if isinstance(given, str) and given not in known:
        raise ValueError(f"no map is called {shown(repr(given))}; there are {list(known)}. Correct the spelling.")
    return known[given] if isinstance(given, str) else given


def _one_missing(given: Any) -> Any:
    """Write the missing key of a value map as the empty text."""
    if not isinstance(given, dict) or None not in given:
        return given
    if "" in given:
        raise ValueError('has both "" and null, which mean the same. Leave one out.')
    return {"" if key is None else key: value for key, value in given.items()}


def _each(given: Any, alike: bool) -> Any:
    """Write one name or several as words with values.

    One left out is the name itself, if `alike`, or no words.
    """
    words = given if isinstance(given, dict) else dict.fromkeys(map(str, given if isinstance(given, list) else [given]))
    return {name: (name if alike else {}) if value is None else value for name, value in words.items()}


Plain = Annotated[str, BeforeValidator(_plain)]
Listed = BeforeValidator(lambda v: v if isinstance(v, list) else [v])
Several = Annotated[tuple[Plain, ...], Listed, AfterValidator(_filled)]
_FACTS: dict[str, Any] = {f.name: (f.type, f.default) for f in dataclasses.fields(settings.Settings)}
Zone: Any = _FACTS["time_zone"][0]
_FACTS.pop("title"), _FACTS.pop("source")  # named in a mapping of its own; an import writes it
Expression = Annotated[str, AfterValidator(_expression)]
Formats = Annotated[Several, AfterValidator(_formats)]
Character = Annotated[str, Field(min_length=1, max_length=1), BeforeValidator(lambda v: "\t" if v == "\\t" else v)]
Decimal = Literal[".", ","]
Thousands = Annotated[str, AfterValidator(_thousands)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Factor = Annotated[float, Field(strict=True)]
OrMissing = Annotated[
    Plain | None, AfterValidator(lambda v: v if v and v.strip() else None)
]  # the empty text is missing
ValueMap = Annotated[
    dict[Annotated[Plain, AfterValidator(str.strip)], OrMissing], BeforeValidator(_one_missing), BeforeValidator(_named)
]


class Words(BaseModel):
    """A section of the file: it holds known words and nothing else.

    An empty word counts as left out.

    Fields that are excluded are no words of the file: `mapping_checks` sets them.
    """

    model_config = pydantic.ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: Any) -> Any:
        known = [f.alias or n for n, f in cls.model_fields.items() if not f.exclude]
        if not isinstance(given, dict):
            raise ValueError(f"must be words with values, of {known}, got {shown(repr(given))}. Correct it.")
        unknown = [k for k in given if k not in known]
        if later := next((k for k in unknown if k in LATER), None):
            raise ValueError(f"{later} is not in this version. {LATER[later]}")
        if unknown:
            raise ValueError(f"unknown key(s) {shown(unknown)}; it may have {known}. Correct the spelling.")
        return {k: v for k, v in given.items() if v is not None or k == "else"}


class Keep(Words):
    """A filter: rows where `where` is not true go, for the reason `why`, up to the share `budget`."""

    where: Expression
    why: str
    budget: Share


class Join(Words):
    """A look-up in another source.

    `by` are the columns here and there that must agree, `budget` is the share of keys that may find nothing.
    """

    by: Annotated[dict[str, str], BeforeValidator(lambda v: _each(v, True)), AfterValidator(_filled)]
    budget: Share


class Source(Words):
    """One file of the export, or several of one shape, and how they are written."""

    name: str = Field("", exclude=True)
    secret: frozenset[str] = Field(frozenset(), exclude=True)  # columns, in small letters, never shown
    file: Annotated[str, AfterValidator(_file)]
    sheet: str | None = None
    header_row: Annotated[pydantic.StrictInt, Field(ge=1)] = 1
    delimiter: Character | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    decimal: Decimal = "."
    thousands: Thousands = ""
    time_zone: Zone | None = None
    missing: Several = ()
    short_rows: Literal["missing"] | None = None
    correct: dict[str, ValueMap] = {}
    derive: dict[str, Expression] = {}
    keep: list[Keep] = []
    join: dict[str, Join] = {}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Source":
        for word, suffixes in WORDS_OF.items():
            if word in self.model_fields_set and suffix(self.file) not in suffixes:
                raise ValueError(f"{word} has no meaning for {self.file}; it is for {list(suffixes)}. Leave it out.")
        return self

    def of(self, *parts: str) -> tuple[str, str]:
        """Give the source that a name is of, and the name there: that of a joined row is written source.name."""
        head, *rest = parts if len(parts) > 1 else parts[0].split(".", 1)
        if rest and head in self.join:
            return head, rest[0]
        return self.name, parts[1] if len(parts) > 1 and head.lower() == self.name.lower() else parts[0]


class Column(Words):
    """Where one canonical column comes from, and how its values are written there."""

    place: str = Field("", exclude=True)  # table and column, for errors
    kind: str = Field("", exclude=True)
    secret: bool = Field(False, exclude=True)  # made from what is hashed: its values are never shown
    column: str | None = None
    value: Plain | None = None
    sql: Expression | None = None
    key: Several = ()
    map: ValueMap | None = None
    otherwise: OrMissing = Field(None, alias="else")
    format: Formats = ()
    time_zone: Zone | None = None
    decimal: Decimal = "."
    thousands: Thousands = ""
    unit: Literal["percent"] | None = None
    divide_by: Factor | None = None
    multiply_by: Factor | None = None
    hash: pydantic.StrictBool = False
    take: Literal["first", "last", "min", "max", "sum", "most_common"] | None = None

    @property
    def partial(self) -> bool:
        """Whether a text may have no entry in ``map``."""
        return self.map is not None and "otherwise" not in self.model_fields_set

    @model_validator(mode="after")
    def _fits_together(self) -> "Column":
        given = self.model_fields_set
        if len(given & set(ORIGINS)) != 1:
            raise ValueError(f"must have exactly one of {ORIGINS}, got {sorted(given)}. Correct it.")
        extra = given - {"key", "value", "take", "time_zone"} if given & {"key", "value"} else set()
        extra -= {"hash"} if self.key else set()
        extra |= given & AS_READ if self.map is not None else given & {"otherwise"}
        if extra:
            raise ValueError(f"{sorted(extra)} cannot be added to {sorted(given - extra)}. Leave it out.")
        if 0 in (self.divide_by, self.multiply_by):
            raise ValueError("divide_by and multiply_by must be numbers other than 0. Correct it.")
        return self


Columns = dict[str, Annotated[Column, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)]]


Sources = Annotated[dict[str, Columns], BeforeValidator(lambda v: _each(v, False)), AfterValidator(_filled)]


CHANGING = ("stage", "amount", "close_date", "probability")  # what changes of a deal, in the order of its weight


class Changes(Words):
    """A log with one row per changed field: its columns, and what its fields are called."""

    field: str
    new: str
    old: str | None = None
    created: Several = ()
    stage: Several
    amount: Several = ()
    close_date: Several = ()
    probability: Several = ()


class Table(Words):
    """One canonical table and the sources it is made from.

    Each source has the columns that only it has; once checked, all its columns.
    """

    name: str = Field("", exclude=True)
    sources: Sources = Field(alias="from")
    keep: list[Keep] = []
    one_row_per: Several = ()
    columns: Columns = {}
    attributes: dict[str, Literal["today", "fixed", "at_close"]] = {}
    changes: Changes | None = None


class Facts(Words):
    """What goes to the workbook file, as strict as that is."""

    model_config = settings.STRICT | pydantic.ConfigDict(coerce_numbers_to_str=False)


Workbook: Any = pydantic.create_model("Workbook", __base__=Facts, **_FACTS)


class Mapping(Words):
    """A mapping file, read and checked."""

    file: str = Field("", exclude=True)
    whole: bool = Field(False, exclude=True)  # it must make a data set
    version: Annotated[pydantic.StrictInt, AfterValidator(_version)]
    title: settings.Title
    about: str = ""
    maps: dict[str, ValueMap] = {}
    workbook: Workbook = Workbook()
    sources: Annotated[dict[Annotated[str, AfterValidator(_source_name)], Source], AfterValidator(_filled)]
    tables: Annotated[dict[str, Table], AfterValidator(_filled)]

    @property
    def hashed(self) -> list[str]:
        """The columns that are hashed, as table.column: with any, an import needs the key."""
        parts = [(n, part) for n, t in self.tables.items() for part in t.sources.values()]
        return [f"{n}.{c}" for n, part in parts for c, d in part.items() if d.hash]
