"""Files made to break their reader, or that one reader takes otherwise than another."""

import datetime as dt
import re
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from abmlib.tables import Book, checks, programme
from abmlib.tables.errors import TableError
from abmlib.tables.importers import drafts, exports, sheet_reader
from abmlib.tables.source import Source
from tests.conftest import ACCOUNTS, TRANSACTIONS, abm, put
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
    assert "items.xlsx: its sheet 'Old' is hidden" in drafts.look(shop.source).doubts


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


@pytest.mark.parametrize("file", ["items.csv.gz", "items.jsonl.gz"])
def test_a_line_that_does_not_end_is_refused_before_it_is_unpacked_whole(file, shop):
    with pytest.raises(TableError, match=f"line 2 of {file} is longer than 16,000,000 bytes. Look for line ends"):
        shop.holds(b'{"Id":"1"}\n' + b"x" * 40_000_000, file).products(file)
    assert not shop.to.exists()


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


def test_a_table_of_5000_columns_needs_no_more_memory_than_the_engine_may_take(tmp_path):
    head, *rows = TRANSACTIONS.splitlines()
    wide = [head + "".join(f",x{n}" for n in range(5_000)), *(row + ",1" * 5_000 for row in rows)]
    source = Source(put(tmp_path / "data", accounts=ACCOUNTS, transactions="\n".join(wide)), tmp_path)
    assert checks.failure(source.audit()) == ""
    source.close()


def test_a_draft_says_that_it_looks_at_the_first_columns_only(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "MOST", 4)
    doubts = drafts.look(put(tmp_path / "in", accounts=ACCOUNTS)).doubts
    assert "accounts.csv: only the first 4 of its 5 columns are looked at" in doubts


@pytest.mark.parametrize("file", ["items.csv", "items.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("above", [0, 2])
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["1"], r"'line 2 has 1 of 2 values'\]"),
        (["1,Desk", "2", "3,x,y"], r"'line 3 has 1 of 2 values', 'line 4 has 3 of 2 values'\]"),
        (['1,"De', "", 'sk"', "", "2", '3,"x"y'], r"'line 6 has 1 of 2 values', 'line 7'\]"),
    ],
    ids=["the first row", "short and long", "behind line breaks in quotes and blank lines"],
)
def test_a_broken_row_is_named_by_its_line_in_the_file(file, end, above, rows, says, shop):
    lines = [*["Our items"] * above, "Id,Item", *rows]
    moved = re.sub(r"line (\d)", lambda n: f"line {int(n[1]) + above}", says)
    with pytest.raises(TableError, match=moved):
        shop.holds(end.join([*lines, ""]), file).products(file, header_row=1 + above)


# One value, one reading

REFUSED = "refused"


NUMBERS = {
    "1_000": REFUSED,
    "1\u00a0000": REFUSED,  # no mapping says that it has such thousands
    "1\u202f000": REFUSED,
    "\u00a05\u00a0": 5,
    "\u202f5": 5,
    "5\u2009": 5,
    "\u3000": None,
    " \u00a0": None,
    "\uff15": REFUSED,
    "\u0665": REFUSED,
    "inf": REFUSED,
    "-Infinity": REFUSED,
    "nan": REFUSED,
    "1e308": REFUSED,
    "1e400": REFUSED,
    "-1e15": REFUSED,
    "999999999999999": 999999999999999,
    "1e3": 1000,
    "+5": 5,
    "007": 7,
    "5.": 5,
    "0x10": REFUSED,
}
DAYS = {
    "0001-01-01": REFUSED,
    "0999-12-31": REFUSED,
    "1753-01-01": "1753-01-01",
    "2200-12-30": "2200-12-30",
    "9999-12-31": "9999-12-31",
    "infinity": REFUSED,
    "294247-01-10T04:00:54Z": REFUSED,
    "\u202f2026-01-05\u00a0": "2026-01-05",
    "20260105": REFUSED,
}


COLUMNS = {"number": ("cogs", "arr", NUMBERS), "date": ("booked_at", "start", DAYS)}


