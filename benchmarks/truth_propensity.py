"""Does what 04 says of who will do it next hold: its chances, its "signal" and "no signal", what tells buyers apart, what leaks?

Rows that ask whether a method keeps its level need no book: their features are made here from the tables of the market, or drawn.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import scipy

from abmlib.market import Switches
from abmlib.market.buyers import DRIVERS
from abmlib.market.switches import PRESETS
from abmlib.method import outcomes, predictors, propensity, telling
from abmlib.method.outcomes import Question
from abmlib.method.periods import DAY
from abmlib.method.predictors import Predictors
from abmlib.method.propensity import Blocks, Tested
from abmlib.stats import scores
from abmlib.stats.intervals import LEVEL
from benchmarks import truth_missing
from benchmarks.proof import Found, Proof, Seen

HORIZON_DAYS = 182  # as in 04
LARGE, USUAL = 3_000, 500  # accounts of a market, and of a part of it
FEW, MANY = 25, 10  # of so many seeds one has a large market
FIRM = ("industry", "country", "org_type", "employees", "tech_stack", "growth_outlook")
STRONG = replace(Switches(), propensity_drivers=1.0, counter_intuitive=3.0)
NONE = PRESETS["nothing"]
DRIVEN = {  # columns that drive opening, and which way
    r.column if r.column == "employees" else f"{r.column}: {r.value}": int(np.sign(r.weight))
    for r in DRIVERS[DRIVERS["of"] == "opening"].itertuples()
}
STRUGGLING = "growth_outlook: struggling"
DRAWS = 2  # of tables for each seed, and of labels, for as many seeds as have no large market
PARTS = {60: 5, 200: 4, 600: 3}  # of a large market, by how many accounts do it in each
COLUMNS, ACCOUNTS, DAYS = 40, 667, 3  # of a table that is drawn
RATE, STAYS = 0.2, 0.7  # share of rows that come; correlation of a column between days
AREA, SLOPE = 0.60, 0.366  # planted, and what plants it: log-odds per standard deviation
INTERCEPT = -1.44


# -- what a market says -----------------------------------------------------------------------------------------------


def questions(seen: Seen) -> list[Question]:
    """Who opens a deal within half a year, and who wins one."""
    return outcomes.asked(
        seen.deals, seen.transactions.iloc[:0], seen.book.read("contracts").iloc[:0], HORIZON_DAYS, 0.2
    )


def planned(seen: Seen, question: Question) -> Tested:
    """A question with its past days."""
    return propensity.plan([question], seen.accounts.reset_index(), seen.book.as_of, HORIZON_DAYS, 0)[0]


def asked(seen: Seen) -> Tested:
    """Who opens a deal, of accounts without an open one, as 04 asks it."""
    return planned(seen, seen.once(questions)[0])


def asked_of_all(seen: Seen) -> Tested:
    """Who opens a deal, of all accounts: whose pasts can be dealt anew, as none is asked on some days only."""
    deals = seen.deals[seen.deals["type"] != "renewal"]

    label = outcomes.happens(deals["account_id"], deals["created_day"], HORIZON_DAYS)
    return planned(seen, replace(seen.once(questions)[0], label=label))


def described(seen: Seen, day: pd.Timestamp) -> pd.DataFrame:
    """What the register said of the accounts known on a day, by account id."""
    known = seen.accounts[~(seen.accounts["created_day"] > day)]
    entries = seen.book.read("attribute_history")
    entries = entries[(entries["table"] == "accounts") & (entries["known_from_day"] <= day)].sort_values("known_from")
    then = entries.groupby(["field", "row_id"])["value"].last()
    out = known[[c for c in FIRM if c in known]].copy()
    for column in out.columns.intersection(then.index.unique("field")):
        out[column] = then[column].reindex(out.index)
    return out.assign(employees=pd.to_numeric(out["employees"]))


def by_hand(seen: Seen, day: pd.Timestamp) -> pd.DataFrame:
    """Some features of the accounts known on a day, made from the tables."""
    out = described(seen, day)

    def counted(rows: pd.DataFrame, when: str, days: int = 365) -> pd.Series:
        return (
            rows[rows[when] > day - days * DAY]
            .groupby("account_id")
            .size()
            .reindex(out.index, fill_value=0)
            .astype(float)
        )

    def since(rows: pd.DataFrame, when: str) -> pd.Series:
        return (day - rows.groupby("account_id")[when].max()).dt.days.reindex(out.index).astype(float)

    deals, bought, touches = (
        t[(t[when] <= day) & ~(t["known_day"] > day)]
        for t, when in (
            (seen.deals, "created_day"),
            (seen.transactions, "booked_at"),
            (seen.book.read("activities"), "occurred_day"),
        )
    )
    won = deals[deals["is_won"].fillna(False).astype(bool) & (deals["closed_day"] <= day)]
    year = bought[bought["booked_at"] > day - 365 * DAY]
    theirs = touches[touches["direction"] != "outbound"]
    return out.assign(
        deals_open=counted(deals[~(deals["closed_day"] <= day)], "created_day", 9_999),
        deals_opened_12m=counted(deals, "created_day"),
        days_since_opened=since(deals, "created_day"),
        days_since_won=since(won, "closed_day"),
        revenue_12m=year.groupby("account_id")["revenue"].sum().reindex(out.index, fill_value=0).astype(float),
        buying_days_12m=year.groupby("account_id")["booked_at"]
        .nunique()
        .reindex(out.index, fill_value=0)
        .astype(float),
        days_since_purchase=since(bought, "booked_at"),
        touches_in_90d=counted(theirs, "occurred_day", 91),
        touches_out_90d=counted(touches[touches["direction"] == "outbound"], "occurred_day", 91),
        meetings_90d=counted(touches[touches["channel"] == "meeting"], "occurred_day", 91),
    )


def rows_by_hand(seen: Seen) -> pd.DataFrame:
    """Features of `by_hand`, and who opens a deal (``came``) or wins one (``won``), of all past days: ``day, account_id, ...``."""
    test, wins = seen.once(asked_of_all), seen.once(questions)[1]
    parts = []
    for day in propensity.days_of([test]):
        made = by_hand(seen, day)
        parts.append(made.assign(day=day, came=test.question.label(day, made.index), won=wins.label(day, made.index)))
    return pd.concat(parts).rename_axis("account_id").reset_index()


def first_days(seen: Seen) -> pd.Series:
    """First day of the facts of each table that `by_hand` uses."""
    return pd.Series({
        "opportunities": seen.deals["created_day"].min(), "transactions": seen.transactions["booked_at"].min(),
        "activities": seen.book.read("activities")["occurred_day"].min(),
    })  # fmt: skip


def prepared(seen: Seen, rows: pd.DataFrame) -> Tested:
    """What `propensity` and `telling` take, of rows of `rows_by_hand`."""
    test, today = seen.once(asked_of_all), by_hand(seen, seen.book.as_of).rename_axis("account_id").reset_index()
    today = today[today["account_id"].isin(rows["account_id"])].reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    made = predictors.prepare(rows.drop(columns=["came", "won"]), today, first_days(seen))
    labelled = rows[["day", "account_id", "came"]]
    return replace(test, labelled=labelled, rows=labelled, predictors=made)


def whole(seen: Seen) -> Tested:
    """Everything `by_hand`, prepared."""
    return prepared(seen, seen.once(rows_by_hand))


def back_tested(test: Tested, labelled: pd.DataFrame) -> Tested:
    """Back-test of labels."""
    assert test.blocks is not None and test.predictors is not None  # noqa: S101
    worked = pd.Series(False, labelled.index)
    return propensity.back_test(test.question, test.blocks, labelled, test.predictors, worked)


# -- calibration ------------------------------------------------------------------------------------------------------


def history(seen: Seen) -> pd.DataFrame:
    """`Book.history` of the past days, with who opens a deal as 04 asks it, and of all accounts (``any``)."""
    test, every = seen.once(asked), seen.once(asked_of_all)
    labels = {test.question.name: test.question.label, "any": every.question.label}
    return seen.book.history(propensity.days_of([test, every]), None, labels)


def reported(seen: Seen, ids: pd.Index | None = None, every: bool = False) -> Tested:
    """Back-test of the history, of all accounts or of some; asked as 04 does, or of every account."""
    rows, today = seen.once(history), seen.book.features()
    if every:
        rows = rows.assign(**{seen.once(asked).question.name: rows["any"]})
    if ids is not None:
        rows, today = (f[f["account_id"].isin(ids)].reset_index(drop=True) for f in (rows, today))
    firsts = seen.book.overview().set_index("table")["first_day"].dropna()
    test = seen.once(asked_of_all if every else asked)
    return propensity.back_tests([test], rows, today, firsts, seen.book.as_of)[0]


def said(test: Tested) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, outcome and account of each row of the report."""
    assert test.rows is not None  # noqa: S101
    score, came, account = (test.rows[c].to_numpy() for c in ("score", "came", "account_id"))
    return score, came, account


