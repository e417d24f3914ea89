"""How accounts of each cycle buy, and the plan for each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method import elements
from abmlib.method.cycle import ALL
from abmlib.method.cycle_measures import by_cycle, of_cycles
from abmlib.method.cycle_rules import CYCLES, EVIDENCE, Rules
from abmlib.method.deals import known_sum, open_deals
from abmlib.stats import intervals
from abmlib.tables import programme, schema
from abmlib.tables.definitions import measures as dictionary

NAMES = {  # of each kind of evidence, as people say it
    "deal_value": "deal value", "cycle_days": "days to decide", "orders_per_year": "orders a year", "buyers": "people on a deal",
    "buyer_level": "level of people on a deal",
}  # fmt: skip
FEWER = ("suitability_cycle_days",)  # measures of which fewer is better
ROUND = 20  # from here on a value is said without decimals
PROFILE = {"deal_value": "currency", "orders_per_year": "orders a year", "buyers": "people", "buyer_level": "level"}


def profile_rows(typical: pd.DataFrame, cycles: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` by cycle: what is typical of an account.

    The median over accounts and lines.

    An account counts in each of its lines, as a cluster. How long deals take is in `cycle_deals.course_rows`, by deal.

    Parameters
    ----------
    typical : DataFrame of `cycle.typical_values`
    cycles : DataFrame of `cycle.with_overrides`

    References
    ----------
    S2-4.
    """
    at = typical.merge(cycles[["account_id", "product_line", "cycle"]], "left", on=["account_id", "product_line"])
    rows = []
    for name, unit in PROFILE.items():
        of = at[at["evidence"] == name]
        found = of_cycles(of["value"].astype(float), of["cycle"], of["account_id"], np.median)
        rows += by_cycle("S2-4", f"typical_{name}", found, unit, "people on deals" if "buyer" in name else "amounts")
    return pd.DataFrame(rows)


def plan(
    rules: Rules,
    main: pd.DataFrame,
    deals: pd.DataFrame,
    effort: pd.DataFrame,
    spent: Mapping[str, float],
    cells: pd.DataFrame,
    measured: pd.DataFrame,
    team: pd.DataFrame,
    accounts: pd.DataFrame,
    aims: Mapping[str, str],
    due: pd.Timestamp,
) -> pd.DataFrame:
    """Plan for each cycle with an account, as the table ``01_plan``.

    Parameters
    ----------
    rules : the rules in force
    main : DataFrame of `cycle.main_line`
    deals : DataFrame of `with_days`
    effort : DataFrame of `cycle_effort.effort`, indexed by account id
    spent : what campaigns cost in the last year, by cycle; a cycle without is missing
    cells : DataFrame of `elements.cells`
    measured : rows of measures by cycle; a measure of success that is among them has its value and `act_at` behind it
    team, accounts : ``tables.schema.TEAM``, ``ACCOUNTS``
    aims : objectives of each cycle, of `aims_of`
    due : day by which the next step is done, or the plan is looked at again

    Returns
    -------
    DataFrame, one row per cycle: ``cycle, accounts, revenue`` (of the last year), ``open_amount`` (both missing where no
    purchase, or no amount of a deal, is known), ``product_lines, bounds`` (what points to the cycle, as people say it; lists
    are joined by ``;``), ``aims, measures, window_days, horizon_days, thresholds`` (share of accounts asked and now, by
    element), ``knowledge, data, messaging, tactics, commitment`` (what is asked), ``hand_over, response_hours,
    hours_spent`` (a year, all accounts), ``campaign_spend,
    next_step, next_owner`` (of the element furthest from its target), ``due, owner, owner_as, marketing_owner``
    (`elements.owner_of` of sales and of tactics)

    References
    ----------
    S2-2. House definition; README, glossary entry "plan of a cycle".
    """
    of_account = main.set_index("account_id")
    values = measured[(measured["group_by"] == "cycle") & measured["value"].notna()]
    values = values.set_index(["group", "definition_id"])[["value", "low", "high", "unit"]]
    money = open_deals(deals)[["account_id", "amount"]]
    money = money.groupby(money["account_id"].map(of_account["cycle"]))["amount"].sum(min_count=1)
    rows = []
    for name in (c for c in CYCLES if (main["cycle"] == c).any()):
        ids = of_account.index[of_account["cycle"] == name]
        asked, timing, of = rules.cells, rules.cycles[name], effort[effort.index.isin(ids)]
        targets = {f"element_{e}": asked[e][name].target for e in asked}
        old = set(cells.loc[(cells["cycle"] == name) & cells["old"], "element"])
        gaps = cells[(cells["cycle"] == name) & (cells["verdict"] == "gap")]
        short = (gaps["target"] - gaps["share"]).sort_values(ascending=False, kind="stable").index[:1]
        owner, owner_as = elements.owner_of("sales", team, accounts, ids)
        lines = of_account.loc[ids, "product_line"].replace({ALL: "no line known"}).value_counts()
        rows.append({
            "cycle": name, "accounts": len(ids), "revenue": known_sum(of["revenue"]) if effort["revenue"].any() else np.nan,
            "open_amount": money.get(name, 0.0) if deals["amount"].notna().any() else np.nan,
            "aims": aims.get(name, ""), "product_lines": "; ".join(f"{line} ({n:,})" for line, n in lines.items()),
            "bounds": "; ".join(
                f"{NAMES[e]} {rules.evidence[e].spoken()[CYCLES.index(name)]}" for e in EVIDENCE if rules.evidence[e].weight > 0
            ),
            "measures": "; ".join(
                dictionary.name(m) + _now(values, name, m, targets.get(m)) for m in timing.measures
            ),
            "window_days": int(timing.window_days), "horizon_days": int(timing.horizon_days),
            "thresholds": "; ".join(
                e.replace("_", " ") + _now(values, name, f"element_{e}", targets[f"element_{e}"], e in old) for e in asked
            ),
            "knowledge": asked["customer_knowledge"][name].asks, "data": asked["data"][name].asks,
            "messaging": asked["messaging"][name].asks, "tactics": asked["tactics"][name].asks,
            "commitment": asked["sales_commitment"][name].asks,
            "hand_over": timing.hand_over, "response_hours": timing.response_hours,
            "hours_spent": known_sum(of["hours"]),
            "campaign_spend": spent.get(name, np.nan),
            "next_step": " ".join(gaps.loc[short, "next_step"]), "next_owner": next(iter(gaps.loc[short, "owner"]), None),
            "due": due, "owner": owner, "owner_as": owner_as,
            "marketing_owner": elements.owner_of(elements.FUNCTIONS["tactics"], team, accounts, ids)[0],
        })  # fmt: skip
    return pd.DataFrame(rows) if rows else schema.empty("01_plan")


