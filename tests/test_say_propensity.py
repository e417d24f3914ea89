"""Sentences of 04, from finished numbers."""

import pandas as pd

from abmlib.pages import say_propensity as say

NUMBERS = [
    "log_loss_saved",
    "base_rate",
    "rate_at_capacity",
    "lift_at_capacity",
    "observed_per_promised",
    "calibration_slope",
]


def overview(*rows: dict) -> pd.DataFrame:
    """Questions as `propensity_report.overview` lays them out."""
    plain = {
        "does": "opens a deal",
        "verdict": "signal",
        "why": "",
        "model": "trees",
        "rests_on": "",
        "rate_bottom": 0.1,
        "drift": 0.01,
    }
    ends = {f"{n}{end}": v for n in NUMBERS for end, v in (("", 0.5), ("_low", 0.4), ("_high", 0.6))}
    right = {f"{n}{end}": v for n in NUMBERS[3:] for end, v in (("", 1.0), ("_low", 0.9), ("_high", 1.1))}
    return pd.DataFrame([plain | ends | right | row for row in rows])


NONE = {"does": "grows", "verdict": "no signal"}
FEW = {"does": "does not renew", "verdict": "too few", "why": "30 accounts that did, where there are 21"}


def test_the_headline_says_of_how_many_questions_the_past_could_tell():
    assert say.told(overview({}, NONE, FEW), 0.95).startswith(
        "Would it have told us? In 1 of the 2 questions that the past can test"
    )
    assert say.told(overview(NONE), 0.95).startswith("Would it have told us? No: in none of 1 question")
    assert say.told(overview(FEW), 0.95).startswith("Would it have told us? Nobody knows")
    assert say.told(overview({}).iloc[:0], 0.95).startswith("No question can be asked")


def test_what_became_of_those_named_is_said_of_each_signal():
    lead, line = say.named_then(overview({}, NONE, FEW), 30, 182)
    assert lead == "Of the 30 accounts that each score would have named on a past day, 182 days later:"
    assert line == "Opened a deal: 50.0% (40.0% to 60.0%); of all 50.0%."
    assert say.named_then(overview(NONE), 30, 182) == []


def test_what_is_not_told_is_said_with_what_is_missing():
    assert say.not_told(overview({}, NONE, FEW)) == (
        "No signal: who grows (50.0% of all did). "
        "Not tested: who does not renew needs 30 accounts that did, where there are 21."
    )
    assert say.not_told(overview({})) == ""


def test_a_simple_rule_that_was_hard_to_beat_is_named():
    assert (
        say.plainly(overview({"model": "simple rule", "rests_on": "open deals"}))
        == "One feature was hard to beat, so it is the score (opens a deal: open deals)."
    )
    assert say.plainly(overview({})) == ""


def test_a_level_that_did_not_hold_is_said():
    low = {"observed_per_promised": 0.78, "observed_per_promised_high": 0.98}
    assert say.at_word(overview(low, {})) == "1 of 2 scores kept what they promised on the whole, within noise."
    assert say.off_level(overview(low, {})) == "There take the rank, not the level: of 10 foretold 7.8 opened a deal."
    assert say.off_level(overview({"log_loss_saved_low": -0.1})).endswith(
        "foretold no better than the rate of all, beyond noise."
    )
    assert say.off_level(overview({})) == ""
    assert say.at_word(overview(NONE)) == "Without a signal there is no score to be taken at its word."


def test_capacity_is_said_of_questions_with_a_signal():
    head = say.capacity(overview({"lift_at_capacity": 2.1}, {"does": "grows", "lift_at_capacity": 4.3}, NONE), 30)
    assert head == "The 30 accounts scored highest on a past day did it 2.1 to 4.3 times as often as all."
    assert say.capacity(overview(NONE), 30) == ""


def test_accounts_held_back_and_lists_that_end_among_equals_are_said():
    until = pd.Series(pd.to_datetime(["2026-06-30", "2026-03-31"]), ["a", "b"])
    assert say.left_alone(until) == "2 accounts held back by lot, until 30 June 2026 at the latest, are on no list."
    assert say.left_alone(until.iloc[:0]) == ""
    assert say.ties([("opens a deal", 12, 24), ("grows", 1, 1)]).endswith(
        "it takes those of most revenue (12 of 24 of “opens a deal”)."
    )
    assert say.ties([("grows", 0, 0)]) == ""


