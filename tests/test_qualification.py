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
    assert q.passed_over(pareto, choice, 99).tolist() == ["weak", "next"]  # the others are not valuable


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


def revealed(trial: q.BackTest) -> set[str]:
    """Whom the gate chose: in these tests each account brings its own power of two in the outcome."""
    total = int(trial.choices.loc[0, "revenue"])
    return {a for i, a in enumerate("abcde") if total & 2**i}


def powers() -> list[tuple]:
    # all on the first day of the outcome: read as basis, c would no longer be silent
    return [(a, OUTCOME.start, 2**i) for i, a in enumerate("abcde")]


def test_back_test_chooses_on_the_basis_and_counts_the_outcome():
    got = q.back_test(lines(five_before() + powers()), FIVE, OUTCOME, SMALL, 2)
    assert str(got.basis) == "2025-01-01 to 2025-12-31"
    assert revealed(got) == {"a", "b"}
    assert got.choices["accounts"].tolist() == [2, 2]
    assert got.choices["revenue"].tolist() == [3, 5]  # a + b beside a + c
    assert got.choices["share_of_revenue"].tolist() == [3 / 31, 5 / 31]
    # e (16) and d (8) are class A of the outcome, 24 of 31 falling short of 80 %, so c (4) is too
    assert got.errors["accounts"].tolist() == [0, 2, 3, 0]
    assert got.errors["revenue"].tolist() == [0, 3, 28, 0]
    assert (got.difference.value, got.difference.n) == (-2, 2)  # b (2) in place of c (4)
    assert got.chosen.tolist() == ["a", "b"]


def test_back_test_agrees_with_the_choice_made_on_that_day():
    before = lines(five_before())
    known = FIVE.drop("new")
    basis = Period(day("2025-01-01"), day("2025-12-31"))
    parts = q.gate_parts(before, known, basis, periods.adjacent_periods(basis.start, basis.end, 12), SMALL)
    then = q.choose_key_accounts(value.pareto(orders.by_account(before, known, basis)), parts, 2)
    trial = q.back_test(lines(five_before() + powers()), FIVE, OUTCOME, SMALL, 2)
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
    expected = q.back_test(lines(five_before()), FIVE, OUTCOME, SMALL, 2)
    # each extra line is a multiple of 32 and leaves the five lowest bits, which tell who was chosen, alone
    got = q.back_test(lines(five_before() + powers() + [(a, d, 32 * r) for a, d, r in after]), FIVE, OUTCOME, SMALL, 2)
    assert revealed(got) == {"a", "b"}
    assert got.choices["accounts"].tolist() == expected.choices["accounts"].tolist()
    assert got.parts[["part", "verdict", "n"]].equals(expected.parts[["part", "verdict", "n"]])
    assert got.errors.loc[:1, "accounts"].sum() == expected.errors.loc[:1, "accounts"].sum()
    assert got.errors["accounts"].sum() == 5  # new is not known on the basis, whatever it buys later


def test_a_line_booked_before_the_outcome_but_learnt_in_it_is_not_known_to_the_choice():
    rows = five_before() + powers() + [("d", "2025-11-01", 900)]  # would make d the largest
    late = lines(rows)
    late.loc[len(rows) - 1, "known_day"] = pd.Timestamp("2026-03-15")
    assert revealed(q.back_test(late, FIVE, OUTCOME, SMALL, 2)) == {"a", "b"}


def test_back_test_without_a_basis_judges_nobody():
    got = q.back_test(lines(powers()), FIVE, OUTCOME, SMALL, 2)
    assert str(got.basis) == "2025-12-31 to 2025-12-31"  # a day a page can print, not NaT
    assert got.parts.empty
    assert got.choices["accounts"].tolist() == [0, 0]
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
    return q.back_test(lines(rows), ids, OUTCOME, SMALL, 10)


def said(trial: q.BackTest, part: str) -> str:
    return q.part_signals(trial.parts).set_index("part").loc[part, "verdict"]


@pytest.mark.parametrize(
    ("expected", "planted"),
    [
        ("signal", {"accounts": 120, "silent_buys": False, "active_buys": True}),
        ("no signal", {"accounts": 120, "silent_buys": False, "active_buys": True, "nobody_differs": True}),
        ("against", {"accounts": 120, "silent_buys": True, "active_buys": False}),
        ("too early to judge", {"accounts": 40, "silent_buys": False, "active_buys": True}),  # too few accounts
        ("too early to judge", {"accounts": 120, "silent_buys": True, "active_buys": True}),  # nobody stayed away
    ],
)
def test_a_planted_effect_of_silence_comes_back_and_turns_with_it(expected, planted):
    assert said(story(**planted), "viability") == expected


