"""Where each account stands on its way to a deal: vendors' journeys, what it does on the site, and who qualifies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.engagement import DAY, Memory, breadth, engagement, recent
from abmlib.method.measures import estimate_row, measure_row, share_row
from abmlib.method.orders import account_positions, per_account
from abmlib.stats import intervals

SEED = 22  # of the bootstrap
IDLE_LIMIT = 30.0  # minutes of one visit that count at most


@dataclass(frozen=True)
class Stage:
    """A stage of a journey: an account is in it that has at least the number given of any of the facts; all, if none is."""

    name: str
    any_of: Mapping[str, float] = field(default_factory=dict)


DEMANDBASE = (  # default journey of Demandbase, first to last; 360053277611 (B60)
    Stage("All Other"),
    Stage("Qualified", {"qualification_score": 70}),
    Stage("Aware", {"high_intent_30_days": 1}),
    Stage("Engaged", {"engagement_minutes_3_months": 10}),
    Stage("MQA", {"pipeline_predict_score": 85, "marketing_minutes_3_months": 100}),
    Stage("Opportunity", {"open_opportunities": 1}),
    Stage("Customer", {"won_opportunities": 1}),
)
ROLLWORKS = (  # default journey of RollWorks, first to last; 4415495461261 (B62)
    Stage("Unaware", {"page_views_30_days": 0}),
    Stage("Aware", {"page_views_30_days": 1}),
    Stage("Engaged", {"page_views_30_days": 3}),
    Stage("Open opportunity", {"open_opportunities": 1}),
    Stage("Won", {"won_opportunities": 1}),
)


def journey(facts: pd.DataFrame, stages: Sequence[Stage]) -> pd.DataFrame:
    """Put each account into one stage: the last whose rule it meets, whatever it meets before.

    Every account has a row; one that meets no rule has a missing stage. A missing fact meets no rule.

    Parameters
    ----------
    facts : DataFrame of numbers, one row per account
    stages : from first to last

    Returns
    -------
    DataFrame, index as `facts`: ``stage``, ``stage_order`` (1 is the first)

    Raises
    ------
    ValueError
        If `facts` lacks a column that a stage asks for.

    References
    ----------
    Order of assignment: Demandbase 360054650731, RollWorks 4415495461261 (B61).
    """
    missing = sorted({f for s in stages for f in s.any_of} - set(facts.columns))
    if missing:
        raise ValueError(f"facts: missing column(s) {missing}. Give them, empty where nobody knows the number.")
    meets = [
        np.any([(facts[f] >= at).fillna(False).to_numpy(bool) for f, at in s.any_of.items()], axis=0)
        if s.any_of
        else np.ones(len(facts), bool)
        for s in stages
    ]
    order = np.select(meets[::-1], range(len(stages), 0, -1), 0)
    names = pd.Series([None, *(s.name for s in stages)], dtype="str")
    return pd.DataFrame(
        {"stage": names.take(order).to_numpy(), "stage_order": pd.array(order, "Int64")}, index=facts.index
    ).assign(stage_order=lambda t: t["stage_order"].where(t["stage_order"] > 0))


# -- the web site -----------------------------------------------------------------------------------------------------


def key_pages(panel: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Count each account's clicks on key pages, and the people behind them.

    Every account has a row. Clicks of nobody known are counted and belong to no person.

    Parameters
    ----------
    panel : web touches, DataFrame with ``account_id, contact_id, page_class, rows``

    Returns
    -------
    DataFrame, indexed by `accounts`: ``clicks``, ``people``, ``unnamed_clicks``

    References
    ----------
    Metric dictionary C-25; S3-22a.
    """
    found = breadth(panel[(panel["page_class"] == "key").fillna(False)], accounts)
    return pd.DataFrame({"clicks": found["touches"], "people": found["people"], "unnamed_clicks": found["unnamed"]})


