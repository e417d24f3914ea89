"""Lines of business that accounts do not buy: how likely each is taken up, how much it would bring, and what that came to in the past.

A cell is an account and a line. It is white where the account never bought the line and no deal is open for it: what is on offer is
pipeline, and what was given up is won back otherwise. What is learnt of cells is learnt as in
`propensity` and `opportunity_size`: on past days, judged on later ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method import opportunity_size as size_of
from abmlib.method import propensity
from abmlib.method.look_alikes import DESCRIPTIONS, demand, wallets
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.opportunity_size import QUANTILES, Sized
from abmlib.method.outcomes import YEAR_DAYS, Question, first_of
from abmlib.method.periods import DAY
from abmlib.method.predictors import SLACK, Predictors, prepare, signed_log
from abmlib.method.propensity import Blocks, Tested
from abmlib.stats import models, pooling
from abmlib.stats.scores import Estimate
from abmlib.tables import schema

CELL = ["account_id", "product_line"]
MOST_LINES = 12  # the largest; of more the rest is `OTHER`
OTHER, UNKNOWN = "other lines", "all"
STATES = ["buys", "offered", "stopped", "never"]
WHITE = STATES[3]
MOST_LEARNT = 3_000  # accounts whose cells are learnt from; of more, some by their id
PAST = ["day", *CELL, "chance", "value", "came"]  # columns of past cells, and of lines that were bought
BOUGHT = ["day", *CELL, "bought_12m", "line_prior", "alike_middle"]
SAID = ["chance", *QUANTILES, "size_mean", "value", "value_low", "value_high"]  # of a white cell
NEVER = 3_650  # days since a purchase that never was
TAKES_UP = "takes up a line"
TABLE = "05_white_space"
KINDS = ["from_new_customers", "from_new_to_line", "from_the_rest"]  # whom what was bought comes from
SALES = ("revenue_12m", "revenue_prior_12m", "days_since_purchase")  # features by line that say what is bought
DEALS = ("won_amount_12m", None, "days_since_won")  # the same where there are no purchases, only deals
OF_LINE = ("alike_share", "alike_middle")  # numbers of a cell


@dataclass(frozen=True)
class WhiteSpace:
    """What the past says of cells, and the cells of today."""

    why: str  # nothing can be said, for lack of it
    tested: Tested | None
    sized: Sized | None
    past: pd.DataFrame  # of the report: day, account_id, product_line, chance, value, came (money)
    now: pd.DataFrame  # cells of today
    bought: (
        pd.DataFrame
    )  # of the report: day, account_id, product_line, bought_12m, alike_middle, of lines that were bought
    rates: pd.DataFrame  # of each line: cells of the past, how many were taken up, and the share, pooled


def basis_of(lines: pd.DataFrame, deals: pd.DataFrame) -> str:
    """Say what tells that a line is bought: purchases, or deals won where fewer than half as many accounts have a purchase as a deal won.

    Parameters
    ----------
    lines : DataFrame of `orders.with_product_line`
    deals : DataFrame of `deals.with_days`
    """
    won = dl.decided(deals)
    many = won.loc[dl.won_flag(won), "account_id"].nunique()
    return "buys" if len(lines) and 2 * lines["account_id"].nunique() >= many else "wins"


def by_line_today(features: pd.DataFrame, accounts: pd.Index, lines: Sequence[str], basis: str) -> pd.DataFrame:
    """Give every account and line, with what it buys of it; the lines beyond those listed are one.

    Parameters
    ----------
    features : DataFrame of ``Book.features(by_line=True)`` or of one day of its history
    lines : of `largest`
    basis : ``buys`` where purchases say it, else ``wins``

    Returns
    -------
    DataFrame, sorted as `accounts` and `lines`: `CELL`, ``bought_12m`` (money), ``line_prior`` (money), ``line_days`` (days since the
    last purchase; `NEVER` without one), ``line_deals`` (open deals)
    """
    own = features.assign(product_line=features["product_line"].where(features["product_line"].isin(lines), OTHER))
    now, prior, since = SALES if basis == "buys" else DEALS
    names = {"bought_12m": now, "line_prior": prior, "line_deals": "deals_open"}
    known = pd.DataFrame({new: own[old].astype(float) if old else 0.0 for new, old in names.items()})
    known = known.assign(
        line_days=own[since].astype(float), account_id=own["account_id"], product_line=own["product_line"]
    )
    sums, days = known.groupby(CELL)[list(names)].sum(), known.groupby(CELL)["line_days"].min()
    index = pd.MultiIndex.from_product([accounts, lines], names=CELL)
    out = sums.reindex(index).fillna(0.0).assign(line_days=days.reindex(index).fillna(NEVER).clip(0, NEVER))
    if UNKNOWN not in lines:  # a deal that names no line may be for any
        unnamed = features[features["product_line"] == UNKNOWN].groupby("account_id")["deals_open"].sum().astype(float)
        out["line_deals"] += unnamed.reindex(out.index.get_level_values(0)).fillna(0.0).to_numpy()
    return out.reset_index().astype(dict.fromkeys(CELL, "str"))


def largest(features: pd.DataFrame, basis: str) -> list[str]:
    """Name the lines by what is bought of them in 12 months, the largest first, `MOST_LINES` at most and the rest as one.

    Parameters
    ----------
    features : as `by_line_today`
    """
    bought = features.groupby("product_line")[SALES[0] if basis == "buys" else DEALS[0]].sum().astype(float)
    names = bought[bought > 0].sort_values(ascending=False, kind="stable").index.astype("str").tolist()
    own = [name for name in names if name != OTHER]
    return names if len(names) <= MOST_LINES else [*own[: MOST_LINES - 1], OTHER]


def spend(cells: pd.DataFrame, lines: Sequence[str]) -> pd.DataFrame:
    """Lay ``bought_12m`` out, a row per account and a column per line."""
    return cells.pivot(index="account_id", columns="product_line", values="bought_12m")[list(lines)]


def ask(
    history: pd.DataFrame,
    by_line: pd.DataFrame,
    today: pd.DataFrame,
    cells: pd.DataFrame,
    first_days: pd.Series,
    found: pd.DataFrame,
    laid: Blocks | None,
    horizon_days: int,
    basis: str,
) -> WhiteSpace:
    """Learn on past days which cells are taken up and for how much, and say it of today's.

    Where too few were, or nothing told them apart, each cell has the share of its line, drawn towards that of all lines.

    Parameters
    ----------
    history : DataFrame of `Book.history`
    by_line : the same by line
    today : DataFrame of `Book.features`
    cells : DataFrame of `by_line_today`, of today
    first_days : first day of each table, by its name
    found : DataFrame of `opportunity_size.events`, what counts as taken up
    laid : past days

    References
    ----------
    C-37, C-50; S0-4, S3-12.
    """
    lines = list(dict.fromkeys(cells["product_line"]))
    empty = cells[state(cells) == WHITE].reset_index(drop=True)
    why = (
        "two product lines that were bought in 12 months"
        if len(lines) < 2
        else "past days to learn from"
        if laid is None
        else ""
    )
    if why or laid is None:
        blank = empty.assign(
            **dict.fromkeys((*SAID, "rate", "alike_share"), np.nan),
            fits=pd.array([pd.NA] * len(empty), dtype="boolean"),
        )
        none = pd.DataFrame(columns=PAST), pd.DataFrame(columns=BOUGHT)
        return WhiteSpace(why, None, None, none[0], blank, none[1], pd.DataFrame())
    learn = history["day"].isin(laid.before).to_numpy()
    predictors = prepare(history, today, first_days, None, learn)
    counted = found.assign(product_line=found["product_line"].where(found["product_line"].isin(lines), OTHER))
    about = [c for c in DESCRIPTIONS if c in set(predictors.used.loc[predictors.used["why"] == "", "feature"])]
    rows, bought = _past(history, by_line, lines, about, laid, basis)
    rows = rows.assign(amount=size_of.amounts(counted, rows, horizon_days, CELL))
    rows["came"] = (rows["amount"] > 0).astype(float)
    x = _numbers(rows, predictors.past.iloc[rows["place"]], lines)
    alike = demand(today.set_index("account_id")[about], spend(cells, lines))
    now = empty.merge(alike[[*CELL, "alike_share", "alike_middle"]], on=CELL, how="left")
    now_x = _numbers(now, predictors.now.loc[now["account_id"]], lines)
    of = predictors.of | {c: c for c in now_x.columns if c not in predictors.of}
    question = Question(
        "takes_up", TAKES_UP, f"the first purchase of a line within {horizon_days:,} days, while no deal is open for it",
        lambda day, ids: pd.Series(0.0, ids), laid.days[0], "alike_share", horizon_days,
    )  # fmt: skip
    labelled = rows[["day", "account_id", "came"]]
    own = Predictors(x, now_x, predictors.raw, predictors.known, of, predictors.used)
    tested = propensity.back_test(question, laid, labelled, own, pd.Series(False, rows.index))
    took = rows["came"] > 0
    sized = size_of.back_test(
        "a line that is taken up",
        rows.rename(columns={"amount": "size", "product_line": "group"})[["day", "account_id", "size", "group"]][took],
        x[took],
        laid,
    )
    rates = _rates(rows, lines)
    past = rows[rows["day"].isin(laid.report)]
    chance_then = tested.rows["score"].to_numpy(float) if tested.is_signal and tested.rows is not None else None
    before = _rates(rows[rows["day"].isin(laid.before)], lines)
    past = past.assign(
        chance=before["share"].reindex(past["product_line"]).to_numpy() if chance_then is None else chance_then
    )
    chance = (
        tested.model.predict(now_x)
        if tested.is_signal and tested.model is not None and len(now)
        else rates["share"].reindex(now["product_line"]).to_numpy(float)
    )
    now = now.assign(chance=chance, rate=rates["share"].reindex(now["product_line"]).to_numpy(float))
    if sized.model is not None and sized.reporting is not None:
        group, then = now["product_line"].to_numpy(object), past["product_line"].to_numpy(object)
        q, mean = sized.model.quantiles(now_x, group), sized.model.mean(now_x, group)
        now[QUANTILES], now["size_mean"] = q, mean
        now[["value", "value_low", "value_high"]] = size_of.expected(now["chance"].to_numpy(), q, mean)
        past = past.assign(value=past["chance"] * sized.reporting.mean(x.loc[past.index], then))
    else:
        now[[*QUANTILES, "size_mean", "value", "value_low", "value_high"]], past = np.nan, past.assign(value=np.nan)
    told = any(part.verdict == propensity.SIGNAL for part in (tested, sized))
    now["fits"] = fits(now).astype("boolean") if told else pd.array([pd.NA] * len(now), dtype="boolean")
    past = past.assign(came=past["amount"])[PAST].reset_index(drop=True)
    return WhiteSpace("", tested, sized, past, now, bought, rates)


def _past(
    history: pd.DataFrame, by_line: pd.DataFrame, lines: Sequence[str], about: Sequence[str], laid: Blocks, basis: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells of past days, with the place of their account's row in `history` and what look-alikes do; and the lines that were bought on days of the report."""
    some = models.some_of(history["account_id"].to_numpy(object), history["account_id"].nunique(), MOST_LEARNT)
    out, bought = list[pd.DataFrame](), list[pd.DataFrame]()
    for day in laid.days:
        on = np.flatnonzero(((history["day"] == day) & some).to_numpy())
        ids = pd.Index(history["account_id"].iloc[on])
        own = by_line_today(by_line[by_line["day"] == day], ids, lines, basis)
        alike = demand(history.iloc[on].set_index("account_id")[list(about)], spend(own, lines).reindex(ids))
        own = own.merge(alike[[*CELL, "alike_share", "alike_middle"]], on=CELL, how="left")
        own = own.assign(day=day, place=pd.Series(on, ids).reindex(own["account_id"]).to_numpy())
        buys = own["bought_12m"] > 0
        out.append(own[state(own) == WHITE])
        bought += [own.loc[buys, BOUGHT]] * (day in laid.report)
    return pd.concat(out, ignore_index=True), pd.concat(bought, ignore_index=True)


