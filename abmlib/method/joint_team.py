"""The joint team of sales and marketing: who does what for which account, the work that waits, and the hours that were noted."""

import numpy as np
import pandas as pd

from abmlib.method.alignment import TEAMS
from abmlib.method.measures import counted_row, measure_rows
from abmlib.tables import programme
from abmlib.tables.days import months_before

NOBODY = "nobody"  # owner of work without one


def account_teams(team: pd.DataFrame, tier: pd.Series, account_owner: pd.Series) -> pd.DataFrame:
    """Who is accountable and responsible for each account of the programme, and what its team lacks.

    Somebody works for an account who is named for it, or owns it and is in the team. Who is accountable for all accounts answers
    for a function (`framework.accountable`), and for no account of its own. Every account of `tier` has a row.

    Parameters
    ----------
    team : DataFrame of ``tables.schema`` ``team``
    tier : Series, tier of each account of the programme
    account_owner : Series, owner of each account

    Returns
    -------
    DataFrame, the highest tier first: ``account_id, tier, accountable, responsible, also_named`` (ids; missing where nobody is
    named), ``lacks`` (what is missing or too much; missing where nothing is)

    References
    ----------
    S1-22e: joint team of sales and marketing, RACI: one is accountable.
    """
    people = programme.latest_entries("team", team)
    named = people[people["account_id"].isin(tier.index)]
    accountable, responsible = named["raci"] == "A", named["raci"] == "R"
    parts = {"accountable": accountable, "responsible": responsible, "also_named": ~(accountable | responsible)}
    ids = {part: named[rows].groupby("account_id")["person_id"].agg(_listed) for part, rows in parts.items()}
    out = pd.DataFrame({"tier": tier} | {part: known.reindex(tier.index).astype("str") for part, known in ids.items()})
    heads = named[accountable].groupby("account_id")["person_id"].nunique().reindex(tier.index, fill_value=0)
    lacks = {"an accountable person": heads == 0, "only one accountable person": heads > 1}
    for name in TEAMS:
        members = people.loc[people["team"].str.lower() == name, "person_id"]
        there = tier.index.isin(named.loc[named["person_id"].isin(members), "account_id"])
        lacks[f"somebody of {name}"] = ~(there | account_owner.reindex(tier.index).isin(members))
    flags = pd.DataFrame(lacks)
    words = ["; ".join(flags.columns[row]) for row in flags.to_numpy(bool)]
    out["lacks"] = pd.Series(words, tier.index, dtype="str").replace("", np.nan)
    return out.rename_axis("account_id").reset_index().sort_values(["tier", "account_id"], ignore_index=True)


def _listed(ids: pd.Series) -> str:
    """Join ids, each once."""
    return ", ".join(sorted(set(ids)))


