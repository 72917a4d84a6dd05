"""Requests that cancel: how one is built, and what one that was sent asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
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


@dataclass(frozen=True, slots=True)
class ParsedRequest:
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
    named = _named(entries, ("symbol", "symbols"))
    cancels = _named(entries, ("newClientOrderId",))
    return ParsedRequest(
        endpoint=endpoint,
        symbol=named[0] if named else None,
        symbols=tuple(part for name in named for part in name.split(",") if part),
        order_ids=_named(entries, _ORDER_ID_KEYS),
        client_order_ids=_named(entries, _CLIENT_ORDER_ID_KEYS),
        cancel_client_order_id=cancels[0] if cancels else None,
    )


_ORDER_ID_KEYS = ("orderId", "order_id", "order_ids", "stopPlanOrderId", "trackOrderId", "id")
_CLIENT_ORDER_ID_KEYS = ("origClientOrderId", "externalOid", "client_order_ids")
# Only the legacy endpoint takes several ids in one text. Elsewhere a comma is part of the id.
_COMMA_SEPARATED = frozenset({"order_ids", "client_order_ids"})


def _named(entries: list[Mapping[str, Any]], keys: tuple[str, ...]) -> tuple[str, ...]:
    """The texts under any of the keys, each once."""
    found: dict[str, None] = {}
    for entry in entries:
        for key in keys:
            if key in entry:
                for value in _split(key, entry[key]):
                    if (known := text(value)) is not None:
                        found[known] = None
    return tuple(found)


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


def _split(key: str, value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return list(value.split(",")) if isinstance(value, str) and key in _COMMA_SEPARATED else [value]