def state(cells: pd.DataFrame) -> pd.Series:
    """Say of each cell if the account buys the line, if it is offered it, or stopped buying it, or never bought it (white)."""
    buys, offered, stopped = cells["bought_12m"] > 0, cells["line_deals"] > 0, cells["line_days"] < NEVER
    return pd.Series(np.select([buys, offered, stopped], STATES[:3], STATES[3]), cells.index)


def _numbers(cells: pd.DataFrame, of_account: pd.DataFrame, lines: Sequence[str]) -> pd.DataFrame:
    """Columns of numbers of each cell: those of its account, those of the line, and which line it is.

    Where a line has no look-alikes, nobody like it buys, and spends nothing.
    """
    known = cells[list(OF_LINE)].astype(float).fillna(0.0)
    own = known.assign(**{c: signed_log(known[c].to_numpy()) for c in OF_LINE if c != "alike_share"})
    is_line = pd.DataFrame({f"product line: {line}": (cells["product_line"] == line).astype(float) for line in lines})
    return pd.concat([of_account.set_axis(cells.index), own, is_line], axis=1)


def _rates(rows: pd.DataFrame, lines: Sequence[str]) -> pd.DataFrame:
    """Share of cells of each line that were taken up, drawn towards that of all lines: ``cells, took, share``."""
    by = rows.groupby("product_line")["came"].agg(cells="size", took="sum").reindex(lines, fill_value=0)
    return by.assign(share=pooling.rates(by["took"], by["cells"])["shrunk"])


