"""The page in a programme folder: what each file is for, and what a filled row looks like."""

from abmlib.pages import site
from abmlib.tables import programme, schema


def page() -> str:
    """Write the page, in Markdown: a section per table with its columns, their meaning, and an example row."""
    how = "\n".join(f"  - {words}" for kind, words in schema.BY_HAND.items() if kind not in ("int", "money"))
    parts = [site.template("programme.md").format(how=how), *_columns("targets", list(schema.ENTRY)), ""]
    for name in sorted(programme.examples()):
        columns = [c for c in programme.columns(name) if c not in schema.ENTRY]
        key = ", ".join(f"`{c}`" for c in programme.entity_key(name))
        parts += [f"## {name}\n\n{schema.PROGRAMME[name].description} Key: {key}.\n", *_columns(name, columns)]
        parts += ["\nFor example:\n", f"```csv\n{programme.template(name)}{programme.example(name)}```\n"]
    return "\n".join(parts)


def _columns(name: str, columns: list[str]) -> list[str]:
    """Write a line for each column."""
    optional = {c: d.null or d.default is not None for c, d in schema.PROGRAMME[name].columns.items()}
    return [f"- `{c}`{' (may be empty)' if optional[c] else ''}: {programme.about(name, c)}" for c in columns]
