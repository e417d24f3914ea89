"""Sentences about the open pipeline."""

import numpy as np
import pandas as pd

from abmlib.pages import say_pipeline as say

OPEN = pd.DataFrame({"amount": [100.0, 300.0, np.nan], "chance_to_win": [0.5, 0.5, 0.6]})
NOTHING = (np.nan, np.nan, np.nan, 0)


def test_the_open_pipeline_says_what_is_expected_or_why_nobody_knows():
    said = say.open_pipeline(OPEN, (1.6, 0, 3, 3), (200.0, 0.0, 400.0, 2), 0.95, "2027-06-30", "", "EUR")
    assert said == (
        "3 deals are open (400 EUR, 1 without an amount). Expected by 2027-06-30: 2 won deals (95% interval 0 to 3) that bring "
        "200 EUR (0 EUR to 400 EUR), the money of the 2 of 3 deals with an amount."
    )
    whole = (OPEN.iloc[:1], (1.2, 0, 1, 1), (100.0, 0.0, 100.0, 1))
    assert say.open_pipeline(*whole, 0.95, "2027-06-30", "", "EUR").endswith(
        "1 won deal (95% interval 0 to 1) that bring 100 EUR (0 EUR to 100 EUR)."
    )
    young = say.open_pipeline(*whole, 0.95, "2027-06-30", "", "EUR", is_young=True)
    assert young.endswith("expect fewer wins of late stages than this.")
    dark = OPEN.assign(chance_to_win=[0.5, np.nan, 0.6])
    said = say.open_pipeline(dark, (1.1, 0, 2, 2), NOTHING, 0.95, "2027-06-30", "", "EUR")
    assert said.endswith("1 open deal (300 EUR) without an opening day is not in it: the chance is unknown.")
    said = say.open_pipeline(OPEN, NOTHING, NOTHING, 0.95, "2027-06-30", "30 closed deals", "EUR")
    assert said.endswith("What they will bring is unknown, for lack of 30 closed deals.")
    assert say.open_pipeline(OPEN.iloc[:0], NOTHING, NOTHING, 0.95, "", "", "EUR") == "No deal is open."


def flags(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["amount", "stalled", "overdue", "days_slow", "pushes"])


def test_stalled_overdue_and_unknown_deals_are_counted_in_words_that_agree():
    fine, both, late = (5.0, False, False, 9.0, 0.0), (100.0, True, True, 9.0, 0.0), (300.0, False, True, 9.0, 0.0)
    dark, rare = (50.0, False, False, None, None), (7.0, False, False, None, 1.0)
    assert say.stalled(flags(both, late, dark, rare), True, "EUR") == (
        "1 open deal (100 EUR) is stalled. 1 open deal (50 EUR) cannot be judged: no stage history. "
        "1 open deal (7 EUR) cannot be judged: too few won deals were in the stage. "
        "Overdue: 2 open deals (400 EUR), 1 of them also stalled."
    )
    assert say.stalled(flags(fine), True, "EUR") == "No open deal is stalled."
    assert say.stalled(flags(fine, dark), True, "EUR").startswith("No open deal that can be judged is stalled.")
    assert (
        say.stalled(flags(dark), False, "EUR") == "Which deals are stalled is unknown: the source has no stage history."
    )
    assert "too few won deals with a stage history" in say.stalled(flags(rare), True, "EUR")


def foretold(gap: float, money: float = 60.0, new: float = 10.0, n: int = 8, why: str = "") -> pd.DataFrame:
    rows = {
        "missing_to_target": (gap, 1, np.nan, np.nan),
        "wins_foretold_in_period": (3.0, 9, 1, 5),
        "won_value_foretold_in_period": (money, 9, money / 2, money * 2),
        "won_by_new_median": (new, n, np.nan, np.nan),
        "won_by_new_least": (new / 2, n, np.nan, np.nan),
        "won_by_new_most": (new * 2, n, np.nan, np.nan),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "n", "low", "high"]).assign(why=why)


def ahead(rows: pd.DataFrame, goal: float, verdict: str) -> str:
    return say.period_ahead(rows, goal, "2026-Q3", "2026-09-30", verdict, 0.95, "EUR")


