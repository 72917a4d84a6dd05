"""Whether an answer is about what was asked for: pure comparisons of a request with the orders of its answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mexc_plugin.venue.requests import ParsedRequest

if TYPE_CHECKING:
    from mexc_plugin.venue.responses import CancelAck


def find_mismatch(asked: ParsedRequest, orders: Sequence["CancelAck"]) -> str | None:
    """What is wrong with the orders that were named; None where each may be one of those asked for."""
    symbols = {_letters(symbol) for symbol in asked.symbols}
    seen: dict[str | None, CancelAck] = {}
    for order in orders:
        same = not (asked.order_ids and order.order_id) or order.order_id in asked.order_ids
        if asked.client_order_ids and order.client_order_id is not None:
            same = same and order.client_order_id in asked.client_order_ids
        if symbols and order.symbol:
            same = same and _letters(order.symbol) in symbols
        if not same:
            return "the answer is about another order"
        if seen.setdefault(order.order_id or order.client_order_id, order) != order:
            return "it names one order twice, with two results"
    return None


def names_all(asked: ParsedRequest, results: Sequence["CancelAck"]) -> bool:
    """Whether there is a result for each order that was asked for."""
    distinct = set(results)
    by_id = set(asked.order_ids) - {result.order_id for result in distinct}
    by_client_id = set(asked.client_order_ids) - {result.client_order_id for result in distinct}
    # Who asks futures by external ids gets order ids alone.
    unnamed = [result for result in distinct if result.client_order_id is None]
    return not by_id and len(by_client_id) <= len(unnamed)


def _letters(symbol: str) -> str:
    return symbol.upper().replace("_", "").replace("/", "").replace("-", "")
