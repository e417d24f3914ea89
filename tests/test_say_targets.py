"""Sentences of 06, from finished numbers."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import exclusions, readout
from abmlib.pages import company_lists, say_readout, what_if
from abmlib.pages import say_targets as say

ON, NONE, HALF, BY = pd.Timestamp("2025-06-30"), (np.nan, np.nan, np.nan, 0), (0.5, 0.4, 0.6, 20), "2026-07-14"
TIERS = pd.DataFrame({"tier": ["1", "2", "3"], "accounts": [1, 2, 0], "worth": [50.0, 30, 0], "share_of_worth": [0.5, 0.3, 0],
                      "adds": [15.0, 6, 0], "hours": [16, 24, 0], "cost": [8.0, 4, 0]})  # fmt: skip


def head(names: list[str], counts: str = "margin", agreed: bool = True, tiers: pd.DataFrame = TIERS) -> str:
    return say.the_list(tiers, names, counts, "buy", 182, agreed, 9, 50.0, 90.0, "EUR")


def test_the_headline_counts_each_tier_and_is_headed_draft_until_both_teams_agree():
    said = head(["Ada", "Bo"])
    assert said.startswith("3 accounts on the target list: 1 in tier 1, 2 in tier 2, 0 in tier 3. First Ada and Bo.")
    assert said.endswith("They are expected to buy within 182 days 80 EUR of margin, 80.0% of all.")
    assert head(["Ada"], agreed=False).startswith(say.DRAFT)
    assert head(["Ada"], "the scorecard").endswith("ranked by the scorecard, as nobody can say what they are worth.")
    none = head([], tiers=TIERS.assign(accounts=0))
    assert (
        "the account worth most of those that may enter is worth 50 EUR, and a tier pays from 90 EUR on. To get one, take"
        in none
    )
    assert "nobody can say" in say.the_list(
        TIERS.assign(accounts=0), [], "margin", "buy", 182, False, 9, np.nan, 90.0, "EUR"
    )


def test_hours_and_cost_of_the_list_stand_beside_what_there_is_and_what_one_more_seat_adds():
    some = say.tier_line(TIERS, 60.0, [2, 3, 4], True, True, "EUR")
    assert some == "The list takes 40 hours a month of 60 there are; attention is taken to add 21 EUR and costs 12 EUR."
    full = say.tier_line(TIERS, 60.0, [1, 2, 4], True, True, "EUR")
    assert full == f"{some} Of tier 1 and tier 2 all seats are taken."
    bare = say.tier_line(TIERS.assign(cost=0.0), np.inf, [2, 3, 4], False, False, "EUR")  # hours not set against worth
    assert bare.startswith("The list takes 40 hours a month.") and bare.endswith("a simple rule, which stands.")
    assert "seats" not in say.tier_line(TIERS.assign(accounts=0), 60.0, [0, 0, 0], True, True, "EUR")
    gains = pd.DataFrame({"tier": ["1", "2", "3"], "gain": [5.0, 7.0, 0.0]})
    assert say.one_more(gains, "EUR").startswith("One more seat in tier 2 would add 7 EUR")
    assert say.one_more(gains.assign(gain=0.0), "EUR") == say.one_more(gains[:0], "EUR") != ""


def test_names_of_a_crm_stay_on_one_line_and_steer_nothing():
    hostile = "Acme\n<script>\u202e\x00Inc"
    said = head([hostile])
    assert "First Acme <script>Inc." in said and said.isprintable()
    moved = what_if.target_list(*(pd.Series({"a": x}) for x in ("none", 1.0, hostile, "1")))
    assert len(moved.lines) == 2 and moved.lines[1].isprintable() and "<script>" not in moved._repr_html_()


LISTS = pd.DataFrame({"day": [ON, ON], "accounts": [3, 4], "promised": [100.0, 9], "came": [80.0, 9], "share_of_all": [0.4, 0.1],
                      "signed": [2, 1], "in_top": [2, 1], "in_top_expected": [2.2, 1.9]})  # fmt: skip
LOW, HIGH, RIGHT = (0.8, 0.7, 0.9, 9), (1.5, 1.2, 1.9, 9), (1.0, 0.9, 1.1, 9)


@pytest.mark.parametrize(
    ("own", "whole", "says"),
    [
        (LOW, RIGHT, "(the largest of many estimates are the luckiest). At that rate the 1,000 EUR of tiers 1 and 2 would bring about 800 EUR"),
        (LOW, (0.7, 0.6, 0.8, 9), "too much was promised. At that rate"),  # all were: no curse
        (HIGH, HIGH, "more than promised, which the next period need not repeat."),
        (RIGHT, LOW, "brought 1.00 for 1.00 promised (0.90 to 1.10): luck or error, these lists cannot tell."),
        ((1.0, 0.01, 9.0, 9), LOW, "cannot be told."), (NONE, NONE, "cannot be told."),
    ],
)  # fmt: skip
def test_what_lists_of_the_past_brought_is_set_beside_what_they_promised(own, whole, says):
    said = say.realised(LISTS, own, whole, 1_000.0, "margin", "EUR")
    assert says in said and "nan" not in said
    assert "those of 30 June 2025 were to bring 100 EUR of margin and brought 80 EUR, by 2 of them, 40.0% of" in said
    assert "At that rate" not in say.realised(LISTS, own, whole, 0.0, "margin", "EUR")  # no account in tiers 1 and 2


def test_without_a_list_of_the_past_nothing_is_claimed():
    assert say.realised(LISTS[:0], NONE, NONE, 0.0, "margin", "EUR").startswith("No earlier list could be tested")
    assert say.in_top(LISTS[:0]) == "" and "Of 7 accounts on these lists 3 were" in say.in_top(LISTS)
    assert "brought 75.0% of" in say.decile_title(pd.DataFrame({"came": [3.0, 1.0]}))
    assert {say.decile_title(pd.DataFrame({"came": came})) for came in ([], [0.0])} == {
        "What came had no margin above zero"
    }


def choices(*rows: tuple) -> pd.DataFrame:
    """Lists of (name, brought, low, high) of as many accounts."""
    return pd.DataFrame(rows, columns=["choice", "brought", "low", "high"]).assign(accounts=5)


WORTH, RICH, LIKELY = ("worth", 9.0, None, None), ("rich", 1.0, 2.0, 9.0), ("likely", 8.0, -4.0, 6.0)


@pytest.mark.parametrize(
    ("rows", "says"),
    [([RICH, RICH], "On 30 June 2025 the list by worth brought more than each simple list of the same length, beyond luck."),
     ([RICH, LIKELY], "(likely) cannot be told: it brought 1 EUR more (-4 EUR to 6 EUR) after 30 June 2025; than rich it surely brought more."),
     ([("likely", 10.0, -6.0, 4.0)], "(likely) cannot be told: it brought 1 EUR less (-6 EUR to 4 EUR) after 30 June 2025."),
     ([("likely", 10.0, np.nan, np.nan)], "(likely) cannot be told: it brought 1 EUR less after 30 June 2025."),
     ([RICH, ("sized", 20.0, -9.0, -1.0)], "On 30 June 2025 the list by worth chose worse than sized: do not use it before you know why."),
     ([], "No simple list could be made on that day.")],
)  # fmt: skip
def test_the_list_by_worth_is_better_or_worse_only_beyond_luck(rows, says):
    assert say.lists_beside(choices(WORTH, *rows), ON, "EUR").endswith(says)
    assert say.lists_beside(choices(), ON, "EUR") == "No list of the past could be compared."


def test_tiers_in_force_stand_beside_as_many_by_worth():
    clear, noise = (say.beside_force(choices(WORTH, force), "margin", "EUR") for force in (RICH, LIKELY))
    assert clear.endswith("brought 1 EUR of margin; as many by worth 9 EUR, beyond luck.")
    assert noise.endswith("within luck.") and say.beside_force(choices(WORTH), "margin", "EUR") == ""


def test_agreement_is_said_beyond_chance_too_with_votes_that_no_longer_count():
    apart = pd.Series({"in and out": 1, "in and later": 4})
    whole, chance, lapsed = say.votes(HALF, (0.3, 0.1, 0.5, 20), apart, 0.8, 0)
    assert "overlap by 50.0% (40.0% to 60.0%, n = 20); 80.0% is needed. On 1 account one says in" in whole
    assert "by 0.30 of 1 (kappa; 0.10 to 0.50)" in chance and lapsed == ""
    assert "cannot be said" in say.votes(HALF, NONE, apart[:0], 0.8, 0)[1]
    unknown, lapsed = say.votes(NONE, NONE, apart[:0], 0.8, 3)
    assert unknown.startswith("Nobody knows if the teams agree") and lapsed.startswith("Votes on 3 accounts no longer")


def test_an_agreed_list_says_how_many_are_only_proposed():
    one = say.agreed(True, "", 4, 5, 1, True, BY)
    assert one.startswith("Agreed: both teams signed the criteria and want 4 of 5 accounts of tiers 1 and 2. 1 account")
    assert one.endswith("of these tiers is only proposed, as not both want them.")
    assert "2 accounts of these tiers are only" in say.agreed(True, "", 3, 5, 1, True, BY)
    assert say.agreed(True, "", 5, 5, 0, True, BY).endswith("want 5 of 5 accounts of tiers 1 and 2.")


def test_a_list_that_is_not_agreed_says_what_is_lacking_and_asks_for_signatures_before_votes():
    lacks = say.agreed(False, "x is missing", 0, 5, 1, True, BY)
    assert lacks.startswith("Not agreed: x is missing.") and "sign" not in lacks
    assert lacks.endswith(f"on every page and file. Vote on 1 account of tiers 1 and 2 by {BY}.")
    unsigned = say.agreed(False, "x is missing", 0, 5, 5, False, BY)
    assert unsigned.index("First both teams sign the criteria") < unsigned.index("Vote on 5 accounts")
    assert "Vote" not in say.agreed(False, "x is missing", 5, 5, 0, True, BY)
    assert (
        say.agreed(False, "x is missing", 0, 0, 0, False, BY)
        == "No account is in tier 1 or 2, so there is nothing to vote on."
    )
    assert say.vote(True).startswith("Vote on") and say.vote(False).startswith("Once both teams have signed")


def test_the_list_is_told_from_the_call_list_and_large_customers_left_out_are_named():
    said = say.call_lists(30, 12, 4, 9)
    assert said.startswith("Without an open deal: 4 of 9 accounts on the list.") and "12 of its 30 accounts" in said
    assert say.call_lists(0, 0, 4, 9).endswith("4 of 9 accounts on the list.") and say.call_lists(0, 0, 0, 0) == ""
    assert "bought most in 12 months 2 are not on the list (A B and C): worth" in say.large_left_out(["A\nB", "C"], 9)
    assert "4 are not on the list (A, B and C and more)" in say.large_left_out([*"ABCD"], 9)
    assert say.large_left_out([], 9) == ""


def test_files_for_other_systems_are_named_with_how_many_accounts_these_may_not_find():
    said = say.files({"listed": 9, "without_id": 2, "without_domain": 1})
    assert said.endswith("Of 9 accounts 2 have no id of the CRM and 1 no domain.")
    assert all(name in said for name in (*company_lists.NAMES, company_lists.DRAFT))
    assert say.files({"listed": 0, "without_id": 0, "without_domain": 0}) == ""


def test_marks_join_beliefs_with_whether_an_experiment_held_the_account_back():
    held = "held back by an experiment until now (14)"
    found = say.marks(pd.Series(["", "red flag", "", "red flag"]), pd.Series([False, False, True, True]))
    assert found.tolist() == ["", "red flag", held, f"red flag, {held}"]


def test_an_account_on_no_tier_is_kept_off_or_does_not_pay_or_finds_no_seat():
    table = pd.DataFrame({"worth": [9.0, 5.0, 4.9, np.nan], "state": ["red_flag", "", "", ""]})
    assert say.why_not(table, {"red_flag": "silent"}, 5.0).tolist() == ["silent", say.NO_SEAT, say.NO_PAY, say.NO_PAY]
    assert (
        say.why_not(table[1:], {"red_flag": "silent"}, 0.0).tolist() == [say.NO_SEAT] * 3
    )  # hours are not set against worth


def test_worth_is_called_likely_until_a_finding_says_what_attention_adds():
    rises, listed = pd.DataFrame({"rise": [0.1, 0.2, 0.9], "by": [*"fgh"]}), pd.Series([True, True, False])
    said = say.persuadable(rises, listed, 0.3)
    assert "adds at 3 accounts: 10.0% to 90.0% of their worth (f, g and h); 2 of them on the list of 2 accounts" in said
    assert "adds at 1 account: 10.0% of their worth (f);" in say.persuadable(rises[:1], listed[:1], 0.3)
    assert "no evaluation is recorded" in say.persuadable(rises.assign(by="", rise=0.3), listed, 0.3)
    assert "it is 20.0% at most" in say.persuadable(rises[:2].assign(by=""), listed[:2], 0.3)


def test_each_belief_is_said_with_what_the_past_says_of_it():
    judged = pd.DataFrame({"state": [*exclusions.STATES], "times": [0.3, 1.6, 1.0, None]})
    judged["verdict"] = ["holds", "contradicted", "cannot tell", "too few"]
    kept, *said = say.states(judged, pd.Series({"just_bought": 2, "opted_out": 1}))
    assert kept == "3 accounts kept off the list: 2 just bought and 1 opted out."
    assert said[0].endswith("less often: just bought.") and "mid contract (1.6 times as often as others)" in said[1]
    assert said[2:4] == ["It cannot tell: distressed.", "Too few to ask: red flag."]
    assert said[4] == "Accounts of mid contract, distressed and red flag stay, and are marked."
    assert say.states(judged[:0], pd.Series(dtype=int)) == ["No account is kept off the list."]


def test_scorecard_and_model_are_compared_where_there_is_a_scorecard():
    named = pd.Series(["both", "worth only", "scorecard only", ""])
    assert "up to 2 each; 1 are the same" in say.disagreement(named, 2)
    assert say.disagreement(named[1:2], 2).startswith("There is no scorecard")


def test_why_an_account_is_listed_holds_what_is_known_and_nothing_else():
    numbers = {"chance": 0.2, "size_quarter": 5.0, "size_three_quarters": 9.0, "margin_rate": 0.4, "scorecard": 50.0}
    rows = pd.DataFrame([numbers | {"deals_open": n} for n in (1, 2, 0)]).assign(state="", marks=["", "red flag", ""])
    one, two, none = say.reasons(rows, "margin", "EUR", {})
    assert none == "chance 20.0%; if so, about half of the times 5 EUR to 9 EUR; margin 40.0%; scorecard 50 of 100"
    assert one == f"{none}; 1 open deal" and two == f"{none}; mind: red flag; 2 open deals"
    assert "margin" not in say.reasons(rows, "revenue", "EUR", {})[0]
    gaps = pd.DataFrame(np.nan, [0, 1], [*numbers, "deals_open"]).assign(state=["", "red_flag"], marks="")
    assert say.reasons(gaps, "margin", "EUR", {"red_flag": "silent"}).tolist() == ["", "kept off: silent"]


def test_changes_are_counted_beside_the_tiers_in_force_and_the_report_before():
    change = pd.Series(["stays", "enters", "leaves", "enters", ""])
    force, before = say.changed(change, pd.Series(["", "worth more", "", "worth more", ""]))
    assert force == "Beside the tiers in force: 2 enter, 1 leave and 1 stay."
    assert before == "Since the report before, 2 moved: 2 worth more."
    assert say.changed(change[4:], change[4:]) == ["No tier is in force, and none is proposed."]
    assert say.tier_words(pd.Series(["2"]), pd.Series(["none"])).tolist() == ["tier 2 to none"]


def test_moved_sliders_name_who_enters_leaves_or_moves_the_most_worth_first():
    page, new = pd.Series({"a": "none", "b": "1", "c": "2", "d": "3"}), pd.Series({"a": "2", "b": "none", "c": "1"})
    names, worth = pd.Series({i: i.upper() for i in "abcd"}), pd.Series({"a": 1.0, "b": 2, "c": 3, "d": 4})
    tiers, *moved = what_if.target_list(page, worth, names, new).lines
    assert tiers == "tier 1: 1 (page: 1); tier 2: 1 (page: 1); tier 3: 0 (page: 0)."
    assert moved == ["1 account enters: A.", "1 account leaves: B.", "1 account moves: C."]
    moved = what_if.target_list(page, worth, names, page.replace({"2": "1", "3": "1"})).lines[1:]
    assert moved == ["2 accounts move: D, C."]


def test_what_an_experiment_found_is_to_be_entered_as_a_share_of_those_held_back():
    found = {"verdict": "more", "experiment_id": "e1", "definition_id": "opened", "months": 6, "relative": 0.25, "held_mean": 4.0, "low": 0.4, "high": 1.6}  # fmt: skip
    said = say_readout.record(pd.DataFrame([found]), {"opened": "Opened"})
    assert "e1 found" in said and said.endswith("Opened, rise 0.25, rise_low 0.10, rise_high 0.40, months 6")
    for gap in ({"relative": np.nan}, {"held_mean": 0.0}, {"verdict": readout.NOTHING}, {"high": np.inf}):
        assert say_readout.record(pd.DataFrame([found | gap]), {}) == ""
