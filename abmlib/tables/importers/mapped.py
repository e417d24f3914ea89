r"""Any export to canonical tables, by one YAML file that says which column goes where.

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

# ruff: noqa: S608  SQL is put together here: every name passes _quoted, every text _text, every expression _references
import codecs
import contextlib
import csv
import dataclasses
import functools
import hashlib
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from abmlib.tables import ledger, schema, settings
from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.ledger import LedgerRow

VERSION = 1
TEXT_FILES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # suffix: delimiter if none is given
LATER_FILES = {".xlsx", ".xls", ".xlsm", ".ods", ".json", ".jsonl", ".ndjson"}
TAKES = ("first", "last", "min", "max", "sum", "most_common")
TEXTS, NUMBERS, TIMES = ("id", "text", "list"), ("int", "number", "money", "rate"), ("ts", "date")
EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}  # microseconds in one
SQL_TYPES = {"int": "BIGINT", "bool": "BOOLEAN", "ts": "TIMESTAMP", "date": "DATE"}
SQL_TYPES |= dict.fromkeys(TEXTS, "VARCHAR") | dict.fromkeys(("number", "money", "rate"), "DOUBLE")
ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
}
NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$")
EXACT = 2**53  # largest whole number up to which a double holds every whole number
ROW = "_row"
ROW_GROUP = 122_880  # rows per group of a Parquet file; fixed, so that equal input gives equal bytes
LONGEST_LINE = 16_000_000  # characters of one CSV row
LONGEST_SAYING = 300  # characters quoted of an error of the engine
ADVICE = ("Possible", "LINE", "Did you", "Candidate")  # what a line of the engine's errors starts with after its cause
LEDGER_FILE = "ledger.csv"
CLOCK = {"age", "current_time", "current_localtime", "current_localtimestamp", "localtime", "localtimestamp"}
LATER = {
    "join": "Join the files before the import.",
    "lookup": "Join the files before the import.",
    "union": "Put the files together before the import.",
    "files": "Put the files together before the import.",
    "sheet": "Save the sheet as CSV.",
}


@dataclass(frozen=True)
class Keep:
    """A filter: rows where `where` is not true go, for the reason `why`, up to the share `budget`."""

    where: str
    why: str
    budget: float


@dataclass(frozen=True)
class Source:
    """One file of the export and how it is written."""

    name: str
    file: str
    delimiter: str | None = None
    quote: str = '"'
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    time_zone: str | None = None
    missing: tuple[str, ...] = ()
    derive: dict[str, str] = field(default_factory=dict)
    keep: tuple[Keep, ...] = ()


@dataclass(frozen=True)
class Column:
    """Where one canonical column comes from: exactly one of `column`, `value`, `sql` and `key` is given."""

    name: str
    kind: str
    column: str | None = None
    value: str | None = None
    sql: str | None = None
    key: tuple[str, ...] = ()
    map: dict[str, str | None] | None = None
    otherwise: tuple[str, str | None] | None = None  # ("value", text) or ("column", name)
    format: tuple[str, ...] = ()
    time_zone: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    percent: bool = False
    divide_by: float | None = None
    take: str | None = None


@dataclass(frozen=True)
class Table:
    """One canonical table and the source it is made from."""

    name: str
    source: str
    columns: dict[str, Column]
    one_row_per: tuple[str, ...] = ()
    keep: tuple[Keep, ...] = ()


@dataclass(frozen=True)
class Mapping:
    """A mapping file, read and checked."""

    file: str
    title: str
    about: str
    workbook: dict[str, Any]
    sources: dict[str, Source]
    tables: dict[str, Table]


# Reading the mapping ------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: only true and false are booleans (not NO), dates stay text, a repeated key is refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice; plain YAML keeps the last and says nothing."""
        seen: set[str] = set()
        for name, _ in node.value:
            if name.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{name.value!r} stands twice", problem_mark=name.start_mark)
            seen.add(name.value)
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
    try:
        loader = _Loader(path.read_text("utf-8-sig"))
        try:
            given = loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise ValueError(f"{path.name}: not readable as YAML: {wrong}. Correct the file.") from wrong
    known = ["version", "title", "about", "workbook", "sources", "tables"]
    top = _words(path.name, given, known, needed=["version", "title", "sources", "tables"])
    if top["version"] != VERSION:
        raise ValueError(f"{path.name}: version {top['version']!r} is not known; this program reads version {VERSION}.")
    sources = {
        str(n): _source(f"{path.name}: sources.{n}", str(n), s) for n, s in _section(path, top, "sources").items()
    }
    tables = {
        str(n): _table(f"{path.name}: tables.{n}", str(n), t, sources) for n, t in _section(path, top, "tables").items()
    }
    idle = sorted(set(sources) - {t.source for t in tables.values()})
    if idle:
        raise ValueError(f"{path.name}: no table is made from source(s) {idle}. Use them in `from`, or take them out.")
    workbook = _workbook(f"{path.name}: workbook", top.get("workbook") or {})
    return Mapping(path.name, str(top["title"]), str(top.get("about") or ""), workbook, sources, tables)


def _section(path: Path, top: dict[str, Any], name: str) -> dict[Any, Any]:
    if not isinstance(top[name], dict) or not top[name]:
        raise ValueError(f"{path.name}: {name} must name at least one, each with its own words below it.")
    return top[name]


def _words(place: str, given: Any, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Any]:
    """Give a section as a dict whose keys are all known; refuse words reserved for later by their own message."""
    if not isinstance(given, dict):
        raise ValueError(f"{place}: must be words with values, one of {list(known)} each, got {given!r}.")
    later = [k for k in given if k in LATER and k not in known]
    if later:
        raise ValueError(f"{place}: {later[0]} is not in this version. {LATER[later[0]]}")
    unknown = [k for k in given if k not in known]
    if unknown:
        raise ValueError(f"{place}: unknown key(s) {unknown}; it may have {list(known)}. Correct the spelling.")
    absent = [k for k in needed if given.get(k) is None]
    if absent:
        raise ValueError(f"{place}: missing key(s) {absent}. Add them.")
    return {k: v for k, v in given.items() if v is not None or k in ("else", "value")}


def _texts(place: str, given: Any) -> tuple[str, ...]:
    """Give one text or a list of texts as a tuple."""
    items = given if isinstance(given, list) else [given]
    if not items or any(isinstance(i, dict | list) for i in items):
        raise ValueError(f"{place}: must be a text or a list of texts, got {given!r}.")
    return tuple(_plain(i) or "" for i in items)


