"""Which columns a logistic model rests on."""

import numpy as np
import pandas as pd

from abmlib.stats import models

N = 400
CAME = np.arange(N) % 2
TABLE = pd.DataFrame({
    "tells": CAME + np.arange(N) % 3,  # higher where it came
    "does not": np.arange(N) // 2 % 2,  # alike in each pair of rows, of which it came for one
})  # fmt: skip


def test_a_column_that_tells_nothing_is_left_out():
    assert models.telling(TABLE, CAME, np.arange(N)) == ("tells",)


def test_the_best_column_stays_where_none_tells():
    assert models.telling(TABLE[["does not"]], CAME, np.arange(N)) == ("does not",)


def test_rows_of_few_accounts_tell_less():
    rare = pd.DataFrame({"rare": np.where(np.arange(N) < 40, CAME, 0.0)})  # 20 rows, all with the outcome
    assert models.telling(TABLE.join(rare), CAME, np.arange(N)) == ("tells", "rare")
    one = np.where(np.arange(N) < 40, -1, np.arange(N))  # the same rows, of one account
    assert models.telling(TABLE.join(rare), CAME, one) == ("tells",)


def test_parts_of_a_logistic_model_are_those_columns_and_add_up():
    model = models.fit(models.LINEAR, TABLE.astype(float), CAME, np.arange(N))
    parts = model.parts(TABLE.astype(float))
    assert list(parts) == ["tells", "base"]
    p = model.predict(TABLE.astype(float))
    assert np.allclose(parts.sum(axis=1), np.log(p / (1 - p)))
