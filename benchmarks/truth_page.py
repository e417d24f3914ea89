"""The page of `benchmarks.truth`: a table with one row per proof, and a note on each. Rows that were not run again are kept."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.proof import LEVEL, MISS, SLACK, Proof, Result, Share

HEAD = (
    "effect", "metric", "truth", "mean estimate", "bias", "coverage", "power", "false alarms", "n of a market", "markets",
    "promised", "as promised",
)  # fmt: skip


def line(r: Result) -> str:
    """Write one result as a row of a table in Markdown, numbers to three figures of what matters."""

    def share(given: Share | None) -> str:
        return f"{given.value:.3f} ± {given.error:.3f}" if given else "–"

    digits = 3 if abs(r.value) < 10 else 1
    bias = "–" if np.isnan(r.truth) else f"{r.value - r.truth:+.{digits}f} ± {r.bias_error:.{digits}f}"
    return _row(
        r.proof.effect,
        r.proof.metric,
        "–" if np.isnan(r.truth) else f"{r.truth:.{digits}f}",
        f"{r.value:.{digits}f}",
        bias,
        share(r.coverage),
        share(r.power),
        share(r.false_alarms),
        "–" if np.isnan(r.n) else f"{r.n:.0f} {r.proof.unit}",
        f"{r.seeds} of {r.asked}: {r.markets}",
        "; ".join(promise for promise, _ in r.promises) or "–",
        r.verdict,
    )


def _row(*cells: str) -> str:
    """Cells as a row."""
    return f"| {' | '.join(cells)} |"


def table(lines: Sequence[str]) -> str:
    """Put rows of `line` under their head."""
    return "\n".join([_row(*HEAD), _row(*("-" * 3 for _ in HEAD)), *lines]) + "\n"


def kept(text: str) -> dict[str, str]:
    """The rows of a page that was written before, by effect; none where its table has another head."""
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows[2:]} if rows[:1] == [_row(*HEAD)] else {}


def page(proofs: Sequence[Proof], rows: Mapping[str, str]) -> str:
    """Write the page: what was done, the table, and a note for each row.

    Parameters
    ----------
    proofs : in the order of the table
    rows : of `line`, by effect; a proof without one was never run and is left out
    """
    notes: dict[str, list[str]] = {}
    for proof in (p for p in proofs if p.effect in rows):
        notes.setdefault(proof.note, []).append(proof.effect)
    about = "\n".join(f"- **{'; '.join(effects)}**. {note}" for note, effects in notes.items())
    return f"""# What the estimators say where the truth is known

Made by `make truth`: synthetic markets, each with a seed of its own. The column "markets" says how many of them gave an
answer, their seeds, accounts and months; "n of a market" is what an answer rests on, the median over markets. What stands
here is what the notebooks would say of each market, read through a book. After ± stands one Monte-Carlo standard error (SE).

"As promised" compares with the column "promised", and says ok or by how much a row misses it. One coverage promised
({LEVEL:g} if the row does not promise another) may be missed by {MISS:g} SE; a range of coverage, a least share of calls and a range of
the estimate must be met as they stand; false alarms and bias may exceed theirs by {SLACK:g} SE.

{table([rows[p.effect] for p in proofs if p.effect in rows])}
Where a truth is that of all accounts there could be, the markets taken together stand for it. "Power" is the share of markets in
which the effect is called at the size planted, "false alarms" where it is not planted. A dash: no such thing.

{about}
"""
