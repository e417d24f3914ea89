"""Durations with open ends, shrunken rates and bootstrap intervals, on counts a person can check in the head."""

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.stats import intervals, pooling, survival
from abmlib.stats.intervals import LEVEL

tables = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure

# Freireich et al. (1963), as in Gehan (1965): weeks in remission; True: the remission is over
TREATED = [
    (6, True), (6, True), (6, True), (6, False), (7, True), (9, False), (10, True), (10, False), (11, False), (13, True),
    (16, True), (17, False), (19, False), (20, False), (22, True), (23, True), (25, False), (32, False), (32, False),
    (34, False), (35, False),
]  # fmt: skip
PLACEBO = [(w, True) for w in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)]


def median(rows: list[tuple[float, bool]], share: float = 0.5) -> survival.Duration:
    return survival.quantile(pd.Series([d for d, _ in rows]), pd.Series([o for _, o in rows], dtype=bool), share)


def by_hand(rows: list[tuple[float, bool]], share: float) -> float:
    """Multiply the survivors of each day, as the paper of 1958 does; missing where the product stays above the rest."""
    alive = 1.0
    for day in sorted({d for d, _ in rows}):
        at_risk = sum(d >= day for d, _ in rows)
        alive *= 1 - sum(d == day and over for d, over in rows) / at_risk
        if alive <= 1 - share + 1e-12:
            return day
    return float("nan")


# -- durations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, True), (2, True), (3, True)], 2),  # nothing censored: the plain median
        ([(1, True), (2, True), (3, True), (4, True)], 2),  # an even number: the first day half are over, not 2.5
        ([(1, True), (2, False), (3, True), (4, True)], 3),  # ¾, then ¾·½: dropping the open one gives 3 too, so also
        ([(1, True), (2, False), (2, False), (3, True), (9, True)], 3),  # ⅘·½; counting open as over would give 2
        ([(1, True), (2, True), (5, False), (6, False), (7, False)], np.nan),  # two of five: half are not over
        ([(2, True), (2, False)], 2),  # of one day: the open one was still at risk
        ([(5, True)], 5),
        ([(0, True), (0, True)], 0),  # closed on the day they were opened
    ],
)
def test_median_of_hand_worked_durations(rows, expected):
    got = median(rows)
    assert got.value == pytest.approx(expected, nan_ok=True)
    assert got.n == len(rows)


def test_median_and_interval_of_the_published_leukaemia_trial():
    # medians 23 and 8 weeks; the log-log intervals are those SAS and R print for these data
    treated, placebo = median(TREATED), median(PLACEBO)
    assert (treated.value, treated.low, treated.n) == (23, 13, 21)
    assert np.isnan(treated.high)  # the band never falls to one half: no upper end, not the last week
    assert (placebo.value, placebo.low, placebo.high) == (8, 4, 11)


@pytest.mark.parametrize("rows", [[], [(3, False), (4, False)]])
def test_nothing_over_gives_no_duration(rows):
    got = median(rows)
    assert np.isnan([got.value, got.low, got.high]).all()
    assert got.n == len(rows)


def test_a_row_without_a_duration_does_not_count():
    got = survival.quantile(pd.Series([1.0, np.nan, 3.0]), pd.Series([True, True, True]), 0.5)
    assert (got.value, got.n) == (1, 2)


def test_a_negative_duration_is_refused_and_counted():
    with pytest.raises(ValueError, match="1 of 2 are negative. Correct the dates"):
        survival.quantile(pd.Series([-1.0, 3.0]), pd.Series([True, True]), 0.5)


LIVES = st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=15)


@tables
@given(LIVES, st.sampled_from([0.25, 0.5, 0.9]))
def test_quantile_agrees_with_the_product_worked_by_hand(rows, share):
    assert median(rows, share).value == pytest.approx(by_hand(rows, share), nan_ok=True)


@tables
@given(LIVES, st.data())
def test_more_open_ends_never_lower_the_median(rows, data):
    still = [(d, o and data.draw(st.booleans())) for d, o in rows]
    before, after = (np.nan_to_num(median(r).value, nan=np.inf) for r in (rows, still))  # missing: later than any day
    assert after >= before


@tables
@given(LIVES)
def test_interval_holds_the_median(rows):
    got = median(rows)
    assert not got.low > got.value
    assert not got.high < got.value


