"""Leads and attributes: what was known of them on a day, and the rights of the people they are about."""

import re

import duckdb
import pandas as pd
import pytest

from abmlib.tables import Book, people, redact, removal
from abmlib.tables.importers import mapped
from abmlib.tables.source import Source
from tests.conftest import TRANSACTIONS, abm, put

ACCOUNTS = (
    "account_id,name,domain,created_at,is_duplicate_of\n"
    "acme,Acme,,2025-01-01T00:00:00Z,\n"
    "acme2,Acme again,,2025-01-01T00:00:00Z,acme\n"
    "beta,Beta,,2025-01-01T00:00:00Z,\n"
)
CONTACTS = (
    "contact_id,account_id,full_name,opted_out,created_at\n"
    "c1,acme,Ann Quill,true,2025-06-01T00:00:00Z\n"
    "c2,beta,Bo Li,false,2025-06-01T00:00:00Z\n"
    "L3,,Cy Ray,false,2025-06-01T00:00:00Z\n"  # a lead that is a contact without an account too
)
LEADS = (
    "lead_id,created_at,source,status,account_id,contact_id,opportunity_id,converted_at\n"
    "L1,2025-05-01T00:00:00Z,Web,Converted,acme,c1,o1,2026-05-01T00:00:00Z\n"  # its contact opted out
    "L2,2025-05-01T00:00:00Z,Web,Converted,acme2,c2,,2025-06-01T00:00:00Z\n"
    "L3,2025-05-01T00:00:00Z,Fair,Open,,,,\n"
    "L4,2026-06-01T00:00:00Z,Fair,Open,,,,\n"  # not known in March
)
ATTRIBUTES = (
    "table,row_id,name,value,known_from\n"
    "accounts,acme,Rating,Hot,\n"
    "accounts,acme2,Rating,Cold,\n"  # of the same company: the first holds
    "accounts,acme2,Source,Acme fair,2025-01-01T00:00:00Z\n"
    "leads,L1,Note,asks for Ann,2025-05-01T00:00:00Z\n"
    "leads,L3,Note,call him,2025-05-01T00:00:00Z\n"
    "opportunities,L3,Need,Speed,2025-05-01T00:00:00Z\n"  # a deal of the same id
)
KEY = "0123456789abcdef"
ACTIVITIES = (
    "activity_id,account_id,contact_id,occurred_at,direction,channel\n"
    "a1,acme,L1,2026-01-01T00:00:00Z,inbound,web\na2,acme,c1,2026-01-01T00:00:00Z,inbound,web\n"
)
MAPPING = """
version: 1
title: x
sources: {firms: {file: firms.csv}, people: {file: people.csv}, leads: {file: leads.csv}, calls: {file: calls.csv}}
tables:
  accounts: {from: firms, columns: {account_id: id, name: id}, attributes: {champion: today}}
  activities:
    from: calls
    columns: {activity_id: id, account_id: {value: acme}, contact_id: who, occurred_at: {value: "2026-01-01T00:00:00Z"},
              direction: {value: inbound}, channel: {value: web}}
  contacts: {from: people, columns: {contact_id: id, full_name: name, created_at: {value: "2025-01-01T00:00:00Z"}}}
  leads:
    from: leads
    columns: {lead_id: id, contact_id: became, created_at: {value: "2025-01-01T00:00:00Z"}}
    attributes: {note: today}
"""


@pytest.fixture
def data(tmp_path):
    tables = {"contacts": CONTACTS, "leads": LEADS, "attributes": ATTRIBUTES, "transactions": TRANSACTIONS}
    return put(tmp_path / "data", accounts=ACCOUNTS, **tables)


def test_what_a_lead_became_is_known_since_it_was_converted(data):
    book, earlier = Book.open(data, "2026-06-30"), pd.Timestamp("2026-03-31")
    then, now = (book.read("leads", on=day).set_index("source") for day in (earlier, book.as_of))
    assert (len(then), len(now)) == (3, 4)
    assert then["opportunity_id"].isna().all()
    assert now["opportunity_id"].dropna().tolist() == ["o1"]
    assert then.loc["Web", "account_id"].dropna().tolist() == ["acme"]  # of L2, by the account it was merged into
    assert then["status"].isna().all()
    assert now.loc["Fair", "status"].tolist() == ["Open", "Open"]


