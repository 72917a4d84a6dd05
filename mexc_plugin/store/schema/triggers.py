"""The triggers that keep the tables append-only, and whether they and the views stand."""

import hashlib
import re

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from mexc_plugin.store.schema import history_rows, tables, views

_UNLESS_ARCHIVED = "(?: IF @mexc_plugin_archive IS NULL THEN)?"
# By dialect: the triggers, and what each is for. SQLite keeps the text that made a trigger: for it,
# the SHA-256 of that text as the migrations have it, blanks folded.
GUARDS = {
    "sqlite": {
        "cancel_audit_no_update": "bb75e73b28dffb03077aa4fafa006839979f35742269201decb26c7380215f12",
        "cancel_audit_no_delete": "e11c395a6897ab995fa73dd87da7b53b72ffde25cbbc0a165325164c2556e492",
        "cancel_audit_no_replace": "30a0dbf8237cc5e4bde3c83b96a5769297c37f86c3a734f603196547339d7808",
        "cancel_audit_order_no_update": "fdd29fdd630e0054a55aeb8d115850f15fa133c0d67dcab7925ec1030a6a3208",
        "cancel_audit_order_no_delete": "1a810d9c7a2d091c89877f66e6ad867333b27772b4b8fd2e78170d2a74c4527d",
        "cancel_audit_order_no_replace": "3bf7125ef7e5625526b9c96e85ca5472d6e6c653fd046e24a7b14636c64d4b44",
        "audit_checkpoint_no_update": "6d5a07d4a374f2bb0c2c5e3c8a951c3588e79b4a341ef5ffcd88b39d11d4c470",
        "audit_checkpoint_no_delete": "d4327e4595b4c868df3708a01ace244f9adf6ead034988129662d835a489cab5",
        "audit_checkpoint_no_replace": "099c8eb2a005e00232bc7f567f86765530c27f622615c9a5db2bc8f1bada9825",
    },
    "postgresql": {
        "cancel_audit_no_change": "BEFORE DELETE OR UPDATE ON",
        "cancel_audit_no_truncate": "BEFORE TRUNCATE ON",
        "cancel_audit_order_no_change": "BEFORE DELETE OR UPDATE ON",
        "cancel_audit_order_no_truncate": "BEFORE TRUNCATE ON",
        "audit_checkpoint_no_change": "BEFORE DELETE OR UPDATE ON",
        "audit_checkpoint_no_truncate": "BEFORE TRUNCATE ON",
    },
    "mysql": {
        "cancel_audit_no_update": "BEFORE UPDATE",
        "cancel_audit_no_delete": f"BEFORE DELETE{_UNLESS_ARCHIVED}",
        "cancel_audit_order_no_update": "BEFORE UPDATE",
        "cancel_audit_order_no_delete": f"BEFORE DELETE{_UNLESS_ARCHIVED}",
        "audit_checkpoint_no_update": "BEFORE UPDATE",
        "audit_checkpoint_no_delete": "BEFORE DELETE",
    },
}
GUARDS["mariadb"] = GUARDS["mysql"]
# What the whole definition of each has to be elsewhere, blanks folded.
_SCHEMA = r'(?:\w+\.|"[^"]+"\.)?'
_WHOLE = {
    "postgresql": (
        rf"CREATE TRIGGER {{name}} {{event}} {_SCHEMA}\S+ FOR EACH (?:ROW|STATEMENT) "
        rf"EXECUTE FUNCTION {_SCHEMA}cancel_audit_append_only\(\) "
        r"BEGIN RAISE EXCEPTION 'cancel_audit is append-only: no %', TG_OP; END"
    ),
    "mysql": (
        r"{event} SIGNAL SQLSTATE '45000' "
        r"SET MESSAGE_TEXT = '{table} is append-only: no (?:UPDATE|DELETE)'(?:; END IF)?"
    ),
}
_WHOLE["mariadb"] = _WHOLE["mysql"]

# Each gives the name and the definition of the triggers that fire always.
_TRIGGERS = {
    "postgresql": """
        SELECT t.tgname, pg_get_triggerdef(t.oid) || ' ' || p.prosrc
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'), to_regclass('cancel_history'), to_regclass('audit_checkpoint'))
        AND t.tgenabled = 'A'
        UNION ALL SELECT proname, prosrc FROM pg_proc
        WHERE oid = to_regprocedure('cancel_audit_said(text, character, bigint)')""",
    "mysql": """
        SELECT trigger_name, CONCAT(action_timing, ' ', event_manipulation, ' ', action_statement)
        FROM information_schema.triggers
        WHERE event_object_schema = DATABASE()
        AND event_object_table IN ('cancel_audit', 'cancel_audit_order', 'cancel_history', 'audit_checkpoint')
        AND action_statement IS NOT NULL""",
}
_TRIGGERS["mariadb"] = _TRIGGERS["mysql"]

# Only who may drop a trigger sees it there, and who may insert its name. The view shows them to
# those who may read the view.
_SHOWN_TO_ALL = "SELECT trigger_name, definition FROM cancel_audit_guards"

