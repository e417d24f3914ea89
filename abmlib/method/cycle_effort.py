"""Hours of sales and spend of campaigns, by account and by cycle."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method.cycle_measures import by_cycle, of_cycles, shares_of_cycles
from abmlib.method.cycle_rules import CYCLES
from abmlib.method.measures import measure_row
from abmlib.method.periods import Period, latest_before
from abmlib.method.tiger_teams import TIERS
from abmlib.stats import intervals
from abmlib.tables import programme

SEED = 24  # of every bootstrap here
DAY = pd.Timedelta(days=1)
YEAR = 365
LOGGED = (
    0.5  # share of accounts or deals with a touch, below which touches are hardly logged and nothing is counted in them
)
SHOWN = 2  # accounts named of those that a campaign is for
AIMED = ["campaign_id", "account_id"]
NOBODY, UNPLACED = "no account", "no cycle"  # whom spend goes to that reaches no known account, or one in no cycle

# -- hours of sales ---------------------------------------------------------------------------------------------------


def sales_touches(activities: pd.DataFrame) -> pd.DataFrame:
    """Keep the touches of sales, and say how many hours each took.

    Where the team of a touch is not known, meetings and calls are of sales. An hour is what the touch says of our time, else
    how long it lasted.

    Returns
    -------
    DataFrame, as `activities`, with ``hours``
    """
    team = activities["team"]
    ours = team.eq("sales").fillna(False) | (team.isna() & activities["channel"].isin(["meeting", "phone"]))
    touches = activities[ours]
    return touches.assign(hours=touches["person_hours"].fillna(touches["duration_min"] / 60))


def are_logged(activities: pd.DataFrame, ids: pd.Series) -> bool:
    """Does the source hold touches of enough accounts, or deals, to count them: of `LOGGED` of these or more.

    Parameters
    ----------
    activities : touches, or rows of touches and deals
    ids : accounts, or deals; its name is that of the column
    """
    return bool(len(ids) and ids.isin(activities[ids.name]).mean() >= LOGGED)


def hours_spent(activities: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.Series:
    """Hours that sales spent on each account in the last year; missing for all where the source times none of it.

    Parameters
    ----------
    activities : touches; those of `sales_touches` count

    Returns
    -------
    Series, indexed by `accounts`; unit: hours; 0 for an account without a timed touch
    """
    touches = sales_touches(activities[activities["occurred_day"] > as_of - YEAR * DAY])
    touches = touches[touches["account_id"].isin(accounts)]
    if touches["hours"].isna().all():
        return pd.Series(np.nan, accounts, name="hours")
    return touches.groupby("account_id")["hours"].sum().reindex(accounts, fill_value=0.0).rename("hours")


def effort(
    worth: pd.DataFrame, hours: pd.Series, cycle: pd.Series, hour_cost: float, gain: float, default_margin: float
) -> pd.DataFrame:
    """Hours a year that each account justifies, and the hours it gets.

    Break-even: the hours whose cost is what they would have to add, `gain` of a year's margin. It says what effort must bring,
    not what it brings.

    Parameters
    ----------
    worth : DataFrame of `orders.by_account` over a year
    hours : Series of `hours_spent`
    cycle : Series of the account's cycle
    hour_cost : of an hour of our time, reporting currency, > 0
    gain : share of a year's margin that the effort would have to add, > 0
    default_margin : margin as share of revenue where the cost is not known; 0 = leave it missing

    Returns
    -------
    DataFrame, indexed as `worth`: ``cycle, revenue, margin`` (of the year; missing where not known), ``break_even_hours``
    (0 where there is no margin), ``hours``, ``spare_hours`` (break-even less spent)

    Raises
    ------
    ValueError
        If `hour_cost` or `gain` is not above 0, or `default_margin` is no share.

    References
    ----------
    S2-14. House definition; README, glossary entry "break-even effort".
    """
    if not (hour_cost > 0 and gain > 0 and 0 <= default_margin <= 1):
        raise ValueError(
            f"hour_cost {hour_cost} and gain {gain} must be above 0, default_margin {default_margin} from 0 to 1."
        )
    margin = worth["margin"]
    if default_margin > 0:
        margin = margin.fillna(worth["revenue"] * default_margin)
    out = pd.DataFrame({"cycle": cycle.reindex(worth.index), "revenue": worth["revenue"], "margin": margin})
    out = out.assign(break_even_hours=margin.clip(lower=0) * gain / hour_cost, hours=hours.reindex(worth.index))
    return out.assign(spare_hours=out["break_even_hours"] - out["hours"])


def effort_rows(spent: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` by cycle: hours that accounts justify and get.

    Accounts without revenue in the year do not count.

    Parameters
    ----------
    spent : DataFrame of `effort`
    """
    buying = spent[spent["revenue"] > 0]
    above, cycle = (buying["spare_hours"] < 0).where(buying["spare_hours"].notna()), buying["cycle"]
    margin, timed = "margin of purchases", "hours of sales, or how long touches lasted"
    medians = [
        ("break_even_hours_median", "break_even_hours", margin), ("sales_hours_median", "hours", timed),
    ]  # fmt: skip
    rows = [
        row for name, column, why in medians
        for row in by_cycle("S2-14", name, of_cycles(buying[column], cycle, None, np.median), "hours", why)
    ]  # fmt: skip
    over = shares_of_cycles(above.astype(float), cycle, None)
    return pd.DataFrame(rows + by_cycle("S2-14", "accounts_above_break_even", over, "share", f"{margin}, or {timed}"))


