"""What 01 advises and says of cycles: only what its tables show."""

import pandas as pd
import pytest

from abmlib.method import suitability
from abmlib.pages import say_cycles

LINES = {"gold": "suited", "blue": "mixed", "grey": "not suited"}


def verdicts(of_blue: list[str]) -> pd.DataFrame:
    """Three lines, and the segments of the mixed one."""
    rows = [("all", line, verdict) for line, verdict in LINES.items()]
    rows += [(f"s{i}", "blue", verdict) for i, verdict in enumerate(of_blue)]
    return pd.DataFrame(rows, columns=["segment", "product_line", "verdict"])


@pytest.mark.parametrize("of_blue", [["mixed", *["too little is known"] * 8], [], ["mixed", "mixed"]])
def test_a_split_is_not_advised_where_no_segment_has_a_verdict_of_its_own(of_blue):
    said = say_cycles.suited(verdicts(of_blue))
    assert "split" not in said
    assert "decide with sales whom to choose in blue, where no segment is clearly suited" in said
    assert said.startswith("Begin in gold; ") and "market grey to all accounts at once" in said


def test_a_split_is_advised_by_segments_that_differ():
    said = say_cycles.suited(verdicts(["suited", "too little is known"]))
    assert said.startswith("Begin in gold, s0 of blue; split blue by segment first") and "no segment" not in said
    assert "leave out s0 of blue: not suited there" in say_cycles.suited(verdicts(["not suited"]))


def test_nothing_begins_where_nothing_is_suited():
    none = verdicts(["mixed"]).query("verdict != 'suited'")
    assert say_cycles.suited(none).startswith("Begin nowhere yet; ") and not suitability.may_begin(none)
    assert suitability.may_begin(verdicts([])) and suitability.may_begin(none.query("verdict == 'mixed'"))


def effort(above: int, judged: int) -> pd.DataFrame:
    rows = pd.DataFrame({"group": ["early", "mid"], "value": [0.0, above / max(judged, 1)], "n": [9, judged]})
    return rows.assign(definition_id="accounts_above_break_even")


def test_too_many_hours_are_called_common_only_where_they_are():
    one = str(say_cycles.above(effort(1, 67)))
    assert one == "1 of 76 accounts gets more hours of sales than the break-even."
    assert "there this is common" in str(say_cycles.above(effort(20, 67)))
    assert "No account can be judged" in str(say_cycles.above(effort(0, 0).iloc[:0]))


def test_accounts_under_several_verdicts_are_said_to_be_and_nothing_else_is():
    rows = pd.DataFrame({"accounts": [92, 20, 110]})
    assert say_cycles.counted_twice(rows, 180).startswith("180 accounts bought in the year. An account with lines of")
    assert say_cycles.counted_twice(rows, 222) == say_cycles.outside(0, 9) == ""
    assert say_cycles.outside(1, 9).startswith("1 account of the early or mid cycle is left out, of 9")


def test_the_answer_names_each_line_with_its_criteria_and_accounts_and_what_is_not_known():
    lines = pd.DataFrame({
        "segment": "all", "product_line": ["gold", "blue", "grey"], "verdict": ["suited", "suited", "too little is known"],
        "answer": ["suited (5 of 6 say yes)", "suited (4 of 5 say yes)", "too little is known"], "n": [66, 30, 1],
        "speaks_for": ["", "", "account value"], "speaks_against": ["", "", "deal value"],
    })  # fmt: skip
    assert say_cycles.where_suited(lines) == (
        "Account-based marketing is suited in gold (5 of 6 criteria, n = 66 accounts), blue (4 of 5 criteria, n = 30 accounts). "
        "Whether account-based marketing suits grey cannot be said yet: account value yes, deal value no, the rest unknown "
        "(n = 1 account)."
    )
    many = pd.concat([lines.iloc[:1]] * 6).assign(product_line=list("abcdef"))
    assert say_cycles.where_suited(many) == "Account-based marketing is suited in 6 lines: a, b, c, d, e and 1 more."
    assert "nobody can say where" in say_cycles.where_suited(lines.iloc[:0])


def test_each_account_counts_once_in_its_cycle_and_those_without_history_are_counted_apart():
    main = pd.DataFrame({"cycle": ["early", "full", "full"], "basis": ["own", "own", "look-alike"]})
    said = say_cycles.cycles_of(main, 4)
    assert "1 early, 0 mid, 2 full (n = 3), 1 of them without a deal or purchase" in said
    assert said.endswith("; 1 account cannot be placed.")
    assert "none is placed" in say_cycles.cycles_of(main.iloc[:0], 4)


