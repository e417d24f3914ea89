"""A mapping file brings any export to canonical tables; worked on files a person can check in the head."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from abmlib.tables import Book, schema
from abmlib.tables.errors import TableError
from abmlib.tables.importers import mapped, sql

MAPPING = Path(__file__).parents[1] / "data" / "mappings" / "online_retail_ii.yml"
ACCOUNTS = {"account_id": "Id", "name": "Name", "created_at": {"value": "2025-01-01T00:00:00Z"}}
SALES = {
    "transaction_id": "Id",
    "account_id": {"value": "acme"},
    "booked_at": {"value": "2025-01-01"},
    "revenue": {"value": 1},
}


class Export:
    """A folder with one export file, and what a mapping makes of it."""

    def __init__(self, folder: Path) -> None:
        self.source, self.to, self.folder = folder / "source", folder / "book", folder
        self.source.mkdir()

    def holds(self, text: str, name: str = "lines.csv", encoding: str = "utf-8") -> "Export":
        (self.source / name).write_bytes(text.encode(encoding))
        return self

    def mapping(self, tables: dict, source: dict | None = None, **top: object) -> mapped.Mapping:
        whole = {
            "version": 1,
            "title": "test",
            "workbook": {"time_zone": "Europe/London"},
            "sources": {"lines": {"file": "lines.csv"} | (source or {})},
            "tables": {n: {"from": "lines"} | t for n, t in tables.items()},
        } | top
        path = self.folder / "mapping.yml"
        path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), "utf-8")
        return mapped.load_mapping(path)

    def run(self, tables: dict, source: dict | None = None, **top: object) -> pd.DataFrame:
        return mapped.run(self.mapping(tables, source, **top), self.source, self.to)

    def accounts(self, source: dict | None = None, **columns: object) -> pa.Table:
        """Import one table of accounts in which `columns` are mapped besides the needed ones."""
        self.run({"accounts": {"columns": ACCOUNTS | columns}}, source)
        return pq.read_table(self.to / "accounts.parquet")

    def sales(self, source: dict | None = None, **columns: object) -> pa.Table:
        """Import one table of transactions in which `columns` are mapped besides the needed ones."""
        self.run({"transactions": {"columns": SALES | columns}}, source)
        return pq.read_table(self.to / "transactions.parquet")


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path)


@pytest.fixture
def two(export: Export) -> Export:
    return export.holds("Id,Name,Country\na,Acme,UK\nb, Beta ,DE\n")


# Values


def test_a_column_is_renamed_and_blanks_around_texts_are_cut(two):
    assert two.accounts()["name"].to_pylist() == ["Acme", "Beta"]


def test_a_column_may_be_called_as_the_engine_calls_its_rows(export):
    export.holds("rowid,Id,Name\n7,a,Acme\n9,b,Beta\n")
    assert export.accounts(region={"sql": "rowid || '-' || _row"})["region"].to_pylist() == ["7-1", "9-2"]


def test_a_constant_stands_in_every_row(two):
    assert two.accounts(source_system={"value": "shop"})["source_system"].to_pylist() == ["shop", "shop"]


def test_an_expression_is_computed_over_the_columns_of_the_source(two):
    assert two.accounts(region={"sql": "lower(\"Country\") || '-' || _row"})["region"].to_pylist() == ["uk-1", "de-2"]


def test_a_derived_column_can_be_used_like_one_of_the_file(two):
    got = two.accounts({"derive": {"short": 'left("Name", 1)', "twice": "short || short"}}, region="twice")
    assert got["region"].to_pylist() == ["AA", "BB"]


def test_a_value_map_translates_and_else_takes_the_rest(two):
    assert two.accounts(country={"column": "Country", "map": {"UK": "Britain"}, "else": "abroad"})[
        "country"
    ].to_pylist() == ["Britain", "abroad"]


def test_a_spelling_is_corrected_counted_and_every_other_text_stays(export):
    export.holds("Id,Name,Land\na,A,Philipines\nb,B,\nc,C,Norway\nd,D,Philipines\n")
    columns = ACCOUNTS | {"country": "Land", "region": "low"}
    source = {"correct": {"Land": {"Philipines": "Philippines"}}, "derive": {"low": "lower(Land)"}}
    found = export.run({"accounts": {"columns": columns}}, source)
    got = pq.read_table(export.to / "accounts.parquet")
    assert got["country"].to_pylist() == ["Philippines", None, "Norway", "Philippines"]
    assert got["region"].to_pylist() == ["philippines", None, "norway", "philippines"]
    row = found[found["step"] == "correct"].iloc[0]
    assert (row["table"], row["rows_in"], row["rows_lost"]) == ("lines", 4, 0)
    assert row["why"] == "Land: 2 values corrected (first: ['Philipines'])"


def test_a_map_may_be_named_once_and_used_wherever_a_map_stands(two):
    lands = {"UK": "Britain", "DE": "Germany"}
    columns = ACCOUNTS | {"country": {"column": "Country", "map": "lands"}, "region": "Country"}
    two.run(
        {"accounts": {"columns": columns}},
        {"correct": {"Name": "people"}},
        maps={"lands": lands, "people": {"Acme": "ACME"}},
    )
    got = pq.read_table(two.to / "accounts.parquet")
    assert got["country"].to_pylist() == ["Britain", "Germany"]
    assert (got["region"].to_pylist(), got["name"].to_pylist()) == (["UK", "DE"], ["ACME", "Beta"])


def test_a_map_that_nobody_named_is_refused_with_those_there_are(two):
    columns = ACCOUNTS | {"country": {"column": "Country", "map": "land"}}
    with pytest.raises(ValueError, match=r"country.map: no map is called 'land'; there are \['lands'\]"):
        two.mapping({"accounts": {"columns": columns}}, maps={"lands": {"UK": "Britain"}})


def test_a_text_that_the_map_lacks_is_refused_by_row(two):
    with pytest.raises(
        TableError, match=r"accounts: country: 1 of 2 values have no entry in map \(first: \['line 3 of lines.csv: DE"
    ):
        two.accounts(country={"column": "Country", "map": {"UK": "GB"}})


def test_missing_stays_missing_under_a_map_unless_it_maps_the_empty_text(export):
    export.holds("Id,Name,Country\na,A,UK\nb,B,\n")
    one = {"column": "Country", "map": {"UK": "GB"}, "else": "abroad"}
    other = {"column": "Country", "map": {"UK": "GB", "": "unknown"}}
    got = export.accounts(country=one, region=other)
    assert got["country"].to_pylist() == ["GB", None]
    assert got["region"].to_pylist() == ["GB", "unknown"]


def test_the_empty_text_and_null_both_mean_missing_in_a_map(export):
    export.holds("Id,Name,Country\na,A,UK\nb,B,\nc,C,DE\n")
    for nothing in ("", None):
        gone = {"column": "Country", "map": {"UK": nothing, nothing: "unknown"}, "else": nothing}
        assert export.accounts(country=gone)["country"].to_pylist() == [None, "unknown", None]


def test_a_map_that_says_twice_what_missing_becomes_is_refused(two):
    with pytest.raises(ValueError, match='has both "" and null'):
        two.accounts(country={"column": "Country", "map": {"": "a", None: "b"}})


def test_norway_and_yes_are_texts_in_a_mapping(export):
    export.holds("Id,Name,Country\na,A,NO\n")
    path = export.folder / "mapping.yml"
    export.mapping({"accounts": {"columns": ACCOUNTS | {"country": {"column": "Country", "map": {"X": "y"}}}}})
    path.write_text(path.read_text("utf-8").replace("X: y", "NO: yes"), "utf-8")
    assert mapped.load_mapping(path).tables["accounts"].columns["country"].map == {"NO": "yes"}


def test_texts_that_mean_missing_are_missing(two):
    assert two.accounts({"missing": ["DE"]}, country="Country")["country"].to_pylist() == ["UK", None]


def test_a_column_default_fills_missing_values(export):
    export.holds("Id,Name,System\na,A,crm\nb,B,\n")
    assert export.accounts(source_system="System")["source_system"].to_pylist() == ["crm", "unknown"]


def test_noon_of_a_london_summer_is_eleven_utc_and_of_a_winter_twelve(export):
    export.holds("Id,Name,At\na,A,01/07/2010 12:00\nb,B,01/12/2010 12:00\n")
    got = export.accounts(created_at={"column": "At", "format": "%d/%m/%Y %H:%M", "time_zone": "Europe/London"})
    assert [t.strftime("%m-%d %H:%M") for t in got["created_at"].to_pylist()] == ["07-01 11:00", "12-01 12:00"]


def test_an_offset_in_the_text_wins_over_the_zone_of_the_source(export):
    export.holds("Id,Name,At\na,A,2010-07-01T12:00:00.000+0000\nb,B,2010-07-01 12:00\n")
    got = export.accounts({"time_zone": "Europe/London"}, created_at="At")
    assert [t.hour for t in got["created_at"].to_pylist()] == [12, 11]


def test_a_time_without_any_zone_is_refused(export):
    export.holds("Id,Name,At\na,A,01/07/2010 12:00\n")
    columns = ACCOUNTS | {"created_at": {"column": "At", "format": "%d/%m/%Y %H:%M"}}
    with pytest.raises(TableError, match=r"created_at: its times carry no time zone. Name it"):
        export.run({"accounts": {"columns": columns}}, workbook={"currency": "GBP"})


def test_times_without_a_zone_are_those_of_the_workbook_if_no_source_says_more(export):
    export.holds("Id,Name,At\na,A,01/07/2010 12:00\n")
    got = export.accounts(created_at={"column": "At", "format": "%d/%m/%Y %H:%M"})
    assert [t.hour for t in got["created_at"].to_pylist()] == [11]  # noon of a London summer


@pytest.mark.parametrize("form", [{}, {"format": ["%Y-%m-%d", "%Y-%m-%d %H:%M"]}])
def test_a_day_alone_stays_that_day_whatever_the_zone_of_the_times_beside_it(export, form):
    export.holds("Id,Name,At\na,A,2010-07-01\nb,B,2010-07-01 12:00\n")
    got = export.accounts({"time_zone": "America/Los_Angeles"}, created_at={"column": "At", **form})
    days = [t.strftime("%m-%d %H:%M") for t in got["created_at"].to_pylist()]
    assert days == ["06-30 23:00", "07-01 19:00"]  # midnight in London, noon in Los Angeles


def test_milliseconds_since_1970_are_a_time(export):
    export.holds("Id,Name,At\na,A,86400000\n")
    got = export.accounts(created_at={"column": "At", "format": "epoch_milliseconds"})
    assert got["created_at"].to_pylist() == [dt.datetime(1970, 1, 2, tzinfo=dt.UTC)]


def test_a_day_is_the_day_in_the_reporting_time_zone(export):
    export.holds("Id,At\n1,2010-07-01T23:30:00Z\n2,2010-07-01 23:30\n3,2010-07-01\n")
    got = export.sales({"time_zone": "UTC"}, booked_at="At")
    assert [d.day for d in got["booked_at"].to_pylist()] == [2, 2, 1]  # half past midnight in London; a bare day stays


def test_several_date_formats_may_stand_in_one_column(export):
    export.holds("Id,At\n1,31.12.2010\n2,2010-12-30\n")
    got = export.sales(booked_at={"column": "At", "format": ["%d.%m.%Y", "%Y-%m-%d"]})
    assert [d.day for d in got["booked_at"].to_pylist()] == [31, 30]


def test_decimal_comma_and_thousands_are_read(export):
    export.holds('Id;Sum\n1;"1.234,50"\n2;-7,5\n3;1234567\n')
    got = export.sales({"delimiter": ";", "decimal": ",", "thousands": "."}, revenue="Sum")
    assert got["revenue"].to_pylist() == [1234.5, -7.5, 1234567.0]


def test_currency_blanks_and_brackets_around_a_number_are_read(export):
    written = ["$1,234.50", "(1,234.50)", "−5", "1,000 ", "", "-$ 7", "$(3)", "$\u00a012"]
    export.holds("Id;Revenue\n" + "".join(f"{n};{v}\n" for n, v in enumerate(written)))
    got = export.sales({"delimiter": ";", "thousands": ","}, cogs="Revenue")["cogs"].to_pylist()
    assert got == [1234.5, -1234.5, -5, 1000, None, -7, -3, 12]


@pytest.mark.parametrize("sign", ["€ {}", "{}\u202f€", "R$ {}", "{} kr", "£{}", "US$ {}", "¥{}", "BRL {}", "{}EUR"])
def test_a_sign_or_code_of_currency_is_no_part_of_the_number(export, sign):
    export.holds(f"Id;Revenue\n1;{sign.format('1.234,5')}\n")
    assert export.sales({"delimiter": ";", "decimal": ",", "thousands": "."}, revenue="Revenue")[
        "revenue"
    ].to_pylist() == [1234.5]


@pytest.mark.parametrize("written", ["USD 5 EUR", "ABC 5", "$", "(5", "5)", "--5", "(-5)", "$-"])
def test_what_only_looks_like_money_is_refused(export, written):
    with pytest.raises(TableError, match="revenue: 1 of 1 values do not read as a number"):
        export.holds(f"Id;Revenue\n1;{written}\n").sales({"delimiter": ";"}, revenue="Revenue")


def test_two_currencies_in_one_column_are_refused_with_the_counts_of_each(export):
    export.holds("Id,Revenue\n1,$5\n2,7 EUR\n3,$6\n4,8\n")
    with pytest.raises(
        TableError, match=r"revenue: 3 of 4 values are in 2 currencies \(\$: 2, EUR: 1\). Split them or conv"
    ):
        export.sales(revenue="Revenue")


def test_a_point_that_groups_no_thousands_is_refused_rather_than_dropped(export):
    export.holds("Id;Sum\n1;1.5\n")  # an implementation that drops every point reads 15
    with pytest.raises(
        TableError, match=r"revenue: 1 of 1 values do not read as a number \(first: \['line 2 of lines.csv: 1.5'\]\)"
    ):
        export.sales({"delimiter": ";", "decimal": ",", "thousands": "."}, revenue="Sum")


def test_percent_becomes_a_share(export):
    export.holds("Id,Name,Line,Margin\na,A,all,35\nb,B,all,7.5 %\n")
    columns = {"product_id": "Id", "name": "Name", "gross_margin_rate": {"column": "Margin", "unit": "percent"}}
    export.run({"products": {"columns": columns}})
    assert pq.read_table(export.to / "products.parquet")["gross_margin_rate"].to_pylist() == [0.35, 0.075]


def test_a_percentage_taken_for_a_share_is_refused(export):
    export.holds("Id,Name,Margin\na,A,35\n")
    columns = {"product_id": "Id", "name": "Name", "gross_margin_rate": "Margin"}
    with pytest.raises(TableError, match=r"1 of 1 values are no share from 0 to 1 .*unit: percent"):
        export.run({"products": {"columns": columns}})


def test_a_number_can_be_divided_into_its_unit(export):
    export.holds("Id,Cents\n1,250\n")
    assert export.sales(revenue={"column": "Cents", "divide_by": 100})["revenue"].to_pylist() == [2.5]


def test_a_number_in_millions_can_be_multiplied_into_its_unit(export):
    export.holds("Id,Millions\n1,1100.04\n2,\n")
    got = export.sales(revenue={"value": 1}, cogs={"column": "Millions", "multiply_by": 1_000_000})
    assert got["cogs"].to_pylist() == [pytest.approx(1_100_040_000), None]


@pytest.mark.parametrize("word", ["divide_by", "multiply_by"])
def test_a_factor_of_zero_is_refused(export, word):
    with pytest.raises(ValueError, match="must be numbers other than 0"):
        export.sales(revenue={"column": "Sum", word: 0})


def test_a_key_of_several_columns_never_joins_different_rows(export):
    export.holds("A,B\na-b,c\na,b-c\n")  # both are a-b-c to an implementation that only joins
    got = export.sales(transaction_id={"key": ["A", "B"]})["transaction_id"].to_pylist()
    assert len(set(got)) == 2


def test_a_number_of_a_customer_has_no_decimals_in_its_key(export):
    pq.write_table(pa.table({"Id": [13085.0], "Name": ["A"]}), export.source / "lines.parquet")
    assert export.accounts({"file": "lines.parquet"})["account_id"].to_pylist() == ["13085"]


def test_a_key_numbers_the_rows_that_are_otherwise_alike(export):
    export.holds("Id,Name\na,A\nb,B\na,A\n,A\n")
    key = {"key": ["Id", "Name", "_nth"]}
    assert export.accounts(account_id=key)["account_id"].to_pylist() == ["a-A-1", "b-B-1", "a-A-2", "-A-1"]


def test_a_file_in_the_encoding_of_windows_is_read(export):
    export.holds("Id;Name\na;Müller – Söhne\n", encoding="cp1252")
    assert export.accounts({"delimiter": ";", "encoding": "cp1252"})["name"].to_pylist() == ["Müller – Söhne"]


def test_a_hostile_column_name_is_just_a_name(export):
    hostile = 'a"; drop table x --'
    export.holds('Id,Name,"a""; drop table x --"\na,A,kept\n')
    assert export.accounts(region=hostile)["region"].to_pylist() == ["kept"]


# Rows


def test_a_filter_is_counted_in_the_ledger_with_its_reason(export):
    export.holds("Id,Name\na,A\n,B\nc,C\nd,D\n")
    keep = [{"where": '"Id" is not null', "why": "no number", "budget": 0.25}]
    found = export.run({"accounts": {"columns": ACCOUNTS}}, {"keep": keep})
    row = found[found["why"] == "no number"].iloc[0]
    assert (row["table"], row["rows_in"], row["rows_out"], row["rows_lost"]) == ("lines", 4, 3, 1)
    assert pd.read_csv(export.to / "ledger.csv").to_dict() == found.to_dict()


def test_a_filter_beyond_its_budget_stops_the_import(export):
    export.holds("Id,Name\na,A\n,B\nc,C\nd,D\n")
    keep = [{"where": '"Id" is not null', "why": "no number", "budget": 0.2}]
    with pytest.raises(
        TableError, match=r"lines: 1 of 4 rows left out: no number \(first: \['row 2'\]\); budget 0.2. Find"
    ):
        export.run({"accounts": {"columns": ACCOUNTS}}, {"keep": keep})


def test_a_group_takes_the_value_asked_for(export):
    export.holds("Id,Name,At,Staff,Land\na,A,2,3,UK\na,A,1,4,DE\na,A,3,5,UK\nb,B,9,1,FR\n")
    columns = ACCOUNTS | {
        "country": {"column": "Land", "take": "most_common"},
        "employees": {"column": "Staff", "take": "sum"},
        "annual_revenue": {"column": "At", "take": "min"},
        "region": {"column": "At", "take": "last"},
        "industry": {"column": "At", "take": "first"},
        "sub_industry": {"column": "At", "take": "max"},
    }
    found = export.run({"accounts": {"one_row_per": ["account_id"], "columns": columns}})
    got = pq.read_table(export.to / "accounts.parquet").to_pylist()[0]
    assert [got[c] for c in ("country", "employees", "annual_revenue", "region", "industry", "sub_industry")] == [
        "UK", 12, 1.0, "3", "2", "3",
    ]  # fmt: skip
    row = found[found["step"] == "group"].iloc[0]
    assert (row["rows_in"], row["rows_out"], row["rows_lost"], row["why"]) == (4, 2, 0, "one row per account_id")


def test_of_equally_common_values_the_first_in_the_file_is_taken(export):
    export.holds("Id,Name,Land\na,A,UK\na,A,DE\n")
    columns = ACCOUNTS | {"country": {"column": "Land", "take": "most_common"}}
    export.run({"accounts": {"one_row_per": ["account_id"], "columns": columns}})
    assert pq.read_table(export.to / "accounts.parquet")["country"].to_pylist() == ["UK"]


def test_a_group_with_two_names_is_refused_until_told_which_to_take(export):
    export.holds("Id,Name\na,Acme\na,Acme Ltd\nb,Beta\n")
    with pytest.raises(TableError, match=r"accounts: name: 1 of 2 groups hold several values \(first: \['a'\]\)"):
        export.run({"accounts": {"one_row_per": ["account_id"], "columns": ACCOUNTS}})


def test_a_repeated_key_is_refused_with_count_and_cases(export):
    export.holds("Id,Name\na,A\nb,B\na,C\n")
    with pytest.raises(TableError, match=r"accounts: 2 of 3 rows share a key \['account_id'\] \(first: \['a'\]\)"):
        export.accounts()


def test_columns_that_nobody_mapped_are_named_in_the_ledger(two):
    found = two.run({"accounts": {"columns": ACCOUNTS}})
    row = found[found["why"] == "source columns not mapped: Country"].iloc[0]
    assert (row["rows_in"], row["rows_lost"]) == (2, 0)


def test_one_file_makes_several_tables_that_meet_their_spec(export):
    export.holds("Order,Customer,Sum\n1,a,5\n2,a,-2\n3,b,4\n")
    accounts = ACCOUNTS | {"account_id": "Customer", "name": "Customer"}
    sales = SALES | {"transaction_id": "Order", "account_id": "Customer", "revenue": "Sum"}
    export.run(
        {
            "transactions": {"columns": dict(reversed(sales.items()))},
            "accounts": {"one_row_per": ["account_id"], "columns": accounts},
        }
    )
    book = Book.open(export.to, as_of="2026-01-01")
    assert book.read("accounts")["account_id"].tolist() == ["a", "b"]
    assert book.read("transactions")["revenue"].tolist() == [5, -2, 4]
    written = pq.read_schema(export.to / "transactions.parquet").names
    assert written == [c for c in schema.CANONICAL["transactions"].columns if c in sales]


def test_a_file_without_rows_makes_a_table_without_rows(export):
    assert export.holds("Id,Name\n").accounts().num_rows == 0


def test_types_in_parquet_are_those_of_the_kinds(export):
    export.holds("Id,Name,Staff\na,A,3\n")
    got = export.accounts(employees="Staff", annual_revenue="Staff").schema
    assert [str(got.field(c).type) for c in ("account_id", "employees", "annual_revenue", "created_at")] == [
        "string", "int64", "double", "timestamp[us, tz=UTC]",
    ]  # fmt: skip


# Look-ups in another source


class Deals(Export):
    """Four sales of things, of which one is spelled otherwise, one is not named and one is not in the list."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.holds("Id,Thing,Size\n1,GTXPro,1\n2,MG,2\n3,,1\n4,Ghost,1\n")
        self.holds("Item,Size,Line,Price\nGTX Pro,1,GTX,10\nMG,2,MG,20\n,8,none,0\n,9,none,0\n", "items.csv")

    def joined(self, join: dict, line: dict, items: dict | None = None, **columns: object) -> pd.DataFrame:
        """Import the sales, looked up in the items by `join`; give the ledger."""
        lines = {"file": "lines.csv", "join": {"items": join}} | line
        sources = {"lines": lines, "items": {"file": "items.csv"} | (items or {})}
        return self.run({"transactions": {"columns": SALES | columns}}, sources=sources)

    def column(self, name: str) -> list:
        return pq.read_table(self.to / "transactions.parquet")[name].to_pylist()


