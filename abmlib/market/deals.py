"""The deals of a block: when they open, how they end, how they move, and what follows: who becomes a customer of what.

Times are working time (`clock`) unless called days. Accounts are positions in their block, lines positions in `LINES`.
Whatever chance decides of a deal is drawn with the deal before it is known whether it opens, so that a switch changes
what it is about and nothing else.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from abmlib.market import buyers as buying
from abmlib.market import clock, sales
from abmlib.market.chance import Chance, pick
from abmlib.market.companies import SELLERS
from abmlib.market.sales import LINES
from abmlib.market.switches import Switches

STAGES = ("Qualified", "Discovery", "Proposal", "Negotiation")
WON, LOST = "Won", "Lost"
CRM = (0.10, 0.25, 0.50, 0.75)  # the CRM's own probability in each stage: set by hand once, and wrong
MODELS = ("field", "inside", "self_serve")
COMPETITORS = ("Brantel", "Corvane", "Dovrell", "Keshmore", "Ostrand")
REASONS = ("price", "no decision", "no budget", "timing", "product fit")

# By position of the line: services, software, office supplies
RATE = {  # deals a year of a typical account: without business, for a further line, within a line
    "new": np.array([0.9, 1.1, 1.1]),
    "cross": np.array([0.05, 0.12, 0.12]),
    "expansion": np.array([1.5, 0.9, 0.7]),
}
OTHERWISE = np.array([0.7, 1.5, 3.0])  # the last of these for a line bought in another cycle than its own, by cycle
MOST_RATE = np.array([9.0, 7.0, 6.0])  # deals a year no account goes beyond
WIN = np.array([0.42, 0.46, 0.52])  # chance to win of an average seller, renewals aside
CYCLE = np.array([215.0, 105.0, 26.0])  # typical days to a win
VALUE = np.array([260_000.0, 52_000.0, 9_000.0])  # typical amount, software by the year
VALUE_SPREAD = np.array([0.8, 0.7, 0.7])  # sd of its logarithm
ROUND = np.array([1_000.0, 100.0, 10.0])  # what an amount is rounded to
PARETO = 1.3  # tail index of amounts with a heavy tail
OWN_MODEL = {"inside": np.array([0.05, 0.45, 0.65]), "self_serve": np.array([0.0, 0.10, 0.25])}

LUCK = 0.5  # sd of what else moves the log-odds to win
HURT = {"stalled": 1.6, "too_fast": 1.2}  # what being so takes from the log-odds to win
SKILL = np.array([0.25, -1.0, 0.75, -0.5, 0.0, 1.0, -0.25, 0.5, -0.75])  # of the sellers, from -1 to 1
OWN_SELLER = 0.7  # share of deals led by the seller of the account
LOST_IN = (0.28, 0.30, 0.25, 0.17)  # share of lost deals by the stage they are lost in
CYCLE_SPREAD, STAGE_SPREAD = 0.35, 0.35  # sd of the logarithm of the time of a deal, and of each of its stages
PARTS = (0.20, 0.30, 0.30, 0.20)  # share of a won deal's time by stage
LINGER = 2.0  # factor on the time in the stage a deal is lost in
STALL = 7.0  # factor on the time in the stage a deal stalls in
HASTE = 0.2  # factor on the time in each stage of a deal that goes too fast
SKIPPED = (0.0, 0.07, 0.05, 0.0)  # share of deals that skip a stage
RUSH = {True: 0.65, False: 0.35}  # share of won and lost deals drawn to the quarter's end, when it is near
RUSH_WITHIN, RUSH_LAST = 22, 6  # near in days of work, and the last days they close in

UNDER_CONTRACT = 0.8  # share of software customers whose contract is renewed by a deal
TERMS, TERM_SHARE = np.array([12, 24, 36]), np.array([0.55, 0.20, 0.25])  # months of a contract
RENEWAL_CYCLE = 75.0  # typical days of a renewal deal
RENEW = 0.90  # chance to renew without trouble
TROUBLES = ("escalation", "sponsor_left", "low_value")
TROUBLED = 0.22  # share of renewals that each trouble precedes
GONE = 2.0  # log-odds to renew lost where all of the business has gone
KEYS = 1_000  # keys of renewals are negative, so many apart by term
SETTLE = 20  # days of business before a customer is offered more

PUSHES = {  # share of deals whose closing day is pushed so many times
    "won": (0.58, 0.27, 0.10, 0.04, 0.01),
    "lost": (0.30, 0.31, 0.22, 0.12, 0.05),
    "stalled": (0.0, 0.0, 0.40, 0.35, 0.25),
}
EVEN = (
    "thin", "own", "other", "won", "last", "slow", "skip 1", "skip 2", "rush", "late", "stall", "fast", "tail", "part",
    "grown", "given", "how far", "term", "model", "rival", "who", "why", "lost to", "pushed", "fair 1", "fair 2",
    "fair 3", "fair 4", "neglect", "how long", "imported", "left",
)  # fmt: skip
NORMAL = ("luck", "pace", "stage 0", "stage 1", "stage 2", "stage 3", "value", "growth", "final")


def deals(
    chance: Chance, buyers: pd.DataFrame, firms: pd.DataFrame, window: sales.Window, switches: Switches
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All deals of a full block, and what they make of its accounts.

    Deals open at each account's own rate, and are won with their true chance, whatever comes later. The first won deal
    makes a customer of an account that is none, and the first won deal for a further line a customer of that line.
    A lost renewal ends the software of an account.

    Returns
    -------
    found : DataFrame, one row per deal, also of those before the window; by account and opening
        ``account``, ``line``, ``type``, ``seller``; ``opens``, ``closes``, ``in 0`` … ``in 3`` (stage entered; missing
        where it was not), ``stalls`` and ``moves``; ``won``, ``last`` (stage it closes from), ``p`` and ``p without``
        (true chance to win at opening, and the same had there been no programme), ``caused`` (opened by the programme),
        ``size factor`` (of the programme on the amount), ``cycle`` (typical days to a win), ``stalled``, ``too_fast``,
        ``sales_model``, ``term_months``, ``amount 0`` … ``amount 2``, ``loss_reason``, ``competitor``, ``trouble 0`` …
        ``trouble 2`` (of a renewal), ``like`` (position of the cycle it is bought in) and what `crm` draws on.
    held : DataFrame, one row per account
        ``from 0`` … ``from 2`` and ``until 0`` … (days of business in each line; missing = never), ``begun``, ``stops``;
        of software ``yearly`` (value at its start), ``term`` (months) and ``contract`` (is it under one).
    contracts : DataFrame, one row per term of a software contract
        ``account``, ``nth``, ``start`` and ``end`` (days), ``months``, ``yearly`` (value at its start), ``renewed``
        (its true end, which may lie after the window), and the ``key`` of the deal that renews or ends it.
    """
    drawn = _candidates(chance.of("deals"), buyers, window, switches)
    drawn = _moved(_valued(_ended(drawn, buyers, firms, switches), buyers, switches), buyers, window)
    opened, held = _begun(drawn, buyers, window)
    opened, held = _further(opened, drawn, buyers, held, window)
    renewals, contracts, held = _renewed(chance, opened, held, buyers, firms, window, switches)
    more = _within(drawn, buyers, held, window)
    found = pd.concat([opened, more, renewals], ignore_index=True)
    found["type"] = found["type"].astype("str")
    return found.sort_values(["account", "opens", "key"], kind="stable", ignore_index=True), held, contracts


