"""How engaged each account is: points, decay and its half-life, momentum, surges, breadth, and who qualifies by it.

Touches come as a panel: one row per account, day and whatever else it is split by, with ``rows``, the number of touches.
Machine touches are left out by the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit

from abmlib.method.pipeline import found_row, share_row
from abmlib.method.value import measure_row, per_account
from abmlib.stats import intervals
from abmlib.stats import surges as exceeding
from abmlib.stats.intervals import DRAWS, FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL

SEED = 22  # of every bootstrap here
BUNDLES = 2_000  # accounts are drawn in so many bundles where there are more of them
TEST_SHARE = 1 / 3  # of the snapshots, the latest, judge; the others train
FLOOR_WEEKS = 8  # whole weeks of history below which no surge is judged
IDLE_LIMIT = 30.0  # minutes of one visit that count at most
DAILY_CAP = 20  # touches of one person, type and day that count at most; C-12
GROUP_DAYS = 30  # window of a buying group's engagement; C-12
ROLE_LEVELS = {"Vital": 100.0, "Important": 80.0, "Normal": 60.0, "Minor": 40.0, "Trivial": 20.0}  # C-12
DAY = pd.Timedelta(days=1)


def places(table: pd.DataFrame, accounts: pd.Index) -> np.ndarray:
    """Give the position in `accounts` of the account of each row; -1 for others and for none.

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    if accounts.has_duplicates:
        twice = accounts[accounts.duplicated()].unique()
        raise ValueError(f"accounts: {len(twice)} ids are repeated (first: {twice[:3].tolist()}). Name each once.")
    return accounts.get_indexer(table["account_id"])


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


CANDIDATES = (
    *(Memory("half-life", days) for days in (7, 14, 30, 60, 90, 180)),
    Memory("window", 30),  # AJO
    Memory("window", 91),  # three months: Demandbase
    Memory("no decay"),
)


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
    place = places(panel, accounts)
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


