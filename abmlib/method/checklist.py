"""The five steps of the programme: what each needs, who answers for it, on what evidence, and what is missing."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method import elements
from abmlib.method.framework import CHECKLIST, accountable
from abmlib.method.measures import counted_row, measure_row
from abmlib.tables import programme

HEADS = "heads of sales and marketing"  # who act where nobody else is named
NAMED = 3  # people of a function who are named; more are counted
STEPS = ("1 cross-functional teams", "2 key accounts", "3 messages", "4 delivery", "5 measurement")  # S3-6 to S3-26
ITEMS: dict[str, int] = {  # step of each item, in the order of the page
    "culture": 0, "go-to-market strategy": 0, "messaging: purpose": 0, "messaging: updated values": 0, "messaging: brand": 0,
    "shared definitions": 0, "sales time set aside": 0, "teams for each persona": 0,
    "data reviewed": 1, "criteria signed": 1, "agreed account list": 1,
    "message for each persona": 2, "content for each persona": 2,
    "plan for each top account": 3, "hand-overs answered": 3,
    "objectives frozen": 4, "accounts held back": 4,
}  # fmt: skip
FUNCTION = CHECKLIST | {
    "teams for each persona": "", "message for each persona": elements.FUNCTIONS["messaging"], "plan for each top account": "sales",
    "hand-overs answered": "sales", "objectives frozen": "analytics", "accounts held back": "analytics",
}  # fmt: skip
RECORDED = {  # items whose state the programme's files show: the file, and what is outstanding
    "teams for each persona": ("team", "personas without a complete team"),
    "criteria signed": ("criteria", "criteria without both signatures"),
    "agreed account list": ("list_votes", "accounts that only one team wants"),
    "message for each persona": ("messages", "personas without a message"),
    "content for each persona": ("content", "personas without content"),
    "plan for each top account": ("plan_items", "tier 1 accounts without a running plan"),
    "hand-overs answered": ("hand_overs", "hand-overs without an answer"),
    "objectives frozen": ("objectives", "objectives not frozen in time"),
    "accounts held back": ("experiments", "experiments with nobody held back"),
}
COLUMNS = [
    "step", "item", "function", "owner", "acts", "function_hours", "score", "change", "scored_on", "age_days", "scored_by", "evidence",
    "done", "last_entry", "lacks",
]  # fmt: skip


def covered_personas(personas: pd.DataFrame, name: str, entries: pd.DataFrame, as_of: pd.Timestamp) -> tuple[int, int]:
    """Count the personas that have a message, or content that has not expired; and all personas.

    Parameters
    ----------
    personas : DataFrame of ``tables.schema`` ``personas``
    name, entries : ``messages`` or ``content``, and its rows
    """
    wanted = programme.latest_entries("personas", personas)["persona_id"]
    last = programme.latest_entries(name, entries)
    ended = last["expires_day"] < as_of if "expires_day" in last else pd.Series(False, last.index)
    return int(wanted.isin(last.loc[~ended.astype(bool), "persona_id"]).sum()), len(wanted)


def checklist(
    scores: pd.DataFrame,
    team: pd.DataFrame,
    records: Mapping[str, tuple[int, int, float]],
    last_entry: Mapping[str, pd.Timestamp],
    as_of: pd.Timestamp,
    score_days: int,
    to_agree: str = "",
) -> pd.DataFrame:
    """Every item of the five steps: owner, evidence, age, what is missing, and who has to act.

    Every item of `ITEMS` has a row; scored items that are none of them follow. Who answers for an item is who the team names
    as accountable (A) for all accounts, in the function the item belongs to; culture and strategy belong to none, and all such
    people answer for them. Evidence is what a person wrote beside the score; it is not checked. Of items in `RECORDED` the
    programme's files show the state, so no score is missing there.

    Parameters
    ----------
    scores, team : DataFrames of ``tables.schema`` ``readiness`` (all entries) and ``team``
    records : of each item of `RECORDED`: how many are done, of how many, and the share of them that is enough
    last_entry : day of the last entry by name of table, missing where there is none
    score_days : days after which a score is out of date
    to_agree : what the agreed account list lacks, whatever its overlap; empty where sales and marketing have agreed

    Returns
    -------
    DataFrame to the spec of ``02_checklist``

    References
    ----------
    House definition; README, glossary entry "readiness checklist". S3-5, S3-6; RACI, the A.
    """
    scores = scores.assign(item=scores["item"].str.strip().str.lower()).sort_values("entered_at", kind="stable")
    scores["change"] = scores["score"] - scores.groupby("item")["score"].shift()
    last = scores.drop_duplicates("item", keep="last").set_index("item")
    out = last.reindex([*ITEMS, *sorted(set(last.index) - set(ITEMS))])
    people = programme.latest_entries("team", team).drop_duplicates(["person_id", "function"], keep="last")
    by_function = people.groupby("function")
    hours, ids = by_function["capacity_hours"].sum(), by_function["person_id"].agg(sorted)
    many = "one of " + ids.str.len().astype("str") + " people of " + ids.index.to_series()
    able = ids.str.join(", ").where(ids.str.len() <= NAMED, many)
    function = pd.Series(out.index.map(FUNCTION), out.index, dtype="str").replace("", np.nan)
    by_item = {item: accountable(team, name) for item, name in FUNCTION.items()}
    owner = pd.Series(out.index.map(by_item), out.index, dtype="str")
    note = out["note"].str.strip().replace("", np.nan)
    age = (as_of - out["entered_day"]).dt.days.astype("Int64")
    seen = {item: records[item] for item in RECORDED if item in records}
    days = pd.Series({item: last_entry.get(RECORDED[item][0]) for item in seen}, dtype="datetime64[us]")
    out = out.assign(
        step=[STEPS[ITEMS[i]] if i in ITEMS else "not on the list" for i in out.index],
        function=function, owner=owner, scored_by=out["entered_by"].where(out["score"].notna()), scored_on=out["entered_day"],
        age_days=age, evidence=note,
        acts=owner.fillna(function.map(able).astype("str")).fillna(HEADS), function_hours=function.map(hours).astype(float),
        done=pd.Series({i: f"{k:,} of {n:,}" for i, (k, n, _) in seen.items() if n}, dtype="str").reindex(out.index),
        last_entry=days.reindex(out.index).fillna(out["entered_day"]),
    )  # fmt: skip
    missing = [_missing(item, row, seen.get(item), score_days) for item, row in out.iterrows()]
    missing[out.index.get_loc("agreed account list")] += [to_agree] * bool(to_agree)
    out = out.assign(lacks=pd.Series(["; ".join(parts) or None for parts in missing], out.index, dtype="str"))
    return out.rename_axis("item").reset_index()[COLUMNS]


def _missing(item: object, row: pd.Series, record: tuple[int, int, float] | None, score_days: int) -> list[str]:
    """Say what one item lacks."""
    lacks = [] if item not in ITEMS or pd.notna(row["owner"]) else ["an owner"]
    if record is not None:
        done, of, enough = record
        file, rest = RECORDED[str(item)]
        if not of:
            return [*lacks, f"entries in {programme.FOLDER}/{file}.csv"]
        return lacks if done and done / of >= enough else [*lacks, f"{of - done:,} of {of:,} {rest}"]
    if pd.isna(row["score"]):
        return [*lacks, "a score"]
    lacks += ["a newer score"] if row["age_days"] > score_days else []
    return lacks if pd.notna(row["evidence"]) else [*lacks, "evidence for the score"]


def checklist_rows(items: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: shares of items that are scored, scored with evidence, owned and complete; and the age of scores.

    The scored share is of the items of readiness (`framework.CHECKLIST`), the others are of all items on the list; evidence is
    that of all scores.

    Parameters
    ----------
    items : DataFrame of `checklist`

    References
    ----------
    S3-5, S3-6.
    """
    asked, scored = items[items["item"].isin(list(ITEMS))], items[items["score"].notna()]
    ready = items[items["item"].isin(list(CHECKLIST))]
    complete = [
        counted_row(
            "S3-5", "programme_items_complete", int(own["lacks"].isna().sum()), len(own), group_by="step", group=step
        )
        for step, own in asked.groupby("step")
    ]
    return [
        counted_row("S3-6", "readiness_steps_scored", int(ready["score"].notna().sum()), len(ready)),
        counted_row("S3-6", "readiness_scores_with_evidence", int(scored["evidence"].notna().sum()), len(scored)),
        measure_row(
            "S3-6", "readiness_score_age_median", scored["age_days"].astype(float).median(), "days", len(scored)
        ),
        counted_row("S3-5", "programme_items_with_an_owner", int(asked["owner"].notna().sum()), len(asked)),
        counted_row("S3-5", "programme_items_complete", int(asked["lacks"].isna().sum()), len(asked)),
        *complete,
    ]
