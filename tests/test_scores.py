"""How well scores foretold, on rows that can be counted by hand and beside scikit-learn and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from abmlib.stats import scores

ALONE = np.arange(6)
SCORE, CAME = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), np.array([1, 0, 1, 0, 0, 0])


@pytest.fixture(scope="module")
def drawn():
    """1,200 rows of 300 accounts, whose luck is shared, and scores that are right."""
    rng = np.random.default_rng(7)
    account = np.repeat(np.arange(300), 4)
    odds = rng.normal(-1, 1, 1200) + np.repeat(rng.normal(0, 0.5, 300), 4)
    p = 1 / (1 + np.exp(-odds))
    return p, (rng.random(1200) < p).astype(int), account


def test_area_counts_pairs_by_hand():
    # 0.9 beats all four, 0.7 beats three of four: seven of eight pairs
    assert scores.auc(SCORE, CAME, ALONE)[0] == 7 / 8


def test_equal_scores_count_half():
    assert scores.auc(np.ones(6), CAME, ALONE)[0] == 0.5


def test_area_precision_and_losses_agree_with_scikit_learn(drawn):
    p, came, account = drawn
    rounded = p.round(1)  # with ties
    assert np.isclose(scores.auc(rounded, came, account)[0], roc_auc_score(came, rounded))
    assert np.isclose(scores.mean_precision(rounded, came, account, 1)[0], average_precision_score(came, rounded))
    assert np.isclose(scores.log_loss(p, came).mean(), log_loss(came, p))
    assert np.isclose(scores.brier(p, came).mean(), brier_score_loss(came, p))


def test_area_has_the_variance_of_delong_where_each_row_is_an_account():
    # DeLong by hand: placements of the two that did it are 1 and 3/4, of the others 1, 1, 1/2 and 1 ... each about 7/8
    value, low, high, n = scores.auc(SCORE, CAME, ALONE)
    off_yes, off_no = np.array([1, 0.75]) - value, np.array([0.5, 1, 1, 1]) - value
    variance = (off_yes @ off_yes / 2**2 + off_no @ off_no / 4**2) * 6 / 5
    half = scores.Z * variance**0.5 / (value * (1 - value))
    ends = [1 / (1 + np.exp(-(np.log(value / (1 - value)) + side * half))) for side in (-1, 1)]
    assert np.allclose([low, high, n], [*ends, 6])


def test_rows_of_one_account_are_worth_less_than_rows_of_many(drawn):
    p, came, account = drawn
    twice = [np.tile(x, 2) for x in (p, came, account)]
    clustered = scores.auc(*twice)
    alone = scores.auc(twice[0], twice[1], np.arange(2400))
    assert np.allclose(clustered[:3], scores.auc(p, came, account)[:3])
    assert clustered[2] - clustered[1] > alone[2] - alone[1]


def test_area_within_strata_compares_like_with_like():
    # within each stratum the score is no help; across them it is all
    score, came = np.array([1, 1, 1, 9, 9, 9]), np.array([0, 0, 1, 1, 1, 0])
    assert scores.auc(score, came, ALONE)[0] > 0.6
    assert scores.auc(score, came, ALONE, np.array([0, 0, 0, 1, 1, 1]))[0] == 0.5


def test_interval_of_the_area_holds_the_truth():
    rng, held = np.random.default_rng(3), 0
    for _ in range(300):
        account = np.repeat(np.arange(80), 3)
        shared = np.repeat(rng.normal(0, 1, 80), 3)
        score = shared + rng.normal(0, 1, 240)
        came = rng.random(240) < 1 / (1 + np.exp(1 - shared))
        _, low, high, _ = scores.auc(score, came, account)
        held += low <= 0.6687 <= high  # of three million rows
    assert held / 300 > 0.91


def test_one_kind_of_row_alone_has_no_area_and_perfect_order_has_an_interval():
    assert np.isnan(scores.auc(SCORE, np.zeros(6), ALONE)[0])
    value, low, high, _ = scores.auc(SCORE, np.array([1, 1, 0, 0, 0, 0]), ALONE)
    assert value == high == 1 and 0.2 < low < 0.5


def test_slope_is_one_for_right_scores_and_below_one_for_loud_ones(drawn):
    p, came, account = drawn
    value, low, high, _ = scores.slope(p, came, account)
    assert low < 1 < high
    loud = 1 / (1 + np.exp(-2 * scores.log_odds(p)))
    assert np.isclose(scores.slope(loud, came, account)[0], value / 2)


def test_slope_agrees_with_statsmodels_over_clusters(drawn):
    p, came, account = drawn
    fitted = sm.Logit(came, sm.add_constant(scores.log_odds(p))).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": account}
    )
    value, low, high, _ = scores.slope(p, came, account)
    assert np.isclose(value, fitted.params[1])
    assert np.isclose(high - low, 2 * 1.968 * fitted.bse[1], rtol=0.01)  # t of 299


@pytest.mark.parametrize("p", [np.full(6, 0.3), np.array([0.9, 0.1, 0.9, 0.1, 0.1, 0.1])], ids=["alike", "parted"])
def test_slope_is_missing_where_nothing_can_be_learnt(p):
    came = CAME if np.ptp(p) == 0 else (p > 0.5).astype(int)
    assert np.isnan(scores.slope(p, came, ALONE)[0])


def test_observed_per_promised_by_hand():
    assert np.isclose(scores.observed_per_promised(np.full(6, 0.25), CAME, ALONE, 1)[0], 2 / 1.5)


def test_lift_by_hand_and_zero_where_none_of_the_chosen_did_it():
    top = np.array([True, True, True, False, False, False])
    assert np.isclose(scores.lift(SCORE, CAME, ALONE, top, 1)[0], (2 / 3) / (2 / 6))
    assert scores.lift(SCORE, CAME, ALONE, ~top, 1)[:2] == (0.0, 0.0)
    assert np.isnan(scores.lift(SCORE, np.zeros(6), ALONE, top, 1)[0])


def test_gain_is_none_for_the_base_rate_itself_and_below_zero_for_worse():
    base = scores.log_loss(np.full(6, 1 / 3), CAME)
    assert scores.gain(base, base, ALONE, 1)[0] == 0
    assert scores.gain(scores.log_loss(np.full(6, 0.9), CAME), base, ALONE, 1)[0] < 0


def test_stability_index_by_hand():
    # half and half becomes one quarter and three quarters
    before, now = np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 1, 1])
    assert np.isclose(scores.stability_index(before, now, 2), 0.25 * np.log(2) + 0.25 * np.log(1.5))


def test_nothing_moves_with_the_order_of_rows(drawn):
    p, came, account = drawn
    order = np.random.default_rng(1).permutation(len(p))
    for found in (scores.auc, scores.slope):
        assert np.allclose(found(p, came, account), found(p[order], came[order], account[order]))
    first, second = (scores.mean_precision(*(x[o] for x in drawn), 5) for o in (np.arange(len(p)), order))
    assert np.allclose(first, second)
