"""The server's process behind a PostgreSQL connection: whether it is ours alone, and ending one that was left behind.

A pooler lends a session of the server's for a transaction, and names processes of its own making. What was
prepared or set in such a session the next client would find, which may be anybody's.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa


class Backend(NamedTuple):
    """One process of the server's. started: as the server writes it; with it the number is unique."""

    pid: int
    started: str


_OWN = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = :pid AND backend_start = CAST(:started AS timestamptz)"""


def of(driver: Any) -> Backend | None:  # noqa: ANN401 - psycopg's connection
    """The process of this connection; None behind a pooler."""
    found = driver.execute(_OWN).fetchone()
    named: int = driver.info.backend_pid
    return Backend(*found) if found is not None and found[0] == named else None


def end(connection: sa.Connection, backend: Backend) -> None:
    """End a process whose connection was given up. One that waits for a standby would stay for as long as that is away.

    What it had written may then be seen before a standby has it: whoever finds it there has to wait for that.
    """
    with connection.begin():
        connection.execute(sa.text(_END), backend._asdict())
