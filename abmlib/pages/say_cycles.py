"""Sentences on suitability and on the bounds between buying cycles; as in `say`, numbers are given, not computed."""

from collections.abc import Mapping

import pandas as pd

from abmlib.pages.say import Words, count, joined, named, share, words

DETAILED = 3  # lines of one verdict, up to which each is said with its criteria and accounts
COMMON = 0.2  # share of the accounts of a cycle from which something is common there
VERDICTS = {
    "suited": "suited in", "mixed": "mixed in", "not suited": "not suited in", "too little is known": "not to be judged in",
}  # fmt: skip
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


def above(effort: pd.DataFrame) -> Words:
    """Say how many accounts get more hours than they justify, and what to do in a mid cycle where this is common.

    Parameters
    ----------
    effort : DataFrame ``cycle, above, judged``, one row per cycle
    """
    over, judged = int(effort["above"].sum()), int(effort["judged"].sum())
    if not judged:
        return words("No account can be judged: its hours of sales or its margin is not known")
    mid = effort[effort["cycle"] == "mid"]
    common = (mid["above"] > COMMON * mid["judged"]).any()
    advice = "Let marketing go deeper in the mid cycle, and sales come later: there this is common." if common else ""
    get = "gets more hours of sales than it justifies" if over == 1 else "get more hours of sales than they justify"
    return words(f"{over:,} of {count(judged, 'account')} {get}", advice)


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
    verdicts : DataFrame with ``segment`` (all for a line), ``product_line, verdict, answer, n``
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
    return f"Account-based marketing is {'; '.join(parts)}."


def suited_revenue(of_revenue: pd.DataFrame) -> Words:
    """Say which part of a year's revenue is where account-based marketing is suited; empty without revenue.

    Parameters
    ----------
    of_revenue : DataFrame ``verdict, share_of_revenue``
    """
    part = of_revenue.set_index("verdict")["share_of_revenue"].reindex(["suited", "not suited"]).fillna(0)
    if of_revenue.empty:
        return words()
    return words(
        f"{share(part['suited'])} of a year's revenue is where account-based marketing is suited, {share(part['not suited'])} "
        "where it is not"
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


def most_common(spread: pd.DataFrame) -> str:
    """Title a figure with the cycle that most accounts and lines are in.

    Parameters
    ----------
    spread : DataFrame of counts, one column per cycle
    """
    in_cycle = spread.sum()
    if not in_cycle.sum():
        return "Accounts in each cycle, by line of business"
    of = f"{in_cycle.max():,} of {count(int(in_cycle.sum()), 'account and line', 'accounts and lines')}"
    return f"The {in_cycle.idxmax()} cycle is the most common: {of} of business"


def in_place(cells: pd.DataFrame) -> str:
    """Title a figure with the elements in place, cycle by cycle, of those that can be judged.

    Parameters
    ----------
    cells : DataFrame ``cycle, verdict``, one row per element and cycle
    """
    known = cells[cells["verdict"] != "not_answerable"]
    by = known["verdict"].eq("in place").groupby(known["cycle"], sort=False).agg(["sum", "size"])
    return "Elements in place: " + joined([f"{r.sum} of {r.size} in the {r.Index} cycle" for r in by.itertuples()])


def line_cycles(lines: pd.DataFrame) -> Words:
    """Say which lines of business are bought in each cycle; empty without a line.

    Parameters
    ----------
    lines : DataFrame ``product_line, cycle``
    """
    by = {cycle: named(lines.loc[lines["cycle"] == cycle, "product_line"]) for cycle in ("early", "mid", "full")}
    said = "; ".join(f"{cycle} cycle: {them}" for cycle, them in by.items() if them)
    return words(said[:1].upper() + said[1:])


def elements_ready(cells: pd.DataFrame, gaps: pd.DataFrame) -> str:
    """Say how many elements are in place, and which is furthest from its target.

    Parameters
    ----------
    cells : DataFrame ``verdict``, one row per element and cycle
    gaps : rows of `cells` below their target, the furthest first: ``element, cycle, share, target, n``
    """
    known = cells["verdict"] != "not_answerable"
    if not known.any():
        return "No element can be judged: what it asks for is not in the data"
    lines = f"{(cells['verdict'] == 'in place').sum():,} of {known.sum():,} elements are in place"
    unknown = f", {(~known).sum():,} cannot be judged" if (~known).any() else ""
    short = gaps[gaps["share"].notna()].head(1)
    furthest = "".join(
        f"; the largest gap is {r.element.replace('_', ' ')} in the {r.cycle} cycle, {r.share:.0%} where {r.target:.0%} are asked "
        f"(n = {r.n:,})"
        for r in short.itertuples()
    )
    return f"{lines}{unknown}{furthest}"


def there(evidence: str, found: int, of: int) -> str:
    """Write how much of what an element asks is there."""
    return f"{evidence}: {found:,} of {of:,}" if of else f"{evidence}: not in the data"
