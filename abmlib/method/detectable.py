"""Effects that a programme of this size can detect: power and smallest rise, by measure and horizon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method.deals import won_flag
from abmlib.method.framework import entry_days
from abmlib.method.measures import measure_rows
from abmlib.method.periods import Period
from abmlib.stats import power
from abmlib.stats.intervals import FLOOR_OUTCOMES, bootstrap_ci
from abmlib.tables import programme
from abmlib.tables.days import months_before
from abmlib.tables.definitions import measures as dictionary

DAY = pd.Timedelta(days=1)
SEED = 55  # of the draws
SLACK = 31 * DAY  # a history whose first record is no more than this younger than a window covers it
LARGE = 1.0  # share of the baseline; a larger rise is not realistic
OUTCOMES = {  # name: kind of comparison, and the unit of its baseline
    "touches_in": ("rate", "touches per account"),
    "opportunities_opened": ("rate", "deals per account"),
    "accounts_opening_a_deal": ("share", "share of accounts"),
    "accounts_won": ("share", "share of accounts"),
    "revenue": ("mean", "currency per account"),
}


# -- groups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """The groups to be compared, how they came about, and the first day on which anything was done to them."""

    basis: str  # experiment, tiers or planned
    treated: int
    held: int
    baseline: pd.Index  # accounts whose past is the baseline
    start: pd.Timestamp
    own_past: bool = True  # are those the compared accounts themselves


def compared_groups(
    experiments: pd.DataFrame, tiers: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, planned: int
) -> Comparison:
    """Groups to be compared: the arms of the newest experiment; without one, the accounts in tiers and all others.

    Where neither is entered, a list of `planned` accounts is assumed, half of it held back at random. Then all accounts
    are the baseline, as they are for a list of fewer than `FLOOR_OUTCOMES` accounts. Accounts that are not in the book do
    not count.

    Parameters
    ----------
    experiments, tiers : DataFrames of ``tables.schema`` ``experiments`` and ``account_tiers``
    accounts : of the book
    planned : accounts on the future list, two or more

    References
    ----------
    Metric dictionary C-55.
    """
    drawn = programme.latest_entries("experiments", experiments)
    drawn = drawn[drawn["account_id"].isin(accounts)].sort_values("assigned_at", kind="stable")
    drawn = drawn[drawn.groupby("experiment_id")["arm"].transform("nunique") == 2]
    since = entry_days(tiers)
    since = since[since.index.isin(accounts)]
    newest = drawn[drawn["experiment_id"].isin(drawn["experiment_id"].tail(1))]
    if len(drawn):
        basis, listed, start = "experiment", pd.Index(newest["account_id"]), newest["assigned_day"].min()
        treated = int((newest["arm"] == "treated").sum())
        held = len(newest) - treated
    elif len(since):
        basis, listed, start = "tiers", since.index, since.min()
        treated, held = len(since), len(accounts) - len(since)
    else:
        basis, listed, start = "planned", accounts[:0], as_of + DAY
        held = min(planned, len(accounts)) // 2
        treated = min(planned, len(accounts)) - held
    own_past = len(listed) >= FLOOR_OUTCOMES
    return Comparison(basis, treated, held, listed if own_past else accounts, start, own_past)


# -- the past ---------------------------------------------------------------------------------------------------------


def outcome_facts(deals: pd.DataFrame, bought: pd.DataFrame, touched: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Facts of each outcome as ``account_id, day, amount``; rows without one of them do not count.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    bought : lines by day, of ``Book.panel("transactions", per="day", sums=["revenue"])``
    touched : touches by direction and day, of ``Book.panel("activities", ["direction"], per="day")``; outbound ones do
        not count
    """
    won, inbound = deals[won_flag(deals)], touched[touched["direction"] != "outbound"]
    opened = (deals, "created_day", 1.0)
    sources = {
        "touches_in": (inbound, "day", inbound["rows"]),
        "opportunities_opened": opened,
        "accounts_opening_a_deal": opened,
        "accounts_won": (won, "closed_day", 1.0),
        "revenue": (bought, "day", bought["revenue"]),
        "won_value": (won, "closed_day", won["amount"]),
    }
    return {
        name: pd.DataFrame({"account_id": t["account_id"], "day": t[day], "amount": amount}).dropna().astype({"amount": float})
        for name, (t, day, amount) in sources.items()
    }  # fmt: skip


