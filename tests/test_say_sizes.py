"""Sentences of 05, from finished numbers."""

import numpy as np
import pandas as pd
import pytest

from abmlib.pages import say_sizes as say

RIGHT, LOW, HIGH, NEVER = (1.02, 0.9, 1.2, 99), (1.5, 1.2, 2.0, 99), (0.5, 0.4, 0.8, 99), (np.nan,) * 3 + (0,)


def measures(*rows: tuple) -> pd.DataFrame:
    """Rows of definition, group, value, low, high."""
    frame = pd.DataFrame(rows, columns=["definition_id", "group", "value", "low", "high"])
    return frame.assign(status=np.where(frame["value"].isna(), "not_answerable", "ok"), n=400)


SIZES = pd.DataFrame({"size_middle": [100.0] * 11, "value": [50.0, 20, 10, 10, 10, *[0.0] * 5, np.nan]})
SAVED = measures(("size_loss_saved", "", 0.3, 0.2, 0.4)).iloc[0]


def test_the_size_says_if_the_past_could_tell_big_from_small():
    spread = SIZES.assign(size_middle=np.arange(11) * 1_000.0)
    told = say.size(spread, "wins", 182, "signal", SAVED, "EUR")
    assert all(
        part in told
        for part in ("182 days", "5,000 EUR or more", "1,000 EUR a small", "9,000 EUR a big", "30.0% (20.0% to 40.0%)")
    )
    assert "100 EUR or more half of the times, every account alike" in say.size(
        SIZES, "buys", 182, "no signal", SAVED, "EUR"
    )
    assert say.size(SIZES, "buys", 182, "too few", None, "EUR") == ""


@pytest.mark.parametrize(
    ("ends", "n", "says"),
    [((0.90, 0.94), 600, "too narrow"), ((0.96, 0.99), 600, "wider than need be"), ((0.93, 0.97), 600, "as promised."), ((0.93, 0.97), 499, "as far as so few can tell")],
)  # fmt: skip
def test_intervals_are_as_promised_too_wide_or_too_narrow(ends, n, says):
    both = {"size_interval_held": (0.92, *ends, n), "size_half_held": (0.5, np.nan, np.nan, n)}
    whole, half = say.held(pd.DataFrame(both, ["value", "low", "high", "n"]).T, 70)
    assert (
        says in whole
        and f"{n} sizes of 70 accounts" in whole
        and half.startswith("In the half in the middle lay 50.0%")
    )


def test_who_carries_half_of_what_is_expected_is_named():
    said = say.expected(SIZES, ["Ada", "Bo"], "", 182, RIGHT, "EUR")
    assert "10 accounts within 182 days: 100 EUR;" in said and said.endswith("Half of it is of Ada.")
    assert say.expected(SIZES.assign(value=1.0), ["Ada", "Bo"], "", 182, RIGHT, "EUR").endswith(
        "Ada and Bo and 4 more."
    )
    assert "no chance" in say.expected(SIZES.assign(value=np.nan), [], "", 182, RIGHT, "EUR")
    assert say.expected(SIZES, [], "30 sizes", 182, RIGHT, "EUR").endswith("it takes 30 sizes.")


def test_bands_are_named_from_least_to_most():
    assert say.bands(pd.Series([3, 2, 1])) == ["most", "band 2", "least"] and say.bands(pd.Series(dtype=int)) == []


@pytest.mark.parametrize(
    ("kept", "says"), [(RIGHT, "1.02 came for 1.00 expected (0.90 to 1.20)"), (LOW, "too low"), (HIGH, "too high"), (NEVER, "could not be tested")]
)  # fmt: skip
def test_a_total_is_worth_what_such_totals_came_to(kept, says):
    assert says in say.total(100.0, "all", 182, kept, "EUR")
    assert say.is_kept(kept) == (kept is RIGHT)


def test_white_space_is_said_by_how_much_of_it_is_worth_an_offer():
    cells = pd.DataFrame({"product_line": ["x", "y", "y"], "value": [25.0, 50.0, 25.0], "fits": [True, False, None]})
    said = say.white_space(cells, "", 182, RIGHT, "EUR")
    assert "3 times" in said and "1 of them at least as likely" in said and "y (75.0%)" in said
    assert "Too few such lines" in say.white_space(cells.assign(value=np.nan), "", 182, NEVER, "EUR")
    assert say.white_space(cells, "past days", 182, NEVER, "EUR").endswith("it takes past days.")
    assert say.white_space(cells.iloc[:0], "", 182, NEVER, "EUR") == "Every account buys every line."


