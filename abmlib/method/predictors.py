"""What a model may learn from: features that mean the same on past days and today, as numbers without gaps.

A feature is left out, with the reason, where it is known less often in the past than today or more often, where it looks back
further than facts reach, or counts all history, of which there is more on later days. A description that is missing is taken
from an account drawn by its id, so that no model can learn from the gap: it may have been filled in because the account bought.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from abmlib.stats import intervals, scores
from abmlib.stats.intervals import FLOOR_ACCOUNTS, FLOOR_OUTCOMES, LEVEL

FILL_APART = 0.10  # of shares filled, past and today, above which a feature is not the same on both
FEWEST_KNOWN = 0.2  # share of rows with a description below which the rest would be lent by too few
FILL_LEAK = 0.25  # of shares filled, where it happened and not, above which a value seems to be filled in afterwards
SURE = 0.001  # p below which gaps go with what came; some gaps have honest causes, such as the size of a company
TELLS_ALL = 0.90  # area under the curve of one entered column above which it seems to be known only afterwards
FEWEST_ROWS = 30  # past rows with a category; rarer ones are "other"
MOST_KINDS = 8  # categories of a column
OPEN_END = 730  # days to the end of a contract, for accounts without one
SLACK = 31  # days by which the first fact may come later than a window asks
LONGEST = 40  # letters of a description that is named as a reason
LIST = ";"
TOUCH, SALE, DEAL, PEOPLE, FIRM = "activities", "transactions", "opportunities", "contacts", "accounts"


@dataclass(frozen=True)
class About:
    """What a model must know of a feature."""

    words: str  # what readers call it
    table: str  # whose first fact says how far back it can look
    back: int = 365  # days it looks back; 0: it says what is now; -1: it counts all history
    belief: int = 0  # what people think: 1 more of it goes with buying, -1 with not buying, 0 nothing


def _many(table: str, back: int, rows: Mapping[str, tuple[str, int]]) -> dict[str, About]:
    """Features of one table and window."""
    return {name: About(words, table, back, belief) for name, (words, belief) in rows.items()}


FEATURES = {
    **_many(FIRM, 0, {
        "industry": ("industry", 0), "country": ("country", 0), "employees": ("employees", 1), "org_type": ("type of organisation", 0),
        "annual_revenue": ("own yearly revenue", 1), "tech_stack": ("technology", 0), "growth_outlook": ("outlook", 0),
        "known_days": ("days known", 0),
    }),
    **_many(SALE, 92, {"revenue_3m": ("revenue, 3 months", 1)}),
    **_many(SALE, 365, {
        "revenue_12m": ("revenue, 12 months", 1), "margin_12m": ("margin, 12 months", 1),
        "margin_rate_12m": ("margin rate, 12 months", 0), "returned_share_12m": ("share returned, 12 months", -1),
        "revenue_growth_6m": ("growth, last 6 months on the 6 before", 1),
        "buying_days_12m": ("days with a purchase, 12 months", 1), "products_12m": ("products bought, 12 months", 1),
    }),
    **_many(SALE, 730, {
        "revenue_prior_12m": ("revenue, the 12 months before", 1),
        "revenue_growth_12m": ("growth, last 12 months on the 12 before", 1),
    }),
    **_many(SALE, 0, {"days_since_purchase": ("days since the last purchase", -1)}),
    **_many(SALE, -1, {
        "customer_days": ("days since the first purchase", 1), "buying_days": ("days with a purchase, ever", 1),
        "mean_gap_days": ("days between purchases", -1),
    }),
    **_many(TOUCH, 91, {
        "touches_in_30d": ("touches by the account, 30 days", 1), "touches_in_90d": ("touches by the account, 90 days", 1),
        "touches_out_90d": ("our touches, 90 days", 1), "engagement_14d": ("engagement, half-life 14 days", 1),
        "engagement_30d": ("engagement, half-life 30 days", 1), "engagement_web_30d": ("engagement on the web", 1),
        "engagement_email_30d": ("engagement by e-mail and letter", 1), "engagement_meetings_30d": ("engagement in meetings and calls", 1),
        "engagement_events_30d": ("engagement at events", 1), "meetings_90d": ("meetings held, 90 days", 1),
        "key_pages_90d": ("key pages seen, 90 days", 1), "momentum_3w": ("touches this week on the 3 before", 1),
        "momentum_4w": ("touches this week on the 4 before", 1), "people_90d": ("people active, 90 days", 1),
        "effective_people_90d": ("breadth of people active, 90 days", 1), "roles_90d": ("buying roles active, 90 days", 1),
        "touches_deciders_90d": ("touches of deciders, 90 days", 1),
    }),
    **_many(TOUCH, 365, {"engagement_90d": ("engagement, half-life 90 days", 1), "conversions_365d": ("conversions, 12 months", 1)}),
    **_many(TOUCH, 450, {"momentum_90d": ("touches, 90 days on the year before", 1)}),
    **_many(TOUCH, 0, {"days_since_touch_in": ("days since the account was last active", -1)}),
    **_many(PEOPLE, 0, {
        "contacts": ("people known", 1), "contacts_reachable": ("people in reach", 1), "roles_known": ("buying roles known", 1),
    }),
    **_many(PEOPLE, 365, {"left_12m": ("people who left, 12 months", -1)}),
    **_many(DEAL, 0, {
        "deals_open": ("open deals", 1), "open_amount": ("amount of open deals", 1),
        "days_since_won": ("days since the last deal won", -1), "days_since_opened": ("days since the last deal opened", -1),
    }),
    **_many(DEAL, 365, {"deals_opened_12m": ("deals opened, 12 months", 1)}),
    **_many(DEAL, 730, {"won_amount_24m": ("amount won, 24 months", 1)}),
    **_many(DEAL, -1, {"deals_won": ("deals won, ever", 1), "deals_lost": ("deals lost, ever", -1)}),
    **_many("contracts", 0, {
        "contracts_running": ("contracts running", 1), "recurring_revenue": ("yearly revenue of contracts", 1),
        "days_to_contract_end": ("days to the end of a contract", 0), "notices_given": ("notices given", -1),
    }),
    **_many("surveys", 730, {"nps_24m": ("net promoter score", 1), "nps_answers_24m": ("survey answers, 24 months", 1)}),
    **_many("cases", 365, {"cases_12m": ("service cases, 12 months", -1)}),
    **_many("cases", 0, {"cases_open": ("service cases open", -1)}),
}  # fmt: skip
BELIEFS = {("growth_outlook", "growing"): 1, ("growth_outlook", "struggling"): -1}  # of categories


@dataclass(frozen=True)
class Predictors:
    """Past rows and today's in the same columns of numbers, none missing."""

    past: pd.DataFrame  # columns of numbers, index as the history
    now: pd.DataFrame  # the same, index: account id
    raw: pd.DataFrame  # features of today as they are, index: account id
    known: pd.DataFrame  # bool per past row and description: it was known, and is not lent
    of: dict[str, str]  # feature of each column
    used: pd.DataFrame  # feature, words, filled_past, filled_now, drift, why (empty: used)


