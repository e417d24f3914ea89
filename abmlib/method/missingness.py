"""Which data is missing, where, and whether it is missing by chance."""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from abmlib.method.data_quality import DESCRIBES, segments
from abmlib.method.deals import decided, won_flag
from abmlib.method.measures import counted_row, estimate_row, measure_row, measure_rows, share_row
from abmlib.stats import intervals
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL
from abmlib.tables import identity

MODELLED = [  # what else a model could use of an account's description
    *DESCRIBES[1:], "sub_industry", "org_type", "tech_stack", "customer_base", "growth_outlook",
]  # fmt: skip
FIRMOGRAPHICS = {
    "location": "country", "industry": "industry", "employees": "employees", "own revenue": "annual_revenue",
    "type of organisation": "org_type", "customer base": "customer_base", "technology used": "tech_stack",
}  # fmt: skip
RECORDED = {  # what accounts bought and did
    "purchases": "transactions", "contracts": "contracts", "deals": "opportunities", "touches": "activities",
    "web visits": "web_sessions", "survey answers": "surveys", "service cases": "cases",
}  # fmt: skip
BANDS = 2  # of equally many accounts by number of employees: the smaller and the larger half
FEWEST_ALIKE = 5  # customers of one industry and size below which they tell too little
KIND = ["industry", "band"]  # what accounts that are alike share
NAMED = 3  # of them that are named
ALL_FIELDS, FORETELLS = "all fields together", "foretells buying"
MERGES, NONE_HELD = "accounts merged into another", "none: deleted from the source?"


