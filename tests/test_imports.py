"""What a notebook imports: nothing that takes its time and serves another question."""

import json
import subprocess
import sys

import jupytext

from abmlib.pages import catalogue
from tests.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"
FORBIDDEN = {"ibis", "pandera", "duckdb", "scipy.stats"}  # a function that needs scipy.stats loads it when it is called
ALSO = {"15_executive_summary": {"matplotlib"}}  # draws nothing
ASKED = """import json, sys
for name, cell in json.loads(sys.stdin.read()):
    exec(cell, {})
    print(json.dumps([name, sorted(sys.modules)]))
"""


def import_cell(name: str) -> str:
    """The first cell after the parameters."""
    cells = [c for c in jupytext.read(NOTEBOOKS / f"{name}.py", fmt="py:percent").cells if c.cell_type == "code"]
    return next(c.source for c in cells if "parameters" not in c.metadata.get("tags", []))


def test_no_notebook_imports_what_its_question_does_not_need():
    built = [e.notebook for e in catalogue.load(NOTEBOOKS / catalogue.FILE) if e.built]
    order = sorted(
        built, key=lambda name: name not in ALSO
    )  # those that may import least come first: one process for all
    cells = json.dumps([(name, import_cell(name)) for name in order])
    done = subprocess.run([sys.executable, "-c", ASKED], input=cells, capture_output=True, text=True, check=True)
    loaded = {name: set(modules) for name, modules in map(json.loads, done.stdout.splitlines())}
    assert list(loaded) == order
    for name, modules in loaded.items():
        assert "pandas" in modules  # the cell is the one that imports
        assert not modules & (FORBIDDEN | ALSO.get(name, set())), name