def _plain(value: Any) -> str | None:
    """Write a YAML value as the text that reads back as it."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _one_text(place: str, word: str, given: Any) -> str:
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        raise ValueError(f"{place}: {word} must be a text, got {given!r}.")
    return str(given)


def _zone(place: str, given: Any) -> str:
    try:
        return ZoneInfo(str(given)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
        raise ValueError(f"{place}: time_zone {given!r} is not known. Use a name such as Europe/London.") from wrong


def _workbook(place: str, given: Any) -> dict[str, Any]:
    known = {f.name: f for f in dataclasses.fields(settings.Settings) if f.name not in ("title", "source")}
    out = _words(place, given, list(known))
    for word, value in out.items():
        if type(value) is not type(known[word].default):
            raise ValueError(f"{place}: {word} must be {type(known[word].default).__name__}, got {value!r}.")
    if "time_zone" in out:
        _zone(place, out["time_zone"])
    return out


def _separators(place: str, decimal: str, thousands: str) -> None:
    if decimal not in (".", ",") or len(thousands) > 1 or thousands == decimal or thousands.isdigit():
        raise ValueError(
            f"{place}: decimal {decimal!r} and thousands {thousands!r} do not go together. "
            "Use . or , as decimal and another single character as thousands."
        )


def _source(place: str, name: str, given: Any) -> Source:
    known = [f.name for f in dataclasses.fields(Source) if f.name != "name"]
    out = _words(place, given, known, needed=["file"])
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"{place}: a source is named by letters, digits and _. Rename it.")
    for word in ("file", "delimiter", "quote", "encoding", "decimal", "thousands"):
        if word in out:
            out[word] = _one_text(place, word, out[word])
    out |= {"delimiter": out["delimiter"].replace("\\t", "\t")} if "delimiter" in out else {}
    if len(out.get("delimiter", ",")) != 1 or len(out.get("quote", "")) > 1:
        raise ValueError(f"{place}: delimiter and quote must be one character each. Correct them.")
    suffix = Path(out["file"]).suffix.lower()
    if suffix in LATER_FILES:
        raise ValueError(f"{place}: {suffix} files are not in this version. Save it as CSV or Parquet.")
    if suffix not in (*TEXT_FILES, ".parquet"):
        raise ValueError(f"{place}: file {out['file']!r} must end in {[*TEXT_FILES, '.parquet']}. Rename it.")
    out["missing"] = _texts(f"{place}.missing", out["missing"]) if "missing" in out else ()
    if "time_zone" in out:
        _zone(place, out["time_zone"])
    _separators(place, out.get("decimal", "."), out.get("thousands", ""))
    try:
        codecs.lookup(out.get("encoding", "utf-8"))
    except LookupError as wrong:
        raise ValueError(f"{place}: encoding {out['encoding']!r} is not known. Use one such as cp1252.") from wrong
    derive = out.setdefault("derive", {})
    if not isinstance(derive, dict) or any(not isinstance(v, str) for v in derive.values()):
        raise ValueError(f"{place}.derive: must be names with an expression each, got {derive!r}.")
    out["derive"] = {str(k): v for k, v in derive.items()}
    for column, expression in out["derive"].items():
        _references(f"{place}.derive.{column}", expression)
    out["keep"] = _keeps(f"{place}.keep", out.get("keep", []))
    return Source(name=name, **out)


def _keeps(place: str, given: Any) -> tuple[Keep, ...]:
    if not isinstance(given, list):
        raise ValueError(f"{place}: must be a list of {{where, why, budget}}, got {given!r}.")
    out = []
    for number, one in enumerate(given):
        at = f"{place}[{number}]"
        words = ["where", "why", "budget"]
        got = _words(at, one, words, needed=words)
        budget = got["budget"]
        if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget <= 1:
            raise ValueError(f"{at}: budget must be a share of rows from 0 to 1, got {budget!r}.")
        _references(at, str(got["where"]))
        out.append(Keep(str(got["where"]), str(got["why"]), float(budget)))
    return tuple(out)


def _table(place: str, name: str, given: Any, sources: dict[str, Source]) -> Table:
    if name not in schema.CANONICAL:
        raise ValueError(f"{place}: no such table; there are {sorted(schema.CANONICAL)}. Correct the spelling.")
    out = _words(place, given, ["from", "one_row_per", "keep", "columns"], needed=["from", "columns"])
    if isinstance(out["from"], list):
        raise ValueError(f"{place}: several sources for one table are not in this version. {LATER['union']}")
    if out["from"] not in sources:
        raise ValueError(f"{place}: no source {out['from']!r}; there are {sorted(sources)}. Correct the spelling.")
    groups = _texts(f"{place}.one_row_per", out["one_row_per"]) if "one_row_per" in out else ()
    definitions = schema.CANONICAL[name].columns
    if not isinstance(out["columns"], dict):
        raise ValueError(f"{place}.columns: must be columns of {name}, got {out['columns']!r}.")
    unknown = [c for c in out["columns"] if c not in definitions]
    if unknown:
        raise ValueError(
            f"{place}.columns: unknown column(s) {unknown}; the table has {list(definitions)}. Correct the spelling."
        )
    derived = [c for c in out["columns"] if schema.meta(definitions[c])["derived"]]
    if derived:
        raise ValueError(f"{place}.columns: {derived} are worked out from transactions and deals. Leave them out.")
    absent = [c for c, d in definitions.items() if _required(d) and c not in out["columns"]]
    if absent:
        raise ValueError(
            f"{place}.columns: missing column(s) {absent}; mapped are {list(out['columns'])}. Map them, with `value` "
            "if the export has none."
        )
    columns = {
        c: _column(f"{place}.columns.{c}", c, schema.meta(definitions[c])["kind"], out["columns"][c], bool(groups))
        for c in definitions
        if c in out["columns"]
    }
    strange = [g for g in groups if g not in columns]
    if strange:
        raise ValueError(f"{place}.one_row_per: {strange} are not mapped; mapped are {list(columns)}. Map them.")
    taken = [g for g in groups if columns[g].take]
    if taken:
        raise ValueError(f"{place}: {taken} name the group, so `take` has no meaning there. Leave it out.")
    return Table(name, out["from"], columns, groups, _keeps(f"{place}.keep", out.get("keep", [])))


def _required(definition: Any) -> bool:
    """Say whether a value must be there: not allowed to be missing, no default, not worked out by Book."""
    meta = schema.meta(definition)
    return not definition.nullable and meta["default"] is None and not meta["derived"]


def _column(place: str, name: str, kind: str, given: Any, grouped: bool) -> Column:
    origins = ["column", "value", "sql", "key"]
    kinds = {
        "map": None,
        "else": None,
        "take": None,
        "format": TIMES,
        "time_zone": TIMES,
        "decimal": NUMBERS,
        "thousands": NUMBERS,
        "unit": NUMBERS,
        "divide_by": NUMBERS,
    }
    out = _words(place, {"column": given} if isinstance(given, str) else given, origins + list(kinds))
    if len([o for o in origins if o in out]) != 1:
        raise ValueError(f"{place}: must have exactly one of {origins}, got {list(out)}.")
    for word in out:
        allowed = kinds.get(word)
        if allowed and kind not in allowed:
            raise ValueError(f"{place}: {word} has no meaning for {kind}; it is for {list(allowed)}. Leave it out.")
    if ("key" in out or "value" in out) and set(out) - {"key", "value", "take", "time_zone"}:
        raise ValueError(f"{place}: {sorted(set(out) - {'key', 'value'})} cannot be added to key or value.")
    made: dict[str, Any] = {
        w: _one_text(place, w, out[w]) for w in ("column", "sql", "decimal", "thousands") if w in out
    }
    if "value" in out:
        if not isinstance(out["value"], str | int | float):
            raise ValueError(f"{place}: value must be one text, number or true/false, got {out['value']!r}.")
        made["value"] = _plain(out["value"])
    if "sql" in made:
        _references(place, made["sql"])
    if "key" in out:
        if kind not in TEXTS:
            raise ValueError(f"{place}: key makes a text, and this column is {kind}. Use column or sql.")
        made["key"] = _texts(f"{place}.key", out["key"])
    made |= _map(place, out)
    if "format" in out:
        made["format"] = _formats(place, out["format"])
    if "time_zone" in out:
        made["time_zone"] = _zone(place, out["time_zone"])
    if out.get("unit", "percent") != "percent":
        raise ValueError(f"{place}: unit {out['unit']!r} is not known; there is ['percent']. Use divide_by for others.")
    made["percent"] = "unit" in out
    if "divide_by" in out:
        divisor = out["divide_by"]
        if isinstance(divisor, bool) or not isinstance(divisor, int | float) or divisor == 0:
            raise ValueError(f"{place}: divide_by must be a number other than 0, got {divisor!r}.")
        made["divide_by"] = float(divisor)
    if "take" in out:
        made["take"] = out["take"]
        if out["take"] not in TAKES or (out["take"] == "sum" and kind not in NUMBERS):
            raise ValueError(
                f"{place}: take {out['take']!r} is not for {kind}; there are {list(TAKES)}, sum for numbers."
            )
        if not grouped:
            raise ValueError(f"{place}: take needs a grouped table. Add one_row_per to the table, or leave take out.")
    return Column(name=name, kind=kind, **made)


def _map(place: str, out: dict[str, Any]) -> dict[str, Any]:
    """Read ``map`` and ``else``."""
    if "map" not in out:
        if "else" in out:
            raise ValueError(f"{place}: else has no meaning without map. Add map, or leave else out.")
        return {}
    extra = sorted(set(out) & {"format", "decimal", "thousands", "unit", "divide_by"})
    if extra:
        raise ValueError(f"{place}: {extra} cannot be added to map. Write the values in map as they should come out.")
    given = out["map"]
    if not isinstance(given, dict) or any(isinstance(v, dict | list) for v in given.values()):
        raise ValueError(f"{place}.map: must be texts of the source with one value each, got {given!r}.")
    made: dict[str, Any] = {"map": {(_plain(k) or "").strip(): _plain(v) for k, v in given.items()}}
    if "else" in out:
        other = out["else"]
        if isinstance(other, dict):
            column = _words(f"{place}.else", other, ["column"], needed=["column"])["column"]
            made["otherwise"] = ("column", _one_text(place, "else", column))
        else:
            made["otherwise"] = ("value", _plain(other))
    return made


def _formats(place: str, given: Any) -> tuple[str, ...]:
    formats = _texts(f"{place}.format", given)
    if len(formats) > 1 and (set(formats) & set(EPOCHS) or len({_has_zone(f) for f in formats}) > 1):
        raise ValueError(f"{place}: format: all of several formats must carry a time zone, or none. Split the column.")
    if not set(formats) & set(EPOCHS):
        try:
            with duckdb.connect() as con:
                con.execute(f"select try_strptime('x', [{', '.join(map(_text, formats))}])").fetchall()
        except duckdb.Error as wrong:
            raise ValueError(f"{place}: format {list(formats)} is not a date format: {_first_line(wrong)}") from wrong
    return formats


def _has_zone(one: str) -> bool:
    return "%z" in one or "%Z" in one


def _references(place: str, expression: str) -> list[tuple[str, ...]]:
    """Check that a text is one SQL expression over columns, and give the columns it names.

    Refused are queries inside it, several columns at once, and whatever changes from one run to the next (the clock,
    random numbers): an import of the same files gives the same tables.
    """
    with duckdb.connect() as con:
        row = con.execute("select json_serialize_sql(?)", [f"select (\n{expression}\n)"]).fetchone()
    parsed = json.loads(row[0] if row else "{}")
    if parsed.get("error", True):
        raise ValueError(f"{place}: not an SQL expression: {parsed.get('error_message')}: {expression!r}. Correct it.")
    nodes = [s["node"] for s in parsed["statements"]]
    plain = len(nodes) == 1 and nodes[0]["type"] == "SELECT_NODE" and len(nodes[0]["select_list"]) == 1
    bare = plain and nodes[0]["from_table"]["type"] == "EMPTY" and not nodes[0]["modifiers"]
    if not bare or any(nodes[0][part] for part in ("where_clause", "group_expressions", "having", "qualify", "sample")):
        raise ValueError(f"{place}: more than one expression: {expression!r}. Write one expression over columns.")
    names: list[tuple[str, ...]] = []
    bound: set[str] = set()
    for part in _parts(nodes[0]["select_list"]):
        kind = part.get("class")
        if kind in ("SUBQUERY", "STAR", "POSITIONAL_REFERENCE", "PARAMETER"):
            raise ValueError(f"{place}: a query, * or # inside {expression!r}. Name the source's own columns only.")
        if kind == "LAMBDA":
            bound |= {str(p["column_names"][0]).lower() for p in _parts(part["lhs"]) if "column_names" in p}
        if kind == "COLUMN_REF":
            names.append(tuple(part["column_names"]))
        word = part.get("function_name") or ".".join(part.get("column_names") or [])
        if str(word).lower() in _unsteady():
            raise ValueError(f"{place}: {word} differs from run to run. Write the value itself.")
    return [n for n in names if n[0].lower() not in bound]


@functools.cache
def _unsteady() -> frozenset[str]:
    """Names whose value differs from run to run: the clock, random numbers, the session."""
    with duckdb.connect() as con:
        found = con.execute(
            "select distinct function_name from duckdb_functions() "
            "where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') and function_name <> 'error'"
        ).fetchall()
    return frozenset(CLOCK | {str(n) for (n,) in found})


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed expression."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for below in tree.values():
            yield from _parts(below)
    elif isinstance(tree, list):
        for below in tree:
            yield from _parts(below)


# Running it ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Loaded:
    """A source in the engine: the SQL to select from, its columns with types, and what was read."""

    source: Source
    query: str
    types: dict[str, str]
    rows: int
    sha256: str
    idle: tuple[str, ...]


def run(mapping: Mapping, source: str | Path, to: str | Path) -> pd.DataFrame:
    """Make canonical tables from the files in `source` and leave them in the folder `to`.

    No row is dropped but by a ``keep`` of the mapping, within its budget; rows of one group become one. Tables are
    written as Parquet, in file order, or in the order of the group's key; beside them ``ledger.csv`` and
    ``workbook.yml``. `to` appears whole or not at all, and equal input gives equal bytes.

    Times of an hour that the clock skips in spring are read an hour later; those of the hour it repeats in autumn are
    read as one of the two, always the same. References between tables are checked by `Book`, not here.

    Parameters
    ----------
    mapping : what `load_mapping` read.
    source : folder of the export; every file must lie inside it.
    to : folder to make. If it is there it must be empty, or hold an earlier import and nothing else.

    Returns
    -------
    DataFrame, the ledger: one row per step, ``step, table, rows_in, rows_out, rows_lost, why`` (counts of rows)

    Raises
    ------
    ValueError
        If `source` is no folder, a file lies outside it, or `to` holds anything but an import.
    TableError
        If a file or column is not there, values do not read as their kind, a needed value is missing, a key repeats
        or more rows would go than a budget allows.
    """
    folder, target = Path(source).resolve(), Path(to).resolve()
    if not folder.is_dir():
        raise ValueError(f"{Path(source).name}: the source must be a folder of files. Give the folder.")
    files = {name: _inside(folder, s) for name, s in mapping.sources.items()}
    _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        new, scratch = Path(work) / "new", Path(work) / "scratch"
        new.mkdir()
        scratch.mkdir()
        con = duckdb.connect(
            str(scratch / "rows.duckdb"),
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
        )
        try:
            rows = _fill(con, mapping, files, new, scratch)
        finally:
            con.close()
        found = ledger.as_frame(rows)
        found.to_csv(new / LEDGER_FILE, index=False, lineterminator="\n")
        _move_into_place(new, target, Path(work) / "old")
    return found


def _inside(folder: Path, source: Source) -> Path:
    """Resolve a source's file and refuse one outside the folder."""
    path = (folder / source.file).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(
            f"{source.name}: file {source.file!r} lies outside the source folder. Copy it into the folder."
        )
    if not path.is_file():
        there = sorted(p.name for p in folder.iterdir())
        raise TableError(f"{source.name}: no file {source.file!r}; the folder has {there}. Add it or correct the name.")
    return path


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ValueError(f"{target.name}: is a file. Give a folder to write to.")
    there = sorted(p.name for p in target.iterdir())
    made = {f"{t}.parquet" for t in schema.CANONICAL} | {LEDGER_FILE, settings.FILE}
    if there and (LEDGER_FILE not in there or set(there) - made):
        other = [n for n in there if n not in made] or there
        raise ValueError(
            f"{target.name}: holds {len(other)} of {len(there)} files that no import made {first_cases(other)}. "
            "Give another folder."
        )


