"""The five steps, the joint team, what sales hears, and outcomes since entry, on tables a person can count."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import checklist, feedback, framework, joint_team, maturity, tiger_teams
from abmlib.pages import say_framework, say_since_entry
from tests.conftest import as_read, entries


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# -- the five steps ---------------------------------------------------------------------------------------------------

AS_OF = day("2025-03-31")
PEOPLE = [
    ("ann", "sales", "sales", 40, "A", None, "2025-01-01"),
    ("bob", "marketing", "analytics", 30, "A", "acme", "2025-01-01"),  # accountable for one account only
    ("cid", "marketing", "analytics", 10, "R", None, "2025-01-01"),  # does it, does not answer for it
]


@pytest.fixture
def people() -> pd.DataFrame:
    return entries("team", "person_id team function capacity_hours raci account_id", PEOPLE)


@pytest.fixture
def steps(people) -> pd.DataFrame:
    rows = [
        ("Culture ", 2, None, "2024-01-01"),
        ("culture", 3, "survey of May", "2025-03-01"),
        ("shared definitions", 4, " ", "2025-03-01"),  # a note that says nothing
        ("messaging: brand", 1, "old brand book", "2024-03-31"),  # a year old
        ("cake", 5, None, "2025-03-31"),  # on nobody's list
    ]
    done = {
        "criteria signed": (1, 4, 1.0),
        "agreed account list": (82, 100, 0.8),
        "message for each persona": (0, 0, 1.0),
    }
    last = {"criteria": day("2025-01-07")}
    scores = entries("readiness", "item score note", rows)
    return checklist.checklist(scores, people, done, last, AS_OF, 180).set_index("item")


def test_the_agreed_list_lacks_agreement_however_far_the_votes_overlap(people):
    done = {"agreed account list": (82, 100, 0.8)}
    got = checklist.checklist(as_read("readiness"), people, done, {}, AS_OF, 180, "a vote").set_index("item")
    assert got.loc["agreed account list", "lacks"].endswith("a vote")


def test_each_item_says_who_answers_who_acts_and_what_it_lacks(steps):
    assert steps["lacks"].dropna().to_dict() == {
        "go-to-market strategy": "a score",
        "messaging: purpose": "an owner; a score",
        "messaging: updated values": "an owner; a score",
        "messaging: brand": "an owner; a newer score",
        "shared definitions": "an owner; evidence for the score",
        "sales time set aside": "a score",
        "teams for each persona": "a score",
        "data reviewed": "an owner; a score",
        "criteria signed": "3 of 4 criteria without both signatures",
        "message for each persona": "an owner; entries in programme/messages.csv",
        "content for each persona": "an owner; a score",
        "plan for each top account": "a score",
        "hand-overs answered": "a score",
        "objectives frozen": "an owner; a score",
        "accounts held back": "an owner; a score",
        "cake": "evidence for the score",
    }
    assert steps.loc["culture", ["score", "change", "age_days", "owner"]].tolist() == [3, 1, 30, "ann"]
    assert steps.loc["data reviewed", ["acts", "function_hours"]].tolist() == ["bob, cid", 40]
    assert steps.loc["messaging: brand", "acts"] == checklist.HEADS  # nobody of the function either
    assert steps.loc["criteria signed", ["done", "last_entry"]].tolist() == ["1 of 4", day("2025-01-07")]
    assert steps.index[-1] == "cake"


def test_items_are_counted_of_the_list_and_scores_of_all_scores(steps):
    rows = {(r["definition_id"], r.get("group", "all")): r for r in checklist.checklist_rows(steps.reset_index())}
    assert rows["readiness_steps_scored", "all"]["value"] == 3 / 11
    assert (
        rows["readiness_scores_with_evidence", "all"]["value"],
        rows["readiness_scores_with_evidence", "all"]["n"],
    ) == (0.5, 4)
    assert rows["readiness_score_age_median", "all"]["value"] == 30  # 30, 30, 365 and 0 days
    assert rows["programme_items_complete", "all"]["value"] == 2 / 17  # culture, and the agreed list
    assert rows["programme_items_complete", checklist.STEPS[0]]["value"] == 1 / 8
    assert rows["programme_items_with_an_owner", "all"]["n"] == 17
    assert len(framework.CHECKLIST) == 11


def test_scores_without_evidence_are_named(steps):
    scored = steps[steps["score"].notna()].reset_index()
    assert say_framework.scores(scored, 11, ["data reviewed"], 180) == [
        "4 items are scored, of 11, all by lead alone",
        "Neither scored nor shown by a file: data reviewed.",
        "Without evidence: shared definitions, cake.",
        "Older than 180 days: messaging: brand.",
    ]
    assert say_framework.scores(scored.iloc[:0], 11, [], 180) == []
    assert scored["scored_on"].tolist() == [day(d) for d in ("2025-03-01", "2024-03-31", "2025-03-01", "2025-03-31")]


def test_a_persona_is_covered_by_what_has_not_expired():
    personas = entries(
        "personas", "persona_id name", [(p, p, "2025-01-01") for p in "abc"], function="x", goals="x", pains="x"
    )
    rows = [("1", "a", None, "2025-01-01"), ("2", "b", "2025-02-01", "2025-01-01"), ("3", "gone", None, "2025-01-01")]
    content = entries(
        "content",
        "content_id persona_id expires_at created_at",
        [(*r[:3], "2025-01-01", r[3]) for r in rows],
        title="t",
        format="paper",
        language="en",
        depth="awareness",
    )
    assert checklist.covered_personas(personas, "content", content, AS_OF) == (1, 3)


# -- the joint team ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tier() -> pd.Series:
    return pd.Series({"acme": "2", "beta": "1", "cox": "1"}, name="tier")


def test_an_account_needs_one_who_answers_and_both_teams(people, tier):
    more = [
        ("dan", "sales", "sales", 5, "A", "acme", "2025-01-01"),
        ("eve", "marketing", "digital", 5, "R", "beta", "2025-01-01"),
    ]
    team = pd.concat([people, entries("team", "person_id team function capacity_hours raci account_id", more)])
    owner = pd.Series({"acme": "zoe", "beta": "ann", "cox": "zoe"})
    got = joint_team.account_teams(team, tier, owner).set_index("account_id")
    assert got.index.tolist() == ["beta", "cox", "acme"]  # the highest tier first
    assert got.loc["acme", ["accountable", "lacks"]].tolist() == ["bob, dan", "only one accountable person"]
    assert got.loc["beta", ["responsible", "lacks"]].tolist() == [
        "eve",
        "an accountable person",
    ]  # its owner is of sales
    assert (
        got.loc["cox", "lacks"] == "an accountable person; somebody of sales; somebody of marketing"
    )  # ann answers for sales
    alone = joint_team.account_teams(people.iloc[:0], tier, owner)["lacks"]
    assert set(alone) == {"an accountable person; somebody of sales; somebody of marketing"}


@pytest.fixture
def work(people, tier) -> pd.DataFrame:
    items = entries(
        "plan_items", "account_id item end owner",
        [("acme", "x", "2025-03-31", "cid", "2025-01-01"), ("beta", "y", None, None, "2025-01-01"), ("acme", "z", "2025-03-30", "cid", "2025-01-01")],
        reuse_or_new="new", channel="email",
    )  # fmt: skip
    actions = entries(
        "workshop_actions", "account_id text owner due status",
        [("acme", "a", "marketing", "2025-03-30", "open", "2025-01-01"), ("acme", "b", "cid", "2025-03-31", "open", "2025-01-01"), ("acme", "c", "cid", "2025-01-31", "done", "2025-02-01")],
    )  # fmt: skip
    owner = pd.Series({"acme": "ann", "beta": "ann", "cox": "zoe", "out": "ann"})
    teams = joint_team.account_teams(people, tier, owner)
    return joint_team.roster_of_work(people, teams, owner, items, actions, pd.Index(["cox"]), AS_OF)


def test_waiting_work_is_set_beside_the_hours_of_each_person(work):
    got = work.set_index("person_id")
    assert got.index.tolist() == ["bob", "cid", "ann", "marketing", "nobody", "zoe"]
    counts = [
        "accountable_for",
        "responsible_for",
        "accounts_owned",
        "plan_items",
        "actions_open",
        "actions_overdue",
        "hand_overs_waiting",
    ]
    assert got.loc["ann", counts].tolist() == [0, 0, 2, 0, 0, 0, 0]
    assert got.loc["bob", "accountable_for"] == 1
    assert got.loc["cid", counts].tolist() == [
        0,
        0,
        0,
        1,
        1,
        0,
        0,
    ]  # its plan ends today, so it runs; nor is the action late
    assert got.loc["marketing", counts].tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert got.loc["nobody", "plan_items"] == 1
    assert got.loc["zoe", counts].tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert got["hours_available"].sum() == 80


def test_noted_hours_are_those_of_whole_months_at_listed_accounts(work, people, tier):
    touches = pd.DataFrame(
        [
            ("acme", "sales", 2.0, "2025-03-01", 2),  # two touches of two hours
            ("beta", "sales", np.nan, "2025-02-01", 4),  # not noted
            ("beta", "sales", 3.0, "2025-01-01", 1),  # before the two months
            ("out", "sales", 9.0, "2025-03-01", 1),  # not listed
            ("acme", "marketing", np.nan, "2025-03-01", 1),
            ("acme", None, 5.0, "2025-03-01", 1),  # whose, nobody knows
        ],
        columns=["account_id", "team", "person_hours", "month", "rows"],
    ).astype({"month": "datetime64[us]", "rows": "Int64"})
    got = joint_team.noted_hours(touches, work, tier.index, AS_OF, 2).set_index("team")
    assert got.loc[
        "sales", ["hours_available", "touches", "noted_share", "hours_noted", "used"]
    ].tolist() == pytest.approx([40, 6, 1 / 3, 2, 0.05])
    assert got.loc["marketing", "noted_share"] == 0
    assert np.isnan(got.loc["marketing", "hours_noted"])  # not noted is not none
    later = joint_team.noted_hours(touches, work, tier.index, day("2025-04-15"), 2).set_index("team")
    pd.testing.assert_frame_equal(got, later)  # April is not over
    rows = joint_team.joint_team_rows(
        joint_team.account_teams(people, tier, pd.Series(dtype="str")), work, got.reset_index()
    )
    by = rows.set_index(["definition_id", "group"])
    assert by.loc[("listed_accounts_with_one_accountable", "all"), ["value", "n"]].tolist() == [1 / 3, 3]
    assert by.loc[("listed_accounts_with_one_accountable", "1"), ["value", "n"]].tolist() == [0, 2]
    assert rows.set_index("definition_id").loc["open_actions_overdue", "value"] == 0.5
    tier_1 = rows[(rows["group_by"] == "tier") & (rows["group"] == "1")]
    assert say_framework.account_teams(tier_1, work) == (
        "0 of 2 accounts of tier 1 have one accountable person, 0 have people of both sales and marketing; "
        "2 plan items are running; 1 of 2 open actions is overdue"
    )
    assert say_framework.team_hours(got.reset_index(), 2) == (
        "In the last 2 whole months, at listed accounts: sales noted 2 hours a month of 40 available, at 33% of its touches; "
        "marketing noted none, so its hours are not known"
    )


def test_functions_of_a_persona_are_counted_of_those_needed():
    table = pd.DataFrame(
        {"persona": ["Buyer", tiger_teams.NOBODY], "creative": [2, 9], "digital": [0, 9], "hours": [1.0, 1.0]}
    )
    hours = tiger_teams.capacity(pd.DataFrame({"person_id": ["a"], "hours": [10.0]}), pd.Series({"x": "1"}), [5, 0, 0])
    rows = tiger_teams.team_rows(table, hours, ["creative", "digital"])
    assert [(r["value"], r.get("group", "all")) for r in rows] == [(0.5, "all"), (0.5, "Buyer"), (0.5, "all")]


# -- what sales hears -------------------------------------------------------------------------------------------------


def notes(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "theme", "date"])
    return frame.assign(date=pd.to_datetime(frame["date"]).astype("datetime64[us]"))


def test_a_theme_grows_by_its_share_of_the_accounts_heard_and_not_by_more_notes():
    old = [("a0", "price", "2023-01-01")]  # since when there are notes
    old += [(f"a{i}", "price" if i < 10 else "service", "2024-06-01") for i in range(20)]
    more = [(f"a{i}", "price" if i < 20 else "service", "2025-06-01") for i in range(40)]  # twice as many of each
    _, got = feedback.themes(notes(old + more), day("2025-12-31"), 12)
    assert got.set_index("theme").loc[
        "price", ["named", "heard", "named_before", "heard_before", "change"]
    ].tolist() == [20, 40, 10, 20, 0]
    assert set(got["trend"]) == {"no change beyond chance"}
    new = [(f"b{i}", " Exports", "2025-06-02") for i in range(30)] + [
        ("b1", "exports", "2025-06-03"),
        (None, "exports", "2025-06-04"),
    ]
    period, got = feedback.themes(notes(old + more + new), day("2025-12-31"), 12)
    assert got.iloc[0][["theme", "named", "heard", "trend"]].tolist() == ["exports", 30, 70, "grows"]
    assert str(period) == "2025-01-01 to 2025-12-31"
    assert say_framework.trends(got, "in 2025").startswith(
        "“exports” grows: named by 30 of 70 accounts in 2025, and by 0 of 20 before"
    )


def test_without_notes_or_an_earlier_period_no_theme_grows():
    _, none = feedback.themes(notes([]), AS_OF, 12)
    assert none.empty
    _, first = feedback.themes(notes([("a", "price", "2025-03-31")]), AS_OF, 12)
    assert first["trend"].tolist() == ["too early"]
    assert say_framework.trends(first, "in Q1 2025").startswith("Too early to tell")
    _, silent = feedback.themes(notes([("a", "price", "2025-02-10")]), AS_OF, 1)
    assert say_framework.trends(silent, "in March 2025").startswith("Sales noted nothing in March 2025")


@pytest.fixture
def book() -> pd.DataFrame:
    industry = ["glass"] * 20 + ["steel"] * 60 + [None] * 20
    return pd.DataFrame(
        {"name": "n", "owner_id": "s", "industry": industry},
        index=pd.Index([f"a{i:02d}" for i in range(100)], name="account_id"),
    )


def test_a_segment_stands_out_only_beyond_chance_and_unknown_never(book):
    said = [(f"a{i:02d}", "exports", "2025-01-01") for i in (*range(10), 25, *range(80, 100))]
    said += [("a00", "Exports ", "2025-02-01")]  # the second note of one account
    got = feedback.segments(notes(said), book["industry"], pd.Index(["a00", "a30"])).set_index("segment")
    assert got.loc["glass", ["accounts", "listed", "heard", "named", "raw"]].tolist() == [20, 1, 10, 10, 0.5]
    assert got.loc["glass", "elsewhere"] == 21 / 80
    assert got.loc["steel", "shrunk"] > got.loc["steel", "raw"] == 1 / 60
    assert not got["more_often"].any()  # half of glass against a quarter of the rest is not beyond chance
    strong = feedback.segments(notes(said[:11]), book["industry"], pd.Index([])).set_index("segment")
    assert strong["more_often"].to_dict() == {"glass": True, "steel": False, "unknown": False}
    assert feedback.segments(notes(said[:2]), book["industry"], pd.Index([])).empty  # two accounts are no pattern


def test_look_alikes_are_the_accounts_of_the_segment_that_nobody_considered(book):
    heard = notes([(f"a{i:02d}", "exports", "2025-01-01") for i in (*range(10), 25)])
    found = feedback.segments(heard, book["industry"], pd.Index([]))
    money = pd.DataFrame({"open_amount": 0.0, "revenue_12m": 0.0}, index=book.index)
    money.loc["a15", "open_amount"] = 5.0
    got = feedback.look_alikes(found, heard, book, money, pd.Index([f"a{i:02d}" for i in range(9)]))
    assert got["account_id"].tolist()[:3] == ["a09", "a15", "a10"]  # it named the theme; it has an open deal; by id
    assert got["named"].tolist() == [True] + [False] * 10
    said = say_framework.not_listed(got, "EUR")
    assert (
        said
        == "11 accounts of glass were never considered for the list; 1 of them named it; 1 has open deals, of 5 EUR."
    )


def test_chance_alone_makes_few_themes_grow():
    random, false = np.random.default_rng(3), 0
    days = pd.date_range("2023-04-01", AS_OF)
    for _ in range(50):
        parts = (
            random.choice(list("ABCDEFGHIJKLMNOPQRST"), 80),
            random.choice(["a", "b", "c"], 80),
            random.choice(days, 80),
        )
        false += (
            feedback.themes(notes(list(zip(*parts, strict=True))), AS_OF, 12)[1]["trend"].isin(["grows", "fades"]).any()
        )
    assert false <= 5  # of 50, where two or three are to be expected


# -- before and after entry -------------------------------------------------------------------------------------------


def facts(rows: list[tuple]) -> dict[str, pd.DataFrame]:
    frame = pd.DataFrame(rows, columns=["account_id", "day", "amount"])
    frame = frame.assign(
        day=pd.to_datetime(frame["day"]).astype("datetime64[us]"), amount=frame["amount"].astype(float)
    )
    return dict.fromkeys(maturity.OUTCOMES, frame)


def test_outcomes_are_counted_in_the_months_since_each_account_entered_and_only_where_they_could_be_seen():
    since = pd.Series({"a": day("2025-01-31"), "b": day("2025-06-15"), "soon": day("2026-01-01")})
    rows = [
        ("x", "2024-10-31", 9),  # another account: the log begins here
        ("a", "2025-01-30", 1),  # the day before it entered
        ("a", "2025-01-31", 2),
        ("a", "2025-07-30", 4),  # last day of the sixth month
        ("a", "2025-07-31", 8),
        ("b", "2025-12-14", 16),
        ("b", "2026-02-01", 32),  # after the report's day
    ]
    created = pd.Series({"b": day("2025-05-16")})
    got = maturity.by_months(facts(rows), since, created, day("2025-12-31"))
    got = got[got["outcome"] == "won_value"].set_index("months_since_entry")
    assert got["total"].to_dict() == {"12 to 7 before": 0, "6 to 1 before": 1, "0–5": 22, "6–11": 8, "12 and more": 0}
    assert got["accounts"].to_dict() == {"12 to 7 before": 0, "6 to 1 before": 2, "0–5": 2, "6–11": 2, "12 and more": 0}
    days = (92 + 30, 181 + 183, 154 + 17)  # from 31 October to 30 January; from 16 May to 14 June; and so on
    assert got["account_months"].iloc[1:4].tolist() == pytest.approx([d / maturity.MONTH for d in days])
    assert (got.loc[got["accounts"] > 0, "status"] == "too_early").all()
    assert (got.loc[got["accounts"] == 0, "status"] == "not_answerable").all()
    assert got[["low", "high"]].isna().all(axis=None)


def test_a_change_is_that_of_the_accounts_and_of_the_same_length_on_both_sides():
    since = pd.Series(day("2025-01-01"), [f"a{i}" for i in range(40)])
    rows = (
        [("x", "2023-01-01", 0)]
        + [(a, "2024-07-01", 12) for a in since.index]
        + [(a, "2025-07-01", 24) for a in since.index[:39]]
    )
    got = maturity.changes(facts(rows), since, pd.Series(dtype="datetime64[us]"), day("2026-06-30"), [3, 12])
    row = got.iloc[0]
    assert row[["horizon_months", "accounts", "before", "after", "change"]].tolist() == pytest.approx(
        [12, 40, 1, 1.95, 0.95]
    )
    assert (row["verdict"], row["status"]) == ("more than before", "ok")
    assert say_since_entry.before_and_after(got.iloc[:1], 0.95).startswith(
        "Per account and month, won_value: 1.95 in the 12 months after entry and 1.00 before (more than before: +0.95, 95% interval"
    )
    few = maturity.changes(facts(rows), since.iloc[:29], pd.Series(dtype="datetime64[us]"), day("2026-06-30"), [3, 12])
    assert set(few["verdict"]) == {"too early to judge"}
    assert say_since_entry.before_and_after(few, 0.95) == ""


def test_a_change_that_only_a_doubling_would_show_is_too_early_and_no_outcome_is_no_answer():
    since = pd.Series(day("2025-01-01"), [f"a{i}" for i in range(40)])
    rows = [
        ("x", "2023-01-01", 0),
        ("a1", "2024-07-01", 12),
        ("a2", "2025-07-01", 24),
    ]  # two accounts of forty ever did it
    got = maturity.changes(facts(rows), since, pd.Series(dtype="datetime64[us]"), day("2026-06-30"), [12]).iloc[0]
    assert got["visible"] > got["before"]
    assert (got["verdict"], got["status"]) == ("too early to judge", "too_early")
    none = maturity.maturity_rows(
        dict.fromkeys(["entered", "held back"], maturity.by_months(facts([]), since, since, day("2026-06-30"))),
        maturity.changes(facts([]), since, since, day("2026-06-30"), [12]),
    )
    assert set(none["status"]) == {"not_answerable"}
    assert none["group_by"].value_counts().to_dict() == {"entered": 15, "held back": 15, "horizon": 3}


def test_without_entries_nothing_fails():
    nobody = pd.Series(dtype="datetime64[us]", index=pd.Index([], dtype="str"))
    assert maturity.timeline(maturity.by_months(facts([]), nobody, nobody, AS_OF))["accounts"].sum() == 0
    none = checklist.checklist(as_read("readiness"), as_read("team"), {}, {}, AS_OF, 180)
    assert none["owner"].isna().all()
    assert (none["acts"] == checklist.HEADS).all()
