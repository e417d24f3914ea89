"""Each switch of the market plants what it says, of its size, and nothing when it is off."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Market, Switches, changed, preset, simulate
from abmlib.market.buyers import BIG, RAMP
from abmlib.market.deals import TROUBLES
from abmlib.market.switches import DIRT, sizes
from tests.test_market import days_in_stage

SEED, ACCOUNTS, MONTHS = 5, 2_000, 36
END = pd.Timestamp("2026-07-01")
MORE_ERRORS = 4  # standard errors by which a planted effect may be missed


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate(SEED, ACCOUNTS, MONTHS)


@cache
def other(accounts: int = 500, **given: float) -> Market:
    """The market with some sizes changed; a dot in a name is written as two underscores."""
    return simulate(
        SEED, accounts, MONTHS, switches=changed(Switches(), {k.replace("__", "."): v for k, v in given.items()})
    )


def opened(market: Market) -> pd.DataFrame:
    """Deals, renewals aside, with the account's part in the programme and the day they opened."""
    told = market.truth["opportunities"].query("type != 'renewal'")
    day = told["opens_at"].dt.tz_localize(None)
    own = ["account_id", "cycle", "held_back", "picked", "entry", "exposed", "size", "latent"]
    return told.assign(day=day).merge(market.truth["accounts"][own].rename(columns={"cycle": "own"}), on="account_id")


@pytest.fixture(scope="module")
def calm() -> Market:
    """A market without some effects that do not touch each other."""
    return other(
        1_000, confounding_recorded=0, counter_intuitive=0, renewal_drivers=0, holdout=0,
        elsewhere=0, reorganisation=0, no_return=0, goals_missed=0,
    )  # fmt: skip


def rate(market: Market, cycle: str, held_back: bool) -> tuple[float, float]:
    """Deals a year in the main line once the programme has its full effect, and the standard error over accounts."""
    accounts = market.truth["accounts"].query("picked and cycle == @cycle and held_back == @held_back")
    since = accounts.set_index("account_id")["entry"] + pd.Timedelta(days=30 + RAMP)
    deals = opened(market)
    deals = deals[
        (deals["product_line"] == accounts["product_line"].iloc[0]) & (deals["day"] >= deals["account_id"].map(since))
    ]
    count = deals["account_id"].value_counts().reindex(since.index, fill_value=0)
    years = (END - since).dt.days / 365
    return count.sum() / years.sum(), float(
        np.sqrt(((count - count.sum() / years.sum() * years) ** 2).sum()) / years.sum()
    )


# -- the programme ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cycle", ["early", "mid", "full"])
def test_the_programme_opens_as_many_more_deals_as_planted(market, cycle):
    """Against the accounts that chance held back; of those treated a few are never exposed."""
    (treated, error), (held, other_error) = rate(market, cycle, False), rate(market, cycle, True)
    size = getattr(Switches().abm_creation, cycle) * (1 - Switches().unexposed)
    expected = held * (1 + size)
    assert abs(treated - expected) < MORE_ERRORS * np.hypot(error, (1 + size) * other_error)


def test_the_programme_wins_and_grows_deals_by_what_is_planted(market):
    deals = opened(market)
    early = deals[
        (deals["product_line"] == "advisory services") & (deals["day"] > deals["exposed"] + pd.Timedelta(days=RAMP))
    ]
    assert len(early) > 100
    assert early["size_factor"].eq(1.15).all()
    odds = {c: np.log(early[c] / (1 - early[c])) for c in ("win_probability", "win_probability_without")}
    gained = odds["win_probability"] - odds["win_probability_without"]
    assert gained.mean() == pytest.approx(4 * 0.10, abs=0.01)
    untouched = deals[deals["exposed"].isna()]
    assert (untouched["win_probability"] == untouched["win_probability_without"]).all()
    assert untouched["size_factor"].eq(1).all() and not untouched["caused"].any()


def test_switched_off_the_programme_causes_nothing():
    deals = opened(other(abm_creation=0, abm_win=0, abm_size=0))
    assert not deals["caused"].any()
    assert (deals["win_probability"] == deals["win_probability_without"]).all()
    assert deals["size_factor"].eq(1).all()


