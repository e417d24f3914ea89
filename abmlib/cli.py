"""The `abm` command: parse, call, print. The only reader of the clock."""

import contextlib
import datetime as dt
import errno
import getpass
import json
import logging
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from abmlib import __version__, places
from abmlib.tables.errors import NO_ROOM

if TYPE_CHECKING:
    from abmlib.pages.doctor import Verdict

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The ABM workbook: reports from your own account data."
)
WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 180  # a log or a mail must not cut tables
out, err = Console(soft_wrap=True, highlight=False, width=WIDE), Console(stderr=True, soft_wrap=True, highlight=False)
WORKBOOK = Path("workbook.yml")  # of the folder the command is called in
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
logging.raiseExceptions = False  # a log that cannot be written is no second error
DONE, SOME_FAILED, BAD_INPUT, CHECKS_FAILED = 0, 1, 2, 3


def stop(error: object, code: int = BAD_INPUT) -> NoReturn:
    """Print one error and end."""
    err.print(plain(reason(error)), style="red", markup=False)
    raise typer.Exit(code)


def reason(error: object) -> str:
    """Say in words what the machine did not let be done; any other error says so itself."""
    if not isinstance(error, OSError) or not error.errno:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    forbidden = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    remedy = "Give a place that you may read and write." if forbidden else "Make room, or give another place."
    return f"{where}{error.strerror}. {remedy}"


def plain(text: str) -> str:
    """Write text of the data so that no sign in it steers the terminal; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def table_of(heads: Sequence[str], rows: Iterable[Iterable[object]], title: str) -> None:
    """Print a table; numbers stand on the right, and text of the data is text."""
    shown = Table(title=title, title_justify="left")
    cells = [[f"{v:,}" if isinstance(v, int) else "" if v is None or v != v else str(v) for v in row] for row in rows]
    for n, head in enumerate(heads):
        numbers = cells and all(re.fullmatch(r"-?[\d,]*", row[n]) for row in cells)
        shown.add_column(head, justify="right" if numbers else "left")
    for row in cells:
        shown.add_row(*(escape(plain(cell)) for cell in row))
    out.print(shown)


def by_table(present: set[str]) -> list[tuple[str, str]]:
    """Gather ``table.column`` by table."""
    tables = sorted({name.partition(".")[0] for name in present})
    return [(t, ", ".join(sorted(n.partition(".")[2] for n in present if n.startswith(f"{t}.")))) for t in tables]


def tell_verdict(verdict: "Verdict", title: str) -> None:
    """Print what the data holds, what is wrong with it and which accounts can be judged."""
    out.print(f"{verdict.checks:,} checks, {len(verdict.wrong):,} broken{':' if verdict.wrong else '.'}")
    for sentence in verdict.wrong:
        out.print(plain(f"- {sentence}"), markup=False)
    if verdict.stops:
        return
    days = {c: verdict.reach[c].dt.date.astype(object) for c in ("first_day", "last_day")}
    reach = verdict.reach.assign(**days, days_old=verdict.reach["days_old"].astype("Int64"))
    columns = ["table", "rows", "accounts", "first_day", "last_day", "days_old"]
    rows = reach[columns].astype(object).where(reach[columns].notna(), None).itertuples(index=False)
    table_of([c.replace("_", " ") for c in columns], rows, f"{title}, as of {verdict.as_of}")
    counts = verdict.accounts.reset_index(names="accounts")
    table_of(counts.columns.tolist(), counts.itertuples(index=False), "Accounts that can be judged")


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """End with one error where the input is bad."""
    try:
        yield
    except (ValueError, OSError) as wrong:  # TableError is a ValueError
        stop(wrong)


def refuse_overwriting(file: Path | None) -> None:
    """Refuse to write over a file: it may hold a person's work."""
    if file and file.exists():
        raise ValueError(f"{file}: is there already. Give another name, or remove it.")


