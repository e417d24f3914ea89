"""Whom we know and reach at each account: contacts, roles, the list, and how much we know."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.measures import estimate_row, share_row
from abmlib.method.orders import account_positions, per_account
from abmlib.stats import intervals

SEED = 17  # of every bootstrap here
FRESH_DAYS = 180.0  # days in which what we know halves in worth


def contact_states(contacts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Say of each contact whether it can be reached, or why not. No row is dropped.

    Parameters
    ----------
    contacts : DataFrame, one row per person
        ``tables.schema.CONTACTS``, as known at the end of `as_of`.

    Returns
    -------
    DataFrame, as `contacts`, with bool ``no_account, departed, bounced, opted_out`` (more than one may hold),
    ``reachable`` (none holds) and ``role_known`` (its buying role is neither missing nor ``unknown``)

    References
    ----------
    Metric dictionary C-17, C-18 (valid members). House definition; README, glossary entry "reachable contact".
    """
    states = pd.DataFrame(
        {
            "no_account": contacts["account_id"].isna(),
            "departed": contacts["valid_to_day"] <= as_of,
            "bounced": contacts["email_bounced"].fillna(False).astype(bool),
            "opted_out": contacts["opted_out"].fillna(False).astype(bool),
        }
    )
    role = contacts["buying_role"]
    return contacts.assign(**states, reachable=~states.any(axis=1), role_known=role.notna() & (role != "unknown"))


