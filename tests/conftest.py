"""What several tests share: the places of the project, a small book, small notebooks, and one report on the sample."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from filelock import FileLock
from hypothesis import settings
from typer.testing import CliRunner

from abmlib.cli import app
from abmlib.tables import Book, schema
from abmlib.tables.days import beside

settings.register_profile("house", derandomize=True, deadline=None)  # the same cases every time, on any machine
settings.load_profile("house")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
SAMPLE = ROOT / "data" / "sample"
SHARED = ROOT.parent / "shared" / "data"

ACCOUNTS = """account_id,name,created_at,employees,is_duplicate_of
acme,Acme,2025-01-01T00:00:00Z,50,
beta,Beta,2025-03-01T00:00:00Z,20,
late,Late,2026-05-01T00:00:00Z,5,
"""
TRANSACTIONS = """transaction_id,account_id,product_id,booked_at,revenue,kind,known_at
t1,acme,p,2025-02-01,100,purchase,
t2,acme,p,2026-03-31,50,purchase,
t3,beta,p,2026-04-01,30,purchase,
t4,beta,p,2026-03-15,70,purchase,2026-04-10T08:00:00Z
"""

PARAMETERS = 'data: str = "."  # data\nas_of: str = "2026-01-01"  # day\ntables: str = "."  # tables\n'
OPEN = "from abmlib.tables import Book, schema\nbook = Book.open(data, as_of, tables)"  # cells of small notebooks
DECIDE = 'book.decide("call", kind="sell", text="Call them", accounts=book.read("accounts")["account_id"])'
SHOW = 'book.read("accounts")[["account_id", "name"]]'


# Files that take long, the longest first.
LONG = ("test_truth.py", "test_notebooks.py", "test_people.py", "test_export.py", "test_forget.py", "test_bad_input.py",
        "test_harder_market.py", "test_switches.py", "test_online_retail.py", "test_online_retail_both.py", "test_run.py",
        "test_benchmarks.py", "test_any_book.py", "test_local_days.py", "test_key_accounts.py", "03_key_accounts.ipynb")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose few tests take long: at the end one process would work and the others wait."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_collection_finish() -> None:
    """Let what was imported and collected stay, unsearched for garbage: a book makes many small objects that live for a moment."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def abm(*args: object) -> tuple[int, str]:
    """Call the command; give its exit code and all it printed, on one line."""
    result = CliRunner().invoke(app, [str(a) for a in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def put(folder: Path, **tables: str) -> Path:
    """Write tables given as CSV text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


def leave(name: str) -> str:
    """The last cell of a small notebook: it leaves a table without rows."""
    return f'book.write("{name}", schema.empty("{name}"))'


def notebook(folder: Path, name: str, *cells: str, parameters: str = "", reads: tuple = (), writes: tuple = ()) -> None:
    """Put a small notebook into a folder, and its entry into notebooks.yml."""
    node = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}
    )
    node.cells = [nbformat.v4.new_markdown_cell(f"# {name}: why?\n", id="title")]
    node.cells.append(
        nbformat.v4.new_code_cell(PARAMETERS + parameters, id="parameters", metadata={"tags": ["parameters"]})
    )
    node.cells += [nbformat.v4.new_code_cell(source, id=f"c{i}") for i, source in enumerate(cells)]
    folder.mkdir(exist_ok=True)
    nbformat.write(node, folder / f"{name}.ipynb")
    listed = folder / "notebooks.yml"
    entries = yaml.safe_load(listed.read_text()) if listed.exists() else []
    entry = {"notebook": name, "step": "s", "question": "why?", "needs": ["accounts"], "uses": []}
    listed.write_text(yaml.safe_dump([*entries, entry | {"reads": list(reads), "writes": list(writes)}]))


def as_read(name: str, frame: pd.DataFrame | None = None, time_zone: str = "UTC") -> pd.DataFrame:
    """A canonical table as `Book.read` gives it: to spec, with the local days beside the times; without rows if none are given."""
    return beside(schema.empty(name) if frame is None else schema.conform(name, frame), time_zone)


def entries(name: str, columns: str, rows: list[tuple], /, **same: object) -> pd.DataFrame:
    """Entries of a programme table, as read in Berlin; the last value of a row is when it was entered, in UTC."""
    frame = pd.DataFrame(rows, columns=[*columns.split(), "entered_at"]).assign(**{"entered_by": "lead"} | same)
    times = {c: pd.to_datetime(frame[c], utc=True) for c in frame if c.endswith("_at")}
    return as_read(name, frame.assign(**times), "Europe/Berlin")


@pytest.fixture(scope="session")
def small_opened(tmp_path_factory) -> Path:
    """The small book with a snapshot of the day that most tests ask for."""
    folder = put(tmp_path_factory.mktemp("small") / "data", accounts=ACCOUNTS, transactions=TRANSACTIONS)
    Book.open(folder, "2026-06-30")
    return folder


@pytest.fixture
def small(small_opened: Path, tmp_path: Path) -> Path:
    """A folder with three accounts and four transactions."""
    return Path(shutil.copytree(small_opened, tmp_path / "data"))


@pytest.fixture(scope="session")
def sample_report(tmp_path_factory, worker_id) -> Iterator[Path]:
    """The report on the sample, made once in a session by whichever worker needs it first; who changes it takes a copy."""
    base = tmp_path_factory.getbasetemp()
    out = (base if worker_id == "master" else base.parent) / "sample"
    with FileLock(f"{out}.lock"):
        if not (out / "latest").exists():
            code, said = abm("run", "--data", SAMPLE, "--out", out)
            assert code == 0, said
    made = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    yield (out / "latest").resolve()
    assert made == {p: p.stat().st_mtime_ns for p in out.rglob("*")}, "a test changed the report that all share"


@pytest.fixture
def shared_data():
    """Give a folder of the real data, or skip where it is absent."""

    def folder(name: str) -> Path:
        path = SHARED / name
        if not path.is_dir():
            pytest.skip(f"the real data set {name} is not beside this checkout")
        return path

    return folder
