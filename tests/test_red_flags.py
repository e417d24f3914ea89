"""The four red flags on accounts a person can follow, and the rhythm behind the first."""

import re

import numpy as np
import pandas as pd
import pytest

from abmlib.method import lost_business as business
from abmlib.method import orders
from abmlib.method import red_flags as rf
from abmlib.method.deals import with_days
from abmlib.stats import pooling
from abmlib.tables import schema
from tests.conftest import as_read

TODAY = pd.Timestamp("2026-06-30")
DAY = pd.Timedelta(days=1)
NO_DEALS = with_days(as_read("opportunities"), TODAY)


def table(name: str, rows: list[dict]) -> pd.DataFrame:
    """A table to spec; texts that look like days become days."""
    frame = pd.DataFrame(rows)
    for column, spec in schema.spec(name).columns.items():
        kind = spec.kind
        if column in frame and kind in ("date", "ts"):
            frame[column] = pd.to_datetime(frame[column], utc=kind == "ts", format="ISO8601")
    if name in schema.PROGRAMME and rows:
        usual = {"entered_at": pd.Timestamp("2025-01-01", tz="UTC"), "entered_by": "team"}
        frame = frame.assign(**{c: frame[c].fillna(v) if c in frame else v for c, v in usual.items()})
    return as_read(name, frame if rows else None)


def bought(account: str, days: list[pd.Timestamp], revenue: float = 100.0, **more) -> list[dict]:
    """Purchases of an account, one a day."""
    return [
        {"transaction_id": f"{account}-{i}", "account_id": account, "booked_at": d, "revenue": revenue, "cogs": 60.0, "product_id": "p"}
        | more
        for i, d in enumerate(days)
    ]  # fmt: skip


def every(gap: int, count: int, last: int = 0) -> list[pd.Timestamp]:
    """Days so many days apart, the last so many days ago; every third gap a day longer and the next one shorter."""
    wobble = np.array([0, 1, 0])[np.arange(count) % 3]
    return [TODAY - (last + gap * k) * DAY - int(w) * DAY for k, w in zip(range(count), wobble, strict=True)][::-1]


PRODUCTS = table("products", [{"product_id": "p", "name": "paper", "product_line": "paper"}])


def lines(rows: list[dict]) -> pd.DataFrame:
    """Lines of bills with their line of business."""
    return orders.with_product_line(table("transactions", rows), PRODUCTS)


def elsewhere(
    rows: list[dict], accounts: list[str], contracts: list[dict] | None = None, deals=NO_DEALS
) -> pd.DataFrame:
    found = business.lost_business_flag(
        lines(rows), deals, table("contracts", contracts or []), pd.Index(accounts), TODAY
    )  # fmt: skip
    return found.set_index("account_id")


# -- rhythm -----------------------------------------------------------------------------------------------------------


def test_a_regular_unit_makes_a_gap_less_likely_than_an_irregular_one():
    rest = pd.DataFrame({"total": [1000.0, 1000.0], "weight": [2000.0, 100.0]})  # 100 gaps of 10: shape 20, and 1
    chance = pooling.waited(pd.Series([20.0, 20.0]), pd.Series([1.0, 1.0]), pd.Series([20.0, 1.0]), rest)
    assert chance[0] < 0.001 and chance[1] == pytest.approx(np.exp(-2), abs=0.01)


def test_few_gaps_leave_more_room_for_a_long_one():
    rest = pd.DataFrame({"total": [30.0, 3000.0], "weight": [3.0, 300.0]})
    chance = pooling.waited(pd.Series([50.0, 50.0]), pd.Series([1.0, 1.0]), pd.Series([1.0, 1.0]), rest)
    assert chance[0] > 3 * chance[1]


def test_chances_are_even_where_nothing_has_changed():
    draw = np.random.default_rng(1)
    rate = draw.gamma(4, 1 / 120, 3000)  # units differ: thirty days, more or less
    gaps = draw.gamma(3, 1, (3000, 8)) / (3 * rate[:, None])
    total, n = pd.Series(gaps[:, :7].sum(axis=1)), 7
    shape = pd.Series(3.0, total.index)
    a, b = pooling.gamma_prior(n * shape, total)
    rest = pd.DataFrame({"total": total + b, "weight": n * shape + a})
    chance = pooling.waited(pd.Series(gaps[:, 7]), pd.Series(1.0, total.index), shape, rest)
    assert [(chance < q).mean() for q in (0.05, 0.5)] == pytest.approx([0.05, 0.5], abs=0.03)


