"""What a data set is recognised by: a hash of its files, the same wherever they are."""

import contextlib
import hashlib
import json
import os
import re
import time
from pathlib import Path

from abmlib.tables.outputs import PASSING, replaced
from abmlib.tables.settings import Workbook

CACHE = ".abm_cache"  # folder of snapshots: made from the data, and no part of it
HASHES = "hashes.json"
SETTLED = 2.0  # seconds after which a change to a file shows in its time


def belongs(workbook: Workbook) -> list[Path]:
    """Name the paths of the data and programme of a report.

    With them goes what a database has not taken in yet.
    """
    data, programme = workbook.data, workbook.programme
    late = data.parent / f"{data.name}.wal"
    apart = programme and not programme.resolve().is_relative_to(data.resolve())
    return [data, *([late] if late.is_file() else []), *([programme] if apart and programme else [])]


def fingerprint(*paths: Path, memory: Path | None = None) -> str:
    """Hash the files of a data set: 16 hexadecimal digits.

    Their paths in it and their content count.

    Parameters
    ----------
    memory : folder that keeps hashes of files, which are not read again while their size and times stay
    """
    known = _recall(memory)
    digest, now, hashes = hashlib.sha256(), time.time(), dict[str, str]()
    for number, name, path in ((i, *file) for i, place in enumerate(paths) for file in _files(place)):
        state = path.stat()
        mark = f"{os.fsencode(path.resolve())!r}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}:{state.st_ino}"
        if (content := known.get(mark)) is None:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        if now - max(state.st_mtime, state.st_ctime) > SETTLED:
            hashes[mark] = content
        digest.update(b"%d:%s:" % (number, os.fsencode(name)))
        digest.update(bytes.fromhex(content))
    if memory and hashes != known:  # where they cannot be kept they are made again
        with contextlib.suppress(OSError), replaced(memory / HASHES) as beside:
            beside.write_text(json.dumps(hashes), "utf-8")
    return digest.hexdigest()[:16]


def _files(place: Path) -> list[tuple[str, Path]]:
    """The files of a place by their path in it, in order.

    Links are followed; the cache is left out, and files that processes hold or left.
    """
    if not place.is_dir():
        return [(place.name, place)] if place.is_file() else []
    files, been = [], set[str]()
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in been:  # a link to where we are
            folders.clear()
            continue
        been.add(real)
        folders[:] = [f for f in folders if f != CACHE]
        data = (name for name in names if not PASSING.fullmatch(name))
        files += [path for name in data if (path := Path(folder, name)).is_file()]
    return sorted((path.relative_to(place).as_posix(), path) for path in files)


def _recall(memory: Path | None) -> dict[str, str]:
    """The hashes that are kept; none where they do not read."""
    try:
        hashes = json.loads((memory / HASHES).read_text("utf-8")) if memory else {}
    except (OSError, ValueError):
        return {}
    is_good = isinstance(hashes, dict) and all(re.fullmatch("[0-9a-f]{64}", str(h)) for h in hashes.values())
    return hashes if is_good else {}
