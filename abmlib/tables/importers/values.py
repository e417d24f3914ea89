r"""Values of an export as values of their kind: the SQL that reads one, and is missing where it does not read."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import re
from collections.abc import Mapping, Sequence

from abmlib.tables import schema
from abmlib.tables.errors import TableError
from abmlib.tables.importers.mapping_file import EPOCHS, NTH, NUMBERS, ROW, TEXTS, Column, Table, has_zone
from abmlib.tables.importers.sql import quoted, text, texts
from abmlib.tables.secret import digest_sql

TYPES = {"int": "BIGINT", "bool": "BOOLEAN", "ts": "TIMESTAMPTZ", "date": "DATE"}
TYPES |= dict.fromkeys(TEXTS, "VARCHAR") | dict.fromkeys(("number", "money", "rate"), "DOUBLE")
CODES = (  # of ISO 4217
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD "
    "HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD "
    "LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP "
    "PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND "
    "TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$")
BLANK = "[" + "".join(f"\\x{{{ord(sign):x}}}" for sign in schema.BLANKS) + "]"
MONEY = (
    rf"[A-Z]{{0,3}}\p{{Sc}}|[Kk]r\.?|{CODES.replace(' ', '|')}"  # a sign or code of currency, as a regular expression
)
EMAIL = "@[^@]*[.]"  # what only an e-mail address holds, as a regular expression
AROUND = f"'^{BLANK}|{BLANK}$'"  # regular expression, as an SQL text
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
EXACT = 2**53  # largest whole number up to which a double holds every whole number


def clean(kind: str, x: str, missing: tuple[str, ...]) -> str:
    """Cut blanks around texts and make what means missing missing."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"case when not isnan({x}) then {x} end"
    if kind != "VARCHAR":
        return x
    cut = f"trim({x}, {text(schema.BLANKS)})"
    none = texts(["", *(m.strip() for m in missing)])
    bare = f"case when {cut} not in ({none}) then {cut} end"  # slow, so only where there are blanks
    return f"case when regexp_matches({x}, {AROUND}) then {bare} when {x} not in ({none}) then {x} end"


def origin(column: Column, types: Mapping[str, str]) -> str:
    """Give what a column is made from.

    `types` are those of the source's columns, by name in small letters.
    """
    if column.key:
        return _key({p: as_text(types[p.lower()], quoted(p)) for p in column.key if p != NTH}, column.key)
    if column.value is not None:
        return text(column.value)
    return quoted(column.column) if column.column is not None else f"(\n{column.sql}\n)"


def stage(table: Table, kinds: dict[str, str], types: dict[str, str], source: str, reporting: str, key: bytes) -> str:
    """Give the query for each column read as its kind, and beside it, as ``bad``, what does not read.

    `kinds` are the types of the `origin` of each column, `reporting` is the time zone that days are of, and `key` is
    what values are hashed with.
    """
    origins, entries, values = [], [], []
    for c, d in table.columns.items():
        kind, x = kinds[c], origin(d, types)
        o, m = quoted(f"origin {c}"), quoted(f"mapped {c}")
        if d.map is not None:
            kind, x = "VARCHAR", as_text(kind, x)
        entries.append(f"{o if d.map is None else mapped(d.map, o, text(d.otherwise))} as {m}")
        origins.append(f"{x} as {o}")
        read = read_value(d, kind, m, reporting)
        bad = f"{m} is not null and {read} is null"
        if d.partial:
            bad += f" or {o} is not null and {o} not in ({texts(list(d.map or {}))})"
        if d.hash:
            read = digest_sql(read, key)
        default = schema.spec(table.name).columns[c].default
        filled = read if default is None else f"coalesce({read}, {text(str(default))}::{TYPES[d.kind]})"
        values.append(f"{filled} as {quoted(c)}")
        values.append(f"case when {bad} then coalesce({o}::varchar, '') end as {quoted(f'bad {c}')}")
        if is_written(d, kind):
            values.append(f"{currency(m)} as {quoted(f'currency {c}')}")
    inner = f"select {', '.join([ROW, *origins])} from {source}"
    return f"select {', '.join([ROW, *values])} from (select *, {', '.join(entries)} from ({inner}))"


