"""A first mapping for an export nobody has seen: guesses that import, and doubts where they rest on little."""

import csv
import gzip
import re

import pandas as pd
import pytest
import yaml

from abmlib.tables.errors import TableError
from abmlib.tables.importers import drafts, exports, mapped, packs
from tests.conftest import SAMPLE, put
from tests.test_formats import xlsx

KEY = b"sixteen bytes and more"


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def seen(tmp_path, name="export.csv", text="", encoding="utf-8"):
    """Facts of the columns of one file."""
    folder = tmp_path / "export"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    work = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
    work.mkdir()
    with exports.opened(folder, work) as export:
        assert not export.doubts, export.doubts
        return export.files[0]


def column(tmp_path, *values, name="x"):
    """Facts of one column, beside another that keeps lines from being blank."""
    quoted = ['"' + v.replace('"', '""') + '"' for v in values]
    return seen(tmp_path, text=rows(f"{name},n", *(f"{v},{i}" for i, v in enumerate(quoted)))).facts[name]


def imported(folder, tmp_path, title=None):
    """Draft, load, import; give the draft's guess and the tables."""
    found = drafts.look(folder, title)
    path = tmp_path / "draft.yml"
    path.write_text(found.text, "utf-8")
    to = tmp_path / "book"
    mapped.run(mapped.load_mapping(path), folder, to, KEY)
    return found, {f.stem: pd.read_parquet(f) for f in to.glob("*.parquet")}


def from_columns(mapping, table):
    """Each canonical column of a table, and the source column or words it comes from."""
    words = yaml.safe_load(mapping)["tables"][table]["columns"]
    return {c: w["column"] if isinstance(w, dict) and "column" in w else w for c, w in words.items()}


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (["1", "-2", "30"], "int", {}),
        (["1.5", "2", "-3.25"], "decimal", {"decimal": ".", "thousands": ""}),
        (["1,5", "2", "-3,25"], "decimal", {"decimal": ",", "thousands": ""}),
        (["1,234.50", "7.00"], "decimal", {"decimal": ".", "thousands": ","}),
        (["1.234,50", "7,00"], "decimal", {"decimal": ",", "thousands": "."}),
        (["1 234,50", "7,00"], "decimal", {"decimal": ",", "thousands": " "}),
        (["12%", "7.5 %"], "decimal", {"decimal": ".", "thousands": "", "unit": "percent"}),
        (["2026-01-31", "2026-02-01"], "date", {}),
        (["2026-01-31 10:00:00", "2026-02-01 11:30:00"], "time", {}),
        (["31.01.2026", "01.02.2026"], "date", {"format": ["%d.%m.%Y"]}),
        (["31/01/2026", "01/02/2026"], "date", {"format": ["%d/%m/%Y"]}),
        (["01/31/2026", "02/01/2026"], "date", {"format": ["%m/%d/%Y"]}),
        (["01/31/26 10:05", "02/01/26 11:05"], "time", {"format": ["%m/%d/%y %H:%M"]}),
        (["31-Jan-2026", "01-Feb-2026"], "date", {"format": ["%d-%b-%Y"]}),
        (["true", "false", ""], "bool", {}),
        (["Ja", "Nein"], "bool", {}),
        (["a@b.co", "c@d.org"], "email", {}),
        (["https://acme.example/x", "www.beta.example"], "url", {}),
        (["+49 30 1234567", "+49 40 7654321"], "phone", {}),
        (["00123", "00456"], "text", {}),
        (["12345678901234567890"], "text", {}),
    ],
)
def test_the_kind_of_a_column_is_told_by_its_values(tmp_path, values, kind, words):
    fact = column(tmp_path, *values)
    assert (fact.kind, fact.words) == (kind, words)


def test_day_or_month_first_that_no_value_decides_is_a_doubt(tmp_path):
    assert "day from month" in column(tmp_path, "01/02/2026", "03/04/2026").doubts[0]
    assert not column(tmp_path, "01/02/2026", "13/04/2026").doubts


