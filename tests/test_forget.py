"""A person is forgotten: out of the data, the programme and past runs, and left out whoever brings them back."""

import json
import os

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from abmlib.pages import forget, shelf
from abmlib.pages import run as runs
from abmlib.tables import Book, TableError, people, programme, schema, secret
from tests.conftest import ACCOUNTS, TRANSACTIONS, put

KEY = b"0123456789abcdef"
NOON = pd.Timestamp("2026-04-01T12:00:00Z")
CONTACTS = (
    "contact_id,account_id,full_name,opted_out,created_at\n"
    'c1,acme,"Ann ""A"" Quill, Dr",false,2025-01-01T00:00:00Z\n'
    "c2,acme,Bo Li,false,2025-01-01T00:00:00Z\n"
    "C1,beta,Cy Ray,false,2025-01-01T00:00:00Z\n"  # another person: capitals count
    "c1-2,beta,Di Orr,false,2025-01-01T00:00:00Z\n"  # another person: more than the id
)
ACTIVITIES = (
    "activity_id,account_id,contact_id,occurred_at,direction,channel,outcome\n"
    'a1,acme,c1,2026-01-01T00:00:00Z,inbound,web,"said ""c1,c1"", and\nleft"\n'  # the id in a quoted text of two lines
    "a2,acme,c2,2026-01-01T00:00:00Z,inbound,web,c1\n"  # the id in a column of something else
    "c1,acme,,2026-01-01T00:00:00Z,inbound,web,\n"  # an activity of the same id
    'a4,acme,"c1",2026-01-01T00:00:00Z,inbound,web,'  # quoted for nothing; last line without its end
)
PARTS = "opportunity_id,contact_id,added_at\no1,c1,2025-01-01T00:00:00Z\no1,c2,2025-01-01T00:00:00Z\n"
HISTORY = (
    "table,row_id,field,value,known_from\n"
    "contacts,c1,full_name,Ann Miller,2025-01-01T00:00:00Z\n"
    "contacts,c2,title,Buyer,2025-01-01T00:00:00Z\n"
    "accounts,c1,employees,7,2025-01-01T00:00:00Z\n"  # an account of the same id
)
TABLES = {"contacts": CONTACTS, "activities": ACTIVITIES, "opportunity_contacts": PARTS, "attribute_history": HISTORY}
ROWS = {"contacts": 1, "activities": 2, "opportunity_contacts": 1, "attribute_history": 1}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.delenv(secret.VARIABLE, raising=False)
    return put(tmp_path / "home" / "data", accounts=ACCOUNTS, transactions=TRANSACTIONS, **TABLES)


def everything(folder) -> dict:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# -- the data ---------------------------------------------------------------------------------------------------------


def test_only_the_persons_rows_and_cells_go_and_every_other_byte_stays(data):
    counts = people.forget(data, "c1")
    assert {n: c for n, c in counts.items() if c} == {f"{n}.csv": c for n, c in ROWS.items()}
    assert (data / "contacts.csv").read_text() == "".join(
        line for line in CONTACTS.splitlines(True) if not line.startswith("c1,")
    )
    expected = ACTIVITIES.replace("a1,acme,c1,", "a1,acme,,").replace('a4,acme,"c1",', "a4,acme,,")
    assert (data / "activities.csv").read_text() == expected
    assert (data / "opportunity_contacts.csv").read_text() == PARTS.replace("o1,c1,2025-01-01T00:00:00Z\n", "")
    assert "Ann Miller" not in (data / "attribute_history.csv").read_text()
    assert "accounts,c1,employees,7" in (data / "attribute_history.csv").read_text()


def test_files_of_windows_keep_their_line_ends_and_their_mark(data):
    text = "\ufeff" + CONTACTS.replace("\n", "\r\n")
    (data / "contacts.csv").write_bytes(text.encode())
    assert people.forget(data, "c2")["contacts.csv"] == 1
    expected = "".join(line for line in text.splitlines(True) if not line.startswith("c2,"))
    assert (data / "contacts.csv").read_bytes() == expected.encode()


def test_files_without_the_person_are_not_touched_and_twice_is_harmless(data):
    people.forget(data, "c1")
    before = {p: p.stat().st_mtime_ns for p in data.iterdir()}
    again = people.forget(data, "c1")
    assert set(again.values()) == {0}
    assert before == {p: p.stat().st_mtime_ns for p in data.iterdir()}  # and nothing half-written lies there


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are set as on Unix")
def test_a_write_that_fails_leaves_the_file_whole(data):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))  # as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            people.from_csv(data / "activities.csv", "activities", "c1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (data / "activities.csv").read_text() == ACTIVITIES
    assert not list(data.glob(".*"))


