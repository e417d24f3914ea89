"""Red flag "elsewhere": business that usually comes to us and goes to another, against each account's own rhythm.

Tables are taken as known on the day of the report; what the flag's rows hold is told in `red_flags`.
"""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import orders
from abmlib.method.deals import won_flag
from abmlib.method.red_flags import CLEAR, EARLY, FALSE_SHARE, LOOK_BACK_DAYS, LOST, LOST_DAYS, RAISED, UNKNOWN, rows
from abmlib.stats import intervals, rhythm
from abmlib.tables import programme

DAY = pd.Timedelta(days=1)
WINDOWS = (180, 365)  # days of recent time held against an account's own past; the shorter first
STRETCH_DAYS = 30  # revenue is summed over so many days to see how much it varies
STRETCHES = 36  # of these looked at, the newest last
FEWEST_STRETCHES = 6  # of the past, for a run rate to be judged
DROP = 0.3  # share of the usual business that must be missing before a drop is worth a flag, however certain
MATERIAL = 0.2  # share of an account's revenue below which a line of business is too small to speak for it
FEWEST_REPEATS = 5  # deals with a customer closed in a year, for those lost to a competitor to be judged


def slowing(ordered: pd.DataFrame, as_of: pd.Timestamp, window_days: int = WINDOWS[0]) -> pd.DataFrame:
    """Hold each account's recent orders of a line against its own rhythm before them.

    Two chances, each given that the rhythm still holds: that the gap since the last order is as long (``p_gap``), and
    that so many orders as followed the first one of the window took so long (``p_slow``). Time is business time: common
    seasons do not count. Both are missing with fewer than `rhythm.FEWEST` gaps before.

    Parameters
    ----------
    ordered : DataFrame of `orders.order_days`
    window_days : length of the recent time

    Returns
    -------
    DataFrame, one row per account and line: ``account_id, product_line, gaps`` (before), ``usual_gap_days``,
    ``silent_days`` (business days since the last order), ``recent`` (orders after the first of the window),
    ``expected`` (in that time), ``p_gap, p_slow``, ``silent_since, slow_since`` (day after the order from which each is
    counted)

    References
    ----------
    Metric dictionary C-43; S1-21a.
    """
    columns = ["account_id", "product_line", "gaps", "usual_gap_days", "silent_days", "recent", "expected", "p_gap",
               "p_slow", "silent_since", "slow_since"]  # fmt: skip
    parts = []
    for line, of in ordered.groupby("product_line", sort=True):
        clock = rhythm.business_time(of["day"], of["account_id"], of["day"].min(), as_of)
        parts.append(_slowing(of, clock, as_of, window_days).assign(product_line=line))
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _slowing(of: pd.DataFrame, clock: pd.Series, as_of: pd.Timestamp, window_days: int) -> pd.DataFrame:
    """`slowing` of one line; days of an account are in order."""
    at = clock.reindex(of["day"]).to_numpy()
    rows = pd.DataFrame({"account_id": of["account_id"].to_numpy(), "day": of["day"].to_numpy(), "at": at})
    inside = rows["day"] > as_of - window_days * DAY
    by = rows.groupby("account_id")
    first = rows[inside].groupby("account_id")[["day", "at"]].first()
    last = by[["day", "at"]].last()
    start = last.copy()
    start.update(first)
    rows["gap"] = by["at"].diff()
    before = rows[(rows["at"] <= rows["account_id"].map(start["at"])) & (rows["gap"] > 0)]
    gap = before.groupby("account_id")["gap"]
    n, total = (f.reindex(last.index, fill_value=0) for f in (gap.size(), gap.sum()))
    spread = gap.var().reindex(last.index) / (total / n.where(n > 0)) ** 2
    shape = 1 / rhythm.regular(spread, n)
    able = (n >= rhythm.FEWEST) & shape.notna()
    weight, scale = rhythm.rates(total[able], (n * shape)[able])
    rest = pd.DataFrame({"total": total + scale, "weight": n * shape + weight})[able]
    now = clock.iloc[-1]
    recent = rows[rows["at"] > rows["account_id"].map(start["at"])].groupby("account_id").size()
    recent = recent.reindex(last.index, fill_value=0)
    usual = (rest["total"] / (rest["weight"] - 1).clip(lower=0.5) * shape).reindex(last.index)
    silent, spent = now - last["at"], now - start["at"]
    p_gap = rhythm.waited(silent[able], pd.Series(1.0, index=rest.index), shape[able], rest)
    p_slow = rhythm.waited(spent[able], recent[able] + 1.0, shape[able], rest)
    return pd.DataFrame(
        {
            "gaps": n, "usual_gap_days": usual, "silent_days": silent, "recent": recent, "expected": spent / usual,
            "p_gap": p_gap.reindex(last.index), "p_slow": p_slow.reindex(last.index), "silent_since": last["day"] + DAY,
            "slow_since": start["day"] + DAY,
        }
    ).rename_axis("account_id").reset_index()  # fmt: skip


