"""The triggers that keep the tables append-only, and whether they stand."""

from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection, exc

# By dialect: the triggers, and a text that the definition of each must contain.
GUARDS = {
    "sqlite": {
        "cancel_audit_no_update": "BEFORE UPDATE ON cancel_audit",
        "cancel_audit_no_delete": "BEFORE DELETE ON cancel_audit",
        "cancel_audit_no_replace": "BEFORE INSERT ON cancel_audit",
        "cancel_audit_order_no_update": "BEFORE UPDATE ON cancel_audit_order",
        "cancel_audit_order_no_delete": "BEFORE DELETE ON cancel_audit_order",
        "cancel_audit_order_no_replace": "BEFORE INSERT ON cancel_audit_order",
    },
    "postgresql": {
        "cancel_audit_no_change": "BEFORE DELETE OR UPDATE ON",
        "cancel_audit_no_truncate": "BEFORE TRUNCATE ON",
        "cancel_audit_order_no_change": "BEFORE DELETE OR UPDATE ON",
        "cancel_audit_order_no_truncate": "BEFORE TRUNCATE ON",
    },
    "mysql": {
        "cancel_audit_no_update": "BEFORE UPDATE",
        "cancel_audit_no_delete": "BEFORE DELETE",
        "cancel_audit_order_no_update": "BEFORE UPDATE",
        "cancel_audit_order_no_delete": "BEFORE DELETE",
    },
}
GUARDS["mariadb"] = GUARDS["mysql"]
REFUSES = "append-only"

# Each gives the name and the definition of the triggers that fire always.
_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT t.tgname, pg_get_triggerdef(t.oid) || ' ' || p.prosrc
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'))
        AND t.tgenabled = 'A'""",
    "mysql": """
        SELECT trigger_name, CONCAT(action_timing, ' ', event_manipulation, ' ', action_statement)
        FROM information_schema.triggers
        WHERE event_object_schema = DATABASE()
        AND event_object_table IN ('cancel_audit', 'cancel_audit_order')""",
}
_TRIGGERS["mariadb"] = _TRIGGERS["mysql"]

# Only who may drop a trigger sees it there. The view shows them to those who may read the view.
_SHOWN_TO_ALL = "SELECT trigger_name, definition FROM cancel_audit_guards"

# Kind and name of whatever runs when somebody writes to a table of ours.
_STANDING = {
    "postgresql": """
        SELECT 'trigger', tgname FROM pg_trigger
        WHERE tgrelid IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'))
        AND NOT tgisinternal
        UNION ALL SELECT 'rule', rulename FROM pg_rewrite
        WHERE ev_class IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'))""",
    "mysql": """
        SELECT 'trigger', trigger_name FROM information_schema.triggers
        WHERE event_object_schema = DATABASE()
        AND event_object_table IN ('cancel_audit', 'cancel_audit_order')""",
}
_STANDING["mariadb"] = _STANDING["mysql"]

# A partition has triggers of its own, which a statement that names the partition meets.
_PARTITIONS = """
    SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) || ' ' || p.prosrc
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgenabled = 'A'
    LEFT JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE i.inhparent = to_regclass('cancel_audit')
    ORDER BY c.relname"""
_OF_A_PARTITION = ("cancel_audit_no_change", "cancel_audit_no_truncate")


def missing(connection: Connection) -> list[str]:
    """The guards that are missing, switched off, or no longer refuse anything: a line for each."""
    backend = connection.dialect.name
    if backend == "sqlite":
        return _differing(_as_made(), _objects(connection))
    found = _lacking(GUARDS[backend], _present(connection, backend))
    if backend == "postgresql":
        found += _missing_in_partitions(connection)
    return found + _foreign(connection, backend)


_Objects = dict[tuple[str, str], str]


@cache
def _as_made() -> _Objects:
    """Triggers and views as the migrations make them in SQLite, which keeps their text."""
    from mexc_plugin.store import migrate

    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    try:
        migrate.upgrade(engine)
        with engine.connect() as connection:
            return _objects(connection)
    finally:
        engine.dispose()


def _objects(connection: Connection) -> _Objects:
    """Kind and name, and the definition, of what stands on our tables or has a name of ours."""
    query = """
        SELECT type, name, sql FROM sqlite_master
        WHERE type = 'trigger' AND lower(tbl_name) IN
          ('cancel_audit', 'cancel_audit_order', 'cancel_history')
        OR type = 'view' AND lower(name) = 'cancel_history'"""
    rows = connection.execute(sa.text(query))
    return {(kind, name): " ".join(str(sql).split()) for kind, name, sql in rows}


def _differing(wanted: _Objects, present: _Objects) -> list[str]:
    found = []
    for (kind, name), definition in wanted.items():
        if present.get((kind, name)) != definition:
            duty = "guards the table" if kind == "trigger" else "shows the record"
            found.append(f"{kind} {name} is missing or no longer {duty}")
    return found + [_unknown(kind, name) for kind, name in present if (kind, name) not in wanted]


def _unknown(kind: str, name: str) -> str:
    return f"{kind} {name} is not of this program and may change what is recorded"


def _foreign(connection: Connection, backend: str) -> list[str]:
    """Triggers and rules on our tables that the migrations do not make."""
    rows = connection.execute(sa.text(_STANDING[backend]))
    return [_unknown(kind, name) for kind, name in rows if name not in GUARDS[backend]]


def _present(connection: Connection, backend: str) -> dict[str, str]:
    present = _definitions(connection, _TRIGGERS[backend])
    if not present and backend in ("mysql", "mariadb"):
        try:
            present = _definitions(connection, _SHOWN_TO_ALL)
        except (exc.ProgrammingError, exc.OperationalError):
            connection.rollback()  # may not read it, or the account that made it is gone
    return present


def _definitions(connection: Connection, query: str) -> dict[str, str]:
    rows = connection.execute(sa.text(query))
    return {str(name): str(definition) for name, definition in rows}


def _missing_in_partitions(connection: Connection) -> list[str]:
    partitions: dict[str, dict[str, str]] = {}
    for partition, name, definition in connection.execute(sa.text(_PARTITIONS)):
        partitions.setdefault(partition, {})[str(name)] = str(definition)
    wanted = {name: GUARDS["postgresql"][name] for name in _OF_A_PARTITION}
    return [
        line.replace("the table", f"the partition {partition}")
        for partition, present in partitions.items()
        for line in _lacking(wanted, present)
    ]


def _lacking(wanted: dict[str, str], present: dict[str, str]) -> list[str]:
    return [
        f"trigger {name} is missing or no longer guards the table"
        for name, event in wanted.items()
        if event not in present.get(name, "") or REFUSES not in present[name]
    ]
