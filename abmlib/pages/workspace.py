"""A folder to work in: notebooks, mappings, workbook file and programme, kept up to date without touching a person's edits."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat

from abmlib import places
from abmlib.pages import catalogue, guide, shelf, site, twins
from abmlib.tables import programme, schema, settings
from abmlib.tables.fingerprint import CACHE

RECORD = ".abm.json"  # what was put where, so that a person's edits can be told from an older version
NEWER = ".new"  # put before the ending of a version that waits beside a person's own
HERE = {"data": "../workbook.yml", "as_of": "latest-data"}  # parameters of notebooks opened by hand in such a folder
IGNORED = "data/\nreports/\n.abm_key\n.abm_cache/\n.ipynb_checkpoints/\n"
READ_ME = """# ABM workbook

    abm run                       # a dated report: reports/index.html
    abm doctor                    # can this data be trusted, and what should be exported next
    jupyter lab notebooks         # the same notebooks by hand

The report is on a synthetic sample until `data` in `workbook.yml` names your own book:

    abm import --describe path/to/export --to mappings/mine.yml     # a first mapping, to be looked through
    abm import mappings/mine.yml path/to/export --to data/books/mine

`abm init .` in this folder, after an upgrade, brings newer notebooks and mappings. What you edited stays as it is, and the new
version is put beside it with `.new` in its name.
"""


def parts() -> Iterator[tuple[str, bytes]]:
    """Give each file that comes with the package, as it belongs into a folder to work in: its place and its bytes."""
    for entry in catalogue.load(places.NOTEBOOKS / catalogue.FILE):
        if (notebook := places.NOTEBOOKS / f"{entry.notebook}.ipynb").is_file():
            yield f"notebooks/{notebook.name}", blank(notebook)
    for name in (catalogue.FILE, catalogue.CLAIMS, catalogue.CYCLES):
        yield f"notebooks/{name}", (places.NOTEBOOKS / name).read_bytes()
    yield f"{settings.PROGRAMME}/README.md", guide.page().encode()
    for folder, to in ((places.MAPPINGS, "mappings"), (places.SAMPLE, "data/sample")):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and CACHE not in p.parts):
            yield f"{to}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def yours() -> Iterator[tuple[str, bytes]]:
    """Give each file that is a person's from the first moment on: made once, never touched again."""
    yield settings.FILE, site.template(settings.FILE).encode()
    yield "README.md", READ_ME.encode()
    yield ".gitignore", IGNORED.encode()
    for name in [n for n in schema.PROGRAMME if n != "forgotten"]:  # that one is the command's alone
        yield f"{settings.PROGRAMME}/{name}.csv", programme.template(name).encode()


def blank(notebook: Path) -> bytes:
    """Take the outputs from a notebook, for they are the sample's, and let it read the workbook beside its folder."""
    node = nbformat.read(notebook, as_version=4)
    for own in (twins.MARK, "jupytext"):  # of a notebook with a text twin
        node.metadata.pop(own, None)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(_here(line) for line in cell.source.splitlines())
    return nbformat.writes(node).encode()


def _here(line: str) -> str:
    """Set one parameter to what it is in a folder to work in."""
    name = line.partition(":")[0]
    before, _, rest = line.partition(" = ")
    return f"{before} = {json.dumps(HERE[name])}  # {rest.partition('  # ')[2]}" if name in HERE else line


def mark(place: str, content: bytes) -> str:
    """Hash what a file says; of a notebook its cells alone, for running it is no edit."""
    if place.endswith(".ipynb"):
        try:
            return twins.digest(nbformat.reads(content.decode(), as_version=4))
        except (ValueError, KeyError, AttributeError):  # no notebook any more: it is an edit like any other
            pass
    return hashlib.sha256(content).hexdigest()[:16]


def init(folder: Path) -> dict[str, str]:
    """Make a folder to work in, or bring the one that is there up to date.

    A file of the package is put where there is none, and replaced where nobody changed it. A file that a person changed
    or removed is left; if the package has a newer one than the one it was made from, that is put beside it. Files the
    package does not know are never touched.

    Returns
    -------
    dict: of each file that was written its place and what was done: ``made``, ``updated`` or ``beside yours``

    Raises
    ------
    ValueError
        If `folder` holds something else and no workbook.
    """
    record = folder / RECORD
    there = sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
    if there and not record.is_file():
        raise ValueError(f"{folder}: holds {len(there)} files and no workbook (first: {there[:3]}). Give a new folder.")
    before: dict[str, str] = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    done, now = dict[str, str](), dict(before)
    try:
        _bring(folder, before, now, done)
    except OSError:
        if not before:  # half a folder would be taken for one that holds something else
            _take_back(folder, done)
        raise
    return done


def _bring(folder: Path, before: dict[str, str], now: dict[str, str], done: dict[str, str]) -> None:
    """Put each file where it belongs, and note in `done` and `now` what was put."""
    record = folder / RECORD
    for place, content in parts():
        path, new = folder / place, mark(place, content)
        if place not in before and not path.exists():
            what = "made"
        elif before.get(place) == new or (place in before and not path.exists()):
            continue
        elif path.exists() and mark(place, path.read_bytes()) in (before.get(place), new):
            what = "updated"
        else:
            path, what = path.with_name(f"{path.stem}{NEWER}{path.suffix}"), "beside yours"
        shelf.write_whole(path, content)
        done[path.relative_to(folder).as_posix()] = what
        now[place] = new
    for place, content in yours():
        if not record.is_file() and not (folder / place).exists():
            shelf.write_whole(folder / place, content)
            done[place] = "made"
    shelf.write_whole(record, (json.dumps(now, indent=1, sort_keys=True) + "\n").encode())


def _take_back(folder: Path, done: dict[str, str]) -> None:
    """Remove the files that were put, and the folders that are empty then."""
    for place in done:
        (folder / place).unlink(missing_ok=True)
    for path in [*sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True), folder]:
        with contextlib.suppress(OSError):
            path.rmdir()
