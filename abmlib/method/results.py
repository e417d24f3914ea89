"""What was won: first sales and business with customers apart, by account, tier and quarter, on the target list and off it."""

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.changes import whole_since
from abmlib.method.framework import TIERS, entry_days, tiers_on
from abmlib.method.measures import measure_rows, share_rows
from abmlib.method.periods import DAY, Period, latest_before, quarters
from abmlib.method.stages import stage_rows, stage_table
from abmlib.stats import intervals, survival
from abmlib.tables import programme

FIRST, NEW = "first sale", "new business with a customer"
TRACKS = (FIRST, NEW, "expansion", "renewal", "unknown")
SALES, CUSTOMERS = "first sales", "business with customers"  # the two sides of tracks
LISTED, OTHERS = "on the target list", "not on it"
WIN = ["win_share", "win_low", "win_high"]
QUARTERS = 8  # shown at most

# -- first sales and business with customers --------------------------------------------------------------------------


def tracks(deals: pd.DataFrame, first_won: pd.Series) -> pd.Series:
    """Say of each deal whether it is a first sale or which business with a customer. No row is dropped.

    A first sale is opened before its account bought or had another deal won. The CRM's word counts for an expansion or
    renewal alone, as many CRMs call all deals new. Customers from before the data begin are not known; nothing is called a first
    sale that was opened before `told_from`.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    first_won : Series, day of the first purchase or won deal of each account id

    Returns
    -------
    Series of `TRACKS`; unknown without an account, or without a day of opening where that decides: of deals without one, those of
    accounts that never bought are all lost

    References
    ----------
    House definition; README, glossary entry "track". S0-6.
    """
    bought = first_won.reindex(deals["account_id"]).set_axis(deals.index)
    bought = bought.mask(dl.won_flag(deals) & (bought == deals["closed_day"]))  # its own win is none before it
    said, opened = deals["type"].isin(["expansion", "renewal"]), deals["created_day"]
    is_first = opened >= told_from(deals, first_won)
    conditions = [said, deals["account_id"].isna(), bought < opened, is_first]
    found = np.select(conditions, [deals["type"].astype("str"), "unknown", NEW, FIRST], "unknown")
    return pd.Series(pd.Categorical(found, TRACKS, ordered=True), deals.index)


def told_from(deals: pd.DataFrame, first_won: pd.Series) -> pd.Timestamp:
    """Day from which the data can tell a first sale: the deals under way when they begin are over by then.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    first_won : Series, day of the first purchase or won deal of each account id
    """
    begin, first = deals["created_day"].min(), first_won.min()
    return whole_since(deals) - (begin - first if first < begin else pd.Timedelta(0))


def by_track(deals: pd.DataFrame, period: Period, track: pd.Series) -> pd.DataFrame:
    """Measure each track alone: deals opened, open, won and lost, win rate, sizes and days to close.

    Tracks are never averaged with each other. A track without a deal opened, open or decided has no row. Accounts are clusters in
    every interval. Days to close are of all deals of the book, open ones included (Kaplan–Meier). Where no deal was lost, no win
    rate is given.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    track : Series of `tracks`

    Returns
    -------
    DataFrame, one row per track: ``track, opened`` (in the period), ``open, won, lost, win_share, win_low, win_high, won_value,
    size_median, size_low, size_high, n_sized, days_to_close, days_to_close_low, days_to_close_high, n_aged``

    References
    ----------
    Metric dictionary C-2, C-4, C-5; S0-6.
    """
    closed = dl.counted(deals, period)
    is_won, rows = dl.won_flag(closed), []
    rates = intervals.shares(is_won, closed["account_id"], track[closed.index].astype("str"))
    rates = rates[["share", "low", "high"]].set_axis(WIN, axis=1)
    rates = rates.iloc[:0] if is_won.all() else rates
    for name in track.unique().sort_values():
        own = deals[track == name]
        mine, aged = closed[track[closed.index] == name], own[own["age_days"].notna()]
        won = mine[dl.won_flag(mine)]
        size = intervals.estimate(dl.sizes(won), np.median, dl.SEED, won["account_id"])
        km = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], dl.SEED)
        opened = (
            own["created_day"].between(period.start, period.end).sum() if deals["created_day"].notna().any() else np.nan
        )
        counts = (opened, len(dl.open_deals(own)), len(won), len(mine) - len(won))
        rows.append((name, *counts, won["amount"].sum(min_count=1), *size, *km))
    columns = ["track", "opened", "open", "won", "lost", "won_value", "size_median", "size_low", "size_high", "n_sized"]
    ages = ["days_to_close", "days_to_close_low", "days_to_close_high", "n_aged"]
    found = pd.DataFrame(rows, columns=[*columns, *ages]).join(rates, on="track")
    found = found[found[["opened", "open", "won", "lost"]].any(axis=1)].reset_index(drop=True)
    return found[[*columns[:5], *WIN, *columns[5:], *ages]]


