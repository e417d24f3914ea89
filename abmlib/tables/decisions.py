"""The order in which decisions are read."""

import pandas as pd

GATE = (
    "pass_the_gate"  # slug of the decision that others wait for: sales and marketing agree on criteria and list; S3-9
)


def in_order(decisions: pd.DataFrame) -> pd.DataFrame:
    """Put decisions in the order of reading; rows of one decision stay together.

    The gate first, then those with the most money, then those without any; chores about data at the end, in the same order.

    Parameters
    ----------
    decisions : DataFrame to the spec of ``decisions``
    """
    key = ["notebook", "slug"]
    each = decisions.groupby(key, sort=False).agg(kind=("kind", "first"), moves=("moves", "sum")).reset_index()
    places = {"later": each["slug"] != GATE, "chore": each["kind"] == "data", "least": -each["moves"]}
    each = each.assign(**places).sort_values(list(places), kind="stable", ignore_index=True)
    place = each[key].assign(place=range(len(each)))
    return decisions.merge(place, on=key).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
