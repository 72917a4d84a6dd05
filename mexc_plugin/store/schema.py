"""The tables as SQLAlchemy sees them. migrations/ makes them; `alembic check` compares the two."""

import sqlalchemy as sa

from mexc_plugin.audit.events import ORDER_COLUMNS, TEXT_COLUMNS
from mexc_plugin.store.types import LongText, Timestamp

VERSION_TABLE = "cancel_audit_version"
# The newest revision in migrations/, so that opening a current database needs no alembic.
HEAD = "0004"
AUDIT_TABLE = "cancel_audit"
ORDERS_TABLE = "cancel_audit_order"
HISTORY_VIEW = "cancel_history"

LONG_TEXT = LongText()
TIMESTAMP = Timestamp()

# What reviewing filters and counts by, read from an index by kind and time instead of the table.
REVIEW_COLUMNS = (
    "outcome",
    "latency_us",
    "venue_code",
    "account",
    "bot",
    "symbol",
    "native_symbol",
)

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
    sa.Index("ix_cancel_audit_review", "kind", "occurred_at", *REVIEW_COLUMNS),
    sa.Index("ix_cancel_audit_order_id", "order_id"),
    sa.Index("ix_cancel_audit_client_order_id", "client_order_id"),
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

HISTORY_COLUMNS = (
    "cancel_id",
    "attempt",
    "requested_at",
    "responded_at",
    "latency_us",
    "account",
    "bot",
    "host",
    "market_type",
    "symbol",
    "native_symbol",
    "order_id",
    "client_order_id",
    "cancel_client_order_id",
    "http_status",
    "venue_code",
    "venue_message",
    "outcome",
    "order_status",
    "side",
    "type",
    "price",
    "amount",
    "filled",
    "cost",
    "error_type",
    "reconciled_at",
    "final_outcome",
)

# Not in `metadata`: views are the migrations' business, alembic must not take it for a table.
_TIMES = ("requested_at", "responded_at", "reconciled_at")
_NUMBERS = ("attempt", "latency_us", "http_status")
cancel_history = sa.Table(
    HISTORY_VIEW,
    sa.MetaData(),
    *(
        sa.Column(
            name,
            TIMESTAMP if name in _TIMES else sa.BigInteger() if name in _NUMBERS else sa.String(),
        )
        for name in HISTORY_COLUMNS
    ),
)


def revision(connection: sa.Connection) -> str | None:
    """The revision of the database, None where it has none. Needs no alembic."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version = sa.table(VERSION_TABLE, sa.column("version_num", sa.String()))
    return connection.scalar(sa.select(version.c.version_num))
