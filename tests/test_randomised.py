"""What lots show: by hand, on published trials, and where nothing can be shown."""

from itertools import combinations
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from abmlib.stats import power, randomised

DATA = Path(__file__).parents[2] / "shared" / "data"
FOUR = np.array([True, True, False, False])
ONE = np.zeros(4)  # one stratum, or no past


def read(outcome, treated, stratum=None, past=None, dose=None):
    nothing = np.zeros(len(outcome))
    given = (nothing if v is None else np.asarray(v) for v in (stratum, past))
    return randomised.read(np.asarray(outcome, float), np.asarray(treated), *given, seed=1, dose=dose)


def test_the_effect_is_the_difference_of_means():
    assert read([5, 7, 1, 3], FOUR).effect == 4


def test_the_p_value_is_the_share_of_draws_as_far_apart():
    outcome = [9.0, 7.0, 8.0, 1.0, 2.0, 4.0]
    apart = [abs(sum(outcome[i] for i in two) - 15.5) for two in combinations(range(6), 3)]
    exact = np.mean([a >= abs(24 - 15.5) for a in apart])  # 2 of 20 ways: the three largest, or the three least
    assert randomised.p_value(read(outcome, np.arange(6) < 3)) == pytest.approx(exact, abs=0.015)


def test_within_pairs_only_the_difference_of_each_pair_counts():
    low_and_high = read([1, 0, 101, 100], [True, False, True, False], stratum=[1, 1, 2, 2])
    assert low_and_high.effect == 1


def test_what_the_past_foretells_is_taken_off():
    past = np.array([0.0, 1, 2, 3, 4, 5, 6, 7])
    treated = past % 2 == 1
    found = read(10 * past + treated, treated, past=past)
    assert found.effect == pytest.approx(1)


def test_the_effect_on_those_reached_is_that_on_all_over_the_share_reached():
    treated = np.arange(40) < 20
    reached = treated & (np.arange(40) % 2 == 0)
    outcome = np.arange(40) % 7 + 3.0 * reached
    whole, own = read(outcome, treated), read(outcome, treated, dose=reached.astype(float))
    assert own.effect == pytest.approx(whole.effect / 0.5)
    assert randomised.p_value(own) == randomised.p_value(whole)  # nothing follows from nothing, whoever was reached


def test_where_nobody_was_reached_there_is_no_effect_on_those_reached():
    found = read([1, 2, 3, 4], FOUR, dose=np.zeros(4))
    assert np.isnan(found.effect) and np.isnan(randomised.p_value(found)) and np.isnan(randomised.interval(found)).all()


def test_four_units_can_be_drawn_in_too_few_ways_to_show_anything():
    assert randomised.interval(read([9, 8, 1, 2], FOUR)) == (-np.inf, np.inf)


def test_an_interval_holds_what_the_test_does_not_refuse():
    random = np.random.default_rng(3)
    found = read(random.normal(size=60), np.arange(60) < 30)
    low, high = randomised.interval(found)
    assert low < found.effect < high
    for inside, outside in ((low + 0.01, low - 0.01), (high - 0.01, high + 0.01)):
        assert randomised.p_value(found, inside) > 0.05 >= randomised.p_value(found, outside)


# -- lots -------------------------------------------------------------------------------------------------------------


def test_lots_hold_back_the_share_of_each_stratum_and_can_be_drawn_again():
    stratum = pd.Series(["a"] * 10 + ["b"] * 4, [f"A{i:02d}" for i in range(14)])
    treated = randomised.draw(stratum, 0.3, seed=5)
    assert (~treated).groupby(stratum).sum().to_dict() == {"a": 3, "b": 1}
    assert randomised.draw(stratum[::-1], 0.3, seed=5).sort_index().equals(treated)
    assert not randomised.draw(stratum, 0.3, seed=6).equals(treated)


def test_a_stratum_of_two_has_one_on_either_side_whatever_the_share():
    pairs = pd.Series(np.repeat(range(30), 2), range(60))
    assert (randomised.draw(pairs, 0.1, seed=1).groupby(pairs).sum() == 1).all()


def test_units_alone_in_their_stratum_fall_to_both_sides():
    assert 0 < randomised.draw(pd.Series(range(40), range(40)), 0.5, seed=1).sum() < 40


@pytest.mark.parametrize(("stratum", "share", "words"), [
    (pd.Series(["x", "x"], ["A1", "A1"]), 0.5, "there twice"), (pd.Series(["x"], ["A1"]), 1.0, "between 0 and 1"),
])  # fmt: skip
def test_lots_refuse_what_cannot_be_drawn(stratum, share, words):
    with pytest.raises(ValueError, match=words):
        randomised.draw(stratum, share, seed=1)


def test_other_draws_have_as_many_treated_of_each_stratum():
    stratum, treated = np.array([1, 1, 1, 2, 2]), np.array([True, False, False, True, False])
    lots = randomised.redraws(treated, stratum, seed=2, draws=50)
    assert lots[0].tolist() == treated.tolist()
    assert (lots[:, :3].sum(axis=1) == 1).all() and (lots[:, 3:].sum(axis=1) == 1).all()
    assert len(np.unique(lots, axis=0)) == 6


# -- looks ------------------------------------------------------------------------------------------------------------

PUBLISHED = {  # Lan and DeMets' spending of O'Brien and Fleming's form, two-sided 5 %: e.g. Proschan, Lan and Wittes (2006), chapter 5
    1: [1.960], 2: [2.963, 1.969], 3: [3.710, 2.511, 1.993], 4: [4.333, 2.963, 2.359, 2.014],
    5: [4.877, 3.357, 2.680, 2.290, 2.031],
}  # fmt: skip