def team_key(folder: Path, make: bool) -> bytes | None:
    """The key under which people are hashed; one is made beside the workbook where there is none and one is needed."""
    from abmlib.tables import secret

    key = secret.find_key(folder)
    if key is None and make:
        path = folder / secret.FILE
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32) + "\n", "utf-8")
        key = secret.find_key(folder)
        err.print(
            f"{path}: a new key for hashing people. Keep it secret, back it up, and use the same for every import.",
            markup=False,
        )
    return key


def find_data(given: Path | None) -> Path:
    """The data set given, the workbook of this folder, or the sample."""
    if given is None and not WORKBOOK.is_file():
        err.print("There is no workbook.yml here and no --data: this is about the sample.", style="yellow")
    return given or (WORKBOOK if WORKBOOK.is_file() else places.SAMPLE)


def find_reports(given: Path | None, data: Path) -> Path:
    """The folder of runs given, the workbook's, or the one named after the data; where the workbook is wrong, the usual one."""
    from abmlib.tables import settings

    try:
        return given or settings.workbook(data).out or Path("reports") / data.stem
    except ValueError:
        return data.parent / settings.OUT if data.is_file() else Path("reports") / data.stem


def no_report(log: logging.Logger, reports: Path, why: object) -> None:
    """Say in the log and in the summary that is sent why there is no report."""
    from abmlib.pages import shelf, site

    said = reason(why)
    log.error("no report: %s", plain(" ".join(said.split())))
    with contextlib.suppress(OSError):
        shelf.write_whole(reports / shelf.SUMMARY, site.no_report(f"{dt.datetime.now():%Y-%m-%d}", said).encode())


def open_log(folder: Path) -> logging.Logger:
    """Open the one log of a folder of runs: a line per event, in UTC, appended."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = logging.FileHandler(folder / "runs.log", encoding="utf-8")
    lines.setFormatter(logging.Formatter("%(asctime)sZ %(process)d %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    lines.formatter.converter = time.gmtime  # type: ignore[union-attr]
    log = logging.getLogger(f"abm.{folder.resolve()}")
    log.handlers, log.propagate = [lines], False
    log.setLevel(logging.INFO)
    return log


def progress() -> Progress:
    """A bar that is gone when the work is done."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=err, transient=True)


def find_notebooks(given: Path | None) -> Path:
    """The folder of notebooks: the one given, the one here, or the one that came with the package."""
    for folder in [given] if given else [Path("notebooks"), places.NOTEBOOKS]:
        if (folder / "notebooks.yml").is_file():
            return folder
    raise ValueError(f"notebooks: no notebooks.yml in {given or 'notebooks/'}. Give the folder with --notebooks.")


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        readable=False,  # the command says so itself, also in the log
        help="Workbook file, folder or DuckDB file. Default: workbook.yml here, or the sample.",
    ),
]
Reports = Annotated[
    Path | None, typer.Option("--out", help="Folder of runs. Default: the workbook's, or reports/NAME.")
]
Notebooks = Annotated[Path | None, typer.Option("--notebooks", help="Folder with notebooks.yml.")]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """The ABM workbook: reports from your own account data."""
    if show:
        out.print(__version__)
        raise typer.Exit


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Folder to work in; made, or brought up to date.")]) -> None:
    """Make a folder to work in: workbook file, notebooks, mappings, sample, programme."""
    from abmlib.pages import workspace

    with refusing():
        done = workspace.init(folder)
    for what, how in (
        ("made", "made"),
        ("updated", "brought up to date"),
        ("beside yours", "put beside your own version"),
    ):
        files = [place for place, did in done.items() if did == what]
        if files:
            shown = f": {', '.join(files)}" if what != "made" else ""
            out.print(f"{len(files)} files {how}{shown}.", markup=False)
    if not done:
        out.print("There is nothing to bring up to date.")
    if "workbook.yml" in done:
        out.print(
            f"Say in {folder / 'workbook.yml'} where your data lies; until then abm run there reports on a sample.",
            markup=False,
        )