def test_interval_of_the_median_covers_a_planted_median():
    draw, hits, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        life, limit = draw.exponential(10, 60), draw.uniform(5, 40, 60)
        got = survival.quantile(pd.Series(np.minimum(life, limit)), pd.Series(life <= limit), 0.5)
        hits += bool(got.low <= 10 * np.log(2) <= np.nan_to_num(got.high, nan=np.inf))
    assert scipy.stats.binom.ppf(0.001, runs, LEVEL - 0.02) <= hits <= scipy.stats.binom.ppf(0.999, runs, LEVEL + 0.02)


# -- durations of clusters --------------------------------------------------------------------------------------------


def of_clusters(rows: list[tuple[float, bool, str | None]], share: float = 0.5, seed: int = 1) -> survival.Duration:
    days, over, cluster = (pd.Series(list(c)) for c in zip(*rows, strict=True))
    return survival.clustered(days, over, share, cluster, seed)


EACH = [(float(d), d % 4 > 0, f"a{d}") for d in range(1, 21)]  # every row a cluster of its own; one in four still runs


def test_the_value_of_clusters_is_the_plain_one_and_lies_in_its_interval():
    plain, got = median([r[:2] for r in EACH]), of_clusters(EACH)
    assert (got.value, got.n) == (plain.value, plain.n)
    assert got.low < got.value < got.high


def test_rows_that_repeat_their_cluster_tell_nothing_new():
    assert of_clusters(EACH * 5) == of_clusters(EACH)._replace(n=100)
    alone = median([r[:2] for r in EACH * 5])  # as if independent: much too narrow
    assert alone.high - alone.low < (of_clusters(EACH).high - of_clusters(EACH).low) / 1.5


def test_rows_without_a_cluster_count_each_for_itself():
    assert of_clusters([(d, o, None) for d, o, _ in EACH]) == of_clusters(EACH)
    two = [(5.0, True, None), (9.0, True, None)]
    assert (of_clusters(two).low, of_clusters(two).high) == (5, 9)


def test_neither_the_order_of_rows_nor_the_names_of_clusters_move_the_interval():
    rows = [(d, o, f"a{int(d) // 3}") for d, o, _ in EACH]
    named = [(d, o, f"z{-int(c[1:])}") for d, o, c in reversed(rows)]
    assert of_clusters(named) == of_clusters(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [(3.0, True, "a"), (4.0, True, "a")],  # one cluster tells nothing of others
        [(3.0, False, "a"), (4.0, False, "b")],  # nothing is over
    ],
)
def test_too_few_clusters_or_ends_have_no_interval(rows):
    assert np.isnan([of_clusters(rows).low, of_clusters(rows).high]).all()


def test_nobody_has_no_duration_in_clusters():
    nobody = pd.Series([], dtype=float)
    got = survival.clustered(nobody, nobody.astype(bool), 0.5, nobody.astype("str"), 1)
    assert np.isnan([got.value, got.low, got.high]).all()


def test_an_end_of_clusters_later_than_all_is_missing():
    got = of_clusters([(d, o, f"a{i}") for i, (d, o) in enumerate(TREATED)])
    assert got.low < got.value == 23
    assert np.isnan(got.high)  # as with the log-log band


def test_a_negative_duration_in_clusters_is_refused():
    with pytest.raises(ValueError, match="1 of 2 are negative"):
        of_clusters([(-1.0, True, "a"), (3.0, True, "b")])


def test_interval_of_clusters_covers_a_planted_median_where_the_plain_one_does_not():
    draw, hits, plain, runs, clusters = np.random.default_rng(8), 0, 0, 100, 50
    for i in range(runs):
        cluster = pd.Series(np.repeat(range(clusters), 5))
        life = np.exp(draw.normal(0, 0.8, clusters)[cluster] + draw.normal(3, 0.5, len(cluster)))  # median e³
        limit = draw.uniform(5, 120, len(cluster))
        days, over = pd.Series(np.minimum(life, limit)), pd.Series(life <= limit)
        got, naive = survival.clustered(days, over, 0.5, cluster, i), survival.quantile(days, over, 0.5)
        hits += got.low <= np.exp(3) <= got.high
        plain += naive.low <= np.exp(3) <= naive.high
    assert abs(hits / runs - LEVEL) <= 3 * np.sqrt(LEVEL * (1 - LEVEL) / runs)
    assert plain / runs < 0.85


