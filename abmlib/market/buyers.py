"""How each account of a block is: what it buys, what it feels about us, and what is planted in it.

Days count from the first day of the window, which is day 0. Accounts are positions in their block.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from abmlib.market import companies, sales
from abmlib.market.chance import Chance, pick
from abmlib.market.switches import CYCLES, Switches

BLOCK = 500  # accounts drawn together
BIG = 16  # position of the largest customer in the first block
BIG_SCALE, MOST_SCALE = 9.0, 5.0  # factor on every value: its own, and the most of any other
BIG_PACE = 2.5  # orders it places where a typical account places one
BEFORE = 900  # days before the window in which an account may have begun
BEGUN = 0.66  # share of accounts that are customers when the window begins
LATEST = 0.85  # part of the window by which the last account is known
SELF_SERVE = 0.45  # share of new office-supply customers that begin without a deal
SERVE_DAYS = 240.0  # mean days from their record to their first order
LIFETIME = 3000.0  # mean days from the window's start or the account's own to its stop
LEAD_DAYS = 80.0  # mean days from an account's record to its first purchase
MAIN = {sales.SERVICES: 0.16, sales.SOFTWARE: 0.32, sales.OFFICE: 0.52}  # share of accounts by main line
ALSO = {sales.SERVICES: 0.03, sales.SOFTWARE: 0.14, sales.OFFICE: 0.22}  # share of the others that buy the line as well
RHYTHM, RHYTHM_SPREAD = 36.0, 0.5  # typical days between two orders of office supplies, sd of its logarithm
RARER, LARGER = np.array([11.0, 4.0, 1.0]), np.array([29.0, 6.0, 1.0])  # the same and their value, by cycle of buying
COLD_OPENS, COLD_LOSES = 0.3, 2.0  # of accounts without interest: factor on deals, log-odds to win lost
MONTHLY = 0.4  # share of software customers billed by the month

DRIVERS = pd.DataFrame(  # what a register says, and what one standard deviation or a yes adds to the logarithm
    [
        ("opening", "employees", "per standard deviation of the logarithm", 0.50),
        ("opening", "industry", "technology", 0.60),
        ("opening", "industry", "finance", 0.40),
        ("opening", "industry", "public sector", -0.60),
        ("opening", "tech_stack", "erp suite", 0.50),
        ("amount", "employees", "per standard deviation of the logarithm", 0.30),
        ("amount", "org_type", "public", 0.40),
        ("amount", "country", "Germany", 0.20),
    ],
    columns=["of", "column", "value", "weight"],
)
LATENT_OPENS, LATENT_WINS = 0.5, 0.4  # what the unrecorded interest does to opening and winning, per its own size
TURNS = 2 / 3  # part of the window after which drivers drift

RAMP = 90  # days from being exposed to the programme to its full effect
HALF_YEARS = 540  # days before the end when the programme begins, or half the window if that is shorter
WAVES = (0, 91, 182)  # days after it when accounts enter
TIERS = {"1": 0.15, "2": 0.35, "3": 0.50}  # share of the accounts picked, those wanted most first

FLAGS = ("elsewhere", "reorganisation", "no_return", "goals_missed")
SINCE = (460, 200)  # days before the end between which a flag goes up
FUSE = (90, 240)  # days from a flag to the fall of business
FALLS = 0.8  # share of flagged accounts whose business falls
YEAR_BEFORE = 365  # days of business before a flag can go up
HOME = {"Poland": "PLN", "Sweden": "SEK"}  # currency of a country; USD elsewhere


def buyers(chance: Chance, window: sales.Window, switches: Switches) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw a full block of accounts: how they buy, and what a register says of them.

    Returns
    -------
    first : DataFrame, one row per account
        ``size``, ``latent``, ``scale``, ``discount_rate``, ``margin_factor``, ``main`` (position of the main line),
        ``created`` and ``begun`` (days; missing = no customer yet), ``lifetime`` (days), ``also 0`` … ``also 2``,
        ``rhythm``, ``months`` (of a software bill), ``like 0`` … ``like 2`` (position of the cycle in which it buys each
        line), ``order scale`` (factor on office orders), ``keen``, ``luck`` (on the log-odds to win), the columns of
        `_driven`, of `_programme` and of `_fates`.
    second : DataFrame, one row per account
        `companies.with_past`.
    """
    rng = chance.of("buyers")
    size = np.clip(rng.standard_normal(BLOCK), -2.5, 2.5)
    shift = Chance(chance.seed, -1).of("names").random()
    firms = companies.companies(chance.of("companies"), chance.block * BLOCK, size, shift, switches.hostile_names)
    firms = companies.with_past(chance.of("changes"), firms, window.days, switches.changes)
    out = pd.DataFrame({"size": size, "latent": rng.standard_normal(BLOCK)})
    out["scale"] = np.minimum(np.exp(0.55 * size + 0.35 * rng.standard_normal(BLOCK)), MOST_SCALE)
    out["discount_rate"] = np.clip(np.round(0.04 + 0.03 * size + 0.03 * rng.standard_normal(BLOCK), 2), 0, 0.2)
    out["margin_factor"] = np.clip(np.exp(0.1 * rng.standard_normal(BLOCK)), 0.7, 1.2)
    out["main"] = pick(rng.random(BLOCK), np.array(list(MAIN.values())))
    out["months"] = np.where(rng.random(BLOCK) < MONTHLY, 1, 12)
    noise = RHYTHM_SPREAD * np.clip(rng.standard_normal(BLOCK), -2.5, 2.5)
    other, which = chance.of("other cycles").random((2, len(sales.LINES), BLOCK))
    for k, line in enumerate(sales.LINES):
        out[f"also {k}"] = (out["main"] == k) | (rng.random(BLOCK) < ALSO[line])
        out[f"like {k}"] = (k + (other[k] < switches.other_cycle) * (1 + (which[k] < 0.5))) % len(CYCLES)
    out["rhythm"] = np.round(RHYTHM * np.exp(noise - 0.15 * size) * RARER[out["like 2"]], 1)
    out["order scale"] = out["scale"] * LARGER[out["like 2"]]
    out["lifetime"] = 60 - LIFETIME * np.log1p(-rng.random(BLOCK))
    out["keen"] = chance.of("interest").random(BLOCK) >= switches.uninterested
    out["luck"] = switches.shared_luck * chance.of("luck").standard_normal(BLOCK)
    out = _arrivals(chance.of("arrivals"), out, window)
    if chance.block == 0:
        out = _with_big(out, switches.big_without_margin)
    out = _driven(out, firms, switches)
    out = _programme(chance.of("programme"), out, firms, window, switches)
    return _fates(chance.of("fates"), out, firms, window, switches), firms


