"""Source: the tables of a folder or a DuckDB file, read when asked for, typed by the schema and checked, not yet dated."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from abmlib.tables import engine, people, programme, schema, secret, settings
from abmlib.tables.days import LONGEST_DAYS, end_of
from abmlib.tables.errors import FIRST, TableError, first_cases, shown
from abmlib.tables.importers import files as exported
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import TEXTS
from abmlib.tables.importers.sql import lock, quoted, text, texts
from abmlib.tables.kinds import TIDY, cast, ibis_type, in_zone, lost

DATES_A_FACT = (
    "opportunities", "opportunity_stage_history", "activities", "transactions", "surveys", "web_sessions", "cases",
)  # fmt: skip
PLANNED = ("activities", "transactions", "surveys", "web_sessions", "cases")  # their rows may lie ahead: plans
MEMORY = "1GB"  # of the engine while it builds; what is more goes to disk
AUDIT = ["table", "check", "severity", "bad", "rows", "first", "remedy"]
LOST = "lost "  # with a column: whether its value is there but does not read as its kind
OPTED_OUT = "opted out"


class Source:
    """Tables of a folder or DuckDB file, typed by the schema and not yet dated."""

    def __init__(self, data: str | Path | settings.Workbook, work: Path | None = None) -> None:
        """Find the tables of a data set and its programme.

        Their least is checked: accounts, and something that happened.

        A programme table that is in both places has the rows of both; a template that nobody filled is left out.

        Parameters
        ----------
        work : folder for what does not fit into memory, of whoever builds a snapshot; without it large files are read anew
            each time

        Raises
        ------
        TableError
            If the source cannot be opened, has no accounts, or has none of transactions, opportunities, activities.
        """
        self.workbook = settings.with_data(data)
        self.settings, path, folder = self.workbook.settings, self.workbook.data, self.workbook.programme
        self.folder = path if path.is_dir() else None
        self.key: bytes | None = None  # of the team; None: looked for where the programme is, once it is needed
        self.raw, self._view, self._work = cache(self._register), cache(self._as_view), work
        try:
            self.con = ibis.duckdb.connect() if self.folder else ibis.duckdb.connect(path, read_only=True)
            self.con.raw_sql("SET TimeZone='UTC'")
            self.con.raw_sql(TIDY)
            if work:
                self.con.raw_sql(f"SET memory_limit = '{MEMORY}'; SET temp_directory = {text(str(work / 'spilt'))}")
            if not self.folder:  # whose views are somebody else's
                lock(self.con.con, *(p for p in (folder, work and work.parent) if p))
        except duckdb.Error as wrong:
            raise TableError(f"{path.name}: not a DuckDB file. Give a folder of tables or a DuckDB file.") from wrong
        known = schema.importable()
        self._given: dict[str, Path | None] = dict.fromkeys(n for n in self.con.list_tables() if n in known)
        self._given |= {n: f for n in known if self.folder and (f := engine.find(path, n))}
        files = {n: engine.find(folder, n) for n in schema.PROGRAMME} if folder else {}
        filled = {n: f for n, f in files.items() if f is not None and not engine.is_blank(f)}
        if folder:
            programme.refuse_spreadsheets(folder, list(filled))
        self._entered = {n: f for n, f in filled.items() if f != self._given.get(n)}
        self.names = frozenset(self._given) | frozenset(self._entered)
        if lacks := schema.lacking(self.names):
            what = f"data: {lacks}; found {sorted(self.names)}."
            raise TableError(f"{what} Name the files by their tables (accounts.csv), and export what is missing.")

    def close(self) -> None:
        """Let go of the engine, and of all it keeps."""
        self.con.disconnect()

    def _register(self, name: str) -> ir.Table:
        """A table as it is written, in the data, the programme or both."""
        parts = []
        if name in self._given:
            file, whole = self._given[name], not self._aside(name)
            parts.append(engine.register(self.con, name, file, whole=whole) if file else self._stored(name))
        if name in self._entered:
            parts.append(engine.register_entries(self.con, name, self._entered[name]))
        for part in parts:
            engine.refuse_misspelt(name, part.columns)
        if name in self._given:
            parts[0] = engine.as_entries(parts[0], name, self.settings.time_zone)
        return engine.together(name, *parts) if len(parts) > 1 else parts[0]

    def _stored(self, name: str) -> ir.Table:
        """A table of a DuckDB file."""
        try:
            return self.con.table(name)
        except duckdb.PermissionException as wrong:
            raise TableError(
                f"{name}: is a view of {self.workbook.data.name} that reads files beside it. Save it as a table there."
            ) from wrong

    def is_columnar(self, name: str) -> bool:
        """Say whether a table is Parquet, which holds each of few values once."""
        file = self._given.get(name)
        return file is not None and file.suffix != ".csv"

    def _aside(self, name: str) -> Path | None:
        """The file of its types that a large table of text is read into, once."""
        large = self._work and name in self._given and not (self.is_small(name) or self.is_columnar(name))
        return self._work / f"{name}.parquet" if self._work and large else None

    def is_small(self, name: str) -> bool:
        """Say whether what is made of a table fits into memory."""
        if (file := self._given.get(name, self._entered.get(name))) is None:  # of a database, which holds it
            return False
        return sum(p.stat().st_size for p in (file.iterdir() if file.is_dir() else [file])) < engine.SMALL

    def typed(self, name: str) -> ir.Table:
        """A table with every column of the schema, of its type.

        Text that does not read as its kind is missing here.
        """
        return self._view(name).select(list(schema.spec(name).columns))

    def _as_view(self, name: str) -> ir.Table:
        """What `typed` gives, and beside each column that can have them the `LOST` values."""
        query, label = self._as_typed(name), f"typed {name}"
        if not (aside := self._aside(name)):
            return engine.as_view(self.con, label, query, keep=self.is_small(name))
        try:
            return engine.as_file(self.con, label, query, aside)
        except duckdb.Error:
            if file := self._given[name]:
                exported.as_table(self.con.con, name, file)  # says what is wrong, as of a small file
            raise

    def _as_typed(self, name: str) -> ir.Table:
        """The query of `_as_view`."""
        raw, columns, spec = self.present(name), {}, schema.spec(name).columns
        if absent := [c for c, d in spec.items() if c not in raw.columns and schema.is_required(d)]:
            what = f"{name}: missing column(s) {absent}; the table has {exported.listed(raw.columns)}."
            file, how = self._entered.get(name), "Rename them in the export, or map them in your mapping file."
            raise TableError(f"{what} {f'Add them to {file.parent.name}/{file.name}.' if file else how}")
        for column, definition in spec.items():
            kind, default = definition.kind, definition.default
            given = column in raw.columns and not definition.derived
            if given and ibis_type(kind) != "string":
                columns[LOST + column] = lost(raw[column], kind)
            if given and definition.one_of and self.is_columnar(name) and raw[column].type().is_string():
                value = raw[column].strip().nullif("")
            else:
                value = cast(raw[column], kind) if given else ibis.null(ibis_type(kind))
            if given and column in values.SHOWN_SHORT and kind in TEXTS:
                value = value.contains("@").ifelse(value.re_replace(values.ADDRESS, ""), value)
            columns[column] = value if default is None else ibis.coalesce(value, ibis.literal(default, ibis_type(kind)))
        if "stage_order" in columns and self.settings.stage_order:
            order = {stage: number for number, stage in enumerate(self.settings.stage_order, start=1)}
            columns["stage_order"] = columns["stage"].cases(*order.items(), else_=ibis.null("int64"))
        if (
            name == "opportunities"
        ):  # many CRMs write the planned day of an open deal where the closing day of others stands
            columns["closed_at"] = columns["is_closed"].ifelse(columns["closed_at"], ibis.null("timestamp"))
        typed = raw.select(**columns)
        if name == "accounts" and raw.select(at=columns["created_at"]).at.isnull().any().to_pyarrow().as_py():
            return self._with_first_day(typed)
        return typed

    def _with_first_day(self, accounts: ir.Table) -> ir.Table:
        """Date accounts without a day of entry by their first fact, or else by the newest day of all facts."""
        if (latest := self.latest_day()) is None:
            return accounts
        newest = ibis.literal(end_of(latest - dt.timedelta(days=1), self.settings.time_zone))
        facts = []
        for name in sorted(self.names & {*DATES_A_FACT, "contacts"}):
            if "account_id" in (t := self.typed(name)).columns:
                event = t[str(schema.spec(name).known)]
                event = in_zone(self.settings.time_zone, event.cast("timestamp")) if event.type().is_date() else event
                more = [t.closed_at] if name == "opportunities" else []
                times = [time.cast("timestamp") for time in (t.known_at, event, *more)]
                facts.append(t.select(_who=t.account_id, _first=ibis.coalesce(*times)))
        first = ibis.union(*facts) if len(facts) > 1 else facts[0]
        first = first.group_by("_who").agg(_first=first["_first"].min())
        joined = accounts.left_join(first, accounts.account_id == first["_who"])
        since = ibis.least(joined["_first"].fill_null(newest), newest)
        return joined.mutate(created_at=joined.created_at.fill_null(since)).select(accounts.columns)

    # -- people -------------------------------------------------------------------------------------------------------

    def present(self, name: str) -> ir.Table:
        """A table as it is written, without who was forgotten.

        Their rows in contacts, leads and opportunity_contacts, what was noted about them in account_insights, and the rows of
        attribute_history and attributes about them are not there; elsewhere their contact_id is missing and the row stays.
        """
        raw = self.raw(name)
        columns = people.person_columns(name, raw.columns)
        if not columns or not self.forgotten_ids:
            return raw
        for column, whole in columns.items():
            theirs = cast(raw[column], "id").isin(self.forgotten_ids).fill_null(False)
            if name in people.ABOUT:
                only, some = people.ABOUT[name]
                theirs &= cast(raw[only], "text").isin(some).fill_null(False)
            blank = ibis.ifelse(theirs, ibis.null(raw[column].type()), raw[column])
            raw = raw.filter(~theirs) if whole else raw.mutate(**{column: blank})
        return raw

    def left_out(self) -> list[tuple[Any, ...]]:
        """Rows of the ledger about forgotten people.

        A later import may bring one back.
        """
        rows = []
        for name in sorted(self.names) if self.forgotten_ids else []:
            before, after = self.raw(name), self.present(name)
            rows_in, rows_out = (int(t.count().execute()) for t in (before, after))
            emptied = [c for c, whole in people.person_columns(name, before.columns).items() if not whole]
            filled = [sum(int(t[c].count().execute()) for c in emptied) for t in (before, after)]
            blanked = filled[0] - filled[1]
            if rows_in > rows_out or blanked:
                rows.append(("forgotten", name, rows_in, rows_out, rows_in - rows_out, people.why_left_out(blanked)))
        return rows

    @cached_property
    def hashes(self) -> frozenset[str]:
        """Keyed hashes of the people who were forgotten.

        Always the latest knowledge, whatever the day of a report.
        """
        hashes = engine.values(self.typed("forgotten"), "person_hash") if "forgotten" in self.names else []
        return frozenset(h for h in hashes if h)

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
        held = [(t, c) for n in sorted(self.names) for t in [self.raw(n)] for c in people.person_columns(n, t.columns)]
        if not (ids := [t.select(id=cast(t[c], "id")).distinct() for t, c in held]):
            return []
        query, pairs = str(ibis.to_sql(ibis.union(*ids) if len(ids) > 1 else ids[0], dialect="duckdb")), ""
        if "leads" in self.names and {*people.SAME} <= {*self.raw("leads").columns}:
            leads = self.raw("leads").select(**{c: cast(self.raw("leads")[c], "id") for c in people.SAME})
            pairs = people.PAIRS.format(leads=f"({ibis.to_sql(leads, dialect='duckdb')})")
        return people.forgotten(self.con.con, query, self.hashes, self._key, pairs)

    @cached_property
    def _key(self) -> bytes:
        """The key by which forgotten people are recognised."""
        key = self.key or secret.key_of(self.workbook)
        people.refuse_other_key(engine.values(self.typed("forgotten"), "key_check"), key)
        return key or b""

    @cached_property
    def opted_out(self) -> ir.Table | None:
        """One row per person who opted out by the newest knowledge: ``_person`` (contact_id, lead_id), ``_stand_in``.

        So has the lead whose contact did. A person has, where contacts or the newest value of attribute_history says so, on whatever day it was learnt; a value
        that reads neither as true nor as false counts as opted out until it is corrected.
        """
        parts = []
        if "contacts" in self.names and {"contact_id", "opted_out"} <= set(self.raw("contacts").columns):
            t = self.present("contacts")
            is_out = cast(t.opted_out, "bool").fill_null(False) | lost(t.opted_out, "bool")
            parts.append(t.filter(is_out).select(_person=cast(t.contact_id, "id")))
        if "attribute_history" in self.names:
            h = self.typed("attribute_history")
            h = h.filter((h["table"] == "contacts") & (h.field == "opted_out"))
            last = h.group_by("row_id").agg(_is_out=h["value"].argmax(h.known_from))
            parts.append(last.filter(cast(last["_is_out"], "bool")).select(_person="row_id"))
        if not parts:
            return None
        person = (ibis.union(*parts) if len(parts) > 1 else parts[0]).distinct()
        if "leads" in self.names:
            became = self.typed("leads").semi_join(person, [("contact_id", "_person")])
            person = ibis.union(person, became.select(_person="lead_id"), distinct=True)
        person = person.filter(person["_person"].notnull())
        number = ibis.row_number().over(order_by=person["_person"]) + 1
        numbered = person.mutate(_stand_in=ibis.literal(people.STAND_IN) + number.cast("string"))
        return self.con.create_table(OPTED_OUT, numbered, temp=True)

    @cached_property
    def closing_stages(self) -> dict[str, bool]:
        """Stages of closed deals alone, and whether they are won ones.

        All deals in such a stage are won and its probability is 1 wherever one is noted, in deals and their history; or they
        are lost and it is 0.
        """
        d, h = (self.typed(n) for n in ("opportunities", "opportunity_stage_history"))
        known = d.filter(d.is_closed).select("stage", "probability", won=d.is_won)
        others = d.filter(~d.is_closed).select("stage").distinct()
        noted = h.select("stage", "probability", won=ibis.null("boolean"))
        rows = ibis.union(known, noted).anti_join(others, "stage")
        rows = rows.group_by("stage").agg(
            least=rows.probability.min(), most=rows.probability.max(), some=rows.won.max(), every=rows.won.min()
        )
        sure = (rows.least == rows.most) & (rows.some == rows.every) & (rows.most == rows.some.cast("float64"))
        return {r["stage"]: r["some"] for r in rows.filter(sure).order_by("stage").to_pyarrow().to_pylist()}

    @cached_property
    def stand_ins(self) -> dict[str, str]:
        """Stand-in of each person who opted out."""
        if self.opted_out is None:
            return {}
        return {row["_person"]: row["_stand_in"] for row in self.opted_out.to_pyarrow().to_pylist()}

    # -- checks -------------------------------------------------------------------------------------------------------

    def _lossy(self, name: str) -> list[str]:
        """The columns of a table that may hold values that do not read as their kind."""
        return [c.removeprefix(LOST) for c in self._view(name).columns if c.startswith(LOST)]

    def _counted(self, name: str, conditions: Iterable[str]) -> list[int]:
        """Count the rows of a table, and those that meet conditions.

        In one query; the conditions are SQL.
        """
        filtered = [f"count(*) FILTER (WHERE {c})" for c in conditions]
        return list(engine.ask(self._view(name), ", ".join(["count(*)", *filtered])).fetchone())

    def count(self, name: str) -> int:
        """Count the rows of a typed table."""
        return engine.count(self._view(name))

    def refuse_unreadable(self, name: str) -> None:
        """Raise for the first column with values that do not read as their kind."""
        columns = self._lossy(name)
        _, *counts = self._counted(name, (quoted(LOST + c) for c in columns))
        for column, bad in zip(columns, counts, strict=True):
            if bad:
                raw, kind = self.present(name), schema.spec(name).columns[column].kind
                cases = first_cases(engine.values(raw.filter(lost(raw[column], kind)).limit(FIRST), column))
                how = "Correct them in the export, or say how to read them in your mapping file."
                what = f"{bad} of {raw.count().execute()} values of {column} do not read as {kind} {cases}"
                raise TableError(f"{name}: {what}. {schema.remedy(name, column) or how}{schema.BOUNDS.get(kind, '')}")

    def audit(self) -> pd.DataFrame:
        """Every check of every table: rows of `AUDIT`.

        No case named in it is a person who opted out.
        """
        _ = self.forgotten_ids  # without the key nothing is checked
        for name in sorted(self.names):
            self.raw(name)  # what does not read at all is no broken check
        return pd.DataFrame([row for name in sorted(self.names) for row in self._checks(name)], columns=AUDIT)

    def _checks(self, name: str) -> Iterator[tuple[Any, ...]]:
        """Every check of one table, as rows of `AUDIT`.

        They are counted in one query, and one more for each that is broken.
        """
        try:
            columns = self._lossy(name)
        except TableError as wrong:
            yield name, "columns present", "fail", 1, 1, "", str(wrong)
            return
        reads = [
            (f"{c} reads as its kind", "fail", quoted(LOST + c),
             (schema.remedy(name, c) or f"Correct {c} in the export or in the mapping.")
             + schema.BOUNDS.get(schema.spec(name).columns[c].kind, ""))
            for c in columns
        ]  # fmt: skip
        checks = [*reads, *self._conditions(name)]
        rows, *counts = self._counted(name, [broken for _, _, broken, _ in checks])
        if not any(counts[: len(reads)]):
            yield name, "values read as their kind", "fail", 0, rows, "", ""
        for number, ((check, severity, broken, remedy), bad) in enumerate(zip(checks, counts, strict=True)):
            if bad or number >= len(reads):
                cases = self._cases(name, broken) if bad else []
                yield name, check, severity, bad, rows, ", ".join(map(shown, cases)), remedy

    def _cases(self, name: str, broken: str) -> list[Any]:
        """The first rows that break a check, by their key, or by their number where that is an e-mail address.

        People who opted out are not named.
        """
        key = schema.key(name)
        if key[0] in schema.persons(name) and self.opted_out is not None:
            broken = f"({broken}) AND ({quoted(key[0])} IN (SELECT _person FROM {quoted(OPTED_OUT)})) IS NOT TRUE"  # noqa: S608
        order, case = ", ".join(map(quoted, key)), quoted(key[0])
        numbered = f"(SELECT *, row_number() OVER () AS nth FROM {quoted(self._view(name).get_name())})"  # noqa: S608
        rows = f"SELECT {case}, nth FROM {numbered} WHERE {broken} ORDER BY {order} LIMIT {FIRST}"  # noqa: S608
        first = self.con.con.execute(rows).fetchall()
        return [f"row {nth}" if re.search(values.EMAIL, str(case)) else case for case, nth in first]

    def _conditions(self, name: str) -> Iterable[tuple[str, str, str, str]]:
        """Each check of a table: what holds, severity, SQL, remedy.

        The SQL is true for the rows that break it.
        """
        key, spec, view = schema.key(name), schema.spec(name), quoted(self._view(name).get_name())
        may_lack = {c for c in key if spec.columns[c].null}  # what is missing there is one value of its own
        names = ", ".join(f"coalesce({quoted(c)}::VARCHAR, '')" if c in may_lack else quoted(c) for c in key)
        filled = " AND ".join(f"{quoted(c)} IS NOT NULL" for c in key if c not in may_lack)
        repeated = f"SELECT ({names}) FROM {view} WHERE {filled} GROUP BY {names} HAVING count(*) > 1"  # noqa: S608
        yield f"one row per {', '.join(key)}", "fail", f"({names}) IN ({repeated})", "Keep one row per key."
        for column, d in ((c, d) for c, d in spec.columns.items() if not d.derived):
            value, (there, _, field) = quoted(column), (d.ref or "").partition(".")
            if schema.is_required(d):
                how = column in schema.ENTRY and schema.remedy(name, column)
                remedy = how or f"Fill {column}, or leave the rows out."
                yield f"{column} is filled", "fail", f"{value} IS NULL", remedy
            if d.one_of:
                remedy = f"Map {column} to one of {', '.join(d.one_of)}."
                yield f"{column} has a known value", "fail", f"{value} NOT IN ({texts(d.one_of)})", remedy
            if d.matches:
                other = f"NOT regexp_matches({value}, {text(f'^({d.matches})$')})"
                yield f"{column} is spelt right", "fail", other, f"Correct {column}: {d.description}."
            if d.kind == "rate":
                remedy = f"Divide {column} by 100 in the mapping if it is in percent."
                yield f"{column} is between 0 and 1", "fail", f"{value} NOT BETWEEN 0 AND 1", remedy
            if there in self.names:
                known = f"SELECT {quoted(field)} FROM {quoted(self._view(there).get_name())} WHERE {quoted(field)} IS NOT NULL"  # noqa: S608
                orphan = f"{value} IS NOT NULL AND {value} NOT IN ({known})"
                if d.ref == "contacts.contact_id" and "leads" in self.names - {
                    name
                }:  # some CRMs have one column for both
                    leads, there = quoted(self._view("leads").get_name()), "contacts or leads"
                    orphan += f" AND {value} NOT IN (SELECT lead_id FROM {leads} WHERE lead_id IS NOT NULL)"  # noqa: S608
                remedy = f"Export the missing {there}, or correct {column}."
                yield f"{column} is found in {there}", "warn", orphan, remedy
        if "stage_order" in spec.columns and self.settings.stage_order:
            remedy = f"Add it to stage_order of {settings.FILE}, or correct its spelling."
            yield "stage has a place in stage_order", "warn", "stage_order IS NULL", remedy
        for rule in spec.rules:
            yield f"not {rule.name}", rule.severity, f"NOT ({rule.sql})", rule.remedy

    def _local_day(self, name: str, column: str) -> str:
        """Write a time of a table as a day of the reporting time zone, in SQL."""
        if schema.spec(name).columns[column].kind != "ts":
            return quoted(column)
        return f"CAST(timezone({text(self.settings.time_zone)}, timezone('UTC', {quoted(column)})) AS DATE)"

    def latest_day(self) -> dt.date | None:
        """Day of the newest dated fact; None if there is none.

        In the reporting time zone. A plan counts with the day on which it was known; the closing of a deal `LONGEST_DAYS` after
        all else is of no day.
        """
        days = list[dt.date]()
        for name in sorted(self.names & set(DATES_A_FACT)):
            event = self._local_day(name, str(schema.spec(name).known))
            learnt = self._local_day(name, "known_at")
            event = f"CASE WHEN {event} > {learnt} THEN {learnt} ELSE {event} END" if name in PLANNED else event
            days += engine.ask(self._view(name), f"max({event})").fetchone()
        newest = max((day for day in days if day is not None), default=None)
        if "opportunities" in self.names:
            closed = self._local_day("opportunities", "closed_at")
            possible = "" if newest is None else f"WHERE {closed} - DATE '{newest}' < {LONGEST_DAYS}"
            days += engine.ask(self._view("opportunities"), f"max({closed})", possible).fetchone()
        return max((day for day in days if day is not None), default=None)
