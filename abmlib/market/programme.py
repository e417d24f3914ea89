"""What the market's own people entered of the programme, account by account, and their targets.

Days count from the first day of the window. Accounts are positions in their block.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from abmlib.market import buyers as buying
from abmlib.market import catalogue, deals, sales
from abmlib.market.catalogue import MARKETER, SALES_LEAD, entered, stamp
from abmlib.market.chance import Chance
from abmlib.market.companies import SELLERS
from abmlib.market.relations import poisson_days
from abmlib.market.sales import LINES
from abmlib.tables import schema

LOOKED, AGREED, OVERRIDDEN = 0.12, 2.2, 0.01  # share of others voted on, log-odds to agree, share of cycles set by hand
PLAN_ITEMS = [
    {"item": "letter to the board", "reuse_or_new": "new", "channel": "direct_mail", "budget": 1_500.0, "objective_id": "OB1"},
    {"item": "webinar for users", "reuse_or_new": "reuse", "channel": "webinar", "budget": 400.0, "objective_id": "OB2"},
]  # fmt: skip

AMBITION = 1.1  # target of a quarter, as a multiple of what was won in the same quarter a year before
WORKERS, SERVICE = 5, "M06"  # people of marketing who work for single accounts, and who is asked about all of them
UNANSWERED = 4  # of so many accounts one has nobody who answers for it
STEP = 1_000  # targets are round
AHEAD_DAYS = 21  # before its quarter a target is entered


def targets(opportunities: pd.DataFrame, end: str) -> pd.DataFrame:
    """Set targets of won value for each quarter up to the one after `end` that has a quarter won a year before.

    Of each quarter the company's first, then what it asks of each seller: half of it alike, half as the sellers won in the
    quarter a year before. Targets are entered `AHEAD_DAYS` before the quarter begins.
    """
    won = opportunities[opportunities["is_won"].fillna(False).astype(bool)]
    quarter = won["closed_at"].dt.tz_localize(None).dt.to_period("Q")
    before = won.groupby(quarter)["amount"].sum()
    sellers = [f"S{s + 1:02d}" for s in range(SELLERS)]
    own = (
        won.groupby([quarter, "owner_id"])["amount"]
        .sum()
        .unstack(fill_value=0.0)
        .reindex(columns=sellers, fill_value=0.0)
    )
    rows = []
    for q, v in before.items():
        if q + 3 <= pd.Period(end, "Q") and v > 0:
            part = 0.5 / SELLERS + 0.5 * own.loc[q] / own.loc[q].sum()
            rows += [(q + 4, owner, STEP * round(AMBITION * v * p / STEP)) for owner, p in [(None, 1.0), *part.items()]]
    frame = pd.DataFrame(rows, columns=["quarter", "owner_id", "value"])
    frame = frame[frame["owner_id"].isna() | (frame["value"] > 0)].reset_index(drop=True)
    begins = pd.Series([q.start_time for q in frame["quarter"]], dtype="datetime64[us]")
    entered = begins - pd.Timedelta(days=AHEAD_DAYS) + pd.Timedelta(hours=8)
    return schema.cast(
        "targets",
        pd.DataFrame(
            {
                "period": [f"{q.year}-Q{q.quarter}" for q in frame["quarter"]],
                "owner_id": frame["owner_id"],
                "measure_id": "won_value",
                "value": frame["value"],
                "entered_at": entered.dt.tz_localize("UTC"),
                "entered_by": "sales lead",
            }
        ),
    )


def with_account_teams(team: pd.DataFrame, tiers: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Add who does what for each account of the first tier, of whom every fourth has nobody who answers for it.

    Its seller answers, one of marketing does the work, the one for service is asked.

    Parameters
    ----------
    tiers : the accounts of the first tier and when each was entered as such
    accounts : `account_id` and `owner_id` of these
    """
    owner = tiers["account_id"].map(accounts.set_index("account_id")["owner_id"])
    work = [f"M{k % WORKERS + 1:02d}" for k in range(len(tiers))]
    each = tiers[["account_id", "entered_at"]]
    parts = [each.assign(person_id=who, raci=part) for part, who in (("A", owner), ("R", work), ("C", SERVICE))]
    parts[0] = parts[0][np.arange(len(tiers)) % UNANSWERED != UNANSWERED - 1]
    rows = pd.concat(parts).sort_values(["account_id", "raci"])
    own = team.set_index("person_id")[["team", "function", "persona_id", "capacity_hours"]]
    rows = rows.join(own, on="person_id").assign(entered_by=SALES_LEAD)
    return pd.concat([team, schema.cast("team", rows)], ignore_index=True)


