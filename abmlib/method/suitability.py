"""Is account-based marketing worth its effort here: segment by segment, and account by account."""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import value
from abmlib.method.cycle import ALL
from abmlib.method.cycle_rules import CYCLES, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_rows
from abmlib.stats import concentration, intervals, survival

SEED = 23  # of every bootstrap here
LEAST_JUDGED = 3  # criteria; with fewer, a segment has no verdict
FEWEST = 20  # accounts of a segment; with fewer, nothing is judged: too few for a p-value among many
TOP = 0.2  # share of accounts whose share of revenue is asked for
YES, NO, UNSURE, EARLY, UNKNOWN = "yes", "no", "unsure", "too_early", "not_answerable"
SUITED, MIXED, NOT_SUITED, LITTLE = "suited", "mixed", "not suited", "too little is known"
CRITERIA = {  # unit of each criterion, and the reason for it
    "deal_value": ("currency", "deals are large enough to pay for effort on one account"),
    "account_value": ("currency", "an account buys enough in a year to pay for effort on it"),
    "cycle_days": ("days", "decisions take long enough to be influenced"),
    "buyers": ("people", "several people must be won over"),
    "top_fifth_share": ("share", "a few accounts carry the business"),
    "lines": ("lines", "there is more than one thing to sell to an account"),
}
WORTH = ("deal_value", "account_value")  # of which one must not be too small
BY_LINE = "product line"
PART = ["by", "segment", "product_line"]
DAY = pd.Timedelta(days=1)
YEAR = 365


# -- segment by segment -----------------------------------------------------------------------------------------------


def criteria(
    seen: pd.DataFrame, deals: pd.DataFrame, bought: pd.Series, segment: pd.Series, rules: Rules
) -> pd.DataFrame:
    """Criteria of suitability for each line of business, and for each segment within each line.

    Lines are never mixed: an account that buys services and pens is judged in both. An account counts once: with the median
    amount of its deals, what it bought in a year, the mean of the people on its deals, its lines of business. An order is no deal. Days to
    close are those of deals, open ones included. Accounts without a segment are in ``unknown``.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`
    deals : DataFrame of `with_days`
    bought : Series of `bought_in_year`
    segment : Series by account id; its name is what the segments are

    Returns
    -------
    DataFrame, one row per part and criterion, lines first, then segments: ``by`` (product line or the name of `segment`),
    ``segment`` (all for a line), ``product_line, criterion, value, unit, low, high, n`` (accounts), ``asked`` (the rule),
    ``p`` (two-sided, against the rule, adjusted over all rows by Benjamini and Hochberg; missing where not tested),
    ``verdict`` (``yes`` or ``no`` where the adjusted `p` is at most one less the house level, ``unsure``, ``too_early`` below
    `FEWEST` accounts, for the share of the top fifth, which is smaller among few accounts, below the house's floor,
    ``not_answerable``), ``reason``

    References
    ----------
    S0-3, S1-15; metric dictionary C-5, C-38. P-value from an interval: Altman and Bland (2011), BMJ 343, d2304, by
    Student's t. House definition; README, glossary entry "suitability".
    """
    deals = deals[deals["account_id"].notna()].fillna({"product_line": ALL})
    named_line = seen[seen["product_line"] != ALL]  # of what has no line nobody knows how many lines it is
    many = named_line.groupby("account_id")["product_line"].nunique().astype(float)
    known = segment.dropna().astype("str")
    named = {name: known.index[known == name] for name in sorted(known.unique())}
    if named and len(known) < len(segment):
        named["unknown"] = segment.index.difference(known.index)
    lines = sorted(seen["product_line"].unique())
    parts = []
    for by, name, ids in [(BY_LINE, ALL, None), *((str(segment.name), name, ids) for name, ids in named.items())]:
        for line in lines:
            frames = [f[f["product_line"] == line] for f in (seen, deals, bought.reset_index())]
            frames = frames if ids is None else [f[f["account_id"].isin(ids)] for f in frames]
            if len(frames[0]):
                parts.append(_criteria(frames, many, rules).assign(by=by, segment=name, product_line=line))
    columns = [*PART, "criterion", "value", "unit", "low", "high", "n", "asked", "p", "verdict", "reason"]
    return _judged(pd.concat(parts, ignore_index=True))[columns] if parts else pd.DataFrame(columns=columns)


