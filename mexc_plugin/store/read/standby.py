"""How far a hot standby is behind its primary, as far as it knows itself. PostgreSQL only."""

from dataclasses import dataclass

from sqlalchemy import Connection, exc

_QUERY = """
SELECT CAST(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS float8),
  CAST(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) AS bigint)
WHERE pg_is_in_recovery()"""


@dataclass(frozen=True, slots=True)
class Standby:
    """age_s: how long ago the newest commit was made that it shows; waiting: bytes that it received and
    does not show yet. Each is None where the server does not say it.
    """

    age_s: float | None
    waiting: int | None


def look(connection: Connection) -> Standby | None:
    """None for a server that is no standby, or does not say so."""
    if connection.dialect.name != "postgresql":
        return None
    try:
        found = connection.exec_driver_sql(_QUERY).one_or_none()
    except exc.DBAPIError:  # a relative of PostgreSQL that has no such functions
        connection.rollback()
        return None
    return None if found is None else Standby(*found)
