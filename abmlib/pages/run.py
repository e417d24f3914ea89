"""One report: chosen notebooks run on one data set as of one day, into one folder that appears whole or not at all."""

import datetime as dt
import hashlib
import json
import multiprocessing
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import yaml

from abmlib import __version__
from abmlib.pages import catalogue, kernels, site
from abmlib.pages.catalogue import Entry
from abmlib.pages.kernels import Outcome
from abmlib.tables.book import LATEST_DATA, SHARED, Book
from abmlib.tables.cache import Data
from abmlib.tables.errors import TableError

RESERVED = {"data": "--data", "as_of": "--as-of", "tables": "--out"}
LIBRARIES = ("pandas", "numpy", "duckdb", "ibis-framework", "scipy", "papermill")
LATEST = "latest"
SUMMARY = "summary.md"
PREVIOUS = "previous"  # parameter of notebooks that compare: the tables of an earlier run


@dataclass(frozen=True)
class Request:
    """What to run, on what, into where; everything checked."""

    notebooks: Path
    data: Path
    as_of: dt.date
    out: Path
    chosen: Sequence[Entry]
    parameters: Mapping[str, Mapping[str, Any]]  # by notebook name; only those given
    jobs: int = 1  # notebooks run side by side


@dataclass(frozen=True)
class Report:
    """A finished run."""

    folder: Path
    outcomes: dict[str, Outcome]
    decisions: pd.DataFrame

    @property
    def failed(self) -> list[str]:
        """Notebooks that failed or were stopped by one that did."""
        return [n for n, o in self.outcomes.items() if o.status in {"failed", "skipped"}]


def resolve_as_of(asked: str, today: dt.date) -> dt.date | None:
    """Turn ``yesterday``, ``month-end`` or a day into a day; None for ``latest-data``, which only the data can tell.

    ``month-end`` is the last day of the newest month that is over.

    Raises
    ------
    ValueError
        If it is none of these, or lies after `today`.
    """
    if asked == "yesterday":
        return today - dt.timedelta(days=1)
    if asked == "month-end":
        return today.replace(day=1) - dt.timedelta(days=1)
    if asked == LATEST_DATA:
        return None
    try:
        day = dt.date.fromisoformat(asked)
    except ValueError as wrong:
        raise ValueError(
            f"as-of must be latest-data, yesterday, month-end or a day such as 2026-06-30, got {asked!r}."
        ) from wrong
    if day > today:
        raise ValueError(f"as-of {day} lies after today, and nobody knows it yet. Give a day up to {today}.")
    return day


def newest(latest: dt.date | None, today: dt.date) -> dt.date:
    """Give the day of the newest dated fact, to report on.

    Raises
    ------
    ValueError
        If nothing dates the data, or its newest fact lies after `today`.
    """
    if latest is None:
        raise ValueError("as-of: no row of the data is dated, so it has no latest day. Give a day.")
    if latest > today:
        raise ValueError(f"as-of: the newest row is dated {latest}, after today. Correct its date, or give a day.")
    return latest