def test_caused_deals_are_those_that_vanish_without_the_programme():
    market, without = other(1_000), other(1_000, abm_creation=0)
    gone = market.truth["opportunities"].query("caused and type != 'renewal'")
    assert len(gone) > 25
    kept = market.truth["opportunities"].query("not caused and not stalled")
    same = kept.merge(without.truth["opportunities"], on=["account_id", "closes_at", "cycle_scale"])
    assert len(same) > 0.97 * len(kept)  # a caused win may make a customer, and more deals follow
    back = gone.merge(without.truth["opportunities"], on=["account_id", "closes_at", "cycle_scale"])
    assert len(back) == 0


def test_chance_alone_decides_who_is_held_back(market):
    picked = market.truth["accounts"].query("picked")
    assert picked["held_back"].mean() == pytest.approx(0.30, abs=0.02)
    for column in ("size", "latent", "opening"):
        by = picked.groupby("held_back")[column]
        error = np.sqrt((by.var() / by.size()).sum())
        assert abs(by.mean()[True] - by.mean()[False]) < MORE_ERRORS * error
    drawn = market.tables["experiments"].set_index("account_id")["arm"]
    assert ((drawn == "holdout") == picked.set_index("account_id")["held_back"].reindex(drawn.index)).all()
    assert drawn.index.isin(picked["account_id"]).all() and len(drawn) == len(picked)


def test_without_a_holdout_nobody_is_held_back_and_without_a_programme_nobody_is_picked(calm):
    assert not calm.truth["accounts"]["held_back"].any() and calm.truth["accounts"]["picked"].any()
    none = other(500, selected=0, missing_cost=0.2, returns=0)
    assert not none.truth["accounts"]["picked"].any() and none.tables["experiments"].empty


def test_sales_picks_by_size_only_with_its_switch(market, calm):
    def gap(m: Market) -> float:
        by = m.truth["accounts"].groupby("picked")["size"].mean()
        return by[True] - by[False]

    assert gap(market) > 0.3 > 0.1 > abs(gap(calm))


def test_a_latent_interest_confounds_only_with_its_switch(market):
    strong = other(confounding_latent=1.0)

    def gap(m: Market) -> float:
        by = m.truth["accounts"].groupby("picked")["latent"].mean()
        return by[True] - by[False]

    assert abs(gap(market)) < 0.15 < 0.4 < gap(strong)
    deals = opened(strong)
    assert (
        deals.loc[deals["latent"] > 1, "win_probability_without"].mean()
        > 0.1 + deals.loc[deals["latent"] < -1, "win_probability_without"].mean()
    )


def test_advertisements_lead_up_to_deals_and_do_nothing():
    """With the switch on most deals have one before them, with it off few; the deals are the same."""
    market, off = other(), other(null_channel=0)

    def before(m: Market) -> float:
        deals = opened(m).query("day > '2023-09-15'")
        seen = m.tables["activities"].query("channel == 'ad'")
        pairs = deals[["opportunity_id", "account_id", "day"]].merge(
            seen.assign(account_id=seen["account_id"].str[:6]), on="account_id"
        )
        near = (pairs["day"] - pairs["occurred_at"].dt.tz_localize(None)).dt.days.between(0, 45)
        return pairs.loc[near, "opportunity_id_x"].nunique() / len(deals)

    assert before(off) < 0.2 < 0.5 < before(market)
    first = market.truth["opportunities"].merge(
        off.truth["opportunities"], on=["account_id", "closes_at", "win_probability"]
    )
    assert len(first) == len(off.truth["opportunities"])


# -- drivers ----------------------------------------------------------------------------------------------------------


def deals_by(market: Market, line: str) -> pd.Series:
    """Deals of a line, renewals aside, of each account whose main line it is."""
    accounts = market.truth["accounts"].query("product_line == @line")["account_id"]
    own = market.truth["opportunities"].query("type != 'renewal' and product_line == @line")["account_id"]
    return own.value_counts().reindex(accounts, fill_value=0)


