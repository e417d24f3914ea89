"""Tiers by optimisation: against all assignments of small cases, and what stands when the solver is wrong."""

import os
from itertools import product

import numpy as np
import pytest
import scipy

from abmlib.stats import allocation
from abmlib.stats.allocation import NONE, allocate


def random_case(seed: int) -> dict:
    random = np.random.default_rng(seed)
    items, tiers = int(random.integers(5, 9 if seed % 2 else 7)), int(random.integers(2, 4))
    value = random.normal(3, 4, (items, tiers)).round(1 if seed % 3 else 0)
    needs = random.integers(1, 9, (2, tiers)).astype(float)
    return {
        "value": value,
        "needs": needs,
        "has": np.where(random.random(2) < 0.2, np.inf, random.integers(4, 30, 2)),
        "seats": random.integers(0, 4, tiers),
        "group": random.integers(0, 3, items),
        "grouped": int(random.integers(tiers)),
        "fewest": int(random.integers(1, 4)),
        "group_needs": random.integers(0, 4, 2).astype(float),
        "group_cost": float(random.integers(0, 9)),
        "owner": random.integers(0, 2, items),
        "owner_seats": np.where(random.random(tiers) < 0.5, np.inf, random.integers(1, 3, tiers)),
    }


def allowed(tier: np.ndarray, case: dict) -> bool:
    """Does an assignment keep every limit, written out plainly."""
    used = np.zeros(2)
    for one, most in enumerate(case["seats"]):
        inside = np.flatnonzero(tier == one)
        used += len(inside) * case["needs"][:, one]
        if len(inside) > most or (case["value"][inside, one] <= 0).any():
            return False
        if any((case["owner"][inside] == owner).sum() > case["owner_seats"][one] for owner in range(2)):
            return False
        for group in set(case["group"][inside]) if one == case["grouped"] else ():
            used += case["group_needs"]
            if (case["group"][inside] == group).sum() < case["fewest"]:
                return False
    return bool((used <= case["has"]).all())


def worth(tier: np.ndarray, case: dict) -> float:
    opened = len(set(case["group"][tier == case["grouped"]])) if "grouped" in case else 0
    return sum(case["value"][item, one] for item, one in enumerate(tier) if one != NONE) - opened * case.get(
        "group_cost", 0
    )


def best_of_all(case: dict) -> float:
    items, tiers = case["value"].shape
    every = np.array(list(product(range(-1, tiers), repeat=items)))
    seated = np.all([(every == one).sum(axis=1) <= most for one, most in enumerate(case["seats"])], axis=0)
    return max(worth(tier, case) for tier in every[seated] if allowed(tier, case))


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_best_of_all_assignments(seed):
    case = random_case(seed)
    found = allocate(**case)
    assert found.total == pytest.approx(best_of_all(case)) and allowed(found.tier, case)
    assert found.total == pytest.approx(worth(found.tier, case))
    assert found.greedy <= found.total + 1e-9 and found.bound == pytest.approx(found.total) and found.by == "solver"


def larger_case(seed: int, items: int = 300) -> dict:
    random = np.random.default_rng(seed)
    worths = np.exp(random.normal(0, 1.5, items)).round(1)  # some are equal
    return {
        "value": worths[:, None] * [0.3, 0.1, 0.02] * np.exp(random.normal(0, 0.2 * (seed % 2), (items, 3))),
        "needs": np.array([[16.0, 6, 1], [20.0, 5, 0]]),
        "has": np.array([random.integers(60, 200), random.integers(60, 200)]).astype(float),
        "seats": [3, 8, 20],
        "group": random.integers(0, 4, items),
        "grouped": 1,
        "fewest": 3,
        "group_needs": np.array([12.0, 0]),
        "owner": random.integers(0, 3, items),
        "owner_seats": [1, np.inf, np.inf],
    }


@pytest.mark.parametrize("seed", range(8))
def test_places_that_are_cut_are_never_needed(seed, monkeypatch):
    case = larger_case(seed)
    cut = allocate(**case)
    places = allocation._places(allocation._problem(**case, group_cost=0.0))
    assert places.sum() < 0.5 * places.size
    monkeypatch.setattr(allocation, "_places", lambda problem: problem.value > 0)
    assert allocate(**case).total == pytest.approx(cut.total)


@pytest.mark.parametrize("seed", range(8))
def test_the_core_is_as_good_as_the_whole(seed, monkeypatch):
    case = larger_case(seed)
    whole = allocate(**case)
    monkeypatch.setattr(allocation, "CORE", 30)
    core = allocate(**case)
    assert core.total == pytest.approx(whole.total) and core.bound == pytest.approx(whole.bound)


