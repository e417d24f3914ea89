"""Sizes with a long tail: quantiles that keep what they promise on accounts nobody had seen, counted by hand where it can be."""

import warnings

import numpy as np
import pandas as pd
import pytest

from abmlib.stats import sizes
from abmlib.stats.sizes import ALIKE, BANDS, HIGH, KINDS, LOW, MIDDLE, QUARTER, THREE_QUARTERS, TREES

TELLS, NOISE = 1.5, 0.0  # how far one column moves the logarithm of sizes


def drawn(many: int, pull: float, seed: int, rows: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Columns, lognormal sizes and accounts: the column ``deals`` moves sizes, ``luck`` does not."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(many, 2)), columns=["luck", "deals"])
    return (
        table,
        np.exp(8 + pull * table["deals"] + 0.8 * rng.normal(size=many)).to_numpy(),
        np.arange(many) % (many // rows),
    )


@pytest.fixture(scope="module", params=[TELLS, NOISE], ids=["told", "noise"])
def market(request):
    """Models of all kinds, fitted on 600 sizes, and 3,000 further ones."""
    table, size, account = drawn(600, request.param, 1, rows=2)
    return {k: sizes.fit(k, table, size, account) for k in KINDS}, drawn(3_000, request.param, 2), request.param


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_as_often_as_they_promise_on_further_sizes(market, kind):
    models, (table, size, _), _ = market
    q = models[kind].quantiles(table)
    assert 0.92 < ((size >= q[:, LOW]) & (size <= q[:, HIGH])).mean() < 0.98
    assert 0.43 < ((size >= q[:, QUARTER]) & (size <= q[:, THREE_QUARTERS])).mean() < 0.57


@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_never_cross(market, kind):
    models, (table, *_), _ = market
    assert (np.diff(models[kind].quantiles(table), axis=1) >= 0).all()
    assert (np.diff(models[kind].unseen, axis=1) >= 0).all()


def test_what_tells_sizes_apart_loses_less_and_what_does_not_loses_more(market):
    models, (table, size, _), pull = market
    alike, bands, trees = (sizes.quantile_loss(models[k].quantiles(table), size).mean() for k in KINDS)
    if pull:
        assert trees < bands < 0.8 * alike
    else:
        assert min(trees, bands) > alike


@pytest.mark.parametrize("kind", [BANDS, TREES])
def test_means_of_those_not_seen_sum_to_what_came(market, kind):
    models, _, pull = market
    size = drawn(600, pull, 1)[1]
    assert np.isclose(models[kind].unseen[:, MIDDLE].sum() * models[kind].factors[""], size.sum())


@pytest.mark.parametrize("kind", [BANDS, TREES])
def test_what_is_said_of_an_account_does_not_move_with_its_own_sizes(kind):
    """Two rows each: were an account split between folds, one row would teach what is said of the other."""
    table, size, account = drawn(120, TELLS, 3, rows=2)
    largest = int(np.argmax(size))  # larger still, it moves no middle of all
    more = np.where(np.arange(120) == largest, 1_000 * size, size)
    before, after = (
        (m := sizes.fit(kind, table, s, account)).unseen / np.exp(m.shift) for s in (size, more)
    )  # the correction rests on all accounts
    own = account == account[largest]
    assert np.allclose(before[own], after[own]) and not np.allclose(before[~own], after[~own])


def test_bands_rest_on_the_column_that_ranks_sizes_best(market):
    models, _, pull = market
    assert models[BANDS].chosen == "deals" or not pull


def test_bands_by_hand():
    # 40 sizes in each of four bands, alike within each: a band says its own
    deals = np.repeat([1.0, 2, 3, 4], 40)
    model = sizes.fit(BANDS, pd.DataFrame({"deals": deals}), 10**deals, np.arange(160))
    said = model.quantiles(pd.DataFrame({"deals": [0.0, 1, 2, 4, 9]}))
    assert np.allclose(said, np.array([[10.0, 10, 100, 10_000, 10_000]]).T)


def test_a_quantile_is_what_one_further_value_lies_below_with_that_chance():
    # of 39 values and one more, each of the 40 places is as likely
    assert sizes.quantiles_of(np.arange(1.0, 40)).tolist() == pytest.approx([1, 10, 20, 30, 39])


def test_the_mean_of_all_alike_is_the_mean_of_each_group_that_is_large_enough():
    size = np.concatenate([np.arange(1.0, 31), np.arange(101.0, 131), [1_000.0]])
    group = np.array(["small"] * 30 + ["large"] * 30 + ["rare"], object)
    model = sizes.fit(ALIKE, pd.DataFrame(index=range(61)), size, np.arange(61), group)
    asked = np.array(["small", "large", "rare", "never seen"], object)
    assert np.allclose(model.mean(pd.DataFrame(index=range(4)), asked), [15.5, 115.5, size.mean(), size.mean()])
    assert np.allclose(model.quantiles(pd.DataFrame(index=range(4)), asked)[:2, MIDDLE], [240**0.5, 115.5], rtol=1e-3)


def test_groups_that_differ_by_nature_keep_their_own_level_in_every_kind():
    table, size, account = drawn(400, TELLS, 4)
    group = np.array(["a", "b"] * 200, object)
    for kind in KINDS:
        model = sizes.fit(kind, table, np.where(group == "a", size, 1_000 * size), account, group)
        q = [model.quantiles(table, np.full(400, g, object)) for g in ("a", "b")]
        assert 300 < np.median(q[1] / q[0]) < 3_000


@pytest.mark.parametrize("kind", KINDS)
def test_equal_sizes_are_said_of_all_without_a_warning(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = pd.DataFrame({"deals": np.arange(60.0), "same": 1.0})
        model = sizes.fit(kind, table, np.full(60, 5.0), np.arange(60))
        assert np.allclose(model.quantiles(table), 5) and np.allclose(model.mean(table), 5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_is_asked_and_none_is_said(kind):
    table, size, account = drawn(60, TELLS, 5)
    model = sizes.fit(kind, table, size, account)
    assert model.quantiles(table[:0]).shape == (0, len(sizes.LEVELS)) and model.mean(table[:0]).shape == (0,)


@pytest.mark.parametrize("kind", [BANDS, TREES])
def test_one_account_few_rows_or_no_column_leave_all_alike(kind):
    table, size, account = drawn(60, TELLS, 6)
    assert sizes.fit(kind, table, size, np.zeros(60)).kind == ALIKE
    assert sizes.fit(kind, table[:29], size[:29], account[:29]).kind == ALIKE
    assert sizes.fit(kind, table[[]], size, account).kind == ALIKE
    assert np.allclose(sizes.fit(kind, table[:1], size[:1], account[:1]).quantiles(table), size[0])


def test_of_many_rows_those_of_some_whole_accounts_are_learnt(monkeypatch):
    monkeypatch.setattr(sizes, "MOST_LEARNT", 200)
    table, size, account = drawn(600, NOISE, 7, rows=3)
    learnt = sizes.fit(ALIKE, table, size, account).learnt
    assert 120 < len(learnt) < 300
    assert pd.Series(account[learnt]).value_counts().eq(3).all()


@pytest.mark.parametrize(
    ("kind", "size", "says"),
    [("a guess", [1.0], "'a guess'"), (ALIKE, [], "0 of 0"), (ALIKE, [1.0, 0.0, -1.0], "2 of 3"), (ALIKE, [np.nan], "1 of 1")],
)  # fmt: skip
def test_refuses_unknown_kinds_and_sizes_not_above_0(kind, size, says):
    with pytest.raises(ValueError, match=says):
        sizes.fit(kind, pd.DataFrame(index=range(len(size))), np.array(size), np.arange(len(size)))


# -- losses and what may come -------------------------------------------------------------------------------------------


def test_interval_score_is_the_width_and_forty_times_how_far_outside():
    # from 1 to e is 1 wide; e**2 lies 1 above it, 1/e 1 below; 2 / (1 - .95) is 40
    low, high = np.ones(3), np.full(3, np.e)
    assert sizes.interval_score(low, high, np.array([2.0, np.e**2, 1 / np.e])) == pytest.approx([1, 41, 41])


def test_quantile_loss_weighs_the_side_it_errs_to():
    # e times too low at each level: the mean of the levels; e times too high: that of the rest, which is as much
    assert sizes.quantile_loss(np.ones((1, 5)), np.array([np.e])) == pytest.approx([0.5])
    high = np.array([[1.0, 1, 1, 1, np.e]])  # only the highest level is off, and by its lighter side
    assert sizes.quantile_loss(high, np.array([1.0])) == pytest.approx([0.025 / 5])


def test_of_what_may_come_by_hand():
    q = np.array([[1.0, 10, 100, 1_000, 10_000]])
    at = [(0.5, 0.5, 0), (0.5, 0.75, 100), (0.1, 0.975, 1_000), (1, 0.25, 10), (0, 0.975, 0), (0.02, 0.975, 0)]
    # half do nothing, so three quarters of all is the middle of the sizes; and so on
    assert [sizes.of_hurdle(np.array([chance]), q, level)[0] for chance, level, _ in at] == pytest.approx(
        [said for *_, said in at]
    )


def test_of_what_may_come_agrees_with_a_count_of_draws():
    rng, levels = np.random.default_rng(8), [sizes.of_hurdle(np.array([0.3]), LOGNORMAL, at)[0] for at in (0.8, 0.95)]
    came = np.where(rng.random(200_000) < 0.3, np.exp(rng.normal(size=200_000)), 0)
    assert [(came <= level).mean() for level in levels] == pytest.approx([0.8, 0.95], abs=0.005)


LOGNORMAL = np.exp([[-1.959964, -0.67449, 0, 0.67449, 1.959964]])


def test_a_chance_that_nobody_knows_leaves_what_may_come_unknown():
    assert np.isnan(sizes.of_hurdle(np.array([np.nan]), LOGNORMAL, 0.975)[0])
