"""What accounts are worth, what lists of the past brought, and what attention was found to add."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from abmlib.method import worth
from abmlib.method.opportunity_size import QUANTILES
from abmlib.method.periods import DAY
from abmlib.stats.sizes import LEVELS
from abmlib.tables import schema
from tests.test_qualification import lines

AS_OF, DAYS = pd.Timestamp("2026-06-30"), [pd.Timestamp("2025-06-30"), pd.Timestamp("2025-12-31")]


def rates(*rows: tuple, of: str = "ab", default: float = 0.0) -> tuple[list[float], str]:
    """Rates of accounts by their purchases: (account, revenue, cogs) and, where given, the day."""
    bought = lines([(row[0], (*row, "2026-01-01")[3], *row[1:3]) for row in rows])
    found, counts = worth.margin_rates(bought, pd.Index([*of]), AS_OF, default)
    return found.round(3).tolist(), counts


def sized(chance: float, middle: float, spread: float, many: int = 1) -> pd.DataFrame:
    """Accounts whose size is a lognormal around a middle, with what is expected of each."""
    q = middle * np.exp(spread * ndtri(np.array(LEVELS)))
    return pd.DataFrame([q] * many, columns=QUANTILES).assign(chance=chance, value=chance * middle)


def past(*rows: tuple) -> pd.DataFrame:
    """Past scores (day, account, worth, what came) of accounts that surely bring what they are worth."""
    frame = pd.DataFrame(rows, columns=["day", "account_id", "worth", "worth_came"])
    return frame.assign(chance=1.0, **dict.fromkeys([*QUANTILES, "value"], frame["worth"]))


def test_the_rate_of_an_account_is_pulled_to_that_of_all_the_more_the_less_it_bought():
    """Of all it is 720 of 1,000; a and b count for half, as they bought what the middle one bought."""
    found, counts = rates(("a", 100, 80), ("b", 100, 40), ("c", 800, 160), of="abcd")
    assert found == [0.46, 0.66, round((640 + 72) / 900, 3), 0.72] and counts == "margin"  # d is a prospect


def test_where_no_cost_is_known_the_default_holds_and_without_one_worth_counts_revenue():
    assert rates(("a", 100, None)) == ([1, 1], "revenue")
    assert rates(("a", 100, None), default=0.3) == rates(default=0.3) == ([0.3, 0.3], "margin")
    assert rates(("a", 100, None), ("b", 100, 60), default=0.3) == ([0.4, 0.4], "margin")  # a cost goes before it
    assert rates(("a", 100, 60), ("a", 900, None)) == rates(("a", 100, 60)) == ([0.4, 0.4], "margin")


def test_returns_alone_tell_no_margin_and_one_below_zero_is_kept_down_to_all_of_the_revenue():
    assert rates(("a", -90, -10), ("b", 100, 50))[0] == [0.5, 0.5]
    assert rates(("a", -90, -10), default=0.2)[0] == [0.2, 0.2]
    assert rates(("a", 100, 120), ("b", 100, 80))[0] == [-0.1, 0.1] and rates(("a", 100, 500))[0] == [-1, -1]


def test_purchases_of_two_years_tell_the_margin():
    for day, counts in (("2024-06-30", "revenue"), ("2024-07-01", "margin"), ("2026-06-30", "margin")):
        assert rates(("a", 100, 60, day))[1] == counts


def test_accounts_are_ranked_by_the_first_of_worth_scorecard_and_what_they_brought_that_is_known():
    none, some = pd.Series([np.nan, np.nan]), pd.Series([None, 2], dtype="Int64")
    so_far = pd.DataFrame({"revenue_12m": none, "won_amount_24m": some})
    lists = ((some, some, so_far), (none, some, so_far), (none, none, so_far), (none, none, so_far * 0))
    found, names = zip(*(worth.ranked(*by) for by in lists), strict=True)
    assert names == ("worth", "the scorecard", "deals won in 24 months", "worth") and found[2][1] == 2
    assert worth.ranked(pd.Series([-1.0, np.nan]), some, so_far)[1] == "worth"  # a worth below 0 is known


BACK = pd.DataFrame({"day": [DAYS[1], DAYS[0]], "account_id": "a", "value": [20.0, 10.0], "came": [5.0, 4.0]})


def test_worth_of_a_past_day_rests_on_purchases_known_on_it_and_counts_what_that_of_today_does():
    first, later = ("a", "2025-06-30", 100, 60), [("a", "2025-07-01", 100, 100), ("a", "2026-01-01", 100, 0)]
    late = lines([first, ("a", "2025-06-01", 100, 100)])
    late["known_day"] = [pd.NaT, DAYS[0] + DAY]
    for bought in (lines([first, *later]), late):
        found = worth.on_past_days(BACK, bought, 0.0, "margin")  # of December half as much: 40 of 200
        assert found["worth"].tolist() == [4, 4] and found["worth_came"].tolist() == pytest.approx([1, 1.6])
    found = worth.on_past_days(BACK, lines([("a", "2025-01-01", 100, 60)]), 0.0, "revenue")
    assert found[["worth", "worth_came"]].to_numpy().tolist() == [[20, 5], [10, 4]]
    assert [*worth.on_past_days(BACK[:0], lines([]), 0.0, "margin")] == [*found]


def test_what_came_of_purchases_is_their_margin_within_the_horizon_and_of_deals_the_money_at_the_rate_known():
    """Within 10 days after 30 June: 60 of 100 and 15 of 20 are margin; the day itself and the eleventh day are not in it."""
    before = [("a", "2025-01-01", 100, 50), ("a", "2025-06-30", 100, 50)]
    after = [("a", "2025-07-01", 100, 40), ("a", "2025-07-10", 20, 5), ("a", "2025-07-11", 900, 0)]
    back = BACK[1:].assign(came=120.0)
    for days, came in ((10, 75), (11, 975), (0, 60)):
        found = worth.on_past_days(back, lines(before + after), 0.0, "margin", days)
        assert (found["worth"].tolist(), found["worth_came"].tolist()) == ([5], [came])
    assert worth.on_past_days(back, lines(before), 0.0, "margin", 10)["worth_came"].tolist() == [0]  # bought nothing
    unknown = lines([*before, ("a", "2025-07-01", 120, None)])  # without costs at the rate known then
    assert worth.on_past_days(back, unknown, 0.0, "margin", 10)["worth_came"].tolist() == [60]


def test_a_past_day_on_which_worth_would_have_counted_revenue_is_not_set_beside_margin():
    late = lines([("a", "2025-07-01", 100, 60)])  # the first cost is known between the two days
    assert worth.on_past_days(BACK, late, 0.0, "margin")["day"].tolist() == [DAYS[1]]
    assert worth.on_past_days(BACK, late, 0.2, "margin")["worth"].tolist() == [8, 2]  # of the default on the first
    assert worth.on_past_days(BACK, lines([]), 0.0, "margin").empty


def test_a_list_names_those_with_most_above_zero_the_first_by_id_and_none_where_nothing_is_known():
    rows = pd.DataFrame({"account_id": [*"dcbzmg"], "worth": [5, 5, 9, 0, -1, None]})
    assert rows.loc[worth.top(rows, "worth", 2), "account_id"].tolist() == ["b", "c"]
    assert [len(worth.top(rows, "worth", many)) for many in (0, 99)] == [0, 3]
    rows = pd.DataFrame({"account_id": [*"abc"]}, [*"abc"])
    by = {"one": pd.Series([1.0, 3, 2], [*"cab"]), "none": pd.Series(0.0, rows.index), "absent": None}
    assert {name: flags.tolist() for name, flags in worth.named_lists(rows, by, 2).items()} == {"one": [True, True, False]}  # fmt: skip


def test_what_a_list_was_to_bring_stands_beside_what_it_brought():
    first = [(DAYS[0], *r) for r in (("a", 40.0, 0.0), ("b", 30.0, 30.0), ("c", 20.0, 5.0), ("d", 10.0, 100.0))]
    found = worth.past_lists(past((DAYS[1], "a", 7.0, 0.0), *first), 2).set_index("day")
    assert found.index.tolist() == DAYS
    assert found.loc[DAYS[0]].tolist() == pytest.approx([2, 70, 30, 70, 70, 30 / 135, 1, 1, 2])  # a brought nothing
    assert found.loc[DAYS[1]].drop("share_of_all").tolist() == [1, 7, 0, 7, 7, 0, 0, 1]
    assert np.isnan(found.loc[DAYS[1], "share_of_all"])  # nothing came at all
    assert worth.past_lists(past(), 2).empty


def planted(noise: float) -> pd.DataFrame:
    """Past rows of 300 accounts that are all truly worth 100 and bring by luck; estimates are right on average, and noisy."""
    rng, many = np.random.default_rng(3), 300
    said = 100 * np.exp(noise * rng.standard_normal((2, many)) - noise**2 / 2)
    return past(*[(DAYS[d], f"a{k:03}", said[d, k], 100 * rng.exponential()) for d in (0, 1) for k in range(many)])


def test_a_list_of_the_largest_of_noisy_estimates_brings_less_than_it_promised():
    rows = planted(0.8)
    own, whole = worth.curse(rows, 30)
    assert own[2] < whole[1] <= 1 <= whole[2] and (own[3], whole[3]) == (60, 600)
    found = pd.DataFrame(worth.worth_rows(worth.past_lists(rows, 30), *worth.curse(rows, 30))).assign(as_of=AS_OF)
    found = schema.conform("measures", found)
    assert found["value"].tolist()[:2] == [own[0], whole[0]] and found["n"].tolist() == [60, 600, 30, 30]


def test_without_noise_there_is_no_curse():
    own, whole = worth.curse(planted(0.0), 30)
    assert own[1] <= 1 <= own[2] and whole[1] <= 1 <= whole[2]
    kept = past(*[(day, f"a{k:02}", 1.0 + k, 1.0 + k) for day in DAYS for k in range(20)])
    assert [found[:3] for found in worth.curse(kept, 5)] == [(1, 1, 1)] * 2
    none = pd.DataFrame(worth.worth_rows(worth.past_lists(past(), 30), *worth.curse(past(), 30)))
    assert none["status"].tolist() == ["not_answerable"] * 2


def test_who_surely_brings_most_is_always_in_the_top_and_who_brings_nothing_never():
    rows = pd.concat([sized(1, 1_000, 0.1), sized(0, 9_000, 0.1), *[sized(0.5, 10, 0.1)] * 2], ignore_index=True)
    for many, often in ((0, [0] * 4), (1, [1, 0, 0, 0]), (2, [1, 0, 0.4, 0.4]), (99, [1, 0, 0.5, 0.5])):
        assert worth.draws(rows, rows["value"], many)[1].round(1).tolist() == often


@pytest.mark.parametrize("lacks", [np.nan, 0.0, -5.0])
def test_an_account_whose_worth_or_chance_is_unknown_or_not_above_zero_brings_nothing(lacks):
    rows = pd.concat([sized(1, 100, 0.1), sized(1, 10, 0.1)], ignore_index=True)
    for other, values in ((rows, [lacks, 10.0]), (rows.assign(chance=[lacks, 1.0]), [100.0, 10.0])):
        drawn, often = worth.draws(other, pd.Series(values), 1)
        assert drawn[:, 0].max() == 0 and often.tolist() == [0, 1]


def test_draws_come_as_often_and_as_large_as_they_should_at_the_rate_of_the_account():
    rows = sized(0.3, 100, 0.8, many=2_000)
    drawn, _ = worth.draws(rows, 0.4 * rows["value"], 5)
    assert drawn.sum(axis=1, dtype=float).mean() == pytest.approx(0.4 * rows["value"].sum(), rel=0.01)  # fmt: skip
    came, q = drawn[drawn > 0], rows.loc[0, QUANTILES].to_numpy(float)
    assert came.size / drawn.size == pytest.approx(0.3, abs=0.002)
    assert np.quantile(came, LEVELS) / np.median(came) == pytest.approx(
        q / q[2], rel=0.03
    )  # of the shape of its quantiles


def test_draws_of_a_seed_repeat_and_of_another_do_not():
    rows = sized(0.5, 100, 0.5, many=20)
    (one, top), (again, _), (other, _) = (worth.draws(rows, rows["value"], 3, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any() and top.sum() == pytest.approx(3, abs=0.01)
    assert worth.draws(rows[:0], rows["value"][:0], 3)[0].shape == (worth.DRAWS, 0)


PARTS = {"cycle": pd.Series(["first", "next", None]), "industry": pd.Series(["steel", "wood", "wood"])}


def rises(*rows: tuple) -> pd.DataFrame:
    """Rises by findings of (split by, part, rise, low, high), of which 0.3 is assumed; each is named by its part."""
    found = pd.DataFrame(rows, columns=["group_by", "group", "rise", "rise_low", "rise_high"])
    return worth.rises(found.assign(finding_id=found["group"]), PARTS, 0.3)


def test_without_a_finding_on_it_the_rise_of_an_account_is_assumed():
    for found in (rises(), rises(("cycle", "third", 0.9, 0.8, 1)), rises(("country", "CH", 0.9, 0.8, 1))):
        assert found["rise"].tolist() == [0.3] * 3 and found["by"].eq("").all()
        assert found[["rise_low", "rise_high"]].isna().all(axis=None)


def test_a_finding_on_the_own_part_goes_before_one_on_all_in_any_order():
    rows = [("cycle", "first", 0.5, 0.4, 0.6), ("all", "all", -0.2, -0.3, -0.1)]  # harm is a finding too
    for found in (rises(*rows), rises(*rows[::-1])):
        assert found["by"].tolist() == ["first", "all", "all"]
        assert found[["rise", "rise_low", "rise_high"]].to_numpy().tolist() == [[0.5, 0.4, 0.6]] + [[-0.2, -0.3, -0.1]] * 2  # fmt: skip


def test_a_finding_that_could_be_chance_leaves_what_is_assumed_up_to_its_upper_end():
    capped = rises(("industry", "wood", 0.05, -0.1, 0.2))
    assert capped["rise"].tolist() == [0.3, 0.2, 0.2] and capped["by"].eq("").all()
    assert rises(("all", "all", 0.5, -0.1, 1.1))["rise"].tolist() == [0.3] * 3
    assert rises(("all", "all", -0.1, -0.2, 0.0))["rise"].tolist() == [0.0] * 3
