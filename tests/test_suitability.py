"""Suitability, break-even effort and the fifteen cells, on tables a person can follow."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import cycle, cycle_effort, data_quality, elements, orders, periods, suitability
from abmlib.method.deals import with_days
from tests.conftest import as_read, entries
from tests.test_cycle import RULES, TODAY, deal, frame, seen

NONE = {
    name: as_read(name)
    for name in (
        "accounts", "contacts", "opportunities", "transactions", "activities", "account_insights", "intent_signals",
        "web_sessions", "contracts", "messages", "personas", "hand_overs", "account_tiers",
    )
}  # fmt: skip


def judged(deals: list[dict], segment: dict[str, str] | None = None, bought=(), products=()) -> pd.DataFrame:
    of = with_days(frame("opportunities", deals), TODAY)
    lines = orders.with_product_line(frame("transactions", list(bought)), frame("products", list(products)))
    ids = sorted({d["account_id"] for d in deals if d["account_id"]})
    parts = pd.Series(segment or {}, dtype="str").reindex(ids).rename("industry")
    in_year = suitability.bought_in_year(of, lines, TODAY)
    return suitability.criteria(seen(deals, bought=bought, products=products), of, in_year, parts, RULES)


def by_part(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(["segment", "product_line", "criterion"])


# -- segment by segment -----------------------------------------------------------------------------------------------


def test_large_slow_deals_are_suited_and_small_fast_ones_are_not_and_a_segment_that_buys_both_is_told_both():
    large = [deal(f"l{i}", f"a{i}", 200 + i, 1e6 + i, product_line="plant") for i in range(30)]
    small = [deal(f"s{i}", f"a{i}", 20 + i % 5, 900.0 + i, product_line="pens") for i in range(30)]
    got = judged(large + small, {f"a{i}": "steel" for i in range(30)})
    told = suitability.verdicts(got).set_index(["segment", "product_line"])
    assert told.loc[("steel", "plant"), "verdict"] == told.loc[("all", "plant"), "verdict"] == "suited"
    assert told.loc[("steel", "pens"), "verdict"] == told.loc[("all", "pens"), "verdict"] == "not suited"
    assert told.loc[("steel", "pens"), "speaks_for"] == "lines"
    row = by_part(got).loc[("steel", "plant", "lines")]
    assert row["value"] == 2.0 and row["n"] == 30
    assert got.loc[got["criterion"] == "buyers", "verdict"].eq("not_answerable").all()


def test_orders_are_no_deals_and_do_not_lower_what_a_deal_is_worth():
    deals = [deal(f"o{i}", f"a{i}", 100, 70_000.0 + i) for i in range(24)]
    pens = [
        {"transaction_id": f"t{i}{k}", "account_id": f"a{i}", "booked_at": TODAY - pd.Timedelta(days=30 * k), "revenue": 50.0, "product_id": "pen"}
        for i in range(24) for k in range(9)
    ]  # fmt: skip
    product = [{"product_id": "pen", "name": "pen", "product_line": "tools"}]
    row = by_part(judged(deals, bought=pens, products=product)).loc["all", "tools"]
    assert 70_000 <= row.loc["deal_value", "value"] < 70_024 and row.loc["deal_value", "verdict"] == "yes"
    assert row.loc["account_value", "value"] == 450.0 and row.loc["account_value", "verdict"] == "no"


def test_an_account_counts_once_however_many_deals_it_has():
    deals = [deal(f"o{i}", f"a{i}", amount=100_000.0) for i in range(21)]
    deals += [deal(f"x{i}", "a0", amount=10.0) for i in range(50)]
    row = by_part(judged(deals)).loc[("all", "tools", "deal_value")]
    assert row["value"] == 100_000.0 and row["n"] == 21


def test_neither_deals_nor_a_year_worth_enough_keep_a_segment_from_being_suited():
    rows = pd.DataFrame(
        [("all", "all", "x", 20, c, v) for c, v in zip(RULES.suitability, ["no", "no", *["yes"] * 4], strict=True)],
        columns=["by", "segment", "product_line", "n", "criterion", "verdict"],
    )  # fmt: skip
    assert suitability.verdicts(rows)["verdict"].tolist() == ["mixed"]
    assert suitability.verdicts(rows.replace({"no": "unsure"}))["verdict"].tolist() == ["suited"]
    assert suitability.verdicts(rows.assign(verdict=["no", *["yes"] * 5]))["verdict"].tolist() == ["suited"]
    assert suitability.verdicts(rows.head(2))["verdict"].tolist() == ["too little is known"]


def test_few_accounts_are_too_early_and_an_interval_around_the_rule_is_unsure():
    few = judged([deal(f"o{i}", f"a{i}", 200, 1e6) for i in range(suitability.FEWEST - 1)])
    assert set(few.loc[few["criterion"] == "deal_value", "verdict"]) == {"too_early"}
    random = np.random.default_rng(4)
    around = judged(
        [deal(f"o{i}", f"a{i}", 90, float(a)) for i, a in enumerate(50_000 * np.exp(random.normal(0, 1, 40)))]
    )
    assert set(around.loc[around["criterion"] == "deal_value", "verdict"]) == {"unsure"}


def test_a_criterion_that_stands_alone_falls_among_many_comparisons():
    amounts = 50_000 * np.exp(np.random.default_rng(6).normal(0.25, 1, 40))
    deals = [deal(f"o{i}", f"a{i}", 90, float(a)) for i, a in enumerate(amounts)]
    alone = by_part(judged(deals)).loc[("all", "tools", "deal_value")]
    assert alone["low"] > 50_000 and alone["verdict"] == "yes"
    noise = [
        deal(f"{line}-{i}", f"{line}-{i}", 85 + 10 * (i % 2), 50_000.0 * 2 ** (i % 2 * 2 - 1), product_line=f"line {line}")
        for line in range(12) for i in range(20)
    ]  # fmt: skip
    among = by_part(judged(deals + noise)).loc[("all", "tools", "deal_value")]
    assert (among["value"], among["low"]) == (alone["value"], alone["low"]) and among["p"] > alone["p"]
    assert among["verdict"] == "unsure"


def test_revenue_of_key_accounts_takes_the_verdict_of_their_segment_or_of_the_line_where_that_is_not_known():
    bought = pd.Series(
        {("a", "x"): 800.0, ("b", "x"): 150.0, ("b", "y"): 50.0, ("c", "y"): 10.0}, name="revenue"
    ).rename_axis(["account_id", "product_line"])
    rows = [
        ("product line", "all", "x", "suited"), ("product line", "all", "y", "not suited"),
        ("industry", "steel", "x", "mixed"), ("industry", "retail", "x", "too little is known"),
    ]  # fmt: skip
    verdicts = pd.DataFrame(rows, columns=["by", "segment", "product_line", "verdict"])
    got = suitability.class_a_revenue(bought, pd.Series({"a": "steel", "b": "retail", "c": None}), verdicts).set_index(
        "verdict"
    )
    assert got["revenue"].to_dict() == {"mixed": 800.0, "suited": 150.0, "not suited": 60.0}
    assert got["class_A_accounts"].to_dict() == {"mixed": 1, "suited": 1, "not suited": 1}
    assert got["share_of_class_A_revenue"].tolist() == [0.8, 0.15, 0.05]


def test_a_year_without_revenue_gives_no_row_of_revenue_by_verdict():
    nothing = suitability.bought_in_year(with_days(NONE["opportunities"], TODAY), orders.with_product_line(NONE["transactions"], frame("products", [])), TODAY)  # fmt: skip
    got = suitability.class_a_revenue(nothing, pd.Series({"a": "x"}, dtype="str"), suitability.verdicts(judged([])))
    assert got.empty


def test_the_number_of_lines_is_not_answerable_where_no_purchase_names_its_line():
    rows = judged([deal(f"d{i}", f"a{i}", product_line=None) for i in range(30)])
    of = rows[rows["criterion"] == "lines"]
    assert of["verdict"].eq(suitability.UNKNOWN).all()


def test_accounts_without_a_segment_are_unknown_and_no_segment_at_all_is_no_part():
    deals = [deal(f"o{i}", f"a{i}") for i in range(4)]
    assert judged(deals, {"a0": "steel"}).query("by == 'industry'")["segment"].unique().tolist() == ["steel", "unknown"]
    assert "industry" not in set(judged(deals)["by"])


def test_a_segment_nobody_has_is_refused():
    with pytest.raises(ValueError, match="no column 'sector'"):
        data_quality.segments(as_read("accounts"), "sector")


def test_rows_of_measures_are_to_spec_and_what_is_too_early_has_no_value():
    rows = pd.DataFrame(suitability.criteria_rows(judged([deal("o", "a")])))
    early = rows[rows["status"] == "too_early"]
    assert len(early) and early["value"].isna().all()
    assert set(rows["status"]) == {"too_early", "not_answerable"}


def fitting(of: dict[str, list[tuple]]) -> tuple[pd.DataFrame, pd.Series]:
    """Which criteria accounts meet, by segment: days of its deal and a year's revenue of each."""
    ids = {f"{name}{i}": row for name, rows in of.items() for i, row in enumerate(rows)}
    main = pd.DataFrame({"account_id": list(ids), "product_line": "tools"})
    deals = [deal(a, a, days, 1e5) for a, (days, _) in ids.items() if days]
    bought = pd.Series({(a, "tools"): worth for a, (_, worth) in ids.items() if worth}, dtype=float)
    bought.index = pd.MultiIndex.from_tuples(bought.index, names=["account_id", "product_line"])
    segment = pd.Series([a[0] for a in ids], list(ids), name="industry", dtype="str")
    return suitability.fits(cycle.typical_values(seen(deals)), main, bought, RULES), segment