def test_where_only_worked_accounts_have_outcomes_it_says_so():
    assert say.worked([("opens a deal", 95, 100, 5, 400)]).startswith("Nearly all who opened a deal had been touched")
    assert "of the others: opened a deal 50.0% and 12.5%." in say.worked([("opens a deal", 50, 100, 50, 400)])
    assert say.worked([]) == ""


def test_criteria_are_named_by_what_they_did():
    judged = pd.DataFrame({"name": ["size", "size", "gut", "fit", "own"], "feature": ["employees", "employees", None, "country: x", "mood"],
                           "verdict": ["kept its promise", "no difference seen", "not measured", "no difference seen", "not measured"]})  # fmt: skip
    assert say.criteria(judged) == (
        "size: kept the promise for a question at least. fit: told nothing. gut: cannot be tested without a feature that measures it "
        "(programme/criteria.csv). own: cannot be tested, as the feature is unknown, not in this data, or no such category is frequent."
    )
    assert say.weak(judged).to_dict() == {"fit": "told nothing"}
    assert say.weigh_again(say.weak(judged)) == "Weigh these criteria again before sales and marketing vote: fit"
    assert say.criteria(judged.iloc[:0]).startswith("No criteria are entered")


def test_questions_that_cannot_be_asked_are_named_with_what_they_take():
    assert say.not_asked(["opens", "wins", "grows", "stops", "adds_line", "not_renewed"]) == ""
    assert say.not_asked(["grows", "stops", "adds_line"]) == (
        "Not asked: who opens a deal (it takes deals with the day they were opened); who signs a deal (it takes deals won with their day); "
        "who does not renew (it takes contracts that ended at 50 accounts, and if they were renewed)."
    )


def test_surprises_count_all_that_was_looked_at():
    odd = pd.DataFrame(
        {"words": ["outlook: struggling"], "does": ["opens a deal"], "rate_high": [0.4], "rate_low": [0.3]}
    )
    assert (
        say.surprises(odd, 180)
        == "Against what people think, among accounts that bought about as often too, all 180 looks counted: outlook: struggling (opens a deal: 40.0% where high, 30.0% elsewhere)."
    )
    assert say.surprises(odd.iloc[:0], 180).startswith("Nothing goes against what people think: 180 pairs")
    assert say.surprises(odd.iloc[:0], 0) == "Nothing was tested, so nothing can surprise."


def test_why_an_account_is_listed_holds_what_others_did_whom_it_lacks_and_its_reasons():
    scored = pd.DataFrame(
        {
            "account_id": ["a", "b"],
            "observed": [0.5, None],
            "observed_low": [0.4, None],
            "observed_high": [0.6, None],
            "reasons": ["open deals 2 (+1.0)", ""],
        }
    )
    found = say.why(scored, pd.Series({"a": "nobody in reach as champion"}), "opens a deal")
    assert (
        found["a"]
        == "of accounts scored like it 50.0% opened a deal (40.0% to 60.0%); nobody in reach as champion; open deals 2 (+1.0)"
    )
    assert found["b"] == ""


def test_scores_that_drifted_and_orders_not_to_rank_are_said():
    assert "who opens a deal" in say.drifted(overview({"drift": 0.4}))
    assert say.drifted(overview({})) == ""
    assert say.no_rank(overview({}, NONE)) == "Do not rank accounts by who grows: on the past no score told"
    assert say.no_rank(overview({})) == ""


def test_the_test_says_its_days():
    first, last = pd.Timestamp("2025-09-30"), pd.Timestamp("2025-12-30")
    said = say.rests_on(first, last, 182)
    assert said.startswith(
        "Scores of 30 September 2025 to 30 December 2025, each followed for 182 days. A score says who is likely"
    )
    assert say.rests_on(last, last, 182).startswith("Scores of 30 December 2025, each")
    assert say.rests_on(pd.NaT, pd.NaT, 182) == ""
