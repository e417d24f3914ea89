"""Whether the data can be trusted: verdicts per account, questions per export, and what the checks say."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abmlib.method import coverage, data_quality, missingness
from abmlib.pages import catalogue as listed
from abmlib.stats.intervals import difference
from abmlib.tables import Book, checks, schema
from tests import twins_in_process
from tests.conftest import ROOT, as_read, put

tables = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure

AS_OF = pd.Timestamp("2026-06-30")
STALE_DAYS, MIN_RECORDS = 365, 3


def as_accounts(rows: list[tuple]) -> pd.DataFrame:
    """Accounts to spec from (account, status, country)."""
    frame = pd.DataFrame(rows, columns=["account_id", "status", "country"])
    frame = frame.assign(name=frame["account_id"].str.title(), created_at=pd.Timestamp("2020-01-01", tz="UTC"))
    return as_read("accounts", frame)


def as_records(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "table", "rows", "first_day", "last_day"])
    return frame.astype({"rows": "int64", "first_day": "datetime64[us]", "last_day": "datetime64[us]"})


@pytest.fixture
def accounts() -> pd.DataFrame:
    return as_accounts(
        [
            ("usable", "customer", "FR"),
            ("edge", "customer", None),
            ("stale", "former", None),
            ("thin", "customer", None),
            ("none", "customer", None),
            ("lead", "prospect", None),
        ]
    )


@pytest.fixture
def records() -> pd.DataFrame:
    return as_records(
        [
            ("usable", "transactions", 1, "2025-01-01", "2025-02-01"),  # old alone; the newest of all tables counts
            ("usable", "activities", 2, "2025-06-01", "2026-06-20"),  # 1 + 2 records: exactly enough together
            ("edge", "transactions", 3, "2025-06-30", "2025-06-30"),  # 365 days old: not yet stale
            ("stale", "transactions", 1, "2025-06-29", "2025-06-29"),  # 366 days old; thin as well: stale comes first
            ("thin", "activities", 2, "2026-06-01", "2026-06-30"),
            ("lead", "activities", 1, "2020-01-01", "2020-01-01"),  # a stale prospect: judged, but not listed as weak
            ("gone", "activities", 9, "2026-06-01", "2026-06-30"),  # no such account: must not appear
        ]
    )


@pytest.fixture
def judged(accounts, records) -> pd.DataFrame:
    return data_quality.account_data(accounts, records, AS_OF, STALE_DAYS, MIN_RECORDS)


# -- account by account -----------------------------------------------------------------------------------------------


def test_the_first_verdict_that_fits_holds(judged):
    assert judged.set_index("account_id")["verdict"].to_dict() == {
        "usable": "usable",
        "edge": "usable",
        "stale": "stale",
        "thin": "thin",
        "none": "no record",
        "lead": "stale",
    }


def test_records_of_all_tables_are_put_together(judged):
    got = judged.set_index("account_id")
    assert got.loc["usable", ["records", "sources", "days_since_last"]].tolist() == [3, 2, 10]
    assert got.loc["usable", "first_seen"] == pd.Timestamp("2025-01-01")
    assert got.loc["none", ["records", "sources"]].tolist() == [0, 0]
    assert got.loc["none", ["first_seen", "last_seen", "days_since_last"]].isna().all()


def test_filled_share_counts_the_descriptive_fields_only(judged):
    got = judged.set_index("account_id")["filled_share"]
    assert got["edge"] == 1 / 8  # name alone; source, status and dates describe nothing
    assert got["usable"] == 2 / 8  # and the country


def test_the_judgement_is_to_spec_and_in_the_order_of_the_accounts(accounts, judged):
    assert schema.conform("00_account_data", judged)["account_id"].tolist() == accounts["account_id"].tolist()


def test_a_source_without_records_knows_nothing_of_anybody(accounts, records):
    got = data_quality.account_data(accounts, records.iloc[:0], AS_OF, STALE_DAYS, MIN_RECORDS)
    assert set(got["verdict"]) == {"no record"}
    assert len(schema.conform("00_account_data", got)) == len(accounts)
    nobody = data_quality.account_data(accounts.iloc[:0], records, AS_OF, STALE_DAYS, MIN_RECORDS)
    assert data_quality.verdict_counts(nobody).to_numpy().sum() == 0


def test_what_ends_or_begins_is_a_record_and_what_is_only_planned_is_none(tmp_path):
    accounts = "account_id,name,created_at\n" + "".join(
        f"{a},{a},2020-01-01T00:00:00Z\n" for a in ("won", "signed", "ahead")
    )
    deals = (
        "opportunity_id,account_id,stage,created_at,is_closed,is_won,closed_at\n"
        "o1,won,Won,2023-01-01T00:00:00Z,true,true,2026-06-29T22:30:00Z\n"  # opened long ago; won on the 30th in Berlin
        "o2,ahead,Won,2023-01-01T00:00:00Z,true,true,2026-07-05T09:00:00Z\n"  # on this day it is open
    )
    contracts = (
        "contract_id,account_id,product_line,start,end,arr,auto_renew,entered_at,entered_by,known_at\n"
        "c1,signed,lines,2026-06-01,2027-05-31,5,false,2024-01-01T00:00:00Z,crm,2024-01-01T00:00:00Z\n"
        "c2,ahead,lines,2026-08-01,2027-07-31,5,false,2024-01-01T00:00:00Z,crm,2024-01-01T00:00:00Z\n"
    )
    put(tmp_path / "d", accounts=accounts, opportunities=deals, contracts=contracts)
    (tmp_path / "d" / "workbook.yml").write_text("time_zone: Europe/Berlin\ncurrency: EUR\n", "utf-8")
    book = Book.open(tmp_path / "d", as_of="2026-06-30")
    judged = data_quality.account_data(book.read("accounts"), book.fact_counts(), book.as_of, STALE_DAYS, 1)
    got = judged.set_index("account_id")
    assert got["last_seen"].astype("str").to_dict() == {
        "won": "2026-06-30", "signed": "2026-06-01", "ahead": "2024-01-01"
    }  # fmt: skip
    assert got["verdict"].to_dict() == {"won": "usable", "signed": "usable", "ahead": "stale"}
    assert got["first_seen"].astype("str")["won"] == "2023-01-01"
    reach = data_quality.freshness(book.overview(), book.as_of, 3).set_index("table")["days_old"]
    assert (reach["opportunities"], reach["contracts"]) == (0, 29)


ACCOUNT = st.tuples(st.sampled_from(schema.STATUS), st.integers(0, 5), st.integers(0, 800))


@tables
@given(st.lists(ACCOUNT, max_size=8), st.integers(0, 400), st.integers(0, 5))
def test_every_account_has_one_verdict_and_weak_customers_never_list_prospects(rows, stale_days, min_records):
    accounts = as_accounts([(f"a{i}", s, None) for i, (s, _, _) in enumerate(rows)])
    seen = [(f"a{i}", n, AS_OF - pd.Timedelta(days=d)) for i, (_, n, d) in enumerate(rows) if n]
    judged = data_quality.account_data(
        accounts, as_records([(a, "activities", n, d, d) for a, n, d in seen]), AS_OF, stale_days, min_records
    )
    assert judged["account_id"].tolist() == accounts["account_id"].tolist()
    for (_, n, days), verdict in zip(rows, judged["verdict"], strict=True):
        fits = [n == 0, days > stale_days, n < min_records, True]
        assert verdict == ["no record", "stale", "thin", "usable"][fits.index(True)]
    counts = data_quality.verdict_counts(judged)
    assert counts.columns.tolist() == list(data_quality.VERDICTS)
    assert counts.sum(axis=1).to_dict() == judged["status"].value_counts().to_dict()
    weak = data_quality.weak_customers(judged, accounts)
    assert "prospect" not in set(weak["status"])
    assert len(weak) == (judged["status"].ne("prospect") & judged["verdict"].ne("usable")).sum()
    business = pd.DataFrame({"account_id": [], "recurring_revenue": [], "revenue_12m": []})
    assert set(data_quality.silent_customers(judged, accounts, business).index) <= set(weak["account_id"])


def test_weak_customers_come_with_the_longest_silent_first(accounts, judged):
    got = data_quality.weak_customers(judged, accounts)
    assert got["account_id"].tolist() == ["none", "stale", "thin"]  # never heard of comes before long silent
    assert got["name"].tolist() == ["None", "Stale", "Thin"]


def test_the_silent_are_customers_that_are_stale_or_without_a_record_with_a_year_of_their_business(accounts, judged):
    business = pd.DataFrame(
        {"account_id": ["stale", "none", "thin"], "recurring_revenue": [None, 5.0, 9.0], "revenue_12m": [0.0, 7.0, 9.0]}
    )
    owned = accounts.assign(owner_id=[None, None, "S1", "S2", "S3", "S4"])
    got = data_quality.silent_customers(judged, owned, business)
    assert got["moves"].fillna(-1).to_dict() == {"none": 5, "stale": -1}  # thin still speaks; nothing sold is no money
    assert got["reason"].tolist() == ["no dated record, and a contract runs", "no record since 29 June 2025"]
    assert got["owner"].tolist() == ["S3", "S1"]


def test_each_kind_of_data_is_counted_by_status_and_never_over_all(accounts, records):
    got = missingness.completeness(accounts, records).set_index(["kind", "status"])
    assert got.loc[("location", "customer")].tolist() == [1, 4, 0.25]
    assert got.loc[("purchases", "customer")].tolist() == [2, 4, 0.5]
    assert got.loc[("touches", "prospect")].tolist() == [1, 1, 1]
    assert got.loc[("contracts", "former")].tolist() == [0, 1, 0]
    rows = missingness.completeness_rows(got.reset_index())
    assert rows["status"].eq("ok").all()
    assert missingness.completeness(accounts.iloc[:0], records).empty


def test_an_account_that_never_bought_learns_from_customers_of_its_industry_and_size(monkeypatch):
    rows = [
        ("small", "customer", "bank", 10),
        ("left", "former", "bank", 9),  # a former customer bought too
        ("large", "customer", "bank", 900),
        ("other", "customer", "shop", 11),
        ("cold", "prospect", "bank", 11),
        ("alone", "prospect", "farm", 800),
        ("unknown", "prospect", None, 10),
        ("unsized", "prospect", "bank", None),
    ]
    table = pd.DataFrame(rows, columns=["account_id", "status", "industry", "employees"])
    table = table.assign(name=table["account_id"])
    bought = pd.DataFrame([("left", "soap", 5.0), ("small", "soap", 3.0), ("small", "ink", 9.0), ("cold", "ink", 0.0)])
    bought = bought.set_axis(["account_id", "product_line", "revenue"], axis=1)
    monkeypatch.setattr(missingness, "FEWEST_ALIKE", 2)
    got = missingness.look_alikes(table, bought)
    assert got["look_alikes"].dropna().to_dict() == {"cold": 2, "alone": 0}
    assert got.loc["cold"].tolist()[1:] == ["small, left", "soap", 1.0, 4.0]  # who bought most comes first
    assert got.loc["alone"].isna().tolist() == [False] + [True] * 4
    few = missingness.cold_start_rows(table, got["look_alikes"], missingness.foretold_lines(table, bought))
    assert [(r["value"], r["n"]) for r in few[:2]] == [(0.5, 8), (0.25, 4)]
    assert [r["status"] for r in few[2:]] == ["not_answerable"] * 2  # no customer has two others like it
    blind = missingness.look_alikes(table.assign(industry=None), bought.iloc[:0])
    assert blind.isna().all(axis=None)
    none = missingness.cold_start_rows(table, blind["look_alikes"], missingness.foretold_lines(table, bought.iloc[:0]))
    assert [r["status"] for r in none] == ["ok"] + ["not_answerable"] * 3


def test_what_customers_like_them_bought_is_tried_on_customers_beside_what_most_bought(monkeypatch):
    monkeypatch.setattr(missingness, "FEWEST_ALIKE", 2)
    rows = [("a", "bank", "soap"), ("b", "bank", "soap"), ("c", "bank", "ink")]
    rows += [(f"s{i}", "shop", "ink") for i in range(3)] + [("x", "farm", "ink")]  # nobody is like x
    table = pd.DataFrame(rows, columns=["account_id", "industry", "product_line"]).assign(
        revenue=1.0, status="customer"
    )
    table = table.assign(name=table["account_id"], employees=[7] * 6 + [900])
    got = missingness.foretold_lines(table, table)
    assert got["by_alike"].to_dict() == {"a": False, "b": False, "c": False, "s0": True, "s1": True, "s2": True}
    assert got["by_all"].to_dict() == {"a": False, "b": False, "c": True, "s0": True, "s1": True, "s2": True}


def test_usable_accounts_are_counted_by_status(judged):
    got = data_quality.usable_rows(judged).set_index("group")[["value", "n"]]
    assert got.loc["customer"].tolist() == [0.5, 4]  # usable and edge, of four
    assert got.loc["prospect"].tolist() == [0, 1]


# -- table by table ---------------------------------------------------------------------------------------------------


@pytest.fixture
def overview() -> pd.DataFrame:
    rows = [
        ("accounts", 4, 4, None),  # nothing dates it: days are missing
        ("transactions", 9, 1, pd.Timestamp("2026-06-20")),
        ("products", 3, None, None),  # no account: the share is missing, not 0
        ("surveys", 0, 0, None),  # exported, but empty on the day
    ]
    frame = pd.DataFrame(rows, columns=["table", "rows", "accounts", "last_day"])
    return frame.astype({"accounts": "Int64", "last_day": "datetime64[us]"})


def test_freshness_gives_the_reach_and_the_age_of_each_table(overview):
    got = data_quality.freshness(overview, AS_OF, 4).set_index("table")
    assert got["account_share"].drop("products").to_dict() == {"accounts": 1, "transactions": 0.25, "surveys": 0}
    assert got["days_old"]["transactions"] == 10
    assert pd.isna(got["account_share"]["products"])
    assert got["days_old"].drop("transactions").isna().all()
    assert data_quality.freshness(overview, AS_OF, 0)["account_share"].isna().all()


def test_a_table_is_present_with_a_row_and_a_column_with_a_value():
    rows = [
        ("transactions", "revenue", 9, 9),
        ("transactions", "cogs", 1, 9),  # one value is a value
        ("transactions", "discount", 0, 9),  # a column without a value: absent, though its table is present
        ("surveys", "score", 0, 0),  # exported, but no row on the day: absent
    ]
    fields = pd.DataFrame(rows, columns=["table", "column", "filled", "rows"])
    assert data_quality.available_data(fields) == {"transactions", "transactions.revenue", "transactions.cogs"}
    assert data_quality.available_data(fields.iloc[:0]) == set()


@pytest.fixture
def catalogue() -> pd.DataFrame:
    rows = [
        ("00", [], [], True),  # needs nothing: yes
        ("01", ["accounts"], ["products"], True),  # all there: yes
        ("02", ["accounts"], ["surveys", "products"], True),  # a wish is missing: in part
        ("03", ["activities"], ["products"], False),  # a need is missing: no
        ("04", ["accounts", "activities"], ["surveys"], True),  # a need and a wish are missing: no
    ]
    frame = pd.DataFrame(rows, columns=["notebook", "needs", "uses", "built"])
    return frame.assign(question="?" + frame["notebook"])


def test_a_question_is_answered_by_what_it_needs_and_completed_by_what_it_uses(catalogue):
    got = data_quality.answerable(catalogue, {"accounts", "products"}).set_index("notebook")
    assert got["answer"].to_dict() == {"00": "yes", "01": "yes", "02": "in part", "03": "no", "04": "no"}
    assert got["needed"].to_dict() == {"00": "", "01": "", "02": "", "03": "activities", "04": "activities"}
    assert got["wished"].to_dict() == {"00": "", "01": "", "02": "surveys", "03": "", "04": "surveys"}
    assert got["built"].to_dict() == {"00": "yes", "01": "yes", "02": "yes", "03": "later", "04": "yes"}


def test_a_single_column_can_be_what_is_missing():
    row = {"notebook": "03", "question": "?", "needs": ["transactions"], "uses": ["transactions.cogs"], "built": True}
    got = data_quality.answerable(pd.DataFrame([row]), {"transactions", "transactions.revenue"})
    assert got[["answer", "wished"]].to_numpy().tolist() == [["in part", "transactions.cogs"]]
    assert data_quality.next_export(got).to_numpy().tolist() == [["transactions.cogs", 0, 1]]


def test_more_data_never_takes_an_answer_away(catalogue):
    rank = {"no": 0, "in part": 1, "yes": 2}
    grown = [set(), {"accounts"}, {"accounts", "products"}, {"accounts", "products", "activities"}]
    answers = [data_quality.answerable(catalogue, p)["answer"].map(rank) for p in [*grown, set(schema.CANONICAL)]]
    for less, more in pairwise(answers):
        assert (more >= less).all()
    assert (answers[-1] == rank["yes"]).all()


def test_the_next_export_is_the_one_most_questions_wait_for():
    answers = pd.DataFrame(
        [
            ("activities", ""),
            ("activities, transactions", "surveys"),  # both are needed: counts for each; surveys alone open nothing
            ("", "surveys"),
            ("", "activities"),
            ("", "contacts"),
            ("", "contacts"),  # as useful as surveys: then by name
            ("", ""),  # nothing to export: must not make a table of its own
        ],
        columns=["needed", "wished"],
    ).assign(notebook=list("abcdefg"))
    assert data_quality.next_export(answers).to_numpy().tolist() == [
        ["activities", 2, 1],
        ["transactions", 1, 0],
        ["contacts", 0, 2],  # many made fuller never outweigh one that is needed
        ["surveys", 0, 2],
    ]
    assert data_quality.next_export(answers.tail(1)).empty


# -- who is who -------------------------------------------------------------------------------------------------------


def test_what_was_put_together_and_what_was_not_are_shares_of_their_own_table():
    merged = pd.DataFrame({"account_id": ["b", "c"], "company_id": "a", "rule": ["merged in the source", "same name"]})
    leads = pd.DataFrame({"company_id": ["a", None], "contacts": [3, 9]})  # the other domain is nobody's
    fields = pd.DataFrame(
        [
            ("contacts", "account_id", 15, 16),  # one left of four that had none
            ("contacts", "title", 2, 16),  # another column: says nothing of accounts
            ("leads", "account_id", 5, 20),
            ("activities", "account_id", 8, 10),
        ],
        columns=["table", "column", "filled", "rows"],
    )
    alike = pd.DataFrame({"account_id": ["d", "d"], "other_id": ["e", "f"]})
    got = data_quality.match_rates(8, merged, alike, leads, fields).set_index("definition_id")
    assert got[["rows", "n"]].T.to_dict("list") == {
        "accounts_merged_in_the_source": [1, 10],  # 8 companies and the two that are counted with one of them
        "accounts_same_domain": [0, 10],
        "accounts_same_name": [1, 10],
        "accounts_nearly_alike": [2, 8],  # e and f may be d: two of the eight are perhaps none of their own
        "leads_matched_by_domain": [3, 4],
        "unmatched_share_of_contacts": [1, 16],
        "unmatched_share_of_leads": [15, 20],
        "unmatched_share_of_opportunities": [0, 0],
        "unmatched_share_of_activities": [2, 10],
        "unmatched_share_of_web_sessions": [0, 0],
    }
    assert got["share"]["unmatched_share_of_activities"] == 0.2
    assert pd.isna(got["share"]["unmatched_share_of_web_sessions"])  # no such table: missing, never 0
    told = data_quality.match_rows(got.reset_index()).set_index("definition_id")["status"]
    assert told["unmatched_share_of_web_sessions"] == "not_answerable"
    assert told["unmatched_share_of_activities"] == "ok"


@pytest.mark.parametrize(("contacts", "lacking"), [(5, "a contact without an account"), (0, "")])
def test_that_no_lead_could_be_matched_is_no_lack_of_e_mails_where_every_contact_has_an_account(contacts, lacking):
    fields = pd.DataFrame({"table": ["contacts"], "column": ["account_id"], "filled": [contacts], "rows": [contacts]})
    leads = pd.DataFrame({"company_id": pd.Series(dtype="str"), "contacts": pd.Series(dtype=int)})
    merged, alike = pd.DataFrame({"rule": []}), pd.DataFrame({"other_id": []})
    rows = data_quality.match_rows(data_quality.match_rates(8, merged, alike, leads, fields))
    told = {r.definition_id: (r.status, r.why) for r in rows.itertuples()}
    assert told["leads_matched_by_domain"] == (
        "not_answerable",
        lacking,
    )  # without contacts it is they that are lacking


@pytest.fixture
def states() -> pd.DataFrame:
    rows = [
        ("edge", "champion", False, False, None),
        ("edge", "champion", False, False, None),  # a second champion: the account counts once
        ("usable", "champion", True, False, None),  # opted out: must not count as reached
        ("usable", "end_user", False, True, None),  # bounced
        ("thin", "unknown", False, True, "2026-01-01"),  # left and bounced: counts as left, once; no role
        ("lead", "end_user", False, False, None),  # a prospect's
        ("stale", "champion", False, False, None),  # a former customer's: in neither group
        (None, "champion", False, False, None),  # nobody's
    ]
    frame = pd.DataFrame(rows, columns=["account_id", "buying_role", "opted_out", "email_bounced", "valid_to"])
    frame = frame.assign(contact_id=frame.index.astype("str"), created_at=pd.Timestamp("2020-01-01", tz="UTC"))
    frame["valid_to"] = pd.to_datetime(frame["valid_to"], utc=True)
    return coverage.contact_states(as_read("contacts", frame), AS_OF)


def test_a_role_counts_once_per_account_and_only_with_somebody_to_reach(states, accounts):
    got = data_quality.roles_reached(states, accounts, ["champion", "end_user"]).set_index(["status", "role"])
    assert got["share"].to_dict() == {
        ("customer", "champion"): 1 / 4,  # edge; not usable, who asked not to be contacted
        ("customer", "end_user"): 0,
        ("prospect", "champion"): 0,
        ("prospect", "end_user"): 1,
    }
    assert got["n"].tolist() == [4, 4, 1, 1]


def test_role_measures_are_means_over_accounts_and_a_share_of_contacts(states, accounts):
    got = {r["definition_id"]: r for r in data_quality.role_rows(states, accounts, ["champion", "end_user"])}
    assert got["role_coverage_of_customers_mean"]["value"] == 1 / 8  # one of two roles at one of four customers
    assert got["role_coverage_of_prospects_mean"]["value"] == 1 / 2
    assert (got["contacts_without_role"]["value"], got["contacts_without_role"]["n"]) == (1 / 8, 8)
    customers = data_quality.role_rows(states, accounts[accounts["status"] == "customer"], ["champion"])
    assert [r.get("why", "") for r in customers] == ["", "an account that is a prospect", ""]


def test_customers_below_the_floor_lack_roles_and_one_on_it_does_not(states, accounts):
    lacking = data_quality.customers_without_roles(states, accounts, ["champion", "end_user"], 0.5)
    assert lacking.index.tolist() == ["usable", "thin", "none"]  # edge has one of two
    assert lacking["thin"] == "nobody to reach as champion, end user"


def test_where_no_role_is_known_nothing_is_said_of_roles(states, accounts):
    for silent in (states.iloc[:0], states.assign(role_known=False)):
        assert data_quality.roles_reached(silent, accounts, ["champion"]).empty
        assert data_quality.customers_without_roles(silent, accounts, ["champion"], 1.0).empty
        assert data_quality.role_rows(silent, accounts, ["champion"])[0]["status"] == "not_answerable"


@pytest.mark.parametrize("roles", [[], ["champion", "champion"], ["chief"]])
def test_refuses_roles_that_nobody_can_have(states, accounts, roles):
    with pytest.raises(ValueError, match="required_roles must be one or more distinct roles"):
        data_quality.roles_reached(states, accounts, roles)


def test_every_contact_has_one_state_of_consent(states):
    got = data_quality.contacts_by_state(states).set_index("state")
    assert got["contacts"].to_dict() == {"opted out": 1, "left": 1, "bounced": 1, "no account": 1, "reachable": 4}
    assert got["share"].sum() == 1
    nobody = data_quality.contacts_by_state(states.iloc[:0])
    assert nobody["contacts"].sum() == 0
    assert nobody["share"].isna().all()


# -- how deep, how even, what is gone ---------------------------------------------------------------------------------


def test_depth_is_whole_months_between_first_and_last_record():
    rows = [
        ("customer", "2026-01-15", "2026-07-14"),  # a day short of six months
        ("customer", "2026-01-15", "2026-07-15"),  # six months to the day
        ("customer", "2024-01-31", "2025-01-31"),  # twelve
        ("former", "2024-01-01", "2026-01-01"),  # twenty-four
        ("prospect", None, None),
    ]
    judged = pd.DataFrame(rows, columns=["status", "first_seen", "last_seen"])
    got = data_quality.history_depth(judged.astype(dict.fromkeys(["first_seen", "last_seen"], "datetime64[us]")))
    assert got.loc["customer"].tolist() == [1, 1, 1, 0, 0]
    assert got.loc["former"].tolist() == [0, 0, 0, 1, 0]
    assert got.loc["prospect"].tolist() == [0, 0, 0, 0, 1]


def test_a_deal_has_a_history_or_not_however_many_changes_there_are():
    deals, history = pd.DataFrame({"opportunity_id": list("abcd")}), pd.DataFrame({"opportunity_id": list("aaax")})
    got = data_quality.stage_history_row(deals, history)
    assert (got["value"], got["n"]) == (1 / 4, 4)  # x is no deal of this day
    assert data_quality.stage_history_row(deals.iloc[:0], history)["status"] == "not_answerable"


def test_accounts_without_a_segment_are_one_of_their_own(accounts):
    got = missingness.filled_by_segment(accounts.assign(region="x"), "country").set_index("country")
    assert got["accounts"].to_dict() == {"unknown": 5, "FR": 1}  # the largest first
    assert got["region"].tolist() == [1, 1]
    assert not {"country", "name"} & set(got.columns)
    assert missingness.filled_by_segment(accounts.iloc[:0], "country").empty
    with pytest.raises(ValueError, match="no column 'continent'"):
        missingness.filled_by_segment(accounts, "continent")


def some(n: int, filled: int, of: int, buyers: int) -> tuple[pd.DataFrame, pd.Index]:
    """`n` accounts, of which `buyers` bought; an industry for `filled` of those and for `of` of the others."""
    accounts = as_accounts([(f"a{i}", "customer", None) for i in range(n)])
    known = [i < filled or buyers <= i < buyers + of for i in range(n)]
    accounts["industry"] = pd.Series(["x" if k else None for k in known], dtype="str")
    return accounts, pd.Index([f"a{i}" for i in range(buyers)] + ["elsewhere"])  # an id of no account: must not count


def test_who_bought_later_is_asked_of_accounts_that_were_known_and_had_not_bought():
    day = pd.Timestamp("2025-07-01")
    first = [("before", -1), ("same day", 0), ("after", 90), ("never", None), ("came later", 30)]
    accounts = pd.DataFrame({
        "account_id": [n for n, _ in first], "first_won_day": [pd.NaT if d is None else day + pd.Timedelta(days=d) for _, d in first],
        "created_day": [day - pd.Timedelta(days=99), day - pd.Timedelta(days=1), pd.NaT, day - pd.Timedelta(days=9), day],
    })  # fmt: skip
    asked, buyers = missingness.bought_later(accounts, day)
    assert asked["account_id"].tolist() == ["same day", "after", "never"]
    assert buyers.tolist() == ["same day", "after"]


def test_a_field_filled_oftener_where_an_account_bought_later_foretells_buying():
    got = missingness.foretold_by_gaps(*some(100, filled=40, of=10, buyers=50)).set_index("field")
    expected = [0.8, 0.2, 0.6]
    assert got.loc["industry", ["filled_buyers", "filled_others", "difference"]].tolist() == pytest.approx(expected)
    assert got.loc["industry", "verdict"] == missingness.FORETELLS
    assert got["n_buyers"].eq(50).all()
    assert got.index[0] == "industry"  # the largest difference first
    assert got.loc["country", ["low", "high", "p"]].isna().all()  # filled nowhere: nothing to test
    assert got.loc["country", "verdict"] == "no difference seen"


def test_equal_shares_show_no_difference_and_few_outcomes_are_too_early():
    same = missingness.foretold_by_gaps(*some(100, filled=25, of=25, buyers=50))
    assert set(same["verdict"]) == {"no difference seen"}
    for n, buyers in ((100, 29), (100, 71), (49, 25), (0, 0)):  # too few with, too few without, too few accounts, none
        assert set(missingness.foretold_by_gaps(*some(n, 20 if n else 0, 0, buyers))["verdict"]) == {"too_early"}


def test_the_test_is_adjusted_for_the_number_of_fields():
    accounts, buyers = some(100, filled=35, of=25, buyers=50)  # p = 0.06 or so alone; a second field alike
    noise = pd.Series(["x" if i % 2 else None for i in range(100)], dtype="str")
    of = {n: missingness.foretold_by_gaps(a, buyers).set_index("field") for n, a in (("one", accounts), ("two", accounts.assign(org_type=noise)))}  # fmt: skip
    assert of["one"].loc["industry", "p"] < of["two"].loc["industry", "p"] < 0.5


def test_all_fields_together_show_many_small_differences_of_one_sign():
    accounts, buyers = some(200, filled=62, of=50, buyers=100)  # too small a difference, in one field
    one = missingness.foretold_by_gaps(accounts, buyers).set_index("field")
    assert one["verdict"].eq("no difference seen").all()
    random, known = np.random.default_rng(1), accounts["industry"].notna().to_numpy()
    for field in missingness.MODELLED:  # as many filled on each side, in other accounts
        here = np.concatenate([random.permutation(known[:100]), random.permutation(known[100:])])
        accounts[field] = pd.Series(np.where(here, "x", None), dtype="str")
    many = missingness.foretold_by_gaps(accounts, buyers).set_index("field")
    assert many.loc[missingness.ALL_FIELDS, "verdict"] == missingness.FORETELLS
    row = missingness.fill_difference_row(many.reset_index())
    assert row["value"] == pytest.approx(0.12)
    assert row["low"] > 0
    assert missingness.fill_difference_row(missingness.foretold_by_gaps(*some(100, 5, 5, 20)))["status"] == "too_early"


def test_newcombe_s_published_interval_and_a_group_without_cases():
    counts, n = pd.DataFrame([[56, 48], [1, 0]]), pd.DataFrame([[70, 80], [1, 0]])
    got = difference(counts, n)
    assert got.loc[0].round(4).tolist() == [0.2, 0.0524, 0.3339]  # Newcombe 1998, table II (a)
    assert got.loc[1].isna().all()
    with pytest.raises(ValueError, match="between 0 and n"):
        difference(n + 1, n)


def ended(n: int, deals: list[tuple], merged: int = 0, since: str = "2020-01-01") -> pd.DataFrame:
    accounts = as_accounts([(f"a{i}", "customer", None) for i in range(n)])
    accounts = accounts.assign(first_won_day=pd.Timestamp(since))
    same = pd.DataFrame({"rule": ["merged in the source"] * merged + ["same name"]})
    people = pd.DataFrame({"departed": [False] * 5})
    return missingness.survivorship(
        accounts, same, pd.DataFrame(deals, columns=["is_closed", "is_won"]), people, AS_OF, 365
    )


def test_none_of_many_asks_whether_the_source_deletes_and_none_of_few_does_not():
    got = ended(30, [(True, True)] * 30 + [(False, None)]).set_index("what")
    assert got["verdict"].to_dict() == {
        "former customers, of those old enough": "none: deleted from the source?",
        "closed deals": "held",
        "lost deals, of those closed": "none: deleted from the source?",
        "people who left": "too few to tell",
        "accounts merged into another": "none",  # a merge hides no past
    }
    assert missingness.possibly_deleted(got.reset_index()) == ["former customers", "lost deals"]


def test_a_lost_deal_and_a_merge_are_held_and_what_cannot_be_is_not_asked():
    got = ended(30, [(True, False)], merged=2, since="2026-01-01").set_index("what")
    assert got.loc["lost deals, of those closed", ["held", "of"]].tolist() == [1, 1]
    assert got.loc["accounts merged into another", ["held", "of"]].tolist() == [2, 33]  # one more by its name
    assert got.loc["former customers, of those old enough", "verdict"] == "not_answerable"  # customers for half a year
    assert missingness.possibly_deleted(got.reset_index()) == []
    assert set(ended(1, []).loc[lambda t: t["what"].str.contains("deals"), "verdict"]) == {"not_answerable"}


# -- what is claimed --------------------------------------------------------------------------------------------------

TWO = """
- {notebook: 03_here, step: s, question: why, needs: [], uses: []}
- {notebook: 04_not, step: s, question: why, needs: [], uses: []}
"""


@pytest.fixture
def evidence(tmp_path):
    def put(*claims: str):
        (tmp_path / "notebooks.yml").write_text(TWO, "utf-8")
        (tmp_path / "03_here.py").write_text("", "utf-8")
        lines = "".join(f"  - {{{c}}}\n" for c in claims)
        (tmp_path / "claims.yml").write_text(f"claims:\n{lines}references: []\n", "utf-8")
        return tmp_path / "claims.yml"

    return put


def test_a_claim_has_a_test_only_where_a_notebook_that_is_here_has_it_and_is_never_called_tested(evidence):
    rest = 'claim: it is so, how: we look, tested_in: "{}"'.format
    path = evidence(
        f"item: S0-4, {rest('')}",
        f"item: S0-1, {rest('03')}, where: measure C-1",
        f"item: S0-2, {rest('03')}",  # its notebook is here and does not test it yet
        f"item: S0-3, {rest('04')}, where: measure C-1",  # its notebook is not here
    )
    got = listed.claims(path)
    assert got["state"].tolist() == ["test in 03", "later: 03", "later: 04", "on trust"]
    assert got["item"].tolist() == ["S0-1", "S0-2", "S0-3", "S0-4"]  # those with a test first, on trust last


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('item: S0-1, claim: c, how: h, tested_in: "99"', "S0-1 is tested in '99'; there are"),
        ('item: S0-1, claim: c, tested_in: "03"', "S0-1 has keys"),
        ('item: S0-1, claim: c, how: h, tested_in: "03", were: typo', "may have where"),
    ],
)
def test_refuses_a_claim_with_a_wrong_key_or_notebook(evidence, line, says):
    with pytest.raises(ValueError, match=says):
        listed.claims(evidence(line))


def test_what_a_claim_names_as_its_test_is_in_that_notebook():
    claims = listed.claims(ROOT / "notebooks" / "claims.yml")
    tested = claims[claims["state"].str.startswith("test in ")]
    assert len(tested)
    for row in tested.itertuples():
        (text,) = (ROOT / "notebooks").glob(f"{row.state[-2:]}_*.py")
        kind, _, name = row.where.partition(" ")
        assert kind in ("section", "measure"), row.item
        assert (f"# ## {name}\n" if kind == "section" else "book.measure(") in text.read_text("utf-8"), row.item


def test_a_folder_without_claims_has_those_of_the_package(tmp_path):
    (tmp_path / "notebooks.yml").write_text((ROOT / "notebooks" / "notebooks.yml").read_text("utf-8"), "utf-8")
    assert len(listed.claims(tmp_path / "claims.yml")) == len(listed.claims(ROOT / "notebooks" / "claims.yml"))
    assert len(listed.references(tmp_path / "claims.yml")) == 9  # as many as the seed has


# -- checks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def audit() -> pd.DataFrame:
    rows = [
        ("contacts", "account_id is found in accounts", "warn", 1200, 5000, "c1, c2", "Export the missing accounts."),
        ("surveys", "not score off its scale", "fail", 2, 9, "r1, r2", "Correct score."),
        ("accounts", "one row per account_id", "fail", 0, 4, "", "Keep one row per key."),  # holds: not listed
        ("products", "name is filled", "fail", 7, 7, "", "Fill name."),  # no case to name
        ("activities", "not negative duration", "warn", 0, 3, "", "Correct duration_min."),  # holds: not listed
        ("campaigns", "not backwards", "fail", 2, 3, "k1", "Correct end."),  # as many as surveys: order of the audit
    ]
    return pd.DataFrame(rows, columns=["table", "check", "severity", "bad", "rows", "first", "remedy"])


def test_broken_checks_come_failures_first_then_the_most_rows(audit):
    assert checks.broken(audit)["table"].tolist() == ["products", "surveys", "campaigns", "contacts"]
    assert checks.worst(audit)["table"].tolist() == ["products", "surveys", "campaigns"]
    assert checks.worst(audit, most=1)["table"].tolist() == ["products"]
    assert checks.counts(audit) == (6, 3, 1)


def test_a_broken_check_reads_as_a_line_with_its_remedy(audit):
    got = checks.sentences(audit)
    assert got[0] == "products: name is filled: broken in 7 of 7 rows. Fill name."
    assert got[1] == "surveys: not score off its scale: broken in 2 of 9 rows (first: r1, r2). Correct score."
    assert "broken in 1,200 of 5,000 rows" in got[3]


def test_absent_columns_are_told_in_the_words_of_their_error_alone():
    error = "products: missing column(s) ['name']; the table has ['id']. Rename them in the export."
    row = ("products", "columns present", "fail", 1, 1, "", error)
    audit = pd.DataFrame([row], columns=["table", "check", "severity", "bad", "rows", "first", "remedy"])
    assert checks.sentences(audit) == [error]  # "1 of 1 rows" would be a count of nothing


def test_a_sound_source_has_no_failure_and_nothing_to_say(audit):
    sound = audit.assign(bad=0)
    assert (checks.failure(sound), checks.sentences(sound), checks.counts(sound)) == ("", [], (6, 0, 0))
    assert checks.failure(audit[audit["severity"] == "warn"]) == ""  # a warning stops nothing
    assert checks.failure(audit.iloc[:0]) == ""


def test_a_failure_has_a_line_for_each_failing_check_and_none_for_a_warning(audit):
    lines = checks.failure(audit).splitlines()
    assert [line.split(":")[0] for line in lines] == ["products", "surveys", "campaigns"]
    assert lines == checks.sentences(audit)[:3]


def test_losses_keep_every_step_that_lost_rows_and_count_the_others():
    rows = [
        ("import", "contacts", 10, 7, 3, "no account"),
        ("import", "accounts", 5, 5, 0, ""),
        ("same company", "accounts", 9, 3, 0, "counted with another"),  # fewer rows, none lost
        ("as of", "contacts", 7, 6, 1, "known only later"),
    ]
    ledger = pd.DataFrame(rows, columns=["step", "table", "rows_in", "rows_out", "rows_lost", "why"])
    got = checks.losses(ledger)
    assert got["rows_lost"].tolist() == [3, 0, 1, 0]
    assert got["rows_lost"].sum() == ledger["rows_lost"].sum()
    assert got.iloc[-1][["step", "table", "why"]].tolist() == ["all others", "1 steps", "nothing was lost"]
    assert checks.losses(ledger[ledger["rows_lost"] > 0])["step"].tolist() == ["import", "as of"]
    assert checks.losses(ledger.iloc[:0]).empty


def test_on_an_earlier_day_what_is_missing_is_no_chore_and_the_page_says_so(tmp_path):
    accounts = "account_id,name,created_at\n" + "".join(
        f"{n},{n} Industries,2025-01-01T00:00:00Z\n" for n in ("Acme", "Acne")
    )
    bought = "transaction_id,account_id,product_id,booked_at,revenue,kind\n"
    bought += "".join(f"{t},Acme,p,{t},5,purchase\n" for t in ("2026-03-01", "2026-04-01"))
    data = put(tmp_path / "d", accounts=accounts, transactions=bought)
    text = twins_in_process.run(data, "2026-03-31", tmp_path / "t", ["00"])["00"].text
    assert "The data goes on after this day" in text
    assert "Acne Industries" in text  # a pair to check, and exports that lack: no chores of this day
    assert "data" not in set(pd.read_parquet(tmp_path / "t" / "00_decisions.parquet")["kind"])
    assert [Book.open(data, as_of=day).is_latest for day in ("2026-03-31", "2026-04-01")] == [False, True]
