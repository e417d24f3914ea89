"""What experiments drawn by lot show: what was registered, and each look at the result.

Every account counts where it was drawn, whatever happened to it since (intention to treat), over months that begin on the day of its own draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method.detectable import DAY, OUTCOMES, SLACK
from abmlib.method.measures import estimate_row, share_row
from abmlib.stats import power, randomised
from abmlib.stats.intervals import FLOOR_OUTCOMES
from abmlib.stats.randomised import EARLIEST
from abmlib.tables import programme

SEED = 14  # of the other draws
MONTHS = 12  # over which an experiment without a plan is read
MOST_MONTHS = 120  # of a horizon
WAVE = 8  # accounts drawn on one day, on average, from which on each day may be a lottery of its own
FULL = OUTCOMES | {"won_value": ("mean", "currency per account")}
PLANNED = [
    "measure_id",
    "horizon_months",
    "looks",
    "design",
    "held_share",
    "seed",
]  # what may not change after the draw
BEFORE, AFTER, DRAFT, NO_PLAN = "before the draw", "after the draw", "never frozen", "no plan"
NOTHING = "no effect that can be told from chance"


@dataclass(frozen=True)
class Experiment:
    """Accounts drawn by lot, and what they are judged by."""

    name: str
    measure: str
    months: int  # after its draw for which each account is judged
    looks: tuple[int, ...]  # months at which the result is looked at, the last the horizon
    registered: str  # `BEFORE`, `AFTER` or `NO_PLAN`
    plan: pd.Series  # the entry that holds; empty without one
    altered: bool  # was the plan entered differently after the draw
    entries: pd.DataFrame  # latest entry of each account drawn, also of those that are not in the book
    drawn: pd.DataFrame  # accounts of the book by id: ``day`` of the draw, ``treated``, ``stratum, lot, exposed_day``
    moved: int  # accounts that were entered in both arms

    @property
    def counts(self) -> tuple[int, int]:
        """Accounts treated, and held back."""
        treated = int(self.drawn["treated"].sum())
        return treated, len(self.drawn) - treated


# -- what was registered ----------------------------------------------------------------------------------------------


def experiments(entries: pd.DataFrame, plans: pd.DataFrame, accounts: pd.Index) -> list[Experiment]:
    """List the experiments known on the day, the newest draw first.

    The plan that holds is the last one frozen and entered before the first account was drawn; else the first one after. Without a
    plan the measure is the one entered with the draw, at one look after `MONTHS`. The horizon is always a look; none comes after
    it, nor before ``randomised.EARLIEST`` of it. A plan that cannot be kept, such as one of no months, is none. Accounts that are not in the book are counted and not read.

    Parameters
    ----------
    entries, plans : ``tables.schema`` ``experiments`` and ``experiment_plans``
    accounts : ids of the book
    """
    latest = programme.latest_entries("experiments", entries)
    found = []
    for name, rows in latest.groupby("experiment_id"):
        plan, registered, altered = _plan(plans[plans["experiment_id"] == name], rows["assigned_at"].min())
        months = MONTHS if plan.empty else int(plan["horizon_months"])
        given = () if plan.empty else tuple(int(m) for m in str(plan["looks"]).split(";"))
        looks = tuple(sorted({*(m for m in given if EARLIEST <= m / months < 1), months}))
        measure = str(rows["pre_registered_metric"].iloc[-1] if plan.empty else plan["measure_id"])
        arms = entries[entries["experiment_id"] == name].groupby("account_id")["arm"].nunique()
        inside = rows[rows["account_id"].isin(accounts)].set_index("account_id").sort_index()
        drawn = inside[["assigned_day", "stratum", "exposure_day"]].set_axis(["day", "stratum", "exposed_day"], axis=1)
        drawn = drawn.assign(treated=inside["arm"].eq("treated").astype(bool))
        drawn["lot"] = _lots(drawn)
        moved = int((arms > 1).sum())
        found.append(Experiment(str(name), measure, months, looks, registered, plan, altered, rows, drawn, moved))
    return sorted(found, key=lambda e: (e.entries["assigned_at"].min(), e.name), reverse=True)


def _plan(plans: pd.DataFrame, drawn_at: pd.Timestamp) -> tuple[pd.Series, str, bool]:
    """The plan that holds, when it was registered, and whether it was altered after the draw."""
    usable = plans["horizon_months"].between(1, MOST_MONTHS) & ~plans["seed"].lt(0).fillna(False).astype(bool)
    usable &= plans["held_share"].between(0, 1, inclusive="neither")
    plans = plans[usable.fillna(False).to_numpy(bool)].sort_values("entered_at", kind="stable")
    before = plans[(plans["entered_at"] <= drawn_at) & (plans["frozen_at"] <= drawn_at)]
    if before.empty:
        first = plans.head(1)
        return (
            (plans.iloc[0], DRAFT if first["frozen_at"].isna().all() else AFTER, False)
            if len(plans)
            else (pd.Series(dtype=object), NO_PLAN, False)
        )
    later = plans[plans["entered_at"] > drawn_at]
    altered = not later[PLANNED].astype(str).eq(before.iloc[-1][PLANNED].astype(str)).all(axis=None)
    return before.iloc[-1], BEFORE, altered


def _lots(drawn: pd.DataFrame) -> pd.Series:
    """Label within which lots were drawn: the stratum, and the day too where each day was a lottery of its own.

    It was not where few accounts were drawn on each, or `of_one_arm` finds some: then the days are read as one draw.
    """
    several = 1 < drawn["day"].nunique() <= len(drawn) / WAVE
    return _own_day(drawn) if several and not of_one_arm(drawn).any() else drawn["stratum"].astype(str)


def _own_day(drawn: pd.DataFrame) -> pd.Series:
    """Label of the stratum and the day of the draw."""
    return drawn["stratum"].astype(str) + drawn["day"].dt.strftime(" %Y-%m-%d")


def of_one_arm(drawn: pd.DataFrame) -> pd.Series:
    """Say of accounts, by id, whether the day they were drawn put all of several accounts of their stratum into one arm."""
    arms = drawn["treated"].groupby(_own_day(drawn))
    return (arms.transform("nunique") < 2) & (arms.transform("size") > 1)


def looks(experiment: Experiment, as_of: pd.Timestamp) -> pd.DataFrame:
    """List the looks: the months of every account must be over.

    Returns
    -------
    DataFrame, one row per look: ``months``, ``over_on`` (last day of the months of the account drawn last), ``level`` (of the p-value at this look),
    ``reached``
    """
    last = experiment.entries["assigned_day"].max()
    rows = pd.DataFrame({"months": list(experiment.looks)})
    rows["over_on"] = [last + pd.DateOffset(months=m) - DAY for m in rows["months"]]
    rows["level"] = randomised.look_levels([m / experiment.months for m in rows["months"]])
    return rows.assign(reached=rows["over_on"] <= as_of)


def running(found: Sequence[Experiment], as_of: pd.Timestamp) -> list[Experiment]:
    """Experiments whose last look is not reached."""
    return [e for e in found if not looks(e, as_of)["reached"].all()]


def held_back(found: Sequence[Experiment], as_of: pd.Timestamp) -> pd.DataFrame:
    """Accounts that are to be left alone, and until when.

    Parameters
    ----------
    found : of `running`

    Returns
    -------
    DataFrame, one row per account: ``account_id, experiment_id, until``
    """
    rows = [
        (account, e.name, looks(e, as_of)["over_on"].iloc[-1])
        for e in found
        for account in e.drawn.index[~e.drawn["treated"]]
    ]
    out = pd.DataFrame(rows, columns=["account_id", "experiment_id", "until"])
    return out.sort_values("until", kind="stable").drop_duplicates("account_id", keep="last").reset_index(drop=True)


def not_reached(found: Sequence[Experiment]) -> pd.DataFrame:
    """Accounts drawn for treatment that nothing has reached, of experiments that know whom they reached: ``account_id, experiment_id``.

    Parameters
    ----------
    found : of `running`
    """
    rows = [
        (account, e.name)
        for e in found
        if e.drawn["exposed_day"].notna().any()
        for account in e.drawn.index[e.drawn["treated"] & e.drawn["exposed_day"].isna()]
    ]
    return pd.DataFrame(rows, columns=["account_id", "experiment_id"]).drop_duplicates("account_id")


def to_judge(found: Sequence[Experiment], as_of: pd.Timestamp) -> tuple[Experiment, pd.Series]:
    """The newest experiment with a look that is reached, and the last such look; else the newest, and its first look.

    Without any it is one without accounts.

    Returns
    -------
    experiment, and a row of `looks`
    """
    for experiment in found:
        if len(reached := looks(experiment, as_of).query("reached")):
            return experiment, reached.iloc[-1]
    none = pd.DataFrame(columns=["assigned_day", "entered_day", "account_id", "arm"]).astype(
        {"assigned_day": "datetime64[us]"}
    )
    drawn = pd.DataFrame(columns=["day", "stratum", "exposed_day", "treated", "lot"]).astype(
        {"treated": bool, "day": "datetime64[us]"}
    )
    empty = Experiment(
        "", "opportunities_opened", MONTHS, (MONTHS,), NO_PLAN, pd.Series(dtype=object), False, none, drawn, 0
    )
    newest = found[0] if found else empty
    return newest, looks(newest, as_of).iloc[0]


# -- what came of it --------------------------------------------------------------------------------------------------


def within(fact: pd.DataFrame, drawn: pd.DataFrame, months: int, kind: str = "mean") -> pd.Series:
    """Sum an outcome by account over its own months from the day of its draw on; an account without any has 0.

    Parameters
    ----------
    fact : ``account_id, day, amount``
    drawn : of `Experiment`
    kind : of ``detectable.OUTCOMES``; a share is 1 where there was any, else 0
    """
    return _between(fact, drawn["day"], drawn["day"] + pd.DateOffset(months=months) - DAY, kind)


def earlier(fact: pd.DataFrame, drawn: pd.DataFrame, months: int, kind: str = "mean") -> pd.Series:
    """Sum an outcome by account over as many months before the day of its draw; 0 for all where records do not reach back so far."""
    start = drawn["day"] - pd.DateOffset(months=months)
    if fact.empty or not fact["day"].min() <= start.min() + SLACK:
        return pd.Series(0.0, drawn.index)
    return _between(fact, start, drawn["day"] - DAY, kind)


def _between(fact: pd.DataFrame, start: pd.Series, end: pd.Series, kind: str) -> pd.Series:
    """Sum an outcome of accounts, each between two days of its own."""
    rows = fact[fact["account_id"].isin(start.index)]
    first, last = (ends.reindex(rows["account_id"]).to_numpy() for ends in (start, end))
    inside = (rows["day"] >= first) & (rows["day"] <= last)
    sums = rows[inside].groupby("account_id")["amount"].sum().reindex(start.index, fill_value=0.0).astype(float)
    return (sums > 0).astype(float) if kind == "share" else sums


def reading(
    drawn: pd.DataFrame, outcome: pd.Series, past: pd.Series, dose: pd.Series | None = None
) -> randomised.Reading | None:
    """Read one outcome of the accounts drawn; None where there is nothing to be read.

    That is so with fewer than `FLOOR_OUTCOMES` accounts, where no lot has both arms, or all outcomes are alike.
    """
    if not _can_be_read(drawn, outcome):
        return None
    values = (outcome.to_numpy(float), drawn["treated"].to_numpy(), drawn["lot"].to_numpy(str), past.to_numpy(float))
    return randomised.read(*values, SEED, None if dose is None else dose.to_numpy(float))


def _can_be_read(drawn: pd.DataFrame, outcome: pd.Series) -> bool:
    """Are there enough accounts, both arms in some lot, and outcomes that differ."""
    both = drawn.groupby("lot")["treated"].nunique().eq(2).any()
    return len(drawn) >= FLOOR_OUTCOMES and bool(both) and bool(np.ptp(outcome) > 0)


def units(experiment: Experiment, facts: Mapping[str, pd.DataFrame], look: pd.Series) -> pd.DataFrame:
    """Lay out what a reading rests on: outcome and past of the registered measure, and whether each account was treated.

    Parameters
    ----------
    facts : of ``detectable.outcome_facts``
    look : a row of `looks`

    Returns
    -------
    DataFrame by account: ``lot, treated`` (1 or 0), ``past, outcome``; without a row where nothing can be read
    """
    drawn, fact = experiment.drawn, facts.get(experiment.measure)
    rows = pd.DataFrame({"lot": drawn["lot"], "treated": drawn["treated"].astype(float), "past": 0.0, "outcome": 0.0})
    if fact is not None and len(fact) and look["reached"]:
        kind = FULL[experiment.measure][0]
        past = earlier(fact, drawn, experiment.months, kind)
        rows = rows.assign(past=past, outcome=within(fact, drawn, int(look["months"]), kind))
    return rows if _can_be_read(drawn, rows["outcome"]) else rows.head(0)


def readout(found: Sequence[Experiment], facts: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Read each experiment: its registered measure at every look, the other measures at the last look that is reached.

    The registered measure alone decides. The p-values and intervals of the others hold for all of them together (Bonferroni). Each account's own past, as many months as the
    horizon before its draw, is taken off where it is known.

    Parameters
    ----------
    facts : of ``detectable.outcome_facts``

    Returns
    -------
    DataFrame to the spec of ``14_readout``

    References
    ----------
    Metric dictionary C-53, C-61; S1-22f.
    """
    columns = ["experiment_id", "definition_id", "registered", "months", "over_on", "treated", "held", "treated_mean", "held_mean",
               "effect", "low", "high", "relative", "smallest_rise", "p", "level", "verdict"]  # fmt: skip
    parts = [pd.DataFrame(columns=[*columns, "p_adjusted"])]
    for experiment in found:
        at = looks(experiment, as_of)
        rows = [_look(experiment, experiment.measure, facts, look) for look in at.itertuples(index=False)]
        others = [o for o in FULL if o != experiment.measure and len(facts[o])]
        last = at[at["reached"]].tail(1)
        rows += [
            _look(experiment, o, facts, look, len(others)) for look in last.itertuples(index=False) for o in others
        ]
        part = pd.DataFrame(rows, columns=columns)
        together = (part["p"].astype(float) * len(others)).clip(upper=1.0)
        parts.append(part.assign(p_adjusted=together.where(~part["registered"].astype(bool))))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _look(
    experiment: Experiment, outcome: str, facts: Mapping[str, pd.DataFrame], look: tuple[Any, ...], tests: int = 1
) -> tuple[object, ...]:
    """One row of `readout`: an outcome at a row of `looks`, as one of several tests that hold together."""
    months, over, level, reached = look
    drawn, nothing, fact = experiment.drawn, (np.nan,) * 8, facts.get(outcome)
    head = (experiment.name, outcome, outcome == experiment.measure, months, over, *experiment.counts)
    if fact is None or fact.empty or not reached:
        return (*head, *nothing, level, "not reached" if fact is not None and len(fact) else "not answerable")
    kind = FULL[outcome][0]
    values = within(fact, drawn, months, kind)
    treated, held = (float(values[drawn["treated"] == arm].mean()) for arm in (True, False))
    past = earlier(fact, drawn, experiment.months, kind)
    if (read := reading(drawn, values, past)) is None:
        return (*head, treated, held, *nothing[2:], level, "too early" if np.ptp(values) > 0 else "all alike")
    p, (low, high) = randomised.p_value(read), randomised.interval(read, level / tests)
    verdict = NOTHING if not p * tests <= level else "more" if read.effect > 0 else "less"
    relative = read.effect / held if held > 0 else np.nan
    smallest = smallest_rise(drawn, values, past, kind, level) if head[2] else np.nan
    return (*head, treated, held, read.effect, low, high, relative, smallest, p, level, verdict)


