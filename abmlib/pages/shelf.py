"""The folder of runs: which runs it has, which one is newest, how a new one gets there, and which ones to remove."""

import contextlib
import datetime as dt
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abmlib.pages import site
from abmlib.tables.outputs import is_running, replaced

LATEST = "latest"
SUMMARY = "summary.md"
DAY = 86_400  # seconds
# what a process that died leaves behind
LEFT_OVER = re.compile(
    r"\.([0-9a-f]{8}\.\d+\.tmp|(index(\.html)?|latest|summary\.md)\.\d+(\.tmp)?|\d{4}-.+\.(zip|csv)\.\d+\.tmp|\d{4}-.+\.\d+\.gone)"
)
RUN = re.compile(r"\d{4}-\d\d-\d\d_[0-9a-f]{8}(-\d+)?")  # name of the folder of one
UNFINISHED = ".unfinished"  # file in a run that what is beside the runs may not lead to yet
# of a run.json, where it has them
KINDS = {"as_of": str, "id": str, "complete": bool, "title": str,
         "notebooks": dict, "parameters": dict, "outcomes": dict}  # fmt: skip
OPENS = re.compile(r'url=([^"/]+)/index\.html"')


@dataclass(frozen=True)
class Pruned:
    """Result of a clearing: names of runs kept, names of everything removed, bytes freed."""

    kept: list[str]
    removed: list[str]
    freed: int


@dataclass(frozen=True, order=True)
class Run:
    """One finished run; runs sort by day, then by when they were made."""

    as_of: str
    made: int  # nanoseconds
    folder: Path
    complete: bool = field(compare=False)


def record(folder: Path) -> dict[str, Any] | None:
    """Read ``run.json`` of a folder; None if there is none, or it is damaged."""
    try:
        read = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_good = isinstance(read, dict) and all(isinstance(read.get(n, kind()), kind) for n, kind in KINDS.items())
    return read if is_good and "complete" in read and re.fullmatch(r"\d{4}-\d\d-\d\d", read.get("as_of", "")) else None


def facts(folder: Path) -> dict[str, Any] | None:
    """Read ``run.json`` of a run; None if the folder is no run: a link, or not named as its record says."""
    read = None if folder.is_symlink() else record(folder)
    if read is None or not {"id", "fingerprint"} <= read.keys():
        return None
    return read if re.fullmatch(rf"{re.escape(read['as_of'] + '_' + read['id'])}(-\d+)?", folder.name) else None


def all_runs(out: Path) -> list[Run]:
    """Find the runs of a folder, oldest first."""
    records = [(folder, read) for folder in out.iterdir() if folder.is_dir() and (read := facts(folder))]
    return sorted(Run(r["as_of"], (f / "run.json").stat().st_mtime_ns, f, r["complete"]) for f, r in records)


def previous(out: Path, as_of: dt.date, notebooks: Iterable[str] = ()) -> str | None:
    """Name the newest complete run with an earlier day; if several have that day, the one made last.

    A run of fewer notebooks than those asked tells nothing of the others' decisions, and is passed over.
    """
    places = [p for p in out.glob("*/run.json") if not p.parent.is_symlink() and p.parent.name != LATEST]
    records = [(r, p) for p in places if (r := record(p.parent)) and r["complete"]]
    records = [(r, p) for r, p in records if set(notebooks) <= set(r.get("outcomes", {}))]
    earlier = [(r["as_of"], p.stat().st_mtime, p.parent.name) for r, p in records if r["as_of"] < str(as_of)]
    return max(earlier)[2] if earlier else None


def move_into_place(beside: Path, wanted: Path) -> Path:
    """Rename a finished folder to its name, or to the next free one: a finished run is never changed.

    It is marked until `finish` is done with it.

    Raises
    ------
    OSError
        If it cannot be renamed, or no name is free.
    """
    (beside / UNFINISHED).touch()
    for number in range(1, 10_000):
        place = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if place.exists():
            continue
        try:
            return beside.rename(place)
        except OSError:
            if not place.exists():  # not another run that was faster, but a true failure
                raise
    raise OSError(f"{wanted.name}: no free name after 9,999 runs. Remove old runs.")


def finish(run: Path) -> None:
    """Let `latest`, the index and the summary beside the runs be those of a run."""
    point_at(run)
    write_whole(run.parent / SUMMARY, (run / SUMMARY).read_bytes())
    (run / UNFINISHED).unlink(missing_ok=True)


