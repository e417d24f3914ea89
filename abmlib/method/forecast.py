"""The open pipeline as a forecast: what it will bring, what slips, and whether it covers the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import chances, stalled
from abmlib.method.chances import TESTED, Outlook
from abmlib.method.deals import (
    closed_in,
    dateless,
    known_sum,
    open_deals,
    won_flag,
)
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.periods import DAY, Period, period_of, quarter_of
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables import programme

DAYS_IN_MONTH = 30.44  # on average
BY_LIST = "open_value_at_list_price"
YOUNG = pd.Timedelta(days=31)  # since its first day, in which a period says little yet
ENDING = 0.1  # last part of a period, in which the next is to be prepared for


def _no_amount(deals: pd.DataFrame) -> str:
    """Say what is lacking where no deal has an amount; empty otherwise."""
    return "the amount of deals" if len(deals) and deals["amount"].isna().all() else ""


def list_value(deals: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Value each deal at the list price of its product line (the median, where a line has several products).

    Missing where the line has no list price.

    References
    ----------
    House definition; README, glossary entry "value at list price".
    """
    return deals["product_line"].map(products.groupby("product_line")["list_price"].median()).astype(float)


def open_measures(deals: pd.DataFrame, outlook: Outlook, products: pd.DataFrame, ahead: Period) -> pd.DataFrame:
    """Measure the open pipeline: count, value, and what it will bring.

    The value at list price stands in where fewer than half of the open deals carry an amount. Deals without an amount are
    counted, and are in no sum. Where no deal is open, sums are 0; where no deal at all has an amount, they are missing.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    outlook : of `chances.outlook`
    ahead : days for which the outlook speaks

    Returns
    -------
    DataFrame of rows of `measures`, with ``why`` where one cannot be answered

    References
    ----------
    Metric dictionary C-8; S1-23b.
    """
    live = open_deals(deals)
    amount = live["amount"]
    lacking = {"account": live["account_id"], "amount": amount, "age": live["created_day"]}
    counts = {f"open_deals_without_{what}": values.isna().sum() for what, values in lacking.items()}
    sums = {"open_value": amount, "weighted_by_crm_probability": amount * live["probability"]}
    if amount.notna().mean() < 0.5:
        sums[BY_LIST] = list_value(live, products)
    why = _no_amount(deals)
    known = {name: np.nan if why and v is not sums.get(BY_LIST) else known_sum(v) for name, v in sums.items()}
    until = {"window_start": ahead.start, "window_end": ahead.end, "why": outlook.why}
    rows = [
        *(measure_row("C-8", w, float(n), "deals", len(live)) for w, n in ({"open_deals": len(live)} | counts).items()),
        *(
            measure_row("C-8", name, value, "currency", int(sums[name].notna().sum()), why=why)
            for name, value in known.items()
        ),
        estimate_row("C-8", "wins_foretold", outlook.wins, "deals", **until),
        estimate_row("C-8", "won_value_foretold", outlook.money, "currency", **until),
    ]
    return pd.DataFrame(rows).fillna({"why": ""})


def open_by_track(
    deals: pd.DataFrame, track: pd.Series, past: pd.DataFrame, today: pd.DataFrame, as_of: pd.Timestamp, ahead: Period
) -> list[dict[str, object]]:
    """Measure the open pipeline of each track: its value, and what it will bring; tracks without an open deal have no row.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    track : Series of `results.tracks`, index as `deals`
    past, today, as_of : as in `chances.outlook`
    ahead : days for which the outlook speaks

    Returns
    -------
    Rows of `measures`, grouped by ``track``

    References
    ----------
    Metric dictionary C-8; S0-6.
    """
    live = open_deals(deals)
    rows, of = list[dict[str, object]](), track.reindex(live.index).astype("str")
    for name in dict.fromkeys(track.cat.categories[track.cat.categories.isin(of)]):
        part, where = live[of == name], {"group_by": "track", "group": name}
        now = today[today["opportunity_id"].isin(part["opportunity_id"])]
        found = chances.outlook(past, now, as_of, (ahead.end - as_of).days)
        until = where | {"window_start": ahead.start, "window_end": ahead.end, "why": found.why}
        rows += [
            measure_row(
                "C-8", "open_value", known_sum(part["amount"]), "currency", part["amount"].notna().sum(), **where
            ),
            estimate_row("C-8", "won_value_foretold", found.money, "currency", **until),
        ]
    return rows


