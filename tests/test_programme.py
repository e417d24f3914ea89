"""What people enter: entries are added and never changed, and a report knows those written down by its day."""

import pandas as pd
import pytest

from abmlib.method import pipeline
from abmlib.tables import Book, TableError, programme, schema
from tests.conftest import put

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
    assert [p.name for p in file.parent.iterdir()] == ["targets.csv"]  # nothing half-written stays behind


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
    assert [p.name for p in file.parent.iterdir()] == ["targets.csv"]


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
    assert book.read("targets").columns.tolist() == list(schema.TARGETS.columns)


def test_a_programme_file_beside_the_tables_is_not_one_of_the_folder(small):
    put(small, targets=FIRST)
    assert not Book.open(small, "2026-06-30").has("targets")


def test_entries_are_known_from_the_day_they_were_written_down(small):
    text = (
        "2026,,won_value,1,2026-03-31T23:59:59Z,Bo,\n"  # of the day itself
        "2026-Q2,,won_value,2,2026-04-01T00:00:00Z,Bo,\n"  # a day later
    )
    assert targets(small, text, "2026-03-31")["value"].tolist() == [1]
    assert targets(small, text, "2026-04-01")["value"].tolist() == [1, 2]


def test_an_entry_repeated_by_hand_is_refused(small):
    with pytest.raises(TableError, match="2 of 2 rows share a key"):
        targets(small, "2026,,won_value,1,2026-01-01T00:00:00Z,Bo,\n" * 2, "2026-06-30")


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
    got, value = pipeline.target_for(book_targets, pd.Timestamp(as_of))
    assert str(got) == period
    assert value == expected if expected is not None else pd.isna(value)


def test_an_owner_who_was_given_another_target_counts_once(small):
    text = OWNERS + "2026-Q2,s1,won_value,100,2026-02-01T00:00:00Z,Bo,\n"
    _, value = pipeline.target_for(targets(small, text, "2026-06-30"), pd.Timestamp("2026-06-30"))
    assert value == 350


def test_one_quarter_written_two_ways_is_one_quarter(small):
    text = QUARTER + "2026Q2,,won_value,400,2026-06-01T00:00:00Z,Bo,\n"  # 700 if each counted
    _, value = pipeline.target_for(targets(small, text, "2026-06-30"), pd.Timestamp("2026-06-30"))
    assert value == 400