def smallest_rise(drawn: pd.DataFrame, outcome: pd.Series, past: pd.Series, kind: str, level: float) -> float:
    """Smallest rise that these lots find with a chance of `power.POWER`, planted in what the accounts did; share of their mean.

    Missing where not even the largest of ``power.RISES`` is found. The same is promised before a draw, from the accounts' past: `holdout.promises`.

    References
    ----------
    Metric dictionary C-55; `power.chances_of_design`.
    """
    held = 1 - float(drawn["treated"].mean())
    chances = power.chances_of_design(outcome, past, drawn["lot"], held, kind, power.RISES, SEED, level)
    return power.smallest_of(power.RISES, chances)


def on_reached(experiment: Experiment, rows: pd.DataFrame, look: pd.Series) -> pd.Series | None:
    """Effect on the accounts that the treatment reached.

    None where nobody knows whom it reached, or it reached all treated and nobody else. Taken for granted: being drawn does nothing to an account that is
    not reached.

    Parameters
    ----------
    rows : of `units`
    look : a row of `looks`

    Returns
    -------
    Series ``share_treated, share_held`` (of each arm, reached within its months), ``effect, low, high`` (per account reached; an end is infinite where
    too few were reached because of the draw), ``treated, held`` (accounts)

    References
    ----------
    Metric dictionary C-53. Imbens and Rosenbaum (2005), JRSS A 168, p. 109.
    """
    drawn = experiment.drawn.loc[rows.index]
    dose = (drawn["exposed_day"] <= drawn["day"] + pd.DateOffset(months=int(look["months"])) - DAY).astype(float)
    shares = [float(dose[drawn["treated"] == arm].mean()) for arm in (True, False)]
    read = None if rows.empty else reading(drawn, rows["outcome"], rows["past"], dose)
    if read is None or shares == [1.0, 0.0] or not any(shares):
        return None
    ends = randomised.interval(read, float(look["level"]))
    names = ["share_treated", "share_held", "effect", "low", "high", "treated", "held"]
    return pd.Series([*shares, read.effect, *ends, *experiment.counts], names)