@app.command("import")
def import_(
    mapping: Annotated[
        Path | None, typer.Argument(readable=False, help="YAML file that says how the export maps to the tables.")
    ] = None,
    source: Annotated[Path | None, typer.Argument(readable=False, help="Folder of the export.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the canonical tables; with --describe, the file.")
    ] = None,
    describe: Annotated[
        Path | None, typer.Option("--describe", help="Write a first mapping for the export in this folder instead.")
    ] = None,
) -> None:
    """Turn an export into canonical tables, and say what was lost on the way; or draft the mapping it takes."""
    from abmlib.tables.importers import describe as drafts
    from abmlib.tables.importers import mapped

    if describe:
        if mapping or source:
            stop(
                "--describe takes the folder of an export and no mapping. Write: abm import --describe EXPORT --to FILE."
            )
        with refusing():
            refuse_overwriting(to)
            text = drafts.draft(describe)
            if to is None:
                typer.echo(text, nl=False)  # to be redirected, so without colours or breaks
                return
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text, "utf-8")
        out.print(
            f"{to}: a first mapping. Settle what it calls a doubt, then: abm import {to} {describe} --to FOLDER",
            markup=False,
        )
        return
    if not (mapping and source and to):
        stop(
            "import takes a mapping, the folder of the export and --to. Without a mapping, start with --describe EXPORT."
        )
    with refusing():
        reports = find_reports(None, WORKBOOK) if WORKBOOK.is_file() else None
        log = open_log(reports) if reports else None
    try:
        read = mapped.load_mapping(mapping)
        ledger = mapped.run(read, source, to, key=team_key(Path.cwd(), make=bool(read.hashed)))
    except (ValueError, OSError) as wrong:
        if log and reports:
            no_report(log, reports, f"Import of {source} failed. {reason(wrong)}")
        stop(wrong)
    if log:
        lost = int(ledger["rows_lost"].sum())
        log.info("import: %s to %s, %s rows left out for reasons in its ledger", source, to, f"{lost:,}")
    shown = ledger.astype(object).itertuples(index=False)
    table_of([c.replace("_", " ") for c in ledger.columns], shown, f"{to}: rows in, rows out, and why")


