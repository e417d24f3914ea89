"""Which data is missing, where, and whether it is missing by chance."""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.data_quality import DESCRIBES, segments
from abmlib.method.deals import won_flag
from abmlib.method.measures import estimate_row, measure_row
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL
from abmlib.tables import identity

MODELLED = [  # what else a model could use of an account's description
    *DESCRIBES[1:], "sub_industry", "org_type", "tech_stack", "customer_base", "growth_outlook",
]  # fmt: skip
MERGES, NONE_HELD = "accounts merged into another", "none: deleted from the source?"


def filled_share(accounts: pd.DataFrame) -> pd.Series:
    """Share of accounts with a value, per descriptive field; missing without accounts.

    References
    ----------
    S2-22, completeness.
    """
    return accounts[DESCRIBES].notna().mean().rename("filled_share")


def filled_by_segment(accounts: pd.DataFrame, segment: str) -> pd.DataFrame:
    """Share of accounts with a value, per segment and descriptive field, the largest segment first.

    Accounts without a segment are one of their own, ``unknown``.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    segment : a column of it

    Returns
    -------
    DataFrame: `segment`, ``accounts``, and a share for each field but the segment itself

    Raises
    ------
    ValueError
        If accounts have no such column.

    References
    ----------
    S2-22, completeness.
    """
    labels = segments(accounts, segment).astype("str").fillna("unknown").to_numpy()
    fields = [c for c in DESCRIBES if c not in ("name", segment)]
    groups = accounts[fields].notna().groupby(labels)
    table = groups.mean().assign(accounts=groups.size()).rename_axis(segment).reset_index()
    table = table.sort_values(["accounts", segment], ascending=[False, True], ignore_index=True)
    return table[[segment, "accounts", *fields]]


# -- gaps and buying --------------------------------------------------------------------------------------------------


def bought_or_won(bought: pd.Series, closed: pd.DataFrame) -> pd.Index:
    """Accounts that bought or had a deal won.

    Parameters
    ----------
    bought : purchases, or days with one, by account; missing = none known
    closed : deals closed in the same time, DataFrame of `closed_in`
    """
    won = closed.loc[won_flag(closed), "account_id"].dropna()
    return pd.Index(bought.index[bought.fillna(0).to_numpy(float) > 0]).union(pd.Index(won)).rename("account_id")


def filled_by_outcome(accounts: pd.DataFrame, active: pd.Index) -> pd.DataFrame:
    """Share of accounts with a value in each field, with and without an outcome, and whether both differ.

    It says what is related and not why: a field may be filled because somebody bought. A field that is filled everywhere,
    or nowhere, has no difference to test and no interval.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    active : ids of the accounts with the outcome, such as those that bought; others than `accounts` do not count

    Returns
    -------
    DataFrame, one row per field, the largest difference first: ``field``; ``filled_active, filled_others`` (shares) of
    ``n_active, n_others`` (accounts); ``difference, low, high`` (of shares); ``p`` (two-sided, adjusted over fields by
    Benjamini–Hochberg); ``verdict`` (``related to outcome``; ``no difference seen``; ``too_early``: fewer than `FLOOR_OUTCOMES`
    accounts with or without the outcome, or fewer than `FLOOR_ACCOUNTS` accounts)

    References
    ----------
    Fisher's exact test; Benjamini and Hochberg (1995), JRSS B 57, p. 289; interval of `intervals.difference`.
    """
    is_active, filled = accounts["account_id"].isin(active), accounts[MODELLED].notna()
    k = pd.DataFrame({"active": filled[is_active].sum(), "others": filled[~is_active].sum()})
    n = pd.DataFrame({"active": int(is_active.sum()), "others": int((~is_active).sum())}, index=k.index)
    varies, enough = filled.any() & ~filled.all(), _enough(is_active)
    p = pd.Series(np.nan, index=k.index)
    if enough and varies.any():
        tables = np.stack([k[varies], (n - k)[varies]], axis=1)
        p[varies] = [scipy.stats.fisher_exact(t).pvalue for t in tables]
    p = intervals.adjusted(p)
    verdict = np.where(p < 1 - LEVEL, "related to outcome", "no difference seen") if enough else "too_early"
    out = (k / n.where(n > 0)).add_prefix("filled_").join(n.add_prefix("n_")).join(intervals.difference(k, n))
    out = out.assign(p=p, verdict=verdict).rename_axis("field")
    out[["low", "high"]] = out[["low", "high"]].where(varies, np.nan)
    largest = out["difference"].abs().sort_values(ascending=False, kind="stable").index
    return out.loc[largest].reset_index()


