"""A copy of a data set that names no account and no person: codes stand for them, the same wherever one occurs.

Every notebook gives the same numbers on the copy. So a value is replaced, not taken out: what was filled stays filled, and
what was equal stays equal.
"""
# ruff: noqa: S608 -- what is written into SQL are names of the schema; text of the data is only ever read from columns

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from abmlib.tables import schema, secret
from abmlib.tables.settings import FILE, PROGRAMME
from abmlib.tables.source import Source

TITLE = "Redacted"
HISTORY = "attribute_history"
# What the id or name in a column stands for. One kind has one set of codes, in all tables.
KINDS = {
    "account_id": "account", "parent_account_id": "account", "is_duplicate_of": "account",
    "contact_id": "contact", "opportunity_id": "deal", "campaign_id": "campaign", "parent_id": "campaign",
    "owner_id": "person", "entered_by": "person", "owner": "person", "person_id": "person", "delivered_to": "person",
    "competitor": "company", "incumbent": "company",
    "domain": "domain", "email_domain": "domain",
}  # fmt: skip
FORMS = {"account": ("A", ""), "contact": ("C", ""), "deal": ("D", ""), "campaign": ("K", ""), "person": ("P", ""),
         "company": ("Company ", ""), "domain": ("D", ".example")}  # fmt: skip
EVENTS = {
    "activity_id": "V",
    "transaction_id": "T",
    "response_id": "R",
    "session_id": "S",
    "case_id": "Q",
    "mention_id": "M",
    "feedback_id": "F",
    "insight_id": "I",
    "goal_id": "G",
    "contract_id": "N",
    "email_hash": "",
}  # hashed; too many to shorten
NAMES = {  # what a name becomes: a word, and the code of its row's id
    ("accounts", "name"): ("Account ", "account"),
    ("contacts", "full_name"): ("Contact ", "contact"),
    ("opportunities", "name"): ("Deal ", "deal"),
    ("campaigns", "name"): ("Campaign ", "campaign"),
}
KEPT = {"stage", "measure_id", "supersedes"}  # the workbook's own words: places in stage_order, ids of measures, times
LENGTHS = (6, 9, 12, 64)  # digits of a code: the first with which no other id of its kind begins
DIGITS = 20  # of a hash that is not shortened further

EAST = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"  # scripts that put no blank between words: a letter counts as one
WORD = re.compile(f"[{EAST}]|[^\\W_{EAST}]+")
LEAST, EXACT_BELOW = 2, 4  # letters of a name that can be sought; of one whose capitals must agree
Index = dict[str, dict[int, dict[tuple[str, ...], dict[tuple[str, ...], str]]]]


def words(text: str) -> list[str]:
    """Split text into words, signs and blanks left out."""
    return WORD.findall(unicodedata.normalize("NFC", text))


def index(names: Iterable[str]) -> Index:
    """Arrange names to be sought: by their first word, their count of words, and their words.

    Numbers, and names of one letter or of signs alone, cannot be told from other text and are left out.
    """
    arranged: Index = {}
    for name in names:
        spelt = tuple(words(name))
        letters = "".join(spelt)
        if len(letters) < LEAST or letters.isnumeric():
            continue
        folded = tuple(w.casefold() for w in spelt)
        arranged.setdefault(folded[0], {}).setdefault(len(folded), {}).setdefault(folded, {})[spelt] = name
    return arranged


def found(text: str, sought: Index) -> set[str]:
    """Give the names that stand in a text as whole words, whatever signs are between them.

    Capitals do not count, but in names of fewer than `EXACT_BELOW` letters.

    Examples
    --------
    >>> sorted(found("Lost to ACME-Corp., says IBM; acme is fine, and it is", index(["Acme Corp", "IBM", "IT", "Corp X"])))
    ['Acme Corp', 'IBM']
    """
    spelt = words(text)
    folded = [w.casefold() for w in spelt]
    names: set[str] = set()
    for i, first in enumerate(folded):
        for n, phrases in sought.get(first, {}).items():
            for written, name in phrases.get(tuple(folded[i : i + n]), {}).items():
                if len("".join(written)) >= EXACT_BELOW or written == tuple(spelt[i : i + n]):
                    names.add(name)
    return names


def names_of(source: Source) -> list[str]:
    """Give what a copy must not show: names, ids and web addresses of accounts, of old too, and the ids of people."""
    wanted = [("accounts", c, "TRUE") for c in ("account_id", "name", "domain")]
    wanted += [(table, c, "TRUE") for table, c in columns(source, "account") + columns(source, "person")]
    wanted += [(HISTORY, "value", """t."table" = 'accounts' AND t.field IN ('name', 'domain')""")]
    parts = [
        f'SELECT t."{column}" AS name FROM ({typed(source, table)}) AS t WHERE {where}'
        for table, column, where in dict.fromkeys(wanted)
        if table in source.names
    ]
    rows = _run(source, f"SELECT DISTINCT name FROM ({' UNION ALL '.join(parts)}) WHERE name IS NOT NULL")
    return sorted({name for (name,) in rows.fetchall()} - {schema.SOURCE})


