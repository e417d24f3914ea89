"""Two finished runs side by side: decisions, accounts that moved and the facts that moved them, measures."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from abmlib.method import since
from abmlib.pages import export, front, say_changes, shelf, show
from abmlib.tables import Book, days, past_run, schema
from abmlib.tables.cache import Data
from abmlib.tables.definitions.measures import name as measure_name

SAME = ("data", "currency", "time_zone")  # of two runs that tell of one book


def find(named: Sequence[Path], out: Path) -> list[Path]:
    """Find runs by folder, by name or as `latest` among the runs of a folder.

    Raises
    ------
    ValueError
        If one is none.
    """
    return [export.find(run if run.exists() else out / run) for run in named]


def differences(before: Path, after: Path) -> list[str]:
    """Say in which ways two runs are not of one book, a sentence each; data that only grew are no difference.

    Parameters
    ----------
    before, after : folders of runs
    """
    a, b = (shelf.facts(folder) or {} for folder in (before, after))
    return [
        f"{k.replace('_', ' ')}: {a.get(k)} in one run, {b.get(k)} in the other." for k in SAME if a.get(k) != b.get(k)
    ]


def account_names(data: Path, run: Path) -> dict[str, str]:
    """Name of each account as known on the day of a run; none where the data do not open or are not those of the run."""
    facts = shelf.facts(run) or {}
    try:
        opened = Data(data)
        if opened.workbook.data.name != facts.get("data"):
            return {}
        accounts = Book(opened, dt.date.fromisoformat(facts["as_of"])).read("accounts")
    except (ValueError, OSError):
        return {}
    return dict(accounts.set_index("account_id")["name"])


def compare(before: Path, after: Path, names: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Compare two runs, table by table, as 15 compares with the last report.

    Parameters
    ----------
    before, after : folders of runs
    names : name of each account id; an account without one goes by its id

    Returns
    -------
    dict of title to a table of text; one without rows where nothing changed

    Raises
    ------
    ValueError
        If one of them left no decisions.
    """
    runs = [past_run.load(folder / "tables", since.COMPARED) for folder in (before, after)]
    for folder, run in zip((before, after), runs, strict=True):
        if not run:
            raise ValueError(f"{folder.name}: left no tables to compare. Run it again.")
    then, now = runs
    entries = days.beside(schema.empty("decision_status"), "UTC")
    states = since.decision_states(
        now["decisions"], then["decisions"], then["15_decision_states"], entries, now.day, then.day, now.notebooks
    )
    counts = since.by_decision(since.with_settled(states, now["15_decision_states"]))
    measures = since.measures_compared(now["measures"], then["measures"])
    return {
        "Decisions, and the accounts they name": counts[["notebook", "text", "state", *since.STATES]],
        "Accounts that moved, and the facts that moved them": say_changes.moves_table(
            since.moved(now.tables, then.tables), names
        ),
        "Measures that are not as they were": measures_table(measures),
    }


def measures_table(measures: pd.DataFrame) -> pd.DataFrame:
    """Write measures before and after as text, one row each, each with its interval and in its unit.

    Parameters
    ----------
    measures : DataFrame of `since.measures_compared`
    """
    rows = [
        {"measure": measure_name(r["definition_id"]), "unit": "" if r["unit"] == "share" else r["unit"]}
        | {side: _with_ends(r, side) for side in ("before", "after")}
        | {"verdict": r["verdict"]}
        for r in measures.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["measure", "unit", "before", "after", "verdict"])


def _with_ends(row: Mapping[Any, Any], side: str) -> str:
    """Write the value of one run, and its interval behind it where there is one."""
    ends = show.ends(row[f"{side}_low"], row[f"{side}_high"], row["unit"])
    return show.amount(row[side], row["unit"]) + f" ({ends})" * bool(ends)


def as_text(tables: Mapping[str, pd.DataFrame], title: str, warnings: list[str]) -> str:
    """Write a comparison in Markdown; text of the data is one line without active characters."""
    lines = [f"# {title}", "", *(f"**{front.plain(words)}**\n" for words in warnings)]
    for name, frame in tables.items():
        lines += [f"## {name}", ""]
        rows = [
            [front.plain(cell) for cell in row] for row in frame.astype("object").fillna("").itertuples(index=False)
        ]
        head = [str(c).replace("_", " ") for c in frame]
        lines += (
            [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)] if rows else ["Nothing changed."]
        )
        lines.append("")
    return "\n".join(lines)
