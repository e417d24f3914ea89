"""A CRM's deals, spelled differently from file to file: the published figures come out of the import."""

import datetime as dt
import re

import pandas as pd
import pytest
import yaml

from abmlib.method import cycle, orders
from abmlib.method.deals import with_days
from abmlib.tables import Book
from abmlib.tables.errors import TableError
from abmlib.tables.importers import mapped
from tests import twins_in_process
from tests.conftest import ROOT, SHARED
from tests.test_cycle import RULES

MAPPING = ROOT / "data" / "mappings" / "maven_crm_sales.yml"
SOURCE = SHARED / "maven_crm_sales"
LAST = "2017-12-31"  # day of the last closing


@pytest.fixture(scope="module")
def raw():
    """The four files of the export, read without the project's own code."""
    if not SOURCE.is_dir():
        pytest.skip("the real data set maven_crm_sales is not beside this checkout")
    return {f.stem: pd.read_csv(f) for f in SOURCE.glob("*.csv")}


@pytest.fixture(scope="module")
def folder(raw, tmp_path_factory):
    to = tmp_path_factory.mktemp("maven") / "book"
    mapped.run(mapped.load_mapping(MAPPING), SOURCE, to)
    return to


@pytest.fixture(scope="module")
def book(folder):
    return Book.open(folder, as_of=LAST)


@pytest.fixture(scope="module")
def deals(book):
    return book.read("opportunities")


def test_no_row_of_the_export_is_lost(book, deals, raw):
    assert len(deals) == len(raw["sales_pipeline"]) == 8_800
    assert len(book.read("accounts")) == len(raw["accounts"]) == 85
    assert len(book.read("products")) == len(raw["products"]) == 7
    assert set(deals["opportunity_id"]) == set(raw["sales_pipeline"]["opportunity_id"])
    assert (book.ledger["rows_lost"] == 0).all()


def test_closed_deals_give_the_published_win_rate_and_value(deals, raw):
    closed, pipeline = deals[deals["is_closed"]], raw["sales_pipeline"]
    won = closed[closed["is_won"].astype(bool)]
    assert len(closed) == pipeline["deal_stage"].isin(["Won", "Lost"]).sum() == 6_711
    assert len(won) == (pipeline["deal_stage"] == "Won").sum() == 4_238
    assert len(won) / len(closed) == pytest.approx(0.6315, abs=5e-5)
    assert won["amount"].sum() == pipeline.loc[pipeline["deal_stage"] == "Won", "close_value"].sum() == 10_005_534
    assert (closed.loc[~closed["is_won"].astype(bool), "amount"] == 0).all()  # the export values a lost deal at nothing


def test_won_deals_took_the_published_days(deals, raw):
    won = deals[deals["is_won"].fillna(False)]
    wins = raw["sales_pipeline"].query("deal_stage == 'Won'")
    expected = (pd.to_datetime(wins["close_date"]) - pd.to_datetime(wins["engage_date"])).dt.days.mean()
    got = ((won["closed_at"] - won["created_at"]) / pd.Timedelta(days=1)).mean()
    assert got == pytest.approx(expected)
    assert got == pytest.approx(51.8, abs=0.05)


def test_open_deals_stay_with_what_is_not_known_missing(deals, raw):
    opened = deals[~deals["is_closed"]]
    left = raw["sales_pipeline"].query("deal_stage in ['Engaging', 'Prospecting']")
    assert len(opened) == len(left) == 2_089
    assert opened["account_id"].isna().sum() == left["account"].isna().sum() == 1_425
    assert opened["created_at"].isna().sum() == left["engage_date"].isna().sum() == 500
    assert opened[["amount", "close_date", "closed_at", "is_won"]].isna().all(axis=None)
    assert opened["stage"].value_counts().to_dict() == {"Engaging": 1_589, "Prospecting": 500}
    assert deals.loc[deals["is_closed"], ["account_id", "created_at", "closed_at"]].notna().all(axis=None)


