"""What changed between two reports, and the bridge of the pipeline between two days; by hand and on whole books."""

import json

import pandas as pd
import pytest

from abmlib.method import bridge, changes, deals, since
from abmlib.pages import say_changes
from abmlib.tables import Book, outputs, past_run, schema
from tests import twins_in_process
from tests.conftest import ACCOUNTS, SAMPLE, TRANSACTIONS, put

MAY, JUNE = pd.Timestamp("2026-05-31"), pd.Timestamp("2026-06-30")
KEY = ["notebook", "slug", "account_id"]

# -- what became of decisions -----------------------------------------------------------------------------------------


def proposed(*rows: str) -> pd.DataFrame:
    """Decisions from slug and account, as in ``call acme``."""
    made = [{"notebook": "12", "slug": s, "account_id": a or None} for s, _, a in (r.partition(" ") for r in rows)]
    frame = pd.DataFrame(made, columns=KEY).assign(kind="sell", text="Call", would_change="x", status="proposed")
    return schema.conform("decisions", frame)


def entered(*rows: tuple) -> pd.DataFrame:
    """Entries from slug, account, status, day and last day."""
    columns = ["slug", "account_id", "status", "entered_at", "until"]
    frame = pd.DataFrame([(*r, None)[:5] for r in rows], columns=columns)
    at = pd.to_datetime(frame["entered_at"]).dt.tz_localize("UTC")
    frame = frame.assign(entered_at=at, until=pd.to_datetime(frame["until"]), entered_by="Ada")
    frame = schema.conform("decision_status", frame)
    return frame.assign(entered_day=frame["entered_at"].dt.tz_localize(None).dt.normalize())


def states(now, before=None, entries=None, left=None, as_of=JUNE, day=MAY, notebooks=("12",), left_out=()):
    before, left = (
        proposed() if before is None else before,
        left if left is not None else schema.empty("15_decision_states"),
    )
    entries = entered() if entries is None else entries
    return since.decision_states(now, before, left, entries, as_of, day, notebooks, left_out)


def by_row(found: pd.DataFrame) -> dict[str, str]:
    """State of each decision and account."""
    return dict(zip((found["slug"] + " " + found["account_id"].fillna("")).str.strip(), found["state"], strict=True))


def test_a_decision_is_known_by_its_name_and_account_and_not_by_its_text():
    now, before = (
        proposed("call acme", "call late", "pass").assign(text="Call 3"),
        proposed("call acme", "call gone", "pass"),
    )
    assert by_row(states(now, before)) == {
        "call acme": "repeated",
        "call late": "new",
        "pass": "repeated",
        "call gone": "gone",
    }


def test_decisions_of_a_notebook_that_did_not_run_are_not_gone():
    assert states(proposed(), proposed("call acme"), notebooks=["03"]).empty


def test_what_is_done_is_done_while_reports_go_on_to_propose_it():
    now, entries = proposed("call acme", "call late"), entered(("call", "acme", "done", "2026-05-20"))
    first = states(now, entries=entries, as_of=MAY, day=pd.NaT)
    second = states(now, now, entries, first)
    assert by_row(second) == {"call acme": "done", "call late": "repeated"}


def test_a_decision_that_a_report_left_out_is_new_when_it_comes_back_and_stays_open():
    entries = entered(("call", "acme", "done", "2026-05-20"))
    back = states(proposed("call acme"), proposed(), entries)  # the report of May did not propose it
    again = states(
        proposed("call acme"), proposed("call acme"), entries, back, as_of=JUNE + pd.Timedelta(days=31), day=JUNE
    )
    assert by_row(back) == {"call acme": "new"}
    assert by_row(again) == {"call acme": "repeated"}


def test_nobody_has_done_what_no_report_had_proposed_yet():
    now, before = proposed("call acme", "call first"), proposed("call acme")
    assert by_row(states(now, before, entered(("call", None, "done", "2026-06-02")))) == {
        "call acme": "done",
        "call first": "new",
    }


