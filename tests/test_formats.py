"""Files as people's programs write them; and every example of the mappings' README, imported as it is shown there."""

import csv
import datetime as dt
import gzip
import io
import json
import re
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from abmlib.tables.errors import TableError
from abmlib.tables.importers import mapped, mapping_file, text_files
from abmlib.tables.secret import digest
from tests.conftest import ROOT

README = ROOT / "data" / "mappings" / "README.md"
KEY = b"0123456789abcdef"
NAMED = {"product_id": "Id", "name": "Item"}


# Files that tests write


def xlsx(path: Path, **sheets: list) -> None:
    """Write sheets of rows as a workbook: texts, numbers, booleans, days and times, None for an empty cell."""
    main, office = "http://schemas.openxmlformats.org", "officeDocument/2006/relationships"
    head = f'xmlns="{main}/spreadsheetml/2006/main" xmlns:r="{main}/{office}"'
    relation = f'<Relationship Id="{{}}" Type="{main}/{office}/{{}}" Target="{{}}"/>'
    relations = f'<Relationships xmlns="{main}/package/2006/relationships">{{}}</Relationships>'
    numbers = range(1, len(sheets) + 1)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("_rels/.rels", relations.format(relation.format("r", "officeDocument", "xl/workbook.xml")))
        named = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="r{i}"/>' for i, n in enumerate(sheets, 1))
        file.writestr("xl/workbook.xml", f"<workbook {head}><sheets>{named}</sheets></workbook>")
        inside = [relation.format(f"r{i}", "worksheet", f"worksheets/{i}.xml") for i in numbers]
        inside.append(relation.format("s", "styles", "styles.xml"))
        file.writestr("xl/_rels/workbook.xml.rels", relations.format("".join(inside)))
        styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
        file.writestr("xl/styles.xml", f"<styleSheet {head}>{styles}</styleSheet>")
        for i, rows in enumerate(sheets.values(), 1):
            cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
            file.writestr(f"xl/worksheets/{i}.xml", f"<worksheet {head}><sheetData>{cells}</sheetData></worksheet>")


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.datetime):
        return f'<c s="1"><v>{(value - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1)!r}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def ods(path: Path, rows: list[list[str]]) -> None:
    """Write one sheet of texts as a sheet of LibreOffice."""
    spaces = 'xmlns:{0}="urn:oasis:names:tc:opendocument:xmlns:{0}:1.0"'
    names = " ".join(spaces.format(n) for n in ("office", "table", "text"))
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in rows)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        sheet = f'<office:spreadsheet><table:table table:name="A">{body}</table:table></office:spreadsheet>'
        file.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body>{sheet}</office:body></office:document-content>",
        )


class Shop:
    """A folder with files, and the products that a mapping makes of them."""

    def __init__(self, folder: Path) -> None:
        self.source, self.to, self.folder = folder / "source", folder / "book", folder
        self.source.mkdir()

    def holds(self, content: str | bytes, name: str = "items.csv") -> "Shop":
        data = content.encode() if isinstance(content, str) else content
        (self.source / name).write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
        return self

    def run(self, whole: dict, key: bytes | None = None) -> pd.DataFrame:
        return self.run_text(yaml.safe_dump(whole, sort_keys=False), key)

    def run_text(self, mapping: str, key: bytes | None = None) -> pd.DataFrame:
        path = self.folder / "mapping.yml"
        path.write_text(f"version: 1\ntitle: test\n{mapping}", "utf-8")
        return mapped.run(mapped.load_mapping(path), self.source, self.to, key)

    def products(self, file: str = "items.csv", columns: dict | None = None, **words: object) -> list[tuple]:
        """Import one source and give its products as rows."""
        columns = NAMED if columns is None else columns
        table = {"products": {"from": "items", "columns": columns}}
        self.found = self.run({"sources": {"items": {"file": file} | words}, "tables": table})
        return list(pd.read_parquet(self.to / "products.parquet").itertuples(index=False, name=None))

    def contacts(self, key: bytes | None = KEY, source: dict | None = None, **columns: object) -> pd.DataFrame:
        """Import one source of people and give the contacts."""
        always = {"contact_id": "Id", "created_at": {"value": "2026-01-01T00:00:00Z"}}
        table = {"contacts": {"from": "people", "columns": always | columns}}
        self.found = self.run({"sources": {"people": {"file": "people.csv"} | (source or {})}, "tables": table}, key)
        return pd.read_parquet(self.to / "contacts.parquet")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


