"""What the open pipeline gained and lost between two days, and what of that was only learnt between them; C-60."""

import numpy as np
import pandas as pd

STEPS = (
    "open at start", "created", "opening day unknown", "reopened", "got a first amount", "grown", "won", "lost",
    "closed, result unknown", "shrunk", "no longer in the data", "open at end",
)  # fmt: skip
REPRICED = ["got a first amount", "grown", "shrunk"]  # steps of deals that were open and stayed
LEAVING = ["won", "lost", "closed, result unknown", "no longer in the data"]
SPLIT = ["happened", "learnt"]


def bridge(
    before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Lead from the pipeline open on one day to that of a later day, to the cent.

    Each step is split into what happened after `start` and what was only learnt since: dated by `start`, and not known
    then. A deal that was won leaves with the amount it was won at, any other with the amount it had. Deals created count
    with the amount at their end or on the last day; of a deal without an opening day nobody knows when it was created, so it
    was learnt. A change without a date happened in between. A deal without an
    amount is counted and adds nothing; a first amount that nothing dates was learnt. Amounts are missing where no deal
    open on one of the two days has one. That deals move to a later period is no step: the pipeline is that of all periods.

    Parameters
    ----------
    before : DataFrame, one row per deal open on `start` as it was known then: ``opportunity_id, amount``
    after : DataFrame, ``tables.schema.OPPORTUNITIES`` as known on `end`
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY`` as known on `end`

    Returns
    -------
    DataFrame to the spec of ``15_bridge``, one row per step of `STEPS`; unit: reporting currency, falls are negative.
    The amounts add up from the first row to the last; so does ``deals_change``, missing where only amounts changed.

    References
    ----------
    House definition; README, glossary entry "pipeline bridge".
    """
    deals = _states(before, after, history, start)
    was, now, there = deals["was"], deals["now"], deals["there"]
    over_before = was & ~now & there & (deals["closed_day"] <= start)
    closed = there & ~now & ~over_before & (was | deals["closed_day"].between(start, end, inclusive="right"))
    entered = ~was & (now | closed)
    late = entered & ~(deals["created_day"] > start)
    undated = late & ~deals["reopened"] & deals["created_day"].isna()
    steps = [
        ("created", "happened", entered & ~late, deals["leaves"]),
        ("created", "learnt", late & ~deals["reopened"] & ~undated, deals["leaves"]),
        ("opening day unknown", "learnt", undated, deals["leaves"]),
        ("reopened", "happened", late & deals["reopened"], deals["leaves"]),
        ("no longer in the data", "learnt", was & ~there, -deals["x0"]),
    ]
    for step in ("won", "lost", "closed, result unknown"):
        ended = deals["result"] == step
        steps.append((step, "happened", closed & ended, -deals["leaves"]))
        steps.append((step, "learnt", over_before & ended, -deals["x0"]))
    stayed = was & (now | closed)
    learnt = deals["learnt"].where(stayed, 0)
    for split, change in {
        "happened": (deals["leaves"] - deals["x0"]).where(stayed, 0) - learnt,
        "learnt": learnt,
    }.items():
        priced = deals["priced"]
        steps += [("got a first amount", split, ~priced & (change != 0), change)]
        steps += [("grown", split, priced & (change > 0), change), ("shrunk", split, priced & (change < 0), change)]
    amounts = [before["amount"], after.loc[~after["is_closed"].astype(bool), "amount"]]
    known = all(a.empty or a.notna().any() for a in amounts)
    return _table(steps, deals, known).assign(start_day=start, end_day=end)


def results(deals: pd.DataFrame) -> pd.Series:
    """How each closed deal ended: won, lost, or closed, result unknown; by ``opportunity_id``.

    Parameters
    ----------
    deals : DataFrame, ``tables.schema.OPPORTUNITIES``; open ones are left out
    """
    won = deals[deals["is_closed"].astype(bool)].set_index("opportunity_id")["is_won"]
    kinds = [won.fillna(False).astype(bool), won.notna()]
    return pd.Series(np.select(kinds, ["won", "lost"], "closed, result unknown"), won.index, dtype="str")


def _states(before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Each deal as it was and as it is: open, amounts in cents, what of the change of its amount was only learnt."""
    first, last = before.set_index("opportunity_id")["amount"], after.set_index("opportunity_id")
    ids = last.index.union(first.index)
    out = last[["created_day", "known_day", "closed_day"]].reindex(ids)
    out["was"], out["there"] = ids.isin(first.index), ids.isin(last.index)
    out["now"] = ids.isin(last.index[~last["is_closed"].astype(bool)])
    out["result"] = results(after).reindex(ids)
    x0, x1 = first.reindex(ids), last["amount"].reindex(ids)
    keeps = ~out["now"] & (out["result"] != "won") & out["was"]
    at_end = x0.fillna(x1).where(keeps, x1.fillna(x0))
    out["x0"], out["leaves"] = _cents(x0), _cents(x1.where(out["now"], at_end))
    noted = history[history["amount"].notna()].sort_values(["entered_at", "seq"], kind="stable")
    by_start, known = noted["entered_day"] <= start, ~(noted["known_day"] > start)
    told, dated, ever = (
        noted[which].groupby("opportunity_id")["amount"].last().reindex(ids)
        for which in (by_start & known, by_start, noted["amount"].notna())
    )
    out["priced"] = x0.notna()
    corrected = (_cents(dated) - _cents(told)).where(dated.notna() & told.notna(), 0).where(~keeps, 0)
    undated = _cents(dated).where(dated.notna(), out["leaves"].where(ever.isna(), 0))
    out["learnt"] = corrected.where(out["priced"], undated)
    days = history.groupby("opportunity_id")["entered_day"].agg(["min", "max"]).reindex(ids)
    out["reopened"] = (days["min"] <= start) & (days["max"] > start) & ~(out["known_day"] > start)
    return out


def _cents(amounts: pd.Series) -> pd.Series:
    """Whole cents; 0 where nothing is known."""
    return (amounts.astype("float64") * 100).round().fillna(0).astype("int64")


def _table(steps: list[tuple[str, str, pd.Series, pd.Series]], deals: pd.DataFrame, known: bool) -> pd.DataFrame:
    """Add up the steps, and put the two ends round them."""
    rows = [(step, split, int(values[which].sum()), int(which.sum())) for step, split, which, values in steps]
    long = pd.DataFrame(rows, columns=["step", "split", "cents", "deals"])
    wide = long.pivot_table(index="step", columns="split", values=["cents", "deals"], aggfunc="sum", fill_value=0)
    wide = wide.reindex(STEPS)
    out = pd.DataFrame({"step": STEPS}, index=wide.index)
    for split in SPLIT:
        out[split], out[f"deals_{split}"] = wide["cents"][split], wide["deals"][split]
    out["amount"], out["deals"] = out[SPLIT].sum(axis=1), out["deals_happened"] + out["deals_learnt"]
    for step, which, values in ((STEPS[0], "was", "x0"), (STEPS[-1], "now", "leaves")):
        out.loc[step, ["amount", "deals"]] = [int(deals.loc[deals[which], values].sum()), int(deals[which].sum())]
    sign = pd.Series(1, out.index).mask(out.index.isin(LEAVING), -1)
    out["deals_change"] = (out["deals"] * sign).mask(out.index.isin(REPRICED))
    money = ["amount", *SPLIT]
    out[money] = out[money] / 100 if known else np.nan
    columns = ["step", *money, "deals", "deals_happened", "deals_learnt", "deals_change"]
    return out[columns].reset_index(drop=True)
