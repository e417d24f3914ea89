"""The report as its user meets it: the command, the run folder, and every way a run can go wrong."""

import base64
import datetime as dt
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from markupsafe import escape

from abmlib.pages import catalogue, company_lists, draft_mark, front, kernels, parameters, run, say, shelf, site
from abmlib.tables import schema
from abmlib.tables.errors import TableError
from abmlib.tables.fingerprint import fingerprint
from tests.conftest import (
    ACCOUNTS,
    DECIDE,
    NOTEBOOKS,
    OPEN,
    ROOT,
    SAMPLE,
    SHOW,
    TRANSACTIONS,
    abm,
    leave,
    notebook,
    put,
)

EVIL = '<script>alert("x")</script> $\\frac{1}$ [a](http://x.example) 中'


def assert_no_run(out: Path, says: str) -> None:
    """Nothing is left but what an unattended run needs: a line in the log, and a summary that says there is no report."""
    assert sorted(p.name for p in out.iterdir()) == ["runs.log", "summary.md"]
    summary = re.sub(r"\\(.)", r"\1", (out / "summary.md").read_text())
    assert summary.startswith("# No report, ")
    assert f"{out.parent}/" not in summary
    line = (out / "runs.log").read_text().splitlines()[-1]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ ERROR no report: ", line)
    for text in (summary, line):
        assert re.search(says, text), text
        assert "secret" not in text


def is_company_list(path: Path) -> bool:
    """Say whether a list of a run is one that another system imports."""
    return path.name.removeprefix(company_lists.DRAFT) in company_lists.NAMES


# -- one report on the sample ------------------------------------------------------------------------------------------


def test_a_run_is_a_dated_folder_with_pages_notebooks_tables_index_summary_and_record(sample_report):
    record = json.loads((sample_report / "run.json").read_text())
    assert sample_report.name == f"2026-06-30_{record['id']}"
    built = [e.notebook for e in catalogue.load(NOTEBOOKS / catalogue.FILE) if e.built]
    assert list(record["outcomes"]) == built
    assert {o["status"] for o in record["outcomes"].values()} == {"done"}
    assert record["complete"]
    assert record["fingerprint"] == fingerprint(SAMPLE)
    for name in built:
        assert (sample_report / "html" / f"{name}.html").is_file()
        assert (sample_report / "notebooks" / f"{name}.ipynb").is_file()
    assert (sample_report / "index.html").is_file()
    assert f"url={sample_report.name}/index.html" in (sample_report.parent / "index.html").read_text()
    assert not list(sample_report.parent.glob(".*"))


def shows_something(node: nbformat.NotebookNode, section: str) -> bool:
    """Does a section show a figure or a row of a table; where it has neither figure nor table, a sentence."""
    shown, inside = [], False
    for cell in node.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            inside = cell.source.splitlines()[0] == f"## {section}"
        shown += [o.get("data", {}) for o in cell.get("outputs", []) if inside]
    pages = [data.get("text/html", "") for data in shown]
    if any("image/png" in data for data in shown) or any("<table" in page for page in pages):
        return any("image/png" in data for data in shown) or any("<td" in page for page in pages)
    return any(re.search(r"<(p|li)>\s*\w", page) for page in pages)


def test_every_answer_named_in_the_catalogue_is_there_and_not_empty_on_the_sample(sample_report):
    for entry in (e for e in catalogue.load(NOTEBOOKS / catalogue.FILE) if e.built):
        measures = pd.read_parquet(sample_report / "tables" / f"{entry.number}_measures.parquet")
        node = nbformat.read(sample_report / "notebooks" / f"{entry.notebook}.ipynb", as_version=4)
        for item, where in entry.answers.items():
            answer = catalogue.ANSWER.fullmatch(where)
            if answer["table"]:
                table = pd.read_parquet(sample_report / "tables" / f"{answer['table']}.parquet")
                assert table[answer["column"]].notna().any(), f"{item}: {where} holds no value"
            else:
                rows = measures[measures["definition_id"] == answer["measure"]]
                rows = rows[rows["group_by"] == (answer["by"] or "all")]
                assert (rows["status"] == "ok").any(), f"{item}: {where} is not answered"
        for item, name in entry.tells.items():
            assert shows_something(node, name), f"{item}: section {name} of {entry.notebook} shows nothing"


def test_tables_of_a_run_are_to_their_spec(sample_report):
    files = sorted((sample_report / "tables").glob("*.parquet"))
    assert files
    for path in files:
        schema.check(path.stem, schema.conform(path.stem, pd.read_parquet(path)))


