"""What a model may learn from: the same on past days and today, nothing from a gap, nothing from hindsight."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import predictors
from abmlib.tables import features

FIRST = pd.Series(
    {
        t: pd.Timestamp("2023-01-01")
        for t in ("transactions", "activities", "opportunities", "contacts", "cases", "surveys")
    }
)


def table(n: int, **columns: object) -> pd.DataFrame:
    """Rows of n accounts."""
    return pd.DataFrame({"account_id": [f"a{i:03d}" for i in range(n)], **columns})


def history(n: int = 100, day: str = "2024-01-01", **columns: object) -> pd.DataFrame:
    """Past rows of one day."""
    return table(n, **columns).assign(day=pd.Timestamp(day))


def why(found: predictors.Predictors) -> dict[str, str]:
    """Reason of each feature that is not used."""
    return found.used.query("why != ''").set_index("feature")["why"].to_dict()


def test_every_feature_is_described_once():
    assert set(predictors.FEATURES) == {f.name for f in features.FEATURES}


def test_tables_of_features_are_those_they_are_reduced_from():
    assert {f.name: f.table for f in features.FEATURES} == {
        name: about.table for name, about in predictors.FEATURES.items()
    }


def test_counts_are_on_a_signed_logarithm():
    found = predictors.prepare(history(3, revenue_12m=[0.0, 9.0, -9.0]), table(1, revenue_12m=[99.0]), FIRST)
    assert np.allclose(found.past["revenue_12m"], [0, np.log(10), -np.log(10)])
    assert np.allclose(found.now["revenue_12m"], np.log(100))


def test_days_since_are_cut_at_what_the_past_can_tell_and_never_is_the_same():
    # facts begin 365 days before the past day
    found = predictors.prepare(
        history(3, days_since_purchase=[10, 300, None]), table(2, days_since_purchase=[900, None]), FIRST
    )
    assert np.allclose(found.past["days_since_purchase"], np.log1p([10, 300, 365]))
    assert np.allclose(found.now["days_since_purchase"], np.log1p([365, 365]))


def test_a_ratio_without_a_value_is_the_middle_one_and_says_so():
    found = predictors.prepare(
        history(3, revenue_growth_6m=[0.5, 1.5, None]), table(1, revenue_growth_6m=[None]), FIRST
    )
    assert found.past["revenue_growth_6m: no value"].tolist() == [0, 0, 1]
    assert np.isclose(found.past["revenue_growth_6m"].iloc[2], np.log1p(1.0))
    assert found.now.iloc[0].tolist() == [np.log1p(1.0), 1.0]


def test_a_description_that_is_missing_is_lent_and_tells_nothing():
    rng = np.random.default_rng(1)
    bought = rng.random(2000) < 0.3
    staff = rng.lognormal(4, 1, 2000)
    gaps = rng.random(2000) < np.where(bought, 0.0, 0.1)  # known where it bought
    found = predictors.prepare(
        history(2000, employees=np.where(gaps, np.nan, staff)), table(2000, employees=staff), FIRST
    )
    assert found.past.columns.tolist() == ["employees"] and found.past.notna().all(axis=None)
    lent, own = (found.past["employees"][side] for side in (gaps, ~gaps))
    assert abs(lent.mean() - own.mean()) < 0.2 and lent.nunique() > 20
    again = predictors.prepare(
        history(2000, employees=np.where(gaps, np.nan, staff)), table(2000, employees=staff), FIRST
    )
    assert again.past.equals(found.past)


def test_a_category_is_one_or_zero_and_parts_of_a_list_count_each():
    stack = ["crm;erp", "erp", "shop"] * 40
    found = predictors.prepare(
        history(120, tech_stack=stack, industry=["steel", "retail", None] * 40),
        table(120, tech_stack=stack, industry=["steel", "retail", None] * 40),
        FIRST,
    )
    assert {c for c in found.past if c.startswith("tech_stack")} == {
        "tech_stack: crm",
        "tech_stack: erp",
        "tech_stack: shop",
    }
    assert found.past["tech_stack: erp"].head(3).tolist() == [1, 1, 0]
    assert predictors.name_of("tech_stack: erp", found.of) == "technology: erp"


@pytest.mark.parametrize(
    ("past", "now", "reason"),
    [
        ({"annual_revenue": [np.nan] * 100}, {"annual_revenue": [5.0] * 100}, "not known on past days"),
        ({"employees": [7.0] * 11 + [np.nan] * 89}, {"employees": [7.0] * 87 + [np.nan] * 13}, "known for more accounts today than then"),
        ({"deals_won": range(100)}, {"deals_won": range(100)}, "counts all history, which is longer on later days"),
        ({"revenue_prior_12m": range(100)}, {"revenue_prior_12m": range(100)}, "looks back 730 days, and facts begin 365 days before the first past day"),
        ({"deals_open": [1] * 100}, {"deals_open": range(100)}, "the same for all accounts"),
        ({"cases_open": [np.nan] * 100}, {"cases_open": [np.nan] * 100}, "not in the data"),
    ],
)  # fmt: skip
def test_what_is_not_the_same_on_both_kinds_of_day_is_left_out_with_the_reason(past, now, reason):
    found = predictors.prepare(history(**past), table(100, **now), FIRST)
    assert list(why(found).values()) == [reason]
    assert found.past.empty


def test_what_moved_is_shown():
    found = predictors.prepare(
        history(revenue_12m=np.arange(100.0)), table(100, revenue_12m=np.arange(100.0) + 1000), FIRST
    )
    assert found.used["drift"].iloc[0] > 1


def test_a_value_filled_in_because_it_happened_is_named():
    rng = np.random.default_rng(2)
    came = pd.Series((rng.random(400) < 0.3).astype(float))
    rows = history(400, industry=np.where(rng.random(400) < np.where(came > 0, 1.0, 0.6), "steel", None), country="x")
    assert predictors.leaks(rows, came)["industry"].startswith("filled for 100% where it happened and 5")


def test_a_value_that_tells_nearly_all_is_named_and_a_good_one_is_not():
    rng = np.random.default_rng(3)
    came = pd.Series((rng.random(600) < 0.3).astype(float))
    rows = history(600, annual_revenue=came + rng.normal(0, 0.2, 600), employees=came + rng.normal(0, 2, 600))
    assert list(predictors.leaks(rows, came)) == ["annual_revenue"]


def test_counts_of_dated_facts_are_no_leak():
    came = pd.Series([1.0, 0.0] * 100)
    assert predictors.leaks(history(200, deals_open=came, margin_rate_12m=came.where(came > 0)), came) == {}


def test_beliefs_are_of_features_and_of_categories():
    of = {"employees": "employees", "growth_outlook: struggling": "growth_outlook", "cases_12m": "cases_12m"}
    assert [predictors.belief(c, of) for c in of] == [1, -1, -1]
