"""Canonical tables: one definition of every table, column, type, unit, key and of when a value is known.

A column has its `kind`, `unit`, `when` and reference; a table its key, the column that says when a row came to be known, and
its row rules. The tables themselves are in `definitions`; this is the one place they are seen from. What a source holds is
checked inside the engine (`source.Source.audit`), what a notebook leaves by `check`.
"""
# ruff: noqa: F403, F405 -- every name of the definitions is given on

import re
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from abmlib.tables.definitions.columns import *
from abmlib.tables.definitions.core import *
from abmlib.tables.definitions.entered import *
from abmlib.tables.definitions.feeds import *
from abmlib.tables.definitions.results import *
from abmlib.tables.errors import TableError, first_cases

CANONICAL: dict[str, Table] = CORE | FEEDS
PROGRAMME: dict[str, Table] = ENTERED
FACTS = ("transactions", "opportunities", "activities")  # of which a source has at least one


def number_of(name: str) -> str:
    """Give the number of the notebook that a file or a table is named after; empty if there is none.

    Examples
    --------
    >>> number_of("12_pipeline"), number_of("12b_results.ipynb"), number_of("account_dossier")
    ('12', '12b', '')
    """
    found = re.match(r"\d\d[a-z]?(?=_|$)", name)
    return found[0] if found else ""


def spec(name: str) -> Table:
    """Look up a table by name.

    ``NN_decisions`` and ``NN_measures`` are the shared tables of notebook NN.
    """
    tables = CANONICAL | PROGRAMME | RESULTS
    if (table := tables.get(name) or RESULTS.get(name.removeprefix(f"{number_of(name)}_"))) is None:
        raise ValueError(f"{name}: no such table; there are {sorted(CANONICAL) + sorted(PROGRAMME) + sorted(RESULTS)}.")
    return table


def importable() -> dict[str, Table]:
    """The tables a source may hold.

    They are the canonical ones and what people enter; only the command writes who was forgotten.
    """
    return CANONICAL | {name: t for name, t in PROGRAMME.items() if name != FORGOTTEN.name}


def lacking(names: Collection[str]) -> str:
    """Say what tables lack to be a data set, or nothing.

    A data set has accounts and something that happened.
    """
    if "accounts" not in names:
        return "no accounts table"
    return "" if set(names) & set(FACTS) else f"none of {', '.join(FACTS)}"


def is_required(definition: Column) -> bool:
    """Say whether a source must have a column: never missing, without default, not worked out."""
    return not definition.null and definition.default is None and not definition.derived


def needed(name: str) -> list[str]:
    """The columns a source must have.

    Never missing, without default, neither worked out nor filled in by Book.
    """
    filled = {"entered_by"} if name in PROGRAMME else set()
    filled |= {"entered_at"} if spec(name).dates else set()
    return [c for c, d in spec(name).columns.items() if is_required(d) and c not in filled]


def wanted(name: str) -> str:
    """Say what to export to have a table."""
    table = f"{name.replace('_', ' ')} ({re.split('[.:]', spec(name).description)[0].lower()})"
    entered = f"Enter {table} in programme/{name}.csv."
    return entered if name in PROGRAMME else f"Export {table}; abm doctor lists the columns."


def key(name: str) -> list[str]:
    """The columns that name one row of a table."""
    return list(spec(name).key)


def persons(name: str) -> list[str]:
    """The columns of a table that hold the id of a contact or lead."""
    columns = spec(name).columns.items()
    return [c for c, d in columns if c in ("contact_id", "lead_id") or d.ref == "contacts.contact_id"]


def companies(name: str) -> list[str]:
    """The columns of a table that hold an account's id, but for the accounts' own."""
    account = "accounts.account_id"
    return [c for c, d in spec(name).columns.items() if d.ref == account or (c == "account_id" and name != "accounts")]


def personal(name: str) -> list[str]:
    """The columns of a table that name a person or are free text about one."""
    return [c for c, d in spec(name).columns.items() if d.personal]


def remedy(name: str, column: str) -> str:
    """Say how to correct a value of a programme table.

    Empty for other tables.

    Examples
    --------
    >>> remedy("contracts", "start")
    'Correct start in programme/contracts.csv, or in the export and its mapping: a day is written 2026-12-31.'
    """
    if name not in PROGRAMME:
        return ""
    how = BY_HAND.get(PROGRAMME[name].columns[column].kind, "")
    if column == "entered_at":
        return f"Fill in when the row was entered ({how}), or enter rows by a form, which does it by itself."
    return f"Correct {column} in programme/{name}.csv, or in the export and its mapping{how and f': {how}'}."


