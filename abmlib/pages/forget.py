"""A person who asked to be forgotten: found in every place, and taken out of each; what was begun can be finished.

Copies come first, the data last: as long as the data holds the person, a second call finds what a first one left. A page,
notebook or list that holds the person is deleted; no text is edited inside markup.
"""

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from abmlib import places
from abmlib.pages import mentions, shelf, site
from abmlib.tables import cache, forgotten, ledger, people, programme, removal, schema
from abmlib.tables.errors import first_cases
from abmlib.tables.ledger import LedgerRow
from abmlib.tables.outputs import clear_left, replaced
from abmlib.tables.people import REMOVED
from abmlib.tables.settings import Workbook

PEOPLE = "people"  # parameter of notebooks that show names
RUN = re.compile(r"\d{4}-\d{2}-\d{2}_[0-9a-f]{8}(-\d+)?")  # name of a run's folder, also of one with a damaged record
RECORD, LOG, LEDGER = "run.json", "runs.log", "ledger.csv"
PAGES = {".html", ".ipynb", ".csv", ".md", ".txt", ".svg", ".py", ".yml", ".json"}  # searched, and deleted whole
PACKED = {".zip", ".pdf", ".gz", ".tgz", ".7z", ".xlsx", ".docx", ".pptx"}  # cannot be searched


class NotFinished(ValueError):
    """A person was not taken out of every place yet."""

    code = 1  # the exit code of the command


@dataclass(frozen=True)
class Done:
    """What was done about a person, and what is left to somebody."""

    ids: list[str]  # of the person, the one asked for first
    removed: Counter[str]  # of each place the rows, texts or files
    others: list[str]  # ids of contacts with the same e-mail hash or name
    left: list[str]  # files of the user's own that name the person, or that cannot be searched


@dataclass(frozen=True)
class Places:
    """Where a person may be."""

    workbook: Workbook
    programme: Path
    runs: tuple[Path, ...] = ()  # folders of runs, and of tables left by hand
    notebooks: Path | None = None  # those opened by hand


def places_of(workbook: Workbook, runs: Path) -> Places:
    """Name the places in which a person of a workbook may be.

    Raises
    ------
    ValueError
        If the workbook has no programme, or its data is the sample of the package.
    """
    if workbook.data.resolve() == places.SAMPLE.resolve():
        raise ValueError("forget: this is the sample, which names nobody. Give --data: the workbook with the person.")
    if workbook.programme is None:
        raise ValueError("forget: a DuckDB file alone has no programme to remember it in. Name both in a workbook.yml.")
    by_hand = (runs / "lab", Path("reports") / "lab")
    folders = dict.fromkeys((runs, *by_hand))
    return Places(workbook, workbook.programme, tuple(folders), places.find_notebooks(workbook.notebooks))


def refuse_nobody(where: Places, contact_id: str, names: Iterable[str], key: bytes | None) -> None:
    """Refuse an id that is nobody's: not of data, programme or tables of past runs, and not of one forgotten before.

    A word of a page is no proof: it may be a word of the language, or the id of an account.

    Parameters
    ----------
    names : as in `forget`
    key : of the team, None where there is none yet

    Raises
    ------
    ValueError
        If the id is empty or nobody's, the key is not the one that earlier people were hashed with, or a run is going.
    """
    if not (wanted := contact_id.strip()):
        raise ValueError("forget: the id is empty. Give the contact_id of one person.")
    earlier = forgotten.read(where.programme)
    people.refuse_other_key(earlier["key_check"], key)
    going = [p.name for out in where.runs if out.is_dir() for p in out.iterdir() if shelf.LEFT_OVER.fullmatch(p.name)
             and p.is_dir() and not shelf.is_left_over(p, None)]  # fmt: skip
    if going:
        raise ValueError(f"forget: {len(going)} runs are being made. Nothing was changed. Wait until they end.")
    if begun := _begun(where):
        if wanted in begun["ids"]:
            return
        first = begun["ids"][0]
        raise ValueError(f"forget: {first!r} is forgotten in part only. Give abm forget {first} first.")
    if key and forgotten.remembers(where.programme, key, wanted):
        return
    if any(removal.forget(where.workbook.data, wanted, change=False).values()):
        return
    if any(programme.forget(where.programme, wanted, change=False).values()):
        return
    person = mentions.Person(wanted)
    if not any(_lists(path, person) for out in where.runs for path in out.rglob("*.parquet")):
        like = removal.others(where.workbook.data, wanted, _written(names))
        data, also = where.workbook.data.name, f" The name is that of {first_cases(like)}." if like else ""
        raise ValueError(
            f"forget: nobody has the id {wanted!r} in {data}, its programme or past runs.{also} Nothing was changed. "
            "Give the contact_id as the CRM writes it."
        )


