"""Sentences of 02 from finished numbers: what is agreed, which effects can be detected, and who has to act."""

import pandas as pd

from abmlib.pages.say import count, day, interval, named, one_line, share

Estimate = tuple[float, float, float, float]  # value, low, high, n


def agreed(
    passed: bool, lacks: str, criteria: int, overlap: Estimate, level: float, start: pd.Timestamp, listed: int
) -> str:
    """Say whether sales and marketing agree, what is missing, and whether the programme runs already.

    Parameters
    ----------
    lacks : of `say.lacking`
    criteria : how many there are
    overlap : of the two lists
    start : first day of the programme, or missing
    listed : accounts in tiers
    """
    since = "" if pd.isna(start) else f"since {day(start)}" + f", now with {count(listed, 'account')}" * (listed > 0)
    if not passed:
        although = f", although the programme has run {since}" if since else " yet"
        return f"Sales and marketing have not agreed on the target accounts{although}: {lacks}."
    signed = f"both teams signed {_all(criteria, 'criterion', 'criteria')} before the vote"
    runs = f"; the programme has run {since}" if since else ""
    return f"Agreed: {signed}, and their lists overlap by {interval(*overlap, level)}{runs}."


def _all(n: int, one: str, many: str | None = None) -> str:
    """Write a count that is the whole."""
    return f"the one {one}" if n == 1 else f"all {count(n, one, many)}"


def compared(basis: str, treated: int, held: int) -> str:
    """Name the accounts that are compared.

    Parameters
    ----------
    basis : ``experiment``, ``tiers`` or ``planned``
    """
    whom = count(treated, "account")
    return {
        "experiment": f"{whom} treated and {held:,} held back at random",
        "tiers": f"{whom} in tiers and {count(held, 'other')}",
        "planned": f"{whom} treated and {held:,} held back at random, as assumed here",
    }[basis]


def comparison(basis: str, who: str, own_past: bool, window_end: pd.Timestamp) -> str:
    """Say who is compared, how the groups came about, and which past the figures use."""
    why = {
        "experiment": "",
        "tiers": "Accounts in tiers were chosen, not assigned at random, so even a detected effect may have another cause. ",
        "planned": "No tier and no experiment is entered, so a list is assumed. ",
    }
    whose = "these accounts" if own_past else "all accounts of the book (the list is too short or not entered)"
    return f"Compared: {who}. {why[basis]}Baseline: what {whose} did in the months up to {day(window_end)}."


def promises(rises: pd.DataFrame, who: str) -> str:
    """Say which objectives ask for a rise that can be detected, and what the others lack.

    Parameters
    ----------
    rises : DataFrame ``objective, rise_asked, smallest_detectable, horizon_months, could_be_seen``
    who : of `compared`
    """
    if rises.empty:
        return "No objective is entered, so nothing is promised yet."
    yes, no, unknown = (rises[rises["could_be_seen"].fillna("") == word] for word in ("yes", "no", ""))
    if len(unknown) == len(rises):
        return f"Nobody can say whether a rise that an objective asks for can be detected with {who}."
    whose = f"{len(yes):,} of {count(len(rises), 'objective')}" if len(yes) else "No objective"
    line = f"{whose} {'ask' if len(yes) > 1 else 'asks'} for a rise that can be detected with {who}"
    facts = [named(yes["objective"])] if len(yes) else []
    facts += [too_small(no)] if len(no) else []
    facts += [f"{count(len(unknown), 'objective')} cannot be judged here"] * (len(unknown) > 0)
    return f"{line}: {'; '.join(facts)}."


def too_small(rises: pd.DataFrame) -> str:
    """Say how far objectives are from what can be detected; the first by name, the rest by count.

    Parameters
    ----------
    rises : one or more rows as `promises` takes them
    """
    first, more = rises.iloc[0], len(rises) - 1
    least = f"only {first['smallest_detectable']:.0%} or more can be detected, after {first['horizon_months']} months"
    least = "no rise can be detected" if pd.isna(first["smallest_detectable"]) else least
    others = f"; {count(more, 'other asks', 'others ask')} for too little" if more else ""
    return f"“{one_line(first['objective'])}” asks for {first['rise_asked']:.0%}, but {least}{others}"


def to_sign(criteria: int, voted: bool) -> str:
    """Say what opens the gate, as an order.

    Parameters
    ----------
    criteria : how many are entered
    voted : whether the list was voted on already
    """
    them, chosen = count(criteria, "criterion", "criteria"), "by which key accounts are chosen"
    write = f"write down the criteria {chosen}, let both teams sign them"
    sign = f"let both teams sign the {them} {chosen}" if criteria else write
    return f"{sign}, then vote on the list of target accounts{' again' * voted}"