def track_rows(tracked: pd.DataFrame, period: Period | None) -> pd.DataFrame:
    """Make rows of `measures` from `by_track`.

    Parameters
    ----------
    period : of the deals decided; None where those of all times count
    """
    where = {"group_by": "track", "group": tracked["track"]}
    inside = where | ({"window_start": period.start, "window_end": period.end} if period else {})
    rate = dict(zip(("low", "high"), (tracked["win_low"], tracked["win_high"]), strict=True))
    size = dict(zip(("low", "high"), (tracked["size_low"], tracked["size_high"]), strict=True))
    days = dict(zip(("low", "high"), (tracked["days_to_close_low"], tracked["days_to_close_high"]), strict=True))
    decided, name = tracked["won"] + tracked["lost"], "days_to_close_median_open_censored"
    return pd.concat(
        [
            measure_rows(
                "C-60", "deals_opened", tracked["opened"], "deals", n=tracked["opened"].fillna(0).astype(int), **inside
            ),
            measure_rows("C-8", "open_deals", tracked["open"], "deals", n=tracked["open"], **where),
            measure_rows("C-60", "deals_won", tracked["won"], "deals", n=tracked["won"], **inside),
            measure_rows("C-2", "win_rate_by_count", tracked["win_share"], "share", n=decided, **rate, **inside),
            measure_rows("C-4", "won_value", tracked["won_value"], "currency", n=tracked["n_sized"], **inside),
            measure_rows(
                "C-4", "deal_size_median", tracked["size_median"], "currency", n=tracked["n_sized"], **size, **inside
            ),
            measure_rows("C-5", name, tracked["days_to_close"], "days", n=tracked["n_aged"], **days, **where),
        ]
    )


