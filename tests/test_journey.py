"""Who is engaged, who qualifies, and who then opens an opportunity, on accounts a person can follow."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import journey
from abmlib.tables import schema

TODAY = pd.Timestamp("2026-06-30")


def ago(days: float) -> pd.Timestamp:
    return TODAY - pd.Timedelta(days=int(days))


def measures(rows: list[dict]) -> pd.DataFrame:
    """Rows of `measures` by definition, held against their spec."""
    f = pd.DataFrame(rows)
    schema.conform("measures", f.assign(as_of=TODAY))
    return f.set_index("definition_id")


BANDS = pd.DataFrame({"fit": 0.5, "depth": [100.0, 30.0], "score": 85.0, "breadth": [3, 1]}, index=["large", "small"])


def test_an_account_qualifies_by_fit_depth_or_score_and_breadth_of_its_band():
    rows = [
        ("deep", 0.9, 100, 0, 3, "large"),
        ("scored", 0.9, 0, 85, 3, "large"),
        ("one fan", 0.9, 100, 99, 2, "large"),
        ("no fit", 0.4, 100, 99, 3, "large"),
        ("shallow", 0.9, 99, 84, 3, "large"),
        ("small", 0.9, 30, 0, 1, "small"),
        ("no score", 0.9, 100, np.nan, 3, "large"),
        ("fit unknown", np.nan, 100, 99, 3, "large"),
        ("no band", 0.9, 999, 99, 9, None),
    ]
    facts = pd.DataFrame(rows, columns=["id", "fit", "depth", "score", "breadth", "band"]).set_index("id")
    got = journey.qualified(facts, BANDS)
    assert got.index[got["qualified"]].tolist() == ["deep", "scored", "small", "no score"]
    anyone = journey.qualified(facts, BANDS.assign(fit=-np.inf))
    assert anyone.index[anyone["qualified"]].tolist() == [
        "deep",
        "scored",
        "no fit",
        "small",
        "no score",
        "fit unknown",
    ]
    with pytest.raises(ValueError, match=r"thresholds: missing column\(s\) \['score'\]"):
        journey.qualified(facts, BANDS.drop(columns="score"))


def test_precision_counts_mature_accounts_that_opened_afterwards_and_within_the_horizon():
    who = pd.DataFrame(
        [("soon", 200), ("late", 200), ("before", 200), ("same day", 200), ("twice", 90), ("new", 89)],
        columns=["account_id", "age"],
    )
    opened = [
        ("soon", 180),
        ("late", 109),
        ("before", 201),
        ("same day", 200),
        ("twice", 50),
        ("twice", 20),
        ("new", 80),
    ]
    found = who.assign(day=[ago(a) for a in who["age"]])
    openings = pd.DataFrame([(a, ago(d)) for a, d in opened], columns=["account_id", "day"])
    got = measures(journey.qualification_rows(found, openings, TODAY, 90))
    assert got.loc["mqa_opened_within_90_days", ["value", "n"]].tolist() == [0.4, 5]  # soon and twice; late by a day
    assert got.loc["days_from_mqa_to_opening_median", ["value", "n"]].tolist() == [30, 2]  # 20 and 40
    assert got.loc["mqa_too_early_to_judge", "value"] == 1
    nothing = measures(journey.qualification_rows(found.iloc[:0], openings, TODAY, 90))
    assert nothing.loc["mqa_opened_within_90_days", "status"] == "not_answerable"


def test_the_engaged_rate_uses_the_threshold_of_each_band():
    band = pd.Series({"a": "large", "b": "small", "c": "small", "d": None})
    on = journey.engaged(
        pd.Series({"a": 9.0, "b": 5.0, "c": 4.0, "d": 99.0}), pd.Series({"large": 10.0, "small": 5.0}), band
    )
    rows = pd.DataFrame(journey.engaged_rate(on, band)).fillna({"group": "all"}).set_index("group")
    assert rows["value"].to_dict() == {"all": 0.25, "large": 0, "small": 0.5, "unknown": 0}
    assert rows["n"].tolist() == [4, 1, 2, 1]
    assert (
        measures(journey.engaged_rate(on.iloc[:0], band)).loc["engaged_accounts_of_list", "status"] == "not_answerable"
    )
