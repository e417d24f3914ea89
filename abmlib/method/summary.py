"""The director's page: headline measures and their changes, what is not answered, what to decide first."""

from collections.abc import Collection, Mapping

import pandas as pd

from abmlib.method.periods import Period
from abmlib.tables import schema
from abmlib.tables.days import months_before
from abmlib.tables.decisions import in_order
from abmlib.tables.definitions import measures as dictionary

OUTLOOK = (
    "won_of_target",
    "won_value_foretold_in_period",
    "past_forecasts_held",
    "past_forecasts_above",
    "newest_forecasts_held",
    "newest_forecasts_came",
    "missing_to_target",
    "won_by_new_most",
)
KEY = ["measure_id", "definition_id"]


def headlines(measures: pd.DataFrame) -> pd.DataFrame:
    """Headline measures, not split by group, in the order a director reads them.

    Of a measure that adds up over time only a window counts that is no longer than the dictionary says, and of several the
    longest; a sum over all history is no headline. Measures without a value, or that no notebook of the run made, have no row.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    """
    places = [
        (e["measure"], d, e["headline"], e.get("months", 0)) for d, e in dictionary.entries().items() if "headline" in e
    ]
    whole = measures[(measures["group_by"] == "all") & measures["value"].notna()]
    kept = whole.merge(pd.DataFrame(places, columns=[*KEY, "place", "months"]), on=KEY)
    begins = [months_before(d, m) if m else pd.NaT for d, m in zip(kept["as_of"], kept["months"], strict=True)]
    dated = kept["months"] > 0
    kept = kept[~dated | (kept["window_start"] > pd.Series(begins, kept.index, dtype="datetime64[us]"))]
    longest_last = kept["window_start"].where(kept["months"] > 0).rank(ascending=False, method="first").fillna(0)
    kept = (
        kept.assign(late=longest_last).sort_values(["place", "late"], kind="stable").drop_duplicates(KEY, keep="last")
    )
    return kept.reset_index(drop=True)[list(measures.columns)]


def with_changes(headlines: pd.DataFrame, judged: pd.DataFrame, quarter: Period) -> pd.DataFrame:
    """Headlines beside what `changes.judge` says of them; those it does not judge are ``not judged``.

    Parameters
    ----------
    headlines : DataFrame of `headlines`
    judged : DataFrame of `changes.judge`
    quarter : the quarter judged

    Returns
    -------
    DataFrame to the spec of ``15_executive_summary``, rows as `headlines`
    """
    both = headlines.merge(judged, on=KEY, how="left")
    known = both["verdict"].notna()
    days = {"quarter_start": quarter.start, "quarter_end": quarter.end}
    both = both.assign(**{name: pd.Series(day, both.index).where(known) for name, day in days.items()})
    both = both.assign(window=window_names(both), verdict=both["verdict"].fillna("not judged"))
    return schema.conform("15_executive_summary", both[list(schema.spec("15_executive_summary").columns)])


def window_names(measures: pd.DataFrame) -> list[str]:
    """Name the window of each measure: its months up to the day, its days, or nothing."""
    months = ((measures["window_end"] - measures["window_start"]).dt.days / 30.44).round()
    rows = zip(measures["window_start"], measures["window_end"], measures["as_of"], months, strict=True)
    return [
        "" if pd.isna(start) else f"{n:.0f} months" if end == as_of and n >= 1 else str(Period(start, end))
        for start, end, as_of, n in rows
    ]


def outlook(measures: pd.DataFrame) -> pd.DataFrame:
    """Measures that say what is expected by the end of the period to prepare for, by definition; missing where none is noted.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    """
    whole = measures[measures["group_by"] == "all"].drop_duplicates("definition_id", keep="last")
    return whole.set_index("definition_id").reindex(list(OUTLOOK))


def unanswered(
    measures: pd.DataFrame, questions: pd.DataFrame | None = None, noted_by: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Questions that could not be answered or are too early to judge, by what would answer them.

    Measures split by group are left out. What a measure itself says it lacks comes before the usual remedy of its
    definition; one without either points to the page of its notebook.

    Parameters
    ----------
    measures : DataFrame to the spec of ``measures``
    questions : DataFrame of `data_quality.answerable`; those of this version's notebooks without an answer come first
    noted_by : number of the notebook that left each measure, of `Book.noted_by`

    Returns
    -------
    DataFrame, the remedy that answers most first: ``export, answers`` (names of measures, joined), ``status``
    """
    bad = measures[(measures["status"] != "ok") & (measures["group_by"] == "all")]
    bad = bad[["definition_id", "status", "why"]].drop_duplicates(["definition_id", "status"])
    pages = {d: f"see the page of notebook {number}" for d, number in (noted_by or {}).items()}
    usual = [dictionary.entries().get(d, {}).get("needs") or pages.get(d, "see its page") for d in bad["definition_id"]]
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
    return [n for n in names if "" < schema.number_of(n) < this and schema.number_of(n) not in finished]


def top_decisions(decisions: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows of the first decisions of `in_order`, at most `most` decisions, each account's money once.

    Chores about data are left out.
    """
    ordered = in_order(decisions[decisions["kind"] != "data"])
    return ordered[ordered.groupby(["notebook", "slug"], sort=False).ngroup() < most]
