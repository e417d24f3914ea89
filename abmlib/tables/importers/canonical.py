"""Canonical tables from sources in the engine: values read and checked, rows grouped, keys checked, Parquet written."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from abmlib.tables import people, schema
from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.importers import values
from abmlib.tables.importers.files import no_room, place
from abmlib.tables.importers.mapping_checks import HASHES
from abmlib.tables.importers.mapping_file import MEANT_FOR, NUMBERS, ROW, TEXTS, Column, Mapping, Table
from abmlib.tables.importers.sources import Loaded, cases, count_kept, explained, refuse_repeated, where
from abmlib.tables.importers.sql import Engine, among, one, quoted, text, texts, types_of
from abmlib.tables.ledger import LedgerRow

WRITTEN = "format parquet, compression zstd, row_group_size 122880"  # fixed, so that equal input gives equal bytes
LOOKED_AT = 1000  # rows looked at for the currency of a column
HASH = "[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}"
OF_MAP = (
    "values do not read",
    "values are none of",
    "values are no share",
)  # what may be wrong with a value of the mapping
CALLED = {"ts": "a time", "date": "a date", "bool": "true or false", "int": "a whole number"}
SAME, NAMES = '"one person"', '"forgotten names"'  # tables of the engine: pairs of ids, names in small letters
FIRST_MADE = ("leads", "contacts")  # of all tables, where somebody is forgotten: they say who that is
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
    rows, parts, top = [], list[Part](), 0
    for name, columns in table.sources.items():
        counted, part = _read(con, mapping, table.model_copy(update={"columns": columns}), loaded[name], key, top)
        rows += counted
        parts.append(part)
        if len(table.sources) > 1:
            top += one(con, f"select coalesce(max({ROW}), 0) from {quoted(f'joined {name}')}")[0]
    made, names = quoted(f"made {table.name}"), {c: quoted(c) for c in schema.key(table.name) if c in table.columns}
    forgets = bool(forgotten and people.person_columns(table.name, table.columns))
    whole = not (table.one_row_per or forgets)
    aside = path if whole else path.parent.parent / f"made {table.name}.parquet"
    is_good = not forgets and _at_once(con, table, parts, aside, made, whole and list(names.values()))
    if not is_good:
        con.execute(f"drop view if exists {made}")
        parts[0].loaded.stage(con)
        _one_by_one(con, table, parts, made)
    (n,) = one(con, f"select count(*) from {made}")
    if not parts[0].loaded.counts:  # its rows are those of the table
        parts[0].loaded.counts.append(n)
    if len(parts) > 1:
        counts = [one(con, f"select count(*) from {part.origin}")[0] for part in parts]
        rows += [
            LedgerRow("from", table.name, k, k, 0, f"source {s}") for k, s in zip(counts, table.sources, strict=True)
        ]
    if whole and is_good:
        return [*rows, LedgerRow("write", table.name, n, n, 0, path.name)]
    order = ROW
    if table.one_row_per:
        order, before = _names(table.one_row_per), n
        made, n = _group(con, table, made)
        rows.append(LedgerRow("group", table.name, before, n, 0, f"one row per {', '.join(table.one_row_per)}"))
    rows += _without_forgotten(con, table, made, forgotten, key)
    remedy = f"Group them with one_row_per: [{', '.join(names)}] in the mapping, or add to the key what differs."
    refuse_repeated(con, table.name, made, names, remedy, _hidden(table, names))
    wanted = ", ".join(f"{quoted(c)}::{values.TYPES[d.kind]} as {quoted(c)}" for c, d in table.columns.items())
    con.execute(f"copy (select {wanted} from {made} order by {order}) to {text(str(path))} ({WRITTEN})")
    (n,) = one(con, f"select count(*) from {made}")
    return [*rows, LedgerRow("write", table.name, n, n, 0, path.name)]


@dataclass(frozen=True)
class Part:
    """What one source gives a table: the query of its values, and beside each what is bad with it."""

    table: Table  # with the columns of this source
    loaded: Loaded
    origin: str  # its rows, as SQL
    query: str
    top: int  # rows of the sources before it
    money: dict[str, str | None]  # of columns that may name a currency: the first that does


def _read(
    con: Engine, mapping: Mapping, table: Table, loaded: Loaded, key: bytes, top: int
) -> tuple[list[LedgerRow], Part]:
    """Say how the rows of one source are read, and count what is left out."""
    source = loaded.source
    joined = quoted(f"joined {source.name}")
    origin = f"{joined} as {quoted(source.name)}"
    rows = count_kept(con, table.name, origin, table.keep)
    types, kinds = types_of(con, joined), {}
    for c, d in table.columns.items():
        with explained(d.place, d.secret, "Correct the expression in the mapping."):
            kinds[c] = types_of(con, f"select {values.origin(d, types)} as x from {origin}")["x"]
    rest = f"{origin}{where(table.keep)}"
    query = values.stage(table, kinds, types, rest, mapping.workbook.time_zone, key)
    written = [c for c, d in table.columns.items() if values.is_written(d, kinds[c])]
    money: tuple[str | None, ...] = ()
    if written:
        first = ", ".join(f"min({quoted(f'currency {c}')})" for c in written)
        try:
            money = one(con, f"select {first} from (select * from ({query}) limit {LOOKED_AT})")
        except duckdb.Error:
            loaded.stage(con)  # says what is wrong with the file, if it is that
            raise
    return rows, Part(table, loaded, rest, query, top, dict(zip(written, money, strict=True)))


def _at_once(
    con: Engine, table: Table, parts: list[Part], path: Path, made: str, key: list[str] | Literal[False]
) -> bool:
    """Write values in one go, and say whether all are good: the engine stops at the first that is not.

    Rows have their number too where there is more to do, which is where no `key` is given. The key must not repeat.
    """
    selects = []
    for part in parts:
        picks = [f"{ROW} + {part.top} as {ROW}"]
        for c, d in table.columns.items():
            x, kind = quoted(c), values.TYPES[d.kind]
            if c not in part.table.columns:
                picks.append(f"null::{kind} as {x}")
                continue
            bad = [f"({broken})" for broken, *_ in _complaints(table.name, c, part.table.columns[c], "")]
            if c in part.money:
                bad.append(f"{quoted(f'currency {c}')} is distinct from coalesce({text(part.money[c])}, '')"
                           f" and {quoted(f'currency {c}')} is not null")  # fmt: skip
            picks.append(f"case when {' or '.join(bad)} then error('bad') else {x}::{kind} end as {x}")
        selects.append(f"select {', '.join(picks)} from ({part.query})")
    wanted, rows = "*", f"({' union all '.join(selects)})"
    try:
        if key is not False:
            ((_, plan),) = con.execute(f"explain select * from {rows}").fetchall()
            wanted = _names(table.columns)
            is_mixed = "JOIN" in plan or "WINDOW" in plan or not all(part.loaded.parts for part in parts)
            rows += f" order by {ROW}" if is_mixed else ""  # rows of files are in order
        con.execute(f"copy (select {wanted} from {rows}) to {text(str(path))} ({WRITTEN})")
    except duckdb.Error as wrong:
        if no_room(wrong):
            raise
        return False
    con.execute(f"create view {made} as select * from read_parquet({place(path)}, hive_partitioning = false)")
    if not key:
        return True
    n, different = one(con, f"select count(*), count(distinct hash({', '.join(key)})) from {made}")
    return bool(n == different)  # fewer hashes may be a coincidence: then the keys are compared


def _one_by_one(con: Engine, table: Table, parts: list[Part], made: str) -> None:
    """Read values into a table with all that is bad, and refuse the first kind of it."""
    columns = [f"{quoted(c)} {values.TYPES[d.kind]}, {quoted(f'bad {c}')} varchar" for c, d in table.columns.items()]
    columns += [f"{quoted(f'currency {c}')} varchar" for c, d in table.columns.items() if d.kind in NUMBERS]
    con.execute(f"create table {made} ({', '.join([f'{ROW} bigint', *columns])})")
    for part in parts:
        numbered = f"select * replace ({ROW} + {part.top} as {ROW}) from ({part.query})"
        con.execute(f"insert into {made} by name {numbered}")
        _check_values(con, part, made)


def _check_values(con: Engine, part: Part, made: str) -> None:
    """Refuse values that do not read, are missing or are not allowed."""
    table, loaded, top, rows = part.table, part.loaded, part.top, f"from {made} where {ROW} > {part.top}"
    (n,) = one(con, f"select count(*) {rows}")
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
        what, unknown = "values have no entry in map", f"not {among(bad, column.map or {})}"
        yield unknown, bad, what, "Add them to map, or give else."
    words = [word for word, kinds in MEANT_FOR.items() if column.kind in kinds] or ["map"]
    remedy = f"Correct them in {file}, or say in the mapping, with {words}, how they are written."
    remedy += schema.BOUNDS.get(column.kind, "")
    one_way = f" in one way by {list(column.format)}" if len(column.format) > 1 else ""
    yield f"{bad} is not null", bad, f"{OF_MAP[0]} as {CALLED.get(column.kind, 'a number')}{one_way}", remedy
    if schema.is_required(definition):
        remedy = f"Fill them in {file}, or leave these rows out with a keep that says why."
        yield f"{x} is null", "", "values missing", remedy
    if name in (*schema.persons(table), "account_id", "opportunity_id") and not column.hash:
        mail = f"contains({x}, '@') and regexp_matches({x}, {text(values.EMAIL)})"
        yield mail, "", "values are e-mail addresses", "Say hash: true in the mapping."
    if column.place.replace(": ", ".") in HASHES and not column.hash:
        remedy = "Say hash: true in the mapping, or map a column of hashes: 64, 40 or 32 digits, 0 to 9 and a to f."
        yield f"not regexp_full_match({x}, {text(HASH)})", "", "values are no hashes", remedy
    if one_of:
        what = f"{OF_MAP[1]} {list(one_of)}"
        yield f"not {among(x, one_of)}", x, what, "Translate them with map in the mapping."
    if column.kind == "rate":
        remedy = "If they are percent, say unit: percent in the mapping; else correct them in the source."
        yield f"{x} not between 0 and 1", x, f"{OF_MAP[2]} from 0 to 1", remedy


def _group(con: Engine, table: Table, made: str) -> tuple[str, int]:
    """Make one row per group in a table of their own, and count them.

    No row is lost, several become one.
    """
    keys, joins = _names(table.one_row_per), ""
    picks = [keys]
    for c, d in table.columns.items():
        x = quoted(c)
        if c in table.one_row_per:
            continue
        if d.take is None:
            _check_one_value(con, table, made, d.place, x)
        if d.take == "most_common":  # of equally frequent values the first in the file
            counts = f"select {keys}, {x}, count(*) as n, min({ROW}) as r from {made} where {x} is not null group by {keys}, {x}"
            best = f"qualify row_number() over (partition by {keys} order by n desc, r) = 1"
            joins += f" left join (select {keys}, {x} from ({counts}) {best}) using ({keys})"
        else:
            picks.append(f"{TAKES[d.take].format(x=x, row=ROW)} as {x}")
    groups = quoted(f"groups {table.name}")
    con.execute(
        f"create table {groups} as select * from (select {', '.join(picks)} from {made} group by {keys}){joins}"
    )
    return groups, int(one(con, f"select count(*) from {groups}")[0])


def _check_one_value(con: Engine, table: Table, made: str, place: str, x: str) -> None:
    keys, several = _names(table.one_row_per), f"having count(distinct {x}) > 1"
    (count,) = one(con, f"select count(*) from (select 1 from {made} group by {keys} {several})")
    if count:
        (groups,) = one(con, f"select count(*) from (select distinct {keys} from {made})")
        first = cases(con, [keys], f"from {made}", _hidden(table, table.one_row_per), several)
        what = f"{place}: {count} of {groups} groups hold several values{first}."
        raise TableError(f"{what} Say in the mapping which one to take: {[t for t in TAKES if t]}.")


def _without_forgotten(con: Engine, table: Table, made: str, forgotten: Collection[str], key: bytes) -> list[LedgerRow]:
    """Leave out who was forgotten: rows about them go, elsewhere their id is missing."""
    columns = people.person_columns(table.name, table.columns)
    if not (columns and forgotten):
        return []
    con.execute(f"create table if not exists {SAME} (one varchar, other varchar)")
    con.execute(f"create table if not exists {NAMES} (name varchar)")
    if table.name == "leads" and {*people.SAME} <= {*table.columns}:
        con.execute(f"insert into {SAME} {people.PAIRS.format(leads=made)}")
    given = " union ".join(f"select {quoted(c)} from {made}" for c in columns)
    ids = people.forgotten(con, given, forgotten, key, f"from {SAME}")
    is_theirs = f"in ({texts(ids)})" if ids else "in (null)"
    if table.name == "contacts" and "full_name" in table.columns:
        con.execute(f"insert into {NAMES} select lower(full_name) from {made} where contact_id {is_theirs}")
    about = people.ABOUT.get(table.name)
    more = f" and {quoted(about[0])} in ({texts(about[1])})" if about else ""
    (before,), blanked, named = one(con, f"select count(*) from {made}"), 0, 0
    for column, whole in columns.items():
        change = f"delete from {made}" if whole else f"update {made} set {quoted(column)} = null"
        (n,) = one(con, f"{change} where {quoted(column)} {is_theirs}{more}")
        blanked += 0 if whole else n
    if about:
        removed = (
            f"update {made} set {people.SAID} = {text(people.REMOVED)} where lower({people.SAID}) in (from {NAMES})"
        )
        (named,) = one(con, removed)
    (after,) = one(con, f"select count(*) from {made}")
    if before == after and not blanked and not named:
        return []
    return [LedgerRow("forgotten", table.name, before, after, before - after, people.why_left_out(blanked, named))]


def count_addresses(con: Engine, table: Table, path: Path) -> list[LedgerRow]:
    """Count in a written table the values of categories and owners that are e-mail addresses."""
    rows = []
    for c in (c for c, d in table.columns.items() if c in values.SHOWN_SHORT and d.kind in TEXTS):
        x, short = quoted(c), f"regexp_replace({quoted(c)}, {text(values.ADDRESS)}, '', 'g')"
        counts = f"count(*), count(distinct {x}), count(distinct {short})"
        found = (
            f"from read_parquet({place(path)}) where contains({x}, '@') and regexp_matches({x}, {text(values.EMAIL)})"
        )
        n, different, shown = one(con, f"select {counts} {found}")
        if n:
            why = f"{c}: {n} values are e-mail addresses; pages show what is before @"
            why += f", which is the same for some of the {different}" if shown < different else ""
            (total,) = one(con, f"select count(*) from read_parquet({place(path)})")
            rows.append(LedgerRow("addresses", table.name, total, total, 0, why))
    return rows


def _hidden(table: Table, key: Iterable[str]) -> bool:
    """Say whether a key is made from what is hashed, without being a hash."""
    return any(table.columns[c].secret and not table.columns[c].hash for c in key)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))
