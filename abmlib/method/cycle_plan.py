"""How accounts of each cycle buy, and the plan for each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method.cycle import ALL
from abmlib.method.cycle_measures import by_cycle, of_cycles
from abmlib.method.cycle_rules import CYCLES, EVIDENCE, Rules
from abmlib.method.deals import known_sum, open_deals
from abmlib.tables import schema

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

    Returns
    -------
    DataFrame, one row per cycle: ``cycle, accounts, revenue`` (of the last year), ``open_amount`` (both missing where no
    purchase, or no amount of a deal, is known), ``product_lines, bounds`` (what
    points to the cycle), ``measures, window_days, horizon_days, thresholds`` (share of accounts asked, by element),
    ``knowledge, data, messaging, tactics, commitment`` (what is asked), ``hand_over, response_hours, hours_justified,
    hours_spent`` (a year, all accounts), ``campaign_spend, next_step`` (of the element furthest from its target), ``owner,
    owner_as`` (of the cycle's sales commitment)

    References
    ----------
    S2-2. House definition; README, glossary entry "plan of a cycle".
    """
    bounds, of_account = rules.table().set_index("evidence"), main.set_index("account_id")
    money = open_deals(deals)[["account_id", "amount"]]
    money = money.groupby(money["account_id"].map(of_account["cycle"]))["amount"].sum(min_count=1)
    rows = []
    for name in (c for c in CYCLES if (main["cycle"] == c).any()):
        ids = of_account.index[of_account["cycle"] == name]
        asked, timing, of = rules.cells, rules.cycles[name], effort[effort.index.isin(ids)]
        gaps = cells[(cells["cycle"] == name) & (cells["verdict"] == "gap")]
        short = (gaps["target"] - gaps["share"]).sort_values(ascending=False, kind="stable").index[:1]
        sales = cells[(cells["cycle"] == name) & (cells["element"] == "sales_commitment")].iloc[0]
        lines = of_account.loc[ids, "product_line"].replace({ALL: "no line known"}).value_counts()
        rows.append({
            "cycle": name, "accounts": len(ids), "revenue": known_sum(of["revenue"]) if effort["revenue"].any() else np.nan,
            "open_amount": money.get(name, 0.0) if deals["amount"].notna().any() else np.nan,
            "product_lines": ", ".join(f"{line} ({n:,})" for line, n in lines.items()),
            "bounds": "; ".join(
                f"{e.replace('_', ' ')} {bounds.loc[e, name]}" for e in EVIDENCE if bounds.loc[e, "weight"] > 0
            ),
            "measures": ", ".join(m.replace("_", " ") for m in timing.measures),
            "window_days": int(timing.window_days), "horizon_days": int(timing.horizon_days),
            "thresholds": ", ".join(f"{e.replace('_', ' ')} {asked[e][name].target:.0%}" for e in asked),
            "knowledge": asked["customer_knowledge"][name].asks, "data": asked["data"][name].asks,
            "messaging": asked["messaging"][name].asks, "tactics": asked["tactics"][name].asks,
            "commitment": asked["sales_commitment"][name].asks,
            "hand_over": timing.hand_over, "response_hours": timing.response_hours,
            "hours_justified": known_sum(of["break_even_hours"]), "hours_spent": known_sum(of["hours"]),
            "campaign_spend": spent.get(name, np.nan),
            "next_step": " ".join(gaps.loc[short, "next_step"]), "owner": sales["owner"], "owner_as": sales["owner_as"],
        })  # fmt: skip
    return pd.DataFrame(rows) if rows else schema.empty("01_plan")