def test_the_period_ahead_says_what_open_and_new_deals_bring_and_whether_it_is_enough():
    assert ahead(foretold(200.0), 240.0, "short") == (
        "By 2026-09-30 the open deals are expected to bring 60 EUR (95% interval 30 EUR to 120 EUR) from 3 won deals. Deals opened "
        "later brought 10 EUR in the median in the same days of 8 past periods (5 EUR to 20 EUR). The target of 2026-Q3, 240 EUR "
        "(200 EUR missing): short, even if the upper end of the open deals and the most of new ones come."
    )
    assert "2 past periods (5 EUR to 20 EUR), few to judge by." in ahead(foretold(9.0, n=2), 9.0, "covered")
    assert ahead(foretold(0.0), 9.0, "met").endswith("The target of 2026-Q3, 9 EUR: it is met.")
    assert ahead(foretold(np.nan), np.nan, "").endswith("No target is entered for 2026-Q3.")
    unknown = ahead(foretold(np.nan, np.nan, np.nan, why="a target above 0"), 0.0, "")
    assert unknown.startswith("What the open deals bring by 2026-09-30 is unknown, for lack of a target above 0.")
    assert unknown.endswith("What is missing to the target is unknown, for lack of a target above 0.")


def test_entries_to_fill_are_counted_and_not_named():
    lacking = pd.DataFrame({"no_account": [True, False], "no_amount": [True, True]})
    assert (
        say.gaps(lacking)
        == "Fill in the account of 1 open deal and the amount of 2 open deals before the next forecast"
    )
    assert say.gaps(lacking & False) == ""


def test_a_target_met_is_said_to_be_met():
    assert say.target(100.0, 1.05, "2026", True, "EUR") == "105.0% of the target of 2026 (100 EUR) is won; target met."
    assert say.target(100.0, 0.4, "2026", True, "EUR").endswith("is won; 60 EUR was missing at its end.")


def test_the_record_of_a_mark_says_whether_it_is_a_sign_of_trouble_and_of_how_many():
    row = {"mark": "stalled", "marked": 105, "marked_deals": 70, "others": 800, "not_won": 0.9, "not_won_others": 0.5,
           "more": 0.4, "more_low": 0.3, "more_high": 0.5}  # fmt: skip
    record = pd.DataFrame([row | {"verdict": "signal"}])
    assert say.flag_record(record, 0.95, 12).endswith(
        "Of 105 deal-quarters of 70 stalled deals, 90.0% were not won within 12 months, against 50.0% of 800 others (difference "
        "+40 points, 95% interval +30 to +50): the mark is a sign of trouble here."
    )
    assert say.about_chance("2027-06-30", record).endswith("so the chance shown for them may be too high.")
    none = record.assign(verdict="no signal")
    assert say.flag_record(none, 0.95, 12).endswith("the mark says nothing on this data.")
    assert say.about_chance("2027-06-30", none).endswith("it does not know whether a deal is stalled or overdue.")


def test_a_back_test_says_for_each_horizon_what_held_and_how_far_the_crm_was_off():
    row = {"wins_low": 1.0, "wins_high": 3.0, "wins_came": 2, "money": 110.0, "money_low": 101.0, "money_high": 120.0,
           "money_came": 100.0}  # fmt: skip
    row |= {"day": pd.Timestamp("2025-06-30")}
    tested = pd.DataFrame([row | {"horizon_days": 92, "crm": np.nan}, row | {"horizon_days": 365, "crm": 95.0}])
    off = "the interval of wins held what came 1 of 1 times, that of money 0 of 1; the money foretold was off by 10% on average"
    assert say.back_test(tested).endswith(
        f"92 days ahead: {off}. 365 days ahead: {off}, by the CRM's probabilities by 5%."
    )
    apart = pd.concat([tested.assign(day=pd.Timestamp(day)) for day in ("2025-03-31", "2025-06-30")])  # 91 days
    assert say.back_test(apart).count("overlap") == 1
    assert say.back_test(apart).endswith(
        "365 days of neighbouring quarter ends overlap, so 2 ends say less than as many tests."
    )
    assert say.back_test(tested.iloc[:0]).startswith("The history is too short")
    doubt = "held what came 0 of 1 times: do not rely on it."
    assert say.trusted(tested, 92) == f"At past quarter ends the interval of money {doubt}"
    no_money = tested.assign(money=np.nan)
    assert say.trusted(no_money, 92) == "At past quarter ends the interval of wins held what came 1 of 1 times."
    assert say.trusted(tested, 30) == ""


def test_deals_due_are_all_counted_and_their_money_is_of_those_with_an_amount():
    assert (
        say.due(OPEN, "2026-09-30", "EUR")
        == "3 open deals due by 2026-09-30 (400 EUR, 1 without an amount), the largest first"
    )
    assert say.due(OPEN.iloc[:0], "2026-09-30", "EUR") == "0 open deals due by 2026-09-30, the largest first"


def test_gaps_are_no_task_on_an_earlier_day_and_that_is_said():
    assert "may have been entered" in say.of_an_earlier_day("Fill in the amount of 1 open deal", False)
    assert say.of_an_earlier_day("", False) == say.of_an_earlier_day("Fill in the amount of 1 open deal", True) == ""
