"""Book: the only door to data. It gives tables as they were known at the end of one day, and nothing later."""

import datetime as dt
import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as types
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from abmlib.tables import features as reductions
from abmlib.tables import identity, people, programme, schema, secret, settings
from abmlib.tables.days import end_of
from abmlib.tables.errors import FIRST, NotAnswerable, TableError, first_cases, shown
from abmlib.tables.importers import files as exported
from abmlib.tables.importers.sql import cause, quoted, text, texts
from abmlib.tables.ledger import COLUMNS

SHARED = ("decisions", "measures")
LATEST_DATA = "latest-data"
DATES_A_FACT = (
    "opportunities",
    "opportunity_stage_history",
    "activities",
    "transactions",
    "surveys",
    "web_sessions",
    "cases",
)
UTC_TS = "timestamp('UTC')"
BLANKS = " \t\n\r\v\f"  # what strip takes away
SANE = (dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999))
IBIS_TYPES = {
    "int": "int64",
    "number": "float64",
    "money": "float64",
    "rate": "float64",
    "bool": "boolean",
    "ts": "timestamp",
    "date": "date",
}
NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
KEEP_BELOW = 256 * 2**20  # bytes: a smaller CSV is read once and kept, a larger one is read anew from its file
AUDIT = ["table", "check", "severity", "bad", "rows", "first", "remedy"]
SAME_COMPANY = "same company"  # step of the ledger
BY_DOMAIN = "e-mail domain"  # match_method of a lead found by `Book.lead_matches`
OF_THEIR_PERSON = ("activities", "web_sessions")  # rows without an account belong to that of their contact
LOST = "lost "  # with a column: whether its value is there but does not read as its kind
OPTED_OUT = "opted out"


@dataclass(frozen=True)
class Moment:
    """The day a report stands on, and what "known by then" means for a timestamp."""

    as_of: dt.date
    cutoff: dt.datetime  # first UTC instant after the day, without a zone, as the engine keeps timestamps
    is_latest: bool  # no fact of the source is dated later


