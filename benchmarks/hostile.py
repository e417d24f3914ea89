"""Hostile input by kind: what people, programs and attackers put into files, names, parameters, folders and ids.

Each input meets the command in a process of its own. It passes if the exit code is one that is expected, nothing printed is a
traceback, and neither a minute nor 2 GB are exceeded; and, where the case says so, if a word is nowhere printed or shown, or files
stay as they were.
"""

import gzip
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import duckdb
import nbformat

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-c", "from abmlib.cli import main; main()")
SECONDS, MOST = 60.0, 2**31  # for one input; bytes of memory
FEW = 3  # inputs named in the page
CEILING = 8 * 2**30  # bytes of addresses, so that the machine survives
FINE, REFUSED, EITHER = (0,), (2,), (0, 2, 3)  # exit codes that are expected
ACCOUNTS = "account_id,name,created_at\nacme,Acme,2025-01-01T00:00:00Z\nbeta,Beta,2025-03-01T00:00:00Z\n"
SALES = "transaction_id,account_id,product_id,booked_at,revenue,kind\nt1,acme,p,2026-02-01,100,purchase\n"
CONTACTS = "contact_id,account_id,full_name,opted_out,created_at\nc1,acme,Ann Quill,false,2025-01-01T00:00:00Z\n"
PARAMETERS = (
    'data: str = "."  # data\nas_of: str = "2026-01-01"  # day\ntables: str = "."  # tables\n'
    "people: bool = False  # names\nmonths: int = 12  # months\nshare: float = 0.5  # a share\n"
    "stale_days: int = 30  # days\nmin_records: int = 3  # records"
)
CELLS = (
    "from abmlib.tables import Book, schema\nbook = Book.open(data, as_of, tables, people=people)",
    'book.read("accounts")[["account_id", "name"]]',
    'book.decide("call", text="Call them", accounts=book.read("accounts")["account_id"])',
    'book.write("00_account_data", schema.empty("00_account_data"))',
)
MAPPING = {
    "version": 1, "title": "hostile", "workbook": {"time_zone": "UTC"}, "sources": {"rows": {"file": "rows.csv"}},
    "tables": {"accounts": {"from": "rows", "columns": {
        "account_id": "Id", "name": "Name", "created_at": {"value": "2025-01-01T00:00:00Z"}}}},
}  # fmt: skip
RUN = ("run", "--data", "workbook.yml", "--out", "out", "--as-of", "2026-06-30")
DOCTOR = ("doctor", "--data", "workbook.yml")
IMPORT = ("import", "mapping.yml", "export", "--to", "book")
FORGET = ("forget", "--data", "workbook.yml", "--")
REAL = ("--notebooks", str(ROOT / "notebooks"), "--only", "12")


@dataclass(frozen=True)
class Case:
    """One input: what it is, the command it meets, the file it is in (if any), and what is expected."""

    what: str
    args: tuple[str, ...]
    file: str = ""
    content: "str | bytes | Callable[[Path], None]" = ""  # of the file, or what makes it
    codes: Sequence[int] = EITHER
    never: Sequence[str] = ()  # words that may neither be printed nor be on a page
    keeps: bool = False  # whether data and programme must stay as they were


@dataclass(frozen=True)
class Tried:
    """What the inputs of a kind did."""

    kind: str
    inputs: int
    wrong: list[str]


def write_notebook(path: Path, cells: Sequence[str], parameters: str = PARAMETERS) -> None:
    """Write a small notebook."""
    node = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}
    )
    node.cells = [
        nbformat.v4.new_markdown_cell(f"# {path.stem}: why?", id="title"),
        nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(source, id=f"c{n}") for n, source in enumerate(cells)),
    ]
    nbformat.write(node, path)


def listed(names: Sequence[str]) -> str:
    """Write the list of small notebooks."""
    known = [
        {"notebook": n, "step": "s", "question": "why?", "needs": ["accounts"], "uses": [], "reads": [], "writes": [n]}
        for n in names
    ]
    return json.dumps(known)  # JSON is YAML


