"""What each feature tells by itself: which criteria kept their promise on the past, and what goes against belief."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.method.measures import measure_rows
from abmlib.method.predictors import FEATURES, SALE, belief, name_of
from abmlib.method.propensity import SMALLEST, Tested
from abmlib.stats import intervals, scores
from abmlib.stats.intervals import LEVEL

TOLD, AGAINST, NOTHING, UNMEASURED = "kept its promise", "points the other way", "no difference seen", "not measured"
COLUMNS = ["question", "does", "is_loss", "column", "feature", "words", "belief", "auc", "low", "high", "p", "auc_alike", "p_alike", "rate_high", "rate_low", "n_high", "n_low", "n"]  # fmt: skip


def alone(tests: Sequence[Tested]) -> pd.DataFrame:
    """Measure what each column tells of each question on all past days, with p adjusted over all of them.

    Nothing is fitted, so every past day counts; of a description the rows in which it was known. The rows are split at the middle value of a number, or by a category.

    Parameters
    ----------
    tests : of `propensity.back_tests`; those that could not be tested have no row

    Returns
    -------
    DataFrame, one row per question and column: `COLUMNS`; ``auc, low, high`` of more of the column with the outcome, ``p``
    (two-sided, adjusted by Benjamini-Hochberg), ``auc_alike, p_alike`` (the same among accounts that bought about as often), ``rate_high, rate_low`` (share that came above the middle and not above),
    ``n_high, n_low`` (accounts), ``n`` (rows)

    References
    ----------
    S3-10, S3-13; `scores.auc`, accounts as clusters.
    """
    rows = []
    for test in tests:
        if test.rows is None or test.predictors is None or test.labelled is None:
            continue
        every = [
            test.labelled["came"].to_numpy(float),
            test.labelled["account_id"].to_numpy(),
            _sizes(test.predictors.past),
        ]
        for column, values in test.predictors.past.items():
            if str(column).endswith(": no value"):
                continue
            of, known = test.predictors.of, test.predictors.known
            there = known[of[str(column)]].to_numpy(bool) if of[str(column)] in known else np.ones(len(values), bool)
            x, came, account, size = (v[there] for v in (values.to_numpy(float), *every))
            if not len(x) or np.ptp(x) == 0:
                continue
            high, rates = halves(x, came)
            value, low, ends, n, p = scores.area(x, came, account)
            among, _, _, _, p_alike = scores.area(x, came, account, size)
            many = [len(np.unique(account[side])) for side in (high, ~high)]
            rows.append((test.question.name, test.question.does, test.question.is_loss, column, of[str(column)], name_of(str(column), of),
                         belief(str(column), of), value, low, ends, p, among, p_alike,
                         *rates, *many, n))  # fmt: skip
    out = pd.DataFrame(rows, columns=COLUMNS)
    return out.assign(**{p: intervals.adjusted(out[p].astype(float)) for p in ("p", "p_alike")})


def halves(x: np.ndarray, came: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Say which numbers lie above the middle one, and the shares that came of these and of the others.

    Where none lies above, the highest do; of 1 and 0 the 1.
    """
    high = np.asarray(x > np.median(x) if np.median(x) < x.max() else x >= x.max())
    return high, [float(came[side].mean()) if side.any() else float("nan") for side in (high, ~high)]


def _sizes(past: pd.DataFrame) -> np.ndarray:
    """Class of each row by how often it bought in a year: never, and three of as many days with a purchase."""
    days = past["buying_days_12m"].to_numpy(float) if "buying_days_12m" in past else np.zeros(len(past))
    some = days > 0
    edges = np.quantile(days[some], [1 / 3, 2 / 3]) if some.any() else np.zeros(2)
    return np.where(some, 1 + np.searchsorted(edges, days, side="left"), 0)


