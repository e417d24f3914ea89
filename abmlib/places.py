"""Where the parts that come with the package lie: in a checkout beside it, in an installation in a folder of their own."""

from pathlib import Path

HERE = Path(__file__).parents[1]
ROOT = HERE if (HERE / "notebooks" / "notebooks.yml").is_file() else HERE / "abmlib_workbook"  # see pyproject.toml
NOTEBOOKS = ROOT / "notebooks"
MAPPINGS = ROOT / "data" / "mappings"
SAMPLE = ROOT / "data" / "sample"
MEASURES = ROOT / "data" / "measures.yml"
