"""What an account is worth within the horizon: what is expected of it, times its margin; and what earlier such lists brought.

Worth says what is likely, not what our work would add: only a recorded finding of an earlier evaluation says that.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from abmlib.method import orders, periods
from abmlib.method.measures import estimate_row, measure_row
from abmlib.method.opportunity_size import QUANTILES
from abmlib.method.periods import DAY
from abmlib.stats import intervals
from abmlib.stats.intervals import LEVEL
from abmlib.stats.scores import Estimate
from abmlib.stats.sizes import LEVELS

SEED = 17  # of every bootstrap and draw here
MARGIN_MONTHS = 24  # of purchases that tell an account's margin
DRAWS = 1_000  # of what may come
MOST_RISE = 20.0  # times; a larger one was written in percent, or by mistake
FARTHEST, EVEN = 3.0, 400  # standard deviations beyond which no size is drawn; even draws that tell the mean of sizes
TOLD = {"margin": "expected margin", "revenue": "expected revenue"}  # what worth counts, in words


# -- margin -------------------------------------------------------------------------------------------------------------


def margin_rates(
    transactions: pd.DataFrame, accounts: pd.Index, as_of: pd.Timestamp, default_margin: float
) -> tuple[pd.Series, str]:
    """Margin as share of revenue of each account, pulled towards that of all where the account bought little.

    Of purchases of the last `MARGIN_MONTHS` with known cost; an account counts its own as far as its revenue goes, and that of all
    with the weight of a middle account's revenue. Every account has a rate; a prospect has that of all. Where no cost is known it
    is `default_margin`; at 0 it is 1 for all, and worth counts revenue.

    Parameters
    ----------
    transactions : ``tables.schema.TRANSACTIONS``, known on the day
    accounts : Index of account ids
    as_of : the day
    default_margin : margin as share of revenue where no cost is known; 0: leave it unknown

    Returns
    -------
    Series of rates, from -1 to 1, indexed by `accounts`; and ``margin`` or ``revenue``, what worth counts

    References
    ----------
    House definition; README, glossary entry "worth".

    Examples
    --------
    >>> bought = pd.DataFrame({"account_id": ["a", "b"], "booked_at": pd.Timestamp("2026-01-05"), "revenue": [100.0, 100.0], "cogs": [80.0, 40.0]})
    >>> margin_rates(bought, pd.Index(["a", "b", "c"]), pd.Timestamp("2026-01-31"), 0.0)[0].round(2).tolist()
    [0.3, 0.5, 0.4]
    """
    year = periods.trailing(as_of, MARGIN_MONTHS)
    rows = transactions[transactions["booked_at"].between(year.start, year.end) & transactions["cogs"].notna()]
    money = rows[["revenue", "cogs"]].astype(float).groupby(rows["account_id"]).sum()
    money = money[money["revenue"] > 0]
    if money.empty:
        return pd.Series(default_margin or 1.0, accounts, name="margin_rate"), "margin" if default_margin else "revenue"
    margin, usual = money["revenue"] - money["cogs"], float(money["revenue"].median())
    of_all = float(margin.sum() / money["revenue"].sum())
    own = (margin + usual * of_all) / (money["revenue"] + usual)
    return own.reindex(accounts).fillna(of_all).clip(-1, 1).rename("margin_rate"), "margin"


def on_past_days(
    back_test: pd.DataFrame, transactions: pd.DataFrame, default_margin: float, counts: str, bought_days: int = 0
) -> pd.DataFrame:
    """Add to past scores with sizes what each account was worth by what was known then, and what came of it.

    What came is the margin of what was bought within the horizon, where purchases are sized and their costs known; else the money that came, times the
    margin rate known then, as deals have no margin of their own.

    Parameters
    ----------
    back_test : rows of ``05_back_test``
    transactions : ``tables.schema.TRANSACTIONS``, all of today
    default_margin : as in `margin_rates`
    bought_days : horizon, where what came are purchases; 0 where it is deals signed
    counts : what worth counts today; a day on which it would have counted something else has no row

    Returns
    -------
    DataFrame, rows of `back_test` with ``worth, worth_came`` (money)
    """
    parts = []
    for day, rows in back_test.groupby("day"):
        known = orders.known_before(transactions, day + DAY)
        rates, then = margin_rates(known, pd.Index(rows["account_id"].unique()), day, default_margin)
        if counts == "margin" and then != counts:
            continue
        rate = rows["account_id"].map(rates) if counts == "margin" else pd.Series(1.0, rows.index)
        came = rows["came"] * rate
        if bought_days and counts == "margin":
            after = periods.Period(day + DAY, day + bought_days * DAY)
            came = rows["account_id"].map(orders.by_account(transactions, rates.index, after)["margin"]).fillna(came)
        parts.append(rows.assign(worth=rows["value"] * rate, worth_came=came))
    empty = back_test.assign(worth=pd.Series(dtype=float), worth_came=pd.Series(dtype=float))
    return pd.concat(parts).sort_index() if parts else empty.iloc[:0]


def steady(today: pd.Series, past: pd.DataFrame) -> pd.Series:
    """Mean of the worth of each account over today and the past days on which it was known.

    Worth of one day is mostly of deals that are open then; attention adds deals that are not open yet. The mean is of longer breath: it
    moves less from month to month, and where truth is known it carries more of what attention adds (`benchmarks/truth.md`).

    Parameters
    ----------
    today : worth, by account
    past : DataFrame of `on_past_days`

    Returns
    -------
    Series, index as `today`; missing where today's worth is

    References
    ----------
    House definition; README, glossary entry "worth".

    Examples
    --------
    >>> steady(pd.Series({"a": 4.0, "b": 1.0}), pd.DataFrame({"day": ["d"], "account_id": ["a"], "worth": [2.0]})).tolist()
    [3.0, 1.0]
    """
    days = past.pivot(index="account_id", columns="day", values="worth").reindex(today.index)
    return days.assign(today=today).mean(axis=1).where(today.notna())


def ranked(worth: pd.Series, card: pd.Series, features: pd.DataFrame) -> tuple[pd.Series, str]:
    """Give what ranks accounts: worth; where nobody can say it, the scorecard; without one, what they brought so far.

    Parameters
    ----------
    worth : money, by account
    card : points of `scorecard.score`
    features : DataFrame with ``revenue_12m, won_amount_24m``

    Returns
    -------
    Series, index as `worth`, and what it is in words: ``worth``, ``the scorecard``, ``revenue of 12 months`` or ``deals won in 24 months``
    """
    found = {
        "worth": worth, "the scorecard": card, "revenue of 12 months": features["revenue_12m"],
        "deals won in 24 months": features["won_amount_24m"],
    }  # fmt: skip
    name = "worth" if worth.notna().any() else next((name for name, by in found.items() if (by > 0).any()), "worth")
    return found[name].astype(float), name


# -- lists of the past --------------------------------------------------------------------------------------------------


def top(rows: pd.DataFrame, by: str, many: int) -> pd.Index:
    """Index of the rows of one day with most of something, above zero; of equal ones the first by id."""
    some = rows[rows[by] > 0].sort_values([by, "account_id"], ascending=[False, True], kind="stable")
    return some.index[:many]


def named_lists(rows: pd.DataFrame, by: Mapping[str, pd.Series | None], many: int) -> dict[str, pd.Series]:
    """Make lists of the same length, each of the accounts with most of something; lists for which nothing is known are left out.

    Parameters
    ----------
    rows : of one day, index and ``account_id`` the account
    by : by the name of the list, a Series by account; None where the source has it not

    Returns
    -------
    dict of bool Series, index as `rows`
    """
    known = {name: own for name, own in by.items() if own is not None and (own > 0).any()}
    return {
        name: pd.Series(rows.index.isin(top(rows.assign(by=own), "by", many)), rows.index)
        for name, own in known.items()
    }


def past_lists(past: pd.DataFrame, many: int) -> pd.DataFrame:
    """Say of each past day what the list of that day was to bring, and what it brought.

    Parameters
    ----------
    past : DataFrame of `on_past_days`
    many : accounts on each list: those worth most by what was known on the day

    Returns
    -------
    DataFrame, a row per day: ``day, accounts, promised, came, may_come_low, may_come_high`` (money; the interval if accounts go their own
    ways), ``share_of_all`` (of what all accounts brought), ``signed`` (accounts of the list that brought anything), ``in_top, in_top_expected`` (of the list: accounts among as many that brought
    most, and how many of them were to be expected)

    References
    ----------
    House definition; README, glossary entry "winner's curse". W17: predicted beside realised.
    """
    out = []
    for day, rows in past.groupby("day"):
        listed = top(rows, "worth", many)
        drawn, often = draws(rows, rows["worth"], many)
        inside = drawn[:, rows.index.get_indexer(listed)].sum(axis=1)
        low, high = np.quantile(inside, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        best = rows[rows["worth_came"] > 0].nlargest(many, "worth_came").index
        came = float(rows["worth_came"].sum())
        out.append({
            "day": day, "accounts": len(listed), "promised": rows.loc[listed, "worth"].sum(),
            "came": rows.loc[listed, "worth_came"].sum(), "may_come_low": low, "may_come_high": high,
            "share_of_all": rows.loc[listed, "worth_came"].sum() / came if came > 0 else np.nan,
            "signed": int((rows.loc[listed, "worth_came"] > 0).sum()), "in_top": len(listed.intersection(best)), "in_top_expected": often.reindex(listed).sum(),
        })  # fmt: skip
    columns = [
        "day",
        "accounts",
        "promised",
        "came",
        "may_come_low",
        "may_come_high",
        "share_of_all",
        "signed",
        "in_top",
        "in_top_expected",
    ]
    return pd.DataFrame(out, columns=columns).astype({"day": "datetime64[us]"})


def curse(past: pd.DataFrame, many: int) -> tuple[Estimate, Estimate]:
    """Worth that came for each one that was promised: of the lists of past days, and of all accounts of these days.

    Whoever takes the largest of many estimates takes the luckiest too: the list then brings less for one promised than all accounts.

    Parameters
    ----------
    past, many : as in `past_lists`

    Returns
    -------
    two estimates: value, low, high, n (rows; accounts are the clusters)

    References
    ----------
    House definition; README, glossary entry "winner's curse". Smith and Winkler (2006), The optimizer's curse, Management Science 52, p. 311.
    """
    listed = [i for _, rows in past.groupby("day") for i in top(rows, "worth", many)]
    each = (past.loc[listed], past)
    own, all_ = (intervals.ratio(rows["worth_came"], rows["worth"], SEED, rows["account_id"]) for rows in each)
    return own, all_


def worth_rows(lists: pd.DataFrame, own: Estimate, whole: Estimate) -> list[dict[str, object]]:
    """Rows of `measures`: what came for one promised of the lists, and of all accounts; and of all that came, the lists' share.

    Parameters
    ----------
    lists : DataFrame of `past_lists`
    own, whole : of `curse`

    References
    ----------
    C-49; S0-14.
    """
    window = {"window_start": lists["day"].min() + DAY} if len(lists) else {}
    rows = [
        estimate_row("C-49", "list_worth_came_per_promised", own, "times", **window),
        estimate_row("C-49", "all_worth_came_per_promised", whole, "times", **window),
    ]
    for row in lists.to_dict("records"):
        about = {"group_by": "day of the list", "group": str(row["day"].date())}
        rows.append(measure_row("S0-14", "list_share_of_worth", row["share_of_all"], "share", row["accounts"], **about))
    return rows


# -- what may come ------------------------------------------------------------------------------------------------------


def draws(sized: pd.DataFrame, worth: pd.Series, many: int, seed: int = SEED) -> tuple[np.ndarray, pd.Series]:
    """Draw what may come of each account, and count how often each is among those that bring most.

    Each brings nothing, or with its chance a size by its quantiles, each account for itself; on average its worth. An account whose worth is
    missing or not above zero brings nothing.

    Parameters
    ----------
    sized : DataFrame ``chance`` and the quantiles of its size (`opportunity_size.QUANTILES`), a row per account
    worth : Series, index as `sized`, of expected ``value`` times a rate
    many : accounts that count as those that bring most

    Returns
    -------
    array of `DRAWS` x accounts (money), and Series of shares of the draws, index as `sized`
    """
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    chance = sized["chance"].fillna(0.0).to_numpy(float)
    mean = (worth / sized["chance"].where(sized["chance"] > 0)).astype(float).clip(lower=0).fillna(0.0).to_numpy()
    logs = np.log(sized[QUANTILES].astype(float).clip(lower=1e-9).fillna(1.0).to_numpy())
    place, far = ndtri(np.array(LEVELS)), np.array([-FARTHEST, FARTHEST])
    slope = (np.diff(logs) / np.diff(place))[:, [0, -1]]  # beyond the outer quantiles the logarithm goes on as it came
    ends = logs[:, [0, -1]] + slope * (far - place[[0, -1]])
    logs, place = np.hstack([ends[:, :1], logs, ends[:, 1:]]), np.hstack([far[:1], place, far[1:]])
    even = ndtri((np.arange(EVEN) + 0.5) / EVEN)
    drawn = np.zeros((DRAWS, len(sized)), dtype=np.float32)
    for i in np.flatnonzero((chance > 0) & (mean > 0)):
        comes = rng.random(DRAWS) < chance[i]
        z = np.clip(rng.standard_normal(int(comes.sum())), -FARTHEST, FARTHEST)
        drawn[comes, i] = (
            mean[i] * np.exp(np.interp(z, place, logs[i])) / np.exp(np.interp(even, place, logs[i])).mean()
        )
    often = np.zeros(len(sized))
    if len(sized) and many > 0:
        kept = min(many, len(sized))
        for row in drawn:
            best = np.argpartition(row, len(row) - kept)[len(row) - kept :]
            often[best[row[best] > 0]] += 1
    return drawn, pd.Series(often / DRAWS, sized.index)


# -- findings -----------------------------------------------------------------------------------------------------------


def rises(findings: pd.DataFrame, parts: Mapping[str, pd.Series], assumed: float) -> pd.DataFrame:
    """Say of each account which share of its worth attention adds: as an earlier evaluation found, else as assumed.

    A finding on the account's own part (its cycle, its industry) goes before one on all. One that could not be told from chance leaves what
    stood before it, but not above the upper end of its interval.

    Parameters
    ----------
    findings : rows of ``tables.schema`` ``findings``, the latest of each
    parts : by what findings may be split, the part of each account: Series of one index
    assumed : share that attention of the first tier is assumed to add

    Returns
    -------
    DataFrame, indexed as `parts`: ``rise, rise_low, rise_high`` (ends missing where it is assumed), ``by`` (id of the finding; empty where it is assumed)

    References
    ----------
    C-53; README, glossary entry "worth".
    """
    ends = findings[["rise_low", "rise", "rise_high"]].astype(float)
    wrong = ~(
        np.isfinite(ends).all(axis=1)
        & (ends["rise_low"] <= ends["rise"])
        & (ends["rise"] <= ends["rise_high"])
        & (ends.abs() <= MOST_RISE).all(axis=1)
    )
    if wrong.any():
        names = findings.loc[wrong, "finding_id"].tolist()
        raise ValueError(
            f"findings: {len(names)} of {len(findings)} have a rise that is not between its ends, or beyond {MOST_RISE:,.0f} times (first: {names[:3]}). Correct programme/findings.csv: rise_low, rise, rise_high as shares."
        )
    out = pd.DataFrame(
        {"rise": float(assumed), "rise_low": np.nan, "rise_high": np.nan, "by": ""}, next(iter(parts.values())).index
    )
    known = findings[findings["group_by"].isin(["all", *parts])]
    for row in known.sort_values("group_by", key=lambda by: by != "all", kind="stable").to_dict("records"):
        of_part = pd.Series(True, out.index) if row["group_by"] == "all" else parts[row["group_by"]].eq(row["group"])
        own = of_part.fillna(False).to_numpy(bool)
        if row["rise_low"] > 0 or row["rise_high"] < 0:
            out.loc[own] = [row["rise"], row["rise_low"], row["rise_high"], row["finding_id"]]
        else:
            out.loc[own & (out["rise"] > row["rise_high"]).to_numpy()] = [row["rise_high"], np.nan, np.nan, ""]
    return out
