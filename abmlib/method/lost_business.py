"""Red flag "elsewhere": an account's usual business goes to another supplier.

Each account is judged against its own rhythm of orders. Tables are taken as known on the day of the report; `red_flags`
says what the rows of a flag hold.
"""

import numpy as np
import pandas as pd

from abmlib.method import orders, red_flags
from abmlib.method.deals import won_flag
from abmlib.method.red_flags import LOST_DAYS
from abmlib.stats import intervals, pooling
from abmlib.tables import programme

DAY = pd.Timedelta(days=1)
WINDOW_DAYS = 240  # of recent time compared with an account's own past; found best on simulated markets
POOL = 10  # accounts with a rhythm; fewer tell nothing of all accounts, and each stands for itself
DROP = 0.3  # share of the usual business that must be missing before a drop is worth a flag, however certain
MATERIAL = 0.2  # share of an account's revenue below which a line of business is too small to speak for it
COLUMNS = ["account_id", "business", "p", "recent", "expected", "days", "missing", "since", "n"]
RHYTHM = "{recent:.0f} orders of {business} in {days:.0f} days where {expected:.0f} are usual"
CONTRACT = "a contract worth {lost:.0%} of a year's revenue was lost"


def order_rhythm(ordered: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Orders of one line in the last `WINDOW_DAYS`, judged by each account's earlier rhythm.

    The chance that so many orders as followed the first one of the window took so long, if the rhythm still holds; where
    the window has none, that the gap since the last order is as long. Missing with fewer than `pooling.FEWEST_GAPS` gaps before.

    Parameters
    ----------
    ordered : DataFrame of `orders.order_days`, of one line

    Returns
    -------
    DataFrame, one row per account: ``n`` (gaps before), ``usual_gap_days``, ``silent_days`` (since the last order), ``days``
    (since the first order of the window), ``recent`` (orders in that time), ``expected`` (orders in that time), ``p``,
    ``since`` (day after the order from which it is counted)

    References
    ----------
    Metric dictionary C-43; S1-21a.
    """
    account, day = ordered["account_id"], ordered["day"]
    last = day.groupby(account).max()
    start = day[day > as_of - WINDOW_DAYS * DAY].groupby(account).min().reindex(last.index).fillna(last)
    later = day > account.map(start)
    gaps = day.groupby(account).diff().dt.days[~later].groupby(account).agg(["count", "sum", "var"]).reindex(last.index)
    n, total = gaps["count"], gaps["sum"]
    shape = 1 / pooling.spreads(gaps["var"] / (total / n.where(n > 0)) ** 2, n)
    enough = (n >= pooling.FEWEST_GAPS) & shape.notna()
    known = pd.DataFrame({"total": total, "weight": n * shape})[enough]
    if len(known) >= POOL:
        weight, scale = pooling.gamma_prior(known["weight"], known["total"])
        known = known.assign(total=known["total"] + scale, weight=known["weight"] + weight)
    recent, spent = later.groupby(account).sum(), (as_of - start).dt.days
    usual = (known["total"] / (known["weight"] - 1).clip(lower=0.5) * shape).reindex(last.index)
    p = pooling.waited(spent[enough], recent[enough] + 1.0, shape[enough], known)
    facts = {"n": n, "usual_gap_days": usual, "silent_days": (as_of - last).dt.days, "days": spent, "recent": recent}
    return pd.DataFrame(facts | {"expected": spent / usual, "p": p, "since": start + DAY}, last.index)


def signs(lines: pd.DataFrame, deals: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Every sign of lost business: each line's recent orders, with their chance if nothing has changed.

    A line that carries less than `MATERIAL` of an account's revenue is left out, and so is one that is lost already.

    Parameters
    ----------
    lines : DataFrame of `orders.with_product_line`
    deals : DataFrame of `with_days`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account and line: those of `order_rhythm`, ``business`` (line), and ``missing``
    (share of the orders expected)

    References
    ----------
    S1-21a; metric dictionary C-43.
    """
    lines, deals = (table[table["account_id"].isin(accounts)] for table in (lines, deals))
    won = deals[won_flag(deals)]
    ordered = orders.order_days(lines, won, orders.lines_sold_by_deal(lines, won))
    revenue = lines.groupby(["account_id", "product_line"])["revenue"].sum().clip(lower=0)
    share = (revenue / revenue.groupby("account_id").sum()).rename("share")
    if ordered.empty:
        return pd.DataFrame(columns=COLUMNS)
    by_line = ordered.groupby("product_line")
    judged = pd.concat(order_rhythm(of_line, as_of).assign(business=line) for line, of_line in by_line).reset_index()
    judged = judged.join(share, on=["account_id", "business"])
    alive = judged["silent_days"] <= np.maximum(LOST_DAYS, 2 * judged["usual_gap_days"].fillna(0))
    judged = judged[alive & (judged["share"].fillna(1) >= MATERIAL)]
    return judged.assign(missing=1 - judged["recent"] / judged["expected"])[COLUMNS]


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


def lost_business_flag(
    lines: pd.DataFrame, deals: pd.DataFrame, contracts: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Flag accounts whose usual business goes to another supplier.

    ``value`` is the chance that an account's business looks so weak, in its weakest line, if nothing has changed: the
    smallest chance of `signs` times their number (Bonferroni). It is not the chance that business has gone. Raised
    where it is so small that, over all accounts judged, no more than `red_flags.FALSE_SHARE` of the flags are expected
    to be false, and the weakest line misses at least `DROP` of what is usual. Raised too, as a fact and then without a
    chance, where a contract of at least `MATERIAL` of the account's yearly revenue was not renewed or is under notice.
    Severity: share of the usual business that is missing, in that line.

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
    judged = signs(lines, deals, accounts, as_of).dropna(subset=["p"]).sort_values(["account_id", "p"], kind="stable")
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
    facts = weakest.assign(status=np.select(cases, status, red_flags.UNKNOWN), lost=share)
    facts["evidence"] = np.where(missed, CONTRACT, RHYTHM)
    facts["value"] = chance.mask(missed & ~weak)
    facts["since"] = weakest["since"].where(weak).fillna(ended["since"])
    facts["severity"] = weakest["missing"].where(~missed, share)
    return red_flags.flag_rows(facts, "elsewhere", "probability", as_of)
