"""Means and counts of small units: by hand, at the ends, and where the truth is known."""

import numpy as np
import pandas as pd
import pytest
import scipy

from abmlib.stats import pooling

UNITS = pd.Index(["a", "b", "c", "new"])


def test_the_weight_of_a_units_own_mean_is_that_of_buehlmann_and_straub():
    values = pd.Series([1.0, 3.0, 5.0, 7.0, 11.0, 13.0])
    got = pooling.means(values, pd.Series(list("aabbcc")), UNITS)
    within, centre = 2.0, 20 / 3
    across = 2 * sum((m - centre) ** 2 for m in (2, 6, 12)) - 2 * within
    between = across / (6 - 12 / 6)
    own = between / (between + within / 2)
    assert got["observed"].tolist()[:3] == [2.0, 6.0, 12.0]
    assert got["mean"].to_numpy() == pytest.approx([20 / 3 + own * (m - 20 / 3) for m in (2, 6, 12)] + [20 / 3])
    assert got["n"].tolist() == [2, 2, 2, 0]
    assert got.loc["new", "sd"] == pytest.approx(np.sqrt(between + (between + within / 2) / 3))


def test_units_that_differ_by_chance_alone_get_nearly_one_mean():
    random = np.random.default_rng(1)
    unit = pd.Series(np.repeat([f"u{i}" for i in range(200)], 5))
    got = pooling.means(pd.Series(random.normal(10, 1, 1000)), unit, pd.Index(unit.unique()))
    assert got["observed"].std() > 0.4 and got["mean"].std() < 0.15


def test_what_is_said_of_means_and_rates_holds_as_often_as_it_says():
    random = np.random.default_rng(2)
    true = random.normal(0, 2, 3000)
    n = random.integers(0, 6, 3000)
    unit = pd.Series(np.repeat(np.arange(3000), n))
    found = pooling.means(pd.Series(random.normal(true[unit], 3)), unit, pd.RangeIndex(3000))
    said = pooling.mean_below(found, 1.0)
    rates = random.gamma(2.0, 1.5, 3000)
    time = pd.Series(random.uniform(0.2, 3, 3000))
    seen = pooling.counts(pd.Series(random.poisson(rates * time)), time, pd.RangeIndex(3000))
    also = pooling.rate_below(seen, 2.0)
    for chance, happened in ((said, true < 1.0), (also, rates < 2.0)):
        bin_ = pd.cut(chance, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
        table = pd.DataFrame({"said": chance, "was": happened}).groupby(bin_, observed=True).agg(["mean", "size"])
        off = (table["said", "mean"] - table["was", "mean"]).abs()
        assert (off < 4 * np.sqrt(0.25 / table["said", "size"])).all(), table


def test_a_unit_never_watched_gets_the_rate_of_all_and_one_watched_long_its_own():
    counts, time = pd.Series({"a": 0, "b": 500, "c": 40}), pd.Series({"a": 10.0, "b": 10.0, "c": 10.0})
    got = pooling.counts(counts, time, UNITS)
    rate = got["shape"] / got["rate"]
    assert rate["new"] == pytest.approx(18.0)
    assert rate["b"] == pytest.approx(50, rel=0.05) and rate["a"] < 1
    assert got["observed"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize("bound", [0.0, 0.4, 3.0, np.inf])
def test_chances_are_those_of_a_normal_and_a_gamma_distribution(bound):
    means, rates = pd.DataFrame({"mean": [1.0], "sd": [2.0]}), pd.DataFrame({"shape": [2.5], "rate": [3.0]})
    assert pooling.mean_below(means, bound).tolist() == [scipy.stats.norm.cdf(bound, 1, 2)]
    assert pooling.rate_below(rates, bound).tolist() == [scipy.stats.gamma.cdf(bound, 2.5, scale=1 / 3)]


def test_too_few_units_stand_for_themselves_and_nothing_is_nothing():
    got = pooling.means(pd.Series([1.0, 3.0, 8.0]), pd.Series(["a", "a", "b"]), UNITS)
    assert got["mean"].tolist()[:2] == [2.0, 8.0] and got["mean"].isna().tolist() == [False, False, True, True]
    lone = pooling.means(pd.Series([5.0]), pd.Series(["a"]), UNITS)
    assert lone.loc["a", ["mean", "sd"]].tolist() == [5.0, 0.0]
    assert pooling.mean_below(lone, 6.0).tolist()[0] == 1.0 and pooling.mean_below(lone, 5.0).tolist()[0] == 0.0
    none = pooling.means(pd.Series([], dtype=float), pd.Series([], dtype=object), UNITS)
    assert none["mean"].isna().all() and pooling.mean_below(none, 1.0).isna().all()
    few = pooling.counts(pd.Series({"a": 3}), pd.Series({"a": 2.0}), UNITS)
    assert few.loc["a", ["shape", "rate"]].tolist() == [3.5, 2.0] and few["shape"].isna().sum() == 3


def test_values_all_alike_divide_nothing_by_zero():
    got = pooling.means(pd.Series([4.0] * 6), pd.Series(list("aabbcc")), UNITS)
    assert got["mean"].tolist() == pytest.approx([4.0] * 4) and got["sd"].notna().all()
    zero = pooling.means(pd.Series([0.0] * 6), pd.Series(list("aabbcc")), UNITS)
    assert zero["mean"].tolist() == pytest.approx([0.0] * 4)


def test_regular_events_say_more_of_their_unit_than_events_by_chance():
    counts, time = pd.Series({"a": 8, "b": 10, "c": 15}), pd.Series(10.0, ["a", "b", "c"])
    loose, regular = (pooling.counts(counts, time, UNITS, scatter) for scatter in (1.0, 0.1))
    rates = [(f["shape"] / f["rate"]).loc["c"] for f in (loose, regular)]
    assert rates[0] < rates[1] < 1.5 and regular["n"].tolist() == [8, 10, 15, 0]
    assert regular["observed"].tolist()[:3] == pytest.approx([0.8, 1.0, 1.5])


def test_the_planted_spread_of_rates_comes_back_from_counts_and_from_times():
    random = np.random.default_rng(4)
    rates = random.gamma(2.0, 1.5, 5000)
    time, many = random.uniform(0.5, 5, 5000), random.integers(1, 9, 5000)
    for events, watched in ((random.poisson(rates * time), time), (many, random.gamma(many) / rates)):
        shape, rate = pooling.gamma_prior(pd.Series(events), pd.Series(watched))
        assert (shape, rate) == (pytest.approx(2.0, rel=0.08), pytest.approx(1 / 1.5, rel=0.08))


def test_units_whose_counts_differ_by_chance_alone_get_one_rate():
    random = np.random.default_rng(5)
    time = pd.Series(random.uniform(0.5, 2, 400))
    for _ in range(20):
        got = pooling.counts(pd.Series(random.poisson(3 * time)), time, time.index)
        assert (got["shape"] / got["rate"]).std() < 0.5 < got["observed"].std()
