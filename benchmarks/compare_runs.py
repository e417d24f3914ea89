"""Compare two run folders: everything that a reader of a report could see must be equal, to the last digit.

    python -m benchmarks.compare_runs reports/before/latest reports/after/latest
    python -m benchmarks.compare_runs --tables A B      # tables/*.parquet only

Left out is what differs between two equal runs: the id of a run, where its data is, seconds, versions, the hash of a notebook,
the number of an executed cell, the id of a cell that papermill put in, and what a Parquet file says about itself. Each
difference is printed with its first place; the exit code is 1 where there is one.
"""

import argparse
import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

NOT_COMPARED = {"id", "seconds", "versions", "notebooks"}  # of run.json
FOLDERS = {"data", "tables", "previous"}  # parameters that say where a run is
INJECTED = "injected-parameters"
A_RUN = re.compile(r"\b(\d{4}-\d\d-\d\d)_([0-9a-f]{8}|RUN)(-\d+)?\b")
VERSIONS = re.compile(r"<tr><th>Versions</th>.*?</tr>")
ABSENT = "(absent)"
SHOWN = 60  # characters of a text shown from where it differs


def injected(notebook: Path) -> str:
    """The parameters that papermill put into an executed notebook, as text; empty where there are none."""
    cells = nbformat.read(notebook, as_version=4).cells
    return next((c.source for c in cells if INJECTED in c.metadata.get("tags", [])), "")


def own_words(run: Path) -> dict[str, str]:
    """Texts that only this run has, and what to read instead: its id, and the folders its notebooks were given."""
    record, words = run / "run.json", {}
    for notebook in sorted(run.glob("notebooks/*.ipynb")):
        for line in ast.parse(injected(notebook)).body:
            if isinstance(line, ast.Assign) and (name := ast.unparse(line.targets[0])) in FOLDERS:
                words[f'"{ast.literal_eval(line.value)}"'] = f'"{name}"'
    return words | ({json.loads(record.read_text("utf-8"))["id"]: "RUN"} if record.is_file() else {})


def neutral(text: str, words: dict[str, str]) -> str:
    """A text without what only its own run has."""
    for word, instead in words.items():
        text = text.replace(word, instead)
    return VERSIONS.sub("", A_RUN.sub(r"\1_RUN", text))


def from_first(a: str, b: str) -> str:
    """Two unequal texts from shortly before the first place where they differ."""
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(at - 20, 0)
    line = a.count("\n", 0, at) + 1
    return f"line {line}: {a[start : start + SHOWN]!r} and {b[start : start + SHOWN]!r}"


def tree(a: Any, b: Any, where: str = "") -> Iterator[str]:
    """Where two nested values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a | b:
            yield from tree(a.get(key, ABSENT), b.get(key, ABSENT), f"{where}.{key}" if where else key)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from tree(x, y, f"{where}[{i}]")
    elif isinstance(a, str) and isinstance(b, str) and a != b:
        yield f"{where}, {from_first(a, b)}"
    elif a != b or type(a) is not type(b):
        yield f"{where}: {str(a)[:SHOWN]!r} and {str(b)[:SHOWN]!r}"


def tables(a: Path, b: Path, *_: Any) -> Iterator[str]:
    """Where two Parquet tables differ as pandas reads them: columns, rows, types, values."""
    one, other = pd.read_parquet(a), pd.read_parquet(b)
    if list(one) != list(other):
        yield f"columns {list(one)} and {list(other)}"
    if not one.index.equals(other.index):
        yield f"{len(one)} and {len(other)} rows, or another index"
        return
    for name in [c for c in one if c in other]:
        x, y = one[name], other[name]
        if x.dtype != y.dtype:
            yield f"column {name} is {x.dtype} and {y.dtype}"
            continue
        try:
            pd.testing.assert_series_equal(x, y, check_exact=True)
        except AssertionError:
            rows = [i for i, pair in enumerate(zip(x, y, strict=True)) if repr(pair[0]) != repr(pair[1])]
            first = f", first in row {rows[0]}: {x.iloc[rows[0]]!r} and {y.iloc[rows[0]]!r}" if rows else ""
            yield f"column {name} differs in {len(rows)} of {len(x)} rows{first}"


def cells(notebook: Path, words: dict[str, str]) -> list[dict[str, Any]]:
    """Cells and outputs of an executed notebook, as two equal runs have them."""
    node = nbformat.reads(neutral(notebook.read_text("utf-8"), {}), as_version=4)
    for cell in node.cells:
        is_injected = INJECTED in cell.metadata.get("tags", [])
        cell.id = INJECTED if is_injected else cell.id
        cell.source = neutral(cell.source, words if is_injected else {})
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        for output in [cell, *cell.get("outputs", [])]:
            output.pop("execution_count", None)
    return json.loads(json.dumps(node.cells))


def notebooks(a: Path, b: Path, ours: dict[str, str], theirs: dict[str, str]) -> Iterator[str]:
    """Where two executed notebooks differ: the first place of each cell."""
    one, other = cells(a, ours), cells(b, theirs)
    if (m := [c["id"] for c in one]) != (n := [c["id"] for c in other]):
        yield f"cells {sorted(set(m) ^ set(n)) or 'in another order'}"
    by_id = {c["id"]: c for c in other}
    for cell in [c for c in one if c["id"] in by_id]:
        yield from [f"cell {cell['id']} {where}" for where in tree(cell, by_id[cell["id"]])][:1]


def records(a: Path, b: Path, ours: dict[str, str], theirs: dict[str, str]) -> Iterator[str]:
    """Where two run.json differ, what is not compared left out."""
    one, other = (
        json.loads(neutral(p.read_text("utf-8"), w), object_hook=lambda d: {k: v for k, v in d.items() if k not in NOT_COMPARED})
        for p, w in ((a, ours), (b, theirs))
    )  # fmt: skip
    return tree(one, other)


def texts(a: Path, b: Path, ours: dict[str, str], theirs: dict[str, str]) -> Iterator[str]:
    """Where two pages, summaries or lists differ."""
    one, other = neutral(a.read_text("utf-8"), ours), neutral(b.read_text("utf-8"), theirs)
    if one != other:
        yield from_first(one, other)


KINDS = {".parquet": tables, ".ipynb": notebooks, ".json": records}  # the rest is text


def compare(a: Path, b: Path, pattern: str = "**/*") -> tuple[int, list[str]]:
    """Count the files that two runs both have, and say where they differ."""
    names = [{p.relative_to(run).as_posix() for p in run.glob(pattern) if p.is_file()} for run in (a, b)]
    found = [f"{name}: only in {a if name in names[0] else b}" for name in sorted(names[0] ^ names[1])]
    both, words = sorted(names[0] & names[1]), (own_words(a), own_words(b))
    for name in both:
        found += [f"{name}: {where}" for where in KINDS.get(Path(name).suffix, texts)(a / name, b / name, *words)]
    return len(both), found


def main() -> None:
    """Compare, print, and end with 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN", help="a run folder, as reports/sample/latest")
    parser.add_argument("--tables", action="store_true", help="compare tables only")
    given = parser.parse_args()
    number, found = compare(*given.runs, "tables/*.parquet" if given.tables else "**/*")
    print("\n".join([*found, f"{number} files in both runs, {len(found)} differences"]))  # noqa: T201
    raise SystemExit(1 if found or not number else 0)


if __name__ == "__main__":
    main()