def calendar_day(window: sales.Window, time: np.ndarray) -> np.ndarray:
    """Turn working time into days of the window; a missing time into a missing day."""
    days = clock.days(window, time)
    whole = (days - window.start).astype("timedelta64[D]").astype(float)
    return np.where(np.isnat(days), np.nan, whole)


def _candidates(
    rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, switches: Switches
) -> pd.DataFrame:
    """Times at which a deal may open, at the highest rate there is, each with all that chance decides of it."""
    years = (window.days + buying.BEFORE) / sales.YEAR
    first, end = clock.working(window, np.array([-float(buying.BEFORE)]))[0], clock.length(window)
    n, lines = len(buyers), len(LINES)
    count = rng.poisson(np.tile(MOST_RATE * years, n))
    pair = np.repeat(np.arange(n * lines), count)
    at = first + rng.random(len(pair)) * (end - first)
    even, normal = rng.random((len(pair), len(EVEN))), rng.standard_normal((len(pair), len(NORMAL)))
    account, line = np.divmod(pair, lines)
    day = calendar_day(window, at)
    drift = np.where(day > buying.TURNS * window.days, 1, 0)
    logs = buying.opening(buyers, account, line, day, 1 - 2 * switches.drift * drift)
    factor = np.exp(logs + 0.2 * buyers["size"].to_numpy()[account])
    factor = factor * np.where(buyers["keen"], 1.0, buying.COLD_OPENS)[account]
    like = buyers[[f"like {k}" for k in range(lines)]].to_numpy()[account, line]
    lift = buying.ramp(buyers, account, day)
    with_it = factor * (1 + buying.effect(switches, "creation")[line] * lift)
    rate = np.maximum.reduce([_rate(what, line, like) for what in RATE])
    keep = even[:, 0] * MOST_RATE[line] < rate * with_it
    out = pd.DataFrame(np.hstack([even, normal])[keep], columns=[*EVEN, *NORMAL])
    out = out.assign(
        key=np.flatnonzero(keep), account=account[keep], line=line[keep], at=at[keep], day=day[keep], lift=lift[keep],
        like=like[keep], typical=switches.pace * CYCLE[like[keep]],
    )  # fmt: skip
    return out.assign(factor=with_it[keep], without=factor[keep]).sort_values(["account", "at"], ignore_index=True)


