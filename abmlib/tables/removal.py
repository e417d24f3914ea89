"""How a person is removed from the data: from files of each kind, every other cell as it was."""

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

from abmlib.tables import schema
from abmlib.tables.definitions.columns import BLANKS
from abmlib.tables.errors import TableError
from abmlib.tables.outputs import replaced
from abmlib.tables.people import ABOUT, PAIRS, REMOVED, SAID, SAME, person_columns

if TYPE_CHECKING:
    import duckdb

FIELD = re.compile(r'("(?:[^"]|"")*"[^,\r\n]*|[^,\r\n]*)(,|\r\n|\r|\n|$)')  # of a CSV record: value as written, its end
HALF = "{}.half"  # name of the copy of a database from which a person is taken
ROWS = 122_880  # of Parquet held at once
Names = Callable[[str], bool]  # says of a text whether it names a person


def nobody(text: str) -> bool:
    """Say that no text names the person: it is not known how they are called."""
    return False


def forget(data: Path, contact_id: str, change: bool = True, names: Names = nobody) -> dict[str, int]:
    """Remove a person from a data folder or a DuckDB file.

    The rows of contacts, leads, opportunity_contacts, account_insights, attribute_history and attributes about the person go;
    elsewhere contact_id becomes missing, and the row stays; a value of the latter two that names the person becomes
    `REMOVED`. A file is replaced whole or not at all, with every other cell as it was: CSV byte for byte,
    Parquet with its types and compression. A DuckDB file is changed in one transaction and then written anew, for a
    database keeps deleted bytes. Files that do not hold the person are not touched. Memory does not grow with the files.
    Free text of other tables, such as the title of a deal, is not searched.

    Parameters
    ----------
    change : if false, only count
    names : says of a text whether it names the person

    Returns
    -------
    dict of file name (of a DuckDB file: table name) to the number of rows concerned; a file without the person is 0

    Raises
    ------
    TableError
        If a file cannot be read, or a table of the DuckDB file is a view.
    """
    if data.is_file():
        return _from_database(data, contact_id, change, names)
    counts = {}
    for name in schema.importable():
        for path in files(data, name):
            take = from_csv if path.suffix == ".csv" else _from_parquet
            counts[path.relative_to(data).as_posix()] = take(path, name, contact_id, change, names)
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


def same(data: Path, contact_id: str) -> list[str]:
    """Give all ids that the leads say are one person's, the one asked for first.

    Raises
    ------
    TableError
        If a table cannot be read.
    """
    leads = f"(SELECT {', '.join(f'{_tidy(c)} AS {c}' for c in SAME)} FROM {{}})"  # noqa: S608
    pairs, found = _asked(data, "leads", PAIRS.format(leads=leads), {}), [contact_id.strip()]
    for known in found:  # it grows meanwhile
        found += {i for pair in pairs if known in pair for i in pair}.difference(found)
    return found


def others(data: Path, contact_id: str, names: Collection[str]) -> list[str]:
    """Find other ids of contacts that are perhaps the same person's: with the e-mail hash or one of some names.

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
    return sorted({i for (i,) in rows})


def count(data: Path, name: str) -> int:
    """Count the rows of a table of a data folder, parts included."""
    return sum(int(n) for (n,) in _asked(data, name, "SELECT count(*) FROM {}", {}))


def _asked(data: Path, name: str, query: str, values: Mapping[str, object]) -> list[tuple[str, ...]]:
    """Ask something of a table of the data; nothing where it, or a column, is not there."""
    import duckdb

    from abmlib.tables.importers.sql import lock

    rows: list[tuple[str, ...]] = []
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


def from_csv(path: Path, name: str, contact_id: str, change: bool = True, names: Names = nobody) -> int:
    """Rewrite a CSV file without a person; count the rows concerned.

    Every other byte stays; if not `change`, nothing is written.
    """
    wanted = contact_id.strip()
    needle = wanted.replace('"', '""')  # as it is written inside quotes
    if not (_holds(path, needle.encode()) or (name in ABOUT and names is not nobody)):
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
            said = [i for i, c in enumerate(head) if c == SAID and name in ABOUT]
            new.write(raw)
            for raw, row in records:
                changed = {i: REMOVED for i in said if i < len(row) and names(row[i])}
                if needle in raw and all(len(row) > i and row[i].strip() in of for i, of in about):
                    changed |= {i: "" for i in goes if i < len(row) and row[i].strip() == wanted}
                count += bool(changed)
                if not any(goes.get(i) for i in changed):
                    new.write(_changed(raw, changed) if changed else raw)
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


def _changed(raw: str, cells: Mapping[int, str]) -> str:
    """A CSV record with other texts in some cells."""
    return "".join(cells.get(i, value) + end for i, (value, end) in enumerate(FIELD.findall(raw)))


def _holds(path: Path, needle: bytes) -> bool:
    """Say whether some bytes are in a file."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(needle) >= 0


