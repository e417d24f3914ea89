"""Sales models (field, inside, self-service …): which went with what success in which segment.

Nobody drew by lot which deal is worked by which model, so all here says what went together, and nothing what a change would bring.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.growth import size_bands
from abmlib.method.measures import measure_rows
from abmlib.method.periods import DAY, latest_before
from abmlib.method.results import CUSTOMERS, FIRST, SALES, TRACKS
from abmlib.stats import intervals
from abmlib.stats.intervals import FEWEST_DRAWN, FLOOR_OUTCOMES

SEED = 15  # of every bootstrap here
FEWEST = FEWEST_DRAWN  # accounts with a deal decided, of a model in a segment; of fewer nothing is compared
ALL, UNKNOWN = "all deals", "unknown"
NOT_TOLD, FEW = "cannot tell", "too few"
BANDS = {1: "smallest third", 2: "middle third", 3: "largest third"}  # of accounts by people, as `growth.size_bands`
HALVES = {True: "likelier half", False: "other half"}  # of accounts by the chance 04 gave
CELL = ["way", "segment", "sales_model"]
VERDICTS = [
    "way", "segment", "models", "candidates", "leading_model", "ahead_of", "ahead_by", "ahead_by_low", "ahead_by_high",
]  # fmt: skip


def comparable(deals: pd.DataFrame) -> pd.DataFrame:
    """Keep the deals decided of which the sales model is known, renewals left out.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    """
    closed = dl.decided(deals)
    return closed[closed["sales_model"].notna() & (closed["type"] != "renewal")]


def lacking(closed: pd.DataFrame) -> str:
    """Say what is lacking to compare sales models; empty where nothing is.

    Parameters
    ----------
    closed : DataFrame of `comparable`
    """
    models = closed["sales_model"].nunique()
    if models < 2:
        return "a second sales model" if models else "the sales model of deals won and lost"
    won = dl.won_flag(closed)
    return "a deal lost" if won.all() else "" if won.any() else "a deal won"


def chance_before(deals: pd.DataFrame, past: pd.DataFrame, horizon_days: int) -> pd.Series:
    """Say of each deal in which half its account was by the chance to sign that was given before the deal was opened.

    The latest day of the back-test before the opening counts, if the deal was opened within the horizon after it. No score of
    today is used for a deal of the past. No row is dropped.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    past : DataFrame of ``04_back_test``, all questions
    horizon_days : of its questions

    Returns
    -------
    Series of `HALVES`, index as `deals`; missing where nothing was said of the account by then
    """
    wins = past[past["question"] == "wins"].sort_values("day", kind="stable")
    half = (wins.groupby("day")["score"].rank(pct=True) > 1 / 2).map(HALVES)
    said = pd.DataFrame({"account_id": wins["account_id"].astype("str"), "day": wins["day"], "half": half})
    asked = pd.DataFrame({"account_id": deals["account_id"].astype("str"), "day": deals["created_day"] - DAY}).dropna()
    asked = asked.rename_axis("row").reset_index().sort_values("day", kind="stable")
    asked, said = (rows.astype({"day": "datetime64[ns]"}) for rows in (asked, said))
    found = latest_before(asked, said, "account_id", "day", tolerance=(horizon_days - 1) * DAY)
    return found.set_index("row")["half"].reindex(deals.index).astype("str")


def ways(
    deals: pd.DataFrame,
    accounts: pd.DataFrame,
    cycle: pd.Series,
    track: pd.Series,
    past: pd.DataFrame,
    horizon_days: int,
) -> pd.DataFrame:
    """Label each deal by the segment it is in, in every way of splitting of which something is known.

    Industry and size are those of the account today. What is unknown is missing.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    accounts : DataFrame, index account_id: ``industry, employees``
    cycle : Series of `cycle_deals.cycle_of`
    track : Series of `results.tracks`
    past, horizon_days : as in `chance_before`

    Returns
    -------
    DataFrame of text, index as `deals`, one column per way, `ALL` first

    References
    ----------
    S3-15: vertical, size, buying behaviour and propensity to buy.
    """
    account = deals["account_id"]
    sides = {FIRST: SALES} | dict.fromkeys(TRACKS[1:4], CUSTOMERS)
    found = pd.DataFrame({
        ALL: pd.Series(ALL, deals.index),
        "industry": account.map(accounts["industry"]),
        "size": account.map(size_bands(accounts["employees"]).map(BANDS)),
        "buying cycle": cycle,
        "customer before": track.astype("str").map(sides),
        "chance before": chance_before(deals, past, horizon_days),
    }).astype("str")  # fmt: skip
    return found.dropna(axis=1, how="all")


def performance(closed: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Measure what each sales model won in each segment, the segments of a way by name.

    Deals of one account are one cluster. The adjusted rate of a model is drawn towards that of the same model in the other segments
    of the way. Deals without a segment are in the segment ``unknown``. Where something is `lacking` there is no row.

    Parameters
    ----------
    closed : DataFrame of `comparable`
    labels : DataFrame of `ways`, of these deals and others

    Returns
    -------
    DataFrame, one row per way, segment and sales model: ``way, segment, sales_model, won, decided_deals, accounts, n_effective``
    (independent deals they are worth), ``raw, raw_low, raw_high, shrunk, low, high, won_per_deal, won_per_deal_low,
    won_per_deal_high, n_sized`` (amount won ÷ deals decided; ends are missing with fewer than `FLOOR_OUTCOMES` deals won)

    References
    ----------
    S3-15; metric dictionary C-2 and its shrinkage rule; `deals.by_group`.
    """
    ends = ["won_per_deal", "won_per_deal_low", "won_per_deal_high", "n_sized"]
    rates = ["won", "decided_deals", "accounts", "n_effective", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]
    if lacking(closed):
        return pd.DataFrame(columns=[*CELL, *rates, *ends])
    own = labels.loc[closed.index].fillna(UNKNOWN)
    brought = dl.sizes(closed).where(dl.won_flag(closed), 0.0)
    parts, more = [], []
    for way in own:
        for model, part in closed.groupby("sales_model"):
            segment = own.loc[part.index, way]
            parts.append(dl.by_group(part, segment, way).assign(sales_model=model))
            for name, deals in part.groupby(segment):
                value = _per_deal(brought[deals.index], deals["account_id"])
                more.append((way, name, model, deals["account_id"].nunique(), *value))
    cells = pd.concat(parts, ignore_index=True).rename(
        columns={"group_by": "way", "group": "segment", "n": "decided_deals"}
    )
    cells = cells.merge(pd.DataFrame(more, columns=[*CELL, "accounts", *ends]), on=CELL)
    place = cells["way"].map({way: i for i, way in enumerate(own)})
    ordered = cells.assign(place=place).sort_values(["place", "segment", "sales_model"], ignore_index=True)
    return ordered[[*CELL, *rates, *ends]]


