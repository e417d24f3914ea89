"""One report: chosen notebooks run on one data set as of one day, into one folder that appears complete or not at all."""

import datetime as dt
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from abmlib import __version__
from abmlib.method import readout
from abmlib.method.since import by_decision
from abmlib.method.summary import headlines, window_names
from abmlib.pages import company_lists, draft_mark, front, kernels, parameters, shelf, site
from abmlib.pages.catalogue import Entry
from abmlib.pages.kernels import Outcome
from abmlib.stats.intervals import LEVEL
from abmlib.tables import schema
from abmlib.tables.book import SHARED, Book
from abmlib.tables.cache import Data, cache_folder, fullest
from abmlib.tables.days import LATEST_DATA, day_asked
from abmlib.tables.errors import NO_ROOM, TableError
from abmlib.tables.fingerprint import belongs
from abmlib.tables.outputs import defused

LIBRARIES = ("pandas", "numpy", "duckdb", "ibis-framework", "scipy", "papermill")
PREVIOUS = "previous"  # parameter of notebooks that compare: the tables of an earlier run


@dataclass(frozen=True)
class Request:
    """What to run, on what, and where to write it; everything checked."""

    notebooks: Path
    data: Path
    as_of: dt.date
    out: Path
    chosen: Sequence[Entry]
    parameters: Mapping[str, Mapping[str, Any]]  # by notebook name; only those given
    jobs: int = 1  # notebooks run side by side

    def notebook(self, entry: Entry) -> Path:
        """The file of a notebook."""
        return self.notebooks / f"{entry.notebook}.ipynb"


@dataclass(frozen=True)
class Report:
    """A finished run."""

    folder: Path
    outcomes: dict[str, Outcome]

    @property
    def failed(self) -> list[str]:
        """Notebooks that failed or were stopped by one that did."""
        return [name for name, outcome in self.outcomes.items() if not outcome.ok]


def resolve_as_of(asked: str, today: dt.date) -> dt.date | None:
    """Turn ``yesterday``, ``month-end`` or a day into a day; None for ``latest-data``, which only the data can tell.

    ``month-end`` is the last day of the newest month that is over.

    Raises
    ------
    ValueError
        If it is none of these, or is after `today`.
    """
    yesterday, month_end = (day - dt.timedelta(days=1) for day in (today, today.replace(day=1)))
    days = {LATEST_DATA: None, "yesterday": yesterday, "month-end": month_end}
    if asked in days:
        return days[asked]
    day = day_asked(asked, f"as-of must be {', '.join(days)}")
    if day and day > today:
        raise ValueError(f"as-of {day} lies after today, and nobody knows it yet. Give a day up to {today}.")
    return day


def newest(latest: dt.date | None, today: dt.date) -> dt.date:
    """Give the day of the newest dated fact, to report on.

    Raises
    ------
    ValueError
        If no row of the data is dated, or its newest fact is after `today`.
    """
    if latest is None:
        raise ValueError("as-of: no row of the data is dated, so it has no latest day. Give a day.")
    if latest > today:
        raise ValueError(f"as-of: the newest row is dated {latest}, after today. Correct its date, or give a day.")
    return latest


def preflight(data: Path) -> tuple[Data, pd.DataFrame]:
    """Check every table of a data set, unless that was done already; give the data and the rows of `source.AUDIT`.

    Raises
    ------
    TableError
        If a table does not read.
    """
    opened = Data(data)
    try:
        return opened, opened.audit
    except Exception as wrong:
        # duckdb is not imported where everything was checked already
        if not type(wrong).__module__.startswith(("duckdb", "_duckdb")):
            raise
        from abmlib.tables.importers.sql import cause

        place = opened.workbook.data
        words = cause(wrong).replace(f"{place}{os.sep}", "")
        raise TableError(f"{place.name}: a table does not read: {words} Save it again.") from wrong


def outside(out: Path, data: Path) -> Path:
    """Give a folder of runs back, unless it is in the data or programme: each run would change what it reports on.

    Raises
    ------
    ValueError
        If it is there.
    """
    try:
        parts = belongs(Data(data).workbook)
    except (ValueError, OSError):  # is said where it is read
        return out
    if inside := [place for place in parts if out.resolve().is_relative_to(place.resolve())]:
        raise ValueError(
            f"{out}: is in {inside[0]}, which reports are made from; each run would change it. "
            "Give a folder elsewhere with --out, or as out in workbook.yml."
        )
    return out


