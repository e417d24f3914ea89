"""What the estimators say of markets of known truth, over many seeds: bias, coverage, power and false alarms.

    python -m benchmarks.truth --first-seed 2001      # all of it, on seeds never used before; writes benchmarks/truth.md
    python -m benchmarks.truth --only "win rate"      # some rows, which replace their like in the page
    python -m benchmarks.truth --seeds 20 --to -      # shorter, and written nowhere

A new effect is a new `Proof` in `PROOFS`: the switches it needs, and a function that asks a market what the notebook asks of
its book and sets it beside the truth. `tests/test_truth.py` runs all of them with a few seeds.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from abmlib.method import periods, value
from abmlib.method.deals import cohorts, differences
from abmlib.stats import concentration, intervals, survival
from abmlib.tables.days import local_days
from benchmarks import (
    truth_changes,
    truth_cycle,
    truth_forecast,
    truth_holdout,
    truth_intervals,
    truth_lists,
    truth_missing,
    truth_page,
    truth_power,
    truth_propensity,
    truth_sizes,
    truth_suitability,
    truth_value,
)
from benchmarks.proof import NOTHING, Found, Proof, Seen, measure

PAGE = Path(__file__).with_name("truth.md")
SEED = 3  # of the bootstrap of concentration
TOP = 0.2  # share of accounts whose share of revenue is asked for


def of_row(row: dict[str, Any], truth: float = float("nan")) -> Found:
    """What a row of `measures` says, beside the truth."""
    return Found(row["value"], truth, row["low"], row["high"], n=row["n"])


def win_rate(seen: Seen) -> Found:
    """Win rate by count, of the deals closed in the window."""
    return of_row(seen.win_rates[0], _chance(seen, seen.closed).mean())


def win_rate_by_amount(seen: Seen) -> Found:
    """Win rate by amount, of the deals closed in the window that have one."""
    known = seen.closed[seen.closed["amount"].notna()]
    return of_row(seen.win_rates[1], float(np.average(_chance(seen, known), weights=known["amount"])))


def win_rate_of_cohort(seen: Seen) -> Found:
    """Win rate of the newest cohort that is not too early to judge, against all deals opened in its quarter."""
    starts = seen.book.settings.fiscal_year_starts
    judged = cohorts(seen.deals, seen.book.as_of, starts).query("status == 'ok' and decided > 0")
    if judged.empty:
        return Found()
    last = judged.iloc[-1]
    opened = seen.deals["created_day"].dt.to_period(periods.quarters(starts)).astype("str") == last["cohort"]
    truth = _chance(seen, seen.deals[opened]).mean()
    return Found(last["win_share"], truth, last["win_low"], last["win_high"], n=last["decided"])


def _chance(seen: Seen, deals: pd.DataFrame) -> np.ndarray:
    """True chance to win of each deal when it was opened."""
    return seen.of_deals["win_probability"].reindex(deals["opportunity_id"]).to_numpy(float)


def days_to_close(seen: Seen) -> Found:
    """Median days from opening to closing, open deals counted as running."""
    return of_row(seen.cycles["days_to_close_median_open_censored"])


def days_to_won(seen: Seen) -> Found:
    """Median days from opening to winning, of deals won in the window."""
    return of_row(seen.cycles["days_to_won_median"])


def true_days(seen: Seen, only_won: bool = False) -> np.ndarray:
    """Days from opening to the true closing of every deal, also where that lies after the report."""
    deals = seen.deals[seen.deals["created_day"].notna()].set_index("opportunity_id")
    true = seen.of_deals.reindex(deals.index)
    closes = local_days(true["closes_at"], seen.book.settings.time_zone)
    days = (closes - deals["created_day"]).dt.days
    return days[true["ends_won"].astype(bool)].to_numpy(float) if only_won else days.to_numpy(float)


def median(parts: list[np.ndarray]) -> float:
    """Time by which half are over, as `survival.quantile` counts it."""
    days = pd.Series(np.concatenate(parts))
    return survival.quantile(days, pd.Series(True, index=days.index), 0.5).value


def gini(seen: Seen) -> Found:
    """Gini of revenue as 03 gives it, and the house bootstrap over accounts, which 03 does not show."""
    found = _concentration(seen.revenue, "gini_of_positive_revenue")
    positive = seen.revenue[seen.revenue > 0].to_numpy(float)
    _, low, high = intervals.bootstrap_ci((positive,), gini_of_rows, SEED)
    return Found(found, low=low, high=high, n=len(positive))


def gini_of_rows(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """`concentration.gini` of many rows of positive values at once."""
    ordered = np.sort(x, axis=axis)
    n = x.shape[axis]
    weight = 2 * np.arange(1, n + 1) - n - 1
    return (ordered * weight).sum(axis=axis) / (n * ordered.sum(axis=axis))


def top_share(seen: Seen) -> Found:
    """Share of revenue of the largest accounts as 03 gives it, and the house bootstrap, which 03 does not show."""
    found = _concentration(seen.revenue, "top_20pc_share_of_revenue")
    _, low, high = intervals.bootstrap_ci((seen.revenue.to_numpy(float),), top_share_of_rows, SEED)
    return Found(found, low=low, high=high, n=len(seen.revenue))


def top_share_of_rows(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """`concentration.top_share` of many rows at once."""
    n = x.shape[axis]
    top = int(np.ceil(TOP * n - concentration.TOLERANCE))
    return np.sort(x, axis=axis)[..., n - top :].sum(axis=axis) / x.sum(axis=axis)


def _concentration(revenue: pd.Series, definition: str) -> float:
    """One value of `value.concentration_measures`."""
    rows = value.concentration_measures(revenue, "revenue", periods.Period(pd.NaT, pd.NaT)).set_index("definition_id")
    return float(rows.loc[definition, "value"])


def revenue(seen: Seen) -> pd.Series:
    """Revenue of each account."""
    return seen.revenue


def concentration_of_all(definition: str, parts: list[pd.Series]) -> float:
    """A measure of concentration over the accounts of many markets."""
    return _concentration(pd.concat(parts, ignore_index=True), definition)


def retention(seen: Seen) -> Found:
    """Share of the earlier class A that is class A again."""
    return of_row(_kept(seen.halves))


def halves(seen: Seen) -> pd.DataFrame:
    """Revenue of each account in two periods."""
    return seen.halves


def retention_of_all(parts: list[pd.DataFrame]) -> float:
    """The same over the accounts of many markets, ranked as one book."""
    return float(_kept(pd.concat(parts, ignore_index=True))["value"])


def _kept(of: pd.DataFrame) -> dict[str, Any]:
    """The row of `value.top_retention`."""
    earlier, later = (
        value.pareto_class(of[c]).where(of[active], value.NONE) for c, active in (("earlier", "was"), ("later", "is"))
    )
    moves = value.class_moves(earlier, later)
    return value.top_retention(moves, periods.Period(pd.NaT, pd.NaT)).iloc[0].to_dict()


def sellers(seen: Seen) -> Found:
    """Range of the sellers' shrunken win rates against the range of their true ones; called where 12 says they differ."""
    known = seen.groups[seen.groups["group"] != "unknown"]
    judged = differences(known).set_index("group_by")["judged"]
    own = seen.groups[seen.groups["group_by"] == "owner"].set_index("group")
    true = pd.Series(_chance(seen, seen.closed)).groupby(seen.closed["owner_id"].to_numpy()).mean().reindex(own.index)
    return Found(
        np.ptp(own["shrunk"]),
        np.ptp(true),
        called=float(judged["owner"] == "differ"),
        covered=float(true.between(own["low"], own["high"]).mean()),
        n=own["n"].sum(),
    )


