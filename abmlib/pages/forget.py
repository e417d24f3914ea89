"""Past runs without a person who asked to be forgotten."""

import functools
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

REMOVED = "[removed]"
PEOPLE = "people"  # parameter of notebooks that show names
TEXTS = {".html", ".md", ".txt", ".csv", ".svg", ".yml"}
INDENTS = {
    ".ipynb": (1, False),
    ".json": (2, True),
}  # as runs write them: indent, and whether other letters are escaped
KEEP = {"id", "image/png", "image/jpeg"}  # of a notebook or record: no words
PICTURE = r"data:[\w/.+-]+;base64,[A-Za-z0-9+/=]+"
LOOKS_LIKE_A_FIGURE = re.compile(r"\d{1,5}")  # an id that the text of a page cannot tell from a count


def from_runs(out: Path, contact_id: str, names: Collection[str]) -> dict[str, int]:
    """Remove a person from the past runs of a folder, from its tables of notebooks run by hand, and from what dead runs left.

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
    spoken = {n.strip() for n in names if n.strip()}
    searched = spoken | (set() if LOOKS_LIKE_A_FIGURE.fullmatch(wanted) else {wanted})
    replace = _replacer(searched)
    for path in [p for p in out.iterdir() if shelf.is_left_over(p, None)]:
        shelf.remove(path)
    counts = {}
    for run in shelf.all_runs(out):
        folder, record = run.folder, shelf.facts(run.folder) or {}
        shown = any(values.get(PEOPLE) is True for values in record.get("parameters", {}).values())
        found = _in_folder(folder, wanted, replace, change=False)
        listed = wanted not in searched and any(_rows(p, wanted) for p in folder.rglob("*.parquet"))
        if (shown and (spoken or found)) or listed:
            counts[folder.name] = max(found, 1)
            _remove(out, folder)
        else:
            counts[folder.name] = _in_folder(folder, wanted, replace, change=True) if found else 0
    for path in [out / "tables", *(p for p in out.iterdir() if p.is_file() and not p.is_symlink())]:
        if path.is_dir() or path.suffix in TEXTS | set(INDENTS):
            counts[path.name] = _in_folder(path, wanted, replace, change=True)
    _point_again(out)
    return counts


def _remove(out: Path, folder: Path) -> None:
    """Take a run away, and its summary beside the runs."""
    own, beside = folder / shelf.SUMMARY, out / shelf.SUMMARY
    if own.is_file() and beside.is_file() and own.read_bytes() == beside.read_bytes():
        beside.unlink()
    shelf.remove(folder)


def _point_again(out: Path) -> None:
    """Let `latest` and the page beside the runs open a run that is there, or be gone too."""
    if not shelf.dangles(out):
        return
    if left := shelf.all_runs(out):
        shelf.point_at(left[-1].folder)
        return
    for path in (out / shelf.LATEST, out / "index.html"):
        path.unlink(missing_ok=True)


def _in_folder(place: Path, contact_id: str, replace: Callable[[str], tuple[str, int]], change: bool) -> int:
    """Count, and remove if told, the rows and words of a file or of all files of a folder."""
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
        text = json.dumps(clean, indent=indent, ensure_ascii=escape) + "\n"
        _write(path, text.encode("utf-8"))
    return count


def _in_table(path: Path, contact_id: str, replace: Callable[[str], tuple[str, int]], change: bool) -> int:
    """Remove rows that hold the person, and words elsewhere."""
    table = pq.ParquetFile(path).read()
    count = _rows(path, contact_id)
    for column in _persons(path, table):
        table = table.filter(pc.invert(_equals(table, column, contact_id)))
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


def _rows(path: Path, contact_id: str) -> int:
    """Count the rows of a table that hold the person."""
    table = pq.ParquetFile(path).read()
    held = [_equals(table, column, contact_id) for column in _persons(path, table)]
    return int(pc.sum(functools.reduce(pc.or_, held)).as_py() or 0) if held else 0


def _persons(path: Path, table: pa.Table) -> list[str]:
    """The columns of a table of a run that hold contacts' ids."""
    try:
        known = schema.persons(path.stem)
    except ValueError:  # of another version
        known = []
    return [c for c in table.column_names if c == "contact_id" or c in known]


def _equals(table: pa.Table, column: str, value: str) -> pa.ChunkedArray:
    """Which cells of a column are a text; a missing one is not."""
    return pc.fill_null(pc.equal(pc.cast(table.column(column), pa.string()), value), False)


def _replacer(words: Collection[str]) -> Callable[[str], tuple[str, int]]:
    """A function that replaces whole words, as they are and as pages escape them, and counts them; pictures stay."""
    forms = {
        form for w in words for form in (w, html.escape(w), html.escape(w).replace("&#x27;", "&#39;"), site.plain(w))
    }
    if not forms:
        return lambda text: (text, 0)
    blank = r"(?:\s|&nbsp;)+"
    either = "|".join(blank.join(map(re.escape, f.split())) for f in sorted(forms, key=len, reverse=True))
    # a hyphen joins two words; after a written \n, as in a quoted text, a word begins
    pattern = re.compile(rf"({PICTURE})|(?:(?<![\w])(?<!\w-)|(?<=\\[nrt]))(?:{either})(?!-?\w)")

    def replace(text: str) -> tuple[str, int]:
        count = 0

        def one(found: re.Match[str]) -> str:
            nonlocal count
            if found[1]:
                return found[1]
            count += 1
            return REMOVED

        return pattern.sub(one, text), count

    return replace


def _write(path: Path, whole: bytes) -> None:
    """Write a file beside its place and move it there whole, with the time and rights of the old one."""
    old, beside = path.stat(), path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(whole)
        os.chmod(beside, old.st_mode)
        os.utime(beside, ns=(old.st_atime_ns, old.st_mtime_ns))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
