"""The four-part gate tried on the past: what each part foretold, what the choice brought, and what its errors cost."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from abmlib.method import orders, periods, value
from abmlib.method.measures import measure_row, measure_rows
from abmlib.method.periods import Period
from abmlib.method.qualification import FAIL, PASS, UNKNOWN, YEAR_MONTHS, Thresholds, choose_key_accounts, gate_parts
from abmlib.stats import concentration, intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES

EARLY = "too early to judge"
GATE = "four-part gate"
FEWEST = 10  # accounts that passed, and that failed, below which the interval of a difference covers too seldom
DAY = pd.Timedelta(days=1)


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


def error_rows(errors: pd.DataFrame, outcome: Period) -> list[dict[str, object]]:
    """Rows of `measures`: revenue of the accounts missed and misplaced, of `cost_of_error`; n counts accounts.

    References
    ----------
    S0-15.
    """
    missed, missed_revenue, misplaced, misplaced_revenue = mistakes(errors)
    days = {"window_start": outcome.start, "window_end": outcome.end}
    return [
        measure_row("S0-15", "revenue_of_valuable_accounts_not_chosen", missed_revenue, "currency", missed, **days),
        measure_row(
            "S0-15", "revenue_of_chosen_accounts_of_little_value", misplaced_revenue, "currency", misplaced, **days
        ),
    ]


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
        """``better`` than every simple list, ``worse`` than one, ``the same accounts`` as the best, or why nobody can tell.

        ``nobody``: neither the gate nor a list could choose an account. ``too early``: the best list has no interval. ``cannot
        tell``: the interval holds zero.
        """
        rivals = self.choices.iloc[1:]
        if not self.choices["accounts"].any():
            return "nobody"
        if (rivals["high"] < 0).any():
            return "worse"
        if self.best["on_one_list"] == 0:
            return "the same accounts"
        if pd.isna(self.best["low"]):
            return "too early"
        return "better" if (rivals["low"] > 0).all() else "cannot tell"


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
        of as many accounts is known, the largest by margin of `YEAR_MONTHS`; only accounts worth more than zero. ``errors``: `cost_of_error` of the gate, valuable
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
    largest = {name: concentration.largest_first(size[size > 0]).index[:capacity] for name, size in sizes.items()}
    lists = {name: pd.Series(known.isin(ids), known) for name, ids in largest.items()}
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
    more["gate_less_list"] = more["gate_less_list"].where(more["low"].notna())
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
    again), ``difference, low, high``, ``n`` (passed and failed), ``verdict``, ``why`` (which counts are too small for one)

    References
    ----------
    S0-16; metric dictionary, Bonferroni over the parts. Newcombe (1998), as `intervals.difference`.
    """
    bought = again.reindex(parts.index).astype(float)
    kinds = [parts.eq(verdict) for verdict in (PASS, FAIL)]
    n = pd.DataFrame({i: kind.sum() for i, kind in enumerate(kinds)})
    k = pd.DataFrame({i: kind.mul(bought, axis=0).sum() for i, kind in enumerate(kinds)})
    total, bought_again = n.sum(axis=1), k.sum(axis=1)
    floors = {
        "judged": (total, FLOOR_ACCOUNTS), "passed": (n[0], FEWEST), "failed": (n[1], FEWEST),
        "bought again": (bought_again, FLOOR_OUTCOMES), "stayed away": (total - bought_again, FLOOR_OUTCOMES),
    }  # fmt: skip
    short = pd.DataFrame(
        {f"{word} ({floor} needed)": count.where(count < floor) for word, (count, floor) in floors.items()}
    )
    few, why = short.notna().any(axis=1), [_too_few(row) for row in short.to_dict("records")]
    apart = intervals.difference(k, n, max(int((~few).sum()), 1))
    apart[["low", "high"]] = apart[["low", "high"]].mask(few)
    cases = [total == 0, few, apart["low"] > 0, apart["high"] < 0]
    verdict = np.select(cases, [UNKNOWN, EARLY, "signal", "the wrong way"], "no signal")
    share = k / n.where(n > 0)
    sides = {"passed": n[0], "passed_share": share[0], "failed": n[1], "failed_share": share[1]}
    said = np.select([verdict == UNKNOWN, verdict == EARLY], ["nobody could be judged on it", why], "")
    table = pd.DataFrame(sides).join(apart).assign(n=total, verdict=verdict, why=said)
    return table.rename_axis("part").reset_index()


def _too_few(counts: Mapping[Hashable, float]) -> str:
    """Say which counts are below their floor; empty if none is."""
    short = [f"{k:,.0f} {words}" for words, k in counts.items() if pd.notna(k)]
    return f"only {', '.join(short)}" if short else ""


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
