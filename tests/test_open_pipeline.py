"""How the open pipeline came about, what it brings month by month, and how it is worked; on tables a person can follow."""

import numpy as np
import pandas as pd
import pytest

from abmlib.method import bridge, chances, changes, forecast, stages
from abmlib.method import engagement_by_stage as engagement
from abmlib.method import forecast_months as monthly
from abmlib.method.deals import with_days
from abmlib.method.periods import DAY, Period
from abmlib.pages import say_changes, say_open
from abmlib.tables import schema
from tests.test_chances import half_won, open_today
from tests.test_pipeline import TODAY, day, deals, history

MARCH = day("2026-03-31")
NO_TARGETS = schema.empty("targets")
NO_DEALS = deals([("x", None, 1.0, "2026-01-01")]).head(0)


# -- the bridge by deal -----------------------------------------------------------------------------------------------


NO_RECORD = pd.DataFrame(columns=["months_ahead", "off"])


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


def test_the_bridge_says_what_happened_apart_from_what_one_deal_let_learn():
    rows = [("late", None, 9e6, "2026-01-01"), ("gone", False, 3e6, "2026-01-01", "2026-05-01")]
    before = pd.DataFrame({"opportunity_id": ["late", "gone"], "amount": [np.nan, 3e6]})
    given = (before, deals(rows, account_id=["a", "b"], owner_id="SS"), history([]), MARCH, TODAY)
    said = say_changes.bridge(bridge.bridge(*given), bridge.behind(*given), pd.Series({"a": "Acme"}), "EUR")
    learnt = "+9.0 M EUR was only learnt since (of which +9.0 M EUR one deal of Acme)"
    assert said.endswith(f": +6.0 M EUR. {learnt}; what happened in between is -3.0 M EUR.")


def test_an_amount_unknown_at_the_start_was_learnt_where_the_history_begins_with_the_closing():
    rows = [("won", True, 9.0, "2026-01-01", "2026-05-01"), ("other", None, 1.0, "2026-01-01")]
    before = pd.DataFrame({"opportunity_id": ["won", "other"], "amount": [np.nan, 1.0]})
    closing = history([("won", "2026-05-01", "Won", None)]).assign(amount=9.0, known_day=day("2026-05-01"))
    earlier = history([("won", "2026-02-01", "Lead", None)]).assign(known_day=day("2026-02-01"))
    for noted, split in ((closing, "learnt"), (pd.concat([earlier, closing]), "happened")):
        steps = bridge.bridge(before, deals(rows), noted, MARCH, TODAY).set_index("step")
        assert steps.loc["amount unknown at start", split] == 9.0


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


def test_a_deal_opened_since_and_closed_on_no_day_is_said_below_the_bridge_and_empty_rows_are_left_out():
    after = deals([("x", True, None, "2026-05-01"), ("y", True, None, "2026-01-01"), ("z", None, None, "2026-05-01")])
    steps = bridge.bridge(after.head(0), after, history([]), MARCH, TODAY)
    assert bridge.closed_without_day(after.head(0), after, MARCH) == 1  # y was opened before
    assert say_changes.bridge_table(steps)["step"].tolist() == ["created", "open at end"]
    assert say_changes.bridge_note(steps, 1, 1) == "1 deal opened since and closed on an unknown day: in no step."
    dark = bridge.bridge(after.head(0), after.assign(created_day=pd.NaT), history([]), MARCH, TODAY)
    assert say_changes.bridge(dark, pd.DataFrame(), pd.Series(), "EUR").startswith(
        "The open pipeline of 31 March 2026 is unknown"
    )


# -- the forecast by month --------------------------------------------------------------------------------------------