def ratio(market: Market, line: str, column: str, value: str) -> float:
    """Deals of accounts with a value in a column, as a multiple of those of the others."""
    said = market.tables["accounts"].set_index("account_id")[column]
    count = deals_by(market, line)
    has = said.reindex(count.index).eq(value)
    return count[has].mean() / count[~has & said.reindex(count.index).notna()].mean()


def test_struggling_companies_want_more_software_only_with_their_switch(market, calm):
    assert ratio(market, "business software", "growth_outlook", "struggling") > 1.25
    assert ratio(calm, "business software", "growth_outlook", "struggling") < 1.15
    assert ratio(market, "office supplies", "growth_outlook", "struggling") < 1.15


def test_what_a_register_says_drives_deals_only_with_its_switch(market):
    strong, off = (other(1_000, propensity_drivers=size) for size in (1.0, 0))
    assert off.truth["accounts"].query("cycle != 'mid'")["opening"].eq(0).all()
    assert ratio(strong, "office supplies", "industry", "technology") > 1.3
    assert ratio(strong, "office supplies", "industry", "public sector") < 0.75
    assert 0.8 < ratio(off, "office supplies", "industry", "technology") < 1.25


def test_deal_sizes_follow_their_drivers_only_with_the_switch():
    """The same deals with the drivers and without them, taken apart by what drives them."""
    one, none = (other(size_drivers=size, missing_firmographics=0, changes=0) for size in (1.0, 0))
    both = (
        one.tables["opportunities"].merge(none.tables["opportunities"], on="opportunity_id").dropna(subset="amount_x")
    )
    both = both.query("type_x != 'renewal'").merge(
        one.tables["accounts"], left_on="account_id_x", right_on="account_id"
    )
    more = np.log(both["amount_x"] / both["amount_y"])
    parts = [both["org_type"] == "public", both["country"] == "Germany", np.log(both["employees"]), np.ones(len(both))]
    found = np.linalg.lstsq(np.stack(parts, axis=1).astype(float), more, rcond=None)[0]
    assert found[:2] == pytest.approx([0.40, 0.20], abs=0.04)


def test_troubles_cost_renewals_what_is_planted(market):
    told = market.truth["opportunities"].query("type == 'renewal'")
    calm, troubled = told[~told[list(TROUBLES)].any(axis=1)], told[told[list(TROUBLES)].any(axis=1)]
    assert len(troubled) > 300
    assert calm["ends_won"].mean() - troubled["ends_won"].mean() > 0.08
    off = other(1_000, renewal_drivers=0).truth["opportunities"].query("type == 'renewal'")
    by = off.groupby(off[list(TROUBLES)].any(axis=1))["ends_won"].mean()
    assert abs(by[True] - by[False]) < 0.08


def test_troubles_leave_their_evidence_before_the_term_ends(market):
    told = market.truth["opportunities"].query("type == 'renewal'").set_index("opportunity_id")
    deals = market.tables["opportunities"].set_index("opportunity_id").loc[told.index]
    told = told.assign(due=deals["close_date"]).dropna(subset=["due"])
    told = told[told["due"].between("2024-03-01", "2026-06-30")]
    cases = market.tables["cases"].query("escalated")
    pairs = told.reset_index().merge(cases, on="account_id")
    near = (pairs["due"] - pairs["opened_at"].dt.tz_localize(None)).dt.days.between(0, 160)
    has = told.index.isin(pairs.loc[near, "opportunity_id"])
    assert has[told["escalation"]].mean() > 0.9 > 0.3 > has[~told["escalation"]].mean()


def test_drift_turns_the_drivers_round():
    plain, turned = other(propensity_drivers=1.0), other(propensity_drivers=1.0, drift=1.0)

    def slope(m: Market, late: bool) -> float:
        deals = opened(m)
        deals = deals[(deals["day"] > "2025-07-01") == late]
        own = deals[deals["product_line"] == "office supplies"]["account_id"].value_counts()
        accounts = m.truth["accounts"].query("product_line == 'office supplies'").set_index("account_id")
        return float(np.corrcoef(accounts["opening"], own.reindex(accounts.index, fill_value=0))[0, 1])

    assert slope(turned, False) > 0.1 and slope(turned, True) < 0 < 0.1 < slope(plain, True)


