"""What effect this programme could ever see: power and smallest visible rise, by measure and horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method.deals import won_flag
from abmlib.method.framework import entry_days
from abmlib.method.measures import measure_row
from abmlib.method.orders import per_account
from abmlib.method.periods import Period
from abmlib.stats import power
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables import programme
from abmlib.tables.days import months_before

DAY = pd.Timedelta(days=1)
SEED = 55  # of the draws
SLACK = 31 * DAY  # a history whose first record is no more than this younger than a window covers it
LARGE = 1.0  # a rise of more than the baseline itself is not to be hoped for; share of the baseline
OUTCOMES = {  # name: kind of comparison, and the unit of its baseline
    "touches_in": ("rate", "touches per account"),
    "opportunities_opened": ("rate", "deals per account"),
    "accounts_opening_a_deal": ("share", "share of accounts"),
    "accounts_won": ("share", "share of accounts"),
    "revenue": ("mean", "currency per account"),
}


@dataclass(frozen=True)
class Arms:
    """The accounts to be compared, how they came about, and the first day on which anything was done to them."""

    basis: str  # experiment, tiers or planned
    treated: int
    held: int
    models: pd.Index  # accounts whose past is the baseline
    start: pd.Timestamp
    own: bool = True  # are those the compared accounts themselves


def arms(
    experiments: pd.DataFrame,
    tiers: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    planned: int,
) -> Arms:
    """Find what will be compared: the arms of the newest experiment; without one the accounts in tiers with all others.

    Where neither is entered a list of `planned` accounts is supposed, half of it held back by lot. All accounts then
    stand for it, as they do for a list of fewer than `FLOOR_OUTCOMES` accounts. Accounts that are not in the book do
    not count.

    Parameters
    ----------
    experiments, tiers : DataFrames of ``tables.schema`` ``experiments`` and ``account_tiers``
    accounts : of the book
    planned : accounts on the list to be, two or more

    References
    ----------
    Metric dictionary C-55.
    """
    drawn = programme.latest_entries("experiments", experiments)
    drawn = drawn[drawn["account_id"].isin(accounts)].sort_values("assigned_at", kind="stable")
    sides = drawn.groupby("experiment_id", sort=False)["arm"].nunique()
    whole = drawn[drawn["experiment_id"].isin(sides.index[sides == 2])]
    if len(whole):
        newest = whole[whole["experiment_id"] == whole["experiment_id"].iloc[-1]]
        first = newest["assigned_day"].min()
        treated = int((newest["arm"] == "treated").sum())
        return Arms(
            "experiment", treated, len(newest) - treated, *_models(pd.Index(newest["account_id"]), accounts, first)
        )
    since = entry_days(tiers)
    since = since[since.index.isin(accounts)]
    if len(since):
        return Arms("tiers", len(since), len(accounts) - len(since), *_models(since.index, accounts, since.min()))
    size = min(planned, len(accounts))
    return Arms("planned", size - size // 2, size // 2, accounts, as_of + DAY, False)


def _models(listed: pd.Index, accounts: pd.Index, start: pd.Timestamp) -> tuple[pd.Index, pd.Timestamp, bool]:
    """The accounts whose past is the baseline, the start, and whether they are the listed ones."""
    own = len(listed) >= FLOOR_OUTCOMES
    return listed if own else accounts, start, own


def facts(deals: pd.DataFrame, bought: pd.DataFrame, touched: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Bring what happened into one form, ``account_id, day, amount``; rows without account or day do not count.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    bought : lines by day, of ``Book.panel("transactions", per="day", sums=["revenue"])``
    touched : touches by direction and day, of ``Book.panel("activities", ["direction"], per="day")``; outbound ones do
        not count
    """
    won = deals[won_flag(deals)]
    theirs = touched[touched["direction"] != "outbound"]
    opened = _fact(deals["account_id"], deals["created_day"], 1.0)
    return {
        "touches_in": _fact(theirs["account_id"], theirs["day"], theirs["rows"]),
        "opportunities_opened": opened,
        "accounts_opening_a_deal": opened,
        "accounts_won": _fact(won["account_id"], won["closed_day"], 1.0),
        "revenue": _fact(bought["account_id"], bought["day"], bought["revenue"]),
    }


def _fact(account: pd.Series, day: pd.Series, amount: pd.Series | float) -> pd.DataFrame:
    """One outcome, by account and day."""
    return pd.DataFrame({"account_id": account, "day": day, "amount": amount}).dropna().astype({"amount": float})


def past(fact: pd.DataFrame, accounts: pd.Index, period: Period) -> pd.Series:
    """Sum an outcome by account over a period; an account without any has 0."""
    place = accounts.get_indexer(fact["account_id"])
    kept = (place >= 0) & fact["day"].between(period.start, period.end).to_numpy()
    return pd.Series(per_account(place[kept], fact["amount"].to_numpy(float)[kept], accounts), accounts)


@dataclass(frozen=True)
class Past:
    """What the accounts of the baseline did in the months before anything was done."""

    window: Period
    values: pd.Series  # one per account
    correlation: float  # with the months before the window
    status: str


