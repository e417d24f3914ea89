"""Put items into tiers so that their total value is largest, within seats, room, groups and owners."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

NONE = -1  # tier of an item that is in no tier
TOLERANCE = 1e-6  # by which the solver may pass a limit, in parts of the largest need; and miss a whole number
CORE = 400  # places that are solved first: those that the relaxed problem finds nearest to worth having
ROUNDS = 4  # solves in which only groups, and places once found split, must be whole; after them all must
FEW_NODES, NODES = 100, 1_000  # most branches of such a solve, and of the last: a limit of time depends on the machine
SMALL, GAP = 2_000, 1e-5  # up to so many places the answer is exact, above them within this share of the best


@dataclass(frozen=True)
class Allocation:
    """Who is in which tier, and what that brings."""

    tier: np.ndarray  # of each item; `NONE` if in no tier
    total: float  # value of all items in their tiers
    greedy: float  # what a simple rule reaches: place by place, in order of worth
    used: np.ndarray  # of each resource
    bound: float  # no allocation brings more than this
    by: str  # "solver", or "greedy" where the solver's answer failed a check


@dataclass(frozen=True)
class _Problem:
    value: np.ndarray
    needs: np.ndarray
    has: np.ndarray
    seats: np.ndarray
    group: np.ndarray  # code of each item's group, -1 unknown
    grouped: int  # tier whose items stand in groups, -1 none
    fewest: int
    group_needs: np.ndarray
    group_cost: float
    owner: np.ndarray  # code of each item's owner, -1 unknown
    owner_seats: np.ndarray


def allocate(
    value: npt.ArrayLike,
    needs: npt.ArrayLike,
    has: npt.ArrayLike,
    seats: npt.ArrayLike,
    *,
    group: npt.ArrayLike | None = None,
    grouped: int | None = None,
    fewest: int = 1,
    group_needs: npt.ArrayLike | None = None,
    group_cost: float = 0.0,
    owner: npt.ArrayLike | None = None,
    owner_seats: npt.ArrayLike | None = None,
) -> Allocation:
    """Put each item into one tier or none, for the largest total value.

    Of equal items the earlier one is chosen, and stands in the earlier tier. Every limit is checked again on the answer; where
    one fails, or a simple rule reaches more, the answer of that rule stands and ``by`` says so.

    Parameters
    ----------
    value : shape (items, tiers)
        What an item brings in each tier. Where it is 0 or less the item is never put there.
    needs : shape (resources, tiers)
        What one item of a tier uses, 0 or more.
    has : shape (resources,)
        What there is of each resource; inf is no limit.
    seats : shape (tiers,)
        Most items of each tier.
    group : shape (items,), optional
        Label of each item's group. An item without one is never put into the grouped tier.
    grouped : position of the tier whose items stand in groups
        A group is open or not. An open group uses `group_needs` once and holds at least `fewest` items of that tier.
    group_needs : shape (resources,)
        Nothing if not given.
    group_cost : value that an open group takes off the total, 0 or more
    owner : shape (items,), optional
        Label of each item's owner. An item without one counts for no owner's limit.
    owner_seats : shape (tiers,)
        Most items of one owner in each tier; inf is no limit.

    Raises
    ------
    ValueError
        If a shape does not fit, or a number is missing or negative where it cannot be.

    References
    ----------
    Mixed-integer programming by HiGHS: Huangfu and Hall (2018), Mathematical Programming Computation 10, p. 119. Places that
    cannot be in a better answer, by their reduced costs, and the small problem of those near to it: Balas and Zemel (1980),
    Operations Research 28, p. 1130.

    Examples
    --------
    >>> allocate([[9, 3], [8, 4], [1, 1]], needs=[[2, 1]], has=[3], seats=[1, 2]).tier.tolist()
    [0, 1, -1]
    """
    return _allocated(
        _problem(value, needs, has, seats, group, grouped, fewest, group_needs, group_cost, owner, owner_seats)
    )


def _problem(
    value: npt.ArrayLike,
    needs: npt.ArrayLike,
    has: npt.ArrayLike,
    seats: npt.ArrayLike,
    group: npt.ArrayLike | None,
    grouped: int | None,
    fewest: int,
    group_needs: npt.ArrayLike | None,
    group_cost: float,
    owner: npt.ArrayLike | None,
    owner_seats: npt.ArrayLike | None,
) -> _Problem:
    """All arguments as arrays that fit, or a refusal."""
    worth, room = np.asarray(value, float), np.asarray(has, float)
    if worth.ndim != 2:
        raise ValueError(f"value has {worth.ndim} dimension(s), not 2. Give one row per item and one column per tier.")
    items, tiers = worth.shape
    if room.ndim != 1:
        raise ValueError(f"has has {room.ndim} dimension(s), not 1. Give one number per resource.")
    if not np.isfinite(worth).all():
        wrong = np.flatnonzero(~np.isfinite(worth).all(axis=1))
        raise ValueError(
            f"value: {len(wrong)} of {items} items have a value that is missing or not finite (first: {wrong[:3].tolist()}). Give 0 where an item brings nothing."
        )
    if grouped is not None and (group is None or not 0 <= grouped < tiers):
        raise ValueError(f"grouped is {grouped}: give group with it, and a position from 0 to {tiers - 1}.")
    if not 0 <= group_cost < np.inf:
        raise ValueError(f"group_cost is {group_cost}. Give 0 or more.")
    if fewest < 1:
        raise ValueError(f"fewest is {fewest}. Give 1 or more.")
    if owner_seats is not None and owner is None:
        raise ValueError("owner_seats is given without owner. Give the owner of each item.")
    return _Problem(
        worth,
        _numbers("needs", needs, (len(room), tiers), endless=False),
        _numbers("has", room, (len(room),)),
        np.floor(_numbers("seats", seats, (tiers,))).clip(max=items),
        _codes("group", group, items),
        NONE if grouped is None else grouped,
        fewest,
        _numbers(
            "group_needs", np.zeros(len(room)) if group_needs is None else group_needs, (len(room),), endless=False
        ),
        float(group_cost),
        _codes("owner", owner, items),
        _numbers("owner_seats", np.full(tiers, np.inf) if owner_seats is None else owner_seats, (tiers,)),
    )


def _numbers(name: str, given: npt.ArrayLike, shape: tuple[int, ...], endless: bool = True) -> np.ndarray:
    found = np.asarray(given, float)
    if found.shape != shape:
        raise ValueError(f"{name} has shape {found.shape}, not {shape}. Make it fit value and has.")
    if np.isnan(found).any() or (found < 0).any() or not (endless or np.isfinite(found).all()):
        raise ValueError(f"{name} has a missing, negative or endless number: {found.tolist()}. Give 0 or more.")
    return found


def _codes(name: str, labels: npt.ArrayLike | None, items: int) -> np.ndarray:
    if labels is None:
        return np.full(items, -1)
    found = pd.factorize(np.asarray(labels, dtype=object))[0]
    if found.shape != (items,):
        raise ValueError(f"{name} has {len(found)} labels for {items} items. Give one per item.")
    return found


def _allocated(problem: _Problem) -> Allocation:
    """Solve, check, and let the simple rule stand where the solver fails."""
    places = _places(problem)
    simple = max((_greedy(problem, order) for order in _orders(problem, places)), key=lambda one: _total(problem, one))
    greedy = _total(problem, simple)
    found, proved, claimed = _solved(problem, places, greedy)
    least = greedy - TOLERANCE * abs(greedy)
    if found is not None and _feasible(problem, found) and _total(problem, found) >= least:
        by, best, bound = "solver", _earlier_first(problem, places, found), min(proved, claimed)
    else:
        by, best, bound = "greedy", _earlier_first(problem, places, simple), proved
    total = _total(problem, best)
    return Allocation(best, total, greedy, _used(problem, best), max(bound, total), by)


def _total(problem: _Problem, tier: np.ndarray) -> float:
    placed = np.flatnonzero(tier != NONE)
    return float(problem.value[placed, tier[placed]].sum()) - problem.group_cost * _opened(problem, tier)


def _opened(problem: _Problem, tier: np.ndarray) -> int:
    return len(np.unique(problem.group[tier == problem.grouped])) if problem.grouped != NONE else 0


def _used(problem: _Problem, tier: np.ndarray) -> np.ndarray:
    counts = np.bincount(tier[tier != NONE], minlength=len(problem.seats))
    return problem.needs @ counts + problem.group_needs * _opened(problem, tier)


def _slack(problem: _Problem) -> np.ndarray:
    """What each resource may be passed by: rounding, in parts of its largest need."""
    return TOLERANCE * np.maximum(problem.needs.max(axis=1, initial=0), problem.group_needs)


def _feasible(problem: _Problem, tier: np.ndarray) -> bool:
    """Does an answer keep every limit."""
    placed = np.flatnonzero(tier != NONE)
    counts = np.bincount(tier[placed], minlength=len(problem.seats))
    owned = placed[problem.owner[placed] >= 0]
    by_owner = np.zeros((problem.owner.max(initial=0) + 1, len(counts)))
    np.add.at(by_owner, (problem.owner[owned], tier[owned]), 1)
    of_groups = problem.group[tier == problem.grouped] if problem.grouped != NONE else np.array([], int)
    return bool(
        (problem.value[placed, tier[placed]] > 0).all()
        and (counts <= problem.seats).all()
        and (by_owner <= problem.owner_seats).all()
        and (of_groups >= 0).all()
        and (np.unique(of_groups, return_counts=True)[1] >= problem.fewest).all()
        and (_used(problem, tier) <= problem.has + _slack(problem)).all()
    )


def _cell(problem: _Problem, tier: int) -> np.ndarray:
    """Items that can stand for each other in a tier: of one owner if owners are limited, of one group if it is grouped."""
    owner = (
        problem.owner if tier != NONE and np.isfinite(problem.owner_seats[tier]) else np.full(len(problem.value), -1)
    )
    group = problem.group if tier != NONE and tier == problem.grouped else np.full(len(problem.value), -1)
    return (owner + 1) * (problem.group.max(initial=-1) + 2) + group + 1


def _places(problem: _Problem) -> np.ndarray:
    """Which item may be in which tier in some best answer; shape (items, tiers).

    All items of a tier have the same needs. So an item can hand its place to one of its cell that is in no tier and worth at
    least as much there. No more items of a cell are in any tier than it has seats; so of the best of a cell, as many as seats,
    one is always free to take over. All others are never needed.
    """
    places = problem.value > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = np.floor((problem.has + _slack(problem))[:, None] / problem.needs)
    most = np.minimum(problem.seats, np.where(problem.needs > 0, fit, np.inf).min(axis=0, initial=np.inf))
    most_of_owner = np.minimum(most, problem.owner_seats)
    places &= most_of_owner > 0
    if problem.grouped != NONE:
        places[problem.group < 0, problem.grouped] = False
        in_groups = np.flatnonzero(places[:, problem.grouped])
        size = np.bincount(problem.group[in_groups], minlength=problem.group.max(initial=-1) + 1)
        places[in_groups, problem.grouped] = size[problem.group[in_groups]] >= problem.fewest
    for tier in range(len(most)):
        limited = np.isfinite(problem.owner_seats[tier])
        enough = np.where(limited & (problem.owner >= 0), most_of_owner.sum(), most.sum())
        rows = np.flatnonzero(places[:, tier])
        cell = _cell(problem, tier)[rows]
        order = np.lexsort((rows, -problem.value[rows, tier], cell))
        first = np.searchsorted(cell[order], cell[order])
        late = rows[order][np.arange(len(rows)) - first >= enough[rows[order]]]
        places[late, tier] = False
    return places


def _orders(problem: _Problem, places: np.ndarray) -> Iterable[list[tuple[int, int]]]:
    """Places from the best: by value, and by value for what it uses of all that is limited."""
    item, tier = np.nonzero(places)
    gain, limited = problem.value[item, tier], np.isfinite(problem.has) & (problem.has > 0)
    part = (problem.needs[limited] / problem.has[limited, None]).sum(axis=0)
    for worth in (gain, gain / np.where(part > 0, part, 1)[tier]) if part.any() else (gain,):
        order = np.lexsort((tier, item, -worth))
        yield list(zip(item[order].tolist(), tier[order].tolist(), strict=True))


def _greedy(problem: _Problem, order: list[tuple[int, int]]) -> np.ndarray:
    """Fill place by place in the order given; a group opens with its first items, as many as it must hold, or never."""
    tiers, resources = range(len(problem.seats)), range(len(problem.has))
    needs, left = problem.needs.tolist(), (problem.has + _slack(problem)).tolist()
    seats, owner, group = problem.seats.tolist(), problem.owner.tolist(), problem.group.tolist()
    most, out = problem.owner_seats.tolist(), [NONE] * len(owner)
    owned: dict[tuple[int, int], int] = {}
    opened: dict[int, bool] = {}
    of_group: dict[int, list[int]] = {}
    for item, tier in order:
        if tier == problem.grouped:
            of_group.setdefault(group[item], []).append(item)

    def free(item: int, tier: int) -> bool:
        return out[item] == NONE and (owner[item] < 0 or owned.get((owner[item], tier), 0) < most[tier])

    def put(item: int, tier: int, sign: int = 1) -> None:
        out[item] = tier if sign > 0 else NONE
        owned[owner[item], tier] = owned.get((owner[item], tier), 0) + sign
        seats[tier] -= sign
        for resource in resources:
            left[resource] -= sign * needs[resource][tier]

    for item, tier in order:
        if not any(seats):
            break
        wanted = [item]
        common = tier == problem.grouped and group[item] not in opened
        if common:
            wanted, opened[group[item]] = of_group[group[item]], True
        elif tier == problem.grouped and not opened[group[item]]:
            continue
        chosen: list[int] = []
        for one in wanted:
            if len(chosen) < (problem.fewest if common else 1) and free(one, tier):
                put(one, tier)
                chosen.append(one)
        room = all(
            left[resource] >= (problem.group_needs[resource] if common else 0) for resource in resources
        ) and all(seats[one] >= 0 for one in tiers)
        pays = not common or sum(problem.value[one, tier] for one in chosen) > problem.group_cost
        if not room or not pays or len(chosen) < (problem.fewest if common else 1):
            for one in chosen:
                put(one, tier, -1)
            if common:
                opened[group[item]] = False
        elif common:
            left = [had - used for had, used in zip(left, problem.group_needs.tolist(), strict=True)]
    return np.array(out, dtype=int)


def _model(
    problem: _Problem, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, scipy.sparse.csc_array, np.ndarray]:
    """Item and tier of each place, value of each column (places, then groups), rows and their upper limits."""
    item, tier = np.nonzero(places)
    group = np.unique(problem.group[item[tier == problem.grouped]]) if problem.grouped != NONE else np.array([], int)
    here, columns = np.arange(len(item)), len(item) + len(group)
    blocks, limits = [], []

    def add(row: np.ndarray, column: np.ndarray, number: npt.ArrayLike, limit: npt.ArrayLike, rows: int) -> None:
        entries = np.broadcast_to(np.asarray(number, float), len(row))
        blocks.append(scipy.sparse.csr_array((entries, (row, column)), shape=(rows, columns)))
        limits.append(np.broadcast_to(np.asarray(limit, float), rows))

    of_item = np.unique(item, return_inverse=True)[1]
    add(of_item, here, 1, 1, of_item.max() + 1)
    add(tier, here, 1, problem.seats, len(problem.seats))
    for need, common, has in zip(problem.needs, problem.group_needs, problem.has, strict=True):
        if np.isfinite(has) and (scale := max(need.max(initial=0), common)) > 0:
            every = np.concatenate([need[tier], np.full(len(group), common)]) / scale
            add(np.zeros(columns, int), np.arange(columns), every, has / scale, 1)
    for one in np.flatnonzero(np.isfinite(problem.owner_seats)):
        mine = here[(tier == one) & (problem.owner[item] >= 0)]
        add(problem.owner[item[mine]], mine, 1, problem.owner_seats[one], problem.owner.max(initial=0) + 1)
    if len(group):
        inside = here[tier == problem.grouped]
        at, rows = np.searchsorted(group, problem.group[item[inside]]), np.arange(len(inside))
        signs = np.repeat([1, -1], len(inside))
        add(np.tile(rows, 2), np.concatenate([inside, len(item) + at]), signs, 0, len(inside))
        most = np.concatenate([np.full(len(inside), -1), np.full(len(group), problem.fewest)])
        order = np.arange(len(group))
        add(np.concatenate([at, order]), np.concatenate([inside, len(item) + order]), most, 0, len(group))
    gain = np.concatenate([problem.value[item, tier], np.full(len(group), -problem.group_cost)])
    return item, tier, gain, scipy.sparse.vstack(blocks).tocsc(), np.concatenate(limits)


def _solved(problem: _Problem, places: np.ndarray, floor: float) -> tuple[np.ndarray | None, float, float]:
    """Best answer or none, a bound that needs no trust in the solver, and the bound that the solver claims.

    Prices of the relaxed problem bound every answer (weak duality), and an answer with a place whose value is below its price
    by more than some amount is below the bound by as much. So a small core of places is solved first, and again with all that
    could still be in a better answer.
    """
    tier_of = np.full(len(places), NONE)
    if not places.any():
        return tier_of, 0.0, 0.0
    item, tier, gain, rows, room = _model(problem, places)
    scale = gain.max() / 1000
    gain, floor, allowed = gain / scale, floor / scale, 0.0 if len(item) <= SMALL else GAP
    relaxed = scipy.optimize.linprog(-gain, A_ub=rows, b_ub=room, bounds=(0, 1), method="highs-ds")
    price = np.zeros(len(room)) if relaxed.x is None else np.maximum(-relaxed.ineqlin.marginals, 0)
    over = gain - rows.T @ price
    proved = float(room @ price + np.maximum(over, 0).sum())
    below = np.inf if len(gain) <= CORE else max(0.0, float(np.partition(-over, CORE - 1)[CORE - 1]))
    kind = np.append(tier, np.full(len(gain) - len(item), NONE))
    while True:
        core = np.flatnonzero(over >= -below)
        chosen, claimed = _whole(gain[core], rows[:, core], room, kind[core], allowed)
        if chosen is None:
            return None, proved * scale, np.inf
        total = float(gain[core] @ chosen)
        claimed = claimed if len(core) == len(gain) else max(claimed, proved - below)
        could = proved - max(total, floor)  # places below their price by more cannot be in a better answer
        if claimed - total <= allowed * total or below >= could:
            break
        below = could
    placed = core[(chosen > 0) & (core < len(item))]
    tier_of[item[placed]] = tier[placed]
    return tier_of, proved * scale, claimed * scale


def _whole(
    gain: np.ndarray, rows: scipy.sparse.csc_array, room: np.ndarray, tier: np.ndarray, allowed: float
) -> tuple[np.ndarray | None, float]:
    """Solve with as few columns that must be whole as the answer needs: groups, then those found split and their equals."""
    used = rows.tocsr()
    filled = np.diff(used.indptr) > 0
    limits = scipy.optimize.LinearConstraint(used[filled], -np.inf, room[filled])
    alike = np.unique(np.column_stack([tier, gain]), axis=0, return_inverse=True)[1]
    must, turn = tier == NONE, 0
    while True:
        must = must | (turn == ROUNDS)
        with _quiet():
            answer = scipy.optimize.milp(
                -gain,
                integrality=must.astype(int),
                bounds=scipy.optimize.Bounds(0, 1),
                constraints=limits,
                options={"mip_rel_gap": allowed, "node_limit": NODES if must.all() else FEW_NODES},
            )
        if answer.x is None and must.all():
            return None, np.inf
        split = np.ones(len(gain), bool) if answer.x is None else np.abs(answer.x - np.round(answer.x)) > TOLERANCE
        if must.all() or (answer.status == 0 and not split.any()):
            break
        must = must | np.isin(alike, alike[split])
        turn = ROUNDS if answer.status else turn + 1
    bound = answer.fun if answer.mip_dual_bound is None else answer.mip_dual_bound
    return np.round(answer.x), -float(bound)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on the standard output: HiGHS 1.12 leaves lines of its own there, which a notebook would keep."""
    try:
        kept = os.dup(1)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _earlier_first(problem: _Problem, places: np.ndarray, tier: np.ndarray) -> np.ndarray:
    """Same answer with equal items in order: the earlier item in the earlier tier, and the last in none."""
    out, before = tier.copy(), None
    while before is None or (out != before).any():
        before = out.copy()
        for one, other in combinations([*range(len(problem.seats)), NONE], 2):
            may = places[:, one] & (places[:, other] if other != NONE else True) & ((out == one) | (out == other))
            rows = np.flatnonzero(may)
            worth = problem.value[rows, other] if other != NONE else np.zeros(len(rows))
            same = (_cell(problem, one)[rows], _cell(problem, other)[rows], problem.value[rows, one], worth)
            order, ranked = np.lexsort((rows, *same)), np.lexsort((out[rows] != one, *same))
            out[rows[order]] = out[rows[ranked]]
    return out
