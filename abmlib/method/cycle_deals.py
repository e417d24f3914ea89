"""How deals of each cycle go, and what was started."""

import numpy as np
import pandas as pd

from abmlib.method import deals as closed_deals
from abmlib.method.cycle import ALL, KEYS
from abmlib.method.cycle_effort import are_logged, sales_touches
from abmlib.method.cycle_measures import by_cycle, mix_rows, of_cycles, shares_of_cycles
from abmlib.method.cycle_rules import CYCLES
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.periods import Period, latest_before, quarters
from abmlib.stats import intervals, survival

SEED = 26  # of every bootstrap here
DAY = pd.Timedelta(days=1)
YEAR = 365 * DAY
DOSSIER_DAYS = 90  # after its delivery, in which a dossier counts for meetings
TALKS = ("meeting", "phone")  # channels of a conversation
TERMS = {"up to 1 year": 12.5, "over 1 to 2 years": 24.5, "over 2 years": np.inf}  # of a contract, by its most months
MONTH = 365.25 / 12  # days
NEVER = "no touch of sales"


def cycle_of(deals: pd.DataFrame, cycles: pd.DataFrame, main: pd.DataFrame) -> pd.Series:
    """Cycle of each deal; missing where it is not known.

    That of its account in its line, else of the account's main line.

    Parameters
    ----------
    deals : rows with ``account_id, product_line``
    cycles : DataFrame of `cycle.with_overrides`
    main : DataFrame of `cycle.main_line`
    """
    at = pd.MultiIndex.from_frame(deals[KEYS].fillna({"product_line": ALL}))
    own = pd.Series(cycles.set_index(KEYS)["cycle"].reindex(at).to_numpy(), deals.index, dtype="str")
    return own.fillna(deals["account_id"].map(main.set_index("account_id")["cycle"]))


