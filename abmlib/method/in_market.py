"""Who is not in the market now, and why: just bought, mid-contract, or in distress. It says nothing of who will buy.

Each state is ``yes``, ``no`` or ``unknown``; where a table that would tell is absent or says nothing, the state is
unknown.
"""

from collections.abc import Mapping
from itertools import compress

import numpy as np
import pandas as pd

from abmlib.method.orders import refuse_repeated
from abmlib.stats import survival
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables import programme

YES, NO, UNKNOWN = "yes", "no", "unknown"
STATES = ("just_bought", "mid_contract", "distressed")
ALL = "all"  # line of a contract or product that names none
DAY = pd.Timedelta(days=1)
QUIET_DAYS = 180  # after buying, where the data say nothing better
QUIET_SHARE = 0.1  # share of accounts that have bought again when the quiet time ends
OPEN_MONTHS = 6.0  # before a contract ends, the next one is talked about


def pairs(accounts: pd.Index, lines: pd.Index) -> pd.DataFrame:
    """Every account with every line: the rows that the states are given for.

    Raises
    ------
    ValueError
        If `accounts` repeats an id.
    """
    refuse_repeated(accounts)
    return pd.MultiIndex.from_product([accounts, lines], names=["account_id", "product_line"]).to_frame(index=False)


