"""Proofs of what 12 says of open deals: what they will bring, who moves on from a stage, and what stalled deals come to."""

from functools import partial

import numpy as np
import pandas as pd

from abmlib.method import chances, past_pipeline, stages, stalled
from abmlib.method.past_pipeline import WON
from abmlib.tables.days import local_days
from benchmarks.proof import NOTHING, Found, Proof, Seen

AHEAD = 365  # days after the report in which a deal is won or not, as in 12
STARTS = tuple(pd.Timestamp(day) for day in ("2025-09-30", "2025-12-31", "2026-03-31"))  # days whose quarter came
EARLIER = pd.Timestamp("2025-06-30")  # day whose open deals are all over, or a horizon old, by the end of the market
RIPE = 540  # days after which nearly all deals have left a stage
STAGES = ("Qualified", "Discovery", "Proposal", "Negotiation")


def past(seen: Seen) -> pd.DataFrame:
    """Deals open at past month ends."""
    return past_pipeline.followed(seen.deals, seen.history, seen.book.as_of)


def today(seen: Seen) -> pd.DataFrame:
    """Deals open on the day of the report."""
    return past_pipeline.open_now(seen.deals, seen.history, seen.book.as_of)


def outlook(seen: Seen) -> chances.Outlook:
    """What they will bring."""
    return chances.outlook(seen.once(past), seen.once(today), seen.book.as_of, AHEAD)


def marks(seen: Seen) -> stalled.Past:
    """What stalled deals are judged by."""
    touches = seen.book.panel("activities", by=["direction"], per="day")
    return stalled.past_of(seen.deals, seen.visits, touches)


def flags(seen: Seen) -> pd.DataFrame:
    """`stalled.flags`, with the column ``planted``: does the deal stall, in truth."""
    found = stalled.flags(seen.deals, stalled.marked(seen.once(today), seen.once(marks)), seen.once(outlook).chance)
    return found.assign(planted=found["opportunity_id"].map(seen.of_deals["stalled"]).astype(bool))


def came_true(seen: Seen, deals: pd.Series) -> np.ndarray:
    """Say which deals are won within the horizon after the report, in truth."""
    true = seen.of_deals.reindex(deals)
    closes = local_days(true["closes_at"], seen.book.settings.time_zone)
    return true["ends_won"].to_numpy(bool) & (closes <= seen.book.as_of + pd.Timedelta(days=AHEAD)).to_numpy()


def wins(seen: Seen) -> Found:
    """Wins that the open deals will bring."""
    value, low, high, n = seen.once(outlook).wins
    judged = seen.once(outlook).chance.dropna().index.to_series()  # a deal of unknown age is not foretold
    return Found(value, float(came_true(seen, judged).sum()), low, high, n=n)


def earlier(what: str, day: pd.Timestamp, ahead: int, seen: Seen) -> Found:
    """The same on an earlier day, with what was known then: wins, or money at the amounts of the end."""
    now = seen.once(past)[seen.once(past)["day"] == day].reset_index(drop=True)
    then = chances.outlook(past_pipeline.until(seen.once(past), day), now, day, ahead)
    value, low, high, n = getattr(then, what)
    won = (now["ended"] == WON) & (now["days_followed"] <= ahead)
    came = won if what == "wins" else now["final_amount"].where(won & now["amount"].notna(), 0)
    return Found(value, float(came.sum()), low, high, n=n)


def quarters(what: str, seen: Seen) -> list[Found]:
    """What the deals open at the starts of past quarters would bring in the quarter, each with what came."""
    ends = [day + pd.offsets.QuarterEnd() for day in STARTS]
    return [earlier(what, day, (end - day).days, seen) for day, end in zip(STARTS, ends, strict=True)]


def stage_share(stage: str, seen: Seen) -> Found:
    """Share won within the horizon of the deals open in a stage; called where the CRM's probability is outside its interval."""
    own = chances.stage_shares(seen.once(past), seen.book.as_of, AHEAD, pd.Series([stage]))
    if own.empty:
        return Found()
    row = own.iloc[0]
    outside = not row["low"] <= row["crm"] <= row["high"]
    return Found(row["share"], low=row["low"], high=row["high"], called=float(outside), n=row["n"])


def in_stage(stage: str, seen: Seen) -> np.ndarray:
    """Deals of the month ends that were open in a stage, and those of them that are won within the horizon, in truth."""
    rows = seen.once(past)[seen.once(past)["stage"] == stage]
    true = seen.of_deals.reindex(rows["opportunity_id"])
    closes = local_days(true["closes_at"], seen.book.settings.time_zone).to_numpy()
    won = true["ends_won"].to_numpy(bool) & (closes <= (rows["day"] + pd.Timedelta(days=AHEAD)).to_numpy())
    return np.array([won.sum(), len(rows)])


def conversion(stage: str, seen: Seen) -> Found:
    """Share of the deals that leave a stage that move on."""
    row = seen.stages.set_index("stage").loc[stage]
    return Found(row["conversion"], low=row["low"], high=row["high"], n=row["entered"])