def test_the_largest_gap_is_said_and_what_nobody_records_is_no_gap():
    cells = pd.DataFrame({
        "element": ["data", "customer_knowledge"], "cycle": ["early", "mid"], "share": [0.2, None], "target": [0.6, 0.5],
        "n": [50, 0], "verdict": ["gap", "not_answerable"], "old": True,
    })  # fmt: skip
    assert str(say_cycles.elements_ready(cells, cells)) == (
        "0 of 1 element is in place, 1 cannot be judged; the largest gap is data in the early cycle, 20% where 60% are asked (n = 50)"
    )
    met = say_cycles.elements_ready(cells.assign(verdict="in place"), cells.iloc[:0])
    assert met == "2 of 2 elements are in place, 2 of them by records older than two years"
    unknown = str(say_cycles.elements_ready(cells.iloc[1:], cells.iloc[1:]))
    assert unknown == "No element can be judged: what it asks for is not in the data"


def test_accounts_held_back_are_said_to_be_left_out():
    alone = pd.DataFrame({"account_id": list("abc"), "experiment_id": ["X1", "X1", "X\n2"]})
    said = say_cycles.left_alone(alone)
    assert said == "Next steps for the elements leave out 1 account held back in X 2 and 2 accounts held back in X1."
    assert say_cycles.left_alone(alone.iloc[:0]) == ""


def test_no_finding_is_said_of_a_book_without_lines_revenue_or_placings():
    none = pd.DataFrame({"product_line": [], "cycle": [], "verdict": [], "share_of_revenue": []})
    said = [
        say_cycles.line_cycles(none),
        say_cycles.suited_revenue(none),
        say_cycles.unlike(0, 0),
        say_cycles.by_file(0, 0),
    ]
    assert not any(str(s) for s in said)


def test_the_industries_said_to_gain_most_are_placed_among_the_others_or_said_to_be_absent():
    rows = [("finance", 0.4, "no difference"), ("IT services", 0.3, "no difference"), ("unknown", 0.9, "no difference")]
    index = pd.DataFrame(rows, columns=["group", "shrunk", "verdict"]).assign(
        group_by="industry", low=0.1, high=0.6, n=10
    )
    said = say_cycles.said_to_gain_most(index)
    assert "IT services is number 2 of 2, with 30.0% (10.0% to 60.0%, n = 10): not more than all beyond chance." in said
    assert "more than all in IT services" in say_cycles.said_to_gain_most(index.assign(verdict="more than all"))
    without = index.assign(group=["finance", "financial services", "fitness"])
    assert "has no such industry" in say_cycles.said_to_gain_most(without)
    assert "has no such industry" in say_cycles.said_to_gain_most(index.iloc[2:])
    assert say_cycles.said_to_gain_most(index.assign(group_by="region")) == ""


def test_elements_of_an_account_and_owners_are_told_also_where_nobody_and_nothing_is_known():
    rows = pd.DataFrame({"records": [1, 0], "newest": [pd.Timestamp("2026-05-01"), pd.NaT], "lacks": ["", "no owner"]})
    since = pd.Timestamp("2024-06-30")
    assert say_cycles.states(rows, since).tolist() == ["1 record, newest 1 May 2026", "no owner"]
    assert say_cycles.states(rows, rows["newest"][0] + pd.Timedelta(days=1))[0] == "1 record, newest 1 May 2026: old"
    assert say_cycles.states(rows.iloc[:0], since).empty
    who = pd.DataFrame({"owner": [None, None], "owner_as": ["nobody named"] * 2})
    assert say_cycles.named_as(who).tolist() == ["nobody named"] * 2
    assert say_cycles.named_as(who.assign(owner="S01", owner_as="accountable"))[0] == "S01 (accountable)"


def test_a_cycle_with_few_contracts_is_not_compared():
    rows = pd.DataFrame({"group": ["early", "mid"], "value": [0.7, 0.3], "n": [3, 90]})
    rows = rows.assign(definition_id="multi_year_share", group_by="cycle", unit="share", low=0.1, high=0.9)
    said = say_cycles.terms(rows)
    assert "30.0% in the mid cycle" in said and said.endswith(
        "Too few contracts have a term to compare: 3 in the early cycle."
    )
    assert say_cycles.terms(rows.iloc[:0]) == ""


def test_the_title_of_a_figure_says_the_elements_in_place_of_those_judged():
    cells = pd.DataFrame({
        "cycle": ["early", "early", "early", "mid"], "verdict": ["in place", "gap", "not_answerable", "gap"],
    })  # fmt: skip
    assert say_cycles.in_place(cells) == "Elements in place: 1 of 2 in the early cycle and 0 of 1 in the mid cycle"


def test_bounds_that_the_data_cannot_propose_are_said_to_be_unused():
    status = pd.DataFrame({"bounds": ["proposed", "does not count: it does not tell the lines apart"]})
    assert say_cycles.unconfirmed(status).endswith("1 is not used, as the data propose none")