def compare_memories(
    panel: pd.DataFrame,
    openings: pd.DataFrame,
    accounts: pd.DataFrame,
    as_of: pd.Timestamp,
    horizon_days: int,
    candidates: Sequence[Memory] = CANDIDATES,
    value: str = "rows",
) -> pd.DataFrame:
    """Judge each way of forgetting by how well engagement on a day predicts who opens an opportunity within the horizon.

    History is cut into windows of `horizon_days`, the last ending at `as_of`, so that no two overlap and each opening is the
    outcome of one. Before each window, all accounts known then are scored with what was known then. The earlier windows train
    a logistic model of opening on log(1 + engagement), less its mean over accounts on that day; the latest third judges it.
    Beside the candidates stand the base rate of
    the earlier windows, and the account's own past opening (has it had one, and how long ago). A candidate is judged
    against the base rate.

    Parameters
    ----------
    panel : DataFrame with ``account_id, day`` and `value`
    openings : DataFrame, one row per opportunity opened: ``account_id, day``
    accounts : DataFrame, one row per account: ``account_id, created_day`` (since when it is known)
    horizon_days : length of a window

    Returns
    -------
    DataFrame, the base rate, recency and one row per candidate
        ``memory, kind, days``; ``accounts, n`` (accounts, and accounts times windows, in the windows that judge),
        ``outcomes`` (of them followed by an opening), ``log_loss``, ``difference`` (from the base rate's; below 0 is
        better), ``low, high`` (intervals that hold for all rows together), ``level``; ``status`` (``too_early``: fewer than
        `FLOOR_OUTCOMES` with or without an opening to train or to judge, or fewer than `FLOOR_ACCOUNTS` accounts;
        ``not_answerable``: history too short for two windows), ``verdict`` (``baseline``; ``better than the base rate``;
        ``no signal``, where the interval holds 0; ``worse than the base rate``; missing where status is not ok)

    Raises
    ------
    ValueError
        If `horizon_days` is less than 1, or `accounts` repeats an id.

    References
    ----------
    Metric dictionary C-14, C-44, C-46. Bootstrap over accounts, simultaneous over rows: Romano and Wolf (2005),
    Econometrica 73, p. 1237. House definition of the windows; README, glossary entry "half-life of engagement".
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be 1 or more, got {horizon_days}.")
    rows = [("base rate", "baseline", np.nan), ("recency of own opening", "baseline", np.nan)]
    rows += [(str(m), m.kind, m.days) for m in candidates]
    out = pd.DataFrame(rows, columns=["memory", "kind", "days"])
    ends = _snapshots(panel, as_of, horizon_days)
    if len(ends) < 2 or openings.empty:
        return _unjudged(out, "not_answerable", 0, 0, 0)
    past = _Past.of(panel, openings, accounts.sort_values("account_id"), ends, value)
    y, test = past.opened, np.arange(len(ends)) >= len(ends) - int(np.ceil(TEST_SHARE * len(ends)))
    n, outcomes = int(past.known[test].sum()), int(y[test].sum())
    judging = past.known[test].any(axis=0)
    if judging.sum() < FLOOR_ACCOUNTS or min(_rarest(past, test), _rarest(past, ~test)) < FLOOR_OUTCOMES:
        return _unjudged(out, "too_early", int(judging.sum()), n, outcomes)
    features = [past.nothing(), past.recency(), *(np.log1p(past.levels(m))[..., None] for m in candidates)]
    losses = np.stack([_losses(x, y, past.known, test) for x in features], axis=1)[judging]
    table = _against_first(losses, past.known[test].sum(axis=0)[judging])
    verdict = np.select(
        [out.index == 0, table["high"] < 0, table["low"] > 0],
        ["baseline", "better than the base rate", "worse than the base rate"],
        "no signal",
    )
    return pd.concat([out.assign(accounts=int(judging.sum()), n=n, outcomes=outcomes), table], axis=1).assign(
        level=LEVEL, status="ok", verdict=verdict
    )


def best_memory(compared: pd.DataFrame) -> Memory | None:
    """Name the way of forgetting with the lowest log-loss that beats the base rate; None where there is no signal.

    Parameters
    ----------
    compared : DataFrame of `compare_memories`
    """
    able = compared[(compared["verdict"] == "better than the base rate") & (compared["kind"] != "baseline")]
    if able.empty:
        return None
    row = able.loc[able["log_loss"].idxmin()]
    return Memory(row["kind"], float(row["days"]))


@dataclass(frozen=True)
class _Past:
    """What was known at the beginning of each window, and who opened in it; arrays of windows × accounts."""

    ends: np.ndarray  # last day known before each window, ascending, as days from the first of them
    place: np.ndarray
    day: np.ndarray
    worth: np.ndarray
    known: np.ndarray
    opened: np.ndarray
    since: np.ndarray  # days since the account's last opening; missing = none yet

    @classmethod
    def of(
        cls, panel: pd.DataFrame, openings: pd.DataFrame, accounts: pd.DataFrame, ends: pd.DatetimeIndex, value: str
    ) -> "_Past":
        """Look back from each of `ends`; accounts in the order given."""
        index, n = pd.Index(accounts["account_id"]), len(accounts)
        step, first = (ends[1] - ends[0]).days, ends[0]
        at = np.arange(len(ends)) * step
        place, opener = places(panel, index), places(openings, index)
        day, opens = (-age_days(t, first) for t in (panel, openings))
        known = -(first - accounts["created_day"]).dt.days.to_numpy()[None, :] <= at[:, None]
        opened, since = np.zeros((len(ends), n), bool), np.full((len(ends), n), np.nan)
        for k, end in enumerate(at):
            opened[k, opener[(opener >= 0) & (opens > end) & (opens <= end + step)]] = True
            before = (opener >= 0) & (opens <= end)
            last = np.full(n, -np.inf)
            np.maximum.at(last, opener[before], opens[before])
            since[k] = np.where(np.isfinite(last), end - last, np.nan)
        ours = (place >= 0) & (day <= at[-1])
        worth = panel[value].to_numpy(float)[ours]
        return cls(at, place[ours], day[ours], worth, known, opened & known, since)

    def levels(self, memory: Memory) -> np.ndarray:
        """Engagement of each account before each window."""
        n = self.known.shape[1]
        out: list[np.ndarray] = []
        for end in self.ends:
            age = end - self.day
            new = age >= 0
            if memory.kind != "window" and out:  # what was there fades as one
                new &= age < self.ends[1] - self.ends[0]
            level = np.bincount(self.place[new], self.worth[new] * memory.weight(age[new]), minlength=n)
            if memory.kind != "window" and out:
                level = level + out[-1] * (
                    np.exp2(-(self.ends[1] - self.ends[0]) / memory.days) if memory.kind == "half-life" else 1.0
                )
            out.append(level)
        return np.array(out)

    def nothing(self) -> np.ndarray:
        """No feature: the base rate."""
        return np.zeros((*self.known.shape, 0))

    def recency(self) -> np.ndarray:
        """Has the account opened before, and how long ago, in logarithm."""
        ever = ~np.isnan(self.since)
        return np.stack([ever.astype(float), np.where(ever, np.log1p(np.nan_to_num(self.since)), 0.0)], axis=-1)


def _snapshots(panel: pd.DataFrame, as_of: pd.Timestamp, horizon: int) -> pd.DatetimeIndex:
    """Days before each window of history, ascending; before the first lies one window of touches at least."""
    if panel.empty:
        return pd.DatetimeIndex([])
    windows = int(((as_of - panel["day"].min()).days + 1) // horizon) - 1
    return pd.DatetimeIndex([as_of - k * horizon * DAY for k in range(max(windows, 0), 0, -1)])


def _rarest(past: _Past, which: np.ndarray) -> int:
    """Count the outcomes of the rarer kind in some windows."""
    yes, n = int(past.opened[which].sum()), int(past.known[which].sum())
    return min(yes, n - yes)


def _unjudged(rows: pd.DataFrame, status: str, accounts: int, n: int, outcomes: int) -> pd.DataFrame:
    """Rows of `compare_memories` without a judgement."""
    blank = dict.fromkeys(["log_loss", "difference", "low", "high", "level"], np.nan)
    return rows.assign(accounts=accounts, n=n, outcomes=outcomes, **blank, status=status, verdict=None)


def _losses(x: np.ndarray, y: np.ndarray, known: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Log-loss of each account, summed over the windows that judge, of a logistic model trained on the others."""
    train = known & ~test[:, None]
    centre = (x * known[..., None]).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1), 1)[:, None, None]
    x = x - centre  # a rise of all accounts alike tells nothing of any of them
    width = x[train].std(axis=0)
    x = x / np.where(width > 0, width, 1.0)
    coefficients = _logistic(np.column_stack([np.ones(train.sum()), x[train]]), y[train].astype(float))
    z = coefficients[0] + x[test] @ coefficients[1:]
    return np.where(known[test], np.logaddexp(0, z) - y[test] * z, 0.0).sum(axis=0)


