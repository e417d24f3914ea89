"""What the command prints: sentences, tables, a bar; errors in one sentence each, and as exit codes."""

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from abmlib.tables.errors import NO_ROOM

if TYPE_CHECKING:
    import pandas as pd

WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 180  # a log or a mail must not cut tables
out, err = Console(soft_wrap=True, highlight=False, width=WIDE), Console(stderr=True, soft_wrap=True, highlight=False)
DONE, SOME_FAILED, BAD_INPUT, CHECKS_FAILED = 0, 1, 2, 3


class NotFinished(ValueError):
    """The report could not be written."""

    code = SOME_FAILED


class ChecksFailed(ValueError):
    """The data breaks a check that no report may pass."""

    code = CHECKS_FAILED


class Verbs(TyperGroup):
    """The verbs of the command; an error in any of them is printed in one sentence and becomes the exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Call a verb."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as wrong:  # TableError is a ValueError
            err.print(plain(reason(wrong)), style="red", markup=False)
            raise typer.Exit(getattr(wrong, "code", BAD_INPUT)) from wrong


def reason(error: BaseException) -> str:
    """Say in words what is wrong, and what to do if the operating system refused something."""
    if not isinstance(error, OSError) or not error.errno:
        return str(error) or "The command was stopped."
    where = f"{error.filename}: " if error.filename else ""
    remedies = dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), " Give a place that you may read and write.")
    remedies |= dict.fromkeys(NO_ROOM, " Make room, or give another place.")
    return f"{where}{error.strerror}.{remedies.get(error.errno, '')}"


def plain(text: str) -> str:
    """Write text of the data so that no character in it steers the terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def show(*sentences: object) -> None:
    """Print sentences, a line each, as they are."""
    for sentence in sentences:
        out.print(plain(str(sentence)), markup=False)


def show_table(frame: "pd.DataFrame", title: str | None = None) -> None:
    """Print a table; numbers are on the right, and text of the data is printed as text."""
    cells = frame.astype(object).where(frame.notna(), "")
    cells = cells.map(lambda value: f"{value:,}" if isinstance(value, int) else plain(str(value)))
    printed = Table(title=title and Text(plain(title)), title_justify="left")
    for name in cells:
        numbers = len(cells) and cells[name].str.fullmatch(r"-?[\d,]*").all()
        printed.add_column(name.replace("_", " "), justify="right" if numbers else "left")
    for row in cells.itertuples(index=False):
        printed.add_row(*map(Text, row))
    out.print(printed)


def progress() -> Progress:
    """A bar that disappears when the work is done."""
    description = TextColumn("{task.description}", markup=False)
    return Progress(SpinnerColumn(), description, BarColumn(), MofNCompleteColumn(), console=err, transient=True)
