"""The spread of rates between units, found again."""

import numpy as np
import pandas as pd
import pytest

from abmlib.stats import pooling


def test_the_planted_spread_of_rates_comes_back_from_counts_and_from_times():
    random = np.random.default_rng(4)
    rates = random.gamma(2.0, 1.5, 5000)
    time, many = random.uniform(0.5, 5, 5000), random.integers(1, 9, 5000)
    for events, watched in ((random.poisson(rates * time), time), (many, random.gamma(many) / rates)):
        shape, rate = pooling.gamma_prior(pd.Series(events), pd.Series(watched))
        assert (shape, rate) == (pytest.approx(2.0, rel=0.08), pytest.approx(1 / 1.5, rel=0.08))
