"""abm init: a folder to work in, and what an upgrade does to it."""

import json

import nbformat
import pytest
from typer.testing import CliRunner

from abmlib import places
from abmlib.cli import app
from abmlib.pages import parameters, workspace
from abmlib.tables import schema
from tests.conftest import ROOT


@pytest.fixture
def upgrade(tmp_path, monkeypatch):
    """Two versions of the package's parts: of each file, one that changes and one that stays."""

    def version(number: int) -> None:
        content = {"mappings/changes.yml": f"version: {number}\n", "mappings/stays.yml": "same\n"}
        monkeypatch.setattr(workspace, "parts", lambda: ((p, c.encode()) for p, c in content.items()))

    version(1)
    workspace.init(tmp_path / "w")
    version(2)
    return tmp_path / "w"


def test_a_new_folder_has_notebooks_mappings_sample_workbook_and_templates(tmp_path):
    done = workspace.init(tmp_path / "w")
    assert set(done.values()) == {"made"}
    assert {"workbook.yml", "README.md", ".gitignore", "programme/targets.csv", "programme/README.md"} | {
        "data/sample/accounts.csv"
    } <= set(done)
    assert {f"mappings/{p.name}" for p in (ROOT / "data" / "mappings").glob("*.yml")} <= set(done)
    assert {f"notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")} <= set(done)
    assert (tmp_path / "w" / "programme" / "targets.csv").read_text().startswith("period,owner_id,measure_id")
    templates = {p.stem for p in (tmp_path / "w" / "programme").glob("*.csv")}
    assert templates == set(schema.PROGRAMME) - {"forgotten"}
    assert workspace.init(tmp_path / "w") == {}


def test_its_notebooks_read_the_workbook_on_its_latest_day_and_hold_no_output(tmp_path):
    workspace.init(tmp_path / "w")
    for path in sorted((tmp_path / "w" / "notebooks").glob("*.ipynb")):
        found, known = parameters.declared(path), parameters.declared(ROOT / "notebooks" / path.name)
        assert (found["data"].default, found["as_of"].default) == ("../workbook.yml", "latest-data")
        assert {n: p.help for n, p in found.items()} == {n: p.help for n, p in known.items()}
        assert not any(c.get("outputs") for c in nbformat.read(path, as_version=4).cells)


def test_an_upgrade_replaces_what_nobody_changed_and_says_so(upgrade):
    assert workspace.init(upgrade) == {"mappings/changes.yml": "updated"}
    assert (upgrade / "mappings" / "changes.yml").read_text() == "version: 2\n"
    assert workspace.init(upgrade) == {}


def test_an_upgrade_leaves_a_person_s_edit_and_puts_the_new_version_beside_once(upgrade):
    (upgrade / "mappings" / "changes.yml").write_text("mine\n")
    (upgrade / "mappings" / "stays.yml").write_text("mine too\n")
    assert workspace.init(upgrade) == {"mappings/changes.new.yml": "beside yours"}
    assert (upgrade / "mappings" / "changes.yml").read_text() == "mine\n"
    assert (upgrade / "mappings" / "stays.yml").read_text() == "mine too\n"
    assert workspace.init(upgrade) == {}


def test_what_a_person_removed_or_added_stays_so(upgrade):
    (upgrade / "mappings" / "changes.yml").unlink()
    (upgrade / "mappings" / "own.yml").write_text("own\n")
    assert workspace.init(upgrade) == {}
    assert not (upgrade / "mappings" / "changes.yml").exists()
    assert (upgrade / "mappings" / "own.yml").read_text() == "own\n"


def test_workbook_and_programme_are_a_person_s_from_the_first_moment(upgrade):
    (upgrade / "workbook.yml").write_text("data: elsewhere\n")
    (upgrade / "programme" / "targets.csv").unlink()
    assert workspace.init(upgrade) == {"mappings/changes.yml": "updated"}
    assert (upgrade / "workbook.yml").read_text() == "data: elsewhere\n"
    assert not (upgrade / "programme" / "targets.csv").exists()


def test_running_a_notebook_is_no_edit_and_changing_a_cell_is(tmp_path):
    workspace.init(tmp_path)
    place = "notebooks/03_key_accounts.ipynb"
    before = workspace.mark(place, (tmp_path / place).read_bytes())
    node = nbformat.read(tmp_path / place, as_version=4)
    node.cells[2].outputs = [nbformat.v4.new_output("stream", text="ran")]
    assert workspace.mark(place, nbformat.writes(node).encode()) == before
    node.cells[2].source += "\n1"
    assert workspace.mark(place, nbformat.writes(node).encode()) != before
    assert workspace.mark(place, b"no notebook") != before


def test_a_folder_that_holds_something_else_is_refused_and_left(tmp_path):
    (tmp_path / "thesis.doc").write_text("x")
    with pytest.raises(
        ValueError, match=r"holds 1 files and no workbook \(first: \['thesis.doc'\]\). Give a new folder."
    ):
        workspace.init(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_from_init_to_report_in_two_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["init", "w"])
    assert made.exit_code == 0, made.output
    monkeypatch.chdir(tmp_path / "w")
    ran = CliRunner().invoke(app, ["run", "--only", "03"])
    assert ran.exit_code == 0, ran.output
    record = json.loads((tmp_path / "w" / "reports" / "latest" / "run.json").read_text())
    assert (record["complete"], record["data"]) == (True, "sample")
    (cell,) = [
        c
        for c in nbformat.read(tmp_path / "w/reports/latest/notebooks/03_key_accounts.ipynb", as_version=4).cells
        if "injected-parameters" in c.metadata.get("tags", [])
    ]
    assert 'data = "../../../workbook.yml"' in cell.source
    again = CliRunner().invoke(app, ["init", "."])
    assert "nothing to bring up to date" in " ".join(again.output.split())


def test_the_package_knows_where_its_parts_lie():
    assert (places.NOTEBOOKS, places.SAMPLE) == (ROOT / "notebooks", ROOT / "data" / "sample")
