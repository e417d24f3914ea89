"""States that keep accounts off the target list, at their bounds, and set against the past."""

import pandas as pd
import pytest

from abmlib.method import coverage, exclusions
from abmlib.method.exclusions import AGREES, CONTRADICTS, FEW, UNCLEAR
from abmlib.method.periods import DAY
from abmlib.tables import schema
from tests.conftest import as_read
from tests.test_qualification import lines

DAY_0, H, BOUGHT, IDS = pd.Timestamp("2025-06-30"), 182, 90, [*"abcde"]
RUNS = {"contracts_running": 1, "days_to_contract_end": H + 1, "deals_open": 0}


def states_of(silent: bool = False, **known: object) -> list[str]:
    """States of one account of which only this is known."""
    facts = pd.DataFrame([{c: known.get(c) for c in exclusions.FEATURES}], [7])
    facts = facts.astype({c: "str" if c == "growth_outlook" else "Int64" for c in facts})
    found = exclusions.known_states(facts, pd.Series([silent], [7]), BOUGHT, H)
    return [*found.columns[found.loc[7]]]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, []), ({"silent": True, "days_since_won": 0}, ["just_bought", "red_flag"]),  # what is missing is no state
        ({"days_since_won": BOUGHT}, ["just_bought"]), ({"days_since_won": BOUGHT + 1}, []),
        (RUNS, ["mid_contract"]), (RUNS | {"days_to_contract_end": H}, []),  # ends within the horizon
        (RUNS | {"deals_open": 1}, []), (RUNS | {"deals_open": None}, []), (RUNS | {"contracts_running": 0}, []),
        ({"growth_outlook": "Slowly Declining"}, ["distressed"]), ({"growth_outlook": "stable"}, []),
        ({"notices_given": 1}, ["red_flag"]), ({"notices_given": 0}, []),
    ],
)  # fmt: skip
def test_each_state_begins_at_its_bound(known, expected):
    assert states_of(**known) == expected


def test_an_account_is_silent_once_it_waits_longer_than_ever_before_by_what_was_known():
    rows = [("a", f"2025-0{month}-01", 10) for month in (1, 2, 3, 5)]  # until April at most 31 days apart
    days = pd.to_datetime(["2025-05-01", "2025-04-01", "2025-04-02", "2025-04-02"])
    asked = pd.DataFrame({"day": days, "account_id": ["a", "a", "a", "never"]}, [9, 8, 7, 6])
    assert exclusions.silence(lines(rows), asked).to_dict() == {9: False, 8: False, 7: True, 6: False}


def test_an_account_opted_out_if_everybody_who_is_still_there_did():
    rows = [("out", True, None), ("half", True, None), ("half", False, None), ("left", False, "2025-01-01"), ("left", True, None),
            ("gone", True, "2025-01-01"), (None, True, None)]  # fmt: skip
    people = pd.DataFrame(rows, columns=["account_id", "opted_out", "valid_to"])
    states = coverage.contact_states(as_read("contacts", people.assign(contact_id=people.index.astype("str"))), DAY_0)
    found = exclusions.opted_out(states, pd.Index(["half", "out", "left", "gone", "nobody"]))
    assert found.tolist() == [False, True, True, False, False]


def judged(inside: tuple[int, int], outside: tuple[int, int], times: int = 1) -> pd.Series:
    """Judge a state by how many of how many accounts in it bought, and of others, on so many days each alike."""
    came = [k < did for did, of in (inside, outside) for k in range(of)]
    past = pd.DataFrame({"account_id": [f"a{k}" for k in range(len(came))], "came": came})
    past["red_flag"] = past.index < inside[1]
    past = pd.concat([past.assign(day=DAY_0 + k * DAY) for k in range(times)], ignore_index=True)
    return exclusions.tested(past, past[["red_flag"]], past["came"]).iloc[0]


@pytest.mark.parametrize(
    ("inside", "outside", "verdict"),
    [((10, 100), (50, 100), AGREES), ((50, 100), (10, 100), CONTRADICTS), ((20, 100), (21, 100), UNCLEAR)],
)
def test_a_belief_holds_where_accounts_in_the_state_clearly_bought_less_often(inside, outside, verdict):
    found = judged(inside, outside)
    assert found[["verdict", "rate", "rate_others"]].tolist() == [verdict, inside[0] / 100, outside[0] / 100]
    assert found["times"] == pytest.approx(inside[0] / outside[0])
    assert found["times_low"] < found["times"] < found["times_high"]


