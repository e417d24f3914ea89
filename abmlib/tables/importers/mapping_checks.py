"""A mapping file read and checked: every name it holds is known, and every column knows how its values are written."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from abmlib.tables import schema
from abmlib.tables.errors import in_words
from abmlib.tables.importers import sql
from abmlib.tables.importers.mapping_file import (
    CHANGING,
    MEANT_FOR,
    NTH,
    NUMBERS,
    ROW,
    Column,
    Columns,
    Mapping,
    Source,
    Table,
)
from abmlib.tables.yaml_file import read_any

HASHES = ("contacts.email_hash",)  # columns that take nothing but hashes


def load_mapping(path: str | Path, whole: bool = False) -> Mapping:
    """Read and check a mapping file, without any data.

    Parameters
    ----------
    whole : whether it must make a data set: accounts, and one of `schema.FACTS`. `mapped.run` then refuses empty ones.

    Raises
    ------
    ValueError
        If it is not YAML, has a word it may not have, lacks one it needs, names a column that its table has not, or
        holds an expression that is not one expression over columns. The message names the place.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such mapping file. Give the path of one.")
    try:
        given = read_any(path)
        mapping = Mapping.model_validate(given, context=given)
    except ValidationError as wrong:
        raise ValueError(f"{path.name}: {_first(wrong)}") from wrong
    mapping.file, mapping.whole = path.name, whole
    _settle(mapping)
    if whole and (lacks := schema.lacking(mapping.tables)):
        what = f"{path.name}: tables: {lacks}; mapped are {sorted(mapping.tables)}."
        raise ValueError(f"{what} Map accounts and at least one of {', '.join(schema.FACTS)}.")
    _hide(mapping)
    return mapping


def _first(wrong: ValidationError) -> str:
    """Say the first thing that is wrong, with its place."""
    error = wrong.errors()[0]
    if error["type"] != "value_error":
        return f"{in_words(error)}. Correct the file."
    place, what = ".".join(map(str, error["loc"])), str(error["ctx"]["error"])
    return f"{place}: {what}" if place else what


def _settle(mapping: Mapping) -> None:
    """Give every part its name, and every column what it takes from its source and its table."""
    sources, file = mapping.sources, mapping.file
    for n, source in sources.items():
        source.name = n
        if source.time_zone is None and "time_zone" in mapping.workbook.model_fields_set:
            source.time_zone = mapping.workbook.time_zone
    for n, table in mapping.tables.items():
        if table.changes:
            _settle_changes(f"{file}: tables.{n}.changes", n, table, mapping.tables.get("opportunities"))
    for n, table in mapping.tables.items():
        _settle_table(f"{file}: tables.{n}", n, table, sources)
    for n, s in sources.items():
        if strange := [j for j in s.join if j not in sources or j == n]:
            raise ValueError(f"{file}: sources.{n}.join: {strange} are no other sources of {[*sources]}. Correct them.")
        for number, (j, join) in enumerate(s.join.items()):
            if late := [c for c in join.by if c.split(".")[0] in [*s.join][number:]]:
                raise ValueError(f"{file}: sources.{n}.join.{j}: {late} are not found before it. Put it further down.")
    if "attributes" in mapping.tables and any(t.attributes for t in mapping.tables.values()):
        raise ValueError(f"{file}: tables.attributes: other tables of the mapping give attributes too. Take one way.")
    made = {n for t in mapping.tables.values() for n in t.sources}
    if idle := sorted(set(sources) - made - {j for n in made for j in sources[n].join}):
        raise ValueError(f"{file}: no table is made with source(s) {idle}. Use them in from or join, or take them out.")


