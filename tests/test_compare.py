"""`abm compare`: two small runs side by side, and what is said of them."""

import json

import pandas as pd
import pytest

from abmlib.pages import compare, say_changes
from abmlib.tables import outputs, schema
from tests.conftest import abm
from tests.test_since import by_row, proposed, states

MAY, JUNE = "2026-05-31_0123abcd", "2026-06-30_0123abcd"
NOTHING = (schema.empty("accounts"), schema.empty("opportunities"))


def key_accounts(acme: str, revenue: float) -> pd.DataFrame:
    row = dict.fromkeys(("revenue_history", "relationship", "profitability", "viability"), "pass")
    row |= {"account_id": "acme", "revenue": revenue, "revenue_rank": 1, "pareto_class": acme, "valuable": True, "qualified": True,
            "chosen": True}  # fmt: skip
    return schema.conform("03_key_accounts", pd.DataFrame([row]))


def put_run(out, name: str, decisions: pd.DataFrame, accounts: pd.DataFrame, data: str = "book"):
    """Put a small finished run into a folder of runs."""
    origin = {"as_of": name[:10], "data_fingerprint": name}
    tables = {"12_decisions": decisions, "03_key_accounts": accounts, "12_measures": schema.empty("measures")}
    for table, frame in tables.items():
        outputs.leave(out / name / "tables" / f"{table}.parquet", frame, origin)
    facts = {
        "as_of": name[:10],
        "id": "0123abcd",
        "fingerprint": name,
        "complete": True,
        "data": data,
        "currency": "EUR",
    }
    (out / name / "run.json").write_text(json.dumps(facts))
    return out / name


ACME = pd.DataFrame([{"account_id": "acme", "name": "Acme", "owner_id": "Ada"}])


@pytest.fixture
def out(tmp_path):
    put_run(tmp_path / "out", MAY, proposed("call acme", "call gone"), key_accounts("A", 90.0))
    put_run(tmp_path / "out", JUNE, proposed("call acme", "mail acme"), key_accounts("B", 80.0))
    (tmp_path / "out" / "latest").write_text(JUNE)
    return tmp_path / "out"


def test_two_runs_are_compared_by_decision_account_and_fact(out):
    tables = compare.compare(out / MAY, out / JUNE, ACME, schema.empty("opportunities"))
    decisions, moves, measures = tables.values()
    assert decisions[["state", "new", "repeated", "gone"]].values.tolist() == [["new", 1, 0, 0], ["repeated", 0, 1, 1]]
    assert moves.values.tolist() == [["Acme", "Ada", "90", "Class by revenue", "", "A", "B", "revenue 90 → 80"]]
    assert measures.empty
    assert compare.differences(out / MAY, out / JUNE, ACME) == []


def test_what_a_report_says_is_done_stays_done_in_a_comparison(out):
    done = states(proposed("mail acme")).assign(state="done")
    outputs.leave(out / JUNE / "tables" / "15_decision_states.parquet", done, {"as_of": "2026-06-30"})
    decisions = next(iter(compare.compare(out / MAY, out / JUNE, *NOTHING).values()))
    assert by_row(done) == {"mail acme": "done"}
    assert decisions.set_index("state").loc["settled", "done"] == 1


def test_the_command_takes_names_and_latest_and_writes_markdown_that_is_text_only(out, tmp_path):
    names = "account_id,name,created_at\nacme,<b>|Acme,2025-01-01\n"
    sales = "transaction_id,account_id,booked_at,revenue\nt,acme,2026-01-01,5\n"
    for table, text in (("accounts", names), ("transactions", sales)):
        (tmp_path / "book").mkdir(exist_ok=True)
        (tmp_path / "book" / f"{table}.csv").write_text(text)
    code, printed = abm("compare", MAY, "latest", "--out", out, "--data", tmp_path / "book", "--to", tmp_path / "c.md")
    assert code == 0, printed
    assert "Accounts that moved" in printed
    written = (tmp_path / "c.md").read_text()
    assert f"# From {MAY} to {JUNE}" in written
    assert "Class by revenue" in written
    assert "\\<b\\>\\|Acme" in written
    assert "Nothing changed." in written


def test_runs_of_another_book_are_compared_with_a_warning(out):
    other = put_run(out, "2026-04-30_0123abcd", proposed("call acme"), key_accounts("A", 1.0), data="other")
    words = compare.differences(other, out / JUNE, NOTHING[0])
    assert words[0] == "data: other in one run, book in the other."
    assert words[1].startswith("Accounts go by their ids")


def test_a_run_made_on_newer_data_is_compared_with_a_warning(out):
    record = out / MAY / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"newest_fact": "2026-06-30"}))
    assert compare.differences(out / MAY, out / JUNE, ACME) == [say_changes.newer_data(pd.Timestamp("2026-05-31"))]


def test_folders_of_runs_are_compared_without_a_word_on_the_sample(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for before, is_said in ((out / MAY, False), (MAY, True)):
        code, printed = abm("compare", before, out / JUNE, "--out", out)
        assert code == 0, printed
        assert ("about the sample" in printed) == is_said


def test_what_is_no_run_is_refused(out, tmp_path):
    code, printed = abm("compare", MAY, "nothing", "--out", out, "--data", tmp_path)
    assert code == 2
    assert "nothing: is no run." in printed


def test_facts_are_written_in_their_own_kind():
    day = pd.Timestamp("2026-06-30")
    listed = [("revenue", 94498.37, 65590.91), ("close_date", day, day), ("pushes", None, 2), ("cycle_days", 1.5, 4.25)]
    assert (
        say_changes.facts(listed)
        == "revenue 94,498 → 65,591; closing day 30 June 2026 has passed; pushes now: 2; cycle days 2 → 4"
    )
    assert say_changes.facts([("exclusion_reason", "revenue fell", None), ("n", 2, 2)]) == "before: revenue fell"
