"""What changed: the headlines of one quarter against the same days of the quarters before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from abmlib.method.deals import SLOW_SHARE, dateless, decided, sizes, won_flag
from abmlib.method.measures import measure_row
from abmlib.method.periods import DAY, Period, quarters
from abmlib.stats import departures
from abmlib.stats.departures import Departure
from abmlib.stats.intervals import FLOOR_OUTCOMES, LEVEL

EARLIER = 8  # quarters compared with at most: each season twice
YEAR = 4  # quarters
UNITS = {
    "total_revenue": "currency", "deals_opened": "deals", "deals_won": "deals", "won_value": "currency", "win_rate_by_count": "share",
    "deal_size_median": "currency", "days_to_won_median": "days", "open_deals": "deals",
}  # fmt: skip
TOO_LARGE = (-0.5, 1.0)  # a headline is too variable to judge where neither a halving nor a doubling would show
FACTS = ("measure_id", "definition_id", "quarter_value", "quarter_n", "earlier_quarters", "year_ago")
CHANGE = ("expected", "change", "change_low", "change_high", "visible_fall", "visible_rise")


@dataclass(frozen=True)
class Flow:
    """What one headline counts, row by row, so that it can be made for any quarter.

    ``sum`` adds values, ``share`` is the share of rows whose value is 1, ``median`` is of the values, ``stock`` counts the
    rows still there at a day.
    """

    measure_id: str
    definition_id: str
    kind: Literal["sum", "share", "median", "stock"]
    rows: pd.DataFrame  # account_id, day, value; of a stock until, the day it left
    since: pd.Timestamp  # quarters that begin before it are not wholly in the book
    lacking: str = (
        ""  # what the source lacks, so that nobody knows of any row; without a row it is then unknown, otherwise 0
    )


def quarters_compared(days: pd.Series, as_of: pd.Timestamp, year_starts: int) -> list[Period]:
    """Give the quarter to judge and the same days of the quarters before it, newest first.

    It is the fiscal quarter of `as_of`, up to that day; at its last day quarters are whole. While it has fewer outcomes
    than `FLOOR_OUTCOMES`, it is the last whole quarter instead.

    Parameters
    ----------
    days : day of each outcome
    year_starts : month in which the fiscal year starts, as in `periods.period_of`
    """
    quarter = pd.Period(as_of, freq=quarters(year_starts))
    last = as_of
    if days.between(quarter.start_time, as_of).sum() < FLOOR_OUTCOMES and as_of < quarter.end_time.normalize():
        quarter = quarter - 1
        last = quarter.end_time.normalize()
    whole = last == quarter.end_time.normalize()
    starts = [(quarter - k).start_time for k in range(EARLIER + 1)]
    ends = [(quarter - k).end_time.normalize() for k in range(EARLIER + 1)]
    to = ends if whole else [min(s + (last - starts[0]), e) for s, e in zip(starts, ends, strict=True)]
    return [Period(start, end) for start, end in zip(starts, to, strict=True)]


def outcome_days(deals: pd.DataFrame, transactions: pd.DataFrame) -> pd.Series:
    """Days on which deals closed; of a book without closed deals, days on which lines were booked."""
    closed = deals.loc[deals["is_closed"].astype(bool), "closed_day"].dropna()
    return closed if len(closed) else transactions["booked_at"].dropna()


def flows(deals: pd.DataFrame, transactions: pd.DataFrame) -> list[Flow]:
    """List the headlines that can be made for any quarter from what the book knows today.

    Left out are headlines whose past is not known (amounts of open deals change), or that are another's in other words
    (margin moves with revenue, accounts won with deals won, and the win rate by amount hangs on a few large deals).
    Closed deals count from the quarter by which those opened before the book begins are over: nine tenths of deals take
    no longer. Where most of them have no day they are left out, as no count of a quarter is true. A deal size is none below
    zero. Where no deal was lost there is no win rate.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    transactions : ``tables.schema.TRANSACTIONS``
    """
    one = deals.assign(value=1.0)
    closed = decided(one if not dateless(one) else one.iloc[:0])
    closed = closed[closed["closed_day"].notna()]
    closed = closed.assign(day=closed["closed_day"], value=won_flag(closed).astype(float))
    won = closed[closed["value"] == 1]
    rated = closed if (closed["value"] == 0).any() else closed.iloc[:0]
    begun = one.assign(day=one["created_day"], until=one["closed_day"])  # before a filter leaves no row
    begun = begun[begun["day"].notna()]
    there = begun[~begun["is_closed"].astype(bool) | begun["closed_day"].notna()]
    first, ripe = begun["day"].min(), whole_since(deals)
    booked = transactions.assign(day=transactions["booked_at"], value=transactions["revenue"].astype(float))
    return [
        Flow("C-38", "total_revenue", "sum", _counted(booked), booked["day"].min(), "transactions"),
        Flow(
            "C-60",
            "deals_opened",
            "sum",
            _counted(begun),
            first,
            _unknown(deals, "created_day", "the day each deal was opened"),
        ),
        Flow("C-60", "deals_won", "sum", _counted(won), ripe, _no_results(deals)),
        Flow("C-4", "won_value", "sum", _counted(won.assign(value=won["amount"])), ripe),
        Flow("C-2", "win_rate_by_count", "share", _counted(rated), ripe),
        Flow("C-4", "deal_size_median", "median", _counted(won.assign(value=sizes(won))), ripe),
        Flow("C-5", "days_to_won_median", "median", _counted(won.assign(value=won["age_days"])), ripe),
        Flow("C-8", "open_deals", "stock", _counted(there), ripe),
    ]


def whole_since(deals: pd.DataFrame) -> pd.Timestamp:
    """Day from which closed deals can be compared: those opened before the book begins are over by then.

    Nine tenths of deals take no longer. Missing where no deal has a day of opening.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    """
    closed = decided(deals if not dateless(deals) else deals.iloc[:0])
    ages = closed.loc[closed["closed_day"].notna() & (closed["age_days"] >= 0), "age_days"].astype(float)
    first = deals["created_day"].min()
    return first + pd.Timedelta(days=ages.quantile(SLOW_SHARE)) if len(ages) else first


def _unknown(deals: pd.DataFrame, column: str, name: str) -> str:
    """What is lacking where no deal has a value; empty if one has."""
    return "deals" if deals.empty else name if deals[column].isna().all() else ""


def _no_results(deals: pd.DataFrame) -> str:
    """What is lacking to know of any deal that it was won, and when; empty if nothing."""
    if dateless(deals):
        return "the day each deal was closed"
    closed = deals[deals["is_closed"].astype(bool)]
    return _unknown(closed if len(closed) else deals.assign(is_won=False), "is_won", "which deals were won")


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a day and a value; those without an account are each a cluster of their own."""
    kept = rows[rows["day"].notna() & rows["value"].notna()].reset_index(drop=True)
    alone = "row " + kept.index.astype("str")
    account = kept["account_id"].astype("str").where(kept["account_id"].notna(), pd.Series(alone, kept.index))
    more = {"until": kept["until"]} if "until" in kept else {}
    return pd.DataFrame({"account_id": account, "day": kept["day"], "value": kept["value"].astype(float)} | more)


