"""Whether a page, notebook or list names a person: searched as its readers see it, not in its markup."""

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from abmlib.tables import redact

SILENT = {"class", "id", "style", "for", "name"}  # attributes of HTML that say nothing to a reader
KEEP = {"id", "image/png", "image/jpeg"}  # of a notebook: no words
MARKUP = {"text/html", "image/svg+xml"}
LOOKS_LIKE_A_FIGURE = re.compile(r"\d{0,5}")  # an id that the text of a page cannot tell from a count
ESCAPED = re.compile(r"\\([\\`*_\[\]<>#|@])")  # in Markdown, see `front.plain`


@dataclass(frozen=True)
class Person:
    """Who is to be forgotten: the id, and the names that are known."""

    contact_id: str
    names: frozenset[str] = frozenset()

    @property
    def has_a_number_only(self) -> bool:
        """Whether text cannot tell the id from a count; also where no id is given."""
        return bool(LOOKS_LIKE_A_FIGURE.fullmatch(self.contact_id))

    def is_in(self, text: str) -> bool:
        """Say whether a text has the id or a name as whole words."""
        return bool(
            (not self.has_a_number_only and self.contact_id in text and self._id.search(text)) or self._named(text)
        )

    @cached_property
    def _id(self) -> re.Pattern[str]:
        # a hyphen joins two words; after a written \n, as in a quoted text, a word begins
        return re.compile(rf"(?:(?<!\w)(?<!\w-)|(?<=\\[nrt])){re.escape(self.contact_id)}(?!-?\w)")

    @cached_property
    def _sought(self) -> redact.Index:
        return redact.index(self.names)

    def _named(self, text: str) -> bool:
        """Say whether a text has one of the names; most texts are told quickly."""
        folded = unicodedata.normalize("NFC", text).casefold()
        likely = any(all(w in folded for w in words) for phrases in self._sought.values() for words, _, _ in phrases)
        return likely and bool(redact.found(text, self._sought))


class _Words(HTMLParser):
    """What a page says to a reader: its text, and the attributes that are shown or hold data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.is_style = False

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self.is_style:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Take text again after a style."""
        self.is_style = False

    def handle_comment(self, data: str) -> None:
        """Take what only the source shows."""
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the values of attributes."""
        self.is_style = tag == "style"
        self.words += [v for k, v in attrs if v and k not in SILENT and not v.startswith("data:")]


def words(markup: str) -> str:
    """Give the words of a page, without its tags.

    Examples
    --------
    >>> words('<td class="c1">Ann&nbsp;<b>Quill</b></td>').split()
    ['Ann', 'Quill']
    """
    parser = _Words()
    parser.feed(markup)
    parser.close()
    return " ".join(parser.words)


def in_markup(text: str, person: Person) -> bool:
    """Say whether a page holds a person."""
    unescaped = html.unescape(text)
    pieces = [person.contact_id, *(redact.words(name)[0] for name in person.names if redact.words(name))]
    folded = unicodedata.normalize("NFC", unescaped).casefold()
    return any(p.casefold() in folded for p in pieces if p) and person.is_in(words(text))


def holds(path: Path, person: Person) -> bool:
    """Say whether a file that people or notebooks read holds a person.

    A notebook or record that does not read as one is searched as text.
    """
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix in {".html", ".svg"}:
        return in_markup(text, person)
    if path.suffix in {".ipynb", ".json"}:
        try:
            return any(in_values(json.loads(text), "", person))
        except (ValueError, RecursionError):
            return person.is_in(text)
    return person.is_in(ESCAPED.sub(r"\1", text) if path.suffix == ".md" else text.replace('""', '"'))


def in_values(value: Any, name: str, person: Person) -> Iterator[bool]:
    """Say of each text of a notebook whether it holds a person."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in KEEP:
                yield from in_values(part, key, person)
    elif isinstance(value, list) and not all(isinstance(v, str) for v in value):
        for part in value:
            yield from in_values(part, name, person)
    elif isinstance(value, list | str):
        text = value if isinstance(value, str) else "".join(value)
        yield in_markup(text, person) if name in MARKUP else person.is_in(text)
