"""The director's page: headlines, what is unanswered, what to decide first; by hand."""

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pandas as pd
import pytest

from abmlib.method import changes, summary
from abmlib.method.measures import estimate_row, measure_row, measure_rows
from abmlib.method.periods import Period
from abmlib.pages import front, run, say_changes, shelf
from abmlib.pages.catalogue import Entry
from abmlib.pages.kernels import Outcome
from abmlib.tables import Book, TableError, schema
from abmlib.tables.decisions import GATE, in_order

NONE = float("nan")
QUARTER = Period(pd.Timestamp("2026-04-01"), pd.Timestamp("2026-06-30"))
NUMBERS = ["quarter_value", "quarter_n", "earlier_quarters", "year_ago", *changes.CHANGE, "p"]


def measured(rows: list[tuple], as_of: str = "2026-06-30") -> pd.DataFrame:
    """Measures to spec from (measure, definition, value, low, high), and group or further columns as a dict."""
    made = []
    for measure, definition, value, low, high, *more in rows:
        made.append(measure_row(measure, definition, value, "x", 9, low=low, high=high, **(more[0] if more else {})))
    frame = pd.DataFrame(made) if made else schema.empty("measures").drop(columns="as_of")
    return schema.conform("measures", frame.assign(as_of=pd.Timestamp(as_of)))


# -- headlines --------------------------------------------------------------------------------------------------------


def test_what_no_measure_says_is_listed_with_its_number():
    flags = pd.DataFrame({"amount": [5e6, 1.0], "stalled": pd.array([None, True], "boolean"), "pushes": [None, 1]})
    objectives = pd.DataFrame({"objective_id": ["OB1", "OB2"], "could_be_seen": pd.array([None, False], "boolean")})
    got = say_changes.not_judged(flags, 94, objectives, "EUR")
    assert got["export"].tolist() == [
        "the stage history of 1 open deal (5.0 M EUR)",
        "the stage history of 94 deals",
        "see the page of notebook 02, for 1 objective",
    ]
    assert got["answers"].iloc[2] == "Whether OB1 asks for a rise that can be detected"
    assert say_changes.not_judged(flags.head(0), 0, objectives.head(0), "EUR").empty


def test_headlines_are_the_known_measures_of_the_whole_in_reading_order():
    year = {"window_start": pd.Timestamp("2025-07-01"), "window_end": pd.Timestamp("2026-06-30")}
    rows = [
        ("C-8", "open_deals", 5, NONE, NONE),
        ("C-1", "velocity_open_deals", 5, NONE, NONE),  # no headline: it is no forecast
        ("C-2", "win_rate_by_count", 0.9, NONE, NONE, {"group_by": "owner", "group": "s1"}),  # split: no headline
        ("C-2", "win_rate_by_count", 0.2, 0.1, 0.3, year),
        ("C-2", "win_rate_by_amount", 0.3, NONE, NONE, year),  # no headline
        ("C-99", "total_revenue", 7, NONE, NONE, year),  # the name of a headline under another measure
        ("C-38", "total_revenue", 100, NONE, NONE, year),
    ]
    got = summary.headlines(measured(rows))
    assert got["definition_id"].tolist() == ["total_revenue", "win_rate_by_count", "open_deals"]
    assert got["value"].tolist() == [100, 0.2, 5]
    assert got.columns.tolist() == list(schema.MEASURES.columns)


def test_a_headline_without_a_value_has_no_row():
    rows = [("C-8", "open_value", NONE, NONE, NONE), ("C-8", "open_deals", 7, NONE, NONE)]
    assert summary.headlines(measured(rows))["definition_id"].tolist() == ["open_deals"]


def test_a_measure_without_a_value_has_no_interval():
    one = estimate_row("C-8", "won_value_foretold", (NONE, 0.0, 0.0, 0), "currency")
    ends = pd.Series([1.0, 2.0])
    many = measure_rows("C-2", "win_rate_by_count", pd.Series([NONE, 1.5]), "share", n=ends, low=ends, high=ends)
    assert pd.isna([one["low"], one["high"]]).all()
    assert many["low"].fillna(-1).tolist() == many["high"].fillna(-1).tolist() == [-1, 2]


@pytest.mark.parametrize("rows", [[], [("C-18", "role_coverage", 0.5, NONE, NONE)]])  # nothing; no headline among it
def test_no_headline_measures_give_no_headlines(rows):
    assert summary.headlines(measured(rows)).empty


