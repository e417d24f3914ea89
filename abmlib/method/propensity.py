"""Who will do it next: models fitted on past days, chosen on later ones, and reported once on the latest of which the outcome is known.

Three blocks of past days, none of whose outcomes reaches into the next: fit, choose, report. Of the models the simplest stays
whose loss is within one standard error of the best. What is shown to readers is how the choice did in the block that nobody
had looked at; the score of today is the same kind of model fitted on all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.outcomes import Question
from abmlib.method.periods import DAY
from abmlib.method.predictors import Predictors, leaks, name_of, prepare
from abmlib.stats import intervals, models, scores
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES
from abmlib.stats.models import BASE, COLUMN, LINEAR, TREES, Model

SEED = 4
RULE = "simple rule"
KINDS = (RULE, COLUMN, LINEAR, TREES)  # candidates, the simplest first
STEPS = 2  # past days within one horizon
MOST_DAYS = 10  # past days, the newest
LOOKBACKS = (365, 273, 182, 91)  # days that features of the first day look back, the first that leaves enough days
SLACK = 7  # days by which facts may begin later than a window asks
FEWEST_TESTED = 15  # outcomes of either kind in the block that reports
BANDS = 5  # of scores, each with as many rows
REASONS = 3  # named per account
SIGNAL, NONE, FEW = "signal", "no signal", "too few"


@dataclass(frozen=True)
class Blocks:
    """Past days, in order; outcomes of each block end before the next begins."""

    fit: list[pd.Timestamp]
    choose: list[pd.Timestamp]
    report: list[pd.Timestamp]
    between: list[
        pd.Timestamp
    ]  # purged from fit and choose; known before the report, so the chosen model may learn from them

    @property
    def before(self) -> list[pd.Timestamp]:
        """Days whose outcomes are known before the report begins."""
        return sorted([*self.fit, *self.choose, *self.between])

    @property
    def days(self) -> list[pd.Timestamp]:
        """All of them."""
        return sorted([*self.before, *self.report])


def blocks(since: pd.Timestamp, as_of: pd.Timestamp, horizon_days: int, late_days: int = 0) -> Blocks | None:
    """Lay out past days, half a horizon apart, in three blocks; None where history is too short for three.

    The last day is a horizon before the report, and as much earlier as facts come late. The first leaves a year of facts before
    it, or less where history is short.

    Parameters
    ----------
    since : first day of the facts
    late_days : `outcomes.lateness_days`
    """
    step = max(horizon_days // STEPS, 1)
    last = as_of - (horizon_days + late_days) * DAY
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
    ended = [d for d in days[:-reported] if d + horizon_days * DAY <= report[0]]
    choose = ended[-chosen:]
    fit = [d for d in ended[:-chosen] if d + horizon_days * DAY <= choose[0]]
    return Blocks(fit, choose, report, [d for d in ended if d not in fit and d not in choose])


def days_needed(horizon_days: int, late_days: int) -> int:
    """Days of facts without which there are not three blocks."""
    return horizon_days + late_days + LOOKBACKS[-1] - SLACK + max(horizon_days // STEPS, 1) * (2 + 2 * (STEPS - 1))


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
        predictors = prepare(rows, today[asked].reset_index(drop=True), first_days, refused)
        labelled = rows[["day", "account_id"]].assign(came=rows[question.name])
        out.append(back_test(question, laid, labelled, predictors, rows["touches_out_90d"].fillna(0) > 0))
    return out


def too_few(labelled: pd.DataFrame, report: Sequence[pd.Timestamp]) -> str:
    """Say which floor past outcomes do not reach; empty if they reach all.

    Parameters
    ----------
    labelled : DataFrame ``day, account_id, came``
    """
    came = labelled["came"] > 0
    accounts, yes, no = (part["account_id"].nunique() for part in (labelled, labelled[came], labelled[~came]))
    tested = labelled["day"].isin(report)
    last = [labelled.loc[tested & flag, "account_id"].nunique() for flag in (came, ~came)]
    if accounts < FLOOR_ACCOUNTS:
        return f"{FLOOR_ACCOUNTS} accounts of which it can be asked on past days, where there are {accounts:,}"
    if min(yes, no) < FLOOR_OUTCOMES:
        which, n = ("did", yes) if yes <= no else ("did not", no)
        return f"{FLOOR_OUTCOMES} accounts that {which}, where there are {n:,}"
    if min(last) < FEWEST_TESTED:
        which, n = ("did", last[0]) if last[0] <= last[1] else ("did not", last[1])
        return (
            f"{FEWEST_TESTED} accounts that {which} in the latest period, on which it is judged, where there are {n:,}"
        )
    return ""


def fitted(kind: str, table: pd.DataFrame, came: np.ndarray, accounts: np.ndarray, rule: Sequence[str]) -> Model:
    """Fit one candidate; the simple rule is a model of one column, given."""
    return models.fit(COLUMN if kind == RULE else kind, table, came, accounts, rule if kind == RULE else ())


def back_test(
    question: Question, laid: Blocks, labelled: pd.DataFrame, predictors: Predictors, worked: pd.Series
) -> Tested:
    """Fit the candidates, choose one, and report how it did on days that neither had seen.

    "Signal" is said where the interval of the area under the curve (`scores.auc`) on the block that reports lies above one half.

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
    kinds = [k for k in KINDS if k != RULE or rule]
    compared = choose({k: fitted(k, x[part["fit"]], came[part["fit"]], account[part["fit"]], rule) for k in kinds},
                      x[part["choose"]], came[part["choose"]], account[part["choose"]])  # fmt: skip
    kind = str(compared.loc[compared["chosen"], "kind"].iloc[0])
    then = fitted(kind, x[part["before"]], came[part["before"]], account[part["before"]], rule)
    rows = labelled[part["report"]].assign(score=then.predict(x[part["report"]]), worked=worked[part["report"]])
    _, low, _, _ = scores.auc(rows["score"].to_numpy(), rows["came"].to_numpy(), rows["account_id"].to_numpy())
    verdict = SIGNAL if low > 0.5 else NONE
    whole = fitted(kind if verdict == SIGNAL else BASE, x, came, account, rule)
    return replace(
        nothing,
        compared=compared,
        chosen=kind,
        rows=rows,
        base=float(came[part["before"]].mean()),
        verdict=verdict,
        model=whole,
    )


