"""A log of changed fields becomes the history of deals, and further columns become attributes; worked by hand."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from abmlib.tables import Book, TableError, people
from abmlib.tables.importers import mapped
from tests.test_mapped import Export

DEALS = (
    "Id,Made,Stage,Amount,Close,Won,Rating,Note\n"
    "a,2026-01-01,Won,30,2026-03-01,yes,Hot,\n"
    "b,2026-01-05,Open,7,2026-09-01,,,late\n"
    "c,2026-01-06,Open,5,2026-09-01,,Cold,\n"  # no log
)
LOG = (
    "Deal,Field,Old,New,At\n"
    "a,StageName,Proposal,Won,2026-03-01 10:00:00\n"
    "a,StageName,Open,Proposal,2026-03-01 10:00:00\n"  # of one moment, written newest first
    "a,created,,,2026-01-01 09:00:00\n"
    "a,Amount,10,30,2026-02-01 09:00:00\n"
    "a,Owner,x,y,2026-02-02 09:00:00\n"  # no column of ours
    "b,created,,,2026-01-05 09:00:00\n"
)
COLUMNS = {
    "opportunity_id": "Id",
    "stage": {"column": "Stage", "map": {"Open": "1 Open", "Proposal": "2 Proposal", "Won": "3 Won"}},
    "amount": "Amount",
    "close_date": "Close",
    "created_at": "Made",
    "is_closed": {"column": "Won", "map": {"yes": True, "": False}},
    "is_won": "Won",
    "closed_at": {"sql": "case when Won = 'yes' then \"Close\" end"},
}
CHANGES = {"field": "Field", "old": "Old", "new": "New", "created": "created", "stage": "StageName", "amount": "Amount"}
CHANGES |= {"close_date": "CloseDate"}
TABLES = {
    "accounts": {"columns": {"account_id": "Id", "name": "Id", "created_at": "Made"}},
    "opportunities": {"columns": COLUMNS},
    "opportunity_stage_history": {
        "from": "log",
        "changes": CHANGES,
        "columns": {"opportunity_id": "Deal", "entered_at": "At"},
    },
}


@pytest.fixture
def export(tmp_path):
    return Export(tmp_path).holds(DEALS).holds(LOG, "log.csv")


def sources(**log: object) -> dict:
    zone = {"time_zone": "UTC"}
    return {"lines": {"file": "lines.csv"} | zone, "log": {"file": "log.csv"} | zone | log}


def history(export, tables=TABLES, **log: object) -> pd.DataFrame:
    export.run(tables, sources=sources(**log))
    return pq.read_table(export.to / "opportunity_stage_history.parquet").to_pandas().set_index("opportunity_id")


def test_each_moment_has_all_values_as_they_were_from_then_on(export):
    got = history(export).loc["a"].sort_values("entered_at")
    assert got["stage"].tolist() == [
        "1 Open",
        "1 Open",
        "3 Won",
    ]  # changed from Open; the last of one moment, read as deals are
    assert got["amount"].tolist() == [10, 30, 30]
    assert got["changed_field"].tolist() == ["created", "amount", "stage"]


def test_a_logged_field_that_never_changed_has_the_value_of_today_and_one_that_is_not_logged_has_none(export):
    got = history(export)
    assert got.loc["b", ["stage", "amount"]].tolist() == ["1 Open", 7]
    assert got["close_date"].isna().all()  # no change of any deal is logged: it is not tracked
    assert "c" not in got.index  # nothing is known of its past


def test_what_the_log_holds_of_other_fields_is_counted(export):
    ledger = export.run(TABLES, sources=sources()).query("step == 'changes'")
    assert ledger[["rows_in", "rows_out", "rows_lost"]].to_numpy().tolist() == [[6, 5, 1]]
    assert "Owner" in ledger["why"].item()


def test_a_log_without_old_values_knows_a_field_from_its_first_row_on(export):
    export.holds(
        "Deal,Field,New,At\n"
        "b,amount,3,2026-01-05 09:00:00\n"  # before any stage is known
        "b,dealstage,Open,2026-01-06 09:00:00\n"
        "b,amount,7,2026-01-07 09:00:00\n",
        "log.csv",
    )
    names = {"field": "Field", "new": "New", "stage": "DealStage", "amount": "amount"}  # capitals do not count
    tables = TABLES | {"opportunity_stage_history": TABLES["opportunity_stage_history"] | {"changes": names}}
    got = history(export, tables)
    assert got["stage"].tolist() == ["1 Open", "1 Open"]
    assert got["amount"].tolist() == [3, 7]


def test_stages_are_looked_up_as_the_deals_look_them_up(export):
    export.holds("Id,Name\nOpen,First\nProposal,Second\nWon,Last\n", "stages.csv")
    whole = sources() | {"stages": {"file": "stages.csv"}}
    whole["lines"]["join"] = {"stages": {"by": {"Stage": "Id"}, "budget": 0}}
    deals = {"columns": COLUMNS | {"stage": "stages.Name"}}
    export.run(TABLES | {"opportunities": deals}, sources=whole)
    got = pq.read_table(export.to / "opportunity_stage_history.parquet").to_pandas()
    assert set(got["stage"]) == {"First", "Last"}


def test_a_change_that_does_not_read_stops_the_import(export):
    export.holds(LOG.replace("10,30", "10,much"), "log.csv")
    with pytest.raises(TableError, match=r"opportunity_stage_history: amount: 2 of 4 values do not read as a number"):
        history(export)


def test_book_gives_a_deal_as_the_log_says_it_was(export):
    history(export)
    then = Book.open(export.to, "2026-02-15").read("opportunities").set_index("opportunity_id")
    assert then.loc["a", ["stage", "amount"]].tolist() == ["1 Open", 30]
    assert not then.loc["a", "is_closed"]
    assert then.loc["c", "stage"] == "unknown"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"one_row_per": ["opportunity_id"]}, "is for opportunity_stage_history, from one source, without one_row_per"),
        (
            {"columns": {"opportunity_id": "Deal", "entered_at": "At", "seq": {"value": 1}}},
            r"\['seq'\] are made from the changes",
        ),
    ],
)
def test_changes_that_cannot_be_made_are_refused(export, change, message):
    tables = TABLES | {"opportunity_stage_history": TABLES["opportunity_stage_history"] | change}
    with pytest.raises(ValueError, match=message):
        export.mapping(tables, sources=sources())


def test_row_versions_of_a_whole_record_need_plain_columns_only(export):
    export.holds(
        "id,stage,amount,_fivetran_start\na,Open,10,2026-01-01 09:00:00\na,Won,30,2026-03-01 10:00:00\n", "log.csv"
    )
    columns = {"opportunity_id": "id", "entered_at": "_fivetran_start", "stage": "stage", "amount": "amount"}
    got = history(export, TABLES | {"opportunity_stage_history": {"from": "log", "columns": columns}})
    assert got["amount"].tolist() == [10, 30]


# -- attributes -------------------------------------------------------------------------------------------------------


def with_attributes(**attributes: str) -> dict:
    tables = {n: t for n, t in TABLES.items() if n != "opportunity_stage_history"}
    return tables | {"opportunities": {"columns": COLUMNS, "attributes": attributes}}


def test_further_columns_become_attributes_and_a_missing_value_no_row(export):
    export.run(with_attributes(Rating="today", Note="fixed"), sources={"lines": sources()["lines"]})
    got = pq.read_table(export.to / "attributes.parquet").to_pandas()
    assert got[["table", "row_id", "name", "value"]].to_numpy().tolist() == [
        ["opportunities", "a", "Rating", "Hot"],
        ["opportunities", "b", "Note", "late"],
        ["opportunities", "c", "Rating", "Cold"],
    ]
    assert got["known_from"].notna().tolist() == [False, True, False]
    then = Book.open(export.to, "2026-01-31").read("attributes")
    assert then["value"].tolist() == ["late"]


def test_what_is_known_at_close_is_dated_by_the_closing_day_and_says_so(export):
    tables = with_attributes(Rating="at_close", Note="fixed")
    tables["opportunities"]["columns"] = COLUMNS | {"closed_at": {"sql": "case when Id <> 'c' then '2026-03-01' end"}}
    export.run(tables, sources={"lines": sources()["lines"]})
    got = pq.read_table(export.to / "attributes.parquet").to_pandas().set_index(["row_id", "name"])
    assert got["declared"].to_dict() == {
        ("a", "Rating"): "at_close",
        ("b", "Note"): "fixed",
        ("c", "Rating"): "at_close",
    }
    assert got.loc[("a", "Rating"), "known_from"] == pd.Timestamp("2026-03-01", tz="UTC")
    assert pd.isna(got.loc[("c", "Rating"), "known_from"])  # still open


def test_deals_without_any_day_may_have_fixed_attributes(export):
    tables = with_attributes(Rating="fixed")
    dateless = {c: v for c, v in COLUMNS.items() if c not in ("created_at", "closed_at", "close_date")}
    tables["opportunities"]["columns"] = dateless
    export.run(tables, sources={"lines": sources()["lines"]})
    got = pq.read_table(export.to / "attributes.parquet").to_pandas()
    assert got["declared"].tolist() == ["fixed", "fixed"]


def test_several_tables_give_attributes_and_a_keep_counts_once(export):
    tables = with_attributes(Rating="today")
    tables["accounts"] = tables["accounts"] | {"attributes": {"Note": "today"}}
    tables["opportunities"] = tables["opportunities"] | {
        "keep": [{"where": "Id <> 'c'", "why": "a test", "budget": 0.5}]
    }
    ledger = export.run(tables, sources={"lines": sources()["lines"]})
    got = pq.read_table(export.to / "attributes.parquet").to_pandas()
    assert got[["table", "value"]].to_numpy().tolist() == [["accounts", "late"], ["opportunities", "Hot"]]
    assert ledger["rows_lost"].sum() == 1


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("accounts", {"one_row_per": ["account_id"], "attributes": {"Note": "today"}}, "one_row_per makes several rows one"),
        ("products", {"columns": {"product_id": "Id", "name": "Id"}, "attributes": {"Note": "fixed"}}, r"\['Note'\] need the time"),
        ("attributes", {"columns": {"table": "Id", "row_id": "Id", "name": "Id"}}, "other tables of the mapping give attributes too"),
        ("accounts", {"attributes": {"Note": "at_close"}}, r"\['Note'\] are said to be known at close, and only a deal closes"),
        ("accounts", {"attributes": {"Note": "yes"}}, "attributes.Note"),
    ],
)  # fmt: skip
def test_attributes_that_cannot_be_made_are_refused(export, table, change, message):
    tables = with_attributes(Rating="today")
    with pytest.raises(ValueError, match=message):
        export.mapping(tables | {table: tables.get(table, {}) | change}, sources={"lines": sources()["lines"]})


def test_what_is_hashed_elsewhere_is_no_attribute(export):
    contacts = {"columns": {"contact_id": {"column": "Note", "hash": True}, "created_at": "Made"}}
    with pytest.raises(ValueError, match=r"opportunities.attributes: \['Note'\] are hashed elsewhere"):
        export.mapping(with_attributes(Note="today") | {"contacts": contacts}, sources={"lines": sources()["lines"]})


def test_what_is_said_of_a_forgotten_person_is_not_imported_again(export):
    people_of = {"columns": {"lead_id": "Id", "created_at": "Made"}, "attributes": {"Rating": "today"}}
    mapping = export.mapping(
        with_attributes(Rating="today") | {"leads": people_of}, sources={"lines": sources()["lines"]}
    )
    key = b"0123456789abcdef"
    mapped.run(mapping, export.source, export.to, key, [people.person_hash("a", key)])
    got = pq.read_table(export.to / "attributes.parquet").to_pandas()
    assert got[["table", "row_id"]].to_numpy().tolist() == [
        ["opportunities", "a"],
        ["opportunities", "c"],
        ["leads", "c"],
    ]
    assert pq.read_table(export.to / "leads.parquet")["lead_id"].to_pylist() == ["b", "c"]


def test_what_a_log_changed_besides_is_named_only_where_it_looks_like_a_name(export):
    export.holds(
        LOG + f"a,ann@secret.example,1,2,2026-02-03 09:00:00\na,{'long ' * 9},1,2,2026-02-03 09:00:00\n", "log.csv"
    )
    steps = export.run(TABLES, sources=sources())
    (why,) = steps.query("step == 'changes'")["why"].head(1)
    assert why == "one row per moment; other fields: Owner, 2 more"


def test_a_log_about_none_of_the_named_fields_is_refused(export):
    tables = TABLES | {"opportunity_stage_history": TABLES["opportunity_stage_history"] | {
        "changes": {"field": "Field", "new": "New", "stage": "Phase"}}}  # fmt: skip
    with pytest.raises(
        TableError, match="none of 6 rows of log is about a field .* Field has Amount, Owner, StageName, 1 more"
    ):
        export.run(tables, sources=sources())


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("opportunity_stage_history", {"changes": CHANGES | {"amount": ["Sum", "stagename"]}}, r"\['stagename'\] are given for several"),
        ("opportunities", {"columns": COLUMNS | {"opportunity_id": "_nth"}}, r"_nth counts rows of one key. Write key: \[_nth\]"),
    ],
)  # fmt: skip
def test_words_of_a_mapping_that_would_give_wrong_rows_are_refused(export, table, change, message):
    with pytest.raises(ValueError, match=message):
        export.mapping(TABLES | {table: TABLES[table] | change}, sources=sources())


def test_addresses_are_counted_by_an_import_and_pages_show_what_is_before_the_at_sign(export):
    export.holds(DEALS.replace("Hot", "ann@one.example").replace("Cold", "ann@two.example"))
    deals = {"columns": COLUMNS | {"owner_id": "Rating"}, "attributes": {"Rating": "today"}}
    steps = export.run(TABLES | {"opportunities": deals}, sources=sources()).query("step == 'addresses'")
    said = "2 values are e-mail addresses; pages show what is before @, which is the same for some of the 2"
    assert [*zip(steps["table"], steps["why"], strict=True)] == [
        ("opportunities", f"owner_id: {said}"),
        ("attributes", f"value: {said}"),
    ]
    book = Book.open(export.to, "2026-06-30", people=True)
    assert book.read("opportunities")["owner_id"].dropna().unique().tolist() == ["ann"]
    assert book.read("attributes")["value"].unique().tolist() == ["ann"]


def test_an_address_as_the_id_of_a_deal_is_refused_unless_it_is_hashed(export):
    export.holds(DEALS.replace("\na,", "\nann@one.example,"))
    with pytest.raises(TableError, match="opportunity_id: 1 of 3 values are e-mail addresses .* hash: true"):
        export.run({"opportunities": TABLES["opportunities"]}, sources={"lines": sources()["lines"]})