def ripe(stage: str, seen: Seen) -> np.ndarray:
    """Deals that entered a stage long ago: those that moved on, and those that moved on or were lost."""
    old = seen.visits[seen.visits["began"] <= seen.book.as_of - pd.Timedelta(days=RIPE)]
    entered = old.loc[old["stage"] == stage, "opportunity_id"]
    fate = stages.fates(seen.visits, stage)
    fate = fate[fate["opportunity_id"].isin(entered)]
    return np.array([(fate["ended"] == 1).sum(), (fate["ended"] > 0).sum()])


def pooled(parts: list[np.ndarray]) -> float:
    """One share of many markets."""
    some, all_of_them = np.sum(parts, axis=0)
    return float(some / all_of_them)


def more_lost(seen: Seen) -> Found:
    """How much less often stalled deals were won, as the page says of the past; called where it says that the mark is a signal."""
    row = stalled.record(seen.once(past), seen.once(marks), AHEAD).set_index("mark").loc["stalled"]
    called = float(row["verdict"] == "signal")
    return Found(row["more"], low=row["more_low"], high=row["more_high"], called=called, n=row["marked"])


def stalled_today(seen: Seen) -> np.ndarray:
    """Open deals of the report that can be judged, and those not won within the horizon: stalled ones, then the others."""
    judged = seen.once(flags).dropna(subset=["days_slow"])
    lost = ~came_true(seen, judged["opportunity_id"])
    sides = [judged["stalled"].to_numpy(), ~judged["stalled"].to_numpy()]
    return np.array([n for side in sides for n in (lost[side].sum(), side.sum())])


def difference(parts: list[np.ndarray]) -> float:
    """One difference of many markets."""
    lost, n, lost_others, others = np.sum(parts, axis=0)
    return float(lost / n - lost_others / others)


def called_stalled(seen: Seen) -> Found:
    """Share of open deals that 12 calls stalled, against the share that stalls; a call is one deal."""
    planted, called = seen.once(flags)["planted"], seen.once(flags)["stalled"]
    of = called[planted] if planted.any() else called
    return Found(called.mean(), planted.mean(), called=float(of.mean()), n=len(called))


def stalled_precision(seen: Seen) -> Found:
    """Share of the open deals called stalled that are planted to stall."""
    called = seen.once(flags)["stalled"]
    return Found(seen.once(flags).loc[called, "planted"].mean() if called.any() else float("nan"), n=called.sum())


PREDICTS = (0.90, 0.98)  # coverage promised of predictive intervals
OF_500 = "500 accounts, 36 months, some 200 open deals, a horizon of 12 months."
PROOFS: list[Proof] = [
    Proof(
        "wins that open deals bring",
        "C-8",
        wins,
        covers=PREDICTS,
        bias=0.03,
        unit="open deals",
        note=f"Foretold with its predictive interval, against the deals won in the 12 months after the report. {OF_500}",
    ),
    *(
        Proof(
            f"{what} that open deals bring, a year earlier",
            "C-8",
            partial(earlier, what, EARLIER, AHEAD),
            covers=PREDICTS,
            bias=0.03,
            unit="open deals",
            note="Foretold for deals open on 2025-06-30, with the 24 months known then, against what came by the end of the market; "
            f"money at its final amounts. {OF_500}",
        )
        for what in ("wins", "money")
    ),
    *(
        Proof(
            f"{what} that open deals bring in the coming quarter",
            "C-8",
            partial(quarters, what),
            covers=PREDICTS,
            bias=bias,
            unit="open deals",
            note="Foretold at the starts of three quarters with what was known then, 27 to 33 months, against what came until "
            "its end; money at its final amounts. Large deals close later than small ones alike in stage, line and time, so "
            f"what is foretold is somewhat high. {OF_500}",
        )
        for what, bias in (("wins", 0.05), ("money", 0.12))
    ),
    *(
        Proof(
            f"chance to win from {stage}",
            "C-8",
            partial(stage_share, stage),
            part=partial(in_stage, stage),
            whole=pooled,
            unit="deals",
            note="Share won within 12 months of the deals open in the stage at past month ends. Truth: the same share over all "
            "markets with the future of every deal. Called: the CRM's probability lies outside the interval.",
        )
        for stage in STAGES
    ),
    *(
        Proof(
            f"moved on from {stage}",
            "C-6",
            partial(conversion, stage),
            part=partial(ripe, stage),
            whole=pooled,
            unit="deals",
            note=f"Truth: deals of all markets that entered the stage {RIPE} days ago or earlier, and left it.",
        )
        for stage in STAGES
    ),
    Proof(
        "stalled deals won less often",
        "C-58",
        more_lost,
        part=stalled_today,
        whole=difference,
        covers=(0.80, 1.0),
        power=0.8,
        unit="stalled deals",
        note="The flag's record on past quarter ends, against what became of the deals open on the day of the report. The past of a young history has no deals that are stalled for long, so the record is somewhat mild. Called: the "
        "page says that the mark is a sign of trouble.",
    ),
    Proof(
        "stalled deals",
        "C-58",
        called_stalled,
        off=NOTHING,
        alarms=None,
        power=0.4,
        unit="open deals",
        note="Truth: share of open deals planted to stall, in whatever stage they are. Power: share of them flagged "
        "(recall). False alarms: share of all open deals flagged where none is planted; the definition promises no "
        "level.",
    ),
    Proof(
        "stalled deals, precision",
        "C-58",
        stalled_precision,
        unit="flagged deals",
        note="Share of flagged open deals that are planted to stall.",
    ),
]
