"""Source: tables as they lie in a folder or a DuckDB file, found when asked for, typed by the schema and checked, not yet dated."""

import datetime as dt
import glob
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd

from abmlib.tables import people, programme, schema, secret, settings
from abmlib.tables.errors import FIRST, TableError, first_cases, shown
from abmlib.tables.importers import files as exported
from abmlib.tables.importers.sql import cause, quoted, text, texts
from abmlib.tables.kinds import TIDY, cast, ibis_type, in_zone, lost

DATES_A_FACT = (
    "opportunities",
    "opportunity_stage_history",
    "activities",
    "transactions",
    "surveys",
    "web_sessions",
    "cases",
)
SMALL = 256 * 2**20  # bytes of a file below which what is made of it is kept in memory
MEMORY = "1GB"  # of the engine while it builds; what is more goes to disk
AUDIT = ["table", "check", "severity", "bad", "rows", "first", "remedy"]
LOST = "lost "  # with a column: whether its value is there but does not read as its kind
OPTED_OUT = "opted out"


class Found(dict[str, ir.Table]):
    """The tables of a source by name, each made ready when it is first asked for."""

    def __init__(self, ready: Callable[[str], ir.Table]) -> None:
        """Remember how."""
        self.ready = ready

    def __missing__(self, name: str) -> ir.Table:
        """Make a table ready."""
        self[name] = self.ready(name)
        return self[name]


