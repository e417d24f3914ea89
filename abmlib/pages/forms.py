"""Forms in a notebook for what people enter in ``programme/``: an input for each column, checked before anything is written."""

import datetime as dt
import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from abmlib.tables import entry_conflicts, programme, schema
from abmlib.tables.errors import first_cases

# as wide in every row, whatever is beside it
INPUT = {"layout": {"width": "38em", "flex": "0 0 auto"}, "style": {"description_width": "14em"}}
PICKERS: dict[str, Callable[..., Any]] = {
    "date": widgets.DatePicker,
    "ts": widgets.DatetimePicker,
    "bool": partial(widgets.Dropdown, options=[("", None), ("yes", True), ("no", False)]),
}
ERROR = '<b style="color:#b00020">{}</b>'
LISTED = 20  # entries in the list below a form


def clock() -> pd.Timestamp:
    """Read the clock, to the second: when an entry is made. No report sees it except through the entry."""
    return pd.Timestamp.now("UTC").floor("s")


def entry(
    folder: str | Path | None, name: str, *, entered_by: str, edit: bool = True, now: Callable[[], pd.Timestamp] = clock
) -> "Entry | None":
    """Give a form that adds an entry to a programme table.

    Parameters
    ----------
    folder : the ``programme`` folder, such as `Book.programme`; made with the first entry if absent
    name : of the table
    entered_by : who fills the form; written in every row
    edit : a notebook's parameter, off by default there: no form is made and None returned, so that a run without people
        leaves nothing on its page
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
    return Entry(Path(folder), name, entered_by, now)


class Entry(widgets.VBox):
    """A form; `entry` makes it. Pressing `button` adds the values of `fields`, or says in `message` why not."""

    def __init__(self, folder: Path, name: str, entered_by: str, now: Callable[[], pd.Timestamp]) -> None:
        """Make an empty form and show the entries that exist."""
        self.folder, self.name, self.entered_by, self.now = folder, name, entered_by, now
        columns = [c for c in programme.columns(name) if c not in schema.ENTRY]
        self.fields = {c: field(name, c) for c in columns}
        about = programme.about(name, "supersedes")
        self.supersedes = widgets.SelectMultiple(description="supersedes", rows=3, tooltip=about, **INPUT)
        self.notice, self.message, self.entries = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.button = widgets.Button(description="Add", button_style="primary")
        self.button.on_click(lambda _: self.add())
        title = widgets.HTML(f"<b>{html.escape(name)}</b>: {html.escape(str(schema.PROGRAMME[name].description))}")
        helps = [widgets.HTML(f"<small>{html.escape(asked(name, c))}</small>") for c in columns]
        inputs = [widgets.HBox(pair) for pair in zip(self.fields.values(), helps, strict=True)]
        super().__init__([title, *inputs, self.supersedes, self.notice, self.button, self.message, self.entries])
        for column in programme.entity_key(name):
            self.fields[column].observe(lambda _: self.look(), "value")
        self.look()
        self.show()

    def row(self) -> dict[str, Any]:
        """Give the values of the fields; an empty field is None."""
        return {column: as_value(widget.value) for column, widget in self.fields.items()}

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
            if empty := [c for c in schema.needed(self.name) if c in row and row[c] is None]:
                raise ValueError(f"{len(empty)} fields are empty and must not be {first_cases(empty)}. Fill them.")
            rows = pd.DataFrame([row | {"supersedes": ";".join(self.supersedes.value) or None}], dtype=object)
            programme.append(self.folder, self.name, rows, entered_at=at, entered_by=self.entered_by)
        except (ValueError, OSError) as wrong:
            self.message.value = f"{ERROR.format('Not added.')} {html.escape(str(wrong))}"
            return
        key = {c: programme.as_said(self.name, c, row[c]) for c in programme.entity_key(self.name)}
        what = ", ".join(f"{column} {value}" for column, value in key.items() if value)
        self.message.value = html.escape(f"Added to {self.name}.csv at {at:%Y-%m-%d %H:%M:%S} UTC: {what}.")
        for column, widget in self.fields.items():
            widget.value = start(self.name, column, widget)
        self.look()
        self.show()

    def show(self) -> None:
        """Show the entries that apply, newest last, without what is personal; or why they cannot be read."""
        try:
            rows = programme.latest_entries(self.name, programme.read(self.folder, self.name))
        except (ValueError, OSError) as wrong:
            self.entries.value = ERROR.format(html.escape(str(wrong)))
            return
        last = rows.drop(columns=[*schema.personal(self.name), "known_at", "supersedes"], errors="ignore").tail(LISTED)
        texts = pd.DataFrame({c: [programme.as_said(self.name, c, v) for v in last[c]] for c in last}, dtype="str")
        words = f"Entries that apply: {len(rows):,}" + (f", the last {LISTED} of them:" if len(rows) > LISTED else "")
        self.entries.value = f"<p>{words}</p>{texts.to_html(index=False, escape=True, border=0)}" if len(rows) else ""


def field(name: str, column: str) -> Any:
    """Make the input of one column by its kind."""
    definition, like = schema.PROGRAMME[name].columns[column], {"description": column} | INPUT
    made: Any
    if definition.one_of:
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


def asked(name: str, column: str) -> str:
    """Say beside an input what is asked.

    Examples
    --------
    >>> asked("contracts", "renewed")
    'was renewed; missing while nobody knows (true or false). May be left empty.'
    """
    words = programme.about(name, column).replace(schema.UNITS["ts"], "in the time zone of this computer")
    return f"{words}. May be left empty." if schema.PROGRAMME[name].columns[column].null else f"{words}."
