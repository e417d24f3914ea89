"""``workbook.yml``: what most notebooks need to know of a data set."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from abmlib.tables.errors import TableError

FILE = "workbook.yml"


@dataclass(frozen=True)
class Settings:
    """Facts and choices that hold for every notebook of a data set."""

    title: str = "untitled"
    currency: str = "currency not named"
    time_zone: str = "UTC"
    former_after_days: int = 365  # a customer without business for longer is a former customer
    source: dict[str, Any] = field(default_factory=dict)  # what an import wrote of its files


def load(folder: Path) -> Settings:
    """Read ``workbook.yml`` of a data folder; without one, the defaults hold.

    Raises
    ------
    TableError
        If it is not YAML, has a key `Settings` lacks, a value of another type, or a time zone nobody knows.
    """
    path = folder / FILE
    if not path.is_file():
        return Settings()
    try:
        given = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise TableError(f"{FILE}: not readable as YAML: {wrong}. Correct the file.") from wrong
    known = {f.name: f.type for f in fields(Settings)}
    if not isinstance(given, dict) or set(given) - set(known):
        extra = sorted(set(given) - set(known)) if isinstance(given, dict) else type(given).__name__
        raise TableError(f"{FILE}: unknown setting(s) {extra}; it may have {sorted(known)}. Correct the spelling.")
    for name, value in given.items():
        wanted = type(getattr(Settings(), name))
        if not isinstance(value, wanted):
            raise TableError(f"{FILE}: {name} must be {wanted.__name__}, got {value!r}. Correct the value.")
    settings = Settings(**given)
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as wrong:
        raise TableError(
            f"{FILE}: time_zone {settings.time_zone!r} is not a known time zone. Use a name such as Europe/London."
        ) from wrong
    return settings
