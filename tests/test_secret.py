"""Keyed hashes: the standard's own, the same in Python and in the engine."""

import duckdb
import pytest

from abmlib.tables import secret

KEY = b"0123456789abcdef"


def in_engine(text: str | None, key: bytes) -> str | None:
    (found,) = duckdb.execute(f"select {secret.digest_sql('x', key)} from (select ?::varchar as x)", [text]).fetchone()
    return found


def test_the_hash_is_hmac_with_sha_256():
    # RFC 4231, test case 3: twenty bytes 0xaa, fifty bytes 0xdd; its data is no text, so the engine is given bytes
    key, data = bytes([0xAA]) * 20, bytes([0xDD]) * 50
    expression = secret.digest_sql("x", key).replace("encode(lower(trim(x)))", f"unhex('{data.hex()}')")
    (found,) = duckdb.execute(f"select {expression}").fetchone()
    assert found == "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"


@pytest.mark.parametrize("key", [KEY, b"k" * 64, b"x" * 100], ids=["short", "one block", "longer than a block"])
@pytest.mark.parametrize("text", ["ann@example.com", "  Ann@Example.COM ", "jörg@münchen.example", ""])
def test_engine_and_python_give_the_same_hash(key, text):
    assert in_engine(text, key) == secret.digest(text, key)


def test_blanks_and_capitals_do_not_count_and_the_key_does():
    assert secret.digest(" Ann@Example.com", KEY) == secret.digest("ann@example.com", KEY)
    assert secret.digest("a", KEY) != secret.digest("a", KEY[::-1])


def test_a_missing_text_has_no_hash():
    assert in_engine(None, KEY) is None


def test_refuses_a_key_that_can_be_tried_out():
    for made in (secret.digest, secret.digest_sql):
        with pytest.raises(ValueError, match="the key has 4 bytes; it must have 16 or more"):
            made("x", b"Jefe")
