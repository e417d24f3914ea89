"""Aims, criteria and age of the programme, on tables a person can check; and the page made of them."""

import re

import numpy as np
import pandas as pd
import pytest

from abmlib.method import alignment, framework, maturity, periods
from abmlib.method.deals import with_days
from abmlib.pages import say, say_framework
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables.days import beside
from tests import twins_in_process
from tests.conftest import as_read, entries, put


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# -- aims -------------------------------------------------------------------------------------------------------------


def objectives(rows: list[tuple]) -> pd.DataFrame:
    columns = "objective_id measure_id baseline target frozen_at"
    return entries("objectives", columns, rows, sales_goal="more", tactic="talk")


@pytest.fixture
def aims() -> pd.DataFrame:
    rows = [
        ("kept", "won", 10, 20, "2025-01-01", "2025-01-01"),
        ("draft", "won", None, 20, None, "2025-01-01"),
        ("late", "won", 10, 20, "2025-02-02", "2025-02-02"),
        ("dated back", "won", 10, 20, "2025-01-01", "2025-03-01"),  # said to be frozen in January, entered in March
        ("moved", "won", 10, 20, "2025-01-01", "2025-01-01"),
        ("moved", "won", 10, 15, "2025-01-01", "2025-05-01"),  # an easier target, under the old freeze
        ("settled", "won", 10, 20, None, "2024-12-01"),
        ("settled", "won", 10, 25, "2025-01-01", "2025-01-01"),  # a draft may change until it is frozen
        ("same again", "won", None, 20, "2025-01-01", "2025-01-01"),
        ("same again", "won", None, 20, "2025-01-01", "2025-06-01"),  # entered once more, nothing altered
    ]
    return objectives(rows)


def test_an_aim_is_frozen_only_if_it_was_entered_so_in_time_and_left_alone(aims):
    got = framework.objectives(aims, day("2025-02-01")).set_index("objective_id")["state"].to_dict()
    assert got == {
        "kept": "frozen",
        "draft": "draft",
        "late": "frozen late",
        "dated back": "frozen late",
        "moved": "changed",
        "settled": "frozen",
        "same again": "frozen",
    }


def test_nothing_is_late_for_a_programme_that_has_not_begun(aims):
    got = framework.objectives(aims, pd.NaT)["state"]
    assert sorted(set(got)) == ["changed", "draft", "frozen"]
    assert framework.objective_row(framework.objectives(aims, pd.NaT))["value"] == 5 / 7


def test_the_day_the_programme_begins_is_still_in_time(aims):
    got = framework.objectives(aims, day("2025-02-02")).set_index("objective_id")["state"]
    assert got["late"] == "frozen"


def test_a_changed_aim_shows_what_it_was(aims):
    got = framework.changed_objectives(aims)
    assert got[["objective_id", "what", "before", "after"]].values.tolist() == [["moved", "target", "20", "15"]]
    assert got["objective"].tolist() == ["more (moved)"]
    assert got["changed_at"].dt.date.astype(str).tolist() == ["2025-05-01"]


def test_an_aim_that_is_changed_back_stays_changed(aims):
    both = pd.concat([aims, objectives([("moved", "won", 10, 20, "2025-01-01", "2025-06-01")])])
    assert len(framework.changed_objectives(both)) == 2
    assert "changed" in set(framework.objectives(both, pd.NaT)["state"])


SEEN = pd.DataFrame(
    [("won", 3, 0.9, "ok"), ("won", 6, 0.4, "ok"), ("won", 9, 0.3, "ok"), ("won", 12, np.nan, "too_early"),
     ("hopeless", 6, np.nan, "ok"), ("young", 3, np.nan, "too_early"), ("lacking", 3, np.nan, "not_answerable")],
    columns=["outcome", "horizon_months", "mde_relative", "status"],
)  # fmt: skip
ASKED = pd.DataFrame(
    [("a", "won", 10, 15), ("b", "won", 10, 12), ("c", "calls", 10, 20), ("d", "won", None, 9), ("e", "hopeless", 10, 99),
     ("f", "won", 10, 5), ("g", "won", 0, 5), ("h", "young", 1, 2), ("i", "lacking", 1, 2)],
    columns=["objective_id", "measure_id", "baseline", "target"],
).assign(sales_goal="more")  # fmt: skip


