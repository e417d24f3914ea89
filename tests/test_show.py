"""Tables as readers see them: names, units and intervals from the definitions, and nothing that does not apply."""

import nbformat.v4 as v4
import numpy as np
import pandas as pd
import pytest

from abmlib.pages import say, say_pipeline, show, site
from abmlib.tables import schema
from abmlib.tables.definitions import formats, measures


def text(frame: pd.DataFrame, **more: str) -> list[list[str]]:
    """The words of each line of a table after its title."""
    return [line.split() for line in repr(show.table(frame, "T", **more)).splitlines()[1:]]


def test_a_column_is_shown_as_it_is_defined():
    frame = pd.DataFrame({"amount": [1234.4], "close_date": [pd.Timestamp("2026-06-30")], "slow": [True]})
    assert text(frame, currency="EUR") == [["Amount", "(EUR)", "Close", "date", "Slow"], ["1,234", "2026-06-30", "yes"]]


def test_a_share_has_its_interval_in_brackets_and_an_unknown_end_says_so():
    frame = pd.DataFrame({"win_share": [0.5, 0.25], "win_low": [0.4, np.nan], "win_high": [0.6, 0.5]})
    shown = text(frame)
    assert shown[1:3] == [["50.0%", "(40.0%", "to", "60.0%)"], ["25.0%", "(–", "to", "50.0%)"]]
    assert " ".join(shown[3]) == "In brackets: 95% interval."


def test_a_column_without_a_value_is_left_out_and_a_single_missing_one_is_a_dash():
    frame = pd.DataFrame(
        {"stage": ["Lead", "Demo"], "days_slow": [np.nan, 3.0], "crm": [np.nan, np.nan], "why": ["", ""]}
    )
    assert text(frame) == [["Stage", "Slow", "after", "(days)"], ["Lead", "–"], ["Demo", "3"]]


def test_a_unit_that_the_name_says_is_not_said_again():
    frame = pd.DataFrame({"age_days": [3.0], "hours": [2.0], "days_old": [4.0]})
    assert " ".join(text(frame)[0]) == "Age (days) Hours Days old"


def test_what_no_definition_names_is_shown_by_its_type():
    frame = pd.DataFrame({"whole": [1000.0, 2.0], "parts": [0.5, 2.0], "words": ["a_b", "c"]})
    assert text(frame)[1:] == [["1,000", "0.50", "a_b"], ["2", "2.00", "c"]]


def test_one_kind_can_be_given_to_all_numbers_but_counts_of_accounts():
    frame = pd.DataFrame({"region": ["N"], "accounts": [20], "annual_revenue": [0.5]})
    assert text(frame, values="share")[1] == ["N", "20", "50.0%"]


def test_finished_text_under_a_name_of_numbers_stays_as_it_is():
    assert text(pd.DataFrame({"deal_value": ["5,733 EUR: no"]}))[1] == ["5,733", "EUR:", "no"]


def test_a_word_under_a_name_of_yes_or_no_is_no_yes():
    frame = pd.DataFrame({"could_be_seen": ["no", ""], "slow": pd.array([False, None], "boolean"), "n": [1, 2]})
    assert [line[0] for line in text(frame)[1:]] == ["no", "–"]


def test_text_of_a_crm_is_escaped():
    page = show.table(pd.DataFrame({"name": ["<script>alert(1)</script>"], "why": ["a & b"]}), "T")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_every_measure_of_the_sample_has_a_name_and_a_formula(sample_report):
    noted = pd.concat([pd.read_parquet(f) for f in sorted((sample_report / "tables").glob("*_measures.parquet"))])
    known = measures.entries()
    ids = {d: entry["measure"] for d, entry in known.items()}
    assert noted["definition_id"].map(ids).eq(noted["measure_id"]).all()
    assert all(
        {"name", "formula", "measure"} <= set(entry) <= {"name", "formula", "measure", "needs", "headline", "months"}
        for entry in known.values()
    )
    names = [entry["name"] for entry in known.values()]
    assert len(names) == len({n.lower() for n in names}), "two measures with one name"


@pytest.mark.parametrize("column", sorted(formats.PAGES))
def test_an_interval_is_named_by_columns_that_are_not_shown_themselves(column):
    ends = formats.PAGES[column].ends
    assert ends is None or not set(ends) & set(formats.PAGES)


def test_a_page_gives_the_answer_and_the_decisions_right_after_its_title():
    words = ["# Title", "Load", "## Answer", "Findings", "## What to decide"]
    title, load, answer, findings, decide = map(v4.new_markdown_cell, words)
    said = v4.new_code_cell("a", metadata={"tags": ["answer"]})
    decided = v4.new_code_cell("d", metadata={"tags": ["decide"]})
    cells = [title, load, v4.new_code_cell("l"), answer, said, findings, decide, decided, v4.new_code_cell("w")]
    got = site.answer_first(v4.new_notebook(cells=cells))
    assert [c.source for c in got.cells] == [
        "# Title",
        "## Answer",
        "a",
        "## What to decide",
        "d",
        "Findings",
        "w",
        "Load",
        "l",
    ]
    plain = v4.new_notebook(cells=[title, load])
    assert [c.source for c in site.answer_first(plain).cells] == ["# Title", "Load"]


def test_one_account_is_named_by_its_id_and_share_of_all_open_amounts():
    deals = pd.DataFrame({"account_id": ["a", "b", None, "c"], "amount": [30.0, 30.0, 30.0, 10.0]})
    twins = pd.Series({"a": "Twin Corp.", "b": "Twin Corp.", "c": "C"})
    assert say.one_account(deals, twins) == "30.0% of the open amount is with one account, Twin Corp."
    polish = twins.map(lambda name: f"{name} Sp. z o.o.")
    assert say.one_account(deals, polish).endswith("Sp. z o.o.")  # a name keeps its full stop, and the line has one
    assert say.one_account(deals.assign(amount=[30.0, 30.0, 300.0, 10.0]), twins) == ""  # most has no account
    assert say.one_account(deals.assign(amount=[100.0, -60.0, -30.0, 0.0]), twins) == ""  # shares of a net sum mislead
    assert say.one_account(deals.iloc[:0], twins) == ""


def test_owners_are_named_with_what_is_unknown_of_their_deals():
    listed = pd.DataFrame({"owner_id": ["s1", None, "s2"], "amount": [None, 900.0, 100.0]})
    words = say_pipeline.owners(listed, "EUR")
    assert words == "Listed deals by owner: nobody 1 (900 EUR), s2 1 (100 EUR), s1 1 (1 without an amount)."


def test_what_is_unknown_has_no_unit_behind_it():
    rows = pd.DataFrame({"measure_id": "x", "definition_id": ["open_value", "win_rate_by_count"], "value": [np.nan, 0.5],
                         "n": [0, 2], "unit": ["currency", "share"], "status": "ok", "verdict": "not judged"})  # fmt: skip
    shown = show.changes(schema.conform("15_executive_summary", rows), "T", "EUR")
    lines = [line.split() for line in repr(shown).splitlines()]
    assert lines[2:] == [["Open", "pipeline", "unknown", "0"], ["Win", "rate", "50.0%", "2"]]


def test_without_a_listed_deal_that_is_said():
    assert say_pipeline.owners(pd.DataFrame({"owner_id": [], "amount": []}), "EUR") == "No deal is listed."
