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
from abmlib.tables.errors import TableError, first_cases
from abmlib.tables.fingerprint import CACHE

RECORD = ".abm.json"  # hashes of what was put there, so that a person's edits can be told from an older version
NEWER = ".new"  # put before the ending of a new version beside a person's own
HERE = {"data": "../workbook.yml", "as_of": "latest-data"}  # parameters of notebooks opened by hand in such a folder
IGNORED = "data/\nreports/\n.abm_key\n.abm_cache/\n.ipynb_checkpoints/\n.lock\n.*.tmp\n"


def parts() -> Iterator[tuple[str, bytes]]:
    """Give each file that comes with the package: its place in a folder to work in, and its bytes."""
    for entry in catalogue.load(places.NOTEBOOKS / catalogue.FILE):
        if (notebook := places.NOTEBOOKS / f"{entry.notebook}.ipynb").is_file():
            yield f"notebooks/{notebook.name}", blank(notebook)
    for name in (catalogue.FILE, catalogue.CLAIMS, catalogue.CYCLES):
        yield f"notebooks/{name}", (places.NOTEBOOKS / name).read_bytes()
    yield f"{settings.PROGRAMME}/README.md", guide.page().encode()
    for folder, to in ((places.MAPPINGS, "mappings"), (places.SAMPLE, "data/sample")):
        for path in sorted(
            p for p in folder.rglob("*") if p.is_file() and CACHE not in p.parts and p.name != "README.md"
        ):
            yield f"{to}/{path.relative_to(folder).as_posix()}", path.read_bytes()
    yield "mappings/README.md", (places.MAPPINGS / "README.md").read_bytes().replace(b"(../README.md)", b"(tables.md)")
    yield "mappings/tables.md", places.DICTIONARY.read_bytes()


def yours() -> Iterator[tuple[str, bytes]]:
    """Give each file that belongs to the person from the start: made once, never touched again."""
    yield settings.FILE, site.template(settings.FILE).encode()
    yield "README.md", site.template("README.md").encode()
    yield ".gitignore", IGNORED.encode()
    for name in schema.PROGRAMME:
        if name != programme.FORGOTTEN:  # only the command writes it
            yield f"{settings.PROGRAMME}/{name}.csv", programme.template(name).encode()


def blank(notebook: Path) -> bytes:
    """Remove the outputs of a notebook, which are the sample's, and let it read the workbook beside its folder."""
    node = nbformat.read(notebook, as_version=4)
    for twin in (twins.MARK, "jupytext"):
        node.metadata.pop(twin, None)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(map(_here, cell.source.splitlines()))
    return nbformat.writes(node).encode()


def _here(line: str) -> str:
    """Set a parameter to its value in a folder to work in."""
    (name, _, _), (before, _, rest) = line.partition(":"), line.partition(" = ")
    return f"{before} = {json.dumps(HERE[name])}  # {rest.partition('  # ')[2]}" if name in HERE else line


def mark(place: str, content: bytes) -> str:
    """Hash a file; of a notebook only its cells, because running it is no edit."""
    if place.endswith(".ipynb"):
        with contextlib.suppress(ValueError, KeyError, AttributeError):  # no notebook any more: an edit like any other
            return twins.digest(nbformat.reads(content.decode(), as_version=4))
    return hashlib.sha256(content).hexdigest()[:16]


def init(folder: Path) -> dict[str, str]:
    """Make a folder to work in, or bring the one that exists up to date.

    A file of the package is written where there is none, and replaced where nobody changed it. A file that a person changed
    or removed is left; if the package has a newer one than the one it was made from, that is put beside it. Files the
    package does not know are never touched.

    Returns
    -------
    dict: of each file that was written its place and what was done: ``made``, ``updated`` or ``beside yours``

    Raises
    ------
    ValueError
        If `folder` contains something else and no workbook, or its record of what was put there does not read.
    """
    record, there = folder / RECORD, set(folder.glob("*"))
    present = sorted(p.name for p in there if not p.name.startswith("."))
    if present and not record.is_file():
        cases = first_cases(present)
        raise ValueError(f"{folder}: holds {len(present)} files and no workbook {cases}. Give a new folder.")
    before = _recorded(record) if record.is_file() else {}
    try:
        return _bring(folder, before)
    except OSError:
        if not before:  # half a folder would be taken for one that contains something else
            for path in set(folder.glob("*")) - there:
                shelf.remove(path)
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _recorded(record: Path) -> dict[str, str]:
    """Read the hashes of what was put into a folder."""
    with contextlib.suppress(ValueError, RecursionError):
        before = json.loads(record.read_text("utf-8"))
        if isinstance(before, dict) and all(isinstance(value, str) for value in before.values()):
            return before
    raise TableError(f"{record}: does not read. Write {{}} in it: then what differs from yours is put beside it.")


def _bring(folder: Path, before: dict[str, str]) -> dict[str, str]:
    """Write each file where it belongs, and give what `init` does; `before` are hashes of what was written last."""
    done, now = dict[str, str](), dict(before)
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
        if not before and not (folder / place).exists():
            shelf.write_whole(folder / place, content)
            done[place] = "made"
    shelf.write_whole(folder / RECORD, (json.dumps(now, indent=1, sort_keys=True) + "\n").encode())
    return done