DESK = [("1", "Desk"), ("2", "Lamp")]


# The README


def examples() -> list:
    """Sections of the README that hold a mapping: their blocks, as (label, text)."""
    found = []
    for section in README.read_text("utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        blocks = re.findall(r"(?:([^\n]+)\n\n)?```(\w+)\n(.*?)```", body, re.S)
        if blocks:
            found.append(pytest.param(blocks, id=title))
    return found


def as_csv(path: Path) -> str:
    """Write a table as the README does."""
    table = pd.read_parquet(path, dtype_backend="numpy_nullable")
    for c in table.select_dtypes(["datetimetz", "datetime"]):
        table[c] = table[c].dt.strftime("%Y-%m-%dT%H:%M:%SZ" if table[c].dt.tz else "%Y-%m-%d")
    for c in table:
        if table[c].dtype == object:
            table[c] = table[c].map(lambda v: v.isoformat() if isinstance(v, dt.date) else v)
    return table.to_csv(index=False, lineterminator="\n")


def write_shown(shop: Shop, label: str, content: str) -> None:
    """Write a file as the line above its rows says it is."""
    name, encoding, sheet = re.match(r"`([^`]+)`(?: in ([\w-]+))?(?:, sheet (\w+))?$", label).groups()
    if sheet:
        rows = [
            [float(c) if re.fullmatch(r"[\d.]+", c) else c or None for c in r] for r in csv.reader(io.StringIO(content))
        ]
        xlsx(shop.source / name, First=[["nothing"]], **{sheet: rows})
    else:
        shop.holds(content.encode(encoding or "utf-8"), name)


@pytest.mark.parametrize("blocks", examples())
def test_an_example_of_the_readme_imports_to_what_it_shows(shop, blocks):
    before = [kind for _, kind, _ in blocks].index("yaml")
    for label, _, content in blocks[:before]:
        write_shown(shop, label, content)
    key = re.search(r"the key `(\w+)`", "".join(label for label, _, _ in blocks))
    shop.run_text(blocks[before][2], key and key[1].encode())
    assert blocks[before + 1 :]
    for label, _, shown in blocks[before + 1 :]:
        name = re.search(r"`(\w+)`$", label)[1]
        got = (shop.to / "ledger.csv").read_text("utf-8") if name == "ledger" else as_csv(shop.to / f"{name}.parquet")
        assert got == shown


def test_the_readme_shows_every_word_of_a_mapping():
    shown = README.read_text("utf-8")
    for part in (mapping_file.Source, mapping_file.Column, mapping_file.Table, mapping_file.Keep, mapping_file.Join):
        words = [field.alias or name for name, field in part.model_fields.items() if not field.exclude]
        assert [word for word in words if not re.search(rf"\b{word}\b", shown)] == [], part.__name__


def test_the_readme_names_every_mapping_and_each_loads():
    named = set(re.findall(r"^\| `(\w+\.yml)`", README.read_text("utf-8"), re.M))
    assert named == {p.name for p in README.parent.glob("*.yml")}
    for name in named:
        assert mapped.load_mapping(README.parent / name).title


def test_the_reference_names_every_word():
    from abmlib.tables.importers import mapping_file as m

    for words in (m.Mapping, m.Source, m.Join, m.Keep, m.Table, m.Column):
        for name, field in words.model_fields.items():
            if not field.exclude:
                assert re.search(rf"\b{field.alias or name}\b", m.__doc__), name


# Kinds of files


@pytest.mark.parametrize("name", ["items.csv.gz", "items.tsv.gz", "items.txt.gz", "items.CSV.GZ"])
def test_compressed_text_is_read_like_text(shop, name):
    sign = "," if "csv" in name.lower() else "\t"
    shop.holds(f"Id{sign}Item\n1{sign}Desk\n2{sign}Lamp\n", name)
    assert shop.products(name) == DESK


def test_half_a_compressed_file_is_refused(shop):
    shop.holds("Id,Item\n1,Desk\n" * 500, "items.csv.gz")
    whole = (shop.source / "items.csv.gz").read_bytes()
    (shop.source / "items.csv.gz").write_bytes(whole[:-9])
    with pytest.raises(TableError, match=r"items: items.csv.gz is no whole gzip file: .*Copy it again"):
        shop.products("items.csv.gz")


@pytest.mark.parametrize(("start", "what"), [(b"PK\x03\x04", "a zip or Excel file"), (b"\x1f\x8b", "a gzip file")])
def test_a_file_of_another_kind_than_its_name_says_is_named(shop, start, what):
    with pytest.raises(TableError, match=rf"items: items.csv is {what} by its first bytes. Give it the ending"):
        shop.holds(start + b"xyz").products()


def test_cells_of_excel_go_on_as_text_that_reads_back(shop):
    day, time = dt.datetime(2026, 6, 30), dt.datetime(2026, 6, 30, 13, 45, 1)
    values = [7, 2.5, 0.1 + 0.2, True, day, time, "007", ' "a"\nb,', 2**53]
    xlsx(shop.source / "items.xlsx", A=[["Id", "Item"], *([n, v] for n, v in enumerate(values, 1))])
    got = shop.products("items.xlsx")
    assert [id for id, _ in got] == [str(n) for n in range(1, 10)]
    assert [name for _, name in got] == [
        "7", "2.5", "0.30000000000000004", "true", "2026-06-30", "2026-06-30T13:45:01", "007", '"a"\nb,', str(2**53),
    ]  # fmt: skip


def test_the_first_sheet_is_read_and_empty_rows_after_the_last_are_nothing(shop):
    rows = [["Id", "Item"], [1, "Desk"], [2, "Lamp"], [None, None], [None, " "]]
    xlsx(shop.source / "items.xlsx", One=rows[:-1], Two=[["Id"]])
    assert shop.products("items.xlsx") == DESK
    assert shop.found["why"].iloc[0] == "file items.xlsx, sheet One"


def test_a_sheet_of_libreoffice_is_read(shop):
    ods(shop.source / "items.ods", [["Id", "Item"], ["1", "Desk"], ["2", "Lamp"]])
    assert shop.products("items.ods") == DESK


def test_a_sheet_that_is_not_there_is_refused_with_those_there_are(shop):
    xlsx(shop.source / "items.xlsx", One=[["Id", "Item"]], Two=[["Id"]])
    with pytest.raises(TableError, match=r"items.xlsx has no sheet 'Three'; it has \['One', 'Two'\]. Correct sheet"):
        shop.products("items.xlsx", sheet="Three")


@pytest.mark.parametrize("name", ["items.xlsx", "items.xls", "items.xlsb", "items.ods"])
def test_what_is_no_excel_file_is_refused(shop, name):
    with pytest.raises(
        TableError, match=rf"items: {name} is no Excel file that can be read: .* Save it again as .xlsx"
    ):
        shop.holds("<html><table>", name).products(name)


def test_an_empty_sheet_is_refused(shop):
    xlsx(shop.source / "items.xlsx", One=[])
    with pytest.raises(TableError, match=r"items.xlsx is empty or starts with an empty line. .* say header_row"):
        shop.products("items.xlsx")


def test_what_is_no_parquet_file_is_refused(shop):
    with pytest.raises(
        TableError, match=r"items: items.parquet is no Parquet file that can be read: .*Save it"
    ) as wrong:
        shop.holds("Id,Item\n", "items.parquet").products("items.parquet")
    assert str(shop.folder) not in str(wrong.value)


def test_values_of_json_come_as_text_whatever_they_are(shop):
    rows = [
        {"Id": 1, "Item": 3.0},
        {"Id": "2", "Item": True},
        {"Id": 12345678901234567890, "Item": "a\nb"},
        {"Item": {"a": 1}, "Id": 4},
        {"Id": 5, "Item": "3.0"},
    ]
    shop.holds("".join(json.dumps(r) + "\n\n" for r in rows), "items.ndjson")
    got = shop.products("items.ndjson")
    assert [id for id, _ in got] == ["1", "2", "12345678901234567890", "4", "5"]
    assert [name for _, name in got] == ["3.0", "true", "a\nb", '{"a":1}', "3.0"]  # of mixed kinds: as written


def test_an_empty_object_or_none_hides_nothing_of_the_others(shop):
    rows = [
        '{"Id": 1, "a": {"b": "Desk"}}',
        '{"Id": 2, "a": {}}',
        '{"Id": 3, "a": null}',
        "{}",
        '{"Id": 5, "a": {"b": []}}',
    ]
    shop.holds("\n".join(rows[:3] + rows[4:]), "items.jsonl")
    got = shop.products("items.jsonl", {"product_id": "Id", "name": "Id", "lifecycle": "a.b"})
    assert [str(r[2]) for r in got] == ["Desk", "nan", "nan", "[]"]  # of mixed kinds: as written
    with pytest.raises(TableError, match=r"product_id: 1 of 2 values missing \(first: \['row 2'\]"):
        shop.holds("\n".join([rows[0], rows[3]]), "items.jsonl").products(
            "items.jsonl", {"product_id": "Id", "name": "a.b"}
        )


def test_numbers_of_json_are_written_without_empty_decimals(shop):
    shop.holds('{"Id": 13085.0, "Item": 2.50}\n{"Id": 2, "Item": 1e3}\n', "items.jsonl")
    assert shop.products("items.jsonl") == [("13085", "2.5"), ("2", "1000")]


def test_names_of_json_may_hold_any_sign(shop):
    shop.holds(json.dumps({"a/b~c": {'"': {"d.e": "Desk"}}, "i'd": [1, None, "x"]}) + "\n", "items.jsonl.gz")
    columns = {"product_id": "i'd", "name": 'a/b~c.".d.e'}
    assert shop.products("items.jsonl.gz", columns) == [("1;x", "Desk")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"Id": 1}\n{"Id":\n[1]\n7\n', r"3 of 4 rows of items.jsonl are no JSON object \(first: \['row 2', 'row 3', 'row 4'\]"),
        ('[{"Id": 1}]', "1 of 1 rows of items.jsonl are no JSON object .*Write one object on each line, without a list"),
        ("", r"needs column 'Id'; items.jsonl has \[\]. Correct the name"),
    ],
)  # fmt: skip
def test_what_is_no_json_lines_is_refused_by_row(shop, text, says):
    with pytest.raises(TableError, match=says):
        shop.holds(text, "items.jsonl").products("items.jsonl")


