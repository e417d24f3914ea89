"""Sentences about the open pipeline, from finished numbers."""

from collections.abc import Sequence

import pandas as pd

from abmlib.pages.say import count, share, short_money

HELD = 0.5  # share of past intervals that held what came, below which the page warns
OVERLAP = 1.5  # days ahead ÷ days between quarter ends, beyond which the page says that they overlap
FEW = 4  # past periods below which the page says that they are few
Estimate = tuple[float, float, float, int]  # value, low, high, n


def open_pipeline(
    deals: pd.DataFrame,
    wins: Estimate,
    money: Estimate,
    level: float,
    until: str,
    why: str,
    currency: str,
    is_young: bool = False,
) -> str:
    """Say what is open, what of it is expected to be won, and which deals are not in that.

    Parameters
    ----------
    deals : open ones, DataFrame ``amount, chance_to_win``; missing where unknown
    wins, money : expected, with interval and n
    until : last day of the horizon
    why : what the past lacks to tell; empty if nothing
    is_young : whether the past is shorter than twice the horizon
    """
    if deals.empty:
        return "No deal is open."
    start = f"{count(len(deals), 'deal')} {_are(len(deals))} open{_worth(deals['amount'], currency)}."
    if why:
        return f"{start} What they will bring is unknown, for lack of {why}."
    said = f"{start} Expected by {until}: {count(round(wins[0]), 'won deal')} ({level:.0%} interval {wins[1]:,.0f} to {wins[2]:,.0f})"
    if pd.notna(money[0]):
        said += f" that bring {_ends(money, currency)}{_of_those(wins[3], money[3])}"
    aside = deals.loc[deals["chance_to_win"].isna(), "amount"]
    left = f" {count(len(aside), 'open deal')}{_worth(aside, currency)} without an opening day {_are(len(aside))} not in it: the chance is unknown."  # fmt: skip
    young = " The past known is shorter than twice these months: expect fewer wins of late stages than this."
    return f"{said}.{left if len(aside) else ''}{young if is_young else ''}"


def _of_those(deals: int, with_amount: int) -> str:
    """Say how many deals the money is of, where not of all."""
    return f", the money of the {with_amount:,} of {count(deals, 'deal')} with an amount" if with_amount < deals else ""


def _are(n: int) -> str:
    """Say is or are."""
    return "is" if n == 1 else "are"


def _ends(money: Sequence[float], currency: str) -> str:
    """Write money with its ends."""
    return f"{short_money(money[0], currency)} ({' to '.join(short_money(end, currency) for end in money[1:3])})"


def stalled(flags: pd.DataFrame, has_history: bool, currency: str) -> str:
    """Say how many open deals are stalled and overdue, and how many cannot be judged.

    Parameters
    ----------
    flags : DataFrame of open deals ``amount, stalled, overdue, days_slow, pushes``
    has_history : whether the source has a stage history
    """
    stuck, late = flags[flags["stalled"]], flags[flags["overdue"]]
    unknown, dark = flags["days_slow"].isna(), flags["pushes"].isna()
    both = int((flags["stalled"] & flags["overdue"]).sum())
    also = f", {both:,} of them also stalled" if both else ""
    overdue = f"Overdue: {count(len(late), 'open deal')}{_worth(late['amount'], currency)}{also}." if len(late) else ""
    if flags.empty:
        return ""
    if unknown.all():
        why = (
            "too few won deals with a stage history are known on this day"
            if has_history
            else "the source has no stage history"
        )
        return f"Which deals are stalled is unknown: {why}. {overdue}".strip()
    said = [f"{count(len(stuck), 'open deal')}{_worth(stuck['amount'], currency)} {_are(len(stuck))} stalled."]
    if stuck.empty:
        said = [f"No open deal {'that can be judged ' if unknown.any() else ''}is stalled."]
    reasons = (
        (unknown & dark, "no stage history"),
        (unknown & ~dark, "too few won deals were in the stage"),
    )
    for part, lacking in ((flags[which], why) for which, why in reasons if which.any()):
        said.append(f"{count(len(part), 'open deal')}{_worth(part['amount'], currency)} cannot be judged: {lacking}.")
    return " ".join([*said, overdue]).strip()


