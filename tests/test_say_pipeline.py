"""Sentences about the open pipeline, closed deals and stages."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import forecast_months
from abmlib.pages import say_deals, say_forecast
from abmlib.pages import say_pipeline as say

OPEN = pd.DataFrame({"amount": [100.0, 300.0, np.nan], "chance_to_win": [0.5, 0.5, 0.6]})
NOTHING = (np.nan, np.nan, np.nan, 0)
NO_TEST = pd.DataFrame(columns=["money", "money_came", "crm", "horizon_days"])


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
    return say.period_ahead(rows, goal, "Q3 2026", "30 September 2026", verdict, 0.95, "EUR")


def test_the_period_ahead_says_what_open_deals_bring_and_whether_it_is_enough():
    assert ahead(foretold(80.0), 80.0, "open") == (
        "By 30 September 2026 the open deals are expected to bring 60 EUR (95% interval 30 to 120 EUR, n = 9); the target of "
        "Q3 2026 is 80 EUR and may be reached or missed."
    )
    short = (
        "that is too little for the rest of the target of Q3 2026 (200 EUR), even at the upper end and with new deals."
    )
    assert ahead(foretold(200.0), 240.0, "short").endswith(short)
    assert ahead(foretold(9.0), 9.0, "covered").endswith(
        "that covers the target of Q3 2026 (9 EUR), even at the lower end."
    )
    assert ahead(foretold(0.0), 9.0, "met").endswith("the target of Q3 2026 (9 EUR) is met.")
    assert ahead(foretold(np.nan), np.nan, "").endswith("; no target is entered for Q3 2026.")
    wins = ahead(foretold(np.nan, np.nan), np.nan, "")
    assert wins == (
        "By 30 September 2026 3 open deals are expected to be won (95% interval 1 to 5, n = 9); what they bring is unknown, for lack of "
        "the amount of open deals; no target is entered for Q3 2026."
    )
    nothing = foretold(np.nan, np.nan, why="a target above 0")
    nothing.loc["wins_foretold_in_period", "value"] = np.nan
    unknown = ahead(nothing, 0.0, "")
    assert unknown.startswith(
        "What the open deals will bring by 30 September 2026 is unknown, for lack of a target above"
    )
    assert unknown.endswith("; what is missing to the target of Q3 2026 is unknown, for lack of a target above 0.")
    assert ahead(foretold(9.0, np.nan), 9.0, "").endswith(
        "whether the target of Q3 2026 (9 EUR) will be reached is unknown."
    )


def test_new_deals_of_past_periods_are_told_with_their_number():
    assert say.new_deals(foretold(1.0, n=2), "EUR") == (
        "New deals come on top: in the same days of 2 past periods (few to judge by) they brought 10 EUR in the median (5 to 20 EUR)."
    )
    assert say.new_deals(foretold(1.0, new=np.nan), "EUR") == ""


def test_the_crm_is_set_beside_history_for_the_same_deals_and_told_how_far_both_were_off():
    row = {"money": 110.0, "money_came": 100.0, "crm": 95.0, "horizon_days": 365}
    tested = pd.DataFrame([row])
    money = (2e6, 1e6, 4e6, 9)
    assert say.crm_check(1.5e6, 9, money, tested, "30 June 2027", 0.95, "EUR") == (
        "The CRM weights the same deals at 1.5 M EUR; by their own history they bring 2.0 M EUR by 30 June 2027 (95% interval 1.0 to "
        "4.0 M EUR, n = 9); at 1 past quarter end history was off by 10% of what came, the CRM by 5%: the CRM was nearer."
    )
    some = say.crm_check(1.5e6, 7, money, NO_TEST, "30 June 2027", 0.95, "EUR")
    assert "1.5 M EUR (of the 7 with a probability)" in some
    assert some.endswith("n = 9).")
    assert say.crm_check(np.nan, 0, money, tested, "", 0.95, "EUR") == ""
    assert say.crm_check(1.0, 1, NOTHING, tested, "", 0.95, "EUR") == ""


def flags(*rows: tuple) -> pd.DataFrame:
    f = pd.DataFrame(rows, columns=["amount", "stalled", "overdue", "due_too_early", "days_slow", "pushes"])
    return f.assign(close_date=pd.Timestamp("2026-08-01"))


FINE, BOTH = (5.0, False, False, False, 9.0, 0.0), (100.0, True, True, False, 9.0, 0.0)
LATE, DARK = (300.0, False, True, False, 9.0, 0.0), (50.0, False, False, False, None, None)
RARE, EARLY = (7.0, False, False, False, None, 1.0), (8.0, False, False, True, 9.0, 0.0)


def test_deals_that_need_attention_are_counted_in_words_that_agree():
    assert say.attention(flags(BOTH, LATE, EARLY, FINE), True, "EUR") == (
        "1 open deal (100 EUR) is stalled, 2 (400 EUR) are overdue and 1 (8 EUR) is due too early for its stage."
    )
    assert (
        say.attention(flags(FINE, DARK), True, "EUR")
        == "No open deal is stalled, overdue or due too early for its stage."
    )
    dark = say.attention(flags(DARK), False, "EUR")
    assert (
        dark == "No open deal is overdue; which open deals are stalled is unknown, as the source has no stage history."
    )
    assert "too few won deals with a stage history" in say.attention(flags(RARE), True, "EUR")
    assert say.attention(flags(), True, "EUR") == "No deal is open."


def test_without_closing_days_nobody_says_that_no_deal_is_overdue():
    undated = "hich open deals are overdue or due too early is unknown, as no open deal has a closing day."
    fine, dark = flags(FINE).assign(close_date=pd.NaT), flags(DARK).assign(close_date=pd.NaT)
    assert say.attention(fine, True, "EUR") == f"No open deal is known to be stalled; w{undated}"
    assert say.attention(dark, False, "EUR") == (
        f"Which open deals are stalled is unknown, as the source has no stage history; w{undated}"
    )
    some = flags(FINE, FINE).assign(close_date=[pd.NaT, pd.Timestamp("2026-08-01")])
    assert say.attention(some, True, "EUR").startswith("No open deal is known to be stalled, overdue or due too early")


def test_deals_that_nobody_can_judge_are_counted_with_the_reason():
    assert say.unjudged(flags(FINE, DARK, RARE), "EUR") == (
        "1 open deal (50 EUR) cannot be judged: no stage history. "
        "1 open deal (7 EUR) cannot be judged: too few won deals were in the stage."
    )
    assert say.unjudged(flags(FINE), "EUR") == say.unjudged(flags(DARK), "EUR") == ""  # of none, or of all


ROW = {"mark": "stalled", "marked": 105, "marked_deals": 70, "others": 800, "not_won": 0.9, "not_won_others": 0.5, "more": 0.4,
       "more_low": 0.3, "more_high": 0.5, "verdict": "signal"}  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "means"),
    [
        ("signal", "are stalled, and such deals were won less often."),
        ("against", "are stalled, but such deals were won more often."),
        ("no signal", "are stalled; by itself that is no sign of trouble."),
        ("too early", "are stalled."),
    ],
)
def test_a_mark_is_headed_by_what_it_meant_in_the_past(verdict, means):
    record = pd.DataFrame([ROW | {"verdict": verdict}])
    assert say.of_mark("stalled", OPEN, record, "EUR") == f"3 open deals (400 EUR, 1 without an amount) {means}"
    assert say.of_mark("stalled", OPEN.iloc[:0], record, "EUR") == ""
    assert say.of_mark("overdue", OPEN.iloc[:1], record, "EUR") == "1 open deal (100 EUR) is overdue."  # none ever was


def test_the_record_of_a_mark_has_difference_interval_and_n():
    record = pd.DataFrame([ROW])
    assert say.in_the_past("stalled", record, 12, 0.95) == (
        "In the past 90.0% of such deals were not won within 12 months, against 50.0% of others (difference +40 points, 95% interval "
        "+30 to +50, n = 70 deals)."
    )
    early = record.assign(mark="due_too_early", verdict="no signal", more_low=np.nan)
    said = say.in_the_past("due_too_early", early, 12, 0.95)
    assert "by their closing day" in said
    assert said.endswith("(difference +40 points, n = 70 deals): no difference beyond chance.")
    assert say.in_the_past("fast", record, 12, 0.95) == ""
    few = record.assign(mark="fast", verdict="too early", marked_deals=1)
    ours = OPEN.assign(opportunity_id=["o1", "o2", "o3"], name="Seats")
    assert say.ahead("fast", ours.iloc[:1], few, 12, 0.95, "EUR") == (
        "1 open deal (100 EUR) reached its stage sooner than nine of ten won deals (o1). Too few such deals, or others, are known from the past to "
        "judge them (n = 1 deal)."
    )
    assert say.ahead("fast", ours, record, 12, 0.95, "EUR") == ""
    late = say.ahead("alone", ours.iloc[:2], record.assign(mark="alone"), 12, 0.95, "EUR")
    assert late.startswith("2 open deals (400 EUR) are in a late stage with one person entered (o1, o2). In the past")
    assert say.about_chance("30 June 2027", pd.Series([0.1]), 20, record, ["days open"]).endswith(
        "they were won less often."
    )
    assert say.about_chance("30 June 2027", pd.Series([0.1]), 20, early, ["days open"]).endswith(
        "follows from days open, not from the marks."
    )
    assert "0.0%: of at least 20 past deals" in say.about_chance(
        "30 June 2027", pd.Series([0.0]), 20, early, ["days open"]
    )


def test_the_open_pipeline_says_what_is_expected_or_why_nobody_knows():
    said = say.expected(OPEN, (1.6, 0, 3, 3), (200.0, 0.0, 400.0, 2), 0.95, "30 June 2027", "", "EUR", is_young=True)
    assert said == (
        "Expected by 30 June 2027: 2 won deals (95% interval 0 to 3, n = 3) that bring 200 EUR (0 to 400 EUR, n = 2). The past known is "
        "shorter than twice these months: expect fewer wins of late stages than this."
    )
    dark = OPEN.assign(chance_to_win=[0.5, np.nan, 0.6])
    said = say.expected(dark, (1.1, 0, 2, 2), NOTHING, 0.95, "30 June 2027", "", "EUR", is_young=False, crm=(50, 40))
    assert said.endswith(
        "1 open deal (300 EUR) without an opening day is not in it: the chance is unknown. With it the CRM weights the open deals at "
        "50 EUR, without it at 40 EUR."
    )
    same = say.expected(dark, (1.1, 0, 2, 2), NOTHING, 0.95, "", "", "EUR", is_young=False, crm=(40, 40))
    assert same.endswith("the chance is unknown.")
    said = say.expected(OPEN, NOTHING, NOTHING, 0.95, "30 June 2027", "30 closed deals", "EUR", is_young=False)
    assert said == "What they will bring is unknown, for lack of 30 closed deals."
    assert say.expected(OPEN.iloc[:0], NOTHING, NOTHING, 0.95, "", "", "EUR", is_young=False) == ""
    assert say.open_deals(OPEN, "Half is with one.", "EUR") == (
        "3 deals are open (400 EUR, 1 without an amount). Half is with one."
    )
    assert say.open_deals(OPEN.iloc[:0], "", "EUR") == "No deal is open."


def test_entries_to_fill_are_counted_in_the_order_and_named_in_the_reason():
    lacking = pd.DataFrame(
        {"opportunity_id": ["x", "y"], "name": "", "no_account": [True, False], "no_amount": [True, True]}
    )
    assert say.gaps(lacking) == (
        "Fill in the account of 1 open deal and the amount of 2 open deals before the next forecast",
        "without account: x; without amount: x, y",
    )
    assert say.gaps(lacking.iloc[:0]) == ("", "")


def test_listed_deals_without_an_account_are_named():
    listed = pd.DataFrame({"opportunity_id": ["x", "y"], "account_id": [None, "a"], "name": ""})
    assert say.without_account(listed).endswith("decide about: x.")
    assert say.without_account(listed.iloc[1:]) == ""


def test_a_target_met_is_said_to_be_met():
    assert say.target(100.0, 1.05, "2026", True, "EUR") == "105.0% of the target of 2026 (100 EUR) is won; target met."
    assert say.target(100.0, 0.4, "2026", True, "EUR").endswith("is won; 60 EUR was missing at its end.")


def test_a_back_test_says_its_direction_what_the_interval_held_and_how_far_the_money_was_off():
    row = {"wins": 2.0, "wins_low": 1.0, "wins_high": 3.0, "wins_came": 2, "money": 110.0, "money_low": 101.0, "money_high": 120.0,
           "money_came": 100.0, "day": pd.Timestamp("2025-06-30"), "horizon_days": 92, "judged_by": "money", "held": False}  # fmt: skip
    held = row | {"horizon_days": 90, "money_came": 104.0, "day": pd.Timestamp("2025-03-31"), "held": True}
    tested = pd.DataFrame([held, row])
    assert say_forecast.trusted(tested, "EUR") == (
        "90 to 92 days ahead, the forecast was too high at 2 of 2 past quarter ends: 220 EUR foretold, 204 EUR came in all.",
        "What came was inside the interval at 1 of 2; the forecast was off by 8% of what came. The last miss: the deals open on "
        "30 June 2025 brought 100 EUR, against 110 EUR foretold (101 to 120 EUR).",
    )
    way, record = say_forecast.trusted(tested.assign(money=np.nan, wins=1.0, judged_by="wins", held=True), "EUR")
    assert way.endswith("too low at 2 of 2 past quarter ends: 2 wins foretold, 4 wins came in all.")
    assert record == "What came was inside the interval at 2 of 2."
    assert say_forecast.trusted(tested.iloc[:0], "EUR") == ("", "")
    tested = pd.DataFrame([row | {"horizon_days": 365}])
    apart = pd.concat([tested.assign(day=pd.Timestamp(day)) for day in ("2025-03-31", "2025-06-30")])  # 91 days
    assert say_forecast.about_tests(apart).endswith(
        "The 365 days of neighbouring quarter ends overlap, so 2 ends say less than as many tests."
    )
    assert "The 181 to 184 days of" in say_forecast.about_tests(apart.assign(horizon_days=[181, 184]))
    assert say_forecast.about_tests(tested.iloc[:0]).startswith("The history is too short")


def test_a_forecast_whose_newest_two_failed_is_doubted_and_one_that_is_always_too_high_is_called_so():
    row = {"judged_by": "wins", "wins": 50.0, "wins_came": 60, "money": np.nan, "money_came": np.nan, "held": True}
    failed = row | {"wins_came": 0, "held": False}

    def said(rows: list[dict[str, object]]) -> tuple[str, str]:
        tried = pd.DataFrame(forecast_months.newest_rows(pd.DataFrame(rows))).set_index("definition_id")
        return say_forecast.doubt(tried), say_forecast.direction(tried)

    assert said([row] * 6 + [failed] * 2) == (
        "Do not rely on it: the last two such forecasts came to nothing.",
        "At 6 of 8 past quarter ends more came than foretold.",
    )
    assert said([row] * 6 + [failed | {"wins_came": 20}] * 2)[0].endswith(
        "both failed: 40.0% of what they foretold came."
    )
    assert said([failed, failed, failed, row])[0] == "Do not rely on it: 25.0% of 4 past forecasts held."
    assert said([row, failed] * 3) == ("Do not rely on it: 50.0% of 6 past forecasts held.", "")
    assert said([failed | {"judged_by": None}]) == ("", "")


def test_a_target_that_only_an_edge_of_the_interval_reaches_is_most_likely_missed():
    assert say.reach(6.1, 3.7, 1.9, 6.15).startswith("will most likely be missed")
    assert say.reach(7.0, 3.7, 1.9, 6.15).startswith("is out of reach of the open deals alone")
    assert say.reach(2.0, 3.7, 1.9, 6.15).startswith("will most likely be reached")
    assert say.reach(4.0, 3.7, 1.9, 6.15) == "may be reached or missed"


def test_deals_due_are_all_counted_and_set_beside_what_is_missing():
    said = "3 open deals (400 EUR, 1 without an amount) are due by 30 September 2026"
    assert say.due(OPEN, 2.04, "30 September 2026", "EUR") == f"{said}, 2.0 times what is missing to the target."
    assert say.due(OPEN, None, "30 September 2026", "EUR") == f"{said}."
    none = "No open deal is known to be due by 30 September 2026."
    assert say.due(OPEN.iloc[:0], 0.0, "30 September 2026", "EUR") == none
    needed = pd.Series({"value": 2.43, "low": 1.9, "high": 3.1, "n": 417})
    assert say.rule_of_thumb(needed, 0.95).startswith(
        "The rule of thumb asks for 2.4 times (95% interval 1.9 to 3.1, n = 417)."
    )
    assert say.rule_of_thumb(needed * np.nan, 0.95) == ""


def test_gaps_are_no_task_on_an_earlier_day_and_that_is_said():
    assert "may have been entered" in say.of_an_earlier_day("Fill in the amount of 1 open deal", False)
    assert say.of_an_earlier_day("", False) == say.of_an_earlier_day("Fill in the amount of 1 open deal", True) == ""


def test_the_stage_from_which_fewest_move_on_is_named_with_those_that_may_be_as_low():
    stages = pd.DataFrame({"stage": ["Lead", "Offer", "Close"], "conversion": [0.8, 0.6, 0.65], "low": [0.7, 0.5, 0.6],
                           "high": [0.9, 0.7, 0.8], "moved_on": [8, 6, 3], "lost": [2, 4, 2]})  # fmt: skip
    assert say_deals.stages(stages, 0.95) == (
        "Fewest deals move on from Offer: 60.0% (95% interval 50.0% to 70.0%, n = 10); Close (65.0%) may be as low."
    )
    assert say_deals.stages(stages.iloc[:1], 0.95) == ""


def test_the_crm_is_too_low_or_high_only_where_it_is_outside_the_interval():
    crm = pd.DataFrame({"stage": ["Lead", "Offer", "Close"], "low": 0.3, "high": 0.5, "crm": [0.1, 0.4, 0.9]})
    assert say_deals.crm_by_stage(crm, 12) == "The CRM's probability is too low in Lead and too high in Close"
    assert say_deals.crm_by_stage(crm.iloc[1:2], 12).endswith("within the interval of every stage")
    assert say_deals.crm_by_stage(crm.assign(crm=np.nan), 12) == "Won within 12 months of the deals open in a stage"


def test_win_rates_that_differ_name_the_highest_and_the_lowest_group():
    groups = pd.DataFrame(
        {"group_by": "type", "group": ["new", "renewal"], "won": [1, 8], "n": [9, 10], "shrunk": [0.2, 0.7]}
    )
    judged = pd.DataFrame({"group_by": ["type", "owner"], "p": [0.001, 0.5], "judged": ["differ", "no"]})
    assert say_deals.who_wins(judged, groups) == (
        "Win rates differ by type (p < 0.01): highest for renewal (8 of 10 won), lowest for new (1 of 9 won).",
        "These deals show no difference beyond chance by owner (p = 0.50).",
    )
    assert say_deals.who_wins(judged.iloc[1:], groups)[0] == "Win rates by group: no difference beyond chance is seen."
    assert say_deals.who_wins(judged.assign(p=np.nan), groups) == ("", "")
    months = pd.DataFrame({"month": pd.to_datetime(["2026-01-01"]), "created": [2e6], "won": [1e6]})
    assert say_deals.months(months, "EUR") == "2.0 M EUR created and 1.0 M EUR won in 1 whole month."
    assert say_deals.best_month(months, "EUR") == "Most was won in January 2026: 1.0 M EUR"
    assert say_deals.months(months.iloc[:0], "EUR") == ""
