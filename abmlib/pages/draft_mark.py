"""The mark of a target list that sales and marketing have not agreed on, for all that follows from it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from abmlib.pages.kernels import Outcome
from abmlib.tables import schema

TABLE = "06_target_accounts"  # the list, the notebook that leaves it, and its page
COLUMN = "target_list"  # of lists that follow from a draft
SAID = "The target list is a DRAFT: sales and marketing have not agreed on it; tiers on other pages are those in force"


def targets(tables: Path, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Read the target list of a run; without rows where the run has none, or its notebook gave no result.

    Parameters
    ----------
    tables : folder of the run's tables
    outcomes : how each notebook ended, by name
    """
    path = tables / f"{TABLE}.parquet"
    ended_well = TABLE in outcomes and outcomes[TABLE].ok
    return pd.read_parquet(path) if ended_well and path.is_file() else pd.DataFrame()


def is_draft(targets: pd.DataFrame) -> bool:
    """Say whether a target list is a draft: it has accounts in tiers, and does not say that it is agreed.

    Parameters
    ----------
    targets : DataFrame with ``list_state``, or without rows
    """
    return bool(len(targets) and targets["tier"].ne("none").any() and not targets["list_state"].eq("agreed").all())


def follows(number: str) -> bool:
    """Say whether a notebook shows the target list, or comes after it.

    Examples
    --------
    >>> follows("05"), follows("06"), follows("12b")
    (False, True, True)
    """
    return number >= schema.number_of(TABLE)


def marked(name: str, listed: pd.DataFrame) -> pd.DataFrame:
    """Mark the list of a notebook that follows from a draft in a first column; others stay as they are.

    Parameters
    ----------
    name : of the file, with the number of its notebook first
    """
    if not follows(schema.number_of(name)):
        return listed
    return listed.assign(**{COLUMN: "DRAFT"})[[COLUMN, *listed]]
