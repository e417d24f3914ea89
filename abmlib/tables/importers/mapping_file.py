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
        sheet: March                # Excel: if not the first
        decimal: ","                # how numbers are written in text columns; also thousands
        time_zone: Europe/Berlin    # zone of times that do not carry one
        missing: ["n/a", "-"]       # texts that mean missing, besides the empty text
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
          transaction_id: {key: [Order, _row]}    # _row: number of the row in the source, from 1
          contact_id: {column: Mail, hash: true}  # keyed hash, for what is nobody's business

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
the budget is of the rows that have a key. A key that stands twice in the other source stops the import. Of several
sources, the rows follow each other; a column that one of them lacks is missing in its rows.

Blanks around texts are cut, and the empty text is missing. Missing stays missing under a ``map``, unless it maps
``""``. A value that does not read as its column's kind stops the import; nothing is guessed and nothing written.
"""

import codecs
import dataclasses
import re
from collections.abc import Iterator
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
    ValidationInfo,
    create_model,
    model_validator,
)

from abmlib.tables import schema, settings
from abmlib.tables.importers import sql

VERSION = 1
ROW = "_row"
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # of a text file, if none is given
EXCEL, JSON, PARQUET = (".xlsx", ".xls", ".xlsb", ".ods"), (".jsonl", ".ndjson"), (".parquet",)
WORDS_OF: dict[str, tuple[str, ...]] = dict.fromkeys(("delimiter", "quote"), (*DELIMITERS,))  # of files of these kinds
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
HASHES = {("contacts", "email_hash")}  # columns that take nothing but hashes


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


def suffix(file: str) -> str:
    """Give what a file's name ends in, in small letters; of a compressed file what stands before .gz."""
    return Path(file.lower().removesuffix(".gz")).suffix


def _file(given: str) -> str:
    known = (*PARQUET, *EXCEL) if given.lower().endswith(".gz") else ()
    if suffix(given) in known or suffix(given) not in (*DELIMITERS, *JSON, *PARQUET, *EXCEL):
        raise ValueError(f"{given!r} is no kind of file that is read. Save it as CSV, Excel, Parquet or JSON lines.")
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


def _named(given: Any, info: ValidationInfo) -> Any:
    """Look up a value map that is given by its name."""
    maps = info.context.get("maps") if isinstance(info.context, dict) else None
    known = maps if isinstance(maps, dict) else {}
    if isinstance(given, str) and given not in known:
        raise ValueError(f"no map is called {given!r}; there are {list(known)}. Correct the spelling.")
    return known[given] if isinstance(given, str) else given


def _each(given: Any, alike: bool) -> Any:
    """Write one name or several as words with values; one left out is the name itself, if `alike`, or no words."""
    words = given if isinstance(given, dict) else dict.fromkeys(map(str, given if isinstance(given, list) else [given]))
    return {name: (name if alike else {}) if value is None else value for name, value in words.items()}


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
Factor = Annotated[float, Field(strict=True)]
ValueMap = Annotated[dict[Annotated[Plain, AfterValidator(str.strip)], Plain | None], BeforeValidator(_named)]


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


class Join(Words):
    """A look-up in another source: the columns here and there that must agree, and the share that may find nothing."""

    by: Annotated[dict[str, str], BeforeValidator(lambda v: _each(v, True)), Field(min_length=1)]
    budget: Share


class Source(Words):
    """One file of the export, or several of one shape, and how they are written."""

    name: str = Field("", exclude=True)
    secret: frozenset[str] = Field(frozenset(), exclude=True)  # columns, in small letters, never shown
    file: File
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1)] = 1
    delimiter: Character | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: Encoding | None = None
    decimal: Decimal = "."
    thousands: Thousands = ""
    time_zone: Zone | None = None
    missing: Several = ()
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
    otherwise: Plain | None = Field(None, alias="else")
    format: Formats = ()
    time_zone: Zone | None = None
    decimal: Decimal = "."
    thousands: Thousands = ""
    unit: Literal["percent"] | None = None
    divide_by: Factor | None = None
    multiply_by: Factor | None = None
    hash: bool = False
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


