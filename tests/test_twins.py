"""Notebooks opened and saved in JupyterLab, through its own contents manager and without a browser."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ipykernel.ipkernel import IPythonKernel
from jupyter_client.kernelspec import get_kernel_spec
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupytext.async_contentsmanager import build_async_jupytext_contents_manager_class
from traitlets.config import Config

from abmlib.pages.twins import WIDGET
from tests.conftest import ROOT

HOOK = re.findall(r"--ContentsManager.pre_save_hook=(\S+)", (ROOT / "Makefile").read_text())[0]
TEXTS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The notebooks with their text twins, and one in the folder of a run."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    for to in ("lab/notebooks", "lab/reports/run/notebooks"):
        (tmp_path / to).mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", tmp_path / "lab/notebooks")
    for text in TEXTS:
        shutil.copy(text, tmp_path / "lab/notebooks")
        shutil.copy(text.with_suffix(".ipynb"), tmp_path / "lab/notebooks")
    shutil.copy(TEXTS[0].with_suffix(".ipynb"), tmp_path / "lab/reports/run/notebooks/00_run.ipynb")
    return tmp_path / "lab"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but JupyterLab's checkpoints, which git ignores."""
    files = [p for p in folder.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def run_again(content: dict) -> None:
    """What JupyterLab holds after a person ran the cells twice, and one of them gave a slider: a view, and its state beside it."""
    for cell in (c for c in content["cells"] if c["cell_type"] == "code"):
        for numbered in (n for n in (cell, *cell["outputs"]) if n.get("execution_count")):
            numbered["execution_count"] += 50
    cell = next(c for c in content["cells"] if c["cell_type"] == "code" and not c["outputs"])
    data = {"text/plain": "VBox()", WIDGET: {"model_id": "1", "version_major": 2, "version_minor": 0}}
    cell["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}]
    content["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}


def saved(
    folder: Path,
    path: str,
    python: str = "",
    hook: str = "",
    added: str = "",
    done: Callable[[dict], None] | None = None,
) -> None:
    """Open and save a notebook as JupyterLab 4.6 does: its kernel and language become those of the kernel it started.

    That runs the Python the notebook names, or another.
    """
    given = {"pre_save_hook": hook} if hook else {}
    manager = build_async_jupytext_contents_manager_class(AsyncLargeFileManager)(
        root_dir=str(folder), config=Config({"ContentsManager": given})
    )
    model, kernel = asyncio.run(manager.get(path)), get_kernel_spec("python3")
    named = {"name": "python3", "display_name": kernel.display_name, "language": kernel.language}
    metadata = model["content"]["metadata"]
    language = IPythonKernel.language_info | {"version": python or metadata["language_info"]["version"]}
    metadata |= {"kernelspec": named, "language_info": language}
    model["content"]["cells"][0]["source"] += added
    if done:
        done(model["content"])
    asyncio.run(manager.save(model, path))


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
@pytest.mark.parametrize(("python", "hook"), [("", ""), ("3.99.0", HOOK)], ids=["same python", "another python"])
def test_opening_and_saving_a_notebook_changes_no_byte(folder, text, python, hook):
    before = contents(folder)
    saved(folder, f"notebooks/{text.stem}.ipynb", python, hook)
    assert contents(folder) == before


def test_what_only_a_person_sees_is_not_saved(folder):
    path = f"notebooks/{TEXTS[0].stem}.ipynb"
    before = contents(folder)
    saved(folder, path, hook=HOOK, done=run_again)
    assert contents(folder) == before
    saved(folder, path, done=run_again)  # without the hook it is
    assert contents(folder) != before


def test_a_cell_edited_in_jupyterlab_is_edited_in_the_text_and_nothing_else_is(folder):
    text = folder / "notebooks" / TEXTS[0].name
    before = text.read_text("utf-8")
    saved(folder, f"notebooks/{text.stem}.ipynb", added="\n\nMore.")
    assert text.read_text("utf-8") == before.replace("\n\n# %% tags", "\n#\n# More.\n\n# %% tags", 1)


def test_a_notebook_of_a_run_gets_no_text_twin(folder):
    before = set(contents(folder))
    saved(folder, "reports/run/notebooks/00_run.ipynb")
    assert set(contents(folder)) == before
