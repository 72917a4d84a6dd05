"""Ed25519 keys as one line of text, in the form of C2SP's signed notes.

<https://c2sp.org/signed-note>; Go's `golang.org/x/mod/sumdb/note` reads the same lines.
"""

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import Any

ED25519 = b"\x01"
BYTES = 32  # of a seed, and of a public key
_PRIVATE = "PRIVATE+KEY+"
# A name has no blank and no plus, by the form; no control character and nothing that looks like another letter, by us.
_NAME = re.compile(r"[A-Za-z0-9._/:@-]{1,64}")
_LINE = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Whose signature something is. name: for people; raw: 32 bytes."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that a signature begins with, so that its key is found."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(ED25519 + self.raw)}"

    def is_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made that signature (64 bytes) of that message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):  # the latter: no point of the curve
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What signs. seed: 32 bytes, which no text of ours shows but the key's own line."""

    name: str
    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _key: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "public", PublicKey(self.name, raw))

    def line(self) -> str:
        """The line that is kept in a file of mode 0600: the secret itself."""
        return f"{_PRIVATE}{self.name}+{self.public.id.hex()}+{_base64(ED25519 + self.seed)}"

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, 64 bytes."""
        signature: bytes = self._key.sign(message)
        return signature


def make(name: str) -> PrivateKey:
    """A new key from the system's random numbers. Raises ValueError for a name that no key may have."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            "a key's name has 1 to 64 of the letters A to Z, a to z, digits, and . _ / : @ -"
        )
    return PrivateKey(name, os.urandom(BYTES))


def parse_private(line: str) -> PrivateKey:
    """The key of a line that `PrivateKey.line` wrote. Raises ValueError, which shows nothing of it."""
    if not line.startswith(_PRIVATE):
        raise ValueError("this is no private key: its line starts with PRIVATE+KEY+")
    name, key_id, seed = _parts(line.removeprefix(_PRIVATE), "private")
    key = PrivateKey(name, seed)
    if key.public.id.hex() != key_id:
        raise ValueError("the private key's line was changed: its name, id and key do not agree")
    return key


def parse_public(line: str) -> PublicKey:
    """The key of a line `<name>+<id>+<key>`. Raises ValueError."""
    if line.startswith(_PRIVATE):
        raise ValueError("this is a private key, which nobody else should see; give the public one")
    name, key_id, raw = _parts(line, "public")
    key = PublicKey(name, raw)
    if key.id.hex() != key_id:
        raise ValueError("the public key's line was changed: its name, id and key do not agree")
    return key


def _parts(line: str, which: str) -> tuple[str, str, bytes]:
    found = _LINE.fullmatch(line)
    if found is None or _NAME.fullmatch(found[1]) is None:
        raise ValueError(f"this is no {which} key: one is written as name+id+key, in one line")
    try:
        raw = base64.b64decode(found[3], validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 1 + BYTES or raw[:1] != ED25519 or _base64(raw) != found[3]:
        raise ValueError(f"this is no {which} key of Ed25519")
    return found[1], found[2], raw[1:]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
