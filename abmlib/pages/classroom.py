"""A course for one class: its lessons as notebooks on a market of its own, and what learners answered."""

import copy
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from abmlib import places
from abmlib.pages import course, kernels, twins
from abmlib.tables import Book, temporary
from abmlib.tables.fingerprint import CACHE

LESSONS = places.NOTEBOOKS / "course"
START = "start"  # lesson that says how the course works
ACCOUNTS, MONTHS, AS_OF, LATER = 240, 42, "2026-06-30", "2026-12-31"  # of the market, and the days of the lessons
LEARNER, KEY = "learner", "key"  # folders of a course
OF = "abm_course"  # metadata of a notebook: its lesson, the seed of its market, its edition
IMPORT = "from abmlib.pages.course import check, name_mistake, off  # of the lesson, whatever stands above\n"
NAMED = re.compile(r'check\(\s*"([^"]+)"')
UNKNOWN = "cannot be checked"


def lessons() -> list[Path]:
    """The sources of the lessons, the start page first."""
    return sorted(LESSONS.glob("*.py"), key=lambda source: (source.stem != START, source.stem))


def title(lesson: Path) -> str:
    """Its heading."""
    return next(line for line in lesson.read_text("utf-8").splitlines() if line.startswith("# # "))[4:]


def write(folder: Path, seed: int, edition: str) -> list[Path]:
    """Write the lessons of one edition into a folder, reading the market in the folder of the learners.

    Raises
    ------
    ValueError
        If an exercise lacks a part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in lessons():
        node = course.edition(twins.from_text(lesson), key=edition == KEY)
        if lesson.stem == START:
            listed = [f"- [{title(other)}]({other.stem}.ipynb)" for other in lessons() if other != lesson]
            node.cells.append(nbformat.v4.new_markdown_cell("\n".join(["## The lessons", "", *listed]), id="lessons"))
        if edition == KEY:
            given(node, Path("..") / LEARNER)
        node.metadata[OF] = {"lesson": lesson.stem, "seed": seed, "edition": edition}
        written.append(folder / f"{lesson.stem}.ipynb")
        nbformat.write(node, written[-1])
    return written


def fill(key: Path) -> None:
    """Run the notebooks of the key, so that it shows the answers of its market; what that leaves beside the data is removed.

    Raises
    ------
    ValueError
        If a solution is not right on this market.
    """
    for place in sorted(key.glob("*.ipynb")):
        node = kernels.rehearse(nbformat.read(place, as_version=4), key)
        nbformat.write(node, place)
        checks = {c.id for c in node.cells if "check" in c.metadata.get("tags", [])}
        if wrong := [v["exercise"] for v in course.verdicts(node, checks).values() if v["state"] != "right"]:
            raise ValueError(
                f"{place.stem}: on the market of this seed the solutions of {wrong} are not right. Take another seed."
            )
    shutil.rmtree(key.parent / LEARNER / "data" / CACHE, ignore_errors=True)


def given(node: nbformat.NotebookNode, market: Path) -> nbformat.NotebookNode:
    """Let a lesson read the market in a folder."""
    for cell in (c for c in node.cells if "parameters" in c.metadata.get("tags", [])):
        for name in ("data", "truth"):
            cell.source = cell.source.replace(
                f'{name}: str = "{name}"', f'{name}: str = "{(market / name).as_posix()}"'
            )
    return node


def handed_in(folder: Path) -> dict[Path, nbformat.NotebookNode | str]:
    """Find the learners' notebooks below a folder; of one that cannot be judged, the reason.

    Notebooks that are of no course, and those of the key, are left out.

    Raises
    ------
    ValueError
        If there is no such folder, or none of its notebooks is a learner's.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is no folder. Give the one with the learners' notebooks.")
    found: dict[Path, nbformat.NotebookNode | str] = {}
    for place in sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts):
        try:
            node = nbformat.read(place, as_version=4)
        except Exception as wrong:
            found[place] = f"This is no notebook that reads ({type(wrong).__name__})."
            continue
        about = node.metadata.get(OF)
        if isinstance(about, dict) and about.get("edition") == LEARNER:
            known = about.get("lesson") in [lesson.stem for lesson in lessons()]
            seed = about.get("seed")
            is_whole = known and isinstance(seed, int) and seed >= 0
            found[place] = (
                node if is_whole else f"Lesson {about.get('lesson')!r} on seed {seed!r} is not of this version."
            )
    if all(isinstance(node, str) for node in found.values()):
        raise ValueError(
            f"{folder}: no learner's notebook of a course. Collect the notebooks of {LEARNER}, not of {KEY}, a folder for each."
        )
    return found


