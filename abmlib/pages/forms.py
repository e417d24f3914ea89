"""Forms in a notebook for what people enter in ``programme/``: an input for each column, checked before anything is written."""

import datetime as dt
import html
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from abmlib.tables import entry_conflicts, programme, schema
from abmlib.tables.definitions import measures

# as wide in every row, whatever is beside it
INPUT = {"layout": {"width": "44em", "flex": "0 0 auto"}, "style": {"description_width": "20em"}}
PICKERS: dict[str, Callable[..., Any]] = {
    "date": widgets.DatePicker,
    "ts": widgets.DatetimePicker,
    "bool": partial(widgets.Dropdown, options=[("", None), ("yes", True), ("no", False)]),
}
ERROR = '<b style="color:var(--jp-error-color1,#b00020)">{}</b>'
LISTED = 20  # entries in the list below a form
MEASURE = "measure_id"  # the column that is chosen from the dictionary of measures
OWN_MEASURE = r"[a-z][a-z0-9_]*"  # how an id looks that the dictionary lacks
REST = re.compile(r"[:;(]|, such as")  # where the words of a column stop to be its name


def clock() -> pd.Timestamp:
    """Read the clock, to the second: when an entry is made. No report sees it except through the entry."""
    return pd.Timestamp.now("UTC").floor("s")


def entry(
    folder: str | Path | None,
    name: str,
    *,
    entered_by: str = "",
    edit: bool = True,
    as_of: pd.Timestamp | None = None,
    offered: Iterable[str] = (),
    now: Callable[[], pd.Timestamp] = clock,
) -> "Entry | None":
    """Give a form that adds an entry to a programme table.

    Parameters
    ----------
    folder : the ``programme`` folder, such as `Book.programme`; made with the first entry if absent
    name : of the table
    entered_by : who fills the form, to begin with; empty: who made the last entry
    edit : a notebook's parameter, off by default there: no form is made and None returned, so that a run without people
        leaves nothing on its page
    as_of : day of the page; where it is over, the form says from when on an entry counts
    offered : ids of measures to choose from besides those of the dictionary
    now : gives the time of entry, with its time zone

    Raises
    ------
    ValueError
        If there is no such programme table, no folder for it, or only a command writes it.

    Examples
    --------
    >>> entry("programme", "targets", entered_by="Ada", edit=False)
    """
    if name == programme.FORGOTTEN:
        raise ValueError(f"{name}: has no form. Only abm forget writes it.")
    programme.columns(name)  # refuses what is no programme table
    if not edit:
        return None
    if folder is None:
        raise ValueError("there is no programme folder for entries. Give a workbook file, or a folder, as data.")
    choices = {measures.name(m): m for m in (*offered, *measures.entries())}
    return Entry(Path(folder), name, entered_by, choices, later(as_of, now()), now)


def later(as_of: pd.Timestamp | None, now: pd.Timestamp) -> str:
    """Say from when on an entry counts, where the page is about an earlier day; empty where it is not."""
    today = now.tz_localize(None).normalize()
    if as_of is None or today <= as_of:
        return ""
    return f"This page is about {as_of:%Y-%m-%d}. What you enter counts in reports from today ({today:%Y-%m-%d}) on."


def draw(
    folder: str | Path | None,
    plan: pd.DataFrame,
    drawn: pd.DataFrame,
    *,
    known: Iterable[str],
    entered_by: str,
    as_of: pd.Timestamp | None = None,
    now: Callable[[], pd.Timestamp] = clock,
) -> str:
    """Enter the plan of an experiment, frozen, and then its draw: both, or neither where one is refused. Say so, and from when on they count.

    Killed in between it leaves a plan without a draw; the next draw enters its plan anew, and that one holds.

    Where the files have an experiment that the page does not know, because it was entered after the day of the page, nothing is
    entered, and that is said: some accounts may be in it.

    Parameters
    ----------
    folder : the ``programme`` folder, such as `Book.programme`
    plan, drawn : rows of ``experiment_plans`` and ``experiments`` without the time, which is that of entry
    known : ids of experiments that the page knows

    Raises
    ------
    ValueError
        If nobody is named who draws, or there is no folder.
    """
    if folder is None:
        raise ValueError("there is no programme folder for entries. Give a workbook file, or a folder, as data.")
    if not entered_by.strip():
        raise ValueError("entered_by is empty. Say who draws the accounts.")
    folder, at = Path(folder), now()
    with programme.locked(folder):
        there = set(programme.read(folder, "experiments")["experiment_id"])
        if unknown := sorted(there - set(known)):
            since = "" if as_of is None else f" after {as_of:%Y-%m-%d}, the day of this page"
            return f"Nothing is drawn: {', '.join(unknown)} {'was' if len(unknown) == 1 else 'were'} entered{since}. Run the page for a later day first."
        rows = {"experiment_plans": plan.assign(frozen_at=at), "experiments": drawn.assign(assigned_at=at)}
        programme.append_together(folder, rows, entered_at=at, entered_by=entered_by)
    held = int((drawn["arm"] == "holdout").sum())
    words = f"Drawn as {plan['experiment_id'].iloc[0]} at {at:%Y-%m-%d %H:%M:%S} UTC, pre-registered and frozen"
    return f"{words}: {len(drawn) - held:,} accounts treated and {held:,} held back. {later(as_of, at)}".strip()


