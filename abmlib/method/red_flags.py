"""Red flags of a customer relationship: reorganisation, no return, goals missed; business going elsewhere is in
`lost_business`.

Every flag gives one row per account asked for. Its status is ``raised``, ``clear``, ``too_early`` (the tables are
there, the account has too little history), ``not_answerable`` (they hold nothing of the account) or ``lost`` (it
stopped buying long ago), so that an account nobody can judge never passes for a healthy one. Tables are taken as known
on the day of the report.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from abmlib.method import orders, periods
from abmlib.stats import intervals
from abmlib.tables import programme

FLAGS = ("elsewhere", "reorganisation", "no_return", "goals_missed")
RAISED, CLEAR, LOST, EARLY, UNKNOWN = "raised", "clear", "lost", "too_early", "not_answerable"
STATUSES = (RAISED, CLEAR, LOST, EARLY, UNKNOWN)
COLUMNS = ["account_id", "flag", "status", "evidence", "value", "unit", "n", "since", "age_days", "severity"]
DAY = pd.Timedelta(days=1)

FALSE_SHARE = 0.1  # of the flags raised on chances alone, the share that may be false
ROLE_WEIGHT = {
    "decision_maker": 3.0, "budget_holder": 3.0, "executive_sponsor": 3.0, "champion": 2.0, "influencer": 2.0,
}  # fmt: skip
OTHER_WEIGHT = 1.0  # of every other link, and of one whose part nobody knows
LOST_DAYS = 365  # who has bought nothing for so long is lost, and no longer at risk
LOOK_BACK_DAYS = 365  # how far back departures and reported reorganisations count
BURST_DAYS = 90  # departures so close together are one event
FEWEST_LEFT = 2  # people who leave close together, for their leaving to be more than one person's affair
FEWEST_KNOWN = 3  # people known at an account, for their leaving to say anything
PERIODS = 2  # newest periods of the relationship's economics that count
MIDDLE = 0.5  # middle of a survey's scale
UNDER = 0.8  # share of the value promised below which the customer's side counts as under
FEWEST_MISSED = 2  # joint goals missed, for a flag
PACE = 0.7  # attainment ÷ time elapsed below which a running goal is at risk
PACE_FROM = 0.5  # share of its time after which a running goal's pace is judged


def flag_rows(flagged: pd.DataFrame, flag: str, unit: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Bring the rows of one flag, indexed by account, to the common form of `COLUMNS`."""
    out = flagged.rename_axis("account_id").reset_index()
    out = out.assign(flag=flag, unit=unit, n=out["n"].fillna(0).astype(int))
    up = out["status"] == RAISED
    since = out["since"].where(up).astype("datetime64[us]").clip(upper=as_of)
    return out.assign(
        evidence=out["evidence"].where(up),
        severity=out["severity"].where(up).clip(0, 1),
        since=since,
        age_days=(as_of - since).dt.days,
    )[COLUMNS]


# -- reorganisation ------------------------------------------------------------------------------------------------


