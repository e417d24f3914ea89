"""Sentences of 02 on accounts to hold back, from finished numbers: who can be drawn, what a draw can show, what runs."""

import math
from typing import Any

import pandas as pd

from abmlib.pages.say import count, day, joined, one_line

DOUBLING = 1.0  # share of the mean; nobody plans with a larger rise
STEP = 0.05  # to which a smallest rise is rounded; the draws that it is tried with know it no better
HELPS = 0.9  # of a smallest rise; what does not bring it down so far hardly helps
WAYS = {"pairs": "among neighbours", "strata": "within strata"}  # in which lots are drawn


def candidates(listed: int, running: int, free: int, counted: int, needed: int, enough: int) -> str:
    """Say how many accounts can be drawn, why others cannot, and with whom too few are counted.

    Parameters
    ----------
    listed : accounts in tiers, and those that both teams want
    running : those of them that are in the programme; the others that cannot be drawn are held back already
    free : those of them that can be drawn
    counted : accounts that the design is shown for
    needed : the fewest that a draw can compare
    enough : with more of them no neighbours are needed
    """
    are, busy = "is" if running == 1 else "are", listed - running - free
    stop = f"{running:,} of the {listed:,} on the list {are} already in the programme: to draw them would test what stopping does. "
    held = f"{count(busy, 'account is', 'accounts are')} held back in an experiment that runs. "
    stop = stop * (running > 0) + held * (busy > 0)
    if free >= needed:
        many = "; with so many, chance alone makes both sides alike, and no neighbours are needed" * (free > enough)
        return f"{stop}{count(free, 'account')} can be drawn{many}"
    who = f"{f'{free:,}' if free else 'No account'} {'is' if free < 2 else 'are'} wanted by both teams and not yet in the programme; a draw needs {needed}"
    if counted == free:
        return stop + who
    others = f"these and the {counted - free:,} largest others that the programme never touched, {counted:,} in all"
    others = others if free else f"the {counted:,} largest that the programme never touched"
    return f"{stop}{who}. What a draw would find is counted for {others}"


def too_few(free: int, needed: int) -> str:
    """Say that nobody is drawn, and what is needed first."""
    return f"Nobody is drawn: at least {needed} accounts that are not yet in the programme have to be wanted by both teams first, now {free:,}"


def rise(value: float, most: float) -> str:
    """Write the smallest rise that is found, to the nearest `STEP`; with none up to the largest tried, that."""
    return f"none up to {most:.0%}" if pd.isna(value) else f"about {_rounded(value):.0%}"


def _rounded(value: float) -> float:
    """Round a smallest rise as it is written; one that is missing is beyond all."""
    return math.inf if pd.isna(value) else max(round(value / STEP), 1) * STEP


