"""Lines of code by room, beside the budget; writes benchmarks/lines.md.

    python -m benchmarks.lines

A line of code holds a token that is neither a comment nor of a docstring. Notebooks are counted by their text twins, cells of words
left out.
"""

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
BUDGET = 16_000  # lines of the package with all notebooks, market apart
NOTEBOOKS = 17  # when all are there
# A file counts in the first room that fits.
ROOMS = {
    "abmlib/tables/importers": "abmlib/tables/importers/**/*.py",
    "abmlib/tables/definitions": "abmlib/tables/definitions/**/*.py",
    "abmlib/tables, the rest": "abmlib/tables/**/*.py",
    "abmlib/stats": "abmlib/stats/**/*.py",
    "abmlib/method": "abmlib/method/**/*.py",
    "abmlib/pages": "abmlib/pages/**/*.py",
    "abmlib/market": "abmlib/market/**/*.py",
    "abmlib, the command": "abmlib/**/*.py",
    "notebooks": "notebooks/**/*.py",
    "tests": "tests/**/*.py",
    "benchmarks": "benchmarks/**/*.py",
}
MARKET = "abmlib/market"
SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER,
}  # fmt: skip
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(text: str) -> int:
    """Count lines of code: no docstrings, no comments, no blank lines."""
    words = {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT and token.start not in words:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines)


def by_room(root: Path) -> dict[str, tuple[int, int]]:
    """Files and lines of code of each room of a checkout."""
    counted: set[Path] = set()
    found = {}
    for room, pattern in ROOMS.items():
        files = set(root.glob(pattern)) - counted
        counted |= files
        found[room] = (len(files), sum(code_lines(f.read_text("utf-8")) for f in files))
    return found


def page(root: Path) -> str:
    """The page: a row per room, and the package beside its budget."""
    rooms = by_room(root)
    package = sum(lines for room, (_, lines) in rooms.items() if room.startswith("abmlib") and room != MARKET)
    made = len([*root.glob("notebooks/*.py")])
    rows = [f"| {room} | {files} | {lines:,} |" for room, (files, lines) in rooms.items()]
    return "\n".join([
        "# Lines of code", "",
        "Made by `python -m benchmarks.lines`: no docstrings, no comments, no blank lines.", "",
        "| room | files | lines of code |", "| --- | ---: | ---: |", *rows, "",
        f"The package without the market has {package:,} lines with {made} notebooks; the budget is"
        f" {BUDGET:,} lines with {NOTEBOOKS}.", "",
    ])  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(ROOT), "utf-8")
