"""Deals that were open on past days, as they were known then, and what became of them."""

import numpy as np
import pandas as pd

from abmlib.method.deals import dateless
from abmlib.method.periods import DAY

NO_STAGE = "unknown"  # stage of a deal whose history does not reach the day
WON, LOST = 1, 2  # how a deal ended; 0 while it is open
NEVER = pd.Timestamp.max.normalize()
OF_DEALS = [
    "opportunity_id",
    "account_id",
    "product_line",
    "created_day",
    "known_day",
    "closed_day",
    "is_won",
    "amount",
]
NOTED = ["stage", "amount", "probability", "close_date", "pushes", "skipped", "began"]  # of a deal, from a day on


def lines(deals: pd.DataFrame) -> pd.Series:
    """Product line of each deal; deals without one are of one line."""
    return deals["product_line"].astype("str").fillna("")


def open_on(deals: pd.DataFrame, history: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Give the deals that were open at the end of each of some days, as they were known then.

    A deal of which nobody knows when or how it was closed is left out. Where the history of a deal does not reach the day, its stage is
    `NO_STAGE`, its time there is its age, and what else was noted is unknown.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``
    days : in order

    Returns
    -------
    DataFrame, one row per deal and day: ``day, opportunity_id, account_id, product_line, created_day``; as noted then ``stage,
    amount, probability, close_date, days_in_stage, pushes`` (times the closing day was moved later), ``skipped`` (whether it had
    passed over a stage; missing without history); and what came later:
    ``closed_day, is_won, final_amount``
    """
    states = _states(history)
    unclear = deals["is_closed"].astype(bool) & deals[["closed_day", "is_won"]].isna().any(axis=1)
    deals = deals.loc[~unclear, OF_DEALS].rename(columns={"amount": "final_amount"})
    born = deals[["created_day", "known_day"]].max(axis=1, skipna=True)
    first = states.groupby("opportunity_id")["since"].min().reindex(deals["opportunity_id"]).fillna(NEVER)
    before = deals.assign(since=born.where(deals["created_day"].notna()), until=first.to_numpy())
    after = states.merge(deals, on="opportunity_id")
    every = pd.concat([before, after], ignore_index=True)
    every["until"] = every[["until", "closed_day"]].min(axis=1)
    known = deals.set_index("opportunity_id")["known_day"]
    since = every[["since"]].assign(known=every["opportunity_id"].map(known)).max(axis=1)
    start = days.searchsorted(since.where(every["since"].notna(), NEVER))
    often = np.maximum(days.searchsorted(every["until"]) - start, 0)
    rows = every.loc[every.index.repeat(often)]
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(often) - often, often)
    day = days[np.repeat(start, often) + nth]
    out = rows.assign(day=day, stage=rows["stage"].fillna(NO_STAGE))
    out["days_in_stage"] = (out["day"] - out["began"].fillna(out["created_day"])).dt.days
    out = out.sort_values(["day", "opportunity_id"], ignore_index=True)
    columns = ["day", "opportunity_id", "account_id", "product_line", "created_day", *NOTED[:-1], "days_in_stage"]
    return out[[*columns, "closed_day", "is_won", "final_amount"]]


def open_now(deals: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give all deals open today, as `open_on` gives past ones, with amount and closing day as they are.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, as known on `as_of`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    DataFrame, one row per open deal; one of unknown age that has no history has no time in its stage
    """
    columns = ["opportunity_id", "account_id", "product_line", "created_day", "amount", "close_date"]
    known = open_on(deals, history, pd.DatetimeIndex([as_of])).set_index("opportunity_id")
    live = deals.loc[~deals["is_closed"].astype(bool), columns].join(
        known[["stage", "days_in_stage", "pushes", "skipped"]], on="opportunity_id"
    )
    return live.assign(day=as_of, stage=live["stage"].fillna(NO_STAGE)).reset_index(drop=True)


def _states(history: pd.DataFrame) -> pd.DataFrame:
    """What was noted of each deal from one change to the next: `NOTED`, and the days ``since`` and ``until`` (not included)."""
    rows = history.sort_values(["opportunity_id", "entered_at", "seq"], ignore_index=True)
    deal = rows["opportunity_id"]
    first = deal.ne(deal.shift())
    began = rows["entered_day"].where(first | rows["stage"].ne(rows["stage"].shift())).groupby(deal).ffill()
    noted = rows["close_date"].groupby(deal).ffill()
    later = (noted > noted.shift()) & ~first
    since = rows["known_day"].fillna(rows["entered_day"])
    until = since[::-1].groupby(deal[::-1]).cummin().sort_index().groupby(deal).shift(-1)
    over = (rows["stage_order"] - rows["stage_order"].groupby(deal).shift() > 1).fillna(False)
    skipped = over.groupby(deal).cummax().astype("boolean")
    out = rows.assign(close_date=noted, began=began, pushes=later.groupby(deal).cumsum(), since=since, skipped=skipped)
    return out.assign(until=until.fillna(NEVER))[["opportunity_id", *NOTED, "since", "until"]]


def followed(deals: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give the deals that were open at past month ends, and follow each to its end or to the day of the report.

    None where nobody knows of most closed deals when they closed.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, as known on `as_of`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    DataFrame as `open_on`, one row per deal and month end before `as_of`, with the columns of `until`
    """
    first = pd.NaT if dateless(deals) else deals["created_day"].min()
    days = pd.date_range(as_of if pd.isna(first) else first, as_of - DAY, freq="ME")
    return until(open_on(deals, history, days), as_of)


def until(past: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Follow deals of `open_on` to a day and no further; rows of that day and later are left out.

    Returns
    -------
    DataFrame as `past`, with ``days_followed`` and ``ended`` (0 still open, `WON` or `LOST`)
    """
    past = past[past["day"] < day].reset_index(drop=True)
    over = past["closed_day"] <= day
    ended = np.where(past["is_won"].fillna(False).astype(bool), WON, LOST)
    days = (past["closed_day"].where(over, day) - past["day"]).dt.days
    return past.assign(days_followed=days, ended=np.where(over, ended, 0))
