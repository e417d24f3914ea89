"""What people enter: entries are added and never changed, and a report knows those written down by its day."""

import contextlib
import io
import os

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abmlib.method.forecast import target_for
from abmlib.pages import guide
from abmlib.tables import Book, NotAnswerable, TableError, entry_conflicts, programme, schema
from tests.conftest import ACCOUNTS, TRANSACTIONS, put

NOON = pd.Timestamp("2026-04-01T12:00:00Z")
HEAD = "period,owner_id,measure_id,value,entered_at,entered_by,supersedes\n"
FIRST = HEAD + '2026,,won_value,1000.0,2026-01-05T08:00:00Z,"Li, Anna",\n'  # a comma in a name


def entry(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["period", "owner_id", "measure_id", "value"])


def add(folder, *rows: tuple, at: pd.Timestamp = NOON, by: str = "Bo") -> pd.DataFrame:
    return programme.append(folder, "targets", entry(*rows), entered_at=at, entered_by=by)


@pytest.fixture
def file(tmp_path):
    return put(tmp_path / "programme", targets=FIRST) / "targets.csv"


# -- entering ---------------------------------------------------------------------------------------------------------


def test_the_template_is_the_first_line_of_the_file_and_asks_for_nothing_a_person_cannot_know():
    assert programme.template("targets") == HEAD
    assert "known_at" not in programme.columns("targets")


@pytest.mark.parametrize("name", ["accounts", "decisions", "goals"])
def test_only_programme_tables_have_a_template(name):
    with pytest.raises(ValueError, match=f"{name}: no such programme table; there are"):
        programme.template(name)


def test_the_first_entry_makes_the_folder_and_the_file(tmp_path):
    got = add(tmp_path / "new" / "programme", ("2026-Q3", None, "won_value", 500), ("2026-Q3", "s1", "won_value", 50))
    text = (tmp_path / "new" / "programme" / "targets.csv").read_text()
    assert text == (
        HEAD
        + "2026-Q3,,won_value,500.0,2026-04-01T12:00:00Z,Bo,\n"  # nobody's: empty, not nan or None
        + "2026-Q3,s1,won_value,50.0,2026-04-01T12:00:00Z,Bo,\n"
    )
    assert got["value"].astype(float).tolist() == [500, 50]


def test_an_entry_is_added_and_no_earlier_byte_changes(file):
    got = add(file.parent, ("2026-Q3", None, "won_value", 500))
    assert file.read_bytes().startswith(FIRST.encode())
    assert len(file.read_text().splitlines()) == len(FIRST.splitlines()) + 1
    assert got["entered_by"].tolist() == ["Li, Anna", "Bo"]
    assert sorted(os.listdir(file.parent)) == [".lock", "targets.csv"]  # nothing half-written stays behind


def test_lines_saved_by_a_spreadsheet_keep_their_own_line_ends(file):
    file.write_bytes(FIRST.replace("\n", "\r\n").encode())
    before = file.read_bytes()
    add(file.parent, ("2026-Q3", None, "won_value", 500))
    assert file.read_bytes().startswith(before)


def test_a_last_line_without_its_end_is_not_run_into_the_new_one(file):
    file.write_text(FIRST.rstrip("\n"))
    assert len(add(file.parent, ("2026-Q3", None, "won_value", 500))) == 2


def test_the_time_of_entry_is_written_in_utc(file):
    add(file.parent, ("2026-Q3", None, "won_value", 500), at=pd.Timestamp("2026-04-01T01:00", tz="Europe/Berlin"))
    assert ",2026-03-31T23:00:00Z," in file.read_text().splitlines()[-1]


def test_a_time_of_entry_without_a_zone_is_refused(file):
    with pytest.raises(ValueError, match="entered_at has no time zone"):
        add(file.parent, ("2026-Q3", None, "won_value", 500), at=pd.Timestamp("2026-04-01"))
    assert file.read_text() == FIRST


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (entry(("2026-Q3", None, "won_value", None)), "value is missing in 1 of 1 rows"),
        (entry(("2026-Q3", None, "won_value", "much")), "value does not read as number"),
        (entry((None, None, "won_value", 1.0)), "period is missing in 1 of 1 rows"),
        (entry(("2026-Q3", None, "won_value", 1.0)).assign(colour="red"), r"unknown column\(s\) \['colour'\]"),
        (entry(("2026-Q3", None, "won_value", 1.0)).drop(columns="value"), r"missing column\(s\) \['value'\]"),
        (entry(*[("2026-Q3", None, "won_value", 1.0)] * 2), "2 of 2 rows share a key"),
        # the second is good: none of the two may be written
        (entry(("2026-Q3", None, "won_value", None), ("2026-Q4", None, "won_value", 1.0)), "missing in 1 of 2"),
    ],
)
def test_a_bad_row_is_refused_and_the_file_stays_as_it_was(file, rows, words):
    with pytest.raises(TableError, match=words):
        programme.append(file.parent, "targets", rows, entered_at=NOON, entered_by="Bo")
    assert file.read_text() == FIRST
    assert os.listdir(file.parent) == ["targets.csv"]


