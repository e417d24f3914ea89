"""What was won, on deals a person can follow: tracks apart, by tier and quarter, on the target list and off it."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import results
from abmlib.method.periods import Period
from abmlib.pages import say_growth
from tests.conftest import as_read
from tests.test_pipeline import YEAR, day, deals


def book(rows: list[tuple], **more: list) -> pd.DataFrame:
    """Deals from (id, account, won or None while open, amount, created, closed)."""
    made = deals([(r[0], *r[2:]) for r in rows], account_id=[r[1] for r in rows], **more)
    return made.assign(account_id=[r[1] for r in rows])


@pytest.fixture
def four() -> pd.DataFrame:
    rows = [
        ("old", "z", False, 1.0, "2020-01-01", "2020-01-11"),  # the data begin long before: nine tenths take ten days
        ("first", "a", True, 100.0, "2025-08-01", "2025-08-11"),  # its own win makes no customer of it
        ("again", "a", False, 50.0, "2025-09-01", "2025-09-11"),  # opened after that win, and called new all the same
        ("renews", "b", True, 30.0, "2025-10-01", "2025-10-11"),  # never seen buying, but said to renew
        ("nobody", None, None, 10.0, "2026-01-01", None),  # whose it is nobody knows
    ]
    return book(rows, type=["new", "new", "new", "renewal", "new"])


FIRST_WON = pd.Series({"a": day("2025-08-11"), "b": day("2025-10-11")})


def test_a_deal_is_a_first_sale_by_what_its_account_bought_and_not_by_its_type(four):
    track = results.tracks(four, FIRST_WON)
    assert track.tolist() == [
        "unknown",
        "first sale",
        "new business with a customer",
        "renewal",
        "unknown",
    ]


def test_no_first_sale_is_told_before_deals_under_way_at_the_beginning_are_over(four):
    assert results.told_from(four, FIRST_WON) == day("2020-01-11")
    purchases = pd.Series({"a": day("2019-12-02")})  # known thirty days earlier than deals
    assert results.told_from(four, purchases) == day("2019-12-12")


def test_a_deal_without_an_opening_day_is_of_no_known_track():
    made = deals([("a", False, 1.0, None, "2026-01-20"), ("b", True, 1.0, None, "2026-01-20")]).assign(
        account_id=["x", "y"]
    )
    assert results.tracks(made, pd.Series({"y": day("2026-01-20")})).tolist() == ["unknown", "unknown"]


def test_each_track_is_measured_alone(four):
    got = results.by_track(four, YEAR, results.tracks(four, FIRST_WON)).set_index("track")
    assert got.loc["first sale", ["won", "lost", "win_share", "won_value"]].tolist() == [1, 0, 1.0, 100.0]
    assert got.loc["new business with a customer", ["won", "lost", "win_share"]].tolist() == [0, 1, 0.0]
    assert got.loc["unknown", ["opened", "open", "won", "lost"]].tolist() == [1, 1, 0, 0]
    rows = results.track_rows(got.reset_index(), YEAR).set_index(["definition_id", "group"])
    assert rows.loc[("win_rate_by_count", "unknown"), "status"] == "not_answerable"
    assert rows.loc[("deal_size_median", "renewal"), ["value", "n"]].tolist() == [30.0, 1]


def test_no_track_has_a_win_rate_where_no_deal_was_lost(four):
    won = four[four["is_won"].fillna(False)]
    assert results.by_track(won, YEAR, results.tracks(won, FIRST_WON))["win_share"].isna().all()


def test_amounts_won_are_summed_by_tier_beside_the_window_before():
    rows = [
        ("d1", "a", True, 100.0, "2025-08-01", "2025-08-11"),
        ("d2", "a", True, 20.0, "2024-08-01", "2024-08-11"),  # the window before
        ("d3", "b", True, 7.0, "2025-08-01", "2025-08-11"),  # in no tier
        ("d4", "a", False, 900.0, "2025-08-01", "2025-08-11"),  # lost: nothing
        ("old", "z", False, 1.0, "2020-01-01", "2020-01-11"),  # the book holds the window before whole
    ]
    before = Period(day("2024-07-01"), day("2025-06-30"))
    found = book(rows).assign(term_months=[24.0, 12.0, np.nan, 12.0, 1.0])
    got = results.by_tier(found, pd.Series({"a": "1"}), YEAR, before).set_index("tier")
    assert got.loc["1", ["won_value", "won_value_before", "acv", "n_acv"]].tolist() == [100.0, 20.0, 50.0, 1]
    assert got.loc["none", "won_value"] == 7.0
    assert results.by_tier(found, pd.Series(dtype=str), YEAR, before).empty
    rows = results.won_rows(got.reset_index(), "tier", YEAR, before)
    assert rows["status"].tolist() == ["ok", "ok", "ok", "not_answerable", "ok", "ok"]
    past = rows[rows["window_start"] == before.start]
    assert past[["group", "value", "n"]].values.tolist() == [["1", 20.0, 1], ["none", 0.0, 0]]
    fell = results.by_tier(found.iloc[1:], pd.Series({"a": "1"}), YEAR, before).set_index("tier")
    assert fell.loc["1", ["won_deals", "won_value", "won_value_before"]].tolist() == [0, 0.0, 20.0]  # won then alone
    young = results.by_tier(
        found.iloc[:4], pd.Series({"a": "1"}), YEAR, before
    )  # the book begins within the window before
    assert young["won_value_before"].isna().all()


def test_a_quarter_that_runs_is_too_early_and_one_without_a_win_has_nothing():
    rows = [
        ("d1", "a", True, 100.0, "2025-07-01", "2025-07-11"),
        ("d2", "a", True, None, "2026-04-01", "2026-04-11"),  # no amount is known in its quarter
    ]
    got = results.by_quarter(book(rows), day("2026-05-31")).set_index("quarter")
    assert got["won_deals"].to_dict() == {"2025Q3": 1, "2025Q4": 0, "2026Q1": 0, "2026Q2": 1}
    assert got.loc["2025Q4", "won_value"] == 0
    assert pd.isna(got.loc["2026Q2", "won_value"])
    assert got["status"].tolist() == ["ok", "ok", "ok", "too_early"]


def tiers(*rows: tuple) -> pd.DataFrame:
    """Tiers from (account, first day, tier, last day)."""
    made = [
        {"account_id": a, "valid_from": day(f), "tier": t, "valid_to": None if to is None else day(to), "set_by": "joint",
         "reason": "r", "entered_at": f, "entered_by": "x"}
        for a, f, t, to in rows
    ]  # fmt: skip
    frame = pd.DataFrame(
        made, columns=["account_id", "valid_from", "tier", "valid_to", "set_by", "reason", "entered_at", "entered_by"]
    )
    return as_read("account_tiers", frame.assign(entered_at=pd.to_datetime(frame["entered_at"], utc=True)))


def test_a_deal_is_on_the_list_by_the_day_before_it_was_decided():
    listed = tiers(
        ("a", "2025-08-11", "1", None),  # enters on the day of the decision: off
        ("b", "2025-08-10", "2", None),  # the day before: on
        ("c", "2025-01-01", "1", "2025-08-09"),  # has left: off
        ("d", "2025-01-01", "1", None),
        ("d", "2025-07-01", "none", None),  # taken off later: off
    )
    rows = [(f"d{x}", x, True, 1.0, "2025-08-01", "2025-08-11") for x in "abcde"]
    assert results.on_list(book(rows), listed).tolist() == [False, True, False, False, False]


def test_accounts_and_prospects_of_the_list_are_counted_apart_from_others():
    rows = [
        ("d1", "a", True, 1.0, "2025-08-01", "2025-08-11"),
        ("d2", "a", False, 1.0, "2025-08-01", "2025-09-11"),
        ("d3", "b", False, 1.0, "2025-08-01", "2025-08-11"),
        ("d4", "o", True, 1.0, "2025-08-01", "2025-08-11"),
    ]
    listed = tiers(("a", "2025-01-01", "1", None), ("b", "2025-01-01", "2", None))
    won = {"a": day("2025-08-11"), "b": pd.NaT, "o": day("2020-01-01"), "p": pd.NaT}  # o was a customer, p is none yet
    accounts = pd.DataFrame({"first_won_day": won, "created_day": pd.Timestamp("2019-01-01")})
    track = pd.Series(["first sale", "expansion", "first sale", "renewal"])
    found = results.target_list(book(rows), accounts, listed, YEAR, track)
    got = found[found["track"] == "all"].set_index("target_list")
    on, off = got.loc["on the target list"], got.loc["not on it"]
    assert on[["accounts_won", "accounts_decided", "won_deals", "decided_deals", "won_value"]].tolist() == [
        1,
        2,
        1,
        3,
        1,
    ]
    assert on[["new_customers", "prospects", "there_won", "there"]].tolist() == [1, 2, 1, 2]
    assert off[["accounts_won", "accounts_decided", "new_customers", "prospects", "there"]].tolist() == [1, 1, 0, 1, 2]
    rows = results.list_rows(found, YEAR).set_index(["definition_id", "group"])
    assert rows.loc[("accounts_won_of_accounts_closed", "on the target list"), "value"] == 0.5
    assert rows.loc[("accounts_won_of_accounts_there", "not on it"), ["value", "n"]].tolist() == [0.5, 2]
    by_track = rows.query("group_by == 'target list and track'")["value"]
    assert by_track["win_rate_by_count"].to_dict() == pytest.approx(
        {
            "on the target list, first sales": 0.5, "not on it, first sales": np.nan,
            "on the target list, business with customers": 0.0, "not on it, business with customers": 1.0,
        }, nan_ok=True,
    )  # fmt: skip
    assert (
        by_track["accounts_won_of_accounts_there", "on the target list, first sales"] == 0.5
    )  # of the prospects a and b
    one = results.target_list(book([("d", "a", True, 1.0, "2025-08-01", "2025-08-11")]), accounts, tiers(), YEAR, track)
    assert one.empty


def test_an_account_decided_on_the_list_and_off_it_is_said_to_count_twice():
    counts = {"accounts_decided": [41, 154, 9], "there": [69, 298, 9], "decided_deals": [50, 200, 249]}
    listed = pd.DataFrame({"track": ["all", "all", "first sales"]} | counts)
    said = "69 accounts are on the list. 1 account had deals decided on the list and off it, and counts on both sides."
    unknown = " 1 deal of unknown track is in no row of a track."
    assert say_growth.about_list(listed, 194, 69) == said + unknown
    more = listed.assign(there=[69, 298, 370], decided_deals=[50, 200, 250])
    assert say_growth.about_list(more, 194, 69) == (
        f"{said} Accounts that first bought in the window are among the accounts of both tracks."
    )


def test_the_account_that_brought_more_than_half_of_a_group_is_named():
    won = pd.DataFrame({"account_id": list("aabc"), "amount": [5.0, 3.0, 1.0, 9.0]})
    found = results.led(won, pd.Series(["1", "1", "1", "2"]))
    assert found.values.tolist() == [["1", "a", 8.0, 9.0]]  # c is alone in its tier
    assert say_growth.led(found, pd.Series({"a": "Acme"}), "EUR", "in tier ") == (
        "8 EUR of the 9 EUR won in tier 1 is from Acme; without it 1 EUR."
    )


def test_the_largest_riser_and_faller_are_named():
    before = Period(day("2024-07-01"), day("2025-06-30"))
    rows = [
        ("d1", "a", True, 100.0, "2025-08-01", "2025-08-11"),
        ("d2", "b", True, 300.0, "2024-08-01", "2024-08-11"),
        ("d3", "c", True, 5.0, "2024-08-01", "2024-08-11"),
        ("d4", "c", True, 5.0, "2025-08-01", "2025-08-11"),  # as much as before: no row
        ("old", "z", False, 1.0, "2020-01-01", "2020-01-11"),
    ]
    moved = results.movers(results.won_by_account(book(rows), pd.Series(dtype=str), YEAR, before))
    assert moved[["account_id", "won_value", "won_change"]].values.tolist() == [["b", 0.0, -300.0], ["a", 100.0, 100.0]]
    said = say_growth.movers(moved, pd.Series({"a": "Acme"}), "EUR")
    assert said == "Largest changes to the window before: 100 EUR more with Acme and 300 EUR less with b."


def test_a_page_says_which_track_all_deals_are_where_there_is_one(four):
    one = results.by_track(four.iloc[[1]], YEAR, results.tracks(four, FIRST_WON).iloc[[1]])
    none = pd.DataFrame({"p": [np.nan]})
    assert say_growth.tracks(one, none, "EUR") == ["All deals open or decided are first sales."]
    assert say_growth.win_rates(one, "in 2025", "whole") == ["whole"]
