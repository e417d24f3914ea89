"""Packs: what each CRM and kind of file calls its columns, files and values, read from ``packs/*.yml``."""

# ruff: noqa: RUF012  pydantic copies the defaults of a model
import functools
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from abmlib.tables.importers.mapping_file import Words
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

    pack: Any = Field(None, exclude=True)  # the Pack it is of
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


class Pack(Words):
    """One CRM, or one way of keeping files."""

    name: str = Field("", exclude=True)
    title: str
    about: str
    sources: dict[str, str]  # where its names are from
    prefixes: Listed = ()
    objects: dict[str, Kind]
    values: Annotated[Values, BeforeValidator(_texts)] = {}


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


@functools.cache
def known() -> tuple[Pack, ...]:
    """Read all packs, in the order of their files; `tests.test_packs` checks what they name."""
    packs = []
    for file in sorted(FOLDER.glob("*.yml")):
        if file.stem != COMMON:
            packs.append(Pack.model_validate(read_yaml(file)))
            packs[-1].name = file.stem
            for name, kind in packs[-1].objects.items():
                kind.pack, kind.name = packs[-1], name
    return tuple(packs)


@functools.cache
def common() -> Common:
    """Give what is of no CRM."""
    return Common.model_validate(read_yaml(FOLDER / f"{COMMON}.yml"))