def is_written(column: Column, kind: str) -> bool:
    """Say whether a column is numbers that come as text, which may name a currency."""
    return column.kind in NUMBERS and column.value is None and not NUMERIC.match(kind)


def _key(texts_of: dict[str, str], names: Sequence[str]) -> str:
    """Join texts to one, so that different parts never give the same text.

    Missing if a part is, but beside `NTH`, which counts rows without a part like others, and alike what a hash takes for
    alike.
    """
    alike = ", ".join(f"lower(trim({x}))" for x in texts_of.values())
    nth = f"row_number() over ({f'partition by {alike}' if alike else ''} order by {ROW})"
    filled = {p: f"coalesce({x}, '')" if NTH in names else x for p, x in texts_of.items()} | {NTH: f"({nth})::varchar"}
    parts = [filled[name] for name in names]
    escaped = [rf"replace(replace({p}, '\', '\\'), '-', '\-')" for p in parts]
    return parts[0] if len(parts) == 1 else " || '-' || ".join(escaped)


def mapped(entries: Mapping[str, str | None], x: str, rest: str) -> str:
    """Apply a value map to a text, with `rest` for all others.

    Missing stays so unless the map has the empty text.
    """
    whens = " ".join(f"when {text(k)} then {text(v)}" for k, v in entries.items())
    return f"case when {x} is null then {text(entries.get(''))} else (case {x} {whens} else {rest} end) end::varchar"


def as_text(kind: str, x: str) -> str:
    """Write a value as text.

    A whole number has no decimals, whatever type it came in.
    """
    if kind in ("FLOAT", "DOUBLE"):
        return f"case when {x} = floor({x}) and abs({x}) <= {EXACT} then {x}::bigint::varchar else {x}::varchar end"
    return f"array_to_string({x}, ';')" if kind.endswith("[]") else f"nullif(({x})::varchar, '')"


def read_value(column: Column, kind: str, x: str, reporting: str) -> str:
    """Give the SQL that reads `x`, of the type `kind`, as the kind of the column."""
    if column.kind in TEXTS:
        return as_text(kind, x)
    if column.kind in NUMBERS:
        return _number(column, kind, x)
    if column.kind != "bool":
        return _time(column, kind, x, reporting)
    word = f"lower({as_text(kind, x)})"
    return f"case when {word} in ({texts(TRUE)}) then true when {word} in ({texts(FALSE)}) then false end"


def _number(column: Column, kind: str, x: str) -> str:
    number = f"({x})::double" if NUMERIC.match(kind) else _written(column, f"({x})::varchar")
    scale = (100.0 if column.unit else 1.0) * (column.divide_by or 1.0)
    if scale != 1:
        number = f"({number} / {scale!r})"
    if column.multiply_by:
        number = f"({number} * {column.multiply_by!r})"
    good = f"abs({number}) < {schema.BOUND!r}"
    if column.kind == "int":
        return f"case when {number} = floor({number}) and {good} then {number}::bigint end"
    return f"case when {good} then {number} end"


def _written(column: Column, x: str) -> str:
    """Read a number written in text.

    Groups of thousands must be three digits, so 1.5 never becomes 15.
    """
    if column.thousands.isspace():  # the blanks that programs write between digits are three
        x = f"translate({x}, chr(32) || chr(160) || chr(8239), repeat({text(column.thousands)}, 3))"
    if column.unit:
        x = rf"regexp_replace({x}, '\s*%$', '')"
    return f"coalesce({_digits(column, x)}, {_digits(column, _bare(x))})"


def _digits(column: Column, x: str) -> str:
    pattern = number_pattern(column.decimal, column.thousands)
    plain = f"replace(replace({x}, {text(column.thousands)}, ''), {text(column.decimal)}, '.')"
    return f"case when regexp_full_match({x}, {text(pattern)}) then try_cast({plain} as double) end"