def _per_deal(brought: pd.Series, account: pd.Series) -> tuple[float, float, float, int]:
    """Mean of what deals brought, with an interval over accounts where deals enough brought something."""
    if (brought > 0).sum() < FLOOR_OUTCOMES:
        return float(brought.mean()), np.nan, np.nan, int(brought.notna().sum())
    return intervals.estimate(brought, np.mean, SEED, account)


def verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """Say of each segment which sales model won a larger share than every other compared, beyond noise.

    Models with deals decided of at least `FEWEST` accounts in the segment are candidates: fewer do not show how alike the deals of an
    account end. Of all candidates of a way together, at most 1 − `LEVEL`
    is the chance that any is named though it is not ahead. The deals of a model count for as many independent ones as they are worth;
    that models share accounts is left aside, which makes intervals wider where the deals of an account end alike.

    Parameters
    ----------
    cells : DataFrame of `performance`

    Returns
    -------
    DataFrame, one row per way and segment, without ``unknown``: ``way, segment, models`` (compared), ``candidates`` (of the way),
    ``leading_model`` (its name, `NOT_TOLD` or `FEW`), ``ahead_of`` (the next model, with ``ahead_by, ahead_by_low,
    ahead_by_high``: difference of win rates; missing without a leading model)

    References
    ----------
    `intervals.difference` on effective counts. To be ahead of every other each must be, so a candidate is one test however many
    others there are, of one side: Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24,
    p. 295; Bonferroni over candidates.
    """
    known = cells[cells["segment"] != UNKNOWN]
    candidates = known[known["accounts"] >= FEWEST]
    groups = {key: part.set_index("sales_model") for key, part in candidates.groupby(["way", "segment"])}
    groups = {key: part for key, part in groups.items() if len(part) > 1}
    many = pd.Series({key: len(part) for key, part in groups.items()}, dtype=int)
    rows = []
    for way, segment in known[["way", "segment"]].drop_duplicates().to_numpy():
        of_way = sum(n for (of, _), n in many.items() if of == way)
        led = _led(groups.get((way, segment)), of_way)
        rows.append(
            {"way": way, "segment": segment, "models": many.get((way, segment), 0), "candidates": of_way, **led}
        )
    return pd.DataFrame(rows, columns=VERDICTS)


def _led(part: pd.DataFrame | None, candidates: int) -> Mapping[str, object]:
    """Leading model of a segment: the one with the highest rate, if it is ahead of each other one beyond noise."""
    if part is None:
        return {"leading_model": FEW}
    ordered = part.sort_values("raw", ascending=False, kind="stable")
    first, others = ordered.iloc[0], ordered.iloc[1:]
    n = pd.DataFrame({"first": first["n_effective"], "other": others["n_effective"]})
    rate = pd.DataFrame({"first": first["raw"], "other": others["raw"]})
    ahead = intervals.difference(rate * n, n, -(-candidates // 2))  # of either side, so half as many
    if not (ahead["low"] > 0).all():
        return {"leading_model": NOT_TOLD}
    by = ahead.iloc[0]
    ends = {"ahead_by": by["difference"], "ahead_by_low": by["low"], "ahead_by_high": by["high"]}
    return {"leading_model": ordered.index[0], "ahead_of": ordered.index[1], **ends}


def motion_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `performance`: win rate, raw and adjusted, and the amount won per deal decided.

    References
    ----------
    S3-15.
    """
    about = {
        "group_by": "segment and motion",
        "group": cells["way"] + ": " + cells["segment"] + ", " + cells["sales_model"],
    }
    n = cells["decided_deals"].astype("Int64")
    parts = [
        ("win_rate_by_motion", "raw", "raw_low", "raw_high", "share", n),
        ("win_rate_by_motion_adjusted", "shrunk", "low", "high", "share", n),
        ("won_value_per_deal_by_motion", "won_per_deal", "won_per_deal_low", "won_per_deal_high", "currency", cells["n_sized"]),
    ]  # fmt: skip
    return pd.concat([
        measure_rows("S3-15", name, cells[value].astype(float), unit, n=of, low=cells[low], high=cells[high], **about)
        for name, value, low, high, unit, of in parts
    ])  # fmt: skip
