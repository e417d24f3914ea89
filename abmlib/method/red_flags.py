"""Red flags of a customer relationship: reorganisation, no return, goals missed; `lost_business` has the fourth.

Every flag gives one row per account asked for. Its status is ``raised``, ``clear``, ``too_early`` (the tables are
there, the account has too little history), ``not_answerable`` (they hold nothing of the account) or ``lost`` (it
stopped buying long ago), so that an account nobody can judge never passes for a healthy one. Tables are taken as known
on the day of the report.
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import orders, periods
from abmlib.stats import intervals
from abmlib.tables import programme

FLAGS = ("elsewhere", "reorganisation", "no_return", "goals_missed")
RAISED, CLEAR, LOST, EARLY, UNKNOWN = "raised", "clear", "lost", "too_early", "not_answerable"
COLUMNS = ["account_id", "flag", "status", "evidence", "value", "unit", "n", "since", "age_days", "severity"]
DAY = pd.Timedelta(days=1)

FALSE_SHARE = 0.1  # of the flags raised on chances alone, the share that may be false
ROLE_WEIGHT = {
    "decision_maker": 3.0, "budget_holder": 3.0, "executive_sponsor": 3.0, "champion": 2.0, "influencer": 2.0,
}  # fmt: skip
OTHER_WEIGHT = 1.0  # of every other link, and of one whose role nobody knows
LOST_DAYS = 365  # who has bought nothing for so long is lost, and no longer at risk
LOOK_BACK_DAYS = 365  # how far back departures and reported reorganisations count
BURST_DAYS, STEP_DAYS = 90, 25  # departures so close together are one event; steps between the stretches looked at
FEWEST_LEFT = 2  # people who leave close together, for their leaving to be more than one person's affair
FEWEST_KNOWN = 3  # people known at an account, for their leaving to say anything
PERIODS = 2  # newest periods of the relationship's economics that count
MIDDLE = 0.5  # middle of a survey's scale
UNDER = 0.8  # share of the value promised below which the customer's side counts as under
FEWEST_MISSED = 2  # joint goals missed, for a flag
PACE = 0.7  # attainment ÷ time elapsed below which a running goal is at risk
PACE_FROM = 0.5  # share of its time after which a running goal's pace is judged


def flag_rows(facts: pd.DataFrame, flag: str, unit: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Bring what a flag knows of each account to the form of `COLUMNS`.

    Evidence, age and severity are kept where the flag is raised.

    Parameters
    ----------
    facts : DataFrame, one row per account, indexed by account id
        ``status, value, n, since, severity``, and ``evidence``: a text that names further columns in braces.
    """
    out = facts.rename_axis("account_id").reset_index()
    up = out["status"] == RAISED
    texts = [row["evidence"].format(**row) for row in out[up].to_dict("records")]
    since = out["since"].where(up).astype("datetime64[us]").clip(upper=as_of)
    out = out.assign(flag=flag, unit=unit, evidence=pd.Series(texts, out.index[up], dtype="str"), since=since)
    severity, n = out["severity"].where(up).clip(0, 1), out["n"].fillna(0).astype(int)
    return out.assign(n=n, age_days=(as_of - since).dt.days, severity=severity)[COLUMNS]


# -- reorganisation ------------------------------------------------------------------------------------------------