def flag_record(record: pd.DataFrame, level: float, months: int) -> str:
    """Say what became of deals that were stalled or overdue in the past; empty if none was.

    Parameters
    ----------
    record : DataFrame ``mark, marked, marked_deals, others, not_won, not_won_others, more, more_low, more_high, verdict``
    months : of the horizon
    """
    means = {
        "signal": "the mark is a sign of trouble here",
        "against": "such deals were won more often than others, so the mark is no sign of trouble here",
        "no signal": "the mark says nothing on this data",
        "too early": "too early to judge the mark",
    }
    lines = []
    for r in record.itertuples():
        known = (
            ""
            if pd.isna(r.more_low)
            else f" (difference {_points(r.more)} points, {level:.0%} interval {_points(r.more_low)} to {_points(r.more_high)})"
        )
        lines.append(
            f"Of {count(r.marked, 'deal-quarter')} of {count(r.marked_deals, f'{r.mark} deal')}, {share(r.not_won)} were not won "
            f"within {months} months, against {share(r.not_won_others)} of {r.others:,} others{known}: {means[r.verdict]}."
        )
    start = "A deal counts once at each quarter end at which it was open, marked by what was noted of it then and by today's limits."
    return " ".join([start, *lines]) if lines else ""


def about_chance(until: str, record: pd.DataFrame) -> str:
    """Say what a deal's chance knows, and whether stalled deals were won less often than it says.

    Parameters
    ----------
    record : DataFrame ``mark, verdict``
    """
    said = f"The chance to be won by {until} follows from stage, days in it and amount; it does not know whether a deal is stalled or overdue."  # fmt: skip
    lower = ((record["mark"] == "stalled") & (record["verdict"] == "signal")).any()
    return (
        f"{said} Stalled deals were won less often than others, so the chance shown for them may be too high."
        if lower
        else said
    )


def _points(value: float) -> str:
    """Write a difference of shares in points."""
    return f"{100 * value:+.0f}"


def back_test(tested: pd.DataFrame) -> str:
    """Say how far what was foretold at past quarter ends lay from what came, and how far the CRM's probabilities.

    Parameters
    ----------
    tested : DataFrame ``horizon_days, day, wins, wins_low, wins_high, wins_came, money, money_low, money_high, money_came, crm``
    """
    if tested.empty:
        return "The history is too short to test what it foretells on past quarters."
    said = ["Foretold with what was known at each quarter end, of the deals open then."]
    for days, part in tested.groupby("horizon_days"):
        held = int(part["wins_came"].between(part["wins_low"], part["wins_high"]).sum())
        line = f"{days:,} days ahead: the interval of wins held what came {held:,} of {len(part):,} times"
        known = part.dropna(subset=["money", "money_came"])
        if len(known) and (known["money_came"] > 0).all():
            held = int(known["money_came"].between(known["money_low"], known["money_high"]).sum())
            own, crm = ((known[c] / known["money_came"] - 1).abs().mean() for c in ("money", "crm"))
            line += f", that of money {held:,} of {len(known):,}; the money foretold was off by {own:.0%} on average"
            line += "" if pd.isna(crm) else f", by the CRM's probabilities by {crm:.0%}"
        said.append(f"{line}.")
        if (OVERLAP * part["day"].diff().dt.days < days).any():
            said.append(
                f"The {days:,} days of neighbouring quarter ends overlap, so {len(part):,} ends say less than as many tests."
            )
    return " ".join(said)


def due(deals: pd.DataFrame, until: str, currency: str) -> str:
    """Say how many open deals are due by a day, and their amount.

    Parameters
    ----------
    deals : DataFrame ``amount``
    """
    return f"{count(len(deals), 'open deal')} due by {until}{_worth(deals['amount'], currency)}, the largest first"


