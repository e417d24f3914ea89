"""Sentences about how the open pipeline came about and how it is worked, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, day, joined, one_line, share, short_money, span
from abmlib.pages.say_pipeline import Estimate, money_range, worth

MOST = 0.5  # share of the open deals that makes a sentence about the whole pipeline


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


def silence(sellers: pd.DataFrame, overdue: int) -> str:
    """Say that most sellers with open deals no longer open or close any; empty where most do.

    Parameters
    ----------
    sellers : DataFrame of `sellers.silent`
    overdue : open deals whose closing day is past
    """
    gone, deals = sellers[sellers["silent"]], int(sellers["open_deals"].sum())
    if gone.empty or gone["open_deals"].sum() < MOST * deals:
        return ""
    active = sellers.loc[~sellers["silent"], "owner_id"]
    who = f"only {joined([one_line(a) for a in active])} opened or closed deals" if len(active) else ""
    many = (
        f"{count(len(gone), 'seller')} with {gone['open_deals'].sum():,} of {deals:,} open deals opened or closed none"
    )
    said = f"Since {day(gone['last_day'].max())} {who if who and len(active) <= 2 else many}"
    late = f"; {overdue:,} of {deals:,} open deals are overdue" * (overdue >= MOST * deals)
    return f"{said}{late}: either selling stopped, or the CRM is not kept."


def collapse(fallen: pd.DataFrame, year_starts: int, level: float, currency: str) -> str:
    """Say that far less was opened, or is open, than a year before; empty where nothing fell so.

    Parameters
    ----------
    fallen : DataFrame of `changes.collapsed`
    """
    said = []
    for r in fallen.itertuples():
        now, then = (
            short_money(v, currency) if r.unit == "currency" else count(int(v), "deal")
            for v in (r.quarter_value, r.year_ago)
        )
        opened = str(r.definition_id) in {"opened_value", "deals_opened"}
        what = f"opened in {span(r.quarter.start, r.quarter.end, year_starts)}" if opened else "open"
        ends = f"{-r.change_high:.0%} to {-r.change_low:.0%}"
        said.append(
            f"deals {what}: {now} (n = {r.quarter_n:,}), a year before {then}; {-r.change:.0%} less than the quarters "
            f"until then lead to expect ({level:.0%} interval {ends}), more than they vary"
        )
    text = "; ".join(said)
    return f"The pipeline has collapsed. {text[:1].upper()}{text[1:]}." if said else ""


def months(rows: pd.DataFrame, record: pd.DataFrame, doubt: str, level: float, currency: str) -> tuple[str, str, str]:
    """Say what the open deals bring in each of the next three months, together, and towards the targets; empty where unknown.

    How far such forecasts were off stands beside the months; a doubt takes their place.

    Parameters
    ----------
    rows : DataFrame of `forecast_months.by_month`
    record : DataFrame of `forecast_months.record`
    doubt : of `say_forecast.doubt`
    """
    if len(rows) and doubt:
        return doubt, "", ""
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
    off = record.loc[record["months_ahead"].eq(1) & record["off"].notna(), "off"]
    off = f"; one month ahead, past forecasts were off by {off.iloc[0]:.0%} of what came" if len(off) else ""
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
        f"The open deals are expected to bring {each}{off}.",
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
        off = f" (off by {r.off:.0%} of what came)" if pd.notna(r.off) else ""
        ahead = count(int(r.months_ahead), "month")
        each.append(f"at {r.held:,} of {r.quarter_ends:,} past quarter ends {ahead} ahead{off}")
    return f"What came was inside the forecast's interval {joined(each)}." if each else ""


def in_touch(stages: pd.DataFrame, days: int) -> str:
    """Say of how many accounts with open deals nobody was in touch lately, by stage; empty without a stage.

    Parameters
    ----------
    stages : DataFrame of `engagement_by_stage.by_stage`
    days : that lately means
    """
    known = stages[stages["in_touch"].notna() & (stages["accounts"] > 0)]
    if known.empty:
        return f"Who is in touch is unknown: no touch of the last {days} days is logged." * bool(len(stages))
    each = [f"{r.in_touch:,.0f} of {r.accounts:,} in {r.stage}" for r in known.itertuples()]
    return f"Accounts with an open deal and a touch in the last {days} days: {joined(each)}."


def then_pipeline(correlation: Estimate, accounts: int, touched: Estimate, untouched: Estimate, level: float) -> str:
    """Say whether accounts that came to us more opened more pipeline in the next quarter; empty where it cannot be judged.

    Parameters
    ----------
    correlation, accounts, touched, untouched : of `engagement_by_stage.Lagged`
    """
    value, low, high, n = correlation
    if pd.isna(value):
        return ""
    of = f"n = {n:,} quarters of {count(accounts, 'account')}"
    known = f"(rank correlation {value:+.2f}, {level:.0%} interval {low:+.2f} to {high:+.2f}, {of})"
    if not (low > 0 or high < 0):
        return f"More engagement, fatter pipeline: no signal {known}."
    return (
        f"Accounts that came to us more in a quarter opened {'more' if low > 0 else 'less'} pipeline in the next, what they opened "
        f"in the quarter and before taken into account {known}: {share(touched[0])} of those with an inbound touch opened a deal in the "
        f"next quarter, {share(untouched[0])} of the others. It shows no cause."
    )
