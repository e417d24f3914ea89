"""Power and smallest visible effects, against published values, sums by brute force, and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, ttest_ind
from statsmodels.stats.proportion import power_proportions_2indep
from statsmodels.stats.rates import power_poisson_ratio_2indep

from abmlib.stats import intervals, power

RUNS = 20_000  # of each simulation


def close(found: float, runs: np.ndarray) -> bool:
    """Is a share of simulated runs within four standard errors of a power."""
    return abs(runs.mean() - found) <= 4 * np.sqrt(max(found * (1 - found), 1e-4) / len(runs))


def t_finds(treated: np.ndarray, held: np.ndarray) -> np.ndarray:
    found = ttest_ind(treated, held, axis=1)
    return (found.pvalue < 1 - intervals.LEVEL) & (found.statistic > 0)


# -- published values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_a_group_of_cohens_table_sees_its_effect_four_times_in_five(d, n):
    """Cohen (1988), table 2.4.1: a2 = .05, power .80."""
    curve = power.curve_of_means(1, n, n)
    assert curve(d) == pytest.approx(0.8, abs=0.01)
    assert power.smallest_effect(curve, 0, 9) == pytest.approx(d, rel=0.02)


def test_the_t_test_has_the_power_that_r_prints():
    """?power.t.test: n = 20, delta = 1, sd = 1."""
    assert power.curve_of_means(1, 20, 20)(1) == pytest.approx(0.8689528, abs=1e-5)


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


@pytest.mark.parametrize(
    ("base", "ratio", "dispersion"), [(0.55, 2.4, 1.2), (7.0, 1.8, 6.2), (0.3, 2.0, 1.0), (2, 1, 3)]
)
def test_the_power_of_rates_is_that_of_simulated_groups(base, ratio, dispersion):
    random, treated, held = np.random.default_rng(2), 55, 21

    def drawn(rate: float, units: int) -> np.ndarray:
        size = (RUNS, units)
        if dispersion == 1:
            return random.poisson(rate, size)
        return random.negative_binomial(rate / (dispersion - 1), 1 / dispersion, size)

    one_, two = drawn(base * ratio, treated), drawn(base, held)
    k1, k0 = np.maximum(one_.sum(axis=1), 1e-9), np.maximum(two.sum(axis=1), 1e-9)
    within = ((one_ - one_.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / (k1 / treated)
    within = within + ((two - two.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / (k0 / held)
    z = np.log((k1 / treated) / (k0 / held)) / np.sqrt(1 / k1 + 1 / k0)
    found = power.curve_of_rates(base, treated, held, dispersion)(base * ratio)
    assert close(found, z / np.sqrt(dispersion) > 1.959964)
    estimated = np.sqrt(
        within / (treated + held - 2)
    )  # nobody knows the dispersion: with that of the data it hardly differs
    assert (z / estimated > 1.959964).mean() == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize(("effect", "treated", "held"), [(0.5, 64, 64), (0.7, 55, 21), (0.0, 10, 30)])
def test_the_power_of_means_is_that_of_simulated_groups(effect, treated, held):
    random = np.random.default_rng(3)
    groups = random.normal(effect, 1, (RUNS, treated)), random.normal(0, 1, (RUNS, held))
    assert close(power.curve_of_means(1, treated, held)(effect), t_finds(*groups))


def test_own_values_of_any_shape_see_as_much_as_groups_drawn_from_them():
    random = np.random.default_rng(6)
    own = pd.Series(
        random.lognormal(0, 1.5, 75) * (random.random(75) < 0.6)
    )  # many zeros and a long tail, like revenue
    effect = 1.5 * own.mean()
    found, least = power.of_own_values(own, effect, 55, 21, seed=7)
    drawn = random.choice(own, (RUNS, 76))
    assert close(found, t_finds(drawn[:, :55] + effect, drawn[:, 55:]))
    assert abs(t_finds(drawn[:, :55] + least, drawn[:, 55:]).mean() - power.POWER) < 0.02


def test_own_values_lead_to_the_noncentral_t_where_they_are_normal_or_many(monkeypatch):
    own = pd.Series(np.random.default_rng(8).normal(10, 2, 4_000))
    expected = power.curve_of_means(own.std(), 64, 64)(1)
    assert power.of_own_values(own, 1.0, 64, 64, seed=9)[0] == pytest.approx(expected, abs=0.02)
    by_draws = power.of_own_values(own, 0.5, 300, 300, seed=9)
    monkeypatch.setattr(power, "MOST_UNITS", 599)
    assert power.of_own_values(own, 0.5, 300, 300, seed=9) == pytest.approx(by_draws, rel=0.03)


# -- what holds always ------------------------------------------------------------------------------------------------


CURVES = [  # the curve, the base, and the largest effect that is searched
    (power.curve_of_shares(0.05, 200, 1_000), 0.05, 1.0),
    (power.curve_of_shares(0.6, 30, 30), 0.6, 1.0),
    (power.curve_of_rates(0.3, 55, 21, 1.5), 0.3, 99.0),
    (power.curve_of_means(2.5, 55, 21), 0.0, 99.0),
]


@pytest.mark.parametrize(("curve", "base", "most"), CURVES)
def test_the_smallest_effect_is_the_one_detected_four_times_in_five(curve, base, most):
    assert curve(power.smallest_effect(curve, base, most)) == pytest.approx(power.POWER, abs=1e-4)


@pytest.mark.parametrize(
    ("curve_of", "base", "most"),
    [
        (lambda n: power.curve_of_means(1, n, n), 0.0, 99.0),
        (lambda n: power.curve_of_shares(0.2, n, n), 0.2, 1.0),
        (lambda n: power.curve_of_rates(0.5, n, n, 3 if n < 80 else 2 if n < 100_000 else 1), 0.5, 99.0),
    ],
)
def test_more_units_or_less_spread_never_hide_an_effect(curve_of, base, most):
    found = [power.smallest_effect(curve_of(n), base, most) for n in (20, 40, 80, 1_000, 100_000)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("base", "treated"), [(0.2, 1), (0.2, 0), (np.nan, 50), (0.2, np.nan)])
def test_without_two_units_or_a_baseline_nothing_is_told(base, treated):
    for curve in (
        power.curve_of_shares(base, treated, 50),
        power.curve_of_rates(base, treated, 50),
        power.curve_of_means(base, treated, 50),
    ):
        assert np.isnan(curve(0.4)) and np.isnan(power.smallest_effect(curve, 0.2, 1.0))


def test_without_a_spread_or_an_event_nothing_is_told():
    assert np.isnan(power.curve_of_means(0, 9, 9)(1)) and np.isnan(power.curve_of_rates(0, 9, 9)(1))
    assert np.isnan(power.of_own_values(pd.Series([1.0, 1, 1]), 0.5, 9, 9, seed=0)).all()
    assert np.isnan(power.of_own_values(pd.Series([1.0, 2]), 0.5, 1, 9, seed=0)).all()


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


@pytest.mark.parametrize(("base", "ratio", "n", "dispersion"), [(0.5, 1.15, 3000, 1.0), (2.0, 1.1, 2000, 3.0)])
def test_the_power_of_rates_in_large_groups_is_that_of_statsmodels(base, ratio, n, dispersion):
    expected = power_poisson_ratio_2indep(
        base * ratio, base, n, value=1, alpha=0.025, dispersion=dispersion, alternative="larger", return_results=False
    )
    assert power.curve_of_rates(base, n, n, dispersion)(base * ratio) == pytest.approx(expected, abs=0.01)
