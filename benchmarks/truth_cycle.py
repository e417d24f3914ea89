"""How often accounts are placed in the buying cycle they are made for. `PROOFS` is for the table of `benchmarks.truth`."""

from abmlib.market import sales
from abmlib.method import cycle, orders
from abmlib.pages import catalogue
from benchmarks.proof import Found, Proof, Seen

RULES = cycle.Rules.checked(catalogue.rules(catalogue.CYCLES))
TRUE = dict(zip(sales.LINES, cycle.CYCLES, strict=True))
DEALS = 3  # of an account, for its placing to count


def placing(seen: Seen) -> Found:
    """Share of the placings, by line, of accounts with enough deals that are right; called: the same."""
    links, contacts, products = (seen.book.read(n) for n in ("opportunity_contacts", "contacts", "products"))
    found = cycle.buying_evidence(
        seen.deals, links, contacts, orders.with_product_line(seen.transactions, products), seen.book.as_of
    )
    placed = cycle.assign_cycles(cycle.score_evidence(found, RULES)).dropna(subset="account_id")
    many = seen.deals["account_id"].value_counts()
    placed = placed[placed["account_id"].isin(many.index[many >= DEALS])]
    right = float((placed["cycle"] == placed["product_line"].map(TRUE)).mean())
    return Found(right, called=right)


PROOFS = (
    Proof(
        "buying cycle",
        "S2-1",
        placing,
        power=0.9,
        note=f"Mean estimate: share of accounts and lines placed in the cycle their line is made for, of accounts with {DEALS} "
        "deals or more; promised to be at least 0.9.",
    ),
)
