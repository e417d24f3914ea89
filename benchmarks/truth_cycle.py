"""How often accounts are placed in the buying cycle they buy in. `PROOFS` is for the table of `benchmarks.truth`.

Vendors of other prices or another pace are made here out of the tables of a market: the bounds between cycles are proposed from
these tables, and know nothing of how the market is made.
"""

from collections.abc import Callable

import pandas as pd

from abmlib.market import sales
from abmlib.method import cycle, cycle_bounds, cycle_rules, orders
from abmlib.pages import catalogue
from benchmarks.proof import Found, Proof, Seen

RULES = cycle_rules.Rules.checked(catalogue.rules(catalogue.CYCLES))
TRUE = dict(zip(sales.LINES, cycle_rules.CYCLES, strict=True))
DEALS = 3  # of an account, for its placing to count
KEYS = ["account_id", "product_line"]
Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]  # deals, people on them, lines of bills


def tables(seen: Seen) -> Tables:
    """Deals, people on deals, and lines of bills."""
    lines = orders.with_product_line(seen.transactions, seen.book.read("products"))
    return seen.deals, seen.book.read("opportunity_contacts"), lines


def placed(seen: Seen, given: Tables) -> pd.DataFrame:
    """Cycles of accounts and lines as 01 places them where nobody has confirmed a bound, of accounts with enough deals."""
    deals, links, lines = given
    found = cycle.buying_evidence(deals, links, seen.book.read("contacts"), lines, seen.book.as_of)
    rules = cycle_bounds.in_force(RULES, cycle_bounds.proposals(found, RULES))
    got = cycle.assign_cycles(cycle.score_evidence(found, rules)).dropna(subset="account_id")
    many = deals["account_id"].value_counts()
    got = got[got["account_id"].isin(many.index[many >= DEALS])]
    usual = got["product_line"].map(TRUE)
    true = usual
    if "account_lines" in seen.truth:
        planted = seen.truth["account_lines"].set_index(KEYS)["cycle"].reindex(pd.MultiIndex.from_frame(got[KEYS]))
        true = planted.set_axis(got.index).fillna(usual)
    return got.assign(true=true, usual=usual)


def right(got: pd.DataFrame) -> Found:
    """Share of placings that are right; called: the same; no answer without a placing."""
    if got.empty:
        return Found()
    share = float((got["cycle"] == got["true"]).mean())
    return Found(share, called=share)


def as_it_is(seen: Seen) -> pd.DataFrame:
    """`placed` of the market's own tables."""
    return placed(seen, tables(seen))


def placing(seen: Seen) -> Found:
    """Share right of the market's own vendor."""
    return right(seen.once(as_it_is))


# -- vendors of other prices and another pace -------------------------------------------------------------------------


def _money(times: float) -> Callable[[Tables], Tables]:
    return lambda t: (t[0].assign(amount=t[0]["amount"] * times), t[1], t[2].assign(revenue=t[2]["revenue"] * times))


def _days(times: float) -> Callable[[Tables], Tables]:
    return lambda t: (t[0].assign(age_days=t[0]["age_days"] * times), t[1], t[2])


def _one_more_buyer(given: Tables) -> Tables:
    deals, links, lines = given
    more = links.drop_duplicates("opportunity_id")
    return deals, pd.concat([links, more.assign(contact_id="one more of " + more["opportunity_id"])]), lines


def _half_the_orders(given: Tables) -> Tables:
    deals, links, lines = given
    return deals, links, lines[pd.util.hash_pandas_object(lines[[*KEYS, "booked_at"]], index=False) % 2 == 0]


def _twice_the_orders(given: Tables) -> Tables:
    deals, links, lines = given
    by_deal = orders.lines_sold_by_deal(lines, deals[deals["is_won"].fillna(False).astype(bool)])
    again = lines[orders.plain_purchases(lines) & ~lines["product_line"].isin(by_deal)]
    again = again.assign(booked_at=again["booked_at"] - pd.Timedelta(days=3))
    return deals, links, pd.concat([lines, again], ignore_index=True)


VENDORS = (
    _money(0.5), _money(2), _money(3), _days(0.6), _days(1.7), _half_the_orders, _twice_the_orders, _one_more_buyer,
)  # fmt: skip


def other_vendor(seen: Seen) -> Found:
    """Share right of one of `VENDORS`, another one from market to market."""
    return right(placed(seen, VENDORS[len(seen.transactions) % len(VENDORS)](tables(seen))))


# -- accounts that buy a line in another cycle ------------------------------------------------------------------------


def other_cycle(seen: Seen) -> Found:
    """Share right of the accounts that buy a line in another cycle than the line's."""
    return right(seen.once(as_it_is).query("true != usual"))


def own_cycle(seen: Seen) -> Found:
    """Share right of the others in the same market."""
    return right(seen.once(as_it_is).query("true == usual"))


SHARE = f"Mean estimate: share of accounts and lines placed right, of accounts with {DEALS} deals or more"
UNLIKE = (  # of markets in which accounts buy a line in another cycle
    Proof(
        "buying cycle: accounts unlike their line",
        "S2-1",
        other_cycle,
        power=0.25,
        note=f"{SHARE} and that buy the line in another cycle; 0 if the line's cycle stood for all. "
        "Promised to be at least 0.25.",
    ),
    Proof(
        "buying cycle: the others beside them",
        "S2-1",
        own_cycle,
        power=0.97,
        note=f"{SHARE}, all others of the same markets; 1 if the line's cycle stood for all. Promised to be at least 0.97.",
    ),
)
PROOFS = (
    Proof("buying cycle", "S2-1", placing, power=0.9, note=f"{SHARE}; promised to be at least 0.9."),
    Proof(
        "buying cycle: vendors of other prices or pace",
        "S2-1",
        other_vendor,
        power=0.85,
        note=f"{SHARE}, with one change in each market: money × 0.5, 2 or 3, days of deals × 0.6 or 1.7, half or twice the "
        "orders, or one more person on each deal; promised to be at least 0.85.",
    ),
    *UNLIKE,
)
