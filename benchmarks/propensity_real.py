"""Do the models of 04 hold on data that other people made? Beside the base rate, LightGBM's defaults and CatBoost.

    python -m benchmarks.propensity_real                   # writes benchmarks/propensity.md; about six minutes
    python -m benchmarks.propensity_real --sets FOLDER     # where the data sets lie; ../shared/data beside this checkout

A set that is absent is left out. CatBoost is no part of the project: where it is not installed its line of the last page stays.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from abmlib.method import deals, orders, outcomes, predictors, propensity
from abmlib.method.propensity import RULE, SEED, Tested
from abmlib.stats import models, scores
from abmlib.stats.intervals import LEVEL
from abmlib.stats.models import BASE, COLUMN, LINEAR, TREES
from abmlib.stats.scores import Estimate
from abmlib.tables import Book
from abmlib.tables.importers import mapped
from benchmarks.believable import HERE, SETS

PAGE = Path(__file__).with_name("propensity.md")
IBM = "ibm_sales_win_loss/WA_Fn-UseC_-Sales-Win-Loss.csv"
AT_CLOSE = [
    "Elapsed Days In Sales Stage", "Sales Stage Change Count", "Total Days Identified Through Closing",
    "Total Days Identified Through Qualified", "Ratio Days Identified To Total Days", "Ratio Days Validated To Total Days",
    "Ratio Days Qualified To Total Days",
]  # fmt: skip
BOOKS = {  # name on the page: mapping, folder below the sets, file or folder that must be there, last day of the data
    "Online Retail, two years": ("online_retail_both", "", ("online_retail_ii", "online_retail"), "2011-12-09"),
    "AdventureWorks resellers": ("adventureworks_reseller", "adventureworks_dw_reseller", ("adventureworks_dw_reseller",), "2013-11-29"),
}  # fmt: skip
HORIZONS = (182, 91)
YEAR_END, YEAR = pd.Timestamp("2010-11-30"), 365
GROWTH = 0.2
DEFAULTS, CATBOOST = "LightGBM's defaults", "CatBoost's defaults"
SIZES, DRAWS, JUDGED = (300, 1_000, 4_000), 10, 8_000  # rows learnt from, draws of each, rows judged on

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows learnt from, rows scored -> probabilities


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, ["---"] * len(heads), *rows]) + "\n"


def said(found: Estimate, digits: int = 3) -> str:
    """A figure and its interval."""
    value, low, high, _ = found
    return "–" if np.isnan(value) else f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


# -- won or lost ------------------------------------------------------------------------------------------------------


def won_or_lost(sets: Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Deals as numbers, without what is known only at close; if they were won; and their number."""
    raw = pd.read_csv(sets / IBM, keep_default_na=False).drop_duplicates().drop(columns=AT_CLOSE)
    won = (raw.pop("Opportunity Result") == "Won").to_numpy(float)
    number = raw.pop("Opportunity Number").to_numpy()
    raw["Opportunity Amount USD"] = np.log1p(raw["Opportunity Amount USD"])
    return pd.get_dummies(raw, dtype=float).reset_index(drop=True), won, number


def is_other_half(number: np.ndarray) -> np.ndarray:
    """Say which deals are of the half of numbers that no parameter was chosen on."""
    return np.asarray(pd.util.hash_array(number.astype(np.uint64)) % np.uint64(2) == 1)


