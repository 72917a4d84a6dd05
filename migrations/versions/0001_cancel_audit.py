"""The append-only table `cancel_audit`, its guards, and the view `cancel_history`.

Frozen: later changes are later revisions. Types are written out here, not imported, so that this
revision makes the same table for ever.
"""

from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from mexc_plugin.errors import StoreError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VIEW = """
CREATE {how} VIEW cancel_history AS
SELECT
  r.cancel_id AS cancel_id,
  r.attempt AS attempt,
  r.occurred_at AS requested_at,
  p.occurred_at AS responded_at,
  p.latency_us AS latency_us,
  r.account AS account,
  r.bot AS bot,
  r.host AS host,
  r.market_type AS market_type,
  r.symbol AS symbol,
  r.native_symbol AS native_symbol,
  COALESCE(r.order_id, p.order_id) AS order_id,
  COALESCE(r.client_order_id, p.client_order_id) AS client_order_id,
  COALESCE(r.cancel_client_order_id, p.cancel_client_order_id) AS cancel_client_order_id,
  p.http_status AS http_status,
  p.venue_code AS venue_code,
  p.venue_message AS venue_message,
  COALESCE(p.outcome, 'pending') AS outcome,
  p.order_status AS order_status,
  p.side AS side,
  p.type AS type,
  p.price AS price,
  p.amount AS amount,
  p.filled AS filled,
  p.cost AS cost,
  p.error_type AS error_type,
  c.occurred_at AS reconciled_at,
  COALESCE(c.outcome, p.outcome, 'pending') AS final_outcome
FROM cancel_audit r
LEFT JOIN cancel_audit p
  ON p.cancel_id = r.cancel_id AND p.attempt = r.attempt AND p.kind = 'response'
LEFT JOIN cancel_audit c
  ON c.cancel_id = r.cancel_id AND c.attempt = r.attempt AND c.kind = 'reconciliation'
  AND NOT EXISTS (
    SELECT 1 FROM cancel_audit n
    WHERE n.cancel_id = c.cancel_id AND n.attempt = c.attempt AND n.kind = 'reconciliation'
    AND (n.occurred_ns > c.occurred_ns
      OR (n.occurred_ns = c.occurred_ns AND n.writer_id > c.writer_id)
      OR (n.occurred_ns = c.occurred_ns AND n.writer_id = c.writer_id AND n.seq > c.seq))
  )
WHERE r.kind = 'request'
"""

