"""How well scores foretold what came: do they rank, is their level right, and what do they gain over the base rate.

Rows of one account are alike: every interval here rests on accounts as clusters. Scores are probabilities unless said
otherwise; outcomes are 1 and 0. Neither the order of rows nor the names of clusters move a number.
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.stats import intervals
from abmlib.stats.intervals import CELLS, ENDS, Z

Estimate = tuple[float, float, float, int]  # value, low, high, n
LEAST = 1e-6  # a probability is not taken nearer to 0 or 1 than this
STEPS = 50  # of Newton's method, at most
DRAWS = 400  # of accounts, for the interval of the mean precision


def clipped(p: np.ndarray) -> np.ndarray:
    """Keep probabilities off 0 and 1, where their log-odds end."""
    return np.clip(np.asarray(p, float), LEAST, 1 - LEAST)


def log_odds(p: np.ndarray) -> np.ndarray:
    """Give the logarithm of the odds of probabilities."""
    p = clipped(p)
    return np.asarray(np.log(p / (1 - p)))


def levelled(p: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Move the log-odds of all scores by one number, so that they promise as much on the whole as came; their order and spread stay."""
    x, rate = log_odds(p), float(np.clip(np.mean(came), LEAST, 1 - LEAST))
    low, high = -x.max() - 20.0, -x.min() + 20.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if scipy.special.expit(x + middle).mean() < rate else (low, middle)
    return np.asarray(scipy.special.expit(x + (low + high) / 2))


# -- ranking ----------------------------------------------------------------------------------------------------------


def auc(score: np.ndarray, came: np.ndarray, cluster: np.ndarray, stratum: np.ndarray | None = None) -> Estimate:
    """Share of pairs of a row with the outcome and one without in which the first has the higher score; ties count half.

    With strata only pairs within one are compared. The interval is on the scale of log-odds, from the variance between
    clusters. Where one kind of row is absent all are missing; where all pairs agree, the ends are those of a share of as many
    independent rows as the rarer kind has clusters.

    Parameters
    ----------
    score : number per row, of any scale; none missing
    came : 1 or 0 per row
    cluster : label per row, such as its account
    stratum : label per row

    Returns
    -------
    value, low, high, n (rows)

    References
    ----------
    C-46. DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, p. 837; of clusters: Obuchowski (1997), Biometrics 53, p. 567
    (each cluster's influence summed).

    Examples
    --------
    >>> auc(np.array([1, 2, 3, 4]), np.array([0, 0, 1, 1]), np.arange(4))[0]
    1.0
    """
    return area(score, came, cluster, stratum)[:4]


def area(
    score: np.ndarray, came: np.ndarray, cluster: np.ndarray, stratum: np.ndarray | None = None
) -> tuple[float, float, float, int, float]:
    """Give `auc` and the two-sided p-value of its being one half, which is missing where it has no variance.

    Returns
    -------
    value, low, high, n, p
    """
    value, variance, least, n = _area(score, came, cluster, stratum)
    if np.isnan(value):
        return value, value, value, n, value
    p = float(2 * scipy.special.ndtr(-abs(value - 0.5) / variance**0.5)) if variance > 0 else float("nan")
    if not 0 < value < 1 or not variance > 0:
        w = intervals.wilson(pd.Series([value * least]), pd.Series([least])).iloc[0]
        return value, float(w["low"]), float(w["high"]), n, p
    middle, half = np.log(value / (1 - value)), Z * variance**0.5 / (value * (1 - value))
    low, high = (float(scipy.special.expit(middle + side * half)) for side in (-1, 1))
    return value, low, high, n, p


def _area(
    score: np.ndarray, came: np.ndarray, cluster: np.ndarray, stratum: np.ndarray | None
) -> tuple[float, float, int, int]:
    """Area, its variance between clusters, clusters of the rarer kind of row, and rows."""
    score, yes, n = np.asarray(score, float), np.asarray(came, float) > 0, len(score)
    part = np.zeros(n, int) if stratum is None else pd.factorize(np.asarray(stratum))[0]
    moves, total, pairs = np.zeros(n), 0.0, 0.0
    for k in range(int(part.max(initial=-1)) + 1):
        up, down = np.flatnonzero((part == k) & yes), np.flatnonzero((part == k) & ~yes)
        if not len(up) or not len(down):
            continue
        every = _ranks(np.concatenate([score[up], score[down]]))
        beaten = (every[: len(up)] - _ranks(score[up])) / len(down)  # share of the other kind below
        beat = 1 - (every[len(up) :] - _ranks(score[down])) / len(up)  # share of the other kind above
        area, weight = float(beaten.mean()), float(len(up)) * len(down)
        moves[up], moves[down] = weight * (beaten - area) / len(up), weight * (beat - area) / len(down)
        total, pairs = total + weight * area, pairs + weight
    if not pairs:
        return float("nan"), float("nan"), 0, n
    label = pd.factorize(np.asarray(cluster))[0]
    least = min(len(np.unique(label[kind])) for kind in (yes, ~yes))
    sums = np.bincount(label, weights=moves) / pairs
    variance = float(sums @ sums) * len(sums) / (len(sums) - 1) if least > 1 else float("nan")
    return total / pairs, variance, least, n


