"""Exports as people have them, drafted and imported without one edit: what a first report is made from."""

import re

import pandas as pd
import pytest

from abmlib.tables import Book, schema
from abmlib.tables.importers import drafts, mapped
from abmlib.tables.importers.sql import references
from tests.conftest import ROOT, put

KEY = b"sixteen bytes and more"


PEOPLE = "Record ID,First Name,Last Name,Email,{}\n1,Ann,Lee,a@x.example,{}\n2,Bob,Poe,b@x.example,{}\n"
CLIENTS = {
    "companies": "Record ID,Company name,Industry,Create Date\n5,Nord,Food,2025-01-02\n",
    "deals": "Record ID,Deal Name,Deal Stage,Amount\n7,Nord,Closed Won,5\n",
}


def unedited(export, tmp_path):
    """Draft and import; give the draft and the tables of the book."""
    found, path, to = drafts.look(export), tmp_path / "draft.yml", tmp_path / "book"
    path.write_text(found.text, "utf-8")
    mapped.run(mapped.load_mapping(path), export, to, KEY)
    return found, {f.stem: pd.read_parquet(f) for f in to.glob("*.parquet")}


def opened(export, tmp_path):
    """The same, of what a system exports: its book opens too."""
    done = unedited(export, tmp_path)
    Book.open(tmp_path / "book", as_of="2030-01-01")
    return done


def outcomes(deals):
    """Deals won, lost and open."""
    won, closed = deals["is_won"].eq(True), deals["is_closed"].eq(True)
    return int(won.sum()), int((closed & ~won).sum()), int((~closed).sum())


def test_a_dynamics_export_of_views_that_refer_by_name(shared_data, tmp_path):
    found, tables = opened(shared_data("dynamics365_demo"), tmp_path)
    deals = tables["opportunities"]
    assert "currency: USD" in found.text
    assert (found.pack, outcomes(deals)) == ("Dynamics 365 Sales", (1914, 2794, 521))
    newest = deals["closed_at"].max()
    year = deals[deals["closed_at"] > newest - pd.DateOffset(years=1)]
    assert (len(year), round(year.loc[year["is_won"].eq(True), "amount"].sum())) == (680, 13_201_952)
    assert round(deals.loc[~deals["is_closed"], "amount"].sum()) == 40_244_165
    assert deals["account_id"].isin(tables["accounts"]["name"]).all()
    assert deals["owner_id"].nunique() == 12
    assert deals["campaign_id"].dropna().isin(tables["campaigns"]["campaign_id"]).all()
    assert {"Canceled", "Out-Sold"} <= {*deals["loss_reason"].dropna()}
    assert not tables["contacts"]["contact_id"].str.contains("@").any()
    touches = tables["activities"]
    assert (len(touches), touches["contact_id"].notna().sum()) == (88, 67)  # of 232: drafts and cancelled ones are none
    assert {"Rating", "Customer Need", "Purchase Process"} <= {*tables["attributes"]["name"]}
    goals = tables["targets"]
    assert (len(goals), goals["owner_id"].isna().sum()) == (209, 20)
    assert goals["period"].str.fullmatch(r"\d{4}-Q[1-4]").all()


def test_amounts_in_several_currencies_are_the_first_doubt(tmp_path):
    deals = "Deal ID,Company,Stage,Amount,Currency\n1,Nord,Won,5,USD\n2,Alpha,Lost,6,EUR\n"
    found = drafts.look(put(tmp_path / "export", deals=deals))
    assert found.text.splitlines()[1].startswith("# 1. opportunities.amount: in 2 currencies (EUR, USD)")


def test_a_funnel_of_leads_whose_deals_are_all_won(shared_data, tmp_path):
    _, tables = opened(shared_data("olist_funnel"), tmp_path)
    leads, deals = tables["leads"], tables["opportunities"]
    assert (len(leads), leads["opportunity_id"].notna().sum(), outcomes(deals)) == (8000, 842, (842, 0, 0))
    assert leads["opportunity_id"].dropna().isin(deals["opportunity_id"]).all()
    assert tables["accounts"]["region"].notna().sum() == 380  # sellers that the file of places has
    assert deals["lead_source"].value_counts().index[0] == "organic_search"