def _written(names: Iterable[str]) -> frozenset[str]:
    """Give names as they may be written: without blanks around, and the first name first too."""
    given = {n.strip() for n in names if n.strip()}
    return frozenset(given | {" ".join(reversed(n.split(", "))) for n in given if n.count(", ") == 1})


def forget(
    where: Places, contact_id: str, names: Iterable[str], key: bytes, *, entered_at: pd.Timestamp, entered_by: str
) -> Done:
    """Remove a person, known by `refuse_nobody`, from past runs, caches, logs, notebooks, data and programme, in this order.

    So are the other ids that the person has as a lead or a contact. First the ids and the names are noted in a private
    file, until the end, and their keyed hashes are entered, so that whoever comes back is left out. If it is ended midway,
    the next call finishes it. No run may be going meanwhile.

    Parameters
    ----------
    names : more names than the data has; may be none
    key : of the team, see `secret`
    entered_at : when, with its time zone

    Raises
    ------
    NotFinished
        If a place cannot be changed: what is left, and what to do.
    """
    data, begun, removed = where.workbook.data, _begun(where) or {"ids": [], "names": []}, Counter[str]()
    ids = [*dict.fromkeys(removal.same(data, contact_id) + begun["ids"])]
    known = _written({*names, *(name for i in ids for name in removal.names(data, i))}) | {*begun["names"]}
    persons = [mentions.Person(i, known) for i in ids]
    others = sorted({other for i in ids for other in removal.others(data, i, known)}.difference(ids))
    with replaced(_journal(where)) as beside:
        beside.write_text(json.dumps({"ids": ids, "names": sorted(known)}), "utf-8")
    for i in ids:
        forgotten.remember(where.programme, key, i, entered_at=entered_at, entered_by=entered_by)
    _clear_left(where)
    for number, (place, step) in enumerate(STEPS.items()):
        try:
            for person in persons:
                removed.update(step(where, person))
        except (OSError, ValueError, KeyboardInterrupt) as wrong:
            reason = f"{wrong.filename or place}: {wrong.strerror}" if isinstance(wrong, OSError) else str(wrong)
            to_do = ", ".join([*STEPS][number:])
            raise NotFinished(
                f"{reason.rstrip('.') or 'Stopped'}. The person is not forgotten everywhere yet; left: {to_do}. "
                "Correct this, and give the same command again."
            ) from wrong
    left = sorted({path for person in persons for path in _left(where, person)})
    _journal(where).unlink()
    return Done(ids, removed, others, left)


def _journal(where: Places) -> Path:
    """The file that says who is being forgotten."""
    return cache.cache_folder(where.workbook) / cache.JOURNAL