def _settle_table(at: str, name: str, table: Table, sources: dict[str, Source]) -> None:
    canonical = sorted(schema.CANONICAL)
    tables = [("table", name, canonical + sorted(set(schema.importable()) - set(canonical)))]
    for what, one, there in tables + [("source", s, sorted(sources)) for s in table.sources]:
        if one not in there:
            raise ValueError(f"{at}: no such {what}; there are {there}, not {one!r}. Correct the spelling.")
    known, parts = schema.spec(name).columns, {}
    for source, its in table.sources.items():
        given = table.columns | its
        _check_names(f"{at}.columns" if len(table.sources) == 1 else f"{at}.from.{source}", name, table, given)
        parts[source] = {c: given[c].model_copy() for c in known if c in given}
        for c, column in parts[source].items():
            column.place, column.kind = f"{name}: {c}", known[c].kind
            _settle_column(f"{at}.columns.{c}", column, sources[source], grouped=bool(table.one_row_per))
    first = {c: part[c].model_copy() for c in known for part in reversed(parts.values()) if c in part}
    if several := [c for c, d in first.items() if any(part.get(c, d).take != d.take for part in parts.values())]:
        raise ValueError(f"{at}.from: {several} take one value here and another there. Say the same for all sources.")
    table.name, table.sources, table.columns = name, parts, first
    _check_attributes(f"{at}.attributes", table)


def _settle_changes(at: str, name: str, table: Table, deals: Table | None) -> None:
    """Let what changes be read from the new value of the log, as the deals' own columns are read."""
    if name != "opportunity_stage_history" or table.one_row_per or len(table.sources) > 1:
        raise ValueError(f"{at}: is for opportunity_stage_history, from one source, without one_row_per. Leave it out.")
    if (log := table.changes) is None:
        return
    if other := [c for c in ("seq", "stage_order", "changed_field") if c in table.columns]:
        raise ValueError(f"{at}: {other} are made from the changes. Leave them out of columns.")
    called = [n for c in ("created", *CHANGING) for n in {name.lower() for name in getattr(log, c) or ()}]
    if twice := sorted({n for n in called if called.count(n) > 1}):
        raise ValueError(f"{at}: {twice} are given for several columns. Give each field to one of them.")
    for c in (c for c in CHANGING if getattr(log, c) and c not in table.columns):
        first = next(iter(deals.sources.values())) if deals else {}
        theirs = (first | (deals.columns if deals else {})).get(c)
        read = theirs if theirs and theirs.column is not None else Column.model_validate({"column": log.new})
        table.columns[c] = read.model_copy(update={"column": log.new, "take": None})


def _check_attributes(at: str, table: Table) -> None:
    """Refuse attributes of rows without a key of one column, and fixed ones of rows that carry no time since which they are known.

    Deals of an export without any date may have fixed ones: nothing is asked of them on an earlier day.
    """
    key, known = schema.key(table.name), schema.spec(table.name).known
    fixed = [c for c, when in table.attributes.items() if when == "fixed"]
    dated = known in table.columns and schema.spec(table.name).columns[str(known)].kind == "ts"
    dated |= table.name == "opportunities" and not {"created_at", "closed_at"} & {*table.columns}
    late = [c for c, when in table.attributes.items() if when == "at_close"]
    for wrong, what in (
        (table.one_row_per, "are of rows, and one_row_per makes several rows one. Leave out one of the two."),
        (len(key) > 1, f"are found by one id, and a row of {table.name} is named by {key}. Leave them out."),
        (table.name == "attributes", "are what this table holds. Map its columns instead."),
        (
            late and table.name != "opportunities",
            f"{late} are said to be known at close, and only a deal closes. Say fixed or today.",
        ),
        (fixed and not dated, f"{fixed} need the time since which they are known. Map {known}, or say today."),
    ):
        if table.attributes and wrong:
            raise ValueError(f"{at}: {what}")


def _check_names(at: str, name: str, table: Table, given: Columns) -> None:
    known = schema.spec(name).columns
    absent = [c for c in schema.needed(name) if c not in given]
    derived = [c for c, d in known.items() if d.derived and c in given]
    strange = [g for g in table.one_row_per if g not in given or given[g].take]
    for wrong, what in (
        ([c for c in given if c not in known], f"unknown column(s) {{}}; the table has {list(known)}. Correct them."),
        (derived, "{} are worked out from transactions and deals. Leave them out."),
        (absent, f"missing column(s) {{}}; mapped are {list(given)}. Map them, with `value` if the export has none."),
        (strange, "{} name the group, so they must be mapped, without `take`. Correct them."),
    ):
        if wrong:
            raise ValueError(f"{at}: {what.format(wrong)}")


