"""What the open pipeline gained and lost between two days, and what of that was only learnt between them; C-60."""

import numpy as np
import pandas as pd

from abmlib.method.measures import measure_rows
from abmlib.method.periods import DAY, Period
from abmlib.tables.definitions.results import STEPS

REPRICED = ["amount unknown at start", "grown", "shrunk"]  # steps of deals that were open and stayed
LEAVING = ["won", "lost", "closed, result unknown", "no longer in the data"]
SPLIT = ["happened", "learnt"]
MOVED = ["opportunity_id", "account_id", "name", "owner_id", "amount", "from_day", "to_day", "split"]


def bridge(
    before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Lead from the pipeline open on one day to that of a later day, to the cent.

    Each step is split into what happened after `start` and what was only learnt since: dated by `start`, and not known
    then. A deal that was won leaves with the amount it was won at, any other with the amount it had. Deals created count
    with the amount at their end or on the last day; of a deal without an opening day nobody knows when it was created, so it
    was learnt. A change without a date happened in between. A deal without an
    amount is counted and adds nothing; a first amount that nothing dates was learnt, and so was one of a deal whose history begins
    after `start`. Amounts are missing where no deal
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
    deals, each = _by_deal(before, after, history, start, end)
    return _table(each, deals, _is_priced(before, after)).assign(start_day=start, end_day=end)


def behind(
    before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """List the deals behind each step of `bridge`, the steps in order and the largest amounts first.

    Parameters
    ----------
    before, after, history, start, end : as in `bridge`

    Returns
    -------
    DataFrame to the spec of ``12_bridge``: one row per deal and step; the amounts of a step add up to its own, to the cent.
    Where amounts are missing, steps of amounts alone have no row; the amount of a deal that never had one is missing
    """
    each, priced = _by_deal(before, after, history, start, end)[1], _is_priced(before, after)
    of = after.set_index("opportunity_id")[["account_id", "name", "owner_id"]]
    each = each[priced | ~each["step"].isin(REPRICED)]
    known = pd.concat([t.loc[t["amount"].notna(), "opportunity_id"] for t in (before, after)])
    each = each.assign(
        amount=(each["cents"] / 100).where(priced & each["opportunity_id"].isin(known)),
        place=each["step"].map(STEPS.index),
        **{c: each["opportunity_id"].map(of[c]) for c in of},
    )
    each = each.sort_values(["place", "cents"], key=lambda c: -c.abs() if c.name == "cents" else c, kind="stable")
    return each[["step", "split", *of.columns, "opportunity_id", "amount"]].reset_index(drop=True)


def postponed(before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """List the deals open on both days whose closing day was moved later, what happened apart from what was only learnt.

    A move that was dated by `start`, and not known then, was learnt; any other happened in between. A deal with both has two
    rows. Deals whose closing day on one of the two days is unknown have none. These deals stay open, so the move is no step
    of `bridge`.

    Parameters
    ----------
    before : DataFrame, one row per deal open on `start` as it was known then: ``opportunity_id, close_date``
    after, history : as in `bridge`

    Returns
    -------
    DataFrame, the largest amount first: ``opportunity_id, account_id, name, owner_id, amount`` (now), ``from_day, to_day``
    (closing days), ``split``

    References
    ----------
    Metric dictionary C-60, C-11.
    """
    live = after[~after["is_closed"].astype(bool)].set_index("opportunity_id")
    was = before.set_index("opportunity_id")["close_date"].reindex(live.index)
    noted = history[history["close_date"].notna() & (history["entered_day"] <= start)]
    noted = noted.sort_values(["entered_at", "seq"], kind="stable")
    dated = noted.groupby("opportunity_id")["close_date"].last().reindex(live.index)
    corrected = dated.where(dated > was, was)  # what was true at the start, as is known now
    parts = [(was, corrected, "learnt"), (corrected, live["close_date"], "happened")]
    rows = [
        live.assign(from_day=first, to_day=last, split=split)[last > first].reset_index()
        for first, last, split in parts
    ]
    return pd.concat(rows)[MOVED].sort_values("amount", ascending=False, kind="stable", ignore_index=True)


def rows(steps: pd.DataFrame, moves: pd.DataFrame, quarter: Period) -> pd.DataFrame:
    """Make rows of `measures` from a bridge: the amount of each step, and of the open deals postponed out of the quarter.

    Parameters
    ----------
    steps : DataFrame of `bridge`
    moves : DataFrame of `postponed`
    quarter : the one that the bridge ends in
    """
    out = pushed_out(moves, quarter)
    total = out["amount"].sum(min_count=min(len(out), 1))
    added = pd.DataFrame({"step": ["postponed out of the quarter"], "amount": [total], "deals": [len(out)]})
    each = pd.concat([steps, added], ignore_index=True).dropna(subset=["amount"])
    days = {"window_start": steps["start_day"].iloc[0] + DAY, "window_end": steps["end_day"].iloc[0]}
    where = {"group_by": "step", "group": each["step"], "n": each["deals"]}
    return measure_rows("C-60", "bridge_amount", each["amount"], "currency", **where, **days)


def pushed_out(moves: pd.DataFrame, quarter: Period) -> pd.DataFrame:
    """Keep the moves of closing days from within a quarter, or before it, to a day after it; one row per deal.

    Parameters
    ----------
    moves : DataFrame of `postponed`
    """
    left = moves[(moves["from_day"] <= quarter.end) & (moves["to_day"] > quarter.end)]
    return left.drop_duplicates("opportunity_id")


def closed_without_day(before: pd.DataFrame, after: pd.DataFrame, start: pd.Timestamp) -> int:
    """Count the deals opened after a day and closed on a day that nobody knows: no step of `bridge` has them.

    Parameters
    ----------
    before, after, start : as in `bridge`
    """
    shut = after["is_closed"].astype(bool) & after["closed_day"].isna() & (after["created_day"] > start)
    return int((shut & ~after["opportunity_id"].isin(before["opportunity_id"])).sum())


def _is_priced(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Say whether some deal open on each of the two days has an amount, where any was open."""
    amounts = [before["amount"], after.loc[~after["is_closed"].astype(bool), "amount"]]
    return all(a.empty or a.notna().any() for a in amounts)


def _part(step: str, split: str, cents: pd.Series) -> pd.DataFrame:
    """Deals of one step, with what each adds."""
    return pd.DataFrame({"step": step, "split": split, "opportunity_id": cents.index, "cents": cents.to_numpy()})


def _by_deal(
    before: pd.DataFrame, after: pd.DataFrame, history: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each deal as it was and as it is, and one row per deal and step."""
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
        steps += [("amount unknown at start", split, ~priced & (change != 0), change)]
        steps += [("grown", split, priced & (change > 0), change), ("shrunk", split, priced & (change < 0), change)]
    each = [_part(step, split, values[which]) for step, split, which, values in steps]
    return deals, pd.concat(each, ignore_index=True)


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
    days = history.groupby("opportunity_id")["entered_day"].agg(["min", "max"]).reindex(ids)
    blind = ever.isna() | (
        days["min"] > start
    )  # a history that begins later, such as with the closing, dates no first amount
    undated = _cents(dated).where(dated.notna(), out["leaves"].where(blind, 0))
    out["learnt"] = corrected.where(out["priced"], undated)
    out["reopened"] = (days["min"] <= start) & (days["max"] > start) & ~(out["known_day"] > start)
    return out


def _cents(amounts: pd.Series) -> pd.Series:
    """Whole cents; 0 where nothing is known."""
    return (amounts.astype("float64") * 100).round().fillna(0).astype("int64")


def _table(each: pd.DataFrame, deals: pd.DataFrame, known: bool) -> pd.DataFrame:
    """Add up the steps, and put the two ends round them."""
    wide = each.assign(deals=1).groupby(["step", "split"])[["cents", "deals"]].sum()
    wide = wide.reindex(pd.MultiIndex.from_product([STEPS[1:-1], SPLIT], names=["step", "split"]), fill_value=0)
    wide = wide.unstack().reindex(STEPS)
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
