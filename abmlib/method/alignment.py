"""Do sales and marketing work together: one list, shared goals, hand-overs that are answered."""

import numpy as np
import pandas as pd

from abmlib.method.measures import counted_row, estimate_row, measure_row
from abmlib.stats import intervals, survival
from abmlib.tables import programme
from abmlib.tables.days import end_of

SEED = 57  # of every bootstrap here
TEAMS = ("sales", "marketing")
VOTES = ("in", "unsure", "out")
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)


def votes_by_team(votes: pd.DataFrame) -> pd.DataFrame:
    """Votes of sales and of marketing on each account, side by side, the newest round last.

    Of several entries for one vote the last holds. An account that neither of the two voted on has no row.

    Parameters
    ----------
    votes : DataFrame of ``tables.schema`` ``list_votes``

    Returns
    -------
    DataFrame: ``round, account_id, sales, marketing`` (missing where that team did not vote)
    """
    last = programme.latest_entries("list_votes", votes[votes["voter_team"].isin(TEAMS)])
    last = last.assign(began=last["entered_at"].groupby(last["round"]).transform("min"))
    wide = last.pivot(index=["began", "round", "account_id"], columns="voter_team", values="vote")
    out = wide.reindex(columns=list(TEAMS)).reset_index().rename_axis(columns=None)
    return out.drop(columns="began").astype("str")


def newest_round(both: pd.DataFrame) -> pd.DataFrame:
    """Keep the newest round of `votes_by_team`."""
    return both[both["round"] == both["round"].iloc[-1]] if len(both) else both


def vote_began(votes: pd.DataFrame) -> pd.Timestamp:
    """When the first vote of the newest round was entered; missing without votes. Earlier rounds are over.

    Parameters
    ----------
    votes : DataFrame of ``tables.schema`` ``list_votes``
    """
    newest = newest_round(votes_by_team(votes))["round"]
    return votes.loc[votes["round"].isin(newest) & votes["voter_team"].isin(TEAMS), "entered_at"].min()