def test_an_objective_is_set_beside_the_first_horizon_that_shows_its_rise_or_else_the_longest():
    got = framework.with_effects(ASKED, SEEN).set_index("objective_id")
    assert got["rise_asked"].round(3).tolist()[:3] == [0.5, 0.2, 1.0]
    assert got.loc[["d", "f", "g"], "rise_asked"].isna().all()  # no baseline; a fall; nothing to rise by
    assert got["horizon_months"].fillna(0).tolist() == [6, 9, 0, 9, 6, 9, 9, 0, 0]
    assert got["could_be_seen"].astype(object).where(got["could_be_seen"].notna(), None).tolist() == [
        True,  # asks for half as much again, and after six months four tenths are enough
        False,
        None,  # nobody judged its measure
        None,
        False,  # judged, and no rise of it is ever seen
        *[None] * 4,
    ]


def test_a_reader_is_told_yes_or_no_or_the_true_reason_why_not():
    got = framework.promised_effects(framework.with_effects(ASKED, SEEN), SEEN)
    assert got["could_be_seen"].fillna("-").tolist() == ["yes", "no", "-", "-", "no", "-", "-", "-", "-"]
    assert got["why_unknown"].str[:30].tolist() == [
        "", "", "not among the measures whose e", "no baseline is entered", "", "its target is not above its ba",
        "a baseline of 0 or less has no", "too little history", "the source does not hold it, o",
    ]  # fmt: skip


