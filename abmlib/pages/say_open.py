"""Sentences about how the open pipeline came about and how it is worked, from finished numbers."""

import pandas as pd

from abmlib.pages.say import count
from abmlib.pages.say_pipeline import worth


def postponed(moves: pd.DataFrame, out: pd.DataFrame, quarter: str, currency: str) -> str:
    """Say how many open deals were moved to a later closing day, and how many of them out of the quarter; empty if none.

    Parameters
    ----------
    moves : DataFrame of `bridge.postponed`
    out : of `bridge.pushed_out`
    quarter : that they were pushed out of, in words
    """
    deals = moves.drop_duplicates("opportunity_id")
    if deals.empty:
        return ""
    said = f"{count(len(deals), 'open deal')}{worth(deals['amount'], currency)} moved to a later closing day"
    said += f", {len(out):,} of them{worth(out['amount'], currency)} out of {quarter}" * bool(len(out))
    late = int((moves["split"] == "learnt").sum())
    return (
        f"{said}; {late:,} of the moves {'was' if late == 1 else 'were'} older and only learnt since."
        if late
        else f"{said}."
    )