def test_a_decision_about_other_deals_of_the_account_is_new_and_one_about_fewer_is_not():
    before, other, fewer = (proposed("call acme").assign(group=deals) for deals in ("d1;d2", "d2;d3", "d2"))
    entries = entered(("call", "acme", "done", "2026-06-02"))
    assert by_row(states(other, before, entries)) == {"call acme": "new"}
    assert by_row(states(fewer, before, entries)) == {"call acme": "done"}


@pytest.mark.parametrize(("until", "state"), [("2026-06-30", "later"), ("2026-06-29", "repeated"), (None, "later")])
def test_what_waits_comes_back_after_its_day(until, state):
    now = proposed("call acme")
    assert by_row(states(now, now, entered(("call", "acme", "later", "2026-06-02", until)))) == {"call acme": state}


def test_the_later_entry_counts_and_one_without_an_account_is_for_all_of_them():
    now = proposed("call acme", "call late", "mail acme")
    entries = entered(
        ("call", "acme", "done", "2026-06-01"), ("call", None, "declined", "2026-06-02"), ("call", "late", "later", "2026-06-03"),
        ("call", "late", "done", "2026-06-04"),
    )  # fmt: skip
    got = by_row(states(now, now, entries))
    assert got == {"call acme": "declined", "call late": "done", "mail acme": "repeated"}


def test_without_an_earlier_report_all_is_new_or_as_entered():
    got = states(
        proposed("call acme", "call late"), entries=entered(("call", "late", "done", "2026-06-01")), day=pd.NaT
    )
    assert by_row(got) == {"call acme": "new", "call late": "done"}


def test_chores_that_only_one_report_could_note_are_neither_new_nor_gone_and_keep_what_people_entered():
    now, before = proposed("fill", "call acme", "export", "close late"), proposed("call late", "close acme")
    chores = ["fill", "export", "close"]
    now, before = (d.assign(kind=d["slug"].map(lambda s: "data" if s in chores else "sell")) for d in (now, before))
    assert since.not_compared(now, before, same=True) == []
    assert since.not_compared(now, proposed(), same=False) == []
    unlike = since.not_compared(now, before, same=False)
    assert unlike == ["export", "fill"]
    got = by_row(states(now, before, entered(("export", None, "done", "2026-06-20")), left_out=unlike))
    assert got == {
        "call acme": "new",
        "close late": "new",
        "export": "done",
        "call late": "gone",
        "close acme": "gone",
    }


# -- accounts and measures --------------------------------------------------------------------------------------------


def test_a_move_names_the_facts_that_moved_it():
    columns = ["account_id", "pareto_class", "revenue", "margin", "cumulative_revenue_share", "chosen"]
    before = pd.DataFrame([("acme", "A", 90.0, 9.0, 0.5, True), ("late", "C", 1.0, 1.0, 1.0, True)], columns=columns)
    now = before.assign(pareto_class=["B", "C"], revenue=[80.0, 2.0], chosen=[True, True])
    parts = dict.fromkeys(since.PARTS, "pass")
    got = since.moved({"03_key_accounts": now.assign(**parts)}, {"03_key_accounts": before.assign(**parts)}, {})
    columns = ["account_id", "what", "before", "after", "money"]
    assert got[columns].values.tolist() == [["acme", "Class by revenue", "A", "B", 90.0]]
    assert got.loc[0, "facts"] == [("revenue", 90.0, 80.0)]