def run(request: Request, data: Data, tell: Callable[[str, str], None] = lambda name, status: None) -> Report:
    """Run the chosen notebooks and leave the report folder, complete.

    A failed notebook leaves its error in its own page and stops only those that read it.

    Parameters
    ----------
    data : what `request` names, of `preflight`
    tell : called with a notebook's name and ``running``, then with its status

    Raises
    ------
    OSError
        If the report cannot be written, or the data changed while it was made.
    """
    data.snapshot(request.as_of)  # once, for all notebooks
    data.close()
    facts = describe(request, data)
    request.out.mkdir(parents=True, exist_ok=True)
    for path in [p for p in request.out.iterdir() if shelf.is_left_over(p, None)]:
        shelf.remove(path)
    beside = request.out / f".{facts['id']}.{os.getpid()}.tmp"
    try:
        for part in ("notebooks", "html", "tables", "lists"):
            (beside / part).mkdir(parents=True)
        outcomes = run_all(request, beside, facts[PREVIOUS], tell)
        book = Book(data, request.as_of, beside / "tables")
        write_pages(request, facts, beside, outcomes, book)
        if Data(data.workbook).fingerprint != facts["fingerprint"]:
            raise OSError(f"{facts['data']} changed while the report was made: it would mix two states. Run it again.")
        folder = shelf.move_into_place(beside, request.out / f"{request.as_of}_{facts['id']}")
    except OSError as wrong:
        if wrong.errno not in NO_ROOM:
            raise
        place = wrong.filename or fullest(request.out, Path(tempfile.gettempdir()), cache_folder(data.workbook))
        raise OSError(wrong.errno, wrong.strerror, str(place)) from wrong
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shelf.finish(folder)
    return Report(folder, outcomes)


# -- run the notebooks ------------------------------------------------------------------------------------------------


def run_all(request: Request, beside: Path, before: str | None, tell: Callable[[str, str], None]) -> dict[str, Outcome]:
    """Run the notebooks, each after all that it reads from, several side by side if asked.

    Parameters
    ----------
    beside : folder of the run while it is made
    before : name of the run to compare with
    tell : as in `run`

    Returns
    -------
    dict: how each notebook ended, in run order
    """
    given = {e.notebook: injected(e, request, beside, before) for e in request.chosen}
    outcomes: dict[str, Outcome] = {}
    waiting, running = list(request.chosen), dict[Future[Outcome], tuple[Entry, Executor]]()

    def end(entry: Entry, outcome: Outcome) -> None:
        outcomes[entry.notebook] = outcome
        tell(entry.notebook, outcome.status)

    try:
        while waiting or running:
            for entry in [e for e in waiting if reads_from(e, request.chosen) <= outcomes.keys()]:
                if stopped := unreadable(entry, outcomes):
                    end(entry, Outcome("skipped", 0.0, f"It reads from {', '.join(stopped)}, which failed."))
                elif len(running) < request.jobs:
                    tell(entry.notebook, "running")
                    source, pool = request.notebook(entry).resolve(), kernels.worker()
                    to = (beside / "notebooks").resolve() / source.name
                    running[pool.submit(kernels.execute, source, to, given[entry.notebook])] = entry, pool
                else:
                    break
                waiting.remove(entry)
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                entry, pool = running.pop(done)
                pool.shutdown()
                try:
                    ended = done.result()
                except BrokenProcessPool as wrong:
                    ended = Outcome("failed", 0.0, f"Its process was ended: {wrong}")
                relocate(beside / "notebooks" / f"{entry.notebook}.ipynb", request.out, given[entry.notebook])
                end(entry, settled(entry, beside / "tables", ended))
    except BaseException:
        kernels.end_workers()
        for _, pool in running.values():  # so that nothing of it is left to be ended with the command
            pool.shutdown(cancel_futures=True)
        raise
    return {e.notebook: outcomes[e.notebook] for e in request.chosen}


def gathers(entry: Entry) -> bool:
    """Say whether a notebook gathers the decisions or measures of all before it."""
    return any(name in SHARED for name in entry.reads)


