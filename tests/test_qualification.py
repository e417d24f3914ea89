"""The four-part gate, the choice, its cost and its trial on the past, on accounts a person can follow."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import orders, periods, value
from abmlib.method import qualification as q
from abmlib.method.periods import Period
from abmlib.stats.intervals import wilson
from abmlib.tables import schema
from tests.conftest import as_read

tables = settings(max_examples=25, deadline=None)  # no deadline: a busy machine is no failure

PASS, FAIL, UNKNOWN = q.PASS, q.FAIL, q.UNKNOWN
GATE = q.Thresholds(max_decline=0.3, min_tenure_days=180, min_buying_days=3, min_margin_rate=0.1)
HISTORY = Period(pd.Timestamp("2024-07-01"), pd.Timestamp("2026-06-30"))
HALVES = periods.adjacent_periods(HISTORY.start, HISTORY.end, 12)
SAID = st.sampled_from([PASS, FAIL, UNKNOWN])


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def lines(rows: list[tuple]) -> pd.DataFrame:
    """Transactions to spec from (account, day, revenue) and, where given, cogs and the last day paid for."""
    frame = pd.DataFrame(
        [(*r, None, None)[:5] for r in rows], columns=["account_id", "booked_at", "revenue", "cogs", "period_end"]
    )
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    return as_read("transactions", frame)


# -- the parts --------------------------------------------------------------------------------------------------------


def test_revenue_history_allows_the_decline_and_no_more():
    rows = [
        ("at", 100, 70, PASS),  # exactly what may be lost
        ("below", 100, 69.99, FAIL),
        ("grew", 100, 300, PASS),
        ("new", 0, 50, UNKNOWN),  # nothing to compare with: neither pass nor fail
        ("returns", -10, 50, UNKNOWN),  # a negative base would turn the comparison round
        ("lost", 100, 0, FAIL),
    ]
    f = pd.DataFrame(rows, columns=["id", "earlier", "later", "said"]).set_index("id")
    assert q.revenue_history(f["earlier"], f["later"], 0.3).to_dict() == f["said"].to_dict()


@tables
@given(st.integers(-50, 500), st.integers(-50, 500), st.integers(0, 500), st.sampled_from([0.0, 0.2, 0.3, 1.0]))
def test_more_revenue_never_turns_pass_into_fail(earlier, later, more, decline):
    got = q.revenue_history(pd.Series([earlier] * 2), pd.Series([later, later + more]), decline)
    assert got.tolist() != [PASS, FAIL]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2025-07-05", [PASS, FAIL, FAIL, FAIL]),  # 360 days: twice the tenure, so time is judged
        ("2025-07-06", [PASS, PASS, FAIL, FAIL]),  # 359 days: an old customer may look new, so it is not
    ],
)
def test_time_is_judged_only_where_history_is_twice_the_tenure(start, expected):
    rows = [
        ("old", "2026-01-01", 3),  # 180 days: exactly enough
        ("young", "2026-01-02", 9),  # 179 days
        ("rare", "2026-01-01", 2),  # long enough, but too few buying days
        ("never", None, 0),  # never bought: fails, is not missing
    ]
    worth = pd.DataFrame(rows, columns=["id", "first_day", "buying_days"]).set_index("id")
    worth["first_day"] = pd.to_datetime(worth["first_day"])
    assert q.relationship(worth, Period(day(start), day("2026-06-30")), 180, 3).tolist() == expected


@pytest.mark.parametrize("start", ["2020-01-01", "2026-05-01"])
def test_an_account_that_never_bought_has_no_relationship_even_if_no_day_is_asked_for(start):
    worth = pd.DataFrame({"first_day": pd.to_datetime([None]), "buying_days": [0]})
    assert q.relationship(worth, Period(day(start), day("2026-06-30")), 180, 0).tolist() == [FAIL]


def test_profitability_is_judged_only_on_a_known_margin_of_positive_revenue():
    rows = [
        ("at", 100, 10, PASS),
        ("below", 100, 9.99, FAIL),
        ("loss", 100, -5, FAIL),
        ("dark", 100, None, UNKNOWN),  # unknown cost is no low margin
        ("nothing", 0, 0, UNKNOWN),  # 0 >= 0.1 * 0 is true, and means nothing
        ("returns", -100, -5, UNKNOWN),  # -5 >= -10 is true, and means nothing
    ]
    f = pd.DataFrame(rows, columns=["id", "revenue", "margin", "said"]).set_index("id")
    assert q.profitability(f, 0.1).to_dict() == f["said"].to_dict()


def test_a_margin_exactly_at_the_floor_passes_although_tenths_are_not_exact():
    # 0.1 * 23 is 2.3000000000000003 in binary
    assert q.profitability(pd.DataFrame({"revenue": [23.0], "margin": [2.3]}), 0.1).tolist() == [PASS]


@pytest.fixture
def rhythms() -> pd.DataFrame:
    return lines(
        [
            ("steady", "2026-01-01", 5),
            ("steady", "2026-01-31", 5),
            ("steady", "2026-02-10", 5),  # gaps 30 and 10: the longest counts, not the last or the mean
            ("steady", "2026-02-10", 5),  # same day: no gap of 0, and not a fourth day
            ("steady", "2026-03-05", -5),  # a return is no purchase: must not end the silence
            ("twice", "2026-01-01", 5),
            ("twice", "2026-01-11", 5),  # one gap is not a rhythm
            ("paid", "2025-07-01", 5, None, "2026-06-30"),  # one day, but paid for: viable
            ("paid out", "2025-01-01", 5, None, "2025-12-31"),  # paid for no longer, and no rhythm
            ("returned", "2026-03-01", -5, None, "2027-01-01"),  # paid back: no purchase, nothing paid for
        ]
    )


def test_gaps_are_between_buying_days(rhythms):
    got = q.gaps(rhythms, pd.Index(["paid", "paid out", "steady", "twice", "cold"]))
    assert got.index.tolist() == ["paid", "paid out", "steady", "twice", "cold"]
    assert got.loc["cold"].isna().all()
    assert got.loc["steady", ["longest_gap_days", "last_day"]].tolist() == [30, day("2026-02-10")]
    assert got["longest_gap_days"].drop("steady").isna().all()
    assert got["paid_until"]["paid"] == day("2026-06-30")


@pytest.mark.parametrize(
    ("as_of", "steady", "paid"),
    [
        ("2026-03-12", PASS, PASS),  # silent for 30 days: as long as ever before
        ("2026-03-13", FAIL, PASS),  # a day longer
        ("2026-06-30", FAIL, PASS),  # last day paid for
        ("2026-07-01", FAIL, UNKNOWN),
    ],
)
def test_an_account_is_viable_until_it_is_silent_longer_than_ever_before(rhythms, as_of, steady, paid):
    asked = pd.Index(["returned", "steady", "twice", "paid", "paid out", "cold"])
    got = q.viability(rhythms, asked, day(as_of))
    assert got.tolist() == [UNKNOWN, steady, UNKNOWN, paid, UNKNOWN, UNKNOWN]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "gone"]),
        st.dates(HISTORY.start.date(), HISTORY.end.date()),
        st.integers(-50, 100),
        st.none() | st.integers(0, 50),
    ),
    max_size=10,
)


@tables
@given(ROWS, st.permutations(["a", "b", "cold"]))
def test_the_gate_judges_every_account_on_every_part(rows, accounts):
    parts = q.gate_parts(lines(rows), pd.Index(accounts), HISTORY, HALVES, GATE)
    assert parts.index.tolist() == accounts
    assert parts.columns.tolist() == list(q.PARTS)
    assert parts.isin([PASS, FAIL, UNKNOWN]).all(axis=None)
    assert q.part_counts(parts).sum(axis=1).tolist() == [3, 3, 3, 3]
    assert parts.loc["cold"].tolist() == [UNKNOWN, FAIL, UNKNOWN, UNKNOWN]


# -- the choice -------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        # account, revenue, margin, classes, then the four parts
        ("big", 50, 5, "A", "B", PASS, PASS, PASS, PASS),
        ("rich", 10, 30, "B", "A", PASS, UNKNOWN, PASS, PASS),  # A on margin only; unknown excludes nobody
        ("next", 20, 4, "A", "C", PASS, PASS, PASS, UNKNOWN),  # larger than rich in revenue, smaller in margin
        ("weak", 40, 20, "A", "A", FAIL, PASS, FAIL, PASS),  # two reasons, both given
        ("small", 5, 1, "C", "C", PASS, PASS, PASS, PASS),  # passes all and is not valuable
        ("poor", 6, 1, "C", "C", FAIL, PASS, PASS, PASS),  # little value comes before the parts
        ("back", -5, -1, "C", "C", PASS, PASS, PASS, PASS),
    ]
    columns = ["id", "revenue", "margin", "pareto_class", "margin_class", *q.PARTS]
    frame = pd.DataFrame(rows, columns=columns).set_index("id")
    return frame[columns[1:5]], frame[list(q.PARTS)]


def test_key_accounts_are_the_largest_by_margin_of_the_valuable_that_fail_nothing(judged):
    got = q.choose_key_accounts(*judged, capacity=2)
    assert got.index[got["chosen"]].tolist() == ["big", "rich"]
    assert got.index[got["qualified"]].tolist() == ["big", "rich", "next"]
    assert got.index[got["valuable"]].tolist() == ["big", "rich", "next", "weak"]


def test_each_account_left_out_has_its_reason_and_the_chosen_have_none(judged):
    got = q.choose_key_accounts(*judged, capacity=2)["exclusion_reason"]
    assert got[["big", "rich"]].isna().all()
    assert got.drop(["big", "rich"]).to_dict() == {
        "next": "qualified, but beyond capacity",
        "weak": "revenue fell; margin below the floor",
        "small": "not among the accounts that carry the business",
        "poor": "not among the accounts that carry the business",
        "back": "net revenue is zero or less",
    }


def test_one_unknown_margin_among_the_qualified_makes_revenue_decide(judged):
    pareto, parts = judged
    dark = pareto.assign(margin=pareto["margin"].mask(pareto.index == "big"))
    assert q.choose_key_accounts(dark, parts, 2)["chosen"][["big", "next"]].all()  # not rich
    elsewhere = pareto.assign(margin=pareto["margin"].mask(pareto.index == "weak"))  # weak is not qualified
    assert q.choose_key_accounts(elsewhere, parts, 2)["chosen"][["big", "rich"]].all()


def test_a_team_without_capacity_chooses_nobody_and_a_book_without_accounts_gives_none(judged):
    assert not q.choose_key_accounts(*judged, capacity=0)["chosen"].any()
    assert q.choose_key_accounts(*(t.iloc[:0] for t in judged), capacity=5).empty


def test_choose_refuses_negative_capacity(judged):
    with pytest.raises(ValueError, match="capacity must be 0 or more accounts, got -1"):
        q.choose_key_accounts(*judged, capacity=-1)


BOOK = st.lists(st.tuples(st.integers(-50, 500), st.none() | st.integers(-50, 500), SAID, SAID, SAID, SAID), max_size=8)


@tables
@given(BOOK, st.integers(0, 9))
def test_chosen_are_qualified_and_qualified_are_valuable_and_capacity_holds(rows, capacity):
    frame = pd.DataFrame(rows, columns=["revenue", "margin", *q.PARTS]).astype({"revenue": float, "margin": float})
    pareto, parts = value.pareto(frame), frame[list(q.PARTS)]
    got = q.choose_key_accounts(pareto, parts, capacity)
    assert got.index.equals(frame.index)
    assert got["chosen"].sum() == min(capacity, got["qualified"].sum())
    assert (got["qualified"] | ~got["chosen"]).all()
    assert (got["valuable"] | ~got["qualified"]).all()
    assert not (got["qualified"] & (parts == FAIL).any(axis=1)).any()
    assert got["exclusion_reason"].isna().equals(got["chosen"].astype(bool))
    if got["chosen"].any():
        left = got["qualified"] & ~got["chosen"]
        known = frame.loc[got["qualified"], "margin"].notna().all()
        size = frame["margin"] if known else frame["revenue"]
        assert not left.any() or size[got["chosen"]].min() >= size[left].max()
    out = q.exclusions(got, frame["revenue"])
    assert out["accounts"].sum() + got["chosen"].sum() == len(frame)
    assert out["revenue"].sum() + frame.loc[got["chosen"], "revenue"].sum() == frame["revenue"].sum()
    assert out["valuable"].sum() + got["chosen"].sum() == got["valuable"].sum()


def test_exclusions_put_the_most_revenue_first(judged):
    pareto, parts = judged
    got = q.exclusions(q.choose_key_accounts(pareto, parts, 2), pareto["revenue"])
    assert got["revenue"].tolist() == [40, 20, 11, -5]
    assert got["accounts"].tolist() == [1, 1, 2, 1]
    assert got["valuable"].tolist() == [1, 1, 0, 0]


def test_the_table_of_key_accounts_is_to_spec_with_the_largest_first():
    transactions = lines([("a", "2026-01-01", 10, 5), ("b", "2026-01-02", 90, None), ("b", "2024-07-01", 1, 0)])
    accounts = pd.Index(["cold", "a", "b"], name="account_id")
    pareto = value.pareto(orders.by_account(transactions, accounts, HISTORY))
    parts = q.gate_parts(transactions, accounts, HISTORY, HALVES, GATE)
    got = schema.conform("03_key_accounts", value.key_accounts(pareto, parts, q.choose_key_accounts(pareto, parts, 1)))
    assert got["account_id"].tolist() == ["b", "a", "cold"]


def test_passed_over_are_valuable_accounts_of_the_plain_ranking_that_the_gate_left_out(judged):
    pareto, parts = judged
    choice = q.choose_key_accounts(pareto, parts, 2)  # big and rich; by revenue alone: big, weak
    assert q.passed_over(pareto, choice, 2).tolist() == ["weak"]
    assert q.passed_over(pareto, choice, 0).empty
    assert q.passed_over(pareto, choice, 99).tolist() == [
        "weak"
    ]  # next is beyond capacity; the others are not valuable


def test_money_at_risk_is_the_margin_of_twelve_months_and_never_below_zero():
    rows = [
        ("a", "2025-06-30", 900, 0),
        ("a", "2025-07-01", 10, 4),
        ("b", "2026-01-01", 5, 9),
        ("c", "2026-01-01", 7, 0),
    ]
    asked = pd.Index(["b", "a", "cold"])
    got, what = q.margin_at_risk(lines(rows), asked, day("2026-06-30"))
    assert got.dropna().to_dict() == {"a": 6}  # b brought a loss, cold nothing
    assert what == "margin of the last 12 months that may be lost"
    dark, what = q.margin_at_risk(lines([*rows, ("b", "2026-02-01", 8, None)]), asked, day("2026-06-30"))
    assert dark.dropna().to_dict() == {"a": 10, "b": 13}  # one unknown margin: revenue for all
    assert what == "revenue of the last 12 months that may be lost"


def test_the_reason_for_key_status_names_the_parts_passed(judged):
    pareto, parts = judged
    got = q.reasons_for(parts, pareto.assign(revenue_rank=range(1, 8)))
    assert got["rich"] == "number 2 by net revenue; passes revenue history, profitability, viability"
    assert q.reasons_for(parts.replace(PASS, UNKNOWN), pareto.assign(revenue_rank=1))["big"].endswith(
        "no part of the gate"
    )


# -- the cost of a wrong choice ---------------------------------------------------------------------------------------


def test_cost_of_error_names_what_was_missed_and_what_was_misplaced():
    rows = [
        ("hit", True, True, 100, 10),
        ("misplaced", True, False, 20, 2),
        ("missed", False, True, 300, None),  # unknown margin: the sum of its row is unknown, that of others is not
        ("missed too", False, True, 50, 5),
        ("right", False, False, 1, 0),
    ]
    f = pd.DataFrame(rows, columns=["id", "chosen", "valuable", "revenue", "margin"])
    got = q.cost_of_error(f["chosen"], f["valuable"], f["revenue"], f["margin"])
    assert got["accounts"].tolist() == [1, 1, 2, 1]
    assert got["revenue"].tolist() == [100, 20, 350, 1]
    assert got["margin"].isna().tolist() == [False, False, True, False]
    assert q.mistakes(got) == (2, 350.0, 1, 20.0)


@tables
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-50, 500)), max_size=10))
def test_cost_of_error_splits_the_accounts_and_the_revenue(rows):
    f = pd.DataFrame(rows, columns=["c", "v", "revenue"]).astype({"c": "boolean", "v": bool, "revenue": float})
    got = q.cost_of_error(f["c"], f["v"], f["revenue"], f["revenue"])
    assert got["accounts"].sum() == len(rows)
    assert got["revenue"].sum() == got["margin"].sum() == f["revenue"].sum()


# -- the trial on the past --------------------------------------------------------------------------------------------

OUTCOME = Period(day("2026-01-01"), day("2026-06-30"))
SMALL = q.Thresholds(max_decline=0.9, min_tenure_days=0, min_buying_days=3, min_margin_rate=0.1)
FIVE = pd.Index(["a", "b", "c", "d", "e", "new"])


def five_before() -> list[tuple]:
    """A basis of 2025: a and b carry the business and pass, c is as large and fell silent, d and e are small."""
    rows = [("c", f"2025-01-{d:02}", 100) for d in (1, 5, 9)]  # gaps of 4 days, then nothing: fails viability
    for account, size in (("a", 110), ("b", 90), ("d", 4), ("e", 2)):
        rows += [(account, f"2025-{month:02}-01", size) for month in (2, 6, 12)]
    return rows


def in_trial(transactions: pd.DataFrame, accounts: pd.Index = FIVE, capacity: int = 2, months: int = 0) -> q.BackTest:
    return q.back_test(transactions, accounts, OUTCOME, SMALL, capacity, value_months=months, period_months=12)


def revealed(trial: q.BackTest) -> set[str]:
    """Whom the gate chose: in these tests each account brings its own power of two in the outcome."""
    total = int(trial.choices.loc[0, "revenue"])
    return {a for i, a in enumerate("abcde") if total & 2**i}


def powers() -> list[tuple]:
    # all on the first day of the outcome: read as basis, c would no longer be silent
    return [(a, OUTCOME.start, 2**i) for i, a in enumerate("abcde")]


def test_back_test_chooses_on_the_basis_and_counts_the_outcome():
    got = in_trial(lines(five_before() + powers()))
    assert str(got.basis) == "2025-01-01 to 2025-12-31"
    assert revealed(got) == {"a", "b"}
    assert got.choices["accounts"].tolist() == [2, 2]
    assert got.choices["revenue"].tolist() == [3, 5]  # a + b beside a + c
    assert got.choices["share_of_revenue"].tolist() == [3 / 31, 5 / 31]
    # e (16) and d (8) are class A of the outcome, 24 of 31 falling short of 80 %, so c (4) is too
    assert got.errors["accounts"].tolist() == [0, 2, 3, 0]
    assert got.errors["revenue"].tolist() == [0, 3, 28, 0]
    assert got.choices["gate_less_list"].tolist()[1:] == [-2]  # b (2) in place of c (4); no cost, so no list by margin
    assert got.choices["on_one_list"].tolist()[1:] == [2]
    assert got.chosen.tolist() == ["a", "b"]


def test_back_test_agrees_with_the_choice_made_on_that_day():
    before = lines(five_before())
    known = FIVE.drop("new")
    basis = Period(day("2025-01-01"), day("2025-12-31"))
    parts = q.gate_parts(before, known, basis, periods.adjacent_periods(basis.start, basis.end, 12), SMALL)
    then = q.choose_key_accounts(value.pareto(orders.by_account(before, known, basis)), parts, 2)
    trial = in_trial(lines(five_before() + powers()))
    assert revealed(trial) == set(then.index[then["chosen"]])


AFTER = st.lists(
    st.tuples(
        st.sampled_from(FIVE.tolist()),
        st.dates(OUTCOME.start.date(), OUTCOME.end.date()),
        st.integers(1, 999),
    ),
    max_size=8,
)


@tables
@given(AFTER)
def test_nothing_booked_in_the_outcome_changes_the_choice(after):
    expected = in_trial(lines(five_before()))
    # each extra line is a multiple of 32 and leaves the five lowest bits, which tell who was chosen, alone
    got = in_trial(lines(five_before() + powers() + [(a, d, 32 * r) for a, d, r in after]))
    assert revealed(got) == {"a", "b"}
    assert got.choices["accounts"].tolist() == expected.choices["accounts"].tolist()
    assert got.parts[["passed", "failed", "n"]].equals(expected.parts[["passed", "failed", "n"]])
    assert got.errors.loc[:1, "accounts"].sum() == expected.errors.loc[:1, "accounts"].sum()
    assert got.errors["accounts"].sum() == 5  # new is not known on the basis, whatever it buys later


def test_a_line_booked_before_the_outcome_but_learnt_in_it_is_not_known_to_the_choice():
    rows = five_before() + powers() + [("d", "2025-11-01", 900)]  # would make d the largest
    late = lines(rows)
    late.loc[len(rows) - 1, "known_day"] = pd.Timestamp("2026-03-15")
    assert revealed(in_trial(late)) == {"a", "b"}


def test_back_test_without_a_basis_judges_nobody():
    got = in_trial(lines(powers()))
    assert str(got.basis) == "2025-12-31 to 2025-12-31"  # a day a page can print, not NaT
    assert set(got.parts["verdict"]) == {UNKNOWN}
    assert got.choices["accounts"].tolist() == [0, 0]
    assert got.verdict == "the same accounts"
    assert got.choices["share_of_revenue"].isna().all()
    assert got.errors["accounts"].sum() == 0


def story(accounts: int, silent_buys: bool, active_buys: bool, nobody_differs: bool = False) -> q.BackTest:
    """Two kinds of equally large account, every other one silent since June; who buys again is planted.

    The silent bought on the 1st of January to June, the active from July to December, six lines of 10 each; viability
    alone tells them apart. With `nobody_differs` half of either kind buys again.
    """
    rows = []
    for i in range(accounts):
        silent = i % 2 == 0
        rows += [(f"{i:03}", f"2025-{m:02}-01", 10) for m in (range(1, 7) if silent else range(7, 13))]
        again = i % 4 < 2 if nobody_differs else (silent_buys if silent else active_buys)
        rows += [(f"{i:03}", "2026-02-01", 10)] * again
    ids = pd.Index([f"{i:03}" for i in range(accounts)])
    return in_trial(lines(rows), ids, 10)


def said(trial: q.BackTest, part: str) -> str:
    return trial.parts.set_index("part").loc[part, "verdict"]


@pytest.mark.parametrize(
    ("expected", "planted"),
    [
        ("signal", {"accounts": 120, "silent_buys": False, "active_buys": True}),
        ("no signal", {"accounts": 120, "silent_buys": False, "active_buys": True, "nobody_differs": True}),
        ("the wrong way", {"accounts": 120, "silent_buys": True, "active_buys": False}),
        ("too early to judge", {"accounts": 40, "silent_buys": False, "active_buys": True}),  # too few accounts
        ("too early to judge", {"accounts": 120, "silent_buys": True, "active_buys": True}),  # nobody stayed away
    ],
)
def test_a_planted_effect_of_silence_comes_back_and_turns_with_it(expected, planted):
    assert said(story(**planted), "viability") == expected


def test_a_part_nobody_can_be_judged_on_stays_not_answerable():
    trial = story(120, silent_buys=False, active_buys=True)  # no line has a cost
    assert said(trial, "profitability") == "not_answerable"


def judged_part(passed: tuple[int, int], failed: tuple[int, int], unknown: tuple[int, int] = (0, 0)) -> pd.Series:
    """What `part_signals` says of viability, from (bought again, n) of each verdict; nobody is judged on another part."""
    sides = zip((PASS, FAIL, UNKNOWN), (passed, failed, unknown), strict=True)
    rows = [(verdict, i < k) for verdict, (k, n) in sides for i in range(n)]
    f = pd.DataFrame(rows, columns=["viability", "again"])
    parts = f[["viability"]].assign(**dict.fromkeys(set(q.PARTS) - {"viability"}, UNKNOWN))[list(q.PARTS)]
    got = q.part_signals(parts, f["again"]).set_index("part")
    assert got.index.tolist() == list(q.PARTS)
    assert (got.drop("viability")["verdict"] == UNKNOWN).all()
    return got.loc["viability"]


@pytest.mark.parametrize(
    ("passed", "failed", "unknown", "expected", "n"),
    [
        ((50, 60), (10, 60), (0, 0), "signal", 120),
        (
            (45, 60),
            (32, 60),
            (0, 0),
            "signal",
            120,
        ),  # the two intervals overlap, that of the difference leaves zero out
        ((10, 60), (50, 60), (0, 0), "the wrong way", 120),
        ((32, 60), (30, 60), (0, 0), "no signal", 120),
        ((20, 24), (10, 25), (0, 0), "too early to judge", 49),  # too few accounts, and too few that stayed away
        ((28, 30), (1, 40), (0, 0), "too early to judge", 70),  # 29 bought again: one short
        ((39, 40), (2, 30), (0, 0), "too early to judge", 70),  # 29 stayed away: one short
        ((60, 100), (0, 9), (0, 0), "too early to judge", 109),  # nine failed: one short
        ((60, 100), (0, 10), (0, 0), "signal", 110),
        ((50, 100), (0, 0), (0, 0), "too early to judge", 100),  # nobody failed: nothing to compare with
        ((0, 0), (0, 0), (40, 80), "not_answerable", 0),
        ((9, 20), (1, 20), (60, 99), "too early to judge", 40),  # the unknown do not count towards the floors
    ],
)
def test_a_part_is_judged_by_the_interval_of_the_difference_and_where_floors_are_met(
    passed, failed, unknown, expected, n
):
    got = judged_part(passed, failed, unknown)
    assert (got["verdict"], got["n"], got["passed"], got["failed"]) == (expected, n, passed[1], failed[1])
    assert pd.isna(got["low"]) == (expected in {"too early to judge", "not_answerable"})


def test_two_intervals_that_overlap_are_no_test():
    shares = wilson(pd.Series([45, 32]), pd.Series([60, 60]))
    assert shares["low"][0] < shares["high"][1]
    assert judged_part((45, 60), (32, 60))["verdict"] == "signal"


def test_several_parts_are_judged_together():
    again = pd.Series([True] * 45 + [False] * 15 + [True] * 34 + [False] * 26)
    one = pd.Series([PASS] * 60 + [FAIL] * 60)
    alone = q.part_signals(pd.DataFrame({"a": one, "b": UNKNOWN}), again).set_index("part")
    both = q.part_signals(pd.DataFrame({"a": one, "b": one}), again).set_index("part")
    assert both.loc["a", "low"] < alone.loc["a", "low"]
    assert (alone.loc["a", "verdict"], both.loc["a", "verdict"]) == ("signal", "no signal")


def test_a_part_has_the_shares_that_bought_again():
    got = judged_part((30, 60), (10, 40), (5, 5))
    assert got[["passed_share", "failed_share", "difference"]].tolist() == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(("accounts", "status", "count"), [(40, "too_early", None), (120, "ok", 2)])
def test_parts_that_cannot_be_judged_are_no_answer(accounts, status, count):
    trial = story(accounts, silent_buys=False, active_buys=True)
    got = schema.conform("measures", q.part_rows(trial.parts, trial.outcome).assign(as_of=OUTCOME.end))
    whole, parts = got[got["group_by"] == "all"].iloc[0], got[got["group_by"] == "part"].set_index("group")
    assert (whole["definition_id"], whole["status"]) == ("gate_parts_tested", status)
    assert pd.isna(whole["value"]) if count is None else whole["value"] == count
    assert parts["status"].to_dict() == {  # nobody fails the relationship, and no line has a cost
        "revenue_history": status, "relationship": "too_early", "profitability": "not_answerable", "viability": status,
    }  # fmt: skip
    assert parts["value"].notna().equals(parts["status"].eq("ok"))


# -- the gate beside simple lists -------------------------------------------------------------------------------------


def compared(gate_only: list[float], *lists_only: list[float]) -> q.BackTest:
    """A test in which the gate shares one account, worth a million, with each list, and nothing else."""
    groups = [gate_only, *lists_only]
    brought = pd.Series([*(x for group in groups for x in group), 1e6])
    owner = [i for i, group in enumerate(groups) for _ in group]
    picks = {str(i): pd.Series([o == i for o in owner] + [True]) for i in range(len(groups))}
    choices = q.compare_choices(picks, pd.DataFrame({"revenue": brought, "margin": brought}))
    nothing = pd.DataFrame()
    return q.BackTest(HISTORY, OUTCOME, nothing, choices, nothing, pd.Index([]))


MUCH, LITTLE = [100.0, 110.0, 90.0] * 4, [10.0, 12.0, 8.0] * 4


@pytest.mark.parametrize(
    ("gate_only", "lists_only", "verdict"),
    [
        (MUCH, [LITTLE], "better"),
        (LITTLE, [MUCH], "worse"),
        (MUCH, [LITTLE, LITTLE], "better"),
        (MUCH, [LITTLE, MUCH], "no difference"),  # better than the straw man, and not than the best
        (LITTLE, [LITTLE, MUCH], "worse"),  # one simple list that is better is enough
        ([100.0, 5.0, 40.0] * 4, [[41.0, 99.0, 6.0] * 4], "no difference"),
        ([], [[]], "the same accounts"),  # nothing to compare
        ([], [[], LITTLE], "worse"),  # the gate left places empty that the second list used
        ([100.0], [[10.0]], "no difference"),  # one account on a side has no interval
    ],
)
def test_the_gate_is_judged_against_the_best_simple_list(gate_only, lists_only, verdict):
    got = compared(gate_only, *lists_only)
    assert got.verdict == verdict
    apart = got.choices.iloc[1:]
    if gate_only or any(lists_only):
        assert apart["gate_less_list"].dropna().tolist() == [
            sum(gate_only) - sum(x) for x in lists_only if gate_only or x
        ]
    assert apart["on_one_list"].tolist() == [len(gate_only) + len(x) for x in lists_only]
    assert got.best["brought"] == apart["brought"].max()


def test_two_lists_make_each_interval_wider():
    one, two = (compared(MUCH, *lists).choices.iloc[1] for lists in ([LITTLE], [LITTLE, MUCH]))
    assert two["low"] < one["low"] < one["high"] < two["high"]


def test_the_largest_by_margin_are_a_simple_list_where_margin_is_known():
    rows = [(a, f"2025-{m:02}-01", 100, 99 if a == "a" else 10) for a in "abc" for m in (2, 6, 12)]
    rows += [("a", "2026-02-01", 100, 99), ("b", "2026-02-01", 10, 1), ("c", "2026-02-01", 10, 1)]
    got = in_trial(lines(rows), pd.Index(list("abc"))).choices.set_index("choice")
    assert got.index.tolist() == ["four-part gate", "largest by revenue", "largest by margin of 12 months"]
    assert got.loc["largest by margin of 12 months", "brought"] == 18  # b and c; a leaves nothing
    dark = [(*r[:3], None) if r[0] != "b" else r for r in rows]  # one known margin cannot fill two places
    assert len(in_trial(lines(dark), pd.Index(list("abc"))).choices) == 2


def test_the_test_ranks_by_the_months_that_the_choice_counts():
    rows = [("old", f"2024-{m:02}-01", 900) for m in (8, 9, 10)] + [("old", "2025-12-01", 1)]
    rows += [("new", f"2025-{m:02}-01", 100) for m in (2, 6, 12)]
    rows += [("old", "2026-02-01", 1), ("new", "2026-02-01", 2)]
    two = pd.Index(["new", "old"])
    assert [in_trial(lines(rows), two, 1, months).choices.loc[1, "brought"] for months in (0, 12)] == [1, 2]
    assert str(in_trial(lines(rows), two, 1, 12).basis) == "2025-01-01 to 2025-12-31"


@pytest.mark.parametrize(
    ("margin", "judged_on", "brought"),
    [
        ([1.0, 30.0, 20.0], "margin", [50.0, 31.0]),  # the whale leaves nothing: leaving it out was right
        ([1.0, 30.0, np.nan], "revenue", [110.0, 1060.0]),  # one margin unknown: revenue for both, never a mix
    ],
)
def test_choices_are_judged_on_margin_where_it_is_known_for_all(margin, judged_on, brought):
    after = pd.DataFrame({"revenue": [1000.0, 60.0, 50.0], "margin": margin}, index=["whale", "b", "c"])
    gate, plain = (pd.Series(p, index=after.index) for p in ([False, True, True], [True, True, False]))
    got = q.compare_choices({"gate": gate, "plain": plain}, after)
    assert got["judged_on"].unique().tolist() == [judged_on]
    assert got["brought"].tolist() == brought
    assert got["accounts"].tolist() == [2, 2]
