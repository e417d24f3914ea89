"""People: who may be listed, who is recognised as forgotten, and how a person is removed from the data.

Three promises. Names and free text about people are given only where people are asked for (`schema.personal`). Who opted
out, by the newest knowledge, is on every date a stand-in without a name (`STAND_IN`): facts and counts of the account stay as
they are, and no table a notebook leaves may list the person. Who was forgotten is not there at all.
"""

import contextlib
import csv
import mmap
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from abmlib.tables import schema, secret
from abmlib.tables.definitions.columns import BLANKS
from abmlib.tables.errors import TableError, first_cases
from abmlib.tables.outputs import replaced

if TYPE_CHECKING:
    import duckdb

STAND_IN = "opted-out-"  # with a number: the contact_id under which Book gives a person who opted out
HIDDEN = ("full_name", "email_hash", "email_domain", "title")  # of contacts; always missing where opted out
FIELD = re.compile(r'("(?:[^"]|"")*"[^,\r\n]*|[^,\r\n]*)(,|\r\n|\r|\n|$)')  # of a CSV record: value as written, its end
HALF = "{}.half"  # name of the copy of a database from which a person is taken
ROWS = 122_880  # of Parquet held at once


def reachable(contacts: pd.DataFrame) -> pd.DataFrame:
    """Keep the contacts that may be listed: those who have not opted out.

    An address that bounces or a job that was left is no refusal, and is judged by the method.

    Parameters
    ----------
    contacts : DataFrame, one row per contact
        ``tables.schema.CONTACTS``.

    Examples
    --------
    >>> reachable(pd.DataFrame({"contact_id": ["c1", "opted-out-1"], "opted_out": [False, True]}))["contact_id"].tolist()
    ['c1']
    """
    return contacts[~contacts["opted_out"].astype("boolean").fillna(True).astype(bool)]


# -- recognised -------------------------------------------------------------------------------------------------------


def person_hash(contact_id: str, key: bytes) -> str:
    """Give the keyed hash that recognises a forgotten person.

    Capitals count, blanks around do not.

    Ids of some CRMs differ in nothing but capitals; hence the hash of the id's bytes in hexadecimal digits.
    """
    return secret.digest(contact_id.strip().encode().hex(), key)


def refuse_other_key(checks: Iterable[object], key: bytes | None) -> None:
    """Refuse a key under which not all forgotten people would be recognised.

    Parameters
    ----------
    checks : of each forgotten person what the key is recognised by (`secret.check_value`); missing where it was not noted
    key : None where there is none

    Raises
    ------
    TableError
        If there is no key, or some were forgotten under another one.
    """
    noted = list(checks)
    remedy = f"Set {secret.VARIABLE} to the team's key, or put its {secret.FILE} back beside workbook.yml: a new key would bring people back."
    if noted and not key:
        raise TableError(
            f"forgotten: {len(noted)} people were forgotten, and without the key nobody can tell who. {remedy}"
        )
    if key and (others := [c for c in noted if not pd.isna(c) and c != secret.check_value(key)]):
        raise TableError(f"forgotten: {len(others)} of {len(noted)} people were forgotten under another key. {remedy}")


def forgotten(con: "duckdb.DuckDBPyConnection", query: str, hashes: Collection[str], key: bytes) -> list[str]:
    """Find, inside the engine, which ids of a query belong to forgotten people.

    Parameters
    ----------
    query : SQL that gives ids as text, without blanks around, in its one column
    hashes : of ``programme/forgotten.csv``

    Returns
    -------
    list of ids, sorted, each once
    """
    hashed = secret.digest_sql("hex(encode(id))", key)
    rows = con.execute(
        f"SELECT id FROM (SELECT DISTINCT id FROM ({query}) AS given(id) WHERE id IS NOT NULL) "  # noqa: S608
        f"WHERE list_contains($hashes, {hashed}) ORDER BY id",
        {"hashes": sorted(hashes)},
    )
    return [row[0] for row in rows.fetchall()]


