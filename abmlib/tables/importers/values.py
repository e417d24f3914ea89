r"""Values of an export as values of their kind: the SQL that reads one, and is missing where it does not read."""

# ruff: noqa: S608  SQL is put together here: every name passes quoted, every text text, every expression references
import re
from collections.abc import Mapping, Sequence

from abmlib.tables import schema
from abmlib.tables.errors import TableError
from abmlib.tables.importers.mapping_file import EPOCHS, NTH, NUMBERS, ROW, TEXTS, Column, Table, has_zone
from abmlib.tables.importers.sql import among, quoted, text
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
ADDRESS = r"@[^\s@]*\.[^\s@,;<>()]*"  # what follows the name in an address: pages show no address of these columns
SHOWN_SHORT = (
    "owner_id", "stage", "loss_reason", "win_reason", "competitor", "lead_source", "source", "status", "outcome", "value",
)  # fmt: skip
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
EXACT = 2**53  # largest whole number up to which a double holds every whole number


def clean(kind: str, x: str, missing: tuple[str, ...]) -> str:
    """Cut blanks around texts and make what means missing missing."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"case when not isnan({x}) then {x} end"
    if kind != "VARCHAR":
        return x
    cut, none = f"trim({x}, {text(schema.BLANKS)})", ["", *(m.strip() for m in missing)]
    bare = f"case when not {among(cut, none)} then {cut} end"  # slow, so only where there may be blanks
    ends = " or ".join(f"suffix({x}, {text(sign)})" for sign in schema.BLANKS if sign.isascii())
    rest = f"when not {among(x, none)} then {x}" if missing else f"else {x}"
    return f"case when {x} < '!' or {ends} or strlen({x}) <> length({x}) then {bare} {rest} end"


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
    origins, entries, raws, reads, values = [], [], [], [], list[str]()
    for c, d in table.columns.items():
        kind, x = kinds[c], origin(d, types)
        o, m, w, r = (quoted(f"{step} {c}") for step in ("origin", "mapped", "raw", "read"))
        if d.map is not None:
            kind, x = "VARCHAR", as_text(kind, x)
        origins.append(f"{x} as {o}")
        entries.append(f"{o if d.map is None else mapped(d.map, o, text(d.otherwise))} as {m}")
        raw, read = _steps(d, kind, m, w, reporting)
        raws.append(f"{raw} as {w}")
        reads.append(f"{read} as {r}")
        bad = f"{m} is not null and {r} is null"
        if d.partial:
            bad += f" or {o} is not null and not {among(o, d.map or {})}"
        value = digest_sql(r, key) if d.hash else r
        default = schema.spec(table.name).columns[c].default
        filled = value if default is None else f"coalesce({value}, {text(str(default))}::{TYPES[d.kind]})"
        values.append(f"{filled} as {quoted(c)}")
        values.append(f"case when {bad} then coalesce({o}::varchar, '') end as {quoted(f'bad {c}')}")
        if is_written(d, kind):
            values.append(
                f"case when try_cast({m} as double) is null then {currency(m)} end as {quoted(f'currency {c}')}"
            )
    query = f"select {', '.join([ROW, *origins])} from {source}"
    for step in (entries, raws, reads):  # one select for each, so that the engine computes each value once
        query = f"select *, {', '.join(step)} from ({query})"
    return f"select {', '.join([ROW, *values])} from ({query})"


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
    raw = _steps(column, kind, x, "", reporting)[0]
    return _steps(column, kind, x, raw, reporting)[1]


def _steps(column: Column, kind: str, x: str, raw: str, reporting: str) -> tuple[str, str]:
    """Give the SQL of what `x` is before its bounds are looked at, and that of the value, from `x` and the former."""
    if column.kind in TEXTS:
        return x, as_text(kind, raw)
    if column.kind in NUMBERS:
        good = f"abs({raw}) < {schema.BOUND!r}"
        if column.kind == "int":
            return _number(column, kind, x), f"case when {raw} = floor({raw}) and {good} then {raw}::bigint end"
        return _number(column, kind, x), f"case when {good} then {raw} end"
    if column.kind == "bool":
        truth = f"case when {among(raw, TRUE)} then true when {among(raw, FALSE)} then false end"
        return f"lower({as_text(kind, x)})", truth
    moment, zoned, has_clock = _moment(column, kind, x)
    return moment, _time(column, raw, zoned, has_clock, reporting)


def _number(column: Column, kind: str, x: str) -> str:
    number = f"({x})::double" if NUMERIC.match(kind) else _written(column, f"({x})::varchar")
    scale = (100.0 if column.unit else 1.0) * (column.divide_by or 1.0)
    if scale != 1:
        number = f"({number} / {scale!r})"
    if column.multiply_by:
        number = f"({number} * {column.multiply_by!r})"
    return number


def _written(column: Column, x: str) -> str:
    """Read a number written in text.

    Groups of thousands must be three digits, so 1.5 never becomes 15.
    """
    if column.thousands.isspace():  # the blanks that programs write between digits are three
        x = f"translate({x}, chr(32) || chr(160) || chr(8239), repeat({text(column.thousands)}, 3))"
    if column.unit:
        x = rf"regexp_replace({x}, '\s*%$', '')"
    plain = _digits(column, x)
    whens = f"when {plain} is not null then {plain}"
    if column.decimal == ".":  # most need no look at their signs; the engine would read 1_000
        whens = (
            f"when try_cast({x} as double) is not null and not contains({x}, '_') then try_cast({x} as double) {whens}"
        )
    return f"case {whens} else {_digits(column, _bare(x))} end"  # the engine computes what is behind coalesce for all


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


def _time(column: Column, moment: str, zoned: str, has_clock: str, reporting: str) -> str:
    """Give a time in UTC, or the day in the reporting time zone, from what `_moment` gives.

    A value that is a day alone is that day in the reporting time zone, whatever the zone of times beside it.
    """
    zone, sane = column.time_zone, _sane(moment)  # years far away have no time in other zones
    if column.kind == "ts":
        if zoned == "false" and zone is None and has_clock != "false":
            remedy = "Name it in the mapping, as time_zone of the column, of the source or of the workbook."
            raise TableError(f"{column.place}: its times carry no time zone. {remedy}")
        if zone in (None, "UTC") and reporting == "UTC":
            return sane if zone or has_clock == "false" else f"case when {zoned} or not {has_clock} then {sane} end"
        by_clock = f"when {has_clock} then {_shift(sane, zone, 'UTC')}" if zone else f"when {has_clock} then null"
        return _sane(f"case when {zoned} then {sane} {by_clock} else {_shift(sane, reporting, 'UTC')} end")
    local = _shift(sane, zone, reporting) if zone else sane
    day = f"case when not {has_clock} then {sane} when {zoned} then {_shift(sane, 'UTC', reporting)} else {local} end"
    return f"({_sane(day)})::date"


def _moment(column: Column, kind: str, x: str) -> tuple[str, str, str]:
    """Give a time, whether it is in UTC or by a clock on some wall, and whether it is more than a day."""
    if column.format and column.format[0] in EPOCHS:
        return (
            f"make_timestamp(try_cast(try_cast({x} as double) * {EPOCHS[column.format[0]]} as bigint))",
            "true",
            "true",
        )
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {x})", "true", "true"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"try_cast({x} as timestamp)", "false", str(kind != "DATE").lower()
    word = f"({x})::varchar"
    if column.format:
        parsed = _alone(word, column.format)
        clocks = {bool(set(re.findall(r"%-?(\w)", f)) & set("HIcXTs")) for f in column.format}
        has_clock = f"contains({word}, ':')" if len(clocks) > 1 else str(clocks.pop()).lower()
        zoned = has_zone(column.format[0])
        return (f"timezone('UTC', {parsed})", "true", "true") if zoned else (parsed, "false", has_clock)
    offset = rf"regexp_matches({word}, '\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?)$')"
    utc = f"case when {offset} then timezone('UTC', try_cast({word} as timestamptz)) else try_cast({word} as timestamp) end"
    is_utc = f"suffix({word}, 'Z')"  # read alike as either type, and faster as this
    return (
        f"case when {is_utc} then try_cast({word} as timestamp) else {utc} end",
        f"({is_utc} or {offset})",
        f"contains({word}, ':')",
    )


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
