"""All that the notebooks know of each account, one row per account: the pack that leadership and owners read."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method import framework
from abmlib.method.deals import decided, open_deals, won_flag
from abmlib.method.periods import DAY, Period, trailing
from abmlib.tables import schema
from abmlib.tables.decisions import in_order

NAME = "15_accounts"
LEFT = ("00_account_data", "00_buying_groups", "01_cycles", "03_key_accounts", "12_opportunity_flags")  # what it reads
FEATURES = [
    "revenue_12m",
    "revenue_growth_12m",
    "margin_12m",
    "touches_in_90d",
    "touches_out_90d",
    "open_amount",
    "deals_open",
    "days_since_touch_in",
    "contacts_reachable",
]
CYCLES = ("early", "mid", "full")
SHORTER = {  # of a decision: what stands before its order, what follows the first clause, counts over all accounts
    r"^(?:DRAFT|[^:]* cycle): ": "",
    r"(?:;| \(|, (?:or|and|in|as|at) ).*": "",
    r"\b\d[\d,]* (?=(?:overdue |stalled )?deals?\b)": "its ",
}
LARGEST = 10  # accounts of the largest open amount that the summary speaks of
KNOWN = (
    0.5  # share of people with a role, or of accounts with open deals and a touch in a year, below which nobody knows
)
QUIET_DAYS = 90  # without a touch of the account


def account_pack(
    accounts: pd.DataFrame,
    features: pd.DataFrame,
    deals: pd.DataFrame,
    tiers: pd.DataFrame,
    left: Mapping[str, pd.DataFrame],
    decisions: pd.DataFrame,
    year: Period,
    spent: pd.DataFrame,
) -> pd.DataFrame:
    """Everything known of each account; columns of what no notebook left, or the source lacks, are empty.

    Every account has a row, those with the largest open amount first, then those with most revenue of 12 months. Of a decision
    the advice keeps the first clause, in the order of reading.

    Parameters
    ----------
    accounts : DataFrame, indexed by account id, with ``status, owner_id``
    features : DataFrame, indexed by account id: `FEATURES`
    deals : DataFrame of `deals.with_days`
    tiers : ``tables.schema.ACCOUNT_TIERS``
    left : tables of `LEFT` by name; those not there are left out
    decisions : decisions of all notebooks, to the spec of ``decisions``
    year : the 12 months in which a win counts; its end is the day of the report
    spent : DataFrame of `cycle_effort.shared_spend` in this year; spend, or touches, are missing where none is known at all

    Returns
    -------
    DataFrame to the spec of ``15_accounts``

    References
    ----------
    S0-10, S0-2.
    """
    pack = accounts[["status", "owner_id"]].join(features)
    if deals.empty:
        pack[["open_amount", "deals_open"]] = np.nan
    over = decided(deals)
    undated = {
        won: over.loc[over["closed_day"].isna() & (won_flag(over) | (not won)), "account_id"] for won in (True, False)
    }
    for name, days in {"won_12m": year, "won_12m_before": trailing(year.start - DAY, 12)}.items():
        won = over[won_flag(over) & over["closed_day"].between(days.start, days.end)].groupby("account_id")["amount"]
        pack[name] = _none_is_zero(won.sum(min_count=1), pack.index, undated[True], deals)
    for name in ("touches", "spend"):
        part = spent.groupby("account_id")[name].sum().reindex(pack.index, fill_value=0.0)
        pack[f"campaign_{name}_12m"] = part if spent[name].sum() else np.nan
    live = open_deals(deals).sort_values("amount", ascending=False, kind="stable").dropna(subset="owner_id")
    owners = live.drop_duplicates(["account_id", "owner_id"]).groupby("account_id")["owner_id"].agg("; ".join)
    over = over[over["closed_day"].between(year.start, year.end)]
    for name, rows in {"deals_decided_12m": over, "deals_won_12m": over[won_flag(over)]}.items():
        pack[name] = _none_is_zero(rows.groupby("account_id").size(), pack.index, undated["won" in name], deals)
    pack["tier"] = framework.tiers_on(tiers, year.end).reindex(pack.index)
    pack["last_touch"] = year.end - pack.pop("days_since_touch_in").astype("Float64").astype(float) * DAY
    parts = [reduce(left[name]) for name, reduce in REDUCED.items() if name in left]
    named = in_order(decisions.dropna(subset="account_id"))
    text = named["text"]
    for what, by in SHORTER.items():
        text = text.str.replace(what, by, regex=True)
    by = (text.str[:1].str.upper() + text.str[1:] + " (" + named["notebook"] + ")").groupby(named["account_id"])
    advice = pd.DataFrame({"decisions": by.size(), "advice": by.agg("; ".join)})
    pack = pack.join([*parts, advice, owners.rename("deal_owners")]).fillna({"decisions": 0})
    counted, idle = [c for c in ("stalled", "overdue") if c in pack], ~pack.index.isin(_with_deals(left))
    pack.loc[idle, counted] = 0
    money = pack[["open_amount", "revenue_12m"]].astype("Float64").fillna(0)
    order = money.sort_values(["open_amount", "revenue_12m"], ascending=False, kind="stable").index
    return schema.conform(NAME, pack.loc[order].rename_axis("account_id").reset_index())


def _none_is_zero(found: pd.Series, accounts: pd.Index, undated: pd.Series, deals: pd.DataFrame) -> pd.Series:
    """Values of all accounts: 0 of those without any, missing where their deals have no day, and where there are no deals."""
    unknown = accounts.isin(undated) | deals.empty
    return found.reindex(accounts, fill_value=0.0).astype("float64").mask(unknown & ~accounts.isin(found.index))


def _groups(table: pd.DataFrame) -> pd.DataFrame:
    """Roles that a play needs and nobody we reach holds, and how many somebody does."""
    missing = table[table["missing"]].groupby("account_id")["role"].agg("; ".join)
    filled = (~table["missing"]).groupby(table["account_id"]).sum()
    return pd.DataFrame({"missing_roles": missing, "roles_filled": filled})


def _cycles(table: pd.DataFrame) -> pd.DataFrame:
    """Buying cycles of the lines of an account, the earliest first."""
    once = table.drop_duplicates(["account_id", "cycle"]).sort_values("cycle", key=lambda c: c.map(CYCLES.index))
    return once.groupby("account_id")["cycle"].agg("; ".join).to_frame()


def _flags(table: pd.DataFrame) -> pd.DataFrame:
    """Open deals that stall or are overdue; missing where none is known to be, and one cannot be judged."""
    marks = table[["stalled", "overdue"]].astype("Float64")
    marks["overdue"] = marks["overdue"].where(table["close_date"].notna())
    of, unknown = marks.groupby(table["account_id"]), marks.isna().groupby(table["account_id"]).any()
    return of.sum().where(lambda sums: (sums > 0) | ~unknown)


def _with_deals(left: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Accounts with an open deal."""
    return left["12_opportunity_flags"]["account_id"].dropna() if "12_opportunity_flags" in left else pd.Series([])


