"""What waits at the accounts of most worth: answers not given, hand-overs not taken, lines not offered, no talk for long.

It says what waits, not what was lost: nobody knows what an answer would have brought.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.alignment import mature_hand_overs, unanswered_accounts
from abmlib.method.cycle_deals import TALKS
from abmlib.method.cycle_effort import are_logged, sales_touches
from abmlib.method.kpi_report import buyer_touches
from abmlib.method.measures import counted_row
from abmlib.method.periods import DAY

ANSWER_DAYS = 60  # in which a move of the account still waits for an answer
QUIET_DAYS = 90  # without a talk with sales, where no deal is open
MOVE, HAND_OVER, LINE, TALK = (
    "a move not answered",
    "a hand-over not accepted",
    "a line not offered",
    "no talk with sales",
)
KINDS = (MOVE, HAND_OVER, LINE, TALK)
NO_REPLY = r"open|click|bounce|unsubscri|spam|print|forward|status"  # e-mail that the account sent no answer with
COLUMNS = ["account_id", "kind", "since", "what"]


def moves(activities: pd.DataFrame) -> pd.DataFrame:
    """Keep what an account did that asks for an answer: conversions, key pages and replies; machines left out.

    A reply is a touch of the account with the outcome ``replied``, or an e-mail of theirs that is more than opened or clicked.

    Parameters
    ----------
    activities : ``tables.schema.ACTIVITIES``, as read

    Returns
    -------
    DataFrame, rows of `activities`, with ``move`` (what it was, in words)
    """
    own = buyer_touches(activities)
    own = own[(own["direction"] == "inbound") & own["account_id"].notna()]
    wrote = (own["channel"] == "email") & ~own["activity_type"].str.contains(NO_REPLY, case=False)
    kinds = [own["is_conversion"].fillna(False).astype(bool), own["outcome"].eq("replied") | wrote]
    kinds.append(own["page_class"].eq("key").fillna(False).astype(bool))
    flags = [k.fillna(False).to_numpy(bool) for k in kinds]
    move = np.select(flags, ["converted on the web site", "wrote to us", "read a key page"], "")
    return own.assign(move=move)[move != ""]


def our_touches(activities: pd.DataFrame) -> pd.DataFrame:
    """Keep touches by which one of us answers an account: talks that took place, and what is sent to it alone.

    What marketing sends is none, and where nobody knows the team, what belongs to a campaign is none.

    Parameters
    ----------
    activities : ``tables.schema.ACTIVITIES``, as read
    """
    machine = activities["is_bot"].fillna(False).astype(bool)
    missed = activities["outcome"].isin(["booked", "no_show"])
    sent = activities["team"].isin(["sales", "service"]) | (
        activities["team"].isna() & activities["campaign_id"].isna()
    )
    ours = activities["direction"].eq("mutual") | (activities["direction"].eq("outbound") & sent)
    return activities[ours & ~machine & ~missed & activities["account_id"].notna()]


def lacking(
    accounts: pd.Index, activities: pd.DataFrame, hand_overs: pd.DataFrame, space: pd.DataFrame
) -> dict[str, str]:
    """Say of each of `KINDS` what is lacking to tell it; empty where it can be told.

    Where touches of ours, or talks, are hardly logged (`cycle_effort.are_logged`), the data would show silence that is none.

    Parameters
    ----------
    accounts : ids of the accounts to look at
    activities, hand_overs, space : as in `waiting`
    """
    ids = pd.Series(accounts, name="account_id")
    has = {
        MOVE: (are_logged(our_touches(activities), ids), "touches of ours at most of these accounts"),
        HAND_OVER: (len(hand_overs) > 0, "hand-overs"),
        LINE: (bool(space["fits"].notna().any()), "lines of which the past tells who takes them up"),
        TALK: (are_logged(_talks_of(activities), ids), "meetings or calls at most of these accounts"),
    }
    return {kind: "" if is_there else what for kind, (is_there, what) in has.items()}


def waiting(
    accounts: pd.Index,
    activities: pd.DataFrame,
    hand_overs: pd.DataFrame,
    space: pd.DataFrame,
    deals: pd.DataFrame,
    as_of: pd.Timestamp,
    response_days: int,
) -> pd.DataFrame:
    """List what waits at each of some accounts, such as those of most worth: one row per account and kind.

    `MOVE`: the account did something of `moves` in `ANSWER_DAYS` and none of `our_touches` followed. `HAND_OVER`: the newest hand-over
    is older than the days for an answer, not accepted, and no touch of ours followed. `LINE`: a line worth an offer, and no deal open at all. `TALK`: no meeting
    or call of sales took place for `QUIET_DAYS`, and no deal is open. A kind of which something is `lacking` has no row.

    Parameters
    ----------
    accounts : ids of the accounts to look at
    activities : ``tables.schema.ACTIVITIES``, as read
    hand_overs : ``tables.schema`` ``hand_overs``, all entries
    space : ``05_white_space``
    deals : DataFrame of `deals.with_days`, open and closed
    response_days : days within which an answer to a hand-over can be expected

    Returns
    -------
    DataFrame: ``account_id, kind, since`` (day; missing where there is none), ``what`` (text)

    References
    ----------
    S3-29. House definition; README, glossary entry "what waits".
    """
    past = activities[activities["account_id"].isin(accounts) & (activities["occurred_day"] <= as_of)]
    free = accounts[~accounts.isin(dl.open_deals(deals)["account_id"])]
    mature = mature_hand_overs(hand_overs, as_of, response_days)
    lacks = lacking(accounts, activities, hand_overs, space)
    finders: dict[str, Callable[[], pd.DataFrame]] = {
        MOVE: lambda: _moves(past, as_of),
        HAND_OVER: lambda: _hand_overs(mature[mature["account_id"].isin(accounts)], hand_overs, past),
        LINE: lambda: _lines(space[space["account_id"].isin(free)]),
        TALK: lambda: _talks(past, free, as_of),
    }
    told = [find().assign(kind=kind) for kind, find in finders.items() if not lacks[kind]]
    found = pd.concat([pd.DataFrame(columns=COLUMNS), *told], ignore_index=True)[COLUMNS]
    return found.astype({"account_id": "str", "kind": "str", "what": "str", "since": "datetime64[ns]"})


def _moves(past: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Moves of the last days that nobody of us followed: the first one since our last touch gives the day."""
    last = our_touches(past).groupby("account_id")["occurred_at"].max()
    own = moves(past[past["occurred_day"] > as_of - ANSWER_DAYS * DAY])
    ours = last.reindex(own["account_id"]).set_axis(own.index)
    own = own[~(own["occurred_at"] <= ours)].sort_values("occurred_at", kind="stable")
    by = own.groupby("account_id").agg(since=("occurred_day", "min"), what=("move", _each))
    return by.assign(what=by["what"] + ", not answered").reset_index()