def quiet_days(won: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Days from a won deal until `QUIET_SHARE` of accounts have the next, by line.

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
    rows = rows.assign(days=(after.fillna(as_of) - rows["closed_day"]).dt.days, again=after.notna())
    days = {
        str(line): survival.quantile(deals["days"], deals["again"], QUIET_SHARE).value
        for line, deals in rows.groupby("product_line")
        if deals["again"].sum() >= FLOOR_OUTCOMES
    }
    return pd.Series(days, dtype=float).dropna()


def just_bought(
    rows: pd.DataFrame, lines: pd.DataFrame, won: pd.DataFrame, as_of: pd.Timestamp, quiet: Mapping[str, float]
) -> pd.DataFrame:
    """State of accounts that bought a line lately and will not buy again soon.

    What counts is the newest won deal for the line, and the first purchase of it; a repeat order is none. Without a
    transaction and without a won deal in the whole data the state is unknown.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    lines : DataFrame of `orders.with_product_line`
    won : won deals of `with_days`
    quiet : days of quiet after buying, by line; lines not in it have `QUIET_DAYS`

    Returns
    -------
    DataFrame, index as `rows`: ``state, evidence, until``

    References
    ----------
    S2-16. House definition; README, glossary entry "just bought".
    """
    first, deal = _day(rows, lines[lines["revenue"] > 0], "booked_at", "min"), _day(rows, won, "closed_day", "max")
    day = pd.concat([first, deal], axis=1).max(axis=1)
    until = day + pd.to_timedelta(rows["product_line"].map(quiet).astype(float).fillna(QUIET_DAYS).round(), unit="D")
    what = pd.Series(np.where(deal == day, "won deal", "first purchase"), rows.index)
    otherwise = UNKNOWN if lines.empty and won.empty else NO
    return _state(np.where(until > as_of, YES, otherwise), what + " on " + day.dt.strftime("%Y-%m-%d"), until)


def mid_contract(
    rows: pd.DataFrame,
    contracts: pd.DataFrame,
    lines: pd.DataFrame,
    as_of: pd.Timestamp,
    open_months: float = OPEN_MONTHS,
) -> pd.DataFrame:
    """State of accounts that are bound by a contract or have paid ahead.

    They are bound until talks about the next contract begin, some months before the end. A contract
    under notice binds nobody: the account is looking. A contract for line ``all`` binds for every line. Of several
    entries of one the last holds. Without any contract in the data the state is unknown, except where a period is paid
    for ahead.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    contracts : ``tables.schema.CONTRACTS``
    lines : DataFrame of `orders.with_product_line`
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
    every = running[running["product_line"] == ALL].groupby("account_id")["end"].max()
    every = every.reindex(rows["account_id"]).set_axis(rows.index)
    paid = lines[lines["period_end"].notna() & (lines["revenue"] > 0)]
    bound = pd.concat([_day(rows, running, "end", "max"), every], axis=1).max(axis=1)
    end = pd.concat([bound, _day(rows, paid, "period_end", "max")], axis=1).max(axis=1)
    until = end - pd.Timedelta(days=round(open_months * 365 / 12))
    what = pd.Series(np.where(bound.notna() & (bound >= end), "contract runs to ", "paid to "), rows.index)
    state = np.where(until > as_of, YES, UNKNOWN if contracts.empty else NO)
    return _state(state, what + end.dt.strftime("%Y-%m-%d"), until)


def distressed(rows: pd.DataFrame, accounts: pd.DataFrame, shrinking: pd.Index) -> pd.DataFrame:
    """State of accounts that are struggling, and so may not be able to afford it.

    Only the outlook says yes or no. An account without one is unknown, with a remark where it buys less than usual:
    that may be distress, or business that goes elsewhere. The outlook is known as of now: in a back-dated report it is
    missing.

    Parameters
    ----------
    rows : DataFrame of `pairs`
    accounts : ``tables.schema.ACCOUNTS``
    shrinking : accounts that buy less than usual

    Returns
    -------
    DataFrame, index as `rows`: ``state, evidence, until`` (always missing: nobody knows)

    References
    ----------
    S2-16. House definition; README, glossary entry "distressed".
    """
    outlook = rows["account_id"].map(accounts.set_index("account_id")["growth_outlook"])
    less = rows["account_id"].isin(shrinking)
    bad = outlook.eq("struggling").fillna(False)
    evidence = [(bad & less, "outlook: struggling, and buys less than usual"), (bad, "outlook: struggling")]
    evidence.append((outlook.isna() & less, "buys less than usual; no outlook known"))
    state = np.select([bad, outlook.isna()], [YES, UNKNOWN], NO)
    texts = pd.Series(None, rows.index, dtype="str").case_when(evidence)
    return pd.DataFrame({"state": state, "evidence": texts, "until": pd.Series(pd.NaT, rows.index)})


def _day(rows: pd.DataFrame, table: pd.DataFrame, day: str, which: str) -> pd.Series:
    """First or last day in a table of the account and line of each row."""
    keys = ["account_id", "product_line"]
    days = table.groupby(keys)[day].agg(which)
    return days.reindex(pd.MultiIndex.from_frame(rows[keys])).set_axis(rows.index)


def _state(state: np.ndarray, evidence: pd.Series, until: pd.Series) -> pd.DataFrame:
    """State of each row; evidence and end only where it is yes."""
    yes = state == YES
    until = until.astype("datetime64[us]")
    return pd.DataFrame({"state": state, "evidence": evidence.astype("str").where(yes), "until": until.where(yes)})


def exclusions(rows: pd.DataFrame, states: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Whom to leave alone now, why, and until when: all states together.

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
    parts = [states[name].rename(columns=lambda c, name=name: f"{name}_{c}") for name in STATES]
    out = pd.concat([rows, *parts], axis=1).rename(columns={f"{name}_state": name for name in STATES})
    yes = out[list(STATES)] == YES
    ends = out[[f"{name}_until" for name in STATES]]
    endless = (yes.to_numpy() & ends.isna().to_numpy()).any(axis=1)
    reason = pd.Series(["; ".join(compress(STATES, row)) for row in yes.to_numpy()], out.index, dtype="str")
    unknown = (out[list(STATES)] == UNKNOWN).any(axis=1)
    some = yes.any(axis=1)
    excluded = np.select([some, unknown], [YES, UNKNOWN], NO)
    return out.assign(excluded=excluded, reason=reason.where(some), until=ends.max(axis=1).mask(endless))
