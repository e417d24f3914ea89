"""Bad input, a row each: what lies in the folder, and what its user is told, or where the loss is counted.

One folder is taken two ways: through a mapping by ``abm import``, and as canonical tables by ``abm run``. What a run would
take is looked at by ``abm doctor``, which opens, checks and counts the same without the notebooks; one report on all that
is doubtful and kept closes the table. Below it: the machine's own no, such as a full disk, in a process of its own.
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from abmlib.tables.fingerprint import CACHE
from tests import twins_in_process
from tests.conftest import ACCOUNTS, OPEN, ROOT, TRANSACTIONS, abm, leave, notebook
from tests.test_formats import xlsx
from tests.test_run import assert_no_run

GOOD = {"accounts.csv": ACCOUNTS, "transactions.csv": TRANSACTIONS}
ADVICE = r"ignore_errors|strict_mode|null_padding|store_rejects|Possible|Traceback|/tmp|<class"  # not for users
RAW = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # signs that steer a terminal
ALWAYS = {"account_id": "account_id", "booked_at": "booked_at", "transaction_id": "transaction_id"}
BY_NAME = ALWAYS | {"revenue": "revenue", "kind": "kind"}
Content = str | bytes | None | Callable[[Path], object]


@dataclass(frozen=True)
class Kept:
    """It is taken: a column of the transactions then holds these values, and what is printed or counted says this."""

    holds: dict[str, list[Any]] = field(default_factory=dict)
    says: str = ""


@dataclass(frozen=True)
class Bad:
    """A row of the table: a sentence is how it is refused, None that this way has no meaning."""

    name: str
    files: dict[str, Content]  # in place of the good ones; None: not there
    imported: str | Kept | None
    run: str | Kept | None
    words: dict[str, Any] = field(default_factory=dict)  # of the mapping about the file of transactions
    columns: dict[str, Any] = field(default_factory=dict)  # of the transactions, in place of `BY_NAME`


def sales(*changes: tuple[str, str], encoding: str = "utf-8") -> dict[str, Content]:
    """The transactions with some texts replaced."""
    text = TRANSACTIONS
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {"transactions.csv": text.encode(encoding)}


def people(old: str, new: str, encoding: str = "utf-8") -> dict[str, Content]:
    """The accounts with a text replaced."""
    assert old in ACCOUNTS, old
    return {"accounts.csv": ACCOUNTS.replace(old, new).encode(encoding)}


def instead(file: str, content: Content, of: str = "accounts.csv") -> dict[str, Content]:
    """Another file in place of one of the two."""
    return {of: None, file: content}


def dates(*given: str) -> dict[str, Content]:
    """The days of the first transactions as somebody wrote them."""
    return sales(*zip(("2025-02-01", "2026-03-31", "2026-04-01"), given, strict=False))


def written(*formats: str) -> dict[str, Any]:
    """The columns of a mapping that says how days are written."""
    return BY_NAME | {"booked_at": {"column": "booked_at", "format": list(formats)}}


def parquet(path: Path) -> None:
    """Accounts as Parquet."""
    rows = [(f"a{n}", f"Name {n}", "2025-01-01T00:00:00Z") for n in range(1000)]
    pd.DataFrame(rows, columns=["account_id", "name", "created_at"]).to_parquet(path)


def half(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Only the first half of a file."""

    def cut(path: Path) -> None:
        make(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])

    return cut


def damaged(path: Path) -> None:
    """A Parquet file with its end as it should be, and other bytes in a page."""
    parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 300 + whole[400:])


