"""A copy of data without names: the same codes everywhere, the same numbers, and nothing left that names an account."""

import json

import pandas as pd
import pytest
import yaml

from abmlib.tables import Book, people, redact, schema
from abmlib.tables.fingerprint import fingerprint
from abmlib.tables.source import Source
from tests.conftest import SAMPLE, put

KEY = b"0123456789abcdef"
HOSTILE = ["<b>Bold & Sons</b>", "A.*+?[x](y){2}|^$", 'O\'Neil "Quoted" Ltd', "../up/and\\away", "Two\nLines Inc", "X"]
ACCOUNTS = """account_id,name,domain,parent_account_id,owner_id,created_at,is_duplicate_of,secret_column
Acme Corp,Acme Corp,acme.example,,Jane Doe,2025-01-01,,Acme Corp
beta,Beta & Söhne,beta.example,Acme Corp,Jane Doe,2025-01-01,,
BETA,IBM,,,Jim Roe,2025-01-01,beta,
12,1871,,,,2025-01-01,,
"""
CONTACTS = """contact_id,account_id,email_hash,email_domain,full_name,title,created_at
12,Acme Corp,0123456789abcdef0123456789abcdef,ACME.example,Ann Smith,Head of Acme-Corp IT,2025-01-01
k2,,,gmail.example,,CEO,2025-01-01
"""
OPPORTUNITIES = """opportunity_id,account_id,name,stage,amount,created_at,is_closed,is_won,closed_at,loss_reason,competitor,owner_id
d1,Acme Corp,Acme renewal,Lost,10,2025-02-01,true,false,2025-03-01,went to ibm,Rival,Jane Doe
d2,beta,,Lost,20,2025-02-01,true,false,2025-03-01,stayed with IBM,Rival,
d3,nowhere,Third,Open,30,2025-02-01,false,,,,,Jim Roe
"""
HISTORY = """table,row_id,field,value,known_from
accounts,Acme Corp,name,Old Acme Holding,2025-01-01
accounts,beta,parent_account_id,Acme Corp,2025-01-01
accounts,beta,owner_id,Jim Roe,2025-01-01
accounts,beta,employees,50,2025-01-01
accounts,beta,tech_stack,made by Old Acme Holding,2025-01-01
contacts,12,title,CEO,2025-01-01
"""
TARGETS = "period,owner_id,measure_id,value,entered_at,entered_by,supersedes\n2025,Jane Doe,won_value,5,2025-01-01T08:00:00Z,Jane Doe,\n"
LEDGER = "step,table,rows_in,rows_out,rows_lost,why\nkeep,lines,9,7,2,no buyer (first: ['Acme Corp (old)'])\nread,lines,9,9,0,file acme corp.csv\n"


@pytest.fixture
def source(tmp_path) -> Source:
    """A book whose ids are names, with the same names in many places."""
    data = put(tmp_path / "data", accounts=ACCOUNTS, contacts=CONTACTS, opportunities=OPPORTUNITIES,
               attribute_history=HISTORY, ledger=LEDGER)  # fmt: skip
    put(data / "programme", targets=TARGETS)
    facts = {"title": "Acme's book", "currency": "EUR", "time_zone": "Europe/Berlin", "source": {"mapping": "acme.yml"}}
    (data / "workbook.yml").write_text(yaml.safe_dump(facts), "utf-8")
    return Source(data)


@pytest.fixture
def copy(source, tmp_path) -> dict[str, pd.DataFrame]:
    """Its redacted copy, as written, and the table of codes."""
    to = tmp_path / "copy"
    codes = redact.redacted(source, KEY, to)
    tables = {path.stem: pd.read_parquet(path) for path in to.glob("*.parquet")}
    return tables | {"codes": codes, "targets": pd.read_csv(to / "programme" / "targets.csv")}


def code_of(copy, account: str) -> str:
    return copy["codes"].set_index("account_id").loc[account, "code"]


def test_an_account_has_one_code_wherever_its_id_stands(copy):
    acme, beta = code_of(copy, "Acme Corp"), code_of(copy, "beta")
    accounts = copy["accounts"].set_index("account_id")
    assert accounts.loc[acme, "name"] == f"Account {acme[1:]}"
    assert accounts.loc[beta, "parent_account_id"] == acme
    assert accounts.loc[code_of(copy, "BETA"), "is_duplicate_of"] == beta
    assert set(copy["contacts"]["account_id"].dropna()) == {acme}
    assert set(copy["opportunities"]["account_id"]) == {acme, beta, code_of(copy, "nowhere")}


