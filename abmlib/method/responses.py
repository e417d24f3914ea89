"""Whether accounts answer marketing touches and convert on the web site: touches made for them beside touches for all."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from abmlib.method.kpi_report import buyer_touches
from abmlib.method.kpis import SEED, account_sums, apart
from abmlib.method.measures import estimate_row
from abmlib.method.periods import DAY, Period
from abmlib.stats import intervals
from abmlib.stats.intervals import FEWEST_DRAWN, FLOOR_OUTCOMES, LEVEL
from abmlib.tables import programme

TARGETED, GENERAL = "made for the account", "made for all"
EARLIER_DAYS = 60  # by which each touch is moved, to see what happens anyway
PERSONAL_DAYS = 30  # after a touch made for the account in which its visits count as after it
CONVERT_DAYS = 90  # after the draw of a message test in which an account can convert
DIFFERENCE, PAIRED = "difference of the first two", "difference at accounts with both"
AFTER, SAME, OTHERS = (
    "visits after a touch made for the account",
    "other visits of these accounts",
    "visits of other accounts",
)


def marketing_touches(
    activities: pd.DataFrame, campaigns: pd.DataFrame, campaign_accounts: pd.DataFrame
) -> pd.DataFrame:
    """Keep outbound touches of campaigns at accounts known, and say which were made for the account.

    Made for it is a touch of a campaign for named accounts, or of one that the account was added to.

    Parameters
    ----------
    activities, campaigns, campaign_accounts : ``tables.schema`` tables, as read

    Returns
    -------
    DataFrame as `activities`, with ``kind`` (`TARGETED` or `GENERAL`), by time
    """
    sent = activities[(activities["direction"] == "outbound") & ~activities["is_bot"].fillna(False).astype(bool)]
    sent = sent.dropna(subset=["account_id", "campaign_id"]).sort_values("occurred_at", kind="stable")
    named = sent["campaign_id"].isin(campaigns.loc[campaigns["is_account_specific"].astype(bool), "campaign_id"])
    key = ["campaign_id", "account_id"]
    added = pd.MultiIndex.from_frame(sent[key]).isin(pd.MultiIndex.from_frame(campaign_accounts[key]))
    return sent.assign(kind=np.where(named | added, TARGETED, GENERAL))


def comparable(touches: pd.DataFrame) -> pd.DataFrame:
    """Keep touches of the channels that both kinds use, from the first day on which both are sent; all where there is one kind.

    Else letters of this year were set beside the advertisements of all years.

    Parameters
    ----------
    touches : DataFrame of `marketing_touches`
    """
    if touches["kind"].nunique() < 2:
        return touches
    uses = touches.groupby("channel")["kind"].nunique()
    same = touches[touches["channel"].isin(uses.index[uses == 2])]
    return same[same["occurred_day"] >= same.groupby("kind")["occurred_day"].min().max()] if len(same) else touches


def answered(touches: pd.DataFrame, activities: pd.DataFrame, as_of: pd.Timestamp, days: int) -> pd.DataFrame:
    """Say of each touch whether the account moved within some days after it, and what if it had come `EARLIER_DAYS` earlier.

    The second is what happens anyway, so that the first can be read. Touches whose days are not over are left out, and those that would
    come before the first touch of the data.

    Parameters
    ----------
    touches : DataFrame of `marketing_touches`
    activities : ``tables.schema.ACTIVITIES``; an answer is one of `kpi_report.buyer_touches`

    Returns
    -------
    DataFrame: ``account_id, kind, answered, moved_back`` (1 or 0), ``beyond`` (the one less the other)

    Raises
    ------
    ValueError
        If `days` is not from 1 to `EARLIER_DAYS`: the two windows would overlap.

    References
    ----------
    S1-10. Placebo in time: Abadie, Diamond and Hainmueller (2015), Comparative politics and the synthetic control method,
    American Journal of Political Science 59, p. 495.
    """
    if not 0 < days <= EARLIER_DAYS:
        raise ValueError(f"answer_days must be from 1 to {EARLIER_DAYS}, got {days}.")
    moves = buyer_touches(activities).dropna(subset="account_id")
    known = activities["occurred_day"].min() + EARLIER_DAYS * DAY
    over = touches[touches["occurred_day"].between(known, as_of - days * DAY)]
    out = over[["account_id", "kind"]].reset_index(drop=True)
    for column, shift in (("answered", 0), ("moved_back", EARLIER_DAYS)):
        moved = over[["account_id"]].assign(at=over["occurred_at"] - shift * DAY)
        out[column] = _follows(moved, moves, days * DAY).astype(float)
    return out.assign(beyond=out["answered"] - out["moved_back"])


def _follows(rows: pd.DataFrame, events: pd.DataFrame, within: pd.Timedelta, precedes: bool = False) -> np.ndarray:
    """Say whether an event of the account follows each moment ``at``, later and not later than some time; or precedes it so."""
    if rows.empty or events.empty:
        return np.zeros(len(rows), bool)
    asked = rows[["account_id", "at"]].assign(place=np.arange(len(rows))).sort_values("at", kind="stable")
    known = events[["account_id", "occurred_at"]].sort_values("occurred_at", kind="stable")
    found = pd.merge_asof(
        asked, known, left_on="at", right_on="occurred_at", by="account_id",
        direction="backward" if precedes else "forward", allow_exact_matches=False, tolerance=within,
    )  # fmt: skip
    return found.sort_values("place")["occurred_at"].notna().to_numpy()


def visits(activities: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """Say of each visit of the web site whether a touch made for the account came in the `PERSONAL_DAYS` before it.

    Bots, visits of nobody known and those of which the source does not say whether they converted are left out.

    Parameters
    ----------
    activities : ``tables.schema.ACTIVITIES``, as read
    touches : DataFrame of `marketing_touches`

    Returns
    -------
    DataFrame: ``account_id, kind`` (`AFTER`, `SAME` or `OTHERS`), ``converted`` (1 or 0)

    References
    ----------
    S3-22c; metric dictionary C-25.
    """
    web = activities[(activities["channel"] == "web") & ~activities["is_bot"].fillna(False).astype(bool)]
    web = web[web["account_id"].notna() & web["is_conversion"].notna()].reset_index(drop=True)
    own = touches[touches["kind"] == TARGETED]
    after = _follows(web.assign(at=web["occurred_at"]), own, PERSONAL_DAYS * DAY, precedes=True)
    same = web["account_id"].isin(web.loc[after, "account_id"])
    kind = np.select([after, same], [AFTER, SAME], OTHERS)
    return web[["account_id"]].assign(kind=kind, converted=web["is_conversion"].astype(float))


def side_by_side(rows: pd.DataFrame, kinds: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Means of touches or visits of each kind, and the first kind less the second; accounts are clusters.

    The difference is given over all accounts of the two kinds, and over those that have both. Fewer than `FLOOR_OUTCOMES` rows, or rows of
    fewer than `FEWEST_DRAWN` accounts, have no interval and no difference. Without two kinds there is no row.

    Parameters
    ----------
    rows : DataFrame with ``account_id, kind`` and `columns`
    kinds : in the order they are shown
    columns : numbers; missing ones do not count

    Returns
    -------
    DataFrame: ``part`` (kind or difference), ``kind, n, accounts``, and of each column its mean with ``_low, _high``

    References
    ----------
    `intervals.estimate`; `kpis.apart`.
    """
    sides = [rows[rows["kind"] == kind] for kind in kinds]
    if not (len(sides[0]) and len(sides[1])):
        return pd.DataFrame(columns=["part", "kind", "n", "accounts", *columns])
    out = [_mean_row(kind, side, columns) for kind, side in zip(kinds, sides, strict=True) if len(side)]
    shared = set(sides[0]["account_id"]) & set(sides[1]["account_id"])
    both = [side[side["account_id"].isin(shared)] for side in sides[:2]]
    every = sum(map(len, sides[:2])) > sum(map(len, both))
    out += [_difference_row(DIFFERENCE, sides[:2], columns)] * every + [_difference_row(PAIRED, both, columns)]
    parts = ["kind" if row["kind"] in kinds else "difference" for row in out]
    return pd.DataFrame(out).assign(part=parts)[["part", *out[0]]]


