"""What changed between two reports: decisions, accounts that moved and the facts that moved them, measures."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import bridge
from abmlib.tables import schema
from abmlib.tables.decisions import KEY, SETTLED
from abmlib.tables.programme import latest_entries

DAY = pd.Timedelta(days=1)
STATES = ("new", "repeated", *SETTLED, "gone")
SAME_LENGTH = pd.Timedelta(days=3)  # by which two windows of one length may differ: quarters have 90 to 92 days
UNLIKE = "windows of different length, not judged"
OVERLAP, NO_INTERVAL = "windows overlap, not judged", "no interval, not judged"
UNDATED = "of all that is known, not judged"
EVIDENCE = ("deal_value", "cycle_days", "orders_per_year", "buyers", "buyer_level")
GONE, NOT_YET = "no longer open", "not open yet"
ALSO_CHORES = ["find_missing_roles"]  # decisions on selling that, as chores, are not noted where the data go on


@dataclass(frozen=True)
class Kind:
    """One thing an account may move in: the column that says where it is, and the facts that may have moved it."""

    what: str
    table: str
    key: tuple[str, ...]
    column: str
    facts: tuple[str, ...]


PARTS = ("exclusion_reason", "revenue_history", "relationship", "profitability", "viability")
MARKS = {"days_in_stage": "slow", "days_quiet": "quiet", "pushes": "pushed"}  # what each fact of a stalled deal decides
KINDS = (
    Kind("Class by revenue", "03_key_accounts", ("account_id",), "pareto_class", ("revenue", "cumulative_revenue_share")),
    Kind("Key account", "03_key_accounts", ("account_id",), "chosen", PARTS),
    Kind("Buying cycle", "01_cycles", ("account_id", "product_line"), "cycle", ("set_by", *EVIDENCE)),
    Kind("Stalled", "12_opportunity_flags", ("opportunity_id",), "stalled", ("stage", "days_in_stage", "days_quiet", "pushes")),
    Kind("Overdue", "12_opportunity_flags", ("opportunity_id",), "overdue", ("close_date",)),
)  # fmt: skip
FLAGS = ("Stalled", "Overdue")  # what a deal moves in, and no account
COMPARED = (
    "decisions",
    "measures",
    "15_decision_states",
    "15_executive_summary",
    "01_evidence",
    *{k.table for k in KINDS},
)


def decision_states(
    now: pd.DataFrame,
    before: pd.DataFrame,
    states: pd.DataFrame,
    entries: pd.DataFrame,
    as_of: pd.Timestamp,
    day: pd.Timestamp,
    notebooks: Collection[str],
    left_out: Collection[str] = (),
) -> pd.DataFrame:
    """Say of each decision and account whether it is new, repeated, settled by people, or gone.

    A decision is known from report to report by notebook, slug and account, never by its text; one that names other deals
    (``group``) than before is new. What people entered holds up to its last day, and only while each report since has
    proposed the decision for that account again: of what is new nobody can have entered anything. The later of an entry for
    the account and one for all accounts counts. Decisions of a notebook that did not run this time are not gone.

    Parameters
    ----------
    now, before : DataFrame to the spec of ``decisions``, of this report and of the one before
    states : DataFrame to the spec of ``15_decision_states``, of the report before
    entries : DataFrame, ``tables.schema.DECISION_STATUS`` as known on `as_of`
    as_of, day : of this report and of the one before; `day` is missing where there is none
    notebooks : numbers of those that left their decisions this time
    left_out : slugs of `not_compared`, which are neither new nor gone: only what people entered of them has a row

    Returns
    -------
    DataFrame to the spec of ``15_decision_states``
    """
    rows = now[[*KEY, "text", "group"]].drop_duplicates(KEY)
    past = before[[*KEY, "text", "group"]].drop_duplicates(KEY)
    rows = rows.merge(past[[*KEY, "group"]].assign(repeated=True), on=KEY, how="left", suffixes=("", "_before"))
    rows["repeated"] = rows["repeated"].where(
        [not _others(*g) for g in zip(rows["group"], rows["group_before"], strict=True)]
    )
    rows = rows.merge(states.loc[states["state"] != "gone", [*KEY, "since"]], on=KEY, how="left")
    repeated = rows["repeated"].notna()
    unknown = rows["slug"].isin(list(left_out)) | pd.isna(day)  # whether it was proposed before
    rows["since"] = rows["since"].where(repeated, as_of + DAY).mask(unknown & ~repeated)
    entry = _entry(rows, entries)
    holds = (entry["entered_day"] >= rows["since"]) | rows["since"].isna()
    holds &= entry["status"].notna() & ~(entry["until"] < as_of)
    proposed = pd.Series(np.where(repeated, "repeated", "new"), rows.index, dtype="str")
    rows["state"] = entry["status"].where(holds, proposed)
    left = past.merge(now[KEY].drop_duplicates(), on=KEY, how="left", indicator=True)
    left = left[(left["_merge"] == "left_only") & left["notebook"].isin(list(notebooks))]
    gone = left[[*KEY, "text"]].assign(state="gone", since=pd.NaT)
    found = pd.concat([rows.drop(columns=["repeated", "group", "group_before"]), gone], ignore_index=True)
    unknown = found["slug"].isin(list(left_out)) & found["state"].isin(["new", "gone"])
    return schema.conform("15_decision_states", found[~unknown])


def _others(now: Any, before: Any) -> bool:
    """Say whether a decision names deals that it did not name before."""
    if pd.isna(now) or pd.isna(before):
        return False
    return bool(set(str(now).split(";")) - set(str(before).split(";")))


def not_compared(now: pd.DataFrame, before: pd.DataFrame, same: bool, ran: Collection[str] = ()) -> list[str]:
    """Slugs of the decisions that cannot be compared, as only one of two reports could note them.

    A report whose data go on after its day notes no chores about data, as gaps may have been filled since. A notebook that left
    nothing then noted nothing.

    Parameters
    ----------
    now, before : DataFrame to the spec of ``decisions``
    same : whether both or neither of the reports have data that go on
    ran : numbers of the notebooks that left their decisions in the report before; none where there is no such report
    """
    silent = set(now.loc[~now["notebook"].isin(list(ran)), "slug"]) if ran else set[str]()
    if same or before.empty:
        return sorted(silent)
    chores = [d.loc[(d["kind"] == "data") | d["slug"].isin(ALSO_CHORES), "slug"] for d in (now, before)]
    return sorted((set(chores[0]) ^ set(chores[1])) | silent)


def _entry(rows: pd.DataFrame, entries: pd.DataFrame) -> pd.DataFrame:
    """The entry that counts for each row, missing where there is none; index as `rows`."""
    columns = ["status", "until", "entered_day", "entered_at"]
    latest = latest_entries("decision_status", entries)
    whole = latest[latest["account_id"].isna()].set_index("slug")[columns]
    own = latest.set_index(["slug", "account_id"])[columns]
    one = own.reindex(pd.MultiIndex.from_frame(rows[["slug", "account_id"]])).set_axis(rows.index)
    every = whole.reindex(rows["slug"]).set_axis(rows.index)
    return one.where(one["status"].notna() & ~(every["entered_at"] > one["entered_at"]), every)


def with_settled(states: pd.DataFrame, left: pd.DataFrame) -> pd.DataFrame:
    """Take over what a report says people have settled, where nobody can be asked what they entered.

    Parameters
    ----------
    states : DataFrame of `decision_states`
    left : the same to the spec of ``15_decision_states``, as the report left it
    """
    settled = left.loc[left["state"].isin(SETTLED), [*KEY, "state"]].rename(columns={"state": "settled"})
    known = states.merge(settled, on=KEY, how="left")["settled"].set_axis(states.index)
    return states.assign(state=known.where(known.notna() & states["state"].ne("gone"), states["state"]))


def still_to_decide(decisions: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """Leave out of decisions what people have done, declined or put off.

    Parameters
    ----------
    decisions : DataFrame to the spec of ``decisions``
    states : DataFrame to the spec of ``15_decision_states``
    """
    settled = states.loc[states["state"].isin(SETTLED), KEY].assign(settled=True)
    known = decisions.merge(settled, on=KEY, how="left")["settled"].notna()
    return decisions[~known.to_numpy()].reset_index(drop=True)


def by_decision(states: pd.DataFrame) -> pd.DataFrame:
    """Count the states of each decision over its accounts; a decision about all counts once.

    Parameters
    ----------
    states : DataFrame to the spec of ``15_decision_states``

    Returns
    -------
    DataFrame, one row per decision, repeated ones last: ``notebook, slug, text``, ``state`` (gone: for all accounts; settled: all
    that is proposed is done, declined or waits; new: none was proposed before; otherwise repeated), and a count of rows per
    state, 0 where there is none
    """
    key = ["notebook", "slug"]
    counts = (
        states.groupby([*key, "state"], sort=False)
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(STATES), fill_value=0)
    )
    settled = counts[list(SETTLED)].sum(axis=1)
    rest = counts["new"] + counts["repeated"]
    kinds = [(settled + rest) == 0, rest == 0, (counts["repeated"] + counts["gone"] + settled) == 0]
    state = np.select(kinds, ["gone", "settled", "new"], default="repeated")
    text = states.drop_duplicates(key).set_index(key)["text"]
    out = counts.assign(state=pd.Series(state, counts.index, dtype="str"), text=text.reindex(counts.index))
    place = out["state"].map({"new": 0, "gone": 1, "settled": 2, "repeated": 3})
    return out.loc[place.sort_values(kind="stable").index].rename_axis(columns=None).reset_index()


def moved(
    now: Mapping[str, pd.DataFrame], before: Mapping[str, pd.DataFrame], results: Mapping[str, str] | pd.Series
) -> pd.DataFrame:
    """List what accounts moved in, and which facts moved them: class, key account, buying cycle, stalled and overdue deals.

    Compared is what both reports have; a deal that was stalled or overdue and is not open any more has moved too, and so has
    one that was opened since and is. Where no
    fact of its own changed, all of them are given as they are: others moved, a rule changed, or a day passed. The fact that
    decided comes first where that is known.

    Parameters
    ----------
    now, before : tables of the two reports by name; a table that one of them lacks moves nothing
    results : how each deal that is no longer open ended, by its id; of `bridge.results`

    Returns
    -------
    DataFrame, one row per move, those with the most money first: ``account_id, owner_id`` (of a deal), ``what, of`` (line of
    business or deal), ``money`` (amount of the deal or revenue of the account, the larger of both reports), ``before, after``,
    ``facts``: a list of (column, before, after)
    """
    parts = [_moved(kind, _facts(kind.table, now), _facts(kind.table, before)) for kind in KINDS]
    columns = ["account_id", "owner_id", "what", "of", "money", "before", "after", "facts"]
    out = pd.concat([pd.DataFrame(columns=columns), *(p for p in parts if len(p))], ignore_index=True)[columns]
    ranked = [t["03_key_accounts"][["account_id", "revenue"]] for t in (before, now) if "03_key_accounts" in t]
    revenue = pd.concat([schema.empty("03_key_accounts"), *ranked]).groupby("account_id")["revenue"].max()
    of_account = out["account_id"].map(revenue).where(~out["what"].isin(FLAGS))
    out["money"] = out["money"].astype("float64").fillna(of_account.astype("float64"))
    ended = [
        results.get(of, GONE) if after == GONE else after for of, after in zip(out["of"], out["after"], strict=True)
    ]
    out["after"] = pd.Series(ended, out.index, dtype="object")
    return out.sort_values("money", ascending=False, kind="stable", ignore_index=True)


def _facts(name: str, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A table of a report; buying cycles with the values of their evidence beside them."""
    if name not in tables:
        return schema.empty(name)
    if name != "01_cycles" or "01_evidence" not in tables:
        return tables[name].reindex(columns=[*tables[name], *EVIDENCE]) if name == "01_cycles" else tables[name]
    keys = ["account_id", "product_line"]
    wide = tables["01_evidence"].pivot(index=keys, columns="evidence", values="value").reindex(columns=list(EVIDENCE))
    return tables[name].join(wide, on=keys)