def test_a_headline_counts_twelve_months_and_a_sum_over_all_history_is_none():
    def window(start):
        return {"window_start": pd.Timestamp(start), "window_end": pd.Timestamp("2026-06-30")}

    rows = [
        ("C-38", "total_revenue", 900, NONE, NONE, window("2023-07-01")),
        ("C-38", "total_revenue", 300, NONE, NONE, window("2025-07-01")),
        ("C-38", "total_revenue", 30, NONE, NONE, window("2026-06-01")),
        ("C-38", "largest_10_share_of_revenue", 0.5, NONE, NONE, window("2023-07-01")),
        ("C-8", "open_deals", 7, NONE, NONE),
    ]
    got = summary.headlines(measured(rows))
    assert got["value"].tolist() == [300, 7]
    assert summary.window_names(got) == ["12 months", ""]


def test_headlines_stand_beside_their_change_and_those_not_judged_say_so():
    now = summary.headlines(measured([("C-8", "open_deals", 7, NONE, NONE), ("C-8", "open_value", 3, NONE, NONE)]))
    row = {"measure_id": "C-8", "definition_id": "open_deals", "verdict": "up"} | dict.fromkeys(NUMBERS, 1.0)
    judged = pd.DataFrame([row])
    got = summary.with_changes(now, judged, QUARTER).set_index("definition_id")
    assert got["verdict"].to_dict() == {"open_deals": "up", "open_value": "not judged"}
    assert got["quarter_end"].dropna().to_dict() == {"open_deals": QUARTER.end}


# -- what could not be answered ---------------------------------------------------------------------------------------


def test_unanswered_names_the_remedy_that_answers_most_first():
    rows = [
        ("C-9", "target", NONE, NONE, NONE),
        ("C-9", "won_of_target", NONE, NONE, NONE),
        ("C-9", "won_of_target", NONE, NONE, NONE, {"window_start": pd.Timestamp("2026-01-01")}),  # the same: once
        ("C-9", "coverage", NONE, NONE, NONE),
        ("C-4", "acv_mean", NONE, NONE, NONE),
        ("C-38", "total_margin", NONE, NONE, NONE),
        ("C-38", "gini_of_positive_margin", NONE, NONE, NONE),
        ("C-7", "something_else", NONE, NONE, NONE),
        ("C-7", "young", 1, NONE, NONE, {"status": "too_early"}),
        ("C-8", "open_value", NONE, NONE, NONE, {"group_by": "owner", "group": "s1"}),  # of a group: left out
        ("C-2", "win_rate_by_count", 0.2, NONE, NONE),  # answered
    ]
    got = summary.unanswered(measured(rows), noted_by={"something_else": "12", "young": "03", "target": "12"})
    assert got.to_numpy().tolist() == [
        ["targets, in programme/targets.csv", "Target, Won of target, Target coverage", "not answerable"],
        ["the cost of what was sold", "Margin, Concentration of margin (Gini)", "not answerable"],
        ["see the page of notebook 03", "Young", "too early"],
        ["see the page of notebook 12", "Something else", "not answerable"],
        ["the yearly value or the term of deals", "Average annual contract value", "not answerable"],
    ]


def test_what_a_measure_says_it_lacks_comes_before_the_usual_remedy():
    rows = [
        ("C-9", "coverage", NONE, NONE, NONE, {"why": "a gap: the target is won already"}),
        ("C-4", "acv_mean", NONE, NONE, NONE),  # says nothing itself
    ]
    got = summary.unanswered(measured(rows)).set_index("answers")["export"]
    assert got.to_dict() == {
        "Target coverage": "a gap: the target is won already",
        "Average annual contract value": "the yearly value or the term of deals",
    }


@pytest.mark.parametrize("rows", [[], [("C-2", "win_rate_by_count", 0.2, 0.1, 0.3)]])
def test_where_all_is_answered_nothing_is_listed(rows):
    got = summary.unanswered(measured(rows))
    assert got.empty
    assert got.columns.tolist() == ["export", "answers", "status"]


def test_absent_names_built_notebooks_before_this_one_that_left_nothing():
    rows = [
        ("00_data", True),  # left its decisions
        ("03_accounts", True),  # did not
        ("05_planned", False),  # not in this version
        ("15_summary", True),  # itself
        ("16_later", True),
        ("lab", True),  # no number
    ]
    catalogue = pd.DataFrame(rows, columns=["notebook", "built"])
    assert summary.missing_notebooks(catalogue, {"00"}, "15") == ["03_accounts"]
    assert summary.missing_notebooks(catalogue, {"00", "03"}, "15") == []


