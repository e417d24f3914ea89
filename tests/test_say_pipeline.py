"""Sentences about the open pipeline."""

import numpy as np
import pandas as pd
import pytest

from abmlib.pages import say_pipeline as say

AMOUNTS = pd.Series([100.0, 300.0, np.nan])


def test_the_open_pipeline_says_what_is_expected_or_why_nobody_knows():
    said = say.open_pipeline(AMOUNTS, (1.6, 0, 3, 3), (200.0, 0.0, 400.0, 2), 0.95, "2027-06-30", "", "EUR")
    assert said == (
        "3 deals are open (400 EUR, 1 without an amount). Expected to be won by 2027-06-30: 2 deals (95% interval 0 to 3), "
        "200 EUR (0 EUR to 400 EUR)."
    )
    nothing = (np.nan, np.nan, np.nan, 0)
    said = say.open_pipeline(AMOUNTS, nothing, nothing, 0.95, "2027-06-30", "30 closed deals", "EUR")
    assert said.endswith("What they will bring is unknown, for lack of 30 closed deals.")
    assert say.open_pipeline(AMOUNTS.iloc[:0], nothing, nothing, 0.95, "", "", "EUR") == "No deal is open."


def test_overdue_deals_are_said_apart_from_stalled_ones():
    assert say.stalled(AMOUNTS.iloc[:1], AMOUNTS.iloc[1:2], True, "EUR") == (
        "1 open deal (100 EUR) is stalled. Only overdue: 1 deal (300 EUR)."
    )
    assert say.stalled(AMOUNTS.iloc[:0], AMOUNTS.iloc[:0], True, "EUR") == "No open deal is stalled."
    assert say.stalled(AMOUNTS.iloc[:0], AMOUNTS.iloc[:0], False, "EUR").startswith(
        "Which deals are stalled is unknown"
    )


def cover(coverage: float | None, needed: float = 2.0, why: str = "") -> pd.DataFrame:
    rows = {"open_due_in_period": (90.0, 3, np.nan, np.nan), "open_overdue": (10.0, 1, np.nan, np.nan)}
    rows |= {} if coverage is None else {"coverage": (coverage, 3, np.nan, np.nan)}
    rows |= {"coverage_needed": (needed, 50, 1.5, 2.5)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "n", "low", "high"]).assign(why=why)


@pytest.mark.parametrize(
    ("rows", "goal", "verdict", "end"),
    [
        (
            cover(0.9),
            100.0,
            "short",
            "That is 0.9 times what is missing to the target of 100 EUR; 2.0 times (1.5 to 2.5) is needed: too little.",
        ),
        (cover(3.0), 100.0, "enough", "2.0 times (1.5 to 2.5) is needed: enough."),
        (cover(2.0), 100.0, "close", "is needed: too close to tell."),
        (cover(None), 100.0, "enough", "The target is met."),
        (cover(np.nan), np.nan, "", "No target is entered for it; of any target, 2.0 times (1.5 to 2.5) is needed."),
        (cover(np.nan, why="a target above 0"), 0.0, "", "Target coverage is unknown, for lack of a target above 0."),
    ],
)
def test_coverage_says_what_is_due_and_whether_it_is_enough(rows, goal, verdict, end):
    said = say.coverage(rows, goal, "2026-07-01 to 2026-09-30", verdict, "EUR")
    assert said.startswith("Due in 2026-07-01 to 2026-09-30: 3 open deals (90 EUR); overdue: 1 more (10 EUR).")
    assert said.endswith(end)


def test_a_target_met_is_said_to_be_met():
    assert say.target(100.0, 1.05, "2026", True, "EUR") == "105.0% of the target of 2026 (100 EUR) is won; target met."
    assert say.target(100.0, 0.4, "2026", True, "EUR").endswith("is won; 60 EUR was missing at its end.")


def test_the_record_of_a_mark_says_whether_it_is_a_sign_of_trouble():
    row = {
        "mark": "stalled",
        "marked": 80,
        "not_won": 0.9,
        "not_won_others": 0.5,
        "more": 0.4,
        "more_low": 0.3,
        "more_high": 0.5,
    }
    said = say.flag_record(
        pd.DataFrame([row | {"verdict": "signal"}, row | {"mark": "slow", "verdict": "signal"}]), 0.95, 12
    )
    assert said == (
        "Of 80 deals stalled at past quarter ends, 90.0% were not won within 12 months, against 50.0% of the others (difference "
        "+40 points, 95% interval +30 to +50): the mark is a sign of trouble here."
    )
    assert say.flag_record(pd.DataFrame([row | {"verdict": "no signal"}]), 0.95, 12).endswith(
        "the mark says nothing on this data."
    )


def test_a_back_test_says_whether_the_crm_came_closer():
    tested = pd.DataFrame(
        {
            "wins_low": [1.0],
            "wins_high": [3.0],
            "wins_came": [2],
            "money": [110.0],
            "money_came": [100.0],
            "crm": [95.0],
        }
    )
    assert say.back_test(tested).endswith(
        "off by 10% on average, by the CRM's probabilities by 5%: here the CRM is closer."
    )
    assert say.back_test(tested.assign(crm=np.nan)).endswith("off by 10% on average.")
    assert say.back_test(tested.iloc[:0]).startswith("The history is too short")
