"""How far the sizes, look-alikes and white space of 05 hold on data that others made.

    python -m benchmarks.sizes_real                    # writes benchmarks/sizes.md; about three minutes
    python -m benchmarks.sizes_real --sets FOLDER      # where the data sets lie; ../shared/data beside this checkout

A set that is absent is left out.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from abmlib.method import deals, look_alikes, opportunity_size, orders, outcomes, propensity, white_space
from abmlib.method.opportunity_size import LEAST_SAVED, Sized
from abmlib.method.predictors import Predictors
from abmlib.method.propensity import SEED, Blocks
from abmlib.stats import intervals, scores, sizes
from abmlib.stats.intervals import LEVEL
from abmlib.stats.scores import Estimate
from abmlib.stats.sizes import ALIKE, HIGH, KINDS, LEVELS, LOW, QUARTER, THREE_QUARTERS
from abmlib.tables import Book, schema
from abmlib.tables.importers import drafts, mapped
from benchmarks.believable import HERE, SETS
from benchmarks.propensity_real import HORIZONS, first_days, said, table

PAGE = Path(__file__).with_name("sizes.md")
BOOKS = {  # name on the page: mapping (none: as drafted), folder below the sets, folders that must be there, last day of the data
    "AdventureWorks resellers": ("adventureworks_reseller", "adventureworks_dw_reseller", ("adventureworks_dw_reseller",), "2013-11-29"),
    "Online Retail, two years": ("online_retail_both", "", ("online_retail_ii", "online_retail"), "2011-12-09"),
    "Maven CRM": ("maven_crm_sales", "maven_crm_sales", ("maven_crm_sales",), "2017-12-31"),
    "Dynamics 365 demo": (None, "dynamics365_demo", ("dynamics365_demo",), "2025-10-04"),
}  # fmt: skip
BY_LINE = ("AdventureWorks resellers", "Online Retail, two years")  # sets that know lines
ENOUGH = 500  # sizes held out, from which on more is asked:
HELD = (0.93, 0.97)  # between these lies the share within the interval
UNCORRECTED = "LightGBM's quantiles, not corrected"
DOES = {"wins": "signs", "buys": "buys"}
DASH = "–"


@dataclass(frozen=True)
class Asked:
    """A book, and what 05 makes of it within a horizon."""

    book: Book
    horizon: int
    basis: str
    lines: pd.DataFrame  # bought, with their line
    found: pd.DataFrame  # what counts as size
    laid: Blocks | None
    history: pd.DataFrame
    sized: Sized
    numbers: Predictors | None


def book_of(name: str, sets: Path, to: Path) -> Book:
    """A set imported with its mapping, or as drafted, as it was on the last day of its data."""
    mapping, folder, _, last = BOOKS[name]
    path = HERE / "data" / "mappings" / f"{mapping}.yml"
    if mapping is None:
        path = to.with_name("draft.yml")
        path.write_text(drafts.look(sets / folder).text, "utf-8")
    mapped.run(mapped.load_mapping(path), sets / folder, to, b"a key for one page")
    return Book.open(to, as_of=last)


def ask(book: Book, horizon: int, basis: str = "") -> Asked:
    """Ask a book for sizes, as 05 does."""
    dated, bought = deals.with_days(book.read("opportunities"), book.as_of), book.read("transactions")
    lines = orders.with_product_line(bought, book.read("products"))
    basis = basis or opportunity_size.basis_of(schema.empty("04_propensity"), dated)
    found = opportunity_size.events(dated, lines, basis)
    late = outcomes.lateness_days(
        (bought["booked_at"], bought["known_day"]), (dated["created_day"], dated["known_day"])
    )
    laid = propensity.blocks(opportunity_size.since(dated, lines, basis), book.as_of, horizon, late)
    history = book.history(laid.days) if laid else book.features().iloc[:0]
    sized, numbers = opportunity_size.ask(basis, history, book.features(), first_days(book), found, laid, horizon)
    return Asked(book, horizon, basis, lines, found, laid, history, sized, numbers)


def chances(asked: Asked) -> pd.DataFrame:
    """Rows of the report of 04 on who signs, or buys; none where it could not be tested."""
    dated = deals.with_days(asked.book.read("opportunities"), asked.book.as_of)
    questions = [
        q
        for q in outcomes.asked(dated, asked.lines, asked.book.read("contracts"), asked.horizon, 0.2)
        if q.name == asked.basis
    ]
    planned = propensity.plan(questions, asked.book.read("accounts"), asked.book.as_of, asked.horizon, 0)
    if not (days := propensity.days_of(planned)):
        return pd.DataFrame()
    history = asked.book.history(days, None, {q.name: q.label for q in questions})
    (test,) = propensity.back_tests(planned, history, asked.book.features(), first_days(asked.book), asked.book.as_of)
    return test.rows if test.rows is not None else pd.DataFrame()


# -- sizes ------------------------------------------------------------------------------------------------------------


def target(held: float, saved: float, n: int) -> str:
    """Say if enough sizes were held out, and then if the interval held as often, and saved as much, as is asked.

    Examples
    --------
    >>> target(0.95, 0.2, 500), target(0.92, 0.2, 500), target(0.95, 0.0, 100)
    ('met', 'missed: held too seldom', 'too few sizes')
    """
    if n < ENOUGH:
        return "too few sizes"
    misses = {
        "held too seldom": round(held, 3) < HELD[0],
        "held too often": round(held, 3) > HELD[1],
        "saved too little": saved < LEAST_SAVED,
    }
    return "missed: " * any(misses.values()) + (" and ".join(m for m, is_one in misses.items() if is_one) or "met")


def verdict(asked: Asked) -> list[str]:
    """What the block that reports says of sizes."""
    test = asked.sized
    if test.rows is None:
        return [str(asked.horizon), f"{test.verdict}: it needs {test.why}", *[DASH] * 9]
    row = {str(r["definition_id"]): r for r in opportunity_size.measured(test)}

    def cell(of: str, digits: int = 3) -> str:
        return said(tuple(row[of][c] for c in ("value", "low", "high", "n")), digits)  # type: ignore[arg-type]

    past = chances(asked)
    kept: Estimate = (float("nan"),) * 3 + (0,)
    if len(past):
        rows = opportunity_size.promised(test, asked.numbers, asked.history, past, asked.found, asked.horizon)
        kept = opportunity_size.came_per_promised(rows)
    n, saved = len(test.rows), float(row["size_score_saved"]["value"]) * test.is_told  # type: ignore[arg-type]
    return [
        str(asked.horizon), test.verdict, test.chosen if test.is_told else ALIKE, f"{len(test.reporting.learnt):,}", f"{n:,}", cell("size_interval_held"),
        cell("size_half_held"), cell("size_score_saved"), cell("size_loss_saved"), said(kept, 2),
        target(float(row["size_interval_held"]["value"]), saved, n),  # type: ignore[arg-type]
    ]  # fmt: skip


def uncorrected(x: pd.DataFrame, size: np.ndarray, rest: pd.DataFrame) -> np.ndarray:
    """Quantiles of LightGBM as it comes, on logarithms."""
    from lightgbm import LGBMRegressor

    values, y = x.to_numpy(np.float32), np.log(size)
    made = [LGBMRegressor(objective="quantile", alpha=level, verbose=-1).fit(values, y) for level in LEVELS]
    return np.exp(np.sort(np.column_stack([m.predict(rest.to_numpy(np.float32)) for m in made]), axis=1))


def candidates(asked: Asked) -> list[list[str]]:
    """How every candidate does on the block that reports, none chosen; beside quantiles that are not corrected."""
    laid, numbers = asked.laid, asked.numbers
    if asked.sized.rows is None or laid is None or numbers is None:
        return []
    size = opportunity_size.amounts(asked.found, asked.history, asked.horizon)
    day = asked.history["day"]
    before, report = ((day.isin(days) & (size > 0)).to_numpy() for days in (laid.before, laid.report))
    account, x = asked.history["account_id"].to_numpy(), numbers.past
    ways = {kind: sizes.fit(kind, x[before], size[before], account[before]).quantiles(x[report]) for kind in KINDS} | {
        UNCORRECTED: uncorrected(x[before], size[before], x[report])
    }
    came, of = size[report], account[report]
    score = {way: sizes.interval_score(q[:, LOW], q[:, HIGH], came) for way, q in ways.items()}
    loss = {way: sizes.quantile_loss(q, came) for way, q in ways.items()}
    held = {
        way: [
            intervals.share(pd.Series((came >= q[:, low]) & (came <= q[:, high])), pd.Series(of))
            for low, high in ((LOW, HIGH), (QUARTER, THREE_QUARTERS))
        ]
        for way, q in ways.items()
    }
    return [
        [
            str(asked.horizon), way, *map(said, held[way]),
            *(DASH if way == ALIKE else said(scores.gain(of_way[way], of_way[ALIKE], of, SEED)) for of_way in (score, loss)),
        ]
        for way in ways
    ]  # fmt: skip


def of_sizes(name: str, book: Book) -> str:
    """Write what 05 says of sizes in a book."""
    every = [ask(book, horizon) for horizon in HORIZONS]
    heads = [
        "within days", "verdict", "said with", "learnt from", "held out", f"within the {LEVEL:.0%} interval", "within the half",
        "interval score saved", "quantile loss saved", "money ÷ money expected", "asked",
    ]  # fmt: skip
    rows = [verdict(asked) for asked in every]
    others = [row for asked in every for row in candidates(asked)]
    columns = ["within days", "candidate", f"within the {LEVEL:.0%} interval", "within the half", "interval score saved", "quantile loss saved"]  # fmt: skip
    beside = f"All candidates on the same days, none chosen:\n\n{table(columns, others)}" if others else ""
    return f"""## {name}