def slope(seen: Seen) -> Found:
    """Slope of what came on what was promised."""
    value, low, high, n = scores.slope(*said(seen.once(reported)))
    return Found(value, 1.0, low, high, n=n)


def level(seen: Seen) -> Found:
    """What came over what was promised."""
    value, low, high, n = scores.observed_per_promised(*said(seen.once(reported)), propensity.SEED)
    return Found(value, 1.0, low, high, n=n)


def parts(seen: Seen) -> dict[int, list[Tested]]:
    """Back-tests of parts of the accounts, by how many of them open a deal on any past day."""
    rows = seen.once(history)
    did = rows.groupby("account_id")[seen.once(asked).question.name].max()
    did = did.iloc[np.random.default_rng(seen.seed).permutation(len(did))]
    out = {}
    for many, most in PARTS.items():
        nth = (did.cumsum() - did) // many
        full = range(min(most, int(did.sum()) // many))
        out[many] = [reported(seen, did.index[nth == k]) for k in full]
    return out


def of_few(seen: Seen, many: int, of: str) -> Found:
    """Mean area or slope of the report blocks of parts; called: the share of them in which there is a signal."""
    tests = seen.once(parts)[many]
    measure = scores.auc if of == "auc" else scores.slope
    values = [measure(*said(test))[0] for test in tests if test.rows is not None]
    return Found(float(np.nanmean(values)), called=float(np.mean([test.is_signal for test in tests])), n=many)


# -- no signal --------------------------------------------------------------------------------------------------------


def permuted(labelled: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Labels dealt anew: each account has all those of another account that was known on the same days."""
    wide = labelled.pivot(index="account_id", columns="day", values="came")
    values, pattern = wide.to_numpy(), wide.notna().to_numpy() @ (2 ** np.arange(wide.shape[1]))
    dealt = values.copy()
    for kind in np.unique(pattern):
        at = np.flatnonzero(pattern == kind)
        dealt[at] = values[random.permutation(at)]
    long = pd.DataFrame(dealt, wide.index, wide.columns).stack().rename("came").reset_index()
    return labelled[["day", "account_id"]].merge(long, on=["account_id", "day"], how="left")


def of_permuted(test: Tested, seed: int, draws: int) -> Found:
    """Mean area under labels dealt anew; called: the share of draws that are said to have a signal."""
    assert test.labelled is not None  # noqa: S101
    random = np.random.default_rng(seed)
    tests = [back_tested(test, permuted(test.labelled, random)) for _ in range(draws)]
    areas = [scores.auc(*said(t))[0] for t in tests]
    signals = float(np.mean([t.is_signal for t in tests]))
    return Found(float(np.mean(areas)), 0.5, called=signals, n=len(test.labelled))


def dealt_anew(seen: Seen) -> Found:
    """Of some features, of as many accounts as the sample has."""
    found = [
        of_permuted(test, seen.seed + k, DRAWS * FEW // len(tests))
        for tests in [seen.once(tests_of)[USUAL]]
        for k, test in enumerate(tests)
    ]
    value, called, n = (float(np.mean([getattr(f, c) for f in found])) for c in ("value", "called", "n"))
    return Found(value, 0.5, called=called, n=n)


def dealt_anew_in_book(seen: Seen) -> Found:
    """Of all features of the book, of as many accounts as the sample has."""
    ids = pd.Index(seen.once(history)["account_id"].unique())
    some = pd.Index(np.random.default_rng(seen.seed).permutation(ids)[:USUAL])
    return of_permuted(reported(seen, some, every=True), seen.seed, DRAWS * FEW)


def once(make: Callable[[Seen], Found], seen: Seen) -> Found:
    """What a function finds in a market, made once for the two markets of a row that are one."""
    found: Found = seen.once(make)
    return found


def drawn(seed: int, slope: float, columns: int) -> tuple[Tested, np.ndarray]:
    """A table in which the sum of the first columns moves the log-odds, and that sum in standard deviations."""
    random = np.random.default_rng(seed)
    own, each = random.standard_normal((ACCOUNTS, 1, COLUMNS)), random.standard_normal((ACCOUNTS, DAYS, COLUMNS))
    x = (np.sqrt(STAYS) * own + np.sqrt(1 - STAYS) * each).reshape(-1, COLUMNS)
    score = x[:, :columns].sum(axis=1) / np.sqrt(columns)
    chance = scipy.special.expit(INTERCEPT + slope * score)
    days = pd.date_range("2024-06-30", periods=DAYS, freq=f"{HORIZON_DAYS}D")
    account = np.repeat([f"A{k}" for k in range(ACCOUNTS)], DAYS)
    came = (random.random(len(x)) < chance).astype(float)
    labelled = pd.DataFrame({"day": np.tile(days, ACCOUNTS), "account_id": account, "came": came})
    past = pd.DataFrame(x, columns=[f"x{k}" for k in range(COLUMNS)])
    made = Predictors(
        past, past.iloc[:0], past.iloc[:0], past.iloc[:, :0], dict.fromkeys(past.columns, "employees"), pd.DataFrame()
    )
    nobody = Question("drawn", "does", "", lambda day, ids: pd.Series(np.nan, ids), days[0], "", HORIZON_DAYS)
    laid = Blocks([days[0]], [days[1]], [days[2]], [])
    return Tested(nobody, blocks=laid, predictors=made, labelled=labelled), score


def planted(seen: Seen, slope: float, columns: int, draws: int) -> Found:
    """Area found in tables that are drawn, beside that of the score behind them; called: the share said to have a signal."""
    areas, truths, signals = [], [], []
    for seed in range(draws * seen.seed, draws * (seen.seed + 1)):
        test, score = drawn(seed, slope, columns)
        assert test.labelled is not None  # noqa: S101
        found = back_tested(test, test.labelled)
        areas.append(scores.auc(*said(found))[0])
        truths.append(scores.auc(score, test.labelled["came"].to_numpy(), test.labelled["account_id"].to_numpy())[0])
        signals.append(found.is_signal)
    return Found(
        float(np.mean(areas)),
        float(np.mean(truths)) if slope else 0.5,
        called=float(np.mean(signals)),
        n=ACCOUNTS * DAYS,
    )


def noise_drawn(seen: Seen) -> Found:
    """Without a signal."""
    return planted(seen, 0.0, 1, DRAWS)


# -- what tells buyers apart ------------------------------------------------------------------------------------------


def told(test: Tested, only: tuple[str, ...] = ()) -> pd.DataFrame:
    """`telling.alone`, of all columns or of those of some features."""
    assert test.predictors is not None  # noqa: S101
    kept = [c for c, feature in test.predictors.of.items() if not only or feature in only]
    return telling.alone([replace(test, predictors=replace(test.predictors, past=test.predictors.past[kept]))])


def tests_of(seen: Seen) -> dict[int, list[Tested]]:
    """The market prepared as a whole, and in parts as large as the sample, by their accounts."""
    rows = seen.once(rows_by_hand)
    ids = np.random.default_rng(seen.seed).permutation(rows["account_id"].unique())
    some = [ids[k : k + USUAL] for k in range(0, len(ids) - USUAL + 1, USUAL)]
    return {LARGE: [seen.once(whole)], USUAL: [prepared(seen, rows[rows["account_id"].isin(part)]) for part in some]}


def all_told(seen: Seen) -> dict[int, list[pd.DataFrame]]:
    """`told` of each."""
    return {many: [told(test) for test in tests] for many, tests in seen.once(tests_of).items()}


def drivers_found(seen: Seen, many: int) -> Found:
    """Share of the columns that drive opening that are found, the right way."""
    shares = []
    for table in seen.once(all_told)[many]:
        of = table.set_index("column").reindex(list(DRIVEN))
        right = (of["p"] < 1 - LEVEL) & (np.sign(of["auc"] - 0.5) == pd.Series(DRIVEN))
        shares.append(float(right.mean()))
    return Found(float(np.mean(shares)), called=float(np.mean(shares)), n=many)


NULLS = ("industry", "country", "org_type", "tech_stack", "growth_outlook")  # tell nothing where nothing is planted


def false_reports(seen: Seen) -> Found:
    """Findings among columns that tell nothing; called: the share of reports with any."""
    tables = [told(test, NULLS) for test in seen.once(tests_of)[USUAL]]
    many = [int((t["p"] < 1 - LEVEL).sum()) for t in tables]
    return Found(float(np.mean(many)), 0.0, called=float(np.mean([m > 0 for m in many])), n=len(tables[0]))


def false_findings(seen: Seen) -> Found:
    """Share of the findings of a report that are among columns that tell nothing, all columns judged together."""
    shares = []
    for table in seen.once(all_told)[USUAL]:
        made = table[table["p"] < 1 - LEVEL]
        shares.append(float(made["feature"].isin(NULLS).mean()) if len(made) else 0.0)
    return Found(float(np.mean(shares)), 0.0, called=float(np.mean(shares)), n=len(seen.once(all_told)[USUAL][0]))


def surprise(seen: Seen, many: int) -> Found:
    """Area of struggling accounts; called: the share of reports that name it as against belief."""
    tables = seen.once(all_told)[many]
    areas = [t.set_index("column")["auc"].get(STRUGGLING, np.nan) for t in tables]
    named = [telling.against_belief(t)["column"].eq(STRUGGLING).any() for t in tables]
    return Found(float(np.nanmean(areas)), called=float(np.mean(named)), n=many)


# -- leaks ------------------------------------------------------------------------------------------------------------


def gaps(seen: Seen, leak: float) -> Found:
    """Fields named as a leak; called where any is."""
    rows = seen.once(rows_by_hand)
    filled = truth_missing.emptied(seen, leak).set_index("account_id")
    fields = [c for c in FIRM if c in filled and c in truth_missing.missingness.MODELLED]
    rows = rows.assign(**{c: filled[c].reindex(rows["account_id"]).to_numpy(object) for c in fields})
    named = predictors.leaks(rows.drop(columns=["came", "won"]), rows["won"])
    return Found(float(len(named)), called=float(bool(named)), n=rows["account_id"].nunique())


def honest(seen: Seen) -> Found:
    """Features named as a leak where none is, of who opens and of who wins."""
    rows = seen.once(rows_by_hand)
    named = [predictors.leaks(rows.drop(columns=["came", "won"]), rows[y]) for y in ("came", "won")]
    return Found(
        float(sum(map(len, named))),
        0.0,
        called=float(np.mean([bool(n) for n in named])),
        n=rows["account_id"].nunique(),
    )


def meeting_ahead(seen: Seen) -> Found:
    """Days since the last meeting, where one that lies ahead of the day counts."""
    rows, met = seen.once(rows_by_hand), seen.book.read("activities").query("channel == 'meeting'")
    last = [
        (day - met[met["occurred_day"] <= day + HORIZON_DAYS * DAY].groupby("account_id")["occurred_day"].max())
        .dt.days.reindex(of["account_id"])
        .to_numpy(float)
        for day, of in rows.groupby("day", sort=False)
    ]
    rows = rows.assign(days_since_meeting=np.concatenate(last)).drop(columns=["won"])
    named = predictors.leaks(rows.drop(columns="came"), rows["came"], ["days_since_meeting"])
    return Found(float(len(named)), called=float("days_since_meeting" in named), n=rows["account_id"].nunique())


# -- the rows ---------------------------------------------------------------------------------------------------------

LIKE = "Who opens a deal within 182 days, as 04 asks it, from `Book.history` of up to ten past days. "
HAND = "Features made from the tables of the market, descriptions as attribute_history has them. "
PROOFS = (
    Proof(
        "propensity: calibration slope of who opens a deal", "C-47", slope, accounts=LARGE, every=FEW, says=(0.9, 1.1), unit="rows",
        note=LIKE + "Slope of the log-odds of what came on those of the score, in the block that reports; the truth is 1. "
        "The sigmoid is learnt on accounts that models have not seen; those of the report they have.",
    ),
    Proof(
        "propensity: opened per promised", "C-47", level, accounts=LARGE, every=FEW, says=(0.9, 1.1), covers=(0.0, 1.0), unit="rows",
        note=LIKE + "Deals opened over the sum of scores in the block that reports; the truth is 1. Its interval holds the luck of accounts; that all "
        "accounts open fewer deals in a half-year than in those before is not in it, so coverage is not promised.",
    ),
    *(
        Proof(
            f"propensity: {words}, {many} accounts that opened", "C-46" if of == "auc" else "C-47", partial(of_few, many=many, of=of),
            accounts=LARGE, every=FEW, unit="accounts that opened",
            note=LIKE + f"Parts of large markets, drawn by lot, {', '.join(map(str, PARTS))} accounts of each of which open a deal on any past day. "
            "Power: share of parts in which there is said to be a signal; in the others 04 says \"no signal\". Nothing is promised.",
        )
        for words, of in (("area under the curve", "auc"), ("calibration slope", "slope"))
        for many in PARTS
    ),
    Proof(
        "propensity: signal in labels dealt anew, few features", "C-44", partial(once, dealt_anew), off=Switches(), accounts=LARGE, every=FEW,
        unit="rows",
        note=f"Some {DRAWS * FEW} draws in each market, of parts of {USUAL} accounts: each account gets the whole past of another that was known on the "
        "same days. A signal is false. " + HAND,
    ),
    Proof(
        "propensity: signal in labels dealt anew, all features", "C-44", partial(once, dealt_anew_in_book), off=Switches(), accounts=LARGE, every=FEW,
        unit="rows",
        note=f"{DRAWS * FEW} draws in each market, of {USUAL} of its accounts, with all features of `Book.history`. A signal is false.",
    ),
    *(
        Proof(
            f"signal of area {AREA:.2f} in tables that are drawn, {words}", "C-46", partial(planted, slope=SLOPE, columns=columns, draws=DRAWS),
            accounts=0, every=every, power=power, unit="rows",
            note=f"{ACCOUNTS} accounts on {DAYS} past days, {COLUMNS} columns, about {RATE:.0%} with the outcome; {DRAWS} draws for each "
            "seed. Truth: area of the score that was planted, on all days; the estimate is that of the model chosen, on the last. Power: "
            "\"signal\" is said. Of a signal in two columns the model of one finds a part, and few rows do not tell the two apart: there nothing is promised.",
        )
        for words, columns, every, power in (("one column tells", 1, 1, 0.8), ("two columns tell", 2, 4, 0.0))
    ),
    Proof(
        "signal in tables that are drawn without one", "C-46", partial(once, noise_drawn), off=Switches(), accounts=0, unit="rows",
        note="The same without a signal.",
    ),
    *(
        Proof(
            f"propensity: drivers of opening found, {many:,} accounts", "S3-10", partial(drivers_found, many=many), on=STRONG, accounts=LARGE,
            every=FEW, power=0.8 if many == LARGE else 0.0, unit="accounts",
            note="Share of the five columns that drive opening (employees; technology, finance and public sector; an ERP suite; twice as "
            "strong as in the sample) whose adjusted p says that they tell, the right way. " + HAND,
        )
        for many in (USUAL, LARGE)
    ),
    Proof(
        "propensity: a report that finds a description where none tells", "S3-10", partial(once, false_reports), on=NONE, off=NONE, accounts=LARGE,
        every=MANY, unit="columns",
        note=f"Parts of {USUAL} accounts of markets in which no description drives anything; only descriptions are judged. Mean estimate: findings of a "
        "report. Called: any. " + HAND,
    ),
    Proof(
        "propensity: findings that are false", "S3-10", partial(once, false_findings), on=NONE, off=NONE, accounts=LARGE, every=MANY, unit="columns",
        note="The same, judged together with columns that do tell, such as deals opened before. Share of false findings among those of a report; this is "
        "what adjusting by Benjamini and Hochberg promises. " + HAND,
    ),
    *(
        Proof(
            f"propensity: struggling accounts open more software deals, {words}, {many:,} accounts", "S3-13", partial(surprise, many=many), on=on, off=NONE,
            accounts=LARGE, every=FEW, unit="accounts",
            note="Mean estimate: area under the curve of being a struggling account, of who opens any deal. Called: it is named as against belief. " + HAND,
        )
        for words, on in (("half as many again", Switches()), ("four times as many", STRONG))
        for many in (USUAL, LARGE)
    ),
    Proof(
        "leak: gaps filled because an account bought", "C-44", partial(gaps, leak=truth_missing.MORE), power=0.95, unit="accounts",
        accounts=truth_missing.ACCOUNTS, every=3,
        note=f"Gaps at random, and {truth_missing.MORE:.0%} more where an account has never bought, of who wins a deal within 182 days. Called: "
        "any field is named as a leak. Mean estimate: fields named, of six.",
    ),
    Proof(
        "leak: none of gaps at random", "C-44", partial(gaps, leak=0.0), off=Switches(), unit="accounts", accounts=truth_missing.ACCOUNTS, every=3,
        note="The same without the further gaps: a call is false.",
    ),
    Proof(
        "leak: a meeting that lies ahead counts as held", "C-44", meeting_ahead, power=0.95, unit="accounts", accounts=truth_missing.ACCOUNTS, every=3,
        note="Days since the last meeting, where meetings of the coming 182 days count. Called: it is named as a leak. A count of such "
        "meetings would not be: nothing in a count says that it looks ahead; the book counts no plan.",
    ),
    Proof(
        "leak: none of the market's own features", "C-44", partial(once, honest), off=Switches(), unit="accounts", accounts=truth_missing.ACCOUNTS, every=3,
        note="The market's own gaps, of customers fewer, and features by hand; of who opens and of who wins: the share of the two of which any feature is named. A call is false.",
    ),
)  # fmt: skip
