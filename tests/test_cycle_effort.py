"""Spend, touches, hours, terms and starts by cycle, and the plan of each cycle, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import cycle_deals, cycle_effort, cycle_plan, elements, periods
from abmlib.method.deals import with_days
from abmlib.pages import say, say_cycle_plan, say_cycles, show
from abmlib.tables import schema
from tests.conftest import as_read, entries
from tests.test_cycle import RULES, TODAY, deal, frame
from tests.test_suitability import NONE

YEAR = periods.trailing(TODAY, 12)
MAIN = pd.DataFrame({
    "account_id": ["a", "b", "c"], "product_line": ["tools", "tools", "pens"], "cycle": ["early", "early", "full"],
})  # fmt: skip


def touch(ident: str, account: str | None, day: str, channel: str = "meeting", **more) -> dict:
    """A touch by sales."""
    return {"activity_id": ident, "account_id": account, "occurred_at": day, "channel": channel, "direction": "outbound", "team": "sales"} | more  # fmt: skip


def values(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Value of a measure by group."""
    own = rows[rows["definition_id"] == name]
    return {g: round(v, 6) for g, v in zip(own["group"].fillna("all"), own["value"], strict=True)}


# -- spend ------------------------------------------------------------------------------------------------------------


def spend(rows: list[tuple]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["campaign_id", "month", "spend"]).assign(channel="ad")
    return as_read("campaign_spend", found.assign(month=pd.to_datetime(found["month"])))


def named_by() -> pd.DataFrame:
    rows = [("named", who, "2026-01-01", "2026-01-01") for who in "ab"]
    return entries("campaign_accounts", "campaign_id account_id added_at", rows)


def shared(tiers: pd.DataFrame | None = None) -> pd.DataFrame:
    given = [
        ("named", "2026-01-01", 100.0), ("wide", "2026-02-01", 80.0), ("silent", "2026-03-01", 20.0), ("wide", "2024-01-01", 999.0),
    ]  # fmt: skip
    ads = [touch(f"w{i}", who, "2026-02-03", "ad", campaign_id="wide") for i, who in enumerate(["a", "a", "c", None])]
    ads += [
        touch("1", "c", "2026-02-03", "ad", campaign_id="named"),  # reached, and not among those it names
        touch("2", "b", "2026-02-03", "ad", campaign_id="wide", is_bot=True),
        touch("3", "b", "2024-02-03", "ad", campaign_id="wide"),  # before the year
    ]
    return cycle_effort.shared_spend(spend(given), named_by(), frame("activities", ads), YEAR, tiers)


def test_a_campaign_costs_those_it_names_alike_and_others_by_their_touches_and_nothing_is_lost():
    each = shared().groupby("account_id", dropna=False)[["spend", "touches"]].sum()
    assert each.loc[["a", "b", "c"], "spend"].tolist() == [50 + 40, 50, 20]
    assert each["spend"].sum() == 200 and each.loc[["a", "b", "c"], "touches"].tolist() == [2, 0, 2]


def test_spend_by_cycle_says_what_is_on_target_and_what_reaches_nobody():
    rows = cycle_effort.spend_rows(
        shared(tiers([("b", "2024-01-01"), ("c", "2026-02-01"), ("a", "2026-02-04")])), MAIN, YEAR
    )
    assert values(rows, "campaign_spend") == {"all": 200, "early": 140, "full": 20, "no account": 40}
    assert values(rows, "spend_on_target") == {"all": 0, "early": 0}
    assert values(rows, "spend_on_target_list") == {"all": 0.25, "early": 0, "full": 1}
    assert values(rows, "spend_per_account") == {"early": 70, "full": 20}
    assert values(rows, "campaign_touches_per_account") == {"early": 1, "full": 2}
    said = str(say_cycles.what_cycles_get(rows, "EUR"))
    assert (
        "Campaigns cost 200 EUR in a year, 20.0% of it on nobody known: those that name accounts 0.0% on these; the others 25.0% on "
        "the target list."
    ) in said


def tiers(rows: list[tuple]) -> pd.DataFrame:
    """Accounts on the target list from a day on."""
    given = [(who, since, "1", pd.NaT, "2024-01-01") for who, since in rows]
    return entries("account_tiers", "account_id valid_from tier valid_to", given, set_by="joint", reason="fit")


