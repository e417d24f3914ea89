"""The snapshot of 1,000,000 accounts and 10,000,000 lines from unsorted CSV, beside DuckDB's own copy of it to typed Parquet.

    python -m benchmarks.big_snapshot                                       # needs about 3 GB of disk
    python -m benchmarks.big_snapshot --accounts 10000 --lines 100000       # shorter

Each way runs in a process of its own, and they take turns. Building a snapshot does more than the copy: it checks every value and
key, applies the time rules and finds companies entered twice. Then a process opens the book and reads both tables whole; their rows
and sums must be those of the copy, less the companies entered twice. Seconds differ by machine; the ratio is what to look at.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.big_import import measured
from benchmarks.report_cost import CACHE

AS_OF = "2026-06-30"
TWICE = 1000  # one account in so many is entered a second time, under another legal form
TARGETS = {"wall": 2.0, "GB": 2.0}  # × the copy; at most
DUCKDB = "import sys, duckdb; duckdb.execute('SET enable_progress_bar = false'); duckdb.execute(sys.argv[1])"
MADE = """
CREATE MACRO syllable(n) AS 'bcdfghjklmnprstvwxyz'[1 + n // 5 % 20] || 'aeiou'[1 + n % 5];
CREATE MACRO word(n) AS syllable(n) || syllable(n // 100) || syllable(n // 10000) || syllable(n // 1000000);
COPY (SELECT 'A' || i AS account_id,
             upper(word(own)[1]) || word(own)[2:] || ' ' || ['Systems', 'Logistics', 'Foods', 'Energy'][1 + own % 4] || ' '
               || ['GmbH', 'Inc.', 'Ltd', 'S.A.', 'Sp. z o.o.', 'AG'][1 + (hash(i, 1) % 6)::INT] AS name,
             word(own) || '.example' AS domain, ['Germany', 'France', 'Poland', 'Italy'][1 + own % 4] AS country,
             ['manufacturing', 'retail', 'finance', 'health care', 'construction'][1 + own % 5] AS industry,
             (5 * exp(hash(i, 2) % 700 / 100.0))::INT AS employees,
             strftime(TIMESTAMP '2019-01-01' + to_seconds(hash(i, 3) % (7 * 365 * 86400)), '%Y-%m-%dT%H:%M:%SZ') AS created_at
      FROM (SELECT i, CASE WHEN i % {twice} = {twice} - 1 THEN i - 1 ELSE i END AS own FROM range({accounts}) AS r(i))
      ORDER BY hash(i, 4)) TO '{folder}/accounts.csv' (FORMAT csv);
COPY (SELECT 'T' || i AS transaction_id, 'A' || (hash(i, 5) % {accounts}) AS account_id, 'P' || (hash(i, 6) % 500) AS product_id,
             strftime(DATE '2023-07-01' + (hash(i, 7) % 1095)::INT, '%Y-%m-%d') AS booked_at, sign * (1 + hash(i, 8) % 90) AS quantity,
             sign * (hash(i, 9) % 1000000)::INT / 100 AS revenue, sign * (hash(i, 10) % 500000)::INT / 100 AS cogs,
             CASE WHEN sign < 0 THEN 'return' WHEN i % 5 = 0 THEN 'renewal' ELSE 'purchase' END AS kind
      FROM (SELECT i, CASE hash(i, 11) % 30 WHEN 0 THEN -1 ELSE 1 END AS sign FROM range({lines}) AS r(i))
      ORDER BY hash(i, 12)) TO '{folder}/transactions.csv' (FORMAT csv);
"""
COPIED = """
COPY (SELECT * FROM read_csv('{folder}/accounts.csv', header = true, columns = {{
        account_id: VARCHAR, name: VARCHAR, domain: VARCHAR, country: VARCHAR, industry: VARCHAR, employees: BIGINT,
        created_at: TIMESTAMP}})) TO '{to}/accounts.parquet' (FORMAT parquet);
COPY (SELECT * FROM read_csv('{folder}/transactions.csv', header = true, columns = {{
        transaction_id: VARCHAR, account_id: VARCHAR, product_id: VARCHAR, booked_at: DATE, quantity: DOUBLE, revenue: DOUBLE,
        cogs: DOUBLE, kind: VARCHAR}})) TO '{to}/transactions.parquet' (FORMAT parquet);
"""
BUILT = "import sys; from abmlib.tables import Book; Book.open(sys.argv[1], as_of=sys.argv[2])"
READ = """
import json, sys
from pathlib import Path
from abmlib.tables import Book
book = Book.open(sys.argv[1], as_of=sys.argv[2])
accounts, lines = book.read("accounts"), book.read("transactions")
found = {"accounts": len(accounts), "lines": len(lines), "revenue": float(lines["revenue"].sum())}
Path(sys.argv[3]).write_text(json.dumps(found))
"""


def make(folder: Path, accounts: int, lines: int) -> None:
    """Write both tables as CSV, in no order; in a process of its own, for the memory it takes."""
    text = MADE.format(folder=folder, accounts=accounts, lines=lines, twice=TWICE)
    subprocess.run([sys.executable, "-c", DUCKDB, text], check=True)  # noqa: S603


def expected(folder: Path, accounts: int) -> dict[str, float]:
    """What a book must say of the tables that DuckDB copied."""
    lines = pq.read_table(folder / "transactions.parquet", columns=["revenue"])["revenue"]
    copied = pq.read_metadata(folder / "accounts.parquet").num_rows
    if copied != accounts:
        raise SystemExit(f"DuckDB COPY: {copied:,} of {accounts:,} accounts.")
    return {"accounts": accounts - accounts // TWICE, "lines": len(lines), "revenue": pc.sum(lines).as_py()}


def compare(work: Path, accounts: int, lines: int, times: int) -> dict[str, list[tuple[float, float, float]]]:
    """Seconds, CPU seconds and peak MB of each way, each time; stops where the book's rows or sums are wrong."""
    data, copy, said = work / "data", work / "copy", work / "said.json"
    for folder in (data, copy):
        folder.mkdir()
    make(data, accounts, lines)
    ways = {
        "DuckDB COPY": [DUCKDB, COPIED.format(folder=data, to=copy)],
        "open, no snapshot yet": [BUILT, str(data), AS_OF],
        "open and read both": [READ, str(data), AS_OF, str(said)],
    }
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for _ in range(times):
        shutil.rmtree(data / CACHE, ignore_errors=True)
        for way, command in ways.items():
            found[way].append(measured([sys.executable, "-c", *command]))
    wanted, got = expected(copy, accounts), json.loads(said.read_text())
    if wrong := [k for k in wanted if not math.isclose(wanted[k], got[k], rel_tol=1e-9)]:
        raise SystemExit(f"book: {[f'{k} {got[k]:,} instead of {wanted[k]:,}' for k in wrong]}.")
    return found


def main() -> None:
    """Make the tables, measure each way and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=2, help="times that each way takes its turn")
    parser.add_argument("--folder", type=Path, default=None, help="where there is room; default: the temporary folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="snapshot-") as work:
        found = compare(Path(work), given.accounts, given.lines, given.times)
        size = sum(f.stat().st_size for f in Path(work).glob("data/*.csv"))
    rows = f"{given.accounts:,} accounts, {given.lines:,} lines"
    print(f"{rows}, {size / 1e9:.2f} GB of CSV, {os.cpu_count()} processors")  # noqa: T201
    print(f"{'way':24}{'seconds':>10}{'CPU':>10}{'peak GB':>10}{'× COPY':>10}")  # noqa: T201
    for way, runs in found.items():
        for (seconds, cpu, memory), (copy, *_) in zip(runs, found["DuckDB COPY"], strict=True):
            print(f"{way:24}{seconds:>10.1f}{cpu:>10.1f}{memory / 1e3:>10.2f}{seconds / copy:>10.2f}")  # noqa: T201
    print(f"same rows and sums; a snapshot should take at most {TARGETS['wall']} × COPY and {TARGETS['GB']} GB")  # noqa: T201


if __name__ == "__main__":
    main()