def _rate(what: str, line: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Deals a year of a kind of a typical account, by line and the cycle it is bought in."""
    usual = RATE[what][line]
    return np.where(like == line, usual, OTHERWISE[like]) if what == "expansion" else usual


def _opens(drawn: pd.DataFrame, what: str, left: float | np.ndarray = 1.0) -> np.ndarray:
    """Which candidates open as deals of a kind; `left` is the share of the account's business we still have."""
    line = drawn["line"].to_numpy()
    rate = _rate(what, line, drawn["like"].to_numpy())
    return drawn["thin"].to_numpy() * MOST_RATE[line] < rate * drawn["factor"].to_numpy() * left


def _caused(drawn: pd.DataFrame, what: str, left: float | np.ndarray = 1.0) -> np.ndarray:
    """Which of them would not have opened without the programme."""
    line = drawn["line"].to_numpy()
    rate = _rate(what, line, drawn["like"].to_numpy())
    return drawn["thin"].to_numpy() * MOST_RATE[line] >= rate * drawn["without"].to_numpy() * left


def _ended(drawn: pd.DataFrame, buyers: pd.DataFrame, firms: pd.DataFrame, switches: Switches) -> pd.DataFrame:
    """Add the seller, the true chance to win, and the end."""
    account, line = drawn["account"].to_numpy(), drawn["line"].to_numpy()
    own = firms["owner_id"].str[1:].astype(int).to_numpy() - 1
    seller = np.where(drawn["own"] < OWN_SELLER, own[account], (drawn["other"] * SELLERS).astype(int))
    stalled = (drawn["stall"] < switches.stalled).to_numpy()
    too_fast = (drawn["fast"] < switches.too_fast).to_numpy() & ~stalled
    odds = logit(WIN)[line] + 2 * switches.seller_spread * SKILL[seller] + LUCK * drawn["luck"].to_numpy()
    odds = odds - switches.rivals + np.where(buyers["keen"], 0.0, -buying.COLD_LOSES)[account]
    odds = odds + buyers["luck"].to_numpy()[account]
    odds = odds - HURT["stalled"] * stalled - HURT["too_fast"] * too_fast
    odds = odds + switches.confounding_latent * buying.LATENT_WINS * buyers["latent"].to_numpy()[account]
    gained = 4 * buying.effect(switches, "win")[line] * drawn["lift"].to_numpy()
    p = expit(odds + gained)
    return drawn.assign(
        seller=seller, stalled=stalled, too_fast=too_fast, p=p, won=(drawn["won"] < p).to_numpy(),
        **{"p without": expit(odds)},
    )  # fmt: skip


def _valued(drawn: pd.DataFrame, buyers: pd.DataFrame, switches: Switches) -> pd.DataFrame:
    """Add amounts, terms, the way a deal is sold, and why it is lost and to whom."""
    account, line = drawn["account"].to_numpy(), drawn["line"].to_numpy()
    software = line == LINES.index(sales.SOFTWARE)
    term = TERMS[pick(drawn["term"].to_numpy(), TERM_SHARE)]
    typical, spread = VALUE[drawn["like"]], VALUE_SPREAD[drawn["like"]]
    value = typical * np.exp(spread * drawn["value"].to_numpy())
    pareto = typical * (1 - drawn["part"].to_numpy()) ** (-1 / PARETO)
    value = np.where(drawn["tail"] < switches.heavy_tails, np.minimum(pareto, 200 * typical), value)
    lift = 1 + buying.effect(switches, "size")[line] * drawn["lift"].to_numpy()
    driven = buying.amount(buyers, account, drawn["day"].to_numpy())
    value = value * buyers["scale"].to_numpy()[account] * np.exp(driven) * lift
    return _described(drawn.assign(term_months=np.where(software, term, np.nan), value=value, **{"size factor": lift}))


def _described(drawn: pd.DataFrame) -> pd.DataFrame:
    """Add the amounts of a deal of yearly or plain ``value``, and how it is sold and lost."""
    like, software = drawn["like"].to_numpy(), drawn["term_months"].notna().to_numpy()
    value = drawn["value"].to_numpy() * np.where(software, drawn["term_months"].to_numpy() / 12, 1.0)
    grown = np.where(drawn["grown"] < 0.45, np.exp(0.25 * drawn["growth"].to_numpy()), 1.0)
    given = np.where(drawn["given"] < 0.25, 1 - 0.15 * drawn["how far"].to_numpy(), 1.0)
    steps = [
        np.maximum(np.round(v / ROUND[like]), 1) * ROUND[like] for v in (value, value * grown, value * grown * given)
    ]
    alone, inside = OWN_MODEL["self_serve"][like], OWN_MODEL["inside"][like]
    lot = drawn["model"].to_numpy()
    model = np.select([lot < alone, lot < alone + inside], [MODELS[2], MODELS[1]], MODELS[0])
    rival = drawn["rival"].to_numpy() < np.where(model == MODELS[2], 0.05, 0.45)
    who = np.array(COMPETITORS)[(drawn["who"].to_numpy() * len(COMPETITORS)).astype(int)]
    why = np.array(REASONS)[pick(drawn["why"].to_numpy(), np.array([0.26, 0.34, 0.16, 0.14, 0.10]))]
    why = np.where(rival & (drawn["lost to"] < 0.5).to_numpy(), "competitor", why)
    return drawn.assign(
        sales_model=model,
        competitor=pd.Series(who, dtype="str", index=drawn.index).where(rival),
        loss_reason=pd.Series(why, dtype="str", index=drawn.index).where(~drawn["won"]),
        **{f"amount {k}": v for k, v in enumerate(steps)},
    )


def _moved(drawn: pd.DataFrame, buyers: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """Add when each stage is entered and the deal closed."""
    n, won = len(drawn), drawn["won"].to_numpy()
    stalled, too_fast = drawn["stalled"].to_numpy(), drawn["too_fast"].to_numpy()
    cycle = drawn["typical"].to_numpy() * np.exp(0.1 * buyers["size"].to_numpy()[drawn["account"]])
    own = clock.WORKING * cycle * np.exp(CYCLE_SPREAD * drawn["pace"].to_numpy())
    noise = drawn[[f"stage {k}" for k in range(len(STAGES))]].to_numpy()
    time = own[:, None] * np.array(PARTS) * np.exp(STAGE_SPREAD * noise)
    last = np.where(won, len(STAGES) - 1, pick(drawn["last"].to_numpy(), np.array(LOST_IN)))
    slow = np.floor(drawn["slow"].to_numpy() * (last + 1)).astype(int)
    stage = np.arange(len(STAGES))
    lots = np.stack([np.ones(n), drawn["skip 1"].to_numpy(), drawn["skip 2"].to_numpy(), np.ones(n)], axis=1)
    skip = lots < np.where(too_fast[:, None], [0.0, 1.0, 0.5, 0.0], SKIPPED)
    skip &= (stage != last[:, None]) & ~((stage == slow[:, None]) & stalled[:, None])
    time = time * np.where(~won[:, None] & (stage == last[:, None]), LINGER, 1.0)
    time = time * np.where(stalled[:, None] & (stage == slow[:, None]), STALL, 1.0)
    time = time * np.where(too_fast, HASTE, 1.0)[:, None]
    time = np.where(skip | (stage > last[:, None]), 0.0, time)
    opens = drawn["at"].to_numpy()
    entered = opens[:, None] + np.cumsum(time, axis=1) - time
    closes = _rushed(drawn, opens + time.sum(axis=1), won, window)
    out = drawn.assign(
        opens=opens, closes=closes, cycle=cycle, last=last,
        stalls=np.where(stalled, entered[np.arange(n), slow], np.nan),
        moves=np.where(stalled, (entered + time)[np.arange(n), slow], np.nan),
    )  # fmt: skip
    there = ~skip & (stage <= last[:, None])
    return out.assign(**{f"in {k}": np.where(there[:, k], entered[:, k], np.nan) for k in stage})


def _rushed(drawn: pd.DataFrame, closes: np.ndarray, won: np.ndarray, window: sales.Window) -> np.ndarray:
    """Closings, of which some wait for the last days of the quarter if that is near."""
    ends = np.append(clock.quarter_ends(window), np.inf)
    end = ends[np.searchsorted(ends, closes)]
    near = (drawn["rush"].to_numpy() < np.where(won, RUSH[True], RUSH[False])) & (end - closes < RUSH_WITHIN)
    late = end + 0.95 - RUSH_LAST * drawn["late"].to_numpy()
    return np.where(near, np.maximum(closes, late), closes)


def _until_won(rows: pd.DataFrame, by: list[str]) -> np.ndarray:
    """Which rows come before or are the first won of their group; rows are in order of opening."""
    won = rows["won"].astype(int)
    return (won.groupby([rows[c] for c in by]).cumsum() - won == 0).to_numpy()


def _begun(drawn: pd.DataFrame, buyers: pd.DataFrame, window: sales.Window) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The deals of accounts without business for their main line, up to the first won, and since when all are customers."""
    account = drawn["account"].to_numpy()
    main = buyers["main"].to_numpy()
    known = clock.working(window, buyers["created"].to_numpy()) + 1
    begun = buyers["begun"].to_numpy()
    yet = np.where(np.isnan(begun), np.inf, begun)
    able = (drawn["line"] == main[account]).to_numpy() & (drawn["at"] >= known[account]).to_numpy()
    able &= (drawn["day"] < yet[account] - 30).to_numpy() & (yet[account] > 0)
    new = drawn[able & _opens(drawn, "new")]
    new = new.assign(type="new", caused=_caused(new, "new"))
    new = new[_until_won(new, ["account"])]
    first = new[new["won"]].set_index("account")
    closes = pd.Series(calendar_day(window, first["closes"].to_numpy()) + 3, index=first.index)
    begun = np.fmin(begun, closes.reindex(range(len(buyers))).to_numpy())  # or without a deal, if that came first
    stops = np.maximum(begun, 0) + buyers["lifetime"].to_numpy()
    held = pd.DataFrame({"begun": begun, "stops": stops})
    for k in range(len(LINES)):
        held[f"from {k}"] = np.where(buyers[f"also {k}"], begun, np.nan)
        held[f"until {k}"] = stops
    return new, held


def _further(
    opened: pd.DataFrame, drawn: pd.DataFrame, buyers: pd.DataFrame, held: pd.DataFrame, window: sales.Window
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The deals for a line a customer has none of, up to the first won, and since when it has that line."""
    account, line = drawn["account"].to_numpy(), drawn["line"].to_numpy()
    start, stops = held["begun"].to_numpy()[account], held["stops"].to_numpy()[account]
    has = buyers[[f"also {k}" for k in range(len(LINES))]].to_numpy()[account, line]
    left = buying.business_left(buyers, account, drawn["day"].to_numpy())
    day = drawn["day"].to_numpy()
    able = ~has & (day >= start + 3 * SETTLE) & (day < stops - 1.5 * drawn["typical"].to_numpy())
    rows = drawn.assign(caused=_caused(drawn, "cross", left))[able & _opens(drawn, "cross", left)]
    rows = rows.assign(type="expansion")
    rows = rows[_until_won(rows, ["account", "line"])]
    won = rows[rows["won"]]
    for k in range(len(LINES)):
        theirs = won[won["line"] == k].set_index("account")
        since = pd.Series(calendar_day(window, theirs["closes"].to_numpy()) + 3, index=theirs.index)
        since = since.reindex(range(len(buyers))).to_numpy()
        held[f"from {k}"] = np.where(np.isnan(held[f"from {k}"]), since, held[f"from {k}"])
    return pd.concat([opened, rows], ignore_index=True), held


def _within(drawn: pd.DataFrame, buyers: pd.DataFrame, held: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """The deals for more of a line that an account has."""
    account, line, day = (drawn[c].to_numpy() for c in ("account", "line", "day"))
    lines = range(len(LINES))
    since = held[[f"from {k}" for k in lines]].to_numpy()[account, line]
    until = held[[f"until {k}" for k in lines]].to_numpy()[account, line]
    left = buying.business_left(buyers, account, day)
    able = (day >= since + SETTLE) & (day < until - 1.5 * drawn["typical"].to_numpy())
    rows = drawn.assign(caused=_caused(drawn, "expansion", left))[able & _opens(drawn, "expansion", left)]
    return rows.assign(type="expansion")


def _renewed(
    chance: Chance,
    opened: pd.DataFrame,
    held: pd.DataFrame,
    buyers: pd.DataFrame,
    firms: pd.DataFrame,
    window: sales.Window,
    switches: Switches,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The deals that renew software contracts, the terms of these, and until when each account has software."""
    soft = LINES.index(sales.SOFTWARE)
    rng = chance.of("contracts")
    n, most = len(buyers), (window.days + buying.BEFORE) // 360 + 2
    everyone = np.arange(n)
    under, term_lot = rng.random((2, n))
    start, like = held[f"from {soft}"].to_numpy(), buyers[f"like {soft}"].to_numpy()
    base = VALUE[like] * np.exp(VALUE_SPREAD[like] * rng.standard_normal(n)) * buyers["scale"].to_numpy()
    first = opened[opened["won"] & (opened["line"] == soft)].drop_duplicates("account").set_index("account")
    bought = (first["amount 2"] / (first["term_months"] / 12)).reindex(range(n)).to_numpy()
    months = first["term_months"].reindex(range(n)).fillna(pd.Series(TERMS[pick(term_lot, TERM_SHARE)])).to_numpy()
    origin = np.floor(np.where(np.isnan(start), 0, start))
    base = base * np.exp(buying.amount(buyers, everyone, origin))
    yearly = np.round(np.where(np.isnan(bought), base, bought), -2) + 100
    own = firms["owner_id"].str[1:].astype(int).to_numpy() - 1
    held["contract"] = ~np.isnan(start) & (under < UNDER_CONTRACT)
    alive, begins = ~np.isnan(start) & (under < UNDER_CONTRACT), origin
    until = np.where(alive, np.inf, held[f"until {soft}"].to_numpy())
    lots = rng.random((most, n, len(EVEN) + len(TROUBLES))), rng.standard_normal((most, n, len(NORMAL)))
    terms, rows = [], []
    for nth in range(1, most + 1):
        alive = alive & (begins < window.days)
        due = (sales.add_months(window.dates(origin), (nth * months).astype(int)) - window.start).astype(float)
        trouble = lots[0][nth - 1][:, len(EVEN) :] < TROUBLED
        odds = logit(RENEW) - switches.renewal_drivers * trouble.sum(axis=1) + buyers["luck"].to_numpy()
        p = expit(odds - GONE * (1 - buying.business_left(buyers, everyone, due)))
        table = pd.DataFrame(np.hstack([lots[0][nth - 1][:, : len(EVEN)], lots[1][nth - 1]]), columns=[*EVEN, *NORMAL])
        won, key = table["won"].to_numpy() < p, -(nth * KEYS + everyone)
        terms.append(pd.DataFrame({
            "account": everyone, "nth": nth, "start": begins, "end": due, "months": months,
            "yearly": yearly * sales.RISE ** (nth - 1), "renewed": won, "key": key,
        })[alive])  # fmt: skip
        table = table.assign(
            account=everyone, line=soft, at=0.0, day=due, lift=0.0, seller=own, stalled=False, too_fast=False, p=p,
            won=won, type="renewal", caused=False, value=yearly * sales.RISE**nth, term_months=months, key=key, like=like,
            typical=switches.pace * RENEWAL_CYCLE,
            **{"p without": p, "size factor": 1.0} | {f"trouble {k}": trouble[:, k] for k in range(len(TROUBLES))},
        )  # fmt: skip
        rows.append(_before(_moved(_described(table), buyers, window), due, buyers, window)[alive])
        until = np.where(alive & ~won, due, until)
        alive, begins = alive & won, due
    held["yearly"], held["term"], held["until 1"] = yearly, months, until
    return pd.concat(rows, ignore_index=True), pd.concat(terms, ignore_index=True), held


def _before(rows: pd.DataFrame, due: np.ndarray, buyers: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """Move renewals so that they close in the days before the term they renew ends, and open after the account is known."""
    closes = clock.working(window, due) - 0.1 - 8 * rows["late"].to_numpy()
    known = clock.working(window, buyers["created"].to_numpy())[rows["account"]] + 1
    life = rows["closes"].to_numpy() - rows["opens"].to_numpy()
    life = np.minimum(life, np.maximum(closes - known, 0.5))
    old = rows["closes"].to_numpy() - rows["opens"].to_numpy()
    out = rows.assign(opens=closes - life, closes=closes)
    for column in [f"in {k}" for k in range(len(STAGES))]:
        out[column] = out["opens"] + (rows[column] - rows["opens"]) * life / old
    return out