def name_of(column: str, of: Mapping[str, str]) -> str:
    """Say what readers call a column of numbers: its feature, and the category if it is one."""
    feature = of[column]
    words = FEATURES[feature].words
    kind = column.removeprefix(feature).removeprefix(": ")
    return f"{words}: {kind}" if kind else words


def names_of(columns: pd.Series, of: Mapping[str, str]) -> pd.Series:
    """Say what readers call columns of numbers; empty where there is none."""
    return columns.map(lambda column: name_of(column, of) if column else "").astype("str")


def value_of(feature: str, value: Any) -> str:
    """Write a feature of today as a reader says it; empty where it is missing.

    Examples
    --------
    >>> value_of("deals_open", 2.0), value_of("revenue_growth_6m", 0.25), value_of("revenue_12m", 12500.0)
    ('2', '+25%', '12,500')
    """
    if isinstance(value, str):
        return " ".join(value.split())[:LONGEST]
    if pd.isna(value):
        return ""
    number = float(value)
    if any(word in feature for word in ("growth", "momentum")):
        return f"{number:+.0%}"
    if "rate" in feature or "share" in feature:
        return f"{number:.0%}"
    return f"{number:,.0f}" if abs(number) >= 10 or number.is_integer() else f"{number:,.1f}"


def belief(column: str, of: Mapping[str, str]) -> int:
    """Say what people think of a column: 1 more of it goes with buying, -1 with not buying, 0 nothing."""
    kind = column.removeprefix(of[column]).removeprefix(": ")
    return BELIEFS.get((of[column], kind), 0) if kind else FEATURES[of[column]].belief


