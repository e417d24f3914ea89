"""Human input: append-only CSV files in a ``programme/`` folder. Only this module writes them.

`append` adds entries and changes none; `forget` alone takes out what is there, and enters that it did. Of several entries for
one thing the last one holds (`latest_entries`), and `conflicts` shows where people did not agree to that.
"""

import contextlib
import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from abmlib.tables import removal, schema, temporary
from abmlib.tables.errors import TableError, first_cases
from abmlib.tables.outputs import replaced

FOLDER = "programme"
FORGOTTEN = "forgotten"
EXAMPLES = Path(__file__).parent / "definitions" / "examples.yml"
OTHER_SIGNS = {";": "semicolons", "\t": "tabs"}  # what spreadsheets put between values in place of commas
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
NUMBER, DAY = r"[0-9.eE+-]+", r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]"  # what else Python would read, the engine does not
NUMBERS = ("int", "number", "money", "rate")
FORMULA = (
    r"^('*[=+\-@＝＋－＠])"  # how a text begins that a spreadsheet computes; what has apostrophes already gets one more
)
GUARDED = r"^'('*[=+\-@＝＋－＠])"  # and how it is written
FLAGS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)


def template(name: str) -> str:
    """Give the first line of a programme file, to be filled in a spreadsheet.

    Examples
    --------
    >>> template("targets")
    'period,owner_id,measure_id,value,entered_at,entered_by,supersedes\\n'
    """
    return ",".join(columns(name)) + "\n"


def columns(name: str) -> list[str]:
    """The columns a person fills, in order.

    Raises
    ------
    ValueError
        If there is no such programme table.
    """
    if name not in schema.PROGRAMME:
        raise ValueError(f"{name}: no such programme table; there are {sorted(schema.PROGRAMME)}.")
    return [c for c in schema.PROGRAMME[name].columns if c != "known_at"]


def texts(name: str) -> list[str]:
    """The columns in which a person writes what they like.

    An apostrophe comes before what a spreadsheet would take for a formula there; whoever reads takes it away.
    """
    return [c for c in columns(name) if schema.PROGRAMME[name].columns[c].kind == "text"]


def example(name: str) -> str:
    """Give a line of a programme file as an example.

    It is shown to people, and never counted.

    Examples
    --------
    >>> example("targets")
    '2026-Q1,s1,won_value,500000,2026-01-15T09:00:00Z,Ada,\\n'
    """
    written = examples()[name] | {"entered_at": "2026-01-15T09:00:00Z", "entered_by": "Ada"}
    return as_text(pd.DataFrame([[written.get(c, "") for c in columns(name)]]))


@cache
def examples() -> dict[str, dict[str, str]]:
    """Read the columns of one example for each programme table, without who entered it and when."""
    return dict(yaml.safe_load(EXAMPLES.read_text("utf-8")))


def latest_entries(name: str, entries: pd.DataFrame) -> pd.DataFrame:
    """Keep the latest of several entries about one thing.

    In the order of their entry.

    Parameters
    ----------
    name : of the programme table, whose key but for the time of entry says what is one thing
    entries : its rows

    Examples
    --------
    >>> twice = pd.DataFrame({"goal_id": ["g", "g"], "entered_at": pd.to_datetime(["2026-05-01", "2026-02-01"])})
    >>> latest_entries("account_goals", twice)["entered_at"].dt.month.tolist()
    [5]
    """
    return entries.sort_values("entered_at", kind="stable").drop_duplicates(entity_key(name), keep="last")


def entity_key(name: str) -> list[str]:
    """The columns that say what an entry is about.

    They are the key of its table without the time of entry.
    """
    return [c for c in schema.key(name) if c != "entered_at"]


def as_said(name: str, column: str, value: Any) -> str:
    """Write a value of a programme table as a person would.

    A missing one is empty.

    Examples
    --------
    >>> as_said("contracts", "start", pd.Timestamp("2026-01-01")), as_said("contracts", "arr", 10.0)
    ('2026-01-01', '10')
    """
    if pd.isna(value):
        return ""
    kind = schema.PROGRAMME[name].columns[column].kind
    if kind in ("date", "ts"):
        return str(value.strftime("%Y-%m-%d") if kind == "date" else value.isoformat().replace("+00:00", "Z"))
    return str(value).lower() if kind == "bool" else str(value).removesuffix(".0") if kind in NUMBERS else str(value)


