"""The first pages of a run: tiles, small lines, decisions with their states, lists of accounts."""

import pandas as pd
import pytest

from abmlib.pages import front
from abmlib.tables import schema

RUN = {"title": "T", "as_of": "2026-06-30", "newest_fact": "", "workbook": {}, "versions": {"abmlib": "1"},
       "currency": "EUR", "previous": None}  # fmt: skip
PAGE = {"notebook": "15_x", "question": "?", "answer": "All is well.", "status": "done", "words": "", "parameters": {}}
MONTHS = [str(m) for m in pd.period_range("2025-07", "2026-06", freq="M")]


def headlines(*rows: tuple) -> pd.DataFrame:
    """Headlines of 12 months: definition, value, unit, and more columns."""
    same = {"measure_id": "C-1", "window": "12 months", "n": 9, "status": "ok", "verdict": "not judged"}
    frame = pd.DataFrame([same | {"definition_id": d, "value": v, "unit": u} | more for d, v, u, more in rows])
    return schema.conform("15_executive_summary", frame)


def monthly(definition: str, unit: str, values: dict[str, float], n: int = 9) -> pd.DataFrame:
    """Rows of `measures` by month."""
    same = {
        "measure_id": "C-1",
        "definition_id": definition,
        "as_of": "2026-06-30",
        "group_by": "month",
        "unit": unit,
        "n": n,
    }
    rows = [same | {"group": m, "value": v, "status": "ok"} for m, v in values.items()]
    return schema.conform("measures", pd.DataFrame(rows))


def advised(*rows: dict, **same: object) -> pd.DataFrame:
    """Rows of decisions."""
    about = {
        "notebook": "03",
        "slug": "call",
        "account_id": "a",
        "kind": "sell",
        "text": "Call",
        "would_change": "x",
        "status": "proposed",
    }
    return schema.conform("decisions", pd.DataFrame([about | same | row for row in rows]))


# -- tiles ------------------------------------------------------------------------------------------------------------


def test_the_first_five_candidates_with_a_value_are_tiles():
    names = [
        "open_deals",
        "deals_opened",
        "total_margin",
        "deals_won",
        "win_rate_by_count",
        "won_value",
        "total_revenue",
        "slip_rate",
    ]
    rows = [(n, None if n == "won_value" else 1.0, "deals", {}) for n in names]
    got = front.tiles(headlines(*rows), schema.empty("measures"), "EUR")
    assert [t["id"] for t in got] == ["total_revenue", "win_rate_by_count", "deals_won", "deals_opened", "total_margin"]
    assert all(t["line"] is None for t in got)


def test_a_tile_says_value_interval_and_change_with_a_word_and_a_sign():
    quarter = {"quarter_start": "2026-04-01", "quarter_end": "2026-06-30", "quarter_value": 20e6, "expected": 10e6}
    rows = headlines(
        ("total_revenue", 59_162_234.0, "currency", quarter | {"change": 1.0, "verdict": "up"}),
        ("win_rate_by_count", 0.369, "share", {"low": 0.3142, "high": 0.428, "change": -0.0627, "expected": 0.4, "verdict": "within noise"}
         | {"quarter_start": "2026-04-01", "quarter_end": "2026-06-30", "quarter_value": 0.3}),
        ("deals_won", 154.0, "deals", {"verdict": "too variable"}),
    )  # fmt: skip
    up, noise, wild = front.tiles(rows, schema.empty("measures"), "EUR")
    assert [t["value"] for t in (up, noise, wild)] == ["59.2 M EUR", "36.9%", "154 deals"]
    assert up["change"] == "▲ up: +100 %"
    assert up["about"] == "Q2 2026: 20.0 M EUR, where 10.0 M EUR was expected"
    assert (noise["interval"], noise["change"]) == ("31.4% to 42.8%", "change -6.3 points, within noise")
    assert wild["change"] == "change too variable to judge"


def test_the_expected_wins_stand_beside_what_is_missing_to_the_target_where_there_is_one():
    row = headlines(("won_value_foretold_in_period", 9.5e6, "currency", {"low": 3.6e6, "high": 22.7e6}))
    missing = monthly("missing_to_target", "currency", {"x": 9.07e6}).assign(group_by="all", group="all")
    (got,), (alone,) = front.tiles(row, missing, "EUR"), front.tiles(row, missing.iloc[:0], "EUR")
    assert (got["beside"], alone["beside"]) == ("Still to win for the target: 9.1 M EUR", "")
    assert got["interval"] == "3.6 M to 22.7 M EUR"


