"""What each account is worth, on a dozen lines that a person can add up."""

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from abmlib.method import orders, periods, value
from abmlib.method.periods import Period
from abmlib.tables import days, schema
from tests.conftest import as_read

tables = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure

DAYS = st.dates(pd.Timestamp("2020-01-01").date(), pd.Timestamp("2027-12-31").date()).map(pd.Timestamp)
NET = st.lists(st.integers(-50, 1000), min_size=0, max_size=8).map(lambda v: pd.Series(v, dtype=float))


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def lines(rows: list[tuple]) -> pd.DataFrame:
    """Transactions to spec from (account, day, revenue, cogs, kind)."""
    frame = pd.DataFrame(rows, columns=["account_id", "booked_at", "revenue", "cogs", "kind"])
    frame["transaction_id"] = [f"t{i}" for i in range(len(frame))]
    return as_read("transactions", frame)


H1 = Period(day("2026-01-01"), day("2026-06-30"))
ASKED = pd.Index(["zero", "cold", "acme", "beta", "gift"], name="account_id")  # order is no order on purpose


@pytest.fixture
def bought() -> pd.DataFrame:
    return lines(
        [
            ("acme", "2025-12-31", 1000, 1, "purchase"),  # the day before the period: must not count
            ("acme", "2026-01-01", 100, 60, "purchase"),  # first day: counts
            ("acme", "2026-01-01", 20, 10, "service"),  # same day: one buying day; service counts
            ("acme", "2026-03-05", -30, -15, "return"),  # counts with its minus, but is no buying day
            ("acme", "2026-06-30", 10, 5, "renewal"),  # last day: counts
            ("acme", "2026-07-01", 1000, 1, "purchase"),  # the day after: must not count
            ("beta", "2026-02-01", 50, 20, "purchase"),
            ("beta", "2026-02-02", 150, None, "purchase"),  # revenue without cogs: the margin is unknown, not 180
            ("gift", "2026-04-01", 60, 30, "purchase"),
            ("gift", "2026-04-02", 0, None, "purchase"),  # no revenue, no cogs: hides no margin, is no buying day
            ("zero", "2026-05-01", 0.1, 0, "purchase"),  # 0.1 + 0.2 - 0.3 is 5.6e-17 in binary: must be zero
            ("zero", "2026-05-02", 0.2, 0, "purchase"),
            ("zero", "2026-05-03", -0.3, 0, "return"),
            ("gone", "2026-05-03", 999, 1, "purchase"),  # not asked for: must not appear
        ]
    )


# -- periods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2026-06-30", 6, "2025-12-31"),  # the last day stays the last day, though 30 is not 31
        ("2026-02-28", 1, "2026-01-31"),
        ("2025-02-28", 12, "2024-02-29"),  # also into a leap year
        ("2026-03-31", 1, "2026-02-28"),
        ("2026-03-30", 1, "2026-02-28"),  # no such day: the nearest before
        ("2026-05-15", 3, "2026-02-15"),
        ("2026-05-15", 0, "2026-05-15"),
    ],
)
def test_months_before_keeps_month_ends(start, months, expected):
    assert days.months_before(day(start), months) == day(expected)


@pytest.mark.parametrize(
    ("as_of", "months", "start"),
    [
        ("2026-06-30", 12, "2025-07-01"),
        ("2026-02-28", 1, "2026-02-01"),  # not 29 January
        ("2026-05-15", 3, "2026-02-16"),
        ("2026-06-30", 0, "2025-12-31"),  # all history: from the first line
    ],
)
def test_window_ends_on_the_day_and_starts_the_day_after_the_months_before(bought, as_of, months, start):
    assert periods.value_window(bought, day(as_of), months) == Period(day(start), day(as_of))


def test_window_refuses_negative_months(bought):
    with pytest.raises(ValueError, match=r"value_months must be 0 \(all history\) or more, got -1"):
        periods.value_window(bought, day("2026-06-30"), -1)