def _rows(
    found: pd.DataFrame, months: int, design: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Take the rows of this list at a time; of them with another design, with a longer wait, and of longer lists, where they are known."""
    own, this = found["design"] == design, found["accounts_list"].isin(found["accounts_list"].head(1))
    at, known = found["horizon_months"] == months, found["status"] == "ok"
    longer = found["horizon_months"] > months
    return (
        found[own & this & at],
        found[~own & this & at & known],
        found[own & this & longer & known],
        found[own & ~this & at & known],
    )


def outlook(found: pd.DataFrame, months: int, design: str, most: float, what: str = "") -> str:
    """Say which rise this list finds after some months, with either design, and if a longer wait or list helps.

    Parameters
    ----------
    found : DataFrame ``accounts_list, accounts, horizon_months, design, smallest_detectable, status``, this list first and known
    months : after which it is judged
    most : the largest rise that was tried
    what : reader's name of what is compared
    """
    own, designs, waits, lists = _rows(found, months, design)
    this = own.iloc[0]
    least = _rounded(this["smallest_detectable"])
    first = f"{count(this['accounts'], 'account')} find {'no rise' if least == math.inf else 'a rise of'} "
    first += f"{rise(this['smallest_detectable'], most).removeprefix('none ')}{f' in {what}' if what else ''} in {count(months, 'month')}"
    other = "".join(f" ({WAYS[r.design]}: {rise(r.smallest_detectable, most)})" for r in designs.itertuples())
    more = [_helped(f"waiting {r.horizon_months} months", r, least, most) for r in waits.tail(1).itertuples()]
    reached = least
    for place, r in enumerate(lists.itertuples(), 1):
        again = "help" if reached == least else "help further"
        if place == len(lists) or _helps(r, reached):
            more.append(_helped(count(r.accounts, "account"), r, reached, most, "find", again))
        reached = _rounded(r.smallest_detectable) if _helps(r, reached) else reached
    return f"{first}{other}{'; ' if more else ''}{', '.join(more)}"


def _helped(what: str, row: Any, least: float, most: float, finds: str = "finds", helps: str = "helps") -> str:
    """Say which rise something else finds, or that it hardly helps beside what is found already."""
    return f"{what} {finds} {rise(row.smallest_detectable, most)}" if _helps(row, least) else f"{what} hardly {helps}"


def _helps(row: Any, least: float) -> bool:
    """Does a row bring the smallest rise down to `HELPS` of what is found already, or to any where none was."""
    rounded = _rounded(row.smallest_detectable)
    return rounded < math.inf and rounded <= HELPS * least


def promise(found: pd.DataFrame, measure: str, months: int, design: str, chance: float, most: float) -> str:
    """Say which rise this list finds with a chance, and what a longer list or wait would change; or why nobody can tell.

    Parameters
    ----------
    found : as `outlook` takes it
    measure : reader's name of what is compared
    chance : with which a rise is found
    """
    if found.empty or (own := _rows(found, months, design)[0]).empty:
        return ""
    if own["status"].iloc[0] != "ok":
        why = (
            "the source does not hold it"
            if own["status"].iloc[0] == "not_answerable"
            else "there is too little history"
        )
        return f"Nobody can say yet which rise in {measure.lower()} a draw would find {_after(months)}: {why}"
    return f"With a chance of {chance:.0%}, {outlook(found, months, design, most, measure.lower())}"


def _after(months: int) -> str:
    """Write a time to wait."""
    return f"after {count(months, 'month')}"


def title(found: pd.DataFrame, months: int, measure: str, most: float) -> str:
    """Caption of the figure: which rise this list finds, and one of twice its length.

    Parameters
    ----------
    found : rows of one design with status ok, as `outlook` takes them
    """
    rows = found[found["horizon_months"] == months]
    this, longest = rows.iloc[0], next(rows.tail(1).itertuples())
    parts = [f"{count(this['accounts'], 'account')} find {rise(this['smallest_detectable'], most)}"]
    least = _rounded(this["smallest_detectable"])
    parts += [_helped(count(longest.accounts, "account"), longest, least, most, "find", "help")] * (len(rows) > 1)
    return f"{measure}, {_after(months)}: {'; '.join(parts)}"


def looks(ran: pd.DataFrame) -> str:
    """Say when an experiment is looked at next, or before which day nobody does, and which one is over; empty without any.

    Parameters
    ----------
    ran : DataFrame ``experiment_id, next_look, last_look, running, looked``, the newest first
    """
    waits = [
        f"Next look at {one_line(r.experiment_id)}: {day(r.next_look)}"
        if r.looked
        else f"Do not look at {one_line(r.experiment_id)} before {day(r.next_look)}"
        for r in ran[ran["running"]].itertuples()
    ]
    over = [f"{one_line(r.experiment_id)} on {day(r.last_look)}" for r in ran[~ran["running"]].itertuples()]
    done = [f"All looks are reached: {joined(over)}"] if over else []
    return "; ".join(waits) + "." * bool(waits) + " " * bool(waits and done) + "".join(done) + "." * bool(done)


def analysis(measure: str, months: int, looks: list[int], design: str, level: float) -> str:
    """Write down how an experiment will be judged, to be frozen with its plan.

    Parameters
    ----------
    measure : reader's name
    level : of the two-sided test, over all looks together
    """
    among = "groups of neighbours" if design == "pairs" else "strata"
    when = joined([str(m) for m in looks])
    return (
        f"{measure} in the {months} months from the day of the draw, accounts treated less accounts held back, wherever they were drawn; "
        f"{among} and what each account's {months} months before predict are taken off; randomisation test, two-sided, {level:.0%} over all "
        f"looks, after {when} months"
    )


def advice(found: pd.DataFrame, held: int, accounts: int, needed: int, months: int, design: str, most: float) -> str:
    """Say as an order how many accounts to hold back, or what is needed first, with what it would find.

    Parameters
    ----------
    found : as `outlook` takes it
    held, accounts : that would be held back, of how many that can be drawn
    needed : the fewest that a draw can compare
    """
    own = _rows(found, months, design)[0]["smallest_detectable"]
    finds = f": {outlook(found, months, design, most)}" if len(own) else ""
    if accounts < needed:
        return f"Vote on accounts to add, and draw who of them is held back before anything is done to them{finds}"
    if not own.le(DOUBLING).any():
        return f"Vote on more accounts before any are drawn to be held back, as only more than a doubling would be found{finds}"
    whom = f"{held:,} of {count(accounts, 'account')}"
    return f"Hold back {whom}, drawn at random, for {count(months, 'month')}: set draw and entered_by in this notebook, and run it once"


def reason(found: pd.DataFrame, free: int, needed: int, months: int, design: str, most: float) -> str:
    """Say in few words what `advice` rests on: too few accounts, or the smallest rise that either design finds."""
    if free < needed:
        return f"{free or 'no'} {'account is' if free < 2 else 'accounts are'} wanted by both teams and not yet in the programme; a draw needs {needed}"
    own, designs, *_ = _rows(found, months, design)
    rises = [
        f"{rise(r.smallest_detectable, most)} {WAYS[r.design]}" for r in (*own.itertuples(), *designs.itertuples())
    ]
    return f"smallest rise found in {count(months, 'month')}: {joined(rises)}"