def zipped(path: Path) -> None:
    """A zip with the accounts in it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("accounts.csv", ACCOUNTS)


def sheet(path: Path) -> None:
    """A sheet with the accounts."""
    xlsx(path, A=[line.split(",")[:3] for line in ACCOUNTS.splitlines()])


def outside(path: Path) -> None:
    """A link to a file beside the folder."""
    there = path.parent.with_name(f"outside {path.name}")
    there.write_text(GOOD[path.name], "utf-8")
    path.symlink_to(there)


LONG = "9x" * 50_000
HOSTILE = "=cmd|'/C calc'!A0 \x1b[31m[red]<script>alert(1)</script>"
MANY = "".join(f"m{n},acme,p,2026-01-01,{'n/a' if n in (5, 50, 500) else n},purchase,\n" for n in range(9_996))
ENDS = "Save it as UTF-8 CSV with commas, or import it with a mapping"
AS_NUMBER = "values do not read as a number"

TABLE = [
    # the wrong delimiter, and lines above the columns
    Bad("semicolons", sales((",", ";")),
        "transactions_file: .*'transaction_id'; transactions.csv has .*All names stand in one: say delimiter: ';'",
        r"transactions: missing column\(s\) \['transaction_id', .*the table has .*Rename them"),
    Bad("tabs", sales((",", "\t")), "transactions.csv has .*say delimiter: .{1,2}t", r"transactions: missing column\(s\)"),
    Bad("Excel's line sep=,", sales(("transaction_id", "sep=,\ntransaction_id")),
        r"transactions.csv has \['sep=', ''\]. Correct", "1 .*transactions.csv|5 of 5 rows of transactions.csv"),
    Bad("a title above the columns", sales(("transaction_id", "Sales of March\n\ntransaction_id")),
        r"transactions.csv has \['Sales of March'\]", "rows of transactions.csv do not have its 1 columns .*line 3 has"),
    # encodings
    Bad("cp1252 with € and ü read as UTF-8", people("Acme", "Müller €", "cp1252"),
        "accounts_file: accounts.csv is not utf-8: line 2 has bytes .*such as encoding: cp1252",
        f"accounts: accounts.csv is not utf-8: line 2 has bytes that are no text in it. {ENDS}"),
    Bad("cp1252 in the line of the columns", people("name", "Größe", "cp1252"),
        "is not utf-8: line 1 ", "is not utf-8: line 1 "),
    Bad("UTF-16 with its mark, as Excel writes it", sales(encoding="utf-16"),
        Kept({"revenue": [100, 50, 30, 70]}), f"transactions: transactions.csv is written in utf-16. {ENDS}"),
    Bad("UTF-16 without a mark", sales(encoding="utf-16-le"),
        Kept({"revenue": [100, 50, 30, 70]}), f"transactions: transactions.csv is written in utf-16-le. {ENDS}"),
    Bad("UTF-8 with a mark must not hide the first column", sales(encoding="utf-8-sig"),
        Kept({"transaction_id": ["t1", "t2", "t3", "t4"]}), Kept(says="0 broken")),
    Bad("UTF-8 said to be UTF-16", sales(), "transactions_file: ", None, words={"encoding": "utf-16-le"}),
    Bad("a NUL byte in a key", sales(("t2,acme", "t2,ac\0me")), "has NUL bytes, first in line 3", "NUL bytes, first in line 3"),
    # days
    Bad("31/12 and 12/31 in one column", dates("31/12/2025", "12/31/2025"),
        r"transactions: booked_at: 2 of 4 values do not read as a date \(first: \['line 2 of transactions.csv: 31/12/2025', 'line 3 of transactions.csv: 12/31/2025'\]\)",
        "transactions: booked_at reads as its kind: broken in 2 of 4 rows"),
    Bad("31/12 and 12/31, one of them named", dates("31/12/2025", "12/31/2025"),
        "booked_at: 1 of 4 values do not read as a date in one way .*line 3 of transactions.csv: 12/31/2025", None,
        columns=written("%d/%m/%Y", "%Y-%m-%d")),
    Bad("31/12 and 12/31, both named, and 3/4 among them", dates("31/12/2025", "12/31/2025", "03/04/2026"),
        r"booked_at: 1 of 4 values do not read as a date in one way by .*\(first: \['line 4 of transactions.csv: 03/04/2026'\]\)", None,
        columns=written("%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d")),
    Bad("two ways of writing that nobody can mistake", dates("05.01.2025"),
        Kept({"booked_at": ["2025-01-05", "2026-03-31", "2026-04-01", "2026-03-15"]}), None,
        columns=written("%d.%m.%Y", "%Y-%m-%d", "%y-%m-%d")),
    Bad("05.01.2025 beside 2026-03-31, nothing named", dates("05.01.2025"),
        "booked_at: 1 of 4 values do not read as a date .*line 2 of transactions.csv: 05.01.2025.*format", "booked_at reads as its kind: broken in 1 of 4"),
    Bad("a year with a digit too many", dates("20026-04-01"), "1 of 4 values do not read as a date",
        "booked_at reads as its kind: broken in 1 of 4 rows"),
    Bad("a day with something behind it", dates("2025-02-01?"), "1 of 4 values do not read as a date",
        "booked_at reads as its kind: broken in 1 of 4 rows"),
    Bad("a day in the future", dates("2099-02-01"), Kept({"revenue": [100, 50, 30, 70]}),
        "as-of: the newest row is dated 2099-02-01, after today. Correct its date, or give a day"),
    # numbers
    Bad("1.234,56, no decimal comma named", sales((",100,", ',"1.234,56",')),
        f"revenue: 1 of 4 {AS_NUMBER} .*line 2 of transactions.csv: 1.234,56.*decimal", "transactions: revenue reads as its kind: broken in 1 of 4"),
    Bad("1,234 could be either", sales((",100,", ',"1,234",')),
        f"revenue: 1 of 4 {AS_NUMBER} .*line 2 of transactions.csv: 1,234.*thousands", "revenue reads as its kind: broken in 1 of 4"),
    Bad("1'234", sales((",100,", ",1'234,")), f"1 of 4 {AS_NUMBER}", "revenue reads as its kind: broken in 1 of 4"),
    Bad("a currency before the number", sales((",100,", ",EUR 100,")), Kept(), "broken in 1 of 4"),
    Bad("no number at all: inf, nan", sales((",100,", ",inf,"), (",50,", ",nan,")), f"2 of 4 {AS_NUMBER}",
        "broken in [12] of 4"),
    Bad("half a person employed", people(",50,", ",3.7,"), Kept(), "accounts: employees reads as its kind: broken in 1 of 3"),
    Bad("text for 3 of 10,000 numbers", {"transactions.csv": TRANSACTIONS + MANY},
        f"transactions: revenue: 3 of 10000 {AS_NUMBER} .first: ..line 11 of transactions.csv: n/a', 'line 56 of transactions.csv: n/a', 'line 506 of transactions.csv: n/a'... Correct",
        "transactions: revenue reads as its kind: broken in 3 of 10,000 rows"),
    # nothing, or nearly
    Bad("an empty file", {"transactions.csv": b""}, "transactions_file: transactions.csv is empty",
        f"transactions: transactions.csv is empty or starts with an empty line. {ENDS}"),
    Bad("a mark and nothing else", {"transactions.csv": b"\xef\xbb\xbf"}, "transactions.csv is empty", "transactions.csv is empty"),
    Bad("columns without rows", {"transactions.csv": TRANSACTIONS.splitlines()[0]},
        "none of transactions, .* has a row; rows made: accounts 3, transactions 0. Correct the files or the keep", "as-of: no row of the data is dated, so it has no latest day. Give a day"),
    Bad("no account", {"accounts.csv": ACCOUNTS.splitlines()[0]}, Kept(), Kept(says="found in accounts: broken in 4 of 4 rows")),
    Bad("one account", {"accounts.csv": "".join(ACCOUNTS.splitlines(True)[:2])}, Kept(), None),
    # columns
    Bad("a column twice", sales((",product_id,", ",revenue,")),
        "transactions_file: 2 of 7 columns stand more than once in transactions.csv and are mapped .*revenue",
        r"transactions: 2 columns of transactions.csv have the name of another \(first: \['revenue', 'revenue'\]\). Keep one"),
    Bad("a column twice, in other letters", sales((",product_id,", ",Revenue,")), "2 of 7 columns stand more than once",
        r"2 columns of transactions.csv have the name of another \(first: \['Revenue', 'revenue'\]\)"),
    Bad("a column twice that nobody reads", sales((",product_id,", ",x,"), ("known_at", "x")),
        Kept(says="not mapped: x"), None),
    Bad("Kind for kind", sales(("kind", "Kind")), Kept({"kind": ["purchase"] * 4}),
        r"transactions: 1 columns are known in other letters \(first: \['Kind'\]\). Write kind"),
    Bad("a blank before the name", sales(("kind", " kind")), "needs column 'kind'; transactions.csv has .*' kind'",
        r"transactions: 1 columns are known in other letters \(first: \[' kind'\]\). Write kind"),
    # rows
    Bad("a row too short", sales((",50,purchase,", ",50")),
        r"1 of 4 rows of transactions.csv do not have its 7 columns \(first: \['line 3 has 5 of 7 values'\]\). Correct them",
        r"transactions: 1 of 4 rows of transactions.csv do not have its 7 columns \(first: \['line 3 has 5 of 7 values'\]\). Correct the file"),
    Bad("a comma in a text without quotes", sales(("acme,p,2026", "acme, Inc,p,2026")),
        r"1 of 4 rows .*\(first: \['line 3'\]\). Correct them; a text with the delimiter in it needs quotes",
        r"1 of 4 rows of transactions.csv have more values than its 7 columns.* \(first: \['line 3'\]\)"),
    Bad("every row longer than the line of the columns", sales((",purchase,", ",purchase,,")),
        "4 of 4 rows .*'line 2', 'line 3', 'line 4'", "4 of 4 rows of transactions.csv have more values than its 7"),
    Bad("a quote that is not closed", sales(("t2,acme", 't2,"acme')), "have a quote that does not end where its value ends",
        "have a quote that does not end where its value ends"),
    Bad("lines that end in different ways", sales(("t1,", "\rt1,"), ("t3,", "\r\nt3,")),
        "transactions.csv does not read as rows: its lines end in different ways", "its lines end in different ways"),
    Bad("a key twice", sales(("t2,", "t1,")), r"transactions: 2 of 4 rows share a key \['transaction_id'\] \(first: \['t1'\]\)",
        r"transactions: one row per transaction_id: broken in 2 of 4 rows \(first: t1, t1\). Keep one row per key"),
    Bad("a name that is missing", people("Acme", " "), r"accounts: name: 1 of 3 values missing \(first: \['line 2 of accounts.csv'\]\)",
        r"accounts: name is filled: broken in 1 of 3 rows \(first: acme\)"),
    # files
    Bad("two files for one table", {"accounts.parquet": parquet}, Kept(),
        r"accounts: 2 sources \['accounts.parquet', 'accounts.csv'\]. Keep one of them"),
    Bad("a folder called accounts.csv", instead("accounts.csv", Path.mkdir),
        r"accounts_file: no file 'accounts.csv'; the folder has \['accounts.csv/', ", "accounts: accounts.csv is a folder. Put the file"),
    Bad("a folder for Parquet with nothing in it", instead("accounts", Path.mkdir), None,
        "accounts: accounts does not read: .*No files found .*Save it again"),
    Bad("CSV called Parquet", instead("accounts.parquet", ACCOUNTS), "accounts.parquet is no Parquet file that can be read",
        "accounts: accounts.parquet does not read: .*Save it again"),
    Bad("half a Parquet file", instead("accounts.parquet", half(parquet)), "is no Parquet file", "accounts.parquet does not read"),
    Bad("a damaged page of Parquet", instead("accounts.parquet", damaged),
        "accounts_file: accounts.parquet does not read: .*Save it again", "does not read: .*Save it again"),
    Bad("Parquet called CSV", {"accounts.csv": parquet}, "accounts.csv is a Parquet file by its first bytes. Give it the ending",
        f"accounts: accounts.csv is a Parquet file by its first bytes. {ENDS}"),
    Bad("a zip called CSV", {"accounts.csv": zipped}, "accounts.csv is a zip or Excel file", "accounts.csv is a zip or Excel file"),
    Bad("a zip called .xlsx", instead("accounts.xlsx", zipped), "accounts.xlsx is no Excel file that can be read: .*Save it again", None),
    Bad("half an Excel file", instead("accounts.xlsx", half(sheet)), "accounts.xlsx is no Excel file .*Save it again as .xlsx", None),
    Bad("an Excel file with a password", instead("accounts.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
        "accounts.xlsx is no Excel file that can be read: .*without a password", None),
    Bad("a link out of the folder", instead("accounts.csv", outside),
        "accounts_file: 'accounts.csv' is outside the source folder. Copy it into the folder", Kept(says="0 broken")),
    Bad("a link to nothing", instead("accounts.csv", lambda path: path.symlink_to("gone.csv")),
        "accounts_file: no file 'accounts.csv'", r"data: no accounts table; found \['transactions'\]. Name the file"),
    # hostile
    Bad("hostile names of columns", sales(("known_at", f'"{HOSTILE}\n""x"'), ("2026-04-10T08:00:00Z", "")),
        Kept(says=r"not mapped: .*=cmd\|.*x1b"), Kept(says="0 broken")),
    Bad("hostile values", sales((",acme,", f',"{HOSTILE}",')), Kept({"account_id": [HOSTILE, HOSTILE, "beta", "beta"]}),
        None),
    Bad("hostile keys, twice", sales(("t1,", f'"{HOSTILE}",'), ("t2,", f'"{HOSTILE}",')),
        r"2 of 4 rows share a key .*x1b\[31m\[red\]<script>", r"broken in 2 of 4 rows \(first: =cmd\|.*x1b\[31m\[red\]<script>"),
    Bad("a hostile number", sales((",100,", f',"{HOSTILE}",')), r"1 of 4 .*line 2 of transactions.csv: =cmd\|.*x1b", "broken in 1 of 4"),
    Bad("a column with a name of 100,000 characters", sales(("known_at", LONG), ("2026-04-10T08:00:00Z", "")),
        Kept(says="not mapped: .*9x9x"), None),
    Bad("the same in place of a needed column", sales(("revenue", LONG)), "needs column 'revenue'", "missing column.*revenue"),
    Bad("a number of 100,000 characters", sales((",100,", f",{LONG},")), "revenue: 1 of 4 .*line 2 of transactions.csv: 9x9x", "broken in 1 of 4"),
    Bad("a key of 100,000 characters, twice", sales(("t1,", f"{LONG},"), ("t2,", f"{LONG},")), "2 of 4 rows share", "in 2 of 4"),
]  # fmt: skip


def each(way: str) -> pytest.MarkDecorator:
    """All rows that have a meaning for this way in."""
    rows = [pytest.param(bad, id=bad.name) for bad in TABLE if getattr(bad, way) is not None]
    return pytest.mark.parametrize("bad", rows)


def folder(place: Path, files: dict[str, Content]) -> Path:
    """Make the folder of a row."""
    place.mkdir()
    for name, content in (GOOD | files).items():
        if callable(content):
            content(place / name)
        elif content is not None:
            (place / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def mapping(place: Path, bad: Bad) -> Path:
    """Write a mapping that takes each file by the names of its columns."""
    accounts = next(n for n, c in (GOOD | bad.files).items() if n.startswith("accounts") and c is not None)
    whole = {
        "version": 1,
        "title": "test",
        "sources": {
            "accounts_file": {"file": accounts},
            "transactions_file": {"file": "transactions.csv"} | bad.words,
        },
        "tables": {
            "accounts": {"from": "accounts_file", "columns": {c: c for c in ("account_id", "name", "created_at")}},
            "transactions": {"from": "transactions_file", "columns": bad.columns or BY_NAME},
        },
    }
    place.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")
    return place


def everything(place: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, but for the cache."""
    there = [p for p in place.rglob("*") if p.is_file() and CACHE not in p.parts]
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in there}


