"""Whether a server keeps what it acknowledges: settings of the whole server, which are not ours to set."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

_POSTGRESQL = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes')"
_MYSQL = """
    SELECT 'innodb_flush_log_at_trx_commit', @@GLOBAL.innodb_flush_log_at_trx_commit
    UNION ALL SELECT 'log_bin', @@GLOBAL.log_bin
    UNION ALL SELECT 'sync_binlog', @@GLOBAL.sync_binlog"""
_QUERIES = {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL}

_LOSES = "{} is {}: a crash of the machine can lose events that were acknowledged; set it to {}"
_SAFE = {"fsync": "on", "full_page_writes": "on", "innodb_flush_log_at_trx_commit": "1"}


def doubts(connection: Connection) -> list[str]:
    """What in the server's settings may lose acknowledged events, with what to do. Empty: nothing."""
    query = _QUERIES.get(connection.dialect.name)
    if query is None:
        return []  # SQLite's durability is a setting of each connection, and ours
    return judge({str(name): str(value) for name, value in connection.execute(sa.text(query))})


def judge(found: Mapping[str, str]) -> list[str]:
    """The same for settings that were read. Pure."""
    wrong = [
        _LOSES.format(name, found[name], safe)
        for name, safe in _SAFE.items()
        if found.get(name, safe) != safe
    ]
    # With a binary log, InnoDB's recovery believes it: what is not in there is rolled back.
    if found.get("log_bin") == "1" and found.get("sync_binlog") == "0":
        wrong.append(_LOSES.format("sync_binlog", 0, 1))
    return wrong
