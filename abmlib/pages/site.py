"""Pages from executed notebooks and tables: self-contained HTML with the code hidden, an index, a summary."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources
from typing import Any

import nbformat
import pandas as pd
from jinja2 import Environment, FunctionLoader, select_autoescape
from nbconvert import HTMLExporter

from abmlib.pages import kernels, say
from abmlib.tables.decisions import in_order


def template(name: str) -> str:
    """Read a file of the templates folder."""
    return (resources.files("abmlib.pages") / "templates" / name).read_text("utf-8")


def render(name: str, **values: Any) -> str:
    """Fill a template; all values are escaped unless marked safe there."""
    environment = Environment(loader=FunctionLoader(template), autoescape=select_autoescape(default=True, default_for_string=True),
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template(name).render(css=template("style.css"), **values)


def page(node: nbformat.NotebookNode, step: str, run: Mapping[str, Any], status: str, words: str = "") -> str:
    """Turn an executed notebook into one page; its code is folded away, and nothing is fetched from a network.

    The answer and what to decide come first, then a section per finding; sections that show nothing are left out; how it was
    made is folded at the end.

    Parameters
    ----------
    step : framework step of the notebook
    words : why it is not done
    """
    title, sections = parts(described(node))
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.anchor_link_text = ""

    def html_of(cells: Sequence[nbformat.NotebookNode]) -> str:
        body, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=list(cells), metadata=node.metadata))
        return re.sub(r' id="cell-id=[^"]*"', "", body)  # differs between equal runs

    written = [asdict(section) | {"body": html_of(section.cells)} for section in sections]
    about = {"title": title.question, "name": title.name, "lead": html_of(title.lead), "made": html_of(title.made)}
    script = template("page.js")
    allowed = base64.b64encode(
        hashlib.sha256(script.encode()).digest()
    ).decode()  # no other script runs, whatever the data holds
    return render("page.html.j2", script=script, allowed=allowed, about=about, sections=written, step=step, run=run,
                  status=status, words=words)  # fmt: skip


@dataclass
class Title:
    """First cell of a notebook: what it is called, what it asks, what it decides, and how it is made."""

    name: str
    question: str
    lead: list[nbformat.NotebookNode]
    made: list[nbformat.NotebookNode]


@dataclass
class Section:
    """One section of a page: its topic, the finding that heads it where there is one, and its cells."""

    topic: str
    place: str  # answer, decide, finding, folded or made
    cells: list[nbformat.NotebookNode]
    finding: str = ""

    @property
    def shows(self) -> bool:
        """Say whether it has words, or a cell with an output."""
        code = [cell for cell in self.cells if cell.cell_type == "code"]
        return any(shown(output) for cell in code for output in cell.outputs) if code else bool(self.cells)

    @property
    def failed(self) -> bool:
        """Say whether a cell stopped with an error."""
        return any(o.output_type == "error" for cell in self.cells for o in cell.get("outputs", []))


def parts(node: nbformat.NotebookNode) -> tuple[Title, list[Section]]:
    """Take an executed notebook apart: its title, then its sections in the order of reading.

    First the section with the cell tagged ``answer``, then the one tagged ``decide``, then the others; what comes before the
    answer is how it was made, and last. A section whose heading is tagged ``fold`` is folded. The first line of a cell
    tagged ``finding`` heads its section. A section that stopped with an error comes first.
    """
    cells = [nbformat.from_dict(cell) for cell in node.cells]
    title, sections = titled(cells), list[Section]()
    for cell in cells[1:]:
        heading = re.match(r"## +(.+)\n*", cell.source) if cell.cell_type == "markdown" else None
        if heading or not sections:
            place = "folded" if "fold" in cell.metadata.get("tags", []) else "finding"
            sections.append(Section(heading[1].strip() if heading else "", place, []))
            cell.source = cell.source[heading.end() :] if heading else cell.source
        for tag in {"answer", "decide"} & set(cell.metadata.get("tags", [])):
            sections[-1].place = tag
        if "finding" in cell.metadata.get("tags", []) and (lines := text_of(cell)):
            sections[-1].finding = lines[0]
            cell.outputs = [
                nbformat.v4.new_output("display_data", {"text/plain": line} | {"text/html": f"<p>{escape(line)}</p>"})
                for line in lines[1:]
            ]
        sections[-1].cells += [cell] if cell.source or cell.cell_type == "code" else []
    answered = next((n for n, section in enumerate(sections) if section.place == "answer"), 0)
    for section in sections[:answered]:
        section.place = "finding" if section.failed else "made"
    order = ["answer", "decide", "finding", "folded", "made"]
    kept = [s for s in sections if s.shows or s.failed or s.place == "made"]
    return title, sorted(kept, key=lambda s: (not s.failed, min(order.index(s.place), 2) if s.place != "made" else 3))


def titled(cells: Sequence[nbformat.NotebookNode]) -> Title:
    """Take the first cell apart; a notebook without a title has empty ones."""
    first = cells[0].source if cells and cells[0].cell_type == "markdown" else ""
    head, _, rest = first.partition("\n")
    name, colon, question = head.lstrip("# ").partition(": ")
    question = question[:1].upper() + question[1:] if colon else name
    paragraphs = [part for part in re.split(r"\n\s*\n", rest) if part.strip()]
    made = [part for part in paragraphs if part.startswith("**Needs**")]
    lead = [part for part in paragraphs if part not in made]
    cell = nbformat.v4.new_markdown_cell
    return Title(name, question, [cell(part) for part in lead], [cell(part) for part in made])


def shown(output: nbformat.NotebookNode) -> bool:
    """Say whether an output shows anything."""
    data = output.get("data", {"text/plain": output.get("text", "an error")})
    text = data.get("text/html", data.get("text/plain", ""))
    return "image/png" in data or bool(str(text).strip().strip("'"))


def text_of(cell: nbformat.NotebookNode) -> list[str]:
    """Lines of the plain text that a cell shows."""
    texts = [str(o["data"]["text/plain"]) for o in cell.get("outputs", []) if "text/plain" in o.get("data", {})]
    return "\n".join(texts).strip().splitlines()


def described(node: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give each picture a description for readers who cannot see it: its own words, or else the heading above it."""
    node, heading = nbformat.from_dict(node), ""
    for cell in node.cells:
        if cell.cell_type == "markdown" and (headings := re.findall(r"^#+ (.+)$", cell.source, re.M)):
            heading = headings[-1]
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                own = str(output.data.get("text/plain", "<")).strip()
                words = f"Figure: {heading}" if own.startswith("<") else own
                output.setdefault("metadata", {}).setdefault("image/png", {})["alt"] = words
    return node


