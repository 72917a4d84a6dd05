"""From MEXC's words to ccxt's: the fields of a unified order. Pure; imports no ccxt.

Decimals are handed on as the venue's text; ccxt's own `safe_order` turns them into numbers and
derives `average` and `remaining`. What the venue did not say stays None.
Source of ccxt's structure: https://docs.ccxt.com/#/README?id=order-structure
"""

from typing import Any

from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest

SIDES = {"BUY": "buy", "SELL": "sell"}

# MEXC's type carries the time in force: type -> (ccxt's type, time in force, post only)
TYPES: dict[str, tuple[str, str | None, bool]] = {
    "LIMIT": ("limit", "GTC", False),
    "MARKET": ("market", "IOC", False),
    "LIMIT_MAKER": ("limit", "PO", True),
    "IMMEDIATE_OR_CANCEL": ("limit", "IOC", False),
    "FILL_OR_KILL": ("limit", "FOK", False),
}

# An acknowledged cancel has cancelled, unless the order had ended by itself.
ENDED_STATUSES = {"FILLED": "closed", "EXPIRED": "expired", "REJECTED": "rejected"}

_LAST_MILLISECOND = 253_402_300_799_999  # the end of the year 9999


def order_status(status: str | None) -> str:
    """ccxt's status of an order whose cancel was acknowledged with the venue's status."""
    return ENDED_STATUSES.get(status or "", "canceled")


def order_fields(
    ack: CancelAck, asked: ParsedRequest, symbol: str | None, info: object
) -> dict[str, Any]:
    """The order structure for ccxt's `safe_order`: text for decimals, milliseconds for times.

    ack: what the venue named, empty where it only acknowledged; asked: fills in the identifiers
    that were sent; symbol: ccxt's unified symbol; info: the untouched answer.
    """
    order_type, time_in_force, post_only = _type(ack)
    timestamp = _milliseconds(ack.time)
    return {
        "id": ack.order_id or _first(asked.order_ids),
        "clientOrderId": ack.client_order_id or _first(asked.client_order_ids),
        "timestamp": timestamp,
        "lastTradeTimestamp": None,
        "lastUpdateTimestamp": _milliseconds(ack.update_time),
        "status": order_status(ack.status),
        "symbol": symbol,
        "type": order_type,
        "timeInForce": time_in_force,
        "postOnly": post_only,
        "reduceOnly": None,
        "side": SIDES.get(ack.side, ack.side) if ack.side else None,
        "price": ack.price,
        "triggerPrice": None,
        "amount": ack.amount,
        "filled": ack.filled,
        "remaining": None,
        "cost": ack.cost,
        "average": None,
        "fee": None,
        "trades": None,
        "info": info,
    }


def _type(ack: CancelAck) -> tuple[str | None, str | None, bool | None]:
    if ack.type is None:
        return None, ack.time_in_force, None
    if ack.type not in TYPES:
        return ack.type, ack.time_in_force, None
    order_type, implied, post_only = TYPES[ack.type]
    # LIMIT says nothing of its own: there the answer's own word counts.
    own = ack.time_in_force if ack.type in ("LIMIT", "MARKET") else None
    return order_type, own or implied, post_only


def _milliseconds(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit():
        return None
    # MEXC writes 0 where it has no time.
    return int(value) if 0 < int(value[:16]) <= _LAST_MILLISECOND and len(value) <= 15 else None


def _first(values: tuple[str, ...]) -> str | None:
    return values[0] if values else None
