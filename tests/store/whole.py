"""A whole record read in one piece, as short as those of tests are: its chains and columns."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import Row, Rows, stream
from mexc_plugin.store.schema.tables import cancel_audit
from mexc_plugin.store.verify import record


def verify(
    rows: Iterable[Row], verifier: record.Verifier, orders: record.OrderRows | None = None
) -> Iterator[record.Finding]:
    """All findings about rows that come in the order of writer and sequence.

    rows: read lazily, so that what a bot records meanwhile is in neither or in both of the tables.
    """
    if orders is not None:
        orders.begin()
    for row in rows:
        yield from verifier.check(row)
        if orders is not None:
            yield from orders.check(row)
    if orders is not None:
        yield from orders.check_total()


def read_chained(connection: Connection) -> Rows:
    """Every row of the audit, writer by writer, in sequence."""
    key = cancel_audit.c
    yield from stream(connection, record.as_stored(connection).order_by(key.writer_id, key.seq))
