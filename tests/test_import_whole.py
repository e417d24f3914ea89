"""An import that is killed leaves no row of the export behind, and a book complete: the old one or the new one."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from abmlib.tables import settings, temporary
from abmlib.tables.importers import mapped
from tests.conftest import abm

MAPPING = """version: 1
title: t
sources:
  people: {file: people.csv, time_zone: UTC, encoding: cp1252}
tables:
  accounts:
    from: people
    columns: {account_id: Id, name: Name, created_at: Since}
  contacts:
    from: people
    columns: {contact_id: Id, full_name: Name, email_hash: {column: Mail, hash: true}, created_at: Since}
"""
MAIL = "ann@secret.example"
EXPORT = f"Id,Name,Mail,Since\n%s,Ann Uncommon,{MAIL},2025-01-01\n"
STEPS = """import json, os, signal, sys
from pathlib import Path
from abmlib.tables import settings, temporary
from abmlib.tables.importers import canonical, files, mapped, sources

def killed_at(owner, name, call, after):
    real, calls = getattr(owner, name), []
    def step(*args, **words):
        calls.append(name)
        done = real(*args, **words) if after or len(calls) < call else None
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, name, step)

owners = {"load": sources, "prepare": sources, "copy": files, "make": canonical, "rename": Path, "rmtree": temporary.shutil}
for name, call, after, mapping, export, to in json.loads(sys.argv[1]):
    if not (child := os.fork()):
        killed_at(owners[name], {"copy": "prepare"}.get(name, name), call, after)
        mapped.run(mapped.load_mapping(mapping), export, to, b"k" * 32)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""
KILLS = {  # step, the how manieth call, and whether it was done
    "text is copied": ("copy", 1, True),
    "rows are loaded": ("load", 1, True),
    "rows are filtered": ("prepare", 1, True),
    "one table is made": ("make", 1, True),
    "all tables are made": ("make", 2, True),
    "the old book is not yet moved": ("rename", 1, False),
    "the old book is moved": ("rename", 1, True),
    "the new book is moved": ("rename", 2, True),
    "the rest is not yet removed": ("rmtree", 1, False),
}


@pytest.fixture
def team(tmp_path, monkeypatch) -> Path:
    """A folder to work in with an export beside it, and an own folder for temporary files."""
    for name in ("team", "export", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "team" / "m.yml").write_text(MAPPING)
    (tmp_path / "export" / "people.csv").write_text(EXPORT % "old")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "team"


def imported(team: Path, to: Path) -> Path:
    mapped.run(mapped.load_mapping(team / "m.yml"), team.parent / "export", to, b"k" * 32)
    return to


def holding(team: Path, *words: str) -> list[str]:
    """Files of the team and of the folder for temporary files that hold one of some words."""
    files = [p for place in (team, team.parent / "temporary") for p in place.rglob("*") if p.is_file()]
    return [str(p) for p in files if any(word.encode() in p.read_bytes() for word in words)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of one process")
def test_an_import_killed_at_any_step_leaves_no_row_behind_and_a_whole_book(team):
    books = [imported(team, team / f"book {number}") for number in range(len(KILLS))]
    whole = sorted(p.name for p in books[0].iterdir())
    (team.parent / "export" / "people.csv").write_text(EXPORT % "new")
    asked = [
        [*kill, *map(str, (team / "m.yml", team.parent / "export", to))]
        for kill, to in zip(KILLS.values(), books, strict=True)
    ]
    done = subprocess.run([sys.executable, "-c", STEPS, json.dumps(asked)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["9"] * len(KILLS)
    assert holding(team, MAIL), "nothing was there to be cleared"
    assert abm("list")[0] == 0  # any verb, from any folder
    assert holding(team, MAIL) == []
    assert sorted(p.name for p in team.iterdir()) == sorted([*(b.name for b in books), "m.yml"])
    found = []
    for book in books:
        assert sorted(p.name for p in book.iterdir()) == whole
        (account,) = pd.read_parquet(book / "accounts.parquet")["account_id"]
        assert pd.read_parquet(book / "contacts.parquet")["contact_id"].tolist() == [account]
        found.append(account)
    assert found == ["old"] * 7 + ["new"] * 2


def test_clearing_touches_no_running_process_and_nothing_of_others(team):
    mine, name = team / "mine", temporary.PREFIX
    for folder in (mine, team / f"{name}unlocked"):
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    (mine / temporary.LOCK).touch()
    (team / f"{name}link").symlink_to(mine)
    with temporary.folder() as running, temporary.folder(beside=team / "book") as beside:
        (temporary.own_folder() / f"{name}note").write_text(str(mine))
        before = sorted(team.rglob("*"))
        temporary.clear(team)
        assert (running.is_dir(), beside.is_dir(), sorted(team.rglob("*"))) == (True, True, before)
    assert not list(team.parent.rglob(f"{running.name}*")) + list(team.parent.rglob(f"{beside.name}*"))


def test_an_own_folder_that_is_a_link_is_not_followed(team):
    theirs = team / "theirs" / f"{temporary.PREFIX}dead"
    theirs.mkdir(parents=True)
    (theirs / temporary.LOCK).touch()
    temporary.own_folder().symlink_to(theirs.parent)
    temporary.clear()
    assert theirs.is_dir()
    with pytest.raises(OSError, match="not a folder of one's own"), temporary.folder():
        pass
    temporary.clear(theirs.parent)  # where a person points at it, it goes
    assert not theirs.exists()


@pytest.mark.parametrize(
    "asked", [("import", "--describe", "export", "--to"), ("doctor", "--data", "export", "--request")]
)
def test_a_text_for_which_there_is_no_room_leaves_what_was_there(team, monkeypatch, asked):
    (folder := team / "texts").mkdir()
    write, full = Path.write_text, OSError(errno.ENOSPC, "No space left on device")

    def half(path, text, *args, **words):
        write(path, text[:10], *args, **words)
        if path.parent == folder:
            raise full

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", half)
        assert abm(*asked, folder / "text")[0] == 2
    assert list(folder.iterdir()) == []
    code, said = abm(*asked, folder / "text")
    assert (code, [p.name for p in folder.iterdir()]) == (0, ["text"]), said
    (folder / "empty").mkdir()
    code, said = abm(*asked, folder / "empty")
    assert (code, "empty: is a folder. Give the name of a file." in said) == (2, True), said


def test_a_book_opened_by_hand_is_put_back_too(team):
    left = team / f"{temporary.PREFIX}dead"
    imported(team, team / "book")
    (left / temporary.BEFORE).mkdir(parents=True)
    (left / temporary.LOCK).touch()
    (team / "book").rename(left / temporary.BEFORE / "book")
    shutil.rmtree(temporary.own_folder())  # with its notes, as when the machine starts again
    assert settings.with_data(team / "book").settings.title == "t"
    assert not left.exists()
