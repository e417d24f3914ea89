"""Days are local days: the same local facts give the same figures, whatever the time zone of the report."""

from pathlib import Path

import pandas as pd
import pytest

from abmlib.method import (
    alignment,
    coverage,
    cycle_effort,
    detectable,
    framework,
    missingness,
    orders,
)
from abmlib.method.deals import with_days
from abmlib.method.stages import stage_visits
from abmlib.tables import Book, schema
from abmlib.tables.days import beside
from tests import twins_in_process
from tests.conftest import SAMPLE, as_read, put

ZONES = [
    "America/Los_Angeles",
    "UTC",
    "Pacific/Auckland",
]  # evenings lie on the next day in UTC, none does, mornings on the last
FEW = 12  # accounts of the sample
TABLES = ("accounts", "contacts", "products", "transactions", "opportunities", "opportunity_stage_history",
          "opportunity_contacts", "activities", "web_sessions")  # fmt: skip
TODAY, NIGHT, MORNING = pd.Timestamp("2026-06-30"), "2026-06-30 18:00", "2026-06-30 06:00"
zones = pytest.mark.parametrize("zone", ZONES)


def local(times: pd.Series, zone: str) -> pd.Series:
    """The moments at which clocks of a zone show these times; of an hour that comes twice the first, of one that is left out the end."""
    clock = pd.to_datetime(times, format="ISO8601").dt.tz_localize(None)
    first = pd.Series(True, clock.index).to_numpy()
    return clock.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=first).dt.tz_convert("UTC")


def table(name: str, zone: str, rows: list[dict], **same: object) -> pd.DataFrame:
    """A table as read in a zone, from rows whose times are those of its clocks."""
    frame = pd.DataFrame(rows).assign(**same)
    times = {c: local(frame[c], zone) for c in frame if schema.spec(name).columns[c].kind == "ts"}
    return as_read(name, frame.assign(**times), zone)


# -- days beside times ------------------------------------------------------------------------------------------------


def test_each_time_has_its_day_at_its_side_and_a_missing_one_has_none():
    frame = pd.DataFrame({"a": [1, 2], "valid_to": pd.to_datetime(["2026-07-01T01:00Z", None]), "b": [3, 4]})
    got = beside(frame, "America/Los_Angeles")
    assert got.columns.tolist() == ["a", "valid_to", "valid_to_day", "b"]
    assert got["valid_to_day"].dtype == "datetime64[us]"
    assert got["valid_to_day"].tolist() == [TODAY, pd.NaT]
    pd.testing.assert_frame_equal(beside(got, "UTC"), got)  # days that are there stay


@zones
def test_book_gives_local_days_and_takes_the_first_purchase_on_the_day_it_was_booked(zone, tmp_path):
    made = local(pd.Series([MORNING, NIGHT]), zone).dt.strftime("%Y-%m-%dT%H:%M:%SZ").tolist()
    accounts = f"account_id,name,created_at\na,A,{made[0]}\nb,B,{made[1]}\n"
    lines = "transaction_id,account_id,booked_at,revenue\nt,a,2026-06-30,5\n"
    folder = put(tmp_path / "d", accounts=accounts, transactions=lines)
    (folder / "workbook.yml").write_text(f"time_zone: {zone}\nformer_after_days: 10\n")
    book = Book.open(folder, "2026-07-10")
    got = book.read("accounts")
    assert got["created_day"].tolist() == [TODAY, TODAY]
    assert got["first_won_day"].tolist() == [TODAY, pd.NaT]
    assert got["status"].tolist() == ["customer", "prospect"]  # ten days without business, and not more
    assert Book.open(folder, "2026-07-11").read("accounts")["status"].tolist() == ["former", "prospect"]
    assert book.overview()["first_day"].tolist() == [TODAY, TODAY]
    assert (
        book.read("activities").columns.tolist() == as_read("activities").columns.tolist()
    )  # absent, and yet with days


# -- a whole book -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[ZONES[::2], pytest.param(ZONES, marks=pytest.mark.slow)], ids=["two", "three"])
def in_each_zone(request, tmp_path_factory) -> dict[str, Path]:
    """Tables of notebooks that look at times, made of a few accounts of the sample whose clocks stand in each zone."""
    few, out = set(pd.read_csv(SAMPLE / "accounts.csv")["account_id"].head(FEW)), {}
    for zone in request.param:
        folder = tmp_path_factory.mktemp("zone")
        for name in TABLES:
            frame = pd.read_csv(SAMPLE / f"{name}.csv", dtype="str")
            kept = frame[frame["account_id"].isin(few) | frame["account_id"].isna()] if "account_id" in frame else frame
            times = {c: local(kept[c], zone) for c in kept if schema.spec(name).columns[c].kind == "ts"}
            kept.assign(**times).to_csv(folder / f"{name}.csv", index=False)
        (folder / "workbook.yml").write_text(f"time_zone: {zone}\n")
        out[zone] = tmp_path_factory.mktemp("tables")
        twins_in_process.run(folder, "2026-06-30", out[zone], ["00", "01", "12"])
    return out


