"""Book on tables small enough to check in the head: what was known when, and what it refuses."""

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from abmlib.tables import Book, NotAnswerable, TableError, schema
from abmlib.tables.fingerprint import fingerprint
from abmlib.tables.source import Source
from tests.conftest import ACCOUNTS, TRANSACTIONS, as_read, put


def ids(frame: pd.DataFrame) -> list[str]:
    return frame.iloc[:, 0].tolist()


def test_a_day_ends_with_the_day_and_late_arrivals_come_when_they_arrived(small):
    # t2 is of the day itself; t3 of the day after; t4 happened before but was learnt ten days later
    assert ids(Book.open(small, "2026-03-31").read("transactions")) == ["t1", "t2"]
    assert ids(Book.open(small, "2026-04-30").read("transactions")) == ["t1", "t2", "t3", "t4"]


def test_the_day_ends_in_the_reporting_time_zone(tmp_path):
    activities = (
        "activity_id,account_id,occurred_at,direction,channel\n"
        "before,acme,2026-06-30T03:59:59Z,inbound,web\n"  # still 29 June in New York
        "after,acme,2026-06-30T04:00:00Z,inbound,web\n"  # midnight in New York: 30 June
    )
    folder = put(tmp_path / "d", accounts=ACCOUNTS, activities=activities)
    (folder / "workbook.yml").write_text("time_zone: America/New_York\n")
    assert ids(Book.open(folder, "2026-06-29").read("activities")) == ["before"]
    assert ids(Book.open(folder, "2026-06-30").read("activities")) == ["after", "before"]


def test_an_offset_in_a_timestamp_is_honoured(tmp_path):
    text = "activity_id,occurred_at,direction,channel\na,2026-01-01T00:30:00+02:00,inbound,web\n"
    folder = put(tmp_path / "d", accounts=ACCOUNTS, activities=text)
    assert Book.open(folder, "2026-01-02").read("activities").occurred_at[0] == pd.Timestamp("2025-12-31T22:30Z")


def test_a_table_comes_to_spec_with_every_column(small):
    accounts = Book.open(small, "2026-06-30").read("accounts")
    assert accounts.columns.tolist() == as_read("accounts").columns.tolist()
    assert accounts.source_system.tolist() == ["unknown"] * 3


def test_status_and_first_won_at_come_from_facts_known_on_the_day(small):
    then = Book.open(small, "2025-02-28").read("accounts").set_index("account_id")
    assert then.status.to_dict() == {"acme": "customer"}  # beta is not created yet
    now = Book.open(small, "2027-04-02").read("accounts").set_index("account_id")
    # acme bought last on 2026-03-31, more than 365 days ago; beta on 2026-04-01, 366 days ago; late never
    assert now.status.to_dict() == {"acme": "former", "beta": "former", "late": "prospect"}
    assert now.first_won_at["acme"] == pd.Timestamp("2025-02-01", tz="UTC")
    assert Book.open(small, "2026-06-30").read("accounts").status.tolist() == ["customer", "customer", "prospect"]


def test_current_only_values_are_missing_in_a_back_dated_book(small):
    assert Book.open(small, "2026-04-01").read("accounts").employees.tolist() == [50, 20]  # no fact is dated later
    assert Book.open(small, "2026-03-01").read("accounts").employees.isna().all()


def test_a_case_is_open_until_the_day_it_was_closed(small):
    text = "case_id,account_id,opened_at,closed_at,priority\nq,acme,2026-01-01T00:00:00Z,2026-04-01T00:00:00Z,high\n"
    put(small, cases=text)
    (before,), (after,) = (Book.open(small, d).read("cases").to_dict("records") for d in ("2026-03-31", "2026-04-01"))
    assert pd.isna(before["closed_at"])
    assert after["closed_at"] == pd.Timestamp("2026-04-01", tz="UTC")
    assert pd.isna(before["priority"])  # as it is now: it may have been raised since
    assert after["priority"] == "high"  # of the latest day


