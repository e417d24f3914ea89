"""The open pipeline as a forecast: weighted value, what slips, and whether it covers the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.chances import Outlook
from abmlib.method.deals import (
    closed_in,
    dateless,
    known_sum,
    open_deals,
    velocity_row,
    with_reasons,
    won_flag,
)
from abmlib.method.measures import estimate_row, measure_row, share_row
from abmlib.method.periods import DAY, Period, period_of, quarters
from abmlib.tables import programme

ENDING = 0.1  # last part of a period, in which the next is to be prepared for


def list_value(deals: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Value each deal at the list price of its product line (the median, where a line has several products).

    Missing where the line has no list price.

    References
    ----------
    House definition; README, glossary entry "value at list price".
    """
    return deals["product_line"].map(products.groupby("product_line")["list_price"].median()).astype(float)


def open_measures(
    deals: pd.DataFrame, outlook: Outlook, products: pd.DataFrame, window: Period, ahead: Period
) -> pd.DataFrame:
    """Measure the open pipeline: count, value, what it will bring, and velocity.

    The value at list price stands in where fewer than half of the open deals carry an amount. Deals without an amount are
    counted, and are in no sum. Where no deal is open, sums are 0.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    outlook : of `chances.outlook`
    window : days whose closed deals give the velocity
    ahead : days for which the outlook speaks

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered

    References
    ----------
    Metric dictionary C-1, C-8; S1-23b.
    """
    live, closed = open_deals(deals), closed_in(deals, window)
    amount = live["amount"]
    lacking = {"account": live["account_id"], "amount": amount, "age": live["created_day"]}
    counts = {f"open_deals_without_{what}": values.isna().sum() for what, values in lacking.items()}
    sums = {"open_value": amount, "weighted_by_crm_probability": amount * live["probability"]}
    if amount.notna().mean() < 0.5:
        sums["open_value_at_list_price"] = list_value(live, products)
    until = {"window_start": ahead.start, "window_end": ahead.end, "why": outlook.why}
    rows = [
        *(measure_row("C-8", w, float(n), "deals", len(live)) for w, n in ({"open_deals": len(live)} | counts).items()),
        *(measure_row("C-8", name, known_sum(v), "currency", int(v.notna().sum())) for name, v in sums.items()),
        estimate_row("C-8", "wins_foretold", outlook.wins, "deals", **until),
        estimate_row("C-8", "won_value_foretold", outlook.money, "currency", **until),
        velocity_row(closed, len(live)),
    ]
    return with_reasons(rows, deals, closed)


def slippage(then: pd.DataFrame, now: pd.DataFrame, period: Period) -> dict[str, object]:
    """Measure the share of deals due to close in a period that did not.

    Parameters
    ----------
    then : deals as known on the day before the period began
    now : deals as known at its end, `with_days`

    References
    ----------
    Metric dictionary C-11.
    """
    due = open_deals(then)
    due = due[due["close_date"].between(period.start, period.end)]
    state = now.set_index("opportunity_id")["is_closed"].reindex(due["opportunity_id"]).fillna(False).astype(bool)
    then_open = open_deals(then)["close_date"]
    dated = then_open.empty or then_open.notna().any()
    lacking = "a deal due to close in these months" if dated else "opportunity_stage_history with close_date"
    return share_row(
        "C-11", "slip_rate", int((~state).sum()), len(due), window_start=period.start, window_end=period.end,
        why="" if len(due) else lacking,
    )  # fmt: skip


def won_of_target(deals: pd.DataFrame, period: Period, target: float) -> pd.DataFrame:
    """Measure the part of a target that was won in its period.

    Missing without a target above 0, and where won deals carry no day or no amount; ``why`` says which.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    target : money to be won in the period

    Returns
    -------
    DataFrame of rows of `measures`

    References
    ----------
    Metric dictionary C-9.
    """
    won, lacking = _won(deals, period)
    why = lacking if target > 0 else _no_target(target)
    rows = [
        measure_row("C-9", "target", target, "currency", 1),
        measure_row(
            "C-9",
            "won_of_target",
            won / target if target > 0 else np.nan,
            "share",
            len(closed_in(deals, period)),
            why=why,
        ),
    ]
    return pd.DataFrame(rows).fillna({"why": ""}).assign(window_start=period.start, window_end=period.end)


def _won(deals: pd.DataFrame, period: Period) -> tuple[float, str]:
    """Amount won in a period, and what is lacking where nobody knows."""
    closed = closed_in(deals, period)
    won = known_sum(closed.loc[won_flag(closed), "amount"])
    if dateless(deals):
        return np.nan, "opportunities.closed_at"
    return won, "" if pd.notna(won) else "opportunities.amount of won deals"


def _no_target(target: float) -> str:
    """Why there is nothing to compare with; empty for an unknown target, of which the measure's definition says what to enter."""
    return "a target above 0" if target <= 0 else ""


