"""Faster and larger than before: changes that a person can follow, and none called where there is none."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import deals as dl
from abmlib.method import growth
from abmlib.method.periods import Period
from abmlib.pages import say_growth
from abmlib.stats import survival
from tests.conftest import as_read
from tests.test_pipeline import TODAY, YEAR, day, deals

BEFORE = Period(day("2024-07-01"), day("2025-06-30"))
NO_HISTORY = as_read("opportunity_stage_history")


def book(now: list[float], before: list[float], days: tuple[int, int] = (10, 10)) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One deal won of each amount in each year and one lost beside it, each of an account of its own; and their kinds."""
    rows = []
    for k, (amounts, start) in enumerate(((before, "2024-09-01"), (now, "2025-09-01"))):
        end = day(start) + pd.Timedelta(days=days[k])
        for i, amount in enumerate(amounts):
            rows += [(f"w{k}{i:03}", True, amount, start, f"{end:%Y-%m-%d}")]
            rows += [(f"l{k}{i:03}", False, amount, start, f"{end:%Y-%m-%d}")]
    made = deals(rows).assign(account_id=[f"a{i:04}" for i in range(len(rows))])
    kinds = pd.DataFrame({"product_line": "x", "size_band": 0, "track": "first sale"}, made.index)
    return made, kinds


def test_changes_are_ratios_of_what_a_person_computes():
    rising = [100.0 + i for i in range(40)]
    made, kinds = book([2 * x for x in rising], rising, days=(20, 10))
    open_deals = deals([("o1", None, 1.0, "2024-08-01", None)]).assign(account_id="o")  # open at both ends
    got = growth.changes(pd.concat([made, open_deals], ignore_index=True), kinds, YEAR, BEFORE, NO_HISTORY).set_index(
        "definition_id"
    )
    assert got.loc["deal_size_mean_change", ["value_before", "value_now", "change"]].tolist() == pytest.approx(
        [119.5, 239, 1]
    )
    assert got.loc["days_to_close_median_change", ["value_before", "value_now", "change"]].tolist() == pytest.approx(
        [20, 10, -0.5]
    )
    assert got.loc["velocity_change", "value_now"] == pytest.approx(1 * 239 * 0.5 / 10)
    assert got.loc["velocity_change", "change"] == pytest.approx(3.0)
    assert got["verdict"].to_dict() == {
        "velocity_change": "up", "days_to_close_median_change": "down", "deal_size_mean_change": "up", "acv_mean_change": "too few",
    }  # fmt: skip
    rows = growth.change_rows(got.reset_index(), YEAR).set_index("definition_id")
    assert rows.loc["acv_mean_change", "status"] == "not_answerable"


def test_velocity_of_open_deals_that_are_mostly_overdue_is_not_compared():
    made, kinds = book([100.0] * 40, [100.0] * 40)
    more = deals([("o1", None, 1.0, "2024-08-01")], close_date=["2025-01-01"]).assign(account_id="o")
    got = growth.changes(pd.concat([made, more], ignore_index=True), kinds, YEAR, BEFORE, NO_HISTORY)
    assert got.set_index("definition_id").loc["velocity_change", "verdict"] == "overdue"
    rows = growth.change_rows(got, YEAR).set_index("definition_id")
    assert rows.loc["velocity_change", ["status", "why"]].tolist() == [
        "not_answerable", "open deals of which most are not overdue",
    ]  # fmt: skip
    assert "Sales velocity is not compared" in say_growth.changes(got, "2025", 0.95)[-1]
    alone = dl.won_measures(pd.concat([made, more], ignore_index=True), YEAR).set_index("definition_id")
    assert alone.loc["velocity_open_deals", ["status", "why"]].tolist() == [
        "not_answerable", "open deals of which most are not overdue",
    ]  # fmt: skip


def test_what_was_overdue_at_the_end_of_the_baseline_is_told_by_the_closing_day_noted_then():
    made, kinds = book([100.0] * 40, [100.0] * 40)
    late = deals([("o1", None, 1.0, "2024-08-01")], close_date=["2026-12-01"]).assign(account_id="o")  # moved since
    both = pd.concat([made, late], ignore_index=True)
    noted = {"opportunity_id": "o1", "stage": "S", "entered_at": "2024-08-01", "close_date": "2025-01-01", "seq": 0}
    history = as_read("opportunity_stage_history", pd.DataFrame([noted]))
    for known, overdue in ((NO_HISTORY, False), (history, True)):
        got = growth.changes(both, kinds, YEAR, BEFORE, known).set_index("definition_id")
        assert (got.loc["velocity_change", "verdict"] == "overdue") == overdue


def test_a_larger_mean_that_is_the_mix_alone_is_told_apart():
    """Small deals cost about 10, large ones about 1,000, in both years; only how many there are of each has changed."""
    small, large = [9.0, 10.0, 11.0] * 12, [900.0, 1000.0, 1100.0] * 12
    made, kinds = book(small[:12] + large, small + large[:12])
    kinds["product_line"] = np.where(made["amount"] > 100, "large", "small")
    got = growth.changes(made, kinds, YEAR, BEFORE, NO_HISTORY).set_index("definition_id")
    assert got.loc["deal_size_mean_change", "verdict"] == "up"
    held = got.loc["deal_size_mean_change_mix_held"]
    assert held["change"] == pytest.approx(0, abs=1e-12)
    assert held["verdict"] == "within noise"
    assert got.loc["deal_size_mean_change_by_mix", "verdict"] == "up"
    table = say_growth.changes_table(got.reset_index(), "EUR").set_index("measure")
    assert table.loc["of it the mix", ["baseline", "window"]].eq("").all(axis=None)
    said = say_growth.changes(got.reset_index(), "2025", 0.95)
    assert said[0].startswith("Against 2025, mean deal size is larger, +192%")
    assert "the mix alone made it larger" in said[1]