def about(name: str, column: str) -> str:
    """Say what a person needs to know to fill a column.

    Meaning, unit, allowed values, and what an empty one means.

    Examples
    --------
    >>> about("contracts", "arr"), about("contracts", "product_line")
    ('yearly recurring revenue (reporting currency)', 'line of business; all if empty')
    """
    definition = schema.PROGRAMME[name].columns[column]
    unit = f" ({definition.unit})" if definition.unit else ""
    allowed = f"; one of {', '.join(definition.one_of)}" if definition.one_of else ""
    default = f"; {definition.default} if empty" if definition.default is not None else ""
    return f"{definition.description}{unit}{allowed}{default}"


# -- files ------------------------------------------------------------------------------------------------------------


def look(path: Path, name: str) -> None:
    """Refuse a programme file that is not as its template.

    Commas are between values, and no column would go unread.

    What is no UTF-8 text is left to who reads it.

    Raises
    ------
    TableError
        If a spreadsheet put other signs between values, a column is none of the table's, or values stand under no name.
    """
    with path.open(encoding="utf-8-sig", newline="") as file, contextlib.suppress(UnicodeDecodeError, csv.Error):
        lines = csv.reader(file)
        first = _first(lines, name, path.name)
        known = schema.PROGRAMME[name].columns
        if unknown := [c for c in first if c and c not in known and c.lower() not in known]:
            raise TableError(
                f"{name}: {len(unknown)} columns of {path.name} are none of the table's {first_cases(unknown)}; it has "
                f"{columns(name)}. Correct the names, or take the columns out."
            )
        if "" in first and any(first):
            _refuse_nameless(first, ((lines.line_num, row) for row in lines), name, path.name)


def refuse_spreadsheets(folder: Path, filled: Collection[str]) -> None:
    """Refuse a spreadsheet's own file in the place of a CSV file.

    Its rows would go unread.

    Raises
    ------
    TableError
        If there is one.
    """
    names = [f"{n}{kind}" for n in schema.PROGRAMME for kind in SPREADSHEETS if n not in filled]
    if sheets := [file for file in names if (folder / file).is_file()]:
        cases = first_cases(sheets)
        raise TableError(
            f"programme: {len(sheets)} files are a spreadsheet's own {cases}. Save each as CSV with commas."
        )


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read the entries of a programme file, to spec.

    There are none where there is no file. Blank rows are left out.

    For forms, which have no data to open a book on: reports read through `Book`.

    Raises
    ------
    TableError
        If the file or a value in it does not read.
    """
    path = folder / f"{name}.csv"
    rows = _rows(_text(path) if path.is_file() else template(name), name, path.name)
    for column in rows:
        kind = schema.PROGRAMME[name].columns[column].kind
        read = _as_kind(rows[column], kind)
        if len(bad := rows[column][rows[column].notna() & read.isna()]):
            what = f"{len(bad)} of {len(rows)} values of {column} do not read as {kind} {first_cases(bad)}"
            raise TableError(f"{name}: {what}. {schema.remedy(name, column)}{schema.BOUNDS.get(kind, '')}")
        rows[column] = read
    return schema.conform(name, rows)


def _as_kind(values: pd.Series, kind: str) -> pd.Series:
    """Read texts as the engine does; what does not read becomes missing."""
    if kind == "bool":
        return values.str.lower().map(FLAGS)
    if kind in NUMBERS:
        numbers = pd.to_numeric(values.where(values.str.fullmatch(NUMBER, na=False)), errors="coerce")
        whole = numbers % 1 == 0 if kind == "int" else True
        return numbers.where((numbers.abs() < schema.BOUND) & whole)
    if kind not in ("ts", "date"):
        return values
    days = values.where(values.str.match(DAY, na=False))
    moments = pd.to_datetime(days, utc=True, format="ISO8601", errors="coerce")
    moments = moments.where(moments.dt.year.between(*schema.YEARS))
    return moments if kind == "ts" else moments.dt.tz_localize(None).dt.normalize()


def _text(path: Path) -> str:
    """The text of a programme file."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = path.read_bytes()[: wrong.start].count(b"\n") + 1
        how = "Save it as CSV in UTF-8, with commas."
        raise TableError(f"{path.name}: not UTF-8, first in line {line}. {how}") from wrong


