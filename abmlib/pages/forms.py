"""Forms in a notebook for what people enter in ``programme/``: an input for each column, checked before anything is written."""

import datetime as dt
import html
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from abmlib.tables import programme, schema
from abmlib.tables.definitions import examples
from abmlib.tables.errors import first_cases

WIDE = {"width": "38em", "flex": "0 0 auto"}  # as wide in every row, whatever stands beside it
NAMED = {"description_width": "14em"}
EMPTY = ("", None)
SHOWN = 20  # entries in the list below a form
Choices = Mapping[str, Mapping[str, str]]


def clock() -> pd.Timestamp:
    """Read the clock: when an entry is made, to the second. No report sees it but through the entry."""
    return pd.Timestamp.now("UTC").floor("s")


def entry(
    folder: str | Path | None,
    name: str,
    *,
    entered_by: str,
    choices: Choices | None = None,
    edit: bool = True,
    now: Callable[[], pd.Timestamp] = clock,
) -> "Entry | None":
    """Give a form that adds an entry to a programme table.

    Parameters
    ----------
    folder : the ``programme`` folder, such as `Book.programme`; made with the first entry if absent
    name : of the table
    entered_by : who fills the form; stands in every row
    choices : of a column the ids that are known, each with the name people know it by; others are refused then
    edit : a notebook's parameter, off by default there: nothing is made and None given back, so that a run without people
        leaves nothing on its page
    now : gives the time of entry, with its time zone

    Raises
    ------
    ValueError
        If there is no such programme table, only a command writes it, or `choices` names a column it lacks.

    Examples
    --------
    >>> entry("programme", "targets", entered_by="Ada", edit=False)
    """
    if edit and folder is None:
        raise ValueError(
            "there is no programme folder to enter anything in. Give a workbook file, or a folder, as data."
        )
    if name == programme.FORGOTTEN:
        raise ValueError(f"{name}: has no form. Only abm forget writes it.")
    if unknown := sorted(set(choices or {}) - set(programme.columns(name))):
        raise ValueError(f"choices: {name} has no column {unknown}; it has {programme.columns(name)}.")
    if not edit:
        return None
    if folder is None:
        raise ValueError(
            "there is no programme folder to enter anything in. Give a workbook file, or a folder, as data."
        )
    return Entry(Path(folder), name, entered_by, choices or {}, now)