@pytest.mark.parametrize("written", ["2026-01-05T08:00:00Z", "2026-01-05 08:00:00+00:00", "2026-01-05T09:00:00+01:00"])
def test_an_entry_of_the_same_moment_is_not_entered_twice_however_the_moment_is_written(file, written):
    before = FIRST.replace("2026-01-05T08:00:00Z", written)
    file.write_text(before)
    with pytest.raises(TableError, match="share a key"):
        add(file.parent, ("2026", None, "won_value", 7), at=pd.Timestamp("2026-01-05T08:00:00Z"))
    assert file.read_text() == before


def test_a_file_with_other_columns_is_refused(file):
    file.write_text("period,goal\n2026,7\n")
    with pytest.raises(TableError, match=r"columns \['period', 'goal'\]; must be"):
        add(file.parent, ("2026-Q3", None, "won_value", 500))
    assert file.read_text() == "period,goal\n2026,7\n"


def test_what_was_entered_comes_back_through_book(small):
    add(small / "programme", ("2026-Q3", None, "won_value", 500.5), by='Bo "the boss", and\nothers')
    got = Book.open(small, "2026-06-30").read("targets")
    assert got["entered_by"].tolist() == ['Bo "the boss", and\nothers']
    assert got["value"].tolist() == [500.5]
    assert got["owner_id"].isna().all()


# -- reading ----------------------------------------------------------------------------------------------------------


def targets(folder, text: str, as_of: str) -> pd.DataFrame:
    put(folder / "programme", targets=HEAD + text)
    return Book.open(folder, as_of).read("targets")


def test_without_a_programme_folder_targets_are_empty_and_to_spec(small):
    book = Book.open(small, "2026-06-30")
    assert not book.has("targets")
    assert book.read("targets").empty
    assert set(schema.TARGETS.columns) <= set(book.read("targets").columns)


def test_a_template_that_nobody_filled_is_as_if_it_were_not_there(small):
    put(small / "programme", targets=HEAD + "\r\n\n", contracts=programme.template("contracts"))
    book = Book.open(small, "2026-06-30")
    assert not book.has("targets")
    assert set(book.audit()["table"]) == {"accounts", "transactions"}
    put(small / "programme", targets=HEAD.replace("\n", "\r") + "2026,,won_value,1,2026-01-05T08:00:00Z,Bo,\r")
    assert Book.open(small, "2026-06-30").has("targets")  # lines may end as they like


def test_entries_are_known_from_the_day_they_were_written_down(small):
    text = (
        "2026,,won_value,1,2026-03-31T23:59:59Z,Bo,\n"  # of the day itself
        "2026-Q2,,won_value,2,2026-04-01T00:00:00Z,Bo,\n"  # a day later
    )
    assert targets(small, text, "2026-03-31")["value"].tolist() == [1]
    assert targets(small, text, "2026-04-01")["value"].tolist() == [1, 2]


def test_an_entry_repeated_by_hand_is_refused(small):
    with pytest.raises(TableError, match="one row per period, owner_id, measure_id, entered_at: broken in 2 of 2 rows"):
        targets(small, "2026,,won_value,1,2026-01-01T00:00:00Z,Bo,\n" * 2, "2026-06-30")


# -- what a spreadsheet makes of it -----------------------------------------------------------------------------------

GOOD = HEAD + "2026,,won_value,1000.5,2026-01-05T08:00:00Z,Bo,\n"
CONTRACT = programme.template("contracts")


def saved(folder, content: bytes, name: str = "targets") -> pd.DataFrame:
    (folder / "programme").mkdir()
    (folder / "programme" / f"{name}.csv").write_bytes(content)
    return Book.open(folder, "2026-06-30").read(name)


