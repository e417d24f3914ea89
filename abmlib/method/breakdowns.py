"""Deals by source, campaign, seller and other ways: opened, won, lost, open, win rates; and the one group that moves a headline."""

import numpy as np
import pandas as pd

from abmlib.method.deals import by_group, carry_amounts, counted, dateless, decided, open_deals, undated, won_flag
from abmlib.method.measures import measure_row, measure_rows
from abmlib.method.periods import Period, quarters
from abmlib.method.results import FIRST
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES

TIMES = ("quarter", "month")  # ways of a deal's day
ORIGINS = ("source", "campaign")  # ways of where a deal came from; a renewal comes from none
PERIOD = r"[\s,:_-]+(?:[QH][1-4][\s/-]?)?(?:19|20)\d\d(?:[\s/-]?[QH]?\d{1,2})?$"  # a year, or part of one, that ends a campaign's name
UNDATED = 0.1  # part of a group's decided deals without a closing day, from which its win rate is not compared
LARGE = 0.5  # share of a sum, held by one group, above which the group is named
NAMED = 2  # groups, of different ways, named of the win rate
FEWEST = 10  # deals of a sum; of fewer any one may hold most
SUMS = {  # columns of `by_ways`: definition, metric, unit, and the column of the deals they count
    "opened": ("deals_opened", "C-60", "deals", "opened"), "created_value": ("created_value", "C-60", "currency", "opened"),
    "won": ("deals_won", "C-60", "deals", "won"), "won_value": ("won_value", "C-4", "currency", "won"),
    "lost": ("deals_lost", "C-60", "deals", "lost"), "open_value": ("open_value", "C-8", "currency", "open"),
}  # fmt: skip


def labels(deals: pd.DataFrame, industry: pd.Series, campaigns: pd.DataFrame, year_starts: int = 1) -> pd.DataFrame:
    """Label each deal by closing quarter and month, type, product line, segment, source, campaign and seller.

    A campaign goes by its name, with its id where several have that name; those whose names differ only by the period at their
    end are one. What is unknown is missing.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    industry : Series, segment of each account id
    campaigns : ``tables.schema.CAMPAIGNS``
    year_starts : month in which the fiscal year starts, as in `period_of`

    Returns
    -------
    DataFrame of text, index as `deals`, one column per way
    """
    named = _campaign_names(campaigns)
    campaign = deals["campaign_id"].astype("str")
    ways = {
        "type": deals["type"],
        "product line": deals["product_line"],
        "segment": deals["account_id"].map(industry),
        "source": deals["lead_source"],
        "campaign": campaign.map(named).astype("str").fillna(campaign),
        "owner": deals["owner_id"],
    }
    return _times(deals["closed_day"], year_starts).join(pd.DataFrame(ways).astype("str"))


def _campaign_names(campaigns: pd.DataFrame) -> pd.Series:
    """Name of each campaign id, with the id where several have the name; without its period where that alone tells it from others."""
    ids, name = campaigns["campaign_id"].astype("str"), campaigns["name"].astype("str")
    stem = name.str.replace(PERIOD, "", regex=True)
    told = name.where(~name.duplicated(keep=False), name + " (" + ids + ")")
    return told.mask((stem != "") & (name.groupby(stem).transform("nunique") > 1), stem).set_axis(ids)


def _times(days: pd.Series, year_starts: int) -> pd.DataFrame:
    """Quarter and month of each day."""
    freqs = zip(TIMES, (quarters(year_starts), "M"), strict=True)
    return pd.DataFrame({way: days.dt.to_period(freq).astype("str").where(days.notna()) for way, freq in freqs})


