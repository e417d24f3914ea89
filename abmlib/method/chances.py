"""The chance of each open deal to be won within a horizon, learnt from deals that were open at past month ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method.past_pipeline import LOST, WON, lines, until
from abmlib.method.periods import DAY, quarters
from abmlib.stats import survival
from abmlib.stats.intervals import ENDS, FLOOR_OUTCOMES
from abmlib.stats.survival import Draws

SEED = 12  # of every draw here
BANDS = 4  # parts of the time in a stage, each with as many past rows
LARGE = 0.75  # deals above this quantile of the amounts in their stage are large
FEWEST = 20  # past deals with which a part speaks for itself
RATES, EACH = 400, 5  # draws of the rates, and of the deals' own luck with each
GROWTH = (0.1, 10.0)  # final amount ÷ amount noted; beyond, a correction and no change
FINER = (  # parts, the finest first; without the time in the stage only where nothing else is left
    ["stage", "line", "large", "band"], ["stage", "line", "band"], ["stage", "large", "band"],
    ["stage", "band"], ["stage"], ["every"],
)  # fmt: skip
TESTED = 8  # past quarter ends of a back-test, the newest

Estimate = tuple[float, float, float, int]  # value, low, high, n


@dataclass(frozen=True)
class Outlook:
    """What open deals will bring within a horizon; missing, with the reason, where the past cannot tell."""

    chance: pd.Series  # share, by opportunity_id; missing for a deal of which nobody knows how long it is open
    wins: Estimate
    money: Estimate
    why: str = ""
    is_young: bool = False  # the oldest deals of the past are known for less than twice the horizon


def outlook(past: pd.DataFrame, now: pd.DataFrame, as_of: pd.Timestamp, horizon: int) -> Outlook:
    """Give the chance of each open deal, and what all of them will bring.

    The chance of a deal is the share won within the horizon of the deals of its product line that were as long in its stage,
    and large or not for it, at past month ends; deals not over yet are followed as far as they are known. Parts with fewer than `FEWEST` deals
    are joined to the next larger. Money takes the amount noted now, and how amounts changed until deals were won. The
    intervals are predictive: they draw past accounts anew (the rates), and each deal's own luck, which deals of one account
    share as far as they did in the past. A change that hits all accounts at once is not in them. A deal whose time in its stage
    is unknown has no chance and is in no sum.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.until`, up to `as_of`
    now : DataFrame of `past_pipeline.open_now`, or of `past_pipeline.open_on` for one day
    horizon : days

    Returns
    -------
    Outlook with one chance per row of `now`; deals without a chance are in no n, those without an amount not in that of money

    References
    ----------
    Metric dictionary C-8. Landmarking: van Houwelingen (2007), Scandinavian Journal of Statistics 34, p. 70;
    Aalen–Johansen as in `survival.incidence`.
    """
    return outlooks(past, now, as_of, [horizon])[0]


def outlooks(past: pd.DataFrame, now: pd.DataFrame, as_of: pd.Timestamp, horizons: Sequence[int]) -> list[Outlook]:
    """Give an `outlook` for each of several horizons; the past is read once for all of them."""
    every = pd.Index(now["opportunity_id"])
    aged = now[now["days_in_stage"].notna()]
    undated = "the day open deals were opened" if aged.empty and len(now) else ""
    whys = [_lacking(past, as_of, horizon) or undated for horizon in horizons]
    known, nothing = [h for h, why in zip(horizons, whys, strict=True) if not why], (np.nan, np.nan, np.nan, 0)
    found = list[Outlook]()
    if known:
        past, now = with_parts(past, aged.reset_index(drop=True))
        shares = _shares(past, now, known, survival.draw_clusters(past["account_id"], RATES, SEED))
        found = [_foretold(past, now, every, as_of, *one) for one in zip(known, *shares, strict=True)]
    given = iter(found)
    return [Outlook(pd.Series(np.nan, every), nothing, nothing, why) if why else next(given) for why in whys]


def _foretold(
    past: pd.DataFrame, now: pd.DataFrame, every: pd.Index, as_of: pd.Timestamp, horizon: int, chance: np.ndarray,
    fitted: np.ndarray,
) -> Outlook:  # fmt: skip
    """Draw what the deals open now bring within one horizon, from the share won of each one's part."""
    mature = (past["day"] + horizon * DAY <= as_of).to_numpy()
    luck, growth = shared_luck(past[mature], fitted[mature], horizon), amount_growth(past)
    random = np.random.default_rng(SEED)
    amount = now["amount"].fillna(0).to_numpy(float)
    account = pd.factorize(now["account_id"].fillna(now["opportunity_id"]))[0]
    wins, money = np.empty((2, RATES, EACH))
    for draw, rates in enumerate(chance[:, 1:].T):
        shared = random.random((EACH, len(now))) < np.sqrt(luck)
        lots = random.random((EACH, account.max(initial=0) + 1))[:, account]
        won = np.where(shared, lots, random.random((EACH, len(now)))) < rates
        wins[draw] = won.sum(axis=1)
        money[draw] = (won * amount * random.choice(growth, (EACH, len(now)))).sum(axis=1)
    known, value = int(now["amount"].notna().sum()), float(chance[:, 0] @ amount * growth.mean())
    (few, many), (little, much) = (np.quantile(each, ENDS) for each in (wins, money))
    return Outlook(
        pd.Series(chance[:, 0], pd.Index(now["opportunity_id"])).reindex(every),
        (float(chance[:, 0].sum()), float(few), float(many), len(now)),
        (value if known or not len(now) else np.nan, float(little), float(much), known),
        is_young=bool(past["day"].min() + 2 * horizon * DAY > as_of),
    )


def _lacking(past: pd.DataFrame, as_of: pd.Timestamp, horizon: int) -> str:
    """What the past lacks to tell the future; empty if nothing."""
    if past.empty or past["day"].min() + horizon * DAY > as_of:
        return f"deals that were open {horizon:,} days ago or earlier, with the days they were opened and closed"
    over = past[past["ended"] > 0]
    if over["opportunity_id"].nunique() < FLOOR_OUTCOMES:
        return f"{FLOOR_OUTCOMES} closed deals that were open at a past month end"
    if not (over["ended"] == WON).any():
        return "a won deal that was open at a past month end"
    if not (over["ended"] == LOST).any():
        return "lost deals: where a CRM keeps none, every deal seems to be won in the end"
    if over["account_id"].fillna(over["opportunity_id"]).nunique() < 2:
        return "closed deals of more than one account"
    return ""


def known_by(past: pd.DataFrame) -> list[str]:
    """Name what tells chances apart: of books without a history that may be the days a deal has been open, alone.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.followed`
    """
    in_stages = past["stage"].nunique() > 1
    told = {"product line": past["product_line"].nunique() > 1, "stage": in_stages, "days in it": in_stages}
    told |= {"days open": not in_stages, "amount": past["amount"].notna().any()}
    return [name for name, is_told in told.items() if is_told]


def with_parts(past: pd.DataFrame, now: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put deals, past and present, into parts by the past: ``line``, ``band`` of the time in the stage, ``large`` for the stage.

    Returns
    -------
    `past` and `now` with the three columns
    """
    in_stage = past.groupby("stage")
    edges = in_stage["days_in_stage"].quantile(np.arange(1, BANDS) / BANDS).unstack()
    limit = in_stage["amount"].quantile(LARGE)
    both = []
    for deals in (past, now):
        passed = deals["days_in_stage"].to_numpy(float)[:, None] > edges.reindex(deals["stage"]).to_numpy()
        line, large = lines(deals), deals["amount"] > deals["stage"].map(limit).astype(float)
        both.append(deals.assign(every=0, line=line, band=passed.sum(axis=1), large=large))
    return both[0], both[1]


