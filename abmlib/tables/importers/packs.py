"""Packs: what each CRM and kind of file calls its columns, files and values, read from ``packs/*.yml`` and checked."""

# ruff: noqa: RUF012  pydantic copies the defaults of a model
import functools
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import BeforeValidator, Field, model_validator

from abmlib.tables import schema
from abmlib.tables.importers.mapping_file import Column, Words
from abmlib.tables.importers.values import TRUE
from abmlib.tables.yaml_file import read_yaml

FOLDER = Path(__file__).parent / "packs"
COMMON = "common"  # the file of what is of no CRM
PART = r"\{([\w.]+)(?::(date|number))?\}"  # of an expression: a name, and what it is to be read as
LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "đ": "d", "œ": "oe"})


def _texts(given: Any) -> Any:
    """Write numbers and booleans of YAML as texts, also as names."""
    if isinstance(given, dict):
        return {_texts(k): _texts(v) for k, v in given.items()}
    if isinstance(given, list):
        return [_texts(v) for v in given]
    return str(given).lower() if isinstance(given, bool) else str(given) if isinstance(given, int | float) else given


def _listed(given: Any) -> Any:
    return () if given is None else given if isinstance(given, list | tuple) else (given,)


Listed = Annotated[tuple[str, ...], BeforeValidator(lambda v: _listed(_texts(v)))]
Names = dict[str, Listed]  # by source
Recipe = str | dict[str, Any]  # a name, or words of a mapping's column with names in place of headers
Recipes = Annotated[tuple[Recipe, ...], BeforeValidator(_listed)]
Values = dict[str, dict[str, Listed]]  # by canonical column: the value, and the texts that mean it
Text = Annotated[dict[str, Any], BeforeValidator(_texts)]


class Drop(Words):
    """Rows that are left out: those with some values, of a column that is true or not unless they are given."""

    why: str
    values: Listed = TRUE

    @model_validator(mode="before")
    @classmethod
    def _only_why(cls, given: Any) -> Any:
        return {"why": given} if isinstance(given, str) else given


class Kind(Words):
    """One kind of file: the tables it feeds, the names of its columns, and how canonical columns are made of them."""

    pack: str = Field("", exclude=True)
    name: str = Field("", exclude=True)
    table: Listed = ()
    files: Names = {}
    needs: Listed = ()
    names: dict[str, Names] = {}
    joins: dict[str, dict[str, str]] = {}
    columns: dict[str, Recipes] = {}
    changes: dict[str, Any] = {}
    drop: dict[str, Drop] = {}  # by helper
    fixed: Listed = ()

    def headers(self, name: str) -> list[str]:
        """Give the headers of a name, the best first."""
        return [h for listed in self.names.get(name, {}).values() for h in listed]

    def file_names(self) -> list[str]:
        """List what its files are called."""
        return [label for labels in self.files.values() for label in labels]

    @model_validator(mode="after")
    def _fits(self) -> "Kind":
        known = {c for t in self.table for c, d in schema.spec(t).columns.items() if not d.derived}
        known |= {f"{t}.{c}" for t in self.table for c in known & {*schema.spec(t).columns}}
        if strange := [c for c in (*self.names, *self.columns) if c[0] != "_" and c not in known]:
            raise ValueError(f"{strange} are no columns of {list(self.table)}. Correct them, or start a helper with _.")
        there = {*self.names}
        asked = {n for need in self.needs for n in need.split("|")} | {*self.drop, *self.fixed}
        asked |= {n for its in self.joins.values() for n in its if "." not in n}
        for recipe in (r for recipes in self.columns.values() for r in recipes):
            asked |= parts(recipe)
            if isinstance(recipe, dict):
                Column.model_validate(recipe | ({"sql": "1"} if "sql" in recipe else {}))
        asked |= {self.changes[w] for w in ("field", "old", "new") if w in self.changes}
        other = {n for n in asked - there if n.split(".")[0] not in self.joins}
        if other:
            raise ValueError(f"{sorted(other)} stand nowhere under names or joins. Add them.")
        return self


class Pack(Words):
    """One CRM, or one way of keeping files."""

    name: str = Field("", exclude=True)
    title: str
    about: str
    sources: dict[str, str]
    prefixes: Listed = ()
    objects: dict[str, Kind]
    values: Annotated[Values, BeforeValidator(_texts)] = {}

    @model_validator(mode="after")
    def _fits(self) -> "Pack":
        named = {s for k in self.objects.values() for n in (k.files, *k.names.values()) for s in n}
        if unsourced := sorted(named - {*self.sources}):
            raise ValueError(f"labels without a source: {unsourced}; sources has {list(self.sources)}. Name the page.")
        if vague := [s for s, where in self.sources.items() if not re.match(r"https?://|export|house", where)]:
            raise ValueError(f"sources {vague} are neither a page (https://…) nor an export (export of …). Correct.")
        for name, kind in self.objects.items():
            if strange := [j for j in kind.joins if j not in self.objects]:
                raise ValueError(f"{name} joins {strange}, which are no objects of the pack. Correct them.")
            kind.name = name
        return self


class Common(Words):
    """What is of no CRM: words of values in any language, and of columns that are no facts."""

    yes: Listed
    no: Listed
    missing: Listed
    personal: Listed
    summaries: Listed
    blockers: Listed
    opt_outs: Listed
    values: Annotated[Values, BeforeValidator(_texts)]
    columns: dict[str, Recipes]
    constants: Text
    currencies: dict[str, Listed]
    channels: dict[str, Listed]


def parts(recipe: Recipe) -> set[str]:
    """Give the names that a recipe is made from."""
    if isinstance(recipe, str):
        return {recipe}
    named = {recipe["column"]} if "column" in recipe else {*_listed(recipe.get("key"))} - {"_row", "_nth"}
    return named | {n for n, _ in re.findall(PART, str(recipe.get("sql", "")))}


@functools.cache
def plain(text: str) -> str:
    """Write a name in small letters, without accents, signs and blanks between its words.

    Examples
    --------
    >>> plain("NumberOfEmployees"), plain("⭐ Número de_empregados"), plain("Est. revenue")
    ('number of employees', 'numero de empregados', 'est revenue')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    folded = unicodedata.normalize("NFKD", spaced.lower().translate(LETTERS))
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", bare))


def squashed(text: str) -> str:
    """Write a name without any blank, so that alike names are equal."""
    return plain(text).replace(" ", "")


def load(folder: Path = FOLDER) -> tuple[Pack, ...]:
    """Read all packs of a folder, in the order of their files.

    Raises
    ------
    ValueError
        If one has an unknown word, a column that is not canonical or a label without a source.
    """
    packs = [(file, _read(file, Pack)) for file in sorted(folder.glob("*.yml")) if file.stem != COMMON]
    for file, pack in packs:
        pack.name = file.stem
        for kind in pack.objects.values():
            kind.pack = file.stem
    return tuple(pack for _, pack in packs)


@functools.cache
def known() -> tuple[Pack, ...]:
    """Give the packs of this program."""
    return load()


@functools.cache
def common() -> Common:
    """Give what is of no CRM."""
    return _read(FOLDER / f"{COMMON}.yml", Common)


def _read(file: Path, model: type[Any]) -> Any:
    try:
        return model.model_validate(read_yaml(file))
    except pydantic.ValidationError as wrong:
        error = wrong.errors()[0]
        raise ValueError(f"{file.name}: {'.'.join(map(str, error['loc']))}: {error['msg']}") from wrong