@pytest.fixture
def deals(tmp_path: Path) -> Deals:
    return Deals(tmp_path)


SPELLED = {"correct": {"Thing": {"GTXPro": "GTX Pro"}}}
BY_NAME = {"by": {"Thing": "Item"}, "budget": 0.5}


def test_a_row_brings_the_columns_of_its_match_and_stays_without_them_where_there_is_none(deals):
    deals.joined(BY_NAME, SPELLED, product_id="items.Line", revenue={"sql": "coalesce(items.Price::int, 0) + 1"})
    assert deals.column("transaction_id") == ["1", "2", "3", "4"]
    assert deals.column("product_id") == ["GTX", "MG", None, None]  # two items without a name match nobody
    assert deals.column("revenue") == [11, 21, 1, 1]


def test_rows_without_a_match_are_counted_with_their_keys_and_missing_keys_apart(deals):
    found = deals.joined(BY_NAME | {"budget": 0.7}, {}, product_id="items.Line")
    told = found[found["step"] == "join"]
    assert told[["table", "rows_in", "rows_out", "rows_lost"]].values.tolist() == [["lines", 4, 4, 0]] * 2
    assert told["why"].tolist() == [
        "no match in items: 2 of 3 rows with Thing (first: ['GTXPro', 'Ghost'])",
        "nothing to look up in items: 1 of 4 rows without Thing",
    ]


