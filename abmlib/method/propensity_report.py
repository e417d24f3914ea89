"""What the back-test of propensity says to readers, and the scores of today: bands, measures, reasons per account."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.periods import DAY
from abmlib.method.predictors import FEATURES, FIRM, name_of, value_of
from abmlib.method.propensity import SEED, Tested
from abmlib.stats import intervals, scores
from abmlib.stats.models import BASE
from abmlib.tables import schema

SHARES = (0.4, 0.6, 0.8, 0.9)  # of past rows below each band of scores but the lowest: finer where lists are made
REASONS, LITTLE = 3, 0.2  # features named per account, and log-odds below which none is
TOLD = 2_000  # accounts, the likeliest, of which reasons are named
UNKNOWN = "unknown"
NAMES = ("opens", "wins", "buys", "grows", "adds_line", "stops", "not_renewed")  # of questions
SCORES, TESTS = "04_propensity", "04_back_test"
KINDS = {
    "propensity_auc": ("C-46", "share"), "propensity_mean_precision": ("C-46", "share"),
    "propensity_log_loss_saved": ("C-46", "share"), "propensity_brier_saved": ("C-46", "share"),
    "propensity_calibration_slope": ("C-47", "times"), "propensity_observed_per_promised": ("C-47", "times"),
    "propensity_lift_at_capacity": ("C-45", "times"), "propensity_rate_at_capacity": ("C-45", "share"),
    "propensity_base_rate": ("C-44", "share"), "propensity_drift": ("C-48", "index"),
}  # fmt: skip
OVERVIEW = [  # columns of `overview`
    "name", "does", "is_loss", "counts", "verdict", "why", "model", "rests_on", "rows", "accounts", "n_effective", "reported",
    *(f"{d.removeprefix('propensity_')}{end}" for d in KINDS for end in ("", "_low", "_high")),
]  # fmt: skip


def bands(tested: Tested) -> pd.DataFrame:
    """Rows of the report in bands by score (`SHARES`): what was promised, and what came.

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
    """Scores at which bands begin, the lowest apart: a new one where at least the next of `SHARES` lies below.

    Equal scores are never parted, so there are fewer bands where many are equal.
    """
    values, many = np.unique(score, return_counts=True)
    below, edges, passed = np.cumsum(many) - many, list[float](), 0
    for value, share in zip(values, below / len(score), strict=True):
        reached = int(np.searchsorted(SHARES, share + 1e-9, side="right"))
        if reached > passed:
            edges.append(float(value))
            passed = reached
    return np.array(edges)


def top_of(rows: pd.DataFrame, many: int) -> np.ndarray:
    """Say which rows are among the `many` with the highest score of their day; of equals those with the lower id."""
    order = rows.sort_values(["score", "account_id"], ascending=[False, True], kind="stable")
    nth = order.groupby("day").cumcount().reindex(rows.index)
    return (nth < many).to_numpy()


def top_shares(rows: pd.DataFrame, many: int) -> np.ndarray:
    """Give the part of each row that is among the `many` with the highest score of their day: rows with the last score share what is left."""
    by = rows.groupby("day")["score"]
    above, same = by.rank(method="min", ascending=False) - 1, rows.groupby(["day", "score"])["score"].transform("size")
    return ((many - above) / same).clip(0, 1).to_numpy(float)


def _of_top(top: np.ndarray, came: np.ndarray, account: np.ndarray) -> tuple[float, float, float]:
    """Share that came of rows, each with its part, with its interval over accounts; Wilson's where all rows agree."""
    hits, part, of = (pd.Series(values)[top > 0] for values in (top * came, top, account))
    value, low, high, _ = intervals.ratio(hits, part, SEED, of)
    if value in (0.0, 1.0):
        agree = intervals.shares(hits > 0, of, pd.Series("all", hits.index)).iloc[0]
        low, high = float(agree["low"]), float(agree["high"])
    return value, low, high


