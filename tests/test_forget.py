"""A person is forgotten: out of the data, the programme and past runs, and left out whoever brings them back."""

import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from abmlib import places
from abmlib.pages import forget, mentions, shelf, site
from abmlib.pages import run as runs
from abmlib.tables import Book, TableError, people, programme, removal, schema, secret, settings, temporary
from abmlib.tables import forgotten as forgotten_file
from tests.conftest import ACCOUNTS, ROOT, TRANSACTIONS, abm, put

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


# -- the data ---------------------------------------------------------------------------------------------------------


def test_only_the_persons_rows_and_cells_go_and_every_other_byte_stays(data):
    counts = removal.forget(data, "c1")
    assert {n: c for n, c in counts.items() if c} == {f"{n}.csv": c for n, c in ROWS.items()}
    assert (data / "contacts.csv").read_text() == "".join(
        line for line in CONTACTS.splitlines(True) if not line.startswith("c1,")
    )
    expected = ACTIVITIES.replace("a1,acme,c1,", "a1,acme,,").replace('a4,acme,"c1",', "a4,acme,,")
    assert (data / "activities.csv").read_text() == expected
    assert (data / "opportunity_contacts.csv").read_text() == PARTS.replace("o1,c1,2025-01-01T00:00:00Z\n", "")
    assert "Ann Miller" not in (data / "attribute_history.csv").read_text()
    assert "accounts,c1,employees,7" in (data / "attribute_history.csv").read_text()


@pytest.mark.parametrize("sign", [";", "\t"])
def test_a_table_in_which_nobody_would_be_found_is_refused(data, sign):
    (data / "contacts.csv").write_text(CONTACTS.replace(",", sign))
    with pytest.raises(TableError, match="contacts.csv: has other signs than commas between its values"):
        removal.forget(data, "c2", change=False)


def test_files_of_windows_keep_their_line_ends_and_their_mark(data):
    text = "\ufeff" + CONTACTS.replace("\n", "\r\n")
    (data / "contacts.csv").write_bytes(text.encode())
    assert removal.forget(data, "c2")["contacts.csv"] == 1
    expected = "".join(line for line in text.splitlines(True) if not line.startswith("c2,"))
    assert (data / "contacts.csv").read_bytes() == expected.encode()


def test_files_without_the_person_are_not_touched_and_twice_is_harmless(data):
    removal.forget(data, "c1")
    before = {p: p.stat().st_mtime_ns for p in data.iterdir()}
    again = removal.forget(data, "c1")
    assert set(again.values()) == {0}
    assert before == {p: p.stat().st_mtime_ns for p in data.iterdir()}  # and nothing half-written lies there


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are set as on Unix")
def test_a_write_that_fails_leaves_the_file_whole(data):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))  # as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            removal.from_csv(data / "activities.csv", "activities", "c1")
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
    counts = removal.forget(data, "c1")
    assert (counts["activities/1.parquet"], counts["activities/2.parquet"]) == (1, 0)
    got = pq.ParquetFile(data / "activities" / "1.parquet")
    before = table(contact_id=ids)
    assert got.schema_arrow.types == before.schema.types
    assert got.metadata.row_group(0).column(0).compression == "ZSTD"
    assert got.read()["contact_id"].to_pylist() == [None, "c2", None]
    assert got.read().drop_columns("contact_id").equals(before.drop_columns("contact_id"))
    assert (data / "activities" / "2.parquet").read_bytes() == other


def test_an_id_that_is_a_decimal_number_is_that_of_the_reports(data):
    (data / "contacts.csv").unlink()
    pd.DataFrame({"contact_id": [1001.0, None], "full_name": ["Ann", "Bo"]}).to_parquet(data / "contacts.parquet")
    assert removal.names(data, "1001.0") == {"Ann"}
    assert removal.forget(data, "1001.0")["contacts.parquet"] == 1


def test_numbers_as_ids_and_rows_of_people_in_parquet(data):
    (data / "contacts.csv").unlink()
    pq.write_table(pa.table({"contact_id": [7, 77], "full_name": ["Ann", "Bo"]}), data / "contacts.parquet")
    assert removal.names(data, "7") == {"Ann"}
    assert removal.forget(data, "7")["contacts.parquet"] == 1
    assert pq.read_table(data / "contacts.parquet").to_pydict() == {"contact_id": [77], "full_name": ["Bo"]}


