"""Can a report be made from this data, and what should be exported next? The verdict of notebook 00 before any report."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from abmlib import places
from abmlib.method import data_quality
from abmlib.pages import catalogue, parameters, say_data
from abmlib.tables import Book, checks
from abmlib.tables.cache import Data
from abmlib.tables.importers import drafts

FIRST = "00_account_data"  # the notebook whose verdict this is
NUMBER = r"(\d\d[a-z]?)_\w+"  # a notebook's name
# columns of tables that `tables` gives, with the names readers see
ANSWERS = {"notebook": "notebook", "question": "question", "built": "built", "answer": "answer", "needed": "waits for"}
REQUEST = {"export": "export", "at_least": "with at least", "for_lack_of_it": "not answerable without",
           "fuller_with_it": "fuller with"}  # fmt: skip
LETTER = {"at_least": "At least", "better_with": "Better with", "for_lack_of_it": "Not answerable without it",
          "fuller_with_it": "Fuller with it"}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What the data contains, what is wrong with it, which accounts can be judged and which questions answered."""

    checks: int = 0  # run
    wrong: list[str] = field(default_factory=list)  # broken checks, a sentence each
    stops: bool = False  # whether one of them is a failure, so that no report is made; nothing below is known then
    as_of: str = ""
    answer: list[str] = field(default_factory=list)  # what notebook 00 says first, a sentence each
    reach: pd.DataFrame = field(default_factory=pd.DataFrame)  # one row per table, as `data_quality.freshness`
    accounts: pd.DataFrame = field(default_factory=pd.DataFrame)  # counts, as `data_quality.verdict_counts`
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)  # one row per notebook, as `data_quality.answerable`
    request: pd.DataFrame = field(default_factory=pd.DataFrame)  # what to export, as `data_quality.data_request`
    guessed: pd.DataFrame = field(default_factory=pd.DataFrame)  # of an export: tables that it seems to contain


def examine(
    data: Data, audit: pd.DataFrame, notebooks: Path, shared: Mapping[str, Any], day: dt.date | None = None
) -> Verdict:
    """Give the verdict of notebook 00 on a data set as known at the end of a day, without running it.

    Parameters
    ----------
    data, audit : of `run.preflight`
    notebooks : folder of the notebooks
    shared : parameters of the workbook
    day : the day; without it, that of the newest dated fact

    Raises
    ------
    TableError
        If the accounts cannot be read.
    ValueError
        If no day is given and no row of the data is dated.
    """
    wrong = checks.sentences(audit)
    if checks.failure(audit):
        return Verdict(len(audit), wrong, stops=True)
    first = catalogue.or_packaged(notebooks / f"{FIRST}.ipynb")
    known = parameters.declared(places.NOTEBOOKS / first.name)  # a person's own may have other parameters
    given = {n: p.default for n, p in parameters.declared(first).items()} | dict(shared)
    limits = ("stale_days", "min_records")
    stale_days, min_records = (parameters.read_value(known[n], given.get(n, known[n].default)) for n in limits)
    book = Book(data, day)
    accounts = book.read("accounts")
    judged = data_quality.account_data(accounts, book.fact_counts(), book.as_of, stale_days, min_records)
    listed = catalogue.frame(notebooks / catalogue.FILE)
    answers = data_quality.answerable(listed, data_quality.available_data(book.fields()))
    counts = data_quality.verdict_counts(judged)
    deals, history = (book.read(name) for name in ("opportunities", "opportunity_stage_history"))
    no_past = data_quality.unknown_past(deals, history)
    said = [say_data.to_compare(deals, book.currency), say_data.can_judge(counts, min_records, stale_days)]
    said.append(say_data.unanswered(answers))
    said.append(say_data.unknown_past(no_past, len(deals), book.as_of, is_latest=True))
    return Verdict(
        len(audit),
        wrong,
        as_of=str(book.as_of.date()),
        answer=[sentence for sentence in said if sentence],
        reach=data_quality.freshness(book.overview(), book.as_of, len(accounts)),
        accounts=counts,
        answers=answers,
        request=data_quality.data_request(answers),
    )


def guess(export: Path, notebooks: Path) -> Verdict:
    """Say of an export that was not imported yet which questions it seems to answer, and what to export for the rest.

    Parameters
    ----------
    export : folder of its files
    notebooks : folder of the notebooks
    """
    present = drafts.look(export).present
    names = pd.Series(sorted(present)).str.extract(r"(?P<table>\w+)\.?(?P<column>.*)")
    columns = names.groupby("table")["column"].agg(lambda c: ", ".join(filter(None, c))).rename("columns")
    answers = data_quality.answerable(catalogue.frame(notebooks / catalogue.FILE), present)
    return Verdict(answers=answers, request=data_quality.data_request(answers), guessed=columns.reset_index())


def tables(verdict: Verdict, title: str) -> dict[str, pd.DataFrame]:
    """Give the tables of a verdict to print, by their titles; those without rows are left out.

    Parameters
    ----------
    title : of the data
    """
    tables = {"What this export seems to hold": verdict.guessed}
    if len(reach := verdict.reach):
        days = {c: reach[c].dt.date for c in ("first_day", "last_day")}
        reach = reach.assign(**days, days_old=reach["days_old"].astype("Int64"))
        columns = ["table", "rows", "accounts", "first_day", "last_day", "days_old"]
        tables[f"{title}, as of {verdict.as_of}"] = reach[columns]
        tables["Accounts that can be judged"] = verdict.accounts.reset_index(names="accounts")
    if not verdict.stops:
        numbers = {c: verdict.request[c].str.replace(NUMBER, r"\1", regex=True) for c in [*REQUEST][2:]}
        tables["Which questions this data can answer"] = verdict.answers[[*ANSWERS]].rename(columns=ANSWERS)
        tables["What to export next"] = verdict.request.assign(**numbers)[[*REQUEST]].rename(columns=REQUEST)
    return {title: table for title, table in tables.items() if len(table)}


def as_letter(request: pd.DataFrame) -> str:
    """Write a data request in Markdown, for the person who exports the data."""
    lines = ["# Data request", "", "One file per table, CSV or Parquet, all rows and all years there are.", ""]
    for row in request.to_dict("records"):
        lines += [f"## {row['export']}\n\n{row['holds']}\n"]
        lines += [f"- {what}: {row[column]}" for column, what in LETTER.items() if row[column]] + [""]
    return "\n".join(lines)


def holds(folder: Path) -> bool:
    """Say whether a folder contains canonical accounts, so that it is opened and not guessed at."""
    return any((folder / f"accounts{kind}").exists() for kind in (".csv", ".parquet", ""))
