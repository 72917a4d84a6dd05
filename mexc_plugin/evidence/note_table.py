"""The table `audit_checkpoint`: signed notes, kept beside the record that they are about."""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.evidence.statements import Statement
from mexc_plugin.store.schema.tables import audit_checkpoint

_TABLE = audit_checkpoint.c
AT_ONCE = 10  # notes; that of a large record has some megabytes


class NoteRow(NamedTuple):
    """A row as it is stored; SQLite may hold any type in any column."""

    sha256: str
    kind: str
    taken_ns: int
    events: int
    previous: str | None
    note: str


def content(row: NoteRow) -> bytes:
    """The bytes of a row's note. Raises EvidenceError where somebody put something else there."""
    if not isinstance(row.note, str):
        raise EvidenceError("it is no text")
    return row.note.encode("utf-8", "surrogateescape")


def project(note: bytes, statement: Statement) -> NoteRow:
    """The row of a note, and of what it states."""
    return NoteRow(
        signed_notes.digest(note),
        statement.kind,
        statement.taken_ns,
        statement.events,
        statement.previous,
        note.decode(),
    )


def insert(connection: Connection, note: bytes, statement: Statement) -> None:
    """Keep a note, in the caller's transaction."""
    connection.execute(sa.insert(audit_checkpoint).values(project(note, statement)._asdict()))


def rows(connection: Connection, kind: str | None = None) -> Iterator[NoteRow]:
    """All of them, or those of a kind, oldest first."""
    query = sa.select(*(_TABLE[name] for name in NoteRow._fields))
    if kind is not None:
        query = query.where(_TABLE.kind == kind)
    ordered = query.order_by(_TABLE.taken_ns, _TABLE.sha256)
    with connection.execute(ordered, execution_options={"yield_per": AT_ONCE}) as found:
        for row in found:
            yield NoteRow(*row)


def newest(connection: Connection) -> str | None:
    """SHA-256 of the note that the next one is to name: the newest of those that no other names."""
    found = connection.execute(sa.select(_TABLE.taken_ns, _TABLE.sha256, _TABLE.previous)).all()
    named = {previous for _, _, previous in found}
    ends = [
        (taken_ns, sha256)
        for taken_ns, sha256, _ in found
        if sha256 not in named and isinstance(taken_ns, int) and statements.is_hash(sha256)
    ]
    return max(ends)[1] if ends else None


def newest_checkpoint(connection: Connection) -> NoteRow | None:
    """The newest note that is no archive's."""
    query = sa.select(*(_TABLE[name] for name in NoteRow._fields)).where(
        _TABLE.kind == "checkpoint"
    )
    row = connection.execute(query.order_by(_TABLE.taken_ns.desc()).limit(1)).first()
    return None if row is None else NoteRow(*row)