def test_a_parquet_file_is_read_in_pieces(data, monkeypatch):
    monkeypatch.setattr(removal, "ROWS", 2)
    pq.write_table(table(), data / "activities.parquet")
    (data / "activities.csv").unlink()
    assert removal.forget(data, "c1")["activities.parquet"] == 1
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
    assert {n: c for n, c in removal.forget(database, "c1").items() if c} == ROWS
    assert b"Miller" not in database.read_bytes()  # a database would keep what was deleted
    with duckdb.connect(database) as con:
        assert con.execute("select count(*) from activities where contact_id is null").fetchone() == (3,)
        assert con.execute("select count(*) from contacts").fetchone() == (3,)
    before = database.read_bytes()
    assert set(removal.forget(database, "c1").values()) == {0}
    assert database.read_bytes() == before
    assert sorted(p.name for p in database.parent.iterdir()) == ["book.duckdb", "home"]


def test_a_column_that_may_not_be_empty_does_not_keep_the_person(tmp_path):
    file = tmp_path / "book.duckdb"
    with duckdb.connect(file) as con:
        con.execute("create table contacts (contact_id varchar primary key, full_name varchar)")
        con.execute("create table activities (activity_id varchar, contact_id varchar not null)")
        con.execute("create table opportunity_contacts (opportunity_id varchar, contact_id varchar)")
        con.execute("insert into contacts values ('c1', 'Ann'), ('c2', 'Bo')")
        con.execute("insert into activities values ('a1', 'c1'), ('a2', 'c2')")
        con.execute("insert into opportunity_contacts values ('o1', 'c1'), ('o1', 'c2')")
    assert removal.forget(file, "c1") == {"opportunity_contacts": 1, "activities": 1, "contacts": 1}
    with duckdb.connect(file) as con:
        assert con.execute("select contact_id from activities order by activity_id").fetchall() == [(None,), ("c2",)]


def test_a_view_over_files_elsewhere_is_not_read(database, tmp_path):
    (tmp_path / "secret.csv").write_text("contact_id,full_name\nc1,Ann\n")
    with duckdb.connect(database) as con:
        con.execute("drop table contacts")
        con.execute(f"create view contacts as from read_csv('{tmp_path / 'secret.csv'}')")
    for ask in (removal.names, removal.forget):
        with pytest.raises(TableError, match="book.duckdb: "):
            ask(database, "c1")


def test_a_view_is_refused_and_the_database_stays_as_it_was(database):
    with duckdb.connect(database) as con:
        con.execute("alter table opportunity_contacts rename to parts")
        con.execute("create view opportunity_contacts as from parts")
    with pytest.raises(
        TableError, match="opportunity_contacts: is a view and holds the person. Remove the person from"
    ):
        removal.forget(database, "c1")
    with duckdb.connect(database, read_only=True) as con:
        assert con.execute("select count(*) from contacts").fetchone() == (4,)


def test_what_is_no_database_or_no_parquet_is_refused_in_one_sentence(tmp_path):
    pq.write_table(pa.table({"contact_id": [["c1"]]}), tmp_path / "contacts.parquet")
    with pytest.raises(TableError, match="contacts: contacts.parquet is not readable"):
        removal.forget(tmp_path, "c1")
    (tmp_path / "x.duckdb").write_text("no database")
    with pytest.raises(TableError, match="x.duckdb: the person was not removed: "):
        removal.forget(tmp_path / "x.duckdb", "c1")
    (tmp_path / "contacts.parquet").write_text("no table")
    with pytest.raises(TableError, match="contacts: contacts.parquet is not readable"):
        removal.forget(tmp_path, "c1")


def test_names_are_those_a_person_has_and_had(data, database):
    for place in (data, database):
        assert removal.names(place, "c1") == {'Ann "A" Quill, Dr', "Ann Miller"}
        assert removal.names(place, "nobody") == set()


# -- the programme ----------------------------------------------------------------------------------------------------


def remembered(folder, contact_id: str = "c1", key: bytes = KEY) -> None:
    forgotten_file.remember(folder, key, contact_id, entered_at=NOON, entered_by="Bo")


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
    assert programme.forget(folder, "c1", change=False) == {"insights.csv": 1, "plans.csv": 1}
    assert (folder / "insights.csv").read_text() == text
    assert programme.forget(folder, "c1") == {"insights.csv": 1, "plans.csv": 1}
    assert (folder / "insights.csv").read_text() == "n,who,text\n2,c2,hurries\n"
    assert (folder / "plans.csv").read_text() == "n,who,text\n1,,likes golf\n2,c2,hurries\n"