def test_a_spread_is_pulled_to_all_as_far_as_its_own_count_is_small():
    spread, n = pd.Series([0.1] * 30 + [0.3] * 30 + [2.0, 2.0]), pd.Series([40] * 60 + [3, 400])
    got = pooling.spreads(spread, n)
    assert got.iloc[60] < 1.5 and got.iloc[61] > 1.8  # three gaps say little, four hundred all


# -- elsewhere --------------------------------------------------------------------------------------------------------


def test_silence_is_held_against_the_accounts_own_rhythm():
    rows = (
        bought("often", every(20, 40, last=150))
        + bought("seldom", every(150, 8, last=150))
        + bought("keeps", every(20, 48))
    )
    got = elsewhere(rows, ["often", "seldom", "keeps"])
    assert got["status"].to_dict() == {
        "often": "raised",
        "seldom": "clear",
        "keeps": "clear",
    }  # as long silent as often
    assert re.fullmatch("4 orders of paper in 231 days where 1[12] are usual", got.loc["often", "evidence"])
    assert got["value"].between(0, 1).all() and got.loc["often", "value"] < 0.001


def test_half_of_the_usual_orders_is_seen_although_the_last_is_fresh():
    steady, slower = every(20, 50), every(20, 32, last=360) + every(45, 8)
    got = elsewhere(bought("slower", slower) + bought("steady", steady), ["slower", "steady"])
    assert got["status"].tolist() == ["raised", "clear"]
    assert 0.3 <= got.loc["slower", "severity"] <= 0.7


def test_two_orders_on_a_day_are_one():
    days = every(20, 30)
    again = [r | {"transaction_id": r["transaction_id"] + "b"} for r in bought("a", days)]
    once = orders.order_days(lines(bought("a", days)), NO_DEALS, set())
    twice = orders.order_days(lines(bought("a", days) + again), NO_DEALS, set())
    pd.testing.assert_frame_equal(once, twice)


def test_returns_services_and_paid_periods_are_no_orders():
    rows = [
        *bought("a", [TODAY]),
        *bought("b", [TODAY], revenue=-5, kind="return"),
        *bought("c", [TODAY], kind="service"),
        *bought("d", [TODAY], kind="subscription", period_start=TODAY, period_end=TODAY + 30 * DAY),
    ]
    got = orders.order_days(lines(rows), NO_DEALS, set())
    assert got["account_id"].tolist() == ["a"]


def test_a_line_sold_by_deals_has_the_rhythm_of_its_deals_not_of_its_bills():
    won = {"opportunity_id": "o", "account_id": "a", "type": "expansion", "product_line": "paper", "stage": "Won", "amount": 300,
           "created_at": "2026-01-01", "closed_at": "2026-02-01", "is_closed": True, "is_won": True}  # fmt: skip
    deals = with_days(table("opportunities", [won]), TODAY)
    bills = lines(bought("a", every(30, 3)))  # billed in three parts of a hundred
    assert orders.lines_sold_by_deal(bills, deals) == {"paper"}
    got = orders.order_days(bills, deals, {"paper"})
    assert got["day"].tolist() == [pd.Timestamp("2026-02-01")]
    assert orders.lines_sold_by_deal(bills, deals.assign(type="renewal")) == set()


def test_a_subscription_paid_for_a_year_is_no_silence():
    start = TODAY - 1000 * DAY
    rows = bought("a", [start + k * 365 * DAY for k in range(3)], kind="subscription")
    rows = [r | {"period_start": r["booked_at"], "period_end": r["booked_at"] + 364 * DAY} for r in rows]
    got = elsewhere(rows, ["a"])
    assert got.loc["a", "status"] == "too_early"  # it has no orders, and no rhythm


@pytest.mark.parametrize(
    ("contract", "status"),
    [
        ({"end": "2026-03-31", "renewed": False}, "raised"),
        ({"end": "2026-12-31", "notice_date": "2026-06-01"}, "raised"),  # runs on, but under notice
        ({"end": "2026-03-31", "renewed": True}, "clear"),
        ({"end": "2026-12-31"}, "clear"),
        ({"end": "2024-03-31", "renewed": False}, "clear"),  # long ago
        ({"end": "2026-03-31", "renewed": False, "arr": 10.0}, "clear"),  # hardly any business
    ],
)
def test_a_contract_not_renewed_is_a_fact(contract, status):
    row = {"contract_id": "k", "account_id": "a", "start": "2023-04-01", "arr": 1000.0, "auto_renew": True}
    got = elsewhere(bought("a", every(20, 50)), ["a"], [row | contract])
    assert got.loc["a", "status"] == status
    assert pd.isna(got.loc["a", "value"]) == (status == "raised")  # a fact has no chance


