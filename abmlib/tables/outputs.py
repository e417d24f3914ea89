"""Files that are replaced whole, and the tables that notebooks leave for each other, each with what it was made from."""

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from abmlib.places import no_address

ORIGIN = b"abm_origin"  # in a Parquet file: what its table comes from, as JSON
LEFT = re.compile(r"\.(.+)\.(\d+)\.tmp(\.wal)?")  # of a process that was killed while it replaced a file
# names of files that processes hold, or leave if they are killed: no data
PASSING = re.compile(r"\.(.+\.)?(lock|tmp(\.wal)?)")
FORMULA = r"^\s*[=+\-@\t\r＝＋－＠]"  # how a text begins that a spreadsheet computes


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give the path of a new file that replaces another whole.

    It gets the rights of the old one; its folder is made if absent. Of a link the file is replaced that it leads to.

    Nothing changes if the writing fails, the process is killed or the power goes, or the new file is taken away again.
    What a killed process left beside the file is removed; one process at a time may replace a file.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_left(path.parent, path.name)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        if beside.exists():
            with beside.open("rb+") as written:  # on the disk before it has the name
                os.fsync(written.fileno())
            if path.exists():
                os.chmod(beside, path.stat().st_mode)
            beside.replace(path)
    except OSError as wrong:
        if wrong.filename in (str(beside), beside):  # nobody knows that one
            wrong.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def clear_left(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left beside the files of a folder, or beside one of them."""
    for path in folder.glob(f".{glob.escape(name) if name else '*'}.*.tmp*"):  # a database has its log beside it
        left = LEFT.fullmatch(path.name)
        if left and (name or left[1]) == left[1] and path.is_file() and not is_running(int(left[2])):
            path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Say whether a process is running; on Windows, where asking would end it, always yes.

    One that has ended, and that nobody has asked about since, is not.
    """
    if os.name == "nt" or process < 1:
        return True
    with suppress(OSError):
        if Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] == "Z":
            return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def refuse_overwriting(path: Path) -> None:
    """Refuse to write over a file, or into a folder that is not empty.

    It may hold a person's work.

    Raises
    ------
    ValueError
        If something is there, or the path is an address.
    """
    if no_address(path).exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(f"{path}: is there already. Give another name, or remove it.")


def write(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all.

    Raises
    ------
    ValueError
        If the path is a folder, or an address.
    """
    if no_address(path).is_dir():
        raise ValueError(f"{path}: is a folder. Give the name of a file.")
    with replaced(path) as beside:
        beside.write_text(text, "utf-8")


def leave(path: Path, frame: pd.DataFrame, origin: Mapping[str, Any]) -> None:
    """Write a table, and what it comes from, whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    noted = {ORIGIN: json.dumps(origin, sort_keys=True, ensure_ascii=False).encode()}
    with replaced(path) as beside:
        pq.write_table(table.replace_schema_metadata((table.schema.metadata or {}) | noted), beside)


def defused(frame: pd.DataFrame) -> pd.DataFrame:
    """Mark text that a spreadsheet would take for a formula, for a CSV file that people open.

    An apostrophe comes before it, so no table that is read again may pass here. Numbers stay.

    Examples
    --------
    >>> defused(pd.DataFrame({"name": ["=1+1", "Acme", " @x"], "n": [-1, 2, 3]}))["name"].tolist()
    ["'=1+1", 'Acme', "' @x"]
    """
    texts = frame.select_dtypes(["str", "object"]).columns
    return frame.assign(**{c: frame[c].str.replace(FORMULA, r"'\g<0>", regex=True) for c in texts})


def origin_of(path: Path) -> dict[str, Any]:
    """Read what a table comes from; empty where it does not say."""
    noted = (pq.read_schema(path).metadata or {}).get(ORIGIN)
    return dict(json.loads(noted)) if noted else {}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say how a table's origin differs from a book's; empty if it does not.

    Compared are day, data and parameters that both have.
    """
    if not before:
        return "does not say what it was made from"
    unlike = [name for name, value in now.items() if before.get(name, value) != value]
    return ", ".join(f"{name} was {before[name]} and is {now[name]} here" for name in unlike)