@app.command()
def run(
    data: Data = None,
    as_of: Annotated[str, typer.Option(help="latest-data, yesterday, month-end or a day.")] = "latest-data",
    to: Reports = None,
    only: Annotated[str, typer.Option(help="Numbers of notebooks, with all they read from: 03,12.")] = "",
    through: Annotated[str | None, typer.Option(help="All notebooks up to this number.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value for all notebooks that have it, 06.name=value for one.")
    ] = None,
    file: Annotated[Path | None, typer.Option("-f", help="YAML file of parameters.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks run side by side; as many as cores by default.")] = CORES,
    notebooks: Notebooks = None,
) -> None:
    """Run the report: every notebook on one data set, as known at the end of one day."""
    from abmlib.pages import catalogue, parameters
    from abmlib.pages import run as runs
    from abmlib.tables import checks, settings

    data, now = find_data(data), dt.datetime.now().astimezone()
    with refusing():
        reports = find_reports(to, data)
        log = open_log(reports)

    def refuse(why: object, code: int = BAD_INPUT) -> NoReturn:
        """Say why there is no report: on the screen, in the log, and in the summary that is sent."""
        no_report(log, reports, why)
        stop(why, code)

    try:
        workbook = settings.workbook(data)
        folder = find_notebooks(notebooks or workbook.notebooks)
        numbers = [n.strip() for n in only.split(",") if n.strip()]
        chosen = catalogue.choose(catalogue.load(folder / catalogue.FILE), numbers, through)
        given = parameters.assign(parameter or [], file, chosen, folder, workbook.parameters)
        asked = runs.resolve_as_of(as_of, now.date())
        found, audit = runs.preflight(data)
        unsound = checks.failure(audit)
        if unsound:
            refuse(f"{unsound}\nData checks failed; nothing was run.", CHECKS_FAILED)
        day = asked or runs.newest(found.latest_day, now.date())
        request = runs.Request(folder, data, day, reports, chosen, given, jobs)
    except (ValueError, OSError) as wrong:
        refuse(wrong, SOME_FAILED if getattr(wrong, "errno", None) in NO_ROOM else BAD_INPUT)
    added = [e.number for e in chosen if numbers and e.number not in numbers]
    if added:
        err.print(f"Also running {', '.join(added)}, which the others read.")
    log.info("start: %s as of %s, notebooks %s", workbook.data.name, day, ", ".join(e.number for e in chosen))
    with progress() as bar:
        task = bar.add_task("report", total=len(chosen))

        def tell(name: str, status: str) -> None:
            """Show and log which notebook runs and how each ended."""
            log.info("%s: %s", name, status.replace("_", " "))
            if status == "running":
                bar.update(task, description=name)
            else:
                bar.console.print(f"{name}: {status.replace('_', ' ')}")
                bar.advance(task)

        try:
            report = runs.run(request, found, tell)
        except OSError as wrong:
            refuse(f"{reports}: {wrong.strerror or wrong}. Nothing was left there.", SOME_FAILED)
    for name, outcome in report.outcomes.items():
        if outcome.words:
            log.log(
                logging.ERROR if name in report.failed else logging.INFO,
                "%s: %s",
                name,
                " ".join(outcome.words.split()),
            )
            err.print(
                plain(f"{name}: {outcome.words}"), markup=False, style="red" if name in report.failed else "yellow"
            )
    log.info("end: %s, %s", report.folder.name, f"{len(report.failed)} failed" if report.failed else "done")
    out.print(f"{report.folder / 'index.html'}", markup=False)
    raise typer.Exit(SOME_FAILED if report.failed else DONE)