def test_a_file_in_which_nobody_would_be_found_is_refused_before_anything_is_written(tmp_path):
    folder = put(tmp_path / "programme", account_insights="insight_id;contact_id\ni1;c1\n")
    with pytest.raises(TableError, match="account_insights.csv has semicolons between its values"):
        programme.forget(folder, "c1")
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
    counts = removal.forget(data, "c1")
    assert (counts["account_insights.csv"], counts["cases.csv"]) == (1, 1)
    assert (data / "account_insights.csv").read_text() == INSIGHTS.replace(INSIGHTS.splitlines()[1] + "\n", "")
    assert (data / "cases.csv").read_text() == CASES.replace("acme,c1", "acme,")


def test_notes_about_who_was_forgotten_are_left_out_if_they_come_back(back):
    put(back, account_insights=INSIGHTS, cases=CASES)
    book = Book.open(back, "2026-06-30", people=True)
    assert book.read("account_insights")["text"].tolist() == ["too slow", "grow"]
    assert book.read("cases")["contact_id"].fillna("nobody").tolist() == ["nobody", "c2"]


def test_the_person_is_entered_once_as_a_hash(tmp_path):
    folder = tmp_path / "programme"
    remembered(folder)
    text = (folder / "forgotten.csv").read_text()
    hashed = people.person_hash("c1", KEY)
    check = secret.check_value(KEY)
    assert text == f"person_hash,key_check,entered_at,entered_by\n{hashed},{check},2026-04-01T12:00:00Z,Bo\n"
    remembered(folder, " c1 ")
    assert (folder / "forgotten.csv").read_text() == text
    remembered(folder, "C1")  # another person: capitals count
    assert len(forgotten_file.read(folder)) == 2


def test_a_file_of_before_there_was_a_check_value_is_taken_over(tmp_path):
    hashed = people.person_hash("c9", KEY)
    folder = put(
        tmp_path / "programme", forgotten=f"person_hash,entered_at,entered_by\n{hashed},2025-04-01T12:00:00Z,Bo\n"
    )
    assert forgotten_file.remembers(folder, KEY, "c9")
    remembered(folder)
    rows = forgotten_file.read(folder)
    assert rows["person_hash"].tolist() == [hashed, people.person_hash("c1", KEY)]
    assert rows["key_check"].fillna("").tolist() == ["", secret.check_value(KEY)]


def test_a_short_key_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="the key has 3 bytes"):
        remembered(tmp_path / "programme", key=b"key")
    assert not (tmp_path / "programme").exists()


# -- brought back -----------------------------------------------------------------------------------------------------


@pytest.fixture
def back(data):
    """The data as an export after the person was forgotten brings it again, with the key where a team keeps it."""
    remembered(data / "programme")
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
    remembered(back / "programme", "7")
    assert Book.open(back, "2026-06-30").read("contacts").contact_id.tolist() == ["8"]


def test_with_another_key_nobody_is_shown(back):
    (back.parent / secret.FILE).write_bytes(KEY[::-1])
    with pytest.raises(
        TableError, match="forgotten: 1 of 1 people were forgotten under another key. Set ABM_KEY to the"
    ):
        Book.open(back, "2026-06-30").read("contacts")


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


# -- every place ------------------------------------------------------------------------------------------------------

NAME = "Ann O'Quill"
PICTURE = '<img class="c1" src="data:image/png;base64,c1/c1+c1==">'
NOT_THEM = f"<p class='c1'>c1-2, C1, xc1, Joann O'Quill{PICTURE}</p><!-- nobody --><style>.c1 {{}}</style>"
THEIRS = {  # pages that hold the person, each in one way
    "text": "<td>c1</td>",
    "escaped": "Ann&nbsp;O&#x27;Quill's",
    "split": "Ann <b>O'Quill</b>",
    "capitals": "ANN O'QUILL",
    "comment": "<!-- c1 -->",
    "attribute": '<img alt="ask Ann O&#39;Quill">',
    "script": '<script>let rows = [["c1", 3]]</script>',
}


def cell(**outputs: str) -> dict:
    """A cell of a notebook with one output of several kinds."""
    data = {kind.replace("_", "/"): [text] for kind, text in outputs.items()}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return {
        "cell_type": "code",
        "id": f"c{len(outputs)}{abs(hash(str(outputs)))}",
        "metadata": {},
        "execution_count": 1,
        "source": ["x"],
        "outputs": [output],
    }