def test_ids_that_differ_in_capitals_only_have_codes_of_their_own(copy):
    assert code_of(copy, "beta") != code_of(copy, "BETA")
    assert copy["codes"]["code"].is_unique


def test_the_table_of_codes_holds_ids_that_reference_nothing_too(copy):
    codes = copy["codes"].set_index("account_id")
    assert sorted(codes.index) == ["12", "Acme Corp", "BETA", "beta", "nowhere"]
    assert codes.loc["beta", "name"] == "Beta & Söhne"
    assert pd.isna(codes.loc["nowhere", "name"])


def test_the_same_id_of_an_account_and_a_person_is_not_the_same_code(copy):
    assert code_of(copy, "12")[1:] not in {c[1:] for c in copy["contacts"]["contact_id"]}


def test_domains_of_accounts_and_mail_still_match(copy):
    domains = copy["accounts"].set_index("account_id")["domain"]
    contacts = copy["contacts"].dropna(subset=["account_id"])
    assert contacts["email_domain"].tolist() == [domains[code_of(copy, "Acme Corp")]]
    assert domains.dropna().str.fullmatch(r"D[0-9A-F]{6}\.example").all()


def test_text_that_holds_a_name_becomes_a_code_of_itself_and_other_text_stays(copy):
    deals = copy["opportunities"].set_index("amount")
    assert deals.loc[10, "loss_reason"] == "went to ibm"  # a name of three letters must agree in capitals
    assert deals.loc[20, "loss_reason"].startswith("Text ")
    assert set(copy["contacts"]["title"]) >= {"CEO"}
    assert copy["contacts"]["title"].str.startswith("Text ").sum() == 1


def test_what_changed_of_an_account_is_coded_as_in_its_table_and_its_old_names_are_sought(copy, source):
    past = copy["attribute_history"].set_index("field")
    acme, beta = code_of(copy, "Acme Corp"), code_of(copy, "beta")
    assert past.loc["name", ["row_id", "value"]].tolist() == [acme, f"Account {acme[1:]}"]
    assert past.loc["parent_account_id", ["row_id", "value"]].tolist() == [beta, acme]
    assert past.loc["owner_id", "value"] in set(copy["accounts"]["owner_id"])
    assert past.loc["employees", "value"] == "50"
    assert past.loc["tech_stack", "value"].startswith("Text ")
    assert past.loc["title", "row_id"] in set(copy["contacts"]["contact_id"])
    assert "Old Acme Holding" in redact.names_of(redact.read(source))


def test_no_word_of_the_copy_names_an_account_or_a_seller(source, tmp_path):
    redact.redacted(source, KEY, tmp_path / "copy")
    sought = redact.index(
        [*redact.names_of(redact.read(source)), "Ann Smith", "Old Acme Holding", "Rival", "acme", "gmail"]
    )
    for path in (tmp_path / "copy").rglob("*.*"):
        text = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text("utf-8")
        assert redact.found(text, sought) == set(), path.name


def test_what_was_filled_stays_filled_and_what_was_equal_stays_equal(source, tmp_path):
    redact.redacted(source, KEY, tmp_path / "copy")
    before, after = (Book.open(place, "2025-12-31") for place in (source.folder, tmp_path / "copy"))
    pd.testing.assert_frame_equal(before.fields(), after.fields())
    for name in sorted(source.names):
        old, new = before.read(name), after.read(name)
        assert sorted(old.nunique().items()) == sorted(new.nunique().items()), name
        for column, definition in schema.spec(name).columns.items():
            if definition.kind in {"money", "number", "int", "ts", "date"}:
                assert sorted(old[column].dropna()) == sorted(new[column].dropna()), column


def test_every_check_finds_the_same_on_the_copy_of_the_sample(tmp_path):
    before = Source(SAMPLE)
    redact.redacted(before, KEY, tmp_path / "copy")
    counted = ["table", "check", "severity", "bad", "rows"]
    pd.testing.assert_frame_equal(before.audit()[counted], Source(tmp_path / "copy").audit()[counted])