class Entry(widgets.VBox):
    """A form; `entry` makes it. Pressing `button` adds what stands in `fields`, or says in `said` why not."""

    def __init__(
        self, folder: Path, name: str, entered_by: str, choices: Choices, now: Callable[[], pd.Timestamp]
    ) -> None:
        """Make an empty form and show what stands already."""
        self.folder, self.name, self.entered_by, self.now = folder, name, entered_by, now
        self.ids = {c: {label(i, text): i for i, text in known.items()} for c, known in choices.items()}
        filled = [c for c in programme.columns(name) if c not in schema.ENTRY]
        self.fields = {c: field(name, c, list(self.ids.get(c, ()))) for c in filled}
        self.supersedes = widgets.SelectMultiple(
            description="supersedes", rows=3, layout=WIDE, style=NAMED, tooltip=programme.about(name, "supersedes")
        )
        self.notice, self.said, self.standing = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.button = widgets.Button(description="Add", button_style="primary")
        self.button.on_click(lambda _: self.add())
        title = widgets.HTML(f"<b>{html.escape(name)}</b>: {html.escape(str(schema.PROGRAMME[name].description))}")
        helps = [widgets.HTML(f"<small>{html.escape(asked(name, c))}</small>") for c in self.fields]
        inputs = [widgets.HBox(pair) for pair in zip(self.fields.values(), helps, strict=True)]
        super().__init__([title, *inputs, self.supersedes, self.notice, self.button, self.said, self.standing])
        for column in programme.entity_key(name):
            self.fields[column].observe(lambda _: self.look(), "value")
        self.look()
        self.show()

    def row(self) -> dict[str, Any]:
        """Give what stands in the fields; what is left empty is missing.

        Raises
        ------
        ValueError
            If an id is none of those known.
        """
        return {c: self._value(c) for c in self.fields}

    def _value(self, column: str) -> Any:
        """What stands in one field."""
        value, known = self.fields[column].value, self.ids.get(column)
        if isinstance(value, dt.datetime):
            return pd.Timestamp(value).tz_convert("UTC")
        if isinstance(value, dt.date):
            return pd.Timestamp(value)
        if isinstance(value, str):
            value = value.strip() or None
        if known is None or value is None or value in known.values():
            return value
        if value not in known:
            raise ValueError(f"{column}: {value!r} is none of the {len(known)} known. Choose one of the list.")
        return known[value]

    def earlier(self) -> pd.DataFrame:
        """Give the entries for the same thing that no later one replaces."""
        name, row = self.name, self.row()
        kept = programme.unreplaced(name, programme.read(self.folder, name))
        for column in programme.entity_key(name):
            default = schema.PROGRAMME[name].columns[column].default
            said = programme.as_said(name, column, default if row[column] is None else row[column])
            kept = kept[kept[column].map(lambda value, c=column: programme.as_said(name, c, value)).eq(said)]
        return kept

    def look(self) -> None:
        """Look whether there are entries for the same thing, name them in `supersedes` and say so."""
        try:
            there = self.earlier()
        except (ValueError, OSError):  # said when Add is pressed
            there = schema.empty(self.name)
        whose = [
            f"{t:%Y-%m-%d %H:%M:%S} by {by}" for t, by in zip(there["entered_at"], there["entered_by"], strict=True)
        ]
        times = [programme.as_said(self.name, "entered_at", t) for t in there["entered_at"]]
        self.supersedes.options = tuple(zip(whose, times, strict=True))
        self.supersedes.value = tuple(times)
        self.supersedes.layout.display = None if whose else "none"
        words = f"Entered already: {'; '.join(whose)}. Add replaces what is marked above; no row is removed."
        self.notice.value = f"<i>{html.escape(words)}</i>" if whose else ""

    def refuse_empty(self) -> None:
        """Refuse fields left empty that must not be, all at once.

        Raises
        ------
        ValueError
            If there is one.
        """
        needed = [c for c in schema.needed(self.name) if c in self.fields]
        if empty := [c for c in needed if self.fields[c].value in ("", None)]:
            raise ValueError(f"{len(empty)} fields are empty and must not be {first_cases(empty)}. Fill them.")

    def add(self) -> None:
        """Add the entry and empty the form, or say what is wrong and leave both form and file."""
        try:
            self.refuse_empty()
            row = self.row() | {"supersedes": ";".join(self.supersedes.value) or None}
            at = self.now()
            rows = pd.DataFrame([row], dtype=object)
            programme.append(self.folder, self.name, rows, entered_at=at, entered_by=self.entered_by)
        except (ValueError, OSError) as wrong:
            self.said.value = f'<b style="color:#b00020">Not added.</b> {html.escape(str(wrong))}'
            return
        what = ", ".join(
            f"{c} {said}" for c in programme.entity_key(self.name) if (said := programme.as_said(self.name, c, row[c]))
        )
        self.said.value = html.escape(f"Added to {self.name}.csv at {at:%Y-%m-%d %H:%M:%S} UTC: {what}.")
        for column, widget in self.fields.items():
            widget.value = start(self.name, column, widget)
        self.look()
        self.show()

    def show(self) -> None:
        """Show the entries that stand, newest last, without what is personal; or why they cannot be read."""
        try:
            rows = programme.latest_entries(self.name, programme.read(self.folder, self.name))
        except (ValueError, OSError) as wrong:
            self.standing.value = f'<b style="color:#b00020">{html.escape(str(wrong))}</b>'
            return
        shown = [c for c in rows if c not in {*schema.personal(self.name), "known_at", "supersedes"}]
        last = rows.tail(SHOWN)
        said = pd.DataFrame({c: [programme.as_said(self.name, c, v) for v in last[c]] for c in shown}, dtype="str")
        words = f"Entries that stand: {len(rows):,}" + (f", the last {SHOWN} of them:" if len(rows) > SHOWN else "")
        self.standing.value = f"<p>{words}</p>{said.to_html(index=False, escape=True, border=0)}" if len(rows) else ""


def field(name: str, column: str, known: list[str]) -> Any:
    """Make the input of one column by its kind; `known` are labels to choose from."""
    definition = schema.PROGRAMME[name].columns[column]
    kind, one_of = definition.kind, definition.one_of
    like = {"description": column, "layout": WIDE, "style": NAMED}
    if one_of:
        made: Any = widgets.Dropdown(options=[EMPTY, *((v, v) for v in one_of)], **like)
    elif kind == "bool":
        made = widgets.Dropdown(options=[EMPTY, ("yes", True), ("no", False)], **like)
    elif kind == "date":
        made = widgets.DatePicker(**like)
    elif kind == "ts":
        made = widgets.DatetimePicker(**like)
    elif known:
        made = widgets.Combobox(options=known, continuous_update=False, **like)
    else:
        made = widgets.Text(
            placeholder=f"such as {such_as}" if (such_as := examples.WRITTEN[name].get(column)) else "",
            continuous_update=False,
            **like,
        )
    made.value = start(name, column, made)
    return made


def start(name: str, column: str, widget: Any) -> Any:
    """Give what an input holds before anybody touches it: the default of its column, or nothing."""
    default = schema.PROGRAMME[name].columns[column].default
    return "" if default is None and isinstance(widget, widgets.Text) else default


def asked(name: str, column: str) -> str:
    """Say beside an input what is asked.

    Examples
    --------
    >>> asked("contracts", "renewed")
    'was renewed; missing while nobody knows (true or false). May be left empty.'
    """
    optional = schema.PROGRAMME[name].columns[column].nullable
    said = programme.about(name, column).replace(schema.UNITS["ts"], "in the time zone of this computer")
    return f"{said}. May be left empty." if optional else f"{said}."


def label(known: str, text: str) -> str:
    """Write an id with the name people know it by.

    Examples
    --------
    >>> label("A1", "Acme")
    'Acme (A1)'
    """
    return f"{text} ({known})" if text and text != known else known
