"""Sources of a mapping in the engine: columns loaded, spellings corrected, rows filtered and looked up in each other."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from abmlib.tables import ledger
from abmlib.tables.errors import FIRST, TableError, first_cases, shown
from abmlib.tables.importers import files as exported
from abmlib.tables.importers import text_files, values
from abmlib.tables.importers.mapping_checks import needed
from abmlib.tables.importers.mapping_file import DELIMITERS, JSON, NTH, ROW, Keep, Mapping, Source, suffix
from abmlib.tables.importers.sql import Engine, cause, one, quoted, text, types_of
from abmlib.tables.ledger import LedgerRow

REMEDY = "Correct the file, or the mapping's expression."
Steps = list[LedgerRow]


@dataclass(frozen=True)
class Loaded:
    """A source in the engine."""

    source: Source
    parts: Sequence[exported.Part]
    used: set[str]  # columns that the mapping names, in small letters
    hashes: Sequence[str]  # sha256 of each part
    counts: list[int]  # rows of each part; empty while they are read at once

    def stage(self, con: Engine) -> None:
        """Copy the rows into the engine, numbered and counted, if they are still in their file."""
        if not self.counts:
            self.counts.extend(exported.load(con, self.source, self.parts, self.used))

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Name, sha256 and rows of each file."""
        read = zip(self.parts, self.hashes, self.counts, strict=True)
        return [{"name": part.name, "sha256": digest, "rows": n} for part, digest, n in read]

    @property
    def steps(self) -> Steps:
        """What was read, for the ledger."""
        why = [f"file {part.name}{part.why}" for part in self.parts]
        names = [n for part in self.parts for n in part.names if n.lower() not in self.used]
        if idle := dict.fromkeys(n or "one without a name" for n in names):
            why.append(f"source columns not mapped: {', '.join(map(shown, idle))}")
        counts = zip([*self.counts, sum(self.counts)], why, strict=False)
        return [LedgerRow("read", self.source.name, n, n, 0, w) for n, w in counts]

    @property
    def name(self) -> str:
        """Its file, or the pattern of its files."""
        return Path(self.source.file).name

    def places(self, rows: Sequence[int]) -> dict[int, str]:
        """Say where some rows are: the line of a text file, as an editor counts it, or the row of others."""
        found: dict[int, str] = {}
        before = 0
        for part, n in zip(self.parts, self.counts, strict=False):  # what is made here has no files
            its = [row - before for row in rows if 0 < row - before <= n]
            lines = text_files.lines(self.source, part, its)
            found |= {before + row: f"line {lines[row]} of {part.name}" for row in its if row in lines}
            before += n
        return {row: found.get(row, f"row {row}") for row in rows}


@contextlib.contextmanager
def explained(place: str, secret: bool, remedy: str = REMEDY) -> Iterator[None]:
    """Say what an error of the engine belongs to.

    Without the values it quotes, if some are `secret`.
    """
    try:
        yield
    except duckdb.Error as wrong:
        if exported.no_room(wrong):
            raise
        what = re.sub("'.*'|\".*\"", "'…'", cause(wrong)) if secret else cause(wrong)
        raise TableError(f"{place}: {what} {remedy}") from (None if secret else wrong)


def load(con: Engine, source: Source, mapping: Mapping, files: dict[str, Path], work: Path) -> Loaded:
    """Read the columns that the mapping names, with the row number.

    What makes one table as it is stays in its file until that table is made.

    Raises
    ------
    TableError
        If a file does not read, or lacks a column that the mapping names, or has it twice.
    """
    parts = exported.prepare(con, source, files, work)
    used = _used(source, mapping, parts)
    loaded = Loaded(source, parts, used, [exported.sha256(part.path) for part in parts], [])
    if _is_simple(source, mapping) and len(parts) == 1:
        exported.load(con, source, parts, used, at_once=True)
    else:
        loaded.stage(con)
    return loaded


def _is_simple(source: Source, mapping: Mapping) -> bool:
    """Say whether the rows of a source are those of one table, whatever their number."""
    tables = [t for t in mapping.tables.values() if source.name in t.sources]
    looked_up = source.join or any(source.name in s.join for s in mapping.sources.values())
    if looked_up or source.correct or source.keep or len(tables) != 1:
        return False
    (table,) = tables
    if table.one_row_per or table.keep or table.attributes or table.changes or len(table.sources) > 1:
        return False
    names = {n.lower() for _, _, n in needed(source, mapping)}
    return ROW not in names and not any(NTH in d.key for d in table.columns.values())