@pytest.mark.parametrize(
    "content",
    [
        (GOOD.replace("1000.5", "1.0005E+03") + ",,,,,,\n" * 3)
        .replace("\n", "\r\n")
        .encode("utf-8-sig"),  # as Excel does, with rows somebody emptied
        (GOOD + '" ",,,"",,,\n')
        .replace("\n", "\r")
        .replace("05T08:00:00Z", "05 08:00:00")
        .encode(),  # no zone: UTC, as in every table
        GOOD.replace("\n", ",,\n").replace("05T08:00:00Z", "05T10:00:00+02:00").encode(),  # columns somebody emptied
    ],
)
def test_what_a_spreadsheet_saved_reads_and_can_be_added_to(small, content):
    got = saved(small, content)
    assert got["value"].tolist() == [1000.5]
    assert got["entered_at"].tolist() == [pd.Timestamp("2026-01-05T08:00:00Z")]
    add(small / "programme", ("2026-Q3", None, "won_value", 500))
    assert Book.open(small, "2026-06-30").read("targets")["value"].tolist() == [1000.5, 500]
    assert (small / "programme" / "targets.csv").read_bytes().startswith(content)


def test_a_template_with_rows_somebody_emptied_is_not_there(small):
    put(small / "programme", targets=HEAD + ",,,,,,\n" * 3)
    assert not Book.open(small, "2026-06-30").has("targets")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD.replace(",", ";").encode(), "targets.csv has semicolons between its values. Save it with commas"),
        (GOOD.replace(",", ";").replace("1000.5", "1000,5").encode(), "targets.csv has semicolons between its values"),
        (b"sep=;\n" + GOOD.replace(",", ";").encode(), "targets.csv has semicolons between its values"),
        (GOOD.replace(",", "\t").encode(), "targets.csv has tabs between its values"),
        (GOOD.replace("Bo", "Jörg").encode("cp1252"), "not utf-8: line 2 .* Save it as UTF-8 CSV with commas"),
        (GOOD.encode("utf-16"), "written in utf-16. Save it as UTF-8 CSV with commas"),
        (GOOD.replace("1000.5", '"1000,5"').encode(), r"1 of 1 values of value .*'1000,5'.* written 1000.5, with a dot"),
        (GOOD.replace("1000.5", '"1,000"').encode(), r"1 of 1 values of value .*'1,000'.* written 1000.5, with a dot"),
        (GOOD.replace("1000.5", "#REF!").encode(), "1 of 1 values of value .*#REF!"),
        (GOOD.replace("2026,", "Jul 26,", 1).encode(), "period is spelt right: broken in 1 of 1 .*Jul 26.* Correct period: year, quarter or month"),
        (GOOD.replace("2026-01-05T08:00:00Z", "").encode(), "entered_at is filled: broken in 1 of 1 rows .* or enter rows by a form"),
        (GOOD.replace("2026-01-05T08:00:00Z", "05.01.2026 08:00").encode(), "entered_at do not read .* 2026-12-31T17:00:00Z"),
        (GOOD.replace(",Bo,", ",,").encode(), "entered_by is filled: broken in 1 of 1 rows .* Correct entered_by in programme/targets.csv"),
        (GOOD.replace("supersedes", "remark").encode(), r"1 columns of targets.csv are none of the table's \(first: \['remark'\]\)"),
        (GOOD.replace("\n", ",\n", 1).replace("Bo,\n", "Bo,,late\n").encode(), r"1 rows .* without a name \(first: \['line 2'\]\)"),
        (GOOD.replace("Bo,\n", "Bo\n").encode(), r"do not have its 7 columns \(first: \['line 2 has 6 of 7 values'\]\)"),
    ],
)  # fmt: skip
def test_what_does_not_read_is_told_in_one_sentence_and_stays_as_it_is(small, content, words):
    with pytest.raises(TableError, match=words):
        saved(small, content)
    with contextlib.suppress(TableError):
        add(small / "programme", ("2026-Q3", None, "won_value", 500))
    assert (small / "programme" / "targets.csv").read_bytes().startswith(content)


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("end", "12/31/2026"), ("end", "01.02.2026"), ("end", "46387"), ("auto_renew", "WAHR"),
    ],
)  # fmt: skip
def test_a_day_or_flag_as_one_country_writes_it_is_never_guessed(small, column, written):
    row = {"end": "2026-12-31", "auto_renew": "true"} | {column: written}
    line = f"k1,acme,all,2026-01-01,{row['end']},10,{row['auto_renew']},,,2026-01-05T08:00:00Z,Bo,\n"
    with pytest.raises(
        TableError, match=rf"1 of 1 values of {column} .*'{written}'.* Correct {column} in programme/contracts.csv"
    ):
        saved(small, (CONTRACT + line).encode(), "contracts")