def test_an_estimate_that_nobody_dated_is_known_on_the_latest_day_only(small):
    put(small, wallet_estimates="account_id,product_line,mid,method,known_at\nacme,p,9,guess,\nbeta,p,7,guess,2026-01-01T00:00:00Z\n")  # fmt: skip
    assert Book.open(small, "2026-03-31").read("wallet_estimates")["account_id"].tolist() == ["beta"]
    assert Book.open(small, "2026-04-01").read("wallet_estimates")["account_id"].tolist() == ["acme", "beta"]


def test_attribute_history_dates_a_current_only_value(small):
    put(
        small,
        attribute_history="table,row_id,field,value,known_from\n"
        "accounts,acme,employees,40,2025-06-01T00:00:00Z\n"
        "accounts,acme,employees,45,2026-02-01T00:00:00Z\n"
        "accounts,acme,employees,60,2026-12-01T00:00:00Z\n",
    )
    got = Book.open(small, "2026-03-01").read("accounts").set_index("account_id").employees
    assert got["acme"] == 45
    assert pd.isna(got["beta"])


@pytest.fixture
def deals(tmp_path):
    opportunities = (
        "opportunity_id,account_id,stage,amount,created_at,close_date,closed_at,is_closed,is_won\n"
        "won,acme,Won,120,2026-01-05T00:00:00Z,2026-03-10,2026-03-10T09:00:00Z,true,true\n"
        "undated,acme,Lost,10,,,,true,false\n"
        "open,beta,Proposal,80,2026-02-01T00:00:00Z,2026-09-01,,false,\n"
    )
    history = (
        "opportunity_id,entered_at,seq,stage,amount,close_date\n"
        "won,2026-01-05T00:00:00Z,0,Lead,90,2026-04-01\n"
        "won,2026-02-10T00:00:00Z,0,Proposal,,\n"  # the amount did not change
        "won,2026-02-10T00:00:00Z,1,Negotiation,100,2026-03-01\n"  # later change of the same moment
        "won,2026-03-10T09:00:00Z,0,Won,120,2026-03-10\n"
    )
    return put(tmp_path / "d", accounts=ACCOUNTS, opportunities=opportunities, opportunity_stage_history=history)


def test_a_deal_has_the_stage_amount_and_closing_day_it_had_then(deals):
    then = Book.open(deals, "2026-02-15").read("opportunities").set_index("opportunity_id")
    assert then.loc["won", ["stage", "amount"]].tolist() == ["Negotiation", 100]
    assert then.close_date["won"] == pd.Timestamp("2026-03-01")
    assert not then.is_closed["won"]
    assert pd.isna(then.is_won["won"])
    # no history: what it was then cannot be known; never closed on a date nobody gave
    assert then.stage["open"] == "unknown"
    assert "undated" not in then.index


def test_the_latest_day_shows_deals_as_they_are(deals):
    now = Book.open(deals, "2026-06-30").read("opportunities").set_index("opportunity_id")
    assert now.stage.to_dict() == {"won": "Won", "undated": "Lost", "open": "Proposal"}
    assert now.is_won["won"]
    assert now.is_closed["undated"]
    assert now.amount["open"] == 80


def test_the_latest_day_is_that_of_the_newest_fact_a_closing_included(deals):
    assert str(Source(deals).latest_day()) == "2026-03-10"  # the won deal was closed after all were opened


def test_a_closing_on_an_impossible_day_is_of_no_day_and_the_deal_stays_closed(deals):
    file = deals / "opportunities.csv"
    file.write_text(file.read_text("utf-8").replace("2026-03-10T", "9999-12-31T"), "utf-8")
    assert str(Source(deals).latest_day()) == "2026-03-10"  # of the last change of a stage
    now = Book.open(deals, "2026-06-30").read("opportunities").set_index("opportunity_id")
    assert now.is_closed["won"] and now.is_won["won"] and pd.isna(now.closed_at["won"])
    assert now.is_closed["undated"] and not now.is_closed["open"]


def test_an_absent_table_is_empty_to_spec(small):
    surveys = Book.open(small, "2026-06-30").read("surveys")
    assert surveys.empty
    assert surveys.dtypes.equals(as_read("surveys").dtypes)


