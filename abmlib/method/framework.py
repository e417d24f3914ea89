"""The strategic framework: aims and measures, criteria and signatures, tiers, and who answers for what."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import deals as closed_deals
from abmlib.method.alignment import TEAMS, list_overlap
from abmlib.method.measures import counted_row, measure_row
from abmlib.method.periods import Period
from abmlib.method.tiger_teams import TIERS
from abmlib.tables import programme
from abmlib.tables.definitions import measures as dictionary

VOTED_NEEDED = 0.9  # share of the accounts of a list that both teams have to vote on
WANTED_NEEDED = 0.5  # share of the accounts that were not voted out that both teams have to want
LISTED_NEEDED = (
    0.5  # the same of tiers 1 and 2 of page 06, which change from month to month: what is not voted on stays a proposal
)
FROZEN = ["measure_id", "baseline", "target"]  # what may not change once an objective is frozen
CONTENT = ["name", "weight", "direction"]  # what a team signs of a criterion
PRESENT = {  # measures that objectives name, and the measure of decided deals that each is
    "win_rate": "win_rate_by_count", "win_rate_by_count": "win_rate_by_count", "acv": "acv_mean", "acv_mean": "acv_mean",
}  # fmt: skip
INPUTS = {  # programme tables of this framework, and the question that each answers
    "objectives": "what we aim for, and how we measure it",
    "criteria": "how accounts are chosen, and who signed",
    "list_votes": "whether sales and marketing want the same accounts",
    "account_tiers": "which accounts are in the programme, and since when",
    "account_goals": "which goals we share with the customer",
    "hand_overs": "what happens to accounts after the hand-over to sales",
    "team": "who works for the programme, and how many hours",
    "personas": "for whom the teams are formed",
    "readiness": "what is in place",
    "experiments": "which accounts are held back, to measure an effect",
    "experiment_plans": "by which measure, and when, an experiment is judged",
}
CHECKLIST = {  # what must be in place before the programme grows, and whose function the step is; S3-5, S3-6, S3-9
    "culture": "", "go-to-market strategy": "",
    "messaging: purpose": "communications", "messaging: updated values": "communications", "messaging: brand": "creative",
    "agreed account list": "sales", "criteria signed": "sales", "shared definitions": "analytics",
    "data reviewed": "analytics", "sales time set aside": "sales", "content for each persona": "creative",
}  # fmt: skip


def inputs(overview: pd.DataFrame) -> pd.DataFrame:
    """Programme files of the framework, with their number of entries.

    Parameters
    ----------
    overview : DataFrame of ``Book.overview``

    Returns
    -------
    DataFrame, one row per programme table of `INPUTS`: ``file, entries, answers`` (the question it answers)
    """
    entries = overview.set_index("table")["rows"].reindex(list(INPUTS)).fillna(0).astype(int).to_numpy()
    files = [f"{programme.FOLDER}/{name}.csv" for name in INPUTS]
    return pd.DataFrame({"file": files, "entries": entries, "answers": list(INPUTS.values())})


def entry_days(tiers: pd.DataFrame) -> pd.Series:
    """Day on which each account first entered the programme, tier 1 to 3; accounts that never did have no row.

    Parameters
    ----------
    tiers : DataFrame of ``tables.schema`` ``account_tiers``

    Returns
    -------
    Series of days, indexed by account id
    """
    in_one = programme.latest_entries("account_tiers", tiers)
    return in_one[in_one["tier"].isin(TIERS)].groupby("account_id")["valid_from"].min()


def tiers_on(tiers: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """Tier of each account on a day: the one that began last and has not ended. Others have no row."""
    in_one = programme.latest_entries("account_tiers", tiers).sort_values("valid_from", kind="stable")
    begun = in_one[in_one["valid_from"] <= day].drop_duplicates("account_id", keep="last")
    runs = begun[(begun["valid_to"].isna() | (begun["valid_to"] >= day)) & begun["tier"].isin(TIERS)]
    return runs.set_index("account_id")["tier"].sort_index()


def programme_start(tiers: pd.DataFrame, targeted: pd.DataFrame) -> pd.Timestamp:
    """First day of the programme: an account enters a tier, or is added to a campaign. Missing before either.

    Parameters
    ----------
    tiers, targeted : DataFrames of ``tables.schema`` ``account_tiers`` and ``campaign_accounts``
    """
    return pd.Series([entry_days(tiers).min(), targeted["added_day"].min()], dtype="datetime64[us]").min()


# -- aims -------------------------------------------------------------------------------------------------------------


def changed_objectives(entries: pd.DataFrame) -> pd.DataFrame:
    """Changes to objectives after they were frozen: one row per value changed.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``objectives``, all entries

    Returns
    -------
    DataFrame: ``objective_id, objective`` (goal and id), ``what`` (measure, baseline or target), ``before, after`` (as
    text), ``frozen_at`` (first), ``changed_at`` (days), ``changed_by``

    References
    ----------
    S1-22a: frozen and dated; a changed objective is shown as changed.
    """
    by_time = entries.sort_values(["objective_id", "entered_at"], kind="stable", ignore_index=True)
    by_time = _named(by_time).rename(columns={"entered_day": "changed_at", "entered_by": "changed_by"})
    by = by_time.groupby("objective_id")
    by_time["frozen_at"] = by["frozen_day"].transform(lambda days: days.cummin().ffill().shift())
    parts = []
    for what in FROZEN:
        rows = by_time.assign(what=what.removesuffix("_id"), before=by[what].shift(), after=by_time[what])
        same = (rows["before"] == rows["after"]) | (rows["before"].isna() & rows["after"].isna())
        rows = rows[rows["frozen_at"].notna() & ~same]
        parts.append(rows.assign(before=_as_text(rows["before"]), after=_as_text(rows["after"])))
    columns = ["objective_id", "objective", "what", "before", "after", "frozen_at", "changed_at", "changed_by"]
    return pd.concat(parts).rename_axis("place").sort_values(["place", "what"], ignore_index=True)[columns]


def _as_text(values: pd.Series) -> pd.Series:
    """Write numbers and names of measures as text."""
    return values.map(
        lambda v: "none" if pd.isna(v) else f"{v:,.10g}" if isinstance(v, float) else dictionary.name(v)
    ).astype("str")


def _agrees_with_latest(entries: pd.DataFrame, latest: pd.DataFrame, key: str, content: list[str]) -> pd.Series:
    """Does each entry hold the same content as the latest one of its key; missing and missing are the same."""
    now = latest.set_index(key)[content].reindex(entries[key]).set_index(entries.index)
    return ((entries[content] == now) | (entries[content].isna() & now.isna())).all(axis=1)


def objectives(entries: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Latest objectives, a tree of sales goal, tactic and measure, and whether each was frozen in time.

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
    agrees = _agrees_with_latest(entries, last, "objective_id", FROZEN)
    frozen = entries[agrees & entries["frozen_at"].notna()]
    fixed = frozen[["frozen_day", "entered_day"]].max(axis=1).groupby(frozen["objective_id"]).min()
    changed = last["objective_id"].isin(changed_objectives(entries)["objective_id"])
    late = (fixed.reindex(last["objective_id"]) > start).to_numpy(bool)
    state = np.select([changed, last["frozen_at"].isna(), late], ["changed", "draft", "frozen late"], "frozen")
    columns = ["objective_id", "sales_goal", "tactic", "measure_id", "baseline", "target", "frozen_at", "state"]
    out = last.assign(frozen_at=last["frozen_day"], state=state)
    return out.sort_values(["sales_goal", "tactic", "objective_id"], ignore_index=True)[columns]


def present_values(deals: pd.DataFrame, listed: pd.Index, period: Period) -> dict[str, tuple[float, int, str]]:
    """Present value of measures that objectives often name, at the accounts of the list: value, n and what n counts.

    Measures without a value are left out.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    listed : accounts in tiers

    References
    ----------
    Metric dictionary C-2, C-4, C-55, as `deals.win_rates` and `deals.deal_sizes` measure them.
    """
    own = deals[deals["account_id"].isin(listed)]
    closed = closed_deals.closed_in(own, period)
    rows = pd.DataFrame(closed_deals.win_rates(closed) + closed_deals.deal_sizes(closed)).set_index("definition_id")
    opened = own["created_day"].between(period.start, period.end).sum() / (len(listed) or np.nan)
    found = {"opportunities_opened": (float(opened), len(listed), "account")}
    for name, measure in PRESENT.items():
        found[name] = (float(rows["value"][measure]), int(rows["n"][measure]), "deal")
    return {name: value for name, value in found.items() if pd.notna(value[0])}


def objectives_table(
    aims: pd.DataFrame, entries: pd.DataFrame, present: Mapping[str, tuple[float, int, str]]
) -> pd.DataFrame:
    """Objectives as readers see them: by text and name, and who entered each last.

    Parameters
    ----------
    aims : DataFrame of `objectives`
    entries : DataFrame of ``tables.schema`` ``objectives``, all entries
    present : of `present_values`

    Returns
    -------
    DataFrame, one row per objective: ``objective`` (goal and id), ``tactic, measure`` (reader's name), ``baseline, now, target``
    (text, in the measure's own unit; now is missing where it is not measured here), ``frozen_at`` (a day), ``state, entered_by``
    """
    by = programme.latest_entries("objectives", entries).set_index("objective_id")["entered_by"]
    out = _named(aims).assign(entered_by=aims["objective_id"].map(by), target=_as_text(aims["target"]))
    out["baseline"] = _as_text(aims["baseline"])
    values = [present.get(str(m)) for m in aims["measure_id"]]
    out["now"] = [f"{v[0]:,.3g}" if v and abs(v[0]) < 1000 else f"{v[0]:,.0f}" if v else None for v in values]
    return out[["objective", "tactic", "measure", "baseline", "now", "target", "frozen_at", "state", "entered_by"]]


def _named(aims: pd.DataFrame) -> pd.DataFrame:
    """Add the text of each objective with its id, and the reader's name of its measure."""
    goal = aims["sales_goal"] + " (" + aims["objective_id"] + ")"
    return aims.assign(objective=goal, measure=aims["measure_id"].map(dictionary.name))


def objective_row(aims: pd.DataFrame) -> dict[str, object]:
    """Row of `measures`: share of the objectives that were frozen in time and not changed.

    References
    ----------
    S1-22a.
    """
    return counted_row("S1-22a", "objectives_frozen_in_time", int((aims["state"] == "frozen").sum()), len(aims))


def with_effects(aims: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Add to each objective the rise it asks for, and the smallest rise that this programme can detect.

    The first horizon at which the rise can be detected counts; where there is none, the longest that is answered. A
    measure that was not judged leaves the effect missing.

    Parameters
    ----------
    aims : DataFrame of `objectives`
    seen : DataFrame of `detectable.effects`

    Returns
    -------
    DataFrame to the spec of ``02_framework``: `aims` with ``rise_asked, rise_detectable`` (shares of the baseline),
    ``horizon_months`` and ``could_be_seen`` (with a power of `power.POWER` or more)

    References
    ----------
    Metric dictionary C-55.
    """
    asked = (aims["target"] / aims["baseline"].where(aims["baseline"] > 0) - 1).where(lambda rise: rise > 0)
    judged = seen.loc[seen["status"] == "ok", ["outcome", "horizon_months", "mde_relative"]]
    each = aims[["objective_id", "measure_id"]].assign(asked=asked)
    each = each.merge(judged, left_on="measure_id", right_on="outcome")
    enough = each["asked"] >= each["mde_relative"]
    place = each["horizon_months"].where(enough, -each["horizon_months"])  # enough: the shortest; else: the longest
    each = each.assign(late=~enough, place=place).sort_values(["late", "place"]).drop_duplicates("objective_id")
    found = each.set_index("objective_id").reindex(aims["objective_id"]).set_index(aims.index)
    seen_at = (~found["late"].astype("boolean")).where(asked.notna())
    least, months = found["mde_relative"].astype(float), found["horizon_months"].astype("Int64")
    return aims.assign(rise_asked=asked, rise_detectable=least, could_be_seen=seen_at, horizon_months=months)


def promised_effects(plan: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """What each objective asks for beside what can be detected, and where that is unknown, why.

    Parameters
    ----------
    plan : DataFrame of `with_effects`
    seen : DataFrame of `detectable.effects`

    Returns
    -------
    DataFrame, one row per objective: ``objective`` (goal and id), ``measure`` (reader's name), ``rise_asked,
    smallest_detectable, horizon_months, could_be_seen`` (yes or no), ``why_unknown`` (empty where it is known)
    """
    status = seen.groupby("outcome")["status"].agg(set)
    of = plan["measure_id"].map(status)
    reasons = {
        "not among the measures whose effects are estimated": of.isna(),
        "no baseline is entered": plan["baseline"].isna(),
        "a baseline of 0 or less has no share to rise by": plan["baseline"] <= 0,
        "its target is not above its baseline; only rises are judged": plan["target"] <= plan["baseline"],
        "too little history": of.map(lambda s: "ok" not in s and "too_early" in s, na_action="ignore").eq(True),
        "the source does not hold it, or a group has fewer than two accounts": plan["could_be_seen"].isna(),
    }
    columns = ["objective", "measure", "rise_asked", "smallest_detectable", "horizon_months"]
    could = plan["could_be_seen"].astype(object).map({True: "yes", False: "no"})
    out = _named(plan).rename(columns={"rise_detectable": "smallest_detectable"})[columns]
    return out.assign(could_be_seen=could, why_unknown=np.select(list(reasons.values()), list(reasons), ""))


# -- criteria ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SelectionGate:
    """Counts behind the verdict on going ahead."""

    criteria: int
    unsigned: int  # not signed by both teams
    late: int  # signed after the list was voted on
    listed: int  # accounts whose list is to be agreed
    voted: int  # of these, both teams voted on
    wanted: int  # of these, both teams want
    out: int  # of these, both teams voted out
    overlap: float  # of the two lists, share; missing without votes
    overlap_needed: float
    voted_needed: float = VOTED_NEEDED  # share of `listed`

    @property
    def signed(self) -> bool:
        """Are there criteria, all signed by both teams before the vote."""
        return self.criteria > 0 and self.unsigned == 0 and self.late == 0

    @property
    def heard(self) -> bool:
        """Did both teams vote on enough of the list."""
        return self.listed > 0 and self.voted / self.listed >= self.voted_needed

    @property
    def passed(self) -> bool:
        """Are the criteria signed, is the list voted on, do the two lists overlap enough, and do both want enough of what they did not vote out."""
        return self.signed and self.heard and self.decided and self.overlap >= self.overlap_needed

    @property
    def decided(self) -> bool:
        """Do both teams want half or more of the accounts that they did not both vote out; votes of unsure decide nothing."""
        return self.wanted > 0 and self.wanted >= WANTED_NEEDED * (self.listed - self.out)


def criteria(entries: pd.DataFrame, voted_at: pd.Timestamp) -> pd.DataFrame:
    """Latest criteria with their weights, and who signed them as they are now, and when.

    A signature holds for what was signed: whoever signed an earlier name, weight or direction has not signed this one.
    An entry signed by `joint`, or naming both teams, is signed by both. Criteria of weight 0 have no row.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``criteria``, all entries
    voted_at : when the vote on the list began, of `alignment.vote_began`, or missing

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
    agrees = _agrees_with_latest(entries, last, "criterion_id", CONTENT)
    signed = entries[agrees & entries["sign_off_team"].notna() & entries["signed_at"].notna()]
    team = signed["sign_off_team"].str.lower()
    out = last[last["weight"] > 0].set_index("criterion_id")
    out = out.assign(weight_share=out["weight"] / out["weight"].sum(), after_vote=False)
    for name in TEAMS:
        theirs = signed[team.str.contains(name) | (team == "joint")].groupby("criterion_id")
        first = theirs[["signed_at", "signed_day"]].min().reindex(out.index)
        out[f"{name}_signed_at"] = first["signed_day"]
        out["after_vote"] |= first["signed_at"] > voted_at
    sales, marketing = (out[f"{name}_signed_at"].notna() for name in TEAMS)
    verdicts = ["signed by both", "by sales only", "by marketing only"]
    out["verdict"] = np.select([sales & marketing, sales, marketing], verdicts, "unsigned")
    columns = ["name", "weight_share", "direction", *(f"{name}_signed_at" for name in TEAMS), "verdict", "after_vote"]
    return out.sort_values("weight_share", ascending=False, kind="stable")[columns].reset_index()


def signed_on(rules: pd.DataFrame) -> pd.Timestamp:
    """Day on which the last team signed the last criterion; missing while one is unsigned, or without any."""
    days = rules[[f"{name}_signed_at" for name in TEAMS]]
    return days.max(axis=None) if len(rules) and days.notna().all(axis=None) else pd.NaT


def selection_gate(
    rules: pd.DataFrame,
    both: pd.DataFrame,
    overlap_needed: float,
    listed: pd.Index | None = None,
    voted_needed: float = VOTED_NEEDED,
) -> SelectionGate:
    """Verdict on going ahead: criteria signed by both teams before the vote, and a list that both voted on and agree on.

    A vote of ``unsure`` is a vote, and no agreement. Nothing is agreed by a vote of one team, or on a few accounts of the list.

    Parameters
    ----------
    rules : DataFrame of `criteria`
    both : DataFrame of one round, the newest, of `alignment.votes_by_team`
    overlap_needed : share
    listed : accounts whose list is to be agreed; votes on others do not count. None: those that a team voted on
    voted_needed : share of these that both teams must have voted on

    References
    ----------
    House definition; README, glossary entry "selection gate". S3-9: do not proceed until agreed.
    """
    unsigned, late = int((rules["verdict"] != "signed by both").sum()), int(rules["after_vote"].sum())
    on_list = both if listed is None else both[both["account_id"].isin(listed)]
    votes = on_list[list(TEAMS)]
    voted, wanted = int(votes.notna().all(axis=1).sum()), int((votes == "in").all(axis=1).sum())
    out = int((votes == "out").all(axis=1).sum())
    accounts = len(on_list) if listed is None else listed.nunique()
    return SelectionGate(
        len(rules), unsigned, late, accounts, voted, wanted, out, list_overlap(on_list)[0], overlap_needed, voted_needed
    )


def gate_row(gate: SelectionGate) -> dict[str, object]:
    """Row of `measures`: 1 where the programme may proceed, 0 where it may not; n criteria.

    References
    ----------
    S3-9.
    """
    return measure_row("S3-9", "selection_gate_passed", float(gate.passed), "index", gate.criteria)


def criteria_row(rules: pd.DataFrame) -> dict[str, object]:
    """Row of `measures`: share of the criteria that both teams have signed.

    References
    ----------
    S3-9.
    """
    both = int((rules["verdict"] == "signed by both").sum())
    return counted_row("S3-9", "criteria_signed_by_both", both, len(rules))


# -- who answers --------------------------------------------------------------------------------------------------------


def accountable(team: pd.DataFrame, function: str = "") -> str | None:
    """Who answers for a function (or for any, where none is named) of all accounts: ids, or None where nobody is named.

    Parameters
    ----------
    team : DataFrame of ``tables.schema`` ``team``

    References
    ----------
    RACI, the A; S3-5.
    """
    people = programme.latest_entries("team", team)
    people = people[(people["raci"] == "A") & people["account_id"].isna()]
    return (
        ", ".join(sorted(people.loc[people["function"].eq(function) | (function == ""), "person_id"].unique())) or None
    )