class Source:
    """Tables as they lie in a folder or DuckDB file, typed by the schema and not yet dated."""

    def __init__(
        self,
        con: Any,
        given: dict[str, Path | None],
        entered: dict[str, Path],
        workbook: settings.Workbook,
        work: Path | None,
    ) -> None:
        """Use `Source.open`."""
        self.con, self.workbook, self.settings = con, workbook, workbook.settings
        self.folder = workbook.data if workbook.data.is_dir() else None
        self.names = frozenset(given) | frozenset(entered)
        self.raw = Found(self._register)
        self.key: bytes | None = None  # of the team; None: looked for where the programme is, once it is needed
        self._given, self._entered, self._work = given, entered, work
        self._views: dict[str, ir.Table] = {}

    @classmethod
    def open(cls, data: str | Path | settings.Workbook, work: Path | None = None) -> "Source":
        """Find the tables of a workbook's data, a folder or DuckDB file, and of its programme; check that the least is there.

        A programme table that lies in both places has the rows of both; a template that nobody filled is not there.

        Parameters
        ----------
        work : folder for what does not fit into memory, of whoever builds a snapshot; without it large files are read anew
            each time

        Raises
        ------
        TableError
            If the source cannot be opened, has no accounts, or has none of transactions, opportunities, activities.
        """
        workbook = data if isinstance(data, settings.Workbook) else settings.workbook(data)
        path = workbook.data
        if not path.exists():
            raise TableError(f"data: {path.name} is not there. Give a folder of tables or a DuckDB file.")
        try:
            con = ibis.duckdb.connect() if path.is_dir() else ibis.duckdb.connect(path, read_only=True)
            con.raw_sql("SET TimeZone='UTC'")
            con.raw_sql(TIDY)
            if work:
                con.raw_sql(f"SET memory_limit = '{MEMORY}'; SET temp_directory = {text(str(work / 'spilt'))}")
        except duckdb.Error as wrong:
            raise TableError(f"{path.name}: not a DuckDB file. Give a folder of tables or a DuckDB file.") from wrong
        given: dict[str, Path | None]
        if path.is_dir():
            given = {n: f for n in schema.importable() if (f := find(path, n)) is not None}
        else:
            given = {n: None for n in con.list_tables() if n in schema.importable()}
        places = {n: find(workbook.programme, n) for n in schema.PROGRAMME} if workbook.programme else {}
        filled = {n: f for n, f in places.items() if f is not None and not is_blank(f)}
        if workbook.programme:
            programme.refuse_spreadsheets(workbook.programme, list(filled))
        entered = {n: f for n, f in filled.items() if f != given.get(n)}
        source = cls(con, given, entered, workbook, work)
        if "accounts" not in source.names:
            raise TableError(
                f"data: no accounts table; found {sorted(source.names)}. Name the file accounts.csv or accounts.parquet."
            )
        if not source.names & {"transactions", "opportunities", "activities"}:
            raise TableError("data: none of transactions, opportunities, activities. Export at least one of them.")
        return source

    def close(self) -> None:
        """Let go of the engine, and of all it keeps."""
        self.con.disconnect()

    def _register(self, name: str) -> ir.Table:
        """A table as it lies there, in the one place or the other or both."""
        parts = []
        if name in self._given:
            file = self._given[name]
            parts.append(register(self.con, name, file, whole=not self._aside(name)) if file else self.con.table(name))
        if name in self._entered:
            parts.append(register_entries(self.con, name, self._entered[name]))
        for part in parts:
            refuse_misspelt(name, part.columns)
        if name in self._given:
            parts[0] = as_entries(parts[0], name, self.settings.time_zone)
        return together(name, *parts) if len(parts) > 1 else parts[0]

    def is_columnar(self, name: str) -> bool:
        """Say whether a table lies as Parquet, which holds each of few values once."""
        file = self._given.get(name)
        return file is not None and file.suffix != ".csv"

    def _aside(self, name: str) -> Path | None:
        """The file of its types that a large table of text is read into, once."""
        large = self._work and name in self._given and not (self.is_small(name) or self.is_columnar(name))
        return self._work / f"{name}.parquet" if self._work and large else None

    def _read_aside(self, name: str, label: str, query: ir.Table, aside: Path) -> ir.Table:
        """Read a large file into its types; say what is wrong with it as if it were small."""
        try:
            return as_file(self.con, label, query, aside)
        except duckdb.Error:
            if file := self._given[name]:
                exported.as_table(self.con.con, name, file)
            raise

    def is_small(self, name: str) -> bool:
        """Say whether what is made of a table fits into memory."""
        file = self._given.get(name, self._entered.get(name))
        if file is None:  # of a database, which holds it
            return False
        return sum(p.stat().st_size for p in (file.iterdir() if file.is_dir() else [file])) < SMALL

    def typed(self, name: str) -> ir.Table:
        """Every column of the schema, of its type; text that does not read as its kind is missing here."""
        return self._view(name).select(list(schema.spec(name).columns))

    def _view(self, name: str) -> ir.Table:
        """What `typed` gives, and beside each column that can have them the `LOST` values."""
        if name not in self._views:
            query, label = self._as_typed(name), f"typed {name}"
            if aside := self._aside(name):
                self._views[name] = self._read_aside(name, label, query, aside)
            else:
                self._views[name] = as_view(self.con, label, query, keep=self.is_small(name))
        return self._views[name]

    def _as_typed(self, name: str) -> ir.Table:
        """The query of `_view`."""
        raw, columns = self.present(name), {}
        absent = [
            c
            for c, d in schema.spec(name).columns.items()
            if c not in raw.columns and not d.nullable and d.default is None and not d.derived
        ]
        if absent:
            raise TableError(
                f"{name}: missing column(s) {absent}; the table has {exported.listed(raw.columns)}. "
                "Rename them in the export, or map them in your mapping file."
            )
        for column, definition in schema.spec(name).columns.items():
            kind, default = definition.kind, definition.default
            given = column in raw.columns and not definition.derived
            if given and ibis_type(kind) != "string":
                columns[LOST + column] = lost(raw[column], kind)
            if given and definition.one_of and self.is_columnar(name) and raw[column].type().is_string():
                value = raw[column].strip().nullif("")
            else:
                value = cast(raw[column], kind) if given else ibis.null(ibis_type(kind))
            columns[column] = value if default is None else ibis.coalesce(value, ibis.literal(default, ibis_type(kind)))
        if "stage_order" in columns and self.settings.stage_order:
            places = {stage: place for place, stage in enumerate(self.settings.stage_order, start=1)}
            columns["stage_order"] = columns["stage"].cases(*places.items(), else_=ibis.null("int64"))
        return raw.select(**columns)

    # -- people -------------------------------------------------------------------------------------------------------

    def present(self, name: str) -> ir.Table:
        """A table as it lies there, without who was forgotten.

        Their rows in contacts and opportunity_contacts, what was noted about them in account_insights, and the rows of
        attribute_history about them are not there; elsewhere their contact_id is missing and the row stays.
        """
        raw = self.raw[name]
        places = people.person_columns(name, raw.columns)
        if not places or not self.forgotten_ids:
            return raw
        for column, whole in places.items():
            theirs = cast(raw[column], "id").isin(self.forgotten_ids).fill_null(False)
            if name in people.ABOUT:
                only, value = people.ABOUT[name]
                theirs &= (cast(raw[only], "text") == value).fill_null(False)
            blank = ibis.ifelse(theirs, ibis.null(raw[column].type()), raw[column])
            raw = raw.filter(~theirs) if whole else raw.mutate(**{column: blank})
        return raw

    def left_out(self) -> list[tuple[Any, ...]]:
        """Rows of the ledger: what a forgotten person took along, where a later import brought one back."""
        rows = []
        for name in sorted(self.names) if self.forgotten_ids else []:
            before, after = self.raw[name], self.present(name)
            rows_in, rows_out = (int(t.count().execute()) for t in (before, after))
            emptied = [c for c, whole in people.person_columns(name, before.columns).items() if not whole]
            filled = [sum(int(t[c].count().execute()) for c in emptied) for t in (before, after)]
            blanked = filled[0] - filled[1]
            if rows_in > rows_out or blanked:
                why = "of a forgotten person" + (f"; contact_id left blank in {blanked} rows" if blanked else "")
                rows.append(("forgotten", name, rows_in, rows_out, rows_in - rows_out, why))
        return rows

    @cached_property
    def hashes(self) -> frozenset[str]:
        """Keyed hashes of the people who were forgotten. Always the latest knowledge, whatever day a report is of."""
        found = values(self.typed("forgotten"), "person_hash") if "forgotten" in self.names else []
        return frozenset(h for h in found if h)

    @cached_property
    def forgotten_ids(self) -> list[str]:
        """Ids in this source of people who were forgotten.

        Raises
        ------
        TableError
            If somebody was forgotten and there is no key to recognise them by.
        """
        if not self.hashes:
            return []
        held = [(t, c) for n in sorted(self.names) for t in [self.raw[n]] for c in people.person_columns(n, t.columns)]
        ids = [t.select(id=cast(t[c], "id")).distinct() for t, c in held]
        if not ids:
            return []
        asked = str(ibis.to_sql(ibis.union(*ids) if len(ids) > 1 else ids[0], dialect="duckdb"))
        return people.forgotten(self.con.con, asked, self.hashes, self._key)

    @cached_property
    def _key(self) -> bytes:
        """The key forgotten people are recognised by."""
        places = [place for place in (self.workbook.programme, self.workbook.data) if place]
        key = self.key or next((k for place in places if (k := secret.find_key(place))), None)
        if key is None:
            raise TableError(
                f"forgotten: {len(self.hashes)} people were forgotten, and without the key nobody can tell who. "
                f"Set {secret.VARIABLE}, or put the team's {secret.FILE} beside the data."
            )
        return key

    @cached_property
    def opted_out(self) -> ir.Table | None:
        """One row per person who opted out by the newest knowledge: ``_person`` (contact_id), ``_stand_in``.

        Whoever contacts or the newest value of attribute_history says so of, on whatever day it was learnt; a value that
        reads neither as true nor as false counts as opted out until it is mended.
        """
        found = []
        if "contacts" in self.names and {"contact_id", "opted_out"} <= set(self.raw["contacts"].columns):
            t = self.present("contacts")
            said = cast(t.opted_out, "bool").fill_null(False) | lost(t.opted_out, "bool")
            found.append(t.filter(said).select(_person=cast(t.contact_id, "id")))
        if "attribute_history" in self.names:
            h = self.typed("attribute_history")
            h = h.filter((h["table"] == "contacts") & (h.field == "opted_out"))
            last = h.group_by("row_id").agg(_said=h["value"].argmax(h.known_from))
            found.append(last.filter(cast(last["_said"], "bool")).select(_person="row_id"))
        if not found:
            return None
        person = (ibis.union(*found) if len(found) > 1 else found[0]).distinct()
        person = person.filter(person["_person"].notnull())
        number = ibis.row_number().over(order_by=person["_person"]) + 1
        numbered = person.mutate(_stand_in=ibis.literal(people.STAND_IN) + number.cast("string"))
        return self.con.create_table(OPTED_OUT, numbered, temp=True)

    @cached_property
    def stand_ins(self) -> dict[str, str]:
        """Stand-in of each person who opted out."""
        if self.opted_out is None:
            return {}
        return {row["_person"]: row["_stand_in"] for row in self.opted_out.to_pyarrow().to_pylist()}

    # -- checks -------------------------------------------------------------------------------------------------------

    def unreadable(self, name: str) -> dict[str, int]:
        """Count, per column, values that do not read as their kind."""
        columns = self._lossy(name)
        _, *counts = self._counted(name, (quoted(LOST + c) for c in columns))
        return {c: n for c, n in zip(columns, counts, strict=True) if n}

    def _lossy(self, name: str) -> list[str]:
        """The columns of a table that may hold values that do not read as their kind."""
        return [c.removeprefix(LOST) for c in self._view(name).columns if c.startswith(LOST)]

    def _counted(self, name: str, conditions: Iterable[str]) -> list[int]:
        """Count, in one query, the rows of a table and those for which each SQL condition is true."""
        (counts,) = self._rows(name, ", ".join(["count(*)", *(f"count(*) FILTER (WHERE {c})" for c in conditions)]))
        return list(counts)

    def count(self, name: str) -> int:
        """Count the rows of a typed table."""
        return int(self._rows(name, "count(*)")[0][0])

    def _rows(self, name: str, asked: str, rest: str = "") -> list[tuple[Any, ...]]:
        """Ask for something of a typed table."""
        view = quoted(self._view(name).get_name())
        return list(self.con.con.execute(f"SELECT {asked} FROM {view} {rest}").fetchall())  # noqa: S608

    def refuse_unreadable(self, name: str) -> None:
        """Raise for the first column with values that do not read as their kind."""
        for column, bad in self.unreadable(name).items():
            kind = schema.spec(name).columns[column].kind
            raw = self.present(name)
            cases = values(raw.filter(lost(raw[column], kind)).limit(FIRST), column)
            raise TableError(
                f"{name}: {bad} of {raw.count().execute()} values of {column} do not read as {kind} {first_cases(cases)}. "
                + (
                    schema.remedy(name, column)
                    or "Correct them in the export, or say how to read them in your mapping file."
                )
            )

    def audit(self) -> pd.DataFrame:
        """Every check of every table: rows of `AUDIT`; no case named in it is a person who opted out."""
        _ = self.forgotten_ids  # without the key nothing is checked
        for name in sorted(self.names):
            self.raw[name]  # what does not read at all is no broken check
        found = [row for name in sorted(self.names) for row in self._checks(name)]
        return pd.DataFrame(found, columns=AUDIT)

    def _checks(self, name: str) -> list[tuple[Any, ...]]:
        """Every check of one table, as rows of `AUDIT`: counted in one query, and one more for each that is broken."""
        try:
            columns = self._lossy(name)
        except TableError as wrong:
            return [(name, "columns present", "fail", 1, 1, "", str(wrong))]
        checks = list(self._conditions(name))
        conditions = [*(quoted(LOST + c) for c in columns), *(broken for _, _, broken, _ in checks)]
        rows, *counts = self._counted(name, conditions)
        found = [
            (
                name,
                f"{c} reads as its kind",
                "fail",
                n,
                rows,
                "",
                schema.remedy(name, c) or f"Correct {c} in the export or in the mapping.",
            )
            for c, n in zip(columns, counts, strict=False)
            if n
        ] or [(name, "values read as their kind", "fail", 0, rows, "", "")]
        for (check, severity, broken, remedy), bad in zip(checks, counts[len(columns) :], strict=True):
            cases = self._cases(name, broken) if bad else []
            found.append((name, check, severity, bad, rows, ", ".join(map(shown, cases)), remedy))
        return found

    def _cases(self, name: str, broken: str) -> list[Any]:
        """The first rows that break a check, by the first column of their key; who opted out is not named."""
        key = schema.key(name)
        if key[0] in schema.persons(name) and self.opted_out is not None:
            broken = f"({broken}) AND ({quoted(key[0])} IN (SELECT _person FROM {quoted(OPTED_OUT)})) IS NOT TRUE"  # noqa: S608
        order = ", ".join(map(quoted, key))
        return [case for (case,) in self._rows(name, quoted(key[0]), f"WHERE {broken} ORDER BY {order} LIMIT {FIRST}")]

    def _conditions(self, name: str) -> Iterable[tuple[str, str, str, str]]:
        """Each check of a table as (what holds, severity, SQL that is true for the rows that break it, remedy)."""
        key, spec, view = schema.key(name), schema.spec(name), quoted(self._view(name).get_name())
        may_lack = {c for c in key if spec.columns[c].nullable}  # what is missing there is one value of its own
        names = ", ".join(f"coalesce({quoted(c)}::VARCHAR, '')" if c in may_lack else quoted(c) for c in key)
        filled = " AND ".join(f"{quoted(c)} IS NOT NULL" for c in key if c not in may_lack)
        repeated = f"SELECT ({names}) FROM {view} WHERE {filled} GROUP BY {names} HAVING count(*) > 1"  # noqa: S608
        yield f"one row per {', '.join(key)}", "fail", f"({names}) IN ({repeated})", "Keep one row per key."
        for column, definition in spec.columns.items():
            value = quoted(column)
            if not definition.nullable and not definition.derived and definition.default is None:
                remedy = (
                    column in schema.ENTRY and schema.remedy(name, column)
                ) or f"Fill {column}, or leave the rows out."
                yield f"{column} is filled", "fail", f"{value} IS NULL", remedy
            if definition.one_of and not definition.derived:
                remedy = f"Map {column} to one of {', '.join(definition.one_of)}."
                yield f"{column} has a known value", "fail", f"{value} NOT IN ({texts(definition.one_of)})", remedy
            if definition.matches:
                whole = text(f"^({definition.matches})$")
                yield (
                    f"{column} is spelt right",
                    "fail",
                    f"NOT regexp_matches({value}, {whole})",
                    f"Correct {column}: {definition.description}.",
                )
            if definition.kind == "rate":
                remedy = f"Divide {column} by 100 in the mapping if it is in percent."
                yield f"{column} is between 0 and 1", "fail", f"{value} NOT BETWEEN 0 AND 1", remedy
            there, _, field = (definition.ref or "").partition(".")
            if there in self.names:
                known = f"SELECT {quoted(field)} FROM {quoted(self._view(there).get_name())} WHERE {quoted(field)} IS NOT NULL"  # noqa: S608
                remedy = f"Export the missing {there}, or correct {column}."
                orphan = f"{value} IS NOT NULL AND {value} NOT IN ({known})"
                yield f"{column} is found in {there}", "warn", orphan, remedy
        if "stage_order" in spec.columns and self.settings.stage_order:
            remedy = f"Add it to stage_order of {settings.FILE}, or correct its spelling."
            yield "stage has a place in stage_order", "warn", "stage_order IS NULL", remedy
        for rule in spec.rules:
            yield f"not {rule.name}", rule.severity, f"NOT ({rule.sql})", rule.remedy

    def latest_day(self) -> dt.date | None:
        """Day of the newest dated fact, in the reporting time zone; None if there is none."""
        days = []
        for name in sorted(self.names & set(DATES_A_FACT)):
            columns = [str(schema.spec(name).known), *(["closed_at"] if name == "opportunities" else [])]
            (newest,) = self._rows(name, ", ".join(f"max({quoted(c)})" for c in columns))
            for column, value in zip(columns, newest, strict=True):
                is_time = schema.spec(name).columns[column].kind == "ts"
                if value is not None:
                    moment = pd.Timestamp(value, tz="UTC").tz_convert(self.settings.time_zone) if is_time else value
                    days.append(pd.Timestamp(moment).date())
        return max(days, default=None)