def assign(
    given: Iterable[str],
    file: Path | None,
    chosen: Sequence[Entry],
    folder: Path,
    shared: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Give each chosen notebook its parameters: ``name=value`` to all that have it, ``06.name=value`` to one.

    A file holds the same in YAML: names, and numbers of notebooks with names below them. The command line wins over
    the file, the file over the workbook, and within each a notebook's own value over the value for all. What a file or
    the workbook says of notebooks that do not run now is checked and waits.

    Parameters
    ----------
    shared : parameters of the workbook, in the form of a file

    Raises
    ------
    ValueError
        If a name is known to no notebook (on the command line: to none that runs), is one the command sets itself, or a
        value is of another type.
    """
    every = [e for e in catalogue.load(folder / catalogue.FILE) if e.built]
    known = {e.notebook: kernels.parameters(folder / f"{e.notebook}.ipynb") for e in every}
    layers = [(split(shared or {}), every), (split(read_file(file)), every), (split_line(given), chosen)]
    out: dict[str, dict[str, Any]] = {e.notebook: {} for e in chosen}
    for (wide, own), allowed in layers:
        refuse_unknown(wide, own, allowed, known)
        for e in chosen:
            mine = {n: v for n, v in wide.items() if n in known[e.notebook]}
            out[e.notebook] |= mine | own.get(e.notebook, {}) | own.get(e.number, {})
    return {n: kernels.check_parameters(folder / f"{n}.ipynb", values) for n, values in out.items()}


def refuse_unknown(
    wide: Mapping[str, Any], own: Mapping[str, Any], allowed: Sequence[Entry], known: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse parameters that none of the notebooks allowed has, and those that the command sets."""
    lost = sorted(set(own) - {e.number for e in allowed} - {e.notebook for e in allowed})
    if lost:
        raise ValueError(f"parameters for {lost}, which do not run; running: {[e.number for e in allowed]}.")
    for name in [*wide, *(n for names in own.values() for n in names)]:
        if name in RESERVED:
            raise ValueError(f"{name} is set by {RESERVED[name]}. Use that instead of -p.")
    names = {n for e in allowed for n in known[e.notebook]}
    if nowhere := sorted(set(wide) - names):
        raise ValueError(f"no notebook that runs has parameter {nowhere}; they have {sorted(names - set(RESERVED))}.")
    for e in allowed:
        mine = own.get(e.notebook, {}) | own.get(e.number, {})
        if unknown := sorted(set(mine) - set(known[e.notebook])):
            raise ValueError(f"{e.notebook} has no parameter {unknown}; it has {sorted(known[e.notebook])}.")


Values = tuple[dict[str, Any], dict[str, dict[str, Any]]]  # for all notebooks, and by notebook


def split_line(given: Iterable[str]) -> Values:
    """Read ``name=value`` and ``06.name=value``."""
    wide: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"-p {text}: no value. Write name=value or 06.name=value.")
        number, dot, rest = name.strip().partition(".")
        if dot:
            own.setdefault(number, {})[rest] = value
        else:
            wide[number] = value
    return wide, own