def _settle_column(at: str, column: Column, source: Source, grouped: bool) -> None:
    kind, given = column.kind, column.model_fields_set
    if column.column == NTH:
        raise ValueError(f"{at}: {NTH} counts rows of one key. Write key: [{NTH}], or key: [Name, {NTH}].")
    for word, kinds in MEANT_FOR.items():
        if word in given and kind not in kinds:
            raise ValueError(f"{at}: {word} has no meaning for {kind}; it is for {list(kinds)}. Leave it out.")
    if column.take == "sum" and kind not in NUMBERS:
        raise ValueError(f"{at}: take: sum is for numbers, and this column is {kind}. Take another.")
    if column.take and not grouped:
        raise ValueError(f"{at}: take needs a grouped table. Add one_row_per to the table, or leave take out.")
    inherited = {"time_zone"}
    if column.map is None and column.value is None:  # else written by the mapping's author, as YAML writes numbers
        inherited |= {"decimal", "thousands"}
    for word in inherited - given:
        setattr(column, word, getattr(source, word))
    if kind in NUMBERS and column.decimal == column.thousands:
        raise ValueError(f"{at}: decimal and thousands are both {column.decimal!r}. Name two different signs.")


def _hide(mapping: Mapping) -> None:
    """Mark what is never shown: what is hashed, and all connected with it.

    That is what it is made from or looked up by, and all that is made from that.
    """
    named = [(n, *use) for n, s in mapping.sources.items() for use in needed(s, mapping)]
    uses = [(n, place, (source, column.lower())) for n, place, source, column in named if column.lower() != ROW]
    made = [(n, c, part[c], t) for t in mapping.tables.values() for n, part in t.sources.items() for c in part]
    hashed = {(n, f"{t.name}.{c}") for n, c, d, t in made if d.hash or f"{t.name}.{c}" in HASHES}
    secret = {used for n, place, used in uses if (n, place) in hashed}
    derived = [(n, place.partition("derive."), used) for n, place, used in uses]
    pairs = [((n, name.lower()), used) for n, (before, mark, name), used in derived if mark and not before]
    for s in mapping.sources.values():
        for j, join in s.join.items():
            for (n, here), there in zip(map(s.of, join.by), join.by.values(), strict=True):
                pairs.append(((n, here.lower()), (j, there.lower())))
    for _ in pairs:  # as often as one may rest on another
        secret.update(*(pair for pair in pairs if secret.intersection(pair)))
    touched = {(n, place) for n, place, used in uses if used in secret}
    for n, s in mapping.sources.items():
        s.secret = frozenset(c for source, c in secret if source == n)
    for t in mapping.tables.values():
        if told := [c for c in t.attributes if any((n, c.lower()) in secret for n in t.sources)]:
            raise ValueError(
                f"{mapping.file}: tables.{t.name}.attributes: {told} are hashed elsewhere. Leave them out."
            )
    for n, c, column, t in made:
        column.secret = (n, f"{t.name}.{c}") in touched
        t.columns[c].secret |= column.secret


def needed(source: Source, mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    """List each place where a mapping names a column of a source.

    Each is the place, the source the column is of, and its name there.
    """
    tables = [t for t in mapping.tables.values() if source.name in t.sources]
    columns = [(f"{t.name}.{c}", d) for t in tables for c, d in t.sources[source.name].items()]
    yield from (("correct", source.name, name) for name in source.correct)
    for other, join in source.join.items():
        for here, there in join.by.items():
            yield from ((f"{source.name}.join.{other}", *column) for column in (source.of(here), (other, there)))
    for t in tables:
        log = [t.changes.field, t.changes.old] if t.changes else []
        yield from ((f"{t.name}.changes", *source.of(name)) for name in log if name)
        yield from ((f"{t.name}.attributes", *source.of(name)) for name in t.attributes)
    for place, d in columns:
        yield from ((place, *source.of(name)) for name in (d.column, *d.key) if name not in (None, NTH))
    expressions = [(f"derive.{name}", e) for name, e in source.derive.items()]
    expressions += [("keep", k.where) for k in source.keep]
    expressions += [(f"{t.name}.keep", k.where) for t in tables for k in t.keep]
    for place, expression in expressions + [(place, d.sql) for place, d in columns if d.sql]:
        yield from ((place, *source.of(*parts)) for parts in sql.references(expression))