def _move_into_place(new: Path, target: Path, old: Path) -> None:
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _fill(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, files: dict[str, Path], new: Path, scratch: Path
) -> list[LedgerRow]:
    """Read every source, then make every table."""
    con.execute("set TimeZone = 'UTC'")
    con.execute("set enable_progress_bar = false")
    con.execute(f"set temp_directory = {_text(str(scratch / 'spill'))}")
    read = {}
    for name, source in mapping.sources.items():
        tables = [t for t in mapping.tables.values() if t.source == name]
        with _explained(name):
            read[name] = _load(con, source, tables, files[name], scratch)
    _lock(con)
    rows: list[LedgerRow] = []
    for name, loaded in read.items():
        with _explained(name):
            rows += _prepare(con, loaded)
    for name, table in mapping.tables.items():
        with _explained(name):
            rows += _make(con, mapping, table, read[table.source], new / f"{name}.parquet")
    book = {"title": mapping.title, **mapping.workbook}
    used = [{"name": files[n].name, "sha256": r.sha256, "rows": r.rows} for n, r in read.items()]
    book["source"] = {"mapping": mapping.file, "files": used}
    text = yaml.safe_dump(book, sort_keys=False, allow_unicode=True, width=120)
    (new / settings.FILE).write_text(text, "utf-8", newline="\n")
    return rows


