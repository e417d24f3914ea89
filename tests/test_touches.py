"""How touches fade with age, on touches a person can follow."""

import pandas as pd

from abmlib.method import touches

TODAY = pd.Timestamp("2026-06-30")


def ago(days: float) -> pd.Timestamp:
    return TODAY - pd.Timedelta(days=int(days))


def panel(*rows: tuple) -> pd.DataFrame:
    """Touches from (account, days before today, touches)."""
    f = pd.DataFrame(list(rows), columns=["account_id", "age", "rows"])
    f["day"] = pd.to_datetime([ago(a) for a in f.pop("age")]).astype("datetime64[us]")
    return f.astype({"rows": int})


def test_a_touch_halves_with_each_half_life_and_what_lies_ahead_does_not_count():
    assert touches.decayed(panel(("a", 0, 1), ("a", 10, 2), ("a", 30, 1), ("a", -1, 9)), TODAY, 10).tolist() == [
        1,
        1,
        0.125,
        0,
    ]