def test_an_account_fits_that_meets_more_than_half_of_what_is_known_of_it():
    met, _ = fitting({"x": [(200, 3e5), (200, 10.0), (20, 3e5), (200, None), (None, 3e5)]})
    assert met["fits"].to_dict() == {"x0": True, "x1": False, "x2": False}  # of x3 and x4 one or two criteria are known
    assert met.loc["x1", ["account_value", "cycle_days", "lines"]].tolist() == [0, 1, 0] and met["buyers"].isna().all()


def test_segments_that_fit_more_are_found_where_they_differ_and_chance_is_no_difference():
    good, bad = (200, 3e5), (20, 10.0)
    met, segment = fitting({"a": [good] * 24 + [bad] * 6, "b": [bad] * 24 + [good] * 6, "c": [good] * 9, "d": [bad] * 15 + [good] * 15})  # fmt: skip
    by = suitability.index_by_segment(met, segment).set_index("group")
    assert by["verdict"].to_dict() == {
        "a": suitability.MORE, "b": suitability.FEWER, "d": suitability.SAME, "c": "too_early",
    }  # fmt: skip
    assert by.loc["a", ["k", "n", "raw", "met_cycle_days"]].tolist() == [24, 30, 0.8, 0.8]
    rows = suitability.index_rows(by.reset_index())
    whole = rows[rows["group_by"].isna()].iloc[0]
    assert whole["value"] == (24 + 6 + 9 + 15) / 99 and whole["n"] == 99
    assert rows.loc[rows["group"] == "c", "value"].isna().all()
    same, segment = fitting({name: [good] * 15 + [bad] * 15 for name in "abc"})
    assert set(suitability.index_by_segment(same, segment)["verdict"]) == {suitability.SAME}
    assert suitability.index_rows(suitability.index_by_segment(met.iloc[:0], segment))["status"].tolist() == [
        "not_answerable"
    ]


