r"""The mapping file: any export to canonical tables, by one YAML file that says which column goes where.

The file, with every word it may hold (``data/mappings/`` has worked examples)::

    version: 1
    title: one line
    about: where the data is from, licence, what a row is
    workbook:                       # goes to workbook.yml beside the tables
      currency: EUR
      time_zone: Europe/Berlin      # reporting time zone: dates are days of this zone
    sources:
      orders:
        file: orders.csv            # .csv .tsv .txt .parquet, inside the source folder
        delimiter: ";"              # CSV: also quote, encoding (any that Python knows)
        decimal: ","                # how numbers are written in text columns; also thousands
        time_zone: Europe/Berlin    # zone of times that do not carry one
        missing: ["n/a", "-"]       # texts that mean missing, besides the empty text
        derive: {code: upper("Item")}             # columns computed once, used below
        keep:
          - {where: '"Customer" is not null', why: no customer on the line, budget: 0.1}
    tables:
      transactions:
        from: orders
        keep: []                    # as above, for this table alone
        one_row_per: [account_id]   # group; each column then says which value to take
        columns:
          product_id: Item                        # short for {column: Item}
          kind: {value: purchase}                 # the same in every row
          revenue: {sql: '"Qty" * "Price"'}       # an expression over the source's columns
          transaction_id: {key: [Order, _row]}    # _row: number of the row in the file, from 1

To ``column`` and ``sql`` may be added: ``map`` (text in the source: value), ``else`` (value of all other texts, or
``{column: …}``; without it they stop the import), ``format`` and ``time_zone`` of a date (strptime, one or several;
``epoch_seconds``, ``epoch_milliseconds``), ``decimal`` and ``thousands``, ``unit: percent``, ``divide_by``; and in a
grouped table ``take``: first, last, min, max, sum, most_common. Without ``take`` a group must hold one value.

Blanks around texts are cut, and the empty text is missing. Missing stays missing under a ``map``, unless it maps
``""``. A value that does not read as its column's kind stops the import; nothing is guessed and nothing written.
"""

import codecs
import dataclasses
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)

from abmlib.tables import schema, settings
from abmlib.tables.importers import sql

VERSION = 1
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # of a text file, if none is given
TEXTS, NUMBERS, TIMES = ("id", "text", "list"), ("int", "number", "money", "rate"), ("ts", "date")
MEANT_FOR: dict[str, tuple[str, ...]] = dict.fromkeys(("format", "time_zone"), TIMES) | {"key": TEXTS}
MEANT_FOR |= dict.fromkeys(("decimal", "thousands", "unit", "divide_by"), NUMBERS)
ORIGINS = ["column", "value", "sql", "key"]
AS_READ = {"format", "decimal", "thousands", "unit", "divide_by"}  # how the export writes a value
EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}  # microseconds in one
LATER = dict.fromkeys(("join", "lookup"), "Join the files before the import.")
LATER |= dict.fromkeys(("union", "files"), "Put the files together before the import.")
LATER |= {"sheet": "Save the sheet as CSV."}


def _plain(value: Any) -> Any:
    """Write a YAML value as the text that reads back as it."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
        raise ValueError(f"time_zone {name!r} is not known. Use a name such as Europe/London.") from wrong


def _expression(given: str) -> str:
    sql.references(given)
    return given


def _version(given: int) -> int:
    if given != VERSION:
        raise ValueError(f"version {given} is not known; this program reads version {VERSION}. Correct it.")
    return given


def _file(given: str) -> str:
    if (suffix := Path(given).suffix.lower()) not in (*DELIMITERS, ".parquet"):
        raise ValueError(f"{suffix or given} files are not in this version. Save it as CSV or Parquet.")
    return given


def _encoding(given: str) -> str:
    try:
        return codecs.lookup(given).name
    except LookupError as wrong:
        raise ValueError(f"encoding {given!r} is not known. Use one such as cp1252.") from wrong


def _formats(given: tuple[str, ...]) -> tuple[str, ...]:
    epochs = set(given) & set(EPOCHS)
    if len(given) > 1 and (epochs or len({has_zone(f) for f in given}) > 1):
        raise ValueError("all of several formats must carry a time zone, or none. Split the column.")
    try:
        with duckdb.connect() as con:
            con.execute("select 1" if epochs else f"select try_strptime('x', [{sql.texts(given)}])")
    except duckdb.Error as wrong:
        raise ValueError(f"{list(given)} is no date format: {sql.cause(wrong)}") from wrong
    return given


def has_zone(one: str) -> bool:
    """Say whether a date format reads a time zone."""
    return "%z" in one or "%Z" in one


Plain = Annotated[str, BeforeValidator(_plain)]
Several = Annotated[
    tuple[Plain, ...], BeforeValidator(lambda v: v if isinstance(v, list) else [v]), Field(min_length=1)
]
Zone = Annotated[str, AfterValidator(_zone)]
Expression = Annotated[str, AfterValidator(_expression)]
Version = Annotated[int, AfterValidator(_version)]
File = Annotated[str, AfterValidator(_file)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Formats = Annotated[Several, AfterValidator(_formats)]
Character = Annotated[str, Field(min_length=1, max_length=1), BeforeValidator(lambda v: "\t" if v == "\\t" else v)]
Decimal = Literal[".", ","]
Thousands = Annotated[str, Field(pattern=r"^\D?$")]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]


class Words(BaseModel):
    """A section of the file: it holds known words and nothing else; an empty word counts as left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: Any) -> Any:
        known = [f.alias or n for n, f in cls.model_fields.items() if not f.exclude]
        if not isinstance(given, dict):
            raise ValueError(f"must be words with values, of {known}, got {given!r}. Correct it.")
        unknown = [k for k in given if k not in known]
        for word in [k for k in unknown if k in LATER]:
            raise ValueError(f"{word} is not in this version. {LATER[word]}")
        if unknown:
            raise ValueError(f"unknown key(s) {unknown}; it may have {known}. Correct the spelling.")
        return {k: v for k, v in given.items() if v is not None or k == "else"}


