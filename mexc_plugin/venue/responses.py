"""What the venue answered. Every identifier and decimal stays the text that was received.

Sources: the venue's page for DELETE /api/v3/order and its public API documentation.
"""

from dataclasses import dataclass

from mexc_plugin.venue.endpoints import Answers
from mexc_plugin.venue.json_text import UNREADABLE, parse_json, text
from mexc_plugin.venue.requests import ParsedRequest

SUCCESS_CODES = frozenset({"0", "200"})


@dataclass(frozen=True, slots=True)
class CancelAck:
    """One order that the venue named in an answer. Everything is the venue's text, or None.

    client_order_id is the order's own (`origClientOrderId`), cancel_client_order_id the cancel's
    (`clientOrderId`); time and update_time are milliseconds; code and message stand where the
    venue gives each order of a list its own result.
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """The venue said no: its code as text, and its message."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The venue accepted the request; `orders` are those that it named."""

    orders: tuple[CancelAck, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The answer is none that the venue documents; `reason` says what is wrong with it."""

    reason: str


Reply = Acknowledged | Refusal | Unreadable

# The venue's names and ours. Of two for the same, the first that has a value counts.
_ACK_FIELDS = {
    "orderId": "order_id",
    "order_id": "order_id",
    "symbol": "symbol",
    "price": "price",
    "origQty": "amount",
    "executedQty": "filled",
    "cummulativeQuoteQty": "cost",
    "status": "status",
    "timeInForce": "time_in_force",
    "type": "type",
    "side": "side",
    "time": "time",
    "transactTime": "time",
    "updateTime": "update_time",
    "errorCode": "code",
    "errorMsg": "message",
}


def decode(asked: ParsedRequest, body: str) -> Reply:
    """Read an answer to a cancel. Total: any text gives a Reply.

    A single cancel is acknowledged only by an answer that names the order that was asked for.
    """
    parsed = parse_json(body)
    if parsed is UNREADABLE:
        return Unreadable("the body is not JSON" if body.strip() else "the body is empty")
    refusal = _refusal(parsed)
    if refusal is not None:
        return refusal
    if asked.endpoint.answers is Answers.ENVELOPE:
        return _decode_envelope(parsed)
    if asked.endpoint.answers is Answers.ORDERS:
        reply = _decode_orders(parsed)
    elif _is_bare_success(parsed):
        return Acknowledged()
    else:
        reply = _decode_orders([parsed])
    if isinstance(reply, Acknowledged) and asked.endpoint.one:
        return _check_identity(asked, reply)
    return reply


def read_refusal(body: str) -> Refusal | None:
    """The code and message of an answer, where it has them: also for a 5xx, which decides nothing."""
    parsed = parse_json(body)
    return None if parsed is UNREADABLE else _refusal(parsed)


def _refusal(parsed: object) -> Refusal | None:
    if not isinstance(parsed, dict):
        return None
    code = text(parsed.get("code"))
    if code is None or (code in SUCCESS_CODES and parsed.get("success") is not False):
        return None
    return Refusal(code, text(parsed.get("msg")) or text(parsed.get("message")) or "")


def _is_bare_success(parsed: object) -> bool:
    return (
        isinstance(parsed, dict)
        and text(parsed.get("code")) in SUCCESS_CODES
        and "orderId" not in parsed
    )


def _decode_orders(parsed: object) -> Reply:
    if not isinstance(parsed, list):
        return Unreadable(f"expected orders, got {_kind(parsed)}")
    orders = []
    for item in parsed:
        order = _decode_order(item)
        if order is None:
            return Unreadable(f"expected an order with an orderId, got {_kind(item)}")
        orders.append(order)
    return Acknowledged(tuple(orders))


def _decode_order(item: object) -> CancelAck | None:
    if not isinstance(item, dict):
        return None
    found: dict[str, str | None] = {}
    for key, name in _ACK_FIELDS.items():
        if key in item and name not in found and (value := text(item[key])) is not None:
            found[name] = value
    if "order_id" not in found:
        return None
    own, cancels = text(item.get("origClientOrderId")), text(item.get("clientOrderId"))
    return CancelAck(client_order_id=own, cancel_client_order_id=cancels, **found)


def _decode_envelope(parsed: object) -> Reply:
    if not isinstance(parsed, dict) or not ("code" in parsed or parsed.get("success") is True):
        return Unreadable(f"expected a result with a code, got {_kind(parsed)}")
    data = parsed.get("data")
    items = data if isinstance(data, list) else [data]
    acks = []
    for item in items:
        if isinstance(item, dict):
            ack = _decode_order(item)
            external = text(item.get("externalOid"))
            if ack is not None or external is not None:
                named = {"order_id": ack.order_id} if ack else {}
                acks.append(
                    CancelAck(
                        client_order_id=external,
                        code=text(item.get("errorCode")),
                        message=text(item.get("errorMsg")),
                        symbol=text(item.get("symbol")),
                        **named,
                    )
                )
    return Acknowledged(tuple(acks))


def _check_identity(asked: ParsedRequest, reply: Acknowledged) -> Reply:
    if len(reply.orders) != 1:
        return Unreadable(f"expected one order, got {len(reply.orders)}")
    order = reply.orders[0]
    if asked.order_ids:
        same = order.order_id in asked.order_ids
    elif asked.client_order_ids and order.client_order_id is not None:
        same = order.client_order_id in asked.client_order_ids
    else:
        same = True
    if same and asked.symbol and order.symbol:
        same = _letters(order.symbol) == _letters(asked.symbol)
    return reply if same else Unreadable("the answer is about another order")


def _letters(symbol: str) -> str:
    return symbol.upper().replace("_", "").replace("/", "").replace("-", "")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a value")
