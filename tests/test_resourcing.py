"""Whether effort goes where size is, on accounts whose shares can be read off."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import resourcing
from abmlib.method.resourcing import follows, resourced


def facts(**rows: tuple) -> pd.DataFrame:
    """Hours, revenue and what is expected, by account."""
    return pd.DataFrame(rows, ["hours_12m", "revenue_12m", "value"]).T.astype(float)


FACTS = facts(
    starved=(10, 20, 50),  # a tenth of the hours, half of what is expected
    even=(24, 30, 25),  # carries it too, and has about its share
    small=(6, 10, 15),  # below half its share, but others carry half of what is expected
    pampered=(50, 10, 10),  # five times the larger of its shares
    buyer=(10, 30, 0),  # nothing is expected of it, but it buys for more than its hours
)


def test_too_few_hours_are_of_those_that_carry_half_and_too_many_are_above_both_shares():
    found = resourced(FACTS)
    assert found["resourced"].tolist() == ["under", "", "", "over", ""]
    assert found.loc["starved", ["hours_share", "revenue_share", "expected_share"]].tolist() == pytest.approx([0.1, 0.2, 0.5])  # fmt: skip
    assert found["hours_off"].tolist() == pytest.approx(
        [10 - 50, 24 - 30, 6 - 15, 50 - 10, 10 - 30]
    )  # and there are 100


def test_shares_add_up_to_one_and_returns_count_as_nothing():
    found = resourced(FACTS.assign(revenue_12m=[20, 30, 10, 40, -500]))
    assert found[["hours_share", "revenue_share", "expected_share"]].sum().tolist() == pytest.approx([1, 1, 1])
    assert found.loc["buyer", "revenue_share"] == 0


def test_few_hours_are_never_too_many():
    tiny = facts(a=(7, 0, 0), b=(1, 100, 100))
    assert resourced(tiny)["resourced"].tolist() == ["", "under"]
    assert resourced(tiny * [8 / 7, 1, 1])["resourced"].tolist() == ["over", "under"]


@pytest.mark.parametrize("gone", ["hours_12m", "value"])
@pytest.mark.parametrize("by", [np.nan, 0.0])
def test_nothing_is_said_where_no_hours_are_noted_or_nothing_is_expected(gone, by):
    found = resourced(FACTS.assign(**{gone: by}))
    assert found["resourced"].eq("").all()


def test_an_account_whose_hours_or_value_nobody_knows_is_neither():
    some = FACTS.copy()
    some.loc["starved", "hours_12m"] = some.loc["pampered", "value"] = np.nan
    found = resourced(some)["resourced"]
    assert found["starved"] == found["pampered"] == ""


def test_no_account_and_one_account_are_in_step():
    assert resourced(FACTS.iloc[:0]).empty
    assert resourced(FACTS.iloc[:1])["resourced"].tolist() == [""]


def test_effort_that_rises_with_size_follows_it_and_luck_does_not():
    rng = np.random.default_rng(1)
    known = {"hours_12m": np.arange(60.0), "value": np.arange(60.0) ** 3, "revenue_12m": rng.random(60)}
    table = pd.DataFrame({**known, "own_revenue": 7.0, "spend_12m": np.nan})
    assert follows(table, "hours_12m", "value")[0] == pytest.approx(1)
    assert follows(table.assign(value=-table["value"]), "hours_12m", "value")[0] == pytest.approx(-1)
    value, low, high, n = follows(table, "hours_12m", "revenue_12m")
    assert low < 0 < high and low < value < high and n == 60
    rows = pd.DataFrame(resourcing.follow_rows(table)).set_index("group")  # spend is not noted
    assert rows["status"].to_dict() == {
        "hours of sales: its own revenue": "not_answerable",  # the same for all
        "hours of sales: what it bought": "ok", "hours of sales: what is expected of it": "ok",
    }  # fmt: skip


def test_few_accounts_with_both_have_no_correlation():
    table = pd.DataFrame({"hours_12m": np.arange(12.0), "value": [np.nan] * 3 + [*range(9)]})
    assert np.isnan(follows(table, "hours_12m", "value")[0]) and follows(table, "hours_12m", "value")[3] == 9
    assert resourcing.follow_rows(pd.DataFrame({c: [np.nan] for c in (*resourcing.EFFORT, *resourcing.SIZE)})) == []
