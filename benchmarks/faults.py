"""What is lost, and what is left behind, when a command is killed at any moment; and what hostile input does.

    python -m benchmarks.faults                                    # 50 kills, all hostile inputs; about ten minutes
    python -m benchmarks.faults --rounds 20 --verbs forget,import  # of some verbs alone, without hostile inputs

A round copies a small workbook with people in it, starts a command, kills it (its main process alone, or all its processes) at
a random moment of its usual length, gives the next command (the same again, or another one) and then asks what must be true.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pyarrow.parquet as pq
import yaml

from abmlib.pages import shelf
from abmlib.tables import programme
from abmlib.tables.fingerprint import CACHE
from benchmarks import hostile
from benchmarks.hostile import COMMAND, ROOT, listed, write_notebook

PAGE = Path(__file__).with_suffix(".md")
PERSON = "c-quill-7"  # who is forgotten
TRACES = (PERSON, "Annabel Quillfeather", "a.quillfeather@post.example")  # by which the person could be found again
PATIENCE = 10.0  # seconds after a command in which what it started must have ended
USUAL = 1.5  # seconds of a command whose length nobody measured
LONGEST = 120.0  # seconds that a command may take
MARK = "ABM_FAULTS_ROUND"  # in the environment of what a round starts
ENTRIES = 15  # of the programme, by one process
ADDS = """
import sys
from pathlib import Path
import pandas as pd
from abmlib.tables import programme
for number in range(int(sys.argv[2])):
    row = pd.DataFrame({"period": ["2026"], "owner_id": [f"{sys.argv[3]}{number}"], "measure_id": "won_value", "value": 1.0})
    programme.append(Path(sys.argv[1]), "targets", row, entered_at=pd.Timestamp("2026-06-01", tz="UTC"), entered_by="Bo")
    print(f"{sys.argv[3]}{number}", flush=True)
"""
TABLES = {
    "accounts": {"account_id": "Id", "name": "Name", "created_at": {"value": "2025-01-01T00:00:00Z"}},
    "contacts": {
        "contact_id": "Id", "account_id": "Company", "full_name": "Name", "opted_out": {"value": False},
        "created_at": {"value": "2025-01-01T00:00:00Z"}, "email_hash": {"column": "Mail", "hash": True},
    },
    "activities": {
        "activity_id": "Id", "account_id": "Company", "contact_id": "Person", "occurred_at": "At",
        "direction": {"value": "inbound"}, "channel": {"value": "web"},
    },
}  # fmt: skip
OPENED = "from abmlib.tables import Book, schema\nbook = Book.open(data, as_of, tables, people=people)"
CELLS = {
    "00_account_data": [OPENED, 'book.write("00_account_data", schema.empty("00_account_data"))'],
    "03_key_accounts": [
        OPENED,
        'book.read("contacts")[["contact_id", "full_name"]] if people else "nobody is named"',
        'book.decide("call", text="Call them", accounts=book.read("accounts")["account_id"])',
        'book.write("03_key_accounts", schema.empty("03_key_accounts"))',
    ],
}


@dataclass(frozen=True)
class Place:
    """A workbook of its own for one round, with a folder for temporary files."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a command of the round is started with."""
        own = {"TMPDIR": str(self.folder / "tmp"), MARK: str(self.folder), "PYTHONPATH": str(ROOT), "ABM_KEY": "k" * 32}
        return dict(os.environ) | own

    def start(self, *command: str, said: str = "said") -> "subprocess.Popen[str]":
        """Start a command in a group of processes of its own, in the workbook's folder; what it says goes to a file."""
        return subprocess.Popen(  # noqa: S603 -- our own command
            command, cwd=self.folder / "home", env=self.environment, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=(self.folder / said).open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def finish(self, *command: str) -> tuple[int, str]:
        """Run a command to its end; give its exit code and what it printed."""
        process = self.start(*command)
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            end(self.processes())
            code = 124  # as of timeout(1)
        return code, (self.folder / "said").read_text("utf-8", "replace")

    def succeed(self, *command: str) -> None:
        """Run a command that must succeed."""
        code, said = self.finish(*command)
        if code:
            raise RuntimeError(f"{' '.join(command[3:])}: exit code {code}. {said}")

    def processes(self) -> list[int]:
        """Name the processes that commands of this round started and that are still running."""
        mine, own = f"{MARK}={self.folder}".encode(), os.getpid()
        found = []
        for state in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mine in state.read_bytes().split(b"\0") and int(state.parent.name) != own:
                    found.append(int(state.parent.name))
        return found


def end(processes: Sequence[int]) -> None:
    """End processes by their numbers."""
    for number in processes:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


# -- a workbook with people in it -------------------------------------------------------------------------------------


def export(folder: Path, accounts: int, people: int) -> None:
    """Write an export with names and e-mail addresses; the one who is forgotten is the eighth."""
    folder.mkdir(parents=True, exist_ok=True)
    persons = [f"c{n},a{n % 9},Person Number{n},p{n}@secret.example" for n in range(people)]
    persons[7] = f"{PERSON},a7,{TRACES[1]},{TRACES[2]}"
    ids = [person.partition(",")[0] for person in persons]
    touches = [f"t{n},a{n % 9},{ids[n % people]},2026-0{n % 6 + 1}-01" for n in range(20 * people)]
    for name, head, rows in (
        ("accounts", "Id,Name", [f"a{n},Company {n}" for n in range(accounts)]),
        ("contacts", "Id,Company,Name,Mail", persons),
        ("activities", "Id,Company,Person,At", touches),
    ):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows, ""]), "utf-8")


