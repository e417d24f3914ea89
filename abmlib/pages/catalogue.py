"""``notebooks.yml``: which notebooks there are, what they need, read, write and answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import pandas as pd
import yaml

FILE = "notebooks.yml"


@dataclass(frozen=True)
class Entry:
    """One notebook of the workbook."""

    notebook: str
    step: str
    question: str
    needs: list[str]
    uses: list[str]
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    built: bool = False  # is its file, or the text it is made from, there

    @property
    def number(self) -> str:
        """The two digits in front; the name itself where there are none."""
        return self.notebook[:2] if self.notebook[:2].isdigit() else self.notebook


def load(path: Path) -> list[Entry]:
    """Read the catalogue, in run order.

    Raises
    ------
    ValueError
        If an entry has an unknown key, lacks one, or a number comes twice.
    """
    raw = yaml.safe_load(path.read_text("utf-8"))
    known = {f.name for f in fields(Entry)} - {"built"}
    for item in raw:
        if not {"notebook", "step", "question", "needs", "uses"} <= set(item) <= known:
            raise ValueError(
                f"{path.name}: {item.get('notebook', item)} has keys {sorted(item)}; it may have {sorted(known)}."
            )
    entries = [
        Entry(**item, built=any((path.parent / f"{item['notebook']}{kind}").is_file() for kind in (".ipynb", ".py")))
        for item in raw
    ]
    numbers = [e.number for e in entries]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{path.name}: a number comes twice in {numbers}. Give each notebook its own.")
    return entries


def frame(path: str | Path) -> pd.DataFrame:
    """Give the catalogue as a table, one row per notebook: ``notebook, step, question, needs, uses, built``."""
    rows = [(e.notebook, e.step, e.question, e.needs, e.uses, e.built) for e in load(Path(path))]
    return pd.DataFrame(rows, columns=["notebook", "step", "question", "needs", "uses", "built"])


def choose(entries: Sequence[Entry], only: Sequence[str] = (), through: str | None = None) -> list[Entry]:
    """Choose what to run, in run order: all, some numbers with every notebook they read from, or all up to one.

    Notebooks run once per account (without a number) are not part of a report run.

    Raises
    ------
    ValueError
        If a number is not there or not built, or both ways of choosing are used.
    """
    there = [e for e in entries if e.built and e.number.isdigit()]
    numbers = [e.number for e in there]
    if only and through:
        raise ValueError("--only and --through exclude each other. Use one of them.")
    wrong = [n for n in [*only, *([through] if through else [])] if n not in numbers]
    if wrong:
        raise ValueError(f"no notebook {wrong}; there are {numbers}. Use these numbers.")
    if through:
        return [e for e in there if e.number <= through]
    wanted = set(only) or set(numbers)
    for entry in reversed(there):
        if entry.number in wanted:
            wanted |= {name[:2] for name in entry.reads if name[:2].isdigit()}
    return [e for e in there if e.number in wanted]


def readme_table(entries: Sequence[Entry]) -> str:
    """Write the README's table of notebooks in Markdown."""
    lines = ["| notebook | framework step | question it answers | needs | status |", "|---|---|---|---|---|"]
    for e in entries:
        state = "here" if e.built else "planned"
        lines.append(f"| {e.notebook} | {e.step} | {e.question} | {', '.join(e.needs)} | {state} |")
    return "\n".join(lines) + "\n"
