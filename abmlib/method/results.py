"""What was won by account: the sales value of a period beside the one before it."""

import pandas as pd

from abmlib.method.deals import closed_in, sizes, won_flag
from abmlib.method.periods import Period


def won_by_account(deals: pd.DataFrame, tier: pd.Series, period: Period, before: Period) -> pd.DataFrame:
    """Sum what each account decided and won in a period, beside the one before it, the most won first.

    An account without a deal decided in either period has no row; deals without an account are in none. Amounts are missing
    where no won deal has one.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    tier : Series, index account_id
    before : the period beside it

    Returns
    -------
    DataFrame, one row per account: ``account_id, tier, won_value, acv, won_deals, decided_deals, won_value_before,
    decided_deals_before``

    References
    ----------
    Metric dictionary C-4; S1-23a.
    """
    now, then = closed_in(deals, period), closed_in(deals, before)
    won, earlier = now[won_flag(now)], then[won_flag(then)]
    acv = won["acv"].fillna(sizes(won) / (won["term_months"].where(won["term_months"] > 0) / 12))
    found = pd.DataFrame(
        {
            "decided_deals": now.groupby("account_id").size(),
            "decided_deals_before": then.groupby("account_id").size(),
            "won_deals": won.groupby("account_id").size(),
            "won_value": won.groupby("account_id")["amount"].sum(min_count=1),
            "acv": acv.groupby(won["account_id"]).sum(min_count=1),
            "won_value_before": earlier.groupby("account_id")["amount"].sum(min_count=1),
        }
    ).rename_axis("account_id")
    counts = [c for c in found if c.endswith(("_deals", "_before")) and not c.startswith("won_value")]
    found[counts] = found[counts].fillna(0).astype(int)
    found = found.assign(tier=tier.reindex(found.index)).reset_index()
    return found.sort_values(["won_value", "account_id"], ascending=[False, True], ignore_index=True)
