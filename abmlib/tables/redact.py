"""A copy of a data set that names no account and no person: codes stand for them, the same wherever one occurs.

Every notebook gives the same numbers on the copy. So a value is replaced, not taken out: what was filled stays filled, and
what was equal stays equal.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from abmlib.tables import people, schema, secret
from abmlib.tables.reading import NULLABLE
from abmlib.tables.settings import FILE, PROGRAMME
from abmlib.tables.source import Source

TITLE = "Redacted"
HISTORY, ATTRIBUTES = "attribute_history", "attributes"
TEXT, NOTE = "text", "note"  # kinds: text in which a name may be, and what somebody wrote freely
EMAIL = "email_hash"  # kind whose code must stay a hash
# What an id or name stands for. One kind has one set of codes, in all tables: how a code begins, and the columns.
KINDS = {
    "account": ("A", "account_id parent_account_id is_duplicate_of"),
    "contact": ("C", "contact_id lead_id"), "deal": ("D", "opportunity_id"), "campaign": ("K", "campaign_id parent_id"),
    "person": ("P", "owner_id entered_by owner person_id delivered_to"), "company": ("Company ", "competitor incumbent"),
    "domain": ("D", "domain email_domain"), "activity": ("V", "activity_id"), "transaction": ("T", "transaction_id"),
    "response": ("R", "response_id"), "session": ("S", "session_id"), "case": ("Q", "case_id"),
    "mention": ("M", "mention_id"), "feedback": ("F", "feedback_id"), "insight": ("I", "insight_id"),
    "goal": ("G", "goal_id"), "contract": ("N", "contract_id"), EMAIL: ("", "email_hash"), TEXT: ("Text ", ""), NOTE: ("Note ", ""),
}  # fmt: skip
KIND_OF = {column: kind for kind, (_, columns) in KINDS.items() for column in columns.split()}
NAMES = {  # what a name becomes: a word, and the code of its row's id
    ("accounts", "name"): "Account ", ("contacts", "full_name"): "Contact ",
    ("opportunities", "name"): "Deal ", ("campaigns", "name"): "Campaign ",
}  # fmt: skip
VOCABULARY = {  # text of the programme by which rows are counted or joined; all other is written freely
    "account_insights.source", "content.format", "content.language", "content.product_line", "contracts.product_line",
    "criteria.sign_off_team", "cycle_overrides.product_line", "experiments.pre_registered_metric", "experiments.stratum", "experiment_plans.looks",
    "list_votes.round", "list_votes.voter_team", "message_tests.arm", "messages.version", "personas.function",
    "readiness.item", "team.team",
}  # fmt: skip
# the workbook's own words: places in stage_order, ids of measures, names of decisions, times
TEAMS = schema.spec("activities").columns["team"].one_of or ()
KEPT = {"stage", "measure_id", "slug", "supersedes"}
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
LENGTHS = (6, 9, 12, 64)  # digits of a code: the first with which no other id of its kind begins

EAST = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"  # scripts that put no blank between words: a letter counts as one
WORD = re.compile(f"[{EAST}]|[^\\W_{EAST}]+")
LEAST, EXACT_BELOW = 2, 4  # letters of a name that can be sought; of one whose capitals must agree
Index = dict[str, list[tuple[list[str], list[str], str]]]
Codes = dict[str, dict[str, str]]  # of each kind: id to code
Tables = dict[str, pa.Table]


def words(text: str) -> list[str]:
    """Split text into words, signs and blanks left out."""
    return WORD.findall(unicodedata.normalize("NFC", text))


def index(names: Iterable[str]) -> Index:
    """Arrange names by their first word, to be sought.

    Each as words without capitals, words as written, and name.

    Numbers, and names of one letter or of signs alone, cannot be told from other text and are left out.
    """
    arranged: Index = {}
    for name in names:
        written = words(name)
        letters = "".join(written)
        if len(letters) >= LEAST and not letters.isnumeric():
            folded = [w.casefold() for w in written]
            arranged.setdefault(folded[0], []).append((folded, written, name))
    return arranged


def found(text: str, sought: Index) -> set[str]:
    """Give the names that a text has as whole words, whatever signs are between them.

    Capitals do not count, but in names of fewer than `EXACT_BELOW` letters.

    Examples
    --------
    >>> sorted(found("Lost to ACME-Corp., says IBM; acme is fine, and it is", index(["Acme Corp", "IBM", "IT", "Corp X"])))
    ['Acme Corp', 'IBM']
    """
    spelt = words(text)
    folded = [w.casefold() for w in spelt]
    return {
        name
        for i, first in enumerate(folded)
        for phrase, written, name in sought.get(first, ())
        if folded[i : i + len(phrase)] == phrase
        and (len("".join(written)) >= EXACT_BELOW or spelt[i : i + len(phrase)] == written)
    }


def read(source: Source) -> Tables:
    """Give the tables of a source in the types of the schema, derived columns left out."""
    known = {name: [c for c, d in schema.spec(name).columns.items() if not d.derived] for name in sorted(source.names)}
    return {name: source.typed(name).select(columns).to_pyarrow() for name, columns in known.items()}


def names_of(tables: Tables) -> list[str]:
    """Give the names and ids that a copy must not show.

    Names, ids and web addresses of accounts, also former ones, the names and ids of people and campaigns, the ids of deals, and
    rival companies. A team that answers for something is no person.

    Parameters
    ----------
    tables : of `read`
    """
    named_columns = (("accounts", "name"), ("accounts", "domain"), ("contacts", "full_name"), ("campaigns", "name"))
    kinds = ("account", "contact", "deal", "person", "campaign", "company")
    named = [v for column, kind, v in values_of(tables) if column in named_columns or kind in kinds]
    return sorted(set().union(*named) - {schema.SOURCE, *TEAMS})


def redacted(source: Source, key: bytes, to: Path) -> pd.DataFrame:
    """Write a copy of a data set with codes for all that names an account or a person.

    No row is added or lost; rows are in the order of their codes. Each table is read whole, typed, without who was
    forgotten. Ids of accounts, contacts, deals, campaigns, people and events, web domains and rival companies become codes
    made from their keyed hash; names become the code of their row; free text about people and of the programme, and any other
    text that holds a name of `names_of`, becomes a code of itself. Products, industries, places, stages and all numbers and dates stay. Of
    ``workbook.yml`` the title is replaced and what the import wrote left out. Columns that the schema does not know are
    left out.

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
    tables = read(source)
    of_kind = codes(tables, key)
    (to / PROGRAMME).mkdir(parents=True)
    for name in sorted({*tables} - {"forgotten"}):  # who was forgotten is not in any table that is written
        table = coded(name, tables[name], of_kind)
        if name in schema.PROGRAMME:
            frame = table.to_pandas(types_mapper=NULLABLE.get)
            frame.to_csv(to / PROGRAMME / f"{name}.csv", index=False, date_format=TIME, lineterminator="\n")
        else:
            pq.write_table(table, to / f"{name}.parquet")
    facts = {n: value for n, value in asdict(source.settings).items() if n != "source"} | {"title": TITLE}
    (to / FILE).write_text(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True), "utf-8")
    ledger = source.folder / "ledger.csv" if source.folder else None
    if ledger is not None and ledger.is_file():
        sought = index(names_of(tables))
        rows = pd.read_csv(ledger).map(lambda cell: without_cases(cell, sought))
        rows.to_csv(to / "ledger.csv", index=False, lineterminator="\n")
    accounts = pd.DataFrame(sorted(of_kind["account"].items()), columns=["account_id", "code"], dtype="str")
    named = tables["accounts"].select(["account_id", "name"]).to_pandas()
    return accounts.merge(named, "left", on="account_id")[["account_id", "name", "code"]]


