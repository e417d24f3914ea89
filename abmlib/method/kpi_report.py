"""The KPI report: what each group of accounts brought in a period, and the same accounts in the period before."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy

from abmlib.method import coverage, deals, results
from abmlib.method.framework import tiers_on
from abmlib.method.kpis import SEED, Kpi, account_sums, apart, part_rows
from abmlib.method.measures import measure_rows
from abmlib.method.periods import Period
from abmlib.stats import intervals
from abmlib.stats.intervals import FEWEST_DRAWN, FLOOR_OUTCOMES, LEVEL
from abmlib.tables import schema

CUSTOMERS, PROSPECTS = "customers", "prospects"
SENIOR = ("c_level", "vp")
ALL = "all accounts"
LESS_IS_BETTER = ("no_show_rate", "days_to_won_mean")

# -- KPIs of each family ----------------------------------------------------------------------------------------------


def sales_value(opportunities: pd.DataFrame) -> list[Kpi]:
    """Amount of deals won, per account.

    Parameters
    ----------
    opportunities : DataFrame of `deals.with_days`

    References
    ----------
    S1-23a; metric dictionary C-4.
    """
    won = _won(opportunities)
    return [Kpi("C-4", "won_value_per_account", "currency", part_rows(won, won["amount"].astype(float)), of_all=True)]


def pipeline(opportunities: pd.DataFrame, known: Mapping[Period, pd.DataFrame]) -> list[Kpi]:
    """Deals opened per account and win rate in a period; the open amount per account on its last day, as known then.

    Parameters
    ----------
    opportunities : DataFrame of `deals.with_days`
    known : deals as known on the last day of each period, ``tables.schema.OPPORTUNITIES``

    Returns
    -------
    Four `Kpi`; those of amounts without rows where most open or lost deals carry none, the win rate where no deal was lost

    References
    ----------
    S1-23b; metric dictionary C-2, C-8, C-55.
    """
    opened = opportunities.assign(day=opportunities["created_day"])
    decided = deals.decided(opportunities)
    decided = decided.assign(day=decided["closed_day"], won=deals.won_flag(decided).astype(float))
    decided = decided.iloc[: 0 if decided["won"].all() else None]
    live = pd.concat(
        [deals.open_deals(rows).assign(day=period.end) for period, rows in known.items()], ignore_index=True
    )
    live = live.iloc[: None if deals.carry_amounts(opportunities) else 0]
    amount, chance = (live[column].astype(float) for column in ("amount", "probability"))
    weighted = part_rows(live, amount * chance)
    return [
        Kpi("C-8", "open_value_per_account", "currency", part_rows(live, amount), of_all=True, is_state=True),
        Kpi("C-8", "weighted_value_per_account", "currency", weighted, of_all=True, is_state=True),
        Kpi("C-55", "opportunities_opened", "deals", part_rows(opened, _ones(opened)), of_all=True),
        Kpi("C-2", "win_rate_by_count", "share", part_rows(decided, decided["won"])),
    ]


def scale(opportunities: pd.DataFrame) -> list[Kpi]:
    """Accounts won, days to win and annual contract value of a deal won.

    Parameters
    ----------
    opportunities : DataFrame of `deals.with_days`

    References
    ----------
    S3-25; metric dictionary C-4, C-5, C-10.
    """
    won = _won(opportunities)
    return [
        Kpi("C-10", "accounts_with_a_win", "share", part_rows(won, _ones(won)), once=("top",), of_all=True),
        Kpi("C-5", "days_to_won_mean", "days", part_rows(won, won["age_days"].astype(float))),
        Kpi("C-4", "acv_mean", "currency", part_rows(won, deals.acv(won).astype(float))),
    ]


def contact_coverage(
    known: Mapping[Period, pd.DataFrame], accounts: pd.DataFrame, required: Sequence[str], activities: pd.DataFrame
) -> list[Kpi]:
    """Roles reached and deciders reached on the last day of each period, as known then; people engaged in a period.

    Parameters
    ----------
    known : contacts as known on the last day of each period, ``tables.schema.CONTACTS``
    accounts : DataFrame indexed by account id, with ``created_day``
    required : roles a play needs
    activities : ``tables.schema.ACTIVITIES``; engaged is who took part in a touch, the account's own or mutual

    Returns
    -------
    Three `Kpi`; a day on which no role was known has no rows

    References
    ----------
    S1-23c; metric dictionary C-16, C-18.
    """
    roles, deciders, engaged = [], [], []
    people = buyer_touches(activities).dropna(subset="contact_id").assign(day=lambda rows: rows["occurred_day"])
    for period, contacts in known.items():
        states = coverage.contact_states(contacts, period.end)
        there = accounts.index[accounts["created_day"] <= period.end].rename("account_id")
        filled = coverage.role_coverage(states, there, dict.fromkeys(required, 1))["role_coverage"]
        decide = coverage.deciders(states, there)["reachable"]
        both = pd.DataFrame(
            {"filled": filled, "decides": (decide > 0).astype("Float64"), "day": period.end}
        ).reset_index()
        both = both[decide.notna().to_numpy()]  # else no role is known
        roles.append(part_rows(both, both["filled"]))
        deciders.append(part_rows(both, both["decides"].astype(float)))
        inside = people[people["day"].between(period.start, period.end)]
        engaged.append(inside.drop_duplicates(["account_id", "contact_id"]))
    persons = pd.concat(engaged, ignore_index=True)
    return [
        Kpi("C-18", "roles_reached", "share", pd.concat(roles, ignore_index=True), is_state=True),
        Kpi("C-18", "accounts_reaching_a_decider", "share", pd.concat(deciders, ignore_index=True), is_state=True),
        Kpi("C-16", "people_engaged_per_account", "people", part_rows(persons, _ones(persons)), of_all=True),
    ]


def perception(surveys: pd.DataFrame, now: Period, before: Period) -> list[Kpi]:
    """How accounts see us, by question: of all who answered, and of those people who answered in both periods.

    The latest answer of a person in each period counts; scales are stretched to 0 to 100. In the second the change is the mean
    change of a person.

    Parameters
    ----------
    surveys : ``tables.schema.SURVEYS``; those of the kind perception count

    Returns
    -------
    Two `Kpi` per question

    References
    ----------
    S1-23d; metric dictionary C-41.
    """
    asked = surveys[surveys["survey_type"] == "perception"].assign(day=surveys["responded_day"])
    asked = asked.assign(person=asked["contact_id"].fillna(asked["response_id"]))
    height = 100 * (asked["score"] - asked["scale_min"]) / (asked["scale_max"] - asked["scale_min"])
    periods, found = {"now": now, "before": before}, []
    side = pd.concat([asked["day"].between(p.start, p.end).rename(name) for name, p in periods.items()], axis=1)
    asked = asked.assign(height=height, side=side.idxmax(axis=1))[side.any(axis=1)].sort_values("responded_at")
    last = asked.drop_duplicates(["item", "person", "side"], keep="last")
    both = last.groupby(["item", "person"])["side"].transform("nunique") == 2
    for item in sorted(last["item"].unique()):
        for name, kept in (("perception_of_same_people", last[both]), ("perception_of_all", last)):
            rows = kept[kept["item"] == item]
            found.append(Kpi("C-41", name, "points", part_rows(rows, rows["height"]), item=item))
    return found


def appointments(activities: pd.DataFrame, contacts: pd.DataFrame) -> list[Kpi]:
    """Meetings noted, held and missed; held with somebody for the first time, and with an executive.

    Parameters
    ----------
    activities : ``tables.schema.ACTIVITIES``; what lies ahead is not known on the day, and does not count
    contacts : ``tables.schema.CONTACTS``; an executive is of `SENIOR` or decides, as known today

    Returns
    -------
    Five `Kpi`; a first meeting is the first held in all touches known

    References
    ----------
    S1-23e; metric dictionary C-26.
    """
    met = activities[(activities["channel"] == "meeting") & ~activities["is_bot"].fillna(False).astype(bool)]
    met = met.assign(day=met["occurred_day"]).sort_values("occurred_at", kind="stable")
    held, due = met[met["outcome"] == "held"], met[met["outcome"].isin(["held", "no_show"])]
    first = held.dropna(subset="contact_id").drop_duplicates("contact_id")
    high = contacts["seniority"].isin(SENIOR) | contacts["buying_role"].isin(schema.DECIDE)
    executive = held[held["contact_id"].isin(contacts.loc[high, "contact_id"])]
    counts = {
        "meetings_noted_per_account": met,
        "meetings_held_per_account": held,
        "first_meetings_per_account": first,
        "executive_meetings_per_account": executive,
    }
    found = [Kpi("C-26", name, "meetings", part_rows(t, _ones(t)), of_all=True) for name, t in counts.items()]
    return [*found, Kpi("C-26", "no_show_rate", "share", part_rows(due, (due["outcome"] == "no_show").astype(float)))]


def buyer_touches(activities: pd.DataFrame) -> pd.DataFrame:
    """Keep touches that an account took part in: its own and mutual ones that took place, machines left out."""
    missed = activities["outcome"].isin(["booked", "no_show"])
    machine = activities["is_bot"].fillna(False).astype(bool)
    return activities[activities["direction"].isin(["inbound", "mutual"]) & ~missed & ~machine]


def _won(opportunities: pd.DataFrame) -> pd.DataFrame:
    """Deals won, with the day they were."""
    closed = deals.decided(opportunities)
    return closed[deals.won_flag(closed)].assign(day=closed["closed_day"])


def _ones(rows: pd.DataFrame) -> pd.Series:
    """Count each row once."""
    return pd.Series(1.0, rows.index)


# -- groups and cells -------------------------------------------------------------------------------------------------


def groups(
    accounts: pd.DataFrame, tiers: pd.DataFrame, main: pd.DataFrame, now: Period, before: Period
) -> pd.DataFrame:
    """Groups of accounts, the same in both periods: the target list and tiers of today, buying cycle, customers.

    Who first bought before the earlier period began is a customer. A way with only one group is left out.

    Parameters
    ----------
    accounts : DataFrame indexed by account id, with ``first_won_day``
    tiers : ``tables.schema.ACCOUNT_TIERS``
    main : DataFrame of `cycle.main_line`, or without rows

    Returns
    -------
    DataFrame, one row per account and group: ``group_by, group, account_id``, in the order they are shown
    """
    ids, tier = accounts.index.to_series(), tiers_on(tiers, now.end)
    listed = tier.reindex(accounts.index).notna()
    bought = accounts["first_won_day"] < before.start
    cycle = main.set_index("account_id")["cycle"].reindex(accounts.index)
    ways = {
        "all": pd.Series(ALL, ids.index),
        "target list today": listed.map({True: results.LISTED, False: results.OTHERS}),
        "customer": bought.map({True: CUSTOMERS, False: PROSPECTS}),
        "tier": "tier " + tier.reindex(accounts.index),
        "cycle": cycle,
    }
    order = {name: i for i, name in enumerate((results.LISTED, results.OTHERS, CUSTOMERS, PROSPECTS, "early", "mid"))}
    parts = []
    for way, group in ways.items():
        rows = pd.DataFrame({"group_by": way, "group": group.astype("str"), "account_id": ids}).dropna(subset="group")
        if way == "all" or rows["group"].nunique() > 1:
            rank = rows["group"].map(order).fillna(len(order))
            parts.append(rows.assign(rank=rank).sort_values(["rank", "group"], kind="stable").drop(columns="rank"))
    return pd.concat(parts, ignore_index=True)


def report(
    families: Mapping[str, Sequence[Kpi]], groups: pd.DataFrame, created: pd.Series, now: Period, before: Period
) -> pd.DataFrame:
    """Each KPI of each group in a period, and how the same accounts changed since the period before.

    The value is of all accounts of the group; what it was before, what it is now and the change are of those known before the earlier
    period began. Changes of one way of grouping are looked at together, so a change is called up or down by its p-value adjusted by
    Benjamini and Hochberg, whatever other ways there are. A KPI without rows in either period has no cells.

    Parameters
    ----------
    families : KPIs by family
    groups : DataFrame of `groups`
    created : day each account became known, by account id
    now, before : of one length

    Returns
    -------
    DataFrame to the spec of ``14b_kpis``; ``too early``: fewer than `FLOOR_OUTCOMES` cases (``n``) of the same accounts, or
    fewer than `FEWEST_DRAWN` of these accounts with one, in either period; or what happens is not known from its first month on

    References
    ----------
    S1-23, S3-21 to S3-25; `kpis.apart`; Benjamini and Hochberg (1995), JRSS B 57, p. 289.
    """
    ids, labels = created.index, groups[["group_by", "group"]].drop_duplicates(ignore_index=True)
    kind = pd.MultiIndex.from_frame(labels).get_indexer(pd.MultiIndex.from_frame(groups[["group_by", "group"]]))
    members = np.zeros((len(labels), len(ids)), bool)
    members[kind, ids.get_indexer(groups["account_id"])] = True
    same = members & (created < before.start).to_numpy()
    tables = []
    for family, kpi in ((f, kpi) for f, kpis in families.items() for kpi in kpis):
        often = np.stack([_often(_cases(kpi, period, ids), ids) for period in (now, before)])
        if often.any():
            sides = [kpi.within(period, ids) for period in (now, before)]
            about = {c: getattr(kpi, c) for c in ("measure_id", "definition_id", "item", "unit")} | {"family": family}
            cells = _values(kpi, sides[0], often[0], ids, members)
            few = np.any([*_few(often, same), [kpi.begins_late(before)] * len(labels)], axis=0)
            cells = cells.join(changes_in_groups(*account_sums(*sides, accounts=ids), few, same))
            tables.append(labels.assign(**about).join(cells))
    columns = list(schema.spec("14b_kpis").columns)
    table = pd.concat(tables, ignore_index=True) if tables else schema.empty("14b_kpis").assign(p=np.nan)
    verdict = called(table["change"], table["p"], table["group_by"])
    return schema.conform("14b_kpis", table.assign(verdict=verdict)[columns])


def called(change: pd.Series, p: pd.Series, together: pd.Series) -> pd.Series:
    """Say which changes are up or down, and which within noise; without a p-value too early.

    Parameters
    ----------
    together : name of the family of each change; changes of one family are looked at together
    """
    moved = p.groupby(together).transform(intervals.adjusted) <= 1 - LEVEL
    words = np.select(
        [p.isna(), moved & (change > 0), moved & (change < 0)], ["too early", "up", "down"], "within noise"
    )
    return pd.Series(words, change.index, dtype="str")


def worse(cells: pd.DataFrame) -> pd.Series:
    """Say which cells were called for the worse: fallen, or risen where less is better."""
    less = cells["definition_id"].isin(LESS_IS_BETTER)
    return cells["verdict"].eq("down") & ~less | cells["verdict"].eq("up") & less


def people_asked(cells: pd.DataFrame, group: str) -> tuple[int, int]:
    """Count the answers on how a group's people see us, and the people that answered in both periods; of the question asked most.

    Parameters
    ----------
    cells : DataFrame of `report`
    """
    own = cells[cells["group"] == group].set_index("definition_id")["n"]
    counts = [own[own.index == f"perception_of_{who}"].max() for who in ("all", "same_people")]
    asked, same = (0 if pd.isna(n) else int(n) for n in counts)
    return asked, same


def kpi_rows(cells: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Rows of `measures` of the groups in `report`; those of all accounts stand with the notebooks that own them.

    Parameters
    ----------
    period : of the values

    References
    ----------
    S1-23, S3-21 to S3-25.
    """
    own = cells[(cells["group_by"] != "all") & (cells["item"] == "")]
    about = {c: own[c] for c in ("group_by", "group", "low", "high", "n")}
    days = {"window_start": period.start, "window_end": period.end}
    rows = measure_rows("", own["definition_id"], own["value"], own["unit"], **about, **days)
    return rows.assign(measure_id=own["measure_id"])