def test_the_index_leads_with_the_decisions(sample_report):
    page = (sample_report / "index.html").read_text()
    decisions = pd.concat(pd.read_parquet(p) for p in (sample_report / "tables").glob("*_decisions.parquet"))
    places = [page.index(str(escape(text))) for text in decisions["text"].unique()]
    assert places
    assert max(places) < page.index("The pages")
    for text in decisions["text"].unique():
        assert front.plain(text) in (sample_report / "summary.md").read_text()


def test_each_decision_with_accounts_has_a_list_of_all_of_them(sample_report):
    decisions = pd.concat(pd.read_parquet(p) for p in (sample_report / "tables").glob("*_decisions.parquet"))
    about = decisions[decisions["account_id"].notna()].groupby(["notebook", "slug"])
    files = {p.stem for p in (sample_report / "lists").iterdir() if not is_company_list(p)}
    assert files == {"06_target_accounts", "15_accounts", *(f"{n}_{slug}" for n, slug in about.groups)}
    every = pd.read_csv(sample_report / "lists" / "15_accounts.csv", encoding="utf-8-sig")
    assert len(every) == len(pd.read_parquet(sample_report / "tables" / "15_accounts.parquet"))
    assert every["account"].notna().all()
    for (number, slug), rows in about:
        listed = pd.read_csv(sample_report / "lists" / f"{number}_{slug}.csv", encoding="utf-8-sig")
        assert listed["account_id"].tolist() == rows["account_id"].tolist()
        assert listed["account"].notna().all()


def test_the_dictionary_defines_every_measure_of_the_run_and_the_tiles_lead_there(sample_report):
    page, index = (sample_report / "html" / "dictionary.html").read_text(), (sample_report / "index.html").read_text()
    measures = pd.concat(pd.read_parquet(p) for p in (sample_report / "tables").glob("*_measures.parquet"))
    defined = set(re.findall(r'<tr id="(\w+)">', page))
    assert defined == set(measures["definition_id"])
    tiles = re.findall(r'href="html/dictionary.html#(\w+)"', index)
    assert len(tiles) == 5
    assert set(tiles) <= defined


def test_the_page_about_runs_names_the_fields_of_the_record_and_the_columns_of_lists(sample_report):
    page = (ROOT / "reports" / "README.md").read_text("utf-8")
    about = {part: page.split(f"### `{part}`")[1].split("###")[0] for part in ("lists/*.csv", "run.json")}
    first = {part: re.findall(r"^\| (`.+?) \|", text, re.M) for part, text in about.items()}
    named = {part: {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} for part, cells in first.items()}
    assert named["run.json"] == set(json.loads((sample_report / "run.json").read_text()))
    lists = [
        p
        for p in (sample_report / "lists").iterdir()
        if p.stem not in {"06_target_accounts", "15_accounts"} and not is_company_list(p)
    ]
    columns = {frozenset(pd.read_csv(p, encoding="utf-8-sig").columns) - {draft_mark.COLUMN} for p in lists}
    assert [named["lists/*.csv"] - {draft_mark.COLUMN}] == [set(c) for c in columns]
    assert {name for name in company_lists.NAMES if f"`{name}`" in page} == {*company_lists.NAMES}


def test_every_link_of_the_pages_leads_to_a_page_of_the_run(sample_report):
    for path in [sample_report / "index.html", *(sample_report / "html").glob("*.html")]:
        links = re.findall(r'href="([^"#]+)', path.read_text())
        assert links, path.name
        for link in links:
            assert (path.parent / link).resolve().is_file(), f"{path.name}: {link}"


