"""Does what 05 says of sizes hold: its intervals, its money, its "signal", its look-alikes, its lines that are not bought yet?

Sizes are what accounts sign within half a year, as 05 asks of a book with deals; lines are what they buy.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from abmlib.market import Switches
from abmlib.market.sales import LINES
from abmlib.method import look_alikes, opportunity_size, orders, propensity, white_space
from abmlib.method.opportunity_size import Sized
from abmlib.method.predictors import Predictors
from abmlib.method.propensity import Blocks
from abmlib.method.white_space import WhiteSpace
from abmlib.stats import scores
from abmlib.stats.intervals import LEVEL
from abmlib.stats.sizes import MIDDLE
from benchmarks import truth_propensity
from benchmarks.proof import Found, Proof, Seen
from benchmarks.truth_propensity import FEW, HORIZON_DAYS, LARGE

PARTS = {372: 3, 700: 2, 1_500: 1}  # of a large market: accounts of a part, and how many parts
USUAL = 372  # accounts of the sample
DRAWS = 3  # of sizes dealt anew, and of sizes that are drawn, of each market
PLAIN = 1.0  # sd of the logarithm of sizes that are drawn
HALF = 0.5
MAIN = "main line"
DESCRIBED = ("org_type", "country", "industry", "growth_outlook")  # beside employees, what the best guess knows


# -- what a market says -----------------------------------------------------------------------------------------------


def lines(seen: Seen) -> pd.DataFrame:
    """What was bought, with its line."""
    return orders.with_product_line(seen.transactions, seen.book.read("products"))


def events(seen: Seen) -> dict[str, pd.DataFrame]:
    """What was signed, and what was bought."""
    return {of: opportunity_size.events(seen.deals, seen.once(lines), of) for of in opportunity_size.BASIS}


def laid(seen: Seen) -> dict[str, Blocks | None]:
    """Past days of either."""
    return {
        of: propensity.blocks(
            opportunity_size.since(seen.deals, seen.once(lines), of), seen.book.as_of, HORIZON_DAYS, 0
        )
        for of in opportunity_size.BASIS
    }


def past(seen: Seen, by_line: bool = False) -> pd.DataFrame:
    """`Book.history` of these days."""
    return seen.book.history(sorted({d for b in seen.once(laid).values() if b for d in b.days}), by_line=by_line)


def today(seen: Seen) -> pd.DataFrame:
    """Features of today."""
    return seen.book.features()


def first_days(seen: Seen) -> pd.Series:
    """First day of each table."""
    return seen.book.overview().set_index("table")["first_day"].dropna()


def past_lines(seen: Seen) -> pd.DataFrame:
    """The same by line."""
    return past(seen, by_line=True)


def of_some(frame: pd.DataFrame, ids: pd.Index | None) -> pd.DataFrame:
    """Rows of some accounts, or of all."""
    return frame if ids is None else frame[frame["account_id"].isin(ids)].reset_index(drop=True)


def asked(seen: Seen, ids: pd.Index | None = None) -> tuple[Sized, Predictors | None]:
    """Sizes of what accounts sign, as 05 asks them, of all accounts or of some."""
    rows, now = of_some(seen.once(past), ids), of_some(seen.once(today), ids)
    firsts = seen.once(first_days)
    return opportunity_size.ask(
        "signs", rows, now, firsts, seen.once(events)["wins"], seen.once(laid)["wins"], HORIZON_DAYS
    )


def parts(seen: Seen) -> dict[int, list[pd.Index]]:
    """Accounts of parts, drawn by lot."""
    ids = np.random.default_rng(seen.seed).permutation(seen.accounts.index)
    return {many: [pd.Index(ids[k * many : (k + 1) * many]) for k in range(most)] for many, most in PARTS.items()}


def sized(seen: Seen) -> dict[int, list[tuple[Sized, Predictors | None]]]:
    """`asked` of the market as a whole, and of its parts."""
    return {LARGE: [seen.once(asked)]} | {
        many: [asked(seen, ids) for ids in some] for many, some in seen.once(parts).items()
    }


# -- intervals --------------------------------------------------------------------------------------------------------

TRUE = {"size_interval_held": LEVEL, "size_half_held": HALF, "size_came_per_promised": 1.0}


def measure(seen: Seen, many: int, of: str) -> Found:
    """A row of `measured`, mean over parts; called: the share of parts in which sizes are told apart. What is saved is 0 where they are not."""
    tests, found = [test for test, _ in seen.once(sized)[many]], list[dict[str, Any]]()
    for test in tests:
        row = {r["definition_id"]: r for r in opportunity_size.measured(test)}[of]
        is_none = of not in TRUE and test.rows is not None and not test.is_told
        found.append(row | dict.fromkeys(("value", "low", "high"), 0.0) if is_none else row)
    known = [r for r in found if not np.isnan(r["value"])]
    if not known:
        return Found()
    value, n = (float(np.mean([r[c] for r in known])) for c in ("value", "n"))
    truth = TRUE.get(of, float("nan"))
    held = float(np.mean([r["low"] <= truth <= r["high"] for r in known])) if of in TRUE else None
    return Found(value, truth, called=float(np.mean([t.is_told for t in tests])), covered=held, n=n)


def money(seen: Seen) -> Found:
    """Money that came over money expected: the chance of 04 that an account signs, times its mean size."""
    test = truth_propensity.planned(seen, seen.once(truth_propensity.questions)[1])
    history = seen.book.history(propensity.days_of([test]), None, {test.question.name: test.question.label})
    firsts = seen.once(first_days)
    chances = propensity.back_tests([test], history, seen.once(today), firsts, seen.book.as_of)[0]
    found, numbers = seen.once(asked)
    assert chances.rows is not None  # noqa: S101
    rows = opportunity_size.promised(
        found, numbers, seen.once(past), chances.rows, seen.once(events)["wins"], HORIZON_DAYS
    )
    value, low, high, n = opportunity_size.came_per_promised(rows)
    return Found(value, 1.0, low, high, n=n)


# -- no signal --------------------------------------------------------------------------------------------------------


def dealt(rows: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
    """Sizes dealt anew: each account has all those of another that has some on the same days."""
    labelled = rows.rename(columns={"size": "came"})
    return truth_propensity.permuted(labelled, random)["came"].to_numpy(float)


def drawn(rows: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
    """Sizes that nothing tells apart."""
    return np.exp(PLAIN * random.standard_normal(len(rows)))


def false_signals(seen: Seen, make: Callable[[pd.DataFrame, np.random.Generator], np.ndarray]) -> Found:
    """Interval score saved of sizes that nothing tells apart; called: the share of draws that are said to be told apart."""
    random, saved, told = np.random.default_rng(seen.seed), list[float](), list[bool]()
    for ids, (found, numbers) in zip(seen.once(parts)[USUAL], seen.once(sized)[USUAL], strict=True):
        if found.rows is None or numbers is None:
            continue
        rows, blocks = of_some(seen.once(past), ids)[["day", "account_id"]], seen.once(laid)["wins"]
        assert blocks is not None  # noqa: S101
        size = opportunity_size.amounts(seen.once(events)["wins"], rows, HORIZON_DAYS)
        rows = rows.assign(size=size)[rows["day"].isin(blocks.days) & (size > 0)]
        for _ in range(DRAWS):
            test = opportunity_size.back_test(
                "signs", rows.assign(size=make(rows, random)), numbers.past.loc[rows.index], blocks
            )
            assert test.rows is not None  # noqa: S101
            saved.append(float(1 - test.rows["score"].sum() / test.rows["score_alike"].sum()))
            told.append(test.is_told)
    return Found(float(np.mean(saved)), 0.0, called=float(np.mean(told)), n=len(rows)) if told else Found()


# -- what is planted --------------------------------------------------------------------------------------------------


def typical(seen: Seen) -> pd.DataFrame:
    """True typical amount of each account and line, and of its main one, by account id."""
    true = seen.truth["account_lines"].pivot(index="account_id", columns="product_line", values="typical_amount")
    true = true.reindex(seen.accounts.index)
    main = seen.truth["accounts"].set_index("account_id")["product_line"].reindex(true.index)
    return true.assign(**{MAIN: true.to_numpy()[np.arange(len(true)), true.columns.get_indexer(main)]})


def in_order(one: pd.Series, other: pd.Series) -> float:
    """Rank correlation of what is known of both."""
    return float(one.corr(other, method="spearman"))


def best_guess(seen: Seen, true: pd.Series) -> pd.Series:
    """The least-squares guess of the logarithm of true amounts from descriptions, the truth of all known: about what they allow."""
    about = seen.accounts.reindex(true.index)
    staff = np.log(about["employees"].astype(float))
    x = pd.get_dummies(about[list(DESCRIBED)].astype("str").fillna("unknown"), dtype=float)
    x = x.assign(staff=staff.fillna(staff.mean()), unknown=staff.isna().astype(float), one=1.0)
    known = true.notna().to_numpy()
    fitted = np.linalg.lstsq(x[known].to_numpy(float), np.log(true[known].to_numpy(float)), rcond=None)[0]
    return pd.Series(x.to_numpy(float) @ fitted, true.index)


def size_recovered(seen: Seen, within: bool) -> Found:
    """Rank correlation of the middle size said today and the true typical amount in the account's main line, of all accounts; or mean of that of each line."""
    found, numbers = seen.once(asked)
    if found.model is None or numbers is None:
        return Found()
    said = pd.Series(found.model.quantiles(numbers.now)[:, MIDDLE], numbers.now.index)
    main = seen.truth["accounts"].set_index("account_id")["product_line"].reindex(said.index)
    true = seen.once(typical)[MAIN].reindex(said.index)
    values = [in_order(said[main == line], true[main == line]) for line in LINES] if within else [in_order(said, true)]
    return Found(float(np.mean(values)), n=int(true.notna().sum()))


