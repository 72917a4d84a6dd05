"""The table `audit_checkpoint`: signed notes that say how far the record was, and what left it.

Append-only, with the guards of the events. What is in it has copies elsewhere, or proves little.
"""

import runpy
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

from mexc_plugin.errors import StoreError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = "audit_checkpoint"
GUARDS = {
    "sqlite": (
        """CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
           BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only: no UPDATE'); END""",
        """CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
           BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only: no DELETE'); END""",
        """CREATE TRIGGER audit_checkpoint_no_replace BEFORE INSERT ON audit_checkpoint
           WHEN NEW.rowid <> -1 OR EXISTS (
             SELECT 1 FROM audit_checkpoint WHERE sha256 = NEW.sha256)
           BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only: no REPLACE'); END""",
    ),
    "postgresql": (
        """CREATE TRIGGER audit_checkpoint_no_change BEFORE UPDATE OR DELETE ON audit_checkpoint
           FOR EACH ROW EXECUTE FUNCTION cancel_audit_append_only()""",
        """CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
           FOR EACH STATEMENT EXECUTE FUNCTION cancel_audit_append_only()""",
        "ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_no_change",
        "ALTER TABLE audit_checkpoint ENABLE ALWAYS TRIGGER audit_checkpoint_no_truncate",
    ),
    "mysql": (
        """CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint
           FOR EACH ROW SIGNAL SQLSTATE '45000'
           SET MESSAGE_TEXT = 'audit_checkpoint is append-only: no UPDATE'""",
        """CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint
           FOR EACH ROW SIGNAL SQLSTATE '45000'
           SET MESSAGE_TEXT = 'audit_checkpoint is append-only: no DELETE'""",
    ),
}
GUARDS["mariadb"] = GUARDS["mysql"]
GUARDS_VIEW = """
CREATE OR REPLACE SQL SECURITY DEFINER VIEW cancel_audit_guards AS
SELECT trigger_name AS trigger_name,
  CONCAT(action_timing, ' ', event_manipulation, ' ', action_statement) AS definition
FROM information_schema.triggers
WHERE event_object_schema = DATABASE()
AND event_object_table IN ('cancel_audit', 'cancel_audit_order', 'cancel_history', 'audit_checkpoint')
"""
MYSQL = ("mysql", "mariadb")


def upgrade(op: Operations) -> None:
    dialect = op.get_bind().dialect.name
    if dialect in MYSQL and sa.inspect(op.get_bind()).has_table(TABLE):
        # Each statement commits there: an interrupted run left it, and nobody writes to it before.
        refuse_with_notes(op, "begun anew")
        op.drop_table(TABLE)
    first: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("0001_cancel_audit.py")))
    long_text, _ = first["types"](dialect)
    op.create_table(
        TABLE,
        sa.Column("sha256", sa.CHAR(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("taken_ns", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.CHAR(64)),
        sa.Column("note", long_text, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_audit_checkpoint"),
        **first["options"](dialect, partitioned=False),
    )
    for statement in GUARDS[dialect]:
        op.execute(sa.text(statement.replace(":", r"\:")))
    if dialect in MYSQL:
        op.execute(GUARDS_VIEW)


def refuse_with_notes(op: Operations, what: str) -> None:
    notes = sa.select(sa.literal(1)).select_from(sa.table(TABLE)).limit(1)
    if op.get_bind().scalar(notes) is not None:
        raise StoreError(
            f"{TABLE} holds checkpoints and is not {what}: no migration removes evidence"
        )


def downgrade(op: Operations) -> None:
    refuse_with_notes(op, "removed")
    op.drop_table(TABLE)  # its guards go with it
    if op.get_bind().dialect.name in MYSQL:
        before = runpy.run_path(str(Path(__file__).with_name("0005_history_table.py")))
        op.execute(before["GUARDS_VIEW"])
