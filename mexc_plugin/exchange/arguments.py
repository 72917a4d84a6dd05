"""cancel_order for spot: build the venue's request, call its endpoint, map its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.exchange.context import Scope
from mexc_plugin.venue import requests, responses, unified_order

# What ccxt and this adapter mean by these is not the venue's business.
NOT_FOR_THE_WIRE = frozenset(
    {
        "clientOrderId",
        "origClientOrderId",
        "orderId",
        "symbol",
        "newClientOrderId",
        "recvWindow",
        "timestamp",
        "signature",
        "type",
        "defaultType",
        "subType",
        "margin",
        "marginMode",
        "trigger",
        "stop",
        "method",
        "confirm",
        "killSwitch",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller of cancel_order asked for: an order by one of its two ids."""

    order_id: str | None
    client_order_id: str | None

    @classmethod
    def read(cls, order_id: object, params: Mapping[str, Any]) -> "Wanted":
        """A client order id in params beats the id, as in ccxt; empty and None are missing."""
        client = _id(params.get("clientOrderId")) or _id(params.get("origClientOrderId"))
        return cls(None if client else _id(order_id) or _id(params.get("orderId")), client)


def check_arguments(exchange_id: str, wanted: Wanted, symbol: object, *, spot: bool) -> None:
    """Raise ArgumentsRequired for what is missing, before anything is sent."""
    if wanted.order_id is None and wanted.client_order_id is None:
        raise ccxt_errors.ArgumentsRequired(
            f"{exchange_id} cancelOrder() requires an order id, or params['clientOrderId']"
        )
    if spot and not symbol:
        raise ccxt_errors.ArgumentsRequired(
            f"{exchange_id} cancelOrder() requires a symbol argument"
        )


def build(
    wanted: Wanted, native_symbol: str, window: int | None, params: Mapping[str, Any]
) -> requests.CancelRequest:
    """The venue's request. window: the caller's recvWindow, None for the exchange's own."""
    return requests.CancelRequest(
        symbol=native_symbol,
        order_id=wanted.order_id,
        client_order_id=wanted.client_order_id,
        new_client_order_id=_id(params.get("newClientOrderId")),
        recv_window=window,
        extra=on_the_wire(params),
    )


def on_the_wire(params: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's further parameters, without those that are ours or ccxt's, and nothing empty."""
    return {
        key: value
        for key, value in params.items()
        if key not in NOT_FOR_THE_WIRE and value is not None and value != ""
    }


def build_order(exchange: Any, scope: Scope, market: Any, answer: object) -> dict[str, Any]:
    """The venue's answer as ccxt's order. The scope holds what was asked and what was understood."""
    assert scope.asked is not None  # noqa: S101 - an answer came back, so something was asked
    assert scope.verdict is not None  # noqa: S101
    ack = scope.verdict.orders[0] if scope.verdict.orders else responses.CancelAck()
    return order_of(exchange, scope.asked, ack, market, answer)


def order_of(
    exchange: Any,
    asked: requests.ParsedRequest,
    ack: responses.CancelAck,
    market: Any,
    info: object,
) -> dict[str, Any]:
    """One order that the venue named, as ccxt's; info: the untouched answer."""
    return dict(
        exchange.safe_order(unified_order.order_fields(ack, asked, market["symbol"], info), market)
    )


def unified_orders(
    exchange: Any, scope: Scope, markets: Mapping[str, Any], answers: Any
) -> list[dict[str, Any]]:
    """A cancel-all's answer as ccxt's orders; markets: those asked for, by the venue's symbol."""
    assert scope.asked is not None  # noqa: S101 - an answer came back, so something was asked
    assert scope.verdict is not None  # noqa: S101
    nobody = replace(scope.asked, order_ids=(), client_order_ids=())
    orders = []
    for ack, info in zip(scope.verdict.orders, answers, strict=True):
        market = markets.get(ack.symbol or "") or exchange.safe_market(ack.symbol)
        orders.append(order_of(exchange, nobody, ack, market, info))
    return orders


def failed_order(
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
    info = {
        "orderId": _id(order_id),
        "origClientOrderId": _id(client_order_id),
        "outcome": verdict.outcome.value if verdict else "not_sent",
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


def _id(value: object) -> str | None:
    """An id as text. Numbers are taken: some bots keep ids as integers."""
    if value is None or isinstance(value, bool):
        return None
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.strip() or None


def recv_window(exchange_id: str, value: object) -> int | None:
    """The caller's recvWindow in milliseconds, None where none was given.

    Raises BadRequest for one that the venue would refuse.
    """
    if value is None or value == "":
        return None
    try:
        window = int(str(value))
    except ValueError:
        window = -1
    if not 0 < window <= requests.MAX_RECV_WINDOW:
        raise ccxt_errors.BadRequest(
            f"{exchange_id} recvWindow must be a whole number of milliseconds "
            f"from 1 to {requests.MAX_RECV_WINDOW}"
        )
    return window