def first_step(passed: bool, sign: str, aims: int, unfrozen: int, undetected: int, due: pd.Timestamp) -> str:
    """Say what to do first.

    Parameters
    ----------
    sign : of `to_sign`
    aims, unfrozen, undetected : objectives, those that are drafts or changed, and those whose rise cannot be detected
    """
    steps = {
        sign: not passed,
        "write down the objectives, and freeze them": not aims,
        "freeze every objective": unfrozen > 0,
        "change what is promised to what can be detected": undetected > 0,
    }
    step = next((words for words, holds in steps.items() if holds), "")
    return f"First step, by {day(due)}: {step}." if step else ""


def missing(files: pd.DataFrame) -> str:
    """Say how many files nobody filled yet, and how to fill them; empty if all have entries.

    Parameters
    ----------
    files : DataFrame ``entries``, one row per file
    """
    empty = int((files["entries"] == 0).sum())
    what = "Nothing is entered yet" if empty == len(files) else f"{empty:,} of {len(files):,} files have no entries yet"
    return f"{what}: fill them in a spreadsheet, or by the form in this notebook" if empty else ""


def signatures(rules: pd.DataFrame, voted: bool) -> str:
    """Say how many criteria both teams signed, and how many too late; empty without criteria.

    Parameters
    ----------
    rules : DataFrame ``verdict, after_vote``
    """
    both, late, n = int((rules["verdict"] == "signed by both").sum()), int(rules["after_vote"].sum()), len(rules)
    if not n:
        return ""
    whose = _all(n, "criterion", "criteria").capitalize() if both == n else f"{both or 'None'} of {n:,} criteria"
    line = f"{whose} {'is' if both < 2 else 'are'} signed by both teams"
    after = f"; {late:,} {'was' if late == 1 else 'were'} signed after the vote on the list" if late else ""
    return line + after + ", before the vote on the list" * (not late and voted and both == n)


def votes(rows: pd.DataFrame, overlap: Estimate, needed: float, level: float) -> tuple[str, str]:
    """Say on how many accounts the teams differ, and how far the lists overlap; empty without votes.

    Parameters
    ----------
    rows : DataFrame ``differ``, one row per account
    """
    kinds = rows["differ"].value_counts()
    opposed, unsure, silent = (int(kinds.get(kind, 0)) for kind in ("in and out", "one is unsure", "one did not vote"))
    if rows.empty:
        return "", ""
    if silent == len(rows):
        return f"Only one team voted on each of {count(silent, 'account')}", ""
    parts = [f"{opposed:,} in against out"] * (opposed > 0) + [f"{unsure:,} where one team is unsure"] * (unsure > 0)
    line = f"Sales and marketing differ on {opposed + unsure:,} of {count(len(rows) - silent, 'account')}"
    line = f"{line}: {', '.join(parts)}" if parts else "Sales and marketing agree on every account that both voted on"
    if pd.isna(overlap[0]):
        return line, ""
    doubt = ", and the interval includes less" if overlap[1] < needed <= overlap[0] else ""
    return line, f"The lists overlap by {interval(*overlap, level)}; {needed:.0%} is needed{doubt}."


def aims_frozen(states: pd.Series) -> str:
    """Say how many objectives were frozen in time, and what the others are; empty without any."""
    n, frozen = len(states), int((states == "frozen").sum())
    if not n or frozen == n:
        return f"{_all(n, 'objective').capitalize()} {'was' if n == 1 else 'were'} frozen in time" if n else ""
    others = ", ".join(f"{k:,} {state}" for state, k in states[states != "frozen"].value_counts().items())
    whose = f"{frozen:,} of {n:,} objectives {'was' if frozen == 1 else 'were'}" if frozen else "No objective was"
    return f"{whose} frozen in time: {others}"


def smallest(found: pd.DataFrame, effect: float, who: str) -> str:
    """Say whether the rise hoped for can be detected, and which rise is the smallest that can.

    Parameters
    ----------
    found : DataFrame ``outcome`` (reader's name), ``horizon_months, mde_relative, verdict, status``
    """
    judged = found[found["status"] == "ok"]
    if judged.empty:
        return "Nobody can say yet which effects can be detected: no outcomes, or too little history"
    least = judged.sort_values("mde_relative").iloc[0]
    best = f"{least['mde_relative']:.0%}: {least['outcome'].lower()}, after {least['horizon_months']} months"
    could = int((judged["verdict"] == "could be seen").sum())
    if could:
        return f"A rise of {effect:.0%} can be detected in {could:,} of {len(judged):,} cases; the smallest that can is {best}"
    if pd.isna(least["mde_relative"]):
        return f"No rise can be detected with {who}"
    return f"A rise of {effect:.0%} is too small to be detected; the smallest that can is {best}"