def test_every_deal_has_a_line_with_a_list_price_and_an_office(book, deals, raw):
    prices = book.read("products").set_index("product_line")["list_price"]
    expected = raw["products"].set_index("product")["sales_price"]
    assert prices.to_dict() == expected.to_dict()
    assert deals["product_line"].isin(prices.index).all()
    assert deals["product_line"].value_counts()["GTX Pro"] == (raw["sales_pipeline"]["product"] == "GTXPro").sum()
    office = raw["sales_teams"].set_index("sales_agent")["regional_office"]
    assert (deals["sales_model"] == deals["owner_id"].map(office)).all()
    assert set(deals["sales_model"]) == {"Central", "East", "West"}


def test_accounts_are_spelled_and_valued_as_meant(book, raw):
    accounts = book.read("accounts").set_index("account_id")
    source = raw["accounts"].set_index("account").loc[accounts.index]
    assert accounts["industry"].tolist() == source["sector"].replace("technolgy", "technology").tolist()
    assert "technolgy" not in set(accounts["industry"])
    assert accounts.loc["Bioholding", "country"] == "Philippines"
    assert accounts.loc["Globex Corporation", "country"] == "Norway"
    assert accounts["annual_revenue"].to_numpy() == pytest.approx(source["revenue"].to_numpy() * 1e6)
    assert accounts["employees"].tolist() == source["employees"].tolist()
    assert accounts["parent_account_id"].dropna().to_dict() == source["subsidiary_of"].dropna().to_dict()
    first = pd.Timestamp(raw["sales_pipeline"]["engage_date"].min(), tz="UTC")
    assert (accounts["created_at"] == first).all()


def test_no_check_fails(book):
    audit = book.audit()
    assert audit.loc[(audit["severity"] == "fail") & (audit["bad"] > 0)].empty
    assert audit.loc[audit["bad"] > 0].empty  # nor does one warn: every account, parent and product is found
    assert book.settings.currency == "USD"


@pytest.mark.parametrize("day", ["2017-03-01", "2017-07-02", "2017-12-31"])
def test_a_deal_is_closed_at_the_end_of_its_closing_day_and_not_before(folder, raw, day):
    expected = (pd.to_datetime(raw["sales_pipeline"]["close_date"]) <= day).sum()
    assert Book.open(folder, as_of=day).read("opportunities")["is_closed"].sum() == expected
    before = dt.date.fromisoformat(day) - dt.timedelta(days=1)
    earlier = (pd.to_datetime(raw["sales_pipeline"]["close_date"]) < day).sum()
    assert Book.open(folder, as_of=before).read("opportunities")["is_closed"].sum() == earlier < expected


def test_the_ledger_names_what_was_respelled_found_and_left_without_account(book):
    said = book.ledger.loc[book.ledger["table"] == "deals", "why"].tolist()
    assert said == [
        "file sales_pipeline.csv",
        "product: 1480 values corrected (first: ['GTXPro'])",
        "no match in products: 0 of 8800 rows with product",
        "no match in teams: 0 of 8800 rows with sales_agent",
        "no match in accounts: 0 of 7375 rows with account",
        "nothing to look up in accounts: 1425 of 8800 rows without account",
    ]


def test_without_its_correction_the_other_spelling_stops_the_import(raw, tmp_path):
    mapping = yaml.safe_load(MAPPING.read_text("utf-8"))
    del mapping["sources"]["deals"]["correct"]
    (tmp_path / "m.yml").write_text(yaml.safe_dump(mapping, sort_keys=False), "utf-8")
    wanted = r"deals: no match in products: 1480 of 8800 rows with product \(first: \['GTXPro'\]\); budget 0\."
    with pytest.raises(TableError, match=wanted):
        mapped.run(mapped.load_mapping(tmp_path / "m.yml"), SOURCE, tmp_path / "book")
    assert not (tmp_path / "book").exists()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Where the pipeline and the executive page leave their tables."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def report(folder, tables):
    """The two notebooks as of the last day."""
    return twins_in_process.run(folder, LAST, tables / "now", ["12", "12b", "15"])


