"""A signal is not that a model knows accounts again."""

import numpy as np
import pandas as pd

from abmlib.method.propensity import of_others
from abmlib.stats import models, scores


def test_what_accounts_keep_doing_is_no_signal_where_features_only_name_them():
    random = np.random.default_rng(1)
    habit = (random.random(300) < 0.3).astype(float)  # of an account, the same on both days
    names = pd.DataFrame(random.standard_normal((300, 10)), columns=[f"x{k}" for k in range(10)])
    x, came = pd.concat([names, names], ignore_index=True), np.tile(habit, 2)
    account = np.tile(np.array([f"A{k}" for k in range(300)], dtype=object), 2)
    before = np.arange(600) < 300
    seen = models.fit(models.TREES, x[before], came[before], account[before], calibrated=False).predict(x[~before])
    unseen = of_others(models.TREES, x, came, account, before, ~before, [])
    known = scores.auc(seen, came[~before], account[~before])[0]
    assert max(known, 1 - known) > 0.75 and unseen[1] < 0.5 < unseen[2]
