"""The verbs that are thin: what they pass on, and what they refuse."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from abmlib.cli import app
from tests.conftest import ACCOUNTS, DECIDE, OPEN, ROOT, SHOW, TRANSACTIONS, abm, leave, notebook, put

CONTACTS = """contact_id,account_id,full_name,created_at
c-ann,acme,Ann Uncommon,2025-01-01T00:00:00Z
c-bob,beta,Bob Ordinary,2025-01-01T00:00:00Z
"""
MAPPING = """version: 1
title: t
sources:
  people: {file: people.csv, time_zone: UTC}
tables:
  accounts: {from: people, columns: {account_id: Id, name: Id, created_at: Since}}
  contacts:
    from: people
    columns:
      contact_id: Id
      email_hash: {column: Mail, hash: true}
      created_at: Since
  activities:
    from: people
    keep: [{where: "Mail like '%@%'", why: without an address, budget: 1}]
    columns: {activity_id: Id, occurred_at: Since, direction: {value: inbound}, channel: {value: email}}
"""


@pytest.fixture
def team(tmp_path, monkeypatch) -> Path:
    """A folder with a workbook and its data with two people."""
    put(tmp_path / "book", accounts=ACCOUNTS, transactions=TRANSACTIONS, contacts=CONTACTS)
    (tmp_path / "programme").mkdir()
    (tmp_path / "workbook.yml").write_text("data: book\ntitle: Team\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABM_KEY", raising=False)
    return tmp_path


@pytest.fixture
def notebooks(team) -> None:
    """One small notebook in that folder, which shows the accounts and what was left out."""
    show = 'book.ledger[["table", "why"]]'
    notebook(team / "notebooks", "01_x", OPEN, SHOW, show, DECIDE, leave("01_cycles"), writes=("01_cycles",))


@pytest.fixture
def private() -> Iterator[None]:
    """Files that are made are their user's alone."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_export_writes_the_newest_run_into_one_file_and_never_over_another(team, notebooks, private):
    put(team / "book", accounts=ACCOUNTS + "calc,=1+1,2025-01-01T00:00:00Z,1,\n")
    assert abm("run")[0] == 0
    code, said = abm("export", "--zip")
    assert code == 0, said
    run = (team / "reports" / "latest").resolve()
    file = run.with_name(f"{run.name}.zip")
    assert "index.html" in " ".join(zipfile.ZipFile(file).namelist())
    code, said = abm("export", "latest", "--zip")
    assert (code, f"{file.name}: is there already. Give another name, or remove it." in said) == (2, True)
    code, said = abm("export", "latest", "--zip", "--redact", "--to", "outside.zip")
    assert code == 0, said
    codes = pd.read_csv("outside.codes.csv")
    assert sorted(codes["name"]) == ["'=1+1", "Acme", "Beta", "Late"]  # no formula
    inside = zipfile.ZipFile("outside.zip")
    assert not any(b"Acme" in inside.read(n) for n in inside.namelist())
    code, said = abm("prune", "--keep", 1, "--dry-run")
    assert (code, said) == (0, "1 kept, 0 removed, 0.0 MB freed.")
    made = [p for place in (team / "reports", team / ".abm_cache") for p in place.rglob("*") if not p.is_symlink()]
    assert [p for p in made if p.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["export"], "give --zip or --pdf"),
        (["export", "--zip", "--pdf"], "give --zip or --pdf"),
        (["export", "never", "--zip"], "never"),
        (["prune", "--keep", "0"], "greater than or equal to 1"),
        (["prune", "--keep", "3"], "reports"),
        (["import"], "import takes a mapping, the export's folder and --to"),
        (["import", "m.yml", "x"], "import takes a mapping, the export's folder and --to"),
        (["import", "m.yml", "--describe", "x"], "--describe takes the folder of an export and no mapping"),
        (["import", "--describe", "book", "--to", "workbook.yml"], "workbook.yml: is there already"),
        (["init", "."], "holds 3 files and no workbook"),
    ],
)
def test_bad_calls_are_refused_in_one_sentence(team, args, says):
    code, said = abm(*args)
    assert code == 2, said
    assert says in said