def test_whole_numbers_are_a_time_only_where_the_name_says_so(tmp_path):
    assert column(tmp_path, "1750000000", "1760000000", name="created").words == {"format": ["epoch_seconds"]}
    assert column(tmp_path, "1750000000000", name="timestamp").words == {"format": ["epoch_milliseconds"]}
    assert column(tmp_path, "20260131", "20260201", name="order_date").words == {"format": ["%Y%m%d"]}
    assert column(tmp_path, "1750000000", "1760000000", name="x").kind == "int"


def test_a_point_parts_thousands_where_another_column_writes_commas(tmp_path):
    file = seen(tmp_path, text=rows("a;b;c", "1,5;1.234;1", "2,5;2.345;2"))
    assert file.source.delimiter == ";"
    assert file.facts["b"].high == 2345
    assert seen(tmp_path, text=rows("b;c", "1.234;1", "2.345;2")).facts["b"].high == 2.345


def test_words_for_missing_leave_a_number_a_number(tmp_path):
    fact = column(tmp_path, "1.5", "n/a", "2.5", "-")
    assert (fact.kind, fact.missing, fact.bad) == ("decimal", ("n/a", "-"), 0)


def test_encoding_delimiter_and_the_line_of_names_are_found(tmp_path):
    german = seen(tmp_path, text=rows("Größe;b", "Ü;1"), encoding="cp1252")
    assert (german.source.encoding, german.source.delimiter, list(german.facts)) == ("cp1252", ";", ["Größe", "b"])
    marked = seen(tmp_path, text=rows("ä\tb", "Ü\t1"), encoding="utf-16")
    assert (list(marked.facts), marked.rows) == (["ä", "b"], 1)
    titled = seen(tmp_path, text=rows("Report of May,,", ",,", "a,b,c", "1,2,3", "4,5,6"))
    assert (list(titled.facts), titled.source.header_row, titled.rows) == (["a", "b", "c"], 3, 2)


def test_a_header_is_the_same_in_any_case_accent_sign_or_way_to_part_words():
    assert packs.plain("NumberOfEmployees") == packs.plain("number_of_employees") == "number of employees"
    assert packs.squashed("Negócio - ⭐ Título") == packs.squashed("NEGOCIO Titulo")


@pytest.mark.parametrize(
    ("header", "table", "canonical"),
    [
        ("numberofemployees", "accounts", "employees"),
        ("Kundennr.", "accounts", "account_id"),
        ("EnglishProductName", "products", "name"),
        ("Opportunity Owner", "opportunities", "owner_id"),
        ("Probabilty (%)", "opportunities", "probability"),  # nearly
    ],
)
def test_a_name_is_known_in_many_spellings(tmp_path, header, table, canonical):
    files = {
        "accounts": "Account ID,Account Name,Industry,{}\n1,A,x,5\n2,B,y,6\n",
        "products": "Product ID,List Price,{}\n1,5,5\n2,6,6\n",
        "opportunities": "Deal ID,Account ID,Deal Stage,{}\n1,1,Won,5\n2,1,Lost,6\n",
    }
    text = files[table].format(header)
    text = text.replace("Account ID,Account Name", "Account Name") if canonical == "account_id" else text
    folder = put(
        tmp_path / "e",
        **{table: text.replace("1,A,", "A,").replace("2,B,", "B,") if canonical == "account_id" else text},
    )
    assert from_columns(drafts.look(folder).text, table)[canonical] == header


@pytest.mark.parametrize("name", ["TaxAmt", "last_modified_date", "ShipDate"])
def test_a_word_that_makes_another_thing_of_it_is_no_match(tmp_path, name):
    folder = put(
        tmp_path / "e",
        orders=rows(
            f"order_no,customer_id,order_date,amount,{name}",
            "1,1,2024-01-02,5,2024-01-03",
            "2,1,2024-01-03,6,2024-01-04",
        ),
    )
    assert name not in from_columns(drafts.look(folder).text, "transactions").values()