def departures(contacts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Densest departure of known people at each account in the last `LOOK_BACK_DAYS`.

    Leads do not count. For stretches of `BURST_DAYS`, one beginning every `STEP_DAYS`, those who left are compared with the
    people known in it: chance of so many or more at the usual turnover of all accounts (binomial), times the stretches side by
    side there is time for. The least likely one is kept.

    Parameters
    ----------
    contacts : ``tables.schema.CONTACTS``

    Returns
    -------
    DataFrame indexed by account, those with people only: ``known`` (in the stretch), ``left``, ``breakage`` (weighted share
    of links lost; weights by part in buying), ``p`` (missing with fewer than `FEWEST_KNOWN` known), ``since`` (first
    departure)

    References
    ----------
    S1-21b. House definition; README, glossary entry "network breakage".
    """
    people = contacts[contacts["account_id"].notna() & ~contacts["is_lead"].fillna(False).astype(bool)]
    came, left = people["created_day"], people["valid_to_day"]
    weight = people["buying_role"].map(ROLE_WEIGHT).astype(float).fillna(OTHER_WEIGHT)
    stayed = (left.fillna(as_of) - came).dt.days.clip(lower=0).sum()
    turnover = left.notna().sum() / stayed if stayed > 0 else np.nan  # of a person and day, over all time
    parts = []
    for ago in range(0, LOOK_BACK_DAYS - BURST_DAYS + 1, STEP_DAYS):
        start, end = as_of - (ago + BURST_DAYS - 1) * DAY, as_of - ago * DAY
        there, lost = (came <= end) & ~(left < start), left <= end
        facts = {"known": 1, "left": lost, "weight": weight, "broken": weight.where(lost, 0), "since": left.where(lost)}
        parts.append(pd.DataFrame(facts)[there].groupby(people["account_id"]))
    how = {"known": "sum", "left": "sum", "weight": "sum", "broken": "sum", "since": "min"}
    bursts = pd.concat(part.agg(how) for part in parts)
    tail = scipy.stats.binom.sf(bursts["left"] - 1, bursts["known"], 1 - np.exp(-turnover * BURST_DAYS))
    p = pd.Series(tail * LOOK_BACK_DAYS / BURST_DAYS, bursts.index).clip(upper=1)
    bursts = bursts.assign(p=p.where(bursts["known"] >= FEWEST_KNOWN), breakage=bursts["broken"] / bursts["weight"])
    worst = bursts.reset_index().sort_values(["account_id", "p", "breakage"], ascending=[True, True, False])
    return worst.drop_duplicates("account_id").set_index("account_id")


def events(insights: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Day of the last reorganisation or change of owner in the last `LOOK_BACK_DAYS`.

    The first parent ever noted is no change. Expired insights count: they were true when noted.

    Parameters
    ----------
    insights, history : ``tables.schema.ACCOUNT_INSIGHTS``, ``ATTRIBUTE_HISTORY``; either may be empty

    Returns
    -------
    Series of days by account, accounts with an event only
    """
    noted = insights.loc[insights["kind"] == "reorg_event", ["account_id", "observed_day"]]
    parents = history[(history["table"] == "accounts") & (history["field"] == "parent_account_id")]
    parents = parents.sort_values("known_from")
    parents = parents.loc[parents["row_id"].duplicated(), ["row_id", "known_from_day"]]
    both = pd.concat([days.set_axis(["account_id", "day"], axis=1) for days in (noted, parents)])
    return both[both["day"] > as_of - LOOK_BACK_DAYS * DAY].groupby("account_id")["day"].max()


def reorganisation(
    contacts: pd.DataFrame, insights: pd.DataFrame, history: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Flag a reorganisation at the customer that breaks our relationship.

    ``value`` is the chance that so many of the people we know leave so close together at the usual turnover. Raised
    where it is so small that no more than `FALSE_SHARE` of such flags are expected to be false, and `FEWEST_LEFT` or
    more left; and where a reorganisation or a new owner was noted within `BURST_DAYS` of a departure. One after which nobody left is not raised: it has
    broken nothing yet. Severity: network breakage, the weighted share of links
    lost.

    Parameters
    ----------
    contacts, insights, history : ``tables.schema.CONTACTS``, ``ACCOUNT_INSIGHTS``, ``ATTRIBUTE_HISTORY``
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``probability``

    Raises
    ------
    ValueError
        If `accounts` repeats an id.

    References
    ----------
    S1-21b. House definition; README, glossary entry "network breakage".
    """
    orders.refuse_repeated(accounts)
    left = departures(contacts, as_of).reindex(accounts)
    event = events(insights, history, as_of).reindex(accounts)
    near = ((event - left["since"]).dt.days.abs() <= BURST_DAYS) & (left["left"] > 0)
    up = ((intervals.adjusted(left["p"]) <= FALSE_SHARE) & (left["left"] >= FEWEST_LEFT)) | near
    text = f"{{left:.0f}} of {{known:.0f}} people known left within {BURST_DAYS} days"
    evidence = np.where(near, text + "; a reorganisation or new owner was noted", text)
    status = np.select([up, left["p"].notna(), left["known"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    since = left["since"].where(~near, pd.concat([left["since"], event], axis=1).min(axis=1))
    facts = left.assign(status=status, evidence=evidence, value=left["p"], n=left["known"], since=since)
    facts["severity"] = left["breakage"]
    return flag_rows(facts, "reorganisation", "probability", as_of)


# -- no return for either side -------------------------------------------------------------------------------------


def both_sides(
    economics: pd.DataFrame,
    transactions: pd.DataFrame,
    surveys: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    year_starts: int = 1,
) -> pd.DataFrame:
    """What the relationship brings us and what it brings the customer.

    Ours: margin less cost to serve less programme cost. The cost is that of the newest `PERIODS` periods; the margin is
    that of the last year, cut to their length, for a year's bill is no profit of its quarter; missing where a cost of
    goods is. Theirs: value realised ÷ promised in those periods; without it, the mean answer to value_realised of the
    last year, from 0 (lowest possible) to 1. Periods that are not over by `as_of` do not count; of several entries for
    one the last holds.

    Parameters
    ----------
    economics, transactions, surveys : ``tables.schema.RELATIONSHIP_ECONOMICS``, ``TRANSACTIONS``, ``SURVEYS``
    accounts : Index of account ids, unique
    year_starts : month in which the fiscal year starts, as in `periods.period_of`

    Returns
    -------
    DataFrame, one row per account: ``start, end`` (days of the periods), ``margin, cost, ours`` (reporting currency, in
    those days), ``promised, realised`` (reporting currency), ``theirs`` (share), ``source`` (value or survey), ``n``
    (periods or answers)

    References
    ----------
    S1-21c. House definition; README, glossary entry "two-sided return".
    """
    last = programme.latest_entries("relationship_economics", economics)
    spans = [periods.period_of(label, year_starts) for label in last["period"]]
    edges = {e: pd.Series([getattr(s, e) for s in spans], last.index, "datetime64[us]") for e in ("start", "end")}
    last = last.assign(**edges, cost=last["cost_to_serve"] + last["programme_cost"])
    last = last[last["end"].between(as_of - (LOST_DAYS - 1) * DAY, as_of)].sort_values("end", kind="stable")
    newest = last.groupby("account_id").tail(PERIODS).groupby("account_id")
    out = newest.agg(start=("start", "min"), end=("end", "max"), cost=("cost", "sum"), n=("cost", "size"))
    value = newest[["value_promised", "value_realised"]].sum(min_count=1)
    out = out.assign(promised=value["value_promised"], realised=value["value_realised"]).reindex(accounts)
    bought = orders.by_account(transactions, accounts, periods.Period(as_of - (LOST_DAYS - 1) * DAY, as_of))
    length = (out["end"] - out["start"]).dt.days + 1
    margin = bought["margin"].where(bought["lines"] > 0, 0.0) * length / LOST_DAYS
    asked = surveys[(surveys["survey_type"] == "value_realised") & (surveys["responded_day"] > as_of - LOST_DAYS * DAY)]
    felt = (asked["score"] - asked["scale_min"]) / (asked["scale_max"] - asked["scale_min"]).replace(0, np.nan)
    felt = felt.groupby(asked["account_id"]).agg(["mean", "size"]).reindex(accounts)
    kept = out["realised"] / out["promised"].where(out["promised"] > 0)
    source = np.select([kept.notna(), felt["mean"].notna()], ["value", "survey"], "")
    n, theirs = out["n"].where(kept.notna(), felt["size"]), kept.fillna(felt["mean"])
    return out.assign(margin=margin, ours=margin - out["cost"], theirs=theirs, source=source, n=n)


def no_return(sides: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Flag a relationship that brings neither side its return.

    Raised only where ours is below zero and theirs is under: below `UNDER` of what was promised, or, from a survey,
    below the middle of the scale. ``value`` is ours, in the days that count. Severity: the shortfall of the side that
    falls short less; ours is the share of cost that margin does not cover, theirs what is missing to 1.

    Parameters
    ----------
    sides : DataFrame of `both_sides`

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``currency``. An account with one side only is ``too_early``.

    References
    ----------
    S1-21c. House definition; README, glossary entry "two-sided return".
    """
    ours, theirs, by_survey = sides["ours"], sides["theirs"], sides["source"] == "survey"
    known = ours.notna() & theirs.notna()
    up = known & (ours < 0) & (theirs < np.where(by_survey, MIDDLE, UNDER))
    uncovered = 1 - sides["margin"] / sides["cost"].where(sides["cost"] > 0)
    status = np.select([up, known, ours.notna() | theirs.notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    severity = pd.concat([uncovered, 1 - theirs], axis=1).min(axis=1)
    facts = sides.assign(status=status, value=ours, since=sides["start"], severity=severity)
    facts["days"] = (sides["end"] - sides["start"]).dt.days + 1
    facts["measure"] = np.where(by_survey, "the scale", "the value promised")
    facts["evidence"] = "ours {ours:,.0f} in {days:.0f} days; theirs {theirs:.0%} of {measure}"
    return flag_rows(facts, "no_return", "currency", as_of)


# -- joint goals missed --------------------------------------------------------------------------------------------


def goal_tracker(goals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """How far each goal is: met, missed, at risk or on course.

    Of several entries of a goal the last holds; its time runs from the first one. Dropped goals are left out.
    ``missed``: noted so, or its day is past without the target. ``at_risk``: more than `PACE_FROM` of its time is gone,
    and attainment is below `PACE` of that. A goal without a number or a state is ``unknown`` until it is due and
    ``missed`` after.

    Parameters
    ----------
    goals : ``tables.schema.ACCOUNT_GOALS``
        A target above zero is to be reached from below; one of zero or less is judged by its noted state alone.

    Returns
    -------
    DataFrame, one row per goal: ``goal_id, account_id, owner_side, due, attainment`` (share of the target), ``elapsed``
    (share of its time), ``pace`` (attainment ÷ elapsed), ``state``, ``noted_days`` (age of the last entry)

    References
    ----------
    S1-21d. House definition; README, glossary entry "goal at risk".
    """
    first, last = goals.groupby("goal_id")["entered_day"].min(), programme.latest_entries("account_goals", goals)
    last = last[last["status"].ne("dropped").fillna(True)]
    agreed = first.reindex(last["goal_id"]).set_axis(last.index)
    attained = last["actual"] / last["target"].where(last["target"] > 0)
    elapsed = ((as_of - agreed).dt.days / (last["due"] - agreed).dt.days.clip(lower=1)).clip(0, 1)
    pace = attained / elapsed.where(elapsed > 0)
    met = last["status"].eq("met").fillna(False) | (attained >= 1)
    missed = last["status"].eq("missed").fillna(False) | ((last["due"] < as_of) & ~met)
    risk = (elapsed >= PACE_FROM) & (pace < PACE)
    state = np.select([missed, met, risk, attained.notna()], ["missed", "met", "at_risk", "on_course"], "unknown")
    noted = (as_of - last["entered_day"]).dt.days
    out = last.assign(attainment=attained, elapsed=elapsed, pace=pace, state=state, noted_days=noted)
    columns = ["goal_id", "account_id", "owner_side", "due", "attainment", "elapsed", "pace", "state", "noted_days"]
    return out[columns].reset_index(drop=True)


def goals_missed(tracked: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Flag accounts with which joint goals are not met.

    Joint goals count; where an account has none, all of its goals do. Raised where at least `FEWEST_MISSED` are missed
    or at risk, at least one of them missed, and they are more than half of those that can be judged. ``value`` is that
    share; severity: the share missed outright.

    Parameters
    ----------
    tracked : DataFrame of `goal_tracker`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``share``. An account none of whose goals can be judged is
    ``too_early``.

    References
    ----------
    S1-21d. House definition; README, glossary entry "joint goals missed".
    """
    orders.refuse_repeated(accounts)
    joint = tracked["owner_side"] == "joint"
    counted = tracked[joint | ~joint.groupby(tracked["account_id"]).transform("any")]
    state, missed = counted["state"], counted["state"] == "missed"
    judged = (state != "unknown") & ((state != "on_course") | (counted["elapsed"] >= PACE_FROM))
    since = counted["due"].where(missed)
    counted = counted.assign(judged=judged, missed=missed, risk=state == "at_risk", since=since)
    how = {"judged": "sum", "missed": "sum", "risk": "sum", "since": "min"}
    sums = counted.groupby("account_id").agg(how).reindex(accounts)
    short, judged = sums["missed"] + sums["risk"], sums["judged"].where(sums["judged"] > 0)
    up = (short >= FEWEST_MISSED) & (sums["missed"] >= 1) & (short / judged > 0.5)
    status = np.select([up, judged.notna(), sums["judged"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    facts = sums.assign(status=status, value=short / judged, n=sums["judged"], severity=sums["missed"] / judged)
    facts["evidence"] = "{missed:.0f} of {judged:.0f} goals missed, {risk:.0f} at risk"
    return flag_rows(facts, "goals_missed", "share", as_of)


# -- all of them ------------------------------------------------------------------------------------------------------


def summary(every: pd.DataFrame) -> pd.DataFrame:
    """Verdict on each account over all flags; one that nobody could judge is not clear.

    Verdict: ``raised``, a flag is up; ``lost``, none is and it stopped buying long ago; ``clear``, every flag was
    judged and none is up; ``partly_judged``, none is up of those judged; ``not_judged``, none could be.

    Parameters
    ----------
    every : DataFrame of `COLUMNS`, the rows of several flags together

    Returns
    -------
    DataFrame, one row per account, the most severe first: ``account_id, verdict, raised`` (flags), ``flags`` (their
    names), ``severity`` (the highest), ``since`` (the earliest), ``judged`` (flags judged), ``asked`` (flags in all)

    References
    ----------
    House definition; README, glossary entry "red flag".
    """
    status = every["status"]
    marks = every.assign(
        raised=status == RAISED, lost=status == LOST, judged=status.isin([RAISED, CLEAR, LOST]),
        flags=every["flag"].where(status == RAISED),
    )  # fmt: skip
    out = marks.sort_values("flag").groupby("account_id").agg(
        raised=("raised", "sum"), flags=("flags", lambda names: "; ".join(names.dropna())), severity=("severity", "max"),
        since=("since", "min"), judged=("judged", "sum"), asked=("flag", "size"), lost=("lost", "sum"),
    )  # fmt: skip
    cases = [out["raised"] > 0, out["lost"] > 0, out["judged"] == out["asked"], out["judged"] > 0]
    out.insert(0, "verdict", np.select(cases, [RAISED, LOST, CLEAR, "partly_judged"], "not_judged"))
    out = out.drop(columns="lost").assign(flags=out["flags"].where(out["raised"] > 0)).reset_index()
    return out.sort_values(["severity", "raised", "account_id"], ascending=[False, False, True], ignore_index=True)