@pytest.mark.parametrize("looks", PUBLISHED)
def test_the_levels_of_looks_are_the_published_ones(looks):
    levels = randomised.look_levels([(k + 1) / looks for k in range(looks)])
    assert [NormalDist().inv_cdf(1 - p / 2) for p in levels] == pytest.approx(PUBLISHED[looks], abs=0.001)


@pytest.mark.parametrize("fractions", [[], [0.5], [0.5, 0.5, 1.0], [1.0, 0.5]])
def test_looks_that_do_not_rise_to_the_end_are_refused(fractions):
    with pytest.raises(ValueError, match="rise to the end"):
        randomised.look_levels(fractions)


# -- published trials -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (DATA / "hillstrom").is_dir(), reason="the e-mail trial of Hillstrom is not there")
@pytest.mark.parametrize(("arm", "measure", "points"), [
    ("Mens E-Mail", "visit", 7.66), ("Womens E-Mail", "visit", 4.52), ("Mens E-Mail", "conversion", 0.68),
    ("Womens E-Mail", "conversion", 0.31), ("Mens E-Mail", "spend", 76.98), ("Womens E-Mail", "spend", 42.44),
])  # fmt: skip
def test_the_arms_of_a_trial_differ_as_published(arm, measure, points):
    rows = pd.read_csv(DATA / "hillstrom" / "hillstrom.csv", usecols=["segment", measure])
    rows = rows[rows["segment"].isin([arm, "No E-Mail"])]
    found = read(rows[measure], (rows["segment"] == arm).to_numpy())
    assert 100 * found.effect == pytest.approx(points, abs=0.01)
    low, high = randomised.interval(found)
    assert 0 < low < found.effect < high


@pytest.mark.skipif(not (DATA / "lalonde_nsw").is_dir(), reason="the trial of LaLonde is not there")
def test_a_job_programme_raised_earnings_as_published():
    rows = pd.read_csv(DATA / "lalonde_nsw" / "nsw_mixtape.csv")
    found = read(rows["re78"], rows["treat"].to_numpy() == 1)
    assert found.effect == pytest.approx(1794.34, abs=0.01)
    assert randomised.p_value(found) == pytest.approx(
        0.0078, abs=0.004
    )  # published with HC standard errors: 671, p .0078


# -- promises ---------------------------------------------------------------------------------------------------------


def trial(random, accounts, rise):
    """Deals of accounts that differ, before and after; the rise comes on top of each account's own rate."""
    rate = random.gamma(0.5, 0.9, accounts)
    past, extra = random.poisson(rate), random.poisson(rise * rate)
    pairs = np.empty(accounts, int)
    pairs[np.lexsort((rate, past))] = np.arange(accounts) // 2
    treated = randomised.draw(pd.Series(pairs), 0.5, int(random.integers(1e9))).to_numpy()
    return read(random.poisson(rate) + treated * extra, treated, pairs, past.astype(float)), rise * rate.mean()


@pytest.fixture
def few_draws(monkeypatch):
    """Intervals need no more to hold what they promise; a page has more so that its last digit stands still."""
    monkeypatch.setattr(randomised, "DRAWS", 400)
    monkeypatch.setattr(power, "DESIGN_DRAWS", 400)


def test_nothing_is_found_where_there_is_nothing_and_intervals_hold_the_truth(few_draws):
    random, runs = np.random.default_rng(8), 100
    wrong = sum(randomised.p_value(trial(random, 60, 0.0)[0]) <= 0.05 for _ in range(runs))
    assert wrong / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)
    held = 0
    for _ in range(runs):
        found, truth = trial(random, 60, 0.8)
        low, high = randomised.interval(found)
        held += low <= truth <= high
    assert held / runs >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_design_finds_a_rise_as_often_as_it_says(few_draws):
    random = np.random.default_rng(4)
    said, found = [], []
    for k in range(40):
        rate = random.gamma(0.5, 0.9, 100)
        long_ago, past = random.poisson(rate), random.poisson(rate)
        pairs = pd.Series(np.arange(100) // 2, np.lexsort((rate, long_ago))).sort_index()
        values = pd.Series(past.astype(float))
        said.append(power.chances_of_design(values, pd.Series(long_ago), pairs, 0.5, "rate", [1.0], k)[0])
        for _ in range(4):
            read_ = trial(random, 100, 1.0)[0]
            found.append(randomised.p_value(read_) <= 0.05 and read_.effect > 0)
    assert np.mean(said) == pytest.approx(np.mean(found), abs=0.08)


@pytest.mark.parametrize("kind", ["rate", "mean", "share"])
def test_a_larger_rise_is_found_more_often_and_none_about_as_often_as_chance(kind):
    values = pd.Series(np.arange(80) % (2 if kind == "share" else 5), dtype=float)
    chances = power.chances_of_design(values, 0 * values, pd.Series("all", values.index), 0.5, kind, [0.0, 0.3, 0.9], 1)
    assert chances[0] == pytest.approx(0.025, abs=0.015) and (np.diff(chances) > 0.1).all()


def test_no_rise_is_promised_where_accounts_are_too_few_or_all_alike():
    few, alike = pd.Series([1.0, 2.0, 3.0]), pd.Series(np.ones(20))
    for values in (few, alike):
        found = power.chances_of_design(values, 0 * values, pd.Series("all", values.index), 0.5, "mean", [0.5], 1)
        assert np.isnan(found).all()
    assert np.isnan(power.smallest_of([0.1, 0.2], np.array([0.1, 0.5])))
