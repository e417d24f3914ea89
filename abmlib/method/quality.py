"""Can the data be trusted, account by account, and which questions can it answer?"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method import coverage, measures
from abmlib.method.deals import won_flag
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL
from abmlib.tables import identity, schema

SEED = 3  # of every bootstrap here
DESCRIBES = ["name", "domain", "industry", "country", "region", "employees", "annual_revenue", "owner_id"]
MODELLED = [  # what else a model could use of an account's description
    *DESCRIBES[1:], "sub_industry", "org_type", "tech_stack", "customer_base", "growth_outlook",
]  # fmt: skip
MERGES, NONE_HELD = "accounts merged into another", "none: deleted from the source?"
DEPTHS = ("below 6 months", "6 to 12", "12 to 24", "24 or more")  # months between first and last record
VERDICTS = ("usable", "stale", "thin", "no record")
OURS = {"known_at", "entered_at", "entered_by", "supersedes"}  # nobody who exports is asked for these as an extra


def freshness(overview: pd.DataFrame, as_of: pd.Timestamp, n_accounts: int) -> pd.DataFrame:
    """Say how far each table reaches and how old its newest row is.

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
    """Judge each account: what is known of it, since when, until when, and whether that is enough.

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
    seen = records.groupby("account_id").agg(
        first_seen=("first_day", "min"),
        last_seen=("last_day", "max"),
        records=("rows", "sum"),
        sources=("table", "nunique"),
    )
    out = accounts[["account_id", "status"]].join(seen, on="account_id")
    days = (as_of - out["last_seen"]).dt.days
    n = out["records"].fillna(0)
    verdict = np.select(
        [n == 0, (days > stale_days) | days.isna(), n < min_records], ["no record", "stale", "thin"], "usable"
    )
    return out.assign(
        filled_share=accounts[DESCRIBES].notna().mean(axis=1),
        days_since_last=days,
        records=n,
        sources=out["sources"].fillna(0),
        verdict=verdict,
    )


def verdict_counts(judged: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by status and verdict: prospects and customers are never blended.

    Returns
    -------
    DataFrame of counts, one row per status present, one column per verdict

    References
    ----------
    S0-6.
    """
    table = pd.crosstab(judged["status"], judged["verdict"])
    return table.reindex(columns=VERDICTS, fill_value=0).rename_axis(index=None, columns=None)


