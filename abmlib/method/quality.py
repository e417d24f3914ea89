"""Can the data be trusted, account by account, and which questions can it answer?"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from abmlib.tables import schema

DESCRIBES = ["name", "domain", "industry", "country", "region", "employees", "annual_revenue", "owner_id"]
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
    records : DataFrame of `Book.records`, one row per account and table

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
        own = {c: d for c, d in spec.columns.items() if not schema.meta(d)["derived"]}
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
