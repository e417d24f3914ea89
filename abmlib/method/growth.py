"""Is business faster and larger than before: velocity, days to close and contract value against a baseline, the mix held."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from abmlib.method import deals as dl
from abmlib.method.changes import whole_since
from abmlib.method.measures import measure_rows
from abmlib.method.past_pipeline import open_on
from abmlib.method.periods import DAY, Period, trailing
from abmlib.stats import intervals, survival
from abmlib.stats.intervals import DRAWS, FEWEST_DRAWN, FLOOR_OUTCOMES

FEWEST = 5  # deals won of a kind in either period; fewer join the next wider kind
BANDS = 3  # of accounts by the people they employ
MEASURES = 4  # velocity, days to close, mean size and contract value, judged together
KINDS = ("product_line", "size_band", "track")  # what the mix of deals is made of, the last given up first


def baseline(deals: pd.DataFrame, period: Period, months: int, started: pd.Timestamp) -> Period | None:
    """Give the period to compare with: before the programme began if data reach so far back, or else before the period.

    As many months, or what is known of them if that is half at least. None without either, or where `deals.dateless`.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`
    started : first day of the programme; missing without one
    """
    since = whole_since(deals)
    if dl.dateless(deals) or pd.isna(since):
        return None
    for first in (min(started, period.start) if pd.notna(started) else period.start, period.start):
        whole = trailing(first - DAY, months)
        known = Period(max(whole.start, since.normalize()), whole.end)
        if 2 * (known.end - known.start) >= whole.end - whole.start:
            return known
    return None


def size_bands(employees: pd.Series) -> pd.Series:
    """Give the third of each account by the people it employs; 0 where nobody knows."""
    return pd.Series(np.ceil(employees.rank(pct=True) * BANDS), employees.index).fillna(0).astype(int)


def changes(
    deals: pd.DataFrame, kinds: pd.DataFrame, now: Period, before: Period | None, history: pd.DataFrame
) -> pd.DataFrame:
    """Measure velocity, days to close and sizes of deals in two periods, and how far each changed.

    Every change is a ratio less one, with an interval over accounts, each with its deals of both periods. The intervals of the
    four measures hold together (Bonferroni; the distance of each end from the estimate, as a logarithm, is that much longer).
    Velocity has no change where most open deals are overdue at either end, by the closing day noted then: it would count them as
    business. Deals closed in a period count for win rate and size, deals at work in it for days to close.

    Parameters
    ----------
    deals : DataFrame of `deals.with_days`, open and closed
    kinds : DataFrame of `KINDS`, index as `deals`; a missing one is a kind of its own
    now : the period that ends on the day of the report
    before : of `baseline`; without one no row has a value
    history : DataFrame, ``tables.schema.OPPORTUNITY_STAGE_HISTORY``; of what it does not tell nothing is overdue at the end of
        `before`

    Returns
    -------
    DataFrame, one row per measure: ``definition_id, measure_id, unit,
    value_before, value_now, n_before, n_now, change, change_low, change_high, verdict``: up, down, within noise, too few (fewer
    than `FLOOR_OUTCOMES` in either period, or no interval), overdue (velocity); where the mix is held, ``value_now`` has the
    baseline's mix; without two kinds there is no mix

    References
    ----------
    Metric dictionary C-1, C-4, C-5; S3-25b, S3-25c; `intervals.product`, `survival.quantile_of_period`.
    """
    known = before or now
    ordered = deals.sort_values("opportunity_id").iloc[: None if before else 0]
    sides = [dl.closed_in(ordered, p) for p in (known, now)]
    rows = [_velocity(ordered, sides, (known, now)), *_days_to_close(ordered, (known, now), kinds)]
    won = pd.concat(sides, keys=(0, 1), names=["side"]).loc[lambda d: dl.won_flag(d)]
    side = won.index.get_level_values("side").to_numpy()
    won = won.reset_index("side", drop=True)
    for name, size in (("deal_size_mean", dl.sizes(won)), ("acv_mean", dl.acv(won))):
        rows += _sizes(name, size, won["account_id"], side, kinds.reindex(won.index))
    columns = ["definition_id", "measure_id", "unit", "value_before", "value_now", "n_before", "n_now"]
    found = pd.DataFrame(rows, columns=[*columns, "change", "change_low", "change_high"])
    wider = intervals.deviations(MEASURES) / intervals.Z
    with np.errstate(all="ignore"):
        middle = np.log1p(found["change"].astype(float))
        for end in ("change_low", "change_high"):
            found[end] = np.expm1(middle + (np.log1p(found[end].astype(float)) - middle) * wider)
    few = found[["n_before", "n_now"]].min(axis=1).lt(FLOOR_OUTCOMES) | found["change_low"].isna()
    few |= found["change_high"].isna()
    past = open_on(deals, history, pd.DatetimeIndex([known.end]))["close_date"]
    due = ((past, known.end), (dl.open_deals(ordered)["close_date"], now.end))
    is_rotten = before is not None and any((days < end).mean() > dl.MOSTLY for days, end in due)
    rotten = found["definition_id"].eq("velocity_change") & is_rotten
    found.loc[rotten, ["change", "change_low", "change_high"]] = np.nan
    conditions = [rotten, few, found["change_low"] > 0, found["change_high"] < 0]
    return found.assign(verdict=np.select(conditions, ["overdue", "too few", "up", "down"], "within noise"))


def _open_at(deals: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """Deals open at the end of a day."""
    return ~(deals["created_day"] > day) & (~deals["is_closed"].astype(bool) | (deals["closed_day"] > day))


def _velocity(deals: pd.DataFrame, sides: Sequence[pd.DataFrame], periods: Sequence[Period]) -> tuple[object, ...]:
    """Velocity of the deals open at the end of each period, with the win rate, size and days of those closed in it; C-1."""
    sums: dict[str, pd.Series] = {}
    for k, (closed, period) in enumerate(zip(sides, periods, strict=True)):
        won = dl.won_flag(closed)
        size, days = (column.where(won) for column in (dl.sizes(closed), closed["age_days"]))
        known = {
            "open": _open_at(deals, period.end),
            "size": size,
            "sized": size.notna(),
            "won": won,
            "days": days,
            "aged": days.notna(),
        }
        known["decided"] = pd.Series(True, closed.index)
        sums |= {f"{name}_{k}": column.reindex(deals.index).astype(float) for name, column in known.items()}
    powers = {"open": 1, "size": 1, "sized": -1, "won": 1, "decided": -1, "days": -1, "aged": 1}
    parts = pd.DataFrame(sums)
    totals = parts.sum()
    with np.errstate(all="ignore"):
        values = [float(np.prod([totals[f"{n}_{k}"] ** float(p) for n, p in powers.items()])) for k in (0, 1)]
    n = [int(totals[f"won_{k}"]) for k in (0, 1)]
    no_loss = any(totals[f"won_{k}"] == totals[f"decided_{k}"] for k in (0, 1))
    values = [np.nan, np.nan] if no_loss or not np.isfinite(values).all() else values
    ratio = {f"{name}_{k}": p * (2 * k - 1) for name, p in powers.items() for k in (0, 1)}
    found = intervals.product(parts, ratio, dl.SEED, deals["account_id"])[:3]
    change = [x - 1 if np.isfinite(values).all() else np.nan for x in found]
    return "velocity_change", "C-1", "currency per day", *values, *n, *change


def _days_to_close(deals: pd.DataFrame, periods: Sequence[Period], kinds: pd.DataFrame) -> list[tuple[object, ...]]:
    """Median days to close at the pace of each period, open deals and those opened before it included; C-5.

    Where the mix is held, a deal of the later period weighs as many deals as were opened of its kind in the earlier one, for each
    opened in the later.
    """
    aged = deals[deals["created_day"].notna() & (deals["age_days"].notna() | ~deals["is_closed"].astype(bool))]
    draws, parts = survival.draw_clusters(aged["account_id"], DRAWS, dl.SEED), []
    for period in periods:
        end = aged["closed_day"].where(aged["closed_day"] <= period.end, period.end)
        at_work = ((aged["created_day"] <= period.end) & (end >= period.start)).to_numpy()
        at = aged[at_work]
        seen = (period.start - at["created_day"]).dt.days - 1
        about = {"days": (end[at_work] - at["created_day"]).dt.days, "seen": seen, "cluster": draws.cluster[at_work]}
        parts.append(pd.DataFrame(about | {"over": at["closed_day"].between(period.start, period.end)}, at.index))
    both = pd.concat(parts)
    side, often = np.repeat([0, 1], [len(p) for p in parts]), draws.often
    cell, names = pd.factorize(mix(kinds.reindex(both.index), side))
    opened, new = np.zeros((len(names), 2, often.shape[1])), (cell >= 0) & (both["seen"].to_numpy() < 0)
    np.add.at(opened, (cell[new], side[new]), often[both["cluster"].to_numpy()[new]])
    with np.errstate(all="ignore"):
        weight = np.nan_to_num(opened[:, 0] / opened[:, 1], posinf=0.0)
    in_mix = np.isin(cell, np.flatnonzero(weight[:, 0]))
    sets = {name: both[(side == k) & some] for name, k, some in
            (("before", 0, True), ("now", 1, True), ("had", 0, in_mix), ("has", 1, in_mix))}  # fmt: skip
    found = {name: _median(rows, survival.Draws(rows["cluster"].to_numpy(), often)) for name, rows in sets.items()}
    alike = sets["has"].groupby(["cluster", cell[(side == 1) & in_mix]])  # drawn and weighed alike
    account, of = (alike.size().index.get_level_values(k) for k in (0, 1))
    held = _median(sets["has"], survival.Draws(alike.ngroup().to_numpy(), often[account] * weight[of]))
    n = {name: int(rows["over"].sum()) for name, rows in sets.items()}
    name, counts, clusters = "days_to_close_median_change", [n["had"], n["has"]], len(often)
    rows = [
        (name, "C-5", "days", *_ratio(found["before"], found["now"], [n["before"], n["now"]], clusters)),
        (f"{name}_mix_held", "C-5", "days", *_ratio(found["had"], held, counts, clusters)),
        (f"{name}_by_mix", "C-5", "days", *_ratio(held, found["has"], counts, clusters)),
    ]
    return rows[: None if in_mix.any() and len(names) > 1 else 1]


def _median(at: pd.DataFrame, draws: survival.Draws) -> np.ndarray:
    """Median days to close of deals at work in a period: the estimate, and its draws."""
    return survival.quantile_of_period(at["days"], at["over"], at["seen"], 0.5, draws)


def _ratio(before: np.ndarray, now: np.ndarray, n: list[int], clusters: int) -> tuple[object, ...]:
    """Both values, their counts, and the change with its interval; of draws of clusters, the first of which is the estimate.

    Quantiles of the draws, as much farther from the estimate as Student's t is wider than the normal distribution.
    """
    nothing, least = float("nan"), min(*n, clusters)
    values = [float(v[0]) if np.isfinite(v[0]) else nothing for v in (before, now)]
    with np.errstate(all="ignore"):
        logs = np.log(now) - np.log(before)
    if not np.isfinite(logs[0]) or least < FEWEST_DRAWN:
        return (*values, *n, nothing, nothing, nothing)
    wider = scipy.special.stdtrit(least - 1, intervals.ENDS[1]) / intervals.Z * (least / (least - 1)) ** 0.5
    ends = np.quantile(np.nan_to_num(logs[1:], nan=np.inf), intervals.ENDS, method="nearest")
    low, high = (float(np.expm1(logs[0] + (end - logs[0]) * wider)) if np.isfinite(end) else nothing for end in ends)
    return (*values, *n, float(np.expm1(logs[0])), low, high)


def mix(kinds: pd.DataFrame, side: np.ndarray) -> pd.Series:
    """Put deals of two periods in cells of their kind, wide enough that each has `FEWEST` deals of either period.

    Deals of a kind that is rarer join the others of the next wider kind: of one product line and size band, of one product
    line, of all.

    Parameters
    ----------
    kinds : DataFrame of `KINDS`, one row per deal
    side : 0 for the earlier period, 1 for the later, as long as `kinds`

    Returns
    -------
    Series of labels, index as `kinds`; missing for deals that nothing compares with
    """
    labels = kinds.astype("str").fillna("unknown").reset_index(drop=True)
    cell = pd.Series(np.nan, labels.index, dtype="str")
    for wide in range(len(KINDS), -1, -1):
        left = labels.index[cell.isna()]
        if left.empty:
            break
        label = labels.loc[left, list(KINDS[:wide])].agg(", ".join, axis=1) if wide else pd.Series("all others", left)
        counts = pd.crosstab(label, side[left]).reindex(columns=[0, 1], fill_value=0)
        cell[left] = label.where(label.map(counts.min(axis=1)) >= FEWEST)
    return cell.set_axis(kinds.index)


def _sizes(
    name: str, size: pd.Series, account: pd.Series, side: np.ndarray, kinds: pd.DataFrame
) -> list[tuple[object, ...]]:
    """Change of a mean as it is, with the baseline's mix of deals, and the part of it that is the mix; C-4."""
    known = size.notna().to_numpy()
    size, account, side, kinds = size[known], account[known], side[known], kinds[known]
    draws = survival.draw_clusters(account, DRAWS, dl.SEED)
    cell, names = pd.factorize(mix(kinds, side))  # -1 where nothing compares: the last cell below
    shape = (len(names) + 1, 2, len(draws.often))
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (cell, side, draws.cluster), size.to_numpy(float))
    np.add.at(counts, (cell, side, draws.cluster), 1.0)
    sums, counts = (x @ draws.often for x in (sums, counts))
    with np.errstate(all="ignore"):
        all_0, all_1 = sums.sum(axis=0) / counts.sum(axis=0)
        sums, counts = sums[:-1], counts[:-1]
        mean, weight = sums / counts, np.where((counts > 0).all(axis=1), counts[:, 0], 0.0)
        before, held = (np.nansum(mean[:, k] * weight, axis=0) / weight.sum(axis=0) for k in (0, 1))
        now = sums[:, 1].sum(axis=0) / counts[:, 1].sum(axis=0)
    n, compared = ([int(((side == k) & some).sum()) for k in (0, 1)] for some in (cell == cell, cell >= 0))
    clusters = len(draws.often)
    rows = [
        (f"{name}_change", "C-4", "currency", *_ratio(all_0, all_1, n, clusters)),
        (f"{name}_change_mix_held", "C-4", "currency", *_ratio(before, held, compared, clusters)),
        (f"{name}_change_by_mix", "C-4", "currency", *_ratio(held, now, compared, clusters)),
    ]
    return rows[: None if len(names) > 1 else 1]


def change_rows(changed: pd.DataFrame, now: Period) -> pd.DataFrame:
    """Make rows of `measures` from `changes`; the window is the later period.

    References
    ----------
    Metric dictionary C-1, C-4, C-5; S3-25b, S3-25c.
    """
    window = {"window_start": now.start, "window_end": now.end}
    ends = {"low": changed["change_low"], "high": changed["change_high"], "n": changed["n_now"]}
    few, unknown = changed["verdict"] == "too few", changed["change"].isna()
    status = {"status": np.select([unknown, few], ["not_answerable", "too_early"], "ok")}
    whys = [changed["verdict"] == "overdue", few]
    lacking = [
        "open deals of which most are not overdue",
        f"{FLOOR_OUTCOMES} such deals in the window and in a baseline before it",
    ]
    status["why"] = np.select(whys, lacking, "")
    rows = measure_rows("C-4", changed["definition_id"], changed["change"], "share", **ends, **window, **status)
    return rows.assign(measure_id=changed["measure_id"])
