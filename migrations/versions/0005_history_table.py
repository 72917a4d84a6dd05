"""`cancel_history` becomes a table: one row for each attempt, kept by triggers as events come in.

It is derived, and never evidence. An insert into `cancel_audit` writes it in the same transaction, with
the rights of whoever made the triggers; nobody else can. In whatever order events come in, the rows are
those of `derived`. Made again with: mexc-plugin db rebuild.

On an audit that has events, `prepare` comes first: it makes the table under another name, has triggers
keep it at once, and fills in what was there before, in transactions so short that bots go on.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

from mexc_plugin.errors import StoreError

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What it says of rows and triggers is longer than what it does: it stands in a file beside.
_TEXTS = runpy.run_path(str(Path(__file__).parents[1] / "frozen" / "history_0005.py"))
COLUMNS: tuple[str, ...] = _TEXTS["COLUMNS"]
derived: Callable[[str, str], str] = _TEXTS["derived"]
put: Callable[[str, str, str], str] = _TEXTS["put"]
triggers: Callable[..., dict[str, str]] = _TEXTS["triggers"]
guards: Callable[[str], dict[str, str]] = _TEXTS["guards"]
functions: Callable[..., dict[str, str]] = _TEXTS["functions"]
_VIEWS = runpy.run_path(str(Path(__file__).parents[1] / "frozen" / "views_0005.py"))
VIEWS: tuple[str, ...] = tuple(_VIEWS["BODIES"])
views: Callable[[str], dict[str, str]] = _VIEWS["views"]

TABLE, IN_THE_MAKING, PROGRESS = "cancel_history", "cancel_history_new", "cancel_history_fill"
BATCH = 2_000  # events of one transaction, about

INDEXES = {
    "ix_cancel_history_requested_at": ("requested_at",),
    "ix_cancel_history_account": ("account", "requested_at"),
    "ix_cancel_history_bot": ("bot", "requested_at"),
    "ix_cancel_history_symbol": ("symbol", "requested_at"),
    "ix_cancel_history_native_symbol": ("native_symbol", "requested_at"),
    "ix_cancel_history_final_outcome": ("final_outcome", "requested_at"),
    "ix_cancel_history_order_id": ("order_id",),
    "ix_cancel_history_client_order_id": ("client_order_id",),
}
# Rows per distinct value of each prefix, as ANALYZE would write them for a large audit.
STATISTICS = {
    "sqlite_autoindex_cancel_history_1": "1000000 2 1",
    "ix_cancel_history_requested_at": "1000000 1",
    **{name: "1000000 20000 1" for name, columns in INDEXES.items() if len(columns) > 1},
    "ix_cancel_history_order_id": "1000000 2",
    "ix_cancel_history_client_order_id": "1000000 2",
}
# What reviewing needed of the events, and no longer does.
DROPPED = {
    "ix_cancel_audit_review": (
        *("kind", "occurred_at", "outcome", "latency_us", "venue_code"),
        *("account", "bot", "symbol", "native_symbol"),
    ),
    "ix_cancel_audit_order_id": ("order_id",),
    "ix_cancel_audit_client_order_id": ("client_order_id",),
}
DROPPED_STATISTICS = {
    "ix_cancel_audit_review": "1000000 500000" + " 1" * 7,
    "ix_cancel_audit_order_id": "1000000 3",
    "ix_cancel_audit_client_order_id": "1000000 3",
}
GUARDS_VIEW = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW cancel_audit_guards AS
SELECT trigger_name AS trigger_name,
  CONCAT(action_timing, ' ', event_manipulation, ' ', action_statement) AS definition
FROM information_schema.triggers
WHERE event_object_schema = DATABASE()
AND event_object_table IN ('cancel_audit', 'cancel_audit_order', 'cancel_history')
"""
MYSQL = ("mysql", "mariadb")

Tell = Callable[[int, int], object]


# -- making and filling it


def run(connection: sa.Connection, statement: str) -> None:
    connection.execute(sa.text(statement.replace(":", r"\:")))


def make(op: Operations, name: str) -> None:
    """The table alone. MySQL's dialect is named only where it is used: see 0001."""
    first: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("0001_cancel_audit.py")))
    dialect = op.get_bind().dialect.name
    long_text, timestamp = first["types"](dialect)
    lengths = {"account": 16, "bot": 64, "host": 255, "market_type": 16, "symbol": 64}
    lengths |= {"native_symbol": 64, "method": 8, "path": 255, "venue_code": 32, "outcome": 32}
    lengths |= dict.fromkeys(("order_id", "client_order_id", "cancel_client_order_id"), 128)
    lengths |= dict.fromkeys(("price", "amount", "filled", "cost"), 64)
    lengths |= {"order_status": 32, "side": 16, "type": 32, "time_in_force": 16, "error_type": 128}
    lengths |= dict.fromkeys(("final_outcome", "reconciled_outcome"), 32)
    required = ("outcome", "final_outcome")

    def column(name: str) -> sa.Column[Any]:
        if name in ("cancel_id", "attempt"):
            kind = sa.CHAR(36) if name == "cancel_id" else sa.Integer()
            return sa.Column(name, kind, nullable=False, autoincrement=False)
        if name in lengths:
            return sa.Column(name, sa.String(lengths[name]), nullable=name not in required)
        if name == "http_status":
            return sa.Column(name, sa.Integer())
        if name.endswith("_writer_id"):
            return sa.Column(name, sa.CHAR(36))
        if name.endswith("_at"):
            return sa.Column(name, timestamp)
        return sa.Column(name, long_text if name == "venue_message" else sa.BigInteger())

    op.create_table(
        name,
        *(column(name) for name in COLUMNS),
        sa.PrimaryKeyConstraint("cancel_id", "attempt", name="pk_cancel_history"),
        **first["options"](dialect, partitioned=False),
    )


