"""Run one notebook with given parameters, complete or with a readable error; the only module that uses papermill and its client."""

import contextlib
import logging
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from abmlib.tables import temporary
from abmlib.tables.errors import NO_ROOM

if TYPE_CHECKING:
    from traitlets.config import Config

LONGEST_CELL = 120  # seconds that a cell of a learner may take
LONGEST_PLACE = 70  # bytes of a folder's name up to which a socket in it can still be named
MARKERS = {"papermill-error-cell-tag"}
END_WITH_PARENT = (
    "__import__('ctypes').CDLL(None).prctl(1, 9) or None"  # PR_SET_PDEATHSIG: also while a cell lets no thread run
)
KERNEL = [
    "--IPKernelApp.log_level=CRITICAL",
    *([f'--IPKernelApp.exec_lines=["{END_WITH_PARENT}"]'] if sys.platform == "linux" else []),
]
# folders of an absolute path in a text, which may have blanks where it is quoted; a colour may come before it
PLACE = re.compile(
    r"(?:(?P<before>\x1b\[[\d;]*m)|(?<![\w./:<…]))(?P<quote>(?<=['\"]))?(?P<folders>(?:~?/|[A-Za-z]:[/\\])"
    r"(?(quote)(?:[^/\\'\"\n]+[/\\]+)+|(?:[^/\\\s'\":<>\x1b]+[/\\]+)+))"
)
KEPT = ("kernelspec", "language_info")  # metadata of an executed notebook
logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of lines that `parameters.declared` reads well


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended: ``done``, ``not_answerable``, ``failed`` or ``skipped``; seconds, and the reason if not done."""

    status: str
    seconds: float
    words: str = ""

    @property
    def ok(self) -> bool:
        """Whether its tables can be used."""
        return self.status in {"done", "not_answerable"}


def execute(notebook: Path, to: Path, given: Mapping[str, Any]) -> Outcome:
    """Run `notebook` with checked parameters in its own folder and write the result to `to`, whatever happens.

    A notebook that raises ``NotAnswerable`` is a success of its own kind; the cells after it are cut from the result. A
    kernel that dies, or a cell that ends the program, is a failure even though no cell raised.

    Raises
    ------
    OSError
        If the disk is full: half a notebook is there, and no page can be made of it.
    """
    import papermill as pm
    from papermill.exceptions import PapermillExecutionError

    start, failure, status = time.perf_counter(), "", "done"
    try:
        with transport() as config:
            pm.execute_notebook(
                as_path(notebook), as_path(to), parameters=dict(given), kernel_name="python3", cwd=str(notebook.parent),
                progress_bar=False, request_save_on_cell_execute=False, autosave_cell_every=0, config=config,
                extra_arguments=KERNEL, shutdown_kernel="immediate",
            )  # fmt: skip
    except PapermillExecutionError as error:
        status = "not_answerable" if error.ename == "NotAnswerable" else "failed"
        failure = error.evalue if status == "not_answerable" else f"{error.ename}: {error.evalue}"
    except Exception as error:  # a dead kernel: papermill raises what its client raised
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        status, failure = "failed", f"{type(error).__name__}: {error}"
    node = nbformat.read(to if to.is_file() else notebook, as_version=4)
    pending = [c for c in node.cells if c.cell_type == "code" and c.source.strip() and c.execution_count is None]
    if status == "done" and pending:
        status, failure = "failed", f"{len(pending)} cell(s) did not run: the program was ended from inside a cell."
    if status == "failed" and not any(map(shows_error, node.cells)):
        output = nbformat.v4.new_output("error", ename="NotFinished", evalue=failure, traceback=[failure])
        node.cells.append(nbformat.v4.new_code_cell("", id="not-finished", outputs=[output]))
    nbformat.write(settle(node, cut=status == "not_answerable"), to)
    return Outcome(status, round(time.perf_counter() - start, 2), without_places(strip_ansi(failure)))


def rehearse(node: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run the cells of a notebook in a folder, those after an error too, and give it with the outputs it came to.

    It runs in a process of its own, which ends with this call in whatever way.
    """
    with worker() as process:
        try:
            done: nbformat.NotebookNode = process.submit(_rehearsed, node, folder).result()
        except BaseException:
            end_workers()
            raise
    return done


