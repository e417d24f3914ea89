"""Red flags of a customer relationship: business going elsewhere, reorganisation, no return, goals missed.

Every flag gives one row per account asked for. Its status is ``raised``, ``clear``, ``too_early`` (the tables are
there, the account has too little history), ``not_answerable`` (they hold nothing of the account) or ``lost`` (it
stopped buying long ago), so that an account nobody can judge never passes for a healthy one. Tables are taken as known
on the day of the report.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from scipy.special import betaln
from scipy.stats import binom

from abmlib.method import pipeline, value
from abmlib.stats import intervals, rhythm
from abmlib.tables import programme

FLAGS = ("elsewhere", "reorganisation", "no_return", "goals_missed")
RAISED, CLEAR, LOST, EARLY, UNKNOWN = "raised", "clear", "lost", "too_early", "not_answerable"
STATUSES = (RAISED, CLEAR, LOST, EARLY, UNKNOWN)
COLUMNS = ["account_id", "flag", "status", "evidence", "value", "unit", "n", "since", "age_days", "severity"]
DAY = pd.Timedelta(days=1)

WINDOWS = (180, 365)  # days of recent time held against an account's own past; the shorter first
FALSE_SHARE = 0.1  # of the flags raised on chances alone, the share that may be false
STRETCH_DAYS = 30  # revenue is summed over so many days to see how much it varies
STRETCHES = 36  # of these looked at, the newest last
FEWEST_STRETCHES = 6  # of the past, for a run rate to be judged
DROP = 0.3  # share of the usual business that must be missing before a drop is worth a flag, however certain
BY_DEALS = 0.5  # a line whose won deals come to this share of its revenue is ordered by deal, and billed later
ROLE_WEIGHT = {
    "decision_maker": 3.0, "budget_holder": 3.0, "executive_sponsor": 3.0, "champion": 2.0, "influencer": 2.0,
}  # fmt: skip
OTHER_WEIGHT = 1.0  # of every other link, and of one whose part nobody knows
MATERIAL = 0.2  # share of an account's revenue below which a line of business is too small to speak for it
LOST_DAYS = 365  # who has bought nothing for so long is lost, and no longer at risk
FEWEST_REPEATS = 5  # deals with a customer closed in a year, for those lost to a competitor to be judged
LOOK_BACK_DAYS = 365  # how far back departures and reported reorganisations count
BURST_DAYS = 90  # departures so close together are one event
FEWEST_LEFT = 2  # people who leave close together, for their leaving to be more than one person's affair
FEWEST_KNOWN = 3  # people known at an account, for their leaving to say anything
PERIODS = 2  # newest periods of the relationship's economics that count
MIDDLE = 0.5  # middle of a survey's scale
UNDER = 0.8  # share of the value promised below which the customer's side counts as under
FEWEST_MISSED = 2  # joint goals missed, for a flag
PACE = 0.7  # attainment ÷ time elapsed below which a running goal is at risk
PACE_FROM = 0.5  # share of its time after which a running goal's pace is judged


def _rows(
    accounts: pd.Index,
    flag: str,
    unit: str,
    as_of: pd.Timestamp,
    found: pd.DataFrame,
) -> pd.DataFrame:
    """Bring what a flag found to the common form; an account without a row is not answerable."""
    out = found.reindex(accounts).rename_axis("account_id").reset_index()
    out = out.assign(flag=flag, unit=unit, status=out["status"].fillna(UNKNOWN), n=out["n"].fillna(0).astype(int))
    up = out["status"] == RAISED
    out["since"] = out["since"].where(up).astype("datetime64[us]").clip(upper=as_of)
    return out.assign(
        evidence=out["evidence"].where(up),
        severity=out["severity"].where(up).clip(0, 1),
        age_days=(as_of - out["since"]).dt.days,
    )[COLUMNS]


def refuse_repeated(accounts: pd.Index) -> None:
    """Pass if no account is asked for twice.

    Raises
    ------
    ValueError
        With the first ids.
    """
    if accounts.has_duplicates:
        twice = accounts[accounts.duplicated()].unique()
        raise ValueError(
            f"accounts: {len(twice)} of {accounts.nunique()} ids repeat (first: {twice[:3].tolist()}). Give each once."
        )


# -- a: business goes elsewhere ---------------------------------------------------------------------------------------


def lined(transactions: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Add ``product_line`` to each line; one of an unknown product is of line ``all``. No row is dropped."""
    line = transactions["product_id"].map(products.set_index("product_id")["product_line"]).fillna("all")
    return transactions.assign(product_line=line.astype("str"))