def totals(flows: Sequence[Flow], period: Period) -> list[dict[str, Any]]:
    """Rows of `measures`: what adds up, over one period; missing where nobody knows of any, with ``why``.

    A won value is left to `deals.won_measures`.
    """
    rows = []
    for flow in flows:
        if flow.kind == "sum" and flow.definition_id != "won_value":
            inside = flow.rows.loc[flow.rows["day"].between(period.start, period.end), "value"]
            is_known = len(flow.rows) > 0 or not flow.lacking
            total, why = (float(inside.sum()), "") if is_known else (np.nan, flow.lacking)
            window = {"window_start": period.start, "window_end": period.end, "why": why}
            rows.append(
                measure_row(
                    flow.measure_id, flow.definition_id, total, UNITS[flow.definition_id], len(inside), **window
                )
            )
    return rows


def by_month(flows: Sequence[Flow], as_of: pd.Timestamp, months: int) -> list[dict[str, Any]]:
    """Rows of `measures`: each headline in each of the last whole months, for small lines.

    The month of `as_of` counts only at its last day. Months that are not wholly in the book have no row; a share or median
    of nothing is missing.
    """
    last = pd.Period(as_of + DAY, freq="M") - 1
    wanted = [last - k for k in reversed(range(months))]
    rows = []
    for flow in (f for f in flows if len(f.rows)):
        inside = [m for m in wanted if m.start_time >= flow.since]
        if inside:
            seen = _seen(flow, [Period(m.start_time, m.end_time.normalize()) for m in inside])
            for month, period, value, n in zip(inside, seen.compared, seen.values, seen.n, strict=True):
                window = {
                    "window_start": period.start,
                    "window_end": period.end,
                    "group_by": "month",
                    "group": str(month),
                }
                rows.append(
                    measure_row(flow.measure_id, flow.definition_id, value, UNITS[flow.definition_id], int(n), **window)
                )
    return rows