def test_checks_say_the_same_as_reading(small):
    put(small / "programme", targets=GOOD.replace("2026-01-05T08:00:00Z", "").replace("1000.5", "#REF!"))
    found = Book.open(small, "2026-06-30").audit().query("bad > 0").set_index("check")["remedy"]
    assert "enter rows by a form" in found["entered_at is filled"]
    assert found["value reads as its kind"].startswith("Correct value in programme/targets.csv")


def test_a_spreadsheet_s_own_file_is_refused_unless_its_rows_are_in_the_csv_too(small):
    folder = put(small / "programme", targets=HEAD)
    (folder / "targets.xlsx").write_bytes(b"PK")
    with pytest.raises(
        TableError, match=r"1 files are a spreadsheet's own \(first: \['targets.xlsx'\]\). Save each as CSV"
    ):
        Book.open(small, "2026-06-30")
    put(folder, targets=GOOD)
    assert Book.open(small, "2026-06-30").has("targets")
    (small.parent / "workbook.yml").write_text("data: data/programme\nprogramme: data/programme\n")
    put(folder, accounts=ACCOUNTS, transactions=TRANSACTIONS)
    assert Book.open(small.parent / "workbook.yml", "2026-06-30").has("targets")  # one folder for both


@pytest.mark.parametrize("value", [float("inf"), "  "])
def test_what_would_not_read_back_is_not_added(file, value):
    with pytest.raises(TableError, match="value is (1,000,000,000,000,000 or more|missing) in 1 of 1 rows"):
        add(file.parent, ("2026-Q3", None, "won_value", value))
    with pytest.raises(ValueError, match="entered_by is empty"):
        add(file.parent, ("2026-Q3", None, "won_value", 1), by=" ")
    assert file.read_text() == FIRST


# -- examples ---------------------------------------------------------------------------------------------------------


def test_every_table_but_one_has_an_example_that_reads_and_meets_every_check(small):
    names = [n for n in schema.PROGRAMME if n != programme.FORGOTTEN]
    put(small, accounts=ACCOUNTS.replace("acme", "A00001"))
    put(small / "programme", **{n: programme.template(n) + programme.example(n) for n in names})
    book = Book.open(small, "2026-06-30")
    assert {n: len(book.read(n)) for n in names} == dict.fromkeys(names, 1)
    found = book.audit().query("bad > 0")
    assert set(found["table"]) <= {"transactions"}, found  # theirs name acme


def test_the_guide_tells_every_table_and_column_and_none_of_it_is_data(small):
    page = guide.page()
    for name in set(schema.PROGRAMME) - {programme.FORGOTTEN}:
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        assert all(f"`{c}`" in section for c in programme.columns(name) if c not in schema.ENTRY)
        assert programme.example(name) in section
    put(small / "programme", **{n: programme.template(n) for n in schema.PROGRAMME})
    (small / "programme" / "README.md").write_text(page)
    book = Book.open(small, "2026-06-30")
    assert not any(book.has(n) for n in schema.PROGRAMME)


# -- conflicts --------------------------------------------------------------------------------------------------------

LI, BO, CY = (f"2026-03-0{day}T10:00:00Z" for day in (1, 2, 3))  # when each entered


def quarter(*rows: tuple) -> pd.DataFrame:
    """Entries for one quarter: value, when, who, what it replaces."""
    frame = pd.DataFrame(rows, columns=["value", "entered_at", "entered_by", "supersedes"])
    moments = pd.to_datetime(frame["entered_at"], utc=True, format="ISO8601")
    return schema.conform("targets", frame.assign(entered_at=moments, period="2026-Q2", measure_id="won_value"))