def report_rows(tested: Tested, capacity: int) -> list[dict[str, object]]:
    """Rows of `measures` of one question: how well its scores ranked, and how far they could be taken at their word.

    Parameters
    ----------
    capacity : accounts that the team can work within the horizon

    Raises
    ------
    ValueError
        If `capacity` is not 1 or more.

    References
    ----------
    C-45, C-46, C-47; S1-24a, S3-11.
    """
    if capacity < 1:
        raise ValueError(f"can_work must be 1 or more, got {capacity}.")
    where = {"group_by": "question", "group": tested.question.does}
    if tested.rows is None:
        lacks = {"status": "not_answerable", "why": tested.why} | where
        return [measure_row(measure, d, np.nan, unit, 0, **lacks) for d, (measure, unit) in KINDS.items()]
    rows, window = tested.rows, window_of(tested)
    p, came, account = (rows[c].to_numpy() for c in ("score", "came", "account_id"))
    base, top = np.full(len(rows), tested.base), top_shares(rows, capacity)
    found = {
        "propensity_auc": scores.auc(p, came, account),
        "propensity_mean_precision": scores.mean_precision(p, came, account, SEED),
        "propensity_log_loss_saved": scores.gain(scores.log_loss(p, came), scores.log_loss(base, came), account, SEED),
        "propensity_brier_saved": scores.gain(scores.brier(p, came), scores.brier(base, came), account, SEED),
        "propensity_calibration_slope": scores.slope(p, came, account),
        "propensity_observed_per_promised": scores.observed_per_promised(p, came, account, SEED),
        "propensity_lift_at_capacity": scores.lift(p, came, account, top, SEED),
        "propensity_rate_at_capacity": (*_of_top(top, came, account), round(float(top.sum()))),
        "propensity_base_rate": intervals.share(rows["came"], rows["account_id"]),
    }
    out = [estimate_row(KINDS[d][0], d, value, KINDS[d][1], **where, **window) for d, value in found.items()]
    out.append(measure_row("C-48", "propensity_drift", drift(tested), "index", len(rows), **where, **window))
    return out + [
        measure_row("C-47", "propensity_observed_rate", r.share, "share", int(r.n), low=r.low, high=r.high, level=intervals.LEVEL,
                    group_by="question and band", group=f"{tested.question.does}: {r.band}", **window)
        for r in bands(tested).itertuples()
    ]  # fmt: skip


def window_of(tested: Tested) -> dict[str, pd.Timestamp]:
    """First and last day on which an outcome of the report may lie."""
    assert tested.blocks is not None  # noqa: S101 -- only asked where rows are
    first, last = tested.blocks.report[0], tested.blocks.report[-1]
    return {"window_start": first + DAY, "window_end": last + tested.question.horizon_days * DAY}


def drift(tested: Tested) -> float:
    """Population stability index of the scores of today against those of the report; missing without a signal."""
    if tested.rows is None or tested.model is None or tested.predictors is None or tested.model.kind == BASE:
        return float("nan")
    then, now = (
        tested.model.predict(x) for x in (tested.predictors.past.loc[tested.rows.index], tested.predictors.now)
    )
    return scores.stability_index(then, now, len(SHARES) + 1)


