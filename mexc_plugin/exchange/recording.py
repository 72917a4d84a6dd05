"""One send on the wire, on record: request before it leaves, response before anyone hears of it.

Written once as coroutines for all colours. In the sync class nothing that is awaited suspends.
"""

import asyncio
import contextlib
import functools
import inspect
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit import events
from mexc_plugin.audit.recorder import Place, Receipt, Recorder
from mexc_plugin.audit.redaction import (
    Redactor,
    account_fingerprint,
    redact_exception,
    signatures,
)
from mexc_plugin.config import AuditSettings
from mexc_plugin.exchange import errors
from mexc_plugin.exchange.context import Attempt, Scope, attempting, scoped
from mexc_plugin.exchange.transport import never_connected
from mexc_plugin.venue.endpoints import Endpoint
from mexc_plugin.venue.requests import read_request
from mexc_plugin.venue.responses import CancelAck
from mexc_plugin.venue.verdict import Verdict, decide, order_outcome

Send = Callable[..., Any]
Put = Callable[[Recorder, dict[str, Any], float], Awaitable[Place]]

log = logging.getLogger("mexc_plugin")


class Unrecorded:
    """The recorder when there is none: every event is lost, which is said, and the cancel goes on."""

    is_down = True
    is_prepared = True

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def commit(self, draft: Mapping[str, Any], deadline: float) -> Place:  # noqa: ARG002
        """As a Recorder's."""
        log.error("audit: an event is lost, nothing can be recorded: %s", self._reason)
        return Place.LOST


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