class Book:
    """Tables as known at the end of `as_of`, and the place where a notebook leaves its own."""

    def __init__(self, source: "Source", moment: Moment, tables: Path, people: bool = False) -> None:
        """Use `Book.open`."""
        self._source, self._moment, self._tables, self._people = source, moment, tables, people
        self._decisions: list[pd.DataFrame] = []
        self._measures: list[pd.DataFrame] = []
        self._views: dict[str, ir.Table] = {}

    @classmethod
    def open(
        cls,
        data: str | Path,
        as_of: str | dt.date,
        tables: str | Path = "../reports/lab/tables",
        people: bool = False,
    ) -> "Book":
        """Open a data set as known at the end of a day in its reporting time zone.

        Parameters
        ----------
        data : workbook file, folder of CSV or Parquet files named after the canonical tables, or a DuckDB file
        as_of : day, ISO 8601; ``latest-data`` is the day of the newest dated fact
        tables : folder of the tables that notebooks leave for each other
        people : give names and free text about people too; without it they come missing

        Raises
        ------
        TableError
            If the source cannot be opened, has no accounts, or has none of transactions, opportunities, activities.
        ValueError
            If `as_of` is not a day, or nothing dates the data whose latest day it asks for.
        """
        day = day_asked(as_of)
        return cls.of(Source.open(data), day, tables, people)

    @classmethod
    def of(
        cls,
        source: "Source",
        day: dt.date | None = None,
        tables: str | Path = "../reports/lab/tables",
        people: bool = False,
    ) -> "Book":
        """Give the book of a source that is open already; without a day, as known on the day of its newest dated fact."""
        latest = source.latest_day()
        if (day := day or latest) is None:
            raise ValueError("as_of: no row of the data is dated, so it has no latest day. Give a day.")
        cutoff = end_of(day, source.settings.time_zone)
        return cls(source, Moment(day, cutoff, latest is None or day >= latest), Path(tables), people)

    # -- what was known -------------------------------------------------------------------------------------------

    @property
    def as_of(self) -> pd.Timestamp:
        """The day the report stands on."""
        return pd.Timestamp(self._moment.as_of)

    @property
    def settings(self) -> settings.Settings:
        """What ``workbook.yml`` says of this data."""
        return self._source.settings

    @property
    def currency(self) -> str:
        """The one reporting currency."""
        return self.settings.currency

    def has(self, name: str) -> bool:
        """Say whether the source has a table."""
        return name in self._source.names

    def read(self, name: str) -> pd.DataFrame:
        """Give a canonical table as known on the day, in the order of its key.

        Rows learnt later are left out and counted in `ledger`; values learnt later are put back or made missing. A
        table that the source lacks comes empty, to spec. Who has opted out since, whenever that was, keeps every row, in
        all tables under one stand-in for the contact_id, and has no name, e-mail or title; contacts tells them by
        ``opted_out``, to be counted and not listed (`people.reachable`). Other personal columns are missing unless the book
        was opened with people.

        Raises
        ------
        TableError
            If a column is missing, values do not read as their kind, a key repeats or a value is not allowed.
        """
        schema.key(name)
        if not self.has(name):
            return schema.empty(name)
        self._source.refuse_unreadable(name)
        frame = to_pandas(self._shown(name).order_by(schema.key(name)), name)
        return schema.check(name, frame)

    @property
    def programme(self) -> Path | None:
        """The folder of what people enter; None where a database was given alone."""
        return self._source.workbook.programme

    def conflicts(self, *names: str) -> pd.DataFrame:
        """Show where people entered different things of what is there in the programme, as known on the day.

        Without `names` of all its tables.

        Nothing is resolved: the entry that was made last stands, as everywhere. What is about people differs only in a
        book that was opened with people.

        Returns
        -------
        DataFrame: as `programme.conflicts`, table by table
        """
        there = [n for n in names or schema.PROGRAMME if n != programme.FORGOTTEN and self.has(n)]
        found = [programme.conflicts(n, self.read(n)) for n in there]
        return pd.concat([programme.no_conflicts(), *found], ignore_index=True)

    def need(self, *names: str, writes: Sequence[str] = ()) -> None:
        """Stop the notebook, as a success, where this data cannot answer it.

        The tables in `writes` are then left empty, to spec, for the notebooks that read them.

        Raises
        ------
        NotAnswerable
            If a table is absent or has no row known on the day; the message says what to export.
        """
        missing = [n for n in names if not self.has(n) or self._known(n).count().execute() == 0]
        if not missing:
            return
        for name in writes:
            self.write(name, schema.empty(name))
        raise NotAnswerable(missing, str(self._moment.as_of), " ".join(wanted(n) for n in missing))

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Rows in, out and why: the import's ledger, then rows that were learnt after the day."""
        rows = []
        for name in sorted(self._source.names):
            before, known = (int(t.count().execute()) for t in (self._source.typed(name), self._as_known(name)))
            rows.append((f"as of {self._moment.as_of}", name, before, known, before - known, "known only later"))
            after, told = self._told(name, known)
            if told:
                rows.append((SAME_COMPANY, name, known, after, 0, told))
        own = pd.DataFrame([*self._source.left_out(), *rows], columns=COLUMNS)
        path = self._source.folder / "ledger.csv" if self._source.folder else None
        if path is None or not path.is_file():
            return own
        return pd.concat([pd.read_csv(path)[COLUMNS], own], ignore_index=True)

    @cached_property
    def same_company(self) -> pd.DataFrame:
        """Accounts known on the day that are counted with another, as `identity.companies` finds them.

        One row each: ``account_id, company_id, rule``. In every table `company_id` stands in their place, and among accounts
        they are one row, in which what the one does not say is taken from the others. What the source merged holds on
        every date.
        """
        known = self._entered.loc[self._entered["known"], "account_id"]
        return self._companies[self._companies["account_id"].isin(known)].reset_index(drop=True)

    @cached_property
    def _companies(self) -> pd.DataFrame:
        """The same of all accounts of the source: what was merged into another since is it on every date."""
        return identity.companies(self._entered, self.settings.same_company)

    @cached_property
    def _entered(self) -> pd.DataFrame:
        """Every account of the source as `identity.companies` asks for it; one row each, also where an id repeats."""
        t = self._source.typed("accounts")
        asked = ["name", "domain", "country", "region", "parent_account_id", "is_duplicate_of", "created_at"]
        frame = t.select("account_id", *asked, known=known_by(t, "accounts", self._moment)).to_pyarrow().to_pandas()
        return frame.dropna(subset="account_id").drop_duplicates("account_id")

    @cached_property
    def lead_matches(self) -> pd.DataFrame:
        """Companies of the e-mail domains of contacts without an account, as `identity.leads` finds them; no domain is told.

        One row per domain: ``company_id, companies`` (that have it), ``contacts`` (leads that have it). Where ``same_company``
        of ``workbook.yml`` does not name the domain, there is none.
        """
        return self._led_by.drop(columns="email_domain")

    @cached_property
    def _led_by(self) -> pd.DataFrame:
        """The same with ``email_domain``, which may be a person's own."""
        columns = ["email_domain", "company_id", "companies", "contacts"]
        if not self.has("contacts") or "domain" not in self.settings.same_company:
            return pd.DataFrame({c: pd.Series(dtype="str" if c in columns[:2] else int) for c in columns})
        c = self._as_known("contacts")
        c = c.filter(c.account_id.isnull() & c.email_domain.notnull())
        asked = c.group_by("email_domain").agg(contacts=c.count()).order_by("email_domain").to_pyarrow().to_pandas()
        own = self._entered.query("known")
        own = own.assign(company_id=own["account_id"].replace(self._companies.set_index("account_id")["company_id"]))
        matched = identity.leads(asked["email_domain"].astype("str"), own)
        return matched.assign(contacts=asked["contacts"].to_numpy())

    def overview(self) -> pd.DataFrame:
        """Count each table of the source as known on the day, inside the engine.

        One row per table: ``table, rows, accounts`` (accounts with a row; missing where the table has no account),
        ``first_day, last_day`` (in UTC; missing where nothing dates a row).
        """
        rows = [(name, *self._extent(name)) for name in [*schema.CANONICAL, *schema.PROGRAMME] if self.has(name)]
        frame = pd.DataFrame(rows, columns=["table", "rows", "accounts", "first_day", "last_day"])
        dates = {c: frame[c].astype("datetime64[us]") for c in ("first_day", "last_day")}
        return frame.assign(**dates, accounts=frame["accounts"].astype("Int64"))

    def _extent(self, name: str) -> tuple[int, int | None, Any, Any]:
        """Rows, accounts, first and last day of one table."""
        t, known = self._known(name), schema.spec(name).known
        wanted = {"rows": t.count()}
        if known:
            day = t[known].cast("date")
            wanted |= {"first": day.min(), "last": day.max()}
        if "account_id" in t.columns:
            wanted["accounts"] = t.account_id.nunique()
        row = t.aggregate(**wanted).to_pyarrow().to_pylist()[0]
        return row["rows"], row.get("accounts"), row.get("first"), row.get("last")

    def fields(self) -> pd.DataFrame:
        """Count the values of each column of the source as known on the day, inside the engine.

        One row per table and column of the schema, derived ones aside: ``table, column, filled`` (rows with a value),
        ``rows``.
        """
        found = []
        for name in sorted(self._source.names):
            t = self._known(name)
            asked = [c for c, d in schema.spec(name).columns.items() if not d.derived]
            counted = t.aggregate(_rows=t.count(), **{c: t[c].count() for c in asked}).to_pyarrow().to_pylist()[0]
            found += [(name, c, int(counted[c]), int(counted["_rows"])) for c in asked]
        return pd.DataFrame(found, columns=["table", "column", "filled", "rows"])

    def records(self) -> pd.DataFrame:
        """Count the dated facts of each account as known on the day, inside the engine.

        One row per account and table with a row: ``account_id, table, rows, first_day, last_day``.
        """
        parts = []
        for name in DATES_A_FACT:
            if self.has(name) and "account_id" in schema.spec(name).columns:
                t, known = self._known(name), schema.spec(name).known
                t = t.filter(t.account_id.notnull())
                when = t[known].cast("timestamp")
                found = t.group_by("account_id").agg(rows=t.count(), first_day=when.min(), last_day=when.max())
                parts.append(found.order_by("account_id").to_pyarrow().to_pandas().assign(table=name))
        frame = pd.concat(parts, ignore_index=True)[["account_id", "table", "rows", "first_day", "last_day"]]
        days = {c: frame[c].dt.normalize().astype("datetime64[us]") for c in ("first_day", "last_day")}
        return frame.assign(**days)

    def features(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Reduce tables to one row per account as known on the day, inside the engine; all features where none is named.

        Every account has a row, in the order of its id. An account without a row in a table has 0 of what is counted there
        and no value of the rest; where the source lacks the table, or what it would take is filled nowhere in it, everything
        made from it is missing.
        ``data/features.md`` says what each feature is.

        Returns
        -------
        DataFrame: ``account_id`` and the features, in the order asked

        Raises
        ------
        ValueError
            If there is no such feature.
        """
        asked = reductions.chosen(names)
        out = self._known("accounts").select("account_id").order_by("account_id").to_pyarrow().to_pandas()
        others = {name: self._known(name) for name in reductions.JOINED if self.has(name)}
        told = [f for f in asked if self.has(f.table) and self._is_filled(f.needs)]
        for table, view in dict.fromkeys((f.table, f.view) for f in told):
            own = [f for f in told if (f.table, f.view) == (table, view)]
            reduced = (
                reductions.reduced(own, self._facts(table), others).to_pyarrow().to_pandas(types_mapper=NULLABLE.get)
            )
            none = ~out["account_id"].isin(reduced["account_id"])
            out = out.merge(reduced, on="account_id", how="left")
            for feature in own:
                if feature.absent is not None:
                    out[feature.name] = out[feature.name].mask(none, feature.absent)
        out = out.assign(**{f.name: pd.Series(pd.NA, out.index, "Float64") for f in asked if f not in told})
        return out[["account_id", *(f.name for f in asked)]]

    def _is_filled(self, column: str) -> bool:
        """Say whether a column, as table.column, has any value on the day; no column is."""
        name, _, column = column.partition(".")
        if not name or not self.has(name):
            return not name
        t = self._known(name)
        return t.filter(t[column].notnull()).limit(1).count().execute() > 0

    def panel(
        self, name: str, by: Sequence[str] = (), per: str = "week", sums: Sequence[str] = (), bots: bool = False
    ) -> pd.DataFrame:
        """Count a table's rows by account and period, inside the engine: what a method needs that looks at time.

        Rows without an account are left out (`overview` and the ledger count them), and what machines did unless asked for.

        Parameters
        ----------
        by : further columns to count by
        per : ``day``, ``week`` (named by its Monday) or ``month`` (by its first day), in the reporting time zone
        sums : numbers to add up

        Returns
        -------
        DataFrame, sorted: ``account_id``, `by`, the period (a day), ``rows``, `sums`

        Raises
        ------
        ValueError
            If the table is not dated, or has no such column.
        """
        when = schema.spec(name).known
        columns = schema.spec(name).columns
        if unknown := [c for c in ("account_id", *by, *sums) if c not in columns]:
            raise ValueError(f"{name}: no column {unknown}; it has {list(columns)}.")
        if when in (None, "known_at") or per not in reductions.PERIODS:
            raise ValueError(
                f"{name} by {per}: give a table whose rows are dated, and one of {list(reductions.PERIODS)}."
            )
        if not self.has(name):
            return reductions.no_panel(by, per, sums)
        facts = self._facts(name)
        if "is_bot" in columns and not bots:
            facts = replace(facts, rows=reductions.human(facts.rows))
        frame = reductions.panel(facts, when, by, per, sums).to_pyarrow().to_pandas(types_mapper=NULLABLE.get)
        return frame.astype({per: "datetime64[us]"})

    def _facts(self, name: str) -> reductions.Facts:
        """A table as known on the day, for `features`."""
        return reductions.Facts(self._known(name), self.as_of, self.settings.time_zone)

    def audit(self) -> pd.DataFrame:
        """Check every table of the source inside the engine.

        One row per table and check, broken or not: ``table, check, severity {fail, warn}, bad, rows, first, remedy``.
        """
        return self._source.audit()

    def _known(self, name: str) -> ir.Table:
        """Rows and values of a table as known on the day, companies entered twice as one; `_shown` adds the status, which is dear."""
        if name not in self._views:
            query = self._rolled_up if name == "accounts" else partial(self._by_company, name)
            self._views[name] = as_view(self._source.con, f"{name} by {self._moment.as_of}", query())
        return self._views[name]

    def _as_known(self, name: str) -> ir.Table:
        """Rows and values of a table as known on the day, each with the account it was entered under."""
        moment, typed = self._moment, self._source.typed(name)
        known = typed.filter(known_by(typed, name, moment))
        if not moment.is_latest:
            known = self._back_dated(known, name)
        if name == "opportunities":
            known = self._as_deals_stood(known)
        for column, definition in schema.spec(name).columns.items():
            since = definition.since
            if since and definition.when == "dated":
                value = known[column]
                known = known.mutate(
                    **{column: ibis.ifelse(come(known[since], moment), value, ibis.null(value.type()))}
                )
        return known.select(list(schema.spec(name).columns))

    # -- who is the same company --------------------------------------------------------------------------------------

    def _kept(self, what: str, frame: pd.DataFrame) -> ir.Table | None:
        """A small table for the engine to look things up in; None where it has no row, and need not be asked."""
        if frame.empty:
            return None
        return self._source.con.create_table(f"{what} by {self._moment.as_of}", frame, temp=True)

    @cached_property
    def _moved(self) -> ir.Table | None:
        """One row per account counted with another: ``_from``, ``_to``."""
        found = self._companies[["account_id", "company_id"]]
        return self._kept("same company", found.set_axis(["_from", "_to"], axis=1))

    @cached_property
    def _led(self) -> ir.Table | None:
        """One row per e-mail domain that is a company's: ``_domain``, ``_company``."""
        found = self._led_by.dropna(subset="company_id")[["email_domain", "company_id"]]
        return self._kept("leads", found.set_axis(["_domain", "_company"], axis=1))

    def _rolled_up(self) -> ir.Table:
        """Accounts as known on the day, one row per company: what its first row does not say is taken from the others."""
        known = self._as_known("accounts")
        if (moved := self._moved) is None:
            return known
        own = known.left_join(moved, known.account_id == moved["_from"])
        own = own.mutate(_unit=ibis.coalesce(own["_to"], own.account_id)).drop("_from", "_to")
        several = moved.select(_several=moved["_to"]).distinct()
        own = own.left_join(several, own["_unit"] == several["_several"])
        parts, columns = own.filter(own["_several"].notnull()), list(schema.spec("accounts").columns)
        order = [(parts.account_id == parts["_unit"]).desc(), parts.created_at, parts.account_id]
        taken = {
            c: parts[c].first(where=parts[c].notnull(), order_by=order)
            for c in columns
            if c not in ("account_id", "is_duplicate_of", "created_at")
        }
        one = parts.group_by("_unit").agg(created_at=parts.created_at.min(), **taken)
        one = one.mutate(account_id=one["_unit"], is_duplicate_of=ibis.null("string")).select(columns)
        whole = ibis.union(own.filter(own["_several"].isnull()).select(columns), one)
        parent = whole.left_join(moved, whole.parent_account_id == moved["_from"])
        owner = ibis.coalesce(parent["_to"], parent.parent_account_id)
        return parent.mutate(parent_account_id=owner.nullif(parent.account_id)).select(columns)

    def _by_company(self, name: str) -> ir.Table:
        """A table as known on the day, each row with the company it belongs to; of rows that then have one key, the first stays."""
        known, columns = self._as_known(name), list(schema.spec(name).columns)
        for column in schema.companies(name):
            if (moved := self._moved) is None:
                break
            joined = known.left_join(moved, known[column] == moved["_from"])
            changed = {column: ibis.coalesce(joined["_to"], joined[column])}
            if column in schema.key(name):
                changed["_first"] = joined["_from"].isnull()
            known = joined.mutate(**changed).drop("_from", "_to")
        if "_first" in known.columns:
            order = [known["_first"].desc(), *(known[c] for c in columns if c not in schema.key(name))]
            nth = ibis.row_number().over(group_by=schema.key(name), order_by=order)
            known = known.mutate(_nth=nth).filter(ibis._["_nth"] == 0)
        if name == "contacts" and self._led is not None:
            joined = known.left_join(
                self._led, (known.email_domain == self._led["_domain"]) & known.account_id.isnull()
            )
            how = ibis.ifelse(joined["_company"].notnull(), BY_DOMAIN, joined.match_method)
            known = joined.mutate(account_id=ibis.coalesce(joined.account_id, joined["_company"]), match_method=how)
        if name in OF_THEIR_PERSON:
            lacking = known.account_id.isnull() & known.contact_id.notnull()
            if self.has("contacts") and known.filter(lacking).limit(1).count().execute():
                c = self._known("contacts")
                c = c.filter(c.account_id.notnull()).select(_who=c.contact_id, _where=c.account_id)
                joined = known.left_join(c, (known.contact_id == c["_who"]) & known.account_id.isnull())
                known = joined.mutate(account_id=ibis.coalesce(joined.account_id, joined["_where"]))
        return known.select(columns)

    def _told(self, name: str, rows: int) -> tuple[int, str]:
        """What is left of the rows of a table once accounts became one, and what the ledger says; nothing where nothing changed."""
        if name == "accounts" and len(self.same_company):
            rules = self.same_company["rule"].value_counts().sort_index()
            said = ", ".join(f"{n} {rule}" for rule, n in rules.items())
            return int(self._known(name).count().execute()), f"counted with another account of the same company: {said}"
        if name == "contacts" and len(found := self.lead_matches):
            matched, several = found["company_id"].notna(), found["companies"] > 1
            to, open_ = (int(found.loc[which, "contacts"].sum()) for which in (matched, several & ~matched))
            more = f"; the domain of {open_} belongs to several" if open_ else ""
            every = int(found["contacts"].sum())
            return rows, f"{to} of {every} leads without an account matched by e-mail domain{more}"
        if name in OF_THEIR_PERSON and (before := int(self._as_known(name).account_id.count().execute())) < rows:
            put = int(self._known(name).account_id.count().execute()) - before
            return rows, f"{put} rows without an account put under that of their contact" if put else ""
        if self._moved is not None and set(schema.companies(name)) & set(schema.key(name)):
            after = int(self._known(name).count().execute())
            return after, f"{rows - after} rows had the key of another row of the same company" if after < rows else ""
        return rows, ""

    def _shown(self, name: str) -> ir.Table:
        """A table as known on the day, with stand-ins for who opted out, and without names unless people were asked for."""
        known, columns, history = self._known(name), list(schema.spec(name).columns), name == "attribute_history"
        if name == "accounts":
            known = self._with_status(known)
        if (opted := self._source.opted_out) is not None:
            for person in ["row_id"] if history else schema.persons(name):
                theirs = [known[person] == opted["_person"]]
                known = known.left_join(opted, [*theirs, known["table"] == "contacts"] if history else theirs)
                gone = known["_stand_in"].notnull()
                hidden = ["value"] if history else people.HIDDEN if name == "contacts" else schema.personal(name)
                values: dict[str, Any] = {c: ibis.ifelse(gone, ibis.null("string"), known[c]) for c in hidden}
                values |= {"opted_out": gone | known.opted_out} if name == "contacts" else {}
                values[person] = ibis.coalesce(known["_stand_in"], known[person])
                known = known.mutate(**values).select(columns)
        if self._people:
            return known
        if history:
            named = [(t, c) for t in schema.importable() for c in schema.personal(t)]
            about = ibis.or_(*((known["table"] == t) & (known.field == c) for t, c in named))
            known = known.mutate(value=ibis.ifelse(about, ibis.null("string"), known["value"]))
        return known.mutate(**{c: ibis.null("string") for c in schema.personal(name)}).select(columns)

    def _back_dated(self, known: ir.Table, name: str) -> ir.Table:
        """Make `current_only` values missing, but for those that were entered, are dated by a day or by attribute_history."""
        (key, *more) = schema.key(name)
        for column, definition in schema.spec(name).columns.items():
            if definition.when != "current_only":
                continue
            kind = definition.kind
            default = definition.default
            gone = ibis.null(ibis_type(kind)) if default is None else ibis.literal(default, type=ibis_type(kind))
            if since := definition.since:
                gone = ibis.ifelse(come(known[since], self._moment), known[column], gone)
            if name in schema.PROGRAMME:  # an entry says what held when it was entered
                gone = ibis.ifelse(known.entered_by == schema.SOURCE, gone, known[column])
            if more or not self.has("attribute_history"):
                known = known.mutate(**{column: gone})
                continue
            past = self._known("attribute_history")
            past = past.filter((past["table"] == name) & (past.field == column))
            past = past.group_by("row_id").agg(_past=past.value.argmax(past.known_from))
            known = known.left_join(past, known[key] == past.row_id).drop("row_id")
            known = known.mutate(**{column: ibis.coalesce(cast(known["_past"], kind), gone)}).drop("_past")
        return known

    def _as_deals_stood(self, deals: ir.Table) -> ir.Table:
        """Rebuild stage, amount, closing day and probability of deals as they were; undo later closings."""
        cutoff = ibis.literal(self._moment.cutoff)
        undated = deals.closed_at.isnull() & self._moment.is_latest
        closed = ((deals.closed_at < cutoff) | undated).fill_null(False) & deals.is_closed
        deals = deals.mutate(_closed=closed)
        changing = ["stage", "amount", "close_date", "probability"]
        if not self._moment.is_latest:
            deals = self._from_history(deals, changing)
        c = deals["_closed"]
        return deals.mutate(
            stage=deals.stage.fill_null("unknown"),
            is_closed=c,
            is_won=ibis.ifelse(c, deals.is_won, ibis.null("boolean")),
            closed_at=ibis.ifelse(c, deals.closed_at, ibis.null("timestamp")),
            loss_reason=ibis.ifelse(c, deals.loss_reason, ibis.null("string")),
        )

    def _from_history(self, deals: ir.Table, changing: list[str]) -> ir.Table:
        """Take the last known value of each changing column; a deal closed by then keeps its own."""
        past = {c: ibis.null(deals[c].type()) for c in changing}
        if self.has("opportunity_stage_history"):
            h = self._known("opportunity_stage_history")
            order = ibis.row_number().over(group_by=h.opportunity_id, order_by=[h.entered_at, h.seq])
            h = h.mutate(_n=order)
            last = h.group_by("opportunity_id").agg(
                **{f"_{c}": h[c].argmax(h["_n"], where=h[c].notnull()) for c in changing}
            )
            last = last.rename(_deal="opportunity_id")
            deals = deals.left_join(last, deals.opportunity_id == last["_deal"]).drop("_deal")
            past = {c: deals[f"_{c}"] for c in changing}
        return deals.mutate(**{c: ibis.ifelse(deals["_closed"], deals[c], past[c]) for c in changing})

    def _with_status(self, accounts: ir.Table) -> ir.Table:
        """Derive status and first_won_at from purchases and won deals known on the day."""
        facts = []
        if self.has("transactions"):
            t = self._known("transactions")
            end = ibis.greatest(t.booked_at, ibis.coalesce(t.period_end, t.booked_at))
            facts.append(t.select("account_id", at=t.booked_at.cast("timestamp"), until=end.cast("timestamp")))
        if self.has("opportunities"):
            o = self._known("opportunities")
            o = o.filter(o.is_won & o.closed_at.notnull())
            facts.append(o.select("account_id", at=o.closed_at, until=o.closed_at))
        accounts = accounts.drop("status", "first_won_at")
        if not facts:
            return accounts.mutate(status=ibis.literal("prospect"), first_won_at=ibis.null("timestamp"))
        f = ibis.union(*facts) if len(facts) > 1 else facts[0]
        f = f.group_by("account_id").agg(first_won_at=f["at"].min(), _until=f.until.max()).rename(_who="account_id")
        joined = accounts.left_join(f, accounts.account_id == f["_who"])
        left = dt.datetime.combine(self._moment.as_of, dt.time()) - dt.timedelta(days=self.settings.former_after_days)
        status = ibis.cases(
            (joined.first_won_at.isnull(), "prospect"),
            (joined["_until"] < ibis.literal(left), "former"),
            else_="customer",
        )
        return joined.mutate(status=status)

    # -- what a notebook leaves -----------------------------------------------------------------------------------

    def earlier(self, name: str, tables: str | Path | None = None) -> pd.DataFrame:
        """Give the table an earlier notebook left; `decisions` and `measures` gather those of all notebooks so far.

        With `tables`, the folder of another run's tables, it is that run's table; a shared one is empty where `tables` is "".
        Who has opted out since is a stand-in there too, as in `read`, and rows about who was forgotten since are left out.

        Raises
        ------
        TableError
            If the table is not there, or is not to its spec.
        """
        folder = self._tables if tables is None else Path(tables)
        if name in SHARED:
            files = [] if tables == "" else sorted(folder.glob(f"[0-9][0-9]_{name}.parquet"))
            frame = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True) if files else schema.empty(name)
            return schema.conform(name, frame)
        path = folder / f"{name}.parquet"
        schema.key(name)
        if not path.is_file():
            raise TableError(f"{name}: not in {folder.name}/. Run notebook {name[:2]} first.")
        return self._still_shown(name, schema.conform(name, pd.read_parquet(path)))

    def _still_shown(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """What may be shown today of a table that was left earlier."""
        personal, gone = schema.personal(name), pd.Series(False, index=frame.index)
        for person in schema.persons(name):
            opted = frame[person].isin(list(self._source.stand_ins))
            frame[personal] = frame[personal].mask(opted)
            gone |= frame[person].isin([i for i in frame[person].dropna().unique() if self._source.is_forgotten(i)])
            frame[person] = frame[person].replace(self._source.stand_ins)
        if personal and not self._people:
            frame[personal] = frame[personal].mask(frame[personal].notna())
        return frame[~gone].reset_index(drop=True)

    def left(self) -> set[str]:
        """Name the notebooks, by number, that have left their decisions so far."""
        return {path.name[:2] for path in self._tables.glob("[0-9][0-9]_decisions.parquet")}

    def write(self, name: str, frame: pd.DataFrame) -> None:
        """Check a table against its spec and leave it for later notebooks, whole or not at all.

        The decisions and measures gathered so far are left with it, under the same number.

        Raises
        ------
        TableError
            If the table is not to its spec, holds a person who opted out or was forgotten, or names people though the book
            was opened without.
        """
        number, checked = name[:2], schema.conform(name, frame)
        people.refuse(name, checked, self._source.is_unwanted, self._people)
        leave(self._tables / f"{name}.parquet", checked)
        decisions = self.decisions.assign(notebook=number)
        decisions["decision_id"] = number + "-" + decisions["decision_id"]
        leave(self._tables / f"{number}_decisions.parquet", schema.conform("decisions", decisions))
        leave(self._tables / f"{number}_measures.parquet", self.measures)

    def decide(
        self,
        text: str,
        *,
        accounts: Iterable[str] | None = None,
        would_change: str = "",
        group: str | None = None,
        owner: str | None = None,
        due: str | None = None,
        expected_value: float | pd.Series | None = None,
        only_if: bool = True,
    ) -> None:
        """Note one decision, a row per account or one row if it is about all; no account, no row.

        Parameters
        ----------
        text : the advice, as an order
        accounts : ids it is about
        would_change : what would change the advice
        expected_value : money at stake, in the reporting currency: one number per account as a Series indexed by id,
            or one number for a decision about all
        only_if : what the data must say for the decision to be noted at all
        """
        if not only_if:
            return
        ids: list[str | None] = [None] if accounts is None else list(accounts)
        value = expected_value.reindex(ids).to_numpy() if isinstance(expected_value, pd.Series) else expected_value
        rows = pd.DataFrame({"account_id": ids}).assign(
            notebook="",
            decision_id=str(len(self._decisions) + 1),
            text=text,
            group=group,
            owner=owner,
            due=pd.Timestamp(due) if due else pd.NaT,
            expected_value=value,
            would_change=would_change,
            status="proposed",
        )
        self._decisions.append(schema.conform("decisions", rows))

    @property
    def decisions(self) -> pd.DataFrame:
        """The decisions noted so far."""
        return pd.concat([schema.empty("decisions"), *self._decisions], ignore_index=True)

    def measure(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Note rows of `measures` (checked, dated `as_of` where they are not) and give them back."""
        if rows.empty:
            return schema.empty("measures")
        dated = rows.assign(as_of=rows["as_of"].fillna(self.as_of) if "as_of" in rows else self.as_of)
        checked = schema.conform("measures", dated)
        self._measures.append(checked)
        return checked

    @property
    def measures(self) -> pd.DataFrame:
        """The measures noted so far."""
        return pd.concat([schema.empty("measures"), *self._measures], ignore_index=True)


class Source:
    """Tables as they lie in a folder or DuckDB file, typed by the schema and not yet dated."""

    def __init__(
        self, con: Any, raw: dict[str, ir.Table], workbook: settings.Workbook, columnar: Iterable[str]
    ) -> None:
        """Use `Source.open`."""
        self.columnar = frozenset(columnar)  # tables that lie as Parquet, which holds each of few values once
        self.con, self.raw, self.workbook = con, raw, workbook
        self.folder = workbook.data if workbook.data.is_dir() else None
        self.names = frozenset(raw)
        self.settings = workbook.settings
        self.key: bytes | None = None  # of the team; None: looked for where the programme is, once it is needed
        self._views: dict[str, ir.Table] = {}

    @classmethod
    def open(cls, data: str | Path) -> "Source":
        """Find the tables of a workbook's data, a folder or DuckDB file, and of its programme; check that the least is there.

        A programme table that lies in both places has the rows of both; a template that nobody filled is not there.
        """
        if re.match(r"[a-z][a-z0-9+]+:/", str(data)):  # a drive has one letter
            raise TableError("data: database URLs are not read in this version. Export to files and import them.")
        workbook = settings.workbook(data)
        path = workbook.data
        if not path.exists():
            raise TableError(f"data: {path.name} is not there. Give a folder of tables or a DuckDB file.")
        try:
            con = ibis.duckdb.connect() if path.is_dir() else ibis.duckdb.connect(path, read_only=True)
            con.raw_sql("SET TimeZone='UTC'")
        except duckdb.Error as wrong:
            raise TableError(f"{path.name}: not a DuckDB file. Give a folder of tables or a DuckDB file.") from wrong
        if path.is_dir():
            files = {n: f for n in schema.importable() if (f := find(path, n)) is not None}
            given = {n: register(con, n, f) for n, f in files.items()}
        else:
            files, given = {}, {n: con.table(n) for n in con.list_tables() if n in schema.importable()}
        places = {n: find(workbook.programme, n) for n in schema.PROGRAMME} if workbook.programme else {}
        written = {n: f for n, f in places.items() if f is not None and f != files.get(n) and not is_blank(f)}
        if workbook.programme:
            filled = [n for n, f in places.items() if f is not None and not is_blank(f)]
            programme.refuse_spreadsheets(workbook.programme, filled)
        entered = {n: register_entries(con, n, f) for n, f in written.items()}
        for name, table in [*given.items(), *entered.items()]:
            refuse_misspelt(name, table.columns)
        dated = {n: as_entries(t, n, workbook.settings.time_zone) for n, t in given.items()}
        both = {n: together(n, dated[n], entered[n]) for n in entered if n in dated}
        source = cls(con, dated | entered | both, workbook, (n for n, f in files.items() if f.suffix != ".csv"))
        if "accounts" not in source.names:
            raise TableError(
                f"data: no accounts table; found {sorted(source.names)}. Name the file accounts.csv or accounts.parquet."
            )
        if not source.names & {"transactions", "opportunities", "activities"}:
            raise TableError("data: none of transactions, opportunities, activities. Export at least one of them.")
        return source

    def typed(self, name: str) -> ir.Table:
        """Every column of the schema, of its type; text that does not read as its kind is missing here."""
        return self._view(name).select(list(schema.spec(name).columns))

    def _view(self, name: str) -> ir.Table:
        """What `typed` gives, and beside each column that can have them the `LOST` values."""
        if name not in self._views:
            self._views[name] = as_view(self.con, f"typed {name}", self._as_typed(name))
        return self._views[name]

    def _as_typed(self, name: str) -> ir.Table:
        """The query of `_view`."""
        raw, columns = self.present(name), {}
        absent = [
            c
            for c, d in schema.spec(name).columns.items()
            if c not in raw.columns and not d.nullable and self._default(d) is None and not d.derived
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
            if given and definition.one_of and name in self.columnar and raw[column].type().is_string():
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
        places = people.places(name, raw.columns)
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
            emptied = [c for c, whole in people.places(name, before.columns).items() if not whole]
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
        held = [(t, c) for n, t in self.raw.items() for c in people.places(n, t.columns)]
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

    def is_forgotten(self, contact_id: str) -> bool:
        """Say whether an id is that of a person who was forgotten."""
        return bool(self.hashes) and people.person_hash(contact_id, self._key) in self.hashes

    def is_unwanted(self, contact_id: str) -> bool:
        """Say whether a person may not be listed."""
        return contact_id in self.stand_ins or self.is_forgotten(contact_id)

    # -- checks -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _default(definition: Any) -> object:
        return definition.default

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
                    schema.mend(name, column)
                    or "Correct them in the export, or say how to read them in your mapping file."
                )
            )

    def audit(self) -> pd.DataFrame:
        """Every check of every table: rows of `AUDIT`; no case named in it is a person who opted out."""
        _ = self.forgotten_ids  # without the key nothing is checked
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
                schema.mend(name, c) or f"Correct {c} in the export or in the mapping.",
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
        names = ", ".join(map(quoted, key))
        filled = " AND ".join(f"{quoted(c)} IS NOT NULL" for c in key)
        repeated = f"SELECT ({names}) FROM {view} WHERE {filled} GROUP BY {names} HAVING count(*) > 1"  # noqa: S608
        yield f"one row per {', '.join(key)}", "fail", f"({names}) IN ({repeated})", "Keep one row per key."
        for column, definition in spec.columns.items():
            value = quoted(column)
            if not definition.nullable and not definition.derived and definition.default is None:
                remedy = (
                    column in schema.ENTRY and schema.mend(name, column)
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
            extra = ["closed_at"] if name == "opportunities" else []
            for column in [str(schema.spec(name).known), *extra]:
                newest = self.typed(name)[column].max().execute()
                if pd.isna(newest):
                    continue
                if schema.spec(name).columns[column].kind == "ts":
                    newest = pd.Timestamp(newest, tz="UTC").tz_convert(self.settings.time_zone)
                days.append(pd.Timestamp(newest).date())
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
    day, own = schema.dates(name), ibis.null("string")
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


@ibis.udf.scalar.builtin(name="timezone", signature=((types.string, types.timestamp), types.Timestamp("UTC")))
def in_zone(zone: str, clock: dt.datetime) -> dt.datetime:  # type: ignore[empty-body]
    """Give the moment at which clocks of a time zone show a time."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=((types.Timestamp("UTC"),), types.int64))
def microseconds(moment: dt.datetime) -> int:  # type: ignore[empty-body]
    """Give a moment as microseconds since 1970; the engine's own cast looks every value up in the calendar of a zone."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=((types.int64,), types.timestamp))
def moment_of(microseconds: int) -> dt.datetime:  # type: ignore[empty-body]
    """Give the moment so many microseconds after 1970, in UTC and without a zone."""


def as_view(con: Any, name: str, query: ir.Table) -> ir.Table:
    """Let the engine keep a query under a name, so that its text is made once, and what builds on it is short."""
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {con.compile(query)}")
    return ops.DatabaseTable(name, schema=query.schema(), source=con).to_expr()


def come(when: ir.Value, moment: Moment) -> ir.BooleanValue:
    """Say where a day or time had come by the end of the day a report stands on; where there is none, it had not."""
    until = when <= ibis.literal(moment.as_of) if when.type().is_date() else when < ibis.literal(moment.cutoff)
    return until.fill_null(False)


def register(con: Any, name: str, file: Path, place: str = "kept") -> ir.Table:
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
            part = exported.as_table(con.con, name, file)
            own = {n.lower() for n in schema.spec(name).columns}
            refuse_twice(name, file.name, [n for n in part.names if n.lower() in own])
            first = {n.lower(): f"{x} AS {quoted(n)}" for n, x, _ in reversed(part.columns) if n.strip()}
            seen = con.sql(f"SELECT {', '.join(reversed(first.values()))} FROM {part.origin}")  # noqa: S608
            small = file.stat().st_size < KEEP_BELOW
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


def day_asked(as_of: str | dt.date) -> dt.date | None:
    """Read a day; None for the latest day of the data, whatever that is."""
    try:
        return None if as_of == LATEST_DATA else dt.date.fromisoformat(str(as_of))
    except ValueError as wrong:
        raise ValueError(f"as_of must be latest-data or a day such as 2026-06-30, got {as_of!r}.") from wrong


def ibis_type(kind: str) -> str:
    """The engine's type of a kind."""
    return IBIS_TYPES.get(kind, "string")


def stripped(value: ir.Value) -> ir.Value:
    """Take blanks around a text away; blank text becomes missing. To strip is dear, and few texts need it."""
    around = ibis.or_(
        value < "!", *(value.endswith(blank) for blank in BLANKS)
    )  # true of few: the others are not copied
    return ibis.ifelse(around, value.strip().nullif(""), value)


def cast(value: ir.Value, kind: str) -> ir.Value:
    """Read a value as its kind; what does not read, blank text and NaN become missing."""
    if value.type().is_string():
        value = stripped(value)
    if kind in ("ts", "date"):  # a day that is followed by more is no day; and nobody means the year 20026
        moment = value if value.type().is_timestamp() else value.try_cast(UTC_TS if kind == "ts" else "timestamp")
        if moment.type().timezone is not None:
            moment = moment_of(microseconds(moment))
        sane = ibis.ifelse(moment.between(*SANE), moment, ibis.null("timestamp"))
        return sane.cast(ibis_type(kind))
    read = value.try_cast(ibis_type(kind))
    if kind == "int":  # the engine would round 3.7 to 4
        number = value.try_cast("float64")
        return ibis.ifelse(number % 1 == 0, read, ibis.null("int64"))
    if ibis_type(kind) == "float64":
        return ibis.ifelse(read.isnan() | read.isinf(), ibis.null("float64"), read)
    return read


def lost(value: ir.Value, kind: str) -> ir.BooleanValue:
    """Say where a value is there but does not read as its kind."""
    there = value.notnull()
    if value.type().is_string():
        there = stripped(value).notnull()
    elif value.type().is_floating():
        there = there & ~value.isnan()
    return there & cast(value, kind).isnull()


def known_by(t: ir.Table, name: str, moment: Moment) -> ir.BooleanValue:
    """Say which rows were known at the end of the day; a row nobody dated is known on the latest day only."""
    known = schema.spec(name).known
    if known is None:
        return ibis.literal(True)
    by_event = come(t[known], moment) | (t[known].isnull() & moment.is_latest)
    return ibis.ifelse(t.known_at.isnull(), by_event, t.known_at < ibis.literal(moment.cutoff))


def to_pandas(expr: ir.Table, name: str) -> pd.DataFrame:
    """Bring a table to pandas in the types of the schema."""
    frame = expr.to_pyarrow().to_pandas(types_mapper=NULLABLE.get)
    for column, definition in schema.spec(name).columns.items():
        kind = definition.kind
        if kind == "ts":
            frame[column] = frame[column].dt.tz_localize("UTC")
        frame[column] = frame[column].astype(schema.DTYPES[kind])
    return frame


def values(expr: ir.Table, column: str) -> list[Any]:
    """Bring a few values of one column."""
    return expr.select(column).to_pyarrow().column(0).to_pylist()


def wanted(name: str) -> str:
    """Say what to export to have a table."""
    said = f"{name} ({re.split('[.:]', str(schema.spec(name).description))[0].lower()})"
    verb, place = ("Enter", f"programme/{name}.csv ") if name in schema.PROGRAMME else ("Export", "")
    return f"{verb} {said} {f'in {place}' if place else ''}with {', '.join(schema.needed(name))}."


def leave(path: Path, frame: pd.DataFrame) -> None:
    """Write a table beside its place and move it there whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    frame.to_parquet(beside, index=False)
    beside.replace(path)
