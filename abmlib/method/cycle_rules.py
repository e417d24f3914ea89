"""The rule file ``cycles.yml``: which evidence points to which buying cycle, what suits, and what each cycle asks."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

import pandas as pd
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from abmlib.tables.days import MOST_DAYS
from abmlib.tables.errors import FIRST, from_pydantic, shown
from abmlib.tables.settings import each_once

CYCLES = ("early", "mid", "full")
ELEMENTS = ("customer_knowledge", "data", "messaging", "tactics", "sales_commitment")
EVIDENCE = {  # kinds of evidence for a cycle, and their units
    "deal_value": "currency",
    "cycle_days": "days",
    "orders_per_year": "orders a year",
    "buyers": "people",
    "buyer_level": "level",
}
SUITS = ("deal_value", "account_value", "cycle_days", "buyers", "top_fifth_share", "lines")
ROUND = 10  # from here on a bound is said without decimals, below with one
MORE_IS_EARLY = ("{:,g} or more", "{:,g} or more", "below {:,g}")  # the bounds of early, mid and full in words
FEWER_IS_EARLY = ("{:,g} or fewer", "up to {:,g}", "more than {:,g}")


# names that came with a later version, and what a file without them says: its bounds are those of a person who edited it
LATER: dict[str, Any] = {"confirmed": True, "account_value": 100_000.0}


def _in_order(given: Any, names: Iterable[str]) -> Any:
    """Put the names of a part of the rule file in order; refuse a part that lacks a name or has one too many."""
    if not isinstance(given, Mapping):
        return given
    names = list(names)
    given = {n: LATER[n] for n in names if n in LATER} | dict(given)
    differ = {
        "lacks": [n for n in names if n not in given],
        "has unknown": [shown(n) for n in given if n not in names][:FIRST],
    }
    if any(differ.values()):
        wrong = " and ".join(f"{verb} {those}" for verb, those in differ.items() if those)
        raise ValueError(f"{wrong}. It must have {names}.")
    return {name: given[name] for name in names}


def _each_of(names: Iterable[str]) -> BeforeValidator:
    return BeforeValidator(lambda given: _in_order(given, names))


class Part(BaseModel):
    """A part of the rule file; a misspelt name or a value of another type is refused."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_its_names(cls, given: Any) -> Any:
        return _in_order(given, cls.model_fields)


Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=1, le=MOST_DAYS)]


class Bound(Part):
    """From where on one kind of evidence points to early and to mid, and its weight beside the others."""

    weight: Number
    early: Number
    mid: Number
    confirmed: bool  # by a person; else bounds that the data propose stand before these

    def words(self) -> list[str]:
        """Write what points to early, mid and full."""
        templates = MORE_IS_EARLY if self.early > self.mid else FEWER_IS_EARLY
        return [t.format(x) for t, x in zip(templates, (self.early, self.mid, self.mid), strict=True)]

    def spoken(self) -> list[str]:
        """Write the same with rounded numbers, where these are still apart."""
        early, mid = (round(x) if x >= ROUND else round(x, 1) for x in (self.early, self.mid))
        apart = early != mid and min(early, mid) > 0
        return self.model_copy(update={"early": early, "mid": mid}).words() if apart else self.words()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.early == self.mid:
            raise ValueError(f"early and mid are both {self.mid:g}. Set them apart.")
        return self


class Timing(Part):
    """What differs by cycle: how far back and ahead counts, who acts when, and how success is measured."""

    window_days: Days
    horizon_days: Days
    response_hours: Number
    hand_over: str
    measures: Annotated[list[str], Field(min_length=1), AfterValidator(each_once)]


class Cell(Part):
    """What a cycle asks of an element, the share of accounts that should have it, and the next step."""

    asks: str
    target: Annotated[float, Field(ge=0, le=1)]
    next: str


def _weighted(evidence: dict[str, Bound]) -> dict[str, Bound]:
    if not any(bound.weight for bound in evidence.values()):
        raise ValueError("has no weight above 0. Give at least one kind of evidence some weight.")
    return evidence


class Rules(Part):
    """The rule file: which evidence points to which cycle, what suits the method, and what each cycle asks."""

    evidence: Annotated[dict[str, Bound], _each_of(EVIDENCE), AfterValidator(_weighted)]
    suitability: Annotated[dict[str, Number], _each_of(SUITS)]
    cycles: Annotated[dict[str, Timing], _each_of(CYCLES)]
    cells: Annotated[dict[str, Annotated[dict[str, Cell], _each_of(CYCLES)]], _each_of(ELEMENTS)]

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Check what a rule file says.

        Raises
        ------
        TableError
            If a part is missing or unknown, a number is none or negative, or no evidence has any weight.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as wrong:
            raise from_pydantic(wrong, "cycles.yml") from wrong

    def table(self) -> pd.DataFrame:
        """List the evidence as a person reads it: ``evidence, unit, early, mid, full, weight`` (share of all weight)."""
        total = sum(bound.weight for bound in self.evidence.values())
        rows = [(name, EVIDENCE[name], *b.words(), b.weight / total) for name, b in self.evidence.items()]
        return pd.DataFrame(rows, columns=["evidence", "unit", *CYCLES, "weight"])