def _mean_row(kind: str, rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, object]:
    """Means of a kind, with intervals where there is enough."""
    row: dict[str, object] = {"kind": kind, "n": len(rows), "accounts": rows["account_id"].nunique()}
    for column in columns:
        known = rows[rows[column].notna()]
        share = known[column].isin([0, 1]).all()
        account = known["account_id"]
        found = (
            intervals.share(known[column], account)
            if share
            else intervals.estimate(known[column], np.mean, SEED, account)
        )
        ends = (np.nan, np.nan) if _is_few(known) else found[1:3]
        row |= {column: found[0], f"{column}_low": ends[0], f"{column}_high": ends[1]}
    return row


def _difference_row(name: str, sides: Sequence[pd.DataFrame], columns: Sequence[str]) -> dict[str, object]:
    """Difference of the means of two kinds of rows, over accounts."""
    every = pd.concat(sides)
    row: dict[str, object] = {"kind": name, "n": len(every), "accounts": every["account_id"].nunique()}
    for column in columns:
        parts = [s[s[column].notna()].assign(top=lambda r, c=column: r[c], bottom=1.0) for s in sides]
        ends = dict.fromkeys((column, f"{column}_low", f"{column}_high"), np.nan)
        if not any(map(_is_few, parts)):
            (gap,), (error,), (accounts,) = apart(*account_sums(*parts))
            half = float(scipy.special.stdtrit(accounts - 1, 1 - (1 - LEVEL) / 2)) * error
            ends = {column: gap, f"{column}_low": gap - half, f"{column}_high": gap + half}
        row |= ends
    return row