def test_the_report_gives_the_published_figures(report, tables):
    left = [pd.read_parquet(tables / "now" / f"{number}_measures.parquet") for number in ("12", "12b")]
    measures = pd.concat(left)
    whole = measures[measures["group_by"] == "all"].set_index("definition_id")
    assert whole.loc["win_rate_by_count", "n"] == 6_711
    assert round(whole.loc["win_rate_by_count", "value"], 4) == 0.6315
    assert whole.loc["won_value", "value"] == 10_005_534
    assert round(whole.loc["days_to_won_mean", "value"], 1) == 51.8
    assert round(whole.loc["deal_size_mean", "value"]) == 2_361
    assert whole.loc["open_deals", "value"] == 2_089
    assert whole.loc["open_deals_without_account", "value"] == 1_425


def test_open_deals_are_valued_at_list_price_under_a_definition_of_its_own(report, raw, tables):
    price = raw["products"].set_index("product")["sales_price"]
    deals = raw["sales_pipeline"].replace({"product": {"GTXPro": "GTX Pro"}})
    expected = deals.loc[deals["close_date"].isna(), "product"].map(price).sum()
    measures = (
        pd.read_parquet(tables / "now" / "12_measures.parquet").query("group_by == 'all'").set_index("definition_id")
    )
    assert measures.loc["open_value_at_list_price", "value"] == expected
    assert measures.loc["open_value", "status"] == "not_answerable"


def test_sellers_products_and_segments_do_not_differ_and_quarters_do(report):
    # the negative control of this export: only the calendar tells who wins
    page = " ".join(report["12b"].text.split())
    assert "Win rates differ by quarter (p < 0.01)" in page
    assert re.search(
        r"These deals show no difference beyond chance by product line \([^)]+\), segment \([^)]+\)\.",
        page,
    )
    page = " ".join(report["12"].text.split())
    assert "hich open deals are stalled is unknown, as the source has no stage history" in page
    assert "Overdue open deals (for lack of the closing day of open deals)" in page


def test_the_executive_page_says_that_five_quarters_are_too_few_to_judge_the_last_by(report, tables):
    summary = pd.read_parquet(tables / "now" / "15_executive_summary.parquet").set_index("definition_id")
    assert summary.loc["won_value", ["window", "verdict"]].tolist() == ["12 months", "too early"]
    assert "programme/targets.csv" in report["15"].page


def test_pages_do_not_speak_of_votes_people_and_advice_that_these_data_have_not(folder, tables):
    ran = twins_in_process.run(folder, LAST, tables / "early", ["01", "02"])
    assert "vote once on the whole list of target accounts; until then" in ran["02"].text
    assert "accounts again" not in ran["02"].text
    assert "the data have no such evidence" in ran["01"].text  # nobody on a deal
    rows = pd.read_parquet(tables / "early" / "01_decisions.parquet").set_index("slug")
    assert rows.loc["begin_where_suited", "text"].startswith("Begin nowhere yet; market ")
    assert rows["group"].isna().all()  # suited nowhere: no step of an element is advised
    assert rows[["owner", "due"]].notna().all(axis=None)


def test_small_repeated_deals_are_placed_full_and_their_long_cycle_is_told_to_disagree(book, deals):
    told = with_days(deals, book.as_of)
    lines = orders.with_product_line(book.read("transactions"), book.read("products"))
    seen = cycle.buying_evidence(told, book.read("opportunity_contacts"), book.read("contacts"), lines, book.as_of)
    said = cycle.score_evidence(seen, RULES)
    placed = cycle.with_evidence(cycle.assign_cycles(said), said)
    lines = placed[placed["account_id"].isna()].set_index("product_line")
    assert lines.drop("GTK 500")["cycle"].eq("full").all() and lines.loc["GTK 500", "cycle"] == "mid"
    assert lines.drop("GTK 500")["against"].str.contains("cycle_days").all()
    assert lines["missing"].eq("buyers, buyer_level").all()
    own = placed.dropna(subset="account_id")
    assert len(own) == told.groupby(["account_id", "product_line"]).ngroups
    assert own.set_index("product_line").drop("GTK 500")["deal_value"].max() < 10_000
