"""The tables as SQLAlchemy sees them. migrations/ makes them; `alembic check` compares the two."""

from typing import Any

import sqlalchemy as sa

from mexc_plugin.audit.events import ORDER_COLUMNS, TEXT_COLUMNS
from mexc_plugin.store.schema.dictionary import HISTORY, KEPT
from mexc_plugin.store.schema.types import LongText, Timestamp

VERSION_TABLE = "cancel_audit_version"
# The newest revision in migrations/, so that opening a current database needs no alembic.
HEAD = "0009"
AUDIT_TABLE = "cancel_audit"
ORDERS_TABLE = "cancel_audit_order"
HISTORY_TABLE = "cancel_history"
CHECKPOINT_TABLE = "audit_checkpoint"

LONG_TEXT = LongText()
TIMESTAMP = Timestamp()

metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    length = TEXT_COLUMNS[name]
    kind = sa.CHAR(36) if name == "cancel_id" else sa.String(length) if length else LONG_TEXT
    return sa.Column(name, kind, nullable=name != "kind")


cancel_audit = sa.Table(
    AUDIT_TABLE,
    metadata,
    sa.Column("writer_id", sa.CHAR(36), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
    sa.Column("occurred_at", TIMESTAMP, nullable=False),
    sa.Column("occurred_ns", sa.BigInteger(), nullable=False),
    *(_text(name) for name in TEXT_COLUMNS),
    sa.Column("attempt", sa.Integer()),
    sa.Column("http_status", sa.Integer()),
    sa.Column("latency_us", sa.BigInteger()),
    sa.Column("payload", LONG_TEXT, nullable=False),
    sa.Column("prev_hash", sa.CHAR(64), nullable=False),
    sa.Column("hash", sa.CHAR(64), nullable=False),
    sa.PrimaryKeyConstraint("writer_id", "seq", name="pk_cancel_audit"),
    sa.Index("ix_cancel_audit_cancel_id", "cancel_id", "attempt", "kind"),
)

# Every order of a request that had several: asked for (no outcome) and named (with its own).
cancel_audit_order = sa.Table(
    ORDERS_TABLE,
    metadata,
    sa.Column("writer_id", sa.CHAR(36), nullable=False),
    sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
    sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
    sa.Column("cancel_id", sa.CHAR(36), nullable=False),
    *(sa.Column(name, sa.String(length)) for name, length in ORDER_COLUMNS.items()),
    sa.PrimaryKeyConstraint("writer_id", "seq", "position", name="pk_cancel_audit_order"),
    sa.Index("ix_cancel_audit_order_order_id", "order_id"),
    sa.Index("ix_cancel_audit_order_client_order_id", "client_order_id"),
)

# The columns that reviewers see, in their order.
HISTORY_COLUMNS = tuple(HISTORY)
KEPT_COLUMNS = (*HISTORY_COLUMNS, *KEPT)


def _column(name: str) -> sa.Column[Any]:
    if name in ("cancel_id", "attempt"):
        kind: Any = sa.CHAR(36) if name == "cancel_id" else sa.Integer()
        return sa.Column(name, kind, nullable=False, autoincrement=False)
    if name in ("outcome", "final_outcome", "reconciled_outcome"):
        return sa.Column(name, sa.String(32), nullable=name.startswith("reconciled"))
    if name in TEXT_COLUMNS:
        return _text(name)
    if name.endswith("_writer_id"):
        return sa.Column(name, sa.CHAR(36))
    if name.endswith("_at"):
        return sa.Column(name, TIMESTAMP)
    return sa.Column(name, sa.Integer() if name == "http_status" else sa.BigInteger())


# One row for each attempt, kept by triggers: see migrations/frozen/history_0005.py.
kept_history = sa.Table(
    HISTORY_TABLE,
    metadata,
    *(_column(name) for name in KEPT_COLUMNS),
    sa.PrimaryKeyConstraint("cancel_id", "attempt", name="pk_cancel_history"),
    sa.Index("ix_cancel_history_requested_at", "requested_at"),
    *(
        sa.Index(f"ix_cancel_history_{name}", name, "requested_at")
        for name in ("account", "bot", "symbol", "native_symbol", "final_outcome")
    ),
    # Where it is not null: migration 0005 says so. Said here, it would import the dialects of all databases.
    *(sa.Index(f"ix_cancel_history_{name}", name) for name in ("order_id", "client_order_id")),
)
# Signed notes: checkpoints of the record, and what left it.
audit_checkpoint = sa.Table(
    CHECKPOINT_TABLE,
    metadata,
    sa.Column("sha256", sa.CHAR(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("taken_ns", sa.BigInteger(), nullable=False, autoincrement=False),
    sa.Column("events", sa.BigInteger(), nullable=False),
    sa.Column("previous", sa.CHAR(64)),
    sa.Column("note", LONG_TEXT, nullable=False),
    sa.PrimaryKeyConstraint("sha256", name="pk_audit_checkpoint"),
)
# The history, with the columns that reviewers see, in their order.
cancel_history = sa.Table(
    HISTORY_TABLE, sa.MetaData(), *(_column(name) for name in HISTORY_COLUMNS)
)


def revision(connection: sa.Connection) -> str | None:
    """The revision of the database, None where it has none. Needs no alembic."""
    if not is_there(connection, VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String()))
    return connection.scalar(sa.select(version.c.version_num))


def is_there(connection: sa.Connection, table: str) -> bool:
    """Whether the database has a table of that name."""
    return sa.inspect(connection).has_table(table)
