"""What 01 advises and says of cycles: only what its tables show."""

import pandas as pd
import pytest

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
    assert "decide with sales whom to choose in blue: its segments do not tell" in said
    assert said.startswith("Begin in gold; ") and "market grey to all accounts at once" in said


def test_a_split_is_advised_by_segments_that_differ():
    said = say_cycles.suited(verdicts(["suited", "too little is known"]))
    assert "split blue by segment first" in said and "s0 in blue: suited" in said and "do not tell" not in said


def effort(above: int, judged: int) -> pd.DataFrame:
    return pd.DataFrame({"cycle": ["early", "mid", "full"], "above": [0, above, 0], "judged": [9, judged, 0]})


def test_too_many_hours_are_called_common_only_where_they_are():
    one = str(say_cycles.above(effort(1, 67)))
    assert one == "1 of 76 accounts get more hours of sales than they justify."
    assert "there this is common" in str(say_cycles.above(effort(20, 67)))
    assert "No account can be judged" in str(say_cycles.above(effort(0, 0).assign(judged=0)))


def test_accounts_under_several_verdicts_are_said_to_be_and_nothing_else_is():
    rows = pd.DataFrame({"accounts": [92, 20, 110]})
    assert say_cycles.counted_twice(rows, 180).startswith("180 accounts bought in the year. An account with lines of")
    assert say_cycles.counted_twice(rows, 222) == say_cycles.outside(0, 9) == ""
    assert say_cycles.outside(1, 9).startswith("1 account of the early or mid cycle is left out, of 9")
