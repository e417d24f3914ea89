"""What a period will bring until its end, and whether that reaches its target."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import deals as dl
from abmlib.method import forecast as fc
from abmlib.method.chances import Outlook
from abmlib.method.periods import Period
from tests.test_pipeline import TODAY, YEAR, by, day, deals

Q3 = Period(day("2026-07-01"), day("2026-09-30"))
ROWS = [
    ("before", True, 1, "2025-01-01", "2025-03-15"),  # opened before the quarter: not new in it
    ("new", True, 30, "2025-04-01", "2025-06-30"),  # first and last day
    ("lost", False, 99, "2025-04-02", "2025-05-01"),
    ("slow", True, 7, "2025-04-02", "2025-07-01"),  # won a day late
    ("now", None, 500, "2026-04-01"),
    ("won", True, 40, "2026-02-01", "2026-06-30"),  # opened in the first quarter, won in the second: new in none
    ("newest", True, 10, "2026-05-01", "2026-05-02"),
    ("undated", True, 99, None, "2026-05-02"),  # nobody knows when it was opened
]


def test_new_deals_are_those_opened_and_won_in_the_same_days_of_a_past_period():
    got = fc.won_by_new(deals(ROWS), Q3, TODAY)
    assert got.to_dict() == {
        day("2026-06-30"): 10, day("2026-03-31"): 0, day("2025-12-31"): 0, day("2025-09-30"): 0, day("2025-06-30"): 30,
    }  # fmt: skip
    late = fc.won_by_new(deals(ROWS), Period(day("2026-04-01"), TODAY), day("2026-06-15"))  # 15 days are left
    assert late.index[0] == day("2026-03-31")  # the quarter itself is not over
    assert late.eq(0).all()
    assert fc.won_by_new(deals([("d", True, 1, "2026-05-01", None)]), Q3, TODAY).empty  # nobody knows of any period


def foretold(target: float, low: float = 50, high: float = 200, rows: list[tuple] = ROWS) -> pd.DataFrame:
    outlook = Outlook(pd.Series(dtype=float), (3.0, 1.0, 5.0, 9), (100.0, low, high, 9))
    return by(fc.period_foretold(deals(rows), outlook, Q3, target, TODAY))


def test_a_period_counts_what_is_missing_and_what_open_and_new_deals_bring():
    got = foretold(400)
    assert got["value"].to_dict() == {
        "missing_to_target": 400, "wins_foretold_in_period": 3, "won_value_foretold_in_period": 100,
        "won_by_new_median": 0, "won_by_new_least": 0, "won_by_new_most": 30,
    }  # fmt: skip
    assert got.loc["won_by_new_most", "n"] == 5
    assert got.loc["missing_to_target", ["window_start", "window_end"]].tolist() == [Q3.start, Q3.end]


@pytest.mark.parametrize(
    ("target", "expected"),
    [(49, "covered"), (51, "open"), (229, "open"), (231, "short"), (np.nan, ""), (0, "")],  # 200, and 30 of new deals
)
def test_a_target_is_short_only_beyond_the_upper_ends_and_covered_only_below_the_lower(target, expected):
    assert fc.verdict(foretold(target)) == expected


def test_a_target_is_met_by_what_is_won_and_never_short_where_new_deals_are_unknown():
    won = [*ROWS, ("there", True, 60, "2026-06-01", "2026-07-01")]
    assert fc.verdict(foretold(50, rows=won)) == "met"
    assert fc.verdict(foretold(9_999, rows=[("d", True, 1, "2026-05-01", "2026-05-02")])) == "open"


DUE = pd.DataFrame(
    [("small", "a", "s1", 10.0), ("large", "b", "s2", 60.0), ("more", "a", "s3", 20.0), ("free", None, "s4", 10.0),
     ("empty", "c", "s5", None)],
    columns=["opportunity_id", "account_id", "owner_id", "amount"],
).assign(name="Seats", close_date=day("2026-08-01"))  # fmt: skip


def test_what_is_missing_is_shared_out_over_the_accounts_of_the_deals_due():
    due = fc.due_in(DUE, Q3, TODAY)
    assert due["opportunity_id"].tolist()[:2] == ["large", "more"]
    got = fc.to_decide(due, foretold(400), "EUR")
    assert got["accounts"].tolist() == ["b", "a"]
    assert got["owner"].to_dict() == {"b": "s2", "a": "s3; s1"}
    assert got["reason"]["a"] == (
        "Seats (20 EUR, more): due 2026-08-01. Seats (10 EUR, owner s1, small): due 2026-08-01"
    )
    assert got["moves"].to_dict() == pytest.approx({"b": 200, "a": 100})  # 400 − 100 − 0
    assert (got["moves_low"].sum(), got["moves_high"].sum()) == pytest.approx((170, 350))
    nobody = fc.to_decide(due.iloc[:0], foretold(400), "EUR")
    assert (nobody["moves"], "accounts" in nobody) == (300, False)


def test_days_to_close_of_all_deals_of_the_book_have_no_window():
    got = by(dl.won_measures(deals(ROWS), YEAR))
    assert got["window_start"].dropna().tolist() == [YEAR.start] * (len(got) - 1)
    assert pd.isna(got.loc["days_to_close_median_open_censored", "window_end"])
