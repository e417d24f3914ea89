"""What customers that are alike spend, by what they are and never by what they buy; wallets; and if headroom came."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import look_alikes
from abmlib.method.look_alikes import demand, growth_by_headroom, judged, wallets
from abmlib.method.periods import DAY
from tests.conftest import as_read

EACH = 42  # customers of an industry: 41 others are alike, and none of the other industry


def customers() -> tuple[pd.DataFrame, pd.DataFrame]:
    """42 of steel that buy lathes for 1 to 42 a year, 42 of food that buy ovens for 100 times as much, and one of each that buys nothing."""
    ids = pd.Index([f"{kind}{i:02}" for kind in "sf" for i in range(EACH + 1)], name="account_id")  # 00 buys nothing
    about = pd.DataFrame({"industry": ["steel"] * (EACH + 1) + ["food"] * (EACH + 1)}, ids)
    amount = np.arange(EACH + 1.0)
    spend = pd.DataFrame({"lathes": [*amount, *(0 * amount)], "ovens": [*(0 * amount), *(100 * amount)]}, ids)
    return about, spend


def of(found: pd.DataFrame, account: str, line: str) -> pd.Series:
    """One row."""
    return found.set_index(["account_id", "product_line"]).loc[(account, line)]


def test_an_account_is_compared_with_all_others_as_alike_by_hand():
    about, spend = customers()
    row = of(demand(about, spend), "s01", "lathes")  # spends 1; the others 2 to 42
    assert row[["alike_customers", "alike_share", "alike_buyers"]].tolist() == [41, 1, 41]
    # places 1.05, 10.5, 21, 31.5 and 40.95 of 41
    places = [2 * (3 / 2) ** 0.05, (11 * 12) ** 0.5, 22, (32 * 33) ** 0.5, 41 * (42 / 41) ** 0.95]
    assert row[look_alikes.QUANTILES].tolist() == pytest.approx(places)
    assert row["alike_mean"] == 22


def test_nobody_is_its_own_look_alike():
    """Were it, its own row would move with what it spends; now only those of others do."""
    about, spend = customers()
    more = spend.copy()
    more.loc["s01", "lathes"] = 1_000
    before, after = (demand(about, s).set_index(["account_id", "product_line"]) for s in (spend, more))
    pd.testing.assert_series_equal(before.loc[("s01", "lathes")], after.loc[("s01", "lathes")])
    assert after.loc[("s02", "lathes"), "alike_mean"] > before.loc[("s02", "lathes"), "alike_mean"]


def test_who_buys_nothing_is_no_look_alike_and_has_some():
    about, spend = customers()
    row = of(demand(about, spend), "s00", "lathes")
    assert row["alike_customers"] == row["alike_buyers"] == EACH and row["alike_mean"] == 21.5
    assert of(demand(about, spend), "f00", "lathes")["alike_share"] == 0  # of food none buys a lathe


def test_a_description_that_tells_nothing_does_not_count():
    """Each amount once in each country, so that the country tells nothing and would part the industries in halves."""
    about, spend = customers()
    about, spend = (pd.concat([t, t.set_axis(t.index + "x")]) for t in (about, spend))
    halves = about.assign(country=["no"] * (len(about) // 2) + ["es"] * (len(about) // 2))
    pd.testing.assert_frame_equal(demand(halves, spend), demand(about, spend))


def test_numbers_and_lists_describe_too():
    about, spend = customers()
    steel = about["industry"] == "steel"
    for told in ({"employees": np.where(steel, 10, 5_000)}, {"tech_stack": np.where(steel, "cad;erp", "erp")}):
        found = demand(pd.DataFrame(told, about.index), spend)
        assert of(found, "f01", "ovens")["alike_buyers"] == 41 and of(found, "f01", "ovens")["alike_mean"] == 2_200
        assert of(found, "f01", "lathes")["alike_share"] == 0


def test_an_account_that_nothing_describes_is_compared_with_all():
    about, spend = customers()
    about.loc["s01"] = None
    assert of(demand(about, spend), "s01", "lathes")["alike_customers"] == 2 * EACH - 1


def test_kinds_are_alike_or_not_and_none_is_nearer_than_another():
    about, spend = customers()
    about.loc[["f41", "f42"], "industry"] = "wood"  # too few: all others are as unlike
    assert of(demand(about, spend), "f42", "ovens")["alike_customers"] == 2 * EACH - 1


def test_where_what_is_known_tells_nothing_of_a_line_all_customers_are_alike():
    """As many in each country, that spend the same."""
    ids = pd.Index([f"c{i}" for i in range(2 * EACH)], name="account_id")
    spend = pd.DataFrame({"lathes": [*range(1, EACH + 1)] * 2}, ids)
    found = demand(pd.DataFrame({"country": ["no"] * EACH + ["es"] * EACH}, ids), spend)
    assert found["alike_buyers"].eq(2 * EACH - 1).all()


@pytest.mark.parametrize("known", [[], ["industry"], ["name"]], ids=["none", "one for all", "no description"])
def test_without_a_description_nobody_has_look_alikes(known):
    about, spend = customers()
    found = demand(about.assign(industry="steel", name=about.index)[known], spend)
    assert len(found) == 2 * len(about) and found[look_alikes.COLUMNS[2:]].isna().all(axis=None)


def test_a_line_with_few_buyers_no_line_and_no_account_have_none():
    about, spend = customers()
    few = spend.assign(lathes=spend["lathes"].where(spend["lathes"] < 30, -5.0))  # 29 that buy, and returns
    found = demand(about, few)
    assert found.loc[found["product_line"] == "lathes", look_alikes.COLUMNS[2:]].isna().all(axis=None)
    for empty in (demand(about, spend[[]]), demand(about.iloc[:0], spend.iloc[:0])):
        assert empty.empty and list(empty) == look_alikes.COLUMNS
    assert judged(demand(about, spend[[]]), spend[[]]) == []


def test_the_order_of_accounts_moves_nothing():
    about, spend = customers()
    pd.testing.assert_frame_equal(demand(about, spend.iloc[::-1]), demand(about, spend))


def test_of_many_customers_some_are_compared_with(monkeypatch):
    monkeypatch.setattr(look_alikes, "MOST", 30)
    about, spend = customers()
    found = demand(about, spend)
    assert found["alike_customers"].max() < 40 and found["alike_customers"].notna().all()


# -- if they come near --------------------------------------------------------------------------------------------------


def test_what_look_alikes_save_is_counted_against_the_middle_of_all_other_buyers():
    about, spend = customers()
    spend = pd.DataFrame({"all": spend.sum(axis=1), "rare": (spend["lathes"] > 13) * 1.0})
    found = demand(about, spend)
    rows = pd.DataFrame(judged(found, spend)).set_index(["group", "definition_id"])
    buys = spend[spend["all"] > 0]["all"]
    middle = found[found["product_line"] == "all"].set_index("account_id")["alike_middle"].reindex(buys.index)
    plain = [abs(np.log(own) - np.median(np.log(buys.drop(name)))) for name, own in buys.items()]
    saved = rows.loc[("all", "look_alike_error_saved")]
    assert saved["value"] == pytest.approx(1 - np.abs(np.log(buys / middle)).sum() / sum(plain))
    assert saved["low"] > 0 and saved["n"] == 2 * EACH
    assert rows.loc[("all", "look_alike_held"), "value"] > 0.9
    assert rows.loc["rare", "status"].eq("not_answerable").all()  # 29 buy it


@pytest.mark.parametrize("n", [30, 31, 2])
def test_the_middle_of_all_others_is_that_of_a_count(n):
    y = np.random.default_rng(1).integers(0, 9, n).astype(float)  # with ties
    assert look_alikes._middle_of_others(y).tolist() == [np.median(np.delete(y, i)) for i in range(n)]


# -- wallets ------------------------------------------------------------------------------------------------------------

CELL = ["account_id", "product_line"]
WALLETS = {
    "entered": (50.0, (80, 100, 120), [80, 100, 120]),
    "mid only": (50.0, (None, 100, None), [100, 100, 100]),
    "more than said": (110.0, (80, 100, 120), [80, 100, 120]),
    "returned": (-5.0, (80, 100, 120), [80, 100, 120]),
    "nothing": (0.0, (0, 0, 0), [0, 0, 0]),
    "unknown": (10.0, None, [np.nan] * 3),
}  # what is bought, what somebody estimates; the wallet


@pytest.fixture
def wallet() -> pd.DataFrame:
    bought = [(k, "x", v[0]) for k, v in WALLETS.items()]
    said = [(k, "x", *v[1], "sales") for k, v in WALLETS.items() if v[1]]
    said += [("unknown", "y", 1, 1, 1, "of another line"), ("gone", "x", 1, 1, 1, "of another account")]
    estimates = pd.DataFrame(said, columns=[*CELL, "low", "mid", "high", "method"])
    return wallets(pd.DataFrame(bought, columns=[*CELL, "bought_12m"], index=range(10, 16)), estimates)


def test_wallets_are_what_somebody_estimates(wallet):
    ends = wallet[["wallet_low", "wallet_mid", "wallet_high"]]
    assert np.array_equal(ends, [v[-1] for v in WALLETS.values()], equal_nan=True)
    assert wallet["wallet_by"].fillna("nobody").tolist() == ["sales"] * 5 + ["nobody"]
    assert wallet.index.tolist() == list(range(10, 16))


def test_our_share_of_a_wallet_is_least_where_the_wallet_is_most(wallet):
    shares = wallet[["share_of_wallet_low", "share_of_wallet", "share_of_wallet_high"]]
    assert shares.iloc[0].tolist() == pytest.approx([50 / 120, 0.5, 50 / 80])
    assert shares.iloc[2].tolist() == pytest.approx([110 / 120, 1, 1])
    assert shares.iloc[3].tolist() == [0, 0, 0] and shares.iloc[4:].isna().all(axis=None)


def test_without_estimates_wallets_are_unknown():
    bought = pd.DataFrame({"account_id": ["a"], "product_line": ["x"], "bought_12m": [5.0]})
    found = wallets(bought, as_read("wallet_estimates"))
    assert found.isna().all(axis=None) and len(found) == 1


# -- if headroom came ---------------------------------------------------------------------------------------------------

D, H = pd.Timestamp("2025-06-30"), 100


def test_growth_by_headroom_by_hand():
    rows = [
        ("below", 10, 5, 100),
        ("half", 50, 5, 100),
        ("as much", 100, 5, 100),
        ("begun", 10, 0, 100),
        ("nobody", 10, 5, None),
    ]
    columns = ["bought_12m", "line_prior", "alike_middle"]
    bought = pd.DataFrame([(D, k, "x", *numbers) for k, *numbers in rows], columns=["day", *CELL, *columns])  # fmt: skip
    year, last = D - 365 * DAY, H * DAY
    at = [
        ("below", D, 1_000), ("below", D + DAY, 30), ("below", D + last, 3), ("below", D + last + DAY, 1_000),
        ("below", year, 1_000), ("below", year + DAY, 10), ("below", year + last, 1), ("below", year + last + DAY, 1_000),
        ("half", D + DAY, 5), ("half", year + DAY, 10), ("begun", D + DAY, 70), ("as much", year + DAY, 8),
    ]  # fmt: skip
    came = pd.DataFrame([(k, "x", day, float(v)) for k, day, v in at], columns=[*CELL, "day", "amount"])
    other = came.assign(product_line="y")
    came = pd.concat([came, other])
    found, _ = growth_by_headroom(bought, came, H)
    assert found["band"].tolist() == list(look_alikes.BELOW)
    assert found[["rows", "before", "after", "ratio"]].to_numpy().tolist() == [[1, 11, 33, 3], [1, 10, 5, 0.5], [1, 8, 0, 0]]  # fmt: skip


def test_bands_without_a_row_have_no_ratio():
    none = pd.DataFrame(columns=["day", *CELL, "bought_12m", "line_prior", "alike_middle"])
    found, _ = growth_by_headroom(none, pd.DataFrame(columns=[*CELL, "day", "amount"]), H)
    assert found["rows"].tolist() == [0, 0, 0] and found["ratio"].isna().all()


@pytest.mark.parametrize(("follows", "came"), [(True, True), (False, False)])
def test_headroom_is_told_from_luck_that_draws_back(follows, came):
    random = np.random.default_rng(3)
    usual = np.exp(random.normal(3, 1, 200))  # of each account, every year
    middle = np.exp(random.normal(3, 1, 200))  # of its look-alikes
    luck = np.exp(random.normal(0, 0.7, (2, 200)))  # of a year
    after = (middle if follows else usual) * luck[1]
    ids = [f"a{k}" for k in range(200)]
    bought = pd.DataFrame(
        {
            "day": D,
            "account_id": ids,
            "product_line": "x",
            "bought_12m": usual * luck[0],
            "line_prior": 1.0,
            "alike_middle": middle,
        }
    )
    at = [(D - 364 * DAY, usual * luck[0]), (D + DAY, after)]
    sold = pd.concat(
        [pd.DataFrame({"account_id": ids, "product_line": "x", "day": day, "amount": of}) for day, of in at]
    )
    bands, p = growth_by_headroom(bought, sold, H)
    assert bands["ratio"].iloc[0] > bands["ratio"].iloc[-1]  # either way
    assert (p < 0.025) == came
