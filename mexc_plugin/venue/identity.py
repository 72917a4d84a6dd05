"""An order as an answer names it, and whether the answer is about what was asked for: pure comparisons."""

from collections.abc import Sequence
from typing import NamedTuple

from mexc_plugin.venue.requests import ParsedRequest


class CancelAck(NamedTuple):
    """One order that the venue named in an answer. Everything is the venue's text, or None.

    client_order_id is the order's own (`origClientOrderId`), cancel_client_order_id the cancel's
    (`clientOrderId`); time and update_time are milliseconds; code and message stand where the
    venue gives each order of a list its own result; cancel_reason and stp_mode are self-trade prevention's.
    """

    order_id: str | None = None
    symbol: str | None = None
    client_order_id: str | None = None
    cancel_client_order_id: str | None = None
    price: str | None = None
    amount: str | None = None
    filled: str | None = None
    cost: str | None = None
    status: str | None = None
    time_in_force: str | None = None
    type: str | None = None
    side: str | None = None
    time: str | None = None
    update_time: str | None = None
    code: str | None = None
    message: str | None = None
    cancel_reason: str | None = None
    stp_mode: str | None = None


def find_mismatch(asked: ParsedRequest, orders: Sequence[CancelAck]) -> str | None:
    """What is wrong with the orders that were named; None where each may be one of those asked for."""
    seen: dict[str | None, CancelAck] = {}
    for order in orders:
        same = not (asked.order_ids and order.order_id) or order.order_id in asked.order_ids
        if asked.client_order_ids and order.client_order_id is not None:
            same = same and order.client_order_id in asked.client_order_ids
        if asked.symbols and order.symbol and order.symbol not in asked.symbols:
            same = same and _letters(order.symbol) in map(_letters, asked.symbols)
        if not same:
            return "the answer is about another order"
        first = seen.setdefault(order.order_id or order.client_order_id, order)
        if first is not order and first != order:
            return "it names one order twice, with two results"
    return None


def names_all(asked: ParsedRequest, results: Sequence[CancelAck]) -> bool:
    """Whether there is a result for each order that was asked for."""
    distinct = set(results)
    by_id = set(asked.order_ids) - {result.order_id for result in distinct}
    by_client_id = set(asked.client_order_ids) - {result.client_order_id for result in distinct}
    # Who asks futures by external ids gets order ids alone.
    unnamed = [result for result in distinct if result.client_order_id is None]
    return not by_id and len(by_client_id) <= len(unnamed)


def _letters(symbol: str) -> str:
    return symbol.upper().replace("_", "").replace("/", "").replace("-", "")
