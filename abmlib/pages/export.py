"""A finished run in one file to send: as a zip, as a PDF, and with codes in place of names."""

import ast
import csv
import datetime as dt
import html
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pyarrow.parquet as pq

import abmlib
from abmlib import places
from abmlib.pages import catalogue, front, parameters, shelf, site
from abmlib.pages import run as runs
from abmlib.tables import redact, temporary
from abmlib.tables.cache import Data
from abmlib.tables.errors import first_cases
from abmlib.tables.outputs import defused, replaced
from abmlib.tables.source import Source

PARTS = ("index.html", shelf.SUMMARY, "run.json", "html", "notebooks", "tables", "lists")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold
ENV = "ABM_BROWSER"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
USUAL = {  # where a browser is that is not on the path
    "darwin": [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium", "Microsoft Edge")],
    "win32": [rf"%{place}%\{program}" for program in (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
              for place in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")],
}  # fmt: skip
LIMIT = 180  # seconds a browser may take
REDACTED = "redacted"
CODES = ".codes.csv"  # ending of the file that says which code is whose
MADE_FROM = {"fingerprint": "data", "workbook": "settings", "currency": "settings", "time_zone": "settings",
             "notebooks": "notebooks", "parameters": "parameters", "versions": "versions"}  # fmt: skip
ROOMS = ("method", "pages", "stats", "tables")  # rooms whose texts can be on a page
UNREAD = r"(?is)<(style|script)\b.*?</\1>|data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]*"  # no words of a page
SHOWN = r"""(?i)\b(?:alt|title|href|id|aria-label)\s*=\s*["']([^"']*)["']"""  # attributes a reader can meet


def find(run: Path) -> Path:
    """Find a run by its folder, `latest`, or the folder of runs.

    `latest` may be a link or a text file.

    Raises
    ------
    ValueError
        If there is none.
    """
    latest = run if run.name == shelf.LATEST else run / shelf.LATEST
    for folder in (run.resolve(), shelf.pointed(latest)):
        if folder is not None and shelf.facts(folder):
            return folder
    raise ValueError(f"{run.name}: is no run. Give the folder of one, or latest of a folder of runs.")


def as_zip(run: Path, to: Path) -> Path:
    """Pack a run into a zip.

    The same run gives the same bytes, whenever and under whatever name.

    Raises
    ------
    ValueError
        If it is no run, or `to` is there.
    """
    run = find(run)
    refuse_taken(to)
    facts = shelf.facts(run) or {}
    files = [path for part in PARTS for path in [run / part, *sorted((run / part).rglob("*"))]]
    with replaced(to) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as into:
        for path in (p for p in files if p.is_file() and not p.is_symlink()):
            name = f"{facts['as_of']}_{facts['id']}/{path.relative_to(run).as_posix()}"
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            into.writestr(entry, path.read_bytes())
    return to


def as_pdf(run: Path, to: Path) -> Path:
    """Print a run into one PDF with an installed browser.

    The index comes first, then the leaders' page, then each notebook's. Nothing is fetched.

    Raises
    ------
    ValueError
        If it is no run, `to` is there, there is no browser, or it does not print.
    """
    run = find(run)
    refuse_taken(to)
    program = browser(os.environ)
    made(to.parent)
    with temporary.folder(beside=to) as beside:
        page, printed = beside / "report.html", beside / "report.pdf"
        page.write_text(one_page(run), "utf-8")
        with (beside / "errors.txt").open("wb") as errors:
            try:
                subprocess.run(  # noqa: S603 -- a browser the user installed or named
                    command(program, page, printed, beside / "profile"),
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, timeout=LIMIT, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired as wrong:
                raise ValueError(
                    f"{to.name}: the browser did not print within {LIMIT} seconds. Use --zip, or another browser in {ENV}."
                ) from wrong
        if not (printed.is_file() and printed.read_bytes()[:5] == b"%PDF-"):
            lines = (beside / "errors.txt").read_text("utf-8", "replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
            raise ValueError(
                f"{to.name}: {Path(program).name} did not print: {last.strip()}. Use --zip, or another browser in {ENV}."
            )
        return printed.replace(to)


def refuse_taken(to: Path) -> None:
    """Refuse a name that is taken."""
    if to.exists():
        raise ValueError(f"{to.name}: is there already. Give another name, or remove it.")


def made(folder: Path) -> Path:
    """Make a folder where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def browser(environment: Mapping[str, str], system: str = sys.platform) -> str:
    """Find a browser that prints.

    The one named in ABM_BROWSER, one on the path, or one in a usual place.

    Raises
    ------
    ValueError
        If there is none, or the one named is not there.
    """
    if named := environment.get(ENV):
        if program := shutil.which(named):
            return program
        raise ValueError(f"{ENV}: there is no program {named!r}. Correct it, or take it away to have one looked for.")
    upper = {name.upper(): value for name, value in environment.items()}
    usual = [re.sub(r"%([^%]+)%", lambda m: upper.get(m[1].upper(), m[0]), path) for path in USUAL.get(system, [])]
    for name in (*BROWSERS, *usual):
        if program := shutil.which(name, path=environment.get("PATH", "")):
            return program
    raise ValueError(
        f"no browser found to print a PDF. Install Chromium, Chrome or Edge, or name one in {ENV}; --zip needs none."
    )


def command(program: str, page: Path, to: Path, profile: Path) -> list[str]:
    """Write the command that prints a page.

    The browser reaches no network, and knows nothing of the user's own.
    """
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        program, "--headless", *(["--no-sandbox"] if as_root else []), "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}",
        "--no-pdf-header-footer", "--generate-pdf-document-outline", f"--print-to-pdf={to}", page.as_uri(),
    ]  # fmt: skip


def one_page(run: Path) -> str:
    """Join the pages of a run to one, to be printed.

    The index first, then the leaders' page, then the others, a new sheet for each; links lead within. What only the folder of
    the run holds is no link.
    """
    facts, pages = shelf.facts(run) or {}, []
    for name in sorted(facts.get("outcomes", {}), key=lambda name: not name.startswith(front.LEADERS)):
        path = run / "html" / f"{name}.html"
        if path.is_file():
            body = main_of(path.read_text("utf-8"))
            pages.append({"name": name, "status": facts["outcomes"][name]["status"], "body": body})
    here = {str(page["name"]) for page in pages}
    index = main_of((run / "index.html").read_text("utf-8"))
    for part in (first := {"body": index}, *pages):
        part["body"] = linked_within(part["body"], here)
    foot = css_text(f"{facts['title']} · as of {facts['as_of']}")
    return site.render("export.html.j2", run=facts, foot=foot, index=first["body"], pages=pages)


def linked_within(body: str, here: Collection[str]) -> str:
    """Let the links of a page lead to the pages that are `here`; take away other links to files, and open what is folded."""

    def link(found: re.Match[str]) -> str:
        return f'<a href="#{found[1]}">{found[2]}</a>' if found[1] in here else found[2]

    body = re.sub(r"<details\b", "<details open", body)
    return re.sub(
        r'<a [^>]*?href="(?:\.\./|html/|lists/)*([\w.-]+?)\.(?:html|csv)[^"]*"[^>]*>(.*?)</a>', link, body, flags=re.S
    )


def main_of(page: str) -> str:
    """Cut the main part out of a page."""
    return page.partition("<main>")[2].rpartition("</main>")[0]


def css_text(text: str) -> str:
    """Write text as a CSS string in which no character can end the string or the style sheet.

    Examples
    --------
    >>> print(css_text('a"</style>'))
    "a\\22 \\3c \\2f style\\3e "
    """
    return '"' + "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'


def as_coded(run: Path, data: Path, notebooks: Path, key: bytes, pack: Callable[[Path, Path], Path], to: Path) -> Path:
    """Pack a report that was made again by `redo`, and write beside it which code is whose.

    Both files come whole or not at all, and the second is for its owner's eyes alone.

    Parameters
    ----------
    pack : `as_zip` or `as_pdf`

    Returns
    -------
    The file of codes: not to be sent, with formulas defused

    Raises
    ------
    ValueError
        As `redo` and `pack` do.
    """
    with temporary.folder() as work, replaced(to.with_suffix(CODES)) as codes:
        report = redo(run, data, notebooks, key, work)
        codes.touch(mode=0o600)
        codes.write_bytes((work / "codes.csv").read_bytes())
        pack(report, to)
    return to.with_suffix(CODES)


def refuse_changed(run: Path, data: Path, notebooks: Path) -> None:
    """Refuse to make a report again from something else than it was made from.

    Raises
    ------
    ValueError
        If data, settings, notebooks or versions are not those of the run.
    """
    facts, chosen = shelf.facts(run) or {}, entries_of(run, notebooks)
    request = runs.Request(
        notebooks, data, dt.date.fromisoformat(facts["as_of"]), run.parent, chosen, facts.get("parameters", {})
    )
    now = json.loads(json.dumps(runs.describe(request, Data(data)), default=str))
    if changed := sorted({words for name, words in MADE_FROM.items() if now[name] != facts.get(name)}):
        other = f", or {now['data']} is not its data: then give --data" if "data" in changed else ""
        raise ValueError(
            f"{run.name}: the {' and '.join(changed)} changed since this report was made{other}. "
            "Run it again, then export that run."
        )


def entries_of(run: Path, notebooks: Path) -> list[catalogue.Entry]:
    """Find the notebooks of a run that are still there."""
    entries = {e.notebook: e for e in catalogue.load(notebooks / catalogue.FILE)}
    listed = (shelf.facts(run) or {}).get("notebooks", {})
    return [entries[n] for n in listed if n in entries and (notebooks / f"{n}.ipynb").is_file()]


def redo(run: Path, data: Path, notebooks: Path, key: bytes, work: Path) -> Path:
    """Run a report again on a copy of its data without names.

    Codes are in place of names; nothing else differs.

    The copy is left in ``work/redacted``, the run below ``work/reports`` and the table of codes, which must not be sent, in
    ``work/codes.csv``. Where the report compares with a previous one, the same headlines are compared with: of its measures
    those are taken along that are about all accounts together.

    Parameters
    ----------
    key : 16 bytes or more; the same key gives the same codes
    work : folder of its own

    Returns
    -------
    The folder of the new run

    Raises
    ------
    ValueError
        If data, settings, notebooks or versions are not those of the run, a notebook fails that did not, or a file of the new
        run still holds a name.
    """
    run = find(run)
    refuse_changed(run, data, notebooks)
    facts, source = shelf.facts(run) or {}, Source(data)
    as_of, given = dt.date.fromisoformat(facts["as_of"]), facts["parameters"]
    codes = defused(redact.redacted(source, key, work / REDACTED))
    codes.to_csv(work / "codes.csv", index=False, quoting=csv.QUOTE_ALL)
    coded = {name: translated(source, notebooks / f"{name}.ipynb", values, key) for name, values in given.items()}
    request = runs.Request(notebooks, work / REDACTED, as_of, work / "reports", entries_of(run, notebooks), coded)
    report = runs.run(request, Data(work / REDACTED))
    if failed := [name for name in report.failed if facts["outcomes"][name]["status"] not in {"failed", "skipped"}]:
        words = report.outcomes[failed[0]].words
        raise ValueError(f"{failed[0]}: failed on the redacted copy: {words} Nothing is exported.")
    names = redact.names_of(redact.read(source))
    if leaking := leaks(report.folder, set(names) - unsearchable(names, notebooks)):
        raise ValueError(
            f"{len(leaking)} names would still be shown {first_cases(leaking)}. Nothing is exported; search the text columns of the "
            "source for these names, and take them out there."
        )
    return report.folder


def translated(source: Source, notebook: Path, values: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Give the parameters that are not at their default, ids as codes."""
    defaults = {name: p.default for name, p in parameters.declared(notebook).items()}
    out = {n: v for n, v in values.items() if n != runs.PREVIOUS and v != defaults.get(n)}
    for name, value in out.items():
        kind = redact.KIND_OF.get(re.sub("(_ids?|s)$", "", name) + "_id")
        if kind and isinstance(value, str | list):
            codes = redact.codes(redact.read(source), key)[kind]
            coded = [codes.get(str(i), i) for i in (value if isinstance(value, list) else [value])]
            out[name] = coded if isinstance(value, list) else coded[0]
    return out


def leaks(folder: Path, names: Iterable[str]) -> list[str]:
    """Search every file of a folder for names as whole words.

    Each find is ``file: name``; of a table ``file, column: name``.

    Read are pages, notebooks, JSON, Parquet and plain text, and the names of files; pictures hold no words. Numbers and
    single letters cannot be sought. Capitals do not count, but in names of fewer than `redact.EXACT_BELOW` letters.
    """
    sought = redact.index(names)
    finds = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        hits = {("", hit) for hit in redact.found(name, sought)}
        for column, text in texts(path):
            hits |= {(column, hit) for hit in redact.found(text, sought)}
        finds += [f"{name}{', ' * bool(column)}{column}: {hit}" for column, hit in sorted(hits)]
    return finds


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Give all text that a file holds for a reader, in pieces; of a table with its column."""
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        yield "", " | ".join(map(str, frame.columns))
        yield from (("", note.decode()) for note in (pq.read_schema(path).metadata or {}).values())
        for column in frame.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"]):
            yield from ((str(column), str(value)) for value in frame[column].dropna().astype(str).unique())
    elif path.suffix == ".ipynb":
        for cell in nbformat.read(path, as_version=4).cells:
            yield "", cell.source
            for piece in strings([{k: v for k, v in o.items() if k != "metadata"} for o in cell.get("outputs", [])]):
                yield from (("", piece), ("", visible(piece)))
    elif path.suffix == ".json":
        yield from (("", piece) for piece in strings(json.loads(path.read_text("utf-8"))))
    else:
        text = path.read_text("utf-8", "replace")
        yield "", visible(text) if path.suffix == ".html" else text


def visible(page: str) -> str:
    """Give the words of a page: its text, and the attributes a reader can meet."""
    read = re.sub(UNREAD, " ", page)
    return html.unescape(" | ".join([re.sub(r"<[^>]*>", " ", read), *re.findall(SHOWN, read)]))


def strings(value: Any) -> Iterator[str]:
    """Give every text inside lists and mappings, pictures aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if not (name.startswith("image/") and name != "image/svg+xml"):
                yield name
                yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def unsearchable(names: Iterable[str], notebooks: Path) -> set[str]:
    """Name those that the workbook itself says.

    To find one of these tells nothing.
    """
    sources = [c.source for path in sorted(notebooks.glob("*.ipynb")) for c in nbformat.read(path, as_version=4).cells]
    sources += [path.read_text("utf-8") for path in (*notebooks.glob("*.yml"), places.MEASURES)]
    package = Path(abmlib.__file__).parent
    for path in sorted(p for room in ROOMS for p in (package / room).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        texts_of = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        sources += [str(n.value) for n in texts_of if id(n) not in docs]
    sources += [visible(path.read_text("utf-8")) for path in (package / "pages" / "templates").glob("*.j2")]
    sought = redact.index(names)
    return set().union(*(redact.found(text, sought) for text in sources))
