"""What the market's own people entered: targets, as a sales lead would set them."""

import pandas as pd

from abmlib.tables import schema

AMBITION = 1.1  # target of a quarter, as a multiple of what was won in the same quarter a year before
STEP = 1_000  # targets are round


def targets(opportunities: pd.DataFrame, end: str) -> pd.DataFrame:
    """Set a target of won value for each quarter up to `end` that has a quarter won a year before, entered as it began."""
    won = opportunities[opportunities["is_won"].fillna(False).astype(bool)]
    quarter = won["closed_at"].dt.tz_localize(None).dt.to_period("Q")
    before = won.groupby(quarter)["amount"].sum()
    rows = [
        (q + 4, STEP * round(AMBITION * v / STEP)) for q, v in before.items() if q + 4 <= pd.Period(end, "Q") and v > 0
    ]
    frame = pd.DataFrame(rows, columns=["quarter", "value"])
    entered = pd.Series([q.start_time for q in frame["quarter"]], dtype="datetime64[us]") + pd.Timedelta(hours=8)
    return schema.cast(
        "targets",
        pd.DataFrame(
            {
                "period": [f"{q.year}-Q{q.quarter}" for q in frame["quarter"]],
                "measure_id": "won_value",
                "value": frame["value"],
                "entered_at": entered.dt.tz_localize("UTC"),
                "entered_by": "sales lead",
            }
        ),
    )