def test_months_add_up_to_the_outlook_and_stand_beside_what_is_due_and_the_target():
    now = open_today([100.0, 300.0])
    live = deals([("o0", None, 100.0, "2026-01-01"), ("o1", None, 300.0, "2026-01-01"), ("w", True, 40.0, "2025-01-01", "2026-06-01")])  # fmt: skip
    live["close_date"] = pd.to_datetime(["2026-07-31", "2026-10-01", "2026-06-01"])
    today = monthly.by_month(
        live.assign(close_date=day("2026-07-10")), half_won(), now, NO_TARGETS, day("2026-07-10"), day("2026-07-31")
    )
    assert today["money_due"].tolist() == [400.0]  # due on the day of the report: in the month, as in `due_in`
    row = {
        "period": "2026-Q3",
        "measure_id": "won_value",
        "value": 90.0,
        "entered_at": day("2026-06-01"),
        "owner_id": None,
    }
    targets = schema.conform("targets", pd.DataFrame([row | {"entered_by": "x"}]).assign(entered_at=pd.Timestamp("2026-06-01", tz="UTC")))  # fmt: skip
    got = monthly.by_month(live, half_won(), now, targets, TODAY, day("2026-11-15"))
    assert got["month"].dt.strftime("%m-%d").tolist() == ["07-31", "08-31", "09-30", "10-31"]
    whole = chances.outlook(half_won(), now, TODAY, 123).money
    assert got["money_expected"].sum() == pytest.approx(whole[0])
    assert got[["cumulated", "cumulated_low", "cumulated_high"]].iloc[-1].tolist() == pytest.approx(whole[:3])
    assert say_open.months(got, NO_RECORD, "Do not.", 0.95, "EUR") == ("Do not.", "", "")
    assert got["money_due"].tolist() == [100.0, 0.0, 0.0, 300.0]
    assert got["money_target"].fillna(0).tolist() == [0, 0, 90.0, 0]
    said = say_open.months(got, NO_RECORD, "", 0.95, "EUR")
    assert "in July, " in said[0]
    assert said[2].endswith("of 90 EUR by the end of September 2026.")
    assert got["towards_target"].iloc[2] == pytest.approx(
        got["cumulated"].iloc[2]
    )  # the 40 were won before the quarter


def test_the_open_pipeline_of_the_tracks_adds_up_to_the_whole():
    live = deals([(f"o{i}", None, 100.0 * (i + 1), "2026-01-01") for i in range(4)] + [("w", True, 9.0, "2025-01-01", "2025-02-01")])  # fmt: skip
    track = pd.Series(pd.Categorical(["first sale", "renewal", "renewal", "renewal", "unknown"]), live.index)
    now = open_today([100.0, 200.0, 300.0, 400.0])
    rows = pd.DataFrame(
        forecast.open_by_track(live, track, half_won(), now, TODAY, Period(TODAY + DAY, TODAY + 123 * DAY))
    )
    value = rows.pivot(index="definition_id", columns="group", values="value")
    assert value.loc["open_value"].to_dict() == {"first sale": 100, "renewal": 900}  # no open deal is of the third
    whole = chances.outlook(half_won(), now, TODAY, 123).money[0]
    assert value.loc["won_value_foretold"].sum() == pytest.approx(whole)
    assert (
        forecast.open_by_track(live.tail(1), track.tail(1), half_won(), now.head(0), TODAY, Period(TODAY, TODAY)) == []
    )


def test_months_without_a_past_have_no_row():
    assert monthly.by_month(NO_DEALS, half_won().head(0), open_today([1.0]), NO_TARGETS, TODAY, day("2026-12-31")).empty
    assert say_open.months(pd.DataFrame(columns=monthly.COLUMNS), NO_RECORD, "No.", 0.95, "EUR") == (
        "",
        "",
        "",
    )


def test_how_past_forecasts_did_is_counted_by_months_ahead():
    tested = pd.DataFrame(
        {"judged_by": ["money"] * 2, "held": [True, False], "money": [10.0, 30.0], "money_came": [20.0, 20.0]}
    )
    got = monthly.record([tested, tested.assign(money_came=[0.0, 20.0]), tested.head(0)])
    assert got[["months_ahead", "quarter_ends", "held", "foretold", "came"]].values.tolist() == [[1, 2, 1, 40, 40], [2, 2, 1, 40, 20]]  # fmt: skip
    assert got["off"].tolist() == pytest.approx([0.5, 1.0])  # 20 of 40, 20 of 20
    assert (
        "at 1 of 2 past quarter ends 1 month ahead (off by 50% of what came) and at 1 of 2"
        in say_open.tested_months(got)
    )


