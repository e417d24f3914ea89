"""Can the data be trusted, account by account, and which questions can it answer?"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import coverage, measures
from abmlib.stats import intervals
from abmlib.tables import identity, schema

SEED = 3  # of every bootstrap here
DESCRIBES = ["name", "domain", "industry", "country", "region", "employees", "annual_revenue", "owner_id"]
BUSINESS = ("recurring_revenue", "revenue_12m")  # features: what a year of running contracts and of purchases brings
DEPTHS = ("below 6 months", "6 to 12", "12 to 24", "24 or more")  # months between first and last record
VERDICTS = ("usable", "stale", "thin", "no record")
RECENT = 31  # days within which a table that is still fed has a row: a month
ENTERED = 0.5  # share of contacts with a role, below which roles are hardly entered and nothing is said of them
ROLES_NEEDED = "the roles of at least half of the contacts"
OURS = {"known_at", "entered_at", "entered_by", "supersedes"}  # never asked of whoever exports
LINKED = (
    "contacts",
    "leads",
    "opportunities",
    "activities",
    "web_sessions",
)  # tables whose rows should belong to an account


# -- tables and accounts ----------------------------------------------------------------------------------------------


def freshness(overview: pd.DataFrame, as_of: pd.Timestamp, n_accounts: int) -> pd.DataFrame:
    """Reach of each table, and the age of its newest row.

    No row is dropped; a table without a date has missing days.

    Parameters
    ----------
    overview : DataFrame of `Book.overview`
    n_accounts : accounts known on the day

    Returns
    -------
    DataFrame, as `overview` with ``account_share`` (share of accounts with a row; missing where the table has no
    account) and ``days_old`` (days from its newest row to `as_of`)

    References
    ----------
    S3-3, freshness.
    """
    share = overview["accounts"].astype("Float64") / (n_accounts or np.nan)
    return overview.assign(account_share=share.astype(float), days_old=(as_of - overview["last_day"]).dt.days)


def account_data(
    accounts: pd.DataFrame, records: pd.DataFrame, as_of: pd.Timestamp, stale_days: int, min_records: int
) -> pd.DataFrame:
    """Verdict on the data of each account: how much is known, from when to when, and whether that is enough.

    Every account has a row. The first verdict that fits holds: ``no record`` in any dated table; ``stale``, its newest
    record is older than `stale_days` or nobody dated any; ``thin``, fewer than `min_records` records; ``usable``.

    Parameters
    ----------
    accounts : DataFrame, one row per account
        ``tables.schema.ACCOUNTS``.
    records : DataFrame of `Book.fact_counts`, one row per account and table

    Returns
    -------
    DataFrame to the spec of ``00_account_data``, in the order of `accounts`

    References
    ----------
    S0-2, S2-22. House definition; README, glossary entry "data verdict".
    """
    by = records.groupby("account_id")
    seen = by.agg(
        first_seen=("first_day", "min"), last_seen=("last_day", "max"), records=("rows", "sum"), sources=("table", "nunique")
    )  # fmt: skip
    out = accounts[["account_id", "status"]].join(seen, on="account_id").fillna({"records": 0, "sources": 0})
    days, n = (as_of - out["last_seen"]).dt.days, out["records"]
    conditions = [n == 0, (days > stale_days) | days.isna(), n < min_records]
    verdict = np.select(conditions, ["no record", "stale", "thin"], "usable")
    return out.assign(filled_share=accounts[DESCRIBES].notna().mean(axis=1), days_since_last=days, verdict=verdict)


def verdict_counts(judged: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by status and verdict: prospects and customers stay apart.

    Returns
    -------
    DataFrame of counts, one row per status present, one column per verdict

    References
    ----------
    S0-6.
    """
    table = pd.crosstab(judged["status"], judged["verdict"])
    return table.reindex(columns=VERDICTS, fill_value=0).rename_axis(index=None, columns=None)


