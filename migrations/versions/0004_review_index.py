"""An index that reviewing reads instead of the table.

It takes the place of the one over kind and time, so that an event costs no more trees than before.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NARROW = ("kind", "occurred_at")
WIDE = (
    *NARROW,
    "outcome",
    "latency_us",
    "venue_code",
    "account",
    "bot",
    "symbol",
    "native_symbol",
)
# Rows per distinct value of each prefix, as ANALYZE would write them for a large audit.
STATISTICS = {NARROW: "1000000 500000 1", WIDE: "1000000 500000" + " 1" * (len(WIDE) - 1)}


def upgrade(op: Operations) -> None:
    replace(op, "ix_cancel_audit_occurred_at", "ix_cancel_audit_review", WIDE)


def downgrade(op: Operations) -> None:
    replace(op, "ix_cancel_audit_review", "ix_cancel_audit_occurred_at", NARROW)


def replace(op: Operations, old: str, new: str, columns: tuple[str, ...]) -> None:
    """The new index before the old one goes: nobody who reads is ever without one."""
    there = indexes(op)
    if new not in there:  # each statement commits on MySQL: an interrupted run may have made it
        op.create_index(new, "cancel_audit", list(columns))
    if old in there:
        op.drop_index(old, "cancel_audit")  # its statistics go with it
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"INSERT INTO sqlite_stat1 VALUES ('cancel_audit', '{new}', '{STATISTICS[columns]}')"  # noqa: S608 - constants
        )


def indexes(op: Operations) -> set[str | None]:
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("cancel_audit")}