def stretches(transactions: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> np.ndarray:
    """Sum each account's revenue over stretches of `STRETCH_DAYS`, what is paid for a period spread evenly over it.

    Returns count with their sign; revenue of a period that lies ahead does not count yet.

    Parameters
    ----------
    transactions : ``tables.schema.TRANSACTIONS``

    Returns
    -------
    Array, shape (n_accounts, `STRETCHES`), reporting currency; the last column ends on `as_of`
    """
    lines = transactions[transactions["account_id"].isin(accounts)]
    place = accounts.get_indexer(lines["account_id"])
    start = lines["period_start"].fillna(lines["booked_at"])
    end = lines["period_end"].where(lines["period_start"].notna()).fillna(start)
    ago = ((as_of - start).dt.days + 1).to_numpy(float)  # days from its first day to the end of the report's day
    length = ((end - start).dt.days + 1).to_numpy(float)
    daily = lines["revenue"].to_numpy(float) / length
    out = np.empty((len(accounts), STRETCHES))
    for k in range(STRETCHES):
        newest, oldest = (STRETCHES - 1 - k) * STRETCH_DAYS, (STRETCHES - k) * STRETCH_DAYS
        days = np.clip(np.minimum(ago, oldest) - np.maximum(ago - length, newest), 0, None)
        some = days > 0
        out[:, k] = np.bincount(place[some], (daily * days)[some], len(accounts))
    return out


def run_rate(
    transactions: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    window_days: int = WINDOWS[0],
) -> pd.DataFrame:
    """Hold each account's recent revenue against what its own past and the common calendar lead one to expect.

    Stretches up to and with an account's first revenue do not count, for the first one is there in part only. How much
    an account's stretches vary is pulled towards all accounts. Missing with fewer than `FEWEST_STRETCHES` of the past
    or no revenue in it.

    Parameters
    ----------
    transactions : ``tables.schema.TRANSACTIONS``
    accounts : Index of account ids, unique
    window_days : length of the recent time, at least `STRETCH_DAYS`

    Returns
    -------
    DataFrame, one row per account: ``recent, expected`` (reporting currency), ``ratio`` (recent ÷ expected), ``past``
    (stretches), ``p_run`` (chance of so little), ``silent_days`` (whole stretches since the last revenue, in days)

    References
    ----------
    S1-21a, run rate against what is expected. Sums of one rate as in `stats.rhythm.at_most`; a recent sum of zero by
    the share of past stretches without revenue (beta-binomial, Jeffreys prior).
    """
    sums = np.clip(stretches(transactions, accounts, as_of), 0, None)
    many = max(1, round(window_days / STRETCH_DAYS))
    bought = transactions[transactions["account_id"].isin(accounts) & (transactions["revenue"] > 0)]
    span = STRETCHES * STRETCH_DAYS
    clock = rhythm.business_time(bought["booked_at"], bought["account_id"], as_of - span * DAY, as_of)
    ends = clock.to_numpy()[span::-STRETCH_DAYS][::-1]
    long = np.diff(ends) / STRETCH_DAYS  # how many usual stretches each one holds
    begun = (sums > 0).cumsum(axis=1) > 0
    counted = np.zeros_like(begun)
    counted[:, 1:] = begun[:, :-1]
    past = counted[:, :-many]
    over = (past * long[:-many]).sum(axis=1)
    usual = np.where(past, sums[:, :-many], 0).sum(axis=1)
    n = past.sum(axis=1)
    mean = np.divide(usual, over, out=np.full(len(over), np.nan), where=over > 0)
    rate = sums[:, :-many] / long[:-many]
    square = np.where(past, (rate - mean[:, None]) ** 2, 0).sum(axis=1)
    spread = np.divide(square, (n - 1) * mean**2, out=np.full(len(n), np.nan), where=(n > 1) & (mean > 0))
    able = (n >= FEWEST_STRETCHES) & (usual > 0)
    index = pd.Index(accounts)
    shape = 1 / rhythm.regular(pd.Series(spread, index).where(able), pd.Series(n, index).where(able, 0))
    recent, length = pd.Series(sums[:, -many:].sum(axis=1), index), float(long[-many:].sum())
    expected = pd.Series(mean * length, index).where(able)
    p = rhythm.at_most(recent, pd.Series(length, index), pd.Series(usual, index), pd.Series(over, index), shape)
    busy = (past & (sums[:, :-many] > 0)).sum(axis=1)
    none = np.exp(
        scipy.special.betaln(busy + 0.5, n - busy + 0.5 + many) - scipy.special.betaln(busy + 0.5, n - busy + 0.5)
    )
    p = p.where(recent > 0, none)  # a gamma sum is never zero, revenue is
    silent = np.where(sums > 0, np.arange(STRETCHES - 1, -1, -1), STRETCHES).min(axis=1) * STRETCH_DAYS
    return pd.DataFrame(
        {
            "recent": recent, "expected": expected, "ratio": recent / expected, "past": n, "p_run": p.where(able),
            "silent_days": silent,
        }
    )  # fmt: skip


def lost_to_rivals(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Hold each customer's repeat deals lost to a competitor in the last year against the share lost so in the whole
    book.

    A repeat deal is a renewal or expansion. It counts as lost to a competitor where the reason says so, or, without a
    reason, where a competitor is named.

    Parameters
    ----------
    deals : DataFrame of `with_days`

    Returns
    -------
    DataFrame indexed by account: ``closed, to_rivals`` (deals), ``p_rival`` (chance of so many or more at the book's
    rate; missing with fewer than `FEWEST_REPEATS`), ``since`` (day of the first of them)

    References
    ----------
    S1-21a, lost to competitor on repeat business. Binomial tail.
    """
    repeat = deals[deals["is_closed"].astype(bool) & deals["type"].ne("new") & deals["account_id"].notna()]
    named = repeat["loss_reason"].str.contains("compet", case=False).astype("boolean")
    named = named.fillna(repeat["competitor"].notna()).astype(bool) & ~won_flag(repeat)
    repeat = repeat.assign(rival=named)
    rate = repeat["rival"].mean()
    year = repeat[repeat["closed_day"] > as_of - LOOK_BACK_DAYS * DAY]
    by = year.groupby("account_id")["rival"]
    found = pd.DataFrame({"closed": by.size(), "to_rivals": by.sum()}).astype(int)
    p = pd.Series(scipy.stats.binom.sf(found["to_rivals"] - 1, found["closed"], rate), found.index)
    since = year[year["rival"]].groupby("account_id")["closed_day"].min()
    return found.assign(p_rival=p.where(found["closed"] >= FEWEST_REPEATS), since=since.reindex(found.index))


def missed_renewals(contracts: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Sum what ended, or is under notice, in the last `LOST_DAYS` and was not followed by a contract for the same line.

    Parameters
    ----------
    contracts : ``tables.schema.CONTRACTS``; of several entries of a contract the last holds

    Returns
    -------
    DataFrame indexed by account: ``arr`` (reporting currency a year), ``since`` (first day of notice, or day after the
    end)
    """
    last = programme.latest_entries("contracts", contracts)
    notice = last["notice_date"].le(as_of)
    over = last["end"].lt(as_of) & last["renewed"].eq(False).fillna(False)
    gone = last[(over | notice) & last["end"].gt(as_of - LOST_DAYS * DAY)]
    newest = last.groupby(["account_id", "product_line"])["end"].max().rename("newest")
    gone = gone.join(newest, on=["account_id", "product_line"])
    gone = gone[gone["end"] >= gone["newest"]]
    since = gone["notice_date"].where(notice.reindex(gone.index)).fillna(gone["end"] + DAY)
    by = gone.assign(since=since).groupby("account_id")
    return pd.DataFrame({"arr": by["arr"].sum(), "since": by["since"].min()})


def parts(
    transactions: pd.DataFrame,
    products: pd.DataFrame,
    deals: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """List all that speaks of each account's business, each with its chance if nothing has changed.

    Parts: ``gap`` and ``slowing`` of each line's orders, the latter over each of `WINDOWS`; ``run rate`` of what is
    bought and of what is paid for by period, over the shorter one; ``lost to competitors``. A line that carries less
    than `MATERIAL` of an account's revenue is left out, and so is one that is lost already.

    Parameters
    ----------
    transactions, products : ``tables.schema.TRANSACTIONS``, ``PRODUCTS``
    deals : DataFrame of `with_days`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame, one row per account and part: ``account_id, part, of`` (line or stream), ``p`` (missing where it is too
    early), ``recent, expected`` (days for a gap, orders for slowing, money for a run rate, deals), ``missing`` (share
    of what was expected), ``since, n``

    References
    ----------
    S1-21a; metric dictionary C-43.
    """
    lines = orders.with_product_line(transactions[transactions["account_id"].isin(accounts)], products)
    theirs = deals[deals["account_id"].isin(accounts)]
    won = theirs[won_flag(theirs)]
    dealt = orders.lines_sold_by_deal(lines, won)
    ordered = orders.order_days(lines, won, dealt)
    revenue = lines.groupby(["account_id", "product_line"])["revenue"].sum().clip(lower=0)
    share = (revenue / revenue.groupby("account_id").sum()).rename("share")
    parts = []
    for k, days in enumerate(WINDOWS):
        found = slowing(ordered, as_of, days).join(share, on=["account_id", "product_line"])
        alive = found["silent_days"] <= np.maximum(LOST_DAYS, 2 * found["usual_gap_days"].fillna(0))
        found = found[(found["share"].fillna(1) >= MATERIAL) & alive]
        found = found.rename(columns={"product_line": "of", "gaps": "n"})
        slow = found.assign(part="slowing", p=found["p_slow"], missing=1 - found["recent"] / found["expected"])
        parts.append(slow.assign(since=slow["slow_since"]))
        if k == 0:
            gap = found.assign(
                part="gap", p=found["p_gap"], recent=found["silent_days"], expected=found["usual_gap_days"]
            )
            missing = 1 - gap["expected"] / gap["recent"].clip(lower=1)
            parts.append(gap.assign(missing=missing, since=gap["silent_since"]))
    paid = lines["period_start"].notna()
    whole = lines.groupby("account_id")["revenue"].sum()
    for stream, part in (("orders", lines[~paid & ~lines["product_line"].isin(dealt)]), ("subscriptions", lines[paid])):
        rate = run_rate(part, accounts, as_of, WINDOWS[0])
        carries = (part.groupby("account_id")["revenue"].sum() / whole).reindex(accounts)
        rate = rate[(carries >= MATERIAL) & (rate["silent_days"] < LOST_DAYS)].rename_axis("account_id").reset_index()
        rate = rate.rename(columns={"past": "n", "p_run": "p"}).assign(part="run rate", of=stream)
        parts.append(rate.assign(missing=1 - rate["ratio"], since=as_of - (WINDOWS[0] - 1) * DAY))
    rivals = lost_to_rivals(theirs, as_of).rename_axis("account_id").reset_index()
    rivals = rivals.rename(columns={"closed": "n", "to_rivals": "recent", "p_rival": "p"})
    parts.append(rivals.assign(part="lost to competitors", of="deals", missing=rivals["recent"] / rivals["n"]))
    columns = ["account_id", "part", "of", "p", "recent", "expected", "missing", "since", "n"]
    every = (
        pd.concat([p.reindex(columns=columns) for p in parts if len(p)], ignore_index=True)
        if any(map(len, parts))
        else pd.DataFrame(columns=columns)
    )
    return every.sort_values(["account_id", "part", "of"], kind="stable", ignore_index=True)


def flag(
    transactions: pd.DataFrame,
    products: pd.DataFrame,
    deals: pd.DataFrame,
    contracts: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    false_share: float = FALSE_SHARE,
) -> pd.DataFrame:
    """Flag business that usually comes to us and goes elsewhere.

    ``value`` is the chance that an account's business looks so weak, in its weakest part, if nothing has changed: the
    smallest chance of `parts` times their number (Bonferroni). It is not the chance that business has gone.
    Raised where it is so small that, over all accounts judged,
    no more than `false_share` of the flags are expected to be false, and the weakest part misses at least `DROP` of
    what is usual. Raised too, as a fact and then without a chance, where a contract of at least `MATERIAL` of the
    account's yearly revenue was not renewed or is under notice. Severity: share of the usual business that is missing,
    in that part.

    Parameters
    ----------
    transactions, products, contracts : ``tables.schema.TRANSACTIONS``, ``PRODUCTS``, ``CONTRACTS``
    deals : DataFrame of `with_days`
    accounts : Index of account ids, unique
    false_share : share of false flags among those raised on chances that is accepted, 0 to 1

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
    every = parts(transactions, products, deals, accounts, as_of)
    judged = every.dropna(subset=["p"]).sort_values(["account_id", "p"], kind="stable")
    weakest = judged.drop_duplicates("account_id").set_index("account_id").reindex(accounts)
    chance = (weakest["p"] * judged.groupby("account_id").size().reindex(accounts)).clip(upper=1)
    known, adjusted = chance.notna(), intervals.adjusted(chance)
    weak = (adjusted <= false_share) & (weakest["missing"] >= DROP)
    mine = transactions[transactions["account_id"].isin(accounts)]
    late = mine[mine["booked_at"] > as_of - 2 * LOST_DAYS * DAY]
    year = late.groupby("account_id")["revenue"].sum() / 2
    ended = missed_renewals(contracts, as_of).reindex(accounts)
    share = (ended["arr"] / year.reindex(accounts).where(lambda y: y > 0)).clip(0, 1)
    missed = share >= MATERIAL
    last = mine[["booked_at", "period_end"]].max(axis=1).groupby(mine["account_id"]).max().reindex(accounts)
    gone = (as_of - last).dt.days >= LOST_DAYS
    status = np.select(
        [weak | missed, gone, known, last.notna()],
        [RAISED, LOST, CLEAR, EARLY],
        UNKNOWN,
    )
    said = _said(weakest[weak & ~missed]).combine_first(
        "a contract worth " + (100 * share[missed]).round().astype(int).astype("str") + "% of a year's revenue was lost"
    )
    found = pd.DataFrame(
        {
            "status": status, "evidence": said.reindex(accounts), "value": chance.mask(missed & ~weak), "n": weakest["n"],
            "since": weakest["since"].where(weak).fillna(ended["since"]),
            "severity": weakest["missing"].where(weak & ~missed, share.where(missed)),
        },
        index=accounts,
    )  # fmt: skip
    return rows(accounts, "elsewhere", "probability", as_of, found)


def _said(weakest: pd.DataFrame) -> pd.Series:
    """One short sentence per account from its weakest part."""
    recent, expected = weakest["recent"], weakest["expected"]
    told = {
        "gap": "no order of {of} for {recent:.0f} business days; usual gap {expected:.0f}",
        "slowing": "{recent:.0f} orders of {of} where {expected:.0f} are usual",
        "run rate": "revenue of {of} is {left:.0%} of what is usual",
        "lost to competitors": "{recent:.0f} of {n:.0f} repeat deals of a year lost to competitors",
    }
    left = recent / expected
    rows = zip(weakest["part"], weakest["of"], recent, expected, left, weakest["n"], strict=True)
    said = [told[part].format(of=of, recent=r, expected=e, left=x, n=n) for part, of, r, e, x, n in rows]
    return pd.Series(said, index=weakest.index, dtype="str")


def share_of_wallet(
    transactions: pd.DataFrame, products: pd.DataFrame, wallets: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Set a year's revenue, and that of the year before, against what the account spends with all suppliers.

    An account without an estimate, or whose estimate is not positive, is missing. Revenue of lines without an estimate
    does not count. The wallet is the same in both years, so the change is that of our revenue alone.

    Parameters
    ----------
    wallets : ``tables.schema.WALLET_ESTIMATES``

    Returns
    -------
    DataFrame, one row per account: ``share, low, high`` (from the high and the low end of the estimate),
    ``share_before``, ``change`` (in share of the wallet)

    References
    ----------
    Metric dictionary C-36; S1-21a, share-of-wallet fall.
    """
    lines = orders.with_product_line(transactions[transactions["account_id"].isin(accounts)], products)
    lines = lines.merge(wallets[["account_id", "product_line"]], on=["account_id", "product_line"])
    now = lines[lines["booked_at"] > as_of - LOST_DAYS * DAY]
    before = lines[lines["booked_at"].between(as_of - (2 * LOST_DAYS - 1) * DAY, as_of - LOST_DAYS * DAY)]
    ours, earlier = (x.groupby("account_id")["revenue"].sum().reindex(accounts, fill_value=0.0) for x in (now, before))
    spend = wallets.groupby("account_id")[["low", "mid", "high"]].sum(min_count=1).reindex(accounts)
    spend = spend.where(spend > 0)
    share = ours / spend["mid"]
    return pd.DataFrame(
        {
            "share": share, "low": ours / spend["high"], "high": ours / spend["low"], "share_before": earlier / spend["mid"],
            "change": share - earlier / spend["mid"],
        }
    )  # fmt: skip