def smallest_title(judged: pd.DataFrame, effect: float) -> str:
    """Say in how many comparisons the rise hoped for can be detected.

    Parameters
    ----------
    judged : DataFrame ``verdict``, one row per outcome and horizon
    """
    could = int((judged["verdict"] == "could be seen").sum())
    whole = count(len(judged), "comparison")
    return f"{could or 'None'} of {whole} {'detects' if could < 2 else 'detect'} the rise of {effect:.0%} that is hoped for"


def waiting(days: pd.Series, sent: int) -> str:
    """Say how many accounts wait for an answer to their hand-over, and how long; empty without hand-overs.

    Parameters
    ----------
    days : since the hand-over, one row per account that waits
    sent : hand-overs
    """
    if not sent or days.empty:
        return "No hand-over waits too long for an answer" if sent else ""
    long = f"{'the longest ' * (len(days) > 1)}for {int(days.max()):,} days"
    return f"{count(len(days), 'account waits', 'accounts wait')} for an answer to the hand-over, {long}"


def teams(lacking: int, personas: int, needed: float, available: float) -> str:
    """Say how many persona teams lack a function, and whether the hours suffice; empty without a team.

    Parameters
    ----------
    lacking : personas whose team lacks a function
    needed, available : hours a month; available is missing without anybody
    """
    whose = (
        _all(personas, "persona team").capitalize()
        if lacking == personas
        else f"{lacking:,} of {personas:,} persona teams"
    )
    full = f"{whose} {'lacks' if lacking == 1 else 'lack'} a function" if lacking else "Every persona team is complete"
    parts = [full] * (personas > 0)
    if pd.notna(available):
        parts.append(f"{needed:,.0f} of {available:,.0f} hours a month are needed")
    return "; ".join(parts)


def ready(steps: pd.DataFrame) -> str:
    """Say how many steps of the checklist are scored and owned, and how old the newest score is.

    Parameters
    ----------
    steps : DataFrame ``score, owner, age_days``, one row per step
    """
    scored, owned = int(steps["score"].notna().sum()), int(steps["owner"].notna().sum())
    newest = f", the newest {count(int(steps['age_days'].min()), 'day')} ago" if scored else ""
    return f"{scored:,} of {len(steps):,} steps are scored{newest}; {owned or 'no step'} {'has' if owned < 2 else 'have'} an accountable person"


def new_market(markets: pd.DataFrame, theme: str, level: float) -> tuple[str, str]:
    """Say in which industry sales notes the theme most often, and how sure that is; empty if in none.

    Parameters
    ----------
    markets : DataFrame ``industry, accounts, listed, named, share, low, high``, the most named first
    """
    if markets.empty or not markets["named"].iloc[0]:
        return "", ""
    top = markets.iloc[0]
    whom = f"{top['named']:,} of {count(top['accounts'], 'account')}"
    chance = interval(top["share"], top["low"], top["high"], top["accounts"], level)
    line = f"Sales notes “{one_line(theme)}” most often in {one_line(top['industry'])}: at {whom}"
    return (
        line,
        f"That is {chance}; {count(top['listed'], 'account')} of the industry {'is' if top['listed'] == 1 else 'are'} in the programme.",
    )


def goals_shared(goals: pd.Series, accounts: pd.Series) -> str:
    """Say which share of the goals the customer shares, and which share of the listed accounts has such a goal.

    Parameters
    ----------
    goals, accounts : rows of measures ``value, n``
    """
    if pd.isna(goals["value"]):
        return ""
    parts = [f"{share(goals['value'])} of {count(goals['n'], 'goal')} are shared with the customer"]
    if pd.notna(accounts["value"]):
        parts.append(f"{share(accounts['value'])} of {count(accounts['n'], 'listed account')} have a shared goal")
    return "; ".join(parts)


def ages(horizons: pd.DataFrame) -> str:
    """Say how many accounts have been in the programme for the longest horizon, and which are too early to judge.

    Parameters
    ----------
    horizons : DataFrame ``horizon_months, reached, accounts, status``
    """
    if horizons.empty or not horizons["accounts"].iloc[0]:
        return ""
    last, early = horizons.iloc[-1], horizons.loc[horizons["status"] == "too_early", "horizon_months"]
    whose = f"{last['reached']:,} of {count(last['accounts'], 'account')} {'has' if last['accounts'] == 1 else 'have'}"
    line = f"{whose} been in the programme for {last['horizon_months']} months"
    return f"{line}; too early to judge after {', '.join(map(str, early))} months" if len(early) else line
