"""Processes that write at once, are killed or hindered: nothing is lost, and nothing is left behind."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from abmlib.tables import programme, temporary
from abmlib.tables.fingerprint import fingerprint
from abmlib.tables.outputs import replaced
from benchmarks import faults, hostile
from tests.conftest import put

HEAD = programme.template("targets")
FIRST = HEAD + "2026,,won_value,1000.0,2026-01-05T08:00:00Z,Li,\n"
ROW = {"period": ["2026-Q3"], "owner_id": None, "measure_id": "won_value", "value": 500.0}
NOON = pd.Timestamp("2026-04-01T12:00:00Z")


def add(folder: Path) -> pd.DataFrame:
    return programme.append(folder, "targets", pd.DataFrame(ROW), entered_at=NOON, entered_by="Bo")


@pytest.fixture
def file(tmp_path):
    return put(tmp_path / "programme", targets=FIRST) / "targets.csv"


# -- several write at once --------------------------------------------------------------------------------------------


MANY = """
import os, sys
from pathlib import Path
import pandas as pd
from abmlib.tables import programme

at, (ready, go) = pd.Timestamp("2026-04-01T12:00:00Z"), os.pipe()
for number in range(20):
    if not os.fork():
        os.close(go)
        os.read(ready, 1)  # all begin at once, when the last end of the pipe is closed
        row = {"period": ["2026-Q3"], "owner_id": [f"s{number}"], "measure_id": ["won_value"], "value": [number]}
        programme.append(Path(sys.argv[1]), "targets", pd.DataFrame(row), entered_at=at, entered_by="Bo")
        os._exit(0)
os.close(go)
print(sum(os.wait()[1] == 0 for _ in range(20)))
"""
HELD = """
import sys, time
from pathlib import Path
from abmlib.tables import programme

with programme.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked as on Unix")
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found as on Linux")


@forks
def test_of_many_processes_that_enter_at_once_no_entry_is_lost(file):
    done = subprocess.run([sys.executable, "-c", MANY, str(file.parent)], capture_output=True, text=True, check=True)
    assert done.stdout == "20\n", done.stderr
    assert set(programme.read(file.parent, "targets")["owner_id"].dropna()) == {f"s{number}" for number in range(20)}


@pytest.fixture
def holder(file):
    """Another process that holds the programme."""
    with subprocess.Popen([sys.executable, "-c", HELD, str(file.parent)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_programme_that_another_process_keeps_is_left_as_it_is(file, holder, monkeypatch):
    monkeypatch.setattr(temporary, "PATIENCE", 0.1)
    with pytest.raises(OSError, match=r"programme: another process has kept it for 0 seconds\. Wait"):
        add(file.parent)
    assert file.read_text() == FIRST


def test_what_a_killed_process_held_is_free(file, holder):
    holder.kill()
    holder.wait()
    add(file.parent)
    assert len(file.read_text().splitlines()) == len(FIRST.splitlines()) + 1


def test_who_holds_the_programme_may_enter(file, monkeypatch):
    monkeypatch.setattr(temporary, "PATIENCE", 0.1)
    with programme.locked(file.parent), programme.locked(Path(os.path.relpath(file.parent))):
        assert len(add(file.parent)) == 2


def test_neither_the_lock_nor_what_a_killed_process_left_is_data(small):
    add(small / "programme")
    before = fingerprint(small)
    for name in (".lock", ".targets.csv.1.tmp"):
        (small / "programme" / name).write_text("half")
    assert fingerprint(small) == before
    (small / "programme" / ".lock").unlink()
    assert fingerprint(small) == before


# -- files that are replaced whole ------------------------------------------------------------------------------------


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def write(path: Path, text: str) -> None:
    with replaced(path) as beside:
        beside.write_text(text)


def test_what_a_killed_process_left_beside_a_file_goes_when_it_is_replaced_again(tmp_path, dead):
    kept = [f".b[1].csv.{os.getppid()}.tmp", f".c.csv.{dead}.tmp", f".b[1].csv.x.{dead}.tmp", ".b[1].csv.mine.tmp"]
    left = [f".b[1].csv.{dead}.tmp", f".b[1].csv.{dead}.tmp.wal"]
    for name in (*kept, *left):
        (tmp_path / name).write_text("half")
    write(tmp_path / "b[1].csv", "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "b[1].csv"])


def test_of_a_link_the_file_is_replaced_that_it_leads_to(tmp_path):
    real, link = tmp_path / "team" / "targets.csv", tmp_path / "targets.csv"
    real.parent.mkdir()
    real.write_text("old")
    link.symlink_to(Path("team") / "targets.csv")
    write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert os.listdir(real.parent) == ["targets.csv"]


@pytest.mark.skipif(os.name != "posix", reason="rights are set as on Unix")
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_keeps_its_rights_whatever_new_files_get(tmp_path, mode):
    path = tmp_path / "targets.csv"
    path.write_text("old")
    path.chmod(mode)
    before = os.umask(0o077 if mode == 0o664 else 0o000)
    try:
        write(path, "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append((tmp_path / "a.csv").exists()))
    write(tmp_path / "a.csv", "whole")
    assert seen == [False]


# -- commands that are killed -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    place = faults.Place(tmp_path_factory.mktemp("workbook"))
    faults.home(place, people=50, runs=False)
    return faults.Before.of(place)


@linux
@pytest.mark.parametrize(
    ("verb", "number"),
    [
        ("append", 1),
        ("import", 1),
        pytest.param("import", 2, marks=pytest.mark.slow),
        ("forget", 1),
    ],
)
def test_a_command_killed_at_any_moment_loses_nothing_and_leaves_nothing_behind(before, verb, number):
    assert faults.one_round(verb, number, 5, before, lengths={})[1] == []


@linux
def test_what_a_command_leaves_is_found(before, monkeypatch):
    for name, text in {
        "tmp/rows.csv": "p1@secret.example",
        "home/.x.1.tmp": "",
        "home/notes.md": faults.PERSON,
    }.items():
        (before.place.folder / name).write_text(text)
    now = faults.Round(before.place, before, (), ())
    kinds = [words.partition(":")[0] for words in (*faults.after_import(now), *faults.left_behind(now))]
    for name in ("tmp/rows.csv", "home/.x.1.tmp", "home/notes.md"):
        (before.place.folder / name).unlink()
    assert kinds == [
        "the book is neither the old nor the new one",
        "e-mail addresses are left",
        "hidden files are left",
        "temporary files are left",
    ]


@linux
def test_input_that_is_not_met_as_expected_is_found():
    asked = hostile.FORGET
    assert hostile.attempt(hostile.Case("known", (*asked, "c1"), codes=hostile.FINE)) == []
    case = hostile.Case("known", (*asked, "c1"), codes=hostile.REFUSED, never=["Taken out"], keeps=True)
    assert hostile.attempt(case) == ["known: exit code 0, says 'Taken out', data changed"]


def test_each_hostile_input_is_described_once():
    for kind, cases in hostile.KINDS.items():
        assert len({case.what for case in cases}) == len(cases), kind