def test_two_periods_have_whole_months_where_history_is_long_enough():
    got = periods.adjacent_periods(day("2024-07-01"), day("2026-06-30"), 12)
    assert [str(p) for p in got] == ["2024-07-01 to 2025-06-30", "2025-07-01 to 2026-06-30"]
    got = periods.adjacent_periods(
        day("2026-05-01"), day("2026-06-30"), 1
    )  # just long enough: months, not 30 days each
    assert [str(p) for p in got] == ["2026-05-01 to 2026-05-31", "2026-06-01 to 2026-06-30"]


def test_two_periods_halve_history_that_is_one_day_too_short():
    got = periods.adjacent_periods(
        day("2024-07-02"), day("2026-06-30"), 12
    )  # 729 days: 364 each, the odd first one left out
    assert [str(p) for p in got] == ["2024-07-03 to 2025-07-01", "2025-07-02 to 2026-06-30"]


@tables
@given(DAYS, st.integers(1, 3000), st.integers(1, 24))
def test_two_periods_touch_end_on_the_day_and_stay_within_history(first, length, months):
    as_of = first + pd.Timedelta(days=length)
    earlier, later = periods.adjacent_periods(first, as_of, months)
    one = pd.Timedelta(days=1)
    assert earlier.end + one == later.start
    assert later.end == as_of
    assert earlier.start >= first
    difference = abs((later.end - later.start) - (earlier.end - earlier.start)).days
    assert difference <= 4  # 31 against 28 days, and a leap day; halves do not differ
    if later.start > days.months_before(as_of, months) + one:
        assert difference == 0


def test_two_periods_refuse_negative_months():
    # otherwise both periods lie after the report's day and every account seems to have no business
    with pytest.raises(ValueError, match="months"):
        periods.adjacent_periods(day("2025-01-01"), day("2026-06-30"), -6)


# -- by_account -------------------------------------------------------------------------------------------------------


def test_every_line_of_the_period_counts_with_its_sign(bought):
    got = orders.by_account(bought, ASKED, H1)
    assert got["revenue"].to_dict() == {"zero": 0, "cold": 0, "acme": 100, "beta": 200, "gift": 60}
    assert got["lines"].to_dict() == {"zero": 3, "cold": 0, "acme": 4, "beta": 2, "gift": 2}


def test_sums_that_cancel_but_for_rounding_are_zero(bought):
    assert orders.by_account(bought, ASKED, H1).loc["zero", "revenue"] == 0.0
    worth = orders.by_account(lines([("a", "2026-01-02", 1.0, None, "purchase"), ("a", "2026-01-02", -1.0 + 1e-15, None, "return")]), pd.Index(["a"]), H1)  # fmt: skip
    assert worth.loc["a", "revenue"] == 0.0
    assert value.counts(worth) == (1, 1, 1, 0.0)  # no business from noise


def test_margin_is_unknown_only_where_a_line_with_revenue_has_no_cost(bought):
    got = orders.by_account(bought, ASKED, H1)
    assert got["margin"].drop("beta").to_dict() == {"zero": 0, "cold": 0, "acme": 40, "gift": 30}
    assert pd.isna(got["margin"]["beta"])
    assert got["costed"].drop("cold").to_dict() == {"zero": 1, "acme": 1, "beta": 0.25, "gift": 1}
    assert pd.isna(got["costed"]["cold"])  # no revenue, no share


def test_margin_is_unknown_for_all_where_no_line_of_the_source_has_a_cost(bought):
    got = orders.by_account(bought.assign(cogs=float("nan")), ASKED, H1)
    assert got["margin"].isna().all()  # also of cold and of zero: 0 would be a claim
    assert got["revenue"]["acme"] == 100


def test_only_days_with_positive_revenue_are_buying_days(bought):
    got = orders.by_account(bought, ASKED, H1)
    assert got["buying_days"].to_dict() == {"zero": 2, "cold": 0, "acme": 2, "beta": 2, "gift": 1}
    assert (got["first_day"]["acme"], got["last_day"]["acme"]) == (day("2026-01-01"), day("2026-06-30"))
    assert got["last_day"]["gift"] == day("2026-04-01")
    assert pd.isna(got["first_day"]["cold"])


