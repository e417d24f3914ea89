"""What 03 says of its gate on markets of known truth: parts that tell nothing, and choices that are no better than others.

`PROOFS` is part of the table that `benchmarks.truth` prints. Whether a part of the gate tells anything, or a choice is better, is
nowhere written down in a market; so verdicts and choices are drawn at random, and an effect is planted on what followed.
"""

import numpy as np
import pandas as pd

from abmlib.method import gate_trial, orders, periods, qualification, value
from abmlib.method.qualification import FAIL
from benchmarks.proof import NOTHING, Found, Proof, Seen

MONTHS, OUTCOME, CAPACITY = 12, 6, 25  # as 03's value_months and period_months, outcome_months and capacity
BOUNDS = qualification.Thresholds(0.3, 180, 4, 0.1)  # as the parameters of 03
STAY_AWAY = 0.4  # share of the accounts that failed the planted part and would have bought again, that do not
PART = "viability"


def _nothing(seen: Seen) -> bool:
    """Is it a market in which nothing is to be planted."""
    sizes = seen.truth["switches"].set_index("name")["size"]
    return bool(sizes["stalled"] == NOTHING.stalled)


def _random(seen: Seen) -> np.random.Generator:
    """Chance of a market's own, the same whenever it is asked."""
    return np.random.default_rng(len(seen.transactions))


def _last_choice(seen: Seen) -> tuple[pd.DataFrame, periods.Period, periods.Period]:
    """Lines known before the outcome, the days over which value counted, and the outcome."""
    outcome = periods.trailing(seen.book.as_of, OUTCOME)
    last = outcome.start - pd.Timedelta(days=1)
    return orders.known_before(seen.transactions, outcome.start), periods.trailing(last, MONTHS), outcome


def _customers(seen: Seen) -> tuple[pd.Series, pd.DataFrame]:
    """Revenue of each account with business before the outcome, and what it bought in the outcome."""
    before, basis, outcome = _last_choice(seen)
    revenue = orders.by_account(before, seen.accounts.index, basis)["revenue"]
    revenue = revenue[revenue > 0]
    return revenue, orders.by_account(seen.transactions, revenue.index, outcome)


def part_of_gate(seen: Seen) -> Found:
    """Difference of the planted part; called: it is a signal, or, where none is planted, any part is called something."""
    (before, basis, _), (revenue, after) = _last_choice(seen), _customers(seen)
    halves = periods.adjacent_periods(before["booked_at"].min(), basis.end, MONTHS)
    parts = qualification.gate_parts(before, revenue.index, basis, halves, BOUNDS)
    random, again = _random(seen), after["buying_days"] > 0
    drawn = parts.apply(lambda verdicts: random.permutation(verdicts.to_numpy()))
    planted = not _nothing(seen)
    if planted:
        again &= ~(drawn[PART].eq(FAIL) & (random.random(len(again)) < STAY_AWAY))
    said = gate_trial.part_signals(drawn, again).set_index("part")
    called = said["verdict"].isin(["signal", "the wrong way"])
    yes = said.loc[PART, "verdict"] == "signal" if planted else called.any()
    return Found(float(said.loc[PART, "difference"]), called=float(yes), n=len(again))


def gate_or_list(seen: Seen) -> Found:
    """What the gate brought more than the best of two lists; called: it is better, or, where nothing is planted, anything."""
    revenue, after = _customers(seen)
    random, valuable = _random(seen), value.pareto_class(revenue).eq("A").to_numpy().nonzero()[0]
    drawn = [random.permutation(valuable)[:CAPACITY] for _ in range(3)]
    picks = {str(i): pd.Series(np.isin(range(len(revenue)), one), revenue.index) for i, one in enumerate(drawn)}
    planted = not _nothing(seen)
    lists_only = (picks["1"] | picks["2"]) & ~picks["0"]
    money = after[["revenue", "margin"]].mask(lists_only & planted, 0)
    choices, (_, basis, outcome) = gate_trial.compare_choices(picks, money), _last_choice(seen)
    none = pd.DataFrame()
    trial = gate_trial.BackTest(basis, outcome, none, choices, none, pd.Index([]))
    called = trial.verdict == "better" if planted else trial.verdict in {"better", "worse"}
    return Found(float(trial.best["gate_less_list"]), called=float(called), n=float(trial.best["on_one_list"]))


PROOFS: tuple[Proof, ...] = (
    Proof(
        "part of the gate is a signal",
        "S0-16",
        part_of_gate,
        off=NOTHING,
        power=0.7,
        unit="accounts",
        note="Verdicts of each part in random order over all accounts with business, so that floors are met; the outcome is "
        f"theirs. Power: a part is called a signal where {STAY_AWAY:.0%} of the accounts that failed it and would have bought "
        "again stay away; it is judged together with three parts that tell nothing. False alarms: markets in which any of four such "
        "parts is called a signal or the wrong way.",
    ),
    Proof(
        "gate better than the best list",
        "S0-15",
        gate_or_list,
        off=NOTHING,
        power=0.4,
        unit="accounts",
        note=f"Three lists of {CAPACITY} accounts drawn at random from class A; the first stands for the gate, the others for simple "
        f"lists. Power: it is called better than both where accounts that only they have stop buying. False alarms: it is called better "
        "or worse where all three are alike.",
    ),
)
