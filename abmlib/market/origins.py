"""Where deals come from, and the leads before some of them.

The origin of a deal is drawn given how the deal ends, so that its chance to win is known and no other draw moves. Times are
working time (`clock`). Accounts are positions in their block.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from abmlib.market import catalogue, clock, sales
from abmlib.market.chance import Chance, choose, pick
from abmlib.market.companies import SELLERS
from abmlib.market.tabled import ids
from abmlib.tables import schema

ORIGINS = pd.DataFrame(
    [
        ("Web", None, 0.12, 1.0),
        ("Web", "WEBI", 0.10, 1.3),
        ("Referral", None, 0.06, 2.6),
        ("Referral", "SPON", 0.03, 1.8),
        ("Fair", "FAIR", 0.08, 1.2),
        ("Fair", "ROAD", 0.05, 1.5),
        ("Partner", None, 0.10, 1.9),
        ("Outbound call", None, 0.12, 0.8),
        ("Paid search", "ADS", 0.28, 0.35),  # more deals than any other campaign brings, and few of them are won
        ("E-mail campaign", "NEWS", 0.06, 0.7),
    ],
    columns=["source", "code", "of_lost", "odds"],  # share of the lost deals; odds to win beside the other origins
)
CONVERTS = {  # source: share of its leads that become deals
    "Web": 0.25, "Referral": 0.50, "Fair": 0.30, "Partner": 0.45, "Outbound call": 0.20, "Paid search": 0.12,
    "E-mail campaign": 0.18,
}  # fmt: skip
USUAL = 0.25  # share of leads that become deals where every source is alike
UNKNOWN = 0.08  # share of deals, and of leads, whose source nobody wrote down
LED = {"new": 0.75, "expansion": 0.24, "renewal": 0.0}  # share of deals that a lead came before
HEARD = 15.0  # days of work from lead to deal, on average
WON_BY = {"product fit": 0.24, "relationship": 0.20, "price": 0.17, "references": 0.14, "service": 0.10, "": 0.15}
MATCHED = 0.12  # share of the other leads that somebody matched to their account
FRESH, UNREAD = 30, 5  # days of work in which such a lead is worked on, and in which nobody has read it
UNQUALIFIED = 0.75  # share of them that are given up after that


def _shares(size: float) -> tuple[np.ndarray, np.ndarray]:
    """Share of each origin among won and among lost deals."""
    of_won = ORIGINS["of_lost"] * ORIGINS["odds"] ** size
    return (of_won / of_won.sum()).to_numpy(), ORIGINS["of_lost"].to_numpy()


def _converts(size: float) -> np.ndarray:
    """Chance of a lead of each origin to become a deal."""
    return expit(logit(USUAL) + size * (logit(ORIGINS["source"].map(CONVERTS).to_numpy()) - logit(USUAL)))


def with_origins(chance: Chance, seen: pd.DataFrame, window: sales.Window, size: float) -> pd.DataFrame:
    """Add to deals their ``origin`` (row of `ORIGINS`; -1 = renewals), when they were ``heard`` of, and what is noted of it.

    The campaign is the one that ran when the deal was heard of, or on the window's first day. What is noted is
    ``lead_source``, ``campaign_id`` and ``win_reason``.
    """
    lot, lag, known, why = chance.of("origins").random((4, len(seen)))
    of_won, of_lost = _shares(size)
    origin = np.where(seen["won"], pick(lot, of_won), pick(lot, of_lost))
    origin = np.where(seen["type"] == "renewal", -1, origin)
    heard = seen["opens"].to_numpy() + HEARD * np.log1p(-lag)
    reason = np.where(seen["won"], choose(why, WON_BY), "")
    won_by = pd.Series(reason, dtype="str").where(reason != "")
    return seen.assign(origin=origin, heard=heard, win_reason=won_by).join(
        _noted(origin, heard, known >= UNKNOWN, window)
    )


def _noted(origin: np.ndarray, heard: np.ndarray, known: np.ndarray, window: sales.Window) -> pd.DataFrame:
    """The source and the campaign that are written down of an origin."""
    campaign = catalogue.campaign_id(
        ORIGINS["code"].reindex(origin).to_numpy(), pd.Series(clock.stamps(window, np.maximum(heard, 0)))
    )
    source = ORIGINS["source"].reindex(origin).reset_index(drop=True).where(known)
    return pd.DataFrame({"lead_source": source, "campaign_id": pd.Series(campaign, dtype="str")})


def primary(seen: pd.DataFrame, parts: pd.DataFrame, persons: pd.DataFrame, person_id: np.ndarray) -> pd.Series:
    """Contact of the first person in each deal, if known when it opened; by position of the deal."""
    first = parts[parts["is_primary"]].set_index("deal")["person"]
    first = first[persons["created"].to_numpy()[first] <= seen["opens"].to_numpy()[first.index]]
    return pd.Series(person_id[first], index=first.index, dtype="str")


def leads(
    chance: Chance,
    seen: pd.DataFrame,
    primary: pd.Series,
    opportunities: pd.DataFrame,
    deal_id: np.ndarray,
    account_id: pd.Series,
    known: np.ndarray,
    window: sales.Window,
    size: float,
    count: int,
) -> pd.DataFrame:
    """The leads table: those that became deals, and before each of these the ones that did not, by account and time.

    Some of the ones that did not were matched to their account.

    Parameters
    ----------
    seen : deals of a full block with `with_origins`.
    primary : of `primary`.
    opportunities : the table as it is written, whose accounts the leads get.
    known : working time since when each account is known.
    count : how many accounts of the block are wanted.
    """
    rows = _drawn(chance.of("leads"), seen, clock.length(window), size)
    rows = rows[rows["account"] < count].reset_index(drop=True)
    account, at, became = (rows[c].to_numpy() for c in ("account", "at", "became"))
    deal = rows["deal"].where(became)
    deals = pd.Series(deal_id).reindex(deal).reset_index(drop=True)
    buyer = deals.map(opportunities.set_index("opportunity_id")["account_id"])
    matched = (rows["matched"] < MATCHED).to_numpy() & (at >= known[account])
    own = pd.Series(account_id.to_numpy()[account]).where(matched)
    seller = rows["seller"].where(became, np.floor(rows["other"] * SELLERS)).astype(int)
    noted = _noted(rows["origin"].to_numpy(), at, (rows["known"] >= UNKNOWN).to_numpy(), window)
    out = noted.rename(columns={"lead_source": "source"}).assign(
        lead_id=ids("L", account_id, account, 3), created_at=clock.stamps(window, at), status=rows["status"],
        owner_id=pd.Series([f"S{s + 1:02d}" for s in seller]).where(rows["status"] != "New"),
        account_id=buyer.where(became, own), contact_id=primary.reindex(deal).to_numpy(), opportunity_id=deals,
        converted_at=clock.stamps(window, rows["opens"].where(became).to_numpy()),
    )  # fmt: skip
    return schema.cast("leads", out)


def _drawn(rng: np.random.Generator, seen: pd.DataFrame, end: float, size: float) -> pd.DataFrame:
    """Draw who came in when, and whether a deal came of it.

    How many leads come to nothing for one that becomes a deal is drawn from the chance to convert, so that this holds
    whatever deals there are. A lead that came before the window is put, not yet a deal, as long before its end: for
    leads whose deals come after it.
    """
    lot, more = rng.random((2, len(seen)))
    deal = np.flatnonzero(lot < seen["type"].map(LED))
    chance = _converts(size)[seen["origin"].to_numpy()[deal]]
    others = np.floor(np.log1p(-more[deal]) / np.log1p(-chance)).astype(int)
    of = np.concatenate([deal, np.repeat(deal, others)])
    rows = seen.loc[of, ["account", "origin", "heard", "opens", "seller"]].assign(deal=of)
    rows[["when", "known", "state", "other", "matched"]] = rng.random((len(rows), 5))
    led = np.arange(len(rows)) < len(deal)
    at = np.where(led, np.mod(rows["heard"], end), rows["when"] * end)
    became, age = led & (rows["heard"] >= 0).to_numpy(), end - at
    status = np.select(
        [became, age < UNREAD, age < FRESH, rows["state"] < UNQUALIFIED],
        ["Converted", "New", "Working", "Unqualified"],
        "Nurturing",
    )
    rows = rows.assign(at=at, became=became, status=status)
    return rows.sort_values(["account", "at"], kind="stable", ignore_index=True)


def truth(deals: pd.DataFrame, size: float) -> pd.DataFrame:
    """The true chance of each source and campaign: of its deals to be won, of its leads to become deals.

    Parameters
    ----------
    deals : truth of the market's deals, with ``type`` and ``win_probability``; renewals come from nowhere.

    Returns
    -------
    DataFrame, one row per table, column and value
        ``table`` (opportunities or leads), ``by`` (lead_source, source or campaign), ``value`` (of a campaign the end of
        its id), ``probability`` (missing without deals), and of deals ``odds``: to win, as a multiple of the odds of all
        deals that are no renewals, which holds in any part of the market.
    """
    p = deals.loc[deals["type"] != "renewal", "win_probability"].mean()
    of_won, of_lost = _shares(size)
    each = ORIGINS.assign(won=of_won, lost=of_lost, converts=_converts(size))
    rows = []
    for column, name in (("source", "lead_source"), ("code", "campaign")):
        sums = each.groupby(column, sort=False).agg({"won": "sum", "lost": "sum", "converts": "first"})
        won, lost = p * sums["won"], (1 - p) * sums["lost"]
        of = {"by": name, "probability": (won / (won + lost)).round(4), "odds": (sums["won"] / sums["lost"]).round(4)}
        rows.append(pd.DataFrame(of | {"table": "opportunities"}).rename_axis("value").reset_index())
        of = {"table": "leads", "by": name.removeprefix("lead_"), "probability": sums["converts"].round(4)}
        rows.append(pd.DataFrame(of).rename_axis("value").reset_index())
    return pd.concat(rows, ignore_index=True)[["table", "by", "value", "probability", "odds"]]
