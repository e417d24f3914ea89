"""Parameters of notebooks: those that each one has, and the values given in the workbook, in a file and on the command line."""

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from abmlib.pages import catalogue
from abmlib.pages.catalogue import Entry
from abmlib.tables.days import MOST_DAYS
from abmlib.tables.errors import TableError, shown
from abmlib.tables.yaml_file import read_yaml

RESERVED = {"data": "--data", "as_of": "--as-of", "tables": "--out"}
TYPES = r"(str|int|float|bool)|list\[(str|int|float|bool)\]"
READERS: dict[str, Any] = {"str": str, "int": int, "float": float,
                           "bool": lambda text: {"true": True, "yes": True, "false": False, "no": False}[str(text).lower()]}  # fmt: skip
# The least and most of a number, by how its parameter's name ends; its default is allowed too, as 0 months is for all.
LIMITS: dict[str, tuple[float, float]] = {
    "horizon_days": (1, 3_650), "can_work": (1, 1e6), "_months": (1, 600), "horizons": (1, 600), "_days": (0, MOST_DAYS), "_margin": (0, 1),
    "max_decline": (-1e12, 1e12), "effect": (-1e12, 1e12), "": (0, 1e12),
}  # fmt: skip
NEAREST = 5  # parameters named where one is not known
Given = tuple[str, str, Any]  # number or name of the notebook, empty for all; parameter; value


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


def declared(notebook: Path) -> dict[str, Parameter]:
    """Read the parameters of a notebook, in its order, from its cell tagged ``parameters``.

    papermill's own reader skips a line whose help contains an equals sign, and it returns no types.

    Raises
    ------
    ValueError
        If the file is no notebook, no cell has that tag, or a line of the cell is not ``name: type = default``, the type
        one of str, int, float, bool or a list of one.
    """
    source = _cell(notebook)
    try:
        lines = ast.parse(source, "parameters cell").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        raise TableError(f"{notebook.name}: {shown(wrong)}. Correct it as Python.") from wrong
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    helps = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    parameters = {}
    for line in lines:
        match line:
            case ast.AnnAssign(ast.Name(name), annotation, ast.expr() as value) if re.fullmatch(
                TYPES, kind := ast.unparse(annotation)
            ) and _is_of(kind, default := _literal(value)):
                parameters[name] = Parameter(name, kind, default, helps.get(line.lineno, ""))
            case _:
                raise TableError(
                    f"{notebook.name}: {shown(ast.unparse(line))!r} is no parameter. Write name: type = default  # help, "
                    "with str, int, float, bool or a list of one as type, and a default of that type."
                )
    return parameters


def _cell(notebook: Path) -> str:
    """Give the source of a notebook's parameters cell."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
        tagged = [str(c.source) for c in cells if "parameters" in c.metadata.get("tags", [])]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, nbformat.ValidationError) as wrong:
        raise TableError(f"{notebook.name}: is no notebook of Jupyter. Save it again, or remove it.") from wrong
    if not tagged:
        raise TableError(f"{notebook.name}: no cell has the tag parameters. Tag the one that sets them.")
    return tagged[0]


def _is_of(kind: str, value: Any) -> bool:
    """Say whether a value is of a parameter's type."""
    if kind.startswith("list["):
        return isinstance(value, list) and all(_is_of(kind[5:-1], item) for item in value)
    return type(value).__name__ in (kind, "int" if kind == "float" else kind)


def _literal(value: ast.expr) -> Any:
    """Give the value that is written; None if it has to be computed."""
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError):
        return None


def read_value(parameter: Parameter, given: Any) -> Any:
    """Read a value from a command line or file as the parameter's type; lists may be comma-separated text.

    Raises
    ------
    ValueError
        If it does not read as that type, or is a number outside its `LIMITS`.

    Examples
    --------
    >>> read_value(Parameter("tier", "str", "1", ""), "007"), read_value(Parameter("roles", "list[str]", [], ""), "a,b")
    ('007', ['a', 'b'])
    """
    name, kind = parameter.name, parameter.type
    if kind.startswith("list["):
        items = given if isinstance(given, list) else [t for t in map(str.strip, str(given).split(",")) if t]
        return [read_value(replace(parameter, type=kind[5:-1]), item) for item in items]
    try:
        is_number = kind in {"int", "float"}
        if isinstance(given, list | dict | None) or (is_number and (isinstance(given, bool) or "_" in str(given))):
            raise ValueError
        value = READERS[kind](given)
        if kind == "int" and isinstance(given, float) and value != given:
            raise ValueError
    except (ValueError, KeyError, TypeError, OverflowError) as wrong:
        raise ValueError(f"{name} must be {kind}, got {shown(repr(given))}. Its help: {parameter.help}.") from wrong
    least, most = next(limits for end, limits in LIMITS.items() if name.endswith(end))
    if isinstance(parameter.default, int | float) and parameter.default < 0:  # whose author means numbers below 0
        least = -most
    if kind in ("int", "float") and not (least <= value <= most or value == parameter.default):
        raise ValueError(f"{name} must be {least:,.0f} to {most:,.0f}, got {shown(given)}. Its help: {parameter.help}.")
    return value