@pytest.mark.parametrize(
    "name", ["LastOrderDate", "lifetime_value", "FirstOrderYear", "revenue_to_date", "OrderFrequency", "Umsatz gesamt"]
)
def test_what_sums_up_the_whole_period_is_not_mapped_and_said_so(tmp_path, name):
    folder = put(
        tmp_path / "e",
        customers=rows(f"customer_id,customer_name,industry,country,{name}", "1,A,x,DE,2024", "2,B,y,DE,2025"),
    )
    text = drafts.look(folder).text
    assert f"not used, known only at the end of the period: {name}" in text
    assert name not in str(yaml.safe_load(text)["tables"])


GERMAN = rows(
    "Belegnr;Pos;Kundennr.;Firma;Artikelnr;Artikelbezeichnung;Warengruppe;Rechnungsdatum;Menge;Betrag netto;Land",
    "R1;1;10001;Müller GmbH;A1;Größe 5;Schrauben;31.01.2025;2;1.234,50;Österreich",
    "R1;2;10001;Müller GmbH;A2;Größe 6;Schrauben;31.01.2025;1;7,00;Österreich",
    "R2;1;10002;Söhne AG;A1;Größe 5;Schrauben;13.02.2025;-1;-617,25;Deutschland",
)


def test_german_invoice_lines_give_transactions_and_the_accounts_they_name(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / "Rechnungspositionen 2025.csv").write_bytes(GERMAN.encode("cp1252"))
    found, tables = imported(folder, tmp_path)
    assert found.files == {"Rechnungspositionen 2025.csv": ("accounts", "transactions")}
    lines, accounts = tables["transactions"], tables["accounts"]
    assert lines["transaction_id"].tolist() == ["R1-1", "R1-2", "R2-1"]
    assert lines["revenue"].tolist() == [1234.5, 7, -617.25]
    assert lines["booked_at"].astype(str).tolist() == ["2025-01-31", "2025-01-31", "2025-02-13"]
    assert lines["kind"].tolist() == ["purchase", "purchase", "return"]
    assert accounts[["account_id", "name"]].to_numpy().tolist() == [["10001", "Müller GmbH"], ["10002", "Söhne AG"]]
    assert "created_at" not in accounts or accounts["created_at"].isna().all()  # Book dates them by their first fact
    assert accounts["country"].tolist() == ["Österreich", "Deutschland"]
    assert "Rechnungspositionen 2025.csv: Artikelbezeichnung" in found.unused


def test_rows_without_what_must_be_there_are_left_out_counted_and_a_doubt(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / "Rechnungspositionen 2025.csv").write_bytes(
        (GERMAN + "R3;1;;;A1;Größe 5;Schrauben;14.02.2025;1;617,25;Deutschland\n").encode("cp1252")
    )
    found, tables = imported(folder, tmp_path)
    assert "transactions.account_id, from Kundennr.: 1 of 4 are missing; these rows are left out" in found.doubts
    assert len(tables["transactions"]) == 3
    assert "why: no Kundennr., budget:" in found.text


