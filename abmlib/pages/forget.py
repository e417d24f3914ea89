"""Past runs without a person who asked to be forgotten."""

import html
import json
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from abmlib.pages import shelf, site
from abmlib.tables import schema
from abmlib.tables.outputs import replaced

REMOVED = "[removed]"
PEOPLE = "people"  # parameter of notebooks that show names
TEXTS = {".html", ".md", ".txt", ".csv", ".svg", ".yml"}
INDENTS = {".ipynb": (1, False), ".json": (2, True)}  # as runs write them: indent, and if other letters are escaped
KEEP = {"id", "image/png", "image/jpeg"}  # of a notebook or record: no words
PICTURE = r"data:[\w/.+-]+;base64,[A-Za-z0-9+/=]+"
LOOKS_LIKE_A_FIGURE = re.compile(r"\d{1,5}")  # an id that the text of a page cannot tell from a count


def from_runs(out: Path, contact_id: str, names: Collection[str]) -> dict[str, int]:
    """Remove a person from the past runs of a folder.

    And from its tables of notebooks run by hand, and from what ended runs left.

    Rows of tables that hold the contact_id go. Everywhere else, the id and the names, as whole words, become ``[removed]``.
    No picture can be read, so a run in which a notebook was asked for people is removed whole if the person has a name or
    was found in it; so is one whose tables list the person under an id of up to five digits, which the words of a page
    cannot tell from a count. What runs that ended midway left behind goes altogether. Each file is replaced whole, and
    keeps its time; what does not hold the person is not touched. No run may be going meanwhile.

    Parameters
    ----------
    out : folder of runs; there may be none
    names : the person's names, of `people.names`, asked before the data forgot them; may be empty

    Returns
    -------
    dict of run (or file beside the runs) to the number of rows and words removed, 0 where the person was not found; of a run
    removed whole at least 1, and its folder is gone
    """
    if not out.is_dir():
        return {}
    wanted = contact_id.strip()
    written = {n.strip() for n in names if n.strip()}
    searched = written | (set() if LOOKS_LIKE_A_FIGURE.fullmatch(wanted) else {wanted})
    replace = _replacer(searched)

    def holds(table: Path) -> bool:
        return bool(pc.any(_held(table, pq.ParquetFile(table).read(), wanted)).as_py())

    for path in [p for p in out.iterdir() if shelf.is_left_over(p, None)]:
        shelf.remove(path)
    counts = {}
    for run in shelf.all_runs(out):
        folder, record = run.folder, shelf.facts(run.folder) or {}
        names_asked = any(values.get(PEOPLE) is True for values in record.get("parameters", {}).values())
        count = _in_folder(folder, wanted, replace, change=False)
        listed = wanted not in searched and any(map(holds, folder.rglob("*.parquet")))
        if (names_asked and (written or count)) or listed:
            counts[folder.name] = max(count, 1)
            _remove(out, folder)
        else:
            counts[folder.name] = _in_folder(folder, wanted, replace, change=True) if count else 0
    for path in [out / "tables", *(p for p in out.iterdir() if p.is_file() and not p.is_symlink())]:
        if path.is_dir() or path.suffix in TEXTS | set(INDENTS):
            counts[path.name] = _in_folder(path, wanted, replace, change=True)
    _point_again(out)
    return counts


def _remove(out: Path, folder: Path) -> None:
    """Take a run away, and its summary beside the runs."""
    summary, beside = folder / shelf.SUMMARY, out / shelf.SUMMARY
    if summary.is_file() and beside.is_file() and summary.read_bytes() == beside.read_bytes():
        beside.unlink()
    shelf.remove(folder)


def _point_again(out: Path) -> None:
    """Let `latest` and the page beside the runs open a run that is there.

    Where there is none, they go too.
    """
    if not shelf.dangles(out):
        return
    if left := shelf.all_runs(out):
        shelf.point_at(left[-1].folder)
        return
    for path in (out / shelf.LATEST, out / "index.html"):
        path.unlink(missing_ok=True)


