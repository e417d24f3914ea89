"""Features of accounts by product line, by hand on a few rows and in pandas on the sample."""

import pandas as pd
import pytest

from abmlib.method import orders, periods
from abmlib.tables import Book, features
from tests.conftest import SAMPLE, put

ACCOUNTS = """account_id,name,created_at
a,Acme,2024-06-30T10:00:00Z
b,Beta,2024-06-01T00:00:00Z
c,Cold,2024-06-01T00:00:00Z
"""
PRODUCTS = """product_id,name,product_line
p1,Lathe,machines
p2,Drill,parts
"""
SOLD = """transaction_id,account_id,product_id,booked_at,revenue,cogs,kind
t1,a,p1,2026-06-30,100,60,purchase
t2,a,p2,2026-03-31,50,10,purchase
t3,a,p9,2025-12-31,30,,purchase
t4,a,,2025-06-30,160,20,purchase
t5,a,p2,2025-07-01,-5,-1,return
t6,z,p1,2026-06-01,7,1,purchase
"""
DEALS = """opportunity_id,account_id,product_line,type,stage,amount,created_at,close_date,closed_at,is_closed,is_won
d1,a,machines,new,Won,500,2025-01-01T00:00:00Z,2025-07-01,2025-07-01T10:00:00Z,true,true
d2,a,machines,renewal,Won,70,2025-01-01T00:00:00Z,2026-01-01,2026-01-01T10:00:00Z,true,true
d3,b,,new,Open,,2026-06-10T10:00:00Z,2026-09-01,,false,
d4,,parts,new,Open,900,2026-06-10T10:00:00Z,2026-09-01,,false,
"""
TOUCHES = "activity_id,account_id,occurred_at,direction,channel\nx,a,2026-06-30T10:00:00Z,inbound,web\n"
DAY = "2026-06-30"


def by_line(folder, **tables: str) -> pd.DataFrame:
    """Features by line of a small book."""
    book = Book.open(put(folder, accounts=ACCOUNTS, **tables), as_of=DAY)
    return book.features(by_line=True).set_index(list(features.LINE_KEYS))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return by_line(tmp_path_factory.mktemp("b"), products=PRODUCTS, transactions=SOLD, opportunities=DEALS)


HAND = pd.DataFrame(
    {
        ("a", "all"): [30, 160, None, 1, 181, 0, 0, None, 0],  # nobody lists p9, t4 has no product; t3 has no cost
        ("a", "machines"): [100, 0, 40, 1, 0, 0, 0, 180, 500],  # d2 is a renewal, and was won last
        ("a", "parts"): [45, 0, 36, 1, 91, 0, 0, None, 0],
        ("b", "all"): [0, 0, 0, 0, None, 1, None, None, 0],  # no amount of d3 is known; d4 has no account
        # nobody lists the account of t6
    },
    [f.name for f in features.LINE_FEATURES],
).T


def test_each_account_and_line_with_a_transaction_or_a_deal_has_what_a_person_counts(made):
    pd.testing.assert_frame_equal(made.astype("Float64"), HAND.astype("Float64"), check_names=False)


def test_a_name_means_the_same_as_without_lines():
    shared = {f.name: f for f in features.FEATURES}
    same = [f for f in features.LINE_FEATURES if f.name in shared]
    assert [f.name for f in features.LINE_FEATURES if f not in same] == ["won_amount_12m"]
    assert all((f.build, f.meaning, f.absent) == (shared[f.name].build, shared[f.name].meaning, shared[f.name].absent) for f in same)  # fmt: skip


def test_without_products_every_purchase_is_of_one_line(tmp_path):
    got = by_line(tmp_path, transactions=SOLD)
    assert got["revenue_12m"].to_dict() == {("a", "all"): 175}


def test_a_product_listed_in_two_lines_counts_once_and_in_neither(tmp_path):
    got = by_line(tmp_path, products=PRODUCTS + "p1,Lathe,parts\np2,Drill,parts\n", transactions=SOLD)
    assert got["revenue_12m"].to_dict() == {("a", "all"): 130, ("a", "parts"): 45}


WITH_DEALS = [("a", "machines"), ("b", "all")]
WITH_SALES = [("a", "all"), ("a", "machines"), ("a", "parts")]


@pytest.mark.parametrize(("lacks", "pairs"), [("transactions", WITH_DEALS), ("opportunities", WITH_SALES)])
def test_what_the_source_does_not_tell_is_missing(tmp_path, lacks, pairs):
    tables = {"products": PRODUCTS, "transactions": SOLD, "opportunities": DEALS}
    got = by_line(tmp_path, **{name: text for name, text in tables.items() if name != lacks})
    told = [f.name for f in features.LINE_FEATURES if f.table != lacks]
    assert got.drop(columns=told).isna().all(axis=None)
    pd.testing.assert_frame_equal(
        got[told].astype("Float64"), HAND.loc[pairs, told].astype("Float64"), check_names=False
    )


def test_without_transactions_and_deals_there_is_no_row(tmp_path):
    got = by_line(tmp_path, activities=TOUCHES)
    assert got.empty and got.columns.tolist() == HAND.columns.tolist()


