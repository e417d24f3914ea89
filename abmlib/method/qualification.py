"""Which accounts deserve key status: the four-part gate, the reasons against, and the cost of a wrong choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from abmlib.method import orders, periods, value
from abmlib.method.periods import Period
from abmlib.stats import concentration
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES, estimate, wilson

PARTS = {
    "revenue_history": "revenue fell",
    "relationship": "too little shared history",
    "profitability": "margin below the floor",
    "viability": "silent longer than ever before",
}
PASS, FAIL, UNKNOWN = "pass", "fail", "not_answerable"
LITTLE_VALUE = "not among the accounts that carry the business"
SEED = 3  # of the bootstrap that tells a difference between two choices from noise
ROUNDING = 10.0**-orders.NOISE  # money: an account that meets a bound but for rounding of floats has met it
DAY = pd.Timedelta(days=1)
NO_VALUE = "net revenue is zero or less"
FULL = "qualified, but beyond capacity"


@dataclass(frozen=True)
class Thresholds:
    """Bound of each part of the gate; shares from 0 to 1, durations in days."""

    max_decline: float
    min_tenure_days: int
    min_buying_days: int
    min_margin_rate: float


def _verdict(passes: pd.Series, known: pd.Series) -> pd.Series:
    """Say pass, fail or not_answerable for each account."""
    cases = [~known, passes.fillna(False).astype(bool)]
    return pd.Series(np.select(cases, [UNKNOWN, PASS], FAIL), index=passes.index, dtype="str")


def revenue_history(earlier: pd.Series, later: pd.Series, max_decline: float) -> pd.Series:
    """Part 1: has revenue kept up with the period before?

    An account without positive revenue in the earlier period has nothing to compare with: not_answerable.

    Parameters
    ----------
    earlier, later : Series of revenue in two periods of equal length, one index
    max_decline : share of revenue that may be lost

    Returns
    -------
    Series of ``pass, fail, not_answerable``

    References
    ----------
    S0-16, revenue history. House definition; README, glossary entry "four-part gate".

    Examples
    --------
    >>> revenue_history(pd.Series([100.0, 100.0, 0.0]), pd.Series([71.0, 69.0, 5.0]), 0.3).tolist()
    ['pass', 'fail', 'not_answerable']
    """
    return _verdict(later - (1 - max_decline) * earlier >= -ROUNDING, earlier > 0)


def relationship(worth: pd.DataFrame, history: Period, min_tenure_days: int, min_buying_days: int) -> pd.Series:
    """Part 2: is there enough shared history, in time and in buying days?

    Time is judged only where the source reaches back twice as far as the tenure asked for: in a shorter one an old
    customer looks new. Buying days are always judged.

    Parameters
    ----------
    worth : DataFrame of `orders.by_account` over all history; ``first_day`` and ``buying_days`` are read
    history : first day of the source to the day of the report

    Returns
    -------
    Series of ``pass, fail``; an account that never bought fails

    References
    ----------
    S0-16, account history. House definition; README, glossary entry "four-part gate".
    """
    tenure = (history.end - worth["first_day"]).dt.days
    long_enough = (tenure >= min_tenure_days) | ((history.end - history.start).days < 2 * min_tenure_days)
    bought = worth["buying_days"] >= max(min_buying_days, 1)
    return _verdict(long_enough & bought, pd.Series(True, index=worth.index))


def profitability(worth: pd.DataFrame, min_margin_rate: float) -> pd.Series:
    """Part 3: is the margin rate at or above the floor?

    Not answerable where the margin is unknown or net revenue is not positive.

    Parameters
    ----------
    worth : DataFrame of `orders.by_account`

    References
    ----------
    S0-16, margins and profitability. House definition; README, glossary entry "four-part gate".
    """
    known = worth["margin"].notna() & (worth["revenue"] > 0)
    return _verdict(worth["margin"] - min_margin_rate * worth["revenue"] >= -ROUNDING, known)


def gaps(transactions: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Longest gap between two buying days of each account, its last buying day and the last day paid for.

    Every account asked for has a row.

    Returns
    -------
    DataFrame, one row per account, indexed by `accounts`
        ``longest_gap_days`` (missing with fewer than three buying days: one gap is not a rhythm), ``last_day``,
        ``paid_until`` (missing without subscription periods)
    """
    bought = transactions[(transactions["revenue"] > 0) & transactions["account_id"].isin(accounts)]
    days = bought[["account_id", "booked_at"]].drop_duplicates().sort_values(["account_id", "booked_at"])
    by = days.groupby("account_id")["booked_at"]
    gap = by.diff().dt.days.groupby(days["account_id"])
    longest, paid = gap.max().where(gap.count() >= 2), bought.groupby("account_id")["period_end"].max()
    return pd.DataFrame({"longest_gap_days": longest, "last_day": by.max(), "paid_until": paid}).reindex(accounts)


