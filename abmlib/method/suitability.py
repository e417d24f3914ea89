"""Is account-based marketing worth its effort here: segment by segment, element by element, account by account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import framework
from abmlib.method.cycle import ALL, CYCLES, ELEMENTS, Rules
from abmlib.method.deals import won_flag
from abmlib.method.measures import measure_row
from abmlib.stats import concentration, intervals, survival
from abmlib.tables import programme

SEED = 23  # of every bootstrap here
LEAST_JUDGED = 3  # criteria below which nothing is said of a segment
FEWEST = 10  # accounts of a segment below which nothing is judged
TOP = 0.2  # share of accounts whose share of revenue is asked for
YES, NO, UNSURE, EARLY, UNKNOWN = "yes", "no", "unsure", "too_early", "not_answerable"
UNITS = {
    "deal_value": "currency",
    "cycle_days": "days",
    "buyers": "people",
    "top_fifth_share": "share",
    "lines": "lines",
}
REASONS = {
    "deal_value": "deals are large enough to pay for effort on one account",
    "cycle_days": "decisions take long enough to be influenced",
    "buyers": "several people must be won over",
    "top_fifth_share": "a few accounts carry the business",
    "lines": "there is more than one thing to sell to an account",
}
BY_LINE = "product line"
DAY = pd.Timedelta(days=1)
YEAR = 365


# -- segment by segment -----------------------------------------------------------------------------------------------


def criteria(
    seen: pd.DataFrame, deals: pd.DataFrame, lines: pd.DataFrame, segment: pd.Series, rules: Rules
) -> pd.DataFrame:
    """Hold all accounts, each segment and each line of business against what makes account-based marketing worth its effort.

    An account counts once: with the median money of its deals and orders, the mean of the people on its deals, its lines of
    business. Days to close are those of deals, open ones counted on. Revenue is what was billed, or the amounts of won deals
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
    deals = deals.assign(product_line=deals["product_line"].fillna(ALL))
    frames = (seen, deals, lines)
    many = _lines_bought(seen)
    rows = [{"by": ALL, "segment": ALL} | row for row in _criteria(frames, many, rules)]
    for line in sorted(seen["product_line"].unique()):
        of = tuple(f[f["product_line"] == line] for f in frames)
        rows += [{"by": BY_LINE, "segment": line} | row for row in _criteria(of, many, rules)]
    known = segment.dropna().astype("str")
    named = {name: known.index[known == name] for name in sorted(known.unique())}
    if named and len(known) < len(segment):
        named["unknown"] = segment.index.difference(known.index)
    for name, ids in named.items():
        of = tuple(f[f["account_id"].isin(ids)] for f in frames)
        rows += [{"by": str(segment.name), "segment": name} | row for row in _criteria(of, many, rules)]
    return pd.DataFrame(rows)


def _lines_bought(seen: pd.DataFrame) -> pd.Series:
    """Lines of business each account has dealt in."""
    bought = seen[seen["evidence"].isin(["deal_value", "orders_per_year"])]
    return bought.groupby("account_id")["product_line"].nunique().astype(float)


def _criteria(
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], many: pd.Series, rules: Rules
) -> list[dict[str, Any]]:
    """Rows of `criteria` of one part."""
    seen, deals, lines = frames
    value, buyers = (seen[seen["evidence"] == e].groupby("account_id")["value"] for e in ("deal_value", "buyers"))
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal") & deals["account_id"].notna()]
    took = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    revenue = lines.groupby("account_id")["revenue"].sum()
    won = deals[won_flag(deals)].groupby("account_id")["amount"].sum()
    money = revenue[revenue > 0] if len(revenue) else won[won > 0]
    top = concentration.top_share(money, TOP) if len(money) else np.nan
    found = {
        "deal_value": intervals.estimate(value.median(), np.median, SEED),
        "cycle_days": (took.value, took.low, took.high, aged["account_id"].nunique()),
        "buyers": intervals.estimate(buyers.mean(), np.mean, SEED),
        "top_fifth_share": (top, top, top, len(money)),  # a count of the whole, no estimate
        "lines": intervals.estimate(many[many.index.isin(seen["account_id"])], np.mean, SEED),
    }
    rows = []
    for name, (middle, low, high, n) in found.items():
        asked = rules.suitability[name]
        verdict = UNKNOWN if n == 0 else EARLY if n < FEWEST else _against(low, high, asked)
        rows.append(
            {
                "criterion": name, "value": middle, "unit": UNITS[name], "low": low, "high": high, "n": int(n), "asked": asked,
                "verdict": verdict, "reason": REASONS[name],
            }
        )  # fmt: skip
    return rows


