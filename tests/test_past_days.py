"""Past days of propensity on short histories: their blocks, and features that must mean the same on each of them."""

import pandas as pd
import pytest

from abmlib.method import predictors, propensity
from abmlib.method.periods import DAY

SINCE, AS_OF = pd.Timestamp("2009-12-01"), pd.Timestamp("2011-12-09")
IDS = [f"a{i}" for i in range(6)]


@pytest.mark.parametrize("horizon", [30, 45, 60, 90, 91, 120, 181, 182])
def test_no_block_is_empty_and_none_reaches_into_the_next(horizon):
    laid = propensity.blocks(SINCE, AS_OF, horizon)
    ends = [(block[0], block[-1] + horizon * DAY) for block in (laid.fit, laid.choose, laid.report)]
    assert ends[0][1] <= ends[1][0] and ends[1][1] <= ends[2][0] and ends[2][1] <= AS_OF


@pytest.mark.parametrize("horizon", [91, 182])
def test_the_days_that_are_said_to_be_needed_are_enough_and_one_less_is_not(horizon):
    needed = propensity.days_needed(horizon, 0) * DAY
    assert propensity.blocks(AS_OF - needed, AS_OF, horizon) is not None
    assert propensity.blocks(AS_OF - needed + DAY, AS_OF, horizon) is None


def past(known: dict[str, list[float]], revenue_3m: list[float]) -> tuple[predictors.Predictors, pd.DataFrame]:
    """Features of six accounts on two past days, facts beginning half a year before the first, and on one of the two as today."""
    rows = [
        pd.DataFrame(
            {"day": day, "account_id": IDS, "known_days": days, "revenue_3m": revenue_3m, "revenue_12m": revenue_3m}
        )
        for day, days in known.items()
    ]
    history = pd.concat(rows, ignore_index=True)
    first = pd.Timestamp(min(known)) - 182 * DAY
    made = predictors.prepare(
        history.assign(day=pd.to_datetime(history["day"])), rows[-1].drop(columns="day"),
        pd.Series({"accounts": first, "transactions": first}),
    )  # fmt: skip
    return made, made.used.set_index("feature")


def test_accounts_all_entered_on_one_day_are_not_told_apart_by_how_long_they_are_known():
    made, used = past({"2010-06-01": [182.0] * 6, "2010-12-01": [365.0] * 6}, [1.0, 2, 3, 4, 5, 6])
    assert "known_days" not in made.past and used.loc["known_days", "why"] == "the same for all accounts"


def test_days_known_are_cut_at_what_the_first_past_day_can_tell():
    made, _ = past({"2010-06-01": [182.0, 10, 20, 30, 40, 50], "2010-12-01": [365.0, 193, 20, 30, 40, 50]}, [1.0] * 6)
    known = made.past["known_days"]
    assert known[0] == known[6] == known[7] == known.max() and known[1] < known.max()


def test_three_months_of_revenue_need_three_months_of_facts_and_twelve_need_twelve():
    made, used = past({"2010-06-01": [5.0] * 6, "2010-12-01": [6.0] * 6}, [1.0, 2, 3, 4, 5, 6])
    assert "revenue_3m" in made.past and "looks back 365 days" in used.loc["revenue_12m", "why"]