def time_on_site(visits: pd.DataFrame, accounts: pd.Index, idle_limit_min: float = IDLE_LIMIT) -> pd.DataFrame:
    """Sum up the active time of each account's visits; what a visit lasts beyond the limit is idle and does not count.

    Every account has a row. Visits of machines and visits nobody timed are counted, and have no time.

    Parameters
    ----------
    visits : DataFrame, one row per visit: ``account_id, duration_min, is_bot`` (missing = not known to be a machine), from
        ``tables.schema.WEB_SESSIONS`` or web touches
    idle_limit_min : minutes

    Returns
    -------
    DataFrame, indexed by `accounts`: ``visits`` (of people), ``bots`` (visits), ``timed``, ``capped`` (visits), and of timed
    visits ``minutes_total`` (0 without one), ``minutes_median`` (missing without one)

    Raises
    ------
    ValueError
        If `idle_limit_min` is not above 0.

    References
    ----------
    Metric dictionary C-25; S3-22b. House definition; README, glossary entry "active time".
    """
    if not idle_limit_min > 0:
        raise ValueError(f"idle_limit_min must be above 0, got {idle_limit_min}.")
    place = account_positions(visits, accounts)
    bot = visits["is_bot"].fillna(False).to_numpy(bool)
    minutes = visits["duration_min"].to_numpy(float)
    human, timed = (place >= 0) & ~bot, (place >= 0) & ~bot & ~np.isnan(minutes)
    active = np.minimum(minutes, idle_limit_min)
    median = pd.Series(active[timed]).groupby(place[timed]).median().reindex(range(len(accounts)))

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(place[which], minlength=len(accounts))

    return pd.DataFrame(
        {
            "visits": count(human),
            "bots": count((place >= 0) & bot),
            "timed": count(timed),
            "capped": count(timed & (minutes > idle_limit_min)),
            "minutes_total": per_account(place[timed], active[timed], accounts),
            "minutes_median": median.to_numpy(),
        },
        index=accounts,
    )


def conversions(panel: pd.DataFrame, accounts: pd.Index) -> pd.DataFrame:
    """Give each account's share of web touches that are conversions.

    Every account has a row. Touches of which nobody knows whether they are one are counted apart.

    Parameters
    ----------
    panel : web touches, DataFrame with ``account_id, is_conversion, rows``

    Returns
    -------
    DataFrame, indexed by `accounts`: ``conversions, n, share`` (missing where n is 0), ``low, high`` (Wilson), ``unknown``

    References
    ----------
    Metric dictionary C-25; S3-22c.
    """
    place, rows = account_positions(panel, accounts), panel["rows"].to_numpy(float)
    ours, known = place >= 0, panel["is_conversion"].notna().to_numpy()
    done = panel["is_conversion"].fillna(False).to_numpy(bool)
    total, k, unknown = (
        pd.Series(per_account(place[ours & which], rows[ours & which], accounts), index=accounts).astype(int)
        for which in (known, done, ~known)
    )
    found = intervals.wilson(k, total)
    return found.assign(conversions=k, unknown=unknown)[["conversions", "n", "share", "low", "high", "unknown"]]


# -- who qualifies ----------------------------------------------------------------------------------------------------


def facts_on(
    panel: pd.DataFrame, traits: pd.DataFrame, as_of: pd.Timestamp, window_days: int, value: str = "rows"
) -> pd.DataFrame:
    """Give what the rule of `qualified` asks of each account on a day.

    Parameters
    ----------
    panel : DataFrame with ``account_id, contact_id, day, rows`` and `value`
    traits : DataFrame indexed by account id: ``fit, band``, and ``score`` if there is one, as known on the day
    window_days : days up to `as_of` that count

    Returns
    -------
    DataFrame, as `traits`, with ``depth`` (sum of `value`), ``breadth`` (people), ``score`` (missing if not given)
    """
    inside = recent(panel, as_of, window_days)
    depth = engagement(inside, traits.index, as_of, Memory("no decay"), value=value)
    people = breadth(inside, traits.index)["people"]
    return traits.assign(depth=depth, breadth=people, score=traits.get("score", np.nan))


