"""Intervals and concentration, on counts and totals a person can check in the head."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from abmlib.stats import concentration, intervals
from abmlib.stats.intervals import difference, wilson

tables = settings(max_examples=100, deadline=None)  # no deadline: a busy machine is no failure

SHARES = st.sampled_from([0.2, 0.5, 0.8, 0.95, 1.0])
# whole numbers of money, returns included: their sums are exact, so the properties need no slack
NET = st.lists(st.integers(-50, 1000), min_size=1, max_size=7).map(lambda v: pd.Series(v, dtype=float))
POSITIVE = st.lists(st.integers(1, 1000), min_size=1, max_size=12).map(lambda v: pd.Series(v, dtype=float))


@st.composite
def counts(draw):
    n = draw(st.integers(1, 500))
    return draw(st.integers(0, n)), n


def interval(k: int, n: int) -> pd.Series:
    return wilson(pd.Series([k]), pd.Series([n])).iloc[0]


# -- Wilson -----------------------------------------------------------------------------------------------------------


def test_wilson_gives_the_published_interval_for_eight_of_ten():
    got = interval(8, 10)
    assert (got["share"], round(got["low"], 3), round(got["high"], 3), got["n"]) == (0.8, 0.490, 0.943, 10)


def test_wilson_keeps_a_row_without_cases_and_leaves_it_missing():
    rows = [
        (0, 0),  # nobody at all: missing, never 0, and the row stays
        (0, 5),  # nobody of five: 0, and a high end above 0
        (5, 5),  # all of five: 1, and a low end below 1
    ]
    got = wilson(*(pd.Series(c, index=["none", "no", "all"]) for c in zip(*rows, strict=True)))
    assert got.index.tolist() == ["none", "no", "all"]
    assert got.loc["none", ["share", "low", "high"]].isna().all()
    assert got["n"].tolist() == [0, 5, 5]
    assert got.loc["no", ["share", "low"]].tolist() == [0, pytest.approx(0)]
    assert got.loc["all", ["share", "high"]].tolist() == [1, pytest.approx(1)]
    assert got.loc["no", "high"] == pytest.approx(0.434, abs=5e-4)  # z² ÷ (n + z²), by hand


@tables
@given(counts())
def test_wilson_contains_the_share_and_stays_between_0_and_1(kn):
    got = interval(*kn)
    assert 0 <= got["low"] <= got["share"] <= got["high"] <= 1  # also in the last digit, or no figure is drawn


def test_no_rounding_takes_the_interval_of_none_or_all_past_the_share():
    n = pd.Series(range(1, 200))
    for k in (n * 0, n):
        got = intervals.wilson(k, n)
        assert (got["low"] <= got["share"]).all() and (got["share"] <= got["high"]).all()


@tables
@given(counts())
def test_wilson_is_symmetric_when_success_and_failure_change_places(kn):
    k, n = kn
    one, other = interval(k, n), interval(n - k, n)
    assert one["low"] == pytest.approx(1 - other["high"], abs=1e-12)
    assert one["high"] == pytest.approx(1 - other["low"], abs=1e-12)


@tables
@given(counts(), st.integers(2, 20))
def test_wilson_narrows_when_the_same_share_rests_on_more(kn, times):
    k, n = kn
    few, many = interval(k, n), interval(times * k, times * n)
    assert many["high"] - many["low"] < few["high"] - few["low"]


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (1, 0)])
def test_wilson_refuses_counts_that_cannot_be_a_share(k, n):
    with pytest.raises(ValueError, match=rf"successes must lie between 0 and n, got \[{k}\.0\] of \[{n}\.0\]"):
        interval(k, n)


# -- beside statsmodels ------------------------------------------------------------------------------------------------


@tables
@given(counts())
def test_wilson_is_that_of_statsmodels(kn):
    got = interval(*kn)
    assert (got["low"], got["high"]) == pytest.approx(proportion_confint(*kn, method="wilson"), abs=1e-12)


@tables
@given(counts(), counts())
def test_newcombe_is_that_of_statsmodels(one, two):
    got = difference(pd.DataFrame([[one[0], two[0]]]), pd.DataFrame([[one[1], two[1]]])).iloc[0]
    expected = confint_proportions_2indep(*one, *two, method="newcomb", compare="diff")
    assert (got["low"], got["high"]) == pytest.approx(expected, abs=1e-12)


# -- over clusters ----------------------------------------------------------------------------------------------------


def of_all(flags: pd.Series, cluster: pd.Series | None) -> pd.Series:
    return intervals.shares(flags, cluster, pd.Series("all", flags.index)).iloc[0]


ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "c", "d", "e", None])), min_size=1, max_size=30)


@tables
@given(ROWS)
def test_a_share_over_clusters_is_never_surer_than_its_rows_and_never_less_sure_than_one_row_of_each(rows):
    flags, cluster = (pd.Series(c) for c in zip(*rows, strict=True))
    got, alone = of_all(flags, cluster), interval(int(flags.sum()), len(flags))
    own = cluster.fillna(pd.Series([f"own {i}" for i in range(len(flags))]))
    sizes = own.value_counts()
    assert got["share"] == alone["share"]
    assert sizes.sum() ** 2 / (sizes**2).sum() - 1e-9 <= got["n_effective"] <= len(flags) + 1e-9
    if len(sizes) == 1:
        assert np.isnan(got["low"]) and np.isnan(got["high"])
    else:
        assert 0 <= got["low"] <= alone["low"] + 1e-12 and alone["high"] - 1e-12 <= got["high"] <= 1


def test_rows_without_a_cluster_and_clusters_of_one_row_give_wilsons_interval():
    flags = pd.Series([True] * 3 + [False])
    for cluster in (None, pd.Series([None] * 4, dtype="str"), pd.Series(list("abcd"))):
        assert of_all(flags, cluster)[["low", "high"]].tolist() == interval(3, 4)[["low", "high"]].tolist()


def test_rows_of_a_cluster_that_are_all_alike_count_once():
    flags, cluster = pd.Series([True] * 6 + [False] * 4), pd.Series(list("aabbccddee"))
    assert of_all(flags, cluster)["n_effective"] == pytest.approx(5)
    assert of_all(flags | True, cluster)["n_effective"] == pytest.approx(5)  # all won: nothing shows that they differ


def test_groups_are_measured_apart_and_rows_without_a_flag_or_a_group_do_not_count():
    flags = pd.Series([True, False, True, None, True], dtype="boolean")
    got = intervals.shares(flags, pd.Series(list("abcde")), pd.Series(["x", "x", "y", "y", None]))
    assert got[["share", "n"]].to_dict("index") == {"x": {"share": 0.5, "n": 2}, "y": {"share": 1.0, "n": 1}}
    assert got["low"].isna().to_dict() == {"x": False, "y": True}  # one cluster tells nothing of others
    assert intervals.share(flags.iloc[:0], None) == pytest.approx((np.nan, np.nan, np.nan, 0), nan_ok=True)


def skewed(seed: int, accounts: int) -> pd.DataFrame:
    """Deals of accounts that share part of their luck and of their size; the mean is 1, the median 0.37, 40 % are won."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(accounts), draw.integers(1, 6, accounts))
    log, luck = draw.normal(0, 1, accounts)[of] + draw.normal(0, 1, len(of)), draw.beta(2, 3, accounts)[of]
    rows = {"amount": np.exp(log - 1), "won": draw.random(len(of)) < luck, "account": of.astype(str)}
    return pd.DataFrame(rows)