def _moved(kind: Kind, now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The moves of one kind."""
    if now.empty or before.empty:
        return pd.DataFrame()
    key, is_flag = list(kind.key), pd.api.types.is_bool_dtype(now[kind.column])
    is_deal = kind.what in FLAGS  # a deal may be opened, and stalled or overdue, between the two
    both = before.merge(now, on=key, how="outer" if is_deal else "left", suffixes=("_before", "_after"), indicator=True)
    left, opened = both["_merge"] == "left_only", both["_merge"] == "right_only"
    old, new = (both[f"{kind.column}_{side}"].astype("object") for side in ("before", "after"))
    old, new = (
        values.map({True: "yes", False: "no"}, na_action="ignore").fillna("unknown") if is_flag else values
        for values in (old, new)
    )
    flagged = ((left & (old == "yes")) | (opened & (new == "yes"))) if is_deal else left & False
    differ = (old != new) & ((old == "yes") | (new == "yes") | (not is_flag))
    rows = both[(~left & ~opened & differ) | flagged]
    account = rows["account_id"] if "account_id" in rows else rows["account_id_after"].fillna(rows["account_id_before"])
    of = rows[key[-1]] if key != ["account_id"] else pd.Series("", rows.index)
    amounts, owners = ([f"{c}_{side}" for side in ("after", "before")] for c in ("amount", "owner_id"))
    owner = rows.reindex(columns=owners).bfill(axis=1).iloc[:, 0]
    money = rows.reindex(columns=amounts).astype("float64").max(axis=1)
    made = {"account_id": account, "owner_id": owner, "what": kind.what, "of": of, "money": money}
    made |= {"before": old.where(~opened, NOT_YET), "after": new.where(~left, GONE)}
    facts = [
        _differing(row, kind.facts) if there else []
        for row, there in zip(rows.to_dict("records"), ~left[rows.index], strict=True)
    ]
    return pd.DataFrame(made | {"facts": pd.Series(facts, rows.index, dtype="object")}).loc[rows.index]


def _differing(row: Mapping[Any, Any], facts: Collection[str]) -> list[tuple[str, Any, Any]]:
    """The facts of a row that differ, first those whose mark changed; all of them where none does."""
    marks = {f: [row.get(f"{mark}_{side}") for side in ("before", "after")] for f, mark in MARKS.items()}
    ordered = sorted(facts, key=lambda f: f in marks and marks[f][0] is marks[f][1])
    pairs = [(f, row[f"{f}_before"], row[f"{f}_after"]) for f in ordered]
    return [p for p in pairs if not _same(p[1], p[2])] or [p for p in pairs if pd.notna(p[2])]


def _same(a: Any, b: Any) -> bool:
    """Say whether two values are one."""
    if pd.isna(a) or pd.isna(b):
        return bool(pd.isna(a) and pd.isna(b))
    is_number = all(isinstance(x, int | float | np.number) for x in (a, b))
    return bool(np.isclose(a, b, rtol=1e-9, atol=0)) if is_number else bool(a == b)


def forecast_and_won(
    measures: pd.DataFrame, then: pd.DataFrame, deals: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Set what a report foretold for a period that is over beside what its open deals brought in these days.

    Counted are the deals that the forecast counted: open then, with an amount, and in their stage since a known day.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``, of that report
    then : DataFrame, one row per deal open then: ``opportunity_id, amount``, ``days_in_stage`` where that is known
    deals : DataFrame of `with_days`, now

    Returns
    -------
    DataFrame, the row of ``won_value_foretold_in_period`` with ``came`` (reporting currency, as now known) and ``deals_won``;
    no row where nothing was foretold or the period is not over on `as_of`
    """
    is_it = (measures["definition_id"] == "won_value_foretold_in_period") & (measures["group_by"] == "all")
    row = measures[is_it & measures["value"].notna() & (measures["window_end"] <= as_of)].tail(1)
    aged = then["days_in_stage"].notna() if "days_in_stage" in then else True
    counted = deals["opportunity_id"].isin(then.loc[then["amount"].notna() & aged, "opportunity_id"])
    won = deals[counted & deals["opportunity_id"].map(bridge.results(deals)).eq("won")]
    ends = [row[c].max() for c in ("window_start", "window_end")]
    won = won[won["closed_day"].between(*ends)]
    return row.assign(came=won["amount"].sum(), deals_won=len(won))


def measures_compared(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Set the measures of two reports side by side, and judge the change where that can be done.

    Judged are measures with an interval in both reports whose windows are of one length and share no day: up or down where neither interval
    holds the other's value. Measures split by group, and those one report lacks, are left out; so are values that are the same.

    Parameters
    ----------
    now, before : DataFrame to the spec of ``measures``

    Returns
    -------
    DataFrame: ``definition_id, unit, before, before_low, before_high, after, after_low, after_high, verdict``: up, down,
    within noise, `UNDATED` (without a window: most of it is the same past), `OVERLAP`, `UNLIKE`, `NO_INTERVAL`

    References
    ----------
    House definition; README, glossary entry "beyond noise".
    """
    keys, whole = (
        ["measure_id", "definition_id"],
        [m[(m["group_by"] == "all") & m["value"].notna()] for m in (now, before)],
    )
    after, earlier = (m.drop_duplicates(keys, keep="last") for m in whole)
    both = earlier.merge(after, on=keys, suffixes=("_before", "_after"))
    both = both[~np.isclose(both["value_before"], both["value_after"], rtol=1e-9, atol=0)]
    span = {c: both[[f"{c}_before", f"{c}_after"]] for c in ("window_start", "window_end")}
    shared = span["window_start"].max(axis=1, skipna=False) <= span["window_end"].min(axis=1, skipna=False)
    undated = span["window_start"].isna().any(axis=1)
    days = [both[f"window_end_{side}"] - both[f"window_start_{side}"] for side in ("before", "after")]
    unlike = (days[0] - days[1]).abs() > SAME_LENGTH
    ends = both[["low_before", "high_before", "low_after", "high_after"]]
    outside = ~both["value_after"].between(both["low_before"], both["high_before"]) & ~both["value_before"].between(
        both["low_after"], both["high_after"]
    )
    rise = np.where(both["value_after"] > both["value_before"], "up", "down")
    verdict = np.select(
        [undated, shared, unlike, ends.isna().any(axis=1), ~outside],
        [UNDATED, OVERLAP, UNLIKE, NO_INTERVAL, "within noise"],
        default=rise,
    )
    names = {
        f"{c}_{side}": f"{side}{to}"
        for side in ("before", "after")
        for c, to in (("value", ""), ("low", "_low"), ("high", "_high"))
    }
    out = both.rename(columns=names).assign(unit=both["unit_after"], verdict=verdict)
    return out[["definition_id", "unit", *names.values(), "verdict"]].reset_index(drop=True)