def test_the_same_local_facts_give_the_same_figures_in_each_zone(in_each_zone):
    base, *others = in_each_zone.items()
    for file in sorted(base[1].glob("*.parquet")):
        for zone, tables in others:
            one, other = (pd.read_parquet(folder / file.name) for folder in (base[1], tables))
            pd.testing.assert_frame_equal(one, other, obj=f"{file.stem} in {zone}")


# -- one by one -------------------------------------------------------------------------------------------------------


@zones
def test_a_stage_entered_in_the_evening_of_the_day_is_a_stay(zone):
    deal = {"opportunity_id": "d", "stage": "Demo", "is_closed": False, "created_at": MORNING}
    entered = [{"opportunity_id": "d", "entered_at": t, "stage": s, "stage_order": i, "seq": 0}
               for i, (t, s) in enumerate([(MORNING, "Lead"), (NIGHT, "Demo")])]  # fmt: skip
    deals = with_days(table("opportunities", zone, [deal]), TODAY)
    visits = stage_visits(deals, table("opportunity_stage_history", zone, entered), TODAY)
    assert visits[["stage", "days", "over"]].to_numpy().tolist() == [["Lead", 0, True], ["Demo", 0, False]]
    assert visits["began"].tolist() == [TODAY, TODAY]
    assert deals["age_days"].tolist() == [0]


@zones
@pytest.mark.parametrize(("time", "left"), [(NIGHT, True), ("2026-07-01 06:00", False)])
def test_who_leaves_in_the_evening_of_the_day_has_left(zone, time, left):
    row = {"contact_id": "c", "account_id": "a", "created_at": "2020-01-01 12:00", "valid_to": time}
    people = table("contacts", zone, [row])
    assert coverage.contact_states(people, TODAY)["departed"].tolist() == [left]


@zones
def test_a_customer_is_old_enough_to_be_former_after_the_last_of_the_days(zone):
    rows = [{"account_id": a, "name": a, "created_at": "2020-01-01 12:00", "first_won_at": t}
            for a, t in (("old", "2026-06-19 23:00"), ("young", "2026-06-20 01:00"))]  # fmt: skip
    accounts, nobody = (
        table("accounts", zone, rows, status="customer"),
        coverage.contact_states(as_read("contacts"), TODAY),
    )
    ended = missingness.survivorship(accounts, pd.DataFrame({"rule": []}), as_read("opportunities"), nobody, TODAY, 10)
    assert ended["of"].iloc[0] == 1


@zones
def test_touches_of_the_first_evening_and_the_last_night_count_by_their_own_day(zone):
    first, before = "2025-07-01 00:30", "2025-06-30 23:30"  # of 365 days to the report the first, and the one before
    rows = [{"activity_id": t, "occurred_at": t, "person_hours": 1.0} for t in (before, first, NIGHT)]
    same = {"account_id": "a", "channel": "meeting", "team": "sales", "direction": "outbound"}
    touches = table("activities", zone, rows, **same)
    assert cycle_effort.hours_spent(touches, pd.Index(["a"]), TODAY).tolist() == [2.0]


@zones
def test_the_programme_counts_its_own_days(zone):
    sent = [{"account_id": t, "sent_at": t, "entered_at": t} for t in ("2026-06-16 23:30", "2026-06-17 00:30")]
    handed = table("hand_overs", zone, sent, entered_by="lead")
    assert alignment.mature_hand_overs(handed, TODAY, 14)["account_id"].tolist() == ["2026-06-16 23:30"]
    aim = {
        "objective_id": "o",
        "sales_goal": "s",
        "tactic": "t",
        "measure_id": "m",
        "frozen_at": NIGHT,
        "entered_at": NIGHT,
    }
    aims = table("objectives", zone, [aim], baseline=1.0, target=2.0, entered_by="lead")
    assert framework.objectives(aims, TODAY)[["state", "frozen_at"]].to_numpy().tolist() == [["frozen", TODAY]]
    trial = [{"experiment_id": "e", "account_id": a, "arm": arm, "assigned_at": NIGHT, "entered_at": NIGHT}
             for a, arm in (("a", "treated"), ("b", "holdout"))]  # fmt: skip
    drawn = table("experiments", zone, trial, pre_registered_metric="won_value", entered_by="lead")
    assert detectable.compared_groups(drawn, as_read("account_tiers"), pd.Index(["a", "b"]), TODAY, 2).start == TODAY


@zones
def test_a_line_learnt_in_the_evening_before_a_day_was_known_before_it(zone):
    rows = [{"transaction_id": t, "known_at": t} for t in ("2026-06-29 23:30", "2026-06-30 00:30")]
    lines = table("transactions", zone, rows, account_id="a", booked_at=pd.Timestamp("2026-06-01"), revenue=1.0)
    assert orders.known_before(lines, TODAY)["transaction_id"].tolist() == ["2026-06-29 23:30"]
