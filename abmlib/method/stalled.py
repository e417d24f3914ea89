"""Open deals that are stalled, overdue or ahead of their history, why, and what became of such deals in the past."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.deals import SLOW_SHARE, open_deals, won_flag
from abmlib.method.past_pipeline import lines
from abmlib.method.periods import quarters
from abmlib.method.stages import in_order
from abmlib.stats import survival
from abmlib.stats.intervals import ENDS, FLOOR_OUTCOMES
from abmlib.stats.survival import Draws
from abmlib.tables.decisions import is_made

SEED, DRAWS = 12, 1_000
PUSHES = 2  # closing day moved later this often
QUIET_SHARE = 0.25  # days without a touch from the buyer, as a share of the days that a win takes
QUIET_DAYS = (14.0, 45.0)  # and the fewest and most of them
EARLY_SHARE = 0.1  # share of won deals that were won, or in their stage, as soon
AHEAD = ["fast", "skipped", "alone"]  # of a deal that runs ahead of the buyers
MARKS = ["stalled", "overdue", "due_too_early", *AHEAD, "slow", "quiet", "pushed"]
LIMITS = [
    "days_in_stage",
    "days_slow",
    "days_quiet",
    "days_planned",
    "days_needed",
    "days_to_stage",
    "days_fast",
    "pushes",
    "people",
]
RECORD = [
    "mark", "within", "marked", "others", "marked_deals", "not_won", "not_won_others", "more", "more_low", "more_high",
    "verdict",
]  # fmt: skip
JUDGED_BY = {  # without these nobody can say
    "stalled": ["days_in_stage", "days_slow"], "overdue": ["close_date"], "due_too_early": ["days_planned", "days_needed"],
    "fast": ["days_to_stage", "days_fast"], "skipped": ["pushes"], "alone": ["people"],
}  # fmt: skip


@dataclass(frozen=True)
class Past:
    """What marks are judged by."""

    stays: pd.DataFrame  # of won deals in stages: ``stage, line, days``, and ``until_won, from_opening``
    wins: pd.DataFrame  # ``line, age_days``
    touches: pd.DataFrame  # from buyers or mutual: ``account_id, day``, in order of the day
    people: pd.DataFrame | None = None  # of deals: ``opportunity_id, day`` (added), ``people`` (then)
    late: Collection[str] = ()  # stages of the second half


def past_of(
    deals: pd.DataFrame, visits: pd.DataFrame, touches: pd.DataFrame, people: pd.DataFrame | None = None
) -> Past:
    """Gather what marks are judged by.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    visits : DataFrame of `stages.stage_visits`
    touches : DataFrame of ``Book.panel("activities", by=["direction"], per="day")``
    people : ``tables.schema.OPPORTUNITY_CONTACTS``, as read; a deal with one added on an unknown day is left out
    """
    won = deals[deals["is_closed"].astype(bool) & won_flag(deals)].assign(line=lines(deals))
    wins = won.set_index("opportunity_id")[["line", "age_days", "created_day", "closed_day"]]
    stays = visits[["opportunity_id", "stage", "days", "began"]].join(wins, on="opportunity_id", how="inner")
    lasted = {"until_won": stays["closed_day"] - stays["began"], "from_opening": stays["began"] - stays["created_day"]}
    stays = stays.assign(**{name: days.dt.days for name, days in lasted.items()})
    theirs = touches.loc[touches["direction"] != "outbound", ["account_id", "day"]].dropna().drop_duplicates()
    columns = ["stage", "line", "days", "until_won", "from_opening"]
    order, keys = in_order(visits), ["opportunity_id", "contact_id"]
    if people is not None:
        unknown = people.loc[people["added_day"].isna(), "opportunity_id"]
        dated = people[~people["opportunity_id"].isin(unknown)].sort_values("added_day").drop_duplicates(keys)
        nth = dated.groupby("opportunity_id").cumcount() + 1
        people = pd.DataFrame({"opportunity_id": dated["opportunity_id"], "day": dated["added_day"], "people": nth})
    theirs = theirs.sort_values("day", ignore_index=True)
    return Past(stays[columns], wins[["line", "age_days"]], theirs, people, order[len(order) // 2 :])


def marked(open_deals: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Mark deals that were open on one or several days, by what was noted of them then.

    A deal is stalled where it is slow (longer in its stage than nine of ten won deals of its product line were) and either
    quiet (no touch from the account in a quarter of the days that half of the won deals of its line took, 14 at least and
    45 at most) or pushed (its closing day moved later twice or more). It is due too early where its closing day, if not past, comes
    sooner after it entered its stage than nine of ten won deals were won, and fast where it reached its stage sooner after it
    was opened than nine of ten of them did. It is alone where it is in a stage of the second half and one person is entered
    for it; without any nobody can tell. Where fewer than `FLOOR_OUTCOMES` won deals of the line
    tell, those of all lines do, and below that many none: then the deal cannot be judged, and is not marked. Limits are those
    of today, for past days too. Without any touch in the source no deal is quiet.

    Parameters
    ----------
    open_deals : DataFrame of `past_pipeline.open_on`

    Returns
    -------
    DataFrame, index and rows as given, with `LIMITS` and bool `MARKS`. ``days_quiet``: since the last touch, missing without
    one; ``days_planned, days_needed``: from entering the stage to the closing day, and fewer than which one in ten won deals
    needed; ``days_to_stage, days_fast``: the same from opening to the stage

    References
    ----------
    Metric dictionary C-58, C-59, C-11; S3-27, S3-28. The days of quiet are a house definition within the bounds of C-58, due
    too early one of its own; fast, skipped and alone are the parts of C-59 that stages and people tell.
    """
    out = _limits(open_deals, past)
    out["days_quiet"] = _days_quiet(out, past.touches)
    out["people"] = _people(out, past)
    slow = out["days_in_stage"] > out["days_slow"]
    quiet = out["quiet_limit"].notna() & out["account_id"].notna() & ~(out["days_quiet"] <= out["quiet_limit"])
    quiet &= len(past.touches) > 0
    pushed = (out["pushes"] >= PUSHES).fillna(False).astype(bool)
    ahead = (out["close_date"] - out["day"]).dt.days
    out["days_planned"] = out["days_in_stage"] + ahead.where(ahead >= 0)
    out["days_to_stage"] = (out["day"] - out["created_day"]).dt.days - out["days_in_stage"]
    marks = {
        "stalled": slow & (quiet | pushed),
        "overdue": out["close_date"] < out["day"],
        "due_too_early": out["days_planned"] < out["days_needed"],
        "fast": out["days_to_stage"] < out["days_fast"],
        "skipped": out["skipped"].fillna(False).astype(bool),
        "alone": out["people"] == 1,
    }
    return out.drop(columns="quiet_limit").assign(**marks, slow=slow, quiet=quiet, pushed=pushed)