def test_a_pipedrive_export_without_clients_with_a_short_line(shared_data, tmp_path):
    found, tables = opened(shared_data("pipedrive_pt"), tmp_path)
    assert (found.pack, outcomes(tables["opportunities"]), len(tables["accounts"])) == ("Pipedrive", (258, 0, 0), 258)
    assert "Negócio - Motivo do Cancelamento" in {
        *tables["attributes"]["name"]
    }  # why customers left, not why a deal was lost
    assert "loss_reason" not in tables["opportunities"]
    assert any("nothing names the client" in d for d in found.doubts[:3])


def test_a_salesforce_export_with_history_and_leads(shared_data, tmp_path):
    found, tables = opened(shared_data("salesforce_demo"), tmp_path)
    won, _, _ = outcomes(tables["opportunities"])
    assert (found.pack, len(tables["opportunities"]), won) == ("Salesforce", 36, 12)
    assert len(tables["opportunity_stage_history"]) == 48
    assert (len(tables["leads"]), len(tables["contacts"])) == (22, 25)
    open_ones = tables["opportunities"].loc[~tables["opportunities"]["is_closed"]]
    assert open_ones["close_date"].notna().all()


UNSEEN = {  # a file of each, as the system or the person names its columns
    "zoho": ("Deals_001", """Record Id,Deal Owner.id,Deal Owner,Amount,Deal Name,Closing Date,Account Name.id,Account Name,Stage,Lead Source,Created Time,Reason For Loss,Sales Cycle Duration
zcrm_1,zcrm_9,Mia Wolf,"$ 1,200.00",A,2025-03-01,zcrm_5,Nord Foods,Closed Won,Web,2025-01-02 09:00:00,,20
zcrm_2,zcrm_9,Jon Reed,"$ 900.50",B,2025-04-01,zcrm_6,Alpha Labs,Closed Lost to Competition,Partner,2025-01-13 09:00:00,Price,30
zcrm_3,zcrm_9,Mia Wolf,"$ 3,000.00",C,2025-06-01,zcrm_5,Nord Foods,Qualification,,2025-02-02 09:00:00,,10
"""),
    "freshsales": ("deals", """Deal Id,Deal name,Deal value,Deal stage,Probability (%),Sales owner,Sales account,Expected close date,Closed date,Source,Lost reason,Created at
1,A,1200,Won,100,Sam Poe,Nord Foods,13-03-2025,14-03-2025,Web,,02-01-2025 10:00:00
2,B,900.5,Lost,0,Lia Kern,Alpha Labs,01-04-2025,02-04-2025,Referral,Budget,13-01-2025 10:00:00
3,C,3000,Demo,50,Sam Poe,Nord Foods,01-06-2025,,Web,,02-02-2025 10:00:00
"""),
    "copper": ("Opportunities", """Copper ID,Name,Company,Primary Contact,Owned By,Stage,Status,Loss Reason,Value,Win Probability,Close Date,Created At
1,A,Nord Foods,Ann Lee,Sam,Proposal,Won,,1200,100,03/14/2025,01/02/2025
2,B,Alpha Labs,Ann Lee,Lia,Qualified,Abandoned,Price,900.5,5,04/02/2025,01/13/2025
3,C,Nord Foods,Ann Lee,Sam,Proposal,Open,,3000,50,06/01/2025,02/02/2025
"""),
    "german": ("Vertriebsliste 2025", """Vertriebsliste Stand 31.12.2025,,,,,,,,,
,,,,,,,,,
Lfd. Nr.,Kunde / Interessent,Ansprechpartner,Projekt,VK-Phase,Angebotssumme (€),Chance in %,Voraussichtl. Abschluss,Angebotsdatum,Ergebnis
1,Nord Foods GmbH,Frau Meier,A,Angebot,"1.200,00 €",100 %,14.03.2025,02.01.2025,gewonnen
2,Alpha Labs AG,Frau Meier,B,Anfrage,"900,50 €",5 %,02.04.2025,13.01.2025,verloren
3,Nord Foods GmbH,Frau Meier,C,Angebot,"3.000,00 €",50 %,01.06.2025,02.02.2025,offen
"""),
}  # fmt: skip


