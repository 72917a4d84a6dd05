"""Signed notes: a text that somebody vouches for, in C2SP's form (<https://c2sp.org/signed-note>).

<lines of text>
<an empty line>
— <name of the key> <base64 of the key's id and the signature>
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable

from mexc_plugin.audit.signing_keys import PrivateKey, PublicKey
from mexc_plugin.errors import EvidenceError

# What holds more than this is no note of ours: a million writers make about half of it.
MAX_BYTES = 256 * 1024 * 1024
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


def sign(text: str, key: PrivateKey) -> bytes:
    """The note. text: ends with a line feed. Raises ValueError for a text that no note holds."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("a note's text ends with a line feed and holds no control character")
    signature = base64.b64encode(key.public.id + key.sign(text.encode())).decode()
    return f"{text}\n— {key.name} {signature}\n".encode()


def digest(note: bytes) -> str:
    """SHA-256 of a whole note, hex: by it the next one names it."""
    return hashlib.sha256(note).hexdigest()


def read(note: bytes) -> str:
    """The text of a note, its signatures not looked at. Raises EvidenceError for what is no note."""
    return _split(note)[0]


def verify(note: bytes, keys: Iterable[PublicKey]) -> str:
    """The text, which one of the keys signed. Signatures of other keys beside it are left alone.

    Raises EvidenceError: it is no note, none of these keys signed it, or the text was changed.
    """
    text, signatures = _split(note)
    known = [
        (key, found)
        for key in keys
        for name, found in signatures
        if name == key.name and found[:4] == key.id
    ]
    if not known:
        names = ", ".join(sorted({name for name, _ in signatures}))
        raise EvidenceError(
            f"it was signed with another key ({names}) than was given; name its public key, too"
        )
    for key, found in known:
        if not key.is_signed(text.encode(), found[4:]):
            raise EvidenceError(
                f"its text or its signature was changed after {key.name} had signed it"
            )
    return text


def _split(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text, and the name and the bytes of each signature."""
    if len(note) > MAX_BYTES:
        raise EvidenceError("it is no signed note: it is too large to be one")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise EvidenceError("it is no signed note: it is no UTF-8 text") from None
    if _CONTROL.search(whole):
        raise EvidenceError("it is no signed note: it holds control characters")
    text, separator, below = whole.rpartition("\n\n")
    if not separator or not below.endswith("\n"):
        raise EvidenceError("it is no signed note, or its end is missing")
    return f"{text}\n", [_signature(line) for line in below[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    found = _SIGNATURE.fullmatch(line)
    try:
        raw = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if found is None or len(raw) < 5 or base64.b64encode(raw).decode() != found[2]:
        raise EvidenceError("it is no signed note: a line of its signatures cannot be read")
    return found[1], raw