def empty(name: str) -> pd.DataFrame:
    """Give a table without rows, to spec: every column, in order, with its type."""
    return pd.DataFrame({c: pd.Series(dtype=DTYPES[d.kind]) for c, d in spec(name).columns.items()})


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a table into its spec's columns, order and types, and check it.

    No row is dropped. Absent columns are filled with their default, or with missing where missing is allowed; columns
    the spec lacks are refused.

    Raises
    ------
    TableError
        If a column is absent or unknown, a type does not fit, a key repeats or a value is not allowed.
    """
    return check(name, cast(name, frame))


def cast(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a table into its spec's columns, order and types.

    Keys and values are not looked at; rows as `conform`.

    Raises
    ------
    TableError
        If a column is absent or unknown, or a type does not fit.
    """
    schema = spec(name)
    if unknown := [c for c in frame.columns if c not in schema.columns]:
        raise TableError(
            f"{name}: unknown column(s) {unknown}; the table has {[*schema.columns]}. Drop or rename them."
        )
    absent = [c for c in schema.columns if c not in frame.columns]
    if needed := [c for c in absent if not schema.columns[c].null and schema.columns[c].default is None]:
        raise TableError(f"{name}: missing column(s) {needed}; the table has {list(frame.columns)}. Add them.")
    out = {}
    for c, definition in schema.columns.items():
        kind, default = definition.kind, definition.default
        values = frame[c] if c in frame.columns else pd.Series([default] * len(frame), index=frame.index, dtype=object)
        if default is not None and values.isna().any():
            values = values.astype(object).where(values.notna(), default)
        try:
            out[c] = values.astype(DTYPES[kind])
        except (ValueError, TypeError) as wrong:
            raise TableError(f"{name}: {c} does not read as {kind}: {wrong}. Correct the values.") from wrong
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)


def check(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` unchanged if it meets its spec.

    Columns the spec lacks are not looked at.

    Raises
    ------
    TableError
        With the count and first cases of the first rule broken.
    """
    table, rows = spec(name), len(frame)
    if absent := [c for c in table.columns if c not in frame.columns]:
        raise TableError(f"{name}: missing column(s) {absent}; the table has {list(frame.columns)}. Add them.")
    if twice := np.flatnonzero(frame.duplicated(key(name), keep=False)).tolist():
        cases = first_cases(twice)
        raise TableError(f"{name}: {len(twice)} of {rows} rows share a key {key(name)} {cases}. Keep one row per key.")
    for column, definition in table.columns.items():
        values = frame[column].reset_index(drop=True)
        if values.dtype != DTYPES[definition.kind]:
            raise TableError(f"{name}: {column} is {values.dtype}, not {DTYPES[definition.kind]}. Convert it.")
        gaps = values.index[values.isna()]
        if len(gaps) and not definition.null:
            how = (column in ENTRY and remedy(name, column)) or "Fill it in the source, or leave the rows out."
            raise TableError(f"{name}: {column} is missing in {len(gaps)} of {rows} rows {first_cases(gaps)}. {how}")
        for rule, good in _held(definition, values):
            bad = values[~good.astype("boolean").fillna(True).astype(bool)]
            if len(bad):  # of a personal column the rows are named, not the values
                where = f"in rows {first_cases(bad.index)}" if definition.personal else first_cases(bad)
                right = definition.description if definition.matches and not definition.personal else ""
                how = f"Correct them: {right}." if right else "Correct them in the source."
                raise TableError(f"{name}: {column}: {len(bad)} of {rows} values {rule} {where}. {how}")
    return frame


def _held(definition: Column, values: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Each rule of a column, and the values that keep it.

    A missing value breaks none.
    """
    there = values.notna()
    if definition.one_of:
        yield f"are none of {', '.join(definition.one_of)}", values.isin(list(definition.one_of)) | ~there
    if definition.kind == "rate":
        yield "are not between 0 and 1", values.between(0, 1) | ~there
    if definition.matches:
        yield "are not spelt as asked", values.str.fullmatch(definition.matches) | ~there