def test_a_join_in_which_all_match_says_so(deals):
    found = deals.joined({"by": "Size", "budget": 0.0}, {})
    assert found[found["step"] == "join"]["why"].tolist() == ["no match in items: 0 of 4 rows with Size"]


@pytest.mark.parametrize(("budget", "passes"), [(0.34, True), (0.33, False)])
def test_the_budget_is_a_share_of_the_rows_that_have_a_key(deals, budget, passes):
    if passes:  # one of three; of all four rows it would be 0.25
        deals.joined(BY_NAME | {"budget": budget}, SPELLED)
        return
    wanted = r"lines: no match in items: 1 of 3 rows with Thing \(first: \['Ghost'\]\); budget 0.33. Correct"
    with pytest.raises(TableError, match=wanted):
        deals.joined(BY_NAME | {"budget": budget}, SPELLED)
    assert not deals.to.exists()


def test_a_key_that_stands_twice_in_the_other_source_is_refused(deals):
    deals.holds("Item,Line\nMG,a\nMG,b\nGTX Pro,c\n", "items.csv")
    wanted = r"items: 2 of 3 rows share a key \['Item'\] \(first: \['MG'\]\). lines looks its rows up by it"
    with pytest.raises(TableError, match=wanted):
        deals.joined(BY_NAME, SPELLED)