def slippage(then: pd.DataFrame, now: pd.DataFrame, period: Period) -> dict[str, object]:
    """Measure the share of deals due to close in a period that did not, with accounts as clusters.

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
    is_over = due["opportunity_id"].map(now.set_index("opportunity_id")["is_closed"]).fillna(False).astype(bool)
    then_open = open_deals(then)["close_date"]
    dated = then_open.empty or then_open.notna().any()
    lacking = "a deal due to close in these months" if dated else "a history of the closing days of deals"
    return estimate_row(
        "C-11", "slip_rate", intervals.share(~is_over, due["account_id"]), "share", window_start=period.start, window_end=period.end,
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


def without_largest(deals: pd.DataFrame, period: Period, target: float) -> tuple[float, float, str]:
    """Give the part of a target that is won without the account that brought most, what that brought, and its id.

    Missing where the target is not met, or is met without any one account.

    Parameters
    ----------
    deals, period, target : as in `won_of_target`
    """
    won = closed_in(deals, period)
    brought = won[won_flag(won)].groupby("account_id")["amount"].sum().sort_values(ascending=False)
    total = _won(deals, period)[0]
    if not target > 0 or brought.empty or not total - brought.iloc[0] < target <= total:
        return np.nan, np.nan, ""
    return float((total - brought.iloc[0]) / target), float(brought.iloc[0]), str(brought.index[0])


def parts(weights: pd.Series, total: float) -> pd.Series:
    """Share a total by weights, such as what is expected of all open deals by amount × chance; missing ones have no part."""
    return weights * (total / weights.sum() if weights.sum() else np.nan)


def _won(deals: pd.DataFrame, period: Period) -> tuple[float, str]:
    """Amount won in a period, and what is lacking where nobody knows."""
    closed = closed_in(deals, period)
    won = known_sum(closed.loc[won_flag(closed), "amount"])
    if dateless(deals):
        return np.nan, "the day each deal was closed"
    return won, "" if pd.notna(won) else "the amount of won deals"


def _no_target(target: float) -> str:
    """Why there is nothing to compare with; empty for an unknown target, of which the measure's definition says what to enter."""
    return "a target above 0" if target <= 0 else ""


def due_in(deals: pd.DataFrame, period: Period, as_of: pd.Timestamp) -> pd.DataFrame:
    """Keep the open deals whose closing day lies in a period, from the day of the report on, the largest amount first.

    Of a period that begins on the day after, deals due on the day itself count too: they can still be closed, and are not overdue.

    Parameters
    ----------
    deals : DataFrame of open deals, such as of `stalled.flags`
    """
    due = deals[deals["close_date"].between(first_due(as_of, period.start), period.end)]
    return due.sort_values("amount", ascending=False, kind="stable", ignore_index=True)


def first_due(as_of: pd.Timestamp, start: pd.Timestamp) -> pd.Timestamp:
    """Give the first closing day that is due in a period with this start."""
    return as_of if start <= as_of + DAY else start


