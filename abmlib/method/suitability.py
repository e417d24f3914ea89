"""Is account-based marketing worth its effort here: line by line, and segment by segment."""

import numpy as np
import pandas as pd
import scipy

from abmlib.method import value
from abmlib.method.cycle import ALL
from abmlib.method.cycle_rules import Rules
from abmlib.method.deals import differences, won_flag
from abmlib.method.measures import counted_row, measure_rows, share_row
from abmlib.stats import concentration, intervals, pooling, survival

SEED = 23  # of every bootstrap here
LEAST_JUDGED = 3  # criteria; with fewer, a segment has no verdict
FEWEST = 20  # accounts of a segment; with fewer, nothing is judged: too few for a p-value among many
TOP = 0.2  # share of accounts whose share of revenue is asked for
YES, NO, UNSURE, EARLY, UNKNOWN = "yes", "no", "unsure", "too_early", "not_answerable"
SUITED, MIXED, NOT_SUITED, LITTLE = "suited", "mixed", "not suited", "too little is known"
CRITERIA = {  # unit of each criterion, and the reason for it
    "deal_value": ("currency", "deals are large enough to pay for effort on one account"),
    "account_value": ("currency", "an account buys enough in a year to pay for effort on it"),
    "cycle_days": ("days", "decisions take long enough to be influenced"),
    "buyers": ("people", "several people must be won over"),
    "top_fifth_share": ("share", "a few accounts carry the business"),
    "lines": ("lines", "there is more than one thing to sell to an account"),
}
WORTH = ("deal_value", "account_value")  # of which one must not be too small
MORE, FEWER, SAME = "more than all", "fewer than all", "no difference"  # of the accounts of a segment fit
FITS = ("account_value", "cycle_days", "buyers", "lines")  # criteria that one account meets or not
LEAST_FITS = 3  # of them known of an account; with fewer it is not judged
BY_LINE = "product line"
PART = ["by", "segment", "product_line"]
DAY = pd.Timedelta(days=1)
YEAR = 365


# -- segment by segment -----------------------------------------------------------------------------------------------


def criteria(
    seen: pd.DataFrame, deals: pd.DataFrame, bought: pd.Series, segment: pd.Series, rules: Rules
) -> pd.DataFrame:
    """Criteria of suitability for each line of business, and for each segment within each line.

    Lines are never mixed: an account that buys services and pens is judged in both. An account counts once: with the median
    amount of its deals, what it bought in a year, the mean of the people on its deals, its lines of business. An order is no deal. Days to
    close are those of deals, open ones included. Accounts without a segment are in ``unknown``.

    Parameters
    ----------
    seen : DataFrame of `cycle.buying_evidence`
    deals : DataFrame of `with_days`
    bought : Series of `bought_in_year`
    segment : Series by account id; its name is what the segments are

    Returns
    -------
    DataFrame, one row per part and criterion, lines first, then segments: ``by`` (product line or the name of `segment`),
    ``segment`` (all for a line), ``product_line, criterion, value, unit, low, high, n`` (accounts), ``asked`` (the rule),
    ``p`` (two-sided, against the rule, adjusted over all rows by Benjamini and Hochberg; missing where not tested),
    ``verdict`` (``yes`` or ``no`` where the adjusted `p` is at most one less the house level, ``unsure``, ``too_early`` below
    `FEWEST` accounts, for the share of the top fifth, which is smaller among few accounts, below the house's floor,
    ``not_answerable``), ``reason``

    References
    ----------
    S0-3, S1-15; metric dictionary C-5, C-38. P-value from an interval: Altman and Bland (2011), BMJ 343, d2304, by
    Student's t. House definition; README, glossary entry "suitability".
    """
    deals = deals[deals["account_id"].notna()].fillna({"product_line": ALL})
    named_line = seen[seen["product_line"] != ALL]  # of what has no line nobody knows how many lines it is
    many = named_line.groupby("account_id")["product_line"].nunique().astype(float)
    known = segment.dropna().astype("str")
    named = {name: known.index[known == name] for name in sorted(known.unique())}
    if named and len(known) < len(segment):
        named["unknown"] = segment.index.difference(known.index)
    lines = sorted(seen["product_line"].unique())
    parts = []
    for by, name, ids in [(BY_LINE, ALL, None), *((str(segment.name), name, ids) for name, ids in named.items())]:
        for line in lines:
            frames = [f[f["product_line"] == line] for f in (seen, deals, bought.reset_index())]
            frames = frames if ids is None else [f[f["account_id"].isin(ids)] for f in frames]
            if len(frames[0]):
                parts.append(_criteria(frames, many, rules).assign(by=by, segment=name, product_line=line))
    columns = [*PART, "criterion", "value", "unit", "low", "high", "n", "asked", "p", "verdict", "reason"]
    return _judged(pd.concat(parts, ignore_index=True))[columns] if parts else pd.DataFrame(columns=columns)