def test_sellers_differ_only_with_their_switch():
    def spread(size: float) -> float:
        market = other(1_000, seller_spread=size, too_fast=0, stalled=0)
        both = market.tables["opportunities"].merge(market.truth["opportunities"], on="opportunity_id")
        by = both[both["type_x"] == "expansion"].groupby("owner_id")["win_probability_without"].mean()
        return by.max() - by.min()

    assert spread(0) < 0.03 < 0.08 < spread(0.15)


def test_stalled_deals_stand_still_and_win_less_only_with_their_switch(market):
    told = market.truth["opportunities"].query("type != 'renewal'")
    assert told["stalled"].mean() == pytest.approx(0.06, abs=0.01)
    assert not other(1_000, seller_spread=0, too_fast=0, stalled=0).truth["opportunities"]["stalled"].any()
    stays = days_in_stage(market)
    longest = (stays["days"] / stays["cycle_scale"]).groupby([stays["stalled"], stays["opportunity_id"]]).max()
    by = longest.groupby(level=0).median()
    assert by[True] > 2.5 * by[False]
    p = told.groupby("stalled")["win_probability"].mean()
    assert p[True] < p[False] - 0.2


def test_too_fast_deals_outrun_their_buyers_and_win_less_only_with_their_switch(market):
    assert not other(1_000, seller_spread=0, too_fast=0, stalled=0).truth["opportunities"]["too_fast"].any()
    told = market.truth["opportunities"].query("type != 'renewal'")
    assert told["too_fast"].mean() == pytest.approx(0.04, abs=0.01)
    people = market.tables["opportunity_contacts"].groupby("opportunity_id").size()
    assert people.reindex(told.loc[told["too_fast"], "opportunity_id"]).dropna().eq(1).all()
    stays = days_in_stage(market)
    pace = (stays["days"] / stays["cycle_scale"]).groupby(stays["too_fast"]).median()
    assert pace[True] < 0.4 * pace[False]
    p = told.groupby("too_fast")["win_probability"].mean()
    assert p[True] < p[False] - 0.15


def test_heavy_tails_make_a_few_deals_enormous():
    plain, heavy = (
        other(1_000, heavy_tails=size).tables["opportunities"].query("type != 'renewal'") for size in (0, 0.15)
    )
    both = plain.merge(heavy, on="opportunity_id").dropna(subset=["amount_x", "amount_y"])
    drawn = both["amount_x"] != both["amount_y"]
    assert drawn.mean() == pytest.approx(0.15, abs=0.03)
    assert (both["amount_y"] / both["amount_x"])[drawn].quantile(0.98) > 20


def test_thresholds_and_pairs_replace_sums_only_with_their_switch():
    bent = other(non_linear=1.0, propensity_drivers=1.0).truth["accounts"].query("cycle == 'full'")["opening"]
    plain = other(propensity_drivers=1.0).truth["accounts"].query("cycle == 'full'")["opening"]
    assert bent.round(3).nunique() <= 6 < 50 < plain.round(3).nunique()


# -- red flags --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flagged(market) -> pd.DataFrame:
    return market.truth["accounts"].query("flag != ''").set_index("account_id")


@pytest.mark.parametrize("flag", ["elsewhere", "reorganisation", "no_return", "goals_missed"])
def test_a_red_flag_is_on_as_many_accounts_as_planted_and_none_when_off(market, calm, flag):
    share = (market.truth["accounts"]["flag"] == flag).mean()
    assert 0.3 * getattr(Switches(), flag) < share <= getattr(Switches(), flag)  # of those that have the history for it
    assert calm.truth["accounts"]["flag"].eq("").all() and calm.truth["accounts"]["declining"].any()