PROOFS: list[Proof] = [
    Proof(
        "win rate by count",
        "C-2",
        win_rate,
        unit="deals",
        note="Truth: the mean true chance to win of the very deals that closed in the window. Choosing deals by their "
        "closing day takes those that end soon; the bias says what that does. Chances differ from deal to deal, so "
        "the count of wins varies less than the interval allows, which errs on the wide side.",
    ),
    Proof(
        "win rate by amount",
        "C-3",
        win_rate_by_amount,
        unit="deals",
        note="Truth: the same chances, weighted by the amount last noted. Large deals are few and run long, so that it "
        "matters more than in the count which of them closed in the window.",
    ),
    Proof(
        "win rate of the newest cohort judged",
        "C-2",
        win_rate_of_cohort,
        unit="deals",
        note="Truth: the mean true chance of all deals opened in that quarter, those still open too.",
    ),
    Proof(
        "median days to close",
        "C-5",
        days_to_close,
        part=true_days,
        whole=median,
        unit="deals",
        note="Kaplan–Meier with open deals as running, over all deals of the book, won or lost. Truth: the median over all "
        "deals that markets of the kind open, also those that close after the report; for the deals of this one book it "
        "would be met almost exactly. Deals of one account are of the same lines, and lines differ in their pace, so the "
        "interval draws accounts.",
    ),
    Proof(
        "median days to won",
        "C-5",
        days_to_won,
        part=partial(true_days, only_won=True),
        whole=median,
        unit="deals",
        note="Deals won in the window. Truth: the median over all deals that end won, whenever.",
    ),
    Proof(
        "Gini of revenue",
        "C-38",
        gini,
        part=revenue,
        whole=partial(concentration_of_all, "gini_of_positive_revenue"),
        covers=(0.85, 1.0),
        unit="accounts",
        note="03 gives it as a count of the whole book, without an interval. The coverage is that of the house bootstrap "
        "over accounts, as an estimate of the business the accounts are drawn from; with few large accounts it is known to fall "
        "short.",
    ),
    Proof(
        "share of revenue of the top fifth",
        "C-38",
        top_share,
        part=revenue,
        whole=partial(concentration_of_all, "top_20pc_share_of_revenue"),
        covers=(0.85, 1.0),
        unit="accounts",
        note="As the Gini.",
    ),
    Proof(
        "retention of class A",
        "C-38",
        retention,
        part=halves,
        whole=retention_of_all,
        unit="accounts",
        note="Truth: the same share where many markets are ranked as one book.",
    ),
    Proof(
        "sellers differ",
        "C-2",
        sellers,
        off=NOTHING,
        unit="deals",
        note="Truth: the range from the worst to the best seller of the mean true chance of their deals; estimate: the "
        "range of shrunken rates, smaller by design. Coverage: share of sellers whose shrunken interval holds their "
        "mean true chance; nine sellers do not tell how far they are apart, so it averages over that. "
        "Called: 12 says the win rates of owners differ.",
    ),
    *truth_forecast.PROOFS,
    *truth_cycle.PROOFS,
    *truth_missing.PROOFS,
    *truth_intervals.PROOFS,
    *truth_changes.PROOFS,
    *truth_power.PROOFS,
    *truth_holdout.PROOFS,
    *truth_value.PROOFS,
    *truth_suitability.PROOFS,
    *truth_propensity.PROOFS,
    *truth_sizes.PROOFS,
    *truth_lists.PROOFS,
]


def main() -> None:
    """Run the proofs, print the table and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="markets, each with a seed of its own")
    parser.add_argument("--first-seed", type=int, default=1, help="the seeds follow each other from here")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--accounts", type=int, default=500, help="in each market, for rows without their own number")
    parser.add_argument("--only", default="", help="rows whose effect holds this text; the page keeps the others")
    parser.add_argument("--to", default=str(PAGE), help="page to write; - for none")
    given = parser.parse_args()
    proofs = [p for p in PROOFS if given.only in p.effect]
    page = Path(given.to)
    rows = truth_page.kept(page.read_text("utf-8")) if given.only and page.is_file() else {}
    if not proofs or (given.only and page.is_file() and not rows):
        parser.error("--only: no row has this text, or the page has other columns. Run all rows.")
    start = time.perf_counter()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    made = {r.proof.effect: truth_page.line(r) for r in measure(proofs, seeds, given.accounts, jobs=given.jobs)}
    print(truth_page.table(list(made.values())))  # noqa: T201
    print(f"{time.perf_counter() - start:.0f} seconds")  # noqa: T201
    if given.to != "-":
        page.write_text(truth_page.page(PROOFS, rows | made), "utf-8")


if __name__ == "__main__":
    main()