def in_folds(fit: Fit, came: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Score each row by a model of the four fifths of groups that its own is not among."""
    from sklearn.model_selection import GroupKFold

    p = np.zeros(len(came))
    for learnt, rest in GroupKFold(5).split(came, came, group):
        p[rest] = fit(learnt, rest)
    return p


def ours(kind: str, x: pd.DataFrame, came: np.ndarray, group: np.ndarray, only: Sequence[str] = ()) -> Fit:
    """A model of the project."""
    return lambda a, b: models.fit(kind, x.iloc[a], came[a], group[a], only).predict(x.iloc[b])


def defaults(x: pd.DataFrame, came: np.ndarray) -> Fit:
    """LightGBM as it comes."""
    from lightgbm import LGBMClassifier

    values = x.to_numpy(np.float32)
    return lambda a, b: np.asarray(LGBMClassifier(verbose=-1).fit(values[a], came[a]).predict_proba(values[b]))[:, 1]


def catboost(x: pd.DataFrame, came: np.ndarray) -> Fit:
    """CatBoost as it comes."""
    made = importlib.import_module("catboost").CatBoostClassifier
    values = x.to_numpy(np.float32)
    given = {"verbose": 0, "allow_writing_files": False}
    return lambda a, b: np.asarray(made(**given).fit(values[a], came[a]).predict_proba(values[b]))[:, 1]


def line(name: str, p: np.ndarray, came: np.ndarray, group: np.ndarray) -> list[str]:
    """How one model did."""
    loss = f"{scores.log_loss(p, came).mean():.4f}"
    if np.ptp(p) < 1e-9 or name == BASE:
        return [name, "–", loss, "–"]
    return [name, said(scores.auc(p, came, group)), loss, said(scores.slope(p, came, group), 2)]


def ibm(sets: Path, before: str) -> str:
    """Write the section on won and lost deals."""
    x, won, number = won_or_lost(sets)
    other = is_other_half(number)
    x, won, number = x[other].reset_index(drop=True), won[other], number[other]
    ways: dict[str, Fit] = {kind: ours(kind, x, won, number) for kind in (BASE, COLUMN, LINEAR, TREES)}
    ways[DEFAULTS] = defaults(x, won)
    if importlib.util.find_spec("catboost"):
        ways[CATBOOST] = catboost(x, won)
    found = {name: in_folds(fit, won, number) for name, fit in ways.items()}
    rows = [line(name, p, won, number) for name, p in found.items()]
    kept = [
        [c.strip() for c in old.strip("| ").split("|")]
        for old in before.splitlines()
        if old.startswith(f"| {CATBOOST} ")
    ]
    rows += kept[:1] if CATBOOST not in ways else []
    loss = [scores.log_loss(found[name], won) for name in (TREES, DEFAULTS)]
    by, error = scores.apart(loss[0], loss[1], number)
    verdict = "no worse than" if by <= 0 else "worse than"
    return f"""## Won or lost: the sample deals of IBM

{len(won):,} deals, {won.mean():.1%} won, {x.shape[1]} columns of what is known before the close. What is known only at close is left out. The parameters of the
models were chosen on half of the deal numbers; these are the deals of the other half, in five folds by number. CatBoost is not
installed with the project; its line is of the last run that had it.

{table(["model", "area under the curve", "log-loss", "calibration slope"], rows)}
The project's trees are {verdict} {DEFAULTS}: their log-loss is {abs(by):.4f} {"lower" if by <= 0 else "higher"}, with a standard error of {error:.4f}.

### Few rows

Models of {DRAWS} random draws of so many deals of the same half, judged on {JUDGED:,} others: the share of the base rate's log-loss that
they save, on average, and in how many draws they do worse than the base rate.

{small(x, won, number)}"""


def small(x: pd.DataFrame, came: np.ndarray, group: np.ndarray) -> str:
    """Write how models of few rows do."""
    saved: dict[tuple[str, int], list[float]] = {}
    for size in SIZES:
        for seed in range(DRAWS):
            drawn = np.random.default_rng(seed).permutation(len(came))
            learnt, rest = drawn[:size], drawn[-JUDGED:]
            base = scores.log_loss(np.full(JUDGED, came[learnt].mean()), came[rest]).mean()
            ways = {kind: ours(kind, x, came, group) for kind in (COLUMN, LINEAR, TREES)}
            for name, fit in (ways | {DEFAULTS: defaults(x, came)}).items():
                loss = scores.log_loss(fit(learnt, rest), came[rest]).mean()
                saved.setdefault((name, size), []).append(1 - loss / base)
    rows = [
        [name, *(f"{np.mean(v):.1%}, worse in {sum(s < 0 for s in v)}" for v in (saved[name, size] for size in SIZES))]
        for name in (COLUMN, LINEAR, TREES, DEFAULTS)
    ]
    return table(["model", *(f"{size:,} rows" for size in SIZES)], rows)


# -- who buys, grows, leaves ------------------------------------------------------------------------------------------


def book_of(name: str, sets: Path, to: Path) -> Book:
    """A set imported with its mapping, as it was on the last day of its data."""
    mapping, folder, _, last = BOOKS[name]
    mapped.run(mapped.load_mapping(HERE / "data" / "mappings" / f"{mapping}.yml"), sets / folder, to)
    return Book.open(to, as_of=last)


def questions(book: Book, horizon: int) -> list[outcomes.Question]:
    """What a book can be asked."""
    dated = deals.with_days(book.read("opportunities"), book.as_of)
    lines = orders.with_product_line(book.read("transactions"), book.read("products"))
    return outcomes.asked(dated, lines, book.read("contracts"), horizon, GROWTH)


def first_days(book: Book) -> pd.Series:
    """First day of each table."""
    return book.overview().set_index("table")["first_day"].dropna()


def tested(book: Book, horizon: int) -> list[Tested]:
    """Back-test every question, as 04 does."""
    asked = questions(book, horizon)
    planned = propensity.plan(asked, book.read("accounts"), book.as_of, horizon, 0)
    days = propensity.days_of(planned)
    if not days:
        return planned
    history = book.history(days, None, {q.name: q.label for q in asked})
    return propensity.back_tests(planned, history, book.features(), first_days(book), book.as_of)


def verdict(test: Tested, horizon: int) -> list[str]:
    """What the block that reports says of one question."""
    if test.rows is None:
        return [test.question.does, str(horizon), f"{test.verdict}: it needs {test.why}", *["–"] * 7]
    p, came, account = (test.rows[c].to_numpy() for c in ("score", "came", "account_id"))
    loss, of_base = scores.log_loss(p, came), scores.log_loss(np.full(len(p), test.base), came)
    return [
        test.question.does, str(horizon), test.verdict, test.chosen, said(scores.auc(p, came, account)),
        said(scores.gain(loss, of_base, account, SEED)), said(scores.slope(p, came, account), 2),
        said(scores.observed_per_promised(p, came, account, SEED), 2), f"{came.mean():.3f}", f"{len(p):,}",
    ]  # fmt: skip


def compared(tests: Mapping[tuple[int, str], Tested]) -> str:
    """The candidates of every question on the block that chooses: log-loss and area."""
    rows = []
    for (horizon, _), test in tests.items():
        if test.compared is not None:
            by = test.compared.set_index("kind")
            cells = [
                f"{r.log_loss:.4f}" + (f" ({r.auc:.3f})" if r.Index != BASE else "") + " ✓" * r.chosen
                for r in by.itertuples()
            ]
            given = dict(zip(by.index, cells, strict=True))
            rows.append([test.question.does, str(horizon), *(given.get(k, "–") for k in (BASE, *propensity.KINDS))])
    return table(["an account …", "within days", BASE, *propensity.KINDS], rows)


def chain(name: str, book: Book) -> str:
    """Write what the chain of 04 says of a book."""
    tests = {(horizon, t.question.name): t for horizon in HORIZONS for t in tested(book, horizon)}
    heads = [
        "an account …", "within days", "verdict", "chosen", "area under the curve", "log-loss saved", "calibration slope",
        "observed ÷ promised", "did", "rows",
    ]  # fmt: skip
    rows = [verdict(test, horizon) for (horizon, _), test in tests.items()]
    return f"""## {name}

As 04 tests it, as of {book.as_of.date()}: fitted on early days, chosen on later ones, reported once on the latest whose outcome is known.
Season is not modelled: where the days that report are of another season than those before, the level (observed ÷ promised) is off,
and the ranking need not be.

{table(heads, rows)}
The candidates on the days that choose, by log-loss (area under the curve); ✓ is the simplest within one standard error of the best.

{compared(tests)}"""


def next_year(book: Book) -> str:
    """Write who leaves and who grows in the year after the first, in folds by account."""
    asked = {q.name: q for q in questions(book, YEAR) if q.name in ("stops", "grows")}
    history = book.history([YEAR_END], None, {name: q.label for name, q in asked.items()})
    rows = []
    for name, question in asked.items():
        past = history[history[name].notna()].reset_index(drop=True)
        made = predictors.prepare(past, book.features(), first_days(book))
        came, account = past[name].to_numpy(float), past["account_id"].to_numpy()
        ways: dict[str, Fit] = {BASE: ours(BASE, made.past, came, account)}
        if question.rule in made.past:
            ways[f"{RULE}: {predictors.name_of(question.rule, made.of)}"] = ours(
                COLUMN, made.past, came, account, [question.rule]
            )
        ways |= {kind: ours(kind, made.past, came, account) for kind in (COLUMN, LINEAR, TREES)}
        found = [line(way, in_folds(fit, came, account), came, account) for way, fit in ways.items()]
        rows += [[question.does, f"{came.mean():.3f} of {len(came):,}", *cells] for cells in found]
    return f"""### The first year, and the next

Features as of {YEAR_END.date()}, what came in the {YEAR} days after, in five folds by account. There is one such year, so nothing is tested out
of time: the figures say how well accounts can be told apart within one year, not how well the next will be foretold.

{table(["an account …", "did", "model", "area under the curve", "log-loss", "calibration slope"], rows)}"""


def page(sets: Path, before: str) -> str:
    """Write the page: what each set that is there says."""
    parts = [ibm(sets, before)] if (sets / IBM).is_file() else []
    for name, (mapping, _, needs, _) in BOOKS.items():
        if all((sets / need).exists() for need in needs):
            with tempfile.TemporaryDirectory(prefix="set-") as place:
                book = book_of(name, sets, Path(place) / "book")
                parts.append(chain(name, book) + ("\n" + next_year(book) if mapping == "online_retail_both" else ""))
    found = "\n".join(parts) or "No data set lies beside this checkout, so there is nothing to show.\n"
    return f"""# Propensity on data that others made

Made by `python -m benchmarks.propensity_real`. Intervals are at {LEVEL:.0%}, over accounts (or deal numbers). An area of .5 is chance; a
slope of 1 and observed ÷ promised of 1 mean that scores can be taken at their word; log-loss saved is against the base rate.

{found}"""


def main() -> None:
    """Print the page and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the data sets")
    parser.add_argument("--to", default=str(PAGE), help="page to write; - for none")
    given = parser.parse_args()
    text = page(given.sets, PAGE.read_text("utf-8") if PAGE.is_file() else "")
    print(text)  # noqa: T201
    if given.to != "-":
        Path(given.to).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