def _lock(con: duckdb.DuckDBPyConnection) -> None:
    """From here on the engine reads no file, whatever an expression asks for."""
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


@contextlib.contextmanager
def _explained(table: str) -> Iterator[None]:
    """Say which table an error of the engine belongs to."""
    try:
        yield
    except duckdb.Error as wrong:
        raise TableError(f"{table}: {_first_line(wrong)} Correct the file, or the mapping's expression.") from wrong


def _first_line(wrong: Exception) -> str:
    """Give what the engine says, without its advice: that is to look away from bad rows."""
    said = itertools.takewhile(lambda line: not line.strip().startswith(ADVICE), str(wrong).split("\n"))
    text = "; ".join(line.strip() for line in said if line.strip())[:LONGEST_SAYING]
    return f"{text.rstrip('.!')}."


def _load(con: duckdb.DuckDBPyConnection, source: Source, tables: list[Table], path: Path, scratch: Path) -> _Loaded:
    """Copy the columns that the mapping names into the engine, with the row number."""
    sha256 = _fingerprint(path)
    reader = _reader(source, path, scratch, _named(source, tables))
    types = _describe(con, f"select * from {reader}")
    taken = [c for c in types if c.lower() in {ROW, *(d.lower() for d in source.derive)}]
    if taken:
        raise TableError(f"{source.name}: {source.file} itself has the column(s) {taken}. Rename them.")
    used = _used(source, tables, list(types))
    name = _quoted(f"raw {source.name}")
    wanted = "".join(f", {_quoted(c)}" for c in types if c in used)
    con.execute(f"create table {name} as select row_number() over () as {ROW}{wanted} from {reader}")
    cleaned = "".join(f", {_clean(types[c], _quoted(c), source.missing)} as {_quoted(c)}" for c in types if c in used)
    query = f"select {ROW}{cleaned} from {name}"
    (rows,) = _one(con, f"select count(*) from {name}")
    return _Loaded(source, query, types, rows, sha256, tuple(c for c in types if c not in used))