# -- shrunken rates ---------------------------------------------------------------------------------------------------


def rates(*groups: tuple[int, int]) -> pd.DataFrame:
    return pooling.rates(pd.Series([k for k, _ in groups]), pd.Series([n for _, n in groups]))


def test_raw_rates_and_counts_come_back_with_their_labels_and_none_is_dropped():
    k, n = pd.Series({"b": 3, "a": 0, "none": 0}), pd.Series({"b": 4, "a": 2, "none": 0})
    got = pooling.rates(k, n)
    assert got.index.tolist() == ["b", "a", "none"]
    assert got["n"].tolist() == [4, 2, 0]
    assert got["raw"].tolist()[:2] == [0.75, 0]
    assert np.isnan(got.loc["none", "raw"])  # missing, never 0
    assert 0 < got.loc["none", "shrunk"] < 1


def test_nobody_at_all_gives_no_rows():
    assert pooling.rates(pd.Series([], dtype=int), pd.Series([], dtype=int)).empty


GROUPS = st.lists(
    st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=8
)


@tables
@given(GROUPS)
def test_shrunken_lies_between_the_raw_rate_and_the_one_of_a_group_nobody_saw(groups):
    got = rates(*groups, (0, 0))  # the last is the centre all are pulled to
    centre = got["shrunk"].iloc[-1]
    seen = got.iloc[:-1].dropna(subset=["raw"])
    # a rate near the centre may be passed by a little: centre and spread are averaged over together
    assert (seen["shrunk"] >= np.minimum(seen["raw"], centre) - 0.05).all()
    assert (seen["shrunk"] <= np.maximum(seen["raw"], centre) + 0.05).all()
    assert (got["low"] <= got["shrunk"]).all()
    assert (got["shrunk"] <= got["high"]).all()


def test_a_small_group_is_pulled_further_than_a_large_one_of_the_same_rate():
    got = rates((3, 4), (75, 100), (20, 80), (25, 90), (10, 70), (40, 80))
    overall = 173 / 424
    assert overall < got["shrunk"][0] < got["shrunk"][1] < 0.75
    assert got["high"][0] - got["low"][0] > got["high"][1] - got["low"][1]


def test_groups_that_truly_differ_keep_apart_where_counts_are_large():
    got = rates((100, 1000), (500, 1000), (900, 1000))
    assert got["shrunk"].tolist() == pytest.approx([0.1, 0.5, 0.9], abs=0.005)
    assert (got["high"].to_numpy()[:-1] < got["low"].to_numpy()[1:]).all()


def test_equal_rates_collapse_to_the_rate_of_all():
    got = rates((3, 10), (30, 100), (6, 20), (12, 40))
    assert got["shrunk"].tolist() == pytest.approx([0.3] * 4, abs=0.01)


def test_differences_no_larger_than_chance_almost_vanish():
    got = rates((2, 10), (4, 10), (3, 10), (3, 10), (2, 10), (4, 10))
    assert got["shrunk"].max() - got["shrunk"].min() < 0.05  # raw: 0.2


def test_one_group_alone_is_near_its_raw_rate_and_wider_than_its_counts_alone():
    got = rates((30, 100)).iloc[0]
    assert got["shrunk"] == pytest.approx(0.3, abs=0.005)
    low, high = scipy.stats.beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], 31, 71)
    assert got["high"] - got["low"] == pytest.approx(high - low, rel=0.05)


def test_two_groups_that_have_nothing_in_common_are_not_taken_as_one():
    got = rates((0, 50), (50, 50))
    assert got["high"][0] < 0.1
    assert got["low"][1] > 0.9


def test_with_no_counts_at_all_nothing_is_known():
    got = rates((0, 0), (0, 0)).iloc[0]
    assert got["shrunk"] == pytest.approx(0.5)
    assert got["low"] < 0.01
    assert got["high"] > 0.99


def test_the_order_of_groups_moves_nothing():
    groups = [(3, 10), (9, 10), (12, 60), (3, 10), (0, 0), (40, 45)]
    pd.testing.assert_frame_equal(rates(*groups[::-1])[::-1].reset_index(drop=True), rates(*groups))