def of_an_earlier_day(fill: str, is_latest: bool) -> str:
    """Say why gaps are no task on an earlier day; empty without a gap or on the latest day.

    Parameters
    ----------
    fill : of `gaps`
    """
    if is_latest or not fill:
        return ""
    return "What the open deals lack is no task here: the data know later days, on which it may have been entered."


def trusted(tested: pd.DataFrame, days: int) -> str:
    """Say how often the interval of money, or else of wins, so many days ahead held what came; empty where no past quarter can tell.

    Parameters
    ----------
    tested : as in `back_test`
    """
    part = tested[tested["horizon_days"] == days]
    known = part.dropna(subset=["money", "money_came"])
    what = "wins" if known.empty else "money"
    part = part if known.empty else known
    if part.empty:
        return ""
    held = int(part[f"{what}_came"].between(part[f"{what}_low"], part[f"{what}_high"]).sum())
    doubt = ": do not rely on it" if held < HELD * len(part) else ""
    return f"At past quarter ends the interval of {what} held what came {held:,} of {len(part):,} times{doubt}."


def _worth(amounts: pd.Series, currency: str) -> str:
    """Write the sum of amounts in brackets, and how many are missing."""
    missing = int(amounts.isna().sum())
    known = [short_money(amounts.sum(), currency)] if missing < len(amounts) else []
    if amounts.empty:
        return ""
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


def period_ahead(
    rows: pd.DataFrame, goal: float, period: str, until: str, verdict: str, level: float, currency: str
) -> str:
    """Say what will be won until a period's end, from open and from new deals, and whether that reaches its target.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``, by definition, of `forecast.period_foretold`
    goal : the target, missing where none is entered
    verdict : ``met, covered, short, open`` or empty
    """
    wins, money = rows.loc["wins_foretold_in_period"], rows.loc["won_value_foretold_in_period"]
    if pd.isna(money["value"]):
        said = f"What the open deals bring by {until} is unknown, for lack of {money['why'] or 'opportunities.amount of open deals'}."
    else:
        said = f"By {until} the open deals are expected to bring {short_money(money['value'], currency)} ({level:.0%} interval "
        said += f"{' to '.join(short_money(money[end], currency) for end in ('low', 'high'))}) from {count(round(wins['value']), 'won deal')}"
        said += f"{_of_those(int(wins['n']), int(money['n']))}."
    median, least, most = (rows.loc[f"won_by_new_{which}"] for which in ("median", "least", "most"))
    if pd.notna(median["value"]):
        past = f"in the same days of {count(int(median['n']), 'past period')}"
        ends = " to ".join(short_money(r["value"], currency) for r in (least, most))
        few = ", few to judge by" if median["n"] < FEW else ""
        said += (
            f" Deals opened later brought {short_money(median['value'], currency)} in the median {past} ({ends}){few}."
        )
    if pd.isna(goal):
        return f"{said} No target is entered for {period}."
    gap = rows.loc["missing_to_target"]
    if pd.isna(gap["value"]):
        return f"{said} What is missing to the target is unknown, for lack of {gap['why']}."
    means = {
        "met": "it is met",
        "covered": "covered, even if only the lower end of the open deals comes",
        "short": "short, even if the upper end of the open deals and the most of new ones come",
        "open": "open, it may be reached or missed",
        "": "unknown",
    }
    missing = f" ({short_money(gap['value'], currency)} missing)" if gap["value"] > 0 else ""
    return f"{said} The target of {period}, {short_money(goal, currency)}{missing}: {means[verdict]}."


def gaps(flags: pd.DataFrame) -> str:
    """Say which entries of open deals to fill in, by count; empty if none lacks one.

    Parameters
    ----------
    flags : DataFrame of open deals with bool ``no_account, no_amount``
    """
    parts = [
        f"the {what} of {count(n, 'open deal')}"
        for what in ("account", "amount")
        if (n := int(flags[f"no_{what}"].sum()))
    ]
    return f"Fill in {' and '.join(parts)} before the next forecast" if parts else ""


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
        "interval; diamond: the probability in the CRM."
    )
    return figure if drawn else ""
