"""On PostgreSQL, the trigger that keeps `cancel_history` looks into other events only when it has to.

A plan that names `cancel_audit` locks every partition and each of its indexes, whether it comes to that or not: with
341 partitions an event took 17 times the processor time, and making a partition kept bots from writing. What is in a
function of its own is planned when it is called, and that is when an attempt has two of a kind.
"""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BEFORE: Callable[..., dict[str, str]] = runpy.run_path(
    str(Path(__file__).parents[1] / "frozen" / "history_0005.py")
)["functions"]
LOOKUP = "cancel_audit_said"
_SUBQUERY = re.compile(
    r"\(SELECT a\.(\w+) FROM cancel_audit a WHERE a\.writer_id = (h\.\w+) AND a\.seq = (h\.\w+)\)"
)


def functions(
    dialect: str, table: str = "cancel_history", schema: str = "public"
) -> dict[str, str]:
    """By name, what the triggers of PostgreSQL call, and what that calls: with the rights and the path of its caller."""
    if dialect != "postgresql":
        return {}
    found = {
        name: _SUBQUERY.sub(rf"{LOOKUP}('\1', \2, \3)", text)
        for name, text in _BEFORE(dialect, table, schema).items()
    }
    return {
        LOOKUP: f"""CREATE FUNCTION {LOOKUP}(name text, writer character, number bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT CASE name WHEN 'order_id' THEN order_id WHEN 'client_order_id' THEN client_order_id
      ELSE cancel_client_order_id END
    FROM cancel_audit WHERE writer_id = writer AND seq = number);
END $$""",  # noqa: S608 - constants
        **found,
    }


def upgrade(op: Operations) -> None:
    replace(op, functions)


def downgrade(op: Operations) -> None:
    replace(op, _BEFORE)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {LOOKUP}(text, character, bigint)")


def replace(op: Operations, made: Callable[..., dict[str, Any]]) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    schema = connection.dialect.identifier_preparer.quote(
        str(connection.scalar(sa.text("SELECT current_schema()")))
    )
    for text in made("postgresql", schema=schema).values():
        replaced = text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        connection.execute(sa.text(replaced.replace(":", r"\:")))