def test_a_salesforce_export_imports_as_it_is(tmp_path):
    folder = put(
        tmp_path / "e",
        Account=rows(
            "Id,Name,Website,Industry,NumberOfEmployees,BillingCountry,CreatedDate,IsDeleted,LastActivityDate",
            "001A,Acme,https://www.acme.example/de,Steel,50,DE,2024-01-05T08:00:00.000Z,false,2026-01-01",
            "001B,Beta,beta.example,Food,20,FR,2024-02-05T08:00:00.000Z,false,2026-01-01",
            "001C,Gone,gone.example,Food,20,FR,2024-02-05T08:00:00.000Z,true,2026-01-01",  # deleted
        ),
        Contact=rows(
            "Id,AccountId,FirstName,LastName,Email,Title,HasOptedOutOfEmail,CreatedDate",
            "003A,001A,Ann,Secretname,ann.secretname@acme.example,CEO,false,2024-01-06T08:00:00.000Z",
            "003B,001B,Bob,Otherword,bob@beta.example,Buyer,true,2024-02-06T08:00:00.000Z",
        ),
        Opportunity=rows(
            "Id,AccountId,Name,StageName,Amount,Probability,CloseDate,Type,IsClosed,IsWon,CreatedDate",
            "006A,001A,Deal A,Closed Won,1000,100,2024-06-30,New Business,true,true,2024-02-01T08:00:00.000Z",
            "006B,001B,Deal B,Negotiation,500,60,2026-09-30,Renewal,false,false,2024-03-01T08:00:00.000Z",
            "006C,001B,Deal C,Closed Lost,700,0,2024-07-30,Existing Business,true,false,2024-03-01T08:00:00.000Z",
        ),
        Task=rows(
            "Id,AccountId,WhoId,Subject,TaskSubtype,ActivityDate,CallDurationInSeconds",
            "00T1,001A,003A,Intro,Call,2024-02-02,120",
            "00T2,001B,003B,Offer,Email,2024-03-02,",
        ),
    )  # fmt: skip
    found, tables = imported(folder, tmp_path)
    deals = tables["opportunities"].set_index("opportunity_id")
    assert tables["accounts"]["domain"].tolist() == ["acme.example", "beta.example"]  # who was deleted is left out
    assert deals["probability"].tolist() == [1, 0.6, 0]
    assert deals["type"].tolist() == ["new", "renewal", "expansion"]
    assert deals["is_closed"].tolist() == [True, False, True]
    assert deals["is_won"].tolist() == [True, None, False]
    assert deals["closed_at"].dt.strftime("%F").fillna("").tolist() == ["2024-06-30", "", "2024-07-30"]
    people = tables["contacts"]
    assert people["email_domain"].tolist() == ["acme.example", "beta.example"]
    assert people["email_hash"].str.fullmatch("[0-9a-f]{64}").all()
    assert people["opted_out"].tolist() == [False, True]
    touches = tables["activities"]
    assert touches["channel"].tolist() == ["phone", "email"]
    assert touches["duration_min"].tolist()[0] == 2
    assert not re.search("Secretname|Otherword|Ann|bob@", found.text)
    assert {"opportunities", "accounts.domain", "contacts.email_hash"} <= found.present
    assert "Account.csv: 1 of 3 rows are left out: deleted in the CRM" in found.doubts


def test_a_column_that_another_file_holds_is_a_doubt(tmp_path):
    folder = put(
        tmp_path / "e",
        company=rows("id,property_name,property_domain,property_numberofemployees,property_createdate",
                     "11,Acme,acme.example,50,2024-01-05 08:00:00", "12,Beta,beta.example,20,2024-01-06 08:00:00"),
        deal=rows("deal_id,property_dealname,property_amount,deal_pipeline_stage_id,property_createdate,property_closedate",
                  "91,A,100,s9,2024-02-01 08:00:00,2024-03-01 08:00:00", "92,B,200,s1,2024-02-02 08:00:00,",
                  "93,C,300,s8,2024-02-03 08:00:00,2024-04-01 08:00:00"),
        deal_pipeline_stage=rows("stage_id,label,is_closed,closed_won,probability,display_order",
                                 "s1,Meeting,false,false,0.2,1", "s8,Lost,true,false,0,3", "s9,Won,true,true,1,2"),
        deal_company=rows("deal_id,company_id,type_id", "91,11,1", "92,12,1", "93,12,1"),
        owner=rows("owner_id,email", "1,ann@us.example"),
    )  # fmt: skip
    found, tables = imported(folder, tmp_path)
    deals = from_columns(found.text, "opportunities")
    assert (deals["opportunity_id"], deals["amount"], deals["stage"]) == (
        "deal_id",
        "property_amount",
        "deal_pipeline_stage.label",
    )
    assert {"opportunities", "opportunities.amount"} <= found.present
    assert deals["account_id"] == "deal_company.company_id"
    assert tables["opportunities"]["account_id"].tolist() == ["11", "12", "12"]
    assert tables["opportunities"]["is_won"].tolist() == [True, None, False]
    assert tables["accounts"]["employees"].tolist() == [50, 20]
    assert found.files["owner.csv"] == ()