def _used(source: Source, mapping: Mapping, parts: Sequence[exported.Part]) -> set[str]:
    """Give the columns that the mapping names, in small letters.

    Refuse a name that a file lacks or has twice.
    """
    computed = {ROW, NTH, *(d.lower() for d in source.derive)}
    uses = [use for s in mapping.sources.values() for use in needed(s, mapping)]
    wanted = [(place, name) for place, owner, name in uses if owner == source.name]
    wanted = [(place, name) for place, name in wanted if name.lower() not in computed]
    used = {name.lower() for _, name in wanted}
    computed -= {ROW} - {name.lower() for _, _, name in uses}  # a column _row that nothing names does no harm
    has = {part.name: {n.lower() for n in part.names} for part in parts}
    for part in parts:
        if taken := [n for n in part.names if n.lower() in {*computed, *(j.lower() for j in source.join)}]:
            raise TableError(f"{source.name}: {part.name} itself has the column(s) {taken}. Rename them.")
    if suffix(source.file) in JSON:  # an object leaves out what it does not know
        has = dict.fromkeys(has, set().union(*has.values()))
    for place, name in wanted:
        if not any(name.lower() in names for names in has.values()):
            raise TableError(_lacking(source, place, name, parts[0]))
    lack = {n: sorted({name for _, name in wanted if name.lower() not in names}) for n, names in has.items()}
    if cases := [f"{n} lacks {', '.join(names)}" for n, names in lack.items() if names]:
        what = f"{len(cases)} of {len(parts)} files lack columns that the mapping names {first_cases(cases)}."
        remedy = "Files of one pattern must be of one shape: correct them, or give these a source of their own."
        raise TableError(f"{source.name}: {what} {remedy}")
    for part in parts:
        names = [n.lower() for n in part.names]
        if twice := [n for n in part.names if n.lower() in used and names.count(n.lower()) > 1]:
            what = f"{len(twice)} of {len(names)} columns stand more than once in {part.name} and are mapped"
            raise TableError(f"{source.name}: {what} {first_cases(twice)}. Give each its own name in the file.")
    return used


def _lacking(source: Source, place: str, name: str, part: exported.Part) -> str:
    """Say that a column is not there.

    One column whose name holds signs that part columns is a wrong delimiter.
    """
    what = f"{source.name}: {place} needs column {name!r}; {part.name} has {exported.listed(part.names)}."
    signs = [sign for sign in (";", "\t", ",", "|") if sign in part.names[0]] if len(part.names) == 1 else []
    if signs and suffix(part.name) in DELIMITERS:
        return f"{what} All names stand in one: say delimiter: {signs[0]!r} in the mapping."
    return f"{what} Correct the name in the mapping."


def prepare(con: Engine, source: Source) -> Steps:
    """Correct spellings, compute the derived columns, filter, and leave the source's table for the canonical ones."""
    raw, kept, name = (quoted(f"{prefix}{source.name}") for prefix in ("raw ", "kept ", ""))
    origin, types, rows = f"{raw} as {name}", types_of(con, raw), []
    for column, entries in source.correct.items():
        x = values.as_text(types.get(column.lower(), ""), quoted(column))
        right = values.mapped(entries, x, x)
        wrong = f"from {raw} where {x} is distinct from {right}"
        total, count = one(con, f"select count(*), (select count(*) {wrong}) from {raw}")
        first = cases(con, [x], wrong, column.lower() in source.secret)
        rows.append(LedgerRow("correct", source.name, total, total, 0, f"{column}: {count} values corrected{first}"))
        origin = f"(select * replace ({right} as {quoted(column)}) from {origin}) as {name}"
    for derived, expression in source.derive.items():
        origin = f"(select *, (\n{expression}\n) as {quoted(derived)} from {origin}) as {name}"
    rows += count_kept(con, source.name, origin, source.keep)
    con.execute(f"create view {kept} as select * from {origin}{where(source.keep)}")
    return rows