def assert_sentence(said: str, wanted: str) -> None:
    """It says what is wrong and what to do, in words of the house, in one line that can be read."""
    assert re.search(wanted, said), said[:2000]
    assert len(said) < 1500
    assert not re.search(ADVICE, said), said
    assert not re.search(RAW, said), repr(said)
    assert re.search(r"[.)] [A-Z].*\.$", said), said


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """What an earlier import left."""
    place = tmp_path_factory.mktemp("earlier")
    good = Bad("good", {}, None, None)
    code, said = abm("import", mapping(place / "m.yml", good), folder(place / "in", {}), "--to", place / "book")
    assert code == 0, said
    return place / "book"


@each("imported")
def test_an_import_says_it_in_one_sentence_and_leaves_the_book_alone_or_takes_it_whole(bad, book, tmp_path):
    shutil.copytree(book, tmp_path / "book")
    source, map_file = folder(tmp_path / "in", bad.files), mapping(tmp_path / "m.yml", bad)
    before = everything(tmp_path)
    code, said = abm("import", map_file, source, "--to", tmp_path / "book")
    if isinstance(bad.imported, Kept):
        assert code == 0, said
        assert not re.search(RAW, said), repr(said)
        table = pq.read_table(tmp_path / "book" / "transactions.parquet")
        for column, values in bad.imported.holds.items():
            got = table[column].to_pylist()
            assert (list(map(str, got)) if column == "booked_at" else got) == values
        ledger = " ".join(pd.read_csv(tmp_path / "book" / "ledger.csv")["why"])
        assert re.search(bad.imported.says, ledger), ledger
        assert len(ledger) < 1000
    else:
        assert code == 2, said
        assert_sentence(said, bad.imported)
        assert everything(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("outside")) == ["book", "in", "m.yml"]