def choose(candidates: dict[str, Model], x: pd.DataFrame, came: np.ndarray, account: np.ndarray) -> pd.DataFrame:
    """Compare candidates by their loss on days after those they learnt from; the simplest within one standard error of the best is chosen.

    Returns
    -------
    DataFrame, one row per candidate, the simplest first: ``kind, rests_on`` (the column, of a model of one), ``log_loss`` (mean),
    ``worse_by, error`` (of its loss less the best's, between accounts), ``auc``, ``chosen``; and a first row of the base rate,
    which is no candidate
    """
    base = Model(BASE, (), next(iter(candidates.values())).rate).rate
    said = {BASE: np.full(len(came), base)} | {kind: model.predict(x) for kind, model in candidates.items()}
    loss = {kind: scores.log_loss(p, came) for kind, p in said.items()}
    best = min(candidates, key=lambda kind: float(loss[kind].mean()))
    rows = []
    for kind, p in said.items():
        by, error = scores.apart(loss[kind], loss[best], account)
        area = scores.auc(p, came, account)[0] if kind != BASE else float("nan")
        rests = candidates[kind].chosen if kind in candidates else ""
        rows.append((kind, rests, float(loss[kind].mean()), by, error, area, kind != BASE and by <= error))
    out = pd.DataFrame(rows, columns=["kind", "rests_on", "log_loss", "worse_by", "error", "auc", "within"])
    first = out.index[out["within"]][0]
    return out.assign(chosen=out.index == first).drop(columns="within")


# -- what the report block says ---------------------------------------------------------------------------------------


