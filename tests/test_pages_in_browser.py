"""Pages in Chromium, where there is one: the short form of ``make browser``."""

import re
import subprocess

import pytest

from tests.browser import tools
from tests.browser.check_pages import pages

WIDTHS = (1200, 800, 390)
# Shows a page in frames as wide as screens, and writes how wide its document is in each.
FRAMES = """<body onload="document.title = [...document.querySelectorAll('iframe')].map(frame =>
    frame.contentDocument.documentElement.scrollWidth).join(' ')">"""

needs_chromium = pytest.mark.skipif(not tools.chromium(), reason="there is no Chromium on this machine")


def seen(page, folder) -> tuple[list[int], list[str]]:
    """Widths of a page's document in frames of `WIDTHS`, and what the page wrote into the console."""
    frames = [
        f'<iframe src="{page.as_uri()}" style="position:fixed;top:0;left:0;border:0;height:900px;width:{w}px"></iframe>'
        for w in WIDTHS
    ]
    (folder / "frames.html").write_text(FRAMES + "".join(frames), "utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1300,1000",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
    ]
    command = [tools.chromium(), *flags, f"--user-data-dir={folder}/chrome", "--dump-dom"]
    told = subprocess.run([*command, folder / "frames.html"], capture_output=True, text=True, timeout=60, check=True)
    widths = re.search(r"<title>([\d ]+)</title>", told.stdout)
    return [int(w) for w in widths[1].split()] if widths else [], re.findall(r'CONSOLE[^"]*"(.*)"', told.stderr)


@needs_chromium
def test_no_page_scrolls_sideways_or_writes_into_the_console(sample_report, tmp_path):
    for page in (sample_report / "index.html", sample_report / "html" / "12_pipeline.html"):
        assert seen(page, tmp_path) == (list(WIDTHS), []), page.name


@needs_chromium
def test_a_page_that_is_too_wide_or_fails_is_noticed(tmp_path):
    wide = tmp_path / "wide.html"
    wide.write_text("<!DOCTYPE html><div style='width: 500px'>x</div><script>console.error('x')</script>", "utf-8")
    widths, said = seen(wide, tmp_path)
    assert widths == [1200, 800, 508]  # 8 is the margin of a body
    assert said == ["x"] * len(WIDTHS)


def test_every_page_of_a_run_is_looked_at(sample_report):
    found = [p.relative_to(sample_report).as_posix() for p in pages(sample_report)]
    assert found[0] == "index.html"
    assert "html/12_pipeline.html" in found