def departures(contacts: pd.DataFrame, as_of: pd.Timestamp) -> tuple[pd.DataFrame, float]:
    """Find, for each account, the densest departure of the people we know in the last `LOOK_BACK_DAYS`.

    Leads do not count. For each departure those of the `BURST_DAYS` up to it are held against the people known when
    they began: chance of so many or more at the usual turnover of all accounts (binomial), times the bursts there is
    time for. The least likely one is kept.

    Parameters
    ----------
    contacts : ``tables.schema.CONTACTS``

    Returns
    -------
    DataFrame indexed by account, those with people only: ``known`` (when the burst began, or now), ``left``,
    ``breakage`` (weighted share of links lost; weights by part in buying), ``p`` (missing with fewer than
    `FEWEST_KNOWN` known), ``since`` (first departure); and the usual turnover, departures per person and year over all
    accounts and all time

    References
    ----------
    S1-21b. House definition; README, glossary entry "network breakage".
    """
    people = contacts[contacts["account_id"].notna() & ~contacts["is_lead"].fillna(False).astype(bool)]
    people = pd.DataFrame(
        {
            "account_id": people["account_id"], "came": people["created_day"], "left": people["valid_to_day"],
            "weight": people["buying_role"].map(ROLE_WEIGHT).astype(float).fillna(OTHER_WEIGHT),
        }
    )  # fmt: skip
    stayed = (people["left"].fillna(as_of) - people["came"]).dt.days.clip(lower=0).sum()
    turnover = float(people["left"].notna().sum() / stayed * 365) if stayed > 0 else np.nan
    gone = people[people["left"].between(as_of - (LOOK_BACK_DAYS - 1) * DAY, as_of)]
    ends = gone[["account_id", "left"]].drop_duplicates().rename(columns={"left": "end"})
    pairs = ends.merge(people, on="account_id")
    start = pairs["end"] - (BURST_DAYS - 1) * DAY
    there = (pairs["came"] < start) & ~(pairs["left"] < start)
    lost = there & pairs["left"].between(start, pairs["end"])
    pairs = pairs.assign(
        known=there, lost=lost, of=pairs["weight"].where(there, 0), broken=pairs["weight"].where(lost, 0),
        first=pairs["left"].where(lost),
    )  # fmt: skip
    bursts = pairs.groupby(["account_id", "end"]).agg(
        known=("known", "sum"), left=("lost", "sum"), of=("of", "sum"), broken=("broken", "sum"), since=("first", "min")
    )
    bursts = bursts[bursts["left"] > 0].reset_index()
    usual = 1 - np.exp(-turnover * BURST_DAYS / 365)
    tail = pd.Series(scipy.stats.binom.sf(bursts["left"] - 1, bursts["known"], usual), bursts.index)
    p = (tail * LOOK_BACK_DAYS / BURST_DAYS).clip(upper=1).where(bursts["known"] >= FEWEST_KNOWN)
    bursts = bursts.assign(p=p, breakage=bursts["broken"] / bursts["of"])
    worst = bursts.sort_values(["account_id", "p", "breakage"], ascending=[True, True, False]).drop_duplicates(
        "account_id"
    )
    now = people[people["left"].isna()].groupby("account_id").size()
    every = pd.Index(people["account_id"].unique(), name="account_id")
    out = worst.set_index("account_id")[["known", "left", "breakage", "p", "since"]].reindex(every)
    still = now.reindex(every, fill_value=0)
    quiet = out["known"].isna()
    out["known"] = out["known"].fillna(still).astype(int)
    out["left"] = out["left"].fillna(0).astype(int)
    out["breakage"] = out["breakage"].fillna(0.0)
    out["p"] = out["p"].mask(quiet & (still >= FEWEST_KNOWN), 1.0)
    return out, turnover


