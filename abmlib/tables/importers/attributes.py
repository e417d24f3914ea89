"""Further columns of an export, which no table has a place for: one row each of the table `attributes`."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text
import collections.abc

from abmlib.tables import schema
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import ROW, Column, Mapping, Table
from abmlib.tables.importers.sources import where
from abmlib.tables.importers.sql import Engine, quoted, text, types_of

NAME = "attributes"
AT_CLOSE = "at_close"  # how the mapping says that a value is known only when the deal closed


def add(con: Engine, mapping: Mapping) -> Mapping:
    """Give a mapping whose tables have attributes the table `attributes`, each part from a view in the engine.

    Values are text as the source has them; a missing one gives no row.
    """
    sources, parts = dict(mapping.sources), dict[str, dict[str, Column]]()
    for table in (t for t in mapping.tables.values() if t.attributes):
        late = {c: when for c, when in table.attributes.items() if when == AT_CLOSE}
        rest = {c: when for c, when in table.attributes.items() if when != AT_CLOSE}
        for name, columns in table.sources.items():
            known, closed = columns.get(str(schema.spec(table.name).known)), columns.get("closed_at")
            for given, since, when in ((rest, known, ""), (late, closed, " at close")):
                if given:
                    part = f"{table.name} of {name}{when}"
                    parts[part] = _long(con, table, columns, given, since, name, part)
                    sources[part] = sources[name].model_copy(update={"name": part})
    if not parts:
        return mapping
    made = Table.model_construct(
        name=NAME, sources=parts, columns={**next(iter(parts.values()))}, keep=[], one_row_per=()
    )
    for columns in parts.values():
        made.columns |= columns
    return mapping.model_copy(update={"sources": sources, "tables": {**mapping.tables, NAME: made}})


def _long(
    con: Engine,
    table: Table,
    columns: dict[str, Column],
    given: collections.abc.Mapping[str, str],
    known: Column | None,
    name: str,
    part: str,
) -> dict[str, Column]:
    """Make the view of one source with a row per value, and say how its columns are read.

    `known` is the column since which the values are known that are not said to be of today.
    """
    source = f"{quoted(f'joined {name}')} as {quoted(name)}"
    types = types_of(con, quoted(f"joined {name}"))
    key, since = columns[schema.key(table.name)[0]], known if set(given.values()) != {"today"} else None
    picks = [ROW, f"{values.origin(key, types)} as row_id"]
    picks += [f"{values.origin(since, types)} as known_from"] if since else []
    told = [
        f"{{n: {text(c)}, v: {values.as_text(types[c.lower()], quoted(c))}, declared: {text(when)}}}"
        for c, when in given.items()
    ]
    each = f"select {', '.join(picks)}, unnest([{', '.join(told)}]) as given, unnest(range({len(told)})) as nth from {source}{where(table.keep)}"
    number = f"({ROW} - 1) * {len(told)} + nth + 1 as {ROW}"
    from_when = ", case when given.declared <> 'today' then known_from end as known_from" if since else ""
    rows = f"select {number}, row_id, given.n as name, given.v as value, given.declared as declared{from_when} from ({each}) where given.v is not null"
    con.execute(f"create view {quoted(f'joined {part}')} as {rows}")
    plain = {"column": None, "sql": None, "value": None, "key": ()}
    made = {
        "table": Column.model_validate({"value": table.name}),
        "row_id": key.model_copy(update=plain | {"column": "row_id"}),
    }
    made |= {c: Column.model_validate({"column": c}) for c in ("name", "value")}
    if since:
        made["known_from"] = since.model_copy(update=plain | {"column": "known_from"})
    made["declared"] = Column.model_validate({"column": "declared"})
    for c, column in made.items():
        column.place, column.kind = f"{NAME}: {c}", schema.spec(NAME).columns[c].kind
    return made