def fill_difference_row(accounts: pd.DataFrame, active: pd.Index) -> dict[str, Any]:
    """Row of `measures`: how many more of all fields are filled with the outcome than without.

    All fields together show gaps on one side where each alone is too small. Too early on the floors of
    `filled_by_outcome`.

    Parameters
    ----------
    accounts, active : as `filled_by_outcome`

    References
    ----------
    Welch (1947), Biometrika 34, p. 28; on the share of fields filled, one number per account.
    """
    is_active, share = accounts["account_id"].isin(active), accounts[MODELLED].notna().mean(axis=1)
    row = ("E.3", "filled_share_active_less_others")
    if not _enough(is_active):
        return measure_row(*row, np.nan, "share", len(accounts), status="too_early")
    if share.nunique() == 1:  # all alike: the test would divide by nothing
        return estimate_row(*row, (0.0, 0.0, 0.0, len(accounts)), "share")
    test = scipy.stats.ttest_ind(share[is_active], share[~is_active], equal_var=False)
    difference = share[is_active].mean() - share[~is_active].mean()
    return estimate_row(*row, (difference, *map(float, test.confidence_interval(LEVEL)), len(accounts)), "share")


def _enough(is_active: pd.Series) -> bool:
    """Are there enough accounts, with and without the outcome, to compare."""
    return len(is_active) >= FLOOR_ACCOUNTS and min(is_active.sum(), (~is_active).sum()) >= FLOOR_OUTCOMES


# -- survivorship -----------------------------------------------------------------------------------------------------


def survivorship(
    accounts: pd.DataFrame,
    same_company: pd.DataFrame,
    deals: pd.DataFrame,
    states: pd.DataFrame,
    as_of: pd.Timestamp,
    former_after_days: int,
) -> pd.DataFrame:
    """Counts of lost deals, former customers and the like that the source still holds.

    A source that deletes them makes the past look better than it was.

    Parameters
    ----------
    accounts : DataFrame with ``status, first_won_day``
    same_company : DataFrame of `Book.same_company`
    deals : ``tables.schema.OPPORTUNITIES``
    states : DataFrame of `coverage.contact_states`
    former_after_days : days without business after which a customer is a former one; a younger customer cannot be one yet

    Returns
    -------
    DataFrame, one row per kind: ``what``, ``held`` (count), ``of`` (count), ``share``, ``verdict`` (``held``; ``none:
    deleted from the source?``, of `FLOOR_OUTCOMES` or more; ``too few to tell``; ``not_answerable``, where there is
    nothing it could be a part of)

    References
    ----------
    Canonical schema E.3, load-time checks (survivorship).
    """
    merged, closed = int((same_company["rule"] == identity.MERGED).sum()), deals["is_closed"].fillna(False).astype(bool)
    old = accounts["first_won_day"] < as_of - pd.Timedelta(days=former_after_days)
    rows = [
        ("former customers, of those old enough", int((old & (accounts["status"] == "former")).sum()), int(old.sum())),
        ("closed deals", int(closed.sum()), len(deals)),
        ("lost deals, of those closed", int((~won_flag(deals[closed])).sum()), int(closed.sum())),
        ("people who left", int(states["departed"].sum()), len(states)),
        (MERGES, merged, len(accounts) + len(same_company)),
    ]
    out = pd.DataFrame(rows, columns=["what", "held", "of"])
    conditions = [out["of"] == 0, out["held"] > 0, out["of"] >= FLOOR_OUTCOMES]
    verdict = np.select(conditions, ["not_answerable", "held", NONE_HELD], "too few to tell")
    return out.assign(share=out["held"] / out["of"].where(out["of"] > 0), verdict=verdict)


def possibly_deleted(ended: pd.DataFrame) -> list[str]:
    """Kinds that seem to be deleted and make the past look better; merged accounts, whose records live on, do not.

    Parameters
    ----------
    ended : DataFrame of `survivorship`
    """
    gone = ended[(ended["verdict"] == NONE_HELD) & (ended["what"] != MERGES)]
    return [what.partition(",")[0] for what in gone["what"]]
