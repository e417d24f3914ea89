"""Who will do it next: models fitted on past days, chosen on later ones, and reported once on the latest of which the outcome is known.

Three blocks of past days, none of whose outcomes reaches into the next: fit, choose, report. Of the models the simplest stays
whose loss is within one standard error of the best. What is shown to readers is how the choice did in the block that nobody
had looked at; the score of today is the same kind of model fitted on all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from abmlib.method.outcomes import Question
from abmlib.method.periods import DAY
from abmlib.method.predictors import Predictors, leaks, prepare
from abmlib.stats import models, scores
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES
from abmlib.stats.models import BASE, COLUMN, LINEAR, TREES, Model

RULE = "simple rule"
KINDS = (RULE, COLUMN, LINEAR, TREES)  # candidates, the simplest first
STEPS = 2  # past days within one horizon
MOST_DAYS = 10  # past days, the newest
LOOKBACKS = (365, 273, 182, 91)  # days that features of the first day look back, the first that leaves enough days
SLACK = 7  # days by which facts may begin later than a window asks
FEWEST_TESTED = 15  # outcomes of either kind in the block that reports
SEED = 4  # of draws
MOST_CHOOSING = 10_000  # accounts by which candidates are chosen
SAME = 0.002  # share of its loss by which a forecast may be worse and count as the same
SMALLEST = 0.53  # area under the curve below which scores tell too little to act on, however sure it is
SIGNAL, NONE, FEW = "signal", "no signal", "too few"


@dataclass(frozen=True)
class Blocks:
    """Past days, in order; outcomes of each block end before the next begins."""

    fit: list[pd.Timestamp]
    choose: list[pd.Timestamp]
    report: list[pd.Timestamp]
    between: list[
        pd.Timestamp
    ]  # purged from fit and choose; known before the report, so the chosen model learns from them

    @property
    def before(self) -> list[pd.Timestamp]:
        """Days whose outcomes are known before the report begins."""
        return sorted([*self.fit, *self.choose, *self.between])

    @property
    def days(self) -> list[pd.Timestamp]:
        """All of them."""
        return sorted([*self.before, *self.report])


def blocks(since: pd.Timestamp, as_of: pd.Timestamp, horizon_days: int, late_days: int = 0) -> Blocks | None:
    """Lay out past days, half a horizon apart (and half of what facts come late), in three blocks; None where history is too short for three.

    The last day is a horizon before the report, and as much earlier as facts come late. The first leaves a year of facts before
    it, or less where history is short.

    Parameters
    ----------
    since : first day of the facts; missing without any
    late_days : `outcomes.lateness_days`
    """
    if pd.isna(since):
        return None
    span = horizon_days + late_days  # until the outcome of a day is known
    step = -(-span // STEPS)  # not below half of it: one day less would purge a past day more
    last = as_of - span * DAY
    for back in LOOKBACKS:
        many = (last - since - (back - SLACK) * DAY) // (step * DAY) + 1
        usable = min(int(many), MOST_DAYS) - 2 * (STEPS - 1)
        if usable >= 3:
            break
    else:
        return None
    days = [last - k * step * DAY for k in range(usable + 2 * (STEPS - 1))][::-1]
    reported = -(-usable // 3)
    chosen = max(1, usable // 3)
    report = days[-reported:]
    ended = [d for d in days[:-reported] if d + span * DAY <= report[0]]
    choose = ended[-chosen:]
    fit = [d for d in ended[:-chosen] if d + span * DAY <= choose[0]]
    return Blocks(fit, choose, report, [d for d in ended if d not in fit and d not in choose])


def days_needed(horizon_days: int, late_days: int) -> int:
    """Days of facts without which there are not three blocks."""
    span = horizon_days + late_days
    return span + LOOKBACKS[-1] - SLACK + -(-span // STEPS) * (2 + 2 * (STEPS - 1))


@dataclass(frozen=True)
class Tested:
    """What a question's back-test found."""

    question: Question
    why: str = ""  # nothing could be tested, for lack of it
    blocks: Blocks | None = None
    compared: pd.DataFrame | None = None  # candidates on the block that chooses
    chosen: str = ""
    rows: pd.DataFrame | None = None  # of the block that reports: day, account_id, score, came, worked
    base: float = float("nan")  # share that came before the report
    verdict: str = FEW
    predictors: Predictors | None = None
    labelled: pd.DataFrame | None = None  # past rows: day, account_id, came
    reporting: Model | None = None  # the model that reports, fitted on the days before
    model: Model | None = None  # fitted on all past days

    @property
    def is_signal(self) -> bool:
        """Say whether the scores told accounts apart."""
        return self.verdict == SIGNAL


