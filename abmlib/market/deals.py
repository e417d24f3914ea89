"""The deals of a block: when they open, how they move from stage to stage, how they end, and what the CRM kept of it.

Times are working time (`clock`). Accounts are positions in their block.
"""

from typing import Any

import numpy as np
import pandas as pd

from abmlib.market import clock, sales
from abmlib.market.companies import SELLERS, pick

STAGES = ("Qualified", "Discovery", "Proposal", "Negotiation")
WON, LOST = "Won", "Lost"
CRM = (0.10, 0.25, 0.50, 0.75)  # the CRM's own probability in each stage: set by hand once, and wrong
TYPES = ("new", "expansion", "renewal")
MODELS = ("field", "inside", "self_serve")
COMPETITORS = ("Brantel", "Corvane", "Dovrell", "Keshmore", "Ostrand")
REASONS = ("price", "no decision", "no budget", "timing", "product fit")

WIN = {  # chance to win a deal of an average seller, by type and line
    "new": {sales.SERVICES: 0.42, sales.SOFTWARE: 0.48, sales.OFFICE: 0.53},
    "expansion": {sales.SERVICES: 0.39, sales.SOFTWARE: 0.44, sales.OFFICE: 0.50},
}
LUCK = 0.5  # sd of what else moves the log-odds to win
HURT = {"stalled": 1.6, "too_fast": 1.2}  # what being so takes from the log-odds to win
SKILL = (0.25, -1.0, 0.75, -0.5, 0.0, 1.0, -0.25, 0.5, -0.75)  # of the sellers, from the worst, -1, to the best, 1
OWN_SELLER = 0.7  # share of deals led by the seller of the account
TRIES = 8  # lots drawn for a deal whose end is settled, to find one that suits it
LOST_IN = (0.28, 0.30, 0.25, 0.17)  # share of lost deals by the stage they are lost in

CYCLE = {sales.SERVICES: 215.0, sales.SOFTWARE: 105.0, sales.OFFICE: 26.0}  # typical days to a win
RENEWAL_CYCLE = 75.0  # the same for a renewal
CYCLE_SPREAD, STAGE_SPREAD = 0.35, 0.35  # sd of the logarithm of the time of a deal, and of each of its stages
PARTS = (0.20, 0.30, 0.30, 0.20)  # share of a won deal's time by stage
LINGER = 2.0  # factor on the time in the stage a deal is lost in
STALL = 7.0  # factor on the time in the stage a deal stalls in
HASTE = 0.2  # factor on the time in each stage of a deal that goes too fast
SKIPPED = (0.0, 0.07, 0.05, 0.0)  # share of deals that skip a stage
RUSH = {True: 0.65, False: 0.35}  # share of won and lost deals drawn to the quarter's end, when it is near
RUSH_WITHIN, RUSH_LAST = 22, 6  # near in days of work, and the last days they close in

PROSPECT_RATE = 0.6  # deals a year with an account that never buys, after the first
AT_ONCE = 0.25  # share of the typical time to a win below which an account buys without a deal
EARLIER = 0.35  # share of first wins that come after a deal lost
RATE = {sales.SERVICES: 3.5, sales.SOFTWARE: 1.5, sales.OFFICE: 0.8}  # expansion deals a year of a typical account
UNDER_CONTRACT = 0.8  # share of software customers whose contract is renewed by a deal
TERMS, TERM_SHARE = np.array([12, 24, 36]), np.array([0.55, 0.20, 0.25])  # months of a contract
RENEWED, BEFORE_TERM = 180, 90  # days after its term an account must still buy, and days before it the deal opens

VALUE = {sales.SERVICES: 85_000.0, sales.SOFTWARE: 16_000.0, sales.OFFICE: 3_500.0}  # typical, software by the year
VALUE_SPREAD = {sales.SERVICES: 0.9, sales.SOFTWARE: 0.8, sales.OFFICE: 0.9}  # sd of its logarithm
ROUND = {sales.SERVICES: 500.0, sales.SOFTWARE: 100.0, sales.OFFICE: 10.0}  # what an amount is rounded to
PUSHES = {  # share of deals whose closing day is pushed so many times
    "won": (0.58, 0.27, 0.10, 0.04, 0.01),
    "lost": (0.30, 0.31, 0.22, 0.12, 0.05),
    "stalled": (0.0, 0.0, 0.40, 0.35, 0.25),
}
WITHOUT = {"account_id": 0.02, "amount": 0.04, "created_at": 0.01}  # share of open deals that lack it