def _arrivals(rng: np.random.Generator, out: pd.DataFrame, window: sales.Window) -> pd.DataFrame:
    """Since when each account is known, and since when it is a customer where no deal of the window makes it one."""
    begun = (rng.random(BLOCK) < BEGUN) & out["keen"]
    start = -1 - np.floor(rng.random(BLOCK) * BEFORE)
    lead = np.floor(5 - LEAD_DAYS * np.log1p(-rng.random(BLOCK)))
    known = np.floor(rng.random(BLOCK) * (BEFORE / 2 + LATEST * window.days) - BEFORE / 2)
    serves = (rng.random(BLOCK) < SELF_SERVE) & (out["main"] == sales.LINES.index(sales.OFFICE)) & out["keen"]
    itself = np.maximum(known, 0) + np.floor(2 - SERVE_DAYS * np.log1p(-rng.random(BLOCK)))
    second = np.floor(8 * 3600 + rng.random(BLOCK) * 9 * 3600)
    return out.assign(
        created=np.where(begun, start - lead, known),
        begun=np.where(begun, start, np.where(serves, itself, np.nan)),
        created_second=second,
    )


def _with_big(out: pd.DataFrame, without_margin: float) -> pd.DataFrame:
    """Make one account the largest customer, of all lines and the whole window, at next to no margin."""
    out = out.copy()
    planted: dict[str, Any] = {
        "size": 3.0, "scale": BIG_SCALE, "begun": -800.0, "created": -860.0, "lifetime": 99_999.0, "main": 0,
        "margin_factor": 1 - 0.98 * without_margin, "rhythm": RHYTHM / BIG_PACE, "order scale": BIG_SCALE, "keen": True,
    }  # fmt: skip
    planted |= {f"also {k}": True for k in range(len(sales.LINES))} | {f"like {k}": k for k in range(len(sales.LINES))}
    for column, value in planted.items():
        out.loc[BIG, column] = value
    return out