@each("run")
def test_a_run_says_it_in_one_sentence_and_leaves_its_log_and_summary_or_doctor_counts_it(bad, tmp_path):
    data = folder(tmp_path / "in", bad.files)
    before = everything(data)
    if isinstance(bad.run, Kept):
        code, said = abm("doctor", "--data", data)
        assert code == 0, said
        assert re.search(bad.run.says, said), said
        assert not re.search(RAW, said), repr(said)
    else:
        code, said = abm("run", "--data", data, "--out", tmp_path / "out")
        assert code in (2, 3), said
        checks = said.removesuffix(" Data checks failed; nothing was run.")
        assert (checks != said) == (code == 3)
        assert_sentence(checks, bad.run)
        assert_no_run(tmp_path / "out", ".")
        assert not re.search(RAW.replace(r"\x0b", r"\x09\x0b"), (tmp_path / "out" / "runs.log").read_text())
    assert everything(data) == before


def test_a_first_import_that_is_refused_leaves_nothing(tmp_path):
    bad = Bad("a key twice", sales(("t2,", "t1,")), "", None)
    code, said = abm(
        "import", mapping(tmp_path / "m.yml", bad), folder(tmp_path / "in", bad.files), "--to", tmp_path / "b"
    )
    assert (code, sorted(p.name for p in tmp_path.iterdir())) == (2, ["in", "m.yml"]), said