def plan(
    questions: Sequence[Question], accounts: pd.DataFrame, as_of: pd.Timestamp, horizon_days: int, late_days: int
) -> list[Tested]:
    """Lay out the past days of each question, and say at once of which there is too little past; none of it needs a feature.

    Parameters
    ----------
    accounts : DataFrame ``account_id, created_day``

    Returns
    -------
    one `Tested` per question: with blocks, or with what is missing
    """
    out = []
    for question in questions:
        laid = blocks(question.since, as_of, horizon_days, late_days)
        if laid is None:
            needed, there = days_needed(horizon_days, late_days), max((as_of - question.since).days, 0)
            why = f"{needed:,} days of facts, where there are {there:,}; export more, or take a shorter horizon"
            out.append(Tested(question, why))
            continue
        known = [(day, pd.Index(accounts.loc[~(accounts["created_day"] > day), "account_id"])) for day in laid.days]
        parts = [
            question.label(day, ids).dropna().rename("came").rename_axis("account_id").reset_index().assign(day=day)
            for day, ids in known
        ]
        out.append(Tested(question, too_few(pd.concat(parts, ignore_index=True), laid.report), laid))
    return out


def days_of(tests: Sequence[Tested]) -> list[pd.Timestamp]:
    """Past days that the questions that can be asked need."""
    return sorted({day for test in tests if not test.why and test.blocks for day in test.blocks.days})


def back_tests(
    planned: Sequence[Tested], history: pd.DataFrame, today: pd.DataFrame, first_days: pd.Series, as_of: pd.Timestamp
) -> list[Tested]:
    """Test each question that can be asked; the others stay as they are.

    Parameters
    ----------
    planned : of `plan`
    history : DataFrame of `Book.history`, ``day, account_id``, features, and a label by the name of each question
    today : DataFrame of `Book.features`
    first_days : first day of each table, by its name
    """
    out = []
    for test in planned:
        question, laid = test.question, test.blocks
        if test.why or laid is None:
            out.append(test)
            continue
        rows = history[history["day"].isin(laid.days) & history[question.name].notna()].reset_index(drop=True)
        asked = today["account_id"].isin(question.eligible(as_of, pd.Index(today["account_id"])))
        refused = leaks(rows, rows[question.name])
        learn = rows["day"].isin(laid.before).to_numpy()
        predictors = prepare(rows, today[asked].reset_index(drop=True), first_days, refused, learn)
        labelled = rows[["day", "account_id"]].assign(came=rows[question.name])
        out.append(back_test(question, laid, labelled, predictors, rows["touches_out_90d"].fillna(0) > 0))
    return out


def too_few(labelled: pd.DataFrame, report: Sequence[pd.Timestamp]) -> str:
    """Say which floor past outcomes do not reach; empty if they reach all.

    Parameters
    ----------
    labelled : DataFrame ``day, account_id, came``
    """
    return unmet(labelled["account_id"], labelled["came"] > 0, labelled["day"].isin(report))


def unmet(
    account: pd.Series,
    came: pd.Series,
    tested: pd.Series,
    asked: str = "of which it can be asked on past days",
    kinds: tuple[str, str] = ("that did", "that did not"),
    where: str = "in the latest period, on which it is judged",
) -> str:
    """Say which floor rows with a known outcome do not reach; empty if they reach all.

    Parameters
    ----------
    account, came, tested : of each row its account, if it has the outcome (bool), and if it is judged on it (bool)
    asked, kinds, where : words for accounts that count, for those with the outcome and without, and for the rows that are judged
    """
    every, last = (
        [account[part & flag].nunique() for flag in (came, ~came)] for part in (pd.Series(True, came.index), tested)
    )
    if (n := account.nunique()) < FLOOR_ACCOUNTS:
        return f"{FLOOR_ACCOUNTS} accounts {asked}, where there are {n:,}"
    for least, counts, place in ((FLOOR_OUTCOMES, every, ""), (FEWEST_TESTED, last, f" {where}")):
        if min(counts) < least:
            which = int(counts[0] > counts[1])
            return f"{least} accounts {kinds[which]}{place}, where there are {counts[which]:,}"
    return ""


def fitted(kind: str, table: pd.DataFrame, came: np.ndarray, accounts: np.ndarray, rule: Sequence[str]) -> Model:
    """Fit one candidate; the simple rule is a model of one column, given."""
    return models.fit(COLUMN if kind == RULE else kind, table, came, accounts, rule if kind == RULE else ())