def assign(
    line: Iterable[str], file: Path | None, chosen: Sequence[Entry], folder: Path, shared: Mapping[Any, Any]
) -> dict[str, dict[str, Any]]:
    """Give each chosen notebook its parameters: ``name=value`` to all that have it, ``06.name=value`` to one.

    A file contains the same in YAML: names, and numbers of notebooks with names below them. The command line overrides
    the file, and the file overrides the workbook; within each, a value for one notebook overrides the value for all.
    The file and the workbook may have values for notebooks that do not run now; these are checked too.

    Parameters
    ----------
    line : values of the command line
    shared : parameters of the workbook, in the form of a file

    Returns
    -------
    dict: of each chosen notebook, by its name, the values given, each of its parameter's type

    Raises
    ------
    ValueError
        If no notebook has a parameter of that name (on the command line: none that runs), if the command sets it itself,
        or if a value is of another type.
    """
    every = [e for e in catalogue.load(folder / catalogue.FILE) if e.built]
    known = {e.notebook: declared(folder / f"{e.notebook}.ipynb") for e in every}
    values: dict[str, dict[str, Any]] = {e.notebook: {} for e in chosen}
    layers = [(from_yaml(shared), every), (from_yaml(read_yaml(file) if file else {}), every)]
    for layer, allowed in [*layers, (from_line(line), chosen)]:
        refuse_unknown(layer, allowed, known)
        for e in chosen:
            for place in ("", e.notebook, e.number):
                values[e.notebook] |= {n: v for to, n, v in layer if to == place and n in known[e.notebook]}
    return {e: {n: read_value(known[e][n], v) for n, v in given.items()} for e, given in values.items()}


def refuse_unknown(layer: Iterable[Given], allowed: Sequence[Entry], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a parameter that no allowed notebook has, or that the command sets itself; papermill only warns.

    Raises
    ------
    ValueError
        If there is one.
    """
    for to, name, _ in layer:
        if not (notebooks := [e for e in allowed if to in ("", e.number, e.notebook)]):
            raise ValueError(f"parameters for {[shown(to)]}, which do not run; running: {[e.number for e in allowed]}.")
        if name in RESERVED:
            raise ValueError(f"{name} is set by {RESERVED[name]}. Use that instead of -p.")
        names = {n for e in notebooks for n in known[e.notebook]}
        if name not in names and to:
            raise ValueError(f"{notebooks[0].notebook} has no parameter {[shown(name)]}; {_nearest(name, names)}")
        if name not in names:
            raise ValueError(f"no notebook that runs has parameter {[shown(name)]}; {_nearest(name, names)}")


def _nearest(name: str, names: Iterable[str]) -> str:
    """Name the parameters that are spelt most like a name, and say how to list all."""
    near = difflib.get_close_matches(name, sorted(set(names) - set(RESERVED)), NEAREST, cutoff=0.3)
    return f"nearest: {', '.join(near)}. " * bool(near) + "abm params 03 lists those of notebook 03."


def from_line(given: Iterable[str]) -> list[Given]:
    """Read ``name=value`` and ``06.name=value``.

    Raises
    ------
    ValueError
        If a text has no equals sign.
    """
    values: list[Given] = []
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"-p {shown(text)}: no value. Write name=value or 06.name=value.")
        to, dot, rest = name.strip().partition(".")
        values.append((to, rest, value) if dot else ("", to, value))
    return values


def from_yaml(given: Mapping[Any, Any]) -> list[Given]:
    """Read names with values, and numbers or names of notebooks with names and values below them."""
    named = {f"{k:02d}" if isinstance(k, int) else str(k): v for k, v in given.items()}
    wide: list[Given] = [("", k, v) for k, v in named.items() if not isinstance(v, dict)]
    return wide + [(k, n, v) for k, below in named.items() if isinstance(below, dict) for n, v in below.items()]