def test_rows_that_the_other_source_leaves_out_are_not_looked_up(deals):
    deals.holds("Item,Line,Old\nMG,a,no\nMG,b,yes\nGTX Pro,c,no\n", "items.csv")
    keep = [{"where": "Old = 'no'", "why": "not sold any more", "budget": 0.5}]
    deals.joined(BY_NAME, SPELLED, {"keep": keep}, product_id="items.Line")
    assert deals.column("product_id") == ["c", "a", None, None]


def test_several_columns_must_agree_and_derived_ones_may(deals):
    deals.holds("Item,Size,Line\nmg,1,small\nmg,2,large\n", "items.csv")
    join = {"by": {"low": "Item", "Size": "Size"}, "budget": 0.7}
    found = deals.joined(join, {"derive": {"low": "lower(Thing)"}}, product_id="items.Line")
    assert deals.column("product_id") == [None, "large", None, None]
    assert "(first: [('gtxpro', '1'), ('ghost', '1')])" in found[found["step"] == "join"]["why"].iloc[0]


def test_a_number_finds_the_same_number_written_as_text(deals):
    pq.write_table(pa.table({"Size": [1.0, 2.0], "Line": ["one", "two"]}), deals.source / "items.parquet")
    deals.joined({"by": ["Size"], "budget": 0.0}, {}, {"file": "items.parquet"}, product_id="items.Line")
    assert deals.column("product_id") == ["one", "two", "one", "one"]


