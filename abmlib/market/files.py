"""A market as files, the same bytes for the same market, written block by block so that memory does not grow with it."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from abmlib.market.buyers import BLOCK
from abmlib.market.simulate import END, PLANTED, Market, blocks, looked_at, stacked, together, with_shared
from abmlib.market.switches import Switches
from abmlib.tables import programme, schema

WORKBOOK = "title: {title}\ncurrency: EUR\ntime_zone: Europe/Berlin\n"
TITLE = "Sample market (synthetic)"
TOGETHER = 10  # blocks in one part of a Parquet table
LATE = ("transactions", "activities", "wallet_estimates")  # tables with rows entered later than they happened
NEVER = {  # columns the market leaves empty; a CSV file does not have them
    "transactions": ("contact_id",),
    "contacts": ("match_method", "match_score"),
    "cases": ("contact_id",),
    "campaigns": ("parent_id", "persona_id", "stage_target", "objective"),
    "reviews_mentions": ("text",),
    "sales_feedback": ("text",),
    "web_sessions": ("source",),
}
Form = Literal["csv", "parquet"]


def form(text: str) -> Form:
    """Read the name of a form.

    Raises
    ------
    ValueError
        If it is none.
    """
    for known in get_args(Form):
        if text == known:
            return known
    raise ValueError(f"format: must be one of {list(get_args(Form))}, got {text!r}.")


@dataclass(frozen=True)
class Plan:
    """Which market to make; see `simulate`."""

    seed: int
    n_accounts: int
    months: int
    end: str = END
    switches: Switches = PLANTED
    density: float = 1.0

    def batches(self) -> list[range]:
        """The numbers of the blocks, so many at a time."""
        count = -(-self.n_accounts // BLOCK)
        return [range(first, min(first + TOGETHER, count)) for first in range(0, count, TOGETHER)]

    def part(self, only: range) -> Market:
        """The market of some blocks, one below the other."""
        return together(
            list(
                blocks(
                    self.seed,
                    self.n_accounts,
                    self.months,
                    end=self.end,
                    switches=self.switches,
                    density=self.density,
                    only=only,
                )
            )
        )


def write(market: Market, folder: Path, form: Form = "csv") -> None:
    """Write the tables of a market and the workbook.yml that goes with them; truth is not written.

    Every row is written; of CSV files, columns that are derived or that no market fills are not. Files of the same name
    are replaced; `folder` is made if absent; what people enter goes to its ``programme`` folder, always as CSV.

    Parameters
    ----------
    market : tables to spec; money is written to 2 decimals, days as YYYY-MM-DD, times as YYYY-MM-DDTHH:MM:SSZ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in market.tables.items():
        _put(name, table, folder, form, 0)
    (folder / "workbook.yml").write_bytes(WORKBOOK.format(title=TITLE).encode("utf-8"))


def make(
    plan: Plan,
    folder: Path,
    *,
    truth: Path | None = None,
    form: Form = "csv",
    title: str = TITLE,
    jobs: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, int]:
    """Simulate a market into a folder, and its truth into another, batch by batch; give back the rows of each table.

    Both folders appear whole or not at all, and replace what was there. The bytes depend on neither `jobs` nor the
    machine.

    Parameters
    ----------
    truth : folder for the truth, as `form`; None: not written.
    jobs : processes that simulate side by side.
    tell : called with batches done and to do.

    Raises
    ------
    ValueError
        As `simulate`; nothing is written then.
    """
    blocks(plan.seed, plan.n_accounts, plan.months, end=plan.end, switches=plan.switches, density=plan.density)
    batches = plan.batches()
    with _aside(folder) as data, _aside(truth) if truth else contextlib.nullcontext() as told:
        counts: dict[str, int] = {}
        kept = []
        for done, (rows, seen) in enumerate(_made(plan, data, told, form, batches, jobs), 1):
            counts |= {name: counts.get(name, 0) + n for name, n in rows.items()}
            kept.append(seen)
            tell(done, len(batches))
        seen = stacked(kept)
        whole = with_shared(seen, plan.seed, plan.n_accounts, plan.months, end=plan.end, switches=plan.switches)
        for name in [n for n in whole.tables if n not in seen.tables]:
            _put(name, whole.tables[name], data, form, 0)
            counts[name] = len(whole.tables[name])
        for name in [n for n in whole.truth if n not in seen.truth]:
            _put_truth(name, whole.truth[name], told, form, 0)
        (data / "workbook.yml").write_bytes(WORKBOOK.format(title=title).encode("utf-8"))
    return counts


