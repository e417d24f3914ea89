"""Buying groups and the funnel, worked by hand on a few accounts."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import buying_groups, resources
from abmlib.pages import say_data
from tests.conftest import as_read

ACCOUNTS, ROLES = pd.Index(["acme", "beta", "cold"]), ["decision_maker", "end_user"]


@pytest.fixture
def states() -> pd.DataFrame:
    rows = [
        ("c1", "acme", "end_user", "c_level", True, False),
        ("c2", "acme", "end_user", "manager", False, False),  # known, and out of reach
        ("c3", "acme", "unknown", "director", True, False),  # the deal says its role
        ("c4", "acme", "decision_maker", "vp", False, True),  # left
        ("c5", "beta", "champion", "manager", True, False),  # no role that the play needs
        ("c6", "gone", "end_user", "manager", True, False),
    ]
    frame = pd.DataFrame(
        rows, columns=["contact_id", "account_id", "buying_role", "seniority", "reachable", "departed"]
    )
    return frame.assign(role_known=frame["buying_role"] != "unknown", opted_out=False)


@pytest.fixture
def groups(states) -> pd.DataFrame:
    deals = pd.DataFrame({"opportunity_id": ["small", "large"], "account_id": "acme", "amount": [1.0, 9.0]})
    in_deals = pd.DataFrame(
        [("large", "c3", "decision_maker"), ("small", "c1", "blocker"), ("large", "c1", "unknown")],
        columns=["opportunity_id", "contact_id", "role"],
    )
    touched = pd.DataFrame(
        {"contact_id": ["c1", "c1", "c5"], "day": pd.to_datetime(["2026-01-01", "2026-03-01", "2026-02-01"])}
    )
    return buying_groups.buying_groups(states, in_deals, deals, touched, ACCOUNTS, ROLES)


def test_people_who_left_count_in_no_role_and_the_largest_deal_names_a_role_first(groups):
    got = groups.set_index(["account_id", "role"])[["people", "reachable", "senior", "in_largest_deal", "missing"]]
    assert got.loc[("acme", "decision_maker")].tolist() == [1, 1, 1, 1, False]
    assert got.loc[("acme", "end_user")].tolist() == [2, 1, 1, 1, False]  # the small deal does not make c1 a blocker
    assert ("acme", "blocker") not in got.index


def test_every_account_has_a_row_per_role_needed_and_lacks_those_nobody_holds(groups):
    assert groups["account_id"].unique().tolist() == ACCOUNTS.tolist()
    assert groups.loc[groups["missing"], ["account_id", "role"]].to_numpy().tolist() == [
        ["beta", "decision_maker"], ["beta", "end_user"], ["cold", "decision_maker"], ["cold", "end_user"],
    ]  # fmt: skip
    champion = groups[groups["role"] == "champion"].iloc[0]
    assert (champion["people"], champion["last_touch"], champion["missing"]) == (1, pd.Timestamp("2026-02-01"), False)


def test_groups_are_judged_of_the_accounts_asked_and_by_role(groups):
    rows = buying_groups.group_rows(groups, pd.Index(["acme", "beta"]), ROLES)
    assert rows["value"].tolist() == [0.5, 0.5, 0.5]
    assert rows["group"].tolist()[1:] == ROLES
    none = buying_groups.group_rows(groups, pd.Index([]), ROLES)
    assert none["status"].tolist() == ["not_answerable"]
    assert repr(say_data.buying_groups(none, 1.0)) == ""
    assert "only 20.0% of the contacts have" in repr(say_data.buying_groups(rows, 0.2))


def test_of_people_who_opted_out_neither_level_nor_day_is_told(states):
    deals = pd.DataFrame({"opportunity_id": ["large"], "account_id": "acme", "amount": [9.0]})
    in_deals = pd.DataFrame({"opportunity_id": ["large"], "contact_id": ["c3"], "role": ["decision_maker"]})
    touched = pd.DataFrame({"contact_id": ["c3"], "day": pd.to_datetime(["2026-03-01"])})
    gone = states.assign(opted_out=True, reachable=False)
    got = buying_groups.buying_groups(gone, in_deals, deals, touched, ACCOUNTS, ROLES)
    (row,) = got[(got["account_id"] == "acme") & (got["role"] == "decision_maker")].itertuples()
    assert row.people == 1 and not row.senior and pd.isna(row.last_touch)


def test_the_largest_open_deal_without_a_decision_maker_comes_first_though_its_other_roles_are_reached(groups):
    lacking = pd.Series({"cold": "nobody to reach as end user"})
    found = buying_groups.people_to_find(
        lacking, groups, pd.Series({"beta": 90.0, "cold": 10.0, "acme": 5.0}), 210.0, many=2
    )
    assert found.index.tolist() == ["beta", "cold"]  # acme has one
    assert found["beta"] == "nobody to reach as decision maker, 43% of the open amount"


def test_without_a_known_role_there_is_no_group(states):
    deals = pd.DataFrame({"opportunity_id": [], "account_id": [], "amount": []})
    touched = pd.DataFrame({"contact_id": [], "day": pd.to_datetime([])})
    nobody = states.assign(role_known=False)
    table = buying_groups.buying_groups(nobody, as_read("opportunity_contacts"), deals, touched, ACCOUNTS, ROLES)
    assert table.empty
    assert buying_groups.group_rows(table, ACCOUNTS, ROLES)["status"].tolist() == ["not_answerable"]


def test_a_map_says_of_each_role_whom_we_reach_their_level_and_last_touch(groups):
    deals, names = pd.DataFrame({"open_amount": [9.0]}, pd.Index(["acme"])), pd.Series({"acme": "Acme"})
    row = say_data.buying_map(groups, deals, names, ROLES).iloc[0]
    assert row["End user"] == "1 of 2, senior" and row["Last touch by them"] == pd.Timestamp("2026-03-01")
    assert row["Decision maker"] == "1 of 1, senior"
    assert pd.isna(row["missing_roles"])
    assert say_data.buying_map(groups.iloc[:0], deals.iloc[:0], names, ROLES).empty


# -- the funnel -------------------------------------------------------------------------------------------------------

RANKS = {"Lead": 0.0, "Offer": 1.0}


def test_an_account_is_in_the_stage_of_most_of_its_open_amount_and_others_are_active_or_quiet():
    rows = [("acme", "Offer", 9.0), ("acme", "Lead", 5.0), ("acme", "Lead", 5.0), (None, "Offer", 99.0)]
    deals, touches = (
        pd.DataFrame(rows, columns=["account_id", "stage", "amount"]),
        pd.Series({"acme": 0, "beta": 3, "cold": 0}),
    )
    got = resources.funnel_stages(ACCOUNTS, deals, touches, RANKS)
    assert got["funnel_stage"].tolist() == ["open deals, most in Lead", resources.ENGAGED, resources.QUIET]
    blind = resources.funnel_stages(ACCOUNTS, deals.assign(amount=np.nan), touches, RANKS)
    assert blind["funnel_stage"].iloc[0] == "open deals, most in Offer"  # the furthest
    assert got["place"].is_monotonic_decreasing
    unknown = resources.funnel_stages(ACCOUNTS, deals, pd.Series(dtype=float), {})
    assert unknown["funnel_stage"].iloc[0] == f"open deals, most in {resources.UNORDERED}"
    assert unknown["funnel_stage"].tolist()[1:] == [resources.NO_DEAL] * 2


def test_the_order_of_the_settings_comes_before_that_of_the_history():
    history = as_read("opportunity_stage_history")
    deals = pd.DataFrame({"stage": ["Won soon", "New", "New"], "probability": [0.9, 0.1, np.nan]})
    assert resources.stage_ranks(history, ("Lead", "Offer"), deals) == RANKS
    assert resources.stage_ranks(history, (), deals.assign(probability=np.nan)) == {}
    by_chance = resources.stage_ranks(history, (), deals)
    assert by_chance["New"] < by_chance["Won soon"]  # without an order or a history, the less likely comes first


def test_money_and_hours_are_summed_by_status_and_stage_and_unknown_ones_stay_unknown():
    facts = pd.DataFrame(
        [
            ("customer", "quiet", -2.0, 60.0, 0.0, 2.0),
            ("customer", "quiet", -2.0, np.nan, 0.0, 1.0),  # margin unknown: the sum is of what is known
            ("customer", "open deals, most in Offer", 2.0, 20.0, 50.0, 1.0),
            ("prospect", "open deals, most in Offer", 2.0, 0.0, 150.0, 4.0),
        ],
        columns=["status", "funnel_stage", "place", "margin_12m", "open_amount", "hours_12m"],
    )
    got = resources.by_funnel_stage(facts, facts)
    assert got["funnel_stage"].tolist() == ["open deals, most in Offer", "quiet", "open deals, most in Offer"]
    assert got["status"].tolist() == ["customer", "customer", "prospect"]
    assert got["hours_share"].tolist() == [0.125, 0.375, 0.5]
    assert got["margin_share"].tolist() == [0.25, 0.75, 0]
    assert got["priority"].fillna(0).tolist() == [3, 1, 2]  # .25 less .125; .75 less .375, and before it .75 less .5
    rows = resources.funnel_rows(got)
    assert rows.groupby("definition_id")["value"].sum().tolist() == [1, 1, 1]
    blind = resources.by_funnel_stage(facts.assign(hours_12m=np.nan), facts.assign(hours_12m=np.nan))
    assert blind["hours_share"].isna().all()
    assert blind["priority"].tolist() == [3, 1, 1]  # by the money alone
    assert resources.by_funnel_stage(facts.iloc[:0], facts).empty


def test_accounts_rank_by_margin_and_who_bought_nothing_has_no_rank():
    ranks = resources.profit_rank(pd.Series([5.0, 0.0, np.nan, 9.0, -1.0]))
    assert ranks.fillna(0).tolist() == [2, 0, 0, 1, 3]


def test_a_field_is_as_old_as_its_newest_value_and_changed_where_it_had_another():
    times = pd.to_datetime(["2025-01-01", "2026-06-01", "2026-06-20", "2026-06-25"], utc=True)
    rows = {"row_id": ["a", "a", "b", "c"], "value": ["1", "2", "3", None], "known_from": times}
    history = as_read("attribute_history", pd.DataFrame(rows).assign(table="accounts", field="employees"))
    (row,) = resources.field_ages(history, pd.Timestamp("2026-06-30")).itertuples(index=False)
    assert (row.rows, row.share_changed, row.median_days) == (2, 0.5, 19.5)
    assert resources.field_ages(as_read("attribute_history"), pd.Timestamp("2026-06-30")).empty


def test_each_source_is_as_old_as_its_newest_row():
    days = pd.to_datetime(["2026-06-01", "2026-06-28", "2026-01-01"])
    crm = pd.DataFrame({"account_id": ["a", "b", "c"], "source": ["crm", "crm", "unknown"], "day": days})
    intent = pd.DataFrame({"account_id": ["a", "a"], "source": "Tidewatch", "day": days[:2]})
    got = resources.by_source({"accounts": crm, "intent": intent, "none": crm.iloc[:0]}, pd.Timestamp("2026-06-30"))
    assert got[["table", "source", "accounts", "days_old"]].to_numpy().tolist() == [
        ["accounts", "crm", 2, 2],
        ["intent", "Tidewatch", 1, 2],
    ]


def test_a_large_account_where_nobody_we_reach_decides_is_named_with_its_open_amount(states):
    deals = pd.DataFrame(
        {"opportunity_id": ["o1", "o2", "o3"], "account_id": ["acme", "beta", "cold"], "amount": [5.0, 4.0, 1.0]}
    )
    in_deals = pd.DataFrame([("o1", "c3", "decision_maker")], columns=["opportunity_id", "contact_id", "role"])
    assert buying_groups.without_decider(states, in_deals, deals, 0.2).to_dict() == {"beta": 4.0}
    unknown = states.assign(role_known=False)
    assert buying_groups.without_decider(unknown, in_deals, deals, 0.2).empty  # then nobody knows