def test_a_contract_followed_by_another_of_its_line_was_not_lost():
    row = {"account_id": "a", "arr": 1000.0, "auto_renew": True}
    old = row | {"contract_id": "k1", "start": "2023-04-01", "end": "2026-03-31", "renewed": False}
    got = elsewhere(
        bought("a", every(20, 50)),
        ["a"],
        [old, row | {"contract_id": "k2", "start": "2026-04-01", "end": "2027-03-31"}],
    )
    assert got.loc["a", "status"] == "clear"


def test_who_stopped_long_ago_is_lost_and_who_began_lately_too_early_and_who_is_unknown_neither():
    rows = bought("gone", every(20, 20, last=400)) + bought("new", every(20, 2))
    got = elsewhere(rows, ["gone", "new", "dark"])
    assert got["status"].to_dict() == {"gone": "lost", "new": "too_early", "dark": "not_answerable"}
    assert got["evidence"].isna().all() and got["severity"].isna().all()


def test_of_many_accounts_in_their_rhythm_hardly_any_is_raised():
    draw = np.random.default_rng(3)
    rows = []
    for k in range(150):
        days = TODAY - np.cumsum(draw.gamma(4, 7, 45)).round() * DAY
        rows += bought(f"a{k}", sorted(set(days)))
    got = elsewhere(rows, [f"a{k}" for k in range(150)])
    assert (got["status"] == "raised").mean() <= 0.02


def test_an_account_asked_for_twice_is_refused():
    with pytest.raises(ValueError, match=r"1 of 1 ids repeat \(first: \['a'\]\)"):
        elsewhere(bought("a", every(20, 5)), ["a", "a"])


# -- reorganisation ---------------------------------------------------------------------------------------------------


def people(account: str, left: list[int | None], roles: list[str] | None = None) -> list[dict]:
    """Contacts known for long; each left so many days ago or is still there."""
    return [
        {"contact_id": f"{account}{i}", "account_id": account, "created_at": "2022-01-01", "buying_role": (roles or ["end_user"] * 99)[i],
         "valid_to": None if d is None else TODAY - d * DAY}
        for i, d in enumerate(left)
    ]  # fmt: skip


CROWD = [r for k in range(60) for r in people(f"x{k}", [None] * 4)]


def reorganised(
    rows: list[dict], accounts: list[str], insights: list[dict] | None = None, history: list[dict] | None = None
):
    found = rf.reorganisation(
        table("contacts", rows + CROWD), table("account_insights", insights or []), table("attribute_history", history or []),
        pd.Index(accounts), TODAY,
    )  # fmt: skip
    return found.set_index("account_id")


def test_three_of_four_gone_within_weeks_is_a_break_and_over_years_is_not():
    rows = people("broken", [100, 110, 120, None]) + people("slow", [100, 600, 1100, None, None])
    got = reorganised(rows, ["broken", "slow", "x1"])
    assert got["status"].tolist() == ["raised", "clear", "clear"]
    assert got.loc["broken", "severity"] == 0.75
    assert got.loc["broken", ["since", "age_days"]].tolist() == [TODAY - 120 * DAY, 120]


def test_network_breakage_weighs_the_sponsor_more_than_a_user():
    rows = people("a", [30, None, None, None], ["decision_maker", "end_user", "end_user", "end_user"])
    got = rf.departures(table("contacts", rows), TODAY)
    assert got.loc["a", "breakage"] == 0.5  # three of six


def test_what_is_told_of_counts_only_where_somebody_left():
    told = {"kind": "reorg_event", "observed_at": "2026-05-01", "source": "press"}
    insights = [told | {"insight_id": "i1", "account_id": "left"}, told | {"insight_id": "i2", "account_id": "stayed"}]
    got = reorganised(people("left", [50, None, None]) + people("stayed", [None] * 3), ["left", "stayed"], insights)
    assert got["status"].tolist() == ["raised", "clear"]
    assert "reorganisation or new owner" in got.loc["left", "evidence"]


def test_a_new_parent_is_an_event_and_the_first_one_is_not():
    row = {"table": "accounts", "field": "parent_account_id", "value": "h"}
    history = [
        row | {"row_id": "a", "known_from": "2024-01-01"},
        row | {"row_id": "a", "known_from": "2026-05-01"},
        row | {"row_id": "b", "known_from": "2026-05-01"},  # the first parent noted
    ]
    got = rf.events(as_read("account_insights"), table("attribute_history", history), TODAY)
    assert got.to_dict() == {"a": pd.Timestamp("2026-05-01")}