class Table(Words):
    """One canonical table and the sources it is made from, each with the columns that only it has; read: all it has."""

    name: str = Field("", exclude=True)
    sources: Annotated[dict[str, Columns], BeforeValidator(lambda v: _each(v, False))] = Field(
        alias="from", min_length=1
    )
    keep: list[Keep] = []
    one_row_per: Several = ()
    columns: Columns = {}


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
    maps: dict[str, ValueMap] = {}
    workbook: Workbook = Workbook()
    sources: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], Source] = Field(min_length=1)
    tables: dict[str, Table] = Field(min_length=1)

    @property
    def hashed(self) -> list[str]:
        """The columns that are hashed, as table.column."""
        parts = [(n, part) for n, t in self.tables.items() for part in t.sources.values()]
        return [f"{n}.{c}" for n, part in parts for c, d in part.items() if d.hash]

    @property
    def hashes(self) -> bool:
        """Whether anything is hashed, so that an import needs the key."""
        return bool(self.hashed)


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
        return _settled(Mapping.model_validate(given, context=given), path.name)
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        said = f"line {mark.line + 1}: {getattr(wrong, 'problem', '')}" if mark else " ".join(str(wrong).split())
        raise ValueError(f"{path.name}: not readable as YAML: {said}. Correct the file.") from wrong
    except ValidationError as wrong:
        raise ValueError(f"{path.name}: {_first(wrong)}") from wrong


def _first(wrong: ValidationError) -> str:
    """Say the first thing that is wrong, with its place."""
    found = wrong.errors()[0]
    place = ".".join(map(str, found["loc"]))
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
    _check_joins(file, sources)
    made = {n for t in tables.values() for n in t.sources}
    idle = sorted(set(sources) - made - {j for n in made for j in sources[n].join})
    if idle:
        raise ValueError(f"{file}: no table is made with source(s) {idle}. Use them in from or join, or take them out.")
    return _guarded(mapping.model_copy(update={"file": file, "sources": sources, "tables": tables}))


def _check_joins(file: str, sources: dict[str, Source]) -> None:
    for n, s in sources.items():
        if strange := [j for j in s.join if j not in sources or j == n]:
            raise ValueError(f"{file}: sources.{n}.join: {strange} are no other sources of {[*sources]}. Correct them.")
        for number, (j, join) in enumerate(s.join.items()):
            if late := [c for c in join.by if c.split(".")[0] in [*s.join][number:]]:
                raise ValueError(f"{file}: sources.{n}.join.{j}: {late} are not found before it. Put it further down.")


def _guarded(mapping: Mapping) -> Mapping:
    """Mark what is hashed, what it is made from or looked up by, and all that is made from that: it is never shown."""
    uses = [
        (n, place, (of, column.lower()))
        for n, s in mapping.sources.items()
        for place, of, column in needed(s, mapping)
        if column.lower() != ROW
    ]
    parts = [
        (t, n, c, d) for t, table in mapping.tables.items() for n, p in table.sources.items() for c, d in p.items()
    ]
    hashed = {(n, f"{t}.{c}") for t, n, c, d in parts if d.hash or (t, c) in HASHES}
    secret = {used for n, place, used in uses if (n, place) in hashed}
    derived = [
        ((n, d.lower()), used) for n, place, used in uses for d in mapping.sources[n].derive if place == f"derive.{d}"
    ]
    alike = [
        (*of_source(s, here), j, there)
        for s in mapping.sources.values()
        for j, join in s.join.items()
        for here, there in join.by.items()
    ]
    derived += [((n, here.lower()), (j, there.lower())) for n, here, j, there in alike]
    for _ in derived:  # as often as one may rest on another
        secret.update(*(pair for pair in derived if secret.intersection(pair)))
    touched = {(n, place) for n, place, used in uses if used in secret}
    sources = {
        n: s.model_copy(update={"secret": frozenset(c for of, c in secret if of == n)})
        for n, s in mapping.sources.items()
    }
    tables = {}
    for t, table in mapping.tables.items():
        own = {
            n: {c: d.model_copy(update={"secret": (n, f"{t}.{c}") in touched}) for c, d in part.items()}
            for n, part in table.sources.items()
        }
        secrets = {c for part in own.values() for c, d in part.items() if d.secret}
        columns = {c: d.model_copy(update={"secret": c in secrets}) for c, d in table.columns.items()}
        tables[t] = table.model_copy(update={"sources": own, "columns": columns})
    return mapping.model_copy(update={"sources": sources, "tables": tables})