def test_an_object_beyond_the_longest_is_refused(shop, monkeypatch):
    monkeypatch.setattr(text_files, "LONGEST_LINE", 100)
    shop.holds(json.dumps({"Id": "x" * 40_000_000, "Item": "Desk"}), "items.jsonl")
    with pytest.raises(TableError, match=r"items: line 1 of items.jsonl is longer than 100 bytes") as wrong:
        shop.products("items.jsonl")
    assert "xxx" not in str(wrong.value)


def test_a_line_beyond_the_longest_is_refused(shop, monkeypatch):
    monkeypatch.setattr(text_files, "LONGEST_LINE", 1_000_000)
    shop.holds(f"Id,Item\n1,Desk\n2,{'x' * 5_000_000}\n")
    with pytest.raises(TableError, match=r"items: .*items.csv .*(longer|rows)") as wrong:
        shop.products()
    assert "xxx" not in str(wrong.value)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_of_a_file_is_believed(shop, encoding):
    text = "Id\tItem\n1\tDésk\n"
    assert shop.holds(text.encode(encoding), "items.txt").products("items.txt") == [("1", "Désk")]
    assert shop.products("items.txt", encoding=encoding.removesuffix("-sig")) == [("1", "Désk")]


def test_a_mark_that_contradicts_the_encoding_is_named(shop):
    says = "items: items.csv starts with the mark of utf-16, and the mapping says cp1252. Say encoding: utf-16"
    with pytest.raises(TableError, match=says):
        shop.holds("Id,Item\n".encode("utf-16")).products(encoding="cp1252")


