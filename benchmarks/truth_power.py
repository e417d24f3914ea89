"""Is the power that 02 states the share of experiments that then find the rise?"""

from functools import partial

import numpy as np
import pandas as pd
import scipy

from abmlib.method import detectable
from abmlib.stats import intervals, power
from abmlib.tables.days import months_before
from benchmarks.proof import Found, Proof, Seen

SEED = 56  # of the thinning and of the experiments
MONTHS = 6  # of the outcome; the last months of a market open fewer deals than those before, so it ends as long before
RISE = 0.6  # planted, share of the baseline
RUNS = 300  # experiments on the accounts of each market


def thinned(fact: pd.DataFrame, kind: str, random: np.random.Generator) -> pd.DataFrame:
    """Facts as they would be without the rise.

    Taken away by chance: of counts each event, of money each line, of shares all that an account did.
    """
    left = 1 / (1 + RISE)
    if kind == "rate":
        return fact.assign(amount=random.binomial(fact["amount"].astype(int), left).astype(float))
    drawn = fact.index if kind == "mean" else pd.Index(fact["account_id"].unique())
    kept = drawn[random.random(len(drawn)) < left]
    return fact[fact.index.isin(kept) if kind == "mean" else fact["account_id"].isin(kept)]


def stated_power(outcome: str, treated: int, held: int, seen: Seen) -> Found:
    """Power that 02 states before an experiment, beside the share of experiments that find the rise planted.

    Everything before the start is thinned, and after it what the accounts held back do; what the treated do stays.
    """
    random, kind = np.random.default_rng(SEED), detectable.OUTCOMES[outcome][0]
    bought = seen.book.panel("transactions", per="day", sums=["revenue"])
    touched = seen.book.panel("activities", ["direction"], per="day")
    fact = detectable.outcome_facts(seen.deals, bought, touched)[outcome]
    start, last = (months_before(seen.book.as_of, k * MONTHS) + detectable.DAY for k in (2, 1))
    created = seen.accounts["created_day"]
    without = thinned(fact, kind, random)
    groups = detectable.Comparison("experiment", treated, held, created.index, start)
    facts = dict.fromkeys(detectable.OUTCOMES, without.iloc[:0]) | {outcome: without[without["day"] < start]}
    stated = detectable.effects(facts, groups, created, [MONTHS], RISE).set_index("outcome").loc[outcome]
    window, past, *_ = detectable.baseline(facts[outcome], kind, groups, created, MONTHS)
    after = detectable.Period(window.end + detectable.DAY, last - detectable.DAY)
    rises, stays = (detectable.outcome_by_account(f, past.index, after) for f in (fact, without))
    if kind == "share":
        rises, stays = ((values > 0).astype(float) for values in (rises, stays))
    order = random.permuted(np.tile(np.arange(len(past)), (RUNS, 1)), axis=1)
    one, two = order[:, :treated], order[:, treated : treated + held]
    y_1, y_0, x = rises.to_numpy()[one], stays.to_numpy()[two], past.to_numpy()
    found = differs(y_1, y_0) if kind == "share" else adjusted_differs(y_1, y_0, x[one], x[two])
    return Found(float(stated["power"]), float(found.mean()), n=treated + held)


def differs(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Is the share of the first group larger, experiment by experiment."""
    k = pd.DataFrame({"one": one.sum(axis=1), "two": two.sum(axis=1)})
    n = pd.DataFrame({"one": one.shape[1], "two": two.shape[1]}, k.index)
    return (intervals.difference(k, n)["low"] > 0).to_numpy()


def adjusted_differs(one: np.ndarray, two: np.ndarray, past_1: np.ndarray, past_2: np.ndarray) -> np.ndarray:
    """Is the mean of the first group larger, experiment by experiment, by least squares on group and past."""
    y, x, n = np.hstack([one, two]), np.hstack([past_1, past_2]), one.shape[1]
    group = np.zeros(y.shape[1])
    group[:n] = 1
    out = []
    for outcome, past in zip(y, x, strict=True):
        design = np.column_stack([group, np.ones(len(group)), past])
        inverse = np.linalg.pinv(design.T @ design)
        beta = inverse @ design.T @ outcome
        df = len(group) - 3
        error = np.sqrt(((outcome - design @ beta) ** 2).sum() / df * inverse[0, 0])
        out.append(beta[0] > scipy.special.stdtrit(df, 1 - power.ALPHA) * error)
    return np.array(out)


SIZES = {"touches_in": (60, 60), "opportunities_opened": (150, 150), "accounts_opening_a_deal": (100, 100)}
GROUPS = "; ".join(f"{name.replace('_', ' ')} {one} and {two}" for name, (one, two) in SIZES.items())
PROOFS = tuple(
    Proof(
        f"stated power: {outcome.replace('_', ' ')}",
        "C-55",
        partial(stated_power, outcome, *sizes),
        bias=0.1,  # five points of a power of one half
        unit="accounts",
        note=f"Estimate: the power that 02 states for a rise of {RISE:.0%} of the baseline within {MONTHS} months, from the "
        f"accounts' own past. Truth: share of {RUNS} experiments on the accounts of the same market that find it, "
        "each with accounts drawn at random into both groups "
        f"({GROUPS}). The rise is planted by taking events (of shares: all that an account did) away, by chance, before the start and "
        "from the accounts held back.",
    )
    for outcome, sizes in SIZES.items()
)