def test_a_flagged_deal_that_is_not_open_any_more_has_moved_and_a_passed_day_is_the_fact_of_an_overdue_one():
    columns = ["opportunity_id", "account_id", "close_date", "stalled", "overdue", "amount"]
    rows = [("o1", "acme", MAY, True, False, 1.0), ("o2", "acme", MAY, False, False, 5.0), ("o3", "acme", MAY, True, False, 3.0)]  # fmt: skip
    before = pd.DataFrame(rows, columns=columns)
    now = before.iloc[[1]].assign(overdue=True)
    extra = dict.fromkeys(("stage", "days_in_stage", "days_quiet", "pushes"), 1)
    tables = [{"12_opportunity_flags": d.assign(**extra, owner_id="Ada")} for d in (now, before)]
    got = since.moved(*tables, {"o1": "won"})
    assert got[["of", "what", "after", "money", "owner_id"]].values.tolist() == [
        ["o2", "Overdue", "yes", 5.0, "Ada"],
        ["o3", "Stalled", "no longer open", 3.0, "Ada"],
        ["o1", "Stalled", "won", 1.0, "Ada"],
    ]
    assert got["facts"].tolist() == [[("close_date", MAY, MAY)], [], []]
    opened = since.moved(*reversed(tables), {})  # the other way round, two stalled deals were opened since
    assert opened.loc[opened["before"] == since.NOT_YET, ["of", "what", "after"]].values.tolist() == [
        ["o3", "Stalled", "yes"],
        ["o1", "Stalled", "yes"],
    ]


def test_of_a_stalled_deal_the_fact_whose_mark_changed_comes_first():
    flags = pd.DataFrame({"opportunity_id": ["o"], "account_id": ["a"], "stalled": [True], "overdue": [False], "close_date": MAY, "stage": ["x"],
                          "days_in_stage": [50], "days_quiet": [60], "pushes": [0], "slow": [True], "quiet": [True]})  # fmt: skip
    now = flags.assign(stalled=False, days_in_stage=80, days_quiet=3, quiet=False)
    got = since.moved({"12_opportunity_flags": now}, {"12_opportunity_flags": flags}, {})
    assert got.loc[0, "facts"] == [("days_quiet", 60, 3), ("days_in_stage", 50, 80)]


def test_a_deal_of_which_nobody_can_tell_any_more_is_unknown_and_one_never_stalled_has_not_moved():
    flags = pd.DataFrame({"opportunity_id": ["o", "p"], "account_id": "a", "owner_id": "s", "stalled": [True, False], "overdue": False,
                          "close_date": MAY, "stage": "x", "days_in_stage": 50, "days_quiet": 60, "pushes": 0, "amount": 1.0})  # fmt: skip
    now = flags.assign(stalled=pd.Series([None, None], dtype="boolean"))
    got = since.moved({"12_opportunity_flags": now}, {"12_opportunity_flags": flags}, {})
    assert got[["of", "before", "after"]].values.tolist() == [["o", "yes", "unknown"]]


def foretold(end: str) -> pd.DataFrame:
    row = {"measure_id": "C-8", "definition_id": "won_value_foretold_in_period", "as_of": MAY, "value": 9e6, "unit": "currency",
           "low": 4e6, "high": 19e6, "n": 2, "level": 0.95, "status": "ok", "window_start": "2026-06-01", "window_end": end}  # fmt: skip
    return schema.conform(
        "measures", pd.DataFrame([row]).astype({"window_start": "datetime64[us]", "window_end": "datetime64[us]"})
    )


