"""What it takes to prove an estimator: markets of many seeds, what it says of each, and what is true of it.

A `Proof` is one row of the table that `benchmarks.truth` prints. What a proof says of one market is a `Found`; what it says
of all is a `Result`, with its Monte-Carlo standard errors and whether they can be reconciled with what is promised.
"""

import datetime as dt
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import starmap
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.stats import binom, t

from abmlib.market import ByCycle, Market, Switches, simulate
from abmlib.method import orders, periods
from abmlib.method.breakdowns import all_groups, labels
from abmlib.method.deals import closed_in, cycle_lengths, win_rates, with_days
from abmlib.method.stages import stage_table, stage_visits
from abmlib.stats.intervals import LEVEL
from abmlib.tables import Book, schema
from abmlib.tables.cache import Data

WORKBOOK = "title: Market of known truth\ncurrency: EUR\ntime_zone: Europe/Berlin\n"
END = "2026-06-30"  # last day of every market, and the day of the report
MONTHS = 36  # length of every market's window
WINDOW_MONTHS = 12  # months up to the end whose closed deals count, as in 12
VALUE_MONTHS = 12  # up to the end, over which value counts, as in 03
PERIOD_MONTHS = 12  # length of the two periods compared, as in 03
MISS = 3.0  # Monte-Carlo standard errors from the one coverage promised that are no longer chance
SLACK = 2.0  # the same for false alarms and bias
TABLES = (
    "accounts",
    "contacts",
    "opportunities",
    "opportunity_stage_history",
    "opportunity_contacts",
    "products",
    "campaigns",
    "transactions",
    "contracts",
    "activities",
    "web_sessions",
    "cases",
    "surveys",
    "account_insights",
    "attribute_history",
    "relationship_economics",
    "account_goals",
    "experiments",
    "experiment_plans",
)  # that proofs read: a snapshot takes as long as it has tables, and a market has three times as many
NOTHING = replace(
    Switches(),
    seller_spread=0.0,
    stalled=0.0,
    elsewhere=0.0,
    reorganisation=0.0,
    no_return=0.0,
    goals_missed=0.0,
    declining=0.0,
    abm_creation=ByCycle(),
    abm_win=ByCycle(),
    abm_size=ByCycle(),
)  # one market without all effects that rows call, as none of them can pass for another
TINY = 1e-9  # in place of no standard error at all
DOUBT = 1e-3  # chance that an estimator that keeps its promise fails a test


class Shelf(Book):
    """A book of the `TABLES` of a market; another table is refused, since it would come empty."""

    def read(self, name: str) -> pd.DataFrame:
        """Give a table, as `Book.read`."""
        if not self.has(name):
            raise LookupError(f"{name}: is not kept of a market. Add it to TABLES of benchmarks/proof.py.")
        return super().read(name)