def home(place: Place, people: int = 2_000, runs: bool = True) -> None:
    """Make a workbook: an imported book, entries about a person, and runs, of which one shows people and one does not."""
    folder = place.folder / "home"
    (folder / "notebooks").mkdir(parents=True)
    (place.folder / "tmp").mkdir()
    export(place.folder / "export", 20, people)
    export(place.folder / "newer", 21, people)
    mapping = {
        "version": 1, "title": "faults", "workbook": {"time_zone": "UTC", "currency": "EUR"},
        "sources": {name: {"file": f"{name}.csv", "time_zone": "UTC"} for name in TABLES},
        "tables": {name: {"from": name, "columns": columns} for name, columns in TABLES.items()},
    }  # fmt: skip
    (folder / "mapping.yml").write_text(yaml.safe_dump(mapping, sort_keys=False), "utf-8")
    (folder / "workbook.yml").write_text("data: book\n", "utf-8")
    for name, cells in CELLS.items():
        write_notebook(folder / "notebooks" / f"{name}.ipynb", cells)
    (folder / "notebooks" / "notebooks.yml").write_text(listed(list(CELLS)), "utf-8")
    place.succeed(*COMMAND, "import", "mapping.yml", "../export", "--to", "book")
    insights = programme.template("account_insights")
    insights += f"i1,a7,{PERSON},goal,{TRACES[1]} wants more,0.5,call,2026-01-01T00:00:00Z,,2026-01-02T00:00:00Z,Bo,\n"
    insights += "i2,a8,c8,goal,wants less,0.5,call,2026-01-01T00:00:00Z,,2026-01-02T00:00:00Z,Bo,\n"
    (folder / "programme").mkdir()
    (folder / "programme" / "account_insights.csv").write_text(insights, "utf-8")
    if not runs:
        return
    place.succeed(*COMMAND, "run", "--as-of", "2026-05-31", "-p", "03.people=true")
    shutil.copytree(folder / "notebooks", folder / "notebooks" / ".ipynb_checkpoints")
    shown = next((folder / "reports").glob("2026-05-31_*")) / "notebooks" / "03_key_accounts.ipynb"
    for path in (folder / "notebooks").rglob(shown.name):  # as if run by hand
        node = nbformat.read(path, as_version=4)
        node.cells[-3].outputs = nbformat.read(shown, as_version=4).cells[-3].outputs
        nbformat.write(node, path)
    place.succeed(*COMMAND, "run", "--as-of", "2026-06-30")