def mapped(folder: Path, kind: str, values: list[str]) -> list[object]:
    """As a mapping reads them."""
    column, row = COLUMNS[kind][0], {"revenue": "1", "booked_at": "2026-01-05", "kind": "purchase"}
    always = {c: {"value": v} for c, v in row.items()} | {"transaction_id": {"key": ["_row"]}, "account_id": "Id"}
    shop = Shop(folder).holds("Id,Value\n" + "".join(f"1,{v}\n" for v in values))
    table = {"transactions": {"from": "items", "columns": always | {column: "Value"}}}
    shop.run({"sources": {"items": {"file": "items.csv"}}, "tables": table})
    return pd.read_parquet(shop.to / "transactions.parquet")[column].tolist()


def canonical(folder: Path, kind: str, values: list[str]) -> list[object]:
    """As a table of the data."""
    column, row = COLUMNS[kind][0], {"revenue": "1", "booked_at": "2026-01-05", "kind": "purchase", "account_id": "a"}
    rows = [row | {"transaction_id": str(n), column: value} for n, value in enumerate(values, 100)]
    put(folder, accounts=ACCOUNTS, transactions=pd.DataFrame(rows).to_csv(index=False))
    return in_source(folder, "transactions", column)


def entries_of(folder: Path, kind: str, values: list[str]) -> str:
    row = dict.fromkeys(programme.columns("contracts"), "") | {
        "end": "2200-12-31",
        "auto_renew": "true",
        "entered_by": "Bo",
    }
    row |= {"account_id": "a", "arr": "1", "start": "2026-01-05", "entered_at": "2026-01-05T08:00:00Z"}
    rows = [row | {"contract_id": str(n), COLUMNS[kind][1]: value} for n, value in enumerate(values, 100)]
    put(folder / "programme", contracts=pd.DataFrame(rows).to_csv(index=False))
    return COLUMNS[kind][1]


def entered(folder: Path, kind: str, values: list[str]) -> list[object]:
    """As a file of the programme."""
    put(folder, accounts=ACCOUNTS, transactions=TRANSACTIONS)
    return in_source(folder, "contracts", entries_of(folder, kind, values))


def shown(folder: Path, kind: str, values: list[str]) -> list[object]:
    """As a form shows what was entered."""
    column = entries_of(folder, kind, values)
    return programme.read(folder / "programme", "contracts")[column].tolist()


def in_source(folder: Path, name: str, column: str) -> list[object]:
    source = Source(folder)
    source.refuse_unreadable(name)
    rows = source.typed(name).to_pandas().sort_values(source.typed(name).columns[0])
    source.close()
    return rows[column].tolist()


def plain(value: object) -> object:
    return None if pd.isna(value) else str(pd.Timestamp(value).date()) if hasattr(value, "year") else value


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("reader", [mapped, canonical, entered, shown])
def test_every_reader_takes_a_value_as_the_others_do(reader, kind, tmp_path):
    values = COLUMNS[kind][2]
    good = {v: wanted for v, wanted in values.items() if wanted != REFUSED}
    bad = [v for v in values if v not in good]
    if reader is shown:  # a form asks for a value
        good = {v: wanted for v, wanted in good.items() if wanted}
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    assert list(map(plain, reader(tmp_path / "good", kind, list(good)))) == list(good.values())
    with pytest.raises(TableError, match=f"{len(bad)} of {len(bad)} values"):
        reader(tmp_path / "bad", kind, bad)


def as_parquet(folder: Path, rows: pa.Table) -> Path:
    """A book whose transactions are Parquet."""
    put(folder, accounts=ACCOUNTS)
    pq.write_table(rows, folder / "transactions.parquet")
    return folder


def as_database(folder: Path, rows: pa.Table) -> Path:
    """A book that is a DuckDB file."""
    (folder / "accounts.csv").write_text(ACCOUNTS, "utf-8")
    with duckdb.connect(str(folder / "book.duckdb")) as con:
        con.register("rows", rows)
        con.execute("create table transactions as from rows")
        con.execute("create table accounts as from read_csv($file)", {"file": str(folder / "accounts.csv")})
    return folder / "book.duckdb"