@dataclass(frozen=True)
class Seen:
    """A market as the notebooks read it, through a book, beside its truth; each table and measure is made once."""

    book: Book
    truth: dict[str, pd.DataFrame]
    at: Callable[[str], "Seen"]  # the market as known at the end of an earlier day, ISO 8601; each day is opened once
    seed: int = 0  # of the market
    _made: dict[Any, Any] = field(default_factory=dict)

    def once(self, make: Callable[["Seen"], Any]) -> Any:
        """What a function makes of this market on this day; made once for all rows that ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Accounts by id."""
        return self.book.read("accounts").set_index("account_id")

    @cached_property
    def transactions(self) -> pd.DataFrame:
        """Lines bought."""
        return self.book.read("transactions")

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Deals of `with_days`."""
        return with_days(self.book.read("opportunities"), self.book.as_of)

    @cached_property
    def history(self) -> pd.DataFrame:
        """Stage history."""
        return self.book.read("opportunity_stage_history")

    @cached_property
    def closed(self) -> pd.DataFrame:
        """Deals closed in the trailing window."""
        return closed_in(self.deals, periods.trailing(self.book.as_of, WINDOW_MONTHS))

    @cached_property
    def win_rates(self) -> list[dict[str, Any]]:
        """Rows of `win_rates`."""
        return win_rates(self.closed)

    @cached_property
    def cycles(self) -> dict[str, dict[str, Any]]:
        """Rows of `cycle_lengths` by definition."""
        return {str(r["definition_id"]): r for r in cycle_lengths(self.closed, self.deals)}

    @cached_property
    def visits(self) -> pd.DataFrame:
        """Stays of deals in stages."""
        return stage_visits(self.deals, self.history, self.book.as_of)

    @cached_property
    def stages(self) -> pd.DataFrame:
        """`stage_table`."""
        return stage_table(self.visits)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """`all_groups`."""
        starts = self.book.settings.fiscal_year_starts
        return all_groups(
            self.closed, labels(self.closed, self.accounts["industry"], self.book.read("campaigns"), starts)
        )

    @cached_property
    def of_deals(self) -> pd.DataFrame:
        """What is true of each deal, by its id."""
        return self.truth["opportunities"].set_index("opportunity_id")

    @cached_property
    def revenue(self) -> pd.Series:
        """Net revenue of each account over the months that count in 03."""
        counted = periods.value_window(self.transactions, self.book.as_of, VALUE_MONTHS)
        return orders.by_account(self.transactions, self.accounts.index, counted)["revenue"]

    @cached_property
    def halves(self) -> pd.DataFrame:
        """Revenue of each account in two periods, and whether it bought: ``earlier, later, was, is``."""
        halves = periods.adjacent_periods(self.transactions["booked_at"].min(), self.book.as_of, PERIOD_MONTHS)
        one, two = (orders.by_account(self.transactions, self.accounts.index, p) for p in halves)
        return pd.DataFrame(
            {"earlier": one["revenue"], "later": two["revenue"], "was": one["lines"] > 0, "is": two["lines"] > 0}
        )


@dataclass(frozen=True)
class Found:
    """What an estimator says of one market, and what is true there."""

    value: float = float("nan")  # missing: the estimator gave no answer
    truth: float = float("nan")  # left out where the proof has `whole`
    low: float = float("nan")
    high: float = float("nan")
    called: float | None = None  # was the effect called; a share where there is more than one call
    covered: float | None = None  # share of several intervals that hold their truth, in place of low and high
    n: float = float("nan")  # rows it rests on, of the proof's `unit`

    @property
    def holds(self) -> float | None:
        """Does its interval hold a truth. One without an end is open to that side; without both it is none."""
        if self.covered is not None or (np.isnan(self.low) and np.isnan(self.high)):
            return self.covered
        return float(not (self.truth < self.low or self.truth > self.high))


def together(found: Found | Sequence[Found], truth: float | None = None) -> Found:
    """Several answers about one market as one: their means, the share of intervals that hold, and whether any made a call.

    `truth` is that of each answer, where it is not its own.
    """
    each = [found] if isinstance(found, Found) else found
    each = each if truth is None else [replace(f, truth=truth) for f in each]
    if isinstance(found, Found):
        return each[0]
    answered = [f for f in each if not np.isnan(f.value)]
    if not answered:
        return Found()
    calls = [f.called for f in answered if f.called is not None]
    held = [h for f in answered if (h := f.holds) is not None]
    value, true, n = (float(np.mean([getattr(f, c) for f in answered])) for c in ("value", "truth", "n"))
    return Found(value, true, called=max(calls, default=None), covered=float(np.mean(held)) if held else None, n=n)


Planted = Switches | tuple[Switches, ...]  # of several, seeds take turns


@dataclass(frozen=True)
class Proof:
    """One row of the table of truth: an effect, the estimator of it, and what the estimator promises.

    An estimator that says several things of one market (each headline of a report, each of several days) gives several
    `Found`, all in one unit and each with its own truth; `together` says what becomes of them.
    """

    effect: str
    metric: str  # of the metric dictionary
    estimate: Callable[[Seen], Found | Sequence[Found]]
    on: Planted = field(default_factory=Switches)
    off: Planted | None = None  # the same market without the effect, where the estimator makes a call
    accounts: int | None = None  # in each market, where not as many as in those of other rows; 0: a seed is enough
    every: int = 1  # of so many seeds the last has a market: of rows that need large ones
    ahead_days: int = 0  # that the market goes on after the report, so that what then came is known
    part: Callable[[Seen], Any] | None = None  # what a market tells of all accounts there could be …
    whole: Callable[[list[Any]], float] | None = None  # … and what follows from many, as the truth of the proof
    covers: tuple[float, float] = (LEVEL, LEVEL)  # coverage promised: between the two, or the one and `MISS` errors
    bias: float | None = None  # promised at most, as a share of the truth, and `SLACK` errors
    alarms: float | None = 1 - LEVEL  # share of false alarms promised at most, and `SLACK` errors
    power: float = 0.0  # share of calls promised at least at the size planted; 0 where few markets cannot tell
    says: tuple[float, float] | None = None  # between which the mean estimate is promised to be
    unit: str = ""  # of what `Found.n` counts
    note: str = ""


@dataclass(frozen=True)
class Share:
    """A share of seeds with its Monte-Carlo standard error."""

    values: np.ndarray

    @property
    def n(self) -> int:
        """How many seeds."""
        return len(self.values)

    @property
    def value(self) -> float:
        """The share."""
        return float(self.values.mean())

    @property
    def counts(self) -> bool:
        """Is each seed a yes or a no, so that the count of them is binomial."""
        return bool(np.isin(self.values, (0.0, 1.0)).all())

    @property
    def error(self) -> float:
        """Standard error; of counts by Agresti and Coull, for none of two hundred is not surely none."""
        if self.counts:
            near = (self.values.sum() + 2) / (self.n + 4)
            return float(np.sqrt(near * (1 - near) / (self.n + 4)))
        return float(self.values.std(ddof=1) / np.sqrt(self.n))

    def apart(self, promised: float) -> float:
        """How many standard errors it lies above what is promised, errors being those there would be if it were kept."""
        error = np.sqrt(promised * (1 - promised) / self.n) if self.counts else self.error
        return float((self.value - promised) / max(error, TINY))

    def below(self, promised: float) -> float:
        """Chance of so little or less if the promise is kept."""
        if self.counts:
            return float(binom.cdf(round(self.values.sum()), self.n, promised))
        return float(t.cdf(self.apart(promised), self.n - 1))

    def above(self, promised: float) -> float:
        """Chance of so much or more if the promise is kept."""
        if self.counts:
            return float(binom.sf(round(self.values.sum()) - 1, self.n, promised))
        return float(t.sf(self.apart(promised), self.n - 1))


@dataclass(frozen=True)
class Result:
    """What came of a proof over all seeds; shares are missing where the estimator has no interval or makes no call."""

    proof: Proof
    seeds: int  # with an answer
    asked: int
    truth: float
    value: float
    bias_error: float
    coverage: Share | None
    power: Share | None
    false_alarms: Share | None
    n: float  # rows of `Proof.unit` that an answer rests on, median over markets
    markets: str = ""  # which they were

    @property
    def promises(self) -> list[tuple[str, str]]:
        """Each promise that can be judged, and the miss of it, empty where it is kept."""
        p, out = self.proof, list[tuple[str, str]]()
        low, high = p.covers
        one, own = low == high, p.covers != (LEVEL, LEVEL)
        if self.coverage:
            value, miss = self.coverage.value, ""
            if apart := min(self.coverage.apart(low), 0.0) or max(self.coverage.apart(high), 0.0):
                beyond = abs(apart) > MISS if one else True
                miss = (
                    f"covers too {'seldom' if value < low else 'often'}: {value:.3f} ({apart:+.1f} SE)"
                    if beyond
                    else ""
                )
            out.append((f"covers {low:g} ± {MISS:g} SE" if one else f"covers {low:g} to {high:g}", miss))
        elif own:
            out.append((f"covers {low:g} to {high:g}", "no interval"))
        if p.bias is not None:
            rest = abs(self.value - self.truth) - p.bias * abs(self.truth)
            kept = rest <= SLACK * self.bias_error
            off = f"bias: {self.value / self.truth - 1:+.1%} of the truth ({rest / max(self.bias_error, TINY):+.1f} SE beyond)"
            out.append((f"bias ≤ {p.bias:.0%} + {SLACK:g} SE", "" if kept else off))
        if self.false_alarms and p.alarms is not None:
            apart = self.false_alarms.apart(p.alarms)
            miss = f"false alarms: {self.false_alarms.value:.3f} ({apart:+.1f} SE)" if apart > SLACK else ""
            out.append((f"false ≤ {p.alarms:.2g} + {SLACK:g} SE", miss))
        if p.power:
            made, miss = self.power, "no call"
            if made:
                miss = f"called: {made.value:.3f} ({made.apart(p.power):+.1f} SE)" if made.value < p.power else ""
            out.append((f"called ≥ {p.power:g}", miss))
        if p.says:
            miss = "" if p.says[0] <= self.value <= p.says[1] else f"estimate: {self.value:.3f}"
            out.append((f"estimate {p.says[0]:g} to {p.says[1]:g}", miss))
        return out

    @property
    def verdict(self) -> str:
        """``ok``, the misses, or a dash where nothing is promised."""
        return "; ".join(miss for _, miss in self.promises if miss) or ("ok" if self.promises else "–")

    @property
    def broken(self) -> list[str]:
        """What would come about less often than `DOUBT` if the estimator kept its promises; for few seeds."""
        out, p = [], self.proof
        if self.coverage and self.coverage.below(p.covers[0]) < DOUBT:
            out.append(f"{p.effect}: covers {self.coverage.value:.2f}, {p.covers[0]} promised")
        if p.bias is not None:
            rest = (abs(self.value - self.truth) - p.bias * abs(self.truth)) / max(self.bias_error, TINY)
            if self.seeds > 1 and not rest <= t.isf(DOUBT, self.seeds - 1):
                out.append(
                    f"{p.effect}: bias {self.value - self.truth:+.3g}, {p.bias:.0%} of {self.truth:.3g} promised"
                )
        if self.false_alarms and p.alarms is not None and self.false_alarms.above(p.alarms) < DOUBT:
            out.append(f"{p.effect}: false alarms {self.false_alarms.value:.2f}, {p.alarms:.2f} promised")
        if self.power and p.power and self.power.below(p.power) < DOUBT:
            out.append(f"{p.effect}: called {self.power.value:.2f}, {p.power} promised")
        if self.power and p.power and self.false_alarms and self.power.value <= self.false_alarms.value:
            out.append(f"{p.effect}: called as often without the effect as with it")
        return out


@contextmanager
def seen(market: Market, seed: int = 0) -> Iterator[Seen]:
    """Put the `TABLES` of a market into a folder that lasts as long as the block, and open it as a notebook does."""
    with tempfile.TemporaryDirectory(prefix="market-") as place:
        folder = Path(place)
        (folder / "workbook.yml").write_text(WORKBOOK, "utf-8")
        for name in schema.importable().keys() & market.tables.keys() & set(TABLES):
            market.tables[name].to_parquet(folder / f"{name}.parquet", index=False)
        with closing(Data(folder)) as data:  # kept open, so that a further day takes half as long

            @cache
            def at(day: str) -> Seen:
                data.snapshot(dt.date.fromisoformat(day))
                return Seen(Shelf.open(folder, as_of=day), market.truth, at, seed)

            yield at(END)


def span(ahead_days: int) -> tuple[int, str]:
    """Months and last day of a market that goes on after the report."""
    last = dt.date.fromisoformat(END) + dt.timedelta(days=ahead_days)
    return MONTHS + round(12 * ahead_days / 365.25), last.isoformat()


def say(
    seed: int, switches: Switches, accounts: int, ahead_days: int, asked: Sequence[tuple[int, Callable[[Seen], Any]]]
) -> dict[int, Any]:
    """Simulate one market and ask each of several questions of it; answers come by the number of the question."""
    if not accounts:
        nothing = Seen(cast("Book", None), {}, lambda day: nothing, seed)
        return {number: question(nothing) for number, question in asked}
    months, end = span(ahead_days)
    with seen(simulate(seed, accounts, months, end=end, switches=switches), seed) as market:
        return {number: question(market) for number, question in asked}


def measure(
    proofs: Sequence[Proof],
    seeds: Sequence[int],
    accounts: int,
    *,
    jobs: int = 1,
    without: Sequence[int] | None = None,
) -> list[Result]:
    """Run proofs over markets, one market for all proofs that need the same, and sum them up.

    Parameters
    ----------
    seeds : of the markets; taken together they stand for all accounts there could be, for proofs with `whole`
    accounts : in each market
    jobs : processes
    without : seeds of the markets without an effect; `seeds` if not given

    Returns
    -------
    One result per proof, in their order
    """
    plan: dict[tuple[int, Switches, int, int], list[tuple[int, Callable[[Seen], Any]]]] = defaultdict(list)
    for number, proof in enumerate(proofs):
        size = accounts if proof.accounts is None else proof.accounts
        for seed in seeds[proof.every - 1 :: proof.every]:
            market = seed, _turn(proof.on, seed), size, proof.ahead_days
            plan[market].append((3 * number, proof.estimate))
            if proof.part:
                plan[market].append((3 * number + 2, proof.part))
        if proof.off is not None:
            for seed in (seeds if without is None else without)[proof.every - 1 :: proof.every]:
                market = seed, _turn(proof.off, seed), size, proof.ahead_days
                plan[market].append((3 * number + 1, proof.estimate))
    tasks = [(*place, asked) for place, asked in plan.items()]
    answers: dict[int, list[Any]] = defaultdict(list)
    for one in _answered(tasks, jobs):
        for number, answer in one.items():
            answers[number].append(answer)
    found = [summed(p, answers[3 * i], answers[3 * i + 1], answers[3 * i + 2]) for i, p in enumerate(proofs)]
    return [replace(r, markets=_which(r.proof, seeds, accounts)) for r in found]


def _which(proof: Proof, seeds: Sequence[int], accounts: int) -> str:
    """The markets of a proof, in words."""
    seeds_of = f"{f'one in {proof.every} of ' if proof.every > 1 else ''}seeds {min(seeds)}–{max(seeds)}"
    size = accounts if proof.accounts is None else proof.accounts
    more = f" and {proof.ahead_days} days after the report" if proof.ahead_days else ""
    return f"{seeds_of}, {size} accounts, {MONTHS} months{more}" if size else f"{seeds_of}, no market"


def _turn(planted: Planted, seed: int) -> Switches:
    """The switches of the market of a seed."""
    return planted[seed % len(planted)] if isinstance(planted, tuple) else planted


def _answered(tasks: list[tuple[Any, ...]], jobs: int) -> Iterator[dict[int, Any]]:
    """Do the tasks, in order; processes are new ones, so that no thread of this one is copied half-way."""
    if jobs == 1:
        yield from starmap(say, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(say, *zip(*tasks, strict=True), chunksize=4)


def summed(
    proof: Proof,
    with_it: Sequence[Found | Sequence[Found]],
    without: Sequence[Found | Sequence[Found]],
    parts: list[Any],
) -> Result:
    """Sum up what a proof says of each market; markets without an answer are left out and counted."""
    whole = proof.whole(parts) if proof.whole else None
    answered = [f for found in with_it if not np.isnan((f := together(found, whole)).value)]
    values, truths = (np.array([getattr(f, c) for f in answered]) for c in ("value", "truth"))
    n = len(answered)
    held = [h for f in answered if (h := f.holds) is not None]
    return Result(
        proof,
        n,
        len(with_it),
        float(truths.mean()) if n else float("nan"),
        float(values.mean()) if n else float("nan"),
        _error(values - truths),
        Share(np.array(held)) if held else None,
        _called(answered),
        _called(list(map(together, without))),
        float(np.median([f.n for f in answered])) if n else float("nan"),
    )


def _error(values: np.ndarray) -> float:
    """Standard error of a mean; missing with fewer than two."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _called(found: list[Found]) -> Share | None:
    """Share of calls, where any was made."""
    calls = [float(f.called) for f in found if f.called is not None]
    return Share(np.array(calls)) if calls else None
