"""Human input: append-only CSV files in a ``programme/`` folder. Only this module writes them.

`append` adds entries and changes none; `forget` alone takes out what is there, and enters that it did.
"""

import csv
import io
import os
from pathlib import Path

import pandas as pd

from abmlib.tables import people, schema
from abmlib.tables.errors import TableError

FOLDER = "programme"
FORGOTTEN = "forgotten"


def template(name: str) -> str:
    """Give the first line of a programme file, to be filled in a spreadsheet.

    Examples
    --------
    >>> template("targets")
    'period,owner_id,measure_id,value,entered_at,entered_by,supersedes\\n'
    """
    return ",".join(columns(name)) + "\n"


def columns(name: str) -> list[str]:
    """The columns a person fills, in order.

    Raises
    ------
    ValueError
        If there is no such programme table.
    """
    if name not in schema.PROGRAMME:
        raise ValueError(f"{name}: no such programme table; there are {sorted(schema.PROGRAMME)}.")
    return [c for c in schema.PROGRAMME[name].columns if c != "known_at"]


def standing(name: str, entries: pd.DataFrame) -> pd.DataFrame:
    """Keep of several entries for one thing the one entered last, in the order of their entry.

    Parameters
    ----------
    name : of the programme table, whose key but for the time of entry says what is one thing
    entries : its rows

    Examples
    --------
    >>> twice = pd.DataFrame({"goal_id": ["g", "g"], "entered_at": pd.to_datetime(["2026-05-01", "2026-02-01"])})
    >>> standing("account_goals", twice)["entered_at"].dt.month.tolist()
    [5]
    """
    what = [c for c in schema.key(name) if c != "entered_at"]
    return entries.sort_values("entered_at", kind="stable").drop_duplicates(what, keep="last")


def append(folder: Path, name: str, rows: pd.DataFrame, *, entered_at: pd.Timestamp, entered_by: str) -> pd.DataFrame:
    """Add entries to a programme file and give back all it then holds. Nothing in it is changed or removed.

    The rows are checked together with those already there before anything is written, and the file is replaced whole.

    Parameters
    ----------
    folder : the ``programme`` folder; made if absent
    rows : columns of the table without ``entered_at`` and ``entered_by``
    entered_at : when, with its time zone

    Raises
    ------
    TableError
        If a row is not to spec, or repeats an entry.
    ValueError
        If `entered_at` has no time zone.
    """
    if entered_at.tzinfo is None:
        raise ValueError("entered_at has no time zone. Give one, such as UTC.")
    new = rows.assign(entered_at=entered_at.tz_convert("UTC"), entered_by=entered_by)
    path = folder / f"{name}.csv"
    before = path.read_bytes().decode("utf-8") if path.is_file() else template(name)
    written = schema.conform(name, new)[columns(name)]
    days = [c for c in written if schema.meta(schema.PROGRAMME[name].columns[c])["kind"] == "date"]
    written = written.assign(**{c: written[c].dt.strftime("%Y-%m-%d") for c in days})
    there = pd.read_csv(io.StringIO(before), dtype="str", encoding_errors="strict")
    if list(there.columns) != columns(name):
        raise TableError(
            f"{path.name}: columns {list(there.columns)}; must be {columns(name)}. Rename them in the file."
        )
    text = before + ("" if before.endswith("\n") else "\n") + as_text(written)
    whole = pd.read_csv(io.StringIO(text), dtype="str")
    moment = pd.to_datetime(whole["entered_at"], utc=True, format="ISO8601", errors="coerce")
    doubled = whole[whole.assign(entered_at=moment).duplicated(schema.key(name), keep=False)]
    if len(doubled):
        raise TableError(
            f"{path.name}: {len(doubled)} of {len(whole)} rows share a key {schema.key(name)} "
            f"(first: {[int(i) + 2 for i in doubled.index[:3]]}). Enter each once."
        )
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_bytes(text.encode("utf-8"))
    beside.replace(path)
    return whole


def forget(folder: Path, key: bytes, contact_id: str, *, entered_at: pd.Timestamp, entered_by: str) -> dict[str, int]:
    """Remove a person from the programme files, and enter that they were forgotten, as a keyed hash.

    A row goes where the person is part of its key or it says something personal; elsewhere the id is emptied and the row
    stays. Who is entered already is not entered twice. Each file is replaced whole; every other byte stays.

    Parameters
    ----------
    folder : the ``programme`` folder; made if absent
    key : at least `secret.SHORTEST` bytes; the same on every machine of the team
    entered_at : when, with its time zone

    Returns
    -------
    dict of file name to the number of rows concerned; of ``forgotten.csv`` 1 if the person was entered now

    Raises
    ------
    ValueError
        If the key is too short or `entered_at` has no time zone; nothing is changed then.
    """
    hashed = people.person_hash(contact_id, key)
    path = folder / f"{FORGOTTEN}.csv"
    known = path.is_file() and hashed in set(pd.read_csv(path, dtype="str").get("person_hash", []))
    if not known:  # first, so that whoever comes back in between is left out
        append(folder, FORGOTTEN, pd.DataFrame({"person_hash": [hashed]}), entered_at=entered_at, entered_by=entered_by)
    there = {n: folder / f"{n}.csv" for n in schema.PROGRAMME if n != FORGOTTEN}
    counts = {p.name: people.from_csv(p, n, contact_id) for n, p in there.items() if p.is_file()}
    return counts | {path.name: int(not known)}


def as_text(rows: pd.DataFrame) -> str:
    """Write rows as CSV lines, times as ISO 8601 in UTC."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows.itertuples(index=False):
        writer.writerow(
            ["" if pd.isna(v) else v.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(v, pd.Timestamp) else v for v in row]
        )
    return out.getvalue()
