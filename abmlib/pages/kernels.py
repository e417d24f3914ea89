"""Run one notebook with given parameters, whole or with a readable error; all that touches papermill."""

import ast
import contextlib
import io
import logging
import os
import re
import tempfile
import threading
import time
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from abmlib.tables.errors import NO_ROOM

if TYPE_CHECKING:
    from traitlets.config import Config

READERS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: {"true": True, "false": False}[str(text).lower()],
}
LONGEST_PLACE = 70  # letters of a folder in which a socket can still be named
HEAVY = ("papermill",)  # imported only where a notebook is run
logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of what `parameters` reads well
TYPES = r"(str|int|float|bool)|list\[(str|int|float|bool)\]"
MARKERS = {"papermill-error-cell-tag"}


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended: ``done``, ``not_answerable``, ``failed`` or ``skipped``; seconds, and words where it did not."""

    status: str
    seconds: float
    words: str = ""


def parameters(notebook: Path) -> dict[str, Parameter]:
    """Read the parameters a notebook has, in its order, from its cell tagged ``parameters``.

    papermill's own reader passes over a line whose help holds an equals sign, and takes no type; hence not it.

    Raises
    ------
    ValueError
        If a line of the cell is not ``name: type = default``, the type one of str, int, float, bool or a list of one.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    source = next((c.source for c in cells if "parameters" in c.metadata.get("tags", [])), "")
    helps = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for line in ast.parse(source).body:
        kind = ast.unparse(line.annotation) if isinstance(line, ast.AnnAssign) else ""
        if not isinstance(line, ast.AnnAssign) or line.value is None or not re.fullmatch(TYPES, kind):
            raise ValueError(
                f"{notebook.name}: {ast.unparse(line)!r} is no parameter. Write name: type = default  # help, "
                "with str, int, float, bool or a list of one as type."
            )
        name = ast.unparse(line.target)
        found[name] = Parameter(name, kind, ast.literal_eval(line.value), helps.get(line.lineno, ""))
    return found


