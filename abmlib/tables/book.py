"""Book: the face of the data for notebooks. It gives tables as they were known at the end of one day, and nothing later."""

import datetime as dt
import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from abmlib.places import sought
from abmlib.tables import cache, entry_conflicts, outputs, people, programme, reading, schema, settings
from abmlib.tables.days import beside, day_asked
from abmlib.tables.definitions.columns import SLUG
from abmlib.tables.errors import NotAnswerable, TableError, first_cases
from abmlib.tables.ledger import COLUMNS

SHARED = ("decisions", "measures")
Label = Callable[[pd.Timestamp, pd.Index], pd.Series]  # a day and the accounts known on it -> what came after
LAB = "../reports/lab/tables"  # where notebooks run by hand leave tables for each other


class Book:
    """Tables as known at the end of one day, and what a notebook leaves."""

    def __init__(
        self, data: cache.Data, day: dt.date | None, tables: str | Path = LAB, people: bool = False, **shared: Any
    ) -> None:
        """Give the book of data that is at hand, without a day as known on the day of its newest dated fact.

        The rest is as in `open`.
        """
        self._data, self._tables, self._people, self._shared = data, Path(tables), people, shared
        try:
            self._snapshot = data.snapshot(day)
        finally:
            data.close()
        self._facts = json.loads((self._snapshot / reading.FACTS).read_text("utf-8"))
        self._number = ""  # of the notebook, once `need` says what it writes
        self._decisions: dict[str, pd.DataFrame] = {}
        self._measures = schema.empty("measures")

    @classmethod
    def open(
        cls, data: str | Path, as_of: str | dt.date, tables: str | Path = LAB, people: bool = False, **shared: Any
    ) -> "Book":
        """Open a data set as known at the end of a day in its reporting time zone.

        The snapshot of that day is read; where there is none it is built first, from all tables of the source.

        Parameters
        ----------
        data : workbook file, folder of CSV or Parquet files named after the canonical tables, or a DuckDB file
        as_of : day, ISO 8601; ``latest-data`` is the day of the newest dated fact
        tables : folder of the tables that notebooks leave for each other
        people : give names and free text about people too; without it they come missing
        shared : the notebook's parameters that another notebook has too, by name: `earlier` refuses a table that was made
            with another value

        Raises
        ------
        TableError
            If the source cannot be opened, has no accounts, has none of transactions, opportunities, activities, or a table
            of it does not read or lacks a column.
        ValueError
            If `as_of` is not a day, or nothing dates the data whose latest day it asks for.
        """
        return cls(cache.Data(data), day_asked(as_of), tables, people, **shared)

    # -- what was known -------------------------------------------------------------------------------------------

    @property
    def as_of(self) -> pd.Timestamp:
        """The day at whose end everything is as known."""
        return pd.Timestamp(self._snapshot.name)

    @property
    def is_latest(self) -> bool:
        """Say whether no dated fact of the source lies after the day.

        On an earlier day a missing value may only have been entered later: it is no gap to fill.
        """
        latest = self._facts["latest_day"]
        return not latest or self.as_of >= pd.Timestamp(latest)

    @property
    def settings(self) -> settings.Settings:
        """What ``workbook.yml`` says about this data."""
        return self._data.workbook.settings

    @property
    def currency(self) -> str:
        """The one reporting currency."""
        return self.settings.currency

    @property
    def programme(self) -> Path | None:
        """The folder of what people enter; None where a database was given alone."""
        return self._data.workbook.programme

    def has(self, name: str) -> bool:
        """Say whether the source has a table."""
        return name in self._facts["names"]

    def read(self, name: str, on: pd.Timestamp | None = None) -> pd.DataFrame:
        """Give a canonical table as known on the day, or on an earlier one, ordered by its key.

        Beside each time (``created_at``) is its day in the reporting time zone (``created_day``), named by
        `days.day_column`.

        Rows learnt later are left out and counted in `ledger`; values learnt later are put back or made missing. A
        table that the source lacks comes empty, to spec. Who has opted out since, whenever that was, keeps every row, in
        all tables under one stand-in for the contact_id, and has no name, e-mail or title; in contacts they have
        ``opted_out``, to be counted and not listed (`people.reachable`). Other personal columns are missing unless the book
        was opened with people.

        Raises
        ------
        TableError
            If values of the table do not read as their kind, a key repeats or a value is not allowed.
        ValueError
            If `on` is later than the day.
        """
        schema.key(name)
        if not self.has(name):
            return beside(schema.empty(name), self.settings.time_zone)
        frame = reading.to_pandas(self._rows(name, on).to_table(), name)
        return beside(frame if self._people else people.unnamed(name, frame), self.settings.time_zone)

    def _rows(self, name: str, on: pd.Timestamp | None = None) -> ds.Dataset:
        """A table of the source as known on the day, or on an earlier one, to be read in pieces.

        A large one is a query over the source.

        Raises
        ------
        TableError
            If a check of it fails.
        ValueError
            If `on` is later than the day.
        """
        if (day := on or self.as_of) > self.as_of:
            raise ValueError(f"{name}: asked as known on {day.date()}, and the book ends with {self.as_of.date()}.")
        if why := self._facts["refused"].get(name):
            raise TableError(why)
        cache.touch(self._snapshot)
        if name in self._facts["large"]:
            return self._data.large(name, day.date())
        if day < self.as_of:
            return ds.dataset(self._data.table(name, day.date()))
        return ds.dataset(self._snapshot / reading.TABLES / f"{name}.parquet")

    def _frame(self, name: str) -> pd.DataFrame:
        """One of the small tables of the snapshot."""
        return pd.read_parquet(self._snapshot / f"{name}.parquet")

    def conflicts(self, *names: str) -> pd.DataFrame:
        """Show where people entered different things in the programme.

        Without `names` for all its tables. Nothing is resolved: the entry that was made last holds, as everywhere. What is
        about people differs only in a book that was opened with people.

        Returns
        -------
        DataFrame: as `entry_conflicts.conflicts`, table by table
        """
        present = [n for n in names or schema.PROGRAMME if n != programme.FORGOTTEN and self.has(n)]
        none = pd.DataFrame(columns=list(entry_conflicts.CONFLICT)).astype(entry_conflicts.CONFLICT)
        return pd.concat([none, *(entry_conflicts.conflicts(n, self.read(n)) for n in present)], ignore_index=True)

    def need(self, *names: str, writes: Sequence[str] = ()) -> None:
        """Stop the notebook, as a success, where this data cannot answer it.

        The tables in `writes` are then left empty, to spec, for the notebooks that read them.

        Raises
        ------
        NotAnswerable
            If a table is absent or has no row known on the day; the message says what to export.
        """
        self._number = min((schema.number_of(name) for name in writes), default="")
        rows = self.overview().set_index("table")["rows"]
        if not (missing := [n for n in names if not rows.get(n, 0)]):
            return
        for name in writes:
            self.write(name, schema.empty(name))
        raise NotAnswerable(
            missing, f"{self.as_of.day} {self.as_of:%B %Y}", " ".join(schema.wanted(n) for n in missing)
        )

    @property
    def ledger(self) -> pd.DataFrame:
        """Rows in, rows out and why.

        First the ledger of the import, then the rows that were learnt after the day.
        """
        path = self._data.workbook.data / "ledger.csv"
        imported = [pd.read_csv(path)[COLUMNS]] if path.is_file() else []
        return pd.concat([*imported, self._frame("ledger")], ignore_index=True)

    @property
    def same_company(self) -> pd.DataFrame:
        """Accounts known on the day that are counted with another, as `identity.companies` finds them.

        One row each: ``account_id, company_id, rule``. In every table `company_id` takes their place, and among accounts
        they are one row, in which a missing value is taken from the others. What the source merged holds on
        every date.
        """
        return self._frame("same_company")

    @property
    def lead_matches(self) -> pd.DataFrame:
        """Companies of the e-mail domains of contacts without an account.

        As `identity.leads` finds them; no domain is given.

        One row per domain: ``company_id, companies`` (that have it), ``contacts`` (leads that have it). Where ``same_company``
        of ``workbook.yml`` does not name the domain, there is none.
        """
        return self._frame("lead_matches")

    def overview(self) -> pd.DataFrame:
        """Count each table of the source as known on the day.

        One row per table: ``table, rows, accounts`` (accounts with a row; missing where the table has no account),
        ``first_day, last_day`` (missing where nothing dates a row).
        """
        return self._frame("overview")

    def fields(self) -> pd.DataFrame:
        """Count the values of each column of the source as known on the day.

        One row per table and column of the schema, derived ones aside: ``table, column, filled`` (rows with a value),
        ``rows``.
        """
        return self._frame("fields")

    def fact_counts(self) -> pd.DataFrame:
        """Count the dated facts of each account as known on the day.

        One row per account and table with a row: ``account_id, table, rows, first_day, last_day``.
        """
        return self._frame("records")

    def features(self, names: Sequence[str] | None = None, by_line: bool = False) -> pd.DataFrame:
        """Give the features of each account, one row per account, or per account and product line.

        All of them where none is named.

        Every account has a row, in the order of its id. An account without a row in a table has 0 of what is counted there
        and no value of the rest; where the source lacks the table, or what it would take is filled nowhere in it, everything
        made from it is missing.
        ``data/features.md`` says what each feature is.

        Parameters
        ----------
        names : features wanted, each once
        by_line : give the features of what an account buys of each product line instead. An account has a row for each line
            with a transaction or a deal of it; what has no line, or a product nobody lists, is in the line ``all``.

        Returns
        -------
        DataFrame: ``account_id`` (by line: ``account_id, product_line``) and the features, in the order asked

        Raises
        ------
        ValueError
            If there is no such feature, with what comes closest; or one is named twice.
        """
        return self._read_features(self._snapshot, names, by_line)

    def _read_features(self, folder: Path, names: Sequence[str] | None, by_line: bool) -> pd.DataFrame:
        """Keys and the features asked for, all where none is; refused where one is unknown or named twice."""
        file = folder / ("line_features.parquet" if by_line else "features.parquet")
        columns = pq.read_schema(file).names
        keys = [c for c in ("day", "account_id", "product_line") if c in columns]
        known = [c for c in columns if c not in keys]
        wanted_names = list(known if names is None else names)
        if unknown := [n for n in wanted_names if n not in known]:
            close = difflib.get_close_matches(unknown[0], known, n=3)
            hint = f" Did you mean {', '.join(close)}?" if close else ""
            by = " by product line" if by_line else ""
            raise ValueError(
                f"features: no such feature(s) {unknown[:3]}{by}; data/features.md lists {len(known)}{by}.{hint}"
            )
        if repeated := sorted({n for n in wanted_names if wanted_names.count(n) > 1}):
            raise ValueError(f"features: named twice {repeated}. Name each once.")
        return pd.read_parquet(file, columns=[*keys, *wanted_names])

    def history(
        self,
        days: Iterable[pd.Timestamp],
        features: Sequence[str] | None = None,
        label: Mapping[str, Label] | None = None,
        by_line: bool = False,
    ) -> pd.DataFrame:
        """Give the features of each account as known at the end of earlier days, with what came after: for models.

        An account has a row on each day on which it was known. What was learnt later is in no feature; a value that is known
        only as it is now is missing. `label` looks at what is known today. Who has opted out since counts as was known then.

        Parameters
        ----------
        days : before the book's own, each once
        features : as in `features`
        label : by the name of its column, a function of a day and of the accounts known on it, that gives what came after: a
            Series indexed by account id, 1 or 0, missing for accounts of which it is not asked or not yet known
        by_line : as in `features`; what came after is asked of accounts, so it takes no `label`

        Returns
        -------
        DataFrame, days in order and accounts in the order of their id: ``day, account_id`` (by line: ``day, account_id,
        product_line``), the features, the labels (float)

        Raises
        ------
        ValueError
            If a day is not before the book's own or named twice, labels are asked for by line, or as in `features`.
        """
        if by_line and label:
            raise ValueError(
                f"history: label {list(label)[:3]} is one value per account, and by_line gives a row per product line. Give one of the two."
            )
        asked = sorted(pd.Timestamp(day) for day in days)
        if not asked or asked[-1] >= self.as_of or len(set(asked)) < len(asked):
            raise ValueError(
                f"history: give one or more days before {self.as_of.date()}, each once, got {[str(d.date()) for d in asked][:3]}."
            )
        found = self._read_features(self._data.history([day.date() for day in asked]), features, by_line)
        for name, came in (label or {}).items():
            parts = [
                came(day, pd.Index(rows["account_id"])).reindex(rows["account_id"])
                for day, rows in found.groupby("day")
            ]
            found[name] = np.concatenate([part.to_numpy(dtype=float, na_value=np.nan) for part in parts])
        return found

    def panel(
        self, name: str, by: Sequence[str] = (), per: str = "week", sums: Sequence[str] = (), bots: bool = False
    ) -> pd.DataFrame:
        """Count the rows of a table by account and period.

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
        when, columns = schema.spec(name).known, schema.spec(name).columns
        if unknown := [c for c in ("account_id", *by, *sums) if c not in columns]:
            raise ValueError(f"{name}: no column {unknown}; it has {list(columns)}.")
        if when in (None, "known_at") or per not in reading.PERIODS:
            raise ValueError(f"{name} by {per}: give a table whose rows are dated, and one of {list(reading.PERIODS)}.")
        if not self.has(name):
            return reading.no_panel(by, per, sums)
        return reading.panel(self._rows(name), str(when), self.settings.time_zone, by, per, sums, bots)

    def audit(self) -> pd.DataFrame:
        """Give every check of every table of the source.

        One row per table and check, broken or not: ``table, check, severity {fail, warn}, bad, rows, first, remedy``.
        """
        return self._data.audit

    # -- who may be shown ---------------------------------------------------------------------------------------------

    @cached_property
    def _stand_ins(self) -> dict[str, str]:
        """Stand-in of each person who opted out."""
        return dict(self._frame("stand_ins").itertuples(index=False))

    def _is_forgotten(self, contact_id: str) -> bool:
        """Say whether an id is that of a person who was forgotten."""
        hashes = self._facts["forgotten"]
        return bool(hashes) and people.person_hash(contact_id, self._data.key) in hashes

    # -- what a notebook leaves -----------------------------------------------------------------------------------

    @property
    def _origin(self) -> dict[str, Any]:
        """What the tables that this book leaves come from."""
        made = {"as_of": self.as_of.date(), "data_fingerprint": self._data.fingerprint, "settings": self._data.settled}
        return dict(json.loads(json.dumps(made | self._shared, default=str)))

    def earlier(self, name: str, tables: str | Path | None = None) -> pd.DataFrame:
        """Give the table that an earlier notebook left.

        `decisions` and `measures` gather those of all notebooks before this one.

        With `tables`, the folder of another run's tables, it is that run's table; a shared one is empty where `tables` is "".
        Who has opted out since is a stand-in there too, as in `read`, and rows about who was forgotten since are left out.

        Raises
        ------
        TableError
            If the table is not there, or is not to its spec; or if it was made, in the folder of this book's tables, for
            another day, from other data or with another value of a shared parameter.
        """
        folder = self._tables if tables is None else Path(tables)
        if name in SHARED:
            files = [] if tables == "" else sorted(folder.glob(f"[0-9][0-9]*_{name}.parquet"))
            if tables is None:
                files = [f for f in files if not self._number or schema.number_of(f.name) < self._number]
                self._refuse_others(name, files)
            frame = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True) if files else schema.empty(name)
            return schema.conform(name, frame)
        path = folder / f"{name}.parquet"
        schema.key(name)
        if not path.is_file():
            raise TableError(f"{name}: not in {sought(folder)}. Run notebook {schema.number_of(name)} first.")
        if tables is None:
            self._refuse_others(name, [path])
        return self._still_shown(name, schema.conform(name, pd.read_parquet(path)))

    def _refuse_others(self, name: str, files: Sequence[Path]) -> None:
        """Refuse tables of another day, other data or other parameters."""
        compared = {schema.number_of(f.stem): outputs.differences(outputs.origin_of(f), self._origin) for f in files}
        if not (unlike := {number: words for number, words in compared.items() if words}):
            return
        how = ", ".join(unlike.values())
        if name in SHARED:
            cases = first_cases(f"{number}: {words}" for number, words in unlike.items())
            how = f"{len(unlike)} of {len(files)} notebooks left theirs for another day, data or parameter {cases}"
        raise TableError(f"{name}: {how}. Run {', '.join(unlike)} again.")

    def _still_shown(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """What may be shown today of a table that was left earlier."""
        personal, gone = schema.personal(name), pd.Series(False, index=frame.index)
        for person in schema.persons(name):
            frame[personal] = frame[personal].mask(frame[person].isin(list(self._stand_ins)))
            gone |= frame[person].isin([i for i in frame[person].dropna().unique() if self._is_forgotten(i)])
            frame[person] = frame[person].replace(self._stand_ins)
        if personal and not self._people:
            frame[personal] = frame[personal].mask(frame[personal].notna())
        return frame[~gone].reset_index(drop=True)

    def finished_notebooks(self) -> set[str]:
        """Name the notebooks, by number, that have left their decisions so far."""
        return {schema.number_of(path.name) for path in self._tables.glob("[0-9][0-9]*_decisions.parquet")}

    def noted_by(self) -> dict[str, str]:
        """Number of the notebook that left each measure, by its definition."""
        files = sorted(self._tables.glob("[0-9][0-9]*_measures.parquet"))
        noted = {f: pd.read_parquet(f, columns=["definition_id"])["definition_id"] for f in files}
        return {d: schema.number_of(f.name) for f, definitions in noted.items() for d in definitions}

    def write(self, name: str, frame: pd.DataFrame) -> None:
        """Check a table and leave it for later notebooks.

        It is written whole or not at all.

        The decisions and measures gathered so far are left with it, under the same number.

        Raises
        ------
        TableError
            If the table is not to its spec, holds a person who opted out or was forgotten, or names people though the book
            was opened without.
        """
        number, checked = schema.number_of(name), schema.conform(name, frame)
        people.refuse(name, checked, lambda i: i in self._stand_ins or self._is_forgotten(i), self._people)
        decisions = schema.conform("decisions", self.decisions.assign(notebook=number))
        left = {name: checked, f"{number}_decisions": decisions, f"{number}_measures": self.measures}
        for table, rows in left.items():
            outputs.leave(self._tables / f"{table}.parquet", rows, self._origin)

    def decide(
        self,
        slug: str,
        *,
        kind: str,
        text: str,
        accounts: Iterable[str] | None = None,
        would_change: str = "",
        group: str | pd.Series | None = None,
        owner: str | pd.Series | None = None,
        due: str | None = None,
        moves: float | pd.Series | None = None,
        moves_low: float | pd.Series | None = None,
        moves_high: float | pd.Series | None = None,
        basis: str | None = None,
        reason: str | pd.Series | None = None,
        only_if: bool = True,
    ) -> None:
        """Note one decision: a row per account, or one about all.

        No account, no row.

        Noted again under the same slug, the later one replaces it, in the place it had.

        Parameters
        ----------
        slug : name of the decision, the same in every run of the notebook: lower-case words joined by underscores
        kind : ``sell``, ``programme``, or ``data`` for a chore about data
        text : the advice, as an order
        accounts : ids it is about
        would_change : what would change the advice
        moves, moves_low, moves_high : money that this decision moves within its horizon, in the reporting currency, never an
            account's whole past: a Series by account id, or one number for a decision about all; with its interval
        basis : what that money is, in words
        reason, owner, group : why this account, who is to act, and the part or the deals (ids joined by ``;``) it is about; a
            Series by account id, or one text
        only_if : what the data must say for the decision to be noted at all

        Raises
        ------
        ValueError
            If `slug` is no such name.
        TableError
            If an account is named twice.
        """
        if not re.fullmatch(SLUG, slug):
            raise ValueError(f"slug must be lower-case words joined by underscores, such as start_now, got {slug!r}.")
        ids: list[str | None] = [] if not only_if else [None] if accounts is None else list(accounts)
        by_account = {"group": group, "moves": moves, "moves_low": moves_low, "moves_high": moves_high, "reason": reason, "owner": owner}  # fmt: skip
        own = {c: v.reindex(ids).to_numpy() if isinstance(v, pd.Series) else v for c, v in by_account.items()}
        rows = pd.DataFrame({"account_id": ids}).assign(
            notebook=self._number, slug=slug, kind=kind, text=text, due=pd.Timestamp(due) if due else pd.NaT,
            basis=basis, would_change=would_change, status="proposed", **own,
        )  # fmt: skip
        self._decisions[slug] = schema.conform("decisions", rows)

    @property
    def decisions(self) -> pd.DataFrame:
        """The decisions noted so far."""
        return pd.concat([schema.empty("decisions"), *self._decisions.values()], ignore_index=True)

    def measure(self, rows: pd.DataFrame | Sequence[Mapping[str, object]]) -> pd.DataFrame:
        """Note rows of `measures` (checked, dated `as_of` where they are not) and give them back.

        A row whose key was noted before replaces that row, in its place.
        """
        rows = pd.DataFrame(rows)
        if rows.empty:
            return schema.empty("measures")
        dated = rows.assign(as_of=rows["as_of"].fillna(self.as_of) if "as_of" in rows else self.as_of)
        checked, key = schema.conform("measures", dated), schema.key("measures")
        both = pd.concat([self._measures, checked], ignore_index=True)
        place = both.groupby(key, sort=False, dropna=False).ngroup()
        latest = both.assign(place=place).drop_duplicates(key, keep="last").sort_values("place", ignore_index=True)
        self._measures = latest.drop(columns="place")
        return checked

    @property
    def measures(self) -> pd.DataFrame:
        """The measures noted so far."""
        return self._measures