def contact_density(contacts: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Count the contacts of each account: known (not departed), reachable, and reachable with a known role.

    Every account has a row, 0 without a contact.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`

    Returns
    -------
    DataFrame of counts, indexed by `accounts`: ``known, reachable, with_role, departed``

    References
    ----------
    Metric dictionary C-17.
    """
    place = account_positions(contacts, accounts)
    which = {
        "known": ~contacts["departed"],
        "reachable": contacts["reachable"],
        "with_role": contacts["reachable"] & contacts["role_known"],
        "departed": contacts["departed"],
    }
    return pd.DataFrame(
        {
            name: np.bincount(place[(place >= 0) & of.to_numpy(bool)], minlength=len(accounts))
            for name, of in which.items()
        },
        index=accounts,
    )


def density_rows(density: pd.DataFrame) -> list[dict[str, Any]]:
    """Measure the mean number of contacts per account of the list, known and reachable, with its bootstrap interval.

    Parameters
    ----------
    density : DataFrame of `contact_density`

    References
    ----------
    Metric dictionary C-17.
    """
    return [
        estimate_row(
            "C-17", f"{name}_contacts_per_account", intervals.estimate(density[name], np.mean, SEED), "contacts"
        )
        for name in ("known", "reachable")
    ]


def role_coverage(
    contacts: pd.DataFrame,
    accounts: pd.Index,
    required: Mapping[str, int],
    weights: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Give the share of the required roles in which each account can be reached by as many people as the play needs.

    Every account has a row; one without a contact scores 0.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`; only reachable ones count
    required : people needed by role, >= 1
    weights : importance by role, > 0; roles count alike where none are given

    Returns
    -------
    DataFrame, indexed by `accounts`
        ``roles_filled`` (with as many people as needed, or more), ``roles_required``; shares from 0 to 1: ``role_coverage``
        (filled ÷ required), ``role_coverage_weighted`` (by `weights`), ``completeness`` (mean over roles of people ÷ people
        needed, at most 1 each); ``missing_roles`` (not filled, joined by ;)

    Raises
    ------
    ValueError
        If `required` is empty, asks for less than one person, or `weights` does not give each role one above 0.

    References
    ----------
    Metric dictionary C-18; AdobeDocs/journey-optimizer-b2b.en, completeness-scores (B40): the older rule is
    ``role_coverage`` with one person each, the newer ``completeness``, as in its examples (its formula there, with the
    threshold subtracted, contradicts them).

    Examples
    --------
    >>> people = pd.DataFrame({"account_id": list("aaa"), "buying_role": ["x", "y", "z"], "reachable": True})
    >>> role_coverage(people, pd.Index(["a"]), {"w": 1, "x": 1, "y": 1, "z": 1})["role_coverage"].tolist()
    [0.75]
    """
    roles = pd.Index(list(required))
    weight = pd.Series(weights if weights is not None else dict.fromkeys(required, 1.0), dtype=float)
    if roles.empty or min(required.values()) < 1:
        raise ValueError(
            f"required must ask for one person or more of each of one or more roles, got {dict(required)}."
        )
    if not (weight.reindex(roles) > 0).all():
        raise ValueError(f"weights must give each of {list(roles)} one above 0, got {weight.to_dict()}.")
    place, role = account_positions(contacts, accounts), roles.get_indexer(contacts["buying_role"])
    useful = (place >= 0) & (role >= 0) & contacts["reachable"].to_numpy(bool)
    cells = np.bincount(place[useful] * len(roles) + role[useful], minlength=len(accounts) * len(roles))
    people, needed = cells.reshape(len(accounts), len(roles)), np.array(list(required.values()))
    filled, share = people >= needed, (weight[roles] / weight[roles].sum()).to_numpy()
    kinds, which = np.unique(filled, axis=0, return_inverse=True)  # few, so that no account is looped over
    named = np.array([";".join(roles[~kind]) for kind in kinds], dtype=object)
    return pd.DataFrame(
        {
            "roles_filled": filled.sum(axis=1),
            "roles_required": len(roles),
            "role_coverage": filled.mean(axis=1),
            "role_coverage_weighted": filled @ share,
            "completeness": np.minimum(people / needed, 1).mean(axis=1),
            "missing_roles": pd.array(named[which.reshape(-1)], dtype="str"),
        },
        index=accounts,
    )


def list_coverage(contacts: pd.DataFrame, panel: pd.DataFrame, accounts: pd.Index) -> list[dict[str, Any]]:
    """Measure the share of a list that is covered, under each of three definitions in use.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`
    panel : touches of the window, of any direction: DataFrame with ``account_id, rows``

    Returns
    -------
    Rows of `measures`: accounts with a contact that has not departed; with a reachable contact of known role; with a touch

    References
    ----------
    Metric dictionary C-19.
    """
    density = contact_density(contacts, accounts)
    covered = {
        "list_with_contact": density["known"] > 0,
        "list_with_mapped_role": density["with_role"] > 0,
        "list_with_touch": _touches(panel, accounts) > 0,
    }
    return [share_row("C-19", name, int(of.sum()), len(accounts)) for name, of in covered.items()]


def reach(panel: pd.DataFrame, accounts: pd.Index) -> dict[str, Any]:
    """Measure the share of a list that we reached out to; what accounts did themselves does not count.

    Parameters
    ----------
    panel : touches of the window: DataFrame with ``account_id, direction, rows``; keep those of one programme for its reach

    References
    ----------
    Metric dictionary C-20.
    """
    out = _touches(panel[panel["direction"] == "outbound"], accounts)
    return share_row("C-20", "list_reached_outbound", int((out > 0).sum()), len(accounts))


def _touches(panel: pd.DataFrame, accounts: pd.Index) -> np.ndarray:
    """Count touches of each account."""
    place = account_positions(panel, accounts)
    return per_account(place[place >= 0], panel["rows"].to_numpy(float)[place >= 0], accounts)


def penetration_of_list(states: pd.DataFrame) -> dict[str, Any]:
    """Measure the share of a list that is engaged, in the pipeline or a customer.

    Not to be mixed up with `penetration_of_committees`, which goes by the same name elsewhere.

    Parameters
    ----------
    states : DataFrame of bool, one row per account of the list: ``engaged, in_pipeline, customer``

    References
    ----------
    Metric dictionary C-21, first school.
    """
    inside = states[["engaged", "in_pipeline", "customer"]].any(axis=1)
    return share_row("C-21", "penetration_of_list", int(inside.sum()), len(states))


def penetration_of_committees(contacts: pd.DataFrame, panel: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Give the share of each account's known buying committee that is engaged.

    The committee: contacts with a known role that have not departed. Every account has a row.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`
    panel : touches of the window that count as engagement, such as inbound ones: DataFrame with ``contact_id, rows``

    Returns
    -------
    DataFrame, indexed by `accounts`: ``committee, engaged`` (people), ``penetration`` (share; missing without a committee)

    References
    ----------
    Metric dictionary C-21, second school.
    """
    members = contacts[contacts["role_known"] & ~contacts["departed"]]
    place = account_positions(members, accounts)
    touched = members["contact_id"].isin(panel.loc[panel["rows"] > 0, "contact_id"].dropna()).to_numpy()
    committee, engaged = (
        np.bincount(place[(place >= 0) & of], minlength=len(accounts)) for of in (np.ones(len(place), bool), touched)
    )
    found = pd.DataFrame({"committee": committee, "engaged": engaged}, index=accounts)
    return found.assign(penetration=found["engaged"] / found["committee"].where(found["committee"] > 0))


def committee_row(penetration: pd.DataFrame) -> dict[str, Any]:
    """Measure the mean penetration of committees over accounts with one, with its bootstrap interval.

    Parameters
    ----------
    penetration : DataFrame of `penetration_of_committees`

    References
    ----------
    Metric dictionary C-21, second school.
    """
    found = intervals.estimate(penetration["penetration"], np.mean, SEED)
    return estimate_row("C-21", "penetration_of_committees_mean", found, "share")


def information_scope(
    accounts: pd.DataFrame,
    fields: Mapping[str, float],
    days_since_last: pd.Series,
    role_coverage: pd.Series,
    fresh_days: float = FRESH_DAYS,
) -> pd.DataFrame:
    """Say how much we know of each account: filled fields, times freshness, times role coverage.

    Every account has a row. An account without a dated record has freshness 0. That accounts we know well are won more often,
    if so, does not say that knowing them wins them.

    Parameters
    ----------
    accounts : DataFrame indexed by account id, with the columns that `fields` names
    fields : weight by column, > 0
    days_since_last : days from its newest record to the day asked, by account id
    role_coverage : share by account id; missing counts as 0
    fresh_days : days in which freshness halves

    Returns
    -------
    DataFrame, indexed as `accounts`, shares from 0 to 1: ``filled, freshness, role_coverage, information_scope``

    Raises
    ------
    ValueError
        If `fields` is empty, names a column that is not there or a weight not above 0, or `fresh_days` is not above 0.

    References
    ----------
    Metric dictionary C-27; S0-13. House definition; README, glossary entry "information scope".
    """
    missing = sorted(set(fields) - set(accounts.columns))
    if missing or not fields or not min(fields.values()) > 0:
        raise ValueError(
            f"fields: {missing or dict(fields)} cannot be weighed. Give columns of accounts, each above 0."
        )
    if not fresh_days > 0:
        raise ValueError(f"fresh_days must be above 0, got {fresh_days}.")
    weight = pd.Series(fields, dtype=float)
    parts = pd.DataFrame(
        {
            "filled": accounts[list(fields)].notna().to_numpy(float) @ (weight / weight.sum()).to_numpy(),
            "freshness": np.exp2(
                -days_since_last.reindex(accounts.index).astype(float).clip(lower=0) / fresh_days
            ).fillna(0.0),
            "role_coverage": role_coverage.reindex(accounts.index).astype(float).fillna(0.0),
        },
        index=accounts.index,
    )
    return parts.assign(information_scope=parts.prod(axis=1))
