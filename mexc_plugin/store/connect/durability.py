"""Whether servers keep what one of them acknowledges: settings that are the servers', and not ours to set."""

import re
from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.store.connect import engine as engines

# A backup that is made, and what collects the log, are no servers that anybody would promote.
_POSTGRESQL = """
    SELECT name, setting FROM pg_settings WHERE name IN
        ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names')
    UNION ALL SELECT 'standbys', CAST(count(*) AS text) FROM pg_stat_replication
        WHERE NOT pg_is_in_recovery() AND application_name NOT IN ('pg_basebackup', 'pg_receivewal')
        AND pid NOT IN (SELECT active_pid FROM pg_replication_slots
            WHERE slot_type = 'logical' AND active_pid IS NOT NULL)
    UNION ALL SELECT 'is_standby', CAST(pg_is_in_recovery() AS text)"""
_VARIABLES = """
    SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog',
    'wsrep_on', 'wsrep_provider_options', 'rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled')"""
_STATUS = "SHOW GLOBAL STATUS WHERE Variable_name = 'Slaves_connected'"
_QUERIES = {
    "postgresql": (_POSTGRESQL,),
    "mysql": (_VARIABLES, _STATUS),
    "mariadb": (_VARIABLES, _STATUS),
}

_LOSES = "{} is {}: a crash of the machine can lose events that were acknowledged; set it to {}"
_SAFE = {"fsync": "on", "full_page_writes": "on", "innodb_flush_log_at_trx_commit": "1"}
_WAITS_FOR_STANDBYS = ("on", "remote_apply", "off")  # our connections make `on` of `off`
_SPLITS = re.compile(
    r"\b(pc\.ignore_sb|pc\.ignore_quorum)\s*=\s*(?:true|yes|on|1)\b", re.IGNORECASE
)


def doubts(connection: Connection) -> list[str]:
    """What in the servers' settings may lose acknowledged events, with what to do. Empty: nothing."""
    # SQLite's durability is a setting of each connection, and ours.
    queries = _QUERIES.get(connection.dialect.name, ())
    rows = (row for query in queries for row in connection.execute(sa.text(query)))
    return judge({str(name): str(value) for name, value in rows})


def doubts_where_bots_write(url: str, connection: Connection) -> list[str]:
    """The same, and of several hosts about the primary; where only a standby is to be had, about that.

    connection: one that reads from that database.
    """
    if connection.dialect.name not in _QUERIES:
        return []
    writing = engines.create(url)
    try:
        with writing.connect() as primary:
            return doubts(primary)
    except sa.exc.OperationalError:
        return doubts(connection)
    finally:
        writing.dispose()


def judge(found: Mapping[str, str]) -> list[str]:
    """The same for settings that were read. Pure."""
    wrong = [
        _LOSES.format(name, found[name], safe)
        for name, safe in _SAFE.items()
        if found.get(name, safe) != safe
    ]
    # With a binary log, InnoDB's recovery believes it: what is not in there is rolled back.
    if found.get("log_bin") == "ON" and found.get("sync_binlog") == "0":
        wrong.append(_LOSES.format("sync_binlog", 0, 1))
    return [*wrong, *_standbys(found), *_replicas(found)]


def _standbys(found: Mapping[str, str]) -> Iterator[str]:
    """PostgreSQL's: whether one that is promoted has everything."""
    names, count = found.get("synchronous_standby_names", ""), found.get("standbys", "0")
    if found.get("is_standby") == "true":
        return
    if not names and count != "0":
        yield (
            f"synchronous_standby_names is empty, and standbys: {count}: one that is promoted lacks the events that it "
            "had not received; set it to 'ANY 1 (*)', or with Patroni synchronous_mode: true"
        )
    if names and count == "0":
        yield (
            f"synchronous_standby_names is '{names}', and no standby is there: no commit ends, and events wait in the "
            "spool; start a standby"
        )
    commit = found.get("synchronous_commit", "on")
    if names and commit not in _WAITS_FOR_STANDBYS:
        yield (
            f"synchronous_commit is {commit}: a standby that is promoted can lack events that were acknowledged; "
            "set it to on"
        )


def _replicas(found: Mapping[str, str]) -> Iterator[str]:
    """MariaDB's and MySQL's, and Galera's: the same, and whether a cluster that is split stays one."""
    if found.get("wsrep_on") == "ON":
        for option in _SPLITS.findall(found.get("wsrep_provider_options", "")):
            yield (
                f"wsrep_provider_options has {option} = true: both halves of a cluster that is split take events, and "
                "those of one are given up later; set it to false"
            )
        return
    enabled = {found.get(f"rpl_semi_sync_{role}_enabled") for role in ("master", "source")}
    count = found.get("Slaves_connected", "0")
    if count != "0" and "ON" not in enabled:
        yield (
            f"rpl_semi_sync_master_enabled is OFF, and replicas: {count}: one that is promoted lacks the events that it "
            "had not received; set it to ON"
        )