def _values(kpi: Kpi, rows: pd.DataFrame, often: np.ndarray, ids: pd.Index, members: np.ndarray) -> pd.DataFrame:
    """Value of a KPI in each group, with its interval where there is enough.

    Parameters
    ----------
    rows : of `Kpi.within`
    often : cases at each account
    members : which account is in which group, of shape (groups, accounts)
    """
    (top,), (bottom,) = (part[0] for part in account_sums(rows, accounts=ids))
    place = ids.get_indexer(rows["account_id"])
    n, few = members @ often, _few(often, members)
    if kpi.unit == "share" and rows["top"].isin([0, 1]).all():
        which, row = np.nonzero(members[:, place])
        flags, account = (rows[c].iloc[row].reset_index(drop=True) for c in ("top", "account_id"))
        found = (
            intervals.shares(flags, account, pd.Series(which)).reindex(range(len(members)))[["low", "high"]].to_numpy()
        )
    else:
        found = np.full((len(members), 2), np.nan)
        for group in np.flatnonzero(~few):
            inside = members[group] & ((bottom > 0) | (top != 0))
            found[group] = intervals.ratio(pd.Series(top[inside]), pd.Series(bottom[inside]), SEED)[1:3]
    below = members @ bottom
    ends = np.where(few[:, None], np.nan, found)
    return pd.DataFrame({
        "value": members @ top / np.where(below > 0, below, np.nan), "low": ends[:, 0], "high": ends[:, 1],
        "n": n, "accounts": members.sum(axis=1),
    })  # fmt: skip