def test_business_falls_after_a_red_flag(market, flagged):
    lines = market.tables["transactions"]
    fell = flagged[(flagged["falls"] < "2025-08-01") & (flagged["product_line"] == "office supplies")]
    own = lines.assign(of=lines["account_id"].str[:6])
    half = own["booked_at"].dt.to_period("Q")
    last = own[half == "2026Q2"].groupby("of")["revenue"].sum().reindex(fell.index, fill_value=0)
    before = own[half == "2025Q1"].groupby("of")["revenue"].sum().reindex(fell.index, fill_value=0)
    assert len(fell) > 10
    assert last.sum() < 0.6 * before.sum()
    waited = (flagged["falls"] - flagged["since"]).dt.days[flagged["flag"] != "elsewhere"].dropna()
    assert waited.between(90, 240).all() and len(waited) > 30


def test_a_reorganisation_scatters_people_and_is_told_of(market, flagged):
    hit = flagged.query("flag == 'reorganisation'")
    people = market.tables["contacts"].query("not is_lead")
    people = people.assign(of=people["account_id"].str[:6])
    gone = people["valid_to"].notna().groupby(people["of"]).mean()
    assert gone.reindex(hit.index).mean() > 0.4 > 0.2 > gone.drop(hit.index).mean()
    told = market.tables["account_insights"].query("kind == 'reorg_event'")["account_id"]
    assert hit.index.isin(told).mean() > 0.6
    assert (~told.isin(hit.index)).mean() > 0.1  # some are told of that are none


def test_missed_goals_and_missing_returns_are_written_down(market, flagged):
    goals = market.tables["account_goals"].query("owner_side == 'joint' and status != 'open'")
    missed = (
        (goals["status"] == "missed")
        .groupby(goals["account_id"].isin(flagged.query("flag == 'goals_missed'").index))
        .mean()
    )
    assert missed[True] > 0.8 > 0.5 > missed[False]
    cost = market.tables["relationship_economics"]
    end = pd.PeriodIndex(cost["period"].str.replace("-", ""), freq="Q").end_time
    bad = flagged.query("flag == 'no_return'")
    up = cost["account_id"].isin(bad.index) & (end > cost["account_id"].map(flagged["since"]))
    realised = (cost["value_realised"] / cost["value_promised"]).groupby(up).median()
    assert realised[True] < 0.5 < 0.9 < realised[False]


# -- dirt -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clean() -> Market:
    return simulate(SEED, 500, MONTHS, switches=preset("clean", {}))


def counts(m: Market) -> dict[str, float]:
    """How much of each kind of dirt there is, as a share or a count."""
    t = m.tables
    noted = t["opportunity_stage_history"]["opportunity_id"]
    still = ~t["opportunities"]["is_closed"].astype(bool)
    staff = t["contacts"].query("not is_lead")
    lines = t["transactions"]
    big = lines[lines["account_id"].str[:6] == f"A{BIG + 1:05d}"]
    return {
        "duplicates": len(m.truth["duplicates"]) / len(m.truth["accounts"]),
        "subsidiaries": t["accounts"]["parent_account_id"].notna().mean(),
        "unmatched_leads": t["contacts"]["is_lead"].mean(),
        "merged_contacts": staff["email_hash"].duplicated().sum(),
        "departed_contacts": staff["valid_to"].notna().mean(),
        "deal_gaps": t["opportunities"].loc[still, "amount"].isna().mean(),
        "overdue": (t["opportunities"].loc[still, "close_date"] < END).mean()
        - 0.1,  # some deals run late in any market
        "missing_history": (~t["opportunities"]["opportunity_id"].isin(noted)).mean(),
        "missing_firmographics": t["accounts"]["employees"].isna().mean(),
        "bots": t["activities"]["is_bot"].fillna(False).sum(),
        "opted_out": t["contacts"]["opted_out"].mean(),
        "big_without_margin": big["cogs"].sum() / big["revenue"].sum() - 0.85,
        "late_rows": lines["known_at"].notna().mean(),
        "hostile_names": t["accounts"]["name"].str.contains(r"[&'=東$;<]|\.\./|É|, Brothers").mean(),
        "currencies": (m.truth["accounts"]["currency"] != "").mean(),
        "returns": (lines["kind"] == "return").mean(),
        "missing_cost": lines["cogs"].isna().mean(),
    }