def _rows(text: str, name: str, file: str) -> pd.DataFrame:
    """The rows of a programme file as text, by line.

    Blanks around values, blank rows and columns without a name are left out.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        first = _first(lines, name, file)
        if sorted(c for c in first if c) != sorted(columns(name)):
            raise TableError(f"{file}: columns {first}; must be {columns(name)}. Rename them in the file.")
        rows = [(lines.line_num, [v.strip() for v in row]) for row in lines]
    except csv.Error as wrong:
        raise TableError(f"{file}: line {lines.line_num} does not read: {wrong}. Correct its quotes.") from wrong
    rows = [(n, row) for n, row in rows if any(row)]
    if bad := [f"line {n} has {len(row)}" for n, row in rows if len(row) != len(first)]:
        raise TableError(
            f"{file}: {len(bad)} of {len(rows)} rows do not have its {len(first)} columns {first_cases(bad)}. "
            "Correct them; a text with a comma in it needs quotes."
        )
    _refuse_nameless(first, rows, name, file)
    frame = pd.DataFrame([row for _, row in rows], [n for n, _ in rows], first, dtype="str")[columns(name)]
    plain = {c: frame[c].str.replace(GUARDED, r"\1", regex=True) for c in texts(name)}
    return frame.assign(**plain).replace("", pd.NA)


def _first(lines: Iterator[list[str]], name: str, file: str) -> list[str]:
    """The column names in the first line of a programme file."""
    first = [c.strip() for c in next(lines, [])]
    for sign, called in OTHER_SIGNS.items():
        if len(first) == 1 and sign in first[0]:
            raise TableError(
                f"{name}: {file} has {called} between its values. Save it with commas (in LibreOffice the field delimiter; "
                "Google Sheets does so by itself), or enter the rows by a form."
            )
    return first


def _refuse_nameless(first: list[str], rows: Iterable[tuple[int, list[str]]], name: str, file: str) -> None:
    """Refuse values in a column without a name."""
    nameless = [i for i, c in enumerate(first) if not c]
    if bad := [f"line {n}" for n, row in rows if any(row[i].strip() for i in nameless if i < len(row))]:
        raise TableError(
            f"{name}: {len(bad)} rows of {file} have a value in a column without a name {first_cases(bad)}. "
            "Put it where it belongs, or take it out."
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to a programme folder meanwhile.

    The folder is made if absent. Who holds it may take it again; what a killed process held is free.

    Raises
    ------
    OSError
        If nobody may write there, or another process holds it for longer than `temporary.PATIENCE` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = f"another process has kept it for {temporary.PATIENCE:.0f} seconds"
    busy = f"{folder.name}: {kept}. Wait until it has ended, or end it."
    with temporary.alone(folder.resolve() / temporary.LOCK, busy):
        yield


def append(folder: Path, name: str, rows: pd.DataFrame, *, entered_at: pd.Timestamp, entered_by: str) -> pd.DataFrame:
    """Add entries to a programme file; give all it then holds.

    Nothing in it is changed or removed. No text in it is a formula to a spreadsheet (`texts`). The rows are checked together with those already there before anything is written,
    and the file is replaced whole, by one process at a time.

    Parameters
    ----------
    folder : the ``programme`` folder; made if absent
    rows : columns of the table without ``entered_at`` and ``entered_by``
    entered_at : when, with its time zone

    Raises
    ------
    TableError
        If a row is not to spec, or repeats an entry.
    ValueError
        If `entered_at` has no time zone or `entered_by` is empty.
    """
    if entered_at.tzinfo is None:
        raise ValueError("entered_at has no time zone. Give one, such as UTC.")
    if not entered_by.strip():
        raise ValueError("entered_by is empty. Say who enters the rows.")
    stripped = rows.map(lambda value: value.strip() or None if isinstance(value, str) else value)  # as Book reads them
    new = stripped.assign(entered_at=entered_at.tz_convert("UTC"), entered_by=entered_by)
    written = schema.conform(name, new)[columns(name)]
    for column in written.select_dtypes("float"):  # which would not read back
        if bad := int((written[column].abs() >= schema.BOUND).sum()):
            raise TableError(
                f"{name}: {column} is {schema.BOUND:,.0f} or more in {bad} of {len(rows)} rows. Correct the values."
            )
    days = [c for c in written if schema.PROGRAMME[name].columns[c].kind == "date"]
    written = written.assign(**{c: written[c].dt.strftime("%Y-%m-%d") for c in days})
    written = written.assign(**{c: written[c].str.replace(FORMULA, r"'\1", regex=True) for c in texts(name)})
    with locked(folder):
        return _add(folder / f"{name}.csv", name, written)


def append_together(
    folder: Path, tables: Mapping[str, pd.DataFrame], *, entered_at: pd.Timestamp, entered_by: str
) -> None:
    """Add entries to several programme files, one after the other: to all of them, or to none where one refuses.

    Parameters
    ----------
    tables : rows by name of table, as `append` takes them

    Raises
    ------
    TableError, ValueError
        As `append`; every file is then as before.
    """
    with locked(folder):
        files = {name: folder / f"{name}.csv" for name in tables}
        before = {name: file.read_bytes() if file.is_file() else None for name, file in files.items()}
        try:
            for name, rows in tables.items():
                append(folder, name, rows, entered_at=entered_at, entered_by=entered_by)
        except BaseException:
            for name, content in before.items():
                if content is None:
                    files[name].unlink(missing_ok=True)
                elif files[name].read_bytes() != content:
                    with replaced(files[name]) as beside:
                        beside.write_bytes(content)
            raise


def _add(path: Path, name: str, written: pd.DataFrame) -> pd.DataFrame:
    """Replace a programme file by one that holds more rows; give all it then holds."""
    before = _text(path) if path.is_file() else template(name)
    order = _first(csv.reader(io.StringIO(before.removeprefix("\ufeff"), newline="")), name, path.name)
    end = "\n" if "\n" in before or "\r" not in before else "\r"  # as some spreadsheets end lines
    text = before + ("" if before.endswith(end) else end) + as_text(written.reindex(columns=order), end)
    whole = _rows(text, name, path.name)
    moment = pd.to_datetime(whole["entered_at"], utc=True, format="ISO8601", errors="coerce")
    if doubled := whole.index[whole.assign(entered_at=moment).duplicated(schema.key(name), keep=False)].tolist():
        where = f"{schema.key(name)} {first_cases(doubled)}"
        how = "Enter each once; what replaces another, a second later."
        raise TableError(f"{path.name}: {len(doubled)} of {len(whole)} rows share a key {where}. {how}")
    with replaced(path) as beside:
        beside.write_bytes(text.encode("utf-8"))
    return whole.reset_index(drop=True)


def forget(folder: Path, contact_id: str, change: bool = True) -> dict[str, int]:
    """Remove a person from the programme files.

    A row goes where the person is part of its key or it says something personal; elsewhere the id is emptied and the row
    stays. Each file is replaced whole; every other byte stays.

    Parameters
    ----------
    change : if false, only count

    Returns
    -------
    dict of file name to the number of rows concerned

    Raises
    ------
    TableError
        If a file has other signs than commas between its values; nothing is changed then.
    """
    there = {n: folder / f"{n}.csv" for n in schema.PROGRAMME if n != FORGOTTEN}
    there = {n: file for n, file in there.items() if file.is_file()}
    for name, file in there.items():  # in lines that do not read as columns nobody would be found
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            _first(csv.reader(lines), name, file.name)
    with locked(folder) if change else contextlib.nullcontext():
        return {file.name: removal.from_csv(file, name, contact_id, change) for name, file in there.items()}


def as_text(rows: pd.DataFrame, end: str = "\n") -> str:
    """Write rows as CSV lines, times as ISO 8601 in UTC."""
    return str(rows.to_csv(index=False, header=False, lineterminator=end, date_format="%Y-%m-%dT%H:%M:%SZ"))
