"""Conflicts of entries: where people entered different things about one thing of the programme, and nobody said which holds."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from abmlib.tables import programme, schema

# What every team says for itself, and nobody instead of another.
EACH_SIGNS = {"criteria": ("sign_off_team", "signed_at")}
CONFLICT = dict.fromkeys(
    ("table", "key", "column", "earlier", "later", "earlier_by", "later_by"), "str"
) | dict.fromkeys(("earlier_at", "later_at", "stands_at"), schema.DTYPES["ts"])
DIFFERS = "differs, and is about people"  # in the place of a personal value


def unreplaced(name: str, entries: pd.DataFrame) -> pd.DataFrame:
    """Keep the entries that no later one replaces, in the order of their entry.

    An entry replaces an earlier one for the same thing if it names its time in ``supersedes`` or is by the same person; an
    entry by a person replaces a row that nobody entered (``source``). The last one always stays.

    Parameters
    ----------
    name : of the programme table
    entries : its rows, to spec

    References
    ----------
    House definition; README, glossary entry "conflict of entries".
    """
    ordered = entries.sort_values("entered_at", kind="stable").reset_index(drop=True)
    several = ordered[ordered.duplicated(programme.entity_key(name), keep=False)]
    there: dict[int, dict[int, tuple[pd.Timestamp, str]]] = {}  # of each thing the rows that nothing replaced so far
    replaced_rows: list[int] = []
    for number, (row, at, by, named) in zip(
        _things(name, several), several[list(schema.ENTRY)].itertuples(name=None), strict=True
    ):
        times, before = set(superseded(named)), there.get(number, {})
        replaced = [n for n, (t, who) in before.items() if t in times or who in (by, schema.SOURCE)]
        replaced_rows += replaced
        there[number] = {n: entry for n, entry in before.items() if n not in replaced} | {row: (at, by)}
    return ordered.drop(index=replaced_rows).reset_index(drop=True)


def _things(name: str, entries: pd.DataFrame) -> pd.Series:
    """Number what entries are about: the same number, the same thing."""
    return entries.groupby(programme.entity_key(name), dropna=False, sort=False).ngroup()


def superseded(named: object) -> list[pd.Timestamp]:
    """Read the times of entry in ``supersedes``, joined by ;.

    Other text is NaT.

    Examples
    --------
    >>> [str(t) for t in superseded("2026-01-05T09:00+01:00; yesterday")]
    ['2026-01-05 08:00:00+00:00', 'NaT']
    """
    times = [] if pd.isna(named) else [t.strip() for t in str(named).split(";") if t.strip()]
    return [pd.to_datetime(t, utc=True, format="ISO8601", errors="coerce") for t in times]


def conflicts(name: str, entries: pd.DataFrame) -> pd.DataFrame:
    """Show where people entered different things.

    The later one did not say that theirs replaces the earlier.

    Each entry that `unreplaced` keeps is compared with the last one for the same thing, which holds (`programme.latest_entries`); not in what
    each team says for itself (`EACH_SIGNS`). A row that
    nobody entered counts only where it is the later: there it overrules a person in silence. Nothing is resolved.

    Parameters
    ----------
    name : of the programme table
    entries : its rows, to spec

    Returns
    -------
    DataFrame, one row per conflict and column that differs; without rows where there is none
        ``table, key`` (what the entries are about, as text), ``column, earlier, later`` (the two values as text; of a
        personal column only that they differ), ``earlier_by, later_by, earlier_at, later_at``, and ``stands_at``: when the
        entry that holds was entered. A ``supersedes`` that names no earlier entry for the same thing has a row of its own, with
        ``supersedes`` as the column and nothing earlier.

    References
    ----------
    House definition; README, glossary entry "conflict of entries".
    """
    rows = [*_differing(name, unreplaced(name, entries)), *_dangling(name, entries)]
    frame = pd.DataFrame(rows, columns=list(CONFLICT), dtype=object).astype(CONFLICT)
    return frame.sort_values(["table", "key", "later_at"], kind="stable", ignore_index=True)


def _differing(name: str, kept: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Rows of `conflicts`: what differs between the last entry for a thing and each other that nobody replaced."""
    says = [
        c
        for c in programme.columns(name)
        if c not in {*programme.entity_key(name), *schema.ENTRY, *EACH_SIGNS.get(name, ())}
    ]
    hidden = set(schema.personal(name))
    several = kept[kept.duplicated(programme.entity_key(name), keep=False)]
    groups: dict[int, list[dict[Hashable, Any]]] = defaultdict(list)
    for number, entry in zip(_things(name, several), several.to_dict("records"), strict=True):
        groups[number].append(entry)
    for *others, last in groups.values():
        for one in others:
            for column in says:
                values = [programme.as_said(name, column, entry[column]) for entry in (one, last)]
                if values[0] != values[1]:
                    earlier, later = [DIFFERS] * 2 if column in hidden else values
                    by, at = ([entry[c] for entry in (one, last)] for c in ("entered_by", "entered_at"))
                    yield name, _about(name, last), column, earlier, later, *by, *at, last["entered_at"]


def _dangling(name: str, entries: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Rows of `conflicts`: what ``supersedes`` names and no earlier entry for the same thing was entered at."""
    things = _things(name, entries)
    entered = entries.groupby(things)["entered_at"].agg(set)
    naming = entries[entries["supersedes"].notna()]
    for number, entry in zip(things[naming.index], naming.to_dict("records"), strict=True):
        times, by, at, named = entered[number], *(entry[c] for c in ("entered_by", "entered_at", "supersedes"))
        if not all(t < at and t in times for t in superseded(named)):
            yield name, _about(name, entry), "supersedes", None, named, None, by, None, at, max(times)


def _about(name: str, entry: Mapping[Hashable, Any]) -> str:
    """What an entry is about, as text; what is missing in its key is left out."""
    given = {c: programme.as_said(name, c, entry[c]) for c in programme.entity_key(name)}
    return ", ".join(f"{column} {value}" for column, value in given.items() if value)
