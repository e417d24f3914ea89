"""The text of a draft: a plan written as a mapping file, with its doubts as comments."""

import math
import re
import textwrap
from typing import Any

import yaml

from abmlib.tables import schema, settings
from abmlib.tables.importers import packs
from abmlib.tables.importers.facts import one_line

FIRST_DOUBTS = 12  # doubts named at the head of the file
WIDTH = 120  # characters of a line of comment


def written(plan: Any, title: str) -> str:
    """Write the mapping file, with its comments."""
    currency, unsure = _currency(plan)
    first, more = plan.ordered[:FIRST_DOUBTS], len(plan.ordered) - FIRST_DOUBTS
    lines = [
        f"# Draft of a mapping{plan.pack and f', by the pack {plan.pack}'}. Settle the doubts, then import with it.",
        *([f"# {i}. {one_line(d, WIDTH)}" for i, d in enumerate(first, 1)] or ["# no doubts"]),
        *([f"# and {more} smaller ones"] if more > 0 else []),
        "version: 1",
        f"title: {_scalar(one_line(title, settings.MOST_TITLE))}",
        "workbook:",
        _line(2, "currency", currency or settings.Settings().currency, unsure),
        _line(2, "time_zone", "UTC", "fill in, such as Europe/London"),
        "sources:",
    ]
    idle = []
    for file in plan.export.files:
        source = plan.names[file.table]
        if source in plan.looked_up or any(source in its for its in plan.tables.values()):
            lines += _source_lines(plan, file, source)
        else:
            idle.append(f"{one_line(file.label)} ({file.rows} rows)")
    lines += [*_comment(2, "files not used", idle), "tables:"]
    for name in [t for t in schema.importable() if t in plan.tables]:
        lines += _table_lines(name, plan.tables[name], plan.words[name])
    return "\n".join(lines).rstrip("\n") + "\n"


def _currency(plan: Any) -> tuple[str, str]:
    """Give the one currency of an export: that of its own column, or of the signs beside amounts; and what is unsure."""
    names = packs.common().currencies
    listed = {v for feed in plan.feeds if (fact := feed.found.get("_currency")) for v in fact.values}
    if len(listed) > 1:
        some = ", ".join(sorted(listed)[:4])
        plan.doubt(0, f"opportunities.amount: in {len(listed)} currencies ({some}), and a book has one; convert it")
    given = listed.pop() if len(listed) == 1 else ""
    known = [c for c, its in names.items() if packs.plain(given) in its]
    if code := given if re.fullmatch("[A-Z]{3}", given) else next(iter(known), ""):
        return code, ""
    money = {c for t in schema.importable() for c, d in schema.spec(t).columns.items() if d.kind == "money"}
    found = {
        sign for feed in plan.feeds for n, f in feed.found.items() if n.split(".")[-1] in money for sign in f.currencies
    }
    codes = {next((c for c, its in names.items() if sign.lower() in its), sign) for sign in found}
    if len(codes) > 1:
        plan.doubt(0, f"amounts are in {len(codes)} currencies ({', '.join(sorted(codes)[:4])}), and a book has one")
    if not codes:
        plan.doubt(2, "workbook.currency: the export does not name it; write its code, such as EUR")
    if len(codes) != 1:
        return "", "fill in, such as EUR"
    if "$" in found:
        plan.doubt(2, "workbook.currency: amounts have only the sign $; US dollars are taken")
    return codes.pop(), ""


def _source_lines(plan: Any, file: Any, source: str) -> list[str]:
    """Write one source, and what of it is not used."""
    idle, extra = plan.idle.get(source, {}), vars(plan.extra[source])
    used = [f for n, f in file.facts.items() if not any(n in names for names in idle.values())]
    missing = sorted({m for f in used for m in f.missing})
    return [
        f"  {source}:  # {file.rows} rows",
        *(_line(4, w, v) for w, v in file.source.model_dump(exclude_unset=True).items()),
        *([_line(4, "missing", missing)] if missing else []),
        *(_line(4, word, extra[word]) for word in ("derive", "keep", "join") if extra[word]),
        *(line for why, names in sorted(idle.items()) for line in _comment(4, f"not used, {why}", names)),
    ]


def _table_lines(name: str, parts: dict[str, Any], words: dict[str, Any]) -> list[str]:
    """Write one table; of several sources each has its own columns."""
    body = {source: [_line(0, c, _short(e.words), e.doubt) for c, e in part.items()] for source, part in parts.items()}
    more = [_line(4, w, words[w]) for w in ("one_row_per", "keep", "changes", "attributes") if words.get(w)]
    if len(body) == 1:
        ((source, columns),) = body.items()
        return [f"  {name}:", f"    from: {source}", *more, "    columns:", *(f"      {c}" for c in columns)]
    apart = [line for source, its in body.items() for line in (f"      {source}:", *(f"        {c}" for c in its))]
    return [f"  {name}:", "    from:", *apart, *more]


def _short(words: dict[str, Any]) -> Any:
    """Write a lone column as its name."""
    return words["column"] if list(words) == ["column"] else words


def _line(indent: int, name: str, value: Any, doubt: str = "") -> str:
    return f"{' ' * indent}{_scalar(name)}: {_scalar(value)}" + (f"  # doubt: {one_line(doubt, 200)}" if doubt else "")


def _comment(indent: int, head: str, names: list[str]) -> list[str]:
    """List names in one line of comment; where some have no room, say of how many they are."""
    start, listed = f"{' ' * indent}# {head}: ", ", ".join(map(one_line, names))
    return [start + textwrap.shorten(listed, WIDTH - len(start), placeholder=f" … of {len(names)}")] if names else []


def _scalar(value: Any) -> str:
    """Write a value on one line of YAML so that it reads back as it is."""
    line = yaml.dump(
        value, Dumper=_OneLine, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return str(line).removesuffix("...\n").strip()


class _OneLine(yaml.SafeDumper):
    """YAML in which a text with a line break is written with its escape."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out, each time."""
        return True

    def check_simple_key(self) -> bool:
        """Write every key plainly, also an empty one."""
        return True


_OneLine.add_representer(
    str, lambda to, x: to.represent_scalar("tag:yaml.org,2002:str", x, None if x.isprintable() else '"')
)