def test_a_touch_is_on_target_if_its_account_was_on_the_list_on_that_day_and_not_today():
    given = shared(tiers([("c", "2026-02-01"), ("a", "2026-02-04")]))  # the touches of a were the day before
    got = cycle_effort.campaign_table(given, as_read("campaigns"), named_by(), {}).set_index("campaign_id")
    assert got.loc["wide", ["touches", "on_list", "hit", "spend", "aimed"]].tolist() == [4, 1, 1, 80, 20]
    assert got.loc["wide", "meant_for"] == "nobody named" and got.loc[["silent", "wide"], "on_target"].isna().all()
    assert np.isnan(got.loc["silent", "aimed"])  # no touch: nobody knows whom it reached
    assert got.loc["named", ["touches", "on_list", "on_target"]].tolist() == [1, 0, 0]  # it hit who was not named
    assert got["on_target_list"].to_dict() == {"named": 1, "wide": 0, "silent": 0}
    assert "1 touch hit accounts of the target list" in say_cycles.aimed(got.reset_index(), "EUR")
    early = shared(tiers([("c", "2026-02-04")]))  # all touches were before there was a list
    assert early.loc[early["campaign_id"] == "wide", ["on_list", "aimed"]].isna().all(axis=None)
    own = shared()
    assert own.loc[own["campaign_id"] == "wide", "aimed"].isna().all()  # no list, so nothing to judge by
    table = cycle_effort.campaign_table(own, as_read("campaigns"), named_by(), {})
    wide = schema.conform("01_campaigns", table).set_index("campaign_id").loc["wide"]
    assert wide["meant_for"] == "nobody named" and wide[["on_list", "aimed", "on_target"]].isna().all()


def test_without_spend_or_a_list_the_rows_say_what_lacks():
    none = cycle_effort.shared_spend(spend([]), as_read("campaign_accounts"), as_read("activities"), YEAR)
    rows = cycle_effort.spend_rows(none, MAIN, YEAR)
    assert rows["value"].isna().all() and rows["why"].tolist() == ["spend of campaigns"]
    wide = shared()
    rows = cycle_effort.spend_rows(wide[wide["by"] != "members"], MAIN, YEAR)
    assert rows.set_index("definition_id").loc["spend_on_target", "why"].startswith("accounts in tiers")


# -- deals ------------------------------------------------------------------------------------------------------------

OPEN = {
    "is_closed": False,
    "is_won": None,
    "closed_at": None,
    "created_at": pd.Timestamp("2026-06-01"),
    "stage": "offer",
}
DEALS = [
    deal("won", "a", 100, 1000.0, term_months=36),  # from 2026-03-12 to 2026-06-20
    deal("lost", "a", 20, 900.0, is_won=False),  # from 2026-05-31 to 2026-06-20
    deal("open", "b", **OPEN),
    deal("pens", "c", 10, 100.0, product_line="pens", term_months=12),
    deal("again", "c", 10, 100.0, product_line="pens", term_months=12, type="renewal"),
]
TOUCHES = [
    touch("t1", "a", "2026-04-01", duration_min=120.0),  # only the won deal was open
    touch("t2", "a", "2026-06-05", "phone", person_hours=1.0),  # two were open: a half each
    touch("t3", "a", "2026-06-05", "phone", opportunity_id="lost", person_hours=1.0),
    touch("t4", "a", "2026-02-01", person_hours=50.0),  # before both
    touch("t5", "a", "2026-06-06", "email"),  # says no hours
]


def of_deals() -> tuple[pd.DataFrame, pd.Series]:
    deals = with_days(frame("opportunities", DEALS), TODAY)
    cycles = MAIN.assign(cycle=["early", "early", "full"])
    return deals, cycle_deals.cycle_of(deals, cycles, MAIN)


def stages(rows: list[tuple]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["opportunity_id", "entered_at", "seq", "stage", "stage_order"])
    return as_read("opportunity_stage_history", found.assign(entered_at=pd.to_datetime(found["entered_at"], utc=True)))


