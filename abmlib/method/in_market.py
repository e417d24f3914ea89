"""Who is not in the market now, and why: just bought, mid-contract, or in distress. It says nothing of who will buy.

Each state is ``yes``, ``no`` or ``unknown``; where a table that would tell is absent or says nothing, the state is
unknown.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method.deals import open_deals, won_flag
from abmlib.method.orders import refuse_repeated, with_product_line
from abmlib.stats import survival
from abmlib.stats.intervals import FLOOR_OUTCOMES, wilson
from abmlib.tables import programme

YES, NO, UNKNOWN = "yes", "no", "unknown"
STATES = ("just_bought", "mid_contract", "distressed")
ALL = "all"  # line of a contract or product that names none
DAY = pd.Timedelta(days=1)
QUIET_DAYS = 180  # after buying, where the data say nothing better
QUIET_SHARE = 0.1  # share of accounts that have bought again when the quiet time ends
OPEN_MONTHS = 6.0  # before a contract ends, the next one is talked about


def pairs(accounts: pd.Index, lines: pd.Index) -> pd.DataFrame:
    """List every account with every line: the rows that the states are given for.

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    refuse_repeated(accounts)
    return pd.MultiIndex.from_product([accounts, lines], names=["account_id", "product_line"]).to_frame(index=False)


