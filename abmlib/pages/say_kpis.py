"""Sentences and tables of the KPI report, from finished numbers."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pandas as pd

from abmlib.pages import show
from abmlib.pages.say import Words, count, day, joined, one_line, share, words
from abmlib.tables.definitions.measures import name as measure_name

MOVED, QUIET = ("up", "down"), "within noise"
FIVE = ("sales value", "pipeline", "contact coverage", "perception", "appointments")  # S1-23a to e
LIST_CHOSEN = (
    "The list was chosen: nothing here shows what the programme caused; only a comparison drawn at random, in 14, can."
)
CHOSEN = "Accounts and moments were chosen, not drawn: a difference does not say that the touches made it."
COUNTED = ("accounts", "Cases", "Same accounts: before", "Same accounts: now")
NAMED = 6  # changes named in a sentence before it counts the rest


def moved(cells: pd.DataFrame, group: str, currency: str) -> str:
    """Say which KPIs of a group moved; empty where the group has none. A KPI without a value does not count.

    Parameters
    ----------
    cells : DataFrame to the spec of ``14b_kpis``
    group : such as ``on the target list``
    """
    own = cells[(cells["group"] == group) & cells["value"].notna()]
    if own.empty:
        return ""
    called, early = own[own["verdict"].isin(MOVED)], int((own["verdict"] == "too early").sum())
    each = [f"{_kpi(r)} {r.verdict} ({_number(r.change, r.unit, currency, True)})" for r in called.itertuples()]
    listed = joined(each[:NAMED]) + f" and {len(each) - NAMED:,} more" * (len(each) > NAMED)
    quiet = len(own) - len(called) - early
    parts = [listed, f"{count(quiet, 'KPI')} within noise" * bool(quiet), f"{early:,} too early to judge" * bool(early)]
    return f"{_sentence(group)}, {count(len(own), 'KPI')}: {'; '.join(filter(None, parts))}."


def how_many(cells: pd.DataFrame, group: str) -> str:
    """Say how many KPIs of a group moved, of those that are judged; empty where the group has none.

    Parameters
    ----------
    cells, group : as in `moved`
    """
    own = cells[(cells["group"] == group) & cells["value"].notna()]
    judged = int((own["verdict"] != "too early").sum())
    if own.empty or not judged:
        return f"{_sentence(group)}: too early to judge a KPI." * (not own.empty)
    return f"{_sentence(group)}: {own['verdict'].isin(MOVED).sum():,} of the {count(judged, 'KPI')} that can be judged moved."


def perception(cells: pd.DataFrame, group: str, currency: str) -> str:
    """Say of each question how the people who answered in both periods changed; empty where nobody was asked.

    Parameters
    ----------
    cells : DataFrame to the spec of ``14b_kpis``
    group : whose, such as ``all accounts``
    """
    own = cells[cells["group"] == group]
    asked, same = (
        own[own["definition_id"] == f"perception_of_{who}"].set_index("item") for who in ("all", "same_people")
    )
    said = []
    for item in asked.index:
        n, row = (int(same.loc[item, "n"]), same.loc[item]) if item in same.index else (0, None)
        head = f"{_question(one_line(item))}: {count(n, 'person', 'people')} answered in both periods"
        if row is None or pd.isna(row["change"]):
            said.append(f"{head}, too early to judge")
        else:
            ends = f"{_plain(row['change_low'], row['unit'], True)} to {_plain(row['change_high'], row['unit'], True)}"
            said.append(
                f"{head}, {_number(row['change'], row['unit'], currency, True)} of 100 ({ends}), {row['verdict']}"
            )
    return f"How {group} see us. {'; '.join(said)}." * bool(said)


def same_accounts(cells: pd.DataFrame, before: pd.Timestamp, groups: Sequence[str]) -> str:
    """Say which accounts changes are of, of all and of the groups named; empty without a cell.

    Parameters
    ----------
    cells : DataFrame to the spec of ``14b_kpis``
    before : first day of the earlier period
    groups : such as ``on the target list``; one without a cell is not named
    """
    sizes = cells.drop_duplicates("group").set_index("group")[["same_accounts", "accounts"]]
    if sizes.empty:
        return ""
    if not sizes["same_accounts"].any():
        return f"No account was known before {day(before)}, so no change can be given."
    each = [
        f"{r.Index}: {r.same_accounts:,} of {r.accounts:,}"
        for r in sizes.reindex(groups).dropna().astype(int).itertuples()
    ]
    return f"A change compares the accounts known before {day(before)} with themselves. {_sentence('; '.join(each))}."


def about(cells: pd.DataFrame, level: float) -> str:
    """Say how changes are judged, and how many of each way of grouping together; empty where none is."""
    judged = cells[cells["change"].notna()].groupby("group_by", sort=False).size()
    ways = joined([f"{n:,} of all accounts" if way == "all" else f"{n:,} by {way}" for way, n in judged.items()])
    together = f"Changes are judged together within each way of grouping ({ways}): of those called up or down in one way, at most "
    return (
        f"{together}{1 - level:.0%} are expected to be false alarms. So a change can be within noise although its interval does not "
        "include 0: among many changes some look large by chance."
    ) * bool(judged.sum() > 1)


def kpi_table(cells: pd.DataFrame, currency: str) -> pd.DataFrame:
    """KPIs of one group or several, one row each: value, change and verdict, and the same accounts before and now, as text.

    Parameters
    ----------
    cells : DataFrame to the spec of ``14b_kpis``; KPIs without a value are left out
    """
    out = []
    for r in cells[cells["value"].notna()].itertuples():
        ends = f" ({_plain(r.change_low, r.unit, True)} to {_plain(r.change_high, r.unit, True)})"
        was, now = (_number(x, r.unit, currency) if pd.notna(x) else "" for x in (r.before, r.now_same))
        row = {
            "KPI": _kpi(r),
            "group_by": r.group_by,
            "group": r.group,
            "verdict": r.verdict,
            "change": _number(r.change, r.unit, currency, True) + ends if pd.notna(r.change) else "",
            "value": _value(r, currency),
            "accounts": r.accounts,
            "Cases": r.n,
            "Same accounts: before": was,
            "Same accounts: now": now,
        }
        out.append(row)
    several = ["group_by", "group"] * (cells["group"].nunique() > 1)
    return pd.DataFrame(out, columns=["KPI", *several, "verdict", "change", "value", *COUNTED])


def about_table(level: float, floor: int) -> str:
    """Say how to read `kpi_table`."""
    return (
        "Value: of all accounts of the group; change: of the same accounts, before and now. Cases: what a value is counted from, such as "
        "deals, meetings, people, answers, accounts won or accounts on the web site. Amounts: a few large accounts decide; the interval "
        f"shows it. In brackets: {level:.0%} interval. {_too_early(floor)}"
    )


def beside(cells: pd.DataFrame, families: Sequence[str], currency: str) -> pd.DataFrame:
    """KPIs of some families, one row each and one column per group: value, cases, and up, down or too early, as text.

    Parameters
    ----------
    cells : DataFrame to the spec of ``14b_kpis``, of one way of grouping; KPIs without a value are left out
    """
    kept = cells[cells["family"].isin(families) & cells["value"].notna()]
    texts = [
        f"{_value(r, currency)}, {count(r.n, 'case')}" + f"; {r.verdict}" * (r.verdict != QUIET)
        for r in kept.itertuples()
    ]
    rows = kept[["family", "group"]].assign(KPI=[_kpi(r) for r in kept.itertuples()], text=texts)
    wide = rows.pivot_table(index=["family", "KPI"], columns="group", values="text", aggfunc="first", sort=False)
    order = [group for group in cells["group"].unique() if group in wide]
    return wide[order].rename(columns=_sentence).fillna("").reset_index().rename_axis(columns=None)


def about_beside(level: float, floor: int) -> str:
    """Say how to read `beside`."""
    return f"In brackets: {level:.0%} interval. Up, down: against the 12 months before, in the same accounts. {_too_early(floor)}"


def _too_early(floor: int) -> str:
    """Say what is too early to judge."""
    return f"Too early: fewer than {floor:,} cases, or too few accounts, in either period."


def responses(table: pd.DataFrame, days: int, earlier: int, level: float) -> Words:
    """Say how often accounts answered marketing touches made for them and for all; nothing where a kind is missing.

    Parameters
    ----------
    table : DataFrame of `responses.side_by_side`, of touches: two kinds, then their differences
    days : within which an answer counts
    earlier : days by which touches were moved to see what happens anyway
    """
    if table.empty:
        return words()
    kinds = list(table.iloc[:2].itertuples())
    said = [f"{share(r.answered)} of {count(int(r.n), 'touch', 'touches')} {r.kind}" for r in kinds]
    anyway = [f"{share(r.moved_back)} of those {r.kind}" for r in kinds]
    moved_back = f"Moved {earlier:,} days back, {joined(anyway)} would count as answered: so much happens anyway."
    return words(answer(table, days, level), f"Accounts answered {joined(said)}. {moved_back}", CHOSEN)


def answer(table: pd.DataFrame, days: int, level: float) -> str:
    """Say of each kind of touch how many more answers than happen anyway, and compare the kinds; empty without both.

    Parameters
    ----------
    table, days : as in `responses`
    """
    if table.empty:
        return ""
    last = table.iloc[-1]
    gap = _difference(last["beyond"], last["beyond_low"], last["beyond_high"], last["accounts"], level)
    each = "; ".join(f"touches {r.kind}: {_beyond(r, level)}" for r in table.iloc[:2].itertuples())
    return f"Answers within {days:,} days. {_sentence(each)}. Compared at accounts with both: {gap}"


def _beyond(row: Any, level: float) -> str:
    """Say how many more answers than happen anyway touches of a kind had."""
    of = count(int(row.n), "touch", "touches")
    if pd.isna(row.beyond_low):
        return f"too early to say ({of})"
    ends = f"{level:.0%} interval {100 * row.beyond_low:+.1f} to {100 * row.beyond_high:+.1f} points, {of}"
    if row.beyond_low <= 0 <= row.beyond_high:
        return f"it cannot be shown that they are answered more than happens anyway ({100 * row.beyond:+.1f} points, {ends})"
    return f"{100 * abs(row.beyond):.1f} {'more' if row.beyond > 0 else 'fewer'} answers in 100 touches than happen anyway ({ends})"


def rates(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Write shares in percent, and differences of shares in points, each with its interval, as text.

    Parameters
    ----------
    table : DataFrame with ``part`` (a difference or not), and `columns` with ``_low, _high``; ``beyond`` is a difference in all rows
    """
    out = table.drop(columns=["part", *(f"{c}{end}" for c in columns for end in ("_low", "_high"))], errors="ignore")
    for column in columns:
        texts = []
        for r in table.to_dict("records"):
            value, low, high = (r[f"{column}{end}"] for end in ("", "_low", "_high"))
            unit = "" if column != "beyond" and r["part"] != "difference" else " points"
            number = [f"{100 * x:+.1f}" if unit else share(x) for x in (value, low, high)]
            ends = f" ({number[1]} to {number[2]})" * bool(pd.notna(low))
            texts.append(f"{number[0]}{unit}{ends}" if pd.notna(value) else "")
        out[column] = texts
    return out


