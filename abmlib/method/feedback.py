"""What sales hears in the field: themes that grow, segments in which they come up more often, and accounts there not yet listed."""

import pandas as pd
import scipy

from abmlib.method.measures import measure_rows, share_rows
from abmlib.method.periods import Period, adjacent_periods
from abmlib.stats import intervals, pooling
from abmlib.stats.departures import holm
from abmlib.stats.intervals import LEVEL

UNKNOWN = "unknown"  # segment of accounts without one; it is never judged
FEWEST = 3  # accounts that name a theme; what fewer name is not compared between segments
SEGMENT_COLUMNS = [
    "theme", "segment", "accounts", "listed", "heard", "named", "raw", "shrunk", "low", "high", "elsewhere", "of_heard",
    "more_often",
]  # fmt: skip


def _named(feedback: pd.DataFrame) -> pd.DataFrame:
    """Notes about an account, with the theme in one spelling."""
    return feedback[feedback["account_id"].notna()].assign(theme=feedback["theme"].str.strip().str.lower())


def themes(feedback: pd.DataFrame, as_of: pd.Timestamp, months: int) -> tuple[Period, pd.DataFrame]:
    """Count the accounts that name each theme, in the newest months and in as many before.

    Shares are of the accounts heard in the same months, so that more notes alone make no theme grow. An account counts once
    in each period. Notes without an account do not count. All themes are judged together.

    Parameters
    ----------
    feedback : DataFrame of ``tables.schema`` ``sales_feedback``
    months : of each period; half of the log where it is shorter than two of them

    Returns
    -------
    the newest period, and a DataFrame, the most named first: ``theme, named, heard`` (accounts of the newest period),
    ``share`` (named ÷ heard), ``named_before, heard_before, share_before, change`` (difference of the shares), ``change_low,
    change_high`` (missing where nobody was heard before), ``trend`` (``grows``, ``fades``, ``no change beyond chance``,
    ``too early``)

    References
    ----------
    S0-9, S1-11; `intervals.difference`.
    """
    notes = _named(feedback)
    first = notes["date"].min() if len(notes) else as_of
    before, now = adjacent_periods(first, as_of, months)
    parts = [notes[notes["date"].between(p.start, p.end)] for p in (now, before)]
    heard = [part["account_id"].nunique() for part in parts]
    named = [part.groupby("theme")["account_id"].nunique() for part in parts]
    out = pd.DataFrame(dict(zip(("named", "named_before"), named, strict=True))).fillna(0).astype(int)
    out = out.assign(heard=heard[0], heard_before=heard[1])
    of = out[["heard", "heard_before"]]
    apart = intervals.difference(out[["named", "named_before"]], of, tests=max(len(out), 1))
    trend = pd.Series("no change beyond chance", out.index, dtype="str").mask(apart["low"] > 0, "grows")
    trend = trend.mask(apart["high"] < 0, "fades").mask(apart["difference"].isna(), "too early")
    apart = apart.rename(columns={"difference": "change", "low": "change_low", "high": "change_high"})
    out = out.assign(
        share=out["named"] / out["heard"], share_before=out["named_before"] / out["heard_before"], trend=trend
    )
    out = out.join(apart).rename_axis("theme").reset_index()
    return now, out.sort_values(["named", "theme"], ascending=[False, True], ignore_index=True)