def test_a_book_without_a_line_keeps_its_accounts(bought):
    got = orders.by_account(bought.iloc[:0], ASKED, H1)
    assert got.index.equals(ASKED)
    assert (got["revenue"] == 0).all()
    assert value.counts(got) == (5, 0, 0, 0.0)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["acme", "beta", "gone"]),
        st.dates(day("2025-12-15").date(), day("2026-07-15").date()),
        st.integers(-100, 100),
        st.none() | st.integers(-100, 100),
        st.sampled_from(["purchase", "return", "service"]),
    ),
    max_size=8,
)


@tables
@given(ROWS, st.permutations(["acme", "beta", "cold"]))
def test_each_account_asked_for_has_one_row_and_no_money_is_lost(rows, accounts):
    got = orders.by_account(lines(rows), pd.Index(accounts), H1)
    assert got.index.tolist() == accounts
    inside = [r for r in rows if r[0] in accounts and H1.start <= pd.Timestamp(r[1]) <= H1.end]
    assert got["revenue"].sum() == sum(r[2] for r in inside)
    assert got["lines"].sum() == len(inside)


# -- Pareto classes ---------------------------------------------------------------------------------------------------


def test_classes_end_with_the_account_that_reaches_the_bound():
    values = pd.Series({"a": 60.0, "b": 20.0, "c": 14.0, "d": 5.0, "e": 1.0, "f": 0.0, "g": None})
    # a and b reach 80 exactly; c leaves 94, so d is still B; f is worth nothing; g is unknown and moves no bound
    got = value.pareto_class(values)
    assert got.drop("g").to_dict() == {"a": "A", "b": "A", "c": "B", "d": "B", "e": "C", "f": "C"}
    assert pd.isna(got["g"])


def test_all_are_C_where_the_total_is_not_positive():
    assert value.pareto_class(pd.Series([10.0, -10.0])).tolist() == ["C", "C"]
    assert value.pareto_class(pd.Series([], dtype=float)).empty


@tables
@given(NET)
def test_classes_split_the_accounts_and_only_positive_values_are_A_or_B(values):
    got = value.pareto_class(values)
    assert got.index.equals(values.index)
    assert got.isin(value.CLASSES).all()
    assert (values[got.isin(["A", "B"])] > 0).all()
    if values.sum() > 0:
        assert values[got == "A"].min() >= values[got != "A"].max() or (got == "A").all()
        assert values[got == "A"].sum() >= 0.8 * values.sum() - 1e-6


@tables
@given(NET)
def test_ranks_run_from_1_and_the_last_holds_the_whole(values):
    worth = pd.DataFrame({"revenue": values, "margin": values / 2})
    got = value.pareto(worth).sort_values("revenue_rank")
    assert got["revenue_rank"].tolist() == list(range(1, len(values) + 1))
    assert got["revenue"].is_monotonic_decreasing
    assert (got["pareto_class"] == got["margin_class"]).all()  # the same at half the size
    if values.sum() > 0:
        assert got["cumulative_revenue_share"].iloc[-1] == pytest.approx(1)


def test_an_account_of_unknown_margin_has_no_margin_class(bought):
    got = value.pareto(orders.by_account(bought, ASKED, H1))
    assert got["pareto_class"].to_dict() == {"zero": "C", "cold": "C", "acme": "A", "beta": "A", "gift": "B"}
    assert pd.isna(got["margin_class"]["beta"])
    assert got["margin_class"]["gift"] == "A"  # acme's 40 of the 70 known do not reach 80 %
    assert got["revenue_rank"].to_dict() == {"beta": 1, "acme": 2, "gift": 3, "cold": 4, "zero": 5}  # ties by id


def test_class_summary_adds_up_and_shows_apart_who_is_worth_nothing(bought):
    got = value.class_summary(value.pareto(orders.by_account(bought, ASKED, H1))).set_index("pareto_class")
    assert got["accounts"].to_dict() == {"A": 2, "B": 1, "C": 2, "of C: zero or less": 2}
    assert got.loc[["A", "B", "C"], "revenue"].sum() == 360
    assert got.loc[["A", "B", "C"], "share_of_revenue"].sum() == pytest.approx(1)
    assert pd.isna(got.loc["A", "margin"])  # beta's is unknown: 40 would be too little
    assert got.loc["B", "margin"] == 30