def test_slower_deals_that_are_the_mix_alone_are_told_apart():
    """Deals of x take about 10 days and those of y about 100, in both years; only how many there are of each has changed."""
    rows, line = [], []
    for year, kinds_of in ((2024, {"x": 36, "y": 12}), (2025, {"x": 12, "y": 36})):
        for kind, n in kinds_of.items():
            for i in range(n):
                end = day(f"{year}-09-01") + pd.Timedelta(days={"x": 10, "y": 100}[kind] + i % 3)
                rows += [(f"{kind}{year}{i:02}", i % 2 == 0, 1.0, f"{year}-09-01", f"{end:%Y-%m-%d}")]
                line += [kind]
    made = deals(rows, product_line=line).assign(account_id=[f"a{i:03}" for i in range(len(rows))])
    kinds = pd.DataFrame({"product_line": line, "size_band": 0, "track": "first sale"}, made.index)
    got = growth.changes(made, kinds, YEAR, BEFORE, NO_HISTORY).set_index("definition_id")
    name = "days_to_close_median_change"
    assert got.loc[name, ["value_before", "value_now", "verdict"]].tolist() == [11, 100, "up"]
    assert got.loc[f"{name}_mix_held", ["value_now", "change", "verdict"]].tolist() == [11, 0, "within noise"]
    assert got.loc[f"{name}_by_mix", "verdict"] == "up"


def test_kinds_with_few_deals_join_the_next_wider_kind():
    kinds = pd.DataFrame({"product_line": ["x"] * 22 + ["y"] * 2, "size_band": 1, "track": ["new"] * 20 + ["old"] * 4})
    side = np.array([0, 1] * 12)
    assert growth.mix(kinds, side)[:20].eq("x, 1, new").all()
    assert growth.mix(kinds, side)[20:].isna().all()  # four in all: nothing to compare with


def test_the_pace_of_a_period_is_not_slowed_by_deals_that_were_old_when_it_began():
    """Plain Kaplan–Meier of deals closed in the year would count the old ones from their first day."""
    old = [(f"o{i}", True, 1.0, "2023-01-01", f"2025-07-{10 + i}") for i in range(5)]
    new = [(f"n{i}", True, 1.0, "2025-08-01", f"2025-08-{11 + i}") for i in range(5)]
    f = deals(old + new)
    over = pd.Series(True, f.index)
    seen = (YEAR.start - f["created_day"]).dt.days - 1
    draws = survival.draw_clusters(f["account_id"], 0, seed=1)
    assert survival.quantile_of_period(f["age_days"], over, seen, 0.5, draws).tolist() == [12.0]


def test_a_baseline_lies_before_the_programme_and_where_the_data_are_whole():
    rows = [(f"d{i}", True, 1.0, "2023-01-01", "2023-01-11") for i in range(9)]
    f = deals([*rows, ("last", False, 1.0, "2026-06-01", "2026-06-11")])
    assert str(growth.baseline(f, YEAR, 12, pd.NaT)) == "2024-07-01 to 2025-06-30"
    assert str(growth.baseline(f, YEAR, 12, day("2025-01-15"))) == "2024-01-15 to 2025-01-14"
    assert str(growth.baseline(f, YEAR, 12, day("2023-03-01"))) == "2024-07-01 to 2025-06-30"  # data begin too late
    late = f[f["created_day"] > day("2025-01-01")]
    assert growth.baseline(late, YEAR, 12, pd.NaT) is None
    assert growth.changes(late, pd.DataFrame(), YEAR, None, NO_HISTORY)["verdict"].eq("too few").all()


@pytest.mark.slow
def test_changes_that_are_none_are_seldom_called():
    """Forty books of 50 accounts that buy alike in both years: no more with an alarm than chance may raise (at 5 %: 7 or fewer)."""
    alarms = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        account = np.repeat(np.arange(50), random.poisson(5, 50))
        like = random.normal(0, 0.5, 50)[account]
        n = len(account)
        created = day("2023-07-01") + pd.to_timedelta(random.integers(0, 1_095, n), unit="D")
        closed = created + pd.to_timedelta(np.exp(random.normal(4, 0.6, n) + like).astype(int), unit="D")
        is_over = closed <= TODAY
        f = pd.DataFrame({"opportunity_id": [f"d{i:05}" for i in range(n)], "account_id": account.astype(str)})
        f = f.assign(
            created_day=created,
            closed_day=pd.Series(closed).where(is_over),
            is_closed=is_over,
            term_months=12.0,
            product_line="x",
            known_day=created,
            close_date=pd.NaT,
            acv=np.nan,
        )
        won = pd.array(random.random(n) < 0.5, "boolean")
        f = dl.with_days(
            f.assign(amount=np.exp(random.normal(8, 0.8, n) + like), is_won=pd.Series(won).where(is_over)), TODAY
        )
        kinds = pd.DataFrame({"product_line": "x", "size_band": 0, "track": "first sale"}, f.index)
        got = growth.changes(f, kinds, YEAR, BEFORE, NO_HISTORY).set_index("definition_id")["verdict"]
        alarms += got.isin(["up", "down"]).any()
    assert alarms <= 7
