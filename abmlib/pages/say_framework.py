"""Sentences of 02 from finished numbers: what is agreed, which effects can be detected, and who has to act."""

from collections.abc import Mapping, Sequence

import pandas as pd

from abmlib.pages.say import count, day, interval, joined, named, one_line, share, short_money

FAR = 2  # times a baseline, above which a present value may count something else
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


def _have(n: int) -> str:
    """The verb of a count."""
    return "has" if n == 1 else "have"


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
    of = f"{count(len(yes) + len(no), 'objective')} that can be judged"
    verb = "ask for rises" if len(yes) > 1 else "asks for a rise"
    line = f"{len(yes):,} of {of} {verb} that can be detected with {who}"
    if not len(yes):
        line = f"The {of} {'asks' if len(no) == 1 else 'ask'} for less than can be detected with {who}"
    facts = [named(yes["objective"])] if len(yes) else []
    facts += [too_small(no)] if len(no) else []
    facts += [f"{count(len(unknown), 'other')} cannot be judged here"] * (len(unknown) > 0)
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
    return f"{sign}, then vote once{' again' * voted} on the whole list of target accounts"


def in_vote(what: str, passed: bool, on: pd.Timestamp) -> str:
    """Write an order about the list as part of one vote, which comes after the criteria are signed."""
    return f"{what}, in the vote of {day(on)}" + ", after the criteria are signed" * (not passed)


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


def aims_now(
    table: pd.DataFrame, aims: pd.DataFrame, present: Mapping[str, tuple[float, int, str]], listed: int
) -> str:
    """Say where each objective stands now, beside its baseline and target; empty where nothing of it is measured here.

    Parameters
    ----------
    table : DataFrame ``measure, baseline, now, target``, as readers see them
    aims : DataFrame ``measure_id, baseline``, with the same index
    present : value, n and what n counts, by measure id
    listed : accounts whose last 12 months these are
    """
    known = [(r, *present[m]) for r, m in zip(table.itertuples(), aims["measure_id"], strict=True) if m in present]
    parts = [
        f"{r.measure.lower()} is {r.now} (n = {count(n, what)}), from {r.baseline} to reach {r.target}"
        for r, _, n, what in known
    ]
    far = [r.measure.lower() for r, value, _, _ in known if value > FAR * aims["baseline"][r.Index]]
    check = f" Check that the baseline of {joined(far)} counts the same accounts and months." * bool(far)
    return f"At {count(listed, 'listed account')} in the last 12 months: {'; '.join(parts)}.{check}" if parts else ""


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
        there = f"{available:,.0f} are available" if available else "none is entered as available"
        parts.append(f"{needed:,.0f} hours a month are needed, {there}")
    return "; ".join(parts)


def team_hours(hours: pd.DataFrame, months: int) -> str:
    """Say how many hours teams noted at listed accounts, how complete the notes are, and who noted none; empty without touches.

    Parameters
    ----------
    hours : DataFrame ``team, hours_available, touches, noted_share, hours_noted``
    months : that were counted
    """
    seen = hours[hours["touches"] > 0]
    noted, silent = seen[seen["hours_noted"].notna()], seen.loc[seen["hours_noted"].isna(), "team"]
    lines = [
        f"{r.team} noted {r.hours_noted:,.0f} hours a month"
        + f" of {r.hours_available:,.0f} available" * pd.notna(r.hours_available)
        + f", at {r.noted_share:.0%} of its touches"
        for r in noted.itertuples()
    ]
    none = f"{joined(list(silent))} noted none, so {'its' if len(silent) == 1 else 'their'} hours are not known"
    if not lines:
        return "No touch of a listed account has hours, so nobody knows how many were spent" if len(seen) else ""
    facts = "; ".join([*lines, *[none] * (len(silent) > 0)])
    return f"In the last {months} whole months, at listed accounts: {facts}"


def account_teams(teams: pd.DataFrame, work: pd.DataFrame) -> str:
    """Say how many accounts have an accountable person and people of both teams, and what waits; empty without a team.

    Parameters
    ----------
    teams : rows of measures ``value, n, group``, first those with one accountable person, then those with both teams, of the
        highest tier
    work : DataFrame ``plan_items, actions_open, actions_overdue``
    """
    if teams.empty or teams["value"].isna().any():
        return ""
    heads, mixed = ((teams["value"] * teams["n"]).round().astype(int)).tolist()
    whole = f"{count(teams['n'].iloc[0], 'account')} of tier {teams['group'].iloc[0]}"
    line = f"{heads:,} of {whole} {_have(heads)} one accountable person, {mixed:,} {_have(mixed)} people of both sales and marketing"
    items, todo, late = (int(work[c].sum()) for c in ("plan_items", "actions_open", "actions_overdue"))
    waits = f"{count(items, 'plan item is', 'plan items are')} running" if items else "no plan item is running"
    return (
        f"{line}; {waits}"
        + f"; {late or 'none'} of {count(todo, 'open action')} {'is' if late < 2 else 'are'} overdue" * (todo > 0)
    )