# -- engagement by stage ----------------------------------------------------------------------------------------------


def touched(rows: list[tuple]) -> pd.DataFrame:
    """Touches from (account, deal or None, direction, day, how many)."""
    f = pd.DataFrame(rows, columns=["account_id", "opportunity_id", "direction", "day", "rows"])
    return f.assign(day=pd.to_datetime(f["day"]), opportunity_id=f["opportunity_id"].astype("str"))


def test_a_touch_counts_for_the_deal_it_names_else_for_each_deal_its_account_had_open():
    stays = pd.DataFrame({"opportunity_id": ["one", "two"], "account_id": ["a", "a"], "stage": "Lead", "days": [30, 10],
                          "began": pd.to_datetime(["2026-06-01", "2026-06-01"])})  # fmt: skip
    rows = touched([("a", "one", "inbound", "2026-06-05", 2), ("a", None, "mutual", "2026-06-05", 1), ("a", None, "outbound", "2026-06-11", 1),
                    ("a", None, "inbound", "2026-05-31", 9)])  # fmt: skip
    got = engagement.touches_in(stays, rows, Period(day("2026-05-01"), TODAY))
    assert got[["inbound", "outbound", "mutual"]].values.tolist() == [
        [2, 1, 1],
        [0, 0, 1],
    ]  # the day a stay ended is not in it
    assert (got["months"] * engagement.MONTH).round().tolist() == [30, 10]


def test_stages_show_open_deals_accounts_in_touch_and_touches_a_month():
    live = deals(
        [("x", None, 100.0, "2026-04-01"), ("y", None, None, "2026-04-01")],
        account_id=["a", "b"],
        stage=["Lead", "Lead"],
    )
    noted = history([("x", "2026-04-01", "Lead"), ("y", "2026-04-01", "Lead")])
    visits, window = stages.stage_visits(live, noted, TODAY), Period(day("2026-04-01"), TODAY)
    rows = touched([("a", None, "inbound", "2026-06-20", 6), ("b", None, "inbound", "2026-05-01", 3)])
    got = engagement.by_stage(live, visits, rows, window, ["Lead", "Demo"])
    assert got[["stage", "open_deals", "open_amount", "accounts", "in_touch", "deals_seen"]].values.tolist() == [["Lead", 2, 100, 2, 1, 2]]  # fmt: skip
    assert got["inbound_a_month"].iloc[0] == pytest.approx(9 / (180 / engagement.MONTH))
    none = engagement.by_stage(live, visits, rows.head(0), window, ["Lead"])
    assert none[["in_touch", "inbound_a_month", "deals_seen"]].isna().all(axis=None)
    assert say_open.in_touch(none, 30).startswith("Who is in touch is unknown")
    assert say_open.in_touch(none.head(0), 30) == ""


def lagged(follows: bool) -> engagement.Lagged:
    """A book in which each of 80 accounts opens deals a quarter after it came to us, or at random."""
    random, touches, opened = np.random.default_rng(1), [], []
    quarters = pd.date_range("2024-07-01", "2026-04-01", freq="QS")
    for account in (f"a{i}" for i in range(80)):
        for start in quarters:
            came = random.random() < 0.5
            touches += [(account, None, "inbound", start + 9 * DAY, 3)] * came
            if came if follows else random.random() < 0.5:
                opened.append((account, start + pd.DateOffset(months=3), 100.0))
    f = pd.DataFrame(opened, columns=["account_id", "created_day", "amount"]).query("created_day <= @TODAY")
    accounts = pd.DataFrame({"account_id": [f"a{i}" for i in range(80)], "created_day": day("2024-01-01")})
    return engagement.then_pipeline(accounts, f, touched(touches), TODAY)


