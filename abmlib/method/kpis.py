"""What a programme is steered by: sums over sums by account and day, and how they changed between two periods."""

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
    of_all: bool = False  # divided by all accounts asked for, also those without a row; else by what the rows say
    is_state: bool = False  # rows are as of the last day of a period; else of what happened in it
    item: str = ""  # question of a survey

    def counted(self, period: Period, accounts: pd.Index | None = None) -> pd.DataFrame:
        """Rows of a period, of some accounts or all."""
        inside = self.rows[self.rows["day"].between(period.start, period.end)]
        return inside if accounts is None else inside[inside["account_id"].isin(accounts)]

    def within(self, period: Period, accounts: pd.Index | None = None) -> pd.DataFrame:
        """Rows of a period that are summed: one per account where something counts once, or all accounts asked for do.

        Raises
        ------
        ValueError
            If it is divided by all accounts, and none are named.
        """
        inside = self.counted(period, accounts)
        if self.of_all and accounts is None:
            raise ValueError(f"{self.definition_id} is divided by all accounts of a group: name them.")
        if not self.once and not self.of_all:
            return inside
        sums = inside.groupby("account_id")[["top", "bottom"]].sum()
        if self.of_all:
            sums = sums.reindex(accounts, fill_value=0.0).rename_axis("account_id").assign(bottom=1.0)
        return sums.assign(**{column: sums[column].clip(upper=1) for column in self.once}).reset_index()

    def begins_late(self, period: Period) -> bool:
        """Say whether what happens is known only from later than the first month of a period on."""
        counts = (bool(self.once) or self.of_all) and not self.is_state
        return counts and bool(self.rows["day"].min() > period.start + 30 * DAY)


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
    return [Kpi("C-25", name, unit, part_rows(visits, top), once) for name, unit, top, once in parts]


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
        Kpi("C-39", "nps", "points", part_rows(asked, points)),
        Kpi("C-40", "csat_top_two", "share", part_rows(content, (height >= TOP).astype(float).where(height.notna()))),
    ]


def part_rows(table: pd.DataFrame, top: pd.Series, bottom: float | pd.Series = 1.0) -> pd.DataFrame:
    """Rows of a KPI: those whose part of the upper sum is known.

    Parameters
    ----------
    table : DataFrame with ``account_id, day``
    """
    rows = pd.DataFrame({"account_id": table["account_id"], "day": table["day"], "top": top, "bottom": bottom})
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
    sides = {kpi.definition_id: (kpi.within(now), kpi.within(before)) for kpi in there}
    early = {
        kpi.definition_id: min(map(len, sides[kpi.definition_id])) < FLOOR_OUTCOMES or kpi.begins_late(before)
        for kpi in there
    }
    z, rows = intervals.deviations(max(sum(not e for e in early.values()), 1)), []
    for name, both in sides.items():
        difference, error, _ = apart(*account_sums(*both))
        low, high = difference[0] - z * error[0], difference[0] + z * error[0]
        verdict = "up" if low > 0 else "down" if high < 0 else "within noise"
        known = (difference[0], low, high, verdict)
        rows.append((name, *((np.nan, np.nan, np.nan, "too early") if early[name] else known)))
    return pd.DataFrame(rows, columns=COLUMNS)


def account_sums(*sides: pd.DataFrame, accounts: pd.Index | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Sum both parts of a KPI by account, on each of some sides, such as two periods.

    Parameters
    ----------
    sides : rows of a KPI, DataFrames with ``account_id, top, bottom``
    accounts : whose sums are wanted, in this order; without, those of all that have a row on a side

    Returns
    -------
    top, bottom : of shape (sides, 1, accounts)
    """
    each = [side.groupby("account_id")[["top", "bottom"]].sum() for side in sides]
    if accounts is None:
        accounts = pd.Index(pd.unique(np.concatenate([side.index.to_numpy() for side in each])))
    both = np.stack([side.reindex(accounts, fill_value=0.0).to_numpy(float) for side in each])
    return both[:, None, :, 0], both[:, None, :, 1]


def apart(top: np.ndarray, bottom: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of sums over accounts on one side less those on another; an account on both sides counts against itself.

    Parameters
    ----------
    top, bottom : of shape (2 sides, KPIs, accounts); a ratio is the sum of the one over that of the other

    Returns
    -------
    difference, standard error, accounts that have a part of a sum on a side; of shape (KPIs,). Missing where a lower sum is not
    above 0

    References
    ----------
    Linearised difference of two ratios over clusters: Cochran (1977), Sampling Techniques, 3rd ed., section 6.4.
    """
    below = bottom.sum(axis=-1)
    below = np.where(below > 0, below, np.nan)
    value = top.sum(axis=-1) / below
    pull = (top - value[..., None] * bottom) / below[..., None]
    accounts = ((top != 0) | (bottom != 0)).any(axis=0).sum(axis=-1)
    squares = ((pull[0] - pull[1]) ** 2).sum(axis=-1)
    return value[0] - value[1], np.sqrt(squares * accounts / np.maximum(accounts - 1, 1)), accounts


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