What an account {DOES[every[0].basis]}, as of {book.as_of.date()}.

{table(heads, rows)}
{beside}"""


# -- by line ----------------------------------------------------------------------------------------------------------


def of_lines(book: Book) -> str:
    """Write what 05 says of look-alikes and of lines that are not bought yet."""
    by_line, accounts = book.features(by_line=True), book.read("accounts").set_index("account_id")
    names = white_space.largest(by_line, "buys")
    cells = white_space.by_line_today(by_line, accounts.index, names, "buys")
    spend = white_space.spend(cells, names)
    about = accounts[[c for c in look_alikes.DESCRIPTIONS if c in accounts]]
    judged = pd.DataFrame(look_alikes.judged(look_alikes.demand(about, spend), spend))
    rows = []
    for line in names:
        own = judged[judged["group"] == line].set_index("definition_id")
        found = [own.loc[d, ["value", "low", "high", "n"]] for d in ("look_alike_held", "look_alike_error_saved")]
        rows.append([line, f"{int(found[0]['n']):,}", *(said(tuple(f)) for f in found)])  # type: ignore[arg-type]
    white = [of_white(book, horizon, cells) for horizon in HORIZONS]
    used = [c for c in about if about[c].notna().any()]
    heads = ["within days", "cells", "taken up", "area", "slope", "said of who", "said of how much", "lines ÷ lines promised", "money ÷ money expected"]  # fmt: skip
    return f"""### Look-alikes