def _reader(source: Source, path: Path, scratch: Path, named: set[str]) -> str:
    """Give the SQL that reads a file, as UTF-8 and with no character of its path taken for a pattern."""
    suffix = path.suffix.lower()
    encoding = codecs.lookup(source.encoding).name
    if suffix in TEXT_FILES and encoding not in ("utf-8", "utf-8-sig", "ascii"):
        path = _as_utf8(source, path, scratch / f"{source.name}{suffix}")
    place = _text(re.sub(r"([*?\[])", r"[\1]", str(path)))  # [*] is a star and no pattern
    if suffix == ".parquet":
        return f"read_parquet({place}, hive_partitioning = false)"
    delimiter = source.delimiter or TEXT_FILES[suffix]
    columns = ", ".join(f"{_text(c)}: 'VARCHAR'" for c in _header(source, path, delimiter, named))
    return (
        f"read_csv({place}, auto_detect = false, columns = {{{columns}}}, header = true, delim = {_text(delimiter)}, "
        f"quote = {_text(source.quote)}, escape = {_text(source.quote)}, comment = '', "
        f"max_line_size = {LONGEST_LINE}, hive_partitioning = false)"
    )


def _header(source: Source, path: Path, delimiter: str, named: set[str]) -> list[str]:
    """Read the names in the first line; a name that stands again, in whatever case, gets a number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if source.quote:
                given = next(csv.reader(file, delimiter=delimiter, quotechar=source.quote), [])
            else:
                given = next(csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
    except (UnicodeError, csv.Error) as wrong:
        raise TableError(f"{source.name}: {source.file}: first line: {wrong}. Name encoding and delimiter.") from wrong
    if not any(given):
        raise TableError(
            f"{source.name}: {source.file} is empty or starts with an empty line. Start it with its columns."
        )
    twice = sorted({n for n in given if n and given.count(n) > 1} & named)
    if twice:
        raise TableError(
            f"{source.name}: {len(twice)} of {len(given)} columns stand more than once in {source.file} and are mapped "
            f"{first_cases(twice)}. Give each its own name in the file."
        )
    names: list[str] = []
    for number, name in enumerate(given):
        free, again = name or f"column{number}", 0
        while free.lower() in {n.lower() for n in names}:
            again += 1
            free = f"{name or f'column{number}'}_{again}"
        names.append(free)
    return names


def _as_utf8(source: Source, path: Path, copy: Path) -> Path:
    """Write a file again as UTF-8, a piece at a time."""
    try:
        with (
            path.open(encoding=source.encoding, newline="") as old,
            copy.open("w", encoding="utf-8", newline="") as new,
        ):
            shutil.copyfileobj(old, new, 1 << 20)
    except UnicodeError as wrong:
        raise TableError(f"{source.name}: {path.name} is not {source.encoding}: {wrong}. Name its encoding.") from wrong
    return copy


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _used(source: Source, tables: list[Table], columns: list[str]) -> set[str]:
    """Give the columns of the file that the mapping names; refuse a name that the file lacks."""
    used: set[str] = set()
    known = [ROW, *columns]

    def exact(place: str, name: str) -> None:
        if name not in known:
            _refuse_absent(source, place, name, columns)
        used.add(name)

    def inside(place: str, expression: str) -> None:
        lower = {k.lower(): k for k in known}
        for parts in _references(place, expression):
            rest = parts[1:] if parts[0].lower() == source.name.lower() and len(parts) > 1 else parts
            if rest[0].lower() not in lower:
                _refuse_absent(source, place, rest[0], columns)
            used.add(lower[rest[0].lower()])

    for name, expression in source.derive.items():
        inside(f"derive.{name}", expression)
        known.append(name)
    for keep in source.keep:
        inside("keep", keep.where)
    for table in tables:
        for keep in table.keep:
            inside(f"{table.name}.keep", keep.where)
        for column in table.columns.values():
            place = f"{table.name}.{column.name}"
            for part in [column.column, *column.key, _other(column)]:
                if part is not None:
                    exact(place, part)
            if column.sql:
                inside(place, column.sql)
    return used & set(columns)


def _named(source: Source, tables: list[Table]) -> set[str]:
    """Give every name that the mapping uses of a source, of the file's columns or derived."""
    columns = [d for t in tables for d in t.columns.values()]
    expressions = [*source.derive.values(), *(k.where for k in source.keep), *(k.where for t in tables for k in t.keep)]
    expressions += [d.sql for d in columns if d.sql]
    inside = {part for e in expressions for name in _references(source.name, e) for part in name}
    return inside | {p for d in columns for p in (d.column, *d.key, _other(d)) if p is not None}


def _refuse_absent(source: Source, place: str, name: str, columns: list[str]) -> None:
    raise TableError(
        f"{source.name}: {place} needs column {name!r}; {source.file} has {columns}. Correct the name in the mapping; "
        "if all names stand in one text, set delimiter."
    )


def _clean(kind: str, column: str, missing: tuple[str, ...]) -> str:
    """Cut blanks around texts and make what means missing missing."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"case when not isnan({column}) then {column} end"
    if kind != "VARCHAR":
        return column
    texts = ", ".join(_text(m.strip()) for m in dict.fromkeys(("", *missing)))
    cut = f"trim({column}, ' ' || chr(9) || chr(10) || chr(13) || chr(160))"
    return f"case when {cut} not in ({texts}) then {cut} end"


def _prepare(con: duckdb.DuckDBPyConnection, loaded: _Loaded) -> list[LedgerRow]:
    """Compute the derived columns, filter, and leave the source's table for the canonical ones."""
    source, query = loaded.source, loaded.query
    for name, expression in source.derive.items():
        query = f"select *, (\n{expression}\n) as {_quoted(name)} from ({query}) as {_quoted(source.name)}"
    n = loaded.rows
    rows = [LedgerRow("read", source.name, n, n, 0, f"file {Path(source.file).name}")]
    if loaded.idle:
        rows.append(LedgerRow("read", source.name, n, n, 0, f"source columns not mapped: {', '.join(loaded.idle)}"))
    origin = f"({query}) as {_quoted(source.name)}"
    rows += _filter(con, source.name, origin, source.keep)
    con.execute(f"create table {_quoted(f'kept {source.name}')} as select * from {origin}{_where(source.keep)}")
    con.execute(f"drop table {_quoted(f'raw {source.name}')}")
    return rows