@pytest.mark.parametrize(
    ("inside", "outside", "verdict"),
    [((0, 100), (50, 100), AGREES), ((50, 100), (0, 100), CONTRADICTS), ((0, 20), (1, 20), UNCLEAR), ((0, 20), (0, 20), UNCLEAR)],
)  # fmt: skip
def test_where_nobody_on_a_side_bought_the_intervals_of_the_two_rates_decide(inside, outside, verdict):
    found = judged(inside, outside)
    assert found["verdict"] == verdict and found[["times_low", "times_high"]].isna().all()


@pytest.mark.parametrize(("inside", "outside"), [((1, 9), (50, 100)), ((10, 100), (9, 9)), ((0, 0), (50, 100))])
def test_of_too_few_accounts_the_past_is_not_asked_however_many_days_there_are(inside, outside):
    found = judged(inside, outside, times=20)
    assert found["verdict"] == FEW and found[["times", "times_low", "times_high"]].isna().all()


def test_the_same_accounts_on_many_days_say_no_more_than_on_one():
    once, often = judged((3, 12), (8, 12)), judged((3, 12), (8, 12), times=30)
    assert once["verdict"] == often["verdict"] == UNCLEAR and often["past_accounts"] == 12
    assert often["times_high"] - often["times_low"] > 0.7 * (once["times_high"] - once["times_low"])


def test_rows_of_measures_say_why_a_state_has_no_number():
    none = exclusions.tested(pd.DataFrame({"account_id": []}), pd.DataFrame({"x": []}, dtype=bool), pd.Series(dtype=bool))  # fmt: skip
    assert none["verdict"].tolist() == [FEW]  # there is no past
    both = pd.DataFrame([judged((10, 100), (50, 100)), judged((0, 9), (50, 100))])
    both["state"] = ["red_flag", "mid_contract"]
    found = schema.conform("measures", pd.DataFrame(exclusions.state_rows(both)).assign(as_of=DAY_0))
    assert found["status"].tolist() == ["ok", "not_answerable"] and found["n"].tolist() == [100, 9]
    assert found["group"].tolist() == ["red flag", "mid contract"] and [bool(w) for w in found["why"]] == [False, True]


def kept(exclude: list[str], verdict: dict[str, str], **held: str) -> tuple[list[str], list[str]]:
    """States that keep accounts a to e off, and their marks: by verdict of the past, and by state the letters of those it holds of."""
    states = pd.DataFrame({state: [i in ids for i in IDS] for state, ids in held.items()}, IDS)
    judged = pd.DataFrame({"state": [*verdict], "verdict": [*verdict.values()]})
    off = exclusions.first_state(states, judged, exclude)
    return off.tolist(), exclusions.marks(states, off).tolist()


def test_a_belief_keeps_off_where_the_past_bears_it_out_or_the_user_says_so_and_else_is_a_mark():
    said = dict(zip(exclusions.STATES, (AGREES, FEW, UNCLEAR, CONTRADICTS), strict=True))
    off, marks = kept([], said, just_bought="a", mid_contract="b", distressed="cd", red_flag="d")
    assert off == ["just_bought", "", "", "", ""]
    assert marks == ["", "mid contract", "distressed", "distressed, red flag", ""]
    off, marks = kept(["mid_contract"], said, mid_contract="b")
    assert off[1] == "mid_contract" and marks[1] == ""


def test_of_several_states_the_last_is_named_and_what_was_decided_goes_before_beliefs():
    held = {"just_bought": "abcde", "red_flag": "abcd", "opted_out": "abc", "held_back": "ab", "voted_out": "a"}
    off, marks = kept(["red_flag", "just_bought"], {"just_bought": FEW, "red_flag": AGREES}, **held)
    assert off == [*held][::-1] and marks == [""] * 5
    off, marks = kept([], {"red_flag": CONTRADICTS}, **held)  # whatever the past says of beliefs
    assert off == ["voted_out", "held_back", "opted_out", "", ""]
    assert marks == ["", "", "", "just bought, red flag", "just bought"]


@pytest.mark.parametrize("wrong", ["retired", "opted_out"])
def test_a_state_that_is_no_belief_is_refused(wrong):
    with pytest.raises(ValueError, match=f"there is no state \\['{wrong}'\\]"):
        kept(["red_flag", wrong], {})
