"""Accounts to hold back: who can be drawn, among which neighbours, and which rises the draw can show."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from abmlib.method import readout
from abmlib.method.detectable import DAY, OUTCOMES, SEED, SLACK, Comparison, baseline, outcome_by_account
from abmlib.method.framework import entry_days
from abmlib.method.periods import Period
from abmlib.method.readout import Experiment
from abmlib.stats import power, randomised
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables.days import months_before

ENOUGH = 200  # accounts with which chance alone makes the sides alike, and no neighbours are needed
SIZE_MONTHS = 12  # in which the size of an account is counted
NEAR = 0.04  # of a share, by which a group of neighbours may miss it
LARGEST_GROUP = 100
LISTS = {"this list": 1.0, "1.5 × the list": 1.5, "2 × the list": 2.0}  # and its length, in lengths of this list
DESIGNS = ("pairs", "strata")


# -- what runs --------------------------------------------------------------------------------------------------------


def experiments(found: Sequence[Experiment], as_of: pd.Timestamp) -> pd.DataFrame:
    """Lay experiments out for readers, with the day on which each is looked at next.

    Parameters
    ----------
    found : of `readout.experiments`

    Returns
    -------
    DataFrame, one row per experiment, in their order: ``experiment_id, measure_id, drawn_on`` (first day), ``treated, held_back``
    (accounts), ``horizon_months, next_look`` (a day; missing when all are over), ``last_look`` (a day), ``frozen`` (the plan: ``before
    the draw``, ``after the draw``, ``no plan``), ``running`` (the last look is not reached), ``looked`` (the first one is)
    """
    rows = []
    for each in found:
        days = readout.looks(each, as_of)
        ahead, first = days.loc[~days["reached"], "over_on"], each.entries["assigned_day"].min()
        of = (ahead.min(), days["over_on"].max(), each.registered, len(ahead) > 0, len(ahead) < len(days))
        rows.append((each.name, each.measure, first, *each.counts, each.months, *of))
    columns = (
        "experiment_id measure_id drawn_on treated held_back horizon_months next_look last_look frozen running looked"
    )
    return pd.DataFrame(rows, columns=columns.split())


def in_programme(
    tiers: pd.DataFrame, targeted: pd.DataFrame, found: Sequence[Experiment], as_of: pd.Timestamp
) -> pd.Index:
    """Accounts to which the programme has done anything: they entered a tier or a campaign, or were drawn for treatment.

    Parameters
    ----------
    tiers, targeted : DataFrames of ``tables.schema`` ``account_tiers`` and ``campaign_accounts``
    found : of `readout.experiments`
    """
    since = entry_days(tiers)
    named = targeted.loc[~(targeted["added_day"] > as_of), "account_id"]
    treated = [account for each in found for account in each.drawn.index[each.drawn["treated"]]]
    return pd.Index([*since.index[since <= as_of], *named, *treated], dtype="str").unique()


def candidates(
    wanted: pd.Index, touched: pd.Index, found: Sequence[Experiment], as_of: pd.Timestamp, accounts: pd.Index
) -> pd.Index:
    """Accounts that can be drawn: wanted, in the book, not touched by the programme, and in no experiment that runs.

    Accounts held back in an experiment that is over are free. Drawing those in the programme would test what stopping does.

    Parameters
    ----------
    wanted : accounts that both teams want
    touched : of `in_programme`
    found : of `readout.experiments`
    accounts : of the book
    """
    busy = {account for each in readout.running(found, as_of) for account in each.entries["account_id"]}
    return accounts[accounts.isin(wanted) & ~accounts.isin(touched) & ~accounts.isin(busy)].sort_values()


def next_id(drawn: pd.DataFrame) -> str:
    """Id of the next experiment: X1, X2 …, the first of which nothing is drawn. A plan whose draw never came is planned anew.

    Examples
    --------
    >>> next_id(pd.DataFrame({"experiment_id": ["X1", "X3"]}))
    'X2'
    """
    taken = set(drawn["experiment_id"])
    return next(name for name in (f"X{i}" for i in range(1, len(taken) + 2)) if name not in taken)


# -- neighbours -------------------------------------------------------------------------------------------------------


def strata(past: pd.Series, size: pd.Series, design: str, held_share: float) -> pd.Series:
    """Put each account into a group within which lots are drawn.

    ``pairs``: neighbours by past outcome, then size, then id, in groups of the fewest accounts that can hold back about `held_share`;
    what is left joins the last group. ``strata``: past outcome above its median or not, by size above its median or not.

    Parameters
    ----------
    past, size : one value per account, the same index
    held_share : between 0 and 1, both excluded

    Returns
    -------
    Series of labels, index as `past`

    Raises
    ------
    ValueError
        If there is no such design, or the share is out of range.

    References
    ----------
    Metric dictionary C-61. Pairs of neighbours: Imai, King and Nall (2009), Statistical Science 24, p. 29.
    """
    if design not in DESIGNS:
        raise ValueError(f"design: there is no {design}. Give one of {', '.join(DESIGNS)}.")
    if not 0 < held_share < 1:
        raise ValueError(f"held_share must be between 0 and 1, got {held_share}.")
    if design == "strata":
        high = {name: values > values.median() for name, values in (("past", past), ("size", size))}
        words = [np.where(own, f"{name} above median", f"{name} up to median") for name, own in high.items()]
        return pd.Series([f"{a}, {b}" for a, b in zip(*words, strict=True)], past.index, dtype="str")
    sizes = np.arange(2, LARGEST_GROUP)
    held = (held_share * sizes).round().clip(1, sizes - 1) / sizes
    group = int(sizes[np.abs(held - held_share) <= NEAR][0])
    order = pd.DataFrame({"past": past, "size": size, "id": past.index}).sort_values(["past", "size", "id"]).index
    place = pd.Series(np.minimum(np.arange(len(past)) // group, max(len(past) // group - 1, 0)), order)
    return ("group " + (place + 1).astype("str")).reindex(past.index)


def sizes(bought: pd.DataFrame, employees: pd.Series, accounts: pd.Index, end: pd.Timestamp) -> pd.Series:
    """Size of accounts on a day: revenue of the `SIZE_MONTHS` before, or employees where none of them bought; else 0.

    Parameters
    ----------
    bought : ``account_id, day, amount``, as `detectable.outcome_facts` gives revenue
    employees : by account, missing where nobody knows
    """
    revenue = outcome_by_account(bought, accounts, Period(months_before(end, SIZE_MONTHS) + DAY, end))
    return revenue if revenue.any() else employees.reindex(accounts).astype(float).fillna(0.0)


def by_size(bought: pd.DataFrame, employees: pd.Series, accounts: pd.Index, end: pd.Timestamp) -> pd.Index:
    """Order accounts by `sizes`, the largest first, and by id where they are alike."""
    ordered = sizes(bought, employees, accounts, end).rename_axis("id").reset_index(name="size")
    return pd.Index(ordered.sort_values(["size", "id"], ascending=[False, True])["id"])


def past_outcome(fact: pd.DataFrame, kind: str, accounts: pd.Index, end: pd.Timestamp, months: int) -> pd.Series:
    """Outcome of each account in the months up to a day; of a share, whether it had any; 0 where records do not reach back."""
    window = Period(months_before(end, months) + DAY, end)
    past = outcome_by_account(fact, accounts, window) * (fact["day"].min() <= window.start + SLACK)
    return (past > 0).astype(float) if kind == "share" else past


# -- what it can show -------------------------------------------------------------------------------------------------


def last_level(looks: Sequence[int], months: int) -> float:
    """Level of the p-value at the last look.

    Raises
    ------
    ValueError
        If the looks do not rise to the last month, or begin too early.
    """
    if list(looks) != sorted({m for m in looks if 0 < m <= months}) or not looks or looks[-1] != months:
        raise ValueError(f"looks must be months that rise to holdout_months ({months}), got {list(looks)}.")
    if looks[0] < randomised.EARLIEST * months:
        least = int(np.ceil(randomised.EARLIEST * months))
        raise ValueError(
            f"looks: the first, after {looks[0]} months, is too early to show anything. Take {least} or more of {months} months."
        )
    return randomised.look_levels([m / months for m in looks])[-1]


def promises(
    facts: Mapping[str, pd.DataFrame],
    measure: str,
    listed: pd.Index,
    more: pd.Index,
    employees: pd.Series,
    created: pd.Series,
    as_of: pd.Timestamp,
    months: Sequence[int],
    design: str,
    held_share: float,
    effect: float,
    level: float,
) -> pd.DataFrame:
    """Say which rise each list, time and design would find, by drawing it again and again on the accounts' own past.

    The months up to `as_of` stand for those to come; groups are made, and the comparison read, with the months before them. Longer
    lists are of the design chosen; this list is tried with all designs. Accounts created later have no such past and do not count.

    Parameters
    ----------
    facts : of `detectable.outcome_facts`
    measure : one of `detectable.OUTCOMES`
    listed : accounts to be drawn
    more : accounts that a longer list takes, in this order
    employees, created : by account
    months : times to wait
    effect : rise hoped for, share of the mean
    level : of the last look

    Returns
    -------
    DataFrame: ``accounts_list`` (of `LISTS`), ``accounts`` (with such a past), ``horizon_months, design, smallest_detectable`` (share of the
    mean, found with a chance of `power.POWER`; missing where none up to the largest of ``power.RISES`` is), ``power`` (of `effect`), ``status`` (``ok``,
    ``too_early``: too little history, ``not_answerable``: not in the source, or too few further accounts); no row where fewer than
    `FLOOR_OUTCOMES` can be drawn

    Raises
    ------
    ValueError
        If there is no such measure.

    References
    ----------
    Metric dictionary C-55, C-61; `power.chances_of_design`.
    """
    if measure not in OUTCOMES:
        raise ValueError(f"holdout_measure: there is no {measure}. Give one of {', '.join(OUTCOMES)}.")
    kind, fact, rows = OUTCOMES[measure][0], facts[measure], []
    tried = sorted({*power.RISES, effect})
    for name, times in LISTS.items() if len(listed) >= FLOOR_OUTCOMES else ():
        add = round(len(listed) * (times - 1))
        whole = Comparison("planned", 0, 0, listed.append(more[:add]), as_of + DAY)
        for horizon, way in ((h, d) for h in months for d in (DESIGNS if times == 1 else (design,))):
            window, values, _, status = baseline(fact, kind, whole, created, horizon)
            chances = np.full(len(tried), np.nan)
            if add > len(more):
                status = "not_answerable"
            if status == "ok":
                before = window.start - DAY
                past = past_outcome(fact, kind, values.index, before, horizon)
                size = sizes(facts["revenue"], employees, values.index, before)
                groups = strata(past, size, way, held_share)
                chances = power.chances_of_design(values, past, groups, held_share, kind, tried, SEED, level)
                status = "too_early" if np.isnan(chances).any() else "ok"
            at = chances[tried.index(effect)]
            rows.append((name, len(values), horizon, way, power.smallest_of(tried, chances), at, status))
    columns = ["accounts_list", "accounts", "horizon_months", "design", "smallest_detectable", "power", "status"]
    return pd.DataFrame(rows, columns=columns)


def of_design(found: pd.DataFrame, months: int, design: str) -> pd.Series:
    """Take the row of `promises` of this list, a time and a design; all missing where it is not there."""
    rows = found[
        (found["accounts_list"] == "this list") & (found["horizon_months"] == months) & (found["design"] == design)
    ]
    return rows.reset_index(drop=True).reindex([0]).iloc[0]


# -- the draw ---------------------------------------------------------------------------------------------------------


def draw(plan: Mapping[str, object], groups: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw which accounts are held back, and give plan and draw as rows to be entered; when, whoever enters them says.

    Parameters
    ----------
    plan : values of ``tables.schema`` ``experiment_plans``
    groups : of `strata`

    Returns
    -------
    rows of ``experiment_plans`` and of ``experiments``, in the order of accounts

    References
    ----------
    Metric dictionary C-61; `randomised.draw`.
    """
    seed = int(str(plan["seed"]))
    if seed < 0:
        raise ValueError(f"draw_seed must be 0 or more, got {seed}.")
    treated = randomised.draw(groups, float(str(plan["held_share"])), seed)
    rows = {"account_id": groups.index, "arm": np.where(treated, "treated", "holdout"), "stratum": groups.to_numpy()}
    own = {"experiment_id": plan["experiment_id"], "pre_registered_metric": plan["measure_id"]}
    return pd.DataFrame([plan]), pd.DataFrame(rows).assign(**own).sort_values("account_id", ignore_index=True)
