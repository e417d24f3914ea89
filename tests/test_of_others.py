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
    seen = models.fit(models.TREES, x[before], came[before], account[before]).predict(x[~before])
    unseen = of_others(models.TREES, x, came, account, before, ~before, [])
    areas = [scores.auc(score, came[~before], account[~before])[0] for score in (seen, unseen)]
    assert max(areas[0], 1 - areas[0]) > 0.75 and 0.4 < areas[1] < 0.6