def redacted(source: Source, key: bytes, to: Path) -> pd.DataFrame:
    """Write a copy of a data set with codes for all that names an account or a person.

    No row is added or lost; rows are in the order of their codes. Ids of accounts, contacts, deals, campaigns and people,
    web domains and rival companies become codes made from their keyed hash; names become the code of their row; free text
    about people, and any other text that holds a name of `names_of`, becomes a code of itself. Products, industries, places, stages and all numbers and
    dates stay. Of ``workbook.yml`` the title is replaced and what the import wrote left out. Columns that the schema does
    not know are left out.

    Parameters
    ----------
    key : 16 bytes or more; the same key gives the same codes
    to : folder to write, not yet there

    Returns
    -------
    DataFrame, one row per account id of any table: ``account_id, name`` (missing where accounts lacks it), ``code``

    Raises
    ------
    ValueError
        If `to` is there already, or the key is too short.
    """
    if to.exists():
        raise ValueError(f"{to.name}: is there already. Give a folder that is not there yet.")
    secret.digest("", key)  # refuses a key that is too short, before anything is written
    (to / PROGRAMME).mkdir(parents=True)
    for kind in FORMS:
        _code(source, kind, key)
    sought = index(names_of(source))
    _code_text(source, sought, key)
    for name in sorted(source.names - {"forgotten"}):  # who was forgotten is not in any table that is written
        programme = name in schema.PROGRAMME
        place = to / PROGRAMME / f"{name}.csv" if programme else to / f"{name}.parquet"
        form = "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'" if programme else "FORMAT parquet"
        _run(source, f"COPY ({_select(source, name, key)}) TO {quoted(str(place))} ({form})")
    facts = asdict(source.settings) | {"title": TITLE, "stage_order": list(source.settings.stage_order)}
    facts.pop("source")
    (to / FILE).write_text(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True), "utf-8")
    ledger = source.folder / "ledger.csv" if source.folder else None
    if ledger is not None and ledger.is_file():
        pd.read_csv(ledger).map(lambda v: _told(v, sought)).to_csv(to / "ledger.csv", index=False, lineterminator="\n")
    accounts = typed(source, "accounts")
    rows = _run(
        source,
        f"SELECT id, a.name, code FROM redacted_account LEFT JOIN ({accounts}) AS a ON a.account_id = id ORDER BY id",
    )
    return pd.DataFrame(rows.fetchall(), columns=["account_id", "name", "code"], dtype="str")