def join(con: Engine, mapping: Mapping, source: Source) -> Steps:
    """Look each row up in other sources, and leave the rows with what was found.

    No row goes and none doubles.

    Raises
    ------
    TableError
        If a key comes twice in the other source, or more keys find nothing than the budget allows.
    """
    kept, rows = quoted(f"kept {source.name}"), []
    picks, joined, types = [f"{kept}.*"], kept, {(source.name, c): t for c, t in types_of(con, kept).items()}
    for other, its in source.join.items():
        right, words = quoted(f"kept {other}"), " and ".join(its.by)
        columns = types_of(con, right)
        types |= {(other, c): t for c, t in columns.items()}
        ours, theirs = [source.of(c) for c in its.by], [(other, c) for c in its.by.values()]
        sides = [
            [(types[n, c.lower()], f"{quoted(f'kept {n}')}.{quoted(c)}") for n, c in side] for side in (ours, theirs)
        ]
        here, there = ([values.as_text(kind, x) for kind, x in side] for side in sides)
        agree = " and ".join(f"{a} = {b}" for a, b in zip(here, there, strict=True))
        whole, keyed = (f"{' || '.join(keys)} is not null" for keys in (there, here))
        secret = [any(c.lower() in mapping.sources[n].secret for n, c in side) for side in (ours, theirs)]
        remedy = f"{source.name} looks its rows up by it: keep one row per key, or look up by more columns."
        key = dict(zip(its.by.values(), there, strict=True))
        refuse_repeated(con, other, f"{right} where {whole}", key, remedy, secret[1])
        lost = f"from {joined} anti join {right} on {agree} where {keyed}"
        counts = f"count(*), count(*) filter (where {keyed}), (select count(*) {lost})"
        total, known, count = one(con, f"select {counts} from {joined}")
        first = cases(con, here, lost, secret[0], row=f"{kept}.{ROW}")
        why = [f"no match in {other}: {count} of {known} rows with {words}{first}"]
        if count > its.budget * known:
            remedy = "Correct them in the files, or with correct in the mapping."
            raise TableError(f"{source.name}: {why[0]}; budget {its.budget:g}. {remedy}")
        if known < total:
            why.append(f"nothing to look up in {other}: {total - known} of {total} rows without {' or '.join(its.by)}")
        rows += [LedgerRow("join", source.name, total, total, 0, w) for w in why]
        picks += [f"{right}.{quoted(c)} as {quoted(f'{other}.{c}')}" for c in columns]
        fields = ", ".join(f"{text(c)}: {right}.{quoted(c)}" for c in columns)
        picks.append(f"{{{fields}}} as {quoted(other)}")  # for other.column in an expression
        joined += f" left join {right} on {agree}"
    con.execute(f"create view {quoted(f'joined {source.name}')} as select {', '.join(picks)} from {joined}")
    return rows


def where(keeps: Sequence[Keep]) -> str:
    """Give the SQL of filters: all of them must be true."""
    return " where " + " and ".join(f"(\n{k.where}\n)" for k in keeps) if keeps else ""


def count_kept(con: Engine, table: str, origin: str, keeps: Sequence[Keep]) -> Steps:
    """Count what each filter takes away, one after the other, and hold it to its budget.

    Raises
    ------
    TableError
        If a filter is no comparison, or takes more rows than its budget allows.
    """
    rows = []
    for number, keep in enumerate(keeps):
        (kind,) = types_of(con, f"select (\n{keep.where}\n) as x from {origin}").values()
        if kind != "BOOLEAN":
            raise TableError(f"{table}: keep: {keep.where!r} is {kind}, not true or false. Write a comparison.")
        before = f"select {ROW}, coalesce((\n{keep.where}\n), false) as good from {origin}{where(keeps[:number])}"
        total, good = one(con, f"select count(*), count(*) filter (where good) from ({before})")
        first = con.execute(f"select {ROW} from ({before}) where not good order by 1 limit {FIRST}").fetchall()
        row = LedgerRow("keep", table, total, good, total - good, keep.why)
        rows.append(ledger.within_budget(row, keep.budget, [f"row {r}" for (r,) in first]))
    return rows


def refuse_repeated(con: Engine, place: str, rows: str, key: dict[str, str], remedy: str, secret: bool) -> None:
    """Refuse rows of which several have one key, given as names and SQL.

    They stay unnamed if the key is `secret`.

    Raises
    ------
    TableError
        With the count of rows and the first keys, or the first rows.
    """
    repeated = f"from {rows} group by {', '.join(key.values())} having count(*) > 1"
    (count,) = one(con, f"select coalesce(sum(n), 0)::bigint from (select count(*) as n {repeated})")
    if count:
        (n,) = one(con, f"select count(*) from {rows}")
        first = cases(con, [*key.values()], f"from {rows}", secret, "having count(*) > 1")
        raise TableError(f"{place}: {count} of {n} rows share a key {list(key)}{first}. {remedy}")


def cases(con: Engine, keys: list[str], rows: str, secret: bool, having: str = "", row: str = ROW) -> str:
    """Name the first different keys of some rows.

    If the keys are `secret` or hold an e-mail address, the number of the first row of each.

    Keys come in the order of the file, those of groups (`having`) in their own order.
    """
    names, order = ", ".join(keys), "all" if having else f"min({row})"
    picks = f"select min({row}), {names} {rows} group by {names} {having} order by {order} limit {FIRST}"
    first = con.execute(picks).fetchall()
    secret = secret or any(re.search(values.EMAIL, str(value)) for case in first for value in case)
    shown_first = [f"row {n}" if secret else case[0] if len(case) == 1 else tuple(case) for n, *case in first]
    return f" {first_cases(shown_first)}" if first else ""
