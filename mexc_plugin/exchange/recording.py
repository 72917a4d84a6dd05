"""One send on the wire, on record: request before it leaves, response before anyone hears of it.

Written once as coroutines for sync and async. In the sync class nothing that is awaited suspends.

    interceptor.fetch ── Recording.send ── request draft ── record ── ccxt's fetch ── response draft ── record ── bot

Whatever fails in describing a cancel, it is sent all the same; whatever fails in recording one, the failure
policy decides (`on_failure`).
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.interrupts import is_from_handler, suppress_own
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.audit.recorder import Place, Recorder
from mexc_plugin.audit.redaction import as_text, redact_exception
from mexc_plugin.config import AuditSettings
from mexc_plugin.exchange import drafts, error_classes
from mexc_plugin.exchange.context import SCOPE, Attempt, Scope, attempting, scoping
from mexc_plugin.exchange.transport.requests_guard import NOT_FOLLOWED
from mexc_plugin.exchange.waiting import put_only, resolve
from mexc_plugin.venue.endpoints import Endpoint
from mexc_plugin.venue.requests import ParsedRequest, read_request
from mexc_plugin.venue.verdict import HttpAnswer, Verdict, decide

Send = Callable[..., Any]
Put = Callable[[Recorder, dict[str, Any], float], Awaitable[Place]]

DEFAULT_RECV_WINDOW = 5_000
# Of an attempt's budget, what a later event has in any case.
LEAST_SHARE = 0.15
LOST_ANSWER = "its own answer was lost; what the bot got came from another request"

log = logging.getLogger("mexc_plugin")


class Unrecorded:
    """The recorder when there is none: every event is lost, which is said, and the cancel goes on."""

    def __init__(self, reason: str) -> None:
        self.say(logging.ERROR, "audit: events are lost, nothing can be recorded: %s", reason)

    def say(self, level: int, message: str, *args: object) -> None:
        """Write to the log, here: there is no thread for it."""
        with suppress_own():  # the log's handlers are the bot's
            log.log(level, message, *args)


class Recording:
    """Everything that one attempt needs: who asks, where it is recorded, how this class waits."""

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
        self._spent = 0.0

    async def send(
        self, endpoint: Endpoint, send: Send, url: Any, method: Any, headers: Any, body: Any
    ) -> Any:
        """Record the request, send it, record what came of it, hand that on.

        Raises what ccxt raised, or a class that is it too, secrets taken out of the texts; BadResponse for an
        answer that decides nothing; NotRecorded when on_failure is "refuse" and nothing was sent.
        """
        with scoping() as scope:
            scope.attempts += 1
            attempt, common, request = self._describe(scope, endpoint, url, method, headers, body)
            scope.asked, scope.answer, scope.verdict = attempt.asked, None, None
            result, plain = None, None
            try:
                place = await self.record(request)
                if not scope.kill_switch:
                    self._refuse_unrecorded(place)
                with attempting(attempt):
                    result = await resolve(send(attempt, url, method, headers, body))
            except BaseException as error:  # noqa: BLE001 - raised again, below
                plain = error
            verdict = self._judge(scope, attempt, result, plain)
            scope.was_sent = scope.was_sent or verdict.outcome is not Outcome.NOT_SENT
            seen = self._choose_error(scope, attempt, plain)
            await self._conclude(attempt, common, verdict, seen)
            if seen is None:
                return result
            redact_exception(seen, attempt.redactor)
            if plain is None or seen is plain:
                raise seen
            redact_exception(plain, attempt.redactor)
            raise seen from plain

    def _describe(
        self, scope: Scope, endpoint: Endpoint, url: Any, method: Any, headers: Any, body: Any
    ) -> tuple[Attempt, dict[str, Any], dict[str, Any]]:
        """The attempt, and what is recorded of it. Never raises: a cancel that is odd is sent all the same."""
        address, verb = as_text(url), as_text(method)
        attempt = Attempt(ParsedRequest(endpoint), scope.attempts)
        try:
            attempt.redactor = drafts.redactor_of(self._exchange, address, headers)
            attempt.asked = read_request(endpoint, address, body)
            common = drafts.common_fields(
                self._exchange, self._settings.bot, scope, attempt, address, verb
            )
            request = drafts.request_draft(common, scope, attempt, address, verb, headers, body)
        except Exception as problem:
            if is_from_handler(problem):
                raise
            self._say("a request cannot be described in full", problem)
            common = drafts.bare_draft(scope, attempt, problem)
            request = common | {"kind": "request", "occurred_ns": time.time_ns()}
        return attempt, common, request

    def _judge(
        self, scope: Scope, attempt: Attempt, result: Any, plain: BaseException | None
    ) -> Verdict:
        """What is known of the attempt now; the scope keeps it for whoever asked."""
        scope.retry_after = _retry_after(attempt.response_headers)
        if plain is None and attempt.answer is None:
            shown = self._take_unseen(attempt, result)
            if attempt.answer is None:
                if scope.attempts == attempt.number:
                    scope.verdict = decide(attempt.asked, shown, may_have_left=True)
                return Verdict(Outcome.UNKNOWN, reason=LOST_ANSWER)
        verdict = attempt.verdict() or decide(
            attempt.asked, None, may_have_left=attempt.may_have_left
        )
        scope.verdict, scope.asked, scope.answer = verdict, attempt.asked, attempt.answer
        return verdict

    def _choose_error(
        self, scope: Scope, attempt: Attempt, plain: BaseException | None
    ) -> BaseException | None:
        """What the bot gets; None where the result goes on to it."""
        if attempt.is_out and _cannot_be_decoded(plain):
            return error_classes.BadResponse(f"{self._exchange.id} the answer cannot be decoded")
        verdict = attempt.verdict()
        if verdict is None or attempt.answer is None:
            return plain
        if plain is not None and not isinstance(plain, ccxt_errors.BaseError):
            return plain
        return error_classes.choose_error(
            verdict,
            attempt.answer,
            plain,
            exchange_id=self._exchange.id,
            unified=scope.unified,
            otherwise=scope.otherwise,
            followed=300 <= attempt.answer.status < 400
            and bool(attempt.response_headers.get(NOT_FOLLOWED)),
        )

    @staticmethod
    def _take_unseen(attempt: Attempt, result: Any) -> HttpAnswer:
        """A replaced `fetch` may send by its own means: then what it returned is the answer."""
        body = result if isinstance(result, str) else _as_json(result)
        if not (attempt.own_fetch and attempt.is_out):
            attempt.note_answer(200, body, {})
            attempt.unseen = True
        return HttpAnswer(200, body)

    async def _conclude(
        self,
        attempt: Attempt,
        common: dict[str, Any],
        verdict: Verdict,
        error: BaseException | None,
    ) -> None:
        try:
            draft = drafts.response_draft(common, attempt, verdict, error)
        except Exception as problem:
            if is_from_handler(problem):
                raise
            self._say("an answer cannot be described in full", problem)
            draft = common | {
                "kind": "response",
                "occurred_ns": time.time_ns(),
                "outcome": verdict.outcome.value,
            }
        await self.record(draft, put_only if isinstance(error, GeneratorExit) else None)

    async def record(self, draft: dict[str, Any], put: Put | None = None) -> Place:
        """Put one event on record; returns where it is. Raises nothing of the store's.

        The events of one attempt share one budget, of which the first leaves the others some.
        put: how to wait, where it is not as this class does.
        """
        if isinstance(self._recorder, Unrecorded):
            return Place.LOST
        try:
            budget, began = self._budget, time.monotonic()
            try:
                left = max(budget * (1 - LEAST_SHARE) - self._spent, budget * LEAST_SHARE)
                return await (put or self._put)(self._recorder, draft, left)
            finally:
                self._spent += time.monotonic() - began
        except Exception as error:
            if is_from_handler(error):
                raise
            self._say("an event is lost, it could not be handed over", error)
            return Place.LOST

    def _say(self, message: str, problem: Exception) -> None:
        """Write to the log, in the recorder's thread."""
        name = type(problem).__name__  # its text may hold what it is about
        self._recorder.say(logging.ERROR, "audit: %s: %s", message, name)

    @property
    def _budget(self) -> float:
        """Seconds that one event may delay a cancel: never more than half of what the venue accepts as delay."""
        scope = SCOPE.get()
        window_ms = (scope and scope.recv_window) or recv_window_of(self._exchange)
        return min(self._settings.deadline_ms, window_ms / 2) / 1000

    def _refuse_unrecorded(self, place: Place) -> None:
        if place is not Place.DATABASE and self._settings.on_failure == "refuse":
            raise error_classes.NotRecorded(
                f"{self._exchange.id} the cancel was not sent: the audit database cannot be written "
                'and on_failure is "refuse"; see the log, or run: mexc-plugin db check'
            )


def _cannot_be_decoded(error: BaseException | None) -> bool:
    """Whether it is what Python's decoders of characters and of JSON raise and ccxt lets through.

    A LookupError of an odd charset is just that: a KeyError comes from a hook of the bot's own.
    """
    return type(error) is LookupError or isinstance(error, UnicodeError | RecursionError)


def recv_window_of(exchange: Any) -> float:
    """The exchange's own recvWindow in milliseconds, the venue's default where it is none."""
    try:
        window = float(exchange.options.get("recvWindow"))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return DEFAULT_RECV_WINDOW
    return window if window > 0 else DEFAULT_RECV_WINDOW


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the venue asks to wait, from a number or a date; None where it says nothing."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _as_json(result: object) -> str:
    """What a replaced `fetch` returned, as the venue would have sent it. Total: else what it says of itself."""
    try:
        return json.dumps(result, default=as_text)
    except (TypeError, ValueError, RecursionError):  # an odd key, a circle, a depth
        return as_text(result)