def test_an_attribute_without_a_day_is_known_on_the_latest_day_only(data):
    book = Book.open(data, "2026-06-30")
    then, now = (book.read("attributes", on=day) for day in (pd.Timestamp("2026-03-31"), book.as_of))
    assert set(then["name"]) == {"Source", "Note", "Need"}
    assert set(now["name"]) == {"Source", "Note", "Need", "Rating"}


def test_attributes_of_accounts_go_to_the_company_and_its_own_value_holds(data):
    now = Book.open(data, "2026-06-30").read("attributes").query("table == 'accounts'")
    assert now[["row_id", "name", "value"]].to_numpy().tolist() == [
        ["acme", "Rating", "Hot"],
        ["acme", "Source", "Acme fair"],
    ]


def test_a_lead_whose_contact_opted_out_is_a_stand_in_and_free_text_comes_on_request(data):
    leads = Book.open(data, "2026-06-30").read("leads").set_index("created_at")
    assert sorted(leads["lead_id"].str.replace(r"\d", "", regex=True)) == ["L", "L", "L", people.STAND_IN]
    assert not {"L1", "c1"} & {*leads["lead_id"], *leads["contact_id"]}
    without, asked = (Book.open(data, "2026-06-30", people=p).read("attributes") for p in (False, True))
    assert without.query("table == 'leads'")["value"].isna().all()
    assert asked.query("table == 'leads'")["value"].dropna().tolist() == ["call him"]  # not of whoever opted out
    assert not without["row_id"].isin(["L1"]).any()


def test_a_forgotten_lead_goes_with_its_attributes_and_a_deal_of_the_same_id_stays(data):
    counts = removal.forget(data, "L3")
    assert {n: c for n, c in counts.items() if c} == {"contacts.csv": 1, "leads.csv": 1, "attributes.csv": 1}
    assert (data / "leads.csv").read_text() == "".join(x for x in LEADS.splitlines(True) if not x.startswith("L3"))
    assert "opportunities,L3,Need,Speed" in (data / "attributes.csv").read_text()


@pytest.mark.parametrize("asked", ["c1", "L1"])
def test_who_is_a_lead_and_a_contact_is_forgotten_as_both_and_named_nowhere(data, monkeypatch, asked):
    tables = {"leads": LEADS + "L5,2025-05-01T00:00:00Z,Web,Converted,,c1,,2025-06-01T00:00:00Z\n"}  # converted twice
    tables["attributes"] = ATTRIBUTES + 'accounts,beta,Champion,"Quill, Ann",\naccounts,beta,Rival,Joann Quill,\n'
    put(data, activities=ACTIVITIES, **tables)
    monkeypatch.setenv("ABM_KEY", KEY)
    monkeypatch.chdir(data.parent)
    code, said = abm("forget", asked, "--name", "Quill, Ann", "--data", "data")
    assert code == 0, said
    assert "are one person; all of them are forgotten." in said
    left = {path.stem: path.read_text() for path in data.glob("*.csv")}
    assert not [n for n, text in left.items() if {"c1", "L1", "L5"} & set(re.split(r"\W", text))]
    assert "a1,acme,,2026" in left["activities"]  # a fact of the account
    assert "accounts,beta,Champion,[removed],\naccounts,beta,Rival,Joann Quill,\n" in left["attributes"]
    put(data, contacts=CONTACTS, activities=ACTIVITIES, **tables)  # the export brings them back, one linked to nobody
    (data / "leads.csv").write_text(tables["leads"].replace("L1,", "L6,"))
    book = Book.open(data, "2026-06-30", people=True)
    assert not {"L5", "L6"} & {*book.read("leads")["lead_id"]}
    assert book.read("activities")["contact_id"].isna().all()