def find(folder: Path, name: str) -> Path | None:
    """Find the file, or folder of Parquet parts, that holds a table."""
    found = [p for p in (folder / f"{name}.parquet", folder / f"{name}.csv", folder / name) if p.exists()]
    if len(found) > 1:
        raise TableError(f"{name}: {len(found)} sources {[p.name for p in found]}. Keep one of them.")
    return found[0] if found else None


def is_blank(file: Path) -> bool:
    """Say whether a CSV file has its first line and nothing more, as a template that nobody has filled."""
    if file.suffix != ".csv" or not file.is_file():
        return False
    return not any(line.strip(b' \t,;"') for line in file.read_bytes().splitlines()[1:])


def as_entries(t: ir.Table, name: str, zone: str) -> ir.Table:
    """Give rows of a source who entered them and when, where it does not say: the source, on their own day."""
    if name not in schema.PROGRAMME:
        return t
    day, own = schema.spec(name).dates, ibis.null("string")
    if day and day in t.columns:
        kind = schema.spec(name).columns[day].kind
        when = cast(t[day], kind)
        own = (when if kind == "ts" else in_zone(zone, when.cast("timestamp")).cast("timestamp")).cast("string")
    given = {c: t[c].cast("string").strip().nullif("") for c in ("entered_at", "entered_by") if c in t.columns}
    filled = {"entered_by": ibis.coalesce(given.get("entered_by", ibis.null("string")), ibis.literal(schema.SOURCE))}
    if day in t.columns or "entered_at" in given:
        filled["entered_at"] = ibis.coalesce(given.get("entered_at", ibis.null("string")), own)
    return t.mutate(**filled)