def test_bytes_that_are_no_utf_8_are_named_by_line(shop):
    says = "items: items.csv is not utf-8: line 3 has bytes that are no text in it. Say .* such as encoding: cp1252"
    with pytest.raises(TableError, match=says):
        shop.holds("Id,Item\n1,Desk\n2,Tür\n".encode("cp1252")).products()


def test_bytes_far_down_are_named_by_line_too(shop, monkeypatch):
    monkeypatch.setattr(text_files, "PIECE", 7)  # characters lie across pieces
    shop.holds("Id,Item\n1,Dësk\n2,Tür\n".encode() + b"3,\xff\n")
    with pytest.raises(TableError, match="is not utf-8: line 4 has"):
        shop.products()
    assert shop.holds("Id,Item\n1,Dësk\n2,Tür\n").products() == [("1", "Dësk"), ("2", "Tür")]


def test_half_a_character_at_the_end_is_refused(shop):
    with pytest.raises(TableError, match="is not utf-16-le: line 2 has bytes .*encoding: utf-8"):
        shop.holds("Id,Item\n1,D".encode("utf-16-le")[:-1]).products(encoding="utf-16-le")


@pytest.mark.parametrize("content", [b"Id,Item\n1,D\0\n", b"\0Id,Item\n"])
def test_nul_bytes_are_refused_once(shop, content):
    with pytest.raises(
        TableError, match=r"items: items.csv has NUL bytes, first in line [12]: .*Say encoding: utf-16-le"
    ):
        shop.holds(content).products()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("named", [True, False])
