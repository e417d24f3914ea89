"""The `abm` command: parse, call, print. The only reader of the clock."""

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from abmlib import __version__

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The ABM workbook: reports from your own account data."
)
out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)
DONE, SOME_FAILED, BAD_INPUT, CHECKS_FAILED = 0, 1, 2, 3
ROOT = Path(__file__).parents[1]


def stop(error: object, code: int = BAD_INPUT) -> NoReturn:
    """Print one error and end."""
    err.print(str(error), style="red", markup=False)
    raise typer.Exit(code)


def find_notebooks(given: Path | None) -> Path:
    """The folder of notebooks: the one given, the one here, or the one of this checkout."""
    for folder in [given] if given else [Path("notebooks"), ROOT / "notebooks"]:
        if (folder / "notebooks.yml").is_file():
            return folder
    stop(f"notebooks: no notebooks.yml in {given or 'notebooks/'}. Give the folder with --notebooks.")


Notebooks = Annotated[Path | None, typer.Option("--notebooks", help="Folder with notebooks.yml.")]


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """The ABM workbook: reports from your own account data."""
    if show:
        out.print(__version__)
        raise typer.Exit


@app.command("import")
def import_(
    mapping: Annotated[Path, typer.Argument(help="YAML file that says how the export maps to the canonical tables.")],
    source: Annotated[Path, typer.Argument(help="Folder of the export.")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the canonical tables.")],
) -> None:
    """Turn an export into canonical tables, and say what was lost on the way."""
    from abmlib.tables.errors import TableError
    from abmlib.tables.importers import mapped

    try:
        ledger = mapped.run(mapped.load_mapping(mapping), source, to)
    except (TableError, ValueError, OSError) as wrong:
        stop(wrong)
    shown = Table(title=f"{to}: rows in, rows out, and why")
    for name in ledger.columns:
        shown.add_column(name.replace("_", " "), justify="right" if name.startswith("rows") else "left")
    for row in ledger.itertuples(index=False):
        shown.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    out.print(shown)


@app.command()
def run(
    data: Annotated[Path, typer.Option(help="Folder or DuckDB file with the canonical tables.")] = ROOT
    / "data"
    / "sample",
    as_of: Annotated[str, typer.Option(help="latest-data, yesterday, month-end or a day.")] = "latest-data",
    to: Annotated[
        Path | None, typer.Option("--out", help="Folder of runs. Default: reports/ and the data's name.")
    ] = None,
    only: Annotated[str, typer.Option(help="Numbers of notebooks, with all they read from: 03,12.")] = "",
    through: Annotated[str | None, typer.Option(help="All notebooks up to this number.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value for all notebooks that have it, 06.name=value for one.")
    ] = None,
    file: Annotated[Path | None, typer.Option("-f", help="YAML file of parameters.")] = None,
    notebooks: Notebooks = None,
) -> None:
    """Run the report: every notebook on one data set, as known at the end of one day."""
    from abmlib.pages import catalogue
    from abmlib.pages import run as runs
    from abmlib.tables import TableError, checks

    folder = find_notebooks(notebooks)
    numbers = [n.strip() for n in only.split(",") if n.strip()]
    try:
        chosen = catalogue.choose(catalogue.load(folder / catalogue.FILE), numbers, through)
        given = runs.assign(parameter or [], file, chosen, folder)
        source, audit = runs.preflight(data)
        unsound = checks.failure(audit)
        if unsound:
            stop(f"{unsound}\nData checks failed; nothing was run.", CHECKS_FAILED)
        day = runs.resolve_as_of(as_of, source.latest_day(), dt.datetime.now().astimezone().date())
        request = runs.Request(folder, data, day, to or Path("reports") / data.stem, chosen, given)
    except (TableError, ValueError, OSError) as wrong:
        stop(wrong)
    added = [e.number for e in chosen if numbers and e.number not in numbers]
    if added:
        err.print(f"Also running {', '.join(added)}, which the others read.")
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
    ) as bar:
        task = bar.add_task("report", total=len(chosen))

        def tell(name: str, status: str) -> None:
            """Show which notebook runs and how each ended."""
            if status == "running":
                bar.update(task, description=name)
            else:
                bar.console.print(f"{name}: {status.replace('_', ' ')}")
                bar.advance(task)

        try:
            report = runs.run(request, source.settings, tell)
        except OSError as wrong:
            stop(f"{request.out}: {wrong.strerror or wrong}. Nothing was left there.", SOME_FAILED)
    for name, outcome in report.outcomes.items():
        if outcome.words:
            err.print(f"{name}: {outcome.words}", markup=False, style="red" if name in report.failed else "yellow")
    out.print(f"{report.folder / 'index.html'}", markup=False)
    raise typer.Exit(SOME_FAILED if report.failed else DONE)


@app.command("list")
def list_(notebooks: Notebooks = None) -> None:
    """List the notebooks and the questions they answer."""
    from abmlib.pages import catalogue

    shown = Table("notebook", "question it answers", "needs")
    for entry in catalogue.load(find_notebooks(notebooks) / catalogue.FILE):
        if entry.built:
            shown.add_row(entry.notebook, entry.question, ", ".join(entry.needs))
    out.print(shown)


@app.command()
def params(notebook: Annotated[str, typer.Argument(help="Number or name.")], notebooks: Notebooks = None) -> None:
    """Show the parameters of a notebook: name, type, default, help."""
    from abmlib.pages import catalogue, kernels

    folder = find_notebooks(notebooks)
    entries = [e for e in catalogue.load(folder / catalogue.FILE) if e.built]
    found = [e for e in entries if notebook in {e.number, e.notebook}]
    if not found:
        stop(f"no notebook {notebook!r}; there are {[e.number for e in entries]}. Use a number or a name.")
    shown = Table("parameter", "type", "default", "help")
    for p in kernels.parameters(folder / f"{found[0].notebook}.ipynb").values():
        shown.add_row(p.name, p.type, json.dumps(p.default), p.help)
    out.print(shown)


def main() -> None:
    """Run the command."""
    app()