def about_rates(table: pd.DataFrame, level: float) -> str:
    """Say what stands in brackets in `rates`; empty without a row."""
    return f"In brackets: {level:.0%} interval." * (not table.empty)


def touches_advice(table: pd.DataFrame) -> str:
    """Say as an order what follows from answers to touches; empty where the difference is within noise.

    Parameters
    ----------
    table : as in `responses`
    """
    if table.empty or not (table.iloc[-1]["beyond_low"] > 0 or table.iloc[-1]["beyond_high"] < 0):
        return ""
    if table.iloc[-1]["beyond"] > 0:
        return "Send more of the touches made for single accounts, to accounts drawn at random, and see whether these answer more"
    return "Change what is sent to single accounts: they answer touches made for them less than those made for all"


def better_arm(arms: pd.DataFrame) -> str:
    """Say as an order which message of a test to send, of each test with an arm that converted more accounts and whose messages no
    other arm sends; empty without one.

    Parameters
    ----------
    arms : DataFrame of `responses.message_arms`
    """
    apart = arms[
        (arms["part"] == "difference")
        & (arms["shared"] == 0)
        & ((arms["converted_low"] > 0) | (arms["converted_high"] < 0))
    ]
    each = [
        f"of {one_line(r.test_id)} arm {one_line(r.kind.split(' less ')[0 if r.converted > 0 else 1])}"
        for r in apart.itertuples()
    ]
    return f"Send the message that converted more accounts: {joined(each)}" * bool(each)