def reads_from(entry: Entry, chosen: Sequence[Entry]) -> set[str]:
    """Name the notebooks that must end before this one starts; one that gathers waits for all before it."""
    return {e.notebook for e in chosen if e.number < entry.number and (gathers(entry) or e.number in entry.sources)}


def unreadable(entry: Entry, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Name the notebooks without usable tables that a notebook reads from; one that gathers takes what is there."""
    if gathers(entry):
        return []
    return sorted(
        name for name, outcome in outcomes.items() if not outcome.ok and schema.number_of(name) in entry.sources
    )


def injected(entry: Entry, request: Request, beside: Path, before: str | None) -> dict[str, Any]:
    """Give the parameters that a notebook is run with."""
    tables, given = str((beside / "tables").resolve()), dict(request.parameters.get(entry.notebook, {}))
    given |= {"data": str(request.data.resolve()), "as_of": str(request.as_of), "tables": tables}
    if before and PREVIOUS in parameters.declared(request.notebook(entry)):
        given.setdefault(PREVIOUS, str((request.out / before / "tables").resolve()))
    return given


def settled(entry: Entry, tables: Path, ended: Outcome) -> Outcome:
    """Turn the outcome into a failure if a notebook did not write all the tables it promises."""
    promised = [*entry.writes, *(f"{entry.number}_{name}" for name in SHARED)]
    absent = [name for name in promised if not (tables / f"{name}.parquet").is_file()]
    return Outcome("failed", ended.seconds, f"It ended without writing {absent}.") if ended.ok and absent else ended


def relocate(to: Path, out: Path, given: Mapping[str, Any]) -> None:
    """Rewrite the folders in an executed notebook relative to its final place, so that it can be run again there."""
    if not to.is_file():
        return
    home = out.resolve() / "run" / "notebooks"
    places = {name: seen_from(home, given[name]) for name in ("data", PREVIOUS) if given.get(name)}
    node = nbformat.read(to, as_version=4)
    for cell in (c for c in node.cells if c.id == "injected-parameters"):
        for name, place in (places | {"tables": "../tables"}).items():
            line = f"{name} = {json.dumps(place)}".replace("\\", "\\\\")
            cell.source = re.sub(rf"(?m)^{name} = .*$", line, cell.source)
    nbformat.write(node, to)


def seen_from(home: Path, place: str) -> str:
    """Write a folder relative to another one, or unchanged if there is no path between them."""
    try:
        return Path(os.path.relpath(place, home)).as_posix()
    except ValueError:  # another drive
        return Path(place).as_posix()


# -- describe and write it --------------------------------------------------------------------------------------------


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
        "notebooks": {e.notebook: source_hash(request.notebook(e)) for e in request.chosen},
        "parameters": {e.notebook: in_force(request, e) for e in request.chosen},
        "versions": {"abmlib": __version__, "python": platform.python_version()} | installed,
        PREVIOUS: shelf.previous(request.out, request.as_of, [e.notebook for e in request.chosen]),
    }
    identity = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:8]
    return facts | {"id": identity}


def source_hash(notebook: Path) -> str:
    """Hash the sources of a notebook's cells, without outputs."""
    cells = [c.source for c in nbformat.read(notebook, as_version=4).cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def in_force(request: Request, entry: Entry) -> dict[str, Any]:
    """Give the parameters a notebook runs with, given or default, without folders."""
    known = parameters.declared(request.notebook(entry))
    values = {n: p.default for n, p in known.items()} | dict(request.parameters.get(entry.notebook, {}))
    return {n: v for n, v in values.items() if n not in parameters.RESERVED}


def write_pages(request: Request, facts: dict[str, Any], to: Path, outcomes: Mapping[str, Outcome], book: Book) -> None:
    """Write the pages, the lists of accounts, the index, the summary and run.json."""
    rows, targets = [], draft_mark.targets(to / "tables", outcomes)
    draft = draft_mark.is_draft(targets)
    for entry in request.chosen:
        name, outcome = entry.notebook, outcomes[entry.notebook]
        source, page = to / "notebooks" / f"{name}.ipynb", f"html/{name}.html"
        answer = ""
        if made := source.is_file():
            node = nbformat.read(source, as_version=4)
            answer = front.answer(node) if outcome.status == "done" else ""
            marked = draft and draft_mark.follows(entry.number)
            whole = site.page(node, entry.step, facts, outcome.status, outcome.words, draft_mark.SAID * marked)
            (to / page).write_text(whole, "utf-8")
        about = {"notebook": name, "question": entry.question, "parameters": facts["parameters"][name]}
        rows.append(about | {"page": page if made else None, "answer": answer} | asdict(outcome))
    write_front(facts, to, rows, {e.number: e.notebook for e in request.chosen}, book, targets)
    complete = all(o.ok for o in outcomes.values())
    record = facts | {"complete": complete, "outcomes": {n: asdict(o) for n, o in outcomes.items()}}
    (to / "run.json").write_text(json.dumps(record, indent=2, default=str) + "\n", "utf-8")


def write_front(
    facts: dict[str, Any],
    to: Path,
    rows: list[dict[str, Any]],
    numbered: Mapping[str, str],
    book: Book,
    targets: pd.DataFrame,
) -> None:
    """Write what a reader sees first, from the tables of a run: index, summary, lists of accounts and dictionary.

    Parameters
    ----------
    rows : one per notebook, as of `front.index`
    numbered : name of each notebook by its number
    targets : of `draft_mark.targets`
    """
    tables, currency, draft = to / "tables", facts["currency"], draft_mark.is_draft(targets)
    accounts = book.read("accounts").set_index("account_id")
    names = accounts["name"].to_dict()
    states, judged = (left(tables / f"15_{name}.parquet") for name in ("decision_states", "executive_summary"))
    each = by_decision(states) if len(states) else pd.DataFrame(columns=["state", "slug"])
    new = None if facts[PREVIOUS] is None else set(each.loc[each["state"] == "new", "slug"])
    decisions = front.with_states(book.earlier("decisions", tables=tables), states, new)
    lists = front.lists(decisions, names, currency)
    if len(pack := left(tables / "15_accounts.parquet")):
        pack.insert(1, "account", pack["account_id"].map(names))
        lists["15_accounts.csv"] = defused(pack.round(dict.fromkeys(pack.select_dtypes("number"), 2)))
    if len(targets):
        whole = targets.assign(account=targets["account_id"].map(names)).sort_values("rank", kind="stable")
        lists["06_target_accounts.csv"] = defused(whole.round(dict.fromkeys(["worth", "worth_low", "worth_high"], 2)))
    for name, listed in lists.items():
        shown = draft_mark.marked(name, listed) if draft else listed
        shown.to_csv(to / "lists" / name, index=False, encoding="utf-8-sig", date_format="%Y-%m-%d")
    if len(targets):
        found = readout.experiments(book.read("experiments"), book.read("experiment_plans"), accounts.index)
        alone = readout.held_back(readout.running(found, book.as_of), book.as_of)
        held_back = pd.Index(alone["account_id"])
        for name, listed in company_lists.company_lists(targets, accounts, held_back, draft).items():
            # without the mark that Excel knows: other systems take it for a part of the first column's name
            listed.to_csv(to / "lists" / name, index=False, encoding="utf-8", date_format="%Y-%m-%d")
    noted = {name: left(tables / f"{number}_measures.parquet") for number, name in numbered.items()}
    measures = pd.concat([schema.empty("measures"), *noted.values()], ignore_index=True)
    if judged.empty:
        judged = headlines(measures)
        judged = judged.assign(window=window_names(judged))
    year_starts = facts["workbook"]["fiscal_year_starts"]
    tiles = front.tiles(judged, measures, currency, year_starts)
    groups, rest = front.decision_groups(decisions, names, numbered, currency), front.settled(decisions)
    told = front.caption(tiles, judged, measures, LEVEL, year_starts)
    said = draft_mark.SAID * draft
    (to / "index.html").write_text(front.index(facts, rows, groups, tiles, told, rest, said), "utf-8")
    (to / shelf.SUMMARY).write_text(front.summary(facts, rows, groups, rest, said), "utf-8")
    (to / "html" / "dictionary.html").write_text(front.dictionary_page(facts, noted), "utf-8")


def left(path: Path) -> pd.DataFrame:
    """Read a table that a notebook left; one without columns where it left none."""
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame()
