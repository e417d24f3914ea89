"""Models of a yes or no from a table of numbers, from the simplest to the cleverest, all with the same face.

Columns are numbers without gaps. Each model gives calibrated probabilities, and takes the log-odds of each row apart into one
part per column. Accounts are never split between folds. The same rows give the same model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.stats import scores

BASE, COLUMN, LINEAR, TREES = "base rate", "one column", "logistic", "trees"
KINDS = (BASE, COLUMN, LINEAR, TREES)  # the simplest first
FOLDS = 5
SEED = 4
TELLS = 2.5  # standard errors of a column's own score, below which the logistic model leaves it out
STRENGTH = 0.05  # inverse of the penalty on squared coefficients of columns with standard deviation 1
MANY = 100_000  # rows above which the best column is looked for among some of them
SMALL = 10_000  # accounts up to which trees are small: many days of an account say little more than one
FEW_LEAVES: dict[str, Any] = {
    "n_estimators": 120,
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_child_samples": 40,
    "reg_lambda": 5.0,
}
MANY_LEAVES: dict[str, Any] = {
    "n_estimators": 300,
    "learning_rate": 0.08,
    "num_leaves": 31,
    "min_child_samples": 20,
    "reg_lambda": 1.0,
}
TREE_PARTS: dict[str, Any] = {"subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.7, "deterministic": True,
              "force_row_wise": True, "random_state": SEED, "verbose": -1}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A fitted model.

    The log-odds of a row are ``scale`` × what the estimator says + ``shift``.
    """

    kind: str
    columns: tuple[str, ...]  # of the table it was fitted on
    rate: float  # share with the outcome among the rows it was fitted on
    chosen: str = ""  # column that a model of one column rests on
    kept: tuple[str, ...] = ()  # columns that a logistic model rests on
    estimator: Any = field(default=None, repr=False)
    mean: np.ndarray | None = field(default=None, repr=False)  # of each column
    sd: np.ndarray | None = field(default=None, repr=False)
    scale: float = 1.0
    shift: float = 0.0

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Give the probability of each row."""
        return np.asarray(scipy.special.expit(self.scale * self._said(table) + self.shift))

    def parts(self, table: pd.DataFrame) -> pd.DataFrame:
        """Take the log-odds of each row apart.

        Returns
        -------
        DataFrame, index as `table`: one column per column that the model rests on, and ``base``, what a row has that is like the mean (of
        trees: like the rows they learnt from); a row's sum is the log-odds of its probability
        """
        if self.kind == TREES:
            raw = np.asarray(self.estimator.predict(_plain(table[list(self.columns)]), pred_contrib=True))
        elif self.kind in (COLUMN, LINEAR):
            raw = np.column_stack(
                [self._standard(table) * self.estimator.coef_[0], np.full(len(table), self.estimator.intercept_[0])]
            )
        else:
            raw = np.zeros((len(table), len(self.columns) + 1))
        parts = pd.DataFrame(raw * self.scale, table.index, [*self._used(), "base"])
        return parts.assign(base=parts["base"] + self.shift)

    def _used(self) -> list[str]:
        """Columns the estimator sees."""
        return [self.chosen] if self.kind == COLUMN else list(self.kept or self.columns)

    def _standard(self, table: pd.DataFrame) -> np.ndarray:
        """Columns about their mean, in standard deviations."""
        return np.asarray((table[self._used()].to_numpy(float) - self.mean) / self.sd)

    def _said(self, table: pd.DataFrame) -> np.ndarray:
        """What the estimator says of each row, before it is calibrated."""
        if self.kind == BASE:
            return np.zeros(len(table))
        if self.kind == TREES:
            return np.asarray(self.estimator.predict(_plain(table[list(self.columns)]), raw_score=True))
        return np.asarray(self.estimator.decision_function(self._standard(table)))


def fit(
    kind: str,
    table: pd.DataFrame,
    came: np.ndarray,
    accounts: np.ndarray,
    only: Sequence[str] = (),
    calibrated: bool = True,
) -> Model:
    """Fit and calibrate a model.

    `BASE`: the share with the outcome. `COLUMN`: logistic on the one column that ranks best by itself. `LINEAR`: logistic
    on those that tell by themselves (`telling`), coefficients pulled to 0. `TREES`: LightGBM. The last two are calibrated by a sigmoid on their log-odds, learnt
    from what five models, each fitted without a fifth of the accounts, say of that fifth; where these rank no better than chance, all
    rows have the share with the outcome.

    Parameters
    ----------
    kind : one of `KINDS`
    table : DataFrame of numbers, none missing
    came : 1 or 0 per row, both there
    accounts : label per row
    only : columns of which a model of one column chooses; all without it
    calibrated : without it the log-odds are the estimator's own, which rank as well and take a sixth of the time

    Raises
    ------
    ValueError
        If there is no such kind.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; scikit-learn's ``CalibratedClassifierCV(method="sigmoid",
    ensemble=False)``; Ke et al. (2017), LightGBM, NeurIPS 30.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    y, columns = np.asarray(came, int), tuple(table.columns)
    rate = float(y.mean())
    if kind == BASE or not 0 < rate < 1 or not columns:
        return Model(BASE, columns, rate, shift=float(scores.log_odds(np.array([rate]))[0]))
    chosen = best_column(table[list(only) or list(columns)], y) if kind == COLUMN else ""
    kept = telling(table, y, np.asarray(accounts)) if kind == LINEAR else ()
    used = table[[chosen]] if chosen else table[list(kept or columns)]
    mean, sd = used.to_numpy(float).mean(axis=0), used.to_numpy(float).std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    x = _plain(used) if kind == TREES else (used.to_numpy(float) - mean) / sd
    if kind == COLUMN:  # two numbers learnt from all rows: there is nothing to calibrate
        return Model(kind, columns, rate, chosen, kept, _estimator(kind, len(y)).fit(x, y), mean, sd)
    if not calibrated:
        many = len(np.unique(accounts))
        return Model(kind, columns, rate, chosen, kept, _estimator(kind, many).fit(x, y), mean, sd)
    whole, scale, shift = _calibrated(kind, x, y, np.asarray(accounts))
    return Model(kind, columns, rate, chosen, kept, whole, mean, sd, scale, shift)


