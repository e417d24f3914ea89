"""Leads followed to their wins: all with the same time, those of customers apart; and the published shares of Olist."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import deals as dl
from abmlib.method import funnel
from abmlib.pages import say_growth
from tests.conftest import as_read
from tests.test_pipeline import TODAY, day, deals

NOBODY = pd.Series(dtype="datetime64[us]")


def leads(*rows: tuple) -> pd.DataFrame:
    """Leads from (created, converted, deal, source)."""
    made = [
        {"lead_id": f"l{i}", "created_at": c, "converted_at": v, "opportunity_id": o, "source": s}
        for i, (c, v, o, s) in enumerate(rows)
    ]
    f = pd.DataFrame(made)
    for c in ("created_at", "converted_at"):
        f[c] = pd.to_datetime(f[c], utc=True)
    return as_read("leads", f)


def first(sold: pd.DataFrame) -> pd.Series:
    return pd.Series("first sale", sold.index)


@pytest.fixture
def few() -> pd.DataFrame:
    sold = deals(
        [
            ("d0", True, 1.0, "2024-11-01", "2024-12-01"),  # wins are recorded since then
            ("d1", True, 1.0, "2025-01-11", "2025-01-21"),
            ("d2", True, 1.0, "2025-06-01", "2025-12-01"),
            ("d3", False, 1.0, "2025-02-01", "2025-03-01"),
        ]
    )
    came = leads(
        ("2025-01-01", "2025-01-11", "d1", "web"),  # won after 20 days
        ("2025-01-01", "2025-02-01", "d3", "web"),  # its deal was lost
        ("2025-01-01", None, None, "fair"),
        ("2025-06-01", "2025-06-01", "d2", "fair"),  # won after 183 days
        ("2026-06-20", None, None, "fair"),  # ten days old: cannot be judged
    )
    return funnel.followed(came, sold, first(sold), NOBODY, TODAY)


def test_a_lead_is_followed_to_its_deal_and_its_win(few):
    assert few["converted"].tolist() == [True, True, False, True, False]
    assert few["won"].tolist() == [True, False, False, True, False]
    assert few["days_to_win"].tolist()[:1] == [20.0]
    counted = funnel.steps(few, few["side"], 20).iloc[0]
    assert counted[["leads", "converted", "deals", "won", "leads_won"]].tolist() == [5, 3, 3, 2, 0.4]
    assert counted[["n_ripe", "won_in_time"]].tolist() == [4, 0.25]  # the slow win does not count, nor the young lead


def test_a_quarter_is_too_early_while_one_of_its_leads_is_young(few):
    got = funnel.cohorts(few, 20).set_index("lead_quarter")
    assert got["status"].to_dict() == {"2025Q1": "ok", "2025Q2": "ok", "2026Q2": "too_early"}
    rows = funnel.rows(got.reset_index(), "lead quarter").set_index(["definition_id", "group"])
    assert rows.loc[("leads_won", "2026Q2"), "status"] == "too_early"


def test_business_with_customers_is_apart_and_the_win_of_a_lead_makes_none_of_it():
    sold = deals([("d1", True, 1.0, "2025-01-11", "2025-01-21")]).assign(account_id="a")
    came = leads(("2025-02-01", None, None, "web"), ("2025-01-25", "2025-01-25", "d1", "web")).assign(account_id="a")
    got = funnel.followed(came, sold, first(sold), pd.Series({"a": day("2025-01-21")}), TODAY)
    assert got["side"].tolist() == [funnel.CUSTOMERS, funnel.FIRST]
    sides = funnel.by_side(got, 30, day("2025-01-01")).set_index("side")
    assert (
        sides["leads"].tolist() == [2] * 3
    )  # of all leads, as the account of one that came to nothing is seldom known
    assert sides.loc[funnel.ALL, ["converted", "won", "leads_won"]].tolist() == [1, 1, 0.5]
    assert say_growth.leads(sides.reset_index(), 30, day("2025-01-01")) == (
        "Leads: 1 of 2 converted; 50.0% won so far (1 of 2), 50.0% of the 2 that are old enough within 30 days. Wins of leads since "
        "1 January 2025, from when tracks are told: first sales 1."
    )
    assert sides["n_ripe"].tolist() == [2] * 3
    later = funnel.by_side(got, 30, day("2025-02-01"))
    assert later["leads"].tolist() == [2]  # one side is left
    unknown = funnel.by_side(got, np.nan, day("2025-01-01"))
    assert (unknown["n_ripe"].tolist(), unknown["won_in_time"].isna().all()) == ([0] * 3, True)
    assert sides.loc[funnel.FIRST, ["converted", "won", "leads_won"]].tolist() == [1, 1, 0.5]
    assert sides.loc[funnel.CUSTOMERS, ["converted", "won", "leads_won"]].tolist() == [0, 0, 0.0]


def test_without_a_deal_no_win_is_known_and_conversion_is():
    came = leads(("2025-01-01", "2025-01-11", None, "web"), ("2025-01-01", None, None, "web"))
    sold = deals([("d1", True, 1.0)])
    got = funnel.followed(came, sold, first(sold), NOBODY, TODAY)
    rows = funnel.rows(funnel.steps(got, got["side"], np.nan), "side").set_index("definition_id")
    assert rows["status"].to_dict()["leads_won"] == "not_answerable"
    assert rows.loc["leads_won", "why"] == "the deal each lead became"
    assert rows.loc["leads_converted", "value"] == 0.5


def test_a_lead_that_names_a_deal_which_is_not_in_the_data_is_unknown_and_not_lost():
    sold = deals([("d1", True, 1.0, "2025-01-02", "2025-01-21"), ("d2", False, 1.0, "2025-01-02", "2025-01-21")])
    sold.loc[1, "is_won"] = pd.NA  # closed, and nobody knows how
    came = leads(*[("2025-01-21", None, d, "web") for d in ("d1", "d2", "gone", None)], (None, None, None, "web"))
    got = funnel.followed(came, sold, first(sold), NOBODY, TODAY)
    assert got["won"].astype(object).where(got["won"].notna(), None).tolist() == [True, None, None, False, False]
    assert got["side"].tolist() == [funnel.FIRST, funnel.FIRST, funnel.UNTOLD, funnel.FIRST, funnel.FIRST]
    sides = funnel.by_side(got, 20, day("2025-01-01")).set_index("side")
    assert sides.loc[funnel.FIRST, ["leads", "n_known", "leads_won", "n_ripe"]].tolist() == [4, 2, 1 / 2, 2]
    assert funnel.cohorts(funnel.became(got, funnel.FIRST), 20)["status"].tolist() == ["ok"]
    assert say_growth.unclear_leads(2, 1) == (
        "2 leads name a deal that is not in the data, or that ended nobody knows how: in no share won. "
        "1 lead has no day: in no quarter and in no share won in time."
    )
    assert say_growth.unclear_leads(0, 0) == ""


def test_without_a_lead_nothing_is_said():
    sold = deals([("d1", True, 1.0)])
    none = funnel.followed(leads(("2025-01-01", None, None, "x")).iloc[:0], sold, first(sold), NOBODY, TODAY)
    assert funnel.steps(none, none["side"], funnel.horizon(none)).empty
    assert funnel.cohorts(none, np.nan).empty
    assert funnel.by_source(none, np.nan).empty


def test_a_horizon_gives_old_and_young_leads_the_same_time():
    """Steady wins over 100 days; a book that grows shows none the less the true share within the horizon."""
    random = np.random.default_rng(3)
    age = np.sort(random.integers(0, 400, 4_000) ** 2 // 400)  # most leads are young
    days = random.integers(0, 100, 4_000)
    won = (random.random(4_000) < 0.4) & (days <= age)
    made = pd.DataFrame({"age_days": age.astype(float), "won": pd.array(won, "boolean")})
    made["days_to_win"] = pd.Series(days.astype(float)).where(won)
    horizon = funnel.horizon(made)
    flag = funnel.won_within(made, horizon)
    assert flag.dropna().mean() == pytest.approx(0.4 * (horizon + 1) / 100, abs=0.03)
    assert made["won"].mean() < 0.3  # what is won so far says less


def test_olist_has_the_shares_that_were_published(shared_data):
    olist = shared_data("olist_funnel")
    came = pd.read_csv(olist / "olist_marketing_qualified_leads_dataset.csv")
    sold = pd.read_csv(olist / "olist_closed_deals_dataset.csv")
    came["created_day"] = pd.to_datetime(came["first_contact_date"], format="%d-%m-%Y")
    sold["closed_day"] = pd.to_datetime(sold["won_date"], format="%d-%m-%Y %H:%M").dt.normalize()
    closed = {"opportunity_id": sold["mql_id"], "account_id": sold["seller_id"], "is_won": True, "is_closed": True}
    joined = came.merge(sold[["mql_id", "closed_day"]], how="left", on="mql_id")
    known = joined["closed_day"].notna()
    table = pd.DataFrame(
        {
            "created_day": joined["created_day"],
            "source": joined["origin"],
            "account_id": None,
            "opportunity_id": joined["mql_id"].where(known),
            "converted_day": joined["closed_day"],
        }
    )
    deals_of = pd.DataFrame(closed).assign(closed_day=sold["closed_day"])
    got = funnel.followed(table, deals_of, first(deals_of), NOBODY, day("2018-11-14"))
    by = funnel.steps(got, got["source"].rename("lead_source"), funnel.horizon(got)).set_index("lead_source")
    assert round(funnel.steps(got, got["side"], 1)["leads_won"].iloc[0], 3) == 0.105
    assert by.loc[["paid_search", "social", "email"], "leads_won"].round(3).tolist() == [0.123, 0.056, 0.03]
    assert dl.differences(funnel.by_source(got, funnel.horizon(got)))["judged"].tolist() == ["differ"]


def test_a_lead_is_of_the_side_of_its_deals_track():
    sold = deals([(f"d{i}", None, 1.0, "2025-01-11") for i in range(3)])
    came = leads(*[("2025-01-01", None, f"d{i}", "web") for i in range(3)])
    got = funnel.followed(came, sold, pd.Series(["renewal", "first sale", "unknown"]), NOBODY, TODAY)
    assert got["side"].tolist() == [funnel.CUSTOMERS, funnel.FIRST, funnel.UNTOLD]


def test_leads_from_before_wins_are_recorded_are_in_no_rate():
    sold = deals([("d1", True, 1.0, "2025-02-01", "2025-04-01"), ("d2", True, 1.0, "2025-04-02", "2025-04-12")])
    came = leads(
        ("2025-01-01", None, "d1", "web"), ("2025-04-02", None, "d2", "web"), ("2025-04-02", None, None, "fair")
    )
    got = funnel.followed(came, sold, first(sold), NOBODY, TODAY)
    assert funnel.horizon(got) == 10  # the win after 90 days came in before
    by = funnel.cohorts(got, 10).set_index("lead_quarter")
    assert by["status"].to_dict() == {"2025Q1": "not_answerable", "2025Q2": "ok"}
    assert by["won_in_time"].fillna(-1).to_dict() == {"2025Q1": -1, "2025Q2": 0.5}