def _logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic model by Newton's method; slopes have a standard normal prior, so that they are finite."""
    prior = np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    b = np.zeros(x.shape[1])
    b[0] = np.log(y.mean() / (1 - y.mean()))
    for _ in range(25):
        p = expit(x @ b)
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + prior, x.T @ (y - p) - prior @ b)
        b = b + step
        if np.abs(step).max() < 1e-9:
            break
    return b


def _against_first(losses: np.ndarray, n: np.ndarray) -> pd.DataFrame:
    """Mean loss of each column, and its difference from that of the first with its simultaneous interval."""
    bundle = np.arange(len(n)) % BUNDLES
    size = int(bundle.max()) + 1
    apart = np.stack([np.bincount(bundle, d) for d in (losses - losses[:, :1]).T], axis=1)
    often = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), DRAWS).astype(float)
    drawn = (often @ apart) / (often @ np.bincount(bundle, n))[:, None]
    found = apart.sum(axis=0) / n.sum()
    error = drawn.std(axis=0, ddof=1)
    far = np.abs(drawn - found) / np.where(error > 0, error, np.inf)
    half = np.quantile(far.max(axis=1), LEVEL) * error
    return pd.DataFrame(
        {"log_loss": losses.sum(axis=0) / n.sum(), "difference": found, "low": found - half, "high": found + half}
    )


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
    place, age = places(panel, accounts), age_days(panel, as_of)
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
    at = pd.DataFrame({"place": places(panel, accounts), "who": panel["contact_id"], "rows": panel["rows"]})
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


# -- published rules --------------------------------------------------------------------------------------------------


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
        place=places(touches, accounts), share=touches["contact_id"].map(roles).map(level / level.sum())
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


