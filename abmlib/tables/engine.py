"""Engine: the files of a source as tables of DuckDB, and queries it keeps under a name."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow.parquet as pq

from abmlib.tables import programme, schema
from abmlib.tables.errors import FIRST, TableError, first_cases
from abmlib.tables.importers import files as exported
from abmlib.tables.importers.sql import cause, quoted, text
from abmlib.tables.kinds import cast, in_zone, tidy
from abmlib.tables.outputs import replaced

SMALL = 256 * 2**20  # bytes of a file below which what is made of it is kept in memory

ibis.options.sql.fuse_selects = False  # the engine puts nested queries together itself, and in less time

WIDE = 500  # columns of a file above which it is read anew: in memory each takes a block of the engine


def find(folder: Path, name: str) -> Path | None:
    """Find the file, or folder of Parquet parts, that holds a table."""
    files = [p for p in (folder / f"{name}.parquet", folder / f"{name}.csv", folder / name) if p.exists()]
    if len(files) > 1:
        raise TableError(f"{name}: {len(files)} sources {[p.name for p in files]}. Keep one of them.")
    return files[0] if files else None


def is_blank(file: Path) -> bool:
    """Say whether a CSV file has a first line and nothing more.

    So has a template that nobody has filled.
    """
    if file.suffix != ".csv" or not file.is_file():
        return False
    return not any(line.strip(b' \t,;"') for line in file.read_bytes().splitlines()[1:])


def as_entries(t: ir.Table, name: str, zone: str) -> ir.Table:
    """Say of rows of a source who entered them, and when.

    Where a row does not say, it was the source, on the day of the row.
    """
    if name not in schema.PROGRAMME:
        return t
    t = as_typed(t, name)
    day, own_day, missing = schema.spec(name).dates, ibis.null("string"), ibis.null("string")
    if day and day in t.columns:
        kind = schema.spec(name).columns[day].kind
        when = cast(t[day], kind)
        own_day = (when if kind == "ts" else in_zone(zone, when.cast("timestamp")).cast("timestamp")).cast("string")
    given = {c: tidy(t[c].cast("string")) for c in ("entered_at", "entered_by") if c in t.columns}
    filled = {"entered_by": ibis.coalesce(given.get("entered_by", missing), ibis.literal(schema.SOURCE))}
    if day in t.columns or "entered_at" in given:
        filled["entered_at"] = ibis.coalesce(given.get("entered_at", missing), own_day)
    return t.mutate(**filled)


def together(name: str, *parts: ir.Table) -> ir.Table:
    """Put the rows of several tables below each other, as text.

    Their kinds are read later.
    """
    columns = [c for c in schema.spec(name).columns if any(c in t.columns for t in parts)]
    missing = ibis.null("string")
    return ibis.union(
        *(t.select(**{c: t[c].cast("string") if c in t.columns else missing for c in columns}) for t in parts)
    )


def as_view(con: Any, name: str, query: ir.Table, keep: bool = False) -> ir.Table:
    """Let the engine keep a query, or its rows, under a name.

    So its text is made once, and what builds on it is short.
    """
    return _named(con, name, con.compile(query), query.schema(), keep)


def _named(con: Any, name: str, query: str, columns: ibis.Schema, keep: bool = False) -> ir.Table:
    """Let the engine keep a query of SQL, or its rows, under a name."""
    con.raw_sql(f"CREATE OR REPLACE TEMP {'TABLE' if keep else 'VIEW'} {quoted(name)} AS {query}")
    return ops.DatabaseTable(name, schema=columns, source=con).to_expr()


def ask(t: ir.Table, columns: str, rest: str = "") -> Any:
    """Ask in SQL for something of a table that the engine keeps under a name."""
    return t.get_backend().con.execute(f"SELECT {columns} FROM {quoted(t.get_name())} {rest}")  # noqa: S608


def count(t: ir.Table, column: str = "*") -> int:
    """Count the rows of a table that the engine keeps under a name, or the values of a column."""
    return int(ask(t, f"count({column})").fetchone()[0])


def as_file(con: Any, name: str, query: ir.Table, file: Path) -> ir.Table:
    """Write the rows of a query to Parquet, once, and name them."""
    if not file.is_file():
        with replaced(file) as beside:
            con.raw_sql(f"COPY ({con.compile(query)}) TO {text(str(beside))} (FORMAT parquet)")
    return _named(con, name, f"SELECT * FROM read_parquet({text(str(file))})", query.schema())  # noqa: S608


def register(con: Any, name: str, file: Path, origin: str = "kept", whole: bool = True) -> ir.Table:
    """Let the engine see a file.

    CSV is read as text, so that every value can be checked; `origin` keeps equal names apart.

    Raises
    ------
    TableError
        If it does not read, or two of its columns have one name.
    """
    if file.suffix and file.is_dir():
        raise TableError(
            f"{name}: {file.name} is a folder. Put the file in its place, or call it {name}/ with Parquet."
        )
    known = {n.lower() for n in schema.spec(name).columns}
    try:
        if file.suffix == ".csv":
            part = exported.as_table(con.con, name, file, whole)
            refuse_twice(name, file.name, [n for n in part.names if n.lower() in known])
            first = {n.lower(): (n, f"{x} AS {quoted(n)}") for n, x, _ in reversed(part.columns) if n.strip()}
            names, picks = zip(*reversed(first.values()), strict=True)
            is_kept = file.stat().st_size < SMALL and len(part.columns) <= WIDE
            query = f"SELECT {', '.join(picks)} FROM {part.origin}"  # noqa: S608
            return _named(con, f"{origin}_{name}", query, ibis.schema(dict.fromkeys(names, "string")), is_kept)
        at = glob.escape(str(file))
        seen = con.read_parquet(at if file.is_file() else f"{at}/*.parquet", table_name=f"raw_{origin}_{name}")
        for path in [file] if file.is_file() else sorted(file.glob("*.parquet")):
            names = pq.read_schema(path).names  # the engine would give the second of a name a new one
            refuse_twice(name, path.name, [n for n in names if n.lower() in known])
        return seen
    except (duckdb.Error, OSError) as wrong:
        reason = os.strerror(wrong.errno) + "." if isinstance(wrong, OSError) and wrong.errno else cause(wrong)
        raise TableError(
            f"{name}: {file.name} does not read: {reason.replace(str(file), file.name)} Save it again, or let it be read."
        ) from wrong


def register_entries(con: Any, name: str, file: Path) -> ir.Table:
    """Let the engine see a file of the programme.

    Blank rows, as spreadsheets leave them, are no entries.

    Raises
    ------
    TableError
        If it does not read, or is not as its template.
    """
    if file.suffix != ".csv":
        return register(con, name, file, "entered")
    programme.look(file, name)
    t = register(con, name, file, "entered")
    return as_typed(t.filter(ibis.or_(*(tidy(t[c]).notnull() for c in t.columns))), name)


def as_typed(t: ir.Table, name: str) -> ir.Table:
    """Give text of a programme table as it was typed, without the guard against formulas (`programme.texts`)."""
    texts = [c for c in programme.texts(name) if c in t.columns and t[c].type().is_string()]
    return t.mutate(**{c: t[c].re_replace(programme.GUARDED, r"\1") for c in texts}) if texts else t


def refuse_twice(name: str, file: str, columns: Sequence[str]) -> None:
    """Refuse columns that occur more than once, be it in other letters."""
    low = [c.lower() for c in columns]
    if twice := [c for c in columns if low.count(c.lower()) > 1]:
        cases = first_cases(twice)
        raise TableError(f"{name}: {len(twice)} columns of {file} have the name of another {cases}. Keep one of each.")


def refuse_misspelt(name: str, columns: Iterable[str]) -> None:
    """Refuse a column whose name differs by capitals or blanks only.

    Its values would go unread.
    """
    known = schema.spec(name).columns
    if bad := [c for c in columns if c not in known and c.strip().lower() in known]:
        right = ", ".join(c.strip().lower() for c in bad[:FIRST])
        raise TableError(f"{name}: {len(bad)} columns are known in other letters {first_cases(bad)}. Write {right}.")


def values(expr: ir.Table, column: str) -> list[Any]:
    """Bring a few values of one column."""
    return expr.select(column).to_pyarrow().column(0).to_pylist()