def usable_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: share of the accounts of each status in `account_data` that are usable; without an interval.

    References
    ----------
    S0-6.
    """
    by = judged["verdict"].eq("usable").groupby(judged["status"])
    whole = {"n": by.size(), "group_by": "status", "group": by.size().index}
    return measures.measure_rows("S0-6", "accounts_usable", by.mean(), "share", **whole)


def weak_customers(judged: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Customers and former customers with too little data, the longest silent first.

    Prospects are not listed; for them little data is normal.

    Returns
    -------
    DataFrame: ``account_id, name, status, verdict, last_seen, days_since_last, records, filled_share``
    """
    weak = judged[(judged["status"] != "prospect") & (judged["verdict"] != "usable")]
    named = weak.join(accounts.set_index("account_id")["name"], on="account_id")
    columns = ["account_id", "name", "status", "verdict", "last_seen", "days_since_last", "records", "filled_share"]
    return named.sort_values(["days_since_last", "account_id"], ascending=[False, True], na_position="first")[columns]


def silent_customers(judged: pd.DataFrame, accounts: pd.DataFrame, business: pd.DataFrame) -> pd.DataFrame:
    """Customers and former customers that are stale or without a record, with what business may end with them.

    Parameters
    ----------
    judged : DataFrame of `account_data`
    accounts : DataFrame with ``account_id, owner_id``
    business : DataFrame with ``account_id, recurring_revenue, revenue_12m``, features of the day

    Returns
    -------
    DataFrame, indexed by account id, those with most business first: ``status``, ``owner``, ``reason``, ``moves`` (yearly revenue of
    contracts that run, or else revenue of the last 12 months; missing where there is neither)
    """
    gone = judged[(judged["status"] != "prospect") & judged["verdict"].isin(["stale", "no record"])]
    gone = gone.set_index("account_id")
    yearly, sold = (
        business.set_index("account_id")[c].reindex(gone.index).astype("Float64").astype(float) for c in BUSINESS
    )
    moves = yearly.where(yearly > 0, sold).where(lambda money: money > 0)
    seen = gone["last_seen"].dt.strftime("%d %B %Y").str.removeprefix("0")
    reason = ("no record since " + seen).fillna("no dated record") + np.where(yearly > 0, ", and a contract runs", "")
    owner = accounts.set_index("account_id")["owner_id"].reindex(gone.index)
    out = pd.DataFrame({"status": gone["status"], "owner": owner, "reason": reason, "moves": moves})
    return out.sort_values("moves", ascending=False, kind="stable", na_position="last")