def _ranks(x: np.ndarray) -> np.ndarray:
    """Rank of each number from 1 on; equal ones share their mean rank."""
    _, place, many = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(many)
    return np.asarray((last - (many - 1) / 2)[place], float)


def mean_precision(score: np.ndarray, came: np.ndarray, cluster: np.ndarray, seed: int) -> Estimate:
    """Mean of the share that came among the rows scored as high as each row with the outcome, or higher (area under precision and recall).

    What chance would have is the share that came of all rows.

    Parameters
    ----------
    score, came, cluster : as in `auc`
    seed : of the draws of clusters

    Returns
    -------
    value, low, high (percentiles of draws of clusters), n; missing where nothing came

    References
    ----------
    C-46. Davis and Goadrich (2006), The relationship between precision-recall and ROC curves, ICML, p. 233.
    """
    score, yes, n = np.asarray(score, float), np.asarray(came, float), len(score)
    nothing = float("nan")
    if not yes.sum():
        return nothing, nothing, nothing, n
    order = np.lexsort((yes, -score))
    yes, last = yes[order], np.append(np.flatnonzero(np.diff(-score[order])), n - 1)  # last row of each score
    label = pd.factorize(np.asarray(cluster)[order])[0]
    clusters = int(label.max()) + 1
    value = float(_precision(np.ones((1, n)), yes, last)[0])
    if clusters < intervals.FEWEST_DRAWN:
        return value, nothing, nothing, n
    by_content = np.lexsort(
        (np.bincount(label, weights=yes), np.bincount(label), np.bincount(label, weights=np.arange(n)))
    )
    place = np.empty(clusters, int)
    place[by_content] = np.arange(clusters)
    random, drawn, step = np.random.default_rng(seed), list[np.ndarray](), max(1, CELLS // (4 * n))
    for done in range(0, DRAWS, step):
        often = random.multinomial(clusters, np.full(clusters, 1 / clusters), size=min(step, DRAWS - done))
        drawn.append(_precision(often[:, place[label]].astype(float), yes, last))
    known = np.concatenate(drawn)
    low, high = np.quantile(known[np.isfinite(known)], ENDS)
    return value, float(low), float(high), n


def _precision(weight: np.ndarray, yes: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean precision of rows from the highest score down, for each row of weights."""
    hits, seen = (np.cumsum(w, axis=1)[:, last] for w in (weight * yes, weight))
    gained = np.diff(hits, axis=1, prepend=0)
    with np.errstate(all="ignore"):
        return np.asarray((gained * np.nan_to_num(hits / seen)).sum(axis=1) / hits[:, -1])


def lift(score: np.ndarray, came: np.ndarray, cluster: np.ndarray, top: np.ndarray, seed: int) -> Estimate:
    """Share that came among chosen rows over the share of all rows.

    Parameters
    ----------
    came, cluster : as in `auc`
    top : bool per row: chosen; or the part of it that is
    seed : of the draws of clusters

    Returns
    -------
    value, low, high, n (chosen rows); missing where nothing came or none is chosen

    References
    ----------
    C-45.
    """
    yes, chosen = np.asarray(came, float), np.asarray(top, float)
    parts = pd.DataFrame({"hits": yes * chosen, "top": chosen, "came": yes, "rows": 1.0})
    n, powers = round(float(chosen.sum())), {"hits": 1, "top": -1, "came": -1, "rows": 1}
    if not n or not yes.sum():
        return float("nan"), float("nan"), float("nan"), n
    if not parts["hits"].sum():
        some = chosen > 0
        share = intervals.shares(
            pd.Series(yes[some]), pd.Series(np.asarray(cluster)[some]), pd.Series("all", range(int(some.sum())))
        )
        return 0.0, 0.0, float(share["high"].iloc[0] / yes.mean()), n
    value, low, high, _ = intervals.product(parts, powers, seed, pd.Series(np.asarray(cluster)))
    return value, low, high, n


# -- level ------------------------------------------------------------------------------------------------------------


def slope(p: np.ndarray, came: np.ndarray, cluster: np.ndarray) -> Estimate:
    """Slope of the log-odds of what came on the log-odds of the score: 1 where the spread of scores is right.

    Below 1 high scores promise too much and low ones too little; above 1 the scores are timid. Missing where all scores are
    alike, one kind of row is absent, or the score parts the two without a rest.

    Parameters
    ----------
    p : probability per row
    came, cluster : as in `auc`

    Returns
    -------
    value, low, high (variance between clusters), n

    References
    ----------
    C-47. Cox (1958), Two further applications of a model for binary regression, Biometrika 45, p. 562; Liang and Zeger
    (1986), Biometrika 73, p. 13.
    """
    x, y, nothing, n = log_odds(p), np.asarray(came, float), float("nan"), len(p)
    if not 0 < y.mean() < 1 or np.ptp(x) < 1e-9:
        return nothing, nothing, nothing, n
    design, beta = np.column_stack([np.ones(n), x - x.mean()]), np.array([np.log(y.mean() / (1 - y.mean())), 0.0])
    for _ in range(STEPS):
        fitted = scipy.special.expit(design @ beta)
        bread = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if np.linalg.cond(bread) > 1e12:
            return nothing, nothing, nothing, n
        step = np.linalg.solve(bread, design.T @ (y - fitted))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    else:
        return nothing, nothing, nothing, n
    fitted = scipy.special.expit(design @ beta)
    bread = np.linalg.inv((design * (fitted * (1 - fitted))[:, None]).T @ design)
    label = pd.factorize(np.asarray(cluster))[0]
    off = design * (y - fitted)[:, None]
    sums = np.stack([np.bincount(label, weights=column) for column in off.T], axis=1)
    clusters = len(sums)
    if clusters < 2:
        return float(beta[1]), nothing, nothing, n
    error = float(np.sqrt((bread @ (sums.T @ sums) @ bread)[1, 1] * clusters / (clusters - 1)))
    half = float(scipy.special.stdtrit(clusters - 1, ENDS[1])) * error
    return float(beta[1]), float(beta[1]) - half, float(beta[1]) + half, n


def observed_per_promised(p: np.ndarray, came: np.ndarray, cluster: np.ndarray, seed: int) -> Estimate:
    """Rows that came over the sum of their scores: 1 where the level of scores is right; C-47.

    Returns
    -------
    value, low, high, n
    """
    return intervals.ratio(
        pd.Series(np.asarray(came, float)), pd.Series(clipped(p)), seed, pd.Series(np.asarray(cluster))
    )


def log_loss(p: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Give the loss of each row: minus the logarithm of the probability given to what happened; C-46."""
    p, y = clipped(p), np.asarray(came, float)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log(1 - p)))


