"""Sentences of 03 from finished numbers: what the accounts are worth, who gets key status, and how the gate did."""

from collections.abc import Iterable

import pandas as pd

from abmlib.pages.say import LARGE, Words, count, day, interval, joined, money, one_line, share, short_money, words

UNTESTED = ("too early to judge", "not_answerable")  # verdicts on a part of the gate that are none


def carry(classes: pd.DataFrame, accounts: int, buying: int, zero_or_less: int, period: str, currency: str) -> Words:
    """Say how few accounts carry the business, what all bring, and how many bring nothing.

    Parameters
    ----------
    classes : DataFrame ``accounts, revenue, share_of_revenue``, class A first; every account is in one of the first three rows
    accounts, buying, zero_or_less : accounts of the book, those with business, and those of them worth zero or less
    """
    top, total = classes.iloc[0], classes["revenue"].iloc[:3].sum()
    few = f"{top['accounts']:,} of {count(accounts, 'account')} {'brings' if top['accounts'] == 1 else 'bring'}"
    without = f"; {count(accounts - buying, 'account')} without business" if accounts > buying else ""
    lines = [f"{few} {share(top['share_of_revenue'])} of net revenue"] if top["accounts"] else []
    lines.append(
        f"Net revenue {short_money(total, currency)} from {count(buying, 'account')} with business, {period}{without}."
    )
    if zero_or_less:
        few = count(zero_or_less, "account with business has", "accounts with business have")
        stay = "it stays" if zero_or_less == 1 else "they stay"
        lines.append(f"{few} a net revenue of zero or less: {stay} in, as class C.")
    return words(*lines)


def margin_known(known: int, accounts: int) -> str:
    """Say for how many accounts the margin is known."""
    if known == 0:
        return "No line has a cost, so no margin is known. Export cogs with the transactions."
    if known < accounts:
        others = "the other account has" if accounts - known == 1 else "the other accounts have"
        return f"Margin is known for {known:,} of {accounts:,} accounts; {others} a line without a cost."
    return f"Margin is known for all {accounts:,} accounts." if accounts > 1 else "Margin is known for the one account."


def stayed(kept: int, share_kept: float, low: float, high: float, n: int, level: float, before: str) -> Words:
    """Say how many of the top accounts stayed on top; that none were, if so."""
    if not n:
        return words(f"No account was in class A in {before}, so nobody knows how many stay on top")
    part = interval(share_kept, low, high, n, level)
    return words(f"{kept:,} of {count(n, 'class A account')} of {before} stayed in class A: {part}")


def left_and_entered(left: int, entered: int) -> tuple[str, str]:
    """Write the titles of the lists of accounts that left class A, and that entered it."""
    return f"{count(left, 'account')} left class A", f"{count(entered, 'account')} entered class A"


def draft(agreed: bool) -> str:
    """Mark what rests on criteria that the teams have not agreed; empty if they have.

    Examples
    --------
    >>> draft(True), draft(False)
    ('', 'DRAFT: ')
    """
    return "" if agreed else "DRAFT: "


def not_agreed(agreed: bool, entered: int, why: str, until: str) -> str:
    """Say that the list of key accounts is a draft, why, and what to do with it; empty if sales and marketing agree.

    Parameters
    ----------
    entered : criteria and votes entered
    why : verdict of 02 on the criteria and the votes, in words
    until : day by which to act, in words
    """
    if agreed:
        return ""
    lacks = why.removeprefix("Do not proceed: ").rstrip(".")
    start = "DRAFT means that sales and marketing have not agreed criteria and list" + f" ({lacks})" * bool(entered)
    return f"{start}: correct it with the owners by {until}, and tell no customer before both teams agree (page 02)."


def give(agreed: bool) -> str:
    """Write what to do with the list of key accounts, as an order."""
    later = "DRAFT: Correct the list of key accounts with the owners; give key status once sales and marketing agree"
    return "Give key status" if agreed else later


def ranked_by(by: str, period: str) -> str:
    """Say by which money accounts are ranked.

    Parameters
    ----------
    by : ``margin`` or ``revenue``

    Examples
    --------
    >>> ranked_by("margin", "1 July 2025 to 30 June 2026")
    'Rank 1 has the largest margin of 1 July 2025 to 30 June 2026.'
    """
    reason = ": the margin of a valuable account is unknown" if by == "revenue" else ""
    return f"Rank 1 has the largest {by} of {period}{reason}."


