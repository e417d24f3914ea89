"""Power and smallest visible effects, against published values, sums by brute force, and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, ttest_ind

from abmlib.stats import intervals, power

RUNS = 20_000  # of each simulation


def one(*values: float) -> pd.Series:
    return pd.Series(values, dtype=float)


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
    groups = (one(n), one(n))
    assert power.of_means(one(d), one(1), *groups)[0] == pytest.approx(0.8, abs=0.01)
    assert power.detectable_mean(one(1), *groups)[0] == pytest.approx(d, rel=0.02)


def test_the_t_test_has_the_power_that_r_prints():
    """?power.t.test: n = 20, delta = 1, sd = 1."""
    assert power.of_means(one(1), one(1), one(20), one(20))[0] == pytest.approx(0.8689528, abs=1e-5)


@pytest.mark.parametrize(("n", "printed"), [(50, 0.740), (77, 0.90)])
def test_the_exact_power_of_shares_is_near_the_approximation_of_fleiss(n, printed):
    """?power.prop.test of R, p1 = .50 and p2 = .75, which uses Fleiss' normal approximation."""
    assert power.of_shares(one(0.5), one(0.75), one(n), one(n))[0] == pytest.approx(printed, abs=0.015)


def test_the_power_of_shares_is_the_sum_over_all_outcomes():
    n1, n0, p1, p0 = 7, 5, 0.9, 0.2
    pairs = [(k1, k0) for k1 in range(n1 + 1) for k0 in range(n0 + 1)]
    found = intervals.difference(pd.DataFrame(pairs), pd.DataFrame([[n1, n0]] * len(pairs)))["low"] > 0
    by_hand = sum(
        binom.pmf(k1, n1, p1) * binom.pmf(k0, n0, p0) for (k1, k0), yes in zip(pairs, found, strict=True) if yes
    )
    assert power.of_shares(one(p0), one(p1), one(n1), one(n0))[0] == pytest.approx(by_hand, abs=1e-8)


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
    found = power.of_shares(one(base), one(share), one(treated), one(held))[0]
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
    found = power.of_rates(one(base), one(base * ratio), one(treated), one(held), dispersion)[0]
    assert close(found, z / np.sqrt(dispersion) > 1.959964)
    estimated = np.sqrt(
        within / (treated + held - 2)
    )  # nobody knows the dispersion: with that of the data it hardly differs
    assert (z / estimated > 1.959964).mean() == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize(("effect", "treated", "held"), [(0.5, 64, 64), (0.7, 55, 21), (0.0, 10, 30)])
def test_the_power_of_means_is_that_of_simulated_groups(effect, treated, held):
    random = np.random.default_rng(3)
    groups = random.normal(effect, 1, (RUNS, treated)), random.normal(0, 1, (RUNS, held))
    assert close(power.of_means(one(effect), one(1), one(treated), one(held))[0], t_finds(*groups))


def test_adjusting_for_the_time_before_sees_as_much_as_simulated_groups_do():
    random, n, effect, rho = np.random.default_rng(4), 50, 0.4, 0.7
    before = random.normal(0, 1, (RUNS, 2, n))
    after = rho * before + np.sqrt(1 - rho**2) * random.normal(0, 1, before.shape)
    after[:, 0] += effect
    x, y = (v - v.mean(axis=2, keepdims=True) for v in (before, after))
    slope = (x * y).sum(axis=(1, 2)) / (x**2).sum(axis=(1, 2))
    apart = np.diff(before.mean(axis=2), axis=1)[:, 0]
    rest = ((y - slope[:, None, None] * x) ** 2).sum(axis=(1, 2)) / (2 * n - 3)
    error = np.sqrt(rest * (2 / n + apart**2 / (x**2).sum(axis=(1, 2))))
    z = (-np.diff(after.mean(axis=2), axis=1)[:, 0] + slope * apart) / error
    assert close(power.of_means(one(effect), one(1), one(n), one(n), correlation=rho)[0], z > 1.985)


