"""Accounts that do not belong on a target list now, and why: just bought, mid-contract, distressed, red flag, opted out, held back.

Each state is a belief about who does not buy. So it is set against the user's own past: it keeps accounts off where the past bears it out,
or where the user says so; otherwise it is marked and the account stays.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from abmlib.method import qualification
from abmlib.method.measures import estimate_row
from abmlib.method.orders import known_before
from abmlib.method.periods import DAY
from abmlib.stats import intervals

SEED = 16  # of every bootstrap here
FEWEST = 10  # accounts in a state, and others, below which the past is not asked
STATES = {  # by what is known of an account on a day; S2-16
    "just_bought": "signed a deal within {days} days",
    "mid_contract": "under a contract that runs beyond the horizon, and no deal is open",
    "distressed": "outsiders expect it to struggle",
    "red_flag": "silent longer than ever before, or gave notice",
}
ALWAYS = {  # whatever the past says
    "opted_out": "everybody we know there asked not to be contacted",
    "held_back": "held back in an experiment that runs",
    "voted_out": "sales and marketing both voted it out",
}
TROUBLED = ("struggling", "distressed", "declining", "shrinking", "insolvent", "negative")  # words of an outlook
FEATURES = [
    "days_since_won",
    "contracts_running",
    "days_to_contract_end",
    "growth_outlook",
    "notices_given",
    "deals_open",
]
AGREES, CONTRADICTS, UNCLEAR, FEW = "holds", "contradicted", "cannot tell", "too few"


def known_states(facts: pd.DataFrame, silent: pd.Series, just_bought_days: int, horizon_days: int) -> pd.DataFrame:
    """Say of each account on a day in which of `STATES` it is, by what was known then. What is unknown is no state.

    Parameters
    ----------
    facts : DataFrame of `Book.features` or `Book.history`, with `FEATURES`
    silent : bool per row of it, of `silence`
    just_bought_days : within which a deal signed counts as just bought
    horizon_days : of the list

    Returns
    -------
    bool DataFrame, rows as `facts`, a column per state

    References
    ----------
    S2-16, S1-21a. House definition; README, glossary entry "exclusion state".
    """
    runs = (
        (facts["contracts_running"] > 0) & (facts["days_to_contract_end"] > horizon_days) & (facts["deals_open"] == 0)
    )
    outlook = facts["growth_outlook"].astype("str").str.lower()
    found = {
        "just_bought": facts["days_since_won"] <= just_bought_days,
        "mid_contract": runs,
        "distressed": outlook.str.contains("|".join(TROUBLED), regex=True),
        "red_flag": silent | (facts["notices_given"] > 0),
    }
    return pd.DataFrame({state: flags.astype("boolean").fillna(False).astype(bool) for state, flags in found.items()})


def silence(transactions: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Say of each row if its account had been silent longer than ever before, as the gate of 03 judges viability.

    Parameters
    ----------
    transactions : ``tables.schema.TRANSACTIONS``, all of today
    rows : DataFrame ``day, account_id``

    Returns
    -------
    bool Series, index as `rows`
    """
    out = pd.Series(False, rows.index)
    for day, own in rows.groupby("day"):
        ids = pd.Index(own["account_id"].unique())
        verdict = qualification.viability(known_before(transactions, day + DAY), ids, day)
        out.loc[own.index] = own["account_id"].map(verdict).eq(qualification.FAIL).to_numpy()
    return out


def opted_out(contacts: pd.DataFrame, accounts: pd.Index) -> pd.Series:
    """Say of each account if somebody is known there and all of them opted out; people who left do not count.

    Parameters
    ----------
    contacts : DataFrame of `coverage.contact_states`
    """
    there = contacts[~contacts["no_account"] & ~contacts["departed"]]
    return there.groupby("account_id")["opted_out"].all().reindex(accounts, fill_value=False).astype(bool)