def node(*cells: dict) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def a_run(out, as_of: str, number: int, texts: dict[str, str], at: int, shows: bool = False, ids=("c1", "c2")) -> str:
    """Put a small run into a folder of runs: pages, a table that lists people, a record; give its name."""
    made = f"{number:08x}"
    folder = out / f"{as_of}_{made}"
    for name, text in texts.items():
        put(folder / name.rpartition("/")[0])
        (folder / name).write_text(text, "utf-8")
    rows = pd.DataFrame({"contact_id": list(ids), "text": [f"ask {NAME}", None][: len(ids)]})
    put(folder / "tables")
    rows.to_parquet(folder / "tables" / "07_people.parquet", index=False)
    record = {"as_of": as_of, "id": made, "complete": True, "fingerprint": "f",
              "parameters": {"07_x": {"people": shows, "floor": 0.5}, "03_x": {}}, "outcomes": {}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record, indent=2) + "\n")
    os.utime(folder / "run.json", (at, at))
    return folder.name


@pytest.fixture
def home(data):
    """A workbook with everything that a person may be in."""
    home = data.parent
    (home / "workbook.yml").write_text("data: data\n")
    (home / secret.FILE).write_bytes(KEY)
    put(home / "programme", account_insights=INSIGHTS + "i4,acme,c1,goal,x,call,2026-01-01T00:00:00Z\n")
    out = home / "reports"
    texts = {f"html/{n}.html": t for n, t in THEIRS.items()} | {
        "html/03_x.html": NOT_THEM, "index.html": f"<p>ask {NAME}</p>", "summary.md": r"\[x\] Ann O'Quill",
        "lists/07_x.csv": "account_id,contact_id\nacme,c1\n", "lists/03_x.csv": "account_id\nacme\n",
        "notebooks/07_x.ipynb": node(cell(text_plain="'one\\nc1'")), "notebooks/03_x.ipynb": node(cell(text_html=NOT_THEM, image_png="c1")),
    }  # fmt: skip
    a_run(out, "2026-05-31", 1, {"html/07_x.html": "nobody"}, at=1_000, ids=("c8",))
    shelf.point_at(out / a_run(out, "2026-06-30", 2, texts, at=2_000))
    (out / "summary.md").write_text(texts["summary.md"])
    (out / "runs.log").write_text(f"start\nno report: contacts: c1 is given twice\n{NAME}\nend\n")
    (out / "sent.zip").write_bytes(b"PK")
    put(out / "lab" / "tables")
    pd.DataFrame({"contact_id": ["c1", "c2"]}).to_parquet(out / "lab" / "tables" / "07_people.parquet")
    lost = "keep,contacts,9,4,5,\"no account (first: ['c1', 'c7'])\""
    (data / "ledger.csv").write_text(f"step,table,rows_in,rows_out,rows_lost,why\n{lost}\n")
    put(home / "notebooks" / ".ipynb_checkpoints")
    (home / "notebooks" / "notebooks.yml").write_text("[]\n")
    (home / "notebooks" / "07_x.ipynb").write_text(node(cell(text_plain="c1"), cell(text_plain="c2")))
    (home / "notebooks" / ".ipynb_checkpoints" / "07_x-checkpoint.ipynb").write_text(node(cell(text_plain=NAME)))
    return home


def at(home) -> forget.Places:
    out = home / "reports"
    book = settings.workbook(home / "workbook.yml")
    return forget.Places(book, home / "programme", (out, out / "lab"), home / "notebooks")


def forgotten(home, contact_id: str = "c1", names=(NAME,)) -> forget.Done:
    forget.refuse_nobody(at(home), contact_id, names, KEY)
    return forget.forget(at(home), contact_id, names, KEY, entered_at=NOON, entered_by="Bo")


def everything(folder) -> dict:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in (".lock", ".gitignore")}


def assert_gone(home) -> None:
    """Nothing says that there was such a person, but what is about others or of another meaning."""
    person = mentions.Person("c1", frozenset({NAME, "Ann Miller", 'Ann "A" Quill, Dr'}))
    kept = {home / "data" / "activities.csv", home / "data" / "attribute_history.csv"}  # the id of something else
    for path in (p for p in home.rglob("*") if p.is_file() and p not in kept):
        assert not mentions.holds(path, person), path
        assert b"Quill" not in path.read_bytes().replace(b"Joann O'Quill", b""), path
    for path in home.rglob("*.parquet"):
        assert "c1" not in pd.read_parquet(path)["contact_id"].tolist()
    assert "c1," not in (home / "data" / "contacts.csv").read_text()
    assert not list(home.rglob("*.tmp"))


