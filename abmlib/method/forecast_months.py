"""What the open deals are expected to bring month by month, and how such forecasts did at past quarter ends."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from abmlib.method import chances
from abmlib.method.deals import closed_in, known_sum, open_deals, won_flag
from abmlib.method.forecast import first_due, target_for
from abmlib.method.measures import counted_row, estimate_row, measure_row
from abmlib.method.periods import DAY, Period

AHEAD = tuple(pd.offsets.MonthEnd(months) for months in (1, 2, 3))  # of the back-test
COLUMNS = [
    "month", "wins_expected", "money_expected", "cumulated", "cumulated_low", "cumulated_high", "n", "deals_due", "money_due",
    "money_target", "towards_target",
]  # fmt: skip


def by_month(
    deals: pd.DataFrame, past: pd.DataFrame, now: pd.DataFrame, targets: pd.DataFrame, as_of: pd.Timestamp,
    until: pd.Timestamp, year_starts: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Foretell what the open deals bring in each coming month, beside what the CRM has closing in it, and the targets.

    A month's part is what is expected by its end less what is by the end of the month before; the first month counts from the
    day after `as_of`. Months to which the past does not reach have no row; deals opened later, and deals without a
    chance, are in none.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    past, now : as in `chances.outlook`
    targets : DataFrame, ``programme.targets``
    until : the last month counts if it ends by this day

    Returns
    -------
    DataFrame, one row per month: ``month`` (its last day), ``wins_expected`` (deals), ``money_expected``, ``cumulated,
    cumulated_low, cumulated_high`` (money by its end, with the predictive interval of `chances.outlook`), ``n`` (open deals with
    an amount), ``deals_due, money_due`` (open deals whose closing day lies in it, and their amount; missing where
    no open deal has one), ``money_target`` (of the period that
    ends with it; missing without), ``towards_target`` (won already in that period, and expected until its end)

    References
    ----------
    Metric dictionary C-8, C-9.
    """
    live, found, before = open_deals(deals), list[tuple[object, ...]](), (0.0, 0.0)
    ends = pd.date_range(as_of + DAY, until, freq="ME")
    for end, ahead in zip(ends, chances.outlooks(past, now, as_of, (ends - as_of).days.to_list()), strict=True):
        if ahead.why:
            break
        due = live[live["close_date"].between(first_due(as_of, end.replace(day=1)), end)]  # as `due_in`
        period, goal = target_for(targets, end, year_starts=year_starts)
        goal = goal if period.end == end and goal > 0 else np.nan
        won = closed_in(deals, Period(period.start, as_of))
        earlier = next(
            (row[3] for row in found[::-1] if row[0] < period.start), 0.0
        )  # expected before the period begins
        towards = known_sum(won.loc[won_flag(won), "amount"]) + ahead.money[0] - earlier if pd.notna(goal) else np.nan
        known = ahead.money if pd.notna(ahead.money[0]) else (np.nan, np.nan, np.nan, 0)
        parts = (ahead.wins[0] - before[0], ahead.money[0] - before[1], *known)
        has_days = live["close_date"].notna().any()
        in_crm = (len(due), known_sum(due["amount"])) if has_days else (np.nan, np.nan)
        found.append((end, *parts, *in_crm, goal, towards))
        before = (ahead.wins[0], ahead.money[0])
    return pd.DataFrame(found, columns=COLUMNS).astype({"month": "datetime64[us]"})


def rows(months: pd.DataFrame, as_of: pd.Timestamp) -> list[dict[str, object]]:
    """Make rows of `measures` from `by_month`: what is expected in each month, and by its end."""
    made = []
    for m in months.itertuples():
        where = {"group_by": "month", "group": f"{m.month:%Y-%m}", "window_end": m.month}
        begin = max(m.month.replace(day=1), as_of + DAY)
        whole = (m.cumulated, m.cumulated_low, m.cumulated_high, m.n)
        made.append(
            measure_row(
                "C-8", "won_value_foretold_in_month", m.money_expected, "currency", m.n, window_start=begin, **where
            )
        )
        made.append(
            estimate_row("C-8", "won_value_foretold_to_month", whole, "currency", window_start=as_of + DAY, **where)
        )
    return made


def record(tests: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Say how forecasts one, two and three months ahead did at past quarter ends.

    Parameters
    ----------
    tests : of `chances.back_tests`, for each of `AHEAD`

    Returns
    -------
    DataFrame, one row per months ahead that can be tested: ``months_ahead, quarter_ends, held`` (at which what came was inside
    the interval), ``foretold, came`` (money of all of them; missing where wins are judged, as amounts then are unknown), ``off``
    (sum of the distances ÷ sum of what came, so that no small quarter rules; missing where nothing came)
    """
    found = []
    for ahead, tested in zip(AHEAD, (test[test["judged_by"].notna()] for test in tests), strict=True):
        if len(tested):
            came = tested["money_came"]
            off = (tested["money"] - came).abs().sum() / came.sum() if came.sum() > 0 else np.nan
            sums = [tested[c].sum(min_count=1) for c in ("money", "money_came")]
            found.append((ahead.n, len(tested), int(tested["held"].sum()), *sums, off))
    return pd.DataFrame(found, columns=["months_ahead", "quarter_ends", "held", "foretold", "came", "off"])


def record_rows(record: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures` from `record`: past forecasts that held, by months ahead."""
    by = "months ahead"
    return [
        counted_row("C-8", "past_forecasts_held", r.held, r.quarter_ends, group_by=by, group=str(r.months_ahead))
        for r in record.itertuples()
    ]


def newest_rows(tested: pd.DataFrame) -> list[dict[str, object]]:
    """Make rows of `measures`: past forecasts that held, those above what came, and how the newest two did.

    Parameters
    ----------
    tested : DataFrame of `chances.back_tests`, the newest last

    References
    ----------
    Metric dictionary C-8.
    """
    part = tested[tested["judged_by"].notna()]
    what = str(next(iter(part["judged_by"]), "money"))
    foretold, came, held = part[what], part[f"{what}_came"], part["held"].astype(bool)
    newest = part.index[-2:] if len(part) > 1 else part.index[:0]
    total = foretold[newest].sum()
    brought = came[newest].sum() / total if total > 0 else np.nan
    return [
        counted_row("C-8", "past_forecasts_held", int(held.sum()), len(part)),
        counted_row("C-8", "past_forecasts_above", int((foretold > came).sum()), len(part)),
        counted_row("C-8", "newest_forecasts_held", int(held[newest].sum()), len(newest)),
        measure_row("C-8", "newest_forecasts_came", brought, "share", len(newest)),
    ]
