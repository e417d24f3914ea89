"""abm doctor: the verdict before any report, on canonical tables and on an export nobody imported yet."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from abmlib.cli import app
from abmlib.method import data_quality
from abmlib.pages import catalogue, doctor, run
from tests.conftest import ACCOUNTS, ROOT, TRANSACTIONS, put

NOTEBOOKS = ROOT / "notebooks"


def ask(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *(str(a) for a in args)], env={"COLUMNS": "250"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_verdict_is_that_of_notebook_00(small, tmp_path):
    verdict = doctor.examine(*run.preflight(small), NOTEBOOKS, {"stale_days": 10, "min_records": 2})
    assert verdict.as_of == "2026-04-01"
    # acme bought on two days of which the later is one day ago; beta's second line was learnt only on 10 April, so it
    # has one record; late has none and was learnt later
    assert verdict.accounts.loc["customer", ["usable", "thin"]].tolist() == [1, 1]
    assert not verdict.stops
    assert verdict.answer == [
        "We can judge 1 of 2 customers; the others have fewer than 2 records, or none of the last 10 days.",
        "2 of 12 pages cannot be made, as this data has no opportunities.",
    ]
    answers = verdict.answers.set_index("notebook")
    assert answers.loc["03_key_accounts", "answer"] == "in part"  # no cost
    assert answers.loc["12_pipeline", ["answer", "needed"]].tolist() == ["no", "opportunities"]


def test_the_verdict_of_an_earlier_day_knows_nothing_later(small, tmp_path):
    code, said = ask("--data", small, "--as-of", "2026-03-20")
    assert code == 0, said
    assert "as of 2026-03-20" in said
    assert "│ transactions │    1 │" in said  # of four, two were booked later and one was learnt in April
    for day, says in (("2026-02-30", "as-of must be latest-data, yesterday, month-end"), ("2999-01-01", "after today")):
        code, said = ask("--data", small, "--as-of", day)
        assert code == 2, said
        assert says in said


def test_a_data_request_says_what_a_table_holds_and_which_questions_wait_for_it():
    listed = pd.DataFrame(
        {
            "notebook": ["03_a", "12_b"],
            "question": ["?", "??"],
            "needs": [["transactions"], ["opportunities"]],
            "uses": [["transactions.cogs"], ["products"]],
            "built": [True, True],
        }
    )
    asked = data_quality.data_request(data_quality.answerable(listed, {"transactions"})).set_index("export")
    assert asked.index.tolist() == ["opportunities", "products", "transactions.cogs"]
    assert asked.loc["opportunities", "at_least"] == "opportunity_id, stage, is_closed"
    assert "account_id" in asked.loc["opportunities", "better_with"]
    assert "known_at" not in asked.loc["opportunities", "better_with"]
    assert asked["for_lack_of_it"].tolist() == ["12_b", "", ""]
    assert asked["fuller_with_it"].tolist() == ["", "12_b", "03_a"]
    assert asked.loc["transactions.cogs", ["holds", "at_least"]].tolist() == ["cost of goods sold", ""]


def test_the_command_prints_it_and_writes_a_letter(small, tmp_path):
    code, said = ask("--data", small, "--request", tmp_path / "ask.md")
    assert code == 0, said
    for part in ("as of 2026-04-01", "We can judge", "12_pipeline", "opportunity_id", "is_closed"):
        assert part in said
    letter = (tmp_path / "ask.md").read_text()
    assert "## opportunities\n\nOne row per deal" in letter
    assert "- At least: opportunity_id, stage, is_closed" in letter
    assert "- Not answerable without it: 12_pipeline" in letter


def test_failed_checks_are_told_and_stop_with_their_own_code(tmp_path):
    data = put(
        tmp_path / "d", accounts=ACCOUNTS + "acme,[red]Twin,2025-01-01T00:00:00Z,1,\n", transactions=TRANSACTIONS
    )
    code, said = ask("--data", data)
    assert code == 3
    assert "accounts: one row per account_id: broken in 2 of 4 rows" in said
    assert "no report can be made before they are corrected" in said


def test_an_export_that_was_not_imported_is_guessed_at_and_says_so(tmp_path):
    invoices = "Invoice No;Customer No;Customer Name;Invoice Date;Item;Quantity;Amount\n" + "".join(
        f"{i};C{i % 7};Firm {i % 7};2026-0{1 + i % 6}-11;P{i % 4};{i % 3 + 1};{i}.50\n" for i in range(1, 61)
    )
    (tmp_path / "invoices.csv").write_text(invoices)
    code, said = ask("--data", tmp_path)
    assert code == 0, said
    assert "no canonical tables" in said
    assert "transactions" in said
    assert "abm import --describe" in said
    code, said = ask("--data", tmp_path, "--as-of", "yesterday")
    assert code == 2, said
    assert "Import it first" in said


@pytest.mark.parametrize(
    ("data", "says"), [("nowhere", "nowhere is not there"), ("nowhere.yml", "nowhere.yml is not there")]
)
def test_a_place_that_is_not_there_is_refused(data, says, tmp_path):
    code, said = ask("--data", tmp_path / data)
    assert code == 2
    assert says in said


def test_every_table_and_column_a_notebook_asks_for_can_be_requested():
    answers = data_quality.answerable(catalogue.frame(NOTEBOOKS / catalogue.FILE), set())
    asked = data_quality.data_request(answers)
    assert set(asked["export"]) >= {"accounts", "transactions", "transactions.cogs", "targets"}
    assert asked["holds"].str.len().min() > 0
