"""Sentences from finished numbers. Nothing is computed here but the joining of words."""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

LARGE = 0.2  # share of an amount with one account that is worth a sentence
NAMED = 5  # accounts named in a sentence before it counts the rest
LONGEST_NAME, LONGEST_REASON = 60, 160  # letters of a name and of a reason, beyond which they are cut
ISOLATED = "\u2068\u2069"  # begin and end of a text that turns nothing around it
TURNS = {"R", "AL"}  # directions of letters that run from right to left


class Words:
    """Sentences that read as text anywhere and as a paragraph or list on a page; everything given is escaped."""

    def __init__(self, lines: Iterable[str], kind: str = "p") -> None:
        """Keep the lines; `kind` is ``p`` or ``ul``."""
        self.lines, self.kind = [without_steering(line) for line in lines], kind

    def __repr__(self) -> str:
        """Give the plain text."""
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        safe = [html.escape(line) for line in self.lines]
        if self.kind == "p":
            body = "".join(f"<p>{line}</p>" for line in safe)
        else:
            body = "<ul>" + "".join(f"<li>{line}</li>" for line in safe) + "</ul>"
        return f'<div class="said mathjax_ignore">{body}</div>' if safe else ""


def without_steering(text: str) -> str:
    """Take steering characters out of a text, but those that isolate what runs from right to left."""
    return "".join(c for c in text if c.isprintable() or c in ISOLATED)


def words(*lines: str) -> Words:
    """Say something as paragraphs; empty ones are left out."""
    return Words([re.sub(r"(?<!\.)\.\.$", ".", line) for line in lines if line])  # a name may end with a full stop


def money(value: float, currency: str) -> str:
    """Write money in whole units.

    Examples
    --------
    >>> money(1234567.8, "EUR")
    '1,234,568 EUR'
    """
    return "unknown" if pd.isna(value) else f"{value:,.0f} {currency}"


def short_money(value: float, currency: str) -> str:
    """Write money as a person says it: millions with one decimal, smaller sums in whole units.

    Examples
    --------
    >>> short_money(69_815_710, "EUR"), short_money(123_456, "EUR")
    ('69.8 M EUR', '123,456 EUR')
    """
    return f"{value / 1e6:,.1f} M {currency}" if abs(value) >= 1e6 else money(value, currency)


def day(when: pd.Timestamp) -> str:
    """Write a day as a person says it.

    Examples
    --------
    >>> day(pd.Timestamp("2026-09-30"))
    '30 September 2026'
    """
    return f"{when.day} {when:%B %Y}"


def span(start: pd.Timestamp, end: pd.Timestamp, year_starts: int = 1) -> str:
    """Write a period as a person says it: a month, quarter or year by its name, any other by its first and last day.

    Parameters
    ----------
    year_starts : month in which the fiscal year starts; it is named after the calendar year it ends in

    Examples
    --------
    >>> span(pd.Timestamp("2026-07-01"), pd.Timestamp("2026-09-30")), span(pd.Timestamp("2026-02-01"), pd.Timestamp("2026-02-28"))
    ('Q3 2026', 'February 2026')
    >>> span(pd.Timestamp("2025-07-01"), pd.Timestamp("2025-09-30"), year_starts=7)
    'fiscal Q1 2026'
    >>> span(pd.Timestamp("2025-07-01"), pd.Timestamp("2026-06-30"))
    '1 July 2025 to 30 June 2026'
    """
    past = (start.month - year_starts) % 12  # months of the fiscal year before it
    year = (start + pd.DateOffset(months=11 - past)).year
    fiscal = "fiscal " * (year_starts != 1)
    names = {1: f"{start:%B %Y}", 3: f"{fiscal}Q{past // 3 + 1} {year}", 12: f"{fiscal}{year}"}
    for months, name in names.items():
        if start.day == 1 and past % months == 0 and end + pd.Timedelta(days=1) == start + pd.DateOffset(months=months):
            return name
    return f"{day(start)} to {day(end)}"