@pytest.mark.parametrize("call", ["run --data", "run --out", "run --notebooks", "run", "prune --keep 1 --out", "prune --keep 1 --data",
                                  "export --zip --out", "doctor --data", "doctor --notebooks", "forget c-ann --data"])  # fmt: skip
def test_an_address_makes_no_folder_and_its_password_is_said_nowhere(team, call):
    address = "PostgreSQL+psycopg://user:secret@host/db?password=secret"
    if call == "run":
        (team / "workbook.yml").write_text(f"data: {address}\n")
    code, said = abm(*call.split(), *([] if call == "run" else [address]))
    assert code == 2
    assert "PostgreSQL+psycopg://… is an address, and no file or folder" in said
    written = [p for p in team.rglob("*") if p.is_file() and p.name != "workbook.yml"]
    assert "secret" not in said + "".join(p.read_text() for p in written)
    assert {p.name for p in team.iterdir()} <= {"book", "programme", "workbook.yml", "reports"}


@pytest.mark.parametrize("place", ["book/reports", "programme", "book"])
def test_reports_are_not_put_into_what_they_are_made_from(team, place):
    before = {*team.rglob("*")}
    code, said = abm("run", "--out", place)
    assert code == 2
    assert re.search(f"^{place}: is in (book|programme), which reports are made from.*Give a folder elsewhere", said)
    assert {*team.rglob("*")} == before


def test_data_is_not_the_folder_of_its_workbook_file(team):
    (team / "workbook.yml").write_text("data: .\n")
    code, said = abm("run")
    assert code == 2
    assert "workbook.yml: data is the folder of this file, where reports come too. Move the tables to a folder" in said


def test_a_redacted_copy_of_other_data_is_refused_before_a_key_is_made(team, monkeypatch):
    run = team / "reports" / "2026-06-30_0123abcd"
    for folder in (run, team / "elsewhere"):
        folder.mkdir(parents=True)
    (run / "run.json").write_text(
        json.dumps({"as_of": "2026-06-30", "id": "0123abcd", "complete": True, "fingerprint": "f"})
    )
    monkeypatch.chdir(team / "elsewhere")
    code, said = abm("export", f"../reports/{run.name}", "--zip", "--redact", "--to", "r.zip")
    assert code == 2
    assert "changed since this report was made, or sample is not its data: then give --data. Run it again" in said
    assert list(Path().iterdir()) == []


def test_a_damaged_run_is_named_by_every_command_that_looks_at_runs_and_stops_none(team, notebooks):
    damaged = team / "reports" / "2020-01-31_00000000" / "run.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("")
    for args in (["run"], ["export", "--zip"], ["prune", "--keep", 1]):
        code, said = abm(*args)
        assert (
            code,
            said.count(
                "2020-01-31_00000000/run.json does not read; that run is left out. Make it again, or remove the folder."
            ),
        ) == (0, 1), said
    assert "WARNING 2020-01-31_00000000/run.json does not read" in (team / "reports" / "runs.log").read_text()


def test_a_key_is_made_once_where_an_import_needs_one_and_only_its_owner_reads_it(team):
    (team / "m.yml").write_text(MAPPING)
    put(team / "export", people="Id,Mail,Since\n1,Ann@Example.com,2025-01-01\n2,ann@example.com,2025-01-01\n")
    code, said = abm("import", "m.yml", "export", "--to", "new")
    assert code == 0, said
    assert "a new key for hashing people" in said
    assert ((team / ".abm_key").stat().st_mode & 0o077) == 0
    first = pd.read_parquet("new/contacts.parquet")["email_hash"]
    assert first.nunique() == 1
    assert re.fullmatch("[0-9a-f]{64}", first[0])
    code, said = abm("import", "m.yml", "export", "--to", "new")
    assert (code, "a new key" in said) == (0, False)
    assert pd.read_parquet("new/contacts.parquet")["email_hash"].equals(first)