def test_clusters_see_as_much_as_their_effective_units():
    random, clusters, size, icc, effect = np.random.default_rng(5), 60, 5, 0.2, 0.35
    drawn = random.normal(0, np.sqrt(icc), (2, RUNS, clusters)) + random.normal(
        0, np.sqrt((1 - icc) / size), (2, RUNS, clusters)
    )  # a mean per cluster
    units = power.effective(one(clusters * size), size, icc)
    assert units[0] == pytest.approx(300 / 1.8)
    assert close(power.of_means(one(effect), one(1), units, units)[0], t_finds(drawn[0] + effect, drawn[1]))


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
    expected = power.of_means(one(1), one(own.std()), one(64), one(64))[0]
    assert power.of_own_values(own, 1.0, 64, 64, seed=9)[0] == pytest.approx(expected, abs=0.02)
    by_draws = power.of_own_values(own, 0.5, 300, 300, seed=9)
    monkeypatch.setattr(power, "MOST_UNITS", 599)
    assert power.of_own_values(own, 0.5, 300, 300, seed=9) == pytest.approx(by_draws, rel=0.03)


# -- what holds always ------------------------------------------------------------------------------------------------


def test_the_smallest_visible_effect_is_the_one_seen_four_times_in_five():
    base, treated, held = one(0.05, 0.3, 0.6), one(200, 55, 30), one(1_000, 21, 30)
    share, rate = power.detectable_share(base, treated, held), power.detectable_rate(base, treated, held, 1.5)
    mean = power.detectable_mean(base, treated, held, correlation=0.5)
    for found in (
        power.of_shares(base, share, treated, held),
        power.of_rates(base, rate, treated, held, 1.5),
        power.of_means(mean, base, treated, held, correlation=0.5),
    ):
        assert found.tolist() == pytest.approx([power.POWER] * 3, abs=1e-4)


def test_more_units_or_less_spread_never_hide_an_effect():
    n = one(20, 40, 80, 1_000, 100_000)
    assert power.detectable_mean(n * 0 + 1, n, n).is_monotonic_decreasing
    assert power.detectable_share(n * 0 + 0.2, n, n).is_monotonic_decreasing
    assert power.detectable_rate(n * 0 + 0.5, n, n, one(3, 3, 2, 2, 1)).is_monotonic_decreasing


def test_without_two_units_a_baseline_or_a_spread_nothing_is_told():
    rows = pd.DataFrame(
        {
            "base": [0.2, 0.2, np.nan, 0.2],
            "treated": [1, 0, 50, np.nan],  # one account; none; nobody knows the baseline; nobody knows the number
            "held": [50, 50, 50, 50],
        },
        index=list("abcd"),
    )
    given = (rows["treated"], rows["held"])
    for found in (
        power.of_shares(rows["base"], rows["base"] + 0.2, *given),
        power.detectable_share(rows["base"], *given),
        power.of_rates(rows["base"], rows["base"] + 0.2, *given),
        power.detectable_rate(rows["base"], *given),
        power.of_means(rows["base"], rows["base"], *given),
        power.detectable_mean(rows["base"], *given),
    ):
        assert found.index.tolist() == list("abcd")
        assert found.isna().all()
    assert power.detectable_mean(one(0), one(9), one(9)).isna().all()
    assert power.detectable_rate(one(0), one(9), one(9)).isna().all()
    assert np.isnan(power.of_own_values(one(1, 1, 1), 0.5, 9, 9, seed=0)).all()
    assert np.isnan(power.of_own_values(one(1, 2), 0.5, 1, 9, seed=0)).all()


def test_a_share_that_cannot_rise_far_enough_has_no_visible_rise():
    assert power.detectable_share(one(0.99, 1.0), one(10, 10), one(30, 30)).isna().all()
    assert power.of_shares(one(1.0), one(1.0), one(10), one(30))[0] == pytest.approx(0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: power.effective(one(9), 0.5), "cluster_size must be 1 or more and icc 0 to 1, got 0.5 and 0.0"),
        (lambda: power.effective(one(9), 5, 1.2), "got 5 and 1.2"),
        (lambda: power.detectable_mean(one(1), one(9), one(9), correlation=1), "between -1 and 1, got 1"),
    ],
)
def test_refuses_what_no_design_has(call, said):
    with pytest.raises(ValueError, match=said):
        call()