def completeness(accounts: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Accounts of each status of which each kind of data is there: what they are, what they bought, what they did.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    records : DataFrame of `Book.fact_counts`

    Returns
    -------
    DataFrame, one row per kind of data and status with an account: ``kind, status, known`` (accounts), ``n`` (accounts), ``share``

    References
    ----------
    S2-22, S0-6, completeness.
    """
    ids = accounts["account_id"]
    there = {kind: accounts[column].notna() for kind, column in FIRMOGRAPHICS.items()}
    there |= {kind: ids.isin(records.loc[records["table"] == table, "account_id"]) for kind, table in RECORDED.items()}
    by = pd.DataFrame(there).groupby(accounts["status"])
    known = by.sum().rename_axis(columns="kind").stack().rename("known").reset_index()
    table = known.assign(n=known["status"].map(by.size()).astype(float))
    table["kind"] = pd.Categorical(table["kind"], list(there))
    table = table.sort_values(["kind", "status"], ignore_index=True).astype({"kind": "str", "known": int})
    return table.assign(share=table["known"] / table["n"])[["kind", "status", "known", "n", "share"]]


def completeness_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: share of accounts with each kind of data, by status; counts of all, so without an interval.

    Parameters
    ----------
    table : DataFrame of `completeness`
    """
    group = table["status"] + ": " + table["kind"]
    return measure_rows(
        "S2-22",
        "accounts_with_data",
        table["share"],
        "share",
        n=table["n"],
        group_by="status and kind of data",
        group=group,
    )


def _peers(accounts: pd.DataFrame, bought: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Industry, size band and name of each account; whether it never bought; what each line brought from those who did."""
    bands = pd.qcut(accounts["employees"].astype(float).rank(method="min"), BANDS, labels=False, duplicates="drop")
    kind = accounts[["industry", "name"]].assign(band=bands).set_axis(accounts["account_id"])
    cold = accounts.set_index("account_id")["status"] == "prospect"
    sums = bought.groupby(["account_id", "product_line"])["revenue"].sum().astype(float)
    return kind, cold, sums[sums > 0].unstack().reindex(kind[~cold].dropna(subset=KIND).index)


def look_alikes(accounts: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Customers that each account which has never bought could learn from: same industry, same size; what they buy most often.

    Size is one of `BANDS` bands of equally many accounts by employees.

    Parameters
    ----------
    accounts : ``tables.schema.ACCOUNTS``, as read
    bought : DataFrame ``account_id, product_line, revenue``, of a year

    Returns
    -------
    DataFrame, one row per account, indexed by its id: ``look_alikes`` (count; missing for who has bought, or where industry or
    employees are unknown), ``alike_accounts`` (names of the `NAMED` who bought most), ``alike_line`` (that they bought
    most often), ``alike_share`` (of them who bought it), ``alike_value`` (the median revenue of it of those); the last three
    missing where fewer than `FEWEST_ALIKE` are alike

    References
    ----------
    S2-22, cold start.
    """
    kind, cold, sold = _peers(accounts, bought)
    by_size = kind.loc[sold.sum(axis=1).sort_values(ascending=False, kind="stable").index].groupby(KIND)["name"]
    groups = by_size.agg(look_alikes="size", alike_accounts=lambda names: ", ".join(names.iloc[:NAMED]))
    each = (
        sold.stack()
        .dropna()
        .rename("revenue")
        .reset_index(1)
        .join(kind[KIND])
        .groupby([*KIND, "product_line"])["revenue"]
    )
    lines = each.agg(["size", "median"]).sort_values("size", ascending=False, kind="stable").reset_index("product_line")
    most = lines[~lines.index.duplicated()].reindex(groups.index[groups["look_alikes"] >= FEWEST_ALIKE])
    groups = groups.assign(
        alike_line=most["product_line"], alike_share=most["size"] / groups["look_alikes"], alike_value=most["median"]
    )
    asked = cold & kind[KIND].notna().all(axis=1)
    found = kind[KIND].join(groups, on=KIND)[groups.columns].where(asked)
    return found.assign(look_alikes=found["look_alikes"].fillna(0).where(asked).astype("Int64"))


def foretold_lines(accounts: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Try look-alikes where the answer is known: did customers buy the line that most of those like them bought?

    Parameters
    ----------
    accounts, bought : of `look_alikes`

    Returns
    -------
    DataFrame, one row per customer that bought and has `FEWEST_ALIKE` others like it: ``by_alike``, and ``by_all``: did it buy
    the line that most of all other customers bought
    """
    kind, _, sold = _peers(accounts, bought)
    has = sold.notna()
    groups = has.groupby([kind.loc[has.index, k] for k in KIND])
    tried = has[has.any(axis=1) & (groups.transform("size") > FEWEST_ALIKE)]
    others = {"by_alike": groups.transform("sum") - has, "by_all": has.sum() - has.astype(int)}
    picked = {rule: counts.loc[tried.index].to_numpy().argmax(axis=1) for rule, counts in others.items() if len(tried)}
    rows = np.arange(len(tried))
    return pd.DataFrame({r: tried.to_numpy()[rows, p] for r, p in picked.items()}, tried.index, ["by_alike", "by_all"])


def cold_start_rows(accounts: pd.DataFrame, alike: pd.Series, foretold: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of `measures`: accounts that never bought, those with enough customers like them, and how often these foretell a line.

    Parameters
    ----------
    alike : column of `look_alikes`
    foretold : DataFrame of `foretold_lines`

    References
    ----------
    S2-22.
    """
    cold = int((accounts["status"] == "prospect").sum())
    enough = int((alike >= FEWEST_ALIKE).fillna(False).sum())
    why = "an account that has never bought" if not cold else ""
    return [
        counted_row("S2-22", "cold_start_accounts", cold, len(accounts)),
        counted_row(
            "S2-22", "cold_start_accounts_with_look_alikes", enough, cold if alike.notna().any() else 0, why=why
        ),
        *(share_row("S2-22", f"line_foretold_{rule}", int(foretold[rule].sum()), len(foretold)) for rule in foretold),
    ]


def filled_by_segment(accounts: pd.DataFrame, segment: str) -> pd.DataFrame:
    """Share of accounts with a value, per segment and descriptive field, the largest segment first.

    Accounts without a segment are one of their own, ``unknown``.

    Parameters
    ----------
    accounts : DataFrame, one row per account; ``tables.schema.ACCOUNTS``
    segment : a column of it

    Returns
    -------
    DataFrame: `segment`, ``accounts``, and a share for each field but the segment itself

    Raises
    ------
    ValueError
        If accounts have no such column.

    References
    ----------
    S2-22, completeness.
    """
    labels = segments(accounts, segment).astype("str").fillna("unknown").to_numpy()
    fields = [c for c in DESCRIBES if c not in ("name", segment)]
    groups = accounts[fields].notna().groupby(labels)
    table = groups.mean().assign(accounts=groups.size()).rename_axis(segment).reset_index()
    table = table.sort_values(["accounts", segment], ascending=[False, True], ignore_index=True)
    return table[[segment, "accounts", *fields]]


# -- gaps and later buying --------------------------------------------------------------------------------------------


def bought_later(accounts: pd.DataFrame, since: pd.Timestamp) -> tuple[pd.DataFrame, pd.Index]:
    """Accounts known before a past day that had not bought by then, and which did from then on.

    A purchase or a won deal is buying. An account without a creation day counts as known.

    Parameters
    ----------
    accounts : DataFrame with ``created_day, first_won_day``
    since : the past day

    Returns
    -------
    The accounts, rows as `accounts`; ids of those that bought
    """
    known = ~(accounts["created_day"] >= since) & ~(accounts["first_won_day"] < since)
    before = accounts[known]
    return before, pd.Index(before.loc[before["first_won_day"].notna(), "account_id"])


def foretold_by_gaps(accounts: pd.DataFrame, buyers: pd.Index) -> pd.DataFrame:
    """Fields whose gaps foretell who buys: those a model must not learn from.

    A field is filled today, and nobody knows since when. If it is filled more often where an account bought later, it may be so
    because it bought: a model would learn the outcome from it. The last test is of all fields together, the share of them that
    is filled, for many small differences of one sign. A field that is filled everywhere, or nowhere, has no difference to
    test and no interval.

    Parameters
    ----------
    accounts, buyers : of `bought_later`; other ids than those of `accounts` do not count

    Returns
    -------
    DataFrame, one row per field and one for `ALL_FIELDS`, the largest difference first: ``field``; ``filled_buyers,
    filled_others`` (shares) of ``n_buyers, n_others`` (accounts); ``difference, low, high`` (of shares); ``p`` (two-sided,
    adjusted over all tests by Benjamini–Hochberg); ``verdict`` (`FORETELLS`; ``no difference seen``; ``too_early``: fewer than
    `FLOOR_OUTCOMES` accounts that bought or that did not, or fewer than `FLOOR_ACCOUNTS` accounts)

    References
    ----------
    Fisher's exact test with the interval of `intervals.difference`; of all fields Welch (1947), Biometrika 34, p. 28, one share per
    account; Benjamini and Hochberg (1995), JRSS B 57, p. 289.
    """
    bought, filled = accounts["account_id"].isin(buyers), accounts[MODELLED].notna()
    k = pd.DataFrame({"buyers": filled[bought].sum(), "others": filled[~bought].sum()})
    n = pd.DataFrame({"buyers": int(bought.sum()), "others": int((~bought).sum())}, index=k.index)
    varies, enough = filled.any() & ~filled.all(), _enough(bought)
    p = pd.Series(np.nan, index=k.index)
    if enough:
        p[varies] = intervals.exact_p(k[varies], n[varies])
    out = (
        (k / n.where(n > 0)).add_prefix("filled_").join(n.add_prefix("n_")).join(intervals.difference(k, n)).assign(p=p)
    )
    out[["low", "high"]] = out[["low", "high"]].where(varies, np.nan)
    out.loc[ALL_FIELDS] = _together(filled.mean(axis=1), bought, enough)
    p = intervals.adjusted(out["p"])
    verdict = np.where(p < 1 - LEVEL, FORETELLS, "no difference seen") if enough else "too_early"
    out = out.assign(p=p, verdict=verdict).astype({"n_buyers": int, "n_others": int}).rename_axis("field")
    return out.loc[out["difference"].abs().sort_values(ascending=False, kind="stable").index].reset_index()


def _together(share: pd.Series, bought: pd.Series, enough: bool) -> dict[str, float]:
    """The row of `foretold_by_gaps` of all fields together."""
    one, two = share[bought], share[~bought]
    row = {"filled_buyers": one.mean(), "filled_others": two.mean(), "n_buyers": len(one), "n_others": len(two)}
    row |= {"difference": one.mean() - two.mean(), "low": np.nan, "high": np.nan, "p": np.nan}
    if not enough or share.nunique() == 1:  # all alike: the test would divide by nothing
        return row
    test = scipy.stats.ttest_ind(one, two, equal_var=False)
    low, high = test.confidence_interval(LEVEL)
    return row | {"low": float(low), "high": float(high), "p": float(test.pvalue)}


def fill_difference_row(gaps: pd.DataFrame) -> dict[str, Any]:
    """Row of `measures`: how many more of all fields are filled where an account bought later.

    Parameters
    ----------
    gaps : DataFrame of `foretold_by_gaps`
    """
    whole = gaps.set_index("field").loc[ALL_FIELDS]
    n, row = int(whole["n_buyers"] + whole["n_others"]), ("E.3", "filled_share_later_buyers_less_others")
    if whole["verdict"] == "too_early":
        return measure_row(*row, np.nan, "share", n, status="too_early")
    return estimate_row(*row, (*whole[["difference", "low", "high"]].astype(float), n), "share")


def _enough(bought: pd.Series) -> bool:
    """Are there enough accounts, with and without the outcome, to compare."""
    return len(bought) >= FLOOR_ACCOUNTS and min(bought.sum(), (~bought).sum()) >= FLOOR_OUTCOMES


# -- survivorship -----------------------------------------------------------------------------------------------------


def survivorship(
    accounts: pd.DataFrame,
    same_company: pd.DataFrame,
    deals: pd.DataFrame,
    states: pd.DataFrame,
    as_of: pd.Timestamp,
    former_after_days: int,
) -> pd.DataFrame:
    """Counts of lost deals, former customers and the like that the source still holds.

    A source that deletes them makes the past look better than it was.

    Parameters
    ----------
    accounts : DataFrame with ``status, first_won_day``
    same_company : DataFrame of `Book.same_company`
    deals : ``tables.schema.OPPORTUNITIES``
    states : DataFrame of `coverage.contact_states`
    former_after_days : days without business after which a customer is a former one; a younger customer cannot be one yet

    Returns
    -------
    DataFrame, one row per kind: ``what``, ``held`` (count), ``of`` (count), ``share``, ``verdict`` (``held``; ``none:
    deleted from the source?``, of `FLOOR_OUTCOMES` or more; ``none`` of `MERGES`; ``too few to tell``; ``not_answerable``, where there is
    nothing it could be a part of)

    References
    ----------
    Canonical schema E.3, load-time checks (survivorship).
    """
    merged, closed = int((same_company["rule"] == identity.MERGED).sum()), deals["is_closed"].fillna(False).astype(bool)
    old = accounts["first_won_day"] < as_of - pd.Timedelta(days=former_after_days)
    rows = [
        ("former customers, of those old enough", int((old & (accounts["status"] == "former")).sum()), int(old.sum())),
        ("closed deals", int(closed.sum()), len(deals)),
        ("lost deals, of those closed", int((~won_flag(decided(deals))).sum()), int(closed.sum())),
        ("people who left", int(states["departed"].sum()), len(states)),
        (MERGES, merged, len(accounts) + len(same_company)),
    ]
    out = pd.DataFrame(rows, columns=["what", "held", "of"])
    conditions = [out["of"] == 0, out["held"] > 0, out["of"] >= FLOOR_OUTCOMES]
    verdict = np.select(conditions, ["not_answerable", "held", NONE_HELD], "too few to tell")
    verdict = np.where(
        (out["what"] == MERGES) & (verdict == NONE_HELD), "none", verdict
    )  # deleting these makes nothing look better
    return out.assign(share=out["held"] / out["of"].where(out["of"] > 0), verdict=verdict)


def possibly_deleted(ended: pd.DataFrame) -> list[str]:
    """Kinds that seem to be deleted and make the past look better; merged accounts, whose records live on, do not.

    Parameters
    ----------
    ended : DataFrame of `survivorship`
    """
    gone = ended[ended["verdict"] == NONE_HELD]
    return [what.partition(",")[0] for what in gone["what"]]