def roster_of_work(
    team: pd.DataFrame,
    teams: pd.DataFrame,
    account_owner: pd.Series,
    items: pd.DataFrame,
    actions: pd.DataFrame,
    waiting: pd.Index,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Work that waits for each person of the team, and for owners of work who are not in it, beside their hours.

    A team named as the owner, such as ``marketing``, has a row of its own; so has work without an owner (``nobody``).

    Parameters
    ----------
    team : DataFrame of ``tables.schema`` ``team``
    teams : DataFrame of `account_teams`
    account_owner : Series, owner of each account
    items, actions : DataFrames of ``tables.schema`` ``plan_items`` and ``workshop_actions``
    waiting : accounts whose hand-over nobody has answered

    Returns
    -------
    DataFrame to the spec of ``02_team``, people by team and id, owners who are not in the team last

    References
    ----------
    S1-22e: roster, capacity check.
    """
    people = programme.latest_entries("team", team).drop_duplicates("person_id", keep="last").set_index("person_id")
    people = people.sort_index().sort_values("team", kind="stable")
    todo = programme.latest_entries("workshop_actions", actions)
    todo = todo[todo["status"] == "open"]
    work = {
        f"{part}_for": teams[part].dropna().str.split(", ").explode() for part in ("accountable", "responsible")
    } | {
        "accounts_owned": account_owner.reindex(teams["account_id"]),
        "plan_items": running(items, as_of)["owner"].fillna(NOBODY),
        "actions_open": todo["owner"].fillna(NOBODY),
        "actions_overdue": todo.loc[todo["due"] < as_of, "owner"].fillna(NOBODY),
        "hand_overs_waiting": account_owner.reindex(waiting).fillna(NOBODY),
    }
    counts = pd.DataFrame({name: owner.astype("str").value_counts() for name, owner in work.items()})
    everybody = [*people.index, *sorted(set(counts.index) - set(people.index))]
    about = people.rename(columns={"capacity_hours": "hours_available"})[["team", "function", "hours_available"]]
    out = about.reindex(everybody).join(counts.reindex(everybody).fillna(0).astype(int))
    return out.rename_axis("person_id").reset_index()


def running(items: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Latest entries of the plan items that have not ended."""
    plans = programme.latest_entries("plan_items", items)
    return plans[plans["end"].isna() | (plans["end"] >= as_of)]


def noted_hours(
    touches: pd.DataFrame, work: pd.DataFrame, listed: pd.Index, as_of: pd.Timestamp, months: int
) -> pd.DataFrame:
    """Hours that each team noted on accounts of the programme in the last whole months, and how complete the notes are.

    Touches without a team do not count. The hours are those that were noted, so at least so many were spent.

    Parameters
    ----------
    touches : ``Book.panel("activities", ["team", "person_hours"], per="month")``
    work : DataFrame of `roster_of_work`
    listed : accounts of the programme
    months : whole months, the last of them ended by `as_of`

    Returns
    -------
    DataFrame, one row per team with hours or a touch: ``team, hours_available`` (a month), ``touches, noted_share`` (of the
    touches, those with hours), ``hours_noted`` (a month; missing where no touch has hours), ``used`` (noted ÷ available)

    References
    ----------
    S1-22e: capacity check (hours vs plan).
    """
    end = as_of if as_of.is_month_end else as_of - pd.offsets.MonthEnd(1)
    first = months_before(end, months) + pd.Timedelta(days=1)
    own = touches[touches["month"].between(first, end) & touches["account_id"].isin(listed)].astype(
        {"rows": float, "person_hours": float}
    )
    own = own.assign(
        noted=own["rows"].where(own["person_hours"].notna()), hours=own["person_hours"] * own["rows"] / months
    )
    out = own.groupby("team")[["rows", "noted", "hours"]].sum(min_count=1)
    out.insert(0, "hours_available", work.groupby("team")["hours_available"].sum().reindex(out.index))
    rest = work[work["team"].notna() & ~work["team"].isin(out.index)].groupby("team")[["hours_available"]].sum()
    out = pd.concat([out, rest]).sort_index().rename(columns={"rows": "touches", "hours": "hours_noted"})
    out = out.assign(
        touches=out["touches"].fillna(0).astype(int), noted_share=out["noted"].fillna(0) / out["touches"],
        used=out["hours_noted"] / out["hours_available"].where(out["hours_available"] > 0),
    )  # fmt: skip
    columns = ["team", "hours_available", "touches", "noted_share", "hours_noted", "used"]
    return out.rename_axis("team").reset_index()[columns]


def joint_team_rows(teams: pd.DataFrame, work: pd.DataFrame, hours: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` from `account_teams`, `roster_of_work` and `noted_hours`.

    Counts of all there is, so without intervals. Where no team is entered, shares of accounts are missing.

    References
    ----------
    S1-22e.
    """
    lacks, entered = teams["lacks"].fillna(""), bool(work["hours_available"].notna().any())
    asked = {
        "listed_accounts_with_one_accountable": ~lacks.str.contains("accountable"),
        "listed_accounts_with_a_joint_team": ~lacks.str.contains("somebody of"),
    }
    parts = [("all", "all", teams["tier"].notna())]
    parts += [("tier", tier, teams["tier"] == tier) for tier in sorted(teams["tier"].unique())]
    late, todo = int(work["actions_overdue"].sum()), int(work["actions_open"].sum())
    counted = [counted_row("S1-22e", "open_actions_overdue", late, todo)] + [
        counted_row("S1-22e", name, int((good & part).sum()), int(part.sum()) * entered, group_by=by, group=group)
        for name, good in asked.items()
        for by, group, part in parts
    ]
    about = {"n": hours["touches"], "group_by": "team", "group": hours["team"]}
    rows = [
        measure_rows("S1-22e", "touches_with_hours", hours["noted_share"], "share", **about),
        measure_rows("S1-22e", "hours_noted_a_month", hours["hours_noted"], "hours", **about),
        measure_rows("S1-22e", "hours_noted_of_available", hours["used"], "share", **about),
    ]
    return pd.concat([pd.DataFrame(counted), *rows], ignore_index=True)
