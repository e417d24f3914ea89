"""The errors a reader of the workbook can meet, in the one form of the house."""

import errno
from collections.abc import Iterable

FIRST = 3  # cases named in an error before it stops listing
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # what a full disk says
LONGEST = 80  # characters of a name or value in an error


class TableError(ValueError):
    """The data is wrong in a way its owner can mend."""


class NotAnswerable(Exception):
    """This data cannot answer the notebook's question; the page says what to export, and that is a success."""

    def __init__(self, missing: list[str], day: str, advice: str) -> None:
        """Keep what is missing and what to export; the message holds both."""
        self.missing = missing
        super().__init__(f"Not answerable from this data as of {day}: nothing known in {', '.join(missing)}. {advice}")

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone where IPython would print a stack."""
        return [str(self)]


def shown(value: object) -> str:
    """Write a name or value so that it can stand in a line of text: cut, and without signs that steer a terminal.

    Examples
    --------
    >>> print(shown("a\\nb"))
    a\\nb
    >>> len(shown("a" * 100_000))
    80
    """
    text = cut(str(value))
    return text if text.isprintable() else repr(text)[1:-1]


def cut(text: str) -> str:
    """Cut a long text for an error message."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def first_cases(cases: Iterable[object]) -> str:
    """Name the first few of `cases` for an error message.

    Examples
    --------
    >>> first_cases([4, 7, 9, 12])
    '(first: [4, 7, 9])'
    """
    first = [case for _, case in zip(range(FIRST), cases, strict=False)]
    return f"(first: {[cut(case) if isinstance(case, str) else case for case in first]})"
