"""What left the record for archives, as the notes in it say."""

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import archive_notes
from mexc_plugin.audit.archive_notes import Left
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.schema.tables import audit_checkpoint


def read_left(connection: Connection) -> list[Left]:
    """Whose word that is, others ask. Bytes in SQLite that are no text say nothing, and end no reading."""
    read_any_text(connection)
    query = sa.select(audit_checkpoint.c.note).where(audit_checkpoint.c.kind == "archive")
    notes = [note for note in connection.scalars(query) if isinstance(note, str)]
    return [left for note in notes for left in archive_notes.read_left(note)]
