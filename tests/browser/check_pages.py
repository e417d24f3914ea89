"""Every page of a run in Chromium, as screens, a phone, the dark and paper show it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag

from tests.browser import tools

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MOST_BYTES = 1_500_000
TALLEST = 15_000  # pixels of a picture; Chromium draws no higher one
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FEW = 4  # places named of a finding


@dataclass(frozen=True)
class View:
    """A way to look at a page."""

    name: str
    width: int
    dark: bool = False
    paper: bool = False


VIEWS = (
    View("1200", 1200), View("800", 800), View("390", 390), View("dark", 1200, dark=True), View("dark-390", 390, dark=True),
    View("paper", 718, paper=True),  # A4 less its margins, at 96 pixels an inch
)  # fmt: skip
AXE = [v for v in VIEWS if v.name in ("1200", "390", "dark")]  # in the others a page has the same elements
# Names an element shortly, and says whether it, or what it is in, scrolls by itself.
NAMING = """
const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + [...e.classList].slice(0, 2).map(c => '.' + c).join('')
    + ' "' + (e.textContent || '').trim().slice(0, 40).replace(/\\s+/g, ' ') + '"';
const boxed = e => { for (let p = e; p && p !== document.body; p = p.parentElement)
    if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(p).overflowX)) return true; return false; };
"""
SIDEWAYS = f"""() => {{ {NAMING}
const wide = document.documentElement.scrollWidth, seen = innerWidth + 1;
if (wide <= seen) return [];
const all = [...document.body.querySelectorAll('*')].filter(e => !boxed(e));
const out = all.filter(e => e.getBoundingClientRect().right > seen);
return [wide + ' px', ...(out.length ? out : all.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)).map(name)]; }}"""
CUT = f"""() => {{ {NAMING}
return [...document.body.querySelectorAll('*')].filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1
    && ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(e).overflowX)
    && !['ellipsis'].includes(getComputedStyle(e).textOverflow))
    .map(e => e.scrollWidth + ' px in ' + e.clientWidth + ': ' + name(e)); }}"""
LINKS = "() => [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
UNFOLD = "() => document.querySelectorAll('details').forEach(d => d.open = true)"
SEARCHED = """() => [...document.querySelectorAll('input[type=search]')].map(i => {
    const rows = () => [...i.closest('figure, section, div').querySelectorAll('tbody tr')]
        .filter(r => getComputedStyle(r).display !== 'none').length;
    const type = t => { i.value = t; i.dispatchEvent(new Event('input', {bubbles: true})); return rows(); };
    return [rows(), type('no such name 0123'), type('')]; })"""


def pages(run: Path) -> list[Path]:
    """Name the pages of a run, the index first."""
    return [run / "index.html", *sorted(p for p in run.rglob("*.html") if p != run / "index.html")]


def check(browser: "Browser", page: Path, pictures: Path | None, views: tuple[View, ...] = VIEWS) -> Iterator[str]:
    """Look at a page in every view, keep pictures, and say what is wrong.

    A view is looked at as it opens, and with all that is folded unfolded.
    """
    if (size := page.stat().st_size) > MOST_BYTES:
        yield f"size: {size / 1e6:.2f} MB"
    for view in views:
        yield from (f"{view.name}: {what}" for what in look(browser, page, pictures, view))


def look(browser: "Browser", path: Path, pictures: Path | None, view: View) -> list[str]:
    """Look at a page in one view, and say what is wrong."""
    found: list[str] = []
    context = browser.new_context(
        viewport={"width": view.width, "height": 900}, color_scheme="dark" if view.dark else "light", offline=True
    )
    page, url = context.new_page(), path.resolve().as_uri()
    if view.paper:
        page.emulate_media(media="print")
    page.on("request", lambda r: r.url in (url, "") or r.url[:5] == "data:" or found.append(f"request: {r.url[:200]}"))
    page.on("console", lambda m: m.type in ("error", "warning") and found.append(f"console: {m.text[:200]}"))
    page.on("pageerror", lambda e: found.append(f"error: {str(e)[:200]}"))
    page.on("dialog", lambda d: (found.append(f"dialog: {d.message[:200]}"), d.dismiss()))
    page.goto(url)
    found += sideways(page, "sideways scroll")
    if pictures:
        picture(page, pictures / f"{path.stem}-{view.name}.png")
        if view.paper:
            page.pdf(path=pictures / f"{path.stem}.pdf", format="A4", prefer_css_page_size=True)
    page.evaluate(UNFOLD)
    found += [] if found else sideways(page, "sideways scroll when unfolded")
    if view.paper:
        found += few("cut on paper", page.evaluate(CUT))
    elif view in AXE:
        found += accessible(page, view)
    if view == VIEWS[0]:
        found += few("broken link", broken(path, page.evaluate(LINKS)))
        found += [f"search: rows {r}" for r in page.evaluate(SEARCHED) if r[1] > 0 or r[2] != r[0]]
    context.close()
    return found


def sideways(page: "Page", what: str) -> list[str]:
    """Say what makes the document scroll sideways."""
    return few(what, page.evaluate(SIDEWAYS))


def picture(page: "Page", place: Path) -> None:
    """Keep a picture of a page."""
    size = page.evaluate("() => [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], TALLEST)}
    page.screenshot(path=place, full_page=True, clip=clip)


def accessible(page: "Page", view: View) -> list[str]:
    """Say which rules of WCAG, A and AA, a page breaks, and where; in the dark only what colours can break."""
    page.evaluate(tools.axe())
    only = {"type": "rule", "values": ["color-contrast"]} if view.dark else {"type": "tag", "values": RULES}
    result = page.evaluate(f"() => axe.run({{runOnly: {json.dumps(only)}, resultTypes: ['violations']}})")
    found: list[str] = []
    for broken_rule in result["violations"]:
        nodes = broken_rule["nodes"]
        where = [f"{' '.join(map(str, n['target']))} ({n['failureSummary'].splitlines()[-1].strip()})" for n in nodes]
        found += few(f"axe {broken_rule['id']} ({broken_rule['impact']})", where)
    return found


def broken(page: Path, links: list[str]) -> list[str]:
    """Name the links that lead to no file; others must be to a site, which nobody follows here."""
    local = {unquote(urldefrag(link).url) for link in links if not link.startswith(("https:", "http:", "#"))}
    return sorted(link for link in local - {""} if not (page.parent / link).exists())


def few(what: str, places: list[str]) -> list[str]:
    """Say a finding with the first of its places."""
    return [f"{what}: {len(places)} × {'; '.join(p[:220] for p in places[:FEW])}"] if places else []
