"""Snapshots: built once by whoever needs them first, whole or not at all, and never of another state of the data."""

import datetime as dt
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from abmlib.tables import Book, TableError, cache, settings, snapshot
from abmlib.tables.fingerprint import CACHE, fingerprint
from tests.conftest import ACCOUNTS, TRANSACTIONS, abm, put

ACTIVITIES = """activity_id,account_id,contact_id,occurred_at,direction,channel,is_bot
a1,acme,,2026-03-30T10:00:00Z,inbound,web,false
a2,acme,,2026-03-30T23:30:00Z,inbound,web,
a3,acme,,2026-04-01T10:00:00Z,outbound,email,false
a4,beta,,2026-04-01T10:00:00Z,inbound,web,true
a5,,,2026-04-01T10:00:00Z,inbound,web,false
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The small book before anybody opened it."""
    return put(tmp_path / "data", accounts=ACCOUNTS, transactions=TRANSACTIONS)


def built(folder: Path) -> list[str]:
    """The days there are snapshots of, a state of the data after the other."""
    return sorted(p.parent.name for p in (folder / CACHE).glob("*/*/facts.json"))


def test_a_snapshot_is_built_once_and_read_by_all_who_come_after(small):
    Book.open(small, "2026-03-31")
    (facts,) = (small / CACHE).glob("*/2026-03-31/facts.json")
    made = facts.stat().st_mtime_ns
    assert Book.open(small, "2026-03-31").read("transactions")["transaction_id"].tolist() == ["t1", "t2"]
    assert facts.stat().st_mtime_ns == made
    assert built(small) == ["2026-03-31"]


def test_a_table_of_an_earlier_day_is_built_once_and_without_the_rest_of_that_day(small):
    book, earlier = Book.open(small, "2026-06-30"), pd.Timestamp("2026-03-31")
    assert book.read("transactions", on=earlier)["transaction_id"].tolist() == ["t1", "t2"]
    assert book.read("transactions", on=book.as_of)["transaction_id"].tolist() == ["t1", "t2", "t3", "t4"]
    assert built(small) == ["2026-03-31_transactions", "2026-06-30"]
    (facts,) = (small / CACHE).glob("*/2026-03-31_transactions/facts.json")
    made = facts.stat().st_mtime_ns
    assert len(book.read("transactions", on=earlier)) == 2
    assert facts.stat().st_mtime_ns == made


def test_a_table_of_a_later_day_is_refused(small):
    with pytest.raises(ValueError, match="asked as known on 2026-04-01, and the book ends with 2026-03-31"):
        Book.open(small, "2026-03-31").read("transactions", on=pd.Timestamp("2026-04-01"))


def test_it_is_private_and_no_version_control_looks_into_it(small):
    Book.open(small, "2026-03-31")
    assert stat.S_IMODE((small / CACHE).stat().st_mode) == 0o700
    assert (small / CACHE / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: put(d, accounts=ACCOUNTS.replace("Acme", "Ajax")),  # as long as it was
        lambda d: (d / "workbook.yml").write_text("time_zone: Asia/Tokyo\n"),
        lambda d: put(d / "programme", targets="period,owner_id,measure_id,value,entered_at,entered_by,supersedes\n2026,,C-38,1,2026-01-01T00:00:00Z,Ada,\n"),
    ],
    ids=["data", "settings", "programme"],
)  # fmt: skip
def test_another_state_of_the_data_has_a_snapshot_of_its_own(small, change):
    Book.open(small, "2026-03-31")
    change(small)
    Book.open(small, "2026-03-31")
    assert built(small) == ["2026-03-31"] * 2


def test_a_workbook_file_keeps_it_beside_itself_and_not_in_the_data(small, tmp_path):
    (tmp_path / "workbook.yml").write_text("data: data\n")
    assert Book.open(tmp_path / "workbook.yml", "2026-03-31").has("transactions")
    assert built(tmp_path) == ["2026-03-31"]
    assert not (small / CACHE).exists()


def opened(place: Path) -> list[str]:
    """Lines known on the day."""
    return Book.open(place, "2026-03-31").read("transactions")["transaction_id"].tolist()