def table(**more) -> pa.Table:
    columns = {
        "activity_id": pa.array(["a1", "a2", "a3"], pa.large_string()),
        "contact_id": pa.array(["c1", "c2", None]).dictionary_encode(),
        "person_hours": pa.array([1.5, None, 2.0], pa.float32()),
        "occurred_at": pa.array([1, 2, 3], pa.timestamp("ns", "Europe/Berlin")),
    }
    return pa.table(columns | more)


@pytest.mark.parametrize(
    "ids",
    [pa.array(["c1", "c2", None]), pa.array([" c1 ", "c2", None], pa.large_string()), pa.array(["c1", "c2", None]).dictionary_encode(),
     pa.array(["c1", "c2", None], pa.string_view())],
    ids=lambda a: str(a.type).partition("<")[0],
)  # fmt: skip
def test_parts_of_parquet_keep_their_types_and_parts_without_the_person_their_bytes(data, ids):
    (data / "activities.csv").unlink()
    (data / "activities").mkdir()
    pq.write_table(table(contact_id=ids), data / "activities" / "1.parquet", compression="zstd")
    pq.write_table(table(contact_id=pa.array(["c3", "c2", None])), data / "activities" / "2.parquet")
    other = (data / "activities" / "2.parquet").read_bytes()
    counts = people.forget(data, "c1")
    assert (counts["activities/1.parquet"], counts["activities/2.parquet"]) == (1, 0)
    got = pq.ParquetFile(data / "activities" / "1.parquet")
    before = table(contact_id=ids)
    assert got.schema_arrow.types == before.schema.types
    assert got.metadata.row_group(0).column(0).compression == "ZSTD"
    assert got.read()["contact_id"].to_pylist() == [None, "c2", None]
    assert got.read().drop_columns("contact_id").equals(before.drop_columns("contact_id"))
    assert (data / "activities" / "2.parquet").read_bytes() == other


def test_numbers_as_ids_and_rows_of_people_in_parquet(data):
    (data / "contacts.csv").unlink()
    pq.write_table(pa.table({"contact_id": [7, 77], "full_name": ["Ann", "Bo"]}), data / "contacts.parquet")
    assert people.names(data, "7") == {"Ann"}
    assert people.forget(data, "7")["contacts.parquet"] == 1
    assert pq.read_table(data / "contacts.parquet").to_pydict() == {"contact_id": [77], "full_name": ["Bo"]}


def test_a_parquet_file_is_read_in_pieces(data, monkeypatch):
    monkeypatch.setattr(people, "ROWS", 2)
    pq.write_table(table(), data / "activities.parquet")
    (data / "activities.csv").unlink()
    assert people.forget(data, "c1")["activities.parquet"] == 1
    assert pq.read_table(data / "activities.parquet")["activity_id"].to_pylist() == ["a1", "a2", "a3"]


@pytest.fixture
def database(data, tmp_path):
    file = tmp_path / "book.duckdb"
    with duckdb.connect(file) as con:
        for name in [*TABLES, "accounts", "transactions"]:
            con.execute(f"create table {name} as from read_csv('{data / name}.csv', all_varchar=true, header=true)")
    return file


def test_a_duckdb_file_holds_nothing_of_the_person_any_more(database):
    assert b"Miller" in database.read_bytes()
    assert {n: c for n, c in people.forget(database, "c1").items() if c} == ROWS
    assert b"Miller" not in database.read_bytes()  # a database would keep what was deleted
    with duckdb.connect(database) as con:
        assert con.execute("select count(*) from activities where contact_id is null").fetchone() == (3,)
        assert con.execute("select count(*) from contacts").fetchone() == (3,)
    before = database.read_bytes()
    assert set(people.forget(database, "c1").values()) == {0}
    assert database.read_bytes() == before
    assert sorted(p.name for p in database.parent.iterdir()) == ["book.duckdb", "home"]