def staff(firms: pd.DataFrame) -> np.ndarray:
    """Employees as standard deviations of their logarithm from a typical company."""
    spread = np.hypot(companies.STAFF_PER_SIZE, companies.STAFF_NOISE)
    return np.clip((np.log(firms["employees"].to_numpy()) - np.log(companies.TYPICAL_STAFF)) / spread, -2.5, 2.5)


def _says(firms: pd.DataFrame, of: str) -> np.ndarray:
    """What the register says of each account, weighted by `DRIVERS`, about its mean."""
    total = np.zeros(len(firms))
    for row in DRIVERS[DRIVERS["of"] == of].itertuples():
        if row.column == "employees":
            value = staff(firms)
        elif row.column == "tech_stack":
            value = firms["tech_stack"].str.contains(str(row.value), regex=False).to_numpy(dtype=float)
        else:
            value = (firms[str(row.column)] == row.value).to_numpy(dtype=float)
        total += row.weight * value
    return total - {"opening": 0.24, "amount": 0.14}[of]


def _in_steps(firms: pd.DataFrame) -> np.ndarray:
    """The same by thresholds and pairs: large companies with an ERP suite, and small ones of two trades."""
    erp = firms["tech_stack"].str.contains("erp suite", regex=False).to_numpy()
    large = staff(firms) > 0.7
    small = firms["industry"].isin(["technology", "finance"]).to_numpy() & (staff(firms) < -0.3)
    return 1.3 * (large & erp) + 0.9 * small - 0.6 * (large & ~erp) - 0.14


def _driven(out: pd.DataFrame, firms: pd.DataFrame, switches: Switches) -> pd.DataFrame:
    """Add what moves the rate at which an account opens deals, and their amount, by what holds at the time.

    ``turn 0`` … are the days on which the register changes, in order, missing ones infinite; ``says 0`` …, ``odd 0`` …
    (of software) and ``amount 0`` … are logarithms of factors before the first, after the first, and so on; ``hidden``
    is that of the unrecorded interest.
    """
    turns = firms[[f"{c} since" for c in companies.CHANGING]].fillna(np.inf).to_numpy()
    turns = np.hstack([np.full((BLOCK, 1), -np.inf), np.sort(turns, axis=1)])
    new: dict[str, Any] = {f"turn {p}": turns[:, p + 1] for p in range(len(companies.CHANGING))}
    for p in range(turns.shape[1]):
        then = companies.on(firms, turns[:, p])
        plain, bent = _says(then, "opening"), _in_steps(then)
        new[f"says {p}"] = switches.propensity_drivers * (
            (1 - switches.non_linear) * plain + switches.non_linear * bent
        )
        new[f"odd {p}"] = np.log1p(switches.counter_intuitive) * (then["growth_outlook"] == "struggling")
        new[f"amount {p}"] = switches.size_drivers * _says(then, "amount")
    return out.assign(**new, hidden=switches.confounding_latent * LATENT_OPENS * out["latent"])


