"""The scorecard: accounts ranked by the criteria that sales and marketing agreed on, beside what the model says of them."""

from typing import NamedTuple

import numpy as np
import pandas as pd

LEAST_KNOWN = 0.5  # share of the weights whose criteria must be known of an account


class Asked(NamedTuple):
    """What a criterion asks of an account: a feature, and where it is one of kind, which kind."""

    feature: str
    kind: str


def asked(feature: object) -> Asked:
    """Read what measures a criterion.

    Examples
    --------
    >>> asked("tech_stack: erp suite"), asked("employees")
    (Asked(feature='tech_stack', kind='erp suite'), Asked(feature='employees', kind=''))
    """
    name, _, kind = ("" if pd.isna(feature) else str(feature)).partition(":")
    return Asked(name.strip(), kind.strip())


def points(criteria: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Points of each account on each criterion, from 0 to 1: its place among all by a number, or whether it is of the kind.

    Missing where the fact is; a criterion that names no feature there is has no column.

    Parameters
    ----------
    criteria : the latest of each, ``criterion_id, direction, feature``
    facts : one row per account, features in columns

    Returns
    -------
    DataFrame, index as `facts`, a column per criterion by its id
    """
    out = {}
    for row in criteria.to_dict("records"):
        name, kind = asked(row["feature"])
        if name not in facts:
            continue
        values = facts[name]
        if kind:
            parts = values.astype("str").str.lower().str.split(";").explode().astype("str").str.strip()
            share = parts.eq(kind.lower()).groupby(level=0).any().reindex(facts.index).astype(float)
            share = share.where(values.notna()).astype(float)
        elif pd.api.types.is_numeric_dtype(values):
            share = (values.astype(float).rank() - 0.5) / values.notna().sum()
        else:
            continue
        out[row["criterion_id"]] = 1 - share if row["direction"] == "lower" else share
    return pd.DataFrame(out, facts.index)


def score(criteria: pd.DataFrame, facts: pd.DataFrame) -> pd.Series:
    """Points of each account on all criteria, from 0 to 100, by their weights.

    Criteria that are not known of an account leave their weight to the others; missing where those known weigh less than `LEAST_KNOWN`.

    Parameters
    ----------
    criteria : the latest of each, ``criterion_id, weight, direction, feature``
    facts : as in `points`

    Returns
    -------
    Series, index as `facts`

    References
    ----------
    S3-4, S3-9; README, glossary entry "scorecard".

    Examples
    --------
    >>> two = pd.DataFrame({"criterion_id": ["a", "b"], "weight": [3, 1], "direction": "higher", "feature": ["size", "trade: steel"]})
    >>> score(two, pd.DataFrame({"size": [1.0, 2.0], "trade": ["wood", "steel"]})).tolist()
    [18.75, 81.25]
    """
    each = points(criteria, facts)
    weights = criteria.set_index("criterion_id")["weight"].astype(float)
    of = weights.reindex(each.columns)
    if not weights.sum() > 0 or each.empty:
        return pd.Series(np.nan, facts.index)
    known = each.notna() @ of
    total = each.fillna(0) @ of
    return (100 * total / known.where(known >= LEAST_KNOWN * weights.sum())).astype(float)


def disagreements(worth: pd.Series, card: pd.Series, many: int) -> pd.Series:
    """Say of each account which of two lists of the same length names it: ``both``, ``worth only``, ``scorecard only``, or none (empty).

    Parameters
    ----------
    worth, card : by account, of one index; missing ones are on no list
    many : accounts on each list
    """
    lists = [
        set(v.dropna().sort_index().sort_values(ascending=False, kind="stable").index[:many])
        for v in (worth[worth > 0], card)
    ]
    one, two = (worth.index.isin(list(own)) for own in lists)
    return pd.Series(
        np.select([one & two, one, two], ["both", "worth only", "scorecard only"], ""), worth.index, dtype="str"
    )
