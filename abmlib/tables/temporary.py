"""Folders for what no process may leave behind: private, and removed in the end, or by `clear` if their process died.

Each holds a lock while its process runs: the system lets go of it however the process ends.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PREFIX = ".abm-tmp-"  # of the name of each
LOCK = ".lock"  # file of a folder, held by the process that works there
PATIENCE = 60.0  # seconds to wait for another process that writes
BEFORE = "before"  # folder in one: what `replace_folder` took from its place


def own_folder() -> Path:
    """Name the user's own folder among those for temporary files."""
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"abm-{user}"


def make_private(folder: Path) -> Path:
    """Make a folder that only its user may open.

    Version control does not look into it.

    Raises
    ------
    OSError
        If it is there and is not the user's own, or cannot be made.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_own(folder) or not os.access(folder, os.W_OK):
        raise OSError(f"{folder} is not a folder of one's own. Remove it")
    folder.chmod(0o700)
    ignored = folder / ".gitignore"
    if not ignored.is_file() or not ignored.stat().st_size:
        ignored.write_text("*\n", "utf-8")
    return folder


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """Give a folder that only its user may open, and remove it in the end.

    Parameters
    ----------
    beside : file or folder beside which it is, so that a part of it can be moved there; else it is in `own_folder`

    Raises
    ------
    OSError
        If it cannot be made.
    """
    from filelock import FileLock  # not on the way of a command that leaves nothing

    own = own_folder()
    parent = beside.resolve().parent if beside else make_private(own)
    place = make_private(Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))
    note = own / place.name
    try:
        with FileLock(place / LOCK):
            if beside:
                with suppress(OSError):  # then only who works beside it finds it
                    make_private(own)
                    note.write_bytes(os.fsencode(place))
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        _strike(note, place)


@contextmanager
def alone(lock: Path, busy: str) -> Iterator[None]:
    """Keep other processes from a thing meanwhile; who holds it may take it again, and what a killed process held is free.

    Parameters
    ----------
    lock : file that stands for the thing
    busy : what to say, and to do, if another process holds it for longer than `PATIENCE` seconds

    Raises
    ------
    OSError
        If another process does, or nobody may write there.
    """
    from filelock import FileLock, Timeout

    with ExitStack() as held:
        try:
            held.enter_context(FileLock(lock, PATIENCE, poll_interval=0.01, is_singleton=True))
        except Timeout as wrong:
            raise OSError(busy) from wrong
        yield


def replace_folder(new: Path, target: Path) -> None:
    """Move a folder from a temporary one that is beside `target` to its place.

    What was there is put back if that fails, or by `clear` if the process dies.

    Raises
    ------
    OSError
        If one of them cannot be moved.
    """
    old = new.parent / BEFORE / target.name
    if target.exists():
        old.parent.mkdir()
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def clear(*parents: Path) -> None:
    """Remove the folders of processes that died, and put back what `replace_folder` took from its place.

    Looked for are those in `own_folder`, those noted there, and those in `parents`. No link is followed, nothing else is
    removed, and what cannot be removed stays in silence.
    """
    with suppress(OSError):
        own = own_folder()
        for parent in (*([own] if _is_own(own) else []), *parents):
            for path in sorted(parent.glob(f"{PREFIX}*")):
                if parent == own and path.is_file():
                    place = Path(os.fsdecode(path.read_bytes()))
                    _clear(place)
                    _strike(path, place)
                else:
                    _clear(path)


def _clear(place: Path) -> None:
    """Remove one folder, unless its process runs or it is not ours."""
    if not (place.name.startswith(PREFIX) and _is_own(place) and (place / LOCK).is_file()):
        return
    from filelock import FileLock

    with suppress(OSError):
        with FileLock(place / LOCK, timeout=0):
            for old in (place / BEFORE).glob("*"):
                target = place.parent / old.name
                if not target.exists() or not any(target.iterdir()):
                    old.rename(target)
        shutil.rmtree(place, ignore_errors=True)


def _strike(note: Path, place: Path) -> None:
    """Remove the note of a folder that is gone; not where a drive is gone."""
    if place.parent.is_dir() and not place.exists():
        note.unlink(missing_ok=True)


def _is_own(folder: Path) -> bool:
    """Say whether this is a folder, no link, and the user's."""
    try:
        state = folder.lstat()
    except (OSError, ValueError):
        return False
    return stat.S_ISDIR(state.st_mode) and (not hasattr(os, "getuid") or state.st_uid == os.getuid())
