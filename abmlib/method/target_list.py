"""The target list: who enters which tier, within hours, money and seats; who voted for whom; what changed and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from abmlib.method.tiger_teams import TIERS
from abmlib.stats.allocation import Allocation, allocate

NONE = "none"
PLACE = {name: n for n, name in enumerate([*TIERS, NONE])}  # of each tier, the highest first
GROUPED = 1  # place of the tier whose accounts are worked in groups, one to few
MONTH_DAYS = 365.25 / 12
MOVED = 0.2  # share of its worth by which an account must have moved for that to be the reason
CENT = 0.005  # money below which nothing moved


@dataclass(frozen=True)
class Rules:
    """What the tiers may cost, and what attention is taken to add."""

    seats: Sequence[int]  # most accounts of tier 1, 2, 3
    hours_per_account: Sequence[float]  # a month
    rise_by_tier: Sequence[float]  # share of its worth that attention adds
    hours_per_group: float  # a month, for the common work of one group of tier 2
    fewest_in_group: int
    seats_per_owner: int  # of tier 1
    team_hours: float  # a month; infinite where nobody entered any
    hour_cost: float
    horizon_days: int
    budget: float = np.inf
    spend_per_account: Sequence[float] = (0.0, 0.0, 0.0)
    is_margin: bool = True  # worth is money that pays for hours; revenue, or points of a scorecard, do not

    def __post_init__(self) -> None:
        """Refuse what is no number of 0 or more, and other than three where the tiers have one each."""
        for name in ("seats", "hours_per_account", "rise_by_tier", "spend_per_account"):
            given = list(getattr(self, name))
            if len(given) != len(TIERS) or not all(number >= 0 for number in given):
                raise ValueError(f"{name} must be {len(TIERS)} numbers of 0 or more, of tier 1, 2 and 3, got {given}.")
        for name in ("hours_per_group", "seats_per_owner", "team_hours", "hour_cost", "budget"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if not self.fewest_in_group >= 1:
            raise ValueError(f"fewest_in_group must be 1 or more, got {self.fewest_in_group}.")

    @property
    def costs(self) -> np.ndarray:
        """What one account of each tier costs within the horizon."""
        months = self.horizon_days / MONTH_DAYS
        cost = np.array(self.hours_per_account) * months * self.hour_cost + np.array(self.spend_per_account)
        return cost * self.is_margin

    @property
    def pays_from(self) -> float:
        """Worth from which on the cheapest tier pays for itself; 0 where it costs nothing, infinite where none adds anything."""
        with np.errstate(divide="ignore", invalid="ignore"):
            least = self.costs / np.array(self.rise_by_tier, float)
        return float(np.nanmin(least)) if np.isfinite(least).any() else np.inf

    @property
    def group_cost(self) -> float:
        """What the common work of one group costs within the horizon."""
        return self.hours_per_group * self.horizon_days / MONTH_DAYS * self.hour_cost * self.is_margin


def net(worth: np.ndarray, rise: np.ndarray, rules: Rules) -> np.ndarray:
    """What each account adds in each tier, less what its hours and money cost: accounts x tiers.

    The rise of the account holds for the tier that adds most, which should be 1; the others add as much less as the rules say.

    Parameters
    ----------
    worth : of each account within the horizon
    rise : share of it that the attention that adds most adds
    """
    of_most = np.array(rules.rise_by_tier, float) / (max(rules.rise_by_tier) or 1.0)
    return np.asarray(worth)[:, None] * np.asarray(rise)[:, None] * of_most - rules.costs


def choose(accounts: pd.DataFrame, rules: Rules) -> tuple[pd.Series, Allocation]:
    """Give each account the tier, or none, in which all together add most, within the rules.

    An account whose added worth does not pay for its hours in any tier stays in none. Every account has a row.

    Parameters
    ----------
    accounts : DataFrame ``worth`` (missing or not above zero: none), ``rise``, ``group`` (of tier 2), ``owner_id``; the accounts that may be chosen

    Returns
    -------
    Series of ``1, 2, 3, none``, index as `accounts`; and the `Allocation`, which was checked against every limit

    References
    ----------
    S0-14, S3-17. House definition; README, glossary entry "tier".
    """
    may = accounts[accounts["worth"] > 0].sort_values("worth", ascending=False, kind="stable")
    hours, spend = np.array(rules.hours_per_account, float), np.array(rules.spend_per_account, float)
    label = may[["group", "owner_id"]].astype(object).where(may[["group", "owner_id"]].notna(), None)
    found = allocate(
        net(may["worth"].to_numpy(float), may["rise"].to_numpy(float), rules),
        np.array([hours, spend]), np.array([rules.team_hours, rules.budget]), np.array(rules.seats, float),
        group=label["group"].to_numpy(object), grouped=GROUPED, fewest=rules.fewest_in_group,
        group_needs=np.array([rules.hours_per_group, 0.0]), group_cost=rules.group_cost,
        owner=label["owner_id"].to_numpy(object),
        owner_seats=np.array([rules.seats_per_owner, np.inf, np.inf]),
    )  # fmt: skip
    tier = pd.Series([TIERS[t] if t >= 0 else NONE for t in found.tier], may.index, dtype="str")
    return tier.reindex(accounts.index, fill_value=NONE), found


def by_tier(accounts: pd.DataFrame, tier: pd.Series, rules: Rules) -> pd.DataFrame:
    """Sum the list by tier: accounts, worth, what attention adds, hours and cost.

    Parameters
    ----------
    accounts : as in `choose`
    tier : of `choose`

    Returns
    -------
    DataFrame of a row per tier, none aside: ``tier, accounts, worth, share_of_worth`` (of all accounts above zero), ``adds, hours`` (a month), ``cost``
    """
    gain = net(accounts["worth"].to_numpy(float), accounts["rise"].to_numpy(float), rules) + rules.costs
    whole, rows = accounts["worth"].clip(lower=0).sum(), []
    for place, name in enumerate(TIERS):
        own = (tier == name).to_numpy()
        n, groups = int(own.sum()), accounts.loc[own, "group"].nunique() * (place == GROUPED)
        hours = n * rules.hours_per_account[place] + groups * rules.hours_per_group
        worth = accounts["worth"].to_numpy()[own].sum()
        cost = n * rules.costs[place] + groups * rules.group_cost
        rows.append((name, n, worth, worth / whole if whole > 0 else np.nan, gain[own, place].sum(), hours, cost))
    return pd.DataFrame(rows, columns=["tier", "accounts", "worth", "share_of_worth", "adds", "hours", "cost"])


# -- versions -----------------------------------------------------------------------------------------------------------


def change(before: pd.Series, now: pd.Series) -> pd.Series:
    """Say how the tier of each account changes; empty for who was and is in none.

    Parameters
    ----------
    before, now : tiers or ``none``, of one index

    Examples
    --------
    >>> change(pd.Series(["none", "2", "1", "3"]), pd.Series(["1", "1", "none", "3"])).tolist()
    ['enters', 'up', 'leaves', 'stays']
    """
    was, is_, none = before.map(PLACE), now.map(PLACE), PLACE[NONE]
    cases = [(was == none) & (is_ == none), was == none, is_ == none, is_ < was, is_ > was]
    return pd.Series(np.select(cases, ["", "enters", "leaves", "up", "down"], "stays"), now.index, dtype="str")


def why(now: pd.DataFrame, last: pd.DataFrame) -> pd.Series:
    """Say why the tier of an account is another than in the last run; empty where it is not.

    The first that fits: it is newly known; a state keeps it off, or no longer does; its worth rose by `MOVED` or more and it moved
    up, or fell and it moved down; others are worth more or less.

    Parameters
    ----------
    now, last : rows of ``06_target_accounts``, index: account id

    Returns
    -------
    Series of text, index as `now`
    """
    was = last.reindex(now.index)
    worth, worth_before = (rows["worth"].astype(float).fillna(0.0) for rows in (now, was))
    before, state = was["tier"].fillna(NONE), was["state"].fillna("")
    moved = now["tier"].map(PLACE) - before.map(PLACE)
    cases = {
        "": before == now["tier"],
        "new in the data": ~now.index.isin(last.index),
        "kept off now": (now["state"] != "") & (state == ""),
        "no longer kept off": (now["state"] == "") & (state != ""),
        "worth more": (worth >= worth_before * (1 + MOVED) - CENT) & (moved < 0),
        "worth less": (worth <= worth_before * (1 - MOVED) + CENT) & (moved > 0),
    }
    return pd.Series(np.select(list(cases.values()), list(cases), "others moved"), now.index, dtype="str")


# -- what if ------------------------------------------------------------------------------------------------------------


def one_more(accounts: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Say what one more seat of each tier adds, beyond what the hours and the money it needs would add without it; found by choosing anew.

    Parameters
    ----------
    accounts, rules : as `choose` takes them

    Returns
    -------
    DataFrame of a row per tier: ``tier, hours, gain`` (money, after its cost)
    """
    rows = []
    for place, name in enumerate(TIERS):
        hours, spend = (float(getattr(rules, w)[place]) for w in ("hours_per_account", "spend_per_account"))
        room = replace(rules, team_hours=rules.team_hours + hours, budget=rules.budget + spend)
        seats = [n + (k == place) for k, n in enumerate(rules.seats)]
        without, with_it = (choose(accounts, r)[1].total for r in (room, replace(room, seats=seats)))
        rows.append((name, hours, max(with_it - without, 0.0)))
    return pd.DataFrame(rows, columns=["tier", "hours", "gain"])


