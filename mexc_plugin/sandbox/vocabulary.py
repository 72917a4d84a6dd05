"""The closed vocabularies of the sandbox, in MEXC's own words, and how numbers are written."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

Json = Any
"""What ``json.loads`` gives: nothing here looks deeper than one level without checking."""


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The type carries the time in force: MEXC's spot API has no parameter for it."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
    FILL_OR_KILL = "FILL_OR_KILL"
    # Seen in look-ups; nothing says how a client would place one.
    STOP_MARKET_ORDER = "STOP_MARKET_ORDER"


class StpMode(StrEnum):
    """What self-trade prevention does when an order would meet one of its own account."""

    NONE = ""
    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    CANCEL_BOTH = "cancel_both"


STP_CANCEL = "stp_cancel"
"""The ``cancelReason`` of an order that self-trade prevention cancelled."""


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    PARTIALLY_CANCELED = "PARTIALLY_CANCELED"


class AnswerStyle(StrEnum):
    """What ``DELETE /api/v3/order`` answers.

    - ``page``: the fields of the venue's page, in its order, with the status after the cancel.
    - ``page_2026``: the same without ``timeInForce``, which the page's example lost by 2026-04.
    - ``pre_cancel``: the same fields with the status from *before* the cancel (NEW,
      PARTIALLY_FILLED), which is what indirect evidence says that the live venue does.
    - ``short``: symbol, orderId, price, origQty, type and side only, which is also seen.
    """

    PAGE = "page"
    PAGE_2026 = "page_2026"
    PRE_CANCEL = "pre_cancel"
    SHORT = "short"


class IdStyle(StrEnum):
    """How order ids look.

    - ``numeric``: 1, 2, 3 …, a JSON number in answers, as on the venue's page.
    - ``text``: 18 digits in a JSON string.
    - ``prefixed``: ``C02__`` and 21 digits.
    - ``hex``: 32 hexadecimal digits.
    """

    NUMERIC = "numeric"
    TEXT = "text"
    PREFIXED = "prefixed"
    HEX = "hex"


TIME_IN_FORCE = {
    OrderType.LIMIT: "GTC",
    OrderType.LIMIT_MAKER: "GTC",
    OrderType.MARKET: "IOC",
    OrderType.IMMEDIATE_OR_CANCEL: "IOC",
    OrderType.FILL_OR_KILL: "FOK",
    OrderType.STOP_MARKET_ORDER: "GTC",
}

OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
"""The statuses of an order that can still be filled or cancelled."""

AFTER_CANCEL = {
    Status.NEW: Status.CANCELED,
    Status.PARTIALLY_FILLED: Status.PARTIALLY_CANCELED,
}


def plain(value: Decimal) -> str:
    """The shortest text without an exponent: ``0``, ``1000``, ``0.0002``."""
    return format(value.normalize(), "f")


def format_fixed(value: Decimal) -> str:
    """Eight decimals, as in the examples of the venue's page: ``2.00000000``."""
    return format(value, ".8f")


def number(value: Decimal) -> int | float:
    """A JSON number, for the futures answers, which are the only ones that have them."""
    return int(value) if value == value.to_integral_value() else float(value)