def _against(low: float, high: float, asked: float) -> str:
    """Does an interval lie at or above what is asked, or below it; `UNSURE` where it holds it or is not known."""
    return YES if low >= asked else NO if high < asked else UNSURE


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """Say of each part whether account-based marketing suits it.

    ``suited``: more than half of the criteria that can be judged say yes, and deals are not too small; ``not suited``: more
    than half say no; ``mixed``: neither; ``too little is known``: fewer than `LEAST_JUDGED` can be judged.

    Parameters
    ----------
    judged : DataFrame of `criteria`

    Returns
    -------
    DataFrame, one row per part, in order: ``by, segment, verdict, yes, no, unsure`` (counts of criteria), ``speaks_for,
    speaks_against`` (their names)
    """
    rows = []
    for (by, name), of in judged.groupby(["by", "segment"], sort=False):
        told = {v: of.loc[of["verdict"] == v, "criterion"].tolist() for v in (YES, NO, UNSURE)}
        many = sum(map(len, told.values()))
        verdict = (
            "too little is known" if many < LEAST_JUDGED else "not suited" if len(told[NO]) > many / 2
            else "suited" if len(told[YES]) > many / 2 and "deal_value" not in told[NO] else "mixed"
        )  # fmt: skip
        rows.append(
            {
                "by": by, "segment": name, "verdict": verdict, **{v: len(names) for v, names in told.items()},
                "speaks_for": ", ".join(told[YES]), "speaks_against": ", ".join(told[NO]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def criteria_rows(judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the criteria as rows of `measures`; what is too early or not answerable has no value.

    Parameters
    ----------
    judged : DataFrame of `criteria`
    """
    rows = []
    for row in judged.itertuples():
        told = row.verdict not in (EARLY, UNKNOWN)
        drawn = told and row.criterion != "top_fifth_share"  # that one is a count of the whole
        rows.append(
            measure_row(
                "S0-3", f"suitability_{row.criterion}", row.value if told else np.nan, row.unit, row.n,
                status="ok" if told else row.verdict, low=row.low if drawn else np.nan, high=row.high if drawn else np.nan,
                level=intervals.LEVEL if drawn else np.nan, group_by=row.by, group=row.segment,
            )
        )  # fmt: skip
    return rows


# -- effort account by account ----------------------------------------------------------------------------------------


def hours_spent(activities: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.Series:
    """Sum the hours sales spent on each account in the last year; missing for all where the source times none of it.

    An hour is what the touch says of our time, else how long it lasted. Touches of sales count; where the team is not
    known, meetings and calls do.

    Returns
    -------
    Series, indexed by `accounts`; unit: hours; 0 for an account without a timed touch
    """
    team = activities["team"]
    ours = team.eq("sales").fillna(False) | (team.isna() & activities["channel"].isin(["meeting", "phone"]))
    year = activities["occurred_day"] > as_of - YEAR * DAY
    of = activities[ours & year & activities["account_id"].isin(accounts)]
    hours = of["person_hours"].fillna(of["duration_min"] / 60)
    if hours.isna().all():
        return pd.Series(np.nan, accounts, name="hours")
    return hours.groupby(of["account_id"]).sum().reindex(accounts, fill_value=0.0).rename("hours")


def effort(
    worth: pd.DataFrame, hours: pd.Series, cycle: pd.Series, hour_cost: float, gain: float, default_margin: float
) -> pd.DataFrame:
    """Say how many hours a year an account is worth, and how many it gets.

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
    even = margin.clip(lower=0) * gain / hour_cost
    return pd.DataFrame(
        {
            "cycle": cycle.reindex(worth.index), "revenue": worth["revenue"], "margin": margin, "break_even_hours": even,
            "hours": hours.reindex(worth.index), "spare_hours": even - hours.reindex(worth.index),
        }
    )  # fmt: skip


def effort_by_cycle(spent: pd.DataFrame) -> pd.DataFrame:
    """Sum up `effort` by cycle: how much effort an account bears in each.

    Accounts without revenue in the year do not count.

    Returns
    -------
    DataFrame, one row per cycle: ``cycle, accounts, margin_median`` (reporting currency), ``break_even_hours_median,
    hours_median`` (a year), ``above`` (accounts that get more hours than break even), ``judged`` (accounts with both)
    """
    of = spent[spent["revenue"] > 0]
    by = of.groupby("cycle")
    both = of["spare_hours"].notna()
    out = pd.DataFrame(
        {
            "accounts": by.size(), "margin_median": by["margin"].median(),
            "break_even_hours_median": by["break_even_hours"].median(), "hours_median": by["hours"].median(),
            "above": (of["spare_hours"] < 0).groupby(of["cycle"]).sum(), "judged": both.groupby(of["cycle"]).sum(),
        }
    )  # fmt: skip
    out = out.reindex(CYCLES)
    out[["accounts", "above", "judged"]] = out[["accounts", "above", "judged"]].fillna(0).astype(int)
    return out.rename_axis("cycle").reset_index()


# -- five elements in three cycles ------------------------------------------------------------------------------------


def cells(tables: Mapping[str, pd.DataFrame], main: pd.DataFrame, rules: Rules, as_of: pd.Timestamp) -> pd.DataFrame:
    """Hold what the method asks of each element in each cycle against what the data show: 15 cells.

    Each cell is the share of the accounts of its cycle (or of the personas, or hand-overs) for which what is asked is there.
    All of them are counted, so the share needs no interval.

    Parameters
    ----------
    tables : ``tables.schema`` tables by name, as known on the day; empty ones where the source has none
    main : DataFrame of `cycle.main_line`, one row per account
    rules : the rule file: what is asked, targets and next steps

    Returns
    -------
    DataFrame, one row per cell: ``element, cycle, asks, evidence`` (what was counted), ``k, n, share, target``,
    ``verdict`` (``in place``: at the target or above; ``gap``: below; ``not_answerable``: the tables are empty, a column
    is filled nowhere, as on an earlier day one without a history is, or there is nobody to count), ``next_step`` (empty
    where it is in place)

    References
    ----------
    S2-5, S2-8 to S2-25. House definition; README, glossary entry "five elements".
    """
    rows = []
    for cycle in CYCLES:
        ids = pd.Index(main.loc[main["cycle"] == cycle, "account_id"])
        window = as_of - rules.cycles[cycle].window_days * DAY
        for element in ELEMENTS:
            needs, counted, told = _COUNTED[element, cycle]
            k, n = counted(Asked(tables, cycle, ids, window, as_of)) if _is_recorded(tables, needs) else (0, 0)
            cell = rules.cells[element][cycle]
            rows.append(
                {
                    "element": element, "cycle": cycle, "asks": cell.asks, "evidence": told, "k": k, "n": n,
                    "target": cell.target, "next_step": cell.next,
                }
            )  # fmt: skip
    out = pd.DataFrame(rows)
    out["share"] = out["k"] / out["n"].where(out["n"] > 0)
    verdict = np.select([out["n"] == 0, out["share"] >= out["target"]], [UNKNOWN, "in place"], "gap")
    out = out.assign(verdict=verdict, next_step=out["next_step"].mask(verdict == "in place", ""))
    return out.sort_values("element", key=lambda s: s.map(ELEMENTS.index), kind="stable", ignore_index=True)


def _is_recorded(tables: Mapping[str, pd.DataFrame], needs: tuple[str, ...]) -> bool:
    """Say whether one of the tables needed has a row, and each column needed, as table.column, a value anywhere."""
    rows = [len(tables[name]) > 0 for name in needs if "." not in name]
    columns = [tables[name][column] for name, dot, column in (n.partition(".") for n in needs) if dot]
    return (any(rows) or not rows) and all(bool((c.notna() & c.ne("unknown")).any()) for c in columns)


def cell_rows(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the cells as rows of `measures`."""
    return [
        measure_row(
            "S2-5", f"element_{row.element}", row.share, "share", row.n, group_by="cycle", group=row.cycle,
        )
        for row in found.itertuples()
    ]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a cell is counted on: the tables, and the accounts of its cycle."""

    tables: Mapping[str, pd.DataFrame]
    cycle: str
    accounts: pd.Index
    window: pd.Timestamp  # touches after it count
    as_of: pd.Timestamp

    def touches(self) -> pd.DataFrame:
        """Touches in the window that no machine made."""
        return _human(self.tables["activities"], "occurred_day", self.window)


Counted = Callable[[Asked], tuple[int, int]]


def _human(rows: pd.DataFrame, day: str, after: pd.Timestamp) -> pd.DataFrame:
    """Keep what happened after a day and no machine did."""
    return rows[(rows[day] > after) & ~rows["is_bot"].fillna(False).astype(bool)]


def _of(ids: pd.Index, *found: pd.Series) -> tuple[int, int]:
    """Count the accounts of `ids` named in any of some columns, and all of them."""
    return int(ids.isin(pd.concat([f.dropna() for f in found]).unique()).sum()), len(ids)


def _insights(kinds: tuple[str, ...], *feeds: str) -> Counted:
    """Accounts of which something of some kinds is noted and not out of date, or that a feed speaks of."""

    def counted(of: Asked) -> tuple[int, int]:
        noted = of.tables["account_insights"]
        fresh = noted["expires_at"].isna() | (noted["expires_day"] > of.as_of)
        noted = noted[noted["kind"].isin(kinds) & fresh]
        signals = [of.tables[f].loc[of.tables[f]["week"] > of.window, "account_id"] for f in feeds]
        return _of(of.accounts, noted["account_id"], *signals)

    return counted


def _touched(*channels: str) -> Counted:
    """Accounts with a touch by a person in one of some channels."""

    def counted(of: Asked) -> tuple[int, int]:
        touches = of.touches()
        return _of(of.accounts, touches.loc[touches["channel"].isin(channels), "account_id"])

    return counted


def _worked(of: Asked) -> tuple[int, int]:
    """Accounts that sales touched, of those in a tier; of all where there is no list."""
    touches, on = of.touches(), framework.tier_on(of.tables["account_tiers"], of.as_of).index
    ours = touches["team"].eq("sales").fillna(False) & touches["direction"].ne("inbound")
    return _of(of.accounts.intersection(on) if len(on) else of.accounts, touches.loc[ours, "account_id"])


def _executives(of: Asked) -> tuple[int, int]:
    """Accounts where a vice president or chief officer is known."""
    people = of.tables["contacts"]
    high = people["seniority"].isin(["vp", "c_level"]) & people["valid_to"].isna()
    return _of(of.accounts, people.loc[high, "account_id"])


def _market_state(of: Asked) -> tuple[int, int]:
    """Accounts of which a contract, a purchase or a won deal is known."""
    deals = of.tables["opportunities"]
    won = deals.loc[won_flag(deals), "account_id"]
    return _of(of.accounts, of.tables["contracts"]["account_id"], of.tables["transactions"]["account_id"], won)


def _described(of: Asked) -> tuple[int, int]:
    """Accounts with a purchase whose industry, size, region and technology are known."""
    accounts = of.tables["accounts"]
    filled = accounts[["industry", "employees", "region", "tech_stack"]].notna().all(axis=1)
    buying = of.accounts.intersection(of.tables["transactions"]["account_id"].unique())
    return _of(buying, accounts.loc[filled, "account_id"])


def _walked(of: Asked) -> tuple[int, int]:
    """Accounts whose visits to the site or shop are seen."""
    touches = of.touches()
    shop = touches.loc[touches["channel"].isin(["ecommerce", "web"]), "account_id"]
    return _of(of.accounts, shop, _human(of.tables["web_sessions"], "started_day", of.window)["account_id"])


def _messages(of: Asked) -> tuple[int, int]:
    """Personas with a message for the cycle."""
    said = programme.latest_entries("messages", of.tables["messages"])
    said = said[(said["cycle"] == of.cycle) & said[["promise", "proof", "pain"]].ne("").all(axis=1)]
    personas = pd.Index(programme.latest_entries("personas", of.tables["personas"])["persona_id"])
    return _of(personas, said["persona_id"])


def _taken_over(of: Asked) -> tuple[int, int]:
    """Hand-overs that sales accepted with the brief read."""
    sent = programme.latest_entries("hand_overs", of.tables["hand_overs"])
    sent = sent[sent["account_id"].isin(of.accounts) & (sent["sent_day"] > of.window)]
    return int((sent["accepted_at"].notna() & sent["brief_read"].fillna(False).astype(bool)).sum()), len(sent)


def _owned(of: Asked) -> tuple[int, int]:
    """Of the fifth of the accounts with most revenue in the window, those with an owner."""
    bought, accounts = of.tables["transactions"], of.tables["accounts"]
    bought = bought[bought["account_id"].isin(of.accounts) & (bought["booked_at"] > of.window)]
    worth = bought.groupby("account_id")["revenue"].sum()
    worth = worth[worth > 0].nlargest(max(round(TOP * (worth > 0).sum()), 1))
    return _of(pd.Index(worth.index), accounts.loc[accounts["owner_id"].notna(), "account_id"])


_COUNTED: dict[tuple[str, str], tuple[tuple[str, ...], Counted, str]] = {
    ("customer_knowledge", "early"): (
        ("account_insights",), _insights(("issue", "politics", "decision_process", "goal", "situation")),
        "accounts with an issue, goal, politics or decision process noted",
    ),
    ("customer_knowledge", "mid"): (
        ("account_insights", "intent_signals"), _insights(("usage", "trigger", "pain"), "intent_signals"),
        "accounts with usage, trigger or pain noted, or an intent signal",
    ),
    ("customer_knowledge", "full"): (
        ("web_sessions", "activities"), _walked, "accounts whose visits to site or shop are seen",
    ),
    ("data", "early"): (("contacts.seniority",), _executives, "accounts with a vice president or chief officer known"),
    ("data", "mid"): (
        ("contracts", "transactions", "opportunities"), _market_state, "accounts with a contract, purchase or won deal known",
    ),
    ("data", "full"): (
        ("transactions", "accounts.industry", "accounts.employees", "accounts.region", "accounts.tech_stack"), _described,
        "buying accounts with industry, size, region and technology known",
    ),
    ("messaging", "early"): (("messages",), _messages, "personas with a message for this cycle"),
    ("messaging", "mid"): (("messages",), _messages, "personas with a message for this cycle"),
    ("messaging", "full"): (("messages",), _messages, "personas with a message for this cycle"),
    ("tactics", "early"): (
        ("activities",), _touched("meeting", "event", "sponsorship"), "accounts met, or at an event",
    ),
    ("tactics", "mid"): (
        ("activities",), _touched("webinar", "roadshow", "event"), "accounts at a webinar, roadshow or event",
    ),
    ("tactics", "full"): (("activities",), _touched("ecommerce", "email"), "accounts with a shop touch or e-mail"),
    ("sales_commitment", "early"): (
        ("activities",), _worked, "listed accounts that sales touched",
    ),
    ("sales_commitment", "mid"): (("hand_overs",), _taken_over, "hand-overs accepted with the brief read"),
    ("sales_commitment", "full"): (("transactions", "accounts.owner_id"), _owned, "accounts of the top fifth by revenue with an owner"),
}  # fmt: skip


def as_grid(found: pd.DataFrame, column: str) -> pd.DataFrame:
    """Lay one column of `cells` out as elements × cycles."""
    return found.pivot(index="element", columns="cycle", values=column).loc[list(ELEMENTS), list(CYCLES)]


def worst(found: pd.DataFrame, many: int = 5) -> pd.DataFrame:
    """Keep the cells furthest below their target, and then those nobody can judge; those in place are none of them."""
    short = (found["target"] - found["share"]).where(found["verdict"] == "gap")
    order = short.sort_values(ascending=False, kind="stable").dropna().index
    return pd.concat([found.loc[order], found[found["verdict"] == UNKNOWN]]).head(many)