def test_a_column_that_must_be_there_is_left_to_be_filled_in(tmp_path):
    folder = put(tmp_path / "e", surveys=rows("survey_name,customer_id,score", "a,1,9", "a,2,7"))
    found = drafts.look(folder)
    assert from_columns(found.text, "surveys")["responded_at"] == "FILL IN"
    assert "surveys.responded_at: nothing in surveys.csv is it" in found.doubts
    assert "surveys.responded_at" not in found.present
    with pytest.raises(TableError, match=r"surveys.responded_at needs column 'FILL IN'; surveys.csv has"):
        imported(folder, tmp_path)


def test_facts_and_dimensions_are_told_apart(tmp_path):
    folder = put(
        tmp_path / "e",
        DimCustomer=rows("CustomerKey,CustomerAlternateKey,GeographyKey,CompanyName,NumberEmployees",
                         "1,AW1,7,Acme,5", "2,AW2,8,Beta,6", "3,AW3,8,Gamma,9"),
        DimGeography=rows("GeographyKey,City,CountryRegionName", "7,Bonn,Germany", "8,Lyon,France"),
        FactSales=rows("OrderNumber,LineNumber,CustomerKey,OrderDateKey,OrderDate,SalesAmount,TaxAmt,TotalProductCost",
                       "o1,1,1,20240105,2024-01-05,10.5,1,4", "o1,2,1,20240105,2024-01-05,20.5,2,5", "o2,1,3,20240106,2024-01-06,5,3,1"),
    )  # fmt: skip
    _, tables = imported(folder, tmp_path)
    assert "country" not in tables["accounts"]  # a person joins what other files hold
    assert tables["transactions"]["account_id"].tolist() == ["1", "1", "3"]
    assert tables["transactions"]["transaction_id"].tolist() == ["o1-1", "o1-2", "o2-1"]
    assert tables["transactions"]["revenue"].tolist() == [10.5, 20.5, 5]


def test_repeated_keys_and_references_that_find_nothing_are_doubts(tmp_path):
    folder = put(
        tmp_path / "e",
        accounts=rows("account_id,name,industry,country,created_at", "1,Acme,Steel,DE,2024-02-01", "1,Acme,Steel,DE,2024-02-01", "2,Beta,Food,FR,2024-02-01"),
        deals=rows("deal_id,account_id,deal_stage,amount", "7,1,Won,5", "8,X,Won,5", "9,Y,Won,5"),
    )  # fmt: skip
    doubts = drafts.look(folder).doubts
    assert "accounts: 1 rows repeat a account_id; the first is taken" in doubts
    assert "opportunities.account_id, from account_id: only 33% of its values are found in accounts" in doubts


def test_a_file_that_no_table_is_made_from_is_a_doubt_with_what_it_lacks(tmp_path):
    folder = tmp_path / "export"
    lines = "Ann Smith,2025-08-31\nBob Jones,2025-09-30\n"
    files = {"Surveys": f"Interviewer,Remark\n{lines}", "Territory": "Place\nNorth\n"}
    put(folder, **files, Account="Account Name,Industry\nAdatum,Food\nContoso,Food\n")
    found = drafts.look(folder)
    what = "Surveys.csv: is called like surveys, but has not score, and account id, and wave or responded at or survey type or item; its 2 rows are not mapped"
    assert what in found.doubts[:3]
    assert "no table is made from Territory.csv" in found.doubts
    assert found.unused["Territory.csv"] == "like no table"


