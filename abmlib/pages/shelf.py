"""The folder of runs: which there are, which one is newest, and which to throw away."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abmlib.pages import run as runs

DAY = 86_400  # seconds
# what a dead process leaves
LEFT_OVER = re.compile(r"\.([0-9a-f]{8}\.\d+\.tmp|(index|latest|summary\.md)\.\d+|\d{4}-.+\.\d+\.gone)")
OPENS = re.compile(r'url=([^"/]+)/index\.html"')


@dataclass(frozen=True)
class Pruned:
    """What a clearing left and took: names of runs kept, names of all that went, bytes freed."""

    kept: list[str]
    removed: list[str]
    freed: int


@dataclass(frozen=True)
class Run:
    """One finished run; runs sort by day, then by when they were made."""

    folder: Path
    as_of: str
    made: int  # nanoseconds
    complete: bool

    @property
    def age(self) -> tuple[str, int, str]:
        """What runs are sorted by."""
        return self.as_of, self.made, self.folder.name


def facts(folder: Path) -> dict[str, Any] | None:
    """Read ``run.json`` of a run; None where the folder is none: a link, or named otherwise than its record says."""
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
        named = re.escape(f"{record['as_of']}_{record['id']}")
    except (OSError, ValueError, TypeError, KeyError):
        return None
    ours = "fingerprint" in record and "complete" in record and re.fullmatch(rf"{named}(-\d+)?", folder.name)
    return record if ours and not folder.is_symlink() else None


def all_runs(out: Path) -> list[Run]:
    """Find the runs of a folder, oldest first."""
    found = []
    for folder in out.iterdir():
        if folder.is_dir() and (record := facts(folder)):
            made = (folder / "run.json").stat().st_mtime_ns
            found.append(Run(folder, record["as_of"], made, record["complete"]))
    return sorted(found, key=lambda run: run.age)


def pointed(latest: Path) -> Path | None:
    """Follow `latest`, a link or a text file, to the place beside it; None where it names none, or one elsewhere."""
    try:
        name = os.readlink(latest) if latest.is_symlink() else latest.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    plain = bool(name) and Path(name).name == name and name not in {".", ".."}
    return latest.parent / name if plain else None


def prune(out: Path, keep: int, dry: bool = False, *, now: float | None = None) -> Pruned:
    """Keep the newest complete runs of a folder and remove older ones, older failed ones, and what dead runs left.

    The run that `latest` points at always stays. Nothing else in the folder is touched, and no link is followed.

    Parameters
    ----------
    out : folder of runs
    keep : complete runs to keep, 1 or more
    dry : say what would go, and touch nothing
    now : seconds since 1970; with it, what runs left a day ago goes too, whatever process has that number today

    Raises
    ------
    ValueError
        If `keep` is less than 1, or there is no such folder.
    OSError
        If a run cannot be moved away; it is then there whole.
    """
    if keep < 1:
        raise ValueError(f"keep must be 1 or more, got {keep}. The newest run always stays.")
    if not out.is_dir():
        raise ValueError(f"{out.name}: there is no such folder of runs. Give the one that abm run wrote to.")
    there = all_runs(out)
    newest = [run for run in there if run.complete][-keep:]
    newest_place = pointed(out / runs.LATEST)
    old = [run for run in there if newest and run.age < newest[0].age and run.folder != newest_place]
    kept = [run for run in there if run not in old]
    gone = [run.folder for run in old] + [path for path in sorted(out.iterdir()) if is_left_over(path, now)]
    freed = sum(size(path) for path in gone)
    if not dry:
        for path in gone:
            remove(path)
        if kept and dangles(out):
            runs.point_at(kept[-1].folder)
    return Pruned([run.folder.name for run in kept], [path.name for path in gone], freed)


def is_left_over(path: Path, now: float | None) -> bool:
    """Say whether a hidden name is one that a run or a clearing makes, and its process is gone or it is a day old."""
    if not LEFT_OVER.fullmatch(path.name):
        return False
    (number,) = re.findall(r"\.(\d+)(?:\.tmp|\.gone)?$", path.name)
    newest = max(part.lstat().st_mtime for part in [path, *inside(path)])
    return not is_running(int(number)) or (now is not None and now - newest > DAY)


def is_running(number: int) -> bool:
    """Say whether a process is there; Windows cannot be asked without harm, and counts as yes."""
    if os.name == "nt" or number < 1:
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def inside(path: Path) -> list[Path]:
    """List all that lies in a folder, links as themselves; nothing for a file or a link."""
    if path.is_symlink() or not path.is_dir():
        return []
    return [Path(place) / name for place, folders, files in os.walk(path) for name in [*folders, *files]]


def size(path: Path) -> int:
    """Count the bytes of a file, or of the files in a folder."""
    return sum(part.lstat().st_size for part in [path, *inside(path)] if part.is_symlink() or part.is_file())


def remove(path: Path) -> None:
    """Take a file or folder away whole: it loses its name first, so that half of it is never seen."""
    aside = path
    if not path.name.startswith("."):
        aside = path.rename(path.with_name(f".{path.name}.{os.getpid()}.gone"))
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


def dangles(out: Path) -> bool:
    """Say whether `latest`, or the page beside the runs, points at a run that is not there."""
    latest, page = out / runs.LATEST, out / "index.html"
    place = pointed(latest)
    if place is not None and (latest.is_symlink() or latest.is_file()) and not place.is_dir():
        return True
    opens = OPENS.search(page.read_text("utf-8", "replace")) if page.is_file() else None
    return bool(opens) and not (out / opens[1]).is_dir() if opens else False
