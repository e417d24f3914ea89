"""The notebooks as an analyst meets them: JupyterLab on a clone of the project, a folder by ``abm init``, a course."""

import csv
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from abmlib.pages import forms
from tests.browser import tools

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OPENED = ("12_pipeline", "03_key_accounts", "02_framework")
MOST_MS = 300_000
HOOK = re.compile(r"--ContentsManager\.pre_save_hook=\S+")  # of make lab
# Of the notebook in front: its sources, what its cells show, and which of them failed.
CELLS = "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
SET = """([old, now]) => { for (const cell of jupyterapp.shell.currentWidget.content.model.cells) {
    const text = cell.sharedModel.getSource();
    if (text.includes(old)) { cell.sharedModel.setSource(text.replace(old, now)); return true; } } return false; }"""
DO = "name => jupyterapp.commands.execute(name)"
READY = """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"""


@contextmanager
def lab(folder: Path, home: Path, where: str = "notebooks/") -> Iterator[str]:
    """Start JupyterLab on a folder, with settings of its own, and give its address up to the path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    hook = HOOK.search((tools.ROOT / "Makefile").read_text("utf-8"))
    own = {f"JUPYTER_{n}_DIR": str(home / n.lower()) for n in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"HOME": str(home), "PYTHONPATH": str(tools.ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root",
               *([hook[0]] if hook else []),
               "--expose-app-in-browser", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]  # fmt: skip
    home.mkdir(exist_ok=True)
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | own, stdout=log, stderr=log)
    try:
        for _ in range(240):
            try:
                with urlopen(f"http://127.0.0.1:{port}/api?token={token}"):
                    break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/lab/tree/{where}{{}}.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(30)


class Opened:
    """A notebook that is open in JupyterLab, and what went wrong so far."""

    def __init__(self, browser: "Browser", address: str, name: str) -> None:
        """Open it and wait for its kernel."""
        self.name, self.found, self.dialogs = name, list[str](), 0
        self.page: Page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.page.on("dialog", lambda d: (self.found.append(f"dialog: {d.type} {d.message[:100]}"), d.accept()))
        self.page.on("pageerror", lambda e: self.found.append(f"error: {str(e)[:200]}"))
        host = address.partition("/lab/")[0]
        self.page.on("request", lambda r: self.elsewhere(r.url, host))
        self.page.set_default_timeout(30_000)
        self.page.goto(address.format(name))
        self.page.wait_for_function(READY, timeout=MOST_MS)

    def elsewhere(self, url: str, host: str) -> None:
        """Note a request to another place than JupyterLab's own server."""
        if not url.startswith((host, host.replace("http", "ws"), "data:", "blob:")):
            self.found.append(f"request: {url[:200]}")

    def do(self, command: str) -> None:
        """Do what a menu of JupyterLab does, to the end."""
        self.page.evaluate(DO, command)
        self.page.wait_for_function(READY, timeout=MOST_MS)

    def run_all(self) -> None:
        """Run all cells and note those that failed, or warned."""
        self.do("notebook:run-all-cells")
        for cell in self.page.evaluate(CELLS):
            for output in cell.get("outputs", []):
                if output["output_type"] == "error" or output.get("name") == "stderr":
                    words = output.get("evalue") or output.get("text")
                    self.found.append(f"cell {cell['id']}: {str(words)[:300]}")

    def keep(self, place: Path) -> None:
        """Keep a picture of what is on the screen."""
        self.page.screenshot(path=place)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait up to 20 seconds for something; note it if it does not come."""
        for _ in range(40):
            if condition():
                return
            self.page.wait_for_timeout(500)
        self.found.append(what)

    def close(self) -> list[str]:
        """Close it without saving, end its kernel, and give what went wrong."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close(run_before_unload=False)
        return [f"{self.name}: {what}" for what in self.found]


