"""YAML files that people write: one way to read them, with limits, so that none of them can stop the reader."""

import re
from pathlib import Path
from typing import Any

import yaml

from abmlib.tables.errors import TableError, shown

LARGEST = 1_000_000  # bytes
DEEPEST = 50  # lists and names within each other
PLAIN = {  # PyYAML's words for what people write most often, and plain ones
    "found character '\\t' that cannot start any token": "begins with a tab. Indent with blanks",
    "expected <block end>": "is indented otherwise than the lines above, or mixes a list with names",
    "mapping values are not allowed here": "has a second colon. Put text with a colon in quotes",
    "expected the node content, but found '<stream end>'": "a bracket is never closed",
    "found unexpected end of stream": "a quote is never closed",
}


class _Loader(yaml.SafeLoader):
    """YAML as people mean it.

    Only true and false are booleans (not NO), dates stay text. A repeated name, an alias of more than one value, which
    can stand for millions, and a type given by a tag are refused.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse what is too deep, has a tag, or is an alias of a list or of names."""
        event = self.peek_event()
        if self.depth >= DEEPEST:
            raise _wrong(f"more than {DEEPEST} lists and names are within each other", event)
        if getattr(event, "tag", None):
            raise _wrong(f"the tag {shown(event.tag)!r} is not read", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(event, yaml.AliasEvent) and not isinstance(node, yaml.ScalarNode):
            raise _wrong(f"*{shown(event.anchor)} stands for more than one value. Write them out", event)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a name that is given twice.

        Plain YAML keeps the last and says nothing.
        """
        seen: dict[str, Any] = {}
        for name, _ in node.value:
            if (before := seen.setdefault(str(name.value), name)) is not name:
                raise _wrong(f"{shown(name.value)!r} comes twice, first in line {before.start_mark.line + 1}", name)
        return super().construct_mapping(node, deep)


for kind, pattern, first in (
    ("bool", r"^(true|True|false|False)$", "tTfF"),
    ("null", r"^(~|null|Null|)$", ["~", "n", "N", ""]),
    ("int", r"^-?[0-9]+$", "-0123456789"),
    ("float", r"^-?[0-9]+\.[0-9]+$", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), list(first))


def read_yaml(file: Path) -> dict[Any, Any]:
    """Read a YAML file of names and values; an empty one has none.

    Raises
    ------
    TableError
        If it is not readable, or contains something else.
    """
    given = {} if (read := read_any(file)) is None else read
    if not isinstance(given, dict):
        raise TableError(f"{file.name}: must hold names and values, got {type(given).__name__}. Correct the file.")
    return given


def read_any(file: Path) -> Any:
    """Read a YAML file; an empty one is None.

    Raises
    ------
    TableError
        If it is not there, too large, not text in UTF-8, or not YAML. The message names the line.
    """
    text = _text(file)
    try:
        return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except yaml.reader.ReaderError as wrong:
        where, words = text.count("\n", 0, wrong.position), f"{chr(wrong.character)!r} is no sign of a text"
    except yaml.MarkedYAMLError as wrong:
        where, found = wrong.problem_mark.line if wrong.problem_mark else 0, str(wrong.problem)
        words = next((plain for begin, plain in PLAIN.items() if found.startswith(begin)), found)
    except ValueError:  # Python reads no number of so many digits
        raise TableError(f"{file.name}: a number has thousands of digits. Correct the file.") from None
    raise TableError(f"{file.name}: not readable as YAML: line {where + 1}: {words}. Correct the file.")


def _text(file: Path) -> str:
    """Read a file as text."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) <= LARGEST:
            return raw.decode("utf-8-sig")
    except OSError as wrong:
        raise TableError(f"{file.name}: not readable: {wrong.strerror}. Give a file that can be read.") from wrong
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise TableError(f"{file.name}: not readable as YAML: line {line} is not UTF-8. Save it as UTF-8.") from wrong
    raise TableError(f"{file.name}: is larger than {LARGEST:,} bytes. Give a smaller file.")


def _wrong(words: str, at: Any) -> yaml.MarkedYAMLError:
    """Say what is wrong with a part of a file."""
    return yaml.MarkedYAMLError(problem=words, problem_mark=at.start_mark)