def _limits(deals: pd.DataFrame, past: Past) -> pd.DataFrame:
    """Add the days by which a deal is judged, and those after which it is quiet."""
    wins, line = past.wins, lines(deals)
    usual = line.map(_quantiles(wins["age_days"], [wins["line"]], 0.5)).astype(float)
    usual = usual.fillna(wins["age_days"].median() if len(wins) >= FLOOR_OUTCOMES else np.nan)
    soon = _by_stage(deals, past.stays, "from_opening", EARLY_SHARE)
    return deals.assign(
        days_slow=_by_stage(deals, past.stays, "days", SLOW_SHARE),
        days_needed=_by_stage(deals, past.stays, "until_won", EARLY_SHARE),
        days_fast=soon.where(soon > 0),  # in the first stage there is nothing to be fast in
        quiet_limit=(QUIET_SHARE * usual).clip(*QUIET_DAYS),
    )


def _by_stage(deals: pd.DataFrame, stays: pd.DataFrame, days: str, share: float) -> pd.Series:
    """Quantile of days of won deals in each deal's stage, of its line where enough tell, else of all lines."""
    of_line = _quantiles(stays[days], [stays["stage"], stays["line"]], share)
    own = of_line.reindex(pd.MultiIndex.from_arrays([deals["stage"], lines(deals)])).to_numpy(float)
    every = deals["stage"].map(_quantiles(stays[days], [stays["stage"]], share)).astype(float)
    return pd.Series(own, deals.index).fillna(every)