def viability(transactions: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.Series:
    """Part 4: does the account still buy in its own rhythm? A proxy for wanting a long-term relationship.

    An account fails if it has been silent longer than ever before, and passes while a subscription is paid for. With
    fewer than three buying days there is no rhythm to compare with: not_answerable.

    References
    ----------
    S0-16, viability of wanting a long-term relationship. House definition; README, glossary entry "four-part gate".
    """
    rhythm = gaps(transactions, accounts)
    silent, paid = (as_of - rhythm["last_day"]).dt.days, rhythm["paid_until"] >= as_of
    return _verdict((silent <= rhythm["longest_gap_days"]) | paid, rhythm["longest_gap_days"].notna() | paid)


def gate_parts(
    transactions: pd.DataFrame, accounts: pd.Index, counted: Period, periods: tuple[Period, Period], bounds: Thresholds
) -> pd.DataFrame:
    """Verdict on each of the four parts for every account.

    Parameters
    ----------
    transactions : DataFrame, one row per line known on the last day of `counted`
    accounts : Index of account ids, unique
    counted : days over which margin is judged
    periods : earlier and later period of equal length, compared for part 1

    Returns
    -------
    DataFrame, indexed by `accounts`, one column per part of `PARTS`: ``pass, fail, not_answerable``

    References
    ----------
    S0-16, S1-19.
    """
    whole = Period(transactions["booked_at"].min(), counted.end)
    history = orders.by_account(transactions, accounts, whole)
    earlier, later = (orders.by_account(transactions, accounts, p)["revenue"] for p in periods)
    worth = orders.by_account(transactions, accounts, counted)
    parts = pd.DataFrame({"revenue_history": revenue_history(earlier, later, bounds.max_decline)}, accounts)
    parts["relationship"] = relationship(history, whole, bounds.min_tenure_days, bounds.min_buying_days)
    parts["profitability"] = profitability(worth, bounds.min_margin_rate)
    return parts.assign(viability=viability(transactions, accounts, counted.end))


def choose_key_accounts(pareto: pd.DataFrame, parts: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """Key accounts: valuable, no part failed, the largest first up to capacity; and the reason against each other one.

    Valuable is class A on revenue or on margin, with net revenue above zero. A part that cannot be answered excludes nobody.
    Accounts are ordered by margin where it is known for every qualified one, otherwise by revenue.

    Parameters
    ----------
    pareto : DataFrame of `value.pareto`
    parts : DataFrame of `gate_parts`, one index with `pareto`
    capacity : key accounts the team can look after, 0 or more

    Returns
    -------
    DataFrame, index as `pareto`: ``valuable, qualified, chosen`` (bool), ``exclusion_reason`` (missing if chosen)

    Raises
    ------
    ValueError
        If `capacity` is negative.

    References
    ----------
    S0-15, S0-16, S1-19.
    """
    if capacity < 0:
        raise ValueError(f"capacity must be 0 or more accounts, got {capacity}.")
    carries = (pareto["pareto_class"] == "A") | (pareto["margin_class"] == "A").fillna(False)
    valuable, failed = carries & (pareto["revenue"] > 0), parts.eq(FAIL)
    qualified = valuable & ~failed.any(axis=1)
    margin = pareto.loc[qualified, "margin"]
    size = margin if margin.notna().all() else pareto.loc[qualified, "revenue"]
    chosen = pd.Series(pareto.index.isin(concentration.largest_first(size).index[:capacity]), index=pareto.index)
    words = ["; ".join(PARTS[p] for p, no in zip(parts.columns, row, strict=True) if no) for row in failed.to_numpy()]
    reason = pd.Series(words, index=parts.index, dtype="str")
    reason = reason.mask(qualified, FULL).mask(~valuable, LITTLE_VALUE).mask(pareto["revenue"] <= 0, NO_VALUE)
    choice = pd.DataFrame({"valuable": valuable, "qualified": qualified, "chosen": chosen}).astype("boolean")
    return choice.assign(exclusion_reason=reason.mask(chosen))


def part_counts(parts: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by part and verdict.

    Returns
    -------
    DataFrame of counts: one row per part, columns ``pass, fail, not_answerable``; each row sums to the accounts
    """
    return pd.DataFrame({verdict: parts.eq(verdict).sum() for verdict in (PASS, FAIL, UNKNOWN)})


def exclusions(chosen: pd.DataFrame, revenue: pd.Series) -> pd.DataFrame:
    """Count the accounts not chosen by reason, with the revenue they stand for, the most revenue first.

    Returns
    -------
    DataFrame: ``reason, accounts, valuable`` (how many of them are valuable), ``revenue``
    """
    left = chosen[~chosen["chosen"]].assign(revenue=revenue)
    left = left.assign(reason=left["exclusion_reason"], accounts=1)
    sums = left.groupby("reason")[["accounts", "valuable", "revenue"]].sum()
    return sums.sort_values(["revenue", "accounts"], ascending=False).reset_index()


def cost_of_error(chosen: pd.Series, valuable: pd.Series, revenue: pd.Series, margin: pd.Series) -> pd.DataFrame:
    """Accounts and money by choice and value: what is missed, and what is spent on little value.

    Parameters
    ----------
    chosen, valuable : bool Series, one index
    revenue, margin : Series of money, the value in the period the choice is judged on

    Returns
    -------
    DataFrame of four rows: ``choice, worth, accounts, revenue, margin`` (margin missing where one is unknown)

    References
    ----------
    S0-15.
    """
    rows = []
    for choice, worth in product(("chosen", "not chosen"), ("valuable", "of little value")):
        kind = (chosen == (choice == "chosen")) & (valuable == (worth == "valuable"))
        rows.append((choice, worth, int(kind.sum()), revenue[kind].sum(), margin[kind].sum(skipna=False)))
    return pd.DataFrame(rows, columns=["choice", "worth", "accounts", "revenue", "margin"])


def mistakes(errors: pd.DataFrame) -> tuple[int, float, int, float]:
    """Accounts and revenue missed, then accounts and revenue misplaced, of `cost_of_error`."""
    by = errors.set_index(["choice", "worth"])[["accounts", "revenue"]]
    missed, misplaced = by.loc[("not chosen", "valuable")], by.loc[("chosen", "of little value")]
    return int(missed["accounts"]), float(missed["revenue"]), int(misplaced["accounts"]), float(misplaced["revenue"])


@dataclass(frozen=True)
class Difference:
    """What one choice brought more than another, in money, with its interval; `n` accounts are in one of them only."""

    value: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval leaves zero out, otherwise ``no difference beyond noise``."""
        if self.n and self.low > 0:
            return "better"
        return "worse" if self.n and self.high < 0 else "no difference beyond noise"


def choice_difference(gate: pd.Series, plain: pd.Series, brought: pd.Series, seed: int) -> Difference:
    """What the gate's choice brought more than the plain one, by the accounts in one of them only.

    Accounts that brought nobody knows how much do not count.

    Parameters
    ----------
    gate, plain : bool Series over accounts
    brought : Series of money, what each account brought
    seed : of the bootstrap
    """
    signed = (brought * (gate.astype(int) - plain.astype(int)))[gate != plain]
    value, low, high, n = estimate(signed, np.sum, seed)
    return Difference(value if n else 0.0, low, high, n)


@dataclass(frozen=True)
class BackTest:
    """What the gate would have said at the end of `basis`, against what happened in `outcome`."""

    basis: Period
    outcome: Period
    parts: pd.DataFrame
    choices: pd.DataFrame
    errors: pd.DataFrame
    chosen: pd.Index
    difference: Difference


def back_test(
    transactions: pd.DataFrame, accounts: pd.Index, outcome: Period, bounds: Thresholds, capacity: int
) -> BackTest:
    """Choose with what was known before `outcome` began, and see how the choice fared in it.

    Parameters
    ----------
    transactions : DataFrame, one row per line, up to the end of `outcome`
    accounts : Index of account ids
    outcome : the days judged; everything before them is the basis

    Returns
    -------
    BackTest
        ``parts``: one row per part and verdict of the then valuable accounts, ``part, verdict, n, share, low, high``
        (share that bought again), ``revenue_kept`` (revenue in `outcome` ÷ in the equally long period before).
        ``choices``: `compare_choices` of the gate, first, and the plain ranking by revenue.
        ``errors``: `cost_of_error` of the gate, valuable meaning class A by revenue in `outcome`. ``chosen``: the ids.
        ``difference``: what the gate brought more than the plain ranking.

    References
    ----------
    S0-15, S0-16. House definition; README, glossary entry "back-test".
    """
    before = orders.known_before(transactions, outcome.start)
    last = outcome.start - DAY
    basis = Period(last if before.empty else before["booked_at"].min(), last)
    known = accounts[accounts.isin(before["account_id"])]
    parts = gate_parts(before, known, basis, periods.adjacent_periods(basis.start, basis.end, months=12), bounds)
    ranked = value.pareto(orders.by_account(before, known, basis))
    picked = choose_key_accounts(ranked, parts, capacity)
    after = orders.by_account(transactions, known, outcome)
    as_long = Period(outcome.start - (outcome.end - outcome.start + DAY), basis.end)
    same = orders.by_account(before, known, as_long)["revenue"]
    plain = pd.Series(known.isin(concentration.largest_first(ranked["revenue"]).index[:capacity]), index=known)
    choices = compare_choices({"four-part gate": picked["chosen"], "largest by revenue": plain}, after)
    outcomes = part_outcomes(parts[picked["valuable"]], after["buying_days"] > 0, after["revenue"], same)
    valuable = value.pareto_class(after["revenue"]) == "A"
    errors = cost_of_error(picked["chosen"], valuable, after["revenue"], after["margin"])
    more = choice_difference(picked["chosen"], plain, after[choices["judged_on"].iloc[0]], SEED)
    return BackTest(basis, outcome, outcomes, choices, errors, known[picked["chosen"]], more)


def compare_choices(picks: Mapping[str, pd.Series], after: pd.DataFrame) -> pd.DataFrame:
    """What each choice brought, side by side.

    Choices are judged on margin where it is known for all accounts chosen by any, otherwise on revenue: a gate that asks
    for margin cannot be judged on revenue alone.

    Parameters
    ----------
    picks : per choice a bool Series over accounts
    after : DataFrame of `orders.by_account` over the days judged

    Returns
    -------
    DataFrame, one row per choice: ``choice, accounts, revenue, share_of_revenue, margin, judged_on, brought``
    """
    money = after[["revenue", "margin"]]
    sums = [(name, int(mask.sum()), *money[mask].sum(skipna=False)) for name, mask in picks.items()]
    table = pd.DataFrame(sums, columns=["choice", "accounts", "revenue", "margin"])
    judged_on = "margin" if table["margin"].notna().all() else "revenue"
    whole = after["revenue"].sum()
    table.insert(3, "share_of_revenue", table["revenue"] / (whole if whole > 0 else np.nan))
    return table.assign(judged_on=judged_on, brought=table[judged_on])


def part_outcomes(parts: pd.DataFrame, again: pd.Series, after: pd.Series, before: pd.Series) -> pd.DataFrame:
    """Share that bought again, and revenue kept, for each part and verdict.

    Verdicts nobody got have no row.

    Parameters
    ----------
    parts : DataFrame of `gate_parts`
    again : bool Series, did the account buy again
    after, before : Series of revenue, in the days judged and in as many before

    Returns
    -------
    DataFrame: ``part, verdict, share, low, high, n, revenue_kept``
    """
    about = pd.DataFrame({"k": again, "n": 1, "after": after, "before": before}).reindex(parts.index)
    sums = {p: about.groupby(parts[p]).sum().reindex([PASS, FAIL, UNKNOWN]).dropna() for p in parts.columns}
    out = pd.concat(sums, names=["part", "verdict"]).reset_index().astype({"k": int, "n": int})
    kept = (out["after"] / out["before"].where(out["before"] > 0)).rename("revenue_kept")
    return pd.concat([out[["part", "verdict"]], wilson(out["k"], out["n"]), kept], axis=1)


def passed_over(pareto: pd.DataFrame, choice: pd.DataFrame, capacity: int) -> pd.Index:
    """Accounts that the plain ranking by revenue would have chosen and the gate did not, the largest first."""
    plain = concentration.largest_first(pareto["revenue"]).index[:capacity]
    return plain[choice.loc[plain, "valuable"] & ~choice.loc[plain, "chosen"]]


def part_signals(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Verdict on each part: did accounts that passed buy again more often than those that failed.

    ``signal`` if the interval of passing lies above that of failing, ``against`` if below, ``no signal`` if they
    overlap; ``too early to judge`` if nobody failed or passed, or below the floors of 50 accounts and of 30 that bought
    again and 30 that did not; ``not_answerable`` where nobody was judged on the part.

    Parameters
    ----------
    outcomes : DataFrame of `part_outcomes`

    Returns
    -------
    DataFrame, one row per part: ``part, verdict, n``
    """
    passed, failed = (outcomes[outcomes["verdict"] == v].set_index("part").reindex(PARTS) for v in (PASS, FAIL))
    n = passed["n"].fillna(0) + failed["n"].fillna(0)
    again = sum((by["share"] * by["n"]).fillna(0) for by in (passed, failed)).round()
    few = (n < FLOOR_ACCOUNTS) | (np.minimum(again, n - again) < FLOOR_OUTCOMES)
    few |= passed["n"].isna() | failed["n"].isna()
    conditions = [n == 0, few, passed["low"] > failed["high"], passed["high"] < failed["low"]]
    verdict = np.select(conditions, [UNKNOWN, "too early to judge", "signal", "against"], "no signal")
    return pd.DataFrame({"part": list(PARTS), "verdict": verdict, "n": n.astype(int).to_numpy()})