def test_pages_lists_and_notebooks_that_hold_the_person_are_deleted_and_others_keep_their_bytes(home):
    run = home / "reports" / "2026-06-30_00000002"
    kept = {p: p.read_bytes() for p in (run / "html" / "03_x.html", run / "lists" / "03_x.csv", run / "notebooks" / "03_x.ipynb", run / "run.json")}  # fmt: skip
    done = forgotten(home)
    assert {p: p.read_bytes() for p in kept} == kept
    for page in [*(run / "html" / f"{n}.html" for n in THEIRS), run / "index.html"]:
        assert page.read_text() == site.removed()
    assert {p.relative_to(run).as_posix() for p in run.rglob("*") if p.suffix in {".csv", ".ipynb", ".md"}} == {"lists/03_x.csv", "notebooks/03_x.ipynb"}  # fmt: skip
    assert not (home / "reports" / "summary.md").exists()
    assert pd.read_parquet(run / "tables" / "07_people.parquet").fillna("").values.tolist() == [["c2", ""]]
    older = home / "reports" / "2026-05-31_00000001"
    assert (older / "html" / "07_x.html").read_text() == "nobody"
    assert pd.read_parquet(older / "tables" / "07_people.parquet").values.tolist() == [["c8", "[removed]"]]
    assert done.removed["reports/2026-06-30_00000002"] == len(THEIRS) + 4 + 1
    assert (home / "reports" / "runs.log").read_text() == "start\nend\n"
    assert (home / "reports" / "latest" / "run.json").stat().st_mtime == 2_000  # the newest run stays the newest
    assert done.left == [str(home / "reports" / "sent.zip")]
    steps = [tuple(row) for row in pd.read_csv(home / "data" / "ledger.csv").to_numpy()]
    blank = "of a forgotten person; contact_id left blank in 2 rows"
    assert steps == [
        ("keep", "contacts", 9, 4, 5, "[removed]"), ("forgotten", "contacts", 4, 3, 1, "of a forgotten person"),
        ("forgotten", "opportunity_contacts", 2, 1, 1, "of a forgotten person"), ("forgotten", "activities", 4, 4, 0, blank),
        ("forgotten", "attribute_history", 3, 2, 1, "of a forgotten person"),
    ]  # fmt: skip
    outputs = json.loads((home / "notebooks" / "07_x.ipynb").read_text())["cells"]
    assert [len(c["outputs"]) for c in outputs] == [0, 1]
    assert_gone(home)


@pytest.mark.parametrize("how", THEIRS)
def test_a_page_is_searched_as_its_readers_see_it(how):
    person = mentions.Person("c1", frozenset({NAME}))
    assert mentions.in_markup(NOT_THEM + THEIRS[how], person)
    assert not mentions.in_markup(NOT_THEM, person)


@pytest.mark.parametrize("given", ["", " ", "\t\n", "nobody", "acme", "c", "c1 c2", "[removed]", "div", "."])
def test_an_id_that_is_nobodys_changes_nothing(home, given):
    before = everything(home)
    with pytest.raises(
        ValueError, match="the id is empty" if not given.strip() else "nobody has the id .* Nothing was changed"
    ):
        forgotten(home, given, ())
    assert everything(home) == before


def test_who_is_in_a_table_of_the_data_that_the_programme_has_too_is_somebody(home):
    put(home / "data", account_insights=INSIGHTS.replace("c2", "c5"))
    assert forgotten(home, "c5", ()).removed["account_insights.csv"] == 1


def test_who_is_in_a_past_run_alone_is_somebody(home):
    done = forgotten(home, "c8", ())
    assert done.removed["reports/2026-05-31_00000001"] == 1
    assert forgotten_file.remembers(home / "programme", KEY, "c8")
    assert not any(forgotten(home, "c8", ()).removed.values())  # twice is harmless


