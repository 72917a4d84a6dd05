"""What ties each event to whoever made its writer, at the price of one hash: a ladder of secrets.

A ladder is a random secret, hashed again and again. The last hash, its anchor, is signed with the writer's key; each
event then shows the hash before: whoever knows the anchor can check it, and nobody else can tell the next one. An
event that is on record has its place, so that what it shows is of no use to others.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from typing import Any

from mexc_plugin.audit.signing_keys import PrivateKey, PublicKey

TAG = b"mexc-plugin/rung/1\n"
BYTES = 16
LENGTH = 256  # events; making one takes as many hashes


def climb(rung: bytes, steps: int = 1) -> bytes:
    """The hash so many steps nearer to the anchor."""
    for _ in range(steps):
        rung = hashlib.sha256(TAG + rung).digest()[:BYTES]
    return rung


def signed_text(writer_id: str, seq: int, anchor: str) -> bytes:
    """What the key signs: a ladder is of one place of one writer. anchor: 32 digits of hex."""
    return f"mexc-plugin/ladder/v1\n{writer_id} {seq} {anchor}\n".encode()


class Ladder:
    """The ladders of one writer, one after the other."""

    def __init__(self, writer_id: str, key: PrivateKey) -> None:
        self._writer_id = writer_id
        self._key = key
        self._rungs: list[bytes] = []
        self._begun = 0
        self._said: dict[str, Any] = {}

    def fields(self, seq: int) -> Mapping[str, Any]:
        """What the event of that number says. Asked again for the same number, it says the same."""
        if self._rungs and seq == self._begun:
            return self._said
        step = seq - self._begun
        if not self._rungs or step >= len(self._rungs):
            return self._begin(seq)
        return {"rung": self._rungs[step].hex()}

    def begin_anew(self) -> None:
        """Have the next event begin a ladder: the one that began this was lost."""
        self._rungs = []

    def _begin(self, seq: int) -> dict[str, Any]:
        rungs = [os.urandom(BYTES)]
        while len(rungs) <= LENGTH:
            rungs.append(climb(rungs[-1]))
        rungs.reverse()
        anchor = rungs[0].hex()
        signature = self._key.sign(signed_text(self._writer_id, seq, anchor))
        ladder = {"anchor": anchor, "signature": base64.b64encode(signature).decode()}
        self._said = {"ladder": ladder, "key": str(self._key.public)}
        self._rungs, self._begun = rungs, seq
        return self._said


def read_anchor(ladder: object, key: PublicKey, writer_id: str, seq: int) -> bytes | None:
    """The anchor of what an event says of its ladder; None where this key did not sign it."""
    if not isinstance(ladder, Mapping):
        return None
    anchor, signature = ladder.get("anchor"), ladder.get("signature")
    if not isinstance(anchor, str) or not isinstance(signature, str):
        return None
    found = read_rung(anchor)
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):  # the latter: not ASCII
        return None
    if found is None or not key.is_signed(signed_text(writer_id, seq, anchor), raw):
        return None
    return found


def read_rung(text: object) -> bytes | None:
    """The bytes of a rung or an anchor; None where it is none."""
    if not isinstance(text, str) or len(text) != 2 * BYTES:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
