"""House style that protects readers, held against every notebook and module."""

import ast
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml

from abmlib.pages import catalogue
from abmlib.pages.twins import MARK, digest, from_text, sources
from abmlib.tables import schema
from tests.conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"
TEXTS = sorted(NOTEBOOKS.glob("*.py"))
ENTRIES = {e.notebook: e for e in catalogue.load(NOTEBOOKS / catalogue.FILE)}
DEFINED = yaml.safe_load((ROOT / "data" / "measures.yml").read_text("utf-8"))
MODULES = sorted((ROOT / "abmlib").rglob("*.py"))
each_notebook = pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(ROOT)))


def cells_of(text: Path) -> list[nbformat.NotebookNode]:
    return jupytext.read(text, fmt="py:percent").cells


def tagged(cells: list, tag: str) -> list:
    return [c for c in cells if tag in c.metadata.get("tags", [])]


def called(text: Path, method: str) -> list[ast.Call]:
    """Every `book.<method>(…)`."""
    nodes = [n for c in cells_of(text) if c.cell_type == "code" for n in ast.walk(ast.parse(c.source))]
    return [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func).rpartition(".")[2] == method]


def calls(text: Path, method: str) -> list[list]:
    """Constant arguments of every `book.<method>(…)`."""
    return [[a.value for a in node.args if isinstance(a, ast.Constant)] for node in called(text, method)]


def parameters_of(text: Path) -> dict[str, str]:
    """The line of each parameter, by its name."""
    (cell,) = tagged(cells_of(text), "parameters")
    return {line.partition(":")[0]: line for line in cell.source.splitlines()}


def shared_but_not_given(texts: list[Path]) -> list[str]:
    """Parameters that two notebooks have and one of them does not give to `Book.open` by name."""
    own = {"data", "as_of", "tables", "previous"}  # of one book, and not of what it computes
    have = {text: set(parameters_of(text)) - own for text in texts}
    given = {text: {f"{k.arg}={ast.unparse(k.value)}" for k in called(text, "open")[0].keywords} for text in texts}
    shared = [(t, name) for t in texts for name in have[t] if any(name in have[o] for o in texts if o != t)]
    return sorted(f"{t.stem}: {name}" for t, name in shared if f"{name}={name}" not in given[t])


def test_there_are_notebooks_to_judge():
    assert {t.stem for t in TEXTS} == {e.notebook for e in ENTRIES.values() if e.built}
    assert len(TEXTS) >= 2


@each_notebook
def test_opens_with_one_title_and_one_decision(text):
    cells = cells_of(text)
    titles = [c for c in cells if c.cell_type == "markdown" and re.match(r"# ", c.source)]
    assert titles == [cells[0]]
    assert cells[0].source.count("**Decision.**") == 1
    assert cells[0].source.splitlines()[0].lower().endswith(ENTRIES[text.stem].question.lower())


@each_notebook
def test_every_parameter_has_a_type_a_default_and_a_help_comment(text):
    cells = cells_of(text)
    (parameters,) = tagged(cells, "parameters")
    assert parameters is cells[1]
    code = "\n".join(c.source for c in cells[2:] if c.cell_type == "code")
    for line in parameters.source.splitlines():
        assert re.fullmatch(r"\w+: [\w\[\], |]+ = .+  # .+", line), line
        assert line.count("=") == 1, f"papermill passes over a line with two equals signs: {line}"
        name = line.partition(":")[0]
        assert re.search(rf"\b{name}\b", code), f"{name} is never used"


def test_one_parameter_has_one_meaning_in_all_notebooks():
    lines = [line for text in TEXTS for line in parameters_of(text).values()]
    names = [line.partition(":")[0] for line in sorted(set(lines))]
    assert sorted(set(names)) == sorted(names), "two notebooks have another default or help for one name"


def test_a_book_knows_every_parameter_that_another_notebook_has_too(tmp_path):
    assert shared_but_not_given(TEXTS) == []
    text = (
        '# %% tags=["parameters"]\ndata: str = ""\nfloor: float = 0.1\n{}: int = 1\n\n# %%\nbook = Book.open(data{})\n'
    )
    made = [("01_a", "a", ", floor=floor"), ("02_b", "b", ", floor=0.1"), ("03_c", "c", "")]
    for name, own, given in made:
        (tmp_path / f"{name}.py").write_text(text.format(own, given))
    assert shared_but_not_given(sorted(tmp_path.glob("*.py"))) == ["02_b: floor", "03_c: floor"]


