"""What a programme is steered by: engagement on the web site and satisfaction, and how they changed in a year."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from abmlib.method import breakdowns
from abmlib.method.deals import counted, won_flag
from abmlib.method.measures import estimate_row
from abmlib.method.periods import DAY, Period
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.tables import schema

IDLE_MINUTES = 30.0  # a visit counts no longer: a page left open is not read
TOP = 0.75  # of the scale: 4 and 5 of five points
PROMOTER, DETRACTOR = 9, 6  # of 0 to 10
SEED = 21
FAMILIES = {
    "engagement": ("accounts_on_key_pages", "key_page_clicks", "minutes_on_site", "site_conversion"),
    "satisfaction": ("nps", "csat_top_two"),
    "pipeline": ("open_value", "deals_opened", "win_rate_by_count"),
    "scale": ("accounts_won", "velocity_open_deals", "days_to_won_median", "acv_mean"),
}
YEAR_BEFORE, QUARTERS, BASELINE = "the 12 months before", "the quarters before", "the baseline"
OF_BASELINE = {
    "velocity_change": "velocity_open_deals",
    "acv_mean_change_mix_held": "acv_mean",
}  # measure of the change, and of what
COLUMNS = ["definition_id", "change", "change_low", "change_high", "verdict"]


@dataclass(frozen=True)
class Kpi:
    """A sum over a sum: rows with a day and an account, each with its part of both."""

    measure_id: str
    definition_id: str
    unit: str
    rows: pd.DataFrame  # account_id, day, top, bottom
    once: tuple[str, ...] = ()  # sums in which an account counts once, however many rows it has

    def within(self, period: Period) -> pd.DataFrame:
        """Rows of a period; one per account where something counts once."""
        inside = self.rows[self.rows["day"].between(period.start, period.end)]
        if not self.once:
            return inside
        sums = inside.groupby("account_id", as_index=False)[["top", "bottom"]].sum()
        return sums.assign(**{column: sums[column].clip(upper=1) for column in self.once})


def engagement(activities: pd.DataFrame, sessions: pd.DataFrame) -> list[Kpi]:
    """What accounts do on the web site; bots and visits of nobody known are left out, idle time is capped.

    Touches on the web tell it; where there is none, web sessions do, which know of no conversion.

    Parameters
    ----------
    activities, sessions : ``tables.schema.ACTIVITIES`` and ``tables.schema.WEB_SESSIONS``, as read

    Returns
    -------
    Four `Kpi`, without rows where the source does not say: of the accounts on the site the share on key pages, clicks there,
    minutes, and the share that converted

    References
    ----------
    Metric dictionary C-25 (idle time capped, here at `IDLE_MINUTES`); S3-22a to c.
    """
    web = activities[activities["channel"] == "web"]
    if len(web):
        key = web["page_class"].eq("key").astype(float).where(web["page_class"].notna())
        visits = web.assign(day=web["occurred_day"], clicks=key, conversion=web["is_conversion"].astype("Float64"))
    else:
        visits = sessions.assign(day=sessions["started_day"], clicks=sessions["key_pages"], conversion=np.nan)
    visits = visits[visits["account_id"].notna() & ~visits["is_bot"].fillna(False).astype(bool)]
    clicks, minutes, converted = (
        visits[c].astype("Float64").astype(float) for c in ("clicks", "duration_min", "conversion")
    )
    parts = [
        ("accounts_on_key_pages", "share", (clicks > 0).astype(float).where(clicks.notna()), ("top", "bottom")),
        ("key_page_clicks", "clicks", clicks, ("bottom",)),
        ("minutes_on_site", "minutes", minutes.clip(upper=IDLE_MINUTES), ("bottom",)),
        ("site_conversion", "share", converted, ("top", "bottom")),
    ]
    return [Kpi("C-25", name, unit, _rows(visits, top), once) for name, unit, top, once in parts]


def satisfaction(surveys: pd.DataFrame) -> list[Kpi]:
    """Net promoter score and share of content answers.

    Parameters
    ----------
    surveys : ``tables.schema.SURVEYS``, as read

    References
    ----------
    Metric dictionary C-39 (promoters 9 and 10, detractors 0 to 6) and C-40 (the top two of five points; of other scales as high
    a part).
    """
    answers = surveys.assign(day=surveys["responded_day"])
    asked, content = (answers[answers["survey_type"] == kind] for kind in ("nps", "csat"))
    points = 100.0 * (asked["score"] >= PROMOTER) - 100.0 * (asked["score"] <= DETRACTOR)
    height = (content["score"] - content["scale_min"]) / (content["scale_max"] - content["scale_min"])
    return [
        Kpi("C-39", "nps", "points", _rows(asked, points)),
        Kpi("C-40", "csat_top_two", "share", _rows(content, (height >= TOP).astype(float).where(height.notna()))),
    ]


def _rows(table: pd.DataFrame, top: pd.Series) -> pd.DataFrame:
    """Rows of a KPI: those whose part is known."""
    rows = pd.DataFrame({"account_id": table["account_id"], "day": table["day"], "top": top, "bottom": 1.0})
    return rows[rows["top"].notna()]


def kpi_rows(kpis: Sequence[Kpi], period: Period) -> list[dict[str, object]]:
    """Rows of `measures`: each KPI in a period, with an interval over accounts; n counts accounts on the site, or answers."""
    rows = []
    for kpi in kpis:
        inside = kpi.within(period)
        account = inside["account_id"]
        if kpi.unit == "share":
            found = intervals.share(inside["top"], account)
        else:
            found = intervals.ratio(inside["top"], inside["bottom"], SEED, account)
        days = {"window_start": period.start, "window_end": period.end}
        rows.append(estimate_row(kpi.measure_id, kpi.definition_id, found, kpi.unit, **days))
    return rows


def rate_without_aside(deals: pd.DataFrame, period: Period) -> list[dict[str, object]]:
    """Make the row of `measures` of the win rate without the sellers of `breakdowns.aside`; none where nobody is set aside.

    References
    ----------
    Metric dictionary C-2.
    """
    closed, who = counted(deals, period), breakdowns.aside(deals, period)
    closed = closed[~closed["owner_id"].isin(who)]
    found = intervals.share(won_flag(closed), closed["account_id"])
    days = {"window_start": period.start, "window_end": period.end}
    return [estimate_row("C-2", "win_rate_without_undated", found, "share", **days)] if who else []


def changes(kpis: Sequence[Kpi], now: Period, before: Period) -> pd.DataFrame:
    """Change of each KPI between two periods; accounts are clusters, and one that is in both counts against itself.

    Parameters
    ----------
    now, before : of one length, so that both hold each season

    Returns
    -------
    DataFrame, one row per KPI with rows: ``definition_id``, ``change, change_low, change_high`` (in the unit of the KPI; the
    intervals of all rows hold together), ``verdict``: up, down, within noise, or too early (fewer than `FLOOR_OUTCOMES` rows in a
    period, or visits are not known from the first month of the earlier one on)

    References
    ----------
    Linearised difference of two ratios over clusters: Cochran (1977), Sampling Techniques, 3rd ed., section 6.4; Bonferroni.
    """
    there = [kpi for kpi in kpis if len(kpi.rows)]
    parts = {kpi.definition_id: (kpi.within(now), kpi.within(before)) for kpi in there}
    early = {
        kpi.definition_id: min(map(len, parts[kpi.definition_id])) < FLOOR_OUTCOMES
        or bool(kpi.once and kpi.rows["day"].min() > before.start + 30 * DAY)
        for kpi in there
    }
    z, rows = intervals.deviations(max(sum(not e for e in early.values()), 1)), []
    for name, (later, earlier) in parts.items():
        (value, pull), (was, pull_before) = _linearised(later), _linearised(earlier)
        each = pull.sub(pull_before, fill_value=0.0)
        half = z * np.sqrt((each**2).sum() * len(each) / max(len(each) - 1, 1))
        low, high = value - was - half, value - was + half
        verdict = "up" if low > 0 else "down" if high < 0 else "within noise"
        known = (value - was, low, high, verdict)
        rows.append((name, *((np.nan, np.nan, np.nan, "too early") if early[name] else known)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _linearised(rows: pd.DataFrame) -> tuple[float, pd.Series]:
    """Value of a KPI, and how far each account pulls it."""
    sums = rows.groupby("account_id")[["top", "bottom"]].sum()
    below = sums["bottom"].sum()
    value = float(sums["top"].sum() / below) if below else np.nan
    return value, (sums["top"] - value * sums["bottom"]) / (below or np.nan)


def by_family(measures: pd.DataFrame, changed: pd.DataFrame, headlines: pd.DataFrame) -> pd.DataFrame:
    """The four families of KPIs: value, interval, n and change of each; those that no notebook noted have no row.

    Below a KPI stand its tracks, where a notebook split it: first sales, and business with customers. Their change is not judged.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``; of several windows of a measure the longest counts,
    changed : DataFrame of `changes`
        and changes against a baseline, noted as measures (`OF_BASELINE`), are taken from here
    headlines : DataFrame to the spec of ``15_executive_summary``, whose change is of the quarter judged

    Returns
    -------
    DataFrame to the spec of ``15_kpis``

    References
    ----------
    S3-21, S0-6.
    """
    places = [(family, name) for family, names in FAMILIES.items() for name in names]
    key = ["definition_id", "track"]
    dated = measures.sort_values("window_start", kind="stable").assign(track=measures["group"])
    whole, tracked = (dated[dated["group_by"] == by].drop_duplicates(key) for by in ("all", "track"))
    table = pd.DataFrame(places, columns=["family", "definition_id"]).merge(pd.concat([whole, tracked]))
    judged = headlines[headlines["expected"].notna()]
    moved = whole[whole["definition_id"].isin(OF_BASELINE) & whole["value"].notna()]
    ends = {"value": "change", "low": "change_low", "high": "change_high"}
    moved = moved.assign(definition_id=moved["definition_id"].map(OF_BASELINE)).rename(columns=ends)
    verdict = np.select([moved["change_low"] > 0, moved["change_high"] < 0], ["up", "down"], "within noise")
    of = pd.concat(
        [
            changed.assign(compared_with=YEAR_BEFORE),
            moved.assign(verdict=verdict)[COLUMNS].assign(compared_with=BASELINE),
            judged[COLUMNS].assign(compared_with=QUARTERS),
        ]
    )
    both = table.merge(of.drop_duplicates("definition_id").assign(track="all"), on=key, how="left")
    both = both.assign(verdict=both["verdict"].fillna("not judged"))
    return schema.conform("15_kpis", both[list(schema.spec("15_kpis").columns)])
