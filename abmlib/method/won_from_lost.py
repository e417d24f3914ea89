"""What told deals won from deals lost, of what was known when they were opened.

Scores are judged on later deals; where deals have no day, on accounts that the model has not seen, which is said. Nothing is
claimed of causes.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from abmlib.method.deal_openings import ALIKE, Opened, table_of
from abmlib.method.measures import estimate_row, measure_row, measure_rows
from abmlib.method.periods import DAY
from abmlib.method.propensity import FEW, SEED, choose, judged, unmet
from abmlib.method.telling import halves
from abmlib.stats import intervals, models, scores
from abmlib.stats.models import COLUMN, FOLDS, LINEAR, TREES

KINDS = (COLUMN, LINEAR, TREES)  # candidates, the simplest first
DECIDED = 0.9  # share of deals that are decided within the days a deal must be old to be judged


@dataclass(frozen=True)
class Found:
    """What the back-test of won and lost found."""

    verdict: str = FEW
    why: str = ""  # nothing could be tested, for lack of it
    is_out_of_time: bool = False
    wait_days: int = 0  # by which nine in ten deals are decided
    decided: int = 0  # deals
    undated: int = 0  # of them, left out for lack of a day
    recent: int = 0  # of them, left out as opened too lately: only the quick ones are decided
    left_open: int = 0  # deals opened in the days of the report that are not decided
    rounds: int = 0
    chosen: str = ""  # the candidate chosen, the most often where there are several rounds
    rests_on: str = ""  # column of the model that reports, where it rests on one; of the first round
    compared: pd.DataFrame | None = None  # kind, log_loss, auc (means of rounds), chosen (rounds)
    rows: pd.DataFrame | None = None  # deals that report: opportunity_id, account_id, opened, came, score, base, part
    features: pd.DataFrame | None = None  # of `alone`
    left_out: pd.DataFrame | None = None  # feature, why


# -- the test ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """Deals from which candidates learn, on which one is chosen, from which it then learns, and on which it is judged."""

    fit: np.ndarray
    choose: np.ndarray
    before: np.ndarray
    report: np.ndarray


def wait_days(every: pd.DataFrame) -> int:
    """Days within which nine in ten of the deals are decided that ever are, of the half of deals that was opened first.

    Deals opened later than so many days ago are decided already only if they are quick.

    Parameters
    ----------
    every : DataFrame ``opened, age_days, is_closed``
    """
    early = every[every["opened"] <= every["opened"].quantile(0.5)]
    ages = early.loc[early["is_closed"].astype(bool), "age_days"].dropna()
    return int(np.ceil(ages.quantile(DECIDED))) if len(ages) else 0


def in_time(deals: pd.DataFrame, last: pd.Timestamp) -> Round:
    """Lay out three blocks by opening day, each with as many deals; those learnt from were decided before the next block begins.

    Parameters
    ----------
    deals : DataFrame ``opened, closed``
    last : opening day after which deals are in no block
    """
    day, end = deals["opened"], deals["closed"]
    second, report = (day[day <= last].quantile(part).ceil("D") for part in (1 / 3, 2 / 3))
    masks = [
        (day < second) & (end < second), (day >= second) & (day < report) & (end < report),
        (day < report) & (end < report), (day >= report) & (day <= last),
    ]  # fmt: skip
    return Round(*(mask.to_numpy(bool) for mask in masks))


def by_account(deals: pd.DataFrame) -> list[Round]:
    """Lay out rounds in each of which one fold of the accounts reports and the next one chooses; of many deals one round.

    Parameters
    ----------
    deals : DataFrame ``account_id``
    """
    from sklearn.model_selection import GroupKFold

    label = pd.factorize(deals["account_id"])[0]
    fold, many = np.zeros(len(deals), int), min(FOLDS, len(np.unique(label)))
    for k, (_, held) in enumerate(GroupKFold(many).split(label, groups=label) if many > 1 else ()):
        fold[held] = k
    parts = [(fold == k, fold == (k + 1) % many) for k in range(many if len(deals) <= models.SMALL else 1)]
    return [Round(~report & ~pick, pick, ~report, report) for report, pick in parts]


def back_test(found: Opened, as_of: pd.Timestamp, laid: Round | None = None) -> Found:
    """Fit the candidates, choose one, and report how it told won from lost among deals that it had not seen.

    Out of time where deals have days: the deals that report were opened later than those learnt from were decided, and long
    enough ago that nine in ten are decided. Else over folds of accounts. "Signal" is said as `propensity.judged` says.

    Parameters
    ----------
    found : of `opened`
    laid : the blocks, where they are not to be those of `in_time`

    References
    ----------
    C-44, C-46; the choice: `propensity.choose`.
    """
    deals, dated = found.deals, found.is_dated
    table, of = table_of(found)
    alike = [(name, ALIKE) for name in found.known if name not in of.values()]
    left_out = pd.concat([found.left_out, pd.DataFrame(alike, columns=found.left_out.columns)], ignore_index=True)
    usable = deals[["opened", "closed"]].notna().all(axis=1).to_numpy() if dated else np.ones(len(deals), bool)
    wait = wait_days(found.every) if dated else 0
    last = as_of - wait * DAY
    settled = usable & (deals["opened"] <= last).to_numpy() if dated and laid is None else usable
    rounds = [laid or in_time(deals, last)] if dated and settled.any() else by_account(deals) if len(deals) else []
    tested = np.logical_or.reduce([r.report for r in rounds]) if rounds else usable
    came = deals["came"].to_numpy()
    days = deals.loc[tested, "opened"]
    left_open = found.every["opened"].between(days.min(), days.max()) & ~found.every["is_closed"].astype(bool)
    nothing = Found(
        is_out_of_time=dated, wait_days=wait, decided=len(deals), undated=int((~usable).sum()), recent=int((usable & ~settled).sum()),
        left_open=int(left_open.sum()) if dated else 0, rounds=len(rounds), left_out=left_out,
    )  # fmt: skip
    rows = deals[settled]
    why = unmet(rows["account_id"], rows["came"] > 0, pd.Series(tested[settled], rows.index), "with a deal to learn from",
                ("with a deal won", "with a deal lost"), "among the latest deals, on which it is judged")  # fmt: skip
    both = all(0 < came[part].mean() < 1 for r in rounds for part in (r.fit, r.choose, r.before) if part.any())
    if why or table.empty or not both or not all(r.fit.any() and r.choose.any() for r in rounds):
        lacking = "deals won and lost in each period, and something known when they were opened that differs"
        return replace(nothing, why=why or lacking)
    scored, compared, chosen = _scored(rounds, table, deals)
    reported = scored[tested]
    each = compared.groupby("kind", sort=False).agg({"log_loss": "mean", "auc": "mean", "chosen": "sum"})
    return replace(
        nothing, verdict=judged(area(reported)), chosen=str(each["chosen"].idxmax()), rests_on=chosen[0].chosen,
        compared=each.reset_index(), rows=reported, features=alone(table[settled], of, rows, found.known[settled].notna()),
    )  # fmt: skip


def _scored(
    rounds: list[Round], table: pd.DataFrame, deals: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[models.Model]]:
    """Deals with the score of the round in which they report, how the candidates compared in each, and the models that report."""
    came, account = deals["came"].to_numpy(), deals["account_id"].to_numpy()
    out, compared, chosen = deals.assign(score=np.nan, base=np.nan, part=0), list[pd.DataFrame](), list[models.Model]()
    for k, r in enumerate(rounds):
        candidates = {kind: models.fit(kind, table[r.fit], came[r.fit], account[r.fit]) for kind in KINDS}
        found = choose(candidates, table[r.choose], came[r.choose], account[r.choose])
        kind = str(found.loc[found["chosen"], "kind"].iloc[0])
        model = models.fit(kind, table[r.before], came[r.before], account[r.before])
        out.loc[r.report, "score"] = model.predict(table[r.report])
        out.loc[r.report, ["base", "part"]] = came[r.before].mean(), k
        compared, chosen = [*compared, found], [*chosen, model]
    return out, pd.concat(compared), chosen


def area(rows: pd.DataFrame) -> scores.Estimate:
    """Area under the curve of the deals that report, within each round; accounts as clusters.

    Parameters
    ----------
    rows : DataFrame ``score, came, account_id, part``
    """
    return scores.auc(*(rows[c].to_numpy() for c in ("score", "came", "account_id", "part")))


def alone(table: pd.DataFrame, of: dict[str, str], deals: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Measure what each column tells by itself, of all deals that are old enough and of which it is known; nothing is fitted.

    Parameters
    ----------
    table, of : of `table_of`
    deals : DataFrame ``came, account_id``, index as `table`
    known : bool per deal and feature

    Returns
    -------
    DataFrame, the clearest first: ``feature, holds`` (the category; of a number, that it lies above the middle), ``share_where,
    share_else`` (won where it holds, and where not), ``n_where, n_else`` (deals), ``auc, low, high`` (of more of the column with
    a win), ``p`` (two-sided, adjusted over all columns by Benjamini-Hochberg)
    """
    rows = []
    for column, values in table.items():
        there = known[of[str(column)]].to_numpy(bool)
        x, came, account = (
            v[there] for v in (values.to_numpy(float), deals["came"].to_numpy(), deals["account_id"].to_numpy())
        )
        if not len(x) or np.ptp(x) == 0:
            continue
        high, shares = halves(x, came)
        kind = str(column).removeprefix(of[str(column)]).removeprefix(": ") or "above the middle"
        value, low, top, _, p = scores.area(x, came, account)
        rows.append((of[str(column)], kind, *shares, int(high.sum()), int((~high).sum()), value, low, top, p))  # fmt: skip
    columns = ["feature", "holds", "share_where", "share_else", "n_where", "n_else", "auc", "low", "high", "p"]
    out = pd.DataFrame(rows, columns=columns)
    out = out.assign(p=intervals.adjusted(out["p"].astype(float)))
    return out.iloc[(out["auc"] - 0.5).abs().mul(-1).argsort(kind="stable")].reset_index(drop=True)


