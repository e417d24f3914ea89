"""Forms: what a person fills in comes back through Book, or one error says why not and the file stays as it is."""

import datetime as dt

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from abmlib.pages import forms
from abmlib.tables import Book, programme, schema
from tests.conftest import put

NOON = pd.Timestamp("2026-04-01T12:00:00Z")
NAMES = [n for n in schema.PROGRAMME if n != programme.FORGOTTEN]
GOAL = {"period": "2026-Q3", "measure_id": "won_value", "value": "500.5"}


@pytest.fixture
def folder(small):
    return small / "programme"


def form(folder, name: str = "targets", by: str = "Ada", at: pd.Timestamp = NOON, **more) -> forms.Entry:
    made = forms.entry(folder, name, entered_by=by, now=lambda: at, **more)
    assert made is not None
    return made


def fill(made: forms.Entry, **values) -> forms.Entry:
    for column, value in values.items():
        made.fields[column].value = value
    made.button.click()
    return made


@pytest.mark.parametrize("name", NAMES)
def test_every_table_has_a_form_that_asks_for_what_must_be_filled_and_writes_nothing_without(folder, name):
    made = form(folder, name)
    assert list(made.fields) == [c for c in programme.columns(name) if c not in schema.ENTRY]
    made.button.click()
    assert "Not added." in made.message.value and "Fill in: " in made.message.value
    assert not folder.exists()


def test_the_example_of_every_table_can_be_entered_by_its_form(folder, small):
    as_input = {"date": dt.date.fromisoformat, "ts": pd.Timestamp, "bool": {"true": True, "false": False}.get}
    for name in NAMES:
        made = form(folder, name)
        for column, text in programme.examples()[name].items():
            made.fields[column].value = as_input.get(schema.PROGRAMME[name].columns[column].kind, str)(text)
        made.button.click()
        assert made.message.value.startswith(f"Added to {name}.csv at 2026-04-01 12:00:00 UTC: "), name
    book = Book.open(small, "2026-06-30", people=True)
    for name in NAMES:
        (line,) = (folder / f"{name}.csv").read_text().splitlines()[1:]
        (row,) = programme.read(folder, name).to_dict("records")
        (same,) = book.read(name).to_dict("records")
        assert pd.Series(row).equals(pd.Series(same)[list(row)]), line


def test_what_is_added_is_shown_and_comes_back_through_book_and_the_form_is_empty_again(folder, small):
    made = fill(form(folder), **GOAL)
    assert "500.5" in made.entries.value
    assert [widget.value for widget in made.fields.values()] == ["", "", "", ""]
    (row,) = Book.open(small, "2026-06-30").read("targets").to_dict("records")
    assert (row["value"], row["entered_at"], row["entered_by"]) == (500.5, NOON, "Ada")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"value": "1000,5"}, "value does not read as number"),
        ({"value": "inf"}, "value is 1,000,000,000,000,000 or more in 1 of 1 rows"),
        ({"value": "1e308"}, "value is 1,000,000,000,000,000 or more"),
        ({"value": ""}, "Fill in: How much, in the measure&#x27;s own unit."),  # not 0
        ({"measure_id": "Amount wonn"}, "No measure is called Amount wonn. Choose one"),
        ({"period": "next year"}, "Correct them: year, quarter or month"),
    ],
)
def test_a_wrong_value_is_told_and_the_file_keeps_every_byte(folder, wrong, words):
    fill(form(folder), **GOAL)
    before = (folder / "targets.csv").read_bytes()
    made = fill(form(folder, by="Bo"), **GOAL | wrong)
    assert ">Not added.</b>" in made.message.value
    assert words in made.message.value
    filled = {column: widget.value for column, widget in made.fields.items()} | {"by": made.who.value}
    assert filled == {"owner_id": "", "by": "Bo"} | GOAL | wrong  # nothing typed is lost
    assert (folder / "targets.csv").read_bytes() == before


