"""The seams of ccxt that every cancel passes, held for all three classes, as coroutines.

The async and pro classes use them as they are. The sync class (`Synchronous`, in `colours`) drives
the same coroutines, whose awaits never suspend there.
"""

import functools
import logging
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mexc_plugin import config, wire
from mexc_plugin.audit.recorder import Place, Recorder
from mexc_plugin.audit.redaction import Redactor, redact_exception
from mexc_plugin.exchange import faults, transport
from mexc_plugin.exchange.attempts import ATTEMPT, LOOKUP, SCOPE, Attempt, attempting, scoped
from mexc_plugin.exchange.recording import Recording, Unrecorded, credentials_redactor, resolve
from mexc_plugin.store import spool_folder
from mexc_plugin.store.recorders import recorder_for


@dataclass(slots=True)
class _Replaced:
    """A request that a replaced `fetch` is serving; when it calls the original, that goes straight on.

    claimed: the original was called for it once. Kept by exchange, method and URL, not by context:
    the replacement may call the original in another thread or task.
    """

    attempt: Attempt | None
    claimed: bool = False


_UNDER_WAY: dict[tuple[int, str, str], _Replaced] = {}


class Audited:
    """Puts every request that cancels on record, whichever of ccxt's methods sent it.

    Settings: `options["audit"]`, see `mexc_plugin.config.AuditSettings`.
    Raises ConfigError when constructed with options that cannot be meant; with a spool folder that is
    named and cannot be written; with no database named, by a user without a home. Where no folder is
    named and the usual one cannot be written, that is a warning in the log: the bot can trade, and a
    cancel is worth more than its record.
    """

    if TYPE_CHECKING:  # the rest is ccxt's class, which comes after this one

        def __getattr__(self, name: str) -> Any: ...

    _own_fetch: Callable[..., Any] | None = None

    def __init__(self, config_: dict[str, Any] | None = None) -> None:
        parent: Any = super()
        parent.__init__(config_ or {})
        transport.quieten()
        object.__setattr__(self, "logger", QuietLogger(self.logger, self._redactor()))
        settings = config.resolve(self.options.get("audit"), defaults=config.DEFAULTS)
        self._audit_settings = settings
        spool_folder.validate(settings.spool)
        recorder = recorder_for(settings.url, settings.spool)
        if self.apiKey:
            # Only who has a key can cancel; making a new database now keeps it out of the first cancel.
            recorder.prepare()

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
        super().__setattr__("_own_fetch", None if ours else value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__("_own_fetch" if name == "fetch" else name)

    async def fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        """ccxt's one way to the wire. A cancel is recorded before it leaves and when it ends."""
        replaced = _UNDER_WAY.get((id(self), method.upper(), url))
        if replaced is not None and not replaced.claimed:
            replaced.claimed = True
            return await self._send(False, replaced.attempt, url, method, headers, body)
        own = self._own_fetch is not None and replaced is None
        endpoint = wire.classify(method, url)
        if endpoint is not None:
            recording = await self._recording()
            send = functools.partial(self._send, own)
            return await recording.send(endpoint, send, url, method, headers, body)
        try:
            return await self._send(own, None, url, method, headers, body)
        except BaseException as error:
            # ccxt puts the signed URL into the texts of its network errors.
            redact_exception(error, self._redactor())
            raise

    async def _send(self, own: bool, attempt: Attempt | None, *request: Any) -> Any:
        """Send a request: by the user's own `fetch` if there is one, else by ccxt's."""
        parent: Any = super()
        with attempting(attempt):
            if not own or self._own_fetch is None:
                if attempt is not None:
                    self._guard_sessions()
                return await resolve(parent.fetch(*request))
            key = (id(self), str(request[1]).upper(), request[0])
            outer = _UNDER_WAY.get(key)
            _UNDER_WAY[key] = _Replaced(attempt)
            try:
                return await resolve(self._own_fetch(*request))
            finally:
                if outer is None:
                    _UNDER_WAY.pop(key, None)
                else:
                    _UNDER_WAY[key] = outer

    async def fetch2(self, *args: Any, **kwargs: Any) -> Any:
        """Every call's way; ccxt's retries within it are attempts of one cancel."""
        parent: Any = super()
        with scoped():
            return await resolve(parent.fetch2(*args, **kwargs))

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, response_headers: Any, *rest: Any
    ) -> Any:
        """The only place where ccxt shows status and body together, in the call that they belong to."""
        attempt, lookup = ATTEMPT.get(), LOOKUP.get()
        if attempt is not None and attempt.is_for(method, url):
            attempt.answered(code, str(rest[0]), response_headers)
        elif attempt is None and lookup is not None:
            lookup.answered(code, str(rest[0]), response_headers)
        parent: Any = super()
        return parent.on_rest_response(code, reason, url, method, response_headers, *rest)

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any
    ) -> Any:
        """The venue's refusals of cancels as the errors that ccxt's manual means."""
        attempt = ATTEMPT.get()
        if attempt is not None and attempt.is_for(method, url):
            if attempt.answer is None:  # an on_rest_response of the user's own kept it to itself
                attempt.answered(code, str(body), headers)
            verdict = attempt.verdict()
            if verdict is not None:
                faults.raise_for(verdict, code, str(body), self.id)
        parent: Any = super()
        return parent.handle_errors(code, reason, url, method, headers, body, *rest)

    def urlencode(self, params: Any = None, *args: Any, **kwargs: Any) -> str:
        """ccxt's `sign` overwrites the caller's recvWindow just before it encodes and signs."""
        parent: Any = super()
        encoded = dict(params or {})
        scope = SCOPE.get()
        if scope is not None and scope.recv_window is not None and "recvWindow" in encoded:
            encoded["recvWindow"] = scope.recv_window
        return str(parent.urlencode(encoded, *args, **kwargs))

    def log(self, *args: Any) -> None:
        """What `verbose` prints, without the key and the signatures that ccxt would print."""
        parent: Any = super()
        redactor = self._redactor()
        parent.log(*(redactor.value(_plain(arg)) for arg in args))

    # -- what the colours differ in

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run what blocks where it blocks no loop; the sync colour just runs it."""
        raise NotImplementedError

    async def _put(self, recorder: Recorder, draft: dict[str, Any], deadline: float) -> Place:
        raise NotImplementedError

    # -- the rest

    def _redactor(self) -> Redactor:
        return credentials_redactor(self)

    async def _recording(self) -> Recording:
        settings = self._audit_settings
        recorder: Recorder | Unrecorded
        try:
            recorder = recorder_for(settings.url, settings.spool)
            if (
                not recorder.is_prepared
            ):  # the key came after construction, or this is a new process
                await self._in_thread(recorder.prepare)
        except Exception as error:  # noqa: BLE001 - what cannot be recorded is lost, and still sent
            recorder = Unrecorded(f"{type(error).__name__}: {error}")
        return Recording(self, settings, recorder, self._put)

    def _guard_sessions(self) -> None:
        """Guard every session that could send; where one cannot be, nothing is proven of a failure."""
        proxied = getattr(self, "socks_proxy_sessions", None) or {}
        sessions = [self.session, *proxied.values()]
        guarded = [transport.guard(session) for session in sessions if session is not None]
        attempt = ATTEMPT.get()
        if attempt is not None:
            attempt.guarded = all(guarded)


class QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """ccxt's logger, without the key and the signatures that it would write at DEBUG."""

    def __init__(self, logger: logging.Logger, redactor: Redactor) -> None:
        super().__init__(logger, {})
        self._redactor = redactor

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """As logging.Logger.log."""
        if self.isEnabledFor(level):
            redacted = [self._redactor.value(_plain(arg)) for arg in args]
            super().log(level, self._redactor.text(str(msg)), *redacted, **kwargs)


def _plain(value: Any) -> Any:
    """Headers of any library as a dict, so that they can be redacted by name."""
    return dict(value.items()) if hasattr(value, "items") else value
