"""The scorecard of agreed criteria, worked by hand on four accounts."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import scorecard

FACTS = pd.DataFrame({"size": [10.0, 20, 30, 40], "trade": ["Steel; wood", "wood", "steelworks", None]}, [*"abcd"])
FACTS["deals"] = pd.array([1, 3, None, 1], "Int64")


def criteria(**of: tuple[float, str, object]) -> pd.DataFrame:
    """Criteria by id: weight, direction, feature."""
    rows = [(name, *row) for name, row in of.items()]
    return pd.DataFrame(rows, columns=["criterion_id", "weight", "direction", "feature"])


def scores(**of: tuple[float, str, object]) -> list[float | None]:
    return [None if np.isnan(x) else round(x, 1) for x in scorecard.score(criteria(**of), FACTS)[[*"abcd"]]]


def test_points_are_the_place_among_all_in_the_direction_agreed_on_and_equal_of_equal_accounts():
    assert scores(k=(1, "higher", "size")) == [12.5, 37.5, 62.5, 87.5]
    assert scores(k=(1, "higher", "deals")) == [33.3, 83.3, None, 33.3]
    lower = scorecard.points(criteria(k=(1, "lower", "size"), d=(1, "lower", "deals")), FACTS)
    assert lower["k"].is_monotonic_decreasing and lower["d"].nunique() == 2 and lower["k"].between(0, 1).all()


def test_a_kind_is_one_of_a_list_whole_and_in_letters_of_any_size():
    assert scores(k=(1, "higher", "trade: STEEL")) == [100, 0, 0, None]  # steelworks is another kind
    assert scores(k=(1, "lower", " trade :wood ")) == [0, 0, 100, None]


def test_criteria_count_by_their_weights_and_what_is_unknown_leaves_its_own_to_the_rest_if_they_weigh_half():
    assert scores(a=(3, "higher", "size"), b=(1, "higher", "trade: wood")) == [34.4, 53.1, 46.9, 87.5]
    assert scores(a=(3, "higher", "size"), b=(0, "higher", "trade: wood")) == [12.5, 37.5, 62.5, 87.5]
    assert scores(a=(0, "higher", "size")) == [None] * 4
    assert scores(a=(1, "higher", "size"), b=(1, "higher", "deals"))[2] == 62.5  # just half is known
    assert scores(a=(1, "higher", "size"), b=(1.1, "higher", "deals"))[2] is None


def test_a_criterion_that_nothing_measures_weighs_and_has_no_points():
    for nothing in (None, "beauty", "trade"):  # no feature, none there is, and one of kind without a kind
        assert scorecard.points(criteria(k=(1, "higher", nothing)), FACTS).shape == (4, 0)
        assert scores(k=(1, "higher", nothing)) == [None] * 4
        assert scores(a=(1, "higher", "size"), k=(1, "higher", nothing)) == [12.5, 37.5, 62.5, 87.5]
        assert scores(a=(1, "higher", "size"), k=(1.1, "higher", nothing)) == [None] * 4
    assert scores() == [None] * 4 and scorecard.score(criteria(k=(1, "higher", "size")), FACTS[:0]).empty


WORTH = pd.Series({"a": 9.0, "b": 5.0, "c": 5.0, "d": 0.0, "e": np.nan})
CARD = pd.Series({"a": 80.0, "b": 0.0, "c": 90.0, "d": np.nan, "e": 80.0})


@pytest.mark.parametrize(
    ("many", "expected"),
    [(0, [""] * 5), (1, ["worth only", "", "scorecard only", "", ""]),
     (2, ["both", "worth only", "scorecard only", "", ""]), (3, ["both", "worth only", "both", "", "scorecard only"])],
)  # fmt: skip
def test_two_lists_of_the_same_length_differ_where_only_one_names_the_account(many, expected):
    """Of equal accounts the first by id is named; what is worth nothing or unknown is on no list."""
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 1, 3]):
        found = scorecard.disagreements(WORTH.iloc[order], CARD.iloc[order], many)
        assert found.sort_index().tolist() == expected
        assert found.isin(["both", "worth only"]).sum() == found.isin(["both", "scorecard only"]).sum() == many
    assert scorecard.disagreements(WORTH[3:] - 1, CARD[3:] * np.nan, many).eq("").all()
