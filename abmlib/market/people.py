"""Fictional people at the accounts of a block, and who of them takes part in which deal.

Times are working time (`clock`). Accounts are positions in their block.
"""

from hashlib import blake2b

import numpy as np
import pandas as pd

from abmlib.market import clock, sales
from abmlib.market.chance import choose, pick
from abmlib.market.switches import Switches

GIVEN = (
    "Abelin", "Adira", "Alvo", "Beno", "Brisa", "Caspia", "Cleo", "Dario", "Delva", "Edda", "Elio", "Enna", "Fabin",
    "Fiora", "Gerro", "Hedda", "Ilva", "Ivo", "Janno", "Jorin", "Kaia", "Kelo", "Lenka", "Liro", "Mavi", "Milo", "Nela",
    "Noro", "Orla", "Pavo", "Quira", "Rena", "Rikko", "Sanna", "Silo", "Tavia", "Timo", "Ulva", "Vero", "Zora",
)  # fmt: skip
FAMILY = (
    ("Bran", "Cor", "Dov", "El", "Fer", "Gal", "Hol", "Jur", "Kal", "Lin", "Mar", "Nov", "Ost", "Per", "Rud", "Sel"),
    ("da", "e", "i", "ka", "la", "ma", "o", "ri", "va", "ve"),
    ("born", "dahl", "feld", "gren", "keth", "lund", "mor", "nach", "quist", "rell", "stam", "vey", "wen", "zan"),
)  # fmt: skip
DEPARTMENTS = ("Finance", "IT", "Operations", "Purchasing", "Human Resources", "Facilities", "Legal")
SENIORITY = {  # level: share of people, title
    "c_level": (0.08, "Chief {} Officer"),
    "vp": (0.10, "Vice President {}"),
    "director": (0.18, "Director {}"),
    "manager": (0.28, "{} Manager"),
    "individual": (0.26, "{} Specialist"),
    "unknown": (0.10, ""),
}
ROLES = (
    "decision_maker", "budget_holder", "champion", "influencer", "end_user", "executive_sponsor",
    "technical_evaluator", "legal_procurement", "blocker",
)  # fmt: skip
ROLE_SHARE = {  # weights of the roles, by level
    "c_level": (40, 20, 2, 4, 0, 30, 0, 1, 3),
    "vp": (35, 25, 8, 8, 2, 15, 2, 2, 3),
    "director": (22, 26, 16, 14, 6, 4, 6, 3, 3),
    "manager": (8, 14, 20, 20, 18, 1, 12, 4, 3),
    "individual": (1, 3, 12, 18, 38, 0, 20, 6, 2),
    "unknown": (10, 10, 15, 20, 25, 5, 10, 3, 2),
}
BUYS = {"Purchasing": "legal_procurement", "Legal": "legal_procurement"}  # department: role, half of the time
ROLE_UNKNOWN, ROLE_MISSING = 0.15, 0.10  # shares of people
STRAY = 0.4  # share of leads whose address is not their company's
STRAY_DOMAIN = "freebox.example"
SCATTERED = 0.65  # share of the people of an account that leave where it reorganises
PERSONAS = {  # department: persona
    "Finance": "PE1", "IT": "PE2", "Operations": "PE3", "Purchasing": "PE4", "Human Resources": "PE5",
    "Facilities": "PE6", "Legal": "PE4",
}  # fmt: skip
BOUNCED = {True: 0.5, False: 0.01}  # share whose address takes no mail, by whether they have left
KEY = "sample-key"  # made up: hashes the number of the person, for no address exists
IN_DEAL = np.array([3.4, 2.4, 1.4])  # people in a typical deal, by line
MOST = 5  # people in a deal


