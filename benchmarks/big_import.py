"""A CSV of 2 GB through `abm import`: wall time and peak memory, beside pandas in chunks and DuckDB alone on the same file.

    python -m benchmarks.big_import            # 2 GB in a temporary folder; needs about three times that on the disk
    python -m benchmarks.big_import --gb 0.2   # shorter

Each way runs in a process of its own, one after the other, and leaves the same rows as Parquet. The import does more than
the other two: it reads the text through, checks every value and every key, and writes a ledger. Times differ by machine,
so nothing is asserted; the ratios are what to look at.
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HEAD = "Line,Customer,Product,Booked,Revenue,Quantity,Cost,Note"
ROWS_OF_BLOCK = 100_000
MAPPING = """version: 1
title: big
sources:
  lines: {file: lines.csv}
tables:
  transactions:
    from: lines
    columns:
      transaction_id: Line
      account_id: Customer
      product_id: Product
      booked_at: Booked
      quantity: Quantity
      revenue: Revenue
      cogs: Cost
"""
PANDAS = """
import sys
import pandas as pd, pyarrow as pa, pyarrow.parquet as pq
writer = None
for chunk in pd.read_csv(sys.argv[1], chunksize=500_000, parse_dates=["Booked"]):
    table = pa.Table.from_pandas(chunk.drop(columns="Note"), preserve_index=False)
    writer = writer or pq.ParquetWriter(sys.argv[2], table.schema, compression="zstd")
    writer.write_table(table)
writer.close()
"""
DUCKDB = """
import sys
import duckdb
duckdb.execute(
    f"copy (select * exclude Note from read_csv('{sys.argv[1]}')) to '{sys.argv[2]}' (format parquet, compression zstd)"
)
"""


def make(path: Path, size: float) -> int:
    """Write a CSV of about `size` bytes, a block at a time, each line with a key of its own; give the number of rows."""
    block = "".join(
        f"@-{n},customer {n * 7919 % 20_011},SKU-{n * 31 % 997},20{20 + n % 6}-{1 + n % 12:02d}-{1 + n % 28:02d},"
        f"{n * 37 % 100_003 / 100},{1 + n % 9},{n * 17 % 50_021 / 100},order taken by phone {n % 89}\n"
        for n in range(ROWS_OF_BLOCK)
    )
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{HEAD}\n")
        while file.tell() < size:
            file.write(block.replace("@", str(rows // ROWS_OF_BLOCK)))
            rows += ROWS_OF_BLOCK
    return rows


PR_SET_CHILD_SUBREAPER = 36  # of Linux: who is left by its parent becomes a child of this process


def children() -> set[int]:
    """The processes whose parent this one is, on Linux."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(number) for file in lists for number in file.read_text().split()}


def measured(command: list[str], **how: Any) -> tuple[float, float, float]:
    """Run a command to its end; give its seconds, its CPU seconds and the most memory it held, in MB.

    CPU counts every process that came of it, also kernels that are killed, and on Linux those that outlive their parent. Memory
    is that of the largest process, and Linux lets a process begin with the peak of the one that starts it: hold little here.

    Parameters
    ----------
    how : as of `subprocess.Popen`
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    there, before, start = children(), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, **how)  # noqa: S603 -- these files' own commands
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command[:4])}: ended with {child.returncode}.")
    seconds = time.perf_counter() - start
    while left := children() - there:  # who outlives it ends by itself
        for process in left:
            os.waitpid(process, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds, cpu, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Make the file, measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=2.0, help="size of the file")
    parser.add_argument("--folder", type=Path, default=None, help="where there is room; default: the temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="big-") as work:
        folder = Path(work)
        (folder / "in").mkdir()
        file = folder / "in" / "lines.csv"
        rows = make(file, given.gb * 1e9)
        (folder / "mapping.yml").write_text(MAPPING, "utf-8")
        abm = [sys.executable, "-c", "from abmlib.cli import main; main()", "import"]
        ways = {
            "abm import": (
                [*abm, f"{folder}/mapping.yml", f"{folder}/in", "--to", f"{folder}/book"],
                "book/transactions",
            ),
            "pandas, in chunks": ([sys.executable, "-c", PANDAS, str(file), f"{folder}/pandas.parquet"], "pandas"),
            "DuckDB COPY": ([sys.executable, "-c", DUCKDB, str(file), f"{folder}/duckdb.parquet"], "duckdb"),
        }
        lines = []
        for way, (command, made) in ways.items():
            seconds, _, memory = measured(command)
            left = folder / f"{made}.parquet"
            if pq.read_metadata(left).num_rows != rows:
                raise SystemExit(f"{way}: {pq.read_metadata(left).num_rows:,} of {rows:,} rows.")
            lines.append((way, seconds, memory, left.stat().st_size / 1e6))
            left.unlink()
        size = file.stat().st_size
    print(f"{size / 1e9:.2f} GB, {rows:,} rows, {os.cpu_count()} processors")  # noqa: T201
    print(f"{'way':20}{'seconds':>10}{'MB/s':>8}{'peak MB':>10}{'file MB':>10}{'import/it, time':>17}{'memory':>8}")  # noqa: T201
    for way, seconds, memory, left_mb in lines:
        ratios = f"{lines[0][1] / seconds:>17.2f}{lines[0][2] / memory:>8.2f}"
        print(f"{way:20}{seconds:>10.1f}{size / 1e6 / seconds:>8.0f}{memory:>10.0f}{left_mb:>10.0f}{ratios}")  # noqa: T201


if __name__ == "__main__":
    main()
