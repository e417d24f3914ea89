"""``notebooks.yml``: which notebooks there are, what they need, read, write and answer; ``claims.yml``: what they test;
``cycles.yml``: the rules of the buying cycles."""

import re
from collections.abc import Sequence
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from abmlib import places
from abmlib.tables import schema
from abmlib.tables.errors import TableError, first_cases, from_pydantic, shown
from abmlib.tables.settings import STRICT
from abmlib.tables.yaml_file import read_any, read_yaml

FILE = "notebooks.yml"
CLAIMS = "claims.yml"
CYCLES = "cycles.yml"
CLAIM = ["item", "claim", "tested_in", "how"]
CITED = ["item", "cited", "about"]
ITEM = re.compile(r"S[0-3]-\d+[a-f]?")
ANSWER = re.compile(r"table (?P<table>\w+)\.(?P<column>\w+)|measure (?P<measure>\w+)(?: by (?P<by>\w[\w ]*))?")


def _known(names: list[str]) -> list[str]:
    """Tables, and columns as table.column, of the schema."""
    tables = schema.importable()
    parts = [(name, name.partition(".")) for name in names]
    unknown = [n for n, (t, dot, c) in parts if t not in tables or (dot and c not in tables[t].columns)]
    if unknown:
        raise ValueError(f"names no table or column {first_cases(unknown)}. See the data dictionary.")
    return names


def _items(items: dict[str, str]) -> dict[str, str]:
    """Items of the method, by their number there."""
    if unknown := [item for item in items if not ITEM.fullmatch(item)]:
        raise ValueError(f"names no item of the method {first_cases(unknown)}. An item is written S1-22a.")
    return items


def _answers(answers: dict[str, str]) -> dict[str, str]:
    """Where each answer stands: a column of a table, or a measure."""
    if wrong := [f"{item}: {where}" for item, where in answers.items() if not ANSWER.fullmatch(where)]:
        raise ValueError(
            f"{first_cases(wrong)} must be 'table NAME.COLUMN', 'measure DEFINITION' or 'measure DEFINITION by "
            "GROUP_BY'. List a section under tells."
        )
    return answers


Tables = Annotated[list[str], AfterValidator(_known)]
Items = Annotated[dict[str, str], AfterValidator(_items)]


@dataclass(frozen=True, config=STRICT)
class Entry:
    """One notebook of the workbook."""

    notebook: Annotated[str, Field(pattern=r"^[\w-]+$")]
    step: str
    question: str
    needs: Tables
    uses: Tables
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    answers: Annotated[Items, AfterValidator(_answers)] = field(default_factory=dict)
    tells: Items = field(default_factory=dict)  # item -> section, where the item is a story and no number
    built: bool = False  # whether its file, or the text it is made from, exists

    @property
    def number(self) -> str:
        """The number in front; the name itself where there is none."""
        return schema.number_of(self.notebook) or self.notebook

    @property
    def sources(self) -> set[str]:
        """Numbers of the notebooks whose tables it reads."""
        return {number for name in self.reads if (number := schema.number_of(name))}


def load(path: Path) -> list[Entry]:
    """Read the catalogue, in run order.

    Raises
    ------
    ValueError
        If an entry has an unknown key, lacks one or has a value of another type, two have the same number, or one reads
        from a notebook that is not listed before it.
    """
    known = [f.name for f in fields(Entry) if f.name != "built"]
    entries: list[Entry] = []
    items = read_any(path)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TableError(f"{path.name}: must be a list of notebooks, each with names and values. Correct the file.")
    for item in items:
        name = shown(item.get("notebook", "an entry without a notebook"))
        there = any((path.parent / f"{name}{kind}").is_file() for kind in (".ipynb", ".py"))
        try:
            entry = Entry(**{str(key): value for key, value in item.items()} | {"built": there})
        except ValidationError as wrong:
            raise from_pydantic(wrong, f"{path.name}: {name}", known) from wrong
        numbers = [e.number for e in entries]
        if entry.number in numbers:
            raise TableError(f"{path.name}: number {entry.number} comes twice. Give each notebook its own.")
        if late := sorted(entry.sources - {*numbers}):
            raise TableError(f"{path.name}: {name} reads from {late}, which are not listed before it. Correct reads.")
        entries.append(entry)
    return entries


def frame(path: str | Path) -> pd.DataFrame:
    """Give the catalogue as a table, one row per notebook: ``notebook, step, question, needs, uses, built``."""
    rows = [asdict(entry) for entry in load(Path(path))]
    return pd.DataFrame(rows, columns=["notebook", "step", "question", "needs", "uses", "built"])


