"""Lines that accounts do not buy: which they are, what is expected of them, and what is offered to whom."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import look_alikes, propensity, white_space
from abmlib.method.opportunity_size import QUANTILES
from abmlib.method.periods import DAY
from abmlib.method.white_space import CELL, OTHER, WhiteSpace
from tests.conftest import as_read
from tests.test_propensity import AS_OF, FIRST, SINCE, H

LAID = propensity.blocks(SINCE, AS_OF, H)
NONE = pd.DataFrame()


def features(*rows: tuple) -> pd.DataFrame:
    """Features by line: account, line, revenue of 12 months and of those before, days since, open deals."""
    columns = [*CELL, *white_space.SALES, "deals_open"]
    return pd.DataFrame(rows, columns=columns).assign(won_amount_12m=1.0, days_since_won=7)


FEATURES = features(("a", "x", 10, 5, 3, 0), ("a", "y", 0, 8, 400, 0), ("b", "x", 40, 0, 9, 1), ("b", "z", -2, 0, 50, 2), ("b", "y", 30, 0, 1, 0))  # fmt: skip


# -- accounts and lines -------------------------------------------------------------------------------------------------


def test_lines_come_by_what_is_bought_of_them_and_those_of_which_nothing_is_do_not():
    assert white_space.largest(FEATURES, "buys") == ["x", "y"]
    assert white_space.largest(FEATURES.iloc[:0], "buys") == []
    assert white_space.largest(FEATURES, "wins") == ["x", "y", "z"]  # two, two and one deal of 1


@pytest.mark.parametrize(("named", "last"), [("l03", "l11"), (OTHER, "l12")])
def test_of_many_lines_the_rest_is_one_whatever_lines_are_called(named, last):
    many = [f"l{i:02}" for i in range(1, 20)]
    lines = white_space.largest(
        features(*(("a", named if line == "l03" else line, 100 - i, 0, 1, 0) for i, line in enumerate(many))), "buys"
    )
    assert len(lines) == white_space.MOST_LINES == len(set(lines))
    assert lines[-2:] == [last, OTHER]


def test_every_account_and_line_has_a_row_with_the_rest_as_one():
    found = white_space.by_line_today(FEATURES, pd.Index(["b", "new", "a"]), ["x", OTHER], "buys")
    rest = ["bought_12m", "line_prior", "line_days", "line_deals"]
    assert found[CELL].to_numpy().tolist() == [[k, line] for k in ("b", "new", "a") for line in ("x", OTHER)]
    assert found[rest].to_numpy().tolist() == [
        [40, 0, 9, 1], [28, 0, 1, 2], [0, 0, white_space.NEVER, 0], [0, 0, white_space.NEVER, 0], [10, 5, 3, 0], [0, 8, 400, 0],
    ]  # fmt: skip


def test_without_purchases_deals_won_say_what_is_bought():
    found = white_space.by_line_today(FEATURES, pd.Index(["a"]), ["x"], "wins")
    assert found[["bought_12m", "line_prior", "line_days"]].to_numpy().tolist() == [[1, 0, 7]]


def test_spend_is_a_row_per_account_and_a_column_per_line():
    cells = white_space.by_line_today(FEATURES, pd.Index(["b", "a"]), ["y", "x"], "buys")
    found = white_space.spend(cells, ["y", "x"])
    assert list(found) == ["y", "x"] and found.loc[["a", "b"]].to_numpy().tolist() == [[0, 10], [30, 40]]


# -- what is learnt -----------------------------------------------------------------------------------------------------


def market(pull: float, seed: int, many: int = 160):
    """Accounts of two industries with two lines: all buy x; on each past day some take up y, those of steel more often by `pull`."""
    rng, ids = np.random.default_rng(seed), np.array([f"a{i:03}" for i in range(many)])
    steel = np.arange(many) % 2 == 0
    has_y = rng.random(many) < 0.3 + 0.2 * pull * steel
    about = pd.DataFrame({"account_id": ids, "industry": np.where(steel, "steel", "food"), "revenue_12m": np.exp(8 + rng.standard_normal(many))})  # fmt: skip
    line = {"revenue_prior_12m": 0.0, "days_since_purchase": 5.0, "product_line": "x", "deals_open": 0}
    x = about[["account_id", "revenue_12m"]].assign(**line)
    y = x[has_y].assign(product_line="y")
    on_offer = x[np.arange(many) % 40 == 1].assign(
        product_line="y", revenue_12m=0.0, days_since_purchase=np.nan, deals_open=1
    )
    own, events = pd.concat([x, y, on_offer], ignore_index=True), []
    for day in LAID.days:
        takes = rng.random(many) < np.where(steel, 0.15 + 0.35 * pull, 0.15)
        rows = pd.DataFrame({"account_id": ids[takes], "product_line": "y", "day": day + DAY})
        events.append(rows.assign(amount=np.exp(6 + 0.5 * rng.standard_normal(len(rows)))))
    past, by_line = (
        pd.concat([table.assign(day=day) for day in LAID.days], ignore_index=True) for table in (about, own)
    )
    cells = white_space.by_line_today(own, pd.Index(ids), ["x", "y"], "buys")
    return past, by_line, about, cells, pd.concat(events, ignore_index=True)


def asked(made, **other) -> WhiteSpace:
    history, by_line, today, cells, events = made
    return white_space.ask(
        history, by_line, today, other.get("cells", cells), FIRST, other.get("events", events), other.get("laid", LAID), 30, "buys"
    )  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return market(1.0, 1)


@pytest.fixture(scope="module")
def space(made):
    return asked(made)


@pytest.fixture(scope="module")
def alike(made):
    return look_alikes.demand(made[2].set_index("account_id")[["industry"]], white_space.spend(made[3], ["x", "y"]))  # fmt: skip


def test_white_is_neither_bought_nor_on_offer(space, made):
    cells = made[3]
    own = space.now[CELL].merge(cells, on=CELL)
    assert len(own) and own["bought_12m"].eq(0).all() and own["line_deals"].eq(0).all()
    assert len(own) == (~(cells["bought_12m"] > 0) & (cells["line_deals"] == 0)).sum()
    assert cells["line_deals"].sum() == 4  # which are of lines that are not bought
    assert set(space.past["product_line"]) == {"y"} and set(space.past["day"]) == set(LAID.report)


def test_who_takes_a_line_up_is_learnt_where_something_tells(space, made):
    assert space.tested.is_signal and white_space.is_ranked(space)
    industry = space.now["account_id"].map(made[2].set_index("account_id")["industry"])
    chance = space.now.groupby(industry)["chance"].mean()
    assert chance["steel"] > 2 * chance["food"]
    assert np.allclose(space.now["value"], space.now["chance"] * space.now["size_mean"])
    assert white_space.kept_promise(space.past)[1] < 1 < white_space.kept_promise(space.past)[2]


def test_what_a_cell_brought_is_that_of_its_own_account_day_and_line(space, made):
    came = made[4].assign(day=made[4]["day"] - DAY).set_index(["day", *CELL])["amount"]
    assert np.allclose(space.past["came"], came.reindex(pd.MultiIndex.from_frame(space.past[["day", *CELL]])).fillna(0))


def test_where_nothing_tells_each_cell_has_the_share_of_its_line():
    space = asked(market(0.0, 2))
    assert not white_space.is_ranked(space)
    before = (space.rates["took"] - (space.past["came"] > 0).sum()) / (space.rates["cells"] - len(space.past))
    assert space.past["chance"].iloc[0] == pytest.approx(before["y"], abs=0.005)  # of the days before alone
    assert space.now["chance"].eq(space.rates.loc["y", "share"]).all() and space.now["fits"].all()
    assert space.rates.loc["y", "share"] == pytest.approx(space.rates.loc["y", "took"] / space.rates.loc["y", "cells"], abs=0.01)  # fmt: skip


def test_what_is_taken_up_on_the_days_of_the_report_moves_nothing_said_of_them(space, made):
    late = made[4]["day"] > LAID.report[0]
    other = asked(made, events=made[4].assign(amount=made[4]["amount"].where(~late, 1.3 * made[4]["amount"])))
    assert np.allclose(other.past["value"], space.past["value"]) and other.past["came"].sum() > space.past["came"].sum()


def test_nothing_is_said_without_past_days_or_of_one_line(made, space):
    one_line = made[3][made[3]["product_line"] == "y"]
    for lacks, why in (({"laid": None}, "past days"), ({"cells": one_line}, "two product lines")):
        none = asked(made, **lacks)
        assert why in none.why and not white_space.is_ranked(none) and not none.now["fits"].any()
        assert np.isnan(white_space.kept_promise(none.past)[0])
        rows = pd.DataFrame(white_space.measured(none, white_space.kept_promise(none.past)))
        assert rows["status"].eq("not_answerable").all() and rows["why"].eq(none.why).all()
        assert look_alikes.growth_by_headroom(none.bought, made[4], H)[0]["rows"].sum() == 0
        assert {*white_space.SAID, "rate", "alike_share"} <= set(none.now) & set(space.now)


def test_where_every_account_buys_every_line_no_cell_is_left(made):
    full = asked(made, cells=made[3].assign(bought_12m=1.0))
    assert full.now.empty and full.tested.is_signal
    assert white_space.offers(full, NO_ALIKE, pd.Series(dtype=float), LIKELY, True).empty


def test_purchases_tell_what_is_bought_unless_few_accounts_have_any():
    won = pd.DataFrame({"account_id": [*"abcd"], "is_closed": True, "is_won": [True, True, True, False]})
    lines = pd.DataFrame({"account_id": [*"aab"]})
    assert white_space.basis_of(lines, won) == "buys"  # of two accounts, where three have won
    assert white_space.basis_of(lines[:1], won) == "wins" and white_space.basis_of(lines[:0], won[:0]) == "wins"


def test_a_deal_of_no_line_may_be_for_any():
    own = FEATURES.assign(deals_open=1.0, product_line=["x", *["all"] * (len(FEATURES) - 1)])
    cells = white_space.by_line_today(own, pd.Index(own["account_id"].unique()), ["x", "y"], "buys")
    assert (
        cells.loc[cells["product_line"] == "y", "line_deals"]
        == own[own["product_line"] == "all"]
        .groupby("account_id")
        .size()
        .reindex(own["account_id"].unique(), fill_value=0)
        .to_numpy()
    ).all()


# -- what is offered ----------------------------------------------------------------------------------------------------

KNOWN = ["alike_share", "alike_quarter", "alike_middle", "alike_three_quarters"]
NO_ALIKE = pd.DataFrame(columns=[*CELL, *KNOWN]).astype(dict.fromkeys(CELL, "str"))


def said(verdict: str, rows: list[tuple]) -> WhiteSpace:
    """Cells of account, line, chance, rate of the line, share of look-alikes, value; and if the past told them apart."""
    now = pd.DataFrame(rows, columns=[*CELL, "chance", "rate", "alike_share", "value"]).assign(
        **dict.fromkeys(QUANTILES, 1.0)
    )
    tested = propensity.Tested(None, verdict=verdict)
    return WhiteSpace("", tested, None, NONE, now.assign(fits=white_space.fits(now)), NONE, NONE)


CELLS = [
    ("a", "x", 0.2, 0.1, 0.9, 5.0), ("a", "y", 0.3, 0.1, 0.6, 9.0),  # the better of two
    ("b", "x", 0.1, 0.1, 0.4, 7.0),  # as likely as the line
    ("c", "x", 0.09, 0.1, 0.9, 99.0),  # less likely than the line
    ("d", "x", 0.5, 0.1, 0.0, 99.0),  # no look-alike buys it
    ("e", "x", 0.5, 0.1, None, 6.0),  # no look-alikes
    ("f", "x", 0.5, 0.1, 0.9, None),  # nobody knows what it would bring
]  # fmt: skip
ALIKE = pd.DataFrame(
    [("a", "x", 0.9, 1, 10, 20), ("a", "y", 0.6, 1, 11, 20), ("b", "x", 0.4, 1, 10, 20), ("c", "x", 0.5, 1, 10, 20)], columns=[*CELL, *KNOWN]
)  # fmt: skip


def test_a_cell_fits_where_a_look_alike_buys_it_and_the_chance_is_not_below_the_line():
    assert said("signal", CELLS).now["fits"].tolist() == [True, True, True, False, False, True, True]


EVERY = pd.Series(1.0, [*"abcdef"])
LIKELY = pd.DataFrame(
    {"account_id": [*"cab"], "score": [0.9, 0.8, 0.7], "rank": pd.Series([1, 2, pd.NA], dtype="Int64")}
)


def test_offers_are_one_per_customer_the_most_expected_first_and_none_that_does_not_fit():
    found = white_space.offers(said("signal", CELLS), ALIKE, EVERY, LIKELY, True)
    assert found[CELL].to_numpy().tolist() == [["a", "y"], ["b", "x"], ["e", "x"]]
    assert found.loc["a", ["alike_middle", "adds_line"]].tolist() == [11, 0.8] and found.index.is_unique
    assert white_space.offers(
        said("signal", CELLS), ALIKE, pd.Series({"a": 0.0, "b": 2.0}), LIKELY, True
    ).index.tolist() == ["b"]


@pytest.mark.parametrize(("verdict", "is_kept"), [("no signal", True), ("signal", False)])
def test_where_cells_are_not_told_apart_or_did_not_come_those_likeliest_to_buy_another_line_are_offered_what_look_alikes_buy(
    verdict, is_kept
):
    found = white_space.offers(said(verdict, CELLS), ALIKE, EVERY, LIKELY, is_kept)
    assert found[CELL].to_numpy().tolist() == [["c", "x"], ["a", "x"]]  # by rank; .9 of a's look-alikes buy x, .6 y
    assert found[["chance", "value"]].isna().all(axis=None)
    assert white_space.offers(said(verdict, CELLS), NO_ALIKE, EVERY, LIKELY, is_kept).empty
    assert white_space.offers(said(verdict, CELLS), ALIKE, EVERY, LIKELY.iloc[:0], is_kept).empty


def test_where_no_cell_fits_there_is_no_offer():
    unlikely = [(account, line, 0.01, 0.1, 0.1, value) for account, line, *_, value in CELLS]
    assert white_space.offers(said("signal", unlikely), ALIKE, EVERY, LIKELY, True).empty


def test_measures_sum_what_is_expected_of_each_line_and_of_all():
    rows = pd.DataFrame(white_space.measured(said("signal", CELLS[:3]), (0.9, 0.5, 1.5, 8))).set_index("definition_id")
    assert rows.loc["white_space_value", "value"].tolist() == [12, 9, 21]
    assert rows.loc["white_space_fits", "value"].tolist() == [1, 1]
    assert rows.loc["white_space_came_per_promised", ["value", "low", "n"]].tolist() == [0.9, 0.5, 8]


# -- all of it ----------------------------------------------------------------------------------------------------------


def test_the_matrix_has_every_account_and_line_and_only_white_cells_a_chance(space, made, alike):
    wallet = pd.DataFrame([("a000", "x", None, 1e9, None, "sales")], columns=[*CELL, "low", "mid", "high", "method"])
    found = white_space.matrix(made[3], space.now, alike, wallet)
    assert len(found) == len(made[3])
    white = found.set_index(CELL).index.isin(pd.MultiIndex.from_frame(space.now[CELL]))
    assert (found["chance"].notna() == white).all() and (found["fits"].notna() == white).all()
    assert found.loc[found["wallet_by"].notna(), [*CELL, "wallet_mid"]].to_numpy().tolist() == [["a000", "x", 1e9]]


def test_the_matrix_of_a_book_without_a_past_has_no_chance(made):
    none = asked(made, laid=None)
    found = white_space.matrix(made[3], none.now, look_alikes.demand(NONE, NONE), as_read("wallet_estimates"))
    assert len(found) == len(made[3]) and found[["chance", *QUANTILES, "value", "wallet_mid"]].isna().all(axis=None)


END = pd.Timestamp("2026-06-30")
MATRIX = pd.DataFrame(
    [("old", "x", 60, "buys", None, None), ("new", "x", 30, "buys", None, None), ("old", "y", 0, "never", 5.0, True), ("new", "y", 8, "buys", None, None),
     ("old", OTHER, 0, "stopped", None, False), ("new", OTHER, 2, "buys", None, None)],
    columns=[*CELL, "bought_12m", "state", "value", "fits"],
)  # fmt: skip


def test_money_of_a_line_comes_from_new_customers_from_those_new_to_it_and_from_the_rest():
    year = END - 365 * DAY
    rows = [
        ("old", "x", year - 365 * DAY, 1), ("old", "x", END, 10), ("old", "x", year + DAY, 50),  # bought it before
        ("new", "x", END, 40), ("new", "x", END, -10),  # first purchase of anything, and a return
        ("old", "y", year, -1), ("old", "y", END - DAY, 6),  # a return is no purchase: y is new to it
        ("new", "y", END, 2), ("new", "small", END, 2),  # of the rest
        ("new", "x", END + DAY, 900),  # after the end
    ]  # fmt: skip
    taken = pd.DataFrame(rows, columns=[*CELL, "day", "amount"]).astype({"amount": float})
    found = white_space.by_line(MATRIX, taken, END).set_index("product_line")
    assert found.index.tolist() == ["x", "y", OTHER]
    assert found[white_space.KINDS].sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert found.loc["x", white_space.KINDS].tolist() == pytest.approx([30 / 90, 0, 60 / 90])
    assert found.loc["y", white_space.KINDS].tolist() == pytest.approx([2 / 8, 6 / 8, 0])
    counted = found[["buying_accounts", "bought_12m", "stopped", "never", "worth_an_offer"]]
    assert np.array_equal(counted, [[2, 90, 0, 0, np.nan], [1, 8, 0, 1, 1], [1, 2, 1, 0, 0]], equal_nan=True)
    assert found.loc["y", "expected_value"] == 5 and np.isnan(found.loc["x", "expected_value"])
    measured = pd.DataFrame(white_space.split_rows(found.reset_index()))
    assert len(measured) == 9 and measured["value"].sum() == pytest.approx(3)


@pytest.mark.parametrize(("begins", "known"), [(365, False), (729, True)])
def test_who_is_new_is_known_where_facts_begin_a_year_before(begins, known):
    taken = pd.DataFrame(
        {"account_id": "old", "product_line": "x", "day": [END - begins * DAY, END], "amount": [1.0, 2.0]}
    )
    found = white_space.by_line(MATRIX, taken, END).set_index("product_line")
    assert found.loc["x", white_space.KINDS].notna().all() == known and found.loc["x", "bought_12m"] == 90


def test_lines_of_which_nothing_was_bought_in_the_year_have_no_shares():
    none = pd.DataFrame({"account_id": [], "product_line": [], "day": pd.to_datetime([]), "amount": []})
    found = white_space.by_line(MATRIX.assign(bought_12m=0.0, state="never"), none, END)
    assert found[white_space.KINDS].isna().all(axis=None) and found["never"].eq(2).all()
    assert white_space.by_line(MATRIX.iloc[:0], none, END).empty
