"""Up to where writers' beginnings left the record, as the notes of archives in it say."""

import re
from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import chain
from mexc_plugin.store.schema.tables import audit_checkpoint

_LINE = re.compile(
    r"^writer ([0-9a-f-]{36}) ([1-9][0-9]{0,18}) ([1-9][0-9]{0,18}) ([0-9a-f]{64})$", re.MULTILINE
)


class Anchors:
    """By writer, number and hash of the last event of each archive. Whose word that is, others ask."""

    def __init__(self, notes: list[str]) -> None:
        self._ends: dict[str, dict[int, str]] = defaultdict(dict)
        for note in notes:
            for writer_id, _, last, hash_ in _LINE.findall(note):
                self._ends[writer_id][int(last)] = hash_

    def begin_of(self, writer_id: object, first: object) -> tuple[int, str]:
        """Number and hash of the event that a chain goes on behind, of which `first` is the first that is there."""
        ends = self._ends.get(writer_id, {}) if isinstance(writer_id, str) else {}
        before = [last for last in ends if isinstance(first, int) and last < first]
        return (max(before), ends[max(before)]) if before else (0, chain.GENESIS)


def read(connection: Connection) -> Anchors:
    """What the notes say."""
    query = sa.select(audit_checkpoint.c.note).where(audit_checkpoint.c.kind == "archive")
    notes = [note for note in connection.scalars(query) if isinstance(note, str)]
    connection.rollback()
    return Anchors(notes)