def segments(feedback: pd.DataFrame, segment: pd.Series, listed: pd.Index) -> pd.DataFrame:
    """Compare how often each theme comes up among the accounts of each segment with all other accounts.

    Every theme that `FEWEST` accounts name has a row for every segment. An account counts once per theme, whatever the number of
    notes; notes without an account belong to none. Rates are pooled over the segments of a theme. All segments and themes are
    judged together.

    Parameters
    ----------
    feedback : DataFrame of ``tables.schema`` ``sales_feedback``
    segment : Series, segment of each account id; accounts without one are of the segment ``unknown``, which is not judged
    listed : accounts in the programme

    Returns
    -------
    DataFrame, by theme the most named segment first: ``theme, segment, accounts, listed, heard`` (accounts with a note),
    ``named`` (with one of the theme), ``raw`` (named ÷ accounts), ``shrunk, low, high`` (pooled), ``elsewhere`` (share of all
    other accounts), ``of_heard`` (named ÷ heard), ``more_often`` (beyond chance); empty without notes

    References
    ----------
    S0-9, S1-11: feedback of sales finds new markets; `pooling.rates`. Judged by the chance that so many or more of the accounts
    that name the theme fall into the segment if they were drawn at random: Fisher (1935), JRSS 98, p. 39; `departures.holm`.
    """
    notes, group = _named(feedback), segment.fillna(UNKNOWN)
    size = group.value_counts().sort_index().rename("accounts")
    counted = {"listed": listed, "heard": notes["account_id"]}
    base = pd.DataFrame(
        {"accounts": size} | {n: group[group.index.isin(ids)].value_counts() for n, ids in counted.items()}
    )
    parts = []
    for theme, own in notes.groupby("theme").filter(lambda n: n["account_id"].nunique() >= FEWEST).groupby("theme"):
        named = group[group.index.isin(own["account_id"])].value_counts().reindex(base.index, fill_value=0)
        part = base.fillna(0).astype(int).assign(named=named, theme=theme)
        parts.append(part.join(pooling.rates(part["named"], part["accounts"])[["raw", "shrunk", "low", "high"]]))
    if not parts:
        return pd.DataFrame(columns=SEGMENT_COLUMNS)
    out = pd.concat(parts).rename_axis("segment").reset_index()
    k, n = out["named"], out["accounts"]
    of_theme = out.groupby("theme")[["named", "accounts"]].transform("sum")
    others = of_theme["accounts"] - n
    by_chance = pd.Series(scipy.stats.hypergeom.sf(k - 1, of_theme["accounts"], of_theme["named"], n), out.index)
    p = holm(by_chance.where(out["segment"] != UNKNOWN))
    out = out.assign(
        elsewhere=(of_theme["named"] - k) / others.where(others > 0), of_heard=k / out["heard"].where(out["heard"] > 0),
        more_often=p <= 1 - LEVEL,
    )  # fmt: skip
    order = ["theme", "named", "heard", "segment"]
    return out.sort_values(order, ascending=[True, False, False, True], ignore_index=True)[SEGMENT_COLUMNS]


def look_alikes(
    found: pd.DataFrame, feedback: pd.DataFrame, accounts: pd.DataFrame, money: pd.DataFrame, considered: pd.Index
) -> pd.DataFrame:
    """Accounts of segments in which a theme comes up more often that nobody has considered for the list yet.

    Those that named it themselves come first, then those with the largest open deals.

    Parameters
    ----------
    found : rows of `segments`, of the themes that tell of a market
    feedback : DataFrame of ``tables.schema`` ``sales_feedback``
    accounts : DataFrame ``name, owner_id, industry``, indexed by account id
    money : DataFrame ``open_amount, revenue_12m``, indexed by account id
    considered : accounts that are on the list, were voted on or left out, or are held back from it

    Returns
    -------
    DataFrame to the spec of ``02_look_alikes``: ``account_id, theme, industry, named`` (it named the theme itself),
    ``open_amount, revenue_12m`` (missing where not known)

    References
    ----------
    S0-9, S1-11.
    """
    there = found.loc[found["more_often"].astype(bool), ["theme", "segment"]].rename(columns={"segment": "industry"})
    rest = accounts.loc[~accounts.index.isin(considered), ["industry"]].rename_axis("account_id").reset_index()
    out = rest.merge(there, on="industry")
    pairs = pd.MultiIndex.from_frame(_named(feedback)[["account_id", "theme"]])
    named = pd.MultiIndex.from_frame(out[["account_id", "theme"]]).isin(pairs)
    out = out.assign(named=named).join(money[["open_amount", "revenue_12m"]], on="account_id")
    order = ["named", "open_amount", "revenue_12m", "account_id"]
    out = out.sort_values(order, ascending=[False, False, False, True], ignore_index=True)
    return out[["account_id", "theme", "industry", "named", "open_amount", "revenue_12m"]]


def feedback_rows(period: Period, by_theme: pd.DataFrame, by_segment: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` from `themes` and `segments`: share of each theme, its change, and its pooled share by segment.

    References
    ----------
    S1-11.
    """
    window = {"window_start": period.start, "window_end": period.end, "group_by": "theme", "group": by_theme["theme"]}
    now = share_rows("S1-11", "accounts_naming_theme", by_theme["named"], by_theme["heard"], **window)
    ends = {"low": by_theme["change_low"], "high": by_theme["change_high"]}
    heard = by_theme["heard"] + by_theme["heard_before"]
    change = measure_rows(
        "S1-11", "change_in_accounts_naming_theme", by_theme["change"], "share", n=heard, **ends, **window
    )
    change["status"] = change["status"].mask(change["value"].isna(), "too_early")
    about = {"n": by_segment["accounts"], "low": by_segment["low"], "high": by_segment["high"]}
    about |= {"group_by": "theme and segment", "group": by_segment["theme"] + ", " + by_segment["segment"]}
    pooled = measure_rows("S1-11", "accounts_naming_theme_in_segment", by_segment["shrunk"], "share", **about)
    return pd.concat([now, change, pooled], ignore_index=True)