def together(name: str, *parts: ir.Table) -> ir.Table:
    """Put the rows of a table that lies in several places one below the other, as text, to be read as their kinds later."""
    columns = [c for c in schema.spec(name).columns if any(c in t.columns for t in parts)]
    text = [
        t.select(**{c: t[c].cast("string") if c in t.columns else ibis.null("string") for c in columns}) for t in parts
    ]
    return ibis.union(*text)


def as_view(con: Any, name: str, query: ir.Table, keep: bool = False) -> ir.Table:
    """Let the engine keep a query under a name, so that its text is made once and what builds on it is short; or its rows too."""
    con.raw_sql(f"CREATE OR REPLACE TEMP {'TABLE' if keep else 'VIEW'} {quoted(name)} AS {con.compile(query)}")
    return ops.DatabaseTable(name, schema=query.schema(), source=con).to_expr()


def as_file(con: Any, name: str, query: ir.Table, file: Path) -> ir.Table:
    """Write the rows of a query to Parquet, if that was not done already, and let the engine see them under a name."""
    if not file.is_file():
        beside = file.with_suffix(".tmp")
        con.raw_sql(f"COPY ({con.compile(query)}) TO {text(str(beside))} (FORMAT parquet)")
        beside.replace(file)
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS SELECT * FROM read_parquet({text(str(file))})")  # noqa: S608
    return ops.DatabaseTable(name, schema=query.schema(), source=con).to_expr()


