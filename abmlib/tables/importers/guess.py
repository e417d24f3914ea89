"""Which canonical table a file of an export feeds, and which of its columns are which: by names, kinds and values."""

# ruff: noqa: S608  SQL is put together here: columns pass Fact.x, tables are numbered
import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from abmlib.tables import schema
from abmlib.tables.importers import values
from abmlib.tables.importers.exports import Export, File
from abmlib.tables.importers.facts import FEW, WORDS, Fact
from abmlib.tables.importers.sql import one

TABLES: dict[str, Any] = WORDS["tables"]
SURE, ENOUGH = 0.78, 0.5  # of a score: below the first a doubt is written, below the second nothing
LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "ł": "l", "æ": "ae"}
NAMED, ENDS, HOLDS = 3.0, 2.0, 1.0  # the file's name is the table's, ends with it, holds it
# How well a column of a kind fits a canonical kind; not at all where none is named.
FITS: dict[str, dict[str, float]] = {
    "id": {"text": 1, "int": 1, "decimal": 0.7, "url": 0.5, "domain": 0.5, "email": 0.6},
    "text": {"text": 1, "bool": 0.7, "int": 0.75, "url": 0.6, "domain": 0.6},
    "int": {"int": 1, "decimal": 0.9},
    "number": {"int": 1, "decimal": 1},
    "bool": {"bool": 1},
    "ts": {"date": 1, "time": 1, "epoch": 1},
    "domain": {"domain": 1, "url": 1, "text": 0.7},
}
FITS |= {"list": FITS["text"], "money": FITS["number"], "rate": FITS["number"], "date": FITS["ts"]}
ENTITIES = ("accounts", "contacts", "products", "opportunities")  # tables of one row per key
IDS = {"id", "key", "nr", "no", "number", "nummer", "code"}


@dataclass(frozen=True)
class Match:
    """A column of a file taken for a canonical one, and how well it fits from 0 to 1."""

    fact: Fact
    score: float


@dataclass
class Feed:
    """A file that feeds one canonical table, and its columns there.

    Helpers have names that start with _.
    """

    file: File
    table: str
    named: float  # how well the file's name fits
    matches: dict[str, Match] = field(default_factory=dict)

    def fact(self, column: str) -> Fact | None:
        """Give the column that feeds a canonical one."""
        return self.matches[column].fact if column in self.matches else None


def words(name: str) -> list[str]:
    """Cut a name into its words, in small letters and without accents."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    folded = "".join(LETTERS.get(c, c) for c in spaced.lower())
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+|\d+", plain)


@functools.cache
def tokens(name: str) -> tuple[str, ...]:
    """Cut a name into its words, without the noise around them.

    Examples
    --------
    >>> tokens("EnglishProductName"), tokens("property_hs_createdate"), tokens("Kunden-Nr.")
    (('product', 'name'), ('createdate',), ('kunden', 'nr'))
    """
    kept = words(name)
    for end in (0, -1):
        while len(kept) > 1 and kept[end] in WORDS["noise"]:
            kept.pop(end)
    return tuple(kept)


@functools.cache
def phrases(table: str, column: str) -> tuple[dict[str, float], dict[str, list[tuple[tuple[str, ...], float]]]]:
    """List the names a canonical column or a helper goes by.

    Each loses something for its place in the list.

    Returns
    -------
    The names without blanks, and the same in their words, by the first word
    """
    listed = WORDS["helpers"].get(column) or [column.replace("_", " "), *TABLES[table]["columns"].get(column, [])]
    whole: dict[str, float] = {}
    inside: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for words, loss in ((w, min(0.15, 0.01 * i)) for i, phrase in enumerate(listed) for w in _expanded(str(phrase))):
        whole.setdefault("".join(words), loss)
        inside.setdefault(words[0], []).append((words, loss))
    return whole, inside


def _expanded(phrase: str) -> list[tuple[str, ...]]:
    """Put each word of an entity in its place."""
    entity = re.search(r"\{(\w+)\}", phrase)
    whole = [phrase.replace(entity[0], w) for w in WORDS["entities"][entity[1]]] if entity else [phrase]
    return [tuple(re.findall(r"[a-z]+|\d+", text)) for text in whole]


@functools.cache
def name_score(name: str, table: str, column: str) -> float:
    """Say from 0 to 1 how well a column's name fits a canonical column of a table."""
    given = tokens(name)
    if not given or (given[0] == "fivetran" and column != "_deleted"):
        return 0.0
    bare: list[str] = next((WORDS["own"][w] for w in ("name", "key") if column == TABLES[table].get(w)), [])
    joined = "".join(given)
    scores = [0.0, *(0.95 - 0.01 * i for i, p in enumerate(bare) if joined == p.replace(" ", ""))]
    whole, inside = phrases(table, column)
    kind = schema.CANONICAL[table].columns[column].kind if column[0] != "_" else ""
    if joined in whole:
        scores.append(1 - whole[joined])
    scores += [_inside(given, words, kind) - loss for word in set(given) for words, loss in inside.get(word, ())]
    return max(scores)


