"""Features of accounts from 100,000,000 activities and 10,000,000 transactions: `book.features` beside hand-written SQL and pandas.

    python -m benchmarks.big_features                      # all of it; about 6 GB of disk and 4 GB of memory
    python -m benchmarks.big_features --activities 5000000 --accounts 20000 --pandas

The features are those of activities and of transactions that a person would write by hand in DuckDB; the hand-written query
reads the same Parquet files and gives the same numbers, which is checked. The book does more: it types every value, leaves out
what was known later, and looks for companies entered twice. Each way runs in a process of its own, one after the other.
Times differ by machine, so nothing is asserted; the ratios are what to look at. pandas holds the table in memory and is asked
only where it fits.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd

AS_OF = "2026-06-30"
NAMES = [
    "revenue_12m", "revenue_prior_12m", "revenue_growth_12m", "margin_12m", "buying_days_12m", "days_since_purchase",
    "touches_in_30d", "touches_in_90d", "touches_out_90d", "engagement_14d", "engagement_30d", "engagement_90d",
    "engagement_web_30d", "engagement_email_30d", "meetings_90d", "key_pages_90d", "conversions_365d", "days_since_touch_in",
    "momentum_4w", "people_90d", "effective_people_90d",
]  # fmt: skip
MADE = """
COPY (SELECT 'A' || i AS account_id, 'Company ' || i AS name, 'company' || i || '.example' AS domain, 'Germany' AS country,
             TIMESTAMP '2023-01-01' AS created_at FROM range({accounts}) AS r(i))
  TO '{folder}/accounts.parquet' (FORMAT parquet);
COPY (SELECT i::VARCHAR AS activity_id, 'A' || (hash(i) % {accounts}) AS account_id, 'C' || (hash(i) % ({accounts} * 5)) AS contact_id,
             TIMESTAMP '2024-07-01' + to_seconds(hash(i, 1) % (729 * 86400)) AS occurred_at,
             ['inbound', 'outbound', 'mutual'][1 + (hash(i, 2) % 3)::INT] AS direction,
             ['web', 'email', 'phone', 'meeting', 'event', 'ad'][1 + (hash(i, 3) % 6)::INT] AS channel,
             CASE hash(i, 4) % 5 WHEN 0 THEN 'key' WHEN 1 THEN 'other' END AS page_class, hash(i, 5) % 50 = 0 AS is_conversion,
             hash(i, 6) % 25 = 0 AS is_bot, CASE hash(i, 7) % 4 WHEN 0 THEN 'no_show' END AS outcome
      FROM range({activities}) AS r(i)) TO '{folder}/activities.parquet' (FORMAT parquet);
COPY (SELECT i::VARCHAR AS transaction_id, 'A' || (hash(i, 8) % {accounts}) AS account_id,
             DATE '2024-07-01' + (hash(i, 9) % 730)::INT AS booked_at, (hash(i, 10) % 100000) / 100.0 AS revenue,
             (hash(i, 11) % 50000) / 100.0 AS cogs, CASE hash(i, 12) % 30 WHEN 0 THEN 'return' ELSE 'purchase' END AS kind
      FROM range({transactions}) AS r(i)) TO '{folder}/transactions.parquet' (FORMAT parquet);
"""
BY_HAND = """
WITH sold AS (
  SELECT account_id,
    round(sum(revenue) FILTER (booked_at > DATE '2025-06-30'), 6) AS revenue_12m,
    round(sum(revenue) FILTER (booked_at <= DATE '2025-06-30' AND booked_at > DATE '2024-06-30'), 6) AS revenue_prior_12m,
    round(sum(revenue - cogs) FILTER (booked_at > DATE '2025-06-30'), 6) AS margin_12m,
    count(DISTINCT booked_at) FILTER (booked_at > DATE '2025-06-30' AND kind <> 'return') AS buying_days_12m,
    DATE '2026-06-30' - max(booked_at) FILTER (kind <> 'return') AS days_since_purchase
  FROM '{folder}/transactions.parquet' WHERE booked_at <= DATE '2026-06-30' GROUP BY account_id),
touch AS NOT MATERIALIZED (
  SELECT account_id, occurred_at, contact_id, channel, direction, page_class, is_conversion, outcome,
    direction IN ('inbound', 'mutual') AS theirs, floor((epoch(TIMESTAMP '2026-07-01') - 1 - epoch(occurred_at)) / 86400) AS age
  FROM '{folder}/activities.parquet' WHERE NOT is_bot AND occurred_at < TIMESTAMP '2026-07-01'),
touched AS (
  SELECT account_id,
    count(*) FILTER (theirs AND age < 30) AS touches_in_30d, count(*) FILTER (theirs AND age < 90) AS touches_in_90d,
    count(*) FILTER (direction = 'outbound' AND age < 90) AS touches_out_90d,
    sum(pow(0.5, age / 14)) FILTER (theirs) AS engagement_14d, sum(pow(0.5, age / 30)) FILTER (theirs) AS engagement_30d,
    sum(pow(0.5, age / 90)) FILTER (theirs) AS engagement_90d,
    sum(pow(0.5, age / 30)) FILTER (theirs AND channel IN ('web', 'ecommerce', 'chat')) AS engagement_web_30d,
    sum(pow(0.5, age / 30)) FILTER (theirs AND channel IN ('email', 'direct_mail')) AS engagement_email_30d,
    count(*) FILTER (channel = 'meeting' AND outcome IS DISTINCT FROM 'no_show' AND age < 90) AS meetings_90d,
    count(*) FILTER (page_class = 'key' AND age < 90) AS key_pages_90d,
    count(*) FILTER (is_conversion AND age < 365) AS conversions_365d,
    min(age) FILTER (theirs) AS days_since_touch_in,
    count(*) FILTER (theirs AND age < 7) * 4 / nullif(count(*) FILTER (theirs AND age >= 7 AND age < 35), 0) - 1 AS momentum_4w
  FROM touch GROUP BY account_id),