def slide(one: Opened) -> int:
    """Move each slider by keys; what it changes must come without an error."""
    one.page.wait_for_timeout(1000)
    sliders = one.page.locator(".jp-Notebook .widget-slider [role=slider], .jp-Notebook .widget-slider .noUi-handle")
    for slider in sliders.all():
        slider.scroll_into_view_if_needed()
        slider.focus()
        before = slider.get_attribute("aria-valuetext")  # aria-valuenow has one decimal only
        slider.press("ArrowLeft")
        one.page.wait_for_timeout(200)
        if slider.get_attribute("aria-valuetext") == before:
            slider.press("ArrowRight")
        one.page.wait_for_timeout(3000)
        if slider.get_attribute("aria-valuetext") == before:
            one.found.append("a slider does not move")
    for cell in one.page.locator(".jp-Notebook .jupyter-widgets .jp-OutputArea-output[data-mime-type*=error]").all():
        one.found.append(f"after a slide: {cell.inner_text()[-200:]}")
    return sliders.count()


def fill(one: Opened, column: str, value: str) -> None:
    """Type into a field of the form, or choose in it."""
    named = one.page.locator(f'label:text-is("{forms.label("targets", column)}")')
    row = one.page.locator(".jp-Notebook .widget-inline-hbox").filter(has=named)
    field = row.locator("input, select").first
    field.select_option(value) if field.evaluate("e => e.tagName") == "SELECT" else field.fill(value)
    field.press("Tab")


def form(one: Opened, programme: Path, pictures: Path) -> None:
    """Enter a target in the form of 02: first wrong, then right."""
    for old, now in (("edit: bool = False", "edit: bool = True"), ('form: str = "objectives"', 'form: str = "targets"'),
                     ('entered_by: str = ""', 'entered_by: str = "Ada"')):  # fmt: skip
        if not one.page.evaluate(SET, [old, now]):
            one.found.append(f"form: no parameter {old}")
    one.run_all()
    file = programme / "targets.csv"
    before = file.read_text("utf-8")
    add = one.page.locator(".jp-Notebook .widget-button", has_text="Add")
    add.first.scroll_into_view_if_needed()
    values = {"period": "2027-Q1", "owner_id": "S01", "measure_id": "won_value"}
    for column, value in (values | {"value": "a lot"}).items():
        fill(one, column, value)
    add.first.click()
    shown = one.page.locator(".jp-Notebook .widget-html", has_text="Not added.")
    one.wait(shown.count, "form: a wrong entry gives no message")
    one.keep(pictures / "lab-form-wrong.png")
    if file.read_text("utf-8") != before:
        one.found.append("form: a wrong entry changed the file")
    inputs = one.page.locator(".jp-Notebook .widget-inline-hbox input").evaluate_all("i => i.map(e => e.value)")
    one.found += [f"form: {v!r} is lost after a wrong entry" for v in [*values.values(), "a lot"] if v not in inputs]
    fill(one, "value", "1234567")
    add.first.click()
    one.wait(lambda: "1234567" in file.read_text("utf-8"), "form: a right entry is not in the file")
    one.keep(pictures / "lab-form-right.png")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [r for r in csv.DictReader(lines) if r["entered_by"] == "Ada"]
    one.found += [] if len(rows) == 1 else [f"form: {len(rows)} rows by Ada instead of one"]


def changed(clone: Path) -> list[str]:
    """Name the files of a clone that git finds changed, apart from the programme, and the first lines that differ."""
    files = [line for line in git(clone, "status", "--porcelain").splitlines() if "/programme/" not in line]
    lines = git(clone, "diff", "-U0", "--text", "notebooks").splitlines()
    differ = [line[:150] for line in lines if re.match(r"[+-](?![+-])", line)]
    return [f"{file} {differ[:4]}" for file in files]


def git(clone: Path, *what: str) -> str:
    """Ask git."""
    return subprocess.run(["git", *what], cwd=clone, capture_output=True, text=True, check=True).stdout


