"""Sentences and tables of the executive summary: what changed, what is expected, what became of decisions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from abmlib.pages.say import Words, count, day, few, joined, one_line, share, short_money, span, words
from abmlib.pages.say_forecast import HELD, direction, doubt
from abmlib.pages.say_pipeline import reach, worth
from abmlib.tables.definitions import formats
from abmlib.tables.definitions.measures import name as measure_name

MOST = 1 / 3  # part of what was learnt of the pipeline from which one deal is named


def changed(
    texts: pd.DataFrame, verdict: pd.Series, quarter: str, waits: bool, won: str = "", outlook: str = "", *alarms: str
) -> Words:
    """Say what was won of the target, which headlines changed beyond noise, how many can be judged, and what is expected.

    Parameters
    ----------
    texts : DataFrame of `show.change_texts`
    verdict : of each headline, to the spec of ``15_executive_summary``; index as `texts`
    quarter : days judged
    waits : whether the running quarter is left out because too little has happened in it
    won, outlook : of `reached` and `expected`
    alarms : said first, such as `say_open.collapse`; empty ones are left out
    """
    called, quiet = (texts[verdict.isin(which)] for which in (["up", "down"], ["within noise"]))
    unsteady = int((verdict == "too variable").sum())
    each = [f"{_name(r)} {r.verdict} to {r.quarter} where {r.expected} was expected" for r in called.itertuples()]
    judged = count(len(called) + len(quiet), "headline")
    rest = f", {unsteady:,} {'varies' if unsteady == 1 else 'vary'} too much" if unsteady else ""
    first = f"In {quarter}: {' and '.join(each)}{rest}."
    if called.empty:
        first = f"In {quarter} no headline changed beyond noise: {judged} can be judged{rest}."
    if called.empty and quiet.empty:
        first = f"No change can be judged in {quarter}: {_lacking(verdict)}."
    first *= bool(len(called)) or not any(alarms)
    why = "Too few deals are over in the running quarter, so the last whole quarter is judged." if waits else ""
    return words(" ".join(filter(None, (*alarms, won, first, outlook))), why)


def reached(rows: pd.DataFrame, as_of: pd.Timestamp, year_starts: int, hangs: str = "") -> str:
    """Say which part of the last target was won; empty if there is none.

    Parameters
    ----------
    rows : DataFrame of `summary.outlook`
    hangs : of `say_pipeline.hangs_on`
    """
    won = rows.loc["won_of_target"]
    if pd.isna(won["value"]):
        return ""
    so_far = " so far" if won["window_end"] > as_of else ""
    return f"{share(won['value'])} of the target of {span(won['window_start'], won['window_end'], year_starts)} is won{so_far}{'; ' * bool(hangs)}{hangs}."


def expected(rows: pd.DataFrame, verdict: str, goal: float, period: str, currency: str) -> str:
    """Say what the open deals bring by the period's end, and whether that reaches the target; empty if unknown.

    Parameters
    ----------
    rows : DataFrame of `summary.outlook`
    verdict : ``met, covered, short, open`` or empty
    goal, period : the target, and its period in words
    """
    money, gap = rows.loc["won_value_foretold_in_period"], rows.loc["missing_to_target", "value"]
    if pd.isna(money["value"]):
        return ""
    warned = doubt(rows) or direction(rows)
    warned = f" {warned}" * bool(warned)
    ends = " to ".join(short_money(money[end], currency) for end in ("low", "high"))
    said = (
        f"By {day(money['window_end'])} the open deals are expected to bring {short_money(money['value'], currency)} "
        f"({money['level']:.0%} interval {ends}, n = {money['n']:,.0f})"
    )
    if pd.isna(gap):
        return f"{said}; no target is entered.{warned}"
    if not gap > 0:
        return f"{said}; the target is met already.{warned}"
    means = {"covered": "enough even at the lower end", "short": "too little even at the upper end"}
    missing = f"the target of {period}" if gap >= goal else f"the rest of the target of {period}"
    if verdict == "open":
        return f"{said}; {missing} is {short_money(gap, currency)} and {reach(gap, *money[['value', 'low', 'high']])}.{warned}"
    return f"{said}; {missing} is {short_money(gap, currency)}: {means.get(verdict, 'whether it will be reached is unknown')}.{warned}"


def headline_table(texts: pd.DataFrame) -> pd.DataFrame:
    """Columns of headlines that a director reads: the value with its interval, the quarter, the change, the verdict.

    Parameters
    ----------
    texts : DataFrame of `show.change_texts`, or some of its rows
    """
    if texts.empty:
        return texts
    ends = texts["interval"].where(texts["interval"] == "", " (" + texts["interval"] + ")")
    shown = texts.assign(value=texts["value"] + ends)[["headline", "value", "quarter", "expected", "change", "verdict"]]
    return shown.rename(columns={"quarter": "Quarter judged", "change": "Change against expected"})


def about_changes(level: float) -> str:
    """Say how to read a change and its verdict."""
    return (
        f"Change: against what is expected, in brackets its {level:.0%} interval. Chance alone would lead to a called change, "
        f"up or down, in at most {1 - level:.0%} of reports."
    )


def about_kpis(rows: pd.DataFrame, level: float) -> str:
    """Say how to read the changes of KPIs, and how often chance alone would call one, as each kind is judged by itself.

    Parameters
    ----------
    rows : DataFrame to the spec of ``15_kpis``
    """
    against = rows.loc[rows["change"].notna(), "compared_with"]
    kinds = {
        "the 12 months before": "those against the year before",
        "the quarters before": "those of the quarter",
        "the baseline": "those against the baseline",
    }
    together = [words_ for kind, words_ in kinds.items() if (against == kind).any()]
    said = f"Change: in brackets its {level:.0%} interval." * bool(len(against))
    held = f" Chance alone calls one among {joined(together).replace(', ', ', one among ').replace(' and ', ' and one among ')}"
    held += f" in at most {1 - level:.0%} of reports" + " each" * (len(together) > 1) + "."
    return said + held * bool(together)


def since(
    decisions: pd.DataFrame, then: pd.DataFrame, now: pd.DataFrame, moves: pd.DataFrame, of: pd.Timestamp, *more: str
) -> Words:
    """Say what became of decisions, headlines and accounts since an earlier report; nothing where there is none.

    Parameters
    ----------
    decisions : DataFrame of `since.by_decision`
    then, now : headlines of the two reports, to the spec of ``15_executive_summary``
    moves : DataFrame of `since.moved`
    of : day of the earlier report
    more : further sentences, of `newer_data` and `came`; empty ones are left out
    """
    if pd.isna(of):
        return words()
    counts = decisions["state"].value_counts()
    names = {"new": "new", "repeated": "repeated", "settled": "done or waiting", "gone": "gone"}
    parts = [f"{counts[state]:,} {name}" for state, name in names.items() if counts.get(state, 0)]
    first = f"Decisions since the report of {day(of)}: {', '.join(parts) or 'none then and now'}."
    both = then.merge(now, on=["measure_id", "definition_id"], suffixes=("_then", "_now"))
    other = both[both["verdict_then"] != both["verdict_now"]]
    each = [f"{measure_name(r.definition_id)} ({r.verdict_then}, now {r.verdict_now})" for r in other.itertuples()]
    second = f"Other verdict on: {', '.join(each)}." if each else "No verdict on a headline changed."
    flags = moves["what"].isin(["Stalled", "Overdue"])
    left = moves.groupby("what")["account_id"].nunique()
    accounts = [
        f"{count(int(n), 'account')} moved {words_}"
        for what, words_ in (("Class by revenue", "class"), ("Buying cycle", "buying cycle"))
        if (n := left.get(what, 0))
    ]
    begun, ended = int((flags & (moves["after"] == "yes")).sum()), int((flags & (moves["after"] != "yes")).sum())
    accounts += [f"{n:,} flags on deals {how}" for n, how in ((begun, "are new"), (ended, "are gone")) if n]
    return words(
        first,
        *more,
        second * bool(len(both)),
        ", ".join(accounts) + "." if accounts else "No account moved class, cycle or flag.",
    )


def newer_data(of: pd.Timestamp) -> str:
    """Say that chores are not compared, as the report of a day was made on newer data."""
    return (
        f"The report of {day(of)} was made on data newer than its day and noted no chores about data: "
        "chores that only one report has are not compared."
    )


def came(forecast: pd.DataFrame, currency: str) -> str:
    """Say what a report foretold for a period that is over, and what came; empty where it foretold nothing.

    Parameters
    ----------
    forecast : DataFrame of `since.forecast_and_won`
    """
    if forecast.empty:
        return ""
    r = forecast.iloc[0]
    value, low, high, got = (short_money(r[c], currency) for c in ("value", "low", "high", "came"))
    where = "below" if r["came"] < r["low"] else "above" if r["came"] > r["high"] else "within"
    return (
        f"The report of {day(r['as_of'])} foretold {value} by {day(r['window_end'])} from {r['n']:,.0f} open deals "
        f"({r['level']:.0%} interval {low} to {high}); {got} came from {r['deals_won']:,} of them, {where} the interval."
    )


def facts(listed: list[tuple[str, Any, Any]]) -> str:
    """Write facts before and after; of those that are the same only that a closing day has passed.

    Examples
    --------
    >>> facts([("exclusion_reason", None, "revenue fell"), ("revenue", 94498.37, 65590.91), ("pushes", 2, 2)])
    'now: revenue fell; revenue 94,498 → 65,591'
    """
    each = []
    for column, before, after in listed:
        known = formats.of(column)
        old, new = (_written(value, known.kind) for value in (before, after))
        is_reason = column == "exclusion_reason"
        name = "" if is_reason else (known.name or column.replace("_", " ")).lower() + " "
        if old == new:
            each += [f"closing day {new} has passed"] * (column == "close_date")
        elif pd.isna(before):
            each.append(f"{name}now: {new}")
        else:
            each.append(f"before: {old}" if is_reason and pd.isna(after) else f"{name}{old} → {new}")
    return "; ".join(each)


def _written(value: Any, kind: str) -> str:
    """Write one fact as its column is shown."""
    if pd.isna(value):
        return "none"
    if isinstance(value, pd.Timestamp):
        return day(value)
    if isinstance(value, str):
        return value.replace("_", " ")
    return format(value, formats.NUMBERS.get(kind, ",.0f" if float(value).is_integer() else ",.2f"))


def moves_table(
    moves: pd.DataFrame, names: Mapping[str, str] | pd.Series, owners: Mapping[str, str] | pd.Series
) -> pd.DataFrame:
    """Write the moves of accounts, one row each; all but the money as text.

    Parameters
    ----------
    moves : DataFrame of `since.moved`
    names : name of each account id; an account without one goes by its id
    owners : owner of each account id; a deal has its own
    """
    account = [names.get(i, i) for i in moves["account_id"]]
    owner = moves["owner_id"].fillna(moves["account_id"].map(owners))
    cells = {"account_name": account, "owner": owner, "revenue_or_amount": moves["money"], "Moved in": moves["what"]}
    cells |= {"Line or deal": moves["of"], "before": moves["before"]}
    return pd.DataFrame(cells | {"after": moves["after"], "What changed there": moves["facts"].map(facts)})


def bridge(table: pd.DataFrame, behind: pd.DataFrame, names: pd.Series, currency: str) -> str:
    """Say from what to what the open pipeline went, and what happened apart from what was only learnt; empty without a deal.

    Parameters
    ----------
    table : DataFrame to the spec of ``15_bridge``
    behind : DataFrame to the spec of ``12_bridge``; a deal with a third of what was learnt, or more, is named
    names : name of each account id
    """
    if table.empty or not table["deals"].sum():
        return ""
    step = table.set_index("step")
    first, last = step.iloc[0], step.iloc[-1]
    ends = [
        f"{short_money(r['amount'], currency)} in {count(int(r['deals']), 'deal')}"
        if pd.notna(r["amount"])
        else count(int(r["deals"]), "deal")
        for r in (first, last)
    ]
    if not first["deals"] and step["deals"].get("opening day unknown", 0):
        return (
            f"The open pipeline of {day(first['start_day'])} is unknown, as deals have no opening day; "
            f"on {day(first['end_day'])} it was {ends[1]}."
        )
    said = f"The open pipeline went from {ends[0]} on {day(first['start_day'])} to {ends[1]} on {day(first['end_day'])}"
    learnt = step["learnt"].sum()
    if not learnt:
        return f"{said}."
    change = last["amount"] - first["amount"]
    each = behind[behind["split"].eq("learnt") & behind["amount"].notna()]
    one = each.loc[each["amount"].abs().nlargest(1).index]
    deal = "".join(
        f" (of which {_signed(r.amount, currency)} one deal of {one_line(names.get(r.account_id, 'no known account'))})"
        for r in one[one["amount"].abs() >= MOST * abs(learnt)].itertuples()
    )
    return (
        f"{said}: {_signed(change, currency)}. {_signed(learnt, currency)} was only learnt since{deal}; "
        f"what happened in between is {_signed(change - learnt, currency)}."
    )


def _signed(value: float, currency: str) -> str:
    """Write money with its sign."""
    return "+" * bool(value > 0) + short_money(value, currency)


def one_account(of_open: str, of_overdue: str, roles: pd.Series, missing: pd.Series) -> str:
    """Say which part of the open and overdue amounts one account has, and whether nobody reached there decides.

    Parameters
    ----------
    of_open, of_overdue : of `say.one_account`, may be empty
    roles : of all people; who decides is not said where most have none
    missing : roles nobody reached holds, by account, the one with the largest open amount first
    """
    if not of_open:
        return of_overdue
    head, _, name = of_overdue.partition(" is with one account, ")
    if name and of_open.endswith(name):
        of_open, of_overdue = f"{of_open.removesuffix('.')}, and {head.replace(' amount', '')} one.", ""
    known = bool(roles.notna().mean() >= HELD) and "decision" in str(missing.iloc[0])
    return " ".join(filter(None, (of_open, of_overdue, "Nobody we reach there is known to decide." * known)))


def bridge_table(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the steps of the bridge that something can be said of, and the columns that readers see; zeros are left empty.

    Parameters
    ----------
    table : DataFrame to the spec of ``15_bridge``
    """
    shown = table[(table["deals"] > 0) & (table["amount"].notna() | table["deals_change"].notna())]
    return shown[["step", "amount", "happened", "learnt", "deals_change"]].replace(0, float("nan"))