people AS (
  SELECT account_id, contact_id, count(*)::DOUBLE AS n FROM touch WHERE theirs AND age < 90 AND contact_id IS NOT NULL GROUP BY ALL),
breadth AS (
  SELECT account_id, count(*) AS people_90d, exp(ln(sum(n)) - sum(n * ln(n)) / sum(n)) AS effective_people_90d
  FROM people GROUP BY account_id)
SELECT a.account_id, revenue_12m, revenue_prior_12m,
  CASE WHEN round(revenue_prior_12m, 6) > 0 THEN revenue_12m / revenue_prior_12m - 1 END AS revenue_growth_12m, margin_12m,
  buying_days_12m, days_since_purchase, touches_in_30d, touches_in_90d, touches_out_90d, engagement_14d, engagement_30d,
  engagement_90d, engagement_web_30d, engagement_email_30d, meetings_90d, key_pages_90d, conversions_365d, days_since_touch_in,
  momentum_4w, people_90d, effective_people_90d
FROM '{folder}/accounts.parquet' AS a LEFT JOIN sold USING (account_id) LEFT JOIN touched USING (account_id)
  LEFT JOIN breadth USING (account_id) ORDER BY a.account_id
"""


def by_book(folder: Path) -> pd.DataFrame:
    """What the project does."""
    from abmlib.tables import Book

    return Book.open(folder, as_of=AS_OF).features(NAMES)


def by_hand(folder: Path) -> pd.DataFrame:
    """What a person would write in DuckDB."""
    return duckdb.sql(BY_HAND.format(folder=folder)).df()[["account_id", *NAMES]]


def by_pandas(folder: Path) -> pd.DataFrame:
    """What a person would write in pandas; the features of touches alone."""
    touch = pd.read_parquet(folder / "activities.parquet")
    touch = touch[~touch["is_bot"] & (touch["occurred_at"] < "2026-07-01")]
    touch["age"] = (pd.Timestamp("2026-07-01") - pd.Timedelta(seconds=1) - touch["occurred_at"]).dt.days
    touch["theirs"] = touch["direction"].isin(["inbound", "mutual"])
    own = touch[touch["theirs"]]
    made = {f"touches_in_{d}d": own[own["age"] < d].groupby("account_id").size() for d in (30, 90)}
    made |= {f"engagement_{h}d": (0.5 ** (own["age"] / h)).groupby(own["account_id"]).sum() for h in (14, 30, 90)}
    recent = own[own["age"] < 90]
    made["people_90d"] = recent.groupby("account_id")["contact_id"].nunique()
    return pd.DataFrame(made).reset_index()


WAYS = {"book": by_book, "DuckDB by hand": by_hand, "pandas": by_pandas}


def one(way: str, folder: Path) -> None:
    """Run one way in this process, and leave what it gives."""
    start = time.perf_counter()
    frame = WAYS[way](folder)
    seconds = time.perf_counter() - start
    frame.to_parquet(folder / f"{way}.out")
    (folder / f"{way}.json").write_text(json.dumps({"seconds": seconds}))


def measured(way: str, folder: Path) -> tuple[float, float, float]:
    """Run one way in a process of its own; give its seconds, CPU seconds and the most memory it held, in GB."""
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.big_features", "--one", way, "--folder", str(folder)])  # noqa: S603
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way} stopped with {child.returncode}")
    seconds = json.loads((folder / f"{way}.json").read_text())["seconds"]
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def differences(folder: Path) -> list[str]:
    """Name the features in which the book and the query by hand differ by more than the noise of floats."""
    mine, theirs = (
        pd.read_parquet(folder / f"{way}.out").set_index("account_id") for way in ("book", "DuckDB by hand")
    )
    apart = []
    for name in NAMES:
        one, other = (f[name].astype("float64").fillna(0.0) for f in (mine, theirs.reindex(mine.index)))
        if ((one - other).abs() > 1e-6 * (1 + other.abs())).any():
            apart.append(name)
    return apart


def main() -> None:
    """Make the tables, run each way, and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--activities", type=int, default=100_000_000)
    parser.add_argument("--transactions", type=int, default=10_000_000)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument(
        "--pandas", action="store_true", help="ask pandas too; it needs about 1 GB per 5,000,000 activities"
    )
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.folder)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        folder = Path(place)
        sizes = {k: getattr(args, k) for k in ("accounts", "activities", "transactions")}
        make = [sys.executable, "-c", "import sys, duckdb; duckdb.execute(sys.argv[1])"]
        subprocess.run([*make, MADE.format(folder=folder, **sizes)], check=True)  # noqa: S603 -- elsewhere: see `measured`
        ways = [w for w in WAYS if w != "pandas" or args.pandas]
        found = {way: measured(way, folder) for way in ways}
        apart = differences(folder)
    base = found["DuckDB by hand"]
    print(  # noqa: T201
        f"{args.activities:,} activities, {args.transactions:,} transactions, {args.accounts:,} accounts, {len(NAMES)} features"
    )
    for way, (seconds, cpu, memory) in found.items():
        print(  # noqa: T201
            f"{way:16} {seconds:8.1f} s {cpu:8.1f} s of CPU {memory:6.2f} GB {seconds / base[0]:6.2f} × by hand {cpu / base[1]:6.2f} × its CPU"
        )
    print("same numbers" if not apart else f"DIFFERENT: {apart}")  # noqa: T201


if __name__ == "__main__":
    main()
