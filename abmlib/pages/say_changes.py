"""Sentences of the executive summary: what changed, what could have been seen, which decisions are listed."""

import pandas as pd

from abmlib.pages.say import Words, count, named, words

MOST_VISIBLE = 3  # headlines named whose change would show soonest


def changed(texts: pd.DataFrame, smallest: pd.Series, quarter: str, waits: bool, power: float) -> Words:
    """Say which headlines changed beyond noise, or that none did and what could have been seen.

    Parameters
    ----------
    texts : DataFrame of `show.change_texts`
    smallest : size of the smallest change of each that would show; index as `texts`
    quarter : days judged
    waits : whether the running quarter is left out because too little has happened in it
    power : chance at which a change counts as visible
    """
    verdict = texts.get("verdict", pd.Series(dtype="str"))
    called, judged = texts[verdict.isin(["up", "down"])], texts[verdict.isin(["up", "down", "within noise"])]
    why = "Too few deals are over in the running quarter, so the last whole quarter is judged." if waits else ""
    if judged.empty:
        return words(f"No change can be judged in {quarter}: {_lacking(verdict)}.", why)
    others = len(judged) - len(called)
    lines = [
        f"{r.headline.partition(',')[0]}: {r.verdict} to {r.quarter} in {quarter}, where {r.expected} was expected, a change of {r.change}."
        for r in called.itertuples()
    ]
    if called.empty:
        lines = [f"Nothing changed beyond noise in {quarter}: {count(others, 'headline')} judged."]
    elif others:
        lines.append(f"{count(others, 'other headline')} judged: no change beyond noise.")
    soonest = smallest[judged.index].dropna().sort_values(kind="stable").index[:MOST_VISIBLE]
    visible = [f"{r.headline.partition(',')[0]} {r.visible}" for r in texts.loc[soonest].itertuples()]
    seen = f"Changes that would be seen with a chance of {power:.0%}: {'; '.join(visible)}." if visible else ""
    return words(*lines, seen, why)


def _lacking(verdict: pd.Series) -> str:
    """Say why nothing can be judged."""
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