def other_draws(experiment: Experiment, rows: pd.DataFrame) -> np.ndarray:
    """Differences that other draws of the same lots would have shown were the treatment without effect; the draw made comes first.

    Parameters
    ----------
    rows : of `units`
    """
    read = None if rows.empty else reading(experiment.drawn.loc[rows.index], rows["outcome"], rows["past"])
    return np.empty(0) if read is None else read.outcome / read.dose[0]


def readout_rows(read: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: the effect of each reading, by experiment and look.

    An interval is as wide as all looks together ask for, so it holds at the level of the house over all of them.

    References
    ----------
    Metric dictionary C-53.
    """
    rows = []
    for r in read[read["definition_id"].isin(list(FULL))].itertuples():
        group = {"group_by": "experiment and look", "group": f"{r.experiment_id}: {r.months} months"}
        ends, unit = (r.effect, r.low, r.high, r.treated + r.held), FULL[r.definition_id][1]
        row = estimate_row("C-53", f"effect_on_{r.definition_id}", ends, unit, window_end=r.over_on, **group)
        rows.append(row | ({"status": "too_early"} if r.verdict in {"not reached", "too early", "all alike"} else {}))
    return pd.DataFrame(rows)


def reached_rows(found: pd.Series | None, name: str, look: pd.Series, unit: str) -> pd.DataFrame:
    """Rows of `measures`: whom the treatment reached, and the effect on them; none where that is what the draw says already.

    Parameters
    ----------
    found : of `on_reached`
    look : a row of `looks`

    References
    ----------
    Metric dictionary C-53.
    """
    if found is None:
        return pd.DataFrame()
    about = {
        "group_by": "experiment and look",
        "group": f"{name}: {look['months']} months",
        "window_end": look["over_on"],
    }
    n = int(found["treated"] + found["held"])
    ends = [x if np.isfinite(x) else np.nan for x in found[["low", "high"]]]
    rows = [
        share_row("C-53", f"{arm}_reached", round(found[f"share_{side}"] * found[side]), int(found[side]), **about)
        for arm, side in (("treated", "treated"), ("held_back", "held"))
    ]
    return pd.DataFrame(
        [*rows, estimate_row("C-53", "effect_on_those_reached", (found["effect"], *ends, n), unit, **about)]
    )