DOUBTFUL = {
    "activities.csv": "activity_id,account_id,occurred_at,direction,channel,duration_min\n"
    "x,acme,2026-01-01T00:00:00Z,inbound,web,-5\ny,acme,2026-01-02T00:00:00Z,inbound,web,5\n",
    "opportunities.csv": "opportunity_id,account_id,stage,created_at,closed_at,is_closed,is_won\n"
    "o,acme,won,2026-01-05T00:00:00Z,2026-01-01T00:00:00Z,true,true\n",
    "transactions.csv": TRANSACTIONS.replace("t3,beta", "t3,nobody").replace("2026-04-10", "2099-04-10"),
}


def test_what_is_doubtful_is_kept_and_the_page_on_account_data_says_how_much_of_it_there_is(tmp_path):
    data = folder(tmp_path / "in", DOUBTFUL)
    page = twins_in_process.run(data, "2026-04-01", tmp_path / "t", ["00"])["00"].page
    cells = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for line in (
        "activities: not negative duration: broken in 1 of 2 rows (first: x). Correct duration_min",
        "opportunities: not closed_at before created_at: broken in 1 of 1 rows (first: o). Correct created_at or closed_at",
        "transactions: account_id is found in accounts: broken in 1 of 4 rows (first: t3). Export the missing accounts",
    ):
        assert line in cells, cells[:3000]
    assert re.search(r"as of 2026-04-01 transactions .{0,20}1 known only later", cells)  # t4, known in 2099
    assert re.search(r"as of 2026-04-01 accounts .{0,20}1 known only later", cells)  # late, created a month later