def kind_of(name: str, column: str) -> str | None:
    """Name the kind of what a column holds.

    None where it names nobody, and for the names in `NAMES`.
    """
    if column in KIND_OF or column in KEPT or (name, column) in NAMES:
        return KIND_OF.get(column)
    definition = schema.spec(name).columns.get(column) if name in schema.importable() else None
    if definition and (definition.one_of or definition.matches):
        return None
    if definition is None or name == "contacts" or f"{name}.{column}" in VOCABULARY:
        return TEXT
    return NOTE if definition.personal or (name in schema.PROGRAMME and definition.kind == "text") else TEXT


def pieces(name: str, frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str], str | None, str, pd.Index]]:
    """Give the columns of a table, with kind and rows.

    Each as table and column, kind, column here, and rows.

    The rows of attribute_history and attributes hold what the tables hold that they are about.
    """
    if name not in (HISTORY, ATTRIBUTES):
        yield from (((name, column), kind_of(name, column), column, frame.index) for column in frame)
        return
    for table, rows in frame.groupby("table"):
        key = schema.key(table)[0] if table in schema.importable() else ""
        yield (table, key), kind_of(table, key), "row_id", rows.index
        if name == ATTRIBUTES:
            yield (name, "name"), TEXT, "name", rows.index
            yield (name, "value"), NOTE if table in people.PEOPLE else TEXT, "value", rows.index
    if name == ATTRIBUTES:
        return
    for (table, field), rows in frame.groupby(["table", "field"]):
        yield (table, field), kind_of(table, field) or (None if (table, field) in NAMES else TEXT), "value", rows.index


