"""Can a report be made from this data, and what should be exported next? The verdict of notebook 00 before any report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from abmlib.method import quality
from abmlib.pages import catalogue, parameters
from abmlib.tables import Book, checks
from abmlib.tables.cache import Data

FIRST = "00_account_data"  # the notebook whose verdict this is


@dataclass(frozen=True)
class Verdict:
    """What the data holds, what is wrong with it, which accounts can be judged and which questions answered."""

    as_of: str
    reach: pd.DataFrame  # one row per table, as `quality.freshness`
    checks: int  # run
    wrong: list[str]  # broken checks, a sentence each
    stops: bool  # is one of them a failure, so that no report is made
    accounts: pd.DataFrame  # counts by status and verdict, as `quality.verdict_counts`
    answers: pd.DataFrame  # one row per notebook, as `quality.answerable`
    request: pd.DataFrame  # what to export, as `quality.data_request`


def examine(data: Data, audit: pd.DataFrame, notebooks: Path, shared: Mapping[str, Any]) -> Verdict:
    """Give the verdict of notebook 00 on the latest day of a data set, without running it.

    Parameters
    ----------
    data, audit : of `run.preflight`
    notebooks : folder of the notebooks
    shared : parameters of the workbook

    Raises
    ------
    TableError
        If the accounts cannot be read.
    ValueError
        If nothing dates the data.
    """
    wrong, stops = checks.sentences(audit), bool(checks.failure(audit))
    listed = catalogue.frame(notebooks / catalogue.FILE)
    limits = {n: p.default for n, p in parameters.declared(notebooks / f"{FIRST}.ipynb").items()} | dict(shared)
    if stops:
        empty = pd.DataFrame()
        answers = quality.answerable(listed, set())
        return Verdict(
            "", empty, len(audit), wrong, stops, empty, answers.iloc[:0], quality.data_request(answers.iloc[:0])
        )
    book = Book.of(data)
    accounts = book.read("accounts")
    judged = quality.account_data(
        accounts, book.fact_counts(), book.as_of, int(limits["stale_days"]), int(limits["min_records"])
    )
    answers = quality.answerable(listed, quality.present(book.fields()))
    return Verdict(
        str(book.as_of.date()),
        quality.freshness(book.overview(), book.as_of, len(accounts)),
        len(audit),
        wrong,
        stops,
        quality.verdict_counts(judged),
        answers,
        quality.data_request(answers),
    )


def unseen(present: set[str], notebooks: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say of an export that was not imported yet which questions it seems to answer, and what to export for the rest.

    Parameters
    ----------
    present : tables, and columns as ``table.column``, that the export seems to hold
    """
    answers = quality.answerable(catalogue.frame(notebooks / catalogue.FILE), present)
    return answers, quality.data_request(answers)


def as_letter(request: pd.DataFrame) -> str:
    """Write a data request in Markdown, to be handed to whoever can export."""
    lines = ["# Data request", "", "One file per table, CSV or Parquet, all rows and all years there are.", ""]
    for r in request.itertuples():
        lines.append(f"## {r.export}\n\n{r.holds}\n")
        told = {
            "At least": r.at_least,
            "Better with": r.better_with,
            "Not answerable without it": r.for_lack_of_it,
            "Fuller with it": r.fuller_with_it,
        }
        lines += [f"- {what}: {names}" for what, names in told.items() if names] + [""]
    return "\n".join(lines)


def holds(folder: Path) -> bool:
    """Say whether a folder holds canonical accounts, so that it is opened and not guessed at."""
    return any((folder / f"accounts{kind}").exists() for kind in (".csv", ".parquet", ""))