def _made(
    plan: Plan, data: Path, truth: Path | None, form: Form, batches: list[range], jobs: int
) -> Iterator[tuple[dict[str, int], Market]]:
    """Write batch after batch; give what the tables of the whole need of each."""
    if jobs == 1 or len(batches) == 1:
        for k, only in enumerate(batches):
            yield _batch(plan, data, truth, form, k, only)
        return
    places = [data / ".parts" / f"{k:05d}" for k in range(len(batches))]
    hidden = [truth / ".parts" / f"{k:05d}" if truth else None for k in range(len(batches))]
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [
            pool.submit(_batch, plan, place, told, form, k, only)
            for k, (place, told, only) in enumerate(zip(places, hidden, batches, strict=True))
        ]
        for k, job in enumerate(waiting):
            found = job.result()
            for part, whole in ((places[k], data), (hidden[k], truth)):
                if part is not None and whole is not None:
                    _gather(part, whole)
            waiting[k] = None  # type: ignore[call-overload]  # its frames are kept by the caller only
            yield found
    for whole in (data, truth):
        if whole is not None:
            shutil.rmtree(whole / ".parts", ignore_errors=True)


def _batch(
    plan: Plan, data: Path, truth: Path | None, form: Form, number: int, only: range
) -> tuple[dict[str, int], Market]:
    """Simulate and write one batch."""
    market = plan.part(only)
    for name, table in market.tables.items():
        _put(name, table, data, form, number)
    for name, table in market.truth.items():
        _put_truth(name, table, truth, form, number)
    return {name: len(table) for name, table in market.tables.items()}, looked_at(market)


def _gather(part: Path, whole: Path) -> None:
    """Move what a process wrote apart to the end of what there is."""
    for file in sorted(f for f in part.rglob("*") if f.is_file()):
        place = whole / file.relative_to(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".parquet" or not place.exists():
            file.replace(place)
            continue
        with file.open("rb") as rows, place.open("ab") as there:
            rows.readline()  # the column names
            shutil.copyfileobj(rows, there)
    shutil.rmtree(part)


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A new folder beside the one wanted, which takes its place if all goes well."""
    folder = folder.resolve()
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    beside.mkdir(parents=True)
    try:
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put(name: str, table: pd.DataFrame, folder: Path, form: Form, number: int) -> None:
    """Write rows of a table: as a part of its own in Parquet, else at the end of its file, begun if `number` is 0."""
    own = name in schema.PROGRAMME  # as a person finds the file, to be filled further
    columns = programme.columns(name) if own else _columns(name)
    if form == "parquet" and not own:
        return _add_part(table[columns], folder / name, number)
    kinds = {c: d.kind for c, d in schema.spec(name).columns.items()}
    place = (folder / programme.FOLDER if own else folder) / f"{name}.csv"
    _append(pd.DataFrame({c: _column(table[c], kinds[c]) for c in columns}), place)


def _put_truth(name: str, table: pd.DataFrame, folder: Path | None, form: Form, number: int) -> None:
    """Write rows of a table of the truth, if it is wanted."""
    if folder is None:
        return
    if form == "csv":
        return _append(table, folder / f"{name}.csv")
    _add_part(table, folder / name, number)


def _add_part(rows: pd.DataFrame, folder: Path, number: int) -> None:
    """Write rows as one part of a Parquet table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / f"part-{number:05d}.parquet", index=False)


def _append(rows: pd.DataFrame, place: Path) -> None:
    """Add rows to a CSV file, which begins with the column names."""
    place.parent.mkdir(parents=True, exist_ok=True)
    text = rows.to_csv(index=False, header=not place.exists(), lineterminator="\n")
    with place.open("ab") as there:
        there.write(text.encode("utf-8"))


def _columns(name: str) -> list[str]:
    """The columns of a table worth writing."""
    derived = [c for c, d in schema.spec(name).columns.items() if d.derived]
    never = (*NEVER.get(name, ()), *(() if name in LATE else ("known_at",)))
    return [c for c in schema.spec(name).columns if c not in derived and c not in never]


def _column(values: pd.Series, kind: str) -> pd.Series:
    """One column as text; missing stays missing."""
    if kind == "date":
        return values.dt.strftime("%Y-%m-%d")
    if kind == "ts":
        return values.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "bool":
        return values.astype("str").str.lower().where(values.notna())
    form = {"money": "{:.2f}", "number": "{:.10g}", "rate": "{:.10g}"}.get(kind)
    return values.map(form.format, na_action="ignore").astype("str") if form else values
