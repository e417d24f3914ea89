"""A first mapping file for an export nobody has seen: guesses to be read and corrected, each with its doubts.

`exports` reads the files, `facts` says what their columns hold, `guess` which canonical column each may be; here the
guesses become a mapping. What rests on little carries a comment ``# doubt: …``, and a column that must be there and that
no file holds is called `FILL_IN`, which an import refuses. No value of a column about people is written down.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from abmlib.tables import schema, temporary
from abmlib.tables.errors import TableError
from abmlib.tables.importers import guess
from abmlib.tables.importers.draft_columns import FILL_IN, Entry, Part, Plan, entry_of, part_of
from abmlib.tables.importers.draft_text import RESERVED, written
from abmlib.tables.importers.exports import Export, File, opened
from abmlib.tables.importers.facts import WORDS, one_line

BASES = ("transactions", "opportunities", "activities", "contacts", "surveys")  # that accounts may be made from


@dataclass(frozen=True)
class Guess:
    """What an export seems to hold."""

    text: str  # the mapping file
    files: dict[str, tuple[str, ...]]  # each file that was read, and the canonical tables it feeds
    present: set[str]  # tables, and columns as table.column, that the export seems to fill
    doubts: tuple[str, ...]  # the most important first


def draft(source: str | Path, title: str | None = None) -> str:
    """Write a first mapping for the export in a folder.

    `look` says what is raised.

    Returns
    -------
    str, the YAML text of a mapping that `load_mapping` reads
    """
    return look(source, title).text


def look(source: str | Path, title: str | None = None) -> Guess:
    """Guess what the files of a folder, and of the folders in it, hold.

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
        plan = _planned(export)
    mapped = [(t, c, e.words) for t, parts in plan.tables.items() for part in parts.values() for c, e in part.items()]
    filled = [(t, c) for t, c, words in mapped if "value" not in words and words.get("column") != FILL_IN]
    present = {name for t, c in filled for name in (t, f"{t}.{c}")}
    files = {f.label: tuple(plan.parts(f)) for f in export.files}
    return Guess(written(plan, title or folder.name), files, present, plan.doubts)


def _planned(export: Export) -> Plan:
    """Decide which file feeds which table, and each column of it."""
    plan = Plan(export, _names(export))
    for doubt in export.doubts:
        plan.doubt(4, doubt)
    for file in export.files:
        for doubt in file.doubts:
            plan.doubt(3, f"{one_line(file.name)}: {doubt}")
    first = dict[str, guess.Feed]()
    feeds = [f for f in guess.feeds(export) if f.file.table in plan.names]
    for feed in feeds:
        more_rows = feed.named >= guess.NAMED and guess.TABLES[feed.table].get("key") in feed.matches
        if feed.table not in first or more_rows:
            first.setdefault(feed.table, feed)
            plan.tables.setdefault(feed.table, {})[plan.names[feed.file.table]] = part_of(plan, feed)
        else:
            plan.doubt(5, f"{one_line(feed.file.name)}: looks like {feed.table} as well, and is not mapped")
    if "accounts" not in plan.tables:
        _derive_accounts(plan, next((first[t] for t in BASES if t in first and "account_id" in first[t].matches), None))
    _doubt_references(plan, feeds)
    _doubt_idle(plan, [f for f in export.files if f.table not in {feed.file.table for feed in feeds}])
    return plan


def _doubt_references(plan: Plan, feeds: list[guess.Feed]) -> None:
    """Doubt references of which less than half of the values name a row."""
    for feed, column in [(f, c) for f in feeds for c in f.matches if c[0] != "_"]:
        table, _, key = (schema.CANONICAL[feed.table].columns[column].ref or "").partition(".")
        targets = [(f.file, f.matches[key].fact) for f in feeds if f.table == table != feed.table and key in f.matches]
        source = feed.file, feed.matches[column].fact
        share = max((guess.overlap(plan.export, source, target) for target in targets), default=1.0)
        if share < 0.5:
            what = f"only {share:.0%} of its values are found in {table}"
            plan.doubt(3, f"{feed.table}.{column}, from {one_line(source[1].name)}: {what}")


def _doubt_idle(plan: Plan, files: list[File]) -> None:
    """Doubt files that no table is made from; one that is called like a table comes early, with what it lacks."""
    others = []
    for file in (f for f in files if not plan.parts(f)):
        table, lacks = guess.lacking(file)
        if lacks:
            what = f"is called like {table}, but lacks {lacks}; its {file.rows} rows are not mapped"
            plan.doubt(1, f"{one_line(file.name)}: {what}")
        else:
            others.append(one_line(file.label))
    if others:
        more = f" and {len(others) - 4} more files" if others[4:] else ""
        plan.doubt(5, f"no table is made from {', '.join(others[:4])}{more}")


def _names(export: Export) -> dict[str, str]:
    """Name the sources, apart from all columns."""
    taken, names = {c.lower() for f in export.files for c in f.facts} | RESERVED, dict[str, str]()
    for file in export.files:
        name = re.sub(r"\W+", "_", "_".join(guess.tokens(file.stem)) or "file")
        name = name if re.match(r"[a-z_]", name) else f"file_{name}"
        name = next(n for n in (name, f"{name}_file", *(f"{name}_{i}" for i in range(2, 9_999))) if n not in taken)
        if file.facts:
            names[file.table] = name
            taken.add(name)
    return names


def _derive_accounts(plan: Plan, feed: guess.Feed | None) -> None:
    """Make accounts from the keys that another table's file names; of no such file a person names the columns."""
    if feed is None:
        file = max((f for f in plan.export.files if f.table in plan.names), key=lambda f: f.rows)
        part: Part = {
            c: Entry({"column": FILL_IN}, "nothing here looks like accounts") for c in schema.needed("accounts")
        }
        plan.doubt(0, f"no file looks like accounts, or names them; {one_line(file.name)} stands for one")
    else:
        file, key = feed.file, feed.matches["account_id"].fact
        part = {c: Entry({"column": key.name}) for c in ("account_id", "name")}
        part["name"].doubt = "there is no name; the key is taken"
        known = feed.fact(schema.spec(feed.table).known or "")
        at = entry_of("accounts", "created_at", known) if known else None
        words = at.words if at else {"value": WORDS["constants"]["accounts.created_at"]}
        part["created_at"] = Entry({**words, "take": "min"}, "not in the export")
        plan.doubt(2, f"accounts: no file lists them; made from the {one_line(key.name)} of {one_line(file.name)}")
    plan.tables["accounts"] = {plan.names[file.table]: part}