def _each(words: pd.Series) -> str:
    """Different words, in order."""
    return ", ".join(dict.fromkeys(words))


def _hand_overs(mature: pd.DataFrame, entries: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Hand-overs that nobody took, that no touch of ours followed, and no later one that was taken."""
    sent = unanswered_accounts(mature[mature["first_touch_at"].isna()])
    taken = entries[entries["accepted_at"].notna()].groupby("account_id")["sent_day"].max()
    last = our_touches(past).groupby("account_id")["occurred_day"].max()
    sent = sent[~(last.reindex(sent.index) >= sent) & ~(taken.reindex(sent.index) > sent)]
    out = pd.DataFrame({"account_id": sent.index, "since": sent.to_numpy()})
    return out.assign(what="handed over to sales, not accepted and not touched since")


def _lines(space: pd.DataFrame) -> pd.DataFrame:
    """Lines worth an offer, the most valuable of each account named."""
    fitting = space[space["fits"].fillna(False).astype(bool)]
    fitting = fitting.sort_values(["account_id", "value", "product_line"], ascending=[True, False, True])
    first = fitting.drop_duplicates("account_id")
    what = first["product_line"] + " is worth an offer, no deal is open"
    return first[["account_id"]].assign(since=pd.NaT, what=what)


def _talks_of(activities: pd.DataFrame) -> pd.DataFrame:
    """Meetings and calls of sales that took place."""
    missed = activities["outcome"].isin(["booked", "no_show"])
    return sales_touches(activities[activities["channel"].isin(TALKS) & ~missed])


def _talks(past: pd.DataFrame, free: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Accounts without an open deal that sales has not talked with for long; since their last talk."""
    last = _talks_of(past).groupby("account_id")["occurred_day"].max().reindex(free)
    quiet = last[~(last > as_of - QUIET_DAYS * DAY)]
    what = np.where(
        quiet.isna(), "no talk with sales on record, no deal is open", "no talk with sales, no deal is open"
    )
    return pd.DataFrame({"account_id": quiet.index, "since": quiet.to_numpy(), "what": what})


def by_account(found: pd.DataFrame, worth: pd.Series, as_of: pd.Timestamp) -> pd.DataFrame:
    """Gather what waits by account, the account of most worth first; an account where nothing waits has no row.

    Parameters
    ----------
    found : DataFrame of `waiting`
    worth : Series of money, by account id

    Returns
    -------
    DataFrame: ``account_id, what_waits`` (text, of several parts joined by ;), ``things`` (parts), ``days_waiting`` (of the one
    that waits longest; missing where none has a day), ``worth``
    """
    since = found["since"].dt.strftime(" (since %Y-%m-%d)").fillna("")
    rows = found.assign(text=found["what"] + since, days=(as_of - found["since"]).dt.days)
    by = rows.groupby("account_id").agg(text=("text", "; ".join), things=("kind", "size"), days=("days", "max"))
    out = by.reset_index().rename(columns={"text": "what_waits", "days": "days_waiting"})
    out = out.assign(worth=out["account_id"].map(worth), days_waiting=out["days_waiting"].astype("Int64"))
    return out.sort_values(["worth", "account_id"], ascending=[False, True], ignore_index=True)


def waiting_rows(found: pd.DataFrame, lacks: Mapping[str, str], accounts: int) -> list[dict[str, object]]:
    """Make rows of `measures`: of the accounts looked at, the share where something waits, and by kind.

    A kind of which something is lacking is not answered; where all are, nor is the first.

    Parameters
    ----------
    found : DataFrame of `waiting`
    lacks : of `lacking`
    accounts : looked at

    References
    ----------
    S3-29.
    """
    name, told = "top_accounts_where_something_waits", [kind for kind in KINDS if not lacks[kind]]
    rows = [counted_row("S3-29", name, found["account_id"].nunique(), accounts if told else 0)]
    many = found["kind"].value_counts()
    for kind in KINDS:
        k, n = int(many.get(kind, 0)), accounts if kind in told else 0
        rows.append(counted_row("S3-29", name, k, n, group_by="what waits", group=kind, why=lacks[kind]))
    return rows