def _begun(where: Places) -> dict[str, list[str]] | None:
    """Read the ids and names of who was to be forgotten when an earlier call was ended."""
    try:
        noted = json.loads(_journal(where).read_text("utf-8"))
        return {"ids": [*noted["ids"]], "names": [*noted["names"]]} if noted["ids"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clear_left(where: Places) -> None:
    """Remove what processes that were killed left beside the files of all places."""
    data = where.workbook.data
    if data.is_file():
        clear_left(data.parent, data.name)
        clear_left(data.parent, removal.HALF.format(data.name))
    roots = [*(folder for out in where.runs for folder in _runs(out)), where.notebooks, where.programme]
    roots += [data] if data.is_dir() else []
    for place in (p for p in roots if p):
        for folder in {path.parent for path in place.rglob(".*.tmp*")}:
            clear_left(folder)
    for out in where.runs:
        clear_left(out, LOG)


def _runs(out: Path) -> list[Path]:
    """The folders of runs, also those with a damaged record, links, and a copy in the place of `latest`."""
    found = [p for p in sorted(out.glob("*")) if p.is_dir() and (RUN.fullmatch(p.name) or p.name == shelf.LATEST)]
    return [*dict.fromkeys(p.resolve() for p in found)]


def _left(where: Places, person: mentions.Person) -> list[str]:
    """Name the files of the user's own that still hold a person, and those that cannot be searched."""
    home, by_name = where.workbook.file.parent if where.workbook.file else None, mentions.Person("", person.names)
    deep = [p for place in (*where.runs, where.notebooks, where.programme) if place for p in place.rglob("*")]
    files = {p for p in [*deep, *(home.glob("*") if home else ())] if p.is_file()}
    packed = {p for p in files if p.suffix.lower() in PACKED}
    own = {p for p in files - packed if p.suffix in PAGES and p.name not in (forgotten.FILE, RECORD)}
    entered = {p for p in own if p.parent == where.programme}  # of which the ids are gone
    named = {p for p in own if mentions.holds(p, by_name if p in entered else person)}
    return sorted(map(str, packed | named))


# -- the places -------------------------------------------------------------------------------------------------------


def from_runs(where: Places, person: mentions.Person) -> dict[str, int]:
    """Remove a person from past runs; count the files and rows concerned, by run.

    Pages, notebooks, lists and summaries that hold the person are deleted; where one opens a run, a page that says so takes its
    place. Rows that list the person leave the tables, and other text in them or in the record becomes ``[removed]``. No picture
    can be read: where a notebook was asked for people, its page and notebook go if the person has a name or was found in
    the run. An id of up to five digits cannot be told from a count: where a table lists the person, all pages go.
    """
    counts: dict[str, int] = {}
    for out in (o for o in where.runs if o.is_dir()):
        for path in [p for p in out.iterdir() if shelf.is_left_over(p, None)]:
            shelf.remove(path)
        for folder in _runs(out):
            counts[f"{out.name}/{folder.name}"] = _from_run(folder, person)
        counts[f"{out.name}/tables"] = sum(_from_table(p, person) for p in (out / "tables").rglob("*.parquet"))
        summary = out / shelf.SUMMARY
        counts[f"{out.name}/{summary.name}"] = _delete(
            [summary] if summary.is_file() and mentions.holds(summary, person) else []
        )
    return counts


def _from_run(folder: Path, person: mentions.Person) -> int:
    """Remove a person from one run."""
    record, files = shelf.facts(folder), sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    pages = [p for p in files if p.suffix in PAGES and p != folder / RECORD]
    tables = [p for p in files if p.suffix == ".parquet"]
    rows = {p: _from_table(p, person, change=False) for p in tables}
    gone = {p for p in pages if mentions.holds(p, person)}
    words = _in_record(folder / RECORD, person)
    if person.has_a_number_only and any(_lists(p, person) for p in tables):
        gone = set(pages)
    if person.names or gone or words or any(rows.values()):
        asked = (record or {}).get("parameters", {}).items()
        shown = {n for n, given in asked if isinstance(given, dict) and given.get(PEOPLE) is True}
        gone |= {p for p in pages if p.suffix in {".html", ".ipynb"} and (p.stem in shown or record is None)}
    _delete(gone)
    for path in (p for p, n in rows.items() if n):
        _from_table(path, person)
    return len(gone) + sum(rows.values()) + words


def _delete(files: Collection[Path]) -> int:
    """Delete files, and count them; in the place of a page one says why it is not there."""
    for path in files:
        if path.suffix == ".html":
            shelf.write_whole(path, site.removed().encode())
        else:
            path.unlink()
    return len(files)


def _in_record(path: Path, person: mentions.Person) -> int:
    """Replace texts of a run's record: what its notebooks were asked, and how they ended."""
    try:
        record = json.loads(path.read_text("utf-8"))
        texts = [
            (part, name) for about in ("parameters", "outcomes") for part in record[about].values() for name in part
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _delete([path] if path.is_file() and mentions.holds(path, person) else [])  # damaged, and of no use
    found = [(part, name) for part, name in texts if any(mentions.in_values(part[name], name, person))]
    for part, name in found:
        part[name] = REMOVED
    if found:
        _write(path, (json.dumps(record, indent=2) + "\n").encode())
    return len(found)


def _from_table(path: Path, person: mentions.Person, change: bool = True) -> int:
    """Remove the rows of a table that list a person, and the texts that name them."""
    if (table := _table(path)) is None:  # damaged, of no use, and nobody knows who is in it
        return _delete([path]) if change else 1
    held = _held(path, table, person)
    count = int(pc.sum(held).as_py() or 0)
    table = table.filter(pc.invert(held))
    for i, column in enumerate(table.schema):
        if column.name.endswith("_id") or not (
            pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        ):
            continue
        texts = [text for text in pc.unique(table.column(i)).to_pylist() if text and person.is_in(text)]
        if texts:
            named = pc.is_in(table.column(i), pa.array(texts, column.type))
            count += int(pc.sum(named).as_py())
            table = table.set_column(i, column, pc.if_else(named, pa.scalar(REMOVED, column.type), table.column(i)))
    notes = table.schema.metadata or {}
    silent = {k: text for k, text in notes.items() if not person.is_in(text.decode())}
    count += len(notes) - len(silent)
    if count and change:
        whole = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata(silent), whole)
        _write(path, whole.getvalue().to_pybytes())
    return count


def _table(path: Path) -> pa.Table | None:
    """Read a table of a run; None if it is damaged."""
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError):
        return None