# -- what to decide ---------------------------------------------------------------------------------------------------


def advice(*rows: tuple, kind: str = "sell") -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["notebook", "slug", "account_id", "moves"])
    return schema.conform("decisions", f.assign(kind=kind, text="Do.", would_change="", status="proposed"))


def test_decisions_come_whole_the_most_money_first_and_those_without_any_last():
    every = advice(
        ("12", "ask", None, None),  # no money: after all that have some, before the next without
        ("03", "ask", "a", 10),  # another decision than that of 12
        ("03", "give", "a", 30),
        ("03", "ask", "b", 25),  # 35 together: before 30, and both rows stay
        ("03", "give", "b", None),
        ("00", "find", None, None),
    )
    got = summary.top_decisions(every, 3)
    assert list(zip(got["notebook"], got["slug"], got["account_id"].fillna("-"), strict=True)) == [
        ("03", "ask", "a"), ("03", "ask", "b"), ("03", "give", "a"), ("03", "give", "b"), ("12", "ask", "-"),
    ]  # fmt: skip
    assert got.columns.tolist() == every.columns.tolist()
    assert summary.top_decisions(every, 0).empty
    assert len(summary.top_decisions(every, 99)) == 6
    assert summary.top_decisions(every.iloc[:0], 3).empty


def test_those_without_money_come_by_the_day_they_are_due_and_undated_ones_last():
    every = advice(("00", "some_day", None, None), ("03", "late", None, None), ("12", "soon", None, None),
                   ("12", "paid", None, 1))  # fmt: skip
    days = {"late": "2026-09-29", "soon": "2026-07-07", "paid": "2027-01-01"}
    got = in_order(every.assign(due=pd.to_datetime(every["slug"].map(days))))
    assert got["slug"].tolist() == ["paid", "soon", "late", "some_day"]


def test_the_index_and_the_leaders_page_count_the_same_money_and_each_accounts_once():
    every = pd.concat([
        advice(("12", "ask", "a", 10), ("12", "ask", "b", 40), ("03", "give", "a", 30), ("03", "give", "c", 5)),
        advice(("00", "fix", "b", 99), kind="data"),
    ]).assign(moves_low=1.0)  # fmt: skip
    shown = front.decision_groups(every, {}, {n: n for n in ("00", "03", "12")}, "EUR")
    assert [d["worth"] for d in shown] == ["50 EUR", "5 EUR", ""]
    ours = summary.top_decisions(every, 9)
    assert ours.groupby("slug", sort=False)["moves"].sum().tolist() == [50, 5]
    assert in_order(every)["moves_low"].notna().tolist() == in_order(every)["moves"].notna().tolist()


def test_an_accounts_money_counts_once_and_chores_about_data_are_left_out():
    every = pd.concat([
        advice(("12", "ask", "a", 10), ("12", "ask", "b", 40), ("03", "give", "a", 30), ("03", "give", "c", None)),
        advice(("00", "fix", "d", 99), kind="data"),
    ])  # fmt: skip
    got = summary.top_decisions(every, 9)
    assert got["slug"].tolist() == ["ask", "ask", "give", "give"]
    assert got["moves"].fillna(-1).tolist() == [10, 40, -1, -1]


def test_the_gate_comes_first_and_chores_about_data_last():
    chores = advice(("00", "fix", None, 99), kind="data")
    every = pd.concat([chores, advice(("03", "give", "a", 30), ("12", "ask", None, None), ("02", GATE, None, None))])
    assert in_order(every)["slug"].tolist() == [GATE, "give", "ask", "fix"]


# -- where the previous report comes from -----------------------------------------------------------------------------


def leave(folder, data, value: float) -> Book:
    book = Book.open(data, "2026-06-30", tables=folder)
    book.measure(pd.DataFrame([measure_row("C-4", "won_value", value, "currency", 1)]))
    book.write("00_account_data", schema.empty("00_account_data"))
    return book


def test_earlier_reads_this_run_another_or_none(small, tmp_path):
    leave(tmp_path / "old" / "tables", small, 1)
    book = leave(tmp_path / "new" / "tables", small, 2)
    assert book.earlier("measures")["value"].tolist() == [2]
    assert book.earlier("measures", tables=tmp_path / "old" / "tables")["value"].tolist() == [1]
    assert book.earlier("measures", tables=str(tmp_path / "old" / "tables"))["value"].tolist() == [1]
    assert book.earlier("00_account_data", tables=tmp_path / "old" / "tables").empty
    for nothing in ("", tmp_path / "never"):
        got = book.earlier("measures", tables=nothing)
        assert got.empty
        assert got.columns.tolist() == list(schema.MEASURES.columns)
    assert book.finished_notebooks() == {"00"}
    assert book.noted_by() == {"won_value": "00"}