# -- look-alikes ------------------------------------------------------------------------------------------------------


def spend(seen: Seen) -> pd.DataFrame:
    """What accounts bought of each line in 12 months."""
    by_line = seen.book.features(by_line=True)
    names = white_space.largest(by_line, "buys")
    return white_space.spend(white_space.by_line_today(by_line, seen.accounts.index, names, "buys"), names)


def about(seen: Seen) -> pd.DataFrame:
    """What accounts are."""
    return seen.accounts[[c for c in look_alikes.DESCRIPTIONS if c in seen.accounts]]


def demand(seen: Seen) -> pd.DataFrame:
    """What look-alikes do."""
    return look_alikes.demand(seen.once(about), seen.once(spend))


def judged(seen: Seen) -> pd.DataFrame:
    """How near that comes to what accounts do."""
    return pd.DataFrame(look_alikes.judged(seen.once(demand), seen.once(spend)))


def alike(seen: Seen, line: str, of: str) -> Found:
    """A row of `judged`; called: error is saved beyond noise."""
    rows = seen.once(judged)
    row = rows[(rows["definition_id"] == of) & (rows["group"] == line)].iloc[0]
    if of == "look_alike_held":
        return Found(row["value"], LEVEL, row["low"], row["high"], n=row["n"])
    return Found(row["value"], called=float(row["low"] > 0), n=row["n"])