def test_a_view_is_refused_and_the_database_stays_as_it_was(database):
    with duckdb.connect(database) as con:
        con.execute("alter table opportunity_contacts rename to parts")
        con.execute("create view opportunity_contacts as from parts")
    with pytest.raises(
        TableError, match="opportunity_contacts: is a view and holds the person. Remove the person from"
    ):
        people.forget(database, "c1")
    with duckdb.connect(database, read_only=True) as con:
        assert con.execute("select count(*) from contacts").fetchone() == (4,)


def test_what_is_no_database_or_no_parquet_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "x.duckdb").write_text("no database")
    with pytest.raises(TableError, match="x.duckdb: the person was not removed: "):
        people.forget(tmp_path / "x.duckdb", "c1")
    (tmp_path / "contacts.parquet").write_text("no table")
    with pytest.raises(TableError, match="contacts: contacts.parquet is not readable"):
        people.forget(tmp_path, "c1")


def test_names_are_those_a_person_has_and_had(data, database):
    for place in (data, database):
        assert people.names(place, "c1") == {'Ann "A" Quill, Dr', "Ann Miller"}
        assert people.names(place, "nobody") == set()


# -- the programme ----------------------------------------------------------------------------------------------------


def forgotten(folder, contact_id: str = "c1", key: bytes = KEY) -> dict[str, int]:
    return programme.forget(folder, key, contact_id, entered_at=NOON, entered_by="Bo")


@pytest.fixture
def insights(monkeypatch):
    """Two programme tables as later notebooks will have them: one says something of people, one only names them."""
    id_, text = schema.col("id", "person", null=True, ref="contacts.contact_id"), schema.col("text", "words", null=True)
    said = schema.table("insights", "Said.", ["n"], {"n": schema.col("int", "number"), "who": id_, "text": schema.col("text", "words", null=True, personal=True)})  # fmt: skip
    named = schema.table("plans", "Planned.", ["n"], {"n": schema.col("int", "number"), "who": id_, "text": text})
    monkeypatch.setitem(schema.PROGRAMME, "insights", said)
    monkeypatch.setitem(schema.PROGRAMME, "plans", named)


def test_what_was_written_about_the_person_goes_and_what_only_names_them_stays(tmp_path, insights):
    text = "n,who,text\n1,c1,likes golf\n2,c2,hurries\n"
    folder = put(tmp_path / "programme", insights=text, plans=text)
    assert forgotten(folder) == {"insights.csv": 1, "plans.csv": 1, "forgotten.csv": 1}
    assert (folder / "insights.csv").read_text() == "n,who,text\n2,c2,hurries\n"
    assert (folder / "plans.csv").read_text() == "n,who,text\n1,,likes golf\n2,c2,hurries\n"


def test_a_file_in_which_nobody_would_be_found_is_refused_before_anything_is_written(tmp_path):
    folder = put(tmp_path / "programme", account_insights="insight_id;contact_id\ni1;c1\n")
    with pytest.raises(TableError, match="account_insights.csv has semicolons between its values"):
        forgotten(folder)
    assert [p.name for p in folder.iterdir()] == ["account_insights.csv"]


INSIGHTS = (
    "insight_id,account_id,contact_id,kind,text,source,observed_at\n"
    "i1,acme,c1,politics,Ann is against it,call,2026-01-01T00:00:00Z\n"
    "i2,acme,c2,pain,too slow,call,2026-01-01T00:00:00Z\n"
    "i3,acme,,goal,grow,web,2026-01-01T00:00:00Z\n"
)
CASES = "case_id,account_id,contact_id,opened_at\nq1,acme,c1,2026-01-01T00:00:00Z\nq2,acme,c2,2026-01-01T00:00:00Z\n"


def test_what_a_source_noted_about_the_person_goes_and_what_the_person_asked_of_us_stays(data):
    put(data, account_insights=INSIGHTS, cases=CASES)
    counts = people.forget(data, "c1")
    assert (counts["account_insights.csv"], counts["cases.csv"]) == (1, 1)
    assert (data / "account_insights.csv").read_text() == INSIGHTS.replace(INSIGHTS.splitlines()[1] + "\n", "")
    assert (data / "cases.csv").read_text() == CASES.replace("acme,c1", "acme,")


def test_notes_about_who_was_forgotten_are_left_out_if_they_come_back(back):
    put(back, account_insights=INSIGHTS, cases=CASES)
    book = Book.open(back, "2026-06-30", people=True)
    assert book.read("account_insights")["text"].tolist() == ["too slow", "grow"]
    assert book.read("cases")["contact_id"].fillna("nobody").tolist() == ["nobody", "c2"]


