"""A log with one row per changed field of a deal as one row per moment, with all values as they were from then on."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
from abmlib.tables import schema
from abmlib.tables.errors import FIRST, TableError
from abmlib.tables.importers import values
from abmlib.tables.importers.mapping_file import CHANGING, MEANT_FOR, ROW, Column, Mapping
from abmlib.tables.importers.sources import where
from abmlib.tables.importers.sql import Engine, one, quoted, text, texts, types_of
from abmlib.tables.ledger import LedgerRow

LONGEST_NAME = 40  # letters of what may be the name of a field, and not a value of the log
NAME = "opportunity_stage_history"
LOG, MOMENTS = '"log of changes"', '"moments of changes"'  # tables of the engine
PLAIN = {"column": None, "sql": None, "value": None, "key": ()}


def add(con: Engine, mapping: Mapping) -> tuple[Mapping, list[LedgerRow]]:
    """Let the table that a log gives be made from a view with a row per moment, and say what became of the log's rows.

    Changes of one moment become one row. Fields that the table lacks are counted and left out, as are moments before the first
    known stage. Of a field that is logged for no deal the past is not known, whatever the deal has now.
    """
    table = mapping.tables.get(NAME)
    if table is None or table.changes is None:
        return mapping, []
    ((source, columns),) = table.sources.items()
    fields = [c for c in CHANGING if c in columns and getattr(table.changes, c)]
    steps = _load(con, mapping)
    _pivot(con, mapping, fields)
    part = f"{source} by moment"
    con.execute(f"create view {quoted(f'joined {part}')} as select * from {MOMENTS} where stage is not null")
    total, n = one(con, f"select count(*), count(stage) from {MOMENTS}")
    if n < total:
        steps.append(LedgerRow("changes", NAME, total, n, total - n, "no stage known yet at that moment"))
    read = {c: columns[c].model_copy(update={"column": c}) for c in fields}
    read |= {c: columns[c].model_copy(update=PLAIN | {"column": c}) for c in ("opportunity_id", "entered_at")}
    read["changed_field"] = Column.model_validate({"column": "changed_field"})
    read["changed_field"].place, read["changed_field"].kind = f"{NAME}: changed_field", "text"
    read = {c: read[c] for c in schema.spec(NAME).columns if c in read}
    made = table.model_copy(update={"sources": {part: read}, "columns": read, "keep": []})
    sources = {**mapping.sources, part: mapping.sources[source].model_copy(update={"name": part})}
    return mapping.model_copy(update={"sources": sources, "tables": {**mapping.tables, NAME: made}}), steps


def _load(con: Engine, mapping: Mapping) -> list[LedgerRow]:
    """Keep the log's rows about our fields in the engine: deal, moment as written and as a time, field, new and old value."""
    table = mapping.tables[NAME]
    ((name, columns),) = table.sources.items()
    source = f"{quoted(f'joined {name}')} as {quoted(name)}"
    types = types_of(con, quoted(f"joined {name}"))
    if (log := table.changes) is None:
        return []
    field, new, old = (
        values.as_text(types[c.lower()], quoted(c)) if c else "null::varchar" for c in (log.field, log.new, log.old)
    )
    deal, moment = (values.origin(columns[c], types) for c in ("opportunity_id", "entered_at"))
    kind = types_of(con, f"select {moment} as x from {source}")["x"]
    at = values.read_value(columns["entered_at"], kind, moment, mapping.workbook.time_zone)
    called = {c: texts([n.lower() for n in getattr(log, c)]) for c in ("created", *CHANGING) if getattr(log, c)}
    is_field = " ".join(f"when lower({field}) in ({names}) then {text(c)}" for c, names in called.items())
    con.execute(
        f"create table {LOG} as select {ROW}, {deal} as deal, {moment} as moment, {at} as happened, case {is_field} end as field, "
        f"{field} as called, {new} as new, {old} as old from {source}{where(table.keep)}"
    )
    for c in CHANGING:
        if found := _lookup(mapping, c):
            for value in ("new", "old"):
                con.execute(f"update {LOG} set {value} = v from ({found}) where field = {text(c)} and {value} = k")
    total, known = one(con, f"select count(*), count(field) from {LOG}")
    others = [n for (n,) in con.execute(f"select distinct called from {LOG} where field is null order by 1").fetchall()]
    names = [n for n in others if n and len(n) <= LONGEST_NAME and "@" not in n][:FIRST]
    names += [f"{len(others) - len(names)} more"] if len(others) > len(names) else []
    if total and not known:
        what = f"none of {total} rows of {name} is about a field that changes names; {log.field} has {', '.join(names)}"
        raise TableError(f"{NAME}: {what}. Correct the names in the mapping.")
    why = "one row per moment" + (f"; other fields: {', '.join(names)}" if others else "")
    return [LedgerRow("changes", NAME, total, known, total - known, why)]