@each_notebook
def test_no_figure_is_typed_into_prose(text):
    for cell in cells_of(text):
        if cell.cell_type == "markdown":
            assert not re.search(r"\d[\d,.]*\s?(%|percent|[$€£])|[$€£]\s?\d", cell.source), cell.source


@each_notebook
def test_notebooks_define_nothing(text):
    banned = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    code = [c.source for c in cells_of(text) if c.cell_type == "code"]
    assert len(code) > 5
    for source in code:
        assert not [n for n in ast.walk(ast.parse(source)) if isinstance(n, banned)], source


@each_notebook
def test_closes_with_what_to_decide_and_then_writes(text):
    cells = cells_of(text)
    heads = [c.source.splitlines()[0] for c in cells if c.cell_type == "markdown"]
    assert heads[-1] == "## What to decide"
    assert "show.decisions(" in cells[-2].source
    assert tagged(cells, "decide") == [cells[-2]]  # the page lifts it, with the words above it
    assert cells[-1].source.startswith("book.write(")


@each_notebook
def test_no_two_decisions_have_one_name(text):
    slugs = [a[0] for a in calls(text, "decide") if a]
    assert sorted(set(slugs)) == sorted(slugs)


@each_notebook
def test_imports_public_names_of_the_rooms_only(text):
    for cell in cells_of(text):
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom):
                    assert node.module.split(".")[0] in {"abmlib"}, node.module
                    assert not any(a.name.startswith("_") for a in node.names)
                if isinstance(node, ast.Attribute):
                    assert not node.attr.startswith("_"), node.attr


ANSWERS = "decision_status"  # is entered after a report; a source that lacks it has no gap


@each_notebook
def test_the_catalogue_says_what_the_notebook_does(text):
    entry, title = ENTRIES[text.stem], cells_of(text)[0].source
    assert [a[0] for a in calls(text, "write")] == entry.writes
    assert {a[0] for a in calls(text, "earlier")} == set(entry.reads)
    assert all(schema.number_of(name) < entry.number for name in entry.reads)
    assert calls(text, "need") == [entry.needs]
    assert [[ast.literal_eval(k.value) for k in n.keywords] for n in called(text, "need")] == [[entry.writes]]
    read = {a[0] for a in calls(text, "read")}
    assert read <= {*entry.needs, *entry.uses, ANSWERS}
    assert f"**Needs** {', '.join(entry.needs)}." in title
    for name in entry.writes:
        assert f"`{name}`" in title


@each_notebook
def test_every_answer_named_in_the_catalogue_is_there(text):
    entry = ENTRIES[text.stem]
    heads = [line for c in cells_of(text) if c.cell_type == "markdown" for line in c.source.splitlines()]
    assert entry.answers, "a notebook that answers nothing"
    for item, where in entry.answers.items():  # that they hold a value is seen in the report on the sample: test_run
        found = catalogue.ANSWER.fullmatch(where)
        if table := found["table"]:
            assert table in entry.writes, f"{item}: table {table} is not written"
            assert found["column"] in schema.spec(table).columns, f"{item}: {where}"
        else:
            assert found["measure"] in DEFINED, f"{item}: {where} is not in data/measures.yml"
    for item, name in entry.tells.items():
        assert heads.count(f"## {name}") == 1, f"{item}: no section {name}, or two"
        assert item not in entry.answers, f"{item}: answered and told"


@each_notebook
def test_twins_agree(text):
    there = nbformat.read(text.with_suffix(".ipynb"), as_version=4)
    wanted = from_text(text)
    assert sources(there) == sources(wanted), "Run: make notebooks"
    assert [c.id for c in there.cells] == [c.id for c in wanted.cells]
    assert there.metadata[MARK] == digest(wanted)
    assert all(c.execution_count for c in there.cells if c.cell_type == "code"), "a cell has not run"


@each_notebook
def test_committed_outputs_hold_no_path_and_no_time_of_the_machine_that_made_them(text):
    raw = text.with_suffix(".ipynb").read_text("utf-8")
    assert not re.search(r"/(home|root|work|Users|tmp)/", raw)
    assert '"start_time"' not in raw


