"""The first pages of a run: the index for a director, the summary for a mail or chat message."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import nbformat
import pandas as pd

from abmlib.pages import kernels, say
from abmlib.pages.site import render
from abmlib.tables.decisions import in_order


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