def beyond_capacity(capacity: int, beyond: int) -> Words:
    """Say how many accounts qualify beyond the capacity; empty if none does."""
    if not beyond:
        return words()
    more = count(beyond, "more account qualifies", "more accounts qualify")
    return words(f"{more}, beyond the {count(capacity, 'account')} that the team can serve")


def excluded(failed: int, valuable: int, held_back: int, by: str) -> Words:
    """Say how many valuable accounts fail a part of the gate; empty if none is valuable.

    Parameters
    ----------
    held_back : those of them that their rank alone would have chosen
    by : the money that accounts are ranked by
    """
    if not valuable:
        return words()
    of = count(valuable, "valuable account")
    if not failed:
        return words(f"The gate excludes none of {of}")
    held = f"; {held_back:,} of them would be chosen by {by} alone" if held_back else ""
    return words(f"The gate excludes {failed:,} of {of}{held}")


def with_money(reasons: pd.Series, worth: pd.DataFrame, period: str, currency: str) -> pd.Series:
    """Put an account's revenue, and its margin where it is known, before the reason for its key status.

    Parameters
    ----------
    reasons : Series of text by account id
    worth : DataFrame ``revenue, margin``, one index with `reasons`
    """
    texts = [
        f"revenue {money(r, currency)}" + f", margin {money(m, currency)}" * pd.notna(m) + f" ({period}); "
        for r, m in zip(worth["revenue"], worth["margin"], strict=True)
    ]
    return pd.Series(texts, reasons.index, dtype="str") + reasons


def lost(revenue: pd.Series, last_day: pd.Series, period: str, currency: str) -> pd.Series:
    """Say of each former customer what it brought, and when it last bought.

    Parameters
    ----------
    revenue, last_day : one index, by account id: net revenue of the period, and day of the last purchase
    """
    rows = zip(revenue, last_day, strict=True)
    texts = [f"{money(r, currency)} net revenue of {period}, none since; last purchase {day(d)}" for r, d in rows]
    return pd.Series(texts, revenue.index, dtype="str")


def top_fifth(revenue: float, margin: float) -> str:
    """Title a figure with the share of revenue, and of margin, of the largest fifth of accounts; its topic if unknown."""
    if pd.isna(revenue):
        return "Share of net revenue and of margin, the largest accounts first"
    more = f" and, ranked by margin, {share(margin)} of margin" * pd.notna(margin)
    return f"The largest fifth of accounts brings {share(revenue)} of net revenue{more}"


def above_scale(curves: Iterable[pd.DataFrame]) -> str:
    """Explain a curve above the scale; empty where none is.

    Parameters
    ----------
    curves : DataFrames with ``value_share``
    """
    above = any(curve["value_share"].max() > 1 + 1e-9 for curve in curves)
    return "A curve above 100%: accounts after its top returned more than they bought." * above


def failed_most(failed: pd.Series, valuable: int) -> str:
    """Title a figure with the part of the gate that excludes most accounts.

    Parameters
    ----------
    failed : accounts that fail, by part
    valuable : accounts judged
    """
    of = count(valuable, "valuable account")
    if not failed.max():
        return f"No part of the gate excludes any of {of}"
    worst = joined(failed.index[failed.eq(failed.max())].str.replace("_", " "))
    return f"Accounts fail most often on {worst}: {failed.max():,} of {of}" + " each" * (" and " in worst)


def parts_that_tell(verdicts: pd.Series) -> str:
    """Title a figure with how many parts of the gate foretold who bought again."""
    tested = verdicts[~verdicts.isin(UNTESTED)]
    if tested.empty:
        return "Too early to judge: do accounts that passed a part of the gate buy again more often?"
    few = f"{tested.eq('signal').sum():,} of {count(len(tested), 'tested part')} of the gate"
    return f"{few} foretold who bought again: accounts that passed, less accounts that failed"


def small_margin(odd: pd.DataFrame, of: int, known: bool, currency: str) -> Words:
    """Say how many large accounts have a small margin; empty where no margin is known, or no account is large.

    Parameters
    ----------
    odd : DataFrame ``revenue, margin``, those accounts
    of : accounts of class A
    known : is a margin known at all
    """
    if not of or not known:
        return words()
    if odd.empty:
        return words(f"None of {count(of, 'class A account')} has a small margin")
    kept = (
        f"{short_money(odd['margin'].sum(), currency)} on {short_money(odd['revenue'].sum(), currency)} of net revenue"
    )
    has = "has" if len(odd) == 1 else "have"
    return words(f"{len(odd):,} of {count(of, 'class A account')} {has} a small margin: {kept}")


