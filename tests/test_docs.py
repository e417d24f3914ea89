"""README and data dictionary say what is true."""

import re

import pytest

from abmlib.cli import app
from tests import docs
from tests.conftest import ROOT


@pytest.mark.parametrize(("file", "mark"), list(docs.generated()))
def test_generated_parts_are_up_to_date(file, mark):
    page = (ROOT / file).read_text("utf-8")
    assert docs.put(page, mark, docs.generated()[file, mark]) == page, "Run: make docs"


def test_a_page_without_its_mark_is_refused():
    with pytest.raises(ValueError, match="nothing: the mark stands 0 times"):
        docs.put("page", "nothing", "part")


def test_the_readme_names_every_verb_of_the_command_and_no_other():
    block = (ROOT / "README.md").read_text("utf-8").split("## The command")[1].split("## The notebooks")[0]
    named = set(re.findall(r"^abm (\w+)", block, re.M))
    assert named == {c.name or c.callback.__name__ for c in app.registered_commands}


def test_links_of_the_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "data/README.md", ROOT / "reports/README.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), link


def test_ci_runs_the_readmes_test_command():
    assert "make test" in (ROOT / ".ci/run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