# -- what it says -----------------------------------------------------------------------------------------------------


def fits(now: pd.DataFrame) -> pd.Series:
    """Say which cells are worth an offer: the chance is not below that of its line, and where there are look-alikes some buy it.

    References
    ----------
    C-37: what never fits is not sold.
    """
    return ~(now["alike_share"] == 0) & (now["chance"] >= now["rate"] * (1 - 1e-9))


def is_ranked(space: WhiteSpace) -> bool:
    """Say if the past told white cells apart: by who takes a line up, or by how much it brings."""
    return any(part is not None and part.verdict == propensity.SIGNAL for part in (space.tested, space.sized))


def offers(
    space: WhiteSpace, alike: pd.DataFrame, customers: pd.Series, likely: pd.DataFrame, is_kept: bool
) -> pd.DataFrame:
    """List white cells of customers for sales, one per account, the best first.

    Where the past told cells apart and what was expected came: cells that fit, by what is expected of them. Otherwise the accounts that 04 names as
    likeliest to buy another line, each with the line that most of its look-alikes buy; chance and size are missing then. Where 04 cannot tell either, there is no list.

    Parameters
    ----------
    alike : DataFrame of `look_alikes.demand`
    customers : what accounts bought in 12 months, by account id; those above 0, of equals the larger first
    likely : rows of ``04_propensity`` on who buys another line, with a rank where that could be told
    is_kept : what was expected of cells came, within noise

    Returns
    -------
    DataFrame, rows of ``space.now`` with ``alike_share, alike_quarter, alike_middle, alike_three_quarters`` of all that describes accounts today, and
    ``adds_line`` (score of 04); index: account id

    References
    ----------
    C-37; S0-4, S3-12.
    """
    known = ["alike_share", "alike_quarter", "alike_middle", "alike_three_quarters"]
    rows = space.now.drop(columns=known, errors="ignore").merge(alike[[*CELL, *known]], on=CELL, how="left")
    rows = rows.assign(bought=rows["account_id"].map(customers))
    rows = rows[(rows["bought"] > 0) & (rows["product_line"] != OTHER)]
    of = likely[likely["rank"].notna()].set_index("account_id")
    rows = rows.assign(
        adds_line=rows["account_id"].map(of["score"]), nth=rows["account_id"].map(of["rank"]).astype(float)
    )
    if is_ranked(space) and is_kept:
        rows = rows[rows["fits"].fillna(False).astype(bool) & (rows["value"] > 0)]
        order, ascending = ["value", "bought", *CELL], [False, False, True, True]
    else:
        rows = rows[rows["nth"].notna() & (rows["alike_share"] > 0)].assign(**dict.fromkeys((*SAID, "rate"), np.nan))
        order, ascending = ["nth", "alike_share", *CELL], [True, False, True, True]
    rows = rows.sort_values(order, ascending=ascending).drop_duplicates("account_id")
    return rows.drop(columns=["nth", "bought"]).set_index("account_id", drop=False)