def contents(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give what each file of a folder says, its name included; Parquet and archives unpacked."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        with suppress(FileNotFoundError):
            text = path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".parquet":
                with suppress(OSError, ValueError):  # half of one is searched as it is
                    table = pq.ParquetFile(path).read()
                    text += str(table.to_pydict()) + str(table.schema.metadata)
            yield path, f"{path.name}\n{text}"


def holding(folder: Path, words: Sequence[str]) -> list[str]:
    """Name the files of a folder that hold one of some words."""
    return [str(path.relative_to(folder)) for path, text in contents(folder) if any(word in text for word in words)]


def state(folder: Path) -> str:
    """Hash the files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and CACHE not in p.parts):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


# -- what must be true after a kill and the next command --------------------------------------------------------------


@dataclass(frozen=True)
class Before:
    """A workbook that rounds start from, and what of it must be kept."""

    place: Place
    book: str  # state of its book
    newer: str  # state of the book that an import of the newer export makes
    runs: dict[str, str]  # states of the past runs by name

    @classmethod
    def of(cls, place: Place) -> "Before":
        """Look at a workbook made by `home`."""
        folder = place.folder / "home"
        place.succeed(*COMMAND, "import", "mapping.yml", "../newer", "--to", "newer")
        newer = state(folder / "newer")
        shutil.rmtree(folder / "newer")
        out = folder / "reports"
        runs = (
            {run.folder.name: state(run.folder) for run in shelf.all_runs(out)} if (out / shelf.LATEST).exists() else {}
        )
        return cls(place, state(folder / "book"), newer, runs)


@dataclass(frozen=True)
class Round:
    """One round: where it is, what it started from, the commands, and what the killed command had said."""

    place: Place
    before: Before
    command: tuple[str, ...]
    follow: tuple[str, ...]
    said: str = ""

    @property
    def home(self) -> Path:
        """The folder of the workbook."""
        return self.place.folder / "home"


def unreadable_runs(now: Round) -> Iterator[str]:
    """Say which runs are not complete, and whether latest and the page beside the runs open one that is."""
    if not now.before.runs:
        return
    out = now.home / "reports"
    for folder in (p for p in out.iterdir() if p.is_dir() and not p.is_symlink() and p.name[:4].isdigit()):
        record = shelf.facts(folder)
        pages = [] if record is None else [folder / "html" / f"{n}.html" for n in record["outcomes"]]
        if not pages or not all(p.is_file() for p in [*pages, folder / "index.html", folder / shelf.SUMMARY]):
            yield f"a run is not complete: {folder.name}"
    latest = shelf.pointed(out / shelf.LATEST)
    if latest is None or shelf.facts(latest) is None or shelf.dangles(out):
        yield f"latest or index.html opens no run: {latest}"


def after_run(now: Round) -> Iterator[str]:
    """Every run is complete or absent, and the newest one is open."""
    yield from unreadable_runs(now)
    for name, was in now.before.runs.items():
        if state(now.home / "reports" / name) != was:
            yield f"an earlier run changed: {name}"
    new = list((now.home / "reports").glob("2026-07-31_*"))
    if now.follow == now.command and (latest := shelf.pointed(now.home / "reports" / shelf.LATEST)) not in new:
        yield f"latest is not the newest run: {latest}"
    if paths := [path for run in new for path in holding(run, [str(now.place.folder)])]:
        yield f"an absolute path is in the run: {paths[:3]}"


def after_import(now: Round) -> Iterator[str]:
    """The book is the old one or the new one, and nobody's address is left anywhere."""
    book = state(now.home / "book")
    if book != now.before.newer and (now.follow == now.command or book != now.before.book):
        yield "the book is neither the old nor the new one"
    for place in (now.home, now.place.folder / "tmp"):
        if files := holding(place, ["@secret.example", TRACES[2]]):
            yield f"e-mail addresses are left: {files[:3]}"


def after_forget(now: Round) -> Iterator[str]:
    """The person is nowhere, everybody else is, and a new import does not bring the person back."""
    for place in (now.home, now.place.folder / "tmp"):
        if files := holding(place, TRACES):
            yield f"the person is still there: {len(files)} files {files[:3]}"
    yield from unreadable_runs(now)
    for name, was in now.before.runs.items():
        run = now.home / "reports" / name
        if name.startswith("2026-06") and state(run) != was:
            yield f"a run without the person changed: {name}"
        kept = [run / "run.json", *(run / "tables" / f"03_{table}.parquet" for table in ("decisions", "measures"))]
        if lost := [path.name for path in kept if not path.is_file()]:
            yield f"a run lost what is not about people: {lost}"
    for table in TABLES:
        path = now.home / "book" / f"{table}.parquet"
        rows = [
            pq.read_metadata(p).num_rows for p in (path, now.before.place.folder / path.relative_to(now.place.folder))
        ]
        if rows[0] != rows[1] - (table == "contacts"):
            yield f"other rows were lost: {table} had {rows[1]}, has {rows[0]}"
    insights = programme.read(now.home / "programme", "account_insights")["insight_id"].tolist()
    entered = len(programme.read(now.home / "programme", programme.FORGOTTEN))
    if (insights, entered) != (["i2"], 1):
        yield f"the programme is wrong: insights {insights}, forgotten {entered}"
    now.place.finish(*COMMAND, "import", "mapping.yml", "../export", "--to", "book")
    if files := holding(now.home / "book", TRACES):
        yield f"an import brings the person back: {files}"


def after_export(now: Round) -> Iterator[str]:
    """The file is whole, and beside one with codes lies what the codes mean."""
    path = now.home / "report.zip"
    try:
        with zipfile.ZipFile(path) as packed:
            names = {name.partition("/")[2] for name in packed.namelist()}
            if packed.testzip() or not {"run.json", "index.html", "html/03_key_accounts.html"} <= names:
                yield "the zip is not whole"
    except (OSError, zipfile.BadZipFile) as wrong:
        yield f"the zip does not open: {wrong}"
    if "--redact" in now.command and not path.with_suffix(".codes.csv").is_file():
        yield "a zip with codes has no table of codes"


def after_append(now: Round) -> Iterator[str]:
    """Every entry that was said to be added is there, and those of another process too."""
    there = set(programme.read(now.home / "programme", "targets")["owner_id"])
    if lost := sorted({*now.said.split(), *(f"b{n}" for n in range(ENTRIES)), "c0"} - there):
        yield f"entries were lost: {len(lost)} {lost[:3]}"


def left_behind(now: Round) -> Iterator[str]:
    """Name what is left of a killed command: hidden files beside the work, files for a moment, processes."""
    usual = {CACHE, ".gitignore", ".lock", ".ipynb_checkpoints"}
    there = (p for p in now.home.rglob("*") if CACHE not in p.relative_to(now.home).parts[:-1])
    if left := [p.name for p in there if p.name.startswith((".", "zip-")) and p.name not in usual]:
        yield f"hidden files are left: {left[:3]}"
    if left := [p.name for p in (now.place.folder / "tmp").rglob("*") if p.is_file() and p.name not in usual]:
        yield f"temporary files are left: {left[:3]}"
    last = time.monotonic() + PATIENCE
    while (running := now.place.processes()) and time.monotonic() < last:
        time.sleep(0.1)
    if running:
        yield f"processes still run: {len(running)}"
        end(running)


@dataclass(frozen=True)
class Verb:
    """A command to be killed: how it is called, what may follow, what must then be true."""

    commands: Sequence[tuple[str, ...]]
    check: Callable[[Round], Iterator[str]]
    follows: Sequence[tuple[str, ...]] = ()  # commands that may follow instead of the same one
    beside: tuple[str, ...] = ()  # a command that runs at the same time, and is not killed
    fine: Sequence[int] = (0,)  # exit codes of what follows


VERBS = {
    "run": Verb([(*COMMAND, "run", "--as-of", "2026-07-31", "--jobs", "2")], after_run, [(*COMMAND, "prune", "--keep", "9")]),
    "import": Verb([(*COMMAND, "import", "mapping.yml", "../newer", "--to", "book")], after_import, [(*COMMAND, "list")]),
    # once the person is gone, nobody knows the id any more
    "forget": Verb([(*COMMAND, "forget", PERSON, "--data", "workbook.yml")], after_forget, fine=(0, 2)),
    "export": Verb(
        [(*COMMAND, "export", "latest", "--zip", "--to", "report.zip", *more) for more in ([], ["--redact"])],
        after_export, fine=(0, 2),  # the file is there already
    ),
    "append": Verb(
        [(sys.executable, "-c", ADDS, "programme", str(ENTRIES), "a")], after_append,
        [(sys.executable, "-c", ADDS, "programme", "1", "c")], (sys.executable, "-c", ADDS, "programme", str(ENTRIES), "b"),
    ),
}  # fmt: skip


# -- rounds -----------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What the rounds of a verb showed."""

    rounds: int = 0
    landed: int = 0  # kills that found the command running
    broken: list[str] = field(default_factory=list)  # a sentence each, its kind before the colon


@contextmanager
def copied(before: Before) -> Iterator[Place]:
    """Give a copy of a workbook, removed in the end."""
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        shutil.copytree(before.place.folder, Path(folder) / "place", symlinks=True)
        yield Place(Path(folder) / "place")


def usual_length(command: tuple[str, ...], before: Before) -> float:
    """Measure how long a command takes if nobody kills it, in seconds."""
    with copied(before) as place:
        start = time.perf_counter()
        place.succeed(*command)
        return time.perf_counter() - start


def one_round(
    name: str, number: int, seed: int, before: Before, lengths: Mapping[tuple[str, ...], float]
) -> tuple[bool, list[str]]:
    """Kill a verb at a random moment; say whether the kill landed, and what was broken after the next command."""
    verb, draw = VERBS[name], random.Random(f"{seed} {name} {number}")  # noqa: S311
    command = draw.choice(verb.commands)
    follow = draw.choice([*(() if verb.beside else (command,)), *verb.follows])
    with copied(before) as place:
        if draw.random() < 0.5:  # nothing is kept of the data yet
            shutil.rmtree(place.folder / "home" / CACHE, ignore_errors=True)
        beside = place.start(*verb.beside, said="beside") if verb.beside else None
        process = place.start(*command)
        time.sleep(draw.random() * lengths.get(command, USUAL))
        landed = process.poll() is None
        if landed and draw.random() < 0.5:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        said = (place.folder / "said").read_text("utf-8", "replace")
        if beside is not None:
            beside.wait(LONGEST)
        code, answer = place.finish(*follow)
        now = Round(place, before, command, follow, said)
        lines = answer.strip().splitlines() or [""]
        wrong = [] if code in verb.fine else [f"the next command ended with {code}: {lines[-1]}"]
        return landed, [*wrong, *verb.check(now), *left_behind(now)]


def killed(verbs: Sequence[str], rounds: int, seed: int, before: Before, at_once: int) -> dict[str, Found]:
    """Give each verb its share of the rounds, several at once."""
    found = {name: Found() for name in verbs}
    lengths = {command: usual_length(command, before) for name in verbs for command in VERBS[name].commands}
    turns = [(verbs[n % len(verbs)], n) for n in range(rounds)]
    with ThreadPoolExecutor(at_once) as pool:
        done = pool.map(lambda t: one_round(t[0], t[1], seed, before, lengths), turns)
        for (name, number), (landed, broken) in zip(turns, done, strict=True):
            one = found[name]
            one.rounds, one.landed, one.broken = one.rounds + 1, one.landed + landed, [*one.broken, *broken]
            for words in broken:
                print(f"{name}, round {number}: {words}", flush=True)  # noqa: T201
    return found


def table(found: dict[str, Found]) -> str:
    """Write what the rounds showed as a table."""
    lines = ["| verb | rounds | kills that landed | broken |", "| --- | ---: | ---: | --- |"]
    for name, one in found.items():
        kinds = [words.partition(":")[0] for words in one.broken]
        told = "; ".join(f"{kind} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds))
        lines.append(f"| {name} | {one.rounds} | {one.landed} | {told or 'nothing'} |")
    return "\n".join(lines)


def page(found: dict[str, Found], tried: str, seed: int) -> str:
    """Write the page."""
    return (
        f"# Killed commands and hostile input\n\nMade by `make faults`, seed {seed}. A command is killed at a random moment of its "
        "usual length: its main process alone, or all its processes.\nThe next command follows: the same again, or another one. "
        "Then the book must be the old one or the new one, runs complete or absent, entries all\nthere, and no address of an export, "
        f"no trace of a forgotten person, no temporary file and no process left.\n\n{table(found)}\n\n{tried}\n"
    )


def main() -> None:
    """Kill, try, print and write the page; exit code 1 if anything was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbs", default="", help=f"some of {','.join(VERBS)}; then no hostile input and no page")
    parser.add_argument("--to", default=str(PAGE), help="page to write; - for none")
    given = parser.parse_args()
    verbs = given.verbs.split(",") if given.verbs else list(VERBS)
    if unknown := [name for name in verbs if name not in VERBS]:
        parser.error(f"no verb is called {unknown}; there are {list(VERBS)}.")
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        home(place := Place(Path(folder)))
        found = killed(verbs, given.rounds, given.seed, Before.of(place), os.cpu_count() or 1)
    wrong = [words for one in found.values() for words in one.broken]
    if given.verbs:
        print(table(found))  # noqa: T201
    else:
        results = hostile.tried()
        wrong += [case for result in results for case in result.wrong]
        print(text := page(found, hostile.table(results), given.seed))  # noqa: T201
        if given.to != "-":
            Path(given.to).write_text(text, "utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
