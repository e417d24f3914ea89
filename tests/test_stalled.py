"""Stalled, overdue, early and fast deals: each mark by its own condition, and what became of marked deals in the past."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import past_pipeline, stalled
from abmlib.method.periods import DAY
from abmlib.tables import schema
from tests.test_chances import HORIZON, PAST_DAY, half_won
from tests.test_pipeline import TODAY, as_read, day, deals


def past(days: list[float], line: str = "X", touches: tuple = (("a", 40), ("b", 10))) -> stalled.Past:
    """Stays of won deals of one line in Lead, 20 days after opening and 50 before the win; wins that took 120 days; touches."""
    stays = pd.DataFrame({"stage": "Lead", "line": line, "days": days, "until_won": 50.0, "from_opening": 20.0})
    wins = pd.DataFrame({"line": [line] * len(days), "age_days": 120.0})
    rows = [(account, TODAY - ago * DAY) for account, ago in touches]
    return stalled.Past(stays, wins, pd.DataFrame(rows, columns=["account_id", "day"]).sort_values("day"))


def live(rows: list[tuple]) -> pd.DataFrame:
    """Deals open today from (id, account, days in Lead, pushes, closing day in days from today, days from opening to Lead)."""
    rows = [(*row, 20)[:6] for row in rows]
    f = pd.DataFrame(rows, columns=["opportunity_id", "account_id", "days_in_stage", "pushes", "in", "took"])
    f = f.assign(created_day=TODAY - pd.to_timedelta(f["took"] + f["days_in_stage"].fillna(0), unit="D"))
    f = f.assign(
        skipped=False, product_line="X", stage="Lead", day=TODAY, close_date=TODAY + pd.to_timedelta(f["in"], unit="D")
    )
    return f.assign(pushes=f["pushes"].astype("Int64"))


@pytest.mark.parametrize(
    ("row", "marks"),
    [
        (("d", "a", 31, 0, 90), ["stalled", "slow", "quiet"]),  # no touch for 40 days, a quarter of 120 is 30
        (("d", "b", 31, 0, 90), ["slow"]),  # the buyer is in touch, nothing was postponed
        (("d", "b", 31, 2, 90), ["stalled", "slow", "pushed"]),
        (("d", "a", 30, 2, 90), ["quiet", "pushed"]),  # exactly as long as nine of ten: not slow
        (("d", "b", 1, 0, -1), ["overdue"]),
        (("d", "b", 10, 0, 40), []),  # due 50 days after it entered its stage, as soon as one in ten won deals
        (("d", "b", 10, 0, 39), ["due_too_early"]),
        (("d", "b", 50, 0, 0), ["slow"]),  # due today
        (("d", "b", 10, 0, 90, 19), ["fast"]),  # in its stage after 19 days
        (("d", "never", 31, 1, 90), ["stalled", "slow", "quiet"]),  # an account without any touch
        (("d", None, 31, 1, 90), ["slow"]),  # whose touches nobody knows
        (("d", "a", None, None, 90), ["quiet"]),  # no history
    ],
)
def test_a_deal_has_the_marks_that_won_deals_set_the_limits_of(row, marks):
    got = stalled.marked(live([row]), past([30.0] * 30)).iloc[0]
    assert [m for m in stalled.MARKS if got[m]] == marks


def test_slow_is_the_time_nine_tenths_of_at_least_thirty_won_deals_of_the_line_had_needed():
    ones = [float(i) for i in range(1, 32)]  # 1 … 31 days: 0.9 · 30 steps from the first is 28
    row = live([("d", "a", 5, 0, 5)])
    assert stalled.marked(row, past(ones))["days_slow"].tolist() == [28]
    assert stalled.marked(row, past(ones, line="Y"))["days_slow"].tolist() == [
        28
    ]  # no deal of its line: all lines tell
    assert stalled.marked(row, past(ones[:29]))["days_slow"].isna().all()  # too few


def test_without_touches_in_the_source_no_deal_is_quiet():
    got = stalled.marked(live([("d", "a", 31, 0, 5)]), past([30.0] * 30, touches=()))
    assert got[["stalled", "quiet", "slow"]].iloc[0].tolist() == [False, False, True]


def test_a_deal_in_a_late_stage_is_alone_while_one_person_is_entered_for_it():
    rows = [
        ("o", "p1", -9),
        ("o", "p1", -8),
        ("o", "p2", 1),
        ("two", "p1", -9),
        ("two", "p2", -8),
        ("dark", "p1", None),
    ]
    people = pd.DataFrame(rows, columns=["opportunity_id", "contact_id", "added"])
    people = people.assign(added_day=TODAY + pd.to_timedelta(people["added"], unit="D"))
    visits = pd.DataFrame(
        {"stage": ["Lead", "Offer"], "stage_order": [1, 2], "opportunity_id": "w", "days": 1, "began": TODAY}
    )
    by = stalled.past_of(deals([("w", True, 1, "2026-01-01", "2026-02-01")], product_line=["X"]), visits, past([1.0]).touches.assign(direction="inbound"), people)  # fmt: skip
    open_deals = live([(o, "b", 1, 0, 90) for o in ("o", "two", "dark", "none")])
    got = stalled.marked(open_deals.assign(stage="Offer"), by)
    assert got["people"].fillna(0).tolist() == [1, 2, 0, 0]  # the second person of o comes tomorrow
    assert got["alone"].tolist() == [True, False, False, False]
    assert not stalled.marked(open_deals, by)["alone"].any()  # an early stage


@pytest.mark.parametrize(("took", "limit"), [(20.0, 14), (120.0, 30), (400.0, 45)])
def test_weeks_of_quiet_follow_the_cycle_within_14_and_45_days(took, limit):
    by = past([1.0] * 30, touches=[("in", limit), ("out", limit + 1)])
    by = stalled.Past(by.stays, by.wins.assign(age_days=took), by.touches)
    got = stalled.marked(live([("x", "in", 1, 0, 5), ("y", "out", 1, 0, 5)]), by)
    assert got["quiet"].tolist() == [False, True]


def test_only_touches_before_a_day_count_on_it_and_ours_never():
    rows = [("a", "inbound", 3), ("a", "outbound", 0), ("b", "mutual", 1)]
    touches = pd.DataFrame(
        [(a, d, TODAY - ago * DAY) for a, d, ago in rows], columns=["account_id", "direction", "day"]
    )
    visits = pd.DataFrame(
        {"opportunity_id": ["w"], "stage": ["Lead"], "stage_order": [1], "days": [4], "began": [day("2026-01-11")]}
    )
    by = stalled.past_of(deals([("w", True, 1, "2026-01-01", "2026-02-01")], product_line=["X"]), visits, touches)
    assert by.stays[["stage", "line", "days"]].to_numpy().tolist() == [["Lead", "X", 4]]
    assert by.stays[["from_opening", "until_won"]].to_numpy().tolist() == [[10, 21]]
    days = live([("x", "a", 1, 0, 5), ("y", "b", 1, 0, 5)])
    assert stalled.marked(days, by)["days_quiet"].tolist() == [3, 1]
    # two days ago the touch of the first account was a day old, and the one of the second had not been made
    assert stalled.marked(days.assign(day=TODAY - 2 * DAY), by)["days_quiet"].tolist() == pytest.approx(
        [1, np.nan], nan_ok=True
    )


def test_the_record_compares_marked_deals_with_the_others_and_calls_a_signal():
    rows = half_won(200).assign(product_line="X", pushes=0, close_date=PAST_DAY + DAY)
    bad = rows["ended"] == 2  # the lost ones were long in their stage and without a touch
    rows = rows.assign(days_in_stage=np.where(bad, 99.0, 1.0))
    got = stalled.record(rows, past([30.0] * 30, touches=(("x", 900),)), HORIZON).set_index("mark")
    assert got.loc["stalled", ["marked", "others", "not_won", "not_won_others", "verdict"]].tolist() == [
        100, 100, pytest.approx(1), pytest.approx(0), "signal",
    ]  # fmt: skip
    assert stalled.in_doubt(got.reset_index())[0] == pytest.approx(1)
    assert got.loc["stalled", ["more_low", "more_high"]].isna().all()  # all alike: no interval of no width
    one = stalled.record(rows.assign(account_id="a"), past([30.0] * 30, touches=(("x", 900),)), HORIZON)
    assert set(one["verdict"]) == {"too early"}  # of one account nobody can tell
    assert "overdue" not in got.index  # none was


def test_deals_due_too_early_are_followed_to_their_own_closing_day():
    rows = half_won(200).assign(product_line="X", pushes=0, days_in_stage=1.0)
    won = (rows["ended"] == 1).to_numpy()
    due = np.where(won, rows["days_followed"] + 50, 9)  # lost ones were due after 9 days, won ones later than won
    rows = rows.assign(close_date=PAST_DAY + pd.to_timedelta(due, unit="D"))
    got = stalled.record(rows, past([30.0] * 30), HORIZON).set_index("mark").loc["due_too_early"]
    assert got[["within", "marked", "others"]].tolist() == ["to its closing day", 100, 100]
    assert got[["not_won", "not_won_others"]].tolist() == [1, 0]
    by = past([30.0] * 30)
    by = stalled.Past(by.stays.assign(until_won=900.0), by.wins, by.touches)
    for later, not_won in ((-1, 1.0), (0, 0.5)):  # half were won, on that day
        due = rows["day"] + pd.to_timedelta(rows["days_followed"] + later, unit="D")
        got = stalled.record(rows.assign(close_date=due), by, HORIZON).set_index("mark").loc["due_too_early"]
        assert got[["marked", "not_won"]].tolist() == [200, pytest.approx(not_won)]


def test_a_mark_that_says_nothing_is_called_so_and_gives_no_money():
    rows = half_won(200).assign(product_line="X", pushes=0, close_date=PAST_DAY + DAY)
    rows = rows.assign(
        days_in_stage=[99.0 if i % 4 < 2 else 1.0 for i in range(200)]
    )  # half of the lost, half of the won
    by = past([30.0] * 30, touches=(("x", 900),))
    got = stalled.record(rows, by, HORIZON).set_index("mark")
    assert got["verdict"]["stalled"] == "no signal"
    assert np.isnan(stalled.in_doubt(got.reset_index())).all()
    assert stalled.record(rows.iloc[:60], by, HORIZON).set_index("mark")["verdict"]["stalled"] == "no signal"
    assert stalled.record(rows.iloc[:40], by, HORIZON).set_index("mark")["verdict"]["stalled"] == "too early"


def test_the_record_counts_deals_at_quarter_ends_and_leaves_out_what_could_not_be_judged():
    rows = half_won(40).assign(product_line="X", pushes=0, close_date=PAST_DAY - DAY, days_in_stage=99.0)
    earlier = rows.assign(day=day("2024-12-31"), close_date=day("2024-12-30"), days_in_stage=9.0)  # not slow yet
    unknown = rows.assign(opportunity_id=[f"u{i}" for i in range(40)], stage="unknown", close_date=pd.NaT)
    got = stalled.record(
        pd.concat([earlier, rows, unknown], ignore_index=True), past([30.0] * 30, touches=(("x", 900),)), HORIZON
    ).set_index("mark")
    assert got.loc["stalled", ["marked", "others", "marked_deals"]].tolist() == [40, 40, 40]
    assert got.loc["overdue", ["marked", "others", "marked_deals"]].tolist() == [80, 0, 40]


def listed() -> pd.DataFrame:
    rows = [
        ("all", "a", "s1", 10.0, TODAY - DAY, 70.0, 43.4, 50, 2, True, True, True, True, False),
        ("big", "a", "s2", 90.0, TODAY + DAY, 70.0, 43.4, None, 0, True, False, True, False, False),
        ("late", "b", "s1", 999.0, TODAY - 30 * DAY, 1.0, 43.4, 2, 0, False, True, False, False, False),
        ("dark", "c", "s1", 9.0, TODAY - DAY, 1.0, None, 2, None, False, True, False, False, False),
        ("nobody", None, "s1", 5.0, TODAY + DAY, 70.0, 43.4, 2, 3, True, False, False, True, True),
        ("fine", "b", "s1", 1.0, TODAY, 1.0, 43.4, 1, 2, False, False, False, True, False),
        ("quick", "b", "s1", 0.5, TODAY + 9 * DAY, 1.0, 43.4, 1, 0, False, False, False, False, True),
    ]
    columns = ["opportunity_id", "account_id", "owner_id", "amount", "close_date", "days_in_stage", "days_slow", "days_quiet",
               "pushes", "stalled", "overdue", "quiet", "pushed", "due_too_early"]  # fmt: skip
    limits = {"name": "Seats", "days_planned": 10.0, "days_needed": 35.0}
    return stalled.reasons(pd.DataFrame(rows, columns=columns).astype({"days_quiet": "Int64"}).assign(**limits), TODAY)


def test_a_listed_deal_says_every_reason_in_words():
    slow = "70 days in stage (9 of 10 won deals: up to 43)"
    early = "due 10 days after it entered its stage (9 of 10 won deals: 35 or more)"
    assert listed().set_index("opportunity_id")["why"].to_dict() == {
        "all": f"{slow}; no touch from the account for 50 days; postponed 2 times; overdue by 1 day",
        "big": f"{slow}; no touch from the account",
        "late": "overdue by 30 days",
        "dark": "overdue by 1 day; whether stalled is unknown: no stage history",
        "nobody": f"{slow}; postponed 3 times; {early}",
        "quick": early,
    }


def test_a_listed_deal_has_a_first_step_and_its_days_overdue():
    got = listed().set_index("opportunity_id")
    assert got["next_step"].to_dict() == {
        "all": "reach the buyer; close it or set a new day",
        "big": "reach the buyer",
        "late": "close it or set a new day",
        "dark": "close it or set a new day",
        "nobody": "ask what holds it up",
        "quick": "ask for the day of signing",
    }
    assert got["days_overdue"].dropna().to_dict() == {"all": 1, "late": 30, "dark": 1}


def test_a_decision_has_the_owners_of_all_deals_the_deals_as_reason_and_the_money_in_doubt():
    stuck = listed().query("stalled")
    got = stalled.to_decide(stuck, "EUR", (0.25, 0.125, 0.5))
    assert got["accounts"].tolist() == ["a"]
    assert got["owner"].to_dict() == {"a": "s2; s1"}  # that of the largest deal first
    first, second = got["reason"]["a"].split(". ")
    assert first.startswith("Seats (90 EUR, big): 70 days in stage")
    assert second.startswith("Seats (10 EUR, owner s1, all): ")
    assert second.endswith("overdue by 1 day")
    made = stuck.assign(name="Pot A-1", opportunity_id=[rf"Pot A\-1-{i}" for i in range(len(stuck))])
    assert stalled.to_decide(made, "EUR")["reason"]["a"].startswith("Pot A-1 (90 EUR): ")
    assert [got[m]["a"] for m in ("moves", "moves_low", "moves_high")] == [25, 12.5, 50]
    assert "moves" not in stalled.to_decide(stuck, "EUR")  # no signal, no money
    assert stalled.to_decide(stuck.iloc[:0], "EUR")["accounts"].empty  # nothing listed, nothing to decide
    bare = stuck.assign(name=None, owner_id=["s1", None, None], amount=None)
    assert (
        stalled.to_decide(bare, "EUR")["reason"]["a"]
        .split(". ")[1]
        .startswith("(amount unknown, owner unknown, big): ")
    )
    assert stalled.to_decide_without_account(stuck, (0.5, 0.5, 0.5))["moves"] == 2.5


def test_every_open_deal_has_a_row_of_flags_stalled_and_large_ones_first():
    every = deals(
        [("small", None, 1, "2026-06-01"), ("dark", None, None, None), ("large", None, 9, "2026-06-01"), ("done", True, 9, "2026-01-01", "2026-02-01")],
        account_id=["a", None, "a", "a"],
    )  # fmt: skip
    today = past_pipeline.open_now(every, as_read("opportunity_stage_history"), TODAY)
    got = stalled.flags(every, stalled.marked(today, past([1.0] * 30)), pd.Series({"small": 0.5}))
    schema.conform("12_opportunity_flags", got)
    assert got["opportunity_id"].tolist() == ["large", "small", "dark"]
    lacking = got.set_index("opportunity_id")[["no_account", "no_amount", "no_age"]]
    assert lacking.all(axis=1).to_dict() == {"large": False, "small": False, "dark": True}
    assert got["pushes"].isna().all()  # no history: missing, not 0
    assert (
        got[["stalled", "due_too_early", *stalled.AHEAD]].isna().all(axis=None)
    )  # no stage history, no limit: nobody can tell
    none = past_pipeline.open_now(every.iloc[3:], as_read("opportunity_stage_history"), TODAY)
    empty = stalled.flags(every.iloc[3:], stalled.marked(none, past([1.0] * 30)), pd.Series(dtype=float))
    assert schema.conform("12_opportunity_flags", empty).empty
    assert stalled.reasons(empty, TODAY).empty