def test_rows_can_be_kept_by_what_was_found(deals):
    keep = [{"where": "items.Line is not null", "why": "not in the list", "budget": 0.5}]
    sources = {"lines": {"file": "lines.csv", "join": {"items": BY_NAME}} | SPELLED, "items": {"file": "items.csv"}}
    deals.run({"transactions": {"keep": keep, "columns": SALES}}, sources=sources)
    assert deals.column("transaction_id") == ["1", "2"]


@pytest.mark.parametrize(
    ("join", "columns", "says"),
    [
        ({"by": {"Thing": "Itm"}}, {}, r"items: lines.join.items needs column 'Itm'; items.csv has \['Item'"),
        ({"by": {"Thng": "Item"}}, {}, r"lines: lines.join.items needs column 'Thng'; lines.csv has \['Id'"),
        ({}, {"product_id": "items.Lin"}, r"items: transactions.product_id needs column 'Lin'; items.csv has"),
        ({"budget": None}, {}, r"join.items.budget is missing"),
    ],
)
def test_a_join_over_columns_that_are_not_there_is_refused(deals, join, columns, says):
    with pytest.raises(ValueError, match=says):
        deals.joined(BY_NAME | join, SPELLED, **columns)


@pytest.mark.parametrize("other", ["lines", "itms"])
def test_a_source_is_joined_to_another_one_that_is_there(deals, other):
    lines = {"file": "lines.csv", "join": {other: BY_NAME}}
    with pytest.raises(ValueError, match=rf"sources.lines.join: \['{other}'\] are no other sources of \['lines'"):
        deals.mapping({"transactions": {"columns": SALES}}, sources={"lines": lines, "items": {"file": "items.csv"}})


# Several sources into one table


def both(export: Export, origin: object, columns: dict, **table: object) -> pd.DataFrame:
    """Import accounts from customers and leads, two rows each; give the ledger."""
    sources = {n: {"file": f"{n}.csv", "time_zone": "UTC"} for n in ("customers", "leads")}
    return export.run({"accounts": {"from": origin, "columns": columns} | table}, sources=sources)


@pytest.fixture
def halves(export: Export) -> Export:
    export.holds("Id,Name,Staff\na,Acme,5\nb,Beta,7\n", "customers.csv")
    return export.holds("Id,Company,Entered,Name\nc,Cold,2025-02-01,x\nd,Dull,2025-03-01,y\n", "leads.csv")


OWN = {
    "customers": {"name": "Name", "employees": "Staff", "created_at": {"value": "2025-01-01"}},
    "leads": {"name": "Company", "created_at": "Entered"},
}


def test_rows_of_several_sources_follow_each_other_each_with_its_own_columns(halves):
    found = both(halves, OWN, {"account_id": "Id", "source_system": {"value": "crm"}})
    got = pq.read_table(halves.to / "accounts.parquet")
    assert got["account_id"].to_pylist() == ["a", "b", "c", "d"]
    assert got["name"].to_pylist() == ["Acme", "Beta", "Cold", "Dull"]
    assert got["employees"].to_pylist() == [5, 7, None, None]  # leads have no such column
    assert [t.month for t in got["created_at"].to_pylist()] == [1, 1, 2, 3]
    told = found[found["table"] == "accounts"][["step", "rows_in", "rows_out", "rows_lost", "why"]]
    assert told.values.tolist() == [
        ["from", 2, 2, 0, "source customers"], ["from", 2, 2, 0, "source leads"], ["write", 4, 4, 0, "accounts.parquet"],
    ]  # fmt: skip


def test_sources_that_are_alike_are_only_named(halves):
    both(halves, ["leads", "customers"], ACCOUNTS | {"account_id": {"key": ["Name", "_row"]}})
    got = pq.read_table(halves.to / "accounts.parquet")
    assert got["account_id"].to_pylist() == ["x-1", "y-2", "Acme-1", "Beta-2"]  # _row counts in each file anew


def test_a_key_that_two_sources_share_is_refused(halves):
    halves.holds("Id,Company,Entered\nc,Cold,2025-02-01\na,Acme,2025-03-01\n", "leads.csv")
    with pytest.raises(TableError, match=r"accounts: 2 of 4 rows share a key \['account_id'\] \(first: \['a'\]\)"):
        both(halves, OWN, {"account_id": "Id"})


def test_groups_gather_the_rows_of_all_sources(halves):
    halves.holds("Id,Company,Entered\nc,Cold,2025-02-01\na,Acme Ltd,2024-03-01\n", "leads.csv")
    own = {n: {c: d for c, d in columns.items() if c != "name"} for n, columns in OWN.items()}
    own["customers"]["name"] = {"column": "Name", "take": "last"}
    own["leads"]["name"] = {"column": "Company", "take": "last"}
    for columns in own.values():
        start = columns["created_at"]
        columns["created_at"] = ({"column": start} if isinstance(start, str) else start) | {"take": "min"}
    both(halves, own, {"account_id": "Id"}, one_row_per=["account_id"])
    got = pq.read_table(halves.to / "accounts.parquet")
    assert got["name"].to_pylist() == ["Acme Ltd", "Beta", "Cold"]  # the last row is that of the last source
    assert [t.year for t in got["created_at"].to_pylist()] == [2024, 2025, 2025]
    assert got["employees"].to_pylist() == [5, 7, None]


def test_a_bad_value_is_named_by_the_row_of_its_own_file(halves):
    halves.holds("Id,Company,Entered\nc,Cold,2025-02-01\nd,Dull,soon\n", "leads.csv")
    with pytest.raises(
        TableError, match=r"created_at: 1 of 2 values .*\['line 3 of leads.csv: soon'\].* Correct them in leads.csv"
    ):
        both(halves, OWN, {"account_id": "Id"})


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        (["customers", "leeds"], r"no such source; there are \['customers', 'leads'\], not 'leeds'"),
        (
            {"customers": OWN["customers"], "leads": None},
            r"accounts.from.leads: missing column\(s\) \['name'\]",
        ),
        ([], "is empty. Name at least one"),
        (
            {"customers": OWN["customers"] | {"name": {"column": "Name", "take": "min"}}, "leads": OWN["leads"]},
            r"from: \['name'\] take one value here and another there",
        ),
    ],
)
def test_sources_that_do_not_make_one_table_are_refused(halves, origin, says):
    with pytest.raises(ValueError, match=says):
        both(halves, origin, {"account_id": "Id"}, one_row_per=["account_id"])