def test_what_was_foretold_is_set_beside_what_came_from_the_same_deals_once_the_period_is_over():
    # id, amount then, won, closed, amount now: only the first two were in the forecast, and only they came in these days
    rows = [("a", 1.0, True, "2026-06-02", 2e7), ("b", 1.0, True, "2026-06-30", 1e6), ("late", 1.0, True, "2026-07-01", 1.0),
            ("lost", 1.0, False, "2026-06-02", 1.0), ("unpriced", None, True, "2026-06-02", 1.0), ("aged", 1.0, True, "2026-06-02", 1.0)]  # fmt: skip
    deals_now = pd.DataFrame(rows, columns=["opportunity_id", "x0", "is_won", "closed_day", "amount"])
    then = deals_now[["opportunity_id"]].assign(amount=deals_now["x0"], days_in_stage=[1, 1, 1, 1, 1, None])
    deals_now = deals_now.assign(closed_day=pd.to_datetime(deals_now["closed_day"]), is_closed=True)
    got = since.forecast_and_won(foretold("2026-06-30"), then, deals_now, JUNE)
    assert got[["came", "deals_won"]].values.tolist() == [[2.1e7, 2]]
    assert say_changes.came(got, "EUR") == (
        "The report of 31 May 2026 foretold 9.0 M EUR by 30 June 2026 from 2 open deals (95% interval 4.0 M EUR to 19.0 M EUR); "
        "21.0 M EUR came from 2 of them, above the interval."
    )
    assert say_changes.came(since.forecast_and_won(foretold("2026-07-31"), then, deals_now, JUNE), "EUR") == ""


def test_a_table_that_one_report_lacks_moves_nothing():
    assert since.moved({}, {"03_key_accounts": schema.empty("03_key_accounts")}, {}).empty


def measured(low: float, value: float, high: float, start: str | None, end: str | None) -> pd.DataFrame:
    row = {"measure_id": "C-2", "definition_id": "win_rate_by_count", "as_of": JUNE, "value": value, "unit": "share", "low": low,
           "high": high, "n": 9, "status": "ok", "window_start": start, "window_end": end}  # fmt: skip
    return schema.conform(
        "measures", pd.DataFrame([row]).astype({"window_start": "datetime64[us]", "window_end": "datetime64[us]"})
    )


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ((0.7, 0.8, 0.9, "2026-04-01", "2026-06-30"), "up"),
        ((0.3, 0.8, 0.9, "2026-04-01", "2026-06-30"), "within noise"),  # holds the value before
        ((0.7, 0.8, 0.9, "2026-03-31", "2026-06-30"), since.OVERLAP),
        ((0.7, 0.8, 0.9, "2026-06-01", "2026-06-30"), since.UNLIKE),
        ((float("nan"), 0.8, 0.9, "2026-04-01", "2026-06-30"), since.NO_INTERVAL),
        ((0.7, 0.8, 0.9, None, None), since.UNDATED),
    ],
)
def test_a_measure_is_judged_only_over_other_days_and_with_intervals(now, verdict):
    got = since.measures_compared(measured(*now), measured(0.2, 0.4, 0.6, "2026-01-01", "2026-03-31"))
    assert got["verdict"].tolist() == [verdict]


def test_months_are_whole_and_wholly_in_the_book():
    sales = pd.DataFrame(
        {"account_id": ["a", "b"], "booked_at": pd.to_datetime(["2026-04-01", "2026-06-10"]), "revenue": [5.0, 7.0]}
    )
    none = deals.with_days(schema.empty("opportunities").assign(created_day=pd.NaT, closed_day=pd.NaT), JUNE)
    flows = changes.flows(none, sales)
    got = [(r["group"], r["value"]) for r in changes.by_month(flows, JUNE, 12)]
    assert got == [("2026-04", 5.0), ("2026-05", 0.0), ("2026-06", 7.0)]
    assert [r["group"] for r in changes.by_month(flows, JUNE - pd.Timedelta(days=1), 12)] == ["2026-04", "2026-05"]


def test_a_verdict_on_a_headline_that_changed_is_named():
    row = {"measure_id": ["C-2"], "definition_id": ["win_rate_by_count"]}
    then, now = (pd.DataFrame(row | {"verdict": [v]}) for v in ("within noise", "up"))
    moves = since.moved({}, {}, {})
    said = [str(say_changes.since(since.by_decision(states(proposed())), then, n, moves, MAY)) for n in (now, then)]
    assert "Other verdict on: Win rate (within noise, now up)." in said[0]
    assert "No verdict on a headline changed." in said[1]


# -- the bridge -------------------------------------------------------------------------------------------------------