def bought_in_year(deals: pd.DataFrame, lines: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Net revenue of each account and line in the last year; where nothing was billed at all, amounts of deals won in it.

    Parameters
    ----------
    deals : DataFrame of `with_days`
    lines : DataFrame of `orders.with_product_line`

    Returns
    -------
    Series above 0 by ``account_id, product_line``; unit: reporting currency
    """
    if lines.empty:
        won = deals[won_flag(deals)].fillna({"product_line": ALL})
        rows = won[["account_id", "product_line"]].assign(revenue=won["amount"], day=won["close_date"])
    else:
        rows = lines[["account_id", "product_line", "revenue"]].assign(day=lines["booked_at"])
    rows = rows[(rows["day"] > as_of - YEAR * DAY) & (rows["day"] <= as_of)]
    total = rows.groupby(["account_id", "product_line"])["revenue"].sum().astype(float)
    return total[total > 0]


def _criteria(frames: list[pd.DataFrame], many: pd.Series, rules: Rules) -> pd.DataFrame:
    """Estimates of one part: what is seen, deals and a year's revenue; `many` is the lines each account has dealt in."""
    seen, deals, bought = frames
    buyers = seen[seen["evidence"] == "buyers"].groupby("account_id")["value"].mean()
    aged = deals[(deals["age_days"] >= 0) & (deals["type"] != "renewal")]
    took = survival.clustered(aged["age_days"], aged["is_closed"].astype(bool), 0.5, aged["account_id"], SEED)
    amount = deals[deals["amount"] > 0].groupby("account_id")["amount"].median().astype(float)
    revenue = bought["revenue"].to_numpy(float)
    estimates = {
        "deal_value": intervals.estimate(amount, np.median, SEED),
        "account_value": intervals.estimate(bought["revenue"], np.median, SEED),
        "cycle_days": (*took[:3], aged["account_id"].nunique()),
        "buyers": intervals.estimate(buyers, np.mean, SEED),
        "top_fifth_share": (*intervals.bootstrap_ci((revenue,), _top_share, SEED), len(revenue)),
        "lines": intervals.estimate(many[many.index.isin(seen["account_id"])], np.mean, SEED),
    }
    out = pd.DataFrame.from_dict(estimates, orient="index", columns=["value", "low", "high", "n"])
    about = pd.DataFrame.from_dict(CRITERIA, orient="index", columns=["unit", "reason"])
    return out.join(about).assign(asked=pd.Series(rules.suitability)).rename_axis("criterion").reset_index()


def _top_share(revenue: np.ndarray, axis: int = -1) -> np.ndarray:
    """`concentration.top_share` of many rows at once."""
    n = revenue.shape[axis]
    count = int(np.ceil(TOP * n - concentration.TOLERANCE))
    share: np.ndarray = np.sort(revenue, axis=axis)[..., n - count :].sum(axis=axis) / revenue.sum(axis=axis)
    return share


def _judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the adjusted p-value of each criterion against its rule, and the verdict."""
    above = rows["value"] >= rows["asked"]
    with np.errstate(divide="ignore", invalid="ignore"):  # a rule of 0, or an interval of no width
        apart, width = (
            np.abs(np.log((end / rows["value"]).to_numpy(float)))
            for end in (rows["asked"], rows["low"].where(above, rows["high"]))
        )
        p = pd.Series(2 * scipy.special.stdtr(rows["n"] - 1, -apart * intervals.Z / width), rows.index)
    few = rows["n"] < np.where(rows["criterion"] == "top_fifth_share", intervals.FLOOR_ACCOUNTS, FEWEST)
    p = p.mask(rows["asked"] == rows["value"], 1.0).mask(few)
    p = intervals.adjusted(p)
    stands = p <= 1 - intervals.LEVEL
    conditions = [rows["n"] == 0, few, stands & above, stands]
    return rows.assign(p=p, verdict=np.select(conditions, [UNKNOWN, EARLY, YES, NO], UNSURE))


def verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """Verdict for each part: does account-based marketing suit this line, in this segment.

    ``suited``: more than half of the criteria that can be judged say yes, and the value of deals or of an account's year is not
    too small; ``not suited``: more than half say no; ``mixed``: neither, though `LEAST_JUDGED` say yes or no; else ``too little
    is known``, as it is where fewer can be judged.

    Parameters
    ----------
    judged : DataFrame of `criteria`

    Returns
    -------
    DataFrame, one row per part, in order: ``by, segment, product_line, verdict, answer`` (the verdict with its count of
    criteria), ``n`` (accounts), ``speaks_for, speaks_against`` (their names)
    """
    rows = []
    for part, of in judged.groupby(PART, sort=False):
        yes, no, unsure = (of.loc[of["verdict"] == v, "criterion"].tolist() for v in (YES, NO, UNSURE))
        known = len(yes) + len(no) + len(unsure)
        worth = [c for c in WORTH if c not in no]
        verdict = (
            LITTLE if known < LEAST_JUDGED else NOT_SUITED if len(no) > known / 2
            else SUITED if len(yes) > known / 2 and worth else MIXED if len(yes) + len(no) >= LEAST_JUDGED else LITTLE
        )  # fmt: skip
        answer = f"{verdict} ({len(yes)} of {known} say yes)" if known else verdict
        rows.append((*part, verdict, answer, int(of["n"].max()), ", ".join(yes), ", ".join(no)))
    return pd.DataFrame(rows, columns=[*PART, "verdict", "answer", "n", "speaks_for", "speaks_against"])


def may_begin(judged: pd.DataFrame) -> bool:
    """Is account-based marketing suited anywhere, or not yet judged to be unsuited.

    Parameters
    ----------
    judged : DataFrame of `verdicts`
    """
    return SUITED in set(judged["verdict"]) or NOT_SUITED not in set(judged["verdict"])


def fits(typical: pd.DataFrame, main: pd.DataFrame, bought: pd.Series, rules: Rules) -> pd.DataFrame:
    """Which criteria each account meets, and whether it fits.

    Days to close and people on a deal are what is typical of the account in its main line, so that lines are not mixed; what it
    bought in a year and its lines of business are of the account as a whole. An account fits that meets more than half of
    what is known of it.

    Parameters
    ----------
    typical : DataFrame of `cycle.typical_values`
    main : DataFrame of `cycle.main_line`
    bought : Series of `bought_in_year`

    Returns
    -------
    DataFrame, one row per account of `main` of which `LEAST_FITS` criteria are known, indexed by account id: a column of 1 (met),
    0 or missing for each of `FITS`, and ``fits`` (bool)

    References
    ----------
    S1-15. House definition; README, glossary entry "suitability index".
    """
    own = typical.merge(main[["account_id", "product_line"]])
    values = own.pivot(index="account_id", columns="evidence", values="value").reindex(columns=["cycle_days", "buyers"])
    named = typical[typical["product_line"] != ALL]
    values = values.reindex(main["account_id"]).assign(
        lines=named.groupby("account_id")["product_line"].nunique(), account_value=bought.groupby("account_id").sum()
    )
    met = values[list(FITS)].astype(float)
    met = (met >= pd.Series(rules.suitability)[list(FITS)]).where(met.notna()).astype(float)
    met = met[met.notna().sum(axis=1) >= LEAST_FITS]
    return met.assign(fits=met.mean(axis=1) > 0.5)


def index_by_segment(fitting: pd.DataFrame, segment: pd.Series) -> pd.DataFrame:
    """Suitability index of each segment: the share of accounts that fit.

    Segments are pooled, as the largest and smallest share of many segments is chance in part. Verdict: `MORE` or `FEWER` where
    segments differ beyond chance and the pooled interval of this one excludes the share of all accounts, else `SAME`;
    ``too_early`` below `FEWEST` accounts. Accounts without a segment are in ``unknown``.

    Parameters
    ----------
    fitting : DataFrame of `fits`
    segment : as in `criteria`

    Returns
    -------
    DataFrame, most accounts first: ``group_by, group, n, n_effective`` (accounts), ``k`` (that fit), ``raw, raw_low, raw_high,
    shrunk, low, high`` (the index as seen, and pooled), ``met_…`` (share that meets each of `FITS`), ``verdict``

    References
    ----------
    S1-15; `pooling.rates`. House definition; README, glossary entry "suitability index".
    """
    label = pd.Series(fitting.index.map(segment), fitting.index).astype("str").fillna("unknown")
    by = fitting.groupby(label)
    k, n = by["fits"].sum().astype(int), by.size()
    seen = intervals.wilson(k, n).rename(columns={"low": "raw_low", "high": "raw_high"})[["raw_low", "raw_high"]]
    out = pooling.rates(k, n).join(seen).join(by[list(FITS)].mean().add_prefix("met_"))
    out = out.assign(k=k, n_effective=n, group_by=str(segment.name)).rename_axis("group").reset_index()
    apart, all_of_them = differences(out)["judged"].eq("differ").any(), k.sum() / max(n.sum(), 1)
    conditions = [out["n"] < FEWEST, apart & (out["low"] > all_of_them), apart & (out["high"] < all_of_them)]
    out = out.assign(verdict=np.select(conditions, [EARLY, MORE, FEWER], SAME))
    columns = ["group_by", "group", "n", "n_effective", "k", "raw", "raw_low", "raw_high", "shrunk", "low", "high"]
    met = [f"met_{name}" for name in FITS]
    return out.sort_values(["n", "group"], ascending=[False, True], ignore_index=True)[[*columns, *met, "verdict"]]


def index_rows(by: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the suitability index, as seen and pooled.

    Parameters
    ----------
    by : DataFrame of `index_by_segment`
    """
    whole = share_row("S1-15", "suitability_index", int(by["k"].sum()), int(by["n"].sum()))
    known = by["verdict"] != EARLY
    about = by[["n", "group_by", "group"]].assign(status=by["verdict"].where(~known, "ok"))
    seen = by[["raw_low", "raw_high"]].where(known).set_axis(["low", "high"], axis=1)
    pooled = by[["low", "high"]].where(known)
    return pd.concat([
        pd.DataFrame([whole]),
        measure_rows("S1-15", "suitability_index", by["raw"].where(known), "share", **seen, **about),
        measure_rows("S1-15", "suitability_index_pooled", by["shrunk"].where(known), "share", **pooled, **about),
    ], ignore_index=True)  # fmt: skip


def class_a_revenue(bought: pd.Series, segment: pd.Series, judged: pd.DataFrame) -> pd.DataFrame:
    """A year's revenue by verdict, of all accounts and of those of class A.

    Revenue of an account in a line takes the verdict of its segment in that line; where too little is known of that, the
    verdict of the line.

    Parameters
    ----------
    bought : Series of `bought_in_year`
    segment : as in `criteria`
    judged : DataFrame of `verdicts`

    Returns
    -------
    DataFrame, one row per verdict, largest first: ``verdict, accounts, revenue, share_of_revenue, class_A_accounts,
    share_of_class_A_revenue``
    """
    rows = bought.rename("revenue").reset_index()
    rows["top"] = rows["account_id"].map(value.pareto_class(bought.groupby("account_id").sum()) == "A").astype(bool)
    rows["segment"] = rows["account_id"].map(segment.astype("str")).fillna("unknown")
    by = judged.set_index(["segment", "product_line"])["verdict"]
    own = by.where(by != LITTLE).reindex(pd.MultiIndex.from_frame(rows[["segment", "product_line"]])).to_numpy()
    of_line = judged[judged["by"] == BY_LINE].set_index("product_line")["verdict"]
    rows["verdict"] = pd.Series(own, rows.index).fillna(rows["product_line"].map(of_line))
    every, top = (
        of.groupby("verdict").agg({"account_id": "nunique", "revenue": "sum"}) for of in (rows, rows[rows["top"]])
    )
    out = pd.DataFrame({
        "accounts": every["account_id"], "revenue": every["revenue"],
        "share_of_revenue": every["revenue"] / every["revenue"].sum(), "class_A_accounts": top["account_id"],
        "share_of_class_A_revenue": top["revenue"] / top["revenue"].sum(),
    })  # fmt: skip
    out = out.fillna({"class_A_accounts": 0, "share_of_class_A_revenue": 0.0}).astype({"class_A_accounts": int})
    return out.sort_values("revenue", ascending=False).rename_axis("verdict").reset_index()


def criteria_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures` with the criteria; what is too early or not answerable has no value.

    Parameters
    ----------
    judged : DataFrame of `criteria`
    """
    known = ~judged["verdict"].isin([EARLY, UNKNOWN])
    ends = judged.assign(level=intervals.LEVEL)[["low", "high", "level"]].where(known)
    of_line = judged["by"] == BY_LINE
    group = judged["product_line"].where(of_line, judged["segment"] + ": " + judged["product_line"])
    return measure_rows(
        "S0-3", "suitability_" + judged["criterion"], judged["value"].where(known), judged["unit"], n=judged["n"],
        status=judged["verdict"].mask(known, "ok"), group_by=judged["by"], group=group, **ends,
    )  # fmt: skip


def met_rows(judged: pd.DataFrame) -> pd.DataFrame:
    """Rows of `measures`: the share of criteria that each line meets.

    Parameters
    ----------
    judged : DataFrame of `criteria`
    """
    of_line = judged[(judged["by"] == BY_LINE) & judged["verdict"].isin([YES, NO, UNSURE])]
    met = of_line["verdict"].eq(YES).groupby(of_line["product_line"]).agg(["sum", "size"])
    rows = [
        counted_row("S0-3", "suitability_criteria_met", int(r.sum), int(r.size), group_by=BY_LINE, group=r.Index)
        for r in met.itertuples()
    ]
    return pd.DataFrame(rows or [counted_row("S0-3", "suitability_criteria_met", 0, 0)])
