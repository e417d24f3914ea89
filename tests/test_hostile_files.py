"""Files made to break their reader, or that one reader takes otherwise than another."""

import re
import zipfile
from pathlib import Path

import pytest

from abmlib.tables.errors import TableError
from abmlib.tables.importers import describe, sheet_reader
from tests.test_formats import DESK, Shop, xlsx

TABLE = [["Id", "Item"], ["1", "Desk"], ["2", "Lamp"]]
DEEP = 100_000


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def changed(path: Path, part: str, old: str, new: str) -> None:
    """Replace a text in one part of a workbook."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    assert old in parts[part]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text.replace(old, new) if name == part else text)


# Spreadsheets


def test_a_sheet_that_needs_more_memory_than_it_may_is_refused_in_one_sentence(shop):
    file = shop.source / "items.xlsx"
    xlsx(file, A=TABLE)
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    changed(file, "xl/worksheets/1.xml", "</sheetData>", f"{far}</sheetData>")
    with pytest.raises(TableError, match=r"^items: items.xlsx could not be read within 2 GB .* 60 s. Save it as CSV"):
        shop.products(file.name)
    assert not shop.to.exists()


def test_a_sheet_that_needs_more_time_than_it_may_is_refused(shop, monkeypatch):
    monkeypatch.setattr(sheet_reader, "SECONDS", 0.001)
    xlsx(shop.source / "items.xlsx", A=TABLE)
    with pytest.raises(TableError, match="could not be read within 2 GB"):
        shop.products("items.xlsx")


def test_a_cell_of_20_mb_is_refused(shop):
    xlsx(shop.source / "items.xlsx", A=[*TABLE, ["3", "x" * 20_000_000]])
    with pytest.raises(TableError, match="1 of 3 rows of items.xlsx are longer than 16,000,000 bytes"):
        shop.products("items.xlsx")


def test_of_several_sheets_the_first_that_is_not_hidden_is_read_and_the_ledger_names_the_hidden_ones(shop):
    file = shop.source / "items.xlsx"
    xlsx(file, Old=[["Id", "Item"], ["9", "Gone"]], Now=TABLE)
    changed(file, "xl/workbook.xml", 'name="Old"', 'name="Old" state="hidden"')
    assert shop.products(file.name) == DESK
    assert "file items.xlsx, sheet Now, hidden and not read: Old" in set(shop.found["why"])
    assert shop.products(file.name, sheet="Old") == [("9", "Gone")]
    assert "items.xlsx: its sheet 'Old' is hidden" in describe.look(shop.source).doubts


# JSON


@pytest.mark.parametrize(
    ("deep", "says"),
    [
        ('{"a":' * DEEP + "1" + "}" * DEEP, r"1 of 2 lines .* nested deeper than 100 levels \(first: \['line 2'\]\)"),
        (f'{{"a":{"[" * DEEP}{"]" * DEEP}}}', "nested deeper than 100 levels"),
        (f'{{"x":"{"x" * 17_000_000}","a":{"[" * DEEP}{"]" * DEEP}}}', "line 2 .* longer than 16,000,000 bytes"),
    ],
    ids=["objects", "lists", "behind a long text"],
)
def test_json_nested_deeply_is_refused_and_does_not_end_the_process(deep, says, shop):
    with pytest.raises(TableError, match=says):
        shop.holds(f'{{"Id":"1","Item":"Desk"}}\n{deep}\n', "items.jsonl").products("items.jsonl")


def test_brackets_in_a_text_are_not_nested(shop):
    text = "{[" * 200
    assert shop.holds(rf'{{"Id":"1","Item":"\\\"{text}"}}', "items.jsonl").products("items.jsonl") == [
        ("1", rf"\"{text}")
    ]


# Text


@pytest.mark.parametrize("file", ["items.csv", "items.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("title", ["", "Our items"])
@pytest.mark.parametrize("last", ["2,Lamp", '2,"Lamp"', '"2",Lamp'])
def test_a_last_row_without_a_line_end_is_a_row(file, end, title, last, shop):
    lines = [*([title] if title else []), "Id,Item", "1,Desk", last]
    assert shop.holds(end.join(lines), file).products(file, header_row=1 + bool(title)) == DESK


def test_a_last_line_of_json_without_a_line_end_is_a_row(shop):
    lines = '{"Id":"1","Item":"Desk"}\n{"Id":"2","Item":"Lamp"}'
    assert shop.holds(lines, "items.jsonl.gz").products("items.jsonl.gz") == DESK


def test_a_file_of_5000_columns_is_read(shop):
    wide = "".join(f",x{n}" for n in range(5_000))
    assert shop.holds(f"Id,Item{wide}\n1,Desk{wide}\n2,Lamp{wide}").products() == DESK


@pytest.mark.parametrize("file", ["items.csv", "items.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("above", [0, 2])
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["1"], r"'line 2 has 1'\]"),
        (["1,Desk", "2", "3,x,y"], r"'line 3 has 1', 'line 4 has 3'\]"),
        (['1,"De', "", 'sk"', "", "2", '3,"x"y'], r"'line 6 has 1', 'line 7'\]"),
    ],
    ids=["the first row", "short and long", "behind line breaks in quotes and blank lines"],
)
def test_a_broken_row_is_named_by_its_line_in_the_file(file, end, above, rows, says, shop):
    lines = [*["Our items"] * above, "Id,Item", *rows]
    moved = re.sub(r"line (\d)", lambda n: f"line {int(n[1]) + above}", says)
    with pytest.raises(TableError, match=moved):
        shop.holds(end.join([*lines, ""]), file).products(file, header_row=1 + above)
