"""The two inserts of an event: how rows become as few statements as can be, in one transaction."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from mexc_plugin.audit.events import Event, project, project_orders
from mexc_plugin.errors import StoreError
from mexc_plugin.store.schema.tables import cancel_audit, cancel_audit_order

# So many events at once go to PostgreSQL by COPY: for fewer, a statement is sooner there.
COPIED = 50


class Statement(NamedTuple):
    """One insert, as a cursor of the driver executes it."""

    sql: str
    values: tuple[Any, ...]
    rows: int


class Inserts:
    """The two inserts of an event, compiled once; rows then go through a cursor of the driver.

    begin: what begins a transaction; is_pooled: without it, not even a single statement is what it has to be.
    """

    def __init__(self, dialect: sa.Dialect, begin: str, *, is_pooled: bool = False) -> None:
        self._begin = begin
        self._is_pooled = is_pooled
        self._audit = Insert(cancel_audit, dialect)
        self._orders = Insert(cancel_audit_order, dialect)

    def run(
        self,
        cursor: Any,  # noqa: ANN401 - a driver's
        events: Sequence[Event],
        last_check: Callable[[], None],
        rows: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Store events in one durable transaction. The cursor's connection commits by itself.

        last_check: may still prevent it by raising; rows: as `Database.insert`.
        """
        copies = len(events) >= COPIED and hasattr(cursor, "copy")
        statements = [] if copies else self.statements(events, rows)
        if len(events) == 1 and len(statements) == 1 and not self._is_pooled:
            # A statement by itself is a transaction, and takes one round trip.
            last_check()
            cursor.execute(*statements[0][:2])
            require_all(cursor, statements[0])
            return
        cursor.execute(self._begin)
        try:
            if copies:
                self._audit.copy(cursor, rows or [project(event) for event in events])
                if orders := _orders_of(events):
                    self._orders.copy(cursor, orders)
            for statement in statements:
                cursor.execute(*statement[:2])
                require_all(cursor, statement)
            last_check()
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(Exception):
                cursor.execute("ROLLBACK")
            raise

    def statements(
        self, events: Sequence[Event], rows: Sequence[dict[str, Any]] | None = None
    ) -> list[Statement]:
        """What has to be executed for these events, the orders after what they belong to."""
        return [
            *self._audit.statements(rows or [project(event) for event in events]),
            *self._orders.statements(_orders_of(events)),
        ]


def _orders_of(events: Sequence[Event]) -> list[dict[str, Any]]:
    return [row for event in events for row in project_orders(event)]


class Insert:
    """An insert into a table: how rows become as few statements as can be.

    A driver lets Python's lock go with each statement, and whoever records at the same time has it then.
    """

    # How many rows a statement has: few texts, for drivers keep them prepared, and on SQLite
    # before 3.32 no more than 999 values.
    SIZES = (25, 5, 1)

    def __init__(self, table: sa.Table, dialect: sa.Dialect) -> None:
        # By position for every driver: psycopg would look up 35 names with each row.
        style = "qmark" if dialect.paramstyle == "qmark" else "format"
        by_position: sa.Dialect = type(dialect)(paramstyle=style)  # type: ignore[call-arg]
        compiled = sa.insert(table).compile(dialect=by_position)
        head, values, one = str(compiled).rpartition(" VALUES ")
        self._texts = {size: head + values + ", ".join([one] * size) for size in self.SIZES}
        names = compiled.positiontup or ()
        self._read: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*names)
        quoted = ", ".join(map(dialect.identifier_preparer.quote, names))
        self._copy = f"COPY {table.name} ({quoted}) FROM STDIN"

    def statements(self, rows: Sequence[dict[str, Any]]) -> Iterator[Statement]:
        """All rows, in their order."""
        start = 0
        for size in self.SIZES:
            while len(rows) - start >= size:
                some = map(self._read, rows[start : start + size])
                yield Statement(self._texts[size], tuple(itertools.chain.from_iterable(some)), size)
                start += size

    def copy(self, cursor: Any, rows: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401 - psycopg's
        """All rows at once, on PostgreSQL: a twentieth of the processor time of statements."""
        with cursor.copy(self._copy) as copy:
            for row in rows:
                copy.write_row(self._read(row))
        require_all(cursor, Statement(self._copy, (), len(rows)))


def require_all(result: Any, statement: Statement) -> None:  # noqa: ANN401 - a cursor of any driver
    """A trigger or a rule may swallow rows without an error. -1 is a driver that does not count."""
    if result.rowcount not in (statement.rows, -1):
        raise StoreError(
            f"it stored {result.rowcount} of {statement.rows} rows and reported no error; "
            "look for a trigger or rule with: mexc-plugin audit verify"
        )