# Refusals


def test_a_column_the_file_lacks_is_refused_with_those_it_has(two):
    with pytest.raises(
        TableError, match=r"accounts.region needs column 'Area'; lines.csv has \['Id', 'Name', 'Country'\]"
    ):
        two.accounts(region="Area")


def test_an_expression_over_a_column_the_file_lacks_is_refused_alike(two):
    with pytest.raises(TableError, match=r"accounts.region needs column 'Area'; lines.csv has"):
        two.accounts(region={"sql": 'upper("Area")'})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "Id,Name\na,A\nb\nc,C\nd,D,1\n",
            r"2 of 4 rows of lines.csv do not have its 2 columns \(first: \['line 3 has 1 of 2 values', 'line 5 has 3 of 2 values'\]\). Correct",
        ),
        ('Id,Name\na,A\nb,"B"x\n', r"1 of 2 rows of lines.csv have a quote that does not end .*line 3.*quote: ''"),
        ("Id,Name\r\na,A\nb,B\r\n", "lines.csv does not read as rows: its lines end in different ways"),
        (
            "\nId,Name\na,A\n",
            "lines.csv is empty or starts with an empty line. Start with its columns, or say header_row",
        ),
        ("Id;Name\na;A\n", r"needs column 'Id'; lines.csv has \['Id;Name'\]. All names .* say delimiter: ';' in"),
        ("", "lines.csv is empty"),
        ("Id,Name,Name\na,A,B\n", "2 of 3 columns stand more than once in lines.csv and are mapped"),
        ("Id,Name,NAME\na,A,B\n", "2 of 3 columns stand more than once in lines.csv and are mapped"),
    ],
)
def test_a_file_that_is_no_table_is_refused_without_advice_to_look_away(export, text, says):
    with pytest.raises(TableError, match=says) as refused:
        export.holds(text).accounts()
    assert "strict" not in str(refused.value) and "ignore" not in str(refused.value)


def test_a_folder_with_signs_of_a_pattern_in_its_name_is_just_a_folder(tmp_path):
    (tmp_path / "x[1]*").mkdir()
    got = Export(tmp_path / "x[1]*").holds("Id,Name\na,A\n").accounts()
    assert got["account_id"].to_pylist() == ["a"]


def test_a_bad_date_is_refused_with_count_and_first_rows(export):
    export.holds("Id,At\n1,28.02.2010\n2,30.02.2010\n3,x\n4,1.2.10\n")
    cases = r"\['line 3 of lines.csv: 30.02.2010', 'line 4 of lines.csv: x', 'line 5 of lines.csv: 1.2.10'\]"
    wanted = rf"transactions: booked_at: 3 of 4 values do not read as a date .*{cases}\)\. Correct"
    with pytest.raises(TableError, match=wanted):
        export.sales(booked_at={"column": "At", "format": "%d.%m.%Y"})


def test_a_needed_value_that_is_missing_is_refused(export):
    export.holds("Id,Name\na,A\n,B\n")
    with pytest.raises(
        TableError, match=r"accounts: account_id: 1 of 2 values missing \(first: \['line 3 of lines.csv'\]\)"
    ):
        export.accounts()


def test_a_value_the_schema_does_not_know_is_refused(export):
    export.holds("Id,Kind\n1,Sale\n")
    with pytest.raises(
        TableError, match=r"transactions: kind: 1 of 1 values are none of .*line 2 of lines.csv: Sale.*map"
    ):
        export.sales(kind="Kind")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({"value": "sale"}, r"value 'sale' is none of \['purchase'"),
        ({"column": "Kind", "map": {"Sale": "sold"}}, r"value 'sold' of map is none of \['purchase'"),
        ({"column": "Kind", "map": {"Loan": "return"}, "else": "sold"}, r"value 'sold' of map is none of \['purchase'"),
    ],
)
def test_the_mapping_is_blamed_for_a_value_that_stands_in_it(export, kind, says):
    export.holds("Id,Kind\n1,Sale\n")
    with pytest.raises(
        TableError, match=rf"^in the mapping, tables.transactions.columns.kind: {says}.*Correct it there"
    ):
        export.sales(kind=kind)


@pytest.mark.parametrize("words", [{"value": "much"}, {"column": "Kind", "map": {"Sale": "much"}}])
def test_the_mapping_is_blamed_for_what_does_not_read(export, words):
    export.holds("Id,Kind\n1,Sale\n")
    with pytest.raises(TableError, match="columns.revenue: value 'much'.* does not read as a number. Correct it there"):
        export.sales(revenue=words)


def test_a_bad_value_is_named_by_its_line_behind_line_breaks_in_quotes_and_blank_lines(export):
    export.holds('Id,Note,At\n1,"a\nb",2025-01-01\n\n2,x,soon\n')
    with pytest.raises(TableError, match="'line 5 of lines.csv: soon'"):
        export.sales(booked_at="At")


def test_short_rows_are_read_where_the_mapping_says_so_and_counted_with_their_lines(export):
    export.holds("Id,Name,Country\na,A,UK\nb,B\nc,C,DE\n")
    assert export.accounts({"short_rows": "missing"}, country="Country")["country"].to_pylist() == ["UK", None, "DE"]
    why = pd.read_csv(export.to / "ledger.csv")["why"][0]
    assert why.endswith(
        "1 rows have fewer values than its 3 columns, the others are missing (first: ['line 3 has 2 of 3 values'])"
    )
    with pytest.raises(TableError, match=r"line 3 has 2 of 3 values.* say short_rows: missing"):
        export.accounts()


def test_an_unhashed_e_mail_address_is_no_id_of_a_person_and_is_not_shown(export):
    export.holds("Mail,Since\nann@example.org,2025-01-01\nbob@example.org,2025-01-01\n7,2025-01-01\n")
    columns = {"contact_id": "Mail", "created_at": {"column": "Since", "time_zone": "UTC"}}
    with pytest.raises(TableError, match=r"contact_id: 2 of 3 values are e-mail addresses .* Say hash: true") as wrong:
        export.run({"contacts": {"columns": columns}})
    assert "example.org" not in str(wrong.value)
    export.holds("Mail,Name\nann@example.org,A\nann@example.org,A\n")
    with pytest.raises(TableError, match=r"account_id: 2 of 2 values are e-mail addresses .* Say hash: true") as wrong:
        export.accounts(account_id="Mail")
    assert "example.org" not in str(wrong.value)
    with pytest.raises(TableError, match=r"2 of 2 rows share a key .*row 1") as wrong:
        export.run({"products": {"columns": {"product_id": "Mail", "name": "Name"}}})
    assert "example.org" not in str(wrong.value)


