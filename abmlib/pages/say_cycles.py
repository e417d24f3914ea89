"""Sentences on the bounds between buying cycles; as in `say`, numbers are given, not computed."""

import pandas as pd

from abmlib.pages.say import Words, count, words

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
