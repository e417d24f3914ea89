"""Markets of growing size to Parquet with `abm market`: wall time and peak memory, beside drawing random rows alone.

    python -m benchmarks.big_market                          # 10,000, 100,000 and 1,000,000 accounts; about an hour
    python -m benchmarks.big_market --accounts 5000 20000    # shorter

Memory must not grow with the number of accounts. Beside it stands what costs least: as many rows of random activities by
numpy and pandas, in parts of the same size, which mean nothing and fit to nothing. Times differ by machine, so nothing is
asserted; the ratios are what to look at.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pyarrow.dataset as ds

from benchmarks.big_import import measured

DENSITY = 4.6  # touches as a multiple of the sample's: about a hundred activities an account in three years
PART = 500_000  # random rows in one part
MOST = 10_000_000  # random rows drawn; their time is scaled to as many as the market has
RANDOM = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
folder, rows, part = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
rng = np.random.default_rng(7)
words = np.array(["web", "email", "phone", "meeting", "event"])
for k, first in enumerate(range(0, rows, part)):
    n = min(part, rows - first)
    pd.DataFrame({
        "activity_id": [f"V{first + i}" for i in range(n)],
        "account_id": [f"A{i}" for i in rng.integers(0, 1_000_000, n)],
        "contact_id": [f"C{i}" for i in rng.integers(0, 5_000_000, n)],
        "occurred_at": pd.Timestamp("2023-07-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 94_608_000, n), unit="s"),
        "channel": rng.choice(words, n), "activity_type": rng.choice(words, n), "direction": rng.choice(words, n),
        "duration_min": rng.random(n) * 60, "person_hours": rng.random(n),
    }).to_parquet(folder / f"part-{k:05d}.parquet", index=False)
"""


def main() -> None:
    """Make each market, measure it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that simulate")
    parser.add_argument("--folder", type=Path, default=None, help="where there is room; default: the temporary folder")
    given = parser.parse_args()
    abm = [sys.executable, "-c", "from abmlib.cli import main; main()", "market", "--format", "parquet"]
    heads = f"{'accounts':>10}{'rows':>14}{'activities':>13}{'seconds':>9}{'GB':>7}{'peak MB each':>14}"
    print(f"{os.cpu_count()} processors, {given.jobs} processes")  # noqa: T201
    print(f"{heads}{'times random rows':>19}")  # noqa: T201
    for accounts in given.accounts:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="market-") as work:
            folder = Path(work)
            size = ["--accounts", str(accounts), "--density", str(DENSITY), "--jobs", str(given.jobs)]
            seconds, _, memory = measured([*abm, *size, "--out", f"{folder}/market"])
            tables = [f for f in (folder / "market").iterdir() if f.is_dir() and f.name != "programme"]
            rows = {f.name: ds.dataset(f).count_rows() for f in tables}
            disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
            drawn = min(sum(rows.values()), MOST)
            alone, *_ = measured([sys.executable, "-c", RANDOM, f"{folder}/random", str(drawn), str(PART)])
            alone *= sum(rows.values()) / drawn
        print(  # noqa: T201
            f"{accounts:>10,}{sum(rows.values()):>14,}{rows['activities']:>13,}{seconds:>9.0f}{disk:>7.2f}{memory:>14.0f}"
            f"{seconds / alone:>19.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