def people(
    rng: np.random.Generator,
    buyers: pd.DataFrame,
    renewals: pd.DataFrame,
    known: np.ndarray,
    window: sales.Window,
    switches: Switches,
) -> pd.DataFrame:
    """Two to eight people at each account, more at large ones, and a few leads nobody has matched to theirs.

    Where an account reorganises most of its people leave, and before a renewal troubled by it a senior one does. Some
    play another part in buying than before.

    Parameters
    ----------
    buyers : one row per account, with ``size``, ``flag`` and ``since``.
    renewals : the deals that renew, with ``account``, ``day`` (the term ends) and ``trouble 1``.
    known : working time since when each account is known; its first contact is known as long, and stays.

    Returns
    -------
    DataFrame, one row per person, by account; leads last in each
        ``account``, ``is_lead``, ``created`` and ``left`` (working time; missing = still there), ``twin`` (position of
        the person it was merged with; -1 = none), ``role was`` and ``role since`` (working time; missing = always the same),
        and the descriptive columns of ``tables.schema.CONTACTS`` that need no
        account.
    """
    full, end = len(buyers), clock.length(window)
    count = np.clip(np.round(4.1 + 1.3 * buyers["size"].to_numpy() + 0.8 * rng.standard_normal(full)), 2, 8).astype(int)
    extra = (rng.random(full) < switches.unmatched_leads).astype(int)
    account = np.repeat(np.arange(full), count + extra)
    nth = np.arange(len(account)) - np.searchsorted(account, account)
    n, lead = len(account), nth >= count[account]
    since = known[account]
    created = since + np.where(nth == 0, 0.0, rng.random(n) ** 1.5) * np.maximum(end - since, 0)
    levels = choose(rng.random(n), {level: share for level, (share, _) in SENIORITY.items()})
    departments = np.array(DEPARTMENTS, dtype=object)[(rng.random(n) * len(DEPARTMENTS)).astype(int)]
    gone = (rng.random(n) < switches.departed_contacts) & (nth > 0) & ~lead
    left = np.where(gone, created + (0.3 + 0.7 * rng.random(n)) * np.maximum(end - created, 0), np.nan)
    left = np.fmin(left, _scattered(rng.random((2, n)), buyers, account, created, lead, window))
    left = np.fmin(left, _sponsors(buyers, renewals, account, levels, created, lead, window))
    left = np.where(left < end, left, np.nan)
    bounced = rng.random(n) < np.where(np.isnan(left), BOUNCED[False], BOUNCED[True])
    found = pd.DataFrame({
        "account": account, "nth": nth, "is_lead": lead, "created": created, "left": left, "full_name": _names(rng, n),
        "title": [_title(level, d) for level, d in zip(levels, departments, strict=True)],
        "department": departments, "seniority": levels, "buying_role": _roles(rng, levels, departments),
        "opted_out": rng.random(n) < switches.opted_out, "email_bounced": bounced,
        "stray": lead & (rng.random(n) < STRAY), "twin": -1,
    })  # fmt: skip
    found["persona_id"] = found["department"].map(PERSONAS).where(rng.random(n) < 0.8)
    found = found[found["created"] < end].reset_index(drop=True)
    lot, which, when = rng.random((3, len(found)))
    was = np.array(ROLES)[pick(which, np.array(ROLE_SHARE["unknown"], dtype=float))]
    does = (lot < switches.changes) & found["buying_role"].isin(ROLES) & (found["buying_role"] != was)
    found["role was"] = was
    found["role since"] = (found["created"] + when * (end - found["created"])).where(does)
    return _merged(rng.random((2, len(found))), found, switches.merged_contacts, end)


def _scattered(
    chance: np.ndarray,
    buyers: pd.DataFrame,
    account: np.ndarray,
    created: np.ndarray,
    lead: np.ndarray,
    window: sales.Window,
) -> np.ndarray:
    """When people leave because their company reorganises, within two months of it."""
    day = clock.working(window, buyers["since"].fillna(0).to_numpy())[account]
    hit = (buyers["flag"] == "reorganisation").to_numpy()[account] & (chance[0] < SCATTERED) & ~lead & (created < day)
    return np.where(hit, day + 42 * chance[1], np.nan)


def _sponsors(
    buyers: pd.DataFrame,
    renewals: pd.DataFrame,
    account: np.ndarray,
    levels: np.ndarray,
    created: np.ndarray,
    lead: np.ndarray,
    window: sales.Window,
) -> np.ndarray:
    """When the most senior person known leaves ahead of a renewal that this troubles."""
    left = np.full(len(account), np.nan)
    rank = np.array([list(SENIORITY).index(level) for level in levels])
    order = np.lexsort((rank, account))
    for row in renewals[renewals["trouble 1"] & (renewals["day"] > 60)].itertuples():
        when = clock.working(window, np.array([row.day - 150.0 + 60 * row.late]))[0]
        theirs = order[
            np.searchsorted(account[order], row.account) : np.searchsorted(account[order], row.account, "right")
        ]
        able = theirs[(created[theirs] < when) & ~lead[theirs] & np.isnan(left[theirs])]
        if len(able) > 1:
            left[able[0]] = when
    return left


def _merged(chance: np.ndarray, found: pd.DataFrame, share: float, end: float) -> pd.DataFrame:
    """Enter some people a second time, later, right after the first entry."""
    again = found[(chance[0] < share) & ~found["is_lead"]]
    later = again["created"] + (0.1 + 0.8 * chance[1][again.index]) * (end - again["created"])
    again = again.assign(twin=again.index, created=later)
    again = again[~(again["left"] <= again["created"])]  # who left is not entered anew
    both = pd.concat([found.assign(place=found.index), again.assign(place=again.index + 0.5)])
    both = both.sort_values("place", ignore_index=True)
    moved = pd.Series(both.index[both["twin"] < 0], index=np.flatnonzero(np.ones(len(found))))
    return both.assign(twin=both["twin"].map(moved).fillna(-1).astype(int)).drop(columns="place")