# -- measures ---------------------------------------------------------------------------------------------------------


def test_concentration_measures_of_four_accounts():
    values = pd.Series({"a": 60.0, "b": 30.0, "c": 10.0, "d": -20.0, "e": None})  # net 80; e is unknown
    got = value.concentration_measures(values, "revenue", H1).set_index("definition_id")
    expected = {
        "total_revenue": (80, 4),
        "gini_of_positive_revenue": (pytest.approx(1 / 3), 3),  # (-2 * 10 + 0 * 30 + 2 * 60) / (3 * 100)
        "top_20pc_share_of_revenue": (0.75, 4),
        "accounts_for_80pc_of_revenue": (2, 4),
        "share_of_accounts_for_80pc_of_revenue": (0.5, 4),
        "largest_1_share_of_revenue": (0.75, 4),
        "largest_5_share_of_revenue": (1, 4),
        "effective_accounts_by_revenue": (pytest.approx(100**2 / 4600), 3),
    }
    assert {k: (got.loc[k, "value"], got.loc[k, "n"]) for k in expected} == expected
    assert set(got["status"]) == {"ok"}


def test_concentration_of_nothing_is_not_answerable_and_never_0():
    got = value.concentration_measures(pd.Series([None, None], dtype=float), "margin", H1)
    assert got["value"].isna().all()
    assert set(got["status"]) == {"not_answerable"}
    assert set(got["n"]) == {0}


def test_shares_of_a_total_that_is_not_above_zero_are_not_answerable_for_lack_of_it():
    got = value.concentration_measures(pd.Series([30.0, -40.0]), "margin", H1).set_index("definition_id")
    asked = got.loc[
        ["accounts_for_80pc_of_margin", "share_of_accounts_for_80pc_of_margin", "largest_1_share_of_margin"]
    ]
    assert set(asked["status"]) == {"not_answerable"} and set(asked["why"]) == {"a total margin above zero"}
    assert got.loc["total_margin", ["value", "status", "why"]].tolist() == [-10, "ok", ""]
    free = value.concentration_measures(pd.Series([0.0, 0.0]), "margin", H1).set_index("definition_id")
    assert set(free["why"].drop("total_margin")) == {"a total margin above zero"}  # the cost is known


def test_measures_are_to_spec():
    rows = [
        value.concentration_measures(pd.Series([3.0, 1.0]), "revenue", H1),
        value.top_retention(pd.DataFrame(0, index=["A"], columns=["A"]), H1),
    ]
    assert len(schema.conform("measures", pd.concat(rows).assign(as_of=H1.end))) == 10


def test_class_moves_count_each_account_once_and_see_who_came_and_went():
    rows = [
        ("stays", "A", "A", True, True),
        ("falls", "A", "B", True, True),
        ("leaves", "B", "C", True, False),  # no line later: no business, not C
        ("comes", "C", "A", False, True),  # no line earlier: no business, not C
        ("tiny", "C", "C", True, True),  # returns only: C, for it has lines
        ("never", "C", "C", False, False),
    ]
    f = pd.DataFrame(rows, columns=["id", "earlier", "later", "was", "is"]).set_index("id")
    got = value.class_moves(f["earlier"].where(f["was"], value.NONE), f["later"].where(f["is"], value.NONE))
    assert got.index.tolist() == got.columns.tolist() == ["A", "B", "C", "no business"]
    assert got.to_numpy().tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1]]


MOVES = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC"), st.booleans(), st.booleans()), max_size=12)


@tables
@given(MOVES)
def test_rows_and_columns_of_class_moves_sum_to_the_classes(rows):
    f = pd.DataFrame(rows, columns=["earlier", "later", "was", "is"]).astype({"was": bool, "is": bool})
    got = value.class_moves(f["earlier"].where(f["was"], value.NONE), f["later"].where(f["is"], value.NONE))
    for label in value.CLASSES:
        assert got.loc[label].sum() == ((f["earlier"] == label) & f["was"]).sum()
        assert got[label].sum() == ((f["later"] == label) & f["is"]).sum()
    assert got.loc["no business"].sum() == (~f["was"]).sum()
    assert got.to_numpy().sum() == len(rows)


