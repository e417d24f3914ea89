"""Leads beside accounts, and one account on one timeline, on touches a person can count."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from abmlib.method import orders, views
from abmlib.method.deals import with_days
from abmlib.pages import plots
from abmlib.tables import schema
from tests.conftest import as_read

AS_OF = pd.Timestamp("2026-06-30")
IDS = pd.Index(["fan", "team", "cold", "shy"], name="account_id")


def touches(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "contact_id", "day", "rows"])
    return frame.astype({"account_id": "str", "contact_id": "str", "day": "datetime64[us]", "rows": "Int64"})


@pytest.fixture
def panel() -> pd.DataFrame:
    return touches(
        [
            ("fan", "f1", "2026-06-30", 4),  # one person, all of it
            ("team", "t1", "2026-06-30", 2),
            ("team", "t2", "2026-06-30", 2),
            ("team", "t3", "2026-05-31", 4),  # one half-life old: worth 2
            ("shy", None, "2026-06-30", 1),  # nobody known: counts for the account and for no lead
            ("gone", "g1", "2026-06-30", 9),  # no such account: must not appear
            ("fan", "f1", "2026-07-01", 9),  # after the day
        ]
    )


@pytest.fixture
def both(panel) -> pd.DataFrame:
    return views.leads_and_accounts(panel, IDS, AS_OF, 30)


# -- two views --------------------------------------------------------------------------------------------------------


def test_the_best_lead_and_the_whole_account_rank_the_same_touches_differently(both):
    assert both["best_lead"].to_dict() == {"fan": 4, "team": 2, "cold": 0, "shy": 0}
    assert both["account"].to_dict() == {"fan": 4, "team": 6, "cold": 0, "shy": 1}
    assert both["people"].to_dict() == {"fan": 1, "team": 3, "cold": 0, "shy": 0}
    assert both["lead_rank"].dropna().to_dict() == {"fan": 1, "team": 2}
    assert both["account_rank"].dropna().to_dict() == {"team": 1, "fan": 2, "shy": 3}


def test_equal_accounts_rank_by_their_id():
    alike = touches([(a, a, "2026-06-30", 1) for a in ("shy", "fan", "team")])
    got = views.leads_and_accounts(alike, IDS, AS_OF, 30)
    assert got["account_rank"].dropna().to_dict() == {"fan": 1, "shy": 2, "team": 3}


def test_side_by_side_names_accounts_and_only_counts_people(both):
    got = views.side_by_side(both, pd.Series({a: a.title() for a in IDS}), top=2)
    assert got["by_best_lead"].tolist() == ["Fan", "Team"]
    assert got["by_account"].tolist() == ["Team", "Fan"]
    assert got[["people", "rank_by_lead"]].to_numpy().tolist() == [[3, 2], [1, 1]]
    assert not {"t1", "f1"} & set(got.astype("str").to_numpy().ravel())


def test_agreement_counts_the_overlap_and_correlates_ranks_of_accounts_with_engagement(both):
    overlap, correlation = views.agreement(both, top=1)
    assert (overlap["value"], overlap["n"], "low" in overlap) == (
        0,
        1,
        False,
    )  # a count of a list; fan is first by lead, team first by account
    # ranks by lead: fan 3, team 2, shy 1; by account: team 3, fan 2, shy 1 -> 1 - 6 * (1 + 1) / (3 * 8)
    assert correlation["value"] == pytest.approx(0.5)
    assert correlation["n"] == 3  # cold is in neither view
    assert np.isnan(correlation["low"])  # three accounts give no interval


def test_the_interval_of_the_correlation_is_the_published_one():
    # r = 0.6 on five: z = atanh(0.6), se = sqrt((1 + 0.18) / 2)
    frame = pd.DataFrame({"best_lead": [1.0, 2, 3, 4, 5], "account": [2.0, 3, 1, 5, 4]})
    got = views.agreement(frame.assign(lead_rank=[5, 4, 3, 2, 1], account_rank=[4, 3, 5, 1, 2]), top=1)[1]
    assert got["value"] == pytest.approx(0.6)
    half = 1.959964 * np.sqrt(1.18 / 2)
    assert (got["low"], got["high"]) == pytest.approx(
        (np.tanh(np.arctanh(0.6) - half), np.tanh(np.arctanh(0.6) + half))
    )


def test_accounts_that_all_rank_alike_have_no_correlation_for_lack_of_a_difference():
    one = pd.DataFrame({"best_lead": [1.0], "account": [2.0], "people": [1], "lead_rank": [1], "account_rank": [1]})
    assert [r.get("why", "") for r in views.agreement(one, top=1)] == ["", "accounts that rank differently"]


def test_without_a_touch_nothing_is_ranked_and_agreement_cannot_be_told(panel):
    got = views.leads_and_accounts(panel.iloc[:0], IDS, AS_OF, 30)
    assert got[["lead_rank", "account_rank"]].isna().all(axis=None)
    assert views.side_by_side(got, pd.Series(dtype="str"), top=10).empty
    assert {r["status"] for r in views.agreement(got, top=10)} == {"not_answerable"}


def test_refuses_accounts_named_twice(panel):
    with pytest.raises(ValueError, match="1 of \\d ids repeat"):
        views.leads_and_accounts(panel, pd.Index(["fan", "fan"]), AS_OF, 30)


# -- one timeline -----------------------------------------------------------------------------------------------------


def test_the_account_drawn_is_the_one_asked_for_or_the_customer_with_most_records():
    rows = [("a", "prospect", 99), ("c", "customer", 5), ("b", "customer", 5), ("d", "customer", 1)]
    judged = pd.DataFrame(rows, columns=["account_id", "status", "records"])
    assert views.chosen("", judged) == "b"  # a prospect has more; of equals the first id
    assert views.chosen("d", judged) == "d"
    assert views.chosen("", judged.head(1)) == "a"  # nobody is a customer
    with pytest.raises(ValueError, match="'e' is none of 4 accounts"):
        views.chosen("e", judged)


def as_months(rows: list[tuple], *by: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", *by, "month", "rows"])
    return frame.astype({"month": "datetime64[us]", "rows": "Int64"})


@pytest.fixture
def monthly() -> pd.DataFrame:
    rows = [
        ("a", "ad", "2026-01-01", 1),
        ("a", "web", "2026-01-01", 1),
        ("a", "web", "2026-03-01", 2),
        ("b", "pr", "2026-01-01", 6),  # another account
    ]
    return as_months(rows, "channel")


def as_deals(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "created_at", "closed_at", "is_won"])
    frame = frame.assign(opportunity_id=frame.index.astype("str"), is_closed=frame["closed_at"].notna(), stage="s")
    for column in ("created_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return with_days(as_read("opportunities", frame), AS_OF)


def test_all_that_happened_lies_in_its_lane_and_month(monthly):
    deals = as_deals(
        [
            ("a", "2026-01-05", "2026-02-05", True),
            ("a", "2026-01-06", "2026-02-06", False),
            ("a", "2026-01-07", None, None),  # open: opened, neither won nor lost
            ("b", "2026-01-08", "2026-02-08", True),
        ]
    )
    bought = orders.with_product_line(
        as_months(
            [("a", "p", "2026-02-01", 3), ("a", None, "2026-02-01", 1), ("a", "x", "2026-02-01", 1)], "product_id"
        ),
        pd.DataFrame({"product_id": ["p"], "product_line": ["paper"]}),
        unknown="purchases",
    )
    got = views.timeline(
        "a", monthly, bought, deals, {"cases": as_months([("a", "2026-04-01", 7), ("b", "2026-04-01", 1)])}
    )
    assert [(r.kind, r.lane, r.month.month, r.rows) for r in got.itertuples()] == [
        ("touch", "web", 1, 1),  # the channel with most comes first
        ("touch", "web", 3, 2),
        ("touch", "ad", 1, 1),
        ("purchase", "paper", 2, 3),
        ("purchase", "purchases", 2, 2),  # without a product, and of one nobody lists
        ("deal", "deals opened", 1, 3),
        ("deal", "deals won", 2, 1),
        ("deal", "deals lost", 2, 1),
        ("other", "cases", 4, 7),
    ]


def test_an_account_without_anything_has_an_empty_timeline(monthly):
    none = orders.with_product_line(as_months([], "product_id"), schema.empty("products"))
    got = views.timeline("nobody", monthly, none, as_deals([]), {})
    assert got.empty
    assert got.columns.tolist() == views.EVENTS


def test_the_touch_mix_stands_beside_that_of_all_accounts(monthly):
    got = views.touch_mix(monthly, "a").set_index("channel")
    assert got["touches"].to_dict() == {"web": 3, "ad": 1, "pr": 0}
    assert got["share"].tolist() == [0.75, 0.25, 0]
    assert got["share_of_all"].tolist() == [0.3, 0.1, 0.6]  # of ten, its own with them
    assert views.touch_mix(monthly, "nobody")["share"].isna().all()  # no touch: missing, never 0
    assert views.touch_mix(monthly.iloc[:0], "a").empty


# -- and as a picture -------------------------------------------------------------------------------------------------


@pytest.fixture
def ax():
    with mpl.rc_context({"backend": "Agg"}):
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def test_a_timeline_has_a_lane_for_each_kind_and_name_and_larger_marks_for_more(ax):
    rows = [("touch", "web", "2026-01-01", 1), ("touch", "web", "2026-02-01", 4), ("other", "web", "2026-01-01", 2)]
    events = pd.DataFrame(rows, columns=views.EVENTS).astype({"month": "datetime64[us]"})
    plots.timeline(events, ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["web", "web"]  # a case is no touch, whatever it is called
    small, large = ax.collections[0].get_sizes()
    assert large > small
    assert ax.collections[1].get_offsets()[0][1] == 1  # the second lane
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"touch", "other"}
    assert "largest 4" in ax.get_xlabel()


def test_a_timeline_of_nothing_says_so(ax):
    plots.timeline(pd.DataFrame(columns=views.EVENTS), ax)
    assert [t.get_text() for t in ax.texts] == ["Nothing to draw on this data."]
