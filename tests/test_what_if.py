"""What-if: sliders for a person at the notebook, nothing for a run, and sentences worked by hand."""

from functools import partial

import pandas as pd
from jupyter_client.manager import start_new_kernel

from abmlib.method import cycle_bounds, cycle_rules, orders, periods, value
from abmlib.method import qualification as q
from abmlib.method.chances import Outlook
from abmlib.pages import catalogue, what_if
from abmlib.pages.say import words
from abmlib.pages.twins import WIDGET
from abmlib.tables import schema
from tests.conftest import ROOT, as_read

CELL = """
from abmlib.pages import say, what_if
what_if.sliders(len, say.words, x=(1, 0, 5, 1))
"""
IDS = pd.Index(["a", "b", "c"], name="account_id")


def choice(*chosen: str) -> pd.DataFrame:
    return pd.DataFrame({"valuable": [True, True, False], "chosen": IDS.isin(chosen)}, IDS)


def test_sliders_are_shown_to_a_person_and_not_to_what_runs_notebooks():
    manager, client = start_new_kernel()
    try:
        shown = []
        for attended in (True, False):  # JupyterLab lets a cell ask; papermill, nbclient and nbval do not
            given = []
            client.execute_interactive(
                CELL, allow_stdin=attended, output_hook=given.append, stdin_hook=print, timeout=60
            )
            shown.append(
                [m for m in given if m["msg_type"] in ("execute_result", "display_data", "comm_open", "error")]
            )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (*_, last), nothing = shown
    assert WIDGET in last["content"]["data"]
    assert nothing == []


def test_a_moved_slider_computes_anew_with_all_values_and_shows_what_is_said(monkeypatch):
    monkeypatch.setattr(what_if, "is_attended", lambda: True)
    asked = []
    box = what_if.sliders(lambda **v: asked.append(v), words, months=(12, 1, 24, 1), part=(0.5, 0.0, 1.0, 0.1))
    months, _, _ = box.children
    months.value = 6
    assert asked == [{"months": 12, "part": 0.5}, {"months": 6, "part": 0.5}]


def test_a_slider_stands_on_the_value_of_the_page_even_where_it_lies_outside_the_steps():
    assert what_if.slider("capacity", 200, 0, 60, 5).value == 200
    other = what_if.slider("horizon", 7, {"1 month": 30})
    assert (other.value, [name for name, _ in other.options]) == (7, ["as on the page", "1 month"])


def test_key_accounts_says_how_many_with_which_revenue_and_who_enters_and_leaves():
    names = pd.Series(["Acme", "Beta", "Cold"], IDS)
    said = what_if.key_accounts(choice("a"), pd.Series([6.0, 3.0, 1.0], IDS), names, choice("b"))
    assert said.lines == [
        "Chosen: 1 of 2 valuable accounts, with 30.0% of net revenue; on the page 1, with 60.0%.",
        "Enter (1): Beta.",
        "Leave (1): Acme.",
    ]
    assert len(what_if.key_accounts(choice("a"), pd.Series(0.0, IDS), names, choice("a")).lines) == 1


def test_cycles_counts_placings_and_names_those_that_change():
    page = pd.DataFrame({"account_id": ["a", "b"], "product_line": ["x", "x"], "cycle": ["early", "full"]})
    said = what_if.cycles(page, pd.Series({"a": "Acme"}), page.assign(cycle=["mid", "full"]))
    assert said.lines == [
        "Early 0 (page: 1); mid 1 (page: 0); full 1 (page: 1).",
        "1 of 2 accounts and lines change their cycle:",
        "Acme, x: early to mid",
    ]
    assert what_if.cycles(page, pd.Series(dtype="str"), page).lines[1:] == [
        "0 of 2 accounts and lines change their cycle."
    ]


def test_pipeline_says_wins_and_money_with_interval_and_n_or_what_is_lacking():
    page = Outlook(pd.Series(dtype=float), (2.2, 1, 4, 9), (50.0, 10, 90, 8))
    new = Outlook(pd.Series(dtype=float), (float("nan"),) * 3 + (0,), (float("nan"),) * 3 + (0,), why="won deals")
    assert what_if.pipeline(page, 0.95, "EUR", new).lines == [
        "Expected: unknown, for lack of won deals.",
        "On the page: 2 won deals (95% interval 1 to 4, n = 9), 50 EUR (10 EUR to 90 EUR, n = 8).",
    ]


def test_other_bounds_choose_as_the_gate_does_and_a_looser_gate_lets_in_who_declined():
    days = pd.date_range("2024-07-15", "2026-06-15", freq="30D")
    bought = [(a, day, 9.0 if a == "b" and day.year == 2026 else 10.0) for a in IDS[:2] for day in days]
    lines = pd.DataFrame([(*row, row[2] / 2) for row in bought], columns=["account_id", "booked_at", "revenue", "cogs"])
    lines = as_read("transactions", lines.assign(transaction_id=lines.index.astype("str")))
    last = pd.Timestamp("2026-06-30")
    year, halves = periods.trailing(last, 12), periods.adjacent_periods(lines["booked_at"].min(), last, 12)
    pareto = value.pareto(orders.by_account(lines, IDS[:2], year))
    tried = partial(
        q.choose_with, lines, year, halves, pareto, min_tenure_days=0, min_buying_days=1, min_margin_rate=0.0
    )
    bounds = q.Thresholds(0.01, 0, 1, 0.0)
    parts = q.gate_parts(lines, IDS[:2], year, halves, bounds)
    strict = tried(capacity=2, max_decline=0.01)
    pd.testing.assert_frame_equal(strict, q.choose_key_accounts(pareto, parts, 2))
    assert strict["chosen"].tolist() == [True, False]
    assert tried(capacity=2, max_decline=0.5)["chosen"].tolist() == [True, True]


def test_the_bounds_in_force_are_among_those_offered_and_others_move_accounts():
    rules = cycle_rules.Rules.checked(catalogue.rules(str(ROOT / "notebooks" / "cycles.yml")))
    offered = cycle_bounds.choices(rules)
    assert list(offered) == [name for name, bound in rules.evidence.items() if bound.weight]
    start, each = offered["deal_value"]
    assert start == rules.evidence["deal_value"] and start in each.values()
    low, *_, high = each.values()
    rows = [("a", "x", "deal_value", start.early * 2, float("nan"))] * 5
    seen = pd.DataFrame(rows, columns=["account_id", "product_line", "evidence", "value", "time"])
    accounts = pd.DataFrame({"account_id": ["a"], "employees": [10]})
    tried = partial(cycle_bounds.cycles_with, seen, rules, accounts, schema.empty("cycle_overrides"))
    assert [tried(deal_value=b)["cycle"].item() for b in (low, high)] == ["early", "mid"]
