"""The whole report on a real wholesaler's year: known totals come out, page by page."""

import re

import duckdb
import numpy as np
import pandas as pd
import pytest

from abmlib.stats.concentration import gini
from abmlib.tables.source import Source
from tests import twins_in_process
from tests.conftest import ROOT, abm


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """The raw invoice lines with a customer number, read without the project's own code."""
    file = ROOT.parent / "shared/data/online_retail_ii/online_retail_II.parquet"
    if not file.is_file():
        pytest.skip("the real data set online_retail_ii is not beside this checkout")
    return duckdb.sql(
        f'select "Customer ID"::bigint::varchar as id, Quantity * Price as revenue, InvoiceDate::date as day '
        f"from '{file}' where \"Customer ID\" is not null"
    ).df()


@pytest.fixture(scope="module")
def year(lines):
    """Revenue of every customer in the twelve months up to the last day; 0 of those who bought before only."""
    recent = lines[lines["day"] >= "2009-12-10"]
    return recent.groupby("id")["revenue"].sum().reindex(sorted(lines["id"].unique()), fill_value=0.0)


@pytest.fixture(scope="module")
def book(lines, tmp_path_factory):
    to = tmp_path_factory.mktemp("retail") / "book"
    source = ROOT.parent / "shared/data/online_retail_ii"
    code, said = abm("import", ROOT / "data/mappings/online_retail_ii.yml", source, "--to", to)
    assert code == 0, said
    return to


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Where the notebooks leave their tables."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(
    scope="module", params=[["00", "03", "12"], pytest.param([], marks=pytest.mark.slow)], ids=["three", "all"]
)
def report(request, book, tables):
    """Notebooks, run on the last day."""
    return twins_in_process.run(book, "2010-12-09", tables, request.param)


@pytest.fixture(scope="module")
def accounts(report, tables):
    return pd.read_parquet(tables / "03_key_accounts.parquet").set_index("account_id")


def test_every_customer_number_is_one_account_with_all_its_lines_of_the_year(accounts, lines, year):
    assert len(accounts) == 4_383
    pd.testing.assert_series_equal(
        accounts["revenue"].sort_index(), year, check_names=False, check_index_type=False, atol=1e-6
    )
    assert lines["revenue"].sum() == pytest.approx(8_348_208.574, abs=0.01)
    assert accounts["revenue"].sum() == pytest.approx(8_021_266.144, abs=0.01)


def test_class_a_is_the_smallest_set_that_reaches_four_fifths(accounts, year):
    ordered = np.sort(year.to_numpy())[::-1]
    running = ordered.cumsum() / ordered.sum()
    assert (accounts["pareto_class"] == "A").sum() == np.searchsorted(running, 0.80) + 1
    assert accounts["pareto_class"].isin(["A", "B"]).sum() == np.searchsorted(running, 0.95) + 1
    assert accounts.sort_values("revenue_rank")["cumulative_revenue_share"].to_numpy() == pytest.approx(running)


def test_accounts_worth_zero_or_less_stay_are_class_c_and_are_counted_on_the_page(accounts, lines, year, report):
    worthless = accounts[accounts["revenue"] <= 0]
    expected = int((year.round(6) <= 0).sum())
    idle = year.index.difference(lines.loc[lines["day"] >= "2009-12-10", "id"])
    assert len(worthless) == expected == 167
    assert (worthless["pareto_class"] == "C").all()
    page = report["03"].page
    assert f"{expected - len(idle)} accounts with business have a net revenue of zero or less" in page


def test_margin_is_unknown_and_the_page_says_so(accounts, report):
    assert accounts["margin"].isna().all()
    assert (accounts["profitability"] == "not_answerable").all()
    assert "No line has a cost, so no margin is known" in report["03"].page


def test_measures_agree_with_the_raw_lines(year, report, tables):
    measures = pd.read_parquet(tables / "03_measures.parquet").set_index("definition_id")
    revenue = year.round(6)
    top = revenue.sort_values(ascending=False)
    assert measures.loc["gini_of_positive_revenue", "value"] == pytest.approx(gini(revenue))
    assert measures.loc["largest_10_share_of_revenue", "value"] == pytest.approx(top.iloc[:10].sum() / top.sum())
    assert measures.loc["top_20pc_share_of_revenue", "value"] == pytest.approx(top.iloc[:877].sum() / top.sum())
    assert measures.loc["gini_of_positive_margin", "status"] == "not_answerable"


def test_lines_without_a_customer_number_are_in_the_ledger(report):
    page = re.sub(r"<[^>]+>", " ", report["00"].page)
    assert "107,927" in page
    assert "no customer number on the line" in page


def test_the_last_day_is_that_of_the_last_line_and_the_money_the_source_s(book):
    source = Source(book)
    assert (str(source.latest_day()), source.settings.currency) == ("2010-12-09", "GBP")


def test_what_a_wholesaler_cannot_answer_stays_a_page(report):
    assert {number for number, one in report.items() if one.status == "not_answerable"} == {
        n for n in report if n.startswith("12")
    }