def test_pages_ask_nothing_of_a_network_and_fold_the_code_away(sample_report):
    for path in [sample_report / "index.html", *(sample_report / "html").glob("*.html")]:
        page = path.read_text()
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\((?!data:)""", page), path.name
        scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
        assert page.count("<script") == len(scripts) and set(scripts) <= {site.template("page.js")}
        if scripts:  # a browser runs this one and no other, whatever the data holds
            allowed = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
            assert (
                f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{allowed}'" in page
            )
    body = (sample_report / "html" / "03_key_accounts.html").read_text()
    assert ".input { display: none; }" in body
    assert '<input type="checkbox" id="show-code">' in body
    assert '<div class="input">' in body


def test_every_figure_has_a_description(sample_report):
    figures = [f for p in (sample_report / "html").glob("*.html") for f in re.findall(r"<img\b[^>]*>", p.read_text())]
    drawn = [p.read_text().count('"image/png": "') for p in (sample_report / "notebooks").glob("*.ipynb")]
    assert len(figures) == sum(drawn) > 0
    for figure in figures:
        assert re.search(r'alt="Figure: [^"]{3,}"', figure), figure[:200]
        assert 'width="720"' in figure  # of the page, and not of its points


@pytest.mark.slow
def test_another_report_on_the_sample_is_the_same(sample_report, tmp_path):
    code, said = abm("run", "--data", SAMPLE, "--out", tmp_path, "--jobs", 1)
    assert code == 0, said
    assert_same(sample_report, tmp_path / "latest")


def assert_same(one: Path, other: Path) -> None:
    """Two runs hold the same tables, notebooks and index, byte by byte."""
    for part in ("tables", "notebooks"):
        names = sorted(p.name for p in (one / part).iterdir())
        assert names == sorted(p.name for p in (other / part).iterdir())
        for name in names:
            a, b = (
                re.sub(rb"(\.\./)+", b"../", (run / part / name).read_bytes()) for run in (one, other)
            )  # to the data
            assert a == b, name
    assert (one / "index.html").read_bytes() == (other / "index.html").read_bytes()


def test_an_executed_notebook_holds_the_parameters_it_ran_with_as_seen_from_where_it_lies(sample_report):
    node = nbformat.read(sample_report / "notebooks" / "03_key_accounts.ipynb", as_version=4)
    (cell,) = [c for c in node.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert 'tables = "../tables"' in cell.source
    given = dict(re.findall(r'(\w+) = "(.*)"', cell.source))
    assert (sample_report / "notebooks" / given["data"]).resolve() == SAMPLE.resolve()


# -- the runner, on small notebooks ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> tuple[Path, Path, dict[Path, int]]:
    """One after the other, then side by side: the same three notebooks; and when each file of the first was written."""
    place = tmp_path_factory.mktemp("twice")
    data = put(place / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    notebook(place / "n", "01_gives", OPEN, SHOW, draw, DECIDE, leave("01_cycles"), writes=("01_cycles",))
    notebook(place / "n", "03_alone", OPEN, DECIDE, leave("03_key_accounts"), writes=("03_key_accounts",))
    gather = 'book.earlier("01_cycles"), book.earlier("decisions")'
    notebook(place / "n", "15_gathers", OPEN, gather, leave("15_executive_summary"),
             reads=("01_cycles", "decisions"), writes=("15_executive_summary",))  # fmt: skip
    runs = []
    for jobs in (1, 2):
        before = {p: p.stat().st_mtime_ns for run in runs for p in run.rglob("*")}
        code, said = abm("run", "--data", data, "--out", place / "out", "--notebooks", place / "n",
                         "--as-of", "2026-06-30", "--jobs", jobs)  # fmt: skip
        assert code == 0, said
        runs.append((place / "out" / "latest").resolve())
    return *runs, before


def test_side_by_side_gives_what_one_after_the_other_gives(twice):
    one, two, _ = twice
    assert_same(one, two)
    assert len(pd.read_parquet(two / "tables" / "03_decisions.parquet")) == 3
    assert "Call them" in (two / "notebooks" / "15_gathers.ipynb").read_text()


def test_another_run_of_the_same_inputs_lies_beside_the_first_and_leaves_it_as_it_is(twice):
    one, two, before = twice
    assert two == one.with_name(one.name + "-2") == (one.parent / "latest").resolve()
    assert before == {p: p.stat().st_mtime_ns for p in one.rglob("*")}


def test_the_log_has_a_line_for_each_start_and_end_of_a_notebook_and_of_a_run(twice):
    log = (twice[0].parent / "runs.log").read_text()
    assert log.count(": running") == log.count(": done") == 2 * 3
    assert log.splitlines()[-1].endswith(", done")


def test_the_summary_says_how_old_the_newest_fact_is(twice):
    assert "The newest fact in the data is of 2026-04-01." in (twice[0].parent / "summary.md").read_text()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (
            ["-p", "flor=0.9"],
            r"no notebook that runs has parameter \['flor'\]; nearest: \w+(, \w+){,4}\. abm params 03",
        ),
        (["-p", "03.capcity=9"], r"03_key_accounts has no parameter \['capcity'\]; nearest: capacity,"),
        (["-p", "03.capacity=many"], "capacity must be int, got 'many'"),
        (["-p", "capacity=2.5"], "capacity must be int, got '2.5'"),
        (["-p", "capacity"], "no value"),
        (["-p", "99.capacity=3"], r"parameters for \['99'\], which do not run"),
        (["-p", "as_of=2026-01-01"], "as_of is set by --as-of"),
        (["--only", "77"], r"no notebook \['77'\]; there are \['00', '01', '02', '03'"),
        (["--only", "03", "--through", "03"], "exclude each other"),
        (["--as-of", "last friday"], "as-of must be latest-data, yesterday, month-end or a day"),
        (["--as-of", "2999-01-01"], "lies after today"),
        (["--data", "nowhere"], "nowhere .*is not there"),
        (["--data", "postgresql://me:secret@host/db"], "database URLs are not read"),
        (["--notebooks", "nowhere"], "no notebooks.yml in nowhere"),
        (["-f", "nowhere.yml"], "nowhere.yml: not readable"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_and_nothing_is_run(args, says, tmp_path):
    small = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    data = [] if "--data" in args else ["--data", small]
    code, said = abm("run", *data, "--out", tmp_path / "out", *args)
    assert code == 2, said
    assert re.search(says, said), said
    assert_no_run(tmp_path / "out", says)


def test_failed_data_checks_stop_the_run_with_a_code_of_their_own(tmp_path):
    data = put(tmp_path / "d", accounts=ACCOUNTS + "acme,Twin,2025-01-01T00:00:00Z,1,\n", transactions=TRANSACTIONS)
    code, said = abm("run", "--data", data, "--out", tmp_path / "out")
    assert code == 3
    assert "accounts: one row per account_id: broken in 2 of 4 rows (first: acme, acme). Keep one row per key." in said
    assert_no_run(tmp_path / "out", "one row per account")


@pytest.fixture(scope="module")
def broken_run(tmp_path_factory) -> Path:
    """One run of small notebooks, of which most go wrong."""
    folder, out = tmp_path_factory.mktemp("n"), tmp_path_factory.mktemp("out")
    data = put(tmp_path_factory.mktemp("d"), accounts=ACCOUNTS, transactions=TRANSACTIONS)
    notebook(folder, "01_fails", "1 / 0", "2", writes=("01_cycles",))
    notebook(folder, "02_reads_it", "3", reads=("01_cycles",))
    notebook(folder, "03_reads_that", "3", reads=("02_x",))
    notebook(folder, "04_ends_early", "import sys\nsys.exit(0)", "4")
    notebook(folder, "05_dies", "import os\nos._exit(1)", "5")
    notebook(folder, "06_forgets", "6")
    reads = "import pandas as pd, sys, warnings\nprint(data, file=sys.stderr)\nwarnings.warn(data)\npd.read_csv(data + '/a b/c.csv')"
    notebook(folder, "08_reads_nothing", reads)
    cannot = 'book.need("activities", writes=["15_executive_summary"])'
    notebook(folder, "15_cannot_answer", OPEN, cannot, writes=("15_executive_summary",))
    notebook(
        folder,
        "07_is_fine",
        OPEN,
        leave("07_decisions").replace('schema.empty("07_decisions")', "book.decisions"),
    )
    code, said = abm("run", "--data", data, "--out", out, "--notebooks", folder)
    assert code == 1, said
    return out / "latest"


def test_no_file_of_a_run_says_where_on_whose_machine_it_was_made(broken_run):
    record = json.loads((broken_run / "run.json").read_text())["outcomes"]
    assert record["15_cannot_answer"]["status"] == "not_answerable"
    assert "c.csv" in record["08_reads_nothing"]["words"]
    node = nbformat.read(broken_run / "notebooks" / "08_reads_nothing.ipynb", as_version=4)
    assert "…/pandas/io/parsers/readers.py" in str(node)
    for path in (p for p in broken_run.rglob("*") if p.is_file()):
        content = path.read_bytes().decode("utf-8", "replace")
        for place in (tempfile.gettempdir(), sys.prefix, str(ROOT), str(Path.home()), "site-packages"):
            assert f"{place}/" not in content, path.name


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("01_fails", "failed", "ZeroDivisionError: division by zero"),
        ("02_reads_it", "skipped", "It reads from 01_fails, which failed."),
        ("03_reads_that", "skipped", "It reads from 02_reads_it, which failed."),
        ("04_ends_early", "failed", "did not run: the program was ended"),
        ("05_dies", "failed", "DeadKernelError"),
        ("06_forgets", "failed", "It ended without writing"),
        ("07_is_fine", "done", ""),
    ],
)
def test_a_failed_notebook_leaves_its_error_readable_and_stops_only_its_readers(broken_run, name, status, words):
    outcome = json.loads((broken_run / "run.json").read_text())["outcomes"][name]
    assert (outcome["status"], words in outcome["words"]) == (status, True), outcome
    index = (broken_run / "index.html").read_text()
    assert words.partition(":")[0] in index
    page = broken_run / "html" / f"{name}.html"
    assert page.is_file() == (status != "skipped")
    if status == "failed":
        assert words.partition(":")[0] in page.read_text()
        assert "must not be used" in page.read_text()


def test_the_summary_beside_the_runs_says_first_what_failed(broken_run):
    said = (broken_run.parent / "summary.md").read_text()
    assert said == (broken_run / "summary.md").read_text()
    assert said.split("\n\n")[1].startswith("**Not complete:** no result from Fails, Reads it")


def test_data_that_changes_while_the_report_is_made_stops_it(tmp_path):
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    change = f"open({str(data / 'transactions.csv')!r}, 'a').write('t9,acme,p,2026-03-01,1,purchase,\\n')"
    notebook(tmp_path / "n", "01_x", OPEN, leave("01_cycles"), change, writes=("01_cycles",))
    code, said = abm("run", "--data", data, "--out", tmp_path / "out", "--notebooks", tmp_path / "n")
    assert code == 1
    assert "d changed while the report was made: it would mix two states. Run it again." in said
    assert_no_run(tmp_path / "out", "changed while the report was made")


def test_signs_in_the_names_of_folders_are_names(tmp_path, monkeypatch):
    place = tmp_path / "{0} {data} {{x}} %20 #é '"
    data = put(place / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    given = 'previous: str = ""  # p\n'
    compares = "assert previous.endswith('/a{b}c/2026-05-31_00000000/tables')"
    notebook(place / "{0}", "01_x", OPEN, leave("01_cycles"), compares, parameters=given, writes=("01_cycles",))
    before, temporary = place / "a{b}c" / "2026-05-31_00000000", place / ("t" * 100)
    for folder in (before, temporary):
        folder.mkdir(parents=True)
    (before / "run.json").write_text('{"as_of": "2026-05-31", "complete": true, "outcomes": {"01_x": {}}}')
    monkeypatch.chdir(place)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)  # as asked of the environment
    code, said = abm("run", "--data", data, "--out", "a{b}c", "--notebooks", "{0}", "--as-of", "2026-06-30")
    assert code == 0, said
    node = nbformat.read(place / "a{b}c" / "latest" / "notebooks" / "01_x.ipynb", as_version=4)
    there = dict(re.findall(r'(\w+) = "(.*)"', node.cells[2].source))
    assert (there["data"], there["tables"], there["previous"]) == (
        "../../../d",
        "../tables",
        f"../../{before.name}/tables",
    )
    assert {p.name for p in temporary.rglob("*") if p.is_file()} <= {".gitignore"}  # of the user's own folder there


def test_a_copy_of_a_run_in_the_place_of_the_link_gives_way(tmp_path):
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    notebook(tmp_path / "n", "01_x", OPEN, leave("01_cycles"), writes=("01_cycles",))
    copied = tmp_path / "out" / "latest"
    copied.mkdir(parents=True)
    (copied / "run.json").write_text('{"as_of": "2020-01-31", "complete": true}')
    code, said = abm("run", "--data", data, "--out", tmp_path / "out", "--notebooks", tmp_path / "n")
    assert code == 0, said
    assert copied.is_symlink()
    assert json.loads((copied / "run.json").read_text())["previous"] is None


def test_a_workbook_that_cannot_be_read_is_told_where_its_reports_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workbook.yml").write_text("data: d\ncurency: EUR\n")
    code, said = abm("run")
    assert code == 2
    assert "curency is unknown" in said
    assert_no_run(tmp_path / "reports", "is unknown")
    (tmp_path / "workbook.yml").write_text("data: d\n")
    code, said = abm("import", "nowhere.yml", "export", "--to", "d")
    assert code == 2
    assert_no_run(tmp_path / "reports", "Import of export failed. nowhere.yml: no such mapping file")


def test_who_reads_a_table_waits_for_it_and_who_gathers_decisions_waits_for_all():
    entries = {e.number: e for e in catalogue.load(NOTEBOOKS / catalogue.FILE)}
    chosen = [entries[n] for n in ("00", "03", "12", "15")]
    assert run.reads_from(entries["12"], chosen) == set()
    assert run.reads_from(entries["15"], chosen) == {"00_account_data", "03_key_accounts", "12_pipeline"}
    reader = catalogue.Entry("04_x", "s", "?", [], [], reads=["03_key_accounts"])
    assert run.reads_from(reader, [*chosen, reader]) == {"03_key_accounts"}


def test_who_gathers_runs_whatever_failed_before_it_and_who_reads_does_not():
    ended = {"03_key_accounts": kernels.Outcome("failed", 0.0), "12_pipeline": kernels.Outcome("skipped", 0.0)}
    for reads, stopped in [(["decisions"], []), (["measures", "03_x"], []), (["03_x"], ["03_key_accounts"])]:
        assert run.unreadable(catalogue.Entry("15_x", "s", "?", [], [], reads=reads), ended) == stopped


def test_a_process_that_is_ended_is_a_failure_and_the_others_go_on(tmp_path):
    notebooks = tmp_path / "notebooks"
    notebook(notebooks, "01_fine", OPEN, leave("01_cycles"), writes=["01_cycles"])
    notebook(notebooks, "02_ended", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    code, said = abm("run", "--data", data, "--out", tmp_path / "o", "--notebooks", notebooks, "--jobs", 2)
    assert code == 1, said
    assert "02_ended: Its process was ended" in said


def test_a_run_with_failures_is_not_complete_and_never_the_previous_one(broken_run):
    assert not json.loads((broken_run / "run.json").read_text())["complete"]
    assert shelf.previous(broken_run.parent, dt.date(2030, 1, 1)) is None


def test_previous_is_the_newest_complete_run_of_an_earlier_day(tmp_path):
    for name, as_of, complete in [("a", "2026-01-31", True), ("b", "2026-02-28", True), ("c", "2026-03-31", False)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"as_of": as_of, "complete": complete}))
    assert shelf.previous(tmp_path, dt.date(2026, 4, 30)) == "b"
    assert shelf.previous(tmp_path, dt.date(2026, 2, 28)) == "a"
    whole, part = (
        {"as_of": "2026-01-31", "complete": True, "outcomes": {name: {} for name in names}}
        for names in (["01", "15"], ["15"])
    )
    (tmp_path / "a" / "run.json").write_text(json.dumps(whole))
    (tmp_path / "b" / "run.json").write_text(json.dumps(part | {"as_of": "2026-02-28"}))
    assert (
        shelf.previous(tmp_path, dt.date(2026, 4, 30), ["01", "15"]) == "a"
    )  # a part tells nothing of the other pages


def test_names_and_a_title_from_elsewhere_are_text_on_every_page_of_a_run(tmp_path):
    quoted = EVIL.replace('"', '""')
    data = put(tmp_path / "d", accounts=ACCOUNTS.replace("Acme", f'"{quoted}"'), transactions=TRANSACTIONS)
    (data / "workbook.yml").write_text(yaml.safe_dump({"title": "<img src=x onerror=alert(1)>"}))
    notebook(tmp_path / "n", "01_x", OPEN, SHOW, DECIDE, leave("01_cycles"), writes=("01_cycles",))
    code, said = abm("run", "--data", data, "--out", tmp_path / "out", "--notebooks", tmp_path / "n")
    assert code == 0, said
    folder = tmp_path / "out" / "latest"
    assert "&lt;script&gt;alert" in (folder / "html" / "01_x.html").read_text()
    for name in ("index.html", "html/01_x.html", "html/dictionary.html"):
        page = (folder / name).read_text()
        assert "&lt;img src=x" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "script" in (folder / "summary.md").read_text()
    assert "<script>" not in (folder / "summary.md").read_text()


def advised(**more) -> pd.DataFrame:
    """One row of decisions."""
    row = {"notebook": "01", "slug": "s", "account_id": "a", "kind": "sell", "text": "Call", "basis": "open", "would_change": "x",
           "moves": 1.0, "status": "proposed"}  # fmt: skip
    return schema.conform("decisions", pd.DataFrame([row | more]))


def test_a_decision_shows_its_interval_owner_day_and_the_reason_that_all_its_accounts_share():
    one = advised(moves_low=0.5, moves_high=2_000.0, owner="s1", due=pd.Timestamp("2026-07-07"), reason="no\norder.")
    two = pd.concat([one, one.assign(account_id="b", owner="s2")])
    mixed = pd.concat([two, one.assign(account_id="c", owner=None, reason="another", moves_low=float("nan"))])
    facts = [
        (d["worth"], d["owner"], d["due"], d["reason"])
        for rows in (one, two, mixed)
        for d in front.decision_groups(rows, {}, {"01": "01_x"}, "EUR")
    ]
    assert facts == [
        ("1 EUR (0 to 2,000)", "owner s1", "7 July 2026", "no order"),
        ("2 EUR (1 to 4,000)", "2 owners", "7 July 2026", "no order"),
        ("3 EUR", "2 owners, 1 without", "7 July 2026", ""),  # an end is unknown, reasons differ
    ]
    said = say.decide(one, "EUR", {"a": "Acme"}).lines
    assert said == [
        "Call: 1 account (Acme); open 1 EUR (0 to 2,000); owner s1; by 7 July 2026. Why: no order. What would change this: x."
    ]


def test_the_index_escapes_what_owners_reasons_and_answers_say():
    groups = front.decision_groups(advised(owner=EVIL, reason=EVIL), {}, {"01": "01_x"}, "EUR")
    run = {"title": "T", "as_of": "d", "workbook": {}, "versions": {"abmlib": "1"}, "currency": "EUR"}
    notebook = {"notebook": "01_x", "answer": EVIL, "question": "?", "status": "done", "parameters": {}}
    page, said = (
        front.index(run, [notebook], groups),
        front.summary(run | {"newest_fact": ""}, [notebook | {"words": ""}], groups),
    )
    assert page.count("&lt;script&gt;") == 3
    assert "<script>" not in page + said


def test_the_answer_of_a_notebook_is_the_first_sentence_of_its_answer_cell():
    said = nbformat.v4.new_output("execute_result", {"text/plain": "\nWon 3 of 4.\nMore.", "text/html": "<p>"})
    cell = nbformat.v4.new_code_cell("say", metadata={"tags": ["answer"]}, outputs=[said])
    other = nbformat.v4.new_code_cell("say", outputs=[said | {"data": {"text/plain": "Other."}}])
    assert front.answer(nbformat.v4.new_notebook(cells=[cell, other])) == "Won 3 of 4."
    assert front.answer(nbformat.v4.new_notebook(cells=[other])) == ""


def test_the_summary_is_plain_lines_whatever_names_and_currency_hold():
    groups = front.decision_groups(
        advised(text="Call\u202e them"), {"a": "x" * 5_000}, {"01": "01_x"}, "[EUR](http://x.example)"
    )
    facts = {"title": "T\x1b[31m", "as_of": "2026-06-30", "newest_fact": "", "currency": "[EUR](http://x.example)"}
    notebook = {"notebook": "01_x", "status": "done", "words": "", "answer": "Won <b>3</b>\n of 4."}
    said = front.summary(facts, [notebook], groups)
    assert "- X: done: Won \\<b\\>3\\</b\\> of 4." in said
    assert "# T\\[31m, as of" in said
    assert "**Call them**" in said
    assert "\\[EUR\\](http" in said
    assert max(map(len, said.splitlines())) < 200


@pytest.mark.parametrize(
    ("asked", "day"),
    [
        ("latest-data", "None"),  # only the data can tell
        ("yesterday", "2026-11-20"),
        ("month-end", "2026-10-31"),
        ("2026-02-28", "2026-02-28"),
    ],
)
def test_as_of_is_resolved_once_to_a_day(asked, day):
    assert str(run.resolve_as_of(asked, dt.date(2026, 11, 21))) == day


def test_a_newest_row_of_the_future_is_no_latest_day():
    with pytest.raises(ValueError, match="newest row is dated 2099-01-01, after today"):
        run.newest(dt.date(2099, 1, 1), dt.date(2026, 11, 21))


def test_values_keep_their_type_and_the_nearest_one_wins(tmp_path):
    chosen = catalogue.choose(catalogue.load(NOTEBOOKS / catalogue.FILE), ["03"])
    file = tmp_path / "p.yml"
    file.write_text("capacity: 5\nmax_decline: 0.5\n3:\n  min_buying_days: 9\n")
    got = parameters.assign(["capacity=7", "03.max_decline=0.25"], file, chosen, NOTEBOOKS, {})
    assert got["03_key_accounts"] == {"capacity": 7, "max_decline": 0.25, "min_buying_days": 9}


def test_a_workbook_s_parameters_lie_below_the_file_s_and_may_be_for_notebooks_that_wait(tmp_path):
    chosen = catalogue.choose(catalogue.load(NOTEBOOKS / catalogue.FILE), ["03"])
    file = tmp_path / "p.yml"
    file.write_text("capacity: 5\n")
    shared = {"capacity": 1, "slip_months": 6, 3: {"max_decline": 0.5}}  # slip_months is of 12, which does not run
    got = parameters.assign([], file, chosen, NOTEBOOKS, shared)
    assert got["03_key_accounts"] == {"capacity": 5, "max_decline": 0.5}
    with pytest.raises(ValueError, match=r"no notebook that runs has parameter \['slip_months'\]"):
        parameters.assign(["slip_months=6"], None, chosen, NOTEBOOKS, {})
    with pytest.raises(ValueError, match=r"no notebook that runs has parameter \['slop'\]"):
        parameters.assign([], None, chosen, NOTEBOOKS, {"slop": 1})
    with pytest.raises(ValueError, match=r"12_pipeline has no parameter \['slop'\]"):
        parameters.assign([], None, chosen, NOTEBOOKS, {12: {"slop": 1}})


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [("str", "007", "007"), ("int", "7", 7), ("float", "7", 7.0), ("bool", "true", True), ("bool", "no", False), ("list[str]", "a, b", ["a", "b"]),
     ("list[int]", [1, "2"], [1, 2])],
)  # fmt: skip
def test_a_value_reads_as_its_parameters_type(kind, given, value):
    got = parameters.read_value(parameters.Parameter("x", kind, None, "h"), given)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("int", "1.5"),
        ("int", True),
        ("bool", "maybe"),
        ("float", "nan"),
        ("str", ["a"]),
        ("int", None),
        ("int", "inf"),
        ("int", "1_000"),
        ("float", "1_0.5"),
    ],
)
def test_a_value_of_another_type_is_refused(kind, given):
    with pytest.raises(ValueError, match="x must be"):
        parameters.read_value(parameters.Parameter("x", kind, None, "h"), given)


def test_a_line_that_is_no_parameter_is_refused(tmp_path):
    notebook(tmp_path, "01_x", parameters="import os\n")
    with pytest.raises(ValueError, match="'import os' is no parameter"):
        parameters.declared(tmp_path / "01_x.ipynb")


def test_choosing_one_notebook_brings_those_it_reads_and_no_other(tmp_path):
    for name, reads in [("01_a", ()), ("02_b", ("01_t",)), ("03_c", ()), ("04_d", ("02_t", "decisions"))]:
        notebook(tmp_path, name, reads=reads)
    entries = catalogue.load(tmp_path / catalogue.FILE)
    assert [e.number for e in catalogue.choose(entries, ["04"])] == ["01", "02", "04"]
    assert [e.number for e in catalogue.choose(entries, through="02")] == ["01", "02"]
    assert len(catalogue.choose(entries)) == 4


@pytest.mark.parametrize(
    ("key", "item", "where", "says"),
    [
        ("answers", "S1-3", "section Evidence", r"S1-3: section Evidence.*must be 'table NAME\.COLUMN'"),
        ("answers", "S1-3", "table 00_account_data", r"S1-3: table 00_account_data.*must be"),
        ("answers", "S1-3", "measure won_value by", r"S1-3: measure won_value by.*must be"),
        ("answers", "C-4", "measure won_value", r"answers names no item of the method.*C-4"),
        ("tells", "C-4", "Evidence", r"tells names no item of the method.*C-4"),
    ],
)
def test_an_answer_that_is_no_column_and_no_measure_is_refused(tmp_path, key, item, where, says):
    entry = {"notebook": "01_x", "step": "s", "question": "?", "needs": ["accounts"], "uses": [], key: {item: where}}
    listed = tmp_path / catalogue.FILE
    listed.write_text(yaml.safe_dump([entry]))
    with pytest.raises(TableError, match=says):
        catalogue.load(listed)


def test_list_and_params_show_what_there_is():
    code, said = abm("list")
    assert code == 0
    assert "03_key_accounts" in said
    assert "07_account_insight" not in said  # planned notebooks cannot be run
    code, said = abm("params", "03")
    assert code == 0
    assert "capacity" in said
    assert abm("params", "77")[0] == 2


def test_a_finished_run_is_never_overwritten(tmp_path):
    (tmp_path / "2026-01-01_x").mkdir()
    beside = tmp_path / ".x"
    beside.mkdir()
    assert shelf.move_into_place(beside, tmp_path / "2026-01-01_x").name == "2026-01-01_x-2"


def test_a_failed_write_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "write_pages", full)
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    notebook(tmp_path / "n", "01_x", OPEN, leave("01_cycles"), writes=("01_cycles",))
    code, said = abm("run", "--data", data, "--out", tmp_path / "out", "--notebooks", tmp_path / "n")
    assert code == 1
    assert "No space left on device" in said
    assert_no_run(tmp_path / "out", "No space left on device")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named sockets")
def test_kernels_that_start_at_once_share_no_address_and_nobody_else_may_speak_to_them():
    with kernels.transport() as one, kernels.transport() as other:
        places = [Path(c["KernelManager"]["ip"]) for c in (one, other)]
        assert places[0] != places[1]
        assert [p.parent.stat().st_mode & 0o077 for p in places] == [0, 0]
    assert not any(p.parent.exists() for p in places)
