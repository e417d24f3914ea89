"""Sentences of 00 on where hours of sales should go first, from finished numbers."""

import pandas as pd

from abmlib.pages.say import Words, count, joined, one_line, share, words

FIRST = 3  # accounts that are named
PARTS = {"hours_share": "of the hours of sales", "margin_share": "of the margin", "open_share": "of the open amount"}


def funnel(table: pd.DataFrame, accounts: pd.DataFrame, without: pd.DataFrame) -> Words:
    """Say where hours should go first, by stage and by account, and why; nothing without money or with one row only.

    Parameters
    ----------
    table : DataFrame of `resources.by_funnel_stage`
    accounts : the columns of `resources.shares`, ``open_amount`` and ``name``, one row per account
    without : `table` without the account of the largest open amount
    """
    first = table.dropna(subset="priority").sort_values("priority")
    if len(table) < 2 or first.empty:
        return words()
    noted = table["hours_share"].notna().any()
    by = ", where more of the money than of the hours is" if noted else ", by the money alone, as no hours are noted"
    top, largest = first.iloc[0], accounts.sort_values("priority").head(FIRST)
    each = joined([f"{one_line(r['name'])} ({_parts(r)})" for _, r in largest.iterrows()])
    others = [_stage(r) for _, r in without.dropna(subset="priority").sort_values("priority").head(1).iterrows()]
    rests = others and others[0] != _stage(top)
    alone = (
        f" Without {one_line(accounts.loc[accounts['open_amount'].idxmax(), 'name'])}, {others[0]} come first."
        if rests
        else ""
    )
    rest = f", then {joined([_stage(r) for _, r in first.iloc[1:3].iterrows()])}" * (len(first) > 1)
    return words(
        f"Hours first{by}: {_stage(top)}{rest}",
        f"First stage: {_parts(top)} (n = {count(int(top['accounts']), 'account')}).{alone} Account by account, first {each}. "
        "This is where the money is, not what a further hour would bring.",
    )


def _parts(of: pd.Series) -> str:
    """Write the shares of hours, margin and open amount that are known."""
    return joined([f"{share(of[c])} {name}" for c, name in PARTS.items() if of[c] > 0])


def _stage(row: pd.Series) -> str:
    """Name a group of the funnel."""
    status = "former customer" if row["status"] == "former" else row["status"]
    stage = str(row["funnel_stage"]).replace("no open deal", "without an open deal")
    return f"{status}s {stage.replace('open deals, ', 'with open deals, ')}"
