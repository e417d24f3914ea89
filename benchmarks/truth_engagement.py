"""What surges of touches say of markets of known truth.

`PROOFS` is part of the table that `benchmarks.truth` prints. In a market touches follow deals, and a deal that begins is a real
surge; so each account's weeks are first put in random order.
"""

import numpy as np
import pandas as pd

from abmlib.method import touches
from benchmarks.proof import END, NOTHING, Found, Proof, Seen

NOW = pd.Timestamp(END)
WEEKS = 52  # of history that surges look back on
SURGING = 0.05  # share of accounts that surge where it is planted
MORE = 10  # touches more in the last week of those


def accounts(seen: Seen) -> pd.DataFrame:
    """Since when each account is known."""
    return seen.accounts["created_day"].rename_axis("account_id").reset_index()


def touch_days(seen: Seen) -> pd.DataFrame:
    """Touches of people by account and day."""
    rows = seen.book.read("activities")
    rows = rows[rows["account_id"].notna() & ~rows["is_bot"].fillna(False).astype(bool)]
    return pd.DataFrame({"account_id": rows["account_id"], "day": rows["occurred_day"], "rows": 1})


def seed(seen: Seen) -> np.random.Generator:
    """Chance of a market's own, the same whenever it is asked."""
    return np.random.default_rng(len(seen.once(touch_days)))


def shuffled_weeks(seen: Seen) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Touches with each account's weeks in random order, thinned to the calendar of the market; and its accounts.

    Whatever made an account's weeks uneven is there as before, but this week is like any other.
    """
    random, known = seed(seen), accounts(seen)
    count = touches.weekly(seen.once(touch_days), pd.Index(known["account_id"]), NOW, WEEKS).astype(int)
    weeks = np.clip((NOW - known["created_day"]).dt.days.to_numpy() // 7, 0, WEEKS)
    able = (np.arange(WEEKS + 1) <= weeks[:, None]) | (count > 0)
    calendar = count.sum(axis=0) / np.maximum(able.sum(axis=0), 1)
    drawn = np.where(able, random.random(count.shape), 2.0)  # weeks before an account is known stay empty
    order = drawn.argsort(axis=1)
    mixed = random.binomial(np.take_along_axis(count, order, axis=1), calendar / calendar.max())
    place, week = np.nonzero(mixed)
    ids, rows = known["account_id"].to_numpy()[place], mixed[place, week]
    days = pd.DataFrame({"account_id": ids, "day": NOW - pd.to_timedelta(7 * week, "D"), "rows": rows})
    return days, known


def surges(seen: Seen) -> Found:
    """Share of false ones among surges called; called: share of planted surges found, or, where none is, any surge."""
    days, known = shuffled_weeks(seen)
    ids = known["account_id"].to_numpy()
    planted = ids[seed(seen).random(len(ids)) < SURGING] if not _nothing(seen) else ids[:0]
    more = pd.DataFrame({"account_id": planted, "day": NOW, "rows": MORE})
    judged = touches.surges(pd.concat([days, more]), known, NOW, WEEKS)
    judged = judged[judged["status"] == "ok"]
    true = judged.index.isin(planted)
    if not len(planted):
        return Found(0.0, called=float(judged["surge"].any()), n=len(judged))
    false = judged["surge"] & ~true
    return Found(false.sum() / max(judged["surge"].sum(), 1), called=float(judged["surge"][true].mean()), n=len(judged))


def _nothing(seen: Seen) -> bool:
    """Is it a market in which nothing is to be planted."""
    sizes = seen.truth["switches"].set_index("name")["size"]
    return bool(sizes["stalled"] == NOTHING.stalled)


PROOFS: tuple[Proof, ...] = (
    Proof(
        "surges, share false",
        "C-15",
        surges,
        off=NOTHING,
        power=0.6,
        says=(0.0, 0.05),
        unit="accounts",
        note=f"Weeks of each account in random order, since in a market deals bring real surges. Power: share found of surges "
        f"planted on {SURGING:.0%} of accounts, {MORE} touches more in the last week. The mean estimate is the share of "
        "surges called that are false. False alarms: markets with any surge called where none is planted.",
    ),
)
