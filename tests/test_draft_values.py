"""How a draft reads the values of an export: won and lost, days, amounts, totals, and what must not be written down."""

import pytest
import yaml

from abmlib.tables.errors import TableError
from abmlib.tables.importers import drafts, mapped
from tests.conftest import put
from tests.test_drafts import imported, rows

HEAD = "Deal ID,Client,Opportunity Name,Stage,Amount,Opened,Closed,Probability"
LINE = {"Stage": "Won", "Amount": "100", "Opened": "2024-03-19", "Closed": "2025-03-19", "Probability": "0.5"}


def sheet(tmp_path, lines, head=HEAD, below=()):
    """An export of one sheet of deals; of each line only what differs is given."""
    names = HEAD.split(",")
    full = [
        {"Deal ID": f"D{i}", "Client": f"C{i % 3}", "Opportunity Name": f"N{i}"} | LINE | line
        for i, line in enumerate(lines)
    ]
    return put(tmp_path / "e", deals=rows(head, *(",".join(f'"{line[n]}"' for n in names) for line in full), *below))


def mapping(found):
    """The deals' columns, and the facts of the workbook, in a draft."""
    words = yaml.safe_load(found.text)
    return words["tables"]["opportunities"]["columns"], words["workbook"]


STAGES = [{"Stage": s} for s in ("Won", "Lost", "Proposal", "Won", "Lost", "Proposal")]


def test_a_stage_that_appears_next_month_stops_the_import(tmp_path):
    _, tables = imported(sheet(tmp_path, STAGES), tmp_path)
    assert tables["opportunities"]["is_closed"].tolist() == [True, True, False] * 2
    folder = sheet(tmp_path, [*STAGES, {"Stage": "Handed over"}])
    with pytest.raises(TableError, match="line 8 of deals.csv: Handed over"):
        mapped.run(mapped.load_mapping(tmp_path / "draft.yml"), folder, tmp_path / "next", b"sixteen bytes and more")


@pytest.mark.parametrize(("known", "other"), [("gewonnen", "Vertagt"), ("verloren", "Vertagt")])
def test_an_unknown_status_beside_only_won_or_only_lost_must_be_filled_in(tmp_path, known, other):
    folder = sheet(tmp_path, [{"Stage": known}, {"Stage": other}, {"Stage": other}])
    found = drafts.look(folder)
    assert f"nobody told what '{other}' (2 rows) means: won, lost or open?" in found.doubts[0]
    assert mapping(found)[0]["is_won"]["map"][other] == "FILL IN"
    with pytest.raises(TableError, match="FILL IN"):
        imported(folder, tmp_path)


def test_an_unknown_stage_beside_won_and_lost_is_open_with_a_doubt(tmp_path):
    found, tables = imported(sheet(tmp_path, [{"Stage": s} for s in ("Won", "Lost", "Zwischenhalt")]), tmp_path)
    assert tables["opportunities"]["is_closed"].tolist() == [True, True, False]
    assert "'Zwischenhalt' (1 rows) means: won, lost or open? open is taken" in found.doubts[0]


@pytest.mark.parametrize(
    ("won", "lost", "still_open"),
    [("beauftragt", "Absage", "in Verhandlung"), ("Auftrag erhalten", "storniert", "offen"), ("gagné", "perdu", "en cours"),
     ("Ganado", "Perdido", "en curso"), ("Fechado - ganho", "Recusado", "em andamento"), ("Zuschlag", "No decision", "Quote")],
)  # fmt: skip
def test_words_of_won_lost_and_open_are_known_in_five_languages(tmp_path, won, lost, still_open):
    found, tables = imported(sheet(tmp_path, [{"Stage": s} for s in (won, lost, still_open)]), tmp_path)
    deals = tables["opportunities"]
    assert deals["is_closed"].tolist() == [True, True, False]
    assert [None if x is None else bool(x) for x in deals["is_won"]] == [True, False, None]
    assert not any("nobody told" in d for d in found.doubts)


def test_the_time_zone_is_written_once(tmp_path):
    folder = sheet(tmp_path, [{"Opened": "2024-03-19 10:00"}] * 3)
    written = [line for line in drafts.look(folder).text.splitlines() if line.strip().startswith("time_zone")]
    assert len(written) == 1


def test_days_with_one_stray_text_are_no_flag_and_stop_the_import(tmp_path):
    folder = sheet(tmp_path, [{"Closed": f"2025-03-{d}"} for d in range(10, 28)] + [{"Closed": "see mail"}])
    found = drafts.look(folder)
    assert mapping(found)[0]["closed_at"] == "Closed"
    assert any("opportunities.closed_at, from Closed: 1 of 19 values do not read as date" in d for d in found.doubts)
    with pytest.raises(TableError, match="see mail"):
        imported(folder, tmp_path)


@pytest.mark.parametrize(
    ("raw", "day"),
    [("45413", "2024-05-01"), ("1714521600", "2024-05-01"), ("1. März 2024", "2024-03-01"), ("3 Sept. 2024", "2024-09-03"),
     ("1 de agosto de 2025", "2025-08-01"), ("9 de dezembro de 2024", "2024-12-09"), ("14 juillet 2024", "2024-07-14"),
     ("14 août 2024", "2024-08-14")],
)  # fmt: skip
def test_days_of_excel_of_unix_and_with_months_in_words_are_read(tmp_path, raw, day):
    _, tables = imported(sheet(tmp_path, [{"Opened": raw, "Closed": raw}] * 3), tmp_path)
    deals = tables["opportunities"]
    assert deals["created_at"].dt.strftime("%F").tolist() == [day] * 3
    assert deals["closed_at"].dt.strftime("%F").tolist() == [day] * 3


