"""The page that lies in a programme folder: what each file is for, and how a filled row looks."""

from abmlib.tables import programme, schema
from abmlib.tables.definitions import examples

INTRODUCTION = """# What people enter

One CSV file for each table, made empty by `abm init`; fill those you need. A file with its first line alone counts as not there.
The examples below are not data.

- **Entries are added, never changed.** To change something, add a row with the same key; of several, the one entered last
  stands. Name in `supersedes` the `entered_at` of the row it replaces. Where two people entered different things and neither
  replaces the other, `Book.conflicts()` shows it.
- **By a form** in a notebook, which writes when and by whom by itself:
  `forms.entry("../programme", "targets", entered_by="Ada")` from `abmlib.pages`.
- **In a spreadsheet** make every column a text column first, so that nothing is turned into something else (2026-07 into Jul 26), and
  save as CSV in UTF-8, with commas:
{how}
- Who asked to be forgotten is in `forgotten.csv`, which only `abm forget` writes.

Three columns are in every file:
"""


def page() -> str:
    """Write the page, in Markdown: a section per table with its columns, their meaning, and an example row."""
    how = "\n".join(f"  - {words}" for kind, words in schema.BY_HAND.items() if kind not in ("int", "money"))
    parts = [INTRODUCTION.format(how=how), *_columns("targets", list(schema.ENTRY)), ""]
    for name in sorted(examples.WRITTEN):
        own = [c for c in programme.columns(name) if c not in schema.ENTRY]
        key = ", ".join(f"`{c}`" for c in programme.entity_key(name))
        parts += [f"## {name}\n\n{schema.PROGRAMME[name].description} Key: {key}.\n", *_columns(name, own)]
        parts += ["\nFor example:\n", f"```csv\n{programme.template(name)}{programme.example(name)}```\n"]
    return "\n".join(parts)


def _columns(name: str, columns: list[str]) -> list[str]:
    """A line for each column."""
    optional = {c: d.nullable or d.default is not None for c, d in schema.PROGRAMME[name].columns.items()}
    return [f"- `{c}`{' (may be empty)' if optional[c] else ''}: {programme.about(name, c)}" for c in columns]