@pytest.mark.parametrize("store", [as_parquet, as_database])
def test_numbers_without_bounds_and_days_of_no_calendar_fail_a_check_and_nan_is_missing(store, tmp_path):
    years, n = (1, 1899, 2026, 9999), [1e308, float("inf"), float("nan"), 5.0]
    rows = {"transaction_id": ["a", "b", "c", "d"], "account_id": ["acme"] * 4, "kind": ["purchase"] * 4}
    rows |= {"period_start": [dt.date(year, 1, 1) for year in years], "cogs": n, "revenue": [7.0] * 4}
    rows |= {"booked_at": [dt.date(2026, 1, 1)] * 4}
    source = Source(store(tmp_path, pa.table(rows)))
    assert checks.failure(source.audit()).splitlines() == [
        "transactions: cogs reads as its kind: broken in 2 of 4 rows (first: a, b). "
        "Correct cogs in the export or in the mapping. Numbers have digits, one point and a sign, "
        "and are below 1,000,000,000,000,000.",
        "transactions: period_start reads as its kind: broken in 1 of 4 rows (first: a). "
        "Correct period_start in the export or in the mapping. Years are from 1000 to 9999.",
    ]
    assert source.typed("transactions").cogs.sum().execute() == 5
    source.close()


def test_two_columns_of_one_name_in_parquet_are_refused_as_in_text(shop, tmp_path):
    rows = pa.table([["1"], ["Desk"], ["Lamp"]], names=["Id", "Item", "item"])
    pq.write_table(rows, shop.source / "items.parquet")
    with pytest.raises(TableError, match="items: 2 of 3 columns stand more than once in items.parquet and are mapped"):
        shop.products("items.parquet")
    twice = pa.table([["1"], ["acme"], [1.0], [2.0]], names=["transaction_id", "account_id", "revenue", "Revenue"])
    with pytest.raises(TableError, match=r"transactions: 2 columns of transactions.parquet have the name of another"):
        Source(as_parquet(tmp_path / "book", twice)).raw("transactions")


# A database


def with_view(folder: Path, accounts: str) -> Path:
    """A DuckDB file of which the accounts are a view."""
    folder.mkdir()
    (folder / "beside.csv").write_text(ACCOUNTS, "utf-8")
    with duckdb.connect(str(folder / "book.duckdb")) as con:
        con.execute(
            "create table own as select 'acme' as account_id, 'Acme' as name, timestamp '2025-01-01' as created_at;"
            "create table transactions as select 't' as transaction_id, 'acme' as account_id, date '2026-01-01' as booked_at, "
            "5.0 as revenue, 'purchase' as kind;"
            f"create macro outside() as table select * from read_csv('{folder / 'beside.csv'}');"
            f"create view accounts as {accounts.format(folder=folder)}"
        )
    return folder / "book.duckdb"


@pytest.mark.parametrize(
    "view",
    [
        "select column0 as account_id, column0 as name, timestamp '2025-01-01' as created_at from read_csv('/etc/passwd', sep=':')",
        "select * from read_csv('{folder}/beside.csv')",
        "select * from outside()",
        "select content as account_id, filename as name, last_modified as created_at from read_text('/etc/hosts')",
        "select file as account_id, file as name, timestamp '2025-01-01' as created_at from glob('/etc/*')",
    ],
    ids=["passwd", "csv", "macro", "text", "names"],
)
def test_a_view_that_reads_files_beside_its_database_is_refused(view, tmp_path):
    code, said = abm("doctor", "--data", with_view(tmp_path / "in", view))
    assert code == 2
    assert said.endswith("accounts: is a view of book.duckdb that reads files beside it. Save it as a table there."), (
        said
    )


def test_a_view_over_a_table_of_its_database_is_read_with_a_programme_beside_it_and_nothing_can_be_unlocked(tmp_path):
    file = with_view(tmp_path / "in", "select * from own")
    put(tmp_path / "pro[gramme]", targets=programme.template("targets") + programme.example("targets"))
    (tmp_path / "workbook.yml").write_text("data: in/book.duckdb\nprogramme: pro[gramme]\n")
    book = Book.open(tmp_path / "workbook.yml", as_of="2026-06-30", tables=tmp_path / "t")
    assert book.read("accounts")["name"].tolist() == ["Acme"]
    assert book.read("targets")["owner_id"].tolist() == ["s1"]
    source = Source(file)
    with pytest.raises(duckdb.Error, match="locked"):
        source.con.raw_sql("SET enable_external_access = true")
    with pytest.raises(duckdb.Error):
        source.con.raw_sql("LOAD httpfs")
    source.close()