def prepare(
    history: pd.DataFrame,
    today: pd.DataFrame,
    first_days: pd.Series,
    refused: Mapping[str, str] | None = None,
    learn: np.ndarray | None = None,
) -> Predictors:
    """Turn features into columns of numbers that a model may learn from.

    Counts and money go on the scale of signed logarithms. Days since something are cut at what the past can tell, which is
    also the value where it never happened. A ratio that has no value is the middle one, with a column that says so. A
    category is 1 or 0; a description that is missing is that of another account.

    Parameters
    ----------
    history : DataFrame of `Book.history`, ``day, account_id`` and features
    today : DataFrame of `Book.features`, the same features
    first_days : first day of each table, by its name
    refused : features not to be used, with the reason
    learn : bool per past row: it may lend, and counts for the middle and for categories; all rows without it

    Returns
    -------
    Predictors; a feature that is not used has a reason
    """
    start, learn = history["day"].min(), np.ones(len(history), bool) if learn is None else np.asarray(learn, bool)
    reach = ((start - first_days).dt.days if len(first_days) else pd.Series(dtype=float)).clip(lower=0)
    past, now, of, rows = dict[str, np.ndarray](), dict[str, np.ndarray](), dict[str, str](), []
    for feature in [c for c in today.columns if c in FEATURES]:
        about, a, b = FEATURES[feature], history[feature], today[feature]
        filled = [float(x.notna().mean()) if len(x) else 0.0 for x in (a, b)]
        far = reach.get(about.table, 0 if about.table in ("transactions", "activities", "opportunities") else np.inf)
        why = (refused or {}).get(feature) or _why_not(about, filled, far, a)
        drift = np.nan
        if not why:
            ids = (history["account_id"], pd.Series(today["account_id"]))
            made = _columns(feature, about, a, b, *ids, int(min(far, 3650)), learn)
            for column, (x, y) in made.items():
                past[column], now[column], of[column] = x, y, feature
            drift = max((scores.stability_index(x, y) for x, y in made.values()), default=np.nan)
            why = "" if made else "the same for all accounts"
        rows.append((feature, about.words, *filled, drift, why))
    used = pd.DataFrame(rows, columns=["feature", "words", "filled_past", "filled_now", "drift", "why"])
    return Predictors(
        pd.DataFrame(past, history.index),
        pd.DataFrame(now, pd.Index(today["account_id"])),
        today.set_index("account_id"),
        history[[c for c in today.columns if c in FEATURES and FEATURES[c].table == FIRM]].notna(),
        of,
        used.astype({"drift": "float64"}),
    )


def leaks(history: pd.DataFrame, came: pd.Series, more: Sequence[str] = ()) -> dict[str, str]:
    """Name entered features that tell the outcome in a way that only hindsight can: what was filled in because it happened.

    Only descriptions that people or systems enter are judged; what counts dated facts cannot know the future. A feature is named
    that is filled for one outcome much more often than for the other, or that tells the outcome nearly alone. So is one whose
    gaps go with what came of accounts that had not bought, beyond chance (`_filled_by_newcomers`): sales fills in customers. Days
    since something that are below 0 are of something that lay ahead, whatever the feature.

    Parameters
    ----------
    history : DataFrame ``account_id`` and features, one row per account and past day
    came : 1 or 0 per row
    more : columns that are entered too, besides descriptions of accounts

    Returns
    -------
    reason by feature

    References
    ----------
    House definition; complaints D17, D18; README, glossary entry "leak".
    """
    found, yes, account = dict[str, str](), came.to_numpy(float), history["account_id"].to_numpy()
    if not len(yes) or not 0 < yes.mean() < 1:
        return found
    entered = [c for c in history if (c in FEATURES and FEATURES[c].table == FIRM and c != "known_days") or c in more]
    for feature in [c for c in history if c.startswith("days_since")]:
        ahead = int((history[feature] < 0).sum())
        if ahead:
            found[feature] = (
                f"dated after the day on {ahead:,} of {len(history):,} past rows: a plan, or known only afterwards?"
            )
    by_gaps = _filled_by_newcomers(history, yes, entered)
    for feature in [c for c in entered if c not in found]:
        filled = history[feature].notna().to_numpy(float)
        share = [float(filled[yes == k].mean()) for k in (1, 0)]
        apart = scores.auc(filled, yes, account)
        if abs(share[0] - share[1]) > FILL_LEAK and not apart[1] <= 0.5 <= apart[2]:
            found[feature] = (
                f"filled for {share[0]:.0%} where it happened and {share[1]:.0%} where not: filled in afterwards?"
            )
            continue
        if feature in by_gaps:
            found[feature] = by_gaps[feature]
            continue
        tells = max((abs(area - 0.5) + 0.5 for area in _alone(history[feature], yes, account)), default=0.5)
        if tells > TELLS_ALL:
            found[feature] = f"tells the outcome nearly alone (area {tells:.2f}): known only afterwards?"
    return found


