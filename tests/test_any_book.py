"""No book makes the pipeline or the summary fail: each kind of deal, day and column is taken away in turn."""

import re

import pandas as pd
import pytest

from abmlib.pages import show
from abmlib.tables import schema
from tests import twins_in_process
from tests.conftest import ACCOUNTS, put

DEALS = """opportunity_id,account_id,stage,amount,created_at,close_date,closed_at,is_closed,is_won
won,acme,Won,100,2025-09-01T09:00:00Z,2025-12-01,2025-12-01T09:00:00Z,true,true
lost,beta,Lost,50,2025-10-01T09:00:00Z,2026-01-10,2026-01-10T09:00:00Z,true,false
open,acme,Demo,70,2026-03-01T09:00:00Z,2026-05-01,,false,
"""
HISTORY = """opportunity_id,entered_at,seq,stage,stage_order,close_date
won,2025-09-01T09:00:00Z,0,Demo,1,2025-11-01
lost,2025-10-01T09:00:00Z,0,Demo,1,2026-01-10
open,2026-03-01T09:00:00Z,0,Demo,1,2026-05-01
"""


def without(table: str, *columns: str) -> str:
    """A table whose columns are empty."""
    head, *rows = (line.split(",") for line in table.splitlines())
    gone = [head.index(c) for c in columns]
    kept = [["" if i in gone else value for i, value in enumerate(row)] for row in rows]
    return "\n".join(map(",".join, [head, *kept])) + "\n"


def only(table: str, *ids: str) -> str:
    """The rows of some deals."""
    return "".join(f"{line}\n" for line in table.splitlines() if line.split(",")[0] in {"opportunity_id", *ids})


@pytest.mark.parametrize(
    ("deals", "history", "says"),
    [
        pytest.param(DEALS, HISTORY, ["1 deal is open", ": 50.0% (95% interval 9.5% to 90.5%, n = 2)"], marks=pytest.mark.slow),
        (only(DEALS, "won", "lost"), HISTORY, ["No deal is open."]),
        pytest.param(only(DEALS, "won", "open"), HISTORY, ["is unknown, for lack of lost deals: the data hold deals won and no deal lost."], marks=pytest.mark.slow),
        pytest.param(only(DEALS, "lost", "open"), HISTORY, ["Accounts won 0", "a deal won in these months"], marks=pytest.mark.slow),
        pytest.param(only(DEALS, "won"), "", ["the source has no stage history"], marks=pytest.mark.slow),
        pytest.param(only(DEALS, "lost"), HISTORY, [": 0.0% (too few for an interval, n = 1)"], marks=pytest.mark.slow),
        (only(DEALS, "open"), HISTORY, ["(for lack of a deal closed in these months)", "No deal is known to have been won or lost"]),
        (without(DEALS, "created_at", "close_date", "closed_at"), "", ["(for lack of the day each deal was closed)", "decided ever, as most closing days are unknown: 50.0% (95% interval 9.5% to 90.5%, n = 2)"]),
        (without(DEALS, "amount", "account_id"), HISTORY, ["Open deals without an amount 1", "the amount of won deals", "Open deals without an account 1"]),
        (only(DEALS), "", ["nothing known in opportunities"]),
        pytest.param(without(DEALS, "is_won"), HISTORY, ["No deal is known to have been won or lost", "closed, won or lost unknown"], marks=pytest.mark.slow),
        (DEALS.replace(",2025-12-01T09", ",9999-12-31T09"), HISTORY, ["1 deal is open", "closed, without a possible closing day 1"]),
    ],
    ids=["all", "no open", "no lost", "no won", "won", "lost", "open", "undated", "no amount and no account", "none", "no results", "never closed"],
)  # fmt: skip
def test_no_book_of_deals_makes_a_notebook_fail_and_what_is_lacking_is_said(deals, history, says, tmp_path):
    more = {"opportunity_stage_history": history} if history else {}
    data, tables = put(tmp_path / "data", accounts=ACCOUNTS, opportunities=deals, **more), tmp_path / "tables"
    ran = twins_in_process.run(data, "2026-06-30", tables, ["12", "12b", "15"])
    both = " ".join(" ".join(one.text for one in ran.values()).split())
    for words in says:
        assert words in both
    assert not re.search(r"\b(nan|NaT|<NA>|None)\b", both)
    measures = pd.read_parquet(tables / "12_measures.parquet")
    assert not (measures["status"].eq("ok") & measures["value"].isna()).any()
    assert (
        measures.loc[measures["n"].eq(0) & measures["status"].eq("ok"), "unit"].ne("share").all()
    )  # no share of nothing


def test_of_a_table_without_rows_only_its_note_is_shown():
    shown = show.table(pd.DataFrame({"a": []}), "Deals", note="None is <b>open</b>.")
    assert repr(shown) == "None is <b>open</b>."
    assert shown._repr_html_() == "<p>None is &lt;b&gt;open&lt;/b&gt;.</p>"
    assert show.table(pd.DataFrame({"a": []}), "Deals")._repr_html_() == ""  # what does not apply is not shown


def test_measures_without_an_answer_are_named_with_what_they_lack():
    row = {
        "measure_id": "C-2",
        "unit": "share",
        "n": 0,
        "status": "not_answerable",
        "as_of": pd.Timestamp("2026-06-30"),
    }
    rows = [row | {"definition_id": d, "why": why} for d, why in (("one", "a deal"), ("two", ""), ("three", "a deal"))]
    rows = schema.conform("measures", pd.DataFrame(rows).assign(value=float("nan")))
    assert repr(show.measures(rows, "Deals", "EUR")) == (
        "Not answerable on this data: One, Three (for lack of a deal); Two."
    )
