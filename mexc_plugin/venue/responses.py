"""What the venue answered to a cancel. Every identifier and decimal stays the text that was received.

An answer acknowledges only in plain words, and only what was asked for. Whatever contradicts itself, names another
order or holds a quantity that cannot be is `Unreadable`, and so the outcome is unknown.

Sources: the venue's page for DELETE /api/v3/order, its public API documentation, and recorded answers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mexc_plugin.venue.endpoints import Answers, Effect
from mexc_plugin.venue.identity import CancelAck, find_mismatch, names_all
from mexc_plugin.venue.json_text import UNREADABLE, parse_json, text
from mexc_plugin.venue.requests import ParsedRequest

SUCCESS_CODES = frozenset({"0", "200"})
# What the venue says where nothing went wrong. Without a Language header its futures answer in Chinese.
SUCCESS_WORDS = frozenset({"success", "ok", "成功", "操作成功"})


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
    """The answer is none that the venue documents. reason: why; says_success: it speaks of an order or
    of success all the same.
    """

    reason: str
    says_success: bool = False


Reply = Acknowledged | Refusal | Unreadable

# The venue's names and ours. Of two for the same, the first that has a value counts.
_ACK_FIELDS = {
    "orderId": "order_id",
    "order_id": "order_id",
    "symbol": "symbol",
    "price": "price",
    "origQty": "amount",
    "Qty": "amount",
    "executedQty": "filled",
    "cummulativeQuoteQty": "cost",
    "status": "status",
    "timeInForce": "time_in_force",
    "type": "type",
    "side": "side",
    "time": "time",
    "transactTime": "time",
    "updateTime": "update_time",
    "cancelReason": "cancel_reason",
    "stpMode": "stp_mode",
    "origClientOrderId": "client_order_id",
    "clientOrderId": "cancel_client_order_id",
}
_QUANTITIES = ("price", "amount", "filled", "cost")
_QUANTITY = re.compile(r"\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)
_CODE = re.compile(r"-?\d{1,10}", re.ASCII)
_MESSAGES = ("msg", "message", "error", "errorMsg")
_SAYS_MORE = frozenset({"errorCode", *_MESSAGES})


class _NotReadable(Exception):
    """Raised within this module where an answer turns out to be none."""


def decode(asked: ParsedRequest, body: str) -> Reply:
    """Read an answer to a cancel. Total: any text gives a Reply."""
    parsed = parse_json(body)
    if parsed is UNREADABLE:
        return Unreadable("the body is not JSON" if body.strip() else "the body is empty")
    try:
        return _read_refusal(parsed) or _read_acknowledgement(asked, parsed)
    except _NotReadable as problem:
        return Unreadable(str(problem), _says_success(parsed))


def read_refusal(body: str) -> Refusal | None:
    """The code and message of an answer, where it has them: also for a 5xx, which decides nothing."""
    parsed = parse_json(body)
    code = text(parsed.get("code")) if isinstance(parsed, dict) else None
    return None if code is None or code in SUCCESS_CODES else Refusal(code, _message(parsed))


def _message(parsed: Mapping[str, Any]) -> str:
    """An answer's message. Some of the venue's errors put it into `data`."""
    named = text(parsed.get("msg")) or text(parsed.get("message"))
    data = parsed.get("data")
    return named or (data if isinstance(data, str) else "")


def _read_refusal(parsed: object) -> Refusal | None:
    """A refusal in plain words; None for what may be an acknowledgement."""
    if not isinstance(parsed, dict):
        return None
    success = parsed.get("success")
    if success not in (None, True, False):
        raise _NotReadable("success is neither true nor false")
    code = _read_code(parsed, "code")
    if code is None or code in SUCCESS_CODES:
        if success is False:
            raise _NotReadable("it says that it failed, without a code that says why")
        return None
    if _says_success(parsed):
        raise _NotReadable(f"it says both success and code {code}")
    return Refusal(code, _message(parsed))


def _read_code(item: Mapping[str, Any], key: str) -> str | None:
    """A code of the venue's as text, None where it gives none."""
    code = text(item.get(key))
    if key in item and (code is None or not _CODE.fullmatch(code)):
        raise _NotReadable(f"the {key} is no code")
    return code


def _says_success(parsed: object) -> bool:
    """Whether any part of an answer is as in one that acknowledges."""
    if _names_order(parsed) or not isinstance(parsed, dict):
        return _names_order(parsed)
    code = text(parsed.get("code"))
    return parsed.get("success") is True or code in SUCCESS_CODES or _is_success(_message(parsed))


def _names_order(parsed: object) -> bool:
    data = parsed.get("data") if isinstance(parsed, dict) else parsed
    items = [parsed, *(data if isinstance(data, list) else [data])]
    return any(isinstance(item, dict) and "orderId" in item for item in items)


