"""Two large CSV files through `abm import`: seconds, CPU and memory, beside DuckDB alone and pandas in chunks.

    python -m benchmarks.big_import            # 2 GB each in a temporary folder; needs about three times that on the disk
    python -m benchmarks.big_import --gb 0.2   # shorter

One file has lines of invoices, the other events as a CRM writes them: ten columns with times, words that are translated, notes
with quotes and line breaks, and gaps. Each way runs in a process of its own, one after the other, and leaves the same rows with
types as Parquet. The import does more than the other two: it reads the text through, checks every value and every key, and
writes a ledger. Times differ by machine, so nothing is asserted; the ratios are what to look at.
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROWS_OF_BLOCK = 100_000


@dataclass(frozen=True)
class Shape:
    """A kind of file: what a line of it is, and how each way reads it."""

    table: str
    head: str
    columns: str  # of the mapping
    select: str  # of DuckDB, typed
    dates: str  # column that pandas reads as times
    line: Callable[[int], str]  # of row n; @ is the number of the block
    words: str = ""  # of the source in the mapping


def invoice(n: int) -> str:
    """A line of an invoice."""
    return (
        f"@-{n},customer {n * 7919 % 20_011},SKU-{n * 31 % 997},20{20 + n % 6}-{1 + n % 12:02d}-{1 + n % 28:02d},"
        f"{n * 37 % 100_003 / 100},{1 + n % 9},{n * 17 % 50_021 / 100},order taken by phone {n % 89}\n"
    )


def event(n: int) -> str:
    """A row of an export of activities, whose last values are often missing."""
    kind = ("Email Sent", "Call", "Meeting", "Visited a page", "Reply")[n * 7 % 5]
    note = f'"Talked about ""price"", again\n{n % 89}"' if n % 50 == 0 else f"follow-up {n % 997}"
    return (
        f"00U@x{n:06d},0015g{n * 7919 % 20_011:07d}AAC,0035g{n * 31 % 90_007:07d}AAK,{'' if n % 3 else f'006{n % 5_003}'},"
        f"20{20 + n % 6}-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:{n * 7 % 60:02d}.000Z,{kind},"
        f"{('outbound', 'inbound')[n % 2]},{note},{n % 90 if n % 4 else ''},{f'CMP-{n % 31}' if n % 10 == 0 else ''}\n"
    )


SHAPES = {
    "invoices": Shape(
        "transactions",
        "Line,Customer,Product,Booked,Revenue,Quantity,Cost,Note",
        """transaction_id: Line
      account_id: Customer
      product_id: Product
      booked_at: Booked
      quantity: Quantity
      revenue: Revenue
      cogs: Cost""",
        "Line, Customer, Product, Booked::date as Booked, Quantity::double as Quantity, Revenue::double as Revenue, Cost::double as Cost",
        "Booked",
        invoice,
    ),
    "events": Shape(
        "activities",
        "Id,AccountId,WhoId,WhatId,ActivityDate,Type,Direction,Description,Minutes,CampaignId",
        """activity_id: Id
      account_id: AccountId
      contact_id: WhoId
      opportunity_id: WhatId
      occurred_at: ActivityDate
      channel: {column: Type, map: {Email Sent: email, Reply: email, Call: phone, Meeting: meeting, Visited a page: web}}
      direction: Direction
      outcome: Description
      duration_min: Minutes
      campaign_id: CampaignId""",
        "Id, AccountId, WhoId, WhatId, ActivityDate::timestamptz as ActivityDate, case Type when 'Email Sent' then 'email' when 'Reply' then "
        "'email' when 'Call' then 'phone' when 'Meeting' then 'meeting' when 'Visited a page' then 'web' end as Type, Direction, "
        "Description, Minutes::double as Minutes, CampaignId",
        "ActivityDate",
        event,
    ),
}
MAPPING = """version: 1
title: big
sources:
  rows: {{file: rows.csv}}
  few: {{file: few.csv}}