def during(start: pd.Timestamp, end: pd.Timestamp, year_starts: int = 1) -> str:
    """Write in which period something happened.

    Examples
    --------
    >>> during(pd.Timestamp("2026-07-01"), pd.Timestamp("2026-09-30")), during(pd.Timestamp("2026-07-01"), pd.Timestamp("2026-07-02"))
    ('in Q3 2026', 'from 1 July 2026 to 2 July 2026')
    """
    words = span(start, end, year_starts)
    return f"{'from' if ' to ' in words else 'in'} {words}"


def share(value: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> share(0.1234)
    '12.3%'
    """
    return "unknown" if pd.isna(value) else f"{value:.1%}"


def interval(value: float, low: float, high: float, n: float, level: float) -> str:
    """Write a share with its interval and count.

    Examples
    --------
    >>> interval(0.8, 0.49, 0.943, 10, 0.95)
    '80.0% (95% interval 49.0% to 94.3%, n = 10)'
    """
    if pd.isna(value):
        return f"unknown (n = {n:,.0f})"
    if pd.isna(low) and pd.isna(high):
        return f"{share(value)} (too few for an interval, n = {n:,.0f})"
    return f"{share(value)} ({level:.0%} interval {share(low)} to {share(high)}, n = {n:,.0f})"


def count(n: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count(1, "account"), count(4383, "account")
    ('1 account', '4,383 accounts')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def joined(parts: Sequence[str]) -> str:
    """Join parts with commas and a last and.

    Examples
    --------
    >>> joined(["one", "two", "three"]), joined(["one"])
    ('one, two and three', 'one')
    """
    return ", ".join(parts[:-1]) + " and " * (len(parts) > 1) + "".join(parts[-1:])


def named(ids: Iterable[str], most: int = NAMED) -> str:
    """Name the first few and count the rest.

    Examples
    --------
    >>> named(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    given = [" ".join(str(i).split()) for i in ids]
    more = len(given) - most
    return ", ".join(given[:most]) + (f" and {more:,} more" if more > 0 else "")


def win_rate(
    value: float, low: float, high: float, n: int, level: float, when: str, by_amount: float, why: str = ""
) -> str:
    """Say which share of the deals decided was won, and of their amount.

    Parameters
    ----------
    when : in which days they were decided, such as ``from 2026-01-01 to 2026-03-31``
    why : what is lacking where the share is missing
    """
    if n == 0:
        return f"No deal is known to have been won or lost {when}."
    if pd.isna(value):
        return f"The win rate of the {count(n, 'deal')} decided {when} is unknown, for lack of {why}."
    amount = f"; by amount {share(by_amount)}" if pd.notna(by_amount) else ""
    return f"Won of the deals decided {when}: {interval(value, low, high, n, level)}{amount}."


def one_account(open_deals: pd.DataFrame, names: pd.Series, of: str = "open") -> str:
    """Say if one account has a large part of the open amount; empty if none has, or amounts below zero mix with others.

    Parameters
    ----------
    open_deals : DataFrame ``account_id, amount``
    names : name of each account id
    of : what the deals are, in a word
    """
    amounts, total = open_deals.groupby("account_id")["amount"].sum(), open_deals["amount"].sum()
    if amounts.empty or (open_deals["amount"] < 0).any() or not amounts.max() > LARGE * total:
        return ""
    name = " ".join(str(names.get(amounts.idxmax(), amounts.idxmax())).split())
    return f"{share(amounts.max() / total)} of the {of} amount is with one account, {name}" + "." * (name[-1:] != ".")


def p_value(p: float) -> str:
    """Write a p value; a very small one as a bound.

    Examples
    --------
    >>> p_value(0.0961), p_value(0.0002)
    ('= 0.10', '< 0.01')
    """
    return "< 0.01" if p < 0.01 else f"= {p:.2f}"


def differences(judged: pd.DataFrame) -> tuple[str, str]:
    """Say by what win rates differ beyond chance, as a title, and by what these deals cannot show it, as a note.

    Parameters
    ----------
    judged : DataFrame ``group_by, p, judged``
    """
    tested = judged[judged["p"].notna()]
    differ = tested["judged"] == "differ"
    yes, no = (
        ", ".join(f"{r.group_by} (p {p_value(r.p)})" for r in rows.itertuples())
        for rows in (tested[differ], tested[~differ])
    )
    title = f"Win rates differ by {yes}" if yes else "Win rates by group: no difference beyond chance is seen"
    return title, f"These deals show no difference beyond chance by {no}." if no else ""


def one_story(row: pd.Series, of: float) -> Words:
    """Say what one success out of one tells about the next: nearly nothing.

    Parameters
    ----------
    row : ``share, low, high, n``
    of : level of the interval
    """
    chance = interval(row["share"], row["low"], row["high"], row["n"], of)
    return words(
        f"Chance to win the next deal, after one win out of one: {chance}. One story proves almost nothing; it shows what can happen."
    )


def next_step(element: str, cycle: str, step: str) -> str:
    """Write the next step of an element in a cycle as an order."""
    return f"{element.replace('_', ' ').capitalize()}, {cycle} cycle: {step}"


def cell_change(evidence: str, found: int, of: int, target: float) -> str:
    """Say what would change the advice about an element in a cycle, and how much of it is there now."""
    return f"{target:.0%} or more ({evidence}: {f'now {found:,} of {of:,}' if of else 'not in the data now'})"


def gate(passed: bool, lacks: str) -> Words:
    """Say whether the programme may proceed, and what is missing, of `lacking`."""
    return words(f"{'Agreed: proceed' if passed else 'Do not proceed'}{': ' if lacks else ''}{lacks}.")


def lacking(
    *,
    criteria: int,
    unsigned: int,
    late: int,
    listed: int,
    voted: int,
    wanted: int,
    out: int,
    overlap: float,
    overlap_needed: float,
    voted_needed: float,
) -> str:
    """Say what sales and marketing have not agreed yet; empty if they have.

    Parameters
    ----------
    criteria, unsigned, late : criteria entered, not signed by both teams, and signed only after the vote
    listed, voted, wanted, out : accounts of the list; of these, both teams voted on; and of these, both want, and both voted out
    overlap, overlap_needed : of the two lists, share
    voted_needed : share of `listed`
    """
    lacks = [] if criteria else ["no criterion is entered"]
    lacks += [_unsigned(unsigned, criteria)] if unsigned else []
    lacks += [f"{late:,} {'was' if late == 1 else 'were'} signed only after the vote on the list"] if late else []
    lacks += [] if listed else ["no list was voted on by both teams"]
    unheard = bool(listed and voted / listed < voted_needed)
    if unheard:
        few, below = (f"{voted:,}", f", below {share(voted_needed)}") if voted else ("none", "")
        lacks.append(f"both teams voted on {few} of {count(listed, 'account')}{below}")
    lacks += ["no account is wanted by both teams"] if voted and not wanted else []
    apart = wanted and overlap < overlap_needed
    lacks += [f"the two lists overlap by {share(overlap)}, below {share(overlap_needed)}"] if apart else []
    undecided = bool(listed and voted / listed >= voted_needed) and 0 < wanted < (listed - out) / 2
    lacks += (
        [f"both teams want {wanted:,} of the {listed - out:,} that they did not both vote out, less than half"]
        if undecided
        else []
    )
    return "; ".join(lacks)


def _unsigned(unsigned: int, criteria: int) -> str:
    """Say how many criteria both teams have still to sign."""
    of = count(criteria, "criterion", "criteria")
    if unsigned == criteria:
        return (
            f"none of {of} is signed by both teams" if criteria > 1 else "the one criterion is not signed by both teams"
        )
    return f"{unsigned:,} of {of} {'is' if unsigned == 1 else 'are'} not signed by both teams"


def absent(notebooks: list[str]) -> Words:
    """Say which notebooks are missing from this page."""
    if not notebooks:
        return words("All notebooks before this one are included.")
    return words(f"Missing here, because they failed or were not run: {', '.join(notebooks)}.")


def slug(*words: str) -> str:
    """Join words to the name of a decision.

    Examples
    --------
    >>> slug("fix", "opportunities", "is_won has a known value")
    'fix_opportunities_is_won_has_a_known_value'
    """
    return "_".join(re.findall("[a-z0-9]+", " ".join(words).lower()))


def decision(rows: pd.DataFrame, currency: str, names: Mapping[str, str]) -> dict[str, str]:
    """Write the parts of one decision; those that do not apply are empty.

    Parameters
    ----------
    rows : rows of ``decisions`` of one decision
    names : name of each account id; an account without one goes by its id

    Returns
    -------
    dict of text: ``text, whom`` (accounts), ``basis, worth`` (its money with the interval; the ends of accounts are added, as
    they hang on one estimate), ``owner, due, reason`` (where it is the same for all), ``would_change``
    """
    first, about = rows.iloc[0], rows["account_id"].dropna()
    total, low, high = rows[["moves", "moves_low", "moves_high"]].sum(min_count=1)
    whole = rows.loc[rows["moves"].notna(), ["moves_low", "moves_high"]].notna().all(axis=None) and pd.notna(total)
    owners, none = rows["owner"].dropna().str.split("; ").explode().unique(), int(rows["owner"].isna().sum())
    one_reason = rows["reason"].notna().all() and rows["reason"].nunique() == 1
    return {
        "text": without_steering(" ".join(str(first["text"]).split())),
        "whom": f"{count(len(about), 'account')} ({named(one_line(names.get(a, a)) for a in about)})"
        if len(about)
        else "",
        "basis": str(first["basis"]) if pd.notna(total) else "",
        "worth": (money(total, currency) + f" ({low:,.0f} to {high:,.0f})" * bool(whole)) if pd.notna(total) else "",
        "owner": _owner(owners, none),
        "due": day(first["due"]) if pd.notna(first["due"]) else "",
        "reason": one_line(first["reason"], LONGEST_REASON).rstrip(".") if one_reason else "",
        "would_change": without_steering(str(first["would_change"])),
    }


def _owner(owners: Sequence[str], without: int) -> str:
    """Name the one owner, or count several; empty where nobody is known."""
    if not len(owners):
        return ""
    who = f"owner {one_line(owners[0])}" if len(owners) == 1 else count(len(owners), "owner")
    return who + f", {without:,} without" * bool(without)


def few(listed: str, most: int = 2) -> str:
    """Name the first of a list joined by semicolons, and count the others.

    Examples
    --------
    >>> few("S03; S04"), few("S03; S04; S05; S06")
    ('S03; S04', 'S03; S04 and 2 more')
    """
    each = str(listed).split("; ")
    return "; ".join(each[:most]) + f" and {len(each) - most:,} more" * (len(each) > most)


def one_line(text: object, most: int = LONGEST_NAME) -> str:
    """Make a text of a CRM one line of at most `most` letters, without steering characters.

    Letters that run from right to left are isolated, so that they turn nothing around them.

    Examples
    --------
    >>> one_line("Acme  \u202eInc."), one_line("A" * 70)[-2:]
    ('Acme Inc.', 'A…')
    """
    line = " ".join("".join(c if c.isprintable() else " " * c.isspace() for c in str(text)).split())
    line = line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
    return f"{ISOLATED[0]}{line}{ISOLATED[1]}" if any(unicodedata.bidirectional(c) in TURNS for c in line) else line


def decide(decisions: pd.DataFrame, currency: str, names: Mapping[str, str] | pd.Series | None = None) -> Words:
    """Close a notebook: each decision, whom and which money it is about, who is to act until when, why, and what would change it.

    Parameters
    ----------
    decisions : DataFrame of `Book.decisions`
    names : name of each account id; an account without one goes by its id
    """
    known, lines = dict(names) if names is not None else {}, []
    for _, rows in decisions.groupby(["notebook", "slug"], sort=False):
        d = decision(rows, currency, known)
        worth, until = f"{d['basis']} {d['worth']}".strip(), f"by {d['due']}" if d["due"] else ""
        facts = "; ".join(part for part in (worth, d["owner"], until) if part)
        line = d["text"] + f": {d['whom']}" * bool(d["whom"]) + f"; {facts}" * bool(facts)
        why = f" Why: {d['reason']}." * bool(d["reason"])
        lines.append(f"{line}.{why} What would change this: {d['would_change']}.")
    return Words(lines, "ul") if lines else Words(["Nothing to decide on this data."])
