"""On MySQL and MariaDB, guards that let an archive remove what is in it.

Elsewhere the transaction that removes also drops and makes the guards, and a failure takes back all of it. Here
each statement of DDL commits: a guard that is dropped stays so when the program is killed. So it stays, and lets pass
what a session removes that says so; whoever may do that could drop it, too.
"""

import runpy
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = {
    "cancel_audit": "0001_cancel_audit.py",
    "cancel_audit_order": "0002_orders_of_a_request.py",
}
GUARDS: dict[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql": (),
    "mysql": tuple(
        f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW
           IF @mexc_plugin_archive IS NULL THEN
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{table} is append-only: no DELETE'; END IF"""
        for table in TABLES
    ),
}
GUARDS["mariadb"] = GUARDS["mysql"]


def upgrade(op: Operations) -> None:
    replace(op, GUARDS[op.get_bind().dialect.name])


def downgrade(op: Operations) -> None:
    folder, dialect = Path(__file__).parent, op.get_bind().dialect.name
    if dialect in ("mysql", "mariadb"):
        made = [runpy.run_path(str(folder / name))["GUARDS"][dialect] for name in TABLES.values()]
        replace(op, tuple(text for some in made for text in some if "BEFORE DELETE" in text))


def replace(op: Operations, guards: tuple[str, ...]) -> None:
    for text in guards:
        op.execute(f"DROP TRIGGER IF EXISTS {text.split()[2]}")
        op.execute(sa.text(text))
