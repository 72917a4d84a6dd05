"""Requests that cancel: how one is built, and what one that was sent asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from mexc_plugin.venue.endpoints import Endpoint
from mexc_plugin.venue.json_text import UNREADABLE, parse_json, text

MAX_RECV_WINDOW = 60_000


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


class ParsedRequest(NamedTuple):
    """What a cancelling request asked for, read back from the URL and body that were sent.

    symbol: the first of those named, in the venue's spelling; symbols: all of them.
    """

    endpoint: Endpoint
    symbol: str | None = None
    symbols: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    cancel_client_order_id: str | None = None


def read_request(endpoint: Endpoint, url: str, body: object = None) -> ParsedRequest:
    """Read what was asked. Total: what cannot be read is left out, the raw request is on record too."""
    entries = [_parameters(_query(url)), *_body_entries(body)]
    found: tuple[dict[str, None], ...] = {}, {}, {}, {}  # of each kind the texts, each once
    for entry in entries:
        for key, kind in _KEYS.items():
            if key in entry:
                for value in _split(key, entry[key]):
                    if (known := text(value)) is not None:
                        found[kind][known] = None
    symbols, order_ids, client_order_ids, cancels = found
    return ParsedRequest(
        endpoint=endpoint,
        symbol=next(iter(symbols), None),
        symbols=tuple([part for name in symbols for part in name.split(",") if part]),
        order_ids=tuple(order_ids),
        client_order_ids=tuple(client_order_ids),
        cancel_client_order_id=next(iter(cancels), None),
    )


_SYMBOLS, _ORDER_IDS, _CLIENT_ORDER_IDS, _CANCELS = range(4)
_KEYS = {
    **dict.fromkeys(("symbol", "symbols"), _SYMBOLS),
    **dict.fromkeys(("orderId", "order_id", "order_ids"), _ORDER_IDS),
    **dict.fromkeys(("stopPlanOrderId", "trackOrderId", "id"), _ORDER_IDS),
    **dict.fromkeys(("origClientOrderId", "externalOid", "client_order_ids"), _CLIENT_ORDER_IDS),
    "newClientOrderId": _CANCELS,
}
# Only the legacy endpoint takes several ids in one text. Elsewhere a comma is part of the id.
_COMMA_SEPARATED = frozenset({"order_ids", "client_order_ids"})


def _query(url: str) -> str:
    if "#" not in url and url.isprintable():
        return url.partition("?")[2]  # nearly all of them, at a tenth of the cost
    try:
        return urlsplit(url).query
    except ValueError:  # a broken IPv6 address
        return url.partition("?")[2]


def _parameters(query: str) -> Mapping[str, str]:
    """The parameters of a query that have a value; of several with one name the last."""
    if "%" in query or "+" in query:
        return dict(parse_qsl(query))
    pairs = [pair.partition("=") for pair in query.split("&")]
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


def _split(key: str, value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return list(value.split(",")) if isinstance(value, str) and key in _COMMA_SEPARATED else [value]
