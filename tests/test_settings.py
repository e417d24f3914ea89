"""workbook.yml, beside the data and of a team: places, facts, and every way it can be wrong."""

import pytest

from abmlib.tables import Book, TableError, schema, settings
from tests.conftest import ACCOUNTS, TRANSACTIONS, put

DEALS = """opportunity_id,account_id,stage,created_at,is_closed,is_won,closed_at
d,acme,offer,2026-01-01T00:00:00Z,false,,
"""
HISTORY = """opportunity_id,entered_at,stage,stage_order
d,2026-01-01T00:00:00Z,talk,7
d,2026-02-01T00:00:00Z,offer,3
d,2026-03-01T00:00:00Z,haggle,5
"""
TARGETS = """period,owner_id,measure_id,value,entered_at,entered_by,supersedes
2026-Q2,,won_value,100,2026-01-01T00:00:00Z,me,
"""


@pytest.fixture
def team(tmp_path):
    """A team's folder: its workbook file, its data and its programme apart."""
    put(tmp_path / "books" / "b", accounts=ACCOUNTS, transactions=TRANSACTIONS, opportunities=DEALS,
        opportunity_stage_history=HISTORY)  # fmt: skip
    (tmp_path / "books" / "b" / "workbook.yml").write_text("title: Beside\ncurrency: GBP\n", "utf-8")
    put(tmp_path / "programme", targets=TARGETS)
    (tmp_path / "workbook.yml").write_text(
        "data: books/b\ntitle: Team\nstage_order: [talk, offer]\nparameters: {window_months: 6}\n", "utf-8"
    )
    return tmp_path


def test_a_team_names_places_relative_to_its_file_and_its_facts_win(team):
    found = settings.workbook(team / "workbook.yml")
    assert found.data == team / "books" / "b"
    assert (found.programme, found.out, found.notebooks) == (team / "programme", team / "reports", None)
    (team / "notebooks").mkdir()
    assert settings.workbook(team / "workbook.yml").notebooks == team / "notebooks"
    assert (found.settings.title, found.settings.currency, found.settings.time_zone) == ("Team", "GBP", "UTC")
    assert found.parameters == {"window_months": 6}


def test_the_folder_of_a_team_stands_for_its_file_and_a_data_folder_for_itself(team):
    assert settings.workbook(team) == settings.workbook(team / "workbook.yml")
    beside = settings.workbook(team / "books" / "b")
    assert (beside.file, beside.settings.title) == (None, "Beside")
    assert beside.programme == team / "books" / "b" / "programme"


def test_a_book_is_opened_by_the_team_s_file_with_its_programme_and_its_latest_day(team, tmp_path):
    book = Book.open(team / "workbook.yml", "latest-data", tmp_path / "t")
    assert str(book.as_of.date()) == "2026-04-01"
    assert book.currency == "GBP"
    assert book.read("targets")["value"].tolist() == [100]


def test_the_team_s_order_of_stages_wins_over_the_source_s_and_a_stage_without_a_place_is_told(team, tmp_path):
    book = Book.open(team, "2026-04-01", tmp_path / "t")
    assert book.read("opportunity_stage_history")["stage_order"].fillna(0).tolist() == [1, 2, 0]
    told = book.audit().set_index("check").loc["stage has a place in stage_order"]
    assert (told["bad"], told["severity"]) == (1, "warn")
    beside = Book.open(team / "books" / "b", "2026-04-01", tmp_path / "t")
    assert beside.read("opportunity_stage_history")["stage_order"].tolist() == [7, 3, 5]


def test_it_refuses_to_take_the_latest_day_of_data_without_days(tmp_path):
    bare = schema.empty("transactions")[["transaction_id", "account_id", "booked_at", "revenue"]].to_csv(index=False)
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=bare)
    with pytest.raises(ValueError, match="no row of the data is dated, so it has no latest day. Give a day."):
        Book.open(data, "latest-data")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("data: [a", "not readable as YAML"),
        ("- data", "must hold names and values, got list"),
        (
            "data: books/b\ncurency: EUR",
            r"curency is unknown; it may have .*'parameters'\]. Correct the file",
        ),
        ("data: books/b\ncurrency: 5", "currency must be text, got 5"),
        (
            "data: books/b\ncurrency: Euro",
            "currency 'Euro' is no currency code. Use three capital letters .*such as EUR",
        ),
        ("data: books/b\nformer_after_days: true", "former_after_days must be a whole number, got True"),
        ("data: books/b\nstage_order: talk", "stage_order must be a list, got 'talk'"),
        ("data: books/b\nstage_order: [a, a]", "stage_order names a value twice"),
        ("data: books/b\nfiscal_year_starts: 13", "fiscal_year_starts must be at most 12, got 13"),
        ("data: books/b\ntime_zone: Mars", "time_zone 'Mars' is not a known time zone"),
        ("data: books/b\nparameters: [1]", "parameters must be names with values"),
        ("data: 3", "data must be text, got 3"),
        ("title: x", "data is missing"),
        ("data: ''", "data must have at least 1 character"),
        ("data: books/b\nformer_after_days: '5'", "former_after_days must be a whole number, got '5'"),
        ("data: books/b\nsame_company: [domain, size]", "same_company.1 must be 'domain' or 'name', got 'size'"),
        (
            "data: books/b\ntitle: 1\ncurrency: 2\ntime_zone: Mars\nfiscal_year_starts: 0",
            r"4 values are wrong \(the first 3\): title must be text, got 1; currency must be text, got 2; time_zone 'Mars'",
        ),
    ],
)
def test_it_refuses_what_it_cannot_read(team, text, says):
    (team / "workbook.yml").write_text(text, "utf-8")
    with pytest.raises(TableError, match=f"workbook.yml: {says}"):
        settings.workbook(team / "workbook.yml")


def test_it_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(TableError, match="mine.yml is not there. Make a workbook file with abm init"):
        settings.workbook(tmp_path / "mine.yml")


def test_a_workbook_file_that_lies_with_its_data_names_no_place(small):
    (small / "workbook.yml").write_text("title: Mine\n", "utf-8")
    assert settings.workbook(small / "workbook.yml") == settings.workbook(small)


def test_a_relative_path_that_is_not_there_is_named_with_the_folder_it_was_sought_from(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    with pytest.raises(TableError, match=rf"data: ../data/mine \(seen from {tmp_path.name}/notebooks\) is not there"):
        settings.with_data("../data/mine")
