"""How often intervals of closed deals hold the truth with about 100 accounts. `PROOFS` is for the table of `benchmarks.truth`.

Each market of 500 accounts gives five books: the closed deals of every fifth account, from the first, the second and so on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.deals import by_group, deal_sizes, differences, velocity_row, win_rates, won_flag
from benchmarks.proof import NOTHING, Found, Proof, Seen

ONE_IN = 5  # accounts of a market that the book holds
GROUPS = 6  # that accounts are dealt to in turn, so that win rates differ by nothing
BOOK = "Five books of each market, each of the deals that every fifth account closed in 12 months."
SKEW = "Few deals are very large, so that no bootstrap reaches the level with so few accounts; 0.88 is insisted on."


Row = dict[str, Any]


def books(seen: Seen) -> list[pd.DataFrame]:
    """Deals of every fifth account closed in the window, for each account to begin with."""
    ids = sorted(seen.accounts.index)
    return [seen.closed[seen.closed["account_id"].isin(ids[first::ONE_IN])] for first in range(ONE_IN)]


def by_amount(seen: Seen) -> list[Found]:
    """Win rate by amount, beside the true chances of the very deals, weighted by amount."""
    chance = seen.of_deals["win_probability"]
    return [
        _found(
            win_rates(deals)[1],
            float(np.average(chance.reindex(deals["opportunity_id"]), weights=deals["amount"].fillna(0))),
        )
        for deals in seen.once(books)
    ]


def of_books(row: Callable[[pd.DataFrame], Row], seen: Seen) -> list[Found]:
    """One measure of each book."""
    return [_found(row(deals) | {"n": len(deals)}) for deals in seen.once(books)]


def size(definition: str, deals: pd.DataFrame) -> Row:
    """One measure of the size of won deals."""
    return {str(r["definition_id"]): r for r in deal_sizes(deals)}[definition]


def velocity(deals: pd.DataFrame) -> Row:
    """Velocity for each open deal."""
    return velocity_row(deals, 1)


def groups_by_chance(seen: Seen) -> Found:
    """Called where win rates are said to differ between groups of accounts that differ by nothing."""
    deals = seen.closed
    ids = sorted(seen.accounts.index)
    group = pd.Series(np.arange(len(ids)) % GROUPS, ids).reindex(deals["account_id"]).set_axis(deals.index)
    judged = differences(by_group(deals, group, "chance"))
    return Found(float(judged["p"].iloc[0]), n=len(deals), called=float(judged["judged"].iloc[0] == "differ"))


def _found(row: Row, truth: float = float("nan")) -> Found:
    """What a row of `measures` says, beside the truth."""
    value, low, high = (float(row[c]) for c in ("value", "low", "high"))
    return Found(value, truth, low, high, n=float(row["n"]))


def closed_deals(seen: Seen) -> pd.DataFrame:
    """Amount, days and result of every deal closed in the window."""
    closed = seen.closed
    return closed[["amount", "age_days"]].assign(won=won_flag(closed))


def of_all(what: str, parts: Sequence[pd.DataFrame]) -> float:
    """Mean or median size, or velocity for each open deal, over the deals that markets of the kind close."""
    deals = pd.concat(parts, ignore_index=True)
    won = deals[deals["won"]]
    if what == "velocity":
        return float(won["amount"].mean() * deals["won"].mean() / won["age_days"].mean())
    return float(won["amount"].agg(what))


PROOFS = (
    Proof(
        "win rate by amount, 100 accounts",
        "C-3",
        by_amount,
        covers=(0.93, 0.97),
        unit="closed deals",
        note=f"{BOOK} Truth: the true chances of the very deals, weighted by amount.",
    ),
    *(
        Proof(
            f"{name}, 100 accounts",
            "C-4",
            partial(of_books, partial(size, f"deal_size_{what}")),
            part=closed_deals,
            whole=partial(of_all, what),
            covers=(floor, 1.0),
            unit="closed deals",
            note=f"{BOOK} Truth: the {what} over all deals won in the window in all markets together. {why}".strip(),
        )
        for name, what, floor, why in (("mean deal size", "mean", 0.88, SKEW), ("median deal size", "median", 0.93, ""))
    ),
    Proof(
        "velocity of one open deal, 100 accounts",
        "C-1",
        partial(of_books, velocity),
        part=closed_deals,
        whole=partial(of_all, "velocity"),
        covers=(0.88, 1.0),
        unit="closed deals",
        note=f"{BOOK} Truth: mean size × win rate ÷ mean days of won deals, over all deals closed in the window in all markets "
        "together. Mean size is as skewed here as alone.",
    ),
    Proof(
        "win rates differ between groups dealt by chance",
        "C-2",
        groups_by_chance,
        off=NOTHING,
        unit="closed deals",
        note="Accounts are dealt to six groups in turn, in every market, so that each call is false; the power is that of the "
        "markets with all effects, and none of the groups. The estimate is the mean p-value.",
    ),
)