def bridge_note(table: pd.DataFrame, unpriced: int, dayless: int) -> str:
    """Say how to read the bridge, as far as it has what is to be read; empty without a deal.

    Parameters
    ----------
    table : DataFrame to the spec of ``15_bridge``
    unpriced : deals open on the last day without an amount
    dayless : of `bridge.closed_without_day`
    """
    shown = bridge_table(table)
    if shown.empty:
        return ""
    start, priced = day(table["start_day"].iloc[0]), shown["amount"].notna().any()
    unknown = int(table["deals"].where(table["step"] == "opening day unknown", 0).sum())
    said = [
        f"Learnt: a book read back to {start} does not show it, as it was entered later, or has no stage history by then, or no opening day; "
        "it may be older." * bool(shown["learnt"].notna().any()),
        "Without a number of deals: the deals were open and stayed, only their amount changed."
        * bool(shown["deals_change"].isna().any()),
        f"{count(unpriced, 'open deal')} without an amount: counted, not in the sum." * bool(unpriced and priced),
        f"{count(unknown, 'deal')} without an opening day: nobody knows since when." * bool(unknown),
        f"{count(dayless, 'deal')} opened since and closed on an unknown day: in no step." * bool(dayless),
    ]
    return " ".join(filter(None, said))


def without_undated(rate: pd.DataFrame, sellers: list[str], level: float) -> str:
    """Say what the win rate is without sellers of whose losses the day is not known; empty where there are none.

    Parameters
    ----------
    rate : DataFrame to the spec of ``measures``, of `kpis.rate_without_aside`
    """
    who = joined([one_line(s) for s in sellers])
    return "".join(
        f"Do not take the win rate as it stands: many losses of {who} have no closing day; without these deals it is {share(r.value)} "
        f"({level:.0%} interval {share(r.low)} to {share(r.high)}, n = {r.n:,})."
        for r in rate.itertuples()
    )