def all_groups(closed: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Measure the win rate by each way of `labels`, as `deals.by_group`, one after another.

    A way with one group only is left out: it says the same as all deals together. Where no deal was lost there is
    no group at all.

    Parameters
    ----------
    closed : DataFrame of `deals.closed_in`
    labels : DataFrame of `labels`, of these deals and others
    """
    closed = closed.iloc[:0] if won_flag(closed).all() else closed
    groups = [by_group(closed, labels.loc[closed.index, way], way) for way in labels]
    ordered = [g.sort_values("group") if way in TIMES else g for way, g in zip(labels, groups, strict=True)]
    return pd.concat([g.iloc[:0] if len(g) == 1 else g for g in ordered], ignore_index=True)


def split(
    deals: pd.DataFrame, period: Period, labels: pd.DataFrame, track: pd.Series, year_starts: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the deals of a period by each way: `all_groups` and `by_ways`. Of `ORIGINS`, renewals are left out.

    A `partial` group has no win rate: it is in the table alone, and without one. The deals of the sellers `aside` are in no way
    but that of sellers: wins that are dated without the losses would make any group look good.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    labels : DataFrame of `labels`
    track : Series of `results.tracks`

    Returns
    -------
    the groups, and the table of `by_ways`
    """
    groups, tables = [], []
    others = deals[~deals["owner_id"].isin(aside(deals, period))]
    origins, owner = labels.columns.isin(ORIGINS), labels.columns == "owner"
    parts = [(others, ~origins & ~owner), (others[track[others.index] != "renewal"], origins), (deals, owner)]
    for some, chosen in parts:
        ways = labels.loc[:, chosen]
        groups.append(all_groups(counted(some, period), ways))
        tables.append(by_ways(some, period, ways, groups[-1], year_starts, track))
    found, table = (
        pd.concat(groups, ignore_index=True),
        pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True),
    )
    keys = pd.MultiIndex.from_frame(table.loc[table["partial"].astype(bool), ["group_by", "group"]])
    return found[~pd.MultiIndex.from_frame(found[["group_by", "group"]]).isin(keys)], table


def aside(deals: pd.DataFrame, period: Period) -> list[str]:
    """Name the sellers of whose decided deals `UNDATED` or more have no closing day; none where they are not the exception.

    They are where they decided more than `LARGE` of the period's deals.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    """
    closed, late = (part["owner_id"].dropna().value_counts() for part in (counted(deals, period), _late(deals)))
    late = late[late >= UNDATED * (closed.reindex(late.index, fill_value=0) + late)]
    held = closed[closed.index.isin(late.index)]
    return sorted(held.index) if held.sum() <= LARGE * closed.sum() else []


