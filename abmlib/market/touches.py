"""The touches between us and the accounts of a block: around deals, and between them.

Times are working time (`clock`). Accounts are positions in their block.
"""

import numpy as np
import pandas as pd

from abmlib.market import clock, sales
from abmlib.market.companies import pick

KINDS = pd.DataFrame(
    [  # what, where, who moves, whose touch; weights within a deal, shortly before one, and otherwise
        ("page view", "web", "inbound", None, 18, 52, 36),
        ("form", "web", "inbound", None, 2, 8, 3),
        ("e-mail sent", "email", "outbound", "sales", 20, 8, 6),
        ("e-mail reply", "email", "inbound", None, 12, 4, 3),
        ("call", "phone", "outbound", "sales", 15, 6, 5),
        ("service call", "phone", "inbound", "service", 1, 2, 13),
        ("meeting", "meeting", "mutual", "sales", 24, 6, 4),
        ("newsletter", "email", "outbound", "marketing", 3, 6, 18),
        ("webinar attended", "webinar", "inbound", "marketing", 3, 5, 7),
        ("fair visited", "event", "mutual", "marketing", 2, 3, 5),
    ],
    columns=["activity_type", "channel", "direction", "team", "in", "before", "quiet"],
)
IN_DEAL = {sales.SERVICES: 6.2, sales.SOFTWARE: 3.6, sales.OFFICE: 1.5}  # touches of a typical deal
MORE_IF_WON, LESS_IF_FAST = 1.25, 0.5  # factors on it
BEFORE = 0.2  # share of a deal's time by which its first touches come before it
QUIET = 2.0  # touches a year and typical account outside deals
ANONYMOUS = 0.6  # share of web visits of nobody known
BOTS = 0.042  # share of web visits made by machines
MEETINGS = {"held": 0.76, "no_show": 0.12, "booked": 0.12}  # share of meetings by what the CRM says of them
UNLOGGED = 0.2  # share of sales touches whose time nobody noted
PAGES = {"key": 0.30, "brand": 0.20, "other": 0.50}  # share of pages seen


def touches(
    seeds: list[np.random.SeedSequence],
    buyers: pd.DataFrame,
    found: pd.DataFrame,
    known: pd.DataFrame,
    taking_part: pd.DataFrame,
    window: sales.Window,
) -> pd.DataFrame:
    """All touches of the window, by account and time: dense in and before deals, a little more in those that are won.

    While a deal stalls nobody of the account moves. Nobody is named before being known or after leaving, and nobody who
    opted out gets a newsletter.

    Parameters
    ----------
    seeds : one for each of when touches happen and what they are.
    found, known, taking_part : `deals.deals`, `people.people`, `people.parts_in_deals`.

    Returns
    -------
    DataFrame, one row per touch
        ``account``, ``deal`` and ``person`` (positions; -1 = none), ``at``, and the descriptive columns of
        ``tables.schema.ACTIVITIES``.
    """
    when, what = (np.random.default_rng(seed) for seed in seeds)
    since = clock.working(window, buyers["created"].to_numpy()) + 1
    rows = pd.concat([_around(when, buyers, found), _between(when, buyers, since, window)], ignore_index=True)
    rows = _kinds(what, rows)
    rows["person"] = _persons(what, rows, known, taking_part)
    rows = _details(what, rows)
    there = (rows["at"] >= np.maximum(since[rows["account"]], 0)) & (rows["at"] < clock.length(window))
    still = (rows["at"] > rows["stalls"]) & (rows["at"] < rows["moves"]) & (rows["direction"] != "outbound")
    out = known["opted_out"].to_numpy()[rows["person"]] & (rows["person"] >= 0).to_numpy()
    unwanted = out & (rows["team"] == "marketing").to_numpy() & (rows["direction"] == "outbound").to_numpy()
    return rows[there & ~still & ~unwanted].sort_values(["account", "at"], kind="stable", ignore_index=True)