def test_short_rows_of_more_than_a_tenth_are_refused(export):
    export.holds("Id,Name,Country\n" + "a,A,UK\n" * 30 + "b\n" * 4)
    with pytest.raises(TableError, match="4 of 34 rows of lines.csv have fewer values .*may be shifted"):
        export.run({"accounts": {"columns": ACCOUNTS}}, {"short_rows": "missing"})


def test_a_missing_value_is_refused_with_the_ways_out(export):
    export.holds("Id,Name\na,A\n,B\n")
    with pytest.raises(
        TableError, match=r"""where: '"Id" is not null', why: …, budget: 0.5.*sql: coalesce\("Id", '…'\)"""
    ):
        export.accounts()


def test_a_table_nobody_knows_is_refused_with_those_there_are(two):
    with pytest.raises(ValueError, match=r"tables.acounts: no such table; there are \['accounts'"):
        two.mapping({"acounts": {"columns": ACCOUNTS}})


def test_a_needed_column_left_out_of_the_mapping_is_refused(two):
    with pytest.raises(ValueError, match=r"tables.accounts.columns: missing column\(s\) \['name'\]"):
        two.run({"accounts": {"columns": {c: d for c, d in ACCOUNTS.items() if c != "name"}}})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"soruces": {}}, r"unknown key\(s\) \['soruces'\]; it may have"),
        ({"sources": {"lines": {"file": "a.csv", "delimeter": ";"}}}, r"unknown key\(s\) \['delimeter'\]; it may have"),
        ({"sources": {"lines": {"file": "a.docx"}}}, "'a.docx' is no kind of file that is read. Save it as"),
        ({"sources": {"lines": {"file": "a.csv", "sheet": 1}}}, "sheet has no meaning for a.csv; it is for"),
        ({"version": 2}, "version 2 is not known"),
        ({"version": "1"}, "mapping.yml: version must be a whole number, got '1'. Correct the file."),
        ({"sources": {}}, "sources: is empty. Name at least one."),
        ({"sources": {"a b": {"file": "a.csv"}}}, "'a b' is no name for a source. Write letters, digits and _"),
        ({"sources": {"lines": {"file": "a.csv", "header_row": "4"}}}, "header_row must be a whole number, got '4'"),
        ({"sources": {"lines": {"file": "a.csv", "thousands": "5"}}}, "thousands: must be one sign that is no digit"),
        ({"sources": {"lines": {}}}, "sources.lines.file is missing. Correct the file."),
        ({"sources": {"lines": {"file": "a.csv", "derive": {"x": "x" * 999 + "("}}}}, r"'x+…. Correct it.$"),
        ({"workbook": {"time_zone": "London"}}, "workbook.time_zone: 'London' is not a known time zone"),
        ({"workbook": {"time_zone": ["UTC"]}}, r"workbook.time_zone must be text, got \['UTC'\]"),
        ({"workbook": {"currency": 5}}, "workbook.currency must be text, got 5"),
        ({"workbook": {"fiscal_year_starts": "4"}}, "fiscal_year_starts must be a whole number, got '4'"),
    ],
)
def test_a_word_the_mapping_may_not_have_is_refused_by_name(two, change, says):
    with pytest.raises(ValueError, match=says):
        two.mapping({"accounts": {"columns": ACCOUNTS}}, **change)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({"colum": "Country"}, r"exactly one of|unknown key\(s\) \['colum'\]"),
        ({"column": "Country", "value": "x"}, "exactly one of"),
        ({"column": "Country", "unit": "percent"}, "unit has no meaning for text"),
        ({"column": "Country", "take": "first"}, "Add one_row_per"),
        ({"lookup": "Country"}, "not in this version"),
        ({"key": []}, "is empty. Name at least one"),
        ({"column": ["Country"]}, r"must be text, got \['Country'\]"),
        ({"column": "Country", "hash": "yes"}, "must be true or false, got 'yes'"),
    ],
)
def test_a_column_that_says_too_little_or_too_much_is_refused(two, column, says):
    with pytest.raises(ValueError, match=f"accounts.columns.region.* .*({says})"):
        two.accounts(region=column)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (None, "no such mapping file"),
        ("a: [1\nb: 2\n", "not readable as YAML: line 2: "),
        ("hello", "must be words with values"),
    ],
)
def test_what_is_no_mapping_file_is_refused_in_one_line(tmp_path, written, says):
    if written is not None:
        (tmp_path / "m.yml").write_text(written, "utf-8")
    with pytest.raises(ValueError, match=says) as refused:
        mapped.load_mapping(tmp_path / "m.yml")
    assert "\n" not in str(refused.value)


def test_a_source_folder_that_is_not_there_is_refused(two):
    with pytest.raises(ValueError, match=r"nowhere: the source must be a folder"):
        mapped.run(two.mapping({"accounts": {"columns": ACCOUNTS}}), two.folder / "nowhere", two.to)


def test_a_key_that_stands_twice_in_the_mapping_is_refused(tmp_path):
    (tmp_path / "m.yml").write_text("version: 1\nversion: 1\n", "utf-8")
    with pytest.raises(ValueError, match="'version' comes twice"):
        mapped.load_mapping(tmp_path / "m.yml")


@pytest.mark.parametrize(
    "expression",
    [
        "(select count(*) from read_csv('/etc/passwd'))",
        "1) from read_csv('/etc/passwd'), (select 2",
        "1) union select (2",
        "1), (2",
        ")",
        "(1",
        "abs(" * 900 + "1" + ")" * 900,
        "1; copy (select 1) to '/tmp/x'",
        "columns(*)",
        "now()",
        "current_date",
        "random()",
    ],
)
def test_an_expression_is_over_the_columns_of_its_source_and_nothing_else(two, expression):
    with pytest.raises(ValueError, match="accounts"):
        two.accounts(region={"sql": expression})
    assert not two.to.exists()


def test_an_expression_that_got_through_reads_no_file_either(two, monkeypatch):
    monkeypatch.setattr(sql, "references", lambda expression: ())  # as if it had seen no query in it
    with pytest.raises(ValueError, match="file system operations are disabled"):
        two.accounts(region={"sql": "(select count(*) from read_csv('/etc/passwd'))"})
    assert not two.to.exists()


@pytest.mark.parametrize("name", ["../outside.csv", "link.csv"])
def test_a_source_outside_the_folder_is_refused(two, name):
    (two.folder / "outside.csv").write_text("Id,Name\na,A\n", "utf-8")
    (two.source / "link.csv").symlink_to(two.folder / "outside.csv")
    with pytest.raises(ValueError, match="is outside the source folder"):
        two.accounts({"file": name})


# What is left behind