def changes_in_groups(top: np.ndarray, bottom: np.ndarray, few: np.ndarray, same: np.ndarray) -> pd.DataFrame:
    """Change of a KPI in each group since the period before, with its p-value.

    Parameters
    ----------
    top, bottom : of shape (2 periods, 1, accounts), this period first, as `kpis.account_sums`
    few : groups of which it is too early to say
    same : which account is in which group, and was known before, of shape (groups, accounts)

    Returns
    -------
    DataFrame, one row per group: ``before, now_same, change, change_low, change_high, p`` (missing where it is too early),
    ``same_accounts``; before and change add up to now_same

    References
    ----------
    `kpis.apart`.
    """
    change, error, clusters = apart(top * same, bottom * same)
    half = scipy.special.stdtrit(clusters - 1, 1 - (1 - LEVEL) / 2) * error
    below = (bottom[1] * same).sum(axis=-1)
    was = (top[1] * same).sum(axis=-1) / np.where(below > 0, below, np.nan)
    out = {"before": was, "now_same": was + change, "change": change}
    out |= {"change_low": change - half, "change_high": change + half}
    out["p"] = p_values(change, error, clusters)
    known = {column: np.where(few, np.nan, values) for column, values in out.items()}
    return pd.DataFrame(known).assign(same_accounts=same.sum(axis=1))


def p_values(change: np.ndarray, error: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Two-sided p-values of changes by Student's t over accounts; 1 where no account changed."""
    with np.errstate(all="ignore"):
        return np.where(error > 0, 2 * scipy.special.stdtr(clusters - 1, -np.abs(change) / error), change == 0)


def _cases(kpi: Kpi, period: Period, ids: pd.Index) -> pd.DataFrame:
    """Rows of what is counted: deals, meetings, people, answers; accounts where a KPI counts an account once."""
    rows = kpi.counted(period, ids)
    return rows.drop_duplicates("account_id") if kpi.once else rows


def _often(rows: pd.DataFrame, ids: pd.Index) -> np.ndarray:
    """Rows at each account."""
    return np.bincount(ids.get_indexer(rows["account_id"]), minlength=len(ids))


def _few(often: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Say of each group whether its rows are too few to judge, or of too few accounts; on each side, where there are several."""
    return (often @ members.T < FLOOR_OUTCOMES) | ((often > 0).astype(int) @ members.T < FEWEST_DRAWN)
