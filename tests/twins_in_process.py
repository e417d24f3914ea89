"""Text twins run in this process, cell by cell: what a report would show, without starting a kernel for each notebook.

The kernel is ipykernel's own, so outputs are those of a report. The runner itself is tested on stubs, in test_run.
"""

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from ipykernel.inprocess import BlockingInProcessKernelClient, InProcessKernelManager

from abmlib.pages import catalogue, kernels, parameters, site, twins
from abmlib.tables.book import SHARED
from tests.conftest import NOTEBOOKS

RUN = {"title": "t", "as_of": ""}  # what a page says of its run
NOT_SHOWN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # by Python outside tests


@dataclass(frozen=True)
class Ran:
    """One notebook that ran: its cells with outputs as a report has them, and its status."""

    node: nbformat.NotebookNode
    status: str
    words: str

    @property
    def page(self) -> str:
        """Its HTML page."""
        return site.page(self.node, "t", RUN, self.status, self.words)

    @property
    def text(self) -> str:
        """What its cells show, as plain text."""
        outputs = [o for c in self.node.cells for o in c.get("outputs", [])]
        return "\n".join([*(o.get("data", {}).get("text/plain", o.get("text", "")) for o in outputs), self.words])


@functools.cache
def kernel() -> tuple[InProcessKernelManager, BlockingInProcessKernelClient]:
    """Start the one kernel of this process."""
    environment = dict(os.environ)
    manager = InProcessKernelManager()
    manager.start_kernel()
    manager.kernel.shell.history_manager.enabled = False
    for name in set(os.environ) - set(environment):  # a kernel asks programs for colours; other tests want none
        del os.environ[name]
    os.environ.update(environment)
    client = manager.client()
    client.start_channels()
    return manager, client


@contextlib.contextmanager
def as_in_a_kernel() -> Iterator[None]:
    """Run in the folder of the notebooks, draw into cells, and write warnings to their stderr: pytest would keep them."""
    shell, backend, to_stderr = kernel()[0].kernel.shell, plt.get_backend(), logging.lastResort
    shell.reset(new_session=False)
    with contextlib.chdir(NOTEBOOKS), warnings.catch_warnings():
        warnings.resetwarnings()
        for category in NOT_SHOWN:
            warnings.simplefilter("ignore", category)
        warnings.showwarning = lambda *a, **_: sys.stderr.write(warnings.formatwarning(*a[:4]))
        logging.getLogger().addHandler(to_stderr)
        shell.enable_matplotlib("inline")
        try:
            yield
        finally:
            plt.close("all")
            plt.switch_backend(backend)
            plt.ioff()
            logging.getLogger().removeHandler(to_stderr)


def outputs(source: str) -> list[nbformat.NotebookNode]:
    """Execute one cell."""
    client = kernel()[1]
    asked, found = client.execute(source, allow_stdin=False), []  # nobody sits there, as in a report
    while True:
        message = client.get_iopub_msg(timeout=120)  # that of a stream does not say which cell it is of
        kind, state = message["msg_type"], message["content"].get("execution_state")
        if kind in {"stream", "display_data", "execute_result", "error"}:
            found.append(nbformat.v4.output_from_msg(message))
        if state == "idle" and message["parent_header"]["msg_id"] == asked:
            return found


def run_one(name: str, given: Mapping[str, object]) -> Ran:
    """Run one twin with given parameters; as the runner, end at the first error and take NotAnswerable for a success."""
    node = twins.from_text(NOTEBOOKS / f"{name}.py")
    (place,) = [i for i, c in enumerate(node.cells) if "parameters" in c.metadata.get("tags", [])]
    source = "\n".join(f"{n} = {v!r}" for n, v in given.items())
    node.cells.insert(place + 1, nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]}))
    status, words = "done", ""
    with as_in_a_kernel():
        for count, cell in enumerate((c for c in node.cells if c.cell_type == "code"), start=1):
            cell.outputs, cell.execution_count = outputs(cell.source), count
            if errors := [o for o in cell.outputs if o.output_type == "error"]:
                status = "not_answerable" if errors[0].ename == "NotAnswerable" else "failed"
                words = kernels.strip_ansi(errors[0].evalue)
                break
    return Ran(kernels.settle(node, cut=status == "not_answerable"), status, words)


def run(data: Path, as_of: str, tables: Path, only: Sequence[str] = (), **given: object) -> dict[str, Ran]:
    """Run the built notebooks, or some by number, one after the other; give each by its number.

    Parameters
    ----------
    given : parameters of the notebooks that have them

    Raises
    ------
    AssertionError
        If a notebook fails, or does not leave the tables it promises.
    """
    chosen = catalogue.choose(catalogue.load(NOTEBOOKS / catalogue.FILE), only)
    assigned, ran = parameters.assign((), None, chosen, NOTEBOOKS, given), {}
    for entry in chosen:
        own = {"data": str(data), "as_of": as_of, "tables": str(tables)}
        one = run_one(entry.notebook, assigned[entry.notebook] | own)
        assert one.status != "failed", f"{entry.notebook}: {one.words}"
        for name in (*entry.writes, *(f"{entry.number}_{shared}" for shared in SHARED)):
            assert (tables / f"{name}.parquet").is_file(), f"{entry.notebook} ended without writing {name}"
        ran[entry.number] = one
    return ran