RISES = pd.DataFrame(
    [("bold", 0.9, 0.5, 6, "yes"), ("timid", 0.1, 0.5, 6, "no"), ("vain", 0.1, np.nan, 6, "no"), ("odd", np.nan, np.nan, 0, None)],
    columns=["objective", "rise_asked", "smallest_detectable", "horizon_months", "could_be_seen"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("places", "says"),
    [
        ([0, 1, 2, 3], "1 of 3 objectives that can be judged asks for a rise that can be detected with us: bold; “timid” asks for 10%, but only 50% or more can be detected, after 6 months; 1 other asks for too little; 1 other cannot be judged here."),
        ([2], "The 1 objective that can be judged asks for less than can be detected with us: “vain” asks for 10%, but no rise can be detected."),
        ([3], "Nobody can say whether a rise that an objective asks for can be detected with us."),
        ([], "No objective is entered, so nothing is promised yet."),
    ],
    ids=["all kinds", "too small", "unknown", "none"],
)  # fmt: skip
def test_it_is_said_which_objectives_ask_for_what_can_be_detected(places, says):
    assert say_framework.promises(RISES.iloc[places], "us") == says


# -- criteria ---------------------------------------------------------------------------------------------------------

SIGNED = [
    ("size", 30, "higher", "sales", "2025-01-02", "2025-01-02"),
    ("size", 30, "higher", "marketing", "2025-01-03", "2025-01-03"),
    ("fit", 20, "higher", "sales", "2025-01-02", "2025-01-02"),
    ("fit", 10, "higher", "marketing", "2025-01-03", "2025-01-03"),  # halved since: sales signed another weight
    ("past", 40, "lower", "joint", "2025-02-20", "2025-02-20"),  # one entry for both, after the vote
    ("news", 20, "higher", None, None, "2025-01-02"),
    ("gone", 0, "higher", "sales", "2025-01-02", "2025-01-02"),  # given up: counts for nothing
]


def criteria(rows: list[tuple]) -> pd.DataFrame:
    return entries("criteria", "criterion_id weight direction sign_off_team signed_at", rows, name="rule")


def test_a_signature_holds_for_what_was_signed():
    got = framework.criteria(criteria(SIGNED), pd.Timestamp("2025-02-01", tz="UTC")).set_index("criterion_id")
    assert got["verdict"].to_dict() == {
        "past": "signed by both", "size": "signed by both", "news": "unsigned", "fit": "by marketing only"
    }  # fmt: skip
    assert got["weight_share"].tolist() == [0.4, 0.3, 0.2, 0.1]
    assert got.index[got["after_vote"]].tolist() == ["past"]
    assert framework.criteria_row(got)["value"] == 0.5


def ballot(votes: dict[str, tuple[str | None, str | None]]) -> pd.DataFrame:
    """One round: the vote of sales and of marketing on each account."""
    rows = [("r", account, *cast) for account, cast in votes.items()]
    return pd.DataFrame(rows, columns=["round", "account_id", "sales", "marketing"]).astype("str")


def wanted(n: int, cast: tuple[str | None, str | None] = ("in", "in")) -> dict[str, tuple[str | None, str | None]]:
    return {f"{cast[0]}{cast[1]}{i}": cast for i in range(n)}


ALONE = wanted(29, ("in", None))  # marketing has no vote on these
AGREED = wanted(8) | wanted(1, ("in", "out")) | wanted(1, ("in", None))  # both voted on 9 of 10, and want 8 of 9


@pytest.mark.parametrize(
    ("rows", "votes", "listed", "lacks"),
    [
        (SIGNED[:2], AGREED, None, ""),
        (SIGNED[:2], AGREED, [*wanted(8)], ""),
        (SIGNED[:2], {}, None, "no list was voted on by both teams"),
        (SIGNED[:2], {}, ["a"], "both teams voted on none of 1 account"),
        (SIGNED[:2], AGREED, [], "no list was voted on by both teams"),
        (SIGNED[:2], wanted(30, ("in", None)), None, "both teams voted on none of 30 accounts"),
        (SIGNED[:2], ALONE | wanted(1), None, "both teams voted on 1 of 30 accounts, below 90.0%"),
        (SIGNED[:2], AGREED, ["other"], "both teams voted on none of 1 account"),
        (SIGNED[:2], AGREED, [*AGREED, "other"], "both teams voted on 9 of 11 accounts, below 90.0%"),
        (SIGNED[:2], wanted(9, ("unsure", "unsure")), None, "no account is wanted by both teams"),
        (SIGNED[:2], wanted(9, ("out", "out")), None, "no account is wanted by both teams"),
        (SIGNED[:2], wanted(3) | wanted(1, ("in", "unsure")), None, "the two lists overlap by 75.0%, below 80.0%"),
        (SIGNED[:4], AGREED, None, "1 of 2 criteria is not signed by both teams"),
        (SIGNED[4:5], AGREED, None, "1 was signed only after the vote on the list"),
        ([], AGREED, None, "no criterion is entered"),
    ],
    ids=["agreed", "agreed on a list", "no votes", "no votes on a list", "nothing listed", "sales only", "marketing on one", "on other accounts",
         "on too few of the list", "all unsure", "all out", "apart", "unsigned", "signed late", "nothing to sign"],
)  # fmt: skip
def test_the_gate_opens_only_if_all_was_signed_in_time_and_both_teams_voted_and_agree(rows, votes, listed, lacks):
    rules = framework.criteria(criteria(rows), pd.Timestamp("2025-02-01", tz="UTC"))
    gate = framework.selection_gate(
        rules, ballot(votes), 0.8, None if listed is None else pd.Index(listed, dtype="str")
    )
    assert say.lacking(**vars(gate)) == lacks
    assert gate.passed is (not lacks)
    assert (framework.gate_row(gate)["value"], framework.gate_row(gate)["status"]) == (float(not lacks), "ok")


@pytest.mark.parametrize(
    ("rows", "on"),
    [(SIGNED[:2], "2025-01-03"), ([*SIGNED[:2], SIGNED[4]], "2025-02-20"), ([*SIGNED[:2], SIGNED[5]], None), ([], None),
     ([*SIGNED[:2], ("size", 40, "higher", "sales", "2025-03-01", "2025-03-01")], None)],
    ids=["both", "the last criterion", "one unsigned", "none", "signed before it changed"],
)  # fmt: skip
def test_criteria_are_signed_on_the_day_on_which_the_last_team_signed_the_last_of_them(rows, on):
    found = framework.signed_on(framework.criteria(criteria(rows), pd.NaT))
    assert pd.isna(found) if on is None else found == day(on)


@pytest.mark.parametrize(("voted", "lacks"), [(5, ""), (4, "both teams voted on 4 of 10 accounts, below 50.0%")])
def test_of_a_list_that_changes_from_month_to_month_a_share_that_is_given_must_be_voted_on(voted, lacks):
    rules = framework.criteria(criteria(SIGNED[:2]), pd.NaT)
    listed = pd.Index([*wanted(10)])
    gate = framework.selection_gate(rules, ballot(wanted(voted)), 0.8, listed, framework.LISTED_NEEDED)
    assert (say.lacking(**vars(gate)), gate.passed) == (lacks, not lacks)
    assert not framework.selection_gate(rules, ballot(wanted(5)), 0.8, listed).passed  # of other lists nearly all


def test_who_signs_late_passes_after_another_vote():
    cast = [(a, team, "in", r, d) for r, d in (("1", "2025-01-01"), ("2", "2025-03-01")) for a in "ab" for team in ("sales", "marketing")]  # fmt: skip
    votes = entries("list_votes", "account_id voter_team vote round", cast)
    passed = []
    for until in ("1", "2"):
        known = votes[votes["round"] <= until]
        both = alignment.newest_round(alignment.votes_by_team(known))
        rules = framework.criteria(criteria(SIGNED[:2]), alignment.vote_began(known))  # signed between the two votes
        passed.append(framework.selection_gate(rules, both, 0.8).passed)
    assert passed == [False, True]


def test_no_threshold_lets_lists_pass_that_share_no_account():
    rules = framework.criteria(criteria(SIGNED[:2]), pd.Timestamp("2025-02-01", tz="UTC"))
    for cast in ("in", "out"), ("unsure", "unsure"):
        assert not framework.selection_gate(rules, ballot(wanted(9, cast)), 0.0).passed


def test_the_gate_says_what_is_missing_or_to_proceed():
    assert str(say.gate(True, "")) == "Agreed: proceed."
    assert str(say.gate(False, "no criterion is entered")) == "Do not proceed: no criterion is entered."


# -- age --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiers() -> pd.DataFrame:
    rows = [
        ("old", "2025-01-31", "3", None, "2025-01-01"),
        ("old", "2025-06-01", "1", None, "2025-06-01"),  # promoted: its entry stays the first
        ("new", "2026-05-31", "2", None, "2026-05-31"),
        ("left", "2025-10-15", "2", "2026-01-31", "2025-10-15"),  # was in it, and is no more
        ("out", "2025-01-01", "none", None, "2025-01-01"),  # looked at and left out
        ("soon", "2026-09-01", "1", None, "2026-06-01"),  # will enter after the day
    ]
    return entries("account_tiers", "account_id valid_from tier valid_to", rows, set_by="joint", reason="fit")


def test_accounts_are_in_the_programme_from_their_first_entry(tiers):
    since = framework.entry_days(tiers)
    assert since.dt.date.astype(str).to_dict() == {
        "left": "2025-10-15",
        "new": "2026-05-31",
        "old": "2025-01-31",
        "soon": "2026-09-01",
    }
    assert framework.tiers_on(tiers, day("2026-06-30")).to_dict() == {"new": "2", "old": "1"}


def test_a_horizon_is_too_early_until_enough_accounts_have_reached_it(tiers):
    since, as_of = framework.entry_days(tiers), day("2026-06-30")
    got = maturity.horizon_status(since, as_of, [3, 12])
    assert got[["reached", "accounts"]].values.tolist() == [[2, 3], [1, 3]]
    assert got["status"].tolist() == ["too_early", "too_early"]
    assert got["all_reached_on"].dt.date.astype(str).tolist() == ["2026-08-31", "2027-05-31"]
    many = pd.Series(day("2026-01-01"), [f"a{i}" for i in range(FLOOR_OUTCOMES)])
    assert maturity.horizon_status(many, as_of, [3])["status"].tolist() == ["ok"]
    assert maturity.horizon_status(many[:-1], as_of, [3])["status"].tolist() == ["too_early"]
    assert maturity.horizon_status(many[:0], as_of, [3])["status"].tolist() == ["not_answerable"]


def test_the_programme_begins_with_the_first_tier_or_campaign(tiers):
    added = beside(pd.DataFrame({"added_at": pd.to_datetime(["2025-01-20T23:30Z"], utc=True)}), "Europe/Berlin")
    assert framework.programme_start(tiers, added) == day("2025-01-21")  # after midnight in Berlin
    assert framework.programme_start(tiers, added.iloc[:0]) == day("2025-01-31")
    assert pd.isna(framework.programme_start(tiers.iloc[:0], added.iloc[:0]))


# -- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differ", "overlap", "line", "more"),
    [
        (["in and out", "one is unsure", "", "one did not vote"], (0.85, 0.7, 0.9, 9), "differ on 2 of 3 accounts", "80% is needed, and the interval includes less."),
        (["", ""], (0.95, 0.85, 0.99, 90), "agree on every account", "80% is needed."),
        (["one did not vote"], (np.nan, np.nan, np.nan, 0), "Only one team voted on each of 1 account", ""),
        ([], (np.nan, np.nan, np.nan, 0), "", ""),
    ],
    ids=["differ", "agree", "one team", "no votes"],
)  # fmt: skip
def test_votes_are_said_with_their_overlap_and_its_doubt(differ, overlap, line, more):
    got = say_framework.votes(pd.DataFrame({"differ": pd.Series(differ, dtype="str")}), overlap, 0.8, 0.95)
    assert line in got[0]
    assert got[1].endswith(more)


