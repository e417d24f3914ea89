"""The gate tried on the past, and the cost of its errors, on accounts a person can follow."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import gate_trial, orders, periods, value
from abmlib.method import qualification as q
from abmlib.method.periods import Period
from abmlib.stats.intervals import wilson
from abmlib.tables import schema
from tests.test_qualification import FAIL, HISTORY, PASS, UNKNOWN, day, lines

tables = settings(max_examples=25, deadline=None)  # no deadline: a busy machine is no failure

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
    got = gate_trial.cost_of_error(f["chosen"], f["valuable"], f["revenue"], f["margin"])
    assert got["accounts"].tolist() == [1, 1, 2, 1]
    assert got["revenue"].tolist() == [100, 20, 350, 1]
    assert got["margin"].isna().tolist() == [False, False, True, False]
    assert gate_trial.mistakes(got) == (2, 350.0, 1, 20.0)
    noted = pd.DataFrame(gate_trial.error_rows(got, OUTCOME))
    assert noted[["value", "n"]].to_numpy().tolist() == [[350.0, 2], [20.0, 1]]


@tables
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-50, 500)), max_size=10))
def test_cost_of_error_splits_the_accounts_and_the_revenue(rows):
    f = pd.DataFrame(rows, columns=["c", "v", "revenue"]).astype({"c": "boolean", "v": bool, "revenue": float})
    got = gate_trial.cost_of_error(f["c"], f["v"], f["revenue"], f["revenue"])
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


def in_trial(
    transactions: pd.DataFrame, accounts: pd.Index = FIVE, capacity: int = 2, months: int = 0
) -> gate_trial.BackTest:
    return gate_trial.back_test(transactions, accounts, OUTCOME, SMALL, capacity, value_months=months, period_months=12)


def revealed(trial: gate_trial.BackTest) -> set[str]:
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
    assert got.choices["on_one_list"].tolist()[1:] == [2]  # b in place of c; no cost, so no list by margin
    assert got.choices["gate_less_list"].isna().all()  # one account on a side says nothing of the others
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
    assert got.verdict == "nobody"
    assert got.choices["share_of_revenue"].isna().all()
    assert got.errors["accounts"].sum() == 0


def story(accounts: int, silent_buys: bool, active_buys: bool, nobody_differs: bool = False) -> gate_trial.BackTest:
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


def said(trial: gate_trial.BackTest, part: str) -> str:
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
    got = gate_trial.part_signals(parts, f["again"]).set_index("part")
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


def test_a_part_that_cannot_be_judged_says_which_counts_are_too_small():
    assert judged_part((129, 134), (0, 10))["why"] == "only 15 stayed away (30 needed)"
    assert judged_part((20, 24), (5, 9))["why"] == (
        "only 33 judged (50 needed), 9 failed (10 needed), 25 bought again (30 needed), 8 stayed away (30 needed)"
    )
    assert judged_part((0, 0), (0, 0), (40, 80))["why"] == "nobody could be judged on it"
    assert judged_part((50, 60), (10, 60))["why"] == ""


def test_two_intervals_that_overlap_are_no_test():
    shares = wilson(pd.Series([45, 32]), pd.Series([60, 60]))
    assert shares["low"][0] < shares["high"][1]
    assert judged_part((45, 60), (32, 60))["verdict"] == "signal"


def test_several_parts_are_judged_together():
    again = pd.Series([True] * 45 + [False] * 15 + [True] * 34 + [False] * 26)
    one = pd.Series([PASS] * 60 + [FAIL] * 60)
    alone = gate_trial.part_signals(pd.DataFrame({"a": one, "b": UNKNOWN}), again).set_index("part")
    both = gate_trial.part_signals(pd.DataFrame({"a": one, "b": one}), again).set_index("part")
    assert both.loc["a", "low"] < alone.loc["a", "low"]
    assert (alone.loc["a", "verdict"], both.loc["a", "verdict"]) == ("signal", "no signal")


def test_a_part_has_the_shares_that_bought_again():
    got = judged_part((30, 60), (10, 40), (5, 5))
    assert got[["passed_share", "failed_share", "difference"]].tolist() == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(("accounts", "status", "count"), [(40, "too_early", None), (120, "ok", 2)])
def test_parts_that_cannot_be_judged_are_no_answer(accounts, status, count):
    trial = story(accounts, silent_buys=False, active_buys=True)
    got = schema.conform("measures", gate_trial.part_rows(trial.parts, trial.outcome).assign(as_of=OUTCOME.end))
    whole, parts = got[got["group_by"] == "all"].iloc[0], got[got["group_by"] == "part"].set_index("group")
    assert (whole["definition_id"], whole["status"]) == ("gate_parts_tested", status)
    assert pd.isna(whole["value"]) if count is None else whole["value"] == count
    assert parts["status"].to_dict() == {  # nobody fails the relationship, and no line has a cost
        "revenue_history": status, "relationship": "too_early", "profitability": "not_answerable", "viability": status,
    }  # fmt: skip
    assert parts["value"].notna().equals(parts["status"].eq("ok"))


# -- the gate beside simple lists -------------------------------------------------------------------------------------


def compared(gate_only: list[float], *lists_only: list[float]) -> gate_trial.BackTest:
    """A test in which the gate shares one account, worth a million, with each list, and nothing else."""
    groups = [gate_only, *lists_only]
    brought = pd.Series([*(x for group in groups for x in group), 1e6])
    owner = [i for i, group in enumerate(groups) for _ in group]
    picks = {str(i): pd.Series([o == i for o in owner] + [True]) for i in range(len(groups))}
    choices = gate_trial.compare_choices(picks, pd.DataFrame({"revenue": brought, "margin": brought}))
    nothing = pd.DataFrame()
    return gate_trial.BackTest(HISTORY, OUTCOME, nothing, choices, nothing, pd.Index([]))


MUCH, LITTLE = [100.0, 110.0, 90.0] * 4, [10.0, 12.0, 8.0] * 4


@pytest.mark.parametrize(
    ("gate_only", "lists_only", "verdict"),
    [
        (MUCH, [LITTLE], "better"),
        (LITTLE, [MUCH], "worse"),
        (MUCH, [LITTLE, LITTLE], "better"),
        (MUCH, [LITTLE, MUCH], "cannot tell"),  # better than the straw man, and not than the best
        (LITTLE, [LITTLE, MUCH], "worse"),  # one simple list that is better is enough
        ([100.0, 5.0, 40.0] * 4, [[41.0, 99.0, 6.0] * 4], "cannot tell"),
        ([], [[]], "the same accounts"),  # nothing to compare
        ([], [[], LITTLE], "worse"),  # the gate left places empty that the second list used
        ([100.0], [[10.0]], "too early"),  # one account on a side has no interval, so there is no difference to show
        ([], [[10.0]], "too early"),
    ],
)
def test_the_gate_is_judged_against_the_best_simple_list(gate_only, lists_only, verdict):
    got = compared(gate_only, *lists_only)
    assert got.verdict == verdict
    apart = got.choices.iloc[1:]
    if verdict == "too early":
        assert apart["gate_less_list"].isna().all()
    elif gate_only or any(lists_only):
        assert apart["gate_less_list"].dropna().tolist() == [
            sum(gate_only) - sum(x) for x in lists_only if gate_only or x
        ]
    assert apart["on_one_list"].tolist() == [len(gate_only) + len(x) for x in lists_only]
    assert got.best["brought"] == apart["brought"].max()


def test_a_list_of_the_largest_holds_no_account_worth_nothing():
    rows = [(a, f"2025-{m:02}-01", 0) for a in "abc" for m in (2, 6, 12)] + [("a", "2026-02-01", 9)]
    got = in_trial(lines(rows), pd.Index(list("abc")))
    assert (got.choices["accounts"].tolist(), got.verdict) == ([0, 0], "nobody")


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
    got = gate_trial.compare_choices({"gate": gate, "plain": plain}, after)
    assert got["judged_on"].unique().tolist() == [judged_on]
    assert got["brought"].tolist() == brought
    assert got["accounts"].tolist() == [2, 2]