# Kind and name of whatever runs when somebody writes to a table of ours.
_STANDING = {
    "postgresql": """
        SELECT 'trigger', tgname FROM pg_trigger
        WHERE tgrelid IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'), to_regclass('cancel_history'), to_regclass('audit_checkpoint'))
        AND NOT tgisinternal
        UNION ALL SELECT 'rule', rulename FROM pg_rewrite
        WHERE ev_class IN (to_regclass('cancel_audit'), to_regclass('cancel_audit_order'), to_regclass('cancel_history'), to_regclass('audit_checkpoint'))""",
    "mysql": """
        SELECT 'trigger', trigger_name FROM information_schema.triggers
        WHERE event_object_schema = DATABASE()
        AND event_object_table IN ('cancel_audit', 'cancel_audit_order', 'cancel_history', 'audit_checkpoint')""",
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
_STANDING_IN_PARTITIONS = """
    WITH partition AS (
      SELECT inhrelid AS id FROM pg_inherits WHERE inhparent = to_regclass('cancel_audit'))
    SELECT 'trigger', t.tgname, t.tgrelid::regclass::text FROM pg_trigger t
    JOIN partition ON partition.id = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL SELECT 'rule', w.rulename, w.ev_class::regclass::text FROM pg_rewrite w
    JOIN partition ON partition.id = w.ev_class
    ORDER BY 3, 2"""


def missing(connection: Connection) -> list[str]:
    """What is missing, switched off, or does something else than the migrations say: a line each.

    Guards that refuse nothing any more, views that show something else, triggers of others.
    """
    backend = connection.dialect.name
    if backend == "sqlite":
        return _differing_in_sqlite(connection) + views.faults(connection)
    present = _present(connection, backend)
    found = _lacking(backend, GUARDS[backend], present) + _not_kept(backend, present)
    if backend == "postgresql":
        found += _missing_in_partitions(connection)
        found += _foreign_in_partitions(connection)
    return found + _foreign(connection, backend) + views.faults(connection)


def _differing_in_sqlite(connection: Connection) -> list[str]:
    wanted = GUARDS["sqlite"]
    present = dict(_in_sqlite(connection))
    lacking = [name for name, digest in wanted.items() if _digest(present.get(name, "")) != digest]
    return [
        *(f"trigger {name} is missing or no longer guards the table" for name in lacking),
        *_not_kept("sqlite", present),
        *(_unknown("trigger", name) for name in present if not _is_ours("sqlite", name)),
    ]


def _is_ours(backend: str, name: str) -> bool:
    return name in GUARDS[backend] or name in history_rows.definitions(backend)


def _not_kept(backend: str, present: dict[str, str]) -> list[str]:
    """The triggers of `cancel_history` that are missing or do something else."""
    return [
        f"{'function' if name.endswith('_said') else 'trigger'} {name} is missing or no longer keeps cancel_history"
        for name, pattern in history_rows.definitions(backend).items()
        if re.fullmatch(pattern, " ".join(present.get(name, "").split())) is None
    ]


def _in_sqlite(connection: Connection) -> list[tuple[str, str]]:
    """Name and definition of every trigger on what is ours."""
    ours = [*tables.metadata.tables, *views.VIEWS]
    query = sa.text("""
        SELECT name, sql FROM sqlite_master
        WHERE type = 'trigger' AND lower(tbl_name) IN :ours""")
    rows = connection.execute(query.bindparams(sa.bindparam("ours", ours, expanding=True)))
    return [(str(name), str(definition)) for name, definition in rows]


def _digest(definition: str) -> str:
    return hashlib.sha256(" ".join(definition.split()).encode()).hexdigest()


def _unknown(kind: str, name: str) -> str:
    return f"{kind} {name} is not of this program and may change what is recorded"


def _foreign(connection: Connection, backend: str) -> list[str]:
    """Triggers and rules on our tables that the migrations do not make."""
    rows = connection.execute(sa.text(_STANDING[backend]))
    return [_unknown(kind, name) for kind, name in rows if not _is_ours(backend, name)]


def _foreign_in_partitions(connection: Connection) -> list[str]:
    rows = connection.execute(sa.text(_STANDING_IN_PARTITIONS.replace("::", r"\:\:")))
    return [
        _unknown(kind, f"{name} of the partition {partition}")
        for kind, name, partition in rows
        if name not in _OF_A_PARTITION
    ]


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
        for line in _lacking("postgresql", wanted, present)
    ]


def _lacking(backend: str, wanted: dict[str, str], present: dict[str, str]) -> list[str]:
    return [
        f"trigger {name} is missing or no longer guards the table"
        for name, event in wanted.items()
        if not _is_whole(backend, name, event, present.get(name, ""))
    ]


def _is_whole(backend: str, name: str, event: str, definition: str) -> bool:
    table = name.partition("_no_")[0]
    pattern = _WHOLE[backend].format(name=name, event=event, table=table)
    return re.fullmatch(pattern, " ".join(definition.split())) is not None
