"""What only hindsight can tell is named before a model learns from it."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method.predictors import leaks

N = 200  # accounts that had not bought; every second one buys


@pytest.fixture
def history() -> pd.DataFrame:
    """One past day: industry is missing for each tenth account, whatever it does."""
    number = np.arange(N)
    industry = pd.Series("retail", range(N), dtype="str").mask(number // 2 % 10 == 0)
    day = pd.Timestamp("2025-06-30")
    return pd.DataFrame(
        {"day": day, "account_id": [f"A{k}" for k in number], "industry": industry, "days_since_purchase": np.nan}
    )


@pytest.fixture
def came(history) -> pd.Series:
    return pd.Series(np.arange(len(history)) % 2.0)


def test_gaps_by_chance_are_no_leak(history, came):
    assert leaks(history, came) == {}


def test_a_field_filled_because_accounts_bought_is_a_leak(history, came):
    less = np.isin(np.arange(N) % 20, (2, 4))  # a fifth of those that did not buy
    filled = history["industry"].mask(less)
    assert "had not bought" in leaks(history.assign(industry=filled), came)["industry"]


def test_gaps_that_customers_do_not_have_are_no_leak(history, came):
    customers = history.assign(account_id="C" + history["account_id"], industry="retail", days_since_purchase=10.0)
    both = pd.concat([history, customers], ignore_index=True)
    assert leaks(both, pd.concat([came, came * 0 + 1], ignore_index=True)) == {}


def test_days_since_something_that_lies_ahead_are_a_leak(history, came):
    found = leaks(history.assign(days_since_meeting=np.where(came > 0, -20, 40)), came)
    assert found.keys() == {"days_since_meeting"} and "100 of 200" in found["days_since_meeting"]