def test_a_signature_after_the_vote_is_said_and_none_where_nobody_voted():
    rules = pd.DataFrame({"verdict": ["signed by both"] * 2, "after_vote": [False, True]})
    assert say_framework.signatures(rules, voted=True).endswith("; 1 was signed after the vote on the list")
    assert say_framework.signatures(rules.iloc[:1], voted=True).endswith(", before the vote on the list")
    assert say_framework.signatures(rules.iloc[:1], voted=False) == "The one criterion is signed by both teams"


# -- the notebook -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sample_page(sample_report) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """The page of the sample, its table and its measures."""
    read = [pd.read_parquet(sample_report / "tables" / f"{name}.parquet") for name in ("02_framework", "02_measures")]
    return (sample_report / "html" / "02_framework.html").read_text(), *read


def test_the_samples_page_says_what_is_signed_what_is_agreed_and_what_could_be_seen(sample_page):
    page, table, measures = sample_page
    assert "None of 4 criteria is signed by both teams; 3 were signed after the vote on the list" in page
    assert "Compared: 69 accounts treated and 29 held back at random." in page
    assert table.set_index("objective_id")["could_be_seen"].to_dict()["OB1"] is False
    assert {
        "C-24",
        "C-55",
        "C-57",
        "S0-8",
        "S1-11",
        "S1-22a",
        "S1-22e",
        "S3-5",
        "S3-6",
        "S3-8",
        "S3-9",
    } == set(measures["measure_id"])