def dealt_descriptions(seen: Seen) -> Found:
    """The error saved where each account has the description of another; called: the share of lines of which some is, beyond noise."""
    own = seen.once(about)
    other = own.iloc[np.random.default_rng(seen.seed).permutation(len(own))].set_axis(own.index)
    rows = pd.DataFrame(look_alikes.judged(look_alikes.demand(other, seen.once(spend)), seen.once(spend)))
    rows = rows[(rows["definition_id"] == "look_alike_error_saved") & rows["value"].notna()]
    return Found(float(rows["value"].mean()), 0.0, called=float((rows["low"] > 0).mean()), n=float(rows["n"].sum()))


def demand_recovered(seen: Seen, line: str) -> Found:
    """Rank correlation of what look-alikes spend and the true typical amount, of accounts that do not buy the line; truth: that of `best_guess`."""
    found, own = seen.once(demand), seen.once(spend)[line]
    middle = found[found["product_line"] == line].set_index("account_id")["alike_middle"]
    true = seen.once(typical)[line].reindex(own.index)
    white = own.index[(own <= 0) & true.notna()]
    best = best_guess(seen, true)[white]
    return Found(in_order(middle[white], true[white]), in_order(best, true[white]), n=len(white))


# -- lines that are not bought yet ------------------------------------------------------------------------------------