def test_utf_16_without_a_mark_is_recognised_or_read_as_named(shop, encoding, named):
    words = {"encoding": encoding} if named else {}
    assert shop.holds("Id,Item\n1,Dé\n".encode(encoding)).products(**words) == [("1", "Dé")]


def test_a_column_that_is_called_as_the_number_of_a_row_has_another_name_here(shop):
    shop.holds("_row,Item\n7,Desk\n")
    assert shop.products(columns=NAMED | {"product_id": {"key": ["_row"]}}) == [("1", "Desk")]
    assert shop.products(columns=NAMED | {"product_id": "_row of the file"}) == [("7", "Desk")]
    assert "its column _row is called '_row of the file' here" in (shop.to / "ledger.csv").read_text()


def test_lines_above_the_header_are_passed_over_whatever_they_hold(shop):
    assert shop.holds('Report "x\n\nId,Item\n1,Desk\n2,Lamp\n').products(header_row=3) == DESK


# Tables without rows, and several files of one shape


@pytest.mark.parametrize("content", ["Id,Item", "Id,Item\n"])
def test_a_header_alone_is_a_table_without_rows(shop, content):
    assert shop.holds(content).products() == []
    assert shop.found[["rows_in", "why"]].values.tolist() == [[0, "file items.csv"], [0, "products.parquet"]]


def test_files_of_a_pattern_are_recorded_each(shop):
    shop.holds("Id,Item\n1,Desk\n", "a_1.csv").holds("Id,Item\n2,Lamp\n", "a_2.csv")
    shop.holds("x", "b_1.csv").holds("x", "~$a_3.csv").holds("x", ".a_4.csv")
    assert shop.products("a_*.csv") == DESK
    read = yaml.safe_load((shop.to / "workbook.yml").read_text("utf-8"))["source"]["files"]
    assert [(f["name"], f["rows"], len(f["sha256"])) for f in read] == [("a_1.csv", 1, 64), ("a_2.csv", 1, 64)]


def test_of_very_many_files_the_first_are_recorded_and_the_others_counted(shop, monkeypatch):
    monkeypatch.setattr(mapped, "MOST_FILES", 1)
    shop.holds("Id,Item\n1,Desk\n", "a_1.csv").holds("Id,Item\n2,Lamp\n", "a_2.csv")
    assert shop.products("a_*.csv") == DESK
    source = yaml.safe_load((shop.to / "workbook.yml").read_text("utf-8"))["source"]
    assert ([f["name"] for f in source["files"]], source["files_more"]) == (["a_1.csv"], 1)


