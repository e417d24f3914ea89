"""Sentences of 03 from finished numbers: what the accounts are worth, who gets key status, and how the gate did."""

import pandas as pd

from abmlib.pages.say import LARGE, Words, count, interval, money, share, words

UNTESTED = {  # verdicts on a part of the gate that are none
    "too early to judge": "too few accounts failed, stayed away or bought again",
    "not_answerable": "nobody could be judged on it",
}


def value(accounts: int, buying: int, zero_or_less: int, revenue: float, period: str, currency: str) -> Words:
    """Say how much business how many accounts bring."""
    lines = [
        f"Net revenue {money(revenue, currency)} from {count(buying, 'account')} with business, {period}; "
        f"{count(accounts - buying, 'account')} without business."
    ]
    if zero_or_less:
        few = count(zero_or_less, "account with business has", "accounts with business have")
        lines.append(f"{few} a net revenue of zero or less: they stay in, as class C.")
    return words(*lines)


def margin_known(known: int, accounts: int) -> str:
    """Say for how many accounts the margin is known."""
    if known == 0:
        return "No line has a cost, so no margin is known. Export cogs with the transactions."
    if known < accounts:
        return f"Margin is known for {known:,} of {accounts:,} accounts; the other accounts have a line without a cost."
    return f"Margin is known for all {accounts:,} accounts."


def steady(share_kept: float, low: float, high: float, n: float, level: float, periods: list[str]) -> Words:
    """Say how many of the top accounts stayed on top."""
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


def key_accounts(chosen: pd.Series, revenue: pd.Series, valuable: int, held_back: int, period: str) -> str:
    """Say how many accounts get key status, what they bring, and how many the gate holds back.

    Parameters
    ----------
    chosen : bool Series over accounts
    revenue : net revenue of each account in the period
    valuable : accounts that carry the business
    held_back : accounts large enough for key status that are not chosen
    """
    brought = revenue[chosen].sum() / revenue.sum() if revenue.sum() > 0 else float("nan")
    held = f" The gate holds back {count(held_back, 'account')} of the same size." if held_back else ""
    picked = int(chosen.sum())
    bring = f", with {share(brought)} of the net revenue of {period}" if picked else ""
    return f"{picked:,} of {count(valuable, 'valuable account')} qualify for key status within capacity{bring}.{held}"


def dependence(part: float, name: str) -> str:
    """Say that one account brings a large part of net revenue; empty if none does."""
    return (
        f"One account, {' '.join(name.split()).rstrip('.')}, brings {share(part)} of the net revenue."
        if part >= LARGE
        else ""
    )


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
    signals : DataFrame ``part, passed, passed_share, failed, failed_share, difference, low, high, n, verdict``
    """
    means = {
        "signal": "a signal. Accounts that passed bought again more often",
        "the wrong way": "it points the wrong way. Accounts that failed bought again more often: do not use it in its present form",
        "no signal": "no signal is seen. A difference as large as the interval allows is still possible",
    }
    named_parts = signals.assign(name=signals["part"].str.replace("_", " ").str.capitalize())
    lines = [
        f"{r.name}: {UNTESTED[r.verdict]} (n = {r.n:,}), so it is not tested."
        if r.verdict in UNTESTED
        else f"{r.name}: {means[r.verdict]}. {share(r.passed_share)} of {r.passed:,} that passed against {share(r.failed_share)} of "
        f"{r.failed:,} that failed, {100 * r.difference:+.1f} points ({level:.0%} interval {100 * r.low:+.1f} to {100 * r.high:+.1f})."
        for r in named_parts.itertuples(index=False)
    ]
    tested = (~signals["verdict"].isin(UNTESTED)).sum()
    together = f" The {tested} intervals hold together at {level:.0%}." if tested > 1 else ""
    return Words([*lines, f"Judged on {outcome}: one test only.{together}"], "ul")


def gate_or_plain(verdict: str, choices: pd.DataFrame, rival: pd.Series, currency: str, level: float) -> str:
    """Say whether the gate beat the best of the simple lists.

    Parameters
    ----------
    verdict : ``better``, ``worse``, ``the same accounts`` or ``no difference``
    choices : DataFrame of the gate, first, and of the simple lists: ``choice``
    rival : row of the list that the verdict is about: ``choice, judged_on, gate_less_list, low, high, on_one_list``
    """
    name, lists = rival["choice"], choices["choice"].iloc[1:]
    if verdict == "the same accounts":
        return f"The gate chose the same accounts as the best simple list ({name}), so this test says nothing about it."
    means = {
        "better": f"The gate was better than a simple list ({' or '.join(lists)}) in this test",
        "worse": f"The gate was worse than a simple list ({name}) in this test",
        "no difference": f"This test shows no difference between the gate and the best simple list ({name})",
    }
    ends = f"{level:.0%} interval {money(rival['low'], currency)} to {money(rival['high'], currency)}"
    ends += ", the intervals of both lists together" if len(lists) > 1 else ""
    return (
        f"{means[verdict]}. {rival['judged_on'].capitalize()} of the gate's accounts less that of the list: "
        f"{money(rival['gate_less_list'], currency)} ({ends if pd.notna(rival['low']) else 'no interval: too few accounts differ'}; "
        f"{count(int(rival['on_one_list']), 'account')} in only one of the two)."
    )


def errors(
    missed: int, missed_revenue: float, misplaced: int, misplaced_revenue: float, period: str, currency: str
) -> Words:
    """Say what a choice missed and what it misplaced."""
    return words(
        f"Not chosen, but class A in {period}: {count(missed, 'account')} with {money(missed_revenue, currency)}. "
        f"Chosen, but of little value then: {count(misplaced, 'account')} with {money(misplaced_revenue, currency)}."
    )