def tables(
    chance: Chance, buyers: pd.DataFrame, found: pd.DataFrame, account_id: pd.Series, window: sales.Window
) -> dict[str, pd.DataFrame]:
    """What the programme wrote down of a full block: votes, tiers, the draw, plans, hand-overs, tests and dossiers."""
    at = {name: chance.of(f"programme {name}") for name in ("votes", "plans", "hand overs", "tests", "overrides")}
    names = account_id.to_numpy()
    exposed = buyers["exposed"].to_numpy()
    reached = np.flatnonzero(~np.isnan(exposed))
    first = reached[(buyers["tier"].to_numpy()[reached] == "1") & (exposed[reached] + 5 < window.days)]
    return _drawn(buyers, names, window) | _planned(at["plans"], names[first], exposed[first], window) | {
        "list_votes": _votes(at["votes"], buyers, names, window),
        "campaign_accounts": _members(buyers, names, reached, window),
        "hand_overs": _handed(at["hand overs"], buyers, found, account_id, window),
        "message_tests": _tested(at["tests"], buyers, names, reached, window),
        "cycle_overrides": _overridden(at["overrides"], buyers, names, window),
        "dossier_deliveries": _delivered(names[first], window),
    }  # fmt: skip


def _votes(rng: np.random.Generator, buyers: pd.DataFrame, names: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """What sales and marketing said of the accounts picked, and of some that were not."""
    begins = float(buying.programme_day(window))
    picked = buyers["picked"].to_numpy()
    lot = rng.random((5, len(buyers)))
    looked = picked | ((lot[0] < LOOKED) & (buyers["created"] < begins - 14).to_numpy())
    likely = expit(np.where(picked, 1, -1) * AGREED)
    parts = [
        pd.DataFrame({
            "account_id": names, "voter_team": team, "round": str(window.dates(np.array([begins - 20]))[0])[:7],
            "vote": np.where(lot[k] < likely, "in", np.where(lot[k + 1] < 0.3, "unsure", "out")),
        })[looked]
        for team, k in (("sales", 1), ("marketing", 3))
    ]  # fmt: skip
    rows = pd.concat(parts).sort_values(["account_id", "voter_team"], ignore_index=True)
    return entered("list_votes", rows, stamp(np.array([begins - 20]), window)[0], SALES_LEAD)


def _drawn(buyers: pd.DataFrame, names: np.ndarray, window: sales.Window) -> dict[str, pd.DataFrame]:
    """The tier of each account picked, and what chance drew for it."""
    picked, held = buyers["picked"].to_numpy(), buyers["held_back"].to_numpy()
    at = stamp(buyers["entry"] - 7, window)
    tiers = pd.DataFrame({
        "account_id": names, "valid_from": window.dates(buyers["entry"].to_numpy()), "set_by": "joint",
        "tier": np.where(held, "none", buyers["tier"]), "reason": "size, revenue and fit",
        "exclusion_reason": pd.Series("held back by lot", index=range(len(buyers))).where(held),
    })  # fmt: skip
    drawn = pd.DataFrame({
        "account_id": names, "experiment_id": "X1", "arm": np.where(held, "holdout", "treated"), "assigned_at": at,
        "stratum": np.array(LINES, dtype=object)[buyers["main"]], "pre_registered_metric": "opportunities_opened",
        "exposure_at": stamp(buyers["exposed"], window, 12),
    })  # fmt: skip
    return {
        "account_tiers": entered("account_tiers", tiers[picked], at[picked], SALES_LEAD),
        "experiments": entered("experiments", drawn[picked], at[picked], MARKETER),
    }


def _members(buyers: pd.DataFrame, names: np.ndarray, reached: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """The accounts each campaign for named accounts is made for."""
    day = buyers["exposed"].to_numpy()[reached]
    code = np.array(catalogue.ABM, dtype=object)[buyers["main"].to_numpy()[reached]]
    rows = pd.DataFrame({
        "campaign_id": catalogue.campaign_id(code, pd.Series(window.dates(day))), "account_id": names[reached],
        "added_at": stamp(day, window),
    })  # fmt: skip
    return entered("campaign_accounts", rows, rows["added_at"], MARKETER)


def _planned(
    rng: np.random.Generator, names: np.ndarray, exposed: np.ndarray, window: sales.Window
) -> dict[str, pd.DataFrame]:
    """What was decided, to be done and planned for accounts of the first tier."""
    at = stamp(exposed + 5, window)
    decided = pd.DataFrame({
        "account_id": names, "text": "win the sponsor before the budget round", "owner": "sales",
        "due": window.dates(exposed + 120), "status": "accepted",
    })  # fmt: skip
    acts = pd.DataFrame({
        "account_id": names, "text": "visit with two references", "owner": "marketing",
        "due": window.dates(exposed + 60), "status": np.where(rng.random(len(names)) < 0.7, "done", "open"),
    })  # fmt: skip
    items = pd.concat([pd.DataFrame(PLAN_ITEMS)] * len(names), ignore_index=True) if len(names) else pd.DataFrame()
    each = np.repeat(np.arange(len(names)), len(PLAN_ITEMS))
    plan = items.assign(
        account_id=names[each], start=window.dates(exposed[each]), end=window.dates(exposed[each] + 180), owner="M01"
    )
    return {
        "workshop_decisions": entered("workshop_decisions", decided, at, MARKETER),
        "workshop_actions": entered("workshop_actions", acts, at, MARKETER),
        "plan_items": entered("plan_items", plan, at[each].reset_index(drop=True), MARKETER)
        if len(names)
        else schema.empty("plan_items"),
    }


def _tested(
    rng: np.random.Generator, buyers: pd.DataFrame, names: np.ndarray, reached: np.ndarray, window: sales.Window
) -> pd.DataFrame:
    """Which message of a test the accounts reached were drawn to get; nothing follows from it yet."""
    persona, arm = rng.random((2, len(buyers)))
    day = buyers["exposed"].to_numpy()[reached] + 2
    message = 3 * (persona[reached] * len(catalogue.PERSONAS)).astype(int) + buyers["main"].to_numpy()[reached] + 1
    rows = pd.DataFrame({
        "test_id": "MT1", "message_id": [f"M{m:02d}" for m in message], "account_id": names[reached],
        "arm": np.where(arm[reached] < 0.5, "A", "B"), "assigned_at": stamp(day, window),
    })[day < window.days]  # fmt: skip
    return entered("message_tests", rows, rows["assigned_at"], MARKETER)


def _overridden(
    rng: np.random.Generator, buyers: pd.DataFrame, names: np.ndarray, window: sales.Window
) -> pd.DataFrame:
    """Cycles that somebody set against the rule."""
    begins = float(buying.programme_day(window))
    odd = np.flatnonzero((rng.random(len(buyers)) < OVERRIDDEN) & (buyers["created"] < begins).to_numpy())
    rows = pd.DataFrame({
        "account_id": names[odd], "product_line": np.array(LINES, dtype=object)[buyers["main"].to_numpy()[odd]],
        "cycle": "mid", "reason": "buys through a panel of users",
    })  # fmt: skip
    return entered("cycle_overrides", rows, stamp(np.array([begins]), window)[0], SALES_LEAD)


def _delivered(names: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """The dossiers of accounts of the first tier, given to sales half a year before the end."""
    day = float(window.days - 181)
    names = names if day > buying.programme_day(window) else names[:0]
    rows = pd.DataFrame({
        "account_id": names, "run_id": f"{window.dates(np.array([day - 1]))[0]}_1", "delivered_to": "S01",
        "delivered_at": stamp(np.full(len(names), day), window),
    })  # fmt: skip
    return entered("dossier_deliveries", rows, rows["delivered_at"], MARKETER)


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
