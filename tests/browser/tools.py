"""What the checks in a browser need: Chromium, a driver, and axe-core, installed beside the project and not into it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-browser"
NEEDED = Path(__file__).with_name("requirements.txt")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
sys.path.append(str(TOOLS))


def chromium() -> str | None:
    """Give the path of a Chromium or Chrome; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Install the driver and axe-core, and on Debian Chromium, where they are missing."""
    if not chromium() and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-qq", "-y", "chromium"], check=True)
    if not chromium():
        sys.exit("There is no Chromium. Install it (on Debian: apt-get install chromium).")
    if not (done := TOOLS / NEEDED.name).is_file() or done.read_bytes() != NEEDED.read_bytes():
        shutil.rmtree(TOOLS, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(TOOLS)]
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(NEEDED)], check=True)
        shutil.copy(NEEDED, done)
        sys.path_importer_cache.clear()  # which knows that there was no such folder


def axe() -> str:
    """Give the script of axe-core."""
    return (TOOLS / "axe_playwright_python" / "axe.min.js").read_text("utf-8")


@contextmanager
def browser() -> "Iterator[Browser]":
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Chromium refuses its sandbox to root, as on a machine of CI
        chrome = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield chrome
        chrome.close()