HISTORY = [
    ("won", "2026-03-12", 0, "talk", 1), ("won", "2026-03-20", 1, "offer", 2), ("won", "2026-06-20", 2, "won", 3),
    ("lost", "2026-05-31", 0, "talk", 1), ("pens", "2026-06-10", 0, "talk", 1),
]  # fmt: skip


def test_a_touch_is_shared_among_the_deals_open_that_day_and_one_that_names_a_deal_is_its_own():
    deals, _ = of_deals()
    linked = cycle_deals.touches_of_deals(frame("activities", TOUCHES), deals, TODAY)
    parts = linked.groupby(["activity_id", "opportunity_id"])["part"].sum()
    assert parts.to_dict() == {
        ("t1", "won"): 1.0, ("t2", "won"): 0.5, ("t2", "lost"): 0.5, ("t3", "lost"): 1.0, ("t5", "won"): 0.5, ("t5", "lost"): 0.5,
    }  # fmt: skip


def test_hours_meetings_and_stages_of_decided_deals_are_those_of_their_touches():
    deals, cycle = of_deals()
    rate = pd.Series({"tools": 0.5, "pens": 0.25})
    rows = cycle_deals.sales_rows(deals, cycle, frame("activities", TOUCHES), stages(HISTORY), rate, 80.0, YEAR)
    assert values(rows, "meetings_per_deal") == {"early": 0.5, "full": 0}
    assert values(rows, "sales_hours_per_deal") == {"early": (2.5 + 1.5) / 2, "full": 0}
    assert values(rows, "sales_cost_of_margin") == {"early": round(4 * 80 / 500, 6), "full": 0}
    assert values(rows, "sales_touches_with_hours") == {"early": 0.75}  # t1, t2 and t3 of four; each once
    assert values(rows, "sales_first_touch_later_stage") == {"early": 0.5}
    assert values(rows, "first_sales_touch_share") == {
        "early: talk": 0.5, "full: talk": 0, "early: offer": 0.5, "full: offer": 0, "early: no touch of sales": 0,
        "full: no touch of sales": 1,
    }  # fmt: skip


def test_deals_without_touches_or_history_leave_rows_that_say_so():
    deals, cycle = of_deals()
    rows = cycle_deals.sales_rows(deals, cycle, as_read("activities"), stages([]), pd.Series(dtype=float), 80.0, YEAR)
    assert rows["value"].isna().all() and rows["why"].str.len().gt(0).all() and len(rows) == 5