def test_notes_and_staff_of_the_programme_are_coded_and_who_entered_nothing_stays_nobody(source, tmp_path):
    put(
        source.folder,
        contracts="contract_id,account_id,start,end,arr,auto_renew,renewed\nk1,beta,2025-01-01,2025-12-31,9,true,true\n",
        account_insights="insight_id,account_id,contact_id,kind,text,source,observed_at\ni1,beta,12,politics,Ann is kind,call,2025-01-01\n",
    )
    entry, stamp = "entered_at,entered_by\n", "2025-02-01T00:00:00Z,Jane Doe\n"
    put(
        source.folder / "programme",
        workshop_actions=f"account_id,text,owner,{entry}beta,call,Jim Roe,{stamp}beta,write,,{stamp}",
        team=f"person_id,team,function,capacity_hours,{entry}Jim Roe,sales,sales,8,{stamp}",
    )
    before = Source(source.folder)
    redact.redacted(before, KEY, tmp_path / "copy")
    people = Book.open(tmp_path / "copy", "2025-12-31", people=True)
    (insight,), actions, team = (
        people.read(n).to_dict("records") for n in ("account_insights", "workshop_actions", "team")
    )
    actions.sort(key=lambda action: pd.isna(action["owner"]))
    assert insight["text"].startswith("Note ")
    assert (insight["entered_by"], insight["kind"], insight["source"]) == ("source", "politics", "call")
    assert actions[0]["text"].startswith("Note ")
    assert actions[0]["owner"] == team[0]["person_id"] != "Jim Roe"
    assert pd.isna(actions[1]["owner"])
    assert team[0]["entered_by"] == actions[0]["entered_by"] != "Jane Doe"
    books = [Book.open(place, "2025-12-31") for place in (source.folder, tmp_path / "copy")]
    for day in ("2025-06-30", "2025-12-31"):  # what was hidden on a day is hidden in the copy
        old, new = (book.read("contracts", on=pd.Timestamp(day)) for book in books)
        assert new["entered_by"].tolist() == ["source"]
        columns = ["start", "end", "arr", "renewed", "entered_at"]
        pd.testing.assert_frame_equal(old[columns], new[columns])


def test_the_workbook_file_keeps_its_facts_and_loses_its_title(source, tmp_path):
    redact.redacted(source, KEY, tmp_path / "copy")
    facts = yaml.safe_load((tmp_path / "copy" / "workbook.yml").read_text())
    assert (facts["title"], facts["currency"], facts["time_zone"]) == ("Redacted", "EUR", "Europe/Berlin")
    assert "source" not in facts


def test_the_ledger_keeps_its_counts_and_names_no_case(source, tmp_path):
    redact.redacted(source, KEY, tmp_path / "copy")
    ledger = pd.read_csv(tmp_path / "copy" / "ledger.csv")
    assert ledger["rows_lost"].tolist() == [2, 0]
    assert ledger["why"].tolist() == ["no buyer", "Redacted"]


def test_the_same_key_gives_the_same_bytes_and_another_key_other_codes(source, tmp_path):
    one, same = (redact.redacted(source, KEY, tmp_path / name) for name in ("one", "same"))
    other = redact.redacted(source, KEY[::-1], tmp_path / "other")
    pd.testing.assert_frame_equal(one, same)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "same")
    assert not set(one["code"]) & set(other["code"])


def test_codes_that_begin_alike_are_written_longer(source, tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "LENGTHS", (1, 2, 64))
    names = pd.Series([f"id{i}" for i in range(40)])
    rows = "".join(f"{n},Name {n},2025-01-01\n" for n in names)
    activities = "activity_id,account_id,occurred_at,direction,channel\na,id1,2025-01-01,inbound,web\n"
    data = put(tmp_path / "many", accounts="account_id,name,created_at\n" + rows, activities=activities)
    codes = redact.redacted(Source(data), KEY, tmp_path / "copy")["code"]
    assert codes.is_unique
    assert set(codes.str.len()) <= {2, 3, 65}
    assert not any(a != b and b.startswith(a) for a in codes for b in codes)


