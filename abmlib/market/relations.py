"""What else is written down of the accounts of a block: contracts, cases, surveys, goals, insights, cost, feeds.

Days count from the first day of the window. Accounts are positions in their block. Where something is planted its
evidence is here; the same words are said of accounts where nothing is, less often.
"""

import numpy as np
import pandas as pd

from abmlib.market import buyers as buying
from abmlib.market import catalogue, deals, sales
from abmlib.market.catalogue import MARKETER, SALES_LEAD, entered, stamp
from abmlib.market.chance import Chance, choose
from abmlib.market.sales import LINES
from abmlib.market.tabled import ids
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
GOALS_READ = 20  # days before the end on which goals still running are looked at
INTENT = 0.5  # share of deals that a provider sees coming
NOISE = 0.4  # signals a year and account about nothing
MENTIONS, REVIEWS, HEARD = 0.06, 0.4, 0.12  # mentions a year, share that are reviews, things heard a year
THEMES = ("price", "delivery", "new market", "competitor", "integration")
SESSION_DAYS = 120  # the web tool keeps so many days


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
        felt = feels[of] + content(buyers, renewals, of, np.full(len(of), day))
        for kind, share in ANSWERS.items():
            lot = rng.random((3, len(staff)))
            noise = rng.standard_normal(len(staff))
            rows = asked & (lot[0] < share) & (lot[1] < 0.5)
            mood = felt + 0.9 * noise
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
    """Goals agreed with the accounts of the first two tiers, with those that show the flag, and a few others.

    A goal is entered when it is agreed, and again with what came of it when it is due, or with how far it is near the end.
    """
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
    told = np.where(over, due, window.days - GOALS_READ)
    later = told > agreed
    first, again = stamp(agreed, window), stamp(told, window)
    noted = frame.assign(supersedes=first.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))[later]
    return pd.concat(
        [
            entered("account_goals", frame.assign(actual=np.nan, status="open"), first, SALES_LEAD),
            entered("account_goals", noted, again[later], SALES_LEAD),
        ],
        ignore_index=True,
    )


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
    """What larger and tiered customers cost and got, by quarter; bad for both sides where the flag is up."""
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
        serve = np.where(bad, np.maximum(1.25 * margin, 0.5 * typical), 0.08 * typical) * noise[1]
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


def feeds(
    chance: Chance,
    buyers: pd.DataFrame,
    found: pd.DataFrame,
    sold: pd.DataFrame,
    account_id: pd.Series,
    window: sales.Window,
) -> dict[str, pd.DataFrame]:
    """What others say of the accounts: intent, reviews, what sales hears, what accounts spend in all."""
    names = account_id.to_numpy()
    return {
        "intent_signals": _signals(chance.of("signals"), buyers, found, names, window),
        "reviews_mentions": _mentions(chance.of("mentions"), buyers, account_id, window),
        "sales_feedback": _feedback(chance.of("feedback"), buyers, account_id, window),
        "wallet_estimates": _wallets(chance.of("wallets"), sold, names, window),
    }


def _signals(
    rng: np.random.Generator, buyers: pd.DataFrame, found: pd.DataFrame, names: np.ndarray, window: sales.Window
) -> pd.DataFrame:
    """Weeks in which a provider saw interest: two ahead of half of the deals, and others about nothing."""
    seen = found[(rng.random(len(found)) < INTENT) & (found["type"] != "renewal")]
    day = deals.calendar_day(window, seen["opens"].to_numpy()) - 7
    since = np.maximum(buyers["created"].to_numpy(), 0)
    idle, idle_day = poisson_days(rng, np.full(len(buyers), NOISE), since, float(window.days))
    account = np.concatenate([np.repeat(seen["account"].to_numpy(), 2), idle])
    line = np.concatenate([np.repeat(seen["line"].to_numpy(), 2), buyers["main"].to_numpy()[idle]]).astype(int)
    week = np.floor(np.concatenate([np.column_stack([day, day - 7]).ravel(), idle_day]) / 7) * 7
    typical = np.where(np.arange(len(account)) < 2 * len(seen), 70, 52)
    rows = pd.DataFrame({
        "account": account, "topic": np.array([catalogue.TOPICS[n] for n in LINES], dtype=object)[line], "week": week,
        "score": np.round(typical + 12 * rng.standard_normal(len(account))),
    })  # fmt: skip
    rows = rows[rows["week"].between(0, window.days - 8)].sort_values(["account", "week", "score"])
    rows = rows.drop_duplicates(["account", "topic", "week"], keep="last")
    return schema.cast("intent_signals", pd.DataFrame({
        "account_id": names[rows["account"]], "topic": rows["topic"], "score": rows["score"], "provider": "Tidewatch",
        "week": window.dates(rows["week"].to_numpy() + 6),
    }))  # fmt: skip


def _mentions(
    rng: np.random.Generator, buyers: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """Reviews and mentions, a few a year, that say nothing of what is planted."""
    since = np.maximum(buyers["created"].to_numpy(), 0)
    who, day = poisson_days(rng, np.full(len(buyers), MENTIONS), since, float(window.days))
    review = rng.random(len(who)) < REVIEWS
    score = np.clip(np.round(4 + rng.standard_normal(len(who))), 1, 5)
    return schema.cast("reviews_mentions", pd.DataFrame({
        "mention_id": ids("E", account_id, who), "account_id": account_id.to_numpy()[who], "date": window.dates(day),
        "source": np.where(review, "softwarejury.example", "forum.example"), "score": np.where(review, score, np.nan),
        "kind": np.where(review, "review", "mention"), "scale_min": np.where(review, 1.0, np.nan),
        "scale_max": np.where(review, 5.0, np.nan),
    }))  # fmt: skip


def _feedback(
    rng: np.random.Generator, buyers: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> pd.DataFrame:
    """What sales heard in the field, at random."""
    since = np.maximum(buyers["created"].to_numpy(), 0)
    who, day = poisson_days(rng, np.full(len(buyers), HEARD), since, float(window.days))
    return schema.cast("sales_feedback", pd.DataFrame({
        "feedback_id": ids("B", account_id, who), "account_id": account_id.to_numpy()[who], "date": window.dates(day),
        "theme": np.array(THEMES, dtype=object)[(rng.random(len(who)) * len(THEMES)).astype(int)],
    }))  # fmt: skip


def _wallets(rng: np.random.Generator, sold: pd.DataFrame, names: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """What customers spend in a year with all suppliers, as an analyst estimates it late in the window."""
    bought = sold.groupby(["account", "line"])["revenue"].sum().reset_index()
    rows = bought[bought["revenue"] > 0].sort_values(["account", "line"])
    yearly = rows["revenue"].to_numpy() / max(window.days / sales.YEAR, 0.1)
    share = 0.25 + 0.6 * rng.random(len(rows))  # that we have of it
    mid = np.round(yearly / share * np.exp(0.25 * rng.standard_normal(len(rows))), -2)
    return schema.cast("wallet_estimates", pd.DataFrame({
        "account_id": names[rows["account"]], "product_line": rows["line"].to_numpy(), "low": np.round(mid * 0.7, -2),
        "mid": mid, "high": np.round(mid * 1.5, -2), "method": "analyst",
        "known_at": stamp(np.array([window.days * 0.9]), window)[0],
    }))  # fmt: skip


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