def _in_folder(place: Path, contact_id: str, replace: Callable[[str], tuple[str, int]], change: bool) -> int:
    """Count the rows and words of a file or of all files of a folder; remove them if `change`."""
    count = 0
    for path in [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file()):
        if path.suffix == ".parquet":
            count += _in_table(path, contact_id, replace, change)
        elif path.suffix in INDENTS:
            count += _in_json(path, replace, change)
        elif path.suffix in TEXTS:
            text, n = replace(path.read_bytes().decode("utf-8", "surrogateescape"))
            count += n
            if n and change:
                _write(path, text.encode("utf-8", "surrogateescape"))
    return count


def _in_json(path: Path, replace: Callable[[str], tuple[str, int]], change: bool) -> int:
    """Replace words in every text of a notebook or record."""
    count = 0

    def walk(value: Any) -> Any:
        nonlocal count
        if isinstance(value, dict):
            return {k: v if k in KEEP else walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v) for v in value]
        if not isinstance(value, str):
            return value
        text, n = replace(value)
        count += n
        return text

    clean = walk(json.loads(path.read_text("utf-8")))
    if count and change:
        indent, escape = INDENTS[path.suffix]
        _write(path, (json.dumps(clean, indent=indent, ensure_ascii=escape) + "\n").encode())
    return count


def _in_table(path: Path, contact_id: str, replace: Callable[[str], tuple[str, int]], change: bool) -> int:
    """Remove rows that hold the person, and words elsewhere."""
    table = pq.ParquetFile(path).read()
    held = _held(path, table, contact_id)
    count = int(pc.sum(held).as_py() or 0)
    table = table.filter(pc.invert(held))
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            pairs = [(None, 0) if v is None else replace(v) for v in table.column(i).to_pylist()]
            if words := sum(n for _, n in pairs):
                count += words
                table = table.set_column(i, field, pa.array([text for text, _ in pairs], field.type))
    notes = {key: replace(text.decode()) for key, text in (table.schema.metadata or {}).items()}
    count += sum(n for _, n in notes.values())
    if count and change:
        table = table.replace_schema_metadata({key: text for key, (text, _) in notes.items()})
        whole = pa.BufferOutputStream()
        pq.write_table(table, whole)
        _write(path, whole.getvalue().to_pybytes())
    return count


def _held(path: Path, table: pa.Table, contact_id: str) -> pa.ChunkedArray:
    """Which rows of a table of a run hold the person; a missing id is nobody's."""
    try:
        known = schema.persons(path.stem)
    except ValueError:  # of another version
        known = []
    held = pa.chunked_array([pa.array([False] * table.num_rows, pa.bool_())])
    for column in (c for c in table.column_names if c == "contact_id" or c in known):
        same = pc.equal(pc.cast(table.column(column), pa.string()), contact_id)
        held = pc.or_(held, pc.fill_null(same, False))
    return held


def _replacer(words: Collection[str]) -> Callable[[str], tuple[str, int]]:
    """A function that replaces whole words and counts them.

    Words as they are and as pages escape them; pictures stay.
    """
    forms = {f for w in words for f in (w, html.escape(w), html.escape(w).replace("&#x27;", "&#39;"), site.plain(w))}
    if not forms:
        return lambda text: (text, 0)
    blank = r"(?:\s|&nbsp;)+"
    either = "|".join(blank.join(map(re.escape, f.split())) for f in sorted(forms, key=len, reverse=True))
    # a hyphen joins two words; after a written \n, as in a quoted text, a word begins
    pattern = re.compile(rf"(?:(?<![\w])(?<!\w-)|(?<=\\[nrt]))(?:{either})(?!-?\w)")

    def replace(text: str) -> tuple[str, int]:
        parts = re.split(f"({PICTURE})", text)  # every second one is a picture
        done = [(part, 0) if i % 2 else pattern.subn(REMOVED, part) for i, part in enumerate(parts)]
        return "".join(part for part, _ in done), sum(n for _, n in done)

    return replace


def _write(path: Path, whole: bytes) -> None:
    """Write a file beside its place and move it there whole, with the time and rights of the old one."""
    old = path.stat()
    with replaced(path) as beside:
        beside.write_bytes(whole)
        os.utime(beside, ns=(old.st_atime_ns, old.st_mtime_ns))
