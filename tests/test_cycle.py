"""Buying cycles: the rule file, what speaks for which cycle, and the planted cycles of synthetic markets."""

import re
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml

from abmlib.market import simulate
from abmlib.market.deals import CYCLE as planted_days
from abmlib.method import cycle, cycle_deals, cycle_rules, orders
from abmlib.method.deals import with_days
from abmlib.pages import catalogue
from abmlib.tables import schema
from abmlib.tables.errors import TableError
from tests.conftest import ROOT, as_read

TODAY = pd.Timestamp("2026-06-30")
GIVEN = yaml.safe_load((ROOT / "notebooks" / "cycles.yml").read_text("utf-8"))
RULES = cycle_rules.Rules.checked(GIVEN)
TRUE = {"advisory services": "early", "business software": "mid", "office supplies": "full"}


def frame(name: str, rows: list[dict]) -> pd.DataFrame:
    """A table to spec."""
    days = {
        "expires_at",
        "created_at",
        "closed_at",
        "occurred_at",
        "entered_at",
        "sent_at",
        "accepted_at",
        "added_at",
        "started_at",
    }
    found = pd.DataFrame(rows)
    if name == "contacts":
        found["created_at"] = "2020-01-01"
    for column in days & set(found):
        found[column] = pd.to_datetime(found[column], utc=True)
    for column in {"booked_at", "close_date", "valid_from", "week", "period_start", "period_end"} & set(found):
        found[column] = pd.to_datetime(found[column])
    return as_read(name, found if rows else None)


def deal(ident: str, account: str, days: int = 100, amount: float | None = 1000.0, **more) -> dict:
    """A won deal that took some days."""
    created = TODAY - pd.Timedelta(days=days + 10)
    return {
        "opportunity_id": ident, "account_id": account, "type": "new", "product_line": "tools", "stage": "won", "amount": amount,
        "created_at": created, "close_date": created + pd.Timedelta(days=days), "closed_at": created + pd.Timedelta(days=days),
        "is_closed": True, "is_won": True,
    } | more  # fmt: skip


def seen(deals=(), links=(), contacts=(), bought=(), products=()) -> pd.DataFrame:
    return cycle.buying_evidence(
        with_days(frame("opportunities", list(deals)), TODAY), frame("opportunity_contacts", list(links)),
        frame("contacts", list(contacts)),
        orders.with_product_line(frame("transactions", list(bought)), frame("products", list(products))), TODAY,
    )  # fmt: skip


# -- the rule file ----------------------------------------------------------------------------------------------------


def changed(place: str, value: object) -> dict:
    """The rule file with one entry changed, or taken out."""
    given, *names = deepcopy(GIVEN), *place.split(".")
    at = given
    for name in names[:-1]:
        at = at[name]
    if value is None:
        del at[names[-1]]
    else:
        at[names[-1]] = value
    return given


def test_a_rule_file_of_an_earlier_version_holds_what_a_person_wrote():
    older = changed("suitability.account_value", None)
    for bound in older["evidence"].values():
        del bound["confirmed"]
    rules = cycle_rules.Rules.checked(older)
    assert all(bound.confirmed for bound in rules.evidence.values())
    assert rules.suitability["account_value"] == 100_000


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("evidence.buyers", None, r"evidence lacks ['buyers']. It must have ['deal_value', "),
        (
            "evidence.buyers.late",
            3,
            "evidence.buyers has unknown ['late']. It must have ['weight', 'early', 'mid', 'confirmed'].",
        ),
        ("evidence.buyers.early", None, "evidence.buyers lacks ['early']. It must have"),
        ("evidence.buyers.early", "many", "evidence.buyers.early must be a number, got 'many'. Correct the file."),
        ("evidence.buyers.early", float("nan"), "evidence.buyers.early must be a finite number, got nan"),
        ("evidence.buyers.weight", -1, "evidence.buyers.weight must be at least 0, got -1"),
        ("evidence.buyers.early", 2, "evidence.buyers early and mid are both 2. Set them apart."),
        ("suitability.lines", True, "suitability.lines must be a number, got True"),
        ("cells.data.mid.target", 1.5, "cells.data.mid.target must be at most 1, got 1.5"),
        ("cells.data.late", {}, "cells.data has unknown ['late']. It must have ['early', 'mid', 'full']."),
        ("cycles.full", None, "cycles lacks ['full']"),
        ("cycles.full.window_days", "long", "cycles.full.window_days must be a number, got 'long'"),
        ("cycles.full.measures", "orders", "cycles.full.measures must be a list, got 'orders'"),
        ("evidence.buyers.weight", float("inf"), "evidence.buyers.weight must be a finite number, got inf"),
        ("cycles.full.window_days", 0, "cycles.full.window_days must be at least 1, got 0"),
        ("cycles.full.window_days", -1, "cycles.full.window_days must be at least 1, got -1"),
        ("cycles.full.horizon_days", 1e9, "cycles.full.horizon_days must be at most 36500, got 1000000000.0"),
        ("cycles.full.measures", [], "cycles.full.measures must have at least 1 item, not 0, got []"),
        (
            "cycles.full.measures",
            ["orders", "orders"],
            "cycles.full.measures names a value twice (first: ['orders'])",
        ),
        ("evidence", [], "evidence must be names with values, got []"),
        ("more", {}, "has unknown ['more']. It must have ['evidence', 'suitability', 'cycles', 'cells']."),
    ],
)
def test_a_wrong_rule_file_is_refused_with_its_place(place, value, told):
    with pytest.raises(TableError, match=re.escape(f"cycles.yml: {told}")):
        cycle_rules.Rules.checked(changed(place, value))


