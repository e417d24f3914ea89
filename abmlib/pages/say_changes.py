"""Sentences of the executive summary: what changed, what could have been seen, which decisions are listed."""

from typing import Any

import pandas as pd

from abmlib.pages.say import Words, count, named, words

MOST_VISIBLE = 3  # headlines named whose change would show soonest


def changed(texts: pd.DataFrame, headlines: pd.DataFrame, quarter: str, waits: bool, power: float) -> Words:
    """Say which headlines changed beyond noise, or that none did, what could have been seen, and what is too variable.

    Parameters
    ----------
    texts : DataFrame of `show.change_texts`
    headlines : the same in numbers, to the spec of ``15_executive_summary``; index as `texts`
    quarter : days judged
    waits : whether the running quarter is left out because too little has happened in it
    power : chance at which a change counts as visible
    """
    verdict = headlines["verdict"]
    called, quiet, wild = (texts[verdict.isin(which)] for which in (["up", "down"], ["within noise"], ["too variable"]))
    why = "Too few deals are over in the running quarter, so the last whole quarter is judged." if waits else ""
    if called.empty and quiet.empty:
        return words(f"No change can be judged in {quarter}: {_lacking(verdict)}.", _wild(wild, power), why)
    lines = [
        f"{_name(r)}: {r.verdict} to {r.quarter} in {quarter}, where {r.expected} was expected, a change of {r.change}."
        for r in called.itertuples()
    ]
    if called.empty:
        lines = [f"Nothing changed beyond noise in {quarter}: {count(len(quiet), 'headline')} judged."]
    elif len(quiet):
        lines.append(f"{count(len(quiet), 'other headline')} judged: no change beyond noise.")
    if len(quiet):
        whole = headlines["expected"].where(headlines["unit"] == "share", 1.0)
        r = texts.loc[(headlines["change"] / whole).abs()[quiet.index].idxmax()]
        lines.append(f"The largest change within noise: {_name(r)} {r.change}.")
    judged = headlines.loc[[*called.index, *quiet.index]]
    soonest = judged["visible_fall"].abs().dropna().sort_values(kind="stable").index[:MOST_VISIBLE]
    money = judged.index[(judged["unit"] == "currency") & judged["visible_fall"].notna()]
    visible = [f"{_name(r)} {r.visible}" for r in texts.loc[soonest.union(money, sort=False)].itertuples()]
    seen = f"Changes that would be seen with a chance of {power:.0%}: {'; '.join(visible)}." if visible else ""
    return words(*lines, seen, _wild(wild, power), why)


def _name(r: Any) -> str:
    """Name of a headline without its window."""
    return str(r.headline).partition(",")[0]


def _wild(wild: pd.DataFrame, power: float) -> str:
    """Name the headlines that are too variable to judge, with their change and the smallest that would be seen."""
    each = [f"{_name(r)} {r.change}" + f", seen from {r.visible}" * bool(r.visible) for r in wild.itertuples()]
    if not each:
        return ""
    why = f"a halving or a doubling would be seen with a chance below {power:.0%}"
    return f"Too variable to judge ({why}): {'; '.join(each)}."


def undated(deals: int) -> str:
    """Say that open deals without an opening day are not compared; empty if there are none."""
    if not deals:
        return ""
    return f"The open deals of the quarter leave out {count(deals, 'deal')} without an opening day: nobody knows since when."


def _lacking(verdict: pd.Series) -> str:
    """Say why nothing can be judged."""
    if (verdict == "too variable").any():
        return "no headline is steady enough from quarter to quarter"
    if (verdict == "too few").any():
        return "there are too few outcomes in a quarter"
    if (verdict == "too early").any():
        return "the book has too few earlier quarters to compare with"
    return "the book has no deals and no purchases by day"


def listed(shown: int, proposed: int, chores: list[str]) -> str:
    """Say how many of the proposed decisions are listed, and which chores about data are not."""
    about = f"{shown:,} of {count(proposed, 'decision')} listed" if proposed else "No decision is proposed"
    if not chores:
        return f"{about}."
    return f"{about}; {count(len(chores), 'chore')} about data on other pages: {named(chores)}."