tables:
  accounts: {{from: few, columns: {{account_id: Id, name: Id}}}}
  {table}:
    from: rows
    columns:
      {columns}
"""
PANDAS = """
import sys
import pandas as pd, pyarrow as pa, pyarrow.parquet as pq
types = {"Minutes": float, "Quantity": float, "Revenue": float, "Cost": float}
writer = None
for chunk in pd.read_csv(sys.argv[1], chunksize=500_000, parse_dates=[sys.argv[3]], dtype=dict.fromkeys(sys.argv[4].split(","), str) | types):
    table = pa.Table.from_pandas(chunk.drop(columns="Note", errors="ignore"), preserve_index=False)
    writer = writer or pq.ParquetWriter(sys.argv[2], table.schema, compression="zstd")
    writer.write_table(table)
writer.close()
"""
DUCKDB = """
import sys
import duckdb
rows = f"read_csv('{sys.argv[1]}', all_varchar = true, header = true, delim = ',', quote = '\\"')"
duckdb.execute(f"copy (select {sys.argv[3]} from {rows}) to '{sys.argv[2]}' (format parquet, compression zstd)")
"""


def make(path: Path, size: float, shape: Shape = SHAPES["invoices"]) -> int:
    """Write a CSV of about `size` bytes, a block at a time, each row with a key of its own; give the number of rows."""
    block = "".join(map(shape.line, range(ROWS_OF_BLOCK)))
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{shape.head}\n")
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


def compare(shape: Shape, size: float, folder: Path) -> tuple[float, int, list[tuple[str, float, float, float]]]:
    """Make a file and read it each way; give its bytes, its rows, and what each way took."""
    (folder / "in").mkdir()
    file, copy = folder / "in" / "rows.csv", folder / "copy.parquet"
    rows = make(file, size, shape)
    (folder / "in" / "few.csv").write_text("Id\ncustomer 1\n", "utf-8")
    (folder / "mapping.yml").write_text(MAPPING.format(table=shape.table, columns=shape.columns), "utf-8")
    abm = "from abmlib.cli import main; main()"
    ways: dict[str, tuple[list[str], Path]] = {
        "abm import": (["-c", abm, "import", f"{folder}/mapping.yml", f"{folder}/in", "--to", f"{folder}/book"],
                       folder / "book" / f"{shape.table}.parquet"),
        "DuckDB COPY": (["-c", DUCKDB, str(file), str(copy), shape.select], copy),
        "pandas in chunks": (["-c", PANDAS, str(file), str(copy), shape.dates, shape.head], copy),
    }  # fmt: skip
    took = []
    for way, (command, left) in ways.items():
        took.append((way, *measured([sys.executable, *command])))
        if (n := pq.read_metadata(left).num_rows) != rows:
            raise SystemExit(f"{way}: {n:,} of {rows:,} rows.")
        left.unlink()
    return file.stat().st_size, rows, took


def main() -> None:
    """Make the files, measure each way and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=2.0, help="size of each file")
    parser.add_argument("--folder", type=Path, default=None, help="where there is room; default: the temporary folder")
    parser.add_argument("--shape", choices=SHAPES, default=None, help="one shape alone")
    given = parser.parse_args()
    for name in [given.shape] if given.shape else SHAPES:
        with tempfile.TemporaryDirectory(dir=given.folder, prefix="big-") as work:
            size, rows, took = compare(SHAPES[name], given.gb * 1e9, Path(work))
        print(f"{name}: {size / 1e9:.2f} GB, {rows:,} rows, {os.cpu_count()} processors")  # noqa: T201
        print(f"{'':18}{'seconds':>9}{'CPU':>8}{'peak MB':>9}   import is so many times it: time, CPU, memory")  # noqa: T201
        for way, *used in took:
            ratios = "".join(f"{ours / its:>8.2f}" for ours, its in zip(took[0][1:], used, strict=True))
            print(f"{way:18}{used[0]:>9.1f}{used[1]:>8.1f}{used[2]:>9.0f}   {ratios}")  # noqa: T201


if __name__ == "__main__":
    main()