def _around(rng: np.random.Generator, buyers: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """When there are touches in each deal and shortly before it; those before do not belong to it yet."""
    pace = found["product_line"].map(IN_DEAL).to_numpy() * np.exp(0.15 * buyers["size"].to_numpy()[found["account"]])
    pace = pace * np.where(found["won"], MORE_IF_WON, 1.0) * np.where(found["too_fast"], LESS_IF_FAST, 1.0)
    deal = np.repeat(np.arange(len(found)), rng.poisson(pace))
    rows = found.iloc[deal].reset_index(drop=True)
    life = rows["closes"] - rows["opens"]
    at = rows["opens"] + life * (rng.random(len(rows)) * (1 + BEFORE) - BEFORE)
    inside = at >= rows["opens"]
    return rows[["account", "stalls", "moves"]].assign(
        at=at, deal=np.where(inside, deal, -1), phase=np.where(inside, "in", "before")
    )


def _between(rng: np.random.Generator, buyers: pd.DataFrame, since: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """When there are touches that no deal brings."""
    end = clock.length(window)
    begins = np.clip(since, 0, end)
    pace = QUIET * np.exp(0.2 * buyers["size"].to_numpy()) / (sales.YEAR * clock.WORKING)
    account = np.repeat(np.arange(len(buyers)), rng.poisson(pace * (end - begins)))
    at = begins[account] + rng.random(len(account)) * (end - begins[account])
    return pd.DataFrame({"account": account, "stalls": np.nan, "moves": np.nan, "at": at, "deal": -1, "phase": "quiet"})


def _kinds(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """Add what each touch is."""
    chance, kind = rng.random(len(rows)), np.zeros(len(rows), dtype=int)
    for phase in ("in", "before", "quiet"):
        kind = np.where(rows["phase"] == phase, pick(chance, KINDS[phase].to_numpy(dtype=float)), kind)
    described = KINDS.iloc[kind][["activity_type", "channel", "direction", "team"]].reset_index(drop=True)
    return pd.concat([rows, described], axis=1)


def _persons(
    rng: np.random.Generator, rows: pd.DataFrame, known: pd.DataFrame, taking_part: pd.DataFrame
) -> np.ndarray:
    """Who takes part in each touch: in a deal one of its people, else one of the account; -1 where that is not known."""
    chance = rng.random((3, len(rows)))
    staff = np.flatnonzero(~known["is_lead"])
    person = _one_of(chance[0], rows["account"].to_numpy(), known["account"].to_numpy()[staff], staff)
    at = rows["at"].to_numpy()
    theirs = taking_part.reset_index(drop=True)
    row = _one_of(chance[1], rows["deal"].to_numpy(), theirs["deal"].to_numpy(), np.arange(len(theirs)))
    part = (row >= 0) & (theirs["added"].reindex(row).to_numpy() <= at)
    person = np.where(part, theirs["person"].reindex(row, fill_value=-1), person)
    created, left = (known[c].reindex(person).to_numpy() for c in ("created", "left"))
    there = (created <= at) & ~(left <= at)
    hidden = (rows["activity_type"] == "page view").to_numpy() & (chance[2] < ANONYMOUS)
    return np.where(there & ~hidden, person, -1)


def _one_of(chance: np.ndarray, of: np.ndarray, group: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Draw one member of the group each row is `of`; -1 where the group is empty. `group` is sorted."""
    first, last = np.searchsorted(group, of), np.searchsorted(group, of, side="right")
    place = first + np.floor(chance * (last - first)).astype(int)
    return np.where(last > first, np.append(member, -1)[np.minimum(place, len(member))], -1)


def _details(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """Add how long a touch took, what came of it, and our time."""
    n = len(rows)
    web, mail = rows["channel"] == "web", rows["channel"] == "email"
    meeting, call = rows["channel"] == "meeting", rows["channel"] == "phone"
    bot = (rows["activity_type"] == "page view") & (rng.random(n) < BOTS)
    outcome = pd.Series(np.array(list(MEETINGS))[pick(rng.random(n), np.array(list(MEETINGS.values())))], dtype="str")
    held = meeting & (outcome == "held")
    chance = rng.random(n)
    minutes = np.select(
        [bot, web, call, held, rows["channel"] == "webinar"],
        [0.0, np.ceil(12 * chance**2), np.ceil(2 + 28 * chance**2), 30 + 15 * np.floor(5 * chance), 45.0],
        np.nan,
    )
    people = 1 + np.floor(3 * rng.random(n) ** 1.5)
    hours = np.select([held, call, mail, meeting], [people * minutes / 60 + 0.5, minutes / 60 + 0.1, 0.2, 0.3], np.nan)
    noted = (rows["team"] == "sales") & (rng.random(n) >= UNLOGGED)
    page = pd.Series(np.array(list(PAGES))[pick(rng.random(n), np.array(list(PAGES.values())))], dtype="str")
    return rows.assign(
        duration_min=minutes,
        outcome=outcome.where(meeting),
        person_hours=np.where(noted, np.round(hours, 1), np.nan),
        page_class=page.mask(bot, "other").where(web),
        is_conversion=(rows["activity_type"] == "form").astype("boolean").where(web),
        is_bot=bot.astype("boolean").where(web),
        person=rows["person"].mask(bot, -1),
    )