def read_file(file: Path | None) -> dict[Any, Any]:
    """Read a parameter file; nothing where none is given."""
    if file is None:
        return {}
    try:
        raw = yaml.safe_load(file.read_text("utf-8-sig")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise ValueError(f"{file.name}: not readable as YAML: {wrong}.") from wrong
    if not isinstance(raw, dict):
        raise ValueError(f"{file.name}: must hold names and values, got {type(raw).__name__}.")
    return raw


def split(raw: Mapping[Any, Any]) -> Values:
    """Tell values for all notebooks from values below the number or name of one."""
    named = {f"{k:02d}" if isinstance(k, int) else str(k): v for k, v in raw.items()}
    wide = {k: v for k, v in named.items() if not isinstance(v, dict)}
    return wide, {k: dict(v) for k, v in named.items() if isinstance(v, dict)}


def run(request: Request, data: Data, tell: Callable[[str, str], None] = lambda name, status: None) -> Report:
    """Run the chosen notebooks and leave the report folder, whole.

    A failed notebook leaves its error in its own page and stops only those that read it.

    Parameters
    ----------
    data : what `request` names, of `preflight`
    tell : called with a notebook's name and ``running``, then with its status
    """
    data.snapshot(request.as_of)  # once, for all notebooks
    data.close()
    facts = describe(request, data)
    request.out.mkdir(parents=True, exist_ok=True)
    beside = request.out / f".{facts['id']}.{os.getpid()}.tmp"
    try:
        for part in ("notebooks", "html", "tables"):
            (beside / part).mkdir(parents=True)
        outcomes = run_all(request, beside, facts[PREVIOUS], tell)
        book = Book.of(data, request.as_of, beside / "tables")
        decisions = book.earlier("decisions", tables=beside / "tables")
        numbered = {e.number: e.notebook for e in request.chosen}
        names = book.read("accounts").set_index("account_id")["name"].to_dict()
        write_pages(request, facts, beside, outcomes, site.decision_groups(decisions, names, numbered))
        if Data(data.workbook).fingerprint != facts["fingerprint"]:
            raise OSError(
                f"{facts['data']} changed while the report was made, so it would mix two states. Run it again"
            )
        folder = move_into_place(beside, request.out / f"{request.as_of}_{facts['id']}")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    point_at(folder)
    leave_summary(request.out, (folder / SUMMARY).read_text("utf-8"))
    return Report(folder, outcomes, decisions)


def run_all(request: Request, beside: Path, before: str | None, tell: Callable[[str, str], None]) -> dict[str, Outcome]:
    """Run the notebooks, each after all it reads from, several side by side if asked.

    A process that dies takes no other notebook with it.
    """
    outcomes: dict[str, Outcome] = {}
    waiting, running = list(request.chosen), dict[Future[Outcome], tuple[Entry, Executor]]()
    free = [worker(request.jobs) for _ in range(request.jobs)]

    def end(entry: Entry, outcome: Outcome) -> None:
        outcomes[entry.notebook] = outcome
        tell(entry.notebook, outcome.status)

    try:
        while waiting or running:
            for entry in [e for e in waiting if reads_from(e, request.chosen) <= outcomes.keys()]:
                if stopped := unreadable(entry, outcomes):
                    end(entry, Outcome("skipped", 0.0, f"It reads from {', '.join(stopped)}, which failed."))
                elif free:
                    tell(entry.notebook, "running")
                    file, pool = f"{entry.notebook}.ipynb", free.pop()
                    source, to = request.notebooks.resolve() / file, (beside / "notebooks").resolve() / file
                    given = injected(entry, request, beside, before)
                    running[pool.submit(kernels.execute, source, to, given)] = entry, pool
                else:
                    break
                waiting.remove(entry)
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                entry, pool = running.pop(done)
                wrong = done.exception()
                if wrong and not isinstance(wrong, BrokenProcessPool):
                    raise wrong
                free.append(worker(request.jobs) if wrong else pool)
                ended = Outcome("failed", 0.0, f"Its process was ended: {wrong}") if wrong else done.result()
                end(entry, settled(entry, request, beside, before, ended))
    finally:
        for pool in [*free, *(pool for _, pool in running.values())]:
            pool.shutdown(cancel_futures=True)
    return {e.notebook: outcomes[e.notebook] for e in request.chosen}


class Here(Executor):
    """Run what is submitted at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function, and give what it gave or raised."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as wrong:
            done.set_exception(wrong)
        return done


def worker(jobs: int) -> Executor:
    """Who runs one notebook at a time: this process where it is alone, else one of its own, so that none dies with another."""
    if jobs == 1:
        return Here()
    named = "forkserver" in multiprocessing.get_all_start_methods() and kernels.has_room_for_sockets(
        tempfile.gettempdir()
    )
    context = multiprocessing.get_context("forkserver" if named else "spawn")
    if named:
        context.set_forkserver_preload([kernels.__name__, *kernels.HEAVY])  # imported once for all
    return ProcessPoolExecutor(1, context, kernels.end_with, (os.getpid(),))


def reads_from(entry: Entry, chosen: Sequence[Entry]) -> set[str]:
    """Name the notebooks that must end before this one starts; who gathers decisions or measures waits for all before."""
    before = [e for e in chosen if e.number < entry.number]
    return {e.notebook for e in before if gathers(entry) or any(name[:2] == e.number for name in entry.reads)}


def gathers(entry: Entry) -> bool:
    """Say whether a notebook gathers the decisions or measures of all before it."""
    return any(name in SHARED for name in entry.reads)


def unreadable(entry: Entry, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Name the notebooks a notebook reads from that failed, or were stopped by one that did; who gathers takes what is there."""
    if gathers(entry):
        return []
    bad = sorted(n for n, o in outcomes.items() if o.status in {"failed", "skipped"})
    return [n for n in bad if n in entry.reads or any(r[:2] == n[:2] for r in entry.reads)]


def injected(entry: Entry, request: Request, beside: Path, before: str | None) -> dict[str, Any]:
    """The parameters a notebook is run with."""
    given = dict(request.parameters.get(entry.notebook, {})) | {
        "data": str(request.data.resolve()),
        "as_of": str(request.as_of),
        "tables": str((beside / "tables").resolve()),
    }
    if before and PREVIOUS in kernels.parameters(request.notebooks / f"{entry.notebook}.ipynb"):
        given.setdefault(PREVIOUS, str((request.out / before / "tables").resolve()))
    return given


def settled(entry: Entry, request: Request, beside: Path, before: str | None, ended: Outcome) -> Outcome:
    """Check that a notebook left what it promises, and let its result run again from where it will lie."""
    to = beside / "notebooks" / f"{entry.notebook}.ipynb"
    if to.is_file():
        relocate(to, request, injected(entry, request, beside, before))
    promised = [*entry.writes, *(f"{entry.number}_{name}" for name in SHARED)]
    absent = [name for name in promised if not (beside / "tables" / f"{name}.parquet").is_file()]
    if ended.status in {"done", "not_answerable"} and absent:
        return Outcome("failed", ended.seconds, f"It ended without writing {absent}.")
    return ended


def relocate(to: Path, request: Request, given: Mapping[str, Any]) -> None:
    """Write the folders in an executed notebook as seen from where it will lie, so that it runs again from there."""
    node = nbformat.read(to, as_version=4)
    home = request.out.resolve() / "run" / "notebooks"
    places = {"data": seen_from(home, given["data"]), "tables": "../tables"}
    if given.get(PREVIOUS):
        places[PREVIOUS] = seen_from(home, given[PREVIOUS])
    for cell in node.cells:
        if cell.id == "injected-parameters":
            for name, place in places.items():
                cell.source = cell.source.replace(json.dumps(given[name]), json.dumps(place))
    nbformat.write(node, to)


def seen_from(home: Path, place: str) -> str:
    """Write a folder relative to another, as it is where there is no way between them."""
    try:
        return Path(os.path.relpath(place, home)).as_posix()
    except ValueError:  # another drive
        return Path(place).as_posix()


def describe(request: Request, data: Data) -> dict[str, Any]:
    """State what a run is made from; its id follows from this alone."""
    settings, installed = data.workbook.settings, {name: metadata.version(name) for name in LIBRARIES}
    facts: dict[str, Any] = {
        "title": settings.title,
        "as_of": str(request.as_of),
        "currency": settings.currency,
        "time_zone": settings.time_zone,
        "newest_fact": str(data.latest_day or ""),
        "data": data.workbook.data.name,
        "fingerprint": data.fingerprint,
        "workbook": {k: v for k, v in asdict(settings).items() if k not in {"title", "source"}},
        "notebooks": {e.notebook: source_hash(request.notebooks / f"{e.notebook}.ipynb") for e in request.chosen},
        "parameters": {e.notebook: in_force(request, e) for e in request.chosen},
        "versions": {"abmlib": __version__, "python": platform.python_version()} | installed,
    }
    facts[PREVIOUS] = previous(request.out, request.as_of)
    identity = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:8]
    return facts | {"id": identity}


