"""Is account-based marketing worth its effort here: segment by segment, and account by account."""

import numpy as np
import pandas as pd

from abmlib.method.cycle import ALL
from abmlib.method.cycle_rules import CYCLES, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_rows
from abmlib.stats import concentration, intervals, survival

SEED = 23  # of every bootstrap here
LEAST_JUDGED = 3  # criteria; with fewer, a segment has no verdict
FEWEST = 10  # accounts of a segment; with fewer, nothing is judged
TOP = 0.2  # share of accounts whose share of revenue is asked for
YES, NO, UNSURE, EARLY, UNKNOWN = "yes", "no", "unsure", "too_early", "not_answerable"
CRITERIA = {  # unit of each criterion, and the reason for it
    "deal_value": ("currency", "deals are large enough to pay for effort on one account"),
    "cycle_days": ("days", "decisions take long enough to be influenced"),
    "buyers": ("people", "several people must be won over"),
    "top_fifth_share": ("share", "a few accounts carry the business"),
    "lines": ("lines", "there is more than one thing to sell to an account"),
}
BY_LINE = "product line"
DAY = pd.Timedelta(days=1)
YEAR = 365


# -- segment by segment -----------------------------------------------------------------------------------------------


def criteria(
    seen: pd.DataFrame, deals: pd.DataFrame, lines: pd.DataFrame, segment: pd.Series, rules: Rules
) -> pd.DataFrame:
    """Criteria of suitability for all accounts, each line of business and each segment.

    An account counts once: with the median money of its deals and orders, the mean of the people on its deals, its lines of
    business. Days to close are those of deals, open ones included. Revenue is what was billed, or the amounts of won deals
    where nothing was. Accounts without a segment are in ``unknown``.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`
    deals : DataFrame of `with_days`
    lines : DataFrame of `orders.with_product_line`
    segment : Series by account id; its name is what the segments are

    Returns
    -------
    DataFrame, one row per part and criterion, ``all`` first, then lines, then segments: ``by`` (all, product line or the name
    of `segment`), ``segment, criterion, value, unit, low, high, n`` (accounts), ``asked`` (the rule), ``verdict`` (``yes`` or
    ``no`` where the interval lies on one side of the rule, ``unsure``, ``too_early`` below `FEWEST` accounts,
    ``not_answerable``), ``reason``

    References
    ----------
    S0-3, S1-15; metric dictionary C-5, C-38. House definition; README, glossary entry "suitability".
    """
    frames = [seen, deals.fillna({"product_line": ALL}), lines]
    bought = seen[seen["evidence"].isin(["deal_value", "orders_per_year"])]
    many = bought.groupby("account_id")["product_line"].nunique().astype(float)
    known = segment.dropna().astype("str")
    named = {name: known.index[known == name] for name in sorted(known.unique())}
    if named and len(known) < len(segment):
        named["unknown"] = segment.index.difference(known.index)
    parts = [_criteria(frames, many, rules).assign(by=ALL, segment=ALL)]
    groups = [(BY_LINE, line, "product_line", [line]) for line in sorted(seen["product_line"].unique())]
    groups += [(str(segment.name), name, "account_id", ids) for name, ids in named.items()]
    for by, name, column, values in groups:
        within = [frame[frame[column].isin(values)] for frame in frames]
        parts.append(_criteria(within, many, rules).assign(by=by, segment=name))
    columns = ["by", "segment", "criterion", "value", "unit", "low", "high", "n", "asked", "verdict", "reason"]
    return pd.concat(parts, ignore_index=True)[columns]