def codes(source: Source, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Give the codes of some ids of a kind of `FORMS`, once `redacted` has run on the source; unknown ones are left out."""
    return dict(
        _run(source, f"SELECT id, code FROM redacted_{kind} WHERE list_contains(?, id)", [list(ids)]).fetchall()
    )


def typed(source: Source, name: str) -> str:
    """Write the query of a table in the types of the schema."""
    return str(source.con.compile(source.typed(name)))


def columns(source: Source, kind: str) -> list[tuple[str, str]]:
    """Name the columns of the source, as table and column, that hold ids or names of a kind."""
    return [(t, c) for t in sorted(source.names) for c in _written(source, t) if KINDS.get(c) == kind]


def quoted(text: str) -> str:
    """Write text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _run(source: Source, sql: str, values: Sequence[object] = ()) -> Any:
    return source.con.con.execute(sql, values)


def _written(source: Source, name: str) -> list[str]:
    """The columns of a table that the source has and the schema knows."""
    spec = schema.spec(name).columns
    return [c for c, d in spec.items() if c in source.raw[name].columns and not d.derived]


def _hash(kind: str, value: str, key: bytes) -> str:
    """The expression of a hash that differs between kinds, and between ids that differ in capitals only; web domains do not."""
    seen = f"'{kind} ' || hex({f'lower({value})' if kind == 'domain' else value})"
    return f"upper({secret.digest_sql(seen, key)})"


def _code(source: Source, kind: str, key: bytes) -> None:
    """Give each id of a kind its code, as short as it can be told from all others."""
    parts = [f'SELECT t."{c}" AS id FROM ({typed(source, n)}) AS t' for n, c in columns(source, kind)]
    if HISTORY in source.names:
        past = typed(source, HISTORY)
        fields = ", ".join(quoted(c) for c, k in KINDS.items() if k == kind)
        tables = ", ".join(quoted(n) for n in schema.CANONICAL if KINDS.get(schema.key(n)[0]) == kind) or "NULL"
        parts.append(f"SELECT value AS id FROM ({past}) WHERE field IN ({fields})")
        parts.append(f'SELECT row_id AS id FROM ({past}) WHERE "table" IN ({tables})')
    ids = " UNION ALL ".join(parts) or "SELECT NULL::VARCHAR AS id"
    before, after = FORMS[kind]
    short = " ".join(f"WHEN count(DISTINCT h) OVER (PARTITION BY left(h, {n})) = 1 THEN left(h, {n})" for n in LENGTHS)
    _run(
        source,
        f"CREATE OR REPLACE TEMP TABLE redacted_{kind} AS SELECT id, {quoted(before)} || (CASE {short} END) || {quoted(after)} AS code "
        f"FROM (SELECT id, {_hash(kind, 'id', key)} AS h FROM (SELECT DISTINCT id FROM ({ids}) WHERE id IS NOT NULL))",
    )


def _is_text(name: str, column: str) -> bool:
    """Say whether a column holds words that nothing says the meaning of, so that a name may stand there."""
    own = schema.spec(name).columns[column]
    coded = column in KINDS or column in EVENTS or (name, column) in NAMES
    free = own.kind in {"text", "list", "id"} and not own.one_of and not own.matches
    return free and not coded and column not in KEPT and not (name == HISTORY and column != "value")


def _code_text(source: Source, sought: Index, key: bytes) -> None:
    """Give each text that holds a name, or is free text about people, a code of its own."""
    hits: set[str] = set()
    said = {(t, c) for t in schema.importable() if t != "contacts" for c in schema.personal(t)}
    pairs = ", ".join(f"({quoted(t)}, {quoted(c)})" for t, c in sorted(said))
    places = [
        (t, c, "TRUE", (t, c) in said) for t in sorted(source.names) for c in _written(source, t) if _is_text(t, c)
    ]
    if HISTORY in source.names:
        places.append((HISTORY, "value", f'("table", field) IN ({pairs})', True))
    for name, column, where, whole in places:
        texts = _run(
            source, f'SELECT DISTINCT "{column}" FROM ({typed(source, name)}) WHERE "{column}" IS NOT NULL AND {where}'
        )
        while rows := texts.fetchmany(10_000):
            hits |= {value for (value,) in rows if whole or found(value, sought)}
    source.con.con.register("redacted_hits", pd.DataFrame({"id": sorted(hits)}, dtype="str"))
    digits = _hash("text", "id", key)
    _run(
        source,
        "CREATE OR REPLACE TEMP TABLE redacted_text AS "
        f"SELECT id, 'Text ' || left({digits}, {DIGITS}) AS code FROM (SELECT id::VARCHAR AS id FROM redacted_hits)",
    )
    source.con.con.unregister("redacted_hits")


def _select(source: Source, name: str, key: bytes) -> str:
    """Write the query of a table with codes in place of ids, names and texts, in the order of its key."""
    joins: dict[str, str] = {}

    def code(kind: str, column: str) -> str:
        alias = f"{kind}_of_{column}"
        joins[alias] = f'LEFT JOIN redacted_{kind} AS {alias} ON t."{column}" = {alias}.id'
        return f"{alias}.code"

    def named(table: str, column: str, value: str, row: str) -> str:
        word, kind = NAMES[table, column]
        return f"CASE WHEN {value} IS NOT NULL THEN {quoted(word)} || substr({code(kind, row)}, 2) END"

    def event(column: str, value: str) -> str:
        hashed = _hash(column, value, key)
        return f"{quoted(EVENTS[column])} || left({hashed}, {DIGITS})" if EVENTS[column] else f"lower({hashed})"

    def shown(column: str) -> str:
        value = f't."{column}"'
        if name == HISTORY and column == "row_id":
            keys = {n: schema.key(n)[0] for n in schema.CANONICAL}
            cases = [f"WHEN {quoted(n)} THEN {code(KINDS[k], column)}" for n, k in keys.items() if k in KINDS]
            cases += [f"WHEN {quoted(n)} THEN {event(k, value)}" for n, k in keys.items() if k in EVENTS]
            return f'CASE t."table" {" ".join(cases)} ELSE {value} END'
        if name == HISTORY and column == "value":
            cases = [
                f'WHEN t."table" = {quoted(n)} AND t.field = {quoted(c)} THEN {named(n, c, value, "row_id")}'
                for n, c in NAMES
            ]
            cases += [f"WHEN t.field = {quoted(c)} THEN {code(kind, column)}" for c, kind in KINDS.items()]
            cases += [f"WHEN t.field = {quoted(c)} THEN {event(c, value)}" for c in EVENTS]
            return f"CASE {' '.join(cases)} ELSE coalesce({code('text', column)}, {value}) END"
        if (name, column) in NAMES:
            return named(name, column, value, schema.key(name)[0])
        if column == "entered_by":  # of a row that nobody entered, see `Source`
            return f"CASE WHEN {value} = {quoted(schema.SOURCE)} THEN {value} ELSE {code(KINDS[column], column)} END"
        if column in KINDS:
            return code(KINDS[column], column)
        if column in EVENTS:
            return event(column, value)
        return f"coalesce({code('text', column)}, {value})" if _is_text(name, column) else value

    there = _written(source, name)
    columns = ", ".join(f'{shown(c)} AS "{c}"' for c in there)
    order = ", ".join(str(there.index(c) + 1) for c in schema.key(name) if c in there)
    return f"SELECT {columns} FROM ({typed(source, name)}) AS t {' '.join(joins.values())} ORDER BY {order}"


def _told(cell: object, sought: Index) -> object:
    """Cut the cases that a cell of the ledger names."""
    text = re.sub(r"\s*\(first:.*", "", cell, flags=re.S) if isinstance(cell, str) else cell
    return TITLE if isinstance(text, str) and found(text, sought) else text