def steps(items: pd.DataFrame) -> str:
    """Say how many items of the five steps lack nothing, how many lack an owner, and which step lacks most.

    Parameters
    ----------
    items : DataFrame ``step, owner, lacks``
    """
    done, bare = int(items["lacks"].isna().sum()), int(items["owner"].isna().sum())
    line = f"{done:,} of {count(len(items), 'item')} of the five steps {'lacks' if done == 1 else 'lack'} nothing"
    open_ones = items[items["lacks"].notna()].groupby("step").size().sort_values(ascending=False, kind="stable")
    most = [f"; most is open in step {step} ({count(int(n), 'item')})" for step, n in open_ones.head(1).items()]
    return f"{line}; {bare or 'none'} {_have(bare or 1)} no accountable person{''.join(most)}"


def scores(scored: pd.DataFrame, items: int, unknown: Sequence[str], score_days: int) -> list[str]:
    """Say which items nobody scored, which are scored without evidence or too long ago, and how many people scored; empty without a score.

    Parameters
    ----------
    scored : DataFrame ``item, score, evidence, age_days, scored_by``, one row per scored item
    items : on the checklist of readiness
    unknown : those of them that nobody scored and no file shows
    score_days : days after which a score is out of date
    """
    if scored.empty:
        return []
    by = list(scored["scored_by"].dropna().unique())
    without = {
        "Neither scored nor shown by a file": unknown,
        "Without evidence": scored.loc[scored["evidence"].isna(), "item"],
        f"Older than {count(score_days, 'day')}": scored.loc[scored["age_days"] > score_days, "item"],
    }
    alone = f", all by {by[0]} alone" * (len(by) == 1 and len(scored) > 1)
    lacks = [f"{what}: {named(which, items)}." for what, which in without.items() if len(which)]
    return [f"{count(len(scored), 'item is', 'items are')} scored, of {items:,}{alone}", *lacks]


def trends(found: pd.DataFrame, when: str) -> str:
    """Say which themes of sales grow or fade, and the most named one where none does; empty without notes.

    Parameters
    ----------
    found : DataFrame ``theme, named, heard, share, named_before, heard_before, share_before, trend``
    when : the newest period, such as ``in Q2 2026``
    """
    if found.empty:
        return ""
    moved = found[found["trend"].isin(["grows", "fades"])]
    parts = [
        f"“{one_line(r.theme)}” {r.trend}: named by {r.named:,} of {count(r.heard, 'account')} {when}, "
        f"and by {r.named_before:,} of {r.heard_before:,} before"
        for r in moved.itertuples()
    ]
    top = found.iloc[0]
    if not top["heard"]:
        return f"Sales noted nothing {when}, so nobody can tell which theme grows"
    if not top["heard_before"]:
        return f"Too early to tell which theme grows: the notes begin {when}"
    most = (
        f"the most named {when} is “{one_line(top['theme'])}”, by {top['named']:,} of {count(top['heard'], 'account')}"
    )
    return "; ".join(parts) if parts else f"No theme grows or fades beyond chance; {most}"


def stands_out(found: pd.DataFrame, level: float) -> str:
    """Say in which segments themes come up more often than at all other accounts; empty if in none.

    Parameters
    ----------
    found : DataFrame ``theme, segment, named, accounts, elsewhere, shrunk, low, high``, the rows that stand out
    """
    parts = [
        f"“{one_line(r.theme)}” in {one_line(r.segment)}: at {r.named:,} of {count(r.accounts, 'account')}, "
        f"against {share(r.elsewhere)} of all others (adjusted for small numbers {share(r.shrunk)}, "
        f"{level:.0%} interval {share(r.low)} to {share(r.high)})"
        for r in found.itertuples()
    ]
    return f"More often than elsewhere: {'; '.join(parts)}" if parts else ""


def not_listed(rows: pd.DataFrame, currency: str) -> str:
    """Say how many accounts of a new market nobody considered for the list, and their open deals; empty without any.

    Parameters
    ----------
    rows : DataFrame ``industry, theme, named, open_amount``
    """
    if rows.empty:
        return ""
    named_it, money = int(rows["named"].sum()), rows["open_amount"].sum()
    where = joined([one_line(s) for s in rows["industry"].unique()])
    line = (
        f"{count(len(rows), 'account')} of {where} {'was' if len(rows) == 1 else 'were'} never considered for the list"
    )
    has = int((rows["open_amount"] > 0).sum())
    deals = f"; {has:,} {_have(has)} open deals, of {short_money(money, currency)}" * (has > 0)
    return f"{line}; {named_it or 'none'} of them named it{deals}."


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