def overview(tests: Sequence[Tested], measured: pd.DataFrame) -> pd.DataFrame:
    """Lay the report out, one row per question.

    Parameters
    ----------
    measured : rows of `report_rows` of all of them

    Returns
    -------
    DataFrame, in the order of the questions: ``name, does, is_loss, counts, verdict, why, model`` (what was chosen), ``rests_on`` (of a model of one
    feature), ``rows, accounts, n_effective`` (independent rows they are worth), ``reported`` (past days), and for each definition
    of `KINDS` without its first word the value, with ``_low`` and ``_high``
    """
    out = list[dict[str, object]]()
    for test in tests:
        own = measured[(measured["group_by"] == "question") & (measured["group"] == test.question.does)].set_index(
            "definition_id"
        )
        q, found = test.question, {"rests_on": "", "rows": 0, "accounts": 0, "n_effective": np.nan, "reported": 0}
        row: dict[str, object] = {"name": q.name, "does": q.does, "is_loss": q.is_loss, "counts": q.counts, "verdict": test.verdict, "why": test.why, "model": test.chosen}  # fmt: skip
        if (
            test.rows is not None
            and test.compared is not None
            and test.predictors is not None
            and test.blocks is not None
        ):
            column = str(test.compared.loc[test.compared["chosen"], "rests_on"].iloc[0])
            all_rows = intervals.shares(test.rows["came"], test.rows["account_id"], pd.Series("all", test.rows.index))
            found = {
                "rests_on": name_of(column, test.predictors.of) if column else "",
                "rows": len(test.rows),
                "accounts": test.rows["account_id"].nunique(),
                "n_effective": float(all_rows["n_effective"].iloc[0]),
                "reported": len(test.blocks.report),
            }
        for d in KINDS:
            short = d.removeprefix("propensity_")
            found |= {
                short + end: own.loc[d].get(column, np.nan)
                for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
        out.append(row | found)
    return pd.DataFrame(out, columns=OVERVIEW)


def worked_only(tested: Tested) -> tuple[int, int, int, int]:
    """Count the rows of the report: those that came of accounts we had touched, those rows, and the same of accounts we had not."""
    assert tested.rows is not None  # noqa: S101 -- only asked where rows are
    came, worked = tested.rows["came"] > 0, tested.rows["worked"].astype(bool)
    return int((came & worked).sum()), int(worked.sum()), int((came & ~worked).sum()), int((~worked).sum())


def today(tested: Tested) -> pd.DataFrame:
    """Score the accounts of which the question is asked today, and say why.

    Without a signal every account has the share that came of all; without a test there is no row.

    Returns
    -------
    DataFrame, the highest score first, of equal ones that of most revenue in 12 months: ``account_id, score, rank`` (missing without a signal), ``band, observed, observed_low,
    observed_high`` (what came of accounts in its band of scores; missing without a signal), ``reasons`` (of the `TOLD` likeliest: features that move its
    log-odds most from those of the mean account, with how far), ``against`` (those that move it the other way)
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
    assert tested.rows is not None and tested.reporting is not None  # noqa: S101 -- a signal has both
    known, edges = bands(tested).set_index("band"), band_edges(tested.rows["score"])
    band = np.searchsorted(edges, tested.reporting.predict(x), side="right") + 1  # of the very model that was tested
    seen = known.reindex(band)[["share", "low", "high"]].set_axis(["observed", "observed_low", "observed_high"], axis=1)
    first = out.nlargest(TOLD, "score").index
    some = tested.predictors.raw.iloc[first]
    up, down = (
        told_.set_axis(first).reindex(out.index, fill_value="")
        for told_ in told(parts_of(tested, x).iloc[first], tested.predictors.of, some)
    )
    out = out.assign(band=band, **{c: seen[c].to_numpy() for c in seen}, reasons=up.to_numpy(), against=down.to_numpy())
    worth = tested.predictors.raw["revenue_12m"] if "revenue_12m" in tested.predictors.raw else pd.Series(dtype=float)
    out["worth"] = worth.reindex(out["account_id"]).to_numpy(dtype=float, na_value=0.0)
    out = out.sort_values(["score", "worth", "account_id"], ascending=[False, False, True], ignore_index=True)
    return out.assign(rank=pd.Series(np.arange(1, len(out) + 1), dtype="Int64"), band=out["band"].astype("Int64"))[
        columns
    ]


def parts_of(tested: Tested, x: pd.DataFrame) -> pd.DataFrame:
    """Take log-odds apart, about the mean of the rows given: their sum and the mean's log-odds are the row's."""
    assert tested.model is not None  # noqa: S101
    parts = tested.model.parts(x).drop(columns="base")
    return parts - parts.mean()


def told(
    parts: pd.DataFrame, of: Mapping[str, str], raw: pd.DataFrame, most: int = REASONS
) -> tuple[pd.Series, pd.Series]:
    """Name the features that raise a row's log-odds most, and those that lower it most: each with its value, and how far.

    All columns made of a feature (its categories, that it has no value) are one. What moves less than `LITTLE` is not named.

    Parameters
    ----------
    parts : DataFrame of `parts_of`
    of : feature of each column
    raw : features as they are, index as `parts`

    Returns
    -------
    two Series of text, index as `parts`
    """
    by = parts.T.groupby([of[str(c)] for c in parts], sort=False).sum().T
    for feature in [f for f in by if FEATURES[f].table == FIRM]:
        by[feature] = by[feature].where(raw[feature].notna(), 0.0)  # what was lent says nothing of the account
    features = list(by)
    written = [[f"{FEATURES[f].words} {value_of(f, v) or UNKNOWN}" for v in raw[f]] for f in features]
    values, both = by.to_numpy(float), []
    for sign in (1, -1):
        order = np.argsort(-sign * values, axis=1, kind="stable")[:, :most]
        texts = [
            ", ".join(f"{written[c][i]} ({row[c]:+.1f})" for c in places if sign * row[c] >= LITTLE)
            for i, (row, places) in enumerate(zip(values, order, strict=True))
        ]
        both.append(pd.Series(texts, parts.index, dtype="str"))
    return both[0], both[1]


def at_stake(rows: pd.DataFrame, money: pd.Series, base: float, many: int) -> pd.DataFrame:
    """Choose accounts where most money is at stake, of those likelier than all to do it.

    Parameters
    ----------
    rows : DataFrame of `scored`, of one question
    money : what an account would take with it, by account id
    base : share of all accounts that did it
    many : accounts chosen at most

    Returns
    -------
    DataFrame, rows as `rows` with ``moves, moves_low, moves_high`` (money × what came of accounts scored alike), most money first; index:
    account id
    """
    own = rows[rows["observed"] > base].set_index("account_id", drop=False)
    worth = money.reindex(own.index).fillna(0.0)
    own = own.assign(**{f"moves{end}": worth * own[f"observed{end}"] for end in ("", "_low", "_high")})
    return own[own["moves"] > 0].sort_values("moves", ascending=False, kind="stable").head(many)


def tied(rows: pd.DataFrame, many: int) -> tuple[int, int]:
    """Count the accounts with the last score that is still listed: those listed, and all of them.

    Parameters
    ----------
    rows : DataFrame of `scored`, of one question
    many : accounts that are listed
    """
    if len(rows) <= many:
        return 0, 0
    last = rows["score"] == rows.sort_values("rank")["score"].iloc[many - 1]
    return int((last & (rows["rank"] <= many)).sum()), int(last.sum())


def scored(tests: Sequence[Tested]) -> pd.DataFrame:
    """Score today's accounts for every question, to the spec of ``04_propensity``.

    A question that could not be tested has no row.
    """
    parts = [
        today(t).assign(
            question=t.question.name, verdict=t.verdict, model=t.chosen, horizon_days=t.question.horizon_days
        )
        for t in tests
        if t.rows is not None
    ]
    return schema.conform(SCORES, pd.concat(parts, ignore_index=True)) if parts else schema.empty(SCORES)


def back_tested(tests: Sequence[Tested]) -> pd.DataFrame:
    """Give every past score of the report with what came, to the spec of ``04_back_test``."""
    parts = [t.rows.assign(question=t.question.name) for t in tests if t.rows is not None]
    if not parts:
        return schema.empty(TESTS)
    every = pd.concat(parts, ignore_index=True)
    return schema.conform(TESTS, every.assign(came=every["came"] > 0, worked=every["worked"].astype(bool)))