def _where(keeps: Sequence[Keep]) -> str:
    return " where " + " and ".join(f"(\n{k.where}\n)" for k in keeps) if keeps else ""


def _filter(con: duckdb.DuckDBPyConnection, table: str, origin: str, keeps: Sequence[Keep]) -> list[LedgerRow]:
    """Count what each filter takes away, one after the other, and hold it to its budget."""
    rows = []
    for number, keep in enumerate(keeps):
        (kind,) = _describe(con, f"select (\n{keep.where}\n) as x from {origin}").values()
        if kind != "BOOLEAN":
            raise TableError(f"{table}: keep: {keep.where!r} is {kind}, not true or false. Write a comparison.")
        before = f"select {ROW}, coalesce((\n{keep.where}\n), false) as good from {origin}{_where(keeps[:number])}"
        total, good = _one(con, f"select count(*), count(*) filter (where good) from ({before})")
        first = con.execute(f"select {ROW} from ({before}) where not good order by 1 limit {FIRST}").fetchall()
        row = LedgerRow("keep", table, total, good, total - good, keep.why)
        rows.append(ledger.within_budget(row, keep.budget, [f"row {r}" for (r,) in first]))
    return rows


def _make(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, loaded: _Loaded, path: Path
) -> list[LedgerRow]:
    """Make one canonical table: read values, check them, group, check the key, write."""
    source = loaded.source
    origin = f"{_quoted(f'kept {source.name}')} as {_quoted(source.name)}"
    rows = _filter(con, table.name, origin, table.keep)
    _read_values(con, mapping, table, source, f"{origin}{_where(table.keep)}")
    (n,) = _one(con, "select count(*) from stage")
    _check_values(con, table, source, n)
    order, made = ROW, "stage"
    if table.one_row_per:
        order, made = ", ".join(map(_quoted, table.one_row_per)), "grouped"
        _group(con, table)
        (groups,) = _one(con, "select count(*) from grouped")
        rows.append(LedgerRow("group", table.name, n, groups, 0, f"one row per {', '.join(table.one_row_per)}"))
        n = groups
    _check_key(con, table, made, n)
    wanted = ", ".join(f"{_quoted(c)}::{SQL_TYPES[d.kind]} as {_quoted(c)}" for c, d in table.columns.items())
    _write(con, f"select {wanted} from {made} order by {order}", table, path)
    con.execute("drop table stage")
    con.execute("drop table if exists grouped")
    rows.append(LedgerRow("write", table.name, n, n, 0, path.name))
    return rows


def _read_values(con: duckdb.DuckDBPyConnection, mapping: Mapping, table: Table, source: Source, origin: str) -> None:
    """Leave in ``stage`` each column read as its kind, and beside it the texts that do not read."""
    raw = {c: f"(\n{_origin(d)}\n)" for c, d in table.columns.items() if not d.key}
    types = {c: _type(con, f"{table.name}: {c}", sql, origin) for c, sql in raw.items()}
    named = {p for d in table.columns.values() for p in d.key} | {
        o for d in table.columns.values() if (o := _other(d)) is not None
    }
    texts = {p: _as_text(_type(con, f"{table.name}: {p}", _quoted(p), origin), _quoted(p)) for p in sorted(named)}
    origins, mapped, values = [], [], []
    for c, d in table.columns.items():
        if d.key:
            origins.append(f"{_key([texts[p] for p in d.key])} as {_quoted(f'o {c}')}")
            kind = "VARCHAR"
        else:
            kind = types[c]
            sql = raw[c] if d.map is None else _as_text(kind, raw[c])
            origins.append(f"{sql} as {_quoted(f'o {c}')}")
        if (other := _other(d)) is not None:
            origins.append(f"{texts[other]} as {_quoted(f'e {c}')}")
        o, m = _quoted(f"o {c}"), _quoted(f"m {c}")
        mapped.append(f"{_mapped(d, o, _quoted(f'e {c}'))} as {m}")
        read = _read(d, source, mapping, "VARCHAR" if d.map is not None else kind, m, table.name)
        bad = f"{m} is not null and {read} is null"
        if d.map is not None and d.otherwise is None:
            bad += f" or {o} is not null and {o} not in ({', '.join(map(_text, d.map))})"
        default = schema.meta(schema.CANONICAL[table.name].columns[c])["default"]
        filled = read if default is None else f"coalesce({read}, {_text(_plain(default) or '')}::{SQL_TYPES[d.kind]})"
        values.append(f"{filled} as {_quoted(c)}, case when {bad} then {o}::varchar end as {_quoted(f'bad {c}')}")
    con.execute(
        f"create table stage as select {', '.join([ROW, *values])} from (select *, {', '.join(mapped)} from "
        f"(select {', '.join([ROW, *origins])} from {origin}))"
    )


def _origin(column: Column) -> str:
    if column.value is not None:
        return _text(column.value)
    return _quoted(column.column) if column.column is not None else str(column.sql)


def _other(column: Column) -> str | None:
    """Give the column that ``else`` takes values from."""
    return column.otherwise[1] if column.otherwise and column.otherwise[0] == "column" else None


def _type(con: duckdb.DuckDBPyConnection, place: str, sql: str, origin: str) -> str:
    try:
        return _describe(con, f"select {sql} as x from {origin}")["x"]
    except duckdb.Error as wrong:
        raise TableError(f"{place}: {_first_line(wrong)} Correct the expression in the mapping.") from wrong


def _key(texts: list[str]) -> str:
    """Join texts to one, so that different parts never give the same text; missing if a part is."""
    if len(texts) == 1:
        return texts[0]
    escaped = [rf"replace(replace({t}, '\', '\\'), '-', '\-')" for t in texts]
    return " || '-' || ".join(escaped)