def space(seen: Seen, ids: pd.Index | None = None) -> WhiteSpace:
    """Cells, as 05 asks them, of all accounts or of some."""
    by_line, now = of_some(seen.book.features(by_line=True), ids), of_some(seen.once(today), ids)
    names = white_space.largest(by_line, "buys")
    cells = white_space.by_line_today(by_line, pd.Index(now["account_id"]), names, "buys")
    rows, rows_by_line = of_some(seen.once(past), ids), of_some(seen.once(past_lines), ids)
    taken, firsts = of_some(seen.once(events)["buys"], ids), seen.once(first_days)
    return white_space.ask(rows, rows_by_line, now, cells, firsts, taken, seen.once(laid)["buys"], HORIZON_DAYS, "buys")


def space_slope(seen: Seen) -> Found:
    """Slope of what was taken up on what was promised; called: cells are told apart by who takes a line up."""
    test = seen.once(space).tested
    if test is None or test.rows is None:
        return Found()
    value, low, high, _ = scores.slope(*truth_propensity.said(test))
    return Found(value, 1.0, low, high, called=float(test.is_signal), n=float(test.rows["came"].sum()))


def space_money(seen: Seen) -> Found:
    """Money that cells brought over what was expected of them."""
    rows = seen.once(space).past
    value, low, high, _ = white_space.kept_promise(rows)
    return Found(value, 1.0, low, high, n=float((rows["came"] > 0).sum()))


def space_of_few(seen: Seen) -> Found:
    """Cells that were taken up in the report of parts; called: the share of parts in which anything tells cells apart."""
    found = [space(seen, ids) for ids in seen.once(parts)[USUAL]]
    took = float(np.mean([(s.past["came"] > 0).sum() if len(s.past) else 0.0 for s in found]))
    return Found(took, called=float(np.mean([white_space.is_ranked(s) for s in found])), n=took)


# -- the rows ---------------------------------------------------------------------------------------------------------

LIKE = f"What accounts sign within {HORIZON_DAYS} days, as 05 asks it, from `Book.history` of past days, judged on the latest. "
OF_PARTS = f"Large markets as a whole, and {', '.join(f'{most} parts of {many:,}' for many, most in PARTS.items())} of their accounts, drawn by lot: means over parts. Power: share of parts in which sizes are said to be told apart. "
MANY = (LARGE, *PARTS)
SAYS = {  # promised of large markets, which have 500 sizes and more in the report; the first of all
    "size_interval_held": (0.93, 0.97),
    "size_half_held": (0.45, 0.55),
    "size_score_saved": (opportunity_size.LEAST_SAVED, 1.0),
}
FOUND = (
    ("size_interval_held", "sizes within their 95 % interval", "Share of sizes that came later within what was said beforehand; the truth is .95."),
    ("size_half_held", "sizes within the half in the middle", "The same of the quartiles; the truth is .50."),
    ("size_score_saved", "interval score saved", "Over all accounts taken as alike, on logarithms; 0 where they are."),
    ("size_loss_saved", "quantile loss saved", "The same of five quantiles."),
)  # fmt: skip
DRAWN = f"{DRAWS} draws of each of {PARTS[USUAL]} parts of {USUAL} accounts of each market, with all features of `Book.history`. Told apart is false. Mean estimate: interval score saved on the report by what was chosen there. "


def once(make: Callable[[Seen], Found], seen: Seen) -> Found:
    """What a function finds in a market, made once for the two markets of a row that are one."""
    found: Found = seen.once(make)
    return found


def of_dealt(seen: Seen) -> Found:
    """Sizes dealt anew."""
    return false_signals(seen, dealt)


def of_drawn(seen: Seen) -> Found:
    """Sizes drawn."""
    return false_signals(seen, drawn)


