"""From lead to win: leads followed to their deals, by the quarter they came in and by source."""

import numpy as np
import pandas as pd

from abmlib.method import deals as dl
from abmlib.method.measures import measure_row, measure_rows, share_rows
from abmlib.method.periods import quarters
from abmlib.method.results import CUSTOMERS, SALES
from abmlib.method.results import FIRST as FIRST_SALE
from abmlib.stats import intervals

ALL, FIRST, UNTOLD = "deals of any track", SALES, "deals of unknown track"


def followed(
    leads: pd.DataFrame, deals: pd.DataFrame, track: pd.Series, first_won: pd.Series, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Follow each lead to its contact, its deal and its win. No row is dropped.

    A lead is of the side of its deal's track. Of one that names a deal that is not in the data, or of which nobody knows how it
    ended, track and win are unknown: it is not lost. Without a deal it is business with a customer where its account bought, or had a
    deal won, before the lead came in (or was converted, where nobody knows when it came in). A lead that came in before the first
    win that is recorded has no age and no days to win: its early wins may not be recorded.

    Parameters
    ----------
    leads : DataFrame, ``tables.schema.LEADS``
    deals : DataFrame of `deals.with_days`
    track : Series of `results.tracks`, index as `deals`
    first_won : Series, day of the first purchase or won deal of each account id

    Returns
    -------
    DataFrame, index as `leads`: ``created_day, source, account_id, opportunity_id, side, converted, deal, won`` (deal and won are
    missing where no lead has a deal), ``age_days, days_to_convert, days_to_win`` (missing where impossible), ``recorded`` (came in
    since wins are)
    """
    key = leads["opportunity_id"]
    known = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")
    account = leads["account_id"].fillna(known["account_id"].reindex(key).set_axis(leads.index))
    won, told = known[dl.won_flag(known) & known["is_closed"].astype(bool)], [dl.decided(known), dl.open_deals(known)]
    has_deal, is_won = key.notna(), key.isin(won.index)
    unclear = has_deal & ~key.isin(pd.concat(told).index)
    is_known, nothing = bool(has_deal.any()), pd.Series(pd.NA, leads.index, dtype="boolean")
    came, own = leads["created_day"], won["closed_day"].reindex(key).set_axis(leads.index)
    ends = {
        "age_days": pd.Series(as_of, leads.index),
        "days_to_convert": leads["converted_day"],
        "days_to_win": own,
    }
    recorded = ~(came < won["closed_day"].min())
    took = {name: (end - came).dt.days.where(recorded | (name == "days_to_convert")) for name, end in ends.items()}
    is_customer = first_won.reindex(account).set_axis(leads.index) < came.fillna(leads["converted_day"])
    of = track.set_axis(deals["opportunity_id"]).astype("str")
    of = of[~of.index.duplicated()].reindex(key).set_axis(leads.index)
    sides = [of == FIRST_SALE, (of == "unknown") | unclear, of.notna() | is_customer]
    return pd.DataFrame(
        {
            "created_day": came,
            "source": leads["source"],
            "account_id": account,
            "opportunity_id": key,
            "side": np.select(sides, [FIRST, UNTOLD, CUSTOMERS], FIRST),
            "recorded": recorded,
            "converted": (leads["converted_day"].notna() | has_deal),
            "deal": has_deal.astype("boolean") if is_known else nothing,
            "won": is_won.astype("boolean").mask(unclear) if is_known else nothing,
        }
        | {name: days.where(days >= 0).astype(float) for name, days in took.items()}
    )


def became(leads: pd.DataFrame, side: str) -> pd.DataFrame:
    """Keep all leads, and of what they became one side: first sales, or business with customers.

    Both sides have all leads to be shares of, as nobody knows the account of most leads that came to nothing; but for those of
    which nobody knows whether they were won.

    Parameters
    ----------
    leads : DataFrame of `followed`
    side : `FIRST` or `CUSTOMERS`

    References
    ----------
    S0-6.
    """
    own = leads["side"] == side
    flags = {c: (leads[c] & own).mask(leads[c].isna()) for c in ("converted", "deal", "won")}
    return leads.assign(**flags, **{c: leads[c].where(own) for c in ("days_to_convert", "days_to_win")})


def by_side(leads: pd.DataFrame, days: float, told: pd.Timestamp) -> pd.DataFrame:
    """Count all leads, and then each side where there are two, as `steps`: of the leads that came in since tracks are told.

    Parameters
    ----------
    leads : DataFrame of `followed`
    days : of `horizon`
    told : of `results.told_from`
    """
    since = leads[leads["created_day"] >= told]
    sides = [side for side in (FIRST, CUSTOMERS, UNTOLD) if (since["side"] == side).any()]
    found = [(ALL, leads), *((side, became(since, side)) for side in sides if len(sides) > 1)]
    parts = [steps(some, pd.Series(side, some.index, name="side"), days) for side, some in found]
    return pd.concat(parts, ignore_index=True)


def horizon(leads: pd.DataFrame) -> float:
    """Days within which nine tenths of the wins so far came; missing without a win of known days."""
    return float(np.ceil(leads["days_to_win"].quantile(dl.SLOW_SHARE)))


def won_within(leads: pd.DataFrame, days: float) -> pd.Series:
    """Say which leads were won within some days; missing for leads that are younger, so that all have had the same time.

    Where no lead has a day, or none was won, it says which were won so far.

    Parameters
    ----------
    leads : DataFrame of `followed`
    days : of `horizon`

    References
    ----------
    Metric dictionary C-24: within a horizon, of mature cases alone.
    """
    if np.isnan(days):
        return leads["won"]
    return (leads["won"] & ~(leads["days_to_win"] > days)).mask(~(leads["age_days"] >= days))


def steps(leads: pd.DataFrame, group: pd.Series, days: float) -> pd.DataFrame:
    """Count leads, conversions, different deals and leads won so far in each group, with the share won and the days they took.

    Accounts are clusters in both intervals; a lead without an account stands for itself.

    Parameters
    ----------
    leads : DataFrame of `followed`, or of `became`
    group : Series of labels with a name, index as `leads`; leads without one do not count
    days : of `horizon`

    Returns
    -------
    DataFrame, one row per group, the largest first: its name, ``leads, converted, deals, won, days_to_convert, days_to_win``
    (medians of those that were), ``n_known, leads_won, leads_won_low, leads_won_high`` (so far, of so many leads), ``n_ripe,
    won_in_time, won_in_time_low, won_in_time_high`` (`won_within`, of so many; of none where nobody knows the days)

    References
    ----------
    Metric dictionary C-24, of leads in place of accounts.
    """
    of = leads.groupby(group)
    counts = of[["converted", "won"]].sum(min_count=1)
    deals = leads["opportunity_id"].where(leads["deal"].fillna(False).astype(bool)).groupby(group).nunique()
    counts.insert(1, "deals", deals.astype(float).where(of["deal"].count() > 0))
    parts = [of.size().rename("leads"), counts, of[["days_to_convert", "days_to_win"]].median()]
    in_time = leads["won"].where(leads["won"].isna()) if np.isnan(days) else won_within(leads, days)
    for name, n, flag in (("leads_won", "n_known", leads["won"]), ("won_in_time", "n_ripe", in_time)):
        rate = intervals.shares(flag, leads["account_id"], group)[["n", "share", "low", "high"]]
        parts.append(rate.set_axis([n, name, f"{name}_low", f"{name}_high"], axis=1))
    found = pd.concat(parts, axis=1).sort_values("leads", ascending=False, kind="stable")
    known = dict.fromkeys(["n_known", "n_ripe"], 0)
    return found.fillna(known).astype(dict.fromkeys(known, int)).rename_axis(group.name).reset_index()


def cohorts(leads: pd.DataFrame, days: float, year_starts: int = 1) -> pd.DataFrame:
    """Follow the leads that came in during each quarter, as `steps`, oldest first; leads without a day are in none.

    A quarter is ``too_early`` while some of its leads have not had the days of the horizon, and ``not_answerable``, without a
    share won, where all came in before wins are recorded.

    Parameters
    ----------
    leads : DataFrame of `became`
    days : of `horizon`
    year_starts : month in which the fiscal year starts, as in `periods.period_of`

    Returns
    -------
    DataFrame: ``lead_quarter``, columns of `steps`, ``status``
    """
    dated = leads[leads["created_day"].notna()]
    quarter = dated["created_day"].dt.to_period(quarters(year_starts)).astype("str").rename("lead_quarter")
    found = steps(dated, quarter, days).sort_values("lead_quarter", ignore_index=True)
    recorded = found["lead_quarter"].map((dated["recorded"] & dated["won"].notna()).groupby(quarter).sum())
    shares = ["leads_won", "leads_won_low", "leads_won_high"]
    found[shares] = found[shares].mask(recorded == 0)
    early = np.where(found["n_ripe"] == recorded, "ok", "too_early")
    return found.assign(status=np.where(recorded == 0, "not_answerable", early))


def by_source(leads: pd.DataFrame, days: float) -> pd.DataFrame:
    """Measure the share of leads `won_within` the horizon by source, raw and pooled, as `deals.by_group`.

    Leads of unknown source are left out. With one source, or without a lead won, there is no row.

    Parameters
    ----------
    leads : DataFrame of `became`
    days : of `horizon`
    """
    flag = won_within(leads, days)
    known = leads[flag.notna() & (leads["source"].fillna("unknown") != "unknown")].assign(is_won=flag)
    found = dl.by_group(known.iloc[: None if known["is_won"].any() else 0], known["source"], "lead source")
    return found if len(found) > 1 else found.iloc[:0]


def rows(found: pd.DataFrame, group_by: str) -> pd.DataFrame:
    """Make rows of `measures` from `steps` or `cohorts`: the shares of leads converted and won, the days to win.

    Rows of `ALL` are of group ``all``.

    References
    ----------
    Metric dictionary C-24, of leads in place of accounts.
    """
    status = found["status"] if "status" in found else pd.Series("ok", found.index)
    group = found[group_by.replace(" ", "_")]
    about = {"group_by": np.where(group == ALL, "all", group_by), "group": group.mask(group == ALL, "all")}
    whys = [found["won"].isna(), status == "not_answerable"]
    about |= {"why": np.select(whys, ["the deal each lead became", "wins recorded since these leads came in"], "")}
    converted = about | {"status": status.replace("not_answerable", "ok")}
    parts = [share_rows("C-24", "leads_converted", found["converted"], found["leads"], **converted)]
    for name, n in (("leads_won", "n_known"), ("won_in_time", "n_ripe")):
        ends = {end: found[f"{name}_{end}"] for end in ("low", "high")}
        states = status.mask(found[name].isna(), "not_answerable")
        no_age = (about["why"] == "") & found[name].isna() & (n == "n_ripe")
        why = {"why": np.where(no_age, "leads that say when they came in, old enough", about["why"])}
        name, values = name if n == "n_known" else "leads_won_in_time", found[name]
        parts.append(measure_rows("C-24", name, values, "share", n=found[n], status=states, **ends, **about | why))
    n = found["won"].fillna(0)
    return pd.concat(
        [*parts, measure_rows("C-24", "days_from_lead_to_win_median", found["days_to_win"], "days", n=n, **about)]
    )


def lacking(leads: pd.DataFrame) -> list[dict[str, object]]:
    """Make a row of `measures` where the data have no lead; none where they have."""
    return [] if len(leads) else [measure_row("C-24", "leads_converted", np.nan, "share", 0)]


def source_rows(sources: pd.DataFrame) -> pd.DataFrame:
    """Make rows of `measures` from `by_source`: the pooled share of leads won in time.

    References
    ----------
    Metric dictionary C-24, of leads in place of accounts, and its shrinkage rule.
    """
    about = sources[["group_by", "group", "n", "low", "high"]]
    return measure_rows("C-24", "leads_won_in_time_shrunken", sources["shrunk"], "share", **about)