# -- effort -----------------------------------------------------------------------------------------------------------


def test_break_even_hours_are_the_margin_to_be_added_over_the_cost_of_an_hour():
    lines = frame(
        "transactions",
        [
            {"transaction_id": "1", "account_id": "a", "booked_at": TODAY, "revenue": 10_000.0, "cogs": 6_000.0},
            {"transaction_id": "2", "account_id": "b", "booked_at": TODAY, "revenue": 10_000.0},
            {"transaction_id": "3", "account_id": "c", "booked_at": TODAY, "revenue": 100.0, "cogs": 500.0},
        ],
    )
    ids = pd.Index(["a", "b", "c", "d"])
    worth = orders.by_account(lines, ids, periods.Period(TODAY - pd.Timedelta(days=364), TODAY))
    touch = {"direction": "outbound", "occurred_at": "2026-06-01", "channel": "meeting"}
    touches = frame(
        "activities",
        [
            touch | {"activity_id": "1", "account_id": "a", "team": "sales", "person_hours": 8.0, "duration_min": 60.0},
            touch | {"activity_id": "2", "account_id": "a", "duration_min": 30.0},
            touch | {"activity_id": "3", "account_id": "a", "team": "marketing", "person_hours": 9.0},
            touch
            | {
                "activity_id": "4",
                "account_id": "a",
                "team": "sales",
                "person_hours": 9.0,
                "occurred_at": "2025-06-01",
            },
        ],
    )
    hours = cycle_effort.hours_spent(touches, ids, TODAY)
    assert hours.tolist() == [8.5, 0, 0, 0]
    cycles = pd.Series({"a": "mid", "b": "mid", "c": "full"})
    got = cycle_effort.effort(worth, hours, cycles, 80.0, 0.1, 0.0)
    assert got["break_even_hours"].round(6).tolist()[:1] == [5.0] and got.loc["a", "spare_hours"] == -3.5
    assert np.isnan(got.loc["b", "break_even_hours"]) and got.loc["c", "break_even_hours"] == 0
    assert cycle_effort.effort(worth, hours, cycles, 80.0, 0.1, 0.3).loc["b", "break_even_hours"] == pytest.approx(3.75)
    rows = cycle_effort.effort_rows(got).set_index(["definition_id", "group"])
    over = rows.loc["accounts_above_break_even"]
    assert over["value"].to_dict() == {"mid": 1.0, "full": 0.0} and over["n"].tolist() == [1, 1]
    assert rows.loc["break_even_hours_median", "value"].to_dict() == {"mid": 5.0, "full": 0.0}
    assert rows.loc[("sales_hours_median", "mid"), "value"] == 4.25


