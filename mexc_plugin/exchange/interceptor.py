"""The seams of ccxt that every cancel passes, held for all three classes, as coroutines.

The async and pro classes use them as they are. The sync class (`Synchronous`, in `sync_async`) drives
the same coroutines, whose awaits never suspend there.
"""

import functools
import logging
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccxt.base.exchange import Exchange

from mexc_plugin import config as settings
from mexc_plugin import misspellings
from mexc_plugin.audit.interrupts import is_from_handler
from mexc_plugin.audit.recorder import Place, Recorder
from mexc_plugin.audit.redaction import Redactor, as_text, redact_exception
from mexc_plugin.exchange.context import (
    ATTEMPT,
    CALLING,
    LOOKUP,
    SCOPE,
    Attempt,
    Scope,
    attempting,
    calling,
    scoping,
    sending,
)
from mexc_plugin.exchange.drafts import redactor_of
from mexc_plugin.exchange.error_classes import settings_of_ccxt
from mexc_plugin.exchange.recording import Recording, Unrecorded, recv_window_of
from mexc_plugin.exchange.redacted_logging import guard_loggers, redact
from mexc_plugin.exchange.transport import own_fetch
from mexc_plugin.exchange.transport.requests_guard import is_written_in
from mexc_plugin.exchange.waiting import resolve
from mexc_plugin.store.write import writer_keys
from mexc_plugin.store.write.recorders import recorder_for
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.venue.endpoints import classify


