"""Make each notebook from its text twin, run it on the sample and keep its outputs: ``python -m abmlib.pages.twins``."""

import hashlib
import json
import sys
from pathlib import Path

import jupytext
import nbformat
from rich.console import Console

from abmlib.pages import catalogue, kernels

MARK = "abm_made_from"  # metadata: hash of the sources as generated, to tell a person's edits from an older twin


def sources(node: nbformat.NotebookNode) -> list[tuple[str, str, list[str]]]:
    """What a notebook says, outputs aside: type, source and tags of each cell."""
    return [(c.cell_type, c.source, sorted(c.metadata.get("tags", []))) for c in node.cells]


def digest(node: nbformat.NotebookNode) -> str:
    """Hash of `sources`."""
    return hashlib.sha256(json.dumps(sources(node)).encode()).hexdigest()[:16]


def from_text(text: Path) -> nbformat.NotebookNode:
    """Read a twin as a notebook, its cells numbered ``03-01``, ``03-02`` … so that making it anew changes no byte."""
    node = jupytext.read(text, fmt="py:percent")
    for number, cell in enumerate(node.cells, start=1):
        cell.id = f"{text.stem[:2] if text.stem[:2].isdigit() else 'dossier'}-{number:02d}"
    node.metadata = nbformat.from_dict({"kernelspec": node.metadata["kernelspec"], "language_info": {"name": "python"}})
    return node


def refuse_lost_edits(text: Path, notebook: Path) -> None:
    """Pass if the notebook holds nothing its twin lacks.

    Raises
    ------
    ValueError
        If its cells differ from the twin and are not what was last made from it.
    """
    if not notebook.is_file():
        return
    there, wanted = nbformat.read(notebook, as_version=4), jupytext.read(text, fmt="py:percent")
    made = there.metadata.get(MARK)
    if made == digest(there) or sources(there) == sources(wanted):
        return
    differing = [i + 1 for i, (a, b) in enumerate(zip(sources(there), sources(wanted), strict=False)) if a != b]
    raise ValueError(
        f"{notebook.name}: holds edits that {text.name} lacks (first cells: {differing[:3]}). "
        f"Save them to the text with: jupytext --to py:percent {notebook.name}; or delete the notebook to drop them."
    )


def make(text: Path) -> kernels.Outcome:
    """Make one notebook from its twin and run it where it lies.

    Raises
    ------
    ValueError
        If the notebook holds edits its twin lacks.
    """
    notebook = text.with_suffix(".ipynb")
    refuse_lost_edits(text, notebook)
    node, beside = from_text(text), text.with_name(f".{text.stem}.tmp.ipynb")
    nbformat.write(node, beside)
    try:
        outcome = kernels.execute(beside, beside, {})
        run = nbformat.read(beside, as_version=4)
        run.metadata[MARK] = digest(run)
        if outcome.status == "done":
            nbformat.write(run, beside)
            beside.replace(notebook)
    finally:
        beside.unlink(missing_ok=True)
    return outcome


def main(folder: Path) -> int:
    """Make all notebooks of a folder in run order; stop at the first that fails."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for entry in catalogue.load(folder / catalogue.FILE):
        text = folder / f"{entry.notebook}.py"
        if not text.is_file():
            continue
        try:
            outcome = make(text)
        except ValueError as wrong:
            console.print(str(wrong), style="red", markup=False)
            return 2
        console.print(f"{entry.notebook}: {outcome.status} {outcome.words}", markup=False)
        if outcome.status != "done":
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks")))