def tested(past: pd.DataFrame, states: pd.DataFrame, came: pd.Series) -> pd.DataFrame:
    """Set each state against the past: did accounts in it sign, or buy, less often than the others?

    ``holds`` where they did so clearly less often, ``contradicted`` where clearly oftener, ``cannot tell`` where the interval of the ratio holds one,
    ``too few`` below `FEWEST` accounts on a side. Where nobody on a side did, the ratio has no interval, and those of the two rates decide.

    Parameters
    ----------
    past : DataFrame ``day, account_id``
    states : bool DataFrame of `known_states`, rows as `past`
    came : bool Series, did it happen within the horizon after the day

    Returns
    -------
    DataFrame, a row per state: ``state, past_accounts, rate, rate_others, times, times_low, times_high, verdict``

    References
    ----------
    S2-16. Ratio of two rates with accounts as clusters: `intervals.product`.
    """
    out, did = [], came.astype(float)
    for state in states:
        inside = states[state].astype(float)
        parts = pd.DataFrame({"came_in": did * inside, "in": inside, "came_out": did * (1 - inside), "out": 1 - inside})
        n_in, n_out = (past.loc[flags, "account_id"].nunique() for flags in (states[state], ~states[state]))
        rate, others = (parts[f"came_{s}"].sum() / (parts[s].sum() or np.nan) for s in ("in", "out"))
        times, low, high, verdict = np.nan, np.nan, np.nan, FEW
        if min(n_in, n_out) >= FEWEST:
            powers = {"came_in": 1, "in": -1, "out": 1, "came_out": -1}
            times, low, high, _ = intervals.product(parts, powers, SEED, past["account_id"])
            is_less, is_more = high < 1, low > 1
            if pd.isna(low):
                own, other = (
                    intervals.share(did[side] > 0, past.loc[side, "account_id"])
                    for side in (states[state], ~states[state])
                )
                times, is_less, is_more = rate / (others or np.nan), own[2] < other[1], own[1] > other[2]
            verdict = AGREES if is_less else CONTRADICTS if is_more else UNCLEAR
        out.append((state, n_in, rate, others, times, low, high, verdict))
    columns = ["state", "past_accounts", "rate", "rate_others", "times", "times_low", "times_high", "verdict"]
    return pd.DataFrame(out, columns=columns)


def state_rows(judged: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: how often accounts in a state signed, over the others; n accounts in it.

    References
    ----------
    S2-16.
    """
    return [
        estimate_row(
            "S2-16", "excluded_state_times_as_often", (r["times"], r["times_low"], r["times_high"], r["past_accounts"]), "times",
            group_by="state", group=r["state"].replace("_", " "), why="" if r["verdict"] != FEW else f"{FEWEST} accounts in the state on past days",
        )
        for r in judged.to_dict("records")
    ]  # fmt: skip


def first_state(states: pd.DataFrame, judged: pd.DataFrame, exclude: Collection[str]) -> pd.Series:
    """Name the state that keeps each account off the list, of several the last in order, those of `ALWAYS` after the others; empty where none does.

    States of `ALWAYS` exclude whatever the past says. One of `STATES` does where the past bears it out, or if it is among `exclude`.

    Parameters
    ----------
    states : bool DataFrame, one row per account, states in columns
    judged : DataFrame of `tested`
    exclude : names of states that keep accounts off whatever the past says

    Raises
    ------
    ValueError
        If `exclude` names a state that is none of `STATES`.
    """
    if unknown := [s for s in exclude if s not in STATES]:
        raise ValueError(f"exclude: there is no state {unknown[:3]}; there are {list(STATES)}.")
    believed = {*exclude, *judged.loc[judged["verdict"] == AGREES, "state"]}
    out = pd.Series("", states.index, dtype="str")
    for state in [
        *(s for s in states if s in believed),
        *(s for s in states if s in ALWAYS),
    ]:  # the last that holds says most
        out = out.mask(states[state], state)
    return out


def marks(states: pd.DataFrame, kept_off: pd.Series) -> pd.Series:
    """Name the beliefs that hold of an account and do not keep it off, joined by a comma; empty where there is none, or it is kept off.

    Parameters
    ----------
    states : as in `first_state`
    kept_off : of `first_state`
    """
    beliefs = [s for s in states if s in STATES]
    named = [
        ", ".join(s.replace("_", " ") for s, holds in zip(beliefs, row, strict=True) if holds)
        for row in states[beliefs].to_numpy()
    ]
    return pd.Series(named, states.index, dtype="str").where(kept_off == "", "")
