"""Leads and attributes: what was known of them on a day, and the rights of the people they are about."""

import pandas as pd
import pytest

from abmlib.tables import Book, people, redact
from abmlib.tables.source import Source
from tests.conftest import TRANSACTIONS, put

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


@pytest.fixture
def data(tmp_path):
    tables = {"contacts": CONTACTS, "leads": LEADS, "attributes": ATTRIBUTES, "transactions": TRANSACTIONS}
    return put(tmp_path / "data", accounts=ACCOUNTS, **tables)


def test_what_a_lead_became_is_known_since_it_was_converted(data):
    then, now = (Book.open(data, day).read("leads").set_index("source") for day in ("2026-03-31", "2026-06-30"))
    assert (len(then), len(now)) == (3, 4)
    assert then["opportunity_id"].isna().all()
    assert now["opportunity_id"].dropna().tolist() == ["o1"]
    assert then.loc["Web", "account_id"].dropna().tolist() == ["acme"]  # of L2, by the account it was merged into
    assert then["status"].isna().all()
    assert now.loc["Fair", "status"].tolist() == ["Open", "Open"]


def test_an_attribute_without_a_day_is_known_on_the_latest_day_only(data):
    then, now = (Book.open(data, day).read("attributes") for day in ("2026-03-31", "2026-06-30"))
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
    counts = people.forget(data, "L3")
    assert {n: c for n, c in counts.items() if c} == {"contacts.csv": 1, "leads.csv": 1, "attributes.csv": 1}
    assert (data / "leads.csv").read_text() == "".join(x for x in LEADS.splitlines(True) if not x.startswith("L3"))
    assert "opportunities,L3,Need,Speed" in (data / "attributes.csv").read_text()


def test_of_a_forgotten_contact_the_lead_goes_too_and_its_id_is_named(data):
    assert people.others(data, "c1", []) == ["L1"]
    assert people.others(data, "L1", []) == ["c1"]
    people.forget(data, "c1")
    assert "L1" not in (data / "leads.csv").read_text()


def test_a_copy_without_names_codes_leads_as_contacts_and_hides_what_is_said_of_them(data, tmp_path):
    redact.redacted(Source(data), b"0123456789abcdef", tmp_path / "copy")
    copy = {n: pd.read_parquet(tmp_path / "copy" / f"{n}.parquet") for n in ("contacts", "leads", "attributes")}
    assert set(copy["leads"]["lead_id"]) & set(copy["contacts"]["contact_id"])  # L3 is one code
    said = copy["attributes"]
    assert said.loc[said["table"] == "leads", "value"].str.fullmatch("Note [0-9A-F]{6}").all()
    assert set(said.loc[said["table"] == "leads", "row_id"]) <= set(copy["leads"]["lead_id"])
    values = said.loc[said["table"] != "leads", "value"]
    assert set(values[~values.str.startswith("Text ")]) == {"Hot", "Cold", "Speed"}  # not the one with a name
