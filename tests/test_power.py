"""Power and smallest visible effects, against published values, sums by brute force, and simulation."""

import numpy as np
import pandas as pd
import pytest
import scipy
from scipy.stats import binom, ttest_ind
from statsmodels.stats.proportion import power_proportions_2indep

from abmlib.stats import intervals, power

RUNS = 20_000  # of each simulation


def close(found: float, runs: np.ndarray) -> bool:
    """Is a share of simulated runs within four standard errors of a power."""
    return abs(runs.mean() - found) <= 4 * np.sqrt(max(found * (1 - found), 1e-4) / len(runs))


def t_finds(treated: np.ndarray, held: np.ndarray) -> np.ndarray:
    found = ttest_ind(treated, held, axis=1)
    return (found.pvalue < 1 - intervals.LEVEL) & (found.statistic > 0)


# -- published values -------------------------------------------------------------------------------------------------


def normal(sd: float = 0.01) -> pd.Series:
    """Many units around 1, so alike that a rise leaves their spread as it is."""
    return pd.Series(1 + sd * np.random.default_rng(0).standard_normal(200_000))


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_a_group_of_cohens_table_sees_its_effect_four_times_in_five(d, n):
    """Cohen (1988), table 2.4.1: a2 = .05, power .80."""
    values = normal()
    curve = power.curve_of_means(values, 0 * values, n, n, seed=1)
    assert curve(values.mean() + 0.01 * d) == pytest.approx(0.8, abs=0.02)
    assert power.smallest_effect(curve, values.mean(), 9) == pytest.approx(values.mean() + 0.01 * d, abs=0.0004)


def test_the_t_test_has_the_power_that_r_prints():
    """?power.t.test: n = 20, delta = 1, sd = 1."""
    values = normal()
    curve = power.curve_of_means(values, 0 * values, 20, 20, seed=2)
    assert curve(values.mean() + 0.01) == pytest.approx(0.8689528, abs=0.015)


@pytest.mark.parametrize(("n", "printed"), [(50, 0.740), (77, 0.90)])
def test_the_exact_power_of_shares_is_near_the_approximation_of_fleiss(n, printed):
    """?power.prop.test of R, p1 = .50 and p2 = .75, which uses Fleiss' normal approximation."""
    assert power.curve_of_shares(0.5, n, n)(0.75) == pytest.approx(printed, abs=0.015)


def test_the_power_of_shares_is_the_sum_over_all_outcomes():
    n1, n0, p1, p0 = 7, 5, 0.9, 0.2
    pairs = [(k1, k0) for k1 in range(n1 + 1) for k0 in range(n0 + 1)]
    found = intervals.difference(pd.DataFrame(pairs), pd.DataFrame([[n1, n0]] * len(pairs)))["low"] > 0
    by_hand = sum(
        binom.pmf(k1, n1, p1) * binom.pmf(k0, n0, p0) for (k1, k0), yes in zip(pairs, found, strict=True) if yes
    )
    assert power.curve_of_shares(p0, n1, n0)(p1) == pytest.approx(by_hand, abs=1e-8)


# -- simulation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "share", "treated", "held"),
    [
        (0.30, 0.60, 55, 21),  # as in the sample
        (0.02, 0.15, 40, 40),  # rare: where normal approximations fail
        (0.90, 0.99, 60, 200),
        (0.50, 0.50, 55, 21),  # no effect: false alarms on one side
    ],
)
def test_the_power_of_shares_is_that_of_simulated_groups(base, share, treated, held):
    random = np.random.default_rng(1)
    counts = pd.DataFrame({"k1": random.binomial(treated, share, RUNS), "k0": random.binomial(held, base, RUNS)})
    units = pd.DataFrame({"k1": treated, "k0": held}, index=counts.index)
    found = power.curve_of_shares(base, treated, held)(share)
    assert close(found, (intervals.difference(counts, units)["low"] > 0).to_numpy())


def experiments(random, past, rate, rise: float, treated: int, held: int, runs: int = 3_000) -> np.ndarray:
    """Does least squares on group and past find the rise, in experiments on accounts that each have a past and a rate."""
    found = []
    for _ in range(runs):
        units = random.integers(len(rate), size=treated + held)
        group = np.arange(treated + held) < treated
        outcome = random.poisson(rate[units] * np.where(group, 1 + rise, 1))
        design = np.column_stack([group, np.ones(len(group)), past[units]]).astype(float)
        beta, *_ = np.linalg.lstsq(design, outcome, rcond=None)
        df = len(group) - 3
        error = np.sqrt(((outcome - design @ beta) ** 2).sum() / df * np.linalg.inv(design.T @ design)[0, 0])
        found.append(beta[0] > scipy.stats.t.isf(power.ALPHA, df) * error)
    return np.array(found)


@pytest.mark.parametrize(("treated", "held", "rise"), [(60, 60, 0.5), (55, 21, 1.0), (40, 80, 0.0)])
def test_the_power_of_counts_is_that_of_experiments_on_accounts_that_repeat_themselves(treated, held, rise):
    random = np.random.default_rng(5)
    rate = random.gamma(1.5, 2.0, 4_000)  # accounts differ, and stay as they are
    past, values = (pd.Series(random.poisson(rate)).astype(float) for _ in range(2))
    found = power.curve_of_means(values, past, treated, held, seed=3, counts=True)(values.mean() * (1 + rise))
    assert found == pytest.approx(experiments(random, past.to_numpy(), rate, rise, treated, held).mean(), abs=0.03)