def told(found: pd.DataFrame) -> list[tuple]:
    assert (found["table"] == "targets").all()
    return list(found[["column", "earlier", "later", "earlier_by", "later_by"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, LI, "Li", None)], []),
        ([(1, LI, "Li", None), (2, BO, "Bo", None)], [("value", "1", "2", "Li", "Bo")]),
        ([(2, BO, "Bo", None), (1, LI, "Li", None)], [("value", "1", "2", "Li", "Bo")]),  # by time, not by line
        ([(1, LI, "Li", None), (2, BO, "Li", None)], []),  # the same person
        ([(1, LI, "Li", None), (1, BO, "Bo", None)], []),  # they agree
        ([(1, LI, "Li", None), (2, BO, "Bo", LI)], []),
        ([(1, LI, "Li", None), (2, BO, "Bo", "2026-03-01 12:00+02:00")], []),  # a time, not a text
        ([(1, LI, "Li", None), (2, BO, "Bo", LI), (1, CY, "Li", None)], [("value", "2", "1", "Bo", "Li")]),  # back again
        ([(1, LI, "Li", None), (2, BO, "Bo", None), (3, CY, "Bo", LI)], []),  # their own, and Li's
        ([(1, LI, "Li", None), (2, BO, "Bo", None), (3, CY, "Cy", BO)], [("value", "1", "3", "Li", "Cy")]),
        ([(1, LI, "Li", None), (2, BO, "Bo", None), (3, CY, "Cy", f"{LI}; {BO}")], []),
        ([(1, LI, "Li", None), (2, BO, "Bo", None), (3, CY, "Cy", None)],
         [("value", "1", "3", "Li", "Cy"), ("value", "2", "3", "Bo", "Cy")]),
        ([(1, LI, schema.SOURCE, None), (2, BO, "Bo", None)], []),  # to correct the source is what entries are for
        ([(1, LI, "Li", None), (2, BO, schema.SOURCE, None)], [("value", "1", "2", "Li", schema.SOURCE)]),  # overruled
    ],
)  # fmt: skip
def test_a_conflict_is_two_people_who_differ_and_neither_replaces_the_other(rows, expected):
    assert told(entry_conflicts.conflicts("targets", quarter(*rows))) == expected


@pytest.mark.parametrize("named", [CY, "yesterday", BO, f"{LI};{CY}"])  # none there, no time, itself, one of two
def test_what_is_replaced_and_not_there_is_shown(named):
    found = entry_conflicts.conflicts("targets", quarter((1, LI, "Bo", None), (2, BO, "Bo", named)))
    (row,) = found.to_dict("records")
    assert (row["column"], row["later"], row["later_by"]) == ("supersedes", named, "Bo")
    assert pd.isna([row["earlier"], row["earlier_by"], row["earlier_at"]]).all()
    assert row["stands_at"] == pd.Timestamp(BO)


def test_a_conflict_says_what_it_is_about_and_which_entry_stands():
    entries = quarter((1, LI, "Li", None), (2, BO, "Bo", None))
    (row,) = entry_conflicts.conflicts("targets", entries).to_dict("records")
    assert row["key"] == "period 2026-Q2, measure_id won_value"  # the owner is missing
    assert row["stands_at"] == row["later_at"] == programme.latest_entries("targets", entries)["entered_at"].item()


def test_entries_for_other_things_are_no_conflict():
    one, other = quarter((1, LI, "Li", None)), quarter((2, BO, "Bo", LI)).assign(owner_id="s1")
    found = entry_conflicts.conflicts("targets", pd.concat([one, other], ignore_index=True))
    assert found[["key", "column"]].values.tolist() == [
        ["period 2026-Q2, owner_id s1, measure_id won_value", "supersedes"]  # there is no earlier one for the owner
    ]


def test_what_is_personal_is_never_told(small):
    head, rest = programme.template("list_votes"), "2026-01-0{}T09:00:00Z,{},\n"
    lines = [
        f"acme,sales,1,in,their boss is {x}," + rest.format(*x_by)
        for x, x_by in (("mean", (1, "Li")), ("kind", (2, "Bo")))
    ]
    put(small / "programme", list_votes=head + "".join(lines))
    (row,) = Book.open(small, "2026-06-30", people=True).conflicts().to_dict("records")
    assert (row["column"], row["earlier"], row["later"]) == (
        "comment",
        entry_conflicts.DIFFERS,
        entry_conflicts.DIFFERS,
    )
    assert not {"mean", "kind"} & set(" ".join(map(str, row.values())).split())
    assert Book.open(small, "2026-06-30").conflicts().empty  # opened without people


def test_a_book_shows_the_conflicts_of_every_table_as_known_on_the_day(small):
    text = f"2026,,won_value,1,{LI},Li,\n2026,,won_value,2,{BO},Bo,\n"
    put(
        small / "programme",
        targets=HEAD + text,
        readiness=f"{programme.template('readiness')}list,1,,{LI},Li,\nlist,2,,{CY},Bo,\n",
    )
    found = {day: Book.open(small, f"2026-03-0{day}").conflicts() for day in (1, 2, 3)}
    assert {day: f["table"].tolist() for day, f in found.items()} == {
        1: [],
        2: ["targets"],
        3: ["targets", "readiness"],
    }
    none = pd.DataFrame(columns=list(entry_conflicts.CONFLICT)).astype(entry_conflicts.CONFLICT)
    assert found[1].dtypes.to_dict() == found[3].dtypes.to_dict() == none.dtypes.to_dict()