def outcome_by_account(fact: pd.DataFrame, accounts: pd.Index, period: Period) -> pd.Series:
    """Sum an outcome by account over a period; an account without any has 0."""
    within = fact[fact["day"].between(period.start, period.end) & fact["account_id"].isin(accounts)]
    return within.groupby("account_id")["amount"].sum().reindex(accounts, fill_value=0.0).astype(float)


def baseline(
    fact: pd.DataFrame, kind: str, groups: Comparison, created: pd.Series, months: int
) -> tuple[Period, pd.Series, pd.Series, str]:
    """Past outcome of the baseline's accounts, over as many months as it is to be judged on.

    The window ends on the day before the start. Accounts created after it began have no such past and do not count. It
    is ``too_early`` where the first record of the outcome is younger than the window (by more than `SLACK`), or fewer
    than `FLOOR_OUTCOMES` accounts are left, or none of them had the outcome; ``not_answerable`` where the source does
    not hold it.

    Parameters
    ----------
    fact : one of `outcome_facts`
    kind : share, rate or mean
    groups : of `compared_groups`
    created : Series, day each account was created; missing where nobody knows, which excludes nobody

    Returns
    -------
    window, outcome in it, outcome of the same accounts in as many months before it (missing where records do not reach
    back that far, and of shares, which are compared without their past), status
    """
    end = groups.start - DAY
    window = Period(months_before(end, months) + DAY, end)
    before = Period(months_before(end, 2 * months) + DAY, window.start - DAY)
    accounts = groups.baseline[~(created.reindex(groups.baseline) > window.start).to_numpy(bool)]
    values, first = outcome_by_account(fact, accounts, window), fact["day"].min()
    values = (values > 0).astype(float) if kind == "share" else values
    everyone = kind == "share" and values.mean() == 1  # no share can rise above all
    thin = len(accounts) < FLOOR_OUTCOMES or not values.mean() > 0 or (values.nunique() < 2 and not everyone)
    status = "not_answerable" if fact.empty else "too_early" if thin or not first <= window.start + SLACK else "ok"
    known = kind != "share" and status == "ok" and first <= before.start + SLACK
    earlier = outcome_by_account(fact, accounts, before) if known else pd.Series(np.nan, accounts)
    return window, values, earlier, status


def _correlation(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Pearson's correlation of pairs along an axis; missing where either does not vary."""
    x, y = x - x.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))
    return np.divide((x * y).sum(axis=axis), spread, out=np.full(np.shape(spread), np.nan), where=spread > 0)


# -- effects ----------------------------------------------------------------------------------------------------------


