"""What a report on the sample costs in this checkout, beside another: whole reports, opening a book, imports of notebooks.

    git worktree add ../before COMMIT
    python -m benchmarks.report_cost ../before             # about a quarter of an hour
    python -m benchmarks.report_cost ../before --parts open imports

Both checkouts take turns (before, after, before, after …) under one interpreter and one machine, so that the ratios hold though
the seconds do not: CPU and wall time of the whole tree of processes (kernels that are killed included), median over the pairs and
range. *Cold* is a report after the cache of snapshots was removed, *warm* the one after it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.big_import import measured

AFTER = Path(__file__).parents[1]
CACHE = ".abm_cache"  # beside workbook.yml
AS_OF = "2026-06-30"  # the last day of the sample
TARGETS = {"cold": (0.6, 0.5), "warm": (0.45, 0.4)}  # after / before: CPU, wall
OPEN_TARGET = 0.1  # CPU seconds
IMPORT_TARGET, WITH_STATS = 1.3, 2.0  # CPU seconds; the second where scipy.stats is imported
HEAVY = ("ibis", "pandera", "duckdb", "scipy.stats")
REPORT = "from abmlib.cli import main; main()"
OPENED = """
import sys, time
from abmlib.tables import Book
start = time.process_time()
book = Book.open(sys.argv[1], as_of=sys.argv[2])
book.read("accounts"), book.read("transactions")
print(time.process_time() - start, *[name for name in sys.argv[3:] if name in sys.modules])
"""
IMPORTED = """
import sys, time
start = time.process_time()
exec(sys.argv[1])
print(time.process_time() - start, *[name for name in sys.argv[2:] if name in sys.modules])
"""


def setting(checkout: Path) -> dict[str, object]:
    """How a process is started that takes its code from a checkout."""
    return {"cwd": checkout, "env": os.environ | {"PYTHONPATH": str(checkout)}}


def printed(checkout: Path, code: str, *words: str) -> list[str]:
    """Run code in a fresh process of a checkout; give the words it prints."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, **setting(checkout)).stdout.split()  # noqa: S603


def prepare(checkout: Path) -> None:
    """Compile the code of a checkout, and make sure that it is the one that runs."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "abmlib"], check=True, **setting(checkout))
    (place,) = printed(checkout, "import abmlib; print(abmlib.__file__)")
    if not Path(place).is_relative_to(checkout):
        raise SystemExit(f"{checkout}: its code is not used, {place} is. Give the folder that holds abmlib.")


def report(checkout: Path, state: str) -> tuple[float, float]:
    """CPU and wall seconds of a whole report on the sample of a checkout, without its cache or with it."""
    data = checkout / "data" / "sample"
    if state == "cold":
        shutil.rmtree(data / CACHE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", REPORT, "run", "--data", str(data), "--out", out]
        seconds, cpu, _ = measured(command, **setting(checkout))
    return cpu, seconds


def import_cell(notebook: Path) -> str:
    """The code of the first cell of a notebook that is not its parameters: its imports."""
    cells = [c for c in json.loads(notebook.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    return next("".join(c["source"]) for c in cells if "parameters" not in c["metadata"].get("tags", []))


def spread(values: Sequence[float]) -> str:
    """Median and range."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def reports(before: Path, pairs: int) -> None:
    """Print what a whole report costs, as a ratio of both checkouts."""
    found: dict[tuple[str, Path], list[tuple[float, float]]] = {}
    for _ in range(pairs):
        for state in TARGETS:
            for checkout in (before, AFTER):
                found.setdefault((state, checkout), []).append(report(checkout, state))
    for state, targets in TARGETS.items():
        for i, (what, target) in enumerate(zip(("CPU", "wall"), targets, strict=True)):
            old, new = ([run[i] for run in found[state, checkout]] for checkout in (before, AFTER))
            ratios = [y / x for x, y in zip(old, new, strict=True)]
            show(f"report, {state}, {what}", old, new, f"{spread(ratios)} × before, target {target}")


def opened(before: Path, pairs: int) -> None:
    """Print the CPU seconds of opening a book and reading two tables, once its snapshot is there."""
    taken: dict[Path, list[list[str]]] = {before: [], AFTER: []}
    for _ in range(pairs + 1):
        for checkout, turns in taken.items():
            turns.append(printed(checkout, OPENED, str(checkout / "data" / "sample"), AS_OF, *HEAVY))
    old, new = (
        [float(words[0]) for words in turns[1:]] for turns in taken.values()
    )  # the first may build the snapshot
    show("open and read two tables, CPU", old, new, f"target {OPEN_TARGET} s; {loaded(taken[AFTER])}")


def imports(before: Path, pairs: int) -> None:
    """Print the CPU seconds of each notebook's imports, and the heavy modules among them."""
    for notebook in sorted((AFTER / "notebooks").glob("*.ipynb")):
        sides = [c for c in (before, AFTER) if (c / "notebooks" / notebook.name).is_file()]
        found: dict[Path, list[list[str]]] = {c: [] for c in sides}
        for _ in range(pairs):
            for checkout in sides:
                cell = import_cell(checkout / "notebooks" / notebook.name)
                found[checkout].append(printed(checkout, IMPORTED, cell, *HEAVY))
        old, new = ([float(words[0]) for words in found.get(c, [])] for c in (before, AFTER))
        target = WITH_STATS if "scipy.stats" in found[AFTER][0] else IMPORT_TARGET
        show(f"imports of {notebook.stem}, CPU", old, new, f"target {target} s; {loaded(found[AFTER])}")


def loaded(turns: Sequence[Sequence[str]]) -> str:
    """Name the heavy modules that were there in the end."""
    return f"imports {', '.join(turns[-1][1:]) or 'no heavy module'}"


def show(what: str, old: Sequence[float], new: Sequence[float], more: str) -> None:
    """Print one line."""
    print(f"{what:46}{median(old) if old else float('nan'):8.2f} s{median(new):8.2f} s   {more}", flush=True)  # noqa: T201


PARTS = {"report": reports, "open": opened, "imports": imports}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path, help="another checkout")
    parser.add_argument("--pairs", type=int, default=3, help="times that both take their turn")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    given = parser.parse_args()
    before = given.before.resolve()
    for checkout in (before, AFTER):
        prepare(checkout)
    print(f"{os.cpu_count()} processors, {given.pairs} pairs\n{'':46}{'before':>10}{'after':>10}")  # noqa: T201
    for part in given.parts:
        PARTS[part](before, given.pairs)


if __name__ == "__main__":
    main()