def test_need_leaves_empty_tables_and_says_what_to_export(small, tmp_path):
    book = Book.open(small, "2026-06-30", tmp_path / "tables")
    with pytest.raises(
        NotAnswerable, match=r"nothing known in activities by 30 June 2026. Export activities \(one row per touch"
    ):
        book.need("transactions", "activities", writes=["03_key_accounts"])
    assert book.earlier("03_key_accounts").empty


def test_the_ledger_counts_rows_known_only_later(small):
    ledger = Book.open(small, "2026-03-31").ledger.set_index("table")
    assert ledger.loc["transactions", ["rows_in", "rows_out", "rows_lost"]].tolist() == [4, 2, 2]
    assert ledger.loc["accounts", "rows_lost"] == 1


def test_written_tables_come_back_to_later_notebooks_with_decisions_and_measures(small, tmp_path):
    book = Book.open(small, "2026-06-30", tmp_path / "tables")
    worth = pd.Series({"beta": 2.0, "acme": 1.0})
    book.decide("call", kind="sell", text="Call them", accounts=["acme", "beta"], moves=worth, would_change="x")
    book.decide("hire", kind="sell", text="Hire", moves=5.0, would_change="y")
    book.measure(pd.DataFrame({"measure_id": ["C-38"], "definition_id": ["d"], "value": [0.5], "unit": ["share"],
                               "n": [3], "status": ["ok"]}))  # fmt: skip
    book.write("01_cycles", schema.empty("01_cycles"))
    later = Book.open(small, "2026-06-30", tmp_path / "tables")
    got = later.earlier("decisions")
    assert got.slug.tolist() == ["call", "call", "hire"]
    assert got.moves.tolist() == [1.0, 2.0, 5.0]
    assert got.notebook.unique().tolist() == ["01"]
    assert later.earlier("measures").as_of.tolist() == [pd.Timestamp("2026-06-30")]
    assert not list((tmp_path / "tables").glob("*.tmp"))


def test_a_decision_about_no_account_is_no_decision(small):
    book = Book.open(small, "2026-06-30")
    book.decide("call", kind="sell", text="Call them", accounts=[])
    assert book.decisions.empty


def test_a_decision_said_again_stands_as_it_was_said_last_in_the_place_it_had(small):
    book = Book.open(small, "2026-06-30")
    book.decide("call", kind="sell", text="Call 2 accounts", accounts=["acme", "beta"])
    book.decide("hire", kind="sell", text="Hire")
    book.decide("call", kind="sell", text="Call 1 account", accounts=["late"])  # the cell run again, after a change
    assert book.decisions.slug.tolist() == ["call", "hire"]
    assert book.decisions.text.tolist() == ["Call 1 account", "Hire"]
    assert book.decisions.account_id.tolist()[0] == "late"
    book.decide("call", kind="sell", text="Call", only_if=False)
    assert book.decisions.slug.tolist() == ["hire"]


@pytest.mark.parametrize("slug", ["Call", "call them", "call__them", "call_", "2_calls", "call-them", "", "call\n"])
def test_a_decision_without_a_name_of_words_joined_by_underscores_is_refused(small, slug):
    with pytest.raises(ValueError, match="slug must be lower-case words joined by underscores, such as start_now, got"):
        Book.open(small, "2026-06-30").decide(slug, kind="sell", text="Call them")