def kept_promise(past: pd.DataFrame) -> Estimate:
    """Money that cells brought over what was expected of them on past days, with its interval over accounts."""
    return size_of.came_per_promised(past[past["value"].notna()]) if len(past) else (float("nan"),) * 3 + (0,)


def measured(space: WhiteSpace, kept: Estimate) -> list[dict[str, object]]:
    """Rows of `measures`: by line the cells, those that fit, their value; and if past cells brought what was expected.

    References
    ----------
    C-37; S0-4.
    """
    now, out = space.now, list[dict[str, object]]()
    if space.why:
        lacks = {"status": "not_answerable", "why": space.why}
        return [
            measure_row("C-37", d, np.nan, unit, 0, **lacks)
            for d, unit in (("white_space_value", "currency"), ("white_space_came_per_promised", "times"))
        ]
    for line, own in now.groupby("product_line", sort=False):
        where = {"group_by": "product line", "group": line}
        out.append(
            measure_row("C-37", "white_space_value", own["value"].sum(min_count=1), "currency", len(own), **where)
        )
        out.append(
            measure_row(
                "C-37", "white_space_fits", float(own["fits"].astype("float64").mean()), "share", len(own), **where
            )
        )
    out.append(measure_row("C-37", "white_space_value", now["value"].sum(min_count=1), "currency", len(now)))
    return [*out, estimate_row("C-37", "white_space_came_per_promised", kept, "times")]


