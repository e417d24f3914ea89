"""A run in one file to send: zip, PDF, and the same report with codes in place of names."""

import datetime as dt
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from abmlib.pages import catalogue, export, shelf
from abmlib.pages import run as runs
from abmlib.tables import redact
from abmlib.tables.cache import Data
from abmlib.tables.source import Source
from tests.conftest import ACCOUNTS, NOTEBOOKS, SAMPLE, TRANSACTIONS, put

KEY = b"0123456789abcdef"
EVIL = '<script>alert(1)</script> "quoted" \\ and\nnext </style> $x$'


def put_run(out: Path, as_of: str = "2026-01-31", title: str = "Book", **parts: str) -> Path:
    """Put a small finished run into a folder of runs."""
    run = out / f"{as_of}_0123abcd"
    page = "<h1 id='t'>{0} of it<a class='anchor-link'></a></h1><p>Words.</p>"
    for part in ("html", "notebooks", "tables", "lists"):
        (run / part).mkdir(parents=True)
    (run / "lists" / "03_x.csv").write_text("a")
    for name in ("00_first", "03_second"):
        (run / "html" / f"{name}.html").write_text(f"<body><main>{page.format(name)}</main></body>", "utf-8")
    (run / "index.html").write_text(
        '<main><h1>What</h1><p>As of.</p><a href="html/03_second.html#x">03</a><a href="lists/03_x.csv">13 accounts</a><details><p>p</p></details></main>',
        "utf-8",
    )
    (run / "summary.md").write_text("# S\n")
    outcomes = {
        n: {"status": s, "seconds": 1.0, "words": ""} for n, s in (("00_first", "done"), ("03_second", "failed"))
    }
    record = {
        "title": title,
        "as_of": as_of,
        "id": "0123abcd",
        "complete": True,
        "fingerprint": "f",
        "outcomes": outcomes,
    }
    (run / "run.json").write_text(json.dumps(record))
    for name, text in parts.items():
        (run / name).write_text(text, "utf-8")
    return run


@pytest.fixture
def small_run(tmp_path) -> Path:
    """A small finished run."""
    return put_run(tmp_path / "out")


def put_browser(folder: Path, script: str) -> Path:
    """Put a program that is called like a browser."""
    folder.mkdir()
    program = folder / "chromium"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nto = [a[15:] for a in sys.argv if a.startswith('--print-to-pdf=')][0]\n{script}\n"
    )
    program.chmod(0o755)
    return program


# -- which run ----------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_its_folder_by_latest_and_by_the_folder_of_runs(small_run):
    out = small_run.parent
    shelf.point_at(small_run)
    for given in (small_run, out / "latest", out):
        assert export.find(given).resolve() == small_run.resolve()
    (out / "latest").unlink()
    (out / "latest").write_text(small_run.name + "\n")  # where links are not allowed
    assert export.find(out / "latest") == small_run


@pytest.mark.parametrize("text", ["../2026-01-31_0123abcd", "/etc", "", "gone"])
def test_what_is_no_run_is_refused(tmp_path, text):
    out = tmp_path / "a"
    out.mkdir()
    put_run(tmp_path)
    (out / "latest").write_text(text)
    with pytest.raises(ValueError, match="latest: is no run. Give the folder of one"):
        export.find(out / "latest")


# -- zip ----------------------------------------------------------------------------------------------------------


def test_a_zip_holds_the_run_and_nothing_else(small_run, tmp_path):
    (small_run / "notes.txt").write_text("mine")
    (small_run / "html" / "link.html").symlink_to(tmp_path)
    with zipfile.ZipFile(export.as_zip(small_run, tmp_path / "to" / "r.zip")) as packed:
        names = packed.namelist()
    head = "2026-01-31_0123abcd"
    assert sorted(names) == [f"{head}/{n}" for n in
                             ("html/00_first.html", "html/03_second.html", "index.html", "lists/03_x.csv", "run.json", "summary.md")]  # fmt: skip
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["r.zip"]