class Entry(widgets.VBox):
    """A form; `entry` makes it. Pressing `button` adds the values of `fields`, or says in `message` why not."""

    def __init__(
        self, folder: Path, name: str, who: str, choices: dict[str, str], note: str, now: Callable[[], pd.Timestamp]
    ) -> None:
        """Make an empty form and show the entries that exist."""
        self.folder, self.name, self.choices, self.now = folder, name, choices, now
        columns = [c for c in programme.columns(name) if c not in schema.ENTRY]
        self.fields = {c: field(name, c, choices) for c in columns}
        self.who = widgets.Text(who, description="Entered by", tooltip="entered_by", **INPUT)
        about = programme.about(name, "supersedes")
        self.supersedes = widgets.SelectMultiple(description="Replaces", rows=3, tooltip=about, **INPUT)
        self.notice, self.message, self.entries = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.button = widgets.Button(description="Add", button_style="primary")
        self.button.on_click(lambda _: self.add())
        title = f"<b>{html.escape(name)}</b>: {html.escape(str(schema.PROGRAMME[name].description))} {note}"
        helps = [widgets.HTML(f"<small>{html.escape(asked(name, c))}</small>") for c in columns]
        inputs = [widgets.HBox(pair) for pair in zip(self.fields.values(), helps, strict=True)]
        below = [self.who, self.supersedes, self.notice, self.button, self.message, self.entries]
        super().__init__([widgets.HTML(title), *inputs, *below])
        for column in programme.entity_key(name):
            self.fields[column].observe(lambda _: self.look(), "value")
        self.look()
        self.show()

    def row(self) -> dict[str, Any]:
        """Give the values of the fields; an empty field is None, and a measure its id.

        Raises
        ------
        ValueError
            If there is no such measure.
        """
        row = {column: as_value(widget.value) for column, widget in self.fields.items()}
        if chosen := row.get(MEASURE):
            row[MEASURE] = self.choices.get(chosen, chosen)
            if row[MEASURE] not in self.choices.values() and not re.fullmatch(OWN_MEASURE, chosen):
                raise ValueError(
                    f"No measure is called {chosen}. Choose one from the list, or give the id of your own."
                )
        return row

    def earlier(self) -> pd.DataFrame:
        """Give the entries with the same key that no later one replaces."""
        name, row = self.name, self.row()
        kept = entry_conflicts.unreplaced(name, programme.read(self.folder, name))
        for column in programme.entity_key(name):
            default = schema.PROGRAMME[name].columns[column].default
            key = programme.as_said(name, column, default if row[column] is None else row[column])
            kept = kept[kept[column].map(lambda value, c=column: programme.as_said(name, c, value)).eq(key)]
        return kept

    def look(self) -> None:
        """Look for entries with the same key, name them in `supersedes` and say so."""
        try:
            earlier = self.earlier()
        except (ValueError, OSError):  # said when Add is pressed
            earlier = schema.empty(self.name)
        whose = [f"{r.entered_at:%Y-%m-%d %H:%M:%S} by {r.entered_by}" for r in earlier.itertuples()]
        times = tuple(programme.as_said(self.name, "entered_at", t) for t in earlier["entered_at"])
        self.supersedes.options = tuple(zip(whose, times, strict=True))
        self.supersedes.value = times
        self.supersedes.layout.display = None if whose else "none"
        words = f"Entered already: {'; '.join(whose)}. Add replaces what is marked above; no row is removed."
        self.notice.value = f"<i>{html.escape(words)}</i>" if whose else ""

    def add(self) -> None:
        """Add the entry and empty the form, or say what is wrong and leave both form and file."""
        try:
            row, at = self.row(), self.now()
            if empty := [label(self.name, c) for c in schema.needed(self.name) if c in row and row[c] is None]:
                raise ValueError(f"Fill in: {'; '.join(empty)}.")
            rows = pd.DataFrame([row | {"supersedes": ";".join(self.supersedes.value) or None}], dtype=object)
            programme.append(self.folder, self.name, rows, entered_at=at, entered_by=self.who.value)
        except (ValueError, OSError) as wrong:
            about = [label(self.name, c) for c in self.fields if re.search(rf"\b{c}\b", str(wrong))]
            words = f"{wrong} Look at: {'; '.join(about)}." if about else str(wrong)
            self.message.value = f"{ERROR.format('Not added.')} {html.escape(words)}"
            return
        key = {label(self.name, c): programme.as_said(self.name, c, row[c]) for c in programme.entity_key(self.name)}
        what = ", ".join(f"{name} {value}" for name, value in key.items() if value)
        self.message.value = html.escape(f"Added to {self.name}.csv at {at:%Y-%m-%d %H:%M:%S} UTC: {what}.")
        for column, widget in self.fields.items():
            widget.value = start(self.name, column, widget)
        self.look()
        self.show()

    def show(self) -> None:
        """Show the entries that apply, newest last, without what is personal; or why they cannot be read."""
        name = self.name
        try:
            rows = programme.latest_entries(name, programme.read(self.folder, name))
        except (ValueError, OSError) as wrong:
            self.entries.value = ERROR.format(html.escape(str(wrong)))
            return
        self.who.value = self.who.value or (rows["entered_by"].iloc[-1] if len(rows) else "")
        last = rows.drop(columns=[*schema.personal(name), "known_at", "supersedes"], errors="ignore").tail(LISTED)
        texts = {label(name, c): [programme.as_said(name, c, v) for v in last[c]] for c in last}
        words = f"Entries that apply: {len(rows):,}" + (f", the last {LISTED} of them:" if len(rows) > LISTED else "")
        table = pd.DataFrame(texts, dtype="str").to_html(index=False, escape=True, border=0)
        self.entries.value = f"<p>{words}</p>{table}" if len(rows) else ""


