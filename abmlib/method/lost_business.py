"""Red flag "elsewhere": an account's usual business goes to another supplier.

Each account is judged against its own rhythm. Tables are taken as known on the day of the report; `red_flags` says
what the rows of a flag hold.
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import orders, red_flags
from abmlib.method.deals import won_flag
from abmlib.method.red_flags import LOOK_BACK_DAYS, LOST_DAYS
from abmlib.stats import intervals, rhythm
from abmlib.tables import programme

DAY = pd.Timedelta(days=1)
WINDOWS = (180, 365)  # days of recent time compared with an account's own past; the shorter first
STRETCH_DAYS = 30  # revenue is summed over so many days to see how much it varies
STRETCHES = 36  # of these looked at, the newest last
RECENT = WINDOWS[0] // STRETCH_DAYS  # of them, the newest ones, which are judged
FEWEST_STRETCHES = 6  # of the past, for a run rate to be judged
DROP = 0.3  # share of the usual business that must be missing before a drop is worth a flag, however certain
MATERIAL = 0.2  # share of an account's revenue below which a line of business is too small to speak for it
FEWEST_REPEATS = 5  # deals with a customer closed in a year, for those lost to a competitor to be judged
COLUMNS = ["account_id", "part", "business", "p", "recent", "expected", "missing", "since", "n"]
EVIDENCE = {
    "gap": "no order of {business} for {recent:.0f} business days; usual gap {expected:.0f}",
    "slowing": "{recent:.0f} orders of {business} where {expected:.0f} are usual",
    "run rate": "revenue of {business} is {kept:.0%} of what is usual",
    "lost to competitors": "{recent:.0f} of {n:.0f} repeat deals of a year lost to competitors",
}
CONTRACT = "a contract worth {lost:.0%} of a year's revenue was lost"


# -- orders against their rhythm ----------------------------------------------------------------------------------------


def order_rhythm(ordered: pd.DataFrame, as_of: pd.Timestamp, window_days: int) -> pd.DataFrame:
    """Recent orders of one line, judged by each account's earlier rhythm.

    Two chances, each given that the rhythm still holds: that the gap since the last order is as long (``p_gap``), and
    that so many orders as followed the first one of the window took so long (``p_slow``). Time is business time: common
    seasons do not count. Both are missing with fewer than `rhythm.FEWEST` gaps before.

    Parameters
    ----------
    ordered : DataFrame of `orders.order_days`, of one line
    window_days : length of the recent time

    Returns
    -------
    DataFrame, one row per account: ``n`` (gaps before), ``usual_gap_days``, ``silent_days`` (business days since the
    last order), ``recent`` (orders after the first of the window), ``expected`` (in that time), ``p_gap, p_slow``,
    ``silent_since, slow_since`` (day after the order from which each is counted)

    References
    ----------
    Metric dictionary C-43; S1-21a.
    """
    clock = rhythm.business_time(ordered["day"], ordered["account_id"], ordered["day"].min(), as_of)
    rows = ordered[["account_id", "day"]].assign(at=clock.reindex(ordered["day"]).to_numpy())
    accounts = rows.groupby("account_id")
    rows["gap"] = accounts["at"].diff()
    last = accounts[["day", "at"]].last()
    inside = rows[rows["day"] > as_of - window_days * DAY]
    start = inside.groupby("account_id")[["day", "at"]].first().combine_first(last)
    later = rows["at"] > rows["account_id"].map(start["at"])
    gaps = rows[~later & (rows["gap"] > 0)].groupby("account_id")["gap"].agg(["size", "sum", "var"]).reindex(last.index)
    n, total = gaps["size"].fillna(0).astype(int), gaps["sum"].fillna(0.0)
    shape = 1 / rhythm.regular(gaps["var"] / (total / n.where(n > 0)) ** 2, n)
    enough = (n >= rhythm.FEWEST) & shape.notna()
    weight, scale = rhythm.rates(total[enough], (n * shape)[enough])
    known = pd.DataFrame({"total": total + scale, "weight": n * shape + weight})[enough]
    recent = rows[later].groupby("account_id").size().reindex(last.index, fill_value=0)
    usual = (known["total"] / (known["weight"] - 1).clip(lower=0.5) * shape).reindex(last.index)
    silent, spent = clock.iloc[-1] - last["at"], clock.iloc[-1] - start["at"]
    return pd.DataFrame(
        {
            "n": n, "usual_gap_days": usual, "silent_days": silent, "recent": recent, "expected": spent / usual,
            "p_gap": rhythm.waited(silent[enough], 1.0, shape[enough], known),
            "p_slow": rhythm.waited(spent[enough], recent[enough] + 1.0, shape[enough], known),
            "silent_since": last["day"] + DAY, "slow_since": start["day"] + DAY,
        },
        index=last.index,
    )  # fmt: skip


def _rhythm_parts(ordered: pd.DataFrame, share: pd.Series, as_of: pd.Timestamp) -> list[pd.DataFrame]:
    """`parts` of orders: slowing over each window, and the gap since the last order."""
    if ordered.empty:
        return []
    judged = pd.concat(
        order_rhythm(line_orders, as_of, days).assign(business=line, window=days).reset_index()
        for line, line_orders in ordered.groupby("product_line")
        for days in WINDOWS
    ).join(share, on=["account_id", "business"])
    alive = judged["silent_days"] <= np.maximum(LOST_DAYS, 2 * judged["usual_gap_days"].fillna(0))
    judged = judged[alive & (judged["share"].fillna(1) >= MATERIAL)]
    gap = judged[judged["window"] == WINDOWS[0]]
    missing = 1 - judged["recent"] / judged["expected"]
    slowing = judged.assign(part="slowing", p=judged["p_slow"], missing=missing, since=judged["slow_since"])
    missing = 1 - gap["usual_gap_days"] / gap["silent_days"].clip(lower=1)
    gap = gap.assign(part="gap", p=gap["p_gap"], missing=missing, since=gap["silent_since"])
    return [slowing, gap.assign(recent=gap["silent_days"], expected=gap["usual_gap_days"])]


# -- revenue against its run rate ---------------------------------------------------------------------------------------


def stretches(lines: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> np.ndarray:
    """Sum each account's revenue over stretches of `STRETCH_DAYS`, paid periods spread evenly.

    Returns count with their sign; revenue of days after `as_of` does not count yet.

    Parameters
    ----------
    lines : ``tables.schema.TRANSACTIONS``, of `accounts` only

    Returns
    -------
    Array, shape (n_accounts, `STRETCHES`), reporting currency; the last column ends on `as_of`
    """
    place = orders.account_positions(lines, accounts)
    start = lines["period_start"].fillna(lines["booked_at"])
    end = lines["period_end"].where(lines["period_start"].notna()).fillna(start)
    ago = ((as_of - start).dt.days + 1).to_numpy(float)  # days from its first day to the end of the report's day
    length = ((end - start).dt.days + 1).to_numpy(float)
    daily = lines["revenue"].to_numpy(float) / length
    edges = np.arange(STRETCHES, -1, -1) * STRETCH_DAYS  # of the stretches, in days before the end of the report's day
    sums = [orders.per_account(place, daily * np.clip(ago - edge, 0, length), accounts) for edge in edges]
    return np.diff(np.column_stack(sums), axis=1).round(orders.NOISE)


def run_rate(
    lines: pd.DataFrame, stream: str, whole: pd.Series, accounts: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Recent revenue of a stream, judged by each account's past and the calendar.

    Recent are the last `RECENT` stretches. Stretches up to and with an account's first revenue do not count, for the
    first one is there in part only. How much an account's stretches vary is pulled towards all accounts. Accounts to
    which the stream is not material, or which have lost it already, have no row.

    Parameters
    ----------
    lines : ``tables.schema.TRANSACTIONS``, of `accounts` only
    stream : name of these lines
    whole : revenue of each account over all streams
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame, one row per account as in `parts`: ``recent, expected`` (reporting currency), ``n`` (stretches of the
    past), ``p`` (chance of so little; missing with fewer than `FEWEST_STRETCHES` of the past or no revenue in it)

    References
    ----------
    S1-21a, run rate against what is expected. Sums of one rate as in `stats.rhythm.at_most`; a recent sum of zero by
    the share of past stretches without revenue (beta-binomial, Jeffreys prior).
    """
    sums = np.clip(stretches(lines, accounts, as_of), 0, None)
    sold = lines[lines["revenue"] > 0]
    clock = rhythm.business_time(sold["booked_at"], sold["account_id"], as_of - STRETCHES * STRETCH_DAYS * DAY, as_of)
    long = np.diff(clock.to_numpy()[::STRETCH_DAYS]) / STRETCH_DAYS  # how many usual stretches each one holds
    before, before_long, recent_long = sums[:, :-RECENT], long[:-RECENT], long[-RECENT:].sum()
    past = np.pad(before.cumsum(axis=1)[:, :-1] > 0, ((0, 0), (1, 0)))
    facts = pd.DataFrame(
        {
            "recent": sums[:, -RECENT:].sum(axis=1), "n": past.sum(axis=1), "busy": (past & (before > 0)).sum(axis=1),
            "usual": np.where(past, before, 0).sum(axis=1), "over": (past * before_long).sum(axis=1),
        },
        index=accounts,
    )  # fmt: skip
    n, busy, recent = facts["n"], facts["busy"], facts["recent"]
    mean = facts["usual"] / facts["over"].where(facts["over"] > 0)
    square = np.where(past, (before / before_long - mean.to_numpy()[:, None]) ** 2, 0).sum(axis=1)
    enough = (n >= FEWEST_STRETCHES) & (facts["usual"] > 0)
    shape = 1 / rhythm.regular((square / ((n - 1) * mean**2)).where(enough), n.where(enough, 0))
    none = scipy.stats.betabinom.pmf(0, RECENT, busy + 0.5, n - busy + 0.5)
    p = rhythm.at_most(recent, recent_long, facts["usual"], facts["over"], shape)
    p = p.where(recent > 0, none)  # a gamma sum is never zero, revenue is
    silent = np.where(sums > 0, np.arange(STRETCHES - 1, -1, -1), STRETCHES).min(axis=1) * STRETCH_DAYS
    share = (lines.groupby("account_id")["revenue"].sum() / whole).reindex(accounts)
    expected, since = (mean * recent_long).where(enough), as_of - (WINDOWS[0] - 1) * DAY
    out = facts.assign(part="run rate", business=stream, p=p.where(enough), expected=expected, since=since)
    out = out.assign(missing=1 - recent / expected)[(share >= MATERIAL) & (silent < LOST_DAYS)]
    return out.rename_axis("account_id").reset_index()