def test_untimed_sales_and_wrong_prices_are_told():
    assert cycle_effort.hours_spent(as_read("activities"), pd.Index(["a"]), TODAY).isna().all()
    worth = pd.DataFrame({"margin": [1.0], "revenue": [1.0]})
    with pytest.raises(ValueError, match="hour_cost 0"):
        cycle_effort.effort(worth, pd.Series(dtype=float), pd.Series(dtype="str"), 0, 0.1, 0)


# -- fifteen cells ----------------------------------------------------------------------------------------------------


def cells(tables: dict[str, pd.DataFrame], cycles: dict[str, str]) -> pd.DataFrame:
    main = pd.DataFrame({"account_id": list(cycles), "product_line": "x", "cycle": list(cycles.values())})
    got = elements.cells(NONE | tables, main, RULES, as_read("team"), TODAY)
    return got.set_index(["element", "cycle"])


def test_without_tables_every_cell_is_not_answerable_and_says_what_to_do():
    got = cells({}, {"a": "early", "b": "mid", "c": "full"})
    assert len(got) == 15 and got["verdict"].eq("not_answerable").all() and got["next_step"].ne("").all()
    assert elements.as_grid(got.reset_index(), "verdict").shape == (5, 3)
    rows = pd.DataFrame(elements.cell_rows(got.reset_index()))
    assert rows["status"].eq("not_answerable").all()


@pytest.mark.parametrize("sent", ["2026-05-01", "2020-01-01"], ids=["all answered", "none in the window"])
def test_hand_overs_that_are_all_answered_or_all_too_old_lack_nothing(sent):
    done = {"sent_at": sent, "accepted_at": sent, "brief_read": True, "entered_at": sent, "entered_by": "team"}
    given = frame("hand_overs", [done | {"account_id": "m0"}])
    scope = elements.Scope({"hand_overs": given}, "mid", pd.Index(["m0"]), TODAY - 180 * elements.DAY, TODAY)
    assert elements.COUNTS["sales_commitment", "mid"].of(scope).lacking.empty