def test_too_few_people_known_is_too_early_and_none_not_answerable():
    got = reorganised(people("two", [None, 20]), ["two", "dark"])
    assert got["status"].tolist() == ["too_early", "not_answerable"]


def test_leads_are_no_network():
    rows = [r | {"is_lead": True} for r in people("a", [10, 20, 30, None])]
    assert reorganised(rows, ["a"])["status"].tolist() == ["not_answerable"]


# -- no return --------------------------------------------------------------------------------------------------------


def economics(
    account: str, cost: float, promised: float | None, realised: float | None, period: str = "2026-Q2"
) -> dict:
    return {"account_id": account, "period": period, "programme_cost": 0.0, "cost_to_serve": cost, "hours": 1.0,
            "value_promised": promised, "value_realised": realised}  # fmt: skip


def sides(rows: list[dict], accounts: list[str], sold: list[dict] | None = None, answers: list[dict] | None = None):
    return rf.both_sides(
        table("relationship_economics", rows), table("transactions", sold or []), table("surveys", answers or []),
        pd.Index(accounts), TODAY,
    )  # fmt: skip


def test_only_where_both_sides_fall_short_is_there_no_return():
    sold = [
        r for a in ("both", "us", "them", "none") for r in bought(a, [TODAY - 20 * DAY], 365.0)
    ]  # margin 305 a year
    rows = [
        economics("both", 500, 100, 50),
        economics("us", 500, 100, 100),
        economics("them", 5, 100, 50),
        economics("none", 5, 100, 100),
    ]
    got = rf.no_return(sides(rows, ["both", "us", "them", "none"], sold), TODAY).set_index("account_id")
    assert got["status"].to_dict() == {"both": "raised", "us": "clear", "them": "clear", "none": "clear"}
    assert got.loc["both", "value"] == pytest.approx(305 * 91 / 365 - 500)  # a quarter's part of the year's margin
    assert got.loc["both", "severity"] == 0.5  # theirs falls short by half, ours by more


def test_a_period_that_is_not_over_does_not_count_and_a_corrected_one_counts_once():
    rows = [
        economics("a", 10, 100, 90),
        economics("a", 30, 100, 90) | {"entered_at": "2026-06-29T00:00Z"},  # corrects it
        economics("a", 999, 100, 0, "2026-Q3"),
        economics("a", 20, 100, 90, "2026-Q1"),
        economics("a", 70, 100, 0, "2025-Q4"),  # older than the two that count
    ]
    got = sides(rows, ["a"]).loc["a"]
    assert got[["cost", "theirs", "n"]].tolist() == [50, 0.9, 2]


def test_without_a_value_the_survey_speaks_for_the_customer():
    answer = {"response_id": "r", "account_id": "a", "wave": "1", "survey_type": "value_realised", "scale_min": 1, "scale_max": 5, "score": 2, "responded_at": "2026-05-01"}  # fmt: skip
    got = sides([economics("a", 50, None, None)], ["a"], answers=[answer])
    assert got.loc["a", ["theirs", "source", "ours"]].tolist() == [0.25, "survey", -50]
    assert rf.no_return(got, TODAY)["status"].tolist() == ["raised"]


def test_an_unknown_cost_of_goods_leaves_our_side_unknown():
    sold = bought("a", [TODAY - 20 * DAY], 100.0, cogs=None)
    got = rf.no_return(sides([economics("a", 500, 100, 50)], ["a", "dark"], sold), TODAY)
    assert got["status"].tolist() == ["too_early", "not_answerable"]


# -- goals ------------------------------------------------------------------------------------------------------------


def goal(
    ident: str, account: str, actual: float | None, due: str, status: str | None = "open", side: str = "joint", **more
) -> dict:
    return {"goal_id": ident, "account_id": account, "text": "x", "owner_side": side, "metric": "m", "target": 100.0, "actual": actual,
            "due": due, "status": status} | more  # fmt: skip


def test_goals_are_judged_by_attainment_against_time_elapsed():
    rows = [
        goal("met", "a", 100, "2026-03-31"),
        goal("missed", "a", 90, "2026-03-31"),
        goal("late", "a", 30, "2026-12-31"),  # three quarters of its time are gone
        goal("on course", "a", 70, "2026-12-31"),
        goal("young", "a", 0, "2027-06-30", entered_at="2026-06-01T00:00Z"),  # nothing yet, and hardly begun
        goal("silent", "a", None, "2026-12-31"),
        goal("given up", "a", 10, "2026-12-31", "missed"),
        goal("dropped", "a", 0, "2026-01-31", "dropped"),  # must not appear
    ]
    got = rf.goal_tracker(table("account_goals", rows), TODAY).set_index("goal_id")
    assert got["state"].to_dict() == {
        "met": "met", "missed": "missed", "late": "at_risk", "on course": "on_course", "young": "on_course", "silent": "unknown",
        "given up": "missed",
    }  # fmt: skip
    assert got.loc["late", "pace"] == pytest.approx(0.3 / (545 / 729))


