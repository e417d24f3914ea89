"""The generated parts of the project's own pages; ``python -m tests.docs`` writes them anew."""

import re
from collections.abc import Sequence
from pathlib import Path

from abmlib import market
from abmlib.pages import catalogue
from abmlib.tables import features, schema

ROOT = Path(__file__).parents[1]


def dictionary(tables: dict) -> str:
    """Write one section per table of the schema, in Markdown."""
    parts = []
    for name, table in tables.items():
        day = f" From a source, `{schema.spec(name).dates}` dates a row." if schema.spec(name).dates else ""
        parts.append(f"### {name}\n\n{table.description} Key: {', '.join(f'`{k}`' for k in schema.key(name))}.{day}\n")
        parts.append("| column | kind | unit | may be missing | when known | meaning |\n|---|---|---|---|---|---|")
        for column, definition in table.columns.items():
            missing = (
                "yes"
                if definition.null
                else f"no; `{definition.default}` if absent"
                if definition.default is not None
                else "no"
            )
            meaning = str(definition.description) + (f": {', '.join(definition.one_of)}" if definition.one_of else "")
            meaning += f" → `{definition.ref}`" if definition.ref else ""
            meaning += " (derived, not read)" if definition.derived else ""
            meaning += " (personal: given only with people)" if definition.personal else ""
            when = definition.when + (f", from `{definition.since}` on" if definition.since else "")
            parts.append(f"| `{column}` | {definition.kind} | {definition.unit} | {missing} | {when} | {meaning} |")
        parts.append("")
    return "\n".join(parts)


def switches() -> str:
    """Write the switches of the market as a table, sizes of a switch by cycle in one row."""
    rows: dict[str, tuple[list[float], float, str]] = {}
    for name, size, most, meaning in market.listed(market.PRESETS["sample"]):
        rows.setdefault(name.partition(".")[0], ([], most, meaning))[0].append(size)
    lines = [
        f"| `{n}` | {' / '.join(f'{x:g}' for x in size)} | {most:g} | {m} |" for n, (size, most, m) in rows.items()
    ]
    return "\n".join(["| switch | size | most | what the size means |", "|---|---|---|---|", *lines, ""])


def feature_list(listed: Sequence[features.Feature]) -> str:
    """Write features as a table, by the table they are made from."""
    lines = ["| feature | table | unit | item | meaning | without a row |", "|" + "---|" * 6]
    for f in listed:
        absent = "missing" if f.absent is None else f.absent
        lines.append(f"| `{f.name}` | `{f.table}` | {f.unit} | {f.item} | {f.meaning} | {absent} |")
    return "\n".join([*lines, ""])


def notebook_list() -> str:
    """Write the notebooks as a table."""
    lines = ["| notebook | framework step | question it answers | needs | status |", "|---|---|---|---|---|"]
    for e in catalogue.load(ROOT / "notebooks" / catalogue.FILE):
        lines.append(
            f"| {e.notebook} | {e.step} | {e.question} | {', '.join(e.needs)} | {'here' if e.built else 'planned'} |"
        )
    return "\n".join([*lines, ""])


def generated() -> dict[tuple[str, str], str]:
    """Give each generated part by file and mark."""
    when = "\n".join(f"- `{name}`: {means}" for name, means in schema.WHEN_MEANS.items()) + "\n"
    return {
        ("README.md", "notebooks"): notebook_list(),
        ("data/market.md", "switches"): switches(),
        ("data/features.md", "features"): feature_list(features.FEATURES),
        ("data/features.md", "line features"): feature_list(features.LINE_FEATURES),
        ("data/README.md", "when"): when,
        ("data/README.md", "canonical"): dictionary(schema.CANONICAL),
        ("data/README.md", "programme"): dictionary(schema.PROGRAMME),
        ("data/README.md", "results"): dictionary(schema.RESULTS),
    }


def put(text: str, mark: str, part: str) -> str:
    """Replace what stands between the two comments of a mark."""
    pattern = rf"(<!-- {mark}: made by make docs -->\n).*?(<!-- end {mark} -->)"
    new, count = re.subn(pattern, lambda m: f"{m[1]}{part}{m[2]}", text, flags=re.S)
    if count != 1:
        raise ValueError(f"{mark}: the mark stands {count} times in the page. Keep it once.")
    return new


if __name__ == "__main__":
    for (file, mark), part in generated().items():
        path = ROOT / file
        path.write_text(put(path.read_text("utf-8"), mark, part), "utf-8")
