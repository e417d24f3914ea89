"""Sentences on suitability and on the bounds between buying cycles; as in `say`, numbers are given, not computed."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from abmlib.pages.say import Words, count, day, joined, named, one_line, share, short_money, words

DETAILED = 3  # lines of one verdict, up to which each is said with its criteria and accounts
FEWEST = 10  # deals, accounts or touches behind a number of a cycle, below which a table shows it and no sentence does
COMMON = 0.2  # share of the accounts of a cycle from which something is common there
GAIN_MOST = (
    r"\bit\b|technolog|software|\binformation|consult|(?<!financial )(?<!health )(?<!public )\bservices"  # industries
)
UNKNOWN = "unknown"
VERDICTS = {
    "suited": "suited in", "mixed": "mixed in", "not suited": "not suited in", }  # fmt: skip
BASES = {  # what a cycle of an account rests on
    "own": "own purchases or deals", "line": "usual in its line", "look-alike": "like accounts of its size",
    "person": "set by a person",
}  # fmt: skip
CONFIRMED, PROPOSED, DEFAULT = "confirmed", "proposed", "default"  # how `bounds` of a kind of evidence begins


def bounds(proposed: pd.DataFrame) -> str:
    """Say where the bounds in use come from; a warning instead where they suit another business.

    Parameters
    ----------
    proposed : DataFrame with ``evidence, bounds``: confirmed, proposed, or why neither
    """
    status = proposed["bounds"].astype("str")
    if status.str.startswith(DEFAULT).any():
        return (
            "The lines of business are too few or too much alike to show where cycles differ, so the cycles rest on the bounds of the "
            "rule file, which suit another business: confirm or change them before you use the cycles."
        )
    return "A person has confirmed all bounds." if (status == CONFIRMED).all() else unconfirmed(proposed) + "."


def by_file(moved: int, placings: int) -> Words:
    """Say how many placings the rule file's own bounds would change; empty without a placing.

    Parameters
    ----------
    moved, placings : placings of accounts and lines that differ under the file's bounds, and all
    """
    of = count(placings, "account and line", "accounts and lines")
    return words(f"The bounds of the rule file alone would place {moved:,} of {of} otherwise.") if placings else words()


def unconfirmed(proposed: pd.DataFrame) -> str:
    """Write for how many kinds of evidence nobody has confirmed the bounds, and what is used instead."""
    status = proposed["bounds"].astype("str")
    from_data = int((status == PROPOSED).sum())
    default = int(status.str.startswith(DEFAULT).sum())
    used = [f"{from_data} {'uses' if from_data == 1 else 'use'} bounds proposed from the data"] if from_data else []
    used += [f"{default} {'uses' if default == 1 else 'use'} the default"] if default else []
    rest = len(status) - int((status == CONFIRMED).sum()) - from_data - default
    used += [f"{rest} {'is' if rest == 1 else 'are'} not used, as the data propose none"] if rest else []
    kinds = f"{(status != CONFIRMED).sum()} of {count(len(status), 'kind')} of evidence"
    return f"Nobody has confirmed the bounds between the cycles for {kinds}: {', '.join(used)}"


def counted_twice(rows: pd.DataFrame, accounts: int) -> str:
    """Say that an account stands under several verdicts; empty if none does.

    Parameters
    ----------
    rows : DataFrame with ``accounts``, one row per verdict
    accounts : accounts that bought in the year
    """
    if rows["accounts"].sum() == accounts:
        return ""
    return (
        f"{count(accounts, 'account')} bought in the year. An account with lines of several verdicts counts under each."
    )


def outside(left_out: int, main: int) -> str:
    """Say how many accounts the elements leave out, as account-based marketing does not suit their line; empty if none."""
    whom = count(left_out, "account of the early or mid cycle is", "accounts of the early or mid cycle are")
    return f"{whom} left out, of {main:,}: their line is not suited to account-based marketing." if left_out else ""


def left_alone(alone: pd.DataFrame) -> str:
    """Say which accounts the next steps of the elements leave out, as lots hold them back; empty if none.

    Parameters
    ----------
    alone : DataFrame ``account_id, experiment_id``, one row per account that is held back
    """
    by = alone.groupby("experiment_id")["account_id"].size()
    parts = joined([f"{count(n, 'account')} held back in {one_line(name)}" for name, n in by.items()])
    return f"Next steps for the elements leave out {parts}." if len(alone) else ""


def above(rows: pd.DataFrame) -> str:
    """Say how many accounts get more hours than the break-even, and what to do in a mid cycle where this is common.

    Parameters
    ----------
    rows : DataFrame of measures, those of ``accounts_above_break_even`` by cycle count
    """
    own = rows[(rows["definition_id"] == "accounts_above_break_even") & rows["value"].notna()]
    over, judged = int((own["value"] * own["n"]).round().sum()), int(own["n"].sum())
    if not judged:
        return "No account can be judged: its hours of sales or its margin is not known."
    common = (own["value"] > COMMON)[own["group"] == "mid"].any()
    advice = " Let marketing go deeper in the mid cycle, and sales come later: there this is common." * bool(common)
    get = "gets" if over == 1 else "get"
    return f"{over:,} of {count(judged, 'account')} {get} more hours of sales than the break-even.{advice}"


def rules_of_suitability(asked: Mapping[str, float], compared: int) -> str:
    """Write what is asked, criterion by criterion, and over how many comparisons the verdicts are adjusted."""
    rules = ", ".join(f"{name.replace('_', ' ')} {value:,g}" for name, value in asked.items())
    tests = f" Adjusted for {count(compared, 'comparison')}, of lines and segments." if compared else ""
    return f"Required at least: {rules}.{tests}"


def suited(verdicts: pd.DataFrame) -> str:
    """Write in which lines of business account-based marketing is worth its effort, and in which segments otherwise, as an order.

    Parameters
    ----------
    verdicts : DataFrame with ``segment`` (all for a line), ``product_line, verdict``
    """
    is_line = verdicts["segment"] == "all"
    of_line = verdicts[is_line].set_index("product_line")["verdict"]
    by = {v: of_line.index[of_line == v].astype("str").tolist() for v in ("suited", "mixed", "not suited")}
    clear = verdicts["verdict"].isin(["suited", "not suited"])
    other = verdicts[~is_line & clear & (verdicts["verdict"] != verdicts["product_line"].map(of_line))]
    if not by["suited"] and not by["not suited"] and other.empty:
        return (
            "Decide with sales where to begin: the data do not show where account-based marketing is worth its effort"
        )
    begin = by["suited"] + [
        f"{r.segment} of {r.product_line}" for r in other[other["verdict"] == "suited"].itertuples()
    ]
    parts = [f"Begin in {named(begin)}" if begin else "Begin nowhere yet"]
    split = [line for line in by["mixed"] if other["product_line"].eq(line).any()]
    unclear = [line for line in by["mixed"] if line not in split]
    parts += [f"split {named(split)} by segment first"] if split else []
    parts += (
        [f"decide with sales whom to choose in {named(unclear)}, where no segment is clearly suited"] if unclear else []
    )
    parts += [f"market {named(by['not suited'])} to all accounts at once"] if by["not suited"] else []
    differ = [f"{r.segment} of {r.product_line}" for r in other[other["verdict"] == "not suited"].itertuples()]
    return "; ".join([*parts, *([f"leave out {named(differ)}: not suited there"] if differ else [])])


def where_suited(verdicts: pd.DataFrame) -> str:
    """Say in which lines of business account-based marketing is suited, with the criteria met and the accounts.

    Parameters
    ----------
    verdicts : DataFrame with ``segment`` (all for a line), ``product_line, verdict, answer, n, speaks_for, speaks_against``
    """
    lines = verdicts[verdicts["segment"] == "all"]
    if lines.empty:
        return "No deal or purchase is known, so nobody can say where account-based marketing is suited."
    parts = []
    for verdict in (v for v in VERDICTS if (lines["verdict"] == v).any()):
        rows = list(lines[lines["verdict"] == verdict].itertuples())
        if len(rows) > DETAILED:
            parts.append(f"{VERDICTS[verdict]} {len(rows):,} lines: {named(r.product_line for r in rows)}")
            continue
        met = ((r, r.answer.removeprefix(verdict).strip(" ()").removesuffix(" say yes")) for r in rows)
        named_lines = named(
            f"{r.product_line} ({f'{of} criteria, ' * bool(of)}n = {count(r.n, 'account')})" for r, of in met
        )
        parts.append(f"{VERDICTS[verdict]} {named_lines}")
    little = [_undecided(r) for r in lines[lines["verdict"] == "too little is known"].head(DETAILED).itertuples()]
    said = [f"Account-based marketing is {'; '.join(parts)}."] if parts else []
    return " ".join([*said, *little])


def _undecided(row: Any) -> str:
    """Say that a line cannot be judged yet, and which of its criteria are known."""
    known = [
        f"{c.replace('_', ' ')} {say}"
        for cs, say in ((row.speaks_for, "yes"), (row.speaks_against, "no"))
        for c in cs.split(", ")
        if c
    ]
    of = "the business as a whole" if row.product_line == "all" else row.product_line
    criteria = ", ".join([*known, "the rest unknown"]) if known else "no criterion is known"
    return f"Whether account-based marketing suits {of} cannot be said yet: {criteria} (n = {count(row.n, 'account')})."


def suited_revenue(of_revenue: pd.DataFrame) -> Words:
    """Say which part of a year's revenue is where account-based marketing is suited; empty without revenue.

    Parameters
    ----------
    of_revenue : DataFrame ``verdict, share_of_revenue``
    """
    part = of_revenue.set_index("verdict")["share_of_revenue"].reindex(["suited", "not suited"]).fillna(0)
    if of_revenue.empty:
        return words()
    if not part.any():
        return words("No revenue of the year is in a line that is clearly suited, or clearly not suited.")
    return words(
        f"{share(part['suited'])} of a year's revenue is where account-based marketing is suited, {share(part['not suited'])} "
        "where it is not."
    )


def cycles_of(main: pd.DataFrame, accounts: int) -> str:
    """Say in one sentence how many accounts buy in each cycle by their main line, and how many are placed without a history.

    Parameters
    ----------
    main : DataFrame ``cycle, basis``, one row per account
    """
    if main.empty:
        return "No account has a deal or a purchase, so none is placed in a cycle."
    early, mid, full = main["cycle"].value_counts().reindex(["early", "mid", "full"], fill_value=0)
    alike = int((main["basis"] == "look-alike").sum())
    guess = f", {alike:,} of them without a deal or purchase and placed like accounts of their size" if alike else ""
    rest = f"; {count(accounts - len(main), 'account')} cannot be placed" if accounts > len(main) else ""
    cycles = f"{early:,} early, {mid:,} mid, {full:,} full"
    return f"Accounts by the cycle of their main line: {cycles} (n = {len(main):,}){guess}{rest}."


def unlike(apart: int, judged: int) -> Words:
    """Say how many placings differ from their line; empty if none has evidence of its own.

    Parameters
    ----------
    judged : accounts and lines with evidence of their own
    """
    if not judged:
        return words()
    if not apart:
        return words(f"No account buys a line in another cycle than is usual there (n = {judged:,})")
    return words(
        f"In {apart:,} of {count(judged, 'case')}, an account buys a line in another cycle than is usual there"
    )


def in_place(cells: pd.DataFrame) -> str:
    """Title a figure with the elements in place, cycle by cycle, of those that can be judged.

    Parameters
    ----------
    cells : DataFrame ``cycle, verdict``, one row per element and cycle
    """
    known = cells[cells["verdict"] != "not_answerable"]
    by = known["verdict"].eq("in place").groupby(known["cycle"], sort=False).agg(["sum", "size"])
    return "Elements in place: " + joined([f"{r.sum} of {r.size} in the {r.Index} cycle" for r in by.itertuples()])


def line_cycles(lines: pd.DataFrame) -> str:
    """Say which lines of business are bought in each cycle; empty without a line.

    Parameters
    ----------
    lines : DataFrame ``product_line, cycle``
    """
    by = {cycle: named(lines.loc[lines["cycle"] == cycle, "product_line"]) for cycle in ("early", "mid", "full")}
    said = "; ".join(f"{cycle} cycle: {them}" for cycle, them in by.items() if them)
    return said[:1].upper() + said[1:] + "." * bool(said)


def elements_ready(cells: pd.DataFrame, gaps: pd.DataFrame) -> str:
    """Say how many elements are in place, and which is furthest from its target.

    Parameters
    ----------
    cells : DataFrame ``verdict, old``, one row per element and cycle
    gaps : rows of `cells` below their target, the furthest first: ``element, cycle, share, target, n``
    """
    known = cells["verdict"] != "not_answerable"
    if not known.any():
        return "No element can be judged: what it asks for is not in the data"
    of = count(int(known.sum()), "element")
    lines = f"{(cells['verdict'] == 'in place').sum():,} of {of} {'is' if known.sum() == 1 else 'are'} in place"
    old = int(((cells["verdict"] == "in place") & cells["old"]).sum())
    unknown = f", {old:,} of them by records older than two years" * bool(old)
    unknown += f", {(~known).sum():,} cannot be judged" if (~known).any() else ""
    short = gaps[gaps["share"].notna()].head(1)
    furthest = "".join(
        f"; the largest gap is {r.element.replace('_', ' ')} in the {r.cycle} cycle, {r.share:.0%} where {r.target:.0%} are asked "
        f"(n = {r.n:,})"
        for r in short.itertuples()
    )
    return f"{lines}{unknown}{furthest}"


def named_as(rows: pd.DataFrame) -> pd.Series:
    """Write who acts, and how that is known: ``owner, owner_as``."""
    told = [f"{r.owner} ({r.owner_as})" if pd.notna(r.owner) else r.owner_as for r in rows.itertuples()]
    return pd.Series(told, rows.index, dtype="str")


def states(rows: pd.DataFrame, old_before: pd.Timestamp) -> pd.Series:
    """Write what shows an element at an account, and whether it is old, or what lacks: ``records, newest, lacks``."""
    told = [
        r.lacks
        or count(int(r.records), "record")
        + (f", newest {day(r.newest)}" + ": old" * (r.newest < old_before) if pd.notna(r.newest) else "")
        for r in rows.itertuples()
    ]
    return pd.Series(told, rows.index, dtype="str")


def by_segment(index: pd.DataFrame) -> Words:
    """Say how many accounts fit, and in which segments more or fewer do; empty without an account.

    Parameters
    ----------
    index : DataFrame of `suitability.index_by_segment`
    """
    if index.empty:
        return words()
    way, k, n = index["group_by"].iloc[0], int(index["k"].sum()), int(index["n"].sum())
    parts = [
        f"{verdict} in {named(f'{r.group} ({r.k:,} of {r.n:,})' for r in rows.itertuples())}"
        for verdict, rows in ((v.split()[0], index[index["verdict"] == v]) for v in ("more than all", "fewer than all"))
        if len(rows)
    ]
    chance = (
        f"There are {'; '.join(parts)}"
        if parts
        else f"No {way} differs from all beyond chance: choose by line and account"
    )
    fit = f"{share(k / n)} of the accounts meet more than half of what is known of them (n = {n:,})."
    return words(fit + f" {chance}." * (len(index) > 1), said_to_gain_most(index))


def said_to_gain_most(index: pd.DataFrame) -> str:
    """Say where information technology, services and consulting stand in the index; empty where segments are no industries.

    Parameters
    ----------
    index : DataFrame of the adjusted index: ``group_by, group, shrunk, low, high, n, verdict``, one row per segment
    """
    if index.empty or index["group_by"].iloc[0] != "industry":
        return ""
    told = index[index["group"] != UNKNOWN].sort_values("shrunk", ascending=False, kind="stable", ignore_index=True)
    theirs = told[told["group"].str.contains(GAIN_MOST, case=False, regex=True)]
    if theirs.empty:
        return (
            "IT, services and consulting are said to gain most: this data has no such industry, so it cannot show it."
        )
    places = joined([
        f"{r.group} is number {r.Index + 1} of {len(told):,}, with {share(r.shrunk)} ({share(r.low)} to {share(r.high)}, n = {r.n:,})"
        for r in theirs.itertuples()
    ])  # fmt: skip
    more = named(theirs.loc[theirs["verdict"] == "more than all", "group"])
    beyond = f"more than all in {more}" if more else "not more than all beyond chance"
    return f"IT, services and consulting are said to gain most. Here {places}: {beyond}."


def not_judged(many: int) -> str:
    """Say how many segments have no verdict; empty if all have one."""
    return f"Of {count(many, 'segment')} too little is known." if many else ""


def _each(rows: pd.DataFrame, definition: str, unit: str = "") -> list[str]:
    """Write a measure cycle by cycle: its value, with interval and count, where it rests on `FEWEST` or more."""
    own = rows[(rows["definition_id"] == definition) & (rows["group_by"] == "cycle") & rows["value"].notna()]
    own, told = own[own["n"] >= FEWEST], []
    for r in own.itertuples():
        value, low, high = (
            (share(x) if r.unit == "share" else f"{x:,.1f}".removesuffix(".0")) for x in (r.value, r.low, r.high)
        )
        ends = f"{low} to {high}, " * bool(pd.notna(r.low) and pd.notna(r.high))
        told.append(f"{value}{unit} in the {r.group} cycle ({ends}n = {r.n:,})")
    return told


def how_long(rows: pd.DataFrame) -> str:
    """Say how long deals of each cycle take; empty where nobody knows.

    Parameters
    ----------
    rows : DataFrame of measures by cycle
    """
    days = joined(_each(rows, "suitability_cycle_days", " days"))
    return f"Half of the deals are closed after {days}." if days else ""


def terms(rows: pd.DataFrame) -> str:
    """Say how many contracts of each cycle run longer than a year; empty where nobody knows.

    Parameters
    ----------
    rows : DataFrame of measures by cycle
    """
    longer = joined(_each(rows, "multi_year_share"))
    known = rows[(rows["definition_id"] == "multi_year_share") & rows["value"].notna()].set_index("group")["n"]
    few = [f"{known[c]:,} in the {c} cycle" for c in known.index if known[c] < FEWEST]
    said = f"Contracts of more than a year: {longer}." if longer else ""
    return said + f" Too few contracts have a term to compare: {joined(few)}." * bool(few)


def what_cycles_get(rows: pd.DataFrame, currency: str) -> Words:
    """Say how much of campaigns' spend reaches the target list and nobody known, and what sales puts in; empty where nobody knows.

    Parameters
    ----------
    rows : DataFrame of measures by cycle
    """
    spend = rows[(rows["definition_id"] == "campaign_spend") & rows["value"].notna()].set_index("group")["value"]
    lines = []
    if spend.get("all", 0) > 0:
        aimed = rows[(rows["group"] == "all") & rows["value"].notna()].set_index("definition_id")["value"]
        ways = {
            "spend_on_target": "those that name accounts {} on these",
            "spend_on_target_list": "the others {} on the target list",
        }
        target = "; ".join(text.format(share(aimed[name])) for name, text in ways.items() if name in aimed)
        lost = spend.get("no account", 0.0) / spend["all"]
        lines.append(
            f"Campaigns cost {short_money(spend['all'], currency)} in a year"
            + f", {share(lost)} of it on nobody known" * bool(lost > 0)
            + f": {target or 'on no known target list'}."
        )
    cost = joined(_each(rows, "sales_cost_of_margin"))
    lines.append(f"The logged hours of sales cost, of the margin won: {cost}." if cost else "")
    late = joined(_each(rows, "sales_first_touch_later_stage"))
    lines.append(f"Of the deals that sales touched, past their first stage by then: {late}." if late else "")
    logged = rows[(rows["definition_id"] == "sales_touches_with_hours") & rows["value"].notna()]
    if len(logged):
        part = (logged["value"] * logged["n"]).sum() / logged["n"].sum()
        lines.append(
            f"{share(part)} of {count(int(logged['n'].sum()), 'touch', 'touches')} of sales on these deals say how long they took"
            + ": true hours are more." * bool(part < 1)
            + "." * bool(part == 1)
        )
    return words(*lines, above(rows))


def aimed(campaigns: pd.DataFrame, currency: str) -> str:
    """Say how touches off the list are spread, and which campaign cost most off it; empty without a campaign that has a list.

    Parameters
    ----------
    campaigns : DataFrame to the spec of ``01_campaigns``
    """
    known, own = campaigns[campaigns["on_list"].notna()], campaigns[campaigns["on_target"].notna()]
    if known.empty:
        return ""
    off, elsewhere = own["spend"] - own["aimed"], int(own["on_target_list"].sum())
    most = "".join(
        f" The most off its own list: {r.campaign}, {short_money(r.spend - r.aimed, currency)} of {short_money(r.spend, currency)}."
        for r in own.loc[off[off > 0].nlargest(1).index].itertuples()
    )
    others = (
        f" {count(elsewhere, 'touch', 'touches')} hit accounts of the target list that the campaign did not name: add them to its "
        "list, or leave them to another."
    )
    return (
        f"{known['on_list'].sum():,.0f} of {count(int(known['touches'].sum()), 'touch', 'touches')} hit an account that was on the "
        "list on that day: on the campaign's own, or on the target list where it names nobody. Spend is split by touches."
        f"{most}{others * bool(elsewhere)}"
    )


def started(rows: pd.DataFrame, first_dossier: pd.Timestamp) -> Words:
    """Say how many sales cycles and first conversations there were in each cycle, and how many meetings had a dossier.

    Parameters
    ----------
    rows : DataFrame of measures by cycle
    first_dossier : day of the first delivery; missing without one
    """
    lines = []
    for name, what in (
        ("cycles_started", "Sales cycles started"),
        ("first_conversations", "First conversations of sales"),
    ):
        own = rows[(rows["definition_id"] == name) & (rows["group_by"] == "cycle")]
        told = joined([f"{r.value:,.0f} {r.group}" for r in own.itertuples()])
        lines.append(f"{what} in a year: {told}." if told else "")
    ready = rows[
        (rows["definition_id"] == "dossier_before_meeting") & (rows["group_by"] == "quarter") & rows["value"].notna()
    ]
    told = joined([f"{share(r.value)} in {r.group} (n = {r.n:,})" for r in ready.itertuples()])
    since = f"Meetings count from the first delivery, on {day(first_dossier)}" if told else ""
    return words(*lines, f"Meetings with a dossier delivered in the 90 days before: {told}. {since}." if told else "")