def _quantiles(days: pd.Series, by: list[pd.Series], share: float) -> pd.Series:
    """Quantile of days by group; groups with fewer than `FLOOR_OUTCOMES` are left out."""
    groups = days.groupby(by)
    return groups.quantile(share)[groups.count() >= FLOOR_OUTCOMES]


def _days_quiet(deals: pd.DataFrame, touches: pd.DataFrame) -> pd.Series:
    """Days from the last touch of each deal's account to the deal's day; missing without one."""
    known = deals.loc[deals["account_id"].notna(), ["account_id", "day"]].sort_values("day")
    if known.empty or touches.empty:
        return pd.Series(np.nan, deals.index)
    days = touches.assign(touched=touches["day"])
    last = pd.merge_asof(known.assign(row=known.index), days, on="day", by="account_id").set_index("row")
    return (last["day"] - last["touched"]).dt.days.reindex(deals.index)


def _people(deals: pd.DataFrame, past: Past) -> pd.Series:
    """People entered for each deal in a late stage by its day; missing where none is."""
    late = deals.loc[deals["stage"].isin(past.late), ["opportunity_id", "day"]].sort_values("day")
    if late.empty or past.people is None or past.people.empty:
        return pd.Series(np.nan, deals.index)
    known = pd.merge_asof(late.assign(row=late.index), past.people, on="day", by="opportunity_id")
    return known.set_index("row")["people"].reindex(deals.index)


def record(past: pd.DataFrame, by: Past, horizon: int, year_starts: int = 1) -> pd.DataFrame:
    """Measure what became of deals with each mark at past quarter ends, beside the others then open.

    Deals are marked by what was noted of them on the quarter end and by today's limits, as open deals are: limits of a short past
    would be lower, and the marks others. A deal counts at each quarter end at which it was
    open; one that could not be judged then is on neither side.

    Parameters
    ----------
    past : DataFrame of `past_pipeline.followed`
    by : of `past_of`, up to today
    horizon : days within which a deal is won or not
    year_starts : month in which the fiscal year starts

    Returns
    -------
    DataFrame, one row per mark that a past deal had: ``mark``; ``within`` (the horizon in words; of deals due too early each one's
    own closing day); ``marked, others`` (deals at quarter ends), ``marked_deals`` (different ones), ``not_won, not_won_others``
    (shares not won within it, open ones followed as far as known), ``more`` (their difference), ``more_low, more_high`` (drawing
    accounts), ``verdict`` (signal, against, no signal, too early: fewer than `FLOOR_OUTCOMES` different closed deals, or two
    accounts, on a side)

    References
    ----------
    Metric dictionary C-58, C-59: the flag's precision on the user's own past.
    """
    ends = pd.PeriodIndex(past["day"], freq=quarters(year_starts)).end_time.normalize()
    rows = marked(past[past["day"] == ends].reset_index(drop=True), by)
    draws = survival.draw_clusters(rows["account_id"], DRAWS, SEED)
    found = []
    for mark, needed in JUDGED_BY.items():
        judged = rows[needed].notna().all(axis=1).to_numpy()
        sides = [judged & rows[mark].to_numpy(), judged & ~rows[mark].to_numpy()]
        n = [int(side.sum()) for side in sides]
        closed = [rows.loc[side & (rows["ended"] > 0).to_numpy(), "opportunity_id"].nunique() for side in sides]
        followed, until = rows["days_followed"], horizon
        if mark == "due_too_early":  # time in parts of that to each deal's closing day
            followed, until = followed / (rows["close_date"] - rows["day"]).dt.days.clip(lower=1), 1
        lost, others = (1 - _won(rows.assign(days_followed=followed), some, until, draws) for some in sides)
        apart, accounts = (lost - others)[1:], [len(np.unique(draws.cluster[side])) for side in sides]
        low, high = np.nanquantile(apart, ENDS) if min(accounts) > 1 else (np.nan, np.nan)
        verdict = "signal" if low > 0 else "against" if high < 0 else "no signal"
        verdict = verdict if min(closed) >= FLOOR_OUTCOMES and min(accounts) > 1 else "too early"
        low, high = survival.ends(apart) if min(accounts) > 1 else (np.nan, np.nan)
        different = rows.loc[sides[0], "opportunity_id"].nunique()
        within = "to its closing day" if mark == "due_too_early" else f"{horizon:,} days"
        found.append((mark, within, *n, different, lost[0], others[0], lost[0] - others[0], low, high, verdict))
    out = pd.DataFrame(found, columns=RECORD)
    return out[out["marked"] > 0].reset_index(drop=True)


