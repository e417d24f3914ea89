"""How far accounts are on their way to a deal: who is engaged, who qualifies, and who then opens an opportunity.

What an account did in a window comes from the features of the book, such as ``touches_in_90d`` and ``people_90d``.
"""

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row, measure_row, share_row, share_rows
from abmlib.stats import intervals

SEED = 22  # of the bootstrap
DAY = pd.Timedelta(days=1)
PARTS = {"fit": "fits", "depth": "deep", "score": "scores", "breadth": "broad"}  # fact: name of meeting its threshold


def engaged(engagement: pd.Series, thresholds: pd.Series, band: pd.Series) -> pd.Series:
    """Say which accounts are engaged: at or above the threshold of their size band.

    None is in a band without a threshold. Index as `engagement`.

    References
    ----------
    Metric dictionary C-22; Terminus 360044618934 (B68), thresholds by band B64.
    """
    least = band.reindex(engagement.index).map(thresholds)
    return (engagement >= least).rename("engaged")


def engaged_rate(engaged: pd.Series, band: pd.Series) -> pd.DataFrame:
    """Measure the share of a list that is engaged, of all and by size band.

    Accounts without a band are in the band ``unknown``.

    References
    ----------
    Metric dictionary C-22.
    """
    bands = engaged.groupby(band.reindex(engaged.index).astype("str").fillna("unknown")).agg(["sum", "size"])
    bands = bands.assign(by="size band").rename_axis("group").reset_index()
    whole = pd.DataFrame({"group": "all", "sum": [engaged.sum()], "size": len(engaged), "by": "all"})
    rows = pd.concat([whole, bands], ignore_index=True)
    columns = {"group_by": rows["by"], "group": rows["group"]}
    return share_rows("C-22", "engaged_accounts_of_list", rows["sum"], rows["size"], **columns)


def qualified(facts: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Say which accounts qualify: fit, deep or high score, and enough people.

    Every account has a row. A missing fact, or a band without thresholds, meets nothing. To leave a part out, give it the
    threshold minus infinity; to close depth or score, infinity.

    Parameters
    ----------
    facts : DataFrame, one row per account: ``fit, depth, score, breadth, band``
    thresholds : DataFrame indexed by band: ``fit, depth, score, breadth``, least values

    Returns
    -------
    DataFrame of bool, index as `facts`: ``fits, deep, scores, broad, qualified``

    Raises
    ------
    ValueError
        If `thresholds` lacks a column, a value, or names a band twice.

    References
    ----------
    Metric dictionary C-23; design factors B63, thresholds by band B64. Demandbase's MQA: depth 100 minutes in 3 months or
    score 85, nothing else asked (B60).
    """
    missing = sorted(set(PARTS) - set(thresholds.columns))
    if missing or thresholds.index.has_duplicates or thresholds[list(PARTS)].isna().any(axis=None):
        raise ValueError(
            f"thresholds: missing column(s) {missing}, an empty cell or a band twice. Give each band one row with "
            f"{list(PARTS)}."
        )
    least = thresholds.reindex(facts["band"])[list(PARTS)].to_numpy(float)
    met = (facts[list(PARTS)].to_numpy(float) >= least) | np.isneginf(least)  # not asked: met by a missing fact too
    out = pd.DataFrame(met, index=facts.index, columns=list(PARTS.values()))
    return out.assign(qualified=out["fits"] & (out["deep"] | out["scores"]) & out["broad"])


def qualification_rows(
    qualified: pd.DataFrame, openings: pd.DataFrame, as_of: pd.Timestamp, horizon_days: int
) -> list[dict[str, object]]:
    """Measure how often accounts that qualified opened an opportunity within the horizon, and how long it took.

    Accounts that qualified fewer than `horizon_days` before `as_of` are too early to judge: counted, and in no share.
    Openings on the day itself and before do not count.

    Parameters
    ----------
    qualified : DataFrame, one row per account: ``account_id, day``
    openings : DataFrame, one row per opportunity opened: ``account_id, day``

    Returns
    -------
    Rows of `measures`: precision, median lead time in days of those that opened, and the number too early

    References
    ----------
    Metric dictionary C-23, C-24.
    """
    mature = qualified[qualified["day"] + horizon_days * DAY <= as_of]
    later = mature.merge(openings, on="account_id", suffixes=("", "_opened"))
    days = (later["day_opened"] - later["day"]).dt.days
    lead = days[(days > 0) & (days <= horizon_days)].groupby(later["account_id"]).min().astype(float)
    early = len(qualified) - len(mature)
    return [
        share_row("C-23", f"mqa_opened_within_{horizon_days}_days", len(lead), len(mature)),
        estimate_row("C-23", "days_from_mqa_to_opening_median", intervals.estimate(lead, np.median, SEED), "days"),
        measure_row("C-23", "mqa_too_early_to_judge", float(early), "accounts", len(qualified)),
    ]