def standing_votes(votes: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """The last vote of sales and of marketing on each account, of whatever round, if it was entered on a day or later.

    Parameters
    ----------
    votes : DataFrame of ``tables.schema`` ``list_votes``
    since : first day whose votes count

    Returns
    -------
    DataFrame as `votes_by_team`, without the round: ``account_id, sales, marketing`` (missing where that team's vote does not count)
    """
    last = programme.latest_entries("list_votes", votes[votes["voter_team"].isin(TEAMS)])
    last = last[last["entered_day"] >= since].sort_values("entered_at", kind="stable")
    last = last.drop_duplicates(["account_id", "voter_team"], keep="last")
    wide = last.pivot(index="account_id", columns="voter_team", values="vote").reindex(columns=list(TEAMS))
    return wide.reset_index().rename_axis(columns=None).astype("str")


def vote_counts(both: pd.DataFrame) -> pd.DataFrame:
    """Accounts by the vote of sales (rows) and of marketing (columns); only accounts both voted on."""
    order = list(VOTES)
    return pd.crosstab(both["sales"], both["marketing"]).reindex(index=order, columns=order, fill_value=0)


def kappa(table: pd.DataFrame) -> tuple[float, float, float, int]:
    """Cohen's kappa of two judges with its interval: 1 is full agreement, 0 what chance alone gives.

    Where both judges always give one and the same label, or judged nothing, it is missing.

    Parameters
    ----------
    table : counts, the label of one judge in rows and of the other in columns, in the same order

    Returns
    -------
    value, low, high, n

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20, p. 37;
    interval of Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72, p. 323; both by statsmodels.

    Examples
    --------
    >>> value, low, high, n = kappa(pd.DataFrame([[20, 5], [10, 15]]))
    >>> round(value, 3), low < value < high, n  # agreed 0.7, by chance 0.5
    (0.4, True, 50)
    """
    from statsmodels.stats.inter_rater import cohens_kappa  # here and not above: it loads scipy.stats

    n = int(table.to_numpy().sum())
    if (table.sum() == n).any() and (table.sum(axis=1) == n).any():
        return np.nan, np.nan, np.nan, n
    result = cohens_kappa(table)
    value, half = float(result.kappa), float(intervals.Z * result.std_kappa)
    return value, max(value - half, -1.0), min(value + half, 1.0), n


def list_overlap(both: pd.DataFrame) -> tuple[float, float, float, int]:
    """Jaccard's overlap of the two teams' lists with its interval.

    Accounts both want in ÷ accounts either wants in, of those both voted on.

    Parameters
    ----------
    both : DataFrame of one round of `votes_by_team`

    Returns
    -------
    value, low, high, n (accounts that either wants in); missing without any

    References
    ----------
    Metric dictionary C-57; S3-9. Jaccard (1912), New Phytologist 11, p. 37.
    """
    wanted = both.loc[both[list(TEAMS)].notna().all(axis=1), list(TEAMS)] == "in"
    overlap = intervals.ratio(wanted.all(axis=1).astype(float), wanted.any(axis=1).astype(float), SEED)
    return *overlap[:3], int(wanted.any(axis=1).sum())


def agreement_rows(both: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `measures`: how far the two teams agree on the list.

    Overlap is that of `list_overlap`. Kappa is of in, unsure and out. Accounts that only one team voted on are a measure of their own.

    Parameters
    ----------
    both : DataFrame of one round of `votes_by_team`

    References
    ----------
    Metric dictionary C-57; S0-8, S3-9.
    """
    judged = both[both[list(TEAMS)].notna().all(axis=1)]
    overlap = list_overlap(both)
    agreement = kappa(vote_counts(judged))
    alone = float(len(both) - len(judged)) if len(both) else np.nan
    apart = "accounts that both teams voted on" if len(both) and judged.empty else ""
    none = "a vote for an account" if len(judged) and np.isnan(overlap[0]) else apart
    alike = "votes that differ" if len(judged) and np.isnan(agreement[0]) else apart
    return [
        estimate_row("C-57", "list_overlap", overlap, "share", why=none),
        estimate_row("C-57", "vote_kappa", agreement, "index", why=alike),
        measure_row("C-57", "accounts_voted_on_by_one_team", alone, "accounts", len(both)),
    ]


def agreement_by_round(both: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: `agreement_rows` of the newest round and, where there are several, of each."""
    rows = agreement_rows(newest_round(both))
    rounds = both["round"].unique()
    for name in rounds if len(rounds) > 1 else []:
        rows += [r | {"group_by": "round", "group": name} for r in agreement_rows(both[both["round"] == name])]
    return pd.DataFrame(rows)


def votes_by_account(both: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Both teams' votes on each account, first where one says in and the other out.

    Parameters
    ----------
    both : DataFrame of one round of `votes_by_team`
    accounts : DataFrame ``name, owner_id``, indexed by account id

    Returns
    -------
    DataFrame, one row per row of `both`: ``account_id, name, owner_id, votes`` (such as ``sales in, marketing out``),
    ``differ`` (``in and out``, ``one is unsure``, ``one did not vote``, or empty where they agree)

    References
    ----------
    Metric dictionary C-57; S0-8.
    """
    sales, marketing = (both[team].astype(object).fillna("no vote") for team in TEAMS)
    silent, unsure = ((sales == word) | (marketing == word) for word in ("no vote", "unsure"))
    kinds = ["", "one did not vote", "one is unsure"]
    differ = pd.Series(np.select([sales == marketing, silent, unsure], kinds, "in and out"), both.index, dtype="str")
    out = both[["account_id"]].join(accounts[["name", "owner_id"]], on="account_id")
    out = out.assign(votes="sales " + sales + ", marketing " + marketing, differ=differ)
    rank = differ.map({kind: place for place, kind in enumerate(["in and out", *reversed(kinds)])})
    return out.assign(rank=rank).sort_values(["rank", "votes", "account_id"], ignore_index=True).drop(columns="rank")


def joint_goal_rows(goals: pd.DataFrame, listed: pd.Index) -> list[dict[str, object]]:
    """Rows of `measures`: share of goals shared with the customer, and of listed accounts with such a goal.

    Counts of all there is, so without an interval. Without any goal both are missing.

    Parameters
    ----------
    goals : DataFrame of ``tables.schema`` ``account_goals``
    listed : accounts in the programme

    References
    ----------
    S0-8: jointly owned goals %.
    """
    goals = programme.latest_entries("account_goals", goals)
    joint = goals[goals["owner_side"] == "joint"]
    carrying = int(listed.isin(joint["account_id"]).sum())
    return [
        counted_row("S0-8", "goals_owned_together", len(joint), len(goals)),
        counted_row("S0-8", "listed_accounts_with_a_joint_goal", carrying, len(listed) if len(goals) else 0),
    ]


def mature_hand_overs(sent: pd.DataFrame, as_of: pd.Timestamp, response_days: int) -> pd.DataFrame:
    """Latest entries of the hand-overs that are old enough to have been answered."""
    last = programme.latest_entries("hand_overs", sent)
    return last[last["sent_day"] <= as_of - response_days * DAY]


def hand_over_log(sent: pd.DataFrame) -> pd.DataFrame:
    """Each hand-over as last entered, the newest first."""
    last = programme.latest_entries("hand_overs", sent)
    return last.sort_values("sent_at", ascending=False, kind="stable", ignore_index=True)


def unanswered_accounts(mature: pd.DataFrame) -> pd.Series:
    """Accounts whose newest hand-over nobody has accepted, and the day it was sent; the longest waiting first.

    Parameters
    ----------
    mature : DataFrame of `mature_hand_overs`

    Returns
    -------
    Series of days, indexed by account id
    """
    newest_of = mature.sort_values("sent_at", kind="stable").drop_duplicates("account_id", keep="last")
    return newest_of[newest_of["accepted_at"].isna()].set_index("account_id")["sent_day"]


def hand_over_rows(
    entries: pd.DataFrame, as_of: pd.Timestamp, time_zone: str, response_days: int
) -> list[dict[str, object]]:
    """Rows of `measures`: share of hand-overs accepted, the hours until then, and the share of briefs read.

    The accepted share and the brief count hand-overs old enough to have been answered; younger ones are a measure of their own.
    Hours include all hand-overs, those still waiting with their hours so far (Kaplan–Meier): a hand-over that nobody has
    touched is not a fast one. Hand-overs of one account are one cluster in every interval. Answers dated before they were sent have
    no hours.

    Parameters
    ----------
    entries : DataFrame of ``tables.schema`` ``hand_overs``, all entries
    response_days : days within which an answer can be expected

    References
    ----------
    Metric dictionary C-24, immature ones excluded; S0-8.
    """
    sent, mature = (mature_hand_overs(entries, as_of, days) for days in (0, response_days))
    until = pd.Timestamp(end_of(as_of.date(), time_zone), tz="UTC")
    taken, of = mature["accepted_at"].notna(), mature["account_id"]
    known = taken & mature["brief_read"].notna()
    accepted = intervals.share(taken, of)
    read = intervals.share(mature.loc[known, "brief_read"].astype(bool), of[known])
    early = float(len(sent) - len(mature)) if len(sent) else np.nan
    rows = [
        estimate_row("C-24", "hand_overs_accepted", accepted, "share"),
        estimate_row("C-24", "briefs_read_of_accepted", read, "share"),
        measure_row("C-24", "hand_overs_too_early_to_judge", early, "hand-overs", len(sent)),
    ]
    for what in ("acceptance", "first_touch"):
        at = sent["accepted_at" if what == "acceptance" else "first_touch_at"]
        hours = (at.fillna(until) - sent["sent_at"]) / HOUR
        waited = survival.clustered(hours.where(hours >= 0), at.notna(), 0.5, sent["account_id"], SEED)
        rows.append(estimate_row("C-24", f"hours_to_{what}_median", waited, "hours"))
    return rows
