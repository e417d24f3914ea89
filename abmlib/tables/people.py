"""People: who may be listed, and who is recognised as forgotten.

Three promises. Names and free text about people are given only where people are asked for (`schema.personal`). Who opted
out, by the newest knowledge, is on every date a stand-in without a name (`STAND_IN`): facts and counts of the account stay as
they are, and no table a notebook leaves may list the person. Who was forgotten is not there at all.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

import pandas as pd

from abmlib.tables import schema, secret
from abmlib.tables.errors import TableError, first_cases

if TYPE_CHECKING:
    import duckdb

STAND_IN = "opted-out-"  # with a number: the contact_id under which Book gives a person who opted out
HIDDEN = ("full_name", "email_hash", "email_domain", "title")  # of contacts; always missing where opted out
REMOVED, SAID = "[removed]", "value"  # in place of a text that names a person; of the tables in `ABOUT`, where it is
SAME = ("lead_id", "contact_id")  # of leads: two ids of one person
PAIRS = (  # SQL for them; a contact of more leads stands for nobody, such as an unknown one
    "SELECT lead_id AS one, contact_id AS other FROM {leads} WHERE lead_id <> contact_id AND contact_id <> '' "
    "QUALIFY count(*) OVER (PARTITION BY contact_id) <= 10"
)


def reachable(contacts: pd.DataFrame) -> pd.DataFrame:
    """Keep the contacts that may be listed: those who have not opted out.

    An address that bounces or a job that was left is no refusal, and is judged by the method.

    Parameters
    ----------
    contacts : DataFrame, one row per contact
        ``tables.schema.CONTACTS``.

    Examples
    --------
    >>> reachable(pd.DataFrame({"contact_id": ["c1", "opted-out-1"], "opted_out": [False, True]}))["contact_id"].tolist()
    ['c1']
    """
    return contacts[~contacts["opted_out"].astype("boolean").fillna(True).astype(bool)]


def unnamed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Make names and free text about people missing in a canonical table; all its rows stay."""
    frame = frame.assign(**{c: pd.Series(pd.NA, frame.index, frame[c].dtype) for c in schema.personal(name)})
    if name == "attribute_history":
        named = {f"{t}.{c}" for t in schema.importable() for c in schema.personal(t)}
        frame["value"] = frame["value"].mask((frame["table"] + "." + frame["field"]).isin(named))
    if name == "attributes":
        frame["value"] = frame["value"].mask(frame["table"].isin(PEOPLE))
    return frame


# -- recognised -------------------------------------------------------------------------------------------------------


def person_hash(contact_id: str, key: bytes) -> str:
    """Give the keyed hash that recognises a forgotten person.

    Capitals count, blanks around do not.

    Ids of some CRMs differ in nothing but capitals; hence the hash of the id's bytes in hexadecimal digits.
    """
    return secret.digest(contact_id.strip().encode().hex(), key)


def refuse_other_key(checks: Iterable[object], key: bytes | None) -> None:
    """Refuse a key under which not all forgotten people would be recognised.

    Parameters
    ----------
    checks : of each forgotten person what the key is recognised by (`secret.check_value`); missing where it was not noted
    key : None where there is none

    Raises
    ------
    TableError
        If there is no key, or some were forgotten under another one.
    """
    noted = list(checks)
    remedy = f"Set {secret.VARIABLE} to the team's key, or put its {secret.FILE} back beside workbook.yml: a new key would bring people back."
    if noted and not key:
        raise TableError(
            f"forgotten: {len(noted)} people were forgotten, and without the key nobody can tell who. {remedy}"
        )
    if key and (others := [c for c in noted if not pd.isna(c) and c != secret.check_value(key)]):
        raise TableError(f"forgotten: {len(others)} of {len(noted)} people were forgotten under another key. {remedy}")


def forgotten(
    con: "duckdb.DuckDBPyConnection", query: str, hashes: Collection[str], key: bytes, pairs: str = ""
) -> list[str]:
    """Find, inside the engine, which ids of a query belong to forgotten people.

    Parameters
    ----------
    query : SQL that gives ids as text, without blanks around, in its one column
    hashes : of ``programme/forgotten.csv``
    pairs : SQL that gives two ids of one person, as `PAIRS` does: who was forgotten as a lead is forgotten as a contact

    Returns
    -------
    list of ids, sorted, each once
    """
    hashed = secret.digest_sql("hex(encode(id))", key)
    pairs = pairs or "SELECT NULL::VARCHAR, NULL::VARCHAR WHERE false"
    rows = con.execute(
        f"WITH RECURSIVE given(id) AS (SELECT DISTINCT * FROM ({query})), pairs(one, other) AS ({pairs}), "  # noqa: S608
        "same(one, other) AS (FROM pairs UNION SELECT other, one FROM pairs), "
        "known(id) AS (FROM given UNION SELECT one FROM same), found(id) AS ("
        f"SELECT id FROM known WHERE id IS NOT NULL AND list_contains($hashes, {hashed}) "
        "UNION SELECT other FROM found JOIN same ON id = one) "
        "SELECT DISTINCT id FROM found SEMI JOIN given USING (id) ORDER BY id",
        {"hashes": sorted(hashes)},
    )
    return [row[0] for row in rows.fetchall()]


def why_left_out(blanked: int, named: int = 0) -> str:
    """Say in a ledger why rows are not there; `blanked` is how many others lost the id, `named` how many lost the name."""
    words = [f"contact_id left blank in {blanked} rows"] if blanked else []
    return "; ".join(["of a forgotten person", *words, *([f"name removed from {named} rows"] if named else [])])


def refuse(name: str, frame: pd.DataFrame, unwanted: Callable[[str], bool], with_names: bool) -> None:
    """Refuse a result table that lists people it may not list.

    They opted out, were forgotten, or nobody asked for names.

    Parameters
    ----------
    unwanted : says of an id whether it is one of them; stand-ins always are
    with_names : whether people were asked for

    Raises
    ------
    TableError
        With the count and the first positions, and nobody's id.
    """
    for column in schema.persons(name):
        bad = frame[column].dropna().map(lambda i: str(i).startswith(STAND_IN) or unwanted(str(i))).astype(bool)
        if bad.any():
            raise TableError(
                f"{name}: {int(bad.sum())} of {len(frame)} rows hold a person who opted out or was forgotten "
                f"{first_cases(bad.index[bad])}. List only those of people.reachable(contacts)."
            )
    for column in [] if with_names else schema.personal(name):
        named = frame[column].notna()
        if named.any():
            raise TableError(
                f"{name}: {int(named.sum())} of {len(frame)} rows have a {column}, and people were not asked for "
                f"{first_cases(frame.index[named])}. Open the book with people=True, or leave {column} out."
            )


def person_columns(name: str, columns: Iterable[str]) -> dict[str, bool]:
    """Name the columns that may hold a contact or lead, and if its row goes.

    It goes where a person's id is part of the key, or the row says something personal; elsewhere the cell is emptied, for the
    row is a fact of the account. Of the tables in `ABOUT` only rows about contacts and leads count.
    """
    if name in ABOUT:
        return {"row_id": True} if {"table", "row_id"} <= set(columns) else {}
    persons = schema.persons(name)
    whole = bool(schema.personal(name) or {*schema.key(name)} & {*persons})
    return {c: whole for c in persons if c in set(columns)}


PEOPLE = ("contacts", "leads")  # tables of people
# Tables of which a row counts only where the column has one of these values
ABOUT = dict.fromkeys(("attribute_history", "attributes"), ("table", PEOPLE))