def target_coverage(
    deals: pd.DataFrame,
    period: Period,
    target: float,
    as_of: pd.Timestamp,
    win_rate_by_amount: Mapping[str, Any],
    wins: int,
) -> pd.DataFrame:
    """Compare the open pipeline still due in a period with what is missing to its target.

    Due are open deals of `due_in`; overdue ones are counted apart. Where the target is met, coverage has no row. What is due,
    or overdue, is missing where no open deal carries a closing day or none of those an amount; ``why`` says which. Below
    `FLOOR_OUTCOMES` deals won nobody knows what coverage is needed.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    target : money to be won in the period, missing where unknown
    win_rate_by_amount : row of `won_measures`; the inverse of its value and ends is the coverage needed
    wins : deals won among those it counts

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
    amounts = {
        "open_due_in_period": due_in(live, period, as_of)["amount"],
        "open_overdue": live.loc[live["close_date"] < as_of, "amount"],
    }
    won, no_won = _won(deals, period)
    is_dark = len(live) > 0 and live["close_date"].isna().all()
    sums = {name: np.nan if is_dark else known_sum(amount) for name, amount in amounts.items()}
    lacking = "the closing day of open deals" if is_dark else "the amount of open deals"
    whys = {name: lacking if pd.isna(total) else "" for name, total in sums.items()}
    n = {name: int(amount.notna().sum()) for name, amount in amounts.items()}
    value, no_due = sums["open_due_in_period"], whys["open_due_in_period"]
    gap = target - won
    needed = [1 / win_rate_by_amount[c] if win_rate_by_amount[c] > 0 else np.nan for c in ("value", "high", "low")]
    no_rate = win_rate_by_amount.get("why") or "a deal won in these months" * (wins == 0)
    if wins < FLOOR_OUTCOMES:
        needed, no_rate = [np.nan] * 3, no_rate or f"{FLOOR_OUTCOMES} deals won: {wins:,} are too few"
    why = _no_target(target) or (no_won or no_due if pd.notna(target) else "")
    rows = [
        *(measure_row("C-9", name, total, "currency", n[name], why=whys[name]) for name, total in sums.items()),
        measure_row("C-9", "coverage", value / gap if gap > 0 else np.nan, "times", n["open_due_in_period"], why=why),
        estimate_row(
            "C-9", "coverage_needed", (needed[0], needed[1], needed[2], win_rate_by_amount["n"]), "times", why=no_rate
        ),
    ]
    met = target > 0 and gap <= 0
    rows = [r for r in rows if not (met and r["definition_id"] == "coverage")]
    return pd.DataFrame(rows).assign(window_start=period.start, window_end=period.end)


def won_by_new(deals: pd.DataFrame, period: Period, as_of: pd.Timestamp) -> pd.Series:
    """Sum what deals opened and won within the same days of past periods brought.

    The same days are as many before a past period's end as are left of this one. Periods that began before the first deal was
    opened, or of which nobody knows, are left out; a deal whose opening day is unknown is in none.

    Parameters
    ----------
    deals : DataFrame of `with_days`

    Returns
    -------
    Series of money by last day, at most `chances.TESTED`, the newest first
    """
    months, left = round((period.end - period.start + DAY) / DAY / DAYS_IN_MONTH), period.end - as_of
    first = pd.NaT if dateless(deals) or _no_amount(deals) else deals["created_day"].min()
    ends = [period.end + DAY - pd.DateOffset(months=months * back) - DAY for back in range(1, 2 + TESTED)]
    won = deals[deals["is_closed"].astype(bool) & won_flag(deals)]
    sums = {
        end: known_sum(won.loc[(won["created_day"] > end - left) & (won["closed_day"] <= end), "amount"])
        for end in ends
        if end <= as_of and end - left >= first
    }
    return pd.Series(sums, dtype=float).dropna().head(TESTED)


def period_foretold(
    deals: pd.DataFrame, outlook: Outlook, period: Period, target: float, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Measure what is missing to a period's target, and what will be won until its end.

    Deals open now are foretold by their chance until then; deals not opened yet by what such deals brought in the same days of
    past periods. Of a target that is met nothing is missing.

    Parameters
    ----------
    deals : DataFrame of `with_days`, open and closed
    outlook : of `chances.outlook` up to the period's end
    target : money to be won in the period, missing where unknown

    Returns
    -------
    DataFrame of rows of `measures`; n of the rows of new deals counts past periods

    References
    ----------
    Metric dictionary C-8, C-9; what new deals bring is a house definition.
    """
    won, no_won = _won(deals, period)
    new = won_by_new(deals, period, as_of)
    no_new = "" if len(new) else "a past period, with the days its deals were opened and closed"
    no_new = _no_amount(deals) or no_new
    gap, why = max(target - won, 0.0) if pd.notna(target - won) else np.nan, _no_target(target) or no_won
    parts = {"median": new.median(), "least": new.min(), "most": new.max()}
    rows = [
        measure_row("C-9", "missing_to_target", gap if target > 0 else np.nan, "currency", 1, why=why),
        estimate_row("C-8", "wins_foretold_in_period", outlook.wins, "deals", why=outlook.why),
        estimate_row("C-8", "won_value_foretold_in_period", outlook.money, "currency", why=outlook.why),
        *(measure_row("C-9", f"won_by_new_{w}", v, "currency", len(new), why=no_new) for w, v in parts.items()),
    ]
    return pd.DataFrame(rows).assign(window_start=as_of + DAY, window_end=period.end)


