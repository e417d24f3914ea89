"""What several tests share: the places of the project, and a small book a person can check in the head."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings
from typer.testing import CliRunner

from abmlib.cli import app
from abmlib.tables import schema

settings.register_profile("house", derandomize=True, deadline=None)  # the same cases every time, on any machine
settings.load_profile("house")

ROOT = Path(__file__).parents[1]
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


def entries(name: str, columns: str, rows: list[tuple], /, **same: object) -> pd.DataFrame:
    """Entries of a programme table, to spec; the last value of a row is when it was entered."""
    frame = pd.DataFrame(rows, columns=[*columns.split(), "entered_at"]).assign(**{"entered_by": "lead"} | same)
    times = {c: pd.to_datetime(frame[c], utc=True) for c in frame if c.endswith("_at")}
    return schema.conform(name, frame.assign(**times))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with three accounts and four transactions."""
    return put(tmp_path / "data", accounts=ACCOUNTS, transactions=TRANSACTIONS)


@pytest.fixture
def shared_data():
    """Give a folder of the real data, or skip where it is absent."""

    def folder(name: str) -> Path:
        path = SHARED / name
        if not path.is_dir():
            pytest.skip(f"the real data set {name} is not beside this checkout")
        return path

    return folder