def test_a_duckdb_file_reads_like_a_folder(small, tmp_path):
    file = tmp_path / "book.duckdb"
    with duckdb.connect(file) as con:
        for name in ("accounts", "transactions"):
            con.execute(f"create table {name} as from read_csv('{small / name}.csv')")
    for name in ("accounts", "transactions"):
        pd.testing.assert_frame_equal(
            Book.open(file, "2026-06-30").read(name), Book.open(small, "2026-06-30").read(name)
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accounts": "account_id,created_at\nacme,2025-01-01\n"}, r"accounts: missing column\(s\) \['name'\]; the table has"),
        ({"accounts": ACCOUNTS + "acme,Twin,2025-01-01T00:00:00Z,1,\n"}, r"one row per account_id: broken in 2 of 4 rows \(first: acme, acme\)"),
        ({"transactions": TRANSACTIONS + "t5,acme,p,31/12/2025,5,purchase,\n"}, r"1 of 5 values of booked_at do not read as date \(first: \['31/12/2025'\]\)"),
        ({"transactions": TRANSACTIONS + 't5,acme,p,2025-12-31,"1.000,50",purchase,\n'}, r"1 of 5 values of revenue do not read as money"),
        ({"transactions": TRANSACTIONS + "t5,acme,p,2025-12-31,5,gift,\n"}, r"kind has a known value: broken in 1 of 5 rows \(first: t5\). Map kind to one of"),
        ({"transactions": TRANSACTIONS + "t5,,p,2025-12-31,5,purchase,\n"}, r"account_id is filled: broken in 1 of 5 rows \(first: t5\)"),
    ],
)  # fmt: skip
def test_it_refuses_what_is_not_to_spec(small, change, says):
    put(small, **change)
    with pytest.raises(TableError, match=says):
        for name in ("accounts", "transactions"):
            Book.open(small, "2026-06-30").read(name)


def test_it_refuses_a_place_without_accounts_or_facts(tmp_path):
    with pytest.raises(TableError, match="nowhere is not there"):
        Book.open(tmp_path / "nowhere", "2026-06-30")
    with pytest.raises(TableError, match="no accounts table; found"):
        Book.open(put(tmp_path / "a", transactions=TRANSACTIONS), "2026-06-30")
    with pytest.raises(TableError, match="none of transactions, opportunities, activities"):
        Book.open(put(tmp_path / "b", accounts=ACCOUNTS), "2026-06-30")
    with pytest.raises(ValueError, match="as_of must be latest-data or a day"):
        Book.open(tmp_path, "end of June")


def test_it_refuses_an_unknown_setting(small):
    (small / "workbook.yml").write_text("curency: EUR\n")
    with pytest.raises(
        TableError, match=r"workbook.yml: curency is unknown; it may have \['title', .*Correct the file"
    ):
        Book.open(small, "2026-06-30")


def test_it_refuses_to_leave_a_table_that_is_not_to_spec(small, tmp_path):
    book = Book.open(small, "2026-06-30", tmp_path / "t")
    with pytest.raises(TableError, match=r"01_cycles: missing column\(s\)"):
        book.write("01_cycles", pd.DataFrame({"account_id": ["acme"]}))
    assert not (tmp_path / "t" / "01_cycles.parquet").exists()


def test_a_csv_of_another_encoding_is_refused_in_one_sentence(small):
    (small / "accounts.csv").write_bytes(ACCOUNTS.replace("Beta", "Bétà").encode("cp1252"))
    with pytest.raises(TableError, match="accounts: accounts.csv is not utf-8: line 3 has bytes that are no text"):
        Book.open(small, "2026-06-30").read("accounts")


def test_the_audit_lists_what_holds_and_what_does_not(small):
    put(small, transactions=TRANSACTIONS + "t1,ghost,p,2025-12-31,5,gift,\n")
    audit = Book.open(small, "2026-06-30").audit().set_index(["table", "check"])
    assert audit.loc[("transactions", "one row per transaction_id"), ["bad", "severity"]].tolist() == [2, "fail"]
    assert audit.loc[("transactions", "account_id is found in accounts"), "bad"] == 1
    assert audit.loc[("transactions", "kind has a known value"), ["bad", "first"]].tolist() == [1, "t1"]
    assert audit.loc[("accounts", "one row per account_id"), "bad"] == 0


def queries_of_an_audit(folder: Path) -> int:
    source = Source(folder)
    for name in source.names:
        source.typed(name)  # made ready before
    source.con.raw_sql("CALL enable_logging('QueryLog')")
    source.audit()
    return len(source.con.raw_sql("SELECT message FROM duckdb_logs WHERE type = 'QueryLog'").fetchall()) - 1