def test_unknown_stages_are_named_as_a_doubt(tmp_path):
    folder = put(
        tmp_path / "e",
        deals=rows(
            "deal_id,company,deal_stage,amount,close_date", "1,A,Phase 1,10,2024-01-05", "2,B,Phase 2,20,2024-01-06"
        ),
    )
    what = "opportunities.is_won, from deal_stage: nobody told what 'Phase 1' (1 rows), 'Phase 2' (1 rows) means"
    assert drafts.look(folder).doubts[0].startswith(what)
    with pytest.raises(TableError, match="value 'FILL IN' of map does not read"):
        imported(folder, tmp_path)


NASTY = [
    '"id"', "a: b", "# c", "x\ny", "no", "1e3", "~", "null", "true", "{a}", "[b]", "a.b", "customers.id", "it's", "- x",
    "%", "*a", "&a", "!t", "@", "", "  ", "😀", "a\tb", "\x85", "twice", "Twice", "Customer Name", "Customer ID",
]  # fmt: skip


def test_no_name_of_a_column_or_file_breaks_the_draft(tmp_path):
    folder = tmp_path / "e"
    (folder / "sub folder").mkdir(parents=True)
    with (folder / "my customers [2]*.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([NASTY, *([f"{r} v{i}" for i in range(len(NASTY))] for r in range(5))])
    (folder / "sub folder" / "no.csv").write_text("id,~\n1,2\n", "utf-8")
    for name in NASTY:
        if name.strip():
            only = put(
                tmp_path / "only",
                accounts=rows('"{}",industry,country'.format(name.replace('"', '""')), "1,a,DE", "2,b,FR"),
            )
            path = tmp_path / "draft.yml"
            path.write_text(drafts.look(only).text, "utf-8")
            mapped.load_mapping(path)
    for title in ("no", "1e3", "~", "a: b # c", "x\ny", '"', "'", "{", None):
        path.write_text(drafts.look(only, title).text, "utf-8")
        assert mapped.load_mapping(path).title == (title or "only").replace("\n", " ")
    found, tables = imported(folder, tmp_path)
    assert tables["accounts"]["name"].tolist() == [f"{r} v27" for r in range(5)]
    assert any("stand more than once" in d for d in found.doubts)


def test_a_file_that_cannot_be_read_is_a_doubt_and_the_others_go_on(tmp_path):
    folder = put(
        tmp_path / "e",
        customers=rows("customer_id,name,industry,country", "1,A,x,DE", "2,B,y,FR"),
        empty="",
        ragged="a,b\n1,2,3\n",
    )
    (folder / "zero.parquet").write_bytes(b"nonsense")
    (folder / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 1000)[:40])
    (folder / "book.xlsx").write_bytes(b"nonsense")
    found, tables = imported(folder, tmp_path)
    assert len(tables["accounts"]) == 2
    for name in ("empty.csv", "ragged.csv", "zero.parquet", "cut.csv.gz", "book.xlsx"):
        assert any(d.startswith(f"{name}: could not be read and is left out") for d in found.doubts), name


def test_it_refuses_what_is_no_folder_and_one_without_a_file(tmp_path):
    with pytest.raises(ValueError, match=r"must be a folder of files. Give the folder"):
        drafts.look(tmp_path / "nowhere")
    with pytest.raises(TableError, match="no file with named columns can be read"):
        drafts.look(tmp_path)


def test_a_file_like_nothing_still_gives_a_mapping_to_correct(tmp_path):
    folder = put(tmp_path / "e", things=rows("colour,weight", "red,1", "blue,2"))
    found = drafts.look(folder)
    assert found.doubts[0].startswith("no file looks like accounts, or names them; things.csv stands for one")
    assert found.present == set()  # not even accounts, of which no column is there
    with pytest.raises(TableError, match="accounts.account_id needs column 'FILL IN'; things.csv has"):
        imported(folder, tmp_path)


def test_a_hundred_columns_are_no_trouble(tmp_path):
    names = [f"free field {i}" for i in range(98)]
    lines = [",".join([str(r * i % 17) for i in range(98)] + [str(r), f"n{r}"]) for r in range(200)]
    folder = put(tmp_path / "e", customers=rows(",".join([*names, "Customer ID", "Customer Name"]), *lines))
    assert from_columns(drafts.look(folder).text, "accounts")["name"] == "Customer Name"


