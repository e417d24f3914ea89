"""Sentences about the open pipeline, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count, joined, named, one_line, share, short_money
from abmlib.tables.decisions import is_made

NAMED = 10  # deals named before the others are counted
FEW = 4  # past periods below which the page says that they are few
EDGE = 0.2  # part of an interval's half next to its end, where a target is most likely missed or reached
MARKS = {
    "stalled": "stalled",
    "overdue": "overdue",
    "due_too_early": "due too early for their stage",
}  # as readers say them
Estimate = tuple[float, float, float, int]  # value, low, high, n


def period_ahead(
    rows: pd.DataFrame, goal: float, period: str, until: str, verdict: str, level: float, currency: str
) -> str:
    """Say what the open deals will bring until a period's end, and whether that reaches its target.

    Parameters
    ----------
    rows : DataFrame to the spec of ``measures``, by definition, of `forecast.period_foretold`
    goal : the target, missing where none is entered
    verdict : ``met, covered, short, open`` or empty
    """
    wins, money = rows.loc["wins_foretold_in_period"], rows.loc["won_value_foretold_in_period"]
    gap, lacking = rows.loc["missing_to_target"], money["why"] or "the amount of open deals"
    if pd.notna(money["value"]):
        ends = money_range(money["low"], money["high"], currency)
        said = (
            f"By {until} the open deals are expected to bring {short_money(money['value'], currency)} "
            f"({level:.0%} interval {ends}, n = {int(money['n']):,})"
        )
    elif pd.notna(wins["value"]):
        ends = f"{wins['low']:,.0f} to {wins['high']:,.0f}"
        n = round(wins["value"])
        said = f"By {until} {count(n, 'open deal')} {_are(n)} expected to be won ({level:.0%} interval {ends}, n = {int(wins['n']):,})"
        said += f"; what they bring is unknown, for lack of {lacking}"
    else:
        said = f"What the open deals will bring by {until} is unknown, for lack of {lacking}"
    if pd.isna(goal):
        return f"{said}; no target is entered for {period}."
    if pd.isna(gap["value"]):
        return f"{said}; what is missing to the target of {period} is unknown, for lack of {gap['why']}."
    missing = short_money(gap["value"], currency)
    of = f"the target of {period}" if gap["value"] >= goal else f"the rest of the target of {period}"
    means = {
        "met": f"the target of {period} ({short_money(goal, currency)}) is met",
        "covered": f"that covers {of} ({missing}), even at the lower end",
        "short": f"that is too little for {of} ({missing}), even at the upper end and with new deals",
        "open": f"{of} is {missing} and {reach(gap['value'], *money[['value', 'low', 'high']])}",
        "": f"whether {of} ({missing}) will be reached is unknown",
    }
    return f"{said}; {means[verdict]}."


def crm_check(
    crm: float, n: int, money: Estimate, tested: pd.DataFrame, until: str, level: float, currency: str
) -> str:
    """Set what the CRM's probabilities make of the open deals beside what their history does; empty where either is unknown.

    Parameters
    ----------
    crm : sum of amount × probability of the CRM, of the deals that `money` counts
    n : those of them with a probability
    money : expected by history, with interval and n
    tested : DataFrame of `chances.back_tests` as far ahead
    until : last day of the horizon
    """
    if pd.isna(crm) or pd.isna(money[0]):
        return ""
    some = f" (of the {n:,} with a probability)" if n < money[3] else ""
    said = (
        f"The CRM weights the same deals at {short_money(crm, currency)}{some}; by their own history they bring "
        f"{short_money(money[0], currency)} by {until} ({level:.0%} interval {money_range(money[1], money[2], currency)}, n = {money[3]:,})"
    )
    known = tested.dropna(subset=["money", "money_came", "crm"])
    if not known["money_came"].sum() > 0:
        return f"{said}."
    own, theirs = (off(known, by) for by in ("money", "crm"))
    nearer = ": the CRM was nearer" * (theirs < own)
    return f"{said}; at {count(len(known), 'past quarter end')} history was off by {own:.0%} of what came, the CRM by {theirs:.0%}{nearer}."


def reach(gap: float, value: float, low: float, high: float) -> str:
    """Say whether open deals reach what is missing to a target, by its place in the interval of what they bring."""
    if gap > high:
        return "is out of reach of the open deals alone: new ones would have to bring the rest"
    if gap > high - EDGE * (high - value):
        return "will most likely be missed with the open deals alone: only the upper edge of the interval reaches it"
    if gap < low + EDGE * (value - low):
        return "will most likely be reached: only the lower edge of the interval is below it"
    return "may be reached or missed"


def attention(flags: pd.DataFrame, has_history: bool, currency: str) -> str:
    """Say in one sentence how many open deals are stalled, overdue or due too early for their stage, and what cannot be known.

    Parameters
    ----------
    flags : DataFrame of open deals ``amount, stalled, overdue, due_too_early, days_slow, close_date``
    has_history : whether the source has a stage history
    """
    if flags.empty:
        return "No deal is open."
    dark, undated = (bool(flags[c].isna().all()) for c in ("days_slow", "close_date"))
    parts = list[str]()
    for mark in ("stalled", "overdue", "due_too_early"):
        rows = flags[flags[mark]]
        if len(rows):
            noun = f" open {'deal' if len(rows) == 1 else 'deals'}" * (not parts)
            parts.append(f"{len(rows):,}{noun}{worth(rows['amount'], currency)} {_marked(mark, len(rows))}")
    unknown = [f"which open deals are stalled is unknown, as {_no_limits(has_history)}"] * dark
    unknown += ["which open deals are overdue or due too early is unknown, as no open deal has a closing day"] * undated
    judged = [MARKS["stalled"].replace("their", "its")] * (not dark)
    judged += [] if undated else ["overdue"] if dark else ["overdue", "due too early for its stage"]
    none = f"no open deal is {'known to be ' * bool(flags['close_date'].isna().any())}{joined(judged).replace(' and ', ' or ')}"
    none = none if judged else ""
    said = "; ".join([part for part in (joined(parts) or none, *unknown) if part])
    return f"{said[:1].upper()}{said[1:]}."


def _no_limits(has_history: bool) -> str:
    """Say why no deal can be judged."""
    return (
        "too few won deals with a stage history are known on this day"
        if has_history
        else "the source has no stage history"
    )


def ask_for_days(late: pd.DataFrame, currency: str) -> str:
    """Ask for new closing days of overdue deals, and say how many they are and of what amount.

    Parameters
    ----------
    late : open deals, DataFrame ``amount``
    """
    amount = late["amount"].sum(min_count=1)
    known = f" ({short_money(amount, currency)})" if pd.notna(amount) else ""
    return f"Set a new closing day for {count(len(late), 'overdue deal')}{known}, or close {'it' if len(late) == 1 else 'them'}"


def of_mark(mark: str, deals: pd.DataFrame, record: pd.DataFrame, currency: str) -> str:
    """Say how many open deals have a mark, and what that means; empty if none has it.

    Parameters
    ----------
    mark : one of `MARKS`
    deals : open ones with the mark, DataFrame ``amount``
    record : DataFrame ``mark, verdict``
    """
    if deals.empty:
        return ""
    means = {
        "signal": ", and such deals were won in time less often"
        if mark == "due_too_early"
        else ", and such deals were won less often",
        "against": ", but such deals were won more often",
        "no signal": "; by itself that is no sign of trouble",
    }
    verdicts = dict(zip(record["mark"], record["verdict"], strict=True))
    said = f"{count(len(deals), 'open deal')}{worth(deals['amount'], currency)} {_marked(mark, len(deals))}"
    return f"{said}{means.get(verdicts.get(mark, ''), '')}."


def without_account(deals: pd.DataFrame) -> str:
    """Name the listed deals that have no account, as no list of accounts to decide about has them; empty if none.

    Parameters
    ----------
    deals : DataFrame ``opportunity_id, account_id, name``
    """
    ids = _labels(deals[deals["account_id"].isna()])
    return f"Without an account, so in no list of accounts to decide about: {named(ids, NAMED)}." if len(ids) else ""


def _labels(deals: pd.DataFrame) -> pd.Series:
    """Deals as readers know them: by id, or by title where an import made the id of it."""
    return deals["opportunity_id"].mask(is_made(deals["opportunity_id"], deals["name"]), deals["name"])


def _marked(mark: str, n: int) -> str:
    """Say that so many deals have a mark."""
    return f"is {MARKS[mark].replace('their', 'its')}" if n == 1 else f"are {MARKS[mark]}"


def in_the_past(mark: str, record: pd.DataFrame, months: int, level: float) -> str:
    """Say what became of deals that had a mark in the past, and of the others; empty if none had it.

    Parameters
    ----------
    record : DataFrame ``mark, marked_deals, not_won, not_won_others, more, more_low, more_high, verdict``
    months : of the horizon
    """
    row = record[record["mark"] == mark]
    if row.empty:
        return ""
    r = row.iloc[0]
    n = f"n = {count(int(r['marked_deals']), 'deal')}"
    if r["verdict"] == "too early":
        return f"Too few such deals, or others, are known from the past to judge them ({n})."
    within = "by their closing day" if mark == "due_too_early" else f"within {months} months"
    ends = (
        ""
        if pd.isna(r["more_low"])
        else f", {level:.0%} interval {_points(r['more_low'])} to {_points(r['more_high'])}"
    )
    chance = ": no difference beyond chance" if r["verdict"] == "no signal" else ""
    return (
        f"In the past {share(r['not_won'])} of such deals were not won {within}, against {share(r['not_won_others'])} of others "
        f"(difference {_points(r['more'])} points{ends}, {n}){chance}."
    )


def ahead(mark: str, deals: pd.DataFrame, record: pd.DataFrame, months: int, level: float, currency: str) -> str:
    """Say whether deals that ran ahead of their buyers were won less often; empty where none ever did.

    Parameters
    ----------
    mark : ``fast, skipped, alone``
    deals : open ones that do, DataFrame ``opportunity_id, name, amount``
    record, months : as in `in_the_past`
    """
    past, one = in_the_past(mark, record, months, level), len(deals) == 1
    means = {
        "fast": f"reached {'its' if one else 'their'} stage sooner than nine of ten won deals",
        "skipped": "passed over a stage",
        "alone": f"{'is' if one else 'are'} in a late stage with one person entered",
    }
    which = f" ({named(_labels(deals), NAMED)})" * bool(len(deals))
    now = f"{count(len(deals), 'open deal')}{worth(deals['amount'], currency)} {means[mark]}{which}. {past}"
    return now if past else ""


def _points(value: float) -> str:
    """Write a difference of shares in points."""
    return f"{100 * value:+.0f}"


def flag_record(record: pd.DataFrame) -> str:
    """Say how to read what became of deals with a mark; empty if none had one."""
    if record.empty:
        return ""
    return (
        "A case is a deal at a past quarter end at which it was open, marked by what was noted of it then and by today's limits. "
        "Signal: such deals were won less often than the others, beyond chance."
    )


def about_chance(until: str, chance: pd.Series, fewest: int, record: pd.DataFrame, told: list[str]) -> str:
    """Say what a deal's chance knows, what 0 means, and whether stalled deals were won less often than it says.

    Parameters
    ----------
    chance : of the deals listed
    fewest : past deals that a chance rests on
    record : DataFrame ``mark, verdict``
    told : what it knows of a deal
    """
    said = f"The chance to be won by {until} follows from {joined(told)}, not from the marks."
    if (chance == 0).any():
        said += f" 0.0%: of at least {fewest:,} past deals like it, none was won in so many days; a win is unlikely, not impossible."
    lower = ((record["mark"] == "stalled") & (record["verdict"] == "signal")).any()
    return f"{said} Of stalled deals it may be too high: they were won less often." if lower else said


def unjudged(flags: pd.DataFrame, currency: str) -> str:
    """Say of how many open deals nobody knows whether they are stalled; empty if of none, or of all.

    Parameters
    ----------
    flags : DataFrame of open deals ``amount, days_slow, pushes``
    """
    unknown, dark = flags["days_slow"].isna(), flags["pushes"].isna()
    if unknown.all():
        return ""
    reasons = ((unknown & dark, "no stage history"), (unknown & ~dark, "too few won deals were in the stage"))
    found = ((flags[which], why) for which, why in reasons if which.any())
    return " ".join(
        f"{count(len(part), 'open deal')}{worth(part['amount'], currency)} cannot be judged: {lacking}."
        for part, lacking in found
    )


def owners(listed: pd.DataFrame, currency: str) -> str:
    """Say how many of the listed deals each owner has, and their amount, the largest amount first; empty if none is listed.

    Parameters
    ----------
    listed : DataFrame ``owner_id, amount``
    """
    if len(listed) and listed["owner_id"].isna().all():
        return "Whose deals these were is not known on this day."
    of = listed["owner_id"].astype("str").fillna("without an owner")
    parts = {owner: part["amount"] for owner, part in listed.groupby(of)}
    largest = sorted(parts, key=lambda owner: -parts[owner].sum())
    each = [f"{one_line(owner)} {len(parts[owner]):,}{worth(parts[owner], currency)}" for owner in largest]
    return f"By owner: {', '.join(each)}." if each else ""


def due(deals: pd.DataFrame, coverage: float | None, until: str, currency: str) -> str:
    """Say how many open deals are due by a day, and how many times they cover what is missing to the target.

    Parameters
    ----------
    deals : DataFrame ``amount``
    coverage : missing where unknown
    """
    if deals.empty:
        return f"No open deal is known to be due by {until}."
    said = f"{count(len(deals), 'open deal')}{worth(deals['amount'], currency)} {_are(len(deals))} due by {until}"
    return f"{said}." if pd.isna(coverage) else f"{said}, {coverage:.1f} times what is missing to the target."


def rule_of_thumb(needed: pd.Series, level: float) -> str:
    """Say how many times the deals due should cover what is missing; empty where unknown.

    Parameters
    ----------
    needed : row of ``measures`` of `forecast.target_coverage`
    """
    if pd.isna(needed["value"]):
        return ""
    ends = f" ({level:.0%} interval {needed['low']:.1f} to {needed['high']:.1f}, n = {int(needed['n']):,})"
    ends *= bool(pd.notna(needed["low"]))
    return f"The rule of thumb asks for {needed['value']:.1f} times{ends}. Deals due are not all that is won, so it is no forecast."


def hangs_on(without: float, brought: float, account: str, names: pd.Series, currency: str) -> str:
    """Say that a target is met by one account only; empty where it is not.

    Parameters
    ----------
    without, brought, account : of `forecast.without_largest`
    names : name of each account id
    """
    who = one_line(names.get(account, account))
    return "" if pd.isna(without) else f"without {who} ({short_money(brought, currency)}) it is {share(without)}"


def target(goal: float, won: float, period: str, ended: bool, currency: str, hangs: str = "") -> str:
    """Say how much of a target is won, or that one of zero or below cannot be judged; empty without a target.

    Parameters
    ----------
    won : share of the target that is won
    ended : whether the period is over
    hangs : of `hangs_on`
    """
    if not goal > 0:
        return f"The target of {period} is zero or below, and cannot be judged." * (goal <= 0)
    if pd.isna(won):
        return f"How much of the target of {period} ({short_money(goal, currency)}) is won is unknown."
    missing = f"{short_money(goal * (1 - won), currency)} {'was missing at its end' if ended else 'is missing'}"
    if won >= 100:
        return f"More than 100 times the target of {period} ({short_money(goal, currency)}) is won: is the target entered in {currency}?"
    return f"{share(won)} of the target of {period} ({short_money(goal, currency)}) is won; {missing if won < 1 else hangs or 'target met'}."


def new_deals(rows: pd.DataFrame, currency: str) -> str:
    """Say what deals not opened yet brought in the same days of past periods; empty where no past period can tell.

    Parameters
    ----------
    rows : as in `period_ahead`
    """
    median, least, most = (rows.loc[f"won_by_new_{which}"] for which in ("median", "least", "most"))
    if pd.isna(median["value"]):
        return ""
    few = " (few to judge by)" if median["n"] < FEW else ""
    return (
        f"New deals come on top: in the same days of {count(int(median['n']), 'past period')}{few} they brought "
        f"{short_money(median['value'], currency)} in the median ({money_range(least['value'], most['value'], currency)})."
    )


def off(known: pd.DataFrame, by: str) -> float:
    """Measure how far forecasts were from the money that came, as a share of it; all together, so that no small quarter rules."""
    return float((known[by] - known["money_came"]).abs().sum() / known["money_came"].sum())


def open_deals(deals: pd.DataFrame, one_account: str, currency: str) -> str:
    """Say how many deals are open, and whether one account has a large part.

    Parameters
    ----------
    deals : open ones, DataFrame ``amount``
    one_account : of `say.one_account`, may be empty
    """
    if deals.empty:
        return "No deal is open."
    return (
        f"{count(len(deals), 'deal')} {_are(len(deals))} open{worth(deals['amount'], currency)}. {one_account}".strip()
    )


def expected(
    deals: pd.DataFrame,
    wins: Estimate,
    money: Estimate,
    level: float,
    until: str,
    why: str,
    currency: str,
    is_young: bool,
    crm: tuple[float, float] = (float("nan"), float("nan")),
) -> str:
    """Say what the open deals are expected to bring, and which deals are not in that; empty if none is open.

    Parameters
    ----------
    deals : open ones, DataFrame ``amount, chance_to_win``; missing where unknown
    wins, money : expected, with interval and n
    until : last day of the horizon
    why : what the past lacks to tell; empty if nothing
    is_young : whether the past is shorter than twice the horizon
    crm : what the CRM weights all open deals at, and those that history can judge
    """
    if deals.empty:
        return ""
    if why:
        return f"What they will bring is unknown, for lack of {why}."
    ends = f"{level:.0%} interval {wins[1]:,.0f} to {wins[2]:,.0f}, n = {wins[3]:,}"
    said = f"Expected by {until}: {count(round(wins[0]), 'won deal')} ({ends})"
    if pd.notna(money[0]):
        brought = money_range(money[1], money[2], currency)
        said += f" that bring {short_money(money[0], currency)} ({brought}, n = {money[3]:,})"
    aside = deals.loc[deals["chance_to_win"].isna(), "amount"]
    n = count(len(aside), "open deal")
    left = f" {n}{worth(aside, currency)} without an opening day {_are(len(aside))} not in it: the chance is unknown."
    if crm[0] - crm[1] >= 1:
        them = "it" if len(aside) == 1 else "them"
        both = [short_money(value, currency) for value in crm]
        left += f" With {them} the CRM weights the open deals at {both[0]}, without {them} at {both[1]}."
    young = " The past known is shorter than twice these months: expect fewer wins of late stages than this."
    return f"{said}.{left if len(aside) else ''}{young if is_young else ''}"


def gaps(flags: pd.DataFrame) -> tuple[str, str]:
    """Say which entries of open deals to fill in, by count, and of which deals; empty if none lacks one.

    Parameters
    ----------
    flags : DataFrame of open deals ``opportunity_id, name``, and bool ``no_account, no_amount``
    """
    ids = {what: _labels(flags[flags[f"no_{what}"]]) for what in ("account", "amount")}
    ids = {what: found for what, found in ids.items() if len(found)}
    parts = [f"the {what} of {count(len(found), 'open deal')}" for what, found in ids.items()]
    which = "; ".join(f"without {what}: {named(found, NAMED)}" for what, found in ids.items())
    return f"Fill in {' and '.join(parts)} before the next forecast" if parts else "", which


def of_an_earlier_day(fill: str, is_latest: bool) -> str:
    """Say why gaps are no task on an earlier day; empty without a gap or on the latest day.

    Parameters
    ----------
    fill : first of `gaps`
    """
    if is_latest or not fill:
        return ""
    return "What the open deals lack is no task here: the data know later days, on which it may have been entered."


def _are(n: int) -> str:
    """Say is or are."""
    return "is" if n == 1 else "are"


def money_range(low: float, high: float, currency: str) -> str:
    """Write two amounts, the currency once where both are of one size."""
    first, last = short_money(low, currency), short_money(high, currency)
    same = first.removesuffix(f" {currency}")
    return (
        f"{same.removesuffix(' M')} to {last}"
        if first.endswith(f" M {currency}") == last.endswith(f" M {currency}")
        else f"{first} to {last}"
    )


def worth(amounts: pd.Series, currency: str) -> str:
    """Write the sum of amounts in brackets, and how many are missing."""
    missing = int(amounts.isna().sum())
    known = [short_money(amounts.sum(), currency)] if missing < len(amounts) else []
    if amounts.empty:
        return ""
    return f" ({', '.join([*known, *([f'{missing:,} without an amount'] if missing else [])])})"