def test_a_bridge_tells_what_happened_from_what_was_only_learnt():
    # created, known and closed day, won, amount at start (None: not in it) and at the end
    rows = [
        ("stays", "2026-01-01", None, None, None, 100.10, 100.10),
        ("grows", "2026-01-01", None, None, None, 100.00, 130.25),
        ("fixed", "2026-01-01", None, None, None, 50.00, 40.00),  # its fall is dated before the start
        ("won", "2026-01-01", None, "2026-06-03", True, 10.00, 12.00),
        ("lost", "2026-01-01", None, "2026-06-03", False, 20.00, None),  # the CRM empties its amount
        ("lost before", "2026-01-01", None, "2026-05-03", False, 5.00, 5.00),
        ("late", "2026-05-01", "2026-06-09", None, None, None, 7.00),
        ("new", "2026-06-05", None, None, None, None, 3.30),
        ("undated", None, None, None, None, None, 2.00),
    ]
    frame = pd.DataFrame(
        rows, columns=["opportunity_id", "created_day", "known_day", "closed_day", "is_won", "x0", "amount"]
    )
    days = ["created_day", "known_day", "closed_day"]
    after = frame.assign(**{c: pd.to_datetime(frame[c]) for c in days}, is_closed=frame["closed_day"].notna())
    after["is_won"] = after["is_won"].astype("boolean")
    before = frame.loc[frame["x0"].notna(), ["opportunity_id"]].assign(amount=frame["x0"].dropna())
    gone = pd.DataFrame({"opportunity_id": ["deleted"], "amount": [1.0]})
    noted = [
        ("fixed", "2026-01-01", None, 50.0),
        ("fixed", "2026-05-20", "2026-06-20", 40.0),
        ("grows", "2026-01-01", None, 100.0),
    ]
    history = pd.DataFrame(noted, columns=["opportunity_id", "entered_day", "known_day", "amount"]).assign(seq=0)
    history = history.assign(
        entered_day=pd.to_datetime(history["entered_day"]), known_day=pd.to_datetime(history["known_day"])
    )
    history["entered_at"] = history["entered_day"]
    got = bridge.bridge(pd.concat([before, gone]), after, history, MAY, JUNE)
    table = schema.conform("15_bridge", got).set_index("step")[["happened", "learnt", "deals"]].fillna(0)
    assert {s: tuple(r) for s, r in table.iterrows() if r["deals"]} == {
        "open at start": (0, 0, 7),
        "created": (3.30, 7.00, 2),
        "opening day unknown": (0, 2.00, 1),
        "grown": (32.25, 0, 2),
        "won": (-12.00, 0, 1),
        "lost": (-20.00, -5.00, 2),
        "shrunk": (0, -10.00, 1),
        "no longer in the data": (0, -1.00, 1),
        "open at end": (0, 0, 6),
    }
    assert closes(got) == (28610, 0, 0)


def closes(got: pd.DataFrame) -> tuple[int, int, int]:
    """Cents at the start, and by how many cents and deals the steps miss the end."""
    table = got.set_index("step")
    cents = (table["amount"] * 100).round().astype("int64")
    counted = table["deals_change"].dropna()
    return (
        int(cents.iloc[0]),
        int(cents.iloc[:-1].sum() - cents.iloc[-1]),
        int(counted.iloc[:-1].sum() - counted.iloc[-1]),
    )


def test_a_reopened_deal_and_a_first_amount_are_their_own_steps():
    after = pd.DataFrame({"opportunity_id": ["back", "priced"], "created_day": pd.to_datetime(["2026-01-01"] * 2), "known_day": pd.NaT,
                          "closed_day": pd.NaT, "is_won": pd.NA, "is_closed": False, "amount": [5.0, 6.0]})  # fmt: skip
    history = pd.DataFrame({"opportunity_id": ["back"] * 2, "entered_day": pd.to_datetime(["2026-01-01", "2026-06-05"]),
                            "known_day": pd.NaT, "amount": float("nan"), "seq": 0})  # fmt: skip
    before = pd.DataFrame({"opportunity_id": ["priced", "other"], "amount": [None, 2.0]})
    got = bridge.bridge(before, after, history.assign(entered_at=history["entered_day"]), MAY, JUNE).set_index("step")
    assert got.loc["reopened", "happened"] == 5
    assert got.loc["amount unknown at start", "learnt"] == 6


