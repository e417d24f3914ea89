"""KPIs of groups of accounts, worked by hand, and how often chance alone calls a change."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import kpi_report as kr
from abmlib.method import kpis
from abmlib.pages import say_kpis
from abmlib.tables import schema
from tests.conftest import as_read, entries
from tests.test_kpis import BEFORE, NOW
from tests.test_pipeline import deals

NO_DEALS = deals([("d", True, 1, "2020-01-01", "2020-02-01")]).iloc[:0]
IDS = [f"a{i}" for i in range(40)]


def accounts(ids: list[str], created: str = "2020-01-01", won: dict[str, str] | None = None) -> pd.DataFrame:
    days = pd.DataFrame(
        {"created_day": pd.Timestamp(created), "first_won_day": pd.NaT}, index=pd.Index(ids, name="account_id")
    )
    days["first_won_day"] = pd.to_datetime(days.index.to_series().map(won or {}))
    return days


def kpi(rows: list[tuple[str, str, float]], **more: object) -> kpis.Kpi:
    frame = pd.DataFrame(rows, columns=["account_id", "day", "top"])
    frame = frame.assign(day=pd.to_datetime(frame["day"]), bottom=1.0)
    return kpis.Kpi("C-26", "meetings_held_per_account", "meetings", frame, **more)


def cells(found: kpis.Kpi, about: pd.DataFrame) -> pd.DataFrame:
    main = pd.DataFrame({"account_id": [], "cycle": []}, dtype="str")
    ways = kr.groups(about, as_read("account_tiers"), main, NOW, BEFORE)
    return kr.report({"appointments": [found]}, ways, about["created_day"], NOW, BEFORE).set_index("group")


def meetings(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "contact_id", "occurred_at", "outcome"])
    frame = frame.assign(direction="mutual", channel="meeting", activity_id=[f"m{i}" for i in frame.index])
    return as_read("activities", frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True)))


def people(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["contact_id", "account_id", "buying_role"])
    return as_read("contacts", frame.assign(seniority="manager"))


def test_an_account_without_a_meeting_counts_below_and_its_sum_is_nothing():
    row = cells(kpi([("a0", "2026-03-01", 1.0), ("a0", "2026-04-01", 1.0)], of_all=True), accounts(IDS)).loc[kr.ALL]
    assert row[["value", "n", "accounts", "verdict"]].tolist() == [2 / 40, 2, 40, "too early"]
    assert np.isnan(row["change"])


def test_all_accounts_must_be_named():
    with pytest.raises(ValueError, match="name them"):
        kpi([], of_all=True).within(NOW)


def test_an_account_that_came_between_the_periods_counts_in_the_value_and_in_no_change():
    rows = [(a, day, 1.0) for a in IDS for day in ("2025-01-05", "2026-01-05")]
    about = pd.concat([accounts(IDS), accounts(["new"], created="2025-06-01")])
    row = cells(kpi([*rows, ("new", "2026-01-05", 42.0)], of_all=True), about).loc[kr.ALL]
    assert row["value"] == (40 + 42) / 41
    assert row[["before", "now_same", "change", "change_low", "same_accounts", "verdict"]].tolist() == [
        1, 1, 0, 0, 40, "within noise",
    ]  # fmt: skip


def test_who_first_bought_in_the_earlier_period_stays_a_prospect_in_both():
    won = {"a0": "2024-12-31", "a1": "2025-01-01", "a2": "2026-05-01"}
    found = cells(kpi([("a0", "2026-03-01", 1.0)], of_all=True), accounts(IDS, won=won))
    assert found["accounts"].to_dict() == {kr.ALL: 40, kr.CUSTOMERS: 1, kr.PROSPECTS: 39}


def test_a_change_beyond_noise_is_called_and_one_that_is_known_from_late_on_is_not():
    rows = [(a, "2025-01-05", 1.0) for a in IDS] + [(a, "2026-01-05", 2.0 + i % 2) for i, a in enumerate(IDS)]
    row = cells(kpi(rows, of_all=True), accounts(IDS)).loc[kr.ALL]
    assert row[["before", "now_same", "change", "verdict"]].tolist() == [1, 2.5, 1.5, "up"]
    late = [(a, day.replace("2025-01", "2025-03"), top) for a, day, top in rows]
    assert cells(kpi(late, of_all=True), accounts(IDS)).loc[kr.ALL, "verdict"] == "too early"
    assert cells(kpi(late, of_all=True, is_state=True), accounts(IDS)).loc[kr.ALL, "verdict"] == "up"


def test_the_list_and_its_tiers_are_those_of_the_last_day():
    rows = [
        ("a0", "1", "2026-01-01"),
        ("a1", "2", "2026-02-01"),
        ("a2", "none", "2026-02-01"),
        ("a3", "2", "2027-01-01"),
    ]
    frame = pd.DataFrame(rows, columns=["account_id", "tier", "valid_from"]).assign(set_by="joint", reason="fits")
    tiers = entries(
        "account_tiers", "account_id tier valid_from set_by reason", [(*r, "2026-01-01") for r in frame.values.tolist()]
    )
    main = pd.DataFrame({"account_id": ["a0", "a1"], "cycle": ["mid", "mid"]}, dtype="str")
    found = kr.groups(
        accounts(IDS[:4]), tiers.assign(valid_from=pd.to_datetime(tiers["valid_from"])), main, NOW, BEFORE
    )
    sizes = found.groupby(["group_by", "group"], sort=False)["account_id"].agg(list).to_dict()
    assert sizes == {
        ("all", kr.ALL): ["a0", "a1", "a2", "a3"],
        ("target list today", "on the target list"): ["a0", "a1"],
        ("target list today", "not on it"): ["a2", "a3"],
        ("tier", "tier 1"): ["a0"],
        ("tier", "tier 2"): ["a1"],
    }  # one cycle, and prospects alone, split nothing


def test_the_open_amount_is_what_was_known_on_each_day():
    opened = [("d1", None, 100, "2025-06-01")]
    now, then = (
        deals([*opened, ("d2", None, 50, "2026-02-01")], account_id=["a0", "a1"]),
        deals(opened, account_id=["a0"]),
    )
    found = {k.definition_id: k for k in kr.pipeline(now, {NOW: now, BEFORE: then.assign(amount=70.0)})}
    rows = found["open_value_per_account"]
    assert [rows.within(p, pd.Index(["a0", "a1"]))["top"].tolist() for p in (NOW, BEFORE)] == [[100, 50], [70, 0]]
    assert found["win_rate_by_count"].rows.empty


def test_meetings_are_booked_held_or_missed_and_new_with_a_person_once():
    found = kr.appointments(
        meetings([
            ("a0", "p1", "2025-12-01", "held"),
            ("a0", "p1", "2026-01-01", "held"),  # met before
            ("a0", "p2", "2026-01-02", "no_show"),  # not met yet
            ("a0", "p2", "2026-01-03", "held"),
            ("a1", "p3", "2026-01-04", "booked"),
            ("a1", None, "2026-01-05", "held"),
        ]),
        people([("p1", "a0", "decision_maker"), ("p2", "a0", "end_user")]),
    )  # fmt: skip
    sums = {k.definition_id: k.counted(NOW)["top"].sum() for k in found}
    assert list(sums.values()) == [5, 3, 1, 1, 1]
    assert found[-1].counted(NOW)["top"].mean() == 1 / 4  # of the held and missed


def test_roles_and_deciders_are_those_reached_on_the_last_day_and_a_person_engages_once():
    contacts = people([("p1", "a0", "decision_maker"), ("p2", "a0", "end_user"), ("p3", "a1", "blocker")])
    touches = meetings(
        [("a0", "p1", "2026-01-01", "held"), ("a0", "p1", "2026-01-02", "held"), ("a1", "p3", "2026-01-02", "no_show")]
    )
    known = {NOW: contacts, BEFORE: contacts.assign(buying_role=pd.NA)}
    roles, reached, engaged = kr.contact_coverage(
        known, accounts(["a0", "a1"]), ["decision_maker", "champion"], touches
    )
    assert roles.counted(NOW)["top"].tolist() == [0.5, 0]
    assert reached.counted(NOW)["top"].tolist() == [1, 0]
    assert roles.counted(BEFORE).empty  # no role was known
    assert reached.counted(BEFORE).empty
    assert engaged.counted(NOW)[["account_id", "top"]].values.tolist() == [["a0", 1.0]]


def test_perception_shifts_by_person_and_others_are_shown_apart():
    rows = [(f"p{i}", f"a{i}", year, 3 + (year == 2026)) for i in range(35) for year in (2025, 2026)]
    rows += [("only", "a0", 2026, 1), ("p0", "a0", 2026.5, 5)]  # of two answers in a period the latest counts
    frame = pd.DataFrame(rows, columns=["contact_id", "account_id", "year", "score"])
    when = pd.to_datetime(
        (frame["year"] // 1).astype(int).astype("str") + np.where(frame["year"] % 1, "-08-01", "-03-01"), utc=True
    )
    frame = frame.assign(responded_at=when, response_id=[f"r{i}" for i in frame.index], survey_type="perception")
    asked = as_read("surveys", frame.drop(columns="year").assign(item="<b>us", wave="w", scale_min=1, scale_max=5))
    found = kr.perception(asked, NOW, BEFORE)
    same, every = (cells(k, accounts(IDS)).loc[kr.ALL] for k in found)
    assert same[["n", "before", "verdict"]].tolist() == [35, 50, "up"]
    assert same["change"] == pytest.approx((34 * 25 + 50) / 35)
    assert every["n"] == 36
    both = pd.concat([cells(k, accounts(IDS)).reset_index() for k in found])
    said = say_kpis.perception(both.assign(item="they know us"), kr.ALL, "EUR")
    assert said.startswith(
        "How all accounts see us. “They know us”: 35 people answered in both periods, +25.7 points of 100"
    )
    assert "0 people answered in both periods, too early" in say_kpis.perception(both[both["n"] == 36], kr.ALL, "EUR")
    assert (
        "&lt;b&gt;us"
        in say_kpis.words(say_kpis.moved(cells(found[0], accounts(IDS)).reset_index(), kr.ALL, "EUR"))._repr_html_()
    )


def test_where_nothing_changed_chance_calls_something_in_few_reports():
    rng, runs, many, kinds = np.random.default_rng(3), 250, 90, 12
    mood = rng.gamma(1.0, 2.0, (runs, many))  # accounts differ, and each is the same in both periods
    top = rng.poisson(np.broadcast_to(mood[:, None, None], (2, runs, kinds, 1, many))).astype(float)
    top[:, :, ::2] *= rng.lognormal(0, 1.5, top[:, :, ::2].shape)  # half of the KPIs are money
    groups = np.stack([np.ones(many), np.arange(many) < 40, np.arange(many) >= 40])
    change, error, clusters = kpis.apart(top * groups, np.ones_like(top) * groups)
    p = kr.p_values(change, error, clusters).reshape(runs, -1)
    way = pd.Series(np.tile(["all", "size", "size"], kinds))
    calls = [
        kr.called(pd.Series(c), pd.Series(q), way).isin(["up", "down"]).groupby(way).any()
        for c, q in zip(change.reshape(runs, -1), p, strict=True)
    ]
    assert (pd.DataFrame(calls).mean() <= 0.05).all()  # of each way of grouping


def test_a_verdict_of_one_way_of_grouping_does_not_depend_on_the_others():
    p = pd.Series([0.04, 0.9, 0.9, 0.9])
    together = [kr.called(p, p, pd.Series(ways)).iloc[0] for ways in (["list"] + ["cycle"] * 3, ["list"] * 4)]
    assert together == ["up", "within noise"]


def test_accounts_won_rest_on_accounts_and_not_on_their_deals():
    won = kpi([(f"a{i % 20}", "2026-03-01", 1.0) for i in range(40)], once=("top",), of_all=True)
    assert cells(won, accounts(IDS)).loc[kr.ALL, ["value", "n", "verdict"]].tolist() == [0.5, 20, "too early"]


def test_only_kpis_with_a_value_count_and_changes_say_whose_they_are():
    table = cells(kpi([(a, "2026-01-05", 1.0) for a in IDS], of_all=True), accounts(IDS, won={"a0": "2024-01-01"}))
    every = pd.concat([table, table.assign(definition_id="no_show_rate", value=np.nan)]).reset_index()
    assert say_kpis.moved(every, kr.ALL, "EUR") == "All accounts, 1 KPI: 1 too early to judge."
    assert say_kpis.how_many(every, kr.ALL) == "All accounts: too early to judge a KPI."
    whose = say_kpis.same_accounts(every, BEFORE.start, [kr.ALL, kr.CUSTOMERS, "on no list"])
    assert whose.endswith("with themselves. All accounts: 40 of 40; customers: 1 of 1.")
    line = say_kpis.kpi_table(every[every["group"] == kr.ALL], "EUR").iloc[0]
    assert line[["verdict", "value", "accounts", "Cases"]].tolist() == [
        "too early",
        "1.00 meetings (1.00 to 1.00)",
        40,
        40,
    ]


def test_a_book_without_any_of_it_has_an_empty_report():
    about = accounts(IDS)
    none = kr.sales_value(NO_DEALS) + kr.appointments(as_read("activities"), as_read("contacts")) + kr.scale(NO_DEALS)
    none += kr.perception(as_read("surveys"), NOW, BEFORE) + kr.pipeline(NO_DEALS, {NOW: NO_DEALS, BEFORE: NO_DEALS})
    known = {NOW: as_read("contacts"), BEFORE: as_read("contacts")}
    none += kr.contact_coverage(known, about, ["champion"], as_read("activities"))
    main = schema.empty("01_cycles")
    ways = kr.groups(about, as_read("account_tiers"), main, NOW, BEFORE)
    table = kr.report({"scale": none}, ways, about["created_day"], NOW, BEFORE)
    assert table.empty
    assert (
        say_kpis.moved(table, kr.ALL, "EUR")
        == say_kpis.how_many(table, kr.ALL)
        == say_kpis.same_accounts(table, NOW.start, [kr.ALL])
        == say_kpis.about(table, 0.95)
        == ""
    )
    assert say_kpis.kpi_table(table, "EUR").empty
    assert say_kpis.beside(table, say_kpis.FIVE, "EUR").empty


def test_groups_stand_side_by_side_with_n_and_what_was_called():
    rows = [(a, "2025-01-05", 1.0) for a in IDS] + [(a, "2026-01-05", 2.0 + i % 2) for i, a in enumerate(IDS)]
    table = cells(kpi(rows, of_all=True), accounts(IDS, won={"a0": "2024-01-01"})).reset_index()
    line = say_kpis.beside(table[table["group_by"] == "customer"], say_kpis.FIVE, "EUR").iloc[0]
    assert line["Customers"] == "2.00 meetings, 1 case; too early"
    assert line["Prospects"].startswith("2.51 meetings (2.")
    assert line["Prospects"].endswith("39 cases; up")
    assert say_kpis.moved(table, kr.ALL, "EUR") == "All accounts, 1 KPI: Meetings held per account up (+1.50 meetings)."
    assert say_kpis.how_many(table, kr.ALL) == "All accounts: 1 of the 1 KPI that can be judged moved."
    assert "(1 of all accounts and 1 by customer)" in say_kpis.about(table, 0.95)
    shown = say_kpis.kpi_table(table[table["group"] == kr.ALL], "EUR").iloc[0]
    assert shown[["Same accounts: before", "Same accounts: now"]].tolist() == ["1.00 meetings", "2.50 meetings"]
