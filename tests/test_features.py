import numpy as np
import pandas as pd
import pytest

from abmlib.method import orders, periods, views
from abmlib.tables import Book, features
from tests.conftest import SAMPLE, put

ACCOUNTS = """account_id,name,industry,employees,created_at
a,Acme,Steel,50,2024-06-30T10:00:00Z
b,Beta,,,2026-06-01T00:00:00Z
"""
SOLD = """transaction_id,account_id,product_id,booked_at,revenue,cogs,kind
t1,a,p1,2026-06-30,100,60,purchase
t2,a,p2,2026-03-31,50,10,purchase
t3,a,p1,2025-12-31,30,30,purchase
t4,a,p1,2025-12-31,-20,,return
t5,a,p1,2025-06-30,160,,purchase
t6,a,p1,2024-07-01,40,,purchase
"""
CONTACTS = """contact_id,account_id,buying_role,valid_to,opted_out,email_bounced,created_at
c1,a,decision_maker,,,,2025-01-01T00:00:00Z
c2,a,champion,,,true,2025-01-01T00:00:00Z
c3,a,unknown,,true,,2025-01-01T00:00:00Z
c4,a,end_user,2026-01-15T00:00:00Z,,,2025-01-01T00:00:00Z
"""
TOUCHES = """activity_id,account_id,contact_id,occurred_at,direction,channel,page_class,is_conversion,outcome,is_bot
x1,a,c1,2026-06-30T21:59:59Z,inbound,web,key,true,,
x2,a,c1,2026-06-01T10:00:00Z,mutual,meeting,,,held,
x3,a,c1,2026-05-31T22:00:00Z,mutual,meeting,,,no_show,
x4,a,c2,2026-05-31T21:59:59Z,inbound,email,,,,
x5,a,c2,2026-06-29T10:00:00Z,outbound,email,,,,
x6,a,c2,2026-06-29T10:00:00Z,inbound,web,key,,,true
x7,a,,2026-06-20T10:00:00Z,inbound,web,other,,,
x9,,c1,2026-06-30T12:00:00Z,inbound,event,,,,
"""
DEALS = """opportunity_id,account_id,stage,amount,created_at,close_date,closed_at,is_closed,is_won
d1,a,Won,500,2025-01-01T00:00:00Z,2025-06-30,2025-06-30T10:00:00Z,true,true
d2,a,Lost,200,2026-01-01T00:00:00Z,2026-02-01,2026-02-01T10:00:00Z,true,false
d3,a,Open,300,2026-06-20T10:00:00Z,2026-09-01,,false,
d4,b,Open,,2026-06-10T10:00:00Z,2026-09-01,,false,
"""
CONTRACTS = """contract_id,account_id,start,end,arr,auto_renew,notice_date
k1,a,2025-07-01,2026-07-10,1000,true,2026-06-01
k2,a,2026-01-01,2026-12-31,500,false,
k3,a,2024-01-01,2025-12-31,9000,false,
"""
SURVEYS = """response_id,account_id,wave,survey_type,scale_min,scale_max,score,responded_at
s1,a,w,nps,0,10,10,2026-01-01T00:00:00Z
s2,a,w,nps,0,10,7,2026-01-01T00:00:00Z
s3,a,w,nps,0,10,0,2024-01-01T00:00:00Z
s4,a,w,csat,1,5,1,2026-01-01T00:00:00Z
"""
CASES = """case_id,account_id,opened_at,closed_at
e1,a,2026-06-01T00:00:00Z,2026-07-05T00:00:00Z
e2,a,2025-06-01T00:00:00Z,2025-06-05T00:00:00Z
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = put(
        tmp_path_factory.mktemp("book"), accounts=ACCOUNTS, transactions=SOLD, contacts=CONTACTS, activities=TOUCHES,
        opportunities=DEALS, contracts=CONTRACTS, surveys=SURVEYS, cases=CASES,
    )  # fmt: skip
    (folder / "workbook.yml").write_text("time_zone: Europe/Berlin\n")
    return folder


@pytest.fixture(scope="module")
def book(folder):
    return Book.open(folder, as_of="2026-06-30")


@pytest.fixture(scope="module")
def made(book):
    return book.features().set_index("account_id")


# by hand; x9 has no account of its own and belongs to c1's; x3 is of June in Berlin; x6 is a machine's
ACME = {
    "industry": "Steel", "country": None, "employees": 50, "annual_revenue": None, "known_days": 730,
    "revenue_12m": 160, "revenue_prior_12m": 200, "revenue_3m": 100, "revenue_growth_12m": -0.2, "revenue_growth_6m": 14,
    "margin_12m": None, "margin_rate_12m": None, "returned_share_12m": 20 / 180, "buying_days_12m": 3, "products_12m": 2,
    "days_since_purchase": 0, "customer_days": 729, "buying_days": 5, "mean_gap_days": 729 / 4,
    "touches_in_30d": 5, "touches_in_90d": 6, "touches_out_90d": 1,
    "engagement_30d": 2 + 2 * 2 ** (-29 / 30) + 2 ** (-30 / 30) + 2 ** (-10 / 30),
    "engagement_events_30d": 1, "engagement_email_30d": 0.5,
    "meetings_90d": 1, "key_pages_90d": 1, "conversions_365d": 1, "days_since_touch_in": 0,
    "momentum_3w": 2 * 3 / 1 - 1, "momentum_4w": 2 * 4 / 4 - 1, "momentum_90d": None,
    "people_90d": 2, "effective_people_90d": np.exp(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2))), "roles_90d": 2,
    "touches_deciders_90d": 4,
    "contacts": 3, "contacts_reachable": 1, "roles_known": 2, "left_12m": 1,
    "deals_open": 1, "open_amount": 300, "deals_opened_12m": 2, "deals_won": 1, "deals_lost": 1, "won_amount_24m": 500,
    "days_since_won": 365, "days_since_opened": 10,
    "contracts_running": 2, "recurring_revenue": 1500, "days_to_contract_end": 10, "notices_given": 1,
    "nps_24m": 50, "nps_answers_24m": 2, "cases_12m": 1, "cases_open": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", ACME)
def test_each_feature_is_what_a_person_counts(made, name):
    got, expected = made.loc["a", name], ACME[name]
    if expected is None:
        assert pd.isna(got)
    else:
        assert got == (expected if isinstance(expected, str) else pytest.approx(expected))


def test_every_account_has_a_row_and_what_it_has_none_of_is_zero_where_it_is_counted_and_missing_elsewhere(made):
    assert made.index.tolist() == ["a", "b"] and made.columns.tolist() == [f.name for f in features.FEATURES]
    nothing = made.loc["b", ["touches_in_90d", "revenue_12m", "contacts", "deals_won", "cases_12m"]]
    assert nothing.tolist() == [0] * 5
    assert made.loc["b", ["revenue_growth_12m", "days_since_purchase", "effective_people_90d", "nps_24m"]].isna().all()


def test_an_amount_nobody_gave_is_missing_and_not_zero(made):
    assert made.loc["b", "deals_open"] == 1 and pd.isna(made.loc["b", "open_amount"])


def test_features_come_in_the_order_asked_and_an_unknown_one_is_refused(book):
    asked = ["deals_open", "employees"]
    assert book.features(asked).columns.tolist() == ["account_id", *asked]
    with pytest.raises(ValueError, match=r"no such feature\(s\) \['revenue_12'\].*Did you mean revenue_12m"):
        book.features(["revenue_12"])
    with pytest.raises(ValueError, match=r"named twice \['deals_open'\]"):
        book.features(["deals_open", "deals_open"])


def test_what_the_source_does_not_tell_is_missing_for_every_account(tmp_path):
    folder = put(tmp_path / "data", accounts=ACCOUNTS, activities="activity_id,account_id,occurred_at,direction,channel\nx,a,2026-06-30T10:00:00Z,inbound,web\n")  # fmt: skip
    got = Book.open(folder, as_of="2026-06-30").features().set_index("account_id")
    unknown = ["revenue_12m", "deals_open", "people_90d", "roles_90d", "key_pages_90d", "conversions_365d", "left_12m"]
    assert got[unknown].isna().all(axis=None)
    assert got["touches_in_30d"].tolist() == [1, 0]


def test_touches_of_people_nobody_knows_have_no_roles_today_and_on_past_days(tmp_path):
    folder = put(tmp_path / "data", accounts=ACCOUNTS, activities=TOUCHES)
    book = Book.open(folder, as_of="2026-06-30")
    assert book.features(["roles_90d"])["roles_90d"].isna().all()
    assert book.history([pd.Timestamp("2026-06-01")], ["roles_90d"])["roles_90d"].isna().all()


def test_what_is_known_only_as_it_is_now_reaches_no_earlier_day(folder):
    early = Book.open(folder, as_of="2026-06-20").features().set_index("account_id").loc["a"]
    assert early[["employees", "roles_90d", "roles_known", "touches_deciders_90d"]].isna().all()
    assert early["days_since_opened"] == 0 and early["touches_in_30d"] == 4


def test_a_contract_entered_again_is_one_contract_and_its_last_entry_holds(tmp_path):
    folder = put(tmp_path / "data", accounts=ACCOUNTS, activities=TOUCHES, contacts=CONTACTS)
    head = "contract_id,account_id,product_line,start,end,arr,auto_renew,renewed,notice_date,entered_at,entered_by,supersedes\n"
    first, again = (
        "k,a,all,2026-01-01,2026-12-31,500,false,,,2026-01-02T09:00:00Z,sales,\n",
        "2026-03-02T09:00:00Z,sales,2026-01-02T09:00:00Z\n",
    )
    put(folder / "programme", contracts=head + first + f"k,a,all,2026-01-01,2026-12-31,700,false,,,{again}")
    asked = ["contracts_running", "recurring_revenue"]
    assert Book.open(folder, as_of="2026-06-30").features(asked).loc[0, asked].tolist() == [1, 700]
    assert Book.open(folder, as_of="2026-02-28").features(asked).loc[0, asked].tolist() == [1, 500]


def test_a_notice_dated_ahead_of_the_day_is_not_given_yet(tmp_path):
    folder = put(tmp_path / "data", accounts=ACCOUNTS, activities=TOUCHES, contacts=CONTACTS)
    head = "contract_id,account_id,product_line,start,end,arr,auto_renew,renewed,notice_date,entered_at,entered_by,supersedes\n"
    put(
        folder / "programme",
        contracts=head + "k,a,all,2026-01-01,2026-12-31,500,false,,2026-06-15,2026-01-02T09:00:00Z,sales,\n",
    )
    given = [
        Book.open(folder, as_of=day).features(["notices_given"]).loc[0, "notices_given"]
        for day in ("2026-06-14", "2026-06-15")
    ]
    assert given == [0, 1]


def test_a_market_without_accounts_known_yet_has_no_row(folder):
    assert Book.open(folder, as_of="2020-01-01").features(["revenue_12m", "contacts"]).empty


def test_a_panel_counts_by_day_week_and_month_of_the_reporting_time_zone(book):
    days = book.panel("activities", ["channel"], "day")
    assert days["rows"].sum() == 7  # the machine aside
    june = days[(days["channel"] == "meeting")].set_index("day")["rows"].to_dict()
    assert june == {pd.Timestamp("2026-06-01"): 2}  # 22:00 UTC is the next day
    weeks = book.panel("activities", [], "week", bots=True)
    assert weeks["rows"].sum() == 8 and (weeks["week"].dt.day_of_week == 0).all()
    months = book.panel("transactions", ["kind"], "month", ["revenue", "cogs"]).set_index(["kind", "month"])
    assert months.loc[("purchase", pd.Timestamp("2026-03-01")), ["rows", "revenue", "cogs"]].tolist() == [1, 50, 10]


def test_a_panel_of_what_is_not_there_is_empty_and_of_what_cannot_be_is_refused(book):
    assert book.panel("web_sessions", ["source"], "day").columns.tolist() == ["account_id", "source", "day", "rows"]
    with pytest.raises(ValueError, match=r"activities: no column \['revenue'\]"):
        book.panel("activities", sums=["revenue"])
    with pytest.raises(ValueError, match="activities by year: give a table whose rows are dated"):
        book.panel("activities", per="year")
    with pytest.raises(ValueError, match=r"products: no column \['account_id'\]"):
        book.panel("products")


def test_revenue_of_twelve_months_is_the_same_by_feature_and_by_account():
    book = Book.open(SAMPLE, as_of="2026-06-30")
    made = book.features(["revenue_12m", "margin_12m", "buying_days_12m"]).set_index("account_id")
    year = orders.by_account(book.read("transactions"), made.index, periods.trailing(book.as_of, 12))
    assert made["revenue_12m"].to_numpy(float) == pytest.approx(year["revenue"].to_numpy())
    assert made["margin_12m"].to_numpy(float) == pytest.approx(year["margin"].to_numpy(), nan_ok=True)
    assert made["buying_days_12m"].tolist() == year["buying_days"].tolist()


@pytest.mark.parametrize("half_life", features.HALF_LIVES)
def test_decay_is_the_same_by_feature_and_by_view(half_life):
    book = Book.open(SAMPLE, as_of="2026-06-30")
    name = f"engagement_{half_life}d"
    made = book.features([name]).set_index("account_id")[name]
    panel = book.panel("activities", ["contact_id", "direction"], "day")
    theirs = panel[panel["direction"] != "outbound"]
    by_view = views.leads_and_accounts(theirs, made.index, book.as_of, half_life)["account"]
    assert made.to_numpy(float) == pytest.approx(by_view.to_numpy(), rel=0.01)  # an hour of summer time


def test_a_free_line_is_no_purchase(tmp_path):
    free = SOLD + "t7,a,p9,2026-06-29,0,,purchase\n"
    folder = put(tmp_path / "data", accounts=ACCOUNTS, transactions=free)
    got = Book.open(folder, as_of="2026-06-30").features(["buying_days_12m", "products_12m"])
    assert got.loc[0, ["buying_days_12m", "products_12m"]].tolist() == [3, 2]


# -- plans, and what is learnt later ----------------------------------------------------------------------------------

AHEAD = {  # known before the day, to happen after it
    "transactions": "t9,a,p9,2026-09-01,500,5,purchase,2026-06-01T00:00:00Z",
    "activities": "x10,a,c4,2026-09-01T10:00:00Z,mutual,meeting,key,true,,,2026-06-01T00:00:00Z",
    "surveys": "s5,a,w,nps,0,10,0,2026-09-01T00:00:00Z,2026-06-01T00:00:00Z",
    "cases": "e3,a,2026-09-01T00:00:00Z,,2026-06-01T00:00:00Z",
}
TABLES = {"transactions": SOLD, "activities": TOUCHES, "surveys": SURVEYS, "cases": CASES}


def with_rows(text: str, row: str = "", known_at: str = "") -> str:
    """The table with a column known_at, and one more row; `known_at` and a later event replace those of the row."""
    head, *rows = text.strip().splitlines()
    more = [row.rpartition(",")[0] + "," + known_at if known_at else row] if row else []
    return "\n".join([head + ",known_at", *(r + "," for r in rows), *more]) + "\n"


@pytest.fixture(scope="module")
def of_books(tmp_path_factory):
    """Features of three books: as it is, with plans, with rows that are learnt after the day."""
    rest = {"accounts": ACCOUNTS, "contacts": CONTACTS, "opportunities": DEALS, "contracts": CONTRACTS}
    later = {n: row.replace("2026-09-01", "2026-06-15") for n, row in AHEAD.items()}
    books = {
        "plain": {n: with_rows(t) for n, t in TABLES.items()},
        "plans": {n: with_rows(t, AHEAD[n]) for n, t in TABLES.items()},
        "later": {n: with_rows(t, later[n], "2026-07-20T00:00:00Z") for n, t in TABLES.items()},
    }
    folders = {n: put(tmp_path_factory.mktemp(n), **rest, **tables) for n, tables in books.items()}
    return {n: Book.open(folder, as_of="2026-06-30") for n, folder in folders.items()}


@pytest.mark.parametrize("name", [f.name for f in features.FEATURES])
@pytest.mark.parametrize("book", ["plans", "later"])
def test_no_feature_counts_a_plan_or_what_is_learnt_later(of_books, name, book):
    plain, other = (of_books[b].features([name]) for b in ("plain", book))
    pd.testing.assert_frame_equal(plain, other)


def test_a_plan_is_in_no_table_panel_or_count_of_the_past_and_the_ledger_says_so(of_books):
    book, plain = of_books["plans"], of_books["plain"]
    for name in AHEAD:
        pd.testing.assert_frame_equal(book.read(name), plain.read(name))
    assert book.panel("activities", per="day")["day"].max() <= book.as_of
    assert book.fact_counts()["last_day"].max() <= book.as_of
    told = book.ledger.query("step == 'after 2026-06-30'").set_index("table")
    assert told["rows_lost"].to_dict() == dict.fromkeys(AHEAD, 1)
    assert told["why"].str.startswith("a plan").all()


def test_what_is_booked_ahead_makes_no_customer(tmp_path):
    sold = (
        "transaction_id,account_id,booked_at,revenue,kind,known_at\nt1,b,2026-12-01,9,purchase,2026-06-02T00:00:00Z\n"
    )
    book = Book.open(put(tmp_path / "data", accounts=ACCOUNTS, transactions=sold), as_of="2026-06-30")
    assert book.read("accounts").set_index("account_id").loc["b", "status"] == "prospect"


def test_a_plan_makes_no_later_day_the_newest_of_the_data(tmp_path):
    touches = with_rows(TOUCHES, AHEAD["activities"])
    book = Book.open(
        put(tmp_path / "data", accounts=ACCOUNTS, contacts=CONTACTS, activities=touches), as_of="latest-data"
    )
    assert book.as_of == pd.Timestamp("2026-06-30")
    assert book.features(["roles_known"])["roles_known"].sum() == 2  # the day is the latest: roles are known


def test_who_is_reachable_on_a_past_day_is_judged_by_the_opt_outs_known_then(tmp_path):
    history = "table,row_id,field,value,known_from\ncontacts,c3,opted_out,true,2026-03-01T00:00:00Z\n"
    folder = put(tmp_path / "data", accounts=ACCOUNTS, contacts=CONTACTS, activities=TOUCHES, attribute_history=history)
    of_day = {day: Book.open(folder, as_of=day) for day in ("2026-02-28", "2026-03-31", "2026-06-30")}
    reachable = {day: b.features(["contacts_reachable"])["contacts_reachable"].sum() for day, b in of_day.items()}
    assert reachable == {
        "2026-02-28": 3,
        "2026-03-31": 2,
        "2026-06-30": 1,
    }  # c2's address bounces: known only as it is now
    assert of_day["2026-02-28"].read("contacts")["opted_out"].sum() == 1  # who is shown: the newest knowledge