def test_accounts_that_repeat_themselves_show_a_smaller_rise():
    random = np.random.default_rng(6)
    rate = random.gamma(1.0, 3.0, 500)
    values, past = (pd.Series(random.poisson(rate)).astype(float) for _ in range(2))
    with_past, without = (
        power.smallest_effect(power.curve_of_means(values, x, 60, 60, 7, counts=True), values.mean(), 99)
        for x in (past, 0 * past)
    )
    assert with_past - values.mean() < 0.8 * (without - values.mean())


def test_a_rise_in_proportion_spreads_the_values_it_lifts():
    """Many zeros and a long tail, like revenue: adding the same sum to every account would be found far more often."""
    random = np.random.default_rng(6)
    own = random.lognormal(0, 1.5, 75) * (random.random(75) < 0.6)
    found = power.curve_of_means(pd.Series(own), pd.Series(0 * own), 50, 50, seed=7)(2 * own.mean())
    drawn = random.choice(own, (RUNS, 100))
    assert found == pytest.approx(t_finds(2 * drawn[:, :50], drawn[:, 50:]).mean(), abs=0.02)
    assert t_finds(drawn[:, :50] + own.mean(), drawn[:, 50:]).mean() > found + 0.1


def test_means_of_many_units_are_as_good_as_normal(monkeypatch):
    random = np.random.default_rng(8)
    past = pd.Series(random.gamma(1, 2, 4_000))
    values = past + random.gamma(1, 2, 4_000)
    by_draws = power.curve_of_means(values, past, 300, 300, seed=9)(1.1 * values.mean())
    monkeypatch.setattr(power, "MOST_UNITS", 599)
    assert power.curve_of_means(values, past, 300, 300, seed=9)(1.1 * values.mean()) == pytest.approx(
        by_draws, abs=0.03
    )


# -- what holds always ------------------------------------------------------------------------------------------------


COUNTS = pd.Series(np.random.default_rng(9).poisson(2, 300)).astype(float)
CURVES = [  # the curve, the base, and the largest effect that is searched
    (power.curve_of_shares(0.05, 200, 1_000), 0.05, 1.0),
    (power.curve_of_shares(0.6, 30, 30), 0.6, 1.0),
    (power.curve_of_means(COUNTS, 0 * COUNTS, 55, 21, 1, counts=True), COUNTS.mean(), 99.0),
]


@pytest.mark.parametrize(("curve", "base", "most"), CURVES)
def test_the_smallest_effect_is_the_one_detected_four_times_in_five(curve, base, most):
    assert curve(power.smallest_effect(curve, base, most)) == pytest.approx(power.POWER, abs=1e-4)


@pytest.mark.parametrize(
    ("curve_of", "base", "most"),
    [
        (lambda n: power.curve_of_shares(0.2, n, n), 0.2, 1.0),
        (lambda n: power.curve_of_means(COUNTS, 0 * COUNTS, n, n, 1), COUNTS.mean(), 99.0),
    ],
)
def test_more_units_or_less_spread_never_hide_an_effect(curve_of, base, most):
    found = [power.smallest_effect(curve_of(n), base, most) for n in (20, 40, 80, 1_000, 100_000)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("base", "treated"), [(0.2, 1), (0.2, 0), (np.nan, 50), (0.2, np.nan)])
def test_without_two_units_or_a_baseline_nothing_is_told(base, treated):
    values = COUNTS * (base / 0.2)
    for curve in (power.curve_of_shares(base, treated, 50), power.curve_of_means(values, values, treated, 50, seed=0)):
        assert np.isnan(curve(0.4)) and np.isnan(power.smallest_effect(curve, 0.2, 1.0))


@pytest.mark.parametrize("values", [[1.0, 1, 1], [0.0, 0, 0], [-1.0, 0, 0]])
def test_without_a_spread_or_a_mean_above_zero_nothing_is_told(values):
    own = pd.Series(values)
    assert np.isnan(power.curve_of_means(own, own, 9, 9, seed=0)(2.0))


@pytest.mark.parametrize("base", [0.99, 1.0])
def test_a_share_that_cannot_rise_far_enough_has_no_smallest_rise(base):
    curve = power.curve_of_shares(base, 10, 30)
    assert np.isnan(power.smallest_effect(curve, base, 1.0))
    assert curve(1.0) < power.POWER


# -- beside statsmodels: normal approximations, which meet the exact power in large groups ----------------------------


@pytest.mark.parametrize(("base", "share", "treated", "held"), [(0.3, 0.36, 1000, 4000), (0.5, 0.55, 2000, 2000)])
def test_the_power_of_shares_in_large_groups_is_that_of_statsmodels(base, share, treated, held):
    expected = power_proportions_2indep(
        share - base, base, treated, ratio=held / treated, alpha=0.025, alternative="larger", return_results=False
    )
    assert power.curve_of_shares(base, treated, held)(share) == pytest.approx(expected, abs=0.005)
