"""Does a target list of 06 bring what it promises, and does it carry more of what attention adds than simpler lists?

The markets go on after the report. What attention adds to an account is the margin of the deals it opens within a year of the report if
the programme reaches it on the first day, less that of those it opens without: chance to win times the amount to be expected times margin,
mean over futures in which all that chance decides of deals after the report is drawn anew.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd

from abmlib.market import ByCycle, Switches, buyers, clock, deals, sales
from abmlib.market.chance import Chance
from abmlib.market.simulate import window_of
from abmlib.method import cycle, opportunity_size, orders, periods, propensity, propensity_report, worth
from abmlib.stats import scores
from benchmarks import truth_propensity, truth_sizes
from benchmarks.proof import Found, Proof, Seen, span
from benchmarks.truth_propensity import FEW, HORIZON_DAYS, LARGE

AHEAD_DAYS = 540  # that markets go on after the report
YEAR = 365  # days after the report in which deals open
FUTURES = 4  # over which what attention adds is a mean
MANY = (30, 100)  # accounts on a list
ALONE = replace(Switches(), selected=0.0)  # a market without a programme
NONE = ByCycle()
EFFECTS = {  # what the programme does, by words for it
    "as in the sample": ALONE,
    "of one size": replace(ALONE, abm_creation=ByCycle(0.35, 0.35, 0.35), abm_win=NONE, abm_size=NONE),
    "on software alone": replace(ALONE, abm_creation=ByCycle(mid=0.7), abm_win=ByCycle(mid=0.06), abm_size=NONE),
    "on office supplies alone": replace(
        ALONE, abm_creation=ByCycle(full=0.7), abm_win=ByCycle(full=0.06), abm_size=NONE
    ),
}
WORTH, STEADY = "worth", "worth, mean of today and past days"
BY_FINDING = ", × a finding by line"
LISTS = [name + more for name in (WORTH, STEADY) for more in ("", BY_FINDING)]
RIVALS = "largest by revenue", "highest chance"


# -- what comes -------------------------------------------------------------------------------------------------------


class Fork:
    """A stream of which all that is drawn for moments after one is drawn anew; the first plain draw says the moments, as shares of the time."""

    def __init__(self, own: np.random.Generator, anew: np.random.Generator, after: float) -> None:
        self._own, self._anew, self._after = own, anew, after
        self._late: np.ndarray | None = None

    def poisson(self, mean: Any) -> np.ndarray:
        """Draw counts."""
        return np.asarray(self._own.poisson(mean))

    def random(self, shape: Any) -> np.ndarray:
        """Draw even chances, or first the moments."""
        drawn = self._own.random(shape)
        if self._late is None:
            self._late = drawn > self._after
            return drawn
        return np.where(self._late[:, None], self._anew.random(shape), drawn)

    def standard_normal(self, shape: Any) -> np.ndarray:
        """Draw normal values."""
        assert self._late is not None  # noqa: S101
        return np.where(self._late[:, None], self._anew.standard_normal(shape), self._own.standard_normal(shape))


class Future(Chance):
    """The streams of a block in which deals after the report are drawn anew; those of future 0 are its own."""

    def __init__(self, seed: int, block: int, nth: int, after: float) -> None:
        super().__init__(seed, block)
        self._nth, self._after = nth, after

    def of(self, topic: str) -> np.random.Generator:
        """Start the stream of a topic."""
        own = super().of(topic)
        if topic != "deals" or not self._nth:
            return own
        return cast("np.random.Generator", Fork(own, super().of(f"{topic} {self._nth}"), self._after))


def opened(
    chance: Chance, accounts: pd.DataFrame, firms: pd.DataFrame, window: sales.Window, switches: Switches
) -> pd.DataFrame:
    """Deals of a block, renewals aside: ``account, line, opens, closes, won, amount, margin_rate`` and ``margin``, what each was to bring when it opened."""
    found = deals.deals(chance, accounts, firms, window, switches)[0]
    found = found[found["type"] != "renewal"]
    who, line, like = (found[c].to_numpy(int) for c in ("account", "line", "like"))
    opens, closes = (deals.calendar_day(window, found[c].to_numpy()) for c in ("opens", "closes"))
    of_line = sales.PRODUCTS.groupby("product_line")["gross_margin_rate"].mean().reindex(sales.LINES).to_numpy()
    rate = of_line[line] * accounts["margin_factor"].to_numpy()[who]
    years = np.where(line == sales.LINES.index(sales.SOFTWARE), deals.TERMS @ deals.TERM_SHARE / 12, 1.0)
    typical = deals.VALUE[like] * accounts["scale"].to_numpy()[who] * np.exp(buyers.amount(accounts, who, opens))
    amount = typical * np.exp(deals.VALUE_SPREAD[like] ** 2 / 2) * years * found["size factor"].to_numpy()
    return pd.DataFrame({
        "account": who, "line": line, "opens": opens, "closes": closes, "won": found["won"].to_numpy(bool),
        "amount": found["amount 2"].to_numpy(float), "margin_rate": rate, "margin": found["p"].to_numpy() * amount * rate,
    })  # fmt: skip


def blocks(seen: Seen, nth: int) -> Iterator[tuple[Chance, pd.DataFrame, pd.DataFrame, sales.Window, int]]:
    """Streams of a future, accounts, register, window and day of the report of each block."""
    window = window_of(*span(AHEAD_DAYS))
    day = window.days - 1 - AHEAD_DAYS
    begins, now, ends = clock.working(window, np.array([-buyers.BEFORE, day + 1, window.days], dtype=float))
    for block in range(LARGE // buyers.BLOCK):
        each, firms = buyers.buyers(Chance(seen.seed, block), window, ALONE)
        yield Future(seen.seed, block, nth, (now - begins) / (ends - begins)), each, firms, window, day


def signed(seen: Seen) -> pd.Series:
    """Margin signed by each account within the horizon after the report."""
    parts = []
    for chance, each, firms, window, day in blocks(seen, 0):
        found = opened(chance, each, firms, window, ALONE)
        found = found[found["won"] & found["closes"].between(day + 1, day + HORIZON_DAYS)]
        sums = (found["amount"] * found["margin_rate"]).groupby(found["account"]).sum()
        parts.append(sums.reindex(range(len(each)), fill_value=0.0).set_axis(firms["account_id"]))
    return pd.concat(parts)


def later(seen: Seen) -> pd.DataFrame:
    """What comes of the deals that each account opens after the report: ``main`` (its line), ``without`` a programme, and what each of `EFFECTS` adds."""
    out = []
    for nth in range(1, FUTURES + 1):
        for chance, each, firms, window, day in blocks(seen, nth):
            reached = each.assign(exposed=np.where(each["created"] <= day, day + 1.0, np.nan))
            own = pd.DataFrame({"main": np.array(sales.LINES)[each["main"]]}, firms["account_id"])
            for name, switches in {"without": ALONE, **EFFECTS}.items():
                found = opened(chance, each if name == "without" else reached, firms, window, switches)
                sums = found[found["opens"].between(day + 1, day + YEAR)].groupby("account")["margin"].sum()
                own[name] = sums.reindex(range(len(each)), fill_value=0.0).to_numpy()
            own[list(EFFECTS)] = own[list(EFFECTS)].sub(own["without"], axis=0)
            out.append(own)
    return pd.concat(out).groupby(["account_id", "main"]).mean().reset_index("main")


# -- what the pages say -----------------------------------------------------------------------------------------------


def sized(seen: Seen) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``05_opportunity_size`` by account, and ``05_back_test``, with chances of 04."""
    wins = seen.once(truth_propensity.questions)[1]
    planned = truth_propensity.planned(seen, wins)
    laid, events = seen.once(truth_sizes.laid)["wins"], seen.once(truth_sizes.events)["wins"]
    days = sorted({*propensity.days_of([planned]), *(laid.days if laid else [])})
    history = seen.book.history(days, None, {wins.name: wins.label})
    now, firsts = seen.once(truth_sizes.today), seen.once(truth_sizes.first_days)
    tests = propensity.back_tests([planned], history, now, firsts, seen.book.as_of)
    chances = propensity_report.scored(tests)
    found, numbers = opportunity_size.ask("signs", history, now, firsts, events, laid, HORIZON_DAYS)
    today = opportunity_size.today(found, numbers, seen.accounts.index, chances, wins.name, HORIZON_DAYS)
    checked = propensity_report.back_tested(tests)
    past = opportunity_size.promised(found, numbers, history, checked, events, HORIZON_DAYS)
    return today.set_index("account_id").reindex(seen.accounts.index), past