class Recording:
    """Everything that one attempt needs: who asks, where it is recorded, how this colour waits."""

    def __init__(
        self,
        exchange: Any,
        settings: AuditSettings,
        recorder: Recorder | Unrecorded,
        put: Put,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._recorder = recorder
        self._put = put

    async def send(
        self,
        endpoint: Endpoint,
        send: Send,
        url: str,
        method: str,
        headers: Any,
        body: Any,
    ) -> Any:
        """Record the request, send it, record what came of it, hand that on.

        Raises what ccxt raised, secrets taken out of its texts; ccxt's BadResponse for an answer
        that decides nothing; errors.NotRecorded when on_failure is "refuse" and nothing was sent.
        """
        asked = read_request(endpoint, url, body)
        redactor = self._redactor(url, headers)
        with scoped() as scope:
            scope.attempts += 1
            scope.asked, scope.verdict = asked, None
            path = unquote(urlsplit(url).path)
            attempt = Attempt(asked, scope.attempts, method.upper(), path, redactor)
            common = self._common(scope, attempt, url, method)
            common |= redactor.texts({name: common[name] for name in GIVEN if common[name]})
            common |= redactor.value({name: common[name] for name in GIVEN_LISTS if common[name]})
            request = common | {
                "kind": "request",
                "occurred_ns": time.time_ns(),
                "request": {
                    "method": method,
                    "url": redactor.text(url),
                    "headers": redactor.value(dict(headers or {})),
                    **events.body_fields(body, redactor.text),
                },
            }
            try:
                place = await self.record(request)
                if not scope.forced:
                    self._refuse_unrecorded(place)
                with attempting(attempt):
                    result = await resolve(send(attempt, url, method, headers, body))
                    self._take_unseen(attempt, result)
                self._check(scope, attempt)
            except BaseException as error:
                seen = self._nearest(error, attempt)
                await self._conclude(scope, attempt, common, redactor, seen)
                redact_exception(error, redactor)
                if seen is error:
                    raise
                raise seen from error
            await self._conclude(scope, attempt, common, redactor, None)
            return result

    def _nearest(self, error: BaseException, attempt: Attempt) -> BaseException:
        """What the bot gets: the error itself, or ccxt's for an answer that cannot be decoded."""
        if isinstance(error, LookupError | UnicodeError) and attempt.wired:
            return ccxt_errors.BadResponse(f"{self._exchange.id} the answer cannot be decoded")
        return error

    @staticmethod
    def _take_unseen(attempt: Attempt, result: Any) -> None:
        """A replaced `fetch` may send by its own means: then what it returned is the answer."""
        if attempt.answer is None:
            body = result if isinstance(result, str) else json.dumps(result, default=str)
            attempt.answered(200, body, {})
            attempt.unseen = True

    def _check(self, scope: Scope, attempt: Attempt) -> None:
        """Whatever ccxt let pass: only an answer that the venue documents goes on to the caller."""
        verdict = attempt.verdict()
        assert attempt.answer is not None  # noqa: S101 - taken, or taken from the result
        assert verdict is not None  # noqa: S101
        body, exchange_id = attempt.answer.body, self._exchange.id
        errors.raise_for(verdict, attempt.answer.status, body, exchange_id)
        if verdict.refusal is not None:
            errors.raise_error(ccxt_errors.ExchangeError, exchange_id, body)
        if scope.unified and len(verdict.orders) == 1:
            errors.raise_for_item(verdict.orders[0], exchange_id, body)

    async def _conclude(
        self,
        scope: Scope,
        attempt: Attempt,
        common: dict[str, Any],
        redactor: Redactor,
        error: BaseException | None,
    ) -> None:
        verdict = attempt.verdict() or decide(
            attempt.asked, None, may_have_left=_may_have_left(attempt, error)
        )
        scope.verdict = verdict
        draft = common | response_fields(attempt, verdict, error, redactor)
        if isinstance(error, GeneratorExit):
            # A coroutine that is being closed may not wait for anything but a lock.
            self._recorder.commit(draft, self._deadline)
        else:
            await self.record(draft)

    async def record(self, draft: dict[str, Any]) -> Place:
        """Put one event on record; returns where it is. Raises nothing of the store's."""
        try:
            if isinstance(self._recorder, Unrecorded):
                return self._recorder.commit(draft, self._deadline)
            return await self._put(self._recorder, draft, self._deadline)
        except Exception as error:  # noqa: BLE001 - a recorder that breaks must not stop a cancel
            log.error("audit: an event is lost, it could not be sealed: %s", type(error).__name__)
            return Place.LOST

    @property
    def _deadline(self) -> float:
        return self._settings.deadline_ms / 1000

    def _refuse_unrecorded(self, place: Place) -> None:
        if place is not Place.DATABASE and self._settings.on_failure == "refuse":
            raise errors.NotRecorded(
                f"{self._exchange.id} the cancel was not sent: the audit database cannot be written "
                'and on_failure is "refuse"; see the log, or run: mexc-plugin db check'
            )

    def _redactor(self, url: str, headers: Any) -> Redactor:
        return credentials_redactor(self._exchange).knowing(
            signatures(url, headers if isinstance(headers, dict) else None)
        )

    def _common(self, scope: Scope, attempt: Attempt, url: str, method: str) -> dict[str, Any]:
        asked = attempt.asked
        return {
            "cancel_id": scope.cancel_id,
            "attempt": attempt.number,
            "account": account_fingerprint(self._exchange.apiKey),
            "bot": self._settings.bot,
            "host": _host(),
            "market_type": asked.endpoint.market_type,
            "symbol": scope.symbol or self._unified(asked.symbol),
            "native_symbol": asked.symbol,
            "order_id": _only(asked.order_ids),
            "client_order_id": _only(asked.client_order_ids),
            "cancel_client_order_id": asked.cancel_client_order_id,
            "order_ids": list(asked.order_ids) if len(asked.order_ids) > 1 else None,
            "client_order_ids": (
                list(asked.client_order_ids) if len(asked.client_order_ids) > 1 else None
            ),
            "method": method.upper(),
            "path": urlsplit(url).path,
        }

    def _unified(self, native: str | None) -> str | None:
        markets = (self._exchange.markets_by_id or {}).get(native) if native else None
        found = markets[0] if isinstance(markets, list) and markets else markets
        return found.get("symbol") if isinstance(found, dict) else None


def response_fields(
    attempt: Attempt, verdict: Verdict, error: BaseException | None, redactor: Redactor
) -> dict[str, Any]:
    """The response event's own fields: the outcome, what it rests on, and the raw answer."""
    fields: dict[str, Any] = {
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
            "message": redactor.text(str(error)[: events.MAX_MESSAGE]),
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


def ack_fields(ack: CancelAck, redactor: Redactor) -> dict[str, Any]:
    """What the venue said of one order, by the names of an event."""
    named = {
        "order_id": ack.order_id,
        "client_order_id": ack.client_order_id,
        "cancel_client_order_id": ack.cancel_client_order_id,
        "order_status": ack.status,
        "side": ack.side,
        "type": ack.type,
        "time_in_force": ack.time_in_force,
        "price": ack.price,
        "amount": ack.amount,
        "filled": ack.filled,
        "cost": ack.cost,
        "venue_code": ack.code,
        "venue_message": ack.message,
    }
    return redactor.texts({key: value for key, value in named.items() if value is not None})


def _may_have_left(attempt: Attempt, error: BaseException | None) -> bool:
    if not attempt.began:
        return False
    if not attempt.guarded:
        return True
    return attempt.wired and not never_connected(error)


def _only(values: tuple[str, ...]) -> str | None:
    return values[0] if len(values) == 1 else None


def credentials_redactor(exchange: Any) -> Redactor:
    """The redactor of an exchange's credentials. Total: a credential may be anything."""
    values = (getattr(exchange, name, None) for name in CREDENTIALS)
    return _redactor_for(*(value for value in values if isinstance(value, str | bytes)))


@functools.lru_cache(maxsize=16)
def _redactor_for(*credentials: str | bytes) -> Redactor:
    return Redactor(credentials)  # making one costs more than using it


@functools.cache
def _host() -> str:
    return events.host_name()


async def resolve(value: Any) -> Any:
    """Await what can be awaited: ccxt's sync methods return values, its async ones coroutines."""
    if type(value) in _VALUES:  # the usual ones: to ask whether they can be awaited takes longer
        return value
    return await value if inspect.isawaitable(value) else value


_VALUES = frozenset({dict, list, str})


# -- how each colour waits until an event is durable


async def put_blocking(recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
    """The sync colour's way: this thread waits. Never suspends."""
    return recorder.commit(draft, deadline)


async def put_on_loop(recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
    """The async colours' way: the loop goes on meanwhile.

    A task that is cancelled while it waits still waits to the end, and is cancelled then: what it
    did is on record first.
    """
    loop = asyncio.get_running_loop()
    receipt = recorder.submit(draft, loop)
    interrupted: asyncio.CancelledError | None = None
    late = loop.time() + (0 if recorder.is_down else deadline)
    alarm = loop.call_at(late, _ring, receipt)
    while receipt.place is None and loop.time() < late:
        assert receipt.future is not None  # noqa: S101 - submitted with a loop
        try:
            await receipt.future
        except asyncio.CancelledError as error:
            # The future went with it, and the writer may have it in hand: `late` is soon enough.
            interrupted = error
            receipt.future = loop.create_future()
    alarm.cancel()
    if receipt.place is None:
        rescue = in_own_thread(recorder.rescue, receipt)
        while not rescue.done():
            try:
                await asyncio.shield(rescue)
            except asyncio.CancelledError as error:
                interrupted = error
    if interrupted is not None:
        raise interrupted
    assert receipt.place is not None  # noqa: S101 - rescued at the latest
    return receipt.place


def in_own_thread(function: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
    """Run what blocks in a thread of its own: the loop's pool may be full, or be gone already."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = function(*args)
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    try:
        threading.Thread(target=work, name="mexc-plugin-audit-wait", daemon=True).start()
    except RuntimeError:
        settle(function(*args), None)  # no thread to be had: then this one has to wait
    return done


def _ring(receipt: Receipt) -> None:
    if receipt.future is not None and not receipt.future.done():
        receipt.future.set_result(None)