def qualified(facts: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Say which accounts qualify: they fit, are touched deeply or score highly, and by enough people.

    Every account has a row. A missing fact, or a band without thresholds, meets nothing. To leave a part out, give it the
    threshold minus infinity; to close depth or score, infinity.

    Parameters
    ----------
    facts : DataFrame, one row per account: ``fit, depth, score, breadth, band``
    thresholds : DataFrame indexed by band: ``fit, depth, score, breadth``, least values

    Returns
    -------
    DataFrame of bool, index as `facts`: ``fits, deep, scores, broad, qualified``

    Raises
    ------
    ValueError
        If `thresholds` lacks a column, a value, or names a band twice.

    References
    ----------
    Metric dictionary C-23; design factors B63, thresholds by band B64. Demandbase's MQA: depth 100 minutes in 3 months or
    score 85, nothing else asked (B60).
    """
    parts = {"fit": "fits", "depth": "deep", "score": "scores", "breadth": "broad"}
    missing = sorted(set(parts) - set(thresholds.columns))
    if (
        missing
        or thresholds.index.has_duplicates
        or thresholds[[c for c in parts if c not in missing]].isna().any(axis=None)
    ):
        raise ValueError(
            f"thresholds: missing column(s) {missing}, an empty cell or a band twice. Give each band one row with "
            f"{list(parts)}."
        )
    least = thresholds.reindex(facts["band"])
    met = pd.DataFrame(
        {name: facts[c].to_numpy(float) >= least[c].to_numpy(float) for c, name in parts.items()}, index=facts.index
    )
    anything = np.isneginf(least[list(parts)].to_numpy(float))  # not asked: met by a missing fact too
    met = met | anything
    return met.assign(qualified=met["fits"] & (met["deep"] | met["scores"]) & met["broad"])


def first_qualified(
    panel: pd.DataFrame,
    traits: pd.DataFrame,
    days: Sequence[pd.Timestamp],
    window_days: int,
    thresholds: pd.DataFrame,
    value: str = "rows",
) -> pd.DataFrame:
    """Give the first of several days on which each account qualifies; accounts that never do have no row.

    Parameters
    ----------
    panel, traits, window_days, value : as `facts_on`; traits are taken as the same on all days
    thresholds : as `qualified`

    Returns
    -------
    DataFrame, in order of `traits`: ``account_id, day``
    """
    day = pd.Series(pd.NaT, index=traits.index, dtype="datetime64[us]")
    for one in sorted(days):
        met = qualified(facts_on(panel, traits, one, window_days, value), thresholds)["qualified"]
        day = day.mask(day.isna() & met, one)
    return day.dropna().rename("day").rename_axis("account_id").reset_index()


def qualification_rows(
    qualified: pd.DataFrame, openings: pd.DataFrame, as_of: pd.Timestamp, horizon_days: int
) -> list[dict[str, object]]:
    """Measure how often accounts that qualified opened an opportunity within the horizon, and how long it took.

    Accounts that qualified fewer than `horizon_days` before `as_of` are too early to judge: counted, and in no share.
    Openings on the day itself and before do not count.

    Parameters
    ----------
    qualified : DataFrame, one row per account: ``account_id, day``
    openings : DataFrame, one row per opportunity opened: ``account_id, day``

    Returns
    -------
    Rows of `measures`: precision, median lead time in days of those that opened, and the number too early

    References
    ----------
    Metric dictionary C-23, C-24.
    """
    mature = qualified[qualified["day"] + horizon_days * DAY <= as_of]
    later = mature.merge(openings, on="account_id", suffixes=("", "_opened"))
    days = (later["day_opened"] - later["day"]).dt.days
    lead = days[(days > 0) & (days <= horizon_days)].groupby(later["account_id"]).min().astype(float)
    early = len(qualified) - len(mature)
    return [
        share_row("C-23", f"mqa_opened_within_{horizon_days}_days", len(lead), len(mature)),
        estimate_row("C-23", "days_from_mqa_to_opening_median", intervals.estimate(lead, np.median, SEED), "days"),
        measure_row("C-23", "mqa_too_early_to_judge", float(early), "accounts", len(qualified)),
    ]


def engaged(engagement: pd.Series, thresholds: pd.Series, band: pd.Series) -> pd.Series:
    """Say which accounts are engaged: at or above the threshold of their size band; none in a band without one.

    Index as `engagement`.

    References
    ----------
    Metric dictionary C-22; Terminus 360044618934 (B68), thresholds by band B64.
    """
    least = band.reindex(engagement.index).map(thresholds)
    return (engagement >= least).rename("engaged")


def engaged_rate(engaged: pd.Series, band: pd.Series | None = None) -> list[dict[str, Any]]:
    """Measure the share of a list that is engaged, of all and by size band.

    Accounts without a band are in the band ``unknown``.

    References
    ----------
    Metric dictionary C-22.
    """
    rows = [share_row("C-22", "engaged_accounts_of_list", int(engaged.sum()), len(engaged))]
    if band is not None:
        of = engaged.groupby(band.reindex(engaged.index).astype("str").fillna("unknown")).agg(["sum", "size"])
        rows += [
            share_row("C-22", "engaged_accounts_of_list", int(k), int(n), group_by="size band", group=str(name))
            for name, k, n in of.itertuples()
        ]
    return rows
