"""Exercises of the course: judged by what must hold of an answer; learner and key editions are cut from one source by tags."""

import copy
import html
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Literal, get_args

import nbformat
from IPython.display import display

State = Literal["right", "wrong", "not attempted", "cannot be checked"]
KIND = "application/vnd.abm.verdict+json"  # kind of the output that holds a verdict
MARKS: dict[str, str] = dict(zip(get_args(State), "✓✗○?", strict=True))
PARTS = ("exercise", "answer", "hint", "solution", "wrong", "check")  # tags of the cells of an exercise, in their order
SEVERAL = {"hint", "wrong"}  # parts that may have more than one cell
OF_LEARNER, OF_KEY = {"solution", "wrong"}, {"answer"}  # parts that an edition lacks


@dataclass(frozen=True)
class Verdict:
    """What became of an exercise: its name, the state, and one sentence for the learner."""

    exercise: str
    state: State
    words: str


class check:
    """Judge an answer by the assertions in the block, each with a sentence that says what is wrong and not what is right.

    The first assertion that fails makes the answer wrong. Any other error means that it cannot be checked, such as a list
    where a number is asked for. An answer that is still ``...`` was not attempted, whatever the block says. The lesson goes
    on in every case, and the verdict is shown below the cell.

    Parameters
    ----------
    exercise : its name, as in the heading
    answer : what the learner found
    right : what a right answer teaches; it is shown with the verdict

    Raises
    ------
    KeyboardInterrupt
        And whatever else is no `Exception`: it passes through.

    Examples
    --------
    >>> from unittest import mock
    >>> with mock.patch("abmlib.pages.course.display"), check("1 Two and two", 5, "Sums hold.") as judged:
    ...     assert judged.answer < 5, "Too large."
    >>> judged.verdict.state, judged.verdict.words
    ('wrong', 'Too large.')
    """

    def __init__(self, exercise: str, answer: object, right: str) -> None:
        """Keep what is judged."""
        self.exercise, self.answer, self.right = exercise, answer, right
        self.verdict: Verdict | None = None

    def __enter__(self) -> "check":
        """Give this, so that tests can read the verdict."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        """Show the verdict; errors that are the learner's end here."""
        if error is not None and not isinstance(error, Exception):
            return False
        self.verdict = self._judged(error)
        words = f"{MARKS[self.verdict.state]} {self.verdict.state.capitalize()}. {self.verdict.words}"
        line = f"<p><strong>{html.escape(self.exercise)}:</strong> {html.escape(words)}</p>"
        display({KIND: asdict(self.verdict), "text/plain": f"{self.exercise}: {words}", "text/html": line}, raw=True)
        return True

    def _judged(self, error: Exception | None) -> Verdict:
        """Tell the four states apart."""
        if self.answer is ...:
            return Verdict(
                self.exercise, "not attempted", "Put your answer in place of the three dots, then run this cell again."
            )
        if error is None:
            return Verdict(self.exercise, "right", self.right)
        if isinstance(error, AssertionError):
            return Verdict(self.exercise, "wrong", str(error) or "Something that must hold does not.")
        given = f"Your answer is of type {type(self.answer).__name__}. Compare it with what the exercise asks for."
        return Verdict(self.exercise, "cannot be checked", f"{given} ({type(error).__name__})")


@dataclass
class Exercise:
    """The cells of one exercise, by part."""

    name: str
    cells: dict[str, list[nbformat.NotebookNode]] = field(default_factory=dict)


def exercises(node: nbformat.NotebookNode) -> list[Exercise]:
    """Find the exercises of a lesson.

    Each begins with a heading tagged ``exercise`` and has one stub (``answer``), hints, one solution, at least one wrong
    answer that begins with the sentence that refuses it (``# …``), and one check, which closes it and has its name: the
    heading up to a colon.

    Raises
    ------
    ValueError
        If a part is absent, out of order or there more often than it may be, or a part stands in no exercise.
    """
    found: list[Exercise] = []
    for cell in node.cells:
        for part in (p for p in PARTS if p in cell.metadata.get("tags", [])):
            if part == "exercise":
                found.append(Exercise(cell.source.splitlines()[0].lstrip("# ").partition(":")[0]))
            if not found or (part != "exercise" and "check" in found[-1].cells):
                raise ValueError(f"a cell tagged {part} belongs to no exercise: {cell.source.splitlines()[:1]}.")
            found[-1].cells.setdefault(part, []).append(cell)
    for exercise in found:
        lacking = [part for part in PARTS if part not in exercise.cells]
        double = [part for part, cells in exercise.cells.items() if len(cells) > 1 and part not in SEVERAL]
        unnamed = [c.source for c in exercise.cells.get("wrong", []) if not c.source.startswith("# ")]
        if (judge := exercise.cells.get("check")) and not re.search(
            rf'check\(\s*"{re.escape(exercise.name)}"', judge[0].source
        ):
            raise ValueError(f"{exercise.name}: its check has another name.")
        if lacking or double or unnamed or list(exercise.cells) != list(PARTS):
            raise ValueError(
                f"{exercise.name}: lacks {lacking}, has more than one of {double}, wrong answers without a sentence: {len(unnamed)}, "
                f"parts in the order {list(exercise.cells)}. An exercise has {list(PARTS)}, in this order."
            )
    return found


def edition(source: nbformat.NotebookNode, key: bool) -> nbformat.NotebookNode:
    """Cut the edition of a lesson for learners, or the one with solutions and common wrong answers.

    Raises
    ------
    ValueError
        As `exercises`, and if the lesson has none.
    """
    if not exercises(source):
        raise ValueError("a lesson without an exercise.")
    node, lacks = copy.deepcopy(source), OF_KEY if key else OF_LEARNER
    node.cells = [c for c in node.cells if not lacks & set(c.metadata.get("tags", []))]
    for number, cell in enumerate(node.cells):
        tags: Sequence[str] = cell.metadata.get("tags", [])
        if "check" in tags and not key:
            cell.metadata["jupyter"] = {"source_hidden": True}
        if "hint" in tags:
            cell.source = folded("Hint", cell.source)
        if "wrong" in tags:
            sentence, _, code = cell.source.partition("\n")
            text = f"*A common wrong answer.* {sentence.lstrip('# ')}\n\n```python\n{code}\n```"
            node.cells[number] = nbformat.v4.new_markdown_cell(text, id=cell.id, metadata=cell.metadata)
    return node


def folded(title: str, text: str) -> str:
    """Put markdown under a title that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def verdicts(node: nbformat.NotebookNode, checks: Collection[str]) -> dict[str, dict[str, Any]]:
    """Read the verdicts that stand in a lesson that was run, by exercise.

    Parameters
    ----------
    checks : ids of the cells that may give one
    """
    outputs = (o.get("data", {}) for c in node.cells if c.get("id") in checks for o in c.get("outputs", []))
    return {data[KIND]["exercise"]: data[KIND] for data in outputs if KIND in data}
