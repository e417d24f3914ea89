"""The touches between us and the accounts of a block: around deals, and between them.

Times are working time (`clock`). Accounts are positions in their block.
"""

import numpy as np
import pandas as pd

from abmlib.market import clock, sales
from abmlib.market.chance import Chance, choose, pick
from abmlib.market.switches import Switches

KINDS = pd.DataFrame(
    [  # what, where, who moves, whose, of which campaign; weights in a deal, shortly before one, else, in the programme
        ("page view", "web", "inbound", None, None, 18, 50, 34, 20),
        ("form", "web", "inbound", None, None, 2, 8, 3, 2),
        ("e-mail sent", "email", "outbound", "sales", None, 20, 8, 6, 0),
        ("e-mail reply", "email", "inbound", None, None, 12, 4, 3, 6),
        ("call", "phone", "outbound", "sales", None, 15, 6, 5, 0),
        ("service call", "phone", "inbound", "service", None, 1, 2, 9, 0),
        ("service ticket", "service", "inbound", "service", None, 0, 0, 4, 0),
        ("meeting", "meeting", "mutual", "sales", None, 24, 6, 4, 10),
        ("newsletter", "email", "outbound", "marketing", "NEWS", 3, 6, 16, 0),
        ("webinar attended", "webinar", "inbound", "marketing", "WEBI", 3, 5, 6, 0),
        ("fair visited", "event", "mutual", "marketing", "FAIR", 2, 3, 4, 0),
        ("roadshow visited", "roadshow", "mutual", "marketing", "ROAD", 1, 2, 2, 0),
        ("guest of a sponsored event", "sponsorship", "mutual", "marketing", "SPON", 1, 1, 1, 0),
        ("post liked", "social", "inbound", "marketing", None, 0, 2, 3, 3),
        ("chat", "chat", "inbound", "sales", None, 1, 2, 1, 0),
        ("shop visit", "ecommerce", "inbound", None, None, 1, 2, 6, 0),
        ("partner call", "partner", "mutual", "sales", None, 1, 1, 1, 0),
        ("press mention", "pr", "inbound", "marketing", None, 0, 0, 1, 0),
        ("letter", "direct_mail", "outbound", "marketing", "ABM", 0, 0, 0, 18),
        ("workshop", "meeting", "mutual", "marketing", "ABM", 0, 0, 0, 14),
        ("personal webinar", "webinar", "inbound", "marketing", "ABM", 0, 0, 0, 15),
        ("account e-mail", "email", "outbound", "marketing", "ABM", 0, 0, 0, 22),
        ("advertisement seen", "ad", "outbound", "marketing", "ADS", 0, 0, 0, 0),
    ],
    columns=["activity_type", "channel", "direction", "team", "code", "in", "before", "quiet", "programme"],
)
PHASES = ("in", "before", "quiet", "programme")
ADVERTISEMENT = len(KINDS) - 1
IN_DEAL = np.array([6.2, 3.6, 1.5])  # touches of a typical deal, by line
MORE_IF_WON, LESS_IF_FAST = 1.25, 0.5  # factors on it
BEFORE = 0.2  # share of a deal's time by which its first touches come before it
QUIET = 1.7  # touches a year and typical account outside deals
ANONYMOUS = 0.6  # share of web visits of nobody known
IN_PROGRAMME = {"1": 9.0, "2": 5.0, "3": 2.5}  # touches a year of an account exposed, by tier
ADS, AD_DAYS = 2.2, 40  # advertisements that lead up to a deal, and days before it from which they are seen
ADS_ELSE = 0.35  # advertisements a year and account, at random
WITH_CONTENT = ("form", "newsletter", "webinar attended", "letter", "personal webinar", "account e-mail")
DEPTH = {"in": (1, 2, 4, 5), "before": (3, 4, 2, 1), "quiet": (5, 3, 1, 1), "programme": (2, 4, 3, 1)}  # of content
MEETINGS = {"held": 0.76, "no_show": 0.12, "booked": 0.12}  # share of meetings by what the CRM says of them
UNLOGGED = 0.2  # share of sales touches whose time nobody noted
PAGES = {"key": 0.30, "brand": 0.20, "other": 0.50}  # share of pages seen