def test_a_feature_that_is_not_by_line_is_refused_with_the_closest(tmp_path):
    book = Book.open(put(tmp_path, accounts=ACCOUNTS, transactions=SOLD), as_of=DAY)
    with pytest.raises(
        ValueError, match=r"\['revenue_3m'\] by product line; .* lists 9 by .* Did you mean revenue_12m"
    ):
        book.features(["revenue_3m"], by_line=True)
    asked = ["open_amount", "revenue_12m"]
    assert book.features(asked, by_line=True).columns.tolist() == ["account_id", "product_line", *asked]


# -- earlier days -----------------------------------------------------------------------------------------------------

PAST = pd.Timestamp("2025-06-30")


@pytest.fixture(scope="module")
def sample():
    return Book.open(SAMPLE, as_of=DAY)


@pytest.fixture(scope="module")
def then(sample):
    return Book(sample._data, PAST.date())


def test_history_by_line_agrees_with_a_book_opened_on_each_day(sample, then):
    days = [PAST - pd.Timedelta(days=90), PAST]
    found = sample.history(days, by_line=True)
    assert found.columns[:3].tolist() == ["day", *features.LINE_KEYS] and found["day"].unique().tolist() == days
    of_day = found.query("day == @PAST").drop(columns="day").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_day, then.features(by_line=True))


def test_a_label_by_line_is_refused(sample):
    with pytest.raises(ValueError, match=r"history: label \['came'\] is one value per account"):
        sample.history([PAST], label={"came": lambda day, ids: pd.Series(1, ids)}, by_line=True)


@pytest.mark.parametrize("name", ["sample", "then"])
def test_purchases_by_line_are_those_of_each_line_in_pandas(request, name):
    book = request.getfixturevalue(name)
    found = book.features(by_line=True)
    lines = orders.with_product_line(book.read("transactions"), book.read("products"))
    for line, rows in found.groupby("product_line"):
        of_line, ids = lines[lines["product_line"] == line], pd.Index(rows["account_id"])
        year, before = (
            orders.by_account(of_line, ids, periods.trailing(end, 12))
            for end in (book.as_of, book.as_of - pd.DateOffset(months=12))
        )
        ever = orders.by_account(of_line, ids, periods.Period(pd.Timestamp("1990-01-01"), book.as_of))
        by_hand = pd.DataFrame(
            {
                "revenue_12m": year["revenue"], "revenue_prior_12m": before["revenue"], "margin_12m": year["margin"],
                "buying_days_12m": year["buying_days"], "days_since_purchase": (book.as_of - ever["last_day"]).dt.days,
            }
        )  # fmt: skip
        got = rows.set_index("account_id")[by_hand.columns].astype(float)
        pd.testing.assert_frame_equal(got, by_hand.astype(float))


@pytest.mark.parametrize("name", ["sample", "then"])
def test_deals_by_line_are_those_of_each_line_in_pandas(request, name):
    book, keys = request.getfixturevalue(name), [*features.LINE_KEYS]
    deals, year = book.read("opportunities").fillna({"product_line": "all"}), periods.trailing(book.as_of, 12)
    won, still_open = deals[deals["is_won"].fillna(False)], deals[~deals["is_closed"]].groupby(keys)
    new = won[won["closed_day"].between(year.start, year.end) & (won["type"] != "renewal")]
    found = book.features(by_line=True).set_index(keys)
    by_hand = pd.DataFrame(
        {
            "deals_open": still_open.size(),
            "open_amount": still_open["amount"].sum(min_count=1),  # missing where none has an amount
            "days_since_won": (book.as_of - won.groupby(keys)["closed_day"].max()).dt.days,
            "won_amount_12m": new.groupby(keys)["amount"].sum(),
        }
    )
    assert by_hand.index.isin(found.index).all() and by_hand.sum().gt(0).all()
    by_hand = by_hand.reindex(found.index)
    by_hand["open_amount"] = by_hand["open_amount"].mask(by_hand["deals_open"].isna(), 0)
    by_hand = by_hand.fillna({"deals_open": 0, "won_amount_12m": 0}).astype(float)
    pd.testing.assert_frame_equal(found[by_hand.columns].astype(float), by_hand)


def test_lines_add_up_to_the_account(sample):
    money = ["revenue_12m", "revenue_prior_12m"]
    of_accounts = sample.features(money).set_index("account_id")
    of_lines = sample.features(money, by_line=True).groupby("account_id")[money].sum()
    pd.testing.assert_frame_equal(of_lines.reindex(of_accounts.index, fill_value=0), of_accounts)


def test_what_was_learnt_after_a_past_day_is_in_no_line_of_it(sample, then):
    lines, year = sample.read("transactions"), periods.trailing(PAST, 12)
    booked = lines[lines["booked_at"].between(year.start, year.end)]
    late = booked[booked["known_day"] > PAST]
    found = then.features(["revenue_12m"], by_line=True)["revenue_12m"].sum()
    assert late["revenue"].sum() > 0 and found == pytest.approx(booked["revenue"].sum() - late["revenue"].sum())