@given(st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["Li", "Bo", "source"]), st.integers(-1, 6)), max_size=6))
def test_what_stands_is_never_replaced(entered):
    times = [f"2026-03-{day:02}T10:00:00Z" for day in range(1, 9)]
    rows = [(v, times[i], by, times[to] if to >= 0 else None) for i, (v, by, to) in enumerate(entered)]
    entries = quarter(*rows)
    kept = entry_conflicts.unreplaced("targets", entries)
    assert kept.tail(1).equals(programme.latest_entries("targets", entries).set_index(kept.index[-1:]))
    assert set(entry_conflicts.conflicts("targets", entries)["earlier_at"].dropna()) <= set(kept["entered_at"])


# -- entered, and from the source -------------------------------------------------------------------------------------

CONTRACTS = (  # as a CRM gives them: nobody entered them, and they say how they ended
    "contract_id,account_id,start,end,arr,auto_renew,renewed,notice_date\n"
    "k1,acme,2025-01-01,2025-12-31,100,false,true,\n"
    "k2,beta,2025-07-01,2026-06-30,50,false,false,2026-05-01\n"
    "k3,acme,2026-04-01,2027-03-31,120,true,,\n"
)
ENTERED = (
    "contract_id,account_id,product_line,start,end,arr,auto_renew,renewed,notice_date,entered_at,entered_by,supersedes\n"
    "k2,beta,pumps,2025-07-01,2026-06-30,60,false,,2026-02-01,2026-02-02T09:00:00Z,Bo,\n"
    "k9,acme,pumps,2025-07-01,2026-06-30,70,false,true,,2026-05-02T09:00:00Z,Bo,\n"
)


def contracts(folder, as_of: str) -> pd.DataFrame:
    return Book.open(folder, as_of).read("contracts").set_index(["contract_id", "entered_by"])


def test_rows_of_the_source_and_entries_are_read_together(small):
    put(small, contracts=CONTRACTS)
    put(small / "programme", contracts=ENTERED)
    got = contracts(small, "2026-06-30")
    assert got["arr"].to_dict() == {
        ("k1", "source"): 100, ("k2", "source"): 50, ("k2", "Bo"): 60, ("k3", "source"): 120, ("k9", "Bo"): 70
    }  # fmt: skip
    assert got.loc[("k2", "source"), "entered_at"] == pd.Timestamp("2025-07-01", tz="UTC")  # its own first day
    assert got["product_line"].tolist() == ["all", "all", "pumps", "all", "pumps"]
    assert got["renewed"].tolist() == [True, False, pd.NA, pd.NA, True]
    own = schema.empty("contracts").set_index(["contract_id", "entered_by"])
    assert got[own.columns].dtypes.to_dict() == own.dtypes.to_dict()


@pytest.mark.parametrize("written", [True, False])
def test_either_place_alone_is_enough(small, written):
    put(small / "programme" if written else small, contracts=ENTERED if written else CONTRACTS)
    assert len(contracts(small, "2026-06-30")) == (2 if written else 3)


def test_what_was_entered_or_began_after_the_day_is_not_seen(small):
    put(small, contracts=CONTRACTS)
    put(small / "programme", contracts=ENTERED)
    assert contracts(small, "2026-02-01").index.tolist() == [("k1", "source"), ("k2", "source")]
    assert contracts(small, "2026-02-02").index.tolist() == [("k1", "source"), ("k2", "source"), ("k2", "Bo")]
    assert ("k3", "source") not in contracts(small, "2026-03-31").index
    assert ("k3", "source") in contracts(small, "2026-04-01").index


def test_how_a_contract_ended_is_not_known_before_it_did_but_an_entry_is_taken_at_its_word(small):
    put(small, contracts=CONTRACTS)
    put(small / "programme", contracts=ENTERED)
    got = contracts(small, "2026-03-31")
    assert got.loc[("k1", "source"), "renewed"]  # it has ended
    assert got.loc[("k2", "source"), ["renewed", "notice_date"]].isna().all()  # notice is given in May
    assert got.loc[("k2", "Bo"), "notice_date"] == pd.Timestamp("2026-02-01")  # so it was written in February


def test_a_day_of_the_source_begins_in_the_reporting_time_zone(small):
    put(small, contracts=CONTRACTS)
    (small / "workbook.yml").write_text("time_zone: America/New_York\n")
    assert ("k3", "source") not in contracts(small, "2026-03-31").index  # 20:00 there when the day begins in UTC
    got = contracts(small, "2026-04-01")
    assert got.loc[("k3", "source"), "entered_at"] == pd.Timestamp("2026-04-01T04:00", tz="UTC")