def deals(
    seeds: list[np.random.SeedSequence],
    buyers: pd.DataFrame,
    seller: np.ndarray,
    window: sales.Window,
    lifetime: float,
    planted: dict[str, float],
) -> pd.DataFrame:
    """All deals opened in the window, by account and opening, to their true end, which may lie after the window.

    A customer whose business begins in the window has won its first deal just before; a prospect wins none; a renewal
    is won if the account goes on to buy. These ends are settled, and what led to them is drawn to suit; all other ends
    are drawn. So the true chances hold in either case.

    Parameters
    ----------
    seeds : one for each of when deals open, how they end, and what they are worth.
    buyers : as `sales.lines`, with ``size``, ``created`` (day), ``prospect`` and ``product_line``.
    seller : position of each account's own seller.
    lifetime : mean days of an account's business.
    planted : shares ``stalled`` and ``too_fast`` of deals, first wins and renewals aside; ``seller_spread``, the
        difference in chance of the best and worst seller where the chance is one in two.

    Returns
    -------
    DataFrame, one row per deal
        ``account``, ``product_line``, ``type``, ``seller``; ``opens``, ``closes``, ``in 0`` … ``in 3`` (stage entered;
        missing where it was not), ``stalls`` and ``moves`` (from when to when it is stalled); ``won``, ``last`` (stage
        it closes from), ``p`` (true chance to win at opening), ``cycle`` (typical days to a win), ``stalled``,
        ``too_fast``; ``sales_model``, ``term_months``, ``amount 0`` … ``amount 2`` (at opening, from Proposal, from
        Negotiation), ``loss_reason``, ``competitor``.
    """
    when, how, worth = (np.random.default_rng(seed) for seed in seeds)
    found = _opened(when, buyers, window, lifetime)
    found = _ended(how, _planted(how, found, planted), seller, planted["seller_spread"])
    found = _moved(how, found, buyers, window)
    begun = (found["opens"] >= 0) & (found["opens"] < clock.length(window))
    found = _valued(worth, found, buyers)[begun]
    return found.sort_values(["account", "opens"], kind="stable", ignore_index=True)


def every(share: float, able: np.ndarray, start: float) -> np.ndarray:
    """Choose `share` of the rows that are `able`, evenly over them, so that any first part has its share too.

    Examples
    --------
    >>> every(0.5, np.array([True, True, False, True, True]), 0.0).tolist()
    [False, True, False, False, True]
    """
    nth = np.cumsum(able)
    return able & (np.floor(nth * share + start) > np.floor((nth - 1) * share + start))


def _opened(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, lifetime: float) -> pd.DataFrame:
    """Deals with the time they open or close, whether their end is settled, and the working time they have at most."""
    known = clock.working(window, buyers["created"].to_numpy()) + 1  # the day of work after the account's record
    first = _first(rng, buyers, window, known)
    parts = [first, _earlier(rng, first, known), _prospects(rng, buyers, window)]
    parts += [_expansions(rng, buyers, window, line) for line in sales.LINES]
    found = pd.concat([*parts, _renewals(rng, buyers, window, lifetime)], ignore_index=True)
    found["not_before"] = known[found["account"]]
    return found.sort_values(["account", "at"], kind="stable", ignore_index=True)


def _rows(account: np.ndarray, at: np.ndarray, line: str | np.ndarray, kind: str, **more: Any) -> pd.DataFrame:
    """Deals that open at a time; unless said otherwise their end is not settled and they have all the time."""
    common: dict[str, Any] = {
        "at": at, "product_line": line, "type": kind, "settled": np.nan, "ends": False, "room": np.inf, "p": np.nan,
        "term_months": np.nan,
    }  # fmt: skip
    return pd.DataFrame({"account": account} | common | more)


def _first(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, known: np.ndarray) -> pd.DataFrame:
    """The deal each customer won before its first purchase in the window, unless it came to buy at once."""
    who = np.flatnonzero(~buyers["prospect"] & buyers["starts"].between(0, window.days - 1))
    begins = clock.working(window, buyers["starts"].to_numpy()[who])
    at = begins - 0.1 - np.minimum(5 * rng.random(len(who)), 0.4 * (begins - known[who] + 1))
    line, room = buyers["product_line"].to_numpy()[who], at - known[who]
    rows = _rows(who, at, line, "new", settled=1.0, ends=True, room=room)
    return rows[room > AT_ONCE * clock.WORKING * rows["product_line"].map(CYCLE)]