def rates(seen: Seen) -> pd.Series:
    """Margin rate of each account, as 06 takes it."""
    return worth.margin_rates(seen.transactions, seen.accounts.index, seen.book.as_of, 0.0)[0]


def past_worth(seen: Seen) -> pd.DataFrame:
    """Worth on past days and what came of it, as 06 takes it."""
    return worth.on_past_days(seen.once(sized)[1], seen.transactions, 0.0, "margin")


def main_line(seen: Seen) -> pd.Series:
    """Line of most money of each account that has any."""
    money = cycle.money_by_line(seen.deals, seen.once(truth_sizes.lines)).reset_index()
    return money.sort_values("money").groupby("account_id")["product_line"].last()


def ranked(seen: Seen, effect: str) -> dict[str, pd.Series]:
    """What each list ranks accounts by; a finding is taken to be right: what the effect adds to the line over what comes of it without."""
    size, known = seen.once(sized)[0], seen.once(later)
    of_line = known.groupby("main")[[effect, "without"]].sum()
    rise = of_line[effect] / of_line["without"]
    rises = seen.once(main_line).reindex(size.index).map(rise).astype(float).fillna(rise.mean())
    own = size["value"] * seen.once(rates)
    plain = {WORTH: own, STEADY: worth.steady(own, seen.once(past_worth))}
    bought = orders.by_account(seen.transactions, size.index, periods.trailing(seen.book.as_of, 12))
    rivals = dict(zip(RIVALS, (bought["revenue"], size["chance"]), strict=True))
    return plain | {name + BY_FINDING: by * rises for name, by in plain.items()} | rivals


