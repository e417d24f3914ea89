"""Which accounts deserve key status: the four-part gate, and the reasons against."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import orders, periods, value
from abmlib.method.periods import Period
from abmlib.stats import concentration, intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS

PARTS = {
    "revenue_history": "revenue fell",
    "relationship": "too little shared history",
    "profitability": "margin below the floor",
    "viability": "silent longer than ever before",
}
PASS, FAIL, UNKNOWN = "pass", "fail", "not_answerable"
LITTLE_VALUE = "not among the accounts that carry the business"
YEAR_MONTHS = 12  # whose margin the simple list by margin ranks, and of which large accounts lose a share
ROUNDING = 10.0**-orders.NOISE  # money: an account that meets a bound but for rounding of floats has met it
NO_VALUE = "net revenue is zero or less"
FULL = "qualified, but beyond capacity"
SPONSORS = 2  # people who decide and can be reached, so that an account does not rest on one person


@dataclass(frozen=True)
class Thresholds:
    """Bound of each part of the gate; shares from 0 to 1, durations in days."""

    max_decline: float
    min_tenure_days: int
    min_buying_days: int
    min_margin_rate: float


@dataclass(frozen=True)
class Loss:
    """Share of a year's money, ``margin`` or ``revenue``, that class A accounts lost by the next year, and how many they were."""

    what: str
    share: float
    accounts: int


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


def size_rank(pareto: pd.DataFrame) -> tuple[pd.Series, str]:
    """Rank of each valuable account by size, and the money that says size.

    Valuable is class A on revenue or on margin, with net revenue above zero. Size is margin where it is known for every valuable
    account, otherwise revenue for all. Every rank of this module is this one.

    Parameters
    ----------
    pareto : DataFrame of `value.pareto`

    Returns
    -------
    Series of int, index as `pareto`: 1 is the largest; missing where the account is not valuable. And ``margin`` or ``revenue``.

    References
    ----------
    House definition; README, glossary entry "key account".
    """
    carries = (pareto["pareto_class"] == "A") | (pareto["margin_class"] == "A").fillna(False)
    valuable = pareto[carries & (pareto["revenue"] > 0)]
    by = "margin" if valuable["margin"].notna().all() else "revenue"
    order = concentration.largest_first(valuable[by]).index
    return pd.Series(range(1, len(order) + 1), order, dtype="Int64").reindex(pareto.index), by