def matrix(cells: pd.DataFrame, now: pd.DataFrame, alike: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Lay every account and line out, to the spec of ``05_white_space``.

    Parameters
    ----------
    cells : DataFrame of `by_line_today`
    now : cells of `ask`, of lines that are not bought
    alike : DataFrame of `look_alikes.demand`
    estimates : ``tables.schema.WALLET_ESTIMATES``

    References
    ----------
    C-36, C-37, C-50; S0-4, S3-12.
    """
    own = cells.assign(state=state(cells))[[*CELL, "bought_12m", "state"]].merge(alike, on=CELL, how="left")
    own = own.join(wallets(own, estimates))
    said = [
        c for c in (*CELL, "chance", *QUANTILES, "size_mean", "value", "value_low", "value_high", "fits") if c in now
    ]
    out = own.merge(now[said], on=CELL, how="left")
    wanted = schema.spec(TABLE).columns
    blank = schema.empty(TABLE).reindex(out.index)
    return schema.conform(TABLE, out.assign(**{c: blank[c] for c in wanted if c not in out})[list(wanted)])


def by_line(matrix: pd.DataFrame, taken: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Say of each line who buys it, from whom the money of 12 months comes, and what the accounts that do not buy it are expected to bring.

    New business is of accounts whose first purchase of anything lies in the 12 months, expansion of customers whose first purchase of this
    line does; the rest is of customers that bought the line before. Who was a customer before is known where facts begin a year before
    the 12 months or earlier; if not, the three are missing, as they are where returns make one negative.

    Parameters
    ----------
    matrix : DataFrame of `matrix`
    taken : DataFrame of `opportunity_size.events`: what counts as bought
    as_of : end of the 12 months

    Returns
    -------
    DataFrame, a row per line, the largest first: ``product_line, buying_accounts, bought_12m``, `KINDS` (shares of it),
    ``offered, stopped, never`` (accounts in each `state`), ``worth_an_offer, expected_value`` (of all that never bought it)

    References
    ----------
    S0-4: new against expansion revenue.
    """
    lines = list(dict.fromkeys(matrix["product_line"]))
    found = taken[taken["day"] <= as_of].assign(
        product_line=lambda t: t["product_line"].where(t["product_line"].isin(lines), OTHER)
    )
    positive = found[found["amount"] > 0]
    year = found[found["day"] > as_of - YEAR_DAYS * DAY]
    start, line_start = (
        year[by].merge(positive.groupby(by)["day"].min().reset_index(), on=by, how="left")["day"]
        for by in (["account_id"], CELL)
    )
    is_new, is_first = (first.to_numpy() > np.datetime64(as_of - YEAR_DAYS * DAY) for first in (start, line_start))
    kind = np.select([is_new, is_first], KINDS[:2], KINDS[2])
    parts = (
        year.groupby(["product_line", kind])["amount"]
        .sum()
        .unstack(fill_value=0.0)
        .reindex(index=lines, columns=KINDS, fill_value=0.0)
    )
    is_long = len(found) and first_of(found["day"]) <= as_of - 2 * YEAR_DAYS * DAY + SLACK * DAY
    whole = parts.sum(axis=1).where((parts >= 0).all(axis=1) & bool(is_long))
    by = matrix.assign(fits=matrix["fits"].astype("boolean").astype("Float64").astype(float)).groupby(
        "product_line", sort=False
    )
    out = by.agg(bought_12m=("bought_12m", "sum")).assign(worth_an_offer=by["fits"].sum(min_count=1))
    counts = pd.crosstab(matrix["product_line"], matrix["state"]).reindex(index=out.index, columns=STATES, fill_value=0)
    out = out.join(counts.rename(columns={STATES[0]: "buying_accounts"})).assign(
        expected_value=by["value"].sum(min_count=1)
    )
    out = out.join(parts.div(whole.where(whole > 0), axis=0))
    order = ["product_line", "buying_accounts", "bought_12m", *KINDS, *STATES[1:], "worth_an_offer", "expected_value"]
    return out.reset_index().sort_values("bought_12m", ascending=False, ignore_index=True)[order]


def split_rows(lines: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: shares of what was bought in 12 months that are new business and expansion, by line.

    Parameters
    ----------
    lines : DataFrame of `by_line`

    References
    ----------
    S0-4.
    """
    return [
        measure_row(
            "S0-4",
            f"revenue_{kind}",
            row[kind],
            "share",
            int(row["buying_accounts"]),
            group_by="product line",
            group=row["product_line"],
        )
        for _, row in lines.iterrows()
        for kind in KINDS
    ]