def _now(values: pd.DataFrame, cycle: str, measure: str, asked: float | None = None, is_old: bool = False) -> str:
    """Write the present value of a measure in a cycle, and what is asked, else the value from which on to act."""
    if (cycle, measure) not in values.index:
        return f" (not measured, asked {asked:.0%})" if asked is not None else " (not measured)"
    value, low, high, unit = values.loc[(cycle, measure)]
    if asked is not None:
        return f" (now {value:.0%}{', old' * is_old}, asked {asked:.0%})"
    form = "{:.0%}" if unit == "share" else "{:,.0f}" if value >= ROUND or pd.isna(low) else "{:,.1f}"
    edge, worse = act_at(value, low, high, measure in FEWER), "above" if measure in FEWER else "below"
    if unit == "share" and not value:
        return " (none now: act)"
    now, bound = form.format(value), form.format(edge)
    bound = f"{edge:,.2f}" if bound == now else bound
    act = "too few to see a fall" if edge <= 0 or bound == form.format(0) else f"act {worse} {bound}"
    return f" (now {now}, {act})"


def act_at(value: float, low: float, high: float, fewer_is_better: bool) -> float:
    """Value from which on a later one is worse than today's beyond chance, if both are as uncertain; 0 or less: none is.

    A value without an interval is a count, whose root has a standard deviation of a half.

    Parameters
    ----------
    low, high : ends of today's interval; missing for a count

    References
    ----------
    Bartlett (1936), "The square root transformation in analysis of variance", JRSS Supplement 3, 68-78.

    Examples
    --------
    >>> round(act_at(100, float("nan"), float("nan"), False)), round(act_at(50, 40, 60, True), 1)
    (74, 64.1)
    """
    if pd.isna(low):
        root = np.sqrt(value) + (intervals.Z if fewer_is_better else -intervals.Z) / np.sqrt(2)
        return float(root**2 if root > 0 else 0)
    return float(value + np.sqrt(2) * ((high - value) if fewer_is_better else (low - value)))


def aims_of(
    objectives: pd.DataFrame, items: pd.DataFrame, main: pd.DataFrame, present: Mapping[str, tuple[float, int, str]]
) -> dict[str, str]:
    """Objectives of each cycle in words, with baseline, target and present value, by the account plans that serve them.

    Parameters
    ----------
    objectives, items : ``tables.schema.OBJECTIVES``, ``PLAN_ITEMS``
    main : DataFrame of `cycle.main_line`
    present : of `framework.present_values`, of all accounts of the list
    """
    aims = programme.latest_entries("objectives", objectives).set_index("objective_id")
    plans = programme.latest_entries("plan_items", items)
    plans = plans[plans["objective_id"].isin(aims.index)]
    of = plans["account_id"].map(main.set_index("account_id")["cycle"])
    many = plans.groupby([of, "objective_id"])["account_id"].nunique()
    said: dict[str, list[str]] = {}
    for (cycle, which), n in many.items():
        aim = aims.loc[which]
        name = dictionary.name(aim["measure_id"])
        now = f", now {present[aim['measure_id']][0]:,.2f}" if aim["measure_id"] in present else ""
        said.setdefault(str(cycle), []).append(
            f"{name} from {aim['baseline']:g} to {aim['target']:g}{now} ({n:,} account plan{'s' * (n != 1)})"
        )
    return {cycle: "; ".join(them) for cycle, them in said.items()}
