"""The errors a reader of the workbook can meet, in the one form of the house."""

import errno
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

FIRST = 3  # cases named in an error before it stops listing
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # what a full disk says
LONGEST = 80  # characters of a name or value in an error
# Of e-mail; from the beginning of a word alone, or a long word would be read once from each of its letters.
ADDRESS = re.compile(r"(?<![^\s@,;:<>()'\"])[^\s@,;:<>()'\"]+@[^\s@]*\.[^\s@,;:<>()'\"]+")
UNKNOWN = "is unknown"
PLAIN = {  # pydantic's words, and plain ones
    "Input should be": "must be", "Field required": "is missing", "String should": "must", "List should": "must", " after validation": "",
    "Unexpected keyword argument": UNKNOWN, "Extra inputs are not permitted": UNKNOWN, "Value error, ": "",
    "a valid string": "text", "a valid integer": "a whole number", "a valid number": "a number",
    "a valid boolean": "true or false", "a valid tuple": "a list", "a valid list": "a list",
    "a valid dictionary": "names with values", "a dictionary or an instance of": "names with values, as",
    "greater than or equal to": "at least", "less than or equal to": "at most",
}  # fmt: skip
HAVE_NO_VALUE = ("missing", "value_error", "extra_forbidden", "unexpected_keyword_argument")  # or one that says nothing


class TableError(ValueError):
    """The data is wrong, and its owner can correct it."""


class NotAnswerable(Exception):
    """This data cannot answer the question of the notebook.

    The page says what to export, and the run counts as a success.
    """

    def __init__(self, missing: list[str], day: str, advice: str) -> None:
        """Keep what is missing and what to export; the message holds both."""
        self.missing, lacking = missing, ", ".join(missing).replace("_", " ")
        super().__init__(f"Not answerable from this data: nothing known in {lacking} by {day}. {advice}")

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone where IPython would print a stack."""
        return [str(self)]


def shown(value: object) -> str:
    """Write a name or value for a line of text.

    It is cut, and has no signs that steer a terminal.

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
    """Cut a long text for an error message, and hide e-mail addresses in it.

    Examples
    --------
    >>> cut("Ann <ann@acme.example>")
    'Ann <…@…>'
    """
    text = ADDRESS.sub("…@…", text)
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


def from_pydantic(wrong: "ValidationError", file: str, names: Sequence[str] = ()) -> TableError:
    """Give the error of a file that breaks its pydantic model, in the form of the house.

    Parameters
    ----------
    file : what was read, as the reader knows it
    names : what it may hold at its top, listed where a name is unknown
    """
    sentences = [in_words(error) for error in wrong.errors()]
    few = "; ".join(sentences[:FIRST])
    counted = f"{len(sentences)} values are wrong (the first {FIRST}): " if len(sentences) > FIRST else ""
    allowed = f"; it may have {[*names]}" if names and UNKNOWN in few else ""
    end = "" if few[-1] == "." else " Correct the file."
    return TableError(f"{file}: {counted}{few.removesuffix('.')}{allowed}.{end}")


def in_words(error: Any) -> str:
    """Write an error of pydantic in plain words: its place, what must be there, what is there."""
    place, words = shown(".".join(map(str, error["loc"]))), str(error["msg"])
    for written, plain in PLAIN.items():
        words = words.replace(written, plain)
    got = "" if error["type"] in HAVE_NO_VALUE else f", got {shown(repr(error['input']))}"
    return f"{place} {words}{got}".strip()
