"""How touches fade with age, and surges, on touches a person can follow."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import touches
from abmlib.stats.surges import exceedance

TODAY = pd.Timestamp("2026-06-30")


def ago(days: float) -> pd.Timestamp:
    return TODAY - pd.Timedelta(days=int(days))


def panel(*rows: tuple) -> pd.DataFrame:
    """Touches from (account, days before today, touches)."""
    f = pd.DataFrame(list(rows), columns=["account_id", "age", "rows"])
    f["day"] = pd.to_datetime([ago(a) for a in f.pop("age")]).astype("datetime64[us]")
    return f.astype({"rows": int})


def test_a_touch_halves_with_each_half_life_and_what_lies_ahead_does_not_count():
    assert touches.decayed(panel(("a", 0, 1), ("a", 10, 2), ("a", 30, 1), ("a", -1, 9)), TODAY, 10).tolist() == [
        1,
        1,
        0.125,
        0,
    ]


def test_weeks_end_on_the_day_and_touches_of_others_do_not_count():
    seen = panel(("a", 0, 3), ("a", 6, 3), ("a", 7, 1), ("a", 20, 5), ("a", 21, 9), ("a", -1, 9), ("x", 0, 9))
    assert touches.weekly(seen, pd.Index(["cold", "a"]), TODAY, 2).tolist() == [[0, 0, 0], [6, 1, 5]]
    with pytest.raises(ValueError, match="ids repeat"):
        touches.weekly(seen, pd.Index(["a", "a"]), TODAY, 2)


def simulated(seed: int, n: int = 300, weeks: int = 40, rate: float = 1.0, scatter: float = 0.8) -> np.ndarray:
    """Counts of accounts × weeks, the current one first: gamma rates, scatter within each, and weeks in common."""
    random = np.random.default_rng(seed)
    mean = random.gamma(1.0, rate, (n, 1)) * random.gamma(16, 1 / 16, weeks + 1)
    return random.poisson(mean * random.gamma(1 / scatter, scatter, mean.shape))


def judged(y: np.ndarray) -> pd.DataFrame:
    return exceedance(y, np.full(len(y), y.shape[1] - 1))


def test_p_values_of_units_that_go_on_as_before_are_no_smaller_than_promised():
    p = np.concatenate([judged(simulated(seed))["p"] for seed in range(20)])  # 6,000
    for level in (0.05, 0.01, 0.001):
        assert (p <= level).mean() < level + 3 * np.sqrt(level / len(p))
    assert (p <= 0.05).mean() > 0.02  # and not so large that nothing could be found


def test_the_expected_count_is_the_units_own_rate_times_the_week():
    steady = np.full((200, 41), 4)
    steady[:, 0] = 8  # a campaign: every unit doubles
    got = judged(steady)
    assert got["expected"].between(3.5, 8.5).all()
    assert (got["p"] > 0.01).all()
    seasons = np.tile(np.where(np.arange(41) % 2 == 0, 8, 2), (200, 1))  # weeks of 8 and of 2, in turn: this one of 8
    assert judged(seasons)["expected"].to_numpy() == pytest.approx(8, rel=0.05)


def test_a_lone_unit_has_a_baseline_and_no_counts_at_all_no_surge():
    one = np.array([[9] + [1, 0, 1, 2] * 6])
    assert judged(one)["p"].iloc[0] < 0.01
    assert judged(np.zeros((3, 10), int))["p"].tolist() == [1, 1, 1]
    assert judged(np.zeros((0, 1), int)).empty


def as_touches(y: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    unit, week = np.nonzero(y)
    ids = np.array([f"a{i:03d}" for i in range(len(y))])
    seen = pd.DataFrame({"account_id": ids[unit], "day": TODAY - pd.to_timedelta(7 * week, "D"), "rows": y[unit, week]})
    return seen, pd.DataFrame({"account_id": ids, "created_day": ago(7 * y.shape[1] - 1)})


def test_a_planted_surge_is_found_and_nothing_else():
    y = simulated(5)
    y[:3, 0] += 25
    got = touches.surges(*as_touches(y), TODAY, 40)
    assert got.index[got["surge"]].tolist() == ["a000", "a001", "a002"]
    assert got["ratio"].equals(got["count"] / got["expected"])
    assert got["weeks"].eq(40).all()


def test_accounts_without_a_touch_are_judged_with_the_others():
    y = simulated(5, n=20)
    y[0, 0] += 40
    seen, accounts = as_touches(y)
    silent = pd.DataFrame({"account_id": [f"s{i}" for i in range(80)], "created_day": accounts["created_day"].iloc[0]})
    got = touches.surges(seen, pd.concat([accounts, silent]), TODAY, 40)
    assert got.loc[silent["account_id"], "p"].eq(1).all()
    assert got["q"].min() == pytest.approx(got["p"].min() * 100)  # the smallest of a hundred, not of twenty


def test_too_little_history_is_too_early_and_a_touch_before_creation_lengthens_it():
    accounts = pd.DataFrame({"account_id": ["new", "old"], "created_day": [ago(7 * 8 - 1 + 6), ago(0)]})
    got = touches.surges(panel(("new", 0, 50), ("old", 7 * 8, 1), ("old", 0, 1)), accounts, TODAY, 26)
    assert got["weeks"].tolist() == [7, 8]
    assert got["status"].tolist() == ["too_early", "ok"]
    assert np.isnan(got.loc["new", "q"])
    assert not got.loc["new", "surge"]
    assert touches.surges(panel(), accounts.iloc[:0], TODAY).empty
    with pytest.raises(ValueError, match="weeks must be 8 or more"):
        touches.surges(panel(), accounts, TODAY, 4)
