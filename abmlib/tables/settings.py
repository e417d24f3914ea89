"""``workbook.yml``: what most notebooks need to know of a data set, and where a team's workbook has its parts.

A data folder may hold one, with facts alone; an import writes it. The workbook file of a team, made by ``abm init``, also
names places: ``data`` (folder of canonical tables or DuckDB file), ``programme``, ``out``, ``notebooks``, all relative to
itself, and ``parameters`` for the notebooks. Its facts win over those beside the data.
"""

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from abmlib.tables.errors import TableError

RULES = ("domain", "name")  # of `identity.companies`, beside the source's own merges
FILE = "workbook.yml"
PROGRAMME = "programme"
PLACES = {"data": "", "programme": PROGRAMME, "out": "reports", "notebooks": "notebooks"}


@dataclass(frozen=True)
class Settings:
    """Facts and choices that hold for every notebook of a data set."""

    title: str = "untitled"
    currency: str = "currency not named"
    time_zone: str = "UTC"
    fiscal_year_starts: int = 1  # month; a fiscal year is named after the calendar year it ends in
    stage_order: tuple[str, ...] = ()  # stages of open deals, first to last; empty: the order the source gives
    same_company: tuple[str, ...] = RULES  # what makes two accounts one, beside the source's own merges
    former_after_days: int = 365  # a customer without business for longer is a former customer
    source: dict[str, Any] = field(default_factory=dict)  # what an import wrote of its files


@dataclass(frozen=True)
class Workbook:
    """A data set with what belongs to it: places, facts and parameters."""

    data: Path
    settings: Settings
    programme: Path | None = None  # folder of human input
    file: Path | None = None  # the team's workbook.yml; None where a data set was given alone
    out: Path | None = None
    notebooks: Path | None = None  # None: those of the package
    parameters: dict[str, Any] = field(default_factory=dict)  # as in a parameter file


def workbook(given: str | Path) -> Workbook:
    """Find what belongs to a workbook file, a folder that has one naming its data, a data folder or a DuckDB file.

    Nothing but the YAML is read, and `data` need not be there.

    Raises
    ------
    TableError
        If a workbook file is not readable, names no data, or holds a wrong setting.
    """
    if re.match(r"[a-z][a-z0-9+]+:/", str(given)):  # a drive has one letter
        raise TableError("data: database URLs are not read in this version. Export to files and import them.")
    path = Path(given)
    if path.suffix.lower() in (".yml", ".yaml"):
        return _team(path)
    if path.is_dir():
        if "data" in _read(path / FILE):
            return _team(path / FILE)
        return Workbook(path, load(path), path / PROGRAMME)
    return Workbook(path, Settings())


def load(folder: Path) -> Settings:
    """Read the facts of a data folder's ``workbook.yml``; without one, the defaults hold.

    Raises
    ------
    TableError
        If it is not YAML, has a key `Settings` lacks, a value of another type, or a time zone nobody knows.
    """
    return _settings(_read(folder / FILE), Settings())


def _team(path: Path) -> Workbook:
    """Read the workbook file of a team, on top of the facts beside its data."""
    if not path.is_file():
        raise TableError(f"{path.name}: there is no such workbook file. Make one with abm init, or give a data folder.")
    given = _read(path)
    if "data" not in given and any(path.parent.glob("accounts*")):  # facts that lie with the data they are about
        return workbook(path.parent)
    own = "notebooks" in given or (path.parent / PLACES["notebooks"]).is_dir()
    places = {name: given.pop(name, default) for name, default in PLACES.items()}
    parameters = given.pop("parameters", None) or {}
    if not isinstance(parameters, dict):
        raise TableError(f"{FILE}: parameters must be names with values, got {parameters!r}. Correct it.")
    wrong = [name for name, place in places.items() if not isinstance(place, str) or not place]
    if wrong:
        raise TableError(f"{FILE}: {wrong} must name a place, got {places[wrong[0]]!r}. Give a folder or file.")
    data, programme, out, notebooks = (path.parent / places[name] for name in PLACES)
    below = load(data) if data.is_dir() else Settings()
    return Workbook(data, _settings(given, below), programme, path, out, notebooks if own else None, parameters)


def _read(path: Path) -> dict[str, Any]:
    """Read a YAML file of names and values; none where there is no file."""
    if not path.is_file():
        return {}
    try:
        given = yaml.safe_load(path.read_text("utf-8-sig")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise TableError(f"{FILE}: not readable as YAML: {wrong}. Correct the file.") from wrong
    if not isinstance(given, dict):
        raise TableError(f"{FILE}: must hold names and values, got {type(given).__name__}. Correct the file.")
    return given


def _settings(given: dict[str, Any], below: Settings) -> Settings:
    """Lay facts over others, and check them."""
    known = sorted(f.name for f in fields(Settings))
    if extra := sorted(set(given) - set(known)):
        allowed = [*known, *PLACES, "parameters"]
        raise TableError(f"{FILE}: unknown setting(s) {extra}; it may have {allowed}. Correct the spelling.")
    facts = asdict(below)
    for name, value in given.items():
        wanted = type(getattr(Settings(), name))
        read = tuple(map(str, value)) if wanted is tuple and isinstance(value, list) else value
        if not isinstance(read, wanted) or isinstance(read, bool):
            called = "a list" if wanted is tuple else wanted.__name__
            raise TableError(f"{FILE}: {name} must be {called}, got {value!r}. Correct the value.")
        facts[name] = read
    settings = Settings(**facts)
    if settings.fiscal_year_starts not in range(1, 13):
        raise TableError(f"{FILE}: fiscal_year_starts must be a month from 1 to 12. Correct the value.")
    if len(set(settings.stage_order)) < len(settings.stage_order):
        raise TableError(f"{FILE}: stage_order names a stage twice: {list(settings.stage_order)}. Name each once.")
    if wrong_rules := sorted(set(settings.same_company) - set(RULES)):
        raise TableError(
            f"{FILE}: same_company has unknown rule(s) {wrong_rules}; there are {list(RULES)}. Correct the spelling."
        )
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as wrong:
        raise TableError(
            f"{FILE}: time_zone {settings.time_zone!r} is not a known time zone. Use a name such as Europe/London."
        ) from wrong
    return settings