def repair(out: Path) -> list[str]:
    """Finish the runs that were ended before `finish` was; let no link and no index lead nowhere.

    Where nobody may write, all stays as it is.

    Returns
    -------
    list of str: a sentence for each run whose ``run.json`` is damaged or gone; no command looks at that run
    """
    if not out.is_dir():
        return []
    runs = all_runs(out)
    with contextlib.suppress(OSError):
        for run in sorted((run for run in runs if (run.folder / UNFINISHED).exists()), key=lambda run: run.made):
            finish(run.folder)
        if runs and dangles(out):
            point_at(runs[-1].folder)
    named = [path for path in sorted(out.iterdir()) if RUN.fullmatch(path.name) and path.is_dir()]
    return [
        f"{p.name}/run.json does not read; that run is left out. Make it again, or remove the folder."
        for p in named
        if record(p) is None
    ]


def point_at(folder: Path) -> None:
    """Let `latest` and the index beside the runs open a run; where links are not allowed, `latest` is a text file.

    A copy of a run with that name, made by a tool that follows links, is removed first.
    """
    latest = folder.parent / LATEST
    if latest.is_dir() and not latest.is_symlink() and (latest / "run.json").is_file():
        shutil.rmtree(latest)
    link = folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError:
        link.write_text(folder.name + "\n", "utf-8")
    link.replace(latest)
    write_whole(folder.parent / "index.html", site.redirect(folder.name).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never half of it; its folder is made if absent."""
    with replaced(path) as beside:
        beside.write_bytes(content)


def pointed(latest: Path) -> Path | None:
    """Follow `latest`, a link or a text file, to the place beside it; None if it names none, or one elsewhere."""
    try:
        name = os.readlink(latest) if latest.is_symlink() else latest.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    plain = bool(name) and Path(name).name == name and name not in {".", ".."}
    return latest.parent / name if plain else None


def prune(out: Path, keep: int, dry: bool = False, *, now: float | None = None) -> Pruned:
    """Keep the newest complete runs; remove older ones, older failed ones, and what runs that died left behind.

    The run that `latest` points at always stays. Nothing else in the folder is touched, and no link is followed.

    Parameters
    ----------
    out : folder of runs
    keep : complete runs to keep, 1 or more
    dry : say what would be removed, and touch nothing
    now : seconds since 1970; if given, what a run left behind more than a day ago is removed too, even if a process has its
        number today

    Raises
    ------
    ValueError
        If `keep` is less than 1, or there is no such folder.
    OSError
        If a run cannot be moved away; it is then still complete.
    """
    if keep < 1:
        raise ValueError(f"keep must be 1 or more, got {keep}. The newest run always stays.")
    if not out.is_dir():
        raise ValueError(f"{out.name}: there is no such folder of runs. Give the one that abm run wrote to.")
    runs = all_runs(out)
    newest = [run for run in runs if run.complete][-keep:]
    latest = pointed(out / LATEST)
    old = [run for run in runs if newest and run < newest[0] and run.folder != latest]
    kept = [run.folder for run in runs if run not in old]
    gone = [run.folder for run in old] + [path for path in sorted(out.iterdir()) if is_left_over(path, now)]
    freed = sum(size(path) for path in gone)
    if not dry:
        for path in gone:
            remove(path)
        repair(out)
    return Pruned([folder.name for folder in kept], [path.name for path in gone], freed)


def is_left_over(path: Path, now: float | None) -> bool:
    """Say whether a run or a clearing left a hidden file or folder behind: its process ended, or it is a day old."""
    if not LEFT_OVER.fullmatch(path.name):
        return False
    (process,) = re.findall(r"\.(\d+)(?:\.tmp|\.gone)?$", path.name)
    newest = max(part.lstat().st_mtime for part in [path, *inside(path)])
    return not is_running(int(process)) or (now is not None and now - newest > DAY)


def inside(path: Path) -> list[Path]:
    """List everything in a folder, links as themselves; nothing for a file or a link."""
    if path.is_symlink() or not path.is_dir():
        return []
    return [Path(place) / name for place, folders, files in os.walk(path) for name in [*folders, *files]]


def size(path: Path) -> int:
    """Count the bytes of a file, or of the files in a folder."""
    return sum(part.lstat().st_size for part in [path, *inside(path)] if part.is_symlink() or part.is_file())


def remove(path: Path) -> None:
    """Remove a file or folder; it is renamed first, so that nobody sees half a run."""
    aside = path
    if not path.name.startswith("."):
        aside = path.rename(path.with_name(f".{path.name}.{os.getpid()}.gone"))
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


def dangles(out: Path) -> bool:
    """Say whether `latest`, or the page beside the runs, points at a run that does not exist."""
    latest, page = out / LATEST, out / "index.html"
    place = pointed(latest)
    if place is not None and (latest.is_symlink() or latest.is_file()) and not place.is_dir():
        return True
    opens = OPENS.search(page.read_text("utf-8", "replace")) if page.is_file() else None
    return opens is not None and not (out / opens[1]).is_dir()