def time_to(end: pd.Timestamp, as_of: pd.Timestamp) -> pd.Timedelta | pd.DateOffset:
    """Give the time to a period's end: whole months from a month's end, days from any other day.

    Whole months lead from one quarter end to the next, however many days the quarter has.
    """
    months = 12 * (end.year - as_of.year) + end.month - as_of.month
    return pd.offsets.MonthEnd(months) if as_of.is_month_end and end.is_month_end else end - as_of


def verdict(foretold: pd.DataFrame) -> str:
    """Say whether a period's target will be reached: ``met, covered, short, open``, or empty if unknown.

    Covered: the lower end of what the open deals bring is enough. Short: their upper end, and the most that new deals brought
    in past periods, are too little. Open: anything between.

    Parameters
    ----------
    foretold : DataFrame of `period_foretold`, by definition
    """
    gap, most = foretold.loc["missing_to_target", "value"], foretold.loc["won_by_new_most", "value"]
    money = foretold.loc["won_value_foretold_in_period"]
    if pd.isna(gap) or (gap > 0 and pd.isna(money["value"])):
        return ""
    if gap == 0:
        return "met"
    return "covered" if money["low"] >= gap else "short" if money["high"] + most < gap else "open"


def to_decide(due: pd.DataFrame, foretold: pd.DataFrame, currency: str) -> dict[str, object]:
    """Give the accounts of the deals due and what is foretold to be missing, as `Book.decide` takes it.

    Missing is the gap to the target less what open and new deals bring, shared out by amount due; about nobody where
    nothing is due. The interval takes both at their highest and both at their lowest.

    Parameters
    ----------
    due : DataFrame of `due_in`, with the columns of `stalled.by_account`
    foretold : DataFrame of `period_foretold`, by definition
    """
    gap, money = foretold.loc["missing_to_target", "value"], foretold.loc["won_value_foretold_in_period"]
    new = foretold["value"].filter(like="won_by_new_")
    ends = (("value", "median"), ("high", "most"), ("low", "least"))
    short = [max(gap - money[end] - new[f"won_by_new_{n}"], 0.0) for end, n in ends]
    known = due[due["account_id"].notna() & (due["amount"] > 0)]
    amount = known.groupby("account_id", sort=False)["amount"].sum().sort_values(ascending=False, kind="stable")
    names, basis = ("moves", "moves_low", "moves_high"), "foretold to be missing to the target"
    if amount.empty:
        return dict(zip(names, short, strict=True)) | {"basis": f"{basis}:"}
    moves = {name: amount / amount.sum() * total for name, total in zip(names, short, strict=True)}
    about = stalled.by_account(known, "due " + known["close_date"].dt.strftime("%Y-%m-%d"), currency)
    return moves | about | {"accounts": amount.index, "basis": f"{basis}, shared out by amount due:"}