def _filled_by_newcomers(history: pd.DataFrame, yes: np.ndarray, entered: Sequence[str]) -> dict[str, str]:
    """Name features filled more or less often for accounts without a purchase of which it then came, beyond chance.

    Each account counts once, on its first past day. Tests are adjusted over all features and the share of them that is filled; where
    that share differs, each feature that differs by itself is named.

    References
    ----------
    As `missingness.foretold_by_gaps`.
    """
    if "day" not in history:  # deals, of which none says whether its account had bought
        return {}
    new = np.ones(len(history), bool)
    for sold in {"days_since_purchase", "days_since_won"} & set(history):
        new &= history[sold].isna().to_numpy()
    first = history[new].sort_values("day").drop_duplicates("account_id").set_index("account_id")
    did = pd.Series(yes[new], history.loc[new, "account_id"]).groupby(level=0).max().reindex(first.index) > 0
    filled = first[[c for c in entered if 0 < first[c].notna().mean() < 1]].notna() if len(first) else pd.DataFrame()
    if filled.empty or len(did) < FLOOR_ACCOUNTS or min(did.sum(), (~did).sum()) < FLOOR_OUTCOMES:
        return {}
    k = pd.DataFrame({"came": filled[did].sum(), "not": filled[~did].sum()})
    n = pd.DataFrame({"came": int(did.sum()), "not": int((~did).sum())}, index=k.index)
    each, shares = intervals.exact_p(k, n), k / n
    share = filled.mean(axis=1)
    whole = scores.area(share.to_numpy(), did.to_numpy(float), np.arange(len(did)))[4]
    p = intervals.adjusted(pd.Series([*each, whole]))
    together = p.iloc[-1] < SURE
    return {
        str(c): f"of accounts that had not bought, filled for {shares['came'][c]:.0%} where it came and "
        f"{shares['not'][c]:.0%} where not: filled in afterwards?"
        for c, own, one in zip(filled, each, p, strict=False)
        if one < SURE or (together and own < 1 - LEVEL)
    }


def _alone(values: pd.Series, yes: np.ndarray, account: np.ndarray) -> list[float]:
    """Ends of the intervals of what a column tells alone, the nearer to one half: of each frequent category, or of a number."""
    known = values.notna().to_numpy()
    if not known.any() or not 0 < yes[known].mean() < 1:
        return []
    if pd.api.types.is_numeric_dtype(values):
        columns = [values[known].to_numpy(float)]
    else:
        kinds = values.value_counts().head(MOST_KINDS).index
        columns = [(values[known] == kind).to_numpy(float) for kind in kinds]
    areas = [scores.auc(x, yes[known], account[known]) for x in columns]
    return [low if low > 0.5 else high if high < 0.5 else 0.5 for _, low, high, _ in areas]


def _why_not(about: About, filled: list[float], far: float, past: pd.Series) -> str:
    """Why a feature cannot be used; empty if it can."""
    if not filled[0]:
        return "not known on past days" if filled[1] else "not in the data"
    if about.back < 0:
        return "counts all history, which is longer on later days"
    if about.back > far + SLACK:
        return f"looks back {about.back:,} days, and facts begin {int(far):,} days before the first past day"
    if about.table == FIRM and abs(filled[0] - filled[1]) > FILL_APART:
        return (
            "known for more accounts today than then"
            if filled[1] > filled[0]
            else "known for fewer accounts today than then"
        )
    if about.table == FIRM and filled[0] < FEWEST_KNOWN:
        return f"known for {filled[0]:.0%} of past rows only"
    return "the same for all accounts" if past.nunique(dropna=False) < 2 else ""