def _mapped(column: Column, text: str, other: str) -> str:
    """Apply a value map; missing stays missing unless the map has the empty text."""
    if column.map is None:
        return text
    whens = "".join(f" when {_text(k)} then {_text(v)}" for k, v in column.map.items())
    rest = "null"
    if column.otherwise is not None:
        rest = other if column.otherwise[0] == "column" else _text(column.otherwise[1])
    absent = _text(column.map.get(""))
    return f"case when {text} is null then {absent} else (case {text}{whens} else {rest} end) end::varchar"


def _as_text(kind: str, x: str) -> str:
    """Write a value as text; a whole number has no decimals, whatever type it came in."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"case when {x} = floor({x}) and abs({x}) <= {EXACT} then {x}::bigint::varchar else {x}::varchar end"
    if kind.endswith("[]"):
        return f"array_to_string({x}, ';')"
    return f"nullif(({x})::varchar, '')"


def _read(column: Column, source: Source, mapping: Mapping, kind: str, x: str, table: str) -> str:
    """Give the SQL that reads `x` as the column's kind, and is missing where it does not read."""
    if column.kind in TEXTS:
        return _as_text(kind, x)
    if column.kind in NUMBERS:
        return _number(column, source, kind, x)
    if column.kind == "bool":
        text = f"lower({_as_text(kind, x)})"
        yes, no = "('true', 't', 'yes', 'y', '1')", "('false', 'f', 'no', 'n', '0')"
        return f"case when {text} in {yes} then true when {text} in {no} then false end"
    return _time(column, source, mapping, kind, x, table)


def _number(column: Column, source: Source, kind: str, x: str) -> str:
    scale = (100.0 if column.percent else 1.0) * (column.divide_by or 1.0)
    if column.kind == "int" and NUMERIC.match(kind) and "INT" in kind and scale == 1:
        return f"try_cast({x} as bigint)"
    if NUMERIC.match(kind):
        number = f"({x})::double"
    else:
        # a map and a constant are written by the mapping's author, as YAML writes numbers
        own = column.map is not None or column.value is not None
        decimal = "." if own else source.decimal if column.decimal is None else column.decimal
        thousands = "" if own else source.thousands if column.thousands is None else column.thousands
        number = _number_in_text(f"({x})::varchar", decimal, thousands, column.percent)
    if scale != 1:
        number = f"({number} / {scale!r})"
    if column.kind == "int":
        return f"case when {number} = floor({number}) and abs({number}) <= {EXACT} then {number}::bigint end"
    return f"case when isfinite({number}) then {number} end"


def _number_in_text(x: str, decimal: str, thousands: str, percent: bool) -> str:
    """Read a number written in text; groups of thousands must be three digits, so 1.5 never becomes 15."""
    if thousands.isspace():
        x = f"replace(replace({x}, chr(160), {_text(thousands)}), chr(8239), {_text(thousands)})"
    if percent:
        x = rf"regexp_replace({x}, '\s*%$', '')"
    whole = r"\d+"
    if thousands:
        whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)"
        thousands_off = f"replace({x}, {_text(thousands)}, '')"
    else:
        thousands_off = x
    point = re.escape(decimal)
    pattern = rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
    number = f"try_cast(replace({thousands_off}, {_text(decimal)}, '.') as double)"
    return f"case when regexp_full_match({x}, {_text(pattern)}) then {number} end"


def _time(column: Column, source: Source, mapping: Mapping, kind: str, x: str, table: str) -> str:
    """Read a time or a day. A time becomes UTC; a day is the day in the reporting time zone."""
    zone, reporting = column.time_zone or source.time_zone, str(mapping.workbook.get("time_zone", "UTC"))
    utc, local, has_clock = None, None, "true"
    epoch = [EPOCHS[f] for f in column.format if f in EPOCHS]
    if epoch:
        micros = f"({_number(Column(column.name, 'number'), Source('', ''), kind, x)} * {epoch[0]})"
        utc = f"make_timestamp(try_cast({micros} as bigint))"
    elif kind == "TIMESTAMP WITH TIME ZONE":
        utc = f"timezone('UTC', {x})"
    elif kind == "DATE":
        local, has_clock = f"({x})::timestamp", "false"
    elif kind.startswith("TIMESTAMP"):
        local = f"({x})::timestamp"
    elif column.format:
        parsed = f"try_strptime(({x})::varchar, [{', '.join(map(_text, column.format))}])"
        if _has_zone(column.format[0]):
            utc = f"timezone('UTC', {parsed})"
        else:
            local = parsed
            has_clock = str(any(set(re.findall(r"%-?(\w)", f)) & set("HIcXTs") for f in column.format)).lower()
    else:
        text = f"({x})::varchar"
        offset = rf"regexp_matches({text}, '\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)$')"
        utc = f"case when {offset} then timezone('UTC', try_cast({text} as timestamptz)) end"
        local = f"case when not {offset} then try_cast({text} as timestamp) end"
        has_clock = f"contains({text}, ':')"
    if column.kind == "ts":
        if utc is None and zone is None:
            raise TableError(
                f"{table}: {column.name}: its times carry no time zone. Name it in the mapping, as time_zone of the "
                "column or of the source."
            )
        found = [utc, _shift(local, zone, "UTC") if local and zone else None]
        return _sane(f"coalesce({', '.join(f for f in found if f)})")
    days = [_shift(utc, "UTC", reporting) if utc else None]
    if local:
        moved = f"case when {has_clock} then {_shift(local, zone, reporting)} else {local} end" if zone else local
        days.append(moved)
    day = ", ".join(d for d in days if d)
    return f"({_sane(f'coalesce({day})')})::date"


def _shift(x: str, zone: str, to: str) -> str:
    """Move a clock time from one zone to another."""
    return x if zone == to else f"timezone({_text(to)}, timezone({_text(zone)}, {x}))"


def _sane(x: str) -> str:
    """Years of four digits only: 1/2/10 read with %Y is the year 10, and nobody means that."""
    return f"case when year({x}) between 1000 and 9999 then {x} end"


