"""Engagement and satisfaction of accounts, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import kpis
from abmlib.method.periods import Period
from abmlib.pages import say_changes
from abmlib.tables import schema
from tests.conftest import as_read
from tests.test_pipeline import deals

NOW = Period(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-12-31"))
BEFORE = Period(pd.Timestamp("2025-01-01"), pd.Timestamp("2025-12-31"))
NO_SESSIONS = as_read("web_sessions")


def web(rows: list[tuple]) -> pd.DataFrame:
    columns = ["account_id", "occurred_at", "page_class", "duration_min", "is_conversion", "is_bot"]
    frame = pd.DataFrame(rows, columns=columns).assign(direction="inbound", channel="web")
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True)
    return as_read("activities", frame.assign(activity_id=[f"v{i}" for i in frame.index]))


def answers(rows: list[tuple], kind: str = "nps", top: int = 10) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "responded_at", "score"])
    frame = frame.assign(survey_type=kind, wave="w", scale_min=0 if top == 10 else 1, scale_max=top)
    frame["responded_at"] = pd.to_datetime(frame["responded_at"], utc=True)
    return as_read("surveys", frame.assign(response_id=[f"r{i}" for i in frame.index]))


def values(found: list[kpis.Kpi]) -> dict[str, tuple[float, int]]:
    return {str(r["definition_id"]): (r["value"], r["n"]) for r in kpis.kpi_rows(found, NOW)}


def test_bots_and_visits_of_nobody_do_not_count_and_idle_time_is_capped():
    found = kpis.engagement(
        web([
            ("a", "2026-03-01", "key", 200.0, True, False),  # capped at 30 minutes
            ("a", "2026-03-02", "key", 4.0, True, False),  # the second conversion of an account is no second account
            ("b", "2026-03-03", "other", 6.0, False, None),
            ("c", "2026-03-04", "key", 9.0, True, True),  # a machine
            (None, "2026-03-05", "key", 9.0, True, False),
            ("b", "2025-03-05", "key", 9.0, True, False),  # the year before
        ]),
        NO_SESSIONS,
    )  # fmt: skip
    assert values(found) == {
        "accounts_on_key_pages": (0.5, 2),
        "key_page_clicks": (1.0, 2),
        "minutes_on_site": (20.0, 2),
        "site_conversion": (0.5, 2),
    }


def test_web_sessions_answer_where_no_touch_is_on_the_web():
    frame = pd.DataFrame({"session_id": ["s1", "s2"], "account_id": ["a", "b"], "duration_min": [5.0, 10.0]})
    frame = frame.assign(started_at=pd.Timestamp("2026-02-01", tz="UTC"), key_pages=[3, 0], pages=[4, 1])
    found = values(kpis.engagement(as_read("activities"), as_read("web_sessions", frame)))
    assert found["key_page_clicks"] == (1.5, 2)
    assert found["minutes_on_site"] == (7.5, 2)
    assert np.isnan(found["site_conversion"][0])


def test_nps_is_promoters_less_detractors_and_csat_the_top_two_of_five():
    days = "2026-05-01"
    asked = answers([("a", days, 10), ("a", days, 9), ("b", days, 7), ("c", days, 6), ("d", days, 0), ("d", days, 8)])
    content = answers([("a", days, 5), ("b", days, 4), ("c", days, 3), ("d", days, 1)], "csat", 5)
    assert values(kpis.satisfaction(asked))["nps"] == (0.0, 6)
    assert values(kpis.satisfaction(content))["csat_top_two"] == (0.5, 4)


def test_an_account_that_answers_alike_in_both_years_counts_against_itself():
    rows = [(f"a{i}", f"{year}-03-01", 10 if i % 2 else 3) for i in range(60) for year in (2025, 2026)]
    same = kpis.changes(kpis.satisfaction(answers(rows)), NOW, BEFORE).iloc[0]
    assert same[["change", "change_low", "change_high"]].tolist() == [0, 0, 0]
    assert same["verdict"] == "within noise"


def test_a_change_is_called_only_where_its_interval_leaves_zero_and_both_years_have_answers():
    rows = [(f"a{i}", "2025-03-01", 3) for i in range(40)] + [(f"b{i}", "2026-03-01", 10 - i % 2) for i in range(40)]
    up = kpis.changes(kpis.satisfaction(answers(rows)), NOW, BEFORE).iloc[0]
    assert (up["change"], up["verdict"]) == (200.0, "up")
    few = kpis.changes(kpis.satisfaction(answers(rows[:-15])), NOW, BEFORE).iloc[0]
    assert few["verdict"] == "too early"
    assert np.isnan(few["change"])


def test_visits_known_from_the_middle_of_the_earlier_year_are_too_early_to_compare():
    rows = [(f"a{i}", f"{day}-01", "key", 5.0, False, False) for i in range(40) for day in ("2025-07", "2026-07")]
    assert set(kpis.changes(kpis.engagement(web(rows), NO_SESSIONS), NOW, BEFORE)["verdict"]) == {"too early"}


def test_the_interval_of_a_change_holds_over_accounts_that_answer_several_times():
    rng, held, accounts, runs = np.random.default_rng(7), 0, 80, 300
    days = pd.to_datetime(["2025-03-01", "2026-03-01"]).repeat(accounts * 3)
    for _ in range(runs):  # three answers of each account a year, by its own mood
        mood = np.tile(rng.normal(7.5, 2, accounts), 6)
        score = np.clip(np.round(mood + rng.normal(0, 1, mood.size)), 0, 10)
        top = 100.0 * (score >= kpis.PROMOTER) - 100.0 * (score <= kpis.DETRACTOR)
        rows = pd.DataFrame({"account_id": np.tile(np.arange(accounts), 6), "day": days, "top": top, "bottom": 1.0})
        got = kpis.changes([kpis.Kpi("C-39", "nps", "points", rows)], NOW, BEFORE).iloc[0]
        held += got["change_low"] <= 0 <= got["change_high"]
    assert held / runs == pytest.approx(0.95, abs=0.03)


def test_a_change_against_a_baseline_stands_beside_the_value_it_is_of():
    rows = [("C-1", "velocity_open_deals", 50.0, 40.0, 60.0), ("C-1", "velocity_change", 0.2, 0.1, 0.3)]
    noted = pd.DataFrame(rows, columns=["measure_id", "definition_id", "value", "low", "high"])
    noted = noted.assign(as_of=NOW.end, unit="currency per day", n=40, status="ok")
    none = kpis.changes([], NOW, BEFORE)
    (row,) = kpis.by_family(schema.conform("measures", noted), none, schema.empty("15_executive_summary")).itertuples()
    assert (row.family, row.value, row.change, row.verdict) == ("scale", 50.0, 0.2, "up")
    assert row.compared_with == kpis.BASELINE


def test_the_tracks_of_a_kpi_stand_below_it():
    rows = [("all", "all", 0.4), ("track", "first sale", 0.2), ("track", "expansion", 0.5), ("tier", "1", 0.9)]
    noted = pd.DataFrame(rows, columns=["group_by", "group", "value"])
    noted = noted.assign(
        as_of=NOW.end, unit="share", n=40, status="ok", measure_id="C-2", definition_id="win_rate_by_count"
    )
    none = kpis.changes([], NOW, BEFORE)
    table = kpis.by_family(schema.conform("measures", noted), none, schema.empty("15_executive_summary"))
    assert table[["track", "value"]].values.tolist() == [["all", 0.4], ["first sale", 0.2], ["expansion", 0.5]]


def test_a_book_without_visits_and_surveys_has_no_kpi_of_either_family():
    found = kpis.engagement(as_read("activities"), NO_SESSIONS) + kpis.satisfaction(as_read("surveys"))
    assert {r["status"] for r in kpis.kpi_rows(found, NOW)} == {"not_answerable"}
    table = kpis.by_family(
        schema.empty("measures"), kpis.changes(found, NOW, BEFORE), schema.empty("15_executive_summary")
    )
    assert table.empty


def test_a_win_rate_is_also_given_without_a_seller_whose_losses_have_no_day():
    rows = [(f"w{i}", True, 1, "2026-01-05", "2026-02-01") for i in range(9)]
    rows += [(f"u{i}", False, 1, "2026-01-05", None) for i in range(6)]
    rows += [(f"o{i}", i > 10, 1, "2026-01-05", "2026-02-01") for i in range(26)]
    every = deals(rows, owner_id=["agent"] * 15 + ["x", "y"] * 13, account_id=[f"a{i}" for i in range(41)])
    year = Period(pd.Timestamp("2025-07-01"), pd.Timestamp("2026-06-30"))
    rate = pd.DataFrame(kpis.rate_without_aside(every, year))
    assert rate["value"].tolist() == [15 / 26]
    assert "losses of agent have no closing day; without these deals it is 57.7%" in say_changes.without_undated(
        rate, ["agent"], 0.95
    )
    assert kpis.rate_without_aside(every.assign(owner_id="x"), year) == []
