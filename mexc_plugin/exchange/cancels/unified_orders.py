"""The venue's answers as ccxt's orders."""

from collections.abc import Mapping
from typing import Any

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.exchange.context import Scope
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.unified_order import order_fields
from mexc_plugin.venue.verdict import order_outcome


def build_order(
    exchange: Any, asked: ParsedRequest, ack: CancelAck, market: Any, info: object
) -> dict[str, Any]:
    """One order that the venue named, as ccxt's; info: the untouched answer."""
    return dict(exchange.safe_order(order_fields(ack, asked, market["symbol"], info), market))


def build_cancelled_order(
    exchange: Any, scope: Scope, market: Any, answer: object
) -> dict[str, Any]:
    """The order of a cancel that was answered. The scope holds what was asked and what was understood.

    A layer that was replaced above the wire leaves nothing in the scope: then it is ccxt's own reading.
    """
    asked, verdict = scope.asked, scope.verdict
    if asked is None or verdict is None or not verdict.orders:
        return dict(exchange.parse_order(answer, market))
    info = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    return build_order(exchange, asked, verdict.orders[0], market, info)


def build_cancelled_orders(
    exchange: Any, scope: Scope, markets: Mapping[str, Any], answers: Any
) -> list[dict[str, Any]]:
    """A cancel-all's answer as ccxt's orders; markets: those asked for, by the venue's symbol."""
    asked, verdict = scope.asked, scope.verdict
    if asked is None or verdict is None or len(verdict.orders) != len(answers):
        return list(exchange.parse_orders(answers, None))
    nobody = ParsedRequest(asked.endpoint, asked.symbol, asked.symbols)
    orders = []
    for ack, info in zip(verdict.orders, answers, strict=True):
        market = markets.get(ack.symbol or "") or exchange.safe_market(ack.symbol)
        orders.append(build_order(exchange, nobody, ack, market, info))
    return orders


def mark_failed(scope: Scope, answered: Any) -> Any:
    """ccxt's orders of a futures batch, those that failed as `rejected` and with their outcome: ccxt leaves that out."""
    acks = scope.verdict.orders if scope.verdict else ()
    if not isinstance(answered, list) or len(acks) != len(answered):
        return answered
    return [
        order
        if (outcome := order_outcome(ack)) is Outcome.ACCEPTED
        else {**order, "status": "rejected", "info": {**order["info"], "outcome": outcome.value}}
        for order, ack in zip(answered, acks, strict=True)
    ]


def build_failed_order(
    exchange: Any,
    market: Any,
    order_id: object,
    client_order_id: object,
    scope: Scope,
    error: Exception,
) -> dict[str, Any]:
    """One of several that failed: ccxt's status `rejected`, and in `info` what is known of it."""
    verdict = scope.verdict
    refusal = verdict.refusal if verdict else None
    known = verdict.outcome.value if verdict else ("unknown" if scope.dispatched else "not_sent")
    info = {
        "orderId": None if order_id is None else str(order_id),
        "origClientOrderId": None if client_order_id is None else str(client_order_id),
        "outcome": known,
        "code": refusal.code if refusal else None,
        "msg": refusal.message if refusal else str(error),
        "error": type(error).__name__,
    }
    fields = {
        "id": info["orderId"],
        "clientOrderId": info["origClientOrderId"],
        "symbol": market["symbol"],
        "status": "rejected",
        "info": info,
    }
    return dict(exchange.safe_order(fields, market))
