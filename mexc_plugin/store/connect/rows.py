"""Rows of any query: as mappings, in batches, whatever text is in them."""

from collections.abc import Generator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

BATCH = 500

Row = Mapping[str, Any]
Rows = Generator[Row, None, None]


def stream(connection: Connection, query: sa.Select[Any]) -> Rows:
    """The rows of a query, fetched in batches: memory stays flat. Close it if you stop early."""
    # Options of this statement: those of the connection would make every later one a stream, too.
    with connection.execute(query, execution_options={"yield_per": BATCH}) as result:
        names = tuple(result.keys())
        for values in result:
            yield dict(zip(names, values, strict=True))


def read_any_text(connection: Connection) -> None:
    """SQLite keeps any bytes as text; what is not UTF-8 becomes lone surrogates."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda value: value.decode("utf-8", "surrogateescape")


def is_odd_text(value: object) -> bool:
    """Whether there are such surrogates in it, which no driver takes as a parameter."""
    return isinstance(value, str) and any("\udc80" <= character <= "\udcff" for character in value)


def as_parameter(value: Any) -> Any:  # noqa: ANN401 - what a column holds
    """What was read so, to be looked for again."""
    if is_odd_text(value):
        data = value.encode("utf-8", "surrogateescape")
        return sa.cast(sa.literal(data, sa.LargeBinary), sa.Text)
    return value
