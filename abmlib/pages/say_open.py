"""Sentences about how the open pipeline came about and how it is worked, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, joined, short_money
from abmlib.pages.say_pipeline import money_range, worth


def postponed(moves: pd.DataFrame, out: pd.DataFrame, quarter: str, currency: str) -> str:
    """Say how many open deals were moved to a later closing day, and how many of them out of the quarter; empty if none.

    Parameters
    ----------
    moves : DataFrame of `bridge.postponed`
    out : of `bridge.pushed_out`
    quarter : that they were pushed out of, in words
    """
    deals = moves.drop_duplicates("opportunity_id")
    if deals.empty:
        return ""
    said = f"{count(len(deals), 'open deal')}{worth(deals['amount'], currency)} moved to a later closing day"
    said += f", {len(out):,} of them{worth(out['amount'], currency)} out of {quarter}" * bool(len(out))
    late = int((moves["split"] == "learnt").sum())
    return (
        f"{said}; {late:,} of the moves {'was' if late == 1 else 'were'} older and only learnt since."
        if late
        else f"{said}."
    )


def months(rows: pd.DataFrame, level: float, currency: str) -> tuple[str, str, str]:
    """Say what the open deals bring in each of the next three months, together, and towards the targets; empty where unknown.

    Parameters
    ----------
    rows : DataFrame of `forecast_months.by_month`
    """
    if rows.empty:
        return "", "", ""
    few = rows.head(3)
    names, last = [f"{m:%B}" for m in few["month"]], few.iloc[-1]
    if few["money_expected"].isna().any():
        each = joined([f"{w:,.0f} in {name}" for w, name in zip(few["wins_expected"], names, strict=True)])
        return f"Open deals expected to be won: {each}; what they bring is unknown.", "", ""
    each = joined(
        [f"{short_money(v, currency)} in {name}" for v, name in zip(few["money_expected"], names, strict=True)]
    )
    ends = money_range(last["cumulated_low"], last["cumulated_high"], currency)
    whole = f"Together {short_money(last['cumulated'], currency)} ({level:.0%} interval {ends}, n = {int(last['n']):,})"
    due = few["money_due"].sum(min_count=1)
    crm = f"; the deals due in these months by the CRM's closing days are worth {short_money(due, currency)}"
    aims = rows[rows["money_target"].notna() & rows["towards_target"].notna()]
    parts = [
        f"{short_money(m.towards_target, currency)} of {short_money(m.money_target, currency)} by the end of {m.month:%B %Y}"
        for m in aims.itertuples()
    ]
    return (
        f"The open deals are expected to bring {each}.",
        f"{whole}{crm * bool(pd.notna(due))}.",
        f"Won already and expected from open deals, towards the target: {joined(parts)}." if parts else "",
    )


def about_months(rows: pd.DataFrame) -> str:
    """Say how to read the forecast by month; empty without a row."""
    return "Deals not opened yet are in no month, so later months look small." * bool(len(rows))


def tested_months(record: pd.DataFrame) -> str:
    """Say how often forecasts one, two and three months ahead held; empty where none can be tested.

    Parameters
    ----------
    record : DataFrame of `forecast_months.record`
    """
    each = []
    for r in record.itertuples():
        off = f" (off by {r.off:.0%} on average)" if pd.notna(r.off) else ""
        ahead = count(int(r.months_ahead), "month")
        each.append(f"at {r.held:,} of {r.quarter_ends:,} past quarter ends {ahead} ahead{off}")
    return f"What came was inside the forecast's interval {joined(each)}." if each else ""