def base(folder: Path) -> None:
    """Make the workbook that inputs are put into."""
    for name in ("data", "notebooks", "export", "programme"):
        (folder / name).mkdir(parents=True)
    for name, text in (("accounts", ACCOUNTS), ("transactions", SALES), ("contacts", CONTACTS)):
        (folder / "data" / f"{name}.csv").write_text(text, "utf-8")
    write_notebook(folder / "notebooks" / "00_account_data.ipynb", CELLS)
    (folder / "notebooks" / "notebooks.yml").write_text(listed(["00_account_data"]), "utf-8")
    (folder / "export" / "rows.csv").write_text("Id,Name\na1,Acme\n", "utf-8")
    (folder / "mapping.yml").write_text(json.dumps(MAPPING), "utf-8")
    (folder / "workbook.yml").write_text("data: data\n", "utf-8")


# -- files that are hard to make --------------------------------------------------------------------------------------


def mapped(name: str, content: bytes) -> Callable[[Path], None]:
    """Put a file into the export, and let the mapping read it."""

    def make(path: Path) -> None:
        (path / "export" / name).write_bytes(content)
        (path / "mapping.yml").write_text(json.dumps(MAPPING | {"sources": {"rows": {"file": name}}}), "utf-8")

    return make


def sheet(cells: str) -> bytes:
    """Write an Excel file with the given rows in XML."""
    main = "http://schemas.openxmlformats.org/"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{main}package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}spreadsheetml/2006/main" xmlns:r="{main}officeDocument/2006/relationships">'
        '<sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{main}package/2006/relationships"><Relationship Id="r1" '
        f'Type="{main}officeDocument/2006/relationships/worksheet" Target="worksheets/s.xml"/></Relationships>',
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>',
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as into:
        for name, text in parts.items():
            into.writestr(name, text)
    return whole.getvalue()


def cell(place: str, text: str) -> str:
    """Write a cell of a sheet."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def database(*statements: str) -> Callable[[Path], None]:
    """Make a DuckDB file the data."""

    def make(path: Path) -> None:
        with duckdb.connect(str(path / "book.duckdb")) as con:
            for statement in (*statements, f"create table transactions as from '{path}/data/transactions.csv'"):
                con.execute(statement)
        (path / "workbook.yml").write_text("data: book.duckdb\nprogramme: programme\n", "utf-8")

    return make


def run_with(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Make a run first, and change something of it."""

    def make(path: Path) -> None:
        command([*RUN[:-1], "2026-05-31"], path)
        change(path)

    return make


def record(content: bytes | None) -> Callable[[Path], None]:
    """Damage the record of a run; None puts a folder in its place."""

    def change(path: Path) -> None:
        place = next((path / "out").glob("2026-05-31_*")) / "run.json"
        place.unlink()
        place.mkdir() if content is None else place.write_bytes(content)

    return run_with(change)