def choose_with(
    accounts: pd.DataFrame, rules: Rules, cards: pd.Series, *, seats_1: int, seats_2: int, seats_3: int, hours_a_month: float,
    rise_assumed: float, scorecard_share: float,
) -> pd.Series:  # fmt: skip
    """Choose the tiers with other seats, hours and assumptions, or partly by the scorecard.

    Parameters
    ----------
    accounts, rules : as `choose` takes them
    cards : points of each account, 0 to 100
    scorecard_share : weight of the place by scorecard against that by worth; 0: worth alone. Each account then has the worth of its place.

    Returns
    -------
    Series of tiers, index as `accounts`
    """
    places = accounts["worth"].rank(pct=True).fillna(0) * (1 - scorecard_share)
    places += cards.reindex(accounts.index).rank(pct=True).fillna(0) * scorecard_share
    order = places.sort_values(ascending=False, kind="stable").index
    mixed = pd.Series(accounts["worth"].sort_values(ascending=False, na_position="last").to_numpy(), order)
    rise = accounts["rise"].where(accounts["rise"] != max(rules.rise_by_tier), rise_assumed)  # what was found stays
    other = accounts.assign(worth=mixed if scorecard_share else accounts["worth"], rise=rise)
    return choose(other, replace(rules, seats=[seats_1, seats_2, seats_3], team_hours=float(hours_a_month)))[0]
