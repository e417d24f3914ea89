"""The synthetic market: the same every time, to spec, believable, and planted as its switches say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Market, Switches, blocks, simulate, write
from abmlib.market.__main__ import SAMPLE as SAMPLE_SIZES
from abmlib.tables import schema

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
SIZES = SAMPLE_SIZES
FIRST, LAST = pd.Timestamp("2023-07-01"), pd.Timestamp("2026-06-30")


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate(**SIZES)


def in_bytes(market: Market, folder: Path) -> dict[str, bytes]:
    write(market, folder)
    return {f.name: f.read_bytes() for f in folder.iterdir()}


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
    assert anew == {name: (SAMPLE / name).read_bytes() for name in anew}
    assert {f.name for f in SAMPLE.glob("*.csv")} <= set(anew)


def test_every_table_is_to_spec(market):
    assert sorted(market.tables) == ["accounts", "products", "transactions"]
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
    assert (SAMPLE / "transactions.csv").stat().st_size < 1_200_000


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
    ids = one.tables["accounts"]["account_id"]
    for name in ("accounts", "transactions"):
        same = two.tables[name][two.tables[name]["account_id"].isin(ids)].reset_index(drop=True)
        pd.testing.assert_frame_equal(one.tables[name], same)


def test_blocks_are_the_market_in_parts():
    parts = list(blocks(7, 700, 6))
    assert [len(p.tables["accounts"]) for p in parts] == [500, 200]
    whole = simulate(7, 700, 6).tables
    for name in ("accounts", "transactions"):
        pd.testing.assert_frame_equal(pd.concat([p.tables[name] for p in parts], ignore_index=True), whole[name])
    assert whole["transactions"]["transaction_id"].is_unique


def test_the_smallest_market_is_one_account_and_one_month(tmp_path):
    write(simulate(7, 1, 1), tmp_path)
    assert (tmp_path / "accounts.csv").read_text("utf-8").count("\n") == 2


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
