"""What `cancel_history` has to say of events, computed in Python and with none of our SQL."""

from collections.abc import Iterable
from typing import Any

from mexc_plugin.audit.events import Event, project
from mexc_plugin.store.schema.tables import KEPT_COLUMNS

Row = dict[str, Any]

ASKED = ("account", "bot", "host", "market_type", "symbol", "native_symbol", "method", "path")
IDS = ("order_id", "client_order_id", "cancel_client_order_id")
ANSWERED = (
    *("latency_us", "http_status", "venue_code", "venue_message", "order_status", "side", "type"),
    *("time_in_force", "price", "amount", "filled", "cost", "error_type"),
)


def rows(events: Iterable[Event]) -> list[Row]:
    """A row for each attempt of which any request, response or reconciliation is there."""
    attempts: dict[tuple[str, int], dict[str, list[Row]]] = {}
    for row in map(project, events):
        is_of_one = row["cancel_id"] is not None and row["attempt"] is not None
        if is_of_one and row["kind"] in ("request", "response", "reconciliation"):
            key = (row["cancel_id"], row["attempt"])
            attempts.setdefault(key, {}).setdefault(row["kind"], []).append(row)
    return [_row(key, kinds) for key, kinds in sorted(attempts.items())]


def _row(key: tuple[str, int], kinds: dict[str, list[Row]]) -> Row:
    request = min(kinds.get("request", ()), key=_place, default=None)
    response = min(kinds.get("response", ()), key=_place, default=None)
    newest = max(kinds.get("reconciliation", ()), key=_place, default=None)
    asked, answered, word = request or response or {}, response or {}, newest or {}
    found: Row = dict.fromkeys(KEPT_COLUMNS)
    found |= {"cancel_id": key[0], "attempt": key[1]}
    found |= {name: asked.get(name) for name in ASKED}
    found |= {name: answered.get(name) for name in ANSWERED}
    for name in IDS:
        said = (request or {}).get(name)
        found[name] = answered.get(name) if said is None else said
    found["outcome"] = answered.get("outcome") or "pending"
    found["reconciled_outcome"] = word.get("outcome")
    found["final_outcome"] = word.get("outcome") or found["outcome"]
    of = {"request": request, "response": response, "reconciliation": newest}
    for (role, event), time in zip(
        of.items(), ("requested", "responded", "reconciled"), strict=True
    ):
        if event is not None:
            found |= {f"{time}_at": event["occurred_at"], f"{time}_ns": event["occurred_ns"]}
            found |= {f"{role}_writer_id": event["writer_id"], f"{role}_seq": event["seq"]}
    return found


def _place(row: Row) -> tuple[int, str, int]:
    return row["occurred_ns"], row["writer_id"], row["seq"]
