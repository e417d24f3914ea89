"""Answers to marketing touches, web visits and message tests, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import periods
from abmlib.method import responses as rs
from abmlib.pages import say_kpis
from tests.conftest import as_read, entries
from tests.test_pipeline import TODAY

START = "2026-01-01"


def touches(rows: list[tuple]) -> pd.DataFrame:
    """Touches from (account, when, direction, channel) and further columns."""
    names = ["account_id", "occurred_at", "direction", "channel", "campaign_id", "is_conversion", "is_bot", "outcome"]
    frame = pd.DataFrame([dict(zip(names, row, strict=False)) for row in rows], columns=names)
    frame = frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True, format="ISO8601"))
    return as_read("activities", frame.assign(activity_id=[f"t{i}" for i in frame.index]))


def campaigns() -> pd.DataFrame:
    rows = [("all", False), ("own", True), ("added", False)]
    return as_read("campaigns", pd.DataFrame(rows, columns=["campaign_id", "is_account_specific"]).assign(name="c"))


def sent(activities: pd.DataFrame) -> pd.DataFrame:
    added = entries("campaign_accounts", "campaign_id account_id added_at", [("added", "a", START, START)])
    return rs.marketing_touches(activities, campaigns(), added)


def arms(rows: list[tuple[str, str]], day: str = START) -> pd.DataFrame:
    every = [("T", "m", account, arm, day, day) for account, arm in rows]
    return entries("message_tests", "test_id message_id account_id arm assigned_at", every)


def test_a_touch_is_made_for_the_account_by_its_campaign_or_because_the_account_was_added():
    rows = [("a", START, "outbound", "email", c) for c in ("all", "own", "added", None)]
    rows += [("b", START, "outbound", "email", "added"), ("b", START, "inbound", "email", "own")]
    rows += [("b", START, "outbound", "ad", "own", None, True)]
    found = sent(touches(rows))
    assert found["kind"].tolist() == [rs.GENERAL, rs.TARGETED, rs.TARGETED, rs.GENERAL]


def test_an_answer_comes_from_the_account_after_the_touch_and_in_time():
    mail = [(a, "2026-03-01T09:00", "outbound", "email", "own") for a in "abcdef"]
    rows = [
        *mail,
        ("g", "2025-12-31", "inbound", "web"),  # so that touches are known 60 days before
        ("a", "2026-03-15T09:00", "inbound", "web"),  # on the last moment that counts
        ("b", "2026-03-15T09:01", "inbound", "web"),  # a minute late
        ("c", "2026-03-01T09:00", "inbound", "web"),  # not after it
        ("d", "2026-03-02T09:00", "inbound", "web", None, None, True),  # a machine
        ("e", "2026-03-02T09:00", "mutual", "meeting", None, None, None, "no_show"),
        ("f", "2026-03-02T09:00", "mutual", "meeting", None, None, None, "held"),
    ]
    every = touches(rows)
    found = rs.answered(sent(every), every, TODAY, 14).set_index("account_id")["answered"]
    assert found.to_dict() == {"a": 1, "b": 0, "c": 0, "d": 0, "e": 0, "f": 1}


def test_a_touch_whose_days_are_not_over_does_not_count():
    first = ("a", START, "inbound", "web")
    every = touches([first, *(("a", TODAY - pd.Timedelta(days=d), "outbound", "email", "own") for d in (13, 14))])
    assert len(rs.answered(sent(every), every, TODAY, 14)) == 1


def test_what_would_be_answered_without_the_touch_is_seen_before_it_where_the_data_reach():
    rows = [("a", "2026-01-05", "inbound", "web"), ("b", START, "inbound", "web")]
    mail = [("a", "2026-03-03", "outbound", "email", "own"), ("b", "2026-02-20", "outbound", "email", "own")]
    every = touches([*rows, *mail])
    found = rs.answered(sent(every), every, TODAY, 14)
    assert found[["account_id", "answered", "moved_back", "beyond"]].values.tolist() == [["a", 0, 1, -1]]
    # 60 days before the touch of b no touch is known


@pytest.mark.parametrize("days", [0, 61])
def test_days_that_are_none_or_reach_into_the_moment_before_are_refused(days):
    with pytest.raises(ValueError, match="answer_days"):
        rs.answered(sent(touches([])), touches([]), TODAY, days)


def test_kinds_are_compared_over_accounts_and_over_those_with_both():
    rows = [(f"a{i}", rs.TARGETED, i % 2) for i in range(40)] + [(f"a{i}", rs.GENERAL, i % 2) for i in range(40)]
    rows += [(f"b{i}", rs.GENERAL, 0) for i in range(40)]
    table = rs.side_by_side(
        pd.DataFrame(rows, columns=["account_id", "kind", "answered"]), [rs.TARGETED, rs.GENERAL], ["answered"]
    )
    assert table[["part", "kind", "n", "accounts", "answered"]].values.tolist() == [
        ["kind", rs.TARGETED, 40, 40, 0.5],
        ["kind", rs.GENERAL, 80, 80, 0.25],
        ["difference", rs.DIFFERENCE, 120, 80, 0.25],
        ["difference", rs.PAIRED, 80, 40, 0.0],
    ]
    shown = say_kpis.rates(table, ["answered"])
    assert list(shown) == ["kind", "n", "accounts", "answered"]
    assert shown["answered"].iloc[0].startswith("50.0% (3")
    assert shown["answered"].iloc[3] == "+0.0 points (+0.0 to +0.0)"
    assert table["answered_low"].iloc[2] > 0
    assert table.loc[3, ["answered_low", "answered_high"]].tolist() == [0, 0]  # each account counts against itself


def test_few_touches_have_no_interval_and_no_difference():
    rows = pd.DataFrame([("a", rs.TARGETED, 1.0), ("b", rs.GENERAL, 0.0)], columns=["account_id", "kind", "answered"])
    rows = rows.assign(moved_back=0.0, beyond=rows["answered"])
    table = rs.side_by_side(rows, [rs.TARGETED, rs.GENERAL], ["answered", "moved_back", "beyond"])
    assert table["answered_low"].isna().all()
    assert "Touches made for the account: too early to say (1 touch);" in repr(say_kpis.responses(table, 14, 60, 0.95))


def test_each_kind_of_touch_is_first_held_against_what_happens_anyway():
    rows = [(f"a{i}", rs.TARGETED, i % 2, i % 2) for i in range(40)] + [(f"a{i}", rs.GENERAL, 1, 0) for i in range(40)]
    frame = pd.DataFrame(rows, columns=["account_id", "kind", "answered", "moved_back"])
    frame = frame.assign(beyond=frame["answered"] - frame["moved_back"])
    table = rs.side_by_side(frame, [rs.TARGETED, rs.GENERAL], ["answered", "moved_back", "beyond"])
    said = say_kpis.answer(table, 14, 0.95)
    own, other = (
        "cannot be shown that they are answered more than happens anyway (+0.0 points",
        "100.0 more answers in 100 touches",
    )
    assert said.index(own) < said.index(other) < said.index("Compared at accounts with both: -100.0 points")


def test_a_visit_is_after_a_touch_made_for_its_account_for_thirty_days():
    rows = [("a", "2026-03-01", "outbound", "email", "own"), ("b", "2026-03-01", "outbound", "email", "all")]
    rows += [
        ("a", day, "inbound", "web", None, won)
        for day, won in (("2026-03-31", True), ("2026-04-01", False), ("2026-02-01", None))
    ]
    rows += [
        ("b", "2026-03-02", "inbound", "web", None, False),
        ("a", "2026-03-02", "inbound", "web", None, True, True),
    ]
    every = touches(rows)
    found = rs.visits(every, sent(every))
    assert found[["account_id", "kind", "converted"]].values.tolist() == [
        ["a", rs.AFTER, 1],
        ["a", rs.SAME, 0],
        ["b", rs.OTHERS, 0],
    ]


def test_arms_of_a_message_test_are_compared_by_the_accounts_that_converted_in_time():
    drawn = arms([(f"a{i}", "A") for i in range(30)] + [(f"b{i}", "B") for i in range(30)])
    wins = [(f"a{i}", "2026-02-01", "inbound", "web", None, True) for i in range(20)]
    late = [(f"b{i}", "2026-05-01", "inbound", "web", None, True) for i in range(30)]
    found = rs.message_arms(drawn, touches([*wins, *wins, *late]), TODAY)
    assert found[["kind", "accounts", "converted"]].values.tolist() == [
        ["A", 30, 20 / 30],
        ["B", 30, 0],
        ["B less A", 60, -20 / 30],
    ]
    assert found["converted_high"].iloc[2] < 0
    assert found["shared"].iloc[2] == 1 and say_kpis.better_arm(found) == ""  # both arms send the same message
    assert say_kpis.better_arm(found.assign(shared=0)) == "Send the message that converted more accounts: of T arm A"
    assert "Both arms send 1 message alike" in repr(say_kpis.message_tests(found, 90, 0.95))
    few = rs.message_arms(drawn.iloc[1:], touches(wins), TODAY).set_index("part")
    assert np.isnan(few.loc["difference", "converted"])
    assert "too early to say" in repr(say_kpis.message_tests(few.reset_index(), 90, 0.95))
    assert rs.message_arms(arms([("a", "A")], "2026-06-01"), touches(wins), TODAY).empty  # its days are not over


def test_without_touches_visits_and_tests_nothing_is_said_and_nothing_noted():
    none = touches([])
    answers = rs.side_by_side(
        rs.answered(sent(none), none, TODAY, 14), [rs.TARGETED, rs.GENERAL], ["answered", "moved_back", "beyond"]
    )
    visited = rs.visits(none, sent(none))
    converted = rs.side_by_side(visited, [rs.AFTER, rs.SAME, rs.OTHERS], ["converted"])
    tested = rs.message_arms(as_read("message_tests"), none, TODAY)
    assert rs.response_rows(answers, converted, tested) == []
    assert rs.by_persona(none, as_read("contacts"), as_read("personas"), periods.trailing(TODAY, 12)).empty
    said = [
        say_kpis.responses(answers, 14, 60, 0.95),
        say_kpis.conversions(converted, 30, 0.95),
        say_kpis.message_tests(tested, 90, 0.95),
    ]
    assert [repr(words) for words in said] == ["", "", ""]


def test_touches_are_compared_in_channels_and_months_that_both_kinds_have():
    sent_ = pd.DataFrame({
        "kind": [rs.GENERAL, rs.GENERAL, rs.TARGETED, rs.GENERAL], "channel": ["email", "ad", "email", "email"],
        "occurred_day": pd.to_datetime(["2025-01-01", "2025-03-01", "2025-02-01", "2025-02-15"]),
    })  # fmt: skip
    assert rs.comparable(sent_).index.tolist() == [2, 3]
    assert len(rs.comparable(sent_[sent_["kind"] == rs.GENERAL])) == 3