def margin_rates(lines: pd.DataFrame, period: Period, default_margin: float) -> pd.Series:
    """Margin as share of revenue of each line of business.

    Over lines of a bill with known cost in a period.

    A line without a known cost, or without revenue, has `default_margin`; at 0 it has none.

    Parameters
    ----------
    lines : DataFrame of `orders.with_product_line`

    Returns
    -------
    Series by ``product_line``
    """
    rows = lines[lines["booked_at"].between(period.start, period.end)]
    costed = rows[rows["cogs"].notna()].astype({"revenue": float, "cogs": float})
    sums = costed.groupby("product_line")[["revenue", "cogs"]].sum()
    rate = (1 - sums["cogs"] / sums["revenue"]).where(sums["revenue"] > 0).reindex(lines["product_line"].unique())
    return rate.fillna(default_margin or np.nan).astype(float)


# -- spend and touches of campaigns -----------------------------------------------------------------------------------


def shared_spend(
    spend: pd.DataFrame,
    members: pd.DataFrame,
    activities: pd.DataFrame,
    period: Period,
    tiers: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Share what campaigns cost in a period among accounts.

    A campaign made for named accounts is shared equally among them, whoever was reached. Any other is shared by touches: each
    touch of it that no machine made bears as much, and so those of people of no known account keep their part. What no
    touch shows stays with nobody. The sum is what was spent.

    On target is the part of touches whose account was on the list on their day: on that of the campaign, or on the target list
    where it names nobody. It is unknown without a touch, and of touches before there was a target list.

    Parameters
    ----------
    spend, members, activities : ``tables.schema.CAMPAIGN_SPEND``, ``CAMPAIGN_ACCOUNTS``, ``ACTIVITIES``
    period : months that begin in it, and touches of its days, count
    tiers : ``tables.schema.ACCOUNT_TIERS``, the target list; without them a campaign that names nobody has no list

    Returns
    -------
    DataFrame, one row per campaign and account: ``campaign_id, account_id`` (missing: of nobody known), ``spend, touches``,
    ``on_list`` (touches on the list), ``aimed`` (spend on target; both missing where that is unknown), ``on_target_list`` (touches off
    the campaign's own list, and on the target list), ``by`` (``members``, ``touches`` or ``nothing``)

    References
    ----------
    S2-3; metric dictionary C-35. House definition; README, glossary entry "spend by account".
    """
    total = spend[spend["month"].between(period.start, period.end)].groupby("campaign_id")["spend"].sum()
    made = activities[activities["campaign_id"].notna() & ~activities["is_bot"].fillna(False).astype(bool)]
    made = made[made["occurred_day"].between(period.start, period.end)]
    named = programme.latest_entries("campaign_accounts", members)
    named = named[named["added_day"] <= period.end].groupby(AIMED)["added_day"].min().reset_index()
    made = _on_list(made, named, tiers)
    counted = {
        "touches": ("on", "size"),
        "on_list": ("on", "sum"),
        "judged": ("on", "count"),
        "on_target_list": ("elsewhere", "sum"),
    }
    touches = made.groupby(AIMED, dropna=False).agg(**counted).reset_index()
    rows = named[AIMED].assign(weight=1.0, by="members").merge(touches, "outer", on=AIMED)
    rows = rows.fillna(dict.fromkeys(counted, 0))
    is_named = rows["campaign_id"].isin(named["campaign_id"])
    rows = rows.assign(
        weight=rows["weight"].where(is_named, rows["touches"]).astype(float).fillna(0.0),
        by=np.where(is_named, "members", "touches"),
    )
    of = rows.groupby("campaign_id")[["weight", "judged", "on_list"]].transform("sum").astype(float)
    rows = rows.assign(spend=rows["campaign_id"].map(total).astype(float).fillna(0.0) * rows["weight"] / of["weight"])
    part = (of["on_list"] / of["judged"]).where(is_named, rows["on_list"].astype(float) / rows["judged"].astype(float))
    rows = rows.assign(aimed=rows["spend"] * part, on_list=rows["on_list"].where(rows["judged"] > 0))
    lost = total[~total.index.isin(rows["campaign_id"])]
    left = pd.DataFrame({"campaign_id": lost.index, "spend": lost.to_numpy(), "touches": 0, "by": "nothing"})
    left = left.assign(account_id=None, on_list=np.nan, on_target_list=0, aimed=np.nan)
    out = pd.concat([rows.drop(columns=["weight", "judged"]), left], ignore_index=True)
    return out[(out["spend"] != 0) | (out["touches"] > 0)].astype({"touches": int}).reset_index(drop=True)


def _on_list(made: pd.DataFrame, named: pd.DataFrame, tiers: pd.DataFrame | None) -> pd.DataFrame:
    """Add to touches: ``on`` the campaign's list, else the target list, on that day; ``elsewhere``: on the latter only."""
    made = made[[*AIMED, "occurred_day"]].merge(named, "left", on=AIMED).sort_values("occurred_day")
    on = (made["added_day"] <= made["occurred_day"]).astype(float)
    in_tier = pd.Series(False, made.index)
    names_somebody, begins = made["campaign_id"].isin(named["campaign_id"]), pd.NaT
    if tiers is not None and len(tiers):
        runs = programme.latest_entries("account_tiers", tiers)[["account_id", "valid_from", "valid_to", "tier"]]
        at = latest_before(made, runs.sort_values("valid_from"), "account_id", "occurred_day", "valid_from")
        in_tier[:] = (at["tier"].isin(TIERS) & ~(at["valid_to"] < at["occurred_day"])).to_numpy()
        begins = runs["valid_from"].min()
    listed = in_tier.astype(float).where(made["occurred_day"] >= begins)
    return made.assign(
        on=on.where(names_somebody, listed), elsewhere=(in_tier & names_somebody & (on == 0)).astype(int)
    )


def campaign_table(
    shared: pd.DataFrame, campaigns: pd.DataFrame, members: pd.DataFrame, names: Mapping[str, str]
) -> pd.DataFrame:
    """Campaigns with the accounts each was meant for, and what hit them, as the table ``01_campaigns``, the dearest first.

    Parameters
    ----------
    shared : DataFrame of `shared_spend`
    campaigns, members : ``tables.schema.CAMPAIGNS``, ``CAMPAIGN_ACCOUNTS``
    names : name of each account id

    References
    ----------
    S2-3. House definition; README, glossary entry "spend by account".
    """
    out = shared.groupby("campaign_id")[["touches", "on_list", "on_target_list", "spend", "aimed"]].sum(min_count=1)
    hit = shared[shared["on_list"] > 0].groupby("campaign_id")["account_id"].nunique()
    named = programme.latest_entries("campaign_accounts", members).groupby("campaign_id")["account_id"].agg(list)
    whose = [named.get(c, []) for c in out.index]
    first = [", ".join(str(names.get(i, i)) for i in ids[:SHOWN]) for ids in whose]
    many = [len(ids) for ids in whose]
    whom = [
        f + f" and {n - SHOWN:,} more" * (n > SHOWN) if f else "nobody named" for f, n in zip(first, many, strict=True)
    ]
    title = campaigns.set_index("campaign_id")["name"].reindex(out.index)
    out = out.assign(
        campaign=title.fillna(out.index.to_series()),
        meant_for=whom,
        accounts=many,
        hit=hit.reindex(out.index, fill_value=0),
        on_target=(out["aimed"] / out["spend"].where(pd.Series(many, out.index) > 0)).clip(upper=1),  # sums of parts
    )
    return out.sort_values("spend", ascending=False, kind="stable").reset_index()


def spend_rows(shared: pd.DataFrame, main: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Rows of `measures` by cycle: spend and touches of campaigns.

    On target is a share of the spend of campaigns that name accounts, and on the target list one of that of the others. Spend is a sum of all there is, so it has no interval; what an
    account gets has one, over the accounts of the cycle, with those that got nothing.

    Parameters
    ----------
    shared : DataFrame of `shared_spend`
    main : DataFrame of `cycle.main_line`

    References
    ----------
    S2-3. House definition; README, glossary entry "spend by account".
    """
    cycle = main.set_index("account_id")["cycle"]
    place = shared["account_id"].map(cycle).astype(object).fillna(UNPLACED).mask(shared["account_id"].isna(), NOBODY)
    spent = shared["spend"]
    judged, is_named = shared["aimed"].notna(), shared["by"] == "members"
    ways = {"spend_on_target": judged & is_named, "spend_on_target_list": judged & ~is_named}
    parts = {"spend": spent}
    for name, kept in ways.items():
        parts |= {name: shared["aimed"].where(kept), f"{name}_of": spent.where(kept)}
    sums = pd.DataFrame(parts).groupby(place).sum()
    sums.loc["all"] = sums.sum()
    n = shared[spent != 0].groupby(place)["account_id"].nunique()
    n["all"] = n.sum()
    rows = []
    order = [c for c in ("all", *CYCLES, UNPLACED, NOBODY) if c in sums.index]
    for group, of in sums.loc[order][lambda x: x["spend"] != 0].iterrows():
        about = {"group_by": "all" if group == "all" else "cycle", "group": group}
        rows.append(measure_row("S2-3", "campaign_spend", of["spend"], "currency", int(n.get(group, 0)), **about))
        rows += [
            measure_row("S2-3", name, of[name] / of[f"{name}_of"], "share", int(n.get(group, 0)), **about)
            for name in ways
            if of[f"{name}_of"] > 0 and group not in {NOBODY, UNPLACED}
        ]
    if not rows:
        rows = [measure_row("S2-3", "campaign_spend", np.nan, "currency", 0, why="spend of campaigns")]
    elif shared["aimed"].isna().all():
        why = "accounts in tiers, in programme/account_tiers.csv, or of campaigns, in campaign_accounts.csv"
        rows.append(measure_row("S2-3", "spend_on_target", np.nan, "share", 0, why=why))
    each = shared.groupby("account_id")[["spend", "touches"]].sum().reindex(cycle.index, fill_value=0.0).astype(float)
    every = pd.Series(1.0, cycle.index)
    for name, column, unit in (
        ("spend_per_account", "spend", "currency"), ("campaign_touches_per_account", "touches", "touches"),
    ):  # fmt: skip
        if each[column].any():
            found = {c: intervals.ratio(each.loc[cycle == c, column], every[cycle == c], SEED) for c in cycle.unique()}
            rows += by_cycle("S2-3", name, found, unit)
    return pd.DataFrame(rows).assign(window_start=period.start, window_end=period.end)