def test_amounts_are_missing_where_no_open_deal_has_one():
    after = pd.DataFrame({"opportunity_id": ["a"], "created_day": pd.to_datetime(["2026-01-01"]), "known_day": pd.NaT, "closed_day": pd.NaT,
                          "is_won": pd.NA, "is_closed": False, "amount": [5.0]})  # fmt: skip
    history = pd.DataFrame(columns=["opportunity_id", "entered_day", "known_day", "amount", "seq", "entered_at"])
    got = bridge.bridge(pd.DataFrame({"opportunity_id": ["a"], "amount": [None]}), after, history, MAY, JUNE)
    assert got["amount"].isna().all()
    assert got["deals"].tolist()[0] == got["deals"].tolist()[-1] == 1


def test_a_bridge_on_the_sample_closes_to_the_cent():
    first, last = (Book.open(SAMPLE, as_of=day) for day in ("2026-03-31", "2026-06-30"))
    then, now = (b.read("opportunities") for b in (first, last))
    before, after = (deals.open_deals(d) for d in (then, now))
    got = bridge.bridge(before, now, last.read("opportunity_stage_history"), first.as_of, last.as_of)
    assert closes(got) == (round(before["amount"].sum() * 100), 0, 0)
    assert got["amount"].iloc[-1] == pytest.approx(after["amount"].sum(), abs=0.001)
    assert got["deals"].tolist()[-1] == len(after)


# -- what an earlier run left -----------------------------------------------------------------------------------------


def test_no_folder_is_no_earlier_run(tmp_path):
    assert not past_run.load("", since.COMPARED)
    assert not past_run.load(tmp_path, since.COMPARED)
    assert past_run.load("", since.COMPARED)["decisions"].empty


def test_a_run_whose_data_go_on_after_its_day_says_so(tmp_path):
    outputs.leave(tmp_path / "tables" / "12_decisions.parquet", proposed("call acme"), {"as_of": "2026-05-31"})
    read = []
    for newest in ("", "2026-05-31", "2026-06-01"):
        (tmp_path / "run.json").write_text(json.dumps({"newest_fact": newest}))
        read.append(past_run.load(tmp_path / "tables", since.COMPARED).is_latest)
    assert read == [True, True, False]


def test_the_page_speaks_of_an_earlier_report_only_where_there_is_one(tmp_path):
    data = put(tmp_path / "d", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    given = {"data": str(data), "as_of": "2026-05-31", "tables": str(tmp_path / "may")}
    first = twins_in_process.run_one("15_executive_summary", given)
    later = {"as_of": "2026-06-30", "tables": str(tmp_path / "june"), "previous": str(tmp_path / "may")}
    second = twins_in_process.run_one("15_executive_summary", given | later)
    assert first.status == second.status == "done", first.words + second.words
    assert "since the report" not in first.text
    assert "Decisions since the report of 31 May 2026: none then and now." in second.text
    assert pd.read_parquet(tmp_path / "june" / "15_bridge.parquet")["deals"].sum() == 0


def test_decisions_of_a_notebook_that_left_nothing_then_are_not_new():
    now = pd.DataFrame({"notebook": ["12", "03"], "slug": ["ask", "give"], "kind": "sell"})
    assert since.not_compared(now, now.head(0), True, frozenset({"12"})) == ["give"]
    assert since.not_compared(now, now.head(0), True, frozenset()) == []  # no report before: all are new