@pytest.mark.parametrize("place", forget.STEPS)
def test_what_stopped_midway_is_said_and_finished_by_the_next_call(home, place, monkeypatch):
    def full(*_: object) -> dict[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device", "x.csv")

    monkeypatch.setitem(forget.STEPS, place, full)
    with pytest.raises(
        forget.NotFinished, match=f"x.csv: No space left on device. The person is not .*; left: {place}"
    ):
        forgotten(home)
    monkeypatch.undo()
    monkeypatch.delenv(secret.VARIABLE, raising=False)
    forgotten(home, names=())  # it is remembered who this was
    assert_gone(home)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is copied as on Unix")
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_change_of_a_file_it_is_finished_by_the_next_call(home, tmp_path, every):
    whole, number = tmp_path / "whole", 1 - every
    shutil.copytree(home, whole, symlinks=True)
    killed = True
    while killed:
        number += every
        shutil.rmtree(home)
        shutil.copytree(whole, home, symlinks=True)
        child = os.fork()
        if not child:
            dies_at(number, home)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        forgotten(home)
        assert_gone(home)
    assert number > 25


def dies_at(number: int, home) -> None:
    """Forget, and die before a file is changed for the nth time."""
    left = [number]

    def counted(change):
        def wrapped(*args: object, **options: object) -> object:
            left[0] -= 1
            if not left[0]:
                os._exit(9)
            return change(*args, **options)

        return wrapped

    try:
        for name in ("replace", "unlink", "rename"):
            setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))
        forgotten(home)
    finally:
        os._exit(0)