REDUCED = {
    "00_account_data": lambda t: t.set_index("account_id")[["verdict"]],
    "00_buying_groups": _groups,
    "01_cycles": _cycles,
    "03_key_accounts": lambda t: t.set_index("account_id")[["pareto_class", "chosen"]],
    "12_opportunity_flags": _flags,
}


def largest(pack: pd.DataFrame, roles: pd.Series, as_of: pd.Timestamp, open_amount: float) -> dict[str, float]:
    """What the first `LARGEST` accounts of a pack hold, and what is not in order there.

    Only accounts with an open amount count, where one has any.

    Roles are unknown where most people have none entered; touches where most accounts with open deals had none in a year.

    Parameters
    ----------
    pack : DataFrame of `account_pack`
    roles : of all people, missing where none is entered
    open_amount : of all open deals, those without an account too

    Returns
    -------
    dict: ``accounts`` (counted), ``revenue_share, open_share`` (of all; missing without any), ``stalled`` (accounts with a deal
    that stalls or is overdue), ``roles`` (that lack a role), ``quiet`` (without a touch in `QUIET_DAYS` days),
    ``no_decision``; missing where unknown

    References
    ----------
    S0-10.
    """
    has = pack["open_amount"].gt(0).fillna(False).astype(bool)
    top, money = (pack[has] if has.any() else pack).head(LARGEST), pack[["revenue_12m", "open_amount"]].sum()
    money["open_amount"] = open_amount
    shares = top[["revenue_12m", "open_amount"]].sum() / money.where(money > 0)
    flagged = top[["stalled", "overdue"]].sum(axis=1, min_count=1)
    quiet = ~(top["last_touch"] > as_of - QUIET_DAYS * DAY)
    unknown, live = float("nan"), pack.loc[pack["deals_open"] > 0, "last_touch"]
    logged = pack["last_touch"].notna().any() and not (live > as_of - pd.DateOffset(years=1)).mean() < KNOWN
    return {
        "accounts": len(top),
        "revenue_share": float(shares["revenue_12m"]),
        "open_share": float(shares["open_amount"]),
        "stalled": float((flagged > 0).sum()) if flagged.notna().any() else unknown,
        "roles": float(top["missing_roles"].notna().sum()) if roles.notna().mean() >= KNOWN else unknown,
        "quiet": float(quiet.sum()) if logged else unknown,
        "no_decision": float((top["decisions"] == 0).sum()),
    }
