"""Make each notebook from its text twin, run it on the sample and keep its outputs: ``python -m abmlib.pages.twins``."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupytext.config import load_jupytext_config
from rich.console import Console

from abmlib.pages import catalogue, kernels
from abmlib.tables import schema

WIDGET = "application/vnd.jupyter.widget-view+json"  # the kind of an output that is a slider or a form
MARK = "abm_made_from"  # metadata: hash of the sources as generated, to tell a person's edits from an older twin


def sources(node: nbformat.NotebookNode) -> list[tuple[str, str, list[str]]]:
    """Type, source and tags of each cell of a notebook; no outputs."""
    return [(c.cell_type, c.source, sorted(c.metadata.get("tags", []))) for c in node.cells]


def digest(node: nbformat.NotebookNode) -> str:
    """Hash the `sources` of a notebook."""
    return hashlib.sha256(json.dumps(sources(node)).encode()).hexdigest()[:16]


def from_text(text: Path) -> nbformat.NotebookNode:
    """Read a twin as a notebook, its cells numbered ``03-01``, ``03-02`` … so that making it anew changes no byte.

    It has the metadata that JupyterLab saves, except `language_info`, which comes from the kernel.
    """
    node = jupytext.read(text, fmt="py:percent", config=load_jupytext_config(str(text.resolve())))
    for number, cell in enumerate(node.cells, start=1):
        cell.id = f"{schema.number_of(text.stem) or 'dossier'}-{number:02d}"
    node.metadata.get("jupytext", {}).pop("text_representation", None)
    return node


def with_outputs(node: nbformat.NotebookNode, run: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give a notebook made from its twin the outputs of its run, and the mark of its sources."""
    for cell, ran in zip(node.cells, run.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    node.metadata |= {"language_info": run.metadata["language_info"], MARK: digest(node)}
    return node


def before_save(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Take out of a notebook that JupyterLab saves what differs from a run without people.

    That are sliders and forms, which only a person sees, and their state. The Python version that the notebook names stays, as it
    differs from machine to machine, and so do the numbers of its cells, which count how often a person ran any.
    ``make lab`` gives this function to JupyterLab as the hook that runs before a save.
    """
    place = Path(contents_manager.root_dir, path)
    if model["type"] != "notebook":
        return
    metadata, cells = model["content"]["metadata"], model["content"]["cells"]
    metadata.pop("widgets", None)
    for cell in (c for c in cells if c.get("outputs")):
        cell["outputs"] = [output for output in cell["outputs"] if WIDGET not in output.get("data", {})]
    if place.is_file():
        before = nbformat.read(place, as_version=4)
        language = before.metadata.get("language_info", {})
        metadata.get("language_info", {}).update({k: language[k] for k in ("version",) if k in language})
        numbers = {(c.get("id"), c.source): c.execution_count for c in before.cells if c.cell_type == "code"}
        for cell in (c for c in cells if (c.get("id"), c["source"]) in numbers):
            for numbered in (n for n in (cell, *cell["outputs"]) if "execution_count" in n):
                numbered["execution_count"] = numbers[cell.get("id"), cell["source"]]


def refuse_lost_edits(text: Path, notebook: Path) -> None:
    """Refuse to overwrite edits of a notebook that its twin lacks.

    Raises
    ------
    ValueError
        If its cells differ from the twin and are not what was last made from it.
    """
    if not notebook.is_file():
        return
    node = nbformat.read(notebook, as_version=4)
    present, wanted = sources(node), sources(jupytext.read(text, fmt="py:percent"))
    if node.metadata.get(MARK) == digest(node) or present == wanted:
        return
    differing = [i for i, (a, b) in enumerate(zip(present, wanted, strict=False), start=1) if a != b]
    raise ValueError(
        f"{notebook.name}: has edits that {text.name} lacks (first cells: {differing[:3]}). "
        f"Save them to the text with: jupytext --to py:percent {notebook.name}; or delete the notebook to drop them."
    )


def make(text: Path) -> kernels.Outcome:
    """Make one notebook from its twin and run it in its place.

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
        if outcome.status == "done":
            nbformat.write(with_outputs(node, nbformat.read(beside, as_version=4)), beside)
            beside.replace(notebook)
    finally:
        beside.unlink(missing_ok=True)
    return outcome


def main(folder: Path) -> None:
    """Make all notebooks of a folder in run order; stop at the first that fails."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for entry in catalogue.load(folder / catalogue.FILE):
        if (text := folder / f"{entry.notebook}.py").is_file():
            outcome = make(text)
            console.print(f"{entry.notebook}: {outcome.status} {outcome.words}", markup=False)
            if outcome.status != "done":
                sys.exit(1)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks"))
    except ValueError as wrong:
        sys.exit(str(wrong))