@pytest.mark.parametrize("system", UNSEEN)
def test_a_system_without_a_pack_is_read_by_what_its_columns_hold(tmp_path, system):
    name, text = UNSEEN[system]
    found, tables = opened(put(tmp_path / "export", **{name: text}), tmp_path)
    deals = tables["opportunities"]
    assert outcomes(deals) == (1, 1, 1)
    assert deals["amount"].tolist() == [1200, 900.5, 3000]
    assert len(tables["accounts"]) == 2
    assert deals["created_at"].dt.strftime("%F").tolist() == ["2025-01-02", "2025-01-13", "2025-02-02"]
    assert not any(person in found.text for person in ("Mia", "Sam", "Ann Lee", "Meier"))


def test_a_status_with_lost_deals_and_unknown_words_but_none_won_is_the_first_doubt(tmp_path):
    deals = "Deal ID,Company,Status,Amount\n1,Nord,On board,5\n2,Alpha,Lost,6\n"
    found = drafts.look(put(tmp_path / "export", deals=deals))
    assert found.doubts[0].startswith("opportunities.is_won, from Status: nobody told what 'On board' (1 rows) means")
    known = "Deal ID,Company,Status,Amount\n1,Nord,beauftragt,5\n2,Alpha,nicht beauftragt,6\n3,Beta,offen,7\n"
    _, tables = unedited(put(tmp_path / "german", deals=known), tmp_path)
    assert outcomes(tables["opportunities"]) == (1, 1, 1)


def test_a_closing_day_is_no_planned_one(tmp_path):
    deals = "Client,Name,Rep,Opened,Closed,Expected Close,Confidence,Outcome,Why lost\n"
    deals += "Nord,A,Mia,2025-01-02,2025-03-04,2025-02-01,100%,Won,\nAlpha,B,Mia,2025-01-03,,2025-06-01,20%,Open,\n"
    deals += "Alpha,C,Jon,2025-01-04,2025-05-06,2025-04-01,0%,Lost,Price\n"
    _, tables = unedited(put(tmp_path / "export", deals=deals), tmp_path)
    rows = tables["opportunities"].sort_values("name")
    assert rows["closed_at"].dt.strftime("%F").fillna("").tolist() == ["2025-03-04", "", "2025-05-06"]
    assert rows["close_date"].astype(str).tolist() == ["2025-02-01", "2025-06-01", "2025-04-01"]
    assert rows[["owner_id", "loss_reason"]].iloc[2].tolist() == ["Jon", "Price"]


@pytest.mark.parametrize(
    ("header", "yes", "no"),
    [
        ("Unsubscribed from all email", "true", ""),
        ("Unsubscribed from all email", "Yes", "No"),
        ("Von allen E-Mails abgemeldet", "Ja", "Nein"),
        ("Cancelación de suscripción a todos los correos electrónicos", "Sí", "No"),
        ("Opt-out", "opted out", ""),
        ("Unsubscribed", "x", ""),
    ],
)
def test_who_unsubscribed_is_known_by_any_word_for_yes(tmp_path, header, yes, no):
    folder = put(tmp_path / "export", contacts=PEOPLE.format(header, yes, no), **CLIENTS)
    _, tables = unedited(folder, tmp_path)
    assert tables["contacts"].sort_values("contact_id")["opted_out"].tolist() == [True, False]


def test_either_mark_of_dynamics_forbids_mail(tmp_path):
    contacts = "contactid,fullname,emailaddress1,jobtitle,donotbulkemail,donotemail\n"
    contacts += "1,Ann,a@x.example,VP,1,0\n2,Bob,b@x.example,VP,0,1\n3,Cy,c@x.example,VP,0,0\n"
    accounts = "accountid,name,industrycode,createdon\n5,Nord,1,2025-01-02T00:00:00Z\n"
    deals = "opportunityid,name,_parentaccountid_value,statecode,stepname\n7,A,5,1,x\n"
    folder = put(tmp_path / "export", contacts=contacts, accounts=accounts, opportunities=deals)
    _, tables = unedited(folder, tmp_path)
    assert tables["contacts"].sort_values("contact_id")["opted_out"].tolist() == [True, True, False]


@pytest.mark.parametrize("header", ["Unsubscribed from news", "Désabonnement", "Widerruf am", "Do not email again"])
def test_an_opt_out_that_is_not_mapped_is_the_first_doubt(tmp_path, header):
    folder = put(tmp_path / "export", contacts=PEOPLE.format(header, "2025-02-01", ""), **CLIENTS)
    assert f"{header} of contacts.csv is not mapped" in drafts.look(folder).doubts[0]


DEALS = "Deal ID,Client,Opportunity Name,Stage,Amount,Opened\n"