def kpis(rows: pd.DataFrame, doubt: str = "") -> Words:
    """Say which KPIs changed beyond noise, which did not, and which are too early to judge; nothing without one.

    Parameters
    ----------
    rows : DataFrame to the spec of ``15_kpis``
    doubt : of `without_undated`
    """
    known = rows[rows["value"].notna()]
    called, quiet = (known[known["verdict"].isin(which)] for which in (["up", "down"], ["within noise"]))
    each = [f"{measure_name(r.definition_id)} is {r.verdict} against {r.compared_with}" for r in called.itertuples()]
    rest = len(known) - len(called) - len(quiet)
    parts = [
        f"{joined(each)}" * bool(each),
        f"{count(len(quiet), 'KPI')} within noise" * bool(len(quiet)),
        f"{rest:,} not judged" * bool(rest),
    ]
    said = "; ".join(filter(None, parts))
    return words(f"Of {count(len(known), 'KPI')}: {said}.", doubt) if len(known) else words()


def pack(held: Mapping[str, float], accounts: int, leads: int) -> Words:
    """Say what the accounts with the largest open amount hold, and at how many of them something is not in order.

    Parameters
    ----------
    held : of `account_pack.largest`
    accounts, leads : accounts in the pack, and leads known
    """
    if not accounts:
        return words()
    n, known = int(held["accounts"]), {key: value for key, value in held.items() if not pd.isna(value)}
    shares = {"open_share": "of the open amount", "revenue_share": "of the revenue of 12 months"}
    holds = joined([f"{share(known[key])} {what}" for key, what in shares.items() if key in known])
    wrong = {
        "stalled": "with a deal that stalls or is overdue",
        "roles": "without a role that a play needs",
        "quiet": "without a touch in 90 days by the account itself",
        "no_decision": "named in no decision",
    }
    each = joined([f"{known[key]:,.0f} {what}" for key, what in wrong.items() if known.get(key)])
    said = [
        f"The {count(n, 'account')} with the {'largest open amount' if known.get('open_share') else 'most revenue'} "
        f"{'holds' if n == 1 else 'hold'} {holds}." * bool(holds),
        f"Among {'them' if holds else f'the first {n:,}'}: {each}." * bool(each),
        "Which roles they lack is unknown: roles are not entered for most people." * ("roles" not in known),
        f"A count of leads would show {count(leads, 'lead')}, not {count(accounts, 'account')}." * bool(leads),
    ]
    return words(" ".join(filter(None, said)))