def test_a_source_may_say_itself_when_and_by_whom_a_row_was_entered(small):
    put(small, contracts=ENTERED)
    assert contracts(small, "2026-06-30").index.tolist() == [("k2", "Bo"), ("k9", "Bo")]
    assert contracts(small, "2026-02-02").index.tolist() == [("k2", "Bo")]


def test_a_table_that_nothing_else_dates_needs_its_time_of_entry(small):
    put(small, targets="period,measure_id,value\n2026,won_value,1\n")
    with pytest.raises(TableError, match=r"targets: missing column\(s\) \['entered_at'\]"):
        Book.open(small, "2026-06-30").read("targets")
    put(small, targets="period,measure_id,value,entered_at\n2026,won_value,1,2026-01-05T08:00:00Z\n")
    assert Book.open(small, "2026-06-30").read("targets")["entered_by"].tolist() == ["source"]


def test_a_column_that_a_file_of_the_programme_lacks_is_to_be_added_there(small):
    put(small / "programme", targets="period,measure_id,entered_at\n2026,won_value,2026-01-05T08:00:00Z\n")
    with pytest.raises(
        TableError, match=r"\['value', 'entered_by'\]; the table has .* Add them to programme/targets.csv.$"
    ):
        Book.open(small, "2026-06-30").read("targets")


def test_a_database_or_parquet_gives_programme_tables_too(small):
    rows = pd.read_csv(io.StringIO(CONTRACTS), parse_dates=["start", "end", "notice_date"])
    rows.to_parquet(small / "contracts.parquet")
    put(small / "programme", contracts=ENTERED)
    assert len(contracts(small, "2026-06-30")) == 5
    file = small.parent / "book.duckdb"
    with duckdb.connect(str(file)) as con:
        for name in ("accounts", "transactions"):
            con.execute(f"create table {name} as from '{small / name}.csv'")
        con.execute(f"create table contracts as from '{small}/contracts.parquet'")
    workbook = small.parent / "workbook.yml"
    workbook.write_text("data: book.duckdb\nprogramme: data/programme\n")
    pd.testing.assert_frame_equal(contracts(workbook, "2026-06-30"), contracts(small, "2026-06-30"))


def test_the_folder_of_the_data_may_be_that_of_the_programme(small):
    put(small, contracts=ENTERED)
    workbook = small.parent / "workbook.yml"
    workbook.write_text("data: data\nprogramme: data\n")
    assert len(contracts(workbook, "2026-06-30")) == 2  # not each row twice


def test_a_file_of_the_source_cannot_say_who_was_forgotten(small):
    put(small, forgotten="person_hash,entered_at,entered_by\n" + "0" * 64 + ",2026-01-01T00:00:00Z,Bo\n")
    assert not Book.open(small, "2026-06-30").has("forgotten")


def test_checks_tell_what_an_entry_refers_to_in_vain(small):
    put(small, contracts=CONTRACTS.replace("k1,acme", "k1,nowhere"))
    put(
        small / "programme",
        messages=programme.template("messages") + "m1,p1,early,s,x,x,x,1,Bo,2026-01-01T00:00:00Z,Bo,\n",
    )
    found = Book.open(small, "2026-06-30").audit()
    wrong = found[found["bad"] > 0].set_index("table")
    assert wrong.loc["contracts", ["check", "severity", "first"]].tolist() == [
        "account_id is found in accounts",
        "warn",
        "k1",
    ]
    assert "messages" not in wrong.index  # without personas nothing can be looked up
    persona = "p2,Buyer,manager,buys,x,x,2026-01-01T00:00:00Z,Bo,\n"
    put(
        small / "programme",
        personas=programme.template("personas") + persona + persona.replace("2026-01-01", "2026-02-01"),
    )
    found = Book.open(small, "2026-06-30").audit()
    assert found[found["bad"] > 0].set_index("table").loc["messages", "check"] == "persona_id is found in personas"


def test_what_is_missing_is_asked_of_those_who_enter_it(small):
    with pytest.raises(NotAnswerable, match=r"Enter list votes \(.*\) in programme/list_votes.csv"):
        Book.open(small, "2026-06-30").need("list_votes")


