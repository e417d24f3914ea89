"""Whom we can reach at each account, and in which of the roles a play needs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method.orders import account_positions
from abmlib.tables import schema


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
    states = (
        contacts[["email_bounced", "opted_out"]].fillna(False).astype(bool).set_axis(["bounced", "opted_out"], axis=1)
    )
    states = states.assign(no_account=contacts["account_id"].isna(), departed=contacts["valid_to_day"] <= as_of)
    role = contacts["buying_role"]
    return contacts.assign(**states, reachable=~states.any(axis=1), role_known=role.notna() & (role != "unknown"))


def role_coverage(contacts: pd.DataFrame, accounts: pd.Index, required: Mapping[str, int]) -> pd.DataFrame:
    """Share of the required roles in which each account can be reached.

    A role is filled by as many people as the play needs, or more. Every account has a row; one without a contact
    scores 0.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`; only reachable ones count
    accounts : Index of account ids, unique
    required : people needed by role, >= 1

    Returns
    -------
    DataFrame, indexed by `accounts`
        ``roles_filled``, ``roles_required``, ``role_coverage`` (filled ÷ required, from 0 to 1), ``missing_roles`` (not
        filled, joined by ;)

    Raises
    ------
    ValueError
        If `required` is empty or asks for less than one person, or `accounts` repeats an id.

    References
    ----------
    Metric dictionary C-18; AdobeDocs/journey-optimizer-b2b.en, completeness-scores (B40), the older rule with one
    person each.

    Examples
    --------
    >>> people = pd.DataFrame({"account_id": list("aaa"), "buying_role": ["x", "y", "z"], "reachable": True})
    >>> role_coverage(people, pd.Index(["a"]), {"w": 1, "x": 1, "y": 1, "z": 1})["role_coverage"].tolist()
    [0.75]
    """
    roles = pd.Index(list(required))
    if roles.empty or min(required.values()) < 1:
        raise ValueError(
            f"required must ask for one person or more of each of one or more roles, got {dict(required)}."
        )
    place, role = account_positions(contacts, accounts), roles.get_indexer(contacts["buying_role"])
    useful = (place >= 0) & (role >= 0) & contacts["reachable"].to_numpy(bool)
    cells = np.bincount(place[useful] * len(roles) + role[useful], minlength=len(accounts) * len(roles))
    filled = cells.reshape(len(accounts), len(roles)) >= np.array(list(required.values()))
    kinds, which = np.unique(filled, axis=0, return_inverse=True)  # few, so that no account is looped over
    named = np.array([";".join(roles[~kind]) for kind in kinds], dtype=object)
    facts = {"roles_filled": filled.sum(axis=1), "roles_required": len(roles), "role_coverage": filled.mean(axis=1)}
    return pd.DataFrame(facts | {"missing_roles": pd.array(named[which.reshape(-1)], dtype="str")}, accounts)


def deciders(contacts: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Count the people of each account who decide: decision makers, budget holders and executive sponsors.

    Every account has a row. Where the source names no role of any contact, all counts are missing.

    Parameters
    ----------
    contacts : DataFrame of `contact_states`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of counts, indexed by `accounts`: ``known`` (also those who left), ``departed``, ``reachable``

    References
    ----------
    House definition; README, glossary entry "reachable contact".
    """
    deciding = contacts[contacts["buying_role"].isin(schema.DECIDE)].assign(known=True)
    counts = deciding.groupby("account_id")[["known", "departed", "reachable"]].sum()
    counts = counts.reindex(accounts, fill_value=0).astype("Int64")
    return counts if contacts["role_known"].any() else counts.mask(counts.notna())