def test_pipeline_that_follows_touches_is_found_and_chance_is_no_signal():
    found, chance = lagged(follows=True), lagged(follows=False)
    assert found.correlation[0] > 0.9
    assert (found.touched[0], found.untouched[0]) == (1, 0)
    assert chance.correlation[1] < 0 < chance.correlation[2]
    said = say_open.then_pipeline(chance.correlation, chance.accounts, chance.touched, chance.untouched, 0.95)
    assert said.startswith("More engagement, fatter pipeline: no signal")


def test_without_touches_nothing_is_said_of_them_and_the_measure_says_what_lacks():
    nothing = engagement.then_pipeline(
        schema.empty("accounts").assign(created_day=pd.NaT), NO_DEALS, touched([]), TODAY
    )
    by_stage = engagement.by_stage(
        NO_DEALS, stages.stage_visits(NO_DEALS, history([]), TODAY), touched([]), Period(MARCH, TODAY), []
    )
    rows = engagement.rows(by_stage, nothing)
    assert rows[["definition_id", "status", "group_by"]].values.tolist() == [
        ["touches_then_pipeline_correlation", "not_answerable", "all"]
    ]
    assert "30 accounts" in rows["why"].iloc[0]


# -- collapse ---------------------------------------------------------------------------------------------------------


def opened(by_quarter: list[int], amount: float | None = 100.0) -> pd.DataFrame:
    """Deals won ten days after they were opened, so many in each quarter up to `TODAY`; the last are open."""
    rows = []
    for k, n in enumerate(by_quarter[::-1]):
        start = (pd.Period(TODAY, "Q") - k).start_time
        rows += [{"account_id": f"a{i}", "created_day": start + (i % 80) * DAY, "amount": amount} for i in range(n)]
    f = pd.DataFrame(rows)
    closed = f["created_day"] + 10 * DAY
    return with_days(
        f.assign(closed_day=closed.where(closed <= TODAY), is_closed=closed <= TODAY, is_won=closed <= TODAY), TODAY
    )


def test_a_pipeline_that_is_no_longer_filled_is_called_collapsed_and_a_season_is_not():
    fallen = changes.collapsed(opened([200, 210, 190, 205, 200, 195, 100, 60, 40]), TODAY)
    assert fallen["definition_id"].tolist()[0] == "opened_value"
    assert fallen[["quarter_value", "year_ago"]].iloc[0].tolist() == [4_000, 20_000]
    said = say_open.collapse(fallen, 1, 0.95, "EUR")
    assert said.startswith(
        "The pipeline has collapsed. Deals opened in Q2 2026: 4,000 EUR (n = 40), a year before 20,000 EUR; "
    )
    assert changes.collapsed(opened([200, 40, 200, 210, 190, 45, 200, 205, 180]), TODAY).empty
    assert changes.collapsed(opened([40]), TODAY).empty
    assert say_open.collapse(fallen.head(0), 1, 0.95, "EUR") == ""


def test_deals_are_counted_where_young_ones_lack_an_amount():
    f = opened([200, 210, 190, 205, 200, 195, 100, 60, 40])
    f["amount"] = f["amount"].where(f["created_day"] < day("2026-04-01"))
    assert changes.collapsed(f, TODAY)["definition_id"].tolist()[0] == "deals_opened"


def test_sellers_that_fell_silent_with_most_open_deals_are_said_with_those_who_did_not():
    at = pd.to_datetime(["2025-03-29", "2025-02-01", "2026-06-01"])
    sellers = pd.DataFrame({"owner_id": ["a", "b", "Bot"], "last_day": at, "open_deals": [5, 4, 1], "silent": [True, True, False]})  # fmt: skip
    assert say_open.silence(sellers, 8) == (
        "Since 29 March 2025 only Bot opened or closed deals; 8 of 10 open deals are overdue: either selling stopped, or the CRM is not kept."
    )
    assert "2 sellers with 9 of 9 open deals opened or closed none: either" in say_open.silence(sellers[:2], 0)
    assert say_open.silence(sellers.assign(open_deals=[1, 1, 8]), 8) == ""