@pytest.mark.parametrize(
    "groups", [[(9, 10), (1, 10), (5, 10)], [(0, 12), (1, 30), (0, 8)], [(30, 60), (33, 60), (24, 60)]]
)
def test_an_interval_holds_what_integrating_over_centre_and_spread_by_hand_says(groups):
    k, n = (np.array(c)[:, None, None] for c in zip(*groups, strict=True))
    centre, spread = (np.arange(300) + 0.5) / 300, ((np.arange(300) + 0.5) / 300)[:, None]
    weight = 1 / spread**2 - 1
    a, b = centre * weight, (1 - centre) * weight
    joint = np.exp(scipy.stats.betabinom.logpmf(k, n, a, b).sum(axis=0))
    joint /= joint.sum()
    got = rates(*groups)
    assert got["shrunk"].to_numpy() == pytest.approx((joint * (a + k) / (a + b + n)).sum(axis=(1, 2)), abs=0.002)
    for end, share in (("low", (1 - LEVEL) / 2), ("high", (1 + LEVEL) / 2)):
        ends = got[end].to_numpy()[:, None, None]
        under, over = (
            (joint * scipy.stats.beta.cdf(ends + by, a + k, b + n - k)).sum(axis=(1, 2)) for by in (-0.005, 0.005)
        )
        assert (under <= share).all()
        assert (over >= share).all()


# Tarone (1982), as in Gelman et al. (2013), table 5.1: rats with a tumour, of how many, in 70 experiments and a new one
RATS = """
    0/20 0/20 0/20 0/20 0/20 0/20 0/20 0/19 0/19 0/19 0/19 0/18 0/18 0/17 1/20 1/20 1/20 1/20 1/19 1/19 1/18 1/18 2/25 2/24
    2/23 2/20 2/20 2/20 2/20 2/20 2/20 1/10 5/49 2/19 5/46 3/27 2/17 7/49 7/47 3/20 3/20 2/13 9/48 10/50 4/20 4/20 4/20 4/20
    4/20 4/20 4/20 10/48 4/19 4/19 4/19 5/22 11/46 12/49 5/20 5/20 6/23 5/19 6/22 6/20 6/20 6/20 16/52 15/47 15/46 9/24 4/14
"""


def test_rates_of_the_published_rat_tumours():
    groups = [(int(k), int(n)) for k, n in (r.split("/") for r in RATS.split())]
    earlier = np.array([k / n for k, n in groups[:-1]])
    assert [round(earlier.mean(), 3), round(earlier.std(), 3)] == [
        0.136,
        0.103,
    ]  # as the book has them: no typing error
    got = rates(*groups)
    k, n = np.array(groups).T
    # section 5.3 gives posterior means of 2.4 and 14.3 for the two parameters of the beta distribution
    assert got["shrunk"].to_numpy() == pytest.approx((2.4 + k) / (2.4 + 14.3 + n), abs=0.01)


@pytest.mark.parametrize(
    "groups",
    [
        [(3, 10), (3, 10), (3, 10), (3, 10)],
        [(3, 10), (30, 100), (300, 1000), (3, 10)],  # the third holds most of the counts the prior was made of
        [(20, 50), (30, 50)],
    ],
)
def test_no_group_is_known_better_than_the_whole(groups):
    got = rates(*groups)
    k, n = (sum(c) for c in zip(*groups, strict=True))
    low, high = scipy.stats.beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], k + 0.5, n - k + 0.5)
    assert ((got["high"] - got["low"]) >= 0.99 * (high - low)).all()  # a hundredth for the kind of interval


def test_equal_planted_rates_are_seldom_outside_the_shrunken_intervals():
    draw, missed = np.random.default_rng(11), []
    for truth in [0.1, 0.3, 0.6] * 20:  # groups of one draw share one prior: many draws, and draws are what is counted
        n = pd.Series(draw.integers(1, 60, 12))
        got = pooling.rates(pd.Series(draw.binomial(n, truth)), n)
        missed.append(((got["low"] > truth) | (got["high"] < truth)).mean())
    assert np.mean(missed) <= 0.05 + 3 * np.std(missed) / np.sqrt(len(missed))
    assert np.std(missed) / np.sqrt(len(missed)) < 0.025  # or the line above would let anything pass