TRUTHS = {"share": 0.4, "mean": 1.0, "median": np.exp(-1), "ratio": 0.4, "velocity": 0.4}


def of_deals(rows: pd.DataFrame, what: str, cluster: pd.Series | None) -> tuple:
    won, amount = rows["won"], rows["amount"]
    if what == "share":
        return intervals.share(won, cluster)
    if what == "ratio":
        return intervals.ratio(amount.where(won, 0), amount, 1, cluster)
    if what == "velocity":
        parts = pd.DataFrame({"amount": amount, "deals": 1.0, "won": won, "decided": 1.0})
        return intervals.product(parts, {"amount": 1, "deals": -1, "won": 1, "decided": -1}, 1, cluster)
    return intervals.estimate(amount, getattr(np, what), 1, cluster)


def held(what: str, by_account: bool, runs: int = 40) -> int:
    found = 0
    for i in range(runs):
        rows = skewed(i, 60)
        value, low, high, n = of_deals(rows, what, rows["account"] if by_account else None)
        assert (low < value < high, n) == (True, len(rows))
        found += low <= TRUTHS[what] <= high
    return found


FLOORS = [("share", 0.95), ("median", 0.95), ("ratio", 0.93), ("mean", 0.9), ("velocity", 0.9)]


@pytest.mark.parametrize(("what", "floor"), FLOORS)
def test_intervals_over_clusters_hold_the_truth(what, floor):
    assert binom.cdf(held(what, by_account=True), 40, floor) > 0.001


