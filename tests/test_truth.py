"""What was planted in the market comes back from its data, as often as promised; what was not planted does not."""

import numpy as np
import pandas as pd
import pytest

from abmlib.market import Switches, buyers
from abmlib.market.chance import Chance
from abmlib.market.simulate import window_of
from benchmarks.proof import END, NOTHING, Proof, Result, measure, span
from benchmarks.truth import PROOFS
from benchmarks.truth_forecast import STAGES
from benchmarks.truth_lists import ALONE, EFFECTS, Future, opened
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


def test_a_market_that_goes_on_is_as_long_before_the_report():
    assert span(0) == (36, END)
    assert span(540) == (54, "2027-12-22")


def test_what_comes_after_the_report_differs_between_futures_and_nothing_before_it():
    window = window_of(*span(540))
    day, each, firms = window.days - 541, *buyers.buyers(Chance(1, 0), window, ALONE)
    share = (day + 1 + buyers.BEFORE) / (window.days + buyers.BEFORE)
    worlds = [opened(Future(1, 0, nth, share), each, firms, window, ALONE) for nth in (0, 1, 1)]
    reached = each.assign(exposed=day + 1.0)
    worlds.append(opened(Future(1, 0, 1, share), reached, firms, window, EFFECTS["of one size"]))
    before, after = ([w[(w["opens"] > day) == late].reset_index(drop=True) for w in worlds] for late in (False, True))
    near = before[0]["opens"] < day - 10  # a few days of work lie between the moment and the morning of the day
    assert all(w[w["opens"] < day - 10].equals(before[0][near]) for w in before)
    assert after[1].equals(after[2])
    assert not after[0].equals(after[1])
    assert len(after[3]) > len(after[1])