def touches(
    chance: Chance,
    buyers: pd.DataFrame,
    found: pd.DataFrame,
    known: pd.DataFrame,
    taking_part: pd.DataFrame,
    window: sales.Window,
    switches: Switches,
    density: float,
) -> pd.DataFrame:
    """All touches of the window, by account and time: dense in and before deals, a little more in those that are won.

    While a deal stalls nobody of the account moves. Nobody is named before being known or after leaving, and nobody who
    opted out gets a newsletter. Advertisements lead up to deals and do nothing.

    Parameters
    ----------
    found, known, taking_part : deals of the window, `people.people`, `people.parts_in_deals`.
    density : factor on the number of touches.

    Returns
    -------
    DataFrame, one row per touch
        ``account``, ``deal`` and ``person`` (positions; -1 = none), ``at``, ``code`` (of its campaign), ``content`` (position;
        -1 = none) and the descriptive columns of ``tables.schema.ACTIVITIES``.
    """
    what = chance.of("touched")
    since = clock.working(window, buyers["created"].to_numpy()) + 1
    parts = [
        _around(chance.of("around"), buyers, found, density),
        _between(chance.of("between"), buyers, since, window, density),
        _programmed(chance.of("programmed"), buyers, window, density),
        _advertised(chance.of("advertised"), buyers, found, since, window, switches.null_channel, density),
    ]
    rows = _kinds(what, pd.concat(parts, ignore_index=True))
    rows["person"] = _persons(what, rows, known, taking_part)
    rows = _details(what, rows, switches.bots)
    rows["content"] = _content(what, rows, buyers)
    there = (rows["at"] >= np.maximum(since[rows["account"]], 0)) & (rows["at"] < clock.length(window))
    still = (rows["at"] > rows["stalls"]) & (rows["at"] < rows["moves"]) & (rows["direction"] != "outbound")
    out = known["opted_out"].to_numpy()[rows["person"]] & (rows["person"] >= 0).to_numpy()
    unwanted = out & (rows["team"] == "marketing").to_numpy() & (rows["direction"] == "outbound").to_numpy()
    return rows[there & ~still & ~unwanted].sort_values(["account", "at"], kind="stable", ignore_index=True)


def _around(rng: np.random.Generator, buyers: pd.DataFrame, found: pd.DataFrame, density: float) -> pd.DataFrame:
    """When there are touches in each deal and shortly before it; those before do not belong to it yet."""
    pace = IN_DEAL[found["like"].to_numpy()] * np.exp(0.15 * buyers["size"].to_numpy()[found["account"]]) * density
    pace = pace * np.where(found["won"], MORE_IF_WON, 1.0) * np.where(found["too_fast"], LESS_IF_FAST, 1.0)
    deal = np.repeat(np.arange(len(found)), rng.poisson(pace))
    rows = found[["account", "stalls", "moves", "opens", "closes"]].iloc[deal].reset_index(drop=True)
    life = rows["closes"] - rows["opens"]
    at = rows["opens"] + life * (rng.random(len(rows)) * (1 + BEFORE) - BEFORE)
    inside = at >= rows["opens"]
    return rows[["account", "stalls", "moves"]].assign(
        at=at, deal=np.where(inside, deal, -1), phase=np.where(inside, 0, 1)
    )


def _quiet(account: np.ndarray, at: np.ndarray, phase: int) -> pd.DataFrame:
    """Touches that belong to no deal."""
    return pd.DataFrame({"account": account, "stalls": np.nan, "moves": np.nan, "at": at, "deal": -1, "phase": phase})


def _between(
    rng: np.random.Generator, buyers: pd.DataFrame, since: np.ndarray, window: sales.Window, density: float
) -> pd.DataFrame:
    """When there are touches that no deal brings."""
    end = clock.length(window)
    begins = np.clip(since, 0, end)
    pace = density * QUIET * np.exp(0.2 * buyers["size"].to_numpy()) / (sales.YEAR * clock.WORKING)
    account = np.repeat(np.arange(len(buyers)), rng.poisson(pace * (end - begins)))
    at = begins[account] + rng.random(len(account)) * (end - begins[account])
    return _quiet(account, at, PHASES.index("quiet"))


def _programmed(rng: np.random.Generator, buyers: pd.DataFrame, window: sales.Window, density: float) -> pd.DataFrame:
    """When the programme touches the accounts exposed to it."""
    end = clock.length(window)
    exposed = buyers["exposed"].to_numpy()
    begins = np.where(np.isnan(exposed), end, clock.working(window, np.nan_to_num(exposed)))
    pace = density * buyers["tier"].map(IN_PROGRAMME).fillna(0.0).to_numpy() / (sales.YEAR * clock.WORKING)
    account = np.repeat(np.arange(len(buyers)), rng.poisson(pace * np.maximum(end - begins, 0)))
    at = begins[account] + rng.random(len(account)) * (end - begins[account])
    return _quiet(account, at, PHASES.index("programme"))