def test_json_lines_and_compressed_files_are_read(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / "companies.jsonl").write_text(
        '{"id": 1, "info": {"name": "Acme", "industry": "Steel"}}\n{"id": 2, "info": {"name": "Beta"}}\n'
    )
    with gzip.open(folder / "orders.csv.gz", "wt") as file:
        file.write(rows("order_no,company_id,order_date,amount", "o1,1,2024-01-05,5", "o2,2,2024-01-06,6"))
    _, tables = imported(folder, tmp_path)
    assert tables["accounts"]["account_id"].tolist() == ["1", "2"]
    assert tables["transactions"]["account_id"].tolist() == ["1", "2"]


def test_every_sheet_of_a_workbook_is_a_source(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    xlsx(
        folder / "export.xlsx",
        Companies=[
            ["Our companies"],
            [""],
            ["Company ID", "Company Name", "Industry"],
            ["1", "Acme", "Steel"],
            ["2", "Beta", "Food"],
        ],
        Deals=[
            ["Deal ID", "Company ID", "Deal Stage", "Amount"],
            ["91", "1", "Won", "100"],
            ["92", "2", "Open", "200"],
        ],
    )
    found, tables = imported(folder, tmp_path)
    assert found.files == {
        "export.xlsx, sheet Companies": ("accounts",),
        "export.xlsx, sheet Deals": ("opportunities",),
    }
    assert tables["accounts"]["name"].tolist() == ["Acme", "Beta"]
    assert tables["opportunities"]["is_won"].tolist() == [True, None]


RENAMED = {  # what a CRM calls the columns of the sample
    "accounts": ("Companies", {"account_id": "Company ID", "name": "Company Name", "domain": "Website", "industry": "Sector", "country": "Billing Country", "region": "Sales Region", "employees": "Number of Employees", "annual_revenue": "Annual Revenue", "owner_id": "Account Owner", "created_at": "Create Date", "source_system": "Account Source"}),
    "contacts": ("People", {"contact_id": "Contact ID", "account_id": "Company ID", "title": "Job Title", "department": "Department", "created_at": "Created On", "opted_out": "Opted Out", "is_lead": "Is Lead"}),
    "opportunities": ("Deals", {"opportunity_id": "Deal ID", "account_id": "Company ID", "type": "Deal Type", "stage": "Deal Stage", "amount": "Deal Amount", "probability": "Win Probability", "created_at": "Opened", "close_date": "Close Date", "is_closed": "Closed", "is_won": "Won", "owner_id": "Deal Owner", "product_line": "Line of Business"}),
    "transactions": ("Invoice lines", {"transaction_id": "Line ID", "account_id": "Customer No", "product_id": "Item No", "booked_at": "Invoice Date", "quantity": "Qty", "revenue": "Net Amount", "cogs": "Total Cost", "discount": "Discount"}),
    "products": ("Items", {"product_id": "Item No", "name": "Item Name", "product_line": "Product Category", "list_price": "List Price"}),
    "activities": ("Touchpoints", {"activity_id": "Touch ID", "account_id": "Company ID", "contact_id": "Contact ID", "occurred_at": "Activity Date", "direction": "Direction", "channel": "Channel", "activity_type": "Activity Type", "duration_min": "Duration"}),
}  # fmt: skip


def test_the_sample_under_other_names_is_recovered(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    for table, (file, names) in RENAMED.items():
        pd.read_csv(SAMPLE / f"{table}.csv", dtype=str, usecols=list(names)).rename(columns=names).to_csv(
            folder / f"{file}.csv", index=False
        )
    text = drafts.look(folder).text
    wrong = {
        (table, c): got.get(c)
        for table, (_, names) in RENAMED.items()
        for got in [from_columns(text, table)]
        for c, name in names.items()
        if got.get(c) != name and name != "Won"
    }
    assert wrong == {}