def test_another_person_begun_before_comes_first_and_every_report_says_so(home, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(forgotten_file, "remember", killed)
        forgotten(home)
    before = everything(home)
    with pytest.raises(ValueError, match="'c1' is forgotten in part only. Give abm forget c1 first"):
        forgotten(home, "c2", ())
    assert everything(home) == before
    monkeypatch.chdir(home)
    assert "A person is forgotten in part only. Give abm forget with the same id again." in abm("doctor")[1]
    forgotten(home, names=())
    assert_gone(home)
    assert "in part only" not in abm("doctor")[1]


def test_a_stop_by_hand_says_what_is_left(home, monkeypatch):
    def stopped(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    monkeypatch.setitem(forget.STEPS, "data", stopped)
    with pytest.raises(
        forget.NotFinished, match="Stopped. The person is not forgotten everywhere yet; left: data, progr"
    ):
        forgotten(home)


def test_a_name_with_the_id_of_nobody_is_sent_to_the_id_that_has_it(home):
    before = everything(home)
    with pytest.raises(
        ValueError, match=r"nobody has the id 'c9' in data, its .* The name is that of \(first: \['c1'\]\)"
    ):
        forgotten(home, "c9", ('Ann "A" Quill, Dr',))
    assert everything(home) == before


def test_the_same_person_under_another_id_is_named(home):
    put(
        home / "data",
        contacts="contact_id,account_id,full_name,email_hash\nc1,acme,Ann,aa\nc5,acme,A. Quill,aa\nc6,beta,Ann,\nc7,beta,Bo,\n",
    )
    assert forgotten(home).others == ["c5", "c6"]


@pytest.mark.parametrize(
    "place",
    ["reports/last.txt", "reports/board/pages.html", "notebooks/mine/a.ipynb", "programme/notes.csv", "workbook.yml"],
)
def test_files_of_ones_own_that_name_the_person_are_named(home, place):
    put((home / place).parent)
    (home / place).write_text(node(cell(text_plain=NAME)) if place.endswith("ipynb") else f"# {NAME}\ndata: data\n")
    assert str(home / place) in forgotten(home).left


def test_no_picture_can_be_read_so_pages_that_were_asked_for_people_go(home):
    name = a_run(home / "reports", "2026-07-31", 3, {"html/07_x.html": PICTURE, "notebooks/07_x.ipynb": node(), "html/03_x.html": PICTURE}, at=3_000, shows=True, ids=("c8",))  # fmt: skip
    forgotten(home, "c2", ())  # whose name nobody gave, and who is not in that run by the id
    run = home / "reports" / name
    assert (run / "html" / "07_x.html").read_text() == site.removed()
    assert not (run / "notebooks" / "07_x.ipynb").exists()
    assert (run / "html" / "03_x.html").read_text() == PICTURE


def test_an_id_that_reads_like_a_count_takes_the_pages_of_the_run_that_lists_it_and_no_figure_of_another(home):
    out, page = home / "reports", {"html/07_x.html": "7 of 12"}
    lists = a_run(out, "2026-07-31", 3, page, at=3, ids=("7", "8"))
    counts = a_run(out, "2026-08-31", 4, page, at=4, ids=("8", "9"))
    forgotten(home, "7", ())
    assert (out / lists / "html" / "07_x.html").read_text() == site.removed()
    assert (out / counts / "html" / "07_x.html").read_text() == "7 of 12"


@pytest.mark.parametrize(
    "record", ['{"parameters": "c1', "[]", '{"as_of": "2026-06-30", "id": "00000002", "complete": true, "fingerprint": "f", "parameters": {"a": [1]}}']
)  # fmt: skip
def test_what_is_damaged_is_searched_too_and_stops_nothing(home, record):
    run = home / "reports" / "2026-06-30_00000002"
    (run / "run.json").write_text(record)
    (run / "tables" / "08_x.parquet").write_bytes(b"PAR1 c1 Ann O'Quill PAR1")
    for name, text in (("bare", '{"cells": []}'), ("odd", '{"cells": [{"outputs": [1]}]}'), ("deep", "[" * 3_000)):
        (home / "notebooks" / f"{name}.ipynb").write_text(text)
    forgotten(home)
    assert not (run / "tables" / "08_x.parquet").exists()
    assert_gone(home)


def test_a_copy_of_a_run_and_a_run_elsewhere_are_searched_too(home, tmp_path):
    out = home / "reports"
    (out / "latest").unlink()
    shutil.copytree(out / "2026-06-30_00000002", out / "latest")
    shutil.move(out / "2026-05-31_00000001", tmp_path / "elsewhere")
    (out / "2026-05-31_00000001").symlink_to(tmp_path / "elsewhere")
    forgotten(home)
    assert_gone(home)
    assert NAME not in str(pd.read_parquet(tmp_path / "elsewhere" / "tables" / "07_people.parquet").values)


def test_files_beside_a_database_that_are_not_its_own_stay(home, database):
    (home / "workbook.yml").write_text(f"data: {database}\n")
    notes = [home.parent / ".draft.docx.999999999.tmp", home.parent / "sub" / ".notes.999999999.tmp"]
    notes[1].parent.mkdir()
    for path in (*notes, home.parent / ".book.duckdb.half.999999999.tmp"):
        path.touch()
    forgotten(home)
    assert [p.exists() for p in notes] == [True, True]
    assert not (home.parent / ".book.duckdb.half.999999999.tmp").exists()


@pytest.mark.parametrize("names", [("the",), ("",), (" ", "Nobody Atall"), (NAME,)])
def test_no_name_makes_an_id_somebodys(home, names):
    (home / "reports" / "2026-06-30_00000002" / "run.json").write_text("damaged")
    before = everything(home)
    with pytest.raises(ValueError, match="nobody has the id 'bogus'"):
        forgotten(home, "bogus", names)
    assert everything(home) == before


def test_imports_and_other_people_wait_until_one_is_forgotten(home, monkeypatch):
    monkeypatch.setattr(temporary, "PATIENCE", 0.1)
    monkeypatch.chdir(home)
    put(home / "export", people="id,account,mail\nc1,acme,a@x.example\n", firms="id\nacme\n")
    (home / "m.yml").write_text(MAPPING)
    code = "import sys, time\nfrom abmlib.tables import cache, settings\nwith cache.alone(settings.workbook('workbook.yml')):\n print('in', flush=True)\n time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as other:
        other.stdout.readline()
        for verb in (["forget", "c1"], ["import", "m.yml", "export", "--to", "new"]):
            code, said = abm(*verb)
            assert (code, "Another import, or another abm forget, is going" in said) == (2, True), said
        other.kill()
    assert abm("forget", "c1")[0] == 0


def test_nothing_is_searched_while_a_run_is_made(home):
    (home / "reports" / f".0123abcd.{os.getpid()}.tmp").mkdir()
    before = everything(home)
    with pytest.raises(ValueError, match="forget: 1 runs are being made. Nothing was changed. Wait until they end"):
        forgotten(home)
    assert everything(home) == before


def test_what_dead_runs_left_is_cleared(home):
    left = home / "reports" / ".0123abcd.999999999.tmp"
    left.mkdir()
    (left / "page.html").write_text(NAME)
    forgotten(home)
    assert not left.exists()


def test_forgotten_people_in_a_damaged_file_stop_every_import_and_report(home, monkeypatch):
    monkeypatch.chdir(home)
    assert abm("forget", "c1")[0] == 0
    file = home / "programme" / "forgotten.csv"
    text = file.read_text()
    put(home / "export", people="id,account,mail\nc1,acme,a@x.example\n", firms="id\nacme\n")
    (home / "m.yml").write_text(MAPPING)
    for damaged in (text.replace(",", ";"), text.replace("person_hash", "hash"), text.replace("\n", "\nx", 1)):
        file.write_text(damaged)
        code, said = abm("import", "m.yml", "export", "--to", "new")
        assert code == 2, said
        assert "forgotten" in said
    assert not (home / "new").exists()
    (home / "workbook.yml").write_text("data: data\nprogramme: progamme\n")
    for verb in (["import", "m.yml", "export", "--to", "new"], ["run"]):
        code, said = abm(*verb)
        assert code == 2, said
        assert "there is no folder progamme. Correct its name in workbook.yml" in said


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_sample_of_the_package_is_never_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ([], ["--data", places.SAMPLE]):
        code, said = abm("forget", "c-1001", *given)
        assert (code, said) == (2, said)
        assert "Give --data: the workbook " in said


def test_a_lost_or_another_key_is_refused_by_import_and_forget(home, monkeypatch):
    monkeypatch.chdir(home)
    assert abm("forget", "c1")[0] == 0
    put(home / "export", people="id,account,mail\nc1,acme,a@x.example\nc2,acme,b@x.example\n", firms="id\nacme\n")
    (home / "m.yml").write_text(MAPPING)
    for other in (None, KEY[::-1]):
        (home / secret.FILE).unlink()
        if other:
            (home / secret.FILE).write_bytes(other)
        for verb in (["import", "m.yml", "export", "--to", "new"], ["forget", "c2"], ["run"]):
            code, said = abm(*verb)
            assert code == 2, said
            assert "a new key would bring people back" in said
        assert (home / secret.FILE).exists() == bool(other)
        (home / secret.FILE).touch()
    assert not (home / "new").exists()


MAPPING = """
version: 1
title: x
sources:
  people: {file: people.csv}
  firms: {file: firms.csv}
tables:
  accounts:
    from: firms
    columns: {account_id: {column: id}, name: {column: id}, created_at: {value: "2025-01-01T00:00:00Z"}}
  contacts:
    from: people
    columns: {contact_id: {column: id}, account_id: {column: account}, email_hash: {column: mail, hash: true},
              created_at: {value: "2025-01-01T00:00:00Z"}}
  activities:
    from: people
    columns: {activity_id: {sql: "'a' || id"}, account_id: {column: account}, contact_id: {column: id},
              occurred_at: {value: "2026-01-01T00:00:00Z"}, direction: {value: inbound}, channel: {value: web}}
"""


@pytest.mark.parametrize("here", [".", "notebooks", ".."])
def test_an_import_leaves_who_was_forgotten_out_of_the_books_files(home, monkeypatch, here):
    monkeypatch.chdir(home)
    assert abm("forget", "c1")[0] == 0
    put(home / "export", people="id,account,mail\nc1,acme,a@x.example\nc2,acme,b@x.example\n", firms="id\nacme\n")
    (home / "m.yml").write_text(MAPPING)
    monkeypatch.chdir(home / here)  # the workbook is that of the book, wherever the command is given
    code, said = abm("import", home / "m.yml", home / "export", "--to", home / "new")
    assert code == 0, said
    monkeypatch.chdir(home)
    assert not (home / here / secret.FILE).exists() or here == "."
    assert pd.read_parquet("new/contacts.parquet")["contact_id"].tolist() == ["c2"]
    assert pd.read_parquet("new/activities.parquet")["contact_id"].fillna("").tolist() == ["", "c2"]
    ledger = pd.read_csv("new/ledger.csv").query("step == 'forgotten'").set_index("table")
    assert ledger["rows_lost"].to_dict() == {"contacts": 1, "activities": 0}
    assert ledger["why"]["activities"] == "of a forgotten person; contact_id left blank in 1 rows"


@pytest.mark.parametrize("is_named", [False, True])  # by the workbook file of the folder, which else names other data
def test_an_import_into_a_book_keeps_its_programme_and_leaves_out_who_was_forgotten_there(home, monkeypatch, is_named):
    put(home / "export", people="id,account,mail\nc1,acme,a@x.example\nc2,acme,b@x.example\n", firms="id\nacme\n")
    (home / "m.yml").write_text(MAPPING)
    monkeypatch.chdir(home)
    book = Path("data/books/mine")
    if is_named:
        (home / "workbook.yml").write_text("data: data/books/mine\n")
    for _ in range(2):  # an import, and the same one after somebody was forgotten
        code, said = abm("import", "m.yml", "export", "--to", book)
        assert code == 0, said
        people_there = pd.read_parquet(book / "contacts.parquet")["contact_id"].tolist()
        code, said = abm("forget", "c1", "--data", book)
        assert code == 0, said
    assert people_there == ["c2"]
    programme = home / "programme" if is_named else book / "programme"
    assert len(forgotten_file.read(programme)) == 1
    assert "Nothing was left to take out" in said