def current_targets(targets: pd.DataFrame) -> pd.DataFrame:
    """Keep, of several entries for one period, owner and measure, the one entered last; however the period is spelt."""
    spelt = targets.assign(period=targets["period"].str.replace("-Q", "Q").str.replace("Q", "-Q"))
    return programme.latest_entries("targets", spelt).reset_index(drop=True)


def target_for(targets: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> tuple[Period, float]:
    """Find the company's target of the shortest period that holds the day; without one, the quarter and a missing number.

    Entries without an owner are the company's; only where there is none does the sum of its owners' stand in: of the shortest
    period for which all of them have a target (`owner_targets`), and none below zero.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    none = (quarter_of(as_of, year_starts), float("nan"))
    mine = current_targets(targets[targets["measure_id"] == "won_value"])
    mine = mine.assign(span=mine["period"].map(lambda label: period_of(label, year_starts)))
    mine = mine.loc[np.array([p.start <= as_of <= p.end for p in mine["span"]], dtype=bool)]
    company = mine[mine["owner_id"].isna()]
    for span in sorted(set(mine["span"] if company.empty else company["span"]), key=lambda p: p.end - p.start):
        if len(company):
            return span, float(company.loc[[p == span for p in company["span"]], "value"].sum())
        sums = owner_targets(targets, span, year_starts)
        if mine["owner_id"].isin(sums.index).all():
            return span, float(sums.sum()) if (sums >= 0).all() else float("nan")
    return none


def target_to_judge(targets: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> tuple[Period, float]:
    """Find the period whose target is judged on a day: the one of `target_for`, or the one before while that is young.

    Young is a period of which less than `YOUNG`, and at most half, has passed. Where only it has a target, it is taken nevertheless.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    now = target_for(targets, as_of, year_starts=year_starts)
    passed, length = (end - now[0].start + DAY for end in (as_of, now[0].end))
    if passed >= YOUNG or passed > length / 2:
        return now
    before = target_for(targets, now[0].start - DAY, year_starts=year_starts)
    return now if pd.isna(before[1]) and pd.notna(now[1]) else before


def owner_targets(targets: pd.DataFrame, period: Period, year_starts: int = 1) -> pd.Series:
    """Give each owner's target of won value in a period.

    It is the entry for that period, or the sum of shorter ones that fill it without a gap; an entry within a longer one of the
    owner does not count. An owner of whom neither is there has no target.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`

    Returns
    -------
    Series of money, indexed by owner
    """
    own = _owner_entries(targets, year_starts)
    own = own[(own["start"] >= period.start) & (own["end"] <= period.end)]
    pairs = own.reset_index().merge(own, on="owner_id", suffixes=("", "_of")).query("days < days_of")
    within = pairs.query("start_of <= start and end <= end_of")["index"]
    sums = own.drop(index=within).groupby("owner_id")[["value", "days"]].sum()
    return sums.loc[sums["days"] == (period.end - period.start).days + 1, "value"].astype(float)


def owners_elsewhere(targets: pd.DataFrame, period: Period, year_starts: int = 1) -> list[str]:
    """Name the owners with a target in a period that does not fill it, or reaches beyond it: they cannot be judged there.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts, as in `period_of`
    """
    own = _owner_entries(targets, year_starts)
    inside = own.loc[(own["start"] <= period.end) & (own["end"] >= period.start), "owner_id"]
    return sorted(set(inside) - set(owner_targets(targets, period, year_starts).index))


def _owner_entries(targets: pd.DataFrame, year_starts: int) -> pd.DataFrame:
    """Entries of won value by owner, with their first and last day."""
    own = current_targets(targets[(targets["measure_id"] == "won_value") & targets["owner_id"].notna()])
    spans = [period_of(label, year_starts) for label in own["period"]]
    ends = {"start": [p.start for p in spans], "end": [p.end for p in spans]}
    days = pd.DataFrame(ends, own.index, dtype="datetime64[us]")
    return own[["owner_id", "value"]].join(days).assign(days=(days["end"] - days["start"]).dt.days + 1)


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
