"""What may come after a day: each question of propensity as a yes or no per account, from facts dated after the day alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.periods import DAY, Period
from abmlib.tables.book import Label

YEAR_DAYS = 365
LATE = 0.95  # share of facts that are known, from which on a past window counts as whole
SUCCESSOR = (31, 92)  # days before and after the end of a contract in which the next one of its line begins
FEWEST_ENDED = 50  # accounts with a contract that ended, from which on renewal is asked
MOST_HORIZON = 3_650  # days
STRAY = 5  # facts before the first day that counts, of a hundred or more: a few days are mistyped
LONG_YEARS = 2.5  # of purchases known, from which on growth is against the year before


@dataclass(frozen=True)
class Question:
    """One thing that an account may do within the horizon."""

    name: str
    does: str  # of an account, in words
    counts: str  # what counts, and of which accounts it is asked
    label: Label
    since: pd.Timestamp  # first day of the facts it rests on
    rule: str  # feature of the simple rule that a model must beat
    horizon_days: int
    is_loss: bool = False
    due: Label | None = None  # of whom it is asked, where no label says so before the horizon is over

    def eligible(self, day: pd.Timestamp, ids: pd.Index) -> pd.Index:
        """Give the accounts of which it is asked on a day."""
        found = (self.due or self.label)(day, ids)
        return ids[found.notna().to_numpy()]


def asked(
    deals: pd.DataFrame,
    lines: pd.DataFrame,
    contracts: pd.DataFrame,
    horizon_days: int,
    growth: float,
) -> list[Question]:
    """List the questions that these data can be asked.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    lines : DataFrame of `orders.with_product_line`
    contracts : ``tables.schema.CONTRACTS``
    horizon_days : within which a thing must happen
    growth : share by which revenue must rise to count as growth

    Raises
    ------
    ValueError
        If the horizon is no whole number of days from 1 to `MOST_HORIZON`.

    References
    ----------
    C-44; S1-24a, S3-11.
    """
    if not 1 <= horizon_days <= MOST_HORIZON:
        raise ValueError(f"horizon_days must be 1 to {MOST_HORIZON:,}, got {horizon_days}.")
    found, within = list[Question](), f"within {horizon_days:,} days"
    sold = deals[(deals["type"] != "renewal") & deals["account_id"].notna()]
    opened, won = sold[sold["created_day"].notna()], dl.decided(sold)
    won = won[dl.won_flag(won) & won["closed_day"].notna()]
    bought, first = lines[lines["revenue"] > 0], first_of(sold["created_day"].fillna(sold["closed_day"]))
    days = bought[["account_id", "booked_at"]].drop_duplicates()
    daily = lines.groupby(["account_id", "booked_at"])["revenue"].sum().reset_index()
    all_ask = "renewals aside; asked of every account"
    if len(opened):
        counts = f"a deal is opened {within}, renewals aside; asked of accounts without an open deal"
        found.append(
            Question(
                "opens", "opens a deal", counts, _opens(opened, horizon_days), first, "deals_opened_12m", horizon_days
            )
        )
    if len(won):
        label = happens(won["account_id"], won["closed_day"], horizon_days)
        found.append(
            Question(
                "wins", "signs a deal", f"a deal is won {within}, {all_ask}", label, first, "deals_open", horizon_days
            )
        )
    if len(bought) and opened.empty:
        label, first = happens(days["account_id"], days["booked_at"], horizon_days), first_of(days["booked_at"])
        found.append(
            Question(
                "buys",
                "buys",
                f"a purchase {within}; asked of every account",
                label,
                first,
                "days_since_purchase",
                horizon_days,
            )
        )
    if len(bought):
        found.append(_grows(daily, horizon_days, growth))
        found += [_adds_line(bought, days, horizon_days)] * (bought["product_line"].nunique() > 1)
        found.append(_stops(days, lines, contracts, horizon_days))
    ended = contracts[contracts["end"].notna() & contracts["renewed"].notna()]
    if ended["account_id"].nunique() >= FEWEST_ENDED:
        found.append(_not_renewed(contracts, horizon_days, ended["end"].min()))
    return found


def first_of(days: pd.Series) -> pd.Timestamp:
    """Give the first day of facts, without the few that lie before all others; missing without any."""
    known = days.dropna()
    return pd.Timestamp(known.nsmallest(STRAY + 1).max() if len(known) >= 20 * STRAY else known.min())


def _flags(ids: pd.Index, yes: np.ndarray, of: np.ndarray | None = None) -> pd.Series:
    """1 or 0 by account, missing where it is not asked."""
    out = pd.Series(np.asarray(yes, float), ids)
    return out if of is None else out.where(of)


def happens(account: pd.Series, when: pd.Series, horizon_days: int) -> Label:
    """Give the label of an event after the day and within the horizon, of any account."""

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        inside = account[(when > day) & (when <= day + horizon_days * DAY)]
        return _flags(ids, ids.isin(inside))

    return label


def _opens(opened: pd.DataFrame, horizon_days: int) -> Label:
    """A deal opened after the day and within the horizon, by an account without an open one."""
    over = opened["closed_day"].where(opened["is_closed"].astype(bool), pd.Timestamp.max.normalize())
    opens = happens(opened["account_id"], opened["created_day"], horizon_days)

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        busy = opened.loc[(opened["created_day"] <= day) & (over > day), "account_id"]
        return opens(day, ids).mask(ids.isin(busy))

    return label


def _sum(lines: pd.DataFrame, ids: pd.Index, period: Period) -> np.ndarray:
    """Net revenue of each account in a period."""
    inside = lines[lines["booked_at"].between(period.start, period.end)]
    return inside.groupby("account_id")["revenue"].sum().reindex(ids, fill_value=0).to_numpy(float).round(6)


def _grows(lines: pd.DataFrame, horizon_days: int, growth: float) -> Question:
    """Revenue of the horizon above that part of the last year's that falls in such days at all accounts together.

    Where history is too short for that, above that of as many days just before.
    """
    first_day, last_day = first_of(lines["booked_at"]), lines["booked_at"].max()
    is_long = (last_day - first_day).days >= LONG_YEARS * YEAR_DAYS and horizon_days <= YEAR_DAYS
    back = YEAR_DAYS if is_long else horizon_days

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        first, last = day + DAY, day + horizon_days * DAY
        then, season = _sum(lines, ids, Period(first - back * DAY, day)), 1.0
        if is_long and then.sum() > 0:
            season = _sum(lines, ids, Period(first - back * DAY, last - back * DAY)).sum() / then.sum()
        now = _sum(lines, ids, Period(first, last))
        return _flags(ids, now > (1 + growth) * season * then, then > 0)

    against = (
        "what its last 12 months bring in such days, by the season of all accounts"
        if is_long
        else "that of as many days just before"
    )
    counts = f"net revenue within {horizon_days:,} days is more than {growth:.0%} above {against}; asked of accounts that bought then"
    return Question("grows", "grows", counts, label, first_day, "revenue_growth_6m", horizon_days)


def _recent(bought: pd.DataFrame, day: pd.Timestamp, ids: pd.Index) -> np.ndarray:
    """Say who bought in the year up to the day."""
    inside = bought[(bought["booked_at"] <= day) & (bought["booked_at"] > day - YEAR_DAYS * DAY)]
    return np.asarray(ids.isin(inside["account_id"]))


def _adds_line(bought: pd.DataFrame, days: pd.DataFrame, horizon_days: int) -> Question:
    """A first purchase of a line, by a customer that lacks one."""
    first = bought.groupby(["account_id", "product_line"])["booked_at"].min().reset_index()
    offered = first.groupby("product_line")["booked_at"].min()
    adds = happens(first["account_id"], first["booked_at"], horizon_days)

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        has = first[first["booked_at"] <= day].groupby("account_id").size().reindex(ids, fill_value=0).to_numpy()
        lacks = has < int((offered <= day).sum())
        return adds(day, ids).where(lacks & _recent(days, day, ids))

    what = f"the first purchase of a product line within {horizon_days:,} days"
    counts = f"{what}; asked of customers of the year before that lack one"
    return Question(
        "adds_line", "buys another line", counts, label, first_of(days["booked_at"]), "revenue_12m", horizon_days
    )


def _stops(days: pd.DataFrame, lines: pd.DataFrame, contracts: pd.DataFrame, horizon_days: int) -> Question:
    """No purchase of a customer that has not paid, and has no contract, beyond the horizon."""
    paid = lines[lines["period_end"].notna() & (lines["revenue"] > 0)]
    buys = happens(days["account_id"], days["booked_at"], horizon_days)

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        end = day + horizon_days * DAY
        bound = contracts[(contracts["start"] <= day) & (contracts["end"] >= end) & ~(contracts["entered_day"] > day)]
        ahead = paid[(paid["booked_at"] <= day) & (paid["period_end"] >= end)]
        free = ~(ids.isin(bound["account_id"]) | ids.isin(ahead["account_id"]))
        return (1 - buys(day, ids)).where(_recent(days, day, ids) & free)

    counts = f"no purchase within {horizon_days:,} days; asked of customers of the year before without a contract or a paid period beyond that"
    return Question(
        "stops",
        "stops buying",
        counts,
        label,
        first_of(days["booked_at"]),
        "days_since_purchase",
        horizon_days,
        is_loss=True,
    )


def _not_renewed(contracts: pd.DataFrame, horizon_days: int, since: pd.Timestamp) -> Question:
    """A contract that ends and has no successor; where nobody noted it, a contract that follows says that it was renewed."""
    c = contracts.sort_values(["account_id", "product_line", "start"], kind="stable").reset_index(drop=True)
    pairs = c[["contract_id", "account_id", "product_line", "end"]].merge(
        c[["contract_id", "account_id", "product_line", "start"]].rename(
            columns={"contract_id": "next", "start": "begins"}
        ),
        on=["account_id", "product_line"],
    )
    follows = pairs["begins"].between(pairs["end"] - SUCCESSOR[0] * DAY, pairs["end"] + SUCCESSOR[1] * DAY)
    followed = c["contract_id"].isin(pairs.loc[follows & (pairs["next"] != pairs["contract_id"]), "contract_id"])
    noted = c["renewed"].astype("boolean")
    renewed = noted.fillna(True).where(noted.notna() | followed).astype("boolean")
    known = c.assign(lost=(~renewed).astype("Float64"))

    def ending(day: pd.Timestamp) -> pd.DataFrame:
        inside = (known["end"] > day) & (known["end"] <= day + horizon_days * DAY) & (known["start"] <= day)
        given = known["notice_date"] <= day
        return known[inside & ~given & ~(known["entered_day"] > day)]

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        due = ending(day)
        return due[due["lost"].notna()].groupby("account_id")["lost"].max().astype(float).reindex(ids)

    def due(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        return _flags(ids, np.zeros(len(ids)), ids.isin(ending(day)["account_id"]))

    counts = f"a contract that ends within {horizon_days:,} days is not renewed; asked of accounts with such a contract of which no notice was given"
    return Question(
        "not_renewed", "does not renew", counts, label, since, "cases_12m", horizon_days, is_loss=True, due=due
    )


def lateness_days(*tables: tuple[pd.Series, pd.Series]) -> int:
    """Days after which all but few facts of a window are known; 0 where nothing says when a fact was learnt.

    Parameters
    ----------
    tables : for each kind of fact the day of each, and the day it was learnt if that is another
    """
    late = [((known - day).dt.days).fillna(0).clip(lower=0) for day, known in tables]
    every = pd.concat(late) if late else pd.Series(dtype=float)
    return int(np.ceil(every.quantile(LATE))) if len(every) else 0