def test_files_of_a_pattern_may_lie_in_folders(shop):
    for year, row in (("2026", "2,Lamp"), ("2025", "1,Desk")):
        (shop.source / year).mkdir()
        shop.holds(f"Id,Item\n{row}\n", f"{year}/items.csv")
    assert shop.products("*/items.csv") == DESK


def test_a_name_with_signs_of_a_pattern_is_a_name_if_there_is_such_a_file(shop):
    shop.holds("Id,Item\n1,Desk\n2,Lamp\n", "items[1].csv").holds("x", "items1.csv")
    assert shop.products("items[1].csv") == DESK


def test_a_file_of_a_pattern_that_lacks_a_column_is_named(shop):
    shop.holds("Id,Item\n", "a_1.csv").holds("Id,Name\n", "a_2.csv").holds("x\n", "a_3.csv")
    says = (
        r"items: 2 of 3 files lack columns .* \(first: \['a_2.csv lacks Item', 'a_3.csv lacks Id, Item'\]\). Files of"
    )
    with pytest.raises(TableError, match=says):
        shop.products("a_*.csv")


def test_a_file_of_json_may_lack_what_another_has(shop):
    shop.holds('{"Id": 1}\n', "a_1.jsonl").holds('{"Id": 2, "Item": "Lamp"}\n', "a_2.jsonl").holds("", "a_3.jsonl")
    columns = NAMED | {"name": "Id", "lifecycle": "Item"}
    assert [str(r[2]) for r in shop.products("a_*.jsonl", columns)] == ["nan", "Lamp"]


def test_a_column_of_different_types_is_read_without_losing_any(shop):
    pq.write_table(pa.table({"Id": [1], "Item": ["Desk"], "Price": [2]}), shop.source / "a_1.parquet")
    pq.write_table(pa.table({"Id": [2.0], "Item": ["Lamp"], "Price": [2.75]}), shop.source / "a_2.parquet")
    got = shop.products("a_*.parquet", NAMED | {"list_price": "Price"})  # 2.75 put into a whole column would be 3
    assert got == [("1", "Desk", 2.0), ("2", "Lamp", 2.75)]


def test_a_pattern_that_fits_nothing_is_refused(shop):
    with pytest.raises(TableError, match=r"items: no file fits 'a_\*.csv'; the folder has \['b.csv'\]. Add it"):
        shop.holds("x", "b.csv").products("a_*.csv")


@pytest.mark.parametrize("file", ["../*.csv", "/etc/*.csv", "link_*.csv", "folder/*.csv"])
def test_files_outside_the_folder_are_refused_by_pattern_too(shop, file):
    (shop.folder / "outside").mkdir()
    (shop.folder / "outside" / "x.csv").write_text("Id,Item\n1,Desk\n", "utf-8")
    (shop.source / "link_1.csv").symlink_to(shop.folder / "outside" / "x.csv")
    (shop.source / "folder").symlink_to(shop.folder / "outside")
    with pytest.raises(ValueError, match=r"items: '.*' is outside the source folder. Copy it into the folder"):
        shop.products(file)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"file": "a.json"}, "'a.json' is no kind of file that is read. Save it as CSV, Excel, Parquet or JSON lines"),
        ({"file": "a.xlsx.gz"}, "'a.xlsx.gz' is no kind of file"),
        ({"file": "a.parquet", "encoding": "utf-8"}, "encoding has no meaning for a.parquet; it is for"),
        ({"file": "a.jsonl", "delimiter": ";"}, "delimiter has no meaning for a.jsonl; it is for"),
        ({"header_row": 0}, "header_row must be at least 1, got 0"),
        ({"encoding": "klingon"}, "encoding 'klingon' is not known"),
    ],
)
def test_words_that_do_not_fit_the_kind_of_file_are_refused(shop, words, says):
    with pytest.raises(ValueError, match=says):
        shop.products(**({"file": "items.csv"} | words))


# Joins through joins