def test_a_month_in_words_that_is_unknown_next_month_stops_the_import(tmp_path):
    folder = sheet(tmp_path, [{"Opened": f"{d}. März 2024"} for d in range(1, 31)] + [{"Opened": "1. Foo 2024"}])
    with pytest.raises(TableError, match="2024-0-1"):
        imported(folder, tmp_path)


def test_days_that_no_form_reads_are_a_doubt(tmp_path):
    found = drafts.look(sheet(tmp_path, [{"Opened": "summer"}, {"Opened": "fall"}]))
    assert any("opportunities.created_at, from Opened: its 2 values are no days" in d for d in found.doubts)


@pytest.mark.parametrize(
    ("amount", "head", "currency"),
    [("€100", "Amount", "EUR"), ("CHF 100", "Amount", "CHF"), ("£100", "Amount", "GBP"), ("R$ 100", "Amount", "BRL"),
     ("$100", "Amount", "USD"), ("100", "Amount (EUR)", "EUR"), ("100", "Value ($)", "USD")],
)  # fmt: skip
def test_the_currency_beside_amounts_or_in_their_name_goes_to_the_workbook(tmp_path, amount, head, currency):
    found, tables = imported(sheet(tmp_path, [{"Amount": amount}] * 3, HEAD.replace("Amount", head)), tmp_path)
    assert mapping(found)[1]["currency"] == currency
    assert any("only the sign $" in d for d in found.doubts) == (currency == "USD")
    assert not any("does not name it" in d for d in found.doubts)
    assert tables["opportunities"]["amount"].tolist() == [100.0] * 3


def test_amounts_in_two_currencies_are_the_first_doubt(tmp_path):
    found = drafts.look(sheet(tmp_path, [{"Amount": "$100"}, {"Amount": "€90"}]))
    assert found.doubts[0] == "amounts are in 2 currencies (EUR, USD), and a book has one"


def test_money_in_brackets_with_a_sign_is_negative(tmp_path):
    _, tables = imported(sheet(tmp_path, [{"Amount": a} for a in ("($1000)", "$20", "$30")]), tmp_path)
    assert tables["opportunities"]["amount"].tolist() == [-1000.0, 20.0, 30.0]


def test_money_in_brackets_is_negative_in_an_expression_too(tmp_path):
    head = "Invoice No,Customer,Invoice Date,Qty,Unit Price"
    lines = [f'I{i},C{i},2024-03-1{i},2,"{price}"' for i, price in enumerate(("($1,000)", "$20", "$30"))]
    _, tables = imported(put(tmp_path / "e", invoices=rows(head, *lines)), tmp_path)
    assert tables["transactions"]["revenue"].tolist() == [-2000.0, 40.0, 60.0]


def test_probability_of_shares_and_percent_is_a_doubt_and_a_percent_sign_in_its_name_counts(tmp_path):
    mixed = drafts.look(sheet(tmp_path, [{"Probability": p} for p in ("0.5", "50", "90")]))
    assert any("opportunities.probability" in d and "shares or percent" in d for d in mixed.doubts)
    head = HEAD.replace("Probability", "Probability (%)")
    _, tables = imported(sheet(tmp_path, [{"Probability": p} for p in ("0", "1", "1")], head), tmp_path)
    assert tables["opportunities"]["probability"].tolist() == [0.0, 0.01, 0.01]


def test_no_email_address_is_written_as_a_value_or_a_name(tmp_path):
    folder = sheet(
        tmp_path, [*STAGES, {"Stage": "ann@secret.example"}], HEAD.replace("Probability", "bob@secret.example")
    )
    found, _ = imported(folder, tmp_path)
    assert "secret.example" not in found.text + str(found.doubts) + str(found.overview())


@pytest.mark.parametrize(
    "total", ["Total,,,,400,,,", ",Summe:,,,400,,,", ",Grand Total,,,400,,,\n\nConfidential,,,,,,,"]
)
def test_a_total_below_the_deals_is_left_out_and_counted(tmp_path, total):
    found, tables = imported(sheet(tmp_path, [{}] * 4, below=[total]), tmp_path)
    assert tables["opportunities"]["amount"].sum() == 400
    assert any("rows below the table, such as a total: " in d for d in found.doubts)


@pytest.mark.parametrize("name", ["x" * 1_100, "_row"])
def test_a_name_that_no_mapping_can_hold_leaves_out_that_column_alone(tmp_path, name):
    found, tables = imported(sheet(tmp_path, STAGES, HEAD.replace("Probability", name)), tmp_path)
    assert len(tables["opportunities"]) == 6
    assert f"{name}:" not in found.text


def test_a_file_of_one_filled_column_keeps_all_its_rows(tmp_path):
    folder = put(tmp_path / "e", accounts=rows("Account ID,Account Name,Industry", *(f",C{i}," for i in range(5))))
    assert drafts.look(folder).rows == {"accounts.csv": 5}