def read_value(parameter: Parameter, given: Any) -> Any:
    """Read a value from a command line or file as the parameter's type; lists may be comma-separated text.

    Raises
    ------
    ValueError
        If it does not read as that type.

    Examples
    --------
    >>> read_value(Parameter("tier", "str", "1", ""), "007"), read_value(Parameter("roles", "list[str]", [], ""), "a,b")
    ('007', ['a', 'b'])
    """
    kind = parameter.type
    try:
        if kind.startswith("list["):
            items = (
                given if isinstance(given, list) else [part.strip() for part in str(given).split(",") if part.strip()]
            )
            return [read_value(Parameter(parameter.name, kind[5:-1], None, ""), item) for item in items]
        if isinstance(given, list | dict) or (kind in {"int", "float"} and isinstance(given, bool)) or given is None:
            raise ValueError
        if kind == "int" and float(given) != int(float(given)):
            raise ValueError
        value = READERS[kind](given)
        if kind == "float" and value != value:
            raise ValueError
        return value
    except (ValueError, KeyError, TypeError, OverflowError) as wrong:
        raise ValueError(f"{parameter.name} must be {kind}, got {given!r}. Its help: {parameter.help}.") from wrong


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read given values as the notebook's types and refuse names it does not have; papermill itself only warns.

    Raises
    ------
    ValueError
        If a name is unknown or a value is of another type.
    """
    known = parameters(notebook)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{notebook.stem} has no parameter {unknown}; it has {sorted(known)}.")
    return {name: read_value(known[name], value) for name, value in given.items()}


def execute(notebook: Path, to: Path, given: Mapping[str, Any], timeout: int | None = None) -> Outcome:
    """Run `notebook` with checked parameters in its own folder and leave the result at `to`, whatever happens.

    A notebook that raises ``NotAnswerable`` is a success of its own kind; the cells after it are cut from the result. A
    kernel that dies, or a cell that ends the program, is a failure even though no cell raised.
    """
    import papermill as pm
    from papermill.exceptions import PapermillExecutionError

    start, failure, status = time.perf_counter(), "", "done"
    try:
        with transport() as config:
            pm.execute_notebook(
                as_path(notebook), as_path(to), parameters=dict(given), kernel_name="python3", cwd=str(notebook.parent),
                progress_bar=False, request_save_on_cell_execute=False, autosave_cell_every=0, execution_timeout=timeout,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"], config=config,
                shutdown_kernel="immediate",
            )  # fmt: skip
    except PapermillExecutionError as error:
        status = "not_answerable" if error.ename == "NotAnswerable" else "failed"
        failure = error.evalue if status == "not_answerable" else f"{error.ename}: {error.evalue}"
    except Exception as error:  # a dead kernel, a time limit: papermill raises what its client raised
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise  # half a notebook is there, and no page can be made of it
        status, failure = "failed", f"{type(error).__name__}: {error}"
    node = nbformat.read(to if to.is_file() else notebook, as_version=4)
    pending = [c for c in node.cells if c.cell_type == "code" and c.source.strip() and c.execution_count is None]
    if status == "done" and pending:
        status, failure = "failed", f"{len(pending)} cell(s) did not run: the program was ended from inside a cell."
    if status == "failed" and not any(o.output_type == "error" for c in node.cells for o in c.get("outputs", [])):
        node.cells.append(error_cell(failure))
    nbformat.write(settle(node, cut=status == "not_answerable"), to)
    return Outcome(status, round(time.perf_counter() - start, 2), strip_ansi(failure))


def as_path(file: Path) -> str:
    """Write a path so that papermill, which puts parameters into braces, leaves it as it is."""
    return str(file).replace("{", "{{").replace("}", "}}")


@contextlib.contextmanager
def transport() -> "Iterator[Config]":
    """How to talk to a kernel: by sockets that only its user may open, where there are such.

    Of kernels that start at once two may be given one port, and then neither answers (papermill issues 239, 511).
    """
    from traitlets.config import Config

    with tempfile.TemporaryDirectory(prefix="abm-") as place:
        named = os.name != "nt" and has_room_for_sockets(place)
        yield Config({"KernelManager": {"transport": "ipc", "ip": f"{place}/kernel"}} if named else {})


def has_room_for_sockets(place: str) -> bool:
    """Say whether the name of a folder is short enough for sockets in it."""
    return len(os.fsencode(place)) < LONGEST_PLACE


def end_with(process: int) -> None:
    """End this process, and its kernel with it, within a second of another one."""

    def watch() -> None:
        while True:
            time.sleep(1)
            try:
                os.kill(process, 0)
            except OSError:
                os._exit(1)

    if os.name != "nt":  # where to ask would be to end it
        threading.Thread(target=watch, daemon=True).start()


def error_cell(words: str) -> nbformat.NotebookNode:
    """A cell that shows why the notebook ended where no cell says it."""
    output = nbformat.v4.new_output("error", ename="NotFinished", evalue=words, traceback=[words])
    return nbformat.v4.new_code_cell("", id="not-finished", outputs=[output])


def settle(node: nbformat.NotebookNode, cut: bool) -> nbformat.NotebookNode:
    """Take out what differs between two equal runs (times, random ids, paths), and papermill's own error markers."""
    cells = [c for c in node.cells if not MARKERS & set(c.metadata.get("tags", []))]
    if cut:
        stops = [i for i, c in enumerate(cells) if any(o.output_type == "error" for o in c.get("outputs", []))]
        cells = cells[: stops[0] + 1] if stops else cells
    for cell in cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    node.cells = cells
    node.metadata = nbformat.from_dict(
        {k: node.metadata[k] for k in ("kernelspec", "language_info") if k in node.metadata}
    )
    return node


def strip_ansi(text: str) -> str:
    """Take terminal colours out of a message."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
