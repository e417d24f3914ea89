"""From people to buying groups: who is known in which role of each account, and which roles lack a person."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.method.measures import share_row, share_rows
from abmlib.method.orders import refuse_repeated
from abmlib.tables import schema

SENIOR = ("c_level", "vp", "director")
NAME = "00_buying_groups"
DECIDER = "decision_maker"
KNOWN = 0.5  # share of people with a role, below which nobody knows who decides
LARGE = 0.01  # share of the open amount from which it is said of an account


def buying_groups(
    states: pd.DataFrame,
    in_deals: pd.DataFrame,
    open_deals: pd.DataFrame,
    touched: pd.DataFrame,
    accounts: pd.Index,
    required: Sequence[str],
) -> pd.DataFrame:
    """The buying group of each account, role by role; people are counted, not named.

    A person who left counts in no role. The role stated in the account's largest open deal comes before the one in contacts; a
    person with two roles in a deal counts in both. Every account has a row per required role, and one per other role that
    somebody has. Where nobody's role is known there is no row. Of people who opted out, neither level nor last touch counts.

    Parameters
    ----------
    states : DataFrame of `coverage.contact_states`
    in_deals : ``tables.schema.OPPORTUNITY_CONTACTS``
    open_deals : ``tables.schema.OPPORTUNITIES``, the open ones; the one of most amount is the account's largest
    touched : DataFrame with ``contact_id, day``, touches that the account started or shared
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame to the spec of ``00_buying_groups``

    References
    ----------
    S0-12; metric dictionary C-18 (valid members).
    """
    refuse_repeated(accounts)
    there = states[~states["departed"] & states["account_id"].isin(accounts)].set_index("contact_id")
    largest = open_deals.sort_values("amount", ascending=False, na_position="last", kind="stable")
    largest = largest.drop_duplicates("account_id")["opportunity_id"]
    named = in_deals[in_deals["opportunity_id"].isin(largest) & in_deals["contact_id"].isin(there.index)]
    stated = named.loc[named["role"] != "unknown", ["contact_id", "role"]]
    own = there.loc[there["role_known"] & ~there.index.isin(stated["contact_id"]), "buying_role"]
    people = pd.concat([stated, own.rename("role").reset_index()], ignore_index=True)
    if people.empty:
        return schema.empty(NAME)
    newest = touched.groupby("contact_id")["day"].max()
    who = people["contact_id"]
    quiet = there["opted_out"].reindex(who).to_numpy(bool)
    each = people.assign(
        account_id=there["account_id"].reindex(who).to_numpy(),
        reachable=there["reachable"].reindex(who).to_numpy(bool),
        senior=there["seniority"].isin(SENIOR).reindex(who).to_numpy() & ~quiet,
        in_largest_deal=who.isin(named["contact_id"]),
        last_touch=newest.reindex(who).mask(quiet).to_numpy(),
    )
    counts = ["reachable", "senior", "in_largest_deal"]
    by = each.groupby(["account_id", "role"])
    found = by[counts].sum().assign(people=by.size(), last_touch=by["last_touch"].max())
    whole = pd.MultiIndex.from_product([accounts, required], names=["account_id", "role"])
    table = found.reindex(whole.union(found.index, sort=False))
    table[["people", *counts]] = table[["people", *counts]].fillna(0)
    table = table.reset_index()
    place = table["account_id"].map(pd.Series(np.arange(len(accounts)), accounts))
    table = table.assign(missing=table["role"].isin(required) & (table["reachable"] == 0)).iloc[
        place.argsort(stable=True)
    ]
    return schema.conform(NAME, table)


def people_to_find(
    lacking: pd.Series,
    groups: pd.DataFrame,
    open_amount: pd.Series,
    whole: float,
    many: int,
    role: str = "decision_maker",
) -> pd.Series:
    """Say whom to find at accounts: those that lack too many roles, and those with the largest open deals that lack one.

    Parameters
    ----------
    lacking : reason by account id, of `data_quality.customers_without_roles`
    groups : DataFrame of `buying_groups`
    open_amount : by account id
    whole : amount of all open deals, also of those without an account
    many : accounts with the largest open amount, at which `role` alone is a reason

    Returns
    -------
    Series of reasons by account id, the largest open amount first
    """
    worth = open_amount[open_amount > 0].sort_values(ascending=False)
    bare = groups.loc[groups["missing"] & (groups["role"] == role), "account_id"]
    first = worth.head(many).index
    first = first[first.isin(bare) & ~first.isin(lacking.index)]
    also = pd.Series(f"nobody to reach as {role.replace('_', ' ')}", first, dtype="str")
    every = pd.concat([lacking, also]) if len(lacking) else also
    part = (worth / whole).reindex(every.index)
    told = (", " + part.map("{:.0%}".format).astype("str") + " of the open amount").where(part >= LARGE, "")
    return (every + told).loc[worth.reindex(every.index).fillna(0).sort_values(ascending=False, kind="stable").index]


def without_decider(states: pd.DataFrame, in_deals: pd.DataFrame, open_deals: pd.DataFrame, part: float) -> pd.Series:
    """Give the open amount of accounts that hold a large part of all, and where nobody we reach decides.

    Nothing is said where fewer than `KNOWN` of all people have a role.

    Parameters
    ----------
    states, in_deals, open_deals : as in `buying_groups`
    part : share of the open amount, above which an account is large
    """
    amount = open_deals.groupby("account_id")["amount"].sum()
    large = amount[amount > part * open_deals["amount"].sum()]
    if not states["role_known"].mean() >= KNOWN or (open_deals["amount"] < 0).any():
        return large.head(0)
    nobody = pd.DataFrame({"contact_id": pd.Series(dtype="str"), "day": pd.Series(dtype="datetime64[us]")})
    groups = buying_groups(states, in_deals, open_deals, nobody, large.index, [DECIDER])
    return large[large.index.isin(groups.loc[groups["missing"] & (groups["role"] == DECIDER), "account_id"])]


def group_rows(groups: pd.DataFrame, accounts: pd.Index, required: Sequence[str]) -> pd.DataFrame:
    """Rows of `measures`: of some accounts, such as those with an open deal, how many have whom a play needs.

    All roles, and each required role; shares of accounts with their Wilson interval, missing where no role is known.

    Parameters
    ----------
    groups : DataFrame of `buying_groups`
    accounts : Index of account ids

    References
    ----------
    S0-12; metric dictionary C-18.
    """
    asked = groups[groups["account_id"].isin(accounts) & groups["role"].isin(required)]
    n = asked["account_id"].nunique()
    whole = int((~asked.groupby("account_id")["missing"].any()).sum())
    why = "" if n or groups.empty else "an open deal"
    all_roles = share_row("C-18", "buying_groups_whole", whole, n, why=why)
    reached = (~asked["missing"]).groupby(asked["role"]).agg(["sum", "size"]).reindex(list(required)).dropna()
    by_role = share_rows(
        "C-18", "buying_group_role_reached", reached["sum"].astype(int), reached["size"].astype(int),
        group_by="role", group=reached.index,
    )  # fmt: skip
    return pd.concat([pd.DataFrame([all_roles]), by_role], ignore_index=True)
