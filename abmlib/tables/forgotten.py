"""Who was forgotten: ``programme/forgotten.csv``, keyed hashes of ids, and what their key is recognised by."""

from pathlib import Path

import pandas as pd

from abmlib.tables import people, programme, secret
from abmlib.tables.errors import TableError
from abmlib.tables.outputs import replaced

FILE = f"{programme.FORGOTTEN}.csv"


def read(folder: Path | None) -> pd.DataFrame:
    """Read who was forgotten: ``person_hash, key_check`` as text, one row each; none where there is no file.

    Raises
    ------
    TableError
        If the file does not read, or does not hold hashes.
    """
    path = folder / FILE if folder else None
    if path is None or not path.is_file():
        return pd.DataFrame(columns=["person_hash", "key_check"], dtype="str")
    remedy = "Put back the file that abm forget wrote: without it people would come back."
    programme.look(path, programme.FORGOTTEN)
    try:
        rows = pd.read_csv(path, dtype="str", skipinitialspace=True)
    except (ValueError, pd.errors.ParserError) as wrong:
        raise TableError(f"{path.name}: does not read: {wrong}. {remedy}") from wrong
    if "person_hash" not in rows:
        raise TableError(f"{path.name}: has no column person_hash. {remedy}")
    rows = rows.reindex(columns=["person_hash", "key_check"]).dropna(how="all")
    if bad := int((~rows["person_hash"].fillna("").str.fullmatch("[0-9a-f]{64}")).sum()):
        raise TableError(f"{path.name}: {bad} of {len(rows)} rows have no person_hash of 64 digits. {remedy}")
    return rows


def remembers(folder: Path, key: bytes, contact_id: str) -> bool:
    """Say whether a person was forgotten before."""
    return people.person_hash(contact_id, key) in set(read(folder)["person_hash"])


def remember(folder: Path, key: bytes, contact_id: str, *, entered_at: pd.Timestamp, entered_by: str) -> None:
    """Enter, once, that a person is forgotten: the keyed hash of the id, and what the key is recognised by.

    Parameters
    ----------
    folder : the ``programme`` folder; made if absent
    key : at least `secret.SHORTEST` bytes; the same on every machine of the team
    entered_at : when, with its time zone

    Raises
    ------
    ValueError
        If the key is too short or `entered_at` has no time zone; nothing is changed then.
    """
    row = {"person_hash": [people.person_hash(contact_id, key)], "key_check": [secret.check_value(key)]}
    path = folder / FILE
    with programme.locked(folder):
        if remembers(folder, key, contact_id):
            return
        if (
            path.is_file() and "key_check" not in path.read_text("utf-8-sig").partition("\n")[0]
        ):  # of an earlier version
            older = pd.read_csv(path, dtype="str").reindex(columns=programme.columns(programme.FORGOTTEN))
            with replaced(path) as beside:
                older.to_csv(beside, index=False, lineterminator="\n")
        programme.append(folder, programme.FORGOTTEN, pd.DataFrame(row), entered_at=entered_at, entered_by=entered_by)
