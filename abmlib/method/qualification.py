"""Which accounts deserve key status: the four-part gate, the reasons against, and the cost of a wrong choice."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from abmlib.method import orders, periods, value
from abmlib.method.measures import measure_row, measure_rows
from abmlib.method.periods import Period
from abmlib.stats import concentration, intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES

PARTS = {
    "revenue_history": "revenue fell",
    "relationship": "too little shared history",
    "profitability": "margin below the floor",
    "viability": "silent longer than ever before",
}
PASS, FAIL, UNKNOWN = "pass", "fail", "not_answerable"
LITTLE_VALUE = "not among the accounts that carry the business"
EARLY = "too early to judge"
GATE = "four-part gate"
FEWEST = 10  # accounts that passed, and that failed, below which the interval of a difference covers too seldom
YEAR_MONTHS = 12  # whose margin the simple list by margin ranks, and which may be lost with an account
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


# -- tested on the past -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BackTest:
    """What the gate would have said at the end of `basis`, against what happened in `outcome`."""

    basis: Period
    outcome: Period
    parts: pd.DataFrame
    choices: pd.DataFrame
    errors: pd.DataFrame
    chosen: pd.Index

    @property
    def best(self) -> pd.Series:
        """The simple list that brought most: a row of `choices`."""
        return self.choices.iloc[1:].sort_values("brought", ascending=False, kind="stable").iloc[0]

    @property
    def rival(self) -> pd.Series:
        """The simple list that the verdict is about: where the gate is worse, the one it is surely worse than; else the best."""
        rivals = self.choices.iloc[1:].sort_values("high", kind="stable")
        return rivals.iloc[0] if self.verdict == "worse" else self.best

    @property
    def verdict(self) -> str:
        """``better`` than every simple list, ``worse`` than one, ``the same accounts`` as the best, or ``no difference``."""
        rivals = self.choices.iloc[1:]
        if (rivals["high"] < 0).any():
            return "worse"
        if self.best["on_one_list"] == 0:
            return "the same accounts"
        return "better" if (rivals["low"] > 0).all() else "no difference"


def back_test(
    transactions: pd.DataFrame,
    accounts: pd.Index,
    outcome: Period,
    bounds: Thresholds,
    capacity: int,
    *,
    value_months: int,
    period_months: int,
) -> BackTest:
    """Choose with what was known before `outcome` began, and see how the choice fared in it.

    Parameters
    ----------
    transactions : DataFrame, one row per line, up to the end of `outcome`
    accounts : Index of account ids
    outcome : the days judged; everything before them is known to the choice
    value_months, period_months : as of the choice that is tested: months over which value counts (0: all), and of each of
        the two periods compared

    Returns
    -------
    BackTest
        ``basis``: the days over which value counted. ``parts``: `part_signals` of the then valuable accounts.
        ``choices``: `compare_choices` of the gate, first, and of the simple lists: the largest by revenue and, where the margin
        of as many accounts is known, the largest by margin of `YEAR_MONTHS`. ``errors``: `cost_of_error` of the gate, valuable
        meaning class A by revenue in `outcome`. ``chosen``: the ids.

    References
    ----------
    S0-15, S0-16. House definition; README, glossary entry "back-test".
    """
    before = orders.known_before(transactions, outcome.start)
    last = outcome.start - DAY
    first = last if before.empty else before["booked_at"].min()
    basis = periods.trailing(last, value_months) if value_months else Period(first, last)
    known = accounts[accounts.isin(before["account_id"])]
    parts = gate_parts(before, known, basis, periods.adjacent_periods(first, last, period_months), bounds)
    ranked = value.pareto(orders.by_account(before, known, basis))
    picked = choose_key_accounts(ranked, parts, capacity)
    margin = orders.by_account(before, known, periods.trailing(last, YEAR_MONTHS))["margin"].dropna()
    sizes = {"largest by revenue": ranked["revenue"]}
    sizes |= {f"largest by margin of {YEAR_MONTHS} months": margin} if len(margin) >= max(capacity, 1) else {}
    lists = {n: pd.Series(known.isin(concentration.largest_first(s).index[:capacity]), known) for n, s in sizes.items()}
    after = orders.by_account(transactions, known, outcome)
    signals = part_signals(parts[picked["valuable"]], after["buying_days"] > 0)
    choices = compare_choices({GATE: picked["chosen"].astype(bool)} | lists, after)
    valuable = value.pareto_class(after["revenue"]) == "A"
    errors = cost_of_error(picked["chosen"], valuable, after["revenue"], after["margin"])
    return BackTest(basis, outcome, signals, choices, errors, known[picked["chosen"]])


def compare_choices(picks: dict[str, pd.Series], after: pd.DataFrame) -> pd.DataFrame:
    """What each choice brought, and what the first brought more than each other one.

    Choices are judged on margin where it is known for all accounts chosen by any, otherwise on revenue: a gate that asks
    for margin cannot be judged on revenue alone. Accounts in both of two choices cancel; the intervals of all differences hold
    together at `LEVEL`, so the first may be compared with the best of the others.

    Parameters
    ----------
    picks : per choice a bool Series over accounts
    after : DataFrame of `orders.by_account` over the days judged

    Returns
    -------
    DataFrame, one row per choice: ``choice, accounts, revenue, share_of_revenue, margin, judged_on, brought``, and what the first
    brought more: ``gate_less_list, low, high`` (missing where fewer than two accounts differ on a side), ``differ`` (accounts in one of
    the two choices only); all four missing of the first
    """
    money = after[["revenue", "margin"]]
    sums = [(name, int(mask.sum()), *money[mask].sum(skipna=False)) for name, mask in picks.items()]
    table = pd.DataFrame(sums, columns=["choice", "accounts", "revenue", "margin"])
    judged_on = "margin" if table["margin"].notna().all() else "revenue"
    whole, brought = after["revenue"].sum(), after[judged_on]
    table.insert(3, "share_of_revenue", table["revenue"] / (whole if whole > 0 else np.nan))
    first, *others = picks.values()
    apart = [intervals.sums_apart(brought[first & ~o], brought[o & ~first], len(others)) for o in others]
    more = pd.DataFrame(
        apart, columns=["gate_less_list", "low", "high", "on_one_list"], index=range(1, len(picks)), dtype=float
    )
    return table.assign(judged_on=judged_on, brought=table[judged_on]).join(more)


def part_signals(parts: pd.DataFrame, again: pd.Series) -> pd.DataFrame:
    """Difference between accounts that passed a part and those that failed, in the share that bought again.

    ``signal`` if its interval lies above zero, ``the wrong way`` if below, ``no signal`` if it holds zero; the intervals of all
    parts that can be judged hold together at `LEVEL`. ``too early to judge``, and no interval, if fewer than `FEWEST` failed or
    passed, or below the floors of 50 accounts and of 30 that bought again and 30 that did not; ``not_answerable`` where nobody was judged
    on the part.

    Parameters
    ----------
    parts : DataFrame of `gate_parts`
    again : bool Series over accounts, did the account buy again

    Returns
    -------
    DataFrame, one row per part: ``part, passed, passed_share, failed, failed_share`` (accounts, and the share of them that bought
    again), ``difference, low, high``, ``n`` (passed and failed), ``verdict``

    References
    ----------
    S0-16; metric dictionary, Bonferroni over the parts. Newcombe (1998), as `intervals.difference`.
    """
    bought = again.reindex(parts.index).astype(float)
    kinds = [parts.eq(verdict) for verdict in (PASS, FAIL)]
    n = pd.DataFrame({i: kind.sum() for i, kind in enumerate(kinds)})
    k = pd.DataFrame({i: kind.mul(bought, axis=0).sum() for i, kind in enumerate(kinds)})
    total, bought_again = n.sum(axis=1), k.sum(axis=1)
    few = (total < FLOOR_ACCOUNTS) | (np.minimum(bought_again, total - bought_again) < FLOOR_OUTCOMES)
    few |= n.lt(FEWEST).any(axis=1)
    apart = intervals.difference(k, n, max(int((~few).sum()), 1))
    apart[["low", "high"]] = apart[["low", "high"]].mask(few)
    cases = [total == 0, few, apart["low"] > 0, apart["high"] < 0]
    verdict = np.select(cases, [UNKNOWN, EARLY, "signal", "the wrong way"], "no signal")
    share = k / n.where(n > 0)
    sides = {"passed": n[0], "passed_share": share[0], "failed": n[1], "failed_share": share[1]}
    table = pd.DataFrame(sides).join(apart).assign(n=total, verdict=verdict)
    return table.rename_axis("part").reset_index()


def part_rows(signals: pd.DataFrame, outcome: Period) -> pd.DataFrame:
    """Rows of `measures`: how many parts of the gate are tested, and what `part_signals` found of each.

    ``too_early`` is each part with too few outcomes, and the count where that leaves none.

    References
    ----------
    S0-16.
    """
    verdicts, n = signals["verdict"], signals["n"]
    judged = ~verdicts.isin([EARLY, UNKNOWN])
    parts = measure_rows(
        "S0-16", "gate_part_difference", signals["difference"].where(judged), "share", n=n,
        low=signals["low"], high=signals["high"], group_by="part", group=signals["part"],
    )  # fmt: skip
    early = verdicts.eq(EARLY)
    status = "ok" if judged.any() else "too_early" if early.any() else UNKNOWN
    count = float(judged.sum()) if judged.any() else np.nan
    tested = measure_row("S0-16", "gate_parts_tested", count, "parts", int(n.max())) | {"status": status}
    rows = pd.concat([pd.DataFrame([tested]), parts.assign(status=parts["status"].mask(early, "too_early"))])
    return rows.assign(window_start=outcome.start, window_end=outcome.end)


def reasons_for(parts: pd.DataFrame, pareto: pd.DataFrame) -> pd.Series:
    """Say of each account what speaks for key status: its rank by revenue, and the parts of the gate that it passes.

    Parameters
    ----------
    parts : DataFrame of `gate_parts`
    pareto : DataFrame of `value.pareto`, one index with `parts`

    Returns
    -------
    Series of text, index as `parts`
    """
    passes = [
        ", ".join(p for p, yes in zip(parts.columns, row, strict=True) if yes) for row in parts.eq(PASS).to_numpy()
    ]
    words = pd.Series(passes, parts.index, dtype="str").str.replace("_", " ").replace("", "no part of the gate")
    return "number " + pareto["revenue_rank"].astype("str") + " by net revenue; passes " + words


def margin_at_risk(transactions: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> tuple[pd.Series, str]:
    """Margin of each account in the last `YEAR_MONTHS`, which is lost within as long if the account leaves.

    Revenue in its place, for all, where the margin of one is unknown. Missing where it is not above zero.

    Returns
    -------
    Series of money, indexed by `accounts`; and what the money is, in words
    """
    year = orders.by_account(transactions, accounts, periods.trailing(as_of, YEAR_MONTHS))
    what = "margin" if year["margin"].notna().all() else "revenue"
    return year[what].where(year[what] > 0), f"{what} of the last {YEAR_MONTHS} months that may be lost"


def passed_over(pareto: pd.DataFrame, choice: pd.DataFrame, capacity: int) -> pd.Index:
    """Accounts that the plain ranking by revenue would have chosen and a part of the gate excludes, the largest first."""
    plain = concentration.largest_first(pareto["revenue"]).index[:capacity]
    return plain[choice.loc[plain, "valuable"] & ~choice.loc[plain, "qualified"]]