def on_the_sample(browser: "Browser", work: Path, pictures: Path) -> Iterator[str]:
    """Open, run, slide, save and close notebooks in a clone, and fill the form."""
    clone = work / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(tools.ROOT), str(clone)], check=True)
    with lab(clone, work / "home") as address:
        for name in OPENED:
            one = Opened(browser, address, name)
            one.run_all()
            one.do("docmanager:save")
            one.keep(pictures / f"lab-{name}.png")
            slide(one)
            yield from one.close()
            yield from (f"{name}: saving changed {file}" for file in changed(clone))
            git(clone, "checkout", "-q", "notebooks")
        one = Opened(browser, address, "02_framework")
        form(one, clone / "data" / "sample" / "programme", pictures)
        yield from one.close()
        yield from (f"the form changed {file}" for file in changed(clone))


def on_hostile(browser: "Browser", work: Path, hostile: Path, pictures: Path) -> Iterator[str]:
    """Run notebooks on hostile names in a folder made by ``abm init``."""
    folder = work / "team"
    abm = [sys.executable, "-c", "from abmlib.cli import main; main()", "init", str(folder)]
    subprocess.run(abm, cwd=tools.ROOT, check=True, stdout=subprocess.DEVNULL)
    (folder / "workbook.yml").write_text(f"data: {hostile}\nprogramme: {hostile}/programme\n", "utf-8")
    with lab(folder, work / "home-of-team") as address:
        for name in OPENED:
            one = Opened(browser, address, name)
            one.run_all()
            one.keep(pictures / f"lab-hostile-{name}.png")
            for markup in ("script:not([src])", "img[src=x]", "svg[onload]", "mjx-container"):
                if count := one.page.locator(f".jp-OutputArea-output {markup}").count():
                    one.found.append(f"{count} × {markup} made of a name")
            yield from (f"hostile: {what}" for what in one.close())


def answer(one: Opened, old: str, now: str, state: str, picture: Path) -> None:
    """Answer an exercise of a lesson; its check must say so."""
    one.page.evaluate(SET, [old, now])
    one.run_all()
    shown = one.page.locator(".jp-OutputArea-output", has_text=re.compile(f"Exercise 1: . {state}"))
    one.wait(shown.count, f"{now}: the check does not say {state}")
    shown.first.scroll_into_view_if_needed()
    one.keep(picture)


def on_a_course(browser: "Browser", work: Path, pictures: Path) -> Iterator[str]:
    """Do the first exercise of a lesson as a learner: not at all, wrong, right; run the start page and every other lesson."""
    folder = work / "course"
    command = [sys.executable, "-c", "from abmlib.cli import main; main()", "course", "--out", str(folder)]
    subprocess.run(command, cwd=tools.ROOT, check=True, stdout=subprocess.DEVNULL)
    with lab(folder / "learner", work / "home-of-learner", "") as address:
        one = Opened(browser, address, "03_key_accounts")
        tries = (("n_vital = ...", "Not attempted"), ("n_vital = 0", "Wrong"), ("n_vital = 'ten'", "Cannot be checked"),
                 ("n_vital = int((carried < 0.8).sum()) + 1", "Right"))  # fmt: skip
        old = "n_vital = ..."
        for number, (now, state) in enumerate(tries):
            answer(one, old, now, state, pictures / f"lab-course-{number}.png")
            old = now
        yield from one.close()
        for lesson in sorted((folder / "learner").glob("*.ipynb")):
            other = Opened(browser, address, lesson.stem)
            other.run_all()
            other.keep(pictures / f"lab-course-{lesson.stem}.png")
            yield from other.close()


def check(work: Path, hostile: Path, pictures: Path) -> Iterator[str]:
    """Check the folders, and say what is wrong."""
    (pictures / "lab").mkdir(parents=True, exist_ok=True)
    with tools.browser() as browser:
        yield from on_the_sample(browser, work, pictures / "lab")
        yield from on_hostile(browser, work, hostile, pictures / "lab")
        yield from on_a_course(browser, work, pictures / "lab")
