"""Where the deals and leads of the synthetic market come from, and what its people entered of targets and teams."""

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Market, Switches, simulate
from abmlib.market.__main__ import SAMPLE as SIZES


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate(**SIZES)


@pytest.fixture(scope="module")
def deals(market) -> pd.DataFrame:
    return market.tables["opportunities"].merge(market.truth["opportunities"][["opportunity_id", "opens_at"]])


@pytest.fixture(scope="module")
def origin_rates() -> pd.DataFrame:
    """What came of deals and leads by source and campaign in a large market, beside the truth."""
    large = simulate(7, 1_500, 36)
    deals, leads = large.tables["opportunities"].query("type != 'renewal'"), large.tables["leads"]
    ends = large.truth["opportunities"].set_index("opportunity_id")["ends_won"]
    deals = deals.assign(good=deals["opportunity_id"].map(ends), table="opportunities")
    leads = leads.assign(good=leads["converted_at"].notna(), table="leads")
    rows = [
        frame.assign(by=by, value=values).groupby(["table", "by", "value"])["good"].agg(["mean", "size"])
        for frame, source in ((deals, "lead_source"), (leads, "source"))
        for by, values in ((source, frame[source]), ("campaign", frame["campaign_id"].str.split("-").str[1]))
    ]
    return large.truth["origins"].set_index(["table", "by", "value"]).join(pd.concat(rows), how="left")


def test_deals_are_won_and_leads_become_deals_as_often_as_planted(origin_rates):
    p = origin_rates["probability"]
    assert (origin_rates["size"] > 100).all()
    error = np.sqrt(p * (1 - p) / origin_rates["size"])
    off = (origin_rates["mean"] - p).abs()
    assert (off < 4 * error).all(), origin_rates.assign(off=off / error)
    campaigns = origin_rates.sort_index().loc[("opportunities", "campaign")]
    assert campaigns["size"].idxmax() == campaigns["probability"].idxmin() == "ADS"


def test_without_the_switch_no_source_is_better_than_another():
    told = simulate(7, 60, 12, switches=Switches(origins=0)).truth["origins"].groupby("table")["probability"]
    assert told.nunique().to_list() == [1, 1]


def test_origins_move_nothing_else():
    on, off = (simulate(7, 60, 12, switches=Switches(origins=size)).tables for size in (1, 0))
    about = {"opportunities": ["lead_source", "campaign_id"]}
    for name in sorted(set(on) - {"leads"}):
        own, other = (t[name].drop(columns=about.get(name, [])) for t in (on, off))
        pd.testing.assert_frame_equal(own, other)
    assert not on["opportunities"]["lead_source"].equals(off["opportunities"]["lead_source"])


def test_a_campaign_has_begun_before_its_deal_and_its_lead(market):
    begun = market.tables["campaigns"].set_index("campaign_id")["start"].dt.tz_localize("UTC")
    for name in ("opportunities", "leads"):
        rows = market.tables[name].dropna(subset=["campaign_id", "created_at"])
        assert len(rows) > 400 and (rows["created_at"] >= rows["campaign_id"].map(begun)).all()
    renewals = market.tables["opportunities"].query("type == 'renewal'")
    assert renewals[["lead_source", "campaign_id"]].isna().all(axis=None)


def test_a_lead_comes_before_its_deal_and_has_its_account_seller_and_origin(market, deals):
    leads = market.tables["leads"]
    became = leads[leads["converted_at"].notna()]
    assert (became["opportunity_id"].notna() & (became["status"] == "Converted")).all()
    assert became["opportunity_id"].is_unique and not (became["created_at"] > became["converted_at"]).any()
    both = became.merge(deals, on="opportunity_id", suffixes=("", "_deal"))
    assert (both["converted_at"] == both["opens_at"]).all()
    assert both["account_id"].equals(both["account_id_deal"]) and both["owner_id"].equals(both["owner_id_deal"])
    assert (both["source"] == both["lead_source"])[both["source"].notna() & both["lead_source"].notna()].all()
    parts = market.tables["opportunity_contacts"].query("is_primary")[["opportunity_id", "contact_id"]]
    known = became.dropna(subset="contact_id")
    assert len(known) > 0.8 * len(became) and len(known.merge(parts, on=["opportunity_id", "contact_id"])) == len(known)
    others = leads[leads["converted_at"].isna()]
    assert others[["contact_id", "opportunity_id"]].isna().all(axis=None) and others["account_id"].isna().mean() > 0.8


def test_a_reason_to_win_is_given_of_won_deals_only(deals):
    won = deals["is_won"].fillna(False).astype(bool)
    assert deals.loc[~won, "win_reason"].isna().all()
    assert 0.7 < deals.loc[won, "win_reason"].notna().mean() < 1


def test_the_targets_of_sellers_make_up_the_companys(market):
    targets = market.tables["targets"]
    own = targets["owner_id"].notna()
    company = targets[~own].set_index("period")["value"]
    sellers = targets[own].groupby("period")["value"].agg(["sum", "size"])
    assert len(company) == len(sellers) and (sellers["size"] == 9).all()
    assert (sellers["sum"] - company).abs().max() <= 9 * 500


def test_of_four_accounts_of_the_first_tier_one_has_nobody_who_answers(market):
    team, tiers = market.tables["team"], market.tables["account_tiers"]
    of = team.dropna(subset="account_id").groupby("account_id")["raci"].agg(set)
    assert set(of.index) == set(tiers.loc[tiers["tier"] == "1", "account_id"])
    assert of.map({"R", "C"}.issubset).all() and of.map(lambda parts: "A" not in parts).sum() == len(of) // 4
    assert market.tables["readiness"]["note"].notna().sum() == 3
