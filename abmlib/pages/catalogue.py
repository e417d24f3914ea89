"""``notebooks.yml``: which notebooks there are, what they need, read, write and answer; ``claims.yml``: what they test;
``cycles.yml``: the rules of the buying cycles."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from abmlib import places

FILE = "notebooks.yml"
CLAIMS = "claims.yml"
CYCLES = "cycles.yml"
CLAIM = {"item", "claim", "tested_in", "how"}
CITED = ["item", "cited", "about"]


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


def lacking(present: Collection[str], *tables: str) -> str:
    """Say what a section lacks and what to export for it; empty where every table is there.

    Parameters
    ----------
    present : tables with a row

    Examples
    --------
    >>> lacking({"accounts"}, "accounts", "contacts")
    'Not in this source: contacts. Export it to fill this section.'
    """
    missing = [t.replace("_", " ") for t in tables if t not in present]
    it = "it" if len(missing) == 1 else "them"
    return f"Not in this source: {', '.join(missing)}. Export {it} to fill this section." if missing else ""


def claims(path: str | Path) -> pd.DataFrame:
    """Give what the method claims, and which notebook of those beside the file tests it; no claim is left out.

    Where there is no such file the one that comes with the package is read.

    Returns
    -------
    DataFrame, one row per claim, those tested first and those on trust last: ``item, claim``, ``state`` (``tested in NN``;
    ``later: NN``, where the notebook or its test is still to come; ``on trust``), ``how``, ``where`` (section or measure of
    the notebook)

    Raises
    ------
    ValueError
        If a claim has an unknown key or lacks one, or names a notebook that is not listed.
    """
    rows, listed = _evidence(Path(path), "claims"), load(Path(path).with_name(FILE))
    built = {e.number: e.built for e in listed}
    for row in rows:
        if not set(row) >= CLAIM or not set(row) <= {*CLAIM, "where"}:
            raise ValueError(
                f"{CLAIMS}: {row.get('item', row)} has keys {sorted(row)}; it needs {sorted(CLAIM)} and may have where."
            )
        if row["tested_in"] and row["tested_in"] not in built:
            raise ValueError(f"{CLAIMS}: {row['item']} is tested in {row['tested_in']!r}; there are {list(built)}.")
    states = [_state(row["tested_in"], built.get(row["tested_in"], False) and bool(row.get("where"))) for row in rows]
    table = pd.DataFrame(rows, columns=[*sorted(CLAIM), "where"]).fillna({"where": ""}).assign(state=states)
    kind = {"tested": "0", "later:": "1", "on": "2"}
    table = table.sort_values(
        "state", key=lambda s: s.str.split().str[0].map(kind) + s, kind="stable", ignore_index=True
    )
    return table[["item", "claim", "state", "how", "where"]]


def references(path: str | Path) -> pd.DataFrame:
    """Give what the method's seeds cite, as cited there: ``item, cited, about``.

    Where there is no such file the one that comes with the package is read.

    Raises
    ------
    ValueError
        If an entry has an unknown key or lacks one.
    """
    rows = _evidence(Path(path), "references")
    if wrong := [row for row in rows if set(row) != set(CITED)]:
        raise ValueError(f"{CLAIMS}: {len(wrong)} references do not have keys {CITED} (first: {wrong[0]}).")
    return pd.DataFrame(rows, columns=CITED)


def _state(by: str, tested: bool) -> str:
    """Say where a claim stands."""
    return "on trust" if not by else f"tested in {by}" if tested else f"later: {by}"


def _evidence(path: Path, part: str) -> list[dict[str, str]]:
    """One part of the list of claims."""
    return yaml.safe_load(_own(path).read_text("utf-8"))[part]


def _own(path: Path) -> Path:
    """The file given, or the one of its name that comes with the package where there is none."""
    return path if path.is_file() else places.NOTEBOOKS / path.name


def rules(path: str | Path) -> dict[str, Any]:
    """Read the rule file of the buying cycles; where there is no such file, the one that comes with the package.

    Raises
    ------
    ValueError
        If it is not YAML, or holds no names and values.
    """
    file = _own(Path(path))
    if not file.is_file():
        raise ValueError(f"{path}: there is no such rule file. Name one, such as {CYCLES}.")
    try:
        given = yaml.safe_load(file.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise ValueError(f"{file.name}: not readable as YAML: {wrong}. Correct the file.") from wrong
    if not isinstance(given, dict):
        raise ValueError(f"{file.name}: must hold names and values, got {type(given).__name__}. Correct the file.")
    return given


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