@pytest.mark.parametrize("name", [d for d in DIRT if d != "missing_cost"])
def test_dirt_is_there_only_with_its_switch(market, clean, name):
    there, away = counts(market)[name], counts(clean)[name]
    if name == "departed_contacts":  # people also leave where an account reorganises, or a renewal is troubled
        assert there > away + 0.03
    else:
        assert there > 0 >= away


def test_every_kind_of_dirt_is_tested(market):
    assert {*counts(market)} == {*DIRT}


def test_missing_costs_follow_their_switch():
    lines = other(500, selected=0, missing_cost=0.2, returns=0).tables["transactions"]
    assert lines["cogs"].isna().mean() == pytest.approx(0.2, abs=0.02)


def test_a_twin_is_misspelt_has_rows_of_its_own_and_half_are_known(market):
    told = market.truth["duplicates"]
    accounts = market.tables["accounts"].set_index("account_id")
    names = accounts["name"]
    assert len(told) > 40
    assert (names[told["account_id"]].to_numpy() != names[told["original_id"]].to_numpy()).mean() > 0.9
    known = accounts["is_duplicate_of"].reindex(told["account_id"]).notna().to_numpy()
    assert (known == told["merged"]).all() and 0.3 < known.mean() < 0.7
    for table in ("transactions", "activities", "contacts"):
        assert market.tables[table]["account_id"].isin(told["account_id"]).sum() > 20


def test_firmographics_are_missing_oftener_of_small_customers_and_of_who_is_none_at_first(market):
    accounts = market.tables["accounts"].merge(market.truth["accounts"], on="account_id")
    gone, customer = accounts["employees"].isna(), accounts["starts"] < "2023-07-01"
    assert gone[customer & (accounts["size"] < -0.5)].mean() > 1.5 * gone[customer & (accounts["size"] > 0.5)].mean()
    assert gone[~customer].mean() > 1.1 * gone[customer].mean()


def test_revenue_in_another_currency_moves_with_its_rate():
    market = other()
    same = other(currencies=0).tables["transactions"].set_index("transaction_id")["revenue"]
    lines = market.tables["transactions"].set_index("transaction_id")
    own = market.truth["accounts"].set_index("account_id")["currency"]
    foreign = lines["account_id"].str[:6].map(own)
    rates = market.tables["fx_rates"].pivot(index="date", columns="currency", values="rate")
    month = lines["booked_at"].dt.to_period("M").dt.to_timestamp()
    for currency in rates:
        rows = (foreign == currency) & (lines["kind"] == "purchase") & (lines["revenue"] > 100)
        worth = month[rows].map(rates[currency]) / rates[currency].iloc[0]
        assert rows.sum() > 50
        assert (lines["revenue"][rows] / same[rows.index[rows]] / worth - 1).abs().max() < 1e-3
    home = foreign == ""
    assert (lines["revenue"][home] == same[home.index[home]]).all()


def test_late_rows_are_known_weeks_after_they_happened(market):
    lines = market.tables["transactions"].dropna(subset="known_at")
    lag = (lines["known_at"].dt.tz_localize(None) - lines["booked_at"]).dt.days
    assert lag.between(14, 60).all() and (lines["known_at"] < END.tz_localize("UTC")).all()


def test_the_largest_customer_has_margin_when_the_switch_is_off():
    for size, low, high in ((1.0, -0.05, 0.05), (0.0, 0.25, 0.75)):
        lines = other(500, big_without_margin=size, duplicates=0).tables["transactions"]
        own = lines[lines["account_id"] == f"A{BIG + 1:05d}"]
        assert low < 1 - own["cogs"].sum() / own["revenue"].sum() < high


def test_with_nothing_planted_every_size_but_the_draw_is_zero():
    left = {n for n, size in sizes(preset("nothing", {})).items() if size}
    assert left == {"selected", "holdout", "price_level", "pace"}