PROOFS = tuple(replace(p, accounts=LARGE, every=FEW * p.every) for p in (
    *(
        Proof(
            f"size: {words}, {many:,} accounts", "C-49", partial(measure, many=many, of=of), covers=(0.0, 1.0) if of in TRUE else (LEVEL, LEVEL),
            says=SAYS.get(of) if many == LARGE or of == "size_interval_held" else None, unit="sizes", note=LIKE + OF_PARTS + note,
        )
        for of, words, note in FOUND
        for many in MANY
    ),
    Proof(
        "size: came per mean size said", "C-49", partial(measure, many=LARGE, of="size_came_per_promised"), covers=(0.0, 1.0), unit="sizes",
        note=LIKE + "Money signed over the mean sizes said of those who signed; the truth is 1.",
    ),
    Proof(
        "size: money that came per money expected", "C-49", money, covers=(0.0, 1.0), unit="rows",
        note=LIKE + "Of all accounts, those too that signed nothing: over the chance of 04 times the mean size. Its interval holds the luck of accounts; "
        "that accounts sign less or more in one half-year than in those before is not in it, so nothing is promised.",
    ),
    Proof("size: told apart where sizes are dealt anew", "C-49", partial(once, of_dealt), off=Switches(), unit="sizes", note=DRAWN + "Each account has all sizes of another that has some on the same days."),
    Proof("size: told apart where sizes are drawn", "C-49", partial(once, of_drawn), off=Switches(), unit="sizes", note=DRAWN + f"Sizes are drawn from a lognormal distribution, standard deviation {PLAIN:g}."),
    *(
        Proof(
            f"size: middle size beside the true typical amount, {words}", "C-49", partial(size_recovered, within=within), says=(least, 1.0), unit="accounts",
            note="Rank correlation, over all accounts, those too that never bought, of the middle size said today and the true typical amount of a deal in the "
            "account's main line; and the mean of that among the accounts of each main line, where only how big the account is can tell.",
        )
        for words, within, least in (("all accounts", False, 0.5), ("accounts of one line", True, 0.4))
    ),
    *(
        Proof(
            f"size: {words}, {line}", "C-50", partial(alike, line=line, of=of), power=power * (line != LINES[0]),
            covers=(0.0, 1.0) if of == "look_alike_held" else (LEVEL, LEVEL), says=(0.93, 0.97) if of == "look_alike_held" else None, unit="buyers", note=note,
        )
        for of, words, power, note in (
            ("look_alike_held", "spend within the interval of look-alikes", 0.0, "Share of buyers of a line whose spend of 12 months lies within the interval of their look-alikes, themselves left out; the truth is .95."),
            ("look_alike_error_saved", "error saved by look-alikes", 0.8, "Distance of buyers' spend from the middle of their look-alikes, over that from the middle of all other buyers, on logarithms. Called: some is saved beyond noise."),
        )
        for line in LINES
    ),
    Proof("size: error saved by look-alikes whose descriptions are dealt anew", "C-50", partial(once, dealt_descriptions), off=Switches(), unit="buyers", note="Each account has the description of another. Called: share of lines of which error is said to be saved."),
    *(
        Proof(
            f"size: spend of look-alikes beside the true typical amount, {line}", "C-50", partial(demand_recovered, line=line), unit="accounts",
            note="Rank correlation, over accounts that buy nothing of the line, of the middle that look-alikes spend in a year and the true typical amount of a deal. "
            "Truth: the correlation of a least-squares fit of these true amounts on employees, type, country, industry and outlook: about what descriptions allow.",
        )
        for line in LINES
    ),
    Proof("size: calibration slope of white space", "C-37", space_slope, covers=(0.0, 1.0), every=2, unit="lines taken up", note="Slope of the log-odds of lines taken up on those of their chance, in the block that reports; the truth is 1. Called: cells are told apart."),
    Proof("size: money of white space that came per money expected", "C-37", space_money, covers=(0.0, 1.0), every=2, unit="lines taken up", note="Money that lines taken up brought over what was expected of all that were not bought; the truth is 1."),
    Proof(f"size: white space told apart, {USUAL} accounts", "C-37", space_of_few, unit="lines taken up", note=f"{PARTS[USUAL]} parts of each market. Called: share of parts in which who takes a line up, or for how much, is told apart."),
))  # fmt: skip
