"""Pages from executed notebooks: self-contained HTML with the code hidden."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources
from typing import Any

import nbformat
from jinja2 import Environment, FunctionLoader, select_autoescape
from nbconvert import HTMLExporter


def template(name: str) -> str:
    """Read a file of the templates folder."""
    return (resources.files("abmlib.pages") / "templates" / name).read_text("utf-8")


def render(name: str, **values: Any) -> str:
    """Fill a template; all values are escaped unless marked safe there."""
    environment = Environment(loader=FunctionLoader(template), autoescape=select_autoescape(default=True, default_for_string=True),
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template(name).render(css=template("style.css"), **values)


def page(
    node: nbformat.NotebookNode, step: str, run: Mapping[str, Any], status: str, words: str = "", draft: str = ""
) -> str:
    """Turn an executed notebook into one page; its code is folded away, and nothing is fetched from a network.

    The answer and what to decide come first, then a section per finding; sections that show nothing are left out; how it was
    made is folded at the end.

    Parameters
    ----------
    step : framework step of the notebook
    words : why it is not done
    draft : what is said of a target list that is a draft
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
    digest = hashlib.sha256(script.encode()).digest()
    allowed = base64.b64encode(digest).decode()  # no other script runs, whatever the data holds
    return render("page.html.j2", script=script, allowed=allowed, about=about, sections=written, step=step, run=run,
                  status=status, words=words, draft=draft)  # fmt: skip


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
    answer is how it was made, and last. A section whose heading is tagged ``fold`` is folded. The first line that a cell
    tagged ``finding`` shows heads its section. A section that stopped with an error comes first.
    """
    cells = [nbformat.from_dict(cell) for cell in node.cells]
    title, sections = titled(cells), list[Section]()
    for cell in cells[1 if title.name else 0 :]:
        heading = re.match(r"## +(.+)\n*", cell.source) if cell.cell_type == "markdown" else None
        if heading or not sections:
            place = "folded" if "fold" in cell.metadata.get("tags", []) else "finding"
            sections.append(Section(heading[1].strip() if heading else "", place, []))
            cell.source = cell.source[heading.end() :] if heading else cell.source
        for tag in {"answer", "decide"} & set(cell.metadata.get("tags", [])):
            sections[-1].place = tag
        if "finding" in cell.metadata.get("tags", []) and (lines := text_of(cell.outputs[:1])):
            sections[-1].finding = lines[0]
            rest = [{"text/plain": line, "text/html": f"<p>{escape(line)}</p>"} for line in lines[1:]]
            cell.outputs[:1] = [nbformat.v4.new_output("display_data", data) for data in rest]
        sections[-1].cells += [cell] if cell.source or cell.cell_type == "code" else []
    answered = next((n for n, section in enumerate(sections) if section.place == "answer"), 0)
    for section in sections[:answered]:
        section.place = "finding" if section.failed else "made"
    order = {"answer": 0, "decide": 1, "finding": 2, "folded": 2, "made": 3}
    kept = [s for s in sections if s.shows or s.failed or s.place == "made"]
    return title, sorted(kept, key=lambda s: (not s.failed, order[s.place]))


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


def text_of(outputs: Sequence[nbformat.NotebookNode]) -> list[str]:
    """Lines of the plain text that outputs show."""
    texts = [str(o["data"]["text/plain"]) for o in outputs if "text/plain" in o.get("data", {})]
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


def redirect(folder: str) -> str:
    """Make the page beside the runs that opens the newest one."""
    return render("redirect.html.j2", folder=folder)


def removed() -> str:
    """Make the page that stands where one named a person who was forgotten."""
    return render("removed.html.j2")