class Interceptor:
    """Puts every request that cancels on record, whichever of ccxt's methods sent it.

    Settings: `options["audit"]`, see `mexc_plugin.config.AuditSettings`.
    Raises ConfigError when constructed with options that cannot be meant; with a spool folder that is
    named and cannot be written; with no database named, by a user without a home. Where no folder is
    named and the usual one cannot be written, that is a warning in the log: the bot can trade, and a
    cancel is worth more than its record.

    Names of our own begin with `_audit_`: a bot's subclass has names of its own, and ccxt makes an attribute of every
    key of the config.
    """

    if TYPE_CHECKING:  # the rest is ccxt's class, which comes after this one
        logger: Any

        def __getattr__(self, name: str) -> Any: ...

    _audit_own_fetch: Callable[..., Any] | None = None
    _audit_said_once: frozenset[str] = frozenset()

    def __init__(self, config: Any = {}) -> None:  # noqa: B006 - ccxt's own, and never changed
        """As ccxt's. `options["audit"]`: where and how cancels are recorded, see `mexc_plugin.config.AuditSettings`.

        Unlike ccxt's, it raises ConfigError for settings that cannot be meant, and waits for a new database.
        """
        parent: Any = super()
        parent.__init__(config)
        misspellings.warn_once(config, self.options)
        with settings_of_ccxt():
            found = settings.resolve(self.options.get("audit"), defaults=settings.DEFAULTS)
            settings.require_within(found.deadline_ms, recv_window_of(self))
            spool_folder.validate(found.spool)
            writer_keys.load(found.key)
            recorder = recorder_for(*found.place)
        self._audit_settings = found
        if self.apiKey:
            recorder.prepare()  # who has no key cancels nothing; a new database keeps no cancel waiting

    def __setattr__(self, name: str, value: Any) -> None:
        """A `fetch` that the user puts on the instance does the sending; ours goes on recording."""
        if name != "fetch":
            super().__setattr__(name, value)
            return
        ours = (
            isinstance(value, types.MethodType)
            and value.__func__ is type(self).fetch
            and value.__self__ is self
        )
        super().__setattr__("_audit_own_fetch", None if ours else value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__("_audit_own_fetch" if name == "fetch" else name)

    async def fetch(
        self, url: Any, method: Any = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        """ccxt's one way to the wire. Unlike ccxt's, a cancel is recorded before it leaves and when it ends.

        Secrets are taken out of the texts of what it raises, and out of what is logged meanwhile.
        """
        logger = guard_loggers(self.logger)
        if logger is not self.logger:
            self.logger = logger
        with sending(self):
            return await self._audit_fetch(url, method, headers, body)

    _audit_fetch_code = fetch.__code__

    async def _audit_fetch(self, url: Any, method: Any, headers: Any, body: Any) -> Any:
        inside, served = own_fetch.find_served(self, url, method, body)
        if served is not None and not served.claimed:
            served.claimed = True
            return await self._audit_send(False, served.attempt, url, method, headers, body)
        own = self._audit_own_fetch is not None and not inside
        endpoint = classify(as_text(method), as_text(url))
        if endpoint is not None:
            recording = self._audit_recording()
            send = functools.partial(self._audit_send, own)
            return await recording.send(endpoint, send, url, method, headers, body)
        try:
            return await self._audit_send(own, None, url, method, headers, body)
        except BaseException as error:
            # ccxt puts the signed URL into the texts of its network errors.
            redact_exception(error, redactor_of(self, as_text(url), headers))
            raise

    async def _audit_send(self, own: bool, attempt: Attempt | None, *request: Any) -> Any:
        """Send a request: by the user's own `fetch` if there is one, else by ccxt's."""
        with attempting(attempt):
            if not own or self._audit_own_fetch is None:
                return await self._audit_send_as_ccxt(attempt, request)
            url, method, _, body = request
            if attempt is not None:
                attempt.own_fetch = True
            with own_fetch.serving(self, url, method, body, attempt):
                return await resolve(self._audit_own_fetch(*request))

    async def _audit_send_as_ccxt(self, attempt: Attempt | None, request: tuple[Any, ...]) -> Any:
        parent: Any = super()
        if attempt is None:
            return await resolve(parent.fetch(*request))
        attempt.provable = (
            self._audit_guard_sessions()
            and not attempt.own_fetch
            and _fetches_as_we_do(type(self))
            and is_written_in("ccxt", parent.fetch)
        )
        attempt.armed = True
        try:
            return await resolve(parent.fetch(*request))
        finally:
            attempt.armed = False

    async def fetch2(self, *args: Any, **kwargs: Any) -> Any:
        """As ccxt's, which signs, queues and retries. What is sent within one call is attempts of one cancel."""
        parent: Any = super()
        outer, scope = CALLING.get(), SCOPE.get()
        if outer is not None:  # within another one: a signal handler's, or a finaliser's
            if scope is None or scope is outer[1]:
                scope = Scope()  # it is no attempt of what it interrupts
            scope.reenters = outer[0] is self
        with scoping(scope) as scope, calling(self, scope):
            return await resolve(parent.fetch2(*args, **kwargs))

    async def throttle(self, cost: Any = None) -> Any:
        """ccxt's queue for the rate limit. Unlike ccxt's, a kill switch goes past it."""
        parent: Any = super()
        scope = SCOPE.get()
        if scope is not None and scope.kill_switch:
            return None
        return await resolve(parent.throttle(cost))

    def on_rest_response(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        response_headers: Any,
        response_body: Any,
        request_headers: Any,
        request_body: Any,
    ) -> Any:
        """As ccxt's. It is the only place that shows status and body in the call that they belong to: noted here."""
        attempt, lookup = ATTEMPT.get(), LOOKUP.get()
        if attempt is not None:
            attempt.note_answer(code, response_body, response_headers)
        elif lookup is not None:
            lookup.note_answer(code, response_body, response_headers)
        parent: Any = super()
        return parent.on_rest_response(
            code,
            reason,
            url,
            method,
            response_headers,
            response_body,
            request_headers,
            request_body,
        )

    def handle_errors(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Any,
        body: Any,
        response: Any,
        requestHeaders: Any,  # noqa: N803 - ccxt's names
        requestBody: Any,  # noqa: N803
    ) -> Any:
        """As ccxt's. An `on_rest_response` of the user's own may have kept the answer to itself: noted here, too."""
        attempt = ATTEMPT.get()
        if attempt is not None and attempt.answer is None:
            attempt.note_answer(code, body, headers)
        parent: Any = super()
        return parent.handle_errors(
            code, reason, url, method, headers, body, response, requestHeaders, requestBody
        )

    @staticmethod
    def urlencode(params: Any = {}, doseq: Any = False, sort: Any = False) -> str:  # noqa: B006 - ccxt's own
        """As ccxt's, with the caller's recvWindow, which ccxt's `sign` overwrites just before it encodes and signs."""
        scope = SCOPE.get()
        if scope is not None and scope.recv_window is not None and "recvWindow" in params:
            params = {**params, "recvWindow": scope.recv_window}
        encode: Any = Exchange.urlencode
        return str(encode(params, doseq, sort))

    def log(self, *args: Any) -> None:
        """Print what `verbose` shows. Unlike ccxt's, without the key, the signatures and other secrets."""
        parent: Any = super()
        redactor = self._audit_redactor()
        parent.log(*(redact(redactor, arg) for arg in args))

    # -- what sync and async differ in

    async def _audit_in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run what blocks where it blocks no loop; the sync class just runs it."""
        raise NotImplementedError

    async def _audit_put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        raise NotImplementedError

    def _audit_guard(self, session: object) -> bool:
        """Guard one session of the library below; False where nothing is proven of a failure."""
        raise NotImplementedError

    # -- the rest

    def _audit_redactor(self) -> Redactor:
        return redactor_of(self)

    def _audit_recorder(self) -> Recorder | Unrecorded:
        """The writer, or what stands for it: what cannot be recorded is lost, and still sent."""
        try:
            return recorder_for(*self._audit_settings.place)
        except Exception as error:
            if is_from_handler(error):
                raise
            return Unrecorded(f"{type(error).__name__}: {error}")

    def _audit_recording(self) -> Recording:
        return Recording(self, self._audit_settings, self._audit_recorder(), self._audit_put)

    def _audit_guard_sessions(self) -> bool:
        """Guard every session that could send; False where one cannot be: nothing is proven then."""
        proxied = getattr(self, "socks_proxy_sessions", None)
        sessions = [self.session, *(proxied.values() if isinstance(proxied, dict) else ())]
        return all(list(map(self._audit_guard, (each for each in sessions if each is not None))))

    def _audit_say_once(self, message: str, *args: object) -> None:
        """Warn in the log, once for each exchange."""
        if message not in self._audit_said_once:
            self._audit_said_once = self._audit_said_once | {message}
            self._audit_recorder().say(logging.WARNING, message, *args)


def _fetches_as_we_do(kind: Any) -> bool:
    """Whether nobody has put a `fetch` of the bot's own in our place, in a subclass or in our class: it may send by any means."""
    return getattr(kind.fetch, "__code__", None) is kind._audit_fetch_code  # noqa: SLF001 - our own
