"""No report holds a person who opted out, on any date; names come only where they are asked for, and are text."""

import datetime as dt
import functools
import re
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from abmlib.market import simulate, write
from abmlib.pages import catalogue, parameters
from abmlib.tables import Book, TableError, people, schema
from abmlib.tables.source import Source
from tests import twins_in_process
from tests.conftest import ACCOUNTS, NOTEBOOKS, SAMPLE, TRANSACTIONS, put
from tests.test_run import EVIL

HASH = "ab" * 32
CONTACTS = (
    "contact_id,account_id,email_hash,email_domain,full_name,title,opted_out,created_at\n"
    f"c1,acme,{HASH},ann.example,Ann Quill,Chief,true,2025-01-01T00:00:00Z\n"
    f"c2,acme,{HASH[::-1]},acme.example,Bo Li,Buyer,false,2025-01-01T00:00:00Z\n"
    "c3,beta,,beta.example,Cy Ray,Clerk,false,2025-01-01T00:00:00Z\n"  # opted out by history only
    "c4,beta,,beta.example,Di Orr,Head,false,2025-01-01T00:00:00Z\n"  # opted out once, and in again
    "late,beta,,beta.example,Ed Zorn,Head,true,2026-05-01T00:00:00Z\n"  # not known in March
)
HISTORY = (
    "table,row_id,field,value,known_from\n"
    "contacts,c1,opted_out,false,2025-01-01T00:00:00Z\n"  # what was true then is no excuse now
    "contacts,c3,opted_out,false,2025-01-01T00:00:00Z\n"
    "contacts,c3,opted_out,true,2026-06-01T00:00:00Z\n"
    "contacts,c4,opted_out,true,2025-01-01T00:00:00Z\n"
    "contacts,c4,opted_out,false,2026-06-01T00:00:00Z\n"
    "contacts,c1,title,Apprentice,2025-01-01T00:00:00Z\n"
    "contacts,c2,title,Assistant of Ann,2025-01-01T00:00:00Z\n"
    "accounts,acme,employees,40,2025-01-01T00:00:00Z\n"
)
ACTIVITIES = (
    "activity_id,account_id,contact_id,occurred_at,direction,channel\n"
    "a1,acme,c1,2026-01-01T00:00:00Z,inbound,web\n"
    "a2,acme,c1,2026-02-01T00:00:00Z,inbound,web\n"
    "a3,acme,c2,2026-01-01T00:00:00Z,inbound,web\n"
    "a4,acme,,2026-01-01T00:00:00Z,inbound,web\n"
)
PARTS = (
    "opportunity_id,contact_id,role,added_at\n"
    "o1,c1,decision_maker,2026-01-01T00:00:00Z\n"
    "o1,c2,champion,2026-01-01T00:00:00Z\n"
)
TABLES = {"contacts": CONTACTS, "activities": ACTIVITIES, "opportunity_contacts": PARTS, "attribute_history": HISTORY}
both_days = pytest.mark.parametrize("as_of", ["2026-03-31", "2026-06-30"])


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The book with a snapshot of each day that several tests ask for."""
    folder = put(tmp_path_factory.mktemp("people") / "data", accounts=ACCOUNTS, transactions=TRANSACTIONS, **TABLES)
    for day in ("2026-03-31", "2026-06-30"):
        Book.open(folder, day)
    return folder


@pytest.fixture
def data(opened, tmp_path):
    return Path(shutil.copytree(opened, tmp_path / "data"))


# -- names on request -------------------------------------------------------------------------------------------------


def test_names_and_free_text_about_people_come_only_when_asked_for(data):
    without = Book.open(data, "2026-06-30").read("contacts")
    assert schema.personal("contacts") == ["email_hash", "full_name", "title"]
    assert without[schema.personal("contacts")].isna().all(axis=None)
    assert without["account_id"].notna().all()
    asked = Book.open(data, "2026-06-30", people=True).read("contacts").set_index("contact_id")
    assert asked.loc["c2", ["full_name", "title", "email_hash"]].tolist() == ["Bo Li", "Buyer", HASH[::-1]]


def test_earlier_values_of_personal_columns_are_personal_too(data):
    def values(with_names: bool) -> dict:
        history = Book.open(data, "2026-06-30", people=with_names).read("attribute_history")
        return history[history["field"] != "opted_out"].set_index("row_id")["value"].dropna().to_dict()

    assert values(False) == {"acme": "40"}
    assert values(True) == {"acme": "40", "c2": "Assistant of Ann"}  # not c1, who opted out


def test_personal_columns_are_text_and_may_be_missing():
    for name in [*schema.CANONICAL, *schema.PROGRAMME, *schema.RESULTS]:
        for column in schema.personal(name):
            assert schema.spec(name).columns[column].null
            assert schema.spec(name).columns[column].kind == "text"


INSIGHTS = (
    "insight_id,account_id,contact_id,kind,text,source,observed_at\n"
    "i1,acme,c1,politics,Ann is against it,call,2026-01-01T00:00:00Z\n"
    "i2,acme,c2,pain,Bo waits,call,2026-01-01T00:00:00Z\n"
    "i3,acme,,goal,Acme grows,web,2026-01-01T00:00:00Z\n"
)


def test_what_was_learnt_of_a_person_comes_when_asked_for_and_never_of_who_opted_out(data):
    put(data / "programme", account_insights=INSIGHTS.replace("at\n", "at,entered_at,entered_by\n", 1).replace("Z\n", "Z,2026-01-02T00:00:00Z,Li\n"))  # fmt: skip
    without, asked = (Book.open(data, "2026-06-30", people=p).read("account_insights") for p in (False, True))
    assert without["text"].isna().all()
    assert asked["text"].fillna("-").tolist() == ["-", "Bo waits", "Acme grows"]
    for frame in (without, asked):
        assert frame["contact_id"].fillna("nobody").tolist() == ["opted-out-1", "c2", "nobody"]
        assert frame["kind"].tolist() == ["politics", "pain", "goal"]


# -- opted out --------------------------------------------------------------------------------------------------------


@both_days
def test_who_opted_out_by_the_newest_knowledge_is_a_stand_in_on_every_date(data, as_of):
    contacts = Book.open(data, as_of, people=True).read("contacts").set_index("contact_id")
    gone = contacts[contacts["opted_out"]]
    # numbered in the order of their ids: c1, c3, late; the last is not known in March, and keeps number 3
    assert gone.index.tolist() == ["opted-out-1", "opted-out-2", "opted-out-3"][: 3 if as_of > "2026-05" else 2]
    assert gone[list(people.HIDDEN)].isna().all(axis=None)
    assert gone["account_id"].tolist()[:2] == ["acme", "beta"]
    assert people.reachable(contacts).index.tolist() == ["c2", "c4"]


@both_days
def test_touches_and_roles_of_who_opted_out_stay_facts_of_the_account(data, as_of):
    book = Book.open(data, as_of)
    touches = book.read("activities")
    assert touches["contact_id"].fillna("nobody").tolist() == ["opted-out-1", "opted-out-1", "c2", "nobody"]
    assert touches["contact_id"].nunique() == 2
    parts = book.read("opportunity_contacts").set_index("contact_id")
    assert parts["role"].to_dict() == {"opted-out-1": "decision_maker", "c2": "champion"}
    history = book.read("attribute_history")
    assert not {"c1", "c3"} & set(history["row_id"])
    assert len(history) == (6 if as_of < "2026-06" else 8)  # none is lost


def test_a_flag_that_reads_as_nothing_counts_as_opted_out(data):
    put(data, contacts=CONTACTS.replace("Buyer,false", "Buyer,perhaps"))
    assert "c2" not in set(Book.open(data, "2026-06-30").read("activities")["contact_id"].dropna())
    with pytest.raises(TableError, match="1 of 5 values of opted_out do not read as bool"):
        Book.open(data, "2026-06-30").read("contacts")


def test_without_contacts_or_without_the_column_everyone_is_who_they_are(data):
    (data / "attribute_history.csv").unlink()
    put(data, contacts="contact_id,created_at\nc1,2025-01-01T00:00:00Z\n")
    assert Book.open(data, "2026-06-30").read("contacts")["contact_id"].tolist() == ["c1"]
    (data / "contacts.csv").unlink()
    assert Book.open(data, "2026-06-30").read("activities")["contact_id"].dropna().tolist() == ["c1", "c1", "c2"]


# -- what a notebook may leave ----------------------------------------------------------------------------------------


@pytest.fixture
def listing(monkeypatch):
    """A result table that lists people, as a later notebook will have it; one column is known by its reference only."""
    columns = {
        "contact_id": schema.col("id", "person"),
        "next": schema.col("id", "whom to ask next", null=True, ref="contacts.contact_id"),
        "full_name": schema.col("text", "name", null=True, personal=True),
    }
    monkeypatch.setitem(schema.RESULTS, "07_people", schema.table("07_people", "People.", ["contact_id"], columns))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("c1", None, None), r"1 of 2 rows hold a person who opted out or was forgotten \(first: \[1\]\)"),
        (("opted-out-1", None, None), r"1 of 2 rows hold a person who opted out or was forgotten \(first: \[1\]\)"),
        (("c4", "c3", None), r"1 of 2 rows hold a person who opted out or was forgotten \(first: \[1\]\)"),
        (("late", None, None), "1 of 2 rows hold a person"),  # not even known on the day
        (("c4", None, "Di Orr"), r"1 of 2 rows have a full_name, and people were not asked for \(first: \[1\]\)"),
    ],
)
def test_a_table_that_lists_them_is_refused_and_nothing_is_left(data, tmp_path, listing, row, says):
    book = Book.open(data, "2026-03-31", tmp_path / "t")
    with pytest.raises(TableError, match=f"07_people: {says}") as refused:
        book.write("07_people", pd.DataFrame([("c2", None, None), row], columns=["contact_id", "next", "full_name"]))
    assert not {"c1", "c3", "late", "Di Orr"} & set(re.findall(r"\w+( Orr)?", str(refused.value)))
    assert not (tmp_path / "t").exists()


def test_those_who_may_be_listed_are_left_and_named_where_asked(data, tmp_path, listing):
    book = Book.open(data, "2026-06-30", tmp_path / "t", people=True)
    book.write("07_people", people.reachable(book.read("contacts"))[["contact_id", "full_name"]])
    assert book.earlier("07_people")["full_name"].tolist() == ["Bo Li", "Di Orr"]
    assert Book.open(data, "2026-06-30", tmp_path / "t").earlier("07_people")["full_name"].isna().all()


def test_a_table_of_an_earlier_run_does_not_bring_back_who_opted_out_since(data, tmp_path, listing):
    rows = pd.DataFrame({"contact_id": ["c2", "c1"], "next": ["c1", None], "full_name": ["Bo Li", "Ann Quill"]})
    (tmp_path / "old").mkdir()
    rows.to_parquet(tmp_path / "old" / "07_people.parquet")
    got = Book.open(data, "2026-06-30", people=True).earlier("07_people", tables=tmp_path / "old")
    assert got["contact_id"].tolist() == ["c2", "opted-out-1"]
    assert got["next"].fillna("").tolist() == ["opted-out-1", ""]
    assert got["full_name"].isna().all()  # of the first row too: nobody can tell of which person its words are


# -- checks -----------------------------------------------------------------------------------------------------------


def test_a_raw_address_is_no_hash_and_is_not_printed(data):
    put(data, contacts=CONTACTS.replace(HASH[::-1], "bo.li(at)acme.example").replace(HASH, "ann(at)quill.example"))
    audit = Source(data).audit().set_index(["table", "check"])
    found = audit.loc[("contacts", "email_hash is spelt right")]
    assert found[["severity", "bad", "first"]].tolist() == ["fail", 2, "c2"]  # who opted out is not named
    assert "(at)" not in audit.to_csv()
    with pytest.raises(TableError, match=r"email_hash is spelt right: broken in 2 of 5 rows \(first: c2\)") as refused:
        Book.open(data, "2026-06-30", people=True).read("contacts")
    assert "(at)" not in str(refused.value)


@pytest.mark.parametrize("length", [32, 40, 64])
def test_hashes_of_the_usual_kinds_pass(data, length):
    put(data, contacts=CONTACTS.replace(HASH[::-1], HASH[:length]))
    assert Book.open(data, "2026-06-30", people=True).read("contacts")["email_hash"].dropna().tolist() == [
        HASH[:length]
    ]


def test_the_sample_passes_every_check():
    audit = Source(SAMPLE).audit()
    assert audit.loc[audit["table"] == "contacts", "bad"].sum() == 0


# -- over all notebooks -----------------------------------------------------------------------------------------------

OUT = ["zqout-one", "zqout-two", "zqout-three"]  # ids of who opted out
DAYS = [dt.date(2026, 3, 31), dt.date(2026, 6, 30)]  # the notebooks of the second day look at the first one too


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Path:
    """A market in which every person's name is told from all other text, companies' names are code, and three people opted out.

    The first did so from the start, the second by an export of today, the third by history alone; that one decides.
    """
    made = simulate(7, 30, 24)
    tables = dict(made.tables)
    contacts, parts, touches = (tables[n] for n in ("contacts", "opportunity_contacts", "activities"))
    busy = touches["contact_id"].value_counts()
    decides = parts.loc[parts["role"] == "decision_maker", "contact_id"]
    third = busy.reindex(decides).idxmax()
    old = [*busy.index.drop(third)[:2], third]
    ids = dict(zip(old, OUT, strict=True))
    contacts = contacts.assign(full_name=[f"Zqname{i:04d} Zqfamily" for i in range(len(contacts))])
    mine = contacts["contact_id"].isin(old)
    contacts["opted_out"] = contacts["contact_id"].isin(old[:2])
    contacts["title"] = "Zqtitle"
    contacts["email_domain"] = contacts["email_domain"].mask(mine, "zqown.example")
    contacts["email_hash"] = contacts["email_hash"].mask(mine, "facade" * 5 + "ab")
    for name, frame in {"contacts": contacts, "opportunity_contacts": parts, "activities": touches}.items():
        tables[name] = frame.assign(contact_id=frame["contact_id"].replace(ids))
    said = [(OUT[1], "false", "2024-07-01"), (OUT[1], "true", "2026-06-01"), (OUT[2], "true", "2026-06-01")]
    history = pd.DataFrame(said, columns=["row_id", "value", "known_from"]).assign(table="contacts", field="opted_out")
    history["known_from"] = pd.to_datetime(history["known_from"], utc=True)
    tables["attribute_history"] = schema.conform("attribute_history", history)
    first = tables["accounts"].index < 12
    names = [f"{EVIL} {i}" for i in range(len(first))]
    tables["accounts"] = tables["accounts"].assign(name=tables["accounts"]["name"].mask(first, pd.Series(names)))
    folder = tmp_path_factory.mktemp("market")
    write(type(made)(tables, made.truth), folder)
    return folder


@pytest.fixture(scope="module")
def pages(market, tmp_path_factory):
    """Run all built notebooks on a day; give their pages, and every word of their cells, pages and tables."""

    @functools.cache
    def pages(day: dt.date, with_names: bool) -> tuple[list[str], str]:
        out = tmp_path_factory.mktemp("tables")
        ran = twins_in_process.run(market, str(day), out, **({"people": True} if with_names else {}))
        shown = [one.page for one in ran.values()]
        words = [*(nbformat.writes(one.node) for one in ran.values()), *shown]
        return shown, "\n".join([*words, *(pd.read_parquet(p).to_csv() for p in out.glob("*.parquet"))])

    return pages


def opted_out_in(words: str) -> set[str]:
    """What the words hold of who opted out."""
    return {mark for mark in [*OUT, "zqown.example", "facade"] if mark in words}


def everything(data: Path, as_of: dt.date, with_names: bool) -> str:
    """All that a notebook could show."""
    book = Book.open(data, as_of, people=with_names)
    found = [book.audit(), book.ledger, book.fields(), book.fact_counts(), book.overview()]
    return "\n".join(frame.to_csv() for frame in [*map(book.read, schema.CANONICAL), *found])


@pytest.mark.parametrize("as_of", [DAYS[0], pytest.param(DAYS[1], marks=pytest.mark.slow)])
def test_a_notebook_that_shows_all_it_can_shows_nobody_who_opted_out(market, as_of):
    without = everything(market, as_of, with_names=False)
    assert "opted-out-3" in without
    assert "decision_maker" in without
    assert not opted_out_in(without)
    assert not re.search("Zqname|Zqtitle|[0-9a-f]{64}", without)
    asked = everything(market, as_of, with_names=True)
    assert not opted_out_in(asked)
    contacts = pd.read_csv(market / "contacts.csv")
    known = contacts["created_at"].str[:10] <= str(as_of)
    wanted = contacts.loc[known & ~contacts["contact_id"].isin(OUT), "full_name"].str.split().str[0]
    assert set(re.findall(r"Zqname\d+", asked)) == set(wanted)  # all others are found, so the search does search


@pytest.mark.parametrize("day", [pytest.param(DAYS[0], marks=pytest.mark.slow), DAYS[1]])
@pytest.mark.parametrize("with_names", [False, True])
def test_no_page_or_table_of_any_notebook_holds_who_opted_out(market, pages, with_names, day):
    built = [e for e in catalogue.load(NOTEBOOKS / catalogue.FILE) if e.built]
    if with_names and not any("people" in parameters.declared(NOTEBOOKS / f"{e.notebook}.ipynb") for e in built):
        pytest.skip("no notebook asks for people yet")
    _, words = pages(day, with_names)
    assert not opted_out_in(words)
    contacts = pd.read_csv(market / "contacts.csv").set_index("contact_id")
    assert not [name for name in contacts.loc[OUT, "full_name"] if name.split()[0] in words]
    if not with_names:
        assert not re.search("Zqname|Zqtitle", words)


def test_names_from_a_crm_are_text_and_nothing_else(pages):
    shown, _ = pages(DAYS[1], False)
    assert any("&lt;script&gt;alert" in page for page in shown)
    for page in shown:
        assert page.count("<script") == 1  # that of every page; no name became one
        assert "stderr" not in page  # no font or maths warning either
