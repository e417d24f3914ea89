"""The order in which decisions are read, and whose money each counts."""

from collections.abc import Mapping

import pandas as pd

GATE = (
    "pass_the_gate"  # slug of the decision that others wait for: sales and marketing agree on criteria and list; S3-9
)
KEY = ["notebook", "slug", "account_id"]  # what a decision is known by, from report to report
SETTLED = ("done", "declined", "later")  # states in which people have decided
MONEY = ["moves", "moves_low", "moves_high"]


def in_order(decisions: pd.DataFrame) -> pd.DataFrame:
    """Put decisions in the order of reading, each account's money once.

    Rows of one decision stay together. The gate first, then those with the most money, then those without any by the day
    they are due, undated ones last; chores about data at the end, in the same order. Where several decisions name an
    account, its money stays with the first of them and is missing in the others.

    Parameters
    ----------
    decisions : DataFrame to the spec of ``decisions``
    """
    key = ["notebook", "slug"]
    each = decisions.groupby(key, sort=False).agg(kind=("kind", "first"), due=("due", "first"), moves=("moves", "sum"))
    each = each.reset_index()
    places = {"later": each["slug"] != GATE, "chore": each["kind"] == "data", "least": -each["moves"]}
    each = each.assign(**places).sort_values([*places, "due"], kind="stable", ignore_index=True)
    place = each[key].assign(place=range(len(each)))
    out = decisions.merge(place, on=key).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
    counted = out[out["moves"].notna() & out["account_id"].notna()]
    out.loc[counted.index[counted.duplicated("account_id")], MONEY] = float("nan")
    return out


def is_made(ids: pd.Series, titles: pd.Series) -> pd.Series:
    """Find the ids of deals that an import made of their titles, as `importers.values` joins a key: the title says more."""
    heads = ["".join("\\" * (c in "\\-") + c for c in str(title)) + "-" for title in titles]
    return pd.Series([str(i).startswith(head) for i, head in zip(ids, heads, strict=True)], ids.index, dtype=bool)


def by_account(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """List the accounts of one decision, as its page and its list file show them.

    One row per account, in the order of `rows`; a row about all accounts is left out.

    Parameters
    ----------
    rows : rows of ``decisions`` of one decision
    names : name of each account id; an account without one goes by its id

    Returns
    -------
    DataFrame: ``account_id, account`` (name), ``owner, money, money_low, money_high`` (reporting currency), ``reason, status``
    """
    about = rows[rows["account_id"].notna()].reset_index(drop=True)
    account = [names.get(a, a) for a in about["account_id"]]
    money = about[MONEY].set_axis(["money", "money_low", "money_high"], axis=1)
    listed = about[["account_id"]].assign(account=pd.Series(account, dtype="str"), owner=about["owner"])
    return pd.concat([listed, money, about[["reason", "status"]]], axis=1)
