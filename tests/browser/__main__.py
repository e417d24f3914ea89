"""Check the report and JupyterLab in a browser: ``python -m tests.browser [pages] [lab] [RUN …]``."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.browser import check_lab, check_pages, hostile_book, tools

COMMAND = (sys.executable, "-c", "from abmlib.cli import main; main()")


def report(data: Path, out: Path) -> Path:
    """Make a report and give its folder."""
    subprocess.run([*COMMAND, "run", "--data", data, "--as-of", "2026-06-30", "--out", out], cwd=tools.ROOT, check=True)
    return (out / "latest").resolve()


def of_runs(runs: dict[str, Path], pictures: Path) -> Iterator[str]:
    """Check every page of some runs, and say what is wrong."""
    with tools.browser() as browser:
        for name, run in runs.items():
            (pictures / name).mkdir(parents=True, exist_ok=True)
            for page in check_pages.pages(run):
                for what in check_pages.check(browser, page, pictures / name):
                    yield f"{name} {page.relative_to(run)} {what}"


def main() -> int:
    """Make what is asked for, and give 1 if anything is wrong."""
    asked = argparse.ArgumentParser(prog="python -m tests.browser")
    asked.add_argument("what", nargs="*", help="pages, lab (default: both), or folders of runs")
    asked.add_argument("--pictures", type=Path, default=tools.ROOT / "reports" / "browser")
    given = asked.parse_args()
    what = given.what or ["pages", "lab"]
    tools.install()
    with tempfile.TemporaryDirectory(prefix="abm-browser-") as work:
        runs = {Path(w).resolve().name: Path(w).resolve() for w in what if w not in ("pages", "lab")}
        hostile = hostile_book.make(Path(work) / "hostile")
        if "pages" in what:
            runs |= {"sample": report(hostile_book.SAMPLE, Path(work) / "sample-out")}
            runs |= {"hostile": report(hostile, Path(work) / "hostile-out")}
        checks = [of_runs(runs, given.pictures)]
        checks += [check_lab.check(Path(work), hostile, given.pictures)] if "lab" in what else []
        findings = 0
        for findings, finding in enumerate(chain(*checks), start=1):  # noqa: B007
            print(f"- {finding}", flush=True)  # noqa: T201
    print(f"{findings} findings; pictures: {given.pictures}")  # noqa: T201
    return min(findings, 1)


if __name__ == "__main__":
    sys.exit(main())