def choose_key_accounts(pareto: pd.DataFrame, parts: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """Key accounts: valuable, no part failed, the largest first up to capacity; and the reason against each other one.

    A part that cannot be answered excludes nobody. The order is that of `size_rank`.

    Parameters
    ----------
    pareto : DataFrame of `value.pareto`
    parts : DataFrame of `gate_parts`, one index with `pareto`
    capacity : key accounts the team can look after, 0 or more

    Returns
    -------
    DataFrame, index as `pareto`: ``valuable, qualified, chosen`` (bool), ``size_rank``, ``exclusion_reason`` (missing if chosen)

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
    rank, failed = size_rank(pareto)[0], parts.eq(FAIL)
    valuable = rank.notna()
    qualified = valuable & ~failed.any(axis=1)
    chosen = pd.Series(pareto.index.isin(rank[qualified].sort_values().index[:capacity]), index=pareto.index)
    words = ["; ".join(PARTS[p] for p, no in zip(parts.columns, row, strict=True) if no) for row in failed.to_numpy()]
    reason = pd.Series(words, index=parts.index, dtype="str")
    reason = reason.mask(qualified, FULL).mask(~valuable, LITTLE_VALUE).mask(pareto["revenue"] <= 0, NO_VALUE)
    choice = pd.DataFrame({"valuable": valuable, "qualified": qualified, "chosen": chosen}).astype("boolean")
    return choice.assign(size_rank=rank, exclusion_reason=reason.mask(chosen))


def choose_with(
    transactions: pd.DataFrame,
    counted: Period,
    periods: tuple[Period, Period],
    pareto: pd.DataFrame,
    capacity: int,
    **bounds: float,
) -> pd.DataFrame:
    """Choose key accounts with another capacity and other bounds of the gate.

    Parameters
    ----------
    transactions, counted, periods : as `gate_parts` takes them
    pareto, capacity : as `choose_key_accounts` takes them
    bounds : of `Thresholds`

    Returns
    -------
    DataFrame of `choose_key_accounts`
    """
    parts = gate_parts(transactions, pareto.index, counted, periods, Thresholds(**bounds))  # type: ignore[arg-type]
    return choose_key_accounts(pareto, parts, capacity)


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


def reasons_for(parts: pd.DataFrame, pareto: pd.DataFrame) -> pd.Series:
    """Say of each account what speaks for key status: its rank, its classes, and the parts of the gate that it passes.

    Parameters
    ----------
    parts : DataFrame of `gate_parts`
    pareto : DataFrame of `value.pareto`, one index with `parts`

    Returns
    -------
    Series of text, index as `parts`; missing where the account is not valuable
    """
    rank, by = size_rank(pareto)
    is_a = {what: pareto[f"{c}_class"].eq("A") for what, c in (("revenue", "pareto"), ("margin", "margin"))}
    classes, passes = _named(pd.DataFrame(is_a), " and "), _named(parts.eq(PASS))
    unknown = _named(parts.eq(UNKNOWN))
    words = f"number {{}} by {by}; class A on {{}}; passes {{}}{{}}".format
    said = [
        words(
            r,
            c,
            "all parts of the gate" if whole else p or "no part of the gate",
            f"; not answerable: {u}" if u else "",
        )
        for r, c, p, u, whole in zip(rank, classes, passes, unknown, parts.eq(PASS).all(axis=1), strict=True)
    ]
    return pd.Series(said, parts.index, dtype="str").where(rank.notna())


def _named(yes: pd.DataFrame, joined: str = ", ") -> list[str]:
    """Names of the columns that hold, row by row."""
    names = yes.columns.str.replace("_", " ")
    return [joined.join(names[row]) for row in yes.fillna(False).to_numpy(bool)]


def margin_at_risk(transactions: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> tuple[pd.DataFrame, Loss]:
    """Margin that each account will lose in a year if it loses as large accounts did.

    Its margin of the last `YEAR_MONTHS`, times the share that class A accounts of the year before lost by then: what each of them
    brought less, over what all brought. What others gained does not count. Revenue in place of margin, for all, where the margin of one is
    unknown in either year. No account is dropped; money is missing where the account's margin is not above zero, and for all where
    fewer than `FLOOR_ACCOUNTS` were class A, or history is shorter than both years.

    Returns
    -------
    DataFrame, indexed by `accounts`: ``moves, moves_low, moves_high`` (money), and the `Loss` it rests on
    """
    halves = periods.adjacent_periods(transactions["booked_at"].min(), as_of, YEAR_MONTHS)
    before, year = (orders.by_account(transactions, accounts, p) for p in halves)
    what = "margin" if (before["margin"].notna() & year["margin"].notna()).all() else "revenue"
    large = before.loc[value.pareto_class(before[what]) == "A", what]
    share, low, high, n = intervals.ratio((large - year.loc[large.index, what]).clip(lower=0), large, seed=0)
    if n < FLOOR_ACCOUNTS or halves[1] != periods.trailing(as_of, YEAR_MONTHS):
        share = low = high = np.nan
    brings = year[what].where(year[what] > 0)
    money = pd.DataFrame({"moves": brings * share, "moves_low": brings * low, "moves_high": brings * high})
    return money, Loss(what, share, n)


def passed_over(choice: pd.DataFrame, capacity: int) -> pd.Index:
    """Accounts that a part of the gate excludes and whose rank alone would have chosen them, the largest first.

    Parameters
    ----------
    choice : DataFrame of `choose_key_accounts`
    """
    plain = choice["size_rank"].dropna().sort_values().index[:capacity]
    return plain[~choice.loc[plain, "qualified"]]


def second_sponsor(pareto: pd.DataFrame, choice: pd.DataFrame, deciders: pd.DataFrame, large: float) -> pd.Index:
    """The largest account by revenue, if it rests on too few people; otherwise nobody.

    It must pass the gate, and its margin, where known, be above zero. Where the source says who decides, fewer than `SPONSORS`
    reachable people who do are too few; where it does not, a large share of net revenue is the only evidence.

    Parameters
    ----------
    pareto : DataFrame of `value.pareto`
    choice : DataFrame of `choose_key_accounts`
    deciders : DataFrame of `coverage.deciders`
    large : share of net revenue with one account from which the business depends on it

    Returns
    -------
    Index of one account id or none

    References
    ----------
    House definition; README, glossary entry "reachable contact".
    """
    largest = concentration.largest_first(pareto["revenue"]).index[:1]
    sound = choice["qualified"].astype(bool) & ~(pareto["margin"] <= 0)
    depends = concentration.largest_share(pareto["revenue"], 1) >= large
    few = (deciders["reachable"] < SPONSORS).fillna(depends)
    return largest[(sound & few)[largest]]