def keep(op: Operations, table: str) -> None:
    """From now on every event that comes in is seen in the table."""
    connection, dialect = op.get_bind(), op.get_bind().dialect.name
    schema = ""
    if dialect == "postgresql":
        schema = connection.dialect.identifier_preparer.quote(
            str(connection.scalar(sa.text("SELECT current_schema()")))
        )
    there = triggers_there(connection)
    for statement in functions(dialect, table, schema).values():
        run(connection, statement)
    for name, statement in triggers(dialect, table).items():
        if name not in there:
            run(connection, statement)
        if dialect == "postgresql":
            run(connection, f"ALTER TABLE cancel_audit ENABLE ALWAYS TRIGGER {name}")


def keep_no_more(op: Operations, table: str) -> None:
    connection, dialect = op.get_bind(), op.get_bind().dialect.name
    of_table = " ON cancel_audit" if dialect == "postgresql" else ""
    for name in triggers(dialect, table):
        run(connection, f"DROP TRIGGER IF EXISTS {name}{of_table}")
    for name in functions(dialect, table):
        run(connection, f"DROP FUNCTION IF EXISTS {name}() CASCADE")


def triggers_there(connection: sa.Connection) -> set[str]:
    if connection.dialect.name not in MYSQL:
        return set()  # elsewhere a migration is there as a whole, or not at all
    names = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    return set(connection.scalars(sa.text(names)))


def fill(connection: sa.Connection, table: str, begun: str) -> tuple[str | None, int]:
    """Write the rows of so many cancels after that one.

    Returns the last of them, None when there are no more, and how many events they have.
    """
    bound = sa.text(
        "SELECT cancel_id FROM cancel_audit WHERE cancel_id > :begun"
        " ORDER BY cancel_id LIMIT 1 OFFSET :batch"
    )
    last = connection.scalar(bound, {"begun": begun, "batch": BATCH})
    within = "cancel_id > :begun" + (" AND cancel_id <= :last" if last is not None else "")
    bounds = {"begun": begun} | ({"last": last} if last is not None else {})
    connection.execute(sa.text(put(connection.dialect.name, table, within)), bounds)
    count = sa.text(f"SELECT COUNT(*) FROM cancel_audit WHERE {within}")  # noqa: S608 - a constant
    return None if last is None else str(last), connection.scalar(count, bounds) or 0


def prepare(connection: sa.Connection, tell: Tell) -> None:
    """Fill the table under another name, in many transactions; what was done is not done again.

    tell: takes how many events are in, and how many there are.
    """
    with connection.begin():
        total = connection.scalar(sa.text("SELECT COUNT(*) FROM cancel_audit")) or 0
        if not total or TABLE in sa.inspect(connection).get_table_names():
            return  # nothing to be done before, or an interrupted run that is past it
        last: str | None = begin(operations(connection))
    done = 0
    while last is not None:
        with connection.begin():
            alone(connection)
            require_revision(connection)
            last, events = fill(connection, IN_THE_MAKING, last)
            if last is not None:
                noted = sa.text(f"UPDATE {PROGRESS} SET cancel_id = :last")  # noqa: S608 - a constant
                connection.execute(noted, {"last": last})
        done += events
        tell(done if last is not None else total, total)
    for name in INDEXES:
        with connection.begin():
            index(operations(connection), name, IN_THE_MAKING)


def begin(op: Operations) -> str:
    """Make the table and its triggers, or find how far an earlier run came."""
    connection = op.get_bind()
    if sa.inspect(connection).has_table(PROGRESS):
        return str(connection.scalar(sa.text(f"SELECT cancel_id FROM {PROGRESS}")) or "")  # noqa: S608 - a constant
    keep_no_more(op, IN_THE_MAKING)
    run(connection, f"DROP TABLE IF EXISTS {IN_THE_MAKING}")
    make(op, IN_THE_MAKING)
    keep(op, IN_THE_MAKING)
    op.create_table(PROGRESS, sa.Column("cancel_id", sa.CHAR(36)))
    run(connection, f"INSERT INTO {PROGRESS} VALUES ('')")  # noqa: S608 - a constant
    return ""


def operations(connection: sa.Connection) -> Operations:
    from alembic.runtime.migration import MigrationContext

    return Operations(MigrationContext.configure(connection))