def test_the_person_is_entered_once_as_a_hash(tmp_path):
    assert forgotten(tmp_path / "programme") == {"forgotten.csv": 1}
    text = (tmp_path / "programme" / "forgotten.csv").read_text()
    hashed = people.person_hash("c1", KEY)
    assert text == f"person_hash,entered_at,entered_by\n{hashed},2026-04-01T12:00:00Z,Bo\n"
    assert forgotten(tmp_path / "programme", " c1 ") == {"forgotten.csv": 0}
    assert forgotten(tmp_path / "programme", "C1") == {"forgotten.csv": 1}  # another person: capitals count
    assert forgotten(tmp_path / "programme") == {"forgotten.csv": 0}


def test_a_short_key_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="the key has 3 bytes"):
        forgotten(tmp_path / "programme", key=b"key")
    assert not (tmp_path / "programme").exists()


# -- brought back -----------------------------------------------------------------------------------------------------


@pytest.fixture
def back(data):
    """The data as an export after the person was forgotten brings it again, with the key where a team keeps it."""
    forgotten(data / "programme")
    (data.parent / secret.FILE).write_bytes(KEY + b"\n")
    return data


@pytest.mark.parametrize("as_of", ["2026-01-15", "2026-06-30"])  # before and after the day they were forgotten
def test_who_was_forgotten_is_left_out_on_every_date_and_counted(back, as_of):
    book = Book.open(back, as_of, people=True)
    assert book.read("contacts").contact_id.tolist() == ["C1", "c1-2", "c2"]
    assert book.read("opportunity_contacts").contact_id.tolist() == ["c2"]
    assert book.read("activities").set_index("activity_id").contact_id.dropna().to_dict() == {"a2": "c2"}
    assert book.read("attribute_history").row_id.tolist() == ["c1", "c2"]
    assert book.read("attribute_history")["table"].tolist() == ["accounts", "contacts"]
    ledger = book.ledger[book.ledger.step == "forgotten"].set_index("table")
    assert ledger.rows_lost.to_dict() == {
        "activities": 0, "attribute_history": 1, "contacts": 1, "opportunity_contacts": 1
    }  # fmt: skip
    assert ledger.why["activities"] == "of a forgotten person; contact_id left blank in 2 rows"
    assert not [row for row in book.audit().itertuples() if row.bad and "contact_id" in row.check]


def test_a_duckdb_file_with_a_workbook_leaves_them_out_too(back, database):
    file = database.parent / "workbook.yml"
    file.write_text("data: book.duckdb\nprogramme: home/data/programme\n")
    (database.parent / secret.FILE).write_bytes(KEY)
    assert Book.open(file, "2026-06-30").read("contacts").contact_id.tolist() == ["C1", "c1-2", "c2"]


def test_numbers_as_ids_are_recognised(back):
    (back / "contacts.csv").unlink()
    ids = pa.table({"contact_id": [7, 8], "created_at": ["2025-01-01T00:00:00Z"] * 2})
    pq.write_table(ids, back / "contacts.parquet")
    forgotten(back / "programme", "7")
    assert Book.open(back, "2026-06-30").read("contacts").contact_id.tolist() == ["8"]


def test_without_the_key_nobody_is_shown(back):
    (back.parent / secret.FILE).unlink()
    with pytest.raises(
        TableError, match="forgotten: 1 people were forgotten, and without the key nobody can tell who. Set ABM_KEY"
    ):
        Book.open(back, "2026-06-30").read("contacts")
    with pytest.raises(TableError, match="forgotten: 1 people"):
        runs.preflight(back)


def test_the_key_is_that_of_the_environment_then_of_the_nearest_folder(tmp_path, monkeypatch):
    place = tmp_path / "a" / "b" / "c" / "d"
    place.mkdir(parents=True)
    monkeypatch.delenv(secret.VARIABLE, raising=False)
    (tmp_path / secret.FILE).write_bytes(KEY)
    assert secret.find_key(place) is None  # four folders up
    (tmp_path / "a" / secret.FILE).write_bytes(KEY + b"\r\n")
    assert secret.find_key(place) == KEY
    (place / secret.FILE).write_bytes(KEY[::-1])
    assert secret.find_key(place) == KEY[::-1]
    monkeypatch.setenv(secret.VARIABLE, "a key of the environment")
    assert secret.find_key(place) == b"a key of the environment"
    monkeypatch.setenv(secret.VARIABLE, "short")
    with pytest.raises(ValueError, match="the key has 5 bytes; it must have 16 or more"):
        secret.find_key(place)


