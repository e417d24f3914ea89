"""What an experiment says a programme was worth: margin it brought, less what it cost, over the months of the last look."""

import numpy as np
import pandas as pd

from abmlib.method import cycle_effort
from abmlib.method.detectable import DAY
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.periods import Period
from abmlib.method.readout import Experiment, earlier, reading, within
from abmlib.stats import randomised

WORTH, NOT_WORTH, OPEN = "worth it", "not worth it", "cannot tell"


def margin_facts(transactions: pd.DataFrame, default_margin: float) -> pd.DataFrame:
    """Margin of each line of a bill: revenue less cost of goods, else a share of revenue.

    Parameters
    ----------
    transactions : ``tables.schema.TRANSACTIONS``
    default_margin : margin as share of revenue where the cost is not known; 0: leave it unknown

    Returns
    -------
    DataFrame ``account_id, day, amount`` (missing where unknown), ``estimated`` (absolute revenue of a line without a known cost), ``size`` (of any line)
    """
    revenue, cogs = transactions["revenue"].astype(float), transactions["cogs"].astype(float)
    assumed = revenue * (default_margin or np.nan)
    amount = (revenue - cogs).where(cogs.notna(), assumed.where(revenue != 0, 0.0))
    return pd.DataFrame({
        "account_id": transactions["account_id"], "day": transactions["booked_at"], "amount": amount,
        "estimated": revenue.abs().where(cogs.isna(), 0.0), "size": revenue.abs(),
    })  # fmt: skip


def spend_within(
    experiment: Experiment, months: int, spend: pd.DataFrame, members: pd.DataFrame, activities: pd.DataFrame
) -> pd.Series:
    """What campaigns cost for each account drawn, over its own months; accounts drawn in one month of the calendar share these months.

    Parameters
    ----------
    spend, members, activities : as in `cycle_effort.shared_spend`

    Returns
    -------
    Series by account; missing for all where the source has no spend
    """
    day = experiment.drawn["day"]
    if spend.empty or day.empty:
        return pd.Series(np.nan, day.index)
    parts = []
    for _, days in day.groupby(day.dt.to_period("M")):
        period = Period(days.min(), days.max() + pd.DateOffset(months=months) - DAY)
        shared = cycle_effort.shared_spend(spend, members, activities, period)
        parts.append(shared.groupby("account_id")["spend"].sum().reindex(days.index, fill_value=0.0))
    return pd.concat(parts).reindex(day.index).astype(float)


def hours_within(experiment: Experiment, months: int, activities: pd.DataFrame) -> pd.Series:
    """Hours that sales spent on each account drawn, over its own months; missing for all where the source times none of it."""
    touches = cycle_effort.sales_touches(activities)
    facts = touches[["account_id", "occurred_day", "hours"]].set_axis(["account_id", "day", "amount"], axis=1).dropna()
    return within(facts, experiment.drawn, months) * (1.0 if len(facts) else np.nan)


def without_margin(experiment: Experiment, margins: pd.DataFrame) -> tuple[int, bool]:
    """Count the lines of bills since the draw whose margin is not known, and say whether the accounts drawn have any line.

    Parameters
    ----------
    margins : of `margin_facts`
    """
    own = margins[margins["account_id"].isin(experiment.drawn.index)]
    return int((own["amount"].isna() & (own["day"] >= experiment.drawn["day"].min())).sum()), len(own) > 0