def _inside(given: tuple[str, ...], words: tuple[str, ...], kind: str) -> float:
    """Say how well a phrase inside a name stands for it.

    Other words around it make it fit less, some not at all.
    """
    size, extra = len(words), [w for w in given if w not in words]
    blocked = {*WORDS["blockers"], *(IDS if kind != "id" else ())}
    there = any(given[i : i + size] == words for i in range(len(given) - size + 1))
    if not there or not 0 < len(extra) <= 2 or blocked & set(extra):
        return 0.0
    return (0.8 if size > 1 else 0.7) - 0.1 * len(extra)


@functools.cache
def summary(name: str) -> bool:
    """Say whether a column sums up the whole period of the export, such as the day of the last order."""
    given = " ".join(re.sub(r"s$", "", t) for t in tokens(name))
    squashed = given.replace(" ", "")
    return any(f" {s} " in f" {given} " or squashed.startswith(s.replace(" ", "")) for s in WORDS["summaries"])


def personal(fact: Fact) -> bool:
    """Say whether a column may hold names or addresses of people, so that no value of it may be shown."""
    return fact.kind in ("email", "phone") or bool(set(tokens(fact.name)) & set(WORDS["personal"]))


def category(fact: Fact) -> bool:
    """Say whether the values of a column may be shown: few, repeated and not about a person."""
    return bool(fact.values) and fact.kind in ("text", "bool", "int") and not personal(fact)


def fit(fact: Fact, table: str, column: str) -> float:
    """Say from 0 to 1 how well the values of a column fit a canonical one."""
    if column in ("_price", "_seconds"):
        return float(fact.kind in ("int", "decimal"))
    if column[0] == "_":
        return float(fact.kind in ("text", "int", "email", "bool", "url", "domain"))
    if table in ENTITIES and column == TABLES[table]["key"] and fact.distinct < 0.5 * fact.rows:
        return 0.0
    definition = schema.CANONICAL[table].columns[column]
    kind = "domain" if column == "domain" else definition.kind
    if definition.one_of and (fact.distinct > FEW or personal(fact) or fact.kind not in ("text", "int", "bool")):
        return 0.0
    if kind == "bool" and (set(fact.values) <= {"0", "1"} or fact.kind == "text") and 0 < len(fact.values) <= 2:
        return 0.8
    return FITS[kind].get(fact.kind, 0.0)


def matched(file: File, table: str) -> dict[str, Match]:
    """Take columns of a file for canonical ones and helpers of a table, each once, the best first."""
    columns = [*(c for c, d in schema.CANONICAL[table].columns.items() if not d.derived), *WORDS["helpers"]]
    scored = [(fit(f, table, c) * name_score(f.name, table, c), c, f) for f in file.facts.values() for c in columns]
    fitting = [(s, c, f) for s, c, f in scored if s >= (0.9 if summary(f.name) else ENOUGH)]
    taken: dict[str, Match] = {}
    for score, c, f in sorted(fitting, key=lambda s: -s[0]):
        if c not in taken and not any(m.fact is f for other, m in taken.items() if (other[0] == "_") == (c[0] == "_")):
            taken[c] = Match(f, score)
    return taken


