"""Each seller against the own target: won, missing, open, due, overdue and stalled, and who needs help."""

import pandas as pd

from abmlib.method.deals import closed_in, dateless, open_deals, won_flag
from abmlib.method.forecast import due_in, owner_targets
from abmlib.method.measures import counted_row, measure_rows
from abmlib.method.periods import DAY, Period, quarters

SILENT_DAYS = 90  # without a deal opened or closed, after which a seller is called silent


def year_to(end: pd.Timestamp, year_starts: int = 1) -> Period:
    """Give the fiscal year up to a day."""
    return Period(end.to_period(quarters(year_starts).replace("Q", "Y")).start_time.normalize(), end)


def by_seller(
    deals: pd.DataFrame,
    targets: pd.DataFrame,
    period: Period,
    coming: Period,
    as_of: pd.Timestamp,
    is_stalled: pd.Series,
    by_ways: pd.DataFrame,
    year_starts: int = 1,
) -> pd.DataFrame:
    """Set what each seller won beside the own target, and the deals at hand; who misses most comes first.

    A seller is who owns a deal that is open, or closed in the fiscal year up to the period's end or in the window of
    `by_ways`, or who has a target. What is won is missing where `dateless`, or where the seller's won deals have no amount. The year's
    target is that of the fiscal year up to the period's end (`forecast.owner_targets`). Columns of which nothing is known are
    missing. Where no deal names its seller there is no row: on an earlier day a source may not tell who owned the deals.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    period : of `forecast.target_to_judge`
    coming : days in which deals are due, of `forecast.target_periods`
    is_stalled : Series of bool by deal id, of open deals that can be judged
    by_ways : DataFrame of `breakdowns.by_ways`, whose window may be another

    Returns
    -------
    DataFrame: ``owner_id, own_target, won_value, won_of_target, missing_to_target, year_target, year_won, year_of_target,
    open_deals, open_value, due_value`` (from the day of the report to the end of `coming`), ``overdue_deals, overdue_value,
    stalled_deals, deals_known`` (all the deals owned), ``without_largest`` (``won_of_target`` but for the largest deal won),
    and of `by_ways` ``won, lost, raw, raw_low, raw_high, shrunk, low, high``

    References
    ----------
    Metric dictionary C-9, by seller.
    """
    year = year_to(period.end, year_starts)
    live, rates = open_deals(deals), by_ways[by_ways["group_by"] == "owner"].set_index("group")
    late, due = live[live["close_date"] < as_of], due_in(live, coming, as_of)
    aims = {
        "own_target": owner_targets(targets, period, year_starts),
        "year_target": owner_targets(targets, year, year_starts),
    }
    won = {"won_value": _won(deals, period), "year_won": _won(deals, year)}
    known = {name: _sum(part) for name, part in won.items()}
    at_hand = {
        "open_deals": live.groupby("owner_id").size(), "open_value": _sum(live), "due_value": _sum(due),
        "overdue_deals": late.groupby("owner_id").size(), "overdue_value": _sum(late),
        "stalled_deals": live["opportunity_id"].map(is_stalled).astype("float").groupby(live["owner_id"]).sum(min_count=1),
    }  # fmt: skip
    names = sorted(
        set().union(*(s.index for s in (*aims.values(), *known.values(), *at_hand.values()))) | set(rates.index)
    )
    out = pd.DataFrame(aims | known | at_hand, pd.Index(names, name="owner_id", dtype="str")).drop(
        "unknown", errors="ignore"
    )
    closed = deals[deals["is_closed"].astype(bool)]
    if not dateless(deals) and closed["amount"].notna().any():
        for name, part in won.items():
            mute = out.index.isin(part["owner_id"]) & out[name].isna()
            out[name] = out[name].fillna(0.0).mask(mute)
    else:
        out[list(won)] = float("nan")
    known_ends = bool(live["close_date"].notna().any())
    for count, told in (("open_deals", len(live) > 0), ("overdue_deals", known_ends)):
        out[count] = out[count].fillna(0).astype(int) if told else float("nan")
    held = {"open_value": live, "overdue_value": late, "due_value": due}
    for name, part in held.items():
        out[name] = (
            out[name].mask(~out.index.isin(part["owner_id"]), 0.0)
            if (known_ends or name == "open_value") and part["amount"].notna().any()
            else out[name]
        )
    out["deals_known"] = deals.groupby("owner_id").size().reindex(out.index, fill_value=0)
    aim = out["own_target"].where(out["own_target"] > 0)
    out["won_of_target"] = out["won_value"] / aim
    largest = won["won_value"].groupby("owner_id")["amount"].max().reindex(out.index).fillna(0.0)
    out["without_largest"] = (out["won_value"] - largest) / aim
    out["missing_to_target"] = (aim - out["won_value"]).clip(lower=0)
    out["year_of_target"] = out["year_won"] / out["year_target"].where(out["year_target"] > 0)
    out = out.join(rates[["won", "lost", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]]).reset_index()
    first = ["owner_id", "own_target", "won_value", "won_of_target", "missing_to_target", "year_target", "year_won"]
    return (
        out[[*first, *out.columns.difference(first, sort=False)]]
        .sort_values(
            ["missing_to_target", "won_value", "won", "owner_id"],
            ascending=[False, False, False, True],
            ignore_index=True,
        )
        .iloc[: None if deals["owner_id"].notna().any() else 0]
    )