def left_over(path: Path) -> None:
    """Leave what killed runs leave."""
    for name in (".0123abcd.999999999.tmp", ".2026-05-31_0123abcd.999999999.gone"):
        (path / "out" / name / "html").mkdir(parents=True)
    (path / "out" / ".latest.999999999").symlink_to("nowhere")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS: dict[str, str | bytes] = {
    "aliases that multiply": BOMB + "title: *i\n",
    "nested 10,000 deep": "title: " + "[" * 10_000,
    "a name twice": "title: a\ntitle: b\n",
    "a list": "- a\n- b\n",
    "bytes": bytes(range(256)),
    "tabs": "title:\n\t- a\n",
}
PLACES = {
    "workbook.yml": DOCTOR, "mapping.yml": IMPORT, "parameters.yml": (*RUN, "-f", "parameters.yml"),
    "notebooks/notebooks.yml": ("list", "--notebooks", "notebooks"),
}  # fmt: skip
NAMES = {
    "markup": "[/x][link=file://x]<script>alert(1)</script>", "a formula": "=cmd|' /C calc'!A0",
    "right to left": "\u202egnp.exe\u2066", "braces": "{0}{name!r}{{% x %}}", "quotes": "a\"\"b'c`d", "a line end": "a\nb",
    "control signs": "a\x1b[31mb\x07", "10,000 letters": "n" * 10_000, "only blanks": "  \u00a0 ",
}  # fmt: skip
CELL: dict[str, object] = {
    "cell_type": "code",
    "execution_count": None,
    "id": "a",
    "metadata": {},
    "outputs": [],
    "source": "",
}
NODE = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
TAGGED = CELL | {"metadata": {"tags": ["parameters"]}}
NO_NOTEBOOKS: dict[str, str | bytes] = {
    "no JSON": "{", "a list": "[]", "bytes": bytes(range(256)), "nothing in it": "{}", "of version 3": json.dumps({"worksheets": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}),
    "without parameters": json.dumps(NODE), "parameters that do not read": json.dumps(NODE | {"cells": [TAGGED | {"source": "data: str = ("}]}),
}  # fmt: skip
KINDS: dict[str, list[Case]] = {
    "YAML": [Case(f"{what} in {place}", args, place, text, REFUSED) for what, text in TEXTS.items() for place, args in PLACES.items()],
    "data": [
        Case("5,000 columns", DOCTOR, "data/accounts.csv", f"{ACCOUNTS.partition(chr(10))[0]},{','.join(f'x{n}' for n in range(5_000))}\n"),
        Case("sums beyond 1e308", DOCTOR, "data/transactions.csv", SALES + "t2,acme,p,2026-02-01,1e308,purchase\nt3,acme,p,2026-02-01,1e308,purchase\n", (2, 3)),
        Case("year 9999", RUN, "data/transactions.csv", SALES + "t2,acme,p,9999-12-31,1,purchase\n"),
        Case("year 9999, far from UTC", RUN, "data/accounts.csv", ACCOUNTS.replace("2025-03-01T00:00:00Z", "9999-12-31T23:59:59-12:00")),
        Case("year 1", RUN, "data/accounts.csv", ACCOUNTS.replace("2025-03-01", "0001-01-01")),
        Case("bytes as CSV", DOCTOR, "data/accounts.csv", bytes(range(256)) * 100, (2, 3)),
        Case("bytes as Parquet", DOCTOR, "data/contacts.parquet", bytes(range(256)), (2, 3)),
        Case("a value of 50 MB", IMPORT, "export/rows.csv", "Id,Name\na1," + "x" * 50_000_000 + "\n"),
        Case("a quote without end", IMPORT, "export/rows.csv", 'Id,Name\na1,"Acme\n' + "a2,b\n" * 1_000),
        Case("no end of the last line", IMPORT, "export/rows.csv", "Id,Name\na1,Acme", FINE),
        Case("nothing in it", IMPORT, "export/rows.csv", "", REFUSED),
        Case("gz without end", IMPORT, ".", mapped("rows.csv.gz", gzip.compress(b"Id,Name\na1,Acme\n" * 1_000)[:-20]), REFUSED),
        Case("no gz at all", IMPORT, ".", mapped("rows.csv.gz", b"Id,Name\na1,Acme\n"), REFUSED),
        Case("JSON 100,000 deep", IMPORT, ".", mapped("rows.jsonl", b'{"Id":"a","Name":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"), REFUSED),
        Case("JSON without end", IMPORT, ".", mapped("rows.jsonl", b'{"Id":"a","Name":"b'), REFUSED),
        Case("a cell far away", IMPORT, ".", mapped("rows.xlsx", sheet(f'<row r="1">{cell("A1", "Id")}{cell("B1", "Name")}</row><row r="1048576">{cell("XFD1048576", "x")}</row>'))),
        Case("a zip bomb as a sheet", IMPORT, ".", mapped("rows.xlsx", sheet(f'<row r="1">{cell("A1", "Id")}{cell("B1", "x" * 300_000_000)}</row>'))),
        Case("a view over /etc/passwd", DOCTOR, ".", database("create view accounts as select column0 account_id, column0 as name, timestamp '2025-01-01' created_at from read_csv('/etc/passwd', delim=':', header=false)"), (2, 3), ("root",)),
        Case("the same in a report", RUN, ".", database("create view accounts as select column0 account_id, column0 as name, timestamp '2025-01-01' created_at from read_csv('/etc/passwd', delim=':', header=false)"), (2, 3), ("root",)),
        Case("a view without end", DOCTOR, ".", database("create view accounts as with recursive r(n) as (select 1 union all select n + 1 from r where n < 100) select n::varchar account_id, 'x' as name, timestamp '2025-01-01' created_at from r")),
    ],
    "names": [
        *(Case(what, RUN, "data/accounts.csv", ACCOUNTS.replace("Acme", '"' + name + '"'), (0, 3), ("<script>alert",)) for what, name in NAMES.items()),
        *(Case(f"title: {what}", DOCTOR, "workbook.yml", json.dumps({"data": "data", "title": name}), EITHER, ("\x1b[31mb\x07",)) for what, name in NAMES.items()),
        Case("a folder in braces", ("run", "--data", "workbook.yml", "--as-of", "2026-06-30", "--out", "a{b}c{0}"), codes=FINE),
        Case("a folder with quotes", ("run", "--data", "workbook.yml", "--as-of", "2026-06-30", "--out", "a'b\"c #%"), codes=FINE),
    ],
    "parameters": [
        *(Case(given, (*RUN, "-p", given), codes=REFUSED) for given in ("months=x", "months=1.5", "share=nan", "share=1e309", "unknown=1", "months=__import__('os')", "=1", "months")),
        *(Case(given, (*RUN, "-p", given)) for given in (f"months={'9' * 400}", "months=-1", "share=-1e308")),
        *(Case(given, (*RUN, *REAL, "-p", given)) for given in ("12.window_months=99999", "12.slip_months=-1", "12.slip_months=0")),
        *(Case(f"as of {day}", (*RUN[:-1], day)) for day in ("0001-01-01", "9999-12-31", "2026-02-30", "", "latest-data", "-1")),
    ],
    "folders of runs": [
        *(Case(f"run.json: {what}", RUN, ".", record(content), FINE) for what, content in (("empty", b""), ("a list", b"[1]"), ("bytes", bytes(range(256))), ("a folder", None), ("other values", b'{"as_of": 1, "id": [], "complete": "x", "fingerprint": 7}'))),
        Case("prune beside a damaged run.json", ("prune", "--keep", "1", "--out", "out"), ".", record(b"{"), FINE),
        Case("export of a damaged run", ("export", "latest", "--zip", "--out", "out"), ".", record(b"{"), REFUSED),
        Case("what killed runs left", RUN, ".", left_over, FINE),
        Case("a folder of one's own called latest", RUN, ".", lambda path: (path / "out" / "latest").mkdir(parents=True), (0, 1, 2)),
        Case("out is a file", (*RUN[:4], "workbook.yml", *RUN[5:]), codes=REFUSED),
        Case("out in the data", (*RUN[:4], "data/out", *RUN[5:]), codes=EITHER),
        Case("a password in out", (*RUN[:4], "https://u:geheim@host/x", *RUN[5:]), codes=REFUSED, never=("geheim",)),
        Case("a password in data", ("doctor", "--data", "postgresql://u:geheim@host/x"), codes=REFUSED, never=("geheim",)),
        Case("a password in workbook.yml", DOCTOR, "workbook.yml", "data: postgresql://u:geheim@host/x\n", REFUSED, ("geheim",)),
    ],
    "notebooks": [
        Case(f"{what}: abm {args[0]}", args, "notebooks/00_account_data.ipynb", text, REFUSED)
        for what, text in NO_NOTEBOOKS.items() for args in (RUN, ("params", "00", "--notebooks", "notebooks"), DOCTOR)
    ],
    "ids to forget": [
        *(Case(repr(given), (*FORGET, given), codes=REFUSED, keeps=True) for given in ("", " ", "unknown-77", "../../x", "%", "C1", "c1\n2")),
        Case("a known one", (*FORGET, "c1"), codes=FINE, never=("Ann Quill",)),
        Case("where there is no data", ("forget", "--data", "nowhere", "c1"), codes=REFUSED, keeps=True),
    ],
}  # fmt: skip


# -- trying them ------------------------------------------------------------------------------------------------------


def command(args: Sequence[str], folder: Path) -> tuple[int, str, int]:
    """Run the command in a folder; give its exit code, what it printed, and the most memory it held, in bytes."""
    own = {"PYTHONPATH": str(ROOT), "ABM_KEY": "k" * 32, "TMPDIR": str(folder)}
    with (folder.parent / f"{folder.name}.said").open("w+b") as said:
        child = subprocess.Popen(  # noqa: S603 -- our own command
            [*COMMAND, *args],
            cwd=folder,
            env=dict(os.environ) | own,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        with suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_AS, (CEILING, CEILING))
        late = Timer(SECONDS, child.kill)
        late.start()
        _, status, used = os.wait4(child.pid, 0)
        late.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return child.returncode, said.read().decode("utf-8", "replace"), used.ru_maxrss * 1024


def data_of(folder: Path) -> dict[str, bytes]:
    """Read the files of data and programme, but for locks and caches."""
    places = (folder / "data", folder / "programme")
    return {str(p): p.read_bytes() for f in places for p in f.rglob("*") if p.is_file() and "/." not in str(p)}


def attempt(case: Case) -> list[str]:
    """Put an input in its place and meet it with the command; say what was not as expected."""
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as work:
        folder = Path(work) / "home"
        base(folder)
        if callable(case.content):
            case.content(folder)
        elif case.file:
            content = case.content.encode() if isinstance(case.content, str) else case.content
            (folder / case.file).write_bytes(content)
        before = data_of(folder)
        code, said, memory = command(case.args, folder)
        pages = "".join(p.read_text("utf-8", "replace") for p in folder.glob("out/*/**/*.html"))
        wrong = [] if code in case.codes else [f"exit code {code}"]
        wrong += ["traceback"] if "Traceback" in said else []
        wrong += [f"{memory / 1e6:,.0f} MB"] if memory > MOST else []
        wrong += [f"says {word!r}" for word in case.never if word in said or word in pages]
        wrong += ["data changed"] if case.keeps and data_of(folder) != before else []
        wrong += ["a folder named after an address"] if list(folder.glob("*:")) else []
        return [f"{case.what}: {', '.join(wrong)}"] if wrong else []


def tried(kinds: Sequence[str] = tuple(KINDS)) -> list[Tried]:
    """Try all inputs of some kinds, several at once; print what was not as expected."""
    results = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for kind in kinds:
            wrong = [words for found in pool.map(attempt, KINDS[kind]) for words in found]
            for words in wrong:
                print(f"{kind}, {words}", flush=True)  # noqa: T201
            results.append(Tried(kind, len(KINDS[kind]), wrong))
    return results


def table(results: Sequence[Tried]) -> str:
    """Write what the inputs did as a table."""
    lines = ["| kind of input | inputs | as expected | not as expected |", "| --- | ---: | ---: | --- |"]
    for one in results:
        told = "; ".join(word.replace("|", "\\|") for word in one.wrong[:FEW])
        told += f"; {len(one.wrong) - FEW} more" if len(one.wrong) > FEW else ""
        lines.append(f"| {one.kind} | {one.inputs} | {one.inputs - len(one.wrong)} | {told or 'nothing'} |")
    return "\n".join(lines)
