"""Writes the whole record into a bundle: payloads as stored, chains, signed notes, manifest. In constant memory.

No transaction is held meanwhile, which a bot may have to wait for: events never change, so the last number of
each writer says what the record was at that moment. The notes are read before: what they state is in it.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import StoreError
from mexc_plugin.evidence.offline import bundle_format
from mexc_plugin.evidence.offline.bundle_format import (
    EVENT_LINE,
    EVENTS_NAME,
    LARGEST,
    Chain,
    Part,
    Sealed,
)
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import audit_checkpoint
from mexc_plugin.store.verify import stretches
from mexc_plugin.store.verify.stretches import Reader, Stretch

COLUMNS = ("seq", "prev_hash", "hash", "payload")
LEVEL = 4  # of deflate: beyond it takes long for little
_LINES = 500  # that are compressed at a time

# Called with how many events were written, and how much of all that is, 0 to 1.
Tell = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What is in a bundle. sha256: of its file."""

    events: int
    writers: int
    notes: int
    sha256: str


def write(
    url: str, put: Callable[[bytes], Any], tell: Tell, wanted: Sequence[Stretch] | None = None
) -> Written:
    """Write a bundle by `put`. wanted: the events in it, writer by writer; None is all of them.

    Raises StoreError and what else `queries.reading` does; also for rows that are no events, which no bundle holds.
    """
    sealed = Sealed(put)
    with queries.reading(url) as connection:
        read_any_text(connection)
        notes = _in_order(connection)
        plan = stretches.plan(connection) if wanted is None else wanted
        total = sum(stretch.events for stretch in plan)
        chains: list[Chain] = []
        parts: list[Part] = []
        done = 0
        with zipfile.ZipFile(sealed, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as zipped:  # type: ignore[call-overload]
            for stretch in plan:
                events = _Events(connection, stretch)
                parts.append(_add(zipped, events.name, events.pieces(done, total, tell)))
                chains.append(events.chain)
                done += events.count
            for number, sha256 in enumerate(notes, 1):
                note = _note(connection, sha256)
                parts.append(_add(zipped, bundle_format.note_name(number), [note]))
            _add(zipped, bundle_format.MANIFEST, [bundle_format.manifest(done, chains, parts)])
    return Written(done, len(chains), len(notes), sealed.end())


class _Events:
    """A writer's events as lines; when all were written, `chain` says what they were."""

    chain: Chain

    def __init__(self, connection: Connection, stretch: Stretch) -> None:
        self.count = 0
        self._connection = connection
        self._stretch = stretch
        self.name = bundle_format.events_name(str(stretch.writer_id))
        if EVENTS_NAME.fullmatch(self.name) is None:
            raise StoreError(_no_event(f"writer {stretch.writer_id!r:.60}"))

    def pieces(self, before: int, total: int, tell: Tell) -> Iterator[bytes]:
        """The lines, some at a time. before: how many events were written; total: how many there are."""
        lines: list[bytes] = []
        first = None
        for seq, prev_hash, hash_, payload in Reader(self._connection, COLUMNS).rows(self._stretch):
            lines.append(self._line(seq, prev_hash, hash_, payload))
            first = first or (seq, prev_hash)
            self.count += 1
            if len(lines) == _LINES:
                yield b"".join(lines)
                lines.clear()
                tell(before + self.count, (before + self.count) / total)
        if first is None or self.count < self._stretch.events:
            raise StoreError(
                f"events of writer {self._stretch.writer_id} went away while they were read; "
                "look with: mexc-plugin audit verify"
            )
        self.chain = Chain(self._stretch.writer_id, first[0], seq, first[1], hash_)
        yield b"".join(lines)

    def _line(self, seq: object, prev_hash: object, hash_: object, payload: object) -> bytes:
        try:
            line = f"{prev_hash} {hash_} {payload}\n".encode()
        except UnicodeEncodeError:
            line = b""
        if type(seq) is not int or len(line) > LARGEST or EVENT_LINE.fullmatch(line) is None:
            raise StoreError(_no_event(f"writer {self._stretch.writer_id} seq {seq!r:.20}"))
        return line


def _no_event(where: str) -> str:
    return f"what is stored at {where} is no event; look with: mexc-plugin audit verify"


def _add(zipped: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> Part:
    digest, size = hashlib.sha256(), 0
    # The ZIP's own time is 1980 for every file; its sizes follow the data, whatever they are.
    with zipped.open(name, "w", force_zip64=True) as file:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return Part(name, size, digest.hexdigest())


def _in_order(connection: Connection) -> list[str]:
    """The SHA-256 of every note, after that of the note which it names; of those that name a stranger, last."""
    note = audit_checkpoint.c
    query = sa.select(note.sha256, note.previous).order_by(note.taken_ns, note.sha256)
    rows = connection.execute(query).all()
    connection.rollback()
    following: dict[str | None, list[str]] = {}
    for sha256, previous in rows:
        following.setdefault(previous, []).append(sha256)
    found = following.pop(None, [])
    for sha256 in found:  # which grows meanwhile; two machines may have followed one note at a time
        found += following.pop(sha256, [])
    return found + [sha256 for some in following.values() for sha256 in some]


def _note(connection: Connection, sha256: str) -> bytes:
    query = sa.select(audit_checkpoint.c.note).where(audit_checkpoint.c.sha256 == sha256)
    note = connection.scalar(query)
    connection.rollback()
    try:
        encoded = str(note).encode()
    except UnicodeEncodeError:
        encoded = b""
    if not encoded or len(encoded) > LARGEST:
        raise StoreError(
            f"the note {sha256} in audit_checkpoint is none; look with: mexc-plugin audit verify"
        )
    return encoded
