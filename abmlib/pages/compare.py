"""Two finished runs side by side: decisions, accounts that moved and the facts that moved them, measures."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from abmlib.method import bridge, since
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


def differences(before: Path, after: Path, accounts: pd.DataFrame) -> list[str]:
    """Say in which ways two runs cannot be compared, a sentence each; data that only grew are no difference.

    Parameters
    ----------
    before, after : folders of runs
    accounts : of `known`; without any, their names are not known
    """
    a, b = (shelf.facts(folder) or {} for folder in (before, after))
    said = [
        f"{k.replace('_', ' ')}: {a.get(k)} in one run, {b.get(k)} in the other." for k in SAME if a.get(k) != b.get(k)
    ]
    newer = [pd.Timestamp(r["as_of"]) for r in (a, b) if r.get("newest_fact", "") > r.get("as_of", "")]
    nameless = (
        f"Accounts go by their ids, and results of deals are not known: give --data with the data of {after.name}."
    )
    failed = [n for n, end in a.get("outcomes", {}).items() if end["status"] in front.FAILED]
    said += [f"{front.page_name(n)} has no result in {before.name}: its decisions are not compared." for n in failed]
    return said + [say_changes.newer_data(day) for day in newer if len(newer) == 1] + [nameless] * accounts.empty


def known(data: Path, run: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accounts and deals as known on the day of a run; none where the data do not open or are not those of the run."""
    facts, tables = shelf.facts(run) or {}, ("accounts", "opportunities")
    try:
        opened = Data(data)
        if opened.workbook.data.name == facts.get("data"):
            book = Book(opened, dt.date.fromisoformat(facts["as_of"]))
            return book.read(tables[0]), book.read(tables[1])
    except (ValueError, OSError):
        pass
    return schema.empty(tables[0]), schema.empty(tables[1])


def compare(before: Path, after: Path, accounts: pd.DataFrame, deals: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Compare two runs, table by table, as 15 compares with the last report.

    Parameters
    ----------
    before, after : folders of runs
    accounts, deals : of `known`; an account without a name goes by its id, a deal without a result is no longer open

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
        now["decisions"], then["decisions"], then["15_decision_states"], entries, now.day, then.day, now.notebooks,
        since.not_compared(now["decisions"], then["decisions"], now.is_latest == then.is_latest, then.notebooks),
    )  # fmt: skip
    counts = since.by_decision(since.with_settled(states, now["15_decision_states"]))
    measures, by_id = since.measures_compared(now["measures"], then["measures"]), accounts.set_index("account_id")
    moves = since.moved(now.tables, then.tables, bridge.results(deals))
    moves = say_changes.moves_table(moves, by_id["name"], by_id["owner_id"])
    return {
        "Decisions, and the accounts they name": counts[["notebook", "text", "state", *since.STATES]],
        "Accounts that moved, and what changed there": moves.assign(
            revenue_or_amount=moves["revenue_or_amount"].map("{:,.0f}".format, na_action="ignore")
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
