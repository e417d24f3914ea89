"""Models of a yes or no: what they find, what they do not invent, and how a row's log-odds come apart."""

import numpy as np
import pandas as pd
import pytest

from abmlib.stats import models, scores


def rows(n: int, seed: int, strength: float = 0.8, columns: int = 8) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows of n ÷ 2 accounts; the first column moves the log-odds."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.standard_normal((n, columns)), columns=[f"x{i}" for i in range(columns)])
    came = (rng.random(n) < 1 / (1 + np.exp(1.2 - strength * x["x0"]))).astype(int)
    return x, came, np.arange(n) // 2


@pytest.mark.parametrize("kind", models.KINDS)
def test_parts_of_a_row_add_up_to_its_log_odds(kind):
    x, came, account = rows(400, 1)
    model = models.fit(kind, x, came, account)
    assert np.allclose(model.parts(x).sum(axis=1), scores.log_odds(model.predict(x)))


@pytest.mark.parametrize("kind", [models.COLUMN, models.LINEAR, models.TREES])
def test_a_planted_column_is_found_and_the_level_is_right(kind):
    x, came, account = rows(3000, 2)
    model = models.fit(kind, x, came, account)
    new, then, who = rows(3000, 3)
    p = model.predict(new)
    assert scores.auc(p, then, who)[1] > 0.6
    assert 0.8 < scores.slope(p, then, who)[0] < 1.25
    assert abs(p.mean() - then.mean()) < 0.03
    assert model.parts(new).drop(columns="base").abs().mean().idxmax() == "x0"


def test_one_column_names_the_column_it_rests_on_and_takes_only_those_allowed():
    x, came, account = rows(1000, 4)
    assert models.fit(models.COLUMN, x, came, account).chosen == "x0"
    assert models.fit(models.COLUMN, x, came, account, only=["x3", "x4"]).chosen in {"x3", "x4"}


def test_a_model_that_ranks_no_better_than_chance_is_not_turned_round():
    # out of its folds this noise ranks below one half: a sigmoid alone would turn it round
    for seed in range(12):
        x, came, account = rows(120, seed, strength=0.0, columns=30)
        model = models.fit(models.LINEAR, x, came, account)
        assert model.scale >= 0
        if model.scale == 0:
            assert np.allclose(model.predict(x), came.mean())


def test_accounts_are_never_split_between_folds():
    # each account has one outcome and an id of its own in a column: a fold that knew the account would be sure of itself
    rng = np.random.default_rng(5)
    account = np.repeat(np.arange(200), 5)
    x = pd.DataFrame({"id": account.astype(float), "noise": rng.standard_normal(1000)})
    came = np.repeat(rng.integers(0, 2, 200), 5)
    model = models.fit(models.TREES, x, came, account)
    assert np.abs(model.predict(x) - came.mean()).max() < 0.35


def test_the_same_rows_give_the_same_model():
    x, came, account = rows(500, 6)
    one, two = (models.fit(models.TREES, x, came, account).predict(x) for _ in range(2))
    assert (one == two).all()


def test_without_a_column_or_an_outcome_the_base_rate_is_all():
    x, came, account = rows(50, 7)
    assert models.fit(models.TREES, x[[]], came, account).kind == models.BASE
    never = models.fit(models.LINEAR, x, np.zeros(50), account)
    assert never.kind == models.BASE and never.predict(x).max() < 1e-5


def test_refuses_a_kind_it_does_not_know():
    with pytest.raises(ValueError, match="kind must be one of"):
        models.fit("oracle", *rows(20, 8))