def test_nothing_is_written_on_failure(export):
    export.holds("Id,Name\na,A\na,B\n")
    before = sorted(p.name for p in export.folder.iterdir())
    with pytest.raises(TableError):
        export.accounts()
    assert sorted(p.name for p in export.folder.iterdir() if p.name != "mapping.yml") == before


def test_an_earlier_import_survives_a_failed_one_and_is_replaced_by_a_good_one(two):
    two.accounts()
    earlier = {p.name: p.read_bytes() for p in two.to.iterdir()}
    two.holds("Id,Name\na,A\na,B\n")
    with pytest.raises(TableError):
        two.accounts()
    assert {p.name: p.read_bytes() for p in two.to.iterdir()} == earlier
    two.holds("Id,Name\nc,C\n")
    assert two.accounts()["account_id"].to_pylist() == ["c"]


@pytest.mark.parametrize("left", [".accounts.parquet.17.tmp", ".tmp", ".abm-tmp-x"])
def test_what_a_process_that_died_left_in_the_folder_does_not_block_an_import(two, left):
    (two.to / left).mkdir(parents=True)
    assert two.accounts()["account_id"].to_pylist() == ["a", "b"]
    (two.to / left).write_text("half")
    assert two.accounts()["account_id"].to_pylist() == ["a", "b"]
    assert left not in {p.name for p in two.to.iterdir()}


@pytest.mark.parametrize("there", [["notes.txt"], [".notes.txt"], ["ledger.csv", "notes.txt"]])
def test_a_folder_that_no_import_made_is_left_alone(two, there):
    two.to.mkdir()
    for name in there:
        (two.to / name).write_text("mine", "utf-8")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        two.accounts()
    assert sorted(p.name for p in two.to.iterdir()) == there


def test_two_imports_of_the_same_files_give_the_same_bytes(export):
    lines = "".join(f"{n % 7},{n % 3},{n / 7}\n" for n in range(5000))
    export.holds("Id,Name,Sum\n" + lines)
    columns = ACCOUNTS | {
        "name": {"column": "Name", "take": "most_common"},
        "annual_revenue": {"column": "Sum", "take": "sum"},
    }
    made = []
    for name in ("one", "two"):
        export.to = export.folder / name
        export.run({"accounts": {"one_row_per": ["account_id"], "columns": columns}})
        made.append({p.name: p.read_bytes() for p in export.to.iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == {"accounts.parquet", "ledger.csv", "workbook.yml"}


@pytest.mark.parametrize(
    "words", [{}, {"keep": [{"where": "Sum > '3'", "why": "small", "budget": 0.6}]}], ids=["at once", "kept"]
)
def test_a_large_file_stays_in_its_order_and_gives_the_same_bytes_by_one_thread_or_two(export, monkeypatch, words):
    export.holds("Id,Sum\n" + "".join(f"{n},{n % 7}\n" for n in range(250_000)))
    real, made = mapped.engine, []
    listed = f"case when \"Sum\" in ({', '.join(map(repr, '0123456'))}) then 'purchase' end"  # which the engine looks up by a join
    for threads in (1, 2):

        def engine(*given: object, n: int = threads) -> sql.Engine:
            con = real(*given)
            con.execute(f"set threads = {n}")
            return con

        monkeypatch.setattr(mapped, "engine", engine)
        ids = export.sales(words, kind={"sql": listed}, revenue="Sum")["transaction_id"].to_pylist()
        assert list(map(int, ids)) == [n for n in range(250_000) if not words or n % 7 > 3]
        made.append((export.to / "transactions.parquet").read_bytes())
    assert made[0] == made[1]


def test_the_workbook_file_says_which_files_were_read(two):
    two.run({"accounts": {"columns": ACCOUNTS}}, workbook={"currency": "GBP", "time_zone": "Europe/London"})
    got = yaml.safe_load((two.to / "workbook.yml").read_text("utf-8"))
    assert (got["title"], got["currency"], got["time_zone"]) == ("test", "GBP", "Europe/London")
    assert got["source"]["mapping"] == "mapping.yml"
    (file,) = got["source"]["files"]
    assert (file["name"], file["rows"], len(file["sha256"])) == ("lines.csv", 2, 64)


def test_the_real_wholesaler_is_imported_whole(shared_data, tmp_path):
    found = mapped.run(mapped.load_mapping(MAPPING), shared_data("online_retail_ii"), tmp_path / "book")
    sales = pd.read_parquet(tmp_path / "book" / "transactions.parquet")
    assert len(pd.read_parquet(tmp_path / "book" / "accounts.parquet")) == 4383
    assert len(sales) == 417534
    assert sales["revenue"].sum() == pytest.approx(8348208.574, abs=0.01)
    lost = found[found["rows_lost"] > 0]
    assert lost[["rows_lost", "why"]].values.tolist() == [[107927, "no customer number on the line"]]


# Programme tables

DEALS = "Id,Buyer,From,To,Value\nk1,acme,2025-01-01,2025-12-31,100\nk2,acme,2026-01-01,2026-12-31,120\n"
TERMS = {
    "contract_id": "Id",
    "account_id": "Buyer",
    "start": "From",
    "end": "To",
    "arr": "Value",
    "auto_renew": {"value": False},
}


def test_a_table_that_people_enter_may_come_from_an_export_too(export):
    once = {"account_id": {"column": "Buyer"}, "name": "Buyer", "created_at": {"value": "2025-01-01T00:00:00Z"}}
    sale = SALES | {"transaction_id": "Id", "account_id": "Buyer"}
    tables = {
        "accounts": {"columns": {c: d if c == "account_id" else {"take": "first"} | (d if isinstance(d, dict) else {"column": d}) for c, d in once.items()}, "one_row_per": ["account_id"]},
        "transactions": {"columns": sale},
        "contracts": {"columns": TERMS},
    }  # fmt: skip
    for _ in range(2):  # what it wrote it may replace
        export.holds(DEALS).run(tables)
    assert "entered_at" not in pq.read_schema(export.to / "contracts.parquet").names
    got = Book.open(export.to, "2025-12-31").read("contracts")
    assert got[["contract_id", "entered_by"]].to_numpy().tolist() == [["k1", "source"]]
    assert got["product_line"].tolist() == ["all"]


@pytest.mark.parametrize(
    ("table", "columns", "message"),
    [
        ("contracts", {c: d for c, d in TERMS.items() if c != "end"}, r"missing column\(s\) \['end'\]"),
        ("targets", {"period": "From", "measure_id": "Id", "value": "Value"}, r"missing column\(s\) \['entered_at'\]"),
        ("forgotten", {"person_hash": "Id"}, "no such table; there are .*'forgotten'"),
    ],
)
def test_what_a_programme_table_needs_and_which_no_export_may_make(export, table, columns, message):
    with pytest.raises(ValueError, match=message):
        export.holds(DEALS).mapping({table: {"columns": columns}})