def needed(source: Source, mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    """Give each place where the mapping names a column for rows of the source: place, source it is of, name there."""
    tables = [t for t in mapping.tables.values() if source.name in t.sources]
    columns = [(f"{t.name}.{c}", d) for t in tables for c, d in t.sources[source.name].items()]
    yield from (("correct", source.name, name) for name in source.correct)
    for other, join in source.join.items():
        for here, there in join.by.items():
            yield from ((f"{source.name}.join.{other}", *of) for of in (of_source(source, here), (other, there)))
    for place, d in columns:
        yield from ((place, *of_source(source, name)) for name in (d.column, *d.key) if name is not None)
    expressions = [(f"derive.{name}", e) for name, e in source.derive.items()]
    expressions += [("keep", k.where) for k in source.keep]
    expressions += [(f"{t.name}.keep", k.where) for t in tables for k in t.keep]
    for place, expression in expressions + [(place, d.sql) for place, d in columns if d.sql]:
        for parts in sql.references(expression):
            yield (place, *of_source(source, *parts))


def of_source(source: Source, *parts: str) -> tuple[str, str]:
    """Give the source that a name is of, and the name there: that of a joined row is written source.name."""
    head, *rest = parts if len(parts) > 1 else parts[0].split(".", 1)
    if rest and head in source.join:
        return head, rest[0]
    return source.name, parts[1] if len(parts) > 1 and head.lower() == source.name.lower() else parts[0]


def _table(at: str, name: str, table: Table, sources: dict[str, Source]) -> Table:
    canonical = sorted(schema.CANONICAL)
    tables = [("table", name, canonical + sorted(set(schema.importable()) - set(canonical)))]
    for what, one, there in tables + [("source", s, sorted(sources)) for s in table.sources]:
        if one not in there:
            raise ValueError(f"{at}: no such {what}; there are {there}, not {one!r}. Correct the spelling.")
    known, parts = schema.spec(name).columns, {}
    for source, its in table.sources.items():
        own, given, grouped = sources[source], table.columns | its, bool(table.one_row_per)
        _check_names(f"{at}.columns" if len(table.sources) == 1 else f"{at}.from.{source}", name, table, given)
        parts[source] = {c: _column(f"{at}.columns.{c}", name, c, given[c], own, grouped) for c in known if c in given}
    first = {c: part[c] for c in known for part in reversed(parts.values()) if c in part}
    if several := [c for c, d in first.items() if any(part.get(c, d).take != d.take for part in parts.values())]:
        raise ValueError(f"{at}.from: {several} take one value here and another there. Say the same for all sources.")
    return table.model_copy(update={"name": name, "sources": parts, "columns": first})


def _check_names(at: str, name: str, table: Table, given: Columns) -> None:
    known = schema.spec(name).columns
    absent = [c for c in schema.needed(name) if c not in given]
    derived = [c for c, d in known.items() if d.derived and c in given]
    strange = [g for g in table.one_row_per if g not in given or given[g].take]
    for wrong, said in (
        ([c for c in given if c not in known], f"unknown column(s) {{}}; the table has {list(known)}. Correct them."),
        (derived, "{} are worked out from transactions and deals. Leave them out."),
        (absent, f"missing column(s) {{}}; mapped are {list(given)}. Map them, with `value` if the export has none."),
        (strange, "{} name the group, so they must be mapped, without `take`. Correct them."),
    ):
        if wrong:
            raise ValueError(f"{at}: {said.format(wrong)}")


def _column(at: str, table: str, name: str, column: Column, source: Source, grouped: bool) -> Column:
    kind, given = schema.spec(table).columns[name].kind, column.model_fields_set
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
    return not definition.nullable and definition.default is None and not definition.derived
