"""Sentences about the open pipeline, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, share, short_money

Estimate = tuple[float, float, float, int]  # value, low, high, n


def open_pipeline(
    amounts: pd.Series, wins: Estimate, money: Estimate, level: float, until: str, why: str, currency: str
) -> str:
    """Say what is open, and what of it is expected to be won.

    Parameters
    ----------
    amounts : of the open deals; missing where unknown
    wins, money : expected, with interval and n
    until : last day of the horizon
    why : what the past lacks to tell; empty if nothing
    """
    if amounts.empty:
        return "No deal is open."
    start = f"{count(len(amounts), 'deal')} {'is' if len(amounts) == 1 else 'are'} open{_worth(amounts, currency)}"
    if why:
        return f"{start}. What they will bring is unknown, for lack of {why}."
    expected = f"{start}. Expected to be won by {until}: {wins[0]:,.0f} deals ({level:.0%} interval {wins[1]:,.0f} to {wins[2]:,.0f})"
    if pd.isna(money[0]):
        return f"{expected}."
    ends = " to ".join(short_money(end, currency) for end in money[1:3])
    return f"{expected}, {short_money(money[0], currency)} ({ends})."


def stalled(amounts: pd.Series, overdue: pd.Series, can_tell: bool, currency: str) -> str:
    """Say how many open deals are stalled, and how many others only need a new closing day.

    Parameters
    ----------
    amounts : of the stalled deals
    overdue : amounts of deals that are overdue and not stalled
    can_tell : whether the source says of any open deal how long it is in its stage
    """
    late = f" Only overdue: {count(len(overdue), 'deal')}{_worth(overdue, currency)}." if len(overdue) else ""
    if not can_tell:
        return (
            f"Which deals are stalled is unknown: too few won deals with a stage history are known on this day.{late}"
        )
    if amounts.empty:
        return f"No open deal is stalled.{late}"
    return f"{count(len(amounts), 'open deal')}{_worth(amounts, currency)} {'is' if len(amounts) == 1 else 'are'} stalled.{late}"


def flag_record(record: pd.DataFrame, level: float, months: int) -> str:
    """Say what became of deals that were stalled or overdue in the past; empty if none was.

    Parameters
    ----------
    record : DataFrame ``mark, marked, not_won, not_won_others, more, more_low, more_high, verdict``
    months : of the horizon
    """
    means = {
        "signal": "the mark is a sign of trouble here",
        "against": "such deals were won more often than others, so the mark is no sign of trouble here",
        "no signal": "the mark says nothing on this data",
        "too early": "too early to judge the mark",
    }
    lines = []
    for r in record[record["mark"].isin(["stalled", "overdue"])].itertuples():
        known = (
            ""
            if pd.isna(r.more_low)
            else f" (difference {_points(r.more)} points, {level:.0%} interval {_points(r.more_low)} to {_points(r.more_high)})"
        )
        lines.append(
            f"Of {count(r.marked, 'deal')} {r.mark} at past quarter ends, {share(r.not_won)} were not won within {months} months, "
            f"against {share(r.not_won_others)} of the others{known}: {means[r.verdict]}."
        )
    return " ".join(lines)


def _points(value: float) -> str:
    """Write a difference of shares in points."""
    return f"{100 * value:+.0f}"


def back_test(tested: pd.DataFrame) -> str:
    """Say how far what was foretold at past quarter ends lay from what came, beside the CRM's probabilities.

    Parameters
    ----------
    tested : DataFrame ``wins, wins_low, wins_high, wins_came, money, money_came, crm``
    """
    if tested.empty:
        return "The history is too short to test what it foretells on past quarters."
    held = int(tested["wins_came"].between(tested["wins_low"], tested["wins_high"]).sum())
    start = f"At {count(len(tested), 'past quarter end')}, foretold with what was known then: the interval of wins held what came {held:,} times"
    known = tested.dropna(subset=["money", "money_came"])
    if known.empty or not (known["money_came"] > 0).all():
        return f"{start}."
    own, crm = ((known[c] / known["money_came"] - 1).abs().mean() for c in ("money", "crm"))
    off = f"{start}; the money foretold was off by {own:.0%} on average"
    if pd.isna(crm):
        return f"{off}."
    better = "closer" if crm < own else "less close" if crm > own else "as close"
    return f"{off}, by the CRM's probabilities by {crm:.0%}: here the CRM is {better}."


def _worth(amounts: pd.Series, currency: str) -> str:
    """Write the sum of amounts in brackets, and how many are missing."""
    missing = int(amounts.isna().sum())
    known = [short_money(amounts.sum(), currency)] if missing < len(amounts) else []
    return f" ({', '.join([*known, *([f'{missing:,} without an amount'] if missing else [])])})"


def owners(listed: pd.DataFrame, currency: str) -> str:
    """Say how many of the listed deals each owner has, and their amount; the largest amount first.

    Parameters
    ----------
    listed : DataFrame ``owner_id, amount``
    """
    of = listed["owner_id"].astype("str").fillna("nobody")
    parts = {owner: part["amount"] for owner, part in listed.groupby(of)}
    largest = sorted(parts, key=lambda owner: -parts[owner].sum())
    each = [f"{owner} {len(parts[owner]):,}{_worth(parts[owner], currency)}" for owner in largest]
    return f"Listed deals by owner: {', '.join(each)}." if each else "No deal is listed."


def target(goal: float, won: float, period: str, ended: bool, currency: str) -> str:
    """Say how much of a target is won; empty without a target above 0.

    Parameters
    ----------
    won : share of the target that is won
    ended : whether the period is over
    """
    if not goal > 0:
        return ""
    if pd.isna(won):
        return f"How much of the target of {period} ({short_money(goal, currency)}) is won is unknown."
    missing = f"{short_money(goal * (1 - won), currency)} {'was missing at its end' if ended else 'is missing'}"
    return f"{share(won)} of the target of {period} ({short_money(goal, currency)}) is won; {missing if won < 1 else 'target met'}."


def coverage(rows: pd.DataFrame, goal: float, period: str, verdict: str, currency: str) -> str:
    """Say what is due in a period, what is overdue, and whether that is enough for the target.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``, by definition: ``open_due_in_period, open_overdue, coverage`` (no row where the target
        is met) and ``coverage_needed``
    verdict : ``enough, short, close`` or empty
    """
    due, late, needed = (rows.loc[name] for name in ("open_due_in_period", "open_overdue", "coverage_needed"))
    if pd.isna(due["value"]):
        return f"Which open deals are due in {period} is unknown, for lack of {due['why']}."
    start = f"Due in {period}: {count(int(due['n']), 'open deal')} ({short_money(due['value'], currency)})"
    start += f"; overdue: {late['n']:,} more ({short_money(late['value'], currency)})." if late["n"] else "."
    times = f"{needed['value']:.1f} times"
    if pd.notna(needed["low"]):
        times += f" ({needed['low']:.1f} to {needed['high']:.1f})"
    times = (
        f"{times} is needed"
        if pd.notna(needed["value"])
        else f"what is needed is unknown, for lack of {needed['why'] or 'a win rate by amount'}"
    )
    if pd.isna(goal):
        return f"{start} No target is entered for it; of any target, {times}."
    if "coverage" not in rows.index:
        return f"{start} The target is met."
    covered = rows.loc["coverage"]
    if pd.isna(covered["value"]):
        return f"{start} Target coverage is unknown, for lack of {covered['why']}."
    ends = {"enough": ": enough", "short": ": too little", "close": ": too close to tell", "": ""}[verdict]
    return f"{start} That is {covered['value']:.1f} times what is missing to the target of {short_money(goal, currency)}; {times}{ends}."


def about_stages(changes: int, drawn: int, months: int) -> str:
    """Say how to read the stages and their figure, or what to export to have them.

    Parameters
    ----------
    changes : rows of stage history
    drawn : stages in the figure
    months : of the horizon
    """
    if not changes:
        return "No stages, slow or postponed deals are known: the source has no stage history. Export opportunity_stage_history."
    figure = (
        f"In the figure, dot: share won within {months} months of the deals that were open in the stage at past month ends; line: its "
        "interval; cross: the probability in the CRM."
    )
    return figure if drawn else ""