def test_a_notebook_cannot_leave_them_either_from_another_place(back, tmp_path, monkeypatch):
    spec = schema.table("07_people", "People.", ["contact_id"], {"contact_id": schema.col("id", "person")})
    monkeypatch.setitem(schema.RESULTS, "07_people", spec)
    book = Book.open(back, "2026-06-30", tmp_path / "t")
    with pytest.raises(
        TableError, match=r"07_people: 1 of 2 rows hold a person who opted out or was forgotten \(first: \[1\]\)"
    ):
        book.write("07_people", pd.DataFrame({"contact_id": ["c2", "c1"]}))
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    pd.DataFrame({"contact_id": ["c2", "c1"]}).to_parquet(earlier / "07_people.parquet")  # left before
    assert book.earlier("07_people", tables=earlier).contact_id.tolist() == ["c2"]


# -- past runs --------------------------------------------------------------------------------------------------------

NAME = "Ann O'Quill"


def a_run(out, as_of: str, number: int, texts: dict[str, str], at: int, shows: bool = False, ids=("c1", "c2")) -> str:
    """Put a small run into a folder of runs: pages, a table that lists people, a record; give its name."""
    made = f"{number:08x}"
    folder = out / f"{as_of}_{made}"
    for part in ("html", "notebooks", "tables"):
        (folder / part).mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    rows = pd.DataFrame({"contact_id": list(ids), "text": [f"ask {NAME}", None]})
    rows.to_parquet(folder / "tables" / "07_people.parquet", index=False)
    record = {"as_of": as_of, "id": made, "complete": True, "fingerprint": "f", "words": f"call\nc1 or {NAME} é",
              "parameters": {"07_x": {"people": shows, "floor": 0.5}, "03_x": {}}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record, indent=2) + "\n")
    os.utime(folder / "run.json", (at, at))
    return folder.name


PAGE = "<td>c1</td><td>c1-2</td><td>C1</td><td>xc1</td> Ann&nbsp;O&#x27;Quill, Ann O&#39;Quill's, Joann O'Quill"
CLEAN = "<td>[removed]</td><td>c1-2</td><td>C1</td><td>xc1</td> [removed], [removed]'s, Joann O'Quill"
PICTURE = '<img src="data:image/png;base64,c1/c1+c1==">'
NODE = {
    "cells": [
        {
            "cell_type": "code", "id": "c1", "source": ["x\n", "c1"],
            "outputs": [{"data": {"image/png": "c1/c1+c1==", "text/plain": ["'one\\nc1'"]}}],
        }
    ],
    "nbformat": 4,
}  # fmt: skip


@pytest.fixture
def out(tmp_path):
    out = tmp_path / "out"
    texts = {
        "html/07.html": PAGE + PICTURE,
        "summary.md": r"\[x\] Ann O'Quill",
        "notebooks/07.ipynb": json.dumps(NODE, indent=1) + "\n",
    }
    a_run(out, "2026-05-31", 1, {"html/07.html": "nobody"}, at=1_000, ids=("c8", "c9"))
    a_run(out, "2026-06-30", 2, texts, at=2_000)
    (out / "summary.md").write_text(texts["summary.md"])
    shelf.point_at(out / "2026-06-30_00000002")
    return out


def test_rows_go_and_words_are_replaced_in_every_file_of_a_run(out):
    counts = forget.from_runs(out, "c1", {NAME})
    folder = out / "2026-06-30_00000002"
    assert (folder / "html" / "07.html").read_text() == CLEAN + PICTURE
    assert (folder / "summary.md").read_text() == r"\[x\] [removed]"
    assert (out / "summary.md").read_text() == r"\[x\] [removed]"
    (cell,) = json.loads((folder / "notebooks" / "07.ipynb").read_text())["cells"]
    assert (cell["id"], cell["source"]) == ("c1", ["x\n", "[removed]"])
    assert cell["outputs"][0]["data"] == {"image/png": "c1/c1+c1==", "text/plain": ["'one\\n[removed]'"]}
    assert json.loads((folder / "run.json").read_text())["words"] == "call\n[removed] or [removed] é"
    assert pd.read_parquet(folder / "tables" / "07_people.parquet").contact_id.tolist() == ["c2"]
    # page 3, summary 1, notebook 2, record 2, table 1; of the other run the names in its table and record alone
    assert counts == {"2026-05-31_00000001": 3, "2026-06-30_00000002": 9, "summary.md": 1, "index.html": 0}


