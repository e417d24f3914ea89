"""What makes the market harder and fairer is there at its size, is gone at zero, and changes nothing else."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from abmlib.market import Market, Switches, preset, simulate, write
from abmlib.market.deals import VALUE_SPREAD
from abmlib.market.dirt import GAPS
from abmlib.market.switches import CYCLES
from abmlib.tables import Book
from tests.test_market import LAST
from tests.test_switches import MONTHS, SEED, opened, other

BEGINS = pd.Timestamp("2023-07-01")
LINES = ("advisory services", "business software", "office supplies")


@pytest.fixture(scope="module")
def market() -> Market:
    return other()


def won(m: Market) -> float:
    """Won of the closed deals."""
    deals = m.tables["opportunities"]
    return float(deals.loc[deals["is_closed"].astype(bool), "is_won"].astype(float).mean())


def never(m: Market) -> float:
    """Share of accounts that are no customers at any time."""
    return float(m.truth["accounts"]["starts"].isna().mean())


# -- what kind of business it is --------------------------------------------------------------------------------------


def test_presets_win_and_sell_as_much_as_they_say(market):
    hard = simulate(SEED, 1_000, MONTHS, switches=preset("hard", {}))
    assert 0.33 < won(market) < 0.41 and 0.17 < won(hard) < 0.24
    assert 0.36 < never(market) < 0.46 and 0.55 < never(hard) < 0.66
    easy = other(rivals=0, uninterested=0)
    assert 0.46 < won(easy) < 0.56 and never(easy) < 0.2


def test_who_has_no_interest_is_approached_loses_and_stays_a_prospect(market):
    cold = market.truth["accounts"].query("not interested").set_index("account_id")
    assert len(cold) / len(market.truth["accounts"]) == pytest.approx(Switches().uninterested, abs=0.05)
    assert cold["starts"].notna().mean() < 0.1 and not (cold["starts"] < BEGINS).any()
    deals = opened(market)
    deals = deals[deals["account_id"].isin(cold.index)]
    assert deals["account_id"].nunique() / len(cold) > 0.3 and deals["ends_won"].mean() < 0.15
    assert cold.index.isin(market.tables["activities"]["account_id"]).mean() > 0.8
    assert other(100, uninterested=0).truth["accounts"]["interested"].all()


def test_deals_of_an_account_share_its_luck_and_their_true_chance_knows_it(market):
    luck = market.truth["accounts"].set_index("account_id")["luck"]
    assert luck.std() == pytest.approx(Switches().shared_luck, abs=0.04)
    keen = market.truth["accounts"].query("interested")["account_id"]
    deals = opened(market).query("type == 'expansion' and not stalled and not too_fast")
    deals = deals[deals["account_id"].isin(keen)]
    p = deals["win_probability_without"]
    slope = np.polyfit(deals["account_id"].map(luck), np.log(p / (1 - p)), 1)[0]
    assert slope == pytest.approx(1, abs=0.15)
    by = deals.groupby(deals["account_id"].map(luck) > 0)["ends_won"].mean()
    assert by[True] > by[False] + 0.08
    assert other(100, shared_luck=0).truth["accounts"]["luck"].eq(0).all()


def test_some_lines_are_bought_in_another_cycle_only_with_the_switch(market):
    usual = dict(zip(LINES, CYCLES, strict=True))
    told = market.truth["account_lines"]
    odd = told["cycle"] != told["product_line"].map(usual)
    assert len(told) == 3 * len(market.truth["accounts"])
    assert odd.mean() == pytest.approx(Switches().other_cycle, abs=0.015)
    none = other(other_cycle=0).truth["account_lines"]
    assert (none["cycle"] == none["product_line"].map(usual)).all()


def test_a_line_bought_in_another_cycle_has_its_values_days_people_and_orders():
    m = other(other_cycle=0.5, pace=1.0)
    deals = m.tables["opportunities"].query("type != 'renewal'").drop(columns="account_id")
    deals = deals.merge(m.truth["opportunities"][["opportunity_id", "account_id", "cycle_scale"]])
    people = m.tables["opportunity_contacts"].groupby("opportunity_id").size()
    deals = deals.assign(people=deals["opportunity_id"].map(people)).merge(m.truth["account_lines"])
    yearly = deals["amount"] / (deals["term_months"].fillna(12) / 12)
    by = deals.assign(yearly=yearly).groupby(["product_line", "cycle"])[["yearly", "cycle_scale", "people"]].median()
    for line in LINES:
        early, mid, full = (by.loc[(line, cycle)] for cycle in CYCLES)
        assert (early > mid).all() and (mid["yearly":"cycle_scale"] > full["yearly":"cycle_scale"]).all()
        assert early["yearly"] > 10 * full["yearly"] and early["cycle_scale"] > 6 * full["cycle_scale"]
    lines = m.tables["transactions"].merge(m.tables["products"][["product_id", "product_line"]])
    office = lines[(lines["product_line"] == "office supplies") & (lines["kind"] == "purchase")]
    days = office.groupby(office["account_id"].str[:6])["booked_at"].nunique()
    cycle = m.truth["account_lines"].query("product_line == 'office supplies'").set_index("account_id")["cycle"]
    days = days.groupby(cycle.reindex(days.index)).median()
    assert days["early"] < days["mid"] < 0.5 * days["full"]


def test_half_the_deals_of_an_account_are_larger_than_its_typical_one():
    m = other(1_000, changes=0, heavy_tails=0, selected=0)  # the register does not change, and there is no programme
    deals = m.tables["opportunities"].query("type != 'renewal'").drop(columns="account_id")
    deals = deals.merge(m.truth["opportunities"][["opportunity_id", "account_id"]]).merge(m.truth["account_lines"])
    off = np.log(deals["amount"] / (deals["term_months"].fillna(12) / 12) / deals["typical_amount"])
    assert off.groupby(deals["product_line"]).median().abs().max() < 0.1
    assert off.std() == pytest.approx(VALUE_SPREAD.mean(), abs=0.1)


# -- scale ------------------------------------------------------------------------------------------------------------


def test_the_price_level_multiplies_our_money_and_nothing_else():
    one, three = (simulate(SEED, 60, 18, switches=Switches(price_level=x)) for x in (1.0, 3.0))
    money = {
        "transactions": ["revenue", "cogs", "discount"], "opportunities": ["amount", "acv"], "contracts": ["arr"],
        "opportunity_stage_history": ["amount"], "products": ["list_price"], "campaign_spend": ["spend", "budget"],
    }  # fmt: skip
    for name, table in one.tables.items():
        for column in money.get(name, []):
            assert ((three.tables[name][column] / 3 - table[column]).abs().dropna() < 0.01).all(), (name, column)
        if name in ("accounts", "contacts", "activities", "opportunity_contacts", "attribute_history"):
            pd.testing.assert_frame_equal(table, three.tables[name])
    pd.testing.assert_frame_equal(one.truth["opportunities"], three.truth["opportunities"])
    typical = [m.truth["account_lines"]["typical_amount"] for m in (one, three)]
    assert (typical[1] / 3 - typical[0]).abs().max() < 0.01


def test_pace_stretches_deals_and_more_people_take_part_only_with_their_switches(market):
    slow, more = other(pace=2.0), other(buyers_more=1.5)

    def days(m: Market) -> pd.Series:
        told = m.truth["opportunities"].query("type != 'renewal'")
        return (told["closes_at"] - told["opens_at"]).dt.days.groupby(told["product_line"]).median()

    assert (days(slow) / days(market)).between(1.6, 2.3).all()
    count = [m.tables["opportunity_contacts"].groupby("opportunity_id").size().mean() for m in (market, more)]
    assert count[1] - count[0] > 0.7
    pd.testing.assert_frame_equal(market.truth["opportunities"], more.truth["opportunities"])


# -- dirt -------------------------------------------------------------------------------------------------------------


def late(m: Market) -> pd.Series:
    """Of each open deal: has its closing day passed."""
    still = m.tables["opportunities"]
    return still.loc[~still["is_closed"].astype(bool)].set_index("owner_id")["close_date"] <= LAST


def test_some_sellers_leave_closing_days_that_have_passed_only_with_the_switch():
    there, off = late(other(3_000, overdue=0.2)), late(other(overdue=0))
    assert there.mean() == pytest.approx(0.2, abs=0.05) and off.mean() < 0.08
    by = there.groupby(level=0).mean()
    assert by[["S02", "S04", "S07"]].mean() > 2 * by[["S01", "S03", "S06"]].mean()


def test_old_deals_lack_their_stage_history_or_all_but_its_last_row_only_with_the_switch(market):
    full = other(missing_history=0)
    before, after = (m.tables["opportunity_stage_history"].groupby("opportunity_id").size() for m in (full, market))
    after = after.reindex(before.index, fill_value=0)
    lost = after < before
    assert lost.mean() == pytest.approx(Switches().missing_history, abs=0.03)
    assert (after[lost] <= 1).all() and (after[lost] == 1).mean() == pytest.approx(0.5, abs=0.12)
    old = full.truth["opportunities"].set_index("opportunity_id")["opens_at"].reindex(before.index) < "2025-01-01"
    assert lost[old].mean() > 1.3 * lost[~old].mean()
    rows = [
        m.tables["opportunity_stage_history"].drop_duplicates("opportunity_id", keep="last") for m in (full, market)
    ]
    left = rows[0][rows[0]["opportunity_id"].isin(rows[1]["opportunity_id"])]
    pd.testing.assert_frame_equal(left.reset_index(drop=True), rows[1].reset_index(drop=True))


def test_dirt_moves_no_deal(market):
    without = other(overdue=0, missing_history=0, missing_firmographics=0)
    one, two = (m.truth["opportunities"].drop(columns="pushes") for m in (market, without))
    pd.testing.assert_frame_equal(one, two)
    pd.testing.assert_frame_equal(market.tables["transactions"], without.tables["transactions"])


@pytest.mark.parametrize("seed", [1001, pytest.param(1002, marks=pytest.mark.slow)])
def test_what_is_missing_foretells_no_first_purchase(seed):
    m = simulate(seed, 1_500, MONTHS)
    accounts = m.tables["accounts"].merge(m.truth["accounts"], on="account_id")
    accounts = accounts.assign(gaps=accounts[[*GAPS]].isna().sum(axis=1))
    at_first = accounts["starts"] < BEGINS
    assert accounts["gaps"][~at_first].mean() > 1.1 * accounts["gaps"][at_first].mean()
    buys = accounts["starts"].notna()
    later, nothing = (accounts.loc[~at_first & which, "gaps"] for which in (buys, ~buys))
    n, k = len(later), len(nothing)
    area = mannwhitneyu(later, nothing).statistic / (n * k)
    assert n > 100 and abs(area - 0.5) < 3 * np.sqrt((n + k + 1) / (12 * n * k))


# -- what changes -----------------------------------------------------------------------------------------------------


def changed(m: Market, field: str) -> float:
    """Share of the rows whose value of a field changed, of those that have one."""
    count = m.tables["attribute_history"].query("field == @field").groupby("row_id").size()
    assert count.isin([1, 2]).all()
    return float((count == 2).mean())


@pytest.mark.parametrize("field", ["employees", "tech_stack", "growth_outlook", "buying_role"])
def test_companies_and_roles_change_only_with_their_switch(market, field):
    assert 0.15 < changed(market, field) < 0.32
    assert changed(other(500, changes=0), field) == 0


def test_the_last_value_of_the_history_is_the_one_of_the_table(market):
    past = (
        market.tables["attribute_history"].sort_values("known_from").drop_duplicates(["row_id", "field"], keep="last")
    )
    for table, key in (("accounts", "account_id"), ("contacts", "contact_id")):
        now = market.tables[table].set_index(key)
        for field, rows in past[past["table"] == table].groupby("field"):
            own = now[field].reindex(rows["row_id"]).astype("str").to_numpy()
            assert (own == rows["value"].to_numpy()).all(), field


def test_an_earlier_day_shows_the_earlier_value(tmp_path):
    m = simulate(SEED, 80, 24, switches=preset("clean", {"changes": 1.0}))
    write(Market({n: m.tables[n] for n in ("accounts", "attribute_history", "transactions")}, m.truth), tmp_path)
    day = pd.Timestamp("2025-09-30")
    accounts, known = m.tables["accounts"].set_index("account_id"), m.tables["attribute_history"]
    known = known[known["known_from"] < (day + pd.Timedelta(days=1)).tz_localize("Europe/Berlin")]
    read = Book.open(tmp_path, as_of="2025-09-30").read("accounts").set_index("account_id")
    for field in ("employees", "tech_stack", "growth_outlook"):
        then = known[known["field"] == field].drop_duplicates("row_id", keep="last").set_index("row_id")["value"]
        seen = read[field].dropna().astype("str")
        assert (then != accounts[field].astype("str").reindex(then.index)).sum() > 10, field
        assert (seen == then.reindex(seen.index)).all() and len(seen) == len(then), field


def test_what_drives_deals_is_what_held_on_the_day():
    """Accounts that gained or lost their ERP suite halfway open more deals while they have it."""
    m = other(1_500, changes=1.0, propensity_drivers=2.0, counter_intuitive=0)
    past = m.tables["attribute_history"].query("field == 'tech_stack'")
    has = past["value"].str.contains("erp suite")
    both = past.assign(has=has).groupby("row_id")["has"].agg(["first", "last", "size"])
    both = both[(both["size"] == 2) & (both["first"] != both["last"])]
    since = past.groupby("row_id")["known_from"].last().reindex(both.index)
    deals = m.truth["opportunities"].query("type != 'renewal'")
    deals = deals[deals["account_id"].isin(both.index)]
    own = deals["account_id"]
    after = (deals["opens_at"] >= own.map(since)).to_numpy()
    with_it = np.where(after, own.map(both["last"]), own.map(both["first"])).astype(bool)
    begun = m.tables["accounts"].set_index("account_id")["created_at"].clip(lower=BEGINS.tz_localize("UTC"))
    end = (LAST + pd.Timedelta(days=1)).tz_localize("UTC")
    before = (since - begun.reindex(both.index)).dt.days.clip(lower=0)
    later = (end - since).dt.days
    days = [np.where(both["last"] == x, later, before).sum() for x in (True, False)]
    assert with_it.sum() / days[0] > 1.6 * (~with_it).sum() / days[1]
