"""A first mapping file for an export nobody has seen, with what is doubtful in it and what is not used, and why.

`exports` reads the files, `facts` says what their columns hold, `match` which kind of file each is, `recipes` how a column
becomes a canonical one, and `draft_plan` puts the mapping together. No value of a column about people is written down.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abmlib.tables import temporary
from abmlib.tables.errors import TableError
from abmlib.tables.importers import match
from abmlib.tables.importers.draft_plan import FILL_IN, Plan
from abmlib.tables.importers.draft_text import written
from abmlib.tables.importers.exports import opened


@dataclass(frozen=True)
class Draft:
    """What an export seems to hold."""

    text: str  # the mapping file
    files: dict[str, tuple[str, ...]]  # each file that was read, and the canonical tables it feeds
    present: set[str]  # tables, and columns as table.column, that the export seems to fill
    doubts: tuple[str, ...]  # the most important first
    unused: dict[str, str]  # each file, and file: column, that is not used, and why
    pack: str  # title of the pack that fits best; empty if none does
    rows: dict[str, int]  # of each file

    def overview(self) -> list[dict[str, Any]]:
        """Say of each file what it becomes, and what of it is not used and why: a row each."""
        listed = []
        for file, tables in self.files.items():
            columns = Counter(why for place, why in self.unused.items() if place.startswith(f"{file}: "))
            counts = f"{columns.total()} column{'s' * (columns.total() > 1)}: {', '.join(f'{n} {why}' for why, n in columns.most_common())}"
            idle = self.unused.get(file, "") if not tables else counts if columns else ""
            listed.append({"file": file, "rows": self.rows[file], "becomes": ", ".join(tables), "not used": idle})
        return listed


def look(source: str | Path, title: str | None = None) -> Draft:
    """Say what the files of a folder, and of the folders in it, hold.

    Files are read as an import reads them; one that cannot be read is a doubt. Rows are held on disk, not in memory.

    Raises
    ------
    ValueError
        If `source` is no folder.
    TableError
        If it has no file with a row and a name that can be read.
    """
    folder = Path(source).resolve()
    if not folder.is_dir():
        raise ValueError(f"{source}: the source must be a folder of files. Give the folder.")
    with temporary.folder() as work, opened(folder, work) as export:
        if not any(f.facts for f in export.files):
            reason = f" ({export.doubts[0]})" if export.doubts else ""
            what = f"{folder.name}: no file with named columns can be read{reason}."
            raise TableError(f"{what} Put the export there.")
        for file in export.files:  # next month's has another day in its name
            pattern = re.sub(match.DATED, "*", file.source.file)
            if re.search(r"[^\W\d_]", pattern.split(".")[0]) and len([*folder.glob(pattern)]) == 1:
                file.source.file = pattern
        plan = Plan(export, *match.choose(export))
        plan.make()
    mapped = [(t, c, e.words) for t, its in plan.tables.items() for part in its.values() for c, e in part.items()]
    filled = [(t, c) for t, c, words in mapped if "value" not in words and words.get("column") != FILL_IN]
    labels = {plan.names[f.table]: f.label for f in export.files}
    idle = {f"{labels[s]}: {c}": why for s, whys in plan.idle.items() for why, columns in whys.items() for c in columns}
    return Draft(
        written(plan, title or folder.name),
        {labels[s]: tuple(t for t, its in plan.tables.items() if s in its) for s in labels},
        {name for t, c in filled for name in (t, f"{t}.{c}")},
        plan.ordered,
        {labels[s]: why for s, why in plan.idle_files.items()} | idle,
        plan.pack,
        {f.label: f.rows for f in export.files},
    )