def _earlier(rng: np.random.Generator, first: pd.DataFrame, known: np.ndarray) -> pd.DataFrame:
    """The deal that some customers lost to us before the first they won."""
    some = first[(rng.random(len(first)) < EARLIER) & (first["room"] > 10)]
    at = known[some["account"]] + rng.random(len(some))
    room = 0.6 * some["room"].to_numpy()
    return _rows(some["account"].to_numpy(), at, some["product_line"].to_numpy(), "new", settled=0.0, room=room)


def _prospects(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """One deal or more with each account that never buys."""
    who = np.flatnonzero(buyers["prospect"])
    begins = np.maximum(buyers["created"].to_numpy()[who] + 4, 0)
    count = 1 + rng.poisson(PROSPECT_RATE * np.maximum(window.days - begins, 0) / sales.YEAR)
    at = _spread(rng, window, np.repeat(begins, count), np.full(count.sum(), float(window.days)))
    who = np.repeat(who, count)
    return _rows(who, at, buyers["product_line"].to_numpy()[who], "new", settled=0.0)


def _expansions(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, line: str) -> pd.DataFrame:
    """Deals for more business with the customers of a line, while they are customers."""
    who = np.flatnonzero(buyers[line])
    begins = np.maximum(buyers["starts"].to_numpy()[who] + 20, 0)
    ends = np.fmin(buyers["stops"].to_numpy()[who] - 1.5 * CYCLE[line], window.days)
    pace = RATE[line] * np.exp(0.25 * buyers["size"].to_numpy()[who])
    count = rng.poisson(pace * np.maximum(ends - begins, 0) / sales.YEAR)
    at = _spread(rng, window, np.repeat(begins, count), np.repeat(ends, count))
    return _rows(np.repeat(who, count), at, line, "expansion")


def _renewals(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, lifetime: float) -> pd.DataFrame:
    """The deal at each end of a software contract: won where the account still buys half a year later."""
    who = np.flatnonzero(buyers[sales.SOFTWARE] & (rng.random(len(buyers)) < UNDER_CONTRACT))
    term = TERMS[pick(rng.random(len(who)), TERM_SHARE)]
    starts, stops = buyers["starts"].to_numpy()[who], buyers["stops"].to_numpy()[who]
    least = int(np.nanmin(starts, initial=0.0))
    parts = []
    for nth in range(1, (window.days - least) // 360 + 2):
        due = (sales.add_months(window.dates(starts), nth * term) - window.start).astype(float)
        chance, lag = rng.random(len(who)), rng.random(len(who))
        goes_on = np.isnan(stops) & (chance < np.exp(-np.maximum(due + RENEWED - window.days, 0) / lifetime))
        keep = (due > 0) & (due < window.days + BEFORE_TERM) & ~(stops <= due - BEFORE_TERM)
        rows = _rows(
            who, clock.working(window, due) - 0.1 - 8 * lag, sales.SOFTWARE, "renewal", ends=True,
            settled=(goes_on | (stops > due + RENEWED)).astype(float),
            p=np.exp(-(RENEWED + BEFORE_TERM) / lifetime), term_months=term.astype(float),
        )  # fmt: skip
        parts.append(rows[keep])
    return pd.concat(parts)


def _spread(rng: np.random.Generator, window: sales.Window, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A working time between two days, all equally likely."""
    low, high = clock.working(window, first), clock.working(window, last)
    return low + rng.random(len(low)) * (high - low)


def _planted(rng: np.random.Generator, found: pd.DataFrame, planted: dict[str, float]) -> pd.DataFrame:
    """Choose the deals that stall and those that go too fast."""
    able = ((found["type"] != "renewal") & ~found["ends"] & np.isinf(found["room"])).to_numpy()
    stalled = every(planted["stalled"], able, rng.random())
    too_fast = every(planted["too_fast"], able, rng.random()) & ~stalled
    return found.assign(stalled=stalled, too_fast=too_fast)


def _ended(rng: np.random.Generator, found: pd.DataFrame, own: np.ndarray, spread: float) -> pd.DataFrame:
    """Add the seller, the true chance to win, and the end.

    A settled end takes the one of several lots that suits it: drawn with the chance of that end. Renewals have theirs.
    """
    shape = (len(found), TRIES)
    theirs, other = rng.random(shape) < OWN_SELLER, (rng.random(shape) * SELLERS).astype(int)
    seller = np.where(theirs, own[found["account"]][:, None], other)
    chance = np.array([WIN.get(t, WIN["new"])[x] for t, x in zip(found["type"], found["product_line"], strict=True)])
    odds = np.log(chance / (1 - chance))[:, None] + 2 * spread * np.array(SKILL)[seller]
    odds = odds + LUCK * rng.standard_normal(shape)
    for name, less in HURT.items():
        odds = odds - less * found[name].to_numpy()[:, None]
    p = 1 / (1 + np.exp(-odds))
    settled, first = found["settled"].to_numpy()[:, None], np.arange(TRIES) == 0
    free = np.isnan(settled) | (found["type"] == "renewal").to_numpy()[:, None]
    weight = np.where(free, first, np.where(settled == 1, p, 1 - p))
    total = np.cumsum(weight, axis=1)
    taken = (total > rng.random((len(found), 1)) * total[:, -1:]).argmax(axis=1)
    row = np.arange(len(found))
    p, drawn = found["p"].fillna(pd.Series(p[row, taken])), rng.random(len(found))
    won = np.where(found["settled"].isna(), drawn < p, found["settled"] == 1)
    return found.assign(seller=seller[row, taken], p=p, won=won)


def _moved(rng: np.random.Generator, found: pd.DataFrame, buyers: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """Add when each stage is entered and the deal closed; what would be won after an account has stopped is lost."""
    n, won = len(found), found["won"].to_numpy()
    stalled, too_fast = found["stalled"].to_numpy(), found["too_fast"].to_numpy()
    typical = np.where(found["type"] == "renewal", RENEWAL_CYCLE, found["product_line"].map(CYCLE).to_numpy())
    cycle = typical * np.exp(0.1 * buyers["size"].to_numpy()[found["account"]])
    own = clock.WORKING * cycle * np.exp(CYCLE_SPREAD * rng.standard_normal(n))
    time = own[:, None] * np.array(PARTS) * np.exp(STAGE_SPREAD * rng.standard_normal((n, len(STAGES))))
    last = np.where(won, len(STAGES) - 1, pick(rng.random(n), np.array(LOST_IN)))
    slow = np.floor(rng.random(n) * (last + 1)).astype(int)
    stage = np.arange(len(STAGES))
    skip = rng.random((n, len(STAGES))) < np.where(too_fast[:, None], [0.0, 1.0, 0.5, 0.0], SKIPPED)
    skip &= (stage != last[:, None]) & ~((stage == slow[:, None]) & stalled[:, None])
    time = time * np.where(~won[:, None] & (stage == last[:, None]), LINGER, 1.0)
    time = time * np.where(stalled[:, None] & (stage == slow[:, None]), STALL, 1.0)
    time = time * np.where(too_fast, HASTE, 1.0)[:, None]
    time = np.where(skip | (stage > last[:, None]), 0.0, time)
    time = time * np.minimum(1.0, found["room"].to_numpy() / time.sum(axis=1))[:, None]
    opens = found["at"].to_numpy() - np.where(found["ends"], time.sum(axis=1), 0.0)
    opens = np.where(found["type"] == "renewal", np.maximum(opens, found["not_before"]), opens)
    closes = np.maximum(opens + time.sum(axis=1), np.where(found["ends"], found["at"], -np.inf))
    entered = opens[:, None] + np.cumsum(time, axis=1) - time
    closes = np.where(found["ends"] | np.isfinite(found["room"]), closes, _rushed(rng, closes, won, window))
    stops = clock.working(window, np.where(np.isnan(s := buyers["stops"].to_numpy()), 9999, s))[found["account"]]
    out = found.assign(
        opens=opens, closes=closes, cycle=cycle, last=last, won=won & ((closes < stops) | found["ends"]),
        stalls=np.where(stalled, entered[np.arange(n), slow], np.nan),
        moves=np.where(stalled, (entered + time)[np.arange(n), slow], np.nan),
    )  # fmt: skip
    there = ~skip & (stage <= last[:, None])
    return out.assign(**{f"in {k}": np.where(there[:, k], entered[:, k], np.nan) for k in stage})


def _rushed(rng: np.random.Generator, closes: np.ndarray, won: np.ndarray, window: sales.Window) -> np.ndarray:
    """Closings, of which some wait for the last days of the quarter if that is near."""
    ends = np.append(clock.quarter_ends(window), np.inf)
    end = ends[np.searchsorted(ends, closes)]
    drawn = (rng.random(len(closes)) < np.where(won, RUSH[True], RUSH[False])) & (end - closes < RUSH_WITHIN)
    late = end + 0.95 - RUSH_LAST * rng.random(len(closes))
    return np.where(drawn, np.maximum(closes, late), closes)


def _valued(rng: np.random.Generator, found: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Add amounts, terms, the way a deal is sold, and why it is lost and to whom."""
    n, line = len(found), found["product_line"]
    software = (line == sales.SOFTWARE).to_numpy()
    term = np.where(software, found["term_months"].fillna(pd.Series(TERMS[pick(rng.random(n), TERM_SHARE)])), np.nan)
    value = line.map(VALUE).to_numpy() * np.exp(line.map(VALUE_SPREAD).to_numpy() * rng.standard_normal(n))
    value = value * buyers["scale"].to_numpy()[found["account"]] * np.where(software, term / 12, 1.0)
    grown = np.where(rng.random(n) < 0.45, np.exp(0.25 * rng.standard_normal(n)), 1.0)
    given = np.where(rng.random(n) < 0.25, 1 - 0.15 * rng.random(n), 1.0)
    least = line.map(ROUND).to_numpy()
    steps = [np.maximum(np.round(v / least), 1) * least for v in (value, value * grown, value * grown * given)]
    inside = np.select([line == sales.SERVICES, software], [0.05, 0.45], 0.65)
    alone = np.select([line == sales.SERVICES, software], [0.0, 0.10], 0.25)
    chance = rng.random(n)
    model = np.select([chance < alone, chance < alone + inside], [MODELS[2], MODELS[1]], MODELS[0])
    rival = rng.random(n) < np.where(model == MODELS[2], 0.05, 0.45)
    who = np.array(COMPETITORS)[(rng.random(n) * len(COMPETITORS)).astype(int)]
    why = np.array(REASONS)[pick(rng.random(n), np.array([0.26, 0.34, 0.16, 0.14, 0.10]))]
    why = np.where(rival & (rng.random(n) < 0.5), "competitor", why)
    return found.assign(
        term_months=term, sales_model=model,
        competitor=pd.Series(who, dtype="str").where(rival),
        loss_reason=pd.Series(why, dtype="str").where(~found["won"]),
        **{f"amount {k}": v for k, v in enumerate(steps)},
    )  # fmt: skip


def history(rng: np.random.Generator, found: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """What the CRM noted of each deal until the window's end: one row per change, with all values from then on.

    Rows come by deal and time. Of the deals still open, a few lack their account, amount or opening, as `WITHOUT` says;
    a deal without its opening lacks the row of it too.

    Returns
    -------
    DataFrame
        ``deal`` (position in `found`), ``at``, ``changed_field``, ``stage_order`` (from 1; 5 = closed), ``amount`` and
        ``forecast`` (working time of the closing day) from then on, and of the deal ``won`` and the bool columns
        ``no account_id`` and ``no created_at``.
    """
    deal = np.arange(len(found))
    pushed, forecast = _pushes(rng, found)
    first = {"changed_field": "created", "stage_order": 1.0, "amount": found["amount 0"], "forecast": forecast[:, 0]}
    closed = {"changed_field": "stage", "stage_order": 5.0, "forecast": found["closes"]}
    parts = [pd.DataFrame({"deal": deal, "at": found["opens"]} | first)]
    for k in range(1, len(STAGES)):
        parts.append(
            pd.DataFrame({"deal": deal, "at": found[f"in {k}"], "changed_field": "stage", "stage_order": k + 1.0})
        )
    for k, stage in ((1, 2), (2, 3)):
        new = found[f"amount {k}"].where(found[f"amount {k}"] != found[f"amount {k - 1}"])
        at = found[f"in {stage}"].where(new.notna())
        parts.append(pd.DataFrame({"deal": deal, "at": at, "changed_field": "amount", "amount": new}))
    for k in range(pushed.shape[1]):
        parts.append(
            pd.DataFrame(
                {"deal": deal, "at": pushed[:, k], "changed_field": "close_date", "forecast": forecast[:, k + 1]}
            )
        )
    parts.append(pd.DataFrame({"deal": deal, "at": found["closes"]} | closed))
    noted = pd.concat([p[p["at"] < clock.length(window)] for p in parts], ignore_index=True)
    noted = noted.sort_values(["deal", "at"], kind="stable", ignore_index=True)
    noted["won"] = found["won"].to_numpy()[noted["deal"]]
    values = ["stage_order", "amount", "forecast"]
    return _with_gaps(rng, noted.assign(**{c: noted.groupby("deal")[c].ffill() for c in values}))


def _pushes(rng: np.random.Generator, found: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """When the closing day is pushed, shape (n, 4), and the day forecast at first and after each push, shape (n, 5)."""
    n, most = len(found), len(PUSHES["won"]) - 1
    opens = found["opens"].to_numpy()[:, None]
    life = np.maximum(found["closes"].to_numpy()[:, None] - opens, 0.01)
    stalled, chance = found["stalled"].to_numpy(), rng.random(n)
    draws = {name: pick(chance, np.array(shares)) for name, shares in PUSHES.items()}
    count = np.where(stalled, draws["stalled"], np.where(found["won"], draws["won"], draws["lost"]))
    count = np.minimum(count, (life[:, 0] / 3).astype(int))[:, None]
    nth = np.arange(1, most + 1)
    pushed = opens + life * (nth - 0.3 + 0.6 * rng.random((n, most))) / (count + 1)
    pushed = np.where(nth <= count, pushed, np.nan)
    soon = pushed + 1 + 0.04 * life * rng.random((n, most))  # it was forecast for shortly after the push
    final = opens + life * np.exp(0.15 * rng.standard_normal((n, 1)))
    last_push = np.max(np.where(nth <= count, pushed, opens), axis=1, keepdims=True)
    final = np.maximum(final, last_push + 2)
    forecast = np.where(np.arange(most + 1) < count, np.hstack([soon, final]), final)
    for k in range(1, most + 1):
        forecast[:, k] = np.maximum(forecast[:, k], forecast[:, k - 1] + 2)
    return pushed, forecast


def _with_gaps(rng: np.random.Generator, noted: pd.DataFrame) -> pd.DataFrame:
    """Take from a few open deals their account, their amount or their opening."""
    last = noted.drop_duplicates("deal", keep="last").set_index("deal")
    still = (last["stage_order"] < 5).to_numpy()
    more = noted.groupby("deal").size().to_numpy() > 1
    able = {"account_id": still, "amount": still, "created_at": still & more}
    lacks = {c: every(share, able[c], rng.random()) for c, share in WITHOUT.items()}
    of = noted["deal"].map(pd.Series(np.arange(len(last)), index=last.index)).to_numpy()
    hidden = lacks["amount"][of] & (noted["changed_field"] == "amount")
    hidden |= lacks["created_at"][of] & (noted["changed_field"] == "created")
    out = noted.assign(amount=noted["amount"].mask(lacks["amount"][of]))
    out = out.assign(**{f"no {c}": lacks[c][of] for c in ("account_id", "created_at")})
    return out[~hidden].reset_index(drop=True)


def stage_truth(truth: pd.DataFrame) -> pd.DataFrame:
    """The true probability to win from each stage, as it follows from the true chances of the deals at opening.

    Of all deals that reach a stage or pass it: the won ones, and those of the lost that are not lost before it.

    Parameters
    ----------
    truth : one row per deal, with ``product_line`` and ``win_probability``.

    Returns
    -------
    DataFrame, one row per line and stage; the line "all" is every deal
        ``product_line``, ``stage``, ``stage_order``, ``crm_probability``, ``win_probability`` (missing without deals).
    """
    left = 1 - np.concatenate([[0.0], np.cumsum(LOST_IN)[:-1]])
    rows = []
    for line in ("all", *sales.LINES):
        p = truth["win_probability"][(truth["product_line"] == line) | (line == "all")].mean()
        for k, stage in enumerate(STAGES):
            rows.append((line, stage, k + 1, CRM[k], round(p / (p + (1 - p) * left[k]), 4)))
    columns = ["product_line", "stage", "stage_order", "crm_probability", "win_probability"]
    return pd.DataFrame(rows, columns=columns)
