"""Where the parts that come with the package are: beside it in a checkout, in a folder of their own if installed."""

from pathlib import Path

HERE = Path(__file__).parents[1]
ROOT = HERE if (HERE / "notebooks" / "notebooks.yml").is_file() else HERE / "abmlib_workbook"  # see pyproject.toml
NOTEBOOKS = ROOT / "notebooks"
MAPPINGS = ROOT / "data" / "mappings"
SAMPLE = ROOT / "data" / "sample"
MEASURES = ROOT / "data" / "measures.yml"


def find_notebooks(given: Path | None) -> Path:
    """Find a folder of notebooks: the one given, ``notebooks`` in the working folder, or the one of the package.

    Raises
    ------
    ValueError
        If the one given has no notebooks.yml.
    """
    for folder in [given] if given else [Path("notebooks"), NOTEBOOKS]:
        if (folder / "notebooks.yml").is_file():
            return folder
    raise ValueError(f"notebooks: no notebooks.yml in {given or 'notebooks/'}. Give the folder with --notebooks.")