def _lists(path: Path, person: mentions.Person) -> bool:
    """Say whether a table of a run lists a person."""
    table = _table(path)
    return table is not None and bool(pc.any(_held(path, table, person)).as_py())


def _held(path: Path, table: pa.Table, person: mentions.Person) -> pa.ChunkedArray:
    """Which rows of a table of a run hold the person; a missing id is nobody's."""
    try:
        known = schema.persons(path.stem)
    except ValueError:  # of another version
        known = []
    held = pa.chunked_array([pa.array([False] * table.num_rows, pa.bool_())])
    for column in (c for c in table.column_names if c == "contact_id" or c in known):
        same = pc.equal(pc.utf8_trim_whitespace(pc.cast(table.column(column), pa.string())), person.contact_id)
        held = pc.or_(held, pc.fill_null(same, False))
    return held


def from_snapshots(where: Places, person: mentions.Person) -> dict[str, int]:
    """Throw away all snapshots of the data, whoever is in them."""
    cache.clear(where.workbook)
    return {}


def from_logs(where: Places, person: mentions.Person) -> dict[str, int]:
    """Remove lines of logs that hold a person, and the cases that the ledger of an import names."""
    counts = {}
    for path in [out / LOG for out in where.runs]:
        if path.is_file():
            lines = path.read_text("utf-8", "surrogateescape").splitlines(keepends=True)
            kept = [line for line in lines if not person.is_in(line)]
            if n := len(lines) - len(kept):
                _write(path, "".join(kept).encode("utf-8", "surrogateescape"))
            counts[f"{path.parent.name}/{LOG}"] = n
    file = where.workbook.data / LEDGER
    if file.is_file() and mentions.holds(file, person):
        with file.open(encoding="utf-8", newline="") as old:
            rows = [[REMOVED if person.is_in(v) else v for v in row] for row in csv.reader(old)]
        with replaced(file) as beside, beside.open("w", encoding="utf-8", newline="") as new:
            csv.writer(new, lineterminator="\n").writerows(rows)
        counts[LEDGER] = 1
    return counts