@pytest.mark.parametrize(
    ("second", "name"),
    [
        ("Deal ID,Client,Opportunity Name,Stage,Amount,Opened\n3,Gamma,C,Won,7,2025-01-04\n", "deals_2025"),
        ("Opportunity ID,Account,Status,Value,Created\n3,Gamma,Won,7,2025-01-04\n", "opps"),
    ],
)
def test_a_second_file_of_other_deals_adds_its_rows(tmp_path, second, name):
    first = DEALS + "1,Nord,A,Won,5,2025-01-02\n2,Alpha,B,Lost,6,2025-01-03\n"
    _, tables = unedited(put(tmp_path / "export", deals_2024=first, **{name: second}), tmp_path)
    assert sorted(tables["opportunities"]["amount"]) == [5, 6, 7]


@pytest.mark.parametrize("key", ["Deal ID", "Number of nothing"])
def test_of_two_months_of_one_export_the_newer_is_taken(tmp_path, key):
    old = DEALS.replace("Deal ID", key) + "1,Nord,A,Open,5,2025-01-02\n2,Alpha,B,Lost,6,2025-01-03\n"
    new = old.replace("Open,5", "Won,9")
    found, tables = unedited(put(tmp_path / "export", **{"Deals_2025_06_30": old, "Deals_2025_07_31": new}), tmp_path)
    assert sorted(tables["opportunities"]["amount"]) == [6, 9]
    assert "100% of its opportunities are in Deals_2025_07_31.csv" in found.doubts[0] + found.doubts[1]


def test_a_day_in_the_name_of_a_file_is_left_open_for_next_month(tmp_path):
    folder = put(tmp_path / "export", **{"all-deals-2025-07-31": DEALS + "1,Nord,A,Won,5,2025-01-02\n"})
    found, _ = unedited(folder, tmp_path)
    assert "file: all-deals-*.csv" in found.text


def test_a_made_key_tells_deals_of_one_name_apart_by_client(tmp_path):
    rows = "Nord,Seats,Won,5,2025-01-02\nAlpha,Seats,Lost,6,2025-01-02\n"
    _, tables = unedited(put(tmp_path / "export", deals=DEALS.removeprefix("Deal ID,") + rows), tmp_path)
    ids = sorted(tables["opportunities"]["opportunity_id"].str.replace("\\", ""))
    assert ids == ["Alpha-Seats-2025-01-02-1", "Nord-Seats-2025-01-02-1"]


def test_one_more_column_makes_the_key_where_many_rows_are_alike(tmp_path):
    rows = "".join(f"Nord,Won,{i},2025-01-02\n" for i in range(9))
    found = drafts.look(put(tmp_path / "export", deals="Client,Stage,Amount,Opened\n" + rows))
    assert "key: [Client, Opened, Amount, _nth]" in found.text


def test_what_is_to_be_filled_in_stands_at_the_head(tmp_path):
    found = drafts.look(put(tmp_path / "export", deals=DEALS + "1,Nord,A,Won,5,2025-01-02\n"))
    assert {d.split(":")[0] for d in found.doubts} >= {"workbook.currency", "workbook.time_zone"}


def test_a_code_is_no_region_and_what_nothing_refers_to_is_said(tmp_path):
    files = {
        "accounts": "accountid,name,statecode,address1_country\n5,Nord,0,Norway\n6,Alpha,1,Chile\n",
        "opportunities": "opportunityid,name,_parentaccountid_value,statecode,stepname\n7,A,5,1,x\n8,B,6,2,y\n",
        "systemusers": "systemuserid,fullname\n1,Ann Lee\n2,Bob Poe\n",
    }
    found, tables = unedited(put(tmp_path / "export", **files), tmp_path)
    assert "country" in tables["accounts"] and "region" not in tables["accounts"]
    assert found.unused["systemusers.csv"] == "people of our side; no other file refers to its ids"


def test_what_stands_below_a_reports_table_is_left_out(tmp_path):
    report = """Opportunity ID,Opportunity Name,Account Name,Stage,Amount,Close Date
006A,A,Nord,Closed Won,5,3/14/2025
006B,B,Alpha,Closed Lost,6,4/2/2025

My report
"Copyright (c) 2000-2025 salesforce.com, inc. All rights reserved."
"""
    found, tables = unedited(put(tmp_path / "export", report1700000000=report), tmp_path)
    assert outcomes(tables["opportunities"]) == (1, 1, 0)
    assert "below the table" in found.text