def test_days_count_open_deals_and_no_renewal_and_terms_are_of_won_deals_else_of_contracts():
    deals, cycle = of_deals()
    none = as_read("contracts")
    rows = cycle_deals.course_rows(deals, cycle, none, pd.Series(dtype="str"))
    assert values(rows, "suitability_cycle_days") == {"early": 100, "full": 10}  # 20, 29 and open, 100
    assert values(rows, "multi_year_share") == {"early": 1, "full": 0}
    assert values(rows, "contract_term_share") == {
        "early: up to 1 year": 0, "full: up to 1 year": 1, "early: over 2 years": 1, "full: over 2 years": 0,
    }  # fmt: skip
    signed = entries("contracts", "contract_id account_id start end", [
        ("1", "a", pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31"), "2024-01-01"),
        ("2", "c", pd.Timestamp("2024-01-01"), pd.Timestamp("2025-12-31"), "2024-01-01"),
    ], arr=1.0, auto_renew=True)  # fmt: skip
    rows = cycle_deals.course_rows(deals.assign(term_months=np.nan), cycle, signed, pd.Series(["early", "full"]))
    assert values(rows, "multi_year_share") == {"early": 0, "full": 1}


# -- starts -----------------------------------------------------------------------------------------------------------


def starts(touches: list[dict], dossiers: list[tuple] = ()) -> pd.DataFrame:
    deals, cycle = of_deals()
    given = entries("dossier_deliveries", "account_id delivered_at", list(dossiers), run_id="1", delivered_to="s") if dossiers else as_read("dossier_deliveries")  # fmt: skip
    counted = cycle_deals.whole_quarters(TODAY, 1)
    return cycle_deals.started_rows(deals, cycle, frame("activities", touches), given, MAIN, counted)


def test_where_touches_are_hardly_logged_nothing_is_counted_in_them():
    deals, cycle = of_deals()
    few = frame("activities", TOUCHES[:1])  # of three deals decided in the year one has a touch
    rows = cycle_deals.sales_rows(deals, cycle, few, stages(HISTORY), pd.Series({"tools": 0.5}), 80.0, YEAR)
    assert rows["value"].isna().all() and rows["why"].str.contains("half of the deals").all()
    got = starts([touch("0", "a", "2023-01-01"), touch("1", "a", "2025-08-01")]).set_index("definition_id")
    assert "half of the accounts" in got.loc["first_conversations", "why"]


def test_a_conversation_is_first_after_a_year_without_one_and_a_dossier_must_come_before():
    old = touch("0", "c", "2023-01-01")
    talks = [touch("1", "a", "2025-08-01"), touch("2", "a", "2026-02-01"), touch("3", "b", "2024-08-01"), touch("4", "b", "2025-08-02")]  # fmt: skip
    got = starts([old, *talks], [("b", "2025-08-01", "2025-08-01")])
    assert values(got, "first_conversations") == {"2025Q3": 2, "2025Q4": 0, "2026Q1": 0, "2026Q2": 0, "early": 2}
    assert values(got, "dossier_before_meeting") == {"2025Q3": 0.5, "2026Q1": 0}  # by cycle in the last quarter
    assert values(got, "cycles_started") == {"2026Q1": 1, "2026Q2": 3, "early": 3, "full": 1}  # the renewal is none


def test_a_dossier_counts_for_the_meetings_of_90_days():
    meetings = [touch(f"{i}", "a", day) for i, day in enumerate(["2026-03-01", "2026-04-30", "2026-05-02"])]
    got = starts(meetings, [("a", "2026-01-30", "2026-01-30")])
    assert values(got, "dossier_before_meeting") == {"2026Q1": 1, "2026Q2": 0.5, "early": 0.5}  # 90 days, and 92
    said = str(say_cycles.started(got, pd.Timestamp("2026-01-30")))
    assert "90 days before: 100.0% in 2026Q1 (n = 1) and 50.0% in 2026Q2 (n = 2)." in said


def test_conversations_are_too_early_to_count_where_touches_begin_late_and_no_dossier_is_no_zero():
    got = starts([touch("1", "a", "2025-08-01"), touch("2", "b", "2025-09-01", "email")]).set_index("definition_id")
    assert got.loc["first_conversations", "status"] == "too_early"
    assert got.loc["dossier_before_meeting", "why"].startswith("dossiers")


# -- the plan ---------------------------------------------------------------------------------------------------------


def plan(main: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    ids = pd.Index(["a", "b", "c"])
    worth = pd.DataFrame({"revenue": [10.0, 20.0, 5.0], "break_even_hours": [1.0, 2.0, np.nan], "hours": np.nan}, ids)
    team = entries(
        "team", "person_id function raci", [("p", "sales", "A", "2026-01-01")], team="sales", capacity_hours=1.0
    )
    cells = elements.cells(NONE, main, RULES, team, TODAY)
    now = pd.DataFrame({"group_by": ["cycle"], "group": ["early"], "definition_id": ["dossier_before_meeting"], "value": [0.5], "low": [0.4], "high": [0.6], "unit": ["share"]})  # fmt: skip
    aims = entries(
        "objectives",
        "objective_id measure_id baseline target",
        [("o", "win_rate", 0.4, 0.5, "2026-01-01")],
        sales_goal="g",
        tactic="t",
    )
    items = entries(
        "plan_items",
        "account_id item objective_id",
        [("a", "letter", "o", "2026-01-01")],
        reuse_or_new="new",
        channel="ad",
        owner="p",
        budget=1.0,
    )
    aim = cycle_plan.aims_of(aims, items, main, {"win_rate": (0.45, 9, "deal")})
    return cycle_plan.plan(
        RULES, main, deals, worth, {"early": 70.0}, cells, now, team, as_read("accounts"), aim, TODAY
    )


def test_the_plan_has_a_row_for_each_cycle_with_an_account_and_its_own_rules():
    got = plan(MAIN, of_deals()[0]).set_index("cycle")
    assert got.index.tolist() == ["early", "full"]
    early = got.loc["early"]
    assert early[["accounts", "revenue", "open_amount", "campaign_spend"]].tolist() == [2, 30, 1000, 70]
    assert (
        early["hand_over"] == RULES.cycles["early"].hand_over
        and early["owner"] == "p"
        and "tools (2)" in early["product_lines"]
    )
    assert "data (not measured, asked 60%)" in early["thresholds"] and np.isnan(early["hours_spent"])
    sheet = say_cycle_plan.sheet(got.reset_index(), "EUR").set_index("topic")
    assert (
        sheet.loc["Owner in sales"].tolist() == ["p (accountable)"] * 2 and sheet.loc["Open deals", "full"] == "0 EUR"
    )
    assert not sheet.index.str.startswith("Hours a year logged").any()
    assert sheet["early"].tolist().count("Dossier there before the meeting (now 50%, act below 36%)") == 1
    assert "First sales conversations (not measured)" in sheet["early"].tolist()
    assert early["aims"] == "Win rate from 0.4 to 0.5, now 0.45 (1 account plan)" and got.loc["full", "aims"] == ""
    assert sheet.loc["Next date", "early"] == say.day(TODAY)
    assert "days to decide 150 or more" in sheet["early"].tolist()  # one line for each bound
    said = str(say_cycle_plan.planned(got.reset_index(), "EUR"))
    assert said == "The early cycle holds 100.0% of the open deals (1,000 EUR, n = 2 accounts)."


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ((0.0, 0.0, 0.1, "share"), "(none now: act)"),
        ((4.0, np.nan, np.nan, "deals"), "(now 4, too few to see a fall)"),
        ((0.82, 0.8, 0.9, "deals"), "(now 0.8, act below 0.79)"),
    ],
    ids=["nothing to fall from", "a bound of nearly nothing", "a bound close by"],
)
def test_a_bound_that_says_nothing_is_not_said(now, says):
    values = pd.DataFrame([now], pd.MultiIndex.from_tuples([("early", "m")]), ["value", "low", "high", "unit"])
    assert cycle_plan._now(values, "early", "m") == f" {says}"