def from_notebooks(where: Places, person: mentions.Person) -> dict[str, int]:
    """Remove the outputs of notebooks opened by hand that hold a person, and the checkpoints that do.

    What somebody wrote into a cell is theirs, and stays.
    """
    counts: dict[str, int] = {}
    if where.notebooks is None:
        return counts
    checkpoints = [
        p for p in where.notebooks.rglob(".ipynb_checkpoints/*") if p.is_file() and mentions.holds(p, person)
    ]
    counts["checkpoints"] = _delete(checkpoints)
    for path in sorted(where.notebooks.glob("*.ipynb")):
        try:
            node = nbformat.reads(path.read_text("utf-8"), as_version=4)
            cells = [c for c in node.cells if c.get("outputs") and any(mentions.in_values(c.outputs, "", person))]
            for cell in cells:
                cell.outputs = []
            if cells:
                _write(path, nbformat.writes(node).encode())
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError, nbformat.ValidationError):
            continue  # no notebook: named in the end if it holds the person
        counts[path.name] = len(cells)
    return counts


def from_data(where: Places, person: mentions.Person) -> dict[str, int]:
    """Remove a person from the data, and enter in the ledger of its import what is not there any more."""
    data = where.workbook.data
    file, rows, of_table = data / LEDGER, [], Counter[str]()
    before = {name: removal.count(data, name) for name in schema.importable()} if file.is_file() else {}
    counts = removal.forget(data, person.contact_id, names=person.is_in)
    for place, n in counts.items() if file.is_file() else ():
        of_table[Path(place).parts[0].partition(".")[0]] += n
    for name, n in of_table.items():
        if n:
            left = removal.count(data, name)
            gone = before[name] - left
            words = people.why_left_out(*((0, n - gone) if name in people.ABOUT else (n - gone,)))
            rows.append(LedgerRow("forgotten", name, before[name], left, gone, words))
    if rows:
        with replaced(file) as beside:
            steps = pd.concat([pd.read_csv(file), ledger.as_frame(rows)])
            steps.to_csv(beside, index=False, lineterminator="\n")
    return counts


def from_programme(where: Places, person: mentions.Person) -> dict[str, int]:
    """Remove a person from the programme."""
    return programme.forget(where.programme, person.contact_id)


STEPS: dict[str, Callable[[Places, mentions.Person], dict[str, int]]] = {
    "past runs": from_runs,
    "snapshots": from_snapshots,
    "ledger and logs": from_logs,
    "notebooks": from_notebooks,
    "data": from_data,
    "programme": from_programme,
}


def _write(path: Path, whole: bytes) -> None:
    """Write a file whole, with the time of the old one, by which runs are ordered."""
    old = path.stat()
    with replaced(path) as beside:
        beside.write_bytes(whole)
        os.utime(beside, ns=(old.st_atime_ns, old.st_mtime_ns))


def sentences(done: Done) -> list[str]:
    """Say what was taken out, who else may be meant, and what the command could not search."""
    removed = [f"- {place}: {n:,}" for place, n in done.removed.items() if n]
    said = ["Taken out (rows, ids in rows that stay, texts, files):" if removed else "Nothing was left to take out."]
    said += removed
    if len(done.ids) > 1:
        said.append(f"By the leads, {', '.join(done.ids)} are one person; all of them are forgotten.")
    if done.others:
        others = f"{len(done.others)} other contacts have the same e-mail or name: {', '.join(done.others)}."
        said.append(f"{others} Forget them too?")
    if done.left:
        said += [
            "Yours to change or delete: they name the person, or cannot be searched (zip, PDF):",
            *map(str, done.left),
        ]
    said.append(
        "A new import into this workbook does not bring the person back. Not searched: free text of the data, such as titles of "
        "deals; the export itself and the source system; reports in other folders; .abm_cache of other workbooks."
    )
    return said
