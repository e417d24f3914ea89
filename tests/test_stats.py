"""Intervals and concentration, on counts and totals a person can check in the head."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from abmlib.stats import concentration
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
    assert 0 <= got["low"] <= got["share"] + 1e-12
    assert got["share"] - 1e-12 <= got["high"] <= 1


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
