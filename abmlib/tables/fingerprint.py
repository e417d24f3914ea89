"""What a data set is known by: a hash of its files, so that equal data is known again wherever it lies."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from abmlib.tables.settings import Workbook

CACHE = ".abm_cache"  # folder of snapshots: made from the data, and no part of it
HASHES = "hashes.json"
SETTLED = 2.0  # seconds after which a change to a file shows in its time


def belongs(workbook: Workbook) -> list[Path]:
    """Name the places whose files a report is made from: the data, and a programme that does not lie within."""
    apart = workbook.programme and not workbook.programme.is_relative_to(workbook.data)
    return [workbook.data, *([workbook.programme] if apart and workbook.programme else [])]


def fingerprint(*places: Path, memory: Path | None = None) -> str:
    """Hash the files of a data set and of what belongs to it, by name and content: 16 hexadecimal digits.

    Parameters
    ----------
    memory : folder that keeps hashes of files, which are not read again while their size and time stay
    """
    kept = _recall(memory)
    digest, now, seen = hashlib.sha256(), time.time(), dict[str, str]()
    for path in (p for place in places for p in _files(place)):
        of = path.stat()
        mark = f"{path.resolve()}:{of.st_size}:{of.st_mtime_ns}:{of.st_ino}"
        if (found := kept.get(mark)) is None:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        if now - of.st_mtime > SETTLED:
            seen[mark] = found
        digest.update(path.name.encode())
        digest.update(bytes.fromhex(found))
    if memory and seen != kept:
        beside = memory / f".{HASHES}.{os.getpid()}.tmp"
        beside.write_text(json.dumps(seen), "utf-8")
        beside.replace(memory / HASHES)
    return digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    """The files of a place, in order; those of the cache aside."""
    for path in sorted([place] if place.is_file() else place.rglob("*")):
        if path.is_file() and CACHE not in path.relative_to(place).parts:
            yield path


def _recall(memory: Path | None) -> dict[str, str]:
    """The hashes that are kept; none where they do not read."""
    try:
        return dict(json.loads((memory / HASHES).read_text("utf-8"))) if memory else {}
    except (OSError, ValueError):
        return {}
