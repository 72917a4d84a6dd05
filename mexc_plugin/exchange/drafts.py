"""The drafts of events: what is put on record of a request, of its response, of a question to the venue.

Nothing here may raise for what a bot gives: what cannot be read is recorded as far as it can be.
"""

import functools
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mexc_plugin.audit import events
from mexc_plugin.audit.interrupts import is_from_handler
from mexc_plugin.audit.redaction import Redactor, account_fingerprint, as_text, sent_secrets
from mexc_plugin.exchange.context import Attempt, Scope
from mexc_plugin.venue.endpoints import Effect
from mexc_plugin.venue.fields import event_fields
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.verdict import Verdict, order_outcome

CREDENTIALS = ("apiKey", "secret", "password", "token", "privateKey")
# The caller's own words, where a key that was put in the wrong place would be.
GIVEN = (
    "symbol",
    "native_symbol",
    "order_id",
    "client_order_id",
    "cancel_client_order_id",
    "path",
)
GIVEN_LISTS = ("order_ids", "client_order_ids")
# Nearly every URL: its path is read off at a tenth of what taking all of it apart costs.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.:-]+(/[!-~]*?)(?=[?#]|\Z)")

Draft = dict[str, Any]


def common_fields(
    exchange: Any, bot: str | None, scope: Scope, attempt: Attempt, url: str, method: str
) -> Draft:
    """What the request and the response of one attempt share."""
    asked, redactor = attempt.asked, attempt.redactor
    fields: Draft = {
        "cancel_id": scope.cancel_id,
        "attempt": attempt.number,
        "account": account_fingerprint(exchange.apiKey),
        "bot": bot,
        "host": host_name(),
        "market_type": asked.endpoint.market_type,
        "symbol": scope.symbol or unified_symbol(exchange, asked.symbol),
        "native_symbol": asked.symbol,
        "order_id": _only(asked.order_ids),
        "client_order_id": _only(asked.client_order_ids),
        "cancel_client_order_id": asked.cancel_client_order_id,
        "order_ids": _several(asked.order_ids),
        "client_order_ids": _several(asked.client_order_ids),
        "method": method.upper(),
        "path": _path(url),
    }
    fields |= redactor.texts({name: fields[name] for name in GIVEN if fields[name]})
    fields |= redactor.value({name: fields[name] for name in GIVEN_LISTS if fields[name]})
    return fields


def request_draft(
    common: Draft, scope: Scope, attempt: Attempt, url: str, method: str, headers: Any, body: Any
) -> Draft:
    """The request as it is sent, secrets replaced."""
    redactor, effect = attempt.redactor, attempt.asked.endpoint.effect
    return common | {
        "kind": "request",
        "occurred_ns": time.time_ns(),
        "effect": None if effect is Effect.CANCELS else effect.value,
        "kill_switch": scope.kill_switch or None,
        "recv_window_asked": scope.recv_window_asked and redactor.text(scope.recv_window_asked),
        "request": {
            "method": method,
            "url": redactor.text(url),
            "headers": redactor.value(headers or {}),
            **events.body_fields(body, redactor.text),
        },
    }


def bare_draft(scope: Scope, attempt: Attempt, problem: Exception) -> Draft:
    """What is left to say of an attempt whose request cannot be described."""
    return {
        "cancel_id": scope.cancel_id,
        "attempt": attempt.number,
        "host": host_name(),
        "market_type": attempt.asked.endpoint.market_type,
        "method": attempt.asked.endpoint.method,
        "undescribed": type(problem).__name__,
    }


def response_draft(
    common: Draft, attempt: Attempt, verdict: Verdict, error: BaseException | None
) -> Draft:
    """The outcome, what it rests on, and the raw answer."""
    redactor = attempt.redactor
    fields: Draft = common | {
        "kind": "response",
        "occurred_ns": time.time_ns(),
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "latency_us": attempt.latency_us(),
    }
    if verdict.refusal is not None:
        fields |= {
            "venue_code": redactor.text(verdict.refusal.code),
            "venue_message": redactor.text(verdict.refusal.message),
        }
    if attempt.answer is not None:
        status = None if attempt.unseen else attempt.answer.status
        fields["http_status"] = status
        fields["response"] = {
            "status": status,
            "headers": redactor.value(attempt.response_headers),
            **events.body_fields(attempt.answer.body, redactor.text),
        }
    if error is not None:
        fields["error_type"] = type(error).__name__
        fields["error"] = {
            "type": type(error).__name__,
            "message": redactor.text(as_text(error)[: events.MAX_MESSAGE]),
        }
    acks = [ack_fields(ack, redactor) for ack in verdict.orders]
    if len(acks) == 1:
        fields |= acks[0]
    elif acks:
        fields["orders"] = [
            ack | {"outcome": order_outcome(order).value}
            for ack, order in zip(acks, verdict.orders, strict=True)
        ]
    return fields


def ack_fields(ack: CancelAck, redactor: Redactor) -> dict[str, str]:
    """What the venue said of one order, by the names of an event."""
    return redactor.texts(event_fields(ack))


def unified_symbol(exchange: Any, native: str | None) -> str | None:
    """ccxt's symbol for the venue's, where the markets are loaded and say so."""
    try:
        found = (exchange.markets_by_id or {}).get(native) if native else None
        market = found[0] if isinstance(found, list) and found else found
        symbol = market.get("symbol") if isinstance(market, Mapping) else None
    except Exception as error:  # bots put their own objects there
        if is_from_handler(error):
            raise
        return None
    return symbol if isinstance(symbol, str) else None


def redactor_of(exchange: Any, url: str = "", headers: Any = None) -> Redactor:
    """The redactor of an exchange's credentials and of what a request carries: its signature, and any other's key. Total."""
    values = [getattr(exchange, name, None) for name in CREDENTIALS]
    known = _redactor_for(*[value for value in values if isinstance(value, (str, bytes))])
    found = sent_secrets(url, headers if isinstance(headers, dict) else None)
    return known.knowing(found) if found else known


@functools.lru_cache(maxsize=16)
def _redactor_for(*credentials: str | bytes) -> Redactor:
    return Redactor(credentials)  # making one costs more than using it


@functools.cache
def host_name() -> str:
    """This machine's name."""
    return events.host_name()


def unseen_request(asked: ParsedRequest) -> ParsedRequest:
    """The same request, naming no order."""
    return ParsedRequest(asked.endpoint, asked.symbol, asked.symbols)


def _path(url: str) -> str:
    if plain := _PLAIN_URL.match(url):
        return plain[1]
    try:
        return urlsplit(url).path
    except ValueError:
        return url.partition("?")[0]


def _only(values: tuple[str, ...]) -> str | None:
    return values[0] if len(values) == 1 else None


def _several(values: tuple[str, ...]) -> list[str] | None:
    return list(values) if len(values) > 1 else None
