"""Tables as readers see them: names, units and intervals from the definitions, and nothing that does not apply."""

import nbformat
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
    assert text(frame, currency="EUR") == [
        ["Amount", "(EUR)", "Close", "date", "Slow"],
        ["1,234", "30", "June", "2026", "yes"],
    ]


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
    frame = pd.DataFrame({"age_days": [3.0], "person_hours": [2.0], "days_old": [4.0]})
    assert " ".join(text(frame)[0]) == "Age (days) Person hours Days old"


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
        {"name", "formula", "measure"}
        <= set(entry)
        <= {"name", "formula", "measure", "needs", "headline", "months", "tile", "beside"}
        for entry in known.values()
    )
    names = [entry["name"] for entry in known.values()]
    assert len(names) == len({n.lower() for n in names}), "two measures with one name"


@pytest.mark.parametrize("column", sorted(formats.PAGES))
def test_an_interval_is_named_by_columns_that_are_not_shown_themselves(column):
    ends = formats.PAGES[column].ends
    assert ends is None or not set(ends) & set(formats.PAGES)


def said(text: str, source: str = "x", tag: str = "") -> nbformat.NotebookNode:
    """A code cell that shows a text."""
    output = v4.new_output("display_data", {"text/plain": text, "text/html": f"<p>{text}</p>" * bool(text)})
    return v4.new_code_cell(source, outputs=[output], metadata={"tags": [tag]} if tag else {})


def heading(text: str, tag: str = "") -> nbformat.NotebookNode:
    return v4.new_markdown_cell(text, metadata={"tags": [tag]} if tag else {})


def made_page(*cells: nbformat.NotebookNode, status: str = "done") -> str:
    return site.page(v4.new_notebook(cells=list(cells)), "evaluation", {"title": "T", "as_of": "D"}, status)


TITLE = heading("# 12 Pipeline: which deals move?\n\n**Decision.** Whom to ask.\n\n**Needs** accounts.")


def test_a_page_gives_the_answer_and_the_decisions_first_and_how_it_was_made_last():
    cells = [TITLE, heading("## Load"), said("loaded"), heading("## Answer"), said("Won 3.", tag="answer"), heading("## Findings"),
             said("found"), heading("## What to decide"), said("do it", tag="decide")]  # fmt: skip
    page = made_page(*cells)
    order = ["<h1>Which deals move?</h1>", "<p>Won 3.</p>", "What to decide</h2>", "<p>do it</p>", "Findings</h2>",
             "How this page was made", "Whom to ask", "<strong>Needs</strong>", "<h3>Load</h3>", "loaded"]  # fmt: skip
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert "12 Pipeline · evaluation" in page and "<h2>Answer</h2>" not in page


def test_a_finding_heads_its_section_and_the_topic_stays_in_the_contents():
    cells = [
        heading("## Stages"),
        said("Proposal loses <most>\nOf 10.", tag="finding"),
        heading("## B"),
        said("b"),
        heading("## C"),
        said("c"),
    ]
    page = made_page(TITLE, *cells)
    assert "<h2><small>Stages</small> Proposal loses &lt;most&gt;</h2>" in page and "<p>Of 10.</p>" in page
    assert '<a href="#s-1">Stages</a>' in page and '<section id="s-1">' in page


def test_a_section_that_shows_nothing_is_left_out_and_one_of_words_is_kept():
    page = made_page(
        TITLE, heading("## Empty"), said(""), v4.new_code_cell("write()"), heading("## Words\n\nOnly words.")
    )
    assert "Empty" not in page and "Only words." in page


def test_a_heading_tagged_fold_folds_its_section():
    page = made_page(TITLE, heading("## Rules\n\nAll of them.", "fold"), said("r"), heading("## Open"), said("o"))
    assert '<details class="fold" id="s-1"><summary><h2>Rules</h2></summary>' in page


def test_an_error_stands_first_though_it_came_before_the_answer():
    error = v4.new_output("error", ename="E", evalue="no deals", traceback=["no deals"])
    load = v4.new_code_cell("x", outputs=[error])
    page = made_page(
        TITLE, heading("## Load"), load, heading("## Answer"), v4.new_code_cell("y", metadata={"tags": ["answer"]})
    )
    assert page.index("no deals") < page.index("How this page was made")


def test_a_picture_is_described_by_its_own_words_or_by_the_heading_above_it():
    def figure(text: str) -> nbformat.NotebookNode:
        return v4.new_code_cell("f", outputs=[v4.new_output("display_data", {"image/png": "aGk=", "text/plain": text})])

    page = made_page(TITLE, heading("## Stages"), figure("Proposal loses most; deals"), figure("<Figure size 1x1>"))
    assert 'alt="Proposal loses most; deals"' in page and 'alt="Figure: Stages"' in page