def named(cells: pd.DataFrame) -> str:
    """Name KPIs."""
    return joined([_kpi(r) for r in cells.itertuples()])


def conversions(table: pd.DataFrame, days: int, level: float) -> Words:
    """Say how often web visits converted after a touch made for the account; nothing where there are none.

    Parameters
    ----------
    table : DataFrame of `responses.side_by_side`, of visits
    days : after a touch in which a visit counts as after it
    """
    if table.empty:
        return words()
    own, other = table.iloc[0], table.iloc[1]
    said = f"{share(own['converted'])} of {count(int(own['n']), 'web visit')} in the {days:,} days after a touch made for the account"
    said += f" converted, and {share(other['converted'])} of the other visits of these accounts."
    return words(f"{said} Conversions: {_gap(table.iloc[-1], 'converted', level)}")


def message_tests(arms: pd.DataFrame, days: int, level: float) -> Words:
    """Say of each comparison of a message test whether an arm converted more accounts; nothing without one.

    Parameters
    ----------
    arms : DataFrame of `responses.message_arms`
    days : after the draw in which an account could convert
    """
    said = []
    for r in arms[arms["part"] == "difference"].itertuples():
        head = f"Message test {one_line(r.test_id)}, {one_line(r.kind)}, accounts that converted within {days:,} days of the draw: "
        both = f" Both arms send {count(int(r.shared), 'message')} alike, so this says nothing of a message." * bool(
            r.shared > 0
        )
        said.append(head + _difference(r.converted, r.converted_low, r.converted_high, r.accounts, level) + both)
    return words(*said)