def compared_rows(differ: pd.DataFrame, labels: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Make rows of `measures`: how many sources, campaigns and sellers have their win rates compared, and what is lacking.

    Parameters
    ----------
    differ : DataFrame of `deals.differences`
    labels : DataFrame of `labels`

    References
    ----------
    Metric dictionary C-2.
    """
    known, rows = differ[differ["groups"] > 1].set_index("group_by"), []
    for way, name in (("source", "sources"), ("campaign", "campaigns"), ("owner", "sellers")):
        n, groups = (int(known["n"].get(way, 0)), float(known["groups"].get(way, np.nan)))
        why = "" if n or labels[way].isna().all() else f"deals won and lost of two {name}"
        rows.append(measure_row("C-2", f"{name}_compared", groups, name, n, why=why))
    return pd.DataFrame(rows).assign(window_start=period.start, window_end=period.end)


def stand_out(table: pd.DataFrame, differ: pd.DataFrame) -> pd.DataFrame:
    """Mark the groups whose adjusted interval excludes the win rate of all comparable groups. No row is dropped.

    Only where `differ` judges that the groups of the way differ, and not in a group of which more deals opened in the period are
    still open than were decided: lost deals are decided sooner, so a young group looks worse than it is.

    Parameters
    ----------
    table : DataFrame of `by_ways`
    differ : DataFrame of `deals.differences`

    Returns
    -------
    DataFrame, as `table`, with ``clear``: high, low, early (it would be low but for the deals still open) or empty
    """
    judged = differ.loc[differ["judged"] == "differ", "group_by"]
    decided = table["won"] + table["lost"]
    fit = table["group_by"].isin(judged) & (table["group"] != "unknown") & ~table["partial"].astype(bool)
    totals = pd.DataFrame({"won": table["won"], "n": decided})[fit].astype(float).groupby(table["group_by"]).sum()
    rate = table["group_by"].map(totals["won"] / totals["n"])
    old, low = ~(table["waiting"] > decided), fit & (table["high"] < rate)
    clear = np.select([fit & old & (table["low"] > rate), old & low, low], ["high", "low", "early"], "")
    return table.assign(clear=clear)


def with_spend(table: pd.DataFrame, spend: pd.DataFrame, campaigns: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Set beside each campaign what it cost in the months that begin in a period.

    Campaigns that cost something and that no deal names come last, without any count of deals.

    Parameters
    ----------
    table : DataFrame of `by_ways`
    spend, campaigns : DataFrames of ``tables.schema`` ``campaign_spend`` and ``campaigns``

    Returns
    -------
    DataFrame: the rows of campaigns, with ``campaign, spend``; no row where no deal names a campaign
    """
    own = table[table["group_by"] == "campaign"].set_index("group")
    inside = spend[spend["month"].between(period.start, period.end)]
    ids = inside["campaign_id"].astype("str")
    cost = inside["spend"].groupby(ids.map(_campaign_names(campaigns)).astype("str").fillna(ids)).sum(min_count=1)
    rest = cost.index.difference(own.index) if len(own) else []
    own = own.reindex([*own.index, *rest])
    return own.assign(spend=cost.reindex(own.index)).rename_axis("campaign").reset_index()


def with_undated(deals: pd.DataFrame, period: Period) -> tuple[int, int, float]:
    """Count deals won and lost on a day that nobody knows, with the win rate of a period if all of them belong to it.

    Where `dateless`, all are counted anyhow, and both numbers are 0.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    """
    won, late = won_flag(counted(deals, period)), _late(deals)
    more = won_flag(late)
    n = len(won) + len(more)
    return int(more.sum()), int((~more).sum()), float((won.sum() + more.sum()) / n) if n else float("nan")


def _late(deals: pd.DataFrame) -> pd.DataFrame:
    """Deals decided on a day that nobody knows, that no period counts."""
    return decided(deals[undated(deals)]) if not dateless(deals) else deals.iloc[:0]


def by_ways(
    deals: pd.DataFrame,
    period: Period,
    labels: pd.DataFrame,
    groups: pd.DataFrame,
    year_starts: int = 1,
    track: pd.Series | None = None,
) -> pd.DataFrame:
    """Count deals and sum amounts opened, won and lost in a period and open now, by each way, beside the win rate.

    Deals are opened in the quarter and month of their opening. Deals without a label are in the group ``unknown``, and a way
    with one group only is left out. Where `dateless`, deals of all times count. A column of which the book has no deal, or no
    amount, is missing; created amounts are where not `carry_amounts`. A group is ``partial`` where `UNDATED` or more of its
    decided deals have no closing day (they count in the quarter and month of their opening).

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    labels : DataFrame of `labels`
    groups : DataFrame of `all_groups`
    track : Series of `results.tracks`, for the first sales among the deals decided

    Returns
    -------
    DataFrame, one row per way and group, the most deals opened first: ``group_by, group, opened, created_value, won,
    won_value, lost, open, open_value, waiting`` (opened in the period, still open), ``won_undated, lost_undated, first_won,
    first_decided, largest_won`` (money), ``partial``, and of `groups` ``raw, raw_low, raw_high, shrunk, low, high``
    """
    closed, live = counted(deals, period), open_deals(deals)
    opened = deals if dateless(deals) else deals[deals["created_day"].between(period.start, period.end)]
    won, late = won_flag(closed), _late(deals)
    first = pd.Series(False, closed.index) if track is None else track.reindex(closed.index) == FIRST
    opened_labels = labels.assign(**_times(deals["created_day"], year_starts))
    more = {
        "waiting": open_deals(opened), "won_undated": late[won_flag(late)], "lost_undated": late[~won_flag(late)],
        "first_won": closed[won & first], "first_decided": closed[first],
    }  # fmt: skip
    parts = {
        ("opened", "created_value"): opened.assign(amount=_created(deals, opened)),
        ("won", "won_value"): closed[won],
        ("lost", ""): closed[~won],
        ("open", "open_value"): live,
    }
    found = []
    for way in labels:
        columns = {}
        for (count, value), part in parts.items():
            own = (opened_labels if count == "opened" else labels).loc[part.index, way]
            own = own.iloc[:0] if count == "open" and way in TIMES else own.fillna("unknown")
            amounts = part["amount"].reindex(own.index).groupby(own)
            columns[count] = amounts.size()
            columns |= {value: amounts.sum(min_count=1)} if value else {}
        table = _filled(pd.DataFrame(columns))
        for name, part in more.items():
            own = (labels if name.startswith("first") else opened_labels).loc[part.index, way].fillna("unknown")
            table[name] = own.value_counts().reindex(table.index).fillna(0).astype(int)
        table["largest_won"] = closed.loc[won, "amount"].groupby(labels.loc[closed.index, way].fillna("unknown")).max()
        unknown_day = table["won_undated"] + table["lost_undated"]
        table["partial"] = unknown_day >= UNDATED * (
            table["won"].fillna(0) + table["lost"].fillna(0) + unknown_day
        ).clip(1)
        own = table.rename_axis("group").reset_index()
        own.insert(0, "group_by", way)
        found.append(own)
    found = [f.sort_values("group") if f["group_by"].iloc[0] in TIMES else f for f in found if len(f) > 1]
    rates = groups[["group_by", "group", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]]
    if not found:
        return pd.DataFrame(columns=[*rates, *SUMS, "open", *more, "largest_won", "partial"])
    table = pd.concat(found, ignore_index=True).merge(rates, on=["group_by", "group"], how="left")
    told = ["raw", "raw_low", "raw_high", "shrunk", "low", "high"]
    return table.assign(**{c: table[c].mask(table["partial"]) for c in told})


def _created(deals: pd.DataFrame, opened: pd.DataFrame) -> pd.Series:
    """Amounts of deals opened; missing where not `carry_amounts`."""
    return opened["amount"] if carry_amounts(deals) else opened["amount"] * np.nan


def _filled(counts: pd.DataFrame) -> pd.DataFrame:
    """Fill groups without a deal with 0, but not columns of which nobody has one; put the most deals first."""
    for count, value in (("opened", "created_value"), ("won", "won_value"), ("lost", "lost"), ("open", "open_value")):
        none = counts[count].isna()
        known = counts[value].notna().any()
        counts[value] = counts[value].mask(none, 0.0) if known else counts[value]
        counts[count] = counts[count].fillna(0) if not none.all() else counts[count]
    return counts.sort_values(["opened", "won"], ascending=False, kind="stable")


def sum_rows(table: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Make rows of `measures` from `by_ways`; months are left out, as ``15`` has them.

    References
    ----------
    Metric dictionary C-4, C-8, C-60.
    """
    rows, split = [], table[table["group_by"] != "month"]
    for column, (definition, metric, unit, count) in SUMS.items():
        known = split[split[column].notna()]
        about = {"n": known[count].fillna(0).astype(int), "group_by": known["group_by"], "group": known["group"]}
        window = {} if definition == "open_value" else {"window_start": period.start, "window_end": period.end}
        rows.append(measure_rows(metric, definition, known[column].astype(float), unit, **about, **window))
    return pd.concat(rows, ignore_index=True)


def without_one(
    deals: pd.DataFrame,
    period: Period,
    labels: pd.DataFrame,
    table: pd.DataFrame | None = None,
    track: pd.Series | None = None,
) -> pd.DataFrame:
    """Find, for each headline, the one seller, campaign, source, account or line without which it moves most.

    The win rate's is kept where the rate of the other deals is outside the interval of all; a group of more than half of the
    deals is not tried, as the others are then the exception; nor is one that leaves fewer than `FLOOR_OUTCOMES`. That of a sum or
    count is kept where it holds more than half of it, of `FEWEST` deals or more. Deals without a label belong to no group, but
    those without a source or campaign are tried for the win rate; a way with one group tells nothing, nor does the win rate of a
    `partial` group. The sellers `aside` are always named for the win rate, and first: the others are tried without their deals.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    labels : DataFrame of `labels`
    table : DataFrame of `by_ways`, that says which groups are partial
    track : Series of `results.tracks`; a renewal comes from no source or campaign, so it is none that lacks one

    Returns
    -------
    DataFrame, at most a row per headline, but `NAMED` of the win rate, of ``win_rate_by_count, won_value, created_value,
    deals_opened, open_value``: ``definition_id, group_by, group, value`` (of all), ``without`` (of the others), ``won`` (deals of
    the group won, of the win rate), ``n`` (its deals), ``n_others``

    References
    ----------
    Cook (1977), Detection of influential observation in linear regression, Technometrics 19, p. 15: leave one out; here a group.
    """
    ways = labels.reindex(columns=["owner", "campaign", "source", "product line"]).assign(account=deals["account_id"])
    closed, live = counted(deals, period), open_deals(deals)
    opened = deals if dateless(deals) else deals[deals["created_day"].between(period.start, period.end)]
    won = won_flag(closed)
    fresh = pd.Series(True, ways.index) if track is None else track != "renewal"
    named = ways.assign(
        **{
            way: ways[way].astype("str").mask(ways[way].isna() & fresh, "unknown")
            for way in ORIGINS
            if ways[way].notna().any()
        }
    )
    partial = (
        table.loc[table["partial"].astype(bool), ["group_by", "group"]] if table is not None else ways.iloc[:0, :2]
    )
    apart = closed["owner_id"].isin(aside(deals, period))
    found = [_apart(won, apart, closed["owner_id"])]
    found.append(_rate_without(won[~apart], closed.loc[~apart, "account_id"], named, pd.MultiIndex.from_frame(partial)))
    sums = {
        "won_value": closed.loc[won, "amount"],
        "created_value": _created(deals, opened),
        "deals_opened": pd.Series(1.0, opened.index),
        "open_value": live["amount"],
    }
    found += [_sum_without(values.dropna(), ways).assign(definition_id=name) for name, values in sums.items()]
    columns = ["definition_id", "group_by", "group", "value", "without", "won", "n", "n_others"]
    return pd.concat([f for f in found if len(f)] or [pd.DataFrame()]).reindex(columns=columns).reset_index(drop=True)


def _by_way(values: pd.Series, ways: pd.DataFrame) -> pd.DataFrame:
    """Sum and count of values by each group of each way that has several."""
    own = ways.loc[values.index]
    parts = [
        values.groupby(own[way].astype("str"))
        .agg(["sum", "size"])
        .rename_axis("group")
        .reset_index()
        .assign(group_by=way)
        for way in own
        if own[way].nunique() > 1
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["group", "sum", "size", "group_by"])


def _rate_without(won: pd.Series, account: pd.Series, ways: pd.DataFrame, partial: pd.MultiIndex) -> pd.DataFrame:
    """Give the groups without which the win rate leaves its interval, one of a way, the farthest first."""
    value, low, high, n = intervals.share(won, account)
    each = _by_way(won.astype(float), ways)
    tried = (each["size"] <= LARGE * n) & (n - each["size"] >= FLOOR_OUTCOMES)
    tried &= ~pd.MultiIndex.from_frame(each[["group_by", "group"]]).isin(partial)
    each = each[tried & (not won.all())]
    without = (won.sum() - each["sum"]) / (n - each["size"])
    each = each.assign(without=without, value=value, won=each["sum"], n=each["size"], n_others=n - each["size"])
    moved = each[(without < low) | (without > high)]
    order = (moved["without"] - value).abs().sort_values(ascending=False, kind="stable").index
    return moved.loc[order].drop_duplicates("group_by").head(NAMED).assign(definition_id="win_rate_by_count")


def _apart(won: pd.Series, apart: pd.Series, owner: pd.Series) -> pd.DataFrame:
    """Give the win rate without the sellers set apart, as one group; no row without any, or where no deal was lost."""
    who = ", ".join(sorted(owner[apart].unique()))
    row = [
        "win_rate_by_count",
        "owner",
        who,
        won.mean(),
        won[~apart].mean(),
        won[apart].sum(),
        apart.sum(),
        (~apart).sum(),
    ]
    columns = ["definition_id", "group_by", "group", "value", "without", "won", "n", "n_others"]
    return pd.DataFrame([row] if apart.any() and not apart.all() and not won.all() else [], columns=columns)


def _sum_without(values: pd.Series, ways: pd.DataFrame) -> pd.DataFrame:
    """Give the group that holds most of a sum of values above zero, where that is more than half of it."""
    values = values[values >= 0]
    each, total = _by_way(values, ways), values.sum()
    held = each[each["sum"] > LARGE * total] if len(values) >= FEWEST else each.iloc[:0]
    held = held.assign(value=total, without=total - held["sum"], n=held["size"], n_others=len(values) - held["size"])
    return held.assign(won=np.nan).loc[held["sum"].sort_values(kind="stable").index[-1:]]


def without_rows(moved: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Make rows of `measures` from `without_one`: each headline of the other deals, with their number."""
    known = {definition: (metric, unit) for definition, metric, unit, _ in SUMS.values()} | {
        "win_rate_by_count": ("C-2", "share")
    }
    rows = [
        measure_row(
            known[r.definition_id][0], r.definition_id, r.without, known[r.definition_id][1], int(r.n_others),
            group_by=f"without {r.group_by}", group=r.group, window_start=period.start, window_end=period.end,
        )
        for r in moved.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(rows)