def test_no_account_leaves_no_plan():
    none = plan(MAIN.iloc[:0], of_deals()[0])
    assert (
        none.empty
        and str(say_cycle_plan.planned(none, "EUR")).startswith("No plan yet")
        and say_cycle_plan.sheet(none, "EUR").empty
    )


# -- how it is shown --------------------------------------------------------------------------------------------------


def shown(rows: pd.DataFrame, by: str) -> str:
    """A table of rows of measures, as text."""
    return repr(show.grouped(schema.conform("measures", rows.assign(as_of=TODAY)), by, "Title", "EUR"))


def test_measures_stand_side_by_side_with_cycles_in_order_and_say_what_lacks():
    wide = shared()
    text = shown(cycle_effort.spend_rows(wide[wide["by"] != "members"], MAIN, YEAR), "cycle")
    assert text.splitlines()[1].split() == ["Measure", "Early", "Full", "No", "account"]
    assert "40 EUR" in text and "n = 1" in text and "Not answerable on this data: Spend on target" in text
    deals, cycle = of_deals()
    mix = cycle_deals.course_rows(deals, cycle, as_read("contracts"), pd.Series(dtype="str"))
    terms = shown(mix, "cycle and term")
    assert "Term" in terms.splitlines()[1] and "over 2 years" in terms and "Days to decide" not in terms
    assert not shown(mix.iloc[:0], "cycle")


def test_what_was_known_last_is_missing_where_nothing_was_ever_known():
    rows = pd.DataFrame({"who": ["a"], "day": [pd.Timestamp("2026-01-02")]})
    known = pd.DataFrame({"who": ["a"], "since": [pd.Timestamp("2026-01-01")], "what": ["x"]})
    assert periods.latest_before(rows, known, "who", "day", "since")["what"].tolist() == ["x"]
    none = periods.latest_before(rows, known.iloc[:0], "who", "day", "since")
    assert (
        len(none) == 1
        and none["what"].isna().all()
        and periods.latest_before(rows.iloc[:0], known, "who", "day", "since").empty
    )