def field(name: str, column: str, choices: dict[str, str]) -> Any:
    """Make the input of one column by its kind."""
    definition = schema.PROGRAMME[name].columns[column]
    like = {"description": label(name, column), "tooltip": column} | INPUT
    made: Any
    if column == MEASURE:
        search = {"placeholder": "type to search", "continuous_update": False}
        made = widgets.Combobox(options=sorted(choices), **search, **like)
    elif definition.one_of:
        made = widgets.Dropdown(options=[("", None), *((v, v) for v in definition.one_of)], **like)
    elif definition.kind in PICKERS:
        made = PICKERS[definition.kind](**like)
    else:
        such_as = programme.examples()[name].get(column, "")
        made = widgets.Text(placeholder=such_as and f"such as {such_as}", continuous_update=False, **like)
    made.value = start(name, column, made)
    return made


def start(name: str, column: str, widget: Any) -> Any:
    """Give what an input contains before anybody touches it: the default of its column, or nothing."""
    default = schema.PROGRAMME[name].columns[column].default
    return "" if default is None and isinstance(widget, widgets.Text) else default


def as_value(value: Any) -> Any:
    """Give what an input contains as a value of a table: times in UTC, empty text as None."""
    if isinstance(value, dt.datetime):
        return pd.Timestamp(value).tz_convert("UTC")
    if isinstance(value, dt.date):
        return pd.Timestamp(value)
    return value.strip() or None if isinstance(value, str) else value


def label(name: str, column: str) -> str:
    """Name a column as a person would: the first words about it.

    Examples
    --------
    >>> label("targets", "period"), label("targets", "owner_id")
    ('Year, quarter or month', 'Seller it is for (id)')
    """
    definition = schema.PROGRAMME[name].columns[column]
    words = REST.split(definition.description)[0].strip()
    return words[:1].upper() + words[1:] + " (id)" * (definition.kind == "id" and column != MEASURE)


def asked(name: str, column: str) -> str:
    """Say beside an input what its label does not.

    Examples
    --------
    >>> asked("contracts", "renewed")
    'missing while nobody knows (true or false). May be left empty.'
    """
    about = programme.about(name, column).replace(schema.UNITS["ts"], "in the time zone of this computer")
    words = about[len(REST.split(about)[0]) :].lstrip(";:, ")
    empty = "May be left empty." if schema.PROGRAMME[name].columns[column].null else ""
    return " ".join([f"{words}."] * bool(words) + [empty] * bool(empty))
