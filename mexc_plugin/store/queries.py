"""Reading the audit: filters in, rows out. Portable over SQLite, PostgreSQL, MySQL and MariaDB."""

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from mexc_plugin.errors import ConfigError, StoreMissing
from mexc_plugin.store import engine as engines
from mexc_plugin.store import schema
from mexc_plugin.store.explain import explained, name_of

BATCH = 500

Row = Mapping[str, Any]
Rows = Generator[Row, None, None]

_UUID = "00000000-0000-0000-0000-000000000000"
_HEX_PLACES = re.compile("[0-9a-f]")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which attempts are wanted: within one field any of its values, between fields all of them.

    since, until: naive UTC, since <= requested_at < until; symbols: unified or native;
    outcomes: final outcomes. An empty tuple asks for nothing in particular.
    """

    since: datetime | None = None
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


@contextlib.contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that only reads, to a database that is ours and current.

    Raises ConfigError, StoreMissing where nothing is audited yet, StoreForeign, StoreOutdated,
    StoreTooNew, and StoreError for everything that the database itself complains of.
    """
    engine = engines.create(url, read_only=True)
    try:
        with explained(url), connected(engine, url) as connection:
            require_current(connection, url)
            yield connection
    finally:
        engine.dispose()


def connected(engine: sa.Engine, url: str) -> Connection:
    """Connect. Raises ConfigError where the URL has options that its driver does not know."""
    try:
        return engine.connect()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the URL of {name_of(url)} has an option that is not known") from error


def require_current(connection: Connection, url: str) -> None:
    """Return when the audit can be read; raise what `reading` raises where it cannot."""
    if _revision(connection) == schema.HEAD:
        return
    from mexc_plugin.store import migrate

    found = migrate.state(connection)
    if found is migrate.State.EMPTY:
        raise StoreMissing(
            f"the database {name_of(url)} is empty: nothing was audited in it yet; "
            "cancel something first, or prepare it with: mexc-plugin db upgrade --database-url URL"
        )
    migrate.refuse(found)


def history(connection: Connection, filters: Filters, limit: int | None = None) -> Rows:
    """The rows of the view `cancel_history`, newest first, with its columns in its order."""
    yield from stream(connection, history_query(filters, limit))


def history_query(filters: Filters, limit: int | None) -> sa.Select[Any]:
    """The query behind `history`.

    It sorts by nothing but the time: a second criterion makes MariaDB sort the whole table.
    """
    view = schema.cancel_history
    query = sa.select(view).where(*_conditions(filters))
    drivers = [_cancels(name, values) for name, values in _ids(filters) if values]
    if drivers:
        driver = drivers[0].subquery()
        query = query.select_from(_CrossJoin(driver, view, sa.true()))
        query = query.where(driver.c.cancel_id == view.c.cancel_id)
        query = query.where(*(view.c.cancel_id.in_(others) for others in drivers[1:]))
    return query.order_by(view.c.requested_at.desc()).limit(limit)


def events(connection: Connection, cancel_id: str) -> Rows:
    """Every event of one cancel, all attempts, oldest first."""
    audit = schema.cancel_audit.c
    query = (
        sa.select(schema.cancel_audit)
        .where(audit.cancel_id == cancel_id)
        .order_by(audit.occurred_ns, audit.writer_id, audit.seq)
    )
    yield from stream(connection, query)


def cancel_ids(connection: Connection, prefix: str, limit: int) -> list[str]:
    """The ids that start with the prefix, at most `limit` of them; the whole id is a prefix too."""
    low, high = prefix_bounds(prefix)
    if low is None:
        return []
    column = schema.cancel_audit.c.cancel_id
    query = (
        sa.select(column).where(column.between(low, high)).distinct().order_by(column).limit(limit)
    )
    return list(connection.scalars(query))


def cancels_of_order(connection: Connection, order_id: str, limit: int) -> list[str]:
    """The cancels of an order, by either of its ids, oldest first, at most `limit` of them."""
    found = sa.union(
        _cancels("order_id", (order_id,)), _cancels("client_order_id", (order_id,))
    ).subquery()
    query = sa.select(found.c.cancel_id).order_by(found.c.cancel_id).limit(limit)
    return list(connection.scalars(query))


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


def stream(connection: Connection, query: sa.Select[Any]) -> Rows:
    """The rows of a query, fetched in batches: memory stays flat. Close it if you stop early."""
    with connection.execution_options(yield_per=BATCH).execute(query) as result:
        names = tuple(result.keys())
        for values in result:
            yield dict(zip(names, values, strict=True))


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    version = sa.table(schema.VERSION_TABLE, sa.column("version_num", sa.String()))
    return connection.scalar(sa.select(version.c.version_num))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    view = schema.cancel_history.c
    found: list[ColumnElement[bool]] = []
    if filters.since is not None:
        found.append(view.requested_at >= filters.since)
    if filters.until is not None:
        found.append(view.requested_at < filters.until)
    if filters.symbols:
        found.append(
            sa.or_(view.symbol.in_(filters.symbols), view.native_symbol.in_(filters.symbols))
        )
    if filters.accounts:
        found.append(view.account.in_(filters.accounts))
    if filters.bots:
        found.append(view.bot.in_(filters.bots))
    if filters.outcomes:
        found.append(view.final_outcome.in_(filters.outcomes))
    return found


def _ids(filters: Filters) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("order_id", filters.order_ids), ("client_order_id", filters.client_order_ids)


def _cancels(column: str, values: tuple[str, ...]) -> sa.Select[tuple[str]]:
    # The view's own columns are COALESCEd over two rows, which no index serves. The second table
    # knows the orders of requests that had several, such as a cancel-all.
    selects = [
        sa.select(table.c.cancel_id).where(
            table.c[column].in_(values), table.c.cancel_id.is_not(None)
        )
        for table in (schema.cancel_audit, schema.cancel_audit_order)
    ]
    found = sa.union(*selects).subquery()
    return sa.select(found.c.cancel_id)


class _CrossJoin(sa.Join):
    """CROSS JOIN, whose order SQLite keeps: else it walks every request, because they are sorted."""

    inherit_cache = True


@compiles(_CrossJoin)
def _cross_join(join: _CrossJoin, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    sides = (
        compiler.process(side, **options | {"asfrom": True}) for side in (join.left, join.right)
    )
    return " CROSS JOIN ".join(sides)