def why_left_out(blanked: int) -> str:
    """Say in a ledger why rows are not there; `blanked` is how many others lost the id."""
    return "of a forgotten person" + (f"; contact_id left blank in {blanked} rows" if blanked else "")


def refuse(name: str, frame: pd.DataFrame, unwanted: Callable[[str], bool], with_names: bool) -> None:
    """Refuse a result table that lists people it may not list.

    They opted out, were forgotten, or nobody asked for names.

    Parameters
    ----------
    unwanted : says of an id whether it is one of them; stand-ins always are
    with_names : whether people were asked for

    Raises
    ------
    TableError
        With the count and the first positions, and nobody's id.
    """
    for column in schema.persons(name):
        bad = frame[column].dropna().map(lambda i: str(i).startswith(STAND_IN) or unwanted(str(i))).astype(bool)
        if bad.any():
            raise TableError(
                f"{name}: {int(bad.sum())} of {len(frame)} rows hold a person who opted out or was forgotten "
                f"{first_cases(bad.index[bad])}. List only those of people.reachable(contacts)."
            )
    for column in [] if with_names else schema.personal(name):
        named = frame[column].notna()
        if named.any():
            raise TableError(
                f"{name}: {int(named.sum())} of {len(frame)} rows have a {column}, and people were not asked for "
                f"{first_cases(frame.index[named])}. Open the book with people=True, or leave {column} out."
            )


# -- removed ----------------------------------------------------------------------------------------------------------


def person_columns(name: str, columns: Iterable[str]) -> dict[str, bool]:
    """Name the columns that may hold a contact or lead, and if its row goes.

    It goes where a person's id is part of the key, or the row says something personal; elsewhere the cell is emptied, for the
    row is a fact of the account. Of the tables in `ABOUT` only rows about contacts and leads count.
    """
    if name in ABOUT:
        return {"row_id": True} if {"table", "row_id"} <= set(columns) else {}
    persons = schema.persons(name)
    whole = bool(schema.personal(name) or {*schema.key(name)} & {*persons})
    return {c: whole for c in persons if c in set(columns)}


PEOPLE = ("contacts", "leads")  # tables of people
# Tables of which a row counts only where the column has one of these values
ABOUT = dict.fromkeys(("attribute_history", "attributes"), ("table", PEOPLE))


def forget(data: Path, contact_id: str, change: bool = True) -> dict[str, int]:
    """Remove a person from a data folder or a DuckDB file.

    The rows of contacts, leads, opportunity_contacts, account_insights, attribute_history and attributes about the person go;
    elsewhere contact_id becomes missing, and the row stays. A file is replaced whole or not at all, with every other cell as it was: CSV byte for byte,
    Parquet with its types and compression. A DuckDB file is changed in one transaction and then written anew, for a
    database keeps deleted bytes. Files that do not hold the person are not touched. Memory does not grow with the files.
    Free text of other tables, such as the title of a deal, is not searched.

    Parameters
    ----------
    change : if false, only count

    Returns
    -------
    dict of file name (of a DuckDB file: table name) to the number of rows concerned; a file without the person is 0

    Raises
    ------
    TableError
        If a file cannot be read, or a table of the DuckDB file is a view.
    """
    if data.is_file():
        return _from_database(data, contact_id, change)
    counts = {}
    for name in schema.importable():
        for path in files(data, name):
            take = from_csv if path.suffix == ".csv" else _from_parquet
            counts[path.relative_to(data).as_posix()] = take(path, name, contact_id, change)
    return counts


def names(data: Path, contact_id: str) -> set[str]:
    """Give the names a person has or had; maybe none.

    They are to be removed from past runs.

    Ask before `forget`: afterwards nobody knows.

    Raises
    ------
    TableError
        If a table cannot be read.
    """
    value = {"id": contact_id.strip()}
    now = f"SELECT DISTINCT {_tidy('full_name')} FROM {{}} WHERE {_tidy('contact_id')} = $id"  # noqa: S608
    is_name = "\"table\" = 'contacts' AND field = 'full_name'"
    before = f"SELECT DISTINCT {_tidy('value')} FROM {{}} WHERE {_tidy('row_id')} = $id AND {is_name}"  # noqa: S608
    rows = _asked(data, "contacts", now, value) + _asked(data, "attribute_history", before, value)
    return {name for (name,) in rows if name}