def _advertised(
    rng: np.random.Generator,
    buyers: pd.DataFrame,
    found: pd.DataFrame,
    since: np.ndarray,
    window: sales.Window,
    share: float,
    density: float,
) -> pd.DataFrame:
    """Advertisements: shown to accounts that are about to open a deal anyway, and a few at random."""
    end = clock.length(window)
    led = rng.random(len(found)) < share
    count = np.where(led, 1 + rng.poisson(ADS - 1, len(found)), 0)
    deal = np.repeat(np.arange(len(found)), count)
    ahead = rng.random(len(deal)) * AD_DAYS * clock.WORKING
    targeted = _quiet(found["account"].to_numpy()[deal], found["opens"].to_numpy()[deal] - ahead, -1)
    begins = np.clip(since, 0, end)
    pace = density * ADS_ELSE * (end - begins) / (sales.YEAR * clock.WORKING)
    account = np.repeat(np.arange(len(buyers)), rng.poisson(pace))
    at = begins[account] + rng.random(len(account)) * (end - begins[account])
    return pd.concat([targeted, _quiet(account, at, -1)], ignore_index=True)


def _content(rng: np.random.Generator, rows: pd.DataFrame, buyers: pd.DataFrame) -> np.ndarray:
    """Which piece of content a touch used: of the account's main line, deeper the nearer to buying."""
    depth = np.zeros(len(rows), dtype=int)
    lot, variant = rng.random((2, len(rows)))
    for k, phase in enumerate(PHASES):
        of = (rows["phase"] == k).to_numpy()
        depth[of] = pick(lot[of], np.array(DEPTH[phase], dtype=float))
    piece = 12 * (variant < 0.3) + 4 * buyers["main"].to_numpy()[rows["account"]] + depth
    return np.where(rows["activity_type"].isin(WITH_CONTENT), piece, -1)


def _kinds(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    """Add what each touch is."""
    chance, kind = rng.random(len(rows)), np.zeros(len(rows), dtype=int)
    for k, phase in enumerate(PHASES):
        of = (rows["phase"] == k).to_numpy()
        kind[of] = pick(chance[of], KINDS[phase].to_numpy(dtype=float))
    kind = np.where(rows["phase"] < 0, ADVERTISEMENT, kind)
    described = KINDS.iloc[kind][["activity_type", "channel", "direction", "team", "code"]].reset_index(drop=True)
    return pd.concat([rows, described], axis=1)


def _persons(
    rng: np.random.Generator, rows: pd.DataFrame, known: pd.DataFrame, taking_part: pd.DataFrame
) -> np.ndarray:
    """Who takes part in each touch: in a deal one of its people, else one of the account; -1 where that is not known."""
    chance = rng.random((3, len(rows)))
    staff = np.flatnonzero(~known["is_lead"] & (known["twin"] < 0))
    person = _one_of(chance[0], rows["account"].to_numpy(), known["account"].to_numpy()[staff], staff)
    at = rows["at"].to_numpy()
    theirs = taking_part.reset_index(drop=True)
    row = _one_of(chance[1], rows["deal"].to_numpy(), theirs["deal"].to_numpy(), np.arange(len(theirs)))
    part = (row >= 0) & (theirs["added"].reindex(row).to_numpy() <= at)
    person = np.where(part, theirs["person"].reindex(row, fill_value=-1), person)
    created, left = (known[c].reindex(person).to_numpy() for c in ("created", "left"))
    there = (created <= at) & ~(left <= at)
    hidden = rows["activity_type"].isin(["page view", "advertisement seen", "shop visit", "press mention"]).to_numpy()
    hidden = hidden & (chance[2] < ANONYMOUS)
    return np.where(there & ~hidden, person, -1)


def _one_of(chance: np.ndarray, of: np.ndarray, group: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Draw one member of the group each row is `of`; -1 where the group is empty. `group` is sorted."""
    first, last = np.searchsorted(group, of), np.searchsorted(group, of, side="right")
    place = first + np.floor(chance * (last - first)).astype(int)
    return np.where(last > first, np.append(member, -1)[np.minimum(place, len(member))], -1)


def _details(rng: np.random.Generator, rows: pd.DataFrame, bots: float) -> pd.DataFrame:
    """Add how long a touch took, what came of it, and our time."""
    n = len(rows)
    web, mail = rows["channel"] == "web", rows["channel"] == "email"
    meeting, call = rows["channel"] == "meeting", rows["channel"] == "phone"
    bot = (rows["activity_type"] == "page view") & (rng.random(n) < bots)
    outcome = pd.Series(choose(rng.random(n), MEETINGS), dtype="str")
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
    page = pd.Series(choose(rng.random(n), PAGES), dtype="str")
    return rows.assign(
        duration_min=minutes,
        outcome=outcome.where(meeting),
        person_hours=np.where(noted, np.round(hours, 1), np.nan),
        page_class=page.mask(bot, "other").where(web),
        is_conversion=(rows["activity_type"] == "form").astype("boolean").where(web),
        is_bot=bot.astype("boolean").where(web),
        person=rows["person"].mask(bot, -1),
    )