def test_differing_planted_rates_are_covered_and_met_better_than_by_raw_rates():
    draw = np.random.default_rng(3)
    truth = draw.beta(6, 14, 300)
    n = pd.Series(draw.integers(3, 40, 300))
    got = pooling.rates(pd.Series(draw.binomial(n, truth)), n)
    missed = ((got["low"] > truth) | (got["high"] < truth)).mean()
    assert missed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert ((got["shrunk"] - truth) ** 2).mean() < ((got["raw"] - truth) ** 2).mean() / 1.5


@pytest.mark.parametrize(("groups", "between"), [(9, 0.15), (9, 0.05), (4, 0.1)])
def test_intervals_of_few_groups_that_differ_cover_as_often_as_they_say(groups, between):
    # the spread of so few groups is hardly known: taken as known, intervals cover about 0.8
    draw, held = np.random.default_rng(21), []
    a, b = np.array([0.45, 0.55]) * (0.45 * 0.55 / between**2 - 1)
    for _ in range(80):
        truth, n = draw.beta(a, b, groups), pd.Series(draw.integers(30, 150, groups))
        got = pooling.rates(pd.Series(draw.binomial(n, truth)), n)
        held.append(((got["low"] <= truth) & (truth <= got["high"])).mean())
    assert abs(np.mean(held) - LEVEL) <= 3 * np.std(held) / np.sqrt(len(held))
    assert np.std(held) / np.sqrt(len(held)) < 0.02  # or the line above would let anything pass


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (1, 0)])
def test_counts_that_cannot_be_a_rate_are_refused(k, n):
    with pytest.raises(ValueError, match=rf"successes must lie between 0 and n, got \[{k}\.0\] of \[{n}\.0\]"):
        rates((k, n))


# -- bootstrap intervals ----------------------------------------------------------------------------------------------


def test_a_statistic_leaves_missing_values_out_and_counts_the_rest():
    value, low, high, n = intervals.estimate(pd.Series([1.0, np.nan, 3.0]), np.mean, 1)  # 4/3 if missing were 0
    assert (value, n) == (2, 2)
    assert 0 < low < 1 < 3 < high  # two tell little: Student's t with one degree of freedom


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (np.nan, np.nan, np.nan, 0)),  # nobody: missing, never 0
        ([np.nan], (np.nan, np.nan, np.nan, 0)),
        ([4.0], (4, np.nan, np.nan, 1)),  # one tells nothing of the spread
        ([4.0, 4.0], (4, 4, 4, 2)),
    ],
)
def test_a_statistic_of_too_few_has_no_interval(values, expected):
    assert intervals.estimate(pd.Series(values, dtype=float), np.mean, 1) == pytest.approx(expected, nan_ok=True)


def test_a_ratio_is_of_sums_and_leaves_incomplete_pairs_out():
    top, bottom = pd.Series([1.0, 9.0, 5.0, np.nan]), pd.Series([10.0, 10.0, np.nan, 100.0])
    value, low, high, n = intervals.ratio(top, bottom, 1)
    assert (value, n) == (0.5, 2)
    assert 0 <= low < 0.1 < 0.9 < high <= 1  # part of a whole: never beyond it
    assert intervals.ratio(pd.Series([1.0, 9.0]), pd.Series([1.0, 99.0]), 1)[0] == 0.1  # the mean of ratios is 0.55


@pytest.mark.parametrize(
    ("top", "bottom", "value", "n"),
    [([], [], np.nan, 0), ([1.0, 2.0], [0.0, 0.0], np.nan, 2), ([1.0], [-2.0], np.nan, 1), ([1.0], [2.0], 0.5, 1)],
)
def test_a_ratio_to_nothing_is_missing(top, bottom, value, n):
    got = intervals.ratio(pd.Series(top, dtype=float), pd.Series(bottom, dtype=float), 1)
    assert got == pytest.approx((value, np.nan, np.nan, n), nan_ok=True)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = pd.Series([1.0, 5.0, 2.0, 8.0, 9.0] * 3)
    for call in (
        lambda v, s: intervals.estimate(v, np.mean, s),
        lambda v, s: intervals.ratio(v, v + 1, s),
    ):
        assert call(values, 1) == call(values, 1)
        assert call(values, 1) != call(values, 2)