def test_the_last_entry_of_a_goal_holds_and_its_time_runs_from_the_first():
    rows = [goal("g", "a", 10, "2026-12-31"), goal("g", "a", 90, "2026-12-31", entered_at="2026-06-01T00:00Z")]
    got = rf.goal_tracker(table("account_goals", rows), TODAY)
    assert got["attainment"].tolist() == [0.9] and got["elapsed"].tolist() == [pytest.approx(545 / 729)]
    assert got["noted_days"].tolist() == [29]


def test_joint_goals_come_first():
    rows = [
        goal("1", "a", 10, "2026-01-31"), goal("2", "a", 10, "2026-02-28"), goal("3", "a", 100, "2026-03-31", side="us"),
        goal("4", "b", 100, "2026-01-31"), goal("5", "b", 10, "2026-01-31", side="us"), goal("6", "b", 10, "2026-01-31", side="us"),
        goal("7", "c", 10, "2026-01-31"),  # one goal alone is no pattern
    ]  # fmt: skip
    got = rf.goals_missed(rf.goal_tracker(table("account_goals", rows), TODAY), pd.Index(["a", "b", "c", "d"]), TODAY)
    assert got["status"].tolist() == ["raised", "clear", "clear", "not_answerable"]
    assert got.loc[0, ["evidence", "severity", "since"]].tolist() == [
        "2 of 2 goals missed, 0 at risk",
        1.0,
        pd.Timestamp("2026-01-31"),
    ]


# -- all of them ------------------------------------------------------------------------------------------------------


def test_empty_tables_leave_every_flag_unanswered_and_no_account_out():
    accounts = pd.Index(["a", "b"])
    empty = {n: as_read(n) for n in ("transactions", "contracts", "contacts", "account_insights", "attribute_history",
                                          "relationship_economics", "surveys", "account_goals")}  # fmt: skip
    both = rf.both_sides(empty["relationship_economics"], empty["transactions"], empty["surveys"], accounts, TODAY)
    got = pd.concat(
        [
            business.lost_business_flag(lines([]), NO_DEALS, empty["contracts"], accounts, TODAY),
            rf.reorganisation(
                empty["contacts"], empty["account_insights"], empty["attribute_history"], accounts, TODAY
            ),
            rf.no_return(both, TODAY),
            rf.goals_missed(rf.goal_tracker(empty["account_goals"], TODAY), accounts, TODAY),
        ]
    )
    assert len(got) == 8 and set(got["status"]) == {"not_answerable"}
    assert rf.summary(got)["verdict"].tolist() == ["not_judged", "not_judged"]


def test_an_account_nobody_judged_is_not_a_healthy_one():
    def row(account, flag, status, severity=None):
        return {"account_id": account, "flag": flag, "status": status, "severity": severity, "since": pd.NaT}

    rows = [
        row("sick", "elsewhere", "raised", 0.9), row("sick", "no_return", "not_answerable"),
        row("well", "elsewhere", "clear"), row("well", "no_return", "clear"),
        row("half", "elsewhere", "clear"), row("half", "no_return", "too_early"),
        row("dark", "elsewhere", "too_early"), row("dark", "no_return", "not_answerable"),
        row("gone", "elsewhere", "lost"), row("gone", "no_return", "clear"),
    ]  # fmt: skip
    got = rf.summary(pd.DataFrame(rows)).set_index("account_id")
    assert got["verdict"].to_dict() == {
        "sick": "raised", "well": "clear", "half": "partly_judged", "dark": "not_judged", "gone": "lost"
    }  # fmt: skip
    assert got.index[0] == "sick" and got.loc["sick", "flags"] == "elsewhere"


def test_nothing_is_dated_after_the_day_of_the_report():
    rows = bought("a", every(20, 40, last=150))
    goals = [
        goal("1", "a", 10, "2026-12-31", "missed"),
        goal("2", "a", 10, "2026-12-31", "missed"),
    ]  # given up before they are due
    found = [
        elsewhere(rows, ["a"]).reset_index(),
        rf.goals_missed(rf.goal_tracker(table("account_goals", goals), TODAY), pd.Index(["a"]), TODAY),
    ]
    got = pd.concat(found)
    assert (got["status"] == "raised").all() and (got["since"] <= TODAY).all() and (got["age_days"] >= 0).all()
