"""Removes from the record what is in a bundle, and nothing else: one transaction, with its anchor in it.

The guards are lifted within the transaction and for it alone, so that a failure at any point leaves record, anchors
and guards as they were. On PostgreSQL a partition that leaves whole is dropped, and its rows are not touched.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from mexc_plugin.errors import StoreError
from mexc_plugin.store.schema import migration_locks, partitions, restoring
from mexc_plugin.store.schema.tables import cancel_audit, cancel_audit_order, kept_history
from mexc_plugin.store.verify.stretches import Stretch

CHUNK = 500
LOCK_SECONDS = 5
# Only to DELETE, and only in the transaction that replaced it: nobody else ever sees it.
_LIFTED = """CREATE OR REPLACE FUNCTION cancel_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
RAISE EXCEPTION 'cancel_audit is append-only: no %', TG_OP; END $$"""
_NO_DELETE = ("cancel_audit_no_delete", "cancel_audit_order_no_delete")
_MYSQL_LIFTED = ("mexc_plugin_archive", "cancel_history_kept")

_key = cancel_audit.c


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some events of a writer, one after the other: number and hash of each, and the cancels that they are of."""

    writer_id: str
    events: Sequence[tuple[int, str]]
    cancel_ids: frozenset[str]

    @property
    def first(self) -> int:
        """The first number."""
        return self.events[0][0]

    @property
    def last(self) -> int:
        """The last number."""
        return self.events[-1][0]


def remove(
    engine: Engine,
    leaving: Sequence[Stretch],
    before: datetime,
    read: Callable[[], Iterable[Chunk]],
    anchor: Callable[[Connection], None],
    tell: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Remove them; return the names of the partitions that left whole.

    before: (UTC, naive) partitions that go on after it stay; read: gives what is in the bundle, each time from its
    beginning; anchor: puts the note of what left into the same transaction; tell: takes how many events more are gone.
    Raises StoreError where the record is not as the bundle
    says, or has another event of a cancel in it: nothing is removed then.
    """
    with engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            migration_locks.lock_on_postgresql(connection, LOCK_SECONDS)
        whole = _whole_partitions(connection, leaving, before)
        _lift(connection)
        dropped = sum(_remove_events(connection, chunk, whole, tell) for chunk in read())
        for chunk in read():
            _remove_history(connection, chunk, whole)
        anchor(connection)
        _drop(connection, whole, dropped)
        _restore(connection)
    return whole


def _remove_events(
    connection: Connection, chunk: Chunk, whole: Sequence[str], tell: Callable[[int], None]
) -> int:
    """Returns how many of them stay where they are, in partitions that are dropped."""
    within = (_key.writer_id == chunk.writer_id, _key.seq.between(chunk.first, chunk.last))
    query = sa.select(_key.seq, _key.hash).where(*within).order_by(_key.seq)
    if [tuple(row) for row in connection.execute(query)] != [*chunk.events]:
        raise StoreError(
            f"events {chunk.first} to {chunk.last} of writer {chunk.writer_id} are not those in the "
            "bundle: nothing was removed; look with: mexc-plugin audit verify"
        )
    gone = connection.execute(sa.delete(cancel_audit).where(*within, *_outside(whole))).rowcount
    if gone < len(chunk.events) and not whole:
        raise StoreError("a guard or another trigger kept events: nothing was removed")
    orders = cancel_audit_order.c
    connection.execute(
        sa.delete(cancel_audit_order).where(
            orders.writer_id == chunk.writer_id, orders.seq.between(chunk.first, chunk.last)
        )
    )
    tell(len(chunk.events))
    return len(chunk.events) - gone


def _remove_history(connection: Connection, chunk: Chunk, whole: Sequence[str]) -> None:
    if not chunk.cancel_ids:
        return
    left = sa.select(_key.cancel_id).where(_key.cancel_id.in_(chunk.cancel_ids), *_outside(whole))
    cancel_id = connection.scalar(left.limit(1))
    if cancel_id is not None:
        raise StoreError(
            f"an event of cancel {cancel_id} came in meanwhile: nothing was removed; archive again"
        )
    history = sa.delete(kept_history).where(kept_history.c.cancel_id.in_(chunk.cancel_ids))
    connection.execute(history)


# -- the guards


def _lift(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in _NO_DELETE:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LIFTED.replace("%", "%%"))
        connection.exec_driver_sql("SET LOCAL mexc_plugin.rebuild = 'on'")
    else:
        for name in _MYSQL_LIFTED:
            connection.exec_driver_sql(f"SET @{name} = 1")


def _restore(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        made = restoring.guards("sqlite")
        for name in _NO_DELETE:
            connection.exec_driver_sql(made[name])
    elif connection.dialect.name == "postgresql":
        for text in restoring.functions(connection):
            connection.exec_driver_sql(text.replace("%", "%%"))
    else:
        for name in _MYSQL_LIFTED:
            connection.exec_driver_sql(f"SET @{name} = NULL")


# -- partitions


def _whole_partitions(
    connection: Connection, leaving: Sequence[Stretch], before: datetime
) -> list[str]:
    """The partitions of the time before in which there is nothing but what leaves, or nothing at all."""
    if not partitions.is_partitioned(connection):
        return []
    ends = {stretch.writer_id: stretch.last for stretch in leaving}
    found = []
    for partition in partitions.existing(connection):
        if partition.end is None or partition.end > before:
            continue
        writers = connection.exec_driver_sql(
            f"SELECT writer_id, MAX(seq) FROM {partition.name} GROUP BY writer_id"  # noqa: S608 - a name of ours
        ).all()
        if all(last <= ends.get(writer_id, 0) for writer_id, last in writers):
            found.append(partition.name)
    return found


def _outside(whole: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Not in a partition that is dropped."""
    if whole:
        oids = ", ".join(f"'{name}'::regclass" for name in whole)
        yield sa.text(f"cancel_audit.tableoid NOT IN ({oids})".replace("::", r"\:\:"))  # type: ignore[misc]


def _drop(connection: Connection, whole: Sequence[str], expected: int) -> None:
    there = 0
    for name in whole:  # last: nobody can write, nor read, until the transaction ends
        connection.exec_driver_sql(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        there += connection.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar() or 0  # noqa: S608 - a name of ours
    if there != expected:
        raise StoreError(
            f"{' and '.join(whole)} have other events than the bundle: nothing was removed; archive again"
        )
    for name in whole:
        connection.exec_driver_sql(f"DROP TABLE {name}")