# REPLACE deletes without firing a delete trigger, by primary key or by rowid: so an insert that
# would replace is refused before it starts. An explicit rowid has no honest use.
GUARDS = {
    "sqlite": (
        """CREATE TRIGGER cancel_audit_no_update BEFORE UPDATE ON cancel_audit
           BEGIN SELECT RAISE(ABORT, 'cancel_audit is append-only: no UPDATE'); END""",
        """CREATE TRIGGER cancel_audit_no_delete BEFORE DELETE ON cancel_audit
           BEGIN SELECT RAISE(ABORT, 'cancel_audit is append-only: no DELETE'); END""",
        """CREATE TRIGGER cancel_audit_no_replace BEFORE INSERT ON cancel_audit
           WHEN NEW.rowid <> -1 OR EXISTS (
             SELECT 1 FROM cancel_audit WHERE writer_id = NEW.writer_id AND seq = NEW.seq)
           BEGIN SELECT RAISE(ABORT, 'cancel_audit is append-only: no REPLACE'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION cancel_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION 'cancel_audit is append-only: no %', TG_OP; END $$""",
        """CREATE TRIGGER cancel_audit_no_change BEFORE UPDATE OR DELETE ON cancel_audit
           FOR EACH ROW EXECUTE FUNCTION cancel_audit_append_only()""",
        """CREATE TRIGGER cancel_audit_no_truncate BEFORE TRUNCATE ON cancel_audit
           FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
        "ALTER TABLE cancel_audit ENABLE ALWAYS TRIGGER cancel_audit_no_change",
        "ALTER TABLE cancel_audit ENABLE ALWAYS TRIGGER cancel_audit_no_truncate",
    ),
    "mysql": (
        """CREATE TRIGGER cancel_audit_no_update BEFORE UPDATE ON cancel_audit FOR EACH ROW
           SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'cancel_audit is append-only: no UPDATE'""",
        """CREATE TRIGGER cancel_audit_no_delete BEFORE DELETE ON cancel_audit FOR EACH ROW
           SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'cancel_audit is append-only: no DELETE'""",
    ),
}
GUARDS["mariadb"] = GUARDS["mysql"]

# Who may not drop a trigger does not see it there: so that auditors can, a view shows ours.
GUARDS_VIEW = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW cancel_audit_guards AS
SELECT trigger_name AS trigger_name,
  CONCAT(action_timing, ' ', event_manipulation, ' ', action_statement) AS definition
FROM information_schema.triggers
WHERE event_object_schema = DATABASE()
AND event_object_table IN ('cancel_audit', 'cancel_audit_order')
"""

# What no month takes goes here, so that no event is refused for want of a partition. TRUNCATE of a
# partition by its own name meets only the partition's own trigger.
DEFAULT_PARTITION = (
    "CREATE TABLE cancel_audit_default PARTITION OF cancel_audit DEFAULT",
    """CREATE TRIGGER cancel_audit_no_truncate BEFORE TRUNCATE ON cancel_audit_default
       FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
    "ALTER TABLE cancel_audit_default ENABLE ALWAYS TRIGGER cancel_audit_no_truncate",
    "ALTER TABLE cancel_audit_default ENABLE ALWAYS TRIGGER cancel_audit_no_change",
)


# SQLite's planner knows nothing of a new table, and then prefers the index that sorts to the one that
# finds. Rows per distinct value, as ANALYZE would write them for a large audit.
STATISTICS = {
    "ix_cancel_audit_cancel_id": "1000000 2 2 1",
    "ix_cancel_audit_occurred_at": "1000000 500000 1",
    "ix_cancel_audit_order_id": "1000000 3",
    "ix_cancel_audit_client_order_id": "1000000 3",
    "sqlite_autoindex_cancel_audit_1": "1000000 1000 1",
}


# MySQL's dialect is named, and by that imported, only where it is used: while one thread imports it,
# another one that makes its first engine of MariaDB fails, and that may be the bot's.


def options(dialect: str, *, partitioned: bool) -> dict[str, Any]:
    """How the table is kept."""
    if dialect in ("mysql", "mariadb"):
        kept = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
        return {f"{dialect}_{name}": value for name, value in kept.items()}
    return {"postgresql_partition_by": "RANGE (occurred_at)"} if partitioned else {}


def types(dialect: str) -> tuple[TypeEngine[Any], TypeEngine[Any]]:
    """Text of any length, and a time to the microsecond."""
    if dialect in ("mysql", "mariadb"):
        from sqlalchemy.dialects import mysql

        return mysql.LONGTEXT(), mysql.DATETIME(fsp=6)
    is_postgresql = dialect == "postgresql"
    return sa.Text(), postgresql.TIMESTAMP(precision=6) if is_postgresql else sa.DateTime()


def upgrade(op: Operations) -> None:
    dialect = op.get_bind().dialect.name
    long_text, timestamp = types(dialect)
    partitioned = bool(op.get_context().opts.get("partitioned"))
    if dialect in ("mysql", "mariadb"):
        remove_what_an_interrupted_run_left(op)
    key = ("writer_id", "seq", "occurred_at") if partitioned else ("writer_id", "seq")
    op.create_table(
        "cancel_audit",
        sa.Column("writer_id", sa.CHAR(36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("occurred_at", timestamp, nullable=False),
        sa.Column("occurred_ns", sa.BigInteger(), nullable=False),
        sa.Column("cancel_id", sa.CHAR(36)),
        sa.Column("attempt", sa.Integer()),
        sa.Column("account", sa.String(16)),
        sa.Column("bot", sa.String(64)),
        sa.Column("host", sa.String(255)),
        sa.Column("market_type", sa.String(16)),
        sa.Column("symbol", sa.String(64)),
        sa.Column("native_symbol", sa.String(64)),
        sa.Column("order_id", sa.String(128)),
        sa.Column("client_order_id", sa.String(128)),
        sa.Column("cancel_client_order_id", sa.String(128)),
        sa.Column("method", sa.String(8)),
        sa.Column("path", sa.String(255)),
        sa.Column("http_status", sa.Integer()),
        sa.Column("venue_code", sa.String(32)),
        sa.Column("venue_message", long_text),
        sa.Column("outcome", sa.String(32)),
        sa.Column("order_status", sa.String(32)),
        sa.Column("side", sa.String(16)),
        sa.Column("type", sa.String(32)),
        sa.Column("time_in_force", sa.String(16)),
        sa.Column("price", sa.String(64)),
        sa.Column("amount", sa.String(64)),
        sa.Column("filled", sa.String(64)),
        sa.Column("cost", sa.String(64)),
        sa.Column("latency_us", sa.BigInteger()),
        sa.Column("error_type", sa.String(128)),
        sa.Column("payload", long_text, nullable=False),
        sa.Column("prev_hash", sa.CHAR(64), nullable=False),
        sa.Column("hash", sa.CHAR(64), nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_cancel_audit"),
        **options(dialect, partitioned=partitioned),
    )
    op.create_index("ix_cancel_audit_cancel_id", "cancel_audit", ["cancel_id", "attempt", "kind"])
    op.create_index("ix_cancel_audit_occurred_at", "cancel_audit", ["kind", "occurred_at"])
    op.create_index("ix_cancel_audit_order_id", "cancel_audit", ["order_id"])
    op.create_index("ix_cancel_audit_client_order_id", "cancel_audit", ["client_order_id"])
    invoker = "SQL SECURITY INVOKER" if dialect in ("mysql", "mariadb") else ""
    op.execute(VIEW.format(how=invoker))
    for statement in (*GUARDS[dialect], *(DEFAULT_PARTITION if partitioned else ())):
        op.execute(sa.text(statement.replace(":", r"\:")))
    if dialect in ("mysql", "mariadb"):
        op.execute(GUARDS_VIEW)
    if dialect == "sqlite":
        op.execute("ANALYZE cancel_audit")  # makes sqlite_stat1
        for index, statistics in STATISTICS.items():
            op.execute(
                f"INSERT INTO sqlite_stat1 VALUES ('cancel_audit', '{index}', '{statistics}')"  # noqa: S608 - constants
            )


def remove_what_an_interrupted_run_left(op: Operations) -> None:
    """Each statement commits there. Nobody writes before the revision is set: there are no events."""
    if sa.inspect(op.get_bind()).has_table("cancel_audit"):
        refuse_with_events(op, "begun anew")
        op.execute("DROP VIEW IF EXISTS cancel_history")
        op.drop_table("cancel_audit")


def refuse_with_events(op: Operations, what: str) -> None:
    events = sa.select(sa.literal(1)).select_from(sa.table("cancel_audit")).limit(1)
    if op.get_bind().scalar(events) is not None:
        raise StoreError(
            f"cancel_audit holds events and is not {what}: no migration removes evidence"
        )


def downgrade(op: Operations) -> None:
    refuse_with_events(op, "removed")
    dialect = op.get_bind().dialect.name
    op.execute("DROP VIEW cancel_history")
    if dialect in ("mysql", "mariadb"):
        op.execute("DROP VIEW cancel_audit_guards")
    op.drop_table("cancel_audit")  # its guards, indexes, partitions and statistics go with it
    if dialect == "postgresql":
        op.execute("DROP FUNCTION cancel_audit_append_only()")
