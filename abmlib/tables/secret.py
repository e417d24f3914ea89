"""Keyed hashes: what lets the same person be recognised without keeping who it is."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abmlib.tables.settings import Workbook

VARIABLE = "ABM_KEY"  # environment variable that holds the key as text
FILE = ".abm_key"  # file that holds it; never to be committed
BLOCK = 64  # bytes of one block of SHA-256
SHORTEST = 16  # bytes below which a key can be tried out


def digest(value: str, key: bytes) -> str:
    """Give the keyed hash of a text: HMAC with SHA-256, 64 hexadecimal digits.

    Blanks around and capitals do not count.

    Raises
    ------
    ValueError
        If the key is shorter than `SHORTEST` bytes.

    References
    ----------
    RFC 2104.

    Examples
    --------
    >>> digest(" Ann@Example.com", b"0123456789abcdef") == digest("ann@example.com", b"0123456789abcdef")
    True
    """
    _check(key)
    return hmac.new(key, value.strip().lower().encode(), hashlib.sha256).hexdigest()


def digest_sql(value: str, key: bytes) -> str:
    """Give `digest` as a DuckDB expression for a text expression.

    A missing text stays missing.

    The key's two pads are in the expression: it may be executed, and never logged or left in a file.
    """
    _check(key)
    block = (key if len(key) <= BLOCK else hashlib.sha256(key).digest()).ljust(BLOCK, b"\0")
    inner, outer = (f"unhex('{bytes(b ^ pad for b in block).hex()}')" for pad in (0x36, 0x5C))
    return f"sha256({outer} || unhex(sha256({inner} || encode(lower(trim({value}))))))"


def check_value(key: bytes) -> str:
    """Give what a key is recognised by, and cannot be found from: 16 hexadecimal digits."""
    return digest("what this key is recognised by", key)[:16]


def find_key(folder: Path) -> bytes | None:
    """Find the key of a team.

    It is in the environment variable `VARIABLE`, else in the file `FILE` of a folder or the three above it.

    Blanks and line ends around it do not count. None where there is neither; an empty file is none.

    Raises
    ------
    ValueError
        If the key found is shorter than `SHORTEST` bytes.
    """
    if text := os.environ.get(VARIABLE, "").strip():
        key: bytes | None = text.encode()
    else:
        files = [place / FILE for place in (folder.resolve(), *folder.resolve().parents[:3])]
        key = next((held for f in files if f.is_file() and (held := f.read_bytes().strip())), None)
    if key is not None:
        _check(key)
    return key


def make_key(folder: Path) -> Path:
    """Make a new key for a team, in a file that only its user may read.

    Raises
    ------
    OSError
        If one is there already, or it cannot be written.
    """
    path = folder / FILE
    if path.is_file() and not path.stat().st_size:  # of a process that was killed
        path.unlink()
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
    return path


def key_of(workbook: "Workbook") -> bytes | None:
    """Find the key of a workbook's team.

    Where its programme is, else where its data is.
    """
    folders = [folder for folder in (workbook.programme, workbook.data) if folder]
    return next((key for folder in folders if (key := find_key(folder))), None)


def _check(key: bytes) -> None:
    if len(key) < SHORTEST:
        raise ValueError(
            f"the key has {len(key)} bytes; it must have {SHORTEST} or more. Put back the team's; make a new one only if there was none."
        )
