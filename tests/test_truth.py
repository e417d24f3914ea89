"""What was planted in the market comes back from its data, as often as promised; what was not planted does not."""

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Switches
from benchmarks.proof import NOTHING, Proof, Result, measure
from benchmarks.truth import PROOFS
from benchmarks.truth_forecast import STAGES
from benchmarks.truth_propensity import permuted

# Seeds of markets with an effect and without, and of those that a few rows need for themselves: only a badly wrong interval
# is caught. `make truth` has hundreds, and the rows of large markets, of which it asks one in many seeds.
FEW = range(1, 6), range(1, 4), range(1, 4)
MORE = range(101, 131), range(101, 116), range(101, 113)
ACCOUNTS = 500  # in each market


def shares_markets(proof: Proof) -> bool:
    """Does a row use the two kinds of markets that are made for all rows."""
    return proof.accounts is None and proof.on == Switches() and proof.off in (None, NOTHING, Switches())


@pytest.fixture(scope="module", params=[FEW, pytest.param(MORE, marks=pytest.mark.slow)], ids=["few", "more"])
def results(request) -> dict[str, Result]:
    """Every proof, over some markets."""
    planted, without, own = request.param
    shared, others = ([p for p in PROOFS if shares_markets(p) == shares] for shares in (True, False))
    found = measure(shared, planted, ACCOUNTS, jobs=2, without=without)
    found += measure(others, own, ACCOUNTS, jobs=2) if others else []
    return {r.proof.effect: r for r in found}


def test_every_proof_has_a_name_of_its_own(results):
    assert len(results) == len(PROOFS)


@pytest.mark.parametrize("effect", [p.effect for p in PROOFS])
def test_an_estimator_keeps_its_promise(results, effect):
    assert results[effect].broken == []


@pytest.mark.parametrize("effect", [p.effect for p in PROOFS])
def test_an_estimator_answers(results, effect):
    assert results[effect].seeds >= 0.9 * results[effect].asked


@pytest.mark.parametrize("stage", STAGES)
def test_the_users_own_stage_shares_find_the_true_chance_to_win(results, stage):
    found = results[f"chance to win from {stage}"]
    assert found.value == pytest.approx(found.truth, abs=0.05)


def test_labels_dealt_anew_stay_with_accounts_known_on_the_same_days():
    rows = [("a", 1, 1.0), ("a", 2, 1.0), ("b", 1, 0.0), ("b", 2, 0.0), ("new", 2, 1.0), ("newer", 2, 0.0)]
    labelled = pd.DataFrame(rows, columns=["account_id", "day", "came"])
    draws = [permuted(labelled, np.random.default_rng(seed)) for seed in range(20)]
    dealt = {tuple(d["came"]) for d in draws}
    assert dealt == {(1, 1, 0, 0, 1, 0), (0, 0, 1, 1, 1, 0), (1, 1, 0, 0, 0, 1), (0, 0, 1, 1, 0, 1)}