@pytest.mark.parametrize("what", ["share", "median"])
def test_intervals_over_rows_hold_the_truth_less_often(what):
    assert held(what, by_account=False) < held(what, by_account=True)


@pytest.mark.parametrize("what", TRUTHS)
def test_neither_the_order_of_rows_nor_the_names_of_clusters_move_an_interval(what):
    rows = skewed(5, 20)
    mixed = rows.sample(frac=1, random_state=3)
    names = mixed["account"].map({str(i): f"new {97 * i % 101}" for i in range(20)})
    assert of_deals(mixed, what, names) == pytest.approx(of_deals(rows, what, rows["account"]), rel=1e-12)


@pytest.mark.parametrize("what", TRUTHS)
def test_one_cluster_has_a_value_and_no_interval(what):
    rows = skewed(5, 20)
    value, low, high, n = of_deals(rows, what, pd.Series("one", rows.index))
    assert value > 0 and np.isnan(low) and np.isnan(high) and n == len(rows)


def test_few_clusters_give_the_interval_of_students_t_on_the_scale_of_logarithms():
    x = np.exp([1.0, 2.0, 3.0, 4.0])
    values = pd.Series(np.repeat(x, 3))  # three alike in each cluster
    value, low, high, _ = intervals.estimate(values, np.mean, 1, pd.Series(np.repeat(list("abcd"), 3)))
    error = x.std(ddof=1) / np.sqrt(4) / x.mean()  # delta method: relative error of the mean
    half = 3.182446 * error  # t with three degrees of freedom
    assert (value, low, high) == pytest.approx((x.mean(), *x.mean() * np.exp([-half, half])), rel=1e-6)


def test_money_below_zero_is_measured_on_the_plain_scale():
    values = pd.Series([-4.0, 6.0, 1.0, 5.0])
    value, low, high, _ = intervals.estimate(values, np.mean, 1)
    assert (value, high - 2, 2 - low) == pytest.approx((2, *[3.182446 * values.std() / 2] * 2), rel=1e-6)


def test_the_median_of_five_has_no_interval_and_that_of_six_reaches_from_least_to_greatest():
    five, six = (intervals.estimate(pd.Series(np.arange(float(n))), np.median, 1) for n in (5, 6))
    assert five == pytest.approx((2, np.nan, np.nan, 5), nan_ok=True)  # 2 · ½⁵ = 0.06: the median lies beyond too often
    assert six == (2.5, 0, 5, 6)  # 2 · ½⁶ = 0.03
    doubled = intervals.estimate(pd.Series(np.repeat(np.arange(6.0), 2)), np.median, 1, pd.Series(list("aabbccddeeff")))
    assert doubled[1:3] == (0, 5)  # twelve rows worth six


def test_no_other_statistic_is_measured():
    with pytest.raises(ValueError, match=r"statistic must be numpy\.mean, numpy\.sum or numpy\.median"):
        intervals.estimate(pd.Series([1.0]), np.max, 1)


def test_a_sum_is_that_of_as_many_clusters():
    values = pd.Series([1.0, 3.0, 2.0, 6.0, 5.0, -3.0])
    of_rows, of_pairs = (intervals.estimate(values, np.sum, 1, c) for c in (None, pd.Series(list("aabbcc"))))
    mean = intervals.estimate(pd.Series([4.0, 8.0, 2.0]), np.mean, 1)
    assert of_rows == pytest.approx((*[6 * x for x in intervals.estimate(values, np.mean, 1)[:3]], 6))
    assert of_pairs == pytest.approx((*[3 * x for x in mean[:3]], 6))
    assert intervals.estimate(pd.Series([7.0]), np.sum, 1) == pytest.approx((7, np.nan, np.nan, 1), nan_ok=True)


