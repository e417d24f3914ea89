"""How often a verdict on suitability is made of chance alone. `PROOFS` is for the table of `benchmarks.truth`."""

import pandas as pd

from abmlib.method import cycle, suitability
from benchmarks.proof import NOTHING, Found, Proof, Seen
from benchmarks.truth_cycle import RULES, tables

PARTS = 4  # segments that differ by chance alone


def by_chance(seen: Seen) -> Found:
    """Share of criteria that say yes or no of segments drawn by lot in one line; called where any does.

    The rule is the line's own value, so that no segment differs from it in truth. The line is another one from market to market.
    """
    deals, links, lines = tables(seen)
    found = cycle.buying_evidence(deals, links, seen.book.read("contacts"), lines, seen.book.as_of)
    names = sorted(found["product_line"].unique())
    line = names[len(deals) % len(names)]
    found, deals = (f[f["product_line"] == line] for f in (found, deals))
    bought = suitability.bought_in_year(deals, lines[lines["product_line"] == line], seen.book.as_of)
    lot = pd.util.hash_array(seen.accounts.index.to_numpy(object)) % PARTS
    drawn = pd.Series(lot.astype(str), seen.accounts.index, dtype="str", name="lot")
    whole = suitability.criteria(found, deals, bought, drawn.iloc[:0], RULES).set_index("criterion")["value"]
    rules = RULES.model_copy(update={"suitability": whole.dropna().to_dict()})
    judged = suitability.criteria(found, deals, bought, drawn, rules).query("by == 'lot' and p.notna()")
    made = judged["verdict"].isin([suitability.YES, suitability.NO])
    return Found(float(made.mean()), 0.0, called=float(made.any())) if len(judged) else Found()


PROOFS = (
    Proof(
        "suitability of segments that do not differ",
        "S0-3",
        by_chance,
        off=NOTHING,
        note=f"Accounts of one line, another line in each market, drawn by lot into {PARTS} segments and judged against the line's "
        "own values. Mean estimate: share of criteria that say yes or no. Power and false alarms: markets where any does, all "
        "criteria of all segments together; there is no effect to find.",
    ),
)