def stages_by_track(visits: pd.DataFrame, track: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure each stage in each known track alone, as `stages.stage_table`, and make rows of `measures`.

    Parameters
    ----------
    visits : DataFrame of `stages.stage_visits`
    track : Series of `tracks`, indexed by deal id

    Returns
    -------
    the table with ``track`` before its columns, and the rows, grouped by the stage of each track

    References
    ----------
    Metric dictionary C-6, C-7; S0-6.
    """
    of_visit = visits["opportunity_id"].map(track)
    parts = {name: visits[of_visit == name] for name in TRACKS[:-1] if (of_visit == name).any()}
    tables = {name: stage_table(part) for name, part in parts.items()}
    rows = [stage_rows(t, parts[name]).assign(group_by=f"stage, {name}") for name, t in tables.items()]
    if not tables:
        empty = stage_table(visits)
        return empty.assign(track=""), stage_rows(empty, visits)
    found = pd.concat(tables, names=["track", None]).reset_index("track").reset_index(drop=True)
    return found, pd.concat(rows)


# -- by account, tier and quarter -------------------------------------------------------------------------------------


def _decided_before(deals: pd.DataFrame, before: Period) -> pd.DataFrame:
    """Deals decided in the period before; none where the book does not hold it whole, as its sums would be too small."""
    return dl.closed_in(deals, before).iloc[: None if whole_since(deals) <= before.start else 0]


def won_by_account(deals: pd.DataFrame, tier: pd.Series, period: Period, before: Period) -> pd.DataFrame:
    """Sum what each account decided and won in a period, beside the one before it, the most won first.

    An account without a deal decided in either period has no row; deals without an account are in none. Amounts are missing
    where no won deal has one, and in a period before that the book does not hold whole (`changes.whole_since`).

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    tier : Series, index account_id
    before : the period beside it

    Returns
    -------
    DataFrame, one row per account: ``account_id, tier, won_value, acv, won_deals, decided_deals, won_value_before,
    decided_deals_before``

    References
    ----------
    Metric dictionary C-4; S1-23a.
    """
    now, then = dl.closed_in(deals, period), _decided_before(deals, before)
    won, earlier = now[dl.won_flag(now)], then[dl.won_flag(then)]
    found = pd.DataFrame(
        {
            "decided_deals": now.groupby("account_id").size(),
            "decided_deals_before": then.groupby("account_id").size(),
            "won_deals": won.groupby("account_id").size(),
            "won_value": won.groupby("account_id")["amount"].sum(min_count=1),
            "acv": dl.acv(won).groupby(won["account_id"]).sum(min_count=1),
            "won_value_before": earlier.groupby("account_id")["amount"].sum(min_count=1),
        }
    ).rename_axis("account_id")
    counts = [c for c in found if c.endswith(("_deals", "_before")) and not c.startswith("won_value")]
    found[counts] = found[counts].fillna(0).astype(int)
    found = found.assign(tier=tier.reindex(found.index)).reset_index()
    return found.sort_values(["won_value", "account_id"], ascending=[False, True], ignore_index=True)


def movers(by_account: pd.DataFrame) -> pd.DataFrame:
    """Give what accounts won more or less than in the period before, the greatest change first.

    Accounts that changed nothing, or of which no amount is known, have no row; one without an amount in a period won 0 in it.

    Parameters
    ----------
    by_account : DataFrame of `won_by_account`

    Returns
    -------
    DataFrame, one row per account: its columns and ``won_change`` (money)
    """
    sums = by_account[["won_value", "won_value_before"]].fillna(0.0)
    moved = by_account.assign(**sums, won_change=sums["won_value"] - sums["won_value_before"])
    moved = moved[moved["won_change"] != 0]
    return moved.sort_values("won_change", key=abs, ascending=False, kind="stable", ignore_index=True)


def won_by(won: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Sum the deals won in each group; amounts are missing where none is known.

    Parameters
    ----------
    won : DataFrame of `deals.with_days`, deals won
    group : Series of labels, index as `won`; deals without one do not count

    Returns
    -------
    DataFrame, indexed by group: ``accounts_won, won_deals, won_value, n_value`` (deals with an amount), ``acv, n_acv``

    References
    ----------
    Metric dictionary C-4; S1-23a.
    """
    of = won.assign(acv=dl.acv(won)).groupby(group)
    counts = {"accounts_won": of["account_id"].nunique(), "won_deals": of.size()}
    money = {"won_value": of["amount"].sum(min_count=1), "n_value": of["amount"].count()}
    return pd.DataFrame(counts | money | {"acv": of["acv"].sum(min_count=1), "n_acv": of["acv"].count()})


def by_tier(deals: pd.DataFrame, tier: pd.Series, period: Period, before: Period) -> pd.DataFrame:
    """Sum what was won in each tier of the accounts, as `won_by`, beside the period before; without any tier no row.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    tier : Series, index account_id; accounts without one are in ``none``, and deals without an account in ``unknown``

    Returns
    -------
    DataFrame, one row per tier, ``none`` and ``unknown`` the last: ``tier``, columns of `won_by`,
    ``won_value_before, n_value_before``; 0 where a
    tier won nothing, and missing in a period in which no deal was decided
    """
    now, then = dl.closed_in(deals, period), _decided_before(deals, before)
    won, earlier = (closed[dl.won_flag(closed)] for closed in (now, then))
    of, of_earlier = (
        w["account_id"].map(tier).astype("str").fillna("none").mask(w["account_id"].isna(), "unknown")
        for w in (won, earlier)
    )
    past = won_by(earlier, of_earlier)[["won_value", "n_value"]].add_suffix("_before")
    found = won_by(won, of).join(past, how="outer")
    if len(now):
        found.loc[found["won_deals"].isna(), ["won_value", "acv"]] = 0.0
    if len(then):
        found.loc[found["n_value_before"].isna(), "won_value_before"] = 0.0
    counts = dict.fromkeys(["accounts_won", "won_deals", "n_value", "n_acv", "n_value_before"], 0)
    found = found.fillna(counts).astype(dict.fromkeys(counts, int)).rename_axis("tier").reset_index()
    return found if found["tier"].isin(TIERS).any() else found.iloc[:0]


def led(won: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Find the groups of which one account brought more than half of what was won, by two accounts or more.

    Parameters
    ----------
    won : DataFrame of `deals.with_days`, deals won
    group : Series of labels, index as `won`

    Returns
    -------
    DataFrame: ``group, account_id, won_value`` (of the account), ``whole`` (of the group)
    """
    sums = won.groupby([group.rename("group"), "account_id"])["amount"].sum().rename("won_value").reset_index()
    of = sums.groupby("group")["won_value"]
    sums = sums.assign(whole=of.transform("sum"))
    return sums[(2 * sums["won_value"] > sums["whole"]) & (of.transform("size") > 1)].reset_index(drop=True)


def by_quarter(deals: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Sum what was won in each of the last quarters, as `won_by`, oldest first; where `deals.dateless` there is no row.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    year_starts : month in which the fiscal year starts, as in `periods.period_of`

    Returns
    -------
    DataFrame, one row per quarter since the first deal won: ``quarter``, columns of `won_by`, ``status`` (too_early while it
    runs)
    """
    closed = dl.decided(deals if not dl.dateless(deals) else deals.iloc[:0])
    won, last = closed[dl.won_flag(closed) & closed["closed_day"].notna()], pd.Period(as_of, quarters(year_starts))
    quarter = won["closed_day"].dt.to_period(last.freqstr)
    first = last - QUARTERS + 1
    since = max(quarter.min(), first) if (quarter >= first).any() else last + 1
    inside = pd.period_range(since, last)
    found = won_by(won, quarter).reindex(inside)
    nothing = found["won_deals"].isna()
    found = found.mask(nothing, 0).astype({"accounts_won": int, "won_deals": int, "n_value": int, "n_acv": int})
    found.insert(0, "quarter", inside.astype("str"))
    return found.assign(status=np.where(inside.end_time.normalize() > as_of, "too_early", "ok")).reset_index(drop=True)


def won_rows(
    sums: pd.DataFrame, group_by: str, period: Period | None = None, before: Period | None = None
) -> pd.DataFrame:
    """Make rows of `measures` from `by_tier` or `by_quarter`: the amount won and its annual contract value.

    Parameters
    ----------
    period : in which deals were won, where it is one for all rows
    before : period of ``won_value_before``

    References
    ----------
    Metric dictionary C-4; S1-23a.
    """
    about = {"group_by": group_by, "group": sums[group_by]}
    about |= {"window_start": period.start, "window_end": period.end} if period else {}
    status = sums["status"] if "status" in sums else pd.Series("ok", sums.index)
    parts = []
    for name, column, n in (("won_value", "won_value", "n_value"), ("acv_won", "acv", "n_acv")):
        states = status.mask(sums[column].isna(), "not_answerable")
        parts.append(measure_rows("C-4", name, sums[column], "currency", n=sums[n], status=states, **about))
    if before:
        past = {"n": sums["n_value_before"]} | about | {"window_start": before.start, "window_end": before.end}
        parts.append(measure_rows("C-4", "won_value", sums["won_value_before"], "currency", **past))
    return pd.concat(parts)


# -- the target list --------------------------------------------------------------------------------------------------


def on_list(deals: pd.DataFrame, tiers: pd.DataFrame) -> pd.Series:
    """Say of each deal whether its account was on the target list the day before the deal was decided.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    tiers : DataFrame of ``tables.schema`` ``account_tiers``

    Returns
    -------
    bool Series, index as `deals`; False without an account or a closing day
    """
    entries = programme.latest_entries("account_tiers", tiers).sort_values("valid_from", kind="stable")
    steps = pd.DataFrame({"account_id": entries["account_id"].astype("str"), "day": entries["valid_from"]})
    steps = steps.assign(runs_to=entries["valid_to"], tier=entries["tier"]).astype({"day": "datetime64[ns]"})
    asked = pd.DataFrame({"account_id": deals["account_id"].astype("str"), "day": deals["closed_day"] - DAY})
    asked = asked[deals["account_id"].notna() & asked["day"].notna()].astype({"day": "datetime64[ns]"})
    asked = asked.rename_axis("row").reset_index().sort_values("day", kind="stable")
    found = latest_before(asked, steps, "account_id", "day").set_index("row")
    inside = found["tier"].isin(TIERS) & ~(found["runs_to"] < found["day"])
    return inside.reindex(deals.index, fill_value=False)


def target_list(
    deals: pd.DataFrame, accounts: pd.DataFrame, tiers: pd.DataFrame, period: Period, track: pd.Series
) -> pd.DataFrame:
    """Count the accounts decided and won on the target list and off it, of all deals and by track, and new customers.

    An account is counted on the list with the deals decided while it was on it, so a deal cannot put its account on the list.
    Prospects are accounts without a purchase when the period began, or when they came onto the list in it; off the list are the
    accounts that were never on it. Without a list that holds at the end of the period, or where `deals.dateless`, there is no
    row. Where no deal was lost, no share of accounts decided is given; with one side of tracks alone, there is no row by track.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    accounts : DataFrame, index account_id: ``first_won_day, created_day``
    tiers : DataFrame of ``tables.schema`` ``account_tiers``
    track : Series of `tracks`

    Returns
    -------
    DataFrame of two rows for ``track`` all, and for `SALES` and `CUSTOMERS`: ``target_list, track, accounts_decided,
    accounts_won, accounts_share, accounts_low, accounts_high, won_deals, decided_deals, win_share, win_low, win_high, won_value,
    there, there_won, there_share, there_low, there_high`` (all accounts on the list in the period, or never on it; of first
    sales the prospects, of customers those that bought by its end; how many of them were won), and of all alone ``prospects,
    new_customers, new_share, new_low, new_high``

    References
    ----------
    Metric dictionary C-10; S0-6, S3-25a.
    """
    closed = dl.closed_in(deals, period)
    closed = closed[closed["account_id"].notna()]
    closed = closed.assign(side=on_list(closed, tiers).map({True: LISTED, False: OTHERS}))
    came = entry_days(tiers).reindex(accounts.index)
    still = accounts.index.isin(tiers_on(tiers, period.start).index) | came.between(period.start, period.end)
    since = came.clip(lower=period.start).fillna(period.start)
    side = pd.Series(np.select([still, came.isna()], [LISTED, OTHERS], ""), accounts.index)
    side = side[~(accounts["created_day"] > period.end)]
    bought = accounts["first_won_day"].reindex(side.index)
    fresh = side[~(bought < since.reindex(side.index))]
    told = track[closed.index].map(dict.fromkeys(TRACKS[1:4], CUSTOMERS) | {FIRST: SALES}).astype("str")
    parts = {"all": (closed, side), SALES: (closed[told == SALES], fresh)}
    parts[CUSTOMERS] = (closed[told == CUSTOMERS], side[bought <= period.end])
    names = list(parts) if told.nunique() > 1 else ["all"]
    out = pd.concat({name: _list_sides(*parts[name]) for name in names}, names=["track", "target_list"])
    if dl.won_flag(closed).all():
        out[["accounts_share", "accounts_low", "accounts_high", *WIN]] = np.nan
    became = fresh[bought.reindex(fresh.index) <= period.end]
    whole = out.index[:2]
    out.loc[whole, "prospects"] = fresh.value_counts().reindex([LISTED, OTHERS], fill_value=0).to_numpy()
    out.loc[whole, "new_customers"] = became.value_counts().reindex([LISTED, OTHERS], fill_value=0).to_numpy()
    out[["new_share", "new_low", "new_high"]] = intervals.wilson(out["new_customers"], out["prospects"])[
        ["share", "low", "high"]
    ]
    none = tiers_on(tiers, period.end).empty or dl.dateless(deals) or not len(closed)
    found = out.reset_index()
    return found[["target_list", "track", *found.columns[2:]]].iloc[: 0 if none else None]


def _list_sides(closed: pd.DataFrame, accounts: pd.Series) -> pd.DataFrame:
    """Count deals decided, and their accounts, on the list and off it; `accounts` are those they could be of, with their side."""
    sides, won = [LISTED, OTHERS], closed[dl.won_flag(closed)]
    pairs = won[["account_id", "side"]].drop_duplicates()
    out = pd.DataFrame({"accounts_decided": closed.groupby("side")["account_id"].nunique()}, sides)
    out["accounts_won"], out["won_deals"] = pairs["side"].value_counts(), won["side"].value_counts()
    out["decided_deals"], out["there"] = closed["side"].value_counts(), accounts.value_counts()
    out["there_won"] = pairs.loc[pairs["account_id"].map(accounts) == pairs["side"], "side"].value_counts()
    counts = list(out)
    out = out.fillna(0).astype(int)
    out[WIN] = intervals.shares(dl.won_flag(closed), closed["account_id"], closed["side"])[["share", "low", "high"]]
    out["won_value"] = won.groupby("side")["amount"].sum(min_count=1)
    for name, top, bottom in (("accounts", "accounts_won", "accounts_decided"), ("there", "there_won", "there")):
        ends = [f"{name}_{end}" for end in ("share", "low", "high")]
        out[ends] = intervals.wilson(out[top], out[bottom])[["share", "low", "high"]]
    shown = [*counts[:2], "accounts_share", "accounts_low", "accounts_high", *counts[2:4], *WIN, "won_value"]
    return out[[*shown, *counts[4:], "there_share", "there_low", "there_high"]]


def list_rows(listed: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Make rows of `measures` from `target_list`: of all deals by target list, of each track by target list and track.

    References
    ----------
    Metric dictionary C-2, C-4, C-10; S0-6, S3-25a.
    """
    whole = listed["track"] == "all"
    where = {
        "group_by": np.where(whole, "target list", "target list and track"),
        "group": listed["target_list"].where(whole, listed["target_list"] + ", " + listed["track"]),
        "window_start": period.start, "window_end": period.end,
    }  # fmt: skip
    n, rate = listed["accounts_decided"], {"low": listed["win_low"], "high": listed["win_high"]}
    known, told = listed["accounts_won"].where(n > 0), listed["accounts_share"].notna().astype(int)
    deals, amount = listed["decided_deals"], listed["won_value"]
    new = share_rows(
        "C-10", "new_customers_of_prospects", listed["new_customers"], listed["prospects"].fillna(0), **where
    )
    return pd.concat(
        [
            measure_rows("C-10", "accounts_won", known, "accounts", n=n, **where),
            share_rows("C-10", "accounts_won_of_accounts_closed", listed["accounts_won"] * told, n * told, **where),
            share_rows("C-10", "accounts_won_of_accounts_there", listed["there_won"], listed["there"], **where),
            new[whole],
            measure_rows("C-2", "win_rate_by_count", listed["win_share"], "share", n=deals, **rate, **where),
            measure_rows("C-4", "won_value", amount, "currency", n=listed["won_deals"], **where),
        ]
    )