def history_depth(judged: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by status and by the whole months between their first and last record.

    Parameters
    ----------
    judged : DataFrame of `account_data`

    Returns
    -------
    DataFrame of counts, one row per status present, one column per depth and one for accounts without a record

    References
    ----------
    S3-3; canonical schema E.3, load-time checks.
    """
    first, last = judged["first_seen"], judged["last_seen"]
    months = (last.dt.year - first.dt.year) * 12 + last.dt.month - first.dt.month - (last.dt.day < first.dt.day)
    depth = np.select([months.isna(), months < 6, months < 12, months < 24], ["no record", *DEPTHS[:3]], DEPTHS[3])
    table = pd.crosstab(judged["status"], depth)
    return table.reindex(columns=[*DEPTHS, "no record"], fill_value=0).rename_axis(index=None, columns=None)


def stage_history_row(deals: pd.DataFrame, history: pd.DataFrame) -> dict[str, Any]:
    """Row of `measures`: share of deals with a stage history; without one, a past stage cannot be reconstructed.

    Parameters
    ----------
    deals, history : ``tables.schema.OPPORTUNITIES`` and ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    References
    ----------
    Canonical schema E.3, load-time checks.
    """
    known = deals["opportunity_id"].isin(history["opportunity_id"])
    return measures.counted_row("E.3", "deals_with_stage_history", int(known.sum()), len(deals))


def unknown_past(deals: pd.DataFrame, history: pd.DataFrame) -> pd.Series:
    """Count the deals of which something is not known on days before the newest, by what that is.

    While a deal was open its ``stage``, ``amount``, ``close_date`` and ``probability`` of a past day are known from its history
    alone; what no deal and no history has a value of is left out. An open deal without ``created_at`` is in no report of an
    earlier day, and neither is a closed one without ``closed_at``, unless its history says more: that is in no win rate either.

    Parameters
    ----------
    deals, history : ``tables.schema.OPPORTUNITIES`` and ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    Returns
    -------
    Series of deals by column, and ``won`` (of those without ``closed_at``)

    References
    ----------
    Canonical schema E.3, load-time checks.
    """
    changing, deal = ["stage", "amount", "close_date", "probability"], history["opportunity_id"]
    used = [c for c in changing if deals[c].notna().any() or history[c].notna().any()]
    without = ~deals["opportunity_id"].isin(deal)
    lacking = {c: int(without.sum()) if history[c].notna().any() else len(deals) for c in used}
    undated = deals["created_at"].isna() & deals["closed_at"].isna()
    never_closed = deals["is_closed"].astype(bool) & deals["closed_at"].isna() & ~undated & without
    won = int(deals.loc[never_closed, "is_won"].sum())
    return pd.Series(lacking | {"created_at": int(undated.sum()), "closed_at": int(never_closed.sum()), "won": won})


def segments(accounts: pd.DataFrame, segment: str) -> pd.Series:
    """Segment of each account, by its id.

    Raises
    ------
    ValueError
        If accounts have no such column.
    """
    if segment not in accounts.columns:
        raise ValueError(f"accounts: no column {segment!r} to split by; they have {sorted(accounts.columns)}.")
    return accounts.set_index("account_id")[segment]


# -- questions and exports --------------------------------------------------------------------------------------------


def available_data(fields: pd.DataFrame) -> set[str]:
    """Names of the tables with a row and, as ``table.column``, of the columns with a value.

    Parameters
    ----------
    fields : DataFrame of `Book.fields`
    """
    columns = fields[fields["filled"] > 0]
    return set(fields.loc[fields["rows"] > 0, "table"]) | set(columns["table"] + "." + columns["column"])


def answerable(catalogue: pd.DataFrame, available: Collection[str]) -> pd.DataFrame:
    """Notebooks that this data can answer, and what to export for the rest.

    Parameters
    ----------
    catalogue : DataFrame, one row per notebook: ``notebook, question, needs, uses, built``; needs and uses are lists
    available : names of `available_data`; needs and uses are tables, or columns as ``table.column``

    Returns
    -------
    DataFrame, as many rows: ``notebook, question, answer`` (``yes``, ``in part``, ``no``), ``needed`` and ``wished`` (what
    to export to answer it, and to answer it fully), ``built`` (is the notebook in this version)

    References
    ----------
    House definition; README, glossary entry "not answerable".
    """
    lacking = catalogue[["needs", "uses"]].map(lambda names: ", ".join(n for n in names if n not in available))
    answer = np.select([lacking["needs"] != "", lacking["uses"] != ""], ["no", "in part"], "yes")
    built = catalogue["built"].map({True: "yes", False: "later"})
    return catalogue[["notebook", "question"]].assign(
        answer=answer, needed=lacking["needs"], wished=lacking["uses"], built=built
    )


def _waiting(answers: pd.DataFrame) -> pd.DataFrame:
    """Questions that wait for an export: ``notebook, part`` (needed or wished), ``export``."""
    long = answers.melt("notebook", ["needed", "wished"], "part", "export")
    long = long.assign(export=long["export"].str.split(", ")).explode("export")
    return long[long["export"] != ""]


def next_export(answers: pd.DataFrame) -> pd.DataFrame:
    """Tables and columns to export next, by how many questions wait for them.

    Returns
    -------
    DataFrame, the most wanted first: ``export, needed_by`` (questions without an answer that need it),
    ``makes_fuller`` (questions that would be answered more fully)
    """
    waiting = _waiting(answers)
    counts = pd.crosstab(waiting["export"], waiting["part"]).reindex(columns=["needed", "wished"], fill_value=0)
    table = counts.set_axis(["needed_by", "makes_fuller"], axis=1).reset_index()
    return table.sort_values(["needed_by", "makes_fuller", "export"], ascending=[False, False, True], ignore_index=True)


def data_request(answers: pd.DataFrame) -> pd.DataFrame:
    """List to hand to whoever exports the data: each table or column, and the questions that wait for it.

    Returns
    -------
    DataFrame, the most wanted first: ``export`` (table, or column as ``table.column``), ``holds`` (what a row or value is),
    ``at_least`` (columns a table must have), ``better_with`` (further columns), ``for_lack_of_it`` (notebooks without an
    answer), ``fuller_with_it`` (notebooks that would be fuller)

    References
    ----------
    S2-22. House definition; README, glossary entry "not answerable".
    """
    waiting = _waiting(answers).groupby(["part", "export"])["notebook"].agg(", ".join)
    rows = []
    for name in next_export(answers)["export"]:
        table, _, column = name.partition(".")
        spec = schema.spec(table)
        least = [] if column else schema.needed(table)
        more = [c for c, d in spec.columns.items() if not (column or d.derived or c in least or c in OURS)]
        holds = str(spec.columns[column].description if column else spec.description)
        notebooks = (waiting.get((part, name), "") for part in ("needed", "wished"))
        rows.append((name, holds, ", ".join(least), ", ".join(more), *notebooks))
    columns = ["export", "holds", "at_least", "better_with", "for_lack_of_it", "fuller_with_it"]
    return pd.DataFrame(rows, columns=columns)


# -- matched and unmatched records ------------------------------------------------------------------------------------


def match_rates(
    n_accounts: int, same_company: pd.DataFrame, alike: pd.DataFrame, leads: pd.DataFrame, fields: pd.DataFrame
) -> pd.DataFrame:
    """Shares of records that are matched to an account, and of those that are not.

    Counts of all there is, so without an interval. What the source lacks has n 0 and no share.

    Parameters
    ----------
    n_accounts : accounts as they are counted, companies entered twice as one
    same_company : DataFrame of `Book.same_company`
    alike : pairs of accounts counted apart, of ``identity.nearly_alike``
    leads : DataFrame of `Book.lead_matches`
    fields : DataFrame of `Book.fields`

    Returns
    -------
    DataFrame: ``definition_id``, ``rows`` (counted), ``share`` (0 to 1), ``n`` (of so many rows)

    References
    ----------
    S0-12; canonical schema E.3, load-time checks.
    """
    entered, moved = n_accounts + len(same_company), same_company["rule"].value_counts()
    counts = [
        (f"accounts_{rule.replace(' ', '_')}", moved.get(rule, 0), entered)
        for rule in (identity.MERGED, *identity.SAME.values())
    ]
    counts.append(("accounts_nearly_alike", alike["other_id"].nunique(), n_accounts))
    account = fields[fields["column"] == "account_id"].set_index("table")
    rows, lacking = account["rows"], account["rows"] - account["filled"]
    matched = int(leads.loc[leads["company_id"].notna(), "contacts"].sum())
    counts.append(("leads_matched_by_domain", matched, matched + lacking.get("contacts", 0)))
    counts += [(f"unmatched_share_of_{t}", lacking.get(t, 0), rows.get(t, 0)) for t in LINKED]
    table = pd.DataFrame(counts, columns=["definition_id", "rows", "n"])
    table.insert(2, "share", table["rows"] / table["n"].where(table["n"] > 0))
    return table


def alike_pairs(alike: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Pairs that may be one company, side by side, for a person to check.

    Parameters
    ----------
    alike : DataFrame of ``identity.nearly_alike``
    accounts : DataFrame with ``account_id, name, domain, owner_id``

    Returns
    -------
    DataFrame, one row per pair: ``account_id, name, domain, other_id, other_name, other_domain``
    """
    by_id = accounts.set_index("account_id")[["name", "domain"]]
    out = alike.join(by_id, on="account_id").join(by_id.add_prefix("other_"), on="other_id")
    return out[["account_id", "name", "domain", "other_id", "other_name", "other_domain"]]


def match_rows(matched: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the shares of `match_rates`."""
    people = matched["n"].where(matched["definition_id"] == "unmatched_share_of_contacts").max()
    all_matched = (matched["n"] == 0) & (matched["definition_id"] == "leads_matched_by_domain") & (people > 0)
    why = np.where(all_matched, "a contact without an account", "")
    return measures.measure_rows("E.3", matched["definition_id"], matched["share"], "share", n=matched["n"], why=why)


# -- people to reach --------------------------------------------------------------------------------------------------


def _coverage_by_status(
    states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Role coverage of customers and of prospects, where there are any; empty where fewer than `ENTERED` of contacts have a role."""
    if not required or len(set(required)) < len(required) or not set(required) <= set(schema.ROLES):
        raise ValueError(
            f"required_roles must be one or more distinct roles, got {list(required)}. Choose of {list(schema.ROLES)}."
        )
    ids = {s: pd.Index(accounts.loc[accounts["status"] == s, "account_id"]) for s in ("customer", "prospect")}
    if not states["role_known"].mean() >= ENTERED:
        return {}
    return {s: coverage.role_coverage(states, i, dict.fromkeys(required, 1)) for s, i in ids.items() if len(i)}


def roles_reached(states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str]) -> pd.DataFrame:
    """Share of accounts with a reachable person in each required role, customers and prospects apart.

    Former customers are left out. Where fewer than `ENTERED` of the contacts have a role, there is no row.

    Parameters
    ----------
    states : DataFrame of `coverage.contact_states`
    accounts : DataFrame with ``account_id, status``

    Returns
    -------
    DataFrame, one row per role and status with an account: ``role, status, share, low, high, n`` (shares; n accounts)

    Raises
    ------
    ValueError
        If a role is none of the buying roles, comes twice, or none is given.

    References
    ----------
    Metric dictionary C-18 (valid members); S0-12.
    """
    rows = []
    for status, reached in _coverage_by_status(states, accounts, required).items():
        missing = reached["missing_roles"].str.get_dummies(";").sum().reindex(required, fill_value=0)
        rows += [(role, status, len(reached) - int(missing[role]), len(reached)) for role in required]
    table = pd.DataFrame(rows, columns=["role", "status", "filled", "n"])
    return table[["role", "status"]].join(intervals.wilson(table["filled"], table["n"]))


def role_rows(states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of `measures`: mean role coverage of customers and of prospects, and share of contacts without a role.

    Parameters
    ----------
    states, accounts, required : as `roles_reached`

    References
    ----------
    Metric dictionary C-18; canonical schema E.3, load-time checks.
    """
    by_status = _coverage_by_status(states, accounts, required)
    rows = []
    for status in ("customer", "prospect"):
        share = by_status[status]["role_coverage"] if status in by_status else pd.Series(dtype=float)
        why = "" if status in by_status else f"an account that is a {status}" if by_status else ROLES_NEEDED
        mean = intervals.estimate(share, np.mean, SEED)
        rows.append(measures.estimate_row("C-18", f"role_coverage_of_{status}s_mean", mean, "share", why=why))
    without = int((~states["role_known"]).sum())
    return [*rows, measures.counted_row("E.3", "contacts_without_role", without, len(states))]


def customers_without_roles(
    states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str], floor: float
) -> pd.Series:
    """Roles that customers lack who can be reached in less than `floor` of them, by account id.

    In words, as a reason for the account. None where fewer than `ENTERED` of the contacts have a role.

    References
    ----------
    Metric dictionary C-18.
    """
    reached = _coverage_by_status(states, accounts, required).get("customer")
    if reached is None:
        return pd.Series(dtype="str")
    lacking = reached.loc[reached["role_coverage"] < floor, "missing_roles"]
    return "nobody to reach as " + lacking.str.replace("_", " ").str.replace(";", ", ")


def contacts_by_state(states: pd.DataFrame) -> pd.DataFrame:
    """Count contacts by whether they may and can be reached. Each counts once, in the first state that holds.

    Parameters
    ----------
    states : DataFrame of `coverage.contact_states`

    Returns
    -------
    DataFrame, one row per state, in the order they are checked: ``state, contacts, share`` (of all contacts)

    References
    ----------
    Canonical schema E.3, load-time checks; metric dictionary C-18 (valid members).
    """
    flags = {"opted out": "opted_out", "left": "departed", "bounced": "bounced", "no account": "no_account"}
    state = np.select([states[column] for column in flags.values()], list(flags), "reachable")
    counts = pd.Series(state).value_counts().reindex([*flags, "reachable"], fill_value=0)
    out = counts.rename_axis("state").reset_index(name="contacts")
    return out.assign(share=out["contacts"] / (len(states) or np.nan))
