"""How much an account signs or buys within the horizon, if it does: sizes learnt on past days, and judged on later ones.

The days are those of `propensity`, in the same three blocks. With the chance of 04 a size becomes what an account is expected to
bring: nothing, or a size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.outcomes import first_of
from abmlib.method.periods import DAY
from abmlib.method.predictors import Predictors, leaks, prepare
from abmlib.method.propensity import FEW, FEWEST_TESTED, NONE, SEED, SIGNAL, Blocks, days_needed
from abmlib.stats import intervals, scores, sizes
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES
from abmlib.stats.scores import Estimate
from abmlib.stats.sizes import ALIKE, HIGH, KINDS, LEVELS, LOW, QUARTER, THREE_QUARTERS, Sizes

LEAST_SAVED = 0.10  # share of the interval score that a model must save, or all are taken as alike
LEAST_HELD = (
    0.90  # share of sizes within the 95% interval that the upper end of its own must reach, or the model is not used
)
NAMES = ("low", "quarter", "middle", "three_quarters", "high")  # of `LEVELS`
QUANTILES = [f"size_{name}" for name in NAMES]
BANDS = 5  # of what was expected
BASIS = ("wins", "buys")  # questions of 04 whose size is asked, the first that is there
KINDS_OF = {  # definition -> metric, unit
    "size_interval_held": ("C-49", "share"), "size_half_held": ("C-49", "share"), "size_loss_saved": ("C-49", "share"),
    "size_score_saved": ("C-49", "share"),     "size_came_per_promised": ("C-49", "times"),
}  # fmt: skip


@dataclass(frozen=True)
class Sized:
    """What the back-test of sizes found."""

    what: str
    why: str = ""  # nothing could be tested, for lack of it
    verdict: str = FEW
    chosen: str = ""  # kind of model
    rests_on: str = ""  # column of a model of one
    compared: pd.DataFrame | None = None  # candidates on the block that chooses
    rows: pd.DataFrame | None = (
        None  # of the block that reports: day, account_id, group, size, mean, sizes said, and loss and interval score of the chosen and of all alike
    )
    reporting: Sizes | None = None  # fitted on the days before the report
    model: Sizes | None = None  # fitted on all past days

    @property
    def is_told(self) -> bool:
        """Say whether sizes were told apart."""
        return self.verdict == SIGNAL


def events(deals: pd.DataFrame, lines: pd.DataFrame, basis: str) -> pd.DataFrame:
    """List what counts as size: of signing the amounts of deals won, renewals aside; of buying the net revenue of lines.

    A deal without an amount or an account is left out.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    lines : DataFrame of `orders.with_product_line`
    basis : one of `BASIS`

    Returns
    -------
    DataFrame ``account_id, product_line, day, amount`` (reporting currency)
    """
    if basis == "wins":
        won = dl.decided(deals[deals["type"] != "renewal"])
        rows = won[dl.won_flag(won)].rename(columns={"closed_day": "day"})
    else:
        rows = lines.rename(columns={"booked_at": "day", "revenue": "amount"})
    rows = rows.assign(product_line=rows["product_line"].astype("str").fillna("all"))
    return (
        rows[["account_id", "product_line", "day", "amount"]].dropna().astype({"amount": float}).reset_index(drop=True)
    )


def so_far(found: pd.DataFrame) -> pd.DataFrame:
    """Describe by line what was signed or bought so far: what an account signed, or bought of a line, on one day is one size.

    Parameters
    ----------
    found : DataFrame of `events`

    Returns
    -------
    DataFrame, a row per line, the most sizes first: ``product_line, sizes, accounts, size_quarter, size_middle, size_three_quarters, size_mean``

    References
    ----------
    S3-14.
    """
    each = found.groupby(["product_line", "account_id", "day"])["amount"].sum().reset_index()
    by = each[each["amount"] > 0].groupby("product_line")
    out = by.agg(sizes=("amount", "size"), accounts=("account_id", "nunique"), size_mean=("amount", "mean"))
    for name, level in zip(QUANTILES[QUARTER:HIGH], LEVELS[QUARTER:HIGH], strict=True):
        out[name] = by["amount"].quantile(level)
    out = out.sort_values("sizes", ascending=False, kind="stable").reset_index()
    return out[["product_line", "sizes", "accounts", *QUANTILES[QUARTER:HIGH], "size_mean"]]


def amounts(
    found: pd.DataFrame, rows: pd.DataFrame, horizon_days: int, by: Sequence[str] = ("account_id",)
) -> np.ndarray:
    """Sum what came within the horizon after the day of each row; 0 where nothing did.

    Parameters
    ----------
    found : DataFrame of `events`
    rows : DataFrame ``day`` and `by`
    by : columns that say whose events count
    """
    out = np.zeros(len(rows))
    for day, places in rows.groupby("day").indices.items():
        inside = found[(found["day"] > day) & (found["day"] <= day + horizon_days * DAY)]
        sums = inside.groupby(list(by))["amount"].sum()
        keys = (
            pd.MultiIndex.from_frame(rows.iloc[places][list(by)]) if len(by) > 1 else pd.Index(rows.iloc[places][by[0]])
        )
        out[places] = sums.reindex(keys).fillna(0.0).to_numpy(float).round(6)
    return out


def ask(
    what: str,
    history: pd.DataFrame,
    today: pd.DataFrame,
    first_days: pd.Series,
    signed: pd.DataFrame,
    laid: Blocks | None,
    horizon_days: int,
) -> tuple[Sized, Predictors | None]:
    """Learn sizes of accounts on past days, and judge them on later ones.

    Parameters
    ----------
    what : words for what has a size
    history, today : DataFrames of `Book.history` and `Book.features`
    first_days : first day of each table, by its name
    signed : DataFrame of `events`
    laid : past days; None where history is too short
    horizon_days : within which amounts are summed

    Returns
    -------
    what was found, and the numbers it rests on, rows as `history`; None without past days
    """
    if laid is None or history.empty:
        return Sized(what, f"{days_needed(horizon_days, 0):,} days of facts or a shorter horizon"), None
    size, asked = amounts(signed, history, horizon_days), history["day"].isin(laid.days)
    refused = leaks(history[asked], pd.Series(size > 0, history.index)[asked].astype(float))
    numbers = prepare(history, today, first_days, refused, history["day"].isin(laid.before).to_numpy())
    rows = history[["day", "account_id"]].assign(size=size)[asked & (size > 0)]
    return back_test(what, rows, numbers.past.loc[rows.index], laid), numbers


def back_test(what: str, rows: pd.DataFrame, x: pd.DataFrame, laid: Blocks) -> Sized:
    """Fit the candidates, choose one, and report how often its intervals held on days that neither had seen.

    All are taken as alike (in their group) unless a model saves `LEAST_SAVED` of their loss, beyond one standard error. Of the models
    that are within one standard error of the best, that stays which tells sizes apart most finely: bands give many accounts one size. On the
    report it must still save something beyond noise, and its interval must not clearly miss (`LEAST_HELD`); if not, all are taken as alike.

    Parameters
    ----------
    what : words for the thing that has a size
    rows : DataFrame ``day, account_id, size`` (above 0), and ``group`` where sizes differ by nature
    x : numbers known on the day of each row, none missing; index as `rows`
    laid : blocks of past days

    References
    ----------
    C-49; S3-14, S1-24a. One standard error: as `propensity.back_test`.
    """
    nothing = Sized(what)
    part = {name: rows["day"].isin(getattr(laid, name)).to_numpy() for name in ("fit", "choose", "before", "report")}
    tests = {
        f"{FLOOR_ACCOUNTS} accounts with a size": (rows["account_id"].nunique(), FLOOR_ACCOUNTS),
        f"{FLOOR_OUTCOMES} sizes before the latest period": (int(part["before"].sum()), FLOOR_OUTCOMES),
        f"{FEWEST_TESTED} sizes in the latest period, on which they are judged": (
            int(part["report"].sum()),
            FEWEST_TESTED,
        ),
    }
    for words, (there, needed) in tests.items():
        if there < needed:
            return replace(nothing, why=f"{words}, where there are {there:,}")
    size, account = rows["size"].to_numpy(float), rows["account_id"].to_numpy()
    group = rows["group"].to_numpy(object) if "group" in rows else np.full(len(rows), "", object)

    before, report = part["before"], part["report"]
    models = {k: sizes.fit(k, x[before], size[before], account[before], group[before]) for k in KINDS}
    compared, kind = choose(models, size[before], account[before])
    said = {k: models[k].quantiles(x[report], group[report]) for k in (ALIKE, kind)}
    loss = {k: sizes.quantile_loss(q, size[report]) for k, q in said.items()}
    saved = scores.gain(loss[kind], loss[ALIKE], account[report], SEED)
    inside = (size[report] >= said[kind][:, LOW]) & (size[report] <= said[kind][:, HIGH])
    held = intervals.share(pd.Series(inside), pd.Series(account[report]))
    is_told = kind != ALIKE and saved[1] > 0 and held[2] >= LEAST_HELD
    used = kind if is_told else ALIKE
    model = models[used]
    score = {k: sizes.interval_score(q[:, LOW], q[:, HIGH], size[report]) for k, q in said.items()}
    out = rows[report].assign(
        group=group[report], mean=model.mean(x[report], group[report]), loss=loss[kind], loss_alike=loss[ALIKE],
        score=score[kind], score_alike=score[ALIKE],
    )  # fmt: skip
    out[QUANTILES] = said[used]
    whole = sizes.fit(used, x, size, account, group)
    verdict = SIGNAL if is_told else NONE
    compared = compared.assign(chosen=compared["kind"] == used)
    return Sized(what, "", verdict, kind, models[kind].chosen, compared, out, model, whole)


def choose(models: Mapping[str, Sizes], size: np.ndarray, account: np.ndarray) -> tuple[pd.DataFrame, str]:
    """Compare candidates by what each says of accounts it has not seen.

    Not by later days, as 04: sizes are few, and often of one day only; later days judge the choice.

    Parameters
    ----------
    models : by kind, the simplest first
    size, account : of the rows they were fitted on

    Returns
    -------
    DataFrame, a row per candidate: ``kind, rests_on, held`` (share of sizes within the interval), ``loss`` (mean quantile loss), ``worse_by,
    error`` (of its loss less the best's, between accounts), ``chosen``; and the kind that is chosen
    """
    rows = next(iter(models.values())).learnt
    size, account = size[rows], account[rows]
    losses = {k: sizes.quantile_loss(m.unseen, size) for k, m in models.items()}
    best = min(losses, key=lambda kind: float(losses[kind].mean()))
    out, chosen = [], ALIKE
    for kind, loss in losses.items():
        said, (by, error) = models[kind].unseen, scores.apart(loss, losses[best], account)
        held = (size >= said[:, LOW]) & (size <= said[:, HIGH])
        out.append((kind, models[kind].chosen, float(held.mean()), float(loss.mean()), by, error))
        is_worse = by > max(error, LEAST_SAVED * float(loss.mean()) * (kind == ALIKE))
        if kind == ALIKE and not is_worse:
            break
        chosen = chosen if is_worse else kind
    found = pd.DataFrame(out, columns=["kind", "rests_on", "held", "loss", "worse_by", "error"])
    return found.assign(chosen=found["kind"] == chosen), chosen


# -- what it says -------------------------------------------------------------------------------------------------------


def measured(found: Sized) -> list[dict[str, object]]:
    """Rows of `measures`: how often intervals held, what they saved, and if the mean was right.

    References
    ----------
    C-49; S3-14.
    """
    where = {"group_by": "size", "group": found.what}
    if found.rows is None:
        lacks = {"status": "not_answerable", "why": found.why} | where
        return [measure_row(m, d, np.nan, unit, 0, **lacks) for d, (m, unit) in KINDS_OF.items()]
    rows, window = found.rows, {"window_start": found.rows["day"].min() + DAY}
    account, size = rows["account_id"], rows["size"]
    loss, loss_alike, score, score_alike = (rows[c].to_numpy() for c in ("loss", "loss_alike", "score", "score_alike"))
    estimates = {
        "size_interval_held": intervals.share(size.between(rows[QUANTILES[LOW]], rows[QUANTILES[HIGH]]), account),
        "size_half_held": intervals.share(
            size.between(rows[QUANTILES[QUARTER]], rows[QUANTILES[THREE_QUARTERS]]), account
        ),
        "size_loss_saved": scores.gain(loss, loss_alike, account.to_numpy(), SEED),
        "size_score_saved": scores.gain(score, score_alike, account.to_numpy(), SEED),
        "size_came_per_promised": intervals.ratio(size, rows["mean"], SEED, account),
    }
    return [estimate_row(KINDS_OF[d][0], d, e, KINDS_OF[d][1], **where, **window) for d, e in estimates.items()]


def told_of(found: Sized, history: pd.DataFrame, some: pd.Series) -> Estimate:
    """Error saved on the report for some of the accounts, such as those without an open deal, against all taken as alike.

    Parameters
    ----------
    history : DataFrame of `Book.history`
    some : bool per row of it

    Returns
    -------
    value, low, high, n; missing where nothing was told apart, or fewer than `FEWEST_TESTED` are left
    """
    nothing = float("nan")
    if not found.is_told or found.rows is None:
        return nothing, nothing, nothing, 0
    rows = found.rows[some.reindex(found.rows.index, fill_value=False).to_numpy()]
    if len(rows) < FEWEST_TESTED:
        return nothing, nothing, nothing, len(rows)
    return scores.gain(rows["loss"].to_numpy(), rows["loss_alike"].to_numpy(), rows["account_id"].to_numpy(), SEED)


def expected(chance: np.ndarray, quantiles: np.ndarray, mean: np.ndarray) -> pd.DataFrame:
    """Give what accounts are expected to bring: chance times mean size, and the interval of what may come, which may begin at nothing.

    Returns
    -------
    DataFrame ``value, value_low, value_high``

    References
    ----------
    C-49; S1-24a.
    """
    low, high = (sizes.of_hurdle(chance, quantiles, LEVELS[k]) for k in (LOW, HIGH))
    return pd.DataFrame({"value": np.asarray(chance) * mean, "value_low": low, "value_high": high})


def by_band(rows: pd.DataFrame, bands: int = BANDS) -> pd.DataFrame:
    """Put past rows in bands of what was expected of them, and sum what was promised and what came.

    Parameters
    ----------
    rows : DataFrame ``account_id, value, came`` (money)

    Returns
    -------
    DataFrame, the highest band first: ``band`` (its number, 1 the lowest), ``rows, accounts, promised, came, per_promised, per_promised_low,
    per_promised_high``

    References
    ----------
    C-49.
    """
    place = pd.Series(np.ceil(rows["value"].rank(method="average") / len(rows) * bands).astype(int), rows.index)
    out = []
    for band, own in rows.groupby(place):
        value, low, high, n = intervals.ratio(own["came"], own["value"], SEED, own["account_id"])
        out.append((int(band), n, own["account_id"].nunique(), own["value"].sum(), own["came"].sum(), value, low, high))
    columns = ["band", "rows", "accounts", "promised", "came", "per_promised", "per_promised_low", "per_promised_high"]
    return pd.DataFrame(out[::-1], columns=columns)


def expected_rows(past: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: if totals of what was expected came, and how often what came lay within what may come, nothing among it.

    Parameters
    ----------
    past : DataFrame of `promised`

    References
    ----------
    C-49; S1-24a.
    """
    held = past["came"].between(past["value_low"], past["value_high"])
    window = {"window_start": past["day"].min() + DAY} if len(past) else {}
    return [
        estimate_row("C-49", "expected_came_per_promised", came_per_promised(past), "times", **window),
        estimate_row("C-49", "expected_interval_held", intervals.share(held, past["account_id"]), "share", **window),
    ]


def came_per_promised(rows: pd.DataFrame) -> Estimate:
    """Money that came over what was expected, of all past rows; with its interval over accounts."""
    return intervals.ratio(rows["came"], rows["value"], SEED, rows["account_id"])


def basis_of(scored: pd.DataFrame, deals: pd.DataFrame) -> str:
    """Say what is sized: signing or buying, as 04 could ask of it; where it could ask neither, signing if a deal was ever won.

    Parameters
    ----------
    scored : rows of ``04_propensity``
    deals : DataFrame of `deals.with_days`
    """
    asked = [basis for basis in BASIS if (scored["question"] == basis).any()]
    won = dl.decided(deals[deals["type"] != "renewal"])
    return asked[0] if asked else BASIS[0] if dl.won_flag(won).any() else BASIS[1]


def since(deals: pd.DataFrame, lines: pd.DataFrame, basis: str) -> pd.Timestamp:
    """Give the first day of the facts, as `outcomes.asked` takes it."""
    sold = deals[(deals["type"] != "renewal") & deals["account_id"].notna()]
    bought = lines.loc[lines["revenue"] > 0, ["account_id", "booked_at"]].drop_duplicates()["booked_at"]
    return first_of(sold["created_day"].fillna(sold["closed_day"]) if basis == BASIS[0] else bought)


def promised(
    found: Sized,
    numbers: Predictors | None,
    history: pd.DataFrame,
    past: pd.DataFrame,
    came: pd.DataFrame,
    horizon_days: int,
) -> pd.DataFrame:
    """Say of each past score what was expected, by sizes learnt before, and what came.

    Parameters
    ----------
    numbers, history : of `ask`
    past : rows of ``04_back_test`` of the question that is sized
    came : DataFrame of `events`

    Returns
    -------
    DataFrame to the spec of ``05_back_test``, one row per past score; none where sizes could not be tested
    """
    columns = [
        "day", "account_id", "chance", *QUANTILES, "size_mean", "value", "value_low", "value_high", "came",
    ]  # fmt: skip
    if found.reporting is None or numbers is None or past.empty:
        return pd.DataFrame(columns=columns)
    place = history[["day", "account_id"]].assign(place=np.arange(len(history)))
    rows = past.merge(place, on=["day", "account_id"])
    own = numbers.past.iloc[rows["place"]]
    q, mean = found.reporting.quantiles(own), found.reporting.mean(own)
    said = expected(rows["score"].to_numpy(float), q, mean)
    out = pd.concat([rows[["day", "account_id"]], said], axis=1).assign(
        chance=rows["score"], size_mean=mean, came=amounts(came, rows, horizon_days)
    )
    out[QUANTILES] = q
    return out[columns]


def today(
    found: Sized, numbers: Predictors | None, accounts: pd.Index, scored: pd.DataFrame, basis: str, horizon_days: int
) -> pd.DataFrame:
    """Size each account of today, and say what is expected of it.

    Parameters
    ----------
    numbers : of `ask`
    accounts : all of today
    scored : rows of ``04_propensity``
    basis : one of `BASIS`

    Returns
    -------
    DataFrame, the most expected first: the columns of ``05_opportunity_size`` that this module knows; sizes are missing where none could be learnt
    """
    of = scored[scored["question"] == basis].set_index("account_id")["score"]
    out = pd.DataFrame({"account_id": accounts, "what": basis, "chance": of.reindex(accounts).to_numpy(float)})
    if found.model is None or numbers is None:
        blank = [*QUANTILES, "size_mean", "value", "value_low", "value_high"]
        return out.assign(**dict.fromkeys(blank, np.nan), rank=pd.NA, verdict=FEW, horizon_days=horizon_days)
    now = numbers.now.loc[accounts]
    q, mean = found.model.quantiles(now), found.model.mean(now)
    out[QUANTILES] = q
    out = pd.concat([out.assign(size_mean=mean), expected(out["chance"].to_numpy(), q, mean)], axis=1)
    out = out.sort_values(["value", "account_id"], ascending=[False, True], ignore_index=True)
    rank = pd.Series(np.arange(1, len(out) + 1), dtype="Int64").where(out["value"].notna())
    return out.assign(rank=rank, verdict=found.verdict, horizon_days=horizon_days)


def to_begin_with(sizes: pd.DataFrame, scored: pd.DataFrame, deals_open: pd.Series, many: int) -> pd.DataFrame:
    """Choose, of the accounts without an open deal that 04 calls first, those that carry half of what is expected of them; the most expected first.

    Where no score says who opens a deal there are none.

    Parameters
    ----------
    sizes : DataFrame of `today`, accounts that may be called; the most expected first
    scored : rows of ``04_propensity``
    deals_open : open deals by account id
    many : accounts that can be called

    Returns
    -------
    DataFrame, rows of `sizes`; index: account id

    References
    ----------
    C-49; S1-24a.
    """
    rows = sizes[(sizes["value"] > 0) & ~(sizes["account_id"].map(deals_open).astype(float) > 0)].set_index(
        "account_id", drop=False
    )
    opens = scored[(scored["question"] == "opens") & scored["rank"].notna() & scored["account_id"].isin(rows.index)]
    rows = rows[rows.index.isin(opens.nsmallest(many, "rank")["account_id"])]
    return rows[rows["value"].cumsum() - rows["value"] < rows["value"].sum() / 2]
