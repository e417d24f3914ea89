"""How engaged each account is: points, decay, momentum, surges and breadth.

Touches come as a panel: one row per account, day and whatever else it is split by, with ``rows``, the number of touches.
Machine touches are left out by the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from abmlib.method.orders import account_positions, per_account
from abmlib.stats import intervals
from abmlib.stats import surges as exceeding
from abmlib.stats.intervals import LEVEL

FLOOR_WEEKS = 8  # whole weeks of history below which no surge is judged
DAILY_CAP = 20  # touches of one person, type and day that count at most; C-12
GROUP_DAYS = 30  # window of a buying group's engagement; C-12
ROLE_LEVELS = {"Vital": 100.0, "Important": 80.0, "Normal": 60.0, "Minor": 40.0, "Trivial": 20.0}  # C-12
DAY = pd.Timedelta(days=1)


def age_days(table: pd.DataFrame, as_of: pd.Timestamp) -> np.ndarray:
    """Whole days from each row's day to `as_of`; 0 on the day itself, negative after it."""
    return (as_of - table["day"]).dt.days.to_numpy()


def recent(panel: pd.DataFrame, as_of: pd.Timestamp, days: int) -> pd.DataFrame:
    """Keep the rows of the last `days` days, `as_of` the last of them.

    Raises
    ------
    ValueError
        If `days` is less than 1.
    """
    if days < 1:
        raise ValueError(f"days must be 1 or more, got {days}.")
    age = age_days(panel, as_of)
    return panel[(age >= 0) & (age < days)]


# -- points -----------------------------------------------------------------------------------------------------------


def scored(panel: pd.DataFrame, rules: pd.DataFrame, factors: Sequence[tuple[str, pd.Series]] = ()) -> pd.DataFrame:
    """Add to each row of a panel its points. No row is dropped.

    Rules are additive: a touch gets the points of every rule it meets. Factors multiply, one after the other. A rule of 0
    points or a factor of 0 removes the touch, whatever else it meets.

    Parameters
    ----------
    panel : DataFrame with ``rows`` and the columns that rules and factors name
    rules : DataFrame, one row per rule
        ``points`` (of one touch, >= 0), and columns of the panel with the value asked for; missing = any value.
    factors : pairs of a column of the panel and a Series, by its values, of factors >= 0; 1 for a value not named

    Returns
    -------
    DataFrame, as `panel`, with ``points`` (of all touches of the row) and ``judged`` (``scored``, ``removed``, ``no rule``)

    Raises
    ------
    ValueError
        If a column is missing, points or factors are negative or missing, or a factor's value is named twice.

    References
    ----------
    Metric dictionary C-13; vendor's rules: Demandbase engagement points, 360050118412 and 360050696271.
    """
    asked = [c for c in rules.columns if c != "points"]
    _check_rules(panel, rules, asked, factors)
    kinds = panel[asked].drop_duplicates(ignore_index=True)
    points, met, removed = np.zeros(len(kinds)), np.zeros(len(kinds), bool), np.zeros(len(kinds), bool)
    for _, rule in rules.iterrows():
        wanted = rule[asked].dropna()
        fits = np.ones(len(kinds), bool)
        for column, value in wanted.items():
            fits &= (kinds[column] == value).fillna(False).to_numpy(bool)
        points, met, removed = points + fits * rule["points"], met | fits, removed | (fits & (rule["points"] == 0))
    told = kinds.assign(points=points, met=met, removed=removed)
    of = panel[asked].merge(told, on=asked, how="left").set_index(panel.index)
    weight = np.ones(len(panel))
    for column, factor in factors:
        weight = weight * panel[column].map(factor).fillna(1.0).to_numpy(float)
    gone = of["removed"].to_numpy(bool) | (weight == 0)
    judged = np.select([~of["met"].to_numpy(bool), gone], ["no rule", "removed"], "scored")
    total = np.where(gone, 0.0, of["points"].to_numpy(float) * weight * panel["rows"].to_numpy(float))
    return panel.assign(points=total, judged=judged)


def _check_rules(
    panel: pd.DataFrame, rules: pd.DataFrame, asked: list[str], factors: Sequence[tuple[str, pd.Series]]
) -> None:
    """Refuse rules and factors that cannot be applied."""
    missing = sorted({*asked, *(c for c, _ in factors)} - set(panel.columns))
    if missing or not asked:
        raise ValueError(f"rules: the panel lacks {missing or 'a column to ask for'}; it has {sorted(panel.columns)}.")
    bad = rules[~(rules["points"] >= 0)]
    if len(bad):
        raise ValueError(
            f"rules: {len(bad)} of {len(rules)} have negative or missing points (first: {bad.index[:3].tolist()}). "
            "Use 0 to remove touches."
        )
    for column, factor in factors:
        if factor.index.has_duplicates or not (factor >= 0).all():
            raise ValueError(f"factors: those of {column} must be 0 or more, each value named once.")