def judge(flows: Sequence[Flow], compared: Sequence[Period]) -> pd.DataFrame:
    """Judge each headline of one quarter against the quarters before it, all headlines together.

    Sums and counts are compared with the trend of the earlier quarters, continued, so that steady growth is no change; shares
    and medians with all earlier quarters taken together. A change is called only where noise alone would call any headline
    in at most 1 − `LEVEL` of reports. Flows without a row, of which the source has nothing, are left out.

    Parameters
    ----------
    compared : of `quarters_compared`

    Returns
    -------
    DataFrame, one row per flow that has rows: ``measure_id, definition_id``, ``quarter_value``, ``quarter_n`` (rows), ``earlier_quarters``
    (compared with), ``expected``, ``year_ago`` (the same quarter), ``change, change_low, change_high`` (of shares the
    difference, of all else the ratio to what is expected, less one), ``p`` (adjusted), ``visible_fall, visible_rise``
    (smallest change called with the power of the house; missing where none is), ``verdict``: up, down, within noise,
    too variable (as `TOO_LARGE`), too few (outcomes), too early (earlier quarters)

    References
    ----------
    House definition; README, glossary entry "beyond noise". Holm (1979) over the headlines; counts and money on the scale
    of logarithms, shares on that of arcsines (Anscombe 1948, Biometrika 35, p. 246), medians by the share of rows above
    the earlier median (Mood 1954, Annals of Mathematical Statistics 25, p. 514).
    """
    flows = [flow for flow in flows if len(flow.rows)]
    seen = [_seen(flow, [q for k, q in enumerate(compared) if k == 0 or q.start >= flow.since]) for flow in flows]
    lacking = [_lacking(s) for s in seen]
    found = [None if lack else _departure(s) for s, lack in zip(seen, lacking, strict=True)]
    p = departures.holm(pd.Series([d.p if d else np.nan for d in found], dtype=float))
    tests, rows = int(p.notna().sum()), []
    for s, lack, d, adjusted in zip(seen, lacking, found, p, strict=True):
        change = dict.fromkeys(CHANGE, np.nan) if d is None else _change(s, d, tests)
        quiet = "too variable" if _too_variable(s, change) else "within noise"
        called = quiet if not adjusted < 1 - LEVEL else "up" if change["change"] > 0 else "down"
        verdict = lack or ("too few" if d is None else called)
        rows.append(_facts(s, compared) | change | {"p": adjusted, "verdict": verdict})
    return pd.DataFrame(rows, columns=[*FACTS, *CHANGE, "p", "verdict"])


def collapsed(deals: pd.DataFrame, as_of: pd.Timestamp, year_starts: int = 1) -> pd.DataFrame:
    """Find whether deals opened, or deals open, fell by half or more against the same quarter a year ago, beyond noise.

    The quarter is judged as in `judge`, against the quarters of a year ago and before alone, so that a fall which has lasted
    some quarters is seen. Amounts are as known now; where a tenth of the open deals, or of those opened in the quarter, lacks
    one, deals are counted.

    Parameters
    ----------
    deals : DataFrame of `with_days`

    Returns
    -------
    DataFrame as `judge`, the rows that fell (none where nothing did), with ``quarter`` (`Period`)
    """
    one = deals[deals["created_day"].notna()]
    one = one.assign(day=one["created_day"], until=one["closed_day"], value=1.0)
    compared = quarters_compared(one["day"], as_of, year_starts)
    there = one[~one["is_closed"].astype(bool) | one["closed_day"].notna()]
    first, fresh = one["day"].min(), one["day"].between(compared[0].start, compared[0].end)
    young = [one.loc[which, "amount"].notna().mean() for which in (fresh, ~one["is_closed"].astype(bool))]
    names, unit = ("deals_opened", "open_deals"), "deals"
    if min([share for share in young if pd.notna(share)], default=0) >= 0.9:
        one, there = (rows.assign(value=rows["amount"]) for rows in (one, there))
        names, unit = ("opened_value", "open_value"), "currency"
    flows = [
        Flow("C-60", names[0], "sum", _counted(one.drop(columns="until")), first),
        Flow("C-8", names[1], "stock", _counted(there), first),
    ]
    judged = judge(flows, [compared[0], *compared[YEAR:]])
    year_ago = {f.definition_id: float(_seen(f, [compared[YEAR]]).values[0]) for f in flows}
    judged = judged.assign(year_ago=judged["definition_id"].map(year_ago), unit=unit, quarter=compared[0])
    return judged[(judged["verdict"] == "down") & (judged["quarter_value"] <= judged["year_ago"] / 2)]


@dataclass(frozen=True)
class _Seen:
    """One headline in the quarters it can be compared over, newest first."""

    flow: Flow
    compared: list[Period]
    rows: list[pd.DataFrame]  # of each quarter
    n: np.ndarray
    values: np.ndarray
    middle: float  # median of the rows of all earlier quarters

    @property
    def rated(self) -> bool:
        """Is it judged as a share of rows."""
        return self.flow.kind in {"share", "median"}


