"""Exercises of the course: judged by what must hold of an answer; learner and key editions are cut from one source by tags."""

import copy
import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Literal, get_args

import nbformat
import pandas as pd
from IPython.display import display

State = Literal["right", "wrong", "not attempted", "cannot be checked"]
KIND = "application/vnd.abm.verdict+json"  # kind of the output that holds a verdict
MARKS: dict[str, str] = dict(zip(get_args(State), "✓✗○?", strict=True))
PARTS = ("exercise", "answer", "hint", "solution", "wrong", "check")  # tags of the cells of an exercise, in their order
ASKED = "is asked for"  # end of the sentence of a TypeError that a check shows to the learner
SEVERAL = {"hint", "wrong"}  # parts that may have more than one cell
PROSE = {"exercise", "hint"}  # parts that are markdown
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
        try:
            said = str(error)
        except Exception:  # of the learner's own
            said = ""
        if isinstance(error, AssertionError):
            return Verdict(self.exercise, "wrong", said or "Something that must hold does not.")
        asked = said if said.endswith(ASKED) else "compare it with what the exercise asks for"
        given = f"Your answer is of type {type(self.answer).__name__}"
        return Verdict(self.exercise, "cannot be checked", f"{given}; {asked} ({type(error).__name__}).")


def off(answer: Any, other: "float | pd.Series") -> float:
    """Largest difference of an answer from a number or a Series; 1 where its rows are others.

    Raises
    ------
    TypeError
        If it is no number, or no Series where one is asked for.
    """
    if not isinstance(other, pd.Series):
        if not pd.api.types.is_number(answer):
            raise TypeError(f"a number {ASKED}")
        return float(abs(float(answer) - other))
    if not isinstance(answer, pd.Series):
        raise TypeError(f"a Series {ASKED}")
    alike = set(answer.dropna().index) == set(other.dropna().index)
    return float((answer.astype(float) - other).abs().max()) if alike else 1.0


def name_mistake(
    answer: Any, right: "float | pd.Series", within: float, mistakes: "Mapping[str, float | pd.Series]"
) -> None:
    """Refuse a known mistake in its own words, the nearest first.

    Parameters
    ----------
    within : how far from a mistake an answer still is that mistake, unless it is as near to the right one
    mistakes : what each sentence refuses

    Raises
    ------
    AssertionError
        With the sentence.
    """
    far = [(off(answer, other), words) for words, other in mistakes.items()]
    near = [(d, words) for d, words in far if d <= within and not off(answer, right) <= d]
    if near:
        raise AssertionError(min(near, key=lambda one: one[0])[1])


@dataclass
class Exercise:
    """The cells of one exercise, by part."""

    name: str
    cells: dict[str, list[nbformat.NotebookNode]] = field(default_factory=dict)


def exercises(node: nbformat.NotebookNode) -> list[Exercise]:
    """Find the exercises of a lesson.

    Each begins with a heading tagged ``exercise`` and has one stub (``answer``, with ``...``), hints, one solution, at least one
    wrong answer that begins with the sentence that refuses it (``# …``), and one check, which closes it and has its name: the
    heading up to a colon. Headings and hints are markdown, the others code.

    Raises
    ------
    ValueError
        If a part is absent, of another kind, out of order or there more often than it may be, or stands in no exercise; if two
        exercises have one name; or if a tag is unknown.
    """
    found: list[Exercise] = []
    for cell in node.cells:
        tags = set(cell.metadata.get("tags", []))
        if unknown := tags - {*PARTS, "parameters"}:
            raise ValueError(f"the tags {sorted(unknown)} are unknown. A lesson has {[*PARTS, 'parameters']}.")
        for part in (p for p in PARTS if p in tags):
            if part == "exercise":
                found.append(Exercise(cell.source.partition("\n")[0].lstrip("# ").partition(":")[0]))
            if not found or (part != "exercise" and "check" in found[-1].cells):
                raise ValueError(f"a cell tagged {part} belongs to no exercise: {cell.source.splitlines()[:1]}.")
            found[-1].cells.setdefault(part, []).append(cell)
    for exercise in found:
        if faults := _faults(exercise) + ["a name that another has"] * (
            [e.name for e in found].count(exercise.name) > 1
        ):
            raise ValueError(f"{exercise.name}: {'; '.join(faults)}. An exercise has {list(PARTS)}, in this order.")
    return found


def _faults(exercise: Exercise) -> list[str]:
    """What is wrong with the parts of an exercise."""
    cells, faults = exercise.cells, []
    if lacking := [part for part in PARTS if part not in cells]:
        return [f"lacks {lacking}"]
    if list(cells) != list(PARTS):
        faults.append(f"parts in the order {list(cells)}")
    if double := [part for part, several in cells.items() if len(several) > 1 and part not in SEVERAL]:
        faults.append(f"more than one of {double}")
    if other := [part for part, all_ in cells.items() if {c.cell_type == "markdown" for c in all_} != {part in PROSE}]:
        faults.append(f"cells of another kind: {other}")
    if not re.search(r"= \.\.\.$", cells["answer"][0].source, re.M):
        faults.append("no ... in the answer")
    if any(not re.match(r"# \w.*\n+\S", c.source) for c in cells["wrong"]):
        faults.append("a wrong answer without a sentence or code")
    if not re.search(rf'^with check\(\s*"{re.escape(exercise.name)}"', cells["check"][0].source, re.M):
        faults.append("its check has another name")
    return faults


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


def verdicts(node: nbformat.NotebookNode, checks: Collection[str]) -> dict[str, dict[str, str]]:
    """Read the verdicts that stand in a lesson that was run, by exercise; what has not the form of one is none.

    Parameters
    ----------
    checks : ids of the cells that may give one
    """
    outputs = (o.get("data", {}) for c in node.cells if c.get("id") in checks for o in c.get("outputs", []))
    shown = (data[KIND] for data in outputs if KIND in data)
    whole = [
        v
        for v in shown
        if isinstance(v, dict) and all(isinstance(v.get(k), str) for k in ("exercise", "state", "words"))
    ]
    return {v["exercise"]: v for v in whole if v["state"] in MARKS}
