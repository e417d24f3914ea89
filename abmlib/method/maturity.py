"""How old the programme is, and what its accounts did by months before and since they entered it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.measures import measure_rows
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES, Z
from abmlib.stats.power import POWER
from abmlib.tables.days import months_before

DAY, MONTH = pd.Timedelta(days=1), 365.25 / 12  # days
SEED = 26  # of every bootstrap here
LARGE = 1.0  # share of the months before; a comparison that shows no smaller change cannot be judged yet
BANDS: dict[str, tuple[int, int | None]] = {  # months since entry: the first, and the one after the last
    "12 to 7 before": (-12, -6), "6 to 1 before": (-6, 0), "0–5": (0, 6), "6–11": (6, 12), "12 and more": (12, None),
}  # fmt: skip
NAMES = {
    "won_value": "amount won",
    "opportunities_opened": "deals opened",
    "touches_in": "touches the buyer took part in",
}
OUTCOMES = {"won_value": "currency", "opportunities_opened": "deals", "touches_in": "touches"}  # and the unit of each


def horizon_status(since: pd.Series, as_of: pd.Timestamp, months: Sequence[int]) -> pd.DataFrame:
    """Accounts that have been in the programme for each horizon, and whether it can be judged yet.

    It is ``too_early`` while fewer than `FLOOR_OUTCOMES` accounts have; an effect may still be too small to detect later.

    Parameters
    ----------
    since : Series of `framework.entry_days`
    months : horizons

    Returns
    -------
    DataFrame: ``horizon_months, reached, accounts, share, all_reached_on`` (a day; missing without accounts),
    ``status`` (``not_answerable`` without accounts)

    References
    ----------
    S3-26: too early to judge.
    """
    begun = since[since <= as_of]
    last = begun.max() if len(begun) else pd.NaT
    reached = [int((begun <= months_before(as_of, h)).sum()) for h in months]
    rows = [(h, k, len(begun), last + pd.DateOffset(months=h)) for h, k in zip(months, reached, strict=True)]
    out = pd.DataFrame(rows, columns=["horizon_months", "reached", "accounts", "all_reached_on"])
    status = np.select([out["accounts"] == 0, out["reached"] < FLOOR_OUTCOMES], ["not_answerable", "too_early"], "ok")
    out.insert(3, "share", out["reached"] / out["accounts"].where(out["accounts"] > 0))
    return out.assign(status=status)


def horizon_rows(horizons: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` from `horizon_status`.

    References
    ----------
    S3-26.
    """
    label = horizons["horizon_months"].astype("str") + " months"
    columns = {"n": horizons["accounts"], "group_by": "horizon", "group": label, "status": horizons["status"]}
    return measure_rows("S3-26", "accounts_past_horizon", horizons["share"], "share", **columns)


def _observed(
    fact: pd.DataFrame, since: pd.Series, known: pd.Series, as_of: pd.Timestamp, first: int, last: int | None
) -> pd.DataFrame:
    """Sum and rows of an outcome, and months seen, of each account from one month since its entry to before another."""
    begin = since + pd.DateOffset(months=first)
    end = pd.Series(as_of, since.index) if last is None else since + pd.DateOffset(months=last) - DAY
    begin, end = begin.where(begin >= known, known), end.where(end <= as_of, as_of)
    own = fact[fact["account_id"].isin(since.index)]
    from_day, to_day = (ends.reindex(own["account_id"]).to_numpy() for ends in (begin, end))
    inside = own[(own["day"] >= from_day) & (own["day"] <= to_day)].groupby("account_id")["amount"].agg(["sum", "size"])
    out = inside.set_axis(["total", "rows"], axis=1).reindex(since.index, fill_value=0).astype(float)
    return out.assign(months=((end - begin) / DAY + 1).clip(lower=0) / MONTH)


def _known_from(fact: pd.DataFrame, since: pd.Series, created: pd.Series) -> pd.Series:
    """First day on which an outcome of each account could be known: of the first record of any, or of its creation if later."""
    first, own = fact["day"].min(), created.reindex(since.index)
    return own.where(own > first, first)


