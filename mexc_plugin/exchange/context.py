"""What is known of a cancel while it is under way, passed along by context, not by attributes.

ccxt keeps `last_http_response` and the like once for each exchange, so concurrent cancels read each
other's answers; a ContextVar belongs to one task or one thread.
"""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.verdict import HttpAnswer, Verdict, decide


@dataclass(slots=True)
class Scope:
    """One logical cancel: every send on the wire within it is an attempt of the same cancel_id.

    symbol: ccxt's unified symbol; recv_window: what is sent for the caller's, in milliseconds;
    recv_window_asked: the caller's own, where that is another; unified: asked for by cancel_order, so
    that one failed order is an error; otherwise: what ccxt's own method raises for an answer that is not the
    success it looks for; kill_switch: sent at once, even where on_failure is "refuse" and
    it cannot be recorded; reenters: a signal handler or a finaliser asks for it within another call of the same
    exchange, whose session may be in the middle of something; dispatched: handed on towards the wire; was_sent: an attempt of it may have
    left this machine; asked, answer, verdict and retry_after
    (seconds) are the newest attempt's.
    """

    symbol: str | None = None
    recv_window: int | None = None
    recv_window_asked: str | None = None
    unified: bool = False
    otherwise: type[ccxt_errors.BaseError] | None = None
    kill_switch: bool = False
    reenters: bool = False
    cancel_id: str = field(default_factory=uuid7)
    attempts: int = 0
    dispatched: bool = False
    was_sent: bool = False
    asked: ParsedRequest | None = None
    answer: HttpAnswer | None = None
    verdict: Verdict | None = None
    retry_after: float | None = None


_KNOWS_NOTHING = Redactor()


@dataclass(slots=True)
class Attempt:
    """One send on the wire.

    own_fetch: the user's own `fetch` sends it, by whatever means; provable: every way to the wire is
    guarded, so that nothing leaves unseen; armed: ccxt is sending
    it now, what passes a guard is this request; sends: how often it passed one; unsent: how many of
    these were seen to fail before their first byte; unseen: the answer is what a replaced `fetch`
    returned, its HTTP status was not shown.
    """

    asked: ParsedRequest
    number: int
    redactor: Redactor = _KNOWS_NOTHING
    started_ns: int = 0
    answered_ns: int | None = None
    answer: HttpAnswer | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    unseen: bool = False
    began: bool = False
    own_fetch: bool = False
    provable: bool = False
    armed: bool = False
    sends: int = 0
    unsent: int = 0
    _verdict: Verdict | None = None

    @property
    def is_out(self) -> bool:
        """Whether a byte of it may have passed a guard."""
        return self.sends > self.unsent

    @property
    def may_have_left(self) -> bool:
        """False only where it is proven that no byte of it left."""
        return self.began and (self.is_out or not self.provable)

    def begin(self) -> None:
        """The send starts now."""
        self.began = True
        self.started_ns = time.monotonic_ns()

    def note_answer(self, status: int, body: object, headers: object) -> None:
        """The answer was read, whole, now."""
        self.answered_ns = time.monotonic_ns()
        self.answer = HttpAnswer(status, body if isinstance(body, str) else str(body))
        self._verdict = None
        items = headers.items() if hasattr(headers, "items") else ()
        self.response_headers = {str(name): str(value) for name, value in items}

    def verdict(self) -> Verdict | None:
        """What the answer says, decided once; None while there is no answer."""
        if self._verdict is None and self.answer is not None:
            self._verdict = decide(self.asked, self.answer, may_have_left=True)
        return self._verdict

    def latency_us(self) -> int | None:
        """Microseconds from sending to the answer, or to now when there is none; None if not sent."""
        if not self.began:
            return None
        return ((self.answered_ns or time.monotonic_ns()) - self.started_ns) // 1000


@dataclass(slots=True)
class Lookup:
    """A question about an order, asked while reconciling: its raw answer."""

    answer: HttpAnswer | None = None

    def note_answer(self, status: int, body: object, _headers: object) -> None:
        """The answer was read."""
        self.answer = HttpAnswer(status, str(body))


Known = TypeVar("Known")

SCOPE: ContextVar[Scope | None] = ContextVar("mexc_plugin_scope", default=None)
LOOKUP: ContextVar[Lookup | None] = ContextVar("mexc_plugin_lookup", default=None)
ATTEMPT: ContextVar[Attempt | None] = ContextVar("mexc_plugin_attempt", default=None)
SENDING: ContextVar[object | None] = ContextVar("mexc_plugin_sending", default=None)
# The exchange that calls, and for what.
CALLING: ContextVar[tuple[object, Scope] | None] = ContextVar("mexc_plugin_calling", default=None)


class _Entered(Generic[Known]):
    """A variable that has a value within a `with`. Several for each cancel: generators cost more."""

    __slots__ = ("_token", "_value", "_variable")

    def __init__(self, variable: ContextVar[Any], value: Known) -> None:
        self._variable = variable
        self._value = value

    def __enter__(self) -> Known:
        self._token = self._variable.set(self._value)
        return self._value

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)


def scoping(scope: Scope | None = None) -> _Entered[Scope]:
    """Enter a cancel; without an argument, the one that is under way or a new one."""
    return _Entered(SCOPE, scope or SCOPE.get() or Scope())


def calling(exchange: object, scope: Scope) -> _Entered[tuple[object, Scope]]:
    """Enter a call of ccxt's from signing to its last retry."""
    return _Entered(CALLING, (exchange, scope))


def attempting(attempt: Attempt | None) -> _Entered[Attempt | None]:
    """Enter one send on the wire, or with None a request that is no cancel."""
    if attempt is not None and not attempt.began:
        attempt.begin()
    return _Entered(ATTEMPT, attempt)


def looking_up() -> _Entered[Lookup]:
    """Enter a question about an order."""
    return _Entered(LOOKUP, Lookup())


def sending(exchange: object) -> _Entered[object]:
    """Enter an exchange's way to the wire, whatever it sends."""
    return _Entered(SENDING, exchange)
