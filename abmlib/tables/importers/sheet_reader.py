"""The process that reads a spreadsheet: a hostile file may end it, and nothing else.

`files.sheet` starts it with what it wants as JSON, and gets JSON back. It imports nothing of abmlib, so that it starts at once.
"""

import contextlib
import csv
import datetime as dt
import itertools
import json
import sys
from pathlib import Path
from typing import Any

MEMORY = 2  # GiB of this process
SECONDS = 60
HEAD = 100  # rows looked at for the line of names


def answer(path: str, sheet: str | None = None, header_row: int = 1, to: str = "") -> dict[str, Any]:
    """Write a sheet as CSV, or look at the first rows of all.

    A sheet starts with the row of its column names. Without a name the first is taken that is not hidden. Blank rows go.

    Parameters
    ----------
    to : file to write; without it each sheet is described: its name, whether it is hidden, and how many cells of its
        first rows are filled
    """
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            shown = calamine.SheetVisibleEnum.Visible
            tables = [s for s in book.sheets_metadata if s.typ == calamine.SheetTypeEnum.WorkSheet]
            hidden = [s.name for s in tables if s.visible != shown]
            if not to:
                return {"sheets": [[s.name, s.name in hidden, _filled(book, s.name)] for s in tables]}
            names = [s.name for s in tables]
            first = next(iter([n for n in names if n not in hidden] or names), None)
            wanted = first if sheet is None else sheet
            if wanted not in names:
                return {"names": names}
            gaps = _write(book.get_sheet_by_name(wanted).iter_rows(), header_row, to)
            return {"sheet": wanted, "gaps": gaps, "hidden": [n for n in hidden if n != wanted]}
    except calamine.CalamineError as wrong:
        return {"wrong": str(wrong)}
    except OSError as wrong:
        return {"errno": wrong.errno, "file": str(wrong.filename or to or path)}


def _filled(book: Any, name: str) -> list[int]:
    return [sum(c != "" for c in row) for row in itertools.islice(book.get_sheet_by_name(name).iter_rows(), HEAD)]


def _write(rows: Any, header_row: int, to: str) -> int:
    """Write rows as CSV, and count the blank ones between them."""
    gaps, blank = 0, 0
    with Path(to).open("w", encoding="utf-8", newline="") as new:
        writer = csv.writer(new, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for number, row in enumerate(rows, 1):
            cells = [_cell(value) for value in row]
            if number > header_row and not any(cells):
                blank += 1  # those at the end are none
            elif number >= header_row:
                gaps, blank = gaps + blank, 0
                writer.writerow(cells)
    return gaps


def _cell(value: Any) -> str:
    """Write a cell as text that reads back as the same value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value + 0.0).removesuffix(".0")  # 3.0 is the number 3, and -0.0 is 0
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _limit() -> None:
    """Take no more memory and time than allowed, where the system can be told."""
    with contextlib.suppress(ImportError):
        import resource

        for what, most in ((resource.RLIMIT_AS, MEMORY * 2**30), (resource.RLIMIT_CPU, SECONDS)):
            _, above = resource.getrlimit(what)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (most if above == resource.RLIM_INFINITY else min(most, above), above))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(answer(**json.loads(sys.argv[1]))))