def test_hostile_text_is_escaped_wherever_it_is_shown(folder):
    evil = "<script>alert(1)</script>"
    made = fill(form(folder, by=evil), **GOAL | {"owner_id": evil})
    again = form(folder, by=evil, at=NOON + pd.Timedelta("1h"))
    fill(again, **GOAL | {"owner_id": evil, "value": evil})
    shown = [made.message, made.entries, again.message, again.notice, again.entries]
    assert all(evil not in widget.value for widget in shown)
    assert all("&lt;script&gt;" in widget.value for widget in shown)
    assert all(not w.description_allow_html for w in (*made.fields.values(), made.supersedes))


def test_a_measure_is_chosen_by_its_name_in_the_dictionary_or_given_by_an_id(folder):
    made = form(folder, offered=["revenue"])
    assert {"Amount won", "Revenue"} <= set(made.fields["measure_id"].options)
    for at, said in enumerate(["Amount won", "won_value", "Revenue", "of_my_own"]):
        fill(form(folder, at=NOON + pd.Timedelta(hours=at), offered=["revenue"]), **GOAL | {"measure_id": said})
    ids = programme.read(folder, "targets")["measure_id"].tolist()
    assert ids == ["won_value", "won_value", "revenue", "of_my_own"]


def test_who_enters_is_a_field_and_begins_as_the_last_who_did(folder):
    assert form(folder, by="").who.value == ""
    made = fill(form(folder, by=""), **GOAL)
    assert "entered_by is empty" in made.message.value
    made.who.value = "Bo"
    made.button.click()
    assert (made.who.value, programme.read(folder, "targets")["entered_by"].tolist()) == ("Bo", ["Bo"])
    assert (form(folder, by="").who.value, form(folder, by="Ada").who.value) == ("Bo", "Ada")


@pytest.mark.parametrize("name", NAMES)
def test_people_read_words_that_tell_fields_apart_and_the_code_on_hover(folder, name):
    fields = form(folder, name).fields
    labels = [widget.description for widget in fields.values()]
    assert len(set(labels)) == len(labels)
    assert [widget.tooltip for widget in fields.values()] == list(fields)


def test_an_error_about_a_column_names_the_field_as_people_read_it(folder):
    made = fill(form(folder), **GOAL | {"value": "much"})
    assert "Look at: How much, in the measure&#x27;s own unit." in made.message.value


def test_a_page_about_an_earlier_day_says_from_when_an_entry_counts(folder):
    words = "This page is about 2026-03-31. What you enter counts in reports from today (2026-04-01) on."
    assert words in form(folder, as_of=pd.Timestamp("2026-03-31")).children[0].value
    assert "counts in reports" not in form(folder, as_of=pd.Timestamp("2026-04-01")).children[0].value


def test_a_formula_is_none_in_the_file_and_reads_back_as_it_was_typed(folder, small):
    reasons = ["=1+1", "-5 %", "+x", "@x", "'=1+1", "''-", "'quoted'", "a=b"]
    for hour, reason in enumerate(reasons):
        made = form(folder, "cycle_overrides", at=NOON + pd.Timedelta(hours=hour))
        fill(made, account_id="acme", cycle="early", reason=reason)
    lines = (folder / "cycle_overrides.csv").read_text().splitlines()[1:]
    assert len(lines) == len(reasons)
    assert not [line for line in lines if line.split(",")[3][0] in "=+-@"]
    assert programme.read(folder, "cycle_overrides")["reason"].tolist() == reasons
    read = Book.open(small, "2026-06-30").read("cycle_overrides")
    assert read.sort_values("entered_at")["reason"].tolist() == reasons


def test_a_formula_reads_back_where_the_programme_is_in_the_folder_of_the_data(small):
    fill(form(small, "cycle_overrides"), account_id="acme", cycle="early", reason="=1+1")
    assert Book.open(small, "2026-06-30").read("cycle_overrides")["reason"].tolist() == ["=1+1"]


def test_an_entry_for_the_same_thing_replaces_the_one_that_stands_and_says_so_beforehand(folder, small):
    fill(form(folder), **GOAL)
    made = form(folder, by="Bo", at=NOON + pd.Timedelta("1h"))
    made.fields["period"].value, made.fields["measure_id"].value = GOAL["period"], GOAL["measure_id"]
    assert made.supersedes.value == ("2026-04-01T12:00:00Z",)
    assert "Entered already: 2026-04-01 12:00:00 by Ada." in made.notice.value
    fill(made, value="600")
    book = Book.open(small, "2026-06-30")
    assert book.read("targets")["supersedes"].tolist()[1] == "2026-04-01T12:00:00Z"
    assert book.conflicts().empty
    assert len((folder / "targets.csv").read_text().splitlines()) == 3  # nothing was removed