class Keep(Words):
    """A filter: rows where `where` is not true go, for the reason `why`, up to the share `budget`."""

    where: Expression
    why: str
    budget: Share


class Source(Words):
    """One file of the export and how it is written."""

    name: str = Field("", exclude=True)
    file: File
    delimiter: Character | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: Encoding = "utf-8"
    decimal: Decimal = "."
    thousands: Thousands = ""
    time_zone: Zone | None = None
    missing: Several = ()
    derive: dict[str, Expression] = {}
    keep: list[Keep] = []


class Other(Words):
    """The column that ``else`` takes values from."""

    column: str


class Column(Words):
    """Where one canonical column comes from, and how its values are written there."""

    place: str = Field("", exclude=True)  # table and column, for errors
    kind: str = Field("", exclude=True)
    column: str | None = None
    value: Plain | None = None
    sql: Expression | None = None
    key: Several = ()
    map: dict[Annotated[Plain, AfterValidator(str.strip)], Plain | None] | None = None
    otherwise: Other | Plain | None = Field(None, alias="else")
    format: Formats = ()
    time_zone: Zone | None = None
    decimal: Decimal = "."
    thousands: Thousands = ""
    unit: Literal["percent"] | None = None
    divide_by: Annotated[float, Field(strict=True)] | None = None
    take: Literal["first", "last", "min", "max", "sum", "most_common"] | None = None

    @property
    def other(self) -> str | None:
        """The column that ``else`` takes values from."""
        return self.otherwise.column if isinstance(self.otherwise, Other) else None

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
        extra |= given & AS_READ if self.map is not None else given & {"otherwise"}
        if extra:
            raise ValueError(f"{sorted(extra)} cannot be added to {sorted(given - extra)}. Leave it out.")
        if self.divide_by == 0:
            raise ValueError("divide_by must be a number other than 0. Correct it.")
        return self


class Table(Words):
    """One canonical table and the source it is made from."""

    name: str = Field("", exclude=True)
    source: str = Field(alias="from")
    keep: list[Keep] = []
    one_row_per: Several = ()
    columns: dict[str, Annotated[Column, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)]]


_FACTS: dict[str, Any] = {
    f.name: (Zone if f.name == "time_zone" else f.type, f.default)
    for f in dataclasses.fields(settings.Settings)
    if f.name not in ("title", "source")
}
Workbook: Any = create_model("Workbook", __base__=Words, **_FACTS)