def test_hostile_names_are_coded_like_any_other(tmp_path):
    frame = pd.DataFrame({"account_id": HOSTILE, "name": HOSTILE, "created_at": "2025-01-01"})
    data = put(tmp_path / "d", accounts=frame.to_csv(index=False),
               activities="activity_id,account_id,occurred_at,direction,channel,outcome\na,X,2025-01-01,inbound,web,plan X\n")  # fmt: skip
    source = Source(data)
    codes = redact.redacted(source, KEY, tmp_path / "copy")
    assert sorted(codes["account_id"]) == sorted(HOSTILE)
    there = pd.read_parquet(tmp_path / "copy" / "accounts.parquet")
    assert set(there["account_id"]) == set(codes["code"])
    assert pd.read_parquet(tmp_path / "copy" / "activities.parquet")["outcome"].tolist() == [
        "plan X"
    ]  # one letter is no name
    sought = redact.index(redact.names_of(redact.read(source)))
    text = json.dumps(there.astype(str).to_dict("list"))
    assert redact.found(text, sought) == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("we lost to acme  corp.", {"Acme Corp"}),
        ("ACME-CORP", {"Acme Corp"}),
        ("file acme_corp.csv", {"Acme Corp"}),
        ("Acme\nCorp", {"Acme Corp"}),
        ("Acme Corporation", set()),  # another word
        ("corp acme", set()),  # another order
        ("IBM or ibm", {"IBM"}),
        ("ibm", set()),
        ("MÜLLER ag", {"Müller AG"}),
        ("Mu\u0308ller AG", {"Müller AG"}),  # the same letters, written otherwise
        ("12345 and X", set()),  # numbers and single letters cannot be told from other text
        ("与中国石油合作", {"中国石油"}),
        ("", set()),
    ],
)
def test_a_name_is_found_as_whole_words_whatever_stands_between_them(text, names):
    sought = redact.index(["Acme Corp", "IBM", "Müller AG", "12345", "X", "中国石油", "***", ""])
    assert redact.found(text, sought) == names


def test_free_text_of_the_programme_is_coded_and_what_rows_are_counted_by_stays(source, tmp_path):
    entry, stamp = "entered_at,entered_by\n", "2025-02-01T00:00:00Z,Jane Doe\n"
    put(
        source.folder / "programme",
        account_tiers=f"account_id,valid_from,tier,set_by,reason,{entry}beta,2025-01-01,1,joint,as Bo asked,{stamp}",
        cycle_overrides=f"account_id,cycle,reason,{entry}beta,mid,see d1 and d2,{stamp}",
        readiness=f"item,score,note,{entry}agreed account list,4,says Bo,{stamp}see k2 first,4,,{stamp}",
        criteria=f"criterion_id,name,weight,sign_off_team,{entry}CR1,liked by Bo,3,sales,{stamp}",
        objectives=f"objective_id,sales_goal,tactic,measure_id,target,{entry}O1,keep Bo,sales,won_value,1,{stamp}",
        personas=f"persona_id,name,seniority,function,goals,pains,{entry}PE1,Bo,vp,sales,less work,noise,{stamp}",
    )
    redact.redacted(Source(source.folder), KEY, tmp_path / "copy")
    read = {path.stem: pd.read_csv(path) for path in (tmp_path / "copy" / "programme").glob("*.csv")}
    whole = "\n".join(frame.to_csv() for frame in read.values())
    assert redact.found(whole, redact.index(["Bo", "d1", "d2", "k2", "Jane Doe", "less work"])) == set()
    assert "agreed account list" in read["readiness"]["item"].tolist()
    assert (read["criteria"].loc[0, "sign_off_team"], read["personas"].loc[0, "function"]) == ("sales", "sales")
    assert read["objectives"].loc[0, "tactic"].startswith("Note ")  # the same word is no note elsewhere


def test_who_was_forgotten_is_not_in_the_copy_which_needs_no_key_to_be_read(source, tmp_path):
    line = f"{people.person_hash('12', KEY)},2025-01-01T00:00:00Z,me\n"
    put(source.folder / "programme", forgotten="person_hash,entered_at,entered_by\n" + line)
    again = Source(source.folder)
    again.key = KEY
    redact.redacted(again, KEY, tmp_path / "copy")
    contacts = Book.open(tmp_path / "copy", "2025-12-31").read("contacts")
    assert len(contacts) == 1
    assert not (tmp_path / "copy" / "programme" / "forgotten.csv").exists()


def test_refuses_a_place_that_is_taken_and_a_key_that_can_be_tried_out(source, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ValueError, match="taken: is there already"):
        redact.redacted(source, KEY, tmp_path / "taken")
    with pytest.raises(ValueError, match="the key has 5 bytes"):
        redact.redacted(source, b"short", tmp_path / "copy")


def test_campaigns_and_rival_companies_are_names_too():
    names = redact.names_of(redact.read(Source(SAMPLE)))
    assert {"Newsletter 2026-1", "K26H1-NEWS", "Keshmore"} <= set(names)