def test_an_audit_asks_twice_of_a_table_however_many_its_checks_and_once_more_for_each_that_is_broken(small):
    before = queries_of_an_audit(small)
    assert before <= 2 * 2  # tables
    put(small, products="product_id,name\np,Pump\n", transactions=TRANSACTIONS + "t1,acme,p,2026-03-31,5,gift,\n")
    assert queries_of_an_audit(small) <= before + 2 + 2  # a table, and two broken checks
    assert len(Book.open(small, "2026-06-30").audit()) > 10


def test_a_number_that_is_no_count_does_not_read_as_one(small):
    put(small, accounts=ACCOUNTS + "more,More,2025-01-01T00:00:00Z,inf,\nmost,Most,2025-01-01T00:00:00Z,1e30,\n")
    audit = Book.open(small, "2026-06-30").audit().set_index(["table", "check"])
    assert audit.loc[("accounts", "employees reads as its kind"), "bad"] == 2


def test_no_measure_is_nothing_noted_and_no_failure(small, tmp_path):
    book = Book.open(small, "2026-06-30", tmp_path / "t")
    assert book.measure(pd.DataFrame()).columns.tolist() == list(schema.MEASURES.columns)
    assert book.measures.empty


def test_measures_are_noted_alike_as_a_table_or_row_by_row(small, tmp_path):
    one, other = (Book.open(small, "2026-06-30", tmp_path / name) for name in "ab")
    rows = noted(("rate", None, "b", 0.1), ("size", None, "all", 5))
    assert one.measure(rows).equals(other.measure(rows.to_dict("records")))
    assert one.measures.equals(other.measures)
    assert one.measure([]).empty


def noted(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["definition_id", "window_start", "group", "value"])
    return frame.assign(
        measure_id="C-2", unit="share", n=3, status="ok", window_start=pd.to_datetime(frame["window_start"])
    )


def test_a_measure_noted_again_stands_as_it_was_noted_last_in_the_place_it_had(small):
    book = Book.open(small, "2026-06-30")
    book.measure(noted(("rate", None, "b", 0.1), ("rate", None, "a", 0.2), ("size", None, "all", 5)))
    book.measure(
        noted(("rate", None, "a", 0.4), ("rate", "2026-01-01", "a", 0.3))
    )  # a window of its own is another row
    assert book.measures.value.tolist() == [0.1, 0.4, 5, 0.3]
    again = noted(("rate", None, "a", 0.5)).assign(as_of=book.as_of)  # the day said, or left to the book
    assert book.measure(again).value.tolist() == [0.5]
    assert book.measures.value.tolist() == [0.1, 0.5, 5, 0.3]
    pd.testing.assert_frame_equal(book.measures, schema.conform("measures", book.measures))


def test_a_measure_twice_in_one_call_is_refused_and_nothing_is_noted(small):
    book = Book.open(small, "2026-06-30")
    with pytest.raises(TableError, match="2 of 2 rows share a key"):
        book.measure(noted(("rate", None, "a", 0.1), ("rate", None, "a", 0.2)))
    assert book.measures.empty


# -- tables of another day, other data or another parameter -----------------------------------------------------------


@pytest.fixture
def run_by_hand(small, tmp_path):
    """Run a notebook, in so far as it leaves a table; give its book."""
    tables = {"01": "01_cycles", "03": "03_key_accounts", "12": "12_opportunity_flags", "15": "15_executive_summary"}

    def run(number: str, as_of: str = "2026-06-30", data: Path = small, **shared: object) -> Book:
        book = Book.open(data, as_of, tmp_path / "tables", **shared)
        book.need("accounts", writes=[tables[number]])
        book.measure(noted((number, None, "all", 1)))
        book.write(tables[number], schema.empty(tables[number]))
        return book

    return run


