"""Sentences of 02 on accounts to hold back, from finished numbers: who can be drawn, what a draw can show, what runs."""

import pandas as pd

from abmlib.pages.say import count, day, joined, one_line

DOUBLING = 1.0  # share of the mean; nobody plans with a larger rise


def candidates(wanted: int, free: int, needed: int, enough: int) -> str:
    """Say how many accounts can be drawn, and what is missing where they are too few.

    Parameters
    ----------
    wanted : accounts of the list
    free : those of them that are in no experiment that runs
    needed : the fewest that a draw can compare
    enough : with more of them no neighbours are needed
    """
    if not wanted:
        return f"Nobody can be drawn yet: no account is in a tier or wanted by both teams, and {needed} are needed"
    who = f"{free or 'None'} of {count(wanted, 'account')} on the list can be drawn"
    if free < needed:
        busy = "; the others are in an experiment that runs" * (free < wanted)
        return f"{who}{busy}. At least {needed} are needed: lengthen the list or wait for the last look"
    many = "; with so many, chance alone makes both sides alike, and no neighbours are needed" * (free > enough)
    return f"{count(free, 'account')} can be drawn{many}"


def rise(value: float, most: float) -> str:
    """Write the smallest rise that is found; with none up to the largest tried, that."""
    return f"only one above {most:.0%}" if pd.isna(value) else f"{value:.0%} or more"


def promise(found: pd.DataFrame, measure: str, months: int, design: str, chance: float, most: float) -> str:
    """Say which rise this list finds after some months, and what a longer list or wait would change; or why nobody can tell.

    Parameters
    ----------
    found : DataFrame ``accounts_list, accounts, horizon_months, design, smallest_detectable, status``, this list first
    measure : reader's name of what is compared
    months : after which it is judged
    chance : with which a rise is found
    most : the largest rise that was tried
    """
    own = found[found["design"] == design]
    after = own[own["horizon_months"] == months]
    if after.empty:
        return ""
    this = after.iloc[0]
    if this["status"] != "ok":
        why = "the source does not hold it" if this["status"] == "not_answerable" else "there is too little history"
        return f"Nobody can say yet which rise in {measure.lower()} a draw would find {_after(months)}: {why}"
    known = own[own["status"] == "ok"]
    longer = known[(known["accounts_list"] == this["accounts_list"]) & (known["horizon_months"] > months)]
    lists = known[(known["accounts_list"] != this["accounts_list"]) & (known["horizon_months"] == months)]
    others = [f"{_after(r.horizon_months)} {rise(r.smallest_detectable, most)}" for r in longer.itertuples()]
    others += [f"with {count(r.accounts, 'account')} {rise(r.smallest_detectable, most)}" for r in lists.itertuples()]
    first = f"With {count(this['accounts'], 'account')} and {_after(months)}, a rise of {rise(this['smallest_detectable'], most)}"
    first = first.replace("a rise of only one above", "only a rise above")
    line = f"{first} in {measure.lower()} is found with a chance of {chance:.0%}"
    return f"{line}; {'; '.join(others)}" if others else line


def _after(months: int) -> str:
    """Write a time to wait."""
    return f"after {count(months, 'month')}"


def title(found: pd.DataFrame, months: int, measure: str, most: float) -> str:
    """Caption of the figure: which rise this list finds, and one of twice its length.

    Parameters
    ----------
    found : rows of one design with status ok, as `promise` takes them
    """
    rows = found[found["horizon_months"] == months].iloc[[0, -1]]
    parts = [f"{r.accounts:,} accounts find {rise(r.smallest_detectable, most)}" for r in rows.itertuples()]
    return f"{measure}, {_after(months)}: {'; '.join(dict.fromkeys(parts))}"


def looks(ran: pd.DataFrame) -> str:
    """Say before which day nobody looks at an experiment, and which one is over; empty without any.

    Parameters
    ----------
    ran : DataFrame ``experiment_id, next_look, last_look, running``, the newest first
    """
    waits = [
        f"Do not look at {one_line(r.experiment_id)} before {day(r.next_look)}"
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


def advice(own: pd.Series, held: int, accounts: int, months: int) -> str:
    """Say as an order how many accounts to hold back, or that a longer list or wait is needed first.

    Parameters
    ----------
    own : ``smallest_detectable`` of this list, time and design
    held, accounts : that would be held back, of how many
    """
    if not own["smallest_detectable"] <= DOUBLING:
        return "Do not draw accounts to hold back yet: only more than a doubling would be found. Lengthen the list or the wait first, whichever helps"
    whom = f"{held:,} of {count(accounts, 'account')}"
    return f"Hold back {whom}, drawn at random, for {count(months, 'month')}: set draw and entered_by in this notebook, and run it once"