def weak_customers(judged: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """List customers and former customers that cannot be judged well, the longest silent first.

    Prospects are not listed; for them little data is normal.

    Returns
    -------
    DataFrame: ``account_id, name, status, verdict, last_seen, days_since_last, records, filled_share``
    """
    weak = judged[(judged["status"] != "prospect") & (judged["verdict"] != "usable")]
    named = weak.join(accounts.set_index("account_id")["name"], on="account_id")
    ordered = named.sort_values(["days_since_last", "account_id"], ascending=[False, True], na_position="first")
    return ordered[
        ["account_id", "name", "status", "verdict", "last_seen", "days_since_last", "records", "filled_share"]
    ]


def silent(judged: pd.DataFrame) -> pd.Index:
    """Name the customers that are stale or without a record."""
    gone = judged[(judged["status"] != "prospect") & judged["verdict"].isin(["stale", "no record"])]
    return pd.Index(gone["account_id"])


def present(fields: pd.DataFrame) -> set[str]:
    """Name the tables with a row and, as ``table.column``, the columns with a value.

    Parameters
    ----------
    fields : DataFrame of `Book.fields`
    """
    columns = fields[fields["filled"] > 0]
    return set(fields.loc[fields["rows"] > 0, "table"]) | set(columns["table"] + "." + columns["column"])


def filled(accounts: pd.DataFrame) -> pd.Series:
    """Share of accounts with a value, per descriptive field; missing without accounts.

    References
    ----------
    S2-22, completeness.
    """
    return accounts[DESCRIBES].notna().mean().rename("filled_share")


def answerable(catalogue: pd.DataFrame, present: Collection[str]) -> pd.DataFrame:
    """Say which notebooks this data can answer, and what to export to answer the rest.

    Parameters
    ----------
    catalogue : DataFrame, one row per notebook: ``notebook, question, needs, uses, built``; needs and uses are lists
    present : what `present` names; needs and uses are tables, or columns as ``table.column``

    Returns
    -------
    DataFrame, as many rows: ``notebook, question, answer`` (``yes``, ``in part``, ``no``), ``needed`` and ``wished`` (what
    to export to answer it, and to answer it fully), ``built`` (is the notebook in this version)

    References
    ----------
    House definition; README, glossary entry "not answerable".
    """
    missing = catalogue["needs"].map(lambda needs: [t for t in needs if t not in present])
    wished = catalogue["uses"].map(lambda uses: [t for t in uses if t not in present])
    answer = np.select([missing.map(len) > 0, wished.map(len) > 0], ["no", "in part"], "yes")
    return pd.DataFrame(
        {
            "notebook": catalogue["notebook"],
            "question": catalogue["question"],
            "answer": answer,
            "needed": missing.map(", ".join),
            "wished": wished.map(", ".join),
            "built": catalogue["built"].map({True: "yes", False: "later"}),
        }
    )


def next_export(answers: pd.DataFrame) -> pd.DataFrame:
    """Rank the tables and columns to export next by how many questions wait for them.

    Returns
    -------
    DataFrame, the most wanted first: ``export, needed_by`` (questions without an answer that need it),
    ``makes_fuller`` (questions that would be answered more fully)
    """
    counted = {
        name: answers[part].str.split(", ").explode().replace("", pd.NA).dropna().value_counts()
        for name, part in (("needed_by", "needed"), ("makes_fuller", "wished"))
    }
    table = pd.DataFrame(counted).fillna(0).astype(int).rename_axis("export").reset_index()
    return table.sort_values(["needed_by", "makes_fuller", "export"], ascending=[False, False, True], ignore_index=True)


def data_request(answers: pd.DataFrame) -> pd.DataFrame:
    """Write the list to hand to whoever exports the data: which table and field, and which questions wait for it.

    Returns
    -------
    DataFrame, the most wanted first: ``export`` (table, or column as ``table.column``), ``holds`` (what a row or value is),
    ``at_least`` (columns a table must have), ``better_with`` (further columns), ``for_lack_of_it`` (notebooks without an
    answer), ``fuller_with_it`` (notebooks that would be fuller)

    References
    ----------
    S2-22. House definition; README, glossary entry "not answerable".
    """
    rows = []
    for name in next_export(answers)["export"]:
        table, _, column = name.partition(".")
        spec = schema.spec(table)
        own = {c: d for c, d in spec.columns.items() if not d.derived}
        least = [] if column else schema.needed(table)
        more = [] if column else [c for c in own if c not in least and c not in OURS]
        waits = {
            part: answers[part].str.split(", ").map(lambda names, name=name: name in names)
            for part in ("needed", "wished")
        }
        about = str(spec.columns[column].description if column else spec.description)
        rows.append(
            (
                name,
                about,
                ", ".join(least),
                ", ".join(more),
                *(", ".join(answers.loc[waits[p], "notebook"]) for p in waits),
            )
        )
    return pd.DataFrame(
        rows, columns=["export", "holds", "at_least", "better_with", "for_lack_of_it", "fuller_with_it"]
    )


# -- who is who -------------------------------------------------------------------------------------------------------


def matches(n_accounts: int, same_company: pd.DataFrame, leads: pd.DataFrame, fields: pd.DataFrame) -> pd.DataFrame:
    """Say how much was put together, and how much still belongs to nobody. What the source lacks has n 0 and no share.

    Parameters
    ----------
    n_accounts : accounts as they are counted, companies entered twice as one
    same_company : DataFrame of `Book.same_company`
    leads : DataFrame of `Book.lead_matches`
    fields : DataFrame of `Book.fields`

    Returns
    -------
    DataFrame: ``definition_id, what``, ``rows`` (of them), ``share, low, high`` (0 to 1), ``n`` (of so many rows)

    References
    ----------
    S0-12; canonical schema E.3, load-time checks.
    """
    entered, moved = n_accounts + len(same_company), same_company["rule"].value_counts()
    rules = (identity.MERGED, *identity.SAME.values())
    found = [
        (f"accounts_{r.replace(' ', '_')}", f"accounts counted with another: {r}", moved.get(r, 0), entered)
        for r in rules
    ]
    at = fields[fields["column"] == "account_id"].set_index("table")
    lacking = (at["rows"] - at["filled"]).to_dict()
    matched, left = int(leads.loc[leads["company_id"].notna(), "contacts"].sum()), lacking.get("contacts", 0)
    found.append(
        ("leads_matched_by_domain", "contacts without an account, matched by e-mail domain", matched, matched + left)
    )
    found += [
        (
            f"unmatched_share_of_{t}",
            f"{t.replace('_', ' ')} without an account",
            lacking.get(t, 0),
            at["rows"].get(t, 0),
        )
        for t in ("contacts", "opportunities", "activities", "web_sessions")
    ]
    table = pd.DataFrame(found, columns=["definition_id", "what", "rows", "of"])
    return pd.concat([table.drop(columns="of"), intervals.wilson(table["rows"], table["of"])], axis=1)


def match_rows(matched: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the shares of `matches` as rows of ``measures``."""
    people = matched["n"].where(matched["definition_id"] == "unmatched_share_of_contacts").max()
    nobody = {"leads_matched_by_domain": "a contact without an account"} if people > 0 else {}
    return [
        measures.share_row(
            "E.3", r.definition_id, int(r.rows), int(r.n), why="" if r.n else nobody.get(r.definition_id, "")
        )
        for r in matched.itertuples()
    ]


def roles_reached(states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str]) -> pd.DataFrame:
    """Give the share of accounts with a reachable person in each required role, customers and prospects apart.

    Former customers are left out. Where no contact has a role nobody can tell, and there is no row.

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
    _check_roles(required)
    rows = []
    for status, ids in _judged_apart(states, accounts):
        for role in required:
            filled = coverage.role_coverage(states, ids, {role: 1})["roles_filled"]
            rows.append((role, status, int(filled.sum()), len(ids)))
    table = pd.DataFrame(rows, columns=["role", "status", "filled", "n"])
    return table[["role", "status"]].join(intervals.wilson(table["filled"], table["n"]))


def role_rows(states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str]) -> list[dict[str, Any]]:
    """Measure mean role coverage of customers and of prospects, and the share of contacts without a role.

    Parameters
    ----------
    states, accounts, required : as `roles_reached`

    References
    ----------
    Metric dictionary C-18; canonical schema E.3, load-time checks.
    """
    _check_roles(required)
    told = dict(_judged_apart(states, accounts))
    rows = []
    for status in ("customer", "prospect"):
        share = (
            coverage.role_coverage(states, told[status], dict.fromkeys(required, 1))["role_coverage"]
            if status in told
            else pd.Series(dtype=float)
        )
        found = intervals.estimate(share, np.mean, SEED)
        why = f"an account that is a {status}" if told and status not in told else ""
        rows.append(measures.estimate_row("C-18", f"role_coverage_of_{status}s_mean", found, "share", why=why))
    without = int((~states["role_known"]).sum())
    return [*rows, measures.share_row("E.3", "contacts_without_role", without, len(states))]


def lacking_roles(states: pd.DataFrame, accounts: pd.DataFrame, required: Sequence[str], floor: float) -> pd.Index:
    """Name the customers with a reachable person in less than `floor` of the required roles; none where no role is known.

    References
    ----------
    Metric dictionary C-18.
    """
    _check_roles(required)
    ids = dict(_judged_apart(states, accounts)).get("customer", pd.Index([], dtype="str"))
    if ids.empty:
        return ids
    found = coverage.role_coverage(states, ids, dict.fromkeys(required, 1))["role_coverage"]
    return found.index[found < floor]


def _check_roles(required: Sequence[str]) -> None:
    """Refuse roles that nobody can have."""
    wrong = [r for r in required if r not in schema.ROLES]
    if wrong or not required or len(set(required)) < len(required):
        raise ValueError(
            f"required_roles must be one or more distinct roles, got {list(required)}. Choose of {list(schema.ROLES)}."
        )


def _judged_apart(states: pd.DataFrame, accounts: pd.DataFrame) -> list[tuple[str, pd.Index]]:
    """Customers and prospects, where there are any and a role is known of anybody."""
    if not states["role_known"].any():
        return []
    groups = [(s, pd.Index(accounts.loc[accounts["status"] == s, "account_id"])) for s in ("customer", "prospect")]
    return [(status, ids) for status, ids in groups if len(ids)]


def consent(states: pd.DataFrame) -> pd.DataFrame:
    """Count contacts by whether they may and can be reached. Each counts once, in the first state that holds.

    Parameters
    ----------
    states : DataFrame of `coverage.contact_states`

    Returns
    -------
    DataFrame, one row per state, in the order they are asked: ``state, contacts, share`` (of all contacts)

    References
    ----------
    Canonical schema E.3, load-time checks; metric dictionary C-18 (valid members).
    """
    asked = {"opted out": "opted_out", "left": "departed", "bounced": "bounced", "no account": "no_account"}
    state = np.select([states[column] for column in asked.values()], list(asked), "reachable")
    counted = pd.Series(state).value_counts().reindex([*asked, "reachable"], fill_value=0)
    out = counted.rename_axis("state").reset_index(name="contacts")
    return out.assign(share=out["contacts"] / (len(states) or np.nan))


# -- how deep, how even, and what is gone -----------------------------------------------------------------------------


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


def stage_history(deals: pd.DataFrame, history: pd.DataFrame) -> dict[str, Any]:
    """Measure the share of deals with a stage history; of the others a back-dated report cannot know the stage.

    Parameters
    ----------
    deals, history : ``tables.schema.OPPORTUNITIES`` and ``tables.schema.OPPORTUNITY_STAGE_HISTORY``

    References
    ----------
    Canonical schema E.3, load-time checks.
    """
    known = deals["opportunity_id"].isin(history["opportunity_id"])
    return measures.share_row("E.3", "deals_with_stage_history", int(known.sum()), len(deals))


def segments(accounts: pd.DataFrame, segment: str) -> pd.Series:
    """Give the segment of each account, by its id.

    Raises
    ------
    ValueError
        If accounts have no such column.
    """
    if segment not in accounts.columns:
        raise ValueError(f"accounts: no column {segment!r} to split by; they have {sorted(accounts.columns)}.")
    return accounts.set_index("account_id")[segment]


def filled_by_segment(accounts: pd.DataFrame, segment: str) -> pd.DataFrame:
    """Share of accounts with a value, per segment and descriptive field, the largest segment first.

    Accounts without a segment are one of their own, ``unknown``.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    segment : a column of it

    Returns
    -------
    DataFrame: `segment`, ``accounts``, and a share for each field but the segment itself

    Raises
    ------
    ValueError
        If accounts have no such column.

    References
    ----------
    S2-22, completeness.
    """
    own = segments(accounts, segment)
    kept = [c for c in DESCRIBES if c not in ("name", segment)]
    groups = accounts[kept].notna().groupby(own.astype("str").fillna("unknown").to_numpy())
    table = groups.mean().assign(accounts=groups.size()).rename_axis(segment)
    table = table.sort_values(["accounts", segment], ascending=[False, True]).reset_index()
    return table[[segment, "accounts", *kept]]


def bought_or_won(bought: pd.Series, closed: pd.DataFrame) -> pd.Index:
    """Name the accounts that bought or had a deal won.

    Parameters
    ----------
    bought : purchases, or days with one, by account; missing = none known
    closed : deals closed in the same time, DataFrame of `closed_in`
    """
    won = closed.loc[won_flag(closed), "account_id"].dropna()
    return pd.Index(bought.index[bought.fillna(0).to_numpy(float) > 0]).union(pd.Index(won)).rename("account_id")


def filled_and_outcome(accounts: pd.DataFrame, active: pd.Index) -> pd.DataFrame:
    """Say of each field whether it is filled more often, or less, among accounts with an outcome than among the others.

    It says what goes together and not why: a field may be filled because somebody bought. A field that is filled everywhere,
    or nowhere, has no difference to test and no interval.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    active : ids of the accounts with the outcome, such as those that bought; others than `accounts` do not count

    Returns
    -------
    DataFrame, one row per field, the largest difference first: ``field``; ``filled_active, filled_others`` (shares) of
    ``n_active, n_others`` (accounts); ``difference, low, high`` (of shares); ``p`` (two-sided, adjusted over fields by
    Benjamini–Hochberg); ``verdict`` (``goes with outcome``; ``no difference seen``; ``too_early``: fewer than
    `FLOOR_OUTCOMES` accounts with or without the outcome, or fewer than `FLOOR_ACCOUNTS` accounts)

    References
    ----------
    Fisher's exact test; Benjamini and Hochberg (1995), JRSS B 57, p. 289; interval of `intervals.difference`.
    """
    of = accounts["account_id"].isin(active)
    there = accounts[MODELLED].notna()
    k = pd.DataFrame({"active": there[of].sum(), "others": there[~of].sum()})
    n = pd.DataFrame({"active": int(of.sum()), "others": int((~of).sum())}, index=k.index)
    with np.errstate(invalid="ignore"):
        share = k / n.where(n > 0)
    varies = there.any() & ~there.all()
    judged = len(accounts) >= FLOOR_ACCOUNTS and min(of.sum(), (~of).sum()) >= FLOOR_OUTCOMES
    p = pd.Series(np.nan, index=k.index)
    if judged and varies.any():
        tables = np.stack([k[varies], (n - k)[varies]], axis=1)
        p[varies] = [scipy.stats.fisher_exact(t).pvalue for t in tables]
    p = intervals.adjusted(p)
    verdict = np.where(p < 1 - LEVEL, "goes with outcome", "no difference seen")
    out = pd.DataFrame({"filled_active": share["active"], "filled_others": share["others"]})
    out = out.assign(n_active=n["active"], n_others=n["others"]).join(intervals.difference(k, n))
    out[["low", "high"]] = out[["low", "high"]].where(varies, np.nan)
    out = out.assign(p=p, verdict=verdict if judged else "too_early").rename_axis("field").reset_index()
    order = out["difference"].abs().sort_values(ascending=False, kind="stable").index
    return out.loc[order].reset_index(drop=True)


def filled_gap(accounts: pd.DataFrame, active: pd.Index) -> dict[str, Any]:
    """Measure by how much more of the fields are filled among accounts with an outcome than among the others, all together.

    Seen together, gaps that all lie on one side show where each alone is too small. Too early on the floors of
    `filled_and_outcome`.

    Parameters
    ----------
    accounts, active : as `filled_and_outcome`

    References
    ----------
    Welch (1947), Biometrika 34, p. 28; on the share of fields filled, one number per account.
    """
    of, share = accounts["account_id"].isin(active), accounts[MODELLED].notna().mean(axis=1)
    row = {"measure_id": "E.3", "definition_id": "filled_share_active_less_others", "unit": "share", "n": len(accounts)}
    if len(accounts) < FLOOR_ACCOUNTS or min(of.sum(), (~of).sum()) < FLOOR_OUTCOMES:
        return row | {"value": np.nan, "status": "too_early"}
    if share.nunique() == 1:  # all alike: the test would divide by nothing
        return row | {"value": 0.0, "low": 0.0, "high": 0.0, "level": LEVEL, "status": "ok"}
    found = share[of].mean() - share[~of].mean()
    low, high = scipy.stats.ttest_ind(share[of], share[~of], equal_var=False).confidence_interval(LEVEL)
    return row | {"value": found, "low": float(low), "high": float(high), "level": LEVEL, "status": "ok"}


def over(
    accounts: pd.DataFrame,
    same_company: pd.DataFrame,
    deals: pd.DataFrame,
    states: pd.DataFrame,
    as_of: pd.Timestamp,
    former_after_days: int,
) -> pd.DataFrame:
    """Say whether the source still holds what is over: a source that deletes it makes the past look better than it was.

    Parameters
    ----------
    accounts : DataFrame with ``status, first_won_day``
    same_company : DataFrame of `Book.same_company`
    deals : ``tables.schema.OPPORTUNITIES``
    states : DataFrame of `coverage.contact_states`
    former_after_days : days without business after which a customer is a former one; who has not been a customer for so long
        cannot be one yet

    Returns
    -------
    DataFrame, one row per kind of end: ``what``, ``held`` (count), ``of`` (count), ``share``, ``verdict`` (``held``; ``none:
    deleted from the source?``, of `FLOOR_OUTCOMES` or more; ``none of few``; ``not_answerable``, where there is nothing it
    could be a part of)

    References
    ----------
    Canonical schema E.3, load-time checks (survivorship).
    """
    merged, closed = int((same_company["rule"] == identity.MERGED).sum()), deals["is_closed"].fillna(False).astype(bool)
    old = accounts["first_won_day"] < as_of - pd.Timedelta(days=former_after_days)
    rows = [
        ("former customers, of those old enough", int((old & (accounts["status"] == "former")).sum()), int(old.sum())),
        ("closed deals", int(closed.sum()), len(deals)),
        ("lost deals, of those closed", int((~won_flag(deals[closed])).sum()), int(closed.sum())),
        ("people who left", int(states["departed"].sum()), len(states)),
        (MERGES, merged, len(accounts) + len(same_company)),
    ]
    out = pd.DataFrame(rows, columns=["what", "held", "of"])
    verdict = np.select(
        [out["of"] == 0, out["held"] > 0, out["of"] >= FLOOR_OUTCOMES],
        ["not_answerable", "held", NONE_HELD],
        "none of few",
    )
    return out.assign(share=out["held"] / out["of"].where(out["of"] > 0), verdict=verdict)


def perhaps_deleted(ended: pd.DataFrame) -> list[str]:
    """Name what seems to be deleted and makes the past look better; merged accounts, whose records live on, do not.

    Parameters
    ----------
    ended : DataFrame of `over`
    """
    gone = ended[(ended["verdict"] == NONE_HELD) & (ended["what"] != MERGES)]
    return [what.partition(",")[0] for what in gone["what"]]