def test_powers_of_the_samples_page_are_those_of_simulated_programmes(sample_page):
    """Each share of the page, from 20,000 programmes of its size drawn anew."""
    measures, random, runs = sample_page[2], np.random.default_rng(1), 20_000
    said = measures[measures["definition_id"].str.fullmatch("power_to_see_rise_of_accounts_.*")]
    by = dict(zip(zip(said["definition_id"], said["group"], strict=True), said["value"], strict=True))
    base, treated, held = 24 / 91, 69, 29  # 24 of 91 opened a deal in the three months before
    counts = pd.DataFrame({"k1": random.binomial(treated, 1.2 * base, runs), "k0": random.binomial(held, base, runs)})
    n = pd.DataFrame({"k1": treated, "k0": held}, index=counts.index)
    found = (intervals.difference(counts, n)["low"] > 0).mean()
    expected = by["power_to_see_rise_of_accounts_opening_a_deal", "3 months"]
    assert abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / runs)


def test_with_accounts_alone_the_page_says_which_files_to_fill(tmp_path):
    rows = "account_id,name,created_at\nacme,Acme,2025-01-01T00:00:00Z\n"
    bought = "transaction_id,account_id,product_id,booked_at,revenue,kind\nt,acme,p,2026-03-01,5,purchase\n"
    data = put(tmp_path / "d", accounts=rows, transactions=bought)
    ran = twins_in_process.run(data, "2026-03-01", tmp_path / "t", ["02"])["02"]
    page = ran.page
    for name in ("objectives", "criteria", "list_votes", "account_tiers", "team", "readiness"):
        assert f"programme/{name}.csv" in page
    assert "Nothing is entered yet: fill them in a spreadsheet" in page
    lacks = "no criterion is entered; no list was voted on by both teams"
    assert f"Sales and marketing have not agreed on the target accounts yet: {lacks}." in page
    for topic in ("Criteria and signatures", "One list", "Objectives", "After the hand-over", "Readiness"):
        assert f'">{topic}</a>' not in page  # what nobody entered is said once
    assert not re.search(r"\b(nan|NaT|<NA>|None)\b", ran.text)
    assert pd.read_parquet(tmp_path / "t" / "02_framework.parquet").empty


SIGNED_PAGE = """criterion_id,name,weight,direction,sign_off_team,signed_at,entered_at,entered_by,supersedes
CR1,size,30,higher,joint,2025-01-02T09:00:00Z,2025-01-02T09:00:00Z,lead,
"""
VOTED = """account_id,voter_team,vote,round,entered_at,entered_by,supersedes
acme,sales,in,1,2025-01-03T09:00:00Z,lead,
acme,marketing,in,1,2025-01-03T09:00:00Z,lead,
"""
AIM = """objective_id,sales_goal,tactic,measure_id,baseline,target,frozen_at,entered_at,entered_by,supersedes
O1,sell <b>more</b>,talk,revenue,10,1000,,2025-01-02T09:00:00Z,Ada,
"""
SENT = """account_id,sent_at,accepted_at,first_touch_at,brief_read,entered_at,entered_by,supersedes
acme,2025-12-01T09:00:00Z,,,,2025-12-01T09:00:00Z,lead,
"""
TIER = """account_id,tier,valid_from,valid_to,set_by,reason,entered_at,entered_by,supersedes
acme,1,2025-06-01,,joint,large,2025-06-01T09:00:00Z,lead,
"""