def touches_of_deals(touches: pd.DataFrame, deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Join touches to the deals they were about.

    A touch that names a deal is about it. Any other is about all deals of its account that were open on its day, in equal parts.

    Parameters
    ----------
    touches : rows of ``tables.schema.ACTIVITIES``
    deals : DataFrame of `with_days`

    Returns
    -------
    DataFrame, one row per touch and deal: the columns of `touches`, and ``part`` (of the touch; sums to 1 for each)

    References
    ----------
    House definition; README, glossary entry "touches of a deal".
    """
    named = touches[touches["opportunity_id"].isin(deals["opportunity_id"])]
    rest = touches[~touches["activity_id"].isin(named["activity_id"])].drop(columns="opportunity_id")
    ends = deals["closed_day"].where(deals["is_closed"].astype(bool), as_of)
    spans = deals[["opportunity_id", "account_id"]].assign(begins=deals["created_day"], ends=ends).dropna()
    both = rest.merge(spans, on="account_id")
    both = both[both["occurred_day"].between(both["begins"], both["ends"])].drop(columns=["begins", "ends"])
    parts = 1 / both.groupby("activity_id")["opportunity_id"].transform("size")
    return pd.concat([named.assign(part=1.0), both.assign(part=parts)], ignore_index=True)


# -- how long, on what terms ------------------------------------------------------------------------------------------


def course_rows(deals: pd.DataFrame, cycle: pd.Series, contracts: pd.DataFrame, of_contract: pd.Series) -> pd.DataFrame:
    """Rows of `measures` by cycle: days to close and terms of contracts.

    The days are the median, open deals included.

    Terms are those of deals won, at any time; where no won deal has one, those of contracts. Renewals are left out of the days, as
    they follow a calendar. Accounts are clusters in every interval.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    cycle : Series of `cycle_of` of them
    contracts : ``tables.schema.CONTRACTS``
    of_contract : Series of `cycle_of` of these

    References
    ----------
    S2-7; metric dictionary C-5 (open deals are censored).
    """
    aged = deals[deals["age_days"].notna() & (deals["type"] != "renewal")]
    found = {}
    for name in CYCLES:
        rows = aged[cycle[aged.index] == name]
        days = survival.clustered(rows["age_days"], rows["is_closed"].astype(bool), 0.5, rows["account_id"], SEED)
        found[name] = (days.value, days.low, days.high, rows["account_id"].nunique())
    rows = by_cycle("S0-3", "suitability_cycle_days", found, "days", "the days deals were opened and closed")
    won = deals[closed_deals.won_flag(deals) & (deals["term_months"] > 0)]
    months, account, of = won["term_months"].astype(float), won["account_id"], cycle[won.index]
    if won.empty:
        months = (contracts["end"] - contracts["start"] + DAY).dt.days / MONTH
        account, of = contracts["account_id"], of_contract
    longer = shares_of_cycles((months > TERMS["up to 1 year"]).astype(float), of, account)
    rows += by_cycle("S2-7", "multi_year_share", longer, "share", "the term of won deals, or contracts")
    term = pd.cut(months, [0, *TERMS.values()], labels=list(TERMS))
    return pd.concat([pd.DataFrame(rows), mix_rows("S2-7", "contract_term_share", term, of, account, "term")])


# -- what sales puts into a deal --------------------------------------------------------------------------------------


def sales_rows(
    deals: pd.DataFrame,
    cycle: pd.Series,
    activities: pd.DataFrame,
    history: pd.DataFrame,
    rate: pd.Series,
    hour_cost: float,
    period: Period,
) -> pd.DataFrame:
    """Rows of `measures` by cycle: what sales puts into a deal, and when.

    Of deals decided in a period that are no renewals, with all their touches. Hours are those that touches say;
    `sales_touches_with_hours` is the share that say any, so that true hours are more; where fewer than half of the deals have a
    touch, nothing is answered. The margin of a won deal is its amount by the margin rate of its line. The stage at the first
    touch of sales is that of the history on that moment. Accounts are clusters in every interval.

    Parameters
    ----------
    deals : DataFrame of `with_days`, all of them: touches are shared among those open at a time
    cycle : Series of `cycle_of` of them
    history : ``tables.schema.OPPORTUNITY_STAGE_HISTORY``
    rate : Series, margin as share of revenue by product line
    hour_cost : of an hour of our time, reporting currency

    References
    ----------
    S2-7, S2-14. House definition; README, glossary entry "touches of a deal".
    """
    touches = activities[~activities["is_bot"].fillna(False).astype(bool)]
    done = closed_deals.closed_in(deals[deals["type"] != "renewal"], period).set_index("opportunity_id")
    of, account = cycle.set_axis(deals["opportunity_id"])[done.index], done["account_id"]
    every = touches_of_deals(touches, deals, period.end)
    logged = are_logged(every, done.index.to_series())
    met, worked = every[every["channel"] == "meeting"], sales_touches(every)
    meetings = met.groupby("opportunity_id")["part"].sum().reindex(done.index, fill_value=0.0)
    hours = (
        (worked["hours"] * worked["part"]).groupby(worked["opportunity_id"]).sum().reindex(done.index, fill_value=0.0)
    )
    margin = (done["amount"].astype(float) * done["product_line"].map(rate).astype(float)).where(
        closed_deals.won_flag(done), 0.0
    )
    few = "" if logged or done.empty else "touches of at least half of the deals"
    lacking = "deals decided in the window" if done.empty else few or "meetings"
    each = of_cycles(meetings, of, account, np.mean) if logged and len(met) else {}
    rows = by_cycle("S2-7", "meetings_per_deal", each, "meetings", lacking)
    timed = logged and worked["hours"].notna().any()
    each = of_cycles(hours, of, account, np.mean) if timed else {}
    why = few or "hours of sales on touches of deals, or how long they lasted"
    rows += by_cycle("S2-14", "sales_hours_per_deal", each, "hours", why)
    cost = {c: intervals.ratio(hours[of == c] * hour_cost, margin[of == c], SEED, account[of == c]) for c in CYCLES}
    rows += by_cycle("S2-14", "sales_cost_of_margin", cost if timed else {}, "share", f"{why}; margin of purchases")
    worked = worked[worked["opportunity_id"].isin(done.index)] if logged else worked.iloc[:0]
    one = worked.drop_duplicates("activity_id")  # a touch counts once, however many deals share it
    known = shares_of_cycles(one["hours"].notna().astype(float), one["opportunity_id"].map(of), one["account_id"])
    rows += by_cycle("S2-14", "sales_touches_with_hours", known, "share", few or "touches of sales")
    first = first_touches(worked, done, history)
    late = shares_of_cycles(first["later"], of, account)
    rows += by_cycle(
        "S2-14", "sales_first_touch_later_stage", late, "share", few or "touches of sales, and a stage history of deals"
    )
    mix = mix_rows("S2-14", "first_sales_touch_share", first["stage"], of, account, "stage")
    return pd.concat([pd.DataFrame(rows), mix]).assign(window_start=period.start, window_end=period.end)


def first_touches(worked: pd.DataFrame, done: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Stage of each closed deal at the first touch of sales.

    Parameters
    ----------
    worked : touches of sales, DataFrame of `touches_of_deals`
    done : closed deals, indexed by their id
    history : ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    DataFrame, indexed as `done`: ``stage`` (ordered; `NEVER` without a touch; missing without a history before closing, and for all
    where no touch of sales is known), ``later``
    (1: past the stage the deal began in; 0; missing without a touch)
    """
    stays = history[history["opportunity_id"].isin(done.index)].sort_values(["entered_at", "seq"])
    closed = done["closed_day"].reindex(stays["opportunity_id"]).set_axis(stays.index)
    stays = stays[stays["entered_day"] < closed]
    begin = stays.drop_duplicates("opportunity_id").set_index("opportunity_id")["stage"].reindex(done.index)
    first = (
        worked[worked["opportunity_id"].isin(done.index)].sort_values("occurred_at").drop_duplicates("opportunity_id")
    )
    steps = stays[["opportunity_id", "entered_at", "stage"]]
    at = latest_before(first[["opportunity_id", "occurred_at"]], steps, "opportunity_id", "occurred_at", "entered_at")
    there = at.set_index("opportunity_id")["stage"].reindex(done.index).fillna(begin)
    touched = done.index.isin(first["opportunity_id"])
    stage = there.where(touched, NEVER).where(begin.notna() & (len(worked) > 0))
    order = stays.groupby("stage")["stage_order"].median().sort_values(kind="stable").index
    later = (there != begin).where(touched & begin.notna()).astype(float)
    return pd.DataFrame({"stage": pd.Categorical(stage, [*order, NEVER], ordered=True), "later": later}, done.index)


# -- what was started -------------------------------------------------------------------------------------------------


def whole_quarters(as_of: pd.Timestamp, year_starts: int, many: int = 4) -> pd.PeriodIndex:
    """Last fiscal quarters that are over on a day, oldest first."""
    last = (as_of + DAY).to_period(quarters(year_starts)) - 1
    return pd.period_range(last - many + 1, last)


def started_rows(
    deals: pd.DataFrame,
    cycle: pd.Series,
    activities: pd.DataFrame,
    dossiers: pd.DataFrame,
    main: pd.DataFrame,
    quarters_counted: pd.PeriodIndex,
) -> pd.DataFrame:
    """Rows of `measures`: sales cycles, conversations and dossiers, by quarter and cycle.

    By quarter, of accounts of all cycles, and by cycle in all these quarters, dossiers by cycle in the last quarter only: they may have
    been delivered once, long ago. Quarters before the first deal have no count. A
    cycle is started when a deal that is no renewal is opened. A first conversation is a meeting or call of sales with an
    account that had none in the year before; it is too early to judge where touches are not known a year before the first day.
    A dossier counts for the meetings of `DOSSIER_DAYS` after it; meetings before the first delivery had no chance of one, and
    do not count. Counts are of all there is and have no interval; the share has one, over accounts.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    cycle : Series of `cycle_of` of them
    activities, dossiers : ``tables.schema.ACTIVITIES``, ``DOSSIER_DELIVERIES``
    main : DataFrame of `cycle.main_line`
    quarters_counted : of `whole_quarters`

    References
    ----------
    S2-8. House definition; README, glossary entry "first conversation".
    """
    start, end = quarters_counted[0].start_time, quarters_counted[-1].end_time.normalize()
    of_account = main.set_index("account_id")["cycle"]
    rows = [measure_row("S2-8", "cycles_started", np.nan, "deals", 0, why="the day deals were opened")]
    if deals["created_day"].notna().any():
        opened = deals[deals["created_day"].between(start, end) & (deals["type"] != "renewal")]
        known = quarters_counted[quarters_counted.end_time >= deals["created_day"].min()]
        rows = _counts("cycles_started", "deals", opened["created_day"], cycle[opened.index], known)
    sales = sales_touches(activities[activities["account_id"].notna()])
    talks = sales[sales["channel"].isin(TALKS)].sort_values(["account_id", "occurred_at"])
    since = talks.groupby("account_id")["occurred_day"].diff()
    first = talks[(since.isna() | (since > YEAR)) & talks["occurred_day"].between(start, end)]
    if talks.empty:
        rows.append(
            measure_row("S2-8", "first_conversations", np.nan, "accounts", 0, why="meetings and calls of sales")
        )
    elif not are_logged(activities, main["account_id"]):
        why = "touches of at least half of the accounts"
        rows.append(measure_row("S2-8", "first_conversations", np.nan, "accounts", 0, why=why))
    elif talks["occurred_day"].min() > start - YEAR:
        rows.append(measure_row("S2-8", "first_conversations", np.nan, "accounts", len(first), status="too_early"))
    else:
        whose = first["account_id"].map(of_account)
        rows += _counts("first_conversations", "accounts", first["occurred_day"], whose, quarters_counted)
    given = dossiers[["account_id", "delivered_at"]].sort_values("delivered_at")
    meetings = sales[(sales["channel"] == "meeting") & sales["occurred_day"].between(start, end)]
    meetings = meetings[meetings["occurred_at"] >= given["delivered_at"].min()].sort_values("occurred_at")
    if meetings.empty:
        why = "meetings of sales" if len(given) else "dossiers, in programme/dossier_deliveries.csv"
        rows.append(measure_row("S2-8", "dossier_before_meeting", np.nan, "share", 0, why=why))
        return pd.DataFrame(rows).assign(window_start=start, window_end=end)
    ready = latest_before(meetings, given, "account_id", "occurred_at", "delivered_at", DOSSIER_DAYS * DAY)
    ways = {
        "quarter": ready["occurred_day"].dt.to_period(quarters_counted.freq).astype("str"),
        "cycle": ready["account_id"].map(of_account),
    }
    for way, label in ways.items():
        label = label.where((way == "quarter") | (ready["occurred_day"] >= quarters_counted[-1].start_time))
        found = intervals.shares(ready["delivered_at"].notna().astype(float), ready["account_id"], label)
        found = found.loc[[c for c in CYCLES if c in found.index]] if way == "cycle" else found
        rows += [
            estimate_row(
                "S2-8",
                "dossier_before_meeting",
                (r.share, r.low, r.high, int(r.n)),
                "share",
                group_by=way,
                group=r.Index,
            )
            for r in found.itertuples()
        ]
    return pd.DataFrame(rows).assign(window_start=start, window_end=end)


def _counts(
    name: str, unit: str, day: pd.Series, of: pd.Series, quarters_counted: pd.PeriodIndex
) -> list[dict[str, object]]:
    """Rows of a count by quarter, and by cycle."""
    ways = (
        ("quarter", day.dt.to_period(quarters_counted.freq).astype("str"), [str(q) for q in quarters_counted]),
        ("cycle", of, [c for c in CYCLES if (of == c).any()]),
    )
    return [
        measure_row("S2-8", name, float((label == g).sum()), unit, int((label == g).sum()), group_by=way, group=g)
        for way, label, groups in ways
        for g in groups
    ]