def report_rows(found: Found) -> list[dict[str, object]]:
    """Rows of `measures`: how well scores told won from lost, what they save, and how far they can be taken at their word.

    References
    ----------
    C-46, C-47.
    """
    kinds = {
        "deal_auc": ("C-46", "share"), "deal_log_loss_saved": ("C-46", "share"),
        "deal_calibration_slope": ("C-47", "times"), "deal_observed_per_promised": ("C-47", "times"),
    }  # fmt: skip
    if found.rows is None:
        return [measure_row(m, d, np.nan, unit, 0, status="not_answerable", why=found.why) for d, (m, unit) in kinds.items()]  # fmt: skip
    rows = found.rows
    p, came, account, base = (rows[c].to_numpy() for c in ("score", "came", "account_id", "base"))
    values = {
        "deal_auc": area(rows),
        "deal_log_loss_saved": scores.gain(scores.log_loss(p, came), scores.log_loss(base, came), account, SEED),
        "deal_calibration_slope": scores.slope(p, came, account),
        "deal_observed_per_promised": scores.observed_per_promised(p, came, account, SEED),
    }
    window = {"window_start": rows["opened"].min(), "window_end": rows["opened"].max()} if found.is_out_of_time else {}
    return [estimate_row(kinds[d][0], d, value, kinds[d][1], **window) for d, value in values.items()]


def feature_rows(features: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: what each column tells of won and lost by itself.

    Parameters
    ----------
    features : DataFrame of `alone`

    References
    ----------
    C-46.
    """
    return measure_rows(
        "C-46", "deal_auc_alone", features["auc"], "share", low=features["low"], high=features["high"],
        n=features["n_where"] + features["n_else"], group_by="what was known", group=features["feature"] + ": " + features["holds"],
    )  # fmt: skip
