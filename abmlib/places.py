"""Where the parts that come with the package are: beside it in a checkout, in a folder of their own if installed."""

import re
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parents[1]
ROOT = HERE if (HERE / "notebooks" / "notebooks.yml").is_file() else HERE / "abmlib_workbook"  # see pyproject.toml
NOTEBOOKS = ROOT / "notebooks"
MAPPINGS = ROOT / "data" / "mappings"
DICTIONARY = ROOT / "data" / "README.md"  # of the canonical tables
SAMPLE = ROOT / "data" / "sample"
MEASURES = ROOT / "data" / "measures.yml"

MaybePath = TypeVar("MaybePath", Path, Path | None)


def no_address(place: MaybePath) -> MaybePath:
    """Give a path back, unless it is the address of a database or a site; what else is in that is not repeated.

    Raises
    ------
    ValueError
        If it is one.
    """
    if scheme := re.match(r"([a-z][a-z0-9+.-]+):/", str(place), re.I):  # a drive has one letter
        raise ValueError(
            f"{scheme[1]}://… is an address, and no file or folder. database URLs are not read in this version: "
            "export to files and import them, and give paths."
        )
    return place


def sought(path: Path) -> str:
    """Name a path that is not there by its end, and of a relative one the folder from which it was sought."""
    end = "/".join(path.parts[-3:])
    return end if path.is_absolute() else f"{end} (seen from {'/'.join(Path.cwd().parts[-2:])})"


def find_notebooks(given: Path | None) -> Path:
    """Find a folder of notebooks: the one given, ``notebooks`` in the working folder, or the one of the package.

    Raises
    ------
    ValueError
        If the one given has no notebooks.yml, or is an address.
    """
    no_address(given)
    for folder in [given] if given else [Path("notebooks"), NOTEBOOKS]:
        if (folder / "notebooks.yml").is_file():
            return folder
    raise ValueError(f"notebooks: no notebooks.yml in {given or 'notebooks/'}. Give the folder with --notebooks.")