def bands(tested: Tested) -> pd.DataFrame:
    """Rows of the report in bands of equally many by score: what was promised, and what came.

    Returns
    -------
    DataFrame, the highest first: ``band`` (its number, 1 the lowest), ``from_score, to_score, promised`` (mean score),
    ``share, low, high`` (of rows that came, over accounts), ``n`` (rows), ``n_effective``; none without rows

    References
    ----------
    C-47; D4.
    """
    columns = ["band", "from_score", "to_score", "promised", "share", "low", "high", "n", "n_effective"]
    if tested.rows is None:
        return pd.DataFrame(columns=columns)
    rows = tested.rows
    edges = band_edges(rows["score"])
    place = pd.Series(np.searchsorted(edges, rows["score"], side="right") + 1, rows.index)
    found = intervals.shares(rows["came"], rows["account_id"], place)
    by = rows.groupby(place)["score"]
    made = found.assign(promised=by.mean(), from_score=by.min(), to_score=by.max()).rename_axis("band").reset_index()
    return made.iloc[::-1].reset_index(drop=True)[columns]


def band_edges(score: pd.Series) -> np.ndarray:
    """Scores at which bands begin, the lowest apart; fewer where scores are alike."""
    edges = np.unique(np.quantile(score, np.arange(1, BANDS) / BANDS))
    return edges[edges > score.min()]


def top_of(rows: pd.DataFrame, many: int) -> np.ndarray:
    """Say which rows are among the `many` with the highest score of their day; of equals those with the lower id."""
    order = rows.sort_values(["score", "account_id"], ascending=[False, True], kind="stable")
    nth = order.groupby("day").cumcount().reindex(rows.index)
    return (nth < many).to_numpy()


def report_rows(tested: Tested, capacity: int) -> list[dict[str, object]]:
    """Rows of `measures` of one question: how well its scores ranked, and how far they could be taken at their word.

    Parameters
    ----------
    capacity : accounts that the team can work within the horizon

    References
    ----------
    C-45, C-46, C-47; S1-24a, S3-11.
    """
    where = {"group_by": "question", "group": tested.question.does}
    kinds = {
        "propensity_auc": ("C-46", "share"), "propensity_mean_precision": ("C-46", "share"),
        "propensity_log_loss_saved": ("C-46", "share"), "propensity_brier_saved": ("C-46", "share"),
        "propensity_calibration_slope": ("C-47", "times"), "propensity_observed_per_promised": ("C-47", "times"),
        "propensity_lift_at_capacity": ("C-45", "times"), "propensity_base_rate": ("C-44", "share"),
    }  # fmt: skip
    if tested.rows is None:
        lacks = {"status": "not_answerable", "why": tested.why} | where
        return [measure_row(measure, d, np.nan, unit, 0, **lacks) for d, (measure, unit) in kinds.items()]
    rows, window = tested.rows, _window(tested)
    p, came, account = (rows[c].to_numpy() for c in ("score", "came", "account_id"))
    base = np.full(len(rows), tested.base)
    found = {
        "propensity_auc": scores.auc(p, came, account),
        "propensity_mean_precision": scores.mean_precision(p, came, account, SEED),
        "propensity_log_loss_saved": scores.gain(scores.log_loss(p, came), scores.log_loss(base, came), account, SEED),
        "propensity_brier_saved": scores.gain(scores.brier(p, came), scores.brier(base, came), account, SEED),
        "propensity_calibration_slope": scores.slope(p, came, account),
        "propensity_observed_per_promised": scores.observed_per_promised(p, came, account, SEED),
        "propensity_lift_at_capacity": scores.lift(p, came, account, top_of(rows, capacity), SEED),
        "propensity_base_rate": intervals.share(rows["came"], rows["account_id"]),
    }
    out = [estimate_row(kinds[d][0], d, value, kinds[d][1], **where, **window) for d, value in found.items()]
    return out + [
        measure_row("C-47", "propensity_observed_rate", r.share, "share", int(r.n), low=r.low, high=r.high,
                    level=intervals.LEVEL, group_by="question and band", group=f"{tested.question.does}: {r.band}", **window)
        for r in bands(tested).itertuples()
    ]  # fmt: skip