@pytest.mark.parametrize(
    ("earlier", "now", "said"),
    [
        ({"as_of": "2026-12-31"}, {}, "as_of was 2026-12-31 and is 2026-06-30 here"),
        ({"margin": 0.3}, {"margin": 0.2}, "margin was 0.3 and is 0.2 here"),
        ({"roles": ["buyer"]}, {"roles": ["user"]}, r"roles was \['buyer'\] and is \['user'\] here"),
    ],
)
def test_a_table_of_another_day_or_parameter_is_refused_by_its_reader(run_by_hand, earlier, now, said):
    run_by_hand("03", **earlier)
    book = run_by_hand("12", **now)
    with pytest.raises(TableError, match=rf"^03_key_accounts: {said}\. Run 03 again\.$"):
        book.earlier("03_key_accounts")
    run_by_hand("03", **now)
    assert book.earlier("03_key_accounts").empty


def test_a_table_of_other_data_is_refused_and_of_the_same_data_elsewhere_is_not(run_by_hand, small, tmp_path):
    run_by_hand("03", data=Path(shutil.copytree(small, tmp_path / "copy")))
    assert run_by_hand("12").earlier("03_key_accounts").empty
    (small / "transactions.csv").write_text(TRANSACTIONS.replace("100", "101"))
    with pytest.raises(TableError, match=r"^03_key_accounts: data_fingerprint was \w{16} and is \w{16} here\."):
        run_by_hand("12").earlier("03_key_accounts")


def test_a_table_belongs_to_the_data_that_its_book_was_opened_on(small, tmp_path):
    book = Book.open(small, "2026-06-30", tmp_path / "tables")
    (small / "transactions.csv").write_text(TRANSACTIONS.replace("100", "101"))  # while the notebook is open
    book.write("03_key_accounts", schema.empty("03_key_accounts"))
    with pytest.raises(TableError, match=r"^03_key_accounts: data_fingerprint was"):
        Book.open(small, "2026-06-30", tmp_path / "tables").earlier("03_key_accounts")


def test_a_parameter_that_only_one_of_them_has_is_no_reason_to_refuse(run_by_hand):
    run_by_hand("03", margin=0.3, roles=["buyer"])
    assert run_by_hand("12", margin=0.3, capacity=5).earlier("03_key_accounts").empty


def test_who_gathers_names_the_notebooks_to_run_again(run_by_hand):
    for number, day in [("01", "2026-12-31"), ("03", "2026-06-30"), ("12", "2026-11-30")]:
        run_by_hand(number, day)
    book = run_by_hand("15")
    for name in ("measures", "decisions"):
        with pytest.raises(
            TableError, match=rf"^{name}: 2 of 3 notebooks left theirs for another day, .* Run 01, 12 again\."
        ):
            book.earlier(name)
    run_by_hand("01")
    run_by_hand("12")
    assert book.earlier("measures").definition_id.tolist() == ["01", "03", "12"]


def test_what_later_notebooks_and_the_notebook_itself_left_is_not_gathered(run_by_hand):
    for number in ("03", "12", "15"):
        run_by_hand(number, "2026-12-31")  # 12 and 15 have not been run again
    run_by_hand("03")
    assert run_by_hand("12").earlier("measures").definition_id.tolist() == ["03"]


def test_tables_of_another_run_may_be_of_any_day(run_by_hand, tmp_path):
    run_by_hand("03", "2026-03-31", margin=0.3)
    book = run_by_hand("12", margin=0.2)
    assert book.earlier("03_key_accounts", tables=tmp_path / "tables").empty
    assert book.earlier("measures", tables=tmp_path / "tables").definition_id.tolist() == ["03", "12"]


def test_a_table_that_does_not_say_what_it_was_made_from_is_refused(run_by_hand, tmp_path):
    book = run_by_hand("12")
    schema.empty("03_key_accounts").to_parquet(tmp_path / "tables" / "03_key_accounts.parquet")
    with pytest.raises(TableError, match=r"^03_key_accounts: does not say what it was made from\. Run 03 again\.$"):
        book.earlier("03_key_accounts")


def test_the_fingerprint_changes_with_what_people_enter_and_not_with_the_cache(small):
    before = fingerprint(small)
    (small / ".abm_cache" / "deep").mkdir(parents=True)
    (small / ".abm_cache" / "deep" / "accounts.parquet").write_text("made from the data")
    assert fingerprint(small) == before
    put(small / "programme", targets="period\n2026\n")
    assert fingerprint(small) != before
