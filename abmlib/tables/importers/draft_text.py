"""The text of a draft: a plan written as a mapping file, with its doubts as comments."""

import math
import re
from typing import Any

import yaml

from abmlib.tables import schema
from abmlib.tables.importers import guess
from abmlib.tables.importers.draft_columns import Made, Origin, Plan
from abmlib.tables.importers.facts import one_line
from abmlib.tables.importers.mapping_file import NUMBERS

FIRST_DOUBTS = 12  # doubts named at the head of the file
WIDTH = 110  # characters of a line of comment
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./-]*(?<! )")
RESERVED = {"true", "false", "null"}
USUAL = (".", "")  # decimal and thousands signs


def written(plan: Plan, title: str, currency: tuple[str, str]) -> str:
    """Write the mapping file, with its comments.

    Parameters
    ----------
    currency : its code, and what is doubtful about it.
    """
    first, more = plan.doubts[:FIRST_DOUBTS], plan.doubts[FIRST_DOUBTS:]
    lines = [
        "# Draft of a mapping, guessed from names and values. Read it, correct it, then import with it.",
        "#",
        "# Fill in: title, currency, and time_zone of the workbook and of the sources.",
        "# Doubts to settle first:",
        *([f"# {i}. {d}" for i, d in enumerate(first, 1)] or ["# none"]),
        *([f"# and {len(more)} more:", *(f"# - {d}" for d in more)] if more else []),
        "version: 1",
        f"title: {_scalar(title)}",
        "",
        "workbook:",
        _line(2, "currency", *currency),
        _line(2, "time_zone", "UTC", "fill in, such as Europe/London"),
        "",
        "sources:",
    ]
    needed = {n for m in plan.tables.values() for n in m.parts}
    needed |= {j for o in plan.origins.values() if o.name in needed for j in o.join}
    for origin in plan.origins.values():
        lines += _source_lines(plan, origin) if origin.name in needed else []
    idle = [f"{one_line(o.file.name)} ({o.file.rows} rows)" for o in plan.origins.values() if o.name not in needed]
    lines += [*_comment(2, "files not used", idle), "tables:"]
    for name in [t for t in schema.CANONICAL if t in plan.tables]:
        lines += _table_lines(plan, name, plan.tables[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def _source_lines(plan: Plan, origin: Origin) -> list[str]:
    """Write one source, and what of it is not used."""
    parts = [m.parts[origin.name] for m in plan.tables.values() if origin.name in m.parts]
    joins = origin.join and any("." in str(e.words.get("column", "")) for part in parts for e in part.values())
    signs = [s for s in zip(("decimal", "thousands"), _signs(origin), USUAL, strict=True) if s[1] != s[2]]
    missing = sorted({m for f in origin.used.values() for m in f.missing})
    idle = [f for n, f in origin.file.facts.items() if n not in origin.used]
    summed = [f.name for f in idle if guess.summary(f.name)]
    return [
        f"  {origin.name}:  # {origin.file.rows} rows",
        *(_line(4, w, v) for w, v in origin.words.items()),
        *(_line(4, word, sign) for word, sign, _ in signs),
        *([_line(4, "time_zone", "UTC", "its times carry no zone; fill in")] if origin.local or joins else []),
        *([_line(4, "missing", missing)] if missing else []),
        *([_line(4, "correct", origin.correct)] if origin.correct else []),
        *_keep_lines(origin.keep),
        *(["    join:", *(_line(6, n, j) for n, j in origin.join.items())] if origin.join else []),
        *_comment(4, "doubt: not mapped, known only at the end of the period", summed),
        *_comment(4, "empty", [f.name for f in idle if f.kind == "empty"]),
        *_comment(4, "not mapped", [f.name for f in idle if f.kind != "empty" and f.name not in summed]),
        "",
    ]


def _keep_lines(keeps: list[dict[str, Any]]) -> list[str]:
    return ["    keep:", *(f"      - {_scalar(k)}" for k in keeps)] if keeps else []


def _signs(origin: Origin) -> tuple[str, str]:
    """Give the decimal and thousands signs that most numbers of a file are written with."""
    forms = [(f.words["decimal"], f.words["thousands"]) for f in origin.used.values() if "decimal" in f.words]
    return max(sorted(set(forms)), key=forms.count) if forms else USUAL


def _table_lines(plan: Plan, name: str, made: Made) -> list[str]:
    """Write one table; of several sources each has its own columns."""
    signs = {o.name: _signs(o) for o in plan.origins.values()}
    body = {
        source: [_line(0, c, _short(name, c, e.words, signs[source]), e.doubt) for c, e in part.items()]
        for source, part in made.parts.items()
    }
    apart = [line for source, its in body.items() for line in (f"      {source}:", *(f"        {c}" for c in its))]
    alone = len(body) == 1
    return [
        f"  {name}:",
        *([f"    from: {next(iter(body))}"] if alone else ["    from:", *apart]),
        *_keep_lines(made.keep),
        *([f"    one_row_per: [{made.group}]"] if made.group else []),
        *(["    columns:", *(f"      {c}" for c in next(iter(body.values())))] if alone else []),
        "",
    ]


def _short(table: str, column: str, words: dict[str, Any], signs: tuple[str, str]) -> Any:
    """Leave out what the source says already, and write a lone column as its name."""
    number = schema.CANONICAL[table].columns[column].kind in NUMBERS
    as_source = not number or (words.get("decimal"), words.get("thousands")) in (signs, (None, None))
    kept = {w: v for w, v in words.items() if w not in ("decimal", "thousands")}
    if not as_source:
        kept |= {"decimal": words["decimal"], "thousands": words["thousands"]}
    return kept["column"] if list(kept) == ["column"] else kept


def _line(indent: int, name: str, value: Any, doubt: str = "") -> str:
    return f"{' ' * indent}{name}: {_scalar(value)}" + (f"  # doubt: {one_line(doubt, 200)}" if doubt else "")


def _comment(indent: int, head: str, names: list[str]) -> list[str]:
    """List names in comments of bounded width."""
    lines: list[str] = []
    for name in map(one_line, names):
        if lines and len(lines[-1]) + len(name) < WIDTH:
            lines[-1] += f", {name}"
        else:
            lines.append(f"{' ' * indent}# {'  ' if lines else f'{head}: '}{name}")
    return lines


def _scalar(value: Any) -> str:
    """Write a value on one line of YAML so that it reads back as it is."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if value is None or isinstance(value, bool | int):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}" if not value.is_integer() else f"{value:.1f}"
    if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return str(value)
    if '"' in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return str(yaml.dump(value, default_style='"', width=math.inf, allow_unicode=True)).strip()