# What the machine does not let be done


PEAK = """
import resource, sys
from abmlib.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def limited(limit: Callable[[], None], *args: object, cwd: Path = ROOT) -> tuple[int, str]:
    """Call the command in a process of its own, which `limit` is called in first; give its exit code and its errors."""
    call = [sys.executable, "-c", "from abmlib.cli import main; main()", *map(str, args)]
    paths = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        call, cwd=cwd, preexec_fn=limit, capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "300", "PYTHONPATH": paths},
    )  # fmt: skip
    return done.returncode, " ".join(done.stderr.split())


needs_limits = pytest.mark.skipif(os.name != "posix", reason="limits of a process are set as on Unix")


def bound() -> None:
    """Let permissions bind root too: of its rights, those to read and write whatever it likes are given up."""
    if os.geteuid() == 0:
        for right in (1, 2):
            if ctypes.CDLL(None).prctl(24, right, 0, 0, 0):  # PR_CAPBSET_DROP
                raise PermissionError("the right cannot be given up")


def smaller(size: int) -> Callable[[], None]:
    """No file may be larger than `size` bytes: what writes more meets an error as on a full disk."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.fixture
def place(tmp_path) -> Iterator[Path]:
    """A good export with its mapping; whatever was forbidden is allowed again at the end."""
    mapping(tmp_path / "m.yml", Bad("good", {}, None, None))
    folder(tmp_path / "in", {})
    yield tmp_path
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700)