def _check_values(con: duckdb.DuckDBPyConnection, table: Table, source: Source, n: int) -> None:
    """Refuse values that do not read, needed values that are missing, and values that a column does not allow."""
    for c, d in table.columns.items():
        definition = schema.CANONICAL[table.name].columns[c]
        meta = schema.meta(definition)
        name, bad = _quoted(c), _quoted(f"bad {c}")
        what, remedy = _unread(d, source)
        tests = [(f"{bad} is not null", bad, what, remedy)]
        if _required(definition):
            tests.append((f"{name} is null", "null", "values missing", _absent_remedy(d, source)))
        if meta["one_of"]:
            allowed = ", ".join(map(_text, meta["one_of"]))
            tests.append(
                (
                    f"{name} not in ({allowed})",
                    name,
                    f"values are none of {list(meta['one_of'])}",
                    "Translate them with map in the mapping.",
                )
            )
        if d.kind == "rate":
            tests.append(
                (
                    f"{name} not between 0 and 1",
                    name,
                    "values are no share from 0 to 1",
                    "If they are percent, say unit: percent in the mapping; else correct them in the source.",
                )
            )
        for where, shown, says, do in tests:
            (count,) = _one(con, f"select count(*) from stage where {where}")
            if count:
                rows = con.execute(
                    f"select {ROW}, {shown} from stage where {where} order by 1 limit {FIRST}"
                ).fetchall()
                cases = [f"row {r}" if v is None else f"row {r}: {v}" for r, v in rows]
                raise TableError(f"{table.name}: {c}: {count} of {n} {says} {first_cases(cases)}. {do}")


def _unread(column: Column, source: Source) -> tuple[str, str]:
    """Say what is wrong with a value that does not read, and what to do."""
    if column.map is not None and column.otherwise is None:
        return "values have no entry in map", "Add them to map, or give else."
    what = {"ts": "time", "date": "date", "bool": "true or false", "int": "whole number"}.get(column.kind, "number")
    if column.kind in TIMES and column.format:
        return (
            f"values do not read as a {what} in the format {list(column.format)}",
            f"Correct them in {source.file}, or add their format to the mapping.",
        )
    if column.kind in TIMES:
        zone = "" if column.time_zone or source.time_zone else " and the time_zone"
        return (
            f"values do not read as a {what}",
            f"Name the format{zone} in the mapping, or correct them in {source.file}.",
        )
    if column.kind == "bool":
        return "values do not read as true or false", "Translate them with map in the mapping."
    return (
        f"values do not read as a {what}",
        f"Name decimal and thousands in the mapping if they are written otherwise, or correct them in {source.file}.",
    )


def _absent_remedy(column: Column, source: Source) -> str:
    return f"Fill them in {source.file}, or leave these rows out with a keep that says why."


def _group(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make one row per group, in ``grouped``; no row is lost, several become one."""
    keys = ", ".join(map(_quoted, table.one_row_per))
    others = {c: d for c, d in table.columns.items() if c not in table.one_row_per}
    for c, d in others.items():
        if d.take is None:
            several = f"select {keys} from stage group by {keys} having count(distinct {_quoted(c)}) > 1"
            (count,) = _one(con, f"select count(*) from ({several})")
            if count:
                (groups,) = _one(con, f"select count(*) from (select distinct {keys} from stage)")
                raise TableError(
                    f"{table.name}: {c}: {count} of {groups} groups hold several values "
                    f"{first_cases(_firsts(con, several, keys))}. Say in the mapping which one to take: {list(TAKES)}."
                )
    picks, joins = [keys], ""
    for number, (c, d) in enumerate(others.items()):
        x = _quoted(c)
        if d.take == "most_common":
            # the most frequent value; of equally frequent ones the one that comes first in the file
            joins += (
                f" left join (select {keys}, {x} from (select {keys}, {x}, count(*) as n, min({ROW}) as r from stage "
                f"where {x} is not null group by {keys}, {x}) qualify row_number() over (partition by {keys} "
                f"order by n desc, r) = 1) as m{number} using ({keys})"
            )
        else:
            picks.append(f"{_taken(d.take, x)} as {x}")
    con.execute(
        f"create table grouped as select * from (select {', '.join(picks)} from stage group by {keys}) as g{joins}"
    )


def _taken(take: str | None, x: str) -> str:
    """Give the aggregate of a `take`; sums add in file order, so that equal input gives equal last digits."""
    by_row = {"first": f"arg_min({x}, {ROW})", "last": f"arg_max({x}, {ROW})"}
    if take == "sum":
        return f"list_sum(list({x} order by {ROW}))"
    return by_row.get(str(take)) or f"{'max' if take == 'max' else 'min'}({x})"


def _firsts(con: duckdb.DuckDBPyConnection, query: str, keys: str) -> list[object]:
    found = con.execute(f"select * from ({query}) order by {keys} limit {FIRST}").fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def _check_key(con: duckdb.DuckDBPyConnection, table: Table, made: str, n: int) -> None:
    own = [c for c in schema.key(table.name) if c in table.columns]
    keys = ", ".join(map(_quoted, own))
    repeated = f"select {keys}, count(*) as n from {made} group by {keys} having count(*) > 1"
    (count,) = _one(con, f"select coalesce(sum(n), 0)::bigint from ({repeated})")
    if count:
        cases = _firsts(con, f"select {keys} from ({repeated})", keys)
        raise TableError(
            f"{table.name}: {count} of {n} rows share a key {own} {first_cases(cases)}. Group them with "
            f"one_row_per: [{', '.join(own)}] in the mapping, or add to the key a column that tells them apart."
        )


def _write(con: duckdb.DuckDBPyConnection, query: str, table: Table, path: Path) -> None:
    """Stream a query to a Parquet file in row groups of one size."""
    types = pa.schema([(c, ARROW[SQL_TYPES[d.kind]]) for c, d in table.columns.items()])
    with pq.ParquetWriter(path, types, compression="zstd") as writer:
        for piece in _even(con.execute(query).to_arrow_reader(ROW_GROUP), types):
            writer.write_table(piece, row_group_size=ROW_GROUP)


def _even(batches: Iterable[pa.RecordBatch], types: pa.Schema) -> Iterator[pa.Table]:
    """Cut a stream of batches to pieces of `ROW_GROUP` rows, whatever size the engine gives them in."""
    held = types.empty_table()
    for batch in batches:
        held = pa.concat_tables([held, pa.Table.from_batches([batch]).cast(types)])
        while held.num_rows >= ROW_GROUP:
            yield held.slice(0, ROW_GROUP).combine_chunks()
            held = held.slice(ROW_GROUP)
    if held.num_rows:
        yield held.combine_chunks()


def _describe(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in con.execute(f"describe {query}").fetchall()}


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return con.execute(query).fetchone() or ()


def _quoted(name: str | None) -> str:
    """Write a name as an SQL identifier; whatever stands in it is only a name."""
    return '"' + str(name).replace('"', '""') + '"'


def _text(value: str | None) -> str:
    """Write a text as an SQL literal."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"
