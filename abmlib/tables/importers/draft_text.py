"""The text of a draft: a plan written as a mapping file, with its doubts as comments."""

import math
import textwrap
from typing import Any

import yaml

from abmlib.tables import schema, settings
from abmlib.tables.importers import guess
from abmlib.tables.importers.draft_columns import Part, Plan
from abmlib.tables.importers.exports import File
from abmlib.tables.importers.facts import one_line
from abmlib.tables.importers.sql import references

FIRST_DOUBTS = 12  # doubts named at the head of the file
WIDTH = 110  # characters of a line of comment
RESERVED = {"true", "false", "null"}


def written(plan: Plan, title: str) -> str:
    """Write the mapping file, with its comments."""
    first, more = plan.doubts[:FIRST_DOUBTS], plan.doubts[FIRST_DOUBTS:]
    lines = [
        "# Draft of a mapping, guessed from names and values. Read it, correct it, then import with it.",
        "#",
        "# Fill in: title, currency, and time_zone of the workbook and of the sources.",
        "# Doubts to settle first:",
        *([f"# {i}. {d}" for i, d in enumerate(first, 1)] or ["# none"]),
        *([f"# and {len(more)} more:", *(f"# - {d}" for d in more)] if more else []),
        "version: 1",
        f"title: {_scalar(one_line(title, settings.MOST_TITLE))}",
        "",
        "workbook:",
        _line(2, "currency", settings.Settings().currency, "fill in, such as EUR"),
        _line(2, "time_zone", "UTC", "fill in, such as Europe/London"),
        "",
        "sources:",
    ]
    mapped = [f for f in plan.export.files if plan.parts(f)]
    for file in mapped:
        lines += _source_lines(plan, file)
    idle = [f"{one_line(f.label)} ({f.rows} rows)" for f in plan.export.files if f not in mapped]
    lines += [*_comment(2, "files not used", idle), "tables:"]
    for name in [t for t in schema.CANONICAL if t in plan.tables]:
        lines += _table_lines(name, plan.tables[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def _source_lines(plan: Plan, file: File) -> list[str]:
    """Write one source, and what of it is not used."""
    words = [e.words for part in plan.parts(file).values() for e in part.values()]
    named = {n for w in words for n in (w.get("column"), *w.get("key", ()))}
    named |= {p[-1] for w in words for p in references(w.get("sql", "1"))}
    used, idle = ([f for n, f in file.facts.items() if (n in named) == there] for there in (True, False))
    missing = sorted({m for f in used for m in f.missing})
    summed = [f.name for f in idle if guess.summary(f.name)]
    local = any(f.kind in ("date", "time") and not f.zoned for f in used)
    return [
        f"  {plan.names[file.table]}:  # {file.rows} rows",
        *(_line(4, w, v) for w, v in file.source.model_dump(exclude_unset=True).items()),
        *([_line(4, "time_zone", "UTC", "its times carry no zone; fill in")] if local else []),
        *([_line(4, "missing", missing)] if missing else []),
        *_comment(4, "doubt: not mapped, known only at the end of the period", summed),
        *_comment(4, "empty", [f.name for f in idle if f.kind == "empty"]),
        *_comment(4, "not mapped", [f.name for f in idle if f.kind != "empty" and f.name not in summed]),
        "",
    ]


def _table_lines(name: str, parts: dict[str, Part]) -> list[str]:
    """Write one table; of several sources each has its own columns."""
    body = {source: [_line(0, c, _short(e.words), e.doubt) for c, e in part.items()] for source, part in parts.items()}
    grouped = any("take" in e.words for part in parts.values() for e in part.values())
    group = [_line(4, "one_row_per", [next(iter(p)) for p in parts.values()][:1])] if grouped else []
    if len(body) == 1:
        ((source, columns),) = body.items()
        return [f"  {name}:", f"    from: {source}", *group, "    columns:", *(f"      {c}" for c in columns), ""]
    apart = [line for source, its in body.items() for line in (f"      {source}:", *(f"        {c}" for c in its))]
    return [f"  {name}:", "    from:", *apart, *group, ""]


def _short(words: dict[str, Any]) -> Any:
    """Write a lone column as its name."""
    return words["column"] if list(words) == ["column"] else words


def _line(indent: int, name: str, value: Any, doubt: str = "") -> str:
    return f"{' ' * indent}{name}: {_scalar(value)}" + (f"  # doubt: {one_line(doubt, 200)}" if doubt else "")


def _comment(indent: int, head: str, names: list[str]) -> list[str]:
    """List names in comments of bounded width."""
    start, more = f"{' ' * indent}# {head}: ", f"{' ' * indent}#   "
    listed = ", ".join(map(one_line, names))
    return textwrap.wrap(listed, WIDTH, initial_indent=start, subsequent_indent=more, break_on_hyphens=False)


def _scalar(value: Any) -> str:
    """Write a value on one line of YAML so that it reads back as it is."""
    line = yaml.dump(
        value, Dumper=_OneLine, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return str(line).removesuffix("...\n").strip()


class _OneLine(yaml.SafeDumper):
    """YAML in which a text with a line break is written with its escape."""

    def check_simple_key(self) -> bool:
        """Write every key plainly, also an empty one."""
        return True


_OneLine.add_representer(
    str, lambda to, x: to.represent_scalar("tag:yaml.org,2002:str", x, None if x.isprintable() else '"')
)
