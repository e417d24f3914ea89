"""Sentences on suitability and on the bounds between buying cycles; as in `say`, numbers are given, not computed."""

from collections.abc import Mapping

import pandas as pd

from abmlib.pages.say import Words, count, named, words

COMMON = 0.2  # share of the accounts of a cycle from which something is common there
CONFIRMED, PROPOSED, DEFAULT = "confirmed", "proposed", "default"  # how `bounds` of a kind of evidence begins


def bounds(proposed: pd.DataFrame, moved: int, placings: int) -> Words:
    """Say where the bounds in use come from, and how many placings the rule file's own would change.

    Parameters
    ----------
    proposed : DataFrame with ``evidence, bounds``: confirmed, proposed, or why neither
    moved, placings : placings of accounts and lines that differ under the file's bounds, and all
    """
    status = proposed["bounds"].astype("str")
    lines = [unconfirmed(proposed) + "." if not (status == CONFIRMED).all() else "A person has confirmed all bounds."]
    if status.str.startswith(DEFAULT).any():
        lines.append(
            "The lines of business show no break between cycles: there are too few, or they are alike. The cycles rest on the bounds "
            "of the rule file, which suit another business. Confirm or change them before you use the cycles."
        )
    if placings:
        lines.append(
            f"The bounds of the rule file alone would place {moved:,} of {count(placings, 'account and line', 'accounts and lines')} otherwise."
        )
    return words(*lines)


def unconfirmed(proposed: pd.DataFrame) -> str:
    """Write for how many kinds of evidence nobody has confirmed the bounds, and what is used instead."""
    status = proposed["bounds"].astype("str")
    from_data = int((status == PROPOSED).sum())
    default = int(status.str.startswith(DEFAULT).sum())
    used = [f"{from_data} use bounds proposed from the data"] if from_data else []
    used += [f"{default} use the default"] if default else []
    rest = len(status) - int((status == CONFIRMED).sum()) - from_data - default
    used += [f"{rest} does not count" if rest == 1 else f"{rest} do not count"] if rest else []
    open_ones = count(int((status != CONFIRMED).sum()), "kind")
    return f"Nobody has confirmed the bounds of {open_ones} of evidence: {', '.join(used)}"


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
        return words("No account can be judged: its hours of sales or its margin is not known.")
    mid = effort[effort["cycle"] == "mid"]
    common = (mid["above"] > COMMON * mid["judged"]).any()
    advice = "Let marketing go deeper in the mid cycle, and sales come later: there this is common." if common else ""
    return words(f"{over:,} of {count(judged, 'account')} get more hours of sales than they justify.", advice)


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
    parts = [f"Begin in {named(by['suited'])}" if by["suited"] else "Begin nowhere yet"]
    split = [line for line in by["mixed"] if other["product_line"].eq(line).any()]
    unclear = [line for line in by["mixed"] if line not in split]
    parts += [f"split {named(split)} by segment first"] if split else []
    parts += [f"decide with sales whom to choose in {named(unclear)}: its segments do not tell"] if unclear else []
    parts += [f"market {named(by['not suited'])} to all accounts at once"] if by["not suited"] else []
    differ = [f"{r.segment} in {r.product_line}: {r.verdict}" for r in other.itertuples()]
    return "; ".join(parts) + (f". Unlike their line: {named(differ)}" if differ else "")
