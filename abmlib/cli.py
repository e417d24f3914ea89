"""The `abm` command: parse, call, print. The only reader of the clock."""

import contextlib
import datetime as dt
import getpass
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abmlib import __version__, places
from abmlib.console import (
    DONE,
    SOME_FAILED,
    ChecksFailed,
    NotFinished,
    Verbs,
    err,
    plain,
    progress,
    reason,
    show,
    show_table,
)
from abmlib.tables import temporary
from abmlib.tables.errors import NO_ROOM
from abmlib.tables.outputs import refuse_overwriting, write

if TYPE_CHECKING:
    from abmlib.tables import settings

WORKBOOK = Path("workbook.yml")  # of the folder the command is called in
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
logging.raiseExceptions = False  # a log that cannot be written is no second error
logging.getLogger("abm").addHandler(logging.NullHandler())


@contextlib.contextmanager
def recorded(reports: Path, about: str = "") -> Iterator[logging.Logger]:
    """Open the log of a folder of runs, in UTC; an error is written there too, after `about`, and in the summary that is sent."""
    reports.mkdir(parents=True, exist_ok=True)
    lines = logging.FileHandler(reports / "runs.log", encoding="utf-8")
    lines.formatter = logging.Formatter("%(asctime)sZ %(process)d %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    lines.formatter.converter = time.gmtime
    log = logging.getLogger(f"abm.{reports.resolve()}")
    log.handlers, log.propagate = [lines], False
    log.setLevel(logging.INFO)
    try:
        yield log
    except (ValueError, OSError, KeyboardInterrupt) as wrong:
        from abmlib.pages import front, shelf

        words = about + reason(wrong)
        log.error("no report: %s", plain(" ".join(words.split())))
        with contextlib.suppress(OSError):
            shelf.write_whole(reports / shelf.SUMMARY, front.no_report(str(dt.date.today()), words).encode())
        raise


DATA = "Workbook file, folder or DuckDB file. Default: workbook.yml here, or the sample."
# not readable: the command says so itself, also in the log
Data = Annotated[Path | None, typer.Option("--data", readable=False, help=DATA)]
Reports = Annotated[Path | None, typer.Option("--out", help="Folder of runs. Default: the workbook's or reports/NAME.")]
AsOf = Annotated[str, typer.Option(help="latest-data, yesterday, month-end or a day.")]
Notebooks = Annotated[Path | None, typer.Option("--notebooks", help="Folder with notebooks.yml.")]


def find_data(given: Path | None, is_asked: bool = True) -> Path:
    """The data set given, the workbook of this folder, or the sample; says so of the sample if it is what was asked about."""
    if given is None and is_asked and not WORKBOOK.is_file():
        err.print("There is no workbook.yml here and no --data: this is about the sample.", style="yellow")
    return given or (WORKBOOK if WORKBOOK.is_file() else places.SAMPLE)


def find_reports(given: Path | None, data: Path) -> Path:
    """The folder of runs given, the workbook's, or one named after the data; the usual one if the workbook is wrong."""
    from abmlib.tables import settings

    try:
        return places.no_address(given) or settings.workbook(data).out or Path("reports") / data.stem
    except ValueError:
        places.no_address(given or data)
        return data.parent / settings.OUT if data.is_file() else Path("reports") / data.stem


def look_after(reports: Path) -> Path:
    """Finish in a folder of runs what a command that was ended did not; say which runs do not read, and log it in a run."""
    from abmlib.pages import shelf

    for words in shelf.repair(reports):
        err.print(plain(words), markup=False, style="yellow")
        logging.getLogger(f"abm.{reports.resolve()}").warning(words)
    return reports


def team_of(book: Path) -> Path | None:
    """The workbook file that a book belongs to: of a folder above it, else the one of this folder."""
    from abmlib.tables import yaml_file

    files = [*(folder / WORKBOOK for folder in book.resolve().parents[:4]), WORKBOOK]
    return next((f for f in files if f.is_file() and "data" in yaml_file.read_yaml(f)), None)


def warn_unfinished(workbook: "settings.Workbook") -> None:
    """Say if a person was forgotten in part only."""
    from abmlib.tables import cache

    if cache.unfinished(workbook):
        err.print("A person is forgotten in part only. Give abm forget with the same id again.", style="yellow")


def team_key(folder: Path, make: bool = True) -> bytes | None:
    """The key under which people are hashed; if there is none and one is needed, one is made beside the workbook."""
    from abmlib.tables import secret

    if (key := secret.find_key(folder)) or not make:
        return key
    words = "a new key for hashing people. Keep it secret, back it up, and use the same for every import."
    err.print(f"{secret.make_key(folder)}: {words}", markup=False)
    return secret.find_key(folder)


app = typer.Typer(cls=Verbs, no_args_is_help=True, add_completion=False)


@app.callback(invoke_without_command=True)
def version(show_it: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """The ABM workbook: reports from your own account data."""
    temporary.clear(Path())
    if show_it:
        show(__version__)
        raise typer.Exit


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Folder to make, or to bring up to date.")]) -> None:
    """Make a folder to work in: workbook file, notebooks, mappings, sample, programme."""
    from abmlib.pages import workspace

    done = workspace.init(places.no_address(folder))
    if made := list(done.values()).count("made"):
        show(f"{made} files made.")
    for what, words in (("updated", "brought up to date"), ("beside yours", "put beside your own version")):
        if files := [place for place, did in done.items() if did == what]:
            show(f"{len(files)} files {words}: {', '.join(files)}.")
    if not done:
        show("There is nothing to bring up to date.")
    if "workbook.yml" in done:
        show(f"Name your data in {folder / 'workbook.yml'}; until then abm run there reports on a sample.")


@app.command("import")
def import_(
    mapping: Annotated[Path | None, typer.Argument(readable=False, help="YAML file: which column goes where.")] = None,
    source: Annotated[Path | None, typer.Argument(readable=False, help="Folder of the export.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the canonical tables; with --describe, the file.")] = None,
    describe: Annotated[Path | None, typer.Option(help="Write a first mapping of the export in this folder.")] = None,
) -> None:
    """Turn an export into canonical tables, and say what was lost on the way; or draft the mapping for it."""
    import pandas as pd

    from abmlib.pages import say_data
    from abmlib.tables import cache, forgotten, people, settings
    from abmlib.tables.importers import drafts, mapped

    for place in (mapping, source, to, describe):
        places.no_address(place)
    if describe:
        if mapping or source:
            raise ValueError("--describe takes the folder of an export and no mapping: abm import --describe EXPORT.")
        draft = drafts.look(describe)
        if not to:
            return typer.echo(draft.text, nl=False)  # to be redirected, so without colours or breaks
        refuse_overwriting(to)
        write(to, draft.text)
        show_table(pd.DataFrame(draft.overview()), f"{describe}: {draft.pack or 'no pack fits'}")
        show(*(f"- {doubt}" for doubt in draft.doubts[:5]))
        return show(f"{to}: a first mapping. Decide its doubts, then: abm import {to} {describe} --to FOLDER")
    if not (mapping and source and to):
        raise ValueError("import takes a mapping, the export's folder and --to; or --describe EXPORT.")
    about, unlogged = f"Import of {source} failed. ", contextlib.nullcontext(logging.getLogger("abm"))
    with recorded(find_reports(None, WORKBOOK), about) if WORKBOOK.is_file() else unlogged as log:
        read = mapped.load_mapping(mapping, whole=True)
        team = team_of(to)
        workbook = settings.workbook(team) if team else None
        with cache.alone(workbook) if workbook else contextlib.nullcontext():  # nobody is forgotten meanwhile
            programmes = [settings.programme_of(workbook) if workbook else None, to / settings.PROGRAMME]
            left_out = pd.concat(map(forgotten.read, programmes))
            key = team_key(team.parent if team else Path.cwd(), make=bool(read.hashed) and left_out.empty)
            people.refuse_other_key(left_out["key_check"], key)
            ledger = mapped.run(read, source, to, key, set(left_out["person_hash"]))
    log.info("import: %s to %s, %d rows left out for reasons in its ledger", source, to, ledger["rows_lost"].sum())
    show_table(ledger, f"{to}: rows in, rows out, and why")
    if (deals := to / "opportunities.parquet").is_file():
        show(say_data.to_compare(pd.read_parquet(deals), read.workbook.currency))


@app.command()
def run(
    data: Data = None,
    as_of: AsOf = "latest-data",
    to: Reports = None,
    only: Annotated[str, typer.Option(help="Numbers of notebooks, with all they read from: 03,12.")] = "",
    through: Annotated[str | None, typer.Option(help="All notebooks up to this number.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="name=value, or 06.name=value for one.")] = None,
    file: Annotated[Path | None, typer.Option("-f", help="YAML file of parameters.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks to run at the same time; default: one per core.")] = CORES,
    notebooks: Notebooks = None,
) -> None:
    """Run the report: every notebook on one data set, as known at the end of one day."""
    from abmlib.pages import catalogue, parameters
    from abmlib.pages import run as runs
    from abmlib.tables import checks, settings

    data, today = find_data(data), dt.date.today()
    reports = runs.outside(find_reports(to, data), data)
    with recorded(reports) as log:
        look_after(reports)
        workbook = settings.workbook(data)
        warn_unfinished(workbook)
        folder = places.find_notebooks(notebooks or workbook.notebooks)
        numbers = [n.strip() for n in only.split(",") if n.strip()]
        if only and not numbers:
            raise ValueError(f"--only {only!r} names no notebook. Give numbers, such as 03,12.")
        chosen = catalogue.choose(catalogue.load(folder / catalogue.FILE), numbers, through)
        given = parameters.assign(parameter or [], file, chosen, folder, workbook.parameters)
        asked = runs.resolve_as_of(as_of, today)
        try:
            opened, audit = runs.preflight(data)
        except OSError as wrong:
            if wrong.errno not in NO_ROOM:
                raise
            raise NotFinished(reason(wrong)) from wrong
        if failure := checks.failure(audit):
            raise ChecksFailed(f"{failure}\nData checks failed; nothing was run.")
        day = asked or runs.newest(opened.latest_day, today)
        if added := [e.number for e in chosen if numbers and e.number not in numbers]:
            err.print(f"Also running {', '.join(added)}, which the others read.", markup=False)
        log.info("start: %s as of %s, notebooks %s", workbook.data.name, day, ", ".join(e.number for e in chosen))
        with progress() as bar:
            task = bar.add_task("report", total=len(chosen))

            def tell(name: str, status: str) -> None:
                """Show and log which notebook runs and how each ended."""
                words = f"{name}: {status.replace('_', ' ')}"
                log.info(words)
                if status == "running":
                    bar.update(task, description=name)
                else:
                    bar.console.print(words, markup=False)
                    bar.advance(task)

            try:
                report = runs.run(runs.Request(folder, data, day, reports, chosen, given, jobs), opened, tell)
            except (OSError, ValueError) as wrong:  # the input was good: no room, or data that changed
                raise NotFinished(reason(wrong)) from wrong
    for name, outcome in report.outcomes.items():
        if outcome.words:
            words = f"{name}: {outcome.words}"
            log.log(logging.INFO if outcome.ok else logging.ERROR, " ".join(words.split()))
            err.print(plain(words), markup=False, style="yellow" if outcome.ok else "red")
    log.info("end: %s, %s", report.folder.name, f"{len(report.failed)} failed" if report.failed else "done")
    show(report.folder / "index.html")
    raise typer.Exit(SOME_FAILED if report.failed else DONE)


@app.command()
def doctor(
    data: Data = None,
    as_of: AsOf = "latest-data",
    request: Annotated[Path | None, typer.Option(help="Write the data request to this file, as Markdown.")] = None,
    notebooks: Notebooks = None,
) -> None:
    """Say whether a report can be made from this data, what is wrong with it, and what to export next."""
    from abmlib.pages import doctor as doctors
    from abmlib.pages import run as runs
    from abmlib.tables import settings

    data, day = find_data(data), runs.resolve_as_of(as_of, dt.date.today())
    workbook = settings.workbook(data)
    warn_unfinished(workbook)
    folder = places.find_notebooks(notebooks or workbook.notebooks)
    if raw := workbook.data.is_dir() and not doctors.holds(workbook.data):
        if day:
            raise ValueError(
                f"--as-of {as_of}: {workbook.data} is an export, of which no past is known. Import it first."
            )
        verdict = doctors.guess(workbook.data, folder)
        show(f"{workbook.data}: no canonical tables. What its files seem to hold, by their names and values:")
    else:
        verdict = doctors.examine(*runs.preflight(data), folder, workbook.parameters, day)
        show(f"{verdict.checks:,} checks, {len(verdict.wrong):,} broken{':' if verdict.wrong else '.'}")
        show(*(f"- {sentence}" for sentence in verdict.wrong), *verdict.answer)
    for title, table in doctors.tables(verdict, workbook.settings.title).items():
        show_table(table, title)
    if request:
        write(request, doctors.as_letter(verdict.request))
        show(f"The data request is in {request}.")
    if raw:
        show(f"Next: abm import --describe {data} --to mapping.yml")
    if verdict.stops:
        raise ChecksFailed("Data checks fail: no report can be made before they are corrected.")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest complete runs to keep.")],
    to: Reports = None,
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove old runs, older failed ones, and what runs that died left behind."""
    from abmlib.pages import shelf
    from abmlib.tables import settings

    settings.workbook(data := find_data(data))  # a wrong one names other reports
    done = shelf.prune(look_after(find_reports(to, data)), keep, dry_run, now=time.time())
    show(*(f"{'would be removed' if dry_run else 'removed'}: {name}" for name in done.removed))
    show(f"{len(done.kept)} kept, {len(done.removed)} removed, {done.freed / 1e6:,.1f} MB freed.")


@app.command()
def export(
    report: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or latest.")] = Path("latest"),
    zipped: Annotated[bool, typer.Option("--zip", help="The whole run as one zip file.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Its pages as one PDF; needs Chromium, Chrome or Edge.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Codes for account names, for readers outside.")] = False,
    to: Annotated[Path | None, typer.Option(help="File to write. Default: beside the run.")] = None,
    reports: Reports = None,
    data: Data = None,
    notebooks: Notebooks = None,
) -> None:
    """Put one run into one file, to be sent or kept."""
    from abmlib.pages import export as exports
    from abmlib.tables import settings

    if zipped == pdf:
        raise ValueError("export makes one file: give --zip or --pdf.")
    report = report if report.exists() else find_reports(reports, find_data(data)) / report
    look_after(report.parent)
    source, pack = exports.find(report), exports.as_zip if zipped else exports.as_pdf
    file = to or source.with_name(f"{source.name}{'-redacted' if redact else ''}.{'zip' if zipped else 'pdf'}")
    refuse_overwriting(file)
    if redact:
        refuse_overwriting(file.with_suffix(exports.CODES))
        data = find_data(data)
        folder = places.find_notebooks(notebooks or settings.workbook(data).notebooks)
        exports.refuse_changed(source, data, folder)  # before a key is made
        err.print("Making the report again from a copy of the data without names.")
        codes = exports.as_coded(source, data, folder, team_key(Path.cwd()) or b"", pack, file)
        show(f"{codes}: which account has which code. It is for you alone.")
    else:
        pack(source, file)
    show(file)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="Folder or name of a run, or latest.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="The run to compare with it.")],
    to: Annotated[Path | None, typer.Option(help="Write it to this file too, as Markdown.")] = None,
    reports: Reports = None,
    data: Data = None,
) -> None:
    """Say what changed between two runs: decisions, accounts that moved and why, measures."""
    from abmlib.pages import compare as comparing

    data = find_data(data, is_asked=not (before.is_dir() and after.is_dir()))
    a, b = comparing.find([before, after], find_reports(reports, data))
    accounts, deals = comparing.known(data, b)
    tables, warnings = comparing.compare(a, b, accounts, deals), comparing.differences(a, b, accounts)
    for words in warnings:
        err.print(plain(words), markup=False, style="yellow")
    for name, table in tables.items():
        show_table(table, name) if len(table) else show(f"{name}: nothing changed.")
    if to:
        refuse_overwriting(to)
        write(to, comparing.as_text(tables, f"From {a.name} to {b.name}", warnings))


@app.command()
def forget(
    contact_id: Annotated[str, typer.Argument(help="Id of the person who asked to be forgotten.")],
    name: Annotated[list[str] | None, typer.Option(help="A name of the person that the data does not have.")] = None,
    data: Annotated[Path | None, typer.Option(help="Workbook of the person. Default: workbook.yml here.")] = None,
    reports: Reports = None,
) -> None:
    """Remove a person from past runs, data and programme, and keep a keyed hash to leave them out of later imports."""
    import pandas as pd

    from abmlib.pages import forget as forgetting
    from abmlib.tables import cache, settings

    if data is None and not WORKBOOK.is_file():
        raise ValueError("forget: there is no workbook.yml here. Give --data: the workbook that holds the person.")
    team = team_of(data) if data else None  # with the programme and reports of this data
    is_theirs = team and data and settings.workbook(team).data.resolve() == data.resolve()
    workbook = settings.with_data((team if is_theirs else data) or WORKBOOK)
    where = forgetting.places_of(workbook, look_after(find_reports(reports, workbook.file or data or WORKBOOK)))
    home = workbook.file.parent if workbook.file else team.parent if team else Path.cwd()
    entered = {"entered_at": pd.Timestamp.now("UTC").floor("s"), "entered_by": getpass.getuser()}
    with cache.alone(workbook):
        forgetting.refuse_nobody(where, contact_id, name or [], team_key(home, make=False))
        done = forgetting.forget(where, contact_id, name or [], team_key(home) or b"", **entered)
    show(*forgetting.sentences(done))


@app.command()
def market(
    to: Annotated[Path | None, typer.Option("--out", help="Folder for the market; must be new or empty.")] = None,
    accounts: Annotated[int, typer.Option(help="Accounts, prospects included.")] = 240,
    months: Annotated[int, typer.Option(help="Months of history.")] = 36,
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 7,
    end: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD.")] = "2026-06-30",
    preset: Annotated[str, typer.Option(help="Sizes to begin with; see --switches.")] = "sample",
    sets: Annotated[list[str] | None, typer.Option("--set", help="Size of one switch, such as holdout=0.")] = None,
    density: Annotated[float, typer.Option(help="Touches, as a multiple of the sample's.")] = 1.0,
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    truth: Annotated[Path | None, typer.Option(help="Folder for what was planted. Default: OUT with -truth.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at the same time.")] = 1,
    switches: Annotated[bool, typer.Option("--switches", help="List what can be planted, and its size.")] = False,
) -> None:
    """Make a synthetic market with known truth: data that anyone may see, to test statistics on."""
    import pandas as pd

    from abmlib import market as markets

    planted = markets.preset(preset, markets.given(sets or []))
    if switches:
        listed = pd.DataFrame(markets.listed(planted), columns=["switch", "size", "most", "what the size means"])
        show_table(listed, f"preset {preset}; there are {', '.join(markets.PRESETS)}")
        return
    if to is None:
        raise ValueError("market: nowhere to write to. Give --out FOLDER.")
    hidden = truth or to.with_name(f"{to.name}-truth")
    for place in (to, hidden):
        refuse_overwriting(place)
    plan = markets.Plan(seed, accounts, months, end, planted, density)
    with progress() as bar:
        task = bar.add_task("market", total=None)
        rows = markets.make(
            plan, to, truth=hidden, form=markets.form(form), title=f"Synthetic market, seed {seed}", jobs=jobs,
            tell=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip
    made = f"{to}: {accounts:,} accounts, {sum(rows.values()):,} rows in {len(rows)} tables"
    show(made, f"{hidden}: what was planted. No notebook reads it.")


@app.command()
def course(
    to: Annotated[Path | None, typer.Option("--out", help="Folder for the course; must be new or empty.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the market of the class: another seed, other answers.")] = 7,
    check: Annotated[
        Path | None, typer.Option(help="Folder of learners' notebooks: run them and say what is right.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--results", help="With --check: every verdict, to this CSV file.")
    ] = None,
) -> None:
    """Make the lessons for a class, on a market of its own; or run and judge what learners answered."""
    from abmlib import market as markets
    from abmlib.pages import classroom
    from abmlib.tables.outputs import defused

    def made(number: int, folder: Path) -> None:
        """Write the market of a class into a folder."""
        plan = markets.Plan(number, classroom.ACCOUNTS, classroom.MONTHS, classroom.LATER)
        markets.make(plan, folder / "data", truth=folder / "truth", title=f"Market of the class, seed {number}")

    if bool(to) == bool(check) or (to and file):
        raise ValueError(
            "course: give --out FOLDER to make one, or --check FOLDER to judge answers, alone or with --results."
        )
    for place in filter(None, (to, file)):
        refuse_overwriting(place)
    if to:
        with temporary.folder(beside=to) as place, err.status("making the market, the lessons and the key"):
            made(seed, place / to.name / classroom.LEARNER)
            for edition in (classroom.LEARNER, classroom.KEY):
                classroom.write(place / to.name / edition, seed, edition)
            classroom.fill(place / to.name / classroom.KEY)
            temporary.replace_folder(place / to.name, to)
        show(f"{to / classroom.LEARNER}: for learners, whole. They open start.ipynb in JupyterLab.")
        return show(f"{to / classroom.KEY}: solutions, common wrong answers and what this market shows, for you.")
    if check:
        with progress() as bar:
            task = bar.add_task("notebooks", total=None)
            judged = classroom.results(check, made, lambda done, of: bar.update(task, completed=done, total=of))
        show_table(classroom.counted(judged, ["file"]), f"{check}: exercises by notebook")
        show_table(classroom.counted(judged.query("exercise != ''"), ["lesson", "exercise"]), "Learners by exercise")
        if file:
            write(file, defused(judged).to_csv(index=False))


@app.command("list")
def list_(notebooks: Notebooks = None) -> None:
    """List the notebooks and the questions they answer."""
    from abmlib.pages import catalogue

    listed = catalogue.frame(places.find_notebooks(notebooks) / catalogue.FILE)
    listed = listed.loc[listed["built"]].assign(needs=listed["needs"].str.join(", "))
    show_table(listed[["notebook", "question", "needs"]].rename(columns={"question": "question it answers"}))


@app.command()
def params(notebook: Annotated[str, typer.Argument(help="Number or name.")], notebooks: Notebooks = None) -> None:
    """Show the parameters of a notebook: name, type, default, help."""
    import pandas as pd

    from abmlib.pages import catalogue, parameters

    folder = places.find_notebooks(notebooks)
    entries = [e for e in catalogue.load(folder / catalogue.FILE) if e.built]
    if not (names := [e.notebook for e in entries if notebook in {e.number, e.notebook}]):
        raise ValueError(f"no notebook {notebook!r}; there are {[e.number for e in entries]}. Use a number or a name.")
    rows = pd.DataFrame(map(asdict, parameters.declared(folder / f"{names[0]}.ipynb").values()))
    show_table(rows.assign(default=rows["default"].map(json.dumps)).rename(columns={"name": "parameter"}))


def main() -> None:
    """Run the command; a request to end is what Ctrl-C is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        getpass.getuser(), Path.home()
    except (KeyError, OSError, RuntimeError):  # a container without users; libraries ask for a name and a home
        os.environ |= {"LOGNAME": f"uid {os.getuid()}", "HOME": os.devnull} | os.environ
    app()