def not_judged(flags: pd.DataFrame, without_history: int, objectives: pd.DataFrame, currency: str) -> pd.DataFrame:
    """List what pages could not judge and no measure says: open deals, deals of the past, objectives.

    Parameters
    ----------
    flags : DataFrame to the spec of ``12_opportunity_flags``
    without_history : deals of whose past stages nothing is known
    objectives : DataFrame to the spec of ``02_framework``

    Returns
    -------
    DataFrame as `summary.unanswered`
    """
    dark, unseen = flags[flags["stalled"].isna()], objectives[objectives["could_be_seen"].isna()]
    why = "more won deals in their stage" if dark["pushes"].notna().all() else "the stage history"
    which = f"Whether {joined(unseen['objective_id'].tolist())} {'asks' if len(unseen) == 1 else 'ask'} for a rise that can be detected"
    rows = [
        (f"{why} of {count(len(dark), 'open deal')}{worth(dark['amount'], currency)}", "Whether they stall", len(dark)),
        (
            f"the stage history of {count(without_history, 'deal')}",
            "What they were on a day of the past",
            without_history,
        ),
        (f"see the page of notebook 02, for {count(len(unseen), 'objective')}", which, len(unseen)),
    ]
    known = [(needed, answers, "not answerable") for needed, answers, n in rows if n]
    return pd.DataFrame(known, columns=["export", "answers", "status"])


