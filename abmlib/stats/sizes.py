"""How big a thing will be that has no size below zero and a long tail: quantiles, from the simplest model to the cleverest.

Sizes are taken as logarithms. Columns are numbers without gaps. What a model says is corrected by what it said of accounts it had
not seen, so that its intervals hold as often as they promise. Accounts are never split between folds. The same rows give the
same model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from abmlib.stats import models
from abmlib.stats.intervals import ENDS

LEVELS = (
    ENDS[0],
    0.25,
    0.5,
    0.75,
    ENDS[1],
)  # quantiles that are given: the interval of the house, the half in the middle, the middle
LOW, QUARTER, MIDDLE, THREE_QUARTERS, HIGH = range(len(LEVELS))
ALIKE, BANDS, TREES = "all alike", "bands of one column", "boosted quantiles"
KINDS = (ALIKE, BANDS, TREES)  # the simplest first
FEWEST = 30  # rows of a group or band that has quantiles of its own
MOST_BANDS = 4
MOST_LEARNT = 20_000  # rows that quantiles are learnt from; of more, those of some accounts


@dataclass(frozen=True)
class Part:
    """Sizes of a group of rows, as logarithms."""

    quantiles: np.ndarray  # at `LEVELS`
    factor: float  # mean size over the middle one


@dataclass(frozen=True)
class Sizes:
    """A fitted model."""

    kind: str
    columns: tuple[str, ...]
    every: Part = field(default_factory=lambda: Part(np.zeros(len(LEVELS)), 1.0))
    groups: dict[str, Part] = field(default_factory=dict, repr=False)  # those with enough rows
    chosen: str = ""  # column that bands rest on
    edges: tuple[float, ...] = ()  # values at which bands begin, the lowest apart
    bands: np.ndarray = field(
        default_factory=lambda: np.zeros((0, len(LEVELS))), repr=False
    )  # over the middle of the group
    trees: tuple[Any, ...] = field(default=(), repr=False)  # one per level
    shift: np.ndarray = field(default_factory=lambda: np.zeros(len(LEVELS)), repr=False)  # what corrects them
    factors: dict[str, float] = field(default_factory=dict, repr=False)  # mean over middle size, by group; "" for all
    learnt: np.ndarray = field(
        default_factory=lambda: np.zeros(0, int), repr=False
    )  # places of the rows it was fitted on
    unseen: np.ndarray = field(
        default_factory=lambda: np.zeros((0, len(LEVELS))), repr=False
    )  # what models without its account say of each

    def quantiles(self, table: pd.DataFrame, group: np.ndarray | None = None) -> np.ndarray:
        """Give the sizes of each row at `LEVELS`, in order; a column per level."""
        group = _label(group, len(table))
        if self.kind == ALIKE:
            return np.exp(np.array([self._of(g).quantiles for g in group]).reshape(-1, len(LEVELS)))
        return np.exp(np.sort(self.centre(group)[:, None] + self.said(table) + self.shift, axis=1))

    def mean(self, table: pd.DataFrame, group: np.ndarray | None = None) -> np.ndarray:
        """Give the mean size of each row: the middle one, times what the mean of all was over their middle; not above the highest quantile."""
        group = _label(group, len(table))
        every = self.factors.get("", self.every.factor)
        of = {g: self.groups[g].factor for g in self.groups} if self.kind == ALIKE else self.factors
        said = self.quantiles(table, group)
        mean = said[:, MIDDLE] * np.array([of.get(g, every) for g in group])
        return np.asarray(mean if self.kind == ALIKE else np.minimum(mean, said[:, HIGH]))

    def centre(self, group: np.ndarray) -> np.ndarray:
        """Give the logarithm of the middle size of the group of each row."""
        return np.array([self._of(g).quantiles[MIDDLE] for g in group])

    def said(self, table: pd.DataFrame) -> np.ndarray:
        """Give logarithms of quantiles over the middle of the group, before they are corrected."""
        if self.kind == BANDS:
            return np.asarray(self.bands[np.searchsorted(self.edges, table[self.chosen].to_numpy(float), side="right")])
        x = table[list(self.columns)].to_numpy(np.float32)
        return np.column_stack([tree.predict(x) for tree in self.trees]) if len(x) else np.zeros((0, len(LEVELS)))

    def _of(self, group: str) -> Part:
        return self.groups.get(group, self.every)


def fit(
    kind: str, table: pd.DataFrame, size: np.ndarray, accounts: np.ndarray, group: np.ndarray | None = None
) -> Sizes:
    """Fit a model of sizes.

    `ALIKE`: the quantiles of the group. `BANDS`: those of up to `MOST_BANDS` bands of the one column that ranks sizes best.
    `TREES`: LightGBM at each level. The last two learn sizes over the middle one of the group. What trees say is moved, level by
    level, by the quantile of how far they were off on accounts they had not seen; a quantile of n sizes is the one that a further size
    lies below with that chance.

    Parameters
    ----------
    kind : one of `KINDS`
    table : DataFrame of numbers, none missing
    size : above 0
    accounts : label per row
    group : label per row, of things that differ in size by nature, such as its product line; one of fewer than `FEWEST` rows is like all

    Raises
    ------
    ValueError
        If there is no such kind, no row, or a size is not above 0.

    References
    ----------
    C-49. Koenker and Bassett (1978), Econometrica 46, p. 33; Romano, Patterson and Candès (2019), Conformalized quantile regression,
    NeurIPS 32, of folds: Barber et al. (2021), Annals of Statistics 49, p. 486; the mean: Duan (1983), JASA 78, p. 605.
    """
    size = np.asarray(size, float)
    if kind not in KINDS or not len(size) or not (size > 0).all():
        raise ValueError(
            f"sizes: give one of {list(KINDS)} and sizes above 0, got {kind!r}, {(~(size > 0)).sum()} of {len(size)} not above 0."
        )
    accounts = np.asarray(accounts)
    learnt = np.flatnonzero(models.some_of(accounts, len(accounts), MOST_LEARNT))
    table, size, accounts = table.iloc[learnt], size[learnt], accounts[learnt]
    y, group = np.log(size), _label(group, len(learnt)) if group is None else np.asarray(group, object)[learnt]
    groups = {str(g): _part(y[group == g]) for g in np.unique(group) if (group == g).sum() >= FEWEST}
    alike = Sizes(ALIKE, tuple(table.columns), _part(y), groups, learnt=learnt)
    alike = replace(alike, unseen=alike.quantiles(table, group))
    if kind == ALIKE or table.empty or len(y) < FEWEST or len(folds := _folds(accounts)) < 2:
        return alike
    centre = alike.centre(group)
    off, unseen = y - centre, np.zeros((len(y), len(LEVELS)))
    made = _bands if kind == BANDS else _trees
    for rows, rest in folds:
        unseen[rest] = made(table.iloc[rows], off[rows]).said(table.iloc[rest])
    shift = (
        np.zeros(len(LEVELS))
        if kind == BANDS
        else np.array([quantiles_of(off - unseen[:, k])[k] for k in range(len(LEVELS))])
    )
    unseen = np.exp(np.sort(centre[:, None] + unseen + shift, axis=1))
    return replace(
        made(table, off), every=alike.every, groups=groups, shift=shift, learnt=learnt, unseen=unseen,
        factors=_factors(size, unseen[:, MIDDLE], group),
    )  # fmt: skip


def interval_score(low: np.ndarray, high: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Give the loss of each interval, on the scale of logarithms: its width, and 2 / (1 - level) times how far a size lies outside.

    An interval that is half of another on that scale is to its ends the root of it: from a ninth to nine times becomes a third to three
    times.

    References
    ----------
    Gneiting and Raftery (2007), JASA 102, p. 370, of logarithms.

    Examples
    --------
    >>> interval_score(np.array([1.0]), np.array([np.e]), np.array([2.0]))
    array([1.])
    """
    low, high, size = np.log(low), np.log(high), np.log(size)
    outside = np.clip(low - size, 0, None) + np.clip(size - high, 0, None)
    return np.asarray(high - low + outside / ENDS[0])


