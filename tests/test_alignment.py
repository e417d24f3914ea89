"""Agreement, hand-overs and tiger teams, on tables a person can count."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import alignment, tiger_teams
from tests.conftest import as_read, entries

ZONE = "Europe/Berlin"


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def value(rows: list[dict], name: str) -> dict:
    (row,) = (r for r in rows if r["definition_id"] == name)
    return row


# -- agreement --------------------------------------------------------------------------------------------------------


def table(*counts: list[int]) -> pd.DataFrame:
    return pd.DataFrame(list(counts))


def test_kappa_is_that_of_cohen_by_hand():
    """20 + 15 of 50 agree; by chance (25 × 30 + 25 × 20) ÷ 50² = 0.5 would."""
    value_, low, high, n = alignment.kappa(table([20, 5], [10, 15]))
    assert (value_, n) == (pytest.approx(0.4), 50)
    assert low < 0.4 < high


def test_the_interval_of_kappa_holds_the_truth_as_often_as_it_says():
    random, truth = np.random.default_rng(5), np.array([[0.4, 0.1, 0.0], [0.1, 0.2, 0.05], [0.0, 0.05, 0.1]])
    by_chance = truth.sum(axis=0) @ truth.sum(axis=1)
    true = (np.trace(truth) - by_chance) / (1 - by_chance)
    drawn = random.multinomial(100, truth.ravel(), 1000).reshape(-1, 3, 3)
    held = [low <= true <= high for _, low, high, _ in (alignment.kappa(pd.DataFrame(d)) for d in drawn)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_kappa_is_missing_where_both_always_say_the_same_and_one_where_they_agree_on_two():
    assert np.isnan(alignment.kappa(table([9, 0], [0, 0]))[0])
    assert alignment.kappa(table([9, 0], [0, 9]))[:3] == (1, 1, 1)
    assert alignment.kappa(table([0, 0], [0, 0]))[3] == 0


@pytest.fixture
def votes() -> pd.DataFrame:
    cast = [
        ("a", "sales", "in"), ("a", "marketing", "in"),
        ("b", "sales", "in"), ("b", "marketing", "out"),
        ("c", "sales", "unsure"), ("c", "marketing", "in"),
        ("d", "sales", "out"), ("d", "marketing", "out"),
        ("e", "sales", "in"),  # marketing never voted on it
        ("f", "finance", "out"),  # a team the list is not about
    ]  # fmt: skip
    rows = [(*vote, "second", "2025-06-01") for vote in cast]
    rows += [("d", "sales", "in", "second", "2025-05-01")]  # thought better of it a month later
    rows += [("a", "sales", "out", "first", "2025-01-01"), ("a", "marketing", "in", "first", "2025-01-01")]
    return entries("list_votes", "account_id voter_team vote round", rows)


def test_votes_are_set_beside_each_other_as_last_cast(votes):
    got = alignment.newest_round(alignment.votes_by_team(votes)).set_index("account_id")
    assert got["sales"].tolist() == ["in", "in", "unsure", "out", "in"]
    assert got["marketing"].fillna("-").tolist() == ["in", "out", "in", "out", "-"]
    assert set(got["round"]) == {"second"}
    counts = alignment.vote_counts(got)
    assert (counts.loc["in", "in"], counts.loc["in", "out"], counts.loc["unsure", "in"]) == (1, 1, 1)
    assert counts.to_numpy().sum() == 4


def test_a_vote_begins_with_the_first_entry_of_the_newest_round(votes):
    assert alignment.vote_began(votes) == pd.Timestamp("2025-05-01", tz="UTC")
    first = votes[votes["round"] == "first"]
    assert alignment.vote_began(first) == pd.Timestamp("2025-01-01", tz="UTC")
    assert pd.isna(alignment.vote_began(votes.iloc[:0]))
    assert pd.isna(alignment.vote_began(votes[votes["voter_team"] == "finance"]))


def test_the_last_vote_of_each_team_stands_of_whatever_round_until_it_is_too_old(votes):
    more = entries("list_votes", "account_id voter_team vote round", [("g", "sales", "in", "first", "2025-01-01"), ("b", "sales", "out", "first", "2025-07-01")])  # fmt: skip
    cast = pd.concat([votes, more], ignore_index=True)
    all_ = alignment.standing_votes(cast, day("2025-01-01"))
    assert all_.fillna("-").to_numpy().tolist() == [
        ["a", "in", "in"], ["b", "out", "out"], ["c", "unsure", "in"], ["d", "out", "out"], ["e", "in", "-"], ["g", "in", "-"],
    ]  # fmt: skip
    assert alignment.standing_votes(cast, day("2025-01-02"))["account_id"].tolist() == [
        *"abcde"
    ]  # that on g is too old
    late = alignment.standing_votes(cast, day("2025-06-02"))
    assert late.fillna("-").to_numpy().tolist() == [["b", "out", "-"]]
    none = alignment.standing_votes(cast, day("2025-07-02"))
    assert [*none] == ["account_id", "sales", "marketing"] and none.empty


def test_overlap_is_what_both_want_of_what_either_wants(votes):
    rows = alignment.agreement_rows(alignment.newest_round(alignment.votes_by_team(votes)))
    overlap = value(rows, "list_overlap")
    assert (overlap["value"], overlap["n"]) == (pytest.approx(1 / 3), 3)  # a, of a, b and c
    assert value(rows, "vote_kappa")["value"] == pytest.approx((2 / 4 - 6 / 16) / (1 - 6 / 16))
    assert value(rows, "accounts_voted_on_by_one_team")["value"] == 1


@pytest.mark.parametrize(
    ("cast", "overlap", "kappa"),
    [
        (["in", None], "accounts that both teams voted on", "accounts that both teams voted on"),
        (["out", "out"], "a vote for an account", "votes that differ"),
        (["in", "in"], "", "votes that differ"),
    ],
)
def test_votes_that_cannot_be_compared_say_what_is_lacking(cast, overlap, kappa):
    both = pd.DataFrame([["r", "a", *cast]], columns=["round", "account_id", "sales", "marketing"])
    rows = alignment.agreement_rows(both)
    assert [value(rows, name)["why"] for name in ("list_overlap", "vote_kappa")] == [overlap, kappa]


def test_each_round_has_its_rows_and_the_newest_stands_for_all(votes):
    rows = alignment.agreement_by_round(alignment.votes_by_team(votes))
    overlap = rows[rows["definition_id"] == "list_overlap"]
    assert dict(zip(overlap["group"].fillna("all"), overlap["value"].round(3), strict=True)) == {
        "all": 0.333,
        "first": 0.0,
        "second": 0.333,
    }


def test_what_is_to_be_settled_names_both_votes_the_plain_contradictions_first(votes):
    both = alignment.newest_round(alignment.votes_by_team(votes))
    names = pd.DataFrame({"name": ["Beta", "Cesta"], "owner_id": ["S1", "S2"]}, index=["b", "c"])
    got = alignment.votes_by_account(both, names)
    assert got.iloc[:2].values.tolist() == [
        ["b", "Beta", "S1", "sales in, marketing out", "in and out"],
        ["c", "Cesta", "S2", "sales unsure, marketing in", "one is unsure"],
    ]
    rest = got.iloc[2:][["account_id", "differ"]].values.tolist()
    assert rest == [["e", "one did not vote"], ["a", ""], ["d", ""]]


def test_without_votes_nothing_agrees_and_nothing_breaks():
    none = alignment.votes_by_team(as_read("list_votes"))
    rows = alignment.agreement_by_round(none)
    assert rows["value"].isna().all()
    assert (rows["status"] == "not_answerable").all()
    nobody = pd.DataFrame(columns=["name", "owner_id"], index=pd.Index([], dtype="str"), dtype="str")
    assert alignment.votes_by_account(alignment.newest_round(none), nobody).empty


def test_joint_goals_are_counted_by_goal_and_by_listed_account():
    rows = [("1", "a", "joint"), ("2", "a", "us"), ("3", "b", "us"), ("4", "gone", "joint")]
    frame = pd.DataFrame(rows, columns=["goal_id", "account_id", "owner_side"]).assign(entered_at=day("2025-01-01"))
    got = alignment.joint_goal_rows(frame, pd.Index(["a", "b", "c"]))
    assert [r["value"] for r in got] == [0.5, pytest.approx(1 / 3)]
    assert [r["status"] for r in alignment.joint_goal_rows(frame.iloc[:0], pd.Index(["a"]))] == ["not_answerable"] * 2


# -- hand-overs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent() -> pd.DataFrame:
    rows = [
        ("a", "2025-05-01T08:00Z", "2025-05-01T10:00Z", "2025-05-01T12:00Z", True, "2025-05-01"),
        ("b", "2025-05-01T08:00Z", "2025-05-01T12:00Z", "2025-05-01T18:00Z", False, "2025-05-01"),
        ("c", "2025-05-01T08:00Z", "2025-05-01T18:00Z", None, None, "2025-05-01"),  # taken, and never touched
        ("d", "2025-05-01T08:00Z", None, None, None, "2025-05-01"),  # nobody answered
        ("e", "2025-05-28T08:00Z", "2025-05-28T09:00Z", None, None, "2025-05-28"),  # too young to be judged
    ]
    return entries("hand_overs", "account_id sent_at accepted_at first_touch_at brief_read", rows)


def test_acceptance_counts_only_what_could_have_been_answered(sent):
    rows = alignment.hand_over_rows(sent, day("2025-05-31"), ZONE, response_days=14)
    assert (value(rows, "hand_overs_accepted")["value"], value(rows, "hand_overs_accepted")["n"]) == (0.75, 4)
    assert (value(rows, "briefs_read_of_accepted")["value"], value(rows, "briefs_read_of_accepted")["n"]) == (0.5, 2)
    assert value(rows, "hand_overs_too_early_to_judge")["value"] == 1
    waiting = alignment.unanswered_accounts(alignment.mature_hand_overs(sent, day("2025-05-31"), 14))
    assert waiting.index.tolist() == ["d"]
    assert waiting["d"] == sent.loc[sent["account_id"] == "d", "sent_day"].max()


def test_a_hand_over_that_nobody_touched_is_not_a_fast_one(sent):
    rows = alignment.hand_over_rows(sent, day("2025-05-31"), ZONE, response_days=14)
    assert value(rows, "hours_to_acceptance_median")["value"] == 4  # 1, 2, 4, 10 and one waiting: the third of five
    assert np.isnan(value(rows, "hours_to_first_touch_median")["value"])  # two of five: no half was ever reached
    touched = sent[sent["first_touch_at"].notna()]
    assert (
        value(alignment.hand_over_rows(touched, day("2025-05-31"), ZONE, 14), "hours_to_first_touch_median")["value"]
        == 4
    )


def test_hand_overs_of_one_account_are_answered_alike_and_count_for_less(sent):
    many = pd.concat(
        [sent.assign(sent_at=sent["sent_at"] + pd.Timedelta(minutes=k)) for k in range(6)], ignore_index=True
    )
    apart = many.assign(account_id=many["account_id"] + many.index.astype("str"))
    ends = [
        value(alignment.hand_over_rows(each, day("2025-05-31"), ZONE, 14), "hand_overs_accepted")
        for each in (many, apart)
    ]
    assert ends[0]["value"] == ends[1]["value"] == 0.75
    assert ends[0]["high"] - ends[0]["low"] > 1.3 * (ends[1]["high"] - ends[1]["low"])


def test_an_answer_dated_before_it_was_asked_has_no_hours(sent):
    wrong = sent.assign(
        accepted_at=sent["accepted_at"].mask(sent["account_id"] == "a", pd.Timestamp("2025-04-01", tz="UTC"))
    )
    rows = alignment.hand_over_rows(wrong, day("2025-05-31"), ZONE, response_days=14)
    assert value(rows, "hours_to_acceptance_median")["n"] == 4
    assert value(rows, "hand_overs_accepted")["n"] == 4


def test_without_hand_overs_nothing_is_measured():
    rows = alignment.hand_over_rows(as_read("hand_overs"), day("2025-05-31"), ZONE, 14)
    assert {r["status"] for r in rows} == {"not_answerable"}


# -- tiger teams ------------------------------------------------------------------------------------------------------

BOTH = ["creative", "digital"]


@pytest.fixture
def personas() -> pd.DataFrame:
    rows = [("p1", "Treasurer", "2025-01-01"), ("p2", "Engineer", "2025-01-01"), ("p3", "Buyer", "2025-01-01")]
    return entries("personas", "persona_id name", rows, function="x", goals="x", pains="x")


@pytest.fixture
def team() -> pd.DataFrame:
    rows = [
        ("ann", "creative", "p1", 40, None, "2025-01-01"),
        ("ann", "creative", "p2", 40, "acme", "2025-01-02"),  # one person in two cells: 20 hours each, 40 in all
        ("bob", "digital", "p1", 99, None, "2025-01-01"),
        ("bob", "digital", "p1", 10, None, "2025-02-01"),  # corrected since
        ("cid", "sales", None, 30, None, "2025-01-01"),  # works for no persona
    ]
    return entries("team", "person_id function persona_id capacity_hours account_id", rows, team="t")


def test_the_matrix_counts_people_in_each_cell_and_their_hours_once(team, personas):
    people = tiger_teams.roster(team, personas)
    got = tiger_teams.matrix(people, personas, BOTH).set_index("persona")
    assert got.columns.tolist() == ["creative", "digital", "sales", "hours"]
    assert got.loc["Treasurer"].tolist() == [1, 1, 0, 30]
    assert got.loc["Engineer"].tolist() == [1, 0, 0, 20]
    assert got.loc["Buyer"].tolist() == [0, 0, 0, 0]  # nobody: a row all the same
    assert got.loc["no persona"].tolist() == [0, 0, 1, 30]
    assert got["hours"].sum() == 80


def test_gaps_name_what_is_missing_and_leave_out_who_is_complete(team, personas):
    got = tiger_teams.gaps(tiger_teams.matrix(tiger_teams.roster(team, personas), personas, BOTH), BOTH)
    assert got[["persona", "functions"]].values.tolist() == [["Buyer", "creative, digital"], ["Engineer", "digital"]]


def test_capacity_sets_each_persons_hours_against_what_the_tiers_need(team, personas):
    tier = pd.Series({"a": "1", "b": "2", "c": "2"})
    got = tiger_teams.capacity(tiger_teams.roster(team, personas), tier, [30.0, 5.0, 1.0]).set_index("tier")
    assert got["hours_needed"].tolist() == [30, 10, 0, 40]
    assert got.loc["all", ["hours_available", "used"]].tolist() == [80, 0.5]


def test_without_anybody_capacity_is_missing_and_not_nought(personas):
    nobody = tiger_teams.roster(as_read("team"), personas)
    got = tiger_teams.capacity(nobody, pd.Series({"a": "1"}), [30.0, 5.0, 1.0]).set_index("tier")
    assert got.loc["all", ["hours_available", "used"]].isna().all()
    assert len(tiger_teams.gaps(tiger_teams.matrix(nobody, personas, BOTH), BOTH)) == 3


@pytest.mark.parametrize("hours", [[1.0, 2.0], [1.0, 2.0, -1.0]])
def test_refuses_hours_that_fit_no_tiers(hours):
    with pytest.raises(ValueError, match="three numbers of 0 or more"):
        tiger_teams.capacity(pd.DataFrame(), pd.Series(dtype=str), hours)