def bought_in_year(deals: pd.DataFrame, lines: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Net revenue of each account and line in the last year; where nothing was billed at all, amounts of deals won in it.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    lines : DataFrame of `orders.with_product_line`

    Returns
    -------
    Series above 0 by ``account_id, product_line``; unit: reporting currency
    """
    if lines.empty:
        won = deals[won_flag(deals)].fillna({"product_line": ALL})
        rows = won[["account_id", "product_line"]].assign(revenue=won["amount"], day=won["close_date"])
    else:
        rows = lines[["account_id", "product_line", "revenue"]].assign(day=lines["booked_at"])
    rows = rows[(rows["day"] > as_of - YEAR * DAY) & (rows["day"] <= as_of)]
    total = rows.groupby(["account_id", "product_line"])["revenue"].sum().astype(float)
    return total[total > 0]


def _criteria(frames: list[pd.DataFrame], many: pd.Series, rules: Rules) -> pd.DataFrame:
    """Estimates of one part: what is seen, deals and a year's revenue; `many` is the lines each account has dealt in."""
    seen, deals, bought = frames
    buyers = seen[seen["evidence"] == "buyers"].groupby("account_id")["value"].mean()
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal")]
    took = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    amount = deals[deals["amount"] > 0].groupby("account_id")["amount"].median().astype(float)
    revenue = bought["revenue"].to_numpy(float)
    estimates = {
        "deal_value": intervals.estimate(amount, np.median, SEED),
        "account_value": intervals.estimate(bought["revenue"], np.median, SEED),
        "cycle_days": (*took[:3], aged["account_id"].nunique()),
        "buyers": intervals.estimate(buyers, np.mean, SEED),
        "top_fifth_share": (*intervals.bootstrap_ci((revenue,), _top_share, SEED), len(revenue)),
        "lines": intervals.estimate(many[many.index.isin(seen["account_id"])], np.mean, SEED),
    }
    out = pd.DataFrame.from_dict(estimates, orient="index", columns=["value", "low", "high", "n"])
    about = pd.DataFrame.from_dict(CRITERIA, orient="index", columns=["unit", "reason"])
    return out.join(about).assign(asked=pd.Series(rules.suitability)).rename_axis("criterion").reset_index()


def _top_share(revenue: np.ndarray, axis: int = -1) -> np.ndarray:
    """`concentration.top_share` of many rows at once."""
    n = revenue.shape[axis]
    count = int(np.ceil(TOP * n - concentration.TOLERANCE))
    share: np.ndarray = np.sort(revenue, axis=axis)[..., n - count :].sum(axis=axis) / revenue.sum(axis=axis)
    return share


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the adjusted p-value of each criterion against its rule, and the verdict."""
    above = rows["value"] >= rows["asked"]
    with np.errstate(divide="ignore", invalid="ignore"):  # a rule of 0, or an interval of no width
        apart, width = (
            np.abs(np.log((end / rows["value"]).to_numpy(float)))
            for end in (rows["asked"], rows["low"].where(above, rows["high"]))
        )
        p = pd.Series(2 * scipy.special.stdtr(rows["n"] - 1, -apart * intervals.Z / width), rows.index)
    few = rows["n"] < np.where(rows["criterion"] == "top_fifth_share", intervals.FLOOR_ACCOUNTS, FEWEST)
    p = p.mask(rows["asked"] == rows["value"], 1.0).mask(few)
    p = intervals.adjusted(p)
    stands = p <= 1 - intervals.LEVEL
    conditions = [rows["n"] == 0, few, stands & above, stands]
    return rows.assign(p=p, verdict=np.select(conditions, [UNKNOWN, EARLY, YES, NO], UNSURE))


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """Verdict for each part: does account-based marketing suit this line, in this segment.

    ``suited``: more than half of the criteria that can be judged say yes, and the value of deals or of an account's year is not too
    small; ``not suited``: more than half say no; ``mixed``: neither; ``too little is known``: fewer than `LEAST_JUDGED` can
    be judged.

    Parameters
    ----------
    judged : DataFrame of `criteria`

    Returns
    -------
    DataFrame, one row per part, in order: ``by, segment, product_line, verdict, answer`` (the verdict with its count of
    criteria), ``n`` (accounts), ``speaks_for, speaks_against`` (their names)
    """
    rows = []
    for part, of in judged.groupby(PART, sort=False):
        yes, no, unsure = (of.loc[of["verdict"] == v, "criterion"].tolist() for v in (YES, NO, UNSURE))
        known = len(yes) + len(no) + len(unsure)
        worth = [c for c in WORTH if c not in no]
        verdict = (
            LITTLE if known < LEAST_JUDGED else NOT_SUITED if len(no) > known / 2
            else SUITED if len(yes) > known / 2 and worth else MIXED
        )  # fmt: skip
        answer = f"{verdict} ({len(yes)} of {known} say yes)" if known else verdict
        rows.append((*part, verdict, answer, int(of["n"].max()), ", ".join(yes), ", ".join(no)))
    return pd.DataFrame(rows, columns=[*PART, "verdict", "answer", "n", "speaks_for", "speaks_against"])


def may_begin(judged: pd.DataFrame) -> bool:
    """Is account-based marketing suited anywhere, or not yet judged to be unsuited.

    Parameters
    ----------
    judged : DataFrame of `verdicts`
    """
    return SUITED in set(judged["verdict"]) or NOT_SUITED not in set(judged["verdict"])


def class_a_revenue(bought: pd.Series, segment: pd.Series, judged: pd.DataFrame) -> pd.DataFrame:
    """A year's revenue by verdict, of all accounts and of those of class A.

    Revenue of an account in a line takes the verdict of its segment in that line; where too little is known of that, the
    verdict of the line.

    Parameters
    ----------
    bought : Series of `bought_in_year`
    segment : as in `criteria`
    judged : DataFrame of `verdicts`

    Returns
    -------
    DataFrame, one row per verdict, largest first: ``verdict, accounts, revenue, share_of_revenue, class_A_accounts,
    share_of_class_A_revenue``
    """
    rows = bought.rename("revenue").reset_index()
    rows["top"] = rows["account_id"].map(value.pareto_class(bought.groupby("account_id").sum()) == "A").astype(bool)
    rows["segment"] = rows["account_id"].map(segment.astype("str")).fillna("unknown")
    by = judged.set_index(["segment", "product_line"])["verdict"]
    own = by.where(by != LITTLE).reindex(pd.MultiIndex.from_frame(rows[["segment", "product_line"]])).to_numpy()
    of_line = judged[judged["by"] == BY_LINE].set_index("product_line")["verdict"]
    rows["verdict"] = pd.Series(own, rows.index).fillna(rows["product_line"].map(of_line))
    every, top = (
        of.groupby("verdict").agg({"account_id": "nunique", "revenue": "sum"}) for of in (rows, rows[rows["top"]])
    )
    out = pd.DataFrame({
        "accounts": every["account_id"], "revenue": every["revenue"],
        "share_of_revenue": every["revenue"] / every["revenue"].sum(), "class_A_accounts": top["account_id"],
        "share_of_class_A_revenue": top["revenue"] / top["revenue"].sum(),
    })  # fmt: skip
    out = out.fillna({"class_A_accounts": 0, "share_of_class_A_revenue": 0.0}).astype({"class_A_accounts": int})
    return out.sort_values("revenue", ascending=False).rename_axis("verdict").reset_index()


def criteria_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the criteria; what is too early or not answerable has no value.

    Parameters
    ----------
    judged : DataFrame of `criteria`
    """
    known = ~judged["verdict"].isin([EARLY, UNKNOWN])
    ends = judged.assign(level=intervals.LEVEL)[["low", "high", "level"]].where(known)
    of_line = judged["by"] == BY_LINE
    group = judged["product_line"].where(of_line, judged["segment"] + ": " + judged["product_line"])
    return measure_rows(
        "S0-3", "suitability_" + judged["criterion"], judged["value"].where(known), judged["unit"], n=judged["n"],
        status=judged["verdict"].mask(known, "ok"), group_by=judged["by"], group=group, **ends,
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