def others(data: Path, contact_id: str, names: Collection[str]) -> list[str]:
    """Find other ids that are perhaps the same person's: with the e-mail hash or one of some names, or a lead that became it.

    Raises
    ------
    TableError
        If a table cannot be read.
    """
    value = {"id": contact_id.strip()}
    other = f"SELECT DISTINCT {_tidy('contact_id')} FROM {{0}} WHERE {_tidy('contact_id')} <> $id AND"  # noqa: S608
    theirs = f"SELECT {_tidy('email_hash')} FROM {{0}} WHERE {_tidy('contact_id')} = $id"  # noqa: S608
    rows = _asked(
        data, "contacts", f"{other} list_contains($names, {_tidy('full_name')})", value | {"names": list(names)}
    )
    rows += _asked(data, "contacts", f"{other} {_tidy('email_hash')} IN ({theirs})", value)
    for one, other in (("lead_id", "contact_id"), ("contact_id", "lead_id")):
        became = f"SELECT DISTINCT {_tidy(one)} FROM {{}} WHERE {_tidy(other)} = $id AND {_tidy(one)} <> $id"  # noqa: S608
        rows += _asked(data, "leads", became, value)
    return sorted({i for (i,) in rows})


def count(data: Path, name: str) -> int:
    """Count the rows of a table of a data folder, parts included."""
    return sum(int(n) for (n,) in _asked(data, name, "SELECT count(*) FROM {}", {}))


def _asked(data: Path, name: str, query: str, values: Mapping[str, object]) -> list[tuple[str]]:
    """Ask something of a table of the data; nothing where it, or a column, is not there."""
    import duckdb

    from abmlib.tables.importers.sql import lock

    rows: list[tuple[str]] = []
    try:
        with duckdb.connect(str(data), read_only=True) if data.is_file() else duckdb.connect() as con:
            lock(con, *() if data.is_file() else [data])
            for seen in [name] if data.is_file() else [_seen(path) for path in files(data, name)]:
                with contextlib.suppress(duckdb.CatalogException, duckdb.BinderException):  # no such table or column
                    rows += con.execute(query.format(seen), dict(values)).fetchall()
    except duckdb.Error as wrong:
        raise TableError(f"{data.name}: does not read: {str(wrong).splitlines()[0]} Save it again.") from wrong
    return rows


def files(folder: Path, name: str) -> list[Path]:
    """The files that hold a table, parts included."""
    paths = [folder / f"{name}.csv", folder / f"{name}.parquet", *sorted((folder / name).glob("*.parquet"))]
    return [path for path in paths if path.is_file()]


def from_csv(path: Path, name: str, contact_id: str, change: bool = True) -> int:
    """Rewrite a CSV file without a person; count the rows concerned.

    Every other byte stays; if not `change`, nothing is written.
    """
    wanted = contact_id.strip()
    needle = wanted.replace('"', '""')  # as it is written inside quotes
    if not _holds(path, needle.encode()):
        return 0
    count = 0
    with replaced(path) if change else contextlib.nullcontext(Path(os.devnull)) as beside:
        with (
            path.open(encoding="utf-8", errors="surrogateescape", newline="") as old,
            beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new,
        ):
            records = _records(old)
            raw, head = next(records)
            head = [c.lstrip("\ufeff").strip().strip('"') for c in head]
            if len(head) == 1 and any(sign in head[0] for sign in ";\t|"):  # nobody would be found
                raise TableError(f"{path.name}: has other signs than commas between its values. Save it with commas.")
            goes = {head.index(c): whole for c, whole in person_columns(name, head).items()}
            about = [(head.index(c), of) for c, of in [ABOUT[name]] if c in head] if name in ABOUT else []
            new.write(raw)
            for raw, row in records:
                if needle not in raw or not all(len(row) > i and row[i].strip() in of for i, of in about):
                    new.write(raw)
                    continue
                theirs = {i for i in goes if i < len(row) and row[i].strip() == wanted}
                count += bool(theirs)
                if not any(goes[i] for i in theirs):
                    new.write(_emptied(raw, theirs))
        if change and not count:
            beside.unlink()
    return count


