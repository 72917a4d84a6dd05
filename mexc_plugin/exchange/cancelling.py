"""cancel_order for spot: build the venue's request, call its endpoint, map its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin import mapping, wire
from mexc_plugin.exchange.attempts import Scope

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
    exchange_id: str, wanted: Wanted, native_symbol: str, params: Mapping[str, Any], default: object
) -> wire.CancelRequest:
    """The venue's request. default: the exchange's own recvWindow.

    Raises BadRequest for a recvWindow that the venue would refuse.
    """
    own = params.get("recvWindow")
    window = _recv_window(exchange_id, default if own is None else own)
    return wire.CancelRequest(
        symbol=native_symbol,
        order_id=wanted.order_id,
        client_order_id=wanted.client_order_id,
        new_client_order_id=_id(params.get("newClientOrderId")),
        recv_window=window,
        extra={
            key: value
            for key, value in params.items()
            if key not in NOT_FOR_THE_WIRE and value is not None and value != ""
        },
    )


def unified_order(exchange: Any, scope: Scope, market: Any, answer: object) -> dict[str, Any]:
    """The venue's answer as ccxt's order. The scope holds what was asked and what was understood."""
    assert scope.asked is not None  # noqa: S101 - an answer came back, so something was asked
    assert scope.verdict is not None  # noqa: S101
    ack = scope.verdict.orders[0] if scope.verdict.orders else wire.CancelAck()
    fields = mapping.order_fields(ack, scope.asked, market["symbol"], answer)
    return dict(exchange.safe_order(fields, market))


def _id(value: object) -> str | None:
    """An id as text. Numbers are taken: some bots keep ids as integers."""
    if value is None or isinstance(value, bool):
        return None
    return str(value).strip() or None


def _recv_window(exchange_id: str, value: object) -> int:
    try:
        window = int(str(value))
    except ValueError:
        window = -1
    if not 0 < window <= wire.MAX_RECV_WINDOW:
        raise ccxt_errors.BadRequest(
            f"{exchange_id} recvWindow must be a whole number of milliseconds "
            f"from 1 to {wire.MAX_RECV_WINDOW}"
        )
    return window