# -- Gini and the effective number ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], 0),  # one holder of all, and all holders equal: nothing to compare
        ([3.0, 3.0, 3.0], 0),
        ([4.0, 1.0, 2.0, 1.0], 0.3125),  # unsorted on purpose: 1, 1, 2, 4 give (-3 - 1 + 2 + 12) / (4 * 8)
        ([0.0, -7.0, 4.0, 1.0, 2.0, 1.0], 0.3125),  # zero and negative values are left out
    ],
)
def test_gini_of_hand_worked_values(values, expected):
    assert concentration.gini(pd.Series(values)) == expected


def test_gini_and_effective_number_are_missing_without_a_positive_value():
    for values in ([], [0.0], [-5.0, 0.0]):
        assert np.isnan(concentration.gini(pd.Series(values, dtype=float)))
        assert np.isnan(concentration.effective_number(pd.Series(values, dtype=float)))


def test_gini_of_equal_values_is_never_printed_with_a_minus():
    # tenths are not exact in binary: terms that cancel on paper leave a rest of about -1e-17
    assert concentration.gini(pd.Series([0.1] * 5)) >= 0


@tables
@given(POSITIVE)
def test_gini_lies_from_0_up_to_but_not_at_1(values):
    assert 0 <= concentration.gini(values) < 1


@tables
@given(POSITIVE, st.randoms(use_true_random=False), st.integers(0, 10))
def test_gini_does_not_see_scale_order_or_size_of_the_population(values, random, power):
    expected = pytest.approx(concentration.gini(values), abs=1e-12)
    order = random.sample(range(len(values)), len(values))
    assert concentration.gini(values.iloc[order]) == expected
    assert concentration.gini(values * 3.7**power) == expected
    assert concentration.gini(pd.concat([values, values, values])) == expected


@tables
@given(POSITIVE)
def test_gini_rises_when_the_smallest_gives_to_the_largest(values):
    assume(len(values) > 1)
    ordered = values.sort_values(ignore_index=True)
    moved = ordered.copy()
    moved.iloc[0] -= 0.5
    moved.iloc[-1] += 0.5
    assert concentration.gini(moved) > concentration.gini(ordered)


@tables
@given(POSITIVE)
def test_effective_number_lies_between_one_and_the_count(values):
    got = concentration.effective_number(values)
    assert 1 - 1e-9 <= got <= len(values) + 1e-9
    assert concentration.effective_number(pd.Series([7.0] * len(values))) == pytest.approx(len(values))


# -- shares of the total ----------------------------------------------------------------------------------------------


def test_equal_values_are_ranked_in_the_order_of_their_names():
    values = pd.Series({"c": 5.0, "a": 5.0, "b": 9.0})
    assert concentration.largest_first(values).index.tolist() == ["b", "a", "c"]


def test_cumulative_share_passes_1_and_comes_back_where_values_are_negative():
    values = pd.Series({"returns": -20.0, "big": 90.0, "small": 30.0})  # net 100
    assert concentration.cumulative_share(values).to_dict() == {"returns": 1.0, "big": 0.9, "small": 1.2}


@tables
@given(NET)
def test_cumulative_share_of_the_last_is_1(values):
    assume(values.sum() > 0)
    got = concentration.cumulative_share(values)
    assert got.index.equals(values.index)
    assert got[concentration.largest_first(values).index[-1]] == pytest.approx(1)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [10.0, -10.0], [5.0, -20.0]])
def test_no_share_is_given_of_a_total_that_is_not_positive(values):
    nothing = pd.Series(values, dtype=float)
    assert concentration.cumulative_share(nothing).isna().all()
    assert len(concentration.cumulative_share(nothing)) == len(values)
    assert concentration.smallest_set(nothing, 0.8).empty
    assert np.isnan(concentration.top_share(nothing, 0.2))
    assert np.isnan(concentration.largest_share(nothing, 1))
    assert concentration.lorenz(nothing)["value_share"].isna().all()