def by_months(
    facts: Mapping[str, pd.DataFrame], since: pd.Series, created: pd.Series, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Outcomes per account and month, by months before and since each account entered the programme.

    Every outcome has a row for each of `BANDS`. Only months are counted that lie in the past and in which the source could
    have recorded the outcome. Accounts are the units of the interval.

    Parameters
    ----------
    facts : ``account_id, day, amount`` of each of `OUTCOMES`, as `detectable.outcome_facts` gives them
    since : Series of `framework.entry_days`
    created : Series, day each account was created; missing where nobody knows

    Returns
    -------
    DataFrame: ``outcome, months_since_entry`` (a band), ``accounts`` (seen in it), ``account_months, total, value`` (total
    ÷ account_months), ``low, high, status`` (``too_early``, and so without an interval, with fewer than `FLOOR_OUTCOMES` accounts
    or wins, deals or rows of touches; ``not_answerable`` where the source does not hold the outcome)

    References
    ----------
    S3-26: cohort view by months since entry; `intervals.ratio`.
    """
    since, rows = since[since <= as_of], []
    for outcome in OUTCOMES:
        fact = facts[outcome]
        known = _known_from(fact, since, created)
        for band, (first, last) in BANDS.items():
            seen = _observed(fact, since, known, as_of, first, last)
            seen = seen[seen["months"] > 0]
            value, low, high, n = intervals.ratio(seen["total"], seen["months"], SEED)
            enough = min(n, seen["rows"].sum()) >= FLOOR_OUTCOMES
            low, high = (low, high) if enough else (np.nan, np.nan)
            status = "not_answerable" if fact.empty or not n else "ok" if enough else "too_early"
            rows.append((outcome, band, n, seen["months"].sum(), seen["total"].sum(), value, low, high, status))
    columns = ["outcome", "months_since_entry", "accounts", "account_months", "total", "value", "low", "high", "status"]
    return pd.DataFrame(rows, columns=columns)


def changes(
    facts: Mapping[str, pd.DataFrame], since: pd.Series, created: pd.Series, as_of: pd.Timestamp, months: Sequence[int]
) -> pd.DataFrame:
    """Outcomes per account and month after entry less those of as many months before, account by account.

    The longest horizon counts that `FLOOR_OUTCOMES` accounts have reached with as many months known before; the shortest where
    none has. Accounts were chosen, so a change may have any cause: growth of the market, or a return to their usual level.

    Parameters
    ----------
    facts, since, created : as in `by_months`
    months : horizons

    Returns
    -------
    DataFrame, one row per outcome: ``outcome, horizon_months, accounts, before, after, change, low, high, visible`` (smallest
    change found with a chance of `power.POWER`), ``verdict`` (``more than before``, ``less than before``, ``no change
    beyond chance``, ``too early to judge``: too few accounts, or no change below `LARGE` of the months before would be
    found), ``status``

    References
    ----------
    S3-26: too early to judge. Smallest change: Bloom (1995), Minimum detectable effects, Evaluation Review 19, p. 547.
    """
    since, rows = since[since <= as_of], []
    for outcome in OUTCOMES if months else ():
        fact = facts[outcome]
        known, picked = _known_from(fact, since, created), since.iloc[:0]
        for horizon in sorted(months, reverse=True):
            whole = (since <= months_before(as_of, horizon)) & (since - pd.DateOffset(months=horizon) >= known)
            picked = since[whole.to_numpy(bool)]
            if len(picked) >= FLOOR_OUTCOMES:
                break
        before, after = _before_and_after(fact, picked, known, as_of, horizon)
        change, low, high, n = intervals.estimate(after - before, np.mean, SEED)
        visible = (1 + scipy.special.ndtri(POWER) / Z) * (high - low) / 2
        seen = "more than before" if low > 0 else "less than before" if high < 0 else ""
        thin = n < FLOOR_OUTCOMES or not (seen or visible <= LARGE * before.mean())
        status = "not_answerable" if fact.empty or not n else "too_early" if thin else "ok"
        verdict = "too early to judge" if status != "ok" else seen or "no change beyond chance"
        rows.append((outcome, horizon, n, before.mean(), after.mean(), change, low, high, visible, verdict, status))
    columns = "outcome horizon_months accounts before after change low high visible verdict status"
    return pd.DataFrame(rows, columns=columns.split())


def _before_and_after(
    fact: pd.DataFrame, since: pd.Series, known: pd.Series, as_of: pd.Timestamp, horizon: int
) -> list[pd.Series]:
    """Outcome of each account a month, in as many months before a day of its own, and since."""
    spans = ((-horizon, 0), (0, horizon))
    return [_observed(fact, since, known[since.index], as_of, *span)["total"] / horizon for span in spans]


def timeline(bands: pd.DataFrame) -> pd.DataFrame:
    """Lay `by_months` out for readers: one row per band, one column with its interval per outcome.

    Returns
    -------
    DataFrame: ``months_since_entry, accounts``, and of each outcome ``<outcome>_a_month`` with ``_low`` and ``_high``
    """
    out = bands.groupby("months_since_entry", sort=False)["accounts"].max().to_frame()
    for outcome, own in bands.groupby("outcome", sort=False):
        own = own.set_index("months_since_entry")
        out = out.join(
            own[["value", "low", "high"]].set_axis([f"{outcome}_a_month{e}" for e in ("", "_low", "_high")], axis=1)
        )
    return out.reset_index()


def maturity_rows(bands: Mapping[str, pd.DataFrame], found: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` from `by_months`, by what their rows are split by, and from `changes`.

    References
    ----------
    S3-26.
    """
    parts = [
        _rows(each, "_since_entry", "value", group_by=name, group=each["months_since_entry"])
        for name, each in bands.items()
    ]
    label = found["horizon_months"].astype("str") + " months"
    parts.append(_rows(found, "_after_less_before", "change", group_by="horizon", group=label))
    return pd.concat(parts, ignore_index=True)


def _rows(table: pd.DataFrame, suffix: str, column: str, **about: Any) -> pd.DataFrame:
    """Rows of one value a month of each outcome."""
    unit = table["outcome"].map(OUTCOMES) + " per account and month"
    ends = table[["low", "high"]]
    rows = measure_rows("S3-26", table["outcome"] + suffix, table[column], unit, n=table["accounts"], **ends, **about)
    return rows.assign(status=table["status"].where(table[column].notna(), "not_answerable").to_numpy())
