"""How often 15 calls a change that is none, and a halved win rate that is one. `PROOFS` is for `benchmarks.truth`."""

from functools import partial

import numpy as np
import pandas as pd

from abmlib.market import Switches
from abmlib.method import changes
from benchmarks.proof import Found, Proof, Seen

NOW, BEFORE = 76, 240  # deals closed in the quarter, and in all quarters before it


def judged(seen: Seen, deals: pd.DataFrame) -> pd.DataFrame:
    """What 15 says of deals and of the market's purchases, by headline."""
    starts = seen.book.settings.fiscal_year_starts
    happened = changes.outcome_days(deals, seen.transactions)
    compared = changes.quarters_compared(happened, seen.book.as_of, starts)
    return changes.judge(changes.flows(deals, seen.transactions), compared).set_index("definition_id")


def any_call(seen: Seen) -> Found:
    """Share of the headlines called changed; called: whether any is."""
    called = judged(seen, seen.deals)["verdict"].isin(["up", "down"])
    return Found(called.mean(), 0.0, called=float(called.any()), n=float(len(called)))


def halved(seen: Seen, now: int | None = None, before: int | None = None) -> Found:
    """Change of the win rate where each deal won in the last quarter is turned into a lost one with a chance of one half.

    With `now` and `before` that many closed deals are kept, each drawn as won with a chance of one half before that.
    """
    deals = seen.deals.reset_index(drop=True)
    random = np.random.default_rng(int(deals["amount"].abs().sum()))  # another draw in each market
    first, *earlier = changes.quarters_compared(
        deals["closed_day"], seen.book.as_of, seen.book.settings.fiscal_year_starts
    )
    last = deals["closed_day"].between(first.start, first.end)
    if now is not None and before is not None:
        past = deals["closed_day"].between(earlier[-1].start, earlier[0].end)
        kept = [*_even(deals[last], now, random), *_even(deals[past], before, random)]
        deals = deals[deals.index.isin(kept) | ~(last | past)]
    fallen = last.reindex(deals.index) & deals["is_won"].fillna(False).astype(bool) & (random.random(len(deals)) < 0.5)
    found = judged(seen, deals.assign(is_won=deals["is_won"].mask(fallen, False))).loc["win_rate_by_count"]
    return Found(found["change"], called=float(found["verdict"] == "down"), n=float(found["quarter_n"]))


def _even(closed: pd.DataFrame, n: int, random: np.random.Generator) -> np.ndarray:
    """Draw closed deals, each won with a chance of one half."""
    won = closed["is_won"].fillna(False).astype(bool)
    of_won = min(random.binomial(n, 0.5), int(won.sum()))
    of_lost = min(n - of_won, int((~won).sum()))
    return np.concatenate(
        [random.choice(closed.index[w], k, replace=False) for w, k in ((won, of_won), (~won, of_lost))]
    )


PROOFS = (
    Proof(
        "a report of 15 that calls a change",
        "C-2, C-4, C-5, C-8, C-38, C-60",
        any_call,
        off=Switches(),
        unit="headlines",
        note="Called: any of the eight headlines of the last quarter is said to have changed, against the same quarter's eight "
        "predecessors. No market has a change between quarters beside its season and growth, so power and false alarms are both "
        "shares of reports with a false call, all headlines together.",
    ),
    Proof(
        f"a win rate halved from 50 % in one quarter, {NOW} deals against {BEFORE}",
        "C-2",
        partial(halved, now=NOW, before=BEFORE),
        power=0.8,
        unit="deals in the quarter",
        note="Planted in the market's own deals: closed deals are drawn, one half won, and each won deal of the last quarter is "
        "turned into a lost one with a chance of one half. Called: 15 says that the win rate is down, with the other headlines "
        "judged beside it. The mean estimate is the change of the share.",
    ),
    Proof(
        "a win rate halved in one quarter, all deals",
        "C-2",
        halved,
        unit="deals in the quarter",
        note="The same with all deals of the market, at its own win rate, of which half is less in points; nothing is promised.",
    ),
)
