"""Names, texts and expressions on their way into SQL: each passes one of these functions, or does not get there."""

import functools
import glob
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from abmlib.tables.errors import shown

Engine = duckdb.DuckDBPyConnection
LONGEST = 300  # characters quoted of an error of the engine
ADVICE = ("Possible", "LINE", "Did you", "Candidate")  # what a line of the engine's errors starts with after its cause
CLOCK = {"age", "current_time", "current_localtime", "current_localtimestamp", "localtime", "localtimestamp"}


def quoted(name: str) -> str:
    """Write a name as an SQL identifier.

    Whatever it contains is only a name.
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str | None) -> str:
    """Write a text as an SQL literal."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Write several texts as SQL literals."""
    return ", ".join(map(text, values))


def among(x: str, values: Iterable[str]) -> str:
    """Say whether a text is one of several; missing if it is.

    The engine makes a join of a longer ``in``, which leaves rows in another order.
    """
    return f"list_contains([{texts(values)}]::varchar[], {x})"


def cause(wrong: Exception) -> str:
    """Give what the engine says, without its advice: that is to look away from bad rows."""
    lines = itertools.takewhile(lambda line: not line.strip().startswith(ADVICE), str(wrong).split("\n"))
    return "; ".join(line.strip() for line in lines if line.strip())[:LONGEST].rstrip(".!") + "."


def one(con: Engine, query: str) -> tuple[Any, ...]:
    """Give the one row of a query."""
    return con.execute(query).fetchone() or ()


def types_of(con: Engine, query: str) -> dict[str, str]:
    """Give the engine's type of each column of a query or table.

    Names are in small letters.
    """
    return {str(name).lower(): str(kind) for name, kind, *_ in con.execute(f"describe {query}").fetchall()}


def engine(file: Path, memory: float) -> Engine:
    """Open an engine that keeps its rows on disk.

    In memory it holds no more than `memory` GiB, or its own limit where that is less.
    """
    con = duckdb.connect(str(file))
    (limit,) = one(con, "select current_setting('memory_limit')")
    if "GiB" in limit and float(limit.split()[0]) > memory:
        con.execute(f"set memory_limit = '{memory}GiB'")
    con.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
    con.execute(f"set TimeZone = 'UTC'; set enable_progress_bar = false; set temp_directory = {text(str(file.parent))}")
    return con


def lock(con: Engine, *folders: Path, files: Sequence[Path] = ()) -> None:
    """Let an engine read and write in some folders and read some files, load nothing, and take no other settings."""
    allowed, read = (sorted({n for p in paths for n in (str(p), glob.escape(str(p)))}) for paths in (folders, files))
    con.execute(
        "set autoinstall_known_extensions = false; set autoload_known_extensions = false; "
        f"set allowed_directories = [{texts(allowed)}]; set allowed_paths = [{texts(read)}]; "
        "set enable_external_access = false; set lock_configuration = true"
    )


@functools.cache
def references(expression: str) -> tuple[tuple[str, ...], ...]:
    """Give the columns that one SQL expression names, each in its parts.

    Raises
    ------
    ValueError
        If the text is not one expression, has a query or several columns inside, or names what differs from run to
        run (the clock, random numbers): an import of the same files gives the same tables.
    """
    node, bare, given = _parsed(expression), _parsed("1"), shown(repr(expression))
    bare.pop("select_list")
    if len(columns := node.pop("select_list", [])) != 1 or node != bare:
        raise ValueError(f"more than one expression: {given}. Write one expression over columns.")
    parts = list(_parts(columns))
    bound: set[str] = set()
    for part in parts:
        if part["class"] in ("SUBQUERY", "STAR", "POSITIONAL_REFERENCE", "PARAMETER"):
            raise ValueError(f"a query, * or # inside {given}. Name the source's own columns only.")
        word = part.get("function_name") or ".".join(part.get("column_names", []))
        if word.lower() in _unsteady():
            raise ValueError(f"{word} differs from run to run. Write the value itself.")
        if part["class"] == "LAMBDA":
            bound |= {p["column_names"][0] for p in _parts(part["lhs"]) if "column_names" in p}
    names = [tuple(p["column_names"]) for p in parts if p["class"] == "COLUMN_REF"]
    return tuple(n for n in names if n[0] not in bound)


def _parsed(expression: str) -> dict[str, Any]:
    """Parse the query of one expression and nothing else, with the engine's own parser."""
    with duckdb.connect() as con:
        row = con.execute("select json_serialize_sql(?)", [f"select (\n{expression}\n)"]).fetchone()
    try:
        parsed = json.loads(row[0] if row else "{}")
    except RecursionError:
        parsed = {"error_message": "too much is inside each other"}
    if parsed.get("error", True) or len(parsed["statements"]) != 1:
        what = " ".join(shown(parsed.get("error_message")).split())
        raise ValueError(f"not an SQL expression: {what}: {shown(repr(expression))}. Correct it.")
    return dict(parsed["statements"][0]["node"])


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed expression."""
    if isinstance(tree, dict) and "class" in tree:
        yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _parts(below)


@functools.cache
def _unsteady() -> frozenset[str]:
    """Names whose value differs from run to run: the clock, random numbers, the session."""
    with duckdb.connect() as con:
        found = con.execute(
            "select distinct function_name from duckdb_functions() "
            "where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') and function_name <> 'error'"
        ).fetchall()
    return frozenset(CLOCK | {str(n) for (n,) in found})
