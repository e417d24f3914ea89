"""The strategic framework: aims and their measures, criteria and who signed them, readiness, and the age of the programme."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method.alignment import TEAMS, counted_row
from abmlib.method.tiger_teams import TIERS
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables import programme
from abmlib.tables.days import months_before

FROZEN = ["measure_id", "baseline", "target"]  # what may not change once an objective is frozen
CONTENT = ["name", "weight", "direction"]  # what a team signs of a criterion
BANDS = ((0, "0–2"), (3, "3–5"), (6, "6–11"), (12, "12 and more"))  # months since entry, by the first of each
INPUTS = {  # programme tables this framework is made of, and what each answers
    "objectives": "what is aimed for, and measured how",
    "criteria": "how accounts are chosen, and who signed",
    "list_votes": "whether sales and marketing want the same accounts",
    "account_tiers": "which accounts are in the programme, since when",
    "account_goals": "which goals are owned together",
    "hand_overs": "what becomes of an account handed to sales",
    "team": "who works for it, with which hours",
    "personas": "for whom the teams are formed",
    "readiness": "what is in place",
    "experiments": "which accounts are held back, so that an effect can be told",
}
CHECKLIST = (  # what must be in place before the programme grows, and whose function the step is; S3-5, S3-6, S3-9
    ("culture", ""),
    ("go-to-market strategy", ""),
    ("messaging: purpose", "communications"),
    ("messaging: updated values", "communications"),
    ("messaging: brand", "creative"),
    ("agreed account list", "sales"),
    ("criteria signed", "sales"),
    ("shared definitions", "analytics"),
    ("data reviewed", "analytics"),
    ("sales time set aside", "sales"),
    ("content for each persona", "creative"),
)


def inputs(overview: pd.DataFrame) -> pd.DataFrame:
    """Say what people have entered of the framework, and which file to fill where nobody has.

    Parameters
    ----------
    overview : DataFrame of ``Book.overview``

    Returns
    -------
    DataFrame, one row per programme table of `INPUTS`: ``file, entries, answers`` (what it tells)
    """
    rows = overview.set_index("table")["rows"].reindex(list(INPUTS)).fillna(0).astype(int)
    return pd.DataFrame(
        {
            "file": [f"{programme.FOLDER}/{name}.csv" for name in INPUTS],
            "entries": rows.to_numpy(),
            "answers": list(INPUTS.values()),
        }
    )


def entered(tiers: pd.DataFrame) -> pd.Series:
    """Give the day on which each account first entered the programme, tier 1 to 3; accounts that never did have no row.

    Parameters
    ----------
    tiers : DataFrame of ``tables.schema`` ``account_tiers``

    Returns
    -------
    Series of days, indexed by account id
    """
    in_one = programme.latest_entries("account_tiers", tiers)
    return in_one[in_one["tier"].isin(TIERS)].groupby("account_id")["valid_from"].min()


def tier_on(tiers: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """Give the tier each account is in on a day: the one that began last and has not ended. Others have no row."""
    in_one = programme.latest_entries("account_tiers", tiers).sort_values("valid_from", kind="stable")
    begun = in_one[in_one["valid_from"] <= day].drop_duplicates("account_id", keep="last")
    runs = begun[(begun["valid_to"].isna() | (begun["valid_to"] >= day)) & begun["tier"].isin(TIERS)]
    return runs.set_index("account_id")["tier"].sort_index()


def start_of(tiers: pd.DataFrame, targeted: pd.DataFrame) -> pd.Timestamp:
    """Find the first day of the programme: an account enters a tier, or is added to a campaign. Missing before either.

    Parameters
    ----------
    tiers, targeted : DataFrames of ``tables.schema`` ``account_tiers`` and ``campaign_accounts``
    """
    days = [entered(tiers).min(), targeted["added_day"].min()]
    known = [pd.Timestamp(d) for d in days if pd.notna(d)]
    return min(known) if known else pd.NaT


# -- aims -------------------------------------------------------------------------------------------------------------


def changes(entries: pd.DataFrame) -> pd.DataFrame:
    """List what was changed of an objective after it was frozen: one row per value changed.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``objectives``, all entries

    Returns
    -------
    DataFrame: ``objective_id, what`` (measure_id, baseline or target), ``before, after`` (as text), ``frozen_at``
    (first), ``changed_at`` (days), ``changed_by``

    References
    ----------
    S1-22a: frozen and dated; a changed objective is shown as changed.
    """
    by_time = entries.sort_values(["objective_id", "entered_at"], kind="stable", ignore_index=True)
    ids = by_time["objective_id"]
    frozen = by_time["frozen_day"].groupby(ids).transform(lambda s: s.cummin().ffill().shift())
    parts = []
    for what in FROZEN:
        before, after = by_time[what].groupby(ids).shift(), by_time[what]
        moved = frozen.notna() & (before != after) & ~(before.isna() & after.isna())
        parts.append(
            pd.DataFrame(
                {
                    "objective_id": ids[moved],
                    "what": what,
                    "before": _spelt(before[moved]),
                    "after": _spelt(after[moved]),
                    "frozen_at": frozen[moved],
                    "changed_at": by_time.loc[moved, "entered_day"],
                    "changed_by": by_time.loc[moved, "entered_by"],
                }
            )
        )
    return pd.concat(parts).rename_axis("place").sort_values(["place", "what"], ignore_index=True)


def _spelt(values: pd.Series) -> pd.Series:
    """Write numbers and names as text."""
    return values.map(lambda v: "none" if pd.isna(v) else f"{v:g}" if isinstance(v, float) else str(v)).astype("str")


def as_it_stands(entries: pd.DataFrame, last: pd.DataFrame, thing: str, content: list[str]) -> pd.Series:
    """Say of each entry whether it said of its thing what the standing entry says; missing and missing are the same."""
    now = last.set_index(thing)[content].reindex(entries[thing]).set_index(entries.index)
    return ((entries[content] == now) | (entries[content].isna() & now.isna())).all(axis=1)


def objectives(entries: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Give the objectives as they stand, a tree of sales goal, tactic and measure, and whether each was fixed in time.

    ``changed``: its measure, baseline or target was altered after it was frozen; ``draft``: not frozen; ``frozen
    late``: frozen, or entered as frozen, after the first day of the programme; ``frozen``: before that day has passed.
    The first that fits holds. Without a first day nothing is late.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``objectives``, all entries
    start : first day of the programme, or missing

    Returns
    -------
    DataFrame, one row per objective: ``objective_id, sales_goal, tactic, measure_id, baseline, target, frozen_at`` (a
    day), ``state``

    References
    ----------
    House definition; README, glossary entry "frozen objective". S0-9, S1-11, S1-22a.
    """
    last = programme.latest_entries("objectives", entries)
    fixed = entries[as_it_stands(entries, last, "objective_id", FROZEN) & entries["frozen_at"].notna()]
    proved = fixed[["frozen_day", "entered_day"]].max(axis=1).groupby(fixed["objective_id"]).min()
    state = np.select(
        [
            last["objective_id"].isin(changes(entries)["objective_id"]),
            last["frozen_at"].isna(),
            (proved.reindex(last["objective_id"]) > start).to_numpy(bool),
        ],
        ["changed", "draft", "frozen late"],
        "frozen",
    )
    out = last.assign(frozen_at=last["frozen_day"], state=state).sort_values(["sales_goal", "tactic", "objective_id"])
    return out[
        ["objective_id", "sales_goal", "tactic", "measure_id", "baseline", "target", "frozen_at", "state"]
    ].reset_index(drop=True)


