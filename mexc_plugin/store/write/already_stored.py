"""Which of some events the database has already, and which left it for an archive."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mexc_plugin.audit.events import Event
from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect.error_messages import kind_of
from mexc_plugin.store.schema import archives
from mexc_plugin.store.schema.tables import CHECKPOINT_TABLE, cancel_audit


def find_missing(
    connection: Connection, events: Sequence[Event], left: dict[str, int]
) -> tuple[list[Event], list[Event]]:
    """What is not there, and in whose place another row is or that left for an archive."""
    hashes: dict[tuple[str, int], str] = {}
    missing, others = [], []
    for event in events:
        place = event.writer_id, event.seq
        # A line that could not be synced may be there twice.
        stored = hashes.get(place) or _hash_in_place_of(connection, event)
        if stored is None and event.seq > left.get(event.writer_id, 0):
            hashes[place] = event.hash
            missing.append(event)
        elif stored != event.hash:
            others.append(event)
    return missing, others


def _hash_in_place_of(connection: Connection, event: Event) -> str | None:
    key = cancel_audit.c
    return connection.execute(
        sa.select(key.hash).where(key.writer_id == event.writer_id, key.seq == event.seq)
    ).scalar()


def read_last_left(connection: Connection) -> dict[str, int]:
    """By writer, the number of the last event that left for an archive."""
    try:
        found = sorted((each.last, each.writer_id) for each in archives.read_left(connection))
    except sa.exc.SQLAlchemyError as error:
        if kind_of(error) != "forbidden":
            raise
        raise StoreError(
            f"this user may not read {CHECKPOINT_TABLE}, which says what left for an archive; "
            "run, as the owner, what this prints: mexc-plugin db grants --role bot --to USER"
        ) from None
    return {writer_id: last for last, writer_id in found}