def register(con: Any, name: str, file: Path, place: str = "kept", whole: bool = True) -> ir.Table:
    """Let the engine see a file, CSV as text so that every value can be checked; `place` keeps equal names apart.

    Raises
    ------
    TableError
        If it does not read, or two of its columns have one name.
    """
    if file.suffix and file.is_dir():
        raise TableError(
            f"{name}: {file.name} is a folder. Put the file in its place, or call it {name}/ with Parquet."
        )
    try:
        if file.suffix == ".csv":
            part = exported.as_table(con.con, name, file, whole)
            own = {n.lower() for n in schema.spec(name).columns}
            refuse_twice(name, file.name, [n for n in part.names if n.lower() in own])
            first = {n.lower(): f"{x} AS {quoted(n)}" for n, x, _ in reversed(part.columns) if n.strip()}
            seen = con.sql(f"SELECT {', '.join(reversed(first.values()))} FROM {part.origin}")  # noqa: S608
            small = file.stat().st_size < SMALL
            return con.create_table(f"{place}_{name}", seen, temp=True) if small else seen
        at = glob.escape(str(file))
        return con.read_parquet(at if file.is_file() else f"{at}/*.parquet", table_name=f"raw_{place}_{name}")
    except (duckdb.Error, OSError) as wrong:
        reason = os.strerror(wrong.errno) + "." if isinstance(wrong, OSError) and wrong.errno else cause(wrong)
        said = reason.replace(str(file), file.name)
        raise TableError(f"{name}: {file.name} does not read: {said} Save it again, or let it be read.") from wrong


