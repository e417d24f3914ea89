"""Sentences of 03 from finished numbers: what the accounts are worth, who gets key status, and how the gate did."""

import pandas as pd

from abmlib.pages.say import LARGE, Words, count, interval, money, share, short_money, words

UNTESTED = ("too early to judge", "not_answerable")  # verdicts on a part of the gate that are none


def value(accounts: int, buying: int, zero_or_less: int, revenue: float, period: str, currency: str) -> Words:
    """Say how much business how many accounts bring."""
    without = f"; {count(accounts - buying, 'account')} without business" if accounts > buying else ""
    lines = [
        f"Net revenue {money(revenue, currency)} from {count(buying, 'account')} with business, {period}{without}."
    ]
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


def steady(share_kept: float, low: float, high: float, n: float, level: float, periods: list[str]) -> Words:
    """Say how many of the top accounts stayed on top; that none were, if so."""
    if not n:
        return words(f"No account was in class A in {periods[0]}, so nobody knows how many stay on top.")
    kept = interval(share_kept, low, high, n, level)
    return words(f"Of the accounts in class A in {periods[0]}, {kept} were in class A again in {periods[1]}.")


def draft(agreed: bool) -> str:
    """Mark what rests on criteria that the teams have not agreed; empty if they have.

    Examples
    --------
    >>> draft(True), draft(False)
    ('', 'DRAFT: ')
    """
    return "" if agreed else "DRAFT: "


def not_agreed(agreed: bool, entered: int, why: str) -> str:
    """Say that the list of key accounts is a draft, and why; empty if sales and marketing agree.

    Parameters
    ----------
    entered : criteria and votes entered
    why : verdict of 02 on the criteria and the votes, in words
    """
    if agreed:
        return ""
    start = "DRAFT: sales and marketing have not agreed the criteria (02)."
    return f"{start} {why}" if entered else start


def ranked_by(by: str, period: str) -> str:
    """Say by which money accounts are ranked.

    Parameters
    ----------
    by : ``margin`` or ``revenue``

    Examples
    --------
    >>> ranked_by("margin", "2025-07-01 to 2026-06-30")
    'Rank 1 has the largest margin of 2025-07-01 to 2026-06-30.'
    """
    reason = ": the margin of a valuable account is unknown" if by == "revenue" else ""
    return f"Rank 1 has the largest {by} of {period}{reason}."


def beyond_capacity(capacity: int, beyond: bool) -> str:
    """Say why accounts that qualify are not chosen; empty if there are none."""
    served = f"The team can serve {count(capacity, 'account')}: the first in rank that the gate does not exclude."
    return f" {served} Those after them are beyond capacity." if beyond else ""


def key_accounts(chosen: pd.Series, revenue: pd.Series, valuable: int, held_back: int, by: str, period: str) -> str:
    """Say how many accounts get key status, what they bring, and how many the gate holds back.

    Parameters
    ----------
    chosen : bool Series over accounts
    revenue : net revenue of each account in the period
    valuable : accounts that carry the business
    held_back : accounts that the gate excludes and that their rank alone would have chosen
    by : the money that accounts are ranked by
    """
    if not valuable:
        none = "The accounts together have no" if (revenue > 0).any() else "No account has"
        return f"{none} net revenue above zero in {period}, so none can get key status."
    brought = revenue[chosen].sum() / revenue.sum() if revenue.sum() > 0 else float("nan")
    held = (
        f" The gate holds back {count(held_back, 'account')} that the rank by {by} alone would choose."
        if held_back
        else ""
    )
    picked = int(chosen.sum())
    bring = f", with {share(brought)} of the net revenue of {period}" if picked else ""
    verb = "qualifies" if 1 in (picked, valuable) else "qualify"
    return f"{picked:,} of {count(valuable, 'valuable account')} {verb} for key status within capacity{bring}.{held}"


def dependence(part: float, name: str) -> str:
    """Say that one account brings a large part of net revenue; empty if none does."""
    return f"One account, {' '.join(name.split())}, brings {share(part)} of the net revenue." if part >= LARGE else ""


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
    ' (not tested on the past: profitability)'
    """
    untested = signals["verdict"].isin(UNTESTED) & signals["part"].map(failed)
    missing = ", ".join(signals.loc[untested, "part"].str.replace("_", " "))
    return f" (not tested on the past: {missing})" if missing else ""


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
    verdict: str, choices: pd.DataFrame, rival: pd.Series, basis: str, currency: str, level: float
) -> str:
    """Say whether the gate beat the best of the simple lists.

    Parameters
    ----------
    verdict : ``better``, ``worse``, ``the same accounts``, ``nobody``, ``too early`` or ``cannot tell``
    choices : DataFrame of the gate, first, and of the simple lists: ``choice, brought``
    rival : row of the list that the verdict is about: ``choice, judged_on, brought, gate_less_list, low, high, on_one_list``
    basis : the days that the gate and the lists chose on
    """
    name, lists = rival["choice"], choices["choice"].iloc[1:]
    if verdict == "nobody":
        return f"Neither the gate nor a simple list could choose an account on {basis}: too little history with net revenue for this test."
    if verdict == "too early":
        return (
            f"It is too early to say whether the gate or the best simple list ({name}) chose better: "
            f"too few accounts are on only one of the two (n = {rival['on_one_list']:,.0f})."
        )
    if verdict == "the same accounts":
        return f"The gate chose the same accounts as the best simple list ({name}), so this test says nothing about it."
    means = {
        "better": f"The gate was better than a simple list ({' or '.join(lists)}) in this test",
        "worse": f"The gate was worse than a simple list ({name}) in this test",
        "cannot tell": f"This test cannot tell whether the gate or the best simple list ({name}) chose better",
    }
    gate, plain, more, low, high = (
        short_money(m, currency)
        for m in (choices["brought"].iloc[0], *rival[["brought", "gate_less_list", "low", "high"]])
    )
    ends = f"{level:.0%} interval {low} to {high}"
    ends += f", wide enough to hold for {len(lists)} lists at once" if len(lists) > 1 else ""
    return (
        f"{means[verdict]}. The gate's accounts brought {gate} {rival['judged_on']}, those of the list {plain}: a difference of "
        f"{more} ({ends}; "
        f"{count(int(rival['on_one_list']), 'account')} on only one of the two)."
    )


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
        f"Not chosen, but class A in {period}: {count(missed, 'account')} with {money(missed_revenue, currency)}. "
        f"Chosen, but of little value then: {count(misplaced, 'account')} with {money(misplaced_revenue, currency)}."
    )