def require_revision(connection: sa.Connection) -> None:
    found = connection.scalar(sa.text("SELECT version_num FROM cancel_audit_version"))
    if found != down_revision:
        raise StoreError("another program has migrated this database meanwhile")


def alone(connection: sa.Connection) -> None:
    """No event comes in until this transaction ends. InnoDB locks what it reads here by itself."""
    if connection.dialect.name in MYSQL:
        # In READ COMMITTED, what INSERT … SELECT reads is not locked.
        run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        run(connection, "SET @cancel_history_kept = 1")  # guards may be there from a run before
    if connection.dialect.name == "postgresql":
        run(connection, "LOCK TABLE cancel_audit IN SHARE ROW EXCLUSIVE MODE")


def index(op: Operations, name: str, table: str) -> None:
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there:
        columns = list(INDEXES[name])
        # Most rows lack one of the two ids, and need no entry then. MySQL has no such index.
        is_id = columns[0] in ("order_id", "client_order_id")
        partial = sa.text(f"{columns[0]} IS NOT NULL") if is_id else None
        op.create_index(name, table, columns, sqlite_where=partial, postgresql_where=partial)


# -- up and down


def upgrade(op: Operations) -> None:
    connection, dialect = op.get_bind(), op.get_bind().dialect.name
    alone(connection)
    begun = take_over(op)
    keep(op, TABLE)
    keep_no_more(op, IN_THE_MAKING)
    while begun is not None:
        begun, _ = fill(connection, TABLE, begun)
    for name in INDEXES:
        index(op, name, TABLE)
    guard(op)
    known = {index["name"] for index in sa.inspect(connection).get_indexes("cancel_audit")}
    for name in DROPPED:
        if name in known:
            op.drop_index(name, "cancel_audit")
    make_views(connection, views(dialect))
    if dialect in MYSQL:
        run(connection, GUARDS_VIEW)
    if dialect == "sqlite":
        describe(connection, TABLE, STATISTICS)
    run(connection, f"DROP TABLE IF EXISTS {PROGRESS}")


def take_over(op: Operations) -> str | None:
    """Have the table in the view's place; return up to which cancel it is filled."""
    connection = op.get_bind()
    tables = sa.inspect(connection).get_table_names()
    begun: str | None = ""
    if PROGRESS in tables:
        begun = str(connection.scalar(sa.text(f"SELECT cancel_id FROM {PROGRESS}")) or "")  # noqa: S608 - a constant
    if TABLE not in tables:
        drop_views(connection)
        if IN_THE_MAKING in tables:
            run(connection, f"ALTER TABLE {IN_THE_MAKING} RENAME TO {TABLE}")
        else:
            make(op, TABLE)
    return begun


def guard(op: Operations) -> None:
    connection, dialect = op.get_bind(), op.get_bind().dialect.name
    there = triggers_there(connection)
    for name, statement in guards(dialect).items():
        if name not in there:
            run(connection, statement)
        if dialect == "postgresql":
            run(connection, f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def drop_views(connection: sa.Connection) -> None:
    for name in (*VIEWS, TABLE):
        run(connection, f"DROP VIEW IF EXISTS {name}")


def make_views(connection: sa.Connection, bodies: dict[str, str]) -> None:
    is_mysql = connection.dialect.name in MYSQL
    how = "CREATE OR REPLACE SQL SECURITY INVOKER VIEW" if is_mysql else "CREATE VIEW"
    for name, body in bodies.items():
        run(connection, f"{how} {name} AS\n{body}")


def describe(connection: sa.Connection, table: str, statistics: dict[str, str]) -> None:
    for name, value in statistics.items():
        run(connection, f"DELETE FROM sqlite_stat1 WHERE idx = '{name}'")  # noqa: S608 - constants
        run(connection, f"INSERT INTO sqlite_stat1 VALUES ('{table}', '{name}', '{value}')")  # noqa: S608


def downgrade(op: Operations) -> None:
    connection, dialect = op.get_bind(), op.get_bind().dialect.name
    there = {index["name"] for index in sa.inspect(connection).get_indexes("cancel_audit")}
    for name, columns in DROPPED.items():
        if name not in there:
            op.create_index(name, "cancel_audit", list(columns))
    if dialect == "sqlite":
        describe(connection, "cancel_audit", DROPPED_STATISTICS)
    keep_no_more(op, TABLE)
    for name in VIEWS:
        run(connection, f"DROP VIEW IF EXISTS {name}")
    if TABLE in sa.inspect(connection).get_table_names():
        op.drop_table(TABLE)  # its guards and indexes go with it
    versions = Path(__file__)
    first = runpy.run_path(str(versions.with_name("0001_cancel_audit.py")))
    third = runpy.run_path(str(versions.with_name("0003_views.py")))
    history = first["VIEW"].partition(" AS\n")[2].strip()
    bodies = third["views"](dialect)
    make_views(connection, {TABLE: history} | {name: bodies[name] for name in VIEWS})
    if dialect in MYSQL:
        run(connection, first["GUARDS_VIEW"])
