"""The director's page: headline measures beside the previous report, and what is not answered."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from abmlib.tables.decisions import in_order
from abmlib.tables.definitions import measures as dictionary

KEY = ["measure_id", "definition_id"]


def headlines(measures: pd.DataFrame) -> pd.DataFrame:
    """Headline measures, not split by group, in the order a director reads them.

    Measures that no notebook of the run made have no row.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    """
    whole = measures[measures["group_by"] == "all"].drop_duplicates(KEY, keep="last")
    places = [(e["measure"], d, e["headline"]) for d, e in dictionary.entries().items() if "headline" in e]
    kept = whole.merge(pd.DataFrame(places, columns=[*KEY, "place"]), on=KEY)
    return kept.sort_values("place", ignore_index=True).drop(columns="place")


def against_previous(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Measures beside those of the previous report, and whether each change is beyond noise.

    A change between two estimates is beyond noise if it exceeds what their intervals allow together, √(h₁² + h₂²) with h the
    half-width towards the other. Where the windows of the two reports overlap this errs on the side of noise. Counts without an
    interval are no estimates: their change is a fact. An estimate that lacks the end towards the other is within noise.

    Parameters
    ----------
    now, before : DataFrame of `headlines`; `before` may be empty

    Returns
    -------
    DataFrame to the spec of ``15_executive_summary``, rows as `now`

    References
    ----------
    House definition; README, glossary entry "beyond noise".
    """
    old = before.set_index(KEY)[["value", "low", "high", "level", "as_of"]].add_prefix("previous_")
    both = now.join(old, on=KEY)
    change = both["value"] - both["previous_value"]
    rising, ends = change > 0, ["level", "low", "high", "previous_level", "previous_low", "previous_high"]
    ours = both["value"] - both["low"].where(rising, both["high"])  # as far as the ends that face each other
    theirs = both["previous_value"] - both["previous_high"].where(rising, both["previous_low"])
    allowed = np.hypot(ours.astype(float), theirs.astype(float))
    allowed = np.where(np.isnan(allowed) & both[ends].notna().any(axis=1), np.inf, allowed)
    conditions = [change.isna(), change == 0, np.isnan(allowed), change.abs() > allowed]
    verdicts = ["no previous", "unchanged", "counted", "beyond noise"]
    verdict = np.select(conditions, verdicts, "within noise")
    columns = [*KEY, "value", "unit", "low", "high", "n", "status", "previous_value", "previous_as_of"]
    return both[columns].assign(change=change, judged=verdict)


def unanswered(measures: pd.DataFrame, questions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Questions that could not be answered or are too early to judge, by what would answer them.

    Measures split by group are left out. What a measure itself says it lacks comes before the usual remedy of its
    definition; one without either points to its notebook's page.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    questions : DataFrame of `data_quality.answerable`; those of this version's notebooks without an answer come first

    Returns
    -------
    DataFrame, the remedy that answers most first: ``export, answers`` (names of measures, joined), ``status``
    """
    bad = measures[(measures["status"] != "ok") & (measures["group_by"] == "all")]
    bad = bad[["definition_id", "status", "why"]].drop_duplicates(["definition_id", "status"])
    usual = [dictionary.entries().get(d, {}).get("needs", "see the page") for d in bad["definition_id"]]
    names = bad["definition_id"].map(dictionary.name)
    bad = bad.assign(export=bad["why"].where(bad["why"] != "", usual), answers=names)
    out = bad.groupby(["export", "status"])["answers"].agg(answers=", ".join, size="size").reset_index()
    out = out.sort_values(["size", "export"], ascending=[False, True], ignore_index=True)
    out = out[["export", "answers", "status"]].assign(status=out["status"].str.replace("_", " "))
    if questions is None:
        return out
    whole = questions[(questions["answer"] == "no") & (questions["built"] == "yes")]
    first = pd.DataFrame({"export": whole["needed"], "answers": whole["question"], "status": "not answerable"})
    return pd.concat([first, out], ignore_index=True)


def missing_notebooks(catalogue: pd.DataFrame, finished: Collection[str], this: str) -> list[str]:
    """Notebooks of this version before this one that left nothing: they failed, or were not run.

    Parameters
    ----------
    catalogue : DataFrame, one row per notebook: ``notebook, built``
    finished : numbers of the notebooks that left their decisions
    this : number of the notebook that asks
    """
    names = catalogue.loc[catalogue["built"].astype(bool), "notebook"]
    return [n for n in names if n[:2].isdigit() and n[:2] < this and n[:2] not in finished]


def top_decisions(decisions: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows of the first decisions of `in_order`, at most `most` decisions."""
    ordered = in_order(decisions)
    return ordered[ordered.groupby(["notebook", "slug"], sort=False).ngroup() < most]