def hashed(contact_id: str) -> str:
    """Keyed hash that stands for a person's e-mail address."""
    return blake2b(f"{KEY}:{contact_id}".encode(), digest_size=16).hexdigest()


def parts_in_deals(
    rng: np.random.Generator, found: pd.DataFrame, known: pd.DataFrame, end: float, more: float
) -> pd.DataFrame:
    """The one to five people of its account who take part in each deal, fewer in small ones and one if it goes too fast.

    Parameters
    ----------
    found : `deals.deals`.
    known : `people`.
    end : working time of the window's end; who would come in later is left out.
    more : people in each deal beyond the usual.

    Returns
    -------
    DataFrame, one row per deal and person
        ``deal`` (position in `found`), ``person`` (position in `known`), ``role``, ``is_primary``, ``added`` (working
        time).
    """
    typical = IN_DEAL[found["like"].to_numpy()] + 0.4 * found["won"].to_numpy()
    most = np.clip(np.round(typical + more + rng.standard_normal(len(found))), 1, MOST + np.ceil(more))
    most = np.where(found["too_fast"], 1, most)
    staff = known.assign(person=np.arange(len(known)))[~known["is_lead"] & (known["twin"] < 0)]
    deal = found[["account", "opens", "closes"]].assign(deal=np.arange(len(found)), most=most)
    own = ["account", "person", "created", "left", "buying_role", "role was", "role since"]
    pairs = deal.merge(staff[own], on="account")
    since = np.maximum(pairs["opens"], pairs["created"])
    until = np.fmin(np.minimum(pairs["closes"], end), pairs["left"])
    pairs = pairs.assign(lot=rng.random(len(pairs)), late=rng.random(len(pairs)) ** 2, since=since, until=until)
    chance = rng.random(len(pairs))
    other = np.array(ROLES)[pick(rng.random(len(pairs)), np.array(ROLE_SHARE["unknown"], dtype=float))]
    role = pairs["buying_role"].mask(pairs["role since"] > since, pairs["role was"])
    role = role.where(role != "unknown")
    pairs["role"] = role.fillna(pd.Series(np.where(chance < 0.5, other, "unknown"), index=pairs.index))
    pairs = pairs[pairs["since"] < pairs["until"]].sort_values(["deal", "lot"], kind="stable")
    pairs = pairs[pairs.groupby("deal").cumcount() < pairs["most"]]
    span = np.minimum(pairs["until"], pairs["since"] + 0.7 * (pairs["closes"] - pairs["since"])) - pairs["since"]
    pairs = pairs.assign(added=pairs["since"] + pairs["late"] * span)
    first = pairs.groupby("deal")["added"].transform("min") == pairs["added"]
    pairs = pairs.assign(is_primary=first, added=pairs["added"].where(~first, pairs["since"]))
    return pairs.sort_values(["deal", "person"], ignore_index=True)[["deal", "person", "role", "is_primary", "added"]]


def _names(rng: np.random.Generator, n: int) -> list[str]:
    """Given and family names; made of parts, so that they are nobody's."""
    given = (rng.random(n) * len(GIVEN)).astype(int)
    parts = [(rng.random(n) * len(part)).astype(int) for part in FAMILY]
    one, two, three = FAMILY
    return [f"{GIVEN[g]} {one[a]}{two[b]}{three[c]}" for g, a, b, c in zip(given, *parts, strict=True)]


def _title(level: str, department: str) -> str | None:
    """The job title of a level in a department; none where the level is unknown."""
    if level == "c_level" and department == "IT":
        return "Chief Information Officer"
    form = SENIORITY[level][1]
    return form.format("Financial" if level == "c_level" and department == "Finance" else department) or None


def _roles(rng: np.random.Generator, levels: np.ndarray, departments: np.ndarray) -> np.ndarray:
    """The part each person plays in buying; for some unknown, for some not filled in."""
    chance, known, special = rng.random((3, len(levels)))
    out = np.empty(len(levels), dtype=object)
    for level, weights in ROLE_SHARE.items():
        of = levels == level
        out[of] = np.array(ROLES, dtype=object)[pick(chance[of], np.array(weights, dtype=float))]
    buys = pd.Series(departments).map(BUYS).to_numpy()
    out = np.where(~pd.isna(buys) & (special < 0.5), buys, out)
    out[known < ROLE_UNKNOWN + ROLE_MISSING] = None
    out[known < ROLE_UNKNOWN] = "unknown"
    return out