def test_smallest_set_stops_at_the_part_that_reaches_the_share():
    values = pd.Series({"d": 5.0, "a": 50.0, "c": 15.0, "b": 30.0})
    assert concentration.smallest_set(values, 0.8).tolist() == ["a", "b"]  # reached exactly: c must not be added
    assert concentration.smallest_set(values, 0.81).tolist() == ["a", "b", "c"]


def test_smallest_set_takes_a_share_missed_by_rounding_as_reached():
    # 0.1 + 0.1 + … adds to a hair below 0.8 of the total in binary; a ninth part would be one too many
    assert len(concentration.smallest_set(pd.Series([0.1] * 10), 0.8)) == 8


@tables
@given(NET, SHARES)
def test_smallest_set_is_the_smallest_and_no_set_of_its_size_holds_more(values, share):
    assume(values.sum() > 0)
    chosen = values[concentration.smallest_set(values, share)]
    goal = share * values.sum()
    assert chosen.sum() >= goal - 1e-6
    assert chosen.iloc[:-1].sum() < goal  # without its last member it falls below the share
    assert chosen.sum() == max(values.iloc[list(c)].sum() for c in combinations(range(len(values)), len(chosen)))


@tables
@given(NET)
def test_a_larger_share_never_needs_fewer_parts(values):
    sizes = [len(concentration.smallest_set(values, s)) for s in (0.2, 0.5, 0.8, 0.95, 1.0)]
    assert sizes == sorted(sizes)


def test_top_share_rounds_up_to_whole_parts_but_not_because_of_rounding():
    values = pd.Series([40.0, 30.0, 20.0, 10.0])
    assert concentration.top_share(values, 0.2) == 0.4  # 0.8 of a part is one part
    assert concentration.top_share(values, 0.5) == 0.7
    # 0.07 * 100 is 7.000000000000001 in binary: an eighth part would be one too many
    assert concentration.top_share(pd.Series([1.0] * 100), 0.07) == 0.07


def test_largest_share_counts_no_more_parts_than_there_are():
    values = pd.Series([60.0, 40.0])
    assert [concentration.largest_share(values, k) for k in (0, 1, 2, 10)] == [0.0, 0.6, 1.0, 1.0]


def test_lorenz_runs_from_the_origin_through_the_largest_first():
    got = concentration.lorenz(pd.Series([10.0, 70.0, 20.0, 0.0]))
    assert got["parts_share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert got["value_share"].tolist() == [0, 0.7, 0.9, 1, 1]


# -- several differences at once, and sums of two groups --------------------------------------------------------------


def test_sums_of_two_groups_of_one_size_differ_as_welch_says():
    one, two = pd.Series([5.0, 70.0, 9.0, 31.0]), pd.Series([1.0, 2.0, 4.0, 40.0])
    expected = ttest_ind(one, two, equal_var=False).confidence_interval(0.95)
    got = intervals.sums_apart(one, two)
    assert got == pytest.approx((68.0, 4 * expected.low, 4 * expected.high, 8))


def test_a_sum_beside_one_unit_has_no_interval_and_beside_none_has_its_own():
    one = pd.Series([5.0, 7.0, np.nan])
    assert intervals.sums_apart(one, pd.Series([3.0]))[:2] == pytest.approx((9.0, np.nan), nan_ok=True)
    value, low, high, n = intervals.sums_apart(one, one.iloc[:0])
    assert (value, n) == (12.0, 2) and low < 12 < high
    assert np.isnan(intervals.sums_apart(one.iloc[:0], one.iloc[:0])[0])


@pytest.mark.parametrize("tests", [2, 4])
def test_intervals_that_hold_together_are_each_as_wide_as_bonferroni_asks(tests):
    counts, n = pd.DataFrame([[56, 48]]), pd.DataFrame([[70, 80]])
    expected = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff", alpha=0.05 / tests)
    assert difference(counts, n, tests)[["low", "high"]].iloc[0].tolist() == pytest.approx(expected)