def plain(lines: pd.DataFrame) -> pd.Series:
    """Say which lines of a bill are plain purchases: sold, and not paid for by period."""
    return (lines["revenue"] > 0) & (lines["kind"] == "purchase") & lines["period_start"].isna()


def dealt_lines(lines: pd.DataFrame, won: pd.DataFrame) -> set[str]:
    """Name the lines ordered by deal and billed later: won deals come to `BY_DEALS` of their plain purchases or more.

    References
    ----------
    House definition; README, glossary entry "order".
    """
    sold = lines[plain(lines)].groupby("product_line")["revenue"].sum()
    share = won[won["type"] != "renewal"].groupby("product_line")["amount"].sum() / sold
    return set(share.index[share >= BY_DEALS])


def orders(lines: pd.DataFrame, won: pd.DataFrame, dealt: Collection[str]) -> pd.DataFrame:
    """List the days on which each account ordered, by line: what its rhythm is made of.

    A purchase is an order, several on one day are one; returns, services and what is paid for by period are none. In
    the lines of `dealt` the days of won deals stand in for the bills, which follow an order in parts.

    Parameters
    ----------
    lines : DataFrame of `lined`
    won : won deals of `pipeline.with_days`
    dealt : lines of `dealt_lines`

    Returns
    -------
    DataFrame, sorted: ``account_id, product_line, day``

    References
    ----------
    House definition; README, glossary entry "order".
    """
    bought = lines[plain(lines) & ~lines["product_line"].isin(dealt)].rename(columns={"booked_at": "day"})
    signed = won[won["product_line"].isin(dealt)].rename(columns={"closed_day": "day"})
    both = pd.concat([part[["account_id", "product_line", "day"]] for part in (bought, signed)]).dropna()
    both = both.astype({"account_id": "str", "product_line": "str", "day": "datetime64[us]"})
    return both.drop_duplicates().sort_values(["product_line", "account_id", "day"], ignore_index=True)


