"""Snapshot: all that a notebook reads of one day, written as typed Parquet in one go. What is large stays a query."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from abmlib.tables import checks, engine, features, schema
from abmlib.tables.errors import TableError
from abmlib.tables.importers.sql import quoted, text
from abmlib.tables.known import SAME_COMPANY, Known
from abmlib.tables.ledger import COLUMNS
from abmlib.tables.reading import FACTS, NULLABLE, TABLES
from abmlib.tables.source import DATES_A_FACT, Source

ALSO_DATED = {"opportunities": ("closed_at",), "contracts": ("start",)}  # a closing and a start are records too
LARGE = 5_000_000  # rows above which a table is not written: it is read by a query over the book

Reduced = tuple[list[features.Feature], pd.DataFrame]  # features of one table and view, and their values


def write(source: Source, day: dt.date, latest: dt.date | None, audit: pd.DataFrame, to: Path) -> None:
    """Write what was known at the end of a day into an empty folder.

    Each table of the source in the order of its key, counts of all of them, features of accounts, by product line
    too, and the ledger. A table with checks that fail is not written; the reason is kept instead.

    Parameters
    ----------
    latest : day of the newest dated fact
    audit : of the source
    """
    known = Known(source, day, latest)
    refused = {name: why for name in sorted(source.names) if (why := refusal(source, audit, name))}
    (to / TABLES).mkdir()
    ledger, fields, large = list(source.left_out()), list[tuple[Any, ...]](), list[str]()
    overview = dict[str, tuple[Any, ...]]()
    for name in sorted(source.names):
        before, entered = source.count(name), engine.count(known.entered(name))
        learnt = entered + (ahead := known.plans(name))
        ledger.append((f"as of {day}", name, before, learnt, before - learnt, "known only later"))
        if ahead:
            ledger.append(
                (f"after {day}", name, learnt, entered, ahead, "a plan: dated after the day, no fact of the past")
            )
        after, note = known.merged(name, entered)
        if note:
            ledger.append((SAME_COMPANY, name, entered, after, 0, note))
        rows, overview[name], filled = extent(known, name)
        fields += [(name, column, count, rows) for column, count in filled.items()]
        if rows > LARGE:
            large.append(name)
        elif name not in refused:
            copy(known, name, to)
    dates = ["first_day", "last_day"]
    extents = [(n, *overview[n]) for n in [*schema.CANONICAL, *schema.PROGRAMME] if n in overview]
    overview_types = dict.fromkeys(dates, "datetime64[us]") | {"accounts": "Int64"}
    frames = {
        "overview": pd.DataFrame(extents, columns=["table", "rows", "accounts", *dates]).astype(overview_types),
        "fields": pd.DataFrame(fields, columns=["table", "column", "filled", "rows"]),
        "ledger": pd.DataFrame(ledger, columns=COLUMNS),
        "records": records(known),
        "companies": known.companies,
        "same_company": known.same_company,
        "lead_matches": known.lead_matches,
        "stand_ins": pd.DataFrame(source.stand_ins.items(), columns=["person", "stand_in"], dtype="str"),
        **feature_tables(known, {f"{n}.{c}" for n, c, count, _ in fields if count}),
    }
    for name, frame in frames.items():
        frame.to_parquet(to / f"{name}.parquet", index=False)
    facts = {"names": sorted(source.names), "refused": refused, "large": large, "latest_day": str(latest or ""),
             "forgotten": sorted(source.hashes)}  # fmt: skip
    (to / FACTS).write_text(json.dumps(facts), "utf-8")


def write_table(source: Source, name: str, day: dt.date, latest: dt.date | None, to: Path) -> None:
    """Write one table as known at the end of a day into an empty folder, as `write` does, and nothing of the others."""
    (to / TABLES).mkdir()
    copy(Known(source, day, latest), name, to)
    (to / FACTS).write_text("{}", "utf-8")


def write_history(source: Source, days: Sequence[dt.date], latest: dt.date | None, to: Path) -> None:
    """Write features as known at the end of several days into an empty folder: the files of `feature_tables`, ``day`` first."""
    parts = list[dict[str, pd.DataFrame]]()
    for day in days:
        known = Known(source, day, latest)
        made = feature_tables(known, filled_on(known))
        parts.append({name: frame.assign(day=pd.Timestamp(day)) for name, frame in made.items()})
    for name in parts[0]:
        frame = pd.concat([part[name] for part in parts], ignore_index=True)
        frame[["day", *(c for c in frame.columns if c != "day")]].to_parquet(to / f"{name}.parquet", index=False)
    (to / FACTS).write_text("{}", "utf-8")


def filled_on(known: Known) -> set[str]:
    """Columns that features need and that had a value on the day, as table.column."""
    every = (*features.FEATURES, *features.LINE_FEATURES)
    needed = [f.needs.split(".") for f in every if f.needs and known.has(f.needs.split(".")[0])]
    by_table = {table: list(dict.fromkeys(c for t, c in needed if t == table)) for table, _ in needed}
    filled = set[str]()
    for table, columns in by_table.items():
        counted = engine.ask(known.table(table), ", ".join(f"count({quoted(c)})" for c in columns)).fetchone()
        filled |= {f"{table}.{c}" for c, n in zip(columns, counted, strict=True) if n}
    return filled


def copy(known: Known, name: str, to: Path) -> None:
    """Write a table as known on the day, in the order of its key."""
    query = known.source.con.compile(known.public(name).order_by(schema.key(name)))
    known.source.con.raw_sql(f"COPY ({query}) TO {text(str(to / TABLES / f'{name}.parquet'))} (FORMAT parquet)")


def refusal(source: Source, audit: pd.DataFrame, name: str) -> str:
    """Say why a table cannot be read; empty where no check of it fails."""
    if not (failing := checks.sentences(audit[(audit["table"] == name) & (audit["severity"] == "fail")])):
        return ""
    try:
        source.refuse_unreadable(name)
    except TableError as wrong:
        return str(wrong)
    return failing[0]


def extent(known: Known, name: str) -> tuple[int, tuple[Any, ...], dict[str, int]]:
    """Count one table as known on the day.

    Rows; the same with accounts, first and last day; values of each column.
    """
    spec = schema.spec(name)
    columns = [c for c, d in spec.columns.items() if not d.derived]
    ends = [local_day(known, name, end) if spec.known else "NULL::DATE" for end in ("min", "max")]
    exists = ""  # a lead has an id, and no account
    if "accounts" in known.source.names:
        exists = f" FILTER (account_id IN (FROM {quoted(known.table('accounts').get_name())} SELECT account_id))"
    accounts = f"count(DISTINCT account_id){exists}" if "account_id" in spec.columns else "NULL"
    counts = [accounts, *ends, *(f"count({quoted(c)})" for c in columns)]
    counted = engine.ask(known.table(name), ", ".join(["count(*)", *counts])).fetchone()
    rows, with_accounts, first, last, *filled = counted
    return rows, (rows, with_accounts, first, last), dict(zip(columns, filled, strict=True))


def local_day(known: Known, name: str, end: str) -> str:
    """Write the first or last day of a table in SQL (``min``, ``max``).

    Of the columns that date its rows (`ALSO_DATED`), in the reporting time zone. What lies after the day does not count.
    """
    spec, days = schema.spec(name), []
    for column in (str(spec.known), *ALSO_DATED.get(name, ())):
        is_time, when = spec.columns[column].kind == "ts", quoted(column)
        come = f"< TIMESTAMP '{known.moment.cutoff}'" if is_time else f"<= DATE '{known.moment.as_of}'"
        day = f"{end}(CASE WHEN {when} {come} THEN {when} END)"
        zone = text(known.source.settings.time_zone)
        day = f"timezone({zone}, timezone('UTC', {day}))" if is_time else day
        days.append(f"CAST({day} AS DATE)")
    return f"{'least' if end == 'min' else 'greatest'}({', '.join(days)})"


def records(known: Known) -> pd.DataFrame:
    """Count the dated facts of each account, by table.

    ``account_id, table, rows, first_day, last_day``.
    """
    columns, parts = ["account_id", "table", "rows", "first_day", "last_day"], [pd.DataFrame()]
    for name in (*DATES_A_FACT, "contracts"):
        if known.has(name) and "account_id" in schema.spec(name).columns:
            ends = [f"{local_day(known, name, end)}::TIMESTAMP" for end in ("min", "max")]
            counts = f"account_id, count(*) AS rows, {ends[0]} AS first_day, {ends[1]} AS last_day"
            rest = "WHERE account_id IS NOT NULL GROUP BY account_id ORDER BY account_id"
            parts.append(engine.ask(known.table(name), counts, rest).to_arrow_table().to_pandas().assign(table=name))
    frame = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    days = dict.fromkeys(("first_day", "last_day"), "datetime64[us]")
    return frame.astype({"account_id": "str", "table": "str", "rows": "int64"} | days)


def feature_tables(known: Known, filled: set[str]) -> dict[str, pd.DataFrame]:
    """Reduce tables to features of accounts as known on the day, by the name of the file they are written to.

    ``features``: one row per account, in the order of its id. ``line_features``: one row per account and product line with
    a transaction or a deal, in order.

    What has no row in a table has 0 of what is counted there and no value of the rest; where the source lacks the table, or
    what it would take is filled nowhere in it, everything made from it is missing.

    Parameters
    ----------
    filled : columns with a value, as table.column
    """
    keys = list(features.LINE_KEYS)
    accounts = engine.ask(known.table("accounts"), "account_id", "ORDER BY account_id").to_arrow_table().to_pandas()
    of_accounts = reduced_tables(known, features.FEATURES, filled, ["account_id"])
    of_lines = reduced_tables(known, features.LINE_FEATURES, filled, keys)
    none = pd.DataFrame(columns=keys, dtype="str")
    lines = pd.concat([none, *(frame[keys] for _, frame in of_lines)]).dropna().drop_duplicates()
    lines = lines[lines["account_id"].isin(accounts["account_id"])].sort_values(keys, ignore_index=True)
    return {
        "features": put_together(accounts, features.FEATURES, of_accounts),
        "line_features": put_together(lines, features.LINE_FEATURES, of_lines),
    }


def reduced_tables(
    known: Known, wanted: Sequence[features.Feature], filled: set[str], keys: Sequence[str]
) -> list[Reduced]:
    """Reduce each table once, to those of its features that the source can tell; one row per value of `keys`."""
    others = {name: known.table(name) for name in features.JOINED if known.has(name)}
    made = [f for f in wanted if known.has(f.table) and (not f.needs or f.needs in filled)]
    zone, day = known.source.settings.time_zone, pd.Timestamp(known.moment.as_of)
    parts = list[Reduced]()
    for table, view in dict.fromkeys((f.table, f.view) for f in made):
        of_table = [f for f in made if (f.table, f.view) == (table, view)]
        rows = known.public(table) if table == "contacts" and known.moment.is_latest else known.table(table)
        reduced = features.reduced(of_table, features.Facts(rows, day, zone), others, keys)
        parts.append((of_table, reduced.to_pyarrow().to_pandas(types_mapper=NULLABLE.get)))
    return parts


def put_together(rows: pd.DataFrame, wanted: Sequence[features.Feature], parts: Iterable[Reduced]) -> pd.DataFrame:
    """Put reduced features beside the keys they are of. No row is added or dropped; a feature nobody can tell is missing."""
    keys, out = list(rows.columns), rows
    for of_table, reduced in parts:
        out = out.merge(reduced, on=keys, how="left", indicator="_from")
        none = out.pop("_from") == "left_only"
        out = out.assign(**{f.name: out[f.name].mask(none, f.absent) for f in of_table if f.absent is not None})
    missing = {f.name: pd.Series(pd.NA, out.index, "Float64") for f in wanted if f.name not in out}
    return out.assign(**missing)[[*keys, *(f.name for f in wanted)]]