def _from_parquet(path: Path, name: str, contact_id: str, change: bool, names: Names) -> int:
    """Rewrite a Parquet file without a person, and count the rows concerned."""
    try:
        return _from_parts(path, name, contact_id, change, names)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        raise TableError(f"{name}: {path.name} is not readable: {wrong}. Save it as Parquet again.") from wrong


def _from_parts(path: Path, name: str, contact_id: str, change: bool, names: Names) -> int:
    """Do it piece by piece."""
    with pq.ParquetFile(path) as file:
        goes = person_columns(name, file.schema_arrow.names)
        about = [ABOUT[name][0]] if name in ABOUT else []
        said = [SAID] if about and SAID in file.schema_arrow.names and names is not nobody else []
        batches = file.iter_batches(ROWS, columns=[*goes, *about, *said]) if goes or said else []
        count = 0
        for batch in batches:
            theirs = _theirs(batch, name, goes, contact_id)
            for column in said:
                theirs = pc.or_(theirs, _naming(batch, column, names))
            count += pc.sum(theirs).as_py() or 0
        if not count:
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
                    batch = batch.filter(pc.invert(theirs)) if whole else _filled(batch, column, theirs, kept)
                for column in said:
                    batch = _filled(batch, column, _naming(batch, column, names), kept, REMOVED)
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
    return pc.is_in(pc.utf8_trim_whitespace(pc.cast(cells, pa.string())), pa.array(values, pa.string()))


def _naming(batch: pa.RecordBatch, column: str, names: Names) -> pa.Array:
    """Which cells of a column name the person."""
    texts = [t for t in pc.unique(pc.cast(batch.column(column), pa.string())).to_pylist() if t and names(t)]
    return _equals(batch, column, [t.strip() for t in texts])


def _filled(
    batch: pa.RecordBatch, column: str, where: pa.Array, kept: pa.Schema, by: str | None = None
) -> pa.RecordBatch:
    """A piece in which some cells of one column are missing, or have another text."""
    cells, kind = batch.column(column), kept.field(column).type
    plain = pc.cast(cells, pa.string()) if kind == pa.string_view() else cells
    gone = pc.if_else(where, pa.scalar(by, plain.type), plain)
    return batch.set_column(batch.schema.get_field_index(column), kept.field(column), pc.cast(gone, kind))


def _from_database(path: Path, contact_id: str, change: bool, names: Names) -> dict[str, int]:
    """Remove a person from a DuckDB file, in a copy that takes its place if it held the person."""
    import duckdb

    from abmlib.tables.importers.sql import lock

    try:
        with duckdb.connect(str(path), read_only=not change) as con:  # takes in what its log holds
            lock(con)
            counts = _from_tables(con, contact_id, False, names)
        if change and any(counts.values()):
            with replaced(path) as beside, replaced(path.with_name(HALF.format(path.name))) as half:
                shutil.copyfile(path, half)
                with duckdb.connect(str(half)) as con:
                    lock(con)
                    _from_tables(con, contact_id, True, names)
                _copy(half, beside)  # a database keeps deleted bytes
                half.unlink()
    except duckdb.Error as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise TableError(
            f"{path.name}: the person was not removed: {reason}. Nobody else may have it open, and "
            "no constraint may need the person: drop foreign keys first."
        ) from wrong
    return counts


def _from_tables(con: "duckdb.DuckDBPyConnection", contact_id: str, change: bool, says: Names) -> dict[str, int]:
    """Remove a person from the tables of a database, and count the rows concerned."""
    rows = con.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'main'")
    columns = pd.DataFrame(rows.fetchall(), columns=["table", "column"]).groupby("table")["column"].agg(list)
    views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    names = sorted((n for n in schema.importable() if n in columns.index), key=lambda n: n == "contacts")  # referred to
    return {n: _from_table(con, n, columns[n], contact_id, n in views, change, says) for n in names}


def _from_table(
    con: "duckdb.DuckDBPyConnection",
    name: str,
    columns: list[str],
    contact_id: str,
    is_view: bool,
    change: bool,
    names: Names,
) -> int:
    """Remove a person from one table of a database, and count the rows concerned."""
    import duckdb

    goes, value = person_columns(name, columns), {"id": contact_id.strip()}
    theirs = {c: f"""{_tidy(f'"{c}"')} = $id""" for c in goes}
    if name in ABOUT:
        theirs = {c: f'{is_them} AND "{ABOUT[name][0]}" IN {ABOUT[name][1]}' for c, is_them in theirs.items()}
    where, texts = " OR ".join(theirs.values()) or "false", list[str]()
    if name in ABOUT and SAID in columns and names is not nobody:
        given = con.execute(f'SELECT DISTINCT CAST("{SAID}" AS VARCHAR) FROM {name}').fetchall()  # noqa: S608
        texts = [t for (t,) in given if t and names(t)]
        where += f""" OR "{SAID}" IN ({", ".join(map(_text, texts))})""" if texts else ""
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
    if texts and change:
        con.execute(f'UPDATE {name} SET "{SAID}" = $by WHERE "{SAID}" IN $texts', {"by": REMOVED, "texts": texts})  # noqa: S608
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