LONG, SHORT = "001000000000001AAA", "001000000000001"


@pytest.mark.parametrize(("account", "deal"), [(LONG, SHORT), (SHORT, LONG)])
def test_ids_of_15_and_18_characters_meet(tmp_path, account, deal):
    files = {
        "Account": f"Id,Name,Industry\n{account},Nord,Food\n{account.replace('1A', '2A')[:-1]}2,Alpha,Food\n",
        "Opportunity": f"Id,AccountId,Name,StageName,Amount\n1,{deal},A,Closed Won,5\n2,{deal},B,Closed Lost,6\n",
    }
    _, tables = unedited(put(tmp_path / "export", **files), tmp_path)
    assert tables["opportunities"]["account_id"].tolist() == [account, account]


def test_the_overview_says_what_each_file_becomes_and_what_is_not_used(tmp_path):
    files = {
        "Deals": "Deal ID,Company,Stage,Amount,Owner Phone\n1,Nord,Won,5,+49 30 1234567\n2,Alpha,Lost,6,+49 30 1234568\n",
        "Places": "Place\nNorth\n",
    }
    deals, places = drafts.look(put(tmp_path / "export", **files)).overview()
    assert (deals["becomes"], deals["not used"]) == ("accounts, opportunities", "1 column: 1 about people")
    assert (places["rows"], places["becomes"], places["not used"]) == (1, "", "like no table")


def sources_of(mapping):
    """The source columns that each canonical column of a mapping is made from; derived ones stand for what they use."""
    found = {}
    for table, made in mapping.tables.items():
        for source, part in made.sources.items():
            derive = mapping.sources[source].derive
            for c, d in part.items():
                names = {d.column} if d.column else {*d.key, *(p[-1] for p in references(d.sql or "1"))}
                own = [{p[-1] for p in references(derive[n])} if n in derive else {n.split(".")[-1]} for n in names]
                found[table, c] = "a constant" if d.value is not None else frozenset().union(*own)
    return found


@pytest.mark.parametrize(
    ("name", "data", "right", "wrong"),
    [  # measured; wrong and missed are read and corrected by a person
        ("maven_crm_sales", "maven_crm_sales", 21, 1),  # of 26
        ("online_retail_ii", "online_retail_ii", 8, 2),  # of 15: it has no file of products
        ("adventureworks_reseller", "adventureworks_dw_reseller", 17, 2),  # of 24
    ],
)
def test_how_much_of_a_mapping_made_by_hand_the_draft_finds(shared_data, tmp_path, name, data, right, wrong):
    by_hand = ROOT / "data" / "mappings" / f"{name}.yml"
    if not by_hand.is_file():
        pytest.skip(f"there is no mapping {by_hand.name}")
    found, path = drafts.look(shared_data(data)), tmp_path / "draft.yml"
    path.write_text(found.text, "utf-8")
    ours, theirs = sources_of(mapped.load_mapping(path)), sources_of(mapped.load_mapping(by_hand))
    same = {p for p in theirs if ours.get(p) == theirs[p]}
    other = {p: (ours[p], theirs[p]) for p in theirs if p in ours and p not in same}
    assert len(same) >= right, (other, set(theirs) - set(ours))
    assert len(other) <= wrong, other


@pytest.mark.slow  # test_packs drafts and imports the same tables, written small
@pytest.mark.parametrize("folder", ["dbt_salesforce_source", "dbt_hubspot_source"])
def test_connectors_tables_import_as_drafted(shared_data, tmp_path, folder):
    found, tables = opened(shared_data("crm_shapes_fivetran") / folder, tmp_path)
    assert {"accounts", "contacts", "opportunities", "activities"} <= set(tables)
    for table, frame in tables.items():
        assert {c for c, d in schema.CANONICAL[table].columns.items() if schema.is_required(d)} <= set(frame)
    assert not re.search("[A-Za-z0-9._]+@[a-z]+\\.[a-z]+", found.text)


def test_the_draft_engine_stays_small():
    names = ("packs", "exports", "facts", "match", "recipes", "draft_plan", "drafts", "draft_text")
    lines = [len((ROOT / "abmlib/tables/importers" / f"{n}.py").read_text("utf-8").splitlines()) for n in names]
    assert sum(lines) <= 1_810, dict(zip(names, lines, strict=True))
