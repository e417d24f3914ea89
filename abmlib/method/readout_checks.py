"""Whether an experiment was drawn and kept as it was registered, before anybody reads what came of it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from abmlib.method.detectable import DAY
from abmlib.method.framework import tiers_on
from abmlib.method.readout import BEFORE, FULL, Experiment, earlier, of_one_arm, reading
from abmlib.method.tiger_teams import TIERS
from abmlib.stats import randomised
from abmlib.stats.intervals import adjusted
from abmlib.tables import programme

YES, NO, UNKNOWN = "yes", "no", "cannot be checked"


def balance(experiment: Experiment, facts: Mapping[str, pd.DataFrame], employees: pd.Series) -> pd.DataFrame:
    """Compare the arms as they were before the draw: outcomes of the same months before, and size.

    Some differ by chance. The p-value is that of the draw itself, adjusted for all that is compared. Means are of accounts whose value is known; in the
    comparison the others have the median.

    Returns
    -------
    DataFrame to the spec of ``14_balance``

    References
    ----------
    Metric dictionary C-61. Standardised difference: Austin (2009), Statistics in Medicine 28, p. 3083.
    """
    drawn, rows = experiment.drawn, []
    names = list(dict.fromkeys([experiment.measure, "opportunities_opened", "revenue"]))
    known = {n: earlier(facts[n], drawn, experiment.months, FULL[n][0]) for n in names if n in FULL}
    size = employees.reindex(drawn.index).astype(float)
    known |= {"employees": size} if size.notna().any() else {}
    for what, values in known.items():
        if (read := reading(drawn, values.fillna(values.median()), pd.Series(0.0, drawn.index))) is None:
            continue
        one, two = values[drawn["treated"]], values[~drawn["treated"]]
        spread = float(np.sqrt((one.var() + two.var()) / 2))
        rows.append(
            (
                experiment.name,
                what,
                one.mean(),
                two.mean(),
                read.effect / spread if spread else np.nan,
                randomised.p_value(read),
            )
        )
    out = pd.DataFrame(rows, columns=["experiment_id", "what", "treated_mean", "held_mean", "smd", "p"])
    out["p"] = adjusted(out["p"])
    return out.assign(verdict=np.where(out["p"] <= randomised.ALPHA, "more than chance", "as chance would have it"))


def touched(
    found: Sequence[Experiment], members: pd.DataFrame, tiers: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """List the accounts held back that the programme touched all the same while they were to be left alone.

    Parameters
    ----------
    members, tiers : ``tables.schema`` ``campaign_accounts`` and ``account_tiers``

    Returns
    -------
    DataFrame, one row per account, the first touch: ``account_id, how, day``
    """
    named = programme.latest_entries("campaign_accounts", members)
    placed = programme.latest_entries("account_tiers", tiers)
    placed = placed[placed["tier"].isin(TIERS)]
    rows = [pd.DataFrame({"account_id": [], "how": [], "day": pd.DatetimeIndex([])})]
    for experiment in found:
        held = experiment.drawn[~experiment.drawn["treated"]]
        inside = tiers_on(tiers, experiment.entries["assigned_day"].min())
        inside = inside[inside.index.isin(held.index)]
        parts = [
            (named["account_id"], "named by a campaign", named["added_day"]),
            (placed["account_id"], "put into a tier", placed["valid_from"]),
            (inside.index, "in a tier when drawn", held["day"].reindex(inside.index)),
            (held.index, "reached by the treatment", held["exposed_day"]),
        ]
        every = pd.concat([pd.DataFrame({"account_id": a, "how": h, "day": d}) for a, h, d in parts])
        start = held["day"].reindex(every["account_id"]).set_axis(every.index)
        end = (start + pd.DateOffset(months=experiment.months) - DAY).clip(upper=as_of)
        rows.append(every[every["day"].between(start, end)])
    return pd.concat(rows).sort_values(["day", "account_id"]).drop_duplicates("account_id").reset_index(drop=True)


def checks(
    experiment: Experiment, broken: pd.DataFrame, balanced: pd.DataFrame, others: Sequence[Experiment]
) -> pd.DataFrame:
    """Check whether an experiment was drawn and kept as registered.

    Parameters
    ----------
    others : all experiments, this one among them or not
    broken, balanced : of `touched` and `balance`

    Returns
    -------
    DataFrame, one row per check: ``check, kept`` (yes, no, or cannot be checked), ``k`` (accounts that break it, or things that differ), ``n``

    References
    ----------
    Metric dictionary C-61.
    """
    rows, n, held = experiment.entries, len(experiment.drawn), experiment.counts[1]
    treated = experiment.drawn[experiment.drawn["treated"]]
    late = int((rows["entered_day"] > rows["assigned_day"]).sum())
    alone = int((experiment.drawn.groupby("lot")["treated"].transform("nunique") < 2).sum())
    together = int(of_one_arm(experiment.drawn).sum())
    other, plan, own = _drawn_otherwise(experiment), experiment.plan, experiment.drawn.index
    same_time = [e for e in others if e.name != experiment.name and _days(e).overlaps(_days(experiment))]
    twice = int(own.isin([account for e in same_time for account in e.drawn.index]).sum())
    early = int((experiment.drawn["exposed_day"] < experiment.drawn["day"]).sum())
    strata = experiment.drawn["stratum"].nunique()
    apart = 0 if plan.empty else abs(held - float(plan["held_share"]) * n)
    planned = () if plan.empty else tuple(int(m) for m in str(plan["looks"]).split(";"))
    kept = [
        ("plan frozen before the draw", experiment.registered == BEFORE, None),
        ("plan not altered after the draw", None if experiment.registered != BEFORE else not experiment.altered, None),
        ("looks as registered", None if plan.empty else planned == experiment.looks, None),
        ("share held back as registered", None if plan.empty else apart <= strata, None),
        ("draw entered on its day", late == 0, (late, len(rows))),
        ("no account changed arms", experiment.moved == 0, (experiment.moved, len(rows))),
        ("arms as the registered seed draws them", None if other is None else other == 0, (other, len(rows)) if other is not None else None),
        ("both arms in every stratum", alone == 0, (alone, n)),
        ("both arms on every day of the draw", together == 0, (together, n)),
        ("every account still in the book", n == len(rows), (len(rows) - n, len(rows))),
        ("accounts held back left alone", len(broken) == 0, (len(broken), held)),
        ("accounts in one experiment at a time", twice == 0, (twice, n)),
        ("nobody reached before the draw", early == 0, (early, n)),
        ("treated accounts reached", None if treated["exposed_day"].isna().all() else bool(treated["exposed_day"].notna().all()),
         (int(treated["exposed_day"].isna().sum()), len(treated))),
        ("arms alike before the draw", None if balanced.empty else bool((balanced["p"] > randomised.ALPHA).all()),
         (int((balanced["p"] <= randomised.ALPHA).sum()), len(balanced)) if len(balanced) else None),
    ]  # fmt: skip
    said = {True: YES, False: NO, None: UNKNOWN}
    out = [(check, said[verdict], *(counted or (np.nan, np.nan))) for check, verdict, counted in kept]
    return pd.DataFrame(out, columns=["check", "kept", "k", "n"])


def _days(experiment: Experiment) -> pd.Interval:
    """From the first draw to the last day of the months of the account drawn last."""
    day = experiment.entries["assigned_day"]
    return pd.Interval(day.min(), day.max() + pd.DateOffset(months=experiment.months), closed="left")


def _drawn_otherwise(experiment: Experiment) -> int | None:
    """Accounts whose arm is not the one that the registered seed draws; None where no seed was registered."""
    if experiment.plan.empty or pd.isna(experiment.plan["seed"]):
        return None
    seed, share = int(experiment.plan["seed"]), float(experiment.plan["held_share"])
    waves = experiment.entries.set_index("account_id").groupby("assigned_day")
    again = pd.concat(randomised.draw(w["stratum"].astype(str), share, seed) for _, w in waves)
    return int((again != experiment.entries.set_index("account_id")["arm"].eq("treated")[again.index]).sum())