def slowing(ordered: pd.DataFrame, as_of: pd.Timestamp, window_days: int = WINDOWS[0]) -> pd.DataFrame:
    """Hold each account's recent orders of a line against its own rhythm before them.

    Two chances, each given that the rhythm still holds: that the gap since the last order is as long (``p_gap``), and
    that so many orders as followed the first one of the window took so long (``p_slow``). Time is business time: common
    seasons do not count. Both are missing with fewer than `rhythm.FEWEST` gaps before.

    Parameters
    ----------
    ordered : DataFrame of `orders`
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
    none = np.exp(betaln(busy + 0.5, n - busy + 0.5 + many) - betaln(busy + 0.5, n - busy + 0.5))
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
    deals : DataFrame of `pipeline.with_days`

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
    named = named.fillna(repeat["competitor"].notna()).astype(bool) & ~pipeline.won_flag(repeat)
    repeat = repeat.assign(rival=named)
    rate = repeat["rival"].mean()
    year = repeat[repeat["closed_day"] > as_of - LOOK_BACK_DAYS * DAY]
    by = year.groupby("account_id")["rival"]
    found = pd.DataFrame({"closed": by.size(), "to_rivals": by.sum()}).astype(int)
    p = pd.Series(binom.sf(found["to_rivals"] - 1, found["closed"], rate), found.index)
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
    last = programme.standing("contracts", contracts)
    notice = last["notice_date"].le(as_of)
    over = last["end"].lt(as_of) & last["renewed"].eq(False).fillna(False)
    gone = last[(over | notice) & last["end"].gt(as_of - LOST_DAYS * DAY)]
    newest = last.groupby(["account_id", "product_line"])["end"].max().rename("newest")
    gone = gone.join(newest, on=["account_id", "product_line"])
    gone = gone[gone["end"] >= gone["newest"]]
    since = gone["notice_date"].where(notice.reindex(gone.index)).fillna(gone["end"] + DAY)
    by = gone.assign(since=since).groupby("account_id")
    return pd.DataFrame({"arr": by["arr"].sum(), "since": by["since"].min()})


def elsewhere_parts(
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
    deals : DataFrame of `pipeline.with_days`
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
    lines = lined(transactions[transactions["account_id"].isin(accounts)], products)
    theirs = deals[deals["account_id"].isin(accounts)]
    won = theirs[pipeline.won_flag(theirs)]
    dealt = dealt_lines(lines, won)
    ordered = orders(lines, won, dealt)
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


def elsewhere(
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
    smallest chance of `elsewhere_parts` times their number (Bonferroni). It is not the chance that business has gone.
    Raised where it is so small that, over all accounts judged,
    no more than `false_share` of the flags are expected to be false, and the weakest part misses at least `DROP` of
    what is usual. Raised too, as a fact and then without a chance, where a contract of at least `MATERIAL` of the
    account's yearly revenue was not renewed or is under notice. Severity: share of the usual business that is missing,
    in that part.

    Parameters
    ----------
    transactions, products, contracts : ``tables.schema.TRANSACTIONS``, ``PRODUCTS``, ``CONTRACTS``
    deals : DataFrame of `pipeline.with_days`
    accounts : Index of account ids, unique
    false_share : share of false flags among those raised on chances that is accepted, 0 to 1

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``probability``

    Raises
    ------
    ValueError
        If `accounts` repeats an id.

    References
    ----------
    S1-21a; metric dictionary C-43. Benjamini and Hochberg (1995), JRSS B 57, p. 289.
    """
    refuse_repeated(accounts)
    parts = elsewhere_parts(transactions, products, deals, accounts, as_of)
    judged = parts.dropna(subset=["p"]).sort_values(["account_id", "p"], kind="stable")
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
    status = np.select([weak | missed, gone, known, last.notna()], [RAISED, LOST, CLEAR, EARLY], UNKNOWN)
    said = _said_elsewhere(weakest[weak & ~missed]).combine_first(
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
    return _rows(accounts, "elsewhere", "probability", as_of, found)


def _said_elsewhere(weakest: pd.DataFrame) -> pd.Series:
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
    lines = lined(transactions[transactions["account_id"].isin(accounts)], products)
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


# -- b: reorganisation ------------------------------------------------------------------------------------------------


def departures(contacts: pd.DataFrame, as_of: pd.Timestamp) -> tuple[pd.DataFrame, float]:
    """Find, for each account, the densest departure of the people we know in the last `LOOK_BACK_DAYS`.

    Leads do not count. For each departure those of the `BURST_DAYS` up to it are held against the people known when
    they began: chance of so many or more at the usual turnover of all accounts (binomial), times the bursts there is
    time for. The least likely one is kept.

    Parameters
    ----------
    contacts : ``tables.schema.CONTACTS``

    Returns
    -------
    DataFrame indexed by account, those with people only: ``known`` (when the burst began, or now), ``left``,
    ``breakage`` (weighted share of links lost; weights by part in buying), ``p`` (missing with fewer than
    `FEWEST_KNOWN` known), ``since`` (first departure); and the usual turnover, departures per person and year over all
    accounts and all time

    References
    ----------
    S1-21b. House definition; README, glossary entry "network breakage".
    """
    people = contacts[contacts["account_id"].notna() & ~contacts["is_lead"].fillna(False).astype(bool)]
    began, ended = (people[c].dt.tz_localize(None).dt.normalize() for c in ("created_at", "valid_to"))
    people = pd.DataFrame(
        {
            "account_id": people["account_id"], "came": began, "left": ended,
            "weight": people["buying_role"].map(ROLE_WEIGHT).astype(float).fillna(OTHER_WEIGHT),
        }
    )  # fmt: skip
    stayed = (people["left"].fillna(as_of) - people["came"]).dt.days.clip(lower=0).sum()
    turnover = float(people["left"].notna().sum() / stayed * 365) if stayed > 0 else np.nan
    gone = people[people["left"].between(as_of - (LOOK_BACK_DAYS - 1) * DAY, as_of)]
    ends = gone[["account_id", "left"]].drop_duplicates().rename(columns={"left": "end"})
    pairs = ends.merge(people, on="account_id")
    start = pairs["end"] - (BURST_DAYS - 1) * DAY
    there = (pairs["came"] < start) & ~(pairs["left"] < start)
    lost = there & pairs["left"].between(start, pairs["end"])
    pairs = pairs.assign(
        known=there, lost=lost, of=pairs["weight"].where(there, 0), broken=pairs["weight"].where(lost, 0),
        first=pairs["left"].where(lost),
    )  # fmt: skip
    bursts = pairs.groupby(["account_id", "end"]).agg(
        known=("known", "sum"), left=("lost", "sum"), of=("of", "sum"), broken=("broken", "sum"), since=("first", "min")
    )
    bursts = bursts[bursts["left"] > 0].reset_index()
    usual = 1 - np.exp(-turnover * BURST_DAYS / 365)
    tail = pd.Series(binom.sf(bursts["left"] - 1, bursts["known"], usual), bursts.index)
    p = (tail * LOOK_BACK_DAYS / BURST_DAYS).clip(upper=1).where(bursts["known"] >= FEWEST_KNOWN)
    bursts = bursts.assign(p=p, breakage=bursts["broken"] / bursts["of"])
    worst = bursts.sort_values(["account_id", "p", "breakage"], ascending=[True, True, False]).drop_duplicates(
        "account_id"
    )
    now = people[people["left"].isna()].groupby("account_id").size()
    every = pd.Index(people["account_id"].unique(), name="account_id")
    out = worst.set_index("account_id")[["known", "left", "breakage", "p", "since"]].reindex(every)
    still = now.reindex(every, fill_value=0)
    quiet = out["known"].isna()
    out["known"] = out["known"].fillna(still).astype(int)
    out["left"] = out["left"].fillna(0).astype(int)
    out["breakage"] = out["breakage"].fillna(0.0)
    out["p"] = out["p"].mask(quiet & (still >= FEWEST_KNOWN), 1.0)
    return out, turnover


def events(insights: pd.DataFrame, history: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Day of the last reorganisation noted or change of owner of each account in the last `LOOK_BACK_DAYS`.

    The first parent ever noted is no change. Expired insights count: they were true when noted.

    Parameters
    ----------
    insights, history : ``tables.schema.ACCOUNT_INSIGHTS``, ``ATTRIBUTE_HISTORY``; either may be empty

    Returns
    -------
    Series of days by account, accounts with an event only
    """
    noted = insights[insights["kind"] == "reorg_event"]
    parents = history[(history["table"] == "accounts") & (history["field"] == "parent_account_id")]
    parents = parents.sort_values("known_from")
    parents = parents[parents["row_id"].duplicated()]
    both = pd.concat(
        [
            noted[["account_id", "observed_at"]].set_axis(["account_id", "at"], axis=1),
            parents[["row_id", "known_from"]].set_axis(["account_id", "at"], axis=1),
        ]
    )
    day = both["at"].dt.tz_localize(None).dt.normalize()
    return day[day > as_of - LOOK_BACK_DAYS * DAY].groupby(both["account_id"]).max()


def reorganisation(
    contacts: pd.DataFrame,
    insights: pd.DataFrame,
    history: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    false_share: float = FALSE_SHARE,
) -> pd.DataFrame:
    """Flag a reorganisation at the customer that breaks our relationship.

    ``value`` is the chance that so many of the people we know leave so close together at the usual turnover. Raised
    where it is so small that no more than `false_share` of such flags are expected to be false, and `FEWEST_LEFT` or
    more left; and where a reorganisation or a new owner was noted within `BURST_DAYS` of a departure. One that nobody
    left over is not raised: what was told is not yet a break. Severity: network breakage, the weighted share of links
    lost.

    Parameters
    ----------
    contacts, insights, history : ``tables.schema.CONTACTS``, ``ACCOUNT_INSIGHTS``, ``ATTRIBUTE_HISTORY``
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``probability``

    Raises
    ------
    ValueError
        If `accounts` repeats an id.

    References
    ----------
    S1-21b. House definition; README, glossary entry "network breakage".
    """
    refuse_repeated(accounts)
    left, _ = departures(contacts, as_of)
    left = left.reindex(accounts)
    chance = left["p"]
    known, adjusted = chance.notna(), intervals.adjusted(chance)
    event = events(insights, history, as_of).reindex(accounts)
    near = ((event - left["since"]).dt.days.abs() <= BURST_DAYS) & (left["left"] > 0)
    up = ((adjusted <= false_share) & (left["left"] >= FEWEST_LEFT)) | near
    status = np.select([up, known, left["known"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    some = left[up]
    said = some["left"].astype(int).astype("str") + " of " + some["known"].astype(int).astype("str")
    said = said + " people known left within " + str(BURST_DAYS) + " days"
    said = said + pd.Series("; a reorganisation or new owner was noted", said.index, dtype="str").where(near[up], "")
    found = pd.DataFrame(
        {
            "status": status, "evidence": said.reindex(accounts), "value": chance, "n": left["known"],
            "since": left["since"].where(~near, pd.concat([left["since"], event], axis=1).min(axis=1)),
            "severity": left["breakage"],
        },
        index=accounts,
    )  # fmt: skip
    return _rows(accounts, "reorganisation", "probability", as_of, found)


# -- c: no return for either side -------------------------------------------------------------------------------------


def both_sides(
    economics: pd.DataFrame,
    transactions: pd.DataFrame,
    surveys: pd.DataFrame,
    accounts: pd.Index,
    as_of: pd.Timestamp,
    year_starts: int = 1,
) -> pd.DataFrame:
    """Set what the relationship brings us beside what it brings the customer.

    Ours: margin less cost to serve less programme cost. The cost is that of the newest `PERIODS` periods; the margin is
    that of the last year, cut to their length, for a year's bill is no profit of its quarter; missing where a cost of
    goods is. Theirs: value realised ÷ promised in those periods; without it, the mean answer to value_realised of the
    last year, from 0 (lowest possible) to 1. Periods that are not over by `as_of` do not count; of several entries for
    one the last holds.

    Parameters
    ----------
    economics, transactions, surveys : ``tables.schema.RELATIONSHIP_ECONOMICS``, ``TRANSACTIONS``, ``SURVEYS``
    accounts : Index of account ids, unique
    year_starts : month in which the fiscal year starts, as in `pipeline.period_of`

    Returns
    -------
    DataFrame, one row per account: ``start, end`` (days of the periods), ``margin, cost, ours`` (reporting currency, in
    those days), ``promised, realised`` (reporting currency), ``theirs`` (share), ``source`` (value or survey), ``n``
    (periods or answers)

    References
    ----------
    S1-21c. House definition; README, glossary entry "two-sided return".
    """
    last = programme.standing("relationship_economics", economics)
    spans = {label: pipeline.period_of(label, year_starts) for label in last["period"].unique()}
    days = {c: last["period"].map({p: getattr(of, c) for p, of in spans.items()}) for c in ("start", "end")}
    last = last.assign(**{c: d.astype("datetime64[us]") for c, d in days.items()})
    last = last[(last["end"] <= as_of) & (last["end"] > as_of - LOST_DAYS * DAY)].sort_values("end", kind="stable")
    newest = last.groupby("account_id").tail(PERIODS)
    by = newest.assign(cost=newest["cost_to_serve"] + newest["programme_cost"]).groupby("account_id")
    sums = pd.DataFrame(
        {
            "start": by["start"].min(), "end": by["end"].max(), "cost": by["cost"].sum(), "periods": by.size(),
            "promised": by["value_promised"].sum(min_count=1), "realised": by["value_realised"].sum(min_count=1),
        }
    )  # fmt: skip
    sums = sums.reindex(accounts)
    bought = value.by_account(transactions, accounts, value.Period(as_of - (LOST_DAYS - 1) * DAY, as_of))
    margin = bought["margin"].where(bought["lines"] > 0, 0.0)
    length = (sums["end"] - sums["start"]).dt.days + 1
    margin = (margin * length / LOST_DAYS).where(sums["cost"].notna())
    asked = surveys[(surveys["survey_type"] == "value_realised") & surveys["account_id"].isin(accounts)]
    asked = asked[asked["responded_at"].dt.tz_localize(None) > as_of - LOST_DAYS * DAY]
    felt = (asked["score"] - asked["scale_min"]) / (asked["scale_max"] - asked["scale_min"]).replace(0, np.nan)
    felt = felt.groupby(asked["account_id"]).agg(["mean", "size"]).reindex(accounts)
    kept = sums["realised"] / sums["promised"].where(sums["promised"] > 0)
    return pd.DataFrame(
        {
            "start": sums["start"], "end": sums["end"], "margin": margin, "cost": sums["cost"],
            "ours": margin - sums["cost"], "promised": sums["promised"], "realised": sums["realised"],
            "theirs": kept.fillna(felt["mean"]),
            "source": pd.Series(np.select([kept.notna(), felt["mean"].notna()], ["value", "survey"], ""), accounts),
            "n": sums["periods"].where(kept.notna(), felt["size"]),
        },
        index=accounts,
    )  # fmt: skip


def no_return(sides: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Flag a relationship that brings neither side its return.

    Raised only where ours is below zero and theirs is under: below `UNDER` of what was promised, or, from a survey,
    below the middle of the scale. ``value`` is ours, in the days that count. Severity: the shortfall of the side that
    falls short less; ours is the share of cost that margin does not cover, theirs what is missing to 1.

    Parameters
    ----------
    sides : DataFrame of `both_sides`

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``currency``. An account with one side only is ``too_early``.

    References
    ----------
    S1-21c. House definition; README, glossary entry "two-sided return".
    """
    ours, theirs = sides["ours"], sides["theirs"]
    under = theirs < np.where(sides["source"] == "survey", MIDDLE, UNDER)
    known = ours.notna() & theirs.notna()
    status = np.select(
        [known & (ours < 0) & under, known, ours.notna() | theirs.notna()], [RAISED, CLEAR, EARLY], UNKNOWN
    )
    some = sides[status == RAISED]
    said = [
        f"ours {o:,.0f} in {d} days; theirs {t:.0%} of {'the scale' if s == 'survey' else 'the value promised'}"
        for o, d, t, s in zip(
            some["ours"], (some["end"] - some["start"]).dt.days + 1, some["theirs"], some["source"], strict=True
        )
    ]
    short = pd.concat([1 - sides["margin"] / sides["cost"].where(sides["cost"] > 0), 1 - theirs], axis=1).min(axis=1)
    found = pd.DataFrame(
        {
            "status": status, "evidence": pd.Series(said, some.index, dtype="str").reindex(sides.index), "value": ours,
            "n": sides["n"], "since": sides["start"], "severity": short,
        },
        index=sides.index,
    )  # fmt: skip
    return _rows(sides.index, "no_return", "currency", as_of, found)


# -- d: joint goals missed --------------------------------------------------------------------------------------------


def goal_tracker(goals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Say of each goal how far it is, and whether it is met, missed, at risk or on course.

    Of several entries of a goal the last holds; its time runs from the first one. Dropped goals are left out.
    ``missed``: noted so, or its day is past without the target. ``at_risk``: more than `PACE_FROM` of its time is gone,
    and attainment is below `PACE` of that. A goal without a number or a state is ``unknown`` until it is due and
    ``missed`` after.

    Parameters
    ----------
    goals : ``tables.schema.ACCOUNT_GOALS``
        A target above zero is to be reached from below; one of zero or less is judged by its noted state alone.

    Returns
    -------
    DataFrame, one row per goal: ``goal_id, account_id, owner_side, due, attainment`` (share of the target), ``elapsed``
    (share of its time), ``pace`` (attainment ÷ elapsed), ``state``, ``noted_days`` (age of the last entry)

    References
    ----------
    S1-21d. House definition; README, glossary entry "goal at risk".
    """
    first, last = goals.groupby("goal_id")["entered_at"].min(), programme.standing("account_goals", goals)
    last = last[last["status"].ne("dropped").fillna(True)].set_index("goal_id")
    agreed, noted = (d.dt.tz_localize(None).dt.normalize() for d in (first.reindex(last.index), last["entered_at"]))
    attained = last["actual"] / last["target"].where(last["target"] > 0)
    elapsed = ((as_of - agreed).dt.days / (last["due"] - agreed).dt.days.clip(lower=1)).clip(0, 1)
    pace = attained / elapsed.where(elapsed > 0)
    over = last["due"] < as_of
    met = last["status"].eq("met").fillna(False) | (attained >= 1)
    missed = last["status"].eq("missed").fillna(False) | (over & ~met)
    risk = (elapsed >= PACE_FROM) & (pace < PACE)
    state = np.select([missed, met, risk, attained.notna()], ["missed", "met", "at_risk", "on_course"], "unknown")
    return pd.DataFrame(
        {
            "goal_id": last.index, "account_id": last["account_id"].to_numpy(), "owner_side": last["owner_side"].to_numpy(),
            "due": last["due"].to_numpy(), "attainment": attained.to_numpy(), "elapsed": elapsed.to_numpy(),
            "pace": pace.to_numpy(), "state": state, "noted_days": (as_of - noted).dt.days.to_numpy(),
        }
    )  # fmt: skip


def goals_missed(tracked: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp) -> pd.DataFrame:
    """Flag accounts with which joint goals are not met.

    Joint goals count; where an account has none, all of its goals do. Raised where at least `FEWEST_MISSED` are missed
    or at risk, at least one of them missed, and they are more than half of those that can be judged. ``value`` is that
    share; severity: the share missed outright.

    Parameters
    ----------
    tracked : DataFrame of `goal_tracker`
    accounts : Index of account ids, unique

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account; unit ``share``. An account none of whose goals can be judged is
    ``too_early``.

    References
    ----------
    S1-21d. House definition; README, glossary entry "joint goals missed".
    """
    refuse_repeated(accounts)
    joint = tracked["owner_side"] == "joint"
    has = joint.groupby(tracked["account_id"]).transform("any")
    counted = tracked[joint | ~has]
    state, by = counted["state"], counted["account_id"]
    sums = pd.DataFrame(
        {
            "judged": (state != "unknown") & ((state != "on_course") | (counted["elapsed"] >= PACE_FROM)),
            "missed": state == "missed", "risk": state == "at_risk",
        }
    ).groupby(by).sum().reindex(accounts)  # fmt: skip
    short = sums["missed"] + sums["risk"]
    share = short / sums["judged"].where(sums["judged"] > 0)
    up = (short >= FEWEST_MISSED) & (sums["missed"] >= 1) & (share > 0.5)
    status = np.select([up, share.notna(), sums["judged"].notna()], [RAISED, CLEAR, EARLY], UNKNOWN)
    some = sums[up].astype(int)
    said = (
        some["missed"].astype("str") + " of " + some["judged"].astype("str") + " goals missed, "
        + some["risk"].astype("str") + " at risk"
    )  # fmt: skip
    since = counted.loc[state == "missed"].groupby("account_id")["due"].min().reindex(accounts)
    found = pd.DataFrame(
        {
            "status": status, "evidence": said.reindex(accounts), "value": share, "n": sums["judged"],
            "since": since, "severity": sums["missed"] / sums["judged"].where(sums["judged"] > 0),
        },
        index=accounts,
    )  # fmt: skip
    return _rows(accounts, "goals_missed", "share", as_of, found)


# -- all of them ------------------------------------------------------------------------------------------------------


def monitor(found: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the flags together, the most severe of those raised first, then by account.

    Parameters
    ----------
    found : DataFrames of `COLUMNS`, one or more of `elsewhere`, `reorganisation`, `no_return`, `goals_missed`

    Returns
    -------
    DataFrame of `COLUMNS`, one row per account and flag

    Raises
    ------
    ValueError
        If `found` is empty, or a flag is in it twice.

    References
    ----------
    S0-19, S1-21.
    """
    if not found:
        raise ValueError("found: no flag is given. Give the result of one flag or more.")
    every = pd.concat(found, ignore_index=True)
    twice = every.duplicated(["account_id", "flag"])
    if twice.any():
        raise ValueError(
            f"found: {int(twice.sum())} of {len(every)} rows repeat an account and flag "
            f"(first: {every.loc[twice, ['account_id', 'flag']].head(3).to_numpy().tolist()}). Give each flag once."
        )
    order = ["severity", "account_id", "flag"]
    return every.sort_values(order, ascending=[False, True, True], na_position="last", ignore_index=True)


def summary(every: pd.DataFrame) -> pd.DataFrame:
    """Sum up the flags of each account, so that one nobody could judge is not taken for a healthy one.

    Verdict: ``raised``, a flag is up; ``lost``, none is and it stopped buying long ago; ``clear``, every flag was
    judged and none is up; ``partly_judged``, none is up of those judged; ``not_judged``, none could be.

    Parameters
    ----------
    every : DataFrame of `monitor`

    Returns
    -------
    DataFrame, one row per account, the most severe first: ``account_id, verdict, raised`` (flags), ``flags`` (their
    names), ``severity`` (the highest), ``since`` (the earliest), ``judged`` (flags judged), ``asked`` (flags in all)

    References
    ----------
    House definition; README, glossary entry "red flag".
    """
    up = every["status"] == RAISED
    marks = pd.DataFrame(
        {"raised": up, "lost": every["status"] == LOST, "judged": every["status"].isin([RAISED, CLEAR, LOST])}
    )
    sums = marks.groupby(every["account_id"]).sum()
    asked = every.groupby("account_id").size()
    names = every[up].sort_values("flag").groupby("account_id")["flag"].agg("; ".join)
    verdict = np.select(
        [sums["raised"] > 0, sums["lost"] > 0, sums["judged"] == asked, sums["judged"] > 0],
        [RAISED, LOST, CLEAR, "partly_judged"], "not_judged",
    )  # fmt: skip
    out = pd.DataFrame(
        {
            "verdict": verdict, "raised": sums["raised"], "flags": names.reindex(sums.index),
            "severity": every.groupby("account_id")["severity"].max(), "since": every.groupby("account_id")["since"].min(),
            "judged": sums["judged"], "asked": asked,
        }
    )  # fmt: skip
    return out.reset_index().sort_values(
        ["severity", "raised", "account_id"], ascending=[False, False, True], na_position="last", ignore_index=True
    )


def counts(every: pd.DataFrame) -> pd.DataFrame:
    """Count accounts by flag and status; each row sums to the accounts.

    Returns
    -------
    DataFrame of counts: one row per flag, columns ``raised, clear, lost, too_early, not_answerable``
    """
    table = pd.crosstab(every["flag"], every["status"])
    return table.reindex(index=FLAGS, columns=STATUSES, fill_value=0).rename_axis(index=None, columns=None)
