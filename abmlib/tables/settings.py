"""``workbook.yml``: what most notebooks need to know of a data set, and where a team's workbook has its parts.

A data folder may hold one, with facts alone; an import writes it. The workbook file of a team, made by ``abm init``, also
names places: ``data`` (folder of canonical tables or DuckDB file), ``programme``, ``out``, ``notebooks``, all relative to
itself, and ``parameters`` for the notebooks. Its facts win over those beside the data.
"""

import re
from collections import Counter
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from abmlib.places import no_address, sought
from abmlib.tables import temporary
from abmlib.tables.days import MOST_DAYS
from abmlib.tables.errors import TableError, first_cases, from_pydantic, shown
from abmlib.tables.yaml_file import read_yaml

Named = TypeVar("Named", tuple[str, ...], list[str])
Rule = Literal["domain", "name"]  # of `identity.companies`, beside the source's own merges
RULES: tuple[Rule, ...] = get_args(Rule)
FILE = "workbook.yml"
PROGRAMME = "programme"
OUT = "reports"
NO_CURRENCY = "currency not named"
# What ends a line, steers a terminal, or turns text round.
NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
MOST_TITLE = 200  # characters
STRICT = ConfigDict(strict=True, extra="forbid")  # "5" is no number, and a misspelt name is refused


def each_once(values: Named) -> Named:
    """Refuse values that come twice."""
    if twice := [value for value, times in Counter(values).items() if times > 1]:
        raise ValueError(f"names a value twice {first_cases(twice)}. Name each once.")
    return values


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
        raise ValueError(f"{shown(name)!r} is not a known time zone. Use a name such as Europe/London.") from wrong


def _currency_code(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code) and code != NO_CURRENCY:
        raise ValueError(f"{shown(code)!r} is no currency code. Use three capital letters of ISO 4217, such as EUR.")
    return code


def _as_tuple(values: Any) -> Any:
    """A list as a tuple, and numbers in it, such as stages, as text."""
    return tuple(str(v) if type(v) in (int, float) else v for v in values) if isinstance(values, list) else values


def _one_line(text: str) -> str:
    text = text.removesuffix("\n")  # of a block of YAML
    if wrong := NO_LINE.search(text):
        raise ValueError(f"has {wrong[0]!r}, which has no place in a line of text. Take it out.")
    return text


AsTuple = BeforeValidator(_as_tuple)
OneLine = AfterValidator(_one_line)
Place = Annotated[str, Field(min_length=1), OneLine]
Title = Annotated[str, Field(max_length=MOST_TITLE), OneLine]


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Facts and choices that hold for every notebook of a data set."""

    title: Title = "untitled"
    currency: Annotated[str, AfterValidator(_currency_code)] = NO_CURRENCY
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    # A month; a fiscal year is named after the calendar year it ends in.
    fiscal_year_starts: Annotated[int, Field(ge=1, le=12)] = 1
    # Stages of open deals, first to last; empty: the order the source gives.
    stage_order: Annotated[tuple[str, ...], AsTuple, AfterValidator(each_once)] = ()
    # What makes two accounts one, beside the source's own merges.
    same_company: Annotated[tuple[Rule, ...], AsTuple] = RULES
    # A customer without business for longer is a former customer.
    former_after_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 365
    source: dict[str, Any] = field(default_factory=dict)  # what an import wrote of its files

    @classmethod
    def checked(cls, given: dict[str, Any]) -> Self:
        """Check what a workbook file says."""
        try:
            return cls(**{str(name): value for name, value in given.items()})
        except ValidationError as wrong:
            raise from_pydantic(wrong, FILE, [f.name for f in fields(TeamFile)]) from wrong


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TeamFile(Settings):
    """What the workbook file of a team may hold: facts, places relative to the file, and parameters."""

    data: Place
    programme: Place = PROGRAMME
    out: Place = OUT
    notebooks: Place = "notebooks"
    parameters: dict[str, Any] | None = None


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
    """Find the data, programme and settings of a workbook.

    Given is its file, a folder that has one, a data folder or a DuckDB file.

    Nothing but the YAML is read, and `data` need not be there.

    Raises
    ------
    TableError
        If a workbook file is not readable, names no data, or holds a wrong setting.
    """
    path = Path(given)
    no_address(path)
    if path.suffix.lower() in (".yml", ".yaml"):
        return _team(path)
    if path.is_dir():
        if "data" in _read(path / FILE):
            return _team(path / FILE)
        return Workbook(path, load(path), path / PROGRAMME)
    return Workbook(path, Settings())


def with_data(given: str | Path | Workbook) -> Workbook:
    """Give a `workbook` whose data is there.

    Raises
    ------
    TableError
        If a workbook file is wrong, or the data is not there.
    """
    found = given if isinstance(given, Workbook) else workbook(given)
    if not found.data.exists() and not isinstance(given, Workbook):
        temporary.clear(found.data.parent)  # puts back what an import was about to replace as it was killed
        found = workbook(given)
    programme_of(found)
    if not found.data.exists():
        raise TableError(f"data: {sought(found.data)} is not there. Give a folder of tables or a DuckDB file.")
    return found


def programme_of(workbook: Workbook) -> Path | None:
    """Give the programme of a workbook; it need not be there, unless it has a name of its own.

    Raises
    ------
    TableError
        If the folder is a file, or one that is named otherwise than usual is not there: who was forgotten would come back.
    """
    folder = workbook.programme
    if folder and (folder.is_file() or (folder.name != PROGRAMME and not folder.is_dir())):
        raise TableError(f"programme: there is no folder {folder.name}. Correct its name in {FILE}, or make it.")
    return folder


def load(folder: Path) -> Settings:
    """Read the facts of a data folder's ``workbook.yml``; without one, the defaults hold.

    Raises
    ------
    TableError
        If it is not YAML, has a key `Settings` lacks, a value of another type, or a time zone nobody knows.
    """
    return Settings.checked(_read(folder / FILE))


def _team(path: Path) -> Workbook:
    """Read the workbook file of a team, on top of the facts beside its data."""
    if not path.is_file():
        raise TableError(f"{sought(path)} is not there. Make a workbook file with abm init, or give a data folder.")
    given = _read(path)
    if "data" not in given and any(path.parent.glob("accounts*")):  # facts that lie with the data they are about
        return workbook(path.parent)
    team = TeamFile.checked(given)
    places = (team.data, team.programme, team.out, team.notebooks)
    for place in places:
        no_address(Path(place))
    data, programme, out, notebooks = (path.parent / place for place in places)
    if data.resolve() == path.parent.resolve():
        raise TableError(
            f"{path.name}: data is the folder of this file, where reports come too. Move the tables to a folder of "
            "their own, and name that."
        )
    facts = {f.name: getattr(team, f.name) for f in fields(Settings) if f.name in given}
    settings = replace(load(data) if data.is_dir() else Settings(), **facts)
    named = "notebooks" in given or notebooks.is_dir()
    return Workbook(data, settings, programme, path, out, notebooks if named else None, team.parameters or {})


def _read(path: Path) -> dict[Any, Any]:
    """Read a workbook file; none where there is no file."""
    return read_yaml(path) if path.is_file() else {}
