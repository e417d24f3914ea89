"""The synthetic market: the same every time, to spec, believable, and planted as its switches say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Market, Switches, blocks, simulate, write
from abmlib.market.__main__ import SAMPLE as SAMPLE_SIZES
from abmlib.market.deals import CRM, LOST, STAGES, WON
from abmlib.tables import schema

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
SIZES = SAMPLE_SIZES
OF_ACCOUNTS = (
    "accounts", "transactions", "contacts", "opportunities", "opportunity_stage_history", "opportunity_contacts",
    "activities",
)  # fmt: skip
FIRST, LAST = pd.Timestamp("2023-07-01"), pd.Timestamp("2026-06-30")


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate(**SIZES)


def in_bytes(market: Market, folder: Path) -> dict[str, bytes]:
    write(market, folder)
    return {f.name: f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def revenue(market: Market) -> pd.Series:
    """Net revenue of each account that bought, smallest first."""
    return market.tables["transactions"].groupby("account_id")["revenue"].sum().sort_values()


def half_year(market: Market, first: str, last: str) -> pd.Series:
    """Revenue of each declining account from first to last day; 0 where it bought nothing."""
    lines = market.tables["transactions"]
    truth = market.truth["accounts"]
    within = lines[lines["booked_at"].between(first, last)]
    return within.groupby("account_id")["revenue"].sum().reindex(truth["account_id"][truth["declining"]], fill_value=0)


def test_the_same_seed_gives_the_same_bytes(market, tmp_path):
    assert in_bytes(market, tmp_path / "a") == in_bytes(simulate(**SIZES), tmp_path / "b")


def test_another_seed_gives_other_bytes(market, tmp_path):
    other = in_bytes(simulate(**SIZES | {"seed": 8}), tmp_path / "b")
    ours = in_bytes(market, tmp_path / "a")
    assert [name for name in ours if ours[name] != other[name]] != []
    assert ours["accounts.csv"] != other["accounts.csv"]
    assert ours["transactions.csv"] != other["transactions.csv"]


def test_the_committed_sample_is_what_the_generator_writes(market, tmp_path):
    anew = in_bytes(market, tmp_path)
    assert anew == {f.name: f.read_bytes() for f in SAMPLE.rglob("*") if f.is_file()}
    assert {f.name for f in SAMPLE.glob("*.csv")} <= set(anew)


def test_every_table_is_to_spec(market):
    assert sorted(market.tables) == sorted([*OF_ACCOUNTS, "products", "targets"])
    for name, table in market.tables.items():
        pd.testing.assert_frame_equal(schema.conform(name, table), table)


def test_files_leave_out_what_is_derived_or_missing(market, tmp_path):
    write(market, tmp_path)
    heads = {f.name: f.read_text("utf-8").split("\n", 1)[0].split(",") for f in tmp_path.glob("*.csv")}
    assert not {"status", "first_won_at", "parent_account_id", "known_at"} & set(heads["accounts.csv"])
    assert not {"contact_id", "known_at"} & set(heads["transactions.csv"])
    assert b"\r" not in (tmp_path / "transactions.csv").read_bytes()


def test_every_line_has_its_account_and_its_product(market):
    lines = market.tables["transactions"]
    assert lines["account_id"].isin(market.tables["accounts"]["account_id"]).all()
    assert lines["product_id"].isin(market.tables["products"]["product_id"]).all()


def test_no_line_lies_outside_the_window_or_before_its_account(market):
    lines = market.tables["transactions"].merge(market.tables["accounts"][["account_id", "created_at"]])
    assert lines["booked_at"].between(FIRST, LAST).all()
    assert (lines["booked_at"].dt.tz_localize("UTC") >= lines["created_at"]).all()
    truth = market.tables["transactions"].merge(market.truth["accounts"])
    bought = truth[truth["kind"] != "return"]  # a return may come after the last purchase
    assert (bought["booked_at"] >= bought["starts"]).all()
    assert (bought["stops"].isna() | (bought["booked_at"] < bought["stops"])).all()


def test_revenue_is_as_unequal_as_a_real_vendors(market):
    x = revenue(market).loc[lambda r: r > 0].to_numpy()
    n, i = len(x), np.arange(1, len(x) + 1)
    assert 0.65 <= ((2 * i - n - 1) * x).sum() / (n * x.sum()) <= 0.80


def test_the_sample_is_as_large_as_it_should_be(market):
    assert 10_000 <= len(market.tables["transactions"]) <= 14_000
    assert (market.tables["accounts"]["status"] == "prospect").mean() == pytest.approx(0.10, abs=0.04)
    assert 900 <= len(market.tables["opportunities"]) <= 1_100
    assert 4_000 <= len(market.tables["activities"]) <= 6_000
    assert sum(f.stat().st_size for f in SAMPLE.rglob("*")) < 2_500_000


def test_office_supplies_rest_in_august_and_rise_at_the_years_end(market):
    lines = market.tables["transactions"].merge(market.tables["products"])
    months = lines[lines["product_line"] == "office supplies"]["booked_at"].dt.month.value_counts()
    assert months.idxmin() == 8
    assert months[[10, 11, 12]].mean() > 1.1 * months.mean()


def test_a_return_takes_back_goods_money_and_cost(market):
    back = market.tables["transactions"].query("kind == 'return'")
    assert len(back) > 0
    assert (back[["quantity", "revenue", "cogs"]] < 0).all(axis=None)


def test_a_subscription_is_paid_for_a_period_from_its_booking(market):
    lines = market.tables["transactions"]
    paid = lines["kind"].isin(["subscription", "renewal"])
    assert (lines["period_start"].notna() == paid).all()
    assert (lines["period_start"] == lines["booked_at"])[paid].all()
    assert (lines["period_end"] > lines["period_start"])[paid].all()


def test_names_and_domains_are_unique_and_reserved_and_none_looks_like_mail(market, tmp_path):
    accounts = market.tables["accounts"]
    assert accounts["name"].is_unique and accounts["domain"].is_unique
    assert accounts["domain"].str.endswith(".example").all()
    assert not any(b"@" in content for content in in_bytes(market, tmp_path).values())


@pytest.mark.parametrize("sign", ["&", "'", "É", "東", "$", ","])
def test_some_names_hold_signs_that_break_careless_code(market, sign):
    assert market.tables["accounts"]["name"].str.contains(sign, regex=False).any()


@pytest.mark.parametrize(("size", "low", "high"), [(1.0, 0.0, 0.02), (0.0, 0.25, 0.60)])
def test_the_largest_customer_has_margin_only_when_the_switch_is_off(size, low, high):
    market = simulate(**SIZES, switches=Switches(big_without_margin=size))
    lines = market.tables["transactions"].query(
        "account_id == @largest", local_dict={"largest": revenue(market).index[-1]}
    )
    assert low < 1 - lines["cogs"].sum() / lines["revenue"].sum() < high


def test_most_declining_accounts_buy_less_than_a_year_before(market):
    now, before = half_year(market, "2026-01-01", "2026-06-30"), half_year(market, "2025-01-01", "2025-06-30")
    assert len(now) >= 15
    assert (now < before).mean() > 0.8


def test_without_the_switch_no_account_declines_and_the_same_ones_hold(market):
    steady = simulate(**SIZES, switches=Switches(declining_share=0))
    assert not steady.truth["accounts"]["declining"].any()
    flagged = Market(steady.tables, market.truth)  # the accounts that would have declined
    now, before = half_year(flagged, "2026-01-01", "2026-06-30"), half_year(flagged, "2025-01-01", "2025-06-30")
    assert (now < before).mean() < 0.8


def test_returns_and_unknown_costs_follow_their_switches(market):
    off = simulate(**SIZES, switches=Switches(returns=0, missing_cost=0.2)).tables["transactions"]
    assert not (off["kind"] == "return").any()
    assert off["cogs"].isna().mean() == pytest.approx(0.2, abs=0.02)
    assert market.tables["transactions"]["cogs"].notna().all()


@pytest.mark.parametrize(("small", "large"), [(500, 1000), (30, 240)])
def test_a_larger_market_holds_the_smaller_ones_accounts_unchanged(small, large):
    one, two = simulate(7, small, 12), simulate(7, large, 12)
    digits = one.tables["accounts"]["account_id"].str[1:]
    for name in OF_ACCOUNTS:
        of = two.tables[name][schema.key(name)[0]].str[1:6]  # a lead has no account, but its id has
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name][of.isin(digits)].reset_index(drop=True))


def test_blocks_are_the_market_in_parts():
    parts = list(blocks(7, 700, 6))
    assert [len(p.tables["accounts"]) for p in parts] == [500, 200]
    whole = simulate(7, 700, 6).tables
    for name in OF_ACCOUNTS:
        pd.testing.assert_frame_equal(pd.concat([p.tables[name] for p in parts], ignore_index=True), whole[name])
        assert not whole[name].duplicated(schema.key(name)).any()


def test_the_smallest_market_is_one_account_and_one_month(tmp_path):
    write(simulate(7, 1, 1), tmp_path)
    assert (tmp_path / "accounts.csv").read_text("utf-8").count("\n") == 2


@pytest.fixture(scope="module")
def deals(market) -> pd.DataFrame:
    """Deals with their truth; the line and account of the truth, as a few deals lack their account."""
    told = market.truth["opportunities"].drop(columns="product_line").rename(columns={"account_id": "of"})
    return market.tables["opportunities"].merge(told, on="opportunity_id", validate="one_to_one")


@pytest.fixture(scope="module")
def history(market) -> pd.DataFrame:
    return market.tables["opportunity_stage_history"]


def days_in_stage(market: Market) -> pd.DataFrame:
    """Days from each stage to the next change of stage, of those that are over, with the truth of the deal."""
    rows = market.tables["opportunity_stage_history"].query("changed_field in ['created', 'stage']")
    left = rows.groupby("opportunity_id")["entered_at"].shift(-1)
    rows = rows.assign(days=(left - rows["entered_at"]).dt.total_seconds() / 86_400).dropna(subset="days")
    return rows.merge(market.truth["opportunities"])


@pytest.mark.parametrize("name", OF_ACCOUNTS)
def test_every_reference_is_found(market, name):
    for column, definition in schema.spec(name).columns.items():
        if ref := schema.meta(definition)["ref"]:
            there, key = ref.split(".")
            given = market.tables[name][column].dropna()
            assert given.empty or given.isin(market.tables[there][key]).all(), column


def test_nothing_is_known_after_the_last_day_or_before_its_account(market):
    since = market.tables["accounts"].set_index("account_id")["created_at"]
    for name in OF_ACCOUNTS:
        table = market.tables[name]
        for column, definition in schema.spec(name).columns.items():
            if schema.meta(definition)["kind"] == "ts":
                assert not (table[column] >= (LAST + pd.Timedelta(days=1)).tz_localize("UTC")).any(), (name, column)
        known = (schema.spec(name).metadata or {})["known"]
        if "account_id" in table and name != "transactions":
            assert not (table[known] < table["account_id"].map(since)).any(), name


def test_the_last_row_of_its_history_says_what_the_deal_says(deals, history):
    last = history.groupby("opportunity_id").tail(1).reset_index(drop=True)
    same = ["opportunity_id", "stage", "amount", "close_date", "probability"]
    pd.testing.assert_frame_equal(last[same], deals[same])
    closed = deals["is_closed"].to_numpy(dtype=bool)
    assert (last["entered_at"] == deals["closed_at"])[closed].all()  # so nothing is noted later
    known = deals["created_at"].notna()
    assert (history.groupby("opportunity_id")["entered_at"].first().to_numpy() == deals["created_at"])[known].all()


def test_history_runs_in_order_and_numbers_changes_of_one_moment(history):
    of = history.groupby("opportunity_id")
    assert of["entered_at"].is_monotonic_increasing.all()
    assert of["stage_order"].is_monotonic_increasing.all()
    assert (history["seq"] == history.groupby(["opportunity_id", "entered_at"]).cumcount()).all()
    assert (history["seq"] > 0).any()
    entered = history.query("changed_field in ['created', 'stage'] and stage_order < 5")
    assert (entered.groupby("opportunity_id")["stage_order"].diff() == 2).any()  # some skip a stage


def test_a_push_moves_the_closing_day_later_and_lost_deals_have_more(deals, history):
    before = history.groupby("opportunity_id")["close_date"].shift()
    pushed = history["changed_field"] == "close_date"
    assert (history["close_date"] > before)[pushed & before.notna()].all()  # one deal lacks its first row
    assert deals["pushes"].between(0, 4).all()
    assert pushed.sum() == deals["pushes"].sum()
    by_end = deals[deals["is_closed"]].groupby("is_won")["pushes"].mean()
    assert by_end[False] > 1.5 * by_end[True]


def test_open_and_closed_deals_hold_what_they_should(deals):
    closed, won = deals["is_closed"].astype(bool), deals["is_won"].fillna(False).astype(bool)
    assert (deals["stage"].isin([WON, LOST]) == closed).all()
    assert ((deals["stage"] == WON) == won).all()
    for column in ("closed_at", "is_won"):
        assert (deals[column].notna() == closed).all()
    assert (deals["loss_reason"].notna() == (closed & ~won)).all()
    assert deals.loc[deals["loss_reason"] == "competitor", "competitor"].notna().all()
    assert (deals["closed_at"].dt.tz_localize(None).dt.normalize() == deals["close_date"])[closed].all()
    assert deals.loc[closed, ["account_id", "amount", "created_at"]].notna().all(axis=None)
    assert deals.loc[~closed, ["account_id", "amount", "created_at"]].isna().any().all()  # planted
    software = deals["product_line"] == "business software"
    assert (deals["term_months"].notna() == software).all()
    yearly = deals["amount"] / (deals["term_months"] / 12)
    assert (deals["acv"] - yearly).abs().max() <= 0.005 + 1e-9


def test_deals_end_as_often_and_as_late_as_they_should(deals):
    closed = deals[deals["is_closed"]]
    assert 0.42 <= closed["is_won"].mean() <= 0.53
    assert 0.11 <= 1 - deals["is_closed"].mean() <= 0.16
    won = closed[closed["is_won"].astype(bool)]
    days = (won["closed_at"] - won["created_at"]).dt.days.groupby(won["product_line"]).median()
    assert days.to_dict() == pytest.approx(
        {"advisory services": 200, "business software": 90, "office supplies": 25}, rel=0.2
    )
    amount = deals.groupby("product_line")["amount"].median()
    assert amount["advisory services"] > amount["business software"] > amount["office supplies"]
    left = (closed["close_date"].dt.to_period("Q").dt.end_time - closed["close_date"]).dt.days
    assert (left < 8).mean() > 1.5 * 8 / 91


def test_a_first_win_comes_before_the_first_purchase_and_prospects_win_nothing(market, deals):
    first = market.tables["transactions"].groupby("account_id")["booked_at"].min()
    won = deals[deals["is_won"].fillna(False).astype(bool)]
    news = won[won["type"] == "new"]
    assert len(news) > 50 and news["of"].is_unique
    assert (news["close_date"] < news["of"].map(first)).all()
    assert not won["of"].map(first).isna().any()


def test_true_chances_hold_for_the_ends_they_are_the_chances_of():
    market = simulate(7, 2000, 36)
    both = market.tables["opportunities"].merge(market.truth["opportunities"], on="opportunity_id")
    closed = both[both["is_closed"] & (both["created_at"] < "2025-01-01")]  # late enough for nearly all to have ended
    band = pd.cut(closed["win_probability"], [0, 0.3, 0.5, 0.7, 1])
    seen = closed.groupby(band, observed=True).agg(told=("win_probability", "mean"), won=("is_won", "mean"))
    assert (seen["told"] - seen["won"]).abs().max() < 0.06


def test_the_crms_probability_is_wrong_in_every_stage_but_the_true_one_is_not(market, deals, history):
    truth = market.truth["stages"].query("product_line == 'all'").set_index("stage")
    assert list(truth.index) == list(STAGES) and tuple(truth["crm_probability"]) == CRM
    closed = deals[deals["is_closed"]].set_index("opportunity_id")["is_won"].astype(float)
    off = []
    for order, stage in enumerate(STAGES, start=1):
        reached = history.loc[history["stage_order"].between(order, 4), "opportunity_id"].unique()
        won = closed.reindex(reached).mean()
        assert won == pytest.approx(truth["win_probability"][stage], abs=0.06)
        off.append(abs(won - truth["crm_probability"][stage]))
    assert off[0] > 0.1 and max(off) > 0.1


def test_stalled_deals_stand_still_and_only_with_their_switch(market):
    told = market.truth["opportunities"]
    assert 0.03 <= told["stalled"].mean() <= 0.07
    off = simulate(**SIZES, switches=Switches(stalled=0))
    assert not off.truth["opportunities"]["stalled"].any()
    ids = told.loc[told["stalled"], "opportunity_id"]

    def longest(m: Market) -> float:
        """Typical longest stay of those deals in a stage, in parts of their typical time to a win."""
        stays = days_in_stage(m)
        stays = stays[stays["opportunity_id"].isin(ids)]
        return (stays["days"] / stays["cycle_scale"]).groupby(stays["opportunity_id"]).max().median()

    assert longest(market) > 2.5 * longest(off)


def test_nobody_of_the_account_moves_while_a_deal_stalls(market):
    stays = days_in_stage(market).query("stalled").sort_values("days").drop_duplicates("opportunity_id", keep="last")
    own = market.tables["activities"].query("direction != 'outbound'").merge(stays, on="opportunity_id")
    since = (own["occurred_at"] - own["entered_at"]).dt.total_seconds() / 86_400
    stuck = own["days"] > own["cycle_scale"]
    assert stuck.any()
    assert not (stuck & (since > 1) & (since < own["days"] - 1)).any()


def test_too_fast_deals_outrun_their_buyers_and_only_with_their_switch(market, deals):
    off = simulate(**SIZES, switches=Switches(too_fast=0))
    assert not off.truth["opportunities"]["too_fast"].any()
    fast = deals[deals["too_fast"]]
    assert 0.02 <= len(fast) / len(deals) <= 0.06
    people = market.tables["opportunity_contacts"].groupby("opportunity_id").size()
    assert (people[fast["opportunity_id"]] == 1).all()
    stays = days_in_stage(market)
    pace = (stays["days"] / stays["cycle_scale"]).groupby(stays["too_fast"]).median()
    assert pace[True] < 0.4 * pace[False]


def test_sellers_differ_only_with_their_switch():
    def spread(size: float) -> float:
        truth = simulate(7, 1000, 36, switches=Switches(seller_spread=size))
        both = truth.tables["opportunities"].merge(truth.truth["opportunities"], on="opportunity_id")
        by = both[both["type"] == "expansion"].groupby("owner_id")["win_probability"].mean()
        return by.max() - by.min()

    assert spread(0) < 0.04 < 0.08 < spread(0.15)


def test_people_are_as_many_and_as_well_known_as_they_should_be(market):
    contacts = market.tables["contacts"]
    staff = contacts[~contacts["is_lead"]]
    assert staff.groupby("account_id").size().between(2, 8).all()
    assert staff["account_id"].nunique() == len(market.tables["accounts"])
    assert contacts.loc[contacts["is_lead"], "account_id"].isna().all() and contacts["is_lead"].any()
    assert 0.20 <= (contacts["buying_role"].fillna("unknown") == "unknown").mean() <= 0.30
    assert 0.02 <= contacts["opted_out"].mean() <= 0.06
    assert contacts["valid_to"].notna().any() and not (contacts["valid_to"] < contacts["created_at"]).any()
    assert contacts["email_hash"].str.fullmatch("[0-9a-f]{64}").all() and contacts["email_hash"].is_unique
    domain = staff["account_id"].map(market.tables["accounts"].set_index("account_id")["domain"])
    assert (staff["email_domain"] == domain).all()


def test_one_to_five_people_take_part_in_a_deal_and_one_leads(market, deals):
    parts = market.tables["opportunity_contacts"].merge(deals, on="opportunity_id")
    assert parts["opportunity_id"].nunique() == len(deals)
    assert parts.groupby("opportunity_id").size().between(1, 5).all()
    assert (parts.groupby("opportunity_id")["is_primary"].sum() == 1).all()
    person = market.tables["contacts"].set_index("contact_id").loc[parts["contact_id"]].reset_index()
    assert (person["account_id"] == parts["of"]).all()
    assert (parts["added_at"] >= person["created_at"]).all()
    assert not (parts["added_at"] > person["valid_to"]).any()
    assert not (parts["added_at"] < parts["created_at"]).any() and not (parts["added_at"] > parts["closed_at"]).any()


def test_touches_are_denser_in_deals_and_a_little_more_in_those_won(market, deals):
    touches = market.tables["activities"]
    in_deals = touches["opportunity_id"].value_counts().reindex(deals["opportunity_id"], fill_value=0).to_numpy()
    closed = deals.assign(n=in_deals)[deals["is_closed"].to_numpy(dtype=bool)]
    by_end = closed.groupby(["product_line", "is_won"])["n"].mean().unstack()
    assert (by_end[True] > by_end[False]).all()
    own = touches.merge(deals[["opportunity_id", "created_at", "closed_at"]], on="opportunity_id")
    assert not (own["occurred_at"] < own["created_at"]).any() and not (own["occurred_at"] > own["closed_at"]).any()


def test_touches_say_what_their_channel_can_say(market):
    touches = market.tables["activities"]
    assert set(touches["channel"]) == {"web", "email", "phone", "meeting", "event", "webinar"}
    assert set(touches["direction"]) == {"inbound", "outbound", "mutual"}
    met = touches["channel"] == "meeting"
    assert (touches["outcome"].notna() == met).all()
    assert set(touches.loc[met, "outcome"]) == {"booked", "held", "no_show"}
    assert (touches.loc[touches["person_hours"].notna(), "team"] == "sales").all()
    assert 0.005 <= touches["is_bot"].fillna(False).mean() <= 0.02
    assert touches.loc[touches["is_bot"].fillna(False), "contact_id"].isna().all()


def test_nobody_is_written_to_who_does_not_want_it(market):
    sent = (
        market.tables["activities"]
        .query("activity_type == 'newsletter'")
        .merge(market.tables["contacts"], on="contact_id")
    )
    assert len(sent) > 100 and not sent["opted_out"].any()


@pytest.mark.parametrize(
    ("n_accounts", "months", "message"),
    [(0, 36, "n_accounts must be from 1 to .*, got 0"), (240, 0, "months must be 1 or more, got 0")],
)
def test_refuses_a_market_of_nothing(n_accounts, months, message):
    with pytest.raises(ValueError, match=message):
        simulate(7, n_accounts, months)


def test_refuses_a_switch_that_is_no_share():
    with pytest.raises(ValueError, match=r"switches must be from 0 to 1, got \{'returns': 3\}"):
        simulate(7, 10, 1, switches=Switches(returns=3))