def test_one_entry_settles_a_conflict_of_two_others_and_one_that_replaces_nothing_makes_one(folder, small):
    fill(form(folder), **GOAL)
    made = form(folder, by="Bo", at=NOON + pd.Timedelta("1h"))
    made.fields["period"].value, made.fields["measure_id"].value = GOAL["period"], GOAL["measure_id"]
    made.supersedes.value = ()  # on purpose
    fill(made, value="600")
    assert Book.open(small, "2026-06-30").conflicts()["later_by"].tolist() == ["Bo"]
    fill(form(folder, by="Cy", at=NOON + pd.Timedelta("2h")), **GOAL | {"value": "550"})
    assert Book.open(small, "2026-06-30").conflicts().empty


def test_another_thing_replaces_nothing(folder):
    fill(form(folder), **GOAL)
    made = form(folder)
    made.fields["period"].value, made.fields["owner_id"].value = GOAL["period"], "s1"
    made.fields["measure_id"].value = GOAL["measure_id"]
    assert (made.supersedes.value, made.notice.value) == ((), "")


def test_a_key_that_is_left_to_its_default_is_known_again(folder):
    values = {"account_id": "acme", "cycle": "early", "reason": "x"}
    fill(form(folder, "cycle_overrides"), **values)
    made = form(folder, "cycle_overrides")
    made.fields["product_line"].value, made.fields["account_id"].value = "", "acme"
    assert made.supersedes.value == ("2026-04-01T12:00:00Z",)


def test_what_is_personal_is_not_shown_again(folder):
    made = fill(
        form(folder, "list_votes"), account_id="acme", voter_team="sales", round="1", vote="in", comment="SECRET"
    )
    assert "acme" in made.entries.value
    assert "SECRET" not in made.message.value + made.entries.value


def test_a_file_that_does_not_read_is_told_at_once_and_left(folder):
    put(folder, targets="period;value\n")
    made = form(folder)
    assert "has semicolons between its values" in made.entries.value
    fill(made, **GOAL)
    assert "has semicolons between its values" in made.message.value
    assert (folder / "targets.csv").read_text() == "period;value\n"


def test_a_file_a_spreadsheet_saved_reads_in_a_form_as_in_a_book(folder, small):
    line = "k1,acme,,2026/01/01,2026-12-31,1e3,YES,,,2026-01-05 08:00,Bo,,\r\n"
    text = programme.template("contracts").replace("\n", ",\r\n") + line + "," * 12 + "\r\n"
    folder.mkdir()
    (folder / "contracts.csv").write_bytes(text.encode("utf-8-sig"))
    entered = programme.read(folder, "contracts")
    pd.testing.assert_frame_equal(entered, Book.open(small, "2026-06-30").read("contracts")[entered.columns])


def test_what_has_no_form_is_refused(folder):
    with pytest.raises(ValueError, match="forgotten: has no form. Only abm forget writes it."):
        forms.entry(folder, "forgotten", entered_by="Ada")
    with pytest.raises(ValueError, match="accounts: no such programme table"):
        forms.entry(folder, "accounts", entered_by="Ada")


def test_the_clock_is_read_to_the_second_and_with_its_zone(folder):
    made = forms.entry(str(folder), "targets", entered_by="Ada")
    fill(made, **GOAL)
    (at,) = programme.read(folder, "targets")["entered_at"]
    assert pd.Timedelta(0) <= pd.Timestamp.now("UTC") - at < pd.Timedelta("1min")


def test_a_run_without_people_leaves_nothing_in_the_notebook(tmp_path):
    cell = f"from abmlib.pages import forms\nforms.entry({str(tmp_path)!r}, 'targets', entered_by='Ada', edit=False)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, kernel_name="python3", timeout=120, store_widget_state=True).execute()
    assert notebook.cells[0].outputs == []
    assert "widgets" not in notebook.metadata
    assert list(tmp_path.iterdir()) == []