def depends(risk: pd.DataFrame) -> Words:
    """Say how much of net revenue the largest accounts bring; empty if no account brings any.

    Parameters
    ----------
    risk : DataFrame ``accounts, share``, the fewest accounts first
    """
    if risk["share"].isna().all():
        return words()
    first, last = risk.iloc[0], risk.iloc[-1]
    more = f", the {last['accounts']:,.0f} largest {share(last['share'])}" if len(risk) > 1 else ""
    return words(f"The largest account brings {share(first['share'])} of net revenue{more}")


def key_accounts(chosen: pd.Series, revenue: pd.Series, valuable: int, period: str, name: str, currency: str) -> str:
    """Say how many accounts get key status, what they bring, and if one account brings a large part of all.

    Parameters
    ----------
    chosen : bool Series over accounts
    revenue : net revenue of each account in the period
    valuable : accounts that carry the business
    name : of the account of most revenue
    """
    if not valuable:
        none = "The accounts together have no" if (revenue > 0).any() else "No account has"
        return f"{none} net revenue above zero ({period}), so none can get key status."
    total = revenue.sum() if revenue.sum() > 0 else float("nan")
    brought, largest = revenue[chosen].sum(), revenue.max() / total
    picked = int(chosen.sum())
    bring = f", with {short_money(brought, currency)} ({share(brought / total)}) of the net revenue of {period}"
    one = f"; one account, {one_line(name)}, brings {share(largest)} of it all" * bool(largest >= LARGE)
    verb = "qualifies" if 1 in (picked, valuable) else "qualify"
    who = f"{picked:,} of {count(valuable, 'valuable account')} {verb} for key status within capacity"
    return who + bring * (picked > 0) + one + "."


def gate_tested(signals: pd.DataFrame, outcome: str) -> str:
    """Say in one sentence which parts of the gate are tested on the past, with what result, and which are not.

    Parameters
    ----------
    signals : DataFrame ``part, verdict``
    """
    parts = signals["part"].str.replace("_", " ")
    found = [
        f"{verdict}: {', '.join(names)}"
        for verdict, names in parts.groupby(signals["verdict"])
        if verdict not in UNTESTED
    ]
    missing = ", ".join(parts[signals["verdict"].isin(UNTESTED)])
    if not found:
        return f"The gate is not tested: no part of it can be judged on {outcome} ({missing})."
    results = "; ".join([*found, *([f"not tested: {missing}"] if missing else [])])
    return f"The gate was tested on {outcome}. {results[:1].upper() + results[1:]}."


def excluded_by(signals: pd.DataFrame, failed: pd.Series) -> str:
    """Say of accounts that the gate excludes which of the parts that do so are not tested; empty if all are.

    Parameters
    ----------
    signals : DataFrame ``part, verdict``
    failed : bool Series by part, does it exclude one of them

    Examples
    --------
    >>> said = pd.DataFrame({"part": ["viability", "profitability"], "verdict": ["signal", "too early to judge"]})
    >>> excluded_by(said, pd.Series({"viability": True, "profitability": True}))
    ', or a test on the past, not possible yet for profitability'
    """
    untested = signals["verdict"].isin(UNTESTED) & signals["part"].map(failed)
    missing = ", ".join(signals.loc[untested, "part"].str.replace("_", " "))
    return f", or a test on the past, not possible yet for {missing}" if missing else ""


def back_test(signals: pd.DataFrame, outcome: str, level: float) -> Words:
    """Say of each part whether it foretold who bought again, and which parts are not tested.

    Parameters
    ----------
    signals : DataFrame ``part, passed, passed_share, failed, failed_share, difference, low, high, n, verdict, why``
    """
    means = {
        "signal": "a signal. Accounts that passed bought again more often",
        "the wrong way": "it points the wrong way. Accounts that failed bought again more often: do not use it in its present form",
        "no signal": "no signal is seen. A difference as large as the interval allows is still possible",
    }
    named_parts = signals.assign(name=signals["part"].str.replace("_", " ").str.capitalize())
    lines = [
        f"{r.name}: {r.why} (n = {r.n:,}), so it is not tested."
        if r.verdict in UNTESTED
        else f"{r.name}: {means[r.verdict]}. {share(r.passed_share)} of {r.passed:,} that passed against {share(r.failed_share)} of "
        f"{r.failed:,} that failed, {100 * r.difference:+.1f} points ({level:.0%} interval {100 * r.low:+.1f} to {100 * r.high:+.1f})."
        for r in named_parts.itertuples(index=False)
    ]
    tested = (~signals["verdict"].isin(UNTESTED)).sum()
    together = f" The {tested} intervals hold together at {level:.0%}." if tested > 1 else ""
    return Words([*lines, f"Judged on {outcome}: one test only.{together}"], "ul")