def _records(file: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Give each record of a CSV file as it is written, and its values."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    for row in csv.reader(lines()):
        yield "".join(taken), row
        taken.clear()


def _emptied(raw: str, columns: set[int]) -> str:
    """A CSV record with some cells emptied."""
    return "".join(("" if i in columns else value) + end for i, (value, end) in enumerate(FIELD.findall(raw)))


def _holds(path: Path, needle: bytes) -> bool:
    """Say whether some bytes are in a file."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(needle) >= 0


def _from_parquet(path: Path, name: str, contact_id: str, change: bool) -> int:
    """Rewrite a Parquet file without a person, and count the rows concerned."""
    try:
        return _from_parts(path, name, contact_id, change)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        raise TableError(f"{name}: {path.name} is not readable: {wrong}. Save it as Parquet again.") from wrong


def _from_parts(path: Path, name: str, contact_id: str, change: bool) -> int:
    """Do it piece by piece."""
    with pq.ParquetFile(path) as file:
        goes = person_columns(name, file.schema_arrow.names)
        about = [ABOUT[name][0]] if name in ABOUT else []
        batches = file.iter_batches(ROWS, columns=[*goes, *about]) if goes else []
        if not (count := sum(pc.sum(_theirs(b, name, goes, contact_id)).as_py() or 0 for b in batches)):
            return 0
        if not change:
            return int(count)
        fields = [f.with_nullable(True) if goes.get(f.name) is False else f for f in file.schema_arrow]
        kept = pa.schema(fields, file.schema_arrow.metadata)
        packed = file.metadata.row_group(0).column(0).compression
        codec = "NONE" if packed == "UNCOMPRESSED" else packed
        with replaced(path) as beside, pq.ParquetWriter(beside, kept, compression=codec) as new:
            for batch in file.iter_batches(ROWS):
                for column, whole in goes.items():
                    theirs = _theirs(batch, name, {column: whole}, contact_id)
                    batch = batch.filter(pc.invert(theirs)) if whole else _blanked(batch, column, theirs, kept)
                new.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=kept))
    return int(count)


def _theirs(batch: pa.RecordBatch, name: str, columns: Iterable[str], contact_id: str) -> pa.Array:
    """Which rows of a piece hold the person in one of the columns."""
    theirs = pa.array([False] * batch.num_rows, pa.bool_())
    for column in columns:
        theirs = pc.or_(theirs, _equals(batch, column, [contact_id.strip()]))
    return pc.and_(theirs, _equals(batch, *ABOUT[name])) if name in ABOUT else theirs


def _equals(batch: pa.RecordBatch, column: str, values: Sequence[str]) -> pa.Array:
    """Which cells of a column are one of some texts, blanks around aside; a missing one is not."""
    cells = batch.column(column)
    if pa.types.is_floating(cells.type):  # 1001.0, as every reader writes it
        cells = pa.array([None if v is None else repr(v) for v in cells.to_pylist()], pa.string())
    return pc.is_in(pc.utf8_trim_whitespace(pc.cast(cells, pa.string())), pa.array(values))


def _blanked(batch: pa.RecordBatch, column: str, where: pa.Array, kept: pa.Schema) -> pa.RecordBatch:
    """A piece in which some cells of one column are missing."""
    cells, kind = batch.column(column), kept.field(column).type
    plain = pc.cast(cells, pa.string()) if kind == pa.string_view() else cells
    gone = pc.if_else(where, pa.scalar(None, plain.type), plain)
    return batch.set_column(batch.schema.get_field_index(column), kept.field(column), pc.cast(gone, kind))


def _from_database(path: Path, contact_id: str, change: bool) -> dict[str, int]:
    """Remove a person from a DuckDB file, in a copy that takes its place if it held the person."""
    import duckdb

    from abmlib.tables.importers.sql import lock

    try:
        with duckdb.connect(str(path), read_only=not change) as con:  # takes in what its log holds
            lock(con)
            counts = _from_tables(con, contact_id, change=False)
        if change and any(counts.values()):
            with replaced(path) as beside, replaced(path.with_name(HALF.format(path.name))) as half:
                shutil.copyfile(path, half)
                with duckdb.connect(str(half)) as con:
                    lock(con)
                    _from_tables(con, contact_id, change=True)
                _copy(half, beside)  # a database keeps deleted bytes
                half.unlink()
    except duckdb.Error as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise TableError(
            f"{path.name}: the person was not removed: {reason}. Nobody else may have it open, and "
            "no constraint may need the person: drop foreign keys first."
        ) from wrong
    return counts


def _from_tables(con: "duckdb.DuckDBPyConnection", contact_id: str, change: bool) -> dict[str, int]:
    """Remove a person from the tables of a database, and count the rows concerned."""
    rows = con.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'main'")
    columns = pd.DataFrame(rows.fetchall(), columns=["table", "column"]).groupby("table")["column"].agg(list)
    views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    names = sorted((n for n in schema.importable() if n in columns.index), key=lambda n: n == "contacts")  # referred to
    return {n: _from_table(con, n, columns[n], contact_id, n in views, change) for n in names}


def _from_table(
    con: "duckdb.DuckDBPyConnection", name: str, columns: list[str], contact_id: str, is_view: bool, change: bool
) -> int:
    """Remove a person from one table of a database, and count the rows concerned."""
    import duckdb

    goes, value = person_columns(name, columns), {"id": contact_id.strip()}
    theirs = {c: f"""{_tidy(f'"{c}"')} = $id""" for c in goes}
    if name in ABOUT:
        theirs = {c: f'{is_them} AND "{ABOUT[name][0]}" IN {ABOUT[name][1]}' for c, is_them in theirs.items()}
    where = " OR ".join(theirs.values()) or "false"
    counted = con.execute(f"SELECT count(*) FROM {name} WHERE {where}", value if theirs else {}).fetchone()  # noqa: S608
    if not (count := counted[0] if counted else 0):
        return 0
    if is_view:
        raise TableError(f"{name}: is a view and holds the person. Remove the person from the table it is made of.")
    for column, whole in goes.items() if change else ():
        if not whole:
            with contextlib.suppress(duckdb.Error):
                con.execute(f'ALTER TABLE {name} ALTER "{column}" DROP NOT NULL')
        start = f"DELETE FROM {name}" if whole else f'UPDATE {name} SET "{column}" = NULL'  # noqa: S608
        con.execute(f"{start} WHERE {theirs[column]}", value)
    return int(count)


def _copy(path: Path, to: Path) -> None:
    """Copy a database into a new file."""
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"ATTACH {_text(path)} AS old (READ_ONLY)")
        con.execute(f"ATTACH {_text(to)} AS new")
        con.execute("SET enable_external_access = false")  # whatever a view asks for
        con.execute("COPY FROM DATABASE old TO new")


def _seen(path: Path) -> str:
    """SQL that reads a file of a data folder, CSV as text."""
    if path.suffix != ".csv":
        return f"read_parquet({_text(path)})"
    return f"read_csv({_text(path)}, all_varchar=true, header=true, delim=',', quote='\"')"


def _tidy(column: str) -> str:
    """A column as text without blanks around, in SQL."""
    return f"trim(CAST({column} AS VARCHAR), {_text(BLANKS)})"


def _text(value: object) -> str:
    """A text or path as an SQL text."""
    return "'" + str(value).replace("'", "''") + "'"
