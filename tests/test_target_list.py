"""The target list: who enters which tier within the rules, and what changed; each case fits in the head."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import target_list as tl

PLAIN = {"seats": [1, 2, 3], "hours_per_account": [10.0, 5.0, 1.0], "rise_by_tier": [0.3, 0.2, 0.1], "hours_per_group": 0.0, "fewest_in_group": 1,
         "seats_per_owner": 99, "team_hours": np.inf, "hour_cost": 0.0, "horizon_days": tl.MONTH_DAYS}  # fmt: skip
MANY, NONE = [9, 9, 9], "none"


def rules(**other: object) -> tl.Rules:
    """Rules of one month, in which an hour costs nothing and only seats are few, but for these."""
    return tl.Rules(**PLAIN | other)


def accounts(*worth: float | None, **columns: object) -> pd.DataFrame:
    """Accounts a, b, c … of this worth, in one group, each with its own owner."""
    ids = [*"abcdefgh"[: len(worth)]]
    frame = pd.DataFrame({"worth": worth, "rise": 0.3, "group": "steel", "owner_id": ids}, ids)
    return frame.astype({"worth": float}).assign(**columns)


def tiers(rows: pd.DataFrame, **other: object) -> list[str]:
    tier, found = tl.choose(rows, rules(**other))
    assert tier.index.equals(rows.index) and found.by == "solver"
    return tier.tolist()


def test_seats_go_to_those_worth_most_and_every_account_has_a_row():
    assert tiers(accounts(10, 70, 30, 50, 20, 60, 40)) == [NONE, "1", "3", "2", "3", "2", "3"]
    assert tiers(accounts(10, 70), seats=[0, 0, 0]) == [NONE] * 2 and tiers(accounts()) == []
    assert tiers(accounts(None, 5, 0, -5), seats=MANY) == [NONE, "1", NONE, NONE]  # nobody knows, and worth nothing


def test_an_account_enters_the_tier_in_which_attention_adds_most_after_its_hours_or_none():
    """At 1 an hour tiers cost 10, 5 and 1: of 45 they add 13.5, 9 and 4.5."""
    assert tiers(accounts(101, 45, 20, 10, 9), seats=MANY, hour_cost=1.0) == ["1", "2", "3", NONE, NONE]
    assert tiers(accounts(101, 45), seats=MANY, hour_cost=1.0, horizon_days=100 * tl.MONTH_DAYS) == [NONE] * 2
    assert rules(hour_cost=1.0).pays_from == 10 and rules().pays_from == 0  # of tier 3: a tenth of it for an hour
    assert rules(hour_cost=1.0, rise_by_tier=[0.0, 0.0, 0.0]).pays_from == np.inf
    points = accounts(9, 8, 7)  # of a scorecard; they pay for no hours, nor does revenue
    assert tiers(points, hour_cost=99.0, is_margin=False, seats=[1, 1, 0]) == ["1", "2", NONE]
    rows = accounts(100, 90, 80, rise=[0.0, 0.3, 0.5])
    assert tiers(rows, seats=[1, 1, 0]) == [NONE, "2", "1"]
    assert tiers(rows.assign(rise=-0.1), seats=MANY) == [NONE] * 3


def test_hours_of_the_team_go_where_they_add_most():
    """Ten hours are one account of tier 1, which adds 30, or two of tier 2, which add 20 and 18."""
    for hours, expected in ((10, ["2", "2"]), (9, ["2", "3"]), (0.5, [NONE] * 2)):
        assert tiers(accounts(100, 90), seats=MANY, team_hours=hours) == expected


def test_money_spent_pays_and_stays_within_the_budget():
    spend = {"seats": MANY, "spend_per_account": [10.0, 0.0, 0.0]}
    assert tiers(accounts(1_000, 900), **spend) == ["1", "1"]
    assert tiers(accounts(1_000, 900), **spend, budget=19) == ["1", "2"]
    assert tiers(accounts(1_000, 20), **spend) == ["1", "2"]  # 2 more do not pay for 10


def test_an_owner_holds_only_so_many_of_tier_1():
    rows = accounts(50, 40, 30, owner_id=["ada", "ada", "bo"])
    assert tiers(rows, seats=MANY, seats_per_owner=1) == ["1", "2", "1"]
    assert tiers(rows.assign(owner_id=[None, None, "a"]), seats=MANY, seats_per_owner=1) == ["1"] * 3


def test_tier_2_is_worked_in_groups_of_so_many_or_more():
    rows = accounts(50, 40, 30, 20, group=["wood", "steel", "steel", None])
    assert tiers(rows, seats=[0, 9, 0]) == ["2", "2", "2", NONE]  # nobody knows what group it is of
    assert tiers(rows, seats=[0, 9, 9], fewest_in_group=2) == ["3", "2", "2", "3"]


def test_the_common_work_of_a_group_takes_hours_once_and_must_pay():
    """The group of steel adds 14, for 5 + 5 + 4 hours; that of wood 10, for 5 + 4."""
    rows, two = accounts(50, 40, 30, group=["wood", "steel", "steel"]), {"seats": [0, 9, 0], "hours_per_group": 4.0}
    assert tiers(rows, **two, team_hours=14) == [NONE, "2", "2"]
    assert tiers(rows, **two, team_hours=13.9) == ["2", NONE, NONE]
    for cost, expected in ((0.9, ["2"] * 3), (1.1, ["2", NONE, NONE]), (1.2, [NONE] * 3)):
        assert tiers(rows, **two, hour_cost=cost) == expected


@pytest.mark.parametrize("wrong", [[], [1, 2], [1, 2, 3, 4], [1, -1, 3]])
@pytest.mark.parametrize("name", ["seats", "hours_per_account", "rise_by_tier", "spend_per_account"])
def test_other_than_three_numbers_of_0_or_more_are_refused(name, wrong):
    with pytest.raises(ValueError, match=f"{name} must be 3 numbers of 0 or more"):
        rules(**{name: wrong})


def test_the_list_is_summed_by_tier_as_it_was_chosen():
    rows = accounts(100, 45, 20, 15, None, -9, group=["x", "steel", "wood", "steel", "x", "x"])
    tier = pd.Series(["1", "2", "2", "3", NONE, NONE], rows.index)
    found = tl.by_tier(rows, tier, rules(hour_cost=2.0, hours_per_group=3.0)).set_index("tier")
    assert found.loc["1"].tolist() == pytest.approx([1, 100, 100 / 180, 30, 10, 20])
    assert found.loc["2"].tolist() == pytest.approx([2, 65, 65 / 180, 13, 5 + 5 + 3 + 3, 32])
    assert found.loc["3"].tolist() == pytest.approx([1, 15, 15 / 180, 1.5, 1, 2])
    assert tl.by_tier(rows, tier.where(tier == NONE, NONE), rules()).drop(columns="tier").eq(0).all(axis=None)
    rows = accounts(50, 40, 30, 20, group=["wood", "steel", None, "wood"])
    asked = rules(hour_cost=0.1, hours_per_group=2.0)
    tier, found = tl.choose(rows, asked)
    sums = tl.by_tier(rows, tier, asked).sum()
    assert (sums["adds"] - sums["cost"], sums["hours"]) == pytest.approx((found.total, found.used[0]))


def test_a_tier_that_changes_has_a_word():
    moves = {"none none": "", "none 3": "enters", "3 none": "leaves", "2 1": "up", "1 3": "down", "2 2": "stays"}
    before, now = (pd.Series([move.split()[end] for move in moves]) for end in (0, 1))
    assert tl.change(before, now).tolist() == [*moves.values()] and {*moves.values()} == {
        "",
        "enters",
        "up",
        "down",
        "leaves",
        "stays",
    }


@pytest.mark.parametrize(
    ("now", "last", "says"),
    [
        ((NONE, 9.0, "red_flag"), (NONE, 1.0, ""), ""), ((NONE, 9.0, ""), None, ""), (("1", 9.0, ""), None, "new in the data"),
        ((NONE, 9.0, "red_flag"), ("1", 1.0, ""), "kept off now"), (("1", 9.0, ""), (NONE, 1.0, "red_flag"), "no longer kept off"),
        (("1", 13.0, ""), ("2", 10.0, None), "worth more"),  # an empty text of a file is missing
        (("3", 13.0, ""), ("2", 10.0, ""), "others moved"), (("1", 7.0, ""), ("2", 10.0, ""), "others moved"),
        (("3", None, ""), ("2", 10.0, ""), "worth less"), (("3", 1.0, ""), (NONE, None, ""), "worth more"),
        (("3", 7.0, ""), ("2", 10.0, ""), "worth less"), (("3", 9.0, ""), ("2", 10.0, ""), "others moved"),
    ],
)  # fmt: skip
def test_a_change_since_the_last_run_has_the_first_reason_that_fits(now, last, says):
    columns = ["tier", "worth", "state"]
    before = pd.DataFrame([last or ("1", 1.0, "")], ["a" if last else "other"], columns)
    assert tl.why(pd.DataFrame([now], ["a"], columns), before).to_dict() == {"a": says}


def test_one_more_seat_adds_what_moves_up_adds_with_the_hours_it_needs():
    """One more in tier 1: 90 moves from 18 to 27, and 80 from 8 to 16."""
    found = tl.one_more(accounts(100, 90, 80), rules(seats=[1, 1, 1]))
    assert found["hours"].tolist() == [10, 5, 1] and found["gain"].tolist() == pytest.approx([17, 8, 0])
    full = tl.one_more(accounts(100, 90), rules(seats=[1, 0, 0], team_hours=10.0))
    assert full["gain"].tolist() == pytest.approx([27, 18, 9])
    assert tl.one_more(accounts(5), rules(seats=[0, 0, 0], hour_cost=1.0))["gain"].eq(0).all()  # none pays


def moved(rows: pd.DataFrame, cards: list[float | None], hour_cost: float = 0.0, **given: float) -> list[str]:
    page = {"seats_1": 1, "seats_2": 1, "seats_3": 1, "hours_a_month": 99, "rise_assumed": 0.3, "scorecard_share": 0}
    cards = pd.Series(cards, rows.index, dtype=float)
    return tl.choose_with(rows, rules(hour_cost=hour_cost), cards, **page | given).tolist()


def test_sliders_choose_with_other_seats_hours_and_assumptions_or_by_scorecard():
    rows, cards = accounts(100, 90, 80, 70), [1.0, 2.0, 3.0, 4.0]
    assert moved(rows, cards) == tiers(rows, seats=[1, 1, 1]) == ["1", "2", "3", NONE]
    assert moved(rows, cards, seats_1=3, seats_2=0) == ["1", "1", "1", "3"]
    assert moved(rows, cards, hours_a_month=6) == ["2", "3", NONE, NONE]
    assert moved(rows, cards, hour_cost=3.0, rise_assumed=0.01) == [NONE] * 4
    found = accounts(50, 40, rise=[0.3, 0.5])  # the first is assumed, the second was found
    assert moved(found, [None] * 2, hour_cost=1.0, rise_assumed=0.01) == [NONE, "1"]
    assert moved(rows, cards, scorecard_share=1.0) == [NONE, "3", "2", "1"]
    assert moved(accounts(100, 90, 80, None), [1, None, 3, 4], scorecard_share=1.0) == ["3", NONE, "2", "1"]