def _bare(x: str) -> str:
    """Take currency and blanks from around a number; brackets mean that it is negative."""
    end = rf"^([-+(]*){BLANK}*(?:{MONEY}){BLANK}*|{BLANK}*(?:{MONEY})(\)?)$"
    alone = rf"regexp_replace(trim(replace({x}, '−', '-'), {text(schema.BLANKS)}), {text(end)}, '\1\2')"
    return rf"regexp_replace({alone}, '^\(([^-+()]*)\)$', '-\1')"


def currency(x: str) -> str:
    """Give the sign or code of currency of a number written in text; missing where it has none."""
    found = f"regexp_extract({x}, {text(f'^[-+−(]*{BLANK}*(?:{MONEY})|(?:{MONEY})[)]?$')})"
    return f"nullif(trim({found}, {text('-+−()' + schema.BLANKS)}), '')"


def number_pattern(decimal: str, thousands: str) -> str:
    """Give the regular expression of a number written with these signs."""
    point, group = re.escape(decimal), re.escape(thousands)
    whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
    return rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"


def _time(column: Column, kind: str, x: str, reporting: str) -> str:
    """Read a time or a day. A time becomes UTC.

    A day is the day in the reporting time zone.
    """
    zone = column.time_zone
    *times, has_clock = _moment(column, kind, x)
    utc, local = (_sane(time) if time else None for time in times)  # years far away have no time in other zones
    if column.kind == "ts":
        if utc is None and zone is None:
            remedy = "Name it in the mapping, as time_zone of the column or of the source."
            raise TableError(f"{column.place}: its times carry no time zone. {remedy}")
        return _first(utc, _shift(local, zone, "UTC") if local and zone else None)
    if local and zone:
        local = f"case when {has_clock} then {_shift(local, zone, reporting)} else {local} end"
    return f"({_first(_shift(utc, 'UTC', reporting) if utc else None, local)})::date"


def _first(*times: str | None) -> str:
    return _sane(f"coalesce({', '.join(filter(None, times))})")


def _moment(column: Column, kind: str, x: str) -> tuple[str | None, str | None, str]:
    """Give the time in UTC, or by a clock on some wall, and whether it is more than a day."""
    if column.format and column.format[0] in EPOCHS:
        return f"make_timestamp(try_cast(try_cast({x} as double) * {EPOCHS[column.format[0]]} as bigint))", None, "true"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {x})", None, "true"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return None, f"try_cast({x} as timestamp)", str(kind != "DATE").lower()
    word = f"({x})::varchar"
    if column.format:
        parsed = _alone(word, column.format)
        has_clock = any(set(re.findall(r"%-?(\w)", f)) & set("HIcXTs") for f in column.format)
        zoned = has_zone(column.format[0])
        return (f"timezone('UTC', {parsed})", None, "true") if zoned else (None, parsed, str(has_clock).lower())
    offset = rf"regexp_matches({word}, '\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)$')"
    utc = f"case when {offset} then timezone('UTC', try_cast({word} as timestamptz)) end"
    return utc, f"case when not {offset} then try_cast({word} as timestamp) end", f"contains({word}, ':')"


def _alone(word: str, formats: Sequence[str]) -> str:
    """Read a time by the formats that fit it.

    Missing if two of them read different times, for 3/4 is no day then.
    """
    if len(formats) == 1:
        return f"try_strptime({word}, {text(formats[0])})"
    every = ", ".join(f"try_strptime({word}, {text(f)})" for f in formats)
    first, last = schema.YEARS
    times = f"list_distinct(list_filter([{every}], lambda t: year(t) between {first} and {last}))"
    return f"case when len({times}) = 1 then {times}[1] end"


def _shift(x: str, zone: str, to: str) -> str:
    """Move a clock time from one zone to another."""
    return x if zone == to else f"timezone({text(to)}, timezone({text(zone)}, {x}))"


def _sane(x: str) -> str:
    """Take a time within bounds only: 1/2/10 read with %Y is the year 10, and nobody means that."""
    first, last = schema.YEARS
    return f"case when year({x}) between {first} and {last} then {x} end"