def worth(
    experiment: Experiment,
    look: pd.Series,
    margins: pd.DataFrame,
    spend: pd.Series,
    hours: pd.Series,
    hour_cost: float,
) -> pd.Series | None:
    """Margin that the draw brought over its months, and what it cost; None where nothing can be read, or before the last look.

    Per account, margin, cost and their difference are read as the registered measure is; the margin before the draw is taken off all of them. The cost is that
    beyond what accounts held back cost too. What is not known of the cost (spend, or hours) is left out; with neither there is no cost and no net worth.

    Parameters
    ----------
    look : a row of ``readout.looks``
    margins : of `margin_facts`
    spend, hours : of `spend_within` and `hours_within`
    hour_cost : of an hour, reporting currency

    Returns
    -------
    Series of money of all treated accounts together, missing where it is not known: ``accounts`` (treated), ``start, end`` (of their months), ``months``,
    ``baseline`` (margin in as many months before), ``actual``, ``counterfactual`` (actual less what the draw brought), ``margin`` (that the draw brought) with
    ``margin_low, margin_high``, ``spend`` and ``hours`` on the treated, ``cost`` (beyond that of accounts held back), ``net`` with ``net_low, net_high``,
    ``estimated`` (share of revenue whose cost is not known), ``verdict``, ``largest`` (account that
    brought the largest part of the margin of its arm), ``largest_share, largest_treated`` (its part, and is it treated), ``margin_without`` (as ``margin``, without it)

    References
    ----------
    Metric dictionary C-61; S1-22f.
    """
    drawn, months, level = experiment.drawn, int(look["months"]), float(look["level"])
    last = drawn["day"] + pd.DateOffset(months=months) - DAY
    own = margins[margins["account_id"].isin(drawn.index) & (margins["day"] <= last.max())]
    margin, past = within(own, drawn, months), earlier(own, drawn, months)
    unknown = own["amount"].isna() & (own["day"] >= drawn["day"].min())
    read = (
        None
        if own.empty or unknown.any() or not look["reached"] or months < experiment.months
        else reading(drawn, margin, past)
    )
    if read is None:
        return None
    treated = drawn["treated"].to_numpy()
    n, estimated = int(treated.sum()), own["estimated"].sum() / (own["size"].sum() or np.nan)
    known = [part for part in (spend, hours * hour_cost) if part.notna().all()]
    cost = sum(known) if known else pd.Series(np.nan, drawn.index)
    bill, net = (reading(drawn, values, past) if known else None for values in (cost, margin - cost))
    found = [(np.nan,) * 3 if r is None else (r.effect, *randomised.interval(r, level)) for r in (read, net)]
    sides = [tuple(n * x for x in ends) for ends in found]
    verdict = WORTH if sides[1][1] > 0 else NOT_WORTH if sides[1][2] < 0 else OPEN
    actual = float(margin[treated].sum())
    gained = margin.clip(lower=0)
    part = gained / gained.groupby(drawn["treated"]).transform("sum").where(lambda whole: whole > 0)
    one = part.idxmax() if part.notna().any() else None
    rest = drawn.index != one
    without = reading(drawn[rest], margin[rest], past[rest]) if one is not None else None
    largest = {
        "largest": one, "largest_share": part.max(), "largest_treated": bool(drawn["treated"].get(one, False)),
        "margin_without": np.nan if without is None else without.effect * int(treated[rest].sum()),
    }  # fmt: skip
    return pd.Series({
        "accounts": n, "start": drawn["day"].min(), "end": last.max(), "months": months,
        "baseline": past[treated].sum() if past.any() and own["amount"].notna().all() else np.nan,
        "actual": actual, "counterfactual": actual - sides[0][0],
        "margin": sides[0][0], "margin_low": sides[0][1], "margin_high": sides[0][2],
        "spend": spend[treated].sum(min_count=1), "hours": hours[treated].sum(min_count=1),
        "cost": np.nan if not known else 0.0 if bill is None else n * bill.effect,
        "net": sides[1][0], "net_low": sides[1][1], "net_high": sides[1][2], "estimated": estimated, "verdict": verdict,
    } | largest, dtype=object)  # fmt: skip


def worth_rows(found: pd.Series | None, name: str) -> pd.DataFrame:
    """Rows of `measures`: what the programme brought, cost and was worth; none where that cannot be read.

    Parameters
    ----------
    found : of `worth`

    References
    ----------
    Metric dictionary C-61.
    """
    if found is None:
        return pd.DataFrame()
    about = {"window_start": found["start"], "window_end": found["end"], "group_by": "experiment", "group": name}
    lacks = {"why": "spend of campaigns, or hours of sales"} if pd.isna(found["cost"]) else {}
    rows = [
        estimate_row("C-61", d, (*found[columns], found["accounts"]), "currency", **about, **lacks)
        for d, columns in (
            ("incremental_margin", ["margin", "margin_low", "margin_high"]),
            ("net_worth", ["net", "net_low", "net_high"]),
        )
    ]
    return pd.DataFrame(
        [*rows, measure_row("C-61", "incremental_cost", found["cost"], "currency", found["accounts"], **about, **lacks)]
    )


def moves(found: pd.Series) -> dict[str, object]:
    """Money that keeping or stopping the programme moves, for `Book.decide`; none where its verdict is open."""
    if found["verdict"] == OPEN:
        return {}
    ends = sorted(abs(found[c]) for c in ("net_low", "net_high"))
    return {
        "moves": abs(found["net"]),
        "moves_low": ends[0],
        "moves_high": ends[1],
        "basis": "net worth of" if found["net"] > 0 else "net loss of",
    }