@pytest.mark.parametrize("form", ["parquet", "duckdb"])
def test_a_name_is_removed_from_attributes_in_every_kind_of_file(data, form):
    place = data if form == "parquet" else data.parent / "book.duckdb"
    rows = f"read_csv('{data / 'attributes.csv'}', all_varchar = true)"
    if form == "parquet":
        duckdb.sql(f"copy (from {rows}) to '{data / 'attributes.parquet'}'")
        (data / "attributes.csv").unlink()
    else:
        with duckdb.connect(str(place)) as con:
            con.execute(f"create table attributes as from {rows}")
    assert not any(removal.forget(place, "L9", names=lambda text: text == "said nowhere").values())
    counts = removal.forget(place, "L9", names=lambda text: text == "Speed")
    assert [n for n in counts.values() if n] == [1]
    with duckdb.connect(str(place)) if form == "duckdb" else duckdb.connect() as con:
        there = "attributes" if form == "duckdb" else f"'{data / 'attributes.parquet'}'"
        got = con.execute(f"select value from {there} where row_id = 'L3' order by 1").fetchall()
    assert got == [("[removed]",), ("call him",)]


def test_a_contact_that_many_leads_name_is_nobody(data):
    rows = [f"M{i},2025-05-01T00:00:00Z,Web,Open,,unknown,,\n" for i in range(11)]
    put(data, leads=LEADS + "".join(rows))
    assert removal.same(data, "M1") == ["M1"]
    assert removal.same(data, "c1") == ["c1", "L1"]


def test_an_import_leaves_out_what_a_forgotten_person_is_and_did_under_another_id(tmp_path):
    put(
        tmp_path / "export",
        firms="id,champion\nacme,ann QUILL\n",
        people="id,name\nc1,Ann Quill\nc2,Bo Li\n",
        leads="id,became,note\nL1,c1,warm\nL2,c2,cold\n",
        calls="id,who\na1,L1\na2,c1\na3,L2\n",
    )
    (tmp_path / "m.yml").write_text(MAPPING)
    key = KEY.encode()
    steps = mapped.run(
        mapped.load_mapping(tmp_path / "m.yml"),
        tmp_path / "export",
        tmp_path / "book",
        key,
        [people.person_hash("L1", key)],
    )
    got = {p.stem: pd.read_parquet(p) for p in (tmp_path / "book").glob("*.parquet")}
    assert got["contacts"]["contact_id"].tolist() == ["c2"]
    assert got["leads"]["lead_id"].tolist() == ["L2"]
    assert got["activities"]["contact_id"].fillna("").tolist() == ["", "", "L2"]
    assert got["attributes"]["value"].tolist() == ["[removed]", "cold"]
    why = steps.query("step == 'forgotten'").set_index("table")["why"]
    assert why["attributes"] == "of a forgotten person; name removed from 1 rows"
    assert steps.query("step == 'write'")["table"].iloc[0] == "accounts"  # in the mapping's order


def test_a_copy_without_names_codes_leads_as_contacts_and_hides_what_is_said_of_them(data, tmp_path):
    redact.redacted(Source(data), b"0123456789abcdef", tmp_path / "copy")
    copy = {n: pd.read_parquet(tmp_path / "copy" / f"{n}.parquet") for n in ("contacts", "leads", "attributes")}
    assert set(copy["leads"]["lead_id"]) & set(copy["contacts"]["contact_id"])  # L3 is one code
    said = copy["attributes"]
    assert said.loc[said["table"] == "leads", "value"].str.fullmatch("Note [0-9A-F]{6}").all()
    assert set(said.loc[said["table"] == "leads", "row_id"]) <= set(copy["leads"]["lead_id"])
    values = said.loc[said["table"] != "leads", "value"]
    assert set(values[~values.str.startswith("Text ")]) == {"Hot", "Cold", "Speed"}  # not the one with a name


def test_an_activity_of_a_lead_has_no_broken_reference_and_no_case_of_a_check_is_an_address(data):
    put(data, activities=ACTIVITIES + "a@b.example,acme,L9,2026-01-01T00:00:00Z,inbound,web\n")
    audit = Source(data).audit().set_index(["table", "check"])
    found = audit.loc["activities", "contact_id is found in contacts or leads"]
    assert (found["bad"], found["first"]) == (1, "row 3")