def against_belief(told: pd.DataFrame) -> pd.DataFrame:
    """Keep what goes against what people think, beyond noise with all that was looked at counted; the strongest first.

    A feature thought to go with buying should go with less leaving. It must hold among accounts that bought about as often too:
    who buys more has more of everything, returns and service cases among it. Of who grows, past purchases do not count: what was
    high falls back.

    Parameters
    ----------
    told : DataFrame of `alone`

    References
    ----------
    S3-13.
    """
    thought = told["belief"].where(~told["is_loss"].astype(bool), -told["belief"])
    falls_back = (told["question"] == "grows") & told["feature"].map(lambda f: FEATURES[f].table == SALE)
    odd = (thought != 0) & ~falls_back.astype(bool) & (told["p"] < 1 - LEVEL) & (told["p_alike"] < 1 - LEVEL)
    odd &= (told["auc"] - 0.5).abs() >= SMALLEST - 0.5
    odd &= (np.sign(told["auc"] - 0.5) == -thought) & (np.sign(told["auc_alike"] - 0.5) == -thought)
    return told[odd].iloc[(told.loc[odd, "auc"] - 0.5).abs().argsort()[::-1]].reset_index(drop=True)


def criteria(entries: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Say of each criterion by which accounts are chosen whether it told buyers apart on the past.

    Parameters
    ----------
    entries : DataFrame ``criterion_id, name, weight, direction, feature``, the latest of each
    told : DataFrame of `alone`

    Returns
    -------
    DataFrame, one row per criterion and question, and one per criterion that names no feature that was measured:
    ``criterion_id, name, weight, direction, feature, does, auc, low, high`` (of accounts as the criterion favours them: above one half it
    keeps its promise), ``rate_favoured, rate_others, n, verdict``

    References
    ----------
    S3-10.
    """
    named = entries.assign(column=entries["feature"].fillna(""))
    both = named.merge(told.drop(columns=["feature"]), on="column", how="left", suffixes=("", "_told"))
    flip = (both["direction"] == "lower") ^ both["is_loss"].eq(True)
    lower = both["direction"] == "lower"
    out = both.assign(
        rate_favoured=both["rate_high"].where(~lower, both["rate_low"]), rate_others=both["rate_low"].where(~lower, both["rate_high"]),
        value=both["auc"].where(~flip, 1 - both["auc"]), least=both["low"].where(~flip, 1 - both["high"]), most=both["high"].where(~flip, 1 - both["low"]),
    )  # fmt: skip
    clear = out["p"] < 1 - LEVEL
    conditions = [out["auc"].isna(), clear & (out["value"] > 0.5), clear & (out["value"] < 0.5)]
    out["verdict"] = np.select(conditions, [UNMEASURED, TOLD, AGAINST], NOTHING)
    out = out.drop(columns=["auc", "low", "high"]).rename(columns={"value": "auc", "least": "low", "most": "high"})
    columns = [
        "criterion_id",
        "name",
        "weight",
        "direction",
        "feature",
        "does",
        "auc",
        "low",
        "high",
        "rate_favoured",
        "rate_others",
        "n",
        "verdict",
    ]
    return out[columns].assign(n=out["n"].astype("Int64"))


def criteria_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: how well each criterion that was measured ranked accounts on the past, by question.

    References
    ----------
    S3-10.
    """
    known = judged[judged["auc"].notna()]
    return measure_rows(
        "S3-10", "criterion_auc", known["auc"], "share", low=known["low"], high=known["high"], n=known["n"].astype(int),
        group_by="criterion and question", group=known["name"] + ": " + known["does"],
    )  # fmt: skip


def surprise_rows(odd: pd.DataFrame, looked_at: int) -> pd.DataFrame:
    """Rows of `measures`: what goes against belief, and how many pairs of feature and question were looked at.

    References
    ----------
    S3-13.
    """
    rows = measure_rows(
        "S3-13", "against_belief_auc", odd["auc"], "share", low=odd["low"], high=odd["high"], n=odd["n"].astype(int),
        group_by="feature and question", group=odd["words"] + ": " + odd["does"],
    )  # fmt: skip
    whole = {
        "measure_id": "S3-13",
        "definition_id": "findings_against_belief",
        "value": float(len(odd)),
        "unit": "findings",
        "n": looked_at,
        "status": "ok",
    }
    return pd.concat([pd.DataFrame([whole]), rows], ignore_index=True)