def back_test(
    question: Question, laid: Blocks, labelled: pd.DataFrame, predictors: Predictors, worked: pd.Series
) -> Tested:
    """Fit the candidates, choose one, and report how it did on days that neither had seen.

    "Signal" is said as `judged` says of the area under the curve (`of_others`) on the block that reports, by models that have not
    seen the account.

    Parameters
    ----------
    laid : its blocks
    labelled : DataFrame ``day, account_id, came``, of the days of the blocks and the accounts of which it is asked
    predictors : past rows with the index of `labelled`
    worked : bool per row of `labelled`: we had touched the account

    Returns
    -------
    Tested; where a floor is not reached, with what is missing

    References
    ----------
    C-44, C-46; D17. One standard error: Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, section 3.4.3.
    """
    nothing = Tested(question, blocks=laid, predictors=predictors, labelled=labelled)
    if why := too_few(labelled, laid.report):
        return replace(nothing, why=why)
    x, came, account = predictors.past, labelled["came"].to_numpy(float), labelled["account_id"].to_numpy()
    part = {
        name: labelled["day"].isin(getattr(laid, name)).to_numpy() for name in ("fit", "choose", "before", "report")
    }
    if x.empty or any(not 0 < came[part[name]].mean() < 1 for name in ("fit", "choose", "before")):
        return replace(nothing, why="outcomes of both kinds in each period, and a feature known then as today")
    rule = [c for c, feature in predictors.of.items() if feature == question.rule and c == feature]
    kinds, some = [k for k in KINDS if k != RULE or rule], _some(account)
    fit, pick = part["fit"] & some, part["choose"] & some
    if any(not 0 < came[rows].mean() < 1 for rows in (fit, pick)):
        fit, pick = part["fit"], part["choose"]
    candidates = {k: fitted(k, x[fit], came[fit], account[fit], rule) for k in kinds}
    compared = choose(candidates, x[pick], came[pick], account[pick])
    kind = str(compared.loc[compared["chosen"], "kind"].iloc[0])
    then = fitted(kind, x[part["before"]], came[part["before"]], account[part["before"]], rule)
    rows = labelled[part["report"]].assign(score=then.predict(x[part["report"]]), worked=worked[part["report"]])
    verdict = judged(of_others(kind, x, came, account, part["before"] & some, part["report"], rule))
    whole = fitted(kind if verdict == SIGNAL else BASE, x, came, account, rule)
    return replace(
        nothing,
        compared=compared,
        chosen=kind,
        rows=rows,
        base=float(came[part["before"]].mean()),
        verdict=verdict,
        reporting=then,
        model=whole,
    )


def _some(account: np.ndarray) -> np.ndarray:
    """Rows of all accounts, or of about `MOST_CHOOSING` of them: enough to choose by."""
    lot = pd.util.hash_array(account.astype(object)) // np.uint64(models.FOLDS)
    return np.asarray(lot % np.uint64(max(1, round(len(np.unique(account)) / MOST_CHOOSING))) == 0)


def judged(area: scores.Estimate) -> str:
    """Say if an area under the curve is a signal: its interval lies above one half, and it is not below `SMALLEST`."""
    value, low, _, _ = area
    return SIGNAL if low > 0.5 and value >= SMALLEST else NONE


def of_others(
    kind: str,
    x: pd.DataFrame,
    came: np.ndarray,
    account: np.ndarray,
    before: np.ndarray,
    report: np.ndarray,
    rule: Sequence[str],
) -> scores.Estimate:
    """Area under the curve on the report, of models that learnt from the earlier days of other accounts.

    A model that has seen an account may know it again and repeat what it did, whatever its features mean. Accounts are in as
    many parts as there are folds, and only accounts of one part are compared.

    Parameters
    ----------
    before, report : bool per row: learnt from, and judged
    rule : column of the simple rule

    Returns
    -------
    as `scores.auc`
    """
    fold = (pd.util.hash_array(account.astype(object)) % np.uint64(models.FOLDS)).astype(int)
    out = np.zeros(len(x))
    for k in np.unique(fold):
        rest, mine = before & (fold != k), report & (fold == k)
        if mine.any() and rest.any():
            only = rule if kind == RULE else ()
            model = models.fit(
                COLUMN if kind == RULE else kind, x[rest], came[rest], account[rest], only, calibrated=False
            )
            out[mine] = model.predict(x[mine])
    return scores.auc(out[report], came[report], account[report], fold[report])


def choose(candidates: dict[str, Model], x: pd.DataFrame, came: np.ndarray, account: np.ndarray) -> pd.DataFrame:
    """Compare candidates by their loss on days after those they learnt from; the simplest within one standard error of the best is chosen.

    Each is compared with its level set right (`scores.levelled`): a season moves the level of all, and says nothing of which
    account is next.

    Returns
    -------
    DataFrame, one row per candidate, the simplest first: ``kind, rests_on`` (the column, of a model of one), ``log_loss`` (mean, level set right),
    ``worse_by, error`` (of its loss less the best's, between accounts), ``auc``, ``chosen``; and a first row of the base rate,
    which is no candidate
    """
    base = Model(BASE, (), next(iter(candidates.values())).rate).rate
    said = {BASE: np.full(len(came), base)} | {kind: model.predict(x) for kind, model in candidates.items()}
    loss = {kind: scores.log_loss(scores.levelled(p, came), came) for kind, p in said.items()}
    best = min(candidates, key=lambda kind: float(loss[kind].mean()))
    rows = []
    for kind, p in said.items():
        by, error = scores.apart(loss[kind], loss[best], account)
        area = scores.auc(p, came, account)[0] if kind != BASE else float("nan")
        rests = candidates[kind].chosen if kind in candidates else ""
        alike = by <= max(error, SAME * float(loss[best].mean()))
        rows.append((kind, rests, float(loss[kind].mean()), by, error, area, kind != BASE and alike))
    out = pd.DataFrame(rows, columns=["kind", "rests_on", "log_loss", "worse_by", "error", "auc", "within"])
    first = out.index[out["within"]][0]
    return out.assign(chosen=out.index == first).drop(columns="within")