def test_a_solver_that_breaks_a_limit_is_not_believed(monkeypatch):
    real = scipy.optimize.milp

    def wrong(*args, **options):
        answer = real(*args, **options)
        answer.x = np.ones_like(answer.x)
        return answer

    case = ([[3, 2], [5, 4]], [[1, 1]], [1], [1, 1])
    honest = allocate(*case)
    monkeypatch.setattr(scipy.optimize, "milp", wrong)
    found = allocate(*case)
    assert (found.by, found.tier.tolist(), found.total) == ("greedy", [NONE, 0], 5) and found.bound >= 5
    assert (honest.by, honest.tier.tolist(), honest.bound) == ("solver", [NONE, 0], 5)


def test_a_solver_that_does_worse_than_a_simple_rule_is_not_believed(monkeypatch):
    real = scipy.optimize.milp

    def lazy(*args, **options):
        answer = real(*args, **options)
        answer.x, answer.mip_dual_bound = np.zeros_like(answer.x), 0.0
        return answer

    monkeypatch.setattr(scipy.optimize, "milp", lazy)
    found = allocate([[3], [5]], [[1]], [1], [1])
    assert (found.by, found.total) == ("greedy", 5) and found.bound >= 5


def test_the_solver_writes_nothing(monkeypatch, capfd):
    real = scipy.optimize.milp

    def loud(*args, **options):
        os.write(1, b"a line of its own")
        return real(*args, **options)

    monkeypatch.setattr(scipy.optimize, "milp", loud)
    allocate([[3], [5]], [[1]], [1], [1])
    os.write(1, b"after")
    assert capfd.readouterr().out == "after"


def test_a_solver_without_an_answer_leaves_the_simple_rule(monkeypatch):
    monkeypatch.setattr(
        scipy.optimize,
        "milp",
        lambda *args, **options: scipy.optimize.OptimizeResult(x=None, status=4, mip_dual_bound=None),
    )
    found = allocate([[3], [5]], [[1]], [1], [1])
    assert (found.by, found.tier.tolist()) == ("greedy", [NONE, 0])


@pytest.mark.parametrize(
    ("value", "seats"), [(np.empty((0, 2)), [1, 1]), ([[3, 2]], [0, 0]), ([[0, -1], [-2, 0]], [1, 1])]
)
def test_nothing_to_place(value, seats):
    found = allocate(value, [[1, 1]], [9], seats)
    assert (found.tier == NONE).all() and (found.total, found.bound, found.used.tolist()) == (0, 0, [0])


def test_everything_fits():
    found = allocate([[3, 2], [2, 1]], np.empty((0, 2)), [], [2, 2])
    assert (found.tier.tolist(), found.total, found.used.tolist()) == ([0, 0], 5, [])


def test_a_group_with_too_few_stays_closed():
    case = {"needs": [[1]], "has": [9], "seats": [9], "group": ["a", "a", "b", None], "grouped": 0, "fewest": 2}
    found = allocate([[1], [1], [9], [9]], group_needs=[3], **case)
    assert (found.tier.tolist(), found.used.tolist()) == ([0, 0, NONE, NONE], [5])


def test_a_group_that_costs_more_than_there_is_stays_closed():
    case = {"needs": [[1]], "has": [4], "seats": [9], "group": ["a", "a"], "grouped": 0}
    assert allocate([[1], [1]], group_needs=[2], **case).total == 2
    assert allocate([[1], [1]], group_needs=[4], **case).total == 0


def test_an_owner_has_only_so_many_and_no_owner_has_no_limit():
    found = allocate([[5], [4], [3], [2]], [[1]], [9], [9], owner=["x", "x", None, None], owner_seats=[1])
    assert found.tier.tolist() == [0, NONE, 0, 0]


def test_of_equal_items_the_earlier_is_chosen_and_stands_higher():
    runs = [allocate(np.tile([4.0, 2.0], (60, 1)), [[3, 1]], [20], [3, 5]).tier.tolist() for _ in range(3)]
    assert runs == [[0] * 3 + [1] * 5 + [NONE] * 52] * 3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"value": [[1.0], [np.nan]]},
            r"value: 1 of 2 items have a value that is missing or not finite \(first: \[1\]\)",
        ),
        ({"value": [1.0, 2.0]}, "value has 1 dimension"),
        ({"needs": [[1.0, 2.0]]}, r"needs has shape \(1, 2\), not \(1, 1\)"),
        ({"has": [-1.0]}, "has has a missing, negative"),
        ({"needs": [[np.inf]]}, "needs has a missing, negative or endless"),
        ({"seats": [np.nan]}, "seats has a missing"),
        ({"grouped": 0}, "grouped is 0: give group"),
        ({"group": ["a"], "grouped": 0}, "group has 1 labels for 2 items"),
        ({"fewest": 0}, "fewest is 0"),
        ({"owner_seats": [1]}, "owner_seats is given without owner"),
    ],
)
def test_it_refuses_what_does_not_fit(given, says):
    with pytest.raises(ValueError, match=says):
        allocate(**({"value": [[1.0], [2.0]], "needs": [[1.0]], "has": [1.0], "seats": [1]} | given))