def test_look_alikes_are_said_of_the_lines_where_they_tell_something():
    rows = measures(("look_alike_error_saved", "x", 0.2, 0.1, 0.3), ("look_alike_error_saved", "y", 0.1, -0.1, 0.3),
                    ("look_alike_error_saved", "z", np.nan, np.nan, np.nan), ("look_alike_held", "x", 0.96, 0.9, 1), ("look_alike_held", "y", 0.94, 0.9, 1))  # fmt: skip
    said = " ".join(say.look_alikes(rows))
    assert "1 of 2 lines" in said and "x 20.0% (10.0% to 30.0%)" in said and "y 10.0%" not in said
    assert "94.0% or more" in said
    assert "no line has enough buyers" in " ".join(say.look_alikes(rows[2:3]))


def test_headroom_came_only_where_random_look_alikes_do_not_show_as_much():
    rows = [("below", 1.5, 1.3, 1.7), ("half", 1.1, 0.9, 1.3), ("above", 1.0, 0.9, 1.2)]
    bands = pd.DataFrame(rows, columns=["band", "ratio", "ratio_low", "ratio_high"])
    assert say.headroom(bands, 0.01).startswith("Headroom came") and "below 1.50 (1.30 to 1.70)" in say.headroom(
        bands, 0.01
    )
    assert say.headroom(bands.assign(ratio_low=0.9), 0.01).startswith("Headroom did not come")  # within noise
    assert say.headroom(bands, 0.3).startswith("Headroom did not come") and say.headroom(bands, np.nan).startswith(
        "Headroom did not"
    )
    assert say.headroom(bands.assign(ratio=[1.0, np.nan, np.nan]), 0.01) == ""


def test_our_share_of_wallet_is_of_those_that_somebody_estimated():
    rows = pd.DataFrame({"bought_12m": [30.0, -9.0], "wallet_low": 30.0, "wallet_mid": 50.0, "wallet_high": 100.0})
    said = say.wallet(rows, "EUR")
    assert "2 wallets" in said and "30.0% (15.0% to 50.0%" in said and "70 EUR a year goes elsewhere" in said
    assert "nobody estimated" in say.wallet(rows.iloc[:0], "EUR")
    wrong = pd.concat([rows, rows[:1].assign(bought_12m=90.0)])  # more than the wallet is estimated at
    assert say.wallet(wrong, "EUR").startswith(said) and "1 further estimate" in say.wallet(wrong, "EUR")


def test_hours_off_are_counted_and_correlations_named():
    off = {"resourced": ["under", "over", "over", ""], "hours_off": [-40.0, 30, 20, 0]}
    rows = pd.DataFrame({**off, "hours_share": 0.1, "expected_share": 0.1})
    follows = measures(("effort_follows_size", "hours of sales: what it bought", 0.4, 0.3, 0.5))
    head, rest = say.resourced(rows, follows)
    assert head.startswith("1 account ") and "2 get more" in head and "50 hours a year" in head
    assert "hours of sales and what it bought +0.40 (+0.30 to +0.50)" in rest
    assert "Nobody can say" in say.resourced(rows.assign(hours_share=np.nan), follows)[0]
    assert "not noted" in say.resourced(rows, pd.DataFrame())[0]


def test_why_a_line_is_offered_holds_its_chance_or_the_score_of_04_and_its_look_alikes():
    cells = pd.DataFrame({"product_line": ["x", "y"], "chance": 0.2, "rate": 0.1, "size_quarter": 5.0, "size_three_quarters": 9.0, "value": [2.0, None],
                          "adds_line": 0.4, "alike_share": [0.6, None]}, ["a", "b"])  # fmt: skip
    told = say.cell_why(cells, "EUR")
    assert (
        told["a"]
        == "x: chance 20.0% (of the line 10.0%); about half bring 5 EUR to 9 EUR; 60.0% of its look-alikes buy it"
    )
    assert told["b"] == "y: chance that it buys another line 40.0% (04)"


def test_why_an_account_is_listed_holds_its_own_numbers():
    sized = pd.DataFrame({"what": ["wins"], "chance": 0.25, "size_quarter": 5.0, "size_three_quarters": 9.0}, ["a"])
    assert (
        "signs a deal 25.0%" in say.size_why(sized, "EUR")["a"] and "5 EUR to 9 EUR" in say.size_why(sized, "EUR")["a"]
    )
    hours = pd.DataFrame({"hours_12m": [1_200.0], "hours_share": 0.3, "expected_share": 0.1, "revenue_share": np.nan}, ["a"])  # fmt: skip
    said = say.hours_why(hours)["a"]
    assert all(part in said for part in ("1,200 hours", "30.0% of all", "10.0% of what is expected", "unknown of"))
    assert say.size_why(sized.iloc[:0], "EUR").empty and say.hours_why(hours.iloc[:0]).empty