def test_a_part_nobody_can_be_judged_on_stays_not_answerable():
    trial = story(120, silent_buys=False, active_buys=True)  # no line has a cost
    assert said(trial, "profitability") == "not_answerable"
    assert set(trial.parts.loc[trial.parts["part"] == "profitability", "verdict"]) == {UNKNOWN}


def test_part_outcomes_count_who_bought_again_and_what_was_kept():
    parts = pd.DataFrame({"viability": [PASS, PASS, FAIL, UNKNOWN]}, index=list("abcd"))
    again = pd.Series([True, False, False, True], index=list("abcd"))
    after = pd.Series([30.0, 0.0, 0.0, 5.0], index=list("abcd"))
    before = pd.Series([20.0, 40.0, 10.0, 0.0], index=list("abcd"))  # d had no revenue: what it kept is missing, not 5
    got = q.part_outcomes(parts, again, after, before).set_index("verdict")
    assert got["share"].to_dict() == {PASS: 0.5, FAIL: 0, UNKNOWN: 1}
    assert got["n"].to_dict() == {PASS: 2, FAIL: 1, UNKNOWN: 1}
    assert got["revenue_kept"].drop(UNKNOWN).to_dict() == {PASS: 0.5, FAIL: 0}
    assert pd.isna(got["revenue_kept"][UNKNOWN])


def outcomes(passed: tuple[int, int], failed: tuple[int, int], unknown: tuple[int, int] = (0, 0)) -> pd.DataFrame:
    """`part_outcomes` of one part from (bought again, n) of each verdict; a verdict nobody got has no row."""
    rows = [(v, k, n) for v, (k, n) in zip((PASS, FAIL, UNKNOWN), (passed, failed, unknown), strict=True) if n]
    f = pd.DataFrame(rows, columns=["verdict", "k", "n"])
    return pd.concat([f["verdict"], wilson(f["k"], f["n"])], axis=1).assign(part="viability")


@pytest.mark.parametrize(
    ("passed", "failed", "unknown", "expected", "n"),
    [
        ((50, 60), (10, 60), (0, 0), "signal", 120),
        ((10, 60), (50, 60), (0, 0), "against", 120),
        ((32, 60), (30, 60), (0, 0), "no signal", 120),
        ((20, 24), (10, 25), (0, 0), "too early to judge", 49),  # too few accounts, and too few that stayed away
        ((28, 30), (1, 40), (0, 0), "too early to judge", 70),  # 29 bought again: one short
        ((39, 40), (2, 30), (0, 0), "too early to judge", 70),  # 29 stayed away: one short
        ((50, 100), (0, 0), (0, 0), "too early to judge", 100),  # nobody failed: nothing to compare with
        ((0, 0), (0, 0), (40, 80), "not_answerable", 0),
        ((9, 20), (1, 20), (60, 99), "too early to judge", 40),  # the unknown do not count towards the floors
    ],
)
def test_signal_judges_where_intervals_part_and_floors_are_met(passed, failed, unknown, expected, n):
    got = q.part_signals(outcomes(passed, failed, unknown)).set_index("part")
    assert got.index.tolist() == list(q.PARTS)
    assert got.loc["viability"].tolist() == [expected, n]
    assert (got.drop("viability")["verdict"] == "not_answerable").all()  # parts nobody was asked


def test_thirty_that_bought_again_are_enough_although_shares_are_not_exact():
    # 30 of 44 and 0 of 25; 30 / 44 * 44 is 29.999999999999996 in binary
    assert q.part_signals(outcomes((30, 44), (0, 25))).set_index("part")["verdict"]["viability"] == "signal"


@pytest.mark.parametrize(
    ("gate_only", "plain_only", "verdict"),
    [
        ([100.0, 110.0, 90.0] * 4, [10.0, 12.0, 8.0] * 4, "better"),
        ([10.0, 12.0, 8.0] * 4, [100.0, 110.0, 90.0] * 4, "worse"),
        ([100.0, 5.0, 40.0] * 4, [41.0, 99.0, 6.0] * 4, "no difference beyond noise"),
        ([], [], "no difference beyond noise"),  # the same accounts: nothing to compare
        ([100.0], [], "no difference beyond noise"),  # one account has no interval
    ],
)
def test_a_difference_between_choices_counts_only_beyond_noise(gate_only, plain_only, verdict):
    brought = pd.Series([*gate_only, *plain_only, 1e6])  # the last is in both, and must not count
    gate = pd.Series([True] * len(gate_only) + [False] * len(plain_only) + [True])
    plain = pd.Series([False] * len(gate_only) + [True] * len(plain_only) + [True])
    got = q.choice_difference(gate, plain, brought, seed=1)
    assert got.verdict == verdict
    assert (got.value, got.n) == (sum(gate_only) - sum(plain_only), len(gate_only) + len(plain_only))
    assert got == q.choice_difference(gate, plain, brought, seed=1) or got.n < 2


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
