"""A course for one class: its lessons as notebooks on a market of its own, and what learners answered."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
import pandas as pd

from abmlib import places
from abmlib.pages import course, kernels, twins
from abmlib.tables import temporary

LESSONS = places.NOTEBOOKS / "course"
START = "start"  # lesson that says how the course works
ACCOUNTS, MONTHS, LATER = 240, 42, "2026-12-31"  # of the market; lessons look at it half a year before its last day
LEARNER, KEY = "learner", "key"  # folders of a course
OF = "abm_course"  # metadata of a notebook: its lesson, the seed of its market, its edition


def lessons() -> list[Path]:
    """The sources of the lessons, the start page first."""
    return sorted(LESSONS.glob("*.py"), key=lambda source: (source.stem != START, source.stem))


def title(lesson: Path) -> str:
    """Its heading."""
    return next(line for line in lesson.read_text("utf-8").splitlines() if line.startswith("# # "))[4:]


def write(folder: Path, seed: int, edition: str) -> list[Path]:
    """Write the lessons of one edition into a folder, reading the market beside or in that of the learners.

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


def given(node: nbformat.NotebookNode, market: Path) -> nbformat.NotebookNode:
    """Let a lesson read the market in a folder."""
    for cell in (c for c in node.cells if "parameters" in c.metadata.get("tags", [])):
        for name in ("data", "truth"):
            cell.source = cell.source.replace(
                f'{name}: str = "{name}"', f'{name}: str = "{(market / name).as_posix()}"'
            )
    return node


def answered(folder: Path) -> dict[Path, nbformat.NotebookNode]:
    """Find the learners' notebooks below a folder.

    Raises
    ------
    ValueError
        If there is none, one does not read, or one is of a lesson that is not there.
    """
    found = {}
    for place in sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts):
        try:
            node = nbformat.read(place, as_version=4)
        except Exception as wrong:
            raise ValueError(
                f"{place.relative_to(folder)}: is no notebook that reads ({type(wrong).__name__})."
            ) from wrong
        if node.metadata.get(OF, {}).get("edition") == LEARNER:
            found[place] = node
    if not found:
        raise ValueError(
            f"{folder}: no notebook of a course. Collect the learners' notebooks there, a folder for each learner."
        )
    names = {lesson.stem for lesson in lessons()}
    if unknown := sorted({n.metadata[OF]["lesson"] for n in found.values()} - names):
        raise ValueError(f"lessons {unknown} are not of this version; there are {sorted(names)}.")
    return found


def results(folder: Path, market: Callable[[int, Path], object]) -> pd.DataFrame:
    """Run the learners' notebooks below a folder on the market of their class, and judge their answers anew.

    The checks are those of the lesson, whatever a learner did to a check's cell, and so is the market. The learners' code
    runs with the rights of whoever calls this. Nothing in the folder is changed.

    Parameters
    ----------
    market : writes the market of a seed as ``data`` and ``truth`` into a folder

    Returns
    -------
    DataFrame, one row per notebook and exercise: file, lesson, exercise, state, words

    Raises
    ------
    ValueError
        As `answered`.
    """
    rows: list[dict[str, str]] = []
    notebooks = answered(folder)
    with temporary.folder() as place:
        made: dict[int, Path] = {}
        for file, node in notebooks.items():
            lesson, seed = LESSONS / f"{node.metadata[OF]['lesson']}.py", int(node.metadata[OF]["seed"])
            if seed not in made:
                market(seed, made.setdefault(seed, Path(place) / str(seed)))
            ran = kernels.rehearse(given(with_checks(node, twins.from_text(lesson)), made[seed]), made[seed])
            rows += judged(str(file.relative_to(folder)), lesson, ran)
    return pd.DataFrame(rows)


def with_checks(node: nbformat.NotebookNode, source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put the cells of a lesson that learners do not answer in place of what a notebook has there."""
    mine = {c.id: c for c in source.cells if {"check", "parameters"} & set(c.metadata.get("tags", []))}
    node = copy.deepcopy(node)
    node.cells = [copy.deepcopy(mine.get(c.get("id", ""), c)) for c in node.cells]
    return node


def judged(file: str, lesson: Path, ran: nbformat.NotebookNode) -> Iterable[dict[str, str]]:
    """Say what became of each exercise of a lesson that was run."""
    exercises = course.exercises(twins.from_text(lesson))
    found = course.verdicts(ran, {e.cells["check"][0].id for e in exercises})
    errors = [o["ename"] for c in ran.cells for o in c.get("outputs", []) if o.output_type == "error"]
    lost = f"The check did not run; errors in other cells: {errors[:3]}."
    for exercise in exercises:
        verdict = found.get(exercise.name, {"state": "cannot be checked", "words": lost})
        yield {"file": file, "lesson": lesson.stem, "exercise": exercise.name} | {
            k: verdict[k] for k in ("state", "words")
        }


def counted(judged: pd.DataFrame) -> pd.DataFrame:
    """Count the exercises of each notebook by state; one row per notebook."""
    states = pd.Categorical(judged["state"], categories=course.MARKS)
    return pd.crosstab(judged["file"], states, dropna=False).rename_axis(columns=None).reset_index()