def forbid(place: Path, path: str, mode: int) -> None:
    """Take rights away, or skip where that does nothing."""
    if sys.platform != "linux" and hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("root may do everything here")
    (place / path).chmod(mode)


@needs_limits
@pytest.mark.parametrize(
    ("path", "mode", "args", "says"),
    [
        ("in/transactions.csv", 0, "import m.yml in --to new/book", "in/transactions.csv: Permission denied. Let it be read"),
        ("in", 0, "import m.yml in --to new/book", "in(/accounts.csv)?: Permission denied. Let it be read"),
        ("m.yml", 0, "import m.yml in --to new/book", "m.yml: not readable: Permission denied. Give a file that can be read"),
        ("new", 0o555, "import m.yml in --to new/book", "book: Permission denied in .*new. Take a folder that you may write to"),
        ("in/transactions.csv", 0, "run --data in --out new/out", "in/transactions.csv: Permission denied. Give a place that you may read"),
        ("in", 0, "run --data in --out new/out", "Permission denied. Give a place that you may read"),
        ("new", 0o555, "run --data in --out new/out", "new/out: Permission denied. Give a place"),
        ("new", 0o555, "init new/team", "new/team: Permission denied. Give a place"),
    ],
)  # fmt: skip
def test_what_may_not_be_read_or_written_is_named(path, mode, args, says, place):
    (place / "new").mkdir()
    forbid(place, path, mode)
    code, said = limited(bound, *args.split(), cwd=place)
    assert code == 2, said
    assert re.search(says, said), said
    assert not re.search(r"Errno|Traceback|Usage", said), said
    left = [p.name for p in (place / "new").rglob("*") if p.is_file()]
    assert sorted(left) == (["runs.log", "summary.md"] if args.startswith("run") and path != "new" else [])


LONG = "import hashlib\nprint(*[hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(4_000)])"


def put_notebook(place: Path) -> Path:
    """A notebook whose page takes half a megabyte, packed or not."""
    notebook(place, "01_x", OPEN, LONG, leave("01_cycles"), writes=("01_cycles",))
    return place