def test_what_a_table_notes_of_the_person_beside_its_columns_goes_too(out):
    path = out / "2026-06-30_00000002" / "tables" / "08_plan.parquet"
    noted = pd.DataFrame({"n": [1]})
    noted.attrs = {"entered_by": NAME, "as_of": "2026-06-30"}
    noted.to_parquet(path, index=False)
    counts = forget.from_runs(out, "c1", {NAME})
    assert counts["2026-06-30_00000002"] == 9 + 2  # pandas notes it twice
    assert pd.read_parquet(path).attrs == {"entered_by": "[removed]", "as_of": "2026-06-30"}


def test_a_file_without_the_person_keeps_its_bytes_and_a_changed_one_its_time(out):
    folder = out / "2026-06-30_00000002"
    pages = {p: p.read_bytes() for p in out.rglob("*.html")}
    forget.from_runs(out, "c1", {NAME})
    assert (folder / "run.json").stat().st_mtime == 2_000  # the newest run stays the newest
    changed = [p for p, before in pages.items() if p.read_bytes() != before]
    assert {p.name for p in changed} == {"07.html"}
    assert folder / "html" / "07.html" in changed
    assert not list(out.rglob(".*"))


def test_twice_is_harmless_and_so_is_who_is_nowhere(out):
    forget.from_runs(out, "c1", {NAME})
    before = everything(out)
    assert set(forget.from_runs(out, "c1", {NAME}).values()) == {0}
    assert set(forget.from_runs(out, "c777", set()).values()) == {0}
    assert everything(out) == before
    assert forget.from_runs(out / "nowhere", "c1", set()) == {}


def test_a_run_that_shows_people_goes_whole_for_its_pictures_cannot_be_read(out):
    name = a_run(out, "2026-07-31", 3, {"summary.md": "last"}, at=3_000, shows=True, ids=("c8", "c9"))
    (out / "summary.md").write_text("last")
    shelf.point_at(out / name)
    assert forget.from_runs(out, "c777", set())[name] == 0  # a slip of the pen removes no run
    assert (out / name).is_dir()
    assert forget.from_runs(out, "c777", {"Someone Else"})[name] == 1
    assert not (out / name).exists()
    assert not (out / "summary.md").exists()  # it was that run's
    assert (out / "latest").resolve().name == "2026-06-30_00000002"
    assert "2026-06-30_00000002" in (out / "index.html").read_text()


def test_with_the_last_run_the_way_to_it_goes_too(tmp_path):
    out = tmp_path / "out"
    shelf.point_at(out / a_run(out, "2026-07-31", 3, {}, at=3_000, shows=True))
    forget.from_runs(out, "c1", set())
    assert list(out.iterdir()) == []


def test_an_id_that_reads_like_a_count_takes_the_run_that_lists_it_and_no_figure_of_another(tmp_path):
    out = tmp_path / "out"
    lists = a_run(out, "2026-06-30", 1, {"html/07.html": "7 of 12"}, at=1, ids=("7", "8"))
    counts = a_run(out, "2026-07-31", 2, {"html/07.html": "7 of 12"}, at=2, ids=("8", "9"))
    shelf.point_at(out / counts)
    found = forget.from_runs(out, "7", set())
    assert (found[lists], found[counts]) == (1, 0)
    assert not (out / lists).exists()
    assert (out / counts / "html" / "07.html").read_text() == "7 of 12"


def test_tables_of_notebooks_run_by_hand_and_what_dead_runs_left_are_cleared(tmp_path):
    lab = tmp_path / "lab"
    (lab / "tables").mkdir(parents=True)
    pd.DataFrame({"contact_id": ["c1", "c2"]}).to_parquet(lab / "tables" / "07_people.parquet")
    (lab / ".0123abcd.999999999.tmp").mkdir()
    (lab / ".0123abcd.999999999.tmp" / "page.html").write_text(NAME)
    assert forget.from_runs(lab, "c1", set()) == {"tables": 1}
    assert pd.read_parquet(lab / "tables" / "07_people.parquet").contact_id.tolist() == ["c2"]
    assert [p.name for p in lab.iterdir()] == ["tables"]
