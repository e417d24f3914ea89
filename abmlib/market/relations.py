"""What else is written down of the accounts of a block: contracts, cases, surveys, goals, insights, cost, feeds.

Days count from the first day of the window. Accounts are positions in their block. Where something is planted its
evidence is here; the same words are said of accounts where nothing is, less often.
"""

import numpy as np
import pandas as pd

from abmlib.market import buyers as buying
from abmlib.market import catalogue, deals, sales
from abmlib.market.catalogue import MARKETER, SALES_LEAD, entered, stamp
from abmlib.market.chance import Chance, choose, expit
from abmlib.market.sales import LINES
from abmlib.tables import schema

CASES_A_YEAR, ESCALATED = 0.9, 0.06
PRIORITY = {"low": 0.35, "normal": 0.50, "high": 0.15}
WAVE = 182  # days from survey to survey
ANSWERS = {"nps": 0.22, "csat": 0.10, "perception": 0.07, "value_realised": 0.07, "marketing_rating": 0.06}
ITEMS = {
    "nps": "would you recommend us", "csat": "how content are you", "perception": "they understand our business",
    "value_realised": "we got the value we were promised", "marketing_rating": "what they send us is useful",
}  # fmt: skip
INSIGHTS = {
    "situation": "new owner looks for savings",
    "goal": "wants two plants under one ledger",
    "issue": "year-end close takes too long",
    "pitfall": "an earlier rollout failed in the second month",
    "pain": "orders are typed twice",
    "trigger": "lease of the old system ends",
    "decision_process": "the board decides in spring",
    "politics": "IT and finance disagree on who leads",
    "common_ground": "both of us trained at the same school",
    "uniqueness": "nobody else covers their three countries",
    "usage": "uses half of the modules",
}
REORG_TOLD, REORG_FALSE = 0.8, 0.01  # share of reorganisations somebody noted, and of others noted all the same
GOALS_KEPT = {True: 0.1, False: 0.75}  # chance that a joint goal is met, by whether the flag is up
INTENT = 0.5  # share of deals that a provider sees coming
NOISE = 0.4  # signals a year and account about nothing
SESSION_DAYS = 120  # the web tool keeps so many days


def ids(letter: str, account_id: pd.Series, account: np.ndarray, digits: int = 2) -> np.ndarray:
    """Ids made of a letter, the digits of the account, and a number within it; rows of an account may stand anywhere."""
    number = pd.Series(account).groupby(account).cumcount() + 1
    owner = account_id.to_numpy()[account]
    return np.array([f"{letter}{a[1:]}-{n:0{digits}d}" for a, n in zip(owner, number, strict=True)], dtype=object)