def test_an_agreed_book_says_so_and_names_who_is_to_act_next(tmp_path):
    files = {"criteria": SIGNED_PAGE, "list_votes": VOTED, "objectives": AIM, "hand_overs": SENT, "account_tiers": TIER}
    rows = "account_id,name,owner_id,created_at\nacme,Acme,S1,2025-01-01T00:00:00Z\nbeta,Beta,S2,2025-01-01T00:00:00Z\n"
    bought = "transaction_id,account_id,product_id,booked_at,revenue,kind\nt,acme,p,2026-03-01,5,purchase\n"
    data = put(tmp_path / "d", accounts=rows, transactions=bought)
    put(data / "programme", **files)
    ran = twins_in_process.run(data, "2026-03-01", tmp_path / "t", ["02"])["02"]
    assert "Agreed: both teams signed the one criterion before the vote" in ran.text
    assert "; the programme has run since 1 June 2025, now with 1 account." in ran.text
    assert "First step, by 15 March 2026: freeze every objective." in ran.text
    assert "1 account waits for an answer to the hand-over, for 90 days" in ran.text
    decided = pd.read_parquet(tmp_path / "t" / "02_decisions.parquet").set_index("slug")
    assert decided.loc["answer_hand_overs", ["account_id", "owner"]].tolist() == ["acme", "S1"]
    assert decided.loc["freeze_objectives", "owner"] == "Ada"
    assert "pass_the_gate" not in decided.index
    assert "<b>more" not in ran.page
    assert not re.search(r"\b(nan|NaT|<NA>|None)\b", ran.text)


def test_an_objective_shows_its_present_value_beside_baseline_and_target():
    closed = {"is_closed": True, "stage": "end", "acv": 90.0}
    rows = [
        ("won", "a", "2025-08-01", "2026-01-31", True), ("lost", "b", "2026-01-10", "2026-02-10", False),
        ("early", "a", "2024-01-01", "2024-02-01", True), ("other", "z", "2026-01-10", "2026-02-10", True),  # not of the list
    ]  # fmt: skip
    columns = ["opportunity_id", "account_id", "created_at", "closed_at", "is_won"]
    frame = pd.DataFrame(rows, columns=columns).assign(**closed)
    times = {c: pd.to_datetime(frame[c], utc=True) for c in ("created_at", "closed_at")}
    table = with_days(
        as_read("opportunities", frame.assign(**times, close_date=times["closed_at"].dt.tz_localize(None))),
        day("2026-06-30"),
    )
    found = framework.present_values(table, pd.Index(["a", "b", "c", "d"]), periods.trailing(day("2026-06-30"), 12))
    assert found["win_rate"] == (0.5, 2, "deal") and found["opportunities_opened"] == (0.5, 4, "account")
    assert found["acv"] == (90.0, 1, "deal")
    entered = objectives(
        [
            ("o1", "win_rate", 0.2, 0.6, day("2024-12-01"), "2024-12-01"),
            ("o2", "joy", 1.0, 2.0, day("2024-12-01"), "2024-12-01"),
        ]
    )
    aims = framework.objectives(entered, day("2025-01-01"))
    of_aims = framework.objectives_table(aims, entered, found)
    assert of_aims["now"].fillna("").tolist() == ["0.5", ""]
    said = say_framework.aims_now(of_aims, aims, found, 4)
    assert said.startswith(
        "At 4 listed accounts in the last 12 months: win rate is 0.5 (n = 2 deals), from 0.2 to reach 0.6."
    )
    assert said.endswith("Check that the baseline of win rate counts the same accounts and months.")


def test_what_opens_the_gate_says_which_criteria_and_which_list():
    assert say_framework.to_sign(4, voted=True) == (
        "let both teams sign the 4 criteria by which key accounts are chosen, then vote once again on the whole list of target accounts"
    )
    assert say_framework.to_sign(0, voted=False).startswith(
        "write down the criteria by which key accounts are chosen, let both"
    )
