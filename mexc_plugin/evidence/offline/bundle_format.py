"""The bytes of a bundle: its names, its lines, its manifest, and the seal at its end. docs/evidence.md has them in words."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from mexc_plugin.audit import canonical

FORMAT = "mexc-plugin/bundle/v1"
MANIFEST = "manifest.json"
# Bytes of an event, a note, a manifest or a proof. No event of ours has a tenth of it.
LARGEST = 1 << 26
# A bundle unpacks to so many times its size at most, and one LARGEST: hashes do not compress.
MOST_UNPACKED = 200
# The ZIP's comment, behind its length: SHA-256, hex, of every byte before.
SEAL_BYTES = 2 + 64

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
EVENTS_NAME = re.compile(rf"events/({UUID})\.jsonl")
# `<prev_hash> <hash> <payload>`. The former is that of the line before, unless events are missing there.
EVENT_LINE = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{64}) (\{.*\})\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the bundle, as the manifest has it."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A writer's events in the bundle, as the manifest has them. prev_hash: of the first; hash: of the last."""

    writer_id: str
    first_seq: int
    last_seq: int
    prev_hash: str
    hash: str


def events_name(writer_id: str) -> str:
    """The file of a writer's events."""
    return f"events/{writer_id}.jsonl"


def note_name(number: int) -> str:
    """The file of a note, which are counted from 1 on."""
    return f"checkpoints/{number:04}.txt"


def manifest(events: int, chains: Iterable[Chain], parts: Iterable[Part]) -> bytes:
    """The manifest, which says nothing but what the other files are."""
    document = {
        "format": FORMAT,
        "events": events,
        "writers": [asdict(chain) for chain in chains],
        "files": [asdict(part) for part in parts],
    }
    return f"{canonical.encode(document)}\n".encode()


def seal(sha256: str) -> bytes:
    """What a bundle ends with: the length of the ZIP's comment, and the comment."""
    return len(sha256).to_bytes(2, "little") + sha256.encode()


class Sealed:
    """A binary stream for a ZIP without a comment, which goes on to `write` and gets the seal as its comment."""

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._held = b""

    def write(self, data: bytes) -> int:
        # The last two bytes are the length of the comment that is not there.
        waiting = self._held + data
        self._held = waiting[-2:]
        self._put(waiting[:-2])
        return len(data)

    def flush(self) -> None:
        """Nothing is kept but what `end` replaces."""

    def end(self) -> str:
        """Write the seal. Returns the SHA-256 of the whole bundle."""
        self._put(seal(self._digest.hexdigest()))
        return self._digest.hexdigest()

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._write(data)
