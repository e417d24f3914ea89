"""How the open pipeline came about, what it brings month by month, and how it is worked; on tables a person can follow."""

import pandas as pd
import pytest

from abmlib.method import bridge
from abmlib.method.periods import Period
from abmlib.pages import say_open
from abmlib.tables import schema
from tests.test_pipeline import TODAY, day, deals, history

MARCH = day("2026-03-31")
NO_TARGETS = schema.empty("targets")
NO_DEALS = deals([("x", None, 1.0, "2026-01-01")]).head(0)


# -- the bridge by deal -----------------------------------------------------------------------------------------------


def test_the_deals_behind_the_steps_add_up_to_the_bridge_to_the_cent():
    after = deals(
        [("new", None, 3.3, "2026-05-01"), ("won", True, 12.05, "2026-01-01", "2026-05-02"), ("grows", None, 7.01, "2026-01-01")],
        account_id=["a", "b", "c"], owner_id=["S1", "S2", "S1"],
    )  # fmt: skip
    before = pd.DataFrame({"opportunity_id": ["won", "grows"], "amount": [10.0, 5.0]})
    given = (before, after, history([]), MARCH, TODAY)
    each = schema.conform("12_bridge", bridge.behind(*given))
    assert each[["step", "opportunity_id", "owner_id", "amount"]].values.tolist() == [
        ["created", "new", "S1", 3.3],
        ["grown", "won", "S2", 2.05],
        ["grown", "grows", "S1", 2.01],
        ["won", "won", "S2", -12.05],
    ]
    steps = bridge.bridge(*given).set_index("step")["amount"]
    assert (each.groupby("step")["amount"].sum() - steps.reindex(each["step"].unique())).abs().max() < 0.001


def test_a_later_closing_day_is_told_apart_from_one_only_learnt_since():
    after = deals([(i, None, 5.0, "2026-01-01") for i in ("moved", "late", "sooner", "stays")])
    after["close_date"] = pd.to_datetime(["2026-09-30", "2026-06-01", "2026-04-01", "2026-06-01"])
    before = pd.DataFrame({"opportunity_id": after["opportunity_id"], "close_date": pd.to_datetime(["2026-05-01"] * 3 + ["2026-06-01"])})  # fmt: skip
    noted = history([("late", "2026-03-01", "Lead", "2026-06-01")]).assign(known_day=day("2026-04-20"))
    moves = bridge.postponed(before, after, noted, MARCH)
    assert moves[["opportunity_id", "split"]].to_numpy().tolist() == [["late", "learnt"], ["moved", "happened"]]
    quarter = Period(day("2026-04-01"), TODAY)
    out = bridge.pushed_out(moves, quarter)
    assert out["opportunity_id"].tolist() == ["moved"]
    assert say_open.postponed(moves, out, "Q2 2026", "EUR") == (
        "2 open deals (10 EUR) moved to a later closing day, 1 of them (5 EUR) out of Q2 2026; 1 of the moves was older and only learnt since."
    )


@pytest.mark.parametrize(("as_of", "since"), [("2026-06-30", "2026-03-31"), ("2026-07-05", "2026-06-05"), ("2026-07-15", "2026-06-30")])  # fmt: skip
def test_a_weekly_bridge_begins_with_the_quarter_or_on_its_first_days_a_month_ago(as_of, since):
    assert bridge.since(day(as_of), 1) == day(since)