def test_every_account_of_a_decision_is_listed_with_owner_money_and_reason():
    rows = schema.conform("decisions", pd.DataFrame({"notebook": "12", "slug": "ask", "kind": "sell", "text": "Ask", "would_change": "x",
        "account_id": [f"a{n}" for n in range(30)], "owner": "s1", "moves": 10.0, "basis": "at risk", "reason": [f"r{n}" for n in range(30)],
        "status": "proposed"}))  # fmt: skip
    page = show.decisions(rows, "EUR", {"a29": "<b>Last</b>"})._repr_html_()
    assert "30 accounts" in page and page.count("<tr>") == 31 and "&lt;b&gt;Last&lt;/b&gt;" in page and "r29" in page
    assert 'href="../lists/12_ask.csv"' in page and "<th" in page and "Status" not in page
    assert "More on the page" not in page
    few = show.decisions(rows, "EUR", listed=15)._repr_html_()
    assert few.count("<tr>") == 16 and "The first 15 of 30 rows" in few and 'href="../lists/12_ask.csv"' in few
    shared = show.decisions(rows.assign(owner="s1; s2; s3"), "EUR")._repr_html_()
    assert ">s1; s2 and 1 more<" in shared and "3 owners" in shared
    linked = show.decisions(rows, "EUR", {}, {"12": "12_pipeline"})._repr_html_()
    assert '<a href="12_pipeline.html#decision-ask">More on the page Pipeline</a>' in linked


def test_long_and_steering_names_cannot_hide_or_turn_the_line():
    page = show.table(pd.DataFrame({"account_name": ["A" * 90, "b"]}), "T")._repr_html_()
    assert f'title="{"A" * 90}"' in page and "…" in page
    assert (
        say.one_line("\u202eevil\nname") == "evil name" and say.one_line("\u05d0\u05d1") == "\u2068\u05d0\u05d1\u2069"
    )


def test_a_measure_shows_its_formula_to_who_points_at_it():
    row = {
        "measure_id": "C-2",
        "definition_id": "win_rate_by_count",
        "value": 0.5,
        "unit": "share",
        "n": 2,
        "status": "ok",
    }
    page = show.measures(
        schema.conform("measures", pd.DataFrame([row | {"as_of": "2026-06-30"}])), "T", "EUR"
    )._repr_html_()
    assert f'title="{measures.entries()["win_rate_by_count"]["formula"]}"' in page


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
    assert words == "By owner: without an owner 1 (900 EUR), s2 1 (100 EUR), s1 1 (1 without an amount)."


def test_without_a_listed_deal_no_owner_is_named():
    assert say_pipeline.owners(pd.DataFrame({"owner_id": [], "amount": []}), "EUR") == ""


def test_an_id_made_of_the_title_is_not_shown_beside_it():
    made = pd.DataFrame({"opportunity_id": [r"Café S\-100-3/22/2024-1"], "title": ["Café S-100"], "amount": [5.0]})
    assert "3/22/2024" not in repr(show.table(made, "Deals", "EUR"))
    assert "O-17" in repr(show.table(made.assign(opportunity_id="O-17"), "Deals", "EUR"))


def test_a_long_table_scrolls_in_its_own_box_and_a_column_without_a_yes_is_left_out():
    page = show.table(
        pd.DataFrame({"n": range(16), "slow": False, "stalled": pd.array([None] * 16, "boolean")}), "T"
    )._repr_html_()
    assert 'class="abm mathjax_ignore long tall"' in page
    assert "Slow" not in page
    assert "Stalled" not in page
    assert "tall" not in show.table(pd.DataFrame({"n": range(15)}), "T")._repr_html_()
    assert "tall" not in show.table(pd.DataFrame({"n": range(99)}), "T", searched=False)._repr_html_()  # to be printed
    unknown = pd.DataFrame({"owner_id": [None], "amount": [1.0]})
    assert say_pipeline.owners(unknown, "EUR") == "Whose deals these were is not known on this day."


def test_a_table_that_is_cut_points_at_the_list_that_has_all():
    got = show.table(pd.DataFrame({"x": [1, 2]}), "T", rows=1, file="15_accounts")
    assert got._repr_html_().endswith('<a href="../lists/15_accounts.csv">All of them as a CSV file</a></p>')
    assert repr(got) == repr(show.table(pd.DataFrame({"x": [1, 2]}), "T", rows=1))
