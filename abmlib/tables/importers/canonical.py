"""Canonical tables from sources in the engine: values read and checked, rows grouped, keys checked, Parquet written."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import math
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from abmlib.tables import people, schema
from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_checks import HASHES
from abmlib.tables.importers.mapping_file import MEANT_FOR, NUMBERS, ROW, Column, Mapping, Table
from abmlib.tables.importers.sources import Loaded, cases, count_kept, explained, refuse_repeated, where
from abmlib.tables.importers.sql import Engine, one, quoted, text, texts, types_of
from abmlib.tables.ledger import LedgerRow

ROW_GROUP = 122_880  # rows per group of a Parquet file; fixed, so that equal input gives equal bytes
HASH = "[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"
OF_MAP = (
    "values do not read",
    "values are none of",
    "values are no share",
)  # what may be wrong with a value of the mapping
CALLED = {"ts": "a time", "date": "a date", "bool": "true or false", "int": "a whole number"}
TAKES = {  # sums add in file order, so that equal input gives equal last digits
    "first": "arg_min({x}, {row})",
    "last": "arg_max({x}, {row})",
    "sum": "list_sum(list({x} order by {row}))",
    "most_common": "",  # a join, for it must not fill the memory
    "max": "max({x})",
    "min": "min({x})",
    None: "min({x})",
}


def make(
    con: Engine,
    mapping: Mapping,
    table: Table,
    loaded: dict[str, Loaded],
    path: Path,
    key: bytes,
    forgotten: Collection[str],
) -> list[LedgerRow]:
    """Make one canonical table and write it.

    Values are read and checked, rows grouped, who was forgotten left out, and the key checked.

    Parameters
    ----------
    loaded : each source by its name
    forgotten : keyed hashes, of `forgotten.read`

    Raises
    ------
    TableError
        If values do not read or are not allowed, a group holds several values, or a key repeats.
    """
    rows = []
    made = [f"{quoted(c)} {values.TYPES[d.kind]}, {quoted(f'bad {c}')} varchar" for c, d in table.columns.items()]
    made += [f"{quoted(f'currency {c}')} varchar" for c, d in table.columns.items() if d.kind in NUMBERS]
    con.execute(f"create or replace table made ({', '.join([f'{ROW} bigint', *made])})")
    for name, columns in table.sources.items():
        rows += _add(con, mapping, table.model_copy(update={"columns": columns}), loaded[name], key)
    (n,) = one(con, "select count(*) from made")
    order = ROW
    if table.one_row_per:
        order, before = _names(table.one_row_per), n
        n = _group(con, table)
        rows.append(LedgerRow("group", table.name, before, n, 0, f"one row per {', '.join(table.one_row_per)}"))
    rows += _without_forgotten(con, table, forgotten, key)
    names = {c: quoted(c) for c in schema.key(table.name) if c in table.columns}
    remedy = f"Group them with one_row_per: [{', '.join(names)}] in the mapping, or add to the key what differs."
    refuse_repeated(con, table.name, "made", names, remedy, _hidden(table, names))
    wanted = ", ".join(f"{quoted(c)}::{values.TYPES[d.kind]} as {quoted(c)}" for c, d in table.columns.items())
    _write(con, f"select {wanted} from made order by {order}", path)
    (n,) = one(con, "select count(*) from made")
    return [*rows, LedgerRow("write", table.name, n, n, 0, path.name)]


def _add(con: Engine, mapping: Mapping, table: Table, loaded: Loaded, key: bytes) -> list[LedgerRow]:
    """Add the rows of one source, and check their values.

    They follow those of the sources before it.
    """
    source = loaded.source
    joined = quoted(f"joined {source.name}")
    origin = f"{joined} as {quoted(source.name)}"
    rows = count_kept(con, table.name, origin, table.keep)
    types, kinds = types_of(con, joined), {}
    for c, d in table.columns.items():
        with explained(d.place, d.secret, "Correct the expression in the mapping."):
            kinds[c] = types_of(con, f"select {values.origin(d, types)} as x from {origin}")["x"]
    rest = f"{origin}{where(table.keep)}"
    read = values.stage(table, kinds, types, rest, mapping.workbook.time_zone, key)
    (top,) = one(con, f"select coalesce(max({ROW}), 0) from made")
    con.execute(f"insert into made by name select * replace ({ROW} + {top} as {ROW}) from ({read})")
    (n,) = one(con, f"select count(*) from made where {ROW} > {top}")
    _check_values(con, table, loaded, n, top)
    return rows if len(table.sources) == 1 else [*rows, LedgerRow("from", table.name, n, n, 0, f"source {source.name}")]


def _check_values(con: Engine, table: Table, loaded: Loaded, n: int, top: int) -> None:
    """Refuse values that do not read, are missing or are not allowed."""
    rows = f"from made where {ROW} > {top}"
    for c, d in table.columns.items():
        for broken, value, what, remedy in _complaints(table.name, c, d, loaded.name):
            (count,) = one(con, f"select count(*) {rows} and ({broken})")
            if count:
                case = f"select {ROW} - {top}, {value or 'null'} {rows} and ({broken}) order by {ROW} limit {FIRST}"
                first = con.execute(case).fetchall()
                if not d.secret and (d.value is not None or (d.map is not None and what.startswith(OF_MAP))):
                    raise TableError(_in_mapping(table.name, c, d, what, first[0][1]))
                hidden = d.secret or any(re.search(values.EMAIL, str(v)) for _, v in first)
                at = loaded.places([row for row, _ in first])
                cases = [at[row] if hidden or v is None else f"{at[row]}: {v}" for row, v in first]
                if what == "values missing" and d.column is not None:
                    keep = f"{{where: '{quoted(d.column)} is not null', why: …, budget: {math.ceil(100 * count / n) / 100}}}"
                    remedy += f" In the mapping: keep: [{keep}]; to fill: sql: coalesce({quoted(d.column)}, '…')."
                raise TableError(f"{d.place}: {count} of {n} {what} {first_cases(cases)}. {remedy}")
        if d.kind in NUMBERS:
            x = quoted(f"currency {c}")
            found = con.execute(
                f"select {x}, count(*) {rows} and {x} is not null group by 1 order by 2 desc, 1"
            ).fetchall()
            if len(found) > 1:
                counts = ", ".join(f"{sign}: {k}" for sign, k in found)
                what = f"{sum(k for _, k in found)} of {n} values are in {len(found)} currencies ({counts})"
                raise TableError(f"{d.place}: {what}. Split them or convert them first.")


def _in_mapping(table: str, name: str, column: Column, what: str, given: str | None) -> str:
    """Say what is wrong with a value that stands in the mapping."""
    value, of = (column.value, "") if column.map is None else (given, " of map")
    if column.map is not None and what.startswith(OF_MAP[0]):  # given is what it was made from
        value = column.map.get(given or "", column.otherwise)
    said = what.replace("values are", "is").replace("values do", "does").replace("values", "is")
    return f"in the mapping, tables.{table}.columns.{name}: value {value!r}{of} {said}. Correct it there."


def _complaints(table: str, name: str, column: Column, file: str) -> Iterator[tuple[str, str, str, str]]:
    """List what may be wrong with a value.

    Each is a condition, what to show, what to say and what to do.
    """
    x, bad, definition = quoted(name), quoted(f"bad {name}"), schema.spec(table).columns[name]
    one_of = definition.one_of
    if column.partial:
        what, unknown = "values have no entry in map", f"{bad} not in ({texts(column.map or {})})"
        yield unknown, bad, what, "Add them to map, or give else."
    words = [word for word, kinds in MEANT_FOR.items() if column.kind in kinds] or ["map"]
    remedy = f"Correct them in {file}, or say in the mapping, with {words}, how they are written."
    remedy += schema.BOUNDS.get(column.kind, "")
    one_way = f" in one way by {list(column.format)}" if len(column.format) > 1 else ""
    yield f"{bad} is not null", bad, f"{OF_MAP[0]} as {CALLED.get(column.kind, 'a number')}{one_way}", remedy
    if schema.is_required(definition):
        remedy = f"Fill them in {file}, or leave these rows out with a keep that says why."
        yield f"{x} is null", "", "values missing", remedy
    if (name == "lead_id" or name in schema.persons(table)) and not column.hash:
        mail = f"regexp_matches({x}, {text(values.EMAIL)})"
        yield mail, "", "values are e-mail addresses", "Say hash: true in the mapping."
    if column.place.replace(": ", ".") in HASHES and not column.hash:
        remedy = "Say hash: true in the mapping, or map a column of hashes: 64, 40 or 32 digits, 0 to 9 and a to f."
        yield f"not regexp_full_match({x}, {text(HASH)})", "", "values are no hashes", remedy
    if one_of:
        what = f"{OF_MAP[1]} {list(one_of)}"
        yield f"{x} not in ({texts(one_of)})", x, what, "Translate them with map in the mapping."
    if column.kind == "rate":
        remedy = "If they are percent, say unit: percent in the mapping; else correct them in the source."
        yield f"{x} not between 0 and 1", x, f"{OF_MAP[2]} from 0 to 1", remedy


def _group(con: Engine, table: Table) -> int:
    """Make one row per group and count them.

    No row is lost, several become one.
    """
    keys, joins = _names(table.one_row_per), ""
    picks = [keys]
    for c, d in table.columns.items():
        x = quoted(c)
        if c in table.one_row_per:
            continue
        if d.take is None:
            _check_one_value(con, table, d.place, x)
        if d.take == "most_common":  # of equally frequent values the first in the file
            counts = f"select {keys}, {x}, count(*) as n, min({ROW}) as r from made where {x} is not null group by {keys}, {x}"
            best = f"qualify row_number() over (partition by {keys} order by n desc, r) = 1"
            joins += f" left join (select {keys}, {x} from ({counts}) {best}) using ({keys})"
        else:
            picks.append(f"{TAKES[d.take].format(x=x, row=ROW)} as {x}")
    con.execute(f"create table groups as select * from (select {', '.join(picks)} from made group by {keys}){joins}")
    con.execute("drop table made; alter table groups rename to made")
    return int(one(con, "select count(*) from made")[0])


def _check_one_value(con: Engine, table: Table, place: str, x: str) -> None:
    keys, several = _names(table.one_row_per), f"having count(distinct {x}) > 1"
    (count,) = one(con, f"select count(*) from (select 1 from made group by {keys} {several})")
    if count:
        (groups,) = one(con, f"select count(*) from (select distinct {keys} from made)")
        first = cases(con, [keys], "from made", _hidden(table, table.one_row_per), several)
        what = f"{place}: {count} of {groups} groups hold several values{first}."
        raise TableError(f"{what} Say in the mapping which one to take: {[t for t in TAKES if t]}.")


def _without_forgotten(con: Engine, table: Table, forgotten: Collection[str], key: bytes) -> list[LedgerRow]:
    """Leave out who was forgotten: rows about them go, elsewhere their id is missing."""
    columns = people.person_columns(table.name, table.columns)
    given = " union ".join(f"select {quoted(c)} from made" for c in columns)
    ids = people.forgotten(con, given, forgotten, key) if columns and forgotten else []
    if not ids:
        return []
    about = people.ABOUT.get(table.name)
    more = f" and {quoted(about[0])} in ({texts(about[1])})" if about else ""
    (before,), blanked = one(con, "select count(*) from made"), 0
    for column, whole in columns.items():
        change = "delete from made" if whole else f"update made set {quoted(column)} = null"
        (n,) = one(con, f"{change} where {quoted(column)} in ({texts(ids)}){more}")
        blanked += 0 if whole else n
    (after,) = one(con, "select count(*) from made")
    return [LedgerRow("forgotten", table.name, before, after, before - after, people.why_left_out(blanked))]


def _hidden(table: Table, key: Iterable[str]) -> bool:
    """Say whether a key is made from what is hashed, without being a hash."""
    return any(table.columns[c].secret and not table.columns[c].hash for c in key)


def _write(con: Engine, query: str, path: Path) -> None:
    """Stream a query to a Parquet file in row groups of one size.

    The engine gives batches of any size; equal input must give equal bytes.
    """
    rows = con.execute(query).to_arrow_reader(ROW_GROUP)
    held = rows.schema.empty_table()
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as file:
        for batch in rows:
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            while held.num_rows >= ROW_GROUP:
                file.write_table(held.slice(0, ROW_GROUP), ROW_GROUP)
                held = held.slice(ROW_GROUP)
        if held.num_rows:
            file.write_table(held, ROW_GROUP)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))