def _won(rows: pd.DataFrame, some: np.ndarray, horizon: int, draws: Draws) -> np.ndarray:
    """Share won within the horizon of some rows, and its draws."""
    days, ended = (rows.loc[some, c].to_numpy() for c in ("days_followed", "ended"))
    return survival.incidence(days, ended, horizon, draws._replace(cluster=draws.cluster[some]))


def flags(deals: pd.DataFrame, marked: pd.DataFrame, chance: pd.Series) -> pd.DataFrame:
    """Say of every open deal what stands in its way, and what it lacks that a forecast needs.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    marked : DataFrame of `marked`, of today
    chance : Series of `chances.outlook`

    Returns
    -------
    DataFrame to the spec of ``12_opportunity_flags``: one row per open deal, stalled ones and the largest amount first;
    the marks are missing where nobody can tell
    """
    live = open_deals(deals)[
        ["opportunity_id", "account_id", "name", "owner_id", "stage", "amount", "close_date", "created_day"]
    ]
    today = marked.set_index("opportunity_id")[[*LIMITS, *MARKS]]
    lacking = {
        f"no_{what}": live[c].isna()
        for what, c in (("account", "account_id"), ("amount", "amount"), ("age", "created_day"))
    }
    out = live.join(today, on="opportunity_id").assign(chance_to_win=live["opportunity_id"].map(chance), **lacking)
    out["days_quiet"] = out["days_quiet"].astype("Int64")
    out = out.drop(columns="created_day").sort_values(
        ["stalled", "amount"], ascending=False, kind="stable", ignore_index=True
    )
    for mark in ("stalled", "due_too_early", *AHEAD):
        judged = out[JUDGED_BY[mark]].notna().all(axis=1) | (out["overdue"] & (mark == "due_too_early"))
        out[mark] = out[mark].astype("boolean").where(judged)
    return out