def test_each_cell_counts_what_it_says():
    entry = {"entered_at": "2026-01-01", "entered_by": "team"}
    early = {f"e{i}": "early" for i in range(4)}
    mid, full = {f"m{i}": "mid" for i in range(4)}, {f"f{i}": "full" for i in range(4)}
    insight = {"confidence": 0.9, "source": "call", "observed_at": pd.Timestamp("2026-05-01", tz="UTC")} | entry
    touch = {"occurred_at": "2026-06-20", "direction": "outbound"}
    given = {
        "account_insights": frame("account_insights", [
            insight | {"insight_id": "1", "account_id": "e0", "kind": "politics"},
            insight | {"insight_id": "4", "account_id": "e2", "kind": "politics", "expires_at": "2026-06-01"},
            insight | {"insight_id": "2", "account_id": "e1", "kind": "usage"},
            insight | {"insight_id": "3", "account_id": "m0", "kind": "usage"},
        ]),
        "contacts": frame("contacts", [
            {"contact_id": "1", "account_id": "e0", "seniority": "vp"}, {"contact_id": "2", "account_id": "e1", "seniority": "manager"},
        ]),
        "activities": frame("activities", [
            touch | {"activity_id": "1", "account_id": "e0", "channel": "meeting", "team": "sales"},
            touch | {"activity_id": "2", "account_id": "m0", "channel": "webinar"},
            touch | {"activity_id": "3", "account_id": "m1", "channel": "webinar", "occurred_at": "2025-06-20"},
            touch | {"activity_id": "4", "account_id": "f0", "channel": "email"},
            touch | {"activity_id": "5", "account_id": "f1", "channel": "web", "direction": "inbound"},
            touch | {"activity_id": "6", "account_id": "f2", "channel": "web", "direction": "inbound", "is_bot": True},
        ]),
        "hand_overs": frame("hand_overs", [
            entry | {"account_id": "m0", "sent_at": "2026-05-01", "accepted_at": "2026-05-02", "brief_read": True},
            entry | {"account_id": "m1", "sent_at": "2026-05-01", "accepted_at": "2026-05-02", "brief_read": False},
            entry | {"account_id": "m2", "sent_at": "2025-05-01"},
        ]),
        "account_tiers": frame("account_tiers", [
            entry | {"account_id": a, "valid_from": day, "tier": t, "set_by": "joint", "reason": "r"}
            for a, day, t in (
                ("e0", "2026-01-01", "1"), ("e1", "2026-01-01", "2"), ("e2", "2026-01-01", "none"),
                ("e3", "2026-01-01", "2"), ("e3", "2026-03-01", "none"),
            )
        ]),
        "transactions": frame("transactions", [
            {"transaction_id": f"{i}", "account_id": f"f{i}", "booked_at": "2026-06-01", "revenue": 100.0 * (i + 1)} for i in range(3)
        ]),
        "accounts": frame("accounts", [
            {"account_id": a, "name": a, "created_at": "2020-01-01", "status": "customer", "owner_id": "s" if a == "f2" else None,
             "industry": "x", "employees": 5, "region": "n", "tech_stack": "t" if a == "f0" else None}
            for a in [*early, *mid, *full]
        ]),
    }  # fmt: skip
    got = cells(given, early | mid | full)
    counted = {k: (int(v.k), int(v.n)) for k, v in got.iterrows()}
    assert counted["customer_knowledge", "early"] == (1, 4) and counted["customer_knowledge", "mid"] == (1, 4)
    assert counted["customer_knowledge", "full"] == (1, 4)  # a machine's visit is none
    assert counted["data", "early"] == (1, 4) and counted["data", "full"] == (1, 3)
    assert (
        counted["tactics", "early"] == (1, 4)
        and counted["tactics", "mid"] == (1, 4)
        and counted["tactics", "full"] == (1, 4)
    )
    assert counted["sales_commitment", "early"] == (1, 2)  # of the two on the list
    assert counted["sales_commitment", "mid"] == (1, 2)  # last year's is too old
    assert counted["sales_commitment", "full"] == (1, 1)
    assert got.loc[("messaging", "mid"), "verdict"] == "not_answerable"
    assert got.loc[("sales_commitment", "full"), "verdict"] == "in place"
    assert got.loc[("data", "early"), "verdict"] == "gap" and got.loc[("data", "early"), "share"] == 0.25
    told = elements.elements_table(got.reset_index(), {"e1": "Echo"}).set_index(["element", "cycle"])
    politics = told.loc[("customer_knowledge", "early")]  # the note that is out of date is no evidence
    assert politics["found"] == (
        "1 of 4 accounts with an issue, goal, politics or decision process noted; 1 account insights, the newest of 1 May 2026"
    )
    assert politics["lacking"] == "3: no issue, goal, politics or decision process noted (Echo, e2 and 1 more)"
    assert told.loc[("sales_commitment", "mid"), "lacking"] == "1: not accepted, or brief not read (m1)"
    assert (
        told.loc[("messaging", "mid"), "found"].startswith("not recorded: ")
        and not told.loc[("messaging", "mid"), "lacking"]
    )
    assert told["owner_as"].iloc[0] == "nobody named"
    each = elements.account_elements(got.reset_index(), pd.Series({"e1": "s1"})).set_index(["account_id", "element"])
    assert each.loc[("e1", "customer_knowledge"), ["records", "owner"]].tolist() == [0, "s1"]
    assert each.loc[("e1", "customer_knowledge"), "lacks"].startswith("no issue") and each.index.is_unique
    assert each.loc[("e0", "customer_knowledge"), ["records", "newest", "lacks"]].tolist() == [
        1,
        pd.Timestamp("2026-05-01"),
        "",
    ]
    why = got["lacking"]
    assert why["sales_commitment", "mid"].tolist() == ["accepted 2 May 2026, brief not read"]
    assert why["data", "full"].to_dict() == {"f1": "no technology", "f2": "no technology"}
    assert why["tactics", "mid"]["m1"] == "no webinar, roadshow or event; last touch of any kind 20 June 2025 (webinar)"
    assert why["tactics", "mid"]["m2"].endswith("; no touch by a person known")
    export = got.loc["customer_knowledge", "full"]  # a task about data: no accounts, and no seller
    assert export["lacking"].empty and export["function"] == "analytics"
    few = cells(given | {"activities": given["activities"].iloc[:2]}, early | mid | full)
    assert few.loc[("tactics", "early"), "verdict"] == "not_answerable"  # touches of two of many accounts are no log
    short = elements.largest_gaps(got.reset_index(), 3)
    assert short["verdict"].eq("gap").all() and len(short) == 3