def _columns(
    feature: str,
    about: About,
    past: pd.Series,
    now: pd.Series,
    of_past: pd.Series,
    of_now: pd.Series,
    far: int,
    learn: np.ndarray,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Columns of numbers of one feature, past and now."""
    if not pd.api.types.is_numeric_dtype(past):
        pair = tuple(lent(x, past[learn], ids) for x, ids in ((past, of_past), (now, of_now)))
        return categories(feature, pair[0], pair[1], learn=learn)
    pair = tuple(x.to_numpy(dtype=float, na_value=np.nan) for x in (past, now))
    is_since = feature == "known_days" or feature.startswith("days_since")
    if about.table == FIRM and not is_since:
        pair = tuple(
            lent(pd.Series(x), pd.Series(pair[0][learn]), ids).to_numpy(float)
            for x, ids in zip(pair, (of_past, of_now), strict=True)
        )
        return _varying({feature: tuple(np.log1p(np.maximum(x, 0)) for x in pair)})
    if is_since:
        most = max(far, 1)
        return _varying({feature: tuple(np.log1p(np.nan_to_num(np.clip(x, 0, most), nan=most)) for x in pair)})
    if feature == "days_to_contract_end":
        return _varying({feature: tuple(np.nan_to_num(np.clip(x, 0, OPEN_END), nan=OPEN_END) for x in pair)})
    middle = np.nanmedian(pair[0][learn]) if (~np.isnan(pair[0][learn])).any() else 0.0
    gaps = {f"{feature}: no value": tuple(np.isnan(x).astype(float) for x in pair)} if np.isnan(pair[0]).any() else {}
    filled = tuple(np.where(np.isnan(x), middle, x) for x in pair)
    return _varying({feature: tuple(signed_log(x) for x in filled)} | gaps)


def signed_log(x: np.ndarray) -> np.ndarray:
    """Put counts and money on the scale of logarithms, with their sign; 0 stays 0."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x)))


def _varying(made: Mapping[str, tuple[np.ndarray, ...]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Keep columns that differ between past rows."""
    return {name: (x, y) for name, (x, y) in made.items() if np.ptp(x) > 0}


def lent(values: pd.Series, known: pd.Series, ids: pd.Series) -> pd.Series:
    """Fill what is missing with the value of a past row chosen by the account's id: the same on each day, and of no meaning."""
    from_whom = known.dropna().sort_values(ignore_index=True)
    if values.notna().all() or from_whom.empty:
        return values.reset_index(drop=True)
    lot = pd.util.hash_array(ids.astype("str").to_numpy(object)) % np.uint64(len(from_whom))
    borrowed = from_whom.iloc[lot.astype(int)].reset_index(drop=True)
    return values.reset_index(drop=True).where(values.notna().to_numpy(), borrowed)


def categories(
    feature: str, past: pd.Series, now: pd.Series, most: int = MOST_KINDS, learn: np.ndarray | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Make a column of 1 and 0 for each of the `most` frequent categories of the past, or of its rows in `learn`; the parts of a list count each.

    Categories of fewer than `FEWEST_ROWS` past rows, or of all but as few, have none.

    Returns
    -------
    by the name of the column, past and now
    """
    split = feature == "tech_stack"
    seen = past if learn is None else past[learn]
    kinds = (seen.str.split(LIST).explode() if split else seen).str.strip().value_counts()
    kinds = kinds[(kinds >= FEWEST_ROWS) & (kinds <= len(seen) - FEWEST_ROWS)].head(most)
    found = {}
    for kind in sorted(kinds.index):
        held = tuple(
            x.map(lambda text, kind=kind: kind in [p.strip() for p in str(text).split(LIST)])
            if split
            else x.str.strip() == kind
            for x in (past, now)
        )
        found[f"{feature}: {kind}"] = tuple(flag.fillna(False).to_numpy(float) for flag in held)
    return _varying(found)