def register_entries(con: Any, name: str, file: Path) -> ir.Table:
    """Let the engine see a file of the programme, as `register`; blank rows, as spreadsheets leave them, are no entries.

    Raises
    ------
    TableError
        If it does not read, or is not as its template.
    """
    if file.suffix != ".csv":
        return register(con, name, file, "entered")
    programme.look(file, name)
    t = register(con, name, file, "entered")
    return t.filter(ibis.or_(*(t[c].strip() != "" for c in t.columns)))


def refuse_twice(name: str, file: str, columns: Sequence[str]) -> None:
    """Refuse columns that stand more than once, be it in other letters."""
    low = [c.lower() for c in columns]
    if twice := [c for c in columns if low.count(c.lower()) > 1]:
        raise TableError(
            f"{name}: {len(twice)} columns of {file} have the name of another {first_cases(twice)}. Keep one of each."
        )


def refuse_misspelt(name: str, columns: Iterable[str]) -> None:
    """Refuse a column that is one of the schema's but for capitals or blanks: its values would go unread."""
    known = schema.spec(name).columns
    if wrong := [c for c in columns if c not in known and c.strip().lower() in known]:
        raise TableError(
            f"{name}: {len(wrong)} columns are known in other letters {first_cases(wrong)}. "
            f"Write {', '.join(c.strip().lower() for c in wrong[:FIRST])}."
        )


def values(expr: ir.Table, column: str) -> list[Any]:
    """Bring a few values of one column."""
    return expr.select(column).to_pyarrow().column(0).to_pylist()