def objective_row(aims: pd.DataFrame) -> dict[str, object]:
    """Measure which share of the objectives was frozen in time and left alone.

    References
    ----------
    S1-22a.
    """
    return counted_row("S1-22a", "objectives_frozen_in_time", int((aims["state"] == "frozen").sum()), len(aims))


def with_effects(aims: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Set beside each objective the rise it asks for and the smallest rise this programme could see of its measure.

    The longest horizon that is answered counts. A measure that was not judged leaves the effect missing.

    Parameters
    ----------
    aims : DataFrame of `objectives`
    seen : DataFrame of `detectable.effects`

    Returns
    -------
    DataFrame to the spec of ``02_framework``: `aims` with ``rise_asked, rise_detectable`` (shares of the baseline),
    ``horizon_months`` and ``could_be_seen``

    References
    ----------
    Metric dictionary C-55.
    """
    told = seen[seen["status"] == "ok"].sort_values("horizon_months").drop_duplicates("outcome", keep="last")
    found = told.set_index("outcome")
    asked = (aims["target"] / aims["baseline"].where(aims["baseline"] > 0) - 1).where(lambda rise: rise > 0)
    least = aims["measure_id"].map(found["mde_relative"]).astype(float)
    judged = aims["measure_id"].isin(found.index) & asked.notna()
    return aims.assign(
        rise_asked=asked,
        rise_detectable=least,
        horizon_months=aims["measure_id"].map(found["horizon_months"]).astype("Int64"),
        could_be_seen=(asked >= least).astype("boolean").where(judged),
    )


def promises(plan: pd.DataFrame) -> pd.DataFrame:
    """Give what each objective asks for beside what could be seen, in words a reader needs."""
    columns = ["objective_id", "sales_goal", "measure_id", "rise_asked", "rise_detectable", "horizon_months"]
    told = plan["could_be_seen"].astype(object).map({True: "yes", False: "no"})
    return plan[columns].assign(could_be_seen=told)


# -- criteria ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """Counts behind the verdict on going ahead."""

    criteria: int
    unsigned: int  # not signed by both teams
    late: int  # signed after the list was voted on
    overlap: float  # of the two lists, share; missing without votes
    overlap_needed: float

    @property
    def passed(self) -> bool:
        """Are there criteria, all signed by both teams before the vote, and does enough of the list agree."""
        return self.criteria > 0 and self.unsigned == 0 and self.late == 0 and self.overlap >= self.overlap_needed


def criteria(entries: pd.DataFrame, voted_at: pd.Timestamp) -> pd.DataFrame:
    """Give the criteria as they stand, what each counts for, and who signed it as it stands, and when.

    A signature holds for what was signed: whoever signed an earlier name, weight or direction has not signed this one.
    An entry signed by `joint`, or naming both teams, is signed by both. Criteria of weight 0 have no row.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``criteria``, all entries
    voted_at : when the first vote on the list was entered, or missing

    Returns
    -------
    DataFrame, the heaviest first: ``criterion_id, name, weight_share, direction, sales_signed_at, marketing_signed_at``
    (days), ``verdict`` (``signed by both``, ``by sales only``, ``by marketing only``, ``unsigned``), ``after_vote`` (a
    team's first signature is later than the vote)

    References
    ----------
    House definition; README, glossary entry "selection gate". S3-9.
    """
    last = programme.latest_entries("criteria", entries)
    same = as_it_stands(entries, last, "criterion_id", CONTENT)
    last = last[last["weight"] > 0].set_index("criterion_id")
    signed = entries[same & entries["sign_off_team"].notna() & entries["signed_at"].notna()]
    team = signed["sign_off_team"].str.lower()
    when = [
        signed[team.str.contains(name) | (team == "joint")].groupby("criterion_id")[["signed_at", "signed_day"]].min()
        for name in TEAMS
    ]
    first = [of.reindex(last.index) for of in when]
    out = last.assign(**{f"{name}_signed_at": of["signed_day"] for name, of in zip(TEAMS, first, strict=True)})
    has = [of["signed_at"].notna() for of in first]
    out["verdict"] = np.select(
        [has[0] & has[1], has[0], has[1]], ["signed by both", "by sales only", "by marketing only"], "unsigned"
    )
    out["after_vote"] = np.any([of["signed_at"] > voted_at for of in first], axis=0)
    out["weight_share"] = out["weight"] / out["weight"].sum()
    columns = ["name", "weight_share", "direction", *(f"{name}_signed_at" for name in TEAMS), "verdict", "after_vote"]
    return out.sort_values("weight_share", ascending=False, kind="stable")[columns].reset_index()


def gate(rules: pd.DataFrame, overlap: float, overlap_needed: float) -> Gate:
    """Judge whether the programme may proceed: criteria signed by both teams, before the vote, and a list that agrees.

    Parameters
    ----------
    rules : DataFrame of `criteria`
    overlap : of the newest vote, as `alignment.agreement_rows` measures it
    overlap_needed : share

    References
    ----------
    House definition; README, glossary entry "selection gate". S3-9: do not proceed until agreed.
    """
    unsigned = int((rules["verdict"] != "signed by both").sum())
    return Gate(len(rules), unsigned, int(rules["after_vote"].sum()), overlap, overlap_needed)


def criteria_row(rules: pd.DataFrame) -> dict[str, object]:
    """Measure which share of the criteria both teams have signed.

    References
    ----------
    S3-9.
    """
    both = int((rules["verdict"] == "signed by both").sum())
    return counted_row("S3-9", "criteria_signed_by_both", both, len(rules))


# -- readiness --------------------------------------------------------------------------------------------------------


def readiness(entries: pd.DataFrame, team: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give the checklist of steps with the newest score of each, who answers for it, and what nobody scored.

    Scored items that are not on the list follow it. Who answers for a step is who the team names as accountable (A) for
    all accounts, in the function the step belongs to; culture and strategy belong to none, and all such people answer
    for them.

    Parameters
    ----------
    entries, team : DataFrames of ``tables.schema`` ``readiness`` (all entries) and ``team``

    Returns
    -------
    DataFrame: ``item, score`` (points; missing where nobody scored it), ``change`` (from the score before; missing
    without), ``age_days`` (of the newest score), ``owner`` (ids; missing where nobody is named), ``expected`` (on the
    checklist)

    References
    ----------
    House definition; README, glossary entry "readiness checklist". S3-5, S3-6.
    """
    told = entries.assign(item=entries["item"].str.strip().str.lower()).sort_values("entered_at", kind="stable")
    told["change"] = told["score"] - told.groupby("item")["score"].shift()
    last = told.drop_duplicates("item", keep="last").set_index("item")
    listed = dict(CHECKLIST)
    out = last.reindex([*listed, *sorted(set(last.index) - set(listed))])
    people = programme.latest_entries("team", team)
    people = people[(people["raci"] == "A") & people["account_id"].isna()]
    answers = {
        item: ", ".join(sorted(people.loc[(people["function"] == function) | (function == ""), "person_id"].unique()))
        for item, function in listed.items()
    }
    owner = pd.Series(out.index.map(answers), out.index, dtype="str")
    age = (as_of - out["entered_day"]).dt.days.astype("Int64")
    return out.assign(age_days=age, owner=owner.where(owner != ""), expected=out.index.isin(listed)).reset_index()[
        ["item", "score", "change", "age_days", "owner", "expected"]
    ]


def readiness_rows(steps: pd.DataFrame) -> list[dict[str, object]]:
    """Measure which share of the checklist is scored, and which share has an owner.

    References
    ----------
    S3-5, S3-6.
    """
    asked = steps[steps["expected"]]
    return [
        counted_row("S3-6", "readiness_steps_scored", int(asked["score"].notna().sum()), len(asked)),
        counted_row("S3-5", "readiness_steps_with_an_owner", int(asked["owner"].notna().sum()), len(asked)),
    ]


# -- maturity ---------------------------------------------------------------------------------------------------------


def months_in(since: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    """Give the whole months since each account entered the programme; those that enter later are left out."""
    begun = since[since <= as_of]
    months = 12 * (as_of.year - begun.dt.year) + as_of.month - begun.dt.month
    return months - (begun.dt.day > as_of.day).astype(int) * (not as_of.is_month_end)


def maturity(since: pd.Series, as_of: pd.Timestamp) -> pd.DataFrame:
    """Count the accounts in the programme by whole months since they entered it.

    Parameters
    ----------
    since : Series of `entered`

    Returns
    -------
    DataFrame of four rows: ``months_since_entry, accounts, share`` (missing without accounts)

    References
    ----------
    S3-26.
    """
    months = months_in(since, as_of)
    edges = [first for first, _ in BANDS]
    band = np.searchsorted(edges, months, side="right") - 1
    count = pd.Series(band).value_counts().reindex(range(len(BANDS)), fill_value=0)
    total = len(months)
    out = pd.DataFrame({"months_since_entry": [name for _, name in BANDS], "accounts": count.to_numpy()})
    return out.assign(share=out["accounts"] / total if total else np.nan)


def horizons(since: pd.Series, as_of: pd.Timestamp, months: Sequence[int]) -> pd.DataFrame:
    """Say of each horizon how many accounts have been in the programme that long, and whether it can be judged yet.

    It is ``too_early`` while fewer than `FLOOR_OUTCOMES` accounts have; an effect may still be too small to be seen
    later.

    Parameters
    ----------
    since : Series of `entered`
    months : horizons

    Returns
    -------
    DataFrame: ``horizon_months, reached, accounts, share, all_reached_on`` (a day; missing without accounts),
    ``status`` (``not_answerable`` without accounts)

    References
    ----------
    S3-26: too early to judge.
    """
    begun = since[since <= as_of]
    rows = []
    for h in months:
        reached = int((begun <= months_before(as_of, h)).sum())
        rows.append((h, reached, len(begun), begun.max() + pd.DateOffset(months=h) if len(begun) else pd.NaT))
    out = pd.DataFrame(rows, columns=["horizon_months", "reached", "accounts", "all_reached_on"])
    status = np.select([out["accounts"] == 0, out["reached"] < FLOOR_OUTCOMES], ["not_answerable", "too_early"], "ok")
    share = out["reached"] / out["accounts"].where(out["accounts"] > 0)
    return out.assign(share=share, status=status)[
        ["horizon_months", "reached", "accounts", "share", "all_reached_on", "status"]
    ]


def maturity_rows(ripe: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` from `horizons`.

    References
    ----------
    S3-26.
    """
    return [
        counted_row(
            "S3-26",
            "accounts_past_horizon",
            h.reached,
            h.accounts,
            group_by="horizon",
            group=f"{h.horizon_months} months",
        )
        | {"status": h.status}
        for h in ripe.itertuples()
    ]