def feeds(export: Export) -> list[Feed]:
    """Say which table each file feeds, at most one.

    Of several files of one table the best come first.
    """
    judged = [[j for t in TABLES if (j := _judged(file, t))] for file in export.files]
    best = [max(of_file, key=lambda j: j[0])[1] for of_file in judged if of_file]
    return sorted(best, key=lambda f: (-f.named, -len(f.matches), f.file.name))


def file_fit(file: File, table: str) -> float:
    """Say how well a file's name fits a table.

    A name of something the workbook has no table for fits none.
    """
    given = [_singular(t) for t in tokens(file.stem) if not t.isdigit()]
    other, _, last = _best(given, [tuple(map(_singular, str(w).split())) for w in WORDS["other_files"]])
    mine, score, _ = _best(given, [tuple(map(_singular, w)) for p in TABLES[table]["files"] for w in _expanded(str(p))])
    return -1.0 if other > mine or (other == mine and other and last and score < NAMED) else score


def _best(given: Sequence[str], known: Iterable[tuple[str, ...]]) -> tuple[int, float, bool]:
    """Find the longest of some names inside a file's name.

    Returned are its number of words, how well it fits, and whether it comes last.
    """
    best = (0, 0.0, False)
    for words in known:
        whole, last = "".join(given) == "".join(words), tuple(given[-len(words) :]) == words
        if whole or any(tuple(given[i : i + len(words)]) == words for i in range(len(given))):
            best = max(best, (len(words), NAMED if whole else ENDS if last else HOLDS, whole or last))
    return best


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _judged(file: File, table: str) -> tuple[float, Feed] | None:
    """Judge a file as a table: nothing if what the table cannot do without is not there."""
    named, words, matches = file_fit(file, table), TABLES[table], matched(file, table)
    marks = [matches[m] for m in words["marks"] if m in matches]
    names = [words[w] for w in ("key", "name") if w in words]
    keys = [matches[c] for c in names if c in matches]
    telling = len(marks) + sum(len(tokens(m.fact.name)) > 1 for m in keys)  # id says nothing, company id does
    least = words["least"] if named <= 0 else 0 if named == NAMED else min(1, words["least"])
    if named >= ENDS and len(keys) == 2:
        least = 0
    needs = words["needs"][:1] if named == NAMED else words["needs"]
    if named < 0 or telling < least or not all(any(c in matches for c in need) for need in needs):
        return None
    total = 2 * named + sum(m.score for m in marks) + 0.2 * sum(m.score for m in matches.values())
    if keys and table in ENTITIES and keys[0].fact.distinct < 0.9 * keys[0].fact.filled:
        if named < NAMED:
            return None
        total -= 3
    return total, Feed(file, table, named, matches)


def lacking(file: File) -> tuple[str, str]:
    """Name the table that a file is called like, and what it lacks for it; nothing where it is called like none."""
    named, table = max((file_fit(file, t), t) for t in TABLES)
    matches = matched(file, table)
    needs = [" or ".join(c.lstrip("_") for c in need) for need in TABLES[table]["needs"] if not {*need} & {*matches}]
    return (table, ", and ".join(needs)) if named > 0 else ("", "")


def overlap(export: Export, here: tuple[File, Fact], there: tuple[File, Fact]) -> float:
    """Give the share of a column's distinct values found in another.

    Of no values it is 0.
    """
    mine, theirs = (f"(select distinct {values.as_text(f.type, f.x)} as v from {t.table})" for t, f in (here, there))
    known = f"filter (where m.v in (select v from {theirs} where v is not null))"
    total, common = one(export.con, f"select count(m.v), count(m.v) {known} from {mine} m")
    return common / total if total else 0.0
