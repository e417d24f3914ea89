"""The dictionary of measures, ``data/measures.yml``: what readers call each, its formula, and what it needs."""

from functools import cache
from typing import Any

import yaml

from abmlib import places


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Per definition of a measure: ``name, formula, measure``, and where they apply ``needs``, ``headline`` (its place), ``months``.

    ``tile`` is its place among those of which the index shows the first five, ``beside`` a measure said with it there.
    """
    return dict(yaml.safe_load(places.MEASURES.read_text("utf-8")))


def name(definition_id: str) -> str:
    """Reader's name of a measure; one that the dictionary lacks goes by its id as words.

    Examples
    --------
    >>> name("acv_mean"), name("of_my_own")
    ('Average annual contract value', 'Of my own')
    """
    words = definition_id[:1].upper() + definition_id[1:].replace("_", " ")
    return str(entries().get(definition_id, {}).get("name") or words)