# -- deals and contracts ------------------------------------------------------------------------------------------------


def lost_to_rivals(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Repeat deals lost to a competitor in a year, judged by the share of all.

    A repeat deal is a renewal or expansion. It counts as lost to a competitor where the reason says so, or, without a
    reason, where a competitor is named.

    Parameters
    ----------
    deals : DataFrame of `with_days`

    Returns
    -------
    DataFrame, one row per account as in `parts`: ``n`` (deals closed), ``recent`` (of them lost so), ``p`` (chance of so
    many or more at the rate of all accounts and all time; missing with fewer than `FEWEST_REPEATS`), ``since`` (day of
    the first of them)

    References
    ----------
    S1-21a, lost to competitor on repeat business. Binomial tail.
    """
    repeat = deals[deals["is_closed"].astype(bool) & deals["type"].ne("new") & deals["account_id"].notna()]
    by_reason = repeat["loss_reason"].str.contains("compet", case=False).astype("boolean")
    rival = by_reason.fillna(repeat["competitor"].notna()).astype(bool) & ~won_flag(repeat)
    year = repeat.assign(rival=rival, since=repeat["closed_day"].where(rival))
    year = year[year["closed_day"] > as_of - LOOK_BACK_DAYS * DAY]
    out = year.groupby("account_id").agg(n=("rival", "size"), recent=("rival", "sum"), since=("since", "min"))
    p = pd.Series(scipy.stats.binom.sf(out["recent"] - 1, out["n"], rival.mean()), out.index)
    out = out.assign(part="lost to competitors", business="deals", missing=out["recent"] / out["n"], expected=np.nan)
    return out.assign(p=p.where(out["n"] >= FEWEST_REPEATS)).reset_index()


def missed_renewals(contracts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Contracts that ended within `LOST_DAYS`, or are under notice, without a successor.

    A contract followed by another for the same line was not lost.

    Parameters
    ----------
    contracts : ``tables.schema.CONTRACTS``; of several entries of a contract the last holds

    Returns
    -------
    DataFrame indexed by account: ``arr`` (reporting currency a year), ``since`` (first day of notice, or day after the
    end)
    """
    last = programme.latest_entries("contracts", contracts)
    newest = last.groupby(["account_id", "product_line"])["end"].transform("max")
    notice = last["notice_date"].where(last["notice_date"] <= as_of)
    over = last["end"].lt(as_of) & last["renewed"].eq(False).fillna(False)
    ended = (over | notice.notna()) & (last["end"] > as_of - LOST_DAYS * DAY) & (last["end"] >= newest)
    last = last.assign(since=notice.fillna(last["end"] + DAY))[ended]
    return last.groupby("account_id").agg({"arr": "sum", "since": "min"})


# -- the flag -----------------------------------------------------------------------------------------------------------


def parts(lines: pd.DataFrame, deals: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Every sign of lost business, each with its chance if nothing has changed.

    Parts: ``gap`` and ``slowing`` of each line's orders, the latter over each of `WINDOWS`; ``run rate`` of what is
    bought and of what is paid for by period, over the shorter one; ``lost to competitors``. A line that carries less
    than `MATERIAL` of an account's revenue is left out, and so is one that is lost already.

    Parameters
    ----------
    lines : DataFrame of `orders.with_product_line`
    deals : DataFrame of `with_days`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame, one row per account and part: ``account_id, part, business`` (line, stream or deals), ``p`` (missing where it is too
    early), ``recent, expected`` (days for a gap, orders for slowing, money for a run rate, deals), ``missing`` (share
    of what was expected), ``since, n``

    References
    ----------
    S1-21a; metric dictionary C-43.
    """
    lines, deals = (table[table["account_id"].isin(accounts)] for table in (lines, deals))
    won = deals[won_flag(deals)]
    sold_by_deal = orders.lines_sold_by_deal(lines, won)
    whole = lines.groupby("account_id")["revenue"].sum()
    revenue = lines.groupby(["account_id", "product_line"])["revenue"].sum().clip(lower=0)
    share = (revenue / revenue.groupby("account_id").sum()).rename("share")
    paid = lines["period_start"].notna()
    every = [
        *_rhythm_parts(orders.order_days(lines, won, sold_by_deal), share, as_of),
        run_rate(lines[~paid & ~lines["product_line"].isin(sold_by_deal)], "orders", whole, accounts, as_of),
        run_rate(lines[paid], "subscriptions", whole, accounts, as_of),
        lost_to_rivals(deals, as_of),
    ]
    filled = [part[COLUMNS] for part in every if len(part)] or [pd.DataFrame(columns=COLUMNS)]
    return pd.concat(filled).sort_values(["account_id", "part", "business"], kind="stable", ignore_index=True)


def lost_business_flag(
    lines: pd.DataFrame, deals: pd.DataFrame, contracts: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Flag accounts whose usual business goes to another supplier.

    ``value`` is the chance that an account's business looks so weak, in its weakest part, if nothing has changed: the
    smallest chance of `parts` times their number (Bonferroni). It is not the chance that business has gone. Raised
    where it is so small that, over all accounts judged, no more than `red_flags.FALSE_SHARE` of the flags are expected
    to be false, and the weakest part misses at least `DROP` of what is usual. Raised too, as a fact and then without a
    chance, where a contract of at least `MATERIAL` of the account's yearly revenue was not renewed or is under notice.
    Severity: share of the usual business that is missing, in that part.

    Parameters
    ----------
    lines : DataFrame of `orders.with_product_line`
    deals : DataFrame of `with_days`
    contracts : ``tables.schema.CONTRACTS``
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `red_flags.COLUMNS`, one row per account; unit ``probability``

    Raises
    ------
    ValueError
        If `accounts` repeats an id.

    References
    ----------
    S1-21a; metric dictionary C-43. Benjamini and Hochberg (1995), JRSS B 57, p. 289.
    """
    orders.refuse_repeated(accounts)
    judged = parts(lines, deals, accounts, as_of).dropna(subset=["p"])
    judged = judged.sort_values(["account_id", "p"], kind="stable")
    weakest = judged.drop_duplicates("account_id").set_index("account_id").reindex(accounts)
    chance = (weakest["p"] * judged.groupby("account_id").size().reindex(accounts)).clip(upper=1)
    weak = (intervals.adjusted(chance) <= red_flags.FALSE_SHARE) & (weakest["missing"] >= DROP)
    mine = lines[lines["account_id"].isin(accounts)]
    late = mine[mine["booked_at"] > as_of - 2 * LOST_DAYS * DAY]
    year = late.groupby("account_id")["revenue"].sum().reindex(accounts) / 2
    ended = missed_renewals(contracts, as_of).reindex(accounts)
    share = (ended["arr"] / year.where(year > 0)).clip(0, 1)
    missed = share >= MATERIAL
    last = mine[["booked_at", "period_end"]].max(axis=1).groupby(mine["account_id"]).max().reindex(accounts)
    gone = (as_of - last).dt.days >= LOST_DAYS
    cases = [weak | missed, gone, chance.notna(), last.notna()]
    status = [red_flags.RAISED, red_flags.LOST, red_flags.CLEAR, red_flags.EARLY]
    facts = weakest.assign(
        status=np.select(cases, status, red_flags.UNKNOWN),
        evidence=weakest["part"].map(EVIDENCE).mask(missed, CONTRACT),
        kept=weakest["recent"] / weakest["expected"],
        lost=share,
        value=chance.mask(missed & ~weak),
        since=weakest["since"].where(weak).fillna(ended["since"]),
        severity=weakest["missing"].where(~missed, share),
    )
    return red_flags.flag_rows(facts, "elsewhere", "probability", as_of)