def test_a_row_is_looked_up_by_what_an_earlier_look_up_found(shop):
    shop.holds("Id,Item,Group\n1,Desk,g\n2,Lamp,h\n3,Rug,\n")
    shop.holds("Group,Line\ng,f\nh,x\n", "groups.csv").holds("Line,Title\nf,furniture\n", "lines.csv")
    join = {"groups": {"by": "Group", "budget": 0.0}, "lines": {"by": {"groups.Line": "Line"}, "budget": 0.5}}
    sources = {
        "items": {"file": "items.csv", "join": join},
        "groups": {"file": "groups.csv"},
        "lines": {"file": "lines.csv"},
    }
    columns = NAMED | {"lifecycle": "lines.Title", "product_line": "groups.Line"}
    found = shop.run({"sources": sources, "tables": {"products": {"from": "items", "columns": columns}}})
    got = pd.read_parquet(shop.to / "products.parquet")
    assert got["lifecycle"].fillna("-").tolist() == ["furniture", "-", "-"]
    assert found.loc[found["step"] == "join", "why"].tolist()[-2:] == [
        "no match in lines: 1 of 2 rows with groups.Line (first: ['x'])",
        "nothing to look up in lines: 1 of 3 rows without groups.Line",
    ]
    items = {"file": "items.csv", "join": dict(reversed(join.items()))}
    with pytest.raises(
        ValueError, match=r"items.join.lines: \['groups.Line'\] are not found before it. Put it further down"
    ):
        shop.run({"sources": sources | {"items": items}, "tables": {"products": {"from": "items", "columns": columns}}})


# Hashes


HASHED = {"email_hash": {"column": "Mail", "hash": True}}
PEOPLE = "Id,Mail,Name\n1,ann@example.com,Ann\n2, Ann@Example.COM ,Ann\n3,,Bo\n"


def left_behind(folder: Path) -> bytes:
    """Everything in the folder but what the test put into the source."""
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file() and "source" not in p.parts)


def test_a_person_keeps_one_hash_and_no_file_keeps_the_mail(shop):
    got = shop.holds(PEOPLE, "people.csv").contacts(**HASHED)
    assert got["email_hash"].tolist()[:2] == [digest("ann@example.com", KEY)] * 2
    assert pd.isna(got["email_hash"][2])
    assert b"xample" not in left_behind(shop.folder)
    assert KEY not in left_behind(shop.folder)


def test_a_key_of_hashed_columns_is_hashed_too(shop):
    shop.holds(PEOPLE, "people.csv")
    got = shop.contacts(contact_id={"key": ["Mail", "Id"], "hash": True}, source={"keep": [
        {"where": "Mail is not null", "why": "nobody", "budget": 0.5}]})  # fmt: skip
    assert got["contact_id"].tolist() == [
        digest(f"{m}-{n}", KEY) for n, m in ((1, "ann@example.com"), (2, "ann@example.com"))
    ]


@pytest.mark.parametrize(
    ("key", "says"), [(None, "contacts.email_hash: hash needs a key; none"), (b"short", "has 5 bytes")]
)
def test_a_hash_without_a_good_key_is_refused(shop, key, says):
    with pytest.raises(ValueError, match=says):
        shop.holds(PEOPLE, "people.csv").contacts(key, **HASHED)
    assert not shop.to.exists()


def test_email_hash_takes_hashes_that_are_there_and_no_mail(shop):
    hashes = [c * n for c, n in (("a", 64), ("0", 40), ("f", 32))]
    shop.holds("Id,Mail\n" + "".join(f"{n},{h}\n" for n, h in enumerate(hashes)), "people.csv")
    assert shop.contacts(None, email_hash="Mail")["email_hash"].tolist() == hashes
    says = r"contacts: email_hash: 2 of 3 values are no hashes \(first: \['line 2 of people.csv', 'line 3 of people.csv'\]\). Say hash: true"
    with pytest.raises(TableError, match=says) as wrong:
        shop.holds(PEOPLE, "people.csv").contacts(None, email_hash="Mail")
    assert "xample" not in str(wrong.value).lower()


