"""${message}

Revision: ${up_revision}, after ${down_revision}. The audit table is never rebuilt (no batch mode):
that would silently drop SQLite's triggers.
"""

from alembic.operations import Operations

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    ${upgrades if upgrades else "raise NotImplementedError"}


def downgrade(op: Operations) -> None:
    ${downgrades if downgrades else "raise NotImplementedError"}