def points(
    panel: pd.DataFrame,
    rules: pd.DataFrame,
    factors: Sequence[tuple[str, pd.Series]] = (),
    by: Sequence[str] = ("account_id",),
) -> pd.DataFrame:
    """Sum the points of each account, or account and person, with the touches they rest on.

    Touches without a value of `by` are summed under a missing one.

    Parameters
    ----------
    panel, rules, factors : as `scored`
    by : columns of the panel

    Returns
    -------
    DataFrame, one row per `by` with a touch: `by`, ``points``, and touches ``scored``, ``removed``, ``no_rule``

    References
    ----------
    Metric dictionary C-13.

    Examples
    --------
    >>> touches = pd.DataFrame({"account_id": ["a"], "contact_id": ["cmo"], "channel": ["web"], "rows": [1]})
    >>> rules = pd.DataFrame({"channel": ["web"], "points": [5.0]})
    >>> twice = [("contact_id", pd.Series({"cmo": 3.0})), ("account_id", pd.Series({"a": 2.0}))]
    >>> points(touches, rules, twice)["points"].tolist()
    [30.0]
    """
    each = scored(panel, rules, factors)
    for name in ("scored", "removed", "no rule"):
        each[name.replace(" ", "_")] = each["rows"].where(each["judged"] == name, 0)
    return each.groupby(list(by), dropna=False)[["points", "scored", "removed", "no_rule"]].sum().reset_index()


# -- decay ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """How a touch counts less as it ages: halving every `days`, fully for `days` and then not at all, or always."""

    kind: Literal["half-life", "window", "no decay"]
    days: float = float("nan")

    def __str__(self) -> str:
        """Write it as a reader says it."""
        return self.kind if self.kind == "no decay" else f"{self.kind} of {self.days:g} days"

    def weight(self, age_days: np.ndarray) -> np.ndarray:
        """Weight of touches by their age in days; 0 for what lies ahead."""
        if self.kind == "half-life":
            of = np.exp2(-np.maximum(age_days, 0) / self.days)
        else:
            of = (age_days < (self.days if self.kind == "window" else np.inf)).astype(float)
        return np.where(age_days >= 0, of, 0.0)


def engagement(
    panel: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    memory: Memory,
    *,
    value: str = "rows",
    person_cap: float | None = None,
    factor: pd.Series | None = None,
) -> pd.Series:
    """Sum each account's touches on a day, older ones counting less.

    Every account asked for has a value, 0 without a touch. Touches of other accounts, of none and after `as_of` do not count.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day`` and `value`
    value : column to sum, ``rows`` or ``points``
    person_cap : most that one person adds, after decay; touches of nobody known count as one person
    factor : by account, multiplies the sum, such as the effective number of people of `breadth`; missing = 1

    Returns
    -------
    Series of float, indexed by `accounts`; unit that of `value`

    References
    ----------
    Metric dictionary C-14. Exponential decay with half-life h: weight 2^(−age ÷ h).

    Examples
    --------
    >>> touches = pd.DataFrame({"account_id": ["a", "a"], "day": pd.to_datetime(["2026-06-30", "2026-06-20"]), "rows": 1})
    >>> engagement(touches, pd.Index(["a"]), pd.Timestamp("2026-06-30"), Memory("half-life", 10)).tolist()
    [1.5]
    """
    place = account_positions(panel, accounts)
    kept = place >= 0
    worth = panel[value].to_numpy(float) * memory.weight(age_days(panel, as_of))
    if person_cap is not None:
        person = pd.DataFrame({"place": place, "who": panel["contact_id"].to_numpy(), "worth": worth})[kept]
        each = person.groupby(["place", "who"], dropna=False)["worth"].sum().clip(upper=person_cap)
        total = per_account(each.index.get_level_values("place").to_numpy(int), each.to_numpy(), accounts)
    else:
        total = per_account(place[kept], worth[kept], accounts)
    times = 1.0 if factor is None else factor.reindex(accounts).fillna(1.0).to_numpy(float)
    return pd.Series(total * times, index=accounts, name="engagement")


# -- momentum and surges ----------------------------------------------------------------------------------------------


