"""What a caller of ccxt's cancel methods asked for, as the venue's request."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.redaction import as_text
from mexc_plugin.venue import requests

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
# Beyond this a float no longer tells one whole number from the next.
EXACT_FLOATS = 2**53


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller of cancel_order asked for: an order by one of its two ids."""

    order_id: str | None
    client_order_id: str | None

    @classmethod
    def read(cls, exchange_id: str, order_id: object, params: Mapping[str, Any]) -> "Wanted":
        """A client order id in params beats the id, as in ccxt; empty and None are missing."""
        client = read_id(exchange_id, params.get("clientOrderId")) or read_id(
            exchange_id, params.get("origClientOrderId")
        )
        own = None if client else read_id(exchange_id, order_id)
        return cls(own or (None if client else read_id(exchange_id, params.get("orderId"))), client)


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


def build_request(
    exchange_id: str,
    wanted: Wanted,
    native_symbol: str,
    window: int | None,
    params: Mapping[str, Any],
) -> requests.CancelRequest:
    """The venue's request. window: the recvWindow to send, None for the exchange's own."""
    return requests.CancelRequest(
        symbol=native_symbol,
        order_id=wanted.order_id,
        client_order_id=wanted.client_order_id,
        new_client_order_id=read_id(exchange_id, params.get("newClientOrderId")),
        recv_window=window,
        extra=select_for_wire(params),
    )


def select_for_wire(params: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's further parameters, without those that are ours or ccxt's, and nothing empty."""
    return {
        key: value
        for key, value in params.items()
        if key not in NOT_FOR_THE_WIRE and value is not None and value != ""
    }


def read_id(exchange_id: str, value: object) -> str | None:
    """An id as text, None where there is none. Numbers are taken: some bots keep ids as integers, or as floats.

    Raises BadRequest for a float that is too large to say which order it means: it could name another one.
    """
    if type(value) is str:
        return value.strip() or None  # nearly all of them
    if value is None or isinstance(value, bool) or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and abs(value) >= EXACT_FLOATS:
        raise ccxt_errors.BadRequest(
            f"{exchange_id} an order id was given as a float, which is too inexact to name one order; "
            "keep ids as text"
        )
    if isinstance(value, numbers.Number) and (whole := _whole(value)) is not None:
        return str(whole)
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.strip() or None


def as_whole(value: Any) -> Any:
    """An id for ccxt's own methods: a whole float as the integer that it means, all else untouched."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(value: Any) -> int | None:
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return whole if whole == value else None


def read_recv_window(value: object) -> tuple[int | None, str | None]:
    """What to send for the caller's recvWindow, in milliseconds, and the caller's own where that is another.

    None to send: the exchange's own, as where no window was given. The venue takes 1 to 60000.
    """
    if value is None or value == "":
        return None, None
    asked = as_text(value)
    try:
        window = float(asked)
        sent = min(int(window), requests.MAX_RECV_WINDOW)
    except (ValueError, OverflowError):
        return None, asked
    if sent < 1:
        return None, asked
    return sent, None if window == sent else asked
