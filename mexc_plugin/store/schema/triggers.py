"""The triggers that keep the tables append-only, and whether they and the views stand."""

import functools
import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from mexc_plugin.store.schema import history_rows, tables, views

# The revisions that made guards; what a later one says of a name is what holds.
REVISIONS = ("0001", "0002", "0006", "0007")
# The one that made PostgreSQL's functions of the history as they are.
FUNCTIONS = "0009"
LOOKUP = "cancel_audit_said"

_NAME = re.compile(r"CREATE TRIGGER (\w+)")
_BODY = re.compile(r"AS \$\$\n(.*) \$\$", re.DOTALL)
_SCHEMA = r'(?:\w+\.|"[^"]+"\.)?'

# Each gives the name and the definition of the triggers that fire always.
_TRIGGERS = {
    "sqlite": """
        SELECT name, sql FROM sqlite_master
        WHERE type = 'trigger' AND lower(tbl_name) IN :ours""",
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


def list_guards(dialect: str) -> list[tuple[str, str]]:
    """Name and text of every guard that the revisions made, in their order: of one name, the last counts."""
    from mexc_plugin.store.schema import migrate

    made = [text for each in REVISIONS for text in migrate.revision_module(each).GUARDS[dialect]]
    return [(found[1], text) for text in made if (found := _NAME.match(text))]


def functions(schema: str = "public") -> dict[str, str]:
    """By name, what makes the functions of PostgreSQL's triggers; schema: where they find the tables."""
    from mexc_plugin.store.schema import migrate

    append_only: str = migrate.revision_module(REVISIONS[0]).GUARDS["postgresql"][0]
    keeping = migrate.revision_module(FUNCTIONS).functions("postgresql", schema=schema)
    return {"cancel_audit_append_only": append_only, **keeping}


def missing(connection: Connection) -> list[str]:
    """What is missing, switched off, or does something else than the migrations say: a line each.

    Guards that refuse nothing any more, views that show something else, triggers of others.
    """
    backend = connection.dialect.name
    present = _present(connection, backend)
    found = _lacking(backend, present)
    if backend == "sqlite":
        found += [_unknown("trigger", name) for name in present if name not in _wanted(backend)]
        return found + views.faults(connection)
    if backend == "postgresql":
        found += _missing_in_partitions(connection)
        found += _foreign_in_partitions(connection)
    return found + _foreign(connection, backend) + views.faults(connection)


@functools.cache
def _wanted(backend: str) -> Mapping[str, str]:
    """By name, a pattern for the whole definition of each trigger, blanks folded.

    A guard may be as any revision made it: each is asked for at the revision at which a database is.
    """
    bodies = {}
    if backend == "postgresql":
        texts = functions().items()
        bodies = {name: _fold(body[1]) for name, text in texts if (body := _BODY.search(text))}
    found: dict[str, list[str]] = {}
    for name, text in [*list_guards(backend), *history_rows.triggers(backend).items()]:
        found.setdefault(name, []).append(_pattern(backend, name, _fold(text), bodies))
    if backend == "postgresql":
        found[LOOKUP] = [re.escape(bodies[LOOKUP])]
    return {name: "|".join(patterns) for name, patterns in found.items()}


def _pattern(backend: str, name: str, text: str, bodies: Mapping[str, str]) -> str:
    if backend == "sqlite":
        return re.escape(text)
    if backend == "postgresql":
        # The server tells them in an order of its own.
        text = text.replace("UPDATE OR DELETE", "DELETE OR UPDATE")
        head, _, function = text.removesuffix("()").rpartition(" EXECUTE FUNCTION ")
        before, _, after = map(re.escape, head.partition(" ON "))
        call = rf"EXECUTE FUNCTION {_SCHEMA}{function}\(\) {re.escape(bodies[function])}"
        return rf"{before} ON {_SCHEMA}{after} {call}"
    # What follows the name, without the table, which the server keeps elsewhere.
    _, _, rest = text.partition(name + " ")
    return re.escape(re.sub(r" ON \w+ FOR EACH ROW ", " ", rest, count=1))


def _fold(text: str) -> str:
    return " ".join(text.split())


def _lacking(backend: str, present: Mapping[str, str]) -> list[str]:
    guards = dict(list_guards(backend))
    return [
        f"{'function' if name == LOOKUP else 'trigger'} {name} is missing or no longer "
        + ("guards the table" if name in guards else "keeps cancel_history")
        for name in _wanted(backend)
        if not _is_whole(backend, name, present)
    ]


def _is_whole(backend: str, name: str, present: Mapping[str, str]) -> bool:
    return re.fullmatch(_wanted(backend)[name], _fold(present.get(name, ""))) is not None


def _unknown(kind: str, name: str) -> str:
    return f"{kind} {name} is not of this program and may change what is recorded"


def _foreign(connection: Connection, backend: str) -> list[str]:
    """Triggers and rules on our tables that the migrations do not make."""
    rows = connection.execute(sa.text(_STANDING[backend]))
    return [_unknown(kind, name) for kind, name in rows if name not in _wanted(backend)]


def _foreign_in_partitions(connection: Connection) -> list[str]:
    rows = connection.execute(sa.text(_STANDING_IN_PARTITIONS.replace("::", r"\:\:")))
    return [
        _unknown(kind, f"{name} of the partition {partition}")
        for kind, name, partition in rows
        if name not in _OF_A_PARTITION
    ]


def _present(connection: Connection, backend: str) -> dict[str, str]:
    """By name, the definitions of the triggers that are there; on SQLite of those on all that is ours."""
    if backend == "sqlite":
        ours = [*tables.metadata.tables, *views.VIEWS]
        query = sa.text(_TRIGGERS[backend]).bindparams(sa.bindparam("ours", ours, expanding=True))
        return _definitions(connection, query)
    present = _definitions(connection, sa.text(_TRIGGERS[backend]))
    if not present and backend in ("mysql", "mariadb"):
        try:
            present = _definitions(connection, sa.text(_SHOWN_TO_ALL))
        except (exc.ProgrammingError, exc.OperationalError):
            connection.rollback()  # may not read it, or the account that made it is gone
    return present


def _definitions(connection: Connection, query: sa.TextClause) -> dict[str, str]:
    return {str(name): str(definition) for name, definition in connection.execute(query)}


def _missing_in_partitions(connection: Connection) -> list[str]:
    partitions: dict[str, dict[str, str]] = {}
    for partition, name, definition in connection.execute(sa.text(_PARTITIONS)):
        as_of_all = re.sub(
            r" ON \S+ FOR ", f" ON {tables.AUDIT_TABLE} FOR ", str(definition), count=1
        )
        partitions.setdefault(partition, {})[str(name)] = as_of_all
    return [
        f"trigger {name} is missing or no longer guards the partition {partition}"
        for partition, present in partitions.items()
        for name in _OF_A_PARTITION
        if not _is_whole("postgresql", name, present)
    ]