def test_a_pair_is_drawn_together():
    top = pd.Series([1.0, 20.0, 300.0, 4000.0])
    assert intervals.ratio(top, 2 * top, 1) == pytest.approx((0.5, 0.5, 0.5, 4))  # drawn apart it would be very wide


@pytest.mark.parametrize("which", ["mean", "median", "ratio"])
def test_bootstrap_intervals_cover_a_planted_truth_about_as_often_as_they_say(which):
    draw, hits, runs, units = np.random.default_rng(7), 0, 200, 60
    for i in range(runs):
        x, y = pd.Series(draw.normal(10, 3, units)), pd.Series(draw.uniform(15, 25, units))
        if which == "ratio":
            (_, low, high, _), truth = intervals.ratio(x, y, i), 0.5
        else:
            (_, low, high, _), truth = intervals.estimate(x, getattr(np, which), i), 10
        hits += low <= truth <= high
    # no end is nearer than Student's t or the exact interval of the median would have it: a point more is allowed for that
    assert scipy.stats.binom.ppf(0.001, runs, LEVEL) <= hits <= scipy.stats.binom.ppf(0.999, runs, LEVEL + 0.01)


# -- closed forms, held against scipy -------------------------------------------------------------------------------------


def test_z_holds_the_level_on_both_sides():
    assert scipy.stats.norm.ppf((1 + LEVEL) / 2) == intervals.Z


@pytest.mark.parametrize("units", [2, 7, 150])
@pytest.mark.parametrize("statistic", [np.mean, np.median, np.sum])
def test_draws_and_their_interval_are_those_of_the_library(units, statistic):
    x = np.random.default_rng(units).lognormal(size=units)
    there = scipy.stats.bootstrap(
        (x,), statistic, n_resamples=intervals.DRAWS, confidence_level=LEVEL, method="percentile", rng=5, batch=50
    )
    assert np.array_equal(intervals.resampled((x,), statistic, 5), there.bootstrap_distribution)
    there_sorted = scipy.stats.bootstrap(
        (np.sort(x),),
        statistic,
        n_resamples=intervals.DRAWS,
        confidence_level=LEVEL,
        method="percentile",
        rng=5,
        batch=50,
    )
    assert intervals.bootstrap_ci((x,), statistic, 5)[1:] == pytest.approx(there_sorted.confidence_interval, rel=1e-12)


@tables
@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.04, 0.05, 0.5, 1.0]), min_size=1, max_size=9))
def test_adjusted_chances_are_those_of_the_library(p):
    assert intervals.adjusted(pd.Series(p)).tolist() == scipy.stats.false_discovery_control(p).tolist()


@tables
@given(LIVES.filter(lambda rows: any(over for _, over in rows)), st.sampled_from([0.1, 0.5, 0.9]))
@pytest.mark.filterwarnings("ignore:The confidence interval is undefined")
def test_durations_and_their_bands_are_those_of_the_library(rows, share):
    days, over = (np.array(c) for c in zip(*rows, strict=True))
    there = scipy.stats.ecdf(scipy.stats.CensoredData(uncensored=days[over], right=days[~over])).sf
    band = there.confidence_interval(LEVEL, method="log-log")

    def first(levels) -> float:
        reached = there.quantiles[np.nan_to_num(levels, nan=1.0) <= 1 - share + survival.CLOSE]
        return float(reached[0]) if len(reached) else np.nan

    got = median(rows, share)
    expected = [first(of.probabilities) for of in (there, band.low, band.high)]
    assert [got.value, got.low, got.high] == pytest.approx(expected, nan_ok=True)


def test_other_names_of_accounts_draw_the_same_and_one_account_has_no_interval():
    label = pd.Series(list("aabbcd"))
    renamed = label.map({"a": "z", "b": "y", "c": "b", "d": "a"})
    one, other = (survival.draw_clusters(names, 50, 1) for names in (label, renamed))
    assert (one.cluster == other.cluster).all() and (one.often == other.often).all()
    days, ended = np.arange(1, 7), np.array([1, 2, 1, 2, 1, 1])
    low, high = survival.ends(survival.incidence(days, ended, 9, one)[1:])
    assert 0 < low < 4 / 6 < high <= 1
    alone = survival.draw_clusters(pd.Series(["a"] * 6), 50, 1)
    assert np.isnan(survival.ends(survival.incidence(days, ended, 9, alone)[1:])).all()