def target_coverage(
    deals: pd.DataFrame, period: Period, target: float, as_of: pd.Timestamp, win_rate_by_amount: Mapping[str, Any]
) -> pd.DataFrame:
    """Compare the open pipeline still due in a period with what is missing to its target.

    Due are open deals whose closing day lies from the day of the report to the period's end; overdue ones are counted apart. Where
    the target is met, coverage has no row. What is due is missing where deals carry no closing day or no amount; ``why``
    says which.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    target : money to be won in the period, missing where unknown
    win_rate_by_amount : row of `won_measures`; the inverse of its value and ends is the coverage needed

    Returns
    -------
    DataFrame of rows of `measures`

    References
    ----------
    Metric dictionary C-9.

    Examples
    --------
    >>> 1 / 0.25  # a quarter of the amount is won, so four times the gap is needed
    4.0
    """
    live = open_deals(deals)
    due = live.loc[live["close_date"].between(as_of, period.end), "amount"]
    overdue = live.loc[live["close_date"] < as_of, "amount"]
    won, no_won = _won(deals, period)
    value, no_due = known_sum(due), ""
    if len(live) and live["close_date"].isna().all():
        value, no_due = np.nan, "opportunities.close_date of open deals"
    elif pd.isna(value):
        no_due = "opportunities.amount of open deals"
    gap = target - won
    needed = [1 / win_rate_by_amount[c] if win_rate_by_amount[c] > 0 else np.nan for c in ("value", "high", "low")]
    no_rate = win_rate_by_amount.get("why") or (
        "a deal won in these months" if win_rate_by_amount["value"] == 0 else ""
    )
    why = _no_target(target) or (no_won or no_due if pd.notna(target) else "")
    rows = [
        measure_row("C-9", "open_due_in_period", value, "currency", int(due.notna().sum()), why=no_due),
        measure_row("C-9", "open_overdue", known_sum(overdue), "currency", int(overdue.notna().sum()), why=no_due),
        measure_row("C-9", "coverage", value / gap if gap > 0 else np.nan, "times", int(due.notna().sum()), why=why),
        estimate_row(
            "C-9", "coverage_needed", (needed[0], needed[1], needed[2], win_rate_by_amount["n"]), "times", why=no_rate
        ),
    ]
    met = target > 0 and gap <= 0
    rows = [r for r in rows if not (met and r["definition_id"] == "coverage")]
    return pd.DataFrame(rows).assign(window_start=period.start, window_end=period.end)


def verdict(coverage: pd.DataFrame) -> str:
    """Say whether what is due is enough: ``enough, short, close`` (within the interval of what is needed), or empty if unknown.

    Parameters
    ----------
    coverage : DataFrame of `target_coverage`, by definition
    """
    if "coverage" not in coverage.index:
        return "enough"
    there, needed = coverage.loc["coverage", "value"], coverage.loc["coverage_needed"]
    if pd.isna(there) or pd.isna(needed["value"]):
        return ""
    low, high = needed[["low", "high"]].astype(float).fillna(needed["value"])
    return "enough" if there >= high else "short" if there < low else "close"


def shortfall(coverage: pd.DataFrame, target: float, deals: pd.DataFrame, period: Period) -> dict[str, object]:
    """Give what the deals due will probably leave missing to the target, as `Book.decide` takes it.

    That is the gap less the amount due divided by the coverage needed; nothing below 0.

    Parameters
    ----------
    coverage : DataFrame of `target_coverage`, by definition
    deals : DataFrame of `with_days`
    """
    gap, due, needed = (
        target - _won(deals, period)[0],
        coverage.loc["open_due_in_period", "value"],
        coverage.loc["coverage_needed"],
    )
    value, low, high = (max(gap - due / needed[c], 0.0) for c in ("value", "low", "high"))
    return {"moves": value, "moves_low": low, "moves_high": high, "basis": "target less what the deals due will bring,"}


def current_targets(targets: pd.DataFrame) -> pd.DataFrame:
    """Keep, of several entries for one period, owner and measure, the one entered last; however the period is spelt."""
    spelt = targets.assign(period=targets["period"].str.replace("-Q", "Q").str.replace("Q", "-Q"))
    return programme.latest_entries("targets", spelt).reset_index(drop=True)


def target_for(
    targets: pd.DataFrame, as_of: pd.Timestamp, measure_id: str = "won_value", year_starts: int = 1
) -> tuple[Period, float]:
    """Find the company's target of the shortest period that holds the day; without one, the quarter and a missing number.

    Entries without an owner are the company's; only where there is none does the sum of its owners' stand in.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    quarter = pd.Period(as_of, quarters(year_starts))
    none = (Period(quarter.start_time.normalize(), quarter.end_time.normalize()), float("nan"))
    mine = current_targets(targets[targets["measure_id"] == measure_id])
    mine = mine.assign(span=mine["period"].map(lambda label: period_of(label, year_starts)))
    mine = mine.loc[np.array([p.start <= as_of <= p.end for p in mine["span"]], dtype=bool)]
    mine = mine[mine["owner_id"].isna()] if mine["owner_id"].isna().any() else mine
    if mine.empty:
        return none
    shortest = min(mine["span"], key=lambda p: p.end - p.start)
    return shortest, float(mine.loc[[p == shortest for p in mine["span"]], "value"].sum())


def target_periods(
    targets: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1
) -> tuple[tuple[Period, float], tuple[Period, float]]:
    """Find the period to report on and the period to prepare for, each with the company's target.

    They are the same until the last `ENDING` of the period; then the next one is to be prepared for.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    period, goal = target_for(targets, as_of, year_starts=year_starts)
    if period.end - as_of > ENDING * (period.end - period.start + DAY):
        return (period, goal), (period, goal)
    return (period, goal), target_for(targets, period.end + DAY, year_starts=year_starts)