@dataclass(frozen=True)
class Stage:
    """A stage of a journey: an account is in it that has at least the number given of any of the facts; all, if none is."""

    name: str
    any_of: Mapping[str, float] = field(default_factory=dict)


DEMANDBASE = (  # default journey of Demandbase, first to last; 360053277611 (B60)
    Stage("All Other"),
    Stage("Qualified", {"qualification_score": 70}),
    Stage("Aware", {"high_intent_30_days": 1}),
    Stage("Engaged", {"engagement_minutes_3_months": 10}),
    Stage("MQA", {"pipeline_predict_score": 85, "marketing_minutes_3_months": 100}),
    Stage("Opportunity", {"open_opportunities": 1}),
    Stage("Customer", {"won_opportunities": 1}),
)
ROLLWORKS = (  # default journey of RollWorks, first to last; 4415495461261 (B62)
    Stage("Unaware", {"page_views_30_days": 0}),
    Stage("Aware", {"page_views_30_days": 1}),
    Stage("Engaged", {"page_views_30_days": 3}),
    Stage("Open opportunity", {"open_opportunities": 1}),
    Stage("Won", {"won_opportunities": 1}),
)


def journey(facts: pd.DataFrame, stages: Sequence[Stage]) -> pd.DataFrame:
    """Put each account into one stage: the last whose rule it meets, whatever it meets before.

    Every account has a row; one that meets no rule has a missing stage. A missing fact meets no rule.

    Parameters
    ----------
    facts : DataFrame of numbers, one row per account
    stages : from first to last

    Returns
    -------
    DataFrame, index as `facts`: ``stage``, ``stage_order`` (1 is the first)

    Raises
    ------
    ValueError
        If `facts` lacks a column that a stage asks for.

    References
    ----------
    Order of assignment: Demandbase 360054650731, RollWorks 4415495461261 (B61).
    """
    missing = sorted({f for s in stages for f in s.any_of} - set(facts.columns))
    if missing:
        raise ValueError(f"facts: missing column(s) {missing}. Give them, empty where nobody knows the number.")
    meets = [
        np.any([(facts[f] >= at).fillna(False).to_numpy(bool) for f, at in s.any_of.items()], axis=0)
        if s.any_of
        else np.ones(len(facts), bool)
        for s in stages
    ]
    order = np.select(meets[::-1], range(len(stages), 0, -1), 0)
    names = pd.Series([None, *(s.name for s in stages)], dtype="str")
    return pd.DataFrame(
        {"stage": names.take(order).to_numpy(), "stage_order": pd.array(order, "Int64")}, index=facts.index
    ).assign(stage_order=lambda t: t["stage_order"].where(t["stage_order"] > 0))


# -- the web site -----------------------------------------------------------------------------------------------------