def _rehearsed(node: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run the cells, in the process of a worker."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

    for cell in (c for c in node.cells if c.cell_type == "code"):
        cell.outputs, cell.execution_count = [], None
    with transport() as config, contextlib.suppress(CellControlSignal, DeadKernelError):
        NotebookClient(
            node, timeout=LONGEST_CELL, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3", config=config,
            extra_arguments=KERNEL, resources={"metadata": {"path": str(folder)}},
        ).execute()  # fmt: skip
    return node


def as_path(file: Path) -> str:
    """Write a path so that papermill, which puts parameters into braces, does not change it."""
    return str(file).replace("{", "{{").replace("}", "}}")


def shows_error(cell: nbformat.NotebookNode) -> bool:
    """Say whether an output of a cell is an error."""
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def settle(node: nbformat.NotebookNode, cut: bool) -> nbformat.NotebookNode:
    """Remove what differs between two equal runs (times, random ids, paths), and papermill's own error markers.

    Parameters
    ----------
    cut : remove also the cells after the first error
    """
    cells = [c for c in node.cells if not MARKERS & set(c.metadata.get("tags", []))]
    errors = [number for number, cell in enumerate(cells, start=1) if shows_error(cell)]
    node.cells = cells[: errors[0]] if cut and errors else cells
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
        for output in cell.get("outputs", []):
            for part in {"text", "evalue"} & output.keys():
                output[part] = without_places(output[part])
            if "traceback" in output:
                output["traceback"] = [*map(without_places, output["traceback"])]
    node.metadata = nbformat.from_dict({k: v for k, v in node.metadata.items() if k in KEPT})
    return node


def strip_ansi(text: str) -> str:
    """Remove terminal colours from a message."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def without_places(text: str) -> str:
    """Shorten the paths in a message or traceback, so that it does not tell where on whose machine it was made.

    Examples
    --------
    >>> without_places("/home/me/lib/site-packages/pandas/io/sql.py:7 No such file: '/home/me/my data/accounts.csv' (and/or)")
    "…/pandas/io/sql.py:7 No such file: '…/my data/accounts.csv' (and/or)"
    """

    def shortened(found: re.Match[str]) -> str:
        folders = re.split(r"[/\\]+", found["folders"].rstrip("/\\"))
        roots = [at for at, name in enumerate(folders) if name == "abmlib" or "site-packages" in folders[at - 1 : at]]
        return "/".join([f"{found['before'] or ''}…", *folders[roots[-1] if roots else -1 :], ""])

    return PLACE.sub(shortened, text)


# -- processes --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def transport() -> "Iterator[Config]":
    """Say how to talk to a kernel: by sockets that only its user may open, where the system has them.

    Two kernels that start at the same time may get the same port, and then neither answers (papermill issues 239, 511).
    """
    from traitlets.config import Config

    with temporary.folder() as place:
        named = os.name != "nt" and has_room_for_sockets(str(place))
        sockets = {"transport": "ipc", "ip": f"{place}/kernel"} if named else {}
        yield Config({"KernelManager": {"connection_file": f"{place}/kernel.json"} | sockets})


def has_room_for_sockets(place: str) -> bool:
    """Say whether the name of a folder is short enough for sockets in it."""
    return len(os.fsencode(place)) < LONGEST_PLACE


def end_workers() -> None:
    """End every worker of this process, and its kernel with it, in the middle of a notebook."""
    for process in multiprocessing.active_children():
        process.kill()


def worker() -> Executor:
    """Give an executor with one process, for one notebook: a process that dies takes no other notebook with it."""
    server = "forkserver" in multiprocessing.get_all_start_methods() and has_room_for_sockets(tempfile.gettempdir())
    context = multiprocessing.get_context("forkserver" if server else "spawn")
    if server:
        context.set_forkserver_preload([__name__, "papermill"])  # imported once for all
    os.umask(mask := os.umask(0o077))
    return ProcessPoolExecutor(1, context, end_with_parent, (mask,))


def end_with_parent(mask: int) -> None:
    """End this process, and its kernel with it, when the one that started it ends, in whatever way.

    Parameters
    ----------
    mask : rights that files made here lack, as in the one that started it
    """
    os.umask(mask)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