def some_of(ids: np.ndarray, many: int, most: int) -> np.ndarray:
    """Say which rows are kept so that of `many` about `most` are left: those of some ids, the same ones each time.

    Parameters
    ----------
    ids : label per row, such as its account; all rows of one are kept, or none
    """
    parts = np.uint64(max(1, round(many / most)))
    return np.asarray(pd.util.hash_array(ids.astype(object)) % parts == 0)


def best_column(table: pd.DataFrame, came: np.ndarray) -> str:
    """Name the column that ranks best by itself, in either direction; of equals the first."""
    some = np.arange(0, len(came), max(1, round(len(came) / MANY)))
    y = np.asarray(came)[some]
    off = [abs(scores.auc(table[c].to_numpy(float)[some], y, some)[0] - 0.5) for c in table]
    return str(table.columns[int(np.nanargmax(off))])


def telling(table: pd.DataFrame, came: np.ndarray, accounts: np.ndarray) -> tuple[str, ...]:
    """Name the columns of which the score test of a logistic model on each alone reaches `TELLS`, or the best.

    The variance is that between accounts. Columns that tell nothing take from a model of few rows what the others tell.

    References
    ----------
    Rao (1948), Mathematical Proceedings of the Cambridge Philosophical Society 44, p. 50; Fan and Lv (2008), Sure independence
    screening, JRSS B 70, p. 849.
    """
    label, off = pd.factorize(accounts)[0], np.asarray(came, float) - np.mean(came)
    z = np.zeros(table.shape[1])
    for place, column in enumerate(table):
        x = table[column].to_numpy(float)
        sums = np.bincount(label, weights=(x - x.mean()) * off)
        error = np.sqrt(sums @ sums)
        z[place] = abs(sums.sum()) / error if error > 0 else 0.0
    return tuple(table.columns[z >= min(TELLS, float(z.max()))])


def _estimator(kind: str, accounts: int) -> Any:
    """Make an estimator that is not fitted; it brings libraries that few pages need."""
    if kind == TREES:
        from lightgbm import LGBMClassifier

        size = FEW_LEAVES if accounts <= SMALL else MANY_LEAVES
        return LGBMClassifier(**size, **TREE_PARTS, n_jobs=1 if accounts <= SMALL else None)
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH if kind == LINEAR else 1e3, solver="newton-cholesky")


def _calibrated(kind: str, x: np.ndarray, y: np.ndarray, accounts: np.ndarray) -> tuple[Any, float, float]:
    """Fit an estimator on all rows; slope and shift of its sigmoid, from what models say of accounts they have not seen."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import GroupKFold

    label = pd.factorize(accounts)[0]
    many = int(label.max(initial=-1)) + 1
    folds = list(GroupKFold(min(FOLDS, many)).split(x, y, label)) if many > 1 else []
    if not folds or any(not 0 < y[a].mean() < 1 for a, _ in folds):
        return _estimator(kind, many).fit(x, y), 1.0, 0.0
    found = CalibratedClassifierCV(_estimator(kind, many), method="sigmoid", cv=folds, ensemble=False)
    pair = found.fit(x, y).calibrated_classifiers_[0]
    scale, shift = -float(pair.calibrators[0].a_), -float(pair.calibrators[0].b_)
    if scale <= 0:  # accounts it had not seen were ranked by chance at best, and are not ranked the other way round
        return pair.estimator, 0.0, float(scores.log_odds(np.array([y.mean()]))[0])
    return pair.estimator, scale, shift


def _plain(table: pd.DataFrame) -> np.ndarray:
    """A table as numbers of half the size, for trees."""
    return table.to_numpy(np.float32)