@each_notebook
def test_no_cell_shows_a_table_as_pandas_does(text):
    assert 'class=\\"dataframe\\"' not in text.with_suffix(".ipynb").read_text("utf-8")


def room(module: Path) -> str:
    parts = module.relative_to(ROOT / "abmlib").with_suffix("").parts
    return parts[0]


ARROWS = {
    "tables": {"places"},
    "stats": set(),
    "method": {"tables", "stats"},
    "market": {"tables"},
    "cli": {"tables", "stats", "method", "pages", "market", "places", "console"},
    "console": {"tables", "places"},
    "pages": {"tables", "places"},  # run and what it uses
    "places": set(),
    "__init__": set(),
}
SEES_ALL = {"run", "doctor", "show", "compare"}  # of pages
CLOCKS = {"cli", "forms"}  # a form stamps what a person enters; no report is made there
DRAWING = {"plots", "figures", "say"}  # are given numbers, and import none of the rooms, but the style of figures


def imported(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{a.name}" for a in node.names}
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
    return names


@each_module
def test_imports_follow_the_arrows(module):
    names = {n for n in imported(module) if n.startswith("abmlib.")}
    allowed = ARROWS[room(module)] | {room(module)}
    if module.stem in DRAWING and room(module) == "pages":
        names, allowed = {n for n in names if not n.startswith("abmlib.pages.figures.")}, set()
    if module.stem in SEES_ALL and room(module) == "pages":
        allowed |= {"method", "stats"}
    own = {n.split(".")[1] for n in names} - {"__version__"}
    assert own <= allowed, f"{module.name} imports {own - allowed}"


@each_module
def test_only_what_builds_a_snapshot_sees_ibis(module):
    if module.stem not in {"source", "engine", "kinds", "known", "snapshot", "features"}:
        assert not {n for n in imported(module) if n.split(".")[0] == "ibis"}


@each_module
def test_nothing_but_the_command_reads_the_clock_or_prints(module):
    code = module.read_text("utf-8")
    if module.stem not in CLOCKS:
        assert not re.search(r"\.(now|today|utcnow)\(", code)
    assert not re.search(r"^\s*print\(", code, re.M)
    assert not re.search(r"np\.random\.(seed|rand|normal|choice)\b|default_rng\(\)", code)
    assert "pickle" not in code


@each_module
def test_every_public_function_is_documented_and_typed(module):
    tree = ast.parse(module.read_text("utf-8"))
    if module.stem != "__init__" or tree.body:
        assert ast.get_docstring(tree), "the module says nothing of itself"
    inside = [n for c in tree.body if isinstance(c, ast.ClassDef) for n in c.body]
    for node in [*tree.body, *inside]:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            assert node.returns is not None, node.name


@pytest.mark.parametrize("module", sorted((ROOT / "abmlib/method").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_every_formula_of_the_method_names_its_source(module):
    for node in ast.parse(module.read_text("utf-8")).body:
        doc = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
        if doc and "House definition" in doc:
            (entry,) = re.findall(r'glossary entry "([^"]+)"', doc)
            assert f"**{entry}**" in (ROOT / "README.md").read_text("utf-8"), f"{node.name}: no glossary entry {entry}"


def committed() -> list[Path]:
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_committed_file_holds_an_address_of_a_person_or_of_an_index():
    person = re.compile(r"[\w.+-]{2,}@(?!([a-z0-9-]+\.)*example\b)[a-z0-9-]+\.[a-z]{2,}", re.I)
    index = re.compile("https?://[^/ ]*(" + "py" + r"pi\.|thon" + r"hosted|index-url|artifactory|mirror)", re.I)
    for path in committed():
        if path.suffix in {".parquet", ".png"}:
            continue
        text = path.read_text("utf-8")
        if path.suffix == ".ipynb":
            text = re.sub(r'"image/png": "[^"]+"', "", text)
        assert not person.search(text), f"{path.name}: {person.search(text)[0]}"
        assert not index.search(text), f"{path.name}: {index.search(text)[0]}"
    assert "--index-url" not in (ROOT / "requirements.lock").read_text("utf-8")


def test_the_environment_file_names_the_lock_and_nothing_else():
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    assert wanted[0].startswith("python ")
    assert wanted[1:] == ["pip", {"pip": ["-r requirements.lock"]}]
