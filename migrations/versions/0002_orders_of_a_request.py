"""The table `cancel_audit_order`: every order that a request with several of them asked for or named.

A projection of payloads like the columns of `cancel_audit`, with the same guards, so that an order
can be found that a cancel-all took away. It is filled from the payloads that are there already.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GUARDS = {
    "sqlite": (
        """CREATE TRIGGER cancel_audit_order_no_update BEFORE UPDATE ON cancel_audit_order
           BEGIN SELECT RAISE(ABORT, 'cancel_audit_order is append-only: no UPDATE'); END""",
        """CREATE TRIGGER cancel_audit_order_no_delete BEFORE DELETE ON cancel_audit_order
           BEGIN SELECT RAISE(ABORT, 'cancel_audit_order is append-only: no DELETE'); END""",
        """CREATE TRIGGER cancel_audit_order_no_replace BEFORE INSERT ON cancel_audit_order
           WHEN NEW.rowid <> -1 OR EXISTS (
             SELECT 1 FROM cancel_audit_order
             WHERE writer_id = NEW.writer_id AND seq = NEW.seq AND position = NEW.position)
           BEGIN SELECT RAISE(ABORT, 'cancel_audit_order is append-only: no REPLACE'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER cancel_audit_order_no_change BEFORE UPDATE OR DELETE ON cancel_audit_order
           FOR EACH ROW EXECUTE FUNCTION cancel_audit_append_only()""",
        """CREATE TRIGGER cancel_audit_order_no_truncate BEFORE TRUNCATE ON cancel_audit_order
           FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
        "ALTER TABLE cancel_audit_order ENABLE ALWAYS TRIGGER cancel_audit_order_no_change",
        "ALTER TABLE cancel_audit_order ENABLE ALWAYS TRIGGER cancel_audit_order_no_truncate",
    ),
    "mysql": (
        """CREATE TRIGGER cancel_audit_order_no_update BEFORE UPDATE ON cancel_audit_order
           FOR EACH ROW SIGNAL SQLSTATE '45000'
           SET MESSAGE_TEXT = 'cancel_audit_order is append-only: no UPDATE'""",
        """CREATE TRIGGER cancel_audit_order_no_delete BEFORE DELETE ON cancel_audit_order
           FOR EACH ROW SIGNAL SQLSTATE '45000'
           SET MESSAGE_TEXT = 'cancel_audit_order is append-only: no DELETE'""",
    ),
}
GUARDS["mariadb"] = GUARDS["mysql"]


def options(dialect: str) -> dict[str, Any]:
    """How the table is kept. MySQL's dialect is named only where it is used: see 0001."""
    if dialect not in ("mysql", "mariadb"):
        return {}
    kept = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
    return {f"{dialect}_{name}": value for name, value in kept.items()}


LENGTHS = {"order_id": 128, "client_order_id": 128, "outcome": 32, "venue_code": 32}
BATCH = 1000


def rows_of(writer_id: str, seq: int, payload: str) -> Iterator[dict[str, Any]]:
    """The orders of one payload, as they were projected when this revision was written."""
    document = json.loads(payload)
    orders = [
        *({"order_id": value} for value in document.get("order_ids", ())),
        *({"client_order_id": value} for value in document.get("client_order_ids", ())),
        *document.get("orders", ()),
    ]
    for position, order in enumerate(orders, 1):
        yield {
            "writer_id": writer_id,
            "seq": seq,
            "position": position,
            "cancel_id": document["cancel_id"],
        } | {
            name: str(order[name]).replace("\x00", "\ufffd")[:length] if order.get(name) else None
            for name, length in LENGTHS.items()
        }


def fill(connection: sa.Connection, table: sa.Table) -> None:
    """Project the orders of the events that are there. In batches by key: memory stays flat."""
    audit = sa.table("cancel_audit", sa.column("writer_id"), sa.column("seq"), sa.column("payload"))
    several = sa.or_(audit.c.payload.like('%"orders":%'), audit.c.payload.like('%order_ids":%'))
    writers = connection.scalars(sa.select(audit.c.writer_id).distinct()).all()
    for writer in writers:
        last = 0
        while True:
            found = connection.execute(
                sa.select(audit)
                .where(audit.c.writer_id == writer, audit.c.seq > last, several)
                .order_by(audit.c.seq)
                .limit(BATCH)
            ).all()
            if not found:
                break
            last = found[-1].seq
            rows = [row for event in found for row in rows_of(*event)]
            if rows:
                connection.execute(sa.insert(table), rows)


def upgrade(op: Operations) -> None:
    if op.get_bind().dialect.name in ("mysql", "mariadb"):
        # Each statement commits there: an interrupted run may have left it. It is a projection.
        op.execute("DROP TABLE IF EXISTS cancel_audit_order")
    table = op.create_table(
        "cancel_audit_order",
        sa.Column("writer_id", sa.CHAR(36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("cancel_id", sa.CHAR(36), nullable=False),
        sa.Column("order_id", sa.String(128)),
        sa.Column("client_order_id", sa.String(128)),
        sa.Column("outcome", sa.String(32)),
        sa.Column("venue_code", sa.String(32)),
        sa.PrimaryKeyConstraint("writer_id", "seq", "position", name="pk_cancel_audit_order"),
        **options(op.get_bind().dialect.name),
    )
    op.create_index("ix_cancel_audit_order_order_id", "cancel_audit_order", ["order_id"])
    op.create_index(
        "ix_cancel_audit_order_client_order_id", "cancel_audit_order", ["client_order_id"]
    )
    fill(op.get_bind(), table)
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(sa.text(statement.replace(":", r"\:")))


def downgrade(op: Operations) -> None:
    op.drop_table("cancel_audit_order")