def test_processes_that_need_it_at_once_build_one(small):
    ask = "import sys; from abmlib.tables import Book; print(len(Book.open(sys.argv[1], '2026-03-31').read('transactions')))"
    both = [subprocess.Popen([sys.executable, "-c", ask, small], stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == [b"2", b"2"]
    assert built(small) == ["2026-03-31"]
    (state,) = [p for p in (small / CACHE).iterdir() if p.is_dir()]
    assert not [p for p in state.iterdir() if p.name.startswith(".")]


def test_what_one_who_was_ended_left_is_no_snapshot_and_goes(small):
    data = cache.Data(small)
    state = data.snapshot(dt.date(2026, 3, 31)).parent
    half = state / ".2026-04-01"
    (half / "tables").mkdir(parents=True)
    assert Book.open(small, "2026-04-01").read("transactions")["transaction_id"].tolist() == ["t1", "t2", "t3"]
    assert not half.exists()


def test_one_that_fails_leaves_nothing(small, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(snapshot, "write", full)
    with pytest.raises(OSError, match="No space left"):
        Book.open(small, "2026-03-31")
    assert built(small) == []
    monkeypatch.undo()
    assert opened(small) == ["t1", "t2"]


def test_a_full_disk_is_named_by_the_folder_that_is_full(small, tmp_path, monkeypatch):
    room = {str(tmp_path / "full"): 0}
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda place: SimpleNamespace(free=room.get(str(place), 9)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))

    def full(*args: object) -> None:
        raise RuntimeError(f"IO Error: {os.strerror(28)}")  # as the engine puts it

    monkeypatch.setattr(snapshot, "write", full)
    with pytest.raises(OSError, match="No space left") as raised:
        Book.open(small, "2026-03-31")
    assert raised.value.filename == str(tmp_path / "full")


def test_a_lock_that_is_a_folder_is_named(small):
    (small / CACHE / ".lock").mkdir(parents=True)
    code, said = abm("doctor", "--data", small)
    assert code == 2
    assert said.endswith(".abm_cache/.lock: is a folder, and must be a file. Remove it.")


def test_old_ones_go_but_what_was_opened_within_the_hour(small, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 1)
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        Book.open(small, day)
    assert built(small) == ["2026-03-01", "2026-03-02", "2026-03-03"]
    for folder in (small / CACHE).glob("*/2026-*"):
        os.utime(folder, (0, 0))
    Book.open(small, "2026-03-04")
    assert built(small) == ["2026-03-04"]


def test_a_table_whose_checks_fail_is_refused_and_the_others_are_read(small):
    put(small, transactions=TRANSACTIONS + "t1,acme,p,2026-01-01,1,purchase,\n")
    book = Book.open(small, "2026-03-31")
    assert len(book.read("accounts")) == 2
    with pytest.raises(TableError, match="transactions: one row per transaction_id: broken in 2 of 5 rows"):
        book.read("transactions")


def test_a_large_table_stays_a_query_and_gives_the_same(small, monkeypatch):
    put(small, activities=ACTIVITIES)
    written = Book.open(small, "2026-06-30")
    monkeypatch.setattr(snapshot, "LARGE", 0)
    (small / "workbook.yml").write_text("title: again\n")
    queried = Book.open(small, "2026-06-30")
    assert not list((small / CACHE).glob("*/*/tables/activities.parquet"))[1:]
    for name in ("accounts", "transactions", "activities"):
        pd.testing.assert_frame_equal(queried.read(name), written.read(name))
    for args in (("activities", ["channel"], "week"), ("transactions", [], "month", ["revenue"])):
        pd.testing.assert_frame_equal(queried.panel(*args), written.panel(*args))
    assert queried.read("transactions", on=pd.Timestamp("2026-03-31"))["transaction_id"].tolist() == ["t1", "t2"]


def test_a_panel_counts_by_account_and_local_day_and_leaves_out_machines_and_nobodys_rows(small):
    put(small, activities=ACTIVITIES)
    (small / "workbook.yml").write_text("time_zone: Europe/Berlin\n")
    found = Book.open(small, "2026-06-30").panel("activities", ["direction"], per="day")
    rows = [(r.account_id, r.direction, str(r.day.date()), r.rows) for r in found.itertuples()]
    assert rows == [  # a2 is of the next day in Berlin; a4 a machine's; a5 nobody's
        ("acme", "inbound", "2026-03-30", 1), ("acme", "inbound", "2026-03-31", 1), ("acme", "outbound", "2026-04-01", 1),
    ]  # fmt: skip
    weeks = Book.open(small, "2026-06-30").panel("activities", bots=True)
    assert [(r.account_id, str(r.week.date()), r.rows) for r in weeks.itertuples()] == [
        ("acme", "2026-03-30", 3), ("beta", "2026-03-30", 1),
    ]  # fmt: skip


def test_forgetting_a_person_empties_it(small, monkeypatch):
    put(small, contacts="contact_id,account_id,full_name,created_at\nc1,acme,Ann Smith,2025-01-01T00:00:00Z\n")
    assert Book.open(small, "2026-03-31", people=True).read("contacts")["full_name"].tolist() == ["Ann Smith"]
    monkeypatch.chdir(small.parent)
    monkeypatch.setenv("ABM_KEY", "a key that is long enough")
    code, said = abm("forget", "c1", "--data", small)
    assert code == 0, said
    assert built(small) == []
    assert not [p for p in (small / CACHE).rglob("*") if p.is_file() and b"Ann Smith" in p.read_bytes()]


def test_a_fingerprint_is_that_of_names_and_contents_alone_and_remembers_what_it_read(small, tmp_path):
    memory = tmp_path / "memory"
    memory.mkdir()
    os.utime(small / "accounts.csv", (1, 1))  # old enough to be remembered
    first = fingerprint(small, memory=memory)
    assert first == fingerprint(small, memory=memory) == fingerprint(small)
    Book.open(small, "2026-03-31")
    assert fingerprint(small) == first  # the cache is no part of the data
    (small / "accounts.csv").write_text(ACCOUNTS.replace("Acme", "Ajax"))
    assert fingerprint(small, memory=memory) == fingerprint(small) != first


def test_the_cache_is_empty_after_it_is_cleared(small):
    Book.open(small, "2026-03-31")
    cache.clear(settings.workbook(small))
    assert built(small) == []
    assert opened(small) == ["t1", "t2"]


def test_a_damaged_snapshot_is_built_again(small):
    opened(small)
    (state,) = [p for p in (small / CACHE).iterdir() if p.is_dir()]
    for harm in (
        lambda: (state / "2026-03-31" / "facts.json").write_text(""),
        lambda: (state / "2026-03-31" / "facts.json").unlink(),
        lambda: (state / "2026-03-31" / "tables" / "transactions.parquet").write_bytes(b"PAR1"),
        lambda: (state / "audit.parquet").unlink(),
        lambda: (small / CACHE / "hashes.json").write_text('["x"]'),
        lambda: (small / CACHE / ".gitignore").write_text(""),
    ):
        harm()
        assert opened(small) == ["t1", "t2"]
        assert len(Book.open(small, "2026-03-31").audit()) > 10
    assert (small / CACHE / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("link", ["transactions.csv", "programme"])
def test_what_lies_behind_a_link_is_data_too(small, tmp_path, link):
    away = tmp_path / "away"
    target = (small / link).rename(away) if (small / link).exists() else put(away)
    (small / link).symlink_to(target)
    first = fingerprint(small)
    if target.is_dir():
        (target / "targets.csv").write_text("period\n")
    else:
        target.write_text(TRANSACTIONS.replace("100", "101"))
    assert fingerprint(small) != first


def test_two_workbooks_over_one_data_set_have_each_its_own_programme(small, tmp_path):
    row = "period,owner_id,measure_id,value,entered_at,entered_by,supersedes\n2026,,C-38,{},2026-01-01T00:00:00Z,Ada,\n"
    for n in (1, 2):
        put(small / f"p{n}", targets=row.format(n))
        (tmp_path / f"w{n}.yml").write_text(f"data: data\nprogramme: data/p{n}\n")
    values = [Book.open(tmp_path / f"w{n}.yml", "2026-03-31").read("targets")["value"].tolist() for n in (1, 2)]
    assert values == [[1.0], [2.0]]


def test_data_that_changes_while_it_is_read_makes_no_snapshot(small, monkeypatch):
    write = snapshot.write

    def changed(*args) -> None:
        write(*args)
        (small / "accounts.csv").write_text(ACCOUNTS.replace("Acme", "Ajax"))

    monkeypatch.setattr(snapshot, "write", changed)
    with pytest.raises(TableError, match="data changed while it was read. Open it again"):
        Book.open(small, "2026-03-31")
    monkeypatch.undo()
    assert Book.open(small, "2026-03-31").read("accounts")["name"].tolist() == ["Ajax", "Beta"]


def test_forgetting_empties_every_place_a_snapshot_may_lie(small, tmp_path):
    (tmp_path / "workbook.yml").write_text("data: data\n")
    for place in (small, tmp_path / "workbook.yml"):
        Book.open(place, "2026-03-31")
    cache.clear(settings.workbook(tmp_path / "workbook.yml"))
    assert built(small) == built(tmp_path) == []