def effects(
    facts: Mapping[str, pd.DataFrame], groups: Comparison, created: pd.Series, months: Sequence[int], effect: float
) -> pd.DataFrame:
    """Power and smallest detectable rise of each outcome and horizon.

    Every outcome and horizon has a row; where its status is not ok, all but the window is missing. Accounts are taken
    as independent of each other. Shares are compared as they are: exact. Counts and money are compared after taking off what
    each account's months before predict, where these are known: by drawing both groups from the accounts' own past, with a
    rise in proportion to what each account does.

    Parameters
    ----------
    facts : of `outcome_facts`
    groups : of `compared_groups`
    created : Series, day each account was created
    months : horizons
    effect : rise whose power is asked, share of the baseline

    Returns
    -------
    DataFrame: ``outcome, unit, horizon_months, window_start, window_end, accounts`` (behind baseline and correlation),
    ``base`` (in its unit), ``correlation`` (of the accounts' window with as many months before; missing where it is not
    known, and taken as 0 then), ``correlation_low, correlation_high``, ``treated, held`` (accounts), ``mde`` (rise detected
    with a power of `power.POWER`, in the unit of the outcome; missing where none is), ``mde_relative`` (share of the
    baseline), ``power`` (at `effect`), ``verdict`` (``could be seen``, ``only a large effect``, ``cannot be seen``,
    ``too little history``, ``not answerable``), ``status``

    References
    ----------
    Metric dictionary C-55. House definition of the verdicts; README, glossary entry "could be seen".
    """
    rows = []
    for (outcome, (kind, unit)), horizon in ((o, h) for o in OUTCOMES.items() for h in months):
        window, values, before, status = baseline(facts[outcome], kind, groups, created, horizon)
        base, chance, mde = np.nan, np.nan, np.nan
        correlation = bootstrap_ci((before.dropna().to_numpy(), values[before.notna()].to_numpy()), _correlation, SEED)
        if status == "ok":
            base, (chance, mde) = float(values.mean()), _detected(kind, values, before, groups, effect)
            status = "not_answerable" if np.isnan(chance) else "ok"
        past = (outcome, unit, horizon, window.start, window.end, len(values), base, *correlation)
        rows.append((*past, groups.treated, groups.held, mde, mde / base, chance, status))
    out = pd.DataFrame(
        rows,
        columns=["outcome", "unit", "horizon_months", "window_start", "window_end", "accounts", "base", "correlation",
                 "correlation_low", "correlation_high", "treated", "held", "mde", "mde_relative", "power", "status"],
    )  # fmt: skip
    unknown, early = out["status"] == "not_answerable", out["status"] == "too_early"
    conditions = [unknown, early, out["power"] >= power.POWER, out["mde_relative"] <= LARGE]
    verdicts = ["not answerable", "too little history", "could be seen", "only a large effect"]
    return out.assign(verdict=np.select(conditions, verdicts, "cannot be seen"))


def _detected(
    kind: str, values: pd.Series, before: pd.Series, groups: Comparison, effect: float
) -> tuple[float, float]:
    """Power at a relative rise, and the smallest rise detected, of one outcome."""
    base, sizes = float(values.mean()), (groups.treated, groups.held)
    if kind == "share":
        curve, most = power.curve_of_shares(base, *sizes), 1.0
    else:
        curve = power.curve_of_means(values, before.fillna(0.0), *sizes, SEED, counts=kind == "rate")
        most = power.MOST_TIMES * base
    return curve(min(base * (1 + effect), most)), power.smallest_effect(curve, base, most) - base


def effects_table(found: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Columns of `effects` that a reader needs, in order and in words."""
    out = found.assign(
        measure=found["outcome"].map(dictionary.name), unit=found["unit"].str.replace("currency", currency)
    ).rename(columns={"mde": "smallest_rise", "mde_relative": "share_of_base"})
    past = ["base", "correlation", "correlation_low", "correlation_high"]
    columns = ["measure", "horizon_months", "accounts", *past, "smallest_rise", "unit", "share_of_base"]
    return out[[*columns, "power", "verdict"]]


def effect_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` from `effects`: smallest detectable rise and power, by horizon, with the window behind them.

    References
    ----------
    Metric dictionary C-55.
    """
    about = found[["window_start", "window_end"]].assign(
        n=found["treated"] + found["held"], group=found["horizon_months"].astype("str") + " months", group_by="horizon"
    )
    values = {"smallest_visible_rise_of_": found["mde_relative"], "power_to_see_rise_of_": found["power"]}
    rows = pd.concat(measure_rows("C-55", w + found["outcome"], v, "share", **about) for w, v in values.items())
    return rows.assign(status=rows["status"].where(found["status"] == "ok", found["status"]))
