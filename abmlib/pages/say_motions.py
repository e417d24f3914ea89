"""Sentences on sales models, focus areas and what waits at the accounts of most worth, from finished numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from abmlib.pages.say import count, joined, one_line, share, short_money

ALL, NOT_TOLD, FEW = "all deals", "cannot tell", "too few"
UNNAMED = ("other segments", "unknown")  # areas that are no segment
MODELS = 5  # of most deals, whose rates are said
NAMED = 3  # segments with a leading model that are named


def models(cells: pd.DataFrame, why: str, level: float) -> str:
    """Say what each sales model won of the deals decided; or what is lacking to compare them.

    Parameters
    ----------
    cells : DataFrame of `motions.performance`
    why : of `motions.lacking`
    level : of the intervals
    """
    if why:
        return f"Sales models cannot be compared: the data lack {why}."
    every = cells[cells["way"] == ALL].sort_values("decided_deals", ascending=False, kind="stable")
    rows = every.head(MODELS).sort_values("raw", ascending=False, kind="stable")
    parts = [
        f"{one_line(r.sales_model)} {r.won:,} of {r.decided_deals:,} ({share(r.raw)}, {share(r.raw_low)} to {share(r.raw_high)})"
        if pd.notna(r.raw_low)
        else f"{one_line(r.sales_model)} {r.won:,} of {r.decided_deals:,} ({share(r.raw)})"
        for r in rows.itertuples()
    ]
    parts += [f"{len(every) - MODELS:,} more models"] * (len(every) > MODELS)
    return f"Deals won of those decided, by sales model, renewals left out ({level:.0%} intervals): {'; '.join(parts)}."


def leading(verdicts: pd.DataFrame, level: float) -> tuple[str, str]:
    """Say where one sales model goes with more wins than every other, and what follows; empty without a segment.

    Parameters
    ----------
    verdicts : DataFrame of `motions.verdicts`
    level : of all comparisons of a way together
    """
    rows, led = verdicts[verdicts["leading_model"] != FEW], verdicts[~verdicts["leading_model"].isin([FEW, NOT_TOLD])]
    if rows.empty:
        return "No segment has two sales models with deals decided of enough accounts to compare them." * (
            len(verdicts) > 0
        ), ""
    few, ways = len(verdicts) - len(rows), joined([way for way in dict.fromkeys(rows["way"]) if way != ALL])
    split = f"{count(int((rows['way'] != ALL).sum()), 'segment')} by {ways}" * bool(ways)
    looked = " and ".join(part for part in (ALL * bool((rows["way"] == ALL).any()), split) if part)
    more = (
        f" {count(few, 'more segment')} {'has' if few == 1 else 'have'} too few accounts with deals of two models."
        * bool(few)
    )
    noise = f"beyond noise, all comparisons of one way of splitting taken together ({level:.0%})"
    if led.empty:
        found = f"No sales model goes with more wins than every other compared {noise}; looked at: {looked}.{more}"
        then = "So there is no reason here to change the sales model of a segment. To learn which wins more, draw by lot which new accounts of a segment get which model."
        return found, then
    parts = [_ahead(r) for r in led.head(NAMED).itertuples()]
    parts += [f"{len(led) - NAMED:,} more"] * (len(led) > NAMED)
    found = f"One sales model goes with more wins than every other compared {noise}: {'; '.join(parts)}. Looked at: {looked}.{more}"
    return (
        found,
        "Nobody drew by lot which deal got which model: this is a reason to try the model there, and no proof that it wins more.",
    )


def _ahead(row: Any) -> str:
    """Name a leading model with its segment and how far it is ahead."""
    ends = f"{row.ahead_by_low * 100:,.1f} to {row.ahead_by_high * 100:,.1f}"
    of = " over all deals" if row.way == ALL else f" in {one_line(row.segment)} ({row.way})"
    return f"{one_line(row.leading_model)}{of}, {row.ahead_by * 100:,.1f} points ({ends}) ahead of {one_line(row.ahead_of)}"


def focus(areas: pd.DataFrame, currency: str) -> tuple[str, str]:
    """Say which area of the list is worth most, of those with a segment, and which line and persona lead there; empty without an area.

    Parameters
    ----------
    areas : DataFrame of `focus.focus_areas`
    """
    if areas.empty or not areas["worth"].gt(0).any():
        return "", ""
    known = areas[~areas["segment"].isin(UNNAMED) & areas["worth"].gt(0)]
    some = known if len(known) else areas
    top, whole = some.loc[some["worth"].idxmax()], areas["worth"].sum()
    where = f"tier {top['tier']}, {one_line(top['segment'])}"
    money = f"{short_money(top['worth'], currency)} of {short_money(whole, currency)} ({share(top['worth_share'])})"
    found = f"Of the areas of the list, most worth is in {where}: {money} at {count(int(top['accounts']), 'account')}."
    parts = []
    if pd.notna(top["focus_line"]):
        by = top["line_value"] if pd.notna(top["line_value"]) else top["line_alike"]
        told = (
            "expected there"
            if pd.notna(top["line_value"])
            else "if they buy as their look-alikes do; nobody foretells it"
        )
        sum_of = f", {short_money(by, currency)} {told}" * bool(pd.notna(by))
        parts.append(
            f"offer {one_line(top['focus_line'])} first ({count(int(top['line_accounts']), 'account')} never bought it{sum_of})"
        )
    if pd.notna(top["persona_met"]):
        people = f", {share(top['persona_share'])} of the people we can reach" * bool(pd.notna(top["persona_share"]))
        parts.append(
            f"write first for the persona met most, {one_line(top['persona_met'])} ({count(int(top['persona_touches']), 'touch', 'touches')} in 12 months{people})"
        )
    return found, f"There, {joined(parts)}." if parts else ""


def waiting(
    waits: pd.DataFrame,
    kinds: Mapping[str, int],
    lacks: Mapping[str, str],
    worth: pd.Series,
    names: Mapping[str, str] | pd.Series,
    currency: str,
) -> tuple[str, str, str]:
    """Say at how many of the accounts of most worth something waits, what to do first, and what could not be told.

    Parameters
    ----------
    waits : DataFrame of `missed.by_account`
    kinds : accounts by kind, of `missed.waiting`
    lacks : of `missed.lacking`
    worth : of the accounts looked at
    names : of accounts, by id
    """
    blind = [f"{kind} (the data lack {why})" for kind, why in lacks.items() if why]
    unknown = f"Not looked for: {'; '.join(blind)}." if blind else ""
    if worth.empty:
        return "", "", ""
    if len(blind) == len(lacks):
        return (
            "",
            "",
            f"What waits at the accounts of most worth cannot be told: the data lack {'; '.join(lacks.values())}.",
        )
    looked = f"the {count(len(worth), 'account')} of most worth"
    if waits.empty:
        return f"Nothing waits at {looked}.", "", unknown
    parts = [f"{kind} at {n:,}" for kind, n in kinds.items() if n]
    found = (
        f"Something waits at {len(waits):,} of {looked}: {joined(parts)}. These accounts are worth "
        f"{short_money(waits['worth'].sum(), currency)} of {short_money(worth.sum(), currency)}; that is what waits, and not what was lost."
    )
    first = waits.iloc[0]
    then = f"First: {one_line(names.get(first['account_id'], first['account_id']))}, {first['what_waits']}."
    aged = waits[waits["days_waiting"].notna()]
    if len(aged) and (oldest := aged.loc[aged["days_waiting"].idxmax()])["account_id"] != first["account_id"]:
        who = one_line(names.get(oldest["account_id"], oldest["account_id"]))
        then += f" Longest: {who}, {count(int(oldest['days_waiting']), 'day')}."
    return found, then, unknown