Accounts are described by {", ".join(used) or "nothing"}. Of buyers of each line in 12 months: is their spend within the interval of their look-alikes, themselves left
out, and how much nearer is the middle of these than that of all other buyers.

{table(["line", "buyers", f"within the {LEVEL:.0%} interval", "error saved"], rows)}
### White space

Lines that accounts did not buy in 12 months, on the days that report: who took them up, told by the model chosen, and what they brought.
Where money falls short of lines, lines that are taken up bring less than on the days that their size was learnt on.

{table(heads, white)}"""


def of_white(book: Book, horizon: int, cells: pd.DataFrame) -> list[str]:
    """What the block that reports says of white space."""
    asked = ask(book, horizon, "buys")
    by_line = book.history(asked.laid.days, by_line=True) if asked.laid else book.features(by_line=True).iloc[:0]
    space = white_space.ask(
        asked.history, by_line, book.features(), cells, first_days(book), asked.found, asked.laid, horizon, "buys"
    )
    if space.why or space.tested is None or space.sized is None:
        return [str(horizon), f"it needs {space.why}", *[DASH] * 7]
    took, out = space.past["came"] > 0, [DASH] * 2
    promised = scores.observed_per_promised(
        space.past["chance"].to_numpy(float), took.to_numpy(float), space.past["account_id"].to_numpy(), SEED
    )
    if space.tested.rows is not None:
        p, came, account = (space.tested.rows[c].to_numpy() for c in ("score", "came", "account_id"))
        out = [said(scores.auc(p, came, account)), said(scores.slope(p, came, account), 2)]
    return [
        str(horizon), f"{len(took):,}", f"{took.sum():,}", *out, space.tested.verdict, space.sized.verdict, said(promised, 2),
        said(white_space.kept_promise(space.past), 2),
    ]  # fmt: skip


# -- the page ---------------------------------------------------------------------------------------------------------


def page(sets: Path, names: Sequence[str] = tuple(BOOKS)) -> str:
    """Write the page: what each set that is there says."""
    parts = []
    for name in names:
        if all((sets / need).exists() for need in BOOKS[name][2]):
            with tempfile.TemporaryDirectory(prefix="set-") as place:
                book = book_of(name, sets, Path(place) / "book")
                parts.append(of_sizes(name, book) + ("\n" + of_lines(book) if name in BY_LINE else ""))
    found = "\n".join(parts) or "No data set lies beside this checkout, so there is nothing to show.\n"
    return f"""# Sizes on data that others made

Made by `python -m benchmarks.sizes_real`. A size is the money that an account signs (won deals) or buys within so many days, if it
does. It is learnt on early days and judged on later ones. In brackets: the interval at {LEVEL:.0%}, over accounts.

- **Within the {LEVEL:.0%} interval**: share of the sizes that came later and lay within what was said beforehand; {LEVEL:.0%} is promised. **Within
  the half**: the same of the quartiles; 50% is promised.
- **Saved**: over taking all accounts as alike, on the scale of logarithms. "No signal" means that the model chosen saved nothing beyond
  noise, and that 05 takes all as alike.
- **Money ÷ money expected**: of all accounts; expected is the chance of 04 times the mean size. 1 means that it can be taken at its word.
  Growth and season are not modelled: where the days that report sell more or less than those before, it is off.
- **Asked**: of {ENOUGH} sizes held out or more, {HELD[0]:.0%} to {HELD[1]:.0%} within the interval, and {LEAST_SAVED:.0%} of the interval score saved.

{found}"""


def main() -> None:
    """Print the page and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", type=Path, default=SETS, help="folder of the data sets")
    parser.add_argument("--to", default=str(PAGE), help="page to write; - for none")
    given = parser.parse_args()
    text = page(given.sets)
    print(text)  # noqa: T201
    if given.to != "-":
        Path(given.to).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