def key_pages(panel: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Count each account's clicks on key pages, and the people behind them.

    Every account has a row. Clicks of nobody known are counted and belong to no person.

    Parameters
    ----------
    panel : web touches, DataFrame with ``account_id, contact_id, page_class, rows``

    Returns
    -------
    DataFrame, indexed by `accounts`: ``clicks``, ``people``, ``unnamed_clicks``

    References
    ----------
    Metric dictionary C-25; S3-22a.
    """
    found = breadth(panel[(panel["page_class"] == "key").fillna(False)], accounts)
    return pd.DataFrame({"clicks": found["touches"], "people": found["people"], "unnamed_clicks": found["unnamed"]})


def time_on_site(visits: pd.DataFrame, accounts: pd.Index, idle_limit_min: float = IDLE_LIMIT) -> pd.DataFrame:
    """Sum up the active time of each account's visits; what a visit lasts beyond the limit is idle and does not count.

    Every account has a row. Visits of machines and visits nobody timed are counted, and have no time.

    Parameters
    ----------
    visits : DataFrame, one row per visit: ``account_id, duration_min, is_bot`` (missing = not known to be a machine), from
        ``tables.schema.WEB_SESSIONS`` or web touches
    idle_limit_min : minutes

    Returns
    -------
    DataFrame, indexed by `accounts`: ``visits`` (of people), ``bots`` (visits), ``timed``, ``capped`` (visits), and of timed
    visits ``minutes_total`` (0 without one), ``minutes_median`` (missing without one)

    Raises
    ------
    ValueError
        If `idle_limit_min` is not above 0.

    References
    ----------
    Metric dictionary C-25; S3-22b. House definition; README, glossary entry "active time".
    """
    if not idle_limit_min > 0:
        raise ValueError(f"idle_limit_min must be above 0, got {idle_limit_min}.")
    place = places(visits, accounts)
    bot = visits["is_bot"].fillna(False).to_numpy(bool)
    minutes = visits["duration_min"].to_numpy(float)
    human, timed = (place >= 0) & ~bot, (place >= 0) & ~bot & ~np.isnan(minutes)
    active = np.minimum(minutes, idle_limit_min)
    median = pd.Series(active[timed]).groupby(place[timed]).median().reindex(range(len(accounts)))

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(place[which], minlength=len(accounts))

    return pd.DataFrame(
        {
            "visits": count(human),
            "bots": count((place >= 0) & bot),
            "timed": count(timed),
            "capped": count(timed & (minutes > idle_limit_min)),
            "minutes_total": per_account(place[timed], active[timed], accounts),
            "minutes_median": median.to_numpy(),
        },
        index=accounts,
    )


def conversions(panel: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Give each account's share of web touches that are conversions.

    Every account has a row. Touches of which nobody knows whether they are one are counted apart.

    Parameters
    ----------
    panel : web touches, DataFrame with ``account_id, is_conversion, rows``

    Returns
    -------
    DataFrame, indexed by `accounts`: ``conversions, n, share`` (missing where n is 0), ``low, high`` (Wilson), ``unknown``

    References
    ----------
    Metric dictionary C-25; S3-22c.
    """
    place, rows = places(panel, accounts), panel["rows"].to_numpy(float)
    ours, known = place >= 0, panel["is_conversion"].notna().to_numpy()
    done = panel["is_conversion"].fillna(False).to_numpy(bool)
    total, k, unknown = (
        pd.Series(per_account(place[ours & which], rows[ours & which], accounts), index=accounts).astype(int)
        for which in (known, done, ~known)
    )
    found = intervals.wilson(k, total)
    return found.assign(conversions=k, unknown=unknown)[["conversions", "n", "share", "low", "high", "unknown"]]


# -- who qualifies ----------------------------------------------------------------------------------------------------


def facts_on(
    panel: pd.DataFrame, traits: pd.DataFrame, as_of: pd.Timestamp, window_days: int, value: str = "rows"
) -> pd.DataFrame:
    """Give what the rule of `qualified` asks of each account on a day.

    Parameters
    ----------
    panel : DataFrame with ``account_id, contact_id, day, rows`` and `value`
    traits : DataFrame indexed by account id: ``fit, band``, and ``score`` if there is one, as known on the day
    window_days : days up to `as_of` that count

    Returns
    -------
    DataFrame, as `traits`, with ``depth`` (sum of `value`), ``breadth`` (people), ``score`` (missing if not given)
    """
    inside = recent(panel, as_of, window_days)
    depth = engagement(inside, traits.index, as_of, Memory("no decay"), value=value)
    people = breadth(inside, traits.index)["people"]
    return traits.assign(depth=depth, breadth=people, score=traits.get("score", np.nan))


def qualified(facts: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Say which accounts qualify: they fit, are touched deeply or score highly, and by enough people.

    Every account has a row. A missing fact, or a band without thresholds, meets nothing. To leave a part out, give it the
    threshold minus infinity; to close depth or score, infinity.

    Parameters
    ----------
    facts : DataFrame, one row per account: ``fit, depth, score, breadth, band``
    thresholds : DataFrame indexed by band: ``fit, depth, score, breadth``, least values

    Returns
    -------
    DataFrame of bool, index as `facts`: ``fits, deep, scores, broad, qualified``

    Raises
    ------
    ValueError
        If `thresholds` lacks a column, a value, or names a band twice.

    References
    ----------
    Metric dictionary C-23; design factors B63, thresholds by band B64. Demandbase's MQA: depth 100 minutes in 3 months or
    score 85, nothing else asked (B60).
    """
    parts = {"fit": "fits", "depth": "deep", "score": "scores", "breadth": "broad"}
    missing = sorted(set(parts) - set(thresholds.columns))
    if (
        missing
        or thresholds.index.has_duplicates
        or thresholds[[c for c in parts if c not in missing]].isna().any(axis=None)
    ):
        raise ValueError(
            f"thresholds: missing column(s) {missing}, an empty cell or a band twice. Give each band one row with "
            f"{list(parts)}."
        )
    least = thresholds.reindex(facts["band"])
    met = pd.DataFrame(
        {name: facts[c].to_numpy(float) >= least[c].to_numpy(float) for c, name in parts.items()}, index=facts.index
    )
    anything = np.isneginf(least[list(parts)].to_numpy(float))  # not asked: met by a missing fact too
    met = met | anything
    return met.assign(qualified=met["fits"] & (met["deep"] | met["scores"]) & met["broad"])


def first_qualified(
    panel: pd.DataFrame,
    traits: pd.DataFrame,
    days: Sequence[pd.Timestamp],
    window_days: int,
    thresholds: pd.DataFrame,
    value: str = "rows",
) -> pd.DataFrame:
    """Give the first of several days on which each account qualifies; accounts that never do have no row.

    Parameters
    ----------
    panel, traits, window_days, value : as `facts_on`; traits are taken as the same on all days
    thresholds : as `qualified`

    Returns
    -------
    DataFrame, in order of `traits`: ``account_id, day``
    """
    day = pd.Series(pd.NaT, index=traits.index, dtype="datetime64[us]")
    for one in sorted(days):
        met = qualified(facts_on(panel, traits, one, window_days, value), thresholds)["qualified"]
        day = day.mask(day.isna() & met, one)
    return day.dropna().rename("day").rename_axis("account_id").reset_index()


def qualification_rows(
    qualified: pd.DataFrame, openings: pd.DataFrame, as_of: pd.Timestamp, horizon_days: int
) -> list[dict[str, object]]:
    """Measure how often accounts that qualified opened an opportunity within the horizon, and how long it took.

    Accounts that qualified fewer than `horizon_days` before `as_of` are too early to judge: counted, and in no share.
    Openings on the day itself and before do not count.

    Parameters
    ----------
    qualified : DataFrame, one row per account: ``account_id, day``
    openings : DataFrame, one row per opportunity opened: ``account_id, day``

    Returns
    -------
    Rows of `measures`: precision, median lead time in days of those that opened, and the number too early

    References
    ----------
    Metric dictionary C-23, C-24.
    """
    mature = qualified[qualified["day"] + horizon_days * DAY <= as_of]
    later = mature.merge(openings, on="account_id", suffixes=("", "_opened"))
    days = (later["day_opened"] - later["day"]).dt.days
    lead = days[(days > 0) & (days <= horizon_days)].groupby(later["account_id"]).min().astype(float)
    early = len(qualified) - len(mature)
    return [
        share_row("C-23", f"mqa_opened_within_{horizon_days}_days", len(lead), len(mature)),
        found_row("C-23", "days_from_mqa_to_opening_median", intervals.estimate(lead, np.median, SEED), "days"),
        measure_row("C-23", "mqa_too_early_to_judge", float(early), "accounts", len(qualified)),
    ]


def engaged(engagement: pd.Series, thresholds: pd.Series, band: pd.Series) -> pd.Series:
    """Say which accounts are engaged: at or above the threshold of their size band; none in a band without one.

    Index as `engagement`.

    References
    ----------
    Metric dictionary C-22; Terminus 360044618934 (B68), thresholds by band B64.
    """
    least = band.reindex(engagement.index).map(thresholds)
    return (engagement >= least).rename("engaged")


def engaged_rate(engaged: pd.Series, band: pd.Series | None = None) -> list[dict[str, Any]]:
    """Measure the share of a list that is engaged, of all and by size band.

    Accounts without a band are in the band ``unknown``.

    References
    ----------
    Metric dictionary C-22.
    """
    rows = [share_row("C-22", "engaged_accounts_of_list", int(engaged.sum()), len(engaged))]
    if band is not None:
        of = engaged.groupby(band.reindex(engaged.index).astype("str").fillna("unknown")).agg(["sum", "size"])
        rows += [
            share_row("C-22", "engaged_accounts_of_list", int(k), int(n), group_by="size band", group=str(name))
            for name, k, n in of.itertuples()
        ]
    return rows