def test_an_account_without_lines_is_no_business_although_its_revenue_is_0(bought):
    worth = orders.by_account(bought, ASKED, H1)
    classes = value.class_in(worth)
    got = value.class_moves(classes, classes)
    assert got.loc["no business", "no business"] == 1  # cold
    assert got.loc["C", "C"] == 1  # zero, which did trade


def test_accounts_behind_the_cells_of_class_moves_have_their_revenue_before_and_now():
    rows = [
        ("stays", 800, 900, 5, 5),  # A, and A again: must not appear
        ("falls", 700, 100, 5, 5),
        ("tiny", 10, 9, 5, 5),  # C, and C again
        ("leaves", 90, 0, 5, 0),  # no line now: no business, not C
        ("comes", 0, 800, 0, 5),
    ]
    f = pd.DataFrame(rows, columns=["id", "was", "is", "lines_was", "lines_is"]).set_index("id")
    earlier, later = (pd.DataFrame({"revenue": f[c], "lines": f[f"lines_{c}"]}) for c in ("was", "is"))
    got = value.changed_class(earlier, later)
    assert got["revenue_change"].to_dict() == {"comes": 800, "falls": -600, "leaves": -90}  # the largest first
    assert got.loc["comes", ["class_before", "class_now"]].tolist() == ["no business", "A"]
    assert got.loc["falls", ["revenue_before", "revenue_now"]].tolist() == [700, 100]
    moves = value.class_moves(value.class_in(earlier), value.class_in(later))
    off = moves.to_numpy().sum() - sum(moves.loc[c, c] for c in moves)
    assert len(got) == off  # every cell off the diagonal, and nobody else


def test_top_retention_gives_the_share_of_A_kept_with_its_interval():
    moves = pd.DataFrame([[8, 1, 0, 1], [3, 5, 0, 0]], index=["A", "B"], columns=["A", "B", "C", "no business"])
    got = value.top_retention(moves, H1).iloc[0]
    assert (got["value"], round(got["low"], 3), round(got["high"], 3), got["n"]) == (0.8, 0.490, 0.943, 10)
    assert (got["level"], got["status"], got["window_end"]) == (0.95, "ok", H1.end)
    none = value.top_retention(moves * 0, H1).iloc[0]
    assert (none["status"], none["why"]) == ("not_answerable", "an account of class A in the earlier period")


def test_loss_of_largest_leaves_out_counts_beyond_the_book():
    got = value.loss_of_largest(pd.Series({"a": 20.0, "b": 50.0, "c": 20.0, "d": 10.0}))
    assert got.to_numpy().tolist() == [[1, 50, 0.5], [3, 90, 0.9]]
    assert value.loss_of_largest(pd.Series({"a": 0.0, "b": -5.0})).empty


def test_margin_surprises_are_large_accounts_of_small_margin():
    rows = [
        ("good", 100, 40, 1, "A", "A"),  # large in both: must not appear
        ("thin", 90, 2, 2, "A", "A"),  # margin class A, but the rate is below the floor
        ("low", 80, 15, 3, "A", "B"),  # rate above the floor, but margin class B
        ("dark", 70, None, 4, "A", None),  # unknown margin: cannot be a surprise
        ("small", 5, 0, 5, "C", "C"),  # not large: must not appear
    ]
    columns = ["name", "revenue", "margin", "revenue_rank", "pareto_class", "margin_class"]
    frame = pd.DataFrame(rows, columns=columns).assign(owner_id="S01").set_index("name", drop=False)
    got = value.margin_surprises(frame, 0.1)
    assert got["account_id"].tolist() == ["thin", "low"] and got["owner_id"].eq("S01").all()
    assert value.margin_surprises(frame.iloc[:1], 0.1).empty


@tables
@given(NET)
def test_counts_agree_with_the_table(values):
    assume(len(values))
    worth = pd.DataFrame({"revenue": values, "lines": [0] + [1] * (len(values) - 1)})
    accounts, active, nothing, net = value.counts(worth)
    assert (accounts, active) == (len(values), len(values) - 1)
    assert nothing == (values.iloc[1:] <= 0).sum()
    assert net == values.sum()