def test_work_falls_to_who_is_accountable_then_responsible_then_the_owner_then_the_function():
    team = [
        ("p1", "sales", None, None),
        ("p2", "sales", "b", "R"),
        ("p3", "sales", None, "A"),
        ("p4", "creative", None, "C"),
    ]
    team = [(*row, "2026-01-01") for row in team]
    people = entries("team", "person_id function account_id raci", team, team="t", capacity_hours=1.0)
    accounts = pd.DataFrame({"account_id": list("abc"), "owner_id": ["s1", "s1", "s2"]})
    others = people[people["raci"] != "A"]
    for rows, function, ids, told in (
        (people, "sales", "abc", ("p3", "accountable")),
        (others, "sales", "abc", ("p2", "responsible")),
        (others, "sales", "ac", ("s1", "owner with the most of them")),  # who is responsible for b alone is not
        (others, "sales", "", ("p1, p2", "in the function")),
        (people, "creative", "a", ("p4", "in the function")),
        (people, "field", "a", (None, "nobody named")),
    ):
        assert elements.owner_of(function, rows, accounts, pd.Index(list(ids))) == told


def test_a_column_that_is_filled_nowhere_is_not_known_and_no_gap():
    main = pd.DataFrame({"account_id": ["f0"], "product_line": ["x"], "cycle": ["full"]})
    bought = [{"transaction_id": "1", "account_id": "f0", "booked_at": "2026-06-01", "revenue": 100.0}]
    asked = NONE | {"transactions": frame("transactions", bought)}
    for owner, verdict in ((None, "not_answerable"), ("s1", "in place")):  # as of an earlier day nobody knows owners
        account = {"account_id": "f0", "name": "F", "created_at": "2020-01-01", "owner_id": owner, "status": "customer"}
        got = elements.cells(asked | {"accounts": frame("accounts", [account])}, main, RULES, as_read("team"), TODAY)
        assert got.set_index(["element", "cycle"]).loc[("sales_commitment", "full"), "verdict"] == verdict


def test_the_next_step_of_a_cell_is_a_chore_about_data_where_it_records_something():
    got = cells({}, {"a": "early", "b": "mid", "c": "full"})
    assert set(got.loc["data", "kind"]) == set(got.loc["customer_knowledge", "kind"]) == {"data"}
    assert set(got.loc["messaging", "kind"]) == {"programme"}
    assert got.loc[("tactics", "early"), ["next_step", "kind"]].tolist() == [
        "export activities, which would show accounts met, or at an event", "data",
    ]  # fmt: skip
    assert not got.loc[("sales_commitment", "mid"), "next_step"].startswith("export")  # hand-overs are entered


def test_accounts_left_alone_are_not_among_those_that_lack_an_element():
    whole = {"lacking": [pd.Series(["why", "other"], ["a", "b"]), pd.Series(["why"], ["a"]), pd.Series(dtype="str")]}
    gaps = pd.DataFrame(whole, ["some", "all", "none asked"])
    left = elements.leave_out(gaps, ["a"])
    assert {name: why.to_dict() for name, why in left["lacking"].items()} == {"some": {"b": "other"}, "none asked": {}}
    assert elements.leave_out(gaps, []).index.equals(gaps.index)
    assert elements.leave_out(gaps.iloc[:0], ["a"]).empty


def test_a_cycle_without_accounts_gets_no_advice():
    got = cells({}, {"a": "early"})
    assert got.index[got["next_step"] != ""].get_level_values("cycle").unique().tolist() == ["early"]
    assert set(elements.largest_gaps(got.reset_index(), 15)["cycle"]) == {"early"}


def test_lines_that_are_not_suited_get_no_advice_of_the_early_and_mid_cycle():
    main = pd.DataFrame({"product_line": ["x", "x", "x", "y"], "cycle": ["early", "mid", "full", "early"]})
    assert elements.addressed(main, ["x"]).index.tolist() == [2, 3]
    assert elements.addressed(main, []).equals(main)