def _window(tested: Tested) -> dict[str, object]:
    """The days in which the outcomes of the report lie."""
    assert tested.blocks is not None  # noqa: S101 -- only asked where rows are
    first = tested.blocks.report[0] + DAY
    return {"window_start": first, "window_end": first - DAY + (tested.blocks.report[-1] - tested.blocks.report[0])}


def worked_only(tested: Tested) -> tuple[int, int, int, int]:
    """Count the rows of the report: those that came of accounts we had touched, those rows, and the same of accounts we had not."""
    assert tested.rows is not None  # noqa: S101 -- only asked where rows are
    came, worked = tested.rows["came"] > 0, tested.rows["worked"].astype(bool)
    return int((came & worked).sum()), int(worked.sum()), int((came & ~worked).sum()), int((~worked).sum())


# -- today ------------------------------------------------------------------------------------------------------------


def today(tested: Tested) -> pd.DataFrame:
    """Score the accounts of which the question is asked today, and say why.

    Without a signal every account has the share that came of all; without a test there is no row.

    Returns
    -------
    DataFrame, the highest score first: ``account_id, score, rank`` (missing without a signal), ``band, observed, observed_low,
    observed_high`` (what came of accounts in its band of scores; missing without a signal), ``reasons`` (columns that move its
    log-odds most from those of the mean account, with how far), ``risks`` (those that move it the other way)
    """
    columns = ["account_id", "score", "rank", "band", "observed", "observed_low", "observed_high", "reasons", "against"]
    if tested.model is None or tested.predictors is None:
        return pd.DataFrame(columns=columns)
    x = tested.predictors.now
    out = pd.DataFrame({"account_id": x.index, "score": tested.model.predict(x)})
    if not tested.is_signal or out.empty:
        blank = {c: pd.Series(dtype=t) for c, t in (("rank", "Int64"), ("band", "Int64"), ("observed", "float64"))}
        empty = {c: blank[c].reindex(out.index) for c in blank} | dict.fromkeys(
            ("observed_low", "observed_high"), np.nan
        )
        return out.assign(**empty, reasons="", against="")[columns]
    assert tested.rows is not None  # noqa: S101 -- a signal has rows
    known, edges = bands(tested).set_index("band"), band_edges(tested.rows["score"])
    band = np.searchsorted(edges, out["score"], side="right") + 1
    seen = known.reindex(band)[["share", "low", "high"]].set_axis(["observed", "observed_low", "observed_high"], axis=1)
    up, down = told(parts_of(tested, x), tested.predictors.of)
    out = out.assign(band=band, **{c: seen[c].to_numpy() for c in seen}, reasons=up.to_numpy(), against=down.to_numpy())
    out = out.sort_values(["score", "account_id"], ascending=[False, True], ignore_index=True)
    return out.assign(rank=pd.Series(np.arange(1, len(out) + 1), dtype="Int64"), band=out["band"].astype("Int64"))[
        columns
    ]


def parts_of(tested: Tested, x: pd.DataFrame) -> pd.DataFrame:
    """Take log-odds apart, about the mean of the rows given: their sum and the mean's log-odds are the row's."""
    assert tested.model is not None  # noqa: S101
    parts = tested.model.parts(x).drop(columns="base")
    return parts - parts.mean()


def told(parts: pd.DataFrame, of: dict[str, str], most: int = REASONS) -> tuple[pd.Series, pd.Series]:
    """Name the columns that raise a row's log-odds most, and those that lower it most, each with how far.

    Returns
    -------
    two Series of text, index as `parts`
    """
    names = np.array([name_of(c, of) for c in parts], dtype=object)
    values, both = parts.to_numpy(float), []
    for sign in (1, -1):
        order = np.argsort(-sign * values, axis=1, kind="stable")[:, :most]
        texts = [
            ", ".join(f"{names[c]} {row[c]:+.1f}" for c in places if round(sign * row[c], 1) > 0)
            for row, places in zip(values, order, strict=True)
        ]
        both.append(pd.Series(texts, parts.index, dtype="str"))
    return both[0], both[1]
