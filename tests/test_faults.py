"""Processes that write at once, are killed or hindered: nothing is lost, and nothing is left behind."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from abmlib.tables.fingerprint import fingerprint
from abmlib.tables.outputs import replaced
from tests.conftest import put


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


def test_what_a_killed_process_left_is_no_data(small):
    before = fingerprint(small)
    put(small, **{".targets.csv.1.tmp": "half"})
    (small / ".targets.csv.1.tmp.csv").rename(small / ".targets.csv.1.tmp")
    assert fingerprint(small) == before