def test_days_and_flags_that_are_appended_read_as_they_were(small):
    rows = pd.DataFrame(
        {"contract_id": ["k1"], "account_id": "acme", "start": pd.Timestamp("2026-01-01"), "end": pd.Timestamp("2026-12-31"),
         "arr": 10, "auto_renew": False}
    )  # fmt: skip
    programme.append(small / "programme", "contracts", rows, entered_at=NOON, entered_by="Bo")
    line = (small / "programme" / "contracts.csv").read_text().splitlines()[1]
    assert line == "k1,acme,all,2026-01-01,2026-12-31,10.0,False,,,2026-04-01T12:00:00Z,Bo,"
    (row,) = Book.open(small, "2026-06-30").read("contracts").to_dict("records")
    assert (row["start"], row["end"], row["auto_renew"]) == (rows["start"][0], rows["end"][0], False)


# -- the target of a day ----------------------------------------------------------------------------------------------

YEAR = "2026,,won_value,1200,2026-01-01T00:00:00Z,Bo,\n"
QUARTER = "2026-Q2,,won_value,300,2026-01-01T00:00:00Z,Bo,\n"
MONTH = "2026-06,,won_value,90,2026-01-01T00:00:00Z,Bo,\n"
OWNERS = "2026-Q2,s1,won_value,200,2026-01-01T00:00:00Z,Bo,\n2026-Q2,s2,won_value,250,2026-01-01T00:00:00Z,Bo,\n"
RAISED = "2026-Q2,,won_value,400,2026-06-01T00:00:00Z,Bo,2026-01-01T00:00:00Z\n"


@pytest.mark.parametrize(
    ("text", "as_of", "period", "expected"),
    [
        (YEAR + QUARTER + MONTH, "2026-06-30", "2026-06-01 to 2026-06-30", 90),  # month beats quarter beats year
        (YEAR + QUARTER + MONTH, "2026-05-31", "2026-04-01 to 2026-06-30", 300),  # the month does not hold the day
        (YEAR + QUARTER + MONTH, "2026-07-01", "2026-01-01 to 2026-12-31", 1200),
        (OWNERS, "2026-06-30", "2026-04-01 to 2026-06-30", 450),  # only owners: their sum
        (OWNERS + QUARTER, "2026-06-30", "2026-04-01 to 2026-06-30", 300),  # the company's own beats the sum of owners
        (RAISED + QUARTER, "2026-06-30", "2026-04-01 to 2026-06-30", 400),  # the later entry holds, not the last line
        (RAISED + QUARTER, "2026-05-31", "2026-04-01 to 2026-06-30", 300),  # not yet entered: not known on the day
        (QUARTER.replace("won_value", "open_value"), "2026-06-30", "2026-04-01 to 2026-06-30", None),  # another measure
        ("", "2026-06-30", "2026-04-01 to 2026-06-30", None),  # none: the quarter of the day
        (YEAR.replace("2026,", "2025,"), "2026-06-30", "2026-04-01 to 2026-06-30", None),  # of another year
    ],
)
def test_target_of_the_shortest_period_that_holds_the_day(small, text, as_of, period, expected):
    book_targets = targets(small, text, as_of)
    got, value = target_for(book_targets, pd.Timestamp(as_of))
    assert str(got) == period
    assert value == expected if expected is not None else pd.isna(value)


def test_an_owner_who_was_given_another_target_counts_once(small):
    text = OWNERS + "2026-Q2,s1,won_value,100,2026-02-01T00:00:00Z,Bo,\n"
    _, value = target_for(targets(small, text, "2026-06-30"), pd.Timestamp("2026-06-30"))
    assert value == 350


def test_one_quarter_written_two_ways_is_one_quarter(small):
    text = QUARTER + "2026Q2,,won_value,400,2026-06-01T00:00:00Z,Bo,\n"  # 700 if each counted
    _, value = target_for(targets(small, text, "2026-06-30"), pd.Timestamp("2026-06-30"))
    assert value == 400


def test_two_teams_that_sign_one_criterion_do_not_disagree():
    row = {"criterion_id": "C", "name": "size", "weight": 1.0, "direction": "higher"}
    both = pd.DataFrame(
        [
            row | {"sign_off_team": team, "signed_at": pd.Timestamp(f"2026-01-0{k}", tz="UTC"), "entered_by": team,
                   "entered_at": pd.Timestamp(f"2026-01-0{k}", tz="UTC")}
            for k, team in ((1, "sales"), (2, "marketing"))
        ]
    )  # fmt: skip
    assert entry_conflicts.conflicts("criteria", schema.conform("criteria", both)).empty
    other = schema.conform("criteria", both.assign(weight=[1.0, 2.0]))
    assert entry_conflicts.conflicts("criteria", other)["column"].tolist() == ["weight"]