def _is_few(rows: pd.DataFrame) -> bool:
    """Say whether rows are too few for an interval, or of too few accounts."""
    return len(rows) < FLOOR_OUTCOMES or rows["account_id"].nunique() < FEWEST_DRAWN


def by_persona(
    activities: pd.DataFrame, contacts: pd.DataFrame, personas: pd.DataFrame, period: Period
) -> pd.DataFrame:
    """Share of the people of each persona who converted on the web site in a period; accounts are clusters.

    It counts people, not visits: who visits becomes known mostly by converting, so of visits with a person far more convert than of all.
    People whose persona is not known are left out. Without a conversion by anybody known there is no row.

    Parameters
    ----------
    activities, contacts, personas : ``tables.schema`` tables, as read

    Returns
    -------
    DataFrame, one row per persona: ``persona, n`` (people), ``accounts, converted, converted_low, converted_high``

    References
    ----------
    S3-22c; metric dictionary C-25.
    """
    inside = activities[activities["occurred_day"].between(period.start, period.end)]
    done = inside.loc[
        inside["is_conversion"].fillna(False).astype(bool) & ~inside["is_bot"].fillna(False).astype(bool), "contact_id"
    ]
    names = personas.drop_duplicates("persona_id", keep="last").set_index("persona_id")["name"]
    people = contacts.assign(
        persona=contacts["persona_id"].map(names), converted=contacts["contact_id"].isin(done).astype(float)
    )
    people = people.dropna(subset=["persona", "account_id"])
    if not people["converted"].any():
        return pd.DataFrame()
    return pd.DataFrame(
        [{"persona": name, **_mean_row("", part, ["converted"])} for name, part in people.groupby("persona")]
    )