def first(by: pd.Series, many: int) -> pd.Index:
    """Accounts of a list: those with most."""
    return worth.top(pd.DataFrame({"by": by, "account_id": by.index}, by.index.rename(None)), "by", many)


# -- estimates --------------------------------------------------------------------------------------------------------


def carries(seen: Seen, of: str, effect: str, many: int) -> Found:
    """What attention adds to the accounts of a list over what it adds to those of the better of `RIVALS`; called: no less."""
    added, by = seen.once(later)[effect], ranked(seen, effect)
    own, best = (max(float(added.reindex(first(by[n], many)).sum()) for n in names) for names in ((of,), RIVALS))
    return Found(own / best, called=float(own >= best), n=many) if best > 0 else Found()


def came(seen: Seen, many: int, learnt: bool) -> Found:
    """True margin signed within the horizon over the worth of the list of `many`; `learnt`: over that times what past lists brought."""
    own = seen.once(sized)[0]["value"] * seen.once(rates)
    listed = first(own, many)
    factor = worth.curse(seen.once(past_worth), many)[0][0] if learnt else 1.0
    brought = seen.once(signed).reindex(listed).fillna(0.0).sum()
    return Found(float(brought / (own[listed].sum() * factor)), 1.0, n=many)


def drawn_first(seen: Seen, many: int) -> tuple[pd.Series, pd.Series, pd.Index]:
    """Share of draws in which each account is among those that bring most, if it then was, and the list."""
    size = seen.once(sized)[0]
    own = size["value"] * seen.once(rates)
    often = worth.draws(size, own, many)[1]
    brought = seen.once(signed).reindex(size.index).fillna(0.0)
    best = brought[brought > 0].nlargest(many).index
    return often, pd.Series(often.index.isin(best), often.index), first(own, many)


def among_the_first(seen: Seen, many: int) -> Found:
    """Share of the list that draws put among those that bring most; truth: the share that then were."""
    often, was, listed = drawn_first(seen, many)
    if listed.empty:
        return Found()
    return Found(float(often[listed].mean()), float(was[listed].mean()), n=many)


def first_slope(seen: Seen, many: int) -> Found:
    """Slope of who then was among those that bring most on the log-odds of the share of draws."""
    often, was, _ = drawn_first(seen, many)
    value, low, high, n = scores.slope(often.to_numpy(), was.to_numpy(float), often.index.to_numpy())
    return Found(value, 1.0, low, high, n=n)


# -- the rows ---------------------------------------------------------------------------------------------------------

SAMPLE = next(iter(EFFECTS))
ASKED = {
    effect: LISTS if effect == SAMPLE else (WORTH, STEADY + BY_FINDING) for effect in EFFECTS
}  # lists that stand in the table
NOTE = f"What the programme would add within {YEAR} days to the accounts of the list, over what it would add to those of the better of two lists as long: {' and '.join(RIVALS)}. Called: no less. "
BY = "A finding is taken to be right: the share that the effect adds to what comes of each line. Past days: those of `05_back_test` on which the account was known. "
UNLIKE = (
    "Nothing is promised here. Worth of one day is what may be signed within the horizon, mostly deals that are open on the day; attention adds deals that are not open yet, "
    "and a year of revenue tells who opens many. An effect on one line adds nothing to most of what worth counts."
)
CAME = f"Margin of deals signed within {HORIZON_DAYS} days, at the margin of their lines, over the worth of the list; the truth is 1. Nothing is promised: luck is in it, and margin rates of accounts are those of all they buy. "
DRAWN = "Accounts among as many that then brought most: the share that draws of what may come say, and the share that were. "
PROOFS = tuple(replace(p, accounts=LARGE, every=FEW, on=ALONE, ahead_days=AHEAD_DAYS) for p in (
    *(
        Proof(
            f"list of {many}: {of}, an effect {effect}", "S0-14", partial(carries, of=of, effect=effect, many=many), power=0.8 * (effect == SAMPLE), unit="accounts",
            note=NOTE + BY + UNLIKE * (effect != SAMPLE),
        )
        for effect, lists in ASKED.items() for of in lists for many in MANY
    ),
    *(
        Proof(f"list of {many}: margin that came per worth{' × what past lists brought' * learnt}", "C-49", partial(came, many=many, learnt=learnt), unit="accounts", note=CAME)
        for many in MANY for learnt in (False, True)
    ),
    *(Proof(f"list of {many}: accounts among the {many} that bring most", "C-49", partial(among_the_first, many=many), bias=0.1, unit="accounts", note="Of the list. " + DRAWN) for many in MANY),
    *(Proof(f"list of {many}: slope of shares of draws", "C-49", partial(first_slope, many=many), covers=(0.0, 1.0), says=(0.8, 1.2), unit="accounts", note="Of all accounts, slope of the log-odds. " + DRAWN) for many in MANY),
))  # fmt: skip
