"""Takes checkpoints: what the record is now, signed, kept beside it and given to whoever keeps it elsewhere."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import note_table, signed_notes, statements
from mexc_plugin.evidence.note_table import NoteRow
from mexc_plugin.evidence.statements import Archive, Checkpoint, Head, Statement
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import explaining
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import heads


@dataclass(frozen=True, slots=True)
class Taken:
    """A checkpoint, and what is to be said of it.

    shorter: writers that the checkpoint before states to be further than they are now, and that did not leave in order; odd: writers that no
    program of ours writes, which no checkpoint states; is_trusted: whether the note before is of this key.
    """

    note: bytes
    statement: Checkpoint
    shorter: int
    odd: int
    is_trusted: bool


def take(url: str, key: PrivateKey) -> Taken:
    """State how far the record is, and keep it in the table. Reads one moment, and holds no bot back.

    Raises what `queries.reading` raises, and StoreError where the table cannot be written.
    """
    with queries.reading(url) as connection:
        read_any_text(connection)
        heads.freeze(connection)
        taken = _look(connection, key)
    engine = engines.create(url)
    try:
        with explaining(url), engine.begin() as connection:
            note_table.insert(connection, taken.note, taken.statement)
    finally:
        engine.dispose()
    return taken


def _look(connection: Connection, key: PrivateKey) -> Taken:
    # Before the moment that is read: what is later is not in it.
    now_ns = time.time_ns() // 1000 * 1000
    last = heads.last_events(connection)
    there = [
        Head(writer_id, seq, hash_)
        for writer_id, seq, hash_ in last
        if statements.may_be_stated(writer_id, seq, hash_)
    ]
    before = note_table.newest_checkpoint(connection)
    stated = None if before is None else _read(before, key)
    archived, events_archived = _count_archived(connection, key)
    gone = _further(stated.writers if isinstance(stated, Checkpoint) else (), there)
    statement = Checkpoint(
        heads.count(connection) + events_archived,
        now_ns,
        note_table.newest(connection),
        _merge(there, gone),
    )
    note = signed_notes.sign(statements.write(statement), key)
    return Taken(
        note,
        statement,
        sum(archived.get(head.writer_id, 0) < head.seq for head in gone),
        len(last) - len(there),
        before is None or stated is not None,
    )


def _read(row: NoteRow, key: PrivateKey) -> Statement | None:
    """What a note states, where this key signed it: nobody vouches for the words of others."""
    try:
        return statements.parse(signed_notes.verify(note_table.content(row), [key.public]))
    except EvidenceError:
        return None


def _count_archived(connection: Connection, key: PrivateKey) -> tuple[dict[str, int], int]:
    """By writer, up to which number its events left the record in order; and how many left in all."""
    last: dict[str, int] = {}
    events = 0
    for row in note_table.rows(connection, Archive.kind):
        archive = _read(row, key)
        if isinstance(archive, Archive):
            events += archive.events
            for left in archive.writers:
                last[left.writer_id] = max(left.last, last.get(left.writer_id, 0))
    return last, events


def _further(before: Iterable[Head], there: Iterable[Head]) -> list[Head]:
    """The heads that are further than the record is now."""
    now = {head.writer_id: head.seq for head in there}
    return [head for head in before if now.get(head.writer_id, 0) < head.seq]


def _merge(there: Iterable[Head], gone: Iterable[Head]) -> tuple[Head, ...]:
    """What to state. A checkpoint never goes back, so that the next one shows a removal, too."""
    found = {head.writer_id: head for head in (*there, *gone)}
    return tuple(found[writer_id] for writer_id in sorted(found))
