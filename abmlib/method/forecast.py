"""The open pipeline as a forecast: weighted value, what slips, and whether it covers the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.deals import (
    closed_in,
    dateless,
    known_sum,
    open_deals,
    velocity_row,
    win_rates,
    with_reasons,
    won_flag,
)
from abmlib.method.measures import estimate_row, measure_row, share_row
from abmlib.method.periods import Period, period_of, quarters
from abmlib.tables import programme


def list_value(deals: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Value each deal at the list price of its product line (the median, where a line has several products).

    Missing where the line has no list price.

    References
    ----------
    House definition; README, glossary entry "value at list price".
    """
    return deals["product_line"].map(products.groupby("product_line")["list_price"].median()).astype(float)


def open_measures(deals: pd.DataFrame, stages: pd.DataFrame, products: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Measure the open pipeline: count, value, weighted values and velocity.

    Weights: the CRM's probability, and the user's own share won per stage; where there is no stage history, the one win
    rate. The value at list price stands in where fewer than half of the open deals carry an amount. Deals without an amount
    are counted, and are in no other sum. Where no deal is open, sums are 0. The interval of a weighted value takes every
    weight at its lower or upper end at once, so it errs on the wide side.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    stages : DataFrame of `stage_table`
    period : days whose closed deals give win rate and velocity

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered

    References
    ----------
    Metric dictionary C-1, C-8; S1-23b.
    """
    live, closed = open_deals(deals), closed_in(deals, period)
    amount, ends = live["amount"], ["value", "low", "high"]
    if len(stages):
        weighted_by = "weighted_by_own_stage_share"
        weights = stages.set_index("stage")[["win_share", "win_low", "win_high"]].reindex(live["stage"]).to_numpy(float)
    else:
        weighted_by = "weighted_by_win_rate"
        weights = np.array([[win_rates(closed)[0][c] for c in ends]] * len(live), dtype=float).reshape(-1, 3)
    weighted = pd.DataFrame(weights * amount.to_numpy(float)[:, None], columns=ends)
    lacking = {"account": live["account_id"], "amount": amount, "age": live["created_day"]}
    counts = {f"open_deals_without_{what}": values.isna().sum() for what, values in lacking.items()}
    sums = {"open_value": amount, "weighted_by_crm_probability": amount * live["probability"]}
    if amount.notna().mean() < 0.5:
        sums["open_value_at_list_price"] = list_value(live, products)
    rows = [
        *(measure_row("C-8", w, float(n), "deals", len(live)) for w, n in ({"open_deals": len(live)} | counts).items()),
        *(measure_row("C-8", name, known_sum(v), "currency", int(v.notna().sum())) for name, v in sums.items()),
        estimate_row("C-8", weighted_by, (*known_sum(weighted), int(weighted["value"].notna().sum())), "currency"),
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


def target_coverage(
    deals: pd.DataFrame, target: float, period: Period, win_rate_by_amount: Mapping[str, Any]
) -> pd.DataFrame:
    """Compare the open pipeline due in a period with what is still missing to the target.

    Missing where the target is unknown; where it is already won, coverage is missing too and ``won_of_target`` says so. What
    was won, or is due, is missing where deals carry no day or no amount; ``why`` says which.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    target : money to be won in the period
    win_rate_by_amount : row of `won_measures`; the inverse of its value and ends is the coverage needed

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered

    References
    ----------
    Metric dictionary C-9.

    Examples
    --------
    >>> 1 / 0.25  # a quarter of the amount is won, so four times the gap is needed
    4.0
    """
    live, closed = open_deals(deals), closed_in(deals, period)
    due = live.loc[live["close_date"].between(period.start, period.end), "amount"]
    won, open_due = known_sum(closed.loc[won_flag(closed), "amount"]), known_sum(due)
    no_won = "" if pd.notna(won) else "opportunities.amount of won deals"
    no_due = "" if pd.notna(open_due) else "opportunities.amount of open deals"
    if dateless(deals):
        won, no_won = np.nan, "opportunities.closed_at"
    if len(live) and live["close_date"].isna().all():
        open_due, no_due = np.nan, "opportunities.close_date of open deals"
    gap = target - won
    needed = [1 / win_rate_by_amount[c] if win_rate_by_amount[c] > 0 else np.nan for c in ("value", "high", "low")]
    none_won = "a deal won in these months" if win_rate_by_amount["value"] == 0 else ""
    no_rate = win_rate_by_amount.get("why") or none_won
    why = {"open_due_in_period": no_due, "coverage_needed": no_rate}
    if pd.notna(target):
        reached = "a gap: the target is won already" if gap <= 0 else ""
        why |= {"won_of_target": no_won, "coverage": no_won or no_due or reached}
    n_due = int(due.notna().sum())
    rows = [
        measure_row("C-9", "target", target, "currency", 1),
        measure_row("C-9", "won_of_target", won / target if target > 0 else np.nan, "share", len(closed)),
        measure_row("C-9", "open_due_in_period", open_due, "currency", n_due),
        measure_row("C-9", "coverage", open_due / gap if gap > 0 else np.nan, "times", n_due),
        estimate_row("C-9", "coverage_needed", (needed[0], needed[1], needed[2], win_rate_by_amount["n"]), "times"),
    ]
    rows = [row | {"why": why.get(str(row["definition_id"]), "")} for row in rows]
    return pd.DataFrame(rows).assign(window_start=period.start, window_end=period.end)


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