def test_an_import_without_facts_is_refused_before_anything_is_replaced_or_made(team):
    (team / "m.yml").write_text(MAPPING)
    put(team / "export", people="Id,Mail,Since\n1,Ann@Example.com,2025-01-01\n")
    assert abm("import", "m.yml", "export", "--to", "new")[0] == 0
    before = {p.name: p.read_bytes() for p in (team / "new").iterdir()}
    put(team / "export", people="Id,Mail,Since\n1,unknown,2025-01-01\n")
    code, said = abm("import", "m.yml", "export", "--to", "new")
    assert code == 2, said
    assert (
        "m.yml: none of transactions, opportunities, activities has a row; rows made: accounts 1, contacts 1, activities 0. "
        "Correct the files or the keep."
    ) in said
    assert {p.name: p.read_bytes() for p in (team / "new").iterdir()} == before
    (team / "m.yml").write_text(MAPPING.partition("  activities:")[0])
    (team / ".abm_key").unlink()
    code, said = abm("import", "m.yml", "nowhere", "--to", "new")  # seen when the mapping is read
    assert code == 2, said
    assert (
        "m.yml: tables: none of transactions, opportunities, activities; mapped are ['accounts', 'contacts']. "
        "Map accounts and at least one of transactions, opportunities, activities."
    ) in said
    assert not (team / ".abm_key").exists()
    (team / "m.yml").write_text(re.sub("  accounts:.*\n", "", MAPPING))
    assert "m.yml: tables: no accounts table" in abm("import", "m.yml", "export", "--to", "new")[1]


def test_a_draft_goes_to_a_file_or_to_the_screen_and_loads(team):
    put(team / "export", customers="Customer No,Company,Created\n1,Acme,2025-01-01\n2,Beta,2025-02-01\n")
    code, said = abm("import", "--describe", "export", "--to", "mappings/mine.yml")
    assert code == 0, said
    assert "a first mapping" in said
    shown = CliRunner().invoke(app, ["import", "--describe", "export"])
    assert shown.stdout == (team / "mappings" / "mine.yml").read_text()


def test_a_person_is_removed_from_data_programme_and_past_runs_and_stays_out(team, notebooks):
    assert abm("run")[0] == 0
    code, said = abm("forget", "c-ann")
    assert code == 0, said
    assert "contacts.csv: 1" in said
    assert pd.read_csv("book/contacts.csv")["contact_id"].tolist() == ["c-bob"]
    assert len(pd.read_csv("programme/forgotten.csv")) == 1
    put(team / "book", contacts=CONTACTS)  # a new import brings the person back
    code, said = abm("run")
    assert code == 0, said
    assert "forgotten" in (team / "reports" / "latest" / "html" / "01_x.html").read_text()
    code, said = abm("forget", "c-nobody")
    assert code == 2
    assert "nobody has the id 'c-nobody' in book, its programme or past runs. Nothing was changed." in said


def of_this_test(mark: str) -> list[str]:
    """The command lines of all processes that carry a mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no list of processes to read")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_a_command_that_is_ended_takes_all_its_processes_with_it(team, how):
    busy = "import ctypes, pathlib\npathlib.Path('started').touch()\nctypes.PyDLL(None).sleep(60)"  # no thread can run
    notebook(team / "notebooks", "01_x", busy)
    command = [sys.executable, "-c", "from abmlib.cli import main; main()", "run", "--jobs", "2"]
    mark = f"MARK={team}"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | dict([mark.split("=")]) | {"PYTHONPATH": str(ROOT)},
    ) as started:  # fmt: skip
        while not (team / "notebooks" / "started").exists():
            assert started.poll() is None, started.stdout.read()
            time.sleep(0.05)
        started.send_signal(getattr(signal, how))
        said, _ = started.communicate(timeout=20)  # until nobody holds its output
    assert "Traceback" not in said
    for _ in range(50):
        if not (left := of_this_test(mark)):
            break
        time.sleep(0.1)
    assert not left
    if how != "SIGKILL":
        assert sorted(p.name for p in (team / "reports").iterdir()) == ["runs.log", "summary.md"]
        assert "no report: The command was stopped." in (team / "reports" / "runs.log").read_text()