@app.command()
def doctor(
    data: Data = None,
    request: Annotated[Path | None, typer.Option(help="Write the data request there, as Markdown, to hand on.")] = None,
    notebooks: Notebooks = None,
) -> None:
    """Say whether a report can be made from this data, what is wrong with it, and what to export next."""
    from abmlib.pages import doctor as doctors
    from abmlib.pages import run as runs
    from abmlib.tables import settings
    from abmlib.tables.importers import describe

    data = find_data(data)
    with refusing():
        workbook = settings.workbook(data)
        folder = find_notebooks(notebooks or workbook.notebooks)
        raw = workbook.data.is_dir() and not doctors.holds(workbook.data)
        if raw:
            guess = describe.look(workbook.data)
            answers, wanted = doctors.unseen(guess.present, folder)
            out.print(f"{workbook.data}: no canonical tables. What its files seem to hold, by their names and values:")
            table_of(["table", "columns"], by_table(guess.present), "What this export seems to hold")
        else:
            verdict = doctors.examine(*runs.preflight(data), folder, workbook.parameters)
            answers, wanted = verdict.answers, verdict.request
            tell_verdict(verdict, workbook.settings.title)
    seen = answers[["notebook", "question", "built", "answer", "needed"]].itertuples(index=False)
    table_of(["notebook", "question", "built", "answer", "waits for"], seen, "Which questions this data can answer")
    short = wanted.replace(dict.fromkeys(("for_lack_of_it", "fuller_with_it"), r"(\d\d)_\w+"), r"\1", regex=True)
    asked = short[["export", "at_least", "for_lack_of_it", "fuller_with_it"]].itertuples(index=False)
    table_of(["export", "with at least", "not answerable without", "fuller with"], asked, "What to export next")
    if request:
        with refusing():
            request.write_text(doctors.as_letter(wanted), "utf-8")
        out.print(f"The data request is in {request}.", markup=False)
    if raw:
        out.print(f"Next: abm import --describe {data} --to mapping.yml", markup=False)
    elif verdict.stops:
        stop("Data checks fail: no report can be made before they are mended.", CHECKS_FAILED)


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many complete runs stay, the newest.")],
    to: Reports = None,
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove old runs, failed ones that are older, and what runs that died left behind."""
    from abmlib.pages import shelf

    with refusing():
        done = shelf.prune(find_reports(to, find_data(data)), keep, dry_run, now=dt.datetime.now().timestamp())
    for name in done.removed:
        out.print(f"{'would go' if dry_run else 'removed'}: {name}", markup=False)
    out.print(f"{len(done.kept)} kept, {len(done.removed)} removed, {done.freed / 1e6:,.1f} MB freed.")


@app.command()
def export(
    report: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or latest.")] = Path("latest"),
    zipped: Annotated[bool, typer.Option("--zip", help="The whole run as one zip file.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Its pages as one PDF; needs Chromium, Chrome or Edge.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Account names to codes: for readers outside.")] = False,
    to: Annotated[Path | None, typer.Option("--to", help="File to write. Default: beside the run.")] = None,
    reports: Reports = None,
    data: Data = None,
    notebooks: Notebooks = None,
) -> None:
    """Put one run into one file, to be sent or kept."""
    from abmlib.pages import export as exports
    from abmlib.tables import settings

    if zipped == pdf:
        stop("export makes one file: give --zip or --pdf.")
    with refusing(), tempfile.TemporaryDirectory(prefix="abm-") as work:
        found = exports.find(report if report.exists() else find_reports(reports, find_data(data)) / report)
        ending = f"{'-redacted' if redact else ''}.{'zip' if zipped else 'pdf'}"
        file = to or found.with_name(f"{found.name}{ending}")
        refuse_overwriting(file)
        if redact:
            data = find_data(data)
            folder = find_notebooks(notebooks or settings.workbook(data).notebooks)
            err.print("Making the report anew from a copy of the data without names.")
            found = exports.redo(found, data, folder, team_key(Path.cwd(), make=True) or b"", Path(work))
            codes = file.with_suffix(".codes.csv")
            refuse_overwriting(codes)
        (exports.as_zip if zipped else exports.as_pdf)(found, file)
        if redact:
            shutil.copyfile(Path(work) / "codes.csv", codes)
            out.print(f"{codes}: which account has which code. It is for you alone.", markup=False)
    out.print(f"{file}", markup=False)


@app.command()
def forget(
    contact_id: Annotated[str, typer.Argument(help="Of the person who asked to be forgotten.")],
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Also remove this name from past runs, if the data has lost it.")
    ] = None,
    data: Data = None,
    reports: Reports = None,
) -> None:
    """Remove a person from the data, the programme and past runs, and remember by a keyed hash to leave them out."""
    import pandas as pd

    from abmlib.pages import forget as forgetting
    from abmlib.tables import cache, people, programme, settings

    with refusing():
        data = find_data(data)
        workbook = settings.workbook(data)
        if workbook.programme is None:
            stop("forget: a DuckDB file alone has no programme to remember it in. Name both in a workbook.yml.")
        names = people.names(workbook.data, contact_id) | set(name or [])
        key = team_key(workbook.file.parent if workbook.file else Path.cwd(), make=True) or b""
        now = pd.Timestamp.now("UTC").floor("s")
        user = getpass.getuser()
        done = Counter(programme.forget(workbook.programme, key, contact_id, entered_at=now, entered_by=user))
        done.update(people.forget(workbook.data, contact_id))  # a table may lie in both places
        cache.clear(workbook)
        runs = find_reports(reports, data)
        for folder in (runs, runs / "lab", Path("reports") / "lab"):
            done.update({f"{folder.name}/{r}": n for r, n in forgetting.from_runs(folder, contact_id, names).items()})
    found = {place: n for place, n in done.items() if n and place != "forgotten.csv"}
    for place, n in found.items():
        out.print(f"{place}: {n:,} removed", markup=False)
    if not found:
        out.print("Not found in data, programme or runs.")
    out.print(
        "Who comes back with a new import is left out again. Not searched: the export itself, the source system, files made "
        "with abm export, copies elsewhere."
    )


@app.command()
def market(
    to: Annotated[Path | None, typer.Option("--out", help="Folder for the market; must be new or empty.")] = None,
    accounts: Annotated[int, typer.Option("--accounts", help="Accounts, prospects included.")] = 240,
    months: Annotated[int, typer.Option("--months", help="Length of the time told.")] = 36,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same market.")] = 7,
    end: Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD.")] = "2026-06-30",
    preset: Annotated[str, typer.Option("--preset", help="Sizes to begin with; see --switches.")] = "sample",
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Size of one switch, as abm_win.early=0.1 or holdout=0.")
    ] = None,
    density: Annotated[float, typer.Option("--density", help="Touches, as a multiple of the sample's.")] = 1.0,
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder for what was planted. Default: OUT with -truth.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes side by side.")] = 1,
    switches: Annotated[bool, typer.Option("--switches", help="List what can be planted, and its size.")] = False,
) -> None:
    """Make a synthetic market whose truth is known: data anyone may see, and statistics can be held to."""
    from abmlib import market as markets

    with refusing():
        planted = markets.preset(preset, markets.given(sets or []))
        if switches:
            heads = ("switch", "size", "most", "what the size means")
            table_of(heads, markets.listed(planted), f"preset {preset}; there are {', '.join(markets.PRESETS)}")
            return
        if to is None:
            stop("market: nowhere to write to. Give --out FOLDER.")
        hidden = truth or to.with_name(f"{to.name}-truth")
        for folder in (to, hidden):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise ValueError(f"{folder}: is there already. Give another name, or remove it.")
        plan = markets.Plan(seed, accounts, months, end, planted, density)
        with progress() as bar:
            task = bar.add_task("market", total=None)
            rows = markets.make(
                plan, to, truth=hidden, form=markets.form(form), title=f"Synthetic market, seed {seed}", jobs=jobs,
                tell=lambda done, of: bar.update(task, completed=done, total=of),
            )  # fmt: skip
    out.print(f"{to}: {accounts:,} accounts, {sum(rows.values()):,} rows in {len(rows)} tables", markup=False)
    out.print(f"{hidden}: what was planted. No notebook reads it.", markup=False)


@app.command("list")
def list_(notebooks: Notebooks = None) -> None:
    """List the notebooks and the questions they answer."""
    from abmlib.pages import catalogue

    shown = Table("notebook", "question it answers", "needs")
    with refusing():
        entries = catalogue.load(find_notebooks(notebooks) / catalogue.FILE)
    for entry in (e for e in entries if e.built):
        shown.add_row(entry.notebook, entry.question, ", ".join(entry.needs))
    out.print(shown)


@app.command()
def params(notebook: Annotated[str, typer.Argument(help="Number or name.")], notebooks: Notebooks = None) -> None:
    """Show the parameters of a notebook: name, type, default, help."""
    from abmlib.pages import catalogue, parameters

    with refusing():
        folder = find_notebooks(notebooks)
        entries = [e for e in catalogue.load(folder / catalogue.FILE) if e.built]
    found = [e for e in entries if notebook in {e.number, e.notebook}]
    if not found:
        stop(f"no notebook {notebook!r}; there are {[e.number for e in entries]}. Use a number or a name.")
    shown = Table("parameter", "type", "default", "help")
    for p in parameters.declared(folder / f"{found[0].notebook}.ipynb").values():
        shown.add_row(p.name, p.type, json.dumps(p.default), p.help)
    out.print(shown)


def main() -> None:
    """Run the command."""
    app()