def test_all_lines_are_over_the_same_twelve_months_and_a_share_of_few_deals_is_a_gap():
    revenue = monthly("total_revenue", "currency", dict.fromkeys(["2025-01", *MONTHS], 5.0))
    rates = monthly("win_rate_by_count", "share", {"2026-02": 0.5, "2026-03": 0.4}).assign(n=[4, 5])
    got = front.by_month(pd.concat([revenue, rates]))
    assert got.index.tolist() == MONTHS
    assert got["win_rate_by_count"].dropna().to_dict() == {"2026-03": 0.4}


def test_a_line_begins_anew_after_a_gap_and_says_its_ends_in_words():
    values = pd.Series([1.0, None, 2.0, 4.0], index=["2026-01", "2026-02", "2026-03", "2026-04"])
    got = front.line(values, "Deals won", "deals", "EUR")
    assert [got["path"].count(step) for step in "ML"] == [2, 1]
    assert got["end"] == ("117.0", "3.0")  # the highest value, at the right end
    assert got["text"] == "lowest 1 deal in January 2026; highest 4 deals in April 2026; last 4 deals in April 2026"
    assert front.line(values * float("nan"), "x", "deals", "EUR") is None


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_line_without_a_value_above_zero_stays_in_its_box(value):
    got = front.line(pd.Series([value, value], index=["2026-01", "2026-02"]), "x", "deals", "EUR")
    assert 0 <= float(got["end"][1]) <= front.HIGH


# -- decisions --------------------------------------------------------------------------------------------------------


def test_five_decisions_are_shown_the_rest_is_folded_by_kind_and_chores_are_never_first():
    rows = [{"slug": f"do_{i}", "text": f"Do {i}"} for i in range(6)]
    decisions = advised(*rows, {"slug": "fix", "text": "Fix", "kind": "data", "due": "2026-07-01"})
    page = front.index(RUN, [PAGE], front.decision_groups(decisions, {}, {"03": "03_x"}, "EUR"))
    first, _, rest = page.partition("</ol>")
    assert [f"Do {i}" in first for i in range(6)] == [True] * 5 + [False]
    assert "1 more on selling" in rest
    assert "1 chore about data" in rest
    assert "All is well." in first


def test_what_is_done_declined_or_later_leaves_the_index_and_what_is_new_says_so_where_there_was_a_report_before():
    decisions = advised({"account_id": "a"}, {"account_id": "b"}, {"slug": "all", "account_id": None})
    states = pd.DataFrame(
        [("03", "call", "a", "done"), ("03", "call", "b", "new"), ("03", "all", None, "later"), ("03", "old", "a", "gone")],
        columns=[*front.KEY, "state"],
    )  # fmt: skip
    got = front.with_states(decisions, states, new={"call"})
    assert got["status"].tolist() == ["done", "new", "later"]
    (group,) = front.decision_groups(got, {}, {"03": "03_x"}, "EUR")
    (known,) = front.decision_groups(front.with_states(decisions, states, new=set()), {}, {"03": "03_x"}, "EUR")
    assert not known["is_new"]  # one of its accounts is new, and the decision is not
    assert (group["slug"], group["accounts"], group["is_new"]) == ("call", "1 account", True)
    assert front.settled(got) == "Not listed, in whole or for some accounts: 1 done, 1 later."
    first = front.with_states(decisions, states, new=None)
    assert first["status"].tolist() == ["done", "proposed", "later"]
    assert front.with_states(decisions, pd.DataFrame(), new=set())["status"].tolist() == ["proposed"] * 3


def test_a_list_has_every_account_with_its_money_and_no_formula():
    decisions = advised(
        {"account_id": "a", "moves": 1.239, "reason": "=1+1"}, {"account_id": "b"}, due=pd.Timestamp("2026-07-07")
    )
    got = front.lists(pd.concat([decisions, advised({"slug": "all", "account_id": None})]), {"a": "@Acme"}, "EUR")
    assert list(got) == ["03_call.csv"]
    rows = got["03_call.csv"]
    assert rows["account"].tolist() == ["'@Acme", "b"]
    assert rows["reason"].tolist()[0] == "'=1+1"
    assert rows["money"].tolist()[0] == 1.24
    assert rows[["decision", "currency"]].drop_duplicates().to_numpy().tolist() == [["Call", "EUR"]]


def test_failures_come_on_top_in_words_and_without_the_leaders_page_nothing_is_said_of_the_period():
    failed = PAGE | {"notebook": "12_pipeline", "status": "failed", "words": "No deals."}
    page = front.index(RUN, [failed])
    assert "No result from Pipeline (No deals.)." in page
    assert 'class="period"' not in page
    assert page.index("No result from") < page.index("What to decide")