def _read_acknowledgement(asked: ParsedRequest, parsed: object) -> Acknowledged:
    endpoint = asked.endpoint
    if endpoint.answers is Answers.ENVELOPE:
        orders = _read_envelope(asked, parsed)
    elif endpoint.answers is Answers.ORDERS:
        if not isinstance(parsed, list):
            raise _NotReadable(f"expected orders, got {_kind(parsed)}")
        orders = [_read_order(item) for item in parsed]
    else:
        orders = [_read_order(parsed)]
    if endpoint.one and endpoint.answers is Answers.ORDERS and len(orders) != 1:
        raise _NotReadable(f"expected one order, got {len(orders)}")
    mismatch = find_mismatch(asked, orders)
    if mismatch is not None:
        raise _NotReadable(mismatch)
    return Acknowledged(tuple(orders))


def _read_order(item: object) -> CancelAck:
    if not isinstance(item, dict) or text(item.get("orderId")) is None:
        raise _NotReadable(f"expected an order with an orderId, got {_kind(item)}")
    _read_refusal(item)  # in a list, each may say of itself that it failed
    if not _SAYS_MORE.isdisjoint(item):  # hardly ever
        _check_message(item)
    ack = CancelAck(**_fields(item, _ACK_FIELDS))
    _check_quantities(ack)
    return ack


def _fields(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in names.items():
        if key in item and name not in found and (value := _scalar(item, key)) is not None:
            found[name] = value
    return found


def _scalar(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    if value is None or type(value) is str:
        return value or None  # nearly all of them
    if isinstance(value, bool | list | dict):
        raise _NotReadable(f"{key} is {_kind(value)}")
    return text(value)


def _check_message(item: Mapping[str, Any]) -> None:
    """An error's text or code beside what looks like a success is a contradiction."""
    if _read_code(item, "errorCode") not in (None, *SUCCESS_CODES):
        raise _NotReadable("it says success, and an error's code beside it")
    for name in _MESSAGES:
        words = _scalar(item, name)
        if words is not None and not _is_success(words):
            raise _NotReadable("it says success, and an error's message beside it")


def _is_success(words: str) -> bool:
    return words.strip().lower() in SUCCESS_WORDS


def _check_quantities(ack: CancelAck) -> None:
    for name in _QUANTITIES:
        value = getattr(ack, name)
        if value is not None and not _QUANTITY.fullmatch(value):
            raise _NotReadable(f"the order's {name} is no quantity that can be")
    if ack.filled and ack.amount and Decimal(ack.filled) > Decimal(ack.amount):
        raise _NotReadable("more was executed than was ordered")


def _read_envelope(asked: ParsedRequest, parsed: object) -> list[CancelAck]:
    if not isinstance(parsed, dict) or not ("code" in parsed or parsed.get("success") is True):
        raise _NotReadable(f"expected a result with a code, got {_kind(parsed)}")
    _check_message(parsed)
    data = parsed.get("data")
    if data is False:
        raise _NotReadable("its data says that it failed")
    items = data if isinstance(data, list) else [data]
    if asked.endpoint.effect is not Effect.CANCELS:
        for item in items:
            if isinstance(item, dict):
                _check_message(item)
        return []  # what it names is the order that takes the place of the one asked for
    above = [_read_item({"orderId": parsed["orderId"]})] if "orderId" in parsed else []
    if data is None or data is True or (isinstance(data, str) and data and _is_success(data)):
        return above
    results = above + _read_results(asked, data, items)
    if not names_all(asked, results):
        raise _NotReadable("it does not say what became of every order")
    return results


def _read_results(asked: ParsedRequest, data: object, items: list[Any]) -> list[CancelAck]:
    if not data:
        return []
    if isinstance(data, dict) and "orderId" not in data and "externalOid" not in data:
        return [_read_word(asked, name, word) for name, word in data.items()]
    return [_read_item(item) for item in items]


def _read_item(item: object) -> CancelAck:
    """One order's own result: `{"orderId", "errorCode", "errorMsg"}`, or the legacy `{"order_id", "msg"}`."""
    if not isinstance(item, dict):
        raise _NotReadable(f"expected the result of an order, got {_kind(item)}")
    order_id = _scalar(item, "orderId") or _scalar(item, "order_id")
    external = _scalar(item, "externalOid") or _scalar(item, "client_order_id")
    if order_id is None and external is None:
        raise _NotReadable("a result names no order")
    if _read_refusal(item) is not None:
        raise _NotReadable("a result says that it failed, where results do not say it")
    code = _read_code(item, "errorCode")
    message = _scalar(item, "errorMsg") or _scalar(item, "msg")
    succeeded = message is None or _is_success(message)
    if code is not None and message is not None and succeeded != (code == "0"):
        raise _NotReadable("a result says success in the one word and failure in the other")
    return CancelAck(
        order_id=order_id,
        client_order_id=external,
        code="0" if code is None and succeeded else code,
        message=message,
        symbol=_scalar(item, "symbol"),
    )


def _read_word(asked: ParsedRequest, name: str, word: object) -> CancelAck:
    """Legacy v2: the id that was asked for is the name, and its result one word."""
    if not isinstance(word, str) or not word:
        raise _NotReadable(f"expected a word for an order, got {_kind(word)}")
    code = "0" if _is_success(word) else None
    named = "client_order_id" if asked.client_order_ids else "order_id"
    return CancelAck(**{named: name}, code=code, message=word)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a value")
