"""Further columns of an export, which no table has a place for: one row each of the table `attributes`."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text
from abmlib.tables import schema
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import ROW, Column, Mapping, Table
from abmlib.tables.importers.sources import where
from abmlib.tables.importers.sql import Engine, quoted, text, types_of

NAME = "attributes"


def add(con: Engine, mapping: Mapping) -> Mapping:
    """Give a mapping whose tables have attributes the table `attributes`, each part from a view in the engine.

    Values are text as the source has them; a missing one gives no row.
    """
    sources, parts = dict(mapping.sources), dict[str, dict[str, Column]]()
    for table in (t for t in mapping.tables.values() if t.attributes):
        for name, columns in table.sources.items():
            part = f"{table.name} of {name}"
            parts[part] = _long(con, table, columns, name, part)
            sources[part] = sources[name].model_copy(update={"name": part})
    if not parts:
        return mapping
    made = Table.model_construct(
        name=NAME, sources=parts, columns={**next(iter(parts.values()))}, keep=[], one_row_per=()
    )
    for columns in parts.values():
        made.columns |= columns
    return mapping.model_copy(update={"sources": sources, "tables": {**mapping.tables, NAME: made}})


def _long(con: Engine, table: Table, columns: dict[str, Column], name: str, part: str) -> dict[str, Column]:
    """Make the view of one source with a row per value, and say how its columns are read."""
    source = f"{quoted(f'joined {name}')} as {quoted(name)}"
    types = types_of(con, quoted(f"joined {name}"))
    key, known = columns[schema.key(table.name)[0]], columns.get(str(schema.spec(table.name).known))
    fixed = "fixed" in table.attributes.values()
    picks = [ROW, f"{values.origin(key, types)} as row_id"]
    picks += [f"{values.origin(known, types)} as known_from"] if known and fixed else []
    given = [
        f"{{n: {text(c)}, v: {values.as_text(types[c.lower()], quoted(c))}, fixed: {when == 'fixed'}}}"
        for c, when in table.attributes.items()
    ]
    each = f"select {', '.join(picks)}, unnest([{', '.join(given)}]) as given, unnest(range({len(given)})) as nth from {source}{where(table.keep)}"
    number = f"({ROW} - 1) * {len(given)} + nth + 1 as {ROW}"
    since = ", case when given.fixed then known_from end as known_from" if known and fixed else ""
    rows = f"select {number}, row_id, given.n as name, given.v as value{since} from ({each}) where given.v is not null"
    con.execute(f"create view {quoted(f'joined {part}')} as {rows}")
    plain = {"column": None, "sql": None, "value": None, "key": ()}
    made = {
        "table": Column.model_validate({"value": table.name}),
        "row_id": key.model_copy(update=plain | {"column": "row_id"}),
    }
    made |= {c: Column.model_validate({"column": c}) for c in ("name", "value")}
    if since and known:
        made["known_from"] = known.model_copy(update=plain | {"column": "known_from"})
    for c, column in made.items():
        column.place, column.kind = f"{NAME}: {c}", schema.spec(NAME).columns[c].kind
    return made