def texts(table: pa.Table) -> pd.DataFrame:
    """Give the columns of a table that hold text."""
    return table.select([f.name for f in table.schema if pa.types.is_string(f.type)]).to_pandas()


def values_of(tables: Tables) -> Iterator[tuple[tuple[str, str], str | None, set[str]]]:
    """Give the values of each of the `pieces` of all tables."""
    for name, table in tables.items():
        frame = texts(table)
        yield from ((what, kind, {*frame.loc[rows, c].dropna()}) for what, kind, c, rows in pieces(name, frame))


def codes(tables: Tables, key: bytes) -> Codes:
    """Give the codes of all ids, by kind.

    Texts that hold a name, and all notes, have codes too.
    """
    values: dict[str | None, set[str]] = defaultdict(set)
    for _, kind, some in values_of(tables):
        values[kind] |= some
    sought = index(names_of(tables))
    values[TEXT] = {text for text in values[TEXT] if found(text, sought)}
    of_kind = {kind: short_codes(values[kind], kind, key) for kind in KINDS}
    of_kind["person"][schema.SOURCE] = schema.SOURCE  # a row that nobody entered, see `Source`
    return of_kind


def short_codes(ids: Iterable[str], kind: str, key: bytes) -> dict[str, str]:
    """Give each id a short code of its keyed hash.

    It is as short as no other id of its kind begins with it.

    Ids that differ in capitals only have codes of their own, but for web domains. Equal ids of two kinds have different codes.
    """
    seen = {i: f"{kind} {(i.lower() if kind == 'domain' else i).encode().hex()}" for i in sorted(ids)}
    hashes = pd.Series({i: secret.digest(text, key) for i, text in seen.items()}, dtype="str")
    if kind == EMAIL:
        return hashes.to_dict()
    whole = pd.Series(hashes.unique(), dtype="str").str.upper()
    short = whole
    for length in sorted(LENGTHS, reverse=True):
        start = whole.str[:length]
        short = short.where(start.duplicated(keep=False), start)
    ends = ".example" if kind == "domain" else ""
    return hashes.map(dict(zip(hashes.unique(), KINDS[kind][0] + short + ends, strict=True))).to_dict()


def coded(name: str, table: pa.Table, of_kind: Codes) -> pa.Table:
    """Put codes in place of ids, names and texts of a table.

    Its rows are in the order of its key.
    """
    frame = texts(table)
    out = frame.copy()
    for (there, field), kind, column, rows in pieces(name, frame):
        values = frame.loc[rows, column]
        if kind:
            code = values.map(of_kind[kind]).astype("str")
            out.loc[rows, column] = code.fillna(values) if kind == TEXT else code
        elif word := NAMES.get((there, field)):
            key = schema.key(there)[0]
            ids = frame.loc[rows, "row_id" if name == HISTORY else key].map(of_kind[KIND_OF[key]]).astype("str")
            out.loc[rows, column] = (word + ids.str[1:]).where(values.notna())
    for column in out:
        table = table.set_column(table.column_names.index(column), column, pa.array(out[column], pa.string()))
    return table.sort_by([(c, "ascending") for c in schema.key(name)])


def without_cases(cell: object, sought: Index) -> object:
    """Cut the cases that a cell of the ledger names."""
    text = re.sub(r"\s*\(first:.*", "", cell, flags=re.S) if isinstance(cell, str) else cell
    return TITLE if isinstance(text, str) and found(text, sought) else text