def quiet_days(won: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Measure how long each line is quiet after a won deal: until `QUIET_SHARE` of accounts have won their next one.

    Those that have not yet count as waiting (Kaplan–Meier). Lines with fewer than `FLOOR_OUTCOMES` next deals have no
    row.

    Parameters
    ----------
    won : won deals of `with_days`

    Returns
    -------
    Series of days by line

    References
    ----------
    House definition; README, glossary entry "just bought".
    """
    rows = won.dropna(subset=["account_id", "product_line", "closed_day"]).sort_values("closed_day", kind="stable")
    after = rows.groupby(["account_id", "product_line"])["closed_day"].shift(-1)
    days = (after.fillna(as_of) - rows["closed_day"]).dt.days
    found = {
        line: survival.quantile(days[of.index], after[of.index].notna(), QUIET_SHARE).value
        for line, of in rows.groupby("product_line")
        if after[of.index].notna().sum() >= FLOOR_OUTCOMES
    }
    return pd.Series(found, dtype=float).dropna()


def just_bought(
    rows: pd.DataFrame,
    transactions: pd.DataFrame,
    products: pd.DataFrame,
    won: pd.DataFrame,
    as_of: pd.Timestamp,
    quiet: Mapping[str, float],
) -> pd.DataFrame:
    """Say which accounts have bought a line so lately that they will not soon again.

    What counts is the newest won deal for the line, and the first purchase of it; a repeat order is none. Without a
    transaction and without a won deal in the whole data the state is unknown.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    transactions, products : ``tables.schema.TRANSACTIONS``, ``PRODUCTS``
    won : won deals of `with_days`
    quiet : days of quiet after buying, by line; lines not in it have `QUIET_DAYS`

    Returns
    -------
    DataFrame, index as `rows`: ``state, evidence, until``

    References
    ----------
    S2-16. House definition; README, glossary entry "just bought".
    """
    if transactions.empty and won.empty:
        return _state(rows, pd.Series(False, rows.index), "", pd.Series(pd.NaT, rows.index), unknown=True)
    lines = with_product_line(transactions[transactions["revenue"] > 0], products)
    first = lines.groupby(["account_id", "product_line"])["booked_at"].min().rename("first")
    deal = won.groupby(["account_id", "product_line"])["closed_day"].max().rename("deal")
    seen = rows.join(first, on=["account_id", "product_line"]).join(deal, on=["account_id", "product_line"])
    day = seen[["first", "deal"]].max(axis=1)
    until = day + pd.to_timedelta(rows["product_line"].map(quiet).astype(float).fillna(QUIET_DAYS).round(), unit="D")
    what = pd.Series(np.where(seen["deal"].eq(day), "won deal", "first purchase"), rows.index)
    return _state(rows, until > as_of, what + " on " + day.dt.strftime("%Y-%m-%d"), until)


def mid_contract(
    rows: pd.DataFrame,
    contracts: pd.DataFrame,
    transactions: pd.DataFrame,
    products: pd.DataFrame,
    as_of: pd.Timestamp,
    open_months: float = OPEN_MONTHS,
) -> pd.DataFrame:
    """Say which accounts are bound by a contract for a line, or have paid ahead, for longer than talks about the next
    one take.

    A contract under notice binds nobody: the account is looking. A contract for line ``all`` binds for every line. Of
    several entries of one the last holds. Without any contract in the data the state is unknown, but where a period is
    paid for ahead.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    contracts, transactions, products : ``tables.schema.CONTRACTS``, ``TRANSACTIONS``, ``PRODUCTS``
    open_months : before the end, the time in which the account is open to offers

    Returns
    -------
    DataFrame, index as `rows`: ``state, evidence, until``

    Raises
    ------
    ValueError
        If `open_months` is negative.

    References
    ----------
    S2-16. House definition; README, glossary entry "mid-contract".
    """
    if open_months < 0:
        raise ValueError(f"open_months must be 0 or more, got {open_months}.")
    last = programme.latest_entries("contracts", contracts)
    running = last[last["start"].le(as_of) & last["end"].ge(as_of) & ~last["notice_date"].le(as_of)]
    ends = running.groupby(["account_id", "product_line"])["end"].max().rename("end")
    whole = running[running["product_line"] == ALL].groupby("account_id")["end"].max().rename("whole")
    paid = with_product_line(transactions[transactions["period_end"].notna() & (transactions["revenue"] > 0)], products)
    ahead = paid.groupby(["account_id", "product_line"])["period_end"].max().rename("ahead")
    seen = rows.join(ends, on=["account_id", "product_line"]).join(whole, on="account_id")
    seen = seen.join(ahead, on=["account_id", "product_line"])
    bound = seen[["end", "whole"]].max(axis=1)
    end = pd.concat([bound, seen["ahead"]], axis=1).max(axis=1)
    until = end - pd.Timedelta(days=round(open_months * 365 / 12))
    what = pd.Series(np.where(bound.notna() & (bound >= end), "contract runs to ", "paid to "), rows.index)
    return _state(rows, until > as_of, what + end.dt.strftime("%Y-%m-%d"), until, unknown=contracts.empty)


def distressed(rows: pd.DataFrame, accounts: pd.DataFrame, shrinking: pd.Index) -> pd.DataFrame:
    """Say which accounts are struggling, and so may not be able to afford it.

    Only the outlook says yes or no. An account without one is unknown, with a remark where it buys less than usual:
    that may be distress, or business that goes elsewhere. The outlook is known as of now: in a back-dated report it is
    missing.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    accounts : ``tables.schema.ACCOUNTS``
    shrinking : accounts that buy less than usual, such as those raised by `lost_business.lost_business_flag`

    Returns
    -------
    DataFrame, index as `rows`: ``state, evidence, until`` (always missing: nobody knows)

    References
    ----------
    S2-16. House definition; README, glossary entry "distressed".
    """
    outlook = rows["account_id"].map(accounts.set_index("account_id")["growth_outlook"])
    less = rows["account_id"].isin(shrinking)
    bad = outlook == "struggling"
    said = pd.Series(np.where(bad, "outlook: struggling", ""), rows.index, dtype="str")
    said = said.mask(bad & less, "outlook: struggling, and buys less than usual")
    out = _state(rows, bad.fillna(False), said, pd.Series(pd.NaT, rows.index))
    out["state"] = out["state"].mask(outlook.isna(), UNKNOWN)
    out["evidence"] = out["evidence"].mask(outlook.isna() & less, "buys less than usual; no outlook known")
    return out


def _state(
    rows: pd.DataFrame, yes: pd.Series, evidence: pd.Series | str, until: pd.Series, unknown: bool = False
) -> pd.DataFrame:
    """One state of each row; evidence and end only where it is yes."""
    out = pd.DataFrame({"state": np.where(yes, YES, UNKNOWN if unknown else NO)}, index=rows.index)
    said = evidence if isinstance(evidence, pd.Series) else pd.Series(evidence, rows.index, dtype="str")
    return out.assign(evidence=said.astype("str").where(yes), until=until.astype("datetime64[us]").where(yes))


def exclusions(rows: pd.DataFrame, states: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the states together: who is to be left alone now, why, and until when.

    Excluded is ``yes`` where a state is, ``unknown`` where none is and one is unknown, otherwise ``no``.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    states : per name of `STATES` the DataFrame of its function

    Returns
    -------
    DataFrame, one row per account and line: ``account_id, product_line``, each state, each state's ``…_evidence`` and
    ``…_until``, ``excluded``, ``reason`` (names of the states that are yes), ``until`` (day on which the last of them
    ends; missing where one has no known end)

    Raises
    ------
    ValueError
        If a state is missing.

    References
    ----------
    S2-16.
    """
    missing = [name for name in STATES if name not in states]
    if missing:
        raise ValueError(f"states: {len(missing)} of {len(STATES)} missing ({missing}). Give every state.")
    out = rows.copy()
    for name in STATES:
        out[name] = states[name]["state"]
        out[f"{name}_evidence"], out[f"{name}_until"] = states[name]["evidence"], states[name]["until"]
    said = out[list(STATES)]
    yes = said.eq(YES)
    reason = pd.Series("", index=out.index, dtype="str")
    for name in STATES:
        reason = reason.where(~yes[name], reason + np.where(reason == "", "", "; ") + name)
    ends = out[[f"{name}_until" for name in STATES]]
    endless = (yes.to_numpy() & ends.isna().to_numpy()).any(axis=1)
    return out.assign(
        excluded=np.select([yes.any(axis=1), said.eq(UNKNOWN).any(axis=1)], [YES, UNKNOWN], NO),
        reason=reason.where(yes.any(axis=1)),
        until=ends.max(axis=1).mask(endless),
    )


def counts(excluded: pd.DataFrame) -> pd.DataFrame:
    """Count accounts and lines by state; each row sums to all of them.

    Returns
    -------
    DataFrame of counts: one row per state and one for ``excluded``, columns ``yes, no, unknown``
    """
    table = {name: excluded[name].value_counts() for name in (*STATES, "excluded")}
    return pd.DataFrame(table).T.reindex(columns=[YES, NO, UNKNOWN]).fillna(0).astype(int)


def published(rows: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """Say whom a published vendor rule would leave out: accounts with an open deal, or with a won one, whatever the
    line.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    deals : DataFrame of `with_days`

    Returns
    -------
    DataFrame, index as `rows`, bool: ``in_pipeline, customer, left_out``

    References
    ----------
    Demandbase, older Pipeline Predict models: only accounts neither in the pipeline nor customers were scored (support
    article 360053933972); stages Opportunity and Customer of its default journey (360053277611).
    """
    live = rows["account_id"].isin(open_deals(deals)["account_id"])
    bought = rows["account_id"].isin(deals.loc[won_flag(deals), "account_id"])
    return pd.DataFrame({"in_pipeline": live, "customer": bought, "left_out": live | bought})


def outcomes(excluded: pd.DataFrame, opened: pd.DataFrame) -> pd.DataFrame:
    """Hold the states of a past day against the deals opened since: do those excluded open fewer?

    It tests the seed's claim on the user's own data; it predicts nothing. ``too_early`` with fewer than
    `FLOOR_OUTCOMES` rows with a deal or without one.

    Parameters
    ----------
    excluded : DataFrame of `exclusions`, as known on the past day
    opened : deals opened after it, with ``account_id`` and ``product_line``

    Returns
    -------
    DataFrame, one row per state and value: ``state, value, share`` (of rows with a deal since), ``low, high, n``,
    ``status``

    References
    ----------
    S2-16. Wilson (1927) interval.
    """
    since = pd.MultiIndex.from_frame(opened[["account_id", "product_line"]].dropna())
    hit = pd.Series(pd.MultiIndex.from_frame(excluded[["account_id", "product_line"]]).isin(since), excluded.index)
    parts = []
    for name in (*STATES, "excluded"):
        by = hit.groupby(excluded[name]).agg(["sum", "size"])
        by = by.reindex(by.index.intersection([YES, NO, UNKNOWN], sort=False))
        found = wilson(by["sum"], by["size"]).assign(state=name)
        few = (by["sum"] < FLOOR_OUTCOMES) | (by["size"] - by["sum"] < FLOOR_OUTCOMES)
        parts.append(found.assign(status=np.where(few, "too_early", "ok")).rename_axis("value").reset_index())
    return pd.concat(parts, ignore_index=True)[["state", "value", "share", "low", "high", "n", "status"]]