def _won(deals: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Deals won in a period."""
    closed = closed_in(deals, period)
    return closed[won_flag(closed)]


def _sum(deals: pd.DataFrame) -> pd.Series:
    """Amount by owner."""
    return deals.groupby("owner_id")["amount"].sum(min_count=1)


def silent(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Find the last day on which each seller with open deals opened or closed any.

    A seller without such a day is not called silent: nobody knows. Deals without a seller do not count.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed

    Returns
    -------
    DataFrame, the longest silent first: ``owner_id, last_day, open_deals, open_value, silent`` (none for `SILENT_DAYS` up to `as_of`)
    """
    days = deals[["created_day", "closed_day"]].max(axis=1)
    live = open_deals(deals)
    held = live.groupby("owner_id").size().rename("open_deals")
    last = days.groupby(deals["owner_id"]).max().rename("last_day").reindex(held.index)
    value = _sum(live).rename("open_value").reindex(held.index)
    out = pd.concat([last, held, value], axis=1).rename_axis("owner_id").reset_index()
    out["silent"] = (as_of - out["last_day"]).dt.days >= SILENT_DAYS
    columns = ["owner_id", "last_day", "open_deals", "open_value", "silent"]
    return out[columns].sort_values(["last_day", "owner_id"], ignore_index=True)


def seller_rows(sellers: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Make rows of `measures` of each seller's target and what is won of it, and how many sellers reached theirs.

    References
    ----------
    Metric dictionary C-9.
    """
    some = sellers[sellers["own_target"].notna()].rename(columns={"own_target": "target"})
    about = {
        "n": 1,
        "group_by": "owner",
        "group": some["owner_id"],
        "window_start": period.start,
        "window_end": period.end,
    }
    units = {"target": "currency", "won_of_target": "share", "missing_to_target": "currency"}
    rows = [measure_rows("C-9", c, some[c].astype(float), unit, **about) for c, unit in units.items()]
    judged = sellers.loc[sellers["deals_known"] > 0, "won_of_target"].dropna()
    days = {"group": "all", "window_start": period.start, "window_end": period.end}
    why = "" if len(sellers) else "the seller of each deal"  # `by_seller` has no row without it
    met = counted_row("C-9", "sellers_at_target", int((judged >= 1).sum()), len(judged), group_by="all", **days) | {
        "why": why
    }
    return pd.concat([*rows, pd.DataFrame([met])], ignore_index=True)


def behind(sellers: pd.DataFrame, period: Period, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Keep the sellers who won a smaller share of both targets, of the period and of the year to date, than time has passed.

    Who misses most comes first. The target of the year to date is that of its periods up to the end of `period`.

    Parameters
    ----------
    sellers : DataFrame of `by_seller`
    """
    late = sellers["deals_known"] > 0
    for won, aim, span in (
        ("won_value", "own_target", period),
        ("year_won", "year_target", year_to(period.end, year_starts)),
    ):
        passed = min((as_of - span.start + DAY) / (span.end - span.start + DAY), 1.0)
        late &= sellers[won] < passed * sellers[aim].where(sellers[aim] > 0)
    return sellers[late].sort_values("missing_to_target", ascending=False, kind="stable")
