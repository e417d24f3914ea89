"""Tiger teams: who works for which persona, what is missing, and whether the hours suffice."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.method.measures import counted_row, measure_row
from abmlib.tables import programme

MARKETING = ("creative", "analytics", "technology", "communications", "digital")  # the functions S3-8 names
TIERS = ("1", "2", "3")
NOBODY = "no persona"


def roster(team: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    """Who works where: one row per person, persona and function, as last entered.

    A person who works for no persona, or for one that is not entered, has the persona ``no persona``.

    Parameters
    ----------
    team, personas : DataFrames of ``tables.schema`` ``team`` and ``personas``

    Returns
    -------
    DataFrame: ``person_id, team, persona`` (its name), ``function, hours`` (a month, of the person and not of the
    place)
    """
    last = programme.latest_entries("team", team)
    names = programme.latest_entries("personas", personas).set_index("persona_id")["name"]
    hours = last.groupby("person_id")["capacity_hours"].last()
    persona = last["persona_id"].map(names).fillna(NOBODY)
    places = last.assign(persona=persona, hours=last["person_id"].map(hours).astype(float))
    by = ["persona", "function", "person_id"]
    places = places.drop_duplicates(by).sort_values(by, ignore_index=True)
    return places[["person_id", "team", "persona", "function", "hours"]]


def matrix(people: pd.DataFrame, personas: pd.DataFrame, functions: Sequence[str] = MARKETING) -> pd.DataFrame:
    """People by persona and function, with the hours worked for each persona.

    Every persona has a row and every function asked for a column; functions beyond those follow where somebody holds
    them. A person with several places counts in each of them, so the columns cannot be added up; `hours` of a persona
    shares the person's hours equally among the person's personas, so that its sum counts each once.

    Parameters
    ----------
    people : DataFrame of `roster`
    personas : DataFrame of ``tables.schema`` ``personas``

    Returns
    -------
    DataFrame: ``persona``, one column of counts per function, ``hours``; last ``no persona``, where somebody has none

    References
    ----------
    S3-8: team composition matrix (persona × function).
    """
    rows = list(dict.fromkeys(programme.latest_entries("personas", personas)["name"]))
    rows += [NOBODY] if (people["persona"] == NOBODY).any() else []
    held = [f for f in people["function"].drop_duplicates() if f not in functions]
    table = pd.crosstab(people["persona"], people["function"])
    table = table.reindex(index=rows, columns=[*functions, *held], fill_value=0)
    each = people.drop_duplicates(["person_id", "persona"])
    share = each["hours"] / each.groupby("person_id")["persona"].transform("size").astype(float)
    hours = share.groupby(each["persona"]).sum().reindex(rows, fill_value=0.0)
    return table.assign(hours=hours).rename_axis(index="persona", columns=None).reset_index()


def gaps(table: pd.DataFrame, functions: Sequence[str] = MARKETING) -> pd.DataFrame:
    """What the team of each persona lacks, the one that lacks most first.

    A persona whose team is complete has no row.

    Parameters
    ----------
    table : DataFrame of `matrix`

    Returns
    -------
    DataFrame: ``persona, missing`` (count), ``functions`` (their names), ``hours``

    References
    ----------
    S3-8: gap check.
    """
    asked = table[table["persona"] != NOBODY]
    bare = asked[list(functions)] == 0
    named = [", ".join(f for f, none in zip(functions, row, strict=True) if none) for row in bare.to_numpy()]
    out = asked[["persona", "hours"]].assign(missing=bare.sum(axis=1), functions=named)
    out = out[out["missing"] > 0].sort_values(["missing", "persona"], ascending=[False, True], ignore_index=True)
    return out[["persona", "missing", "functions", "hours"]]


def capacity(people: pd.DataFrame, tier: pd.Series, hours_per_account: Sequence[float]) -> pd.DataFrame:
    """Set the hours the team has against those its accounts need.

    Each person's hours count once, whatever places the person holds.

    Parameters
    ----------
    people : DataFrame of `roster`
    tier : Series, tier of each account today; those in none do not count
    hours_per_account : hours a month that one account of tier 1, 2 and 3 needs

    Returns
    -------
    DataFrame of four rows, the tiers and ``all``: ``tier, accounts, hours_per_account`` (missing of all),
    ``hours_needed``; of all also ``hours_available`` (missing without anybody) and ``used`` (needed ÷ available;
    missing without hours)

    Raises
    ------
    ValueError
        If not three numbers of 0 or more are given.

    References
    ----------
    S1-22e: capacity check (hours vs plan); S3-8.
    """
    if len(hours_per_account) != len(TIERS) or min(hours_per_account) < 0:
        raise ValueError(f"hours_per_account must be three numbers of 0 or more, got {list(hours_per_account)}.")
    per = pd.DataFrame({"tier": TIERS, "hours_per_account": [float(h) for h in hours_per_account]})
    per["accounts"] = per["tier"].map(tier.value_counts()).fillna(0).astype(int)
    per["hours_needed"] = per["accounts"] * per["hours_per_account"]
    available = people.drop_duplicates("person_id")["hours"].sum() if len(people) else np.nan
    total = per[["accounts", "hours_needed"]].sum().to_dict() | {"tier": "all", "hours_available": available}
    total["used"] = total["hours_needed"] / available if available > 0 else np.nan
    columns = ["tier", "accounts", "hours_per_account", "hours_needed", "hours_available", "used"]
    return pd.concat([per, pd.DataFrame([total])], ignore_index=True)[columns].astype({"accounts": int})


def team_rows(
    table: pd.DataFrame, hours: pd.DataFrame, functions: Sequence[str] = MARKETING
) -> list[dict[str, object]]:
    """Rows of `measures`: share of the functions filled in each persona's team, and the hours needed of those available.

    Parameters
    ----------
    table : DataFrame of `matrix`
    hours : DataFrame of `capacity`

    References
    ----------
    S3-8; S1-22e.
    """
    asked = table[table["persona"] != NOBODY].set_index("persona")
    filled = (asked[list(functions)] > 0).sum(axis=1)
    rows = [
        counted_row("S3-8", "persona_functions_filled", k, len(functions), group_by="persona", group=persona)
        for persona, k in filled.items()
    ]
    everyone = counted_row("S3-8", "persona_functions_filled", int(filled.sum()), len(asked) * len(functions))
    total = hours.iloc[-1]
    return [
        everyone,
        *rows,
        measure_row("S1-22e", "team_hours_needed_of_available", total["used"], "share", total["accounts"]),
    ]