def _gap(row: pd.Series, column: str, level: float) -> str:
    """Say the last row of a table of kinds as a sentence."""
    ends = row[column], row[f"{column}_low"], row[f"{column}_high"]
    return f"{row['kind']}: {_difference(*ends, row['accounts'], level)}"


def _difference(value: float, low: float, high: float, accounts: int, level: float) -> str:
    """Say a difference of shares in points, with its interval and what it means."""
    of = f"{accounts:,.0f} accounts"
    if pd.isna(low):
        return f"too early to say ({of})."
    seen = "" if low > 0 or high < 0 else "no difference beyond noise, "
    return f"{seen}{100 * value:+.1f} points ({level:.0%} interval {100 * low:+.1f} to {100 * high:+.1f}, {of})."


def _sentence(text: str) -> str:
    """Begin a text with a capital letter."""
    return text[:1].upper() + text[1:]


def _kpi(row: Any) -> str:
    """Name a KPI; one of a survey with its question."""
    return measure_name(row.definition_id) + f": {_question(row.item)}" * bool(row.item)


def _question(item: object) -> str:
    """Write a question of a survey in quotes, beginning with a capital letter."""
    return f"“{_sentence(' '.join(str(item).split()))}”"


def _value(row: Any, currency: str) -> str:
    """Write a value in its unit, with its interval."""
    ends = f" ({_plain(row.low, row.unit)} to {_plain(row.high, row.unit)})"
    return _number(row.value, row.unit, currency) + ends * bool(pd.notna(row.low))


def _number(value: float, unit: str, currency: str, is_change: bool = False) -> str:
    """Write a number with its unit; a change with its sign, that of a share in points."""
    named = "points" if is_change and unit == "share" else _unit(unit, currency)
    return f"{_plain(value, unit, is_change)} {named}".strip()


@cache
def _unit(unit: str, currency: str) -> str:
    """Write a unit with the currency's name."""
    return show.unit_names(pd.Series([unit]), currency)[0]


def _plain(value: float, unit: str, is_change: bool = False) -> str:
    """Write a number without its unit; small ones with two decimals, so that changes per account can be seen."""
    if unit == "share":
        return f"{100 * value:+.1f}" if is_change else show.amount(value, unit)
    sign = "+" * is_change
    if unit == "currency":
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.2f}" if abs(value) < 10 else show.amount(value, unit, is_change)
