"""What a stored request asked for, and until when it may take effect."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mexc_plugin.venue import endpoints, requests
from mexc_plugin.venue.reconciliation import CLOCK_MARGIN_MS

DEFAULT_RECV_WINDOW = 5_000


@dataclass(frozen=True, slots=True)
class Unresolved:
    """One attempt: what it asked for, and until when (ms since the epoch) it may take effect."""

    cancel_id: str
    attempt: int
    outcome: str
    bot: str | None
    market_type: str | None
    symbol: str | None
    native_symbol: str | None
    asked: requests.ParsedRequest | None
    expires_ms: int

    @property
    def can_be_asked(self) -> bool:
        """Whether one spot order is known that GET /api/v3/order can be asked about."""
        asked = self.asked
        return (
            asked is not None
            and asked.endpoint.market_type == "spot"
            and asked.endpoint.one
            and len(asked.order_ids or asked.client_order_ids) == 1
            and asked.symbol is not None
        )


def parse_unresolved(payload: str, outcome: str) -> Unresolved:
    """Read a stored request. outcome: what the record says of it."""
    document: dict[str, Any] = json.loads(payload)
    request = document.get("request") or {}
    url = str(request.get("url") or "")
    endpoint = endpoints.classify(str(request.get("method") or ""), url)
    sent_ms, window = _validity(url, document["occurred_ns"])
    return Unresolved(
        cancel_id=document["cancel_id"],
        attempt=document["attempt"],
        outcome=outcome,
        bot=document.get("bot"),
        market_type=document.get("market_type"),
        symbol=document.get("symbol"),
        native_symbol=document.get("native_symbol"),
        asked=requests.read_request(endpoint, url, request.get("body")) if endpoint else None,
        expires_ms=sent_ms + window + CLOCK_MARGIN_MS,
    )


def _validity(url: str, occurred_ns: int) -> tuple[int, int]:
    query = parse_qs(urlsplit(url).query)

    def number(name: str, default: int) -> int:
        value = query.get(name, [""])[0]
        return int(value) if value.isdigit() else default

    return number("timestamp", occurred_ns // 1_000_000), number("recvWindow", DEFAULT_RECV_WINDOW)