def results(
    folder: Path, market: Callable[[int, Path], object], tell: Callable[[int, int], None] = lambda done, of: None
) -> pd.DataFrame:
    """Run the learners' notebooks below a folder on the market of their class, and judge their answers anew.

    Each runs by itself on a copy of the market, and the cells of the checks are those of the lesson. The learners' code runs with the
    rights of whoever calls this, and one who changes the package while it runs can forge a verdict. Nothing in the folder is changed.

    Parameters
    ----------
    market : writes the market of a seed as ``data`` and ``truth`` into a folder
    tell : called with notebooks done and to do

    Returns
    -------
    DataFrame, one row per notebook and exercise: file, lesson, exercise, state, words; one row of a notebook that cannot be judged

    Raises
    ------
    ValueError
        As `handed_in`.
    """
    rows: list[dict[str, str]] = []
    notebooks = handed_in(folder)
    with temporary.folder() as place:
        for number, (file, node) in enumerate(notebooks.items(), start=1):
            name = file.relative_to(folder).as_posix()
            if isinstance(node, str):
                rows.append({"file": name, "lesson": "", "exercise": "", "state": UNKNOWN, "words": node})
                continue
            lesson, seed = LESSONS / f"{node.metadata[OF]['lesson']}.py", node.metadata[OF]["seed"]
            whole, copied = place / f"seed {seed}", place / "copy"
            if not whole.is_dir():
                market(seed, whole)
                for day in (AS_OF, LATER):  # a snapshot takes long, and is no time of the learner's
                    Book.open(whole / "data", as_of=day)
            shutil.copytree(whole, copied)
            ran = kernels.rehearse(given(with_checks(node, twins.from_text(lesson)), copied), copied)
            rows += judged(name, lesson, ran)
            shutil.rmtree(copied)
            tell(number, len(notebooks))
    return pd.DataFrame(rows)


def with_checks(node: nbformat.NotebookNode, source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put a lesson's parameters and checks in place of what a notebook has there, found by id or else by the check's name."""
    ours = [copy.deepcopy(c) for c in source.cells if {"check", "parameters"} & set(c.metadata.get("tags", []))]
    named = {found[1]: c for c in ours if (found := NAMED.search(c.source))}
    for cell in named.values():
        cell.source = IMPORT + cell.source
    by_id, node = {c.id: c for c in ours}, copy.deepcopy(node)
    for at, cell in enumerate(node.cells):
        name = NAMED.search(cell.source) if cell.cell_type == "code" else None
        node.cells[at] = by_id.get(cell.get("id", "")) or (name and named.get(name[1])) or cell
    return node


def judged(file: str, lesson: Path, ran: nbformat.NotebookNode) -> Iterable[dict[str, str]]:
    """Say what became of each exercise of a lesson that was run."""
    exercises = course.exercises(twins.from_text(lesson))
    found = course.verdicts(ran, {e.cells["check"][0].id for e in exercises})
    present = {c.get("id") for c in ran.cells}
    errors = {o["ename"] for c in ran.cells for o in c.get("outputs", []) if o.output_type == "error"}
    slow = f" A cell took longer than {kernels.LONGEST_CELL} seconds." * ("KeyboardInterrupt" in errors)
    for exercise in exercises:
        is_there = exercise.cells["check"][0].id in present
        why = f"Errors in other cells: {sorted(errors)[:3]}." if errors else "The program was ended from inside a cell."
        lost = f"The check did not run. {why}{slow}" if is_there else "The cell of the check is not in the notebook."
        verdict: dict[str, Any] = found.get(exercise.name, {"state": UNKNOWN, "words": lost})
        about = {"file": file, "lesson": lesson.stem, "exercise": exercise.name}
        yield about | {k: " ".join(verdict[k].split()) for k in ("state", "words")}


def counted(judged: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Count exercises by state; one row per notebook, or per exercise of a lesson."""
    states = judged["state"].astype(pd.CategoricalDtype(list(course.MARKS)))
    return pd.get_dummies(states, dtype=int).groupby([judged[c] for c in by]).sum().reset_index()