def test_rules_without_any_weight_say_nothing_and_are_refused():
    given = deepcopy(GIVEN)
    for bound in given["evidence"].values():
        bound["weight"] = 0
    with pytest.raises(ValueError, match="cycles.yml: evidence has no weight above 0. Give at least one"):
        cycle_rules.Rules.checked(given)


@pytest.mark.parametrize("text", ["evidence: [", "- a list", "caf\xe9: 1"])
def test_a_rule_file_that_is_no_names_and_values_is_refused(tmp_path, text):
    (tmp_path / "cycles.yml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"cycles\.yml: "):
        catalogue.rules(tmp_path / "cycles.yml")


def test_without_a_rule_file_of_ones_own_that_of_the_package_holds(tmp_path):
    assert catalogue.rules(tmp_path / "cycles.yml") == GIVEN
    with pytest.raises(ValueError, match="no such rule file"):
        catalogue.rules(tmp_path / "other.yml")


def test_the_rules_read_as_they_are_meant():
    told = RULES.table().set_index("evidence")
    assert told.loc["deal_value", ["early", "full"]].tolist() == ["150,000 or more", "below 20,000"]
    assert told.loc["orders_per_year", list(cycle.CYCLES)].tolist() == ["1 or fewer", "up to 4", "more than 4"]
    assert told["weight"].sum() == pytest.approx(1)


# -- what is seen -----------------------------------------------------------------------------------------------------


def test_each_kind_of_evidence_is_counted_by_hand():
    got = seen(
        deals=[
            deal("o1", "a", 100, 500.0),
            deal("o2", "a", 50, None),
            deal("o3", "a", 40, 700.0, is_closed=False, is_won=None, closed_at=None, created_at=TODAY - pd.Timedelta(days=40)),
            deal("o4", "a", 30, 90.0, type="renewal"),
            deal("o5", None),
        ],
        links=[{"opportunity_id": "o1", "contact_id": c, "role": "end_user"} for c in ("x", "y", "z")],
        contacts=[
            {"contact_id": "x", "account_id": "a", "seniority": "c_level"},
            {"contact_id": "y", "account_id": "a", "seniority": "manager"},
            {"contact_id": "z", "account_id": "a", "seniority": "unknown"},
        ],
    ).groupby("evidence")  # fmt: skip
    values = {name: of["value"].tolist() for name, of in got}
    assert sorted(values["deal_value"]) == [90.0, 500.0, 700.0]
    assert values["buyers"] == [3.0] and values["buyer_level"] == [2.5]
    days = got.get_group("cycle_days")
    assert sorted(zip(days["value"], days["time"], strict=True)) == [(0.0, 40.0), (1.0, 50.0), (1.0, 100.0)]
    assert "orders_per_year" not in values  # won ten days ago, too short a time to tell


def test_one_contact_on_every_deal_tells_their_level_and_not_how_many_people_buy():
    links = [{"opportunity_id": o, "contact_id": "x", "role": "unknown"} for o in ("o1", "o2")]
    people = [{"contact_id": "x", "account_id": "a", "seniority": "c_level"}]
    deals = [deal("o1", "a", 100, 500.0), deal("o2", "a", 50, 500.0)]
    one = seen(deals=deals, links=links, contacts=people)["evidence"]
    two = seen(deals=deals, links=[*links, {"opportunity_id": "o2", "contact_id": "y", "role": "unknown"}])["evidence"]
    assert "buyers" not in set(one) and (one == "buyer_level").sum() == 2 and (two == "buyers").sum() == 2


def test_plain_orders_speak_of_value_where_there_is_no_deal_and_bills_of_a_period_by_the_year():
    line = [{"product_id": p, "name": p, "product_line": of} for p, of in (("pen", "office"), ("seat", "software"))]
    days = pd.date_range("2026-01-01", "2026-05-31", freq="MS")
    orders = [
        {"transaction_id": f"t{i}", "account_id": "a", "booked_at": d, "revenue": 50.0, "product_id": "pen"}
        for i, d in enumerate([*days, days[-1]])
    ]
    paid = [
        {"transaction_id": f"s{i}", "account_id": "a", "booked_at": d, "revenue": 100.0, "product_id": "seat", "period_start": d,
         "period_end": d + pd.offsets.MonthEnd()}
        for i, d in enumerate(days)
    ]  # fmt: skip
    got = seen(bought=orders + paid, products=line)
    value = got[got["evidence"] == "deal_value"].groupby("product_line")["value"].agg(list)
    assert value["office"] == [50.0, 50.0, 50.0, 50.0, 100.0] and value["software"] == [500.0]
    rate = got[got["evidence"] == "orders_per_year"].set_index("product_line")
    assert rate.index.tolist() == ["office"] and rate.loc["office", ["value", "time"]].tolist() == [4.0, 181 / 365]


# -- what it speaks for -----------------------------------------------------------------------------------------------


def test_much_evidence_of_ones_own_changes_the_cycle_and_little_leaves_that_of_the_line():
    many = [deal(f"b{i}", "big", 200, 1e6 * (1 + 0.01 * (i % 3))) for i in range(12)]
    small = [deal(f"s{a}{i}", f"s{a}", 30, 5000.0 * 2 ** (a % 5 - 2) + 50 * i) for a in range(20) for i in range(3)]
    said = cycle.score_evidence(seen(deals=[*many, *small, deal("n1", "new", 200, 30_000.0)]), RULES)
    value = said[said["evidence"] == "deal_value"].set_index("account_id")
    assert value.loc["big", "early"] > 0.9 > value.loc["new", "mid"] and value.loc["s3", "full"] > 0.7
    assert said[list(cycle.CYCLES)].sum(axis=1).to_numpy() == pytest.approx(np.ones(len(said)))
    got = cycle.assign_cycles(said).set_index("account_id")["cycle"]
    assert got["big"] == "early" and got["new"] == got["s3"] == "full"


def test_the_evidence_share_counts_what_is_missing_as_pointing_to_none():
    of = [deal(f"o{a}{i}", f"a{a}", 10, 1e6 + 1000 * i) for a in range(5) for i in range(4)]
    got = cycle.assign_cycles(cycle.score_evidence(seen(deals=of), RULES)).dropna(subset="account_id")
    assert set(got["cycle"]) == {"early"} and set(got["basis"]) == {"own"}
    assert set(got["missing"]) == {"orders_per_year, buyers, buyer_level"}
    assert (got["known"] - 5 / 9).abs().max() < 1e-9 and got["evidence_share"].max() < 5 / 9
    assert got["against"].str.contains("cycle_days").all()


def test_nothing_seen_places_nobody_and_one_account_is_placed_by_itself():
    said = cycle.score_evidence(seen(), RULES)
    none = cycle.assign_cycles(said)
    assert said.empty and none.empty
    accounts = frame("accounts", [{"account_id": "a", "name": "A", "created_at": "2020-01-01", "status": "prospect"}])
    assert cycle.look_alikes(none, accounts).empty
    one = cycle.assign_cycles(cycle.score_evidence(seen(deals=[deal("o", "a", 200, 1e6)]), RULES)).dropna(
        subset="account_id"
    )
    assert one["cycle"].tolist() == ["early"]


def test_accounts_without_history_follow_those_of_their_size():
    placings = pd.DataFrame(
        {
            "account_id": [f"a{i}" for i in range(40)], "product_line": "x", "cycle": ["full"] * 20 + ["early"] * 20,
            "evidence_share": 0.9, "known": 1.0, "against": "", "missing": "", "basis": "own",
        }
    )  # fmt: skip
    rows = [{"account_id": f"a{i}", "employees": 10 + i if i < 20 else 5000 + i} for i in range(40)]
    rows += [
        {"account_id": "small", "employees": 12},
        {"account_id": "large", "employees": 5030},
        {"account_id": "unknown"},
    ]
    accounts = frame(
        "accounts", [r | {"name": r["account_id"], "created_at": "2020-01-01", "status": "prospect"} for r in rows]
    )
    got = cycle.look_alikes(placings, accounts).set_index("account_id")
    assert got["cycle"].to_dict() == {"small": "full", "large": "early", "unknown": "early"}
    assert got["evidence_share"].tolist() == [1.0, 1.0, 0.5]


def test_what_a_person_sets_stands_before_the_rule_and_the_line_before_all():
    rows = pd.DataFrame(
        {"account_id": ["a", "a", "b"], "product_line": ["x", "y", "x"], "cycle": "full", "evidence_share": 0.8}
    )
    entry = {"reason": "told", "entered_by": "sales"}
    overrides = frame(
        "cycle_overrides",
        [
            entry | {"account_id": "a", "product_line": "all", "cycle": "mid", "entered_at": "2026-01-01"},
            entry | {"account_id": "a", "product_line": "y", "cycle": "mid", "entered_at": "2026-01-01"},
            entry | {"account_id": "a", "product_line": "y", "cycle": "early", "entered_at": "2026-02-01"},
        ],
    )
    got = cycle.with_overrides(rows, overrides)
    assert got["cycle"].tolist() == ["mid", "early", "full"] and got["rule_cycle"].eq("full").all()
    assert got["set_by"].tolist() == ["override", "override", "rule"]
    assert got["evidence_share"].isna().tolist() == [True, True, False]
    schema.conform("01_cycles", cycle.cycles_table(got))


def test_what_a_person_sets_for_a_line_without_any_buying_is_not_lost():
    rows = pd.DataFrame({"account_id": ["a", "b"], "product_line": ["all", "x"], "cycle": "full", "evidence_share": 0.8,
                         "basis": ["look-alike", "own"]})  # fmt: skip
    entry = {"product_line": "y", "cycle": "mid", "reason": "told", "entered_by": "sales", "entered_at": "2026-01-01"}
    overrides = frame("cycle_overrides", [entry | {"account_id": a} for a in ("a", "b", "of another book")])
    got = cycle.with_overrides(rows, overrides)
    assert got[["account_id", "product_line", "cycle", "set_by"]].values.tolist() == [
        ["b", "x", "full", "rule"], ["a", "y", "mid", "override"], ["b", "y", "mid", "override"],
    ]  # fmt: skip
    schema.conform("01_cycles", cycle.cycles_table(got))


def test_the_cycle_of_an_account_is_that_of_the_line_with_most_money():
    rows = pd.DataFrame(
        {"account_id": ["a", "a", "b"], "product_line": ["x", "y", "x"], "cycle": ["full", "mid", "early"]}
    )
    money = pd.Series({("a", "y"): 5.0, ("a", "x"): 1.0})
    assert cycle.main_line(rows, money)["cycle"].tolist() == ["mid", "early"]
    assert cycle.largest_first(rows, money)["cycle"].tolist() == ["mid", "full", "early"]


@pytest.mark.parametrize("seed", [401, pytest.param(402, marks=pytest.mark.slow)])
def test_planted_cycles_are_found_for_nine_in_ten_accounts_with_three_deals(seed):
    market = simulate(seed, 300, 36, end="2026-06-30")
    t = market.tables
    deals = with_days(as_read("opportunities", t["opportunities"]), TODAY)
    found = cycle.buying_evidence(
        deals,
        t["opportunity_contacts"],
        t["contacts"],
        orders.with_product_line(t["transactions"], t["products"]),
        TODAY,
    )
    got = cycle.assign_cycles(cycle.score_evidence(found, RULES)).dropna(subset="account_id")
    many = deals.groupby("account_id").size()
    got = got[got["account_id"].isin(many.index[many >= 3])]
    assert len(got) > 150
    assert (got["cycle"] == got["product_line"].map(TRUE)).mean() >= 0.9
    none = as_read("contracts")
    rows = cycle_deals.course_rows(deals, deals["product_line"].map(TRUE), none, none["account_id"])
    days = rows[rows["definition_id"] == "suitability_cycle_days"].set_index("group")["value"]
    assert (
        np.abs(np.log(days[["early", "mid", "full"]] / planted_days)).max() < 0.2
    )  # open deals count with their days so far


def test_the_order_of_rows_and_of_accounts_moves_no_placing():
    market = simulate(9, 60, 24, end="2026-06-30")
    t = market.tables
    deals = with_days(as_read("opportunities", t["opportunities"]), TODAY)

    def place(turn: bool) -> pd.DataFrame:
        lines = orders.with_product_line(t["transactions"], t["products"])
        frames = [
            f.sample(frac=1, random_state=3) if turn else f
            for f in (deals, t["opportunity_contacts"], t["contacts"], lines)
        ]
        return cycle.assign_cycles(cycle.score_evidence(cycle.buying_evidence(*frames, TODAY), RULES))

    pd.testing.assert_frame_equal(place(False), place(True))