def weekly(
    panel: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, weeks: int, value: str = "rows"
) -> pd.DataFrame:
    """Sum each account's touches by weeks of seven days that end on `as_of`, so that no week is half over.

    Parameters
    ----------
    weeks : weeks before the current one

    Returns
    -------
    DataFrame, one row per account and week with a touch: ``place`` (position in `accounts`), ``week`` (0 is the current
    one, 1 the one before …), ``total``

    Raises
    ------
    ValueError
        If `weeks` is less than 1.
    """
    if weeks < 1:
        raise ValueError(f"weeks must be 1 or more, got {weeks}.")
    place, age = account_positions(panel, accounts), age_days(panel, as_of)
    kept = (place >= 0) & (age >= 0) & (age < 7 * (weeks + 1))
    each = np.bincount(
        place[kept] * (weeks + 1) + age[kept] // 7,
        weights=panel[value].to_numpy(float)[kept],
        minlength=len(accounts) * (weeks + 1),
    )
    some = np.flatnonzero(each)
    return pd.DataFrame({"place": some // (weeks + 1), "week": some % (weeks + 1), "total": each[some]})


def momentum(
    panel: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, weeks: int, value: str = "rows"
) -> pd.DataFrame:
    """Compare each account's current week with the mean of its weeks before.

    Every account has a row. Small counts make it jump; `surges` says what is more than chance.

    Parameters
    ----------
    weeks : weeks before the current one, 3 as 6sense and 4 as Terminus

    Returns
    -------
    DataFrame, indexed by `accounts`: ``current, prior_mean`` (unit of `value`), ``momentum`` (current ÷ prior_mean − 1;
    missing where the mean is 0)

    References
    ----------
    Metric dictionary C-15; 6sense temperature model (B25); Terminus engagement spikes, 360001417928 (B26).
    """
    each = weekly(panel, accounts, as_of, weeks, value)
    now, place, total = (each["week"] == 0).to_numpy(), each["place"].to_numpy(), each["total"].to_numpy()
    current = per_account(place[now], total[now], accounts)
    prior = per_account(place[~now], total[~now], accounts) / weeks
    ratio = np.divide(current, prior, out=np.full(len(accounts), np.nan), where=prior > 0)
    return pd.DataFrame({"current": current, "prior_mean": prior, "momentum": ratio - 1}, index=accounts)


def surges(panel: pd.DataFrame, accounts: pd.DataFrame, as_of: pd.Timestamp, weeks: int = 52) -> pd.DataFrame:
    """Find the accounts whose current week has more touches than their own past weeks, and the week itself, explain.

    Every account has a row, and all with enough history are judged together, those without a touch too. Of the accounts called,
    a share of 1 − `LEVEL` is to be false, on average over many reports; where nothing surges, one report in twenty calls any.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day, rows``
    accounts : DataFrame, one row per account: ``account_id, created_day`` (since when it is known; a touch before says since
        that touch)
    weeks : most weeks of history used

    Returns
    -------
    DataFrame, indexed by account id
        ``count, expected`` (touches of the current week), ``ratio`` (count ÷ expected), ``p`` (chance of so many or more),
        ``q`` (the same held to a false discovery rate over all accounts), ``surge`` (bool), ``weeks`` (whole weeks of
        history), ``status`` (``too_early`` with fewer than `FLOOR_WEEKS`: p and q missing, no surge; else ``ok``)

    Raises
    ------
    ValueError
        If `weeks` is less than `FLOOR_WEEKS`, or `accounts` repeats an id.

    References
    ----------
    Metric dictionary C-15; `stats.surges.exceedance`. Benjamini and Hochberg (1995), JRSS B 57, p. 289. House definition;
    README, glossary entry "surge".
    """
    if weeks < FLOOR_WEEKS:
        raise ValueError(f"weeks must be {FLOOR_WEEKS} or more, got {weeks}.")
    index = pd.Index(accounts["account_id"])
    each = weekly(panel, index, as_of, weeks)
    place, week = each["place"].to_numpy(), each["week"].to_numpy()
    days = (as_of - accounts["created_day"]).dt.days.to_numpy() + 1
    known = np.clip(days // 7 - 1, 0, weeks).astype(int)
    np.maximum.at(known, place, week)
    found = exceeding.exceedance(exceeding.Counts(place, week, each["total"].to_numpy(), known)).set_axis(index)
    able = known >= FLOOR_WEEKS
    p = found["p"].where(able)
    q = intervals.adjusted(p)
    return found.assign(
        ratio=found["count"] / found["expected"].where(found["expected"] > 0),
        p=p,
        q=q,
        surge=q <= 1 - LEVEL,
        weeks=known,
        status=np.where(able, "ok", "too_early"),
    )[["count", "expected", "ratio", "p", "q", "surge", "weeks", "status"]]


# -- breadth ----------------------------------------------------------------------------------------------------------


def breadth(panel: pd.DataFrame, accounts: pd.Index, roles: pd.Series | None = None) -> pd.DataFrame:
    """Count the people and roles that touches of each account come from, and how many people they amount to.

    Every account has a row. Touches of nobody known are counted and belong to no person.

    Parameters
    ----------
    panel : DataFrame with ``account_id, contact_id, rows``
    roles : buying role by contact id; a missing one and ``unknown`` are no role

    Returns
    -------
    DataFrame, indexed by `accounts`: ``people``, ``roles``, ``effective_people`` (exp of the Shannon entropy of people's
    shares of touches: as many people, all alike, would be as even; missing without any), ``touches``, ``unnamed`` (of them
    of nobody known)

    References
    ----------
    Metric dictionary C-16. Hill (1973), Ecology 54, p. 427: number of order 1.
    """
    at = pd.DataFrame({"place": account_positions(panel, accounts), "who": panel["contact_id"], "rows": panel["rows"]})
    at = at[at["place"] >= 0]
    each = at[at["who"].notna()].groupby(["place", "who"], as_index=False)["rows"].sum()
    each = each[each["rows"] > 0]
    place, rows = each["place"].to_numpy(), each["rows"].to_numpy(float)
    named = per_account(place, rows, accounts)
    share = rows / named[place]
    entropy = per_account(place, -share * np.log(share), accounts)
    role = each.assign(role=each["who"].map(roles if roles is not None else pd.Series(dtype="str")))
    role = role[role["role"].notna() & (role["role"] != "unknown")].drop_duplicates(["place", "role"])
    touches = per_account(at["place"].to_numpy(), at["rows"].to_numpy(float), accounts)
    return pd.DataFrame(
        {
            "people": per_account(place, np.ones(len(each)), accounts).astype(int),
            "roles": per_account(role["place"].to_numpy(), np.ones(len(role)), accounts).astype(int),
            "effective_people": np.where(named > 0, np.exp(entropy), np.nan),
            "touches": touches.astype(int),
            "unnamed": (touches - named).astype(int),
        },
        index=accounts,
    )


# -- a vendor's score ---------------------------------------------------------------------------------------------------


def group_engagement(
    panel: pd.DataFrame,
    accounts: pd.Index,
    roles: pd.Series,
    levels: Mapping[str, str],
    as_of: pd.Timestamp,
    activity_weights: Mapping[str, float] | None = None,
) -> pd.Series:
    """Score each account's buying group as Adobe Journey Optimizer B2B's worked example does.

    Touches of one person, type and day count up to `DAILY_CAP`, those of the last `GROUP_DAYS` days are summed by role, and
    roles are weighted. People whose role is not in `levels` do not count. The production score goes on to rescale over all
    the vendor's data, in steps it does not specify; it is not rebuilt here.

    Parameters
    ----------
    panel : DataFrame with ``account_id, contact_id, activity_type, day, rows``, what people did (inbound)
    roles : role by contact id
    levels : ``Vital, Important, Normal, Minor`` or ``Trivial`` by role of the group
    activity_weights : by activity type; 1 for one not named

    Returns
    -------
    Series of float >= 0, indexed by `accounts`: points, 0 without a touch

    Raises
    ------
    ValueError
        If `levels` is empty or names an unknown level.

    References
    ----------
    Metric dictionary C-12; AdobeDocs/journey-optimizer-b2b.en, engagement-scores, "Score calculation example" (B41).
    """
    unknown = sorted(set(levels.values()) - set(ROLE_LEVELS))
    if unknown or not levels:
        raise ValueError(f"levels: {unknown or 'none given'}. Give each role one of {list(ROLE_LEVELS)}.")
    level = pd.Series(levels).map(ROLE_LEVELS)
    touches = recent(panel, as_of, GROUP_DAYS)
    touches = touches.assign(
        place=account_positions(touches, accounts), share=touches["contact_id"].map(roles).map(level / level.sum())
    )
    touches = touches[(touches["place"] >= 0) & touches["share"].notna()]
    each = touches.groupby(["place", "contact_id", "share", "activity_type", "day"], as_index=False, observed=True)[
        "rows"
    ].sum()
    weight = each["activity_type"].map(activity_weights or {}).astype(float).fillna(1.0)
    worth = each["rows"].clip(upper=DAILY_CAP) * weight * each["share"]
    return pd.Series(
        per_account(each["place"].to_numpy(), worth.to_numpy(float), accounts), index=accounts, name="group_engagement"
    )
