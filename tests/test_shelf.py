"""Clearing a folder of runs: what stays, what goes, and what is never touched."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from abmlib.pages import shelf
from abmlib.tables import outputs

LATER = 4_000_000_000.0  # a moment long after the tests


def made(out: Path, as_of: str, name: str = "", complete: bool = True, at: int = 1_000) -> str:
    """Put a small run into a folder of runs; give its name."""
    number = f"{len(list(out.iterdir())):08x}"
    folder = out / (name or f"{as_of}_{number}")
    (folder / "html").mkdir(parents=True)
    (folder / "html" / "page.html").write_text("x" * 100)
    record = {"as_of": as_of, "id": number, "complete": complete, "fingerprint": "f"}
    (folder / "run.json").write_text(json.dumps(record))
    os.utime(folder / "run.json", (at, at))
    return folder.name


@pytest.fixture
def out(tmp_path) -> Path:
    """An empty folder of runs."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def dead() -> int:
    """The number of a process that is gone."""
    if os.name == "nt":
        pytest.skip("Windows cannot be asked whether a process is there without harm")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_the_newest_by_day_and_then_by_time_made_stay(out):
    old = made(out, "2026-01-31", at=9_000)  # an old day made last is still old
    first = made(out, "2026-02-28", at=1_000)
    second = made(out, "2026-02-28", at=2_000)
    newest = made(out, "2026-03-31", at=500)
    got = shelf.prune(out, 2)
    assert (got.kept, got.removed) == ([second, newest], [old, first])
    assert names(out) == {second, newest}
    assert got.freed > 200


def test_a_failed_run_goes_once_it_is_older_than_all_that_stay(out):
    failed_before = made(out, "2026-01-31", complete=False)
    kept = made(out, "2026-02-28")
    failed_after = made(out, "2026-03-31", complete=False)
    assert shelf.prune(out, 1).removed == [failed_before]
    assert names(out) == {kept, failed_after}


def test_where_no_run_is_complete_all_stay(out):
    failed = [made(out, day, complete=False) for day in ("2026-01-31", "2026-02-28")]
    assert shelf.prune(out, 1).kept == failed


def test_the_run_that_latest_points_at_stays_however_old(out):
    back_dated, between, newest = (made(out, day) for day in ("2020-01-31", "2026-02-28", "2026-03-31"))
    shelf.point_at(out / back_dated)
    got = shelf.prune(out, 1)
    assert (got.kept, got.removed) == ([back_dated, newest], [between])
    assert (out / "latest").resolve().name == back_dated


def test_latest_may_be_a_text_file(out):
    back_dated, newest = made(out, "2020-01-31"), made(out, "2026-03-31")
    (out / "latest").write_text(back_dated + "\n")
    assert shelf.prune(out, 1).kept == [back_dated, newest]


@pytest.mark.parametrize("form", ["link", "text"])
def test_what_would_lead_nowhere_is_pointed_at_the_newest_run(out, form):
    newest, lost = made(out, "2026-02-28"), made(out, "2026-03-31")
    shelf.point_at(out / lost)
    if form == "text":
        (out / "latest").unlink()
        (out / "latest").write_text(lost)
    shutil.rmtree(out / lost)
    shelf.prune(out, 1)
    assert shelf.pointed(out / "latest") == out / newest
    assert f"url={newest}/index.html" in (out / "index.html").read_text()


def test_a_page_of_the_user_s_own_is_left_alone(out):
    made(out, "2026-01-31"), made(out, "2026-02-28")
    (out / "index.html").write_text("<p>My own.")
    shelf.prune(out, 1)
    assert (out / "index.html").read_text() == "<p>My own."


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
def test_only_runs_are_touched(out, tmp_path):
    made(out, "2026-03-31")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outside = made(elsewhere, "2020-01-31")
    (out / outside).symlink_to(elsewhere / outside)  # a run, but outside the folder
    (out / "notes").mkdir()
    (out / "notes" / "mine.md").write_text("mine")
    (out / "2019-01-31_notes").mkdir()  # named almost like a run
    (out / "2019-01-31_notes" / "run.json").write_text("{}")
    (out / "2018-01-31_00000009").mkdir()
    (out / "2018-01-31_00000009" / "run.json").write_text('["not", "ours"]')
    made(out, "2019-01-31", name="renamed by hand")
    (out / ".config.5.tmp").write_text("another program's")
    before = names(out)
    assert shelf.prune(out, 1, now=LATER).removed == []
    assert names(out) == before
    assert (elsewhere / outside / "run.json").is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
def test_a_link_inside_a_run_is_removed_and_what_it_shows_is_not(out, tmp_path):
    old = made(out, "2020-01-31")
    made(out, "2026-03-31")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x" * 10_000)
    (out / old / "link").symlink_to(tmp_path / "kept")
    assert shelf.prune(out, 1).freed < 1_000
    assert (tmp_path / "kept" / "file").is_file()
    assert old not in names(out)