def brier(p: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Give the squared error of each row; C-46."""
    return np.asarray((np.asarray(p, float) - np.asarray(came, float)) ** 2)


def gain(loss: np.ndarray, of_base: np.ndarray, cluster: np.ndarray, seed: int) -> Estimate:
    """Share of the loss of a simpler forecast that a score saves: 1 − Σ loss ÷ Σ loss of the other.

    Parameters
    ----------
    loss, of_base : loss of each row, of the score and of the other forecast

    Returns
    -------
    value, low, high, n; below 0 where the score does worse
    """
    value, low, high, n = intervals.ratio(pd.Series(loss), pd.Series(of_base), seed, pd.Series(np.asarray(cluster)))
    return 1 - value, 1 - high, 1 - low, n


def apart(loss: np.ndarray, other: np.ndarray, cluster: np.ndarray) -> tuple[float, float]:
    """Mean by which one loss is above another, row by row, and its standard error between clusters."""
    off = np.asarray(loss, float) - np.asarray(other, float)
    label = pd.factorize(np.asarray(cluster))[0]
    sums = np.bincount(label, weights=off - off.mean())
    n = len(sums)
    return float(off.mean()), float(np.sqrt((sums @ sums) * n / max(n - 1, 1)) / len(off))


# -- drift ------------------------------------------------------------------------------------------------------------


def stability_index(before: np.ndarray, now: np.ndarray, bands: int = 10) -> float:
    """Population stability index of a number: Σ (share now − share before) · ln(share now ÷ share before) over bands of the past.

    Bands hold as many past rows each, as far as equal values allow; an empty one counts half a row. Missing values are a
    band of their own. Missing where either side is empty. Alert levels (.1, .25) are conventions.

    References
    ----------
    C-48. Yurdakul and Naranjo (2020), Statistical properties of the population stability index, Journal of Risk Model
    Validation 14, p. 89.

    Examples
    --------
    >>> round(stability_index(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4]), 2), 3)
    0.0
    """
    before, now = (np.asarray(x, float) for x in (before, now))
    if not len(before) or not len(now):
        return float("nan")
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.arange(1, bands) / bands)) if len(known) else np.zeros(0)
    shares = []
    for x in (before, now):
        place = np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="left"))
        counts = np.bincount(place, minlength=len(edges) + 2).astype(float)
        shares.append(counts)
    both = shares[0] + shares[1] > 0
    one, two = (np.maximum(c[both], 0.5) / c.sum() for c in shares)
    return float(((two - one) * np.log(two / one)).sum())