def test_earlier_reads_no_tables_of_the_working_folder_where_there_is_no_previous_run(small, tmp_path, monkeypatch):
    book = leave(tmp_path / "tables", small, 2)
    monkeypatch.chdir(tmp_path / "tables")
    assert book.earlier("measures", tables="").empty
    assert book.earlier("decisions", tables="").empty


def test_earlier_refuses_a_table_another_run_did_not_leave(small, tmp_path):
    with pytest.raises(TableError, match="03_key_accounts: not in .*never. Run notebook 03 first"):
        leave(tmp_path / "t", small, 1).earlier("03_key_accounts", tables=tmp_path / "never")


@pytest.fixture
def ran(tmp_path, monkeypatch, small):
    """Run one notebook that compares, without a kernel; give the parameters it was given and what it says after."""

    def go(compares: bool = True, chosen: dict | None = None) -> tuple[dict, str]:
        seen = {}

        def execute(notebook, to, given):
            seen.update(given)
            source = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
            cell = nbformat.v4.new_code_cell(source, id="injected-parameters")
            nbformat.write(nbformat.v4.new_notebook(cells=[cell]), to)
            return Outcome("done", 0.0, "")

        monkeypatch.setattr(run.kernels, "execute", execute)
        monkeypatch.setattr(run.kernels, "worker", lambda: ThreadPoolExecutor(1))  # in this process
        monkeypatch.setattr(run.parameters, "declared", lambda _: {run.PREVIOUS: None} if compares else {})
        entry = Entry("15_summary", "6", "?", [], [])
        request = run.Request(
            tmp_path / "notebooks", small, dt.date(2026, 6, 30), tmp_path / "out", [entry], {"15_summary": chosen or {}}
        )
        beside = tmp_path / "out" / ".beside"
        for part in ("notebooks", "tables"):
            (beside / part).mkdir(parents=True)
        run.run_all(request, beside, shelf.previous(request.out, request.as_of), lambda name, status: None)
        return seen, nbformat.read(beside / "notebooks" / "15_summary.ipynb", as_version=4).cells[0].source

    return go


def earlier_run(out, name: str, as_of: str) -> None:
    (out / name).mkdir(parents=True)
    (out / name / "run.json").write_text(json.dumps({"as_of": as_of, "complete": True}))


def test_a_notebook_that_compares_is_given_the_previous_run_and_finds_it_from_where_it_lies(ran, tmp_path):
    earlier_run(tmp_path / "out", "old", "2026-03-31")
    earlier_run(tmp_path / "out", "same day", "2026-06-30")  # not previous: of the day itself
    seen, source = ran()
    assert seen["previous"] == str((tmp_path / "out" / "old" / "tables").resolve())
    assert 'previous = "../../old/tables"' in source
    assert 'data = "../../../data"' in source
    assert 'tables = "../tables"' in source


def test_a_first_run_has_nothing_to_compare_with(ran):
    assert "previous" not in ran()[0]


def test_a_notebook_without_the_parameter_is_not_given_it(ran, tmp_path):
    earlier_run(tmp_path / "out", "old", "2026-03-31")
    assert "previous" not in ran(compares=False)[0]


def test_a_run_told_to_compare_with_nothing_stays_so_where_it_lies(ran, tmp_path):
    earlier_run(tmp_path / "out", "old", "2026-03-31")
    seen, source = ran(chosen={"previous": ""})
    assert seen["previous"] == ""
    assert 'previous = ""' in source


def test_a_whole_notebook_without_an_answer_comes_before_single_measures():
    rows = measured([("C-9", "target", NONE, NONE, NONE)]).assign(status="not_answerable")
    questions = pd.DataFrame(
        [
            ("12_pipeline", "Which deals move?", "no", "opportunities", "", "yes"),
            ("07_later", "Who decides?", "no", "contacts", "", "later"),  # not in this version: 00 asks for its data
            ("03_key", "Which accounts?", "in part", "", "transactions.cogs", "yes"),  # answered, if not fully
        ],
        columns=["notebook", "question", "answer", "needed", "wished", "built"],
    )
    got = summary.unanswered(rows, questions)
    assert got["export"].tolist() == ["opportunities", "targets, in programme/targets.csv"]
    assert got["answers"].tolist() == ["Which deals move?", "Target"]