def test_left_overs_of_dead_processes_go_and_those_of_living_ones_stay(out, dead):
    made(out, "2026-03-31")
    for number in (dead, os.getpid()):
        (out / f".0123abcd.{number}.tmp" / "html").mkdir(parents=True)
        (out / f".index.{number}").write_text("x")
        (out / f".latest.{number}").symlink_to("nowhere")
        (out / f".2020-01-31_0123abcd.{number}.gone").mkdir()
        (out / f".2020-01-31_0123abcd.zip.{number}.tmp").write_text("x")
    got = shelf.prune(out, 5)
    assert got.removed == sorted(
        [
            f".0123abcd.{dead}.tmp",
            f".2020-01-31_0123abcd.{dead}.gone",
            f".2020-01-31_0123abcd.zip.{dead}.tmp",
            f".index.{dead}",
            f".latest.{dead}",
        ]
    )
    assert len([n for n in names(out) if n.startswith(".")]) == 5


def test_left_overs_of_a_day_ago_go_whatever_process_has_their_number(out):
    made(out, "2026-03-31")
    beside = out / f".0123abcd.{os.getpid()}.tmp"
    beside.mkdir()
    assert shelf.prune(out, 1, now=beside.stat().st_mtime + shelf.DAY - 60).removed == []
    assert shelf.prune(out, 1, now=beside.stat().st_mtime + shelf.DAY + 60).removed == [beside.name]


def test_a_dry_clearing_says_the_same_and_touches_nothing(out, dead):
    made(out, "2026-01-31"), made(out, "2026-02-28")
    (out / f".index.{dead}").write_text("x")
    before = names(out)
    told = shelf.prune(out, 1, dry=True)
    assert names(out) == before
    assert shelf.prune(out, 1) == told


def test_a_removal_cut_short_leaves_no_half_a_run_and_is_ended_by_the_next(out, monkeypatch):
    old, newest = made(out, "2026-01-31"), made(out, "2026-02-28")
    monkeypatch.setattr(shelf.shutil, "rmtree", lambda *a, **k: None)  # as if the program ended here
    shelf.prune(out, 1)
    assert [run.folder.name for run in shelf.all_runs(out)] == [newest]
    monkeypatch.undo()
    (aside,) = [n for n in names(out) if n.startswith(f".{old}")]
    assert shelf.prune(out, 1, now=LATER).removed == [aside]
    assert names(out) == {newest}


@pytest.mark.parametrize("keep", [0, -1])
def test_at_least_one_run_is_kept(out, keep):
    with pytest.raises(ValueError, match="keep must be 1 or more, got"):
        shelf.prune(out, keep)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nowhere: there is no such folder of runs"):
        shelf.prune(tmp_path / "nowhere", 1)


# -- after a command that was ended ---------------------------------------------------------------------------------

CHANGES = {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.chmod"}  # of a disk


def ended_at(step: int, work: Callable[[], object]) -> bool:
    """Do some work in a process that ends, as if killed, before its nth change; say whether it came that far."""
    if (child := os.fork()) == 0:
        left = iter(range(step - 1))
        sys.addaudithook(lambda event, _: os._exit(9) if event in CHANGES and next(left, None) is None else None)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is ended at each step")
def test_a_run_ended_at_any_step_of_finishing_is_old_or_new_and_the_next_command_finishes_it(tmp_path):
    reached = 0
    for step in range(1, 100):
        out = tmp_path / f"out{step}"
        out.mkdir()
        old, beside = made(out, "2026-02-28", at=1_000), out / ".beside"
        (out / old / "summary.md").write_text(old)
        shelf.finish(out / old)
        new = made(out, "2026-01-31", at=2_000)  # of an earlier day, made last
        (out / new / "summary.md").write_text(new)
        (out / new).rename(beside)
        ended = ended_at(step, lambda b=beside, to=out / new: shelf.finish(shelf.move_into_place(b, to)))
        assert shelf.pointed(out / "latest").name in {old, new}
        assert shelf.pointed(out / "latest").is_dir()
        assert (out / "summary.md").read_text() in {old, new}
        assert shelf.repair(out) == []
        newest = new if (out / new).is_dir() else old
        assert shelf.pointed(out / "latest").name == newest
        assert f"url={newest}/index.html" in (out / "index.html").read_text()
        assert (out / "summary.md").read_text() == newest
        reached += newest == new
        if not ended:
            break
    assert step > reached > 5


@pytest.mark.parametrize(
    "text", [b"", b'{"as_of": "2026-0', b"[1, 2]", b"\xff\x00\x01", b'{"as_of": 3, "id": 4, "complete": "yes"}', None]
)
def test_a_run_whose_record_is_damaged_is_left_out_and_named(out, text):
    good, bad, newest = (made(out, day) for day in ("2026-01-31", "2026-02-28", "2026-03-31"))
    (out / bad / "run.json").unlink()
    (out / bad / "run.json").mkdir() if text is None else (out / bad / "run.json").write_bytes(text)
    assert shelf.repair(out) == [
        f"{bad}/run.json does not read; that run is left out. Make it again, or remove the folder."
    ]
    assert shelf.previous(out, dt.date(2026, 3, 31)) == good
    assert [run.folder.name for run in shelf.all_runs(out)] == [good, newest]
    assert shelf.prune(out, 1).removed == [good]
    assert bad in names(out)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="there is no list of processes to read")
def test_a_process_that_ended_and_was_not_asked_about_is_not_running():
    child = os.fork()
    if not child:
        os._exit(0)
    for _ in range(200):
        if not outputs.is_running(child):
            break
        time.sleep(0.01)
    assert not outputs.is_running(child)
    os.waitpid(child, 0)