def title_of_pack(pack: pd.DataFrame) -> str:
    """Say by what the accounts of a pack are in order."""
    return f"Accounts with the {'largest open amount' if pack['open_amount'].gt(0).any() else 'most revenue'}"


def about_pack(pack: pd.DataFrame) -> str:
    """Say what the columns of the pack mean, as far as it has them."""
    shared = "Campaign spend, of 12 months, is shared among the accounts a campaign was made for, or touched."
    return shared * bool(pack["campaign_spend_12m"].notna().any())


def pack_table(pack: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Name the accounts of a pack, and shorten its lists to what a page has room for."""
    first = pack["advice"].map(lambda listed: few(listed, 1), na_action="ignore")
    owners = pack["deal_owners"].map(few, na_action="ignore")
    return pack.assign(account_name=pack["account_id"].map(names), advice=first, deal_owners=owners)


def _name(r: Any) -> str:
    """Name of a headline without its window."""
    return str(r.headline).partition(",")[0]


def too_variable(texts: pd.DataFrame, power: float) -> str:
    """Name the headlines that are too variable to judge, with their change and the smallest that would be seen."""
    wild = texts[texts["verdict"] == "too variable"] if len(texts) else texts
    each = [f"{_name(r)} {r.change}" + f", seen from {r.visible}" * bool(r.visible) for r in wild.itertuples()]
    if not each:
        return ""
    why = f"a halving or a doubling would be seen with a chance below {power:.0%}"
    return f"Too variable to judge ({why}): {'; '.join(each)}."


def undated(deals: int) -> str:
    """Say that open deals without an opening day are not compared; empty if there are none."""
    if not deals:
        return ""
    return f"The open deals of the quarter leave out {count(deals, 'deal')} without an opening day: nobody knows since when."


def _lacking(verdict: pd.Series) -> str:
    """Say why nothing can be judged."""
    if (verdict == "too variable").any():
        return "no headline is steady enough from quarter to quarter"
    if (verdict == "too few").any():
        return "there are too few outcomes in a quarter"
    if (verdict == "too early").any():
        return "the book has too few earlier quarters to compare with"
    return "the book has no deals and no purchases by day"


def listed(shown: int, proposed: int, chores: int) -> str:
    """Say how many of the proposed decisions are listed, and how many chores about data are not."""
    about = f"{shown:,} of {count(proposed, 'decision')} listed" if proposed else "No decision is proposed"
    return f"{about}; {count(chores, 'chore')} about data: see the overview." if chores else f"{about}."