def _then(out: pd.DataFrame, of: str, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """What `_driven` says of accounts on days."""
    n = len(companies.CHANGING)
    passed = (day[:, None] >= out[[f"turn {p}" for p in range(n)]].to_numpy()[account]).sum(axis=1)
    return out[[f"{of} {p}" for p in range(n + 1)]].to_numpy()[account, passed]


def opening(
    out: pd.DataFrame, account: np.ndarray, line: np.ndarray, day: np.ndarray, turned: float | np.ndarray = 1.0
) -> np.ndarray:
    """Logarithm of what drives the rate at which accounts open deals for a line on a day; drift multiplies by `turned`."""
    odd = _then(out, "odd", account, day) * (line == sales.LINES.index(sales.SOFTWARE))
    return (_then(out, "says", account, day) + odd) * turned + out["hidden"].to_numpy()[account]


def amount(out: pd.DataFrame, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Logarithm of what drives the amount of deals of accounts that open on a day."""
    return _then(out, "amount", account, day)


def programme_day(window: sales.Window) -> int:
    """The day the programme begins."""
    return window.days - min(HALF_YEARS, window.days // 2)


def _programme(
    rng: np.random.Generator, out: pd.DataFrame, firms: pd.DataFrame, window: sales.Window, switches: Switches
) -> pd.DataFrame:
    """Let sales pick accounts by what is recorded and what is not, and chance hold some of them back.

    Adds ``picked``, ``held_back``, ``tier``, ``entry`` (day it enters) and ``exposed`` (day it is first reached; missing =
    never).
    """
    begins = programme_day(window)
    customer = (out["begun"] < begins).to_numpy()
    recorded = 0.7 * staff(companies.on(firms, begins)) + 0.6 * (customer - BEGUN)
    wanted = switches.confounding_recorded * recorded + switches.confounding_latent * out["latent"].to_numpy()
    lot, back, wave, reach, lag = rng.random((5, BLOCK))
    able = (out["created"] < begins - 14).to_numpy() & (switches.selected > 0)
    picked = able & (lot < expit(wanted + logit(switches.selected)))
    held = picked & _of_each(back, picked, out["main"].to_numpy(), switches.holdout)
    order = np.argsort(np.where(picked, -wanted, np.inf), kind="stable")
    rank = np.empty(BLOCK)
    rank[order] = (np.arange(BLOCK) + 0.5) / max(picked.sum(), 1)
    tier = np.array([*TIERS, "none"], dtype=object)[np.searchsorted(np.cumsum(list(TIERS.values())), rank)]
    waves = np.array(WAVES) * (window.days - begins) // HALF_YEARS  # closer together in a short window
    entry = np.where(picked, begins + waves[(wave * len(WAVES)).astype(int)], np.nan)
    reached = picked & ~held & (reach >= switches.unexposed)
    exposed = np.where(reached, entry + 3 + np.floor(25 * lag), np.nan)
    exposed = np.where(exposed < window.days, exposed, np.nan)
    return out.assign(picked=picked, held_back=held, tier=np.where(picked, tier, "none"), entry=entry, exposed=exposed)


def _of_each(lot: np.ndarray, able: np.ndarray, group: np.ndarray, share: float) -> np.ndarray:
    """Choose `share` of the able rows of each group by lot, to the nearest row."""
    out = np.zeros(len(lot), dtype=bool)
    for g in np.unique(group):
        rows = np.flatnonzero(able & (group == g))
        out[rows[np.argsort(lot[rows])[: round(share * len(rows))]]] = True
    return out


def ramp(out: pd.DataFrame, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Share of the programme's full effect on an account on a day: 0 before it is reached, 1 from `RAMP` days on."""
    since = day - out["exposed"].to_numpy()[account]
    return np.nan_to_num(np.clip(since / RAMP, 0, 1))


def effect(switches: Switches, of: str) -> np.ndarray:
    """Sizes of an effect of the programme by position of the line."""
    return np.array([getattr(getattr(switches, f"abm_{of}"), c) for c in CYCLES])


def _fates(
    rng: np.random.Generator, out: pd.DataFrame, firms: pd.DataFrame, window: sales.Window, switches: Switches
) -> pd.DataFrame:
    """Add which accounts show a red flag and whose business falls.

    ``flag`` (empty = none), ``since`` and ``falls`` (days; missing = never), and ``currency`` (empty = the reporting
    currency).
    """
    lot, when, fuse, does, own = rng.random((5, BLOCK))
    early, late = (window.days - min(d, window.days // 2) for d in SINCE)
    since = np.floor(early + when * (late - early))
    ends = np.maximum(out["begun"], 0) + out["lifetime"]
    able = (out["begun"] <= since - YEAR_BEFORE) & (ends > window.days) & (out["scale"] <= MOST_SCALE)
    shares = np.array([getattr(switches, name) for name in FLAGS] + [switches.declining])
    nth = np.searchsorted(np.cumsum(shares), lot, side="right")
    flagged = able & (nth < len(FLAGS))
    flag = np.where(flagged, np.array([*FLAGS, "", ""], dtype=object)[nth], "")
    after = np.floor(FUSE[0] + fuse * (FUSE[1] - FUSE[0]))
    falls = np.where(flag == "elsewhere", since, np.where(does < FALLS, since + after, np.nan))
    falls = np.where(flagged, falls, np.where(able & (nth == len(FLAGS)), since, np.nan))
    foreign = own < switches.currencies
    currency = np.where(foreign, firms["country"].map(HOME).fillna("USD"), "")
    return out.assign(flag=flag, since=np.where(flagged, since, np.nan), falls=falls, currency=currency)


def business_left(out: pd.DataFrame, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Share of an account's business that we still have on a day: 1, less where it falls."""
    gone = np.clip((day - out["falls"].to_numpy()[account]) / sales.DECLINE_DAYS, 0, 1)
    return 1.0 - sales.DECLINE * np.nan_to_num(gone)