class Mapping(Words):
    """A mapping file, read and checked."""

    file: str = Field("", exclude=True)
    version: Version
    title: str
    about: str = ""
    workbook: Workbook = Workbook()
    sources: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], Source] = Field(min_length=1)
    tables: dict[str, Table] = Field(min_length=1)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: only true and false are booleans (not NO), dates stay text, a repeated key is refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice; plain YAML keeps the last and says nothing."""
        seen: set[str] = set()
        for name, _ in node.value:
            if str(name.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"{name.value!r} stands twice", problem_mark=name.start_mark)
            seen.add(str(name.value))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789"))


def load_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file, without any data.

    Raises
    ------
    ValueError
        If it is not YAML, has a word it may not have, lacks one it needs, names a column that its table has not, or
        holds an expression that is not one expression over columns. The message names the place.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such mapping file. Give the path of one.")
    try:
        given = yaml.load(path.read_text("utf-8-sig"), _Loader)  # noqa: S506  a SafeLoader
        return _settled(Mapping.model_validate(given), path.name)
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        said = f"line {mark.line + 1}: {getattr(wrong, 'problem', '')}" if mark else " ".join(str(wrong).split())
        raise ValueError(f"{path.name}: not readable as YAML: {said}. Correct the file.") from wrong
    except ValidationError as wrong:
        raise ValueError(f"{path.name}: {_first(wrong)}") from wrong


def _first(wrong: ValidationError) -> str:
    """Say the first thing that is wrong, with its place."""
    found = wrong.errors()[0]
    place = ".".join(str(part) for part in found["loc"] if part != Other.__name__)
    said = f"{found['msg']}, got {found['input']!r}. Correct it."
    if found["type"] == "value_error":
        said = str(found["ctx"]["error"])
    elif found["type"] == "missing":
        said = "missing. Add it."
    return f"{place}: {said}" if place else said


def _settled(mapping: Mapping, file: str) -> Mapping:
    """Give every part its name, and every column what it takes from its source and its table."""
    sources = {n: s.model_copy(update={"name": n}) for n, s in mapping.sources.items()}
    tables = {n: _table(f"{file}: tables.{n}", n, t, sources) for n, t in mapping.tables.items()}
    idle = sorted(set(sources) - {t.source for t in tables.values()})
    if idle:
        raise ValueError(f"{file}: no table is made from source(s) {idle}. Use them in `from`, or take them out.")
    return mapping.model_copy(update={"file": file, "sources": sources, "tables": tables})


def _table(at: str, name: str, table: Table, sources: dict[str, Source]) -> Table:
    for one, there, what in ((name, schema.CANONICAL, "table"), (table.source, sources, "source")):
        if one not in there:
            raise ValueError(f"{at}: no such {what}; there are {sorted(there)}, not {one!r}. Correct the spelling.")
    known, given = schema.CANONICAL[name].columns, table.columns
    absent = [c for c, d in known.items() if required(d) and c not in given]
    derived = [c for c, d in known.items() if schema.meta(d)["derived"] and c in given]
    strange = [g for g in table.one_row_per if g not in given or given[g].take]
    for wrong, said in (
        ([c for c in given if c not in known], f"unknown column(s) {{}}; the table has {list(known)}. Correct them."),
        (derived, "{} are worked out from transactions and deals. Leave them out."),
        (absent, f"missing column(s) {{}}; mapped are {list(given)}. Map them, with `value` if the export has none."),
        (strange, "{} name the group, so they must be mapped, without `take`. Correct them."),
    ):
        if wrong:
            raise ValueError(f"{at}.columns: {said.format(wrong)}")
    source, grouped = sources[table.source], bool(table.one_row_per)
    columns = {c: _column(f"{at}.columns.{c}", name, c, given[c], source, grouped) for c in known if c in given}
    return table.model_copy(update={"name": name, "columns": columns})


def _column(at: str, table: str, name: str, column: Column, source: Source, grouped: bool) -> Column:
    kind, given = schema.meta(schema.CANONICAL[table].columns[name])["kind"], column.model_fields_set
    for word, kinds in MEANT_FOR.items():
        if word in given and kind not in kinds:
            raise ValueError(f"{at}: {word} has no meaning for {kind}; it is for {list(kinds)}. Leave it out.")
    if column.take == "sum" and kind not in NUMBERS:
        raise ValueError(f"{at}: take: sum is for numbers, and this column is {kind}. Take another.")
    if column.take and not grouped:
        raise ValueError(f"{at}: take needs a grouped table. Add one_row_per to the table, or leave take out.")
    own = column.map is not None or column.value is not None  # written by the mapping's author, as YAML writes numbers
    inherited = {"time_zone"} if own else {"time_zone", "decimal", "thousands"}
    update = {word: getattr(source, word) for word in inherited - given}
    settled = column.model_copy(update=update | {"place": f"{table}: {name}", "kind": kind})
    if kind in NUMBERS and settled.decimal == settled.thousands:
        raise ValueError(f"{at}: decimal and thousands are both {settled.decimal!r}. Name two different signs.")
    return settled


def required(definition: Any) -> bool:
    """Say whether a value must be there: not allowed to be missing, no default, not worked out by Book."""
    meta = schema.meta(definition)
    return not definition.nullable and meta["default"] is None and not meta["derived"]
