"""What is done by SQL to a writer's rows, hashes left as they are: the guards are taken down and put up again.

`how` gets the writer's id and the ids of the cancels that it has on record, and gives statements.
"""

from collections.abc import Callable

from mexc_plugin.store.verify.findings import Fault

from .rows import INSERT, OWNER, Row

Statements = Callable[[str, list[str]], list[str]]


def update(change: str, seq: int, table: str = "cancel_audit") -> Statements:
    return lambda writer, _: [
        f"UPDATE {table} SET {change} WHERE writer_id = '{writer}' AND seq = {seq}"
    ]


def delete(where: str, table: str) -> Statements:
    return lambda writer, _: [f"DELETE FROM {table} WHERE writer_id = '{writer}' AND {where}"]


def of_history(statement: str, nth: int = 0) -> Statements:
    return lambda _, cancels: [statement.format(cancels[nth])]


def orders_of(seq: int) -> Statements:
    return lambda writer, cancels: [
        f"INSERT INTO cancel_audit_order (writer_id, seq, position, cancel_id) VALUES ('{writer}', {seq}, 9, '{cancels[0]}')"
    ]


def exchange(writer: str, _: list[str]) -> list[str]:
    """Two events change their places."""
    moves = ((3, 1_003), (4, 3), (1_003, 4))
    return [
        f"UPDATE cancel_audit SET seq = {to} WHERE writer_id = '{writer}' AND seq = {seq}"
        for seq, to in moves
    ]


def row(
    does: str, to: str, how: Statements, fault: Fault, seq: int | None = None, needs: str = OWNER
) -> Row:
    return Row(does, to, needs, how, fault, seq)


ROWS = [
    row("changes a column of an outcome", "events", update("outcome = 'closed'", 3), Fault.COLUMN, 3),
    row("empties a column", "events", update("order_id = NULL", 3), Fault.COLUMN, 3),
    row(
        "changes the column of a time",
        "events",
        update("occurred_at = '2026-11-23 12:00:00.000001'", 3),
        Fault.COLUMN,
        3,
    ),
    row(
        "moves a column to another account",
        "events",
        update("account = 'ffffffffffffffff'", 2),
        Fault.COLUMN,
        2,
    ),
    row(
        "changes a payload",
        "events",
        update("payload = REPLACE(payload, 'here', 'away')", 4),
        Fault.HASH,
        4,
    ),
    row("empties a payload", "events", update("payload = '{}'", 4), Fault.HASH, 4),
    row("changes a hash", "events", update(f"hash = '{'1' * 64}'", 4), Fault.HASH, 4),
    row("changes a link", "events", update(f"prev_hash = '{'1' * 64}'", 4), Fault.LINK, 4),
    row("removes an event", "events", delete("seq = 4", "cancel_audit"), Fault.GAP, 5),
    row("removes the first event", "events", delete("seq = 1", "cancel_audit"), Fault.GAP, 2),
    row("changes the places of two events", "events", exchange, Fault.PAYLOAD, 3),
    row("moves an event far behind", "events", update("seq = 99", 15), Fault.PAYLOAD, 99),
    row(
        "changes an order of several",
        "orders",
        update("outcome = 'closed'", 14, "cancel_audit_order"),
        Fault.ORDERS,
        14,
    ),
    row(
        "removes the orders of an event",
        "orders",
        delete("seq = 14", "cancel_audit_order"),
        Fault.ORDERS,
        14,
    ),
    row("adds an order to an event", "orders", orders_of(14), Fault.ORDERS, 14, INSERT),
    row("adds an order to an event that has none", "orders", orders_of(3), Fault.ORDERS, None, INSERT),
    row("adds an order behind a writer's last event", "orders", orders_of(99), Fault.ORDERS, None, INSERT),
    row("adds an order in front of a writer's first event", "orders", orders_of(0), Fault.ORDERS, None, INSERT),
    row(
        "changes the final outcome",
        "history",
        of_history("UPDATE cancel_history SET final_outcome = 'closed' WHERE cancel_id = '{}'"),
        Fault.HISTORY,
    ),
    row(
        "moves an attempt to another account",
        "history",
        of_history("UPDATE cancel_history SET account = 'ffffffffffffffff' WHERE cancel_id = '{}'"),
        Fault.HISTORY,
    ),
    row(
        "removes an attempt",
        "history",
        of_history("DELETE FROM cancel_history WHERE cancel_id = '{}'", 1),
        Fault.HISTORY,
    ),
    row(
        "invents an attempt",
        "history",
        of_history("UPDATE cancel_history SET attempt = 9 WHERE cancel_id = '{}'", 2),
        Fault.HISTORY,
    ),
]  # fmt: skip