def test_the_same_run_gives_the_same_bytes_at_another_time_and_place(small_run, tmp_path):
    again = tmp_path / "other" / (small_run.name + "-2")
    shutil.copytree(small_run, again)
    for path in again.rglob("*"):
        os.utime(path, (1, 1))
    one, two = export.as_zip(small_run, tmp_path / "1.zip"), export.as_zip(again, tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("make", [export.as_zip, export.as_pdf])
def test_nothing_is_overwritten_without_being_told(small_run, tmp_path, make):
    taken = tmp_path / "report"
    taken.write_text("mine")
    with pytest.raises(ValueError, match="report: is there already. Give another name"):
        make(small_run, taken)
    assert taken.read_text() == "mine"


def test_codes_are_their_owner_s_alone_and_come_with_the_file_or_not_at_all(small_run, tmp_path, monkeypatch):
    def redo(run: Path, data: Path, notebooks: Path, key: bytes, work: Path) -> Path:
        (work / "codes.csv").write_text("account_id,name,code\n")
        return small_run

    def full(*_args: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(export, "redo", redo)
    given = small_run, SAMPLE, NOTEBOOKS, KEY, export.as_zip, tmp_path / "to" / "r.zip"
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(zipfile.ZipFile, "writestr", full)
        export.as_coded(*given)
    assert list((tmp_path / "to").iterdir()) == []
    assert export.as_coded(*given).stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["r.codes.csv", "r.zip"]


# -- pdf ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a script stands in for the browser")
def test_the_browser_is_the_one_named_then_one_on_the_path_then_one_in_a_usual_place(tmp_path, monkeypatch):
    named, there = put_browser(tmp_path / "a", ""), put_browser(tmp_path / "b", "")
    assert export.browser({"ABM_BROWSER": str(named), "PATH": str(there.parent)}) == str(named)
    assert export.browser({"PATH": str(there.parent)}) == str(there)
    monkeypatch.setitem(export.USUAL, "win32", [r"%ProgramFiles%/chromium"])
    assert Path(export.browser({"PATH": "", "PROGRAMFILES": str(there.parent)}, "win32")) == there


def test_without_a_browser_it_says_what_to_install_and_what_works_without(monkeypatch):
    with pytest.raises(
        ValueError, match="no browser found to print a PDF. Install Chromium, Chrome or Edge.*--zip needs none"
    ):
        export.browser({"PATH": ""}, "linux")
    with pytest.raises(ValueError, match="ABM_BROWSER: there is no program 'nowhere'"):
        export.browser({"ABM_BROWSER": "nowhere"})


@pytest.mark.parametrize(("user", "held"), [(0, True), (1000, False)])
def test_the_command_keeps_the_browser_to_itself(monkeypatch, tmp_path, user, held):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    got = export.command("chromium", tmp_path / "a b.html", tmp_path / "r.pdf", tmp_path / "profile")
    assert ("--no-sandbox" in got) == held
    assert got[:2] == ["chromium", "--headless"]
    assert {f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={tmp_path / 'r.pdf'}", "--no-pdf-header-footer",
            "--disable-background-networking", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"} <= set(got)  # fmt: skip
    assert got[-1].startswith("file:///") and "a%20b.html" in got[-1]


@pytest.mark.skipif(os.name == "nt", reason="a script stands in for the browser")
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import time; time.sleep(30)", "did not print within 1 seconds. Use --zip"),
        ("sys.exit('no display')", "chromium did not print: no display. Use --zip"),
        ("open(to, 'w').write('no pdf')", "chromium did not print: it said nothing. Use --zip"),
    ],
)
def test_a_browser_that_does_not_print_leaves_nothing(small_run, tmp_path, monkeypatch, script, says):
    monkeypatch.setenv("ABM_BROWSER", str(put_browser(tmp_path / "b", script)))
    monkeypatch.setattr(export, "LIMIT", 1)
    with pytest.raises(ValueError, match=re.escape(says)):
        export.as_pdf(small_run, tmp_path / "to" / "r.pdf")
    assert list((tmp_path / "to").iterdir()) == []


def test_one_page_joins_index_and_notebooks_and_links_within(small_run):
    page = export.one_page(small_run)
    assert page.index("What") < page.index('<section id="00_first" class="done">')
    assert page.index('<section id="00_first" class="done">') < page.index('<section id="03_second" class="failed">')
    assert '<a href="#03_second">03</a>' in page
    assert "<details open>" in page
    assert "13 accounts" in page  # its file is not in the one page
    assert not re.search(r"\.(html|csv)", page.split("<body>")[1])


def test_the_leaders_page_comes_right_after_the_index(small_run):
    (small_run / "html" / "15_last.html").write_text("<main>Leaders</main>")
    record = json.loads((small_run / "run.json").read_text())
    record["outcomes"]["15_last"] = {"status": "done"}
    (small_run / "run.json").write_text(json.dumps(record))
    sections = re.findall(r'<section id="(\w+)"', export.one_page(small_run))
    assert sections == ["index", "15_last", "00_first", "03_second"]


def test_a_hostile_title_ends_neither_string_nor_page(tmp_path):
    page = export.one_page(put_run(tmp_path / "evil", title=EVIL))
    assert "<script>" not in page
    assert page.count("</style>") == 1
    (foot,) = re.findall(r'@bottom-left \{ content: "([^"]*)"', page)
    assert re.fullmatch(r"([\w·]|\\[0-9a-f]+ )+", foot)
    assert "default-src 'none'" in page


def test_a_real_browser_prints_every_page(small_run, tmp_path):
    try:
        export.browser(os.environ)
    except ValueError:
        pytest.skip("there is no browser on this machine")
    printed = export.as_pdf(small_run, tmp_path / "to" / "r.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 3  # the index and two notebooks
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["r.pdf"]


# -- what still names an account ------------------------------------------------------------------------------------


def test_a_name_is_found_in_every_kind_of_file(tmp_path):
    cell = nbformat.v4.new_code_cell("x", id="a", outputs=[nbformat.v4.new_output(
        "display_data", {"text/html": "<td>Acme &amp; Sons</td>", "image/png": "Acme Sons"})])  # fmt: skip
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "n.ipynb")
    (tmp_path / "h.html").write_text(
        '<style>acme sons</style><img alt="Acme & Sons" src="data:image/png;base64,acme/sons">'
    )
    (tmp_path / "b.html").write_text("<td>Acme\n&amp; Sons</td>")
    (tmp_path / "j.json").write_text(json.dumps({"parameters": {"x": ["ACME SONS"]}}))
    (tmp_path / "s.md").write_text("**acme**\\-sons")
    pd.DataFrame({"n": [1, 2], "group": ["x", "acme-sons"]}).to_parquet(tmp_path / "t.parquet")
    noted = pd.DataFrame({"n": [1]})
    noted.attrs = {"account": "acme-sons"}  # beside the columns of a Parquet file
    noted.to_parquet(tmp_path / "u.parquet")
    (tmp_path / "acme_sons.txt").write_text("")
    (tmp_path / "clean.html").write_text(
        '<style>acme sons</style><img src="data:image/png;base64,acme/sons"><p class="acme">sons'
    )
    (tmp_path / "clean.md").write_text("Acme Sonship, sons of Acme")
    found = export.leaks(tmp_path, ["Acme & Sons", "12345", "X"])
    assert found == [f"{n}: Acme & Sons" for n in
                     ("acme_sons.txt", "b.html", "h.html", "j.json", "n.ipynb", "s.md", "t.parquet, group", "u.parquet")]  # fmt: skip


def test_words_of_the_workbook_itself_tell_nothing():
    names = {"Decision", "Key accounts", "Reporting currency", "Acme Corp", "Aldestad Waterworks"}
    assert export.unsearchable(names, NOTEBOOKS) == names - {"Acme Corp", "Aldestad Waterworks"}


# -- the redacted report --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[["03"], pytest.param([], marks=pytest.mark.slow)], ids=["03", "whole"])
def both(request, tmp_path_factory) -> tuple[Path, Path, Path]:
    """A report on the sample, of one notebook or whole, the same one redacted, and the folder it was made in."""
    out, work = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("work")
    chosen = catalogue.choose(catalogue.load(NOTEBOOKS / catalogue.FILE), request.param)
    given = {"03_key_accounts": {"capacity": 20}}
    report = runs.run(runs.Request(NOTEBOOKS, SAMPLE, dt.date(2026, 6, 30), out, chosen, given), Data(SAMPLE))
    return report.folder, export.redo(report.folder, SAMPLE, NOTEBOOKS, KEY, work), work


def test_the_redacted_report_names_no_account_and_the_original_does(both):
    original, redacted, _ = both
    names = set(redact.names_of(redact.read(Source(SAMPLE))))
    assert export.leaks(redacted, names - export.unsearchable(names, NOTEBOOKS)) == []
    named = {re.split(", |: ", place)[0] for place in export.leaks(original, names)}
    assert {
        "lists/03_give_key_status.csv",
        "summary.md",
        "html/03_key_accounts.html",
        "tables/03_key_accounts.parquet",
    } <= named


def test_the_redacted_report_is_the_same_run_under_codes(both):
    original, redacted, _ = (json.loads((p / "run.json").read_text()) for p in (*both[:2], both[0]))
    for same in ("as_of", "parameters", "notebooks", "versions", "currency", "time_zone", "previous"):
        assert original[same] == redacted[same], same
    assert redacted["title"] == "Redacted"
    assert redacted["parameters"]["03_key_accounts"]["capacity"] == 20
    assert redacted["complete"]


def test_measures_of_the_redacted_report_are_those_of_the_original(both):
    files = sorted(p.name for p in (both[0] / "tables").glob("0[03]_measures.parquet"))
    assert files[-1] == "03_measures.parquet"
    for name in files:
        tables = (pd.read_parquet(p / "tables" / name) for p in both[:2])
        old, new = (t[t["definition_id"] != "accounts_nearly_alike"] for t in tables)  # codes are never nearly alike
        pd.testing.assert_frame_equal(old, new)


def test_every_account_has_its_numbers_under_its_code(both):
    original, redacted, work = both
    codes = pd.read_csv(work / "codes.csv").set_index("account_id")["code"]
    files = sorted(p.name for p in (original / "tables").glob("0[03]_*account*.parquet"))
    assert files[-1] == "03_key_accounts.parquet"
    for name in files:
        old, new = (pd.read_parquet(p / "tables" / name) for p in (original, redacted))
        old = old.assign(account_id=old["account_id"].map(codes)).set_index("account_id").sort_index()
        new = new.set_index("account_id").sort_index()
        if "revenue_rank" in old:  # accounts of equal revenue stand in the order of their ids, which are others
            alone = ~old["revenue"].duplicated(keep=False)
            assert alone.sum() > 150
            places = ["revenue_rank", "cumulative_revenue_share"]
            old.loc[~alone, places] = new.loc[~alone, places] = 0
        if "alike_accounts" in old:  # names there, codes here
            assert (old.pop("alike_accounts").isna() == new.pop("alike_accounts").isna()).all()
        pd.testing.assert_frame_equal(old, new)


def test_decisions_are_the_same_with_codes_for_accounts(both):
    original, redacted, work = both
    codes = pd.read_csv(work / "codes.csv").set_index("account_id")["code"]
    old, new = (pd.read_parquet(p / "tables" / "03_decisions.parquet") for p in (original, redacted))
    assert sorted(old["account_id"].map(codes).dropna()) == sorted(new["account_id"].dropna())
    assert old["text"].tolist() == new["text"].tolist()
    assert np.isclose(old["moves"].sum(), new["moves"].sum())


def test_a_report_whose_data_changed_since_is_refused(sample_report, tmp_path):
    data = tmp_path / "sample"
    shutil.copytree(SAMPLE, data)
    more = pd.read_csv(data / "accounts.csv", dtype="str")
    more = pd.concat([more, more.tail(1).assign(account_id="new", name="New")])
    more.to_csv(data / "accounts.csv", index=False)
    with pytest.raises(ValueError, match="the data changed since this report was made, or sample is not its data"):
        export.redo(sample_report, data, NOTEBOOKS, KEY, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_report_whose_notebooks_changed_since_is_refused(sample_report, tmp_path):
    notebooks = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, notebooks)
    node = nbformat.read(notebooks / "03_key_accounts.ipynb", as_version=4)
    node.cells[-1].source += "\n1"
    nbformat.write(node, notebooks / "03_key_accounts.ipynb")
    with pytest.raises(ValueError, match="the notebooks changed since this report was made"):
        export.redo(sample_report, SAMPLE, notebooks, KEY, tmp_path / "work")


def test_a_report_that_still_names_an_account_is_refused(both, tmp_path, monkeypatch):
    leaky = tmp_path / "leaky"
    shutil.copytree(both[1], leaky)
    name = pd.read_csv(SAMPLE / "accounts.csv")["name"].iloc[0]
    (leaky / "summary.md").write_text(name)
    monkeypatch.setattr(runs, "run", lambda *a, **k: runs.Report(leaky, {}))
    told = re.escape(f"1 names would still be shown (first: ['summary.md: {name}'])")
    with pytest.raises(ValueError, match=told):
        export.redo(both[0], SAMPLE, NOTEBOOKS, KEY, tmp_path / "work")


def test_parameters_that_are_ids_become_codes(tmp_path):
    source = Source(put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS))
    codes = redact.redacted(source, KEY, tmp_path / "copy").set_index("account_id")["code"]
    cell = 'account: str = ""  # one\naccounts: list[str] = []  # some\ntier: str = "1"  # no id\nlimit: int = 3  # n\n'
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})])
    nbformat.write(node, tmp_path / "01_x.ipynb")
    given = {"account": "acme", "accounts": ["beta", "other"], "tier": "acme", "limit": 3}
    got = export.translated(source, tmp_path / "01_x.ipynb", given, KEY)
    assert got == {"account": codes["acme"], "accounts": [codes["beta"], "other"], "tier": "acme"}
