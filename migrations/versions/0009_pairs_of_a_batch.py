"""On PostgreSQL, an attempt whose request and answer come in one statement becomes its row at once.

A batch of a shipper or of a replay has both. What its answer changes is indexed, so that the row was written twice, and
each of its indexes: half of the server's time for a batch.
"""

import runpy
from pathlib import Path
from typing import Any

from alembic.operations import Operations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_FOLDER = Path(__file__).parents[1]
_TEXTS = runpy.run_path(str(_FOLDER / "frozen" / "history_0005.py"))
_BEFORE: dict[str, Any] = runpy.run_path(
    str(_FOLDER / "versions" / "0008_lookups_on_demand.py"), run_name="revision_0008"
)
LOOKUP: str = _BEFORE["LOOKUP"]

# The planner knows nothing of what came in, and would compare each request with each answer.
_SETTING = " SET search_path"
_FIRST = "\n  IF has_request THEN"


def functions(
    dialect: str, table: str = "cancel_history", schema: str = "public"
) -> dict[str, str]:
    """By name, what the triggers of PostgreSQL call, and what that calls."""
    found: dict[str, str] = _BEFORE["functions"](dialect, table, schema)
    name = "cancel_audit_keep" + table.removeprefix("cancel_history")
    if name in found:
        text = found[name].replace(_SETTING, " SET enable_nestloop = off" + _SETTING, 1)
        found[name] = text.replace(_FIRST, _pairs(table) + _FIRST, 1)
    return found


def _pairs(table: str) -> str:
    """Rows of attempts that had none, from the two events that count. What follows finds nothing left to change in them."""
    inserted, order = _TEXTS["inserted"], _TEXTS["_order"]
    values = {name: value.replace("n.", "r.") for name, value in inserted("response").items()}
    values |= {
        name: value.replace("n.", "q.")
        for name, value in inserted("request").items()
        if name not in ("outcome", "final_outcome")
    }
    values |= {name: f"COALESCE(q.{name}, r.{name})" for name in _TEXTS["IDS"]}
    return f"""
  IF has_request AND has_response THEN
    INSERT INTO {table} ({", ".join(values)})
    SELECT DISTINCT ON (q.cancel_id, q.attempt) {", ".join(values.values())}
    FROM fresh q JOIN fresh r ON r.cancel_id = q.cancel_id AND r.attempt = q.attempt
    WHERE q.kind = 'request' AND r.kind = 'response'
    ORDER BY q.cancel_id, q.attempt,
      {order("request").replace("n.", "q.")}, {order("response").replace("n.", "r.")}
    ON CONFLICT (cancel_id, attempt) DO NOTHING;
  END IF;"""  # noqa: S608 - constants


def upgrade(op: Operations) -> None:
    _BEFORE["replace"](op, functions)


def downgrade(op: Operations) -> None:
    _BEFORE["replace"](op, _BEFORE["functions"])