def _seen(flow: Flow, compared: list[Period]) -> _Seen:
    """Count one headline in each quarter; a row is in one quarter, of a stock in as many as it was there."""
    rows = flow.rows
    if flow.kind == "stock":
        inside = [(rows["day"] <= q.end) & ~(rows["until"] <= q.end) for q in compared]
    else:
        inside = [rows["day"].between(q.start, q.end) for q in compared]
    parts = [rows[i] for i in inside]
    statistic = {"share": pd.Series.mean, "median": pd.Series.median}.get(flow.kind, pd.Series.sum)
    values = np.array([float(statistic(part["value"])) for part in parts])
    middle = float(pd.concat([rows.iloc[:0], *parts[1:]])["value"].median())
    return _Seen(flow, compared, parts, np.array([len(part) for part in parts]), values, middle)


def _lacking(s: _Seen) -> str:
    """What a headline lacks to be judged; empty if nothing."""
    if len(s.n) - 1 < departures.FREE + (1 if s.rated else 2):
        return "too early"
    few = s.n[1:].mean() < FLOOR_OUTCOMES or (s.rated and (s.n[0] < FLOOR_OUTCOMES or s.n.min() == 0))
    none = (not s.rated and s.values[1:].min() <= 0) or (s.flow.kind == "median" and not s.middle > 0)
    return "too few" if few or none else ""


def _departure(s: _Seen) -> Departure | None:
    """How the newest quarter departs from the others, on the scale of the headline."""
    codes, accounts = pd.factorize(pd.concat(s.rows)["account_id"])
    quarter = np.repeat(np.arange(len(s.n)), s.n)
    value = pd.concat(s.rows)["value"].to_numpy(float)

    def by_account(each: np.ndarray) -> np.ndarray:
        return np.bincount(codes * len(s.n) + quarter, each, len(accounts) * len(s.n)).reshape(len(accounts), -1)

    if not s.rated:
        total = s.values.copy()
        total[0] = max(
            total[0], total[1:].sum() / s.n[1:].sum() / 2
        )  # nothing at all: as half a row, for its logarithm
        return departures.departure(np.log(total), by_account(value) / total, np.ones(len(s.n)), trend=True)
    hit = value if s.flow.kind == "share" else (value > s.middle) + (value == s.middle) / 2
    hits, count = by_account(hit), by_account(np.ones(len(value)))
    share = hit.mean()
    parts = (hits - share * count) / s.n / np.sqrt(max(share * (1 - share), 1e-12))
    scale = 2 * np.arcsin(np.sqrt(hits.sum(axis=0) / s.n))
    return departures.departure(scale, parts, s.n / s.n.mean(), trend=False)


def _change(s: _Seen, d: Departure, tests: int) -> dict[str, float]:
    """Change of a headline with its interval, and the smallest that would show, as a reader reads it."""
    value, half, visible = s.values[0], d.half, d.visible(tests)
    if s.flow.kind == "share":
        expected, steps = _share(d.expected), (d.change - half, d.change + half, -visible, visible)
        ends = [_share(d.expected + step) - expected for step in steps]
        return dict(zip(CHANGE, [expected, value - expected, *ends], strict=True))
    if s.flow.kind == "median":
        earlier, own = (pd.concat(rows)["value"] for rows in (s.rows[1:], s.rows[:1]))
        ends = [own.quantile(np.clip(0.5 + side * half / 2, 0, 1)) / s.middle - 1 for side in (-1, 1)]
        ends += [
            s.middle / earlier.quantile(0.5 - step / 2) - 1 if abs(step) < 1 else np.nan for step in (-visible, visible)
        ]
        return dict(zip(CHANGE, [s.middle, value / s.middle - 1, *ends], strict=True))
    ends = [float(np.expm1(step)) for step in (d.change - half, d.change + half, -visible, visible)]
    expected = float(np.exp(d.expected))
    return dict(zip(CHANGE, [expected, value / expected - 1, *ends], strict=True))


def _too_variable(s: _Seen, change: dict[str, float]) -> bool:
    """Say whether neither a halving nor a doubling of what is expected would show."""
    whole = change["expected"] if s.flow.kind == "share" else 1.0
    return not (change["visible_fall"] / whole >= TOO_LARGE[0] or change["visible_rise"] / whole <= TOO_LARGE[1])


def _share(scaled: float) -> float:
    """The share that is `scaled` on the scale of arcsines."""
    return float(np.sin(np.clip(scaled, 0, np.pi) / 2) ** 2)


def _facts(s: _Seen, compared: Sequence[Period]) -> dict[str, Any]:
    """What a headline was in the quarter, and in the same quarter of the year before."""
    before = s.compared.index(compared[YEAR]) if compared[YEAR] in s.compared else None
    return {
        "measure_id": s.flow.measure_id, "definition_id": s.flow.definition_id,
        "quarter_value": s.values[0], "quarter_n": int(s.n[0]), "earlier_quarters": len(s.n) - 1,
        "year_ago": np.nan if before is None else s.values[before],
    }  # fmt: skip
