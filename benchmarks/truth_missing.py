"""How often a gap in the description of accounts is said to foretell who buys. `PROOFS` is for the table of `benchmarks.truth`."""

from functools import partial

import numpy as np
import pandas as pd

from abmlib.market import Switches
from abmlib.method import missingness, periods
from benchmarks.proof import WINDOW_MONTHS, Found, Proof, Seen

ACCOUNTS = 1_000  # of a market: of fewer, too few buy for the first time in a year
GAPS = 0.12  # share of the cells of each field that is emptied, at random
MORE = 0.15  # share of the cells emptied besides, of accounts that have not bought: sales fills in customers


def emptied(seen: Seen, leak: float) -> pd.DataFrame:
    """Accounts of a market with gaps at random, and more where an account has not bought."""
    accounts = seen.accounts.reset_index()
    random = np.random.default_rng(len(accounts) + int(accounts["first_won_day"].notna().sum()))
    share = GAPS + leak * accounts["first_won_day"].isna().to_numpy()
    for field in missingness.MODELLED:
        whole = pd.Series(
            "x", accounts.index, dtype="str"
        )  # each field filled first: nothing of the market's own gaps is left
        accounts[field] = whole.mask(random.random(len(accounts)) < share)
    return accounts


def called(leak: float, seen: Seen) -> Found:
    """Difference of the shares filled, all fields together; called where a gap in any field, or in all, foretells buying."""
    since = periods.trailing(seen.book.as_of, WINDOW_MONTHS).start
    gaps = missingness.foretold_by_gaps(*missingness.bought_later(emptied(seen, leak), since))
    whole = gaps.set_index("field").loc[missingness.ALL_FIELDS]
    if whole["verdict"] == "too_early":
        return Found()
    any_called = gaps["verdict"].eq(missingness.FORETELLS).any()
    return Found(
        whole["difference"],
        leak,
        whole["low"],
        whole["high"],
        called=float(any_called),
        n=float(whole["n_buyers"] + whole["n_others"]),
    )


PROOFS = (
    Proof(
        "gaps foretell who buys",
        "S2-22",
        partial(called, MORE),
        power=0.9,
        unit="accounts",
        accounts=ACCOUNTS,
        note=f"Fields of the market are filled, then {GAPS:.0%} of the cells of each are emptied at random, and {MORE:.0%} more where "
        "an account has not bought. Asked of accounts that had not bought a year before the report. Called: a gap in any "
        "field, or all together, foretells buying.",
    ),
    Proof(
        "gaps foretell nothing",
        "S2-22",
        partial(called, 0.0),
        off=Switches(),  # the same market: a call is false in any
        unit="accounts",
        accounts=ACCOUNTS,
        note="The same without the further gaps: a call is false.",
    ),
)