def past_of(fact: pd.DataFrame, kind: str, groups: Arms, created: pd.Series, months: int) -> Past:
    """Measure an outcome on the past of the accounts of the baseline, over as many months as it is to be judged on.

    The window ends on the day before the start. Accounts created after it began have no such past and do not count. It
    is ``too_early`` where the first record of the outcome is younger than the window (by more than `SLACK`), or fewer
    than `FLOOR_OUTCOMES` accounts are left, or none of them had the outcome; ``not_answerable`` where the source does
    not hold it. A mean is adjusted for the same months before, where history reaches back that far: what the later
    value differs from what the earlier one foretells.

    Parameters
    ----------
    fact : one of `facts`
    kind : share, rate or mean
    groups : of `arms`
    created : Series, day each account was created; missing where nobody knows, which excludes nobody
    """
    end = groups.start - DAY
    window = Period(months_before(end, months) + DAY, end)
    before = Period(months_before(end, 2 * months) + DAY, window.start - DAY)
    own = groups.models[~(created.reindex(groups.models) > window.start).to_numpy(bool)]
    values, first = past(fact, own, window), fact["day"].min()
    values = (values > 0).astype(float) if kind == "share" else values
    every = kind == "share" and values.mean() == 1  # no share can rise above all
    thin = len(own) < FLOOR_OUTCOMES or not values.mean() > 0 or (values.nunique() < 2 and not every)
    status = "not_answerable" if fact.empty else "too_early" if thin or not first <= window.start + SLACK else "ok"
    correlation = 0.0
    if kind == "mean" and status == "ok" and first <= before.start + SLACK:
        earlier = past(fact, own, before)
        slope = np.polyfit(earlier, values, 1)[0] if earlier.nunique() > 1 else 0.0
        correlation = float(values.corr(earlier)) if earlier.nunique() > 1 else 0.0
        values = values - slope * (earlier - earlier.mean())
    return Past(window, values, correlation, status)


def effects(
    happened: Mapping[str, pd.DataFrame], groups: Arms, created: pd.Series, months: Sequence[int], effect: float
) -> pd.DataFrame:
    """Give power and the smallest visible rise of each outcome and horizon.

    Every outcome and horizon has a row; where its status is not ok, all but the window is missing. Accounts are taken
    as independent of each other. Shares: exact. Events per account: exact, their variance over their mean as in the
    past. Means: by drawing both groups from the accounts' own past values, the effect added to each.

    Parameters
    ----------
    happened : of `facts`
    groups : of `arms`
    created : Series, day each account was created
    months : horizons
    effect : rise whose power is asked, share of the baseline

    Returns
    -------
    DataFrame: ``outcome, unit, horizon_months, window_start, window_end, accounts`` (behind the baseline), ``base`` (in
    its unit), ``correlation`` (of a mean with the months before), ``treated, held`` (accounts), ``mde`` (rise found
    with a power of `power.POWER`, in the unit of the outcome; missing where none is), ``mde_relative`` (share of the
    baseline), ``power`` (at `effect`), ``verdict`` (``could be seen``, ``only a large effect``, ``cannot be seen``,
    ``too little history``, ``not answerable``), ``status``

    References
    ----------
    Metric dictionary C-55. House definition of the verdicts; README, glossary entry "could be seen".
    """
    rows = []
    for outcome, (kind, unit) in OUTCOMES.items():
        for h in months:
            own = past_of(happened[outcome], kind, groups, created, h)
            able = own.status == "ok"
            base = float(own.values.mean()) if able else np.nan
            found, mde = _detected(kind, own.values, groups, effect) if able else (np.nan, np.nan)
            rows.append(
                {
                    "outcome": outcome, "unit": unit, "horizon_months": h, "window_start": own.window.start,
                    "window_end": own.window.end, "accounts": len(own.values), "base": base,
                    "correlation": own.correlation, "treated": groups.treated, "held": groups.held, "mde": mde,
                    "mde_relative": mde / base, "power": found, "verdict": _verdict(own.status, found, mde / base),
                    "status": "not_answerable" if able and np.isnan(found) else own.status,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _detected(kind: str, values: pd.Series, groups: Arms, effect: float) -> tuple[float, float]:
    """Power at a relative rise, and the smallest rise detected, of one outcome."""
    base, treated, held = float(values.mean()), groups.treated, groups.held
    if kind == "mean":
        return power.of_own_values(values, effect * base, treated, held, SEED)
    if kind == "share":
        curve, most = power.curve_of_shares(base, treated, held), 1.0
    else:
        curve, most = power.curve_of_rates(base, treated, held, values.var() / base), power.MOST_TIMES * base
    return curve(min(base * (1 + effect), most)), power.smallest_effect(curve, base, most) - base


def _verdict(status: str, found: float, least: float) -> str:
    """Say in words what can be seen."""
    if status == "not_answerable" or (status == "ok" and np.isnan(found)):
        return "not answerable"
    if status == "too_early":
        return "too little history"
    return "could be seen" if found >= power.POWER else "only a large effect" if least <= LARGE else "cannot be seen"


def shown(seen: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Give `effects` in the order and words a reader needs; windows, groups and status are left out."""
    out = seen.assign(
        measure=seen["outcome"].str.replace("_", " "),
        smallest_rise=seen["mde"],
        share_of_base=seen["mde_relative"],
        unit=seen["unit"].str.replace("currency", currency),
    )
    columns = ["measure", "horizon_months", "accounts", "base", "correlation", "smallest_rise", "unit", "share_of_base"]
    return out[[*columns, "power", "verdict"]]


def effect_rows(seen: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `effects`: smallest visible rise and power, by horizon, with the window behind them.

    References
    ----------
    Metric dictionary C-55.
    """
    rows = []
    for r in seen.itertuples():
        where = {"group_by": "horizon", "group": f"{r.horizon_months} months", "window_start": r.window_start,
                 "window_end": r.window_end}  # fmt: skip
        for what, value in (("smallest_visible_rise_of", r.mde_relative), ("power_to_see_rise_of", r.power)):
            row = measure_row("C-55", f"{what}_{r.outcome}", value, "share", r.treated + r.held, **where)
            rows.append(row if r.status == "ok" else row | {"status": r.status})
    return pd.DataFrame(rows)
