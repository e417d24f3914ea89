"""Features of earlier days: what was known then, and nothing learnt later."""

import pandas as pd
import pytest

from abmlib.tables import Book
from tests.conftest import put

ACCOUNTS = """account_id,name,industry,employees,created_at
a,Acme,steel,50,2024-01-01T00:00:00Z
b,Beta,retail,20,2025-06-15T00:00:00Z
"""
STAFF = """table,row_id,field,value,known_from
accounts,a,employees,40,2024-01-01T00:00:00Z
accounts,a,employees,50,2025-06-01T00:00:00Z
"""
SOLD = """transaction_id,account_id,product_id,booked_at,revenue,kind,known_at
t1,a,p,2025-03-01,100,purchase,
t2,a,p,2025-04-15,30,purchase,2025-08-01T00:00:00Z
t3,b,p,2025-07-01,70,purchase,
t4,b,p,2026-06-01,10,purchase,
"""
DAYS = [pd.Timestamp("2025-05-31"), pd.Timestamp("2025-08-31")]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return Book.open(
        put(tmp_path_factory.mktemp("b"), accounts=ACCOUNTS, transactions=SOLD, attribute_history=STAFF), "2026-06-30"
    )


def by(frame: pd.DataFrame, column: str) -> dict:
    return {(d.month, a): v for d, a, v in zip(frame["day"], frame["account_id"], frame[column], strict=True)}


def test_an_account_has_a_row_on_each_day_on_which_it_was_known(book):
    assert list(by(book.history(DAYS[::-1], []), "day")) == [(5, "a"), (8, "a"), (8, "b")]


def test_features_are_those_known_then(book):
    found = book.history(DAYS, ["revenue_12m", "employees", "industry"])
    assert by(found, "revenue_12m") == {(5, "a"): 100, (8, "a"): 130, (8, "b"): 70}  # t2 was learnt in August
    assert by(found.dropna(), "employees") == {(5, "a"): 40, (8, "a"): 50}  # b's is known only as it is now
    assert found.columns.tolist() == ["day", "account_id", "revenue_12m", "employees", "industry"]


def test_history_agrees_with_a_book_opened_on_that_day(book):
    there = Book(book._data, DAYS[1].date()).features()
    assert book.history(DAYS).query("day == @DAYS[1]").drop(columns="day").reset_index(drop=True).equals(there)


def test_a_label_sees_the_day_and_the_accounts_known_on_it(book):
    seen = []

    def label(day: pd.Timestamp, ids: pd.Index) -> pd.Series:
        seen.append((day.month, ids.tolist()))
        return pd.Series([1, pd.NA][: len(ids)], ids, dtype="Int64")

    found = book.history(DAYS, [], {"came": label})
    assert seen == [(5, ["a"]), (8, ["a", "b"])]
    assert found["came"].dtype == float and by(found.dropna(), "came") == {(5, "a"): 1, (8, "a"): 1}


@pytest.mark.parametrize("days", [[], [pd.Timestamp("2026-06-30")], [pd.Timestamp("2026-07-01")], [DAYS[0], DAYS[0]]])
def test_days_that_are_none_or_not_earlier_or_named_twice_are_refused(book, days):
    with pytest.raises(ValueError, match="history: give one or more days before 2026-06-30"):
        book.history(days)


def test_an_unknown_feature_is_refused_with_the_closest(book):
    with pytest.raises(ValueError, match="Did you mean revenue_12m"):
        book.history(DAYS, ["revenue_12"])