def source_hash(notebook: Path) -> str:
    """Hash what a notebook says, outputs aside."""
    cells = [c.source for c in nbformat.read(notebook, as_version=4).cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def in_force(request: Request, entry: Entry) -> dict[str, Any]:
    """The parameters a notebook runs with, given or default; folders aside."""
    known = kernels.parameters(request.notebooks / f"{entry.notebook}.ipynb")
    values = {n: p.default for n, p in known.items()} | dict(request.parameters.get(entry.notebook, {}))
    return {n: v for n, v in values.items() if n not in RESERVED}


def previous(out: Path, as_of: dt.date) -> str | None:
    """Name the newest complete run with an earlier day; of one day, the one made last."""
    found = []
    for path in out.glob("*/run.json"):
        if path.parent.is_symlink() or path.parent.name == LATEST:
            continue
        facts = json.loads(path.read_text("utf-8"))
        if facts.get("complete") and facts["as_of"] < str(as_of):
            found.append((facts["as_of"], path.stat().st_mtime, path.parent.name))
    return max(found)[2] if found else None


def write_pages(
    request: Request,
    facts: dict[str, Any],
    beside: Path,
    outcomes: Mapping[str, Outcome],
    decisions: list[dict[str, Any]],
) -> None:
    """Write the pages, the index, the summary and run.json."""
    rows = []
    for entry in request.chosen:
        outcome, source = outcomes[entry.notebook], beside / "notebooks" / f"{entry.notebook}.ipynb"
        if source.is_file():
            page = site.page(nbformat.read(source, as_version=4), entry.notebook, facts, outcome.status, outcome.words)
            (beside / "html" / f"{entry.notebook}.html").write_text(page, "utf-8")
        rows.append(
            {
                "notebook": entry.notebook,
                "question": entry.question,
                "page": f"html/{entry.notebook}.html" if source.is_file() else None,
                "parameters": facts["parameters"][entry.notebook],
                "status": outcome.status,
                "words": outcome.words,
                "seconds": outcome.seconds,
            }
        )
    complete = all(o.status in {"done", "not_answerable"} for o in outcomes.values())
    record = facts | {"complete": complete, "outcomes": {n: asdict(o) for n, o in outcomes.items()}}
    (beside / "index.html").write_text(site.index(facts, decisions, rows), "utf-8")
    (beside / SUMMARY).write_text(site.summary(facts, decisions, rows), "utf-8")
    (beside / "run.json").write_text(json.dumps(record, indent=2, default=str) + "\n", "utf-8")


def move_into_place(beside: Path, wanted: Path) -> Path:
    """Move a finished folder to its name, or to the next free one: a finished run is never touched."""
    for number in range(1, 10_000):
        place = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if place.exists():
            continue
        try:
            return beside.rename(place)
        except OSError:
            if not place.exists():  # not another run that was faster, but a true failure
                raise
    raise OSError(f"{wanted.name}: no free name after 9,999 runs. Remove old runs.")


def point_at(folder: Path) -> None:
    """Let `latest` and the index beside the runs open a run; where links are not allowed `latest` is a text file.

    A copy of a run that a tool which follows links left under that name gives way.
    """
    copied = folder.parent / LATEST
    if copied.is_dir() and not copied.is_symlink() and (copied / "run.json").is_file():
        shutil.rmtree(copied)
    out, link = folder.parent, folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        link.symlink_to(folder.name, target_is_directory=True)
    except OSError:
        link.write_text(folder.name + "\n", "utf-8")
    link.replace(out / LATEST)
    beside = out / f".index.{os.getpid()}"
    beside.write_text(site.redirect(folder.name), "utf-8")
    beside.replace(out / "index.html")


def leave_summary(out: Path, text: str) -> None:
    """Write the summary of the last attempt beside the runs, whole: what an unattended run sends, also if it failed."""
    out.mkdir(parents=True, exist_ok=True)
    beside = out / f".{SUMMARY}.{os.getpid()}"
    try:
        beside.write_text(text, "utf-8")
        beside.replace(out / SUMMARY)
    finally:
        beside.unlink(missing_ok=True)


def preflight(data: Path) -> tuple[Data, pd.DataFrame]:
    """Check every table of a data set, unless that was done already; give the data and the rows of `source.AUDIT`.

    Raises
    ------
    TableError
        If a table does not read.
    """
    kept = Data.of(data)
    try:
        return kept, kept.audit
    except Exception as wrong:
        if not type(wrong).__module__.startswith(
            ("duckdb", "_duckdb")
        ):  # which is not imported where all was checked already
            raise
        from abmlib.tables.importers.sql import cause

        place = kept.workbook.data
        said = cause(wrong).replace(f"{place}{os.sep}", "")
        raise TableError(f"{place.name}: a table does not read: {said} Save it again.") from wrong