def choose(entries: Sequence[Entry], only: Sequence[str] = (), through: str | None = None) -> list[Entry]:
    """Choose what to run, in run order: all, some numbers with every notebook they read from, or all up to one.

    Notebooks that run once per account have no number and are not part of a report.

    Raises
    ------
    ValueError
        If a number does not exist or is not built, or both ways of choosing are used.
    """
    built = [e for e in entries if e.built and schema.number_of(e.notebook)]
    numbers = [e.number for e in built]
    if only and through:
        raise ValueError("--only and --through exclude each other. Use one of them.")
    if wrong := [n for n in [*only, *([through] if through else [])] if n not in numbers]:
        raise ValueError(f"no notebook {wrong}; there are {numbers}. Use these numbers.")
    if through:
        return [e for e in built if e.number <= through]
    wanted = set(only) or set(numbers)
    for entry in reversed(built):
        if entry.number in wanted:
            wanted |= entry.sources
    return [e for e in built if e.number in wanted]


def claims(path: str | Path) -> pd.DataFrame:
    """List what the method claims, and which notebook beside the file has a test of it; no claim is left out.

    Whether the data of a book are enough for a test, its notebook says: this list is the same for every book.

    If there is no such file, the one that comes with the package is read.

    Returns
    -------
    DataFrame, one row per claim, those with a test first and those on trust last: ``item, claim``, ``state`` (``test in NN``;
    ``later: NN``, if the notebook or its test does not exist yet; ``on trust``), ``how``, ``where`` (section or measure of
    the notebook)

    Raises
    ------
    ValueError
        If a claim has an unknown key or lacks one, or names a notebook that is not listed.
    """
    rows = evidence(path, "claims", CLAIM, ["where"])
    built = {e.number: e.built for e in load(Path(path).with_name(FILE))}
    if lost := [row for row in rows if row["tested_in"] and row["tested_in"] not in built]:
        raise ValueError(f"{CLAIMS}: {lost[0]['item']} is tested in {lost[0]['tested_in']!r}; there are {list(built)}.")

    def state(by: str, where: str) -> str:
        return "on trust" if not by else f"test in {by}" if built[by] and where else f"later: {by}"

    judged = [{"where": ""} | row | {"state": state(row["tested_in"], row.get("where", ""))} for row in rows]
    judged.sort(key=lambda row: (("test", "later:", "on").index(row["state"].split()[0]), row["state"]))
    return pd.DataFrame(judged, columns=["item", "claim", "state", "how", "where"])


def references(path: str | Path) -> pd.DataFrame:
    """List what the method's seeds cite, as cited there: ``item, cited, about``.

    If there is no such file, the one that comes with the package is read.

    Raises
    ------
    ValueError
        If an entry has an unknown key or lacks one.
    """
    return pd.DataFrame(evidence(path, "references", CITED), columns=CITED)


def evidence(path: str | Path, part: str, needed: Sequence[str], more: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read one part of the list of claims.

    Raises
    ------
    ValueError
        If a row lacks a key it needs, or has one that is neither needed nor among `more`, or a value is no text.
    """
    rows: list[dict[str, str]] = read_yaml(or_packaged(path)).get(part, "")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TableError(f"{CLAIMS}: {part} must be a list of items, each with names and values. Correct the file.")
    for row in rows:
        if wrong := [key for key, value in row.items() if not isinstance(value, str)]:
            raise TableError(f"{CLAIMS}: {shown(row.get('item', row))}: {wrong} must be text. Put it in quotes.")
        if not set(needed) <= set(row) <= {*needed, *more}:
            may = f" and may have {', '.join(more)}" if more else ""
            raise ValueError(f"{CLAIMS}: {row.get('item', row)} has keys {sorted(row)}; it needs {needed}{may}.")
    return rows


def rules(path: str | Path) -> dict[Any, Any]:
    """Read the rule file of the buying cycles; if there is no such file, the one that comes with the package.

    Raises
    ------
    ValueError
        If neither exists, or it is not YAML with names and values.
    """
    file = or_packaged(path)
    if not file.is_file():
        raise ValueError(f"{path}: there is no such rule file. Name one, such as {CYCLES}.")
    return read_yaml(file)


def or_packaged(path: str | Path) -> Path:
    """Give a file, or the one of its name that comes with the package if there is no such file."""
    file = Path(path)
    return file if file.is_file() else places.NOTEBOOKS / file.name