def _lookup(mapping: Mapping, column: str) -> str | None:
    """The query of keys and texts in which the deals look a value up, such as the name of a stage."""
    deals = mapping.tables.get("opportunities")
    for name, columns in deals.sources.items() if deals else ():
        source = mapping.sources[name]
        other, there = source.of(columns[column].column or "") if column in columns else (name, "")
        if other != name and len(by := source.join[other].by) == 1:
            key = quoted(next(iter(by.values())))
            return f"select {key}::varchar as k, any_value({quoted(there)})::varchar as v from {quoted(f'joined {other}')} group by 1"
    return None


def _pivot(con: Engine, mapping: Mapping, fields: list[str]) -> None:
    """Keep one row per deal and moment in the engine, each field with its value from then on.

    Of several changes of a field in one moment the last in their chain holds: the one whose value no other was changed from.
    """
    logged = {f for (f,) in con.execute(f"select distinct field from {LOG} where field is not null").fetchall()}
    news, olds = (f"list({x}) over (partition by deal, t, field)" for x in ("new", "old"))
    rows = (
        f"select *, coalesce(list_contains({olds}, new), false)::bigint as passed, coalesce(list_contains({news}, old), false)::bigint "
        f"as inner_old from (select *, coalesce(happened::varchar, moment::varchar) as t from {LOG} where field is not null)"
    )
    picks = [
        f"min({ROW}) as {ROW}",
        f"arg_min(moment, {ROW}) as moment",
        "min(happened) as happened",
        "bool_or(field = 'created') as created",
    ]
    for c in fields:
        of = f"filter (where field = {text(c)})"
        picks.append(f"arg_max({{v: new}}, [1 - passed, {ROW}]) {of} as {quoted(f'new {c}')}")
        picks.append(f"arg_min({{v: old}}, [inner_old, {ROW}]) {of} as {quoted(f'old {c}')}")
    by_moment = f"select deal, t, {', '.join(picks)} from ({rows}) group by deal, t"
    order, whole = (
        "partition by deal order by happened, " + ROW,
        "rows between unbounded preceding and unbounded following",
    )
    present, kept = _present(con, mapping, [c for c in fields if c in logged])
    made, what = [], "case when created then 'created'"
    for c in fields:
        new, old = quoted(f"new {c}"), quoted(f"old {c}")
        now = f", {{v: {quoted(f'now {c}')}}}" if c in kept else ""
        then = f"last_value({new} ignore nulls) over ({order})"
        before = f"first_value({old} ignore nulls) over ({order} {whole})"
        made.append(f"coalesce({then}, {before}{now}).v as {quoted(c)}")
        what += f" when {new} is not null then {text(c)}"
    con.execute(
        f"create table {MOMENTS} as select {ROW}, deal as opportunity_id, moment as entered_at, {', '.join(made)}, {what} end "
        f"as changed_field from ({by_moment}) left join ({present}) on deal::varchar = id order by {ROW}"
    )


def _present(con: Engine, mapping: Mapping, fields: list[str]) -> tuple[str, list[str]]:
    """The query of the values that deals have now, and of which fields: those that are read as the log's are."""
    none, deals = "select null::varchar as id where false", mapping.tables.get("opportunities")
    if deals is None or deals.one_row_per:
        return none, []
    ((_, ours),) = mapping.tables[NAME].sources.items()
    kept = [c for c in fields if all(c in part and _alike(part[c], ours[c]) for part in deals.sources.values())]
    parts = []
    for name, columns in deals.sources.items():
        source = f"{quoted(f'joined {name}')} as {quoted(name)}"
        types = types_of(con, quoted(f"joined {name}"))
        picks = [(c, values.origin(columns[c], types)) for c in ("opportunity_id", *kept)]
        given = types_of(con, f"select {', '.join(f'{x} as {quoted(c)}' for c, x in picks)} from {source}")
        now = [f"{values.as_text(given[c], x)} as {quoted(f'now {c}')}" for c, x in picks]
        parts.append(f"select {', '.join(now)} from {source}{where(deals.keep)}")
    chosen = ['"now opportunity_id" as id', *(f"any_value({quoted(f'now {c}')}) as {quoted(f'now {c}')}" for c in kept)]
    return f"select {', '.join(chosen)} from ({' union all '.join(parts)}) group by 1", kept


def _alike(one: Column, other: Column) -> bool:
    """Say whether two columns are read by the same words."""
    words = [
        "map",
        "otherwise",
        *(w for w, kinds in MEANT_FOR.items() if one.kind in kinds and w not in ("key", "hash")),
    ]
    return all(getattr(one, w) == getattr(other, w) for w in words)