def poisson_days(
    rng: np.random.Generator, rate: np.ndarray, first: np.ndarray, last: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Accounts and days of events at a yearly rate between two days, by account."""
    span = np.maximum(last - first, 0)
    account = np.repeat(np.arange(len(rate)), rng.poisson(np.nan_to_num(rate * span / sales.YEAR)))
    return account, np.floor(first[account] + rng.random(len(account)) * span[account])


def contracts(terms: pd.DataFrame, account_id: pd.Series, window: sales.Window, auto: np.ndarray) -> pd.DataFrame:
    """The terms of software contracts that began before the window's end; what came of one is known when it ends."""
    rows = terms[terms["start"] < window.days].sort_values(["account", "nth"])
    account = rows["account"].to_numpy()
    over = (rows["end"] < window.days).to_numpy()
    notice = np.where(over & ~rows["renewed"].to_numpy(dtype=bool), rows["end"] - 45, np.nan)
    frame = pd.DataFrame({
        "contract_id": ids("L", account_id, account), "account_id": account_id.to_numpy()[account],
        "product_line": sales.SOFTWARE, "start": window.dates(rows["start"].to_numpy()),
        "end": window.dates(rows["end"].to_numpy() - 1), "arr": rows["yearly"].round(2).to_numpy(),
        "auto_renew": auto[account], "renewed": pd.array(np.where(over, rows["renewed"], None), dtype="boolean"),
        "notice_date": window.dates(notice),
    })  # fmt: skip
    return entered("contracts", frame, stamp(rows["start"].to_numpy(), window), "contract desk")


def cases(
    chance: Chance, held: pd.DataFrame, renewals: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """Requests and complaints of customers; more and passed up ahead of a renewal that they trouble."""
    rng = chance.of("cases")
    first = np.maximum(held["begun"].fillna(window.days).to_numpy(), 0)
    account, day = poisson_days(rng, np.full(len(held), CASES_A_YEAR), first, float(window.days))
    bad = renewals[renewals["trouble 0"]]
    who = np.repeat(bad["account"].to_numpy(), 3)
    when = np.repeat(bad["day"].to_numpy(), 3) - 30 - np.floor(120 * rng.random(len(who)))
    up = np.concatenate([rng.random(len(account)) < ESCALATED, np.tile([True, True, False], len(bad))])
    rows = pd.DataFrame(
        {"account": np.concatenate([account, who]), "day": np.concatenate([day, when]), "escalated": up}
    )
    rows["open"] = np.ceil(-9 * np.log1p(-rng.random(len(rows))) * np.where(up, 3, 1))
    rows["priority"] = np.where(up, "high", choose(rng.random(len(rows)), PRIORITY))
    rows = rows[rows["day"].between(0, window.days - 1)].sort_values(["account", "day"], kind="stable")
    closed = np.where(rows["day"] + rows["open"] < window.days, rows["day"] + rows["open"], np.nan)
    return schema.cast(
        "cases",
        pd.DataFrame(
            {
                "case_id": ids("Q", account_id, rows["account"].to_numpy()),
                "account_id": account_id.to_numpy()[rows["account"]],
                "opened_at": stamp(rows["day"].to_numpy(), window, 10),
                "closed_at": stamp(closed, window, 15),
                "priority": rows["priority"].to_numpy(),
                "escalated": rows["escalated"].to_numpy(),
            }
        ),
    )


def content(buyers: pd.DataFrame, renewals: pd.DataFrame, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """How content an account is on a day beyond a typical one, in standard deviations, from what is planted."""
    low = (buyers["flag"] == "no_return").to_numpy()[account] & (
        day >= buyers["since"].fillna(np.inf).to_numpy()[account]
    )
    out = -1.6 * low
    bad = renewals[renewals["trouble 2"]]
    for who, due in zip(bad["account"], bad["day"], strict=True):
        out = out - 1.3 * ((account == who) & (day > due - 240) & (day < due))
    return out


def surveys(
    chance: Chance,
    buyers: pd.DataFrame,
    held: pd.DataFrame,
    renewals: pd.DataFrame,
    persons: pd.DataFrame,
    person_id: np.ndarray,
    account_id: pd.Series,
    window: sales.Window,
) -> pd.DataFrame:
    """Answers of customers' people every half-year: on each question those who feel like it."""
    rng = chance.of("surveys")
    feels = 0.6 * rng.standard_normal(len(buyers))
    staff = np.flatnonzero(~persons["is_lead"] & (persons["twin"] < 0))
    of = persons["account"].to_numpy()[staff]
    parts = []
    for day in range(window.days % WAVE + 60, window.days - 10, WAVE):
        dates = window.dates(np.array([float(day)]))
        at = np.busday_count(window.start, dates.astype("datetime64[D]"))[0]
        there = (persons["created"].to_numpy()[staff] < at) & ~(persons["left"].to_numpy()[staff] <= at)
        asked = there & (held["begun"].to_numpy()[of] < day) & (held["stops"].to_numpy()[of] > day)
        for kind, share in ANSWERS.items():
            lot = rng.random((3, len(staff)))
            noise = rng.standard_normal(len(staff))
            rows = asked & (lot[0] < share) & (lot[1] < 0.5)
            mood = feels[of] + content(buyers, renewals, of, np.full(len(of), day)) + 0.9 * noise
            parts.append(pd.DataFrame({
                "account": of, "person": staff, "kind": kind, "day": day + np.floor(14 * lot[2]), "mood": mood,
                "wave": f"{str(dates[0])[:7]}", "invited": int(asked.sum()),
            })[rows])  # fmt: skip
    if not parts:
        return schema.empty("surveys")
    rows = pd.concat(parts).sort_values(["account", "day", "person", "kind"], kind="stable")
    nps = (rows["kind"] == "nps").to_numpy()
    score = np.where(nps, np.round(7.6 + 1.7 * rows["mood"]), np.round(3.7 + 0.85 * rows["mood"]))
    return schema.cast(
        "surveys",
        pd.DataFrame(
            {
                "response_id": ids("R", account_id, rows["account"].to_numpy()),
                "account_id": account_id.to_numpy()[rows["account"]],
                "contact_id": person_id[rows["person"]],
                "wave": rows["wave"].to_numpy(),
                "survey_type": rows["kind"].to_numpy(),
                "item": rows["kind"].map(ITEMS).to_numpy(),
                "scale_min": np.where(nps, 0.0, 1.0),
                "scale_max": np.where(nps, 10.0, 5.0),
                "score": np.clip(score, np.where(nps, 0, 1), np.where(nps, 10, 5)),
                "responded_at": stamp(rows["day"].to_numpy(), window, 11),
                "invited_n": rows["invited"].to_numpy(),
            }
        ),
    )


def goals(chance: Chance, buyers: pd.DataFrame, account_id: pd.Series, window: sales.Window) -> pd.DataFrame:
    """Goals agreed with the accounts of the first two tiers, with those that show the flag, and a few others."""
    rng = chance.of("goals")
    lot, met, far, when = rng.random((4, len(buyers), 3))
    flagged = (buyers["flag"] == "goals_missed").to_numpy()
    has = buyers["tier"].isin(["1", "2"]).to_numpy() | flagged
    customer = (buyers["begun"] < window.days - 400).to_numpy()
    count = np.where(has, 2 + (lot[:, 0] < 0.4), np.where(customer & (lot[:, 0] < 0.05), 1, 0))
    account = np.repeat(np.arange(len(buyers)), count)
    nth = np.arange(len(account)) - np.searchsorted(account, account)
    due = np.floor(window.days - 330 + 420 * when[account, nth])
    since = buyers["since"].fillna(window.days).to_numpy()[account]
    due = np.where(flagged[account] & (nth < 2), since + 30 * nth, due)
    over = due < window.days
    agreed = np.maximum(due - 300, 0)
    keeps = met[account, nth] < np.where(flagged[account], GOALS_KEPT[True], GOALS_KEPT[False])
    part = np.where(keeps, 1.0 + 0.2 * far[account, nth], 0.25 + 0.6 * far[account, nth])
    part = np.where(over, part, part * np.clip((window.days - agreed) / np.maximum(due - agreed, 1), 0, 1))
    target = np.round(10 + 40 * when[account, nth])
    status = np.where(~over, "open", np.where(part >= 1, "met", "missed"))
    frame = pd.DataFrame(
        {
            "goal_id": ids("G", account_id, account),
            "account_id": account_id.to_numpy()[account],
            "text": np.array(
                ["fewer days to close the year", "orders without paper", "one contract for all sites"], dtype=object
            )[nth % 3],
            "owner_side": np.where(nth == 2, "us", "joint"),
            "metric": np.array(["days saved", "share of orders", "sites"], dtype=object)[nth % 3],
            "target": target,
            "actual": np.round(target * part, 1),
            "due": window.dates(due),
            "status": status,
        }
    )
    return entered("account_goals", frame, stamp(agreed, window), SALES_LEAD)


def insights(chance: Chance, buyers: pd.DataFrame, account_id: pd.Series, window: sales.Window) -> pd.DataFrame:
    """What was learnt of accounts in the programme, and of reorganisations, true and false."""
    rng = chance.of("insights")
    picked = buyers["picked"].to_numpy() & ~buyers["held_back"].to_numpy()
    count = np.where(picked, rng.poisson(2.2, len(buyers)), rng.random(len(buyers)) < 0.05).astype(int)
    account = np.repeat(np.arange(len(buyers)), count)
    begins = float(buying.programme_day(window))
    day = np.floor(begins + rng.random(len(account)) * (window.days - begins))
    kind = np.array(list(INSIGHTS), dtype=object)[(rng.random(len(account)) * len(INSIGHTS)).astype(int)]
    told, when = rng.random((2, len(buyers)))
    real = (buyers["flag"] == "reorganisation").to_numpy()
    heard = np.flatnonzero(np.where(real, told < REORG_TOLD, told < REORG_FALSE))
    heard_on = np.where(
        real[heard],
        buyers["since"].to_numpy()[heard] + np.floor(40 * when[heard]),
        np.floor(begins + when[heard] * (window.days - begins)),
    )
    account, day = np.concatenate([account, heard]), np.concatenate([day, heard_on])
    kind = np.concatenate([kind, np.full(len(heard), "reorg_event", dtype=object)])
    keep = np.lexsort((day, account))
    keep = keep[(day[keep] >= 0) & (day[keep] < window.days)]
    account, day, kind = account[keep], day[keep], kind[keep]
    frame = pd.DataFrame(
        {
            "insight_id": ids("I", account_id, account),
            "account_id": account_id.to_numpy()[account],
            "kind": kind,
            "text": [INSIGHTS.get(k, "departments are merged, our people there move on") for k in kind],
            "confidence": np.round(0.4 + 0.5 * rng.random(len(account)), 2),
            "source": np.array(["call", "press", "workshop"], dtype=object)[(rng.random(len(account)) * 3).astype(int)],
            "observed_at": stamp(day, window, 14),
        }
    )
    return entered("account_insights", frame, stamp(day, window, 16), MARKETER)


def economics(
    chance: Chance, buyers: pd.DataFrame, sold: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """What larger and tiered customers cost and got, by half-year; bad for both sides where the flag is up."""
    rng = chance.of("economics")
    bought = np.bincount(sold["account"], sold["revenue"], len(buyers))
    flagged = (buyers["flag"] == "no_return").to_numpy()
    lot = rng.random(len(buyers))
    has = (bought > 0) & (flagged | buyers["tier"].isin(["1", "2"]).to_numpy() | (lot < 0.15))
    starts = pd.date_range(
        window.dates(np.array([float(max(window.days - 480, 0))]))[0],
        window.dates(np.array([float(window.days - 1)]))[0],
        freq="QS",
    )
    parts = []
    for first in starts:
        day = int((np.datetime64(first.date(), "D") - window.start) / np.timedelta64(1, "D"))
        end = min(day + 92, window.days)
        here = sold["day"].between(day, end - 1)
        revenue = np.bincount(sold["account"][here], sold["revenue"][here], len(buyers))
        margin = revenue - np.bincount(sold["account"][here], sold["cogs"][here].fillna(0), len(buyers))
        noise = np.exp(0.3 * rng.standard_normal((4, len(buyers))))
        bad = flagged & (buyers["since"].to_numpy() < end)
        treated = (buyers["exposed"] < end).to_numpy()
        hours = (4 + 30 * treated) * noise[0] * np.where(bad, 1.6, 1.0)
        typical = np.maximum(bought / window.days * 92, 300.0)
        serve = (
            np.where(bad, np.maximum(1.25 * margin, 0.5 * typical), np.minimum(0.08 * typical, 0.3 * typical))
            * noise[1]
        )
        parts.append(
            pd.DataFrame(
                {
                    "account_id": account_id.to_numpy()[: len(buyers)],
                    "period": f"{first.year}-Q{first.quarter}",
                    "programme_cost": np.round(900.0 * treated * noise[2], 2),
                    "cost_to_serve": np.round(serve, 2),
                    "hours": np.round(hours, 1),
                    "value_promised": np.round(1.5 * typical, -1),
                    "value_realised": np.round(1.5 * typical * np.where(bad, 0.35, 1.02) * noise[3] ** 0.5, -1),
                    "place": np.arange(len(buyers)),
                    "end": end,
                }
            )[has & (end <= window.days)]
        )
    if not parts or not sum(map(len, parts)):
        return schema.empty("relationship_economics")
    rows = pd.concat(parts).sort_values(["place", "period"], ignore_index=True)
    at = stamp(rows["end"].to_numpy() - 1, window, 17)
    return entered("relationship_economics", rows.drop(columns=["place", "end"]), at, "controlling")


def programme(
    chance: Chance, buyers: pd.DataFrame, found: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> dict[str, pd.DataFrame]:
    """What the programme wrote down: votes, tiers, the draw, plans, hand-overs, tests and dossiers."""
    rng = chance.of("programme tables")
    n, begins = len(buyers), buying.programme_day(window)
    lot = rng.random((12, n))
    names = account_id.to_numpy()
    picked, held = buyers["picked"].to_numpy(), buyers["held_back"].to_numpy()
    entry, exposed = buyers["entry"].to_numpy(), buyers["exposed"].to_numpy()
    line = np.array(LINES, dtype=object)[buyers["main"]]
    looked = picked | ((lot[0] < 0.12) & (buyers["created"] < begins - 14).to_numpy())
    odds = 2.2 * (picked - 0.5) * 2
    votes = [
        pd.DataFrame({
            "account_id": names, "voter_team": team, "round": str(window.dates(np.array([begins - 20.0]))[0])[:7],
            "vote": np.where(lot[k] < expit(odds), "in", np.where(lot[k + 1] < 0.3, "unsure", "out")),
        })[looked]
        for team, k in (("sales", 1), ("marketing", 3))
    ]  # fmt: skip
    tiers = pd.DataFrame(
        {
            "account_id": names,
            "valid_from": window.dates(entry),
            "tier": np.where(held, "none", buyers["tier"]),
            "set_by": "joint",
            "reason": "size, revenue and fit",
            "exclusion_reason": pd.Series("held back by lot", index=range(n)).where(held),
        }
    )[picked]
    drawn = pd.DataFrame({
        "account_id": names, "experiment_id": "X1", "arm": np.where(held, "holdout", "treated"),
        "assigned_at": stamp(entry - 7, window), "stratum": line, "exposure_at": stamp(exposed, window, 12),
        "pre_registered_metric": "opportunities_opened",
    })[picked]  # fmt: skip
    when = stamp(entry - 7, window)
    reached = np.flatnonzero(~np.isnan(exposed) & (exposed < window.days))
    days = pd.Series(window.dates(exposed[reached]))
    code = np.array(catalogue.ABM, dtype=object)[buyers["main"].to_numpy()[reached]]
    members = pd.DataFrame(
        {
            "campaign_id": catalogue.campaign_id(code, days),
            "account_id": names[reached],
            "added_at": stamp(exposed[reached], window),
        }
    )
    first = reached[(buyers["tier"].to_numpy()[reached] == "1")]
    at = stamp(exposed[first] + 5, window)
    decided = pd.DataFrame(
        {
            "account_id": names[first],
            "text": "win the sponsor before the budget round",
            "owner": "sales",
            "due": window.dates(exposed[first] + 120),
            "status": "accepted",
        }
    )
    acts = pd.DataFrame(
        {
            "account_id": names[first],
            "text": "visit with two references",
            "owner": "marketing",
            "due": window.dates(exposed[first] + 60),
            "status": np.where(lot[6][first] < 0.7, "done", "open"),
        }
    )
    plans = [
        pd.DataFrame(
            {
                "account_id": names[first],
                "item": item,
                "reuse_or_new": kind,
                "channel": channel,
                "start": window.dates(exposed[first]),
                "end": window.dates(exposed[first] + 180),
                "owner": "M01",
                "budget": budget,
                "objective_id": objective,
            }
        )
        for item, kind, channel, budget, objective in (
            ("letter to the board", "new", "direct_mail", 1_500.0, "OB1"),
            ("webinar for users", "reuse", "webinar", 400.0, "OB2"),
        )
    ]
    told = [t[(exposed[first] + 5 < window.days)] for t in (decided, acts, *plans)]
    at = at[exposed[first] + 5 < window.days].reset_index(drop=True)
    plan = pd.concat(told[2:], ignore_index=True)
    handed = _handed(rng, buyers, found, account_id, window)
    test = pd.DataFrame(
        {
            "test_id": "MT1",
            "message_id": [
                f"M{3 * int(p * 6) + m + 1:02d}"
                for p, m in zip(lot[7][reached], buyers["main"].to_numpy()[reached], strict=True)
            ],
            "account_id": names[reached],
            "arm": np.where(lot[8][reached] < 0.5, "A", "B"),
            "assigned_at": stamp(exposed[reached] + 2, window),
        }
    )[(exposed[reached] + 2 < window.days)]
    odd = np.flatnonzero((lot[9] < 0.01) & (buyers["created"] < begins).to_numpy())
    over = pd.DataFrame(
        {"account_id": names[odd], "product_line": line[odd], "cycle": "mid", "reason": "buys through a panel of users"}
    )
    gave = pd.DataFrame(
        {
            "account_id": names[first],
            "run_id": "2025-12-31_1",
            "delivered_to": "S01",
            "delivered_at": stamp(np.full(len(first), window.days - 181.0), window),
        }
    )
    gave = gave if window.days > 190 else gave.iloc[:0]
    return {
        "list_votes": entered(
            "list_votes",
            pd.concat(votes, ignore_index=True).sort_values(["account_id", "voter_team"], ignore_index=True),
            stamp(np.array([begins - 20.0]), window)[0],
            SALES_LEAD,
        ),
        "account_tiers": entered("account_tiers", tiers, when[picked], SALES_LEAD),
        "experiments": entered("experiments", drawn, when[picked], MARKETER),
        "campaign_accounts": entered("campaign_accounts", members, members["added_at"], MARKETER),
        "workshop_decisions": entered("workshop_decisions", told[0].reset_index(drop=True), at, MARKETER),
        "workshop_actions": entered("workshop_actions", told[1].reset_index(drop=True), at, MARKETER),
        "plan_items": entered("plan_items", plan, pd.concat([at, at], ignore_index=True), MARKETER),
        "hand_overs": handed,
        "message_tests": entered("message_tests", test, test["assigned_at"], MARKETER),
        "cycle_overrides": entered("cycle_overrides", over, stamp(np.array([float(begins)]), window)[0], SALES_LEAD),
        "dossier_deliveries": entered("dossier_deliveries", gave, gave["delivered_at"], MARKETER),
    }


def _handed(
    rng: np.random.Generator, buyers: pd.DataFrame, found: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """Accounts handed to sales shortly before a deal opened with them, and some where none did."""
    day = deals.calendar_day(window, found["opens"].to_numpy())
    exposed = buyers["exposed"].to_numpy()
    real = (
        ~(found["type"] == "renewal").to_numpy()
        & (day > exposed[found["account"]] + 20)
        & (rng.random(len(found)) < 0.6)
    )
    idle, idle_day = poisson_days(rng, np.where(np.isnan(exposed), 0, 0.25), np.nan_to_num(exposed), float(window.days))
    account = np.concatenate([found["account"].to_numpy()[real], idle])
    sent = np.concatenate([day[real] - 1 - np.floor(9 * rng.random(real.sum())), idle_day])
    order = np.lexsort((sent, account))
    account, sent = account[order], sent[order]
    rows = pd.DataFrame({"account": account, "sent": sent}).drop_duplicates()
    lot = rng.random((4, len(rows)))
    sent_at = stamp(rows["sent"].to_numpy(), window)
    taken = (sent_at + pd.to_timedelta(np.round(2 + 40 * lot[0] ** 2), unit="h")).where(pd.Series(lot[1] < 0.8))
    first = (taken + pd.to_timedelta(np.round(1 + 60 * lot[2] ** 2), unit="h")).where(taken.notna())
    last = stamp(np.array([float(window.days)]), window, 0)[0]
    frame = pd.DataFrame({
        "account_id": account_id.to_numpy()[rows["account"]], "sent_at": sent_at,
        "accepted_at": taken.where(taken < last), "first_touch_at": first.where(first < last),
        "brief_read": pd.array(np.where(taken < last, lot[3] < 0.55, None), dtype="boolean"),
    })  # fmt: skip
    keep = (rows["sent"] >= 0).to_numpy() & (rows["sent"] < window.days).to_numpy()
    return entered("hand_overs", frame[keep].reset_index(drop=True), sent_at[keep].reset_index(drop=True), MARKETER)


def feeds(
    chance: Chance,
    buyers: pd.DataFrame,
    found: pd.DataFrame,
    sold: pd.DataFrame,
    account_id: pd.Series,
    window: sales.Window,
) -> dict[str, pd.DataFrame]:
    """What others say of the accounts: intent, reviews, what sales hears, what accounts spend in all."""
    rng = chance.of("feeds")
    names, n = account_id.to_numpy(), len(buyers)
    seen = found[(rng.random(len(found)) < INTENT) & (found["type"] != "renewal")]
    day = deals.calendar_day(window, seen["opens"].to_numpy()) - 7
    ahead, ahead_day = (
        np.repeat(seen["account"].to_numpy(), 2),
        np.concatenate([[d, d - 7] for d in day]) if len(day) else np.array([]),
    )
    topic = np.repeat(seen["line"].to_numpy(), 2)
    idle, idle_day = poisson_days(
        rng, np.full(n, NOISE), np.maximum(buyers["created"].to_numpy(), 0), float(window.days)
    )
    account = np.concatenate([ahead, idle])
    week = np.floor(np.concatenate([ahead_day, idle_day]) / 7) * 7
    topics = np.array([catalogue.TOPICS[line] for line in LINES], dtype=object)
    signals = pd.DataFrame(
        {
            "account": account,
            "topic": topics[np.concatenate([topic, buyers["main"].to_numpy()[idle]]).astype(int)],
            "week": week,
            "score": np.round(
                np.where(np.arange(len(account)) < len(ahead), 70, 52) + 12 * rng.standard_normal(len(account))
            ),
        }
    )
    signals = signals[signals["week"].between(0, window.days - 8)].sort_values(["account", "week", "score"])
    signals = signals.drop_duplicates(["account", "topic", "week"], keep="last")
    who, when = poisson_days(rng, np.full(n, 0.06), np.maximum(buyers["created"].to_numpy(), 0), float(window.days))
    heard, heard_on = poisson_days(
        rng, np.full(n, 0.12), np.maximum(buyers["created"].to_numpy(), 0), float(window.days)
    )
    review = rng.random(len(who)) < 0.4
    bought = sold.groupby(["account", "line"])["revenue"].sum().reset_index()
    wallet = bought[bought["revenue"] > 0].sort_values(["account", "line"])
    yearly = wallet["revenue"].to_numpy() / max(window.days / sales.YEAR, 0.1)
    mid = np.round(
        yearly / (0.25 + 0.6 * rng.random(len(wallet))) * np.exp(0.25 * rng.standard_normal(len(wallet))), -2
    )
    known = stamp(np.array([window.days * 0.9]), window)[0]
    themes = ("price", "delivery", "new market", "competitor", "integration")
    return {
        "intent_signals": schema.cast(
            "intent_signals",
            pd.DataFrame(
                {
                    "account_id": names[signals["account"]],
                    "topic": signals["topic"],
                    "week": window.dates(signals["week"].to_numpy() + 6),
                    "score": signals["score"],
                    "provider": "Tidewatch",
                }
            ),
        ),
        "reviews_mentions": schema.cast(
            "reviews_mentions",
            pd.DataFrame(
                {
                    "mention_id": ids("E", account_id, who),
                    "account_id": names[who],
                    "source": np.where(review, "softwarejury.example", "forum.example"),
                    "kind": np.where(review, "review", "mention"),
                    "score": np.where(review, np.clip(np.round(4 + rng.standard_normal(len(who))), 1, 5), np.nan),
                    "scale_min": np.where(review, 1.0, np.nan),
                    "scale_max": np.where(review, 5.0, np.nan),
                    "date": window.dates(when),
                }
            ),
        ),
        "sales_feedback": schema.cast(
            "sales_feedback",
            pd.DataFrame(
                {
                    "feedback_id": ids("B", account_id, heard),
                    "account_id": names[heard],
                    "date": window.dates(heard_on),
                    "theme": np.array(themes, dtype=object)[(rng.random(len(heard)) * len(themes)).astype(int)],
                }
            ),
        ),
        "wallet_estimates": schema.cast(
            "wallet_estimates",
            pd.DataFrame(
                {
                    "account_id": names[wallet["account"]],
                    "product_line": wallet["line"].to_numpy(),
                    "low": np.round(mid * 0.7, -2),
                    "mid": mid,
                    "high": np.round(mid * 1.5, -2),
                    "method": "analyst",
                    "known_at": known,
                }
            ),
        ),
    }


def web_sessions(activities: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The visits behind the web touches of the last months, for the tool keeps no more."""
    since = stamp(np.array([float(window.days - SESSION_DAYS)]), window, 0)[0]
    rows = activities[(activities["channel"] == "web") & (activities["occurred_at"] >= since)]
    minutes = rows["duration_min"].to_numpy()
    pages = 1 + np.floor(minutes / 2)
    return schema.cast(
        "web_sessions",
        pd.DataFrame(
            {
                "session_id": "W" + rows["activity_id"].str[1:].to_numpy(),
                "account_id": rows["account_id"].to_numpy(),
                "contact_id": rows["contact_id"].to_numpy(),
                "started_at": rows["occurred_at"].to_numpy(),
                "duration_min": minutes,
                "pages": pages,
                "key_pages": (rows["page_class"] == "key").to_numpy().astype(int),
                "is_bot": rows["is_bot"].to_numpy(),
            }
        ),
    )
