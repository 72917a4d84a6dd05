"""Reading the audit: filters in, rows out. Portable over SQLite, PostgreSQL, MySQL and MariaDB."""

import contextlib
import re
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import ConfigError, StoreError, StoreMissing
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect import sessions
from mexc_plugin.store.connect.error_messages import explaining, name_of, option_of
from mexc_plugin.store.connect.rows import BATCH, Row, Rows, stream
from mexc_plugin.store.read import filters, odd_values
from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.history import history, history_query
from mexc_plugin.store.read.ordering import Position
from mexc_plugin.store.schema import tables

__all__ = [
    "BATCH",
    "Filters",
    "Position",
    "Row",
    "Rows",
    "attempts",
    "cancel_ids",
    "cancels_of_order",
    "connect",
    "events",
    "history",
    "history_query",
    "prefix_bounds",
    "reading",
    "require_current",
    "stream",
]

_UUID = "00000000-0000-0000-0000-000000000000"
_HEX_PLACES = re.compile("[0-9a-f]")


@contextlib.contextmanager
def reading(url: str, answer_ms: int = engines.ANSWER_TIMEOUT_MS) -> Iterator[Connection]:
    """A connection that only reads, to a database that is ours and current.

    answer_ms: how long a server may say nothing.
    Raises ConfigError, StoreMissing where nothing is audited yet, StoreForeign, StoreOutdated,
    StoreTooNew, and StoreError for everything that the database itself complains of.
    """
    engine = engines.create(url, read_only=True, answer_ms=answer_ms)
    try:
        with explaining(url), connect(engine, url) as connection:
            require_current(connection, url)
            with odd_values.told_apart(connection, url):
                yield connection
            if sessions.was_written(connection):
                raise StoreError(
                    f"somebody wrote to the audit database {name_of(url)} while it was read; read it again"
                )
    finally:
        engine.dispose()


def connect(engine: sa.Engine, url: str) -> Connection:
    """Connect. Raises ConfigError where the URL has options that its driver does not know."""
    try:
        return engine.connect()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the URL of {name_of(url)} has an option that is not known") from error


def require_current(connection: Connection, url: str) -> None:
    """Return when the audit can be read; raise what `reading` raises where it cannot."""
    if tables.revision(connection) == tables.HEAD:
        return
    from mexc_plugin.store.schema import migrate

    found = migrate.state(connection)
    if found is migrate.State.EMPTY:
        raise StoreMissing(
            f"the database {name_of(url)} is empty: nothing was audited in it yet; "
            f"cancel something first, or prepare it with: mexc-plugin db upgrade {option_of(url)}"
        )
    migrate.refuse(found)


def events(connection: Connection, cancel_id: str) -> Rows:
    """Every event of one cancel, all attempts, oldest first."""
    audit = tables.cancel_audit.c
    query = (
        sa.select(tables.cancel_audit)
        .where(audit.cancel_id == cancel_id)
        .order_by(audit.occurred_ns, audit.writer_id, audit.seq)
    )
    yield from stream(connection, query)


def cancel_ids(connection: Connection, prefix: str, limit: int) -> list[str]:
    """The ids that start with the prefix, at most `limit` of them; the whole id is a prefix too."""
    low, high = prefix_bounds(prefix)
    if low is None:
        return []
    column = tables.cancel_audit.c.cancel_id
    query = (
        sa.select(column).where(column.between(low, high)).distinct().order_by(column).limit(limit)
    )
    return list(connection.scalars(query))


def cancels_of_order(connection: Connection, order_id: str, limit: int) -> list[str]:
    """The cancels of an order, by either of its ids, oldest first, at most `limit` of them."""
    found = filters.cancels_of_order(order_id).subquery()
    query = sa.select(found.c.cancel_id).order_by(found.c.cancel_id).limit(limit)
    return list(connection.scalars(query))


def attempts(connection: Connection, cancel_id: str) -> tuple[Row, ...]:
    """The rows of `cancel_history` of one cancel, in their order."""
    kept = tables.cancel_history.c
    query = (
        sa.select(tables.cancel_history)
        .where(kept.cancel_id == cancel_id, kept.requested_at.is_not(None))
        .order_by(kept.attempt)
    )
    return tuple(stream(connection, query))


def prefix_bounds(prefix: str) -> tuple[str, str] | tuple[None, None]:
    """The first and the last UUID that start with the prefix, None where none can.

    Whole UUIDs compare alike under every collation, so an index serves the range; LIKE would not
    use it outside of the C locale, and the hyphens of shorter texts sort differently there.
    """
    word = prefix.strip().lower()
    shape = _HEX_PLACES.sub("0", word)
    if not word or shape != _UUID[: len(word)]:
        return None, None
    rest = _UUID[len(word) :]
    return word + rest, word + rest.replace("0", "f")
