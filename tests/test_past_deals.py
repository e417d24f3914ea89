"""Deals as they were on a past day: what their history says, and what without one nobody knows."""

import pandas as pd
import pytest

from abmlib.method import data_quality
from abmlib.pages import say_data
from abmlib.tables import Book
from tests.conftest import ACCOUNTS, put

DEALS = (
    "opportunity_id,account_id,stage,amount,probability,created_at,closed_at,is_closed,is_won\n"
    "won,acme,Closed Won,10,1,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,true,true\n"
    "turned,acme,Closed Lost,20,0,2026-01-01T00:00:00Z,2026-01-15T00:00:00Z,true,false\n"  # with the closing day it was planned for
    "reopened,beta,Proposal,30,0.5,2026-01-01T00:00:00Z,,false,\n"
    "again,beta,Closed Won,45,1,2026-01-01T00:00:00Z,2026-05-01T00:00:00Z,true,true\n"  # won twice
    "dropped,beta,Talk,5,,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,true,false\n"  # lost, and the stage left where it was
)
HISTORY = (
    "opportunity_id,entered_at,stage,amount,probability\n"
    "won,2026-02-01T00:00:00Z,Closed Won,10,1\n"
    "turned,2026-02-01T00:00:00Z,Closed Won,21,1\n"
    "turned,2026-04-01T00:00:00Z,Closed Lost,20,0\n"
    "reopened,2026-02-01T00:00:00Z,Closed Won,33,1\n"
    "reopened,2026-04-01T00:00:00Z,Proposal,30,0.5\n"
    "again,2026-02-01T00:00:00Z,Closed Won,40,1\n"
    "again,2026-04-01T00:00:00Z,Proposal,41,0.5\n"
    "again,2026-05-01T00:00:00Z,Closed Won,45,1\n"
    "dropped,2026-01-01T00:00:00Z,Talk,5,\n"
)


@pytest.fixture
def data(tmp_path):
    return put(tmp_path / "data", accounts=ACCOUNTS, opportunities=DEALS, opportunity_stage_history=HISTORY)


def deals(data, day: str) -> pd.DataFrame:
    return Book.open(data, day).read("opportunities").set_index("opportunity_id")


def test_a_deal_was_won_as_long_as_its_history_says_whatever_became_of_it(data):
    then = deals(data, "2026-03-01")
    assert then["is_won"].eq(True).to_dict() == {
        "again": True,
        "dropped": False,
        "reopened": True,
        "turned": True,
        "won": True,
    }
    assert then.loc[["turned", "reopened", "again"], "amount"].tolist() == [21, 33, 40]
    assert then.loc[["turned", "reopened", "again"], "closed_day"].eq(pd.Timestamp("2026-02-01")).all()


def test_a_reopened_deal_was_open_until_it_was_closed_again(data):
    between, now = deals(data, "2026-04-15"), deals(data, "2026-05-01")
    assert between.loc[["reopened", "again"], "is_closed"].tolist() == [False, False]
    assert between.loc["turned", ["is_closed", "is_won"]].tolist() == [True, False]
    assert now.loc["again", ["is_won", "amount"]].tolist() == [True, 45]


def test_a_stage_in_which_lost_deals_were_left_closes_no_deal(data):
    assert deals(data, "2026-01-20").loc["dropped", "is_closed"] == False  # noqa: E712  a nullable boolean
    assert deals(data, "2026-03-01").loc["dropped", "is_closed"] == True  # noqa: E712  by its closing day


def test_what_of_past_deals_nobody_knows_is_counted_by_column(data):
    book = Book.open(data, "2026-06-30")
    all_deals, history = book.read("opportunities"), book.read("opportunity_stage_history")
    some = history[history["opportunity_id"] != "won"]
    whole = data_quality.unknown_past(all_deals, some).to_dict()
    assert whole == {
        "stage": 1,
        "amount": 1,
        "probability": 1,
        "created_at": 0,
        "closed_at": 0,
        "won": 0,
    }  # no closing day is used
    undated = all_deals.assign(closed_at=pd.NaT, created_at=all_deals["created_at"].where(all_deals["is_closed"]))
    lacking = data_quality.unknown_past(undated, some)
    assert lacking["created_at"] == 1  # the open one
    assert lacking["closed_at"] == 1  # the history knows of the other closed ones
    said = say_data.unknown_past(lacking, 5, book.as_of, is_latest=True)
    assert said.startswith(
        "The data does not say the stage, amount and probability of 1 of 5 deals on days before 30 June 2026"
    )
    assert said.endswith(
        "1 closed deal (1 won) without a closing day is in no win rate, in no quarter and in no report of an earlier day."
    )
    none = lacking * 0
    assert say_data.unknown_past(none, 5, book.as_of, is_latest=True) == ""


# -- without days -----------------------------------------------------------------------------------------------------


def test_an_account_without_a_day_is_known_since_its_first_fact_and_else_on_the_newest_day(tmp_path):
    accounts = "account_id,name,created_at\nacme,Acme,2026-01-20\nbeta,Beta,\nidle,Idle,\n"
    data = put(tmp_path / "data", accounts=accounts, opportunities=DEALS)
    known = {
        day: Book.open(data, day).read("accounts")["account_id"].tolist()
        for day in ("2026-01-10", "2026-01-31", "2026-05-01")
    }
    assert known == {"2026-01-10": ["beta"], "2026-01-31": ["acme", "beta"], "2026-05-01": ["acme", "beta", "idle"]}
    now = Book.open(data, "2026-05-01").read("accounts").set_index("account_id")
    assert now["created_day"].dt.strftime("%m-%d").to_dict() == {"acme": "01-20", "beta": "01-01", "idle": "05-01"}


def test_no_account_and_no_deal_needs_a_day(tmp_path):
    deals = "opportunity_id,account_id,stage,closed_at,is_closed,is_won\no1,acme,Won,2026-02-01,true,true\no2,beta,Talk,,false,\n"
    data = put(tmp_path / "data", accounts="account_id,name\nacme,Acme\nbeta,Beta\n", opportunities=deals)
    then, now = (Book.open(data, day) for day in ("2026-02-01", "2026-06-30"))
    assert then.is_latest
    assert now.read("opportunities")["opportunity_id"].tolist() == ["o1", "o2"]
    assert now.read("accounts").set_index("account_id")["status"].to_dict() == {"acme": "customer", "beta": "prospect"}


def test_a_closed_deal_without_an_opening_day_is_known_since_it_was_closed(tmp_path):
    deals = DEALS.replace("won,acme,Closed Won,10,1,2026-01-01T00:00:00Z", "won,acme,Closed Won,10,1,")
    data = put(tmp_path / "data", accounts=ACCOUNTS, opportunities=deals)
    known = {
        day: "won" in set(Book.open(data, day).read("opportunities")["opportunity_id"])
        for day in ("2026-01-31", "2026-02-01")
    }
    assert known == {"2026-01-31": False, "2026-02-01": True}


def test_an_account_without_a_day_is_dated_by_a_deal_or_by_a_purchase(tmp_path):
    folder = put(
        tmp_path / "book",
        accounts="account_id,name\n1,A\n2,B\n",
        opportunities="opportunity_id,account_id,stage,is_closed,is_won,created_at,closed_at\n"
        "1,1,Won,true,true,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z\n",
        transactions="transaction_id,account_id,booked_at,revenue\n1,2,2025-03-01,5\n",
    )
    accounts = Book.open(folder, as_of="2026-01-01").read("accounts")
    assert accounts["created_at"].dt.strftime("%F").tolist() == ["2025-01-01", "2025-03-01"]