def _shares(
    past: pd.DataFrame, now: pd.DataFrame, horizons: Sequence[int], draws: Draws
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Shares won within each horizon of the part of each deal: of `now` with all draws, of `past` without."""
    part_of_now, part_of_past = np.full(len(now), -1), np.full(len(past), -1)
    days, ended = past["days_followed"].to_numpy(), past["ended"].to_numpy()
    deal, found = pd.factorize(past["opportunity_id"])[0], list[np.ndarray]()
    for keys in FINER:
        of_now = now.groupby(keys).indices
        for part, rows in past.groupby(keys).indices.items():
            if keys != FINER[-1] and len(np.unique(deal[rows])) < FEWEST:
                continue
            present, own = of_now.get(part, rows[:0]), rows[part_of_past[rows] < 0]
            present = present[part_of_now[present] < 0]
            if len(present) or len(own):
                mine = Draws(draws.cluster[rows], draws.often if len(present) else draws.often[:, :1])
                share = survival.incidences(days[rows], ended[rows], horizons, mine)
                part_of_now[present], part_of_past[own] = len(found), len(found)
                found.append(np.broadcast_to(share, (len(horizons), draws.often.shape[1])))
    each = [np.stack([part[h] for part in found]) for h in range(len(horizons))]
    each = [np.where(np.isnan(part), part[:, :1], part) for part in each]
    return [part[part_of_now] for part in each], [part[part_of_past, 0] for part in each]


def shared_luck(past: pd.DataFrame, chance: np.ndarray, horizon: int) -> float:
    """Correlation of the outcomes of two deals that one account had open on one day, 0 to 1.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.until`, of days that are a horizon ago
    chance : of each row
    """
    won = ((past["ended"] == WON) & (past["days_followed"] <= horizon)).to_numpy()
    off, spread = won - chance, np.sqrt(chance * (1 - chance))
    columns = {"off": off, "off2": off**2, "spread": spread, "spread2": spread**2}
    sums = pd.DataFrame(columns).groupby([past["account_id"].to_numpy(), past["day"].to_numpy()]).sum()
    pairs = (sums["spread"] ** 2 - sums["spread2"]).sum()
    together = (sums["off"] ** 2 - sums["off2"]).sum()
    return float(np.clip(together / pairs, 0, 1)) if pairs > 0 else 0.0


def amount_growth(past: pd.DataFrame) -> np.ndarray:
    """Final amount ÷ amount noted, of past deals that were won; 1 where too few tell."""
    won = past[(past["ended"] == WON) & (past["amount"] > 0) & (past["final_amount"] > 0)]
    if won["opportunity_id"].nunique() < FLOOR_OUTCOMES:
        return np.ones(1)
    return (won["final_amount"] / won["amount"]).clip(*GROWTH).to_numpy(float)


def back_tests(
    past: pd.DataFrame, as_of: pd.Timestamp, aheads: Sequence[pd.Timedelta | pd.DateOffset], year_starts: int = 1
) -> list[pd.DataFrame]:
    """Foretell past quarters with what was known then, and set beside it what came, for each of several times ahead.

    The past of each quarter end is read once for all of them.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.followed`
    aheads : how far every quarter end looks ahead, such as of `forecast.time_to`
    year_starts : month in which the fiscal year starts

    Returns
    -------
    for each, DataFrame, one row per quarter end that far ago, at most `TESTED`, the newest: ``horizon_days, day, deals, wins,
    wins_low, wins_high, wins_came, money, money_low, money_high, money_came`` (all missing where amounts then are unknown), ``crm``
    (amount × the CRM's probability then, which names no day; missing where it gave none), ``judged_by`` (money, or wins where no
    quarter's amounts are known; missing where only this one's are not), ``held`` (what came lay in that interval). Deals
    without a chance are in nothing that came
    """
    last = pd.PeriodIndex(past["day"].drop_duplicates(), freq=quarters(year_starts)).end_time.normalize()
    ends = sorted(set(last) & set(past["day"]))
    tested = [[end for end in ends if end + ahead <= as_of][-TESTED:] for ahead in aheads]
    rows = [list[tuple[object, ...]]() for _ in aheads]
    for day in sorted(set().union(*tested)):
        which = [i for i, days in enumerate(tested) if day in days]
        horizons = [(day + aheads[i] - day).days for i in which]
        now = past[past["day"] == day].reset_index(drop=True)
        for i, horizon, then in zip(which, horizons, outlooks(until(past, day), now, day, horizons), strict=True):
            if not then.why:
                rows[i].append(_came(now[then.chance.notna().to_numpy()], then, day, horizon))
    return [_tested(each) for each in rows]


def _came(now: pd.DataFrame, then: Outlook, day: pd.Timestamp, horizon: int) -> tuple[object, ...]:
    """One row of a back-test: what was foretold of deals open then, and what came."""
    won = (now["ended"] == WON) & (now["days_followed"] <= horizon)
    money = now["final_amount"].where(won, 0)[now["amount"].notna()].sum(min_count=1)
    crm = (now["amount"] * now["probability"]).sum(min_count=1)
    return horizon, day, len(now), *then.wins[:3], int(won.sum()), *then.money[:3], money, crm


def _tested(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    """Make the table of a back-test, and judge each row of it."""
    columns = ["horizon_days", "day", "deals", "wins", "wins_low", "wins_high", "wins_came"]
    tested = pd.DataFrame(rows, columns=[*columns, "money", "money_low", "money_high", "money_came", "crm"])
    counts = dict.fromkeys(("horizon_days", "deals", "wins_came"), "int64") | {"day": "datetime64[us]"}
    tested = tested.astype({c: counts.get(c, "float64") for c in tested})  # also without a row
    known = tested[["money", "money_came"]].notna().all(axis=1)
    tested.loc[~known, ["money", "money_low", "money_high", "money_came"]] = np.nan
    what = "money" if known.any() else "wins"
    held = tested[f"{what}_came"].between(tested[f"{what}_low"], tested[f"{what}_high"])
    judged = known | (what == "wins")
    return tested.assign(judged_by=pd.Series(what, tested.index, dtype="str").where(judged), held=held.where(judged))


def stage_shares(past: pd.DataFrame, as_of: pd.Timestamp, horizon: int, stages: Sequence[str]) -> pd.DataFrame:
    """Measure, for each stage, the share won within the horizon of deals that were open in it, and the CRM's probability.

    A stage without a deal that was open in it a horizon ago has no row.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.followed`
    stages : in order

    Returns
    -------
    DataFrame: ``stage, share, low, high`` (drawing accounts), ``n`` (deals), ``crm`` (mean; missing where the CRM gave none)

    References
    ----------
    Metric dictionary C-8.
    """
    rows = []
    for stage in stages:
        part = past[past["stage"] == stage]
        if part.empty or part["day"].min() + horizon * DAY > as_of:
            continue
        days, ended = part["days_followed"].to_numpy(), part["ended"].to_numpy()
        share = survival.incidence(days, ended, horizon, survival.draw_clusters(part["account_id"], RATES, SEED))
        rows.append(
            (stage, share[0], *survival.ends(share[1:]), part["opportunity_id"].nunique(), part["probability"].mean())
        )
    return pd.DataFrame(rows, columns=["stage", "share", "low", "high", "n", "crm"])