def events(insights: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Day of the last reorganisation noted or change of owner of each account in the last `LOOK_BACK_DAYS`.

    The first parent ever noted is no change. Expired insights count: they were true when noted.

    Parameters
    ----------
    insights, history : ``tables.schema.ACCOUNT_INSIGHTS``, ``ATTRIBUTE_HISTORY``; either may be empty

    Returns
    -------
    Series of days by account, accounts with an event only
    """
    noted = insights[insights["kind"] == "reorg_event"]
    parents = history[(history["table"] == "accounts") & (history["field"] == "parent_account_id")]
    parents = parents.sort_values("known_from")
    parents = parents[parents["row_id"].duplicated()]
    both = pd.concat(
        [
            noted[["account_id", "observed_day"]].set_axis(["account_id", "day"], axis=1),
            parents[["row_id", "known_from_day"]].set_axis(["account_id", "day"], axis=1),
        ]
    )
    return both[both["day"] > as_of - LOOK_BACK_DAYS * DAY].groupby("account_id")["day"].max()


def reorganisation(
    contacts: pd.DataFrame,
    insights: pd.DataFrame,
    history: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    false_share: float = FALSE_SHARE,
) -> pd.DataFrame:
    """Flag a reorganisation at the customer that breaks our relationship.

    ``value`` is the chance that so many of the people we know leave so close together at the usual turnover. Raised
    where it is so small that no more than `false_share` of such flags are expected to be false, and `FEWEST_LEFT` or
    more left; and where a reorganisation or a new owner was noted within `BURST_DAYS` of a departure. One that nobody
    left over is not raised: what was told is not yet a break. Severity: network breakage, the weighted share of links
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
    left, _ = departures(contacts, as_of)
    left = left.reindex(accounts)
    chance = left["p"]
    known, adjusted = chance.notna(), intervals.adjusted(chance)
    event = events(insights, history, as_of).reindex(accounts)
    near = ((event - left["since"]).dt.days.abs() <= BURST_DAYS) & (left["left"] > 0)
    up = ((adjusted <= false_share) & (left["left"] >= FEWEST_LEFT)) | near
    status = np.select([up, known, left["known"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    some = left[up]
    said = some["left"].astype(int).astype("str") + " of " + some["known"].astype(int).astype("str")
    said = said + " people known left within " + str(BURST_DAYS) + " days"
    said = said + pd.Series("; a reorganisation or new owner was noted", said.index, dtype="str").where(near[up], "")
    flagged = pd.DataFrame(
        {
            "status": status, "evidence": said.reindex(accounts), "value": chance, "n": left["known"],
            "since": left["since"].where(~near, pd.concat([left["since"], event], axis=1).min(axis=1)),
            "severity": left["breakage"],
        },
        index=accounts,
    )  # fmt: skip
    return flag_rows(flagged, "reorganisation", "probability", as_of)


# -- no return for either side -------------------------------------------------------------------------------------


def both_sides(
    economics: pd.DataFrame,
    transactions: pd.DataFrame,
    surveys: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    year_starts: int = 1,
) -> pd.DataFrame:
    """Set what the relationship brings us beside what it brings the customer.

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
    spans = {label: periods.period_of(label, year_starts) for label in last["period"].unique()}
    days = {c: last["period"].map({p: getattr(of, c) for p, of in spans.items()}) for c in ("start", "end")}
    last = last.assign(**{c: d.astype("datetime64[us]") for c, d in days.items()})
    last = last[(last["end"] <= as_of) & (last["end"] > as_of - LOST_DAYS * DAY)].sort_values("end", kind="stable")
    newest = last.groupby("account_id").tail(PERIODS)
    by = newest.assign(cost=newest["cost_to_serve"] + newest["programme_cost"]).groupby("account_id")
    sums = pd.DataFrame(
        {
            "start": by["start"].min(), "end": by["end"].max(), "cost": by["cost"].sum(), "periods": by.size(),
            "promised": by["value_promised"].sum(min_count=1), "realised": by["value_realised"].sum(min_count=1),
        }
    )  # fmt: skip
    sums = sums.reindex(accounts)
    bought = orders.by_account(transactions, accounts, periods.Period(as_of - (LOST_DAYS - 1) * DAY, as_of))
    margin = bought["margin"].where(bought["lines"] > 0, 0.0)
    length = (sums["end"] - sums["start"]).dt.days + 1
    margin = (margin * length / LOST_DAYS).where(sums["cost"].notna())
    asked = surveys[(surveys["survey_type"] == "value_realised") & surveys["account_id"].isin(accounts)]
    asked = asked[asked["responded_day"] > as_of - LOST_DAYS * DAY]
    felt = (asked["score"] - asked["scale_min"]) / (asked["scale_max"] - asked["scale_min"]).replace(0, np.nan)
    felt = felt.groupby(asked["account_id"]).agg(["mean", "size"]).reindex(accounts)
    kept = sums["realised"] / sums["promised"].where(sums["promised"] > 0)
    return pd.DataFrame(
        {
            "start": sums["start"], "end": sums["end"], "margin": margin, "cost": sums["cost"],
            "ours": margin - sums["cost"], "promised": sums["promised"], "realised": sums["realised"],
            "theirs": kept.fillna(felt["mean"]),
            "source": pd.Series(np.select([kept.notna(), felt["mean"].notna()], ["value", "survey"], ""), accounts),
            "n": sums["periods"].where(kept.notna(), felt["size"]),
        },
        index=accounts,
    )  # fmt: skip


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
    ours, theirs = sides["ours"], sides["theirs"]
    under = theirs < np.where(sides["source"] == "survey", MIDDLE, UNDER)
    known = ours.notna() & theirs.notna()
    status = np.select(
        [known & (ours < 0) & under, known, ours.notna() | theirs.notna()], [RAISED, CLEAR, EARLY], UNKNOWN
    )
    some = sides[status == RAISED]
    said = [
        f"ours {o:,.0f} in {d} days; theirs {t:.0%} of {'the scale' if s == 'survey' else 'the value promised'}"
        for o, d, t, s in zip(
            some["ours"], (some["end"] - some["start"]).dt.days + 1, some["theirs"], some["source"], strict=True
        )
    ]
    short = pd.concat([1 - sides["margin"] / sides["cost"].where(sides["cost"] > 0), 1 - theirs], axis=1).min(axis=1)
    flagged = pd.DataFrame(
        {
            "status": status, "evidence": pd.Series(said, some.index, dtype="str").reindex(sides.index), "value": ours,
            "n": sides["n"], "since": sides["start"], "severity": short,
        },
        index=sides.index,
    )  # fmt: skip
    return flag_rows(flagged, "no_return", "currency", as_of)


# -- joint goals missed --------------------------------------------------------------------------------------------


def goal_tracker(goals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Say of each goal how far it is, and whether it is met, missed, at risk or on course.

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
    last = last[last["status"].ne("dropped").fillna(True)].set_index("goal_id")
    agreed = first.reindex(last.index)
    attained = last["actual"] / last["target"].where(last["target"] > 0)
    elapsed = ((as_of - agreed).dt.days / (last["due"] - agreed).dt.days.clip(lower=1)).clip(0, 1)
    pace = attained / elapsed.where(elapsed > 0)
    over = last["due"] < as_of
    met = last["status"].eq("met").fillna(False) | (attained >= 1)
    missed = last["status"].eq("missed").fillna(False) | (over & ~met)
    risk = (elapsed >= PACE_FROM) & (pace < PACE)
    state = np.select([missed, met, risk, attained.notna()], ["missed", "met", "at_risk", "on_course"], "unknown")
    return pd.DataFrame(
        {
            "goal_id": last.index, "account_id": last["account_id"].to_numpy(), "owner_side": last["owner_side"].to_numpy(),
            "due": last["due"].to_numpy(), "attainment": attained.to_numpy(), "elapsed": elapsed.to_numpy(),
            "pace": pace.to_numpy(), "state": state, "noted_days": (as_of - last["entered_day"]).dt.days.to_numpy(),
        }
    )  # fmt: skip


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
    has = joint.groupby(tracked["account_id"]).transform("any")
    counted = tracked[joint | ~has]
    state, by = counted["state"], counted["account_id"]
    sums = pd.DataFrame(
        {
            "judged": (state != "unknown") & ((state != "on_course") | (counted["elapsed"] >= PACE_FROM)),
            "missed": state == "missed", "risk": state == "at_risk",
        }
    ).groupby(by).sum().reindex(accounts)  # fmt: skip
    short = sums["missed"] + sums["risk"]
    share = short / sums["judged"].where(sums["judged"] > 0)
    up = (short >= FEWEST_MISSED) & (sums["missed"] >= 1) & (share > 0.5)
    status = np.select([up, share.notna(), sums["judged"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    some = sums[up].astype(int)
    said = (
        some["missed"].astype("str") + " of " + some["judged"].astype("str") + " goals missed, "
        + some["risk"].astype("str") + " at risk"
    )  # fmt: skip
    since = counted.loc[state == "missed"].groupby("account_id")["due"].min().reindex(accounts)
    flagged = pd.DataFrame(
        {
            "status": status, "evidence": said.reindex(accounts), "value": share, "n": sums["judged"],
            "since": since, "severity": sums["missed"] / sums["judged"].where(sums["judged"] > 0),
        },
        index=accounts,
    )  # fmt: skip
    return flag_rows(flagged, "goals_missed", "share", as_of)


# -- all of them ------------------------------------------------------------------------------------------------------


def monitor(found: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the flags together, the most severe of those raised first, then by account.

    Parameters
    ----------
    found : DataFrames of `COLUMNS`, one or more of `elsewhere.flag`, `reorganisation`, `no_return`, `goals_missed`

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account and flag

    Raises
    ------
    ValueError
        If `found` is empty, or a flag is in it twice.

    References
    ----------
    S0-19, S1-21.
    """
    if not found:
        raise ValueError("found: no flag is given. Give the result of one flag or more.")
    every = pd.concat(found, ignore_index=True)
    twice = every.duplicated(["account_id", "flag"])
    if twice.any():
        raise ValueError(
            f"found: {int(twice.sum())} of {len(every)} rows repeat an account and flag "
            f"(first: {every.loc[twice, ['account_id', 'flag']].head(3).to_numpy().tolist()}). Give each flag once."
        )
    order = ["severity", "account_id", "flag"]
    return every.sort_values(order, ascending=[False, True, True], na_position="last", ignore_index=True)


def summary(every: pd.DataFrame) -> pd.DataFrame:
    """Sum up the flags of each account, so that one nobody could judge is not taken for a healthy one.

    Verdict: ``raised``, a flag is up; ``lost``, none is and it stopped buying long ago; ``clear``, every flag was
    judged and none is up; ``partly_judged``, none is up of those judged; ``not_judged``, none could be.

    Parameters
    ----------
    every : DataFrame of `monitor`

    Returns
    -------
    DataFrame, one row per account, the most severe first: ``account_id, verdict, raised`` (flags), ``flags`` (their
    names), ``severity`` (the highest), ``since`` (the earliest), ``judged`` (flags judged), ``asked`` (flags in all)

    References
    ----------
    House definition; README, glossary entry "red flag".
    """
    up = every["status"] == RAISED
    marks = pd.DataFrame(
        {"raised": up, "lost": every["status"] == LOST, "judged": every["status"].isin([RAISED, CLEAR, LOST])}
    )
    sums = marks.groupby(every["account_id"]).sum()
    asked = every.groupby("account_id").size()
    names = every[up].sort_values("flag").groupby("account_id")["flag"].agg("; ".join)
    verdict = np.select(
        [sums["raised"] > 0, sums["lost"] > 0, sums["judged"] == asked, sums["judged"] > 0],
        [RAISED, LOST, CLEAR, "partly_judged"], "not_judged",
    )  # fmt: skip
    out = pd.DataFrame(
        {
            "verdict": verdict, "raised": sums["raised"], "flags": names.reindex(sums.index),
            "severity": every.groupby("account_id")["severity"].max(), "since": every.groupby("account_id")["since"].min(),
            "judged": sums["judged"], "asked": asked,
        }
    )  # fmt: skip
    return out.reset_index().sort_values(
        ["severity", "raised", "account_id"], ascending=[False, False, True], na_position="last", ignore_index=True
    )


def counts(every: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by flag and status; each row sums to the accounts.

    Returns
    -------
    DataFrame of counts: one row per flag, columns ``raised, clear, lost, too_early, not_answerable``
    """
    table = pd.crosstab(every["flag"], every["status"])
    return table.reindex(index=FLAGS, columns=STATUSES, fill_value=0).rename_axis(index=None, columns=None)
