"""How a value reads as its kind inside the engine: numbers, days and times from text, and what does not read."""

import datetime as dt

import ibis
import ibis.expr.datatypes as types
import ibis.expr.types as ir

from abmlib.tables import schema

UTC_TS = "timestamp('UTC')"
# To strip takes long and few texts need it; written once for the engine, since every expression has it.
TIDY = (
    "CREATE OR REPLACE TEMP MACRO tidy(v) AS CASE WHEN v < '!' OR "
    + " OR ".join(f"suffix(v, '{blank}')" for blank in schema.BLANKS if blank.isascii())
    + f" OR strlen(v) <> length(v) THEN nullif(trim(v, '{schema.BLANKS}'), '') ELSE v END"
)
SANE = (dt.datetime(schema.YEARS[0], 1, 1), dt.datetime(schema.YEARS[1], 12, 31, 23, 59, 59, 999999))
IBIS_TYPES = dict.fromkeys(("number", "money", "rate"), "float64")
IBIS_TYPES |= {"int": "int64", "bool": "boolean", "ts": "timestamp", "date": "date"}


@ibis.udf.scalar.builtin(name="timezone", signature=((types.string, types.timestamp), types.Timestamp("UTC")))
def in_zone(zone: str, clock: dt.datetime) -> dt.datetime:  # type: ignore[empty-body]
    """Give the moment at which clocks of a time zone show a time."""


@ibis.udf.scalar.builtin(name="epoch_us", signature=((types.Timestamp("UTC"),), types.int64))
def microseconds(moment: dt.datetime) -> int:  # type: ignore[empty-body]
    """Give a moment as microseconds since 1970; the engine's own cast looks every value up in the calendar of a zone."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=((types.int64,), types.timestamp))
def moment_of(microseconds: int) -> dt.datetime:  # type: ignore[empty-body]
    """Give the moment so many microseconds after 1970, in UTC and without a zone."""


def ibis_type(kind: str) -> str:
    """The engine's type of a kind."""
    return IBIS_TYPES.get(kind, "string")


@ibis.udf.scalar.builtin(name="tidy", signature=((types.string,), types.string))
def tidy(value: str) -> str:  # type: ignore[empty-body]
    """Take blanks around a text away; blank text becomes missing. Defined by `TIDY`."""


def cast(value: ir.Value, kind: str) -> ir.Value:
    """Read a value as its kind; what does not read or is out of bounds, blank text and NaN become missing."""
    if value.type().is_string():
        value = tidy(value)
        if ibis_type(kind) in ("float64", "int64"):  # the engine would read 1_000
            value = ibis.ifelse(value.contains("_"), ibis.null("string"), value)
    if value.type().is_date():
        value = value.try_cast("timestamp")
    if kind in ("ts", "date"):  # a day that is followed by more is no day; and nobody means the year 20026
        moment = value if value.type().is_timestamp() else value.try_cast(UTC_TS if kind == "ts" else "timestamp")
        if moment.type().timezone is not None:
            moment = moment_of(microseconds(moment))
        return ibis.ifelse(moment.between(*SANE), moment, ibis.null("timestamp")).cast(ibis_type(kind))
    read = value.try_cast(ibis_type(kind))
    if ibis_type(kind) in ("float64", "int64"):
        number = value.try_cast("float64")
        good = number.abs() < schema.BOUND  # NaN is above all
        if kind == "int":  # the engine would round 3.7 to 4
            good &= number % 1 == 0
        return ibis.ifelse(good, read, ibis.null(ibis_type(kind)))
    return read


def lost(value: ir.Value, kind: str) -> ir.BooleanValue:
    """Say where a value is there but does not read as its kind."""
    there = value.notnull()
    if value.type().is_string():
        there = tidy(value).notnull()
    elif value.type().is_floating():
        there = there & ~value.isnan()
    return there & cast(value, kind).isnull()