def _criteria(frames: list[pd.DataFrame], many: pd.Series, rules: Rules) -> pd.DataFrame:
    """Rows of `criteria` of one part: what is seen, deals and lines; `many` is the lines each account has dealt in."""
    seen, deals, lines = frames
    value, buyers = (seen[seen["evidence"] == e].groupby("account_id")["value"] for e in ("deal_value", "buyers"))
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal") & deals["account_id"].notna()]
    took = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    revenue = lines.groupby("account_id")["revenue"].sum()
    money = revenue if len(revenue) else deals[won_flag(deals)].groupby("account_id")["amount"].sum()
    money = money[money > 0]
    top = concentration.top_share(money, TOP) if len(money) else np.nan
    estimates = {
        "deal_value": intervals.estimate(value.median(), np.median, SEED),
        "cycle_days": (*took[:3], aged["account_id"].nunique()),
        "buyers": intervals.estimate(buyers.mean(), np.mean, SEED),
        "top_fifth_share": (top, top, top, len(money)),  # a count of the whole, no estimate
        "lines": intervals.estimate(many[many.index.isin(seen["account_id"])], np.mean, SEED),
    }
    out = pd.DataFrame.from_dict(estimates, orient="index", columns=["value", "low", "high", "n"])
    asked = pd.Series(rules.suitability)
    conditions = [out["n"] == 0, out["n"] < FEWEST, out["low"] >= asked, out["high"] < asked]
    verdict = np.select(conditions, [UNKNOWN, EARLY, YES, NO], UNSURE)
    about = pd.DataFrame.from_dict(CRITERIA, orient="index", columns=["unit", "reason"])
    return out.join(about).assign(asked=asked, verdict=verdict).rename_axis("criterion").reset_index()


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """Verdict for each part: does account-based marketing suit it.

    ``suited``: more than half of the criteria that can be judged say yes, and deals are not too small; ``not suited``: more
    than half say no; ``mixed``: neither; ``too little is known``: fewer than `LEAST_JUDGED` can be judged.

    Parameters
    ----------
    judged : DataFrame of `criteria`

    Returns
    -------
    DataFrame, one row per part, in order: ``by, segment, verdict, answer`` (the verdict with its count of criteria),
    ``speaks_for, speaks_against`` (their names)
    """
    rows = []
    for (by, name), part in judged.groupby(["by", "segment"], sort=False):
        yes, no, unsure = (part.loc[part["verdict"] == v, "criterion"].tolist() for v in (YES, NO, UNSURE))
        known = len(yes) + len(no) + len(unsure)
        verdict = (
            "too little is known" if known < LEAST_JUDGED else "not suited" if len(no) > known / 2
            else "suited" if len(yes) > known / 2 and "deal_value" not in no else "mixed"
        )  # fmt: skip
        answer = f"{verdict} ({len(yes)} of {known} say yes)" if known else verdict
        rows.append((by, name, verdict, answer, ", ".join(yes), ", ".join(no)))
    return pd.DataFrame(rows, columns=["by", "segment", "verdict", "answer", "speaks_for", "speaks_against"])


def criteria_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the criteria; what is too early or not answerable has no value.

    Parameters
    ----------
    judged : DataFrame of `criteria`
    """
    known = ~judged["verdict"].isin([EARLY, UNKNOWN])
    estimated = known & (judged["criterion"] != "top_fifth_share")  # that one is a count of the whole
    ends = judged.assign(level=intervals.LEVEL)[["low", "high", "level"]].where(estimated)
    return measure_rows(
        "S0-3", "suitability_" + judged["criterion"], judged["value"].where(known), judged["unit"], n=judged["n"],
        status=judged["verdict"].mask(known, "ok"), group_by=judged["by"], group=judged["segment"], **ends,
    )  # fmt: skip


# -- effort account by account ----------------------------------------------------------------------------------------


def hours_spent(activities: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.Series:
    """Hours that sales spent on each account in the last year; missing for all where the source times none of it.

    An hour is what the touch says of our time, else how long it lasted. Touches of sales count; where the team is not
    known, meetings and calls do.

    Returns
    -------
    Series, indexed by `accounts`; unit: hours; 0 for an account without a timed touch
    """
    team = activities["team"]
    ours = team.eq("sales").fillna(False) | (team.isna() & activities["channel"].isin(["meeting", "phone"]))
    year = activities["occurred_day"] > as_of - YEAR * DAY
    touches = activities[ours & year & activities["account_id"].isin(accounts)]
    hours = touches["person_hours"].fillna(touches["duration_min"] / 60)
    if hours.isna().all():
        return pd.Series(np.nan, accounts, name="hours")
    return hours.groupby(touches["account_id"]).sum().reindex(accounts, fill_value=0.0).rename("hours")


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


def effort_by_cycle(spent: pd.DataFrame) -> pd.DataFrame:
    """Hours that accounts justify and get, summed up by cycle.

    Accounts without revenue in the year do not count.

    Parameters
    ----------
    spent : DataFrame of `effort`

    Returns
    -------
    DataFrame, one row per cycle: ``cycle, accounts, margin_median`` (reporting currency), ``break_even_hours_median,
    hours_median`` (a year), ``above`` (accounts that get more hours than break even), ``judged`` (accounts with both)
    """
    buying = spent[spent["revenue"] > 0]
    buying = buying.assign(above=buying["spare_hours"] < 0, judged=buying["spare_hours"].notna())
    by = buying.assign(accounts=1).groupby("cycle")
    medians = by[["margin", "break_even_hours", "hours"]].median().add_suffix("_median")
    out = by[["accounts"]].sum().join(medians).join(by[["above", "judged"]].sum())
    out = out.reindex(CYCLES).fillna({"accounts": 0, "above": 0, "judged": 0}).rename_axis("cycle").reset_index()
    return out.astype({"accounts": int, "above": int, "judged": int})
