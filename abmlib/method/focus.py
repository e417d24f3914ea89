"""Focus areas: for each tier and segment of the list, how much it is worth, which line leads, and whom we meet most."""

import numpy as np
import pandas as pd

from abmlib.method.periods import Period
from abmlib.method.tiger_teams import TIERS
from abmlib.method.white_space import WHITE
from abmlib.tables import programme

FEWEST = 3  # accounts of a tier in a segment; smaller segments are gathered
OTHERS, UNKNOWN = "other segments", "unknown"
AREA = ["tier", "segment"]
COLUMNS = [
    *AREA, "accounts", "worth", "worth_share", "focus_line", "line_accounts", "line_value", "line_alike",
    "persona_met", "persona_touches", "persona_share",
]  # fmt: skip


def areas(listed: pd.DataFrame, industry: pd.Series) -> pd.DataFrame:
    """Put each account of the list into an area: its tier and segment. Accounts in no tier are left out.

    Segments with fewer than `FEWEST` accounts in the tier are one area, `OTHERS`.

    Parameters
    ----------
    listed : DataFrame, one row per account: ``account_id, tier, worth``
    industry : Series by account id

    Returns
    -------
    DataFrame: ``account_id, tier, segment, worth``
    """
    rows = listed[listed["tier"].isin(TIERS)]
    rows = rows.assign(segment=rows["account_id"].map(industry).astype("str").fillna(UNKNOWN))
    many = rows.groupby(AREA)["account_id"].transform("size")
    return rows.assign(segment=rows["segment"].mask(many < FEWEST, OTHERS))[["account_id", *AREA, "worth"]]


def with_personas(contacts: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    """Add to each contact its ``persona``: by name, or the part it plays in buying where no contact has a persona.

    Parameters
    ----------
    contacts : DataFrame of `coverage.contact_states`
    personas : DataFrame of ``tables.schema`` ``personas``
    """
    names = programme.latest_entries("personas", personas).set_index("persona_id")["name"]
    role = contacts["buying_role"].where(contacts["role_known"]).astype("str").str.replace("_", " ")
    named = contacts["persona_id"].map(names).astype("str")
    return contacts.assign(persona=named if named.notna().any() else role)


def focus_areas(
    placed: pd.DataFrame, space: pd.DataFrame, activities: pd.DataFrame, people: pd.DataFrame, period: Period
) -> pd.DataFrame:
    """Say of each area of the list what it is worth, which line to offer first, and which persona is met most.

    The line is the one with most expected white-space value of the accounts in the area. Where 05 could not tell how much white
    space brings, it is the one on which those who never bought it would spend most if they did as their look-alikes, and without
    look-alikes the one that most accounts never bought. The persona is the one whose people have most touches, ours and theirs, of the
    period; machines, meetings only booked and those missed are left out. People are counted, and none is named.

    Parameters
    ----------
    placed : DataFrame of `areas`
    space : ``05_white_space``
    activities : ``tables.schema.ACTIVITIES``, as read
    people : DataFrame of `with_personas`
    period : whose touches count, such as 12 months

    Returns
    -------
    DataFrame, one row per tier and segment, the tiers in order, the most worth first and `OTHERS` last: ``tier, segment, accounts, worth``
    (money; missing ones count as nothing), ``worth_share`` (of the list), ``focus_line, line_accounts`` (that never bought it),
    ``line_value`` (money expected; missing where not told), ``line_alike`` (money: Σ share of look-alikes that buy it × the middle of
    what they spend in 12 months; missing without look-alikes), ``persona_met, persona_touches, persona_share`` (of the people we
    can reach in the area; missing where we can reach nobody)

    References
    ----------
    S3-17. House definition; README, glossary entry "focus area".
    """
    worth = placed["worth"].astype(float)
    by = placed.assign(worth=worth).groupby(AREA)
    found = by.agg(accounts=("account_id", "size"), worth=("worth", "sum"))
    found["worth_share"] = found["worth"] / (worth.sum() or np.nan)
    area = placed.set_index("account_id")[AREA]
    found = found.join(_lines(space.join(area, on="account_id", how="inner")))
    found = found.join(_met(activities, people, area, period))
    found = found.reset_index()
    order = {"tier": True, "gathered": True, "worth": False, "segment": True}
    ranked = found.assign(gathered=found["segment"] == OTHERS).sort_values(list(order), ascending=list(order.values()))
    return ranked.reindex(columns=COLUMNS).reset_index(drop=True)


def _lines(space: pd.DataFrame) -> pd.DataFrame:
    """Line to offer first in each area: ``focus_line, line_accounts, line_value, line_alike``."""
    white = space[space["state"] == WHITE]
    white = white.assign(alike=white["alike_share"] * white["alike_middle"])
    by = white.groupby([*AREA, "product_line"])
    sums = by[["value", "alike"]].sum(min_count=1).assign(line_accounts=by.size()).reset_index()
    named = {"product_line": "focus_line", "value": "line_value", "alike": "line_alike"}
    order = [*AREA, "value", "alike", "line_accounts", "product_line"]
    first = sums.sort_values(order, ascending=[True, True, False, False, False, True]).drop_duplicates(AREA)
    return first.rename(columns=named).set_index(AREA)


def _met(activities: pd.DataFrame, people: pd.DataFrame, area: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Persona met most in each area: ``persona_met, persona_touches, persona_share``."""
    touches = activities[activities["occurred_day"].between(period.start, period.end)]
    machine = touches["is_bot"].fillna(False).astype(bool)
    touches = touches[~machine & ~touches["outcome"].isin(["booked", "no_show"])]
    of_contact = touches["contact_id"].map(people.set_index("contact_id")["persona"]).astype("str")
    met = touches[["account_id"]].assign(persona=of_contact).dropna().join(area, on="account_id", how="inner")
    count = met.groupby([*AREA, "persona"]).size().rename("persona_touches").reset_index()
    count = count.sort_values([*AREA, "persona_touches", "persona"], ascending=[True, True, False, True])
    first = count.drop_duplicates(AREA).set_index(AREA).rename(columns={"persona": "persona_met"})
    known = people[people["reachable"]][["account_id", "persona"]].join(area, on="account_id", how="inner")
    known = known.join(first["persona_met"], on=AREA)
    share = known.assign(own=known["persona"].eq(known["persona_met"]).astype(float)).groupby(AREA)["own"].mean()
    return first.join(share.rename("persona_share"))
