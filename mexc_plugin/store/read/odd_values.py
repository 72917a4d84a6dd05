"""Values that a column cannot hold, which SQLite keeps all the same when somebody writes them.

Asked only once something has failed: then it is either a bug of ours, or the record.
"""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect.error_messages import name_of
from mexc_plugin.store.schema import tables

# What Python makes of a value that it did not expect.
_FAILURES = (ValueError, TypeError, AttributeError, OverflowError)
_TIME = "????-??-?? ??:??:??.??????"


@contextlib.contextmanager
def told_apart(connection: Connection, url: str) -> Iterator[None]:
    """Raise StoreError for what fails because the record holds such a value."""
    try:
        yield
    except (*_FAILURES, sa.exc.OperationalError) as error:
        if not _comes_from_one(error, connection):
            raise
        raise StoreError(
            f"the audit database {name_of(url)} holds values that are none of their column's: "
            "somebody wrote to it; look with: mexc-plugin audit verify"
        ) from None


def _comes_from_one(error: Exception, connection: Connection) -> bool:
    if isinstance(error, sa.exc.OperationalError):  # sqlite3 has no code for text that is no UTF-8
        return str(error.orig).startswith("Could not decode to UTF-8")
    return not isinstance(error, StoreError) and _are_there(connection)


def _are_there(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return False  # servers refuse them
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        return any(
            _has_one(connection, table) for table in (tables.cancel_history, tables.cancel_audit)
        )
    return False


def _has_one(connection: Connection, table: sa.Table) -> bool:
    odd = sa.or_(*(_is_odd(column) for column in table.c))
    return (
        connection.scalar(sa.select(sa.literal(1)).select_from(table).where(odd).limit(1))
        is not None
    )


def _is_odd(column: "sa.Column[object]") -> sa.ColumnElement[bool]:
    kind = sa.func.typeof(column)
    if isinstance(column.type, sa.Integer):
        return kind.not_in(("integer", "null"))
    odd = kind.not_in(("text", "null"))
    if column.name.endswith("_at"):
        return sa.or_(odd, sa.func.glob(_TIME, sa.type_coerce(column, sa.Text)) == 0)
    return odd