def gate_or_plain(
    verdict: str,
    choices: pd.DataFrame,
    rival: pd.Series,
    basis: str,
    currency: str,
    level: float,
    held_back: int,
    by: str,
) -> str:
    """Say what the gate is, how many accounts it holds back, and whether it beat the best of the simple lists.

    Parameters
    ----------
    verdict : ``better``, ``worse``, ``the same accounts``, ``nobody``, ``too early`` or ``cannot tell``
    choices : DataFrame of the gate, first, and of the simple lists: ``choice, brought``
    rival : row of the list that the verdict is about: ``choice, judged_on, brought, gate_less_list, low, high, on_one_list``
    basis : the days that the gate and the lists chose on
    held_back : accounts that the gate excludes and that their rank alone would have chosen
    by : the money that accounts are ranked by
    """
    name, lists = rival["choice"], choices["choice"].iloc[1:]
    held = f"holds back {count(held_back, 'account') if held_back else 'no account'} that the rank by {by} alone would choose"
    gate = f"The gate, four questions on revenue, shared history, margin and silence, {held}"
    if verdict == "nobody":
        return f"{gate}; neither it nor a simple list could choose an account on the history of {basis}: too little history with net revenue for a test."
    if verdict == "too early":
        return (
            f"{gate}; it is too early to say whether it or the best simple list ({name}) chose better: "
            f"too few accounts are on only one of the two (n = {rival['on_one_list']:,.0f})."
        )
    if verdict == "the same accounts":
        return f"{gate}; in a test on the past it chose the same accounts as the best simple list ({name}), so the test says nothing about it."
    means = {
        "better": f"in a test on the past, it was better than a simple list ({' or '.join(lists)})",
        "worse": f"in a test on the past, it was worse than a simple list ({name})",
        "cannot tell": f"a test on the past cannot tell whether it or the best simple list ({name}) chooses better",
    }
    apart, low, high = (short_money(m, currency) for m in (abs(rival["gate_less_list"]), rival["low"], rival["high"]))
    more = "less" if rival["gate_less_list"] < 0 else "more"
    ends = f"{level:.0%} interval {low} to {high}"
    ends += f" for {len(lists)} lists at once" if len(lists) > 1 else ""
    n = f"n = {count(int(rival['on_one_list']), 'account')} on only one of the two"
    return f"{gate}; {means[verdict]}: the gate's accounts brought {apart} {more} {rival['judged_on']} ({ends}, {n})."


def may_lose(what: str, part: float, accounts: int) -> str:
    """Say which money an account is expected to lose in a year, and on how many accounts that rests.

    Parameters
    ----------
    what : ``margin`` or ``revenue``
    part : share of it that class A accounts lost
    """
    return (
        f"{what} that such accounts lose in a year on average ({what} of the last 12 months × {share(part)}, which "
        f"{count(accounts, 'class A account')} lost from one year to the next; the interval is of that share, and a few "
        "accounts vary more)"
    )


def few_sponsors(people: pd.Series, part: float, period: str) -> str:
    """Say why an account rests on too few people.

    Parameters
    ----------
    people : ``known, departed, reachable``: people of the account who decide; missing where the source names nobody's role
    part : its share of net revenue
    """
    brings = f"{share(part)} of the net revenue of {period}"
    if pd.isna(people["known"]):
        return f"{brings}; the data do not say who decides there"
    if not people["known"]:
        return f"nobody who decides there is known; {brings}"
    left = f", {people['departed']} left" if people["departed"] else ""
    return f"{people['reachable']} of {count(people['known'], 'known person who decides', 'known people who decide')} can be reached{left}; {brings}"


def errors(
    missed: int, missed_revenue: float, misplaced: int, misplaced_revenue: float, period: str, currency: str
) -> Words:
    """Say what a choice missed and what it misplaced."""
    return words(
        f"Not chosen, but class A of {period}: {count(missed, 'account')} with {short_money(missed_revenue, currency)}. "
        f"Chosen, but of little value then: {count(misplaced, 'account')} with {short_money(misplaced_revenue, currency)}."
    )