@pytest.fixture(scope="module")
def earlier_runs(tmp_path_factory) -> Path:
    """A folder of runs with one small run in it."""
    place = tmp_path_factory.mktemp("runs")
    code, said = abm(
        "run", "--data", folder(place / "in", {}), "--out", place / "out", "--notebooks", put_notebook(place / "n")
    )
    assert code == 0, said
    return place / "out"


FULL = "(File too large|No space left on device)"


def assert_full(limit: Callable[[], None], place: Path, earlier: Path) -> None:
    """A full disk stops each command in one sentence, and what was there before is there as it was."""
    runs = place / "out"
    before, kept = everything(place), {p for p in runs.iterdir() if p.is_dir()}
    for args, code, says in (
        (
            "import m.yml in --to book",
            2,
            f"^book: {FULL} in .* Make room or take another folder. Nothing was written.$",
        ),
        ("init team", 2, f"{FULL}. Make room, or give another place.$"),
        ("export out/latest --zip --to out.zip", 2, f"{FULL}. Make room, or give another place.$"),
        (
            "run --data in --out out",
            1,
            f"(out|in/.abm_cache/.*): {FULL}. Make room, or give another place.$",
        ),
    ):
        got, said = limited(limit, *args.split(), cwd=place)
        assert re.search(says, said), f"{args}: {said}"
        assert (got, "Traceback" in said) == (code, False), said
    changed = {n for n, data in everything(place).items() if before.get(n) != data}
    assert changed <= {"out/runs.log", "out/summary.md"}
    assert {p for p in runs.iterdir() if p.is_dir()} == kept
    assert not (place / "team").exists()
    assert earlier.exists()


def fill(place: Path, book: Path, runs: Path, rows: int) -> Path:
    """An earlier book and an earlier run in a folder, and a new export with as many rows more."""
    shutil.copytree(book, place / "book")
    shutil.copytree(runs, place / "out", symlinks=True)
    put_notebook(place / "notebooks")
    more = "".join(f"{n * 2654435761 % 2**32:08x}{n},acme,p,2026-01-01,{n},purchase,\n" for n in range(rows))
    with (place / "in" / "transactions.csv").open("a", encoding="utf-8") as file:
        file.write(more)
    return place / "out"


@needs_limits
def test_a_disk_that_is_full_stops_each_command_and_harms_nothing(place, book, earlier_runs):
    assert_full(smaller(20_000), place, fill(place, book, earlier_runs, 3_000))


@needs_limits
def test_a_small_disk_that_fills_up_stops_each_command_and_harms_nothing(place, book, earlier_runs):
    small = place / "disk"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root alone")
    try:
        for name in ("in", "m.yml"):
            shutil.move(place / name, small / name)
        earlier = fill(small, book, earlier_runs, 3_000)
        free = shutil.disk_usage(small).free
        (small / "ballast").write_bytes(b"x" * (free - 100_000))
        assert_full(lambda: None, small, earlier)
    finally:
        subprocess.run(["umount", small], check=True)


@needs_limits
def test_a_file_is_never_held_whole(place):
    """A wide file of 50 MB; as text in memory it would take that much more, and as a table many times it."""
    wide = ",".join(f"x{n}" for n in range(60))
    line = f"acme,2026-01-01,5,purchase,{','.join(str(n % 7) for n in range(60))}\n"
    file = place / "in" / "transactions.csv"
    peaks = []
    for rows in (10, 50_000_000 // len(line)):
        with file.open("w", encoding="utf-8") as new:
            new.write(f"transaction_id,account_id,booked_at,revenue,kind,{wide}\n")
            new.writelines(f"t{n},{line}" for n in range(rows))
        call = [sys.executable, "-c", PEAK, "import", place / "m.yml", place / "in", "--to", place / "book"]
        done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split()[-1]) // (1024 if sys.platform == "darwin" else 1))
    assert peaks[1] - peaks[0] < 250_000, peaks