def quantile_loss(quantiles: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Give the loss of the quantiles of each row, on the scale of logarithms: mean over `LEVELS` of how far a size lies off, weighted by its side.

    References
    ----------
    Koenker and Bassett (1978), Econometrica 46, p. 33.

    Examples
    --------
    >>> quantile_loss(np.full((1, 5), 1.0), np.array([np.e])).round(3).tolist()
    [0.5]
    """
    off, level = np.log(size)[:, None] - np.log(quantiles), np.array(LEVELS)
    return np.asarray(np.maximum(level * off, (level - 1) * off).mean(axis=1))


def of_hurdle(chance: np.ndarray, quantiles: np.ndarray, at: float) -> np.ndarray:
    """Give a quantile of what comes of each row: nothing, or with a chance a size.

    Between the levels of `quantiles` sizes are taken as lying evenly on the scales of logarithms and of the normal distribution.

    Parameters
    ----------
    chance : that there is a size at all
    quantiles : sizes at `LEVELS`, a row each
    at : level, such as .975

    References
    ----------
    C-49; Cragg (1971), Econometrica 39, p. 829.

    Examples
    --------
    >>> of_hurdle(np.array([0.02, 1.0]), np.array([[1.0, 2, 4, 8, 16]] * 2), 0.975).round(6).tolist()
    [0.0, 16.0]
    """
    from scipy.special import ndtri

    chance, logs = np.asarray(chance, float), np.log(np.asarray(quantiles, float))
    inside = (at - (1 - chance)) / np.where(chance > 0, chance, 1.0)
    z, place = ndtri(np.clip(inside, LEVELS[0], LEVELS[-1])), ndtri(LEVELS)
    sizes = np.array([np.interp(at_z, place, row) for at_z, row in zip(z, logs, strict=True)])
    return np.where(inside <= 0, 0.0, np.exp(sizes))


# -- parts ------------------------------------------------------------------------------------------------------------


def _label(group: np.ndarray | None, n: int) -> np.ndarray:
    """Label per row; one for all where there is none."""
    return np.full(n, "", object) if group is None else np.asarray(group, object)


def quantiles_of(y: np.ndarray) -> np.ndarray:
    """Quantiles at `LEVELS` below which a further value lies with that chance: numpy's ``method="weibull"``, at a tenth of its time on few values."""
    order = np.sort(y)
    place = np.clip((len(order) + 1) * np.array(LEVELS) - 1, 0, len(order) - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, len(order) - 1)
    return np.asarray(order[below] + (order[above] - order[below]) * (place - below))


def _part(y: np.ndarray) -> Part:
    found = quantiles_of(y)
    return Part(found, float(np.exp(y).mean() / np.exp(found[MIDDLE])))


def _factors(size: np.ndarray, middle: np.ndarray, group: np.ndarray) -> dict[str, float]:
    """Sum of sizes over the sum of the middle ones that were said of them, by group; "" for all."""
    many = {str(g): group == g for g in np.unique(group)}
    parts = {g: rows for g, rows in many.items() if rows.sum() >= FEWEST} | {"": np.ones(len(size), bool)}
    return {g: float(size[rows].sum() / middle[rows].sum()) for g, rows in parts.items()}


def _bands(table: pd.DataFrame, y: np.ndarray) -> Sizes:
    """Take the column that ranks sizes best, in bands of about as many rows, `FEWEST` of them or more in each."""
    ranks = pd.Series(y).rank().to_numpy()
    differ = [np.ptp(ranks) > 0 and table[c].nunique() > 1 for c in table]
    tells = [
        abs(np.corrcoef(table[c].rank(), ranks)[0, 1]) if can else 0.0 for c, can in zip(table, differ, strict=True)
    ]
    column = str(table.columns[int(np.argmax(tells))])
    x = table[column].to_numpy(float)
    edges = np.unique(np.quantile(x, np.arange(1, MOST_BANDS) / MOST_BANDS))
    while len(edges):
        many = np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1)
        if many.min() >= FEWEST:
            break
        edges = np.delete(edges, min(int(many.argmin()), len(edges) - 1))
    band = np.searchsorted(edges, x, side="right")
    return Sizes(
        BANDS,
        tuple(table.columns),
        chosen=column,
        edges=tuple(edges),
        bands=np.array([quantiles_of(y[band == b]) for b in range(len(edges) + 1)]),
    )


def _trees(table: pd.DataFrame, y: np.ndarray) -> Sizes:
    """Fit one model per level."""
    from lightgbm import LGBMRegressor

    how = {**models.FEW_LEAVES, **models.TREE_PARTS, "n_jobs": 1, "objective": "quantile"}
    x = table.to_numpy(np.float32)
    return Sizes(
        TREES, tuple(table.columns), trees=tuple(LGBMRegressor(**how, alpha=level).fit(x, y) for level in LEVELS)
    )


def _folds(accounts: np.ndarray) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """Rows learnt from and the rest, of whole accounts."""
    from sklearn.model_selection import GroupKFold

    label = pd.factorize(accounts)[0]
    many = int(label.max()) + 1
    return list(GroupKFold(min(models.FOLDS, many)).split(label, label, label)) if many > 1 else []