def decision_groups(
    decisions: pd.DataFrame, names: Mapping[str, str], notebooks: Mapping[str, str], currency: str
) -> list[dict[str, str]]:
    """Gather the rows of `decisions` into one entry per decision, in the order of `in_order`.

    Parameters
    ----------
    names : name of each account id
    notebooks : name of each notebook by its number

    Returns
    -------
    list of dicts of text: those of `say.decision`, and ``notebook``
    """
    each = in_order(decisions).groupby(["notebook", "slug"], sort=False)
    return [{"notebook": notebooks[number]} | say.decision(rows, currency, names) for (number, _), rows in each]


def answer(node: nbformat.NotebookNode) -> str:
    """First sentence of the answer of an executed notebook; empty where it has none."""
    outputs = (o for cell in node.cells if "answer" in cell.metadata.get("tags", []) for o in cell.get("outputs", []))
    texts = [str(o["data"]["text/plain"]) for o in outputs if "text/plain" in o.get("data", {})]
    return texts[-1].strip().partition("\n")[0] if texts else ""


def index(run: dict[str, Any], decisions: list[dict[str, str]], notebooks: Sequence[dict[str, Any]]) -> str:
    """Make the first page of a run: decisions, then what each notebook answered, then how it was made."""
    return render("index.html.j2", run=run, decisions=decisions, notebooks=notebooks)


def redirect(folder: str) -> str:
    """Make the page beside the runs that opens the newest one."""
    return render("redirect.html.j2", folder=folder)


def removed() -> str:
    """Make the page that stands where one named a person who was forgotten."""
    return render("removed.html.j2")


def summary(run: dict[str, Any], decisions: list[dict[str, str]], notebooks: Sequence[dict[str, Any]]) -> str:
    """Write the run for a mail or chat message, in Markdown; text of the data is one line without active characters.

    Failures come first, so that nobody who stops reading takes the rest for the whole.
    """
    lines = [f"# {plain(run['title'])}, as of {run['as_of']}", ""]
    if failed := [n["notebook"] for n in notebooks if n["status"] in {"failed", "skipped"}]:
        lines += [f"**Not complete:** no result from {', '.join(failed)}; the reasons are below.", ""]
    if run["newest_fact"] and run["newest_fact"] < run["as_of"]:
        lines += [f"The newest fact in the data is of {run['newest_fact']}.", ""]
    lines += ["## To decide", ""]
    for d in decisions:
        whom = f": {plain(d['whom'])}" if d["whom"] else ""
        why = f"why: {d['reason']}" if d["reason"] else ""
        facts = [f"{d['basis']} {d['worth']}".strip(), d["owner"], f"by {d['due']}" if d["due"] else "", why]
        lines.append(f"- **{plain(d['text'])}**{whom}" + "".join(f"; {plain(fact)}" for fact in facts if fact))
    lines += ["", "## Notebooks", ""] if decisions else ["- Nothing to decide.", "", "## Notebooks", ""]
    for n in notebooks:
        words = "".join(f": {plain(n[text])}" for text in ("answer", "words") if n[text])
        lines.append(f"- {n['notebook']}: {n['status'].replace('_', ' ')}{words}")
    return "\n".join(lines) + "\n"


def no_report(day: str, reason: str) -> str:
    """Write a summary that says that there is no report, and why; not where on whose machine."""
    return f"# No report, {day}\n\nNothing was run, or nothing was kept. {plain(kernels.without_places(reason))}\n"


def plain(text: str) -> str:
    """Escape the characters that Markdown or a chat would act on; leave out those that steer, or turn text round."""
    line = "".join(c for c in " ".join(str(text).split()) if c.isprintable())
    return re.sub(r"([\\`*_\[\]<>#|@])", r"\\\1", line)