def reasons(flags: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Keep the open deals that are stalled, overdue or due too early, stalled and large ones first, and say why in words.

    Parameters
    ----------
    flags : DataFrame of `flags`

    Returns
    -------
    DataFrame with ``days_overdue`` (missing where not), ``why``, such as ``70 days in stage (9 of 10 won deals: up to 43);
    postponed 2 times``, and ``next_step``
    """
    listed = flags[flags[["stalled", "overdue", "due_too_early"]].any(axis=1)].reset_index(drop=True)
    late = (as_of - listed["close_date"]).dt.days.where(listed["overdue"]).astype("Int64")
    why, steps = [], []
    known = {mark: listed[mark].fillna(False).astype(bool) for mark in ("stalled", "due_too_early")}
    for deal in listed.assign(late=late, **known).itertuples():
        touch = (
            "no touch from the account"
            if pd.isna(deal.days_quiet)
            else f"no touch from the account for {deal.days_quiet:,} days"
        )
        parts = [
            f"{deal.days_in_stage:,.0f} days in stage (9 of 10 won deals: up to {deal.days_slow:,.0f})"
        ] * deal.stalled
        parts += [touch] * (deal.stalled and deal.quiet) + [f"postponed {deal.pushes:,.0f} times"] * (
            deal.stalled and deal.pushed
        )
        if deal.overdue:
            parts.append(f"overdue by {deal.late:,} {'day' if deal.late == 1 else 'days'}")
        if deal.due_too_early:
            parts.append(
                f"due {deal.days_planned:,.0f} days after it entered its stage (9 of 10 won deals: {deal.days_needed:,.0f} or more)"
            )
        unknown = "no stage history" if pd.isna(deal.pushes) else "too few won deals in its stage"
        parts += [f"whether stalled is unknown: {unknown}"] * (deal.overdue and pd.isna(deal.days_slow))
        why.append("; ".join(parts))
        steps.append(_next_step(deal))
    return listed.assign(days_overdue=late, why=pd.Series(why, dtype="str"), next_step=pd.Series(steps, dtype="str"))


def _next_step(deal: Any) -> str:
    """What to do first about a deal with a mark."""
    day = "close it or set a new day" if deal.overdue else ""
    if deal.stalled:
        first = "reach the buyer" if deal.quiet else "ask what holds it up"
        return first + f"; {day}" * bool(day)
    return day or "ask for the day of signing"


def in_doubt(record: pd.DataFrame, mark: str = "stalled") -> tuple[float, float, float]:
    """Give how much less often deals with a mark were won, with its interval; missing where the past shows no signal."""
    row = record[(record["mark"] == mark) & (record["verdict"] == "signal")]
    return tuple(row.iloc[0][["more", "more_low", "more_high"]].astype(float)) if len(row) else (np.nan,) * 3


def by_account(deals: pd.DataFrame, why: pd.Series, currency: str) -> dict[str, pd.Series]:
    """Give accounts with the owners of their deals, the deals and, as the reason, what is said of each, as `Book.decide` takes them.

    The largest deal and account come first, and so does its owner; of a deal its title, amount and id, unless that is made
    of the title, then its cause. A deal's owner is named where it is not the first. Deals without an account are left out.

    Parameters
    ----------
    deals : DataFrame ``opportunity_id, account_id, owner_id, name, amount``
    why : what is to be said of each deal
    """
    known = deals.dropna(subset=["account_id"]).sort_values("amount", ascending=False, kind="stable")
    owner, first = known["owner_id"].astype("str"), known.drop_duplicates("account_id").set_index("account_id")
    other = owner.fillna("") != known["account_id"].map(first["owner_id"]).astype("str").fillna("")
    title, key = (known["name"].astype("str") + " ").fillna(""), ", " + known["opportunity_id"]
    key = key.mask(is_made(known["opportunity_id"], known["name"]), "")
    money = known["amount"].map(f"{{:,.0f}} {currency}".format, na_action="ignore").astype("str")
    whose = (", owner " + owner.fillna("unknown")).where(other, "")
    each = title + "(" + money.fillna("amount unknown") + whose + key + "): " + why[known.index]
    reason = each.groupby(known["account_id"], sort=False).agg(". ".join)
    group = known.groupby("account_id")["opportunity_id"].agg(lambda ids: ";".join(sorted(ids)))
    owned = known.dropna(subset="owner_id").drop_duplicates(["account_id", "owner_id"])
    owners = owned.groupby("account_id")["owner_id"].agg("; ".join).reindex(first.index)
    return {"accounts": first.index.to_series(), "owner": owners, "reason": reason, "group": group}


def to_decide(
    listed: pd.DataFrame, currency: str, doubt: tuple[float, float, float] = (np.nan,) * 3
) -> dict[str, object]:
    """Give the accounts of listed deals as `by_account`, and the money that is in doubt.

    Where `doubt` is missing no money is given.

    Parameters
    ----------
    listed : DataFrame of `reasons`
    doubt : of `in_doubt`; shares of the open amount
    """
    amount = listed.groupby("account_id")["amount"].sum(min_count=1)
    return by_account(listed, listed["why"], currency) | _moves(amount, doubt)


def to_decide_without_account(
    listed: pd.DataFrame, doubt: tuple[float, float, float] = (np.nan,) * 3
) -> dict[str, object]:
    """Give what is in doubt of listed deals that have no account, as `Book.decide` takes it."""
    nobody = listed[listed["account_id"].isna()]
    label = nobody["opportunity_id"].mask(is_made(nobody["opportunity_id"], nobody["name"]), nobody["name"])
    return {"reason": ", ".join(label)} | _moves(nobody["amount"].sum(min_count=1), doubt)


def _moves(amount: pd.Series | float, doubt: tuple[float, float, float]) -> dict[str, object]:
    """Money that is in doubt, with its interval; none without a signal."""
    if pd.isna(doubt[0]):
        return {}
    moves = {name: amount * part for name, part in zip(["moves", "moves_low", "moves_high"], doubt, strict=True)}
    return moves | {"basis": "open amount at risk, if these deals do as stalled deals did in the past:"}