@pytest.mark.parametrize(
    ("column", "words", "says"),
    [
        ("employees", {"column": "Mail", "hash": True}, "hash has no meaning for int"),
        ("name", {"value": "x", "hash": True}, r"\['hash'\] cannot be added to \['value'\]"),
    ],
)
def test_a_hash_that_makes_no_sense_is_refused(shop, column, words, says):
    table = {
        "accounts": {
            "from": "people",
            "columns": {"account_id": "Id", "name": "Name", "created_at": "Id", column: words},
        }
    }
    with pytest.raises(ValueError, match=says):
        shop.run({"sources": {"people": {"file": "people.csv"}}, "tables": table}, KEY)


@pytest.mark.parametrize(
    ("source", "columns", "says"),
    [
        ({}, {"contact_id": "mail"}, r"contact_id: 1 of 3 values missing \(first: \['line 4 of people.csv'\]\)"),
        ({"derive": {"low": "replace(lower(trim(Mail)), '@', ' at ')"}}, {"contact_id": {"sql": "coalesce(low, 'x')"}},
         r"2 of 3 rows share a key \['contact_id'\] \(first: \['row 1'\]\)"),
        ({}, {"created_at": "Mail"}, r"created_at: 2 of 3 values do not read as a time \(first: \['line 2 of .*', 'line 3 of .*'\]\)"),
        ({"derive": {"part": "split_part(Mail, '@', 1)"}}, {"buying_role": "part"}, r"none of .*\(first: \['line 2 of .*', 'line 3 of .*'\]"),
        ({"derive": {"n": "Mail::int"}}, {"title": "n"}, "Could not convert string '…'"),
        ({}, {"match_score": {"sql": "Mail::double"}}, "Could not convert string '…'"),
        ({}, {"valid_to": {"sql": "Mail::timestamptz"}}, "invalid timestamp field format: '…'"),
        ({"derive": {"n": "Mail::int"}}, {"email_hash": {"column": "n", "hash": True}}, "Could not convert string '…'"),
    ],
)  # fmt: skip
def test_no_error_shows_what_is_hashed(shop, source, columns, says):
    shop.holds(PEOPLE, "people.csv")
    with pytest.raises(TableError, match=says) as wrong:
        shop.contacts(source={"time_zone": "UTC"} | source, **(HASHED | columns))
    assert "ann" not in str(wrong.value).lower()
    assert "ann" not in str(wrong.value.__cause__).lower()
    assert b"xample" not in left_behind(shop.folder).lower()


def test_a_broken_line_is_not_shown(shop):
    with pytest.raises(TableError, match="2 of 3 rows of people.csv do not have its 2 columns") as wrong:
        shop.holds("Id,Mail\n1,a@x.org\n2,b@x.org,b\n3\n", "people.csv").contacts(**HASHED)
    assert "x.org" not in str(wrong.value) + str(wrong.value.__cause__)


def test_what_is_hashed_is_counted_by_row_where_it_is_corrected_or_looked_up(shop):
    shop.holds(PEOPLE, "people.csv").holds("Mail,Role\nann@example.org,buyer\n", "roles.csv")
    people = {
        "file": "people.csv",
        "correct": {"Mail": {"ann@example.com": "ann@example.org"}},
        "join": {"roles": {"by": "Mail", "budget": 0.5}},
    }
    columns = {"contact_id": "Id", "created_at": {"value": "2026-01-01T00:00:00Z"}, "title": "roles.Role"} | HASHED
    tables = {"contacts": {"from": "people", "columns": columns}}
    whole = {"sources": {"people": people, "roles": {"file": "roles.csv"}}, "tables": tables}
    said = shop.run(whole, KEY)["why"].tolist()
    assert "Mail: 1 values corrected (first: ['row 1'])" in said
    assert "no match in roles: 1 of 2 rows with Mail (first: ['row 2'])" in said
    shop.holds("Mail,Role\nann@example.org,buyer\nann@example.org,user\n", "roles.csv")
    with pytest.raises(TableError, match=r"roles: 2 of 2 rows share a key \['Mail'\] \(first: \['row 1'\]\)"):
        shop.run(whole, KEY)