def message_arms(tests: pd.DataFrame, activities: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Share of the accounts drawn to each arm of a message test that converted within `CONVERT_DAYS`, and arms compared.

    Accounts are drawn to arms, so a difference is the effect of the arm: of its message only where no other arm sends that too. Accounts whose days are not over are left out.
    Each arm is compared with the first by name; the intervals of all comparisons hold together.

    Parameters
    ----------
    tests : DataFrame of ``tables.schema`` ``message_tests``, all entries
    activities : ``tables.schema.ACTIVITIES``, as read

    Returns
    -------
    DataFrame, one row per test, arm and comparison: ``test_id, part`` (arm or difference), ``kind`` (the arm, or the arms compared), ``accounts,
    converted, converted_low, converted_high``, ``shared`` (of a comparison: messages that both arms send); with fewer than `FLOOR_OUTCOMES` accounts in an arm a comparison is too early, and
    missing. No row where the source knows of no conversion

    References
    ----------
    S3-22c; `intervals.difference`; Bonferroni.
    """
    web = activities[(activities["channel"] == "web") & ~activities["is_bot"].fillna(False).astype(bool)]
    drawn = programme.latest_entries("message_tests", tests)
    drawn = drawn[drawn["assigned_at"] + CONVERT_DAYS * DAY < (as_of + DAY).tz_localize("UTC")]
    if web["is_conversion"].isna().all():
        drawn = drawn.iloc[:0]
    wins = web[web["is_conversion"].fillna(False).astype(bool) & web["account_id"].notna()]
    won = _follows(drawn.assign(at=drawn["assigned_at"]), wins, CONVERT_DAYS * DAY)
    arms = drawn.assign(won=won).groupby(["test_id", "arm"])["won"].agg(["sum", "size"]).reset_index()
    first = arms.drop_duplicates("test_id").set_index("test_id").reindex(arms["test_id"]).reset_index(drop=True)
    other = arms["arm"] != first["arm"]
    won_by, n_of = (pd.DataFrame({"arm": arms[c], "first": first[c]}) for c in ("sum", "size"))
    gaps = intervals.difference(won_by[other], n_of[other], max(int(other.sum()), 1))
    gaps = gaps.mask(n_of.min(axis=1)[other] < FLOOR_OUTCOMES).rename(columns={"difference": "share"})
    gaps = gaps.assign(n=n_of.sum(axis=1), kind=arms["arm"] + " less " + first["arm"])
    sent = drawn.groupby(["test_id", "arm"])["message_id"].agg(set)
    pairs = zip(arms["test_id"], arms["arm"], first["arm"], strict=True)
    gaps["shared"] = pd.Series(
        [len(sent[test, one] & sent[test, two]) for test, one, two in pairs], arms.index, dtype="float64"
    )
    shares = intervals.wilson(arms["sum"], arms["size"])
    shares = shares.mask(shares["n"] < FLOOR_OUTCOMES, shares.assign(low=np.nan, high=np.nan)).assign(kind=arms["arm"])
    out = (
        pd.concat([shares.assign(part="arm"), gaps.assign(part="difference")])
        .join(arms["test_id"])
        .sort_values("test_id", kind="stable", ignore_index=True)
    )
    ends = {"share": "converted", "low": "converted_low", "high": "converted_high"}
    out = out.rename(columns=ends).assign(accounts=out["n"].astype(int))
    return out.reindex(columns=["test_id", "part", "kind", "accounts", *ends.values(), "shared"])


def response_rows(answers: pd.DataFrame, visited: pd.DataFrame, arms: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` of touches answered, visits converted, and accounts of message tests; differences have none.

    Parameters
    ----------
    answers, visited : DataFrames of `side_by_side`, of touches and of visits
    arms : DataFrame of `message_arms`

    References
    ----------
    S1-10, S3-22c.
    """
    drawn = arms[arms["part"] == "arm"]
    drawn = drawn.assign(n=drawn["accounts"], kind=drawn["test_id"] + ": " + drawn["kind"])
    noted = [
        ("S1-10", "marketing_touches_answered", "answered", "campaign kind", answers),
        ("S3-22c", "visits_converted", "converted", "visit kind", visited),
        ("S3-22c", "accounts_converted_of_message_arm", "converted", "message arm", drawn),
    ]
    return [
        estimate_row(
            measure, name, (row[column], row[f"{column}_low"], row[f"{column}_high"], int(row["n"])), "share",
            group_by=by, group=row["kind"],
        )
        for measure, name, column, by, table in noted
        for row in table[table["part"] != "difference"].to_dict("records")
    ]  # fmt: skip
