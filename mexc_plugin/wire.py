"""MEXC's words: which requests cancel orders, what they ask for, and what the venue answered.

Pure: values in, values out, nothing sent. Every identifier and decimal stays the text that was
received. Sources: the venue's page for DELETE /api/v3/order and its public API documentation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_RECV_WINDOW = 60_000
SUCCESS_CODES = frozenset({"0", "200"})


class Answers(Enum):
    """The shape in which an endpoint acknowledges a cancel."""

    ORDER = "one order as an object"
    ORDERS = "an array of orders"
    ENVELOPE = "an envelope with a code, perhaps with a result for each order"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to cancel: HTTP method, the last segments of the path, and what comes back."""

    method: str
    path: str
    market_type: str
    answers: Answers
    one: bool


ENDPOINTS = (
    Endpoint("DELETE", "order", "spot", Answers.ORDER, one=True),
    Endpoint("DELETE", "openOrders", "spot", Answers.ORDERS, one=False),
    Endpoint("DELETE", "order/all", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "margin/order", "margin", Answers.ORDERS, one=True),
    Endpoint("DELETE", "margin/openOrders", "margin", Answers.ORDERS, one=False),
    Endpoint("DELETE", "order/cancel", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "order/cancel_by_symbol", "spot", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel_with_external", "swap", Answers.ENVELOPE, one=True),
    Endpoint("POST", "order/batch_cancel_with_external", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "planorder/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "planorder/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "stoporder/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "stoporder/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "trackorder/cancel", "swap", Answers.ENVELOPE, one=False),
)

# DELETE (or "delete" by name), and yet no order is cancelled: not on record.
NO_CANCEL = frozenset(
    {
        ("DELETE", "userDataStream"),
        ("DELETE", "capital/withdraw"),
        ("DELETE", "strategy/group"),
        ("DELETE", "strategy/group/uid"),
        ("DELETE", "sub-account/apiKey"),
        ("DELETE", "asset/withdraw"),
        ("POST", "market_maker/self_trade/blacklist/delete"),
    }
)


def _by_last_segment() -> dict[tuple[str, str], list[tuple[tuple[str, ...], Endpoint]]]:
    """The endpoints by method and last segment of the path, the longest path first."""
    table: dict[tuple[str, str], list[tuple[tuple[str, ...], Endpoint]]] = {}
    for endpoint in sorted(ENDPOINTS, key=lambda endpoint: -endpoint.path.count("/")):
        segments = tuple(endpoint.path.lower().split("/"))
        table.setdefault((endpoint.method, segments[-1]), []).append((segments, endpoint))
    return table


_CANDIDATES = _by_last_segment()


def classify(method: str, url: str) -> Endpoint | None:
    """The cancelling endpoint that this request calls, or None.

    No spelling hides a cancel that a client or a server may fold: case, percent escapes, doubled
    and trailing slashes, dot segments, path parameters, a URL within the query of a proxy's.
    """
    verb = method.upper()
    if verb not in _METHODS:
        return None
    plain = unquote(url)
    for address in _ADDRESS.split(plain)[1:] or [plain]:
        segments = _segments(address)
        for tail, endpoint in _CANDIDATES.get((verb, segments[-1] if segments else ""), ()):
            if segments[-len(tail) :] == tail:
                return endpoint
    return None


_METHODS = frozenset(endpoint.method for endpoint in ENDPOINTS)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


def _segments(address: str) -> tuple[str, ...]:
    """The path of an address without its scheme, folded."""
    path = re.split(r"[?#]", address, maxsplit=1)[0].lower()
    found: list[str] = []
    for raw in path.split("/"):
        part = raw.partition(";")[0].strip()
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """DELETE /api/v3/order: `symbol`, and one of `order_id` and `client_order_id`.

    new_client_order_id names the cancel itself; recv_window is in milliseconds, at most 60000;
    extra holds further parameters of the venue, sent as they are.
    """

    symbol: str
    order_id: str | None = None
    client_order_id: str | None = None
    new_client_order_id: str | None = None
    recv_window: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> dict[str, Any]:
        """The parameters to be signed: never None, never empty."""
        named = {
            "symbol": self.symbol,
            "orderId": self.order_id,
            "origClientOrderId": self.client_order_id,
            "newClientOrderId": self.new_client_order_id,
            "recvWindow": self.recv_window,
        }
        return {
            key: value
            for key, value in (named | dict(self.extra)).items()
            if value is not None and value != ""
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cancelling request asked for, read back from the URL and body that were sent."""

    endpoint: Endpoint
    symbol: str | None = None
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    cancel_client_order_id: str | None = None


def read_request(endpoint: Endpoint, url: str, body: object = None) -> Asked:
    """Read what was asked. Total: what cannot be read is left out, the raw request is on record too."""
    entries = [_parameters(urlsplit(url).query), *_body_entries(body)]
    symbols = _named(entries, ("symbol", "symbols"))
    cancels = _named(entries, ("newClientOrderId",))
    return Asked(
        endpoint=endpoint,
        symbol=symbols[0] if symbols else None,
        order_ids=_named(entries, _ORDER_ID_KEYS, listed=True),
        client_order_ids=_named(entries, _CLIENT_ORDER_ID_KEYS, listed=True),
        cancel_client_order_id=cancels[0] if cancels else None,
    )


_ORDER_ID_KEYS = ("orderId", "order_id", "order_ids", "stopPlanOrderId", "trackOrderId", "id")
_CLIENT_ORDER_ID_KEYS = ("origClientOrderId", "externalOid", "client_order_ids")


def _named(
    entries: list[Mapping[str, Any]], keys: tuple[str, ...], *, listed: bool = False
) -> tuple[str, ...]:
    """The texts under any of the keys, each once; listed: lists and comma-separated texts too."""
    found: dict[str, None] = {}
    for entry in entries:
        for key in keys:
            if key in entry:
                for value in _split(entry[key]) if listed else (entry[key],):
                    if (known := text(value)) is not None:
                        found[known] = None
    return tuple(found)


def _parameters(query: str) -> Mapping[str, str]:
    """The parameters of a query that have a value; of several with one name the last."""
    if "%" in query or "+" in query:
        return dict(parse_qsl(query))
    pairs = (pair.partition("=") for pair in query.split("&"))
    return {name: value for name, _, value in pairs if value}


def _body_entries(body: object) -> list[Mapping[str, Any]]:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str) or not body.strip():
        return []
    parsed = parse_json(body)
    if parsed is UNREADABLE:
        return [dict(parse_qsl(body))]
    items = parsed if isinstance(parsed, list) else [parsed]
    return [item if isinstance(item, dict) else {"orderId": item} for item in items]


def _split(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return list(value.split(",")) if isinstance(value, str) else [value]


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

UNREADABLE = object()
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

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


def parse_json(body: str) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON with every number kept as text, or return UNREADABLE."""
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError):
        return UNREADABLE


def text(value: object) -> str | None:
    """A venue's scalar as text; None for null, booleans, containers and the empty string."""
    if type(value) is str:
        return value or None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return None
    return str(value)


def decode(asked: Asked, body: str) -> Reply:
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


def _check_identity(asked: Asked, reply: Acknowledged) -> Reply:
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
