"""Two years of one wholesaler, written in two ways, as one book: nothing counted twice, nobody counted as two."""

import pandas as pd
import pytest

from abmlib.tables import Book
from abmlib.tables.importers import mapped
from tests.conftest import ROOT, SHARED

MAPPING = ROOT / "data" / "mappings" / "online_retail_both.yml"
FILES = {"first": "online_retail_ii/online_retail_II.parquet", "second": "online_retail/online_retail.parquet"}
CUT = pd.Timestamp("2010-12-10")  # from this day on the second file counts


@pytest.fixture(scope="module")
def raw():
    """Lines with a customer of both files, under the same names, read without the project's own code."""
    if not all((SHARED / file).is_file() for file in FILES.values()):
        pytest.skip("the real data sets online_retail and online_retail_ii are not beside this checkout")
    years = {}
    for year, file in FILES.items():
        lines = pd.read_parquet(SHARED / file).rename(columns={"Customer ID": "CustomerID", "Price": "UnitPrice"})
        lines = lines[lines["CustomerID"].notna()]
        years[year] = lines.assign(
            customer=lines["CustomerID"].astype(int).astype(str),
            at=pd.to_datetime(lines["InvoiceDate"]),
            revenue=lines["Quantity"].astype(float) * lines["UnitPrice"],
            product=lines["Description"].str.split().str.join(" ").str.upper(),
        )
    return years


@pytest.fixture(scope="module")
def kept(raw):
    return pd.concat([raw["first"], raw["second"][raw["second"]["at"] >= CUT]])


@pytest.fixture(scope="module")
def folder(raw, tmp_path_factory):
    to = tmp_path_factory.mktemp("both") / "book"
    mapped.run(mapped.load_mapping(MAPPING), SHARED, to)
    return to


@pytest.fixture(scope="module")
def book(folder):
    return Book.open(folder, as_of="2011-12-09")


@pytest.fixture(scope="module")
def lines(book):
    return book.read("transactions")


def test_rows_and_revenue_of_each_year_are_those_of_the_raw_files(lines, raw, kept):
    later = lines["booked_at"] >= CUT
    assert len(lines) == len(kept)
    assert ((~later).sum(), later.sum()) == (len(raw["first"]), len(kept) - len(raw["first"])) == (417_534, 392_026)
    first, second = raw["first"]["revenue"].sum(), kept.loc[kept["at"] >= CUT, "revenue"].sum()
    assert lines.loc[~later, "revenue"].sum() == pytest.approx(first) == pytest.approx(8_348_208.574)
    assert lines.loc[later, "revenue"].sum() == pytest.approx(second)


def test_the_nine_days_that_both_files_have_are_counted_once(lines, raw):
    start = pd.Timestamp("2010-12-01")
    ours = lines[(lines["booked_at"] >= start) & (lines["booked_at"] < CUT)]
    first, second = (y[(y["at"] >= start) & (y["at"] < CUT)] for y in raw.values())
    assert len(first) == len(second)  # the same lines, so either could stay
    assert first["revenue"].sum() == pytest.approx(second["revenue"].sum())
    assert len(ours) == len(first)
    assert ours["revenue"].sum() == pytest.approx(first["revenue"].sum())


def test_a_customer_of_both_years_is_one_account(book, lines, raw, kept):
    numbers = [set(y["customer"]) for y in raw.values()]
    accounts = book.read("accounts")
    assert set(accounts["account_id"]) == numbers[0] | numbers[1] == set(kept["customer"])
    assert (len(numbers[0]), len(numbers[1]), len(numbers[0] & numbers[1])) == (4_383, 4_372, 2_813)
    assert len(accounts) == 4_383 + 4_372 - 2_813
    # fewer bought both before and after the cut: the others of the 2,813 are in the second file with its first nine days only
    later = lines["booked_at"] >= CUT
    assert len(set(lines.loc[later, "account_id"]) & set(lines.loc[~later, "account_id"])) == 2_737


def test_an_account_begins_with_its_first_line_in_either_file(book, kept):
    began = (
        book.read("accounts").set_index("account_id")["created_at"].dt.tz_convert("Europe/London").dt.tz_localize(None)
    )
    expected = kept.groupby("customer")["at"].min().loc[began.index]
    assert (began.to_numpy() == expected.to_numpy().astype(began.dtype.str)).all()


def test_a_product_has_one_id_in_both_years(book, lines, kept):
    products = book.read("products")
    assert set(products["product_id"]) == set(kept["product"])
    later = lines["booked_at"] >= CUT
    both = set(lines.loc[later, "product_id"]) & set(lines.loc[~later, "product_id"])
    assert len(both) == len(set(kept.loc[kept["at"] < CUT, "product"]) & set(kept.loc[kept["at"] >= CUT, "product"]))
    assert len(both) == 2_996


def test_returns_told_by_quantity_are_the_cancellations_of_the_first_year(lines, raw):
    first = lines[lines["booked_at"] < CUT]
    cancelled = raw["first"]["Invoice"].str.startswith("C")
    assert (raw["first"]["Quantity"] < 0).astype(bool).equals(cancelled.astype(bool))
    assert (first.loc[first["kind"] != "service", "quantity"] < 0).sum() == (first["kind"] == "return").sum()


def test_services_told_by_description_are_those_of_the_codes_of_the_first_year(lines, raw):
    codes = raw["first"]["StockCode"].str.upper()
    known = ["POST", "C2", "M", "D", "ADJUST", "ADJUST2", "BANK CHARGES", "TEST001", "TEST002"]
    services = lines[lines["kind"] == "service"]
    assert (services["booked_at"] < CUT).sum() == codes.isin(known).sum()
    assert {"POSTAGE", "MANUAL", "NEXT DAY CARRIAGE"} <= set(services.loc[services["booked_at"] >= CUT, "product_id"])


def test_an_invoice_of_the_second_year_is_a_customer_in_a_minute(lines, kept):
    later = lines[lines["booked_at"] >= CUT]
    invoices = later["transaction_id"].str.rsplit("-", n=1).str[0]
    raw_later = kept[kept["at"] >= CUT]
    assert invoices.nunique() == raw_later.groupby(["customer", raw_later["at"].dt.floor("min")]).ngroups


def test_what_was_left_out_is_in_the_ledger_and_no_check_fails(folder, book, raw):
    ledger = pd.read_csv(folder / "ledger.csv")
    lost = ledger[ledger["rows_lost"] > 0]
    assert lost[["table", "rows_lost", "why"]].values.tolist() == [
        ["first", 107_927, "no customer number on the line"],
        ["second", 22_523, "lines of 1 to 9 December 2010, which the first year has too"],
        ["second", 127_360, "no customer number on the line"],
    ]
    audit = book.audit()
    assert audit.loc[(audit["severity"] == "fail") & (audit["bad"] > 0)].empty
